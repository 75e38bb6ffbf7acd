"""Who is watched: an instance, as the other parts need to know it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import PurePath

from quarterdeck.truth.thresholds import Thresholds

ALL = "all"
"""The badge of subjects that belong to no single instance."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Which personal facts of an instance may be read and shown. Nothing, unless somebody decided so."""

    job_names: bool = False
    """Show the names of cron jobs. By default the agent names a job after its prompt."""
    session_titles: bool = False
    """Export the titles of sessions."""
    session_texts: bool = False
    """Show what was said in a session, to whoever opens it. Texts are never exported and never kept."""
    redact_secrets: bool = True
    """Mask credentials in those texts. In everything that is kept, exported or logged they are masked in any case."""
    redact_pii: bool = False
    """Mask addresses of mail, telephone numbers, cards and public addresses in whatever somebody wrote."""


@dataclass(frozen=True, slots=True)
class Instance:
    """One Hermes home with its gateway, on some host, under some OS user."""

    id: str
    label: str
    home: PurePath | None = None
    """Where its home is; None when only its exporter's snapshot can be read."""
    root: PurePath | None = None
    """The home this one is a profile of; None for a root home."""
    profile: str | None = None
    snapshot: PurePath | None = None
    """Its exporter's snapshot file, where that is how it is read."""
    user: str | None = None
    unit: str | None = None
    scope: str = "user"
    """Scope of the unit: ``user`` or ``system``."""
    dashboard: str | None = None
    runbook: str | None = None
    """Where it is written what to do when it fails."""
    ssh: str | None = None
    """The host it runs on as it is reached by ssh."""
    user_logins: bool = True
    """Whether a person's own logins are looked for in the home folder of the user it runs as."""
    policy: Policy = field(default_factory=Policy)
    thresholds: Thresholds = field(default_factory=Thresholds)


def subject(instance: str, *path: str) -> str:
    """Return the id of a subject of a Hermes instance: ``hermes:north/cron/934a7b9942d5``."""
    return "/".join((f"hermes:{instance}", *path))


@lru_cache(maxsize=1 << 16)
def instance_of(subject_id: str) -> str:
    """Return the instance a subject belongs to, or ``all``. The source that reads an instance belongs to it."""
    scheme, _, rest = subject_id.partition(":")
    if scheme == "source":
        reader, _, owner = rest.partition(":")
        return owner if owner and reader in ("hermes", "exporter") else ALL
    return rest.partition("/")[0] if scheme == "hermes" else ALL
