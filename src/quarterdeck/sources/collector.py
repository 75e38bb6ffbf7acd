"""One collection serves everybody.

Rule 1: a source is looked at by one thread at a time. While a look has not returned, no other begins.
Rule 2: a look that takes longer than its budget is given up: what it would have told is unknown for that reason, and
        whatever it still brings is not used. Its source rests until it has returned.
Rule 3: a reader that fails makes its own facts unknown, and no others.
Rule 4: a snapshot is published when something was learnt, never when somebody is waited for. It never changes
        afterwards, and its version only grows.
Rule 5: all that changes belongs to the thread that runs the collector. Others put a word into its inbox.
"""

from __future__ import annotations

import heapq
import math
import queue
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any, Protocol

from quarterdeck.sources.flights import Failed, Flight, Flights, Limits
from quarterdeck.sources.merge import Merged
from quarterdeck.sources.source import Source
from quarterdeck.truth.fields import SOURCE_ANSWERED, SOURCE_TOOK, Field
from quarterdeck.truth.grouped import NOTHING
from quarterdeck.truth.instance import Instance
from quarterdeck.truth.reading import AnyReading, Key, Known, Origin, Reason
from quarterdeck.truth.snapshot import Look, Snapshot
from quarterdeck.truth.thresholds import Thresholds

LIMITS = Limits()
SHARED = Thresholds()

LOOKS_MISSED = 3
"""For how many distances between two looks a reading of how a look went stays fresh."""

NUDGE = ""
"""The word in the inbox that asks for nothing but a turn."""


class Log(Protocol):
    """The two words the collector has for a log."""

    def info(self, event: str, **fields: object) -> object:
        """Note that something is well again."""

    def warning(self, event: str, **fields: object) -> object:
        """Note that something is not well."""


@dataclass(slots=True)
class Standing:
    """How it stands with one source."""

    source: Source
    due: float = math.inf
    started: float = -math.inf
    took: float = 0.0
    woken: bool = False
    """Something changed while it was being looked at."""
    answering: bool | None = None


@dataclass(slots=True)
class Tally:
    """How often a source was looked at, how many of these looks brought no answer, and what they took together."""

    looks: int = 0
    unanswered: int = 0
    took_ms: float = 0.0

    def add(self, look: Look) -> None:
        """Count a look that has ended or was given up."""
        self.looks += 1
        self.unanswered += not look.answered
        self.took_ms += look.took_ms


