"""The web application: the same views as pages, as ``/api/v1/views/VIEW``, and as streams of what changes on a page.

Rule 1: what is asked for often is answered from a table of finished answers: a look-up, and two messages to the server.
Rule 2: until there is a door, the only names this application answers to are those of loopback, and nothing can be
        asked of it but to be looked at. Both are decided before anything else is.
Rule 3: what is not known here is for the framework behind it, which is loaded when it is needed and not before.
"""

from __future__ import annotations

import asyncio
import logging
import pkgutil
from collections.abc import Awaitable, Callable, MutableMapping
from http import HTTPStatus
from typing import Any, Final

from quarterdeck.web import address
from quarterdeck.web.address import IN_API, ON_PAGES, Refusal
from quarterdeck.web.answers import HTML, JSON, TEXT, Answer, Message, Receive, Send, answer, error_json
from quarterdeck.web.assets import asset, missing_words
from quarterdeck.web.live import Live
from quarterdeck.web.pages import render_error
from quarterdeck.web.screen import Hub, Screen, Slot

__all__ = ["Hub", "create_app"]

LOOPBACK: Final = frozenset({b"127.0.0.1", b"localhost", b"[::1]"})
LOOKING: Final = ("GET", "HEAD")
ALLOWED: Final = (b"allow", b"GET, HEAD")
ADDRESSES: Final = 512
"""Spellings of addresses that are remembered."""
FRAMEWORK: Final = "quarterdeck.web.api:create_api"

Scope = MutableMapping[str, Any]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
Key = tuple[str, bytes]

log = logging.getLogger(__name__)


def create_app(hub: Hub) -> Front:
    """Build the application around a running hub."""
    return Front(hub)


class Front:
    """The application, as the server calls it."""

    def __init__(self, hub: Hub) -> None:
        self.screen = Screen(hub)
        self.live = Live(self.screen)
        self._known: dict[Key, Slot] = {}
        self._hosts: set[bytes] = set()
        self._framework: Application | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await _not_http(scope, receive, send)
            return
        said, method = dict(scope["headers"]), scope["method"]
        host = said.get(b"host", b"")
        if method in LOOKING and host in self._hosts:
            slot = self._known.get((scope["path"], scope["query_string"]))
            ready = None if slot is None else self.screen.fresh(slot)
            if ready is not None:
                await ready.send(said, method, send)
                return
        await self._guarded(scope, said, receive, send)

    @property
    def note(self) -> str | None:
        """What whoever started the program should know of the pages."""
        return missing_words()

    def until(self, over: Callable[[], bool]) -> None:
        """Let streams end when it is over: a server waits for what is open."""
        self.live.over = over

    async def _guarded(self, scope: Scope, said: dict[bytes, bytes], receive: Receive, send: Send) -> None:
        method, host = scope["method"], said.get(b"host", b"")
        try:
            if _hostname(host) not in LOOPBACK:
                raise Refusal(  # noqa: TRY301 -- one place turns all refusals into answers
                    421,
                    "This address is not one Quarterdeck answers to. Open it as http://127.0.0.1 or http://localhost.",
                )
            if method not in LOOKING:
                raise Refusal(405, "Quarterdeck can only be looked at here. Use GET.")  # noqa: TRY301 -- as above
            if len(self._hosts) < ADDRESSES:
                self._hosts.add(host)
            found = await self._answer(scope, said, receive, send)
        except Refusal as refusal:
            found = self._refused(said, refusal.status, refusal.detail)
        except Exception as error:
            log.exception("A request failed")
            kind = type(error).__name__
            found = self._refused(said, 500, f"Quarterdeck itself failed here ({kind}). Its log names the place.")
        if found is not None:
            await found.send(said, method, send)

    def _refused(self, said: dict[bytes, bytes], status: int, detail: str) -> Answer:
        more = (ALLOWED,) if status == HTTPStatus.METHOD_NOT_ALLOWED else ()
        if b"text/html" in said.get(b"accept", b""):
            return answer(render_error(status, detail, self.screen.hub.banner), HTML, status=status, more=more)
        return answer(error_json(status, detail), JSON, status=status, more=more)

    async def _answer(self, scope: Scope, said: dict[bytes, bytes], receive: Receive, send: Send) -> Answer | None:
        """Return what is asked for; None when it has been sent already."""
        path = scope["path"]
        if (fixed := FIXED.get(path)) is not None:
            return fixed
        first, _, rest = path[1:].partition("/")
        if first == "static" and (found := asset(rest, scope["query_string"])) is not None:
            return found
        if first == "live":
            wanted = address.read(rest, _query(scope))
            state = said.get(b"last-event-id", b"").decode("latin-1")
            await self.live.stream(wanted, state, receive, send)
            return None
        if first == "api":
            view = path.removeprefix("/api/v1/views/")
            if view == path:
                await self._behind(scope, receive, send)
                return None
            return await self._view(scope, view, page=False)
        if "/" not in path[1:]:
            return await self._view(scope, first, page=True)
        raise Refusal(404, "There is nothing here. The brief is at /brief.")

    async def _view(self, scope: Scope, view: str, *, page: bool) -> Answer:
        wanted = address.read(view, _query(scope), ON_PAGES if page else IN_API)
        slot = self.screen.slot(wanted, page=page)
        made = await self.screen.get(slot)
        if len(self._known) >= ADDRESSES:
            self._known.clear()
        self._known[scope["path"], scope["query_string"]] = slot
        return made

    async def _behind(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the framework answer; the first time, it is loaded beside the event loop."""
        await (self._framework or await self._load())(scope, receive, send)

    async def _load(self) -> Application:
        create_api = await asyncio.to_thread(pkgutil.resolve_name, FRAMEWORK)
        made: Application = await asyncio.to_thread(create_api)
        self._framework = made
        return made


FIXED: Final[dict[str, Answer]] = {
    "/": answer(b"", TEXT, status=HTTPStatus.TEMPORARY_REDIRECT, more=((b"location", b"/brief"),)),
    "/healthz": answer(b"ok\n", TEXT),
}


async def _not_http(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        message: Message = {"type": ""}
        while message["type"] != "lifespan.shutdown":
            message = await receive()
            await send({"type": f"{message['type']}.complete"})
    elif scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1000})


def _query(scope: Scope) -> str:
    try:
        return str(scope["query_string"], "ascii")
    except UnicodeDecodeError:
        raise Refusal(400, "This address cannot be read: its question holds characters that must be encoded.") from None


def _hostname(host: bytes) -> bytes:
    """Return the name in a Host header, without its port."""
    return host.partition(b"]")[0] + b"]" if host.startswith(b"[") else host.rpartition(b":")[0] or host
