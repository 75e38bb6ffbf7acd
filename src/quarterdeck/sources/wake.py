"""A change in a watched folder wakes the sources that watch it.

Rule 1: waking makes looks come sooner, it never makes them right. What was missed is seen at the next regular look.
Rule 2: only the folders that sources name are watched, not what lies in the folders below.
Rule 3: folders come and go. One that appears is watched as soon as its parent says so, or at the next review; one that
        was replaced by another of its name is watched anew.
Rule 4: where the system will not tell of changes, their traces are looked for every second instead, and that is said.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple, Protocol

from quarterdeck.sources.source import Source

STEP_MS = 25
TOGETHER_MS = 50
"""Changes within this time are one."""
REVIEW_S = 10.0
"""How often the folders are compared with those that are there."""
REST_S = 1.0
"""The least time between two beginnings, when folders come and go all the time."""
POLL_MS = 1000

Changes = Iterable[str]
"""The paths at which something changed; none when nothing did for as long as was waited."""


class Log(Protocol):
    """The word a watch has for a log."""

    def warning(self, event: str, **fields: object) -> object:
        """Note that something is not well."""


class Watch(Protocol):
    """Tells of changes in folders until ``stop`` is set; says "none" after every ``quiet_s`` without any."""

    def __call__(
        self, folders: Sequence[str], *, polling: bool, quiet_s: float, stop: threading.Event
    ) -> Generator[Changes, None, None]:
        """Begin to watch.

        Raises:
            OSError: when a folder is not there, or a limit of the system is reached.
            RuntimeError: when the system cannot tell of changes.
        """


def watch_files(
    folders: Sequence[str], *, polling: bool, quiet_s: float, stop: threading.Event
) -> Generator[Changes, None, None]:
    """Watch folders by what the kernel tells (inotify), or by comparing them again and again."""
    import watchfiles  # noqa: PLC0415 -- dear to import, and a single look needs none of it

    for changes in watchfiles.watch(
        *folders,
        watch_filter=None,
        debounce=TOGETHER_MS,
        step=STEP_MS,
        rust_timeout=max(1, round(quiet_s * 1000)),
        yield_on_timeout=True,
        stop_event=stop,
        raise_interrupt=False,
        force_polling=polling,
        poll_delay_ms=POLL_MS,
        recursive=False,
        ignore_permission_denied=True,
    ):
        yield [path for _, path in changes]


class Plan(NamedTuple):
    """Which sources each folder wakes, and which folders are there."""

    sources: Mapping[str, tuple[str, ...]]
    there: Mapping[str, tuple[int, int]]
    """Identity by path: a folder that was removed and made again is another one."""

    def woken_by(self, changes: Changes) -> set[str]:
        """Return the sources that watch where something changed."""
        folders = {folder for path in changes for folder in (path, os.path.dirname(path))}
        return {source for folder in folders for source in self.sources.get(folder, ())}

    def is_touched_by(self, changes: Changes) -> bool:
        """Whether one of the folders themselves appeared, vanished or changed."""
        return any(path in self.sources for path in changes)


class Waker:
    """Watches what the sources name, and calls ``wake`` with the names of those that should look."""

    def __init__(
        self,
        sources: Sequence[Source],
        wake: Callable[[str], None],
        *,
        log: Log | None = None,
        watch: Watch = watch_files,
        review_s: float = REVIEW_S,
        rest_s: float = REST_S,
    ) -> None:
        self._sources, self._wake, self._log, self._watch = sources, wake, log, watch
        self._review_s, self._rest_s = review_s, rest_s
        self._stop = threading.Event()
        self._plan = Plan({}, {})
        self.polling = False
        """Whether changes are looked for, because the system will not tell of them."""

    def stop(self) -> None:
        """End ``run``."""
        self._stop.set()

    def run(self) -> None:
        """Wake sources until ``stop``."""
        self._plan = plan(self._sources)
        while not self._stop.is_set():
            self._watch_while_it_holds()
            self._stop.wait(self._rest_s)
            self._review()

    def _watch_while_it_holds(self) -> None:
        """Watch the folders that are there until others are."""
        if not self._plan.there:
            self._stop.wait(self._review_s)
            return
        folders = tuple(self._plan.there)
        try:
            with closing(self._watch(folders, polling=self.polling, quiet_s=self._review_s, stop=self._stop)) as told:
                for changes in told:
                    self._rouse(self._plan.woken_by(changes))
                    if (not changes or self._plan.is_touched_by(changes)) and plan(self._sources) != self._plan:
                        return
        except FileNotFoundError:
            return  # a folder went away between the review and the watch; the next review knows
        except (OSError, RuntimeError):
            self._fall_back()

    def _fall_back(self) -> None:
        if not self.polling and self._log is not None:
            fix = "raise fs.inotify.max_user_watches and fs.inotify.max_user_instances"
            self._log.warning("the system tells of no changes; looking for them every second instead", fix=fix)
        self.polling = True

    def _review(self) -> None:
        """Take up the folders that are there now. Who watches one that is new or new again looks at once."""
        before, self._plan = self._plan, plan(self._sources)
        new = {path for path, identity in self._plan.there.items() if before.there.get(path) != identity}
        self._rouse(self._plan.woken_by(new))

    def _rouse(self, sources: Iterable[str]) -> None:
        for source in sorted(sources):
            self._wake(source)


def can_tell(folders: Sequence[str], watch: Watch = watch_files) -> bool:
    """Try whether the system would tell of changes in these folders."""
    try:
        with closing(watch(folders, polling=False, quiet_s=0.0, stop=threading.Event())) as told:
            next(told, None)
    except FileNotFoundError:
        return True  # one went away just now; that is no limit of the system
    except (OSError, RuntimeError):
        return False
    return True


def plan(sources: Iterable[Source]) -> Plan:
    """Ask every source what it watches, and see which of it is there."""
    names: dict[str, list[str]] = {}
    for source in sources:
        for folder in source.watched():
            names.setdefault(str(folder), []).append(source.name)
    there = {folder: identity for folder in sorted(names) if (identity := _identity(Path(folder))) is not None}
    return Plan({folder: tuple(watchers) for folder, watchers in names.items()}, there)


def _identity(folder: Path) -> tuple[int, int] | None:
    try:
        found = folder.stat()
    except OSError:
        return None  # not there, or not for us to see: nothing can be watched either way
    return (found.st_dev, found.st_ino) if folder.is_dir() else None
