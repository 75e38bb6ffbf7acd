"""Who may be asked: the addresses of a name, each judged before it is connected to."""

from __future__ import annotations

import ipaddress
import socket
import threading
from collections.abc import Callable, Iterable
from typing import Final, TypeAlias

from quarterdeck.http.faults import Fault, HttpError
from quarterdeck.http.limits import Deadline, Limits
from quarterdeck.truth.addresses import Address, is_in, unwrapped

Resolve: TypeAlias = Callable[[str, int], Iterable[str]]

NOBODY: Final = tuple(
    ipaddress.ip_network(each)
    for each in (
        *("0.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4", "100.100.100.200/32", "192.0.0.192/32"),
        *("::/128", "fe80::/10", "ff00::/8", "fd00:ec2::254/128"),
    )
)
"""Nobody, link-local and multicast addresses, and those under which clouds tell a machine its own secrets."""


def is_allowed(address: Address) -> bool:
    """Whether an address may be connected to."""
    plain = unwrapped(address)
    return not is_in(plain, NOBODY)


def system_resolve(host: str, port: int) -> list[str]:
    """Ask the system for the addresses of a name; it also knows odd ways to write a number."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(place[0]).partition("%")[0] for *_, place in found]


def resolved(host: str, port: int, resolve: Resolve, deadline: Deadline, limits: Limits) -> list[Address]:
    """Return the addresses of a host that may be connected to, in the order of the system."""
    found = _answers_of(host, port, resolve, deadline.left(limits.connect_s))
    addresses = list(dict.fromkeys(ipaddress.ip_address(each) for each in found))
    allowed = [each for each in addresses if is_allowed(each)]
    if addresses and not allowed:
        raise HttpError(Fault.FORBIDDEN, "its address is link-local, or another that no service of yours has")
    if not allowed:
        raise HttpError(Fault.UNRESOLVED, "its name leads to no address")
    return allowed


def _answers_of(host: str, port: int, resolve: Resolve, limit_s: float) -> list[str]:
    """Ask for a name in a thread of its own: the system's resolver cannot be told to hurry."""
    heard: list[list[str] | OSError | UnicodeError] = []

    def ask() -> None:
        try:
            heard.append(list(resolve(host, port)))
        except (OSError, UnicodeError) as error:
            heard.append(error)

    thread = threading.Thread(target=ask, name="resolve", daemon=True)
    thread.start()
    thread.join(limit_s)
    if not heard:
        raise HttpError(Fault.UNRESOLVED, f"its name could not be looked up within {limit_s:.1f} s")
    if isinstance(heard[0], Exception):
        raise HttpError(Fault.UNRESOLVED, "its name could not be looked up")
    return heard[0]
