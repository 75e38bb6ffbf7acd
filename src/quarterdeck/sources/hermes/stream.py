"""The sessions of an instance as a stream that only grows: who reads all of it has the whole ledger, without the home.

Rule 1: whatever changed is told again, whole, with a higher revision. Telling twice does no harm, so the stream may
        repeat itself after a failure, and must never skip.
Rule 2: what may be told is what ``SessionSummary`` holds, each value in its shape. A value that does not fit its shape
        is left out (None), and an id that is not one is replaced by a hash. Titles are told where the policy says so.
Rule 3: history comes first and in batches, oldest sessions first. After that a look costs what changed: sessions that
        began, sessions whose messages are new, and those lately begun or not ended whose row is another than before.

Ids of messages are never used twice, so the newest one told is a watermark. Sessions have no such number: they are
followed by when they began, with an hour of overlap for those that were entered late. Sessions that stay open for days
are asked in turn, a few at each look, whether they have ended. A database whose ids begin anew is another database: the
stream then begins again, in a new epoch. What the agent deletes stays told.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

from quarterdeck.redaction import KnownValues, Redaction, clean
from quarterdeck.redaction.hashes import blake2b
from quarterdeck.sources import sqlite
from quarterdeck.sources.files import SourceError
from quarterdeck.sources.hermes import names
from quarterdeck.sources.hermes.answers import attempt, from_epoch
from quarterdeck.sources.hermes.keys import Keys, masked
from quarterdeck.sources.hermes.statedb import COUNTS, NOTHING, Shelf, as_json, side_work
from quarterdeck.sources.hermes.turns import TERMINALS
from quarterdeck.truth.instance import Instance
from quarterdeck.truth.shapes import Text, dump

DATABASE = "state.db"
BUDGET_S = 5.0
BATCH = 1_000
"""Sessions told in one look while history is told: some 50 ms on a warm machine."""

TITLE_LIMIT = 4_000
OVERLAP_S = 3600.0
RECENT_S = 48 * 3600.0
WATCHED = 1_000
WATCHED_AT_ONCE = 25

COST_STATUSES = ("actual", "estimated", "included", "none", "unknown")

COLUMNS = (
    *("id", "source", "started_at", "ended_at", "end_reason", "model", "parent_session_id", "message_count"),
    *("tool_call_count", "api_call_count", *COUNTS, "reasoning_tokens"),
    *("actual_cost_usd", "estimated_cost_usd", "cost_status", "title"),
)
NEEDED = COLUMNS[:3]

BEGINNING, END = -1.0, 1e12
AFTER = f"""
    INDEXED BY idx_sessions_started
    WHERE started_at >= ?1 AND started_at < {END} AND (started_at > ?1 OR id > ?2) ORDER BY started_at, id LIMIT ?3
"""
OVERLAP = "SELECT id FROM sessions INDEXED BY idx_sessions_started WHERE started_at BETWEEN ? AND ?"
AMONG = "WHERE id IN (SELECT value FROM json_each(?1))"
NEW_MESSAGES = "SELECT id, session_id FROM messages NOT INDEXED WHERE id > ? ORDER BY id LIMIT ?"

Entry: TypeAlias = Mapping[str, Any]
NONE_RECENT: Mapping[str, str] = MappingProxyType({})


class SessionSummary(NamedTuple):
    """One session in one revision, as it may leave the home. None: the agent's record holds nothing usable there."""

    id: str
    revision: int
    source: str
    started_at: datetime | None
    ended_at: datetime | None
    end_reason: str | None
    model: str | None
    parent: str | None
    messages: int | None
    tool_calls: int | None
    api_calls: int | None
    input_tokens: int | None
    output_tokens: int | None
    cache_read_tokens: int | None
    cache_write_tokens: int | None
    reasoning_tokens: int | None
    cost_usd: float | None
    cost_status: str | None
    side_tokens: int | None
    """Tokens and cost of titles, vision and compression, which are accounted apart."""
    side_cost_usd: float | None
    title: str | None = None

    def as_record(self) -> dict[str, Any]:
        """Return the summary as JSON."""
        return {name: dump(value) for name, value in self._asdict().items()}


class Cursor(NamedTuple):
    """Up to where the stream has told. The default is before everything."""

    epoch: int = 0
    revision: int = 0
    after: tuple[float, str] | None = None
    """When the last session told began, and its id."""
    whole: bool = False
    """Whether all of history has been told."""
    message_id: int = 0
    recent: Mapping[str, str] = NONE_RECENT
    """Of sessions lately begun or not ended: a digest of what was told last."""
    watched: tuple[str, ...] = ()
    """Sessions that were open when they were told, and have been for long."""

    def as_json(self) -> dict[str, Any]:
        """Return the cursor as JSON."""
        return self._asdict() | {"recent": dict(self.recent)}

    @classmethod
    def from_json(cls, raw: object) -> Cursor:
        """Take a cursor from JSON. What is not one stands before everything: then all is told again."""
        try:
            return cls(**_checked(raw))
        except (KeyError, TypeError, ValueError):
            return cls()


