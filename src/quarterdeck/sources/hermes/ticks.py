"""Which jobs are running, in releases that keep no ledger of runs (before 0.19).

Rule: a run is under way where the agent has left a session of it unended since its gateway started, or holds the lock
of its tick, which early releases keep for as long as the jobs of that tick run. The lock does not say which jobs these
are: of a script, which has no session, nothing more can be told.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from quarterdeck.sources import files, sqlite
from quarterdeck.sources.files import SourceError
from quarterdeck.sources.hermes.answers import Answer, attempt, from_epoch, given, past
from quarterdeck.sources.hermes.jobs import Job
from quarterdeck.sources.hermes.runner import Runner
from quarterdeck.sources.hermes.statedb import Shelf
from quarterdeck.sources.sqlite import Database
from quarterdeck.truth.reading import Reason
from quarterdeck.truth.shapes import RESULTS, RUNS_LIMIT, Ran, Recent

TICK_LOCK = "cron/.tick.lock"
BUDGET_S = 1.0
DAY = timedelta(hours=24)
SESSION = re.compile(r"cron_(.{1,64})_\d{8}_\d{6}")

UNENDED = """
    SELECT id, started_at FROM sessions INDEXED BY idx_sessions_started
    WHERE started_at >= ? AND source = 'cron' AND ended_at IS NULL
"""


RAN = """
    SELECT id, started_at, ended_at FROM sessions INDEXED BY idx_sessions_started
    WHERE started_at >= ? AND source = 'cron' ORDER BY started_at DESC LIMIT ?
"""
SESSIONS_LIMIT = 2_000
JUST_AFTER = timedelta(minutes=5)
"""How long after the end of its session a run may be written down: its message is delivered in between."""


class Session(NamedTuple):
    """The session of a run."""

    began_at: datetime
    ended_at: datetime | None


class Day(NamedTuple):
    """The sessions of jobs that began lately."""

    since: datetime
    by_job: Mapping[str, tuple[Session, ...]]
    """By the agent's id of the job, oldest first."""


class Tick(NamedTuple):
    """What is known of the runs under way without a ledger."""

    holder: Answer[int | None]
    held_since: Answer[datetime]
    """When the lock's file was opened last: the beginning of the tick that holds it."""
    sessions: Answer[Mapping[str, datetime]]
    """By the agent's id of the job: when the session of its run began."""
    day: Answer[Day]

    @property
    def running(self) -> int:
        """Count the runs under way; a tick that holds the lock is in one at least."""
        return max(len(given(self.sessions)), given(self.holder) is not None)

    @property
    def oldest_at(self) -> datetime | None:
        """Return when the longest run under way began."""
        begins = list(given(self.sessions).values())
        if given(self.holder) is not None:
            begins.append(given(self.held_since))
        return min(begins, default=None)

    def running_since(self, job: Job) -> datetime | None:
        """Return when the run of a job began that is under way; None when there is none."""
        if (began_at := given(self.sessions).get(job.raw_id or "")) or given(self.holder) is None:
            return began_at
        if job.entry.get("no_agent"):
            raise SourceError(Reason.MISSING, "a tick is running scripts, and this release does not write down which")
        return None

    def recent(self, job: Job, now: datetime) -> Recent:
        """Return the newest runs of a job: those that have a session, and the last one, which the job itself notes.

        Of a run without a session, a script's, only when it ended is written down.
        """
        last_at, result = job.moment("last_run_at"), job.entry.get("last_status")
        noted = (
            None if last_at is None else Ran(past(last_at, now), last_at, str(result) if result in RESULTS else None)
        )
        if job.entry.get("no_agent"):
            created = attempt(job.moment, "created_at")
            since = noted.began_at if noted else created if isinstance(created, datetime) else None
            return Recent(since, (noted,) if noted else ())
        day, live = given(self.day), given(self.sessions).get(job.raw_id or "")
        told = [_told(session, live, noted) for session in day.by_job.get(job.raw_id or "", ())]
        if noted and noted.began_at >= day.since and not any(_is_of(noted, run) for run in told):
            told = sorted([*told, noted])
        since = day.since if len(told) <= RUNS_LIMIT else told[-RUNS_LIMIT].began_at
        return Recent(since, tuple(told[-RUNS_LIMIT:]))


def _told(session: Session, live: datetime | None, noted: Ran | None) -> Ran:
    run = Ran(session.began_at, session.ended_at, None)
    if session.ended_at is None:
        return run if live == session.began_at else run._replace(result="unknown")
    return run._replace(result=noted.result) if noted and _is_of(noted, run) else run


def _is_of(noted: Ran, run: Ran) -> bool:
    """Whether what a job notes of its last run is of this one."""
    ended = run.ended_at or run.began_at
    return ended <= noted.began_at <= ended + JUST_AFTER


def read(home: Path, now: datetime, runner: Runner, holder: Answer[int | None]) -> Tick:
    """Look at the lock and the sessions of a release that keeps no ledger."""
    held_since = attempt(_changed, home / TICK_LOCK)
    unended = attempt(_sessions, home, now, runner, holder, held_since)
    since = (now - DAY).replace(minute=0, second=0, microsecond=0)  # a moment that moves would be news at every look
    day = attempt(sqlite.read, home / "state.db", lambda db: _day(db, since), budget_s=BUDGET_S)
    return Tick(holder, held_since, unended, day)


def _day(db: Database, since: datetime) -> Day:
    shelf = Shelf(db)
    shelf.need("sessions", "id", "source", "started_at", "ended_at")
    rows = shelf.rows(RAN, since.timestamp(), SESSIONS_LIMIT)
    by_job: dict[str, list[Session]] = {}
    for name, began, ended in reversed(rows):
        if match := SESSION.match(str(name)):
            session = Session(from_epoch(began), None if ended is None else from_epoch(ended))
            by_job.setdefault(match[1], []).append(session)
    if len(rows) == SESSIONS_LIMIT:
        since = from_epoch(rows[-1][1])
    return Day(since, {job: tuple(sessions) for job, sessions in by_job.items()})


def _changed(path: Path) -> datetime:
    return datetime.fromtimestamp(files.stat_file(path).mtime, UTC)


def _sessions(
    home: Path, now: datetime, runner: Runner, holder: Answer[int | None], held_since: Answer[datetime]
) -> Mapping[str, datetime]:
    """Return the unended sessions of jobs that the process began which runs jobs now: the gateway, or who ticks."""
    if runner.alive:
        since = runner.started_at
    elif given(holder) is not None:
        since = given(held_since)
    elif runner.alive is None:
        raise SourceError(runner.reason or Reason.OBSERVER, runner.detail)
    else:
        return {}
    if since is None:
        raise SourceError(Reason.OBSERVER, "when the running gateway started could not be told")
    floor = max(since, now - DAY).timestamp()
    return sqlite.read(home / "state.db", lambda db: _unended(db, floor), budget_s=BUDGET_S)


def _unended(db: Database, since: float) -> Mapping[str, datetime]:
    shelf = Shelf(db)
    shelf.need("sessions", "id", "source", "started_at", "ended_at")
    rows = shelf.rows(UNENDED, since)
    found = ((SESSION.match(str(name)), at) for name, at in rows)
    return {match[1]: from_epoch(at) for match, at in found if match}
