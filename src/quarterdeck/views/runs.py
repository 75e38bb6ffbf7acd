"""Runs: what became of every run that was due, of one job or timer, or which of them missed any.

Rule 1: what is told of one job is made of what is remembered of it and of nothing else. Where memory does not reach, a
        time is unknown, not missed.
Rule 2: the page of all jobs has the same numbers as the brief and the cron page: those of the last 24 hours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

from quarterdeck.jobs.fires import Span
from quarterdeck.jobs.ledger import CONTEXT, Ledger, ledger
from quarterdeck.truth import fields as F  # noqa: N812 -- short where every line names a field
from quarterdeck.truth.instance import instance_of
from quarterdeck.truth.past import Blind, RunRecord
from quarterdeck.truth.plans import has_plan
from quarterdeck.truth.punctuality import in_words, not_made, tally
from quarterdeck.truth.reading import Known
from quarterdeck.views.asked import Asked, Param
from quarterdeck.views.frame import NOBODY, Page
from quarterdeck.views.judged import Judged
from quarterdeck.views.model import Column, View
from quarterdeck.views.recall import Recall
from quarterdeck.views.rows import build, title_of, whole
from quarterdeck.views.run_page import RunsPage
from quarterdeck.views.when import span_of

SPANS = ("24h", "7d", "30d")
PARAMS = {
    "subject": Param("The job or timer whose runs are told, such as hermes:north/cron/934a7b9942d5."),
    "span": Param("How far back its runs are told.", SPANS, SPANS[0]),
}
MOST = 500
"""Times that are shown of one span, the newest."""
COLUMNS = (
    Column("schedule", "Schedule", {"job": F.SCHEDULE, "timer": F.TIMER_UNIT}),
    Column(
        "last_24h",
        "Last 24 h",
        {"job": F.LAST_24H, "timer": F.TIMER_LAST_24H},
        lambda value, _: in_words(value) if isinstance(value, Mapping) else str(value),
    ),
    Column("missed_at", "Missed", {"job": F.MISSED_AT, "timer": F.TIMER_MISSED_AT}),
    Column("next_run_at", "Next run", {"job": F.NEXT_RUN_AT, "timer": F.TIMER_NEXT_AT}),
)
BEHIND = (
    F.SCHEDULE, F.RECENT_RUNS, F.NEXT_RUN_AT, F.SCHEDULE_ZONE, F.CATCHES_UP, F.TIMER_CALENDAR, F.TIMER_RUNS,
    F.TIMER_ZONE, F.TIMER_NEXT_AT,
)  # fmt: skip
"""The readings of the moment on which a ledger rests, beside what is remembered."""


class Recalled(NamedTuple):
    """What memory says of one job or timer over a span."""

    since: datetime
    record: RunRecord
    blind: Sequence[Blind]
    began: datetime | None


def recall(memory: Recall, asked: Asked, now: datetime) -> Recalled | None:
    """Fetch what is remembered of the job; nothing when none is named."""
    subject = asked.word("subject")
    if not subject or not has_plan(subject):
        return None
    since = now - (span_of(asked.word("span", SPANS[0])) or timedelta(days=1))
    record = memory.run_record(subject, since - CONTEXT, now, known_by=now)
    return Recalled(since, record, memory.blind(since - timedelta(days=2), now), memory.began())


def runs(judged: Judged, asked: Asked, recalled: Recalled | None = None) -> View:
    """Return the runs of the subject that is asked for, or all jobs and timers, those that missed a run first."""
    subject = asked.word("subject")
    if not subject:
        return _all(judged, asked)
    there = [subject] if subject in judged.judgements and has_plan(subject) else []
    rows = tuple(whole(judged, name) for name in there)
    view = Page(judged, asked).view("runs", "Runs", there, rows=rows)
    if not judged.instances:
        return replace(view, headline=NOBODY)
    if not has_plan(subject) or not (there or (recalled and recalled.record.plans)):
        return replace(view, headline="No job or timer of this name is known.")
    return replace(view, headline=title_of(judged, subject), runs=_page(judged, asked, subject, recalled))


def _all(judged: Judged, asked: Asked) -> View:
    names = [name for name in judged.of("job", "timer", instance=asked.instance) if _tally(judged, name) is not None]
    names.sort(key=lambda name: (-not_made(_tally(judged, name) or {}), name))
    rows = build(judged, names, COLUMNS)
    view = Page(judged, asked).view("runs", "Runs", names, rows=rows, columns=COLUMNS)
    if not judged.instances:
        return replace(view, headline=NOBODY)
    missed = sum(not_made(_tally(judged, name) or {}) > 0 for name in names)
    some = "One job or timer" if missed == 1 else f"{missed or 'No'} jobs or timers"
    return replace(view, headline=f"{some} missed a run in the last 24 hours." if names else "No runs are known yet.")


def _tally(judged: Judged, name: str) -> Mapping[str, int] | None:
    facts = judged.facts(name)
    return facts.get(F.LAST_24H if facts.kind == "job" else F.TIMER_LAST_24H)


def _page(judged: Judged, asked: Asked, subject: str, recalled: Recalled | None) -> RunsPage:
    facts = judged.facts(subject)
    found = Ledger(Span(judged.now, judged.now), ())
    if recalled is not None:
        found = ledger(recalled.record, recalled.blind, facts, Span(recalled.since, judged.now))
    behind = (facts.reading(field) for field in BEHIND if field.of in (facts.kind, "scheduler"))
    newest = tuple(reversed(found.slots))
    return RunsPage(
        subject=subject,
        name=title_of(judged, subject),
        instance=instance_of(subject),
        span=asked.word("span", SPANS[0]),
        since=found.span.since,
        slots=newest[:MOST],
        counted=tally(found.slots),
        lost=found.lost,
        complete=len(newest) <= MOST and (recalled is None or found.span.since == recalled.since),
        remembers=recalled is not None and recalled.began is not None,
        readings=tuple(reading for reading in behind if isinstance(reading, Known)),
    )
