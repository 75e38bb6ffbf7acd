"""The guard: plain ASGI around the whole application. Nothing inside it runs for a stranger.

Rule 1: it imports nothing that can break, and whatever goes wrong in finding out who comes, nobody comes in.
Rule 2: a way in is open while it is proven to be ours (``open``), and else it is shut; what was open through it ends.
Rule 3: strangers get one answer, whatever they ask, in whatever way, of whatever there is or is not. What an owner must
        do to let something in is said in the log. Whoever is known gets reasons.
Rule 4: what a request says of its own way here is not heard. Its name (Host), its origin, its method, its type and
        its size are; each has to be one of those that are right.
Rule 5: what rings is known by its signature alone, which is looked at inside. Unless it was heard, it is a stranger.
Rule 6: a look is cheap: whoever was recognised seconds ago by the same words passes with a few look-ups.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from http import HTTPStatus
from typing import Any, Final, Protocol

from quarterdeck.access import request_id
from quarterdeck.access.armour import ARMOUR, NOT_KEPT, ONLY_HTTPS
from quarterdeck.access.identity import Doorman, Peer, Permission, Person, Role, Way
from quarterdeck.access.shape import HOST, OURS, RefusedError, quoted, says_twice, wrong, wrong_ring

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Said = dict[bytes, bytes]

LOCAL_NAMES: Final = frozenset({b"127.0.0.1", b"localhost", b"[::1]"})
FUNNEL: Final = b"tailscale-funnel-request"
SPELLINGS: Final = 64
"""Hosts that are remembered as right, for each way."""
STREAMS: Final = "/live/"
GONE: Final[Message] = {"type": "http.disconnect"}
UNUSUAL: Final = frozenset({b"content-length", b"transfer-encoding", FUNNEL})
"""Words that are not in a look of ours: with one of them, all rules are gone through."""
SHORT: Final = 1_024
STILL_EVERY_S: Final = 2.0
"""How often whoever reads a stream is asked for anew."""
FAILURES, FAILURES_S, PEERS = 40, 10.0, 1_024
"""How often one peer may fail to be recognised within some seconds before it is not asked for any more."""
ASKING_S: Final = 5.0
"""Seconds after which whoever could not be recognised was not."""
LOG_EVERY_S: Final = 60.0
LOGGED: Final = 64
"""Lines about strangers of one way within that time: whoever comes under ever other names must not write our log full,
nor hide in it what comes by other ways, or that nobody can be recognised."""

log = logging.getLogger(__name__)


class Inside(Protocol):
    """The application the guard stands before."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request of somebody who may make it."""

    def permission(self, path: str, method: str) -> Permission | None:
        """Return what a route asks for; None where there is no such route."""

    async def explain(self, scope: Scope, status: int, detail: str, send: Send) -> None:
        """Tell somebody who is known why not."""


class StrangerError(Exception):
    """Nobody who may know anything; the reason is for the log, with what an owner can do."""

    def __init__(self, reason: str, advice: str = "") -> None:
        super().__init__(reason)
        self.reason, self.advice = reason, advice


