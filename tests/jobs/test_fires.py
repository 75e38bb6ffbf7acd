"""When a plan is due: what counts from runs, what runs once, and what cannot be followed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from quarterdeck.jobs.fires import NotUnderstoodError, Span, expected
from quarterdeck.truth.past import Plan, Run

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


def plan(schedule: str | None, **changes: Any) -> Plan:
    return Plan(NOW, schedule, "UTC", zone_configured=True, on=True, runner=True, catches_up=True)._replace(**changes)


def ran(began: float, took: float | None = 1, result: str | None = "ok") -> Run:
    return Run(at(began), None if took is None else at(began + took), result)


SPAN = Span(NOW, at(180))


def test_an_interval_counts_from_the_end_of_the_run_before() -> None:
    """The agent counts from when a run is over: three runs of a job of every half hour, a minute each."""
    runs = [ran(-10), ran(22), ran(53.5)]
    assert expected(plan("every 30 min"), runs, Span(NOW, at(80))) == (at(21), at(53))


def test_while_nothing_runs_an_interval_is_due_again_and_again() -> None:
    """A gap of two hours holds four times, and the run that ends it belongs to the last of them."""
    runs = [ran(-31), ran(125)]
    assert expected(plan("every 30 min"), runs, Span(at(-10), at(126))) == (at(0), at(30), at(60), at(90), at(120))


def test_a_run_that_the_agent_still_waits_for_is_not_due_twice() -> None:
    """The agent looks once a minute: a job of every minute is not due again while its run is awaited."""
    assert expected(plan("every 1 min"), [ran(0, 0.2), ran(2.1, 0.2)], Span(NOW, at(2.2))) == (at(1.2),)


def test_a_run_under_way_has_no_time_after_it() -> None:
    """When an interval is due next, the end of the run will say."""
    assert expected(plan("every 30 min"), [ran(-10, None, None)], SPAN) == ()


def test_a_run_whose_end_nobody_wrote_down_counts_from_its_beginning() -> None:
    """One that was cut off was due again an interval after it began: so the agent had written before it started it."""
    assert expected(plan("every 60 min"), [ran(-10, None, "unknown")], Span(NOW, at(60))) == (at(50),)


def test_a_job_that_was_resumed_counts_from_there() -> None:
    """What ran before does not matter any more."""
    assert expected(plan("every 60 min"), [ran(-10)], SPAN, anchor=at(5)) == (at(65), at(125))


def test_a_run_by_hand_moves_an_interval() -> None:
    """An interval counts from the last run, whoever started it."""
    assert expected(plan("every 60 min"), [ran(-10), ran(20)], Span(NOW, at(100))) == (at(81),)


def test_a_run_that_came_an_interval_after_the_last_one_began_was_due_then() -> None:
    """The agent notes when it is due next before it begins a run; that note may be the only one it made."""
    assert expected(plan("every 60 min"), [ran(-10, 8), ran(51)], Span(NOW, at(60))) == (at(50),)


def test_once_is_when_it_was_to_be() -> None:
    """A job that runs once is due at its time, when that lies in the span."""
    assert expected(plan("once", due=at(5)), [], SPAN) == (at(5),)
    assert expected(plan("once", due=at(-5)), [], SPAN) == ()
    assert expected(plan("once"), [], SPAN) == ()


def test_a_timer_may_elapse_by_several_words() -> None:
    """Calendar expressions and what counts from runs are one plan."""
    words = "calendar *-*-* *:15:00; calendar *:45; began + 3600; ended + 600"
    found = expected(plan(words), [ran(1, 2)], Span(NOW, at(46)))
    assert found == (at(13), at(15), at(23), at(33), at(43), at(45))


def test_of_a_release_that_is_not_known_only_what_all_do_is_expected() -> None:
    """On the day the clocks go back an old release runs twice: where it is not known which it is, once is expected."""
    unknown = plan("0 9 * * *", zone="Europe/Berlin", zone_configured=False, catches_up=None)
    since = datetime(2025, 10, 26, 0, 0, tzinfo=UTC)
    assert expected(unknown, [], Span(since, since + timedelta(hours=12))) == (since + timedelta(hours=8),)


@pytest.mark.parametrize(
    ("schedule", "changes"),
    [
        (None, {}),
        ("", {}),
        ("every 0 min", {}),
        ("began + 0", {}),
        ("0 9 * *", {}),
        ("0 9 31 2 *", {}),
        ("@reboot", {}),
        ("calendar sometimes", {}),
        ("0 9 * * *", {"zone": None}),
        ("0 9 * * *", {"zone": "Mars/Olympus"}),
        ("0 9 * * *", {"zone": "/etc/passwd"}),
    ],
)
def test_what_cannot_be_followed_says_so(schedule: str | None, changes: dict[str, object]) -> None:
    """A schedule or a zone that is not known is no schedule without times."""
    with pytest.raises(NotUnderstoodError):
        expected(plan(schedule, **changes), [], SPAN)


def test_many_times_have_an_end() -> None:
    """However long the span, a bounded number of times is told: the newest."""
    assert len(expected(plan("every 1 min"), [ran(-2)], Span(NOW, NOW + timedelta(days=30)))) <= 3_001
    found = expected(plan("* * * * *"), [], Span(NOW, NOW + timedelta(days=3)))
    assert (len(found), found[-1]) == (3_000, NOW + timedelta(days=3))
