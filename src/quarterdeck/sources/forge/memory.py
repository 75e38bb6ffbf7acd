"""What is held of a forge between two looks: repositories, pull requests, cards, what was read and when.

Rule 1: what was read is held as readings, made once. What has not moved is not made anew; it is told again, with the
        time at which the forge said that nothing moved.
Rule 2: that something could not be read is held beside what was read, and never in its place.
Rule 3: a detail belongs to the state of the thing it was read of. Once that has moved on, the detail is of the past.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, NamedTuple, TypeAlias

from quarterdeck.sources.forge.codeowners import Owned
from quarterdeck.sources.forge.facts import Branch, Pull, Repo
from quarterdeck.sources.forge.scopes import Scopes
from quarterdeck.truth.forge import BranchRule, Claim, Reads
from quarterdeck.truth.reading import AnyReading, Reason

Where: TypeAlias = tuple[str, int]
"""A pull request or an issue: full name of its repository, and its number."""

DONE_FOR: Final = timedelta(days=7)
"""For how long a card stays that was closed, unless somebody still works on it."""
GONE_FOR: Final = timedelta(hours=24)
"""For how long a repository is spoken of that is not there any more."""
HEADS: Final = 200
"""Commits of a trunk that are remembered of one repository."""


class Failure(NamedTuple):
    """Why something could not be read."""

    reason: Reason
    detail: str
    said: str
    """All of it: the question, the status, and the forge's own words."""
    outcome: str
    since: datetime


class Stamp(NamedTuple):
    """Of which state of a thing something was read, or could not be read, and when."""

    of: object
    at: datetime
    failures: int = 0
    """How often in a row this state could not be read; what was refused for good counts as read."""
    unsettled: datetime | None = None
    """Since when it is read though it may still change without a sign; None once it cannot."""


@dataclass(slots=True)
class Held:
    """What is held of one pull request or card."""

    listed: tuple[AnyReading, ...] = ()
    details: dict[str, AnyReading] = field(default_factory=dict)
    read: dict[str, Stamp] = field(default_factory=dict)
    """What was read of its details, by their part."""
    lost: tuple[Failure, tuple[AnyReading, ...]] | None = None
    """What is told of it while it cannot be read."""

    def all(self) -> Iterator[AnyReading]:
        """Every reading of it."""
        yield from self.listed
        yield from self.details.values()


@dataclass(slots=True)
class HeldPull(Held):
    """What is held of an open pull request."""

    row: Pull | None = None
    depends: bool = False
    unmergeable: Reads | None = None
    """Between which reads of this head and base the forge said no."""
    pending: bool = False
    """Whether one of its checks still runs."""


@dataclass(slots=True)
class HeldCard(Held):
    """What is held of an issue."""

    open: bool = True
    moved_at: datetime | None = None
    closed_at: datetime | None = None
    is_touched: bool = False
    """Whether somebody is to do it, or a label puts it into a lane."""
    blocked: bool = False
    """Whether it depended on something open when that was last read."""
    linked: tuple[AnyReading, ...] = ()
    """Readings of the pull requests that close it, and of its claim."""
    work: tuple[object, ...] = ()
    """What these readings were made of."""

    def all(self) -> Iterator[AnyReading]:
        """Every reading of it."""
        yield from self.listed
        yield from self.linked
        yield from self.details.values()


