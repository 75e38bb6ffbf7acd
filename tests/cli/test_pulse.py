"""When the service manager hears that we live, and above all when it does not."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from quarterdeck.cli.notify import Manager
from quarterdeck.cli.pulse import EVERY_S, QUIET_S, Pulse
from quarterdeck.sources.collector import Collector
from quarterdeck.truth.instance import Instance
from quarterdeck.truth.snapshot import Snapshot
from tests.fakes.clock import START, HandClock
from tests.fakes.sources import HungSource, SteadySource


class Ear:
    """A service manager that keeps what it hears."""

    def __init__(self, place: Path) -> None:
        self.address = str(place)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.address)
        self._socket.setblocking(False)

    def heard(self) -> list[str]:
        found: list[str] = []
        while True:
            try:
                found += self._socket.recv(4096).decode().splitlines()
            except BlockingIOError:
                return found

    def close(self) -> None:
        self._socket.close()


class Steady:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class FakeCollector:
    """A collector that does what a test tells it: takes turns, or none; publishes, or not."""

    def __init__(self, *, works: bool = True) -> None:
        self.snapshot = Snapshot(1, START, (), {})
        self.turns, self.works = 0, works

    def nudge(self) -> None:
        self.turns += self.works


@pytest.fixture
def ear(tmp_path: Path) -> Iterator[Ear]:
    there = Ear(tmp_path / "notify")
    yield there
    there.close()


@contextmanager
def collecting(*sources: SteadySource) -> Iterator[Collector]:
    north = Instance("north", "North", home=Path("/srv/north"))
    collector = Collector(sources, (north,), HandClock())
    thread = threading.Thread(target=collector.run)
    thread.start()
    try:
        yield collector
    finally:
        collector.stop()
        thread.join(5)


def hold_up(held: threading.Event) -> None:
    """Misbehave as no listener may: keep the collector in the middle of its turn."""
    held.wait(10)


async def for_a_while(pulse: Pulse, seconds: float) -> None:
    """Run a pulse as the event loop of the pages does, for a time."""
    task = asyncio.create_task(pulse.run())
    await asyncio.sleep(seconds)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def test_ready_when_something_can_be_shown(ear: Ear) -> None:
    """Nothing is said before the first collection is there; then that we are ready, and in one line how it stands."""
    source = SteadySource()
    idle = Collector((source,), (), HandClock())
    asyncio.run(for_a_while(Pulse(Manager(ear.address), idle), 0.2))
    assert ear.heard() == []
    with collecting(source) as collector:
        asyncio.run(for_a_while(Pulse(Manager(ear.address), collector), 0.5))
    assert ear.heard() == ["READY=1", "STATUS=1 agents watched, 1 sources asked, all of them answer"]


def test_alive_as_long_as_the_collector_takes_turns(ear: Ear) -> None:
    """A real collector with one source that answers and one that hangs is alive, and beats within a third of the time
    that the watchdog gives it; the status names the silence.
    """
    hung = HungSource()
    with collecting(SteadySource(), hung) as collector:
        collector.wait_for(2, 5)
        pulse = Pulse(Manager(ear.address, 0.3), collector)
        assert pulse.every_s == pytest.approx(0.1)
        asyncio.run(for_a_while(pulse, 1.0))
        hung.release()
    said = ear.heard()
    assert said[0] == "READY=1"
    assert said.count("WATCHDOG=1") >= 3
    assert said[-1] == "STATUS=1 agents watched, 2 sources asked, 1 of them silent"


def test_not_alive_when_the_collector_hangs(ear: Ear) -> None:
    """A real collector that is held up in the middle of a turn is not alive, whatever the event loop does, and it is
    logged why; when it goes on, so does the pulse.
    """
    held, missed = threading.Event(), list[str]()
    with collecting(SteadySource(every_s=0.1)) as collector:
        collector.wait_for(1, 5)
        pulse = Pulse(Manager(ear.address, 0.3), collector, missed=missed.append)
        collector.listen(lambda _: hold_up(held))
        collector.wait_for(collector.snapshot.version + 1, 5)
        time.sleep(0.1)
        pulse.beat()
        ear.heard()
        asyncio.run(for_a_while(pulse, 0.5))
        assert "WATCHDOG=1" not in ear.heard()
        assert set(missed) == {"the watchdog is not told that all is well: the collector does not finish its turn"}
        held.set()
        asyncio.run(for_a_while(pulse, 0.5))
        assert "WATCHDOG=1" in ear.heard()


def test_not_alive_when_the_event_loop_hangs(ear: Ear) -> None:
    """While the event loop that answers requests is kept busy, nothing is said, though the collector works."""

    async def hog() -> None:
        task = asyncio.create_task(Pulse(Manager(ear.address, 0.3), FakeCollector()).run())
        await asyncio.sleep(0.25)
        assert "WATCHDOG=1" in ear.heard()
        time.sleep(0.5)  # noqa: ASYNC251 -- this is the misbehaviour
        assert ear.heard() == []
        task.cancel()

    asyncio.run(hog())


def test_not_alive_when_nothing_is_published_any_more(ear: Ear) -> None:
    """A collector that turns and turns and publishes nothing is dead too, after three times the distance of looks."""
    clock, collector, missed = Steady(), FakeCollector(), list[str]()
    pulse = Pulse(Manager(ear.address, 30), collector, missed=missed.append, monotonic=clock)
    for now, alive in ((1.0, True), (QUIET_S, True), (QUIET_S + 5, False)):
        clock.now = now
        collector.nudge()
        assert pulse.beat() is alive
    assert missed == ["the watchdog is not told that all is well: the collector has published nothing for 104 s"]
    collector.snapshot = Snapshot(2, START, (), {})
    collector.nudge()
    assert pulse.beat()


def test_without_a_manager_nothing_runs(ear: Ear) -> None:
    """Started from a terminal there is nobody to be told, and the pulse ends at once."""
    asyncio.run(asyncio.wait_for(Pulse(Manager(), FakeCollector()).run(), 1))
    assert Pulse(Manager(ear.address), FakeCollector()).every_s == EVERY_S


def test_a_manager_that_is_gone_is_logged() -> None:
    """When the manager's socket cannot be reached, that is said once at the start: it will end us soon."""
    missed = list[str]()
    pulse = Pulse(Manager("/nowhere/at/all"), FakeCollector(), missed=missed.append)
    asyncio.run(for_a_while(pulse, 0.1))
    assert missed == ["the service manager cannot be told that everything is ready"]
