"""The clock by which sessions and tokens live.

Rule 1: it never goes back, and it never goes slower than time: it is the latest of what the machine's clock says, of
        what it said itself before plus the time that has passed since, and of what stands in the ledger. So nobody's
        life grows longer by a clock that is set back, with a restart in between or without.
Rule 2: a clock that is set forward ends lives early. Setting it back again gives none of them back.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from uuid import uuid4

from quarterdeck.store.ledger.clocks import Tick
from quarterdeck.store.schema import MICROSECOND, exact, us

BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


def up_s() -> float:
    """Return how long the machine has been up, in seconds, sleep included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def boot_id() -> str:
    """Return the name of this start of the machine; one that nobody else has where the kernel gives none."""
    with suppress(OSError, UnicodeDecodeError):
        return BOOT_ID.read_text(encoding="ascii").strip()
    return str(uuid4())


class Steady:
    """Says a moment that never is before one it said."""

    def __init__(
        self, wall: Callable[[], datetime], up: Callable[[], float] = up_s, boot: Callable[[], str] = boot_id
    ) -> None:
        self._wall, self.up, self._boot = wall, up, boot()
        self._lock = threading.Lock()
        self._at, self._up_at = wall(), up()

    def now(self) -> datetime:
        """Return the present moment."""
        with self._lock:
            up = self.up()
            went_on = self._at + timedelta(seconds=max(up - self._up_at, 0.0))
            self._at, self._up_at = max(self._wall(), went_on), up
            return self._at

    def heard(self, ticks: Iterable[Tick], moments: Iterable[datetime] = ()) -> None:
        """Be no earlier than what stands in the ledger."""
        up_us = int(self.up() * 1e6)
        known = [exact(tick.at_us) + self._since(tick, up_us) for tick in ticks]
        latest = max((*known, *moments), default=None)
        with self._lock:
            if latest is not None and latest > self._at:
                self._at = latest

    def tick(self) -> Tick:
        """Return how far it has come, for the ledger."""
        now = self.now()
        return Tick(self._boot, int(self.up() * 1e6), us(now))

    def _since(self, tick: Tick, up_us: int) -> timedelta:
        return max(up_us - tick.up_us, 0) * MICROSECOND if tick.boot == self._boot else timedelta()
