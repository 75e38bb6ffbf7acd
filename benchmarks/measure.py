"""How things are measured, and what a figure is.

Rule 1: a figure stands beside what it is compared with, measured in the same run and in turns with it. On a busy
        machine both grow; what is promised as a ratio stays.
Rule 2: time on the processor is told apart from time on the clock, because only the first is the program's own.
Rule 3: every program that is started here has a time limit and is gone when its block ends.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import psutil

from tests.fakes.visitor import Visitor, come_in

PROGRAM: Final = (sys.executable, "-m", "quarterdeck")
RUN_LIMIT_S: Final = 60
GREETING: Final = "Ctrl-C"
"""What a hub says last of all when it begins."""
GREETS_S: Final = 120.0
LOOK_EVERY_S: Final = 0.01
COMPLAINT: Final = 300


class BenchmarkError(RuntimeError):
    """Nothing could be measured; the text says why."""


class Result(Protocol):
    """Whatever a benchmark finds."""

    def as_json(self) -> dict[str, Any]:
        """Return it as it is printed."""


@dataclass(frozen=True, slots=True)
class Promise:
    """What a figure, or its ratio to the peer's, must not pass."""

    words: str
    """``<=100``, ``<5`` or ``ratio>=20``."""

    def kept(self, value: float, ratio: float | None) -> bool:
        """Say whether it is kept. What has no ratio keeps no promise about one."""
        about_ratio = self.words.startswith("ratio")
        measured = ratio if about_ratio else value
        words = self.words.removeprefix("ratio")
        sign = words.rstrip("0123456789.")
        limit = float(words.removeprefix(sign))
        if measured is None:
            return False
        return {"<=": measured <= limit, "<": measured < limit, ">=": measured >= limit}[sign]


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure, with the peer or the floor beside it."""

    id: str
    figure: str
    value: float
    unit: str
    promise: Promise | None = None
    peer: str | None = None
    peer_value: float | None = None
    note: str | None = None

    @property
    def ratio(self) -> float | None:
        """How many times the peer's figure is ours."""
        if self.peer_value is None or self.value == 0:
            return None
        return self.peer_value / self.value

    def as_json(self) -> dict[str, Any]:
        """Return the figure as it is printed."""
        ratio = self.ratio
        return {
            "id": self.id,
            "figure": self.figure,
            "value": round(self.value, 3),
            "unit": self.unit,
            "promise": self.promise.words if self.promise else None,
            "kept": self.promise.kept(self.value, ratio) if self.promise else None,
            "peer": self.peer,
            "peer_value": None if self.peer_value is None else round(self.peer_value, 3),
            "ratio": None if ratio is None else round(ratio, 2),
            "note": self.note,
            "load": round(os.getloadavg()[0], 2),
        }


@dataclass(frozen=True, slots=True)
class Run:
    """What one piece of work cost."""

    wall_ms: float
    cpu_ms: float
    rss_mb: float = 0.0
    code: int = 0
    out: str = ""
    complaint: str = ""
    """The end of what it wrote to standard error."""

    def must_end(self, *codes: int) -> Run:
        """Refuse what ended otherwise, with what it said of it.

        Raises:
            BenchmarkError: when it did.
        """
        if self.code not in codes:
            raise BenchmarkError(f"It ended with {self.code} instead of {codes}: {self.complaint}")
        return self


class Stopwatch:
    """Time of this process, on the clock and on the processor."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def read(self) -> Run:
        """Return what has passed since."""
        return Run((time.perf_counter() - self._wall) * 1e3, (time.process_time() - self._cpu) * 1e3)


def middle(values: Sequence[float]) -> float:
    """Return the median."""
    return statistics.median(values)


def high(values: Sequence[float]) -> float:
    """Return the 95th percentile: the value that one in twenty passes."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, -(-len(ordered) * 95 // 100) - 1)]


def own_environment(user: Path) -> dict[str, str]:
    """What our programs run with: a user without settings, so that nothing but what is asked for is looked at.

    Modules are kept as they were compiled, as they are for everybody who has installed them.
    """
    others = ("XDG_", "HERMES_", "QUARTERDECK_", "PYTHONDONTWRITEBYTECODE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(others)}
    return kept | {"HOME": str(user), "XDG_STATE_HOME": str(user / "state")}


LAUNCH: Final = """
import json, os, signal, sys, time
report, limit_s, command = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
began = time.perf_counter()
pid = os.posix_spawnp(command[0], command, os.environ)
signal.signal(signal.SIGALRM, lambda *_: os.kill(pid, signal.SIGKILL))
signal.alarm(limit_s)
_, status, cost = os.wait4(pid, 0)
wall_ms, cpu_ms = (time.perf_counter() - began) * 1e3, (cost.ru_utime + cost.ru_stime) * 1e3
os.write(report, json.dumps([wall_ms, cpu_ms, cost.ru_maxrss / 1024, os.waitstatus_to_exitcode(status)]).encode())
"""
"""Runs a program and reports what it cost. The kernel counts the memory of whoever starts a program as the program's
own, so it must be started by something small."""


def run(command: Sequence[str], env: Mapping[str, str], limit_s: int = RUN_LIMIT_S) -> Run:
    """Run a program to its end and say what it cost, with everything that it started and waited for."""
    read, write = os.pipe()
    launcher = [sys.executable, "-I", "-S", "-c", LAUNCH, str(write), str(limit_s), *command]
    try:
        with subprocess.Popen(
            launcher,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=env,
            pass_fds=[write],
            text=True,
            errors="replace",
        ) as process:
            said, complained = process.communicate()
    finally:
        os.close(write)
    with os.fdopen(read, "rb") as report:
        cost = report.read()
    if not cost:
        raise BenchmarkError(f"{' '.join(command[:4])} could not be started.")
    wall_ms, cpu_ms, rss_mb, code = json.loads(cost)
    if code < 0:
        raise BenchmarkError(f"{' '.join(command[:4])} was ended by signal {-code}.")
    return Run(wall_ms, cpu_ms, rss_mb, code, said, " ".join(complained.split())[-COMPLAINT:])


@contextmanager
def running(command: Sequence[str], env: Mapping[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Have a program run for the length of the block, its words going to a file."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=env, start_new_session=True
        )
    try:
        yield process
    finally:
        end(process)


def visiting(hub: subprocess.Popen[bytes], log: Path) -> Visitor:
    """Wait until a hub says how to come in, and come in.

    Raises:
        BenchmarkError: when it ends before it does, or never does.
    """
    until = time.monotonic() + GREETS_S
    while GREETING not in (said := log.read_text(encoding="utf-8")):
        if hub.poll() is not None or time.monotonic() > until:
            raise BenchmarkError(f"The hub let nobody in: {' '.join(said.split())[-COMPLAINT:]}")
        time.sleep(LOOK_EVERY_S)
    return come_in(said)


def end(process: subprocess.Popen[bytes]) -> None:
    """End a program that was started as a group of its own, and what it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, 9)
    process.wait()


def cpu_ms(pid: int) -> float:
    """Return the time that a process, its threads and its children have spent on the processor."""
    process = psutil.Process(pid)
    spent = 0.0
    for each in (process, *process.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            used = each.cpu_times()
            spent += used.user + used.system
    return spent * 1e3
