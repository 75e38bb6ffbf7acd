"""How long one question may take: the connection, each silence and the whole; and how much of an answer is taken."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from quarterdeck.http.faults import Fault, HttpError


class Limits(NamedTuple):
    """How long one question may take, and how much of the answer is taken."""

    connect_s: float = 3.0
    silence_s: float = 3.0
    """Seconds without a single byte."""
    total_s: float = 6.0
    """Seconds from the first to the last."""
    body: int = 1_000_000


LIMITS: Final = Limits()


class Deadline:
    """How much time is left of the whole."""

    def __init__(self, total_s: float, monotonic: Callable[[], float]) -> None:
        self._monotonic, self._total_s, self.began = monotonic, total_s, monotonic()

    @property
    def took_s(self) -> float:
        """Seconds since the beginning."""
        return self._monotonic() - self.began

    def left(self, at_most: float) -> float:
        """Return the seconds that may be waited now.

        Raises:
            HttpError: when the time is over.
        """
        left = self._total_s - self.took_s
        if left <= 0:
            raise HttpError(Fault.SILENT, f"no complete answer within {self._total_s:g} s")
        return min(left, at_most)