def changes(
    home: Path,
    instance: Instance,
    cursor: Cursor | None,
    now: datetime,
    *,
    keys: Keys | None = None,
    batch: int = BATCH,
) -> tuple[list[SessionSummary], Cursor]:
    """Return the sessions that began or changed after a cursor, and where to go on.

    ``keys`` are those of the instance where somebody has them already.

    Raises:
        SourceError: when the database cannot be read; the cursor then still stands.
    """
    known = (keys or Keys(instance)).read().known
    teller = sqlite.read(
        home / DATABASE,
        lambda db: _Teller(Shelf(db), instance, cursor or Cursor(), now, batch=batch, known=known).tell(),
        budget_s=BUDGET_S,
    )
    return teller.told, teller.cursor


class _Teller:
    """One look: what is told, and the cursor as it moves."""

    def __init__(
        self, shelf: Shelf, instance: Instance, cursor: Cursor, now: datetime, *, batch: int, known: KnownValues
    ) -> None:
        self._shelf = shelf
        self._titles = instance.policy.session_titles
        self._now = now.timestamp()
        self._batch = batch
        self.cursor = cursor
        self.told: list[SessionSummary] = []
        self._redaction = Redaction(pii=instance.policy.redact_pii, known=known)

    def tell(self) -> _Teller:
        """Tell what is next."""
        self._shelf.need("sessions", *NEEDED)
        self._shelf.need("messages", "id", "session_id")
        last_id = self._last_message_id()
        if last_id < self.cursor.message_id:
            self.cursor = Cursor(epoch=self.cursor.epoch + 1, revision=self.cursor.revision)
        if self.cursor.after is None:
            self.cursor = self.cursor._replace(message_id=last_id)
        self.cursor = self.cursor._replace(revision=max(self.cursor.revision + 1, int(self._now * 1000)))
        self._tell_begun()
        if self.cursor.whole:
            self._tell_moved()
            self._tell_recent()
            self._tell_ended()
        return self

    def _last_message_id(self) -> int:
        """Return the highest id that a message ever had here."""
        if self._shelf.columns("sqlite_sequence"):
            found = self._shelf.one("SELECT max(seq) FROM sqlite_sequence WHERE name = 'messages'")
        else:
            found = self._shelf.one("SELECT max(id) FROM messages")
        return found[0] if found and isinstance(found[0], int) else 0

    def _tell_begun(self) -> None:
        """Tell the sessions that began after the last one told, oldest first. The clock is not overtaken."""
        at, name = self.cursor.after or (BEGINNING, "")
        rows = self._rows(AFTER, at, name, self._batch)
        if rows:
            last = (float(rows[-1]["started_at"]), str(rows[-1]["id"]))
            self.cursor = self.cursor._replace(after=min(last, (self._now, "")))
        self.cursor = self.cursor._replace(whole=self.cursor.whole or len(rows) < self._batch)
        self._tell(rows)

    def _tell_moved(self) -> None:
        """Tell the sessions with messages that are new."""
        moved = self._shelf.rows(NEW_MESSAGES, self.cursor.message_id, self._batch)
        if moved and isinstance(moved[-1][0], int):
            self.cursor = self.cursor._replace(message_id=moved[-1][0])
        self._tell(self._among({str(name) for _, name in moved}))

    def _tell_recent(self) -> None:
        """Tell the sessions lately begun or not ended that changed, and those that were entered late."""
        entered = self._shelf.rows(OVERLAP, self._position - OVERLAP_S, self._position)
        rows = self._among({str(name) for (name,) in entered} | set(self.cursor.recent))
        there = {str(row["id"]) for row in rows}
        self.cursor = self.cursor._replace(recent={k: v for k, v in self.cursor.recent.items() if k in there})
        self._tell(rows)

    def _tell_ended(self) -> None:
        """Tell which of the sessions that stay open for days have ended: a few are asked, the others wait."""
        asked = self.cursor.watched[:WATCHED_AT_ONCE]
        self.cursor = self.cursor._replace(watched=self.cursor.watched[WATCHED_AT_ONCE:])
        rows = self._among(set(asked))
        self._watch(str(row["id"]) for row in rows if row["ended_at"] is None)
        self._tell([row for row in rows if row["ended_at"] is not None])

    @property
    def _position(self) -> float:
        return self.cursor.after[0] if self.cursor.after else BEGINNING

    def _among(self, sessions: set[str]) -> list[Entry]:
        return self._rows(AMONG, as_json(sorted(sessions))) if sessions else []

    def _rows(self, where: str, *params: float | str) -> list[Entry]:
        there = [name for name in COLUMNS if name in self._shelf.columns("sessions")]
        if not self._titles and "title" in there:
            there.remove("title")
        named = ", ".join(there)  # each is a name written above
        found = self._shelf.rows(f"SELECT {named} FROM sessions {where}", *params)  # noqa: S608
        return [dict.fromkeys(COLUMNS) | dict(zip(there, row, strict=True)) for row in found]

    def _tell(self, rows: list[Entry]) -> None:
        """Tell those of these sessions of which something else was told before, or nothing."""
        side = attempt(side_work, self._shelf, [str(row["id"]) for row in rows])
        recent, open_for_long = dict(self.cursor.recent), []
        for row in rows:
            name = str(row["id"])
            aside = None if isinstance(side, SourceError) else side.get(name, NOTHING)
            digest = blake2b(repr((*row.values(), aside)).encode(errors="replace"), digest_size=6).hexdigest()
            if recent.pop(name, None) != digest:
                told = _summary(row, aside, self.cursor.revision, self._redaction)
                self.told.append(masked(told, self._redaction.known))
            if self._is_recent(row):
                recent[name] = digest
            elif row["ended_at"] is None and row["source"] not in TERMINALS:
                open_for_long.append(name)
        self.cursor = self.cursor._replace(recent=recent)
        self._watch(open_for_long)

    def _is_recent(self, row: Entry) -> bool:
        at = row["started_at"] if isinstance(row["started_at"], int | float) else BEGINNING
        return at >= self._position - OVERLAP_S or (row["ended_at"] is None and at >= self._now - RECENT_S)

    def _watch(self, sessions: Iterable[str]) -> None:
        watched = tuple(dict.fromkeys((*self.cursor.watched, *sessions)))[-WATCHED:]
        self.cursor = self.cursor._replace(watched=watched)


