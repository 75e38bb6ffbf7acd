"""Taking in what streams tell: new sessions, newer revisions, repeats; and what that does to the counts of groups.

How far a stream was taken in is written in the same transaction. The rules are those of ``sessions``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from itertools import islice
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, delete, func, insert, select, tuple_, update

from quarterdeck.store import session_days
from quarterdeck.store.schema import ms
from quarterdeck.store.sessions import (
    ALL_INSTANCES,
    Place,
    Record,
    Stream,
    body_of,
    count_of,
    groups,
    revisions,
    row_of,
    sessions,
    words,
    words_of,
    write_stream,
)

AT_ONCE = 400


def take(connection: Connection, stream: Stream, records: Iterable[Record], known_at: datetime) -> int:
    """Take in a batch of an instance's stream, with how far that went; return how many sessions changed by it."""
    changed = 0
    todo = iter(records)
    while batch := list(islice(todo, AT_ONCE)):
        changed += _Intake(connection, stream.instance, stream.epoch, ms(known_at)).take(batch)
    write_stream(connection, stream)
    return changed


class _Held(NamedTuple):
    """A session as the ledger holds it."""

    seq: int
    group_id: int
    epoch: int
    revision: int
    known_at: int
    first_known_at: int
    title: str | None
    body: str
    started: int
    tokens: int
    cost: int
    priced: bool
    new: bool = False


