"""Many into one.

Rule 1: a roll-up is its worst child, and says how many children are not fresh.
Rule 2: a total over sources of which one could not be read is a lower bound, and says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple, TypeVar

from quarterdeck.truth.judgement import Judgement, Status
from quarterdeck.truth.reading import AnyReading, Knowledge, Known

N = TypeVar("N", int, float)


class Rollup(NamedTuple):
    """The worst status among children, and how well they are known."""

    status: Status
    counts: dict[Knowledge, int]

    @property
    def total(self) -> int:
        """Number of children."""
        return sum(self.counts.values())

    @property
    def not_fresh(self) -> int:
        """Children about which nothing current is known."""
        return self.counts.get(Knowledge.STALE, 0) + self.counts.get(Knowledge.UNKNOWN, 0)


def roll_up(children: Iterable[Judgement]) -> Rollup:
    """Roll judgements up. Nothing at all is unknown, not ok; what is retired no longer counts against the whole."""
    children = list(children)
    counts = dict(Counter(child.knowledge for child in children))
    judged = [child.status for child in children if child.knowledge is not Knowledge.RETIRED]
    return Rollup(max(judged, key=lambda status: status.rank, default=Status.UNKNOWN), counts)


class Total(NamedTuple):
    """A sum, and over how many of its sources it could be made."""

    value: float
    known: int
    of: int
    readings: tuple[AnyReading, ...]

    @property
    def complete(self) -> bool:
        """Whether every source could be read."""
        return self.known == self.of

    @property
    def nothing(self) -> bool:
        """Whether no source could be read: then there is no figure at all."""
        return self.known == 0


def total(readings: Iterable[AnyReading], now: datetime) -> Total:
    """Add up numeric readings; those unavailable or stale make the sum a lower bound."""
    readings = tuple(readings)
    values = [float(r.value or 0) for r in readings if isinstance(r, Known) and r.knowledge(now) is not Knowledge.STALE]
    return Total(sum(values), len(values), len(readings), readings)
