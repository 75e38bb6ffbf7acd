from __future__ import annotations

import threading
from pathlib import Path

import pytest

from quarterdeck.access.identity import Role
from quarterdeck.errors import LedgerUnavailableError
from quarterdeck.settings import Settings
from quarterdeck.settings.access import Access, Ledger
from quarterdeck.wiring.entrance import entrance, find_ledger, opened
from quarterdeck.wiring.memory import Found
from tests.fakes.clock import HandClock
from tests.fakes.entrance import HandUp


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(ledger=Ledger(tmp_path / "state" / "ledger.db"), access=Access(idle_s=600, life_s=3600))


def test_putting_it_together_opens_nothing(settings: Settings) -> None:
    """Where nothing can be opened, that is seen later: the rest of the program begins all the same."""
    made = entrance(settings)
    assert (made.sessions.life.idle.total_seconds(), made.sessions.life.whole.total_seconds()) == (600, 3600)
    assert not settings.ledger.file.parent.exists()
    made.close()


def test_the_ledger_is_begun_and_kept_and_closed(settings: Settings) -> None:
    """As long as the block lasts it is kept; afterwards nothing of it is open and its log is in the file."""
    made = entrance(settings)
    with made.kept():
        patience = threading.Event()
        for _ in range(1_000):
            if settings.ledger.file.exists():
                break
            patience.wait(0.01)
        assert made.tokens.offer(Role.OPERATOR).value
    assert {path.name for path in settings.ledger.file.parent.iterdir()} <= {"ledger.db", "ledger.db.lock"}
    assert "Keeper" not in {thread.name for thread in threading.enumerate()}
    with opened(settings) as again:
        assert len(again.register.read().tokens) == 1


def test_a_command_goes_by_the_clock_of_the_ledger(settings: Settings) -> None:
    """What the terminal makes while the machine's clock is behind is good for as long as always."""
    wall, up = HandClock(), HandUp()
    hub = entrance(settings, clock=wall, up=up, boot=lambda: "boot")
    wall.advance(days=1)
    hub.sessions.keep()
    wall.advance(days=-1)
    terminal = entrance(settings, clock=wall, up=up, boot=lambda: "boot")
    terminal.register.read()
    value = terminal.tokens.offer(Role.OPERATOR).value
    assert hub.tokens.role(hub.register.read(), value) is Role.OPERATOR
    up.seconds += 600
    wall.advance(seconds=600)
    assert hub.tokens.role(hub.register.read(), value) is None
    terminal.close()
    hub.close()


def test_what_is_wrong_is_said_by_what_is_done(settings: Settings) -> None:
    """A command finds out about a ledger that cannot be used when it uses it."""
    settings.ledger.file.parent.touch()
    with opened(settings) as made:
        with pytest.raises(LedgerUnavailableError):
            made.register.read()
        with pytest.raises(LedgerUnavailableError):
            made.tokens.offer(Role.OPERATOR)


def test_how_it_stands_with_the_ledger_is_found(settings: Settings) -> None:
    """Where there is none, how many are in by one, what is wrong with one and what to do; and nothing is begun."""
    file = settings.ledger.file
    assert find_ledger(settings).what == f"nobody has come in yet; `quarterdeck up` begins {file}"
    assert not file.parent.exists()
    with opened(settings) as made:
        made.sessions.begin_bearer("prometheus", Role.VIEWER, 30)
    assert find_ledger(settings) == Found(f"{file}, 1 session")
    file.chmod(0o644)
    wrong = find_ledger(settings)
    assert (wrong.readable, "is open to others" in wrong.what, "chmod 600" in wrong.fix) == (False, True, True)
    server = settings._replace(ledger=Ledger(database="postgresql://me@127.0.0.1:1/deck?connect_timeout=1"))
    assert not find_ledger(server).readable
