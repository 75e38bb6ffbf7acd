"""Which ways lead from beyond this machine to what should be private.

Rule 1: a way is followed from where connections come in, over everything that passes them on, to what is protected.
        Every hop counts, not only the first: a proxy before a proxy is a way.
Rule 2: nothing on the way is taken for a wall. Host names, paths, logins and lists of addresses can be got wrong in
        places that are not read here; a way is a way.
Rule 3: only loopback, a unix socket and an address that is proven to be the tailnet's are private. Everything else is
        exposed, also an address that nobody can place.
Rule 4: what cannot be followed to its end (a name that may be this machine, a part that is not understood) is a doubt
        and is told as one: it is neither a way nor none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, NamedTuple

from quarterdeck.truth.addresses import Scope, parsed, scope_of
from quarterdeck.truth.shapes import Chain

INTERNET: Final = "internet"
"""Where a tunnel or a funnel takes connections: everywhere."""
FAR_HOST: Final = "far-host"
"""Where a tunnel to another machine takes them: on that machine, which decides for whom."""
TAILNET: Final = "tailnet"
"""Where the tailnet's own daemon takes them: from the tailnet."""
SOMEWHERE: Final = "somewhere"
"""Where something takes them that does not say where."""
EVERYWHERE: Final = "*"
"""An upstream that can be anything that listens here."""
UNIX: Final = "unix:"
INSIDE: Final = "container"
"""The host of an upstream that is a port inside a container: ``container:9119``."""
HOPS: Final = 6

PRIVATE: Final = frozenset({Scope.LOOPBACK, Scope.TAILNET})
LOCALHOST: Final = "localhost"
LOCAL_NAMES: Final = frozenset({LOCALHOST, "ip6-localhost", "localhost.localdomain", "host.docker.internal", ""})


class Sure(IntEnum):
    """How well a hop is known to lead on."""

    NOT = 0
    MAYBE = 1
    YES = 2


class Place(NamedTuple):
    """Host and port, as they stand in ``127.0.0.1:9119`` and ``[::1]:9119``; a port of 0 is one nobody could read."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Route:
    """What passes connections on, as one witness tells it."""

    by: str
    entry: str
    upstreams: tuple[str, ...]
    unread: tuple[str, ...] = ()
    open: bool | None = True
    """Whether connections are taken; None where only a listener at its entry can tell."""


@dataclass(frozen=True, slots=True)
class Target:
    """What is protected: the ports and sockets that lead to it."""

    ports: frozenset[int]
    sockets: frozenset[str] = frozenset()
    inside: frozenset[int] = frozenset()
    """Ports of it inside any container."""


@dataclass(frozen=True, slots=True)
class World:
    """What is known of a machine's ways in."""

    listening: tuple[str, ...] | None
    """Addresses beyond loopback on which anything listens; None when nobody could say."""
    routes: tuple[Route, ...]
    own: frozenset[str] = frozenset()
    """Addresses and names of this machine."""
    tailnet: frozenset[str] = frozenset()
    """Those of its addresses that are proven to be the tailnet's."""


class Ways(NamedTuple):
    """The ways to one target."""

    exposed: tuple[Chain, ...]
    doubted: tuple[Chain, ...]
    private: tuple[Chain, ...]


def ways(target: Target, world: World) -> Ways:
    """Follow every way in to a target."""
    found: dict[Chain, tuple[bool, Sure]] = {}
    for chain, sure in (*_direct(target, world), *_passed_on(target, world)):
        found.setdefault(chain, (is_private(chain[0], world), sure))
    return Ways(
        tuple(chain for chain, (private, sure) in found.items() if not private and sure is Sure.YES),
        tuple(chain for chain, (private, sure) in found.items() if not private and sure is Sure.MAYBE),
        tuple(chain for chain, (private, _) in found.items() if private),
    )


