from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.access.identity import Claim, Role
from quarterdeck.access.keeper import Keeper
from quarterdeck.access.register import FRESH_S, Copy, Register
from quarterdeck.access.sessions import BEARER, COOKIE, PREFIX, Life, Sessions
from quarterdeck.access.steady import Steady
from quarterdeck.errors import LedgerUnavailableError
from quarterdeck.store.ledger.ledger import Ledger
from quarterdeck.store.ledger.people import KeptSession, NewSession, People
from tests.fakes.clock import START, HandClock
from tests.fakes.entrance import HandUp, House, house

OWNER = Claim("local", "owner")
IDLE, WHOLE = 3_600.0, 36_000.0


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state" / "ledger.db"


@pytest.fixture
def home(file: Path) -> Iterator[House]:
    with house(file) as made:
        made.entrance.sessions.life = Life(timedelta(seconds=IDLE), timedelta(seconds=WHOLE))
        yield made


def begin(home: House) -> str:
    return home.entrance.sessions.begin(OWNER, Role.OPERATOR).value


def found(home: House, value: str, carried: str = COOKIE) -> bool:
    return home.entrance.sessions.find(home.entrance.register.read(), value, carried) is not None


def use(home: House, value: str) -> None:
    kept = home.entrance.sessions.find(home.entrance.register.read(), value, COOKIE)
    assert kept is not None
    home.entrance.sessions.used(kept.id, home.up())


# --- as the ledger says ----------------------------------------------------------------------------------------------


def test_a_session_is_known_by_what_its_holder_shows(home: House) -> None:
    """What was handed out finds it; anything else, however near, finds nothing."""
    value = begin(home)
    assert found(home, value)
    for other in ("", value[:-1], value + "A", value.swapcase(), "A" * 43, "x" * 1_000_000, "é" * 43, PREFIX + value):
        assert not found(home, other)


def test_values_are_drawn_by_lot(home: House) -> None:
    """Each has 32 random bytes, and no two are the same."""
    values = {begin(home) for _ in range(20)}
    assert len(values) == 20
    assert {len(value) for value in values} == {43}


def test_a_cookie_is_no_bearer_token(home: House) -> None:
    """What is shown in one way opens nothing in the other."""
    cookie, program = begin(home), home.entrance.sessions.begin_bearer("metrics", Role.VIEWER, 30).value
    assert program.startswith(PREFIX)
    assert (found(home, cookie, BEARER), found(home, program, COOKIE)) == (False, False)
    assert (found(home, cookie, COOKIE), found(home, program, BEARER)) == (True, True)


def test_a_session_ends_when_it_is_not_used(home: House) -> None:
    """Up to the last moment it is known; at the moment at which it was idle for too long it is over."""
    value = begin(home)
    home.pass_time(IDLE - 1)
    assert found(home, value)
    home.pass_time(1)
    assert not found(home, value)


def test_a_session_that_is_used_goes_on_until_its_life_is_over(home: House) -> None:
    """Using it puts off the end by idleness, and never the end of its life."""
    value = begin(home)
    for _ in range(int(WHOLE / (IDLE - 1))):
        home.pass_time(IDLE - 1)
        use(home, value)
    home.pass_time(WHOLE % (IDLE - 1))
    assert not found(home, value)


def test_a_program_may_be_idle_and_ends_after_its_days(home: House) -> None:
    """A bearer session lasts for the days it was made for, used or not."""
    value = home.entrance.sessions.begin_bearer("metrics", Role.VIEWER, 30).value
    home.pass_time(30 * 86_400 - 1)
    assert found(home, value, BEARER)
    home.pass_time(1)
    assert not found(home, value, BEARER)


def test_a_shorter_span_in_the_settings_counts_at_once(home: House) -> None:
    """Who is in already is out when the settings give less; a longer span gives nothing to them."""
    value = begin(home)
    home.pass_time(600)
    home.entrance.sessions.life = Life(timedelta(seconds=500), timedelta(seconds=WHOLE))
    assert not found(home, value)
    home.entrance.sessions.life = Life(timedelta(seconds=IDLE), timedelta(seconds=500))
    assert not found(home, value)
    home.entrance.sessions.life = Life(timedelta(days=300), timedelta(days=300))
    assert found(home, value)
    home.pass_time(IDLE - 600)
    assert not found(home, value)


