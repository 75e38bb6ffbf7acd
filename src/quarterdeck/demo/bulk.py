"""The rows of a sessions database that has seen years of work, the same for the same seed and moment.

Rule 1: the tables are the agent's own. Columns are named, and what a release does not have is left out.
Rule 2: rows stand as the agent would have written them: ids of messages grow with time, whatever session they are of.
Rule 3: no text is real. Each begins with the shape's mark, so that any program that passes one on can be caught.

The agent's search index stays as empty as it was: its triggers are taken away while rows are written in bulk, and put
back afterwards, so the agent finds everything in place and rebuilds nothing.
"""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from operator import itemgetter
from pathlib import Path
from random import Random
from typing import Any, Final

TEXT: Final = "benchmark-text"
"""How every invented text begins."""

DAY_S: Final = 86_400.0
QUIET_S: Final = 1_200.0
"""No session moved later than this before now, except those that are live."""
LIVE_S: Final = 60.0
"""How recently each live session moved: well within the five minutes that both programs call live."""
SPAN_S: Final = 7_200.0
PROMPT_BYTES: Final = 11_700
CHUNK: Final = 50_000

SOURCES: Final = ("telegram", "cli", "cron", "api_server", "discord", "webhook", "slack")
WEIGHTS: Final = (34, 22, 26, 6, 6, 4, 2)
NEVER_ENDED: Final = frozenset({"cli"})
"""The agent does not write down that such a session is over."""
MODELS: Final = ("large-model-1", "large-model-2", "small-model-1")
PRICED: Final = ("estimated", "included", "unknown", None)

MESSAGES: Final = ("session_id", "role", "content", "tool_calls", "tool_name", "timestamp", "finish_reason")
MESSAGES_NEWER: Final = ("observed", "active", "compacted")
MESSAGE: Final = (*MESSAGES, *MESSAGES_NEWER)
SESSIONS: Final = (
    *("id", "source", "model", "system_prompt", "started_at", "ended_at", "end_reason", "message_count"),
    *("tool_call_count", "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens"),
    *("reasoning_tokens", "billing_provider", "estimated_cost_usd", "cost_status", "title", "api_call_count"),
)
USAGE: Final = (
    *("session_id", "model", "billing_provider", "task", "api_call_count", "input_tokens", "output_tokens"),
    *("cache_read_tokens", "estimated_cost_usd", "first_seen", "last_seen"),
)
TIMES: Final = {
    "sessions": ("started_at", "ended_at"),
    "messages": ("timestamp",),
    "session_model_usage": ("first_seen", "last_seen"),
}

BUSY: Final = (*(0.15,) * 6, 0.4, 0.7, *(1.0,) * 10, 0.8, 0.7, 0.6, 0.5, 0.3, 0.2)
"""How many of the sessions that could begin in each hour of the day do."""
ENDED, TITLED, ASIDE = 0.9, 0.7, 0.3
"""Shares of the sessions: ended, with a title, with side work."""
STEPS: Final = ("user", "call", "tool", "answer")
"""How the messages of a session follow each other."""

Say = Callable[[str], None]
Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Shape:
    """How big a home is and what it is like."""

    name: str
    sessions: int
    messages: int
    jobs: int
    live: int = 40
    """Sessions in which something happened within the last minute; every other one began yesterday."""
    days: float = 180.0
    seed: int = 1
    version: str = "0.19.0"
    text: str = TEXT
    """How every text of it begins."""
    titles: tuple[str, ...] = ()
    """What sessions are called, with a number behind; the mark where nothing is said."""
    job_ids: tuple[str, ...] = ()
    """The jobs whose runs have sessions."""
    prompt_bytes: int = PROMPT_BYTES
    models: tuple[str, ...] = MODELS
    priced: tuple[str | None, ...] = PRICED


@dataclass(slots=True)
class Session:
    """One session to be written, and how far its messages are."""

    number: int
    id: str
    source: str
    started_at: float
    until: float
    messages: int
    ended: bool
    written: int = field(default=0)


def fill(path: Path, shape: Shape, now: float, say: Say) -> None:
    """Write the sessions and messages of a shape into an empty database of the agent."""
    random = Random(f"{shape.name}/{shape.seed}")
    sessions = _sessions(random, shape, now)
    with _in_bulk(path) as db:
        insert(db, "sessions", SESSIONS, _session_rows(random, sessions, shape))
        insert(db, "session_model_usage", USAGE, _usage_rows(random, sessions, shape))
        _write_messages(db, random, sessions, Texts(random, shape.text), say)


