"""A server that answers as a test tells it to, over lines that it keeps: for those who have many questions.

It has no state and no opinion. What it was asked is kept in ``asked``; ``most_at_once`` is how many questions it ever
answered at the same time, ``lines`` how many connections it was sent.
"""

from __future__ import annotations

import json
import ssl
import sys
import threading
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, NamedTuple, Self
from urllib.parse import parse_qsl, urlsplit

DATE: Final = "Fri, 20 Nov 2026 12:00:00 GMT"
PATIENCE_S: Final = 20.0
JSON: Final = "application/json;charset=utf-8"


class Question(NamedTuple):
    """What was asked."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    number: int
    """Which one it is of all that were asked, from one."""


class Reply(NamedTuple):
    """What is answered."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = {}
    kind: str = JSON
    after_s: float = 0.0
    """How long it is thought about."""
    promised: int | None = None
    """How long a body is promised; as long as it is, unless said."""
    hangs_up: bool = False
    """Whether the line is cut in place of an answer."""


def told(document: object, status: int = 200, **headers: str) -> Reply:
    """Answer with a document; ``x_total_count=3`` becomes a head."""
    return Reply(
        json.dumps(document).encode(), status, {name.replace("_", "-"): said for name, said in headers.items()}
    )


class Server(ThreadingHTTPServer):
    """A server that does not wait for those who are still served, nor complain of those who hung up."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a line that broke."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class ToldForge:
    """Serves until the block ends."""

    def __init__(self, answer: Callable[[Question], Reply], *, tls: ssl.SSLContext | None = None) -> None:
        self._answer, self._tls = answer, tls
        self.asked: list[Question] = []
        self.lines, self.most_at_once, self._now = 0, 0, 0
        self._lock = threading.Condition()
        self._server = Server(("127.0.0.1", 0), self._handler())
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def port(self) -> int:
        """On which port of loopback it is."""
        return self._server.server_port

    @property
    def url(self) -> str:
        """Where it is."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def wait_for(self, questions: int) -> bool:
        """Wait until it was asked as many; say whether it was."""
        with self._lock:
            return self._lock.wait_for(lambda: len(self.asked) >= questions, PATIENCE_S)

    def reply(self, method: str, target: str, headers: Mapping[str, str]) -> Reply:
        """Answer one question, and remember it."""
        parts = urlsplit(target)
        with self._lock:
            question = Question(method, parts.path, dict(parse_qsl(parts.query)), headers, len(self.asked) + 1)
            self.asked.append(question)
            self._lock.notify_all()
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
        try:
            reply = self._answer(question)
            time.sleep(reply.after_s)
            return reply
        finally:
            with self._lock:
                self._now -= 1

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self) -> None:
                server.lines += 1
                super().setup()

            def _serve(self) -> None:
                heard = {name.lower(): value for name, value in self.headers.items()}
                reply = server.reply(self.command, self.path, heard)
                if reply.hangs_up:
                    self.close_connection = True
                    return
                self.send_response_only(reply.status)
                kept = {"Date": DATE, "Content-Type": reply.kind, **reply.headers}
                kept["Content-Length"] = str(len(reply.body) if reply.promised is None else reply.promised)
                for name, value in kept.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(reply.body)
                self.close_connection = reply.promised is not None or "close" in heard.get("connection", "")

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _serve  # noqa: N815 -- as the library has it

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- as the library has it
                """Say nothing."""

        return Handler