@dataclass(slots=True)
class HeldRepo:
    """What is held of a repository."""

    row: Repo
    failure: Failure | None = None
    """Why its lists could not be read the last time."""
    tries: dict[str, Stamp] = field(default_factory=dict)
    """Lists that could not be read, or not whole, the last time."""
    gone_at: datetime | None = None
    pulls: dict[int, HeldPull] = field(default_factory=dict)
    cards: dict[int, HeldCard] = field(default_factory=dict)
    pulls_at: datetime | None = None
    pulls_whole: bool = False
    pulls_told_at: datetime | None = None
    """When its pull requests were listed, by the forge's clock."""
    branches: dict[str, Branch] = field(default_factory=dict)
    branches_at: datetime | None = None
    branches_of: datetime | None = None
    """When the repository had last moved, when its branches were read."""
    branches_failure: Failure | None = None
    trunks: dict[str, None] = field(default_factory=dict)
    """Commits its trunk ended in, as often as we looked."""
    claims: dict[int, Claim] = field(default_factory=dict)
    rules: dict[str, tuple[BranchRule | None, str | None]] = field(default_factory=dict)
    """What each base asks, and its protected patterns; None where they are not told."""
    rules_at: datetime | None = None
    owned: Owned | None = None
    owned_of: object = None
    """What tells one CODEOWNERS from another."""
    owned_at: str | None = None
    """At which commit of the trunk it was read."""
    surplus: int = 0
    """How many more open issues a whole sweep found than the forge counts."""
    listed_at: datetime | None = None
    """When all its issues were last listed; None while that is owed, and of none it is known that it is as held."""
    issues_failure: Failure | None = None
    """Why its own list of issues could not be read the last time."""
    counts_agree: bool = False
    """Whether as many open issues are held as the forge counts, but for these."""
    miscounts: int = 0
    """How often in a row it did not."""

    @property
    def is_read(self) -> bool:
        """Whether it is one whose work is looked at."""
        return not self.row.archived and self.gone_at is None

    def come_back(self) -> None:
        """Owe everything anew: meanwhile nobody told of what moved in it."""
        self.pulls_at = self.branches_at = self.branches_of = self.rules_at = self.listed_at = None
        self.owned_at, self.pulls_whole, self.counts_agree, self.miscounts = None, False, False, 0
        self.failure = self.branches_failure = self.issues_failure = None
        self.tries.clear()
        for thing in (*self.pulls.values(), *self.cards.values()):
            thing.read.clear()
        for pull in self.pulls.values():
            pull.unmergeable = None


@dataclass(slots=True)
class Server:
    """What is held of the forge itself."""

    release: str | None = None
    release_failure: Failure | None = None
    page_limit: int | None = None
    limit_failure: Failure | None = None
    asked_at: datetime | None = None
    """When it was last asked for its release."""
    login: str | None = None
    is_admin: bool | None = None
    scopes: Scopes | None = None
    scopes_failure: Failure | None = None
    token_at: datetime | None = None
    down: Failure | None = None
    """Why it could not be asked at all the last time."""
    said: str | None = None
    """What it said to the first question of the last look that failed."""
    looked_at: datetime | None = None
    """When it was last asked anything, or should have been."""
    answered_at: datetime | None = None
    clock_ahead_s: float | None = None
    rests_until: datetime | None = None
    is_overasked: bool = False
    """Whether it rests because it said that it is asked too often: then it is there, and well."""
    rung_at: datetime | None = None


@dataclass(slots=True)
class Memory:
    """Everything that is held of one forge."""

    server: Server = field(default_factory=Server)
    repos: dict[str, HeldRepo] = field(default_factory=dict)
    repos_at: datetime | None = None
    repos_whole: bool = False
    mark: datetime | None = None
    """The moment by the forge's clock from which on it must be asked what moved; None before the first sweep."""
    swept_at: datetime | None = None
    swept_whole: bool = False
    """Whether all open issues are held: the sweep was whole, or the forge counted as many in every repository."""
    swept_small: bool = False
    """Whether it took few questions, so that it may be made anew at once."""
    sweep_due: bool = True
    issues_at: datetime | None = None
    """When it was last known that all cards are as they are held."""
    issues_failure: Failure | None = None
    turn: int = 0
    calls: int = 0
    look_s: float = 0.0
    debts: int = 0

    def read_repos(self) -> Mapping[str, HeldRepo]:
        """Return the repositories whose work is looked at."""
        return {name: held for name, held in self.repos.items() if held.is_read}
