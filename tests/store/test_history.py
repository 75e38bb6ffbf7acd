from __future__ import annotations

from pathlib import Path

import pytest

from quarterdeck.store.history import KEPT, History
from quarterdeck.store.keeper import Keeper
from tests.store.test_faults import at, record

JOBS = 4


@pytest.mark.parametrize(("kept_readings", "kept"), [(0, 1), (2 * JOBS, 2), (1_000, KEPT)])
def test_the_past_at_hand_is_bounded(tmp_path: Path, kept_readings: int, kept: int) -> None:
    """So many moments are kept at hand as hold so many readings, never more than a few, and always the newest."""
    keeper = Keeper(tmp_path / "history.db", floor=0, ballast=0)
    moments = [at(number) for number in range(1, KEPT + 3)]
    for number in range(1, KEPT + 3):
        record(keeper, number, jobs=JOBS)
    assert keeper.history is not None
    history = History(keeper.history.engine, kept_readings=kept_readings)
    looked = [history.snapshot_at(moment) for moment in moments]
    again = [history.snapshot_at(moment) is before for moment, before in reversed([*zip(moments, looked, strict=True)])]
    assert again == [number < kept for number in range(len(moments))]
    keeper.close()
