"""What is watched beside instances because somebody named it: services and repositories, as other parts know them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath

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
