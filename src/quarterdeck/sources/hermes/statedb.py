"""What the sessions database says, asked as cheaply as it can be asked exactly.

Rule 1: the agent's own indexes are named in the question, because the planner goes astray without (400 ms instead of
        16). An index that is not there is not named: the answer is the same, only slower.
Rule 2: columns are asked for by name. One that is missing costs the figures that need it, and no others.
Rule 3: a long text is never touched on the way. Whatever stands behind a prompt or a message in its row costs a walk
        over all its pages, so times of messages come from the index, which holds nothing else.

Messages of the last day. They cannot be counted by their time, which has no index, so they are found by session: the
ids of messages only grow, hence the newest rows name the sessions that moved lately, and for each of these the index
knows all its messages in the window, wherever in the table they stand. The walk goes down at least to the oldest such
message, and ends when a long stretch below it (``QUIET`` steps of ``STEP`` rows) names no further session that moved.
Whoever walked before (``Walked``) need only go down to where the last walk began: every session that moved earlier was
named then. One thing could hide behind a quiet stretch: thousands of old messages imported during the day, with older
sessions beneath them that moved earlier that day while no session began. Nothing in the database could tell.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from quarterdeck.sources.files import SourceError
from quarterdeck.sources.hermes.answers import Answer, after, attempt, given
from quarterdeck.sources.sqlite import Database, Row, Value
from quarterdeck.truth.reading import Reason

STEP = 1_000
QUIET = 2
NEWEST_ID = (1 << 63) - 1

LAST_ANSWER_REACH = 20_000
"""How many ids back the last completed answer is looked for."""

LIVE_S = 300.0
"""A session is live when it had a message within this span."""

UNPRICED = frozenset({None, "", "none", "unknown"})
INCLUDED = "included"
"""Paid for by a subscription: no price is missing there."""

NOTHING = (0, 0.0)
COUNTS = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")
PRICES = ("actual_cost_usd", "estimated_cost_usd", "cost_status")


USAGE = "session_model_usage"
SIDE_WORK = """
    SELECT u.session_id, u.input_tokens, u.output_tokens, u.cache_read_tokens, u.cache_write_tokens,
           u.actual_cost_usd, u.estimated_cost_usd
    FROM json_each(?) AS s
    CROSS JOIN session_model_usage AS u INDEXED BY idx_session_model_usage_session ON u.session_id = s.value
    WHERE u.task <> ''
"""

IN_WINDOW = """
    SELECT s.value,
           (SELECT count(*) FROM messages INDEXED BY idx_messages_session
             WHERE session_id = s.value AND timestamp BETWEEN ?1 AND ?2),
           (SELECT timestamp FROM messages INDEXED BY idx_messages_session
             WHERE session_id = s.value AND timestamp >= ?1 ORDER BY timestamp LIMIT 1),
           (SELECT id FROM messages INDEXED BY idx_messages_session
             WHERE session_id = s.value AND timestamp >= ?1 ORDER BY timestamp LIMIT 1),
           (SELECT max(timestamp) FROM messages INDEXED BY idx_messages_session WHERE session_id = s.value)
    FROM json_each(?3) AS s
"""
"""Of each session: messages between two moments, time and id of the first since, time of the newest."""

STEP_NAMES = """
    SELECT DISTINCT session_id FROM
        (SELECT session_id FROM messages NOT INDEXED WHERE id < ? AND id > ? ORDER BY id DESC LIMIT ?)
"""
STEP_SPAN = """
    SELECT min(id), count(*) FROM
        (SELECT id FROM messages NOT INDEXED WHERE id < ? AND id > ? ORDER BY id DESC LIMIT ?)
"""

LAST_ANSWER = """
    SELECT timestamp FROM messages NOT INDEXED
    WHERE id >= ? AND role = 'assistant' AND tool_calls IS NULL AND (finish_reason IS NULL OR finish_reason = 'stop')
    ORDER BY id DESC LIMIT 1
