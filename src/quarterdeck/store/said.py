"""What was said of one subject, where it became another thing: which reading, from when on, and what it was before.

Rule: only fields that say how something is are told. What merely moves on (a beat, a count, an age) changes with every
look, and would hide everything else.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import Connection, and_, func, or_, select

from quarterdeck.store import codec
from quarterdeck.store.codec import Content
from quarterdeck.store.readings import keys, origins, readings, records, ticks
from quarterdeck.store.schema import exact, subjects, us
from quarterdeck.truth.fields import FIELDS, Field, Kind, kind_of
from quarterdeck.truth.past import Said
from quarterdeck.truth.reading import Origin
from quarterdeck.truth.shapes import Bool, Ident, Idents, Optional, Schedule, Text, Word

TELLING = (Bool, Word, Ident, Idents, Schedule, Text)

_before, _older, _tick = readings.alias(), readings.alias(), ticks.alias()
_origin_before = origins.alias()
_PREVIOUS = (
    select(func.max(_older.c.seq))
    .where(_older.c.key == readings.c.key, _older.c.seq < readings.c.seq)
    .scalar_subquery()
)
_SEEN = (
    select(_tick.c.at_us)
    .where(_tick.c.clock == readings.c.clock, _tick.c.seq <= readings.c.seq)
    .order_by(_tick.c.seq.desc())
    .limit(1)
    .scalar_subquery()
)
_SAID = (
    select(
        keys.c.field,
        records.c.known_us,
        readings.c.lives_us,
        readings.c.reason,
        readings.c.body,
        origins.c.source,
        origins.c.locator,
        _before.c.lives_us.label("lives_before"),
        _before.c.reason.label("reason_before"),
        _before.c.body.label("body_before"),
        _origin_before.c.source.label("source_before"),
        _origin_before.c.locator.label("locator_before"),
        _SEEN.label("at_us"),
    )
    .join_from(subjects, keys, keys.c.subject == subjects.c.id)
    .join(readings, readings.c.key == keys.c.id)
    .join(records, records.c.seq == readings.c.seq)
    .join(origins, origins.c.id == readings.c.origin)
    .join(_before, and_(_before.c.key == readings.c.key, _before.c.seq == _PREVIOUS))
    .join(_origin_before, _origin_before.c.id == _before.c.origin)
    .where(
        readings.c.body.is_not(None),
        _before.c.body.is_not(None),
        or_(
            readings.c.body.is_distinct_from(_before.c.body),
            readings.c.reason.is_distinct_from(_before.c.reason),
        ),
    )
    .order_by(readings.c.seq.desc(), keys.c.field)
)


def between(connection: Connection, subject: str, since: datetime, until: datetime, *, limit: int) -> Iterator[Said]:
    """Return what was said otherwise of a subject in ``(since, until]``, newest first."""
    telling = [field.name for field in FIELDS.values() if field.of == kind_of(subject) and tells(field)]
    asked = _SAID.where(
        subjects.c.name == subject,
        keys.c.field.in_(telling),
        records.c.known_us > us(since),
        records.c.known_us <= us(until),
    )
    for row in connection.execute(asked.limit(limit)):
        known = exact(row.known_us)
        now = Content(Origin(row.source, row.locator), row.lives_us, row.reason, row.body)
        was = Content(
            Origin(row.source_before, row.locator_before), row.lives_before, row.reason_before, row.body_before
        )
        seen = known if row.at_us is None else exact(row.at_us)
        yield Said(known, codec.reading(subject, row.field, now, seen), codec.reading(subject, row.field, was, seen))


def tells(field: Field[object]) -> bool:
    """Whether a field says how something is, and not merely how far it has got."""
    shape = field.shape.of if isinstance(field.shape, Optional) else field.shape
    return isinstance(shape, TELLING) and field.kind is not Kind.PERIODIC
