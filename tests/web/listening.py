"""Our server on real sockets, and hands to do to it what no browser does."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from quarterdeck.access.guard import Guard
from quarterdeck.access.identity import Doorman, Peer, Person
from quarterdeck.web.app import Front, Routes, create_app
from quarterdeck.web.server import LIMITS, Entrances, Limits, Prove, Server
from quarterdeck.web.sockets import bound_unix
from tests.fakes.door import OPERATOR, FakeDoorman
from tests.fakes.hub import FakeHub
from tests.truth.cast import NOW
from tests.web.worlds import world

LOOPBACK: Final = "127.0.0.1"
LIMIT_S: Final = 30.0


@dataclass(slots=True)
class Listening:
    """A server that runs beside a test."""

    server: Server
    guard: Guard
    front: Front
    port: int
    thread: threading.Thread = field(init=False)

    def start(self) -> None:
        """Run, and wait until it listens."""
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()
        until(lambda: self.server.started, "the server listens")

    def stop(self) -> None:
        """End it."""
        self.server.should_exit = True
        self.thread.join(LIMIT_S)
        assert not self.thread.is_alive(), "the server did not end"

    def ask(
        self, path: str = "/brief", *headers: str, method: str = "GET", at: str = LOOPBACK, host: str = ""
    ) -> bytes:
        """Ask once and return the whole answer."""
        host = host or f"{at}:{self.port}"
        lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", "Connection: close", *headers, "", ""]
        with socket.create_connection((at, self.port), LIMIT_S) as line:
            return said(line, "\r\n".join(lines).encode())

    def send(self, sent: bytes) -> bytes:
        """Send some bytes and return the whole answer."""
        with socket.create_connection((LOOPBACK, self.port), LIMIT_S) as line:
            return said(line, sent)

    def answers(self, at: str = LOOPBACK) -> bool:
        """Whether whoever comes by an address gets the page."""
        try:
            return status(self.ask(at=at)) == b"200"
        except OSError:
            return False


class Noting(FakeDoorman):
    """Keeps who was at the other end; somebody only by the word `me`."""

    def __init__(self) -> None:
        super().__init__(OPERATOR)
        self.peers: list[Peer] = []

    def remembered(self, peer: Peer, said: Mapping[bytes, bytes], query: bytes) -> Person | None:
        """Nobody: each is asked for."""
        return None

    async def ask(self, peer: Peer, said: Mapping[bytes, bytes], query: bytes) -> Person | None:
        """Whoever says so."""
        self.asked += 1
        self.peers.append(peer)
        return OPERATOR if said.get(b"cookie") == b"me" else None


class Ours(tuple[str, ...]):
    """What is proven: addresses, and a name."""

    __slots__ = ()

    @property
    def addresses(self) -> tuple[str, ...]:
        """The addresses."""
        return tuple(self)

    @property
    def name(self) -> str:
        """The name."""
        return "box.tail.ts.net"


class Proving:
    """Proves what a test says: something, nothing, by an error of ours or of others, or never."""

    def __init__(self, proven: Ours | None = None) -> None:
        self.proven = proven
        self.error: BaseException = RuntimeError("quoted")
        self.hangs = False
        self.asked = 0
        self.at_once = self.most_at_once = 0

    def __call__(self) -> Ours:
        """Prove."""
        self.asked += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            while self.hangs:
                time.sleep(0.01)
            if self.proven is None:
                raise self.error
            return self.proven
        finally:
            self.at_once -= 1


@contextmanager
def listening(
    *,
    doorman: Doorman | None = None,
    limits: Limits = LIMITS,
    prove: Prove | None = None,
    tailnet: bool = False,
    served: Path | None = None,
    names: tuple[str, ...] = (),
    more: Routes | None = None,
) -> Iterator[Listening]:
    """Serve a small fleet to whom a doorman knows."""
    front = create_app(FakeHub(world(0, NOW), NOW), more)
    guard = Guard(front, doorman or FakeDoorman(), asking_s=1, still_every_s=0.1)
    loopback = socket.create_server((LOOPBACK, 0))
    port = int(loopback.getsockname()[1])
    ways = Entrances(loopback, port, tailnet, None if served is None else bound_unix(served), names, prove)
    running = Listening(Server(guard, ways, limits=limits), guard, front, port)
    front.until(lambda: running.server.should_exit)
    running.start()
    try:
        yield running
    finally:
        running.stop()


def said(line: socket.socket, what: bytes) -> bytes:
    """Send something and return all that comes back until the other end is closed."""
    line.settimeout(LIMIT_S)
    with suppress(ConnectionError):
        line.sendall(what)
    return rest(line)


def rest(line: socket.socket) -> bytes:
    """Return all that comes until the other end is closed, however it is."""
    parts: list[bytes] = []
    with suppress(ConnectionError):
        parts.extend(iter(lambda: line.recv(65_536), b""))
    return b"".join(parts)


def status(answer: bytes) -> bytes:
    """Return the number of an answer; nothing where there was none."""
    return answer[9:12]


def until(done: Callable[[], Any], what: str, within_s: float = LIMIT_S) -> None:
    """Wait for something."""
    deadline = time.monotonic() + within_s
    while not done():
        assert time.monotonic() < deadline, f"not within {within_s:.0f} s: {what}"
        time.sleep(0.02)


def connected(running: Listening, at: str = LOOPBACK, origin: str | None = None) -> socket.socket:
    """Connect."""
    return socket.create_connection((at, running.port), LIMIT_S, None if origin is None else (origin, 0))


def open_lines(running: Listening) -> int:
    """How many connections a server has."""
    return len(running.server.server_state.connections)
