"""Which turns the running gateway has begun and not completed.

Rule 1: a turn is open when the agent's own record of the session ends in the middle of one, and the record was written
        by the gateway that runs now. What an earlier process left behind is not open, it is lost.
Rule 2: what ended without an answer is not open either. A session that ended is in no turn; a failed call leaves a dump
        with the session's name; and the gateway notes how many turns it is in at each beginning and each end, so that
        of the turns whose last row is older than its note no more can be open than it noted: those that moved last.
Rule 3: a terminal is not the gateway. Whether a person's terminal still waits cannot be told from the home, so turns of
        such sessions, and of the helpers they sent out, are never claimed.

How the record shows a turn depends on the release. From 0.19 on every row is written when it happens: after a user's
row the model is awaited, after an assistant's row with tool calls the first tool without a result. From 0.17 on the
user's row is there from the start, and what follows may be written late. Before that a turn is written when it is over:
a new session has no rows at all, and of an older one only the snapshot that the agent writes between its steps is newer
than its rows. The first step of a later turn cannot be seen there.

A request to the agent's API leaves no trace when its caller goes away, so one that has been still for an hour counts as
given up. Beyond a day nothing is looked for: the agent itself gives up after half an hour.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from quarterdeck.sources import files
from quarterdeck.sources.files import SourceError
from quarterdeck.sources.hermes import names
from quarterdeck.sources.hermes.answers import attempt, from_text
from quarterdeck.sources.hermes.runner import Runner
from quarterdeck.sources.hermes.statedb import Shelf, as_json

WRITES_AS_IT_GOES = 22
WRITES_THE_QUESTION_FIRST = 16
NOTES_EVERY_TURN = 19
"""Schemas from which the agent does so (0.19, 0.17 and 0.18)."""

QUESTIONS = frozenset({"user", "tool"})
TERMINALS = frozenset({"", "acp", "cli", "desktop", "import", "local", "test", "tool", "tui", "unknown", "webui"})
HELPER = "subagent"
API = frozenset({"api_server"})
UNCOUNTED = API | {"cron", HELPER}
"""Work that the gateway's note of turns in progress does not follow to its end."""

GIVEN_UP_S = 3600.0
SNAPSHOT_SLACK_S = 1.0
GENERATIONS = 5
"""How far a helper's senders are followed."""

CALLS_AT_ONCE = 64
NOTE_LIMIT = 1_000_000
DUMPS_LIMIT = 20_000
SAFE = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,119}")

LAST_ROWS = """
    SELECT s.value, m.role, m.tool_calls IS NOT NULL FROM json_each(?) AS s CROSS JOIN messages AS m ON m.id =
        (SELECT id FROM messages INDEXED BY idx_messages_session WHERE session_id = s.value
          ORDER BY timestamp DESC, id DESC LIMIT 1)
"""
LAST_ROLES = """
    SELECT id, role FROM messages INDEXED BY idx_messages_session WHERE session_id = ?
    ORDER BY timestamp DESC, id DESC LIMIT ?
"""
UNENDED = """
    SELECT id, source, parent_session_id FROM sessions
    WHERE id IN (SELECT value FROM json_each(?)) AND ended_at IS NULL
"""
CALL = """
    SELECT json_type(tool_calls, ?1),
           coalesce(json_extract(tool_calls, ?1 || '.function.name'), json_extract(tool_calls, ?1 || '.name'))
    FROM messages WHERE id = ?2 AND json_valid(tool_calls)
"""
IN_FORCE = ("idx_messages_session WHERE", "idx_messages_session_active WHERE active = 1 AND")
"""Where the agent marks rows that were taken back, only the others count."""


class Turn(NamedTuple):
    """A turn that has begun and not ended: since when it has not moved, and what it waits for where that is written."""

    session: str
    source: str
    since: float
    waits_for: str | None = None
    """``model`` or ``tool``; None when this release does not write it down."""
    tool: str | None = None


class Silent(NamedTuple):
    """A session of an early release that may be in a turn: its rows end at ``since``, or have not begun since then."""

    session: str
    source: str
    since: float
    has_rows: bool


def find(shelf: Shelf, newest: Mapping[str, float], version: int, started: float) -> tuple[Turn, ...]:
    """Return the turns that the record leaves open, of sessions that moved since the gateway started."""
    shelf.need("messages", "id", "session_id", "role", "timestamp", "tool_calls")
    moved = [session for session, at in newest.items() if at >= started]
    rows = shelf.rows(_in_force(shelf, LAST_ROWS), as_json(moved))
    unfinished = [str(name) for name, role, calls in rows if role in QUESTIONS or (role == "assistant" and calls)]
    sources = _of_gateway(shelf, unfinished)
    phases = {name: _phase(shelf, name) if version >= WRITES_AS_IT_GOES else (None, None) for name in sources}
    return tuple(Turn(name, source, newest[name], *phases[name]) for name, source in sources.items())


def silent(shelf: Shelf, begun: Mapping[str, float], newest: Mapping[str, float], started: float) -> tuple[Silent, ...]:
    """Before 0.17: return the sessions that may be in a turn which is not written yet."""
    new = {name: at for name, at in begun.items() if at >= started and name not in newest}
    sources = _of_gateway(shelf, [*newest, *new])
    return tuple(
        Silent(name, source, newest.get(name, new.get(name, started)), name in newest)
        for name, source in sources.items()
    )


