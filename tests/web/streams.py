"""Readers of streams over real sockets, and a server for them to read from."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

LIMIT_S: Final = 20.0


@dataclass(slots=True)
class Event:
    """One event as it came."""

    id: str = ""
    name: str = ""
    data: str = ""

    @property
    def parts(self) -> list[str]:
        """The ids of the parts it carries."""
        return re.findall(r'<hx-partial id="([^"]*)"', self.data)


@dataclass(slots=True)
class Reader:
    """One open stream."""

    connection: socket.socket
    head: bytes = b""
    _left: bytes = b""
    beats: int = 0
    bytes_read: int = 0
    ended: bool = False

    def next(self, within_s: float = LIMIT_S) -> Event | None:
        """Wait for the next event that is no heartbeat; None when none comes in that time or the stream ends."""
        deadline = time.monotonic() + within_s
        while (left := deadline - time.monotonic()) > 0:
            if (event := self._take()) is None:
                if not self._read(left):
                    return None
            elif event.name == "beat":
                self.beats += 1
            elif event.data or event.id:
                return event
        return None

    def _take(self) -> Event | None:
        text, end, rest = self._left.partition(b"\n\n")
        if not end:
            return None
        self._left, event = rest, Event()
        for line in text.decode().split("\n"):
            name, _, value = line.partition(": ")
            if name == "data":
                event.data += ("\n" if event.data else "") + value
            elif name == "id":
                event.id = value
            elif name == "event":
                event.name = value
        return event

    def _read(self, within_s: float) -> bool:
        self.connection.settimeout(max(0.01, within_s))
        try:
            got = self.connection.recv(65_536)
        except TimeoutError:
            return False
        self.bytes_read += len(got)
        self._left += re.sub(rb"(?:^|\r\n)[0-9a-f]+\r\n", b"", got).replace(b"\r\n", b"")
        self.ended = not got or got.endswith(b"0\r\n\r\n")
        return bool(got)


def ask(port: int, path: str, *headers: str) -> tuple[bytes, bytes]:
    """Ask once; return the head and the body of the answer."""
    with socket.create_connection(("127.0.0.1", port), LIMIT_S) as connection:
        lines = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Connection: close", *headers, "", ""]
        connection.sendall("\r\n".join(lines).encode())
        head, _, body = b"".join(iter(lambda: connection.recv(65_536), b"")).partition(b"\r\n\r\n")
    return head, body


def state_of(port: int, path: str, *headers: str) -> str:
    """Return the rendering that a page shows."""
    found = re.search(r'data-state="([^"]+)"', ask(port, path, *headers)[1].decode())
    assert found, f"{path} does not name its rendering"
    return found[1]


@contextmanager
def reading(port: int, path: str, state: str, *headers: str, buffer: int | None = None) -> Iterator[Reader]:
    """Open a stream from a rendering on."""
    with socket.socket() as connection:
        if buffer is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        connection.settimeout(LIMIT_S)
        connection.connect(("127.0.0.1", port))
        lines = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", f"Last-Event-ID: {state}", *headers, "", ""]
        connection.sendall("\r\n".join(lines).encode())
        got = b""
        while b"\r\n\r\n" not in got:
            got += connection.recv(1)
        yield Reader(connection, got)
