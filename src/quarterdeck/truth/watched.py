"""What is watched beside instances because somebody named it: services and repositories, as other parts know them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import PurePath
from types import MappingProxyType

from quarterdeck.truth.instance import subject
from quarterdeck.truth.thresholds import Thresholds

LIMITS = Thresholds()


def place(kind: str, identity: str, instance: str | None) -> str:
    """Return the subject of something named in the settings: below its instance where it has one."""
    return subject(instance, kind, identity) if instance else f"{kind}:{identity}"


@dataclass(frozen=True, slots=True)
class Service:
    """Something that should answer, and how to ask it."""

    id: str
    label: str
    kind: str
    """``http``, ``tcp``, ``unit`` or ``model-server``."""
    instance: str | None = None
    deployed: bool = True
    """Whether it is there already. What is not, is asked nothing and judged by nobody."""
    url: str | None = None
    address: str | None = None
    """Host and port, where it is asked without words."""
    unit: str | None = None
    scope: str = "user"
    """Which systemd runs the unit: the user's or the system's."""
    expect: int | None = None
    """The HTTP status that is right; none for any from 200 to 399."""
    version: str | None = None
    """Where in the answer its release stands: a JSON pointer, or the name of a head of the answer."""
    models: tuple[str, ...] = ()
    """Models that a model server must have."""
    load: str | None = None
    """The model that is loaded now and then to see that it can be; none for never."""
    load_every_s: float = 3_600.0
    load_within_s: float = LIMITS.model_load_s
    slow_s: float = LIMITS.service_slow_s
    every_s: float = 30.0
    authorities: PurePath | None = None
    """Certificates to trust instead of the system's."""
    link: str | None = None
    runbook: str | None = None

    @property
    def subject(self) -> str:
        """Its id among all subjects."""
        return place("service", self.id, self.instance)


@dataclass(frozen=True, slots=True)
class Repository:
    """A git repository, and what is expected of it."""

    id: str
    label: str
    path: PurePath
    instance: str | None = None
    user: str | None = None
    """Its owner, where that is not who runs this program."""
    remote: str = "origin"
    branch: str | None = None
    """The branch that must be checked out; none for any."""
    backup: bool = True
    """Whether it is somebody's backup, so that what is not pushed is lost when the disk is."""
    push_within_s: float = LIMITS.backup_late_s
    push_lost_s: float = LIMITS.backup_lost_s
    timer: str | None = None
    """The timer that makes the backup: its runs count also when there was nothing to push."""
    scope: str = "user"
    confirm: bool = False
    """Whether the remote itself is asked what it holds."""
    credential_helper: str | None = None
    every_s: float = 60.0
    link: str | None = None
    runbook: str | None = None

    @property
    def subject(self) -> str:
        """Its id among all subjects."""
        return place("repository", self.id, self.instance)


SAYINGS: Mapping[str, str] = MappingProxyType(
    {
        "status/ready": "ready",
        "status/in-progress": "in progress",
        "status/blocked": "blocked",
        "status/in-review": "in review",
        "status/done": "done",
        "ready": "ready",
        "in progress": "in progress",
        "blocked": "blocked",
        "in review": "in review",
    }
)
"""What labels mean where the settings say nothing else; compared without regard to large and small letters."""


@dataclass(frozen=True, slots=True)
class Forge:
    """A Gitea or Forgejo on which work is agreed, and how its words are meant."""

    id: str
    label: str
    url: str
    """Without a slash at its end; the API is below it."""
    token_file: PurePath | None = None
    """Who asks. None for a forge that tells everybody."""
    authorities: PurePath | None = None
    """Certificates to trust instead of the system's."""
    repos: tuple[str, ...] = ("*",)
    """Globs of full names (``acme/*``) that are watched."""
    without: tuple[str, ...] = ()
    """Globs of full names that are not, though the ones above would."""
    sayings: Mapping[str, str] = field(default_factory=lambda: SAYINGS)
    """What a label means for a card's lane, by the label in small letters (``truth.forge.SAYINGS``)."""
    sensitive: tuple[str, ...] = ()
    """Globs of paths whose change takes judgement; ``**`` crosses folders."""
    reviewers: tuple[str, ...] = ()
    """Logins of those whose judgement this deck is for: what waits for them is told first. None for anybody."""
    people: tuple[str, ...] = ()
    """Logins that are persons: a token of theirs is not one for a machine."""
    bots: tuple[str, ...] = ()
    """Logins that speak for programs beside the agents: what they say does not stir anything."""
    agents: Mapping[str, str] = field(default_factory=dict)
    """Which agent (instance id) an account is, by login in small letters."""
    claim: str = "claim/{number}"
    """How the branch is named by which an issue is claimed."""
    drafts: tuple[str, ...] = ("WIP:", "[WIP]")
    """How a title begins that is not done, where the forge does not say so itself."""
    bell_file: PurePath | None = None
    """The secret of its webhooks; without one, nobody can ring."""
    every_s: float = 60.0
    in_flight: int = 4
    """Questions at once, at most."""
    calls: int = 400
    """Questions in one look, at most; what is left is asked in the next."""

    @property
    def subject(self) -> str:
        """Its id among all subjects."""
        return f"forge:{self.id}"

    def watches(self, full_name: str) -> bool:
        """Whether a repository is one of those that are watched; large and small letters are the same to a forge."""

        def named(globs: tuple[str, ...]) -> bool:
            return any(fnmatchcase(full_name.lower(), glob.lower()) for glob in globs)

        return named(self.repos) and not named(self.without)
