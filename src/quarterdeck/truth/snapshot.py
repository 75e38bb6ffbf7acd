"""All readings of one collection, and how one collection follows another.

Rule 1: a fact that can no longer be read keeps its last known value inside, as old.
Rule 2: a subject that its source no longer reports, though the source answered, is gone: it leaves
        a tombstone. A subject whose source did not answer is not gone; it is unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter, is_
from types import MappingProxyType
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
    before, subjects = old.subjects, dict[str, Fields]()
    for subject, run in groupby(new, _OF):
        told, last, so_far = list(run), before.get(subject), subjects.get(subject)
        if so_far is None and last is not None and _are_these(last, told):
            subjects[subject] = last
        else:
            subjects[subject] = {**(so_far or {}), **_by_field(told, last or NOTHING_KNOWN)}
    return Grouped(subjects)


_OF = attrgetter("subject")
NOTHING_KNOWN: Fields = MappingProxyType({})


def _are_these(held: Fields, told: Sequence[AnyReading]) -> bool:
    """Whether the readings that are held of a subject are these very objects."""
    return len(held) == len(told) and all(map(is_, held.values(), told))


def _by_field(told: Iterable[AnyReading], before: Fields) -> dict[str, AnyReading]:
    return {
        each.field: _with_last(each, before.get(each.field)) if isinstance(each, Unavailable) else each for each in told
    }


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
