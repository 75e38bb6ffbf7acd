"""What became of a day's runs, as readings: reckoned when something can have changed, and never without memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from quarterdeck.errors import MemoryUnavailableError
from quarterdeck.sources.files import SourceError
from quarterdeck.truth import fields as F  # noqa: N812 -- as in the judgement tables
from quarterdeck.truth.fields import Field
from quarterdeck.truth.grouped import Grouped
from quarterdeck.truth.instance import Instance
from quarterdeck.truth.past import Blind, Cover, Plan, Run, RunRecord
from quarterdeck.truth.reading import AnyReading, Key, Known, Origin, Reason, Unavailable
from quarterdeck.truth.shapes import Ran, Recent
from quarterdeck.truth.snapshot import Snapshot
from quarterdeck.wiring.punctual import AT_MOST, Punctuality
from tests.fakes.memory import FakeMemory

T = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
NORTH, CRON = "hermes:north/cron/934a7b9942d5", "hermes:north/cron"
TIMER = "systemd:user/backup.timer"
ORIGIN = Origin("a witness", "a place")
PLAN = Plan(T - timedelta(days=9), "0 * * * *", "UTC", zone_configured=True, on=True, runner=True, catches_up=True)


@dataclass
class CountingMemory(FakeMemory):
    """A memory that counts how often it is asked for runs, and may have gone."""

    asked: list[str] = field(default_factory=list)
    gone: bool = False

    def run_record(
        self, subject: str, since: datetime, until: datetime, *, known_by: datetime | None = None
    ) -> RunRecord:
        self.asked.append(subject)
        if self.gone:
            raise MemoryUnavailableError("The history is gone", "Wait.")
        return super().run_record(subject, since, until, known_by=known_by)

    def blind(self, since: datetime, until: datetime) -> Sequence[Blind]:
        return super().blind(since, until)


@dataclass
class Holder:
    """Who has the memory."""

    recall: Any = None


def runs(*but: int) -> tuple[Run, ...]:
    """A run an hour over the last two days, but for some hours ago."""
    hours = [hour for hour in range(48, 0, -1) if hour not in but]
    begins = [T - timedelta(hours=hour) + timedelta(seconds=30) for hour in hours]
    return tuple(Run(began, began + timedelta(seconds=5), "ok") for began in begins)


def snapshot(now: datetime, *, job: Mapping[Field[Any], object] | None = None, more: int = 0) -> Snapshot:
    known: dict[Field[Any], object] = {
        F.SCHEDULE: "0 * * * *",
        F.SCHEDULE_KIND: "cron",
        F.PERIOD_S: 3_600.0,
        F.DECLARED: True,
        F.ENABLED: True,
        F.JOB_STATE: "scheduled",
        F.JOB_RUNNER_ALIVE: True,
        F.NEXT_RUN_AT: T + timedelta(hours=1),
        F.RECENT_RUNS: Recent(T - timedelta(days=9), ()),
        **dict(job or {}),
    }
    readings: dict[Key, AnyReading] = {}
    for name in (NORTH, *(f"{CRON}/{number:012x}" for number in range(more))):
        for each, value in known.items():
            if isinstance(value, Reason):
                readings[name, each.name] = each.unavailable(name, ORIGIN, value, "lost by the test", now)
            else:
                readings[name, each.name] = each.known(name, ORIGIN, value, now)
    return Snapshot(1, now, (Instance("north", "North"),), Grouped.of(readings))


class Desk:
    """The source, what it is shown, and what it said last."""

    def __init__(self, *ran: Run, monotonic: Any = lambda: 0.0) -> None:
        record = RunRecord((PLAN,), (Cover(T - timedelta(days=9), T - timedelta(days=9), None),), ran)
        self.memory = CountingMemory(planned={NORTH: record})
        self.holder = Holder(self.memory)
        self.shown = snapshot(T)
        self.source = Punctuality(self.holder, monotonic)
        self.source.follow(lambda: self.shown)

    def look(self, now: datetime = T) -> dict[Key, AnyReading]:
        return {(reading.subject, reading.field): reading for reading in self.source.look(now)}

    def value(self, name: str, of: Field[Any], now: datetime = T) -> Any:
        reading = self.look(now)[name, of.name]
        assert isinstance(reading, Known), reading
        return reading.value


def test_a_day_is_told_of_every_job_and_summed_for_its_scheduler() -> None:
    """Twenty-three of twenty-four, one missed in between: told of the job, and of the agent that has it."""
    desk = Desk(*runs(5))
    counted = {"due": 23, "on_time": 22, "missed": 1, "waiting": 1}
    assert desk.value(NORTH, F.LAST_24H) == counted
    assert desk.value(NORTH, F.MISSED_AT) is None
    assert desk.value(CRON, F.SCHEDULER_LAST_24H) == counted | {"jobs_missed": 1}


def test_the_newest_time_says_whether_a_job_misses_runs() -> None:
    """The run of eleven o'clock was not made, and that of twelve may still begin."""
    assert Desk(*runs(1)).value(NORTH, F.MISSED_AT) == T - timedelta(hours=1)


