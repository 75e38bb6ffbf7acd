"""Ask an ASGI application as our server does, and an application that keeps who was let in to it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from quarterdeck.access.guard import Guard
from quarterdeck.access.identity import Peer, Permission, Person, Way
from quarterdeck.access.shape import FORM

Scope = MutableMapping[str, Any]
Header = tuple[bytes, bytes]

HOST: Final = b"127.0.0.1:8421"
ORIGIN: Final = b"http://" + HOST
FORM_SENT: Final[tuple[Header, ...]] = ((b"content-type", FORM), (b"content-length", b"3"))
CHANGE: Final[tuple[Header, ...]] = ((b"host", HOST), (b"origin", ORIGIN), *FORM_SENT)
"""What a browser says of a form on a page of ours."""
ROUTES: Final[Mapping[str, Permission]] = MappingProxyType(
    {
        "/brief": Permission.LOOK,
        "/live/brief": Permission.LOOK,
        "/act": Permission.ACT,
        "/enter": Permission.ENTER,
        "/sign-in": Permission.ARRIVE,
        "/hooks/forge/main": Permission.RING,
    }
)


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: tuple[Header, ...]
    body: bytes

    def said(self, name: bytes) -> bytes:
        """The words of a header, empty where there is none."""
        return b", ".join(value for each, value in self.headers if each == name)


def peer(way: Way = Way.LOOPBACK, address: str = "127.0.0.1") -> Peer:
    """A connection."""
    return Peer(way, "" if way is Way.SERVE else address, 40_000, 0 if way is Way.SERVE else None)


def scope(
    path: str = "/brief",
    method: str = "GET",
    headers: Iterable[Header] = ((b"host", HOST),),
    *,
    query: bytes = b"",
    by: Peer | None = None,
) -> Scope:
    """A request, as our server tells of it."""
    state = {} if by is None else {"peer": by}
    return {
        "type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": query,
        "headers": list(headers), "state": state, "scheme": "http", "http_version": "1.1", "root_path": "",
    }  # fmt: skip


async def asking(application: Any, said: Scope, body: bytes = b"") -> Answer:
    """Ask, send a body, and stay until the answer is there."""
    sent: list[MutableMapping[str, Any]] = []
    over = asyncio.Event()
    parts = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> MutableMapping[str, Any]:
        if parts:
            return parts.pop()
        await over.wait()
        return {"type": "http.disconnect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    try:
        await application(said, receive, send)
    finally:
        over.set()
    headers = tuple((name, value) for name, value in sent[0]["headers"])
    return Answer(sent[0]["status"], headers, b"".join(each.get("body", b"") for each in sent[1:]))


def ask(application: Any, said: Scope, body: bytes = b"") -> Answer:
    """Ask from outside of an event loop."""
    return asyncio.run(asking(application, said, body))


@dataclass(slots=True)
class Inside:
    """A house with one room for each permission. It keeps who came, and who was told why not."""

    came: list[tuple[str, Person | None]] = field(default_factory=list)
    told: list[tuple[int, str]] = field(default_factory=list)
    status: int = 200

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Let in."""
        self.came.append((scope["path"], scope["state"].get("person")))
        if scope["path"].startswith("/live/"):
            while (await receive())["type"] != "http.disconnect":
                pass
        await send({"type": "http.response.start", "status": self.status, "headers": []})
        await send({"type": "http.response.body", "body": b"inside"})

    def permission(self, path: str, method: str) -> Permission | None:
        """By the table; of what may only be looked at, a change is a look that is refused."""
        asked = ROUTES.get(path)
        return Permission.LOOK if asked in {Permission.ARRIVE, Permission.RING} and method != "POST" else asked

    async def explain(self, scope: Scope, status: int, detail: str, send: Any) -> None:
        """Keep what was told."""
        self.told.append((status, detail))
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": detail.encode()})


def opened(guard: Guard) -> Guard:
    """Open every way."""
    guard.open(Way.LOOPBACK)
    guard.open(Way.TAILNET, ("100.64.1.1", "[fd7a:115c:a1e0::1]", "box.tail.ts.net", "box"))
    guard.open(Way.SERVE, ("box.tail.ts.net",))
    return guard
