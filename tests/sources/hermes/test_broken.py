"""Every file that is read here, broken in every way in which a file can be broken.

Each gives a typed reason on what rests on it and leaves the rest correct. Nothing raises, nothing hangs, and no figure
becomes a bare zero.
"""

from __future__ import annotations

import os
import random
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from quarterdeck.sources.hermes import cron, jobs, kanban, sessions
from quarterdeck.truth.reading import Reason
from tests.sources.hermes.agent_home import (
    NORTH,
    NOW,
    AgentHome,
    FakeMachine,
    T,
    Told,
    job,
    runner,
)

SESSIONS, CRON, JOB, KANBAN = (f"hermes:north/{part}" for part in ("sessions", "cron", "cron/934a7b9942d5", "kanban"))

FROM_STATE = {field.name for field, _ in sessions.FIGURES} | {
    *("open_turns", "open_turn_since", "open_turn_in", "open_turn_tool", "open_turn_session")
}
FROM_JOBS = {field.name for field, _ in jobs.FACTS}
FROM_LEDGER = {"running_since", "runs_24h", "failed_24h", "last_success_at", "recent_runs"}

AFFECTED: dict[str, dict[str, set[str]]] = {
    "state.db": {SESSIONS: FROM_STATE, "hermes:north": {"schema_version"}},
    "cron/jobs.json": {CRON: {"jobs_declared", "jobs_enabled", "oldest_due_at"}, JOB: FROM_JOBS},
    "cron/executions.db": {CRON: {"runs_running", "oldest_run_at"}, JOB: FROM_LEDGER},
    "cron/ticker_heartbeat": {CRON: {"ticker_at"}},
    "cron/ticker_last_success": {CRON: {"ticker_success_at"}},
    "kanban.db": {KANBAN: {"tasks", "running_stale", "blocked_silent"}},
}
"""By file: what rests on it. Whatever else is told must be told as if the file were whole."""
LESS = {"cron/jobs.json": {(JOB, "recent_runs")}}
"""By file: what is told all the same, but says less: since when a job has been there, its runs are known."""


def make(path: Path) -> AgentHome:
    """A healthy home with something of everything."""
    home = AgentHome(path)
    with home.database() as db:
        for number in range(40):
            at, name = T - number * 9_000.0, f"s{number}"
            db.execute(
                "INSERT INTO sessions (id, source, started_at, input_tokens) VALUES (?, 'cli', ?, 7)", (name, at)
            )
            db.execute("INSERT INTO messages (session_id, role, timestamp) VALUES (?, 'assistant', ?)", (name, at))
    home.jobs(job(repeat={"times": None, "completed": 1}))
    home.ledger()
    home.ran("934a7b9942d5", "completed", ago=1_205)
    home.write("cron/ticker_heartbeat", f"{T - 20}")
    home.write("cron/ticker_last_success", f"{T - 20}")
    home.board()
    home.task("t", "ready")
    return home


def look(home: Path) -> Told:
    machine, gateway = FakeMachine(), runner()
    readings = sessions.read(home, NORTH, NOW, gateway)
    readings += cron.read(home, NORTH, NOW, gateway, kernel=machine)
    return Told(readings + kanban.read(home, NORTH, NOW, gateway))


def without(told: Told, name: str) -> dict[tuple[str, str], object]:
    """Everything told that does not rest on a file, nor on its size."""
    lost = {(about, each) for about, fields in AFFECTED[name].items() for each in fields} | {(SESSIONS, "db_bytes")}
    lost |= LESS.get(name, set())
    return {(r.subject, r.field): r for r in told.readings if (r.subject, r.field) not in lost}


def expect(home: Path, name: str, whole: Told, reasons: set[Reason]) -> None:
    """What rests on the file is unknown, for one of these reasons; the rest is as it was."""
    broken = look(home)
    assert without(broken, name) == without(whole, name)
    for about, fields in AFFECTED[name].items():
        for each in fields & {reading.field for reading in whole.readings if reading.subject == about}:
            assert broken.reason(about, each) in reasons, (about, each)


# --- the ways in which a file can be broken --------------------------------------------------------------------------


