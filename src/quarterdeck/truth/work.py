"""What an agent works on, by what a forge tells of issues and of pull requests.

Rule 1: an agent is at an issue by one of three signals (``BY``): its branch claims it, its open pull request says that
        it closes it, or the issue is assigned to it and a label says that it is in progress.
Rule 2: its task is the issue with the strongest signal (``STRENGTH``): a claim before a draft, a draft before a label,
        and last what only waits for others to look at it, whatever claims that. Among several, the one that moved last.
Rule 3: who claims an issue by a branch whose author is not told is the one agent it is assigned to, and else nobody.
Rule 4: whoever is at an issue that is closed is at it still only if that moved after it was closed, or if it cannot be
        told that it did not. A branch that somebody forgot to delete is no work.
Rule 5: of what could not be read nothing is said here; whoever asks is told by ``NotKnown``.
Rule 6: an issue that is not among those of a repository of which all open ones are known is no task: it was closed
        long ago, or is not listed yet. Which of the two is not known, and is not guessed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Final, NamedTuple

from quarterdeck.truth import forge_fields as G  # noqa: N812 -- as in the judgement tables
from quarterdeck.truth.board import PROGRESS, moved_at
from quarterdeck.truth.forge import ref_of
from quarterdeck.truth.judgement import Facts

CLAIM, PULL = "claim", "pull"
STRENGTH: Final = ((CLAIM, False), (PULL, True), (PROGRESS, False), (PULL, False))
"""Signals from the strongest on: which, and whether it is a draft."""

Accounts = Mapping[str, str]
"""Which agent an account is, by login in small letters."""


class Issue(NamedTuple):
    """An issue somebody has touched."""

    card: str
    open: bool
    link: str | None
    closed_at: datetime | None
    assignees: tuple[str, ...]
    """Who is to do it: agents by id, others by login (``account``)."""


class Sign(NamedTuple):
    """A signal that somebody is at an issue."""

    who: str
    """``account`` of whoever it is."""
    issue: str
    """The card it is about."""
    by: str
    at: datetime | None
    """When the signal last moved."""
    draft: bool = False

    @property
    def waits(self) -> bool:
        """Whether it only waits for others to look at it."""
        return self.by == PULL and not self.draft

    @property
    def strength(self) -> tuple[int, float]:
        """How it compares to others: less is stronger, and what moved later is."""
        return STRENGTH.index((self.by, self.draft)), -self.at.timestamp() if self.at else 0.0


class Task(NamedTuple):
    """What an agent is at."""

    sign: Sign | None
    """Its strongest signal; None when it is at nothing."""
    link: str | None
    at: tuple[str, ...]
    """All open issues it is at, by strength."""
    closed: tuple[str, ...]
    """Issues it is at though they are closed."""
    others: tuple[str, ...]
    """Issues it is at that are assigned to somebody else."""
    shared: tuple[str, ...]
    """Issues that others are at as well."""
    assigned: int
    """Open issues that are assigned to it."""
    missing: int = 0
    """Issues it is at that are not among the open ones, and of which nothing else is known."""


class Seen(NamedTuple):
    """What of the issues of all forges is known, by ``key``."""

    issues: Mapping[str, Issue]
    """Those that somebody has touched."""
    cards: Collection[str] = frozenset()
    """All that are known, also those that nobody has touched."""
    whole: Collection[str] = frozenset()
    """Repositories of which all open issues are known, as their cards are named: ``forge:main/card/acme/tools``."""

    def is_missing(self, card: str) -> bool:
        """Whether it is known that there is no such open issue, and nothing else of it."""
        name = key(card)
        return name not in self.issues and name not in self.cards and name.rpartition("/")[0] in self.whole


NOBODY: Final = Task(None, None, (), (), (), (), 0)


def account(login: str | None, accounts: Accounts) -> str:
    """Return whose account it is: ``agent ID``, or ``login LOGIN``; one that is gone is nobody's we know."""
    agent = accounts.get((login or "").lower())
    return f"agent {agent}" if agent is not None else f"login {(login or '').lower()}"


