"""When something was to run: the times at which a plan is due, as the program that holds it would have it.

Rule 1: a plan in words says all there is: ``every 30 min``, ``once``, a cron expression (the agent), and for timers
        ``calendar EXPRESSION``, ``began + SECONDS``, ``ended + SECONDS``, several of them parted by ``;``.
Rule 2: what is counted from a run is due when that run says so: an interval of the agent counts from the end of the run
        before. While nothing runs, it would have been due again and again.
Rule 3: there is no plan for what cannot be followed. It is ``NotUnderstoodError``, never a guess.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from quarterdeck.jobs.agent_cron import AgentCron, NotUnderstoodError
from quarterdeck.jobs.calendar import elapses
from quarterdeck.truth.past import Plan, Run

__all__ = ["LIMIT", "NotUnderstoodError", "Span", "expected"]

LIMIT = 3_000
"""Of one span so many times are told, the newest."""
EARLY = timedelta(seconds=5)
"""How much the agent's own count may run before the one that is made of its ledger."""
SLACK = timedelta(seconds=90)
"""While a run is awaited for so long, it is not yet due once more: the agent looks once a minute."""
CALENDAR = "calendar "
EVERY = re.compile(r"every (\d{1,7}) (s|min|h|d)")
COUNTED = re.compile(r"(began|ended) \+ (\d{1,10}(?:\.\d{1,6})?)")
SECONDS = {"s": 1, "min": 60, "h": 3_600, "d": 86_400}


class Span(NamedTuple):
    """From when to when, both beyond what lies between: ``(since, until]``."""

    since: datetime
    until: datetime


def expected(plan: Plan, runs: Sequence[Run], span: Span, anchor: datetime | None = None) -> tuple[datetime, ...]:
    """Return the times within a span at which a plan was due, oldest first.

    ``runs`` are all that are known, oldest first. With ``anchor``, what is counted begins there, and not before.

    Raises:
        NotUnderstoodError: when the plan cannot be followed here.
    """
    if anchor is not None:
        runs = [run for run in runs if run.began_at >= anchor]
    found = {at for words in _words(plan) for at in _due(words, plan, runs, span, anchor)}
    return tuple(sorted(found))


def _words(plan: Plan) -> list[str]:
    if plan.schedule is None:
        raise NotUnderstoodError("Its schedule could not be read.")
    return [words.strip() for words in plan.schedule.split(";")]


def _due(words: str, plan: Plan, runs: Sequence[Run], span: Span, anchor: datetime | None) -> Iterator[datetime]:
    if words == "once":
        return iter(() if plan.due is None or not span.since < plan.due <= span.until else (plan.due,))
    if form := EVERY.fullmatch(words):
        return _counted(timedelta(seconds=int(form[1]) * SECONDS[form[2]]), "ended", runs, span, anchor)
    if form := COUNTED.fullmatch(words):
        return _counted(timedelta(seconds=float(form[2])), form[1], runs, span, None)
    zone = _zone(plan.zone)
    if words.startswith(CALENDAR):
        return iter(_newest(elapses(words.removeprefix(CALENDAR), zone, *span)))
    return iter(_cron(words, zone, plan, span))


def _cron(words: str, zone: ZoneInfo, plan: Plan, span: Span) -> Sequence[datetime]:
    """Where it is not known whether a release catches up, only those times count that both kinds have."""
    kinds = (True, False) if plan.catches_up is None else (plan.catches_up,)
    found = [_newest(AgentCron(words, zone, plan.zone_configured, kind).fires(*span)) for kind in kinds]
    return sorted(set(found[0]).intersection(*found[1:]))


def _newest(times: Iterator[datetime]) -> tuple[datetime, ...]:
    return tuple(deque(times, LIMIT))


def _counted(
    distance: timedelta, since: str, runs: Sequence[Run], span: Span, anchor: datetime | None
) -> Iterator[datetime]:
    """Count from run to run; between two runs that lie too far apart, on and on.

    The agent writes a next time twice: when it begins a run, counted from there, and when the run is over, counted from
    then. Where the second was never written, the first one holds.
    """
    if distance <= timedelta(0):
        raise NotUnderstoodError("An interval is longer than nothing.")
    due = early = None if anchor is None else anchor + distance
    for run in runs:
        here = min(run.began_at + EARLY, span.until)
        if due is not None and early is not None and early <= here < due:
            due = early
        if due is not None:
            yield from _again(due, distance, here, span)
        due, early = _after(run, distance, since), run.began_at + distance
    if due is not None:
        yield from _again(due, distance, span.until, span)


def _again(due: datetime, distance: timedelta, until: datetime, span: Span) -> Iterator[datetime]:
    if span.since < due <= until:
        yield due
    begin = max(span.since, until - LIMIT * distance)
    due += distance * max(1, (begin - due) // distance)
    for _ in range(LIMIT):
        if due + SLACK > until:
            return
        if due > span.since:
            yield due
        due += distance


def _after(run: Run, distance: timedelta, since: str) -> datetime | None:
    """Return when it is due after a run; None while that is still to be seen."""
    if since == "began":
        return run.began_at + distance
    under_way = run.ended_at is None and run.result is None
    return None if under_way else (run.ended_at or run.began_at) + distance


def _zone(name: str | None) -> ZoneInfo:
    if name is None:
        raise NotUnderstoodError("In which zone its schedule is meant is not known.")
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise NotUnderstoodError("The zone of its schedule is not known here.") from None
