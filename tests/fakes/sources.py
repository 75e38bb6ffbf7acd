"""Sources that behave as no source should, on purpose: slow, hung, raising, flapping, losing what they showed.

Each of them keeps count of its looks and of how many were under way at once.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from typing_extensions import override

from quarterdeck.sources.files import SourceError
from quarterdeck.truth.fields import DECLARED, JOBS_DECLARED, LOAD_1M
from quarterdeck.truth.instance import subject
from quarterdeck.truth.reading import AnyReading, Origin, Reason

MOST = 10.0
"""Seconds after which a fake that waits gives up by itself, so that no test can hang for ever."""


class Crowd:
    """Counts how many are there at once, and how many it were at most."""

    def __init__(self) -> None:
        self.there, self.most = 0, 0
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        with self._lock:
            self.there += 1
            self.most = max(self.most, self.there)

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self.there -= 1


class SteadySource:
    """Answers at once: the load of the host that bears its name is the number of looks so far."""

    def __init__(self, name: str = "steady", *, budget_s: float = 1.0, every_s: float = 10.0) -> None:
        self.name, self.budget_s, self.every_s = name, budget_s, every_s
        self.looks = 0
        self.crowd = Crowd()
        self.looked = threading.Event()
        self.folders: tuple[Path, ...] = ()

    def watched(self) -> tuple[Path, ...]:
        return self.folders

    def look(self, now: datetime) -> Iterable[AnyReading]:
        with self.crowd:
            self.looks += 1
            try:
                return self.see(now)
            finally:
                self.looked.set()

    @property
    def subject(self) -> str:
        return f"host:{self.name}"

    def see(self, now: datetime) -> Iterable[AnyReading]:
        """What a look brings; the misbehaving ones override this."""
        return [LOAD_1M.known(self.subject, Origin(self.name, "load"), self.looks, now)]


class SlowSource(SteadySource):
    """Answers, but takes its time over every look."""

    def __init__(
        self,
        name: str = "slow",
        *,
        takes_s: float,
        budget_s: float = 1.0,
        every_s: float = 10.0,
        crowd: Crowd | None = None,
    ) -> None:
        super().__init__(name, budget_s=budget_s, every_s=every_s)
        self.takes_s = takes_s
        self.crowd = crowd or self.crowd

    @override
    def see(self, now: datetime) -> Iterable[AnyReading]:
        threading.Event().wait(self.takes_s)
        return super().see(now)


class HungSource(SteadySource):
    """Does not return from a look until it is released; from then on it is steady. It can be hung again."""

    def __init__(self, name: str = "hung", *, budget_s: float = 0.05, every_s: float = 10.0) -> None:
        super().__init__(name, budget_s=budget_s, every_s=every_s)
        self._free = threading.Event()

    def release(self) -> None:
        self._free.set()

    def hang(self) -> None:
        self._free.clear()

    @override
    def see(self, now: datetime) -> Iterable[AnyReading]:
        self._free.wait(MOST)
        return super().see(now)


class RaisingSource(SteadySource):
    """Raises the given error at every look, or answers while there is none to raise."""

    def __init__(self, error: BaseException | None, name: str = "raising", *, every_s: float = 10.0) -> None:
        super().__init__(name, every_s=every_s)
        self.error = error

    @override
    def see(self, now: datetime) -> Iterable[AnyReading]:
        if self.error is not None:
            raise self.error
        return super().see(now)


class FlappingSource(SteadySource):
    """Answers the first look and every other one after it; in between, what it reads is busy."""

    def __init__(self, name: str = "flapping", *, every_s: float = 10.0) -> None:
        super().__init__(name, every_s=every_s)

    @override
    def see(self, now: datetime) -> Iterable[AnyReading]:
        if self.looks % 2 == 0:
            raise SourceError(Reason.BUSY, "another program holds it")
        return super().see(now)


class VanishingSource(SteadySource):
    """Reports the jobs that are in ``present``; while ``listed`` is false their list cannot be read."""

    def __init__(self, *present: str, name: str = "vanishing", instance: str = "north") -> None:
        super().__init__(name)
        self.instance = instance
        self.present = set(present)
        self.listed = True

    def job(self, job: str) -> str:
        return subject(self.instance, "cron", job)

    @override
    def see(self, now: datetime) -> Iterable[AnyReading]:
        origin, scheduler = Origin("jobs.json", "cron/jobs.json"), subject(self.instance, "cron")
        if not self.listed:
            return [JOBS_DECLARED.unavailable(scheduler, origin, Reason.CORRUPT, "not JSON", now)]
        jobs = [DECLARED.known(self.job(job), origin, raw=True, at=now) for job in sorted(self.present)]
        return [JOBS_DECLARED.known(scheduler, origin, len(self.present), now), *jobs]


class LazySource(SteadySource):
    """Returns something that only fails when it is gone through."""

    def __init__(self, name: str = "lazy") -> None:
        super().__init__(name)

    @override
    def see(self, now: datetime) -> Iterable[AnyReading]:
        yield from super().see(now)
        raise LookupError("the second reading could not be made")
