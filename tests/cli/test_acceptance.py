from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from quarterdeck.cli.acceptance import acceptance

ROWS = """
[T1]
title = "Kept"
tests = ["tests/truth/test_reading.py::test_ages", "tests/sources"]

[T2]
title = "Nobody proves it"

[T3]
title = "Broken"
tests = ["tests/truth", "tests/views"]
"""


class Project:
    """A small checkout with real git, promises and the results of a run."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.git("init", "--quiet")
        (root / ".gitignore").write_text(".results/\n")
        self.promise(ROWS)
        self.commit()

    def git(self, *arguments: str) -> str:
        identity = ("-c", "user.name=Test", "-c", "user.email=test@example.invalid", "-c", "commit.gpgsign=false")
        command = ["git", "-C", str(self.root), *identity, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=20).stdout.strip()

    def promise(self, rows: str) -> None:
        (self.root / "docs").mkdir(exist_ok=True)
        (self.root / "docs" / "acceptance.toml").write_text(rows)

    def commit(self) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "Change")

    def ran(self, *outcomes: tuple[str, str], reason: str = "", dirty: bool = False, finished: bool = True) -> None:
        results = self.root / ".results"
        results.mkdir(exist_ok=True)
        run: dict[str, object] = {
            "commit": self.git("rev-parse", "HEAD"),
            "dirty": dirty,
            "started_at": "2026-03-04T05:06:07Z",
        }
        if finished:
            run["finished_at"] = "2026-03-04T05:16:07Z"
        (results / "run.json").write_text(json.dumps(run))
        lines = [{"test": test, "outcome": how, "seconds": 0.1, "reason": reason} for test, how in outcomes]
        (results / "unit.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))

    def ask(self, *arguments: str) -> Result:
        app = typer.Typer()
        app.command()(acceptance)
        return CliRunner().invoke(app, ["--root", str(self.root), *arguments])

    def row(self, row_id: str) -> dict[str, object]:
        rows: list[dict[str, object]] = json.loads(self.ask("--json").stdout)["rows"]
        return next(row for row in rows if row["id"] == row_id)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


AGES = "tests/truth/test_reading.py::test_ages"
UNITS = "tests/sources/systemd/test_parse.py::test_units[running]"


def test_a_row_is_have_when_all_its_tests_passed(project: Project) -> None:
    """A row is Have when every test, module and folder it names ran and passed."""
    project.ran((AGES, "passed"), (UNITS, "passed"))
    assert project.row("T1")["state"] == "Have"


def test_a_row_without_tests_is_need(project: Project) -> None:
    """A row that names no test is Need, whatever passed."""
    project.ran((AGES, "passed"))
    assert project.row("T2")["state"] == "Need"
    assert project.row("T2")["reason"] == "no test is named"


def test_a_planned_row_says_its_plan(project: Project) -> None:
    """A row that names no test but a plan is Need and says the plan."""
    project.promise('[A1]\ntitle = "Private"\nplanned = "with the guard"\n')
    project.commit()
    project.ran((AGES, "passed"))
    assert (project.row("A1")["state"], project.row("A1")["reason"]) == ("Need", "with the guard")


@pytest.mark.parametrize("how", ["failed", "error", "xpassed"])
def test_a_failed_test_blocks_its_row(project: Project, how: str) -> None:
    """One test that failed among many that passed makes the row Blocked, and the row says which and why."""
    project.ran(
        (AGES, "passed"), ("tests/views/test_brief.py::test_red", how), reason="def test():\nE   boom\n\nat.py:1"
    )
    assert project.row("T3")["state"] == "Blocked"
    assert project.row("T3")["reason"] == "tests/views/test_brief.py::test_red failed: boom"


@pytest.mark.parametrize("how", ["skipped", "xfailed"])
def test_a_skipped_test_proves_nothing(project: Project, how: str) -> None:
    """A test that was skipped or expected to fail leaves its row Need, and the row says so."""
    project.ran((AGES, "passed"), (UNITS, how), reason="no systemd here")
    assert project.row("T1")["state"] == "Need"
    assert project.row("T1")["reason"] == f"{UNITS} was {how}: no systemd here"


def test_a_missing_test_proves_nothing(project: Project) -> None:
    """A named test that did not run leaves its row Need, and the row says so."""
    project.ran((AGES, "passed"))
    assert (project.row("T1")["state"], project.row("T1")["reason"]) == ("Need", "tests/sources did not run")


def test_a_name_that_only_begins_alike_is_not_meant(project: Project) -> None:
    """A test is not taken for another one whose name it continues."""
    project.ran((f"{AGES}_backwards", "passed"), (UNITS, "passed"))
    assert project.row("T1")["reason"] == f"{AGES} did not run"


def test_a_module_that_cannot_be_read_blocks_its_tests(project: Project) -> None:
    """When a module could not be collected, a row that names a test in it is Blocked."""
    project.ran(("tests/truth/test_reading.py", "error"), (UNITS, "passed"))
    assert project.row("T1")["state"] == "Blocked"


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        pytest.param('[T1]\ntitle = "A"\ntests = ["tests/truth"]\n', 0, id="all kept"),
        pytest.param(ROWS, 1, id="not all"),
    ],
)
def test_the_exit_code_says_whether_all_is_kept(project: Project, rows: str, code: int) -> None:
    """The command ends with 0 when every row is Have, and with 1 when one is not."""
    project.promise(rows)
    project.commit()
    project.ran((AGES, "passed"))
    assert project.ask().exit_code == code


def test_says_which_run_it_rests_on(project: Project) -> None:
    """The commit and the time of the run are printed, with the number of rows in each state."""
    project.ran((AGES, "passed"), (UNITS, "passed"))
    output = project.ask().stdout
    assert project.git("rev-parse", "HEAD") in output
    assert "2026-03-04T05:06:07" in output
    assert "Have 1, Need 2, Blocked 0" in output


def test_says_when_the_tree_was_or_is_changed(project: Project) -> None:
    """Changes that are in no commit, then or now, are mentioned."""
    project.ran((AGES, "passed"), dirty=True)
    assert "The run was of a working tree with changes" in project.ask().stdout
    (project.root / "new.py").write_text("")
    assert "The working tree has changes" in project.ask().stdout


def test_results_of_another_commit_are_refused(project: Project) -> None:
    """When the working tree has moved on since the run, nothing is claimed and both commits are named."""
    project.ran((AGES, "passed"))
    tested = project.git("rev-parse", "HEAD")
    project.commit()
    answer = project.ask()
    assert answer.exit_code == 2
    assert answer.stdout == ""
    assert tested[:12] in answer.stderr
    assert project.git("rev-parse", "HEAD")[:12] in answer.stderr
    assert "make test" in answer.stderr


def test_a_run_that_was_cut_short_is_refused(project: Project) -> None:
    """A run that has no time of finishing proves nothing, and the answer says what to do."""
    project.ran((AGES, "passed"), finished=False)
    answer = project.ask()
    assert (answer.exit_code, answer.stdout) == (2, "")
    assert "has not come to its end" in answer.stderr


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        pytest.param(".results/run.json", "{", "not the record of a test run", id="record cut short"),
        pytest.param(".results/unit.jsonl", '{"test": 1}\n', "line 1, is not the outcome", id="outcome of wrong type"),
        pytest.param("docs/acceptance.toml", "[T1", "acceptance.toml is not what it should be", id="rows not TOML"),
        pytest.param(
            "docs/acceptance.toml", '[T1]\ntitle = "A"\ndone = true\n', "unknown field `done`", id="unknown key"
        ),
    ],
)
def test_broken_files_are_refused_in_words(project: Project, file: str, text: str, words: str) -> None:
    """A results file or a rows file that is not what it should be is named, and nothing is claimed."""
    project.ran((AGES, "passed"))
    (project.root / file).write_text(text)
    answer = project.ask()
    assert (answer.exit_code, answer.stdout) == (2, "")
    assert words in answer.stderr


def test_without_a_run_it_says_how_to_make_one(project: Project) -> None:
    """Where no test run has left results, nothing is claimed and the command to run is named."""
    answer = project.ask()
    assert (answer.exit_code, answer.stdout) == (2, "")
    assert answer.stderr == "No test run has left results here. Run `make test`.\n"


def test_outside_a_checkout_it_says_so(tmp_path: Path) -> None:
    """Outside the project there is nothing to hold against the rows, and the answer says where to run it."""
    app = typer.Typer()
    app.command()(acceptance)
    answer = CliRunner().invoke(app, ["--root", str(tmp_path)])
    assert answer.exit_code == 2
    assert "--root" in answer.stderr
