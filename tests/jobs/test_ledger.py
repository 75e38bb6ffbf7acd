"""A job's ledger, made of what is remembered and of the readings of the moment."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from quarterdeck.jobs.fires import Span
from quarterdeck.jobs.ledger import Ledger, ledger
from quarterdeck.truth import fields as F  # noqa: N812 -- as in the judgement tables
from quarterdeck.truth.fields import Field
from quarterdeck.truth.judgement import Facts
from quarterdeck.truth.past import Blind, Cover, Plan, Run, RunRecord
from quarterdeck.truth.reading import AnyReading, Key, Origin
from quarterdeck.truth.shapes import Recent

T = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
JOB, TIMER = "hermes:north/cron/934a7b9942d5", "systemd:user/backup.timer"
LONG_AGO = T - timedelta(days=9)
COVERED = (Cover(LONG_AGO, LONG_AGO, None),)
PLAN = Plan(LONG_AGO, "0 * * * *", "UTC", zone_configured=True, on=True, runner=True, catches_up=True)
JOB_FACTS: dict[Field[Any], object] = {F.PERIOD_S: 3_600.0, F.RECENT_RUNS: Recent(LONG_AGO, ())}


def hours(number: float) -> datetime:
    return T + timedelta(hours=number)


def facts(name: str, known: Mapping[Field[Any], object], *, seen: datetime = T, now: datetime = T) -> Facts:
    readings: dict[Key, AnyReading] = {
        (name, each.name): each.known(name, Origin("a witness", "a place"), value, seen)
        for each, value in known.items()
    }
    return Facts(name, readings, now)


def told(record: RunRecord, *, span: float = 6, name: str = JOB, blind: tuple[Blind, ...] = (), **more: Any) -> Ledger:
    known = more.pop("known", JOB_FACTS if name == JOB else {F.TIMER_RUNS: Recent(LONG_AGO, ())})
    return ledger(record, blind, facts(name, known, **more), Span(hours(-span), T))


def verdicts(found: Ledger) -> list[tuple[float, str]]:
    return [((slot.at - T) / timedelta(hours=1), slot.verdict.value) for slot in found.slots]


def ran(*at: float) -> tuple[Run, ...]:
    return tuple(Run(hours(each), hours(each) + timedelta(seconds=9), "ok") for each in at)


def test_another_schedule_holds_from_when_it_was_known() -> None:
    """Before it the old one held, and each plan makes its own times due."""
    later = PLAN._replace(known_at=hours(-2.75), schedule="30 * * * *")
    found = told(RunRecord((PLAN, later), COVERED, ran(-5, -4, -3, -2.5, -1.5)), span=5.5)
    assert verdicts(found) == [
        (-5, "on time"), (-4, "on time"), (-3, "on time"), (-2.5, "on time"), (-1.5, "on time"), (-0.5, "waiting"),
    ]  # fmt: skip


def test_what_is_paused_is_not_due() -> None:
    """Between a pause and its end nothing is expected, and an interval counts anew from the end of it."""
    record = RunRecord(
        (
            PLAN._replace(schedule="every 1 h"),
            PLAN._replace(schedule="every 1 h", known_at=hours(-4.5), on=False),
            PLAN._replace(schedule="every 1 h", known_at=hours(-2.5)),
        ),
        COVERED,
        ran(-5.9, -4.9, -1.5, -0.49),
    )
    found = told(record, span=5.5)
    assert [slot.verdict.value for slot in found.slots] == ["on time", "on time", "on time"]
    assert [slot.expected_at for slot in found.slots] == [
        hours(-4.9), hours(-1.5), hours(-0.5) + timedelta(seconds=9),
    ]  # fmt: skip


def test_a_list_that_could_not_be_read_for_a_while_leaves_a_doubt() -> None:
    """Meanwhile the plan may have been another: what did not run then is unknown, what ran is what it was."""
    lost = Plan(hours(-3.5), None, None, zone_configured=False, on=None, runner=True)
    record = RunRecord((PLAN, lost, PLAN._replace(known_at=hours(-1.5))), COVERED, ran(-4, -2, -1))
    assert verdicts(told(record, span=4.5)) == [
        (-4, "on time"),
        (-3, "unknown"),
        (-2, "on time"),
        (-1, "on time"),
        (0, "waiting"),
    ]


def test_before_the_plan_was_known_only_what_ran_can_be_spoken_of() -> None:
    """A hub that was started an hour ago knows that runs were on time, and of no run that it was missed."""
    record = RunRecord((PLAN._replace(known_at=hours(-1)),), COVERED, ran(-5, -3, -1))
    found = told(record, span=5.5)
    assert verdicts(found) == [
        (-5, "on time"), (-4, "unknown"), (-3, "on time"), (-2, "unknown"), (-1, "on time"), (0, "waiting"),
    ]  # fmt: skip
    assert "knows this schedule since 11:00 UTC only" in found.slots[1].why


def test_a_source_that_fell_silent_is_believed_no_longer_than_its_word_lives() -> None:
    """An exporter that has not written for three hours says nothing of these hours."""
    record = RunRecord((PLAN,), COVERED, ran(-5, -4, -3))
    assert verdicts(told(record, seen=hours(-2.5))) == [
        (-5, "on time"), (-4, "on time"), (-3, "on time"), (-2, "unknown"), (-1, "unknown"), (0, "unknown"),
    ]  # fmt: skip


def test_our_own_absence_is_not_held_against_a_job() -> None:
    """While nobody looked, and nothing reaches back over it, a run may have been made."""
    blind = (Blind(hours(-3.5), hours(-1.5), "not running"),)
    found = told(RunRecord((PLAN,), COVERED, ran(-5, -4, -1)), blind=blind, span=5.5)
    assert [verdict for _, verdict in verdicts(found)] == [
        "on time",
        "on time",
        "unknown",
        "unknown",
        "on time",
        "waiting",
    ]
    assert found.slots[2].why == "Quarterdeck did not look: not running"


def test_a_source_that_reaches_back_over_our_absence_proves_a_miss() -> None:
    """The agent's own ledger, read afterwards, holds no run of those hours: then they were missed."""
    blind = (Blind(hours(-3.5), hours(-1.5), "not running"),)
    covers = (*COVERED, Cover(LONG_AGO, hours(-1.4), None))
    found = told(RunRecord((PLAN,), covers, ran(-5, -4, -1)), blind=blind, span=5.5)
    assert [verdict for _, verdict in verdicts(found)][2:4] == ["missed", "missed"]


