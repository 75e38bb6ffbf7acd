"""What a run found out, kept as it happens.

One JSON line per finished test goes to the file that `--record` names, at once: when a suite is killed by its time
limit, what it had learnt by then is still there. `tests.run` adds the lines up, and `quarterdeck acceptance` takes
its word from them. A run without `--record` leaves nothing behind.

The outcome of a test is the worst of its three phases. What was skipped or expected to fail did not pass.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import pytest

WORST_FIRST: Final = ("error", "failed", "xfailed", "xpassed", "skipped", "passed")
REASON_LIMIT: Final = 300  # characters: enough to recognise a failure, and the log has the rest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--record", metavar="FILE", help="write one JSON line per finished test to FILE")


def pytest_configure(config: pytest.Config) -> None:
    path: str | None = config.getoption("--record")
    is_parallel_worker = hasattr(config, "workerinput")  # its controller hears every report as well
    if path is not None and not is_parallel_worker:
        config.pluginmanager.register(Recorder(Path(path)), "quarterdeck-recorder")


class Recorder:
    """Collects the phases of each running test and writes its line when the last phase is over."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._phases: dict[str, list[tuple[str, str, float]]] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("", encoding="utf-8")

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if not report.passed:
            self._write(report.nodeid, "error" if report.failed else "skipped", str(report.longrepr), 0.0)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        phases = self._phases.setdefault(report.nodeid, [])
        phases.append((outcome_of(report), reason_of(report), report.duration))
        if report.when in ("setup", "call"):
            return
        # Teardown is over; or there never was one, because the process that ran the test has died.
        outcome, reason, _ = min(self._phases.pop(report.nodeid), key=lambda phase: WORST_FIRST.index(phase[0]))
        self._write(report.nodeid, outcome, reason, sum(seconds for _, _, seconds in phases))

    def _write(self, test: str, outcome: str, reason: str, seconds: float) -> None:
        line = {"test": test, "outcome": outcome, "seconds": round(seconds, 3), "reason": reason[-REASON_LIMIT:]}
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")


def outcome_of(report: pytest.TestReport) -> str:
    if hasattr(report, "wasxfail"):
        return "xpassed" if report.passed else "xfailed"
    if report.failed:
        return "failed" if report.when == "call" else "error"
    return report.outcome


def reason_of(report: pytest.TestReport) -> str:
    if report.passed:
        return ""
    if isinstance(report.longrepr, tuple):  # a skip: file, line, words
        return report.longrepr[2]
    return report.longreprtext
