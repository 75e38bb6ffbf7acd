"""Real repositories, made by real git as a person makes them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from quarterdeck.sources.git import GitSource
from quarterdeck.truth.fields import Field
from quarterdeck.truth.reading import Known, Unavailable
from quarterdeck.truth.watched import Repository

NOW: Final = datetime.now(UTC).replace(microsecond=0)
PLAIN: Final[Mapping[str, str]] = {
    "PATH": os.environ.get("PATH", os.defpath),
    "HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_AUTHOR_NAME": "somebody",
    "GIT_AUTHOR_EMAIL": "somebody@example.net",
    "GIT_COMMITTER_NAME": "somebody",
    "GIT_COMMITTER_EMAIL": "somebody@example.net",
}


def git(place: Path, *words: str, at: datetime | None = None, check: bool = True) -> str:
    """Run git as a person would."""
    dates = {} if at is None else {f"GIT_{who}_DATE": f"{int(at.timestamp())} +0000" for who in ("AUTHOR", "COMMITTER")}
    done = subprocess.run(
        ["git", "-C", str(place), *words], env={**PLAIN, **dates}, check=check, capture_output=True, text=True
    )
    return done.stdout.strip()


def created(place: Path, *words: str) -> Path:
    """Make an empty repository with a branch called main."""
    place.mkdir(parents=True)
    git(place, "init", "--quiet", "--initial-branch=main", *words)
    return place


def commit(place: Path, name: str = "one", text: str = "one\n", *, at: datetime | None = None) -> str:
    """Commit a file; return the commit."""
    (place / name).write_text(text, encoding="utf-8")
    git(place, "add", "--", name)
    git(place, "commit", "--quiet", "-m", f"Change {name}", at=at)
    return git(place, "rev-parse", "HEAD")


def pushed(folder: Path, *, at: datetime | None = None) -> Path:
    """Make a repository with one commit that was pushed to a bare one beside it."""
    created(folder / "remote.git", "--bare")
    work = created(folder / "work")
    commit(work, at=at)
    git(work, "remote", "add", "origin", str(folder / "remote.git"))
    git(work, "push", "--quiet", "--set-upstream", "origin", "main", at=at)
    return work


def repository(place: Path, **more: Any) -> Repository:
    """The settings of a repository."""
    return Repository("backup", "backup", place, **more)


class Seen:
    """What one look found, by field."""

    def __init__(self, source: GitSource, at: datetime = NOW + timedelta(seconds=5)) -> None:
        self.at = at
        self.readings = {reading.field: reading for reading in source.look(at)}

    def __getitem__(self, field: Field[Any]) -> Any:
        """Return a known value, or the reason why it is not known."""
        reading = self.readings[field.name]
        return reading.value if isinstance(reading, Known) else reading.reason

    def detail(self, field: Field[Any]) -> str:
        """Return why a field is not known, in words."""
        reading = self.readings[field.name]
        assert isinstance(reading, Unavailable)
        return reading.detail


def look(place: Path, **more: Any) -> Seen:
    """Look once at a repository."""
    return Seen(GitSource(repository(place, **more)))
