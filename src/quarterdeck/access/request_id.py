"""The name of the request that is being answered, so that what is logged on the way can be told to belong to it.

Rule: the name is ours. What a request says it is called is not heard: it could call itself like another one, or write
      into the log whatever it likes.
"""

from __future__ import annotations

import os
from contextvars import ContextVar, Token
from itertools import count
from typing import Final

NONE: Final = ""
_current: ContextVar[str] = ContextVar("quarterdeck request", default=NONE)
_boot: Final = os.urandom(3).hex()
_numbers: Final = count(1)


def begin() -> Token[str]:
    """Name a request; everything that is done for it, in tasks of its own too, knows the name from here on.

    Names follow each other, after a beginning that each run of the program has of its own: two requests never share
    one. Who answers from memory needs none: nothing is logged there.
    """
    return _current.set(f"{_boot}-{next(_numbers):x}")


def end(begun: Token[str]) -> None:
    """Forget the name again, on the way out of what ``begin`` was called in."""
    _current.reset(begun)


def current() -> str:
    """Return the name of the request that is being answered; empty outside of any."""
    return _current.get()
