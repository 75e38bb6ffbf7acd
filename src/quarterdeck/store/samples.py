"""How numbers went: every look at a number, thinned out with its age.

Rule 1: only what was seen is kept. A reading that is unavailable, stale or none brings no number: a gap is not a zero.
Rule 2: a look is added to its step on every level at once, in the transaction that records it. Nothing is thinned out
        later, so nothing can be thinned out twice or half; what is added is kept whatever the clock did in between.
Rule 3: a step keeps the lowest, the highest, the sum and the number of its looks.
Rule 4: a level is forgotten from its far end, a slice of the series at a time; where it begins stands beside it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Double,
    Executable,
    ForeignKey,
    Integer,
    PrimaryKeyConstraint,
    Select,
    Table,
    Text,
    UniqueConstraint,
    bindparam,
    case,
    delete,
    func,
    insert,
    select,
    update,
)

from quarterdeck.store import alert_hours
from quarterdeck.store.numbers import Seen, jobs, numbers
from quarterdeck.store.schema import Id, Moment, Names, metadata, moment, ms, subjects, upsert
from quarterdeck.truth.grouped import Grouped
from quarterdeck.truth.instance import ALL
from quarterdeck.truth.past import Point, Trend
from quarterdeck.truth.reading import Origin
from quarterdeck.truth.snapshot import Snapshot


class Level(NamedTuple):
    """How finely numbers are kept, and for how long."""

    step: int
    """Milliseconds; 0 for each moment by itself."""
    keep: timedelta


YEARS: Final = timedelta(days=731)
LEVELS: Final = (
    Level(0, timedelta(hours=48)),
    Level(300_000, timedelta(days=30)),
    Level(3_600_000, YEARS),
    Level(86_400_000, YEARS),
    Level(604_800_000, YEARS),
)
"""From the finest to the coarsest; each step is a whole number of the one before.