def remove(path: Path) -> None:
    path.unlink()


def empty(path: Path) -> None:
    path.write_bytes(b"")


def noise(path: Path) -> None:
    path.write_bytes(random.Random(7).randbytes(20_000))


def directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def loop(path: Path) -> None:
    path.unlink()
    path.symlink_to(path)


def dangling(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.with_name("nowhere"))


def enormous(path: Path) -> None:
    path.write_bytes(b"")
    os.truncate(path, 2_000_000_000)


def wrong_type(path: Path) -> None:
    path.write_text('{"jobs": "many"}')


WAYS: dict[str, tuple[Callable[[Path], None], set[Reason]]] = {
    "missing": (remove, {Reason.MISSING}),
    "empty": (empty, {Reason.CORRUPT}),
    "random bytes": (noise, {Reason.CORRUPT}),
    "a directory": (directory, {Reason.CORRUPT}),
    "a fifo": (fifo, {Reason.CORRUPT}),
    "a symlink loop": (loop, {Reason.CORRUPT}),
    "a dangling link": (dangling, {Reason.MISSING}),
    "2 GB of nothing": (enormous, {Reason.CORRUPT}),
    "another type": (wrong_type, {Reason.CORRUPT}),
}

ABSENCE_IS_AN_ANSWER = {"cron/executions.db", "cron/ticker_heartbeat", "cron/ticker_last_success", "kanban.db"}
"""Files that need not be there: that they are not is told, and is tested where their facts are."""


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", AFFECTED)
def test_a_broken_file_costs_what_rests_on_it(tmp_path: Path, name: str, way: str) -> None:
    """A file that is broken gives its reason to what rests on it, and the rest is as before."""
    home = make(tmp_path / "home")
    whole = look(home.path)
    break_it, reasons = WAYS[way]
    if reasons == {Reason.MISSING} and name in ABSENCE_IS_AN_ANSWER:
        break_it = directory
        reasons = {Reason.CORRUPT}
    break_it(home.path / name)
    expect(home.path, name, whole, reasons)


