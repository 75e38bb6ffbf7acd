"""What somebody is worth here: from what a witness says of them and from the operator's rules.

Rule 1: whoever no rule fits is a stranger. So is whoever a witness has no name for, and a machine that is no person.
Rule 2: a rule with ``none`` beats all others. It also fits where only capitals are different, so that nobody slips by.
Rule 3: of several others the strongest role counts, with the agents of the rules that give it. In what order they stand
        never matters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from quarterdeck.access.identity import Claim, Person, Role
from quarterdeck.settings.access import NONE, Rule

NOBODY: Final = frozenset({"", "tagged-devices"})
"""Logins that are no person's."""
SAYS: Final[Mapping[str, tuple[str, Callable[[Claim], Iterable[str]]]]] = {
    "tailnet": ("tailnet", lambda claim: (claim.login,)),
    "capability": ("tailnet", lambda claim: claim.capabilities),
    "forge": ("forge", lambda claim: (claim.login,)),
    "forge_group": ("forge", lambda claim: claim.groups),
    "bearer": ("bearer", lambda claim: (claim.login,)),
    "bearer_group": ("bearer", lambda claim: claim.groups),
}
"""For each word of a rule: whose word it is, and what of it is meant."""
STRENGTH: Final = (Role.OPERATOR, Role.VIEWER)


def is_shut_out(claim: Claim, rules: Iterable[Rule]) -> bool:
    """Whether a rule says that somebody shall never come in."""
    return any(rule.role == NONE and _fits(claim, rule, str.casefold) for rule in rules)


def person(claim: Claim, rules: Iterable[Rule]) -> Person | None:
    """Return what somebody is here; None for a stranger."""
    every = tuple(rules)
    if claim.login in NOBODY or is_shut_out(claim, every):
        return None
    fitting = [rule for rule in every if rule.role != NONE and _fits(claim, rule, str)]
    for role in STRENGTH:
        giving = [rule for rule in fitting if rule.role == role.value]
        if giving:
            return Person(claim.how, claim.login, role, claim.name, _together(giving))
    return None


def _fits(claim: Claim, rule: Rule, like: Callable[[str], str]) -> bool:
    witness, said = SAYS[rule.witness]
    return claim.how == witness and like(rule.word) in map(like, said(claim))


def _together(rules: Iterable[Rule]) -> frozenset[str] | None:
    """Return the agents that several rules show; None for all."""
    shown: frozenset[str] = frozenset()
    for rule in rules:
        if rule.instances is None:
            return None
        shown |= rule.instances
    return shown
