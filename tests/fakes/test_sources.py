from __future__ import annotations

import threading

import pytest

from quarterdeck.sources.files import SourceError
from quarterdeck.sources.source import Source
from quarterdeck.truth.reading import Known, Unavailable
from tests.fakes.clock import START, HandClock
from tests.fakes.sources import (
    FlappingSource,
    HungSource,
    LazySource,
    RaisingSource,
    SlowSource,
    SteadySource,
    VanishingSource,
)


def value(source: SteadySource) -> object:
    (reading,) = source.look(START)
    assert isinstance(reading, Known)
    return reading.value


def test_every_fake_is_a_source() -> None:
    """A fake can stand wherever a source can."""
    fakes: list[Source] = [
        SteadySource(),
        SlowSource(takes_s=0),
        HungSource(),
        RaisingSource(None),
        FlappingSource(),
        VanishingSource(),
        LazySource(),
    ]
    assert len({fake.name for fake in fakes}) == len(fakes)


def test_steady_counts_its_looks() -> None:
    """A steady source answers each look with the number of looks."""
    source = SteadySource()
    assert [value(source), value(source)] == [1, 2]
    assert (source.looks, source.crowd.most, source.crowd.there) == (2, 1, 0)


def test_slow_takes_its_time() -> None:
    """A slow source answers only after the time it takes."""
    source = SlowSource(takes_s=0.05)
    look = threading.Thread(target=source.look, args=(START,))
    look.start()
    assert not source.looked.wait(0.01)
    assert source.looked.wait(1)
    look.join()


def test_hung_returns_when_released() -> None:
    """A hung source returns from its look when it is released, and not before."""
    source = HungSource()
    look = threading.Thread(target=source.look, args=(START,))
    look.start()
    assert not source.looked.wait(0.02)
    source.release()
    assert source.looked.wait(1)
    look.join()


def test_raising_raises_what_it_was_given() -> None:
    """A raising source raises its error, and answers once it has none."""
    source = RaisingSource(ValueError("text"))
    with pytest.raises(ValueError, match="text"):
        source.look(START)
    source.error = None
    assert value(source) == 2


def test_flapping_answers_every_other_look() -> None:
    """A flapping source answers, fails with a reason, and answers again."""
    source = FlappingSource()
    assert value(source) == 1
    with pytest.raises(SourceError, match="busy"):
        source.look(START)
    assert value(source) == 3


def test_vanishing_reports_what_is_present() -> None:
    """A vanishing source reports the jobs that are there, or that their list cannot be read."""
    source = VanishingSource("a", "b")
    assert [reading.subject for reading in source.look(START)] == [
        "hermes:north/cron",
        "hermes:north/cron/a",
        "hermes:north/cron/b",
    ]
    source.present.remove("a")
    assert len(list(source.look(START))) == 2
    source.listed = False
    (reading,) = source.look(START)
    assert isinstance(reading, Unavailable)


def test_lazy_fails_on_the_way() -> None:
    """A lazy source hands over one reading before it fails."""
    readings = iter(LazySource().look(START))
    assert isinstance(next(readings), Known)
    with pytest.raises(LookupError):
        next(readings)


def test_hand_clock_moves_by_hand() -> None:
    """A hand clock stands still until it is moved, forward or back."""
    clock = HandClock()
    assert clock() == clock() == START
    clock.advance(minutes=2)
    clock.advance(seconds=-30)
    assert (clock() - START).total_seconds() == 90