def signs_of_card(f: Facts, accounts: Accounts) -> tuple[Issue | None, tuple[Sign, ...]]:
    """Return what counts of a card, and who is at it by a claim or by its label; nothing of one that nobody touched.

    Raises:
        NotKnown: when that cannot be read.
    """
    is_open, claim, at, said = f[G.CARD_OPEN], f[G.CARD_CLAIM], moved_at(f), f[G.CARD_SAYS]
    assignees = tuple(account(login, accounts) for login in f[G.CARD_ASSIGNEES])
    if is_open and not assignees and claim is None and not f[G.CARD_PULLS]:
        return None, ()
    issue = Issue(f.subject, is_open, f.get(G.CARD_LINK), None if is_open else f[G.CARD_CLOSED_AT], assignees)
    agents = tuple(who for who in assignees if who.startswith("agent "))
    found: list[Sign] = []
    if claim is not None and (claim.who is not None or len(agents) == 1):
        who = agents[0] if claim.who is None else account(claim.who, accounts)
        found.append(Sign(who, f.subject, CLAIM, at if is_open else claim.at))
    if PROGRESS in said and is_open:
        found += [Sign(who, f.subject, PROGRESS, at) for who in agents]
    return issue, tuple(found)


def author(f: Facts, accounts: Accounts) -> str:
    """Return whose a pull request is.

    Raises:
        NotKnown: when that cannot be read.
    """
    return account(f[G.PULL_AUTHOR], accounts)


def signs_of_pull(f: Facts, accounts: Accounts) -> tuple[Sign, ...]:
    """Return which issues the author of a pull request is at.

    Raises:
        NotKnown: when that cannot be read.
    """
    closes = f[G.PULL_CLOSES]
    if not closes:
        return ()
    who, draft, at = author(f, accounts), f[G.PULL_DRAFT], f[G.PULL_MOVED_AT]
    return tuple(Sign(who, _card(f.subject, ref), PULL, at, draft) for ref in dict.fromkeys(closes))


def _card(pull: str, ref: str) -> str:
    """The card of an issue that a pull request of the same forge names."""
    return f"{pull.partition('/')[0]}/card/{ref.replace('#', '/')}"


def key(card: str) -> str:
    """Return under what an issue is found: neither forges nor people mind large and small letters in names."""
    return card.lower()


def tasks(seen: Seen, signs: Iterable[Sign]) -> dict[str, Task]:
    """Return by agent (``agent ID``) what it is at, of all that is known of issues and all signals there are.

    An issue that is known, and that nobody has touched, is open; one of a repository that is not watched is taken for
    open.
    """
    by_issue: dict[str, list[Sign]] = {}
    for sign in signs:
        by_issue.setdefault(key(sign.issue), []).append(sign)
    mine: dict[str, list[Sign]] = {}
    for found in by_issue.values():
        for sign in _strongest(found):
            if sign.who.startswith("agent "):
                mine.setdefault(sign.who, []).append(sign)
    assigned: dict[str, int] = {}
    for one in seen.issues.values():
        for who in set(one.assignees) if one.open else ():
            assigned[who] = assigned.get(who, 0) + 1
    agents = {*mine, *(who for who in assigned if who.startswith("agent "))}
    return {who: _task(who, mine.get(who, []), assigned.get(who, 0), seen, by_issue) for who in agents}


def _strongest(signs: Iterable[Sign]) -> Iterable[Sign]:
    """The signal that counts of each who is at an issue: what others may look at, else the strongest."""
    best: dict[str, Sign] = {}
    for sign in sorted(signs, key=lambda sign: (not sign.waits, sign.strength)):
        best.setdefault(sign.who, sign)
    return best.values()


def _task(who: str, signs: list[Sign], assigned: int, seen: Seen, by_issue: Mapping[str, list[Sign]]) -> Task:
    signs = sorted(signs, key=lambda sign: (sign.strength, sign.issue))
    there = [sign for sign in signs if not seen.is_missing(sign.issue)]
    at = [(sign, seen.issues.get(key(sign.issue))) for sign in there]
    now = [(sign, issue) for sign, issue in at if issue is None or issue.open]
    closed = [(sign, issue) for sign, issue in at if issue is not None and _goes_on(sign, issue)]
    others = [(sign, issue) for sign, issue in now if issue and issue.assignees and who not in issue.assignees]
    shared = [(sign, issue) for sign, issue in now if any(one.who != who for one in by_issue[key(sign.issue)])]
    first, its = now[0] if now else (None, None)
    missing = len(signs) - len(there)
    return Task(first, its and its.link, _refs(now), _refs(closed), _refs(others), _refs(shared), assigned, missing)


def _refs(found: Iterable[tuple[Sign, Issue | None]]) -> tuple[str, ...]:
    return tuple(ref_of(sign.issue if issue is None else issue.card) for sign, issue in found)


def _goes_on(sign: Sign, issue: Issue) -> bool:
    """Whether a signal is about an issue that is closed, and may have moved since."""
    if issue.open:
        return False
    return sign.by == PULL or sign.at is None or issue.closed_at is None or sign.at > issue.closed_at