class Guard:
    """The application, as the server calls it."""

    def __init__(
        self,
        inside: Inside,
        doorman: Doorman,
        *,
        sign_in: bool = False,
        asking_s: float = ASKING_S,
        still_every_s: float = STILL_EVERY_S,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._inside, self._doorman, self._monotonic = inside, doorman, monotonic
        self._asking_s, self._still_every_s = asking_s, still_every_s
        self._names: dict[Way, frozenset[bytes]] = {}
        self._hosts: dict[Way, set[bytes]] = {way: set() for way in Way}
        self._failed: dict[str, tuple[float, int]] = {}
        self._logged: dict[Way | None, dict[str, float]] = {way: {} for way in (*Way, None)}
        self._flat = flat(sign_in=sign_in)
        self.answered = 0
        """Requests that were let in."""
        self.refused: dict[str, int] = {}
        """Requests that were not, by reason."""

    # --- ways --------------------------------------------------------------------------------------------------------

    def open(self, way: Way, names: Iterable[str] = ()) -> None:
        """Let people come by a way under these names, and on loopback under its own."""
        own = LOCAL_NAMES if way is Way.LOOPBACK else frozenset[bytes]()
        self._names[way] = own | {name.lower().encode() for name in names}
        self._hosts[way] = set()

    def is_open(self, way: Way) -> bool:
        """Whether people may come by a way."""
        return way in self._names

    def shut(self, way: Way) -> None:
        """Let nobody come by a way any more; streams that came by it end."""
        self._names.pop(way, None)
        self._hosts[way] = set()

    # --- requests ----------------------------------------------------------------------------------------------------

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request in, or not."""
        if scope["type"] != "http":
            await _not_http(scope, receive, send)
            return
        said = dict(scope["headers"])
        peer = scope["state"].get("peer") if "state" in scope else None
        if peer is not None and (person := self._at_once(scope, said, peer)) is not None:
            self.answered += 1
            peer.recognised(person)
            scope["state"]["person"] = person
            await self._inside(scope, receive, send)
            return
        begun = request_id.begin()
        try:
            await self._slowly(scope, said, peer, receive, send)
        finally:
            request_id.end(begun)

    def _at_once(self, scope: Scope, said: Said, peer: Peer) -> Person | None:
        """Return who it is where all is as it was a moment ago; in every other case all rules are gone through."""
        try:
            if (
                scope["method"] == "GET"
                and said.get(b"host") in self._hosts[peer.way]
                and said.get(b"sec-fetch-site") in OURS
                and said.keys().isdisjoint(UNUSUAL)
                and peer.way is not Way.SERVE
                and len(said) == len(scope["headers"])
                and len(scope["query_string"]) < SHORT
                and (person := self._doorman.remembered(peer, said, scope["query_string"])) is not None
                and (asked := self._inside.permission(scope["path"], "GET")) is not None
                and asked is not Permission.ARRIVE
                and person.may(asked)
                and not scope["path"].startswith(STREAMS)
            ):
                return person
        except Exception:  # noqa: BLE001 -- it is found again, and told, where all rules are gone through
            return None
        return None

    async def _slowly(self, scope: Scope, said: Said, peer: Peer | None, receive: Receive, send: Send) -> None:
        if peer is not None and peer.way is Way.SERVE:
            send = _only_https(send)
        try:
            person = await self._admitted(scope, said, peer)
        except StrangerError as stranger:
            self._count(stranger.reason)
            self._say(peer, stranger)
            await self._turn_away(scope["method"], send)
            return
        except RefusedError as refused:
            self._count("known")
            await self._inside.explain(scope, refused.status, refused.detail, send)
            return
        self.answered += 1
        if self._inside.permission(scope["path"], scope["method"]) is Permission.RING:
            send = self._heard_or_flat(send)
        if person is not None and peer is not None:
            scope["state"]["person"] = person
            self._remember(said[b"host"], peer)
            if scope["path"].startswith(STREAMS):
                receive = self._as_long_as_known(person, receive, peer, said, scope["query_string"])
        await self._inside(scope, receive, send)

    async def _admitted(self, scope: Scope, said: Said, peer: Peer | None) -> Person | None:
        """Return who may make a request; None where anybody may, who came by a right way.

        Raises:
            StrangerError: when it is nobody who may know why not.
            RefusedError: when it is somebody, and it cannot be.
        """
        came, host = self._came(scope, said, peer)
        permission = self._inside.permission(scope["path"], scope["method"])
        if permission is Permission.RING:
            if (odd := wrong_ring(scope, said)) is not None:
                raise StrangerError("refused", odd)
            return None
        person = None
        if permission is not Permission.ARRIVE:
            person = await self._recognised(came, said, scope["query_string"])
            if person is None:
                raise StrangerError("stranger")
            came.recognised(person)
        origin = f"{'https' if came.way is Way.SERVE else 'http'}://{host}".encode()
        refused = wrong(scope, said, origin) or _forbidden(person, permission)
        if refused is None:
            return person
        if person is None or person.role is Role.GUEST:
            raise StrangerError("refused", refused.detail)
        raise refused

    def _came(self, scope: Scope, said: Said, peer: Peer | None) -> tuple[Peer, str]:
        """Return by what way a request came, and under which name; both are right."""
        if peer is None:
            raise StrangerError("no peer")
        names = self._names.get(peer.way)
        if names is None:
            raise StrangerError("shut")
        if len(said) != len(scope["headers"]) and says_twice(scope["headers"]):
            raise StrangerError("twice")
        if FUNNEL in said:
            raise StrangerError(
                "funnel", "A request came through Tailscale Funnel: turn it off, it is the whole world."
            )
        host = said.get(b"host", b"")
        if host not in self._hosts[peer.way]:
            found = HOST.fullmatch(host)
            if found is None or found[1].lower() not in names:
                raise StrangerError("host", _name_it(peer.way, host))
        return peer, host.decode("ascii")

    def _remember(self, host: bytes, peer: Peer) -> None:
        """Remember a right name as somebody spelled it who is known: strangers could spell it in a million ways."""
        if peer.way in self._names and len(self._hosts[peer.way]) < SPELLINGS:
            self._hosts[peer.way].add(host)

    async def _recognised(self, peer: Peer, said: Said, query: bytes) -> Person | None:
        try:
            person = self._doorman.remembered(peer, said, query)
            if person is not None or self._fails_too_often(peer):
                return person
            async with asyncio.timeout(self._asking_s):
                person = await self._doorman.ask(peer, said, query)
        except Exception as error:  # noqa: BLE001 -- whatever it is, nobody was recognised
            self._tell(
                f"Nobody could be recognised ({type(error).__name__}): who comes is a stranger until that works."
            )
            person = None
        self._mark(peer, failed=person is None)
        return person

    # --- those who are turned away -----------------------------------------------------------------------------------

    async def _turn_away(self, method: str, send: Send) -> None:
        start, body = self._flat
        await send(start)
        await send({**body, "body": b""} if method == "HEAD" else body)

    def _heard_or_flat(self, send: Send) -> Send:
        """Let out that a ring was heard. Whatever else is said to whoever rings, they get the strangers' answer."""
        turned_away = False

        async def said(message: Message) -> None:
            nonlocal turned_away
            if message["type"] == "http.response.start" and message["status"] != HTTPStatus.ACCEPTED:
                turned_away = True
                self._count("ring")
                await self._turn_away("POST", send)
            elif not turned_away:
                await send(message)

        return said

    def _fails_too_often(self, peer: Peer) -> bool:
        """On loopback all share one address, and nothing is asked of anybody else: only others are counted."""
        since, count = self._failed.get(peer.address, (0.0, 0))
        return peer.way is Way.TAILNET and count >= FAILURES and self._monotonic() - since < FAILURES_S

    def _mark(self, peer: Peer, *, failed: bool) -> None:
        if peer.way is not Way.TAILNET:
            return
        if not failed:
            self._failed.pop(peer.address, None)
            return
        now = self._monotonic()
        since, count = self._failed.get(peer.address, (now, 0))
        if len(self._failed) >= PEERS:
            self._failed.clear()
        self._failed[peer.address] = (since, count + 1) if now - since < FAILURES_S else (now, 1)

    def _count(self, reason: str) -> None:
        self.refused[reason] = self.refused.get(reason, 0) + 1

    def _say(self, peer: Peer | None, stranger: StrangerError) -> None:
        """Tell the owner, once a minute for each reason, place and advice."""
        line = f"Turned away ({stranger.reason}) from {peer!r}. {stranger.advice or ADVICE[stranger.reason]}"
        self._tell(line, None if peer is None else peer.way)

    def _tell(self, line: str, way: Way | None = None) -> None:
        now, logged = self._monotonic(), self._logged[way]
        if len(logged) >= LOGGED:
            logged = self._logged[way] = {each: at for each, at in logged.items() if now - at < LOG_EVERY_S}
        if now - logged.get(line, -LOG_EVERY_S) < LOG_EVERY_S or len(logged) >= LOGGED:
            return
        logged[line] = now
        log.warning("%s", line)

    # --- streams -----------------------------------------------------------------------------------------------------

    def _as_long_as_known(self, began: Person, receive: Receive, peer: Peer, said: Said, query: bytes) -> Receive:
        """Let a stream end when whoever reads it is known no more or may see others, or the way they came is shut."""
        waiting: asyncio.Future[Message] | None = None

        async def watched() -> Message:
            nonlocal waiting
            waiting = waiting or asyncio.ensure_future(receive())
            while not (await asyncio.wait((waiting,), timeout=self._still_every_s))[0]:
                person = None if peer.way not in self._names else await self._recognised(peer, said, query)
                if person is None or not person.may(Permission.LOOK) or person.instances != began.instances:
                    waiting.cancel()
                    return GONE
            if waiting.cancelled():
                return GONE
            message, waiting = waiting.result(), None
            return message

        return watched


ADVICE: Final[Mapping[str, str]] = {
    "stranger": "If it is you: `quarterdeck enter` makes a way in, and [[access.people]] says who may come.",
    "no peer": "The server did not say where it came from.",
    "shut": "That way in is shut until it is proven to be ours again.",
    "twice": "It says one thing twice that is said once.",
}


def flat(*, sign_in: bool) -> tuple[Message, Message]:
    """Return the one answer strangers get. It names nothing."""
    form = '<form method="post" action="/sign-in"><button>Sign in</button></form>' if sign_in else ""
    body = (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="color-scheme" content="light dark">'
        '<meta name="viewport" content="width=device-width"><title>Not open to you</title>'
        "<h1>This is not open to you</h1><p>If it is yours, its terminal or its log says how to come in.</p>"
        f"{form}</html>"
    ).encode()
    headers = [
        (b"content-type", b"text/html; charset=utf-8"),
        *ARMOUR,
        NOT_KEPT,
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    start = {"type": "http.response.start", "status": int(HTTPStatus.FORBIDDEN), "headers": headers}
    return start, {"type": "http.response.body", "body": body}


def _name_it(way: Way, host: bytes) -> str:
    """Say what to add so that a name is right. What was sent is quoted so that it can do no harm."""
    if way is Way.LOOPBACK:
        return f"Its Host is {quoted(host)}: on loopback only 127.0.0.1, localhost and [::1] are right."
    return f"Its Host is {quoted(host)}: if that name is yours, add it without its port to `names` under [server]."


def _forbidden(person: Person | None, permission: Permission | None) -> RefusedError | None:
    """Say why somebody may not use a route."""
    if permission is None:
        return RefusedError(HTTPStatus.NOT_FOUND, "There is nothing here. The brief is at /brief.")
    if person is not None and not person.may(permission):
        return RefusedError(HTTPStatus.FORBIDDEN, f"You are a {person.role} here, and this takes an operator.")
    return None


def _only_https(send: Send) -> Send:
    """Say with each answer that this name is for https alone."""

    async def armed(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message["headers"], ONLY_HTTPS]}
        await send(message)

    return armed


async def _not_http(scope: Scope, receive: Receive, send: Send) -> None:
    """Let the server begin and end. Whatever else speaks no HTTP is hung up on."""
    if scope["type"] == "lifespan":
        message: Message = {"type": ""}
        while message["type"] != "lifespan.shutdown":
            message = await receive()
            await send({"type": f"{message['type']}.complete"})
    elif scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
