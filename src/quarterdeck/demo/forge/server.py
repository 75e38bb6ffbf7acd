"""The forge on the network: who asks, what a token may, what is wrong with the line, and the headers of an answer.

Rule 1: nothing has an ETag, and nothing says how often one may ask: real forges do neither.
Rule 2: one question is answered at a time, so that an answer is of one moment; only waiting is done side by side.
"""

from __future__ import annotations

import base64
import socket
import struct
import threading
from contextlib import suppress
from datetime import UTC
from email.utils import format_datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, Self
from urllib.parse import parse_qsl, urlsplit

from typing_extensions import override

from quarterdeck.demo.forge import acts, pages, ringing
from quarterdeck.demo.forge.asking import Answer, Ask, RefusedError
from quarterdeck.demo.forge.faults import Fault
from quarterdeck.demo.forge.routes import ROUTES, Route, find
from quarterdeck.demo.forge.shapes import Shapes
from quarterdeck.demo.forge.state import Forge, Repo, Token

API: Final = "/api/v1"
LONGEST: Final = 1024 * 1024
HEARD: Final = 8 * LONGEST
"""How much is read of what is too long, so that whoever sends it hears the answer."""
LONGEST_S: Final = 30.0
IDLE_S: Final = 60.0
TABLE: Final = tuple((route.pattern, route) for route in ROUTES)
KEPT: Final = {
    "Cache-Control": "max-age=0, private, must-revalidate, no-transform",
    "X-Content-Type-Options": "nosniff",
}


class ForgeServer:
    """A forge that answers from threads for as long as the ``with`` block lasts."""

    def __init__(self, forge: Forge, port: int = 0) -> None:
        self.forge = forge
        self._over = threading.Event()
        handler = type("Handler", (_Line,), {"forge": forge, "over": self._over})
        self._http = ThreadingHTTPServer(("127.0.0.1", port), handler)
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        forge.url = self.url

    @property
    def url(self) -> str:
        """Where it is; its API is below."""
        return f"http://127.0.0.1:{self._http.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(timeout=5)


class _Line(BaseHTTPRequestHandler):
    """One line to the forge, which is kept for the next question."""

    protocol_version = "HTTP/1.1"
    timeout = IDLE_S
    disable_nagle_algorithm = True
    forge: Forge
    over: threading.Event

    def do_GET(self) -> None:
        said = self.headers.get("Content-Length", "0")
        length = int(said) if said.isdigit() else 0
        body = self.rfile.read(min(length, HEARD))
        if length > LONGEST:
            self.close_connection = True
            self._say(Answer(413))
            return
        with self.forge.lock:
            self.forge.asked.append((self.command, self.path))
            fault = self.forge.faults.now(self.path)
        self.over.wait(self.forge.faults.delay_s)
        if fault is not None and fault.manner != "truncated":
            self._misbehave(fault)
            return
        answer = answered(self.forge, self.command, self.path, self.headers.get("Authorization", ""), body)
        if fault is not None:
            answer.body = answer.body[: len(answer.body) // 2]
        self._say(answer)

    do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_GET  # noqa: N815

    def _misbehave(self, fault: Fault) -> None:
        told = {"Retry-After": fault.retry_after} if fault.retry_after else {}
        page = b"<!doctype html><title>Bad gateway</title><h1>502 Bad Gateway</h1>"
        says = {
            "status": Answer(fault.status, b"", "text/plain", told),
            "html": Answer(fault.status, page, "text/html", told),
            "garbage": Answer(fault.status, b"{\xff", headers=told),
            "wrong": Answer(fault.status, b'"a word"', headers=told),
        }
        if fault.manner in says:
            self._say(says[fault.manner])
            return
        if fault.manner == "silent":
            self.over.wait(LONGEST_S)
        self.close_connection = True
        with suppress(OSError):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def _say(self, answer: Answer) -> None:
        self.send_response_only(answer.status)
        now = self.forge.clock() + self.forge.faults.skew
        own = {"Date": format_datetime(now.astimezone(UTC), usegmt=True), "Content-Type": answer.kind}
        empty = answer.status in {204, 304}
        own |= {} if empty else {"Content-Length": str(len(answer.body))}
        for name, value in {**own, **KEPT, **answer.headers}.items():
            self.send_header(name, value)
        with suppress(OSError):
            self.end_headers()
            self.wfile.write(b"" if empty or self.command == "HEAD" else answer.body)

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def answered(forge: Forge, method: str, target: str, login: str, body: bytes = b"") -> Answer:
    """Answer a question, and tell the hooks what came of it."""
    parts = urlsplit(target)
    with forge.lock:
        if not parts.path.startswith(API + "/"):
            return pages.answered(forge, parts.path)
        try:
            answer = _answered(
                Ask(
                    forge,
                    method,
                    parts.path.removeprefix(API),
                    dict(parse_qsl(parts.query)),
                    _token(forge, login),
                    body,
                )
            )
        except RefusedError as error:
            answer = Answer.refusal(forge, error)
        tell(forge)
    return answer


def tell(forge: Forge) -> None:
    """Tell the hooks what they were not told yet."""
    rings, forge.rings = forge.rings, []
    for hook, called, said in rings:
        ringing.deliver(forge, hook, called, _document(forge, said))


def _document(forge: Forge, said: dict[str, Any]) -> dict[str, Any]:
    form, repo = Shapes(forge, None), said["repository"]
    shaped = {"issue": form.issue, "pull_request": form.pull}
    told = {name: shaped[name](*value) if name in shaped else value for name, value in said.items()}
    return {**told, "repository": form.repo(repo), "sender": form.user(said["sender"])}


def _answered(ask: Ask) -> Answer:
    found = find(TABLE, "GET" if ask.method == "HEAD" else ask.method, ask.path)
    if isinstance(found, int):
        raise RefusedError(found, "Not Found", bare=found == HTTPStatus.METHOD_NOT_ALLOWED)
    route, ask.parts = found
    _allowed(ask, route)
    for repo in _concerned(ask):
        acts.notice(ask.forge, repo)
    return route.handler(ask)


def _concerned(ask: Ask) -> list[Repo]:
    """Return the repositories a question is about: the one that it names, or all."""
    if "repo" not in ask.parts:
        return list(ask.forge.repos.values())
    named = ask.forge.repo(f"{ask.parts['owner']}/{ask.parts['repo']}")
    return [] if named is None else [named]


def _allowed(ask: Ask, route: Route) -> None:
    """Refuse whoever may not ask, as the forge of this flavour words it."""
    if ask.token is None:
        if route.known or route.method != "GET":
            raise RefusedError(401, "token is required")
        return
    level = "read" if route.method == "GET" else "write"
    if route.group and not ask.token.allows(level, route.group):
        needed = f"[{level}:{route.group}]"
        said = f"required={needed}, token scope={','.join(ask.token.scopes)}"
        short = "token does not have at least one of required scope(s)"
        raise RefusedError(403, f"{short}, {said}" if ask.forge.flavour == "gitea" else f"{short}: {needed}")


def _token(forge: Forge, login: str) -> Token | None:
    kind, _, word = login.partition(" ")
    if not kind:
        return None
    if kind.lower() == "basic":
        with suppress(ValueError):
            word = base64.b64decode(word, validate=True).decode().rpartition(":")[2]
    found = forge.tokens.get(word)
    if found is None or not found.account.active:
        raise RefusedError(401, "invalid username, password or token")
    return found
