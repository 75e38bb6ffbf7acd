"""The details of pull requests and cards: each takes a question of its own.

Rule 1: a detail is of a state: the reviews of a head and of the moment it last moved, the checks of a head. When
        that is another one, the detail is of the past: it is unknown until it is read again.
Rule 2: the timeline says whether something was ever said to depend on anything; if not, nobody asks on what.
Rule 3: what was read within seconds of a move may have moved again in the same second, which no time of the forge
        shows. It is read again in the next look, and is not told anew before.
Rule 4: files are judged by rules, so the rules are read before them; when the rules change, the files are read again.
"""

from __future__ import annotations

import heapq
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from functools import partial
from typing import Any, Final

from quarterdeck.sources.forge import codeowners, facts, sensitive, tours
from quarterdeck.sources.forge.errors import ForgeError
from quarterdeck.sources.forge.look import Asker, Look
from quarterdeck.sources.forge.memory import Failure, Held, HeldCard, HeldPull, HeldRepo, Stamp
from quarterdeck.sources.forge.paging import Told
from quarterdeck.sources.forge.ranks import Rank
from quarterdeck.sources.forge.readings import MOVED, NOT_READ, OF_CARD, OF_PULL, again, failed
from quarterdeck.truth import forge_fields as G  # noqa: N812 -- short where every line names a field
from quarterdeck.truth.fields import Field
from quarterdeck.truth.forge import BranchRule
from quarterdeck.truth.reading import Reason

TORN: Final = "the list changed while it was read, or is too long; it is read again in the next look"
TOO_MANY: Final = (Reason.CORRUPT, "there are more than can be held, and none of them may be left out")
UNCOUNTED: Final = (Reason.SCHEMA, "the forge does not tell of a review whether it counts")
NO_BASE: Final = (Reason.MISSING, "its base is not among the branches that the forge lists")
NO_RULE: Final = (Reason.SCHEMA, "the forge does not tell what the branch asks")
UNNAMED: Final = (Reason.SCHEMA, "the forge names something it depends on without a number")
NOT_THERE: Final = 404
PARTS: Final = ("deeds", "reviews", "checks", "files")
RETRIES: Final = 20
"""Failures that are tried again in one look, those that have waited longest; the more often it failed, the later."""
BY_STATE: Final = ("deeds", "reviews", "files")
"""What changes only when the pull request moves, so that a search that tells of no move tells of these too."""

FOLLOWS: Final = {"deeds": (*OF_PULL["deeds"], *OF_PULL["blockers"])}
"""What is not known either, as long as such a part is not."""
ON_TOUR: Final = (
    ("checks", tours.CHECKS, Rank.TOUR),
    ("blockers", tours.BLOCKED, Rank.TOUR),
    ("reviews", tours.REVIEWS, Rank.VERIFY),
    ("deeds", tours.VERIFY, Rank.VERIFY),
    ("files", tours.VERIFY, Rank.VERIFY),
)


