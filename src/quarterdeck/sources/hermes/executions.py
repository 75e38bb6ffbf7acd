"""Which runs there were and which are under way, from the agent's ledger of executions (since 0.19).

Rule 1: a row that says ``running`` is not a run. The process that wrote it must still be the one it was, or be the
        gateway that runs now; else the run was cut off, and the agent will say so when it starts again.
Rule 2: the ledger keeps the newest thousand finished runs. A count of a day is known only where the ledger reaches back
        that far; where it does not, it is not zero and not a bound, it is not known.
Rule 3: the text of an error is never read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple, Protocol

from quarterdeck.sources import sqlite
from quarterdeck.sources.files import SourceError
from quarterdeck.sources.hermes.answers import Answer, attempt, from_text, given, past
from quarterdeck.sources.hermes.proc import Process
from quarterdeck.sources.hermes.runner import Runner
from quarterdeck.sources.hermes.statedb import Shelf
from quarterdeck.sources.sqlite import Database
from quarterdeck.truth.reading import SKEW, Reason
from quarterdeck.truth.shapes import RUNS_LIMIT, Ran, Recent

LEDGER = "cron/executions.db"
BUDGET_S = 1.0
KEPT = 1_000
"""Finished runs that the agent keeps."""
ROWS = 20_000
DAY = timedelta(hours=24)
UNDER_WAY = frozenset({"claimed", "running"})
RESULTS = {"completed": "ok", "failed": "error"}

Entry = Mapping[str, object]
NEEDED = ("job_id", "status", "claimed_at")
WANTED = ("started_at", "finished_at", "pid", "process_started_at")


class Machine(Protocol):
    """The kernel, as far as it is asked here."""

    def holder(self, path: Path) -> int | None:
        """Return the process that holds the lock on a file; None when nobody does."""

    def process(self, pid: int) -> Process | None:
        """Return a process; None when there is none of that number."""

    def identify(self, pid: int, ticks: int) -> str:
        """Say whether a process is ``alive``, ``gone``, or ``another`` has its number."""

    def inner_pid(self, pid: int) -> int:
        """Return the number a process has for itself."""


class Run(NamedTuple):
    """One run: when it began, how it stands, and which process wrote that."""

    job: str
    status: str
    began_at: datetime
    ended_at: datetime
    """When it ended, where that can be believed; else when it began, for it did not end before."""
    pid: int | None
    ticks: int | None
    finished_at: datetime | None = None
    """When it ended, where that was written down and can be believed."""
    started: bool = True
    """Whether it has left the queue: until then, when it begins is not known."""


class Runs:
    """The runs of one job, newest first."""

    def __init__(self) -> None:
        self.runs: list[Run] = []
        self.broken: SourceError | None = None
        """Why one of its rows could not be understood."""

    def all(self) -> list[Run]:
        """Return the runs, unless one of them makes no sense."""
        if self.broken:
            raise self.broken
        return self.runs


class Ledger(NamedTuple):
    """The ledger at one moment."""

    now: datetime
    jobs: Mapping[str, Runs]
    reaches_back_to: datetime | None
    """The oldest run it still holds, when older ones have been dropped; None while it holds all."""
    covers_a_day: bool
    """Whether it holds a run older than a day: a ledger that does not may itself be younger."""
    under_way: Mapping[str, Answer[tuple[Run, ...]]]
    """By job the runs in progress, or why that could not be told."""

    def of(self, job: str | None) -> Runs:
        """Return the runs of a job; none when it has none."""
        return self.jobs.get(job or "", Runs())

    def day(self, job: str | None, *statuses: str) -> int:
        """Count the runs of a job that began within the day, of any status or of these."""
        if self.reaches_back_to is not None and self.reaches_back_to > self.now - DAY:
            hours = (self.now - self.reaches_back_to).total_seconds() / 3600
            raise SourceError(Reason.MISSING, f"the ledger keeps {KEPT} runs, which reach back {hours:.1f} h only")
        runs = (run for run in self.of(job).all() if run.began_at >= self.now - DAY)
        return sum(not statuses or run.status in statuses for run in runs)

    def running_since(self, job: str | None) -> datetime | None:
        """Return when the run in progress began; None when there is none."""
        return min((run.began_at for run in given(self.under_way.get(job or "", ()))), default=None)

    def all_under_way(self) -> list[Run]:
        """Return every run in progress."""
        for runs in self.jobs.values():
            runs.all()
        return [run for runs in self.under_way.values() for run in given(runs)]

    def last_success(self, job: str | None) -> datetime | None:
        """Return when a job last ended well, as far as the ledger reaches back."""
        ended = (run.ended_at for run in self.of(job).all() if run.status == "completed")
        return max(ended, default=None)

    def recent(self, job: str | None, known_since: datetime | None) -> Recent:
        """Return the newest runs of a job. ``known_since`` is from when on the ledger is known to hold all of them."""
        alive = self.under_way.get(job or "", ())
        told = sorted((run for run in self.of(job).all() if run.started), key=lambda run: run.began_at)
        newest = told[-RUNS_LIMIT:]
        since = newest[0].began_at if len(newest) < len(told) else known_since
        return Recent(since, tuple(Ran(run.began_at, run.finished_at, _result(run, alive)) for run in newest))

    @property
    def holds_all_since(self) -> datetime | None:
        """From when on it holds every run of every job; None where it holds none at all."""
        begins = (run.began_at for runs in self.jobs.values() for run in runs.runs)
        return self.reaches_back_to or min(begins, default=None)

    def last(self, job: str | None) -> Run | None:
        """Return a job's newest run."""
        return max(self.of(job).all(), key=lambda run: run.began_at, default=None)


