"""What is asked again though nothing is known to have moved, and how much of it in one look. Pure.

Rule 1: the search tells what moved. What can change without moving (checks, mergeability, a blocker that was closed, a
        branch) is asked for on a tour, a part of it in each look, whatever was not asked for the longest time first.
Rule 2: what the search should have told is verified on a slow tour: nothing is believed for ever. Reviews, by which
        somebody decides, are read within the time for which a detail counts as fresh; what came of a timeline, and
        files, which belong to two commits, within hours. Without a search that went well nothing is told again.
Rule 3: a forge tells to the second when something moved. What is read in that second, or soon after, may change once
        more and say the same: it is not settled, and is read again in the next look.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

LONGEST_S: Final = 600.0
"""A look after a long pause stands for no more than this."""
ROUNDING: Final = 1e-6

LISTS: Final = timedelta(minutes=4)
"""The lists of pull requests: whether they can be merged stands there and nowhere else."""
BRANCHES: Final = timedelta(minutes=12)
"""The lists of branches, which tell their rules; that somebody pushed, the list of repositories tells earlier."""
CHECKS: Final = timedelta(minutes=12)
PENDING: Final = timedelta(minutes=5)
"""Checks that still run."""
BLOCKED: Final = timedelta(minutes=10)
RULES: Final = timedelta(minutes=10)
REVIEWS: Final = timedelta(minutes=30)
VERIFY: Final = timedelta(hours=4)
SWEEP: Final = timedelta(hours=6)
RARE: Final = timedelta(hours=2)
OVERLAP: Final = timedelta(seconds=120)
"""So much earlier than the last answer is asked what moved: what was under way then was not told yet."""
SETTLES: Final = timedelta(seconds=10)
"""So long after something moved a reading of it is settled; an answer may be older than the time it carries."""
RESCUE: Final = timedelta(minutes=10)
"""Between two sweeps that are made because the forge counts other than we."""


AGAIN: Final = timedelta(minutes=1)
SELDOM: Final = timedelta(minutes=30)
"""What fails is asked again in the next look, then after one minute, two, four, and at last no sooner than this."""


class Tour:
    """All that is asked again and again, each thing within a time of its own, in even parts."""

    def __init__(self, now: datetime, span_s: float, most: int) -> None:
        """``span_s`` is for how long this look stands; no more than ``most`` things are asked for in it."""
        self._now, self._span_s, self._most = now, span_s, most
        self._chosen: list[tuple[float, int, Callable[..., None], tuple[object, ...]]] = []
        self._rate, self._order = 0.0, 0

    def add(self, at: datetime | None, within: timedelta, ask: Callable[..., None], *args: object) -> None:
        """Add something that was asked at a moment; what never was is not on tour."""
        if at is None:
            return
        self._rate += min(1.0, self._span_s / within.total_seconds())
        used, self._order = (self._now - at) / within, self._order - 1
        if used <= 0:
            return
        if len(self._chosen) < self._most:
            heapq.heappush(self._chosen, (used, self._order, ask, args))
        elif used > self._chosen[0][0]:  # thousands are added, and only those are kept that may be asked for
            heapq.heapreplace(self._chosen, (used, self._order, ask, args))

    def begin(self) -> None:
        """Ask for the part of this look: whatever has used up most of its time."""
        for _, _, ask, args in heapq.nlargest(math.ceil(self._rate - ROUNDING), self._chosen):
            ask(*args)


def span(before: datetime | None, now: datetime, every_s: float) -> float:
    """Return the seconds for which a look stands: a bell makes it early, and then less of a tour is due."""
    passed = every_s if before is None else (now - before).total_seconds()
    return min(max(passed, 1.0), max(every_s, LONGEST_S))


def is_due(at: datetime | None, now: datetime, after: timedelta) -> bool:
    """Whether something has to be asked again; also when its time is none that can be believed."""
    return at is None or not timedelta(0) <= now - at < after


def is_settled(moved_at: datetime | None, told_at: datetime | None) -> bool:
    """Whether what was told at a moment, by the forge's clock, can only change if that shows."""
    return moved_at is not None and told_at is not None and told_at - moved_at > SETTLES


def may_retry(at: datetime, now: datetime, failures: int) -> bool:
    """Whether something that failed so often in a row, and last at this moment, is to be asked again."""
    pause = min(AGAIN * 2 ** min(failures - 2, 10), SELDOM) if failures > 1 else timedelta(0)
    return is_due(at, now, pause)


def since(mark: datetime) -> datetime:
    """Return from when on to ask what moved."""
    return mark - OVERLAP
