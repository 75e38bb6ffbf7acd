"""How the door is put together: the ledger, what is kept in it, and who recognises people by it.

Rule: nothing is opened here. Where the ledger cannot be used, nobody comes in, and everything else goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Thread
from typing import Final

from quarterdeck.access.csrf import Forms
from quarterdeck.access.doorman import Doorman, Witnesses
from quarterdeck.access.keeper import Keeper
from quarterdeck.access.register import Register
from quarterdeck.access.sessions import Life, Sessions
from quarterdeck.access.steady import Steady, boot_id, up_s
from quarterdeck.access.tokens import Tokens
from quarterdeck.errors import LedgerUnavailableError
from quarterdeck.settings import Settings
from quarterdeck.store.ledger.ledger import Ledger
from quarterdeck.store.ledger.people import People
from quarterdeck.wiring.memory import Found

STOP_S: Final = 1.0
"""Seconds that the keeper gets to write a last time."""


@dataclass(frozen=True, slots=True)
class Entrance:
    """Everything there is about coming in."""

    ledger: Ledger
    register: Register
    sessions: Sessions
    tokens: Tokens
    steady: Steady
    forms: Forms

    def doorman(self, settings: Settings, witnesses: Witnesses) -> Doorman:
        """Return who recognises people by the rules of the settings and the word of these witnesses."""
        people = settings.access.people
        return Doorman(self.register, self.sessions, self.tokens, people, witnesses, up=self.steady.up)

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Keep the ledger, in the background, as long as the block lasts. It is begun where there is none."""
        keeper = Keeper(self.register, self.sessions)
        thread = Thread(target=keeper.run, name="Keeper", daemon=True)
        thread.start()
        try:
            yield
        finally:
            keeper.stop()
            thread.join(STOP_S)
            if not thread.is_alive():  # else it waits for a server or a disk, and ends with the process
                self.close()

    def close(self) -> None:
        """Close the ledger."""
        self.ledger.close()


def utc_now() -> datetime:
    """Return the present moment."""
    return datetime.now(UTC)


def entrance(
    settings: Settings,
    *,
    clock: Callable[[], datetime] = utc_now,
    up: Callable[[], float] = up_s,
    boot: Callable[[], str] = boot_id,
) -> Entrance:
    """Put the door together."""
    ledger, steady = Ledger(settings.ledger.place), Steady(clock, up, boot)
    register = Register(People(ledger), steady)
    spans = settings.access
    life = Life(timedelta(seconds=spans.idle_s), timedelta(seconds=spans.life_s))
    sessions = Sessions(register, steady, life)
    return Entrance(ledger, register, sessions, Tokens(register, steady, sessions), steady, Forms())


@contextmanager
def opened(settings: Settings) -> Iterator[Entrance]:
    """Put the door together for a command that does one thing at it.

    The clock of the ledger is heard first, where there is one: what the command makes is made by the same time.
    """
    made = entrance(settings)
    try:
        with suppress(LedgerUnavailableError):  # what is done with it says what is wrong with it
            made.register.read()
        yield made
    finally:
        made.close()


def find_ledger(settings: Settings) -> Found:
    """Say where the ledger lies, how many are in by it, and what is wrong with it."""
    where = str(settings.ledger.place) if settings.ledger.database is None else "a PostgreSQL database"
    made = entrance(settings)
    try:
        count = len(made.sessions.all(made.register.read()))
    except LedgerUnavailableError as trouble:
        if settings.ledger.database is None and not settings.ledger.file.exists():
            return Found(f"nobody has come in yet; `quarterdeck up` begins {where}")
        return Found(trouble.what, trouble.fix, readable=False)
    else:
        return Found(f"{where}, {count} {'session' if count == 1 else 'sessions'}")
    finally:
        made.close()
