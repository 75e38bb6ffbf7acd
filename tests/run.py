"""Run every suite and end with one line that says how it went.

A suite is a folder of tests with a time limit; what has no entry of its own in the table belongs to `unit`, so no
folder can be forgotten. Suites of one round run side by side. Whatever a suite does (fail, hang, die, find nothing to
run) ends in the closing line and in the exit code: 0 means that every suite ran to its end and everything passed.

`.results/` keeps what was found: one JSON line per test and the log of each suite, and in `run.json` which commit was
tested, and when. `quarterdeck acceptance` reads it.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Final

ROOT: Final = Path(__file__).resolve().parent.parent
RESULTS: Final = ROOT / ".results"
Gate = Callable[[Path], list[str]]
GATED: Final = ("src/quarterdeck/truth/*", "src/quarterdeck/views/*", "src/quarterdeck/access/*")
GATE_PERCENT: Final = 95
FAREWELL_S: Final = 15  # for fixtures to put away what they started
PYTEST: Final = (sys.executable, "-u", "-m", "pytest", "-p", "tests.recording")
COUNTED: Final = ("failed", "passed", "skipped", "xfailed", "xpassed", "error")  # in the order pytest says them


@dataclass(frozen=True, slots=True)
class Suite:
    name: str
    limit_s: float
    arguments: tuple[str, ...]


# tests/real starts agents and tests/e2e starts browsers: mostly waiting, so the two share the machine well. What
# tests/benchmarks starts works as hard as it can, and would make both of them late.
ROUNDS: Final = (
    (
        Suite(
            "unit",
            limit_s=1500,
            arguments=(
                *("tests", "--ignore=tests/real", "--ignore=tests/e2e", "--ignore=tests/benchmarks"),
                *("--numprocesses=2", "--dist=worksteal", "--cov", "--cov-report="),
            ),
        ),
    ),
    (
        Suite("real", limit_s=1200, arguments=("tests/real", "--verbose")),
        Suite("e2e", limit_s=1200, arguments=("tests/e2e", "--verbose")),
    ),
    (Suite("bench", limit_s=600, arguments=("tests/benchmarks", "--numprocesses=2", "--dist=worksteal")),),
)


@dataclass(slots=True)
class Running:
    """A suite's process, its output as it comes, and its time limit."""

    suite: Suite
    results: Path
    started: float = field(default_factory=time.monotonic)
    over: bool = False
    error: str | None = None
    _process: subprocess.Popen[bytes] = field(init=False)
    _output: IO[str] = field(init=False)
    _unfinished: str = ""

    @property
    def record(self) -> Path:
        return self.results / f"{self.suite.name}.jsonl"

    def __post_init__(self) -> None:
        log = self.results / f"{self.suite.name}.log"
        # A file, not a pipe: a process that a test left behind could hold a pipe open for ever.
        with log.open("wb") as out:
            self._process = subprocess.Popen(
                [*PYTEST, f"--record={self.record}", *self.suite.arguments],
                stdout=out,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                cwd=ROOT,
                env=os.environ | {"COVERAGE_FILE": str(self.results / "coverage")},
                start_new_session=True,
            )
        self._output = log.open(encoding="utf-8", errors="replace")

    def look(self) -> None:
        """Say what is new, and notice the end."""
        code = self._process.poll()
        late = time.monotonic() - self.started > self.suite.limit_s
        *lines, self._unfinished = (self._unfinished + self._output.read()).split("\n")
        for line in lines:
            print(f"{self.suite.name:>4} | {line}", flush=True)
        if code is not None:
            self.over = True
            self.error = self._complaint(code)
        elif late:
            self.over = True
            self.error = f"not finished after {self.suite.limit_s:.0f} s: stopped"
        if self.over:
            self.stop()

    def _complaint(self, code: int) -> str | None:
        """Say what the exit code means beyond the tests that failed, which are counted one by one."""
        if code == 0 or (code == 1 and any(outcome != "passed" for outcome, _ in recorded(self.record))):
            return None
        return f"pytest ended with code {code}, and no failed test explains it"

    def stop(self) -> None:
        """End the suite and whatever it left running in its session; what it started elsewhere is its own to stop."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(FAREWELL_S)
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._output.close()


def run_round(suites: tuple[Suite, ...], results: Path) -> list[str]:
    """Run the suites side by side; return what went wrong beyond single tests."""
    running = [Running(suite, results) for suite in suites]
    try:
        while not all(each.over for each in running):
            for each in running:
                if not each.over:
                    each.look()
            time.sleep(0.1)
    finally:
        for each in running:
            if not each.over:
                each.stop()
    return [f"{each.suite.name}: {each.error}" for each in running if each.error]


def recorded(*files: Path) -> list[tuple[str, str]]:
    """Return the outcome and the name of every test that came to its end."""
    lines = [line for file in files if file.exists() for line in file.read_text(encoding="utf-8").splitlines()]
    return [(entry["outcome"], entry["test"]) for entry in map(json.loads, lines)]


def coverage_gate(results: Path) -> list[str]:
    """Hold the pure parts to their promise: what decides what is shown has been run through by tests."""
    command = [
        sys.executable,
        "-m",
        "coverage",
        "report",
        f"--fail-under={GATE_PERCENT}",
        f"--include={','.join(GATED)}",
    ]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | {"COVERAGE_FILE": str(results / "coverage")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    for line in (done.stdout + done.stderr).splitlines():
        print(f"{'cov':>4} | {line}")
    return [f"coverage: truth and views must stay at {GATE_PERCENT} % or more"] if done.returncode else []


def closing_line(counts: Counter[str], seconds: float) -> str:
    """Say it the way pytest says it."""
    words = [f"{counts[outcome]} {plural(outcome, counts[outcome])}" for outcome in COUNTED if counts[outcome]]
    text = f" {', '.join(words) or 'no tests ran'} in {seconds:.2f}s "
    return text.center(80, "=")


def plural(outcome: str, count: int) -> str:
    return "errors" if outcome == "error" and count > 1 else outcome


@contextmanager
def run_record(results: Path) -> Iterator[None]:
    """Say in `run.json` what is being tested; only a run that came to its end has a time of finishing."""
    shutil.rmtree(results, ignore_errors=True)
    results.mkdir(parents=True)
    record = {
        "commit": git("rev-parse", "HEAD"),
        "dirty": bool(git("status", "--porcelain")),
        "started_at": timestamp(),
    }
    (results / "run.json").write_text(json.dumps(record) + "\n", encoding="utf-8")
    yield
    record["finished_at"] = timestamp()
    (results / "run.json").write_text(json.dumps(record) + "\n", encoding="utf-8")


def git(*arguments: str) -> str | None:
    """Return git's answer; None where there is no git, or no repository."""
    try:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    except FileNotFoundError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def timestamp() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def main(rounds: tuple[tuple[Suite, ...], ...] = ROUNDS, results: Path = RESULTS, gate: Gate = coverage_gate) -> int:
    started = time.monotonic()
    errors: list[str] = []
    with run_record(results):
        for suites in rounds:
            errors += run_round(suites, results)
        errors += gate(results)
    tests = recorded(*sorted(results.glob("*.jsonl")))
    complaints = [f"{outcome.upper()} {test}" for outcome, test in tests if outcome != "passed"]
    complaints += [f"ERROR {error}" for error in errors]
    for complaint in complaints:
        print(complaint)
    counts = Counter(outcome for outcome, _ in tests) + Counter(error=len(errors))
    print(closing_line(counts, time.monotonic() - started), flush=True)
    return 1 if complaints or not tests else 0


if __name__ == "__main__":
    sys.exit(main())
