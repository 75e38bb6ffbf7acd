"""When an agent runs a job: against an oracle that walks every minute, and against what the library really said."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quarterdeck.jobs.agent_cron import AgentCron, NotUnderstoodError, parts
from tests.jobs.oracle import Restrictions, runs

ZONES = {
    "Europe/Berlin": ("2025-03-30T01:00", "2025-10-26T01:00", "2028-02-28T23:00"),
    "America/New_York": ("2025-03-09T07:00", "2025-11-02T06:00", "2024-02-28T23:00"),
    "Australia/Lord_Howe": ("2025-04-05T15:00", "2025-10-04T15:30", "2026-02-28T12:00"),
    "Pacific/Auckland": ("2025-04-05T14:00", "2025-09-27T14:00", "2025-12-31T11:00"),
    "Asia/Kolkata": ("2024-02-28T18:30", "2025-12-31T18:30", "2025-04-30T18:30"),
    "UTC": ("2024-02-28T23:00", "2025-12-31T23:00", "2025-06-30T23:00"),
}
"""Zones, and moments at which something is to be feared: clocks that change, leap days, ends of months and years."""


def some(low: int, high: int) -> st.SearchStrategy[frozenset[int] | None]:
    return st.none() | st.frozensets(st.integers(low, high), min_size=1, max_size=4)


SCHEDULES = st.builds(
    Restrictions,
    st.frozensets(st.integers(0, 59), min_size=1, max_size=3) | st.sampled_from([frozenset({0, 30}), frozenset({0})]),
    some(0, 23),
    st.none() | st.frozensets(st.integers(1, 28), min_size=1, max_size=3),
    st.none(),
    st.none() | st.frozensets(st.integers(0, 6), min_size=1, max_size=3),
)


@st.composite
def near(draw: st.DrawFn) -> tuple[ZoneInfo, datetime]:
    """A zone, and a whole minute shortly before or after something to be feared in it."""
    name = draw(st.sampled_from(sorted(ZONES)))
    moment = datetime.fromisoformat(draw(st.sampled_from(ZONES[name]))).replace(tzinfo=UTC)
    return ZoneInfo(name), moment + timedelta(minutes=draw(st.integers(-30 * 60, 4 * 60)))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(SCHEDULES, near(), st.booleans(), st.booleans())
def test_the_times_of_a_job_are_those_at_which_an_agent_runs_it(
    job: Restrictions, place: tuple[ZoneInfo, datetime], configured: bool, catches_up: bool
) -> None:
    """Whatever the schedule, the zone, the change of the clocks or the end of the month: walked by the minute."""
    zone, since = place
    until = since + timedelta(hours=52)
    agent = AgentCron(job.expression(), zone, configured, catches_up)
    expected = runs(job, zone, since, until, configured=configured, catches_up=catches_up)
    assert agent.followed(since, until) == expected


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(SCHEDULES, near(), st.booleans(), st.booleans(), st.integers(1, 40))
def test_a_span_in_two_parts_has_the_same_times(
    job: Restrictions, place: tuple[ZoneInfo, datetime], configured: bool, catches_up: bool, hours: int
) -> None:
    """Where one begins to look makes no difference, nor where one leaves off."""
    zone, since = place
    middle, until = since + timedelta(hours=hours), since + timedelta(hours=44)
    agent = AgentCron(job.expression(), zone, configured, catches_up)
    whole = list(agent.fires(since, until))
    assert [*agent.fires(since, middle), *agent.fires(middle, until)] == whole
    assert whole == sorted(set(whole))


Case = tuple[str, str, str, tuple[str, ...]]

REAL: tuple[Case, ...] = (
    ("0 9 * * *", "2025-10-25T09:00", "autumn: an hour late", ("26T09:00", "27T08:00")),
    ("0 9 * * *", "2025-03-29T09:00", "spring: an hour early, and once more", ("30T06:00", "30T07:00", "31T07:00")),
    ("30 2 * * *", "2025-10-25T02:30", "the hour that comes twice", ("26T00:30", "27T02:30")),
    ("30 2 * * *", "2025-03-29T02:30", "the hour that is not there", ("30T01:30", "31T00:30")),
    ("*/30 * * * *", "2025-10-26T01:30", "an hour of silence", ("26T00:00", "26T00:30", "26T02:00")),
    ("0 0 1 * *", "2025-03-01T00:00", "the last evening of the month", ("31T21:00", "31T22:00")),
    ("30 */2 * * *", "2025-03-29T22:30", "every two hours", ("29T23:30", "30T01:30", "30T02:30", "30T04:30")),
)
"""What croniter 6.0.0 with Europe/Berlin said, asked again at each of its answers: day and time in UTC."""


@pytest.mark.parametrize(("expression", "base", "why", "expected"), REAL, ids=[case[2] for case in REAL])
def test_the_habits_of_the_library_are_known(expression: str, base: str, why: str, expected: tuple[str, ...]) -> None:
    """With a zone in its configuration the agent runs at these times, which is not always what was meant."""
    berlin = ZoneInfo("Europe/Berlin")
    now = datetime.fromisoformat(base).replace(tzinfo=berlin).astimezone(UTC)
    agent = AgentCron(expression, berlin, configured=True, catches_up=True)
    found = agent.followed(now, now + timedelta(days=32))
    assert tuple(f"{at:%dT%H:%M}" for at in found)[: len(expected)] == expected, why


HOST: tuple[tuple[str, bool, tuple[str, ...]], ...] = (
    ("2025-10-26", True, ("25T07:00", "26T08:00", "27T08:00")),
    ("2025-10-26", False, ("25T07:00", "26T07:00", "26T08:00", "27T08:00")),
    ("2025-03-30", True, ("29T08:00", "30T08:00", "31T07:00")),
    ("2025-03-30", False, ("29T08:00", "30T08:00", "31T07:00")),
)


@pytest.mark.parametrize(("day", "catches_up", "expected"), HOST)
def test_without_a_zone_the_agent_reckons_with_the_offset_it_has(
    day: str, catches_up: bool, expected: tuple[str, ...]
) -> None:
    """On the day the clocks change a job of nine o'clock is an hour late, or runs twice in a release that is old."""
    change = datetime.fromisoformat(day).replace(tzinfo=UTC)
    agent = AgentCron("0 9 * * *", ZoneInfo("Europe/Berlin"), configured=False, catches_up=catches_up)
    found = agent.fires(change - timedelta(hours=20), change + timedelta(hours=34))
    assert tuple(f"{at:%dT%H:%M}" for at in found) == expected


