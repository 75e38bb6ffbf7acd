"""What a home holds that depends on the moment: notes of the gateway, runs, tasks, logins, logs and beats.

Rule: every file has the form in which the agent itself writes it, and its time fits its last line.
"""

from __future__ import annotations

import json
import math
import os
import sqlite3
import time
from collections.abc import Iterable, Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any, Final, NamedTuple

from quarterdeck.demo.bulk import DAY_S

LOG_EVERY_S: Final = 20
FAILED_CALL: Final = "error_type=RateLimitError summary=HTTP 429"
GOOD_CALL: Final = "API call #1: in=15356 out=32 latency=2.6s"
STATUSES: Final = ("triage", "todo", "ready", "review", "done", "done", "done", "archived")
OTHER_PROVIDER: Final = "minimax-oauth"
INSERT_RUN: Final = """
    INSERT INTO executions (id, job_id, source, process_id, pid, process_started_at, status, claimed_at, started_at,
    finished_at, error) VALUES (?, ?, 'builtin', ?, 1, 1, ?, ?, ?, ?, ?)
"""


class Run(NamedTuple):
    """One run of a job."""

    job: str
    began: float
    ended: float
    error: str | None = None


def gateway(root: Path, pid: int, now: float, platforms: Mapping[str, str], *, turns: int, started: float) -> None:
    """Write what a gateway of the newest release writes of itself when it has started; ``pid`` is its process."""
    notes(root, pid, now, platforms, turns=turns)
    beat(root, pid, now, started)
    text_file(root / "gateway-starts.log", f"{now!r}\n")
    text_file(root / "logs" / "gateway-exit-diag.log", line({"tag": "gateway.start", "ts": iso(now), "pid": pid}))
    ticks(root, now)


def notes(root: Path, pid: int, now: float, platforms: Mapping[str, str], *, turns: int, ticks: int = 0) -> None:
    """Write what a gateway notes of itself at every change; ``ticks`` is the start of a process that is gone."""
    own = {"pid": pid, "kind": "hermes-gateway", "argv": ["hermes", "gateway", "run"]}
    own["start_time"] = ticks or int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    fine = {"error_code": None, "error_message": None, "updated_at": iso(now)}
    state = {"gateway_state": "running", "exit_reason": None, "restart_requested": False, "active_agents": turns}
    told = {name: {"state": how, **fine} for name, how in platforms.items()}
    json_file(root / "gateway.lock", own, in_place=True)
    json_file(root / "gateway.pid", own)
    json_file(root / "gateway_state.json", {**own, **state, "platforms": told, "updated_at": iso(now)})


def beat(root: Path, pid: int, now: float, started: float) -> None:
    """Beat as the event loop of a gateway does."""
    fields = {"pid": pid, "updated_at": iso(now), "monotonic": time.monotonic(), "start_time": started}
    json_file(root / "state" / "gateway.heartbeat", fields)


def ticks(root: Path, now: float) -> None:
    """Beat as the ticker of the jobs does."""
    for name in ("ticker_heartbeat", "ticker_last_success"):
        text_file(root / "cron" / name, repr(now))


def runs(path: Path, random: Random, made: Iterable[Run]) -> None:
    """Fill the ledger of runs, where the release has one."""
    if not path.exists():
        return
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("DELETE FROM executions")
        for run in made:
            how = "failed" if run.error else "completed"
            times = (iso(run.began), iso(run.began), iso(run.ended))
            row = (f"{random.randrange(1 << 64):032x}", run.job, "0" * 32, how, *times, run.error)
            db.execute(INSERT_RUN, row)


def tasks(path: Path, random: Random, now: float, text: str, number: int) -> None:
    """Fill the task board."""
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("DELETE FROM tasks")
        for each in range(number):
            at = int(now - random.random() * 30 * DAY_S)
            row = (f"t_{each:08x}", text, text, random.choice(STATUSES), at)
            db.execute("INSERT INTO tasks (id, title, body, status, created_at) VALUES (?, ?, ?, ?, ?)", row)