def test_whoever_comes_in_anew_has_another_value_and_the_old_one_is_over(home: House) -> None:
    """A session that takes the place of another ends it in the same step."""
    old = home.entrance.sessions.begin(OWNER, Role.OPERATOR)
    new = home.entrance.sessions.begin(OWNER, Role.OPERATOR, instead_of=(old.id,))
    assert old.value != new.value
    assert (found(home, old.value), found(home, new.value)) == (False, True)


def test_sessions_can_be_ended_and_listed(home: House) -> None:
    """The list holds those that are not over, the last used first; ending some leaves the others."""
    values = [begin(home) for _ in range(3)]
    home.pass_time(60)
    use(home, values[1])
    copy = home.entrance.register.read()
    every = home.entrance.sessions.all(copy)
    assert [one.id for one in every] == [2, 3, 1]
    assert (every[0].used_at, every[0].made_at) == (START + timedelta(seconds=60), START)
    assert home.entrance.sessions.end((1, 99)) == 1
    assert [found(home, value) for value in values] == [False, True, True]
    assert home.entrance.sessions.end_all(but=(2,)) == 1
    assert [found(home, value) for value in values] == [False, True, False]


# --- whatever the clock does -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("back", [60.0, 86_400.0, 86_400.0 * 365])
def test_a_clock_that_is_set_back_gives_no_session_longer(home: House, back: float) -> None:
    """After an hour without use it is over, also when the clock was set back meanwhile."""
    value = begin(home)
    home.wall.advance(seconds=-back)
    home.pass_time(IDLE - 1)
    assert found(home, value)
    home.pass_time(1)
    assert not found(home, value)


def test_a_clock_that_is_set_forward_ends_sessions_for_good(home: House) -> None:
    """What was over by the clock once is not given back by setting it back."""
    value = begin(home)
    home.wall.advance(seconds=IDLE)
    assert not found(home, value)
    home.wall.advance(seconds=-IDLE)
    assert not found(home, value)


def test_a_clock_that_was_wrong_and_is_right_again_makes_nobody_immortal(home: House) -> None:
    """Who comes in while it is a year ahead is out after as long as always."""
    home.wall.advance(days=365)
    value = begin(home)
    home.wall.advance(days=-365)
    home.pass_time(IDLE - 1)
    assert found(home, value)
    home.pass_time(1)
    assert not found(home, value)


@pytest.mark.parametrize("back", [0.0, 86_400.0])
def test_a_restart_gives_no_session_longer(file: Path, back: float) -> None:
    """Neither does a restart of the program, with the clock set back on top of it."""
    wall, up = HandClock(), HandUp()
    with house(file, wall=wall, up=up) as before:
        value = begin(before)
        before.pass_time(600)
        before.entrance.sessions.keep()
    wall.advance(seconds=-back)
    with house(file, wall=wall, up=up) as after:
        idle = after.entrance.sessions.life.idle.total_seconds()
        assert found(after, value)
        after.pass_time(idle - 601)
        assert found(after, value)
        after.pass_time(1)
        assert not found(after, value)


@given(st.lists(st.tuples(st.floats(0, 20_000), st.floats(-100_000, 100_000), st.booleans()), max_size=12))
def test_no_session_outlives_its_spans(steps: list[tuple[float, float, bool]]) -> None:
    """Whatever the clock is set to and whenever it is used, it is known at most for its idle span and its life."""
    wall, up = HandClock(), HandUp()
    steady = Steady(wall, up, lambda: "boot")
    unused = Register(People(Ledger(Path("nowhere.db"))), steady)
    sessions = Sessions(unused, steady, Life(timedelta(seconds=IDLE), timedelta(seconds=WHOLE)))
    value = "A" * 43
    new = sessions.new(value, OWNER, Role.OPERATOR)
    copy = Copy(None, {new.key: KeptSession(1, new, new.made_at)}, {})
    lived = idle = 0.0
    over = False
    for passed, step, used in steps:
        up.seconds += passed
        wall.advance(seconds=passed + step)
        lived, idle = lived + passed, idle + passed
        known = sessions.find(copy, value, COOKIE) is not None
        assert not (known and (lived > WHOLE + 0.01 or idle > IDLE + 0.01))
        assert not (known and over), "what was over once is over"
        over = over or not known
        if known and used:
            sessions.used(1, up())
            idle = 0.0


# --- whatever becomes of the ledger ----------------------------------------------------------------------------------


