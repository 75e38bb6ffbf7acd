"""What the forge knows: accounts, tokens, repositories, and the threads (issues and pull requests) in them.

Rule 1: this is memory and nothing else. What is done to it is in ``acts``, what is said of it in ``shapes``.
Rule 2: branches and commits are not here but in git, so that nobody can say something of them that git denies.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any, Final, Literal

from quarterdeck.demo.forge.faults import Faults
from quarterdeck.demo.forge.trees import Trees

Flavour = Literal["gitea", "forgejo"]
RELEASES: Final[dict[Flavour, str]] = {"gitea": "1.25.3", "forgejo": "11.0.3+gitea-1.22.0"}
READING: Final = ("read:issue", "read:repository", "read:organization")
"""Scopes of a token that sees all and changes nothing."""


@dataclass(eq=False, slots=True)
class Account:
    """Somebody, or a program, with a login."""

    id: int
    login: str
    full_name: str = ""
    admin: bool = False
    active: bool = True


@dataclass(eq=False, slots=True)
class Token:
    """A word by which an account asks."""

    word: str
    account: Account
    scopes: tuple[str, ...]

    def allows(self, level: str, group: str) -> bool:
        """Whether it may read or write things of a group; to write is also to read."""
        enough = {f"{level}:{group}", f"write:{group}", "all"}
        return bool(enough & set(self.scopes))


@dataclass(eq=False, slots=True)
class Label:
    """A label of a repository, or of a whole organisation."""

    id: int
    name: str
    color: str = "70c24a"
    description: str = ""
    exclusive: bool = False

    @property
    def scope(self) -> str:
        """What comes before its last slash, where that means that a thread has one of them at most."""
        return self.name.rpartition("/")[0] if self.exclusive else ""


@dataclass(eq=False, slots=True)
class Milestone:
    """A milestone of a repository."""

    id: int
    title: str
    created: datetime


@dataclass(eq=False, slots=True)
class Review:
    """A review, or a request for one."""

    id: int
    who: Account | None
    team: str | None
    state: str
    commit: str
    at: datetime
    body: str = ""
    lines: int = 0
    """How many comments on lines of the change it has."""
    official: bool = False
    dismissed: bool = False
    stale: bool = False


@dataclass(eq=False, slots=True)
class Status:
    """What somebody said of a commit, by context."""

    id: int
    sha: str
    context: str
    state: str
    description: str
    who: Account
    at: datetime


@dataclass(eq=False, slots=True)
class Event:
    """Something that happened to a thread."""

    id: int
    type: str
    who: Account
    at: datetime
    told: dict[str, Any] = field(default_factory=dict)
    body: str = ""


@dataclass(eq=False, slots=True)
class Pull:
    """What a pull request has that an issue has not."""

    base: str
    branch: str
    head: str
    """Its head when it was last looked at; git may have moved on."""
    base_sha: str
    checked_from: datetime
    """Since when it is known, or being found out, whether it can be merged."""
    reviews: list[Review] = field(default_factory=list)
    merged_at: datetime | None = None
    merged_by: Account | None = None
    merge_sha: str | None = None


@dataclass(eq=False, slots=True)
class Thread:
    """An issue, or a pull request."""

    id: int
    number: int
    title: str
    body: str
    author: Account
    created: datetime
    updated: datetime
    closed: datetime | None = None
    labels: list[Label] = field(default_factory=list)
    assignees: list[Account] = field(default_factory=list)
    milestone: Milestone | None = None
    events: list[Event] = field(default_factory=list)
    needs: list[tuple[Repo, Thread]] = field(default_factory=list)
    """Threads it depends on."""
    pull: Pull | None = None

    @property
    def comments(self) -> int:
        """How often somebody said something."""
        return sum(event.type == "comment" for event in self.events)


@dataclass(eq=False, slots=True)
class Rule:
    """What a branch asks of what is merged into it, by the name it has over the API."""

    branch: str
    required_approvals: int = 0
    status_check_contexts: tuple[str, ...] | None = None
    block_on_rejected_reviews: bool = False
    block_on_official_review_requests: bool = False
    block_on_outdated_branch: bool = False
    dismiss_stale_approvals: bool = False
    ignore_stale_approvals: bool = False
    protected_file_patterns: str = ""


@dataclass(eq=False, slots=True)
class Hook:
    """An address that is told what happens."""

    id: int
    url: str
    secret: str
    content_type: str = "json"
    events: tuple[str, ...] = ("push", "issues", "issue_comment", "pull_request", "pull_request_review", "status")
    made: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(eq=False, slots=True)
class Repo:
    """A repository."""

    id: int
    owner: Account
    name: str
    trees: Trees
    created: datetime
    description: str = ""
    private: bool = False
    archived: bool = False
    hidden: bool = False
    """Whether the forge acts as if it had gone: it was deleted, or taken away from whoever asks."""
    dependencies: bool = True
    """Whether one thread may depend on another here."""
    writers: list[Account] = field(default_factory=list)
    admins: list[Account] = field(default_factory=list)
    labels: list[Label] = field(default_factory=list)
    milestones: list[Milestone] = field(default_factory=list)
    rules: dict[str, Rule] = field(default_factory=dict)
    threads: dict[int, Thread] = field(default_factory=dict)
    statuses: list[Status] = field(default_factory=list)
    hooks: list[Hook] = field(default_factory=list)
    ends: dict[str, str] = field(default_factory=dict)
    """Where its branches ended when that was last looked at."""
    updated: datetime | None = None
    """When one of them last moved."""

    @property
    def full_name(self) -> str:
        """Owner and name."""
        return f"{self.owner.login}/{self.name}"

    def pulls(self) -> Iterator[tuple[Thread, Pull]]:
        """Return its pull requests."""
        return ((thread, thread.pull) for thread in self.threads.values() if thread.pull is not None)

    def issues(self) -> Iterator[Thread]:
        """Return its issues."""
        return (thread for thread in self.threads.values() if thread.pull is None)


@dataclass(eq=False, slots=True)
class Application:
    """An OAuth2 application of an account."""

    id: int
    owner: Account
    name: str
    redirects: tuple[str, ...]
    confidential: bool
    client_id: str
    secret: str
    made: datetime


@dataclass(eq=False)
class Forge:
    """A whole forge."""

    folder: Path
    flavour: Flavour = "gitea"
    url: str = "http://127.0.0.1:0"
    release: str = ""
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    computing_s: float = 2.0
    """How long it takes to find out whether a pull request can be merged."""
    page_limit: int = 50
    page_default: int = 30
    faults: Faults = field(default_factory=Faults)
    lock: threading.RLock = field(default_factory=threading.RLock)
    accounts: dict[str, Account] = field(default_factory=dict)
    orgs: dict[str, Account] = field(default_factory=dict)
    org_labels: dict[str, list[Label]] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)
    repos: dict[str, Repo] = field(default_factory=dict)
    applications: list[Application] = field(default_factory=list)
    rings: list[tuple[Hook, tuple[str, str], dict[str, Any]]] = field(default_factory=list)
    """What hooks are to be told: which one, under which names, and what."""
    asked: list[tuple[str, str]] = field(default_factory=list)
    """Method and path of what was asked, the newest last."""
    ids: Iterator[int] = field(default_factory=lambda: count(1))

    def __post_init__(self) -> None:
        self.release = self.release or RELEASES[self.flavour]

    def now(self) -> datetime:
        """Return the moment in whole seconds, as a forge writes it."""
        return self.clock().replace(microsecond=0)

    def repo(self, full_name: str) -> Repo | None:
        """Return a repository by its full name, whatever its letters' case."""
        found = self.repos.get(full_name.lower())
        return None if found is None or found.hidden else found

    def labels_of(self, repo: Repo) -> list[Label]:
        """Return what labels a thread of a repository may have."""
        return repo.labels + self.org_labels.get(repo.owner.login, [])
