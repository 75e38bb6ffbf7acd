"""The ledger of sessions: every session of every instance in its newest revision, and what was known of it before.

Rule 1: how far an instance's stream has been taken in stands in the same transaction as the rows it brought. Whoever
        is killed in between has taken in all of a batch or nothing of it; a batch that comes twice changes nothing.
Rule 2: of two revisions the higher one holds, in whatever order they come. A stream that begins anew is another epoch,
        and what a newer epoch says holds over all that an older one said.
Rule 3: what the agent deletes stays. A revision that is replaced is kept with the moment from which we knew it.
Rule 4: what can be counted beforehand is: how many sessions of each group (instance, platform, model, outcome) there
        are, and what they used, stands beside them and changes in the same transaction.

Every order in which the ledger can be read has one number per session (a key), ``UNKNOWN`` where it is not known.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    bindparam,
    delete,
    func,
    insert,
    select,
    tuple_,
    update,
)

from quarterdeck.store import session_days
from quarterdeck.store.schema import metadata, moment, ms
from quarterdeck.truth.past import Entry
from quarterdeck.truth.reading import Origin, Reason

UNKNOWN = -1
BIGGEST = (1 << 62) - 1
NANOS = 1_000_000_000
"""Money is added up in whole billionths of a dollar: sums of fractions depend on their order."""

TEXT = Text().with_variant(Text(collation="C"), "postgresql")
"""Text that is compared by its characters' numbers, whatever language the database speaks."""

KEYS = {
    "started_at": "started",
    "ended_at": "ended",
    "duration": "duration",
    "messages": "messages",
    "tool_calls": "tool_calls",
    "tokens": "tokens",
    "cost": "cost",
}
"""The orders in which the ledger can be read, and the column of each."""

groups = Table(
    "session_groups",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("instance", TEXT, nullable=False),
    Column("source", TEXT, nullable=False),
    Column("model", TEXT, nullable=False),
    Column("outcome", TEXT, nullable=False),
    Column("sessions", BigInteger, nullable=False, default=0),
    Column("tokens", BigInteger, nullable=False, default=0),
    Column("tokens_unknown", BigInteger, nullable=False, default=0),
    Column("cost", BigInteger, nullable=False, default=0),
    Column("unpriced", BigInteger, nullable=False, default=0),
    UniqueConstraint("instance", "source", "model", "outcome", name="uq_session_groups"),
)
"""Sessions that no filter by a word can tell apart, and what they come to. The empty word stands for none."""

