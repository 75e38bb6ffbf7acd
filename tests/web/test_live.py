"""Streams of what changes, over real sockets."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime

import psutil
import pytest

from quarterdeck.truth.snapshot import Snapshot
from quarterdeck.web.parts import split
from tests.e2e.serving import Served, serving
from tests.web.streams import Reader, ask, reading, state_of
from tests.web.worlds import world

ROW = "hermes:north/gateway"


class Seas:
    """A fleet whose state a test decides, and whose moments stay what they are."""

    def __init__(self) -> None:
        self.began: datetime | None = None

    def state(self, number: int, now: datetime) -> Snapshot:
        """Return the fleet in a state; it was looked at when the test began."""
        self.began = self.began or now
        return world(number, self.began)


@pytest.fixture
def served() -> Iterator[Served]:
    """A server over a fleet that stays as it is until a test changes it."""
    seas = Seas()
    with serving(lambda now: seas.state(0, now)) as served:
        served.hub.collecting = False
        yield served


def publish(served: Served, number: int) -> None:
    """Let another state of the fleet be collected."""
    before = served.hub.last
    served.hub.publish(lambda now: world(number, before.generated_at))


def port(served: Served) -> int:
    """The port of a server."""
    return int(served.base.rpartition(":")[2])


def test_a_change_comes_as_the_parts_that_changed(served: Served) -> None:
    """A stream that goes on from a page tells the row that changed, within a second, and not the rows beside it."""
    with reading(port(served), "/live/agents", state_of(port(served), "/agents")) as stream:
        assert b"text/event-stream" in stream.head
        assert b"no-store" in stream.head
        publish(served, 1)
        began = time.monotonic()
        event = stream.next()
        assert event is not None
        assert time.monotonic() - began < 1
        assert ROW in event.parts
        assert not {part for part in event.parts if "south" in part}
        assert "<title>" in event.data


def test_nothing_comes_when_nothing_changed(served: Served) -> None:
    """A stream over a fleet that stays as it is tells no part of the page."""
    with reading(port(served), "/live/brief", state_of(port(served), "/brief")) as stream:
        event = stream.next(4)
        assert event is None or event.parts == []
        assert stream.beats >= 1
        assert stream.bytes_read < 1_000


def test_a_stream_goes_on_where_the_one_before_ended(served: Served) -> None:
    """What happened while nobody listened is told to who comes back, once, and what was told is not told again."""
    with reading(port(served), "/live/agents", state_of(port(served), "/agents")) as stream:
        publish(served, 1)
        first = stream.next()
    assert first is not None
    with reading(port(served), "/live/agents", first.id) as stream:
        assert stream.next(1) is None
    publish(served, 0)
    with reading(port(served), "/live/agents", first.id) as stream:
        event = stream.next()
        assert event is not None
        assert ROW in event.parts
        publish(served, 3)
        event = stream.next()
        assert event is not None
        assert ROW in event.parts


def test_who_holds_what_is_not_remembered_gets_the_whole_page(served: Served) -> None:
    """A rendering of another run of the program, or of long ago, is answered with every part there is."""
    page = split(ask(port(served), "/agents")[1].decode())
    with reading(port(served), "/live/agents", "0badcafe-1") as stream:
        event = stream.next()
    assert event is not None
    assert event.parts == [part.id for part in page.root.inside]
    assert {"views", "main", "known"} <= set(event.parts)


def test_streams_are_told_the_same_event(served: Served) -> None:
    """Whoever reads one page from one rendering on gets one and the same event."""
    state = state_of(port(served), "/agents")
    with ExitStack() as stack:
        streams = [stack.enter_context(reading(port(served), "/live/agents", state)) for _ in range(8)]
        publish(served, 1)
        events = [stream.next() for stream in streams]
    assert len({str(event) for event in events}) == 1
    assert events[0] is not None


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/live/nothing", b"404"),
        ("/live/brief?instance=nobody", b"404"),
        ("/live/brief?what=1", b"400"),
        ("/live/brief?at=2020-01-01T00:00:00Z", b"400"),
        ("/live/", b"404"),
    ],
)
def test_there_is_no_stream_where_there_is_no_page(served: Served, path: str, status: bytes) -> None:
    """What is no page, or does not change, is refused as everywhere, and not as a stream."""
    head, body = ask(port(served), path)
    assert head.split()[1] == status
    assert body.startswith(b'{"error":')


def test_two_hundred_streams_and_a_reader_who_does_not_read_harm_nobody(served: Served) -> None:
    """While two hundred pages are open and one takes nothing, changes come at once, and memory stays bounded."""
    state, mine = state_of(port(served), "/agents"), psutil.Process()
    with ExitStack() as stack:
        deaf = stack.enter_context(reading(port(served), "/live/agents", "0badcafe-1", buffer=2_048))
        streams = [stack.enter_context(reading(port(served), "/live/agents", state)) for _ in range(200)]
        before = mine.memory_info().rss
        for number in (1, 0) * 5:
            publish(served, number)
            began = time.monotonic()
            assert all(ROW in told(stream) for stream in streams)
            assert time.monotonic() - began < 5
            assert ask(port(served), "/brief")[0].split()[1] == b"200"
        assert mine.memory_info().rss - before < 40_000_000
        assert deaf.connection.fileno() > 0
    assert ask(port(served), "/agents")[0].split()[1] == b"200"


def told(stream: Reader) -> list[str]:
    """Return the parts of the next event of a stream."""
    event = stream.next()
    return event.parts if event else []


def test_streams_end_when_the_program_does() -> None:
    """A server that is told to stop does not wait for those who have a page open."""
    with ExitStack() as stack:
        served = stack.enter_context(serving(lambda now: world(0, now)))
        stream = stack.enter_context(reading(port(served), "/live/brief", state_of(port(served), "/brief")))
        served.server.should_exit = True
        began = time.monotonic()
        while not stream.ended:
            stream.next(0.1)
            assert time.monotonic() - began < 1
