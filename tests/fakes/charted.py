"""A memory with a month in it: what two instances did, what was seen of their host, a night in which nobody looked."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from quarterdeck.truth.instance import subject
from quarterdeck.truth.past import Blind, Point, Tallied, Tally, Trend
from quarterdeck.truth.reading import Origin
from quarterdeck.views.charts import MONDAY
from tests.fakes.memory import FakeMemory

LEDGER = Origin("sessions database", "state.db")
HOST = Origin("host", "/proc")
MONTH = timedelta(days=30)
NIGHT = timedelta(hours=30)
"""How long ago nobody looked, for a day and a quarter."""
TRACKED = (
    (subject("north", "sessions"), "live"),
    (subject("south", "sessions"), "live"),
    (subject("north", "repository", "vault"), "confirmed_age_s"),
    ("host:bay", "memory_available_bytes"),
)


@dataclass(slots=True)
class Charted(FakeMemory):
    """Sessions of a month, numbers of a month, and a gap."""

    now: datetime = field(kw_only=True)

    def tracked(self, instance: str | None = None) -> Sequence[tuple[str, str]]:
        """The same for everybody."""
        return TRACKED

    def blind(self, since: datetime, until: datetime) -> Sequence[Blind]:
        """One night, some days ago."""
        return [Blind(self.now - 5 * NIGHT, self.now - 4 * NIGHT, "not running")]

    def tallies(
        self,
        measures: Sequence[str],
        since: datetime,
        until: datetime,
        step: timedelta,
        *,
        instance: str | None = None,
        known_by: datetime | None = None,
    ) -> Sequence[Tally]:
        """Both instances did something every day, south without a known price."""
        at = _steps(since, until, step)
        told = {name: tuple(Tallied(t, 9 + n + k, name == "south") for n, t in enumerate(at)) for k, name in NAMES}
        begun, until = self.now - MONTH, self.now
        return [
            Tally(name, measure, LEDGER, begun, until, whole=True, entries=entries)
            for measure in measures
            for name, entries in told.items()
        ]

    def trends(
        self, fields: Sequence[tuple[str, str]], since: datetime, until: datetime, step: timedelta
    ) -> Sequence[Trend]:
        """A wave for each, with the gap of the night in it."""
        night = self.blind(since, until)[0]
        at = [t for t in _steps(since, until, step) if not night.began_at <= t < night.ended_at]
        origin = {"host": HOST}
        return [
            Trend(name, what, origin.get(name.partition(":")[0], LEDGER), step, tuple(_point(t, n + 1) for t in at))
            for n, (name, what) in enumerate(fields)
        ]


NAMES = ((0, "north"), (40, "south"))


def _steps(since: datetime, until: datetime, step: timedelta) -> list[datetime]:
    first = since - (since - MONDAY) % step
    return [first + step * n for n in range((until - first) // step + 1)]


def _point(at: datetime, factor: int) -> Point:
    mean = factor * 1e4 * (2 + math.sin(at.timestamp() / 90_000))
    return Point(at, 0.9 * mean, mean, 1.1 * mean, 120)
