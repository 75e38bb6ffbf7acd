"""All readings of one collection, and how one collection follows another.

Rule 1: a fact that can no longer be read keeps its last known value inside, as old.
Rule 2: a subject that its source no longer reports, though the source answered, is gone: it leaves
        a tombstone. A subject whose source did not answer is not gone; it is unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from operator import is_
from typing import NamedTuple

from quarterdeck.truth.grouped import Fields, Grouped
from quarterdeck.truth.instance import Instance
from quarterdeck.truth.reading import AnyReading, Key, Known, Reason, Unavailable
from quarterdeck.truth.thresholds import Thresholds

LIMITS = Thresholds()
GONE_FOR = timedelta(hours=24)
"""How long a tombstone stays on the page."""


class Look(NamedTuple):
    """One run of one source: when it ended, what it cost, and whether it answered in time."""

    source: str
    at: datetime
    took_ms: float
    answered: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything known after a collection."""

    version: int
    generated_at: datetime
    instances: tuple[Instance, ...]
    readings: Mapping[Key, AnyReading]
    looks: Mapping[str, Look] = field(default_factory=dict)
    gone: Mapping[str, datetime] = field(default_factory=dict)
    """Subjects that were removed, and when that was noticed."""
    thresholds: Thresholds = LIMITS
    """Limits for what belongs to no single instance."""
    partial: bool = False
    """Whether it was narrowed to what somebody sees who may see some instances only."""

    def subjects(self) -> dict[str, list[AnyReading]]:
        """Return the readings grouped by subject."""
        readings = self.readings if isinstance(self.readings, Grouped) else Grouped.of(self.readings)
        return {subject: list(fields.values()) for subject, fields in readings.subjects.items()}


def remember(old: Mapping[Key, AnyReading], new: Iterable[AnyReading]) -> dict[Key, AnyReading]:
    """Return the new readings by key, each unavailable one carrying what was last known."""
    return dict(remembering(Grouped.of(old), new).items())


def remembering(old: Grouped, new: Iterable[AnyReading]) -> Grouped:
    """Return the new readings by subject, each unavailable one carrying what was last known.

    A subject of which nothing was told anew stays the same object, so that others see at once that it is.
    """
    before, subjects = old.subjects, dict[str, dict[str, AnyReading]]()
    for reading in new:
        fields = subjects.get(reading.subject)
        if fields is None:
            fields = subjects[reading.subject] = {}
        if isinstance(reading, Unavailable):
            last = before.get(reading.subject, {}).get(reading.field)
            fields[reading.field] = _with_last(reading, last)
        else:
            fields[reading.field] = reading
    return Grouped({name: _shared(before.get(name), fields) for name, fields in subjects.items()})


def _shared(before: Fields | None, now: Fields) -> Fields:
    """Return the readings of a subject as they were held before, where they are these very readings."""
    shared = before is not None and len(before) == len(now) and all(map(is_, before.values(), now.values()))
    return before if shared and before is not None else now


def unanswered(old: Mapping[Key, AnyReading], at: datetime, reason: Reason, detail: str) -> dict[Key, AnyReading]:
    """Return what a source's facts become when it did not answer: all unknown, with their last values."""
    return {
        key: Unavailable(
            *key, reading.origin, at, reason, detail, reading if isinstance(reading, Known) else reading.last
        )
        for key, reading in old.items()
    }


def _with_last(reading: Unavailable[object], before: AnyReading | None) -> AnyReading:
    if before is None or reading.last is not None:
        return reading
    return replace(reading, last=before if isinstance(before, Known) else before.last)
