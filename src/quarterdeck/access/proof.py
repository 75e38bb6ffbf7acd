"""Which addresses of this machine are the tailnet's: proven, or not served.

Rule 1: an address is proven when the tailnet's daemon says that it is ours, while it is connected, and the kernel has
        it on a tunnel and nowhere else. Nobody else is asked, and neither of the two is believed alone.
Rule 2: every doubt is an error. What was proven a moment ago is proven anew each time.
Rule 3: where the kernel has no IPv6 at all, the daemon's IPv6 address is nobody's; it is left out, not believed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final

import msgspec

from quarterdeck.access import interfaces as kernel
from quarterdeck.access.interfaces import Interface, Interfaces
from quarterdeck.access.localapi import GOOD, LIMITS, LOOK, DaemonError, ask, understood
from quarterdeck.errors import QuarterdeckError
from quarterdeck.http import Limits
from quarterdeck.truth.addresses import Address, is_tailnet_range, parsed

STATUS: Final = "/localapi/v0/status?peers=false"
RUNNING: Final = "Running"
NOT_CONNECTED: Final = {
    "NeedsLogin": "it is logged out",
    "NeedsMachineAuth": "this machine waits for approval",
    "Stopped": "it is stopped",
    "Starting": "it is only starting",
    "NoState": "it is only starting",
}
CONNECT: Final = "Run `tailscale up`. It is served as soon as that is proven."
TUNNEL: Final = "Let the daemon run with a tunnel of the kernel, without `--tun=userspace-networking`."
LABEL: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
HOST_NAME: Final = re.compile(rf"{LABEL}(?:\.{LABEL})*")
NAME_LIMIT: Final = 253


class TrustError(QuarterdeckError):
    """It is not proven which addresses are the tailnet's: then none is."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What was proven."""

    addresses: tuple[str, ...]
    """The addresses of this machine on the tailnet, at least one."""
    name: str
    """Its full name there; empty where the tailnet gives no names."""
    daemon_uid: int
    """Under which user the daemon runs: the only one that may bring somebody over our unix socket."""


class _Self(msgspec.Struct):
    addresses: list[str] | None = msgspec.field(default=None, name="TailscaleIPs")
    name: str = msgspec.field(default="", name="DNSName")
    expired: bool = msgspec.field(default=False, name="Expired")


class _Status(msgspec.Struct):
    state: str = msgspec.field(name="BackendState")
    tun: bool = msgspec.field(name="TUN")
    own: _Self = msgspec.field(name="Self")


def prove(place: PurePath, *, limits: Limits = LIMITS, interfaces: Interfaces = kernel.interfaces) -> Proof:
    """Prove which addresses are the tailnet's, by the daemon whose socket this is and by the kernel.

    Raises:
        TrustError: when there is any doubt.
    """
    try:
        status, uid = _status(place, limits)
    except DaemonError as error:
        raise TrustError(error.what, error.fix) from None
    addresses = _said(status)
    try:
        ours = interfaces()
    except (OSError, ValueError):
        raise TrustError("The kernel does not tell which addresses this machine has", LOOK) from None
    return Proof(_proven(addresses, ours), _name(status.own.name), uid)


def _status(place: PurePath, limits: Limits) -> tuple[_Status, int]:
    answer = ask(place, STATUS, limits)
    if answer.status != GOOD or answer.uid is None:
        raise DaemonError("The tailnet's daemon does not say how it is", LOOK)
    return understood(answer.body, _Status), answer.uid


def _said(status: _Status) -> list[Address]:
    """Return the addresses that the daemon says are ours."""
    if status.state != RUNNING:
        why = NOT_CONNECTED.get(status.state, "it is in a state that this release does not know")
        raise TrustError(f"The tailnet's daemon is not connected: {why}", CONNECT)
    if status.own.expired:
        raise TrustError("This machine's key for the tailnet has expired", "Run `tailscale up --force-reauth`.")
    if not status.tun:
        raise TrustError("The tailnet's daemon has no tunnel of the kernel, so no address is provably its own", TUNNEL)
    found = [parsed(each) for each in status.own.addresses or ()]
    addresses = [each for each in found if each is not None and is_tailnet_range(each)]
    if not addresses or len(addresses) != len(found):
        raise TrustError("The tailnet's daemon names no address, or one that is not a tailnet's", LOOK)
    return addresses


def _proven(addresses: Iterable[Address], ours: tuple[Interface, ...]) -> tuple[str, ...]:
    """Return those that the kernel has on a tunnel alone."""
    tunnels: dict[Address, list[bool]] = {}
    for each in ours:
        if (address := parsed(each.address)) is not None:
            tunnels.setdefault(address, []).append(each.tunnel)
    versions = {address.version for address in tunnels}
    proven = [address for address in addresses if address.version in versions]
    if not proven or any(address not in tunnels for address in proven):
        raise TrustError("The kernel does not have the address that the tailnet's daemon names", LOOK)
    if not all(all(tunnels[address]) for address in proven):
        what = "The address that the tailnet's daemon names is on an interface that is no tunnel"
        raise TrustError(what, "Take it from that interface: `ip address` shows which it is.")
    return tuple(map(str, proven))


def _name(said: str) -> str:
    name = said.removesuffix(".").lower()
    if name and (len(name) > NAME_LIMIT or HOST_NAME.fullmatch(name) is None):
        raise TrustError("The tailnet's daemon says a name that cannot be one", LOOK)
    return name
