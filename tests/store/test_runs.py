"""What is remembered of plans, runs and covers, and as of which moment."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Connection

from quarterdeck.store.engine import Engine
from quarterdeck.store.history import History
from quarterdeck.store.runs import RunBook, forget_before
from quarterdeck.truth import fields as F  # noqa: N812 -- as in the judgement tables
from quarterdeck.truth.fields import Field
from quarterdeck.truth.grouped import Grouped
from quarterdeck.truth.instance import Instance
from quarterdeck.truth.past import Cover, Plan, Run, RunRecord
from quarterdeck.truth.reading import AnyReading, Key, Origin, Reason
from quarterdeck.truth.shapes import Ran, Recent
from quarterdeck.truth.snapshot import Snapshot

T = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
JOB, CRON = "hermes:north/cron/934a7b9942d5", "hermes:north/cron"
ORIGIN = Origin("a witness", "a place")
WELL: dict[Field[Any], object] = {
    F.SCHEDULE: "0 * * * *",
    F.SCHEDULE_KIND: "cron",
    F.DECLARED: True,
    F.ENABLED: True,
    F.JOB_STATE: "scheduled",
    F.JOB_RUNNER_ALIVE: True,
}
CLOCK: dict[Field[Any], object] = {F.SCHEDULE_ZONE: "Europe/Berlin", F.ZONE_CONFIGURED: True, F.CATCHES_UP: True}


def at(seconds: float) -> datetime:
    return T + timedelta(seconds=seconds)


def snapshot(
    seconds: float,
    runs: Recent | Reason | None = None,
    *,
    seen: float | None = None,
    job: Mapping[Field[Any], object] | None = None,
    gone: bool = False,
) -> Snapshot:
    """What is known at a moment: a job, and its runs as they were read at ``seen``."""
    now = at(seconds)
    told: list[tuple[str, Field[Any], object, datetime]] = [(CRON, field, value, now) for field, value in CLOCK.items()]
    if not gone:
        told += [(JOB, field, value, now) for field, value in {**WELL, **dict(job or {})}.items()]
        told.append((JOB, F.RECENT_RUNS, runs or Recent(at(-600), ()), at(seconds if seen is None else seen)))
    readings: dict[Key, AnyReading] = {}
    for name, field, value, when in told:
        if isinstance(value, Reason):
            readings[name, field.name] = field.unavailable(name, ORIGIN, value, "lost by the test", when)
        else:
            readings[name, field.name] = field.known(name, ORIGIN, value, when)
    return Snapshot(1, now, (Instance("north", "North"),), Grouped.of(readings))


class Book:
    """A history into which snapshots go one after the other."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.book, self.history = engine, RunBook(engine.names), History(engine)

    def see(self, *snapshots: Snapshot) -> None:
        for each in snapshots:
            self.engine.write(partial(self._observe, each))

    def _observe(self, seen: Snapshot, connection: Connection) -> None:
        self.book.observe(connection, seen, {JOB})

    def restart(self) -> None:
        self.book = RunBook(self.engine.names)

    def plans(self, known_by: float | None = None) -> tuple[Plan, ...]:
        return self._record(known_by).plans

    def covers(self, known_by: float | None = None) -> tuple[Cover, ...]:
        return self._record(known_by).covers

    def runs(self, known_by: float | None = None) -> list[Run]:
        by = None if known_by is None else at(known_by)
        return list(self.history.runs(JOB, at(-100_000), at(100_000), known_by=by))

    def _record(self, known_by: float | None) -> RunRecord:
        by = None if known_by is None else at(known_by)
        return self.history.run_record(JOB, at(-100_000), at(100_000), known_by=by)


@pytest.fixture
def book(engine: Engine) -> Book:
    """An empty history."""
    return Book(engine)


def going(began: float) -> Ran:
    return Ran(at(began), None, None)


