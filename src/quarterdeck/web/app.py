"""The web application: the same views as pages, as ``/api/v1/views/VIEW``, and as streams of what changes on a page.

Rule 1: what there is stands in one table, each entry with the permission it takes. What is not in it does not exist.
Rule 2: the guard stands before it, and says who comes. Where it says nothing, nobody came, and nothing is told.
Rule 3: what is asked for often is answered from a table of finished answers: a look-up, and two messages to the server.
Rule 4: what is not known here is for the framework behind it, which is loaded when it is needed and not before.
"""

from __future__ import annotations

import asyncio
import logging
import pkgutil
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from http import HTTPStatus
from typing import Any, Final, NamedTuple

from quarterdeck.access import request_id
from quarterdeck.access.identity import Peer, Permission, Person
from quarterdeck.access.shape import LONGEST_BODY, LOOKING
from quarterdeck.truth.instance import ALL
from quarterdeck.views import VIEWS
from quarterdeck.web import address
from quarterdeck.web.address import IN_API, ON_PAGES, Refusal, Wanted
from quarterdeck.web.answers import EVENTS, HTML, JSON, TEXT, Answer, Receive, Send, answer, error_json
from quarterdeck.web.assets import BUNDLES, asset, missing_words
from quarterdeck.web.pages import render_error
from quarterdeck.web.rooms import Room, Rooms
from quarterdeck.web.screen import Hub

__all__ = ["Hub", "create_app"]

ALLOWED: Final = (b"allow", b"GET, HEAD")
ONE_BY_ONE: Final = "sessions"
"""The view of a ledger that is read for one instance or for all; who may see some sees them one by one."""
FRAMEWORK: Final = "quarterdeck.web.api:create_api"
FOR_NOBODY: Final = frozenset({Permission.ARRIVE, Permission.RING})
"""What is asked of somebody who need not be known."""
BODY_S: Final = 10.0
"""Seconds in which what is sent has to arrive."""

Scope = MutableMapping[str, Any]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

log = logging.getLogger(__name__)


class Ask(NamedTuple):
    """One request, as those who answer it get it."""

    path: str
    query: bytes
    said: Mapping[bytes, bytes]
    person: Person | None
    """Who asks; None where strangers may."""
    peer: Peer | None
    body: bytes
    """What was sent; of a ring nothing has been read yet."""
    scope: Scope
    receive: Receive
    send: Send


Handler = Callable[[Ask], Awaitable[Answer | None]]
"""Returns the answer, or None when it has sent one itself."""


class Route(NamedTuple):
    """What answers at one address, and what that takes."""

    permission: Permission
    handler: Handler


Routes = Mapping[str, Mapping[str, Route]]
"""By path, then by method. HEAD is answered where GET is."""


def create_app(hub: Hub, more: Routes | None = None) -> Front:
    """Build the application around a running hub; ``more`` are routes of other rooms."""
    return Front(hub, more or {})


