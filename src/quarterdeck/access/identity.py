"""Who is asking: where a connection comes from, who a witness says that somebody is, and what that is worth here.

Rule 1: nobody is somebody by default. Whoever cannot be told is a stranger, and a stranger may do nothing.
Rule 2: a witness says who somebody is, and only the operator's rules say what they may do. The same name from two
        witnesses is two names.
Rule 3: where a connection comes from is what the kernel says of it; what a request says of its own way here is not
        heard, except from the one program that is proven to have brought it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Protocol


class Way(StrEnum):
    """How a connection came in."""

    LOOPBACK = "loopback"
    TAILNET = "tailnet"
    """To an address that is proven to be the tailnet's."""
    SERVE = "serve"
    """Through ``tailscale serve``, to our unix socket."""


class Peer:
    """The other end of one connection."""

    __slots__ = ("acts", "address", "known", "port", "uid", "way")

    def __init__(self, way: Way, address: str = "", port: int = 0, uid: int | None = None) -> None:
        self.way, self.address, self.port = way, address, port
        """The raw address and port; empty and 0 on a unix socket."""
        self.uid = uid
        """Under which user the process at the other end runs, where the kernel says so: on this machine."""
        self.known = False
        """Whether anybody was recognised on this connection."""
        self.acts = False
        """Whether somebody was who may act."""

    def recognised(self, person: Person) -> None:
        """Note that somebody was recognised on this connection."""
        self.known, self.acts = True, self.acts or person.role is Role.OPERATOR

    def __repr__(self) -> str:
        return f"Peer({self.way}, {self.address or self.uid})"


UNTOLD: Final = -1
"""Stands for the user of whom the kernel says nothing. It is nobody else."""


def bound_to(peer: Peer | None) -> int | None:
    """Return the user to whose programs a session is bound that begins on a connection; None for nobody's alone.

    Where the kernel says nothing it is bound to those of whom it says nothing either, and not left open to all.
    """
    if peer is None or peer.way is not Way.LOOPBACK:
        return None
    return UNTOLD if peer.uid is None else peer.uid


class Role(StrEnum):
    """What somebody is here."""

    GUEST = "guest"
    """Has shown a one-time token and nothing else: may use it."""
    VIEWER = "viewer"
    OPERATOR = "operator"


class Permission(StrEnum):
    """What a route asks of whoever comes."""

    ARRIVE = "arrive"
    """Nothing: it is how a stranger comes to be sent to where they can say who they are."""
    RING = "ring"
    """A right signature over what is sent: it is a program that says only that something happened."""
    ENTER = "enter"
    """A token that has not been used."""
    LOOK = "look"
    """To see what is shown, and to end what is one's own."""
    ACT = "act"
    """To change something."""


ALLOWED: Final[Mapping[Role, frozenset[Permission]]] = MappingProxyType(
    {
        Role.GUEST: frozenset({Permission.ENTER}),
        Role.VIEWER: frozenset({Permission.ARRIVE, Permission.ENTER, Permission.LOOK}),
        Role.OPERATOR: frozenset(Permission) - {Permission.RING},
    }
)


@dataclass(frozen=True, slots=True)
class Claim:
    """Who a witness says that somebody is."""

    how: str
    """The witness: ``tailnet``, ``forge``, ``bearer``, or ``local`` for who owns this installation."""
    login: str
    """What the witness calls them, and never anybody else."""
    name: str = ""
    """What people call them."""
    groups: frozenset[str] = frozenset()
    capabilities: frozenset[str] = frozenset()
    """What the tailnet's policy grants them, by full name."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who was recognised, and what they may do."""

    how: str
    login: str
    role: Role
    name: str = ""
    instances: frozenset[str] | None = None
    """The only instances they may see; None for all."""
    session: int | None = None
    """The session by which they were recognised, where it was by one."""

    def may(self, permission: Permission) -> bool:
        """Whether they may use a route that asks for this."""
        return permission in ALLOWED[self.role]


class Doorman(Protocol):
    """Recognises people. Whatever goes wrong, nobody is recognised."""

    def remembered(self, peer: Peer, said: Mapping[bytes, bytes], query: bytes) -> Person | None:
        """Return who was recognised by the same words on the same way some seconds ago; None where that is over."""

    async def ask(self, peer: Peer, said: Mapping[bytes, bytes], query: bytes) -> Person | None:
        """Find out who it is; None for a stranger."""
