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
from quarterdeck.sources.hermes.answers import Answer, attempt, from_epoch, given
from quarterdeck.sources.hermes.jobs import Job
from quarterdeck.sources.hermes.runner import Runner
from quarterdeck.sources.hermes.statedb import Shelf
from quarterdeck.sources.sqlite import Database
from quarterdeck.truth.reading import Reason

TICK_LOCK = "cron/.tick.lock"
BUDGET_S = 1.0
DAY = timedelta(hours=24)
SESSION = re.compile(r"cron_(.{1,64})_\d{8}_\d{6}")

UNENDED = """
    SELECT id, started_at FROM sessions INDEXED BY idx_sessions_started
    WHERE started_at >= ? AND source = 'cron' AND ended_at IS NULL
"""


class Tick(NamedTuple):
    """What is known of the runs under way without a ledger."""

    holder: Answer[int | None]
    held_since: Answer[datetime]
    """When the lock's file was opened last: the beginning of the tick that holds it."""
    sessions: Answer[Mapping[str, datetime]]
    """By the agent's id of the job: when the session of its run began."""

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


def read(home: Path, now: datetime, runner: Runner, holder: Answer[int | None]) -> Tick:
    """Look at the lock and the sessions of a release that keeps no ledger."""
    held_since = attempt(_changed, home / TICK_LOCK)
    return Tick(holder, held_since, attempt(_sessions, home, now, runner, holder, held_since))


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