class Front:
    """The application, as the guard calls it."""

    def __init__(self, hub: Hub, more: Routes) -> None:
        self.rooms = Rooms(hub)
        self.routes: Routes = {**self._own(), **more}
        self._banner = hub.banner
        self._framework: Application | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        said, method, state = dict(scope["headers"]), scope["method"], scope.get("state", {})
        person = state.get("person")
        if person is not None and method in LOOKING and person.may(Permission.LOOK):
            room = self.rooms.of(person.instances)
            slot = room.known.get((scope["path"], scope["query_string"]))
            ready = None if slot is None else room.screen.fresh(slot)
            if ready is not None:
                await ready.send(said, method, send)
                return
        begun = None if request_id.current() else request_id.begin()  # the guard names only those it has to think about
        try:
            found = await self._made(scope, said, receive, send)
            if found is not None:
                await found.send(said, method, send)
        finally:
            if begun is not None:
                request_id.end(begun)

    async def _made(self, scope: Scope, said: dict[bytes, bytes], receive: Receive, send: Send) -> Answer | None:
        """Return the answer, or what there is to say instead of one; None when it has been sent already."""
        try:
            return await self._answer(scope, said, receive, send)
        except Refusal as refusal:
            return self._refused(said, refusal.status, refusal.detail)
        except Exception as error:
            log.exception("A request failed")
            where = f"Its log names the place, at request {request_id.current()}."
            return self._refused(said, 500, f"Quarterdeck itself failed here ({type(error).__name__}). {where}")

    def permission(self, path: str, method: str) -> Permission | None:
        """Return what a route asks for; None where there is none. Of a path that is there, any method may be asked."""
        found = self.routes.get(path)
        if found is None:
            return None
        route = found.get("GET" if method == "HEAD" else method)
        return Permission.LOOK if route is None else route.permission

    async def explain(self, scope: Scope, status: int, detail: str, send: Send) -> None:
        """Tell somebody who is known why they get nothing."""
        said = dict(scope["headers"])
        await self._refused(said, status, detail).send(said, scope["method"], send)

    @property
    def note(self) -> str | None:
        """What whoever started the program should know of the pages."""
        return missing_words()

    def until(self, over: Callable[[], bool]) -> None:
        """Let streams end when it is over: a server waits for what is open."""
        self.rooms.until(over)

    def _refused(self, said: Mapping[bytes, bytes], status: int, detail: str) -> Answer:
        more = (ALLOWED,) if status == HTTPStatus.METHOD_NOT_ALLOWED else ()
        if b"text/html" in said.get(b"accept", b""):
            return answer(render_error(status, detail, self._banner), HTML, status=status, more=more)
        return answer(error_json(status, detail), JSON, status=status, more=more)

    async def _answer(self, scope: Scope, said: dict[bytes, bytes], receive: Receive, send: Send) -> Answer | None:
        """Return what is asked for; None when it has been sent already."""
        state, method = scope.get("state", {}), scope["method"]
        person: Person | None = state.get("person")
        found = self.routes.get(scope["path"])
        if found is None:
            raise Refusal(HTTPStatus.NOT_FOUND, "There is nothing here. The brief is at /brief.")
        route = found.get("GET" if method == "HEAD" else method)
        if route is None:
            raise Refusal(HTTPStatus.METHOD_NOT_ALLOWED, "This can only be looked at. Use GET.")
        if route.permission not in FOR_NOBODY and (person is None or not person.may(route.permission)):
            raise Refusal(HTTPStatus.FORBIDDEN, "This is not open to you.")
        body = b"" if method in LOOKING or route.permission is Permission.RING else await read_body(receive)
        query = scope["query_string"]
        return await route.handler(
            Ask(scope["path"], query, said, person, state.get("peer"), body, scope, receive, send)
        )

    # --- what there is ------------------------------------------------------------------------------------------------

    def _own(self) -> Routes:
        look = Permission.LOOK
        routes = {"/": Route(look, _to_the_brief), "/healthz": Route(look, _alive)}
        routes |= {f"/static/{name}": Route(Permission.ENTER, _asset) for name in BUNDLES}
        routes |= {f"/{name}": Route(look, self._page) for name in VIEWS}
        routes |= {f"/live/{name}": Route(look, self._stream) for name in VIEWS}
        routes |= {f"/api/v1/views/{name}": Route(look, self._data) for name in VIEWS}
        routes |= dict.fromkeys(("/api/v1/views", "/api/v1/openapi.json"), Route(look, self._behind))
        return {path: {"GET": route} for path, route in routes.items()}

    async def _page(self, ask: Ask) -> Answer:
        return await self._view(ask, ask.path[1:], page=True)

    async def _data(self, ask: Ask) -> Answer:
        return await self._view(ask, ask.path.rpartition("/")[2], page=False)

    async def _view(self, ask: Ask, view: str, *, page: bool) -> Answer:
        room, wanted = self._wanted(ask, view, ON_PAGES if page else IN_API)
        slot = room.screen.slot(wanted, page=page)
        made = await room.screen.get(slot)
        room.know((ask.path, ask.query), slot)
        return made

    async def _stream(self, ask: Ask) -> Answer | None:
        room, wanted = self._wanted(ask, ask.path.rpartition("/")[2], ON_PAGES)
        if ask.scope["method"] == "HEAD":
            return NO_EVENT  # nothing is held open for whoever wants to read nothing
        state = ask.said.get(b"last-event-id", b"").decode("latin-1")
        await room.live.stream(wanted, state, ask.receive, ask.send)
        return None

    def _wanted(self, ask: Ask, view: str, known: tuple[str, ...]) -> tuple[Room, Wanted]:
        """Return what is asked for, and the room of those who may see what they who ask may see."""
        if ask.person is None:
            raise Refusal(HTTPStatus.FORBIDDEN, "This is not open to you.")
        wanted, theirs = address.read(view, _query(ask.query), known), ask.person.instances
        if theirs and view == ONE_BY_ONE and wanted.asked.instance == ALL:
            wanted = wanted._replace(asked=wanted.asked._replace(instance=min(theirs)))
        return self.rooms.of(theirs), wanted

    async def _behind(self, ask: Ask) -> None:
        """Let the framework answer; the first time, it is loaded beside the event loop."""
        await (self._framework or await self._load())(ask.scope, ask.receive, ask.send)

    async def _load(self) -> Application:
        create_api = await asyncio.to_thread(pkgutil.resolve_name, FRAMEWORK)
        made: Application = await asyncio.to_thread(create_api)
        self._framework = made
        return made


BRIEF: Final = answer(b"", TEXT, status=HTTPStatus.TEMPORARY_REDIRECT, more=((b"location", b"/brief"),))
ALIVE: Final = answer(b"ok\n", TEXT)
NO_EVENT: Final = answer(b"", EVENTS)


async def _to_the_brief(_ask: Ask) -> Answer:
    return BRIEF


async def _alive(_ask: Ask) -> Answer:
    return ALIVE


async def _asset(ask: Ask) -> Answer | None:
    return asset(ask.path.rpartition("/")[2], ask.query)


async def read_body(receive: Receive, most: int = LONGEST_BODY) -> bytes:
    """Return what was sent; the guard has seen how long it says it is.

    Raises:
        Refusal: when it is longer, or does not come.
    """
    parts, size = [], 0
    try:
        async with asyncio.timeout(BODY_S):
            while True:
                message = await receive()
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                if size > most or message["type"] == "http.disconnect":
                    raise Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "This is more than can be sent here.")
                if not message.get("more_body"):
                    return b"".join(parts)
    except TimeoutError:
        raise Refusal(HTTPStatus.REQUEST_TIMEOUT, "What was to be sent did not come. Send it again.") from None


def _query(query: bytes) -> str:
    try:
        return str(query, "ascii")
    except UnicodeDecodeError:
        raise Refusal(400, "This address cannot be read: its question holds characters that must be encoded.") from None