def move(path: Path, seconds: float) -> None:
    """Let everything in the database have happened so much later."""
    with _in_bulk(path) as db:
        for table, columns in TIMES.items():
            there = [column for column in columns if column in _columns(db, table)]
            if there:
                changes = ", ".join(f"{column} = {column} + ?1" for column in there)
                db.execute(f"UPDATE {table} SET {changes}", (seconds,))


@contextmanager
def _in_bulk(path: Path) -> Iterator[sqlite3.Connection]:
    """Open the database for one great change: indexes and triggers are put back at the end, and the log is back on.

    What is cut off leaves a broken file, so whoever calls this works on one that nobody else uses yet.
    """
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -200000;")
        about = "SELECT type, name, sql FROM sqlite_schema WHERE type IN ('index', 'trigger') AND sql IS NOT NULL"
        put_away = db.execute(f"{about} AND tbl_name NOT LIKE '%fts%' ORDER BY type").fetchall()
        for kind, name, _ in put_away:
            db.execute(f"DROP {kind} {name}")
        db.execute("BEGIN")
        yield db
        db.execute("COMMIT")
        for _, _, sql in put_away:
            db.execute(sql)
        db.execute("PRAGMA journal_mode = WAL")


def _columns(db: sqlite3.Connection, table: str) -> list[str]:
    return [name for (name,) in db.execute("SELECT name FROM pragma_table_info(?)", (table,))]


def insert(db: sqlite3.Connection, table: str, names: Sequence[str], rows: Iterable[Row]) -> None:
    """Insert rows by the names of their columns, without those that this release does not have."""
    there = _columns(db, table)
    kept = [name for name in names if name in there]
    if kept:
        pick = itemgetter(*(names.index(name) for name in kept))
        marks = ", ".join("?" * len(kept))
        db.executemany(f"INSERT INTO {table} ({', '.join(kept)}) VALUES ({marks})", map(pick, rows))


# --- sessions --------------------------------------------------------------------------------------------------------


def _sessions(random: Random, shape: Shape, now: float) -> list[Session]:
    """Return all sessions, the oldest first; the live ones are spread over yesterday and the last two hours."""
    live = min(shape.live, shape.sessions)
    begun = sorted(_begun(random, shape, now) for _ in range(shape.sessions - live))
    counts = _split(random, shape.messages - 2 * live, shape.sessions)
    sessions = [_past(random, shape, number, at, counts[number], now=now) for number, at in enumerate(begun)]
    for number in range(live):
        yesterday = number % 2 == 0
        at = now - (random.uniform(25, 29) * 3600 if yesterday else random.uniform(600, 7200))
        source = ("telegram", "discord")[yesterday]
        made = _session(random, shape, len(sessions), source, at, messages=counts[len(sessions)] + 2)
        made.until = now - random.uniform(1, LIVE_S)
        sessions.append(made)
    return sorted(sessions, key=lambda session: session.started_at)