@pytest.mark.parametrize("tenth", range(10))
@pytest.mark.parametrize("name", AFFECTED)
def test_a_file_cut_off_at_any_tenth_costs_no_more(tmp_path: Path, name: str, tenth: int) -> None:
    """Wherever a file is cut off, what it still says is right or is unknown, and nothing else suffers."""
    home = make(tmp_path / "home")
    whole = look(home.path)
    path = home.path / name
    size = path.stat().st_size
    os.truncate(path, size * tenth // 10)
    cut = look(home.path)
    assert without(cut, name) == without(whole, name)
    if not name.startswith("cron/ticker"):  # a time that lost its last digits is an earlier time: nothing can tell
        for about, fields in AFFECTED[name].items():
            for each in fields - cut.unknown(about):
                assert cut.values(about).get(each) == whole.values(about).get(each), (about, each)
        assert any(cut.unknown(about) for about in AFFECTED[name])


@pytest.mark.parametrize("name", [name for name in AFFECTED if name.endswith(".db")])
@pytest.mark.parametrize("page", [1, 2, 5, 9, 14])
def test_a_damaged_page_costs_no_more_than_its_own(tmp_path: Path, name: str, page: int) -> None:
    """A database with a page of noise tells the truth or that it is damaged, figure by figure."""
    home = make(tmp_path / "home")
    whole = look(home.path)
    data = bytearray((home.path / name).read_bytes())
    start = min(page * 4096, max(4096, len(data) - 4096))
    data[start : start + 4096] = random.Random(page).randbytes(4096)
    (home.path / name).write_bytes(data)
    broken = look(home.path)
    assert without(broken, name) == without(whole, name)
    for about in AFFECTED[name]:
        for each, value in broken.values(about).items():
            assert value == whole.values(about)[each], (about, each)


@pytest.fixture
def as_nobody() -> Iterator[None]:
    """Not root, for whom nothing is unreadable."""
    os.setegid(65_534)
    os.seteuid(65_534)
    yield
    os.seteuid(0)
    os.setegid(0)


@pytest.mark.parametrize("name", AFFECTED)
def test_an_unreadable_file_is_denied(tmp_path: Path, name: str, request: pytest.FixtureRequest) -> None:
    """A file that may not be read is denied, which is not missing."""
    for folder in (tmp_path, *list(tmp_path.parents)[:2]):
        folder.chmod(0o755)
    home = make(tmp_path / "home")
    (home.path / name).chmod(0)
    if os.geteuid() == 0:
        request.getfixturevalue("as_nobody")
    broken = look(home.path)
    for about, fields in AFFECTED[name].items():
        for each in fields & {reading.field for reading in broken.readings if reading.subject == about}:
            assert broken.reason(about, each) is Reason.DENIED, (about, each)


@pytest.mark.parametrize("name", [name for name in AFFECTED if name.endswith(".db")])
def test_a_database_in_a_writers_hands_is_busy(tmp_path: Path, name: str) -> None:
    """While a writer holds a database exclusively in the middle of a change, it is busy, and nothing is zero."""
    home = make(tmp_path / "home")
    whole = look(home.path)
    with closing(sqlite3.connect(home.path / name, isolation_level=None)) as writer:
        writer.execute("PRAGMA journal_mode = DELETE")
        writer.execute("PRAGMA locking_mode = EXCLUSIVE")
        writer.execute("PRAGMA cache_size = 1")
        writer.execute("BEGIN EXCLUSIVE")
        writer.execute("CREATE TABLE filler (data BLOB)")
        for _ in range(50):
            writer.execute("INSERT INTO filler VALUES (randomblob(4000))")
        expect(home.path, name, whole, {Reason.BUSY})
        writer.execute("ROLLBACK")


def test_a_writer_at_work_in_wal_mode_disturbs_nothing(tmp_path: Path) -> None:
    """While the agent writes with its log, everything is told as of its last commit."""
    home = make(tmp_path / "home")
    whole = look(home.path)
    with closing(sqlite3.connect(home.path / "state.db", isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("INSERT INTO sessions (id, source, started_at) VALUES ('n', 'cli', ?)", (T - 5,))
        assert look(home.path).value(SESSIONS, "total") == 40
        writer.execute("COMMIT")
        assert look(home.path).value(SESSIONS, "total") == 41
    assert whole.value(SESSIONS, "total") == 40


IN_PLACE_OF_A_FOLDER: dict[str, Callable[[Path], object]] = {
    "a file": lambda path: path.write_text("x"),
    "a fifo": os.mkfifo,
    "a symlink loop": lambda path: path.symlink_to(path),
}


@pytest.mark.parametrize("folder", ["cron", "cron/output", "kanban", "sessions"])
@pytest.mark.parametrize("way", IN_PLACE_OF_A_FOLDER)
def test_a_folder_that_is_none_hides_nothing(tmp_path: Path, folder: str, way: str) -> None:
    """Something else in the place of a folder costs what lies in it, and nothing becomes zero."""
    home = make(tmp_path / "home")
    path = home.path / folder
    if folder == "cron":
        path.rename(home.path / "gone")
    IN_PLACE_OF_A_FOLDER[way](path)
    found = look(home.path)
    assert found.value(SESSIONS, "total") == 40
    if folder == "cron":
        assert found.reason(CRON, "jobs_declared") is found.reason(CRON, "runs_running") is Reason.CORRUPT
        assert found.reason(CRON, "ticker_at") is Reason.CORRUPT
    else:
        assert found.value(CRON, "jobs_declared") == 1
    if folder == "kanban":
        assert found.unknown(KANBAN) == {"tasks", "running_stale", "blocked_silent"}


def test_a_home_that_is_not_there_is_missing(tmp_path: Path) -> None:
    """Of a home that does not exist everything is missing; that it has no jobs is not a fact."""
    found = look(tmp_path / "nowhere")
    assert {found.reason(SESSIONS, name) for name in FROM_STATE} == {Reason.MISSING}
    assert found.reason(CRON, "jobs_declared") is Reason.MISSING
    assert KANBAN not in found.subjects()
