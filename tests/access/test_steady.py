from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.access.steady import Steady, boot_id, up_s
from quarterdeck.store.ledger.clocks import Tick
from quarterdeck.store.schema import us
from tests.fakes.clock import START, HandClock
from tests.fakes.entrance import HandUp

STEPS = st.lists(
    st.tuples(st.floats(0, 10_000), st.one_of(st.just(0.0), st.floats(-1_000_000, 1_000_000))), max_size=30
)
"""For how long time passes, and by how much the machine's clock is set meanwhile."""


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


@given(STEPS)
def test_it_never_goes_back_and_never_slower_than_time(steps: list[tuple[float, float]]) -> None:
    """However the machine's clock is set, between two looks at least as much time passes as did."""
    wall, up = HandClock(), HandUp()
    steady = Steady(wall, up, lambda: "boot")
    for passed, step in steps:
        before = steady.now()
        up.seconds += passed
        wall.advance(seconds=passed + step)
        assert steady.now() - before >= timedelta(seconds=passed) - timedelta(milliseconds=1)
        assert steady.now() >= wall()


@given(STEPS)
def test_it_goes_on_where_it_was_after_a_restart(steps: list[tuple[float, float]]) -> None:
    """Another run of the program on the same machine is never behind the one that wrote down how far it came."""
    wall, up = HandClock(), HandUp()
    for passed, step in steps:
        first = Steady(wall, up, lambda: "boot")
        kept, before = first.tick(), first.now()
        up.seconds += passed
        wall.advance(seconds=passed + step)
        second = Steady(wall, up, lambda: "boot")
        second.heard((kept,))
        assert second.now() - before >= timedelta(seconds=passed) - timedelta(milliseconds=1)


def test_where_nobody_sets_the_clock_it_is_the_machines() -> None:
    """It says what the machine's clock says, as long as that goes on as it should."""
    wall, up = HandClock(), HandUp()
    steady = Steady(wall, up, lambda: "boot")
    for _ in range(5):
        up.seconds += 7
        wall.advance(seconds=7)
        assert steady.now() == wall()


def test_of_another_start_of_the_machine_only_the_moment_counts() -> None:
    """How long another machine, or this one before it was started anew, had been up says nothing of now."""
    steady = Steady(HandClock(), HandUp(5_000), lambda: "second")
    steady.heard((Tick("first", 1_000_000, us(after(60))),))
    assert steady.now() == after(60)


def test_it_is_never_before_what_stands_in_the_ledger() -> None:
    """A clock that was behind when the machine started is led on by what was written before."""
    steady = Steady(HandClock(START - timedelta(days=365)), HandUp(), lambda: "boot")
    steady.heard((), (START, after(5)))
    assert steady.now() == after(5)
    steady.heard((), ())
    assert steady.now() == after(5)


def test_the_machine_says_how_long_it_is_up_and_which_start_it_was() -> None:
    """Both come from the kernel: the name of a start stays, the time goes on."""
    assert boot_id() == boot_id() != ""
    assert up_s() <= up_s()
