"""One look at a forge: what is asked, in which order, and what is held of the answers.

Rule 1: first what tells of everything (repositories, what moved), then lists, then the details of what moved, those of
        pull requests before those of cards; last what is asked for on tours. Drafts wait for a look with little news,
        but for a few of them. Of what waits, each part gets its turn in every look.
Rule 2: a question that fails takes no other with it, unless it says that the forge cannot be asked at all or asks for
        patience: then nothing more is asked.
Rule 3: what is missing from a list is gone only when that list is whole.
Rule 4: of a repository that is new, or there again, nothing is told as known before it was read.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Hashable
from datetime import datetime, timedelta
from typing import Final

from quarterdeck.sources.forge import facts, tours
from quarterdeck.sources.forge.agenda import Agenda
from quarterdeck.sources.forge.api import PullRequest, Repository
from quarterdeck.sources.forge.details import Details, require_whole
from quarterdeck.sources.forge.errors import ForgeError
from quarterdeck.sources.forge.issues import Issues
from quarterdeck.sources.forge.links import link
from quarterdeck.sources.forge.look import Look
from quarterdeck.sources.forge.memory import GONE_FOR, HEADS, Failure, HeldPull, HeldRepo, Stamp
from quarterdeck.sources.forge.paging import Told
from quarterdeck.sources.forge.ranks import NEWS, PATIENT, Rank
from quarterdeck.sources.forge.readings import again
from quarterdeck.sources.forge.rules import Rules
from quarterdeck.sources.forge.scopes import Scopes
from quarterdeck.truth.forge import Reads
from quarterdeck.truth.reading import Reason

PATIENCE: Final = timedelta(seconds=60)
"""How long a forge that says it is asked too often is left alone, when it does not say how long."""
TOO_OFTEN, CANNOT = 429, 503
SILENCES: Final = 8
"""After so many questions in a row that it could not answer at all, nothing more is asked."""
FORBIDDEN, FAILS = 403, 500
QUIET: Final = 100
"""Drafts are read in a look that had no more news than this."""
DRAFTS: Final = 10
"""Questions about drafts that are asked in any look."""
RUNG: Final = 20
"""Checks that are read again because a bell rang for their repository."""


class Refresh:
    """Asks what is due, and puts the answers into the memory."""

    def __init__(self, look: Look, in_time: Callable[[], bool], rung: Collection[str] = ()) -> None:
        """``in_time`` says whether there is time left; ``rung`` names repositories of which a bell said they moved."""
        self._look, self._memory, self._forge, self._client, self._maker, self._now = look, *look
        self._in_time, self._rung, self._stopped, self._silences, self._drafts = in_time, rung, False, 0, 0
        self._agenda = Agenda(look.forge.in_flight, self._may_begin, PATIENT)
        self._details = Details(look, self._ask)
        self._rules = Rules(look, self._ask, self._details.with_rules)
        self._issues = Issues(look, self._ask, self._list_pulls)
        server = self._memory.server
        self._since = tours.span(server.looked_at, self._now, self._forge.every_s)
        self._memory.turn += 1
        server.said, server.looked_at, server.rests_until, server.is_overasked = None, self._now, None, False

    async def run(self) -> None:
        """Look."""
        server = self._memory.server
        if tours.is_due(server.asked_at, self._now, tours.RARE):
            self._ask(Rank.FIRST, "version", self._version, self._no_version)
            self._ask(Rank.FIRST, "settings", self._settings, self._no_settings)
        self._ask(Rank.FIRST, "repos", self._repos, self._down)
        if self._forge.token_file is not None and tours.is_due(server.token_at, self._now, tours.RARE):
            self._ask(Rank.LISTS, "token", self._token, self._no_token)
        await self._agenda.run()
        link(self._look, self._details)
        await self._agenda.run()

    def end(self, why: str | None = None) -> None:
        """Count what is held, and let go of what is done; ``why`` says why the look was broken off."""
        memory = self._memory
        if why is not None:
            failure = Failure(Reason.TIMEOUT, why, why, "no answer", self._now)
            memory.server.said = memory.server.said or why
            if memory.repos_at != self._now:
                memory.server.down = failure
        self._issues.end()
        memory.calls, memory.debts = self._client.calls, self._details.debts()

    @property
    def is_behind(self) -> bool:
        """Whether there is more to ask, and nothing speaks against asking it soon."""
        return not self._stopped and self._agenda.waits(NEWS)

    # --- asking --------------------------------------------------------------------------------------------------

    def _may_begin(self, rank: int) -> bool:
        if rank == Rank.DRAFTS and self._client.calls >= QUIET and self._drafts >= DRAFTS:
            return False
        return not self._stopped and self._client.calls < self._forge.calls and self._in_time()

    def _ask(
        self, rank: int, key: Hashable, ask: Callable[[], Awaitable[None]], lost: Callable[[Failure], None]
    ) -> None:
        """Put a question on the agenda, with what is to be held should it fail."""

        async def asked() -> None:
            self._drafts += rank == Rank.DRAFTS
            try:
                await ask()
            except ForgeError as error:
                self._note(error)
                lost(Failure(error.reason, error.detail, error.whole, error.outcome, self._now))
            else:
                self._silences = 0

        self._agenda.add(rank, key, asked)

    def _note(self, error: ForgeError) -> None:
        server = self._memory.server
        server.said = server.said or error.whole
        self._silences = self._silences + 1 if error.status is None or error.status >= FAILS else 0
        if error.status in {TOO_OFTEN, CANNOT} or error.retry_after_s is not None:
            server.is_overasked = server.is_overasked or error.status == TOO_OFTEN
            patience = PATIENCE if error.retry_after_s is None else timedelta(seconds=error.retry_after_s)
            server.rests_until = max(self._now + patience, server.rests_until or self._now)
            self._stopped = True
        if self._silences >= SILENCES:
            self._stopped = True

    def _down(self, failure: Failure) -> None:
        self._memory.server.down = failure
        self._stopped = True

    # --- the forge and the token -------------------------------------------------------------------------------------

    async def _version(self) -> None:
        server = self._memory.server
        server.release, server.release_failure = (await self._client.version()).value, None
        server.asked_at = self._now

    def _no_version(self, failure: Failure) -> None:
        self._memory.server.release_failure = failure

    async def _settings(self) -> None:
        server = self._memory.server
        server.page_limit, server.limit_failure = (await self._client.settings()).value.max_response_items, None

    def _no_settings(self, failure: Failure) -> None:
        self._memory.server.limit_failure = failure

    async def _token(self) -> None:
        """Ask what the token may: who it is of, where it may ask that; else the refusal tells its scopes."""
        server, held, me = self._memory.server, None, None
        try:
            me = (await self._client.me()).value
        except ForgeError as error:
            if error.status != FORBIDDEN:
                raise
            held = error.held
        scopes = (await self._client.scopes()).value if held is None else Scopes(held, is_open=False)
        server.login, server.is_admin = (None, None) if me is None else (me.login, bool(me.is_admin))
        server.scopes, server.scopes_failure, server.token_at = scopes, None, self._now

    def _no_token(self, failure: Failure) -> None:
        self._memory.server.scopes_failure = failure

    # --- repositories --------------------------------------------------------------------------------------------

    async def _repos(self) -> None:
        told = await self._client.repos()
        self._heard(told)
        memory = self._memory
        memory.repos_at, memory.repos_whole = self._now, told.whole
        there = {row.name: row for row in map(facts.repo, told.value) if row and self._forge.watches(row.name)}
        for name, row in there.items():
            held = memory.repos.setdefault(name, HeldRepo(row))
            was_read, held.row, held.gone_at = held.is_read, row, None
            if held.is_read and not was_read:
                held.come_back()
        if told.whole:
            self._gone(there)
        self._issues.search()
        self._lists()
        self._details.owed()
        self._tour()

    def _heard(self, told: Told[tuple[Repository, ...]]) -> None:
        server = self._memory.server
        server.down, server.answered_at = None, self._now
        if told.server_at is not None:
            server.clock_ahead_s = (told.server_at - told.at).total_seconds()

    def _gone(self, there: Collection[str]) -> None:
        """Hold of what is not listed any more that it is gone; forget what has been gone for long."""
        for name, held in tuple(self._memory.repos.items()):
            if name in there:
                continue
            held.gone_at = held.gone_at or self._now
            if self._now - held.gone_at >= GONE_FOR:
                del self._memory.repos[name]

    def _lists(self) -> None:
        """Ask for lists: those never read, those that moved or rang, and the part of the tours that is due."""
        repos = self._memory.read_repos()
        for name, held in repos.items():
            if name in self._rung:
                self._details.rung(held, RUNG)
            wanted = held.pulls_at is None or not held.pulls_whole or self._is_computing(held)
            if name in self._rung or (wanted and self._may_retry(held, "pulls")):
                self._list_pulls(name)
            moved = held.branches_of is None or held.row.moved_at is None or held.branches_of < held.row.moved_at
            if held.listed_at is None and not self._issues.sweeps and self._may_retry(held, "issues"):
                self._list_issues(name)
            wanted = held.branches_at is None or moved or held.branches_failure is not None
            if name in self._rung or (wanted and self._may_retry(held, "branches")):
                self._list_branches(name)

    def _tour(self) -> None:
        """Ask for the part of this look of all that is asked again and again."""
        tour = tours.Tour(self._now, self._since, self._forge.calls)
        for name, held in self._memory.read_repos().items():
            if "pulls" not in held.tries:  # what fails is not on tour: it would always have waited longest
                tour.add(held.pulls_at, tours.LISTS, self._list_pulls, name)
            if "branches" not in held.tries:
                tour.add(held.branches_at, tours.BRANCHES, self._list_branches, name)
            if held.failure is None:
                self._details.tour(held, tour)
        tour.begin()

    def _may_retry(self, held: HeldRepo, what: str) -> bool:
        tried = held.tries.get(what)
        return tried is None or tours.may_retry(tried.at, self._now, tried.failures)

    def _tried(self, held: HeldRepo, what: str, *, well: bool) -> None:
        """Remember how asking for a list went: one that fails again and again is asked for the more seldom."""
        before = held.tries.pop(what, None)
        if not well:
            held.tries[what] = Stamp(what, self._now, 1 + (before.failures if before is not None else 0))

    @staticmethod
    def _is_computing(held: HeldRepo) -> bool:
        """Whether the forge said once that something cannot be merged: it takes a second time to be a conflict."""
        reads = (pull.unmergeable for pull in held.pulls.values())
        return any(each is not None and each.first == each.last for each in reads)

    def _list_pulls(self, name: str) -> None:
        async def ask() -> None:
            held = self._memory.repos[name]
            if held.row.has_pulls:
                self._take_pulls(held, await self._client.pulls(name))
            else:
                held.failure, held.pulls_at, held.pulls_whole = None, self._now, True
                held.pulls.clear()
            self._tried(held, "pulls", well=held.pulls_whole)

        self._ask(Rank.LISTS, ("pulls", name), ask, lambda failure: self._no_list(name, failure))

    def _list_issues(self, name: str) -> None:
        async def ask() -> None:
            held = self._memory.repos[name]
            await self._issues.of(held)
            self._tried(held, "issues", well=held.listed_at is not None)

        def lost(failure: Failure) -> None:
            held = self._memory.repos[name]
            held.issues_failure = failure
            self._tried(held, "issues", well=False)

        self._ask(Rank.LISTS, ("issues", name), ask, lost)

    def _list_branches(self, name: str) -> None:
        async def ask() -> None:
            held = self._memory.repos[name]
            held.branches = {} if held.row.is_empty else await self._branches(name)
            held.branches_at, held.branches_of, held.branches_failure = self._now, held.row.moved_at, None
            self._tried(held, "branches", well=True)
            self._claims(held)
            self._rules.ask(held)

        def lost(failure: Failure) -> None:
            held = self._memory.repos[name]
            held.branches_failure = failure
            self._tried(held, "branches", well=False)

        self._ask(Rank.LISTS, ("branches", name), ask, lost)

    async def _branches(self, name: str) -> dict[str, facts.Branch]:
        told = await self._client.branches(name)
        require_whole(told, f"/repos/{name}/branches")  # a claim that is missing from it is not gone
        return {each.name: facts.branch(each) for each in told.value if each.name}

    def _no_list(self, name: str, failure: Failure) -> None:
        held = self._memory.repos[name]
        held.failure = failure if held.failure is None else failure._replace(since=held.failure.since)
        held.pulls_whole = False
        self._tried(held, "pulls", well=False)

    def _claims(self, held: HeldRepo) -> None:
        trunk = held.branches.get(held.row.default or "")
        heads = [trunk.head if trunk is not None else None, *(_base_head(pull) for pull in held.pulls.values())]
        for head in filter(None, heads):
            held.trunks.pop(head, None)
            held.trunks[head] = None
        while len(held.trunks) > HEADS:
            del held.trunks[next(iter(held.trunks))]
        held.claims = dict(facts.claims(held.branches.items(), self._forge.claim, frozenset(held.trunks)))
        for number in held.claims.keys() - held.cards.keys():
            self._issues.find(held, number)

    # --- pull requests -------------------------------------------------------------------------------------------

    def _take_pulls(self, held: HeldRepo, told: Told[tuple[PullRequest, ...]]) -> None:
        held.failure, held.pulls_at, held.pulls_whole = None, self._now, told.whole
        held.pulls_told_at = told.server_at
        name, listed = held.row.name, set[int]()
        for each in told.value:
            row = facts.pull(each, name, self._forge)
            if row is not None and each.state != "closed":
                listed.add(row.item.number)
                self._take_pull(held, row)
        if told.whole:
            for number in held.pulls.keys() - listed:
                del held.pulls[number]
        self._rules.ask(held)

    def _take_pull(self, held: HeldRepo, row: facts.Pull) -> None:
        number = row.item.number
        pull = held.pulls.setdefault(number, HeldPull())
        reads = _reads(pull, row, self._now)
        if pull.row != row or pull.unmergeable != reads:
            pull.row, pull.unmergeable = row, reads
            pull.listed = self._maker.pull(held.row.name, row, reads, self._now)
        else:
            pull.listed = again(pull.listed, self._now, early=self._look.is_early(number))
        self._details.pull(held, pull)


def _base_head(pull: HeldPull) -> str | None:
    return None if pull.row is None else pull.row.base_head


def _reads(pull: HeldPull, row: facts.Pull, now: datetime) -> Reads | None:
    """Say between which reads of this head and base the forge said that it cannot be merged.

    What it said of a draft does not count: of drafts it says so always.
    """
    if row.draft or row.mergeable is not False:
        return None
    before = pull.row
    is_same = before is not None and (before.head, before.base_head) == (row.head, row.base_head)
    return Reads(pull.unmergeable.first if is_same and pull.unmergeable is not None else now, now)
