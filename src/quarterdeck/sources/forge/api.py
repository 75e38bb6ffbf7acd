"""What a forge says, as it says it: the few parts of its answers that are used here.

Rule 1: every part may be missing or null. No description of the API says which may, and the servers leave out what is
        empty, what this token may not see, and what their release does not know.
Rule 2: what is not named here is passed over unread.
Rule 3: nothing is interpreted here. Where a word does not mean what it says, the line below it tells what it means.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Final, TypeAlias, TypeVar

from msgspec import Meta, Struct

Moment: TypeAlias = Annotated[datetime, Meta(tz=True)]
"""A moment with its zone, which is read by ``when``.

A time that Go never set is the first of January of the year 1, and whoever makes a commit may date it as they like.
"""
T = TypeVar("T")

YEARS: Final = range(1971, 9999)
"""Years of moments that can be held in every zone, with room before and behind for a span to be counted from them."""


def when(moment: datetime | None) -> datetime | None:
    """Return a moment in UTC; None for one that was left out or never set, or that cannot be held."""
    return None if moment is None or moment.year not in YEARS else moment.astimezone(UTC)


def listed(items: Sequence[T] | None) -> Sequence[T]:
    """Return a list that was told; an empty one is often told as null."""
    return () if items is None else items


class Version(Struct, frozen=True, gc=False):
    """``/version``."""

    version: str | None = None


class ApiSettings(Struct, frozen=True, gc=False):
    """``/settings/api``."""

    max_response_items: int | None = None
    default_paging_num: int | None = None


class User(Struct, frozen=True, gc=False):
    """Somebody with an account."""

    id: int | None = None
    """Below one for accounts that are gone ("Ghost") and for the forge's own."""
    login: str | None = None
    is_admin: bool | None = None
    """Told to the account itself and to admins only: to all others it is false of everybody."""
    active: bool | None = None
    """As ``is_admin``: false says nothing unless an admin asked."""
    prohibit_login: bool | None = None


class Team(Struct, frozen=True, gc=False):
    """Several people of an organisation."""

    id: int | None = None
    name: str | None = None


class Label(Struct, frozen=True, gc=False):
    """A label; its scope is what stands before its last slash, if it is exclusive."""

    id: int | None = None
    name: str | None = None
    exclusive: bool | None = None
    is_archived: bool | None = None


class Milestone(Struct, frozen=True, gc=False):
    """A milestone."""

    id: int | None = None
    title: str | None = None
    state: str | None = None


class Owner(Struct, frozen=True, gc=False):
    """To whom a repository belongs."""

    login: str | None = None


class Permission(Struct, frozen=True, gc=False):
    """What this token's account may do with a repository."""

    admin: bool | None = None
    push: bool | None = None
    pull: bool | None = None


class Repository(Struct, frozen=True, gc=False):
    """A repository, as it tells of itself."""

    id: int | None = None
    full_name: str | None = None
    name: str | None = None
    owner: Owner | None = None
    html_url: str | None = None
    default_branch: str | None = None
    archived: bool | None = None
    empty: bool | None = None
    private: bool | None = None
    has_issues: bool | None = None
    has_pull_requests: bool | None = None
    open_issues_count: int | None = None
    open_pr_counter: int | None = None
    updated_at: Moment | None = None
    permissions: Permission | None = None


class Found(Struct, frozen=True, gc=False):
    """``/repos/search``."""

    data: tuple[Repository, ...] | None = None


class RepositoryName(Struct, frozen=True, gc=False):
    """Of which repository an issue is, where issues of several are told of."""

    id: int | None = None
    full_name: str | None = None
    name: str | None = None
    owner: str | None = None


class PullMark(Struct, frozen=True, gc=False):
    """That an issue is a pull request, where both are told of as issues."""

    merged: bool | None = None
    merged_at: Moment | None = None
    draft: bool | None = None
    html_url: str | None = None


class Issue(Struct, frozen=True, gc=False):
    """An issue, or a pull request told of as one: then ``pull_request`` is there, and neither head nor reviewers."""

    id: int | None = None
    number: int | None = None
    title: str | None = None
    body: str | None = None
    state: str | None = None
    """``open`` or ``closed``."""
    user: User | None = None
    original_author: str | None = None
    """Who wrote it where it was brought from; then ``user`` is whoever brought it."""
    html_url: str | None = None
    labels: tuple[Label, ...] | None = None
    assignees: tuple[User, ...] | None = None
    assignee: User | None = None
    milestone: Milestone | None = None
    created_at: Moment | None = None
    updated_at: Moment | None = None
    closed_at: Moment | None = None
    comments: int | None = None
    pull_request: PullMark | None = None
    repository: RepositoryName | None = None


class Side(Struct, frozen=True, gc=False):
    """The repository of one end of a pull request."""

    id: int | None = None
    full_name: str | None = None


class Head(Struct, frozen=True, gc=False):
    """One end of a pull request."""

    label: str | None = None
    ref: str | None = None
    """Name of the branch; ``refs/pull/N/head`` when it is gone."""
    sha: str | None = None
    repo_id: int | None = None
    repo: Side | None = None
    """None when the fork is gone."""


