"""Records snapshots, and writes only what is new of each.

Rule: a guess never costs truth. What a row says is expected to go on being so; at every snapshot the expectation is
compared with what really is, and wherever they differ a row is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, func, insert, select

from quarterdeck.store import codec
from quarterdeck.store.company import Company, Found
from quarterdeck.store.readings import FLEET, GONE, LOOK, clocks, keys, late, origins, readings, records, ticks
from quarterdeck.store.schema import EPOCH, Names, us
from quarterdeck.truth.fields import NEXT_RUN_AT, OLDEST_DUE_AT, SOURCE_TOOK, Kind, field_for
from quarterdeck.truth.grouped import Fields, Grouped
from quarterdeck.truth.reading import AnyReading, Key, Knowledge, Known, Origin
from quarterdeck.truth.snapshot import Snapshot

EPOCH_LASTS: Final = timedelta(hours=24)
LATE_AFTER: Final = timedelta(seconds=5)
"""How long after something happened it may become known before it counts as learnt late: looks take turns."""
AHEAD: Final = frozenset({NEXT_RUN_AT, OLDEST_DUE_AT})
"""Moments that are planned, not past."""
NOTHING: Final = Grouped({})
OF_SOURCE: Final = "source:"
EMPTY: Final[Mapping[str, object]] = {
    "clock": None, "origin": None, "lives_us": None, "reason": None, "body": None,
}  # fmt: skip


class Recorded(NamedTuple):
    """What became of a snapshot."""

    seq: int
    changed: frozenset[str]
    """Subjects of which something new was written."""
    rows: int


class Recorder:
    """Keeps in mind what was last recorded. It belongs to whoever holds the right to record, and to one thread."""

    def __init__(self, names: Names, earlier: Mapping[Key, AnyReading] = NOTHING) -> None:
        """Begin. ``earlier`` is what was known when somebody last recorded here; it only tells which facts are new."""
        self._names, self._earlier = names, earlier
        self._last: Snapshot | None = None
        self.forget()

    def forget(self) -> None:
        """Forget what was recorded: it may not have been committed. The next snapshot is written whole."""
        self._numbers: _Numbers | None = None
        if self._last is not None:
            self._earlier = {**dict(self._earlier.items()), **dict(self._last.readings.items())}
        self._begin()

    def _begin(self) -> None:
        """Begin an epoch with the next snapshot."""
        self._last = None
        self._epoch: int | None = None
        self._epoch_at = EPOCH
        self._rest: dict[Key, str] = {}
        self._following: set[Key] = set()
        self._company = Company()

    def record(self, connection: Connection, snapshot: Snapshot) -> Recorded:
        """Write what is new in a snapshot. When the transaction fails, call ``forget``."""
        numbers = self._numbers = self._numbers or _Numbers(connection, self._names)
        known = snapshot.generated_at
        seq = numbers.begin(connection, known)
        if self._last is not None and not timedelta(0) <= known - self._epoch_at < EPOCH_LASTS:
            self._earlier = self._last.readings  # not added to what was known before: it would grow for ever
            self._begin()
        if self._epoch is None:
            self._epoch, self._epoch_at = seq, known
        found = self._compare(snapshot)
        ticked, placed = self._company.settle(found)
        numbers.learn(placed)
        row = {"seq": seq, "known_us": us(known), "step": numbers.step, "epoch": self._epoch}
        connection.execute(insert(records), [row | {"version": snapshot.version}])
        made = [{"epoch": self._epoch, "clock": tick.clock} for tick in ticked if tick.new]
        shown = [{"clock": tick.clock, "seq": seq, "at_us": us(tick.at)} for tick in ticked]
        rows = [self._row(key, seq, clock, snapshot, numbers) for key, clock in placed.items()]
        rows += [{**EMPTY, "key": numbers.key(key), "seq": seq} for key in found.removed]
        tardy = [
            {"seq": seq, "key": numbers.key(key), "true_us": us(at), "known_us": us(known), "at_us": us(seen)}
            for key, at, seen in self._tardy(placed, snapshot)
        ]
        numbers.write()
        for table, what in ((clocks, made), (ticks, shown), (readings, rows), (late, tardy)):
            if what:
                connection.execute(insert(table), what)
        self._last = snapshot
        changed = frozenset(subject for subject, _ in (*placed, *found.removed))
        return Recorded(seq, changed, len(rows) + len(shown))

    def _row(self, key: Key, seq: int, clock: int, snapshot: Snapshot, numbers: _Numbers) -> dict[str, object]:
        row = {**EMPTY, "key": numbers.key(key), "seq": seq, "clock": clock}
        if key in self._rest:
            return row | {"body": self._rest[key]}
        said = codec.content(snapshot.readings[key])
        self._following.discard(key)
        if _follows(key, snapshot):
            self._following.add(key)
            said = said._replace(body=None)
        return row | {**said._asdict(), "origin": numbers.origin(said.origin)}

    # --- what is new -----------------------------------------------------------------------------------------------

    def _compare(self, snapshot: Snapshot) -> Found:
        found, now = Found(), _subjects(snapshot)
        subjects = {} if self._last is None else _subjects(self._last)
        for subject, fields in now.items():
            before = subjects.get(subject)
            if before is not fields:
                found.compare(subject, before or {}, fields, self._company)
        for subject in subjects.keys() - now.keys():
            found.removed.extend((subject, field) for field in subjects[subject])
        self._compare_looks(snapshot, found)
        self._compare_rest(snapshot, found)
        self._following.difference_update(found.removed)
        return found

    def _compare_looks(self, snapshot: Snapshot, found: Found) -> None:
        """Compare how looks went. How long one took need not be written a second time as a reading."""
        before = {} if self._last is None else self._last.looks
        for source, look in snapshot.looks.items():
            if before.get(source) is look:
                continue
            body, key = codec.look_body(look), (f"source:{source}", LOOK)
            if self._rest.get(key) != body or look.at != self._company.time(key):
                self._rest[key] = body
                found.hold(key, look.at, self._company)
            took = key[0], SOURCE_TOOK.name
            if took in self._following and took not in found.removed:
                self._compare_took(took, snapshot, found)
        for source in before.keys() - snapshot.looks.keys():
            self._drop((f"source:{source}", LOOK), found)
            took = f"source:{source}", SOURCE_TOOK.name
            if took in self._following and took not in found.removed:
                found.written[took] = codec.when(snapshot.readings[took])

    def _compare_took(self, key: Key, snapshot: Snapshot, found: Found) -> None:
        before = self._last.readings[key] if self._last is not None else None
        reading = snapshot.readings[key]
        if not _follows(key, snapshot):
            found.written[key] = codec.when(reading)
        elif isinstance(before, Known) and before.origin == reading.origin and _lives(before) == _lives(reading):
            found.written.pop(key, None)

    def _compare_rest(self, snapshot: Snapshot, found: Found) -> None:
        """Compare tombstones and the fleet: they change rarely, and were not observed at a moment of their own."""
        before = {} if self._last is None else self._last.gone
        for subject, at in snapshot.gone.items():
            if before.get(subject) != at:
                self._rest[subject, GONE] = ""
                found.hold((subject, GONE), at, self._company)
        for subject in before.keys() - snapshot.gone.keys():
            self._drop((subject, GONE), found)
        if self._last is None or self._last.instances is not snapshot.instances:
            body = codec.fleet_body(snapshot.instances)
            if self._rest.get(("", FLEET)) != body:
                self._rest["", FLEET] = body
                found.hold(("", FLEET), EPOCH, self._company)

    def _drop(self, key: Key, found: Found) -> None:
        del self._rest[key]
        found.removed.append(key)

    # --- what came late --------------------------------------------------------------------------------------------

    def _tardy(self, placed: Iterable[Key], snapshot: Snapshot) -> Iterator[tuple[Key, datetime, datetime]]:
        """Find what had been true for a while when it became known. What is seen the first time is new, not late."""
        for key in placed:
            reading = snapshot.readings.get(key)
            if not isinstance(reading, Known):
                continue
            true_at = _late(reading, snapshot.generated_at)
            if true_at is None:
                continue
            last = None if self._last is None else self._last.readings.get(key)
            before = [one for one in map(_known, (last, self._earlier.get(key))) if one is not None]
            if before and all(one.value != reading.value for one in before):
                yield key, true_at, reading.observed_at


def _lives(reading: AnyReading) -> timedelta | None:
    return reading.fresh_for if isinstance(reading, Known) else None


def _known(reading: AnyReading | None) -> Known[Any] | None:
    return reading if isinstance(reading, Known) or reading is None else reading.last


def _late(reading: Known[Any], known: datetime) -> datetime | None:
    """Return since when something was true that became known late; None when it did not."""
    field = field_for(reading.subject, reading.field)
    if field is not None and field.kind is Kind.EVENT and isinstance(reading.value, datetime):
        happened = field not in AHEAD and reading.value <= reading.observed_at
        return reading.value if happened and known - reading.value > LATE_AFTER else None
    fresh = reading.knowledge(known) is Knowledge.FRESH or reading.observed_at > known
    return None if fresh else reading.observed_at


def _subjects(snapshot: Snapshot) -> Mapping[str, Fields]:
    readings = snapshot.readings
    return (readings if isinstance(readings, Grouped) else Grouped.of(readings)).subjects


def _follows(key: Key, snapshot: Snapshot) -> bool:
    """Whether a reading is how long the last look of its source took."""
    if key[1] != SOURCE_TOOK.name or not key[0].startswith(OF_SOURCE):
        return False
    look, reading = snapshot.looks.get(key[0].removeprefix(OF_SOURCE)), snapshot.readings.get(key)
    return look is not None and isinstance(reading, Known) and look.took_ms == reading.value


class _Numbers:
    """The numbers of snapshots, keys and origins: known here, because nobody else gives any."""

    def __init__(self, connection: Connection, names: Names) -> None:
        self._names, self._connection = names, connection
        self._new_keys: list[dict[str, object]] = []
        self._new_origins: list[dict[str, object]] = []
        self._keys = {(row.subject, row.field): row.id for row in connection.execute(select(keys))}
        self._by_key: dict[Key, int] = {}
        self._origins = {Origin(row.source, row.locator): row.id for row in connection.execute(select(origins))}
        last = connection.execute(select(records).order_by(records.c.seq.desc()).limit(1)).one_or_none()
        self._seq: int = 0 if last is None else last.seq
        self.step: int = 0 if last is None else last.step
        self._known_us = last.known_us if last is not None else None
        self._next_key = (connection.execute(select(func.max(keys.c.id))).scalar_one() or 0) + 1
        self._next_origin = (connection.execute(select(func.max(origins.c.id))).scalar_one() or 0) + 1

    def begin(self, connection: Connection, known: datetime) -> int:
        """Return the number of the next snapshot; when its time lies before that of the last, the clock went back."""
        self._connection = connection
        if self._known_us is not None and us(known) < self._known_us:
            self.step += 1
        self._known_us = us(known)
        self._seq += 1
        return self._seq

    def learn(self, wanted: Iterable[Key]) -> None:
        """Learn the numbers of the subjects of some keys at once."""
        self._names.learn(self._connection, [key[0] for key in wanted if key not in self._by_key])

    def key(self, key: Key) -> int:
        """Return the number of a key."""
        found = self._by_key.get(key)
        if found is None:
            found = self._by_key[key] = self._stored(key)
        return found

    def _stored(self, key: Key) -> int:
        subject = self._names.id(self._connection, key[0])
        found: int | None = self._keys.get((subject, key[1]))
        if found is None:
            found, self._next_key = self._next_key, self._next_key + 1
            self._keys[subject, key[1]] = found
            self._new_keys.append({"id": found, "subject": subject, "field": key[1]})
        return found

    def origin(self, origin: Origin) -> int:
        """Return the number of an origin."""
        found = self._origins.get(origin)
        if found is None:
            found, self._next_origin = self._next_origin, self._next_origin + 1
            self._origins[origin] = found
            self._new_origins.append({"id": found, "source": origin.source, "locator": origin.locator})
        return found

    def write(self) -> None:
        """Write the numbers that are new."""
        for table, new in ((keys, self._new_keys), (origins, self._new_origins)):
            if new:
                self._connection.execute(insert(table), new)
                new.clear()
