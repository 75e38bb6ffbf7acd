"""Schedules in words, and the distance between two runs."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.sources.files import SourceError
from quarterdeck.sources.hermes import schedule
from quarterdeck.truth import shapes
from quarterdeck.truth.reading import Reason

NOON = datetime(2026, 3, 4, 12, 2, 30)  # noqa: DTZ001 -- a wall clock has no zone; a Wednesday


def interval(minutes: Any) -> dict[str, Any]:
    return {"kind": "interval", "minutes": minutes, "display": "anything"}


def cron(expression: Any) -> dict[str, Any]:
    return {"kind": "cron", "expr": expression, "display": "anything"}


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (interval(1), "every 1 min"),
        (interval(30), "every 30 min"),
        (interval(90), "every 90 min"),
        (interval(120), "every 2 h"),
        (interval(120.0), "every 2 h"),
        (interval(1440), "every 1 d"),
        (interval(10_080), "every 7 d"),
        (cron("0  9 * *   1-5"), "0 9 * * 1-5"),
        (cron("*/5 9-17 * * * 30"), "*/5 9-17 * * * 30"),
        ({"kind": "once", "run_at": "2026-01-01T00:00"}, "once"),
    ],
)
def test_a_schedule_is_worded_by_us(found: dict[str, Any], words: str) -> None:
    """A schedule is told in the words of this house, and these have the shape of a schedule."""
    assert schedule.in_words(found) == words
    assert shapes.Schedule().load(words) == words


@pytest.mark.parametrize(
    "found",
    [
        interval(0),
        interval(-5),
        interval(1.5),
        interval(None),
        interval("30"),
        interval(True),
        cron("deploy the secret to prod"),
        cron("my dog is called rex"),
        cron("0 0 0 0 0"),
        cron("61 * * * *"),
        cron("* * * * * * *"),
        cron(""),
        cron(None),
        cron(["*"]),
        {},
        {"kind": None},
        {"kind": ["cron"]},
    ],
)
def test_what_is_no_schedule_is_corrupt(found: dict[str, Any]) -> None:
    """Words that merely look like a cron expression do not leave, and nonsense is called corrupt."""
    for part in (lambda: schedule.in_words(found), lambda: schedule.period_s(found, NOON)):
        with pytest.raises(SourceError) as caught:
            part()
        assert caught.value.reason is Reason.CORRUPT


def test_a_new_kind_of_schedule_is_not_guessed() -> None:
    """A kind that this release does not know is said to be of a newer schema."""
    for part in (schedule.in_words, lambda found: schedule.period_s(found, NOON)):
        with pytest.raises(SourceError) as caught:
            part({"kind": "lunar"})
        assert caught.value.reason is Reason.SCHEMA


@pytest.mark.parametrize(
    ("found", "wall", "period"),
    [
        (interval(45), NOON, timedelta(minutes=45)),
        (cron("*/15 * * * *"), NOON, timedelta(minutes=15)),
        (cron("0 9 * * *"), NOON, timedelta(days=1)),
        (cron("0 9 * * 1-5"), NOON, timedelta(days=1)),
        (cron("0 9 * * 1-5"), datetime(2026, 3, 7, 12), timedelta(days=3)),  # noqa: DTZ001 -- a Saturday
        (cron("0 9 * * 1-5"), datetime(2026, 3, 9, 9, 30), timedelta(days=3)),  # noqa: DTZ001 -- the Monday after
        (cron("*/5 9-17 * * *"), NOON, timedelta(minutes=5)),
        (cron("*/5 9-17 * * *"), datetime(2026, 3, 4, 3), timedelta(hours=15, minutes=5)),  # noqa: DTZ001 -- at night
        (cron("*/5 9-17 * * *"), datetime(2026, 3, 4, 9, 7), timedelta(hours=15, minutes=5)),  # noqa: DTZ001
        (cron("*/5 9-17 * * *"), datetime(2026, 3, 4, 9, 17), timedelta(minutes=5)),  # noqa: DTZ001
        (cron("0 0 1 * *"), NOON, timedelta(days=31)),
        (cron("0 0 29 2 *"), NOON, timedelta(days=1461)),
        (cron("* * * * * */20"), NOON, timedelta(seconds=20)),
    ],
)
def test_the_period_is_the_longest_distance_around_now(
    found: dict[str, Any], wall: datetime, period: timedelta
) -> None:
    """The period is the longest distance between the last three turns and the next, as the schedule is at that hour."""
    assert schedule.period_s(found, wall) == period.total_seconds()


def test_what_runs_once_has_no_period() -> None:
    """A job that runs once has no distance between two runs, which is a fact."""
    assert schedule.period_s({"kind": "once"}, NOON) is None


@given(
    minute=st.sets(st.integers(0, 59), min_size=1, max_size=4),
    hour=st.sets(st.integers(0, 23), min_size=1, max_size=3),
    weekday=st.sets(st.integers(0, 6), min_size=1, max_size=7),
    ago=st.integers(0, 20_000),
)
def test_the_period_is_what_walking_minute_by_minute_gives(
    minute: set[int], hour: set[int], weekday: set[int], ago: int
) -> None:
    """Against an oracle that looks at every minute, the period is right, also when it is asked for again."""
    wall = NOON - timedelta(minutes=ago)
    text = " ".join(",".join(str(value) for value in sorted(field)) for field in (minute, hour))
    expression = f"{text} * * {','.join(str(value) for value in sorted(weekday))}"
    assert schedule.period_s(cron(expression), wall) == _walked(minute, hour, weekday, wall)
    assert schedule.period_s(cron(expression), wall) == _walked(minute, hour, weekday, wall)


def _walked(minute: set[int], hour: set[int], weekday: set[int], wall: datetime) -> float:
    start = wall.replace(second=0) - timedelta(days=29)
    days = [start.replace(hour=0, minute=0) + timedelta(days=number) for number in range(60)]
    fires = sorted(
        day.replace(hour=h, minute=m) for day in days if day.isoweekday() % 7 in weekday for h in hour for m in minute
    )
    before = [fire for fire in fires if fire < wall][-3:]
    following = next(fire for fire in fires if fire > wall)
    return max((later - earlier).total_seconds() for earlier, later in pairwise([*before, following]))
