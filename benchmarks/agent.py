"""The agent's own programs, driven for comparison: its writer, its dashboard, its status command."""

from __future__ import annotations

import json
import secrets
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import httpx2 as httpx

from benchmarks.measure import BenchmarkError, Run, cpu_ms, run, running
from tests.real.homes import Home, free_port, wait_until

ANSWER_LIMIT_S: Final = 60.0
START_LIMIT_S: Final = 60.0

WRITE: Final = """
import json, sys, time
from hermes_state import SessionDB
db, session = SessionDB(), sys.argv[1]
print("ready", flush=True)
for line in sys.stdin:
    count, pause_s = json.loads(line)
    took = []
    for number in range(count):
        role = "assistant" if number % 2 else "user"
        began = time.perf_counter()
        db.append_message(session, role, content="benchmark-text " + "x" * 400)
        took.append((time.perf_counter() - began) * 1e3)
        time.sleep(pause_s)
    print(json.dumps(took), flush=True)
"""


class Writer:
    """The agent's own store of sessions, in a process of its own: a transaction for every message."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def begin(self, messages: int, pause_s: float = 0.0) -> None:
        """Have it write so many messages, pausing after each; it goes on by itself."""
        if self._process.stdin is None:
            raise BenchmarkError("The writer has no way in.")
        self._process.stdin.write(json.dumps([messages, pause_s]) + "\n")
        self._process.stdin.flush()

    def took_ms(self) -> list[float]:
        """Wait for it, and return how long each of the messages took."""
        said = self._process.stdout.readline() if self._process.stdout else ""
        if not said:
            raise BenchmarkError("The agent's writer has died.")
        took: list[float] = json.loads(said)
        return took

    def write(self, messages: int) -> list[float]:
        """Write so many messages at once."""
        self.begin(messages)
        return self.took_ms()


@contextmanager
def writer(home: Home, session: str) -> Iterator[Writer]:
    """Have the agent write to one of its sessions."""
    command, pipe = [str(home.agent.python), "-c", WRITE, session], subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, env=home.environment, cwd=home.user, text=True) as process:
        try:
            wait_until("the agent's writer ready", lambda: process.stdout and process.stdout.readline(), START_LIMIT_S)
            yield Writer(process)
        finally:
            process.kill()


@dataclass(frozen=True, slots=True)
class Said:
    """What the dashboard answered, and what that cost it."""

    status: int
    document: Any
    cost: Run


@dataclass(frozen=True, slots=True)
class Dashboard:
    """The agent's own dashboard of one home."""

    home: Home
    port: int = field(default_factory=free_port)
    token: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)

    @contextmanager
    def up(self) -> Iterator[int]:
        """Have it run for the length of the block; yield its process id."""
        command = [str(self.home.agent.hermes), "dashboard", "--no-open", "--skip-build", "--port", str(self.port)]
        env = {**self.home.environment, "HERMES_DASHBOARD_SESSION_TOKEN": self.token}
        with running(command, env, self.home.user / "dashboard.out") as process:
            wait_until("the agent's dashboard answering", self._answers, START_LIMIT_S)
            yield process.pid

    def _answers(self) -> bool:
        try:
            return bool(httpx.get(self._url("/api/status"), timeout=ANSWER_LIMIT_S).status_code)
        except httpx.TransportError:
            return False

    def ask(self, path: str, pid: int | None = None) -> Said:
        """Ask for an address. With its process id, say how long that kept it busy."""
        spent, began = cpu_ms(pid) if pid else 0.0, time.perf_counter()
        headers = {"X-Hermes-Session-Token": self.token}
        response = httpx.get(self._url(path), headers=headers, timeout=ANSWER_LIMIT_S)
        wall = (time.perf_counter() - began) * 1e3
        cost = Run(wall, cpu_ms(pid) - spent if pid else 0.0)
        try:
            document = response.json()
        except ValueError:
            document = None
        return Said(response.status_code, document, cost)

    def _url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"


def status_command(home: Home) -> Run:
    """Run the agent's own status command."""
    return run([str(home.agent.hermes), "status"], home.environment)
