"""What was counted over time: sessions with what they used, and alerts.

Rule 1: whoever was not counted has no tally. Within what a tally covers, a step that is not named is a true zero.
Rule 2: at a moment that is over, each session counts as it was known then, and nothing that came later counts.
Rule 3: steps are hours, days or weeks in UTC; weeks begin on Monday.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from sqlalchemy import Connection, func, select, text

from quarterdeck.store import alert_hours
from quarterdeck.store.samples import MONDAY, floor
from quarterdeck.store.schema import moment, ms, subjects
from quarterdeck.store.session_days import DAY, FIGURES, days
from quarterdeck.store.session_mark import BIGGEST
from quarterdeck.store.sessions import NANOS, Stream, entry_of, keys_of, origins, read_streams, streams
from quarterdeck.truth.findings import Severity
from quarterdeck.truth.instance import ALL
from quarterdeck.truth.past import Tallied, Tally
from quarterdeck.truth.reading import Origin

SESSIONS: Final = ("sessions", "tokens", "cost_usd")
ALERTS: Final = {f"alerts_{severity}": severity for severity in Severity}
JUST_NOW: Final = 2_000
"""Milliseconds that may lie between a question of the present and its answer."""
STATUS_CHANGES: Final = Origin("status changes", "history")


class Sum(NamedTuple):
    """What the sessions that began in one step came to."""

    sessions: int = 0
    tokens: int = 0
    tokens_unknown: int = 0
    cost: int = 0
    unpriced: int = 0

    def __add__(self, other: tuple[int, ...]) -> Sum:  # type: ignore[override]  # sums are added up, not strung together
        """Add up."""
        return Sum(*(one + more for one, more in zip(self, other, strict=True)))


Steps = dict[str, dict[int, Sum]]


def tallies(
    connection: Connection,
    measures: Sequence[str],
    since: datetime,
    until: datetime,
    step: timedelta,
    *,
    instance: str | None = None,
    known_by: datetime | None = None,
) -> list[Tally]:
    """Return what was counted in ``[since, until]`` by instance and measure, of those that were counted at all."""
    width = step // timedelta(milliseconds=1)
    if known_by is not None and _is_present(connection, known_by):
        known_by = None
    found = list[Tally]()
    if any(measure in SESSIONS for measure in measures):
        found += _of_sessions(connection, since, until, width, known_by)
    if any(measure in ALERTS for measure in measures):
        found += _of_alerts(connection, since, until, width)
    mine = {instance, ALL}
    return [one for one in found if one.measure in measures and (instance is None or one.instance in mine)]


def _is_present(connection: Connection, at: datetime) -> bool:
    """Whether nothing of sessions was learnt since: then what is known now was known then."""
    last = connection.execute(select(func.max(streams.c.tried_at))).scalar_one()
    return last is None or ms(at) >= last - JUST_NOW


# --- sessions --------------------------------------------------------------------------------------------------------


def _of_sessions(
    connection: Connection, since: datetime, until: datetime, width: int, known_by: datetime | None
) -> Iterable[Tally]:
    counted = _counted(connection, since, until, width, known_by)
    first = _first_days(connection)
    for name, stream in read_streams(connection).items():
        if stream.taken_at is not None:
            yield from _told(stream, counted.get(name, {}), first.get(name), until)


def _told(stream: Stream, counted: Mapping[int, Sum], first: datetime | None, until: datetime) -> Iterable[Tally]:
    steps = sorted(counted.items())
    taken_at = stream.taken_at or until
    entries = {
        "sessions": [Tallied(moment(at), one.sessions) for at, one in steps],
        "tokens": [Tallied(moment(at), one.tokens, one.tokens_unknown > 0) for at, one in steps],
        "cost_usd": [Tallied(moment(at), one.cost / NANOS, one.unpriced > 0) for at, one in steps],
    }
    known_from, known_until = min(first or taken_at, taken_at), min(taken_at, until)
    for measure, each in entries.items():
        yield Tally(stream.instance, measure, stream.origin, known_from, known_until, stream.whole, tuple(each))


def _first_days(connection: Connection) -> dict[str, datetime]:
    asked = select(days.c.instance, func.min(days.c.day)).where(days.c.sessions > 0, days.c.day >= 0)
    return {name: moment(day) for name, day in connection.execute(asked.group_by(days.c.instance))}


def _counted(connection: Connection, since: datetime, until: datetime, width: int, known_by: datetime | None) -> Steps:
    found: Steps = {}
    if known_by is None and width % DAY == 0:
        begins = (days.c.day - (days.c.day - MONDAY) % width).label("begins")
        asked = select(days.c.instance, begins, *(func.sum(days.c[name]) for name in FIGURES))
        asked = asked.where(days.c.day.between(ms(since), ms(until))).group_by(days.c.instance, begins)
        for name, at, *figures in connection.execute(asked).all():
            found.setdefault(name, {})[at] = Sum(*map(int, figures))
        return found
    span = {"since": ms(since), "until": ms(until), "known": BIGGEST if known_by is None else ms(known_by)}
    for name, at, *figures in connection.execute(text(_KNOWN), span | {"width": width, "monday": MONDAY}):
        _add(found, name, int(at), Sum(*map(int, figures)))
    if known_by is not None:
        for name, at, one in _revised(connection, span):
            _add(found, name, floor(at, width), one)
    return found


def _add(found: Steps, name: str, at: int, more: Sum) -> None:
    steps = found.setdefault(name, {})
    steps[at] = steps.get(at, Sum()) + more


_KNOWN = """
    SELECT g.instance, s.started - (s.started - :monday) % :width, count(*),
        sum(CASE WHEN s.tokens > 0 THEN s.tokens ELSE 0 END), sum(CASE WHEN s.tokens < 0 THEN 1 ELSE 0 END),
        sum(CASE WHEN s.cost > 0 THEN s.cost ELSE 0 END), sum(CASE WHEN s.priced THEN 0 ELSE 1 END)
    FROM sessions s JOIN session_groups g ON g.id = s.group_id
    WHERE s.started BETWEEN :since AND :until AND s.known_at <= :known GROUP BY 1, 2
