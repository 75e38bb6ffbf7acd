"""Who has come in, as the ledger had it a second ago: a copy in memory, so that whoever knocks costs no look at a disk.

Rule 1: a copy older than a second is none. Where the ledger cannot be read there is none, and nobody is let in by it.
Rule 2: what this program itself changes is in the copy before anybody is told that it was done.
Rule 3: that the ledger cannot be read is said once, and so is that it can be again.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from threading import Thread
from typing import Final, NamedTuple, TypeVar

from quarterdeck.access.steady import Steady
from quarterdeck.errors import LedgerUnavailableError
from quarterdeck.store.ledger.people import Held, KeptSession, KeptToken, People

T = TypeVar("T")

FRESH_S: Final = 1.0
"""Seconds that a copy is right, and that a ledger which cannot be read is not looked at again."""
SOON_S: Final = 0.1
"""Seconds after which it is looked for somebody anew who is not in the copy: they may have come in just now, elsewhere.
"""
PATIENCE_S: Final = 2.0
"""Seconds that somebody waits for the ledger to be read."""

log = logging.getLogger(__name__)


class Copy(NamedTuple):
    """Who has come in, by what they show: its SHA-256 in hex."""

    mark: int | None
    sessions: Mapping[str, KeptSession]
    tokens: Mapping[str, KeptToken]


class Register:
    """Holds the copy."""

    def __init__(self, people: People, steady: Steady, in_trouble: Callable[[], None] = lambda: None) -> None:
        """``in_trouble`` is told each time that the ledger could not be read."""
        self._people, self._steady, self.in_trouble = people, steady, in_trouble
        self._copy: Copy | None = None
        self._looked_at = float("-inf")
        self._turn = threading.Lock()
        self._under_way: asyncio.Future[None] | None = None
        self._said = ""
        self.trouble: LedgerUnavailableError | None = None
        """Why nobody can be let in; None when they can."""
        self.generation = 0
        """Grows with each copy that is not as the one before, and whenever there is none."""

    def copy(self) -> Copy | None:
        """Return the copy where it is fresh."""
        return self._copy if self._is_fresh() else None

    async def current(self, younger_s: float = FRESH_S) -> Copy | None:
        """Return a copy that is younger than so many seconds; None when the ledger cannot be read, or not in time."""
        if not self._is_fresh(younger_s):
            try:
                await asyncio.wait_for(asyncio.shield(self._looking(younger_s)), PATIENCE_S)
            except TimeoutError:
                log.warning("Nobody was let in: the ledger was not read within %g s.", PATIENCE_S)
            self._say()
        return self.copy()

    def read(self) -> Copy:
        """Read the ledger now.

        Raises:
            LedgerUnavailableError: when it cannot be read.
        """
        self._look(0.0)
        if self._copy is None:
            raise self.trouble or RuntimeError("There is neither a copy nor a reason.")
        return self._copy

    def change(self, work: Callable[[People], T]) -> T:
        """Change the ledger, and have the change in the copy.

        Raises:
            LedgerUnavailableError: when it cannot be written.
        """
        try:
            return work(self._people)
        finally:
            self._look(0.0)

    def _looking(self, younger_s: float) -> asyncio.Future[None]:
        """Return the look that is under way, beginning one where there is none.

        Its thread is one that nobody waits for at the end: a server that hangs must not keep the program.
        """
        loop, under_way = asyncio.get_running_loop(), self._under_way
        if under_way is None or under_way.done() or under_way.get_loop() is not loop:
            under_way = self._under_way = loop.create_future()
            Thread(target=self._look_for, args=(under_way, younger_s), name="Register", daemon=True).start()
        return under_way

    def _look_for(self, waiting: asyncio.Future[None], younger_s: float) -> None:
        failed: Exception | None = None
        try:
            self._look(younger_s)
        except Exception as error:  # noqa: BLE001 -- whoever waits for it is told
            failed = error
        with suppress(RuntimeError):  # nobody waits any more: the loop is closed
            waiting.get_loop().call_soon_threadsafe(_end, waiting, failed)

    def _is_fresh(self, younger_s: float = FRESH_S) -> bool:
        return self._steady.up() - self._looked_at < younger_s

    def _look(self, younger_s: float) -> None:
        with self._turn:
            if self._is_fresh(younger_s):
                return
            began = self._steady.up()
            try:
                held = self._people.held(None if self._copy is None else self._copy.mark)
            except LedgerUnavailableError as trouble:
                self._lose(trouble)
            else:
                self._take(held)
            self._looked_at = began

    def _say(self) -> None:
        words = "" if self.trouble is None else str(self.trouble)
        if words != self._said:
            log.warning("Nobody can be let in. %s", words) if words else log.warning("People can be let in again.")
            self._said = words

    def _take(self, held: Held | None) -> None:
        self.trouble = None
        if held is None:
            return
        made = (*(one.is_.made_at for one in held.sessions), *(one.is_.made_at for one in held.tokens))
        self._steady.heard(held.ticks, (*made, *(one.used_at for one in held.sessions)))
        self._copy = Copy(
            held.mark, {one.is_.key: one for one in held.sessions}, {one.is_.key: one for one in held.tokens}
        )
        self.generation += 1

    def _lose(self, trouble: LedgerUnavailableError) -> None:
        self.trouble, self._copy = trouble, None
        self.generation += 1
        self.in_trouble()


def _end(waiting: asyncio.Future[None], failed: Exception | None) -> None:
    if failed is None:
        waiting.set_result(None)
    else:
        waiting.set_exception(failed)