def logins(
    now: float, provider: str, text: str, *, refused: bool = False, ends_days: float | None = None
) -> dict[str, Any]:
    """Return the logins of an agent: its key, ``refused`` for too many requests, and one that ends in some days."""
    source = f"env:{key_of(provider)}"
    login = {"id": "a1b2c3", "label": text, "auth_type": "api_key", "priority": 0, "source": source}
    tried: dict[str, Any] = {"last_status": "ok", "last_status_at": now - 600, "request_count": 12}
    if refused:
        tried = {"last_status": "exhausted", "last_status_at": now - 40, "last_error_code": 429, "request_count": 4107}
        tried["last_error_reset_at"] = iso(now + 1_500)
    made = {"obtained_at": iso(now - 87 * DAY_S), "scope": "model.completion profile", "access_token": text}
    states = {} if ends_days is None else {OTHER_PROVIDER: {**made, "expires_at": iso(now + ends_days * DAY_S)}}
    return {
        "version": 1, "providers": states, "credential_pool": {provider: [{**login, **tried}]}, "updated_at": iso(now),
    }  # fmt: skip


def key_of(provider: str) -> str:
    """Return the name of the environment under which an agent keeps its key for a provider."""
    return f"{provider.upper()}_API_KEY"


def secrets(path: Path, provider: str, platforms: Iterable[str], text: str) -> None:
    """Write the environment file of an agent; what stands in the place of secrets says that it is none."""
    names = (key_of(provider), *(f"{platform.upper()}_BOT_TOKEN" for platform in platforms))
    text_file(path, "".join(f"{name}={text} in the place of a secret, {number}\n" for number, name in enumerate(names)))
    path.chmod(0o600)


def logs(folder: Path, random: Random, now: float, text: str, *, lines: int, failing: float, quiet: int = 0) -> None:
    """Write the log and its extract of errors, each as old as its last line, the newest ``quiet`` without any."""
    written: list[tuple[float, str]] = []
    for number in range(lines):
        at = math.floor(now) - (lines - 1 - number) * LOG_EVERY_S
        written.append((at, log_line(at, number, text, failed=number < lines - quiet and random.random() < failing)))
    errors = [(at, line) for at, line in written if " WARNING " in line]
    for name, chosen in (("agent.log", written), ("errors.log", errors)):
        text_file(folder / name, "".join(line for _, line in chosen))
        if chosen:
            os.utime(folder / name, (chosen[-1][0], chosen[-1][0]))


def log_line(at: float, number: int, text: str, *, failed: bool) -> str:
    """Return a line as the agent's log has it, in the zone of this machine."""
    stamp = datetime.fromtimestamp(at, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    level, words = ("WARNING", FAILED_CALL) if failed else ("INFO", GOOD_CALL)
    return f"{stamp},000 {level} [{number:06x}] agent.conversation_loop: {words} {text}\n"


def skills(root: Path, text: str, names: Iterable[str]) -> None:
    """Write memories and skills."""
    for name in ("MEMORY.md", "USER.md"):
        text_file(root / "memories" / name, f"{text} one\n§\n{text} two")
    for name in names:
        text_file(root / "skills" / name / "SKILL.md", f"---\nname: {name}\ndescription: {text}\n---\n")


def line(document: object) -> str:
    """Return a document on one line."""
    return json.dumps(document, separators=(",", ":")) + "\n"


def json_file(path: Path, document: object, *, in_place: bool = False) -> None:
    """Write a document, whole or not at all; ``in_place`` keeps the file, which somebody may hold a lock on."""
    if in_place:
        text_file(path, json.dumps(document, indent=1))
        return
    beside = path.with_name(f".{path.name}.new")
    text_file(beside, json.dumps(document, indent=1))
    beside.replace(path)


def text_file(path: Path, text: str) -> None:
    """Write a text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def iso(moment: float) -> str:
    """Return a moment as the agent writes it."""
    return datetime.fromtimestamp(moment, UTC).isoformat()