def test_what_cannot_be_told_is_unavailable_and_counted_so() -> None:
    """A job whose plan was never recorded has no tally, and its scheduler says that one job is not known."""
    desk = Desk()
    desk.memory.planned.clear()
    reading = desk.look()[NORTH, F.LAST_24H.name]
    assert isinstance(reading, Unavailable)
    assert reading.detail == "when it is to run has not been recorded yet"
    assert desk.value(CRON, F.SCHEDULER_LAST_24H) == {"jobs_not_known": 1}


def test_nothing_is_reckoned_that_cannot_have_changed() -> None:
    """While nothing new is known and no time is over, memory is not asked again; what was said stays, as of now."""
    desk = Desk(*runs())
    first = desk.look()
    later = T + timedelta(seconds=60)
    again = desk.look(later)
    assert desk.memory.asked == [NORTH]
    reading = again[NORTH, F.LAST_24H.name]
    assert isinstance(reading, Known)
    assert (reading.observed_at, reading.value) == (later, first[NORTH, F.LAST_24H.name].value)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "change",
    [
        {F.RECENT_RUNS: Recent(T - timedelta(days=9), (Ran(T, None, None),))},
        {F.SCHEDULE: "30 * * * *"},
        {F.JOB_RUNNER_ALIVE: False},
        {F.JOB_STATE: "paused"},
    ],
)
def test_something_new_is_a_reason_to_reckon(change: Mapping[Field[Any], object]) -> None:
    """A run, another schedule, a gateway that went, a pause."""
    desk = Desk(*runs())
    desk.look()
    desk.shown = snapshot(T, job=change)
    desk.look(T + timedelta(seconds=10))
    assert desk.memory.asked == [NORTH, NORTH]


def test_time_alone_is_a_reason_to_reckon() -> None:
    """A time that waited is over; and after a while everything is reckoned anew."""
    desk = Desk(*runs())
    desk.look()
    later = T + timedelta(minutes=34)
    desk.shown = snapshot(later)
    assert desk.value(NORTH, F.LAST_24H, later)["missed"] == 1
    desk.look(later + AT_MOST)
    assert len(desk.memory.asked) == 3


def test_a_look_ends_in_time_and_the_next_goes_on() -> None:
    """Of more jobs than one look can reckon, those that waited longest come first; all are told in the end."""
    clock = iter(range(10_000))
    desk = Desk(*runs(), monotonic=lambda: 0.6 * next(clock))
    desk.shown = snapshot(T, more=5)
    told = [len({name for name, each in desk.look() if each == F.MISSED_AT.name}) for _ in range(3)]
    assert told == [2, 4, 6]
    assert len(desk.memory.asked) == len(set(desk.memory.asked)) == 6


def test_without_memory_nothing_is_said() -> None:
    """Silence is not punctuality: no reading at all, and none left from before."""
    desk = Desk(*runs())
    desk.look()
    desk.holder.recall = None
    assert desk.look() == {}
    assert list(Punctuality(desk.holder, lambda: 0.0).look(T)) == []
    assert desk.source.watched() == ()


def test_a_memory_that_cannot_answer_makes_the_look_fail() -> None:
    """Then what was said is unknown, for that reason."""
    desk = Desk(*runs())
    desk.memory.gone = True
    with pytest.raises(SourceError, match="cannot be read now"):
        desk.look()


def test_a_job_that_nobody_tells_of_any_more_is_told_no_more() -> None:
    """What left the snapshot leaves this source too."""
    desk = Desk(*runs())
    desk.look()
    desk.shown = Snapshot(2, T, (Instance("north", "North"),), Grouped({}))
    assert desk.look() == {}
