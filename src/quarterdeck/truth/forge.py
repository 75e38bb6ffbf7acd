"""What a forge (Gitea, Forgejo) tells of work, as facts of several parts that are only true together.

Rule 1: every part is what the forge said, in its own meaning; what follows from several parts is said by the tables.
Rule 2: a part that is None was not told. It is never taken for no, for zero or for nothing.
Rule 3: what people wrote is text: it is shortened, and credentials in it are masked. Nothing of it is obeyed.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, NamedTuple

from quarterdeck.truth.shapes import Bool, Count, Ident, Instant, Many, Optional, Record, Text, Whole, Word

REVIEW_STATES: Final = ("pending", "approved", "changes requested", "commented", "requested")
CHECK_STATES: Final = ("pending", "success", "failure", "error", "warning", "skipped")
SAYINGS: Final = ("ready", "in progress", "blocked", "in review", "done")
"""What a label may mean for the lane of a card; which label means what is said by the settings."""
GHOST: Final = "ghost"
"""Under which name a forge tells what was said by accounts that are gone, whichever of them it was."""
WHY_SENSITIVE: Final = ("setting", "protected", "owned")
"""Why a path is sensitive: a glob of the settings, a protected pattern of the branch, a line of CODEOWNERS."""
PASSING: Final = frozenset({"pull", "card"})
"""Kinds that come and go with the work, by the thousand: when one is no longer there, nothing was lost."""
PARTS: Final = PASSING | {"repo"}
"""Kinds that are no line of the brief and no alert of their own: ``forge``, ``reviews`` and ``board`` say of all of
them together what needs somebody. Of very many the history keeps none either, because the forge keeps its own."""
CLASSES: Final = (
    "draft",
    "blocked",
    "conflict",
    "computing",
    "changes requested",
    "re-review",
    "checks failing",
    "checks stuck",
    "checks pending",
    "waiting on review",
    "outdated",
    "ready, auto-merge scheduled",
    "ready",
    "unknown",
)
"""What a pull request can be; ``truth.tables.pull`` says when."""
FEW: Final = 50
REVIEWS_LIMIT, CHECKS_LIMIT, LABELS_LIMIT = 200, 200, 100


class Review(NamedTuple):
    """One entry of the list of reviews of a pull request, as it stands there."""

    who: str
    """Login of the reviewer, or ``team NAME``."""
    state: str
    official: bool
    """Whether it counts for the rule of the branch."""
    stale: bool
    """Whether it was made of an older head."""
    dismissed: bool
    at: datetime | None
    commit: str | None
    """The head it was made of."""
    is_team: bool
    is_bot: bool
    """Whether it is an account of one of our agents, or one the settings name as a bot."""
    is_ours: bool
    """Whether it is one of those whose judgement the deck is for, by the settings; anybody who is no bot when they name
    none."""


class Check(NamedTuple):
    """The newest status of one context of the head commit."""

    context: str
    state: str
    at: datetime | None


class BranchRule(NamedTuple):
    """What a branch asks of what is merged into it. None where the token is not told: that takes an admin."""

    protected: bool
    approvals: int
    """Approvals needed."""
    checks: tuple[str, ...] | None
    """Globs of contexts that must have succeeded; None when checks are not asked for."""
    rejections_block: bool | None
    requests_block: bool | None
    outdated_blocks: bool | None
    stale_approvals_ignored: bool | None

    @property
    def whole(self) -> bool:
        """Whether all of the rule is known."""
        return None not in (self.rejections_block, self.requests_block, self.outdated_blocks)


class Sensitive(NamedTuple):
    """A changed path that takes judgement, and why."""

    path: str
    why: str
    by: str
    """The glob, pattern or rule that it matches."""


class Files(NamedTuple):
    """The files that a pull request changes."""

    total: int
    whole: bool
    """Whether all of them were listed, and all rules could be read; else any of them may be sensitive."""
    sensitive: tuple[Sensitive, ...]


class Reads(NamedTuple):
    """Between which moments the forge said again and again that it cannot merge, of the same head and base."""

    first: datetime
    last: datetime


class Linked(NamedTuple):
    """An open pull request that says it closes an issue."""

    ref: str
    """``owner/name#12``."""
    draft: bool
    author: str | None


class Claim(NamedTuple):
    """A branch by which somebody claims an issue: making it is atomic on the forge, so only one can."""

    branch: str
    at: datetime | None
    """Time of its newest commit: the heartbeat of the lease."""
    who: str | None
    """Who made that commit, by login, where the forge knows."""


REVIEW: Final = Record(
    Review,
    who=Text(),
    state=Word(REVIEW_STATES),
    official=Bool(),
    stale=Bool(),
    dismissed=Bool(),
    at=Optional(Instant()),
    commit=Optional(Ident()),
    is_team=Bool(),
    is_bot=Bool(),
    is_ours=Bool(),
)
CHECK: Final = Record(Check, context=Whole(), state=Word(CHECK_STATES), at=Optional(Instant()))
BRANCH_RULE: Final = Record(
    BranchRule,
    protected=Bool(),
    approvals=Count(),
    checks=Optional(Many(Whole(), CHECKS_LIMIT)),
    rejections_block=Optional(Bool()),
    requests_block=Optional(Bool()),
    outdated_blocks=Optional(Bool()),
    stale_approvals_ignored=Optional(Bool()),
)
FILES: Final = Record(
    Files,
    total=Count(),
    whole=Bool(),
    sensitive=Many(Record(Sensitive, path=Text(), why=Word(WHY_SENSITIVE), by=Text()), FEW),
)
READS: Final = Record(Reads, first=Instant(), last=Instant())
LINKED: Final = Record(Linked, ref=Ident(), draft=Bool(), author=Optional(Ident()))
CLAIM: Final = Record(Claim, branch=Text(), at=Optional(Instant()), who=Optional(Ident()))


def repo(forge: str, full_name: str) -> str:
    """Return the id of a repository on a forge: ``forge:main/repo/acme/tools``."""
    return f"forge:{forge}/repo/{full_name}"


def pull(forge: str, full_name: str, number: int) -> str:
    """Return the id of a pull request: ``forge:main/pull/acme/tools/12``."""
    return f"forge:{forge}/pull/{full_name}/{number}"


def card(forge: str, full_name: str, number: int) -> str:
    """Return the id of a card, which is an issue: ``forge:main/card/acme/tools/7``."""
    return f"forge:{forge}/card/{full_name}/{number}"


def ref_of(subject: str) -> str:
    """Return how people write a pull request or an issue: ``acme/tools#12`` of ``forge:main/pull/acme/tools/12``."""
    name, _, number = subject.split("/", 2)[-1].rpartition("/")
    return f"{name}#{number}"


def repo_of(subject: str) -> str:
    """Return the full name of the repository a pull request or a card is of: ``acme/tools``."""
    return subject.split("/", 2)[-1].rpartition("/")[0]
