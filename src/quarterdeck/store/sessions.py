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
    delete,
    insert,
    select,
    update,
)

from quarterdeck.store.schema import metadata, moment, ms
from quarterdeck.truth.past import Entry
from quarterdeck.truth.reading import Origin, Reason

UNKNOWN = -1
ALL_INSTANCES = ""
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
"""Sessions that no filter by a word can tell apart, and what they come to. The empty word stands for none; as an
instance (``ALL_INSTANCES``) for all of them together, so that a thousand instances are counted as soon as one.
"""

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

Place = tuple[str, str, str, str]
"""By which words a group is found: instance, platform, model, outcome."""
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


# --- forgetting -----------------------------------------------------------------------------------------------------


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


def as_entry(record: Record, instance: str) -> Entry:
    at = moment(0)
    values = {name: record[name] for name in FIELDS}
    return Entry(instance, record["id"], at, at, Origin("", ""), title=record.get("title"), **values)


def body_of(record: Record) -> str:
    values = (ms(record[name]) if name in MOMENTS and record[name] else record[name] for name in FIELDS)
    return json.dumps(list(values), separators=(",", ":"))


def row_of(record: Record, instance: str) -> tuple[Place, dict[str, Any]]:
    """Return the group a session belongs to, and its row, but for what only the ledger knows: numbers and moments."""
    entry = as_entry(record, instance)
    row = {
        "instance": instance,
        "id": record["id"],
        "revision": record["revision"],
        "priced": entry.priced,
        "title": record.get("title"),
        "body": body_of(record),
        **keys_of(entry),
    }
    return (instance, entry.source or "", entry.model or "", entry.outcome), row


def count_of(row: Mapping[str, Any]) -> tuple[int, int, int, int, int]:
    """Return what a session adds to its group: itself, tokens, whether they are unknown, cost, whether a price is."""
    tokens, cost = row["tokens"], row["cost"]
    return (1, max(tokens, 0), int(tokens == UNKNOWN), max(cost, 0), int(not row["priced"]))


def _bounded(value: int | None) -> int:
    return UNKNOWN if value is None else min(max(value, 0), BIGGEST)


def origins(connection: Connection, instances: Iterable[str] | None = None) -> dict[str, Origin]:
    """Return who tells the sessions of instances: of some, or of all."""
    wanted = select(streams.c.instance, streams.c.source, streams.c.locator)
    if instances is not None:
        wanted = wanted.where(streams.c.instance.in_(sorted(instances)))
    return {name: Origin(source, locator) for name, source, locator in connection.execute(wanted)}


def taken_in(connection: Connection, instance: str | None = None) -> dict[str, datetime]:
    """Return up to when the sessions of each instance, or of one, have been taken in."""
    wanted = select(streams.c.instance, streams.c.taken_at).where(streams.c.taken_at.is_not(None))
    if instance is not None:
        wanted = wanted.where(streams.c.instance == instance)
    return {name: moment(at) for name, at in connection.execute(wanted)}


def chunks(values: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    """Part many numbers into portions that a question can carry."""
    return (values[start : start + size] for start in range(0, len(values), size))
