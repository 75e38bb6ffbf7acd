"""Questions in the order in which they matter, several under way at once.

Rule 1: what matters more is begun first. An answer may bring up more questions, and they take their place in the order.
Rule 2: what can wait is not kept waiting for ever: every few questions one of those is begun, of each rank in turn.
Rule 3: when a bound is met nothing more is begun; what is under way ends. A bound of one rank holds up no other.
Rule 4: no question is asked twice in one look.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict, deque
from collections.abc import Awaitable, Callable, Collection, Container, Hashable
from typing import Final, TypeAlias

Ask: TypeAlias = Callable[[], Awaitable[None]]
EVERY: Final = 5
"""Which question in turn is one of those that can wait."""


class Agenda:
    """What is to be asked in one look."""

    def __init__(self, at_once: int, may_begin: Callable[[int], bool], patient: Collection[int] = ()) -> None:
        """``may_begin`` says of a rank whether a question of it may still be begun; ``patient`` ranks can wait."""
        self._at_once, self._may_begin, self._patient = at_once, may_begin, patient
        self._waiting: defaultdict[int, deque[Ask]] = defaultdict(deque)
        self._known: set[Hashable] = set()
        self._begun = Counter[int]()
        self._busy = 0
        self._news = asyncio.Event()

    def add(self, rank: int, key: Hashable, ask: Ask) -> None:
        """Put a question on the list, unless it is or was on it."""
        if key not in self._known:
            self._known.add(key)
            self._waiting[rank].append(ask)
            self._news.set()

    def waits(self, ranks: Container[int]) -> bool:
        """Whether a question of these ranks was not begun."""
        return any(rank in ranks for rank, asks in self._waiting.items() if asks)

    async def run(self) -> None:
        """Ask until nothing is left that may be asked."""
        async with asyncio.TaskGroup() as workers:
            for _ in range(self._at_once):
                workers.create_task(self._work())

    async def _work(self) -> None:
        while True:
            ask = self._next()
            if ask is not None:
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

    def _next(self) -> Ask | None:
        """Return the question that is begun next; None when none may be."""
        ranks = [rank for rank in sorted(self._waiting) if self._waiting[rank] and self._may_begin(rank)]
        if not ranks:
            return None
        patient = [rank for rank in ranks if rank in self._patient]
        is_turn = self._begun.total() % EVERY == EVERY - 1
        rank = min(patient, key=self._begun.__getitem__) if patient and is_turn else ranks[0]
        self._begun[rank] += 1
        return self._waiting[rank].popleft()
