"""What the settings ask of the hub's unit: whom it may talk to, what it is handed, where it writes and listens.

Rule 1: nobody may be talked to but those the settings name. An address stands in the unit; a name cannot, because a
        unit takes addresses only: it is told to whoever installs the unit, so that it is not missing in silence.
Rule 2: the tailnet's addresses are let through only where the settings serve the tailnet, or ask somebody in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from quarterdeck.settings import Settings
from quarterdeck.settings.sign_in import TAILNET_NAMES
from quarterdeck.truth.addresses import TAILNET_RANGES, Scope, is_tailnet_range, parsed, scope_of

LOCALHOST: Final = "localhost"


class Peer(NamedTuple):
    """Somebody the settings name, whom the hub has to reach."""

    host: str
    why: str
    """The table of the settings that names them."""


class Reach(NamedTuple):
    """What the unit of the hub must allow beside what it always does."""

    config: Path | None = None
    tailscaled: bool = False
    """Whether the tailnet's daemon is needed."""
    tailnet: bool = False
    """Whether addresses of the tailnet are talked to."""
    addresses: tuple[str, ...] = ()
    names: tuple[Peer, ...] = ()
    """Peers whose addresses nobody wrote down."""
    secrets: tuple[Path, ...] = ()
    """Files that only their owner reads, handed over by the service manager."""
    files: tuple[Path, ...] = ()
    """Files that are written."""
    socket: Path | None = None
    servers_database: bool = False
    """Whether something is kept in the database of a server."""


NOBODY: Final = Reach()
"""What a hub without settings needs."""


def reach_of(settings: Settings) -> Reach:
    """Read out of the settings what the unit must allow."""
    peers = tuple(_peers(settings))
    addresses = {peer: parsed(peer.host) for peer in peers}
    far = [peer for peer in peers if not _is_here(peer.host)]
    in_tailnet = [peer for peer in far if _is_tailnets(peer.host)]
    outside = [peer for peer in far if peer not in in_tailnet]
    places = (settings.history.place, settings.ledger.place)
    return Reach(
        config=settings.file,
        tailscaled=settings.server.tailnet or settings.server.socket is not None,
        tailnet=settings.server.tailnet or bool(in_tailnet),
        addresses=tuple(dict.fromkeys(str(addresses[peer]) for peer in outside if addresses[peer] is not None)),
        names=tuple(dict.fromkeys(peer for peer in outside if addresses[peer] is None)),
        secrets=tuple(_secrets(settings)),
        files=tuple(place for place in places if isinstance(place, Path)),
        socket=settings.server.socket,
        servers_database=any(isinstance(place, str) for place in places),
    )


def _secrets(settings: Settings) -> Iterator[Path]:
    if settings.access.forge is not None and settings.access.forge.client_secret_file is not None:
        yield settings.access.forge.client_secret_file
    for forge in settings.forges:
        yield from (Path(file) for file in (forge.token_file, forge.bell_file) if file is not None)


def _peers(settings: Settings) -> Iterator[Peer]:
    for service in settings.services:
        where = service.url or (f"//{service.address}" if service.address else None)
        if where and service.deployed:
            yield from _peer(where, f"[[services]] {service.id}")
    for forge in settings.forges:
        yield from _peer(forge.url, f"[[forges]] {forge.id}")
    access = settings.access
    if access.forge is not None:
        yield from _peer(access.forge.url, "[access.forge]")
    if access.bearer is not None:
        yield from _peer(access.bearer.keys, "[access.bearer]")
    for name, place in (("[history]", settings.history.place), ("[ledger]", settings.ledger.place)):
        if isinstance(place, str):
            yield from _peer(place, name)
    for repository in settings.repositories:
        if repository.confirm:
            yield Peer(f"the remote {repository.remote}", f"[[repositories]] {repository.id}")


def _peer(address: str, why: str) -> Iterator[Peer]:
    host = urlsplit(address).hostname
    if host:
        yield Peer(host, why)


def _is_here(host: str) -> bool:
    return host == LOCALHOST or host.endswith(f".{LOCALHOST}") or scope_of(host) is Scope.LOOPBACK


def _is_tailnets(host: str) -> bool:
    number = parsed(host)
    return host.endswith(TAILNET_NAMES) if number is None else is_tailnet_range(number)


def tailnet_ranges() -> Iterable[str]:
    """Return the addresses out of which a tailnet gives its machines theirs."""
    return map(str, TAILNET_RANGES)