A day is a day in UTC; a week begins on Monday.
"""

BEAT: Final = timedelta(seconds=30)
"""What does not change is looked at so often."""
MONDAY: Final = 4 * 86_400_000
"""The first Monday after the beginning of time: steps are counted from it."""
SLICE: Final = 200
"""Series that are thinned out at once."""

series = Table(
    "series",
    metadata,
    Column("id", Id, primary_key=True),
    Column("subject_id", BigInteger, ForeignKey("subjects.id"), nullable=False),
    Column("field", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("locator", Text, nullable=False),
    Column("last_at", Moment, nullable=False),
    UniqueConstraint("subject_id", "field", name="uq_series"),
)
"""What is kept over time, who says so, and which look at it was the last."""

samples = Table(
    "samples",
    metadata,
    Column("step", Integer, nullable=False),
    Column("series", BigInteger, nullable=False),
    Column("at", Moment, nullable=False),
    Column("low", Double, nullable=False),
    Column("high", Double, nullable=False),
    Column("total", Double, nullable=False),
    Column("count", BigInteger, nullable=False),
    PrimaryKeyConstraint("step", "series", "at", name="pk_samples"),
    sqlite_with_rowid=False,
)

horizons = Table(
    "sample_horizons",
    metadata,
    Column("step", Integer, primary_key=True, autoincrement=False),
    Column("at", Moment, nullable=False),
)
"""From when on each level is whole; a level that is not named has forgotten nothing."""


class Samples:
    """Keeps numbers over time."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._beat: datetime | None = None
        """When everything was looked at last. Lost with the process: then it is looked at once more."""
        self._thinned = 0
        """The last series that was thinned out."""

    # --- recording -------------------------------------------------------------------------------------------------

    def observe(self, connection: Connection, snapshot: Snapshot, changed: Collection[str]) -> None:
        """Record what changed; at every beat, also what did not."""
        now = snapshot.generated_at
        beat = self._beat is None or not timedelta(0) <= now - self._beat < BEAT
        readings = snapshot.readings if isinstance(snapshot.readings, Grouped) else Grouped.of(snapshot.readings)
        seen = list(numbers(readings.subjects, readings.subjects if beat else changed, now))
        if beat:
            seen += jobs(readings.subjects, now)
            alert_hours.count(connection)
            self._beat = now
        self.add(connection, seen)

    def add(self, connection: Connection, seen: Iterable[Seen]) -> int:
        """Add looks to every level; the one that was added last is not added again. Return how many were added."""
        held = self._held(connection, seen := list(seen))
        rows, moved, begun = list[dict[str, Any]](), dict[int, int](), list[Seen]()
        for each in seen:
            found = held.get((each.subject, each.field))
            if found is None:
                begun.append(each)
            elif found.last_at != ms(each.at):
                rows += _rows(found.id, each)
                moved[found.id] = ms(each.at)
                if (found.source, found.locator) != each.origin:
                    self._says(connection, found.id, each.origin)
        for each in begun:
            rows += _rows(self._begin(connection, each), each)
        if moved:
            statement = update(series).where(series.c.id == bindparam("of")).values(last_at=bindparam("to"))
            connection.execute(statement, [{"of": of, "to": to} for of, to in moved.items()])
        if rows:
            connection.execute(_merging(connection), rows)
        return len(rows) // len(LEVELS)

    def _held(self, connection: Connection, seen: list[Seen]) -> dict[tuple[str, str], Any]:
        """Return the series that are there already."""
        ids = {self._names.find(connection, name): name for name in {each.subject for each in seen}}
        ids.pop(None, None)
        wanted, found = iter(ids), dict[tuple[str, str], Any]()
        while some := [each for each in islice(wanted, 500) if each is not None]:
            for row in connection.execute(select(series).where(series.c.subject_id.in_(some))):
                found[ids[row.subject_id], row.field] = row
        return found

    def _begin(self, connection: Connection, seen: Seen) -> int:
        values = {
            "subject_id": self._names.id(connection, seen.subject),
            "field": seen.field,
            "source": seen.origin.source,
            "locator": seen.origin.locator,
            "last_at": ms(seen.at),
        }
        return int(connection.execute(insert(series).values(values).returning(series.c.id)).scalar_one())

    def _says(self, connection: Connection, identity: int, origin: Origin) -> None:
        statement = update(series).where(series.c.id == identity)
        connection.execute(statement.values(source=origin.source, locator=origin.locator))

    # --- forgetting ------------------------------------------------------------------------------------------------

    def prune(self, connection: Connection, now: datetime) -> bool:
        """Forget what is older than its level keeps, in the next slice of the series; return whether there are more."""
        statement = select(series.c.id).where(series.c.id > self._thinned).order_by(series.c.id).limit(SLICE)
        some = list(connection.execute(statement).scalars())
        for level in LEVELS:
            until = floor(ms(now - level.keep), level.step)
            _move_horizon(connection, level, until)
            old = [samples.c.step == level.step, samples.c.series == bindparam("of"), samples.c.at < until]
            if some:
                connection.execute(delete(samples).where(*old), [{"of": each} for each in some])
        alert_hours.forget_before(connection, now - YEARS)
        self._thinned = some[-1] if len(some) == SLICE else 0
        return self._thinned > 0

    # --- reading ---------------------------------------------------------------------------------------------------

    def tracked(self, connection: Connection, instance: str | None = None) -> list[tuple[str, str]]:
        """Return what is kept over time, of an instance and of what is shared, or of everybody."""
        statement = select(subjects.c.name, series.c.field).join(subjects, subjects.c.id == series.c.subject_id)
        if instance is not None:
            statement = statement.where(subjects.c.instance.in_((instance, ALL)))
        rows = connection.execute(statement.order_by(subjects.c.name, series.c.field))
        return [(name, field) for name, field in rows]

    def trends(
        self,
        connection: Connection,
        fields: Sequence[tuple[str, str]],
        since: datetime,
        until: datetime,
        step: timedelta,
    ) -> list[Trend]:
        """Return how numbers went, in the order of the question. The first step is whole, the last ends at ``until``.

        Steps are as long as asked for, or as long as what is kept of ``since`` allows.
        """
        wanted = set(fields)
        found = self._held(connection, [Seen(name, field, Origin("", ""), since, 0.0) for name, field in fields])
        held = {pair: row for pair, row in found.items() if pair in wanted}
        level = _level(connection, ms(since), step // timedelta(milliseconds=1))
        width = _whole(step // timedelta(milliseconds=1), level.step)
        steps: dict[int, dict[int, Point]] = {row.id: {} for row in held.values()}
        for part, start, end in _parts(level, floor(ms(since), width), ms(until)) if held else ():
            question = _rows_of(part, sorted(steps), start, end, width)
            for identity, *row in connection.execute(*question).all():
                _add(steps[identity], *row)
        return [_trend(pair, held.get(pair), steps, width) for pair in fields]


# --- writing ---------------------------------------------------------------------------------------------------------


def _rows(identity: int, seen: Seen) -> list[dict[str, Any]]:
    at, value = ms(seen.at), seen.value
    told = {"series": identity, "low": value, "high": value, "total": value, "count": 1}
    return [told | {"step": level.step, "at": floor(at, level.step)} for level in LEVELS]


def _merging(connection: Connection) -> Executable:
    """Return the insert that adds a look to its step."""
    statement = upsert(connection, samples)
    new, old = statement.excluded, samples.c
    return statement.on_conflict_do_update(
        index_elements=[old.step, old.series, old.at],
        set_={
            "low": case((new.low < old.low, new.low), else_=old.low),
            "high": case((new.high > old.high, new.high), else_=old.high),
            "total": old.total + new.total,
            "count": old.count + new.count,
        },
    )


def _move_horizon(connection: Connection, level: Level, to: int) -> None:
    statement = upsert(connection, horizons).values(step=level.step, at=to)
    further = horizons.c.at < statement.excluded.at
    statement = statement.on_conflict_do_update(
        index_elements=[horizons.c.step], set_={"at": statement.excluded.at}, where=further
    )
    connection.execute(statement)


# --- reading ---------------------------------------------------------------------------------------------------------


def floor(at: int, step: int) -> int:
    """Return where the step begins in which a moment lies, both in milliseconds."""
    return at - (at - MONDAY) % step if step else at


def _whole(step: int, of: int) -> int:
    """Return a step, or the next longer one that is a whole number of those of its level."""
    return -(-step // of) * of if of else step


def _level(connection: Connection, since: int, step: int) -> Level:
    """Return the coarsest level that divides the step, or the first above it that still knows of ``since``."""
    fitting = [level for level in LEVELS if level.step <= step and (not level.step or step % level.step == 0)]
    begins = {row.step: row.at for row in connection.execute(select(horizons))}
    for level in LEVELS[len(fitting) - 1 :]:
        if begins.get(level.step, since) <= since:
            return level
    return LEVELS[-1]


def _parts(level: Level, begin: int, until: int) -> Iterator[tuple[Level, int, int]]:
    """Part a span among the levels: whole steps of the coarse one, then of the finer ones, then single moments.

    So the last step holds what was seen up to ``until``, and nothing that was seen after it.
    """
    for each in reversed(LEVELS[: LEVELS.index(level) + 1]):
        end = floor(until, each.step) if each.step else until + 1
        if end > begin:
            yield each, begin, end
            begin = end


def _rows_of(level: Level, ids: Sequence[int], start: int, end: int, width: int) -> tuple[Select[Any], dict[str, Any]]:
    """Return what reads a part of a level, and its values: as its rows are, or folded into wider steps."""
    values = {"step": level.step, "ids": ids, "start": start, "end": end}
    if width == level.step:
        return _AS_THEY_ARE, values
    return _FOLDED, values | {"width": width, "zero": MONDAY}


_C: Final = samples.c
_WHERE: Final = (
    _C.step == bindparam("step"),
    _C.series.in_(bindparam("ids", expanding=True)),
    _C.at >= bindparam("start"),
    _C.at < bindparam("end"),
)
_AS_THEY_ARE: Final = select(_C.series, _C.at, _C.low, _C.high, _C.total, _C.count).where(*_WHERE)
_BEGINS: Final = (_C.at - (_C.at - bindparam("zero")) % bindparam("width")).label("begins")
_FOLDED: Final = (
    select(_C.series, _BEGINS, func.min(_C.low), func.max(_C.high), func.sum(_C.total), func.sum(_C.count))
    .where(*_WHERE)
    .group_by(_C.series, _BEGINS)
)
"""Made once: putting a question together costs more than answering it."""


def _add(steps: dict[int, Point], begins: int, low: float, high: float, total: float, looks: int) -> None:  # noqa: PLR0917 -- a row of the table
    """Add a row to its step."""
    if was := steps.get(begins):
        low, high, total, looks = (
            min(low, was.low),
            max(high, was.high),
            total + was.mean * was.looks,
            looks + was.looks,
        )
    looks, mean = int(looks), total / float(looks)
    mean = low if mean < low else min(mean, high)  # the mean of fractions may be off by a hair
    steps[begins] = Point(moment(begins), low, mean, high, looks)


def _trend(pair: tuple[str, str], row: Any, steps: Mapping[int, Mapping[int, Point]], width: int) -> Trend:  # noqa: ANN401 -- a row of whatever database
    step = timedelta(milliseconds=width)
    if row is None:
        return Trend(*pair, None, step, ())
    points = steps[row.id]
    return Trend(*pair, Origin(row.source, row.locator), step, tuple(points[at] for at in sorted(points)))
