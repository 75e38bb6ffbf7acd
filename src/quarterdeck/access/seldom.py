"""Saying the same thing in the log seldom: whoever knocks a thousand times fills no disk."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Final

EVERY_S: Final = 60.0
MOST: Final = 64
"""Different things that are remembered as said."""


class Seldom:
    """Says each thing once a minute at most."""

    def __init__(self, log: logging.Logger, monotonic: Callable[[], float]) -> None:
        self._log, self._monotonic = log, monotonic
        self._lock = threading.Lock()
        self._said_at: dict[str, float] = {}

    def warn(self, words: str, why: str) -> None:
        """Say something as a warning, with why it is so."""
        now = self._monotonic()
        with self._lock:
            before = self._said_at.get(why)
            if before is not None and now - before < EVERY_S:
                return
            if len(self._said_at) >= MOST:
                self._said_at.pop(min(self._said_at, key=self._said_at.__getitem__))
            self._said_at[why] = now
        self._log.warning(words, why)
