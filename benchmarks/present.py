"""What a home holds that depends on the moment: jobs and their runs, logins, logs, beats and the gateway's own notes.

Rule 1: it is written anew for every measurement, so that a home built yesterday is as alive as one built now.
Rule 2: the gateway is a stand-in: a process of the agent's own interpreter that holds the lock and does nothing. A real
        one would end sessions and move the database while it is being measured.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from random import Random
from typing import Any, Final

import psutil

from quarterdeck.demo import present
from quarterdeck.demo.bulk import DAY_S, TEXT, Shape
from quarterdeck.demo.present import Run, iso
from tests.real.homes import Home, wait_until

TEMPLATES: Final = "job-templates.json"
"""One job of each kind of schedule, as the agent itself wrote it."""

RUNS_KEPT: Final = 1_000
LOG_LINES: Final = 4_000
FAILING: Final = 0.02
TASKS: Final = 120

HOLD: Final = """
import fcntl, sys, time
lock = open(sys.argv[1], "a")
fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
print("held", flush=True)
sys.stdin.read()
"""

CONFIG: Final = {
    "model": {"default": "large-model-1", "provider": "example", "base_url": "http://127.0.0.1:9/v1"},
    "fallback_providers": [{"provider": "other", "model": "small-model-1"}],
    "platforms": {"telegram": {"enabled": True}, "discord": {"enabled": True}},
}


def write(home: Home, shape: Shape, now: float) -> None:
    """Write everything that depends on the moment."""
    root, random = home.root, Random(f"{shape.name}/{shape.seed}/present")
    jobs = _jobs(json.loads((root / TEMPLATES).read_text()), random, shape.jobs, now)
    present.json_file(root / "cron" / "jobs.json", {"jobs": jobs, "updated_at": iso(now - 30)})
    present.runs(root / "cron" / "executions.db", random, _runs(random, jobs, now))
    present.tasks(root / "kanban.db", random, now, TEXT, TASKS)
    present.logs(root / "logs", random, now, TEXT, lines=LOG_LINES, failing=FAILING)
    present.json_file(root / "config.yaml", CONFIG)
    present.json_file(root / "auth.json", present.logins(now, "example", TEXT))
    present.skills(root, TEXT, ("deploy", "report", "triage"))


@contextmanager
def gateway(home: Home, turns: int = 0) -> Iterator[int]:
    """Have a gateway that holds its lock and has just noted that all is well; yield its process id."""
    root = home.root
    command = [str(home.agent.python), "-c", HOLD, str(root / "gateway.lock"), "hermes", "gateway", "run"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, env=home.environment, text=True) as process:
        try:
            wait_until("the lock of the gateway held", lambda: process.stdout and process.stdout.readline())
            started = psutil.Process(process.pid).create_time()
            platforms = {"telegram": "connected", "discord": "connected"}
            present.gateway(root, process.pid, time.time(), platforms, turns=turns, started=started)
            yield process.pid
        finally:
            process.kill()


def _jobs(templates: list[dict[str, Any]], random: Random, number: int, now: float) -> list[dict[str, Any]]:
    return [_job(templates[each % len(templates)], random, each, now) for each in range(number)]


def _job(template: Mapping[str, Any], random: Random, number: int, now: float) -> dict[str, Any]:
    """Return a job that ran within the last hour and is due within the next; some fail, some are paused."""
    failing, paused = number % 8 == 3, number % 9 == 4
    return {
        **template,
        "id": f"{random.randrange(1 << 48):012x}",
        "name": f"{TEXT} {number}",
        "created_at": iso(now - 90 * DAY_S),
        "next_run_at": iso(now + random.uniform(60, 3600)),
        "last_run_at": iso(now - random.uniform(60, 3600)),
        "last_status": "error" if failing else "ok",
        "last_error": f"RuntimeError: HTTP 429: {TEXT}" if failing else None,
        "enabled": not paused,
        "state": "paused" if paused else "scheduled",
        "paused_at": iso(now - 9000) if paused else None,
    }


def _runs(random: Random, jobs: list[dict[str, Any]], now: float) -> Iterator[Run]:
    """Return as many runs as the agent keeps, the newest first."""
    for number in range(RUNS_KEPT if jobs else 0):
        job, at = jobs[number % len(jobs)], now - (number + 1) * 2 * DAY_S / RUNS_KEPT
        failed = random.random() < 0.1
        yield Run(job["id"], at, at + random.uniform(3, 300), f"RuntimeError: HTTP 500: {TEXT}" if failed else None)
