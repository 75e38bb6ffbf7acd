from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.sources.files import SourceError, Tail
from quarterdeck.sources.hermes.answers import Report, attempt
from quarterdeck.sources.hermes.logs import ERRORS, LOG, TAIL, Errors, LogFiles, newest_of, parse, tell
from quarterdeck.truth.reading import Known, Reason, Unavailable

NOW = datetime(2026, 9, 1, 12, tzinfo=UTC)
ZONES = [timedelta(0), timedelta(hours=-8), timedelta(hours=5, minutes=45), timedelta(hours=13)]


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def line(seconds: float, said: str = "run: boom", level: str = "ERROR", zone: timedelta = timedelta(0)) -> str:
    return f"{ago(seconds).astimezone(timezone(zone)):%Y-%m-%d %H:%M:%S},{250:03d} {level} {said}\n"


def tail(text: str, written: float, begins: int = 0) -> Tail:
    data = text.encode()
    return Tail(data, begins, begins + len(data), ago(written).timestamp(), 1, begins + len(data))


def write(path: Path, text: str, written: float) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    moment = ago(written).timestamp()
    os.utime(path, (moment, moment))


def counted(home: Path, files: LogFiles | None = None, now: datetime = NOW) -> Known[object] | Unavailable[object]:
    report = Report(now)
    tell(report, "north", home, (files or LogFiles(home)).read(now))
    (found,) = [reading for reading in report.readings if reading.field == "errors_1h"]
    return found


@pytest.mark.parametrize("zone", ZONES, ids=str)
def test_the_zone_of_a_log_is_found_in_the_log(zone: timedelta) -> None:
    """Wherever the agent believes to be, a line gets the moment at which it was written."""
    found = parse(ERRORS, tail(line(500, zone=zone) + line(20, zone=zone), written=20))
    assert [each.at for each in found.found] == [ago(500) + timedelta(seconds=0.25), ago(20) + timedelta(seconds=0.25)]


def test_a_log_that_does_not_fit_its_own_time_is_not_placed() -> None:
    """Of a log that was copied, cut or touched, no line is given a moment."""
    for written in (20 - 60, 20 + 60, 20 - 16 * 3600):
        with pytest.raises(SourceError) as caught:
            parse(ERRORS, tail(line(20), written))
        assert caught.value.reason is Reason.SCHEMA


def test_errors_count_and_warnings_do_not_unless_a_call_failed() -> None:
    """What counts is an error, and the warning of a failed call; what follows an entry belongs to it."""
    text = (
        line(50, "run: HTTP 500: x")
        + line(40, "run: odd", level="WARNING")
        + line(30, "run: API call failed (attempt 1/3) error_type=RateLimitError", level="WARNING")
        + line(20, "run: dead", level="CRITICAL")
        + "Traceback (most recent call last):\n  ERROR in thought\nValueError: x\n"
        + line(10, "run: fine", level="INFO")
    )
    found = parse(LOG.locator, tail(text, written=10))
    assert [each.kind for each in found.found] == ["server error", "rate-limited", "other"]
    assert newest_of(found, "rate-limited") == ago(30) + timedelta(seconds=0.25)
    assert newest_of(found, "timeout") is None


def test_only_the_last_hour_counts(tmp_path: Path) -> None:
    """An error counts for an hour, also when nothing is written meanwhile."""
    write(tmp_path / ERRORS, line(3500) + line(60, "run: timed out"), written=60)
    files = LogFiles(tmp_path)
    found = counted(tmp_path, files)
    assert isinstance(found, Known)
    assert found.value == {"other": 1, "timeout": 1}
    later = counted(tmp_path, files, NOW + timedelta(minutes=5))
    assert isinstance(later, Known)
    assert later.value == {"timeout": 1}


def test_the_older_log_is_read_where_the_newer_is_too_young(tmp_path: Path) -> None:
    """A log begun anew within the hour is read together with the one before it."""
    write(tmp_path / ERRORS, line(30), written=30)
    write(tmp_path / f"{ERRORS}.1", line(5000) + line(600, "run: timed out"), written=600)
    found = counted(tmp_path)
    assert isinstance(found, Known)
    assert found.value == {"timeout": 1, "other": 1}
    assert found.origin.locator == ERRORS


