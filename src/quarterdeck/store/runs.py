"""When jobs and timers were to run, when they ran, and over which stretches all their runs are known.

Rule 1: a run is what its source tells of it. It is found again by when it began; what is learnt of it later, how it
        ended, has a time of its own at which it became known.
Rule 2: a plan holds from the moment at which it became known until another one did. What held before is not known.
Rule 3: a cover begins with what the source has kept itself, and lasts while it tells. Where it fell silent, another one
        begins, which reaches back as far as the source does then.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Final

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    ForeignKey,
    PrimaryKeyConstraint,
    Table,
    Text,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from quarterdeck.store import gaps
from quarterdeck.store.schema import Id, Moment, Names, metadata, moment, ms
from quarterdeck.truth.grouped import Fields, Grouped
from quarterdeck.truth.past import Cover, Plan, Run, RunRecord
from quarterdeck.truth.plans import has_plan, plan_of, recent_of
from quarterdeck.truth.shapes import Ran, Recent
from quarterdeck.truth.snapshot import Snapshot

SWEEP: Final = timedelta(seconds=20)
"""How often also those are looked at of which nothing new was recorded: that somebody still looks is news too."""
SILENT: Final = timedelta(seconds=90)
"""Between two readings of the runs of a job: longer, and its source was silent in between."""
BEFORE: Final = 3
"""So many runs before a span are told with it."""
MOST: Final = 5_000
CHUNK: Final = 400
MARK: Final = "runs observed"

job_runs = Table(
    "job_runs",
    metadata,
    Column("subject_id", Id, ForeignKey("subjects.id"), nullable=False),
    Column("began", Moment, nullable=False),
    Column("known", Moment, nullable=False),
    Column("ended", Moment),
    Column("result", Text),
    Column("over_known", Moment),
    PrimaryKeyConstraint("subject_id", "began", name="pk_job_runs"),
    sqlite_with_rowid=False,
)
"""``over_known`` is when it became known how the run ended, or that nobody will say."""

job_plans = Table(
    "job_plans",
    metadata,
    Column("subject_id", Id, ForeignKey("subjects.id"), nullable=False),
    Column("known", Moment, nullable=False),
    Column("schedule", Text),
    Column("zone", Text),
    Column("zone_configured", Boolean, nullable=False),
    Column("is_on", Boolean),
    Column("runner", Boolean),
    Column("catches_up", Boolean),
    Column("due", Moment),
    PrimaryKeyConstraint("subject_id", "known", name="pk_job_plans"),
    sqlite_with_rowid=False,
)

job_covers = Table(
    "job_covers",
    metadata,
    Column("subject_id", Id, ForeignKey("subjects.id"), nullable=False),
    Column("known", Moment, nullable=False),
    Column("since", Moment, nullable=False),
    Column("until", Moment),
    PrimaryKeyConstraint("subject_id", "known", name="pk_job_covers"),
    sqlite_with_rowid=False,
)


class RunBook:
    """Keeps plans, runs and covers as snapshots go by."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._number = 0
        self._forget()

    def _forget(self) -> None:
        """Forget what was written: it may not have been committed."""
        self._plans: dict[str, Plan] = {}
        self._recent: dict[str, tuple[Recent, datetime]] = {}
        self._swept: datetime | None = None
        self._owing = False

    def observe(self, connection: Connection, snapshot: Snapshot, changed: Collection[str]) -> None:
        """Record what is new of every job and timer."""
        if self._owing and gaps.mark(connection, MARK) != self._number:
            self._forget()
        subjects = _grouped(snapshot).subjects
        now = snapshot.generated_at
        names = [name for name in changed if has_plan(name)]
        if self._swept is None or not timedelta(0) <= now - self._swept < SWEEP:
            names = [*dict.fromkeys([*filter(has_plan, subjects), *self._plans])]
            self._swept = now
        todo = iter(names)
        wrote = False
        while some := list(islice(todo, CHUNK)):
            wrote |= self._observe(connection, some, subjects, now)
        self._owing = wrote
        if wrote:
            self._number += 1
            gaps.set_mark(connection, MARK, self._number)

    def _observe(self, connection: Connection, names: list[str], subjects: Mapping[str, Fields], now: datetime) -> bool:
        self._load(connection, [name for name in names if name not in self._plans and name in subjects])
        wrote = False
        for name in names:
            plan = plan_of(name, subjects, now)
            if not _same(self._plans.get(name), plan) and (name in subjects or name in self._plans):
                self._put_plan(connection, name, plan)
                wrote = True
            wrote |= self._observe_runs(connection, name, recent_of(name, subjects), now)
            if name not in subjects:
                self._plans.pop(name, None)
        return wrote

    # --- plans -------------------------------------------------------------------------------------------------

    def _load(self, connection: Connection, names: list[str]) -> None:
        """Find the last plans of subjects that are met for the first time."""
        ids = {self._names.find(connection, name): name for name in names}
        known = [each for each in ids if each is not None]
        last = select(job_plans.c.subject_id, func.max(job_plans.c.known).label("known")).where(
            job_plans.c.subject_id.in_(known)
        )
        newest = last.group_by(job_plans.c.subject_id).subquery()
        found = select(job_plans).join(
            newest, (job_plans.c.subject_id == newest.c.subject_id) & (job_plans.c.known == newest.c.known)
        )
        for row in connection.execute(found) if known else ():
            self._plans[ids[row.subject_id]] = _plan(row)

    def _put_plan(self, connection: Connection, name: str, plan: Plan) -> None:
        values = {
            "subject_id": self._names.id(connection, name),
            "known": ms(plan.known_at),
            "schedule": plan.schedule,
            "zone": plan.zone,
            "zone_configured": plan.zone_configured,
            "is_on": plan.on,
            "runner": plan.runner,
            "catches_up": plan.catches_up,
            "due": None if plan.due is None else ms(plan.due),
        }
        # A clock that was set back may bring the same moment twice: the newer word is kept.
        at = (job_plans.c.subject_id == values["subject_id"]) & (job_plans.c.known == values["known"])
        connection.execute(delete(job_plans).where(at))
        connection.execute(insert(job_plans).values(values))
        self._plans[name] = plan

    # --- runs and covers ---------------------------------------------------------------------------------------

    def _observe_runs(
        self, connection: Connection, name: str, found: tuple[Recent, datetime] | None, now: datetime
    ) -> bool:
        before = self._recent.get(name)
        if found is None:
            if before is not None:
                del self._recent[name]
                self._close(connection, name, before[1])
            return before is not None
        self._recent[name] = found
        fresh = before is not None and found[1] - before[1] <= SILENT
        if fresh and before is not None and before[0] == found[0]:
            return False
        identity = self._names.id(connection, name)
        if not fresh:
            if before is not None:
                self._close(connection, name, before[1])
            self._open(connection, identity, found[0].since or found[1], now)
        self._put_runs(connection, identity, found[0].runs, now)
        return True

    def _open(self, connection: Connection, identity: int, since: datetime, now: datetime) -> None:
        at = (job_covers.c.subject_id == identity) & (job_covers.c.known == ms(now))
        connection.execute(delete(job_covers).where(at))
        connection.execute(insert(job_covers).values(subject_id=identity, known=ms(now), since=ms(min(since, now))))

    def _close(self, connection: Connection, name: str, until: datetime) -> None:
        identity = self._names.id(connection, name)
        still = (job_covers.c.subject_id == identity) & job_covers.c.until.is_(None)
        connection.execute(update(job_covers).where(still, job_covers.c.known <= ms(until)).values(until=ms(until)))
        connection.execute(update(job_covers).where(still).values(until=job_covers.c.known))

    def _put_runs(self, connection: Connection, identity: int, runs: Iterable[Ran], now: datetime) -> None:
        told = {ms(run.began_at): run for run in runs}
        asked = select(job_runs).where(job_runs.c.subject_id == identity, job_runs.c.began.in_(list(told)))
        there = {row.began: row for row in connection.execute(asked)} if told else {}
        at = ms(now)
        for began, run in told.items():
            ended = None if run.ended_at is None else ms(run.ended_at)
            over = None if ended is None and run.result is None else at
            values = {"ended": ended, "result": run.result, "over_known": over}
            row = there.get(began)
            if row is None:
                connection.execute(insert(job_runs).values(subject_id=identity, began=began, known=at, **values))
            elif (row.ended, row.result) != (ended, run.result):
                key = (job_runs.c.subject_id == identity) & (job_runs.c.began == began)
                connection.execute(update(job_runs).where(key).values(values))


