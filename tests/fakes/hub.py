"""A hub that shows what a test tells it, at the moment a test names."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from quarterdeck.truth.snapshot import Snapshot
from quarterdeck.views.recall import Recall


@dataclass(slots=True)
class FakeHub:
    """A snapshot and a clock, both settable."""

    snapshot: Snapshot
    now: datetime
    recall: Recall | None = None
    banner: str | None = None

    def clock(self) -> datetime:
        """The moment the test set."""
        return self.now

    def wait(self, seconds: float) -> None:
        """Let time pass without a new collection: the collector has stopped."""
        self.now += timedelta(seconds=seconds)