class Details:
    """Asks for details, and holds them."""

    def __init__(self, look: Look, ask: Asker) -> None:
        self._look, self._memory, self._forge, self._client, self._maker, self._now = look, *look
        self._ask = ask
        self._globs = sensitive.of_settings(self._forge.sensitive)

    # --- what is due ---------------------------------------------------------------------------------------------

    def pull(self, held: HeldRepo, pull: HeldPull) -> None:
        """Ask for the details of a pull request that was just listed, as far as they are not of its state."""
        if G.PULL_RULE.name not in pull.details:
            self._wait_for_rules(held, pull)
        for part in ("deeds", "reviews", "checks"):
            self._pull_part(held, pull, part)

    def owed(self) -> None:
        """Ask for what the look before did not come to, and again for some of what failed before."""
        failed: list[tuple[datetime, int, Callable[[], None]]] = []
        for held in self._memory.read_repos().values():
            parts = PARTS if held.owned is not None else PARTS[:-1]
            for pull in held.pulls.values() if held.failure is None else ():
                row = _row(pull)
                for part in (*parts, "blockers") if pull.depends else parts:
                    if not self._is_owed(held, pull, part):
                        continue
                    ask = partial(self._ask_part, held, pull, part, Rank.DRAFTS if row.draft else Rank.PULLS)
                    stamp = pull.read.get(part)
                    if stamp is None or not stamp.failures:
                        ask()
                    else:
                        failed.append((stamp.at, len(failed), ask))
        for _, _, retry in heapq.nsmallest(RETRIES, failed):
            retry()

    def _is_owed(self, held: HeldRepo, pull: HeldPull, part: str) -> bool:
        """Whether a detail has to be asked for: never read, moved, not settled, or failed and to be tried again."""
        stamp = pull.read.get(part)
        if stamp is None or stamp.of != self._state(held, _row(pull), part):
            return True
        if stamp.failures:
            return tours.may_retry(stamp.at, self._now, stamp.failures)
        return stamp.unsettled is not None

    def _pull_part(self, held: HeldRepo, pull: HeldPull, part: str) -> None:
        row, stamp = _row(pull), pull.read.get(part)
        if stamp is None or stamp.of != self._state(held, row, part):
            if stamp is None or not stamp.failures:
                self._unknown(pull, FOLLOWS.get(part, OF_PULL[part]), NOT_READ if stamp is None else MOVED)
            self._ask_part(held, pull, part, Rank.DRAFTS if row.draft else Rank.PULLS)
        elif part in BY_STATE and not stamp.failures and stamp.unsettled is None:
            self._tell_again(pull, OF_PULL[part], row.item.number)
            if part == "deeds" and not pull.depends:
                self._tell_again(pull, OF_PULL["blockers"], row.item.number)

    def _tell_again(self, held: Held, fields: Iterable[Any], number: int) -> None:
        early = self._look.is_early(number)
        for field in fields:
            reading = held.details.get(field.name)
            if reading is not None:
                held.details[field.name] = again((reading,), self._now, early=early)[0]

    def tour(self, held: HeldRepo, tour: tours.Tour) -> None:
        """Take on tour what can change unseen, and, more slowly, what the search should have told."""
        for pull in held.pulls.values():
            read = pull.read
            for part, within, rank in ON_TOUR:
                if part in read and (part != "blockers" or pull.depends):
                    soon = tours.PENDING if part == "checks" and pull.pending else within
                    if part == "reviews" and (pull.row is None or pull.row.draft):
                        soon = tours.VERIFY  # of a draft they decide nothing
                    tour.add(read[part].at, soon, self._ask_part, held, pull, part, rank)
        for number, card in held.cards.items():
            stamp = card.read.get("blockers")
            if stamp is not None:
                within = tours.BLOCKED if card.blocked else tours.VERIFY
                tour.add(stamp.at, within, self._ask_card, held, number, card, Rank.TOUR)

    def rung(self, held: HeldRepo, most: int) -> None:
        """Ask for the checks that still run in a repository of which a bell said that something moved."""
        for pull in [each for each in held.pulls.values() if each.pending][:most]:
            self._ask_part(held, pull, "checks", Rank.PULLS)

    def debts(self) -> int:
        """Return how many details are not of the state of what they are of."""
        pulls = sum(
            1
            for held in self._memory.read_repos().values()
            for pull in held.pulls.values()
            for part in ((*PARTS, "blockers") if pull.depends else PARTS)
            if pull.row is not None and _is_debt(pull, part, self._state(held, pull.row, part))
        )
        return pulls + sum(
            1
            for held in self._memory.read_repos().values()
            for card in held.cards.values()
            if G.CARD_BLOCKERS.name in card.details and _is_debt(card, "blockers", card.moved_at)
        )

    @staticmethod
    def _state(held: HeldRepo, row: facts.Pull, part: str) -> object:
        """Return of which state of a pull request a detail must be."""
        if part == "checks":
            return row.head
        if part == "files":
            return row.head, row.merge_base, row.base, held.rules.get(row.base or ""), held.owned_of
        return row.head, row.item.moved_at

    # --- asking for one ------------------------------------------------------------------------------------------

    def _ask_part(self, held: HeldRepo, pull: HeldPull, part: str, rank: Rank) -> None:
        row = _row(pull)
        of = self._state(held, row, part)
        reads: dict[str, Callable[[HeldRepo, HeldPull], Awaitable[datetime | None]]] = {
            "deeds": self._deeds, "reviews": self._reviews, "checks": self._checks, "files": self._files,
            "blockers": self._blockers,
        }  # fmt: skip

        async def ask() -> None:
            told_at = await reads[part](held, pull)
            by_time = part in {"deeds", "reviews"}  # the others belong to commits, or are on a tour of minutes
            moved_at = row.item.moved_at if by_time else None
            pull.read[part] = self._stamp(pull.read.get(part), of, moved_at, told_at)

        def lost(failure: Failure) -> None:
            self._unknown(pull, FOLLOWS.get(part, OF_PULL[part]), failure[:2])
            pull.read[part] = self._failed(pull.read.get(part), of, failure)

        self._ask(rank, (part, held.row.name, row.item.number), ask, lost)

    def _stamp(self, before: Stamp | None, of: object, moved_at: datetime | None, told_at: datetime | None) -> Stamp:
        """Remember of which state something was read, and whether that state can still change without a sign.

        It cannot when the forge's clock had gone on since the move, or ours since this state was first read.
        """
        if moved_at is None or tours.is_settled(moved_at, told_at):
            return Stamp(of, self._now)
        is_same = before is not None and before.of == of and not before.failures
        first = before.unsettled if before is not None and is_same else self._now
        if first is None or self._now - first > tours.SETTLES:
            return Stamp(of, self._now)
        return Stamp(of, self._now, unsettled=first)

    def _failed(self, before: Stamp | None, of: object, failure: Failure) -> Stamp:
        """Remember that something could not be read.

        What was refused is not granted by asking again and again; it is asked again on tour.
        """
        if failure.reason is Reason.DENIED:
            return Stamp(of, self._now)
        return Stamp(of, self._now, 1 + (before.failures if before is not None and before.of == of else 0))

    async def _deeds(self, held: HeldRepo, pull: HeldPull) -> datetime | None:
        row = _row(pull)
        name, number = held.row.name, row.item.number
        told = await self._client.timeline(name, number, unseen=row.unseen)
        require_whole(told, f"/repos/{name}/issues/{number}/timeline")
        deeds = facts.deeds(told.value, row.item.opened_at, self._forge.bots)
        path = f"/repos/{name}/issues/{number}/timeline"
        said = (
            (G.PULL_PUSHED_AT, deeds.pushed_at), (G.PULL_AUTO_MERGE, deeds.auto_merge),
            (G.PULL_STIRRED_AT, deeds.stirred_at),
        )  # fmt: skip
        self._known(pull, path, said)
        pull.depends = deeds.depends
        if deeds.depends:
            self._ask_part(held, pull, "blockers", Rank.PULLS)
        else:
            self._known(pull, path, ((G.PULL_BLOCKERS, ()),))
        return told.server_at

    async def _reviews(self, held: HeldRepo, pull: HeldPull) -> datetime | None:
        name, number = held.row.name, _row(pull).item.number
        told = await self._client.reviews(name, number)
        if not all(map(facts.says_what_counts, told.value)):
            self._unknown(pull, (G.PULL_REVIEWS,), UNCOUNTED)
            return told.server_at
        said = facts.reviews(told.value, self._forge)
        self._list(pull, G.PULL_REVIEWS, f"/repos/{name}/pulls/{number}/reviews", told, said)
        return told.server_at

    async def _checks(self, held: HeldRepo, pull: HeldPull) -> datetime | None:
        head = _row(pull).head
        if head is None:
            return None
        told = await self._client.statuses(held.row.name, head)
        said = facts.checks(told.value)
        self._list(pull, G.PULL_CHECKS, f"/repos/{held.row.name}/commits/{head[:12]}/status", told, said)
        pull.pending = any(each.state == "pending" for each in said or ())
        return told.server_at

    async def _files(self, held: HeldRepo, pull: HeldPull) -> datetime | None:
        row = _row(pull)
        name, number = held.row.name, row.item.number
        told = await self._client.files(name, number)
        _, patterns = held.rules.get(row.base or "", (None, None))
        rules = sensitive.Rules(
            self._globs,
            None if patterns is None else sensitive.of_branch(patterns),
            held.owned or codeowners.Owned((), whole=False),
        )
        changes = [sensitive.Change(each.filename, each.previous_filename) for each in told.value if each.filename]
        total = max(told.total or 0, len(told.value))
        seen = sensitive.seen(changes, total, rules, whole=told.whole and len(changes) == len(told.value))
        self._known(pull, f"/repos/{name}/pulls/{number}/files", ((G.PULL_FILES, seen),))
        return told.server_at

    async def _blockers(self, held: HeldRepo, pull: HeldPull) -> datetime | None:
        number = _row(pull).item.number
        refs, told_at = await self._open_blockers(held, number)
        self._hold_blockers(pull, held, number, refs, G.PULL_BLOCKERS)
        return told_at

    async def _open_blockers(self, held: HeldRepo, number: int) -> tuple[tuple[str, ...] | None, datetime | None]:
        """Return what something depends on that is open, None when it cannot be named; and when that was told."""
        try:
            told = await self._client.dependencies(held.row.name, number)
        except ForgeError as error:
            if error.status != NOT_THERE:
                raise
            return (), None  # the repository knows no dependencies
        require_whole(told, f"/repos/{held.row.name}/issues/{number}/dependencies")
        return facts.blockers(told.value, held.row.name), told.server_at

    def _hold_blockers(
        self, thing: Held, held: HeldRepo, number: int, refs: tuple[str, ...] | None, field: Field[tuple[str, ...]]
    ) -> None:
        if refs is None:
            self._unknown(thing, (field,), UNNAMED)
        else:
            self._known(thing, f"/repos/{held.row.name}/issues/{number}/dependencies", ((field, refs),))

    def _list(self, thing: Held, field: Any, path: str, told: Told[Any], said: tuple[Any, ...] | None) -> None:  # noqa: ANN401 -- of any kind
        require_whole(told, path)
        if said is None:
            self._unknown(thing, (field,), TOO_MANY)
        else:
            self._known(thing, path, ((field, said),))

    # --- cards ---------------------------------------------------------------------------------------------------

    def card(self, held: HeldRepo, number: int, card: HeldCard, *, is_worked: bool) -> None:
        """Ask what a card depends on, when somebody has to do with it."""
        if not is_worked:
            card.details.pop(G.CARD_BLOCKERS.name, None)
            card.read.pop("blockers", None)
            return
        stamp = card.read.get("blockers")
        if stamp is None or stamp.of != card.moved_at:
            if stamp is None or not stamp.failures:
                self._unknown(card, OF_CARD["blockers"], NOT_READ if stamp is None else MOVED)
            self._ask_card(held, number, card, Rank.CARDS)
        elif stamp.failures:
            if tours.may_retry(stamp.at, self._now, stamp.failures):
                self._ask_card(held, number, card, Rank.CARDS)
        elif stamp.unsettled is not None:
            self._ask_card(held, number, card, Rank.CARDS)
        elif not card.blocked and self._memory.issues_at == self._now:
            self._tell_again(card, OF_CARD["blockers"], number)

    def _ask_card(self, held: HeldRepo, number: int, card: HeldCard, rank: Rank) -> None:
        of = card.moved_at

        async def ask() -> None:
            refs, told_at = await self._open_blockers(held, number)
            card.blocked = refs is None or bool(refs)
            self._hold_blockers(card, held, number, refs, G.CARD_BLOCKERS)
            card.read["blockers"] = self._stamp(card.read.get("blockers"), of, of, told_at)

        def lost(failure: Failure) -> None:
            self._unknown(card, OF_CARD["blockers"], failure[:2])
            card.read["blockers"] = self._failed(card.read.get("blockers"), of, failure)

        self._ask(rank, ("card", held.row.name, number), ask, lost)

    # --- rules ---------------------------------------------------------------------------------------------------

    def with_rules(self, held: HeldRepo) -> None:
        """Tell the rules, and ask for files that were not judged by them."""
        for pull in held.pulls.values():
            row = _row(pull)
            if (found := held.rules.get(row.base or "")) is None:
                self._wait_for_rules(held, pull)
                continue
            self._tell_rule(held, pull, found[0])
            if held.owned is not None:
                self._pull_part(held, pull, "files")

    def _wait_for_rules(self, held: HeldRepo, pull: HeldPull) -> None:
        why = NOT_READ if held.branches_failure is None else held.branches_failure[:2]
        for field in (*OF_PULL["rule"], *OF_PULL["files"]):
            if field.name not in pull.details:
                self._unknown(pull, (field,), why)

    def _tell_rule(self, held: HeldRepo, pull: HeldPull, rule: BranchRule | None) -> None:
        base, at = _row(pull).base or "", held.branches_at or self._now
        subject, origin = pull.listed[0].subject, self._maker.origin(f"/repos/{held.row.name}/branches/{base}")
        before = pull.details.get(G.PULL_RULE.name)
        if rule is None:
            why = NO_RULE if base in held.branches else NO_BASE
            self._unknown(pull, OF_PULL["rule"], why)
        elif getattr(before, "value", None) != rule or getattr(before, "observed_at", None) != at:
            pull.details[G.PULL_RULE.name] = self._maker.known(subject, origin, ((G.PULL_RULE, rule),), at)[0]

    # --- holding -------------------------------------------------------------------------------------------------

    def _known(self, thing: Held, path: str, said: Any) -> None:  # noqa: ANN401 -- fields and their values
        subject, origin = thing.listed[0].subject, self._maker.origin(path)
        for reading in self._maker.known(subject, origin, said, self._now):
            thing.details[reading.field] = reading

    def _unknown(self, thing: Held, fields: Iterable[Any], why: tuple[Reason, str]) -> None:
        first = thing.listed[0]
        for reading in failed(fields, first.subject, first.origin, why, self._now):
            thing.details[reading.field] = reading


def _row(pull: HeldPull) -> facts.Pull:
    if pull.row is None:
        raise RuntimeError("A pull request is held that no list told of.")
    return pull.row


def require_whole(told: Told[Any], path: str) -> None:
    """Refuse a list that is not whole: what is missing from it may be what matters."""
    if not told.whole:
        raise ForgeError(Reason.BUSY, TORN, path=path, outcome="yes")


def _is_debt(thing: Held, part: str, of: object) -> bool:
    stamp = thing.read.get(part)
    return stamp is None or stamp.of != of or stamp.failures > 0