class _Intake:
    """One batch: what it adds, what it replaces, and by how much the groups change."""

    def __init__(self, connection: Connection, instance: str, epoch: int, known_at: int) -> None:
        self._connection = connection
        self._instance = instance
        self._epoch = epoch
        self._known_at = known_at
        self._groups: dict[Place, int] = {}
        self._deltas: dict[int, list[int]] = {}
        self._days: dict[int, list[int]] = {}

    def take(self, batch: Sequence[Record]) -> int:
        """Write what is new in a batch."""
        held = self._held({record["id"] for record in batch})
        newest: dict[str, Record] = {}
        for record in batch:
            before = newest.get(record["id"])
            if before is None or record["revision"] >= before["revision"]:
                newest[record["id"]] = record
        self._find_groups({row_of(record, self._instance)[0] for record in newest.values()})
        next_seq = self._next_seq()
        added, replaced, repeated = [], [], []
        for identity, record in newest.items():
            before_it = held.get(identity)
            if before_it is None:
                added.append(self._row(record, next_seq, self._known_at, self._known_at))
                next_seq += 1
            elif self._holds(before_it, record):
                continue
            elif body_of(record) == before_it.body and record.get("title") == before_it.title:
                repeated.append((before_it, record))
            else:
                replaced.append((before_it, record))
        self._add(added)
        self._replace(replaced)
        self._repeat(repeated)
        self._apply_deltas()
        return len(added) + len(replaced)

    def _held(self, ids: set[str]) -> dict[str, _Held]:
        named = (sessions.c[name] for name in _Held._fields[:-1])
        found = self._connection.execute(
            select(sessions.c.id, *named).where(sessions.c.instance == self._instance, sessions.c.id.in_(sorted(ids)))
        )
        return {row[0]: _Held(*row[1:]) for row in found}

    def _holds(self, held: _Held, record: Record) -> bool:
        """Whether what the ledger holds is newer than a record, or the very same revision."""
        return (held.epoch, held.revision) >= (self._epoch, record["revision"])

    def _next_seq(self) -> int:
        return int(self._connection.execute(select(func.coalesce(func.max(sessions.c.seq), 0))).scalar_one()) + 1

    def _find_groups(self, wanted: AbstractSet[Place]) -> None:
        """Learn the numbers of groups, and make those that are new."""
        place = tuple_(groups.c.instance, groups.c.source, groups.c.model, groups.c.outcome)
        known = select(groups.c.id, groups.c.instance, groups.c.source, groups.c.model, groups.c.outcome)
        for row in self._connection.execute(known.where(place.in_(sorted(wanted)))):
            self._groups[row.instance, row.source, row.model, row.outcome] = row.id
        last = int(self._connection.execute(select(func.coalesce(func.max(groups.c.id), 0))).scalar_one())
        new = sorted(wanted - self._groups.keys())
        if new:
            names = ("instance", "source", "model", "outcome")
            rows = [{"id": last + n, **dict(zip(names, one, strict=True))} for n, one in enumerate(new, 1)]
            self._connection.execute(insert(groups), rows)
            self._groups |= {one: last + n for n, one in enumerate(new, 1)}

    def _row(self, record: Record, seq: int, known_at: int, first_known_at: int) -> dict[str, Any]:
        place, row = row_of(record, self._instance)
        group_id = self._groups[place]
        self._count(group_id, 1, row)
        at = {"known_at": known_at, "first_known_at": first_known_at, "epoch": self._epoch}
        return {"seq": seq, "group_id": group_id, **at, **row}

    def _count(self, group_id: int, sign: int, row: Mapping[str, Any]) -> None:
        by = count_of(row)
        for sums in (
            self._deltas.setdefault(group_id, [0] * len(by)),
            self._days.setdefault(session_days.day_of(row["started"]), [0] * len(by)),
        ):
            sums[:] = [was + sign * more for was, more in zip(sums, by, strict=True)]

    def _add(self, rows: list[dict[str, Any]]) -> None:
        if rows:
            self._connection.execute(insert(sessions), rows)
            self._index((row["seq"], row["title"]) for row in rows)

    def _replace(self, pairs: list[tuple[_Held, Record]]) -> None:
        """Write newer revisions over older ones, and keep the older ones with the moments of our knowing them."""
        if not pairs:
            return
        kept, rows = [], []
        for held, record in pairs:
            known_at = max(self._known_at, held.known_at)  # our clock may have been set back
            if known_at > held.known_at:
                kept.append({"seq": held.seq, "known_at": held.known_at, "title": held.title, "body": held.body})
            self._count(held.group_id, -1, held._asdict())
            rows.append(self._row(record, held.seq, known_at, held.first_known_at))
        if kept:
            self._connection.execute(insert(revisions), kept)
        self._update(rows)
        titled = [(held.seq, record.get("title")) for held, record in pairs if held.title != record.get("title")]
        if titled:
            self._connection.execute(delete(words).where(words.c.seq.in_([seq for seq, _ in titled])))
            self._index(titled)

    def _update(self, rows: list[dict[str, Any]]) -> None:
        settable = [name for name in rows[0] if name not in {"seq", "instance", "id", "first_known_at"}]
        statement = (
            update(sessions).where(sessions.c.seq == bindparam("of")).values({n: bindparam(n) for n in settable})
        )
        self._connection.execute(statement, [{"of": row["seq"], **{n: row[n] for n in settable}} for row in rows])

    def _repeat(self, pairs: list[tuple[_Held, Record]]) -> None:
        """What is told again, and is the same, only moves on in its stream."""
        if pairs:
            statement = (
                update(sessions)
                .where(sessions.c.seq == bindparam("of"))
                .values(epoch=bindparam("epoch"), revision=bindparam("revision"))
            )
            moved = [{"of": held.seq, "epoch": self._epoch, "revision": record["revision"]} for held, record in pairs]
            self._connection.execute(statement, moved)

    def _index(self, titled: Iterable[tuple[int, str | None]]) -> None:
        rows = [{"word": word, "seq": seq} for seq, title in titled if title for word in sorted(words_of(title))]
        if rows:
            self._connection.execute(insert(words), rows)

    def _apply_deltas(self) -> None:
        """Change the counts of the groups, and those of all instances together."""
        self._deltas |= self._of_all()
        names = ("sessions", "tokens", "tokens_unknown", "cost", "unpriced")
        rows = [
            {"of": group_id, **{f"by_{name}": by for name, by in zip(names, delta, strict=True)}}
            for group_id, delta in self._deltas.items()
            if any(delta)
        ]
        if rows:
            statement = (
                update(groups)
                .where(groups.c.id == bindparam("of"))
                .values({name: groups.c[name] + bindparam(f"by_{name}") for name in names})
            )
            self._connection.execute(statement, rows)
        self._deltas = {}
        session_days.add(self._connection, self._instance, self._days)
        self._days = {}

    def _of_all(self) -> dict[int, list[int]]:
        """Return by how much the groups of all instances together change."""
        changed = select(groups).where(groups.c.id.in_(sorted(self._deltas)))
        found = [
            (row.id, (ALL_INSTANCES, row.source, row.model, row.outcome)) for row in self._connection.execute(changed)
        ]
        self._find_groups({place for _, place in found})
        deltas: dict[int, list[int]] = {}
        for group_id, place in found:
            before = deltas.get(self._groups[place], [0] * len(self._deltas[group_id]))
            deltas[self._groups[place]] = [a + b for a, b in zip(before, self._deltas[group_id], strict=True)]
        return deltas