class Collector:
    """Looks at every source and publishes what is known.

    ``expected`` names, by source, the facts it brings, so that they can be called unknown before it ever answered.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        instances: Sequence[Instance],
        clock: Callable[[], datetime],
        monotonic: Callable[[], float] = time.monotonic,
        *,
        expected: Mapping[str, Collection[Key]] | None = None,
        limits: Limits = LIMITS,
        thresholds: Thresholds = SHARED,
        log: Log | None = None,
    ) -> None:
        names = [source.name for source in sources]
        if len(set(names)) < len(names) or any("/" in name for name in names):
            raise ValueError("Each source needs a name of its own, without a slash.")
        self._clock, self._monotonic, self._limits, self._log = clock, monotonic, limits, log
        self._standings = {source.name: Standing(source) for source in sources}
        self._expected = expected or {}
        self._inbox: queue.SimpleQueue[Flight | str | None] = queue.SimpleQueue()
        self._flights = Flights(limits, monotonic, self._inbox.put)
        self._agenda: list[tuple[float, int, str]] = []
        self._ticket = count()
        self._awaited: set[str] | None = None
        self._merged = Merged((*map(_about, names), *names))
        self._looks: dict[str, Look] = {}
        self._learnt = False
        self._published_at = -math.inf
        self._snapshot = Snapshot(0, clock(), tuple(instances), NOTHING, thresholds=thresholds)
        self._news = threading.Condition()
        self._listeners: list[Callable[[Snapshot], None]] = []
        self._running = threading.Lock()
        self._turns = 0
        self._tallies = {name: Tally() for name in names}

    # --- for everybody ---------------------------------------------------------------------------------------------

    @property
    def snapshot(self) -> Snapshot:
        """What is known now. It is there at once; nothing is looked at for it."""
        return self._snapshot

    def wait_for(self, version: int, timeout_s: float) -> Snapshot:
        """Wait until a snapshot of this version or a later one is out, or the time is over; return the newest."""
        with self._news:
            self._news.wait_for(lambda: self._snapshot.version >= version, timeout_s)
        return self._snapshot

    def listen(self, listener: Callable[[Snapshot], None]) -> Callable[[], None]:
        """Call ``listener`` with each new snapshot, in the collector's thread; it must be quick and must not raise.

        Returns what ends it.
        """
        self._listeners = [*self._listeners, listener]

        def leave() -> None:
            self._listeners = [other for other in self._listeners if other is not listener]

        return leave

    def wake(self, source: str) -> None:
        """Say that something changed that this source should see soon.

        Raises:
            KeyError: when there is no such source.
        """
        self._inbox.put(self._standings[source].source.name)

    @property
    def turns(self) -> int:
        """How many turns ``run`` has finished: it is alive when this grows after a ``nudge``."""
        return self._turns

    @property
    def tallies(self) -> Mapping[str, Tally]:
        """How often each source was looked at since the start, and how that went."""
        return self._tallies

    def nudge(self) -> None:
        """Let ``run`` take another turn, though there be nothing to do."""
        self._inbox.put(NUDGE)

    def stop(self) -> None:
        """End ``run``. Looks under way are left to end by themselves."""
        self._inbox.put(None)

    def run(self) -> None:
        """Look at every source again and again, until ``stop``."""
        with self._alone():
            self._plan_all()
            while True:
                self._begin()
                if not self._take_in(self._next_event()):
                    return
                self._give_up()
                if self._monotonic() >= self._publish_at():
                    self._publish()
                self._turns += 1

    def collect(self, deadline_s: float) -> Snapshot:
        """Look at every source once and return what is known when all have answered or the time is over."""
        with self._alone():
            deadline = self._monotonic() + deadline_s
            self._take_in(self._monotonic())  # what has returned since the last time
            self._plan_all()
            self._awaited = set(self._standings)
            for flight in self._flights:
                self._miss(flight.name, "has not returned from an earlier look")
            while self._awaited and self._monotonic() < deadline:
                self._begin()
                self._take_in(min(deadline, self._next_event()))
                self._give_up()
            for name in sorted(self._awaited):
                self._miss(name, f"did not answer within the {deadline_s:g} s that all looks were given")
            self._awaited = None
            return self._publish()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        if not self._running.acquire(blocking=False):
            raise RuntimeError("This collector is already looking; one collection serves everybody.")
        try:
            yield
        finally:
            self._running.release()

    # --- who is next -----------------------------------------------------------------------------------------------

    def _plan_all(self) -> None:
        now = self._monotonic()
        for standing in self._standings.values():
            self._plan(standing, now)

    def _plan(self, standing: Standing, due: float) -> None:
        standing.due = due
        heapq.heappush(self._agenda, (due, next(self._ticket), standing.source.name))

    def _next_due(self) -> float:
        """When the next source is due; entries that were overtaken by another plan are dropped on the way."""
        while self._agenda:
            due, _, name = self._agenda[0]
            if self._standings[name].due == due and self._flights.of(name) is None:
                return due
            heapq.heappop(self._agenda)
        return math.inf

    def _begin(self) -> None:
        now = self._monotonic()
        for _ in range(self._flights.room(now)):
            if self._next_due() > now:
                return
            standing = self._standings[heapq.heappop(self._agenda)[2]]
            standing.due, standing.started, standing.woken = math.inf, now, False
            self._flights.launch(standing.source, self._clock())

    # --- what comes in ---------------------------------------------------------------------------------------------

    def _next_event(self) -> float:
        """When something has to be done, should nothing come in before."""
        now = self._monotonic()
        due = self._next_due() if self._flights.room(now) > 0 else math.inf
        return min(due, self._flights.next_event(now), self._publish_at())

    def _take_in(self, until: float) -> bool:
        """Wait for something to come in and take it in, with all that came with it; False when told to stop."""
        try:
            message = self._inbox.get(timeout=None if until == math.inf else max(until - self._monotonic(), 0.0))
            while message is not None:
                if isinstance(message, Flight):
                    self._land(message)
                elif message != NUDGE:
                    self._rouse(self._standings[message])
                message = self._inbox.get_nowait()
        except queue.Empty:
            return True
        return False

    def _land(self, flight: Flight) -> None:
        """Take in a look that has ended. One that was given up has lost its say; its source may be asked again."""
        self._flights.remove(flight)
        standing = self._standings[flight.name]
        standing.took = flight.took(flight.ended)
        if not flight.given_up:
            self._hear(flight, standing.took)
        if self._awaited is None:
            due = max(flight.started + flight.source.every_s, flight.ended + standing.took)
            self._plan(standing, min(due, self._earliest(standing)) if standing.woken else due)

    def _hear(self, flight: Flight, took: float) -> None:
        if took > flight.source.budget_s:
            self._late(flight)
        elif isinstance(flight.outcome, Failed):
            self._lose(flight.name, flight.outcome, took)
        else:
            at = self._clock()
            self._merged.answered(flight.name, flight.outcome, at)
            self._note(Look(flight.name, at, took * 1000, answered=True))

    def _rouse(self, standing: Standing) -> None:
        if self._flights.of(standing.source.name) is not None:
            standing.woken = True
        elif (earliest := self._earliest(standing)) < standing.due:
            self._plan(standing, earliest)

    def _earliest(self, standing: Standing) -> float:
        """When a source that was woken may be looked at: soon, but it must not keep the machine busy."""
        gap = max(self._limits.wake_every_s, self._limits.rest * standing.took)
        return max(self._monotonic(), standing.started + gap)

    # --- who does not answer ---------------------------------------------------------------------------------------

    def _give_up(self) -> None:
        """Give up what has used up its budget; of what was given up before, say now and then that it is still out."""
        now = self._monotonic()
        for flight in self._flights:
            if not flight.given_up and now >= flight.over_at:
                flight.give_up(now)
                self._late(flight)
            elif flight.given_up and now >= flight.noted + flight.source.every_s:
                flight.noted = now
                detail = self._looks[flight.name].detail
                self._note(Look(flight.name, self._clock(), flight.took(now) * 1000, answered=False, detail=detail))

    def _late(self, flight: Flight) -> None:
        detail = f"did not answer within {flight.source.budget_s:g} s"
        self._lose(flight.name, Failed(Reason.TIMEOUT, detail), flight.took(self._monotonic()))

    def _miss(self, name: str, detail: str) -> None:
        """Wait no longer for a source whose look has not ended, or has not even begun."""
        now = self._monotonic()
        flight = self._flights.of(name)
        if flight is not None:
            flight.give_up(now)
        self._lose(name, Failed(Reason.TIMEOUT, detail), flight.took(now) if flight else 0.0)

    def _lose(self, name: str, failed: Failed, took: float) -> None:
        at = self._clock()
        self._merged.unanswered(name, at, failed.reason, failed.detail, self._expected.get(name, ()))
        self._note(Look(name, at, took * 1000, answered=False, detail=failed.detail))

    def _note(self, look: Look) -> None:
        """Keep how a look went, as readings like any other; tell the log when it went otherwise than the one before."""
        standing = self._standings[look.source]
        every = timedelta(seconds=standing.source.every_s)
        self._looks[look.source] = look
        self._tallies[look.source].add(look)
        self._merged.answered(_about(look.source), _readings(look, every), look.at)
        self._learnt = True
        if self._awaited is not None:
            self._awaited.discard(look.source)
        if self._log is not None and not look.answered and standing.answering is not False:
            self._log.warning("source lost", source=look.source, detail=look.detail)
        if self._log is not None and look.answered and standing.answering is False:
            self._log.info("source back", source=look.source)
        standing.answering = look.answered

    # --- what goes out ---------------------------------------------------------------------------------------------

    def _publish_at(self) -> float:
        """When the next snapshot is to be published; never, while there is nothing new or all are still awaited."""
        due = self._learnt and self._awaited is None
        return self._published_at + self._limits.publish_every_s if due else math.inf

    def _publish(self) -> Snapshot:
        now, before = self._clock(), self._snapshot
        readings, gone = self._merged.readings(), self._merged.gone(now)
        snapshot = Snapshot(
            before.version + 1, now, before.instances, readings, self._looks.copy(), gone, before.thresholds
        )
        self._learnt, self._published_at = False, self._monotonic()
        with self._news:
            self._snapshot = snapshot
            self._news.notify_all()
        for listener in self._listeners:
            listener(snapshot)
        return snapshot


def _about(source: str) -> str:
    """Under which name the collector itself speaks of a source."""
    return f"look {source}"


def _readings(look: Look, every: timedelta) -> Iterator[AnyReading]:
    yield _reading(SOURCE_TOOK, look, look.took_ms, every)
    yield _reading(SOURCE_ANSWERED, look, look.answered, every)


def _reading(field: Field[Any], look: Look, value: object, every: timedelta) -> AnyReading:
    """Make a reading of how a look went; it lives until two more looks were missed."""
    reading: AnyReading = field.known(f"source:{look.source}", Origin("collector", look.source), value, look.at)
    if isinstance(reading, Known) and reading.fresh_for < LOOKS_MISSED * every:
        return replace(reading, fresh_for=LOOKS_MISSED * every)
    return reading
