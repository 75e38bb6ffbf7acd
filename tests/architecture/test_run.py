from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.run import Suite, main

PASSES = "def test_fine():\n    assert True\n"
FAILS = "def test_wrong():\n    assert 1 == 2\n"
SKIPS = "import pytest\n\ndef test_absent():\n    pytest.skip('not here')\n"
BREAKS = (
    "import pytest\n\n@pytest.fixture\ndef broken():\n    raise OSError('gone')\n\ndef test_uses(broken):\n    pass\n"
)
DIES = "import os\n\ndef test_dies():\n    os._exit(9)\n"
HANGS = "import time\n\ndef test_first():\n    pass\n\ndef test_hangs():\n    time.sleep(120)\n"
NOT_PYTHON = "def test_half(:\n"


def suite(folder: Path, name: str, text: str, limit_s: float = 30) -> Suite:
    file = folder / name / f"test_{name}.py"
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    lean = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest", "-p", "no:anyio", "-p", "no:cov", "-p", "no:xdist")
    alone = (*lean, "-c", "/dev/null", f"--rootdir={file.parent}")
    return Suite(name, limit_s, (*alone, str(file)))


def run(folder: Path, *suites: Suite) -> int:
    return main((suites,), folder / "results", gate=lambda _: [])


def last_line(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out.splitlines()[-1].strip("= ")


def test_sums_up_all_suites_in_one_closing_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The last line adds the suites up, and a failed test in any of them makes the run fail."""
    code = run(tmp_path, suite(tmp_path, "one", PASSES), suite(tmp_path, "two", FAILS + PASSES))
    assert code == 1
    assert last_line(capsys).startswith("1 failed, 2 passed in ")


def test_passes_when_everything_passed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A run in which every test of every suite passed ends with 0 and says how many there were."""
    code = run(tmp_path, suite(tmp_path, "one", PASSES), suite(tmp_path, "two", PASSES))
    assert code == 0
    assert last_line(capsys).startswith("2 passed in ")


@pytest.mark.parametrize(
    ("text", "closing"),
    [
        pytest.param(SKIPS, "1 skipped in ", id="skipped"),
        pytest.param(BREAKS, "1 error in ", id="fixture broken"),
        pytest.param(NOT_PYTHON, "2 errors in ", id="cannot be read"),
        pytest.param("", "1 error in ", id="no tests"),
        pytest.param(DIES, "1 error in ", id="process died"),
    ],
)
def test_fails_when_anything_did_not_pass(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, closing: str
) -> None:
    """What was skipped, broken, unreadable, empty or killed did not pass, and the run says so."""
    assert run(tmp_path, suite(tmp_path, "odd", text)) == 1
    assert last_line(capsys).startswith(closing)


def test_stops_a_suite_at_its_time_limit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A suite that hangs is stopped, counts as an error, and what it had learnt before is kept."""
    assert run(tmp_path, suite(tmp_path, "slow", HANGS, limit_s=12)) == 1
    output = capsys.readouterr().out
    assert "ERROR slow: not finished after 12 s: stopped" in output
    assert "1 passed, 1 error in" in output.splitlines()[-1]


def test_a_failing_gate_fails_the_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Passing tests do not make up for a gate that is not kept."""
    code = main(((suite(tmp_path, "one", PASSES),),), tmp_path / "results", gate=lambda _: ["coverage: too low"])
    assert code == 1
    assert "ERROR coverage: too low" in capsys.readouterr().out


def test_says_what_was_tested_and_when(tmp_path: Path) -> None:
    """The record of a run names its commit and its times, and each test with its outcome and its reason."""
    run(tmp_path, suite(tmp_path, "one", FAILS + PASSES))
    record = json.loads((tmp_path / "results" / "run.json").read_text())
    assert set(record) == {"commit", "dirty", "started_at", "finished_at"}
    lines = [json.loads(line) for line in (tmp_path / "results" / "one.jsonl").read_text().splitlines()]
    assert [(line["test"], line["outcome"]) for line in lines] == [
        ("test_one.py::test_wrong", "failed"),
        ("test_one.py::test_fine", "passed"),
    ]
    assert "assert 1 == 2" in lines[0]["reason"]
