"""The pages as our server gives them out behind its guard, with a hub whose clock runs and whose collections a test
decides, and a doorman who takes whoever comes for one person.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from quarterdeck.access.guard import Guard
from quarterdeck.truth.reading import Known
from quarterdeck.truth.snapshot import Snapshot
from quarterdeck.views.recall import Recall
from quarterdeck.web.app import Front, Routes, create_app
from quarterdeck.web.server import Entrances, Server
from tests.fakes.door import FakeDoorman

LIMIT_S: Final = 30.0
EVERY: Final = timedelta(seconds=5)
WITCHING_HOUR: Final = datetime(2026, 11, 21, 3, 4, 11, tzinfo=UTC)


Collect = Callable[[datetime], Snapshot]


@dataclass(slots=True)
class RunningHub:
    """A hub at three in the morning. Its clock runs, and it collects as long as the test lets it."""

    collect: Collect
    collecting: bool = True
    started: float = field(default_factory=time.monotonic)
    last: Snapshot = field(init=False)
    recall: Recall | None = None
    banner: str | None = None

    def __post_init__(self) -> None:
        self.last = self.collect(WITCHING_HOUR)

    @property
    def snapshot(self) -> Snapshot:
        """The newest collection; a new one is made when the last is some seconds old."""
        if self.collecting and self.clock() - self.last.generated_at >= EVERY:
            self.publish(self.collect)
        return self.last

    def clock(self) -> datetime:
        """The present moment."""
        return WITCHING_HOUR + timedelta(seconds=time.monotonic() - self.started)

    def publish(self, collect: Collect) -> None:
        """Collect anew, from now on in this way."""
        self.collect, self.last = collect, replace(collect(self.clock()), version=self.last.version + 1)


@dataclass(slots=True)
class Served:
    """A server on a port of its own."""

    hub: RunningHub
    doorman: FakeDoorman = field(default_factory=FakeDoorman)
    more: Routes = field(default_factory=dict)
    application: Front = field(init=False)
    guard: Guard = field(init=False)
    server: Server = field(init=False)
    thread: threading.Thread = field(init=False)
    base: str = ""

    def start(self) -> None:
        """Serve on loopback until stopped."""
        self.application = create_app(self.hub, self.more)
        self.guard = Guard(self.application, self.doorman)
        listener = socket.create_server(("127.0.0.1", 0))
        self.base = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self.server = Server(self.guard, Entrances(listener, listener.getsockname()[1]))
        self.application.until(lambda: self.server.should_exit)
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()
        deadline = time.monotonic() + LIMIT_S
        while not self.server.started:
            assert self.thread.is_alive(), "the server ended before it served"
            assert time.monotonic() < deadline, f"the server did not start within {LIMIT_S:.0f} s"
            time.sleep(0.02)

    def let_streams_go(self) -> None:
        """End all open streams, as when the network breaks."""
        self.application.until(lambda: True)
        deadline = time.monotonic() + LIMIT_S
        while self.application.rooms.streams:
            assert time.monotonic() < deadline, f"streams are still open after {LIMIT_S:.0f} s"
            time.sleep(0.02)
        self.application.until(lambda: self.server.should_exit)

    def stop(self) -> None:
        """End the server, as when its machine goes down."""
        self.server.should_exit = self.server.force_exit = True
        self.thread.join(LIMIT_S)
        assert not self.thread.is_alive(), f"the server did not end within {LIMIT_S:.0f} s"


@contextmanager
def serving(collect: Collect, more: Routes | None = None) -> Iterator[Served]:
    """Serve what is collected, and what more routes a test gives."""
    served = Served(RunningHub(collect), more=more or {})
    served.start()
    try:
        yield served
    finally:
        served.stop()


def short_lived(snapshot: Snapshot, seconds: float) -> Snapshot:
    """Let every reading that is fresh now be fresh for so long only."""
    now, life = snapshot.generated_at, timedelta(seconds=seconds)
    readings = {
        key: replace(reading, observed_at=now, fresh_for=life)
        if isinstance(reading, Known) and reading.expires_at > now
        else reading
        for key, reading in snapshot.readings.items()
    }
    return replace(snapshot, readings=readings)
