"""What one look at a forge works with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable
from datetime import datetime
from typing import NamedTuple, TypeAlias

from quarterdeck.sources.forge.client import ForgeReader
from quarterdeck.sources.forge.memory import Failure, Memory
from quarterdeck.sources.forge.readings import Maker
from quarterdeck.truth.watched import Forge

Lost: TypeAlias = Callable[[Failure], None]
Asker: TypeAlias = Callable[[int, Hashable, Callable[[], Awaitable[None]], Lost], None]
"""Takes a question: how much it matters, what it is, how it is asked, and what is held should it fail."""


class Look(NamedTuple):
    """One look: what is held, what the settings say, whom to ask, how to make readings, and when it is."""

    memory: Memory
    forge: Forge
    client: ForgeReader
    maker: Maker
    now: datetime

    def is_early(self, number: int) -> bool:
        """Whether it is the turn of this thing to be told anew before it must: not all are in the same look."""
        return (number + self.memory.turn) % 4 == 0