def _summary(row: Entry, aside: tuple[int, float] | None, revision: int, redaction: Redaction) -> SessionSummary:
    cost = row["estimated_cost_usd"] if row["actual_cost_usd"] is None else row["actual_cost_usd"]
    return SessionSummary(
        id=names.session_id(row["id"]),
        revision=revision,
        source=names.platform(row["source"]),
        started_at=_moment(row["started_at"]),
        ended_at=_moment(row["ended_at"]),
        end_reason=names.word(row["end_reason"]),
        model=names.model(row["model"]),
        parent=None if row["parent_session_id"] is None else names.session_id(row["parent_session_id"]),
        messages=_count(row["message_count"]),
        tool_calls=_count(row["tool_call_count"]),
        api_calls=_count(row["api_call_count"]),
        input_tokens=_count(row["input_tokens"]),
        output_tokens=_count(row["output_tokens"]),
        cache_read_tokens=_count(row["cache_read_tokens"]),
        cache_write_tokens=_count(row["cache_write_tokens"]),
        reasoning_tokens=_count(row["reasoning_tokens"]),
        cost_usd=float(cost) if isinstance(cost, int | float) and math.isfinite(cost) else None,
        cost_status=row["cost_status"] if row["cost_status"] in COST_STATUSES else None,
        side_tokens=None if aside is None else aside[0],
        side_cost_usd=None if aside is None else aside[1],
        title=_title(row["title"], redaction),
    )


def _count(raw: object) -> int | None:
    return raw if isinstance(raw, int) and raw >= 0 else None


def _moment(raw: object) -> datetime | None:
    at = None if raw is None else attempt(from_epoch, raw)
    return at if isinstance(at, datetime) else None


def _title(raw: object, redaction: Redaction) -> str | None:
    return Text().load(clean(raw[:TITLE_LIMIT], redaction)) if isinstance(raw, str) else None


def _checked(raw: object) -> dict[str, Any]:
    """Take the parts of a cursor from JSON, each as what it must be."""
    if not isinstance(raw, Mapping) or not isinstance(raw["whole"], bool):
        raise TypeError
    numbers = {name: raw[name] for name in ("epoch", "revision", "message_id")}
    if not all(isinstance(number, int) and number >= 0 for number in numbers.values()):
        raise TypeError
    at, name = (0.0, "") if raw["after"] is None else raw["after"]
    return {
        **numbers,
        "whole": raw["whole"],
        "after": None if raw["after"] is None else (float(at), str(name)),
        "recent": {str(session): str(digest) for session, digest in dict(raw["recent"]).items()},
        "watched": tuple(str(name) for name in raw["watched"]),
    }
