"""Keeps the ledger: the only one that writes without being asked to.

Rule 1: once a minute it writes when sessions were last used and how far the clock has come, and clears away what is
        over. Where there is no ledger, that begins one.
Rule 2: while the ledger is in trouble it tries again every few seconds, so that people are let in by themselves as soon
        as it is well. What cannot be written is written later.
"""

from __future__ import annotations

import logging
import threading
from typing import Final

from quarterdeck.access.register import Register
from quarterdeck.access.sessions import Sessions
from quarterdeck.errors import LedgerUnavailableError

EVERY_S: Final = 60.0
AGAIN_S: Final = 2.0

log = logging.getLogger(__name__)


class Keeper:
    """Runs in a thread of its own."""

    def __init__(
        self, register: Register, sessions: Sessions, *, every_s: float = EVERY_S, again_s: float = AGAIN_S
    ) -> None:
        self._sessions, self._every_s, self._again_s = sessions, every_s, again_s
        self._woken, self._over = threading.Event(), threading.Event()
        self._failed: str | None = None
        register.in_trouble = self._woken.set

    def run(self) -> None:
        """Keep the ledger until ``stop``, and once more at the end."""
        while not self._over.is_set():
            if self.keep():
                self._woken.wait(self._every_s)
                self._woken.clear()
            else:
                self._over.wait(self._again_s)
        self.keep()

    def stop(self) -> None:
        """End ``run``."""
        self._over.set()
        self._woken.set()

    def keep(self) -> bool:
        """Write once; return whether that could be done."""
        try:
            self._sessions.keep()
        except LedgerUnavailableError as trouble:
            if self._failed != trouble.what:
                log.warning("The ledger cannot be written: nobody new can come in. %s", str(trouble))
            self._failed = trouble.what
            return False
        if self._failed is not None:
            log.warning("The ledger can be written again.")
            self._failed = None
        return True
