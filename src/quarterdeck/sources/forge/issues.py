"""The issues of a forge: all of them now and then, and what moved in between.

Rule 1: what moved is asked for by the forge's own clock, from a while before its last answer. When that goes back,
        everything is read anew.
Rule 2: no search tells of what was deleted. The forge counts the open issues of each repository, and when it counts
        other than we, everything is read anew.
Rule 3: of a repository that is new, or there again, no search tells what it held before: its own list does.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import timedelta
from typing import Final

from quarterdeck.sources.forge import facts, tours
from quarterdeck.sources.forge.api import Issue, when
from quarterdeck.sources.forge.errors import ForgeError
from quarterdeck.sources.forge.look import Asker, Look
from quarterdeck.sources.forge.memory import DONE_FOR, Failure, HeldCard, HeldRepo, Where
from quarterdeck.sources.forge.ranks import Rank

CLOSED_PAGES: Final = 20
"""Pages of what was closed lately that are read, and what counts as a small sweep."""
STIRRED: Final = timedelta(minutes=10)
"""What moved so lately may have moved again within the same second."""
NOT_THERE: Final = 404
MISCOUNTED: Final = 2
"""After so many looks in which the forge counts other than we, it is believed."""


class Issues:
    """Asks for issues, and holds them as cards."""

    def __init__(self, look: Look, ask: Asker, pull_moved: Callable[[str], None]) -> None:
        """``pull_moved`` is told the repository of each pull request that moved."""
        self._memory, self._forge, self._client, self._maker, self._now = look
        self._ask, self._pull_moved = ask, pull_moved
        self.sweeps = False
        """Whether all issues are asked for in this look."""

    def search(self) -> None:
        """Ask for what moved, or for everything when it is time."""
        memory = self._memory
        rests = not memory.swept_small and not tours.is_due(memory.swept_at, self._now, tours.RESCUE)
        is_due = memory.sweep_due or tours.is_due(memory.swept_at, self._now, tours.SWEEP)
        self.sweeps = memory.mark is None or (is_due and not rests)
        if self.sweeps:
            self._ask(Rank.FIRST, "sweep", self._sweep, self._no_search)
        else:
            self._ask(Rank.FIRST, "moved", self._moved, self._no_search)

    def _no_search(self, failure: Failure) -> None:
        self._memory.issues_failure = failure

    async def _sweep(self) -> None:
        """Read all open issues, and those that were closed lately."""
        memory = self._memory
        told = await self._client.search("issues", "open", pages=max(self._forge.calls, CLOSED_PAGES))
        mark = told.server_at
        old = {name for name, held in memory.repos.items() if held.cards and held.listed_at is None}
        found = {where for each in told.value if (where := self._take_issue(each)) is not None}
        closed = await self._client.search("issues", "closed", (mark or self._now) - DONE_FOR, pages=CLOSED_PAGES)
        for each in closed.value:
            self._take_issue(each)
        memory.swept_at, memory.swept_whole, memory.sweep_due = self._now, told.whole, not told.whole
        memory.swept_small = told.calls <= CLOSED_PAGES
        memory.mark, memory.issues_at, memory.issues_failure = mark, self._now, None
        if told.whole:
            self._drop_unlisted(found)
        for name, held in memory.read_repos().items():
            if told.whole or name not in old:  # what a torn one did not tell of is not as it was held
                held.listed_at, held.issues_failure = self._now, None

    def _drop_unlisted(self, found: Collection[Where]) -> None:
        for name, held in self._memory.read_repos().items():
            for number in [n for n, card in held.cards.items() if card.open and (name, n) not in found]:
                del held.cards[number]

    async def of(self, held: HeldRepo) -> None:
        """Read the issues of one repository: the open ones, and those that were closed lately."""
        name = held.row.name
        try:
            told = await self._client.issues(name, pages=max(self._forge.calls, CLOSED_PAGES))
        except ForgeError as error:
            if error.status != NOT_THERE or held.row.open_issues != 0:
                raise
            held.listed_at, held.issues_failure = self._now, None  # issues are switched off in it, and it counts none
            held.cards.clear()
            return
        found = {(name, each.number) for each in told.value}
        lately = (told.server_at or self._now) - DONE_FOR
        closed = await self._client.issues(name, "closed", lately, pages=CLOSED_PAGES)
        for each in (*told.value, *closed.value):
            row = facts.card(each)
            if row is not None and each.pull_request is None:
                self._take_card(held, row)
        held.issues_failure = None
        if told.whole:
            held.listed_at = self._now
            for number in [n for n, card in held.cards.items() if card.open and (name, n) not in found]:
                del held.cards[number]

    async def _moved(self) -> None:
        """Read what moved since the last time, be it open or closed."""
        memory = self._memory
        if memory.mark is None:
            raise RuntimeError("Nothing was swept yet; there is no moment to ask from.")
        told = await self._client.search(None, "all", tours.since(memory.mark))
        for each in told.value:
            if each.pull_request is None:
                self._take_issue(each)
            elif each.repository is not None and each.repository.full_name in self._memory.repos:
                self._take_mark(each.repository.full_name, each)
        memory.issues_at, memory.issues_failure = self._now, None
        if told.server_at is None or not told.whole:
            return  # from the same moment again
        memory.sweep_due = memory.sweep_due or told.server_at < memory.mark - tours.OVERLAP
        memory.mark = told.server_at

    def _take_mark(self, name: str, told: Issue) -> None:
        """Ask for the list of a repository in which a pull request moved, unless its list has told that already."""
        held = self._memory.repos[name]
        pull = held.pulls.get(told.number or 0)
        if told.state == "open":
            moved_at = pull.row.item.moved_at if pull is not None and pull.row is not None else None
            is_known = moved_at == when(told.updated_at) and tours.is_settled(moved_at, held.pulls_told_at)
        else:
            is_known = pull is None
        if held.is_read and not is_known:
            self._pull_moved(name)

    def _take_issue(self, told: Issue) -> Where | None:
        """Hold an issue; return where it is when it is one of ours."""
        name = told.repository.full_name if told.repository is not None else None
        held = self._memory.repos.get(name or "")
        row = facts.card(told)
        if held is None or row is None or not held.is_read:
            return None
        self._take_card(held, row)
        return held.row.name, row.item.number

    def _take_card(self, held: HeldRepo, row: facts.Card) -> None:
        number, moved_at = row.item.number, row.item.moved_at
        card = held.cards.setdefault(number, HeldCard())
        is_same = bool(card.listed) and card.moved_at == moved_at and card.open == row.open
        if is_same and moved_at is not None and self._now - moved_at > STIRRED:
            return
        card.open, card.moved_at, card.closed_at = row.open, moved_at, row.closed_at
        card.is_touched = bool(row.item.assignees) or bool(self._maker.says(row.item))
        card.listed = self._maker.card(held.row.name, row, self._now)

    def find(self, held: HeldRepo, number: int) -> None:
        """Ask for an issue that is claimed and that no list told of: perhaps it is closed."""

        async def ask() -> None:
            told = (await self._client.issue(held.row.name, number)).value
            row = facts.card(told)
            if row is not None and told.pull_request is None:
                self._take_card(held, row)

        self._ask(Rank.CARDS, ("issue", held.row.name, number), ask, lambda _: None)

    # --- afterwards ----------------------------------------------------------------------------------------------

    def end(self) -> None:
        """Count what is held, and let go of what is done."""
        memory = self._memory
        for held in memory.read_repos().values():
            self._forget_done(held)
            self._count(held)
        if memory.swept_at is not None and memory.swept_at < self._now and not memory.swept_whole:
            memory.swept_whole = all(held.counts_agree for held in memory.read_repos().values())
            memory.sweep_due = memory.sweep_due and not memory.swept_whole

    def _forget_done(self, held: HeldRepo) -> None:
        done = [
            number for number, card in held.cards.items()
            if not card.open and number not in held.claims
            and (card.closed_at is None or self._now - card.closed_at > DONE_FOR)
        ]  # fmt: skip
        for number in done:
            del held.cards[number]

    def _count(self, held: HeldRepo) -> None:
        memory = self._memory
        if memory.issues_at != self._now or held.listed_at is None or held.row.open_issues is None:
            return
        surplus = sum(card.open for card in held.cards.values()) - held.row.open_issues
        if held.listed_at == self._now and (memory.swept_whole or memory.swept_at != self._now):
            held.surplus = surplus  # forges have been seen to count wrong for good
        held.counts_agree = surplus == held.surplus
        held.miscounts = 0 if held.counts_agree else held.miscounts + 1
        if held.miscounts >= MISCOUNTED:
            memory.sweep_due, memory.swept_whole = True, False
