from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.sources.files import SourceError, Tail
from quarterdeck.sources.hermes.answers import attempt
from quarterdeck.sources.hermes.diary import WINDOW, Diary, End, count_starts, read_diary
from quarterdeck.truth.reading import Reason

NOW = datetime(2026, 9, 1, 12, tzinfo=UTC)


def ago(minutes: float) -> datetime:
    return NOW - timedelta(minutes=minutes)


def line(minutes: float, tag: str, **more: object) -> bytes:
    return json.dumps({"ts": ago(minutes).isoformat(), "tag": tag, "pid": 7, **more}).encode() + b"\n"


def start(minutes: float) -> bytes:
    return line(minutes, "gateway.start")


def tail(data: bytes, begins: int = 0) -> Tail:
    return Tail(data, begins, begins + len(data), 0.0, 1, begins + len(data))


def test_counts_the_starts_of_the_last_minutes() -> None:
    """Starts within the span count, older ones do not, and other events never do."""
    data = start(60) + start(14) + line(13, "gateway.exit_nonzero") + start(12) + start(1)
    assert read_diary(tail(data), NOW).starts == 3
    assert read_diary(tail(start(15.1)), NOW).starts == 0
    assert timedelta(minutes=15) == WINDOW


@pytest.mark.parametrize(
    ("events", "how"),
    [
        ([("asyncio.run.returned", {"success": True}), ("gateway.exit_clean", {}), ("atexit.hook", {})], "clean"),
        ([("asyncio.run.returned", {"success": False}), ("gateway.exit_nonzero", {}), ("atexit.hook", {})], "nonzero"),
        ([("asyncio.run.KeyboardInterrupt", {}), ("atexit.hook", {})], "clean"),
        ([("asyncio.run.exception", {"exc_type": "X"}), ("atexit.hook", {})], "nonzero"),
        ([("asyncio.run.SystemExit", {"code": 0})], "clean"),
        ([("asyncio.run.SystemExit", {"code": None})], "clean"),
        ([("asyncio.run.SystemExit", {"code": 75})], "clean"),
        ([("asyncio.run.SystemExit", {"code": 78})], "nonzero"),
        ([("asyncio.run.SystemExit", {"code": "boom"})], "nonzero"),
        ([("a.tag.of.tomorrow", {})], None),
        ([], None),
    ],
)
def test_how_the_last_start_ended(events: list[tuple[str, dict[str, object]]], how: str | None) -> None:
    """The end is the one that the last start came to; a start without one is still running or was killed."""
    data = start(90) + line(80, "gateway.exit_clean") + start(10)
    data += b"".join(line(5, tag, **more) for tag, more in events)
    assert read_diary(tail(data), NOW).end == End(how, ago(5) if how else None)


@pytest.mark.parametrize("broken", [b"half a li\n", b"{}\n", b"[]\n", b'{"tag": "x", "ts": 5}\n', b"\xff\n", b"\n"])
def test_a_broken_line_matters_where_it_could_count(broken: bytes) -> None:
    """A line that cannot be read makes the count unknown within the span, and spoils nothing before it."""
    assert read_diary(tail(broken + start(60) + start(1)), NOW).starts == 1
    inside = read_diary(tail(start(60) + broken + start(1)), NOW)
    assert isinstance(inside.starts, SourceError)
    assert inside.end == End()
    last = read_diary(tail(start(60) + start(1) + broken), NOW)
    assert isinstance(last.starts, SourceError)
    assert isinstance(last.end, SourceError)


def test_the_first_line_of_a_tail_may_be_a_part() -> None:
    """Where only the end of a diary is read, a beginning in the middle of a line is passed over."""
    assert read_diary(tail(b'xyz"}\n' + start(3), begins=100), NOW).starts == 1
    with pytest.raises(SourceError) as caught:
        read_diary(tail(b"one endless line", begins=100), NOW)
    assert caught.value.reason is Reason.CORRUPT


def test_a_time_from_the_future_is_no_start() -> None:
    """When the clock was set back, what lies ahead of it makes the count unknown instead of small."""
    found = read_diary(tail(start(1) + start(-60)), NOW)
    assert isinstance(found.starts, SourceError)
    assert found.starts.reason is Reason.CORRUPT


def test_the_other_diary_counts_the_same() -> None:
    """The list of moments counts starts as well, and refuses what is no moment or a part of one."""
    moments = [ago(minutes).timestamp() for minutes in (600, 14, 1)]
    data = b"".join(f"{moment!r}\n".encode() for moment in moments)
    assert count_starts(tail(data), NOW) == 2
    for broken in (b"17882", b"soon\n", b"nan\n", b"inf\n", b"1e300\n", b"", b"-5\n"):
        found = attempt(count_starts, tail(data * bool(broken) + broken), NOW)
        assert isinstance(found, SourceError)
        assert found.reason is Reason.CORRUPT


@given(st.binary(max_size=300), st.integers(0, 9))
def test_any_diary_is_read(data: bytes, begins: int) -> None:
    """Whatever a diary holds, it ends in what it says or in a reason."""
    assert isinstance(attempt(read_diary, tail(data, begins), NOW), Diary | SourceError)
    assert isinstance(attempt(count_starts, tail(data, begins), NOW), int | SourceError)