"""

HINT = re.compile(r"INDEXED BY (\w+)")


class Shelf:
    """A database and what is known of its tables: columns and indexes by name."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._columns: dict[str, frozenset[str]] = {}
        self._indexes: frozenset[str] | None = None

    def columns(self, table: str) -> frozenset[str]:
        """Return the columns of a table; none when there is no such table."""
        if table not in self._columns:
            self._columns[table] = self._db.columns(table)
        return self._columns[table]

    def need(self, table: str, *columns: str) -> None:
        """Say what is missing: the table, or one of its columns."""
        if not self.columns(table):
            raise SourceError(Reason.SCHEMA, f"it has no table {table}")
        for column in columns:
            if column not in self.columns(table):
                raise SourceError(Reason.SCHEMA, f"its table {table} has no column {column}")

    def rows(self, sql: str, *params: Value) -> list[Row]:
        """Return everything a question finds, asked without the indexes that are not there."""
        return self._db.rows(self._hinted(sql), *params)

    def one(self, sql: str, *params: Value) -> Row | None:
        """Return the first row a question finds."""
        return self._db.one(self._hinted(sql), *params)

    def _hinted(self, sql: str) -> str:
        if self._indexes is None:
            found = self._db.rows("SELECT name FROM sqlite_schema WHERE type = 'index'")
            self._indexes = frozenset(str(name) for (name,) in found)
        there = self._indexes
        return HINT.sub(lambda hint: hint[0] if hint[1] in there else "", sql)


class Begun(NamedTuple):
    """Sessions that began within the window, and what they used."""

    at: Mapping[str, float]
    sources: tuple[object, ...]
    ended: frozenset[str]
    """Those known to have ended."""
    tokens: Answer[int]
    cost: Answer[float]
    unpriced: Answer[int]
    """How many used tokens that no price is known for."""
    entered_last_at: float | None
    """When the session that was entered last began: in the future only when a clock is wrong."""


class Walked(NamedTuple):
    """Where a walk began, and the sessions that had moved within its window."""

    top: int
    top_session: str
    sessions: tuple[str, ...]


class Messages(NamedTuple):
    """Messages within the window, and the newest of all."""

    found: int
    oldest_at: float | None
    """The oldest within the window: until it leaves, the count stays as it is."""
    newest: Mapping[str, float]
    """When each session that moved within the window last did."""
    newest_at: float | None
    """The newest message; None when there is none at all."""
    entered_last_at: float | None
    """The time of the message that was entered last: in the future only when a clock is wrong."""
    walked: Walked | None


def schema_version(shelf: Shelf) -> int:
    """Return the version the agent wrote of its own schema."""
    shelf.need("schema_version", "version")
    found = shelf.one("SELECT max(version) FROM schema_version")
    version = found[0] if found else None
    if not isinstance(version, int):
        raise SourceError(Reason.SCHEMA, "it does not say which version of its schema it has")
    return version


def total(shelf: Shelf) -> int:
    """Count the sessions."""
    shelf.need("sessions", "id")
    (found,) = shelf.one("SELECT count(*) FROM sessions INDEXED BY idx_sessions_started") or (None,)
    return _whole(found)


def begun(shelf: Shelf, since: float, until: float) -> Begun:
    """Return the sessions that began between two moments, in one pass: their rows are long."""
    shelf.need("sessions", "id", "source", "started_at")
    there = [name for name in ("ended_at", *COUNTS, *PRICES) if name in shelf.columns("sessions")]
    named = ", ".join(("id", "source", "started_at", *there))  # each is a name written above
    sql = f"SELECT {named} FROM sessions INDEXED BY idx_sessions_started WHERE started_at >= ?"  # noqa: S608
    rows = [row for row in shelf.rows(sql, since) if _number(row[2]) <= until]
    uses = {str(row[0]): dict(zip(there, row[3:], strict=True)) for row in rows}
    side = attempt(side_work, shelf, uses)
    tokens = attempt(_tokens, shelf, uses, side)
    costs = attempt(_costs, shelf, uses, side)
    last = shelf.one("SELECT started_at FROM sessions ORDER BY rowid DESC LIMIT 1")
    return Begun(
        {str(row[0]): _number(row[2]) for row in rows},
        tuple(row[1] for row in rows),
        frozenset(session for session, used in uses.items() if used.get("ended_at") is not None),
        after(tokens, lambda all_: sum(main + aside for main, aside in all_)),
        after(costs, lambda all_: math.fsum(main + aside for main, aside, _ in all_)),
        attempt(_unpriced, tokens, costs),
        _number(last[0]) if last else None,
    )


