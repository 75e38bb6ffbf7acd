from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from quarterdeck.access.identity import Peer, Permission, Role, Way
from quarterdeck.access.tokens import LIFE, MOST_TOKENS, PEERS, WRONG, WRONG_S
from quarterdeck.errors import LedgerUnavailableError
from tests.fakes.clock import START
from tests.fakes.entrance import LOOPBACK, House, house


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state" / "ledger.db"


@pytest.fixture
def home(file: Path) -> Iterator[House]:
    with house(file) as made:
        yield made


def is_good(home: House, value: str) -> bool:
    return home.entrance.tokens.guest(home.entrance.register.read(), value) is not None


def roles(home: House) -> list[tuple[str, Role | None]]:
    copy = home.entrance.register.read()
    return [(one.login, one.role) for one in home.entrance.sessions.all(copy)]


@pytest.mark.parametrize(("role", "login"), [(Role.OPERATOR, "owner"), (Role.VIEWER, "visitor")])
def test_a_token_buys_the_session_it_was_made_for(home: House, role: Role, login: str) -> None:
    """It carries its role; who is let in by it is called the same, whoever started the program."""
    offered = home.entrance.tokens.offer(role)
    assert home.entrance.tokens.role(home.entrance.register.read(), offered.value) is role
    assert home.entrance.tokens.spend(offered.value) is not None
    assert roles(home) == [(login, role)]


def test_a_token_is_good_once(home: House) -> None:
    """Used up, it is worth nothing."""
    offered = home.entrance.tokens.offer(Role.OPERATOR)
    assert home.entrance.tokens.spend(offered.value) is not None
    assert not is_good(home, offered.value)
    assert home.entrance.tokens.spend(offered.value) is None
    assert len(roles(home)) == 1


def test_a_token_is_good_for_ten_minutes(home: House) -> None:
    """Up to the last second; then it is worth nothing, whatever the clock was set to meanwhile."""
    assert timedelta(minutes=10) >= LIFE
    offered = home.entrance.tokens.offer(Role.OPERATOR)
    assert offered.ends_at == START + LIFE
    home.wall.advance(days=-1)
    home.pass_time(LIFE.total_seconds() - 1)
    assert is_good(home, offered.value)
    home.pass_time(1)
    assert not is_good(home, offered.value)
    assert home.entrance.tokens.spend(offered.value) is None


def test_whoever_shows_a_token_may_use_it_and_nothing_else(home: House) -> None:
    """They are a guest: neither look nor act."""
    offered = home.entrance.tokens.offer(Role.OPERATOR)
    guest = home.entrance.tokens.guest(home.entrance.register.read(), offered.value)
    assert guest is not None
    assert [each for each in Permission if guest.may(each)] == [Permission.ENTER]
    assert offered.value not in repr(guest)


def test_a_wrong_token_is_nothing(home: House) -> None:
    """Nor is one that is near, none at all, or a megabyte of something."""
    value = home.entrance.tokens.offer(Role.OPERATOR).value
    for wrong in ("", value[:-1], value + "A", value.swapcase(), "A" * 43, "é" * 43, "A" * 1_000_000):
        assert not is_good(home, wrong)
        assert home.entrance.tokens.spend(wrong) is None
    assert is_good(home, value)


def test_tokens_can_be_withdrawn(home: House) -> None:
    """Whoever ends all sessions withdraws the tokens too."""
    value = home.entrance.tokens.offer(Role.OPERATOR).value
    home.entrance.sessions.end_all()
    assert home.entrance.tokens.spend(value) is None


def test_there_are_only_so_many_tokens(home: House) -> None:
    """Of too many the oldest are worth nothing any more."""
    values = [home.entrance.tokens.offer(Role.VIEWER).value for _ in range(MOST_TOKENS + 2)]
    assert [is_good(home, value) for value in values] == [False] * 2 + [True] * MOST_TOKENS


def test_of_many_who_use_one_token_at_once_one_comes_in(home: House, file: Path) -> None:
    """Two hubs with three threads each, at one moment: one session."""
    value = home.entrance.tokens.offer(Role.OPERATOR).value
    with house(file) as other:
        start, made = threading.Barrier(6), list[object]()

        def spend(at: House) -> None:
            start.wait()
            made.append(at.entrance.tokens.spend(value))

        threads = [threading.Thread(target=spend, args=(at,)) for at in (home, other) * 3]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sum(one is not None for one in made) == 1
    assert len(roles(home)) == 1


SPENDER = """
import sys
from pathlib import Path
from tests.fakes.entrance import house
with house(Path(sys.argv[1])) as home:
    home.entrance.register.read()
    print("ready", flush=True)
    value = sys.stdin.readline().strip()
    print(home.entrance.tokens.spend(value) is not None)
"""


def test_of_two_programs_that_use_one_token_at_once_one_lets_in(home: House, file: Path) -> None:
    """Two processes that are told it at one moment: one session."""
    value = home.entrance.tokens.offer(Role.OPERATOR).value
    command = [sys.executable, "-c", SPENDER, str(file)]
    both = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    try:
        for one in both:
            assert one.stdout is not None
            assert one.stdout.readline() == "ready\n"
        for one in both:
            assert one.stdin is not None
            one.stdin.write(f"{value}\n")
            one.stdin.flush()
        said = sorted(one.communicate(timeout=30)[0] for one in both)
    finally:
        for one in both:
            one.kill()
            one.wait()
    assert said == ["False\n", "True\n"]
    assert len(roles(home)) == 1


def test_what_cannot_be_written_uses_nothing_up(home: House, file: Path) -> None:
    """When the ledger cannot be written nobody comes in, and the token is as good as before."""
    value = home.entrance.tokens.offer(Role.OPERATOR).value
    file.chmod(0o666)
    with pytest.raises(LedgerUnavailableError):
        home.entrance.tokens.spend(value)
    with pytest.raises(LedgerUnavailableError):
        home.entrance.tokens.offer(Role.OPERATOR)
    file.chmod(0o600)
    assert home.entrance.tokens.spend(value) is not None


def test_wrong_tokens_are_answered_slowly(home: House) -> None:
    """After so many in a minute each further one has to wait; a minute later it begins anew; others are not slowed."""
    tokens, other = home.entrance.tokens, Peer(Way.TAILNET, "100.64.0.9", 1)
    assert [tokens.wrong(LOOPBACK) for _ in range(WRONG)] == [0.0] * WRONG
    assert tokens.wrong(LOOPBACK) > 0
    assert tokens.wrong(other) == 0
    home.pass_time(WRONG_S)
    assert tokens.wrong(LOOPBACK) == 0


def test_wrong_tokens_fill_no_memory(home: House) -> None:
    """However many peers show wrong ones, no more than so many are remembered."""
    for number in range(PEERS * 3):
        home.entrance.tokens.wrong(Peer(Way.TAILNET, f"fd7a:115c:a1e0::{number:x}", 1))
    assert len(vars(home.entrance.tokens)["_wrong"]) <= PEERS
