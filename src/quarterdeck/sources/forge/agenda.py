"""Questions in the order in which they matter, several under way at once.

Rule 1: what matters more is begun first. An answer may bring up more questions, and they take their place in the order.
Rule 2: when a bound is met nothing more is begun; what is under way ends.
Rule 3: no question is asked twice in one look.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Awaitable, Callable, Container, Hashable
from itertools import count
from typing import TypeAlias

Ask: TypeAlias = Callable[[], Awaitable[None]]


class Agenda:
    """What is to be asked in one look."""

    def __init__(self, at_once: int, may_begin: Callable[[int], bool]) -> None:
        """``may_begin`` says of a rank whether a question of it may still be begun."""
        self._at_once, self._may_begin = at_once, may_begin
        self._waiting: list[tuple[int, int, Ask]] = []
        self._known: set[Hashable] = set()
        self._order = count()
        self._busy = 0
        self._news = asyncio.Event()

    def add(self, rank: int, key: Hashable, ask: Ask) -> None:
        """Put a question on the list, unless it is or was on it."""
        if key not in self._known:
            self._known.add(key)
            heapq.heappush(self._waiting, (rank, next(self._order), ask))
            self._news.set()

    def waits(self, ranks: Container[int]) -> bool:
        """Whether a question of these ranks was not begun."""
        return any(rank in ranks for rank, _, _ in self._waiting)

    async def run(self) -> None:
        """Ask until nothing is left that may be asked."""
        async with asyncio.TaskGroup() as workers:
            for _ in range(self._at_once):
                workers.create_task(self._work())

    async def _work(self) -> None:
        while True:
            if self._waiting and self._may_begin(self._waiting[0][0]):
                _, _, ask = heapq.heappop(self._waiting)
                self._busy += 1
                try:
                    await ask()
                finally:
                    self._busy -= 1
                    self._news.set()
            elif self._busy:
                self._news.clear()
                await self._news.wait()
            else:
                return
