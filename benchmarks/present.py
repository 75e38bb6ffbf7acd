"""What a home holds that depends on the moment: jobs and their runs, logins, logs, beats and the gateway's own notes.

Rule 1: it is written anew for every measurement, so that a home built yesterday is as alive as one built now.
Rule 2: the gateway is a stand-in: a process of the agent's own interpreter that holds the lock and does nothing. A real
        one would end sessions and move the database while it is being measured.
"""

from __future__ import annotations

import json
import math
import os
import sqlite3
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any, Final

import psutil

from quarterdeck.demo.bulk import DAY_S, TEXT, Shape
from tests.real.homes import Home, wait_until

TEMPLATES: Final = "job-templates.json"
"""One job of each kind of schedule, as the agent itself wrote it."""

RUNS_KEPT: Final = 1_000
LOG_LINES: Final = 4_000
TASKS: Final = 120
STATUSES: Final = ("triage", "todo", "ready", "review", "done", "done", "done", "archived")

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
    _json(root / "cron" / "jobs.json", {"jobs": jobs, "updated_at": _iso(now - 30)})
    _runs(root / "cron" / "executions.db", random, jobs, now)
    _tasks(root / "kanban.db", random, now)
    _log(root / "logs", random, now)
    _json(root / "config.yaml", CONFIG)
    _json(root / "auth.json", _logins(now))
    for name in ("MEMORY.md", "USER.md"):
        _text(root / "memories" / name, f"{TEXT} one\n§\n{TEXT} two")
    for name in ("deploy", "report", "triage"):
        _text(root / "skills" / name / "SKILL.md", f"---\nname: {name}\ndescription: {TEXT}\n---\n")


@contextmanager
def gateway(home: Home, turns: int = 0) -> Iterator[int]:
    """Have a gateway that holds its lock and has just noted that all is well; yield its process id."""
    root = home.root
    command = [str(home.agent.python), "-c", HOLD, str(root / "gateway.lock"), "hermes", "gateway", "run"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, env=home.environment, text=True) as process:
        try:
            wait_until("the lock of the gateway held", lambda: process.stdout and process.stdout.readline())
            _notes(root, process.pid, turns, time.time())
            yield process.pid
        finally:
            process.kill()


def _notes(root: Path, pid: int, turns: int, now: float) -> None:
    """Write what a gateway of the newest release writes of itself when it has started."""
    started = psutil.Process(pid).create_time()
    ticks = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    own = {"pid": pid, "kind": "hermes-gateway", "argv": ["hermes", "gateway", "run"], "start_time": ticks}
    platform = {"state": "connected", "error_code": None, "error_message": None, "updated_at": _iso(now)}
    state = {"gateway_state": "running", "exit_reason": None, "restart_requested": False, "active_agents": turns}
    platforms = {"telegram": platform, "discord": platform}
    beat = {"pid": pid, "updated_at": _iso(now), "monotonic": time.monotonic(), "start_time": started}
    _json(root / "gateway.lock", own)
    _json(root / "gateway.pid", own)
    _json(root / "gateway_state.json", {**own, **state, "platforms": platforms, "updated_at": _iso(now)})
    _json(root / "state" / "gateway.heartbeat", beat)
    _text(root / "gateway-starts.log", f"{now!r}\n")
    diary = {"tag": "gateway.start", "ts": _iso(now), "pid": pid}
    _text(root / "logs" / "gateway-exit-diag.log", json.dumps(diary, separators=(",", ":")) + "\n")
    for name in ("ticker_heartbeat", "ticker_last_success"):
        _text(root / "cron" / name, repr(now))


# --- jobs ------------------------------------------------------------------------------------------------------------


def _jobs(templates: list[dict[str, Any]], random: Random, number: int, now: float) -> list[dict[str, Any]]:
    return [_job(templates[each % len(templates)], random, each, now) for each in range(number)]


def _job(template: Mapping[str, Any], random: Random, number: int, now: float) -> dict[str, Any]:
    """Return a job that ran within the last hour and is due within the next; some fail, some are paused."""
    failing, paused = number % 8 == 3, number % 9 == 4
    return {
        **template,
        "id": f"{random.randrange(1 << 48):012x}",
        "name": f"{TEXT} {number}",
        "created_at": _iso(now - 90 * DAY_S),
        "next_run_at": _iso(now + random.uniform(60, 3600)),
        "last_run_at": _iso(now - random.uniform(60, 3600)),
        "last_status": "error" if failing else "ok",
        "last_error": f"RuntimeError: HTTP 429: {TEXT}" if failing else None,
        "enabled": not paused,
        "state": "paused" if paused else "scheduled",
        "paused_at": _iso(now - 9000) if paused else None,
    }


def _runs(path: Path, random: Random, jobs: list[dict[str, Any]], now: float) -> None:
    """Fill the ledger of runs with as many as the agent keeps, where the release has one."""
    if not path.exists():
        return
    mark = "INSERT INTO executions (id, job_id, source, process_id, pid, process_started_at, status, claimed_at,"
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("DELETE FROM executions")
        for number in range(RUNS_KEPT if jobs else 0):
            job, at = jobs[number % len(jobs)], now - (number + 1) * 2 * DAY_S / RUNS_KEPT
            failed = random.random() < 0.1
            how = ("failed", f"RuntimeError: HTTP 500: {TEXT}") if failed else ("completed", None)
            times = (_iso(at), _iso(at + 0.1), _iso(at + random.uniform(3, 300)))
            row = (f"{random.randrange(1 << 64):032x}", job["id"], "builtin", "0" * 32, 1, 1, how[0], *times, how[1])
            db.execute(f"{mark} started_at, finished_at, error) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)


# --- the rest --------------------------------------------------------------------------------------------------------


def _tasks(path: Path, random: Random, now: float) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("DELETE FROM tasks")
        for number in range(TASKS):
            at = int(now - random.random() * 30 * DAY_S)
            row = (f"t_{number:08x}", TEXT, TEXT, random.choice(STATUSES), at)
            db.execute("INSERT INTO tasks (id, title, body, status, created_at) VALUES (?, ?, ?, ?, ?)", row)


def _logins(now: float) -> dict[str, Any]:
    login = {"id": "a1b2c3", "label": TEXT, "auth_type": "api_key", "priority": 0, "source": "env:EXAMPLE"}
    pools = {"example": [{**login, "last_status": "ok", "last_status_at": now - 600, "request_count": 12}]}
    return {"version": 1, "providers": {}, "credential_pool": pools, "updated_at": _iso(now)}


def _log(folder: Path, random: Random, now: float) -> None:
    """Write the log and its extract of errors, each as old as its last line."""
    lines: list[tuple[float, str]] = []
    for number in range(LOG_LINES):
        at = math.floor(now) - (LOG_LINES - 1 - number) * 20
        failed = random.random() < 0.02
        words = "error_type=RateLimitError summary=HTTP 429" if failed else "API call #1: in=15356 out=32 latency=2.6s"
        stamp = datetime.fromtimestamp(at, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")
        level = "WARNING" if failed else "INFO"
        lines.append((at, f"{stamp},000 {level} [{number:06x}] agent.conversation_loop: {words} {TEXT}\n"))
    errors = [(at, line) for at, line in lines if " WARNING " in line]
    for name, written in (("agent.log", lines), ("errors.log", errors)):
        _text(folder / name, "".join(line for _, line in written))
        os.utime(folder / name, (written[-1][0], written[-1][0]))


def _json(path: Path, document: object) -> None:
    _text(path, json.dumps(document, indent=1))


def _text(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat()