def test_a_use_is_written_once_a_minute_and_by_nobody_else(home: House, file: Path) -> None:
    """Using a session leaves the ledger as it is; the keeper writes when it was, and clears away what is over."""
    value, over = begin(home), begin(home)
    before = {path.name: path.read_bytes() for path in file.parent.iterdir()}
    home.pass_time(IDLE - 1)
    use(home, value)
    assert {path.name: path.read_bytes() for path in file.parent.iterdir()} == before
    home.pass_time(1)
    home.entrance.sessions.keep()
    kept = home.entrance.register.read().sessions.values()
    assert [one.used_at for one in kept] == [START + timedelta(seconds=IDLE - 1)]
    assert (found(home, value), found(home, over)) == (True, False)


def test_a_use_that_cannot_be_written_is_not_forgotten(home: House, file: Path) -> None:
    """While the ledger cannot be written it is remembered, and written when it can be again."""
    value = begin(home)
    home.pass_time(600)
    use(home, value)
    file.chmod(0o644)
    with pytest.raises(LedgerUnavailableError, match="chmod 600"):
        home.entrance.sessions.keep()
    file.chmod(0o600)
    home.entrance.sessions.keep()
    (kept,) = home.entrance.register.read().sessions.values()
    assert kept.used_at == START + timedelta(seconds=600)


def test_the_keeper_begins_the_ledger_and_keeps_it_to_the_end(home: House, file: Path) -> None:
    """When it starts there is a ledger; when it stops, what was not written yet is."""
    keeper = Keeper(home.entrance.register, home.entrance.sessions)
    thread = threading.Thread(target=keeper.run)
    thread.start()
    wait_for(file)
    value = begin(home)
    home.pass_time(60)
    use(home, value)
    keeper.stop()
    thread.join(10)
    (kept,) = home.entrance.register.read().sessions.values()
    assert kept.used_at == START + timedelta(seconds=60)


def test_the_keeper_begins_a_ledger_that_is_gone_as_soon_as_somebody_misses_it(home: House, file: Path) -> None:
    """Nobody has to wait a minute: who could not read it wakes the keeper. Nobody is in the new one."""
    keeper = Keeper(home.entrance.register, home.entrance.sessions, again_s=0.01)
    thread = threading.Thread(target=keeper.run)
    thread.start()
    try:
        wait_for(file)
        value = begin(home)
        file.unlink()
        with pytest.raises(LedgerUnavailableError, match="no ledger"):
            home.entrance.register.read()
        wait_for(file)
        assert not found(home, value)
    finally:
        keeper.stop()
        thread.join(10)


def wait_for(file: Path) -> None:
    patience = threading.Event()
    for _ in range(1_000):
        if file.exists():
            return
        patience.wait(0.01)
    pytest.fail("it did not come")


def test_the_keeper_says_once_what_is_wrong(home: House, file: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A ledger that cannot be written is said once, with what to do, and so is that it can be again."""
    keeper = Keeper(home.entrance.register, home.entrance.sessions)
    assert keeper.keep()
    with caplog.at_level(logging.WARNING):
        file.chmod(0o644)
        assert [keeper.keep(), keeper.keep()] == [False, False]
        file.chmod(0o600)
        assert [keeper.keep(), keeper.keep()] == [True, True]
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]
    assert "chmod 600" in caplog.messages[0]
    assert "again" in caplog.messages[1]


@pytest.mark.anyio
async def test_a_copy_is_read_once_a_second_at_most(home: House, file: Path) -> None:
    """However many ask, the ledger is read once; what another program changed is seen a second later."""
    value = begin(home)
    home.pass_time(FRESH_S)
    copy = await home.entrance.register.current()
    assert copy is not None
    with sqlite3.connect(file) as other:
        other.execute("DELETE FROM people_sessions")
        other.execute("UPDATE ledger_marks SET value = 1")
    other.close()
    home.pass_time(FRESH_S / 2)
    assert await home.entrance.register.current() is copy
    home.pass_time(FRESH_S / 2)
    now = await home.entrance.register.current()
    assert now is not None
    assert home.entrance.sessions.find(now, value, COOKIE) is None


def test_a_session_says_nothing_of_what_is_shown(home: House) -> None:
    """What is kept, listed or printed of a session does not hold what opens the door."""
    made = home.entrance.sessions.begin(OWNER, Role.OPERATOR)
    copy = home.entrance.register.read()
    assert made.value not in repr(copy) + repr(home.entrance.sessions.all(copy))
    assert isinstance(next(iter(copy.sessions.values())).is_, NewSession)