def done(began: float, ended: float, result: str = "ok") -> Ran:
    return Ran(at(began), at(ended), result)


# --- runs ------------------------------------------------------------------------------------------------------------


def test_a_run_is_known_as_it_was_known(book: Book) -> None:
    """Under way while that was all that was known; ended, and how, from when that became known."""
    book.see(snapshot(10, Recent(at(-600), (going(5),))), snapshot(60, Recent(at(-600), (done(5, 50, "error"),))))
    assert book.runs() == [Run(at(5), at(50), "error", at(10))]
    assert book.runs(known_by=30) == [Run(at(5), None, None, at(10))]
    assert book.runs(known_by=5) == []


def test_runs_come_in_order_and_once(book: Book) -> None:
    """A list that is told again and again, each time with one more, is kept as so many runs."""
    told = [done(60 * number, 60 * number + 5) for number in range(30)]
    book.see(
        *(
            snapshot(60 * number + 10, Recent(at(0), tuple(told[max(0, number - 19) : number + 1])))
            for number in range(30)
        )
    )
    assert [run.began_at for run in book.runs()] == [run.began_at for run in told]


def test_a_span_comes_with_the_runs_before_it(book: Book) -> None:
    """What is counted from run to run needs the run before; three are told with a span."""
    book.see(snapshot(500, Recent(at(0), tuple(done(60 * number, 60 * number + 5) for number in range(6)))))
    record = book.history.run_record(JOB, at(290), at(500))
    assert [run.began_at for run in record.runs] == [at(120), at(180), at(240), at(300)]
    assert [run.began_at for run in book.history.runs(JOB, at(290), at(500))] == [at(300)]


def test_a_run_that_was_cut_off_is_told_so_from_when_that_was_known(book: Book) -> None:
    """One that nobody will see the end of is unknown, and was under way before."""
    book.see(snapshot(10, Recent(at(0), (going(5),))), snapshot(60, Recent(at(0), (Ran(at(5), None, "unknown"),))))
    assert [run.result for run in book.runs()] == ["unknown"]
    assert [run.result for run in book.runs(known_by=20)] == [None]


# --- plans -----------------------------------------------------------------------------------------------------------


def test_a_plan_holds_from_when_it_was_known(book: Book) -> None:
    """A new schedule, a pause and a gateway that went: each is a plan of its own, and nothing else is."""
    book.see(
        snapshot(0),
        snapshot(10),
        snapshot(20, job={F.SCHEDULE: "30 * * * *"}),
        snapshot(30, job={F.SCHEDULE: "30 * * * *", F.JOB_STATE: "paused"}),
        snapshot(40, job={F.SCHEDULE: "30 * * * *", F.JOB_RUNNER_ALIVE: False}),
    )
    found = [(plan.known_at, plan.schedule, plan.on, plan.runner) for plan in book.plans()]
    assert found == [
        (at(0), "0 * * * *", True, True),
        (at(20), "30 * * * *", True, True),
        (at(30), "30 * * * *", False, True),
        (at(40), "30 * * * *", True, False),
    ]
    assert book.plans()[0] == Plan(
        at(0), "0 * * * *", "Europe/Berlin", zone_configured=True, on=True, runner=True, catches_up=True
    )
    assert len(book.plans(known_by=25)) == 2


def test_a_plan_that_cannot_be_read_is_open(book: Book) -> None:
    """While the list of jobs cannot be read, it is not known whether the job is on."""
    lost = dict.fromkeys((F.SCHEDULE, F.SCHEDULE_KIND, F.DECLARED, F.ENABLED, F.JOB_STATE), Reason.CORRUPT)
    book.see(snapshot(0), snapshot(10, job=lost), snapshot(20))
    assert [(plan.schedule, plan.on) for plan in book.plans()] == [
        ("0 * * * *", True),
        (None, None),
        ("0 * * * *", True),
    ]