class PullRequest(Struct, frozen=True, gc=False):
    """A pull request, of a list or alone: newer releases leave out of lists what is dear to count."""

    id: int | None = None
    number: int | None = None
    title: str | None = None
    body: str | None = None
    state: str | None = None
    user: User | None = None
    html_url: str | None = None
    labels: tuple[Label, ...] | None = None
    assignees: tuple[User, ...] | None = None
    assignee: User | None = None
    milestone: Milestone | None = None
    created_at: Moment | None = None
    updated_at: Moment | None = None
    closed_at: Moment | None = None
    merged_at: Moment | None = None
    merged: bool | None = None
    draft: bool | None = None
    mergeable: bool | None = None
    """False is a conflict, a check of it that still runs or failed, or a draft. Says nothing of approvals."""
    head: Head | None = None
    base: Head | None = None
    merge_base: str | None = None
    merge_commit_sha: str | None = None
    requested_reviewers: tuple[User, ...] | None = None
    """Also those who have reviewed already: who is waited for is told by the reviews."""
    requested_reviewers_teams: tuple[Team, ...] | None = None
    changed_files: int | None = None
    comments: int | None = None
    review_comments: int | None = None
    """Comments on lines: the timeline counts them and does not show them."""


class Review(Struct, frozen=True, gc=False):
    """A review, or a request for one."""

    id: int | None = None
    user: User | None = None
    team: Team | None = None
    state: str | None = None
    """``PENDING``, ``APPROVED``, ``REQUEST_CHANGES``, ``COMMENT`` or ``REQUEST_REVIEW``."""
    official: bool | None = None
    stale: bool | None = None
    dismissed: bool | None = None
    commit_id: str | None = None
    submitted_at: Moment | None = None
    updated_at: Moment | None = None


class CommitStatus(Struct, frozen=True, gc=False):
    """What a check said of a commit."""

    id: int | None = None
    context: str | None = None
    status: str | None = None
    created_at: Moment | None = None
    updated_at: Moment | None = None


class CombinedStatus(Struct, frozen=True, gc=False):
    """``/commits/REF/status``: one page of contexts. Its ``state`` is of that page alone, and is not read."""

    sha: str | None = None
    statuses: tuple[CommitStatus, ...] | None = None


class ChangedFile(Struct, frozen=True, gc=False):
    """A file that a pull request changes."""

    filename: str | None = None
    previous_filename: str | None = None
    status: str | None = None
    additions: int | None = None
    deletions: int | None = None


class Entry(Struct, frozen=True, gc=False):
    """A file or a folder."""

    name: str | None = None


class TimelineEntry(Struct, frozen=True, gc=False):
    """Something that was done to an issue or a pull request."""

    id: int | None = None
    type: str | None = None
    """As ``comment``, ``pull_push``, ``review``, ``pull_ref``, ``pull_scheduled_merge``: release by release more."""
    user: User | None = None
    body: str | None = None
    created_at: Moment | None = None
    updated_at: Moment | None = None
    ref_action: str | None = None
    ref_commit_sha: str | None = None
    ref_issue: Issue | None = None
    dependent_issue: Issue | None = None
    assignee: User | None = None
    removed_assignee: bool | None = None
    label: Label | None = None
    old_ref: str | None = None
    new_ref: str | None = None
    review_id: int | None = None


class PayloadUser(Struct, frozen=True, gc=False):
    """Whom a commit names: by login where the forge knows the address."""

    name: str | None = None
    username: str | None = None


class PayloadCommit(Struct, frozen=True, gc=False):
    """The commit a branch ends in."""

    id: str | None = None
    timestamp: Moment | None = None
    author: PayloadUser | None = None
    committer: PayloadUser | None = None


class Branch(Struct, frozen=True, gc=False):
    """A branch, with as much of its rule as anybody is told."""

    name: str | None = None
    commit: PayloadCommit | None = None
    protected: bool | None = None
    required_approvals: int | None = None
    enable_status_check: bool | None = None
    status_check_contexts: tuple[str, ...] | None = None
    user_can_push: bool | None = None
    user_can_merge: bool | None = None
    effective_branch_protection_name: str | None = None
    """Name of the rule; empty where none applies, and for those who may not administer the repository."""


class BranchProtection(Struct, frozen=True, gc=False):
    """The rule of a branch, told to admins of the repository only."""

    rule_name: str | None = None
    branch_name: str | None = None
    required_approvals: int | None = None
    enable_status_check: bool | None = None
    status_check_contexts: tuple[str, ...] | None = None
    block_on_rejected_reviews: bool | None = None
    block_on_official_review_requests: bool | None = None
    block_on_outdated_branch: bool | None = None
    dismiss_stale_approvals: bool | None = None
    ignore_stale_approvals: bool | None = None
    protected_file_patterns: str | None = None
    """Globs, divided by semicolons."""
    unprotected_file_patterns: str | None = None


class Refusal(Struct, frozen=True, gc=False):
    """What a forge says when it does not answer the question."""

    message: str | None = None