def forget_before(connection: Connection, horizon: datetime) -> None:
    """Forget the runs that began before a moment, and what was to be said of them. The last plan of each stays."""
    until = ms(horizon)
    connection.execute(delete(job_runs).where(job_runs.c.began < until))
    connection.execute(delete(job_covers).where(job_covers.c.until < until))
    later = job_plans.alias()
    replaced = select(later.c.known).where(
        later.c.subject_id == job_plans.c.subject_id, later.c.known > job_plans.c.known, later.c.known < until
    )
    connection.execute(delete(job_plans).where(job_plans.c.known < until, replaced.exists()))


# --- reading -------------------------------------------------------------------------------------------------------


def record(
    connection: Connection,
    names: Names,
    subject: str,
    since: datetime,
    until: datetime,
    *,
    known_by: datetime | None = None,
) -> RunRecord:
    """Return when a subject was to run over a span and when it ran, as far as that was known by a moment."""
    identity = names.find(connection, subject)
    if identity is None:
        return RunRecord()
    by = None if known_by is None else ms(known_by)
    return RunRecord(
        tuple(_plans(connection, identity, since, until, by)),
        tuple(_covers(connection, identity, since, until, by)),
        tuple(_runs(connection, identity, since, until, by)),
    )


def _plans(connection: Connection, identity: int, since: datetime, until: datetime, by: int | None) -> Iterator[Plan]:
    c = job_plans.c
    mine = select(job_plans).where(c.subject_id == identity, *_by(c.known, by))
    first = connection.execute(mine.where(c.known <= ms(since)).order_by(c.known.desc()).limit(1)).one_or_none()
    if first is not None:
        yield _plan(first)
    inside = mine.where(c.known > ms(since), c.known <= ms(until)).order_by(c.known).limit(MOST)
    yield from map(_plan, connection.execute(inside))


