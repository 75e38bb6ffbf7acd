"""What is asked before what."""

from __future__ import annotations

from enum import IntEnum
from typing import Final


class Rank(IntEnum):
    """How much a question matters; the smallest first."""

    FIRST = 0
    """What tells of everything."""
    LISTS = 1
    RULES = 2
    PULLS = 3
    """Details of pull requests that were not read yet, or that moved."""
    CARDS = 4
    DRAFTS = 5
    TOUR = 6
    VERIFY = 7


PATIENT: Final = frozenset({Rank.DRAFTS, Rank.TOUR, Rank.VERIFY})
"""What can wait for a while, and not for ever."""
NEWS: Final = frozenset(Rank) - {Rank.TOUR, Rank.VERIFY}
"""What was never read, or has moved: it is asked for soon. What is on tour waits for its turn."""
