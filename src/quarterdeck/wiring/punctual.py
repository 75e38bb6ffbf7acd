"""What became of the runs that were due in the last 24 hours, as readings of every job and timer.

Rule 1: it is a source like any other, whose witness is our own memory. Without memory it says nothing, and no page
        takes silence for punctuality.
Rule 2: a job is reckoned anew when something new is known of it, or when time alone can change what is said of it; and
        never for longer at a stretch than a look may take. What has not been reckoned anew stays as it was, and ages.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from quarterdeck.errors import MemoryUnavailableError
from quarterdeck.jobs.fires import Span
from quarterdeck.jobs.ledger import DAY, Ledger, context, ledger, limits
from quarterdeck.sources.files import SourceError
from quarterdeck.truth import fields as F  # noqa: N812 -- short where every line names a field
from quarterdeck.truth.fields import Field, kind_of
from quarterdeck.truth.grouped import Fields, Grouped
from quarterdeck.truth.instance import instance_of, subject
from quarterdeck.truth.judgement import Facts
from quarterdeck.truth.past import Blind, Plan, Verdict
from quarterdeck.truth.plans import RUNS, has_plan, plan_of, recent_of
from quarterdeck.truth.punctuality import MISSED, UNJUDGED, missed_at, not_made, tally
from quarterdeck.truth.reading import AnyReading, Known, Origin, Reason
from quarterdeck.truth.shapes import Recent
from quarterdeck.truth.snapshot import Snapshot
from quarterdeck.truth.thresholds import Thresholds
from quarterdeck.views.recall import Recall

WITNESS: Final = Origin("ledger of runs", "history")
FIELDS: Final[Mapping[str, tuple[Field[Mapping[str, int]], Field[datetime | None]]]] = {
    "job": (F.LAST_24H, F.MISSED_AT),
    "timer": (F.TIMER_LAST_24H, F.TIMER_MISSED_AT),
}
AT_MOST: Final = timedelta(minutes=15)
"""After so long everything is reckoned anew, whatever is known."""
AGAIN: Final = timedelta(seconds=30)
"""After so long a reading is made anew, though it says the same."""
WORK_S: Final = 1.0
"""Seconds of work in one look."""
DARK: Final = timedelta(days=3)
PENDING: Final = frozenset({Verdict.WAITING, Verdict.RUNNING, Verdict.OVERLAPPING, Verdict.UNKNOWN})


class Remembering(Protocol):
    """Who has the memory, once it is open."""

    @property
    def recall(self) -> Recall | None:
        """The memory; None while it cannot be read."""


class Reckoned(NamedTuple):
    """What was said of a job, on what grounds, and until when it can be said."""

    plan: Plan
    recent: Recent | None
    at: datetime
    until: datetime
    readings: tuple[AnyReading, ...]
    told_at: datetime


class Punctuality:
    """The ledger of runs, as a source."""

    name = "punctuality"
    budget_s = 5.0
    every_s = 10.0

    def __init__(self, memory: Remembering, monotonic: Callable[[], float]) -> None:
        self._memory, self._monotonic = memory, monotonic
        self._snapshot: Callable[[], Snapshot | None] = lambda: None
        self._reckoned: dict[str, Reckoned] = {}

    def follow(self, snapshot: Callable[[], Snapshot]) -> None:
        """Name where the newest snapshot is found."""
        self._snapshot = snapshot

    def watched(self) -> tuple[Path, ...]:
        """Watch nothing."""
        return ()

    def look(self, now: datetime) -> Iterable[AnyReading]:
        """Reckon what can have changed.

        Raises:
            SourceError: when the memory cannot answer.
        """
        memory, snapshot = self._memory.recall, self._snapshot()
        if memory is None or snapshot is None:
            self._reckoned = {}
            return ()
        subjects = _subjects(snapshot)
        names = [name for name, fields in subjects.items() if has_plan(name) and RUNS[kind_of(name)].name in fields]
        self._reckoned = {name: self._reckoned[name] for name in names if name in self._reckoned}
        try:
            self._reckon_anew(memory, snapshot, names, now)
        except MemoryUnavailableError:
            raise SourceError(Reason.BUSY, "the history cannot be read now") from None
        for name, each in self._reckoned.items():
            if now - each.told_at >= AGAIN and now < each.until:
                self._reckoned[name] = each._replace(readings=_anew(each.readings, now), told_at=now)
        return [*_told(self._reckoned), *_sums(names, self._reckoned, now)]

    def _reckon_anew(self, memory: Recall, snapshot: Snapshot, names: Iterable[str], now: datetime) -> None:
        subjects = _subjects(snapshot)
        due = [name for name in names if self._is_due(name, subjects, now)]
        due.sort(key=self._age, reverse=True)
        blind = memory.blind(now - DARK, now) if due else ()
        thresholds = {one.id: one.thresholds for one in snapshot.instances}
        end = self._monotonic() + WORK_S
        for name in due:
            facts = Facts(name, snapshot.readings, now, thresholds.get(instance_of(name), Thresholds()))
            self._reckoned[name] = _reckon(memory, facts, blind, subjects)
            if self._monotonic() > end:
                return

    def _age(self, name: str) -> float:
        """Say how long ago a job was reckoned; one that never was comes first."""
        before = self._reckoned.get(name)
        return math.inf if before is None else -before.at.timestamp()

    def _is_due(self, name: str, subjects: Mapping[str, Fields], now: datetime) -> bool:
        before = self._reckoned.get(name)
        if before is None or not before.at <= now < before.until:
            return True
        return before.recent != _recent(name, subjects) or before.plan[1:] != plan_of(name, subjects, now)[1:]


def _reckon(memory: Recall, facts: Facts, blind: Sequence[Blind], subjects: Mapping[str, Fields]) -> Reckoned:
    now, name = facts.now, facts.subject
    span = Span(now - DAY, now)
    record = memory.run_record(name, span.since - context(facts), now)
    found = ledger(record, blind, facts, span)
    tallied, missed = FIELDS[facts.kind]
    readings: tuple[AnyReading, ...]
    if found.lost is not None and not found.slots:
        why = found.lost[0].lower() + found.lost[1:].rstrip(".")
        readings = tuple(field.unavailable(name, WITNESS, Reason.MISSING, why, now) for field in (tallied, missed))
    else:
        readings = (
            tallied.known(name, WITNESS, tally(found.slots), now),
            missed.known(name, WITNESS, missed_at(found.slots), now),
        )
    plan, recent = plan_of(name, subjects, now), _recent(name, subjects)
    return Reckoned(plan, recent, now, _holds_until(found, facts), readings, now)


def _holds_until(found: Ledger, facts: Facts) -> datetime:
    """Return when time alone may change what is said: a time falls due or is over, or leaves the day."""
    over = limits(facts).over
    next_due = facts.get(F.NEXT_RUN_AT) if facts.kind == "job" else facts.get(F.TIMER_NEXT_AT)
    moments = [facts.now + AT_MOST]
    moments += [] if next_due is None else [next_due, next_due + over]
    for slot in found.slots:
        moments.append(slot.at + DAY)
        moments += [slot.at + over] if slot.verdict in PENDING else []
    return min(moment for moment in moments if moment > facts.now)


def _recent(name: str, subjects: Mapping[str, Fields]) -> Recent | None:
    found = recent_of(name, subjects)
    return None if found is None else found[0]


def _told(reckoned: Mapping[str, Reckoned]) -> Iterator[AnyReading]:
    for each in reckoned.values():
        yield from each.readings


def _anew(readings: Iterable[AnyReading], now: datetime) -> tuple[AnyReading, ...]:
    """Say once more what still holds."""
    return tuple(
        replace(each, observed_at=now) if isinstance(each, Known) else replace(each, attempted_at=now)
        for each in readings
    )


def _sums(names: Iterable[str], reckoned: Mapping[str, Reckoned], now: datetime) -> Iterator[AnyReading]:
    """Add up the jobs of every scheduler: what became of their runs, how many missed one, how many are not known."""
    sums: dict[str, Counter[str]] = {}
    for name in names:
        if kind_of(name) != "job":
            continue
        counted = sums.setdefault(subject(instance_of(name), "cron"), Counter())
        first = reckoned[name].readings[0] if name in reckoned else None
        if isinstance(first, Known):
            counted.update(first.value)
            counted.update({MISSED: not_made(first.value) > 0})
        else:
            counted.update({UNJUDGED: 1})
    for scheduler, counted in sums.items():
        yield F.SCHEDULER_LAST_24H.known(
            scheduler, WITNESS, {key: number for key, number in counted.items() if number}, now
        )


def _subjects(snapshot: Snapshot) -> Mapping[str, Fields]:
    readings = snapshot.readings
    return (readings if isinstance(readings, Grouped) else Grouped.of(readings)).subjects
