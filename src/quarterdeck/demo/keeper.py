"""A stand-in for a living gateway: it holds the lock, beats, goes on talking and runs the jobs that are due.

Rule 1: it does to the files of its home what a gateway does, and in the same order, so that pages move as they would.
Rule 2: it ends when whoever began it ends, however that happened: its standard input is a pipe that nobody writes to.
"""

from __future__ import annotations

import fcntl
import json
import os
import select
import signal
import sqlite3
import sys
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final

from quarterdeck.demo import bulk, home, present
from quarterdeck.demo.bulk import Session, Texts
from quarterdeck.demo.characters import Character, Job, cast

STEP_S: Final = 1.0
BEAT_S: Final = 15.0
REFUSED_S: Final = 45.0
LONGEST_RUN_S: Final = 40.0
"""Nobody who tries the demo waits longer for a job to end."""
PAUSES: Final = {"user": (1.0, 4.0), "call": (6.0, 30.0), "tool": (2.0, 6.0), "answer": (10.0, 45.0)}
"""How many seconds pass after each kind of message."""
DIFFERENT: Final = 100_000
"""No two sessions may have one title; their numbers repeat after a day."""
NEW_SESSION: Final = 0.35
"""How often an answer is the last of its session."""
READY: Final = "ready"


@dataclass(slots=True)
class Keeper:
    """What a gateway does, one step after the other."""

    root: Path
    one: Character
    random: Random = field(default_factory=Random)
    texts: Texts = field(init=False)
    started: float = 0.0
    beat_at: float = 0.0
    talk_at: float = 0.0
    refused_at: float = 0.0
    session: Session | None = None
    ends: dict[str, float] = field(default_factory=dict)
    """When each job that runs now ends."""
    lines: int = 0

    def __post_init__(self) -> None:
        """Have something to say."""
        self.texts = Texts(self.random, home.TEXT)

    def start(self, now: float) -> None:
        """Write what a gateway writes when it has started."""
        self.started = now
        self._note(now, starting=True)

    def step(self, now: float) -> None:
        """Do whatever is due."""
        if now >= self.beat_at:
            present.beat(self.root, os.getpid(), now, self.started)
            present.ticks(self.root, now)
            self.beat_at = now + BEAT_S
        if self.one.refused:
            self._be_refused(now)
        elif now >= self.talk_at:
            self._talk(now)
        self._run_jobs(now)

    # --- talking ---------------------------------------------------------------------------------------------------

    def _talk(self, now: float) -> None:
        """Write the next message of the conversation."""
        with closing(sqlite3.connect(self.root / "state.db", timeout=5)) as db, db:
            session = self.session or self._begin(db, now)
            kind = bulk.STEPS[session.written % len(bulk.STEPS)]
            bulk.insert(db, "messages", bulk.MESSAGE, [bulk.message(self.random, self.texts, session, now)])
            self.session = self._after(db, session, kind, now)
        self.talk_at = now + self.random.uniform(*PAUSES[kind])
        if kind in {"user", "answer"}:
            self._note(now)

    def _begin(self, db: sqlite3.Connection, now: float) -> Session:
        names = ("id", "source", "model", "started_at", "message_count", "cost_status", "title", "billing_provider")
        number = int(now) % DIFFERENT
        identity = f"{time.strftime('%Y%m%d_%H%M%S', time.gmtime(now))}_{self.random.randrange(1 << 24):06x}"
        title = f"{self.random.choice(home.TITLES)} {number}"
        source = self.random.choice(self.one.platforms)
        row = (identity, source, self.one.model, now, 0, "estimated", title, self.one.provider)
        bulk.insert(db, "sessions", names, [row])
        return Session(number, identity, source, now, now, 0, ended=False)

    def _after(self, db: sqlite3.Connection, session: Session, kind: str, now: float) -> Session | None:
        """Account for a message; return the session as long as it goes on."""
        counted = "message_count = message_count + 1, input_tokens = coalesce(input_tokens, 0) + 900"
        counted += ", output_tokens = coalesce(output_tokens, 0) + 40, api_call_count = coalesce(api_call_count, 0) + 1"
        counted += ", estimated_cost_usd = coalesce(estimated_cost_usd, 0) + 0.0018"
        counted += ", tool_call_count = coalesce(tool_call_count, 0) + ?"
        db.execute(f"UPDATE sessions SET {counted} WHERE id = ?", (kind == "call", session.id))
        if kind != "answer" or self.random.random() > NEW_SESSION:
            return session
        ended = "UPDATE sessions SET ended_at = ?, end_reason = 'session_reset' WHERE id = ?"
        db.execute(ended, (now, session.id))
        return None

    def _note(self, now: float, *, starting: bool = False) -> None:
        turns = int(self.session is not None and self.session.written % len(bulk.STEPS) > 0)
        platforms = dict.fromkeys(self.one.platforms, "connected")
        if starting:
            present.gateway(self.root, os.getpid(), now, platforms, turns=turns, started=now)
        else:
            present.notes(self.root, os.getpid(), now, platforms, turns=turns)

    def _be_refused(self, now: float) -> None:
        """Write down that the provider of the model has had enough."""
        if now < self.refused_at:
            return
        self.refused_at, self.lines = now + REFUSED_S, self.lines + 1
        for name in ("agent.log", "errors.log"):
            with (self.root / "logs" / name).open("a", encoding="utf-8") as log:
                log.write(present.log_line(int(now), self.lines, home.TEXT, failed=True))
        logins = present.logins(now, self.one.provider, home.TEXT, refused=True, ends_days=self.one.login_ends_days)
        present.json_file(self.root / "auth.json", logins)
        (self.root / "auth.json").chmod(0o600)

    # --- jobs ------------------------------------------------------------------------------------------------------

    def _run_jobs(self, now: float) -> None:
        """Begin the jobs that are due and end those that have run."""
        jobs = {job.id(self.one.name): job for job in self.one.jobs}
        document = json.loads((self.root / "cron" / "jobs.json").read_text(encoding="utf-8"))
        changed = False
        for entry in document["jobs"]:
            job = jobs.get(entry["id"])
            if job is None or not entry["enabled"]:
                continue
            if entry["id"] in self.ends and now >= self.ends[entry["id"]]:
                self._end(entry, job, now)
                changed = True
            elif entry["id"] not in self.ends and entry["next_run_at"] <= present.iso(now):
                self._launch(entry, job, now)
                changed = True
        if changed:
            present.json_file(self.root / "cron" / "jobs.json", document | {"updated_at": present.iso(now)})

    def _launch(self, entry: dict[str, Any], job: Job, now: float) -> None:
        """Begin a run: its next moment is set first, as the agent does it."""
        entry["next_run_at"] = present.iso(home.due_after(job, now, now))
        self.ends[entry["id"]] = now + min(job.takes_s, LONGEST_RUN_S)
        self._ledger(
            "INSERT INTO executions (id, job_id, source, process_id, pid, process_started_at, status, claimed_at,"
            " started_at) VALUES (?, ?, 'builtin', ?, ?, ?, 'running', ?, ?)",
            f"{self.random.randrange(1 << 64):032x}", entry["id"], "0" * 32, os.getpid(), int(self.started),
            present.iso(now), present.iso(now),
        )  # fmt: skip

    def _end(self, entry: dict[str, Any], job: Job, now: float) -> None:
        """End a run as its fate has it."""
        error, undelivered = home.ERRORS.get(job.fate, (None, None))
        del self.ends[entry["id"]]
        entry |= {
            "last_run_at": present.iso(now), "last_status": "error" if error else "ok", "last_error": error,
            "last_delivery_error": undelivered,
        }  # fmt: skip
        self._ledger(
            "UPDATE executions SET status = ?, finished_at = ?, error = ? WHERE job_id = ? AND status = 'running'",
            "failed" if error else "completed", present.iso(now), error, entry["id"],
        )  # fmt: skip

    def _ledger(self, sql: str, *values: object) -> None:
        ledger = self.root / "cron" / "executions.db"
        if ledger.exists():
            with closing(sqlite3.connect(ledger, timeout=5)) as db, db:
                db.execute(sql, values)


def main() -> None:
    """Hold the lock of a home until whoever began this is gone: ``keeper.py gateway run HOME CHARACTER JOBS``."""
    root, name, instances, jobs = Path(sys.argv[3]), sys.argv[4], int(sys.argv[5]), int(sys.argv[6])
    one = next(one for one in cast(instances, jobs if jobs >= 0 else None) if one.name == name)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever began this decides when it ends
    with (root / "gateway.lock").open("a", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        keeper = Keeper(root, one)
        keeper.start(time.time())
        sys.stdout.write(f"{READY}\n")
        sys.stdout.flush()
        while not select.select([sys.stdin], [], [], STEP_S)[0]:
            keeper.step(time.time())


if __name__ == "__main__":
    main()
