"""A backup of the fleet: a git repository with a month of commits, the newest of which nobody has pushed."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from quarterdeck.demo.bulk import DAY_S

MONTH: Final = 30.0
COMMITS: Final = 10
UNPUSHED_DAYS: Final = 2.2
LIMIT_S: Final = 20
NAME: Final = ("-c", "user.name=demo", "-c", "user.email=demo@localhost", "-c", "commit.gpgsign=false")


def pushes(days: float = MONTH) -> Iterator[float]:
    """Return how many days ago each commit was made and pushed, the oldest first."""
    return (days * (1 - number / COMMITS) for number in range(COMMITS))


def make(folder: Path, now: float) -> Path | None:
    """Make the repository and its remote; return where it is, or None where there is no git."""
    if shutil.which("git") is None:
        return None
    vault, remote = folder / "vault", folder / "vault.git"
    _git(folder, now, "init", "--quiet", "--bare", "--initial-branch=main", str(remote))
    _git(folder, now, "init", "--quiet", "--initial-branch=main", str(vault))
    _git(vault, now, "remote", "add", "origin", str(remote))
    for number, days_ago in enumerate(pushes()):
        _commit(vault, number, now - days_ago * DAY_S)
    _git(vault, now - min(pushes()) * DAY_S, "push", "--quiet", "--set-upstream", "origin", "main")
    _commit(vault, COMMITS, now - UNPUSHED_DAYS * DAY_S)
    return vault


def _commit(vault: Path, number: int, at: float) -> None:
    (vault / "notes.md").write_text(f"demo text {number}\n", encoding="utf-8")
    _git(vault, at, "add", "notes.md")
    _git(vault, at, *NAME, "commit", "--quiet", "--message", f"Backup {number}")


def _git(folder: Path, at: float, *words: str) -> None:
    """Run git as if it were a moment, heeding no settings of this machine."""
    moment = datetime.fromtimestamp(at, UTC).isoformat()
    dated = {"GIT_AUTHOR_DATE": moment, "GIT_COMMITTER_DATE": moment}
    alone = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0"}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    subprocess.run(["git", *words], cwd=folder, env={**kept, **dated, **alone}, check=True, timeout=LIMIT_S)