def _result(run: Run, alive: Answer[tuple[Run, ...]]) -> str | None:
    """Say how a run ended. One that was cut off is not under way; whether it did its work is not known."""
    if run.status not in UNDER_WAY:
        return RESULTS.get(run.status, "unknown")
    return None if isinstance(alive, SourceError) or run in alive else "unknown"


class Memory:
    """The rows of a ledger as they were understood last: they stay as they are while the ledger does."""

    def __init__(self) -> None:
        self.of: tuple[object, ...] = ()
        self.at: datetime | None = None
        self.jobs: Mapping[str, Runs] = {}

    def runs(self, path: Path, now: datetime) -> Mapping[str, Runs]:
        """Return the runs by job, read only when the ledger has changed."""
        of = (path, attempt(sqlite.fingerprint, path))
        if of != self.of or self.at is None or now < self.at or any(runs.broken for runs in self.jobs.values()):
            self.jobs = _understood(sqlite.read(path, _rows, budget_s=BUDGET_S), now)
            self.of, self.at = of, now
        return self.jobs


def read(home: Path, now: datetime, runner: Runner, kernel: Machine, memory: Memory | None = None) -> Ledger:
    """Read the ledger of an instance."""
    jobs = (memory or Memory()).runs(home / LEDGER, now)
    begins = [(run.began_at, run.status not in UNDER_WAY) for runs in jobs.values() for run in runs.runs]
    finished = [began_at for began_at, is_over in begins if is_over]
    covers_a_day = any(began_at <= now - DAY for began_at, _ in begins)
    witness = _Witness(runner, kernel)
    under_way = {job: attempt(_under_way, runs, witness) for job, runs in jobs.items()}
    return Ledger(now, jobs, min(finished) if len(finished) >= KEPT else None, covers_a_day, under_way)


def _understood(rows: Iterable[Entry], now: datetime) -> Mapping[str, Runs]:
    jobs: dict[str, Runs] = {}
    for row in rows:
        runs = jobs.setdefault(str(row["job_id"]), Runs())
        run = attempt(_run, row, now)
        if isinstance(run, SourceError):
            runs.broken = run
        else:
            runs.runs.append(run)
    return jobs


def _rows(db: Database) -> list[Entry]:
    shelf = Shelf(db)
    shelf.need("executions", *NEEDED)
    there = [*NEEDED, *(name for name in WANTED if name in shelf.columns("executions"))]
    named = ", ".join(there)  # each is a name written above
    found = shelf.rows(f"SELECT {named} FROM executions ORDER BY claimed_at DESC LIMIT ?", ROWS)  # noqa: S608
    return [dict(zip(there, row, strict=True)) for row in found]


def _run(row: Entry, now: datetime) -> Run:
    status, began_at = str(row["status"]), past(from_text(row.get("started_at") or row["claimed_at"]), now)
    ended = attempt(from_text, row.get("finished_at")) if status in RESULTS else None
    if isinstance(ended, SourceError) or (ended is not None and not began_at <= ended <= now + SKEW):
        ended = None
    numbers = (row.get("pid"), row.get("process_started_at"))
    pid, ticks = (number if isinstance(number, int) else None for number in numbers)
    started = status not in UNDER_WAY or row.get("started_at") is not None or "started_at" not in row
    return Run(str(row["job_id"]), status, began_at, ended or began_at, pid, ticks, ended, started)


def _under_way(runs: Runs, witness: _Witness) -> tuple[Run, ...]:
    return tuple(run for run in runs.all() if run.status in UNDER_WAY and witness.is_alive(run))


class _Witness:
    """Says whether the process that wrote a run is still there."""

    def __init__(self, runner: Runner, kernel: Machine) -> None:
        self._runner = runner
        self._kernel = kernel
        self._known: dict[tuple[int, int | None], Answer[bool]] = {}

    def is_alive(self, run: Run) -> bool:
        if run.pid is None:
            raise SourceError(Reason.SCHEMA, "the ledger does not say which process runs it")
        if self._is_the_gateway(run):
            return True
        key = (run.pid, run.ticks)
        if key not in self._known:
            self._known[key] = attempt(self._lives, *key)
        return given(self._known[key])

    def _is_the_gateway(self, run: Run) -> bool:
        """In a container the gateway knows itself by another number than the machine does."""
        pid, started_at = self._runner.pid, self._runner.started_at
        if not self._runner.alive or pid is None or started_at is None or run.began_at < started_at - SKEW:
            return False
        return run.pid in {pid, attempt(self._kernel.inner_pid, pid)}

    def _lives(self, pid: int, ticks: int | None) -> bool:
        if ticks is not None:
            return self._kernel.identify(pid, ticks) == "alive"
        return self._kernel.process(pid) is not None