def test_a_job_of_every_minute_keeps_running_when_the_clocks_go_back() -> None:
    """A release that catches up runs it in both hours; an older one passes over the second hour as too late."""
    since, until = datetime(2025, 10, 26, 0, 50, tzinfo=UTC), datetime(2025, 10, 26, 2, 10, tzinfo=UTC)
    berlin = ZoneInfo("Europe/Berlin")
    assert len(list(AgentCron("* * * * *", berlin, configured=True, catches_up=True).fires(since, until))) == 80
    assert len(list(AgentCron("* * * * *", berlin, configured=True, catches_up=False).fires(since, until))) == 20


LEAP: tuple[tuple[str, str, str], ...] = (
    ("0 12 29 2 *", "2024-03-01T00:00", "2028-02-29T12:00"),
    ("0 12 31 * *", "2025-01-31T13:00", "2025-03-31T12:00"),
    ("0 9 1,15,30 * *", "2025-02-15T10:00", "2025-03-15T09:00"),
    ("0 9 13 * 5", "2025-06-13T10:00", "2025-06-20T09:00"),
    ("0 9 */2 * 1", "2025-06-01T10:00", "2025-06-02T09:00"),
    ("59/5 * * * *", "2025-06-01T10:01", "2025-06-01T10:05"),
    ("0 9 * * 7", "2025-06-02T10:00", "2025-06-08T09:00"),
    ("0 22-2/2 * * *", "2025-06-01T22:30", "2025-06-02T00:00"),
    ("0 9 * * 5-1", "2025-06-03T10:00", "2025-06-06T09:00"),
    ("* * * * * 30", "2025-06-01T10:00", "2025-06-01T10:00:30"),
)
"""What croniter 6.0.0 said: leap days, short months (it forgets the first of March), days by number or weekday."""


@pytest.mark.parametrize(("expression", "base", "expected"), LEAP)
def test_expressions_mean_what_they_mean_to_the_agent(expression: str, base: str, expected: str) -> None:
    """Leap days, short months, two kinds of days, ranges that wrap, steps that are none, seconds."""
    now = datetime.fromisoformat(base).replace(tzinfo=UTC)
    agent = AgentCron(expression, ZoneInfo("UTC"), configured=True, catches_up=True)
    assert agent.after(now).at == datetime.fromisoformat(expected).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "expression",
    ["", "* * * *", "* * * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 8", "*/0 * * * *",
     "1,,2 * * * *", "a * * * *", "*5 * * * *", "*-5 * * * *", "-5 * * * *", "* * L * *", "* * * * 1#2"],
)  # fmt: skip
def test_what_the_agent_would_not_take_is_not_understood(expression: str) -> None:
    """No guess is made at an expression that is none."""
    with pytest.raises(NotUnderstoodError):
        parts(expression)


def test_a_day_that_never_comes_is_said_to_be_none() -> None:
    """The 31st of April is no schedule."""
    with pytest.raises(NotUnderstoodError, match="never comes round"):
        AgentCron("0 0 31 4 *", ZoneInfo("UTC"), configured=True, catches_up=True).after(
            datetime(2025, 1, 1, tzinfo=UTC)
        )


Make = Callable[[], AgentCron]


@settings(max_examples=200)
@given(st.text("0123456789*/,- LW#?", max_size=20))
def test_whatever_is_written_is_understood_or_refused(text: str) -> None:
    """A broken expression is an answer, never another exception."""
    try:
        parts(text)
    except NotUnderstoodError:
        return
    assert len(text.split()) in (5, 6)