def side_work(shelf: Shelf, sessions: Iterable[str]) -> Mapping[str, tuple[int, float]]:
    """Return tokens and cost of the side work of sessions (titles, vision, compression), accounted nowhere else."""
    if not shelf.columns(USAGE):
        return {}
    shelf.need(USAGE, "session_id", "task", *COUNTS, *PRICES[:2])
    found: dict[str, tuple[int, float]] = {}
    for session, *used in shelf.rows(SIDE_WORK, as_json(sessions)):
        tokens, cost = found.get(str(session), (0, 0.0))
        actual, estimated = used[-2:]
        found[str(session)] = (tokens + _counted(used[:-2]), cost + (_paid(actual) or _paid(estimated)))
    return found


Uses = Mapping[str, Mapping[str, object]]


def _tokens(shelf: Shelf, uses: Uses, side: Answer[Mapping[str, tuple[int, float]]]) -> list[tuple[int, int]]:
    """Return the tokens of each session, and those of its side work."""
    shelf.need("sessions", *COUNTS)
    aside = given(side)
    return [
        (_counted([used[name] for name in COUNTS]), aside.get(session, NOTHING)[0]) for session, used in uses.items()
    ]


def _costs(
    shelf: Shelf, uses: Uses, side: Answer[Mapping[str, tuple[int, float]]]
) -> list[tuple[float, float, object]]:
    """Return the cost of each session, that of its side work, and how the first is known."""
    shelf.need("sessions", *PRICES)
    aside, (actual, estimated, status) = given(side), PRICES
    return [
        (_paid(used[estimated] if used[actual] is None else used[actual]), aside.get(session, NOTHING)[1], used[status])
        for session, used in uses.items()
    ]


def _unpriced(tokens: Answer[list[tuple[int, int]]], costs: Answer[list[tuple[float, float, object]]]) -> int:
    pairs = zip(given(tokens), given(costs), strict=True)
    return sum(
        (main > 0 and status in UNPRICED) or (aside > 0 and aside_cost == 0 and status != INCLUDED)
        for (main, aside), (_, aside_cost, status) in pairs
    )


def messages(shelf: Shelf, since: float, until: float, begun_since: Iterable[str], before: Walked | None) -> Messages:
    """Return what is known of all messages between two moments.

    They belong to the sessions that began within the window, to those the walk before had found, and to those that the
    newest rows name.
    """
    shelf.need("messages", "id", "session_id", "timestamp")
    top = shelf.one("SELECT id, session_id, timestamp FROM messages NOT INDEXED ORDER BY id DESC LIMIT 1")
    if top is None:
        return Messages(0, None, {}, None, None, None)
    walk = _Walk(shelf, since, until)
    walk.take(begun_since)
    known = before if before and _still_there(shelf, before) else None
    walk.take(known.sessions if known else ())
    walk.descend(known.top if known else 0)
    newest_at = max(walk.newest.values(), default=None)
    if newest_at is None:
        latest = shelf.rows("SELECT timestamp FROM messages NOT INDEXED ORDER BY id DESC LIMIT 200")
        newest_at = max(_number(stamp) for (stamp,) in latest)
    walked = Walked(_whole(top[0]), str(top[1]), tuple(walk.newest))
    return Messages(walk.count, walk.oldest_at, walk.newest, newest_at, _number(top[2]), walked)


def _still_there(shelf: Shelf, before: Walked) -> bool:
    """Say whether this is the database that was walked: the row the walk began at is still the same."""
    found = shelf.one("SELECT session_id FROM messages WHERE id = ?", before.top)
    return found is not None and found[0] == before.top_session


