"""The ledger of sessions as it was known at a moment that is over.

Rule 1: a session is told in the revision that was the newest then. One that was first known later is not told.
Rule 2: only in the order in which sessions began, for that does not change. Any other order would have to be made anew
        of every revision, so it is refused, not guessed.
Rule 3: a page costs a bounded number of steps. Where too little matches within them the page is short, and says where
        to go on; its total is a lower bound.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select, text

from quarterdeck.errors import UsageError
from quarterdeck.store import session_mark
from quarterdeck.store.schema import ms
from quarterdeck.store.session_mark import BIGGEST, Mark
from quarterdeck.store.sessions import ALL_INSTANCES, UNKNOWN, entry_of, groups, origins, sessions, words_of
from quarterdeck.truth.past import Entry, Facets, SessionPage, SessionQuery

ORDER = "started_at"
STEPS = 2_000
WALKS = 10
"""So many times ``STEPS`` are gone for one page."""
FEW = 20_000
"""An instance with no more sessions than this is looked at by itself."""

COLUMNS = "s.seq, s.instance, s.id, s.started, s.known_at, s.first_known_at, s.title, s.body"


def page(connection: Connection, query: SessionQuery) -> SessionPage:
    """Return a page of the ledger as it was known at ``query.known_by``.

    Raises:
        UsageError: for another order than that in which sessions began.
    """
    if query.sort != ORDER:
        fix = f"Ask for {ORDER}: in that order the past can be told exactly."
        raise UsageError("At a moment that is over, sessions have one order only.", fix)
    walk, mark = _Walk(connection, query), session_mark.read(query)
    found: list[tuple[int, int, Entry]] = []
    rows: list[Any] = []
    for _ in range(WALKS):
        rows = walk.rows(mark)
        found += [(row.started, row.seq, entry) for row, entry in walk.resolved(rows) if _fits(entry, query)]
        if rows:
            mark = Mark(ORDER, query.descending, backwards=False, key=rows[-1].started, seq=rows[-1].seq)
        if len(found) > query.limit or len(rows) < STEPS:
            break
    ended = len(rows) < STEPS and len(found) <= query.limit
    if len(found) > query.limit:
        key, seq, _ = found[query.limit - 1]
        mark = Mark(ORDER, query.descending, backwards=False, key=key, seq=seq)
    entries = tuple(entry for _, _, entry in found[: query.limit])
    return SessionPage(
        entries=entries,
        next=None if ended or mark is None else mark.written(),
        total=len(entries),
        total_is_exact=ended and not query.after,
        read_at={},
        facets=_facets(connection, query),
    )


def one(connection: Connection, instance: str, identity: str, known_by: datetime) -> Entry | None:
    """Return one session as it was known at a moment; None when it was not known then."""
    found = select(sessions).where(
        sessions.c.instance == instance, sessions.c.id == identity, sessions.c.first_known_at <= ms(known_by)
    )
    walk = _Walk(connection, SessionQuery(known_by=known_by))
    return next((entry for _, entry in walk.resolved(connection.execute(found))), None)


class _Walk:
    """Goes along the order in which sessions began, and tells each as it was known."""

    def __init__(self, connection: Connection, query: SessionQuery) -> None:
        self._connection = connection
        self._query = query
        self._at = ms(query.known_by) if query.known_by else BIGGEST
        self._origins = origins(connection)
        self._from = "sessions s"
        if query.instance is not None and self._has_few(query.instance):
            self._from = "session_groups g CROSS JOIN sessions s"

    def _has_few(self, instance: str) -> bool:
        (count,) = self._connection.execute(
            text("SELECT coalesce(sum(sessions), 0) FROM session_groups WHERE instance = :instance"),
            {"instance": instance},
        ).one()
        return bool(count <= FEW)

    def rows(self, mark: Mark | None) -> list[Any]:
        """Return the next sessions after a mark that were known then, and that may match."""
        falling = self._query.descending
        found: list[Any] = []
        for unknown in (False, True):
            if mark is not None and mark.key == UNKNOWN and not unknown:
                continue
            if unknown and (self._query.since or self._query.until):
                continue
            own = mark if mark is not None and (mark.key == UNKNOWN) is unknown else None
            found += self._stretch(own, STEPS - len(found), unknown=unknown, falling=falling)
        return found

    def _stretch(self, mark: Mark | None, limit: int, *, unknown: bool, falling: bool) -> list[Any]:
        if limit <= 0:
            return []
        since, until = self._query.since, self._query.until
        values: dict[str, Any] = {
            "low": UNKNOWN if unknown else 0 if since is None else ms(since),
            "high": UNKNOWN if unknown else BIGGEST if until is None else ms(until) - 1,
            "at": self._at,
            "limit": limit,
        }
        says = "s.started BETWEEN :low AND :high AND s.first_known_at <= :at"
        if mark is not None:
            says += f" AND (s.started, s.seq) {'<' if falling else '>'} (:key, :seq)"
            values |= {"key": mark.key, "seq": mark.seq}
        if self._from != "sessions s":
            says += " AND g.instance = :instance AND s.group_id = g.id"
            values["instance"] = self._query.instance
        order = "DESC" if falling else "ASC"
        sql = f"""
            SELECT {COLUMNS} FROM {self._from} WHERE {says}
            ORDER BY s.started {order}, s.seq {order} LIMIT :limit
        """  # noqa: S608 -- made of our own words
        return list(self._connection.execute(text(sql), values))

    def resolved(self, rows: Iterable[Any]) -> list[tuple[Any, Entry]]:
        """Tell each session in the revision that was the newest then."""
        rows = list(rows)
        earlier = self._earlier([row.seq for row in rows if row.known_at > self._at])
        told = ((row, row if row.known_at <= self._at else earlier.get(row.seq)) for row in rows)
        return [(row, entry_of(then, self._origins)) for row, then in told if then is not None]

    def _earlier(self, seqs: list[int]) -> dict[int, Any]:
        if not seqs:
            return {}
        found: dict[int, Any] = {}
        sql = text("""
            SELECT s.seq, s.instance, s.id, r.known_at, s.first_known_at, r.title, r.body
            FROM sessions s CROSS JOIN session_revisions r
            WHERE s.seq BETWEEN :first AND :last AND r.seq = s.seq AND s.known_at > :at AND r.known_at =
                (SELECT max(x.known_at) FROM session_revisions x WHERE x.seq = s.seq AND x.known_at <= :at)
        """)
        for first, last in _runs(sorted(seqs)):
            for row in self._connection.execute(sql, {"first": first, "last": last, "at": self._at}):
                found[row.seq] = row
        return found


def _runs(numbers: list[int]) -> list[tuple[int, int]]:
    """Return numbers as runs of neighbours: what is asked for together lies together."""
    runs: list[tuple[int, int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return runs


def _fits(entry: Entry, query: SessionQuery) -> bool:
    """Whether a session, as it was known, matches what is asked."""
    asked = ("instance", "source", "model")
    if any(getattr(query, name) not in {None, getattr(entry, name) or ""} for name in asked):
        return False
    if query.outcome not in {None, entry.outcome}:
        return False
    sought = query.search or ""
    return not sought or entry.id.startswith(sought) or _has_words(entry.title, sought)


def _has_words(title: str | None, sought: str) -> bool:
    wanted, there = words_of(sought), words_of(title or "")
    return bool(wanted) and all(any(word.startswith(each) for word in there) for each in wanted)


def _facets(connection: Connection, query: SessionQuery) -> Facets:
    """Return the words by which sessions can be told apart now; those of a past moment are among them."""
    whose = ALL_INSTANCES if query.instance is None else query.instance
    found = select(groups.c.source, groups.c.model, groups.c.outcome).where(groups.c.instance == whose)
    columns = list(zip(*connection.execute(found), strict=True)) or [(), (), ()]
    return Facets(*(tuple(sorted(set(column) - {""})) for column in columns))
