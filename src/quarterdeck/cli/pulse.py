"""How the service manager learns that we live: from proof, not from a timer.

Rule 1: we are ready when the port is taken, the event loop runs and a first collection is there to be shown.
Rule 2: we are alive when the collector has finished a turn since we last said so, when it goes on publishing, and when
        the event loop, in which this runs, has come round to saying it. Where one of them hangs, nothing is said, and
        the manager that waits for it starts us anew.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final, Protocol

from quarterdeck.cli import notify
from quarterdeck.cli.notify import Manager
from quarterdeck.truth.snapshot import Snapshot

EVERY_S: Final = 10.0
"""How often we are heard of at least, where a watchdog does not want it more often."""
BEATS: Final = 3
"""Beats in the time after which the watchdog acts: one may be lost."""
QUIET_S: Final = 100.0
"""For how long the collector may publish nothing: the host is looked at three times in that time."""
FIRST_S: Final = 0.02


class Collecting(Protocol):
    """What is to be known of the collector."""

    @property
    def snapshot(self) -> Snapshot:
        """The newest collection."""

    @property
    def turns(self) -> int:
        """How many turns it has finished."""

    def nudge(self) -> None:
        """Let it take another turn, though there be nothing to do."""


class Pulse:
    """Tells the manager of a running hub. ``missed`` is called when there is something that keeps it from doing so."""

    def __init__(
        self,
        manager: Manager,
        collector: Collecting,
        *,
        missed: Callable[[str], object] = str,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._manager, self._collector, self._missed, self._monotonic = manager, collector, missed, monotonic
        self._turns, self._version, self._published_at = collector.turns, 0, monotonic()
        watchdog_s = manager.watchdog_s
        self.every_s = EVERY_S if watchdog_s is None else min(EVERY_S, watchdog_s / BEATS)

    async def run(self) -> None:
        """Run in the event loop that answers requests, until cancelled."""
        if not self._manager:
            return
        while not self._collector.snapshot.version:  # noqa: ASYNC110 -- what is waited for happens in another thread
            await asyncio.sleep(FIRST_S)
        if not self._manager.tell(notify.READY, status=self.status()):
            self._missed("the service manager cannot be told that everything is ready")
        while True:
            self._collector.nudge()
            await asyncio.sleep(self.every_s)
            self.beat()

    def beat(self) -> bool:
        """Say that we are alive, if we are; return whether it was said."""
        trouble = self._trouble()
        if trouble is not None:
            self._missed(f"the watchdog is not told that all is well: {trouble}")
            return False
        return self._manager.tell(notify.ALIVE, status=self.status())

    def _trouble(self) -> str | None:
        now, turns, version = self._monotonic(), self._collector.turns, self._collector.snapshot.version
        if version != self._version:
            self._version, self._published_at = version, now
        if turns == self._turns:
            return "the collector does not finish its turn"
        self._turns = turns
        quiet = now - self._published_at
        return f"the collector has published nothing for {quiet:.0f} s" if quiet > QUIET_S else None

    def status(self) -> str:
        """Say in one line how it stands."""
        snapshot = self._collector.snapshot
        looks = snapshot.looks.values()
        silent = sum(not look.answered for look in looks)
        said = f"{len(snapshot.instances)} agents watched, {len(looks)} sources asked"
        return f"{said}, {silent} of them silent" if silent else f"{said}, all of them answer"
