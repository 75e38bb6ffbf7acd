"""In which order questions are asked, how many at once, and what is on tour in which look."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from quarterdeck.sources.forge.agenda import Agenda
from quarterdeck.sources.forge.tours import Tour, is_due, span

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Asked:
    """Questions that take a moment, and what became of them."""

    def __init__(self) -> None:
        self.order: list[str] = []
        self.busy = self.most = 0

    def question(self, name: str, after: object = None) -> object:
        """Return one that notes its name."""

        async def ask() -> None:
            self.busy += 1
            self.most = max(self.most, self.busy)
            self.order.append(name)
            await asyncio.sleep(0.001)
            self.busy -= 1
            if callable(after):
                after()

        return ask


def test_what_matters_most_is_asked_first_and_nothing_twice() -> None:
    """Ranks go before each other, also those that an answer brings up; a key is asked once."""
    asked = Asked()
    agenda = Agenda(1, lambda _: True)
    agenda.add(5, "late", asked.question("late"))  # type: ignore[arg-type]
    more = lambda: agenda.add(1, "soon", asked.question("soon"))  # type: ignore[arg-type] # noqa: E731 -- once
    agenda.add(0, "first", asked.question("first", more))  # type: ignore[arg-type]
    agenda.add(0, "first", asked.question("again"))  # type: ignore[arg-type]
    asyncio.run(agenda.run())
    assert asked.order == ["first", "soon", "late"]


def test_several_are_under_way_and_no_more_than_allowed() -> None:
    """Questions are asked side by side; who waits for news of others goes on when there are some."""
    asked = Asked()
    agenda = Agenda(3, lambda _: True)
    for number in range(10):
        agenda.add(0, number, asked.question(str(number)))  # type: ignore[arg-type]
    asyncio.run(agenda.run())
    assert (len(asked.order), asked.most) == (10, 3)


def test_a_bound_leaves_the_rest_for_later() -> None:
    """What may not begin any more waits, and it can be asked whether it does."""
    asked = Asked()
    agenda = Agenda(2, lambda _: len(asked.order) < 3)
    for number in range(6):
        agenda.add(number, number, asked.question(str(number)))  # type: ignore[arg-type]
    asyncio.run(agenda.run())
    assert len(asked.order) in (3, 4)
    assert agenda.waits({5})
    assert not agenda.waits({0})


def test_a_bound_of_one_rank_holds_up_no_other() -> None:
    """Where drafts may not be asked for any more, what comes behind them is."""
    asked = Asked()
    agenda = Agenda(2, lambda rank: rank != 5)
    for rank in (5, 6, 7):
        agenda.add(rank, rank, asked.question(str(rank)))  # type: ignore[arg-type]
    asyncio.run(agenda.run())
    assert asked.order == ["6", "7"]
    assert agenda.waits({5})


def test_what_can_wait_gets_its_turn_though_there_is_no_end_of_what_matters_more() -> None:
    """With more to ask than fits, a fifth of the questions are of the patient ranks, and each of these has its part."""
    asked = Asked()
    agenda = Agenda(1, lambda _: len(asked.order) < 60, {5, 6, 7})
    for number in range(100):
        for rank in (1, 3, 5, 6, 7):
            agenda.add(rank, (rank, number), asked.question(str(rank)))  # type: ignore[arg-type]
    asyncio.run(agenda.run())
    assert Counter(asked.order) == {"1": 48, "5": 4, "6": 4, "7": 4}


@pytest.mark.parametrize("things", [1, 7, 40, 333])
def test_a_tour_takes_no_longer_than_it_may_and_asks_evenly(things: int) -> None:
    """In each look about the same number is asked for, and everything within its time."""
    at = dict.fromkeys(range(things), NOW)
    counts, oldest = Counter[int](), timedelta()
    for minute in range(1, 61):
        now = NOW + timedelta(minutes=minute)
        tour = Tour(now, 60.0, 1_000)
        for number in range(things):
            tour.add(at[number], timedelta(minutes=10), lambda number: counts.update({number: 1}), number)
        before = counts.copy()
        tour.begin()
        asked = counts - before
        assert sum(asked.values()) <= -(-things // 10)
        oldest = max(oldest, *(now - at[number] for number in asked)) if asked else oldest
        at |= dict.fromkeys(asked, now)
    assert oldest <= timedelta(minutes=11)
    assert min(counts[number] for number in range(things)) >= 5


def test_of_thousands_only_as_many_are_chosen_as_may_be_asked() -> None:
    """Those that have waited longest are chosen; what was never asked, or was just asked, is not."""
    chosen: list[int] = []
    tour = Tour(NOW, 60.0, 3)
    for number in range(100):
        tour.add(NOW - timedelta(minutes=number), HOUR, chosen.append, number)
    tour.add(None, HOUR, chosen.append, -1)
    tour.begin()
    assert chosen == [99, 98]


def test_what_has_a_time_that_cannot_be_believed_is_due() -> None:
    """A moment of the future, and none at all, are no reason to wait."""
    assert is_due(None, NOW, HOUR)
    assert is_due(NOW + HOUR, NOW, HOUR)
    assert is_due(NOW - HOUR, NOW, HOUR)
    assert not is_due(NOW - HOUR / 2, NOW, HOUR)


def test_a_look_that_a_bell_makes_early_asks_for_less_of_a_tour() -> None:
    """What is due in a look grows with the time since the one before, from a second up to ten minutes."""
    assert span(None, NOW, 60.0) == 60.0
    assert span(NOW - timedelta(seconds=5), NOW, 60.0) == 5.0
    assert span(NOW + HOUR, NOW, 60.0) == 1.0
    assert span(NOW - HOUR, NOW, 60.0) == 600.0
    chosen: list[int] = []
    for seconds in (5.0, 60.0):
        tour = Tour(NOW, seconds, 100)
        for number in range(40):
            tour.add(NOW - timedelta(minutes=5), timedelta(minutes=10), chosen.append, number)
        tour.begin()
    assert len(chosen) == 1 + 4