def unended(shelf: Shelf, sessions: Iterable[str]) -> frozenset[str]:
    """Return those of these sessions that have not ended."""
    shelf.need("sessions", "id", "ended_at")
    sql = "SELECT id FROM sessions WHERE id IN (SELECT value FROM json_each(?)) AND ended_at IS NULL"
    return frozenset(str(found) for (found,) in shelf.rows(sql, as_json(sessions)))


def last_answer(shelf: Shelf) -> float | None:
    """Return when the agent last completed an answer; None when it never did."""
    shelf.need("messages", "id", "role", "timestamp", "tool_calls", "finish_reason")
    first, last = shelf.one("SELECT (SELECT min(id) FROM messages), (SELECT max(id) FROM messages)") or (None, None)
    if first is None or last is None:
        return None
    oldest = max(_whole(first), _whole(last) - LAST_ANSWER_REACH)
    if found := shelf.one(LAST_ANSWER, oldest):
        return _number(found[0])
    if oldest == _whole(first):
        return None
    raise SourceError(
        Reason.MISSING, f"none among the newest {LAST_ANSWER_REACH} messages, and older ones are not read"
    )


def as_json(values: Iterable[str]) -> str:
    """Return texts in the one form in which a question can carry any number of them."""
    return json.dumps(list(values))


class _Walk:
    """Finds the messages between two moments, and the sessions they belong to."""

    def __init__(self, shelf: Shelf, since: float, until: float) -> None:
        self._shelf = shelf
        self._window = (since, until)
        self._seen: set[str] = set()
        self._floor = NEWEST_ID
        self.count = 0
        self.oldest_at: float | None = None
        self.newest: dict[str, float] = {}

    def take(self, sessions: Iterable[str]) -> bool:
        """Add the messages of sessions not seen before; say whether any of these moved within the window."""
        unseen = set(sessions) - self._seen
        self._seen |= unseen
        rows = self._shelf.rows(IN_WINDOW, *self._window, as_json(unseen)) if unseen else []
        moved = [row for row in rows if row[2] is not None]
        for session, count, oldest, first_id, newest in moved:
            self.count += _whole(count)
            self.newest[str(session)] = _number(newest)
            self.oldest_at = min(_number(oldest), self.oldest_at or math.inf)
            self._floor = min(self._floor, _whole(first_id))
        return bool(moved)

    def descend(self, known: int) -> None:
        """Go down from the newest row to a row from which everything is known, or until nothing more is expected."""
        below, quiet = NEWEST_ID, 0
        while quiet < QUIET:
            step = (below, known, STEP)
            beneath = below <= self._floor
            moved = self.take(str(name) for (name,) in self._shelf.rows(STEP_NAMES, *step))
            lowest, count = self._shelf.one(STEP_SPAN, *step) or (None, 0)
            if _whole(count) < STEP:
                return
            below = _whole(lowest)
            quiet = quiet + 1 if beneath and not moved else 0


def _number(value: object) -> float:
    if isinstance(value, int | float) and math.isfinite(value):
        return float(value)
    raise SourceError(Reason.CORRUPT, "a time in it is not a number")


def _whole(value: object) -> int:
    if isinstance(value, int):
        return value
    raise SourceError(Reason.CORRUPT, "a count in it is not a whole number")


def _counted(values: Iterable[object]) -> int:
    """Add up numbers of tokens. The agent leaves one out where it never counted any."""
    total = 0
    for value in values:
        if value is not None:
            if not isinstance(value, int) or value < 0:
                raise SourceError(Reason.CORRUPT, "a number of tokens in it is none")
            total += value
    return total


def _paid(value: object) -> float:
    """Return an amount of money. The agent leaves it out where it never knew any."""
    if value is None:
        return 0.0
    if isinstance(value, int | float) and math.isfinite(value):
        return float(value)
    raise SourceError(Reason.CORRUPT, "an amount of money in it is none")