"""
_REVISED = """
    SELECT s.instance, s.id, r.known_at, s.first_known_at, r.title, r.body
    FROM sessions s JOIN session_revisions r ON r.seq = s.seq AND r.known_at =
        (SELECT max(x.known_at) FROM session_revisions x WHERE x.seq = s.seq AND x.known_at <= :known)
    WHERE s.started BETWEEN :since AND :until AND s.known_at > :known
"""


def _revised(connection: Connection, span: Mapping[str, int]) -> Iterable[tuple[str, int, Sum]]:
    """Return each session that was revised later, as it was known."""
    names = origins(connection)
    for row in connection.execute(text(_REVISED), span):
        entry = entry_of(row, names)
        keys = keys_of(entry)
        tokens, cost = keys["tokens"], keys["cost"]
        one = Sum(1, max(tokens, 0), int(tokens < 0), max(cost, 0), int(not entry.priced))
        yield entry.instance, keys["started"], one


# --- alerts ----------------------------------------------------------------------------------------------------------


def _of_alerts(connection: Connection, since: datetime, until: datetime, width: int) -> Iterable[Tally]:
    """Everybody of whom anything was ever recorded was watched."""
    covered = alert_hours.covered(connection, until)
    if covered is None:
        return
    counted: dict[tuple[str, Severity], dict[int, int]] = {}
    for name, hour, severity, alerts in alert_hours.raised_between(connection, since, until):
        steps = counted.setdefault((name, severity), {})
        at = floor(hour, width)
        steps[at] = steps.get(at, 0) + alerts
    watched = connection.execute(select(subjects.c.instance).distinct().order_by(subjects.c.instance)).scalars()
    for name in watched.all():
        for measure, severity in ALERTS.items():
            told = sorted(counted.get((name, severity), {}).items())
            entries = tuple(Tallied(moment(at), n) for at, n in told)
            yield Tally(name, measure, STATUS_CHANGES, *covered, whole=False, entries=entries)