def heard(candidates: Iterable[Silent], home: Path, started: float) -> list[Turn]:
    """Return those whose snapshot moved after their rows, and those that have no rows at all."""
    found = []
    for one in candidates:
        snapshot = home / "sessions" / f"session_{one.session}.json"
        written = _written_at(snapshot) if SAFE.fullmatch(one.session) else None
        if not one.has_rows:
            found.append(Turn(one.session, one.source, max(one.since, written or 0.0)))
        elif written is not None and written >= started and written > one.since + SNAPSHOT_SLACK_S:
            found.append(Turn(one.session, one.source, written))
    return found


def still_open(turns: Iterable[Turn], home: Path, root: Path | None, now: datetime, runner: Runner) -> list[Turn]:
    """Return those turns of which nothing else in the home says that they are over."""
    found = [turn for turn in turns if turn.source not in API or now.timestamp() - turn.since <= GIVEN_UP_S]
    if not found:
        return []
    dumps = _dumps(home / "sessions")
    found = [turn for turn in found if not _has_failed(turn, home / "sessions", dumps)]
    notes = (_note(place, runner) for place in (home, root) if place)
    return _within(found, next((note for note in notes if note), None))


def _within(found: list[Turn], note: tuple[int, float] | None) -> list[Turn]:
    """Keep as many turns as the gateway says it is in. Of those that moved after its note it may not know better."""
    if note is None:
        return found
    in_progress, noted_at = note
    noted = sorted((turn for turn in found if turn.source not in UNCOUNTED), key=lambda turn: -turn.since)
    over = {turn.session for turn in noted[in_progress:] if turn.since <= noted_at}
    return [turn for turn in found if turn.session not in over]


def _in_force(shelf: Shelf, sql: str) -> str:
    return sql.replace(*IN_FORCE) if "active" in shelf.columns("messages") else sql


def _of_gateway(shelf: Shelf, sessions: Iterable[str]) -> dict[str, str]:
    """Return those of these sessions that a gateway runs and that have not ended, each with its source."""
    shelf.need("sessions", "id", "source", "ended_at", "parent_session_id")
    found = shelf.rows(UNENDED, as_json(sessions))
    sources = {str(name): str(source) for name, source, _ in found}
    senders = {str(name): _sender(shelf, parent) for name, source, parent in found if source == HELPER}
    return {name: source for name, source in sources.items() if senders.get(name, source) not in TERMINALS}


def _sender(shelf: Shelf, parent: object) -> str:
    """Return the source of the session that sent a helper out. One whose sender is not known belongs to nobody."""
    source: object = ""
    for _ in range(GENERATIONS):
        row = shelf.one("SELECT source, parent_session_id FROM sessions WHERE id = ?", str(parent))
        source, parent = row or ("", None)
        if source != HELPER:
            break
    return str(source)


def _phase(shelf: Shelf, session: str) -> tuple[str, str | None]:
    """Say what an unfinished turn waits for: the first tool call without a result, or else the model."""
    rows = shelf.rows(_in_force(shelf, LAST_ROLES), session, CALLS_AT_ONCE)
    results = next((number for number, (_, role) in enumerate(rows) if role != "tool"), len(rows))
    caller, role = rows[results] if results < len(rows) else (None, None)
    if role != "assistant":
        return "model", None
    call = shelf.one(CALL, f"$[{results}]", caller)
    if call is None or call[0] is None:
        return ("tool", None) if results == 0 else ("model", None)
    return "tool", names.tool(call[1])


def _has_failed(turn: Turn, folder: Path, dumps: Iterable[str]) -> bool:
    own = (name for name in dumps if name.startswith(f"request_dump_{turn.session}_"))
    return any((_written_at(folder / name) or 0.0) >= turn.since for name in own)


def _note(home: Path, runner: Runner) -> tuple[int, float] | None:
    """Return in how many turns the running gateway noted to be, and when; None where it left no such note."""
    if (runner.schema_version or 0) < NOTES_EVERY_TURN:
        return None
    note = attempt(files.read_json, home / "gateway_state.json", limit=NOTE_LIMIT)
    data = None if isinstance(note, SourceError) else note.data
    if not isinstance(data, dict) or data.get("pid") != runner.pid:
        return None
    in_progress, at = data.get("active_agents"), attempt(from_text, data.get("updated_at"), UTC)
    if isinstance(at, SourceError) or not isinstance(in_progress, int) or in_progress < 0:
        return None
    return in_progress, at.timestamp()


def _dumps(folder: Path) -> list[str]:
    """Return the names of the dumps of failed calls. Where they cannot be listed, no turn is known to have failed."""
    listing = attempt(files.list_dir, folder, limit=DUMPS_LIMIT)
    entries = () if isinstance(listing, SourceError) else listing.entries
    return [entry.name for entry in entries if entry.name.startswith("request_dump_")]


def _written_at(path: Path) -> float | None:
    found = attempt(files.stat_file, path)
    return None if isinstance(found, SourceError) else found.mtime