def _begun(random: Random, shape: Shape, now: float) -> float:
    """Return when a session began: by day more often than by night, and lately a little more often than long ago."""
    while True:
        at = now - QUIET_S - math.pow(random.random(), 1.15) * shape.days * DAY_S
        if random.random() < BUSY[int(at % DAY_S // 3600)]:
            return at


def _past(random: Random, shape: Shape, number: int, at: float, messages: int, *, now: float) -> Session:
    source = random.choices(SOURCES, WEIGHTS)[0]
    made = _session(random, shape, number, source, at, messages=messages)
    made.until = min(at + random.random() * SPAN_S, now - QUIET_S)
    made.ended = source not in NEVER_ENDED and random.random() < ENDED
    return made


def _session(random: Random, shape: Shape, number: int, source: str, at: float, *, messages: int) -> Session:
    moment = f"{datetime.fromtimestamp(at, UTC):%Y%m%d_%H%M%S}"
    job = random.choice(shape.job_ids) if shape.job_ids else f"{random.randrange(1 << 48):012x}"
    name = f"cron_{job}_{moment}_{number:x}" if source == "cron" else f"{moment}_{number:06x}"
    return Session(number, name, source, at, at, messages, ended=False)


def _split(random: Random, total: int, parts: int) -> list[int]:
    """Split a number into parts of very different size, as conversations have."""
    weights = [random.lognormvariate(0, 1) for _ in range(parts)]
    scale = total / math.fsum(weights)
    counts = [int(weight * scale) for weight in weights]
    for number in range(total - sum(counts)):
        counts[number % parts] += 1
    return counts


def _session_rows(random: Random, sessions: Iterable[Session], shape: Shape) -> Iterator[Row]:
    texts = Texts(random, shape.text)
    for each in sessions:
        calls = each.messages // 4
        tokens = 900 * each.messages
        status = random.choice(shape.priced)
        title = random.choice(shape.titles or (shape.text,))
        cost = round(tokens * 2e-6, 6) if status == "estimated" else 0.0
        yield (
            *(each.id, each.source, random.choice(shape.models), texts.take(shape.prompt_bytes), each.started_at),
            *(each.until if each.ended else None, "session_reset" if each.ended else None, each.messages, calls),
            *(tokens, 40 * each.messages, 3 * tokens, 0, 0, "example", cost, status),
            *(f"{title} {each.number}" if random.random() < TITLED else None, 2 * calls),
        )


def _usage_rows(random: Random, sessions: Iterable[Session], shape: Shape) -> Iterator[Row]:
    for each in sessions:
        model, tokens = random.choice(shape.models), 900 * each.messages
        when = (each.started_at, each.until)
        yield (each.id, model, "example", "", each.messages // 2, tokens, 40 * each.messages, 3 * tokens, 0.01, *when)
        if random.random() < ASIDE:
            yield (each.id, shape.models[-1], "example", "title_generation", 1, 900, 20, 0, 0.0001, *when)


# --- messages --------------------------------------------------------------------------------------------------------


def _write_messages(
    db: sqlite3.Connection, random: Random, sessions: Sequence[Session], texts: Texts, say: Say
) -> None:
    moments = _moments(random, sessions)
    for first in range(0, len(moments), CHUNK):
        chunk = moments[first : first + CHUNK]
        insert(db, "messages", MESSAGE, (message(random, texts, sessions[at], when) for when, at in chunk))
        say(f"{first + len(chunk):,} of {len(moments):,} messages")


def _moments(random: Random, sessions: Sequence[Session]) -> list[tuple[float, int]]:
    """Return when a message was written and in which session, the oldest first; a session's last is its very end."""
    moments = []
    for at, each in enumerate(sessions):
        span = each.until - each.started_at
        moments += [(each.started_at + span * random.random(), at) for _ in range(each.messages - 1)]
        if each.messages:
            moments.append((each.until, at))
    moments.sort()
    return moments


def message(random: Random, texts: Texts, session: Session, when: float) -> Row:
    """Return the session's next message: a question, a call of a tool, its result, an answer, and so on."""
    step, session.written = session.written % len(STEPS), session.written + 1
    marks = (0, 1, 0)
    if step == 0:
        return (session.id, "user", texts.take(random.randrange(60, 400)), None, None, when, None, *marks)
    if step == 1:
        function = {"name": "terminal", "arguments": texts.take(random.randrange(20, 200))}
        call = {"id": f"call_{session.written}", "type": "function", "function": function}
        return (session.id, "assistant", None, json.dumps([call]), None, when, "tool_calls", *marks)
    if step == STEPS.index("tool"):
        return (session.id, "tool", texts.take(random.randrange(100, 1600)), None, "terminal", when, None, *marks)
    return (session.id, "assistant", texts.take(random.randrange(100, 1400)), None, None, when, "stop", *marks)


class Texts:
    """Invented text of any length."""

    WORDS: Final = ("harbour", "lantern", "compass", "anchor", "tide", "rope", "sail", "keel", "mast", "chart")

    def __init__(self, random: Random, mark: str = TEXT) -> None:
        self._random, self._mark = random, mark
        self._all = " ".join(random.choices(self.WORDS, k=100_000))

    def take(self, length: int) -> str:
        """Return that many characters; none is like another."""
        start = self._random.randrange(len(self._all) - length)
        return f"{self._mark} {self._all[start : start + length - len(self._mark) - 1]}"
