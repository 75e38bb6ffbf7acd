"""Looks under way: each in a thread of its own, counted while they work, given up when their time is over.

Rule 1: slots are for work, not for waiting. A look that holds a slot longer than a moment gives it back, a look that
        was given up holds nothing. So a slow source delays no other, and neither do many.
Rule 2: a thread cannot be stopped. A look that was given up stays on the list until it returns.
Rule 3: whatever ends a look, its end is reported. Which error it was is said; its message, which may quote what was
        read, is not.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import NamedTuple

from quarterdeck.sources.files import SourceError
from quarterdeck.sources.source import Source
from quarterdeck.truth.reading import AnyReading, Reason


class Limits(NamedTuple):
    """How much may happen at once, and how often."""

    working: int = 4
    """Looks that may work at the same time. More would only wait for the interpreter and for the pages."""
    in_flight: int = 32
    """Looks that may be under way at the same time, most of them waiting for a disk or a program."""
    patience_s: float = 0.25
    """A look older than this is taken to wait, not to work."""
    publish_every_s: float = 0.25
    """Snapshots follow each other no faster: each one is judged anew for everybody who looks."""
    wake_every_s: float = 0.5
    """A source that is woken again and again is looked at no more often."""
    rest: float = 3.0
    """A source that is woken rests for this many times what its last look took."""


class Failed(NamedTuple):
    """A look that ended without an answer: why, in words fit for the screen."""

    reason: Reason
    detail: str


@dataclass(slots=True)
class Flight:
    """One look under way."""

    source: Source
    at: datetime
    started: float
    ended: float = math.inf
    outcome: Sequence[AnyReading] | Failed = ()
    given_up: bool = False
    noted: float = 0.0
    """When it was last noted that it has not returned."""

    @property
    def name(self) -> str:
        """The name of the source that is looked at."""
        return self.source.name

    @property
    def over_at(self) -> float:
        """When its budget is used up."""
        return self.started + self.source.budget_s

    def took(self, now: float) -> float:
        """Return the seconds it took, or has taken so far."""
        return min(self.ended, now) - self.started

    def give_up(self, now: float) -> None:
        """Wait for it no longer."""
        self.given_up, self.noted = True, now


def begin_thread(work: Callable[[], None], name: str) -> None:
    """Begin a thread that keeps nobody from ending.

    Raises:
        RuntimeError: when this machine lets no further thread begin.
    """
    threading.Thread(target=work, name=name, daemon=True).start()


class Flights:
    """All looks under way. ``landed`` is called with each one in its own thread, when it has ended."""

    def __init__(
        self,
        limits: Limits,
        monotonic: Callable[[], float],
        landed: Callable[[Flight], None],
        begin: Callable[[Callable[[], None], str], None] = begin_thread,
    ) -> None:
        self._limits, self._monotonic, self._landed, self._begin = limits, monotonic, landed, begin
        self._by_source: dict[str, Flight] = {}

    def __iter__(self) -> Iterator[Flight]:
        return iter(self._by_source.values())

    def of(self, source: str) -> Flight | None:
        """Return the look that is under way at a source."""
        return self._by_source.get(source)

    def room(self, now: float) -> int:
        """Return how many more looks may begin."""
        under_way = [flight for flight in self if not flight.given_up]
        working = sum(now - flight.started < self._limits.patience_s for flight in under_way)
        return min(self._limits.working - working, self._limits.in_flight - len(under_way))

    def next_event(self, now: float) -> float:
        """Return when something changes by itself: a slot is given back, a budget is used up, a note is due."""
        moments = [flight.noted + flight.source.every_s if flight.given_up else flight.over_at for flight in self]
        patience = (flight.started + self._limits.patience_s for flight in self)
        return min([*moments, *(moment for moment in patience if moment > now)], default=math.inf)

    def launch(self, source: Source, at: datetime) -> None:
        """Begin a look."""
        flight = self._by_source[source.name] = Flight(source, at, self._monotonic())
        try:
            self._begin(partial(self._fly, flight), f"look {source.name}")
        except RuntimeError:  # a limit of this machine is reached: no memory, or too many threads
            flight.outcome = Failed(Reason.OBSERVER, "this machine lets no further thread begin")
            self._land(flight)

    def remove(self, flight: Flight) -> None:
        """Take a look that has ended off the list."""
        del self._by_source[flight.name]

    def _fly(self, flight: Flight) -> None:
        try:
            flight.outcome = tuple(flight.source.look(flight.at))
        except SourceError as error:
            flight.outcome = Failed(error.reason, error.detail)
        except BaseException as error:  # noqa: BLE001 -- also what would end the thread must be heard of
            flight.outcome = Failed(Reason.OBSERVER, f"the reader failed: {type(error).__name__}")
        self._land(flight)

    def _land(self, flight: Flight) -> None:
        flight.ended = self._monotonic()
        self._landed(flight)
