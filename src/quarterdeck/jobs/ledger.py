"""The ledger of one job or timer: every time that was due within a span, and what became of it.

Rule: what is remembered says when it was to run and when it ran; the readings of the moment say what the limits are and
what the agent will do next. Neither is enough alone, and nothing else is asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from quarterdeck.jobs.fires import LIMIT, NotUnderstoodError, Span, expected
from quarterdeck.truth import fields as F  # noqa: N812 -- short where every line names a field
from quarterdeck.truth.judgement import Facts
from quarterdeck.truth.past import Blind, Plan, Run, RunRecord
from quarterdeck.truth.punctuality import Limits, Sight, Slot, pair, seen
from quarterdeck.truth.reading import Known
from quarterdeck.truth.tables.cron import grace_s

DAY = timedelta(hours=24)
EVER = datetime(1970, 1, 1, tzinfo=UTC)
NOTED = timedelta(minutes=5)
OFTEN = timedelta(seconds=60)
"""What elapses more often than this may elapse twice between two looks at systemd, which tells only the last time."""
CONTEXT = timedelta(days=40)
"""How far before a span is looked for the time to which its first run belongs, at most."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """What became of the times that were due within a span."""

    span: Span
    slots: tuple[Slot, ...]
    lost: str | None = None
    """Why times could not be told, for the whole span or a part of it."""


def context(facts: Facts) -> timedelta:
    """Return how long before a span the record of a job is needed to tell what was due in it."""
    period = facts.get(F.PERIOD_S) if facts.kind == "job" else facts.get(F.TIMER_EVERY_S)
    return min(timedelta(seconds=period or 3_600.0) + timedelta(hours=2), CONTEXT)


def ledger(record: RunRecord, blind: Sequence[Blind], facts: Facts, span: Span) -> Ledger:
    """Tell what became of every time of a job or timer that was due within a span, as of the moment of its facts."""
    span = _bounded(span, facts)
    wide = Span(span.since - context(facts), min(span.until, facts.now))
    due: list[tuple[datetime, Plan]] = []
    lost: str | None = None
    if not record.plans:
        lost = "When it is to run has not been recorded yet."
    known = tuple(_single(record.runs))
    for plan, part, anchor in _parts(record.plans, wide, facts):
        try:
            due += [(at, plan) for at in expected(plan, known, part, anchor)]
        except NotUnderstoodError as error:
            lost = str(error)
    due.sort(key=lambda each: each[0])
    if facts.kind == "timer" and any(later[0] - earlier[0] < OFTEN for earlier, later in pairwise(due)):
        return Ledger(span, (), "It elapses more often than it is looked at.")
    runs = [run for run in known if run.began_at <= wide.until]
    sight = Sight(seen(record.covers, blind, _read_until(facts)), tuple(blind), _next_due(facts))
    slots = pair(due, runs, facts.now, limits(facts), sight)
    return Ledger(span, tuple(slot for slot in slots if span.since < slot.at <= span.until), lost)


def _single(runs: Sequence[Run]) -> Iterator[Run]:
    """Leave out what only notes the end of the run before it: an agent may have lost the record of its beginning."""
    before: Run | None = None
    for run in runs:
        end = None if before is None else before.ended_at
        if end is None or run.ended_at != run.began_at or not end <= run.began_at <= end + NOTED:
            yield run
            before = run


def _bounded(span: Span, facts: Facts) -> Span:
    """Return the newest part of a span that holds no more times than can be told."""
    period = facts.get(F.PERIOD_S) if facts.kind == "job" else facts.get(F.TIMER_EVERY_S)
    if not period:
        return span
    return Span(max(span.since, span.until - timedelta(seconds=period * LIMIT)), span.until)


def limits(facts: Facts) -> Limits:
    """Return how late a job may be, by its own schedule, and how long it may run."""
    late = timedelta(seconds=facts.thresholds.overdue_s)
    longest = timedelta(seconds=facts.thresholds.stuck_job_s)
    shortest = timedelta(seconds=facts.thresholds.short_job_s) if facts.thresholds.short_job_s > 0 else None
    if facts.kind == "timer":
        slack = timedelta(seconds=facts.get(F.TIMER_SLACK_S) or 0.0)
        return Limits(late + slack, timedelta(0), None, shortest)
    return Limits(late, timedelta(seconds=grace_s(facts.get(F.PERIOD_S))), longest, shortest)


def _read_until(facts: Facts) -> datetime:
    """Return up to when its runs have been read; a source that fell silent is believed as long as its word lives."""
    reading = facts.reading(F.RECENT_RUNS if facts.kind == "job" else F.TIMER_RUNS)
    return min(facts.now, reading.expires_at) if isinstance(reading, Known) else facts.now


def _next_due(facts: Facts) -> datetime | None:
    return facts.get(F.NEXT_RUN_AT) if facts.kind == "job" else facts.get(F.TIMER_NEXT_AT)


def _parts(plans: Sequence[Plan], span: Span, facts: Facts) -> Iterator[tuple[Plan, Span, datetime | None]]:
    """Give each plan with the part of the span in which it held, and where counting begins in it.

    Before the first plan that is known, nobody knows what held: it is taken to have held then too, so that runs find
    their times. What did not run then is unknown, because the plan says since when it is known.
    """
    anchor = facts.get(F.CREATED_AT) if facts.kind == "job" else None
    before: Plan | None = None
    for place, each in enumerate(plans):
        plan = each
        began = EVER if place == 0 else plan.known_at
        ended = plans[place + 1].known_at if place + 1 < len(plans) else span.until
        if plan.on is None and before is not None:
            plan = before._replace(known_at=plan.known_at, on=None, runner=plan.runner)
        elif before is not None and (before.schedule != plan.schedule or before.on is False):
            anchor = plan.known_at
        before = plan
        part = Span(max(began, span.since), min(ended, span.until))
        if part.since < part.until and plan.on is not False:
            yield plan, part, anchor
