"""How much the agent remembers and can do: counts, and nothing of what it is.

Rule: this changes slowly and costs a walk through many folders, so it is counted once a minute. What was counted keeps
the moment at which it was counted.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from quarterdeck.sources import files
from quarterdeck.sources.files import SourceError
from quarterdeck.sources.hermes.answers import Answer, Report, after, attempt, given
from quarterdeck.sources.hermes.values import if_there
from quarterdeck.truth import fields as F  # noqa: N812 -- as in the judgement tables
from quarterdeck.truth.instance import subject
from quarterdeck.truth.reading import AnyReading, Origin, Reason

MEMORIES = Origin("memory files of the agent", "memories")
SKILLS = Origin("skills of the agent", "skills")

EVERY = timedelta(minutes=1)
FILES_LIMIT = 500
MEMORY_LIMIT = 5_000_000
DELIMITER = "\n§\n"

FOLDERS_LIMIT = 5_000
NAMES_LIMIT = 2_000
DEPTH_LIMIT = 6
SKILL = "SKILL.md"
NOT_SKILLS = {".hub", ".git", ".github", ".archive", ".venv", "venv", "node_modules", "site-packages", "__pycache__"}
SUPPORT = {"references", "templates", "assets", "scripts"}
"""Folders of a skill that may hold copies of others."""


class Memories(NamedTuple):
    """How much is remembered."""

    files: int
    entries: int
    size: int


class Inventory:
    """The inventory of one home."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._counted_at: datetime | None = None
        self._counted: list[AnyReading] = []

    def tell(self, report: Report, instance: str, integrations: Answer[int], config: Origin) -> None:
        """Add the inventory of an instance to the report."""
        inventory = subject(instance, "inventory")
        if self._counted_at is None or not self._counted_at <= report.at < self._counted_at + EVERY:
            counted = Report(report.at)
            _count(counted, inventory, self._home)
            self._counted_at, self._counted = report.at, counted.readings
        report.readings += self._counted
        report.tell(inventory, config, F.INTEGRATIONS, integrations)


def _count(report: Report, inventory: str, home: Path) -> None:
    memories = attempt(_memories, home / "memories")
    report.tell(inventory, MEMORIES, F.MEMORY_FILES, after(memories, lambda found: found.files))
    report.tell(inventory, MEMORIES, F.MEMORY_ENTRIES, after(memories, lambda found: found.entries))
    report.tell(inventory, MEMORIES, F.MEMORY_BYTES, after(memories, lambda found: found.size))
    report.tell(inventory, SKILLS, F.SKILLS, attempt(_skills, home / "skills"))


def _memories(folder: Path) -> Memories:
    listing = given(if_there(files.list_dir, folder, limit=FILES_LIMIT))
    if listing is None:  # the agent makes the folder when it first has something to keep
        return Memories(0, 0, 0)
    if listing.more:
        raise SourceError(Reason.SCHEMA, "holds more files than memories can be")
    names = [entry.name for entry in listing.entries if entry.name.endswith(".md")]
    found = [files.read_text(folder / name, limit=MEMORY_LIMIT) for name in names]
    return Memories(len(found), sum(entries(file.data) for file in found), sum(file.size for file in found))


def entries(text: str) -> int:
    """Count the entries of a memory file."""
    return sum(1 for entry in text.split(DELIMITER) if entry.strip())


def _skills(folder: Path) -> int:
    if given(if_there(files.list_dir, folder, limit=1)) is None:
        return 0
    return sum(1 for names in _walk(folder) if SKILL in names)


def _walk(top: Path) -> Iterator[set[str]]:
    """Go through the folders that may be skills and return the names in each. Links are followed, each place once."""
    waiting = [(top, 0)]
    seen = set()
    while waiting:
        folder, depth = waiting.pop()
        place = _place(folder)
        if place is None or place in seen:
            continue
        seen.add(place)
        if len(seen) > FOLDERS_LIMIT:
            raise SourceError(Reason.SCHEMA, "holds more folders than skills can have")
        found = files.list_dir(folder, limit=NAMES_LIMIT)
        names = {entry.name for entry in found.entries}
        yield names
        if depth < DEPTH_LIMIT:
            left_out = NOT_SKILLS | (SUPPORT if SKILL in names else set())
            further = (entry.name for entry in found.entries if entry.kind in {"directory", "link"})
            waiting += [(folder / name, depth + 1) for name in further if name not in left_out]


def _place(folder: Path) -> tuple[int, int] | None:
    """Say which folder this is; None when it is none, or a link that leads nowhere."""
    with files.translated():
        try:
            found = os.stat(folder)
        except FileNotFoundError:
            return None
    return (found.st_dev, found.st_ino) if stat.S_ISDIR(found.st_mode) else None
