"""How much room is left where the homes lie.

Rule 1: a file system on a dead server can hold whoever asks about it, for ever. So each place is asked about in a
        thread of its own, and a place that still holds one is not asked about again.
Rule 2: one file system is one subject, however many homes lie on it.
Rule 3: a place that does not answer stays the subject it was when it did.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from quarterdeck.sources import files
from quarterdeck.sources.files import SourceError
from quarterdeck.sources.host import parse
from quarterdeck.sources.host.parse import Mount
from quarterdeck.truth.reading import Reason

MOUNTS_LIMIT = 4_000_000
NO_ANSWER = (Reason.TIMEOUT, "the file system does not answer; its server or its disk may be gone")
NO_SIZE = (Reason.SCHEMA, "the file system does not say how large it is")


class Room(NamedTuple):
    """What a file system has, and has left."""

    total: int
    free: int
    """What users can still fill; some is kept for root."""
    inodes_free: float | None
    """The share of inodes that are free; None where they have no limit."""


class Disk(NamedTuple):
    """One file system, who lives on it, and its room or why that is not known."""

    mount: str
    instances: tuple[str, ...]
    room: Room | SourceError


@dataclass(slots=True)
class Survey:
    """Asking about one place."""

    path: str
    mounted: tuple[Mount, ...]
    resolve: Callable[[str], str]
    ask: Callable[[str], Room]
    mount: str | None = None
    outcome: Room | SourceError = field(default_factory=lambda: SourceError(*NO_ANSWER))
    thread: threading.Thread = field(init=False)
    """Nobody has to wait for it, not even the interpreter at its end."""

    def __post_init__(self) -> None:
        self.thread = threading.Thread(target=self._run, name=f"disk {self.path}", daemon=True)

    def waits(self, until: float) -> bool:
        """Whether there is still no answer at this moment of the steady clock."""
        self.thread.join(max(0.0, until - time.monotonic()))
        return self.thread.is_alive()

    def _run(self) -> None:
        try:
            with files.translated():
                self.outcome = self._ask()
        except SourceError as error:
            self.outcome = error

    def _ask(self) -> Room:
        found = parse.mount_of(self.resolve(self.path), self.mounted)
        if found is None:
            raise SourceError(Reason.SCHEMA, "the kernel does not say on which file system this lies")
        self.mount = found.shown
        return self.ask(found.point)


def room_at(point: str) -> Room:
    """Ask the kernel about a file system."""
    found = os.statvfs(point)
    if not found.f_blocks:
        raise SourceError(*NO_SIZE)
    inodes = round(found.f_favail / found.f_files, 4) if found.f_files else None
    return Room(found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize, inodes)


class Disks:
    """The file systems under some places."""

    def __init__(
        self,
        proc: str,
        limit_s: float,
        ask: Callable[[str], Room] = room_at,
        resolve: Callable[[str], str] = os.path.realpath,
    ) -> None:
        self._proc, self._limit_s, self._ask, self._resolve = proc, limit_s, ask, resolve
        self._known: dict[str, str] = {}
        """On which file system each place was found to lie."""
        self._held: dict[str, Survey] = {}
        """Surveys that have not returned from an earlier look."""

    def look(self, places: Mapping[str, Iterable[str]]) -> Iterator[Disk]:
        """Return the file system of each place, with the instances that live there."""
        surveys = self._survey(places)
        answered = {survey.mount for survey in surveys if isinstance(survey.outcome, Room)}
        disks: dict[str, Disk] = {}
        for survey in surveys:
            mount = self._mount(survey, answered)
            before = disks.get(mount, Disk(mount, (), survey.outcome))
            disks[mount] = Disk(mount, (*before.instances, *places[survey.path]), before.room)
        yield from disks.values()

    def _survey(self, places: Iterable[str]) -> list[Survey]:
        try:
            text = files.read_text(f"{self._proc}/self/mountinfo", limit=MOUNTS_LIMIT).data
        except SourceError as error:
            return [Survey(path, (), self._resolve, self._ask, outcome=error) for path in places]
        mounted = parse.mounts(text)
        surveys = [self._held.get(path) or Survey(path, mounted, self._resolve, self._ask) for path in places]
        for survey in surveys:
            if survey.path not in self._held:
                survey.thread.start()
        end = time.monotonic() + self._limit_s
        self._held = {survey.path: survey for survey in surveys if survey.waits(end)}
        return [_silent(survey) if survey.path in self._held else survey for survey in surveys]

    def _mount(self, survey: Survey, answered: Iterable[str | None]) -> str:
        """Name the file system of a place. Of one that is silent, it may only be known what it was or looks like."""
        if isinstance(survey.outcome, Room) and survey.mount is not None:
            self._known[survey.path] = survey.mount
            return survey.mount
        likely = parse.mount_of(survey.path, survey.mounted)
        mount = survey.mount or self._known.get(survey.path) or (likely.shown if likely else "/")
        return mount if mount not in answered else survey.path.replace(" ", "\\040")


def _silent(survey: Survey) -> Survey:
    """What can be told of a survey that is still under way: its thread may yet change the survey itself."""
    return Survey(survey.path, survey.mounted, survey.resolve, survey.ask, survey.mount)