def is_private(entry: str, world: World) -> bool:
    """Whether only this machine and its tailnet can come in here."""
    if entry == TAILNET or entry.startswith(UNIX):
        return True
    host = place_of(entry).host
    return host == LOCALHOST or scope_of(host, world.tailnet) in PRIVATE


def place_of(address: str) -> Place:
    """Take host and port apart; an address without a readable port has port 0."""
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdecimal() or (":" in host and not host.startswith("[")):
        return Place(address, 0)
    return Place(host.lower(), int(port))


def _direct(target: Target, world: World) -> Iterator[tuple[Chain, Sure]]:
    """What is protected listens there itself."""
    for address in world.listening or ():
        if place_of(address).port in target.ports:
            yield (address,), Sure.YES


def _passed_on(target: Target, world: World) -> Iterator[tuple[Chain, Sure]]:
    for route in world.routes:
        if _is_open(route, world):
            best = Sure.MAYBE if route.entry == SOMEWHERE else Sure.YES
            for chain, sure in _from(route, target, world, (route,)):
                yield (route.entry, *chain), min(best, sure)


def _is_open(route: Route, world: World) -> bool:
    """Whether connections come in: by its own word, else by a listener's; when nobody can say, they may."""
    if route.open is not None or world.listening is None or is_private(route.entry, world):
        return route.open is not False
    port = place_of(route.entry).port
    return port == 0 or any(place_of(each).port == port for each in world.listening)


def _from(route: Route, target: Target, world: World, path: tuple[Route, ...]) -> Iterator[tuple[Chain, Sure]]:
    """Follow a route to its ends."""
    for part in route.unread:
        yield (route.by, part), Sure.MAYBE
    for upstream in route.upstreams:
        if (sure := _hits(upstream, target, world)) is not Sure.NOT:
            yield (route.by, upstream), sure
        if len(path) == HOPS:
            yield (route.by, upstream, SOMEWHERE), Sure.MAYBE
            continue
        for following in world.routes:
            if following not in path and (sure := _leads_into(upstream, following.entry, world)) is not Sure.NOT:
                for chain, further in _from(following, target, world, (*path, following)):
                    yield (route.by, upstream, *chain), min(sure, further)


def _hits(upstream: str, target: Target, world: World) -> Sure:
    """Whether an upstream is what is protected."""
    if upstream == EVERYWHERE:
        return Sure.YES
    if upstream.startswith(UNIX):
        return Sure.YES if upstream.removeprefix(UNIX) in target.sockets else Sure.NOT
    place = place_of(upstream)
    if place.host == INSIDE:
        return Sure.YES if place.port in target.inside else Sure.NOT
    if place.port == 0:
        return Sure.MAYBE
    if place.port not in target.ports:
        return Sure.NOT
    return Sure.YES if _is_here(place.host, world) else Sure.MAYBE


def _leads_into(upstream: str, entry: str, world: World) -> Sure:
    """Whether what is passed on to ``upstream`` comes in at ``entry``."""
    if upstream.startswith(UNIX) or entry.startswith(UNIX):
        return Sure.YES if upstream == entry else Sure.NOT
    there, here = place_of(upstream), place_of(entry)
    if upstream == EVERYWHERE:
        return Sure.YES
    if there.port == 0 or there.port != here.port or there.host == INSIDE:
        return Sure.NOT
    return Sure.YES if _is_here(there.host, world) else Sure.MAYBE


def _is_here(host: str, world: World) -> bool:
    """Whether a host is surely this machine; one that is not may be it all the same."""
    if host in LOCAL_NAMES or host in world.own:
        return True
    address = parsed(host)
    if address is None:
        return False
    return scope_of(host) in (Scope.LOOPBACK, Scope.ANY) or any(parsed(each) == address for each in world.own)


def ports_of(addresses: Iterable[str]) -> frozenset[int]:
    """Return the ports of some addresses."""
    return frozenset(place_of(each).port for each in addresses) - {0}
