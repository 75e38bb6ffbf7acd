"""The memory as the rest of the program holds it: there from the beginning, open when it can be.

Rule 1: nothing waits for memory. What is known now is on the pages before the history is even looked for.
Rule 2: how it stands with the memory is a reading like any other.

This module is light: what works with the database is loaded by the thread that does.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from quarterdeck.errors import MemoryUnavailableError
from quarterdeck.settings import Settings
from quarterdeck.sources.collector import Collector, Log
from quarterdeck.sources.source import Source
from quarterdeck.truth.reading import AnyReading
from quarterdeck.views.recall import Recall
from quarterdeck.wiring.eye import Eye

if TYPE_CHECKING:
    from quarterdeck.store.keeper import Condition
    from quarterdeck.wiring.remembering import Historian


PATIENCE_S = 0.7
"""Seconds after the first snapshot before memory is loaded: the first page comes first."""


class Memory:
    """Records what the collector publishes, and answers what views ask. As a source it tells of itself."""

    name = "memory"
    budget_s = 2.0
    every_s = 10.0

    def __init__(
        self,
        settings: Settings,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float],
        *,
        log: Log | None = None,
    ) -> None:
        self._settings, self._clock, self._monotonic, self._log = settings, clock, monotonic, log
        self._eye: Eye | None = None
        self._historian: Historian | None = None
        self._stop = threading.Event()

    def record(self, collector: Collector, sources: Iterable[Source]) -> None:
        """Name the collector whose snapshots are to be recorded, and the sources it asks."""
        names = frozenset(source.name for source in sources)
        self._eye = Eye(collector, names, self._clock, self._monotonic)

    @property
    def recall(self) -> Recall | None:
        """What was recorded; None while it cannot be read."""
        return None if self._historian is None else self._historian.recall

    def run(self) -> None:
        """Record, until ``stop``."""
        eye = self._eye
        if eye is None:
            raise RuntimeError("There is nothing to record: name a collector first.")
        while not eye.collector.wait_for(1, 0.5).version:
            if self._stop.is_set():
                return
        self._stop.wait(PATIENCE_S)
        from quarterdeck.wiring.remembering import Historian  # noqa: PLC0415 -- it takes the time of a first page

        self._historian = Historian(self._settings, eye, self._stop, log=self._log)
        self._historian.run()

    def stop(self) -> None:
        """End ``run``."""
        self._stop.set()

    def watched(self) -> tuple[Path, ...]:
        """Watch nothing."""
        return ()

    def look(self, now: datetime) -> Iterable[AnyReading]:
        """Say how it stands with the history, and how far the sessions were taken in."""
        return () if self._historian is None else self._historian.readings(now)


@contextmanager
def looking_back(settings: Settings) -> Iterator[Recall | None]:
    """Open the history for looking only; None when nothing was ever recorded.

    Raises:
        MemoryUnavailableError: when there is something that cannot be read.
    """
    from quarterdeck.store.keeper import Keeper  # noqa: PLC0415 -- most commands look at the present
    from quarterdeck.wiring.remembering import recalled  # noqa: PLC0415 -- as above

    keeper = Keeper(settings.history.place)
    try:
        history = keeper.look()
        yield None if history is None else recalled(history, settings)
    finally:
        keeper.close()


class Found(NamedTuple):
    """How the history is found by who only looks."""

    what: str
    fix: str = ""
    readable: bool = True


def find_history(settings: Settings) -> Found:
    """Say where the history lies, what keeps it, since when, and what is wrong with it."""
    if not settings.history.record:
        return Found("not recorded, as the settings say")
    from quarterdeck.store.keeper import Keeper  # noqa: PLC0415 -- as above

    keeper = Keeper(settings.history.place)
    try:
        if keeper.look() is None:
            return Found(f"nothing is recorded yet; `quarterdeck up` begins {settings.history.place}")
        return _found(settings, keeper.condition())
    except MemoryUnavailableError as error:
        return Found(error.what, error.fix, readable=False)
    finally:
        keeper.close()


def _found(settings: Settings, how: Condition) -> Found:
    where = str(settings.history.place) if settings.history.database is None else "a PostgreSQL database"
    size = "" if how.bytes is None else f", {how.bytes / 1e6:,.1f} MB"
    since = "" if how.began is None else f", since {how.began:%Y-%m-%d %H:%M}Z"
    what = f"{where}{size}{since}; {how.engine}, schema {how.schema}"
    if how.set_aside is None:
        return Found(what)
    at, name = how.set_aside
    fix = f"A damaged one was set aside on {at:%Y-%m-%d %H:%M}Z as {name}: delete it when nobody wants it any more."
    return Found(what, fix)
