"""One session's own record, read from its home when somebody looks at it.

Rule 1: it is bounded. Of a long record the first rows and the last are told, and how many there are.
Rule 2: without the policy ``session_texts`` no text is read at all: only how long it is. With it, what looks like a
        credential is masked before the text is cut, so that no half of one is left, and so is what the agent's own
        files hold. Only the policy ``redact_secrets = false`` lets a text through as it stands.
Rule 3: names are told when they have the form of such names (``names``); arguments of tools are texts, and never told.
"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from quarterdeck.redaction import MASKING, Redaction, clean, inert
from quarterdeck.sources import sqlite
from quarterdeck.sources.files import SourceError
from quarterdeck.sources.hermes import names
from quarterdeck.sources.hermes.answers import attempt, from_epoch
from quarterdeck.sources.hermes.keys import Keys, redaction
from quarterdeck.sources.hermes.statedb import COUNTS, USAGE, Shelf
from quarterdeck.sources.sqlite import Row
from quarterdeck.truth.instance import Instance
from quarterdeck.truth.past import Relative, SessionDetail, Step, Usage
from quarterdeck.truth.reading import Reason

DATABASE = "state.db"
BUDGET_S = 2.0

FIRST, LAST = 100, 400
"""So many rows of a record are told from its beginning, and so many from its end."""
TEXT_LIMIT = 2_000
LONGEST_SECRET = 4_000
CALLS_LIMIT = 20
CHILDREN_LIMIT = 50
MODELS_LIMIT = 50
HASHED = "x"
HASHES_LIMIT = 200_000

ROLES = frozenset({"user", "assistant", "tool", "system", "session_meta"})
OTHER = "other"

ROWS = """
    SELECT {columns} FROM messages {hint} WHERE session_id = ?1 ORDER BY timestamp {order}, id {order} LIMIT ?2
"""
INDEX = "INDEXED BY idx_messages_session"
CALLED = """
    (SELECT json_group_array(coalesce(json_extract(tool_calls, c.fullkey || '.function.name'),
                                  json_extract(tool_calls, c.fullkey || '.name')))
       FROM json_each(CASE WHEN json_valid(tool_calls) THEN tool_calls ELSE '[]' END) AS c WHERE c.key < {limit})