def test_a_log_just_begun_is_no_end_of_the_errors(tmp_path: Path) -> None:
    """An empty log is as old as its first line will be: the one before it counts."""
    write(tmp_path / ERRORS, "", written=5)
    write(tmp_path / f"{ERRORS}.1", line(600), written=600)
    found = counted(tmp_path)
    assert isinstance(found, Known)
    assert found.value == {"other": 1}


def test_an_older_log_that_is_broken_makes_it_a_part(tmp_path: Path) -> None:
    """Where the log before cannot be read, what was counted says that it is a part."""
    write(tmp_path / ERRORS, line(30), written=30)
    write(tmp_path / f"{ERRORS}.1", "no line of the agent\n", written=600)
    found = counted(tmp_path)
    assert isinstance(found, Known)
    assert found.origin.locator.startswith(f"{ERRORS} (last ")


def test_a_flood_is_counted_in_part_and_says_so(tmp_path: Path) -> None:
    """When the end of a log does not reach back an hour, its origin says how much was read."""
    flood = "".join(line(1000 - number / 10, "run: " + "x" * 100) for number in range(9_000))
    assert len(flood) > 2 * TAIL
    write(tmp_path / ERRORS, flood, written=100.1)
    found = counted(tmp_path)
    assert isinstance(found, Known)
    assert isinstance(found.value, dict)
    assert 1_000 < found.value["other"] < 9_000
    assert found.origin.locator == "logs/errors.log (last 262.1 kB)"


def test_without_an_error_log_the_whole_log_tells(tmp_path: Path) -> None:
    """An agent that keeps one log only is read in that one."""
    write(tmp_path / LOG.locator, line(90) + line(60, level="INFO"), written=60)
    found = counted(tmp_path)
    assert isinstance(found, Known)
    assert (found.value, found.origin) == ({"other": 1}, LOG)
    (tmp_path / LOG.locator).unlink()
    missing = counted(tmp_path)
    assert isinstance(missing, Unavailable)
    assert missing.reason is Reason.MISSING


def test_an_unchanged_log_is_not_read_again(tmp_path: Path) -> None:
    """What a log said is remembered, as moments and classes, until one of its files changes."""
    write(tmp_path / ERRORS, line(60), written=60)
    files = LogFiles(tmp_path)
    first = files.read(NOW)
    assert files.read(NOW) is first
    write(tmp_path / ERRORS, line(60) + line(20), written=20)
    second = files.read(NOW)
    assert isinstance(second, Errors)
    assert len(second.found) == 2


def test_a_log_from_the_future_is_believed_when_its_time_has_come(tmp_path: Path) -> None:
    """A clock that was set back makes a log unknown, and only until it has caught up."""
    write(tmp_path / ERRORS, line(-600), written=-600)
    files = LogFiles(tmp_path)
    ahead = counted(tmp_path, files)
    assert isinstance(ahead, Unavailable)
    assert ahead.reason is Reason.CORRUPT
    assert isinstance(counted(tmp_path, files, NOW + timedelta(minutes=11)), Known)


@given(st.binary(max_size=400), st.integers(0, 3), st.floats(0, 1e9))
def test_any_log_is_read(data: bytes, begins: int, written: float) -> None:
    """Whatever a log holds, reading it ends in counts or in a reason."""
    assert isinstance(attempt(parse, ERRORS, Tail(data, begins, 1, written, 1, 1)), Errors | SourceError)


@given(st.text(max_size=200))
def test_no_line_is_kept(said: str) -> None:
    """Of a line nothing is remembered but its moment and its class."""
    found = parse(ERRORS, tail(line(10, "run: " + said.replace("\n", " ").replace("\r", " ")), written=10))
    assert all(each.kind in {"other", "empty", each.kind} and len(each.kind) < 40 for each in found.found)
