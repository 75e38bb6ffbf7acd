"""A home of an agent of the demo, as of a moment: everything a real one holds, and nothing in it is real.

Rule 1: databases are made by what a real agent recorded (``demo.schema``); rows and files are invented.
Rule 2: what stands in one place agrees with what stands in another: a run in the ledger with the job's own last run, a
        dead gateway with the last thing that was written.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any, Final

from cronsim import CronSim

from quarterdeck.demo import bulk, present, schema
from quarterdeck.demo.bulk import DAY_S, Shape
from quarterdeck.demo.characters import Character, Fate, Job
from quarterdeck.demo.present import Run, iso

TEXT: Final = "demo text"
"""How every invented text begins."""
TITLES: Final = (
    "A question about the tides", "Plan for the week", "The invoice from the chandler", "Notes on the new mast",
    "Why the build is red", "A letter to the harbour master", "Shopping for the voyage", "Chart of the west coast",
)  # fmt: skip
SKILLS: Final = ("deploy", "report", "triage", "research", "translate")
RUNS_KEPT: Final = 1_000
LOG_LINES, QUIET_LINES = 1_500, 300
TASKS: Final = 40
PROMPT_BYTES: Final = 900
MESSAGES: Final = 11
"""Messages of a session, on the average."""
GONE: Final = 4_194_200
"""A number that no process has: of the gateway that was killed."""
PAUSED_DAYS: Final = {Fate.PAUSED: 2.0, Fate.FORGOTTEN: 34.0}
ERRORS: Final = {
    Fate.UNDELIVERED: (None, "platform 'telegram' not configured/enabled"),
    Fate.FAILING: ("RateLimitError: HTTP 429: too many requests", None),
}
"""What the agent writes of the last run, and of its message."""
UNLUCKY: Final = 0.01
"""How often a run fails for no reason."""
FAILED_LATELY: Final = 3
"""So many runs of a failing job failed, and those before went well."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How big a demo is."""

    instances: int = 3
    sessions: int = 420
    """Sessions of an agent with the usual share of the work."""
    jobs: int | None = None
    """Jobs of each agent; None for those that belong to it."""
    days: int = 30
    seed: int = 1


def write(root: Path, one: Character, plan: Plan, now: float) -> dict[str, list[Run]]:
    """Write a home of this character as it stands at a moment; return the runs its jobs had."""
    random = Random(f"{one.name}/{plan.seed}")
    present_at = now if one.alive else now - one.died_min * 60
    root.mkdir(mode=0o700, parents=True)
    schema.make(root, one.release)
    bulk.fill(root / "state.db", _shape(one, plan), present_at, lambda _: None)
    runs = _write_jobs(root, random, one, plan, present_at)
    present.tasks(root / "kanban.db", random, present_at, TEXT, TASKS)
    failing = 0.09 if one.refused else 0.004
    quiet = 0 if one.refused else QUIET_LINES
    present.logs(root / "logs", random, present_at, TEXT, lines=LOG_LINES, failing=failing, quiet=quiet)
    present.json_file(root / "config.yaml", config(one))  # YAML understands it
    logins = present.logins(present_at, one.provider, TEXT, refused=one.refused, ends_days=one.login_ends_days)
    present.json_file(root / "auth.json", logins)
    (root / "auth.json").chmod(0o600)
    present.secrets(root / ".env", one.provider, one.platforms, f"{TEXT} of {one.name}")
    present.skills(root, TEXT, SKILLS)
    if not one.alive:
        _write_end(root, one, present_at)
    for name in one.torn:
        os.truncate(root / name, 1_200)
    return runs


def _shape(one: Character, plan: Plan) -> Shape:
    return Shape(
        one.name, sessions=max(4, int(plan.sessions * one.busy)), messages=int(plan.sessions * one.busy) * MESSAGES,
        jobs=0, live=2 if one.alive else 1, days=plan.days, seed=plan.seed, version=one.release, text=TEXT,
        titles=TITLES, job_ids=tuple(job.id(one.name) for job in one.jobs), prompt_bytes=PROMPT_BYTES,
        models=(one.model, one.model, one.fallback[1]), priced=("estimated", "estimated", "included"),
    )  # fmt: skip


def config(one: Character) -> dict[str, Any]:
    """Return the agent's configuration."""
    return {
        "_config_version": 33 if one.release >= "0.19" else 23,
        "model": {"default": one.model, "provider": one.provider, "base_url": "http://127.0.0.1:9/v1"},
        "fallback_providers": [{"provider": one.fallback[0], "model": one.fallback[1]}],
        "toolsets": ["terminal", "files", "web", "memory"],
        "timezone": "UTC",
        "platforms": {name: {"enabled": True} for name in one.platforms},
    }