sessions = Table(
    "sessions",
    metadata,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("instance", TEXT, nullable=False),
    Column("id", TEXT, nullable=False),
    Column("group_id", Integer, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("known_at", BigInteger, nullable=False),
    Column("first_known_at", BigInteger, nullable=False),
    *(Column(name, BigInteger, nullable=False) for name in KEYS.values()),
    Column("priced", Boolean, nullable=False),
    Column("title", TEXT),
    Column("body", TEXT, nullable=False),
    UniqueConstraint("instance", "id", name="uq_sessions"),
    Index("ix_sessions_id", "id", "seq", "group_id", "started"),
    *(Index(f"ix_sessions_{name}", name, "seq", "group_id", "started") for name in KEYS.values() if name != "started"),
    Index("ix_sessions_started", "started", "seq", "group_id"),
    *(
        Index(f"ix_sessions_group_{name}", "group_id", name, "seq", "started")
        for name in KEYS.values()
        if name != "started"
    ),
    Index("ix_sessions_group_started", "group_id", "started", "seq"),
)

revisions = Table(
    "session_revisions",
    metadata,
    Column("seq", BigInteger, nullable=False),
    Column("known_at", BigInteger, nullable=False),
    Column("title", TEXT),
    Column("body", TEXT, nullable=False),
    PrimaryKeyConstraint("seq", "known_at", name="pk_session_revisions"),
)
"""What was known of a session before its newest revision, and since when it was."""

words = Table(
    "session_words",
    metadata,
    Column("word", TEXT, nullable=False),
    Column("seq", BigInteger, nullable=False),
    PrimaryKeyConstraint("word", "seq", name="pk_session_words"),
    Index("ix_session_words_seq", "seq", "word"),
)
"""The words of titles, by which sessions are found."""

streams = Table(
    "session_streams",
    metadata,
    Column("instance", TEXT, primary_key=True),
    Column("source", TEXT, nullable=False),
    Column("locator", TEXT, nullable=False),
    Column("cursor", TEXT),
    Column("epoch", BigInteger, nullable=False, default=0),
    Column("titles", Boolean, nullable=False, default=False),
    Column("whole", Boolean, nullable=False, default=False),
    Column("taken_at", BigInteger),
    Column("tried_at", BigInteger, nullable=False),
    Column("reason", TEXT),
    Column("detail", TEXT),
)
"""How far the stream of each instance has been taken in, or why it could not be."""

FIELDS = (
    *("source", "model", "parent", "started_at", "ended_at", "end_reason", "messages", "tool_calls", "api_calls"),
    *("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens", "side_tokens"),
    *("cost_usd", "cost_status", "side_cost_usd"),
)
"""What the body of a revision holds, in this order."""
MOMENTS = frozenset({"started_at", "ended_at"})

LONGEST_WORD, MOST_WORDS = 40, 16
WORD = re.compile(r"[^\W_]+")
AT_ONCE = 400

Record = Mapping[str, Any]
"""A session as a stream tells it: ``id``, ``revision``, what ``FIELDS`` names, and perhaps ``title``."""


class Stream(NamedTuple):
    """How it stands with the stream of one instance."""

    instance: str
    origin: Origin
    cursor: Any
    """Where to go on, as its reader understands it; None to begin at the beginning."""
    epoch: int
    titles: bool
    """Whether titles were let through when it was read."""
    whole: bool
    """Whether all of its history has been taken in."""
    taken_at: datetime | None
    """Up to when it has been taken in; None when it never was."""
    tried_at: datetime
    reason: Reason | None = None
    """Why it could not be taken in when it was last tried; None when it could."""
    detail: str = ""


# --- streams ---------------------------------------------------------------------------------------------------------


def read_streams(connection: Connection) -> dict[str, Stream]:
    """Return how it stands with every stream, by instance."""
    return {row.instance: _stream(row) for row in connection.execute(select(streams).order_by(streams.c.instance))}


def _stream(row: Any) -> Stream:  # noqa: ANN401 -- a row of whatever database
    return Stream(
        row.instance,
        Origin(row.source, row.locator),
        None if row.cursor is None else json.loads(row.cursor),
        row.epoch,
        row.titles,
        row.whole,
        None if row.taken_at is None else moment(row.taken_at),
        moment(row.tried_at),
        None if row.reason is None else Reason(row.reason),
        row.detail or "",
    )


def write_stream(connection: Connection, stream: Stream) -> None:
    """Note how it stands with a stream."""
    values = {
        "source": stream.origin.source,
        "locator": stream.origin.locator,
        "cursor": None if stream.cursor is None else json.dumps(stream.cursor, separators=(",", ":")),
        "epoch": stream.epoch,
        "titles": stream.titles,
        "whole": stream.whole,
        "taken_at": None if stream.taken_at is None else ms(stream.taken_at),
        "tried_at": ms(stream.tried_at),
        "reason": None if stream.reason is None else stream.reason.value,
        "detail": stream.detail or None,
    }
    done = connection.execute(update(streams).where(streams.c.instance == stream.instance).values(**values))
    if done.rowcount == 0:
        connection.execute(insert(streams).values(instance=stream.instance, **values))


# --- taking in -------------------------------------------------------------------------------------------------------


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
        self._groups: dict[tuple[str, ...], int] = {}
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
        self._find_groups(newest.values())
        next_seq = self._next_seq()
        added, replaced, repeated = [], [], []
        for identity, record in newest.items():
            before_it = held.get(identity)
            if before_it is None:
                added.append(self._row(record, next_seq, self._known_at, self._known_at))
                next_seq += 1
            elif self._holds(before_it, record):
                continue
            elif _body(record) == before_it.body and record.get("title") == before_it.title:
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

    def _find_groups(self, records: Iterable[Record]) -> None:
        """Learn the numbers of the groups these sessions belong to, and make those that are new."""
        wanted = {self._group(record) for record in records}
        place = tuple_(groups.c.instance, groups.c.source, groups.c.model, groups.c.outcome)
        known = select(groups.c.id, groups.c.instance, groups.c.source, groups.c.model, groups.c.outcome)
        for row in self._connection.execute(known.where(place.in_(sorted(wanted)))):
            self._groups[tuple(row[1:])] = row[0]
        last = int(self._connection.execute(select(func.coalesce(func.max(groups.c.id), 0))).scalar_one())
        new = sorted(wanted - self._groups.keys())
        if new:
            names = ("instance", "source", "model", "outcome")
            rows = [{"id": last + n, **dict(zip(names, one, strict=True))} for n, one in enumerate(new, 1)]
            self._connection.execute(insert(groups), rows)
            self._groups |= {one: last + n for n, one in enumerate(new, 1)}

    def _group(self, record: Record) -> tuple[str, ...]:
        entry = _entry(record, self._instance)
        return (self._instance, entry.source or "", entry.model or "", entry.outcome)

    def _row(self, record: Record, seq: int, known_at: int, first_known_at: int) -> dict[str, Any]:
        entry = _entry(record, self._instance)
        group_id = self._groups[self._group(record)]
        row = {
            "seq": seq,
            "instance": self._instance,
            "id": record["id"],
            "group_id": group_id,
            "epoch": self._epoch,
            "revision": record["revision"],
            "known_at": known_at,
            "first_known_at": first_known_at,
            "priced": entry.priced,
            "title": record.get("title"),
            "body": _body(record),
            **keys_of(entry),
        }
        self._count(group_id, 1, row["started"], row["tokens"], row["cost"], priced=entry.priced)
        return row

    def _count(self, group_id: int, sign: int, started: int, tokens: int, cost: int, *, priced: bool) -> None:
        by = (1, max(tokens, 0), tokens == UNKNOWN, max(cost, 0), not priced)
        for sums in (
            self._deltas.setdefault(group_id, [0, 0, 0, 0, 0]),
            self._days.setdefault(session_days.day_of(started), [0, 0, 0, 0, 0]),
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
            self._count(held.group_id, -1, held.started, held.tokens, held.cost, priced=held.priced)
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


def forget_titles(connection: Connection, instance: str) -> None:
    """Forget the titles of an instance whose policy does not let them through any more."""
    titled = select(sessions.c.seq).where(sessions.c.instance == instance)
    for table in (revisions, sessions):
        connection.execute(update(table).where(table.c.seq.in_(titled), table.c.title.is_not(None)).values(title=None))
    connection.execute(delete(words).where(words.c.seq.in_(titled)))


def forget_revisions(connection: Connection, before: datetime) -> int:
    """Forget superseded revisions that had ceased to be the newest before a moment; return how many they were."""
    later = revisions.alias()
    superseded = select(later.c.seq).where(
        later.c.seq == revisions.c.seq, later.c.known_at > revisions.c.known_at, later.c.known_at <= ms(before)
    )
    replaced = select(sessions.c.seq).where(sessions.c.seq == revisions.c.seq, sessions.c.known_at <= ms(before))
    done = connection.execute(delete(revisions).where(superseded.exists() | replaced.exists()))
    return done.rowcount


# --- records, rows and entries ---------------------------------------------------------------------------------------


def keys_of(entry: Entry) -> dict[str, int]:
    """Return a session's number in each order, by the name of its column."""
    return {
        "started": UNKNOWN if entry.started_at is None else ms(entry.started_at),
        "ended": UNKNOWN if entry.ended_at is None else ms(entry.ended_at),
        "duration": UNKNOWN if entry.duration is None else entry.duration // timedelta(milliseconds=1),
        "messages": _bounded(entry.messages),
        "tool_calls": _bounded(entry.tool_calls),
        "tokens": _bounded(entry.tokens),
        "cost": _bounded(None if entry.cost is None else round(entry.cost * NANOS)),
    }


def words_of(text: str) -> frozenset[str]:
    """Return the words of a text as they are looked for: without case, without accents of presentation."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return frozenset(word[:LONGEST_WORD] for word in islice(WORD.findall(plain), MOST_WORDS))


def entry_of(row: Any, origins: Mapping[str, Origin]) -> Entry:  # noqa: ANN401 -- a row of whatever database
    """Return a row as the ledger tells it: ``instance``, ``id``, ``known_at``, ``first_known_at``, title and body."""
    values = dict(zip(FIELDS, json.loads(row.body), strict=True))
    for name in MOMENTS:
        values[name] = None if values[name] is None else moment(values[name])
    return Entry(
        instance=row.instance,
        id=row.id,
        known_at=moment(row.known_at),
        first_known_at=moment(row.first_known_at),
        origin=origins[row.instance],
        title=row.title,
        **values,
    )


def _entry(record: Record, instance: str) -> Entry:
    at = moment(0)
    values = {name: record[name] for name in FIELDS}
    return Entry(instance, record["id"], at, at, Origin("", ""), title=record.get("title"), **values)


def _body(record: Record) -> str:
    values = (ms(record[name]) if name in MOMENTS and record[name] else record[name] for name in FIELDS)
    return json.dumps(list(values), separators=(",", ":"))


def _bounded(value: int | None) -> int:
    return UNKNOWN if value is None else min(max(value, 0), BIGGEST)


def origins(connection: Connection) -> dict[str, Origin]:
    """Return who tells the sessions of each instance."""
    found = connection.execute(select(streams.c.instance, streams.c.source, streams.c.locator))
    return {row.instance: Origin(row.source, row.locator) for row in found}


def chunks(values: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    """Part many numbers into portions that a question can carry."""
    return (values[start : start + size] for start in range(0, len(values), size))
