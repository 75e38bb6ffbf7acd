"""A model server on loopback that speaks as much of Ollama's protocol as is asked of it, and notes every question."""

from __future__ import annotations

import json
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

from typing_extensions import override


class FakeOllama:
    """Has some models, some of them in memory. What it answers can be spoilt path by path."""

    def __init__(self, *models: str, running: tuple[str, ...] = (), load_s: float = 0.0) -> None:
        self.models, self.running, self.load_s = list(models), list(running), load_s
        self.spoilt: dict[str, tuple[int, bytes]] = {}
        """What a path answers instead: status and body."""
        self.asked: list[str] = []
        """Every question: method, path and, of a document, the model."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        """Where it is asked."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join(5)
        self._server.server_close()

    def answer(self, method: str, path: str, document: bytes) -> tuple[int, bytes]:
        """Answer one question."""
        model = json.loads(document).get("model", "") if document else ""
        self.asked.append(f"{method} {path}{f' {model}' if model else ''}")
        if path in self.spoilt:
            return self.spoilt[path]
        if (method, path) == ("POST", "/api/generate"):
            return self._load(model)
        said = {
            "/api/tags": {"models": [{"name": name, "size": 1} for name in self.models]},
            "/api/ps": {"models": [{"name": name} for name in self.running]},
            "/api/version": {"version": "0.12.3"},
        }.get(path)
        return (200, json.dumps(said).encode()) if said is not None else (404, b"{}")

    def _load(self, model: str) -> tuple[int, bytes]:
        if model not in self.models:
            return 404, json.dumps({"error": f"model '{model}' not found"}).encode()
        time.sleep(self.load_s)
        return 200, json.dumps({"model": model, "done": True, "done_reason": "load"}).encode()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._reply(b"")

            def do_POST(self) -> None:
                self._reply(self.rfile.read(int(self.headers.get("Content-Length", "0"))))

            def _reply(self, document: bytes) -> None:
                status, body = fake.answer(self.command, self.path, document)
                with suppress(BrokenPipeError, ConnectionResetError):  # whoever asked has hung up
                    self.send_response(status)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)

            @override
            def log_message(self, format: str, *args: object) -> None:
                """Keep quiet."""

        return Handler
