"""From what a forge says to facts: small, comparable, and without the texts they were found in.

Rule 1: what a part means is decided here, once; ``api`` says where it does not mean what it is called.
Rule 2: a text is read, and let go. Of an issue's body it is kept that it explains what blocks it, and no more.
Rule 3: what was not told is None, and becomes a reading that says so. A word nobody knows is passed on as it is, and
        refused by the shape of its field: it is not taken for the nearest one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from sys import intern
from typing import Final, NamedTuple

from quarterdeck.sources.forge import api, words
from quarterdeck.sources.forge.api import listed, when
from quarterdeck.truth.forge import CHECKS_LIMIT, GHOST, REVIEWS_LIMIT, BranchRule, Check, Claim, Review
from quarterdeck.truth.watched import Forge

STATES: Final = {
    "PENDING": "pending",
    "APPROVED": "approved",
    "REQUEST_CHANGES": "changes requested",
    "COMMENT": "commented",
    "REQUEST_REVIEW": "requested",
}
SAYS_LITTLE: Final = frozenset({"pending", "commented"})
NAME: Final = re.compile(r"[0-9A-Za-z_][0-9A-Za-z_.-]{0,49}/[0-9A-Za-z_.-]{1,100}")
"""What a repository may be called: its name becomes part of the ids of all that is in it."""
SCHEDULED, CANCELLED = "pull_scheduled_merge", "pull_cancel_scheduled_merge"
PUSHED, DEPENDS = "pull_push", "add_dependency"


class Repo(NamedTuple):
    """A repository, by the list of all of them."""

    name: str
    link: str | None
    archived: bool
    default: str | None
    open_issues: int | None
    open_pulls: int | None
    moved_at: datetime | None
    is_admin: bool
    """Whether the token may ask for the whole rule of a branch."""
    has_pulls: bool
    is_empty: bool


class Item(NamedTuple):
    """What a pull request and an issue have in common."""

    number: int
    title: str
    link: str | None
    author: str | None
    opened_at: datetime | None
    moved_at: datetime | None
    labels: tuple[str, ...]
    assignees: tuple[str, ...]
    milestone: str | None


class Pull(NamedTuple):
    """An open pull request, as a list tells of it."""

    item: Item
    draft: bool
    head: str | None
    branch: str | None
    base: str | None
    base_head: str | None
    merge_base: str | None
    mergeable: bool | None
    closes: tuple[str, ...]
    unseen: int
    """Entries of its timeline that are counted and not shown."""

    @property
    def outdated(self) -> bool | None:
        """Whether its base has moved on; None when that is not told."""
        return self.base_head != self.merge_base if self.base_head and self.merge_base else None


class Card(NamedTuple):
    """An issue, as a list tells of it."""

    item: Item
    open: bool
    closed_at: datetime | None
    absent: tuple[str, ...]
    explained: bool


class Deeds(NamedTuple):
    """What a timeline tells."""

    stirred_at: datetime | None
    pushed_at: datetime | None
    auto_merge: bool
    depends: bool
    """Whether it was ever said to depend on something: if not, nobody needs to ask on what."""


class Branch(NamedTuple):
    """A branch of a repository."""

    head: str | None
    at: datetime | None
    who: str | None
    rule: BranchRule | None
    """As far as everybody is told; None when not even that is told."""
    rule_name: str
    """What its whole rule is called; empty where there is none, or it is not told."""


def repo(told: api.Repository) -> Repo | None:
    """Return a repository; None for one without a name that can be one."""
    if told.full_name is None or not NAME.fullmatch(told.full_name):
        return None
    may = told.permissions
    return Repo(
        intern(told.full_name), told.html_url, bool(told.archived), told.default_branch, told.open_issues_count,
        told.open_pr_counter, when(told.updated_at), bool(may is not None and may.admin),
        told.has_pull_requests is not False, told.empty is True,
    )  # fmt: skip


def pull(told: api.PullRequest, full_name: str, forge: Forge) -> Pull | None:
    """Return a pull request; None for one without a number."""
    if told.number is None or told.number < 1:
        return None
    title, head, base = told.title or "", told.head or api.Head(), told.base or api.Head()
    draft = words.is_draft(title, forge.drafts) if told.draft is None else told.draft
    closes = words.closes(title, told.body or "", full_name, forge.url)
    return Pull(
        _item(told), draft, head.sha or None, head.ref, base.ref and intern(base.ref), base.sha or None,
        told.merge_base or None, told.mergeable, closes, told.review_comments or 0,
    )  # fmt: skip


def card(told: api.Issue) -> Card | None:
    """Return an issue; None for one without a number, or of which it is not told whether it is open."""
    if told.number is None or told.number < 1 or told.state not in {"open", "closed"}:
        return None
    absent = tuple(filter(None, (each.login for each in listed(told.assignees) if _is_gone(each))))
    explained = words.explains(told.body or "")
    return Card(_item(told), told.state == "open", when(told.closed_at), absent, explained)


def reviews(told: Iterable[api.Review], forge: Forge) -> tuple[Review, ...] | None:
    """Return reviews, oldest first; None when there are more than can be held, and none of them may be left out."""
    every = [_review(each, forge) for each in told]
    if len(every) > REVIEWS_LIMIT:
        every = [each for each in every if each.state not in SAYS_LITTLE]
    return tuple(every) if len(every) <= REVIEWS_LIMIT else None


def says_what_counts(told: api.Review) -> bool:
    """Whether it is told of a review whether it counts. What is not told is not taken for no."""
    return None not in (told.official, told.stale, told.dismissed)


def checks(told: Iterable[api.CommitStatus]) -> tuple[Check, ...] | None:
    """Return the newest status of each context, by name; None when there are more than can be held."""
    newest: dict[str, api.CommitStatus] = {}
    for each in told:
        name = each.context or ""
        if name not in newest or (each.id or 0) > (newest[name].id or 0):
            newest[name] = each
    every = (Check(intern(name), newest[name].status or "", when(newest[name].created_at)) for name in sorted(newest))
    return tuple(every) if len(newest) <= CHECKS_LIMIT else None


def deeds(told: Sequence[api.TimelineEntry], opened_at: datetime | None, bots: Iterable[str]) -> Deeds:
    """Say what a timeline tells; what bots did does not stir."""
    silent = {each.lower() for each in bots}
    every = [(when(each.created_at), each) for each in told]
    stirred = (at for at, each in every if at is not None and (_login(each.user) or "").lower() not in silent)
    pushed = (at for at, each in every if at is not None and each.type == PUSHED)
    plans = [each.type for _, each in every if each.type in {SCHEDULED, CANCELLED}]
    first = () if opened_at is None else (opened_at,)
    return Deeds(
        max((*first, *stirred), default=None), max((*first, *pushed), default=None), plans[-1:] == [SCHEDULED],
        any(each.type == DEPENDS for _, each in every),
    )  # fmt: skip


def blockers(told: Iterable[api.Issue], full_name: str) -> tuple[str, ...] | None:
    """Return refs of those that are open; None when one of them cannot be named."""
    refs: list[str] = []
    for each in told:
        if each.state == "closed":
            continue
        if each.number is None:
            return None
        where = each.repository.full_name if each.repository is not None else full_name
        refs.append(f"{where or full_name}#{each.number}")
    return tuple(refs)


def branch(told: api.Branch) -> Branch:
    """Return a branch and what everybody is told of its rule."""
    commit = told.commit or api.PayloadCommit()
    who = None if commit.author is None else commit.author.username
    return Branch(
        commit.id, when(commit.timestamp), who or None, _rule(told), told.effective_branch_protection_name or ""
    )


def whole_rule(rule: BranchRule, told: api.BranchProtection) -> BranchRule:
    """Return a rule with what only admins are told."""
    return rule._replace(
        rejections_block=told.block_on_rejected_reviews,
        requests_block=told.block_on_official_review_requests,
        outdated_blocks=told.block_on_outdated_branch,
        stale_approvals_ignored=bool(told.ignore_stale_approvals),
    )


def claims(branches: Iterable[tuple[str, Branch]], form: str, trunks: frozenset[str]) -> Iterator[tuple[int, Claim]]:
    """Return the claims among branches.

    One that ends in a commit of a trunk has none of its own: whose that is, and of when, says nothing of who claims.
    """
    for name, each in branches:
        number = words.claimed(name, form)
        if number is not None:
            own = each.head is not None and each.head not in trunks
            yield number, Claim(name, each.at if own else None, each.who if own else None)


def _item(told: api.Issue | api.PullRequest) -> Item:
    assignees = tuple(_names(listed(told.assignees) or ((told.assignee,) if told.assignee else ())))
    return Item(
        told.number or 0, told.title or "", told.html_url, _login(told.user), when(told.created_at),
        when(told.updated_at), tuple(intern(each.name) for each in listed(told.labels) if each.name), assignees,
        told.milestone.title if told.milestone is not None else None,
    )  # fmt: skip


def _names(users: Iterable[api.User]) -> Iterator[str]:
    return (intern(each.login) for each in users if each.login)


def _login(user: api.User | None) -> str | None:
    """Return who it is; None for an account that is gone."""
    return None if user is None or not user.login or _is_gone(user) else intern(user.login)


def _is_gone(user: api.User) -> bool:
    return (user.login or "").lower() == GHOST or (user.id is not None and user.id == -1)


def _review(told: api.Review, forge: Forge) -> Review:
    is_team = told.team is not None
    login = f"team {told.team.name or ''}" if told.team is not None else _login(told.user) or GHOST
    known = {each.lower() for each in (*forge.agents, *forge.bots)}
    is_bot = login.lower() in known
    ours = {each.lower() for each in forge.reviewers}
    return Review(
        login, STATES.get(told.state or "", told.state or ""), bool(told.official), bool(told.stale),
        bool(told.dismissed), when(told.submitted_at), told.commit_id or None, is_team, is_bot,
        login.lower() in ours if ours else not is_bot,
    )  # fmt: skip


def _rule(told: api.Branch) -> BranchRule | None:
    if told.protected is None:
        return None
    if not told.protected:
        return BranchRule(False, 0, None, False, False, False, False)  # noqa: FBT003 -- in the order of the rule
    if told.required_approvals is None or told.enable_status_check is None:
        return None
    contexts = tuple(listed(told.status_check_contexts)) if told.enable_status_check else None
    return BranchRule(True, told.required_approvals, contexts, None, None, None, None)  # noqa: FBT003 -- as above
