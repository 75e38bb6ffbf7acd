"""A server on loopback, or at a unix socket, that misbehaves on purpose, one manner for each.

Each connection gets the manner the server was made with; what was asked is kept in ``heard``.

    well        answers 200 with a small body
    silent      takes the connection and never says a word
    dripping    sends one byte of a head every 50 ms, for ever
    trickling   sends a good head, then one byte of the body every 50 ms, for ever
    huge        sends a body without end, as fast as it can
    garbage     says something that is not HTTP
    headless    sends head lines without end
    reset       breaks the connection off as soon as it has heard a word
    reset once  does that the first time only, then answers well
    short       promises more bytes than it sends
    elsewhere   answers with a redirect
"""

from __future__ import annotations

import re
import socket
import ssl
import struct
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

SLOWLY_S: Final = 0.05
LONGEST_S: Final = 20.0
HEAD: Final = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Version: 1.4.2\r\n"
MANNERS: Final = (
    *("well", "silent", "dripping", "trickling", "huge", "garbage", "headless", "reset", "reset once", "short"),
    "elsewhere",
)


class RudeServer:
    """Serves in one manner until the block ends."""

    def __init__(
        self,
        manner: str,
        *,
        tls: ssl.SSLContext | None = None,
        body: bytes = b"hello",
        head: bytes = HEAD,
        place: Path | None = None,
    ) -> None:
        """Listen on a port of loopback, or at ``place``."""
        assert manner in MANNERS, manner
        self.manner, self.body, self.head, self.place = manner, body, head, place
        self._tls = tls
        self.heard: list[bytes] = []
        self._over = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0)) if place is None else _at(place)
        self.port: int = self._listening.getsockname()[1] if place is None else 0
        self._threads = [threading.Thread(target=self._serve, daemon=True)]

    @property
    def address(self) -> str:
        """Where it is asked over HTTP."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        with suppress(OSError), self._connected():
            pass
        for thread in self._threads:
            thread.join(LONGEST_S)
        self._listening.close()

    def _connected(self) -> socket.socket:
        if self.place is None:
            return socket.create_connection(("127.0.0.1", self.port), 1)
        line = socket.socket(socket.AF_UNIX)
        line.settimeout(1)
        line.connect(str(self.place))
        return line

    def _serve(self) -> None:
        while not self._over.is_set():
            connection, _ = self._listening.accept()
            if self._over.is_set():
                connection.close()
                return
            thread = threading.Thread(target=self._meet, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _meet(self, connection: socket.socket) -> None:
        connection.settimeout(LONGEST_S)
        with suppress(OSError), connection:
            line = self._tls.wrap_socket(connection, server_side=True) if self._tls else connection
            with line:
                question = _question(line)
                self.heard.append(question)
                if self._is_well:
                    line.sendall(self.answer(question))
                else:
                    getattr(self, f"_{self.manner.removesuffix(' once')}")(line)

    @property
    def _is_well(self) -> bool:
        return self.manner == "well" or (self.manner == "reset once" and len(self.heard) > 1)

    def answer(self, question: bytes) -> bytes:
        """Return what is said when nothing is wrong."""
        return self.head + b"Content-Length: %d\r\n\r\n" % len(self.body) + self.body

    def _silent(self, line: socket.socket) -> None:
        self._over.wait(LONGEST_S)

    def _dripping(self, line: socket.socket) -> None:
        self._drip(line, b"HTTP/1.1 200 OK\r\nX-Slow: " + b"a" * 10_000)

    def _trickling(self, line: socket.socket) -> None:
        line.sendall(self.head + b"Content-Length: 10000\r\n\r\n")
        self._drip(line, b"a" * 10_000)

    def _drip(self, line: socket.socket, what: bytes) -> None:
        for byte in what:
            line.sendall(bytes([byte]))
            if self._over.wait(SLOWLY_S):
                return

    def _huge(self, line: socket.socket) -> None:
        line.sendall(self.head + b"\r\n")
        self._pour(line, b"a" * 65_536)

    def _headless(self, line: socket.socket) -> None:
        line.sendall(b"HTTP/1.1 200 OK\r\n")
        self._pour(line, b"X-More: and more\r\n" * 1_000)

    def _pour(self, line: socket.socket, what: bytes) -> None:
        end = time.monotonic() + LONGEST_S
        while not self._over.is_set() and time.monotonic() < end:
            line.sendall(what)

    def _garbage(self, line: socket.socket) -> None:
        line.sendall(b"SSH-2.0-OpenSSH_9.2 sk-" + b"not-a-real-key-but-looks-like-one\r\n" * 3)

    def _reset(self, line: socket.socket) -> None:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def _short(self, line: socket.socket) -> None:
        line.sendall(self.head + b"Content-Length: 1000\r\n\r\nhello")

    def _elsewhere(self, line: socket.socket) -> None:
        line.sendall(b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n")


def _question(line: socket.socket) -> bytes:
    """Return what is asked: the head, and as much of a body as it announces."""
    said = line.recv(65_536)
    length = re.search(rb"(?i)content-length: (\d+)", said)
    while length and len(said.partition(b"\r\n\r\n")[2]) < int(length[1]) and (more := line.recv(65_536)):
        said += more
    return said


def _at(place: Path) -> socket.socket:
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(place))
    listening.listen()
    return listening


def closed_port() -> int:
    """Return a port of loopback on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
    return port
