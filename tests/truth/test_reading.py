"""What a reading is."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.truth.reading import SKEW, Knowledge, Known, Reason, Unavailable
from tests.truth.cast import NOW, ORIGIN, ago

ORDER = [Knowledge.FRESH, Knowledge.LATE, Knowledge.STALE]


def _known(at: datetime, fresh_for: float = 90) -> Known[int]:
    return Known("hermes:north/gateway", "lock_holder", ORIGIN, 1, at, timedelta(seconds=fresh_for))


@given(st.integers(0, 10_000), st.integers(0, 10_000), st.integers(1, 5_000))
def test_a_reading_never_grows_fresher(first: int, more: int, fresh_for: int) -> None:
    """Whatever the two moments after it was made, the later one never finds a reading fresher."""
    reading = _known(NOW, fresh_for)
    early, late = NOW + timedelta(seconds=first), NOW + timedelta(seconds=first + more)
    assert ORDER.index(reading.knowledge(late)) >= ORDER.index(reading.knowledge(early))


@pytest.mark.parametrize(("age", "expected"), [(0, "fresh"), (45, "fresh"), (46, "late"), (90, "late"), (91, "stale")])
def test_the_first_half_of_its_life_is_fresh_the_second_late(age: int, expected: str) -> None:
    """A reading is fresh, then late, then stale, at the borders the rule names."""
    assert _known(ago(age)).knowledge(NOW) == expected


def test_a_time_from_the_future_is_not_fresh() -> None:
    """Beyond the allowed skew, a reading from the future is stale."""
    assert _known(NOW + SKEW).knowledge(NOW) is Knowledge.FRESH
    assert _known(NOW + SKEW + timedelta(seconds=1)).knowledge(NOW) is Knowledge.STALE


def test_a_reading_without_zone_or_life_cannot_be_constructed() -> None:
    """Naive times and lifetimes that are not positive are refused."""
    with pytest.raises(ValueError, match="zone"):
        _known(NOW.replace(tzinfo=None))
    with pytest.raises(ValueError, match="fresh_for"):
        _known(NOW, 0)
    with pytest.raises(ValueError, match="zone"):
        Unavailable("s", "f", ORIGIN, NOW.replace(tzinfo=None), Reason.MISSING, "gone")


def test_absence_does_not_age() -> None:
    """An unavailable reading is unknown at any moment."""
    lost = Unavailable("s", "f", ORIGIN, NOW, Reason.MISSING, "gone", _known(NOW))
    assert {lost.knowledge(NOW), lost.knowledge(NOW + timedelta(days=9))} == {Knowledge.UNKNOWN}
