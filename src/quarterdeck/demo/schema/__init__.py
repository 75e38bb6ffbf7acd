"""The agent's own tables, as it creates them itself: recorded, never written by hand.

Rule: ``RELEASE/NAME.sql`` is what a real agent of that release leaves in an empty home, and ``RELEASE/jobs.json`` is a
job of each kind of schedule as it writes them. ``make schemas`` records them anew; a test holds them against the agent.
"""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

RELEASES: Final = {"0.14.0": "0.14", "0.19.0": "0.19"}
"""Releases whose tables are recorded, and the folder of each."""

DATABASES: Final = {"state": "state.db", "kanban": "kanban.db", "executions": "cron/executions.db"}
"""Where in a home each recording belongs."""

ABOUT: Final = "SELECT sql, name FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY rowid"
REMARK: Final = re.compile(r"--.*")
"""What the agent's authors say to each other within a statement."""
SHADOWS: Final = ("_data", "_idx", "_content", "_docsize", "_config")
"""Tables that a search index makes for itself."""


def make(root: Path, release: str) -> None:
    """Make the empty databases of a release in a home."""
    for name, place in DATABASES.items():
        recorded = text(release, f"{name}.sql")
        if recorded is None:
            continue
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(root / place)) as db:
            db.execute("PRAGMA journal_mode = WAL")
            db.executescript(recorded)


def jobs(release: str) -> list[dict[str, Any]]:
    """Return a job of each kind of schedule, as a release writes them: every ``minutes``, and by a cron expression."""
    found: list[dict[str, Any]] = json.loads(text(release, "jobs.json") or "[]")
    return found


@cache
def text(release: str, name: str) -> str | None:
    """Return a recording; None where the release has no such thing."""
    place = files(__name__) / RELEASES[release] / name
    return place.read_text(encoding="utf-8") if place.is_file() else None


def dump(database: Path) -> str:
    """Return how an empty database was made, in the order in which it was."""
    with closing(sqlite3.connect(database)) as db:
        made = db.execute(ABOUT).fetchall()
        indexes = [name for sql, name in made if sql.startswith("CREATE VIRTUAL TABLE")]
        shadows = {index + ending for index in indexes for ending in SHADOWS}
        lines = [f"{sql};" for sql, name in made if name not in shadows]
        if "schema_version" in {name for _, name in made}:
            lines += [f"INSERT INTO schema_version (version) VALUES ({version});" for (version,) in _versions(db)]
    return "\n".join(filter(None, (REMARK.sub("", line).rstrip() for line in "\n".join(lines).splitlines()))) + "\n"


def _versions(db: sqlite3.Connection) -> list[tuple[int]]:
    return db.execute("SELECT version FROM schema_version").fetchall()