def test_a_job_that_is_gone_has_no_plan(book: Book) -> None:
    """What nobody speaks of any more is off, and on again when it comes back."""
    book.see(snapshot(0), snapshot(30, gone=True), snapshot(60, gone=True), snapshot(90))
    assert [plan.on for plan in book.plans()] == [True, False, True]


def test_the_same_plan_after_a_restart_is_no_new_one(book: Book) -> None:
    """Who begins again finds what was written, and goes on from there."""
    book.see(snapshot(0))
    book.restart()
    book.see(snapshot(500))
    assert len(book.plans()) == 1


def test_what_was_not_committed_is_written_again(book: Book) -> None:
    """A transaction that fails takes its rows with it; they are not thought to be there."""

    def fail(connection: Any) -> None:
        book.book.observe(connection, snapshot(10, Recent(at(0), (done(1, 5),))), {JOB})
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        book.engine.write(fail)
    book.see(snapshot(20, Recent(at(0), (done(1, 5),))))
    assert (len(book.plans()), len(book.runs()), len(book.covers())) == (1, 1, 1)


# --- covers ----------------------------------------------------------------------------------------------------------


def test_a_cover_reaches_back_as_far_as_the_source_and_lasts(book: Book) -> None:
    """From the source's own beginning on, until somebody says otherwise."""
    book.see(*(snapshot(30 * number, Recent(at(-600), ())) for number in range(9)))
    assert book.covers() == (Cover(at(-600), at(0), None),)


def test_a_source_that_cannot_be_read_ends_a_cover(book: Book) -> None:
    """From the last time it told, nothing is known; what it then tells reaches back as far as it says."""
    book.see(
        snapshot(0, Recent(at(-600), ())),
        snapshot(30, Recent(at(-600), ())),
        snapshot(60, Reason.CORRUPT),
        snapshot(300, Recent(at(250), ())),
    )
    assert book.covers() == (Cover(at(-600), at(0), at(30)), Cover(at(250), at(300), None))
    assert book.covers(known_by=20) == (Cover(at(-600), at(0), None),)


def test_a_source_that_fell_silent_and_came_back_leaves_a_gap(book: Book) -> None:
    """An exporter's old word stays as it was: between two words far apart nobody looked."""
    book.see(
        snapshot(0, Recent(at(-600), ())),
        snapshot(300, Recent(at(-600), ()), seen=20),
        snapshot(400, Recent(at(390), ()), seen=395),
    )
    assert book.covers() == (Cover(at(-600), at(0), at(20)), Cover(at(390), at(400), None))


def test_a_restart_begins_a_cover_that_reaches_back(book: Book) -> None:
    """What the source kept while we were away is known; the older cover goes on, less our own absence."""
    book.see(snapshot(0, Recent(at(-600), ())))
    book.restart()
    book.see(snapshot(9_000, Recent(at(-600), ())))
    assert book.covers() == (Cover(at(-600), at(0), None), Cover(at(-600), at(9_000), None))


def test_nothing_is_remembered_of_what_was_never_seen(book: Book) -> None:
    """A subject that nobody named has no record, and asking for it is no error."""
    assert book.history.run_record("hermes:south/cron/x", at(0), at(1)) == ((), (), ())


def test_what_is_old_is_forgotten_but_for_the_last_plan(book: Book) -> None:
    """Runs and plans go with age; the plan that still holds stays, however old it is."""
    book.see(
        snapshot(0, Recent(at(-600), (done(-60, -50),))),
        snapshot(20, job={F.SCHEDULE: "30 * * * *"}, runs=Recent(at(-600), (done(-60, -50), done(10, 15)))),
    )
    book.engine.write(lambda connection: forget_before(connection, at(9)))
    assert [run.began_at for run in book.runs()] == [at(10)]
    assert len(book.plans()) == 2
    book.engine.write(lambda connection: forget_before(connection, at(10_000)))
    assert [plan.schedule for plan in book.plans()] == ["30 * * * *"]
