"""Things that answer, beside the agents: a library, a model server and a page that fails, each on a port of its own.

Rule: it ends when whoever began it ends, however that happened: its standard input is a pipe that nobody writes to.
"""

from __future__ import annotations

import json
import signal
import sys
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

MODEL: Final = {"name": "qwen4-32b-instruct", "model": "qwen4-32b-instruct", "size": 19_000_000_000}
Pages = Mapping[str, tuple[int, object]]
SERVICES: Final[Mapping[str, Pages]] = {
    "library": {"/": (200, {"version": "3.2.1", "books": 812})},
    "models": {
        "/api/version": (200, {"version": "0.12.3"}),
        "/api/tags": (200, {"models": [MODEL]}),
        "/api/ps": (200, {"models": []}),
        "/": (200, {}),
    },
    "wiki": {"/": (503, {"error": "demo: this one fails on purpose"})},
}


def handler(pages: Pages) -> type[BaseHTTPRequestHandler]:
    """Return what answers with these pages."""

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, document = pages.get(self.path, (404, {}))
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Answering


def main() -> None:
    """Serve until the standard input ends; say first on which ports."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    servers = {name: ThreadingHTTPServer(("127.0.0.1", 0), handler(pages)) for name, pages in SERVICES.items()}
    for server in servers.values():
        threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write(json.dumps({name: server.server_address[1] for name, server in servers.items()}) + "\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main()
