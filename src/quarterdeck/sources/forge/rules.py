"""What a repository asks of pull requests: the rules of their bases, and who owns which files.

Rule 1: everybody is told a part of a rule; the whole of it, with its protected patterns, is asked for only where the
        token may have it. What it may not have is not told, which is no failure.
Rule 2: who owns files is read again when the trunk moves, and at no other time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from quarterdeck.sources.forge import codeowners, facts, tours
from quarterdeck.sources.forge.errors import ForgeError
from quarterdeck.sources.forge.look import Asker, Look
from quarterdeck.sources.forge.memory import Failure, HeldRepo
from quarterdeck.sources.forge.ranks import Rank
from quarterdeck.truth.forge import BranchRule
from quarterdeck.truth.reading import Reason

NOT_THERE: Final = 404


class Rules:
    """Asks for rules, and holds them."""

    def __init__(self, look: Look, ask: Asker, ready: Callable[[HeldRepo], None]) -> None:
        """``ready`` is told each repository of which rules were learnt."""
        self._client, self._now, self._ask, self._ready = look.client, look.now, ask, ready

    def ask(self, held: HeldRepo) -> None:
        """Ask for what the bases of the pull requests ask of them, once both are listed."""
        if held.pulls_at is None or held.branches_at is None or not held.pulls:
            return
        bases = {row.base for pull in held.pulls.values() if (row := pull.row) is not None and row.base is not None}
        due = tours.is_due(held.rules_at, self._now, tours.RULES)
        for base in sorted(bases):
            branch = held.branches.get(base)
            rule = branch.rule if branch is not None else None
            is_told = rule is not None and not rule.protected
            before = held.rules.get(base)
            if branch is not None and rule is not None and rule.protected and branch.rule_name and held.row.is_admin:
                if due or before is None or _changed(before[0], rule):
                    self._ask_rule(held, base, rule, branch.rule_name)
            elif before != (rule, "" if is_told else None):
                held.rules[base] = (rule, "" if is_told else None)
        self._ask_owners(held)
        held.rules_at = self._now if due else held.rules_at
        self._ready(held)

    def _ask_rule(self, held: HeldRepo, base: str, rule: BranchRule, rule_name: str) -> None:
        async def ask() -> None:
            told = (await self._client.protection(held.row.name, rule_name)).value
            held.rules[base] = (facts.whole_rule(rule, told), told.protected_file_patterns or "")
            self._ready(held)

        def lost(failure: Failure) -> None:
            held.rules[base] = (rule, None)
            if failure.reason is not Reason.DENIED:
                held.rules_at = None
            self._ready(held)

        self._ask(Rank.RULES, ("rule", held.row.name, base), ask, lost)

    def _ask_owners(self, held: HeldRepo) -> None:
        trunk = held.branches.get(held.row.default or "")
        of = None if trunk is None else trunk.head
        if held.owned is not None and of is not None and held.owned_at == of:
            return

        async def ask() -> None:
            found = await self._owners(held)
            held.owned, held.owned_of, held.owned_at = codeowners.parse(found), hash(found), of
            self._ready(held)

        def lost(failure: Failure) -> None:
            held.owned, held.owned_of = codeowners.Owned((), whole=False), None
            held.owned_at = of if failure.reason is Reason.DENIED else None
            self._ready(held)

        self._ask(Rank.RULES, ("owners", held.row.name), ask, lost)

    async def _owners(self, held: HeldRepo) -> str:
        """Return what the first CODEOWNERS says that there is; nothing where there is none."""
        try:
            top = (await self._client.names(held.row.name)).value
        except ForgeError as error:
            if error.status != NOT_THERE:
                raise
            return ""  # nothing was committed yet
        for place in codeowners.PLACES:
            if place.partition("/")[0] not in top:
                continue
            try:
                return (await self._client.text(held.row.name, place)).value
            except ForgeError as error:
                if error.status != NOT_THERE:
                    raise
        return ""


def _changed(before: BranchRule | None, rule: BranchRule) -> bool:
    """Whether what everybody is told of a rule is other than before."""
    return before is None or before[:3] != rule[:3]
