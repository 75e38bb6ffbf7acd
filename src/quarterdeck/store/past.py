"""What was known at a moment: a snapshot as it was recorded.

Rule 1: a snapshot that is read back is the one that was recorded, to the microsecond.
Rule 2: of a moment it is the last one that was recorded until then. Where the clock went back, and a moment was there
        twice, the later of the two holds.
Rule 3: where snapshots were thinned out, the one before stands for them, and it can be told of which moment it is true.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, and_, bindparam, func, select

from quarterdeck.store import codec
from quarterdeck.store.codec import Content
from quarterdeck.store.readings import FLEET, GONE, LOOK, clocks, keys, late, origins, readings, records, ticks
from quarterdeck.store.schema import Names, exact, subjects, us
from quarterdeck.truth.grouped import Grouped
from quarterdeck.truth.instance import ALL, Instance
from quarterdeck.truth.past import Late
from quarterdeck.truth.reading import AnyReading, Origin
from quarterdeck.truth.snapshot import Look, Snapshot


class Record(NamedTuple):
    """One recorded snapshot, by number."""

    seq: int
    known_at: datetime
    epoch: int
    version: int
    until: datetime | None

    def moment(self, at: datetime) -> datetime:
        """Return the moment not after ``at`` of which this snapshot is the whole truth."""
        return at if self.until is None or at < self.until else self.known_at


_RECORD = select(records.c.seq, records.c.known_us, records.c.epoch, records.c.version, records.c.until_us)
_AT = (
    _RECORD.where(records.c.step == bindparam("step"), records.c.known_us <= bindparam("at"))
    .order_by(records.c.known_us.desc(), records.c.seq.desc())
    .limit(1)
)


def record_at(connection: Connection, at: datetime) -> Record | None:
    """Return the last snapshot recorded until a moment; None when memory begins later."""
    step = connection.execute(select(func.max(records.c.step))).scalar_one()
    while step is not None and step >= 0:
        row = connection.execute(_AT, {"step": step, "at": us(at)}).one_or_none()
        if row is not None:
            return _record(row)
        step -= 1
    return None


def last_record(connection: Connection) -> Record | None:
    """Return the snapshot that was recorded last, whatever the clock said."""
    row = connection.execute(_RECORD.order_by(records.c.seq.desc()).limit(1)).one_or_none()
    return None if row is None else _record(row)


def began(connection: Connection) -> datetime | None:
    """Return the earliest moment of which something is known."""
    first = connection.execute(select(func.min(records.c.known_us)).where(records.c.step == 0)).scalar_one()
    if first is None:
        first = connection.execute(select(func.min(records.c.known_us))).scalar_one()
    return None if first is None else exact(first)


def _record(row: Any) -> Record:  # noqa: ANN401 -- a row of ``_RECORD``
    until = None if row.until_us is None else exact(row.until_us)
    return Record(row.seq, exact(row.known_us), row.epoch, row.version, until)


_other = readings.alias()
_ROWS = (
    select(keys.c.subject, keys.c.field, readings)
    .join_from(
        keys,
        readings,
        and_(
            readings.c.key == keys.c.id,
            readings.c.seq
            == select(func.max(_other.c.seq))
            .where(_other.c.key == keys.c.id, _other.c.seq.between(bindparam("epoch"), bindparam("seq")))
            .scalar_subquery(),
        ),
    )
    .where(readings.c.clock.is_not(None))
    .order_by(keys.c.id)
)
_earlier = ticks.alias()
_CLOCKS = (
    select(clocks.c.clock, ticks.c.at_us)
    .join_from(
        clocks,
        ticks,
        and_(
            ticks.c.clock == clocks.c.clock,
            ticks.c.seq
            == select(func.max(_earlier.c.seq))
            .where(_earlier.c.clock == clocks.c.clock, _earlier.c.seq.between(bindparam("epoch"), bindparam("seq")))
            .scalar_subquery(),
        ),
    )
    .where(clocks.c.epoch == bindparam("epoch"))
)


def load(connection: Connection, names: Names, record: Record) -> Snapshot:
    """Return a recorded snapshot."""
    place = {"epoch": record.epoch, "seq": record.seq}
    times = {row.clock: exact(row.at_us) for row in connection.execute(_CLOCKS, place)}
    held = _Held(times, _origins(connection))
    rows = connection.execute(_ROWS, place).all()
    held.take(rows, {number: names.name(connection, number) for number in {row.subject for row in rows}})
    return Snapshot(record.version, record.known_at, held.fleet, Grouped(held.fields), held.looks, held.gone)


def _origins(connection: Connection) -> Mapping[int, Origin]:
    return {row.id: Origin(row.source, row.locator) for row in connection.execute(select(origins))}


class _Held:
    """What the rows of a snapshot say."""

    def __init__(self, times: Mapping[int, datetime], origins: Mapping[int, Origin]) -> None:
        self._times, self._origins = times, origins
        self.fields: dict[str, dict[str, AnyReading]] = {}
        self.looks: dict[str, Look] = {}
        self.gone: dict[str, datetime] = {}
        self.fleet: tuple[Instance, ...] = ()

    def take(self, rows: Sequence[Any], names: Mapping[int, str]) -> None:
        following, bodies = [], {}
        for number, field, _, _, clock, origin, lives, reason, body in rows:
            subject, at = names[number], self._times[clock]
            if field == LOOK:
                source = subject.removeprefix("source:")
                self.looks[source], bodies[subject] = codec.look(source, body, at), body
            elif field == GONE:
                self.gone[subject] = at
            elif field == FLEET:
                self.fleet = codec.fleet(body)
            elif body is None:
                following.append((subject, field, origin, lives, at))
            else:
                said = Content(self._origins[origin], lives, reason, body)
                self.fields.setdefault(subject, {})[field] = codec.reading(subject, field, said, at)
        for subject, field, origin, lives, at in following:
            said = Content(self._origins[origin], lives, None, codec.took(bodies[subject]))
            self.fields.setdefault(subject, {})[field] = codec.reading(subject, field, said, at)


_LATE = (
    select(subjects.c.name, keys.c.field, late, readings, origins.c.source, origins.c.locator)
    .join_from(late, readings, and_(readings.c.key == late.c.key, readings.c.seq == late.c.seq))
    .join(keys, keys.c.id == late.c.key)
    .join(subjects, subjects.c.id == keys.c.subject)
    .join(origins, origins.c.id == readings.c.origin)
)


def learnt_late(
    connection: Connection, at: datetime, until: datetime, *, instance: str | None = None, limit: int
) -> Iterator[Late]:
    """Return what was true at or before a moment and became known after it, up to ``until``; oldest first."""
    known, last = record_at(connection, at), record_at(connection, until)
    if last is None:
        return
    asked = _LATE.where(late.c.seq <= last.seq, late.c.true_us <= us(at))
    if known is not None:
        asked = asked.where(late.c.seq > known.seq)
    if instance is not None and instance != ALL:
        asked = asked.where(subjects.c.instance.in_((instance, ALL)))
    for row in connection.execute(asked.order_by(late.c.seq, late.c.key).limit(limit)):
        said = Content(Origin(row.source, row.locator), row.lives_us, row.reason, row.body)
        reading = codec.reading(row.name, row.field, said, exact(row.at_us))
        yield Late(reading, exact(row.true_us), exact(row.known_us))
