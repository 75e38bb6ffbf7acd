"""Pages of the ledger of sessions, for any filter in any order, out of a million as quickly as out of a thousand.

Rule 1: a page is found by its neighbour (``after``), not by its number: what arrives meanwhile moves nothing.
Rule 2: what is not known stands last, in both directions.
Rule 3: a total is exact, or it says that it is a lower bound. No session is ever passed over: where a search that has
        much to find meets too little of it within a bounded number of steps, the page is short and says where to go on.

Which way is quick depends on the question, so several are tried, from the one that costs least. ``window``: little lies
within the span, take all of that. ``walk``: go along the order and keep what matches, a bounded number of steps.
``merge``: take the first of each group and then the best groups' next. ``scan``: look at everything that matches;
always right, and the first choice where that is little. The counts of the groups say beforehand what will be little.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, select, text

from quarterdeck.errors import UsageError
from quarterdeck.store import session_mark, session_past
from quarterdeck.store.schema import ms
from quarterdeck.store.session_mark import BIGGEST, Mark
from quarterdeck.store.sessions import (
    ALL_INSTANCES,
    KEYS,
    NANOS,
    UNKNOWN,
    chunks,
    entry_of,
    groups,
    origins,
    sessions,
    taken_in,
    words_of,
)
from quarterdeck.truth.past import Entry, Facets, SessionPage, SessionQuery, Sums

SPARE = 4
"""How many times further than expected a first walk goes."""
SHORTEST_WALK = 400
MOST_ROWS = 500
LAST_CHARACTER, SURROGATES, AFTER_SURROGATES = 0x10FFFF, range(0xD800, 0xE000), 0xE000
WORDS = ("source", "model", "outcome")

Values = dict[str, Any]
NOTHING: Values = {}


class Bounds(NamedTuple):
    """What counts as little, and when a way is given up."""

    few: int = 5_000
    """So many sessions are simply looked at."""
    few_found: int = 2_000
    """The same of what a search finds, which is dearer to look at."""
    steps: int = 10_000
    """How far an order is walked before another way is taken."""
    search_steps: int = 2_500
    """How far it is walked for a search that finds much."""
    groups: int = 20_000
    """From so many groups are firsts taken."""
    few_groups: int = 1_000
    """So many groups are looked at one by one for what lies within a span."""


BOUNDS = Bounds()


class Stretch(NamedTuple):
    """A part of an order, in one direction: from where to where, and which keys."""

    falling: bool
    low: int
    high: int
    after: tuple[int, int] | None = None

    def says(self, column: str, seq: str = "s.seq") -> tuple[str, Values]:
        """Return the condition on a key, and its values."""
        sql, values = f"{column} BETWEEN :low AND :high", {"low": self.low, "high": self.high}
        if self.after is not None:
            sign = "<" if self.falling else ">"
            sql += f" AND ({column}, {seq}) {sign} (:after_key, :after_seq)"
            values |= {"after_key": self.after[0], "after_seq": self.after[1]}
        return sql, values

    @property
    def order(self) -> str:
        """The direction in the words of SQL."""
        return "DESC" if self.falling else "ASC"


class Group(NamedTuple):
    """What the groups say of one combination of words: how many sessions, and what they used."""

    source: str
    model: str
    outcome: str
    sessions: int
    tokens: int
    tokens_unknown: int
    cost: int
    unpriced: int


GROUPS = """
    SELECT source, model, outcome, sessions, tokens, tokens_unknown, cost, unpriced
    FROM session_groups WHERE sessions > 0 AND instance = :whose
