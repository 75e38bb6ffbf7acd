"""Which release of the agent the running gateway was started from.

Rule: a release is what lies installed beside the interpreter of the running process, and only as long as it was not
replaced after that process began. Of a release that is no longer on disk nothing is claimed.
"""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from quarterdeck.sources import files
from quarterdeck.sources.files import SourceError
from quarterdeck.sources.hermes.answers import Answer, after, attempt
from quarterdeck.sources.hermes.gateway import Evidence
from quarterdeck.sources.hermes.proc import Kernel, Process
from quarterdeck.sources.hermes.values import if_there
from quarterdeck.truth.reading import Reason

INSTALLED = re.compile(r"hermes_agent-(\d+)\.(\d+)([\w.+]{0,30})\.dist-info")
PACKAGES_LIMIT = 20_000
LIBRARIES_LIMIT = 500
SLACK = timedelta(seconds=2)
REPLACED = "another release was installed over the one that still runs; restart the gateway"

BEATS_SINCE = (0, 19)
"""The first release whose gateway writes a heartbeat."""
BEATS_SCHEMA = 22
"""The schema of its session database."""
SERVES_CRON_SINCE = (0, 20)
"""The first release whose gateway also runs the jobs of the profiles it serves."""


class Release(NamedTuple):
    """A release, and the folder that says so."""

    number: tuple[int, int]
    name: str
    mark: Path
    replaced: bool = False
    """Whether it was installed after the process began, over what that process was started from."""


class Releases:
    """Finds the release of a process once: where it is installed does not change while it runs."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._process: tuple[int, int] | None = None
        self._release: Answer[Release | None] = None

    def of(self, process: Answer[Process | None]) -> Answer[Release | None]:
        """Return the release of a process; None when there is no process."""
        return after(process, lambda running: None if running is None else self._of(running))

    def _of(self, process: Process) -> Answer[Release | None]:
        if self._process != (process.pid, process.ticks):
            self._process = (process.pid, process.ticks)
            self._release = attempt(lambda: find(self._kernel.arguments(process.pid)))
        return after(self._release, lambda release: release and _dated(release, process))


def find(arguments: tuple[str, ...]) -> Release:
    """Find the release beside the interpreter, or beside the program, that a process was started with."""
    for argument in (argument for argument in arguments[:2] if argument.startswith("/")):
        library = Path(argument).parent.parent / "lib"
        for name in _names(library, LIBRARIES_LIMIT):
            if name.startswith("python3") and (releases := _installed(library / name / "site-packages")):
                return max(releases, key=lambda release: _changed(release.mark))
    raise SourceError(Reason.MISSING, "no installed release lies beside the interpreter of the gateway")


def _installed(packages: Path) -> list[Release]:
    named = [(name, INSTALLED.fullmatch(name)) for name in _names(packages, PACKAGES_LIMIT)]
    return [
        Release((int(found[1]), int(found[2])), f"{found[1]}.{found[2]}{found[3]}", packages / name)
        for name, found in named
        if found
    ]


def _names(folder: Path, limit: int) -> list[str]:
    listing = if_there(files.list_dir, folder, limit=limit)
    if isinstance(listing, SourceError):
        raise listing
    return [entry.name for entry in listing.entries] if listing else []


def _dated(release: Release, process: Process) -> Release:
    return release._replace(replaced=_changed(release.mark) > process.started_at + SLACK)


def version(release: Release | None) -> str | None:
    """Return the name of the release that runs; None when none runs."""
    if release is None:
        return None
    if release.replaced:
        raise SourceError(Reason.MISSING, REPLACED)
    return release.name


def _changed(mark: Path) -> datetime:
    with files.translated():
        return datetime.fromtimestamp(os.stat(mark).st_mtime, UTC)


def beats(evidence: Evidence, release: Answer[Release | None], schema: Answer[int]) -> bool:
    """Say whether this gateway writes heartbeats.

    Its own beat proves it, then its release. Of a gateway that does not run the home must tell: by a heartbeat that
    lies there, or by the schema of its database.
    """
    process, beat = evidence.process, evidence.beat
    if isinstance(process, Process) and not isinstance(beat, SourceError) and beat and beat.pid == process.pid:
        return True
    if isinstance(release, Release) and release.replaced:
        raise SourceError(Reason.MISSING, REPLACED)
    if isinstance(release, Release):
        return release.number >= BEATS_SINCE
    if beat is not None:
        return True
    if isinstance(schema, SourceError):
        raise SourceError(schema.reason, "neither a heartbeat nor the session database tells which release this is")
    return schema >= BEATS_SCHEMA