def _write_end(root: Path, one: Character, at: float) -> None:
    """Leave what a gateway leaves that was killed: notes that still say it runs, and no process."""
    platforms = dict.fromkeys(one.platforms, "connected")
    present.notes(root, GONE, at - 40, platforms, turns=1, ticks=123_456)
    start = {"tag": "gateway.start", "ts": iso(at - 6 * DAY_S), "pid": GONE}
    present.text_file(root / "logs" / "gateway-exit-diag.log", present.line(start))
    present.text_file(root / "gateway-starts.log", f"{at - 6 * DAY_S!r}\n")


# --- jobs and their runs ---------------------------------------------------------------------------------------------


def _write_jobs(root: Path, random: Random, one: Character, plan: Plan, now: float) -> dict[str, list[Run]]:
    history = {job.id(one.name): list(_runs_of(job, one.name, random, plan, now)) for job in one.jobs}
    declared = [declare(job, one, history[job.id(one.name)], now) for job in one.jobs]
    document = {"jobs": declared, "updated_at": iso(now - 30)}
    present.json_file(root / "cron" / "jobs.json", document)
    (root / "cron" / "jobs.json").chmod(0o600)
    newest_first = sorted((run for made in history.values() for run in made), key=lambda run: -run.began)
    present.runs(root / "cron" / "executions.db", random, reversed(newest_first[:RUNS_KEPT]))
    return history


def declare(job: Job, one: Character, made: list[Run], now: float) -> dict[str, Any]:
    """Return a job as the agent writes it into its list."""
    interval, expression = schema.jobs(one.release)
    template = interval if job.every_min else expression
    timing = {"minutes": job.every_min} if job.every_min else {"expr": job.expression}
    display = f"every {job.every_min}m" if job.every_min else job.expression
    last = made[0] if made else None
    error, undelivered = ERRORS.get(job.fate, (None, None))
    paused = now - PAUSED_DAYS[job.fate] * DAY_S if job.fate in PAUSED_DAYS else None
    return {
        **template,
        "id": job.id(one.name),
        "name": job.name,
        "prompt": f"{TEXT}: {job.name}",
        "schedule": {**template["schedule"], **timing, "display": display},
        "schedule_display": display,
        "repeat": {"times": None, "completed": len(made)},
        "created_at": iso(now - 60 * DAY_S),
        "next_run_at": iso(due_after(job, last.began if last else now, now)),
        "last_run_at": iso(last.ended) if last else None,
        "last_status": ("error" if error else "ok") if last else None,
        "last_error": error if last else None,
        "last_delivery_error": undelivered if last else None,
        "enabled": paused is None,
        "state": "scheduled" if paused is None else "paused",
        "paused_at": None if paused is None else iso(paused),
        "paused_reason": "not needed before spring" if job.fate is Fate.PAUSED else None,
    }


def due_after(job: Job, last: float, now: float) -> float:
    """Return when a job is due next: an interval counts from its last run, an expression goes by the clock."""
    if job.every_min is not None:
        return max(last + job.every_min * 60, now)
    return next(CronSim(job.expression or "", datetime.fromtimestamp(now, UTC))).timestamp()


def _runs_of(job: Job, owner: str, random: Random, plan: Plan, now: float) -> Iterator[Run]:
    """Return the runs of a job, the newest first."""
    until = now - PAUSED_DAYS.get(job.fate, 0.0) * DAY_S
    moments = islice(_fires(job, random, until), RUNS_KEPT)
    for number, at in enumerate(moments):
        if at < now - plan.days * DAY_S:
            return
        if number in job.skipped:
            continue
        began = at + random.uniform(0.5, 20)
        ended = min(began + job.takes_s * random.uniform(0.7, 1.6), now - 1)
        failed = (job.fate is Fate.FAILING and number < FAILED_LATELY) or random.random() < UNLUCKY
        yield Run(job.id(owner), began, ended, "RuntimeError: HTTP 500" if failed else None)


def _fires(job: Job, random: Random, until: float) -> Iterator[float]:
    """Return when a job was due, the newest first."""
    if job.every_min is None:
        for each in CronSim(job.expression or "", datetime.fromtimestamp(until, UTC), reverse=True):
            yield each.timestamp()
        return
    at = until - random.uniform(0.2, 0.8) * job.every_min * 60
    while True:
        yield at
        at -= job.every_min * 60 + random.uniform(0, 2)