"""
RELATIVES = "SELECT id, source, started_at, ended_at FROM sessions"
CHILDREN = f"{RELATIVES} INDEXED BY idx_sessions_parent WHERE parent_session_id = ? ORDER BY started_at, id LIMIT ?"


def read(home: Path, instance: Instance, identity: str) -> SessionDetail:
    """Read a session's record.

    Raises:
        SourceError: when it cannot be read, or the home no longer holds the session.
    """
    texts = redaction(instance, Keys(instance).read().known) if instance.policy.session_texts else None
    return sqlite.read(home / DATABASE, lambda db: _read(Shelf(db), identity, texts), budget_s=BUDGET_S)


def _read(shelf: Shelf, identity: str, texts: Redaction | None) -> SessionDetail:
    shelf.need("sessions", "id", "source", "started_at")
    shelf.need("messages", "id", "session_id", "role", "timestamp")
    name = _found(shelf, identity)
    if name is None:
        raise SourceError(Reason.MISSING, "the home no longer holds this session; the ledger keeps its summary")
    (total,) = shelf.one(f"SELECT count(*) FROM messages {INDEX} WHERE session_id = ?", name) or (0,)  # noqa: S608
    count = total if isinstance(total, int) else 0
    children, more = _children(shelf, name)
    return SessionDetail(
        steps=tuple(_steps(shelf, name, count, texts)),
        steps_total=count,
        told_first=FIRST,
        usage=tuple(_usage(shelf, name)),
        relatives=(*_parents(shelf, name), *children),
        relatives_more=more,
    )


def _found(shelf: Shelf, identity: str) -> str | None:
    """Return the name a session has in its home: what is no proper name was told as a hash."""
    if shelf.one("SELECT 1 FROM sessions WHERE id = ?", identity) is not None:
        return identity
    if not identity.startswith(HASHED):
        return None
    rows = shelf.rows("SELECT id FROM sessions LIMIT ?", HASHES_LIMIT)
    return next((str(name) for (name,) in rows if names.session_id(name) == identity), None)


def _steps(shelf: Shelf, name: str, count: int, texts: Redaction | None) -> list[Step]:
    there = shelf.columns("messages")
    plain = {"role": "role", "timestamp": "timestamp"}
    wanted = {
        "tool_name": "tool_name",
        "finish_reason": "finish_reason",
        "tool_calls": CALLED.format(limit=CALLS_LIMIT),
        "active": "active",
        "compacted": "compacted",
    }
    columns = plain | {column: sql for column, sql in wanted.items() if column in there}
    if "content" in there:
        columns["size"] = "length(content)"
        if texts is not None:
            columns["content"] = f"substr(content, 1, {TEXT_LIMIT + LONGEST_SECRET})"
    keys, told = list(columns), ", ".join(columns.values())
    rows = shelf.rows(
        ROWS.format(columns=told, hint=INDEX, order="ASC"), name, FIRST if count > FIRST + LAST else count
    )
    if count > FIRST + LAST:
        rows += reversed(shelf.rows(ROWS.format(columns=told, hint=INDEX, order="DESC"), name, LAST))
    return [_step(dict(zip(keys, row, strict=True)), texts or MASKING) for row in rows]


def _step(row: dict[str, Any], redaction: Redaction) -> Step:
    calls = row.get("tool_calls")
    called = json.loads(calls) if isinstance(calls, str) else []
    size = row.get("size")
    return Step(
        at=_moment(row["timestamp"]),
        role=row["role"] if row["role"] in ROLES else OTHER,
        calls=tuple(names.tool(call) or OTHER for call in called),
        tool=names.tool(row["tool_name"]) if row.get("tool_name") else None,
        finish=names.word(row.get("finish_reason")),
        size=size if isinstance(size, int) else 0,
        withdrawn=row.get("active", 1) == 0 or row.get("compacted", 0) == 1,
        text=_text(row.get("content"), redaction),
    )


def _text(raw: object, redaction: Redaction) -> str | None:
    """Mask, then cut: whatever is masked begins before the cut."""
    if not isinstance(raw, str):
        return None
    masked = clean(raw, redaction)
    shown = inert(masked[:TEXT_LIMIT], keep="\n")
    return f"{shown} …" if len(masked) > TEXT_LIMIT else shown


def _usage(shelf: Shelf, name: str) -> list[Usage]:
    """What each model did, where this release of the agent writes that down."""
    there = shelf.columns(USAGE)
    if not {"session_id", "model", "task"} <= there:
        return []
    wanted = ("model", "task", "api_call_count", *COUNTS, "actual_cost_usd", "estimated_cost_usd", "cost_status")
    columns = [column for column in wanted if column in there]
    sql = f"SELECT {', '.join(columns)} FROM {USAGE} WHERE session_id = ? ORDER BY task, model LIMIT ?"  # noqa: S608
    return [_used(dict(zip(columns, row, strict=True))) for row in shelf.rows(sql, name, MODELS_LIMIT)]


def _used(row: dict[str, Any]) -> Usage:
    counts = [row[name] for name in COUNTS if isinstance(row.get(name), int)]
    costs = (row.get("actual_cost_usd"), row.get("estimated_cost_usd"))
    cost = next((usd for usd in costs if isinstance(usd, int | float) and usd), None)
    calls = row.get("api_call_count")
    return Usage(
        model=names.model(row["model"]),
        task=names.word(row["task"]) if row["task"] else None,
        calls=calls if isinstance(calls, int) else None,
        tokens=sum(counts) if counts else None,
        cost_usd=None if cost is None else float(cost),
        cost_status=names.word(row.get("cost_status")),
    )


def _parents(shelf: Shelf, name: str) -> list[Relative]:
    if "parent_session_id" not in shelf.columns("sessions") or "ended_at" not in shelf.columns("sessions"):
        return []
    sql = f"{RELATIVES} WHERE id = (SELECT parent_session_id FROM sessions WHERE id = ?)"  # noqa: S608
    return [_relative("parent", row) for row in shelf.rows(sql, name)]


def _children(shelf: Shelf, name: str) -> tuple[list[Relative], bool]:
    if "parent_session_id" not in shelf.columns("sessions") or "ended_at" not in shelf.columns("sessions"):
        return [], False
    rows = shelf.rows(CHILDREN, name, CHILDREN_LIMIT + 1)
    return [_relative("child", row) for row in rows[:CHILDREN_LIMIT]], len(rows) > CHILDREN_LIMIT


def _relative(relation: str, row: Row) -> Relative:
    identity, source, started, ended = row
    return Relative(relation, names.session_id(identity), names.platform(source), _moment(started), _moment(ended))


def _moment(raw: object) -> datetime | None:
    at = None if raw is None else attempt(from_epoch, raw)
    return at if isinstance(at, datetime) else None
