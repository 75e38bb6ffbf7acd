"""Which promises are kept, by the word of the last test run and of nothing else.

A row of `docs/acceptance.toml` is Have when every test it names ran in that run and passed. It is Blocked when one of
them failed. Everything else is Need: no test is named, a named test did not run, or it was skipped.

Results speak for one commit. Of a working tree at another commit they say nothing, so nothing is said.
"""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from quarterdeck.errors import UsageError

ROWS_FILE: Final = Path("docs") / "acceptance.toml"
RESULTS_FOLDER: Final = Path(".results")
RUN_TESTS: Final = "Run `make test`."
GIT_LIMIT_S: Final = 10
SHORT: Final = 12  # digits of a commit id that people read


class Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A promise, and the tests that prove it."""

    title: str
    tests: tuple[str, ...] = ()
    planned: str = ""


class Run(msgspec.Struct, frozen=True):
    """What was tested, and when. A run that was cut short never got to say when it finished."""

    commit: str | None
    dirty: bool
    started_at: datetime
    finished_at: datetime | None = None


class Outcome(msgspec.Struct, frozen=True):
    """How one test went."""

    test: str
    outcome: str
    reason: str = ""


class State(StrEnum):
    HAVE = "Have"
    NEED = "Need"
    BLOCKED = "Blocked"


@dataclass(frozen=True, slots=True)
class Proof:
    """What the run says about one test, module or folder that a row names."""

    reference: str
    state: State
    tests: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What may be said of a row."""

    id: str
    title: str
    state: State
    reason: str
    proofs: tuple[Proof, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """Every row's verdict, and the run they rest on."""

    run: Run
    rows: tuple[Verdict, ...]
    notes: tuple[str, ...]

    @property
    def counts(self) -> dict[State, int]:
        found = Counter(row.state for row in self.rows)
        return {state: found[state] for state in State}


def judge(rows: Mapping[str, Row], outcomes: Iterable[Outcome]) -> tuple[Verdict, ...]:
    """Hold each row against what the tests said."""
    known = tuple(outcomes)
    return tuple(judge_row(row_id, row, known) for row_id, row in rows.items())


def judge_row(row_id: str, row: Row, outcomes: tuple[Outcome, ...]) -> Verdict:
    proofs = tuple(weigh(reference, outcomes) for reference in row.tests)
    if not proofs:
        return Verdict(row_id, row.title, State.NEED, row.planned or "no test is named", proofs)
    for state in (State.BLOCKED, State.NEED):
        short = [proof.reason for proof in proofs if proof.state is state]
        if short:
            return Verdict(row_id, row.title, state, "; ".join(short), proofs)
    return Verdict(row_id, row.title, State.HAVE, "", proofs)


def weigh(reference: str, outcomes: tuple[Outcome, ...]) -> Proof:
    meant = [outcome for outcome in outcomes if speaks_of(outcome.test, reference)]
    failed = [outcome for outcome in meant if outcome.outcome in {"failed", "error", "xpassed"}]
    unproven = [outcome for outcome in meant if outcome.outcome != "passed"]
    if not meant:
        return Proof(reference, State.NEED, 0, f"{reference} did not run")
    if failed:
        return Proof(reference, State.BLOCKED, len(meant), f"{failed[0].test} failed: {gist(failed[0].reason)}")
    if unproven:
        first = unproven[0]
        return Proof(reference, State.NEED, len(meant), f"{first.test} was {first.outcome}: {gist(first.reason)}")
    return Proof(reference, State.HAVE, len(meant))


def speaks_of(test: str, reference: str) -> bool:
    """A test is meant by its own name and by its module's and folders'; a broken module speaks for all in it."""
    return contains(reference, test) or contains(test, reference)


def contains(whole: str, part: str) -> bool:
    whole = whole.rstrip("/")
    return part == whole or part.startswith((f"{whole}/", f"{whole}::", f"{whole}["))


def gist(reason: str) -> str:
    """Return the line in which pytest says what went wrong."""
    lines = [line.strip() for line in reason.splitlines() if line.strip()]
    marked = [line.removeprefix("E ").strip() for line in lines if line.startswith("E ")]
    return (marked or lines or ["no reason was recorded"])[-1]


def report(root: Path) -> Report:
    """Read the rows and the last run of the project at `root`."""
    rows = read_rows(root / ROWS_FILE)
    run = read_run(root / RESULTS_FOLDER / "run.json")
    head = git(root, "rev-parse", "HEAD")
    if run.commit != head:
        tested = run.commit[:SHORT] if run.commit else "no commit that is known"
        began = run.started_at.isoformat()
        what = f"The working tree is at commit {head[:SHORT]}, and the last test run ({began}) was of {tested}"
        raise UsageError(what, RUN_TESTS)
    notes = ["The run was of a working tree with changes that are in no commit."] if run.dirty else []
    if git(root, "status", "--porcelain"):
        notes.append("The working tree has changes that are in no commit; the run may not have seen them.")
    return Report(run, judge(rows, read_outcomes(root / RESULTS_FOLDER)), tuple(notes))


def read_rows(path: Path) -> dict[str, Row]:
    try:
        return msgspec.toml.decode(path.read_bytes(), type=dict[str, Row])
    except msgspec.DecodeError as error:
        what = f"{path} is not what it should be: {error}"
        raise UsageError(what, "Mend the file; its head says what a row holds.") from error


def read_run(path: Path) -> Run:
    try:
        run = msgspec.json.decode(path.read_bytes(), type=Run)
    except FileNotFoundError as error:
        raise UsageError("No test run has left results here", RUN_TESTS) from error
    except msgspec.DecodeError as error:
        what = f"{path} is not the record of a test run: {error}"
        raise UsageError(what, RUN_TESTS) from error
    if run.finished_at is None:
        what = f"The test run that began at {run.started_at.isoformat()} has not come to its end"
        raise UsageError(what, f"Wait for it, or begin another. {RUN_TESTS}")
    return run


def read_outcomes(folder: Path) -> list[Outcome]:
    outcomes = []
    for path in sorted(folder.glob("*.jsonl")):
        for number, line in enumerate(path.read_bytes().splitlines(), start=1):
            try:
                outcomes.append(msgspec.json.decode(line, type=Outcome))
            except msgspec.DecodeError as error:
                what = f"{path}, line {number}, is not the outcome of a test: {error}"
                raise UsageError(what, RUN_TESTS) from error
    return outcomes


def git(root: Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=GIT_LIMIT_S, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        what = f"Which commit {root} is at cannot be learnt: {error}"
        raise UsageError(what, "Results speak for a commit: run this in a git checkout of the project.") from error
    return done.stdout.strip()


def project_root(start: Path) -> Path:
    """Find the project that `start` lies in."""
    for folder in (start, *start.parents):
        if (folder / ROWS_FILE).is_file():
            return folder
    what = f"There is no {ROWS_FILE} at {start} or above it"
    raise UsageError(what, "Run this in a checkout of the project, or name one with --root.")


LOOKS: Final = {State.HAVE: ("✔", "green"), State.NEED: ("○", "yellow"), State.BLOCKED: ("✖", "red")}


def show(found: Report, console: Console) -> None:
    table = Table(box=None, show_header=False, pad_edge=False)
    for row in found.rows:
        shape, colour = LOOKS[row.state]
        words = Text(row.title)
        if row.reason:
            words.append(f"\n{row.reason}", style="dim")
        table.add_row(row.id, Text(f"{shape} {row.state}", style=colour), words)
    console.print(table)
    console.print(", ".join(f"{state} {count}" for state, count in found.counts.items()), highlight=False)
    run = found.run
    console.print(f"By the test run of {run.started_at.isoformat()} at commit {run.commit}.", highlight=False)
    for note in found.notes:
        console.print(note, highlight=False)


def as_json(found: Report) -> bytes:
    return msgspec.json.encode({"run": found.run, "counts": found.counts, "notes": found.notes, "rows": found.rows})


def acceptance(
    root: Annotated[
        Path | None, typer.Option(help="The project's checkout. [default: the one this folder is in]")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Say which promises are kept, by the word of the last test run.

    Exits with 0 when every row is Have, 1 when one is Need or Blocked, 2 when nothing can be said.
    """
    try:
        found = report(project_root(root or Path.cwd()))
    except UsageError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error
    if json:
        typer.echo(as_json(found))
    else:
        show(found, Console())
    raise typer.Exit(0 if found.counts[State.HAVE] == len(found.rows) else 1)
