"""A container engine that answers what a test wants it to answer, at a unix socket."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path


class Engine(socketserver.ThreadingUnixStreamServer):
    """Answers every question with one status and one body, and notes what it was asked."""

    daemon_threads = True

    def __init__(self, place: Path, body: bytes, status: int) -> None:
        self.body, self.status, self.asked = body, status, list[str]()
        super().__init__(str(place), Handler)


class Handler(BaseHTTPRequestHandler):
    """One question."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("do_"):
            return self._answer
        raise AttributeError(name)

    def _answer(self) -> None:
        engine = self.server
        assert isinstance(engine, Engine)
        engine.asked.append(f"{self.command} {self.path}")
        self.send_response(engine.status)
        self.send_header("Content-Length", str(len(engine.body)))
        self.end_headers()
        self.wfile.write(engine.body)

    def address_string(self) -> str:
        return "a unix socket"

    def log_message(self, *_: object) -> None:
        return


@contextmanager
def engine(place: Path, body: bytes = b"[]", status: int = 200) -> Iterator[Engine]:
    """Run an engine as long as the block lasts."""
    with Engine(place, body, status) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        try:
            yield running
        finally:
            running.shutdown()
            thread.join()
    place.unlink(missing_ok=True)
