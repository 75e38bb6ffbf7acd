"""What every source is: something that can be looked at, and cannot be changed by looking.

A source is a folder with an impure ``fetch`` (what to open, bounded in time and size), a pure
``parse`` (bytes to readings) and recorded cases beside its tests. It has no method that writes.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Protocol

from quarterdeck.truth.reading import AnyReading


class Source(Protocol):
    """A named origin of facts, as the collector uses it."""

    @property
    def name(self) -> str:
        """Unique name, shown as the origin of its cost: ``hermes:north``, ``systemd:user``, ``host``."""

    @property
    def budget_s(self) -> float:
        """Seconds one look may take before it counts as unanswered."""

    @property
    def every_s(self) -> float:
        """Seconds between two looks when nothing wakes it earlier."""

    def watched(self) -> tuple[Path, ...]:
        """Return the directories in which a change is a reason to look at once."""

    def look(self, now: datetime) -> Iterable[AnyReading]:
        """Look once and return what was seen. Runs in a thread; every failure is a reading, not an exception."""