def _covers(connection: Connection, identity: int, since: datetime, until: datetime, by: int | None) -> Iterator[Cover]:
    c = job_covers.c
    touching = or_(c.until.is_(None), c.until >= ms(since)), c.since <= ms(until)
    asked = select(job_covers).where(c.subject_id == identity, *touching, *_by(c.known, by)).order_by(c.known)
    for row in connection.execute(asked.limit(MOST)):
        open_then = row.until is None or (by is not None and row.until > by)
        yield Cover(moment(row.since), moment(row.known), None if open_then else moment(row.until))


def _runs(connection: Connection, identity: int, since: datetime, until: datetime, by: int | None) -> list[Run]:
    c = job_runs.c
    mine = select(job_runs).where(c.subject_id == identity, *_by(c.known, by))
    before = mine.where(c.began < ms(since)).order_by(c.began.desc()).limit(BEFORE)
    inside = mine.where(c.began >= ms(since), c.began <= ms(until)).order_by(c.began.desc()).limit(MOST)
    rows = [*connection.execute(inside), *connection.execute(before)]
    return [_run(row, by) for row in reversed(rows)]


def _by(column: Column[int], by: int | None) -> list[Any]:
    return [] if by is None else [column <= by]


def _run(row: Any, by: int | None) -> Run:  # noqa: ANN401 -- a row of the table
    known = moment(row.known)
    if by is not None and (row.over_known is None or row.over_known > by):
        return Run(moment(row.began), None, None, known)
    return Run(moment(row.began), None if row.ended is None else moment(row.ended), row.result, known)


def _plan(row: Any) -> Plan:  # noqa: ANN401 -- a row of the table
    due = None if row.due is None else moment(row.due)
    return Plan(
        moment(row.known), row.schedule, row.zone, row.zone_configured, row.is_on, row.runner, row.catches_up, due
    )


def _same(before: Plan | None, plan: Plan) -> bool:
    """Whether two plans say the same, to the millisecond that is kept."""
    if before is None:
        return False
    return _bare(before) == _bare(plan)


def _bare(plan: Plan) -> tuple[object, ...]:
    return (*plan[1:-1], None if plan.due is None else ms(plan.due))


def _grouped(snapshot: Snapshot) -> Grouped:
    return snapshot.readings if isinstance(snapshot.readings, Grouped) else Grouped.of(snapshot.readings)