def test_a_run_belongs_to_a_time_before_the_span() -> None:
    """A job of noon that was started by hand in the afternoon: that run was not asked for, though noon is not told."""
    daily = PLAN._replace(schedule="0 6 * * *")
    found = told(RunRecord((daily,), COVERED, ran(-6, -2)), span=4, known={**JOB_FACTS, F.PERIOD_S: 86_400.0})
    assert verdicts(found) == [(-2, "unexpected")]


def test_a_note_that_a_run_ended_is_not_another_run() -> None:
    """An older agent that lost the session of a run still notes when its last run ended."""
    ended = hours(-1) + timedelta(seconds=11)
    record = RunRecord((PLAN,), COVERED, (*ran(-2, -1), Run(ended, ended, "ok")))
    assert verdicts(told(record, span=2.5)) == [(-2, "on time"), (-1, "on time"), (0, "waiting")]


def test_without_a_plan_nothing_is_told() -> None:
    """Nothing recorded, or a schedule that cannot be followed: there are no times, and it is said why."""
    assert told(RunRecord()).lost == "When it is to run has not been recorded yet."
    found = told(RunRecord((PLAN._replace(schedule="@reboot"),), COVERED, ran(-1)))
    assert (found.slots, found.lost is not None) == ((), True)


def test_a_timer_may_be_as_late_as_its_slack() -> None:
    """Accuracy and random delay are part of the schedule; a calendar that was slept through was missed."""
    timer = Plan(LONG_AGO, "calendar *-*-* *:00:00", "UTC", zone_configured=False, on=True, runner=None)
    known: dict[Field[Any], object] = {F.TIMER_SLACK_S: 900.0, F.TIMER_RUNS: Recent(LONG_AGO, ())}
    record = RunRecord((timer,), COVERED, ran(-3.75, -2.6))
    found = ledger(record, (), facts(TIMER, known), Span(hours(-4.5), hours(-0.5)))
    assert verdicts(found) == [(-4, "on time"), (-3, "late"), (-2, "missed"), (-1, "missed")]


def test_a_timer_that_elapses_faster_than_it_is_looked_at_is_not_judged() -> None:
    """To ask systemd tells only the last elapse: of the others nothing is known."""
    timer = Plan(LONG_AGO, "calendar *:*:00/10", "UTC", zone_configured=False, on=True, runner=None)
    found = told(RunRecord((timer,), COVERED, ()), name=TIMER, span=1)
    assert (found.slots, found.lost) == ((), "It elapses more often than it is looked at.")


def test_a_long_span_of_a_job_of_every_minute_is_told_in_part() -> None:
    """The newest times are told, and from when on."""
    minutely = PLAN._replace(schedule="* * * * *")
    found = told(RunRecord((minutely,), COVERED, ()), span=24 * 30, known={**JOB_FACTS, F.PERIOD_S: 60.0})
    assert found.span.since == T - timedelta(minutes=3_000)
    assert len(found.slots) <= 3_000