"""


def page(connection: Connection, query: SessionQuery, bounds: Bounds = BOUNDS) -> SessionPage:
    """Return a page of the ledger.

    Raises:
        UsageError: when the order or the mark of the page before is not one.
    """
    if query.sort not in KEYS:
        raise UsageError("Sessions have no such order.", f"Ask for one of: {', '.join(KEYS)}.")
    query = _clean(query)
    if query.known_by is not None:
        return session_past.page(connection, query)
    return _Present(connection, query, bounds).page()


def one(connection: Connection, instance: str, identity: str, *, known_by: datetime | None = None) -> Entry | None:
    """Return one session as it is known, or was at a moment; None when the ledger does not hold it."""
    if not (instance.isprintable() and identity.isprintable()):
        return None
    if known_by is not None:
        return session_past.one(connection, instance, identity, known_by)
    found = select(sessions).where(sessions.c.instance == instance, sessions.c.id == identity)
    row = connection.execute(found).one_or_none()
    return None if row is None else entry_of(row, origins(connection, [instance]))


def count_by_instance(connection: Connection, instance: str | None = None) -> dict[str, int]:
    """Count the sessions of each instance, or of one."""
    found = select(groups.c.instance, func.sum(groups.c.sessions)).group_by(groups.c.instance)
    found = found.where(groups.c.instance != ALL_INSTANCES)
    if instance is not None:
        found = found.where(groups.c.instance == instance)
    return {name: int(count) for name, count in connection.execute(found)}


class _Present:
    """One question to the ledger as it is known now."""

    def __init__(self, connection: Connection, query: SessionQuery, bounds: Bounds) -> None:
        self._connection = connection
        self._bounds = bounds
        self._query = query
        self._column = KEYS[query.sort]
        self._mark = session_mark.read(query)
        self._limit = min(max(query.limit, 1), MOST_ROWS)
        whose = ALL_INSTANCES if query.instance is None else query.instance
        self._combinations = [Group(*row) for row in self._run(GROUPS, {"whose": whose})]
        self._matching = [one for one in self._combinations if self._fits(one)]
        self._few = sum(one.sessions for one in self._matching)
        self._known_rows: dict[int, int] = {}
        self._stopped: tuple[int, int] | None = None
        """Where the search gave up, when it did before the page was full."""

    def page(self) -> SessionPage:
        """Return the page that was asked for."""
        backwards = self._mark is not None and self._mark.backwards
        found: list[tuple[int, int]] = []
        if self._few:
            for stretch in self._stretches(backwards=backwards):
                found += self._fetch(stretch, self._limit + 1 - len(found))
                if len(found) > self._limit or self._stopped:
                    break
        more, found = len(found) > self._limit, found[: self._limit]
        onward = found[-1] if more else self._stopped
        back = found[0] if found else self._mark and (self._mark.key, self._mark.seq)
        if backwards:
            found.reverse()
        ahead, behind = (back, onward) if backwards else (onward, back if self._mark else None)
        total, exact, sums = self._totals()
        return SessionPage(
            entries=self._entries([seq for _, seq in found]),
            next=self._written(ahead, backwards=False),
            total=total,
            total_is_exact=exact,
            read_at=taken_in(self._connection, self._query.instance),
            previous=self._written(behind, backwards=True),
            sums=sums,
            facets=self._facets(),
        )

    def _written(self, place: tuple[int, int] | None, *, backwards: bool) -> str | None:
        return place and Mark(self._query.sort, self._query.descending, backwards, *place).written()

    # --- what is asked -----------------------------------------------------------------------------------------------

    def _run(self, sql: str, values: Values) -> list[Any]:
        words = {name: value for name in ("instance", *WORDS) if (value := getattr(self._query, name)) is not None}
        needed = {name: value for name, value in {**words, **values}.items() if f":{name}" in sql}
        return list(self._connection.execute(text(sql), needed))

    def _fits(self, group: Group) -> bool:
        return all(getattr(self._query, word) in {None, getattr(group, word)} for word in WORDS)

    def _of_group(self) -> str:
        """Return the condition on a group ``g``."""
        asked = [name for name in ("instance", *WORDS) if getattr(self._query, name) is not None]
        return " AND ".join(["g.sessions > 0", *(f"g.{name} = :{name}" for name in asked)])

    @cached_property
    def _groups(self) -> int:
        """How many groups match."""
        if self._query.instance is not None:
            return len(self._matching)
        ((count,),) = self._run(f"SELECT count(*) FROM session_groups g WHERE {self._of_group()}", {})  # noqa: S608
        return int(count)

    @property
    def _span(self) -> tuple[int, int] | None:
        """The span in which sessions shall have begun; None for any."""
        since, until = self._query.since, self._query.until
        if since is None and until is None:
            return None
        return (0 if since is None else ms(since), BIGGEST if until is None else ms(until) - 1)

    def _in_span(self) -> tuple[str, Values]:
        if self._span is None:
            return "", {}
        return "AND s.started BETWEEN :since AND :until", {"since": self._span[0], "until": self._span[1]}

    def _stretches(self, *, backwards: bool) -> Iterable[Stretch]:
        """Part the order into stretches of one direction each, without those that lie before the mark."""
        falling = self._query.descending is not backwards
        low, high = 0, BIGGEST
        if self._column == "started" and self._span is not None:
            low, high = self._span
        elif self._column == "ended" and self._span is not None:
            low, high = self._ended_within(self._span)
        known, unknown = Stretch(falling, low, high), Stretch(falling, UNKNOWN, UNKNOWN)
        parts = [unknown, known] if backwards else [known, unknown]
        if self._column == "started" and self._span is not None:
            parts.remove(unknown)
        mark = self._mark
        if mark is None:
            return parts
        own = unknown if mark.key == UNKNOWN else known
        later = parts[parts.index(own) + 1 :] if own in parts else parts
        return [own._replace(after=(mark.key, mark.seq)), *later]

    def _ended_within(self, span: tuple[int, int]) -> tuple[int, int]:
        """Return when sessions can have ended that began within a span: none lasted longer than the longest."""
        (longest,) = self._connection.execute(text("SELECT max(duration) FROM sessions")).one()
        return span[0], min(BIGGEST, span[1] + max(longest or 0, 0))

    # --- the ways to a page ------------------------------------------------------------------------------------------

    def _fetch(self, stretch: Stretch, limit: int) -> list[tuple[int, int]]:
        """Return the first sessions of a stretch that match: their keys and their numbers."""
        if self._query.search:
            return self._search(stretch, limit)
        if self._few <= self._bounds.few:
            return self._scan(stretch, limit)
        if self._is_narrow():
            return self._window(stretch, limit)
        found = self._walk(stretch, limit, self._expected(limit))
        if found is None and self._can_merge:
            return self._merge(stretch, limit)
        found = self._walk(stretch, limit, self._bounds.steps) if found is None else found
        return self._scan(stretch, limit) if found is None else found

    @property
    def _can_merge(self) -> bool:
        bounded = self._span is not None and self._column != "started"
        return not bounded and self._groups <= self._bounds.groups

    def _is_narrow(self) -> bool:
        """Whether little lies within the span, and the order is another than that of beginnings."""
        if self._span is None or self._column == "started":
            return False
        whence, values = self._within()
        return self._is_few(f"SELECT 1 FROM {whence}", values, self._bounds.few)  # noqa: S608

    def _within(self) -> tuple[str, Values]:
        """Return whence to take what lies within the span: from few groups that match, or from all there is."""
        span, values = self._in_span()
        if self._groups <= self._bounds.few_groups:
            own = f"{self._of_group()} AND s.group_id = g.id"
            return f"session_groups g CROSS JOIN sessions s WHERE {own} {span}", values
        return f"sessions s WHERE TRUE {span}", values

    def _scan(self, stretch: Stretch, limit: int) -> list[tuple[int, int]]:
        says, values = stretch.says(f"s.{self._column}")
        span, bounds = self._in_span()
        sql = f"""
            SELECT s.{self._column}, s.seq FROM session_groups g CROSS JOIN sessions s
            WHERE {self._of_group()} AND s.group_id = g.id AND {says} {span}
            ORDER BY s.{self._column} {stretch.order}, s.seq {stretch.order} LIMIT :limit
        """  # noqa: S608 -- made of the names of our own columns
        return self._pairs(sql, {**values, **bounds, "limit": limit})

    def _window(self, stretch: Stretch, limit: int) -> list[tuple[int, int]]:
        """Look at all sessions of the span. The signs before columns keep their indexes out of it."""
        says, values = stretch.says("+k")
        whence, within = self._within()
        sql = f"""
            SELECT s.k, s.seq FROM (SELECT s.{self._column} AS k, s.seq, s.group_id FROM {whence}) AS s
            CROSS JOIN session_groups g WHERE {says} AND g.id = s.group_id AND {self._of_group()}
            ORDER BY +k {stretch.order}, +s.seq {stretch.order} LIMIT :limit
        """  # noqa: S608
        return self._pairs(sql, {**values, **within, "limit": limit})

    def _expected(self, limit: int) -> int:
        """Return how far an order has to be walked, where what matches is spread over all of it."""
        (whole,) = self._connection.execute(text("SELECT max(seq) FROM sessions")).one()  # none is ever deleted
        return min(max(SPARE * limit * int(whole) // self._few, SHORTEST_WALK), self._bounds.steps)

    def _walk(self, stretch: Stretch, limit: int, steps: int) -> list[tuple[int, int]] | None:
        """Go along the order and keep what matches; None when too little was met."""
        found, stopped = self._steps(stretch, limit, steps)
        return found if stopped is None else None

    def _steps(
        self, stretch: Stretch, limit: int, steps: int, also: str = "", more: Values = NOTHING
    ) -> tuple[list[tuple[int, int]], tuple[int, int] | None]:
        """Go so many steps; return what matched, and the last step where that was too little and it goes on there."""
        says, values = stretch.says(self._column, "seq")
        span, bounds = self._in_span()
        order = f"ORDER BY {self._column} {stretch.order}, seq {stretch.order}"
        inner = f"SELECT {self._column} AS k, seq, group_id, started FROM sessions WHERE {says} {order} LIMIT :steps"  # noqa: S608
        sql = f"""
            SELECT s.k, s.seq FROM ({inner}) AS s CROSS JOIN session_groups g
            WHERE g.id = s.group_id AND {self._of_group()} {span} {also}
            ORDER BY s.k {stretch.order}, s.seq {stretch.order} LIMIT :limit
        """  # noqa: S608
        found = self._pairs(sql, {**values, **bounds, **more, "limit": limit, "steps": steps})
        if len(found) == limit:
            return found, None
        last = f"SELECT {self._column}, seq FROM sessions WHERE {says} {order} LIMIT 1 OFFSET :before"  # noqa: S608
        return found, next(iter(self._pairs(last, {**values, "before": steps - 1})), None)

    def _merge(self, stretch: Stretch, limit: int) -> list[tuple[int, int]]:
        """Take the first of each group, then what follows in those groups whose first is good enough."""
        says, values = stretch.says(f"s.{self._column}")
        order = f"ORDER BY s.{self._column} {stretch.order}, s.seq {stretch.order}"
        first = f"SELECT s.seq FROM sessions s WHERE s.group_id = g.id AND {says} {order} LIMIT 1"  # noqa: S608
        sql = f"""
            SELECT f.{self._column}, f.seq, g.id FROM session_groups g CROSS JOIN sessions f
            WHERE {self._of_group()} AND f.seq = ({first})
        """  # noqa: S608
        firsts = self._run(sql, values)
        sign = -1 if stretch.falling else 1
        best: list[tuple[int, int]] = []
        sql = (
            f"SELECT s.{self._column}, s.seq FROM sessions s WHERE s.group_id = :group AND {says} {order} LIMIT :limit"  # noqa: S608
        )
        for key, seq, group in sorted((sign * key, sign * seq, group) for key, seq, group in firsts):
            if len(best) == limit and (key, seq) > best[-1]:
                break
            more = [(sign * k, sign * s) for k, s in self._pairs(sql, {**values, "group": group, "limit": limit})]
            best = list(heapq.merge(best, more))[:limit]
        return [(sign * key, sign * seq) for key, seq in best]

    def _is_few(self, sql: str, values: Values, few: int) -> bool:
        """Whether a question finds at most so many."""
        return self._count(sql, values, few + 1) <= few

    def _count(self, sql: str, values: Values, most: int) -> int:
        bounded = f"SELECT count(*) FROM (SELECT 1 FROM ({sql}) AS met LIMIT :most) AS counted"  # noqa: S608
        ((count,),) = self._run(bounded, {**values, "most": most})
        return int(count)

    def _pairs(self, sql: str, values: Values) -> list[tuple[int, int]]:
        return [(key, seq) for key, seq in self._run(sql, values)]

    # --- searching ---------------------------------------------------------------------------------------------------

    def _search(self, stretch: Stretch, limit: int) -> list[tuple[int, int]]:
        """Look at all that is found; where that is much, go along the order instead."""
        sought, words = self._sought
        if not self._finds_few:
            found, self._stopped = self._steps(stretch, limit, self._bounds.search_steps, *self._has_sought())
            return found
        says, values = stretch.says(f"+s.{self._column}")
        span, bounds = self._in_span()
        sql = f"""
            SELECT s.{self._column}, s.seq FROM ({sought}) AS f CROSS JOIN sessions s CROSS JOIN session_groups g
            WHERE s.seq = f.seq AND {says} {span} AND g.id = s.group_id AND {self._of_group()}
            ORDER BY +s.{self._column} {stretch.order}, +s.seq {stretch.order} LIMIT :limit
        """  # noqa: S608
        return self._pairs(sql, {**values, **bounds, **words, "limit": limit})

    @cached_property
    def _sought(self) -> tuple[str, Values]:
        """Return the question for the numbers of sessions whose id or title begins as is looked for."""
        sought, words = _sought(self._query)
        parts = ["SELECT seq FROM sessions WHERE id >= :id_from AND id < :id_to"]
        if words:
            rarest, *others = sorted(words, key=self._rows_of)
            looked = f"SELECT w.seq FROM ({_titled(rarest)} LIMIT {self._bounds.few + 1}) AS w"  # noqa: S608
            has = " AND ".join(_has_word("w.seq", other) for other in others)
            parts.append(f"{looked} WHERE {has}" if others else looked)
        return f"SELECT DISTINCT seq FROM ({' UNION ALL '.join(parts)}) AS met", sought  # noqa: S608

    @cached_property
    def _finds_few(self) -> bool:
        """Whether the search finds little enough to look at all of it. Of a frequent word not all is looked at."""
        _, words = _sought(self._query)
        seen = not words or min(map(self._rows_of, words)) <= self._bounds.few
        return seen and self._is_few(*self._sought, self._bounds.few_found)

    def _rows_of(self, word: int) -> int:
        """Return in how many titles a word is, as far as it matters."""
        if word not in self._known_rows:
            self._known_rows[word] = self._count(_titled(word), _sought(self._query)[0], self._bounds.few + 1)
        return self._known_rows[word]

    def _has_sought(self) -> tuple[str, Values]:
        """Return the same as a condition on a session."""
        sought, words = _sought(self._query)
        named = "EXISTS (SELECT 1 FROM sessions i WHERE i.seq = s.seq AND i.id >= :id_from AND i.id < :id_to)"
        titled = " AND ".join(_has_word("s.seq", word) for word in words)
        return f"AND ({named} OR ({titled}))" if words else f"AND {named}", sought

    # --- totals ------------------------------------------------------------------------------------------------------

    def _totals(self) -> tuple[int, bool, Sums]:
        """Return how many sessions match, whether that is all of them, and what these used."""
        if self._span is None and not self._query.search:
            found = self._matching
            unknown, unpriced = sum(one.tokens_unknown for one in found), sum(one.unpriced for one in found)
            cost = sum(one.cost for one in found) / NANOS
            return self._few, True, Sums(sum(one.tokens for one in found), int(unknown), cost, int(unpriced))
        if self._query.search:
            sought, values = self._sought
            span, bounds = self._in_span()
            few, exact = self._bounds.few_found, self._finds_few
            whence = f"({sought} LIMIT :few) AS f CROSS JOIN sessions s WHERE s.seq = f.seq {span}"
            values = {**values, **bounds}
        else:
            whence, values = self._within()
            few, exact = self._bounds.few, self._is_few(f"SELECT 1 FROM {whence}", values, self._bounds.few)  # noqa: S608
        sql = f"""
            SELECT count(*),
                   sum(CASE WHEN s.tokens < 0 THEN 0 ELSE s.tokens END), sum(CASE WHEN s.tokens < 0 THEN 1 ELSE 0 END),
                   sum(CASE WHEN s.cost < 0 THEN 0 ELSE s.cost END), sum(CASE WHEN s.priced THEN 0 ELSE 1 END)
            FROM (SELECT s.tokens, s.cost, s.priced, s.group_id FROM {whence} LIMIT :few) AS s
            CROSS JOIN session_groups g WHERE g.id = s.group_id AND {self._of_group()}
        """  # noqa: S608
        ((count, *used),) = self._run(sql, {**values, "few": few})
        tokens, unknown, cost, unpriced = (int(n or 0) for n in used)
        return count, exact, Sums(tokens, unknown, cost / NANOS, unpriced)

    def _facets(self) -> Facets:
        return Facets(*(tuple(sorted({getattr(one, word) for one in self._combinations} - {""})) for word in WORDS))

    def _entries(self, seqs: list[int]) -> tuple[Entry, ...]:
        rows: Mapping[int, Any] = {
            row.seq: row
            for some in chunks(seqs, MOST_ROWS)
            for row in self._connection.execute(select(sessions).where(sessions.c.seq.in_(some)))
        }
        known = origins(self._connection, {row.instance for row in rows.values()})
        return tuple(entry_of(rows[seq], known) for seq in seqs)


def _clean(query: SessionQuery) -> SessionQuery:
    """Leave out what no word in the ledger can hold and some database would refuse."""
    return query._replace(
        instance=_printable(query.instance),
        source=_printable(query.source),
        model=_printable(query.model),
        outcome=_printable(query.outcome),
        search=(_printable(query.search) or "").strip(),
    )


def _printable(word: str | None) -> str | None:
    return None if word is None else "".join(filter(str.isprintable, word))


def _sought(query: SessionQuery) -> tuple[Values, list[int]]:
    """Return the values of what is looked for, and the numbers of its words, the longest first."""
    sought = query.search or ""
    words = sorted(words_of(sought), key=lambda word: (-len(word), word))
    values: Values = {"id_from": sought, "id_to": _beyond(sought)}
    for number, word in enumerate(words):
        values |= {f"from_{number}": word, f"to_{number}": _beyond(word)}
    return values, list(range(len(words)))


def _titled(number: int) -> str:
    return f"SELECT w.seq FROM session_words w WHERE {_begins('w.word', number)}"  # noqa: S608


def _begins(column: str, number: int) -> str:
    return f"{column} >= :from_{number} AND {column} < :to_{number}"


def _has_word(seq: str, number: int) -> str:
    return f"EXISTS (SELECT 1 FROM session_words o WHERE o.seq = {seq} AND {_begins('o.word', number)})"  # noqa: S608


def _beyond(beginning: str) -> str:
    """Return what comes after everything that begins so, compared by the numbers of characters."""
    cut = beginning.rstrip(chr(LAST_CHARACTER))
    if not cut:
        return chr(LAST_CHARACTER)
    follower = ord(cut[-1]) + 1
    return cut[:-1] + chr(AFTER_SURROGATES if follower in SURROGATES else follower)
