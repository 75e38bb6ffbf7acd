"""A door for tests that are not about the door: whoever comes on a given way is the person that was named."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

from quarterdeck.access.identity import Peer, Person, Role, Way

OPERATOR = Person("local", "me", Role.OPERATOR)
VIEWER = Person("local", "guest", Role.VIEWER)

Scope = MutableMapping[str, Any]
Application = Callable[[Scope, Any, Any], Awaitable[None]]


@dataclass(slots=True)
class FakeDoorman:
    """Recognises everybody as one person, or nobody."""

    person: Person | None = OPERATOR
    asked: int = 0

    def remembered(self, peer: Peer, said: Mapping[bytes, bytes], query: bytes) -> Person | None:
        """The person."""
        return self.person

    async def ask(self, peer: Peer, said: Mapping[bytes, bytes], query: bytes) -> Person | None:
        """The person, counted."""
        self.asked += 1
        return self.person


def let_in(application: Application, person: Person = OPERATOR) -> Application:
    """Return an application as it is behind a guard that lets one person in."""

    async def let(scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await _begin_and_end(receive, send)
            return
        scope.setdefault("state", {})["person"] = person
        await application(scope, receive, send)

    return let


def came_by(application: Application, way: Way = Way.LOOPBACK, address: str = "127.0.0.1") -> Application:
    """Return an application to which all requests come on a connection of one kind."""

    async def come(scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            scope.setdefault("state", {})["peer"] = Peer(way, address, 40_000)
        await application(scope, receive, send)

    return come


async def _begin_and_end(receive: Any, send: Any) -> None:
    """Say that what is asked for at the start and at the end is done."""
    kind = ""
    while kind != "lifespan.shutdown":
        kind = (await receive())["type"]
        await send({"type": f"{kind}.complete"})
