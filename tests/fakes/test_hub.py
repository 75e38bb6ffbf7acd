"""The fake hub is what it says."""

from __future__ import annotations

from quarterdeck.truth.snapshot import Snapshot
from tests.fakes.hub import FakeHub
from tests.truth.cast import NOW, ago


def test_waiting_moves_the_clock_and_nothing_else() -> None:
    """Time passes, the snapshot stays."""
    hub = FakeHub(Snapshot(1, NOW, (), {}), ago(10))
    snapshot = hub.snapshot
    hub.wait(10)
    assert (hub.clock(), hub.snapshot) == (NOW, snapshot)
