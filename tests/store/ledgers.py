"""Ledgers of sessions at random, and the same questions answered by looking at everything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from sqlalchemy import Connection

from quarterdeck.store import session_query
from quarterdeck.store.engine import Engine
from quarterdeck.store.session_intake import take
from quarterdeck.store.session_query import BOUNDS, Bounds
from quarterdeck.store.sessions import Stream, keys_of
from quarterdeck.truth.past import Entry, SessionPage, SessionQuery
from quarterdeck.truth.reading import Origin

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
ORIGIN = Origin("sessions database", "state.db")
TITLES = ("Harbour at night", "harbour café", "HARBOURMASTER report", "Straße 9", "日本語 の 題", "a" * 200, "%_", None)
COLUMNS = {"started_at": "started", "ended_at": "ended"}
"""The orders whose column has another name."""


def stream(instance: str = "north", *, epoch: int = 0, at: datetime = NOW, cursor: object = None) -> Stream:
    return Stream(instance, ORIGIN, cursor, epoch, titles=True, whole=True, taken_at=at, tried_at=at)


def record(identity: str, revision: int = 1, **values: Any) -> dict[str, Any]:
    """A session as a stream tells it; what is not named is plausible."""
    plain: dict[str, Any] = {
        "id": identity,
        "revision": revision,
        "source": "telegram",
        "model": "large-1",
        "parent": None,
        "started_at": NOW - timedelta(hours=1),
        "ended_at": None,
        "end_reason": None,
        "messages": 4,
        "tool_calls": 1,
        "api_calls": 2,
        "input_tokens": 1_000,
        "output_tokens": 50,
        "cache_read_tokens": 0,
        "cache_write_tokens": 0,
        "reasoning_tokens": 0,
        "side_tokens": 0,
        "cost_usd": 0.25,
        "cost_status": "estimated",
        "side_cost_usd": 0.0,
        "title": None,
    }
    return plain | values


def random_record(random: Random, identity: str, revision: int = 1) -> dict[str, Any]:
    """A session as one may look; every value is missing now and then, and many are alike."""
    began = None if random.random() < 0.1 else NOW - timedelta(minutes=random.randrange(60 * 24 * 3))
    ended = (
        None if began is None or random.random() < 0.4 else began + timedelta(seconds=random.choice((-5, 0, 60, 9_999)))
    )
    return record(
        identity,
        revision,
        source=random.choice(("telegram", "cron", "cli")),
        model=random.choice(("large-1", "small/1", None)),
        started_at=began,
        ended_at=ended,
        end_reason=None if ended is None else random.choice(("daily", "open", None)),
        messages=random.choice((None, 0, 3, 3, 70)),
        tool_calls=random.choice((None, 0, 1, (1 << 63) - 1)),
        input_tokens=random.choice((None, 0, 5, 900)),
        output_tokens=None,
        cache_read_tokens=None,
        cache_write_tokens=None,
        side_tokens=random.choice((None, 0, 7)),
        cost_usd=random.choice((None, 0.0, 0.1, 0.1, 2.5)),
        cost_status=random.choice((None, "estimated", "unknown", "included")),
        side_cost_usd=random.choice((None, 0.0, 0.01)),
        title=random.choice(TITLES),
    )


def fill(engine: Engine, records: Mapping[str, Iterable[Mapping[str, Any]]], known_at: datetime = NOW) -> None:
    for instance, found in records.items():
        told = list(found)

        def bring(connection: Connection, instance: str = instance, told: Sequence[Mapping[str, Any]] = told) -> int:
            return take(connection, stream(instance, at=known_at), told, known_at)

        engine.write(bring)


def ask(engine: Engine, query: SessionQuery, bounds: Bounds = BOUNDS) -> SessionPage:
    with engine.reading() as connection:
        return session_query.page(connection, query, bounds)


def every_page(engine: Engine, query: SessionQuery, bounds: Bounds = BOUNDS) -> list[SessionPage]:
    """Turn pages until there is none; they must end."""
    pages = [ask(engine, query, bounds)]
    while pages[-1].next is not None:
        assert len(pages) < 500, "the pages do not end"
        pages.append(ask(engine, query._replace(after=pages[-1].next), bounds))
    return pages


def all_entries(engine: Engine, query: SessionQuery) -> list[Entry]:
    return [entry for page in every_page(engine, query) for entry in page.entries]


def matches(entry: Entry, query: SessionQuery) -> bool:
    """Whether a session answers a question, found out by looking at it."""
    words = {"instance": entry.instance, "source": entry.source, "model": entry.model, "outcome": entry.outcome}
    if any(getattr(query, name) not in (None, value) for name, value in words.items()):
        return False
    if query.since is not None and (entry.started_at is None or entry.started_at < query.since):
        return False
    if query.until is not None and (entry.started_at is None or entry.started_at >= query.until):
        return False
    if not query.search:
        return True
    title = (entry.title or "").casefold().replace("%_", "").split()
    sought = query.search.casefold().replace("%", "").split()
    return entry.id.startswith(query.search) or (
        bool(sought) and all(any(word.startswith(each) for word in title) for each in sought)
    )


def in_order(entries: Iterable[Entry], query: SessionQuery, order: Mapping[tuple[str, str], int]) -> list[Entry]:
    """Sort sessions as they shall be told: what is not known stands last, and what is alike as it came."""
    name = COLUMNS.get(query.sort, query.sort)
    placed = [(keys_of(entry)[name], order[entry.instance, entry.id], entry) for entry in entries]
    known = sorted((p for p in placed if p[0] >= 0), key=lambda p: p[:2], reverse=query.descending)
    unknown = sorted((p for p in placed if p[0] < 0), key=lambda p: p[:2], reverse=query.descending)
    return [entry for *_, entry in (*known, *unknown)]
