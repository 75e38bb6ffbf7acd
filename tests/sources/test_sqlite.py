"""Other programs' databases are read without a trace, never wrongly, and every broken one has its own reason.

The writers are other processes with the standard library's SQLite, as the agent is.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import apsw
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quarterdeck.sources.files import SourceError
from quarterdeck.sources.sqlite import TRIES, Database, Row, fingerprint, read
from quarterdeck.truth.reading import Reason

NOBODY = 65534
DAY_NS = 86400 * 10**9
SUFFIXES = ("", "-wal", "-shm", "-journal")
AGENT = """
import json, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
for line in sys.stdin:
    print(json.dumps(connection.execute(json.loads(line)).fetchall()), flush=True)
connection.close()
"""


class Agent:
    """Another process that has a database open and does as it is told."""

    def __init__(self, path: Path, *orders: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", AGENT, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for order in orders:
            self.do(order)

    def do(self, sql: str) -> list[list[object]]:
        assert self.process.stdin
        assert self.process.stdout
        print(json.dumps(sql), file=self.process.stdin, flush=True)
        rows: list[list[object]] = json.loads(self.process.stdout.readline())
        return rows

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(30)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(BrokenPipeError):
            self.process.communicate(timeout=30)  # no more orders: it closes the database and goes
        assert error is not None or self.process.returncode in {0, -signal.SIGKILL}


WAL = "PRAGMA journal_mode = WAL"
TABLE = "CREATE TABLE sessions (id INTEGER PRIMARY KEY, source TEXT, started_at REAL)"


def insert(count: int = 1, source: str = "cli") -> str:
    """Add sessions, each in a page or so of text, so that numbers of rows are numbers of pages."""
    return (
        f"INSERT INTO sessions (source, started_at) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
        f"WHERE i < {count}) SELECT '{source}' || substr(hex(zeroblob(1500)), 1, 3000), i FROM n"
    )


def count(database: Database) -> int:
    row = database.one("SELECT count(*) FROM sessions")
    assert row
    assert isinstance(row[0], int)
    return row[0]


def ask(path: Path, query: Callable[[Database], int] = count, *, budget_s: float = 20) -> int:
    return read(path, query, budget_s=budget_s)


def refusal(path: Path, sql: str = "SELECT count(*) FROM sessions", *, budget_s: float = 20) -> SourceError:
    """What is said about a database that cannot be read."""
    with pytest.raises(SourceError) as caught:
        read(path, lambda database: database.rows(sql), budget_s=budget_s)
    assert str(path) not in str(caught.value)
    assert caught.value.detail
    return caught.value


def rested(path: Path) -> Path:
    """The database's files, last touched long ago, as in a home that nobody uses just now."""
    long_ago = time.time_ns() - DAY_NS
    for suffix in SUFFIXES:
        with suppress(FileNotFoundError):
            os.utime(f"{path}{suffix}", ns=(long_ago - DAY_NS, long_ago))
    return path


def closed(path: Path, *orders: str) -> Path:
    """A database that its writer has closed in good order."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for order in orders:
            connection.execute(order)
    return rested(path)


def killed(path: Path, *orders: str) -> Path:
    """A database whose writer was killed: whatever it had open is left lying about."""
    with Agent(path, *orders) as agent:
        agent.kill()
    return rested(path)


def photograph(folder: Path) -> dict[str, tuple[object, ...]]:
    """Everything about every file: bytes, times, owner, mode, identity. Taking it moves no time either."""
    seen: dict[str, tuple[object, ...]] = {}
    for path in [folder, *sorted(folder.iterdir())]:
        content = None
        if path.is_file():
            descriptor = os.open(path, os.O_RDONLY | os.O_NOATIME)
            content = os.pread(descriptor, 1 << 30, 0)
            os.close(descriptor)
        seen[path.name] = (os.stat(path), os.stat(path).st_atime_ns, os.stat(path).st_mtime_ns, content)
    return seen


@contextmanager
def as_someone_else() -> Iterator[None]:
    """Without root's right to read everything; whoever is not root has none to lose."""
    me = os.geteuid()
    if me == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(me)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


@pytest.fixture
def open_to_all() -> Iterator[Path]:
    """A folder that other users can get to."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        yield Path(folder)


class TestWhatIsSeen:
    def test_without_a_log(self, path: Path) -> None:
        """A database without a log is read."""
        assert ask(closed(path, TABLE, insert(300))) == 300

    def test_closed_with_a_log(self, path: Path) -> None:
        """A database that uses a log, and whose writer is gone, is read."""
        closed(path, WAL, TABLE, insert(300))
        assert not path.with_name("state.db-wal").exists()
        assert ask(path) == 300

    def test_live_writer(self, path: Path) -> None:
        """What a living writer has committed is seen at once, though it is only in the log."""
        with Agent(path, WAL, TABLE) as agent:
            for number in range(1, 20):
                agent.do(insert())
                assert ask(path) == number

    def test_uncommitted(self, path: Path) -> None:
        """What a writer has not committed is not seen, though it is in the log already."""
        with Agent(path, WAL, TABLE, insert(5), "PRAGMA cache_size = 5", "BEGIN") as agent:
            before = path.with_name("state.db-wal").stat().st_size
            agent.do(insert(500))
            assert path.with_name("state.db-wal").stat().st_size > before + 1_000_000
            assert ask(path) == 5
            agent.do("ROLLBACK")
            assert ask(path) == 5
            agent.do(insert())
            assert ask(path) == 6

    @pytest.mark.parametrize("lost", [[], ["-shm"]], ids=["index there", "index lost"])
    def test_everything_in_the_log(self, path: Path, lost: list[str]) -> None:
        """A killed writer may leave a main file of one page and everything else in the log: it is all seen."""
        killed(path, "PRAGMA wal_autocheckpoint = 0", WAL, TABLE, insert(300))
        for suffix in lost:
            Path(f"{path}{suffix}").unlink()
        assert path.stat().st_size == 4096
        assert ask(path) == 300

    def test_log_is_lost(self, path: Path) -> None:
        """When the log itself is lost, what was in it is not there, and that is said."""
        killed(path, WAL, TABLE, insert())
        path.with_name("state.db-wal").unlink()
        error = refusal(path)
        assert (error.reason, error.detail) == (Reason.SCHEMA, "no such table: sessions")

    @pytest.mark.parametrize("page_size", [512, 65536])
    def test_page_sizes(self, path: Path, page_size: int) -> None:
        """The size of a page is the writer's choice."""
        with Agent(path, f"PRAGMA page_size = {page_size}", WAL, TABLE, insert(50)):
            assert ask(path) == 50

    def test_moved_behind_a_link(self, path: Path, tmp_path: Path) -> None:
        """A database that was moved and linked to has its log where it really is."""
        (tmp_path / "disk").mkdir()
        path.symlink_to("disk/moved.db")
        with Agent(path, "PRAGMA wal_autocheckpoint = 0", WAL, TABLE, insert(50)) as agent:
            assert ask(path) == 50
            before = fingerprint(path)
            agent.do(insert())
            assert fingerprint(path) != before
            assert ask(path) == 51

    def test_several_at_once(self, path: Path) -> None:
        """Questions from several threads do not disturb each other."""
        with Agent(path, WAL, TABLE, insert(50)), ThreadPoolExecutor(8) as pool:
            assert list(pool.map(ask, [path] * 100)) == [50] * 100

    def test_one_question_one_commit(self, path: Path) -> None:
        """All queries of one question see the same commit, and new commits do not disturb it."""
        with Agent(path, WAL, TABLE, insert(5)) as agent:
            seen: list[int] = []

            def question(database: Database) -> list[int]:
                for _ in range(5):
                    seen.append(count(database))
                    agent.do(insert())
                return seen

            assert read(path, question, budget_s=20) == [5, 5, 5, 5, 5]
            assert ask(path) == 10

    def test_truncated_log(self, path: Path, tmp_path: Path) -> None:
        """However much of a log's end is lost, what is seen is a commit that once was."""
        killed(path, "PRAGMA wal_autocheckpoint = 0", WAL, TABLE, *[insert(7)] * 10)
        log = path.with_name("state.db-wal").read_bytes()
        whole = tmp_path / "cut"
        whole.mkdir()

        @given(st.integers(0, len(log)))
        @settings(max_examples=60)
        def cut_at(size: int) -> None:
            shutil.copy(path, whole / "state.db")
            (whole / "state.db-wal").write_bytes(log[:size])
            rested(whole / "state.db")
            try:
                seen: object = ask(whole / "state.db")
            except SourceError as error:
                seen = str(error)
            assert seen in {*range(0, 71, 7), "schema: no such table: sessions"}

        cut_at()

    def test_values(self, path: Path) -> None:
        """Values keep their types, and parameters are values."""
        closed(path, TABLE, "INSERT INTO sessions VALUES (1, 'cli', 1.5), (2, x'00ff', NULL)")

        def question(database: Database) -> tuple[list[Row], Row | None, Row | None]:
            return (
                database.rows("SELECT * FROM sessions"),
                database.one("SELECT id FROM sessions WHERE source = ? AND started_at > ?", "cli", 1),
                database.one("SELECT id FROM sessions WHERE source = ?", "none"),
            )

        assert read(path, question, budget_s=20) == ([(1, "cli", 1.5), (2, b"\0\xff", None)], (1,), None)

    def test_sorting_needs_no_file(self, path: Path) -> None:
        """A query that has to sort more than fits its cache does so in memory."""
        closed(path, TABLE, insert(8000))
        rows = read(path, lambda database: database.rows("SELECT id FROM sessions ORDER BY source, -id"), budget_s=20)
        assert rows == [(number,) for number in range(8000, 0, -1)]


class TestSchema:
    def test_names(self, path: Path) -> None:
        """Tables, views and columns can be asked for."""
        closed(path, TABLE, "CREATE VIEW recent AS SELECT id FROM sessions", "CREATE INDEX i ON sessions (source)")

        def question(database: Database) -> tuple[object, ...]:
            return database.tables(), database.columns("sessions"), database.columns("recent"), database.columns("none")

        assert read(path, question, budget_s=20) == (
            {"sessions", "recent"},
            {"id", "source", "started_at"},
            {"id"},
            set(),
        )

    def test_newer(self, path: Path) -> None:
        """Columns and tables nobody here has heard of do no harm."""
        closed(path, TABLE, "ALTER TABLE sessions ADD COLUMN novelty TEXT DEFAULT 'x'", "CREATE TABLE t (x)", insert(3))
        assert ask(path) == 3

    @pytest.mark.parametrize(
        ("sql", "detail"),
        [
            ("SELECT 1 FROM messages", "no such table: messages"),
            ("SELECT title FROM sessions", "no such column: title"),
            ("SELECT s.title FROM sessions s", "no such column: s.title"),
            ("SELECT id FROM sessions INDEXED BY idx_started", "no such index: idx_started"),
            ("SELECT id FROM sessions INDEXED BY i WHERE id = 1", "an index in it no longer serves this query"),
            ("SELECT * FROM broken_view", "its tables are not as expected"),
        ],
    )
    def test_misfits(self, path: Path, sql: str, detail: str) -> None:
        """What a query needs and the database does not have is named, when it is our own word for it."""
        closed(
            path,
            TABLE,
            "CREATE INDEX i ON sessions (source) WHERE source = 'x'",
            "CREATE TABLE marker (x)",
            "CREATE VIEW broken_view AS SELECT * FROM marker",
            "DROP TABLE marker",
        )
        error = refusal(path, sql)
        assert (error.reason, error.detail) == (Reason.SCHEMA, detail)

    def test_second_choice(self, path: Path) -> None:
        """A question can fall back to another query when the first does not fit."""
        closed(path, TABLE, insert(4))

        def question(database: Database) -> int:
            with suppress(SourceError):
                database.rows("SELECT id FROM sessions INDEXED BY idx_started")
            return count(database)

        assert ask(path, question) == 4


SITUATIONS: dict[str, Callable[[Path], object]] = {
    "closed, no log": lambda path: closed(path, TABLE, insert(50)),
    "closed, log": lambda path: closed(path, WAL, TABLE, insert(50)),
    "killed": lambda path: killed(path, WAL, TABLE, insert(50)),
    "killed, index lost": lambda path: Path(f"{killed(path, WAL, TABLE, insert(50))}-shm").unlink(),
    "killed, everything in the log": lambda path: killed(path, "PRAGMA wal_autocheckpoint = 0", WAL, TABLE, insert(50)),
    "emptied journal": lambda path: killed(path, "PRAGMA journal_mode = TRUNCATE", TABLE, insert(50)),
    "kept journal": lambda path: killed(path, "PRAGMA journal_mode = PERSIST", TABLE, insert(50)),
}


class TestNoTrace:
    @pytest.mark.parametrize("situation", SITUATIONS)
    def test_at_rest(self, path: Path, situation: str) -> None:
        """Nothing is changed, created or deleted, and no time is moved, whatever state the database was left in."""
        SITUATIONS[situation](path)
        os.utime(path.parent, ns=(time.time_ns() - 2 * DAY_NS, time.time_ns() - DAY_NS))
        before = photograph(path.parent)
        for _ in range(3):
            assert ask(path) == 50
            fingerprint(path)
            refusal(path, "SELECT 1 FROM messages")
        assert photograph(path.parent) == before

    def test_beside_a_living_writer(self, path: Path) -> None:
        """A living writer's files are left alone too, its shared index included, and it goes on as if alone."""
        with Agent(path, WAL, TABLE, insert(50)) as agent:
            before = photograph(path.parent)
            for _ in range(3):
                assert ask(path) == 50
            assert photograph(path.parent) == before
            agent.do(insert())
            assert agent.do("PRAGMA wal_checkpoint(TRUNCATE)") == [[0, 0, 0]]
            assert agent.do("SELECT count(*) FROM sessions") == [[51]]
            assert agent.do("PRAGMA integrity_check") == [["ok"]]
        assert ask(path) == 51

    def test_never_in_the_way(self, path: Path) -> None:
        """In the middle of our question a writer can do all that needs a database to itself."""
        with Agent(path, WAL, TABLE, insert(50), "PRAGMA busy_timeout = 0") as agent:
            busy: list[list[list[object]]] = []

            def question(database: Database) -> int:
                if not busy:
                    count(database)
                    busy.append(agent.do("PRAGMA wal_checkpoint(TRUNCATE)"))
                    busy.append(agent.do("PRAGMA journal_mode = DELETE"))
                    busy.append(agent.do("BEGIN EXCLUSIVE"))
                    busy.append(agent.do("COMMIT"))
                return count(database)

            assert ask(path, question) == 50
            assert busy == [[[0, 0, 0]], [["delete"]], [], []]

    @pytest.mark.parametrize("situation", SITUATIONS)
    def test_folder_that_cannot_be_written(self, open_to_all: Path, situation: str) -> None:
        """Another user with no right to write anything reads the same."""
        path = open_to_all / "state.db"
        SITUATIONS[situation](path)
        open_to_all.chmod(0o555)
        with as_someone_else():
            assert ask(path) == 50

    @pytest.mark.parametrize(
        "sql",
        [
            "INSERT INTO sessions (source) VALUES ('x')",
            "PRAGMA query_only = 0",
            "CREATE TABLE t (x)",
            "CREATE TEMP TABLE t (x)",
            "DROP TABLE sessions",
            "VACUUM",
            "VACUUM INTO '{folder}/copy.db'",
            "ATTACH '{folder}/new.db' AS new",
            "ATTACH 'file:{folder}/new.db?vfs=unix' AS new",
            "PRAGMA journal_mode = DELETE",
            "PRAGMA wal_checkpoint(TRUNCATE)",
            "PRAGMA locking_mode = NORMAL",
            "PRAGMA user_version = 7",
            "PRAGMA incremental_vacuum",
            "BEGIN EXCLUSIVE",
            "SELECT load_extension('{folder}/x')",
            "PRAGMA temp_store_directory = '{folder}'",
        ],
    )
    def test_cannot_write(self, path: Path, sql: str) -> None:
        """There is no statement that changes anything, even when the guards inside SQLite are switched off first."""
        killed(path, WAL, TABLE, insert(50))
        before = photograph(path.parent)

        def question(database: Database) -> int:
            database.rows("PRAGMA query_only = 0")
            with suppress(SourceError):
                database.rows(sql.format(folder=path.parent))
            with suppress(SourceError):
                database.rows("INSERT INTO sessions (source) VALUES ('x')")
            return 0

        ask(path, question)
        assert photograph(path.parent) == before
        assert ask(path) == 50

    def test_nothing_stays_open(self, path: Path) -> None:
        """Neither success nor failure leaves a descriptor or a file system behind."""
        killed(path, WAL, TABLE, insert(50))
        before = os.listdir("/proc/self/fd"), apsw.vfs_names()
        ask(path)
        refusal(path, "SELECT 1 FROM messages")
        refusal(
            path, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n", budget_s=0.1
        )
        refusal(path.parent)
        assert (os.listdir("/proc/self/fd"), apsw.vfs_names()) == before


STORM = """
import itertools, sqlite3, sys, time
path, journal, checkpoint, pause = sys.argv[1:]
connection = sqlite3.connect(path, isolation_level=None, timeout=30)
connection.execute(f"PRAGMA journal_mode = {journal}")
connection.execute("PRAGMA synchronous = OFF")
connection.execute("PRAGMA cache_size = 5")  # spills changes to disk before they are committed
connection.execute("CREATE TABLE pages (id INTEGER PRIMARY KEY, generation INTEGER, filling TEXT)")
connection.execute("BEGIN")
connection.executemany("INSERT INTO pages VALUES (?, 0, ?)", [(number, "x" * 3000) for number in range(200)])
connection.execute("COMMIT")
print("ready", flush=True)
for turn in itertools.count():
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("UPDATE pages SET generation = generation + 1")
    connection.execute("COMMIT" if turn % 5 else "ROLLBACK")
    if checkpoint:
        connection.execute(f"PRAGMA wal_checkpoint({checkpoint})").fetchall()
    time.sleep(float(pause))
"""


class TestStorms:
    @pytest.mark.parametrize(
        ("journal", "checkpoint", "pause"),
        [
            ("WAL", "", 0),
            ("WAL", "PASSIVE", 0.005),
            ("WAL", "RESTART", 0.005),
            ("WAL", "TRUNCATE", 0.005),
            ("WAL", "TRUNCATE", 0),
            ("DELETE", "", 0.05),
            ("TRUNCATE", "", 0.05),
            ("PERSIST", "", 0.05),
        ],
    )
    def test_never_wrong(self, path: Path, journal: str, checkpoint: str, pause: float) -> None:
        """Beside a writer that rewrites every page and checkpoints all the time, each answer is one commit, or none."""

        def generations(database: Database) -> list[Row]:
            return [
                row
                for _ in range(2)
                for row in database.rows("SELECT generation, count(*), sum(length(filling)) FROM pages GROUP BY 1")
            ]

        answers: list[list[Row]] = []
        reasons: Counter[Reason] = Counter()
        order = [sys.executable, "-c", STORM, str(path), journal, checkpoint, str(pause)]
        with subprocess.Popen(order, stdout=subprocess.PIPE) as writer:
            assert writer.stdout
            assert writer.stdout.readline() == b"ready\n"
            until = time.monotonic() + 1
            while time.monotonic() < until or not (answers or pause == 0):
                try:
                    answers.append(read(path, generations, budget_s=5))
                except SourceError as error:
                    reasons[error.reason] += 1
            writer.kill()
        assert set(reasons) <= {Reason.BUSY}
        assert [answer for answer in answers if answer != [(answer[0][0], 200, 600_000)] * 2] == []


DISTURBANCES = {
    "checkpoint": ["PRAGMA wal_checkpoint(PASSIVE)"],
    "checkpoint of newer commits": [insert(50), "PRAGMA wal_checkpoint(PASSIVE)"],
    "log starts over": ["PRAGMA wal_checkpoint(RESTART)", insert(50)],
    "log emptied": ["PRAGMA wal_checkpoint(TRUNCATE)"],
    "log given up": ["PRAGMA journal_mode = DELETE"],
    "log given up, and a write": ["PRAGMA journal_mode = DELETE", insert(50)],
    "vacuum": ["DELETE FROM sessions WHERE id > 10", "VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"],
}


class TestDisturbed:
    @pytest.mark.parametrize("disturbance", DISTURBANCES)
    def test_is_noticed(self, path: Path, disturbance: str) -> None:
        """Whatever a reader cannot survive is noticed, and the question is asked again."""
        with Agent(path, WAL, TABLE, insert(50)) as agent:
            calls: list[int] = []

            def question(database: Database) -> int:
                calls.append(count(database))
                if len(calls) == 1:
                    for order in DISTURBANCES[disturbance]:
                        agent.do(order)
                return calls[-1]

            expected = ask(path, question)
            assert len(calls) == 2
            assert agent.do("SELECT count(*) FROM sessions") == [[expected]]

    @pytest.mark.parametrize("mode", ["DELETE", "TRUNCATE", "PERSIST"])
    def test_writes_without_a_log_are_noticed(self, path: Path, mode: str) -> None:
        """A commit straight into the main file is noticed, however the writer keeps its journal."""
        with Agent(path, f"PRAGMA journal_mode = {mode}", TABLE, insert(50)) as agent:
            calls: list[int] = []

            def question(database: Database) -> int:
                calls.append(count(database))
                if len(calls) == 1:
                    agent.do(insert())
                return calls[-1]

            assert ask(path, question) == 51
            assert calls == [50, 51]

    def test_errors_of_a_torn_view_are_not_believed(self, path: Path) -> None:
        """An error that arose while the database changed is forgotten with the answer."""
        with Agent(path, WAL, TABLE, insert(50)) as agent:
            calls: list[int] = []

            def question(database: Database) -> int:
                calls.append(count(database))
                if len(calls) == 1:
                    agent.do("PRAGMA wal_checkpoint(TRUNCATE)")
                    raise ValueError("torn")
                return calls[-1]

            assert ask(path, question) == 50

    def test_errors_of_the_question_itself(self, path: Path) -> None:
        """An error in a quiet database is the question's own and passes through unchanged."""
        closed(path, TABLE)

        def question(database: Database) -> int:
            raise ValueError("mine")

        with pytest.raises(ValueError, match="mine"):
            ask(path, question)

    def test_disturbed_for_ever(self, path: Path) -> None:
        """A database that is never left alone is busy, after a few tries."""
        with Agent(path, WAL, TABLE, insert()) as agent:
            calls: list[int] = []

            def question(database: Database) -> int:
                calls.append(count(database))
                agent.do(insert())
                agent.do("PRAGMA wal_checkpoint(PASSIVE)")
                return 0

            with pytest.raises(SourceError) as caught:
                ask(path, question)
            assert (caught.value.reason, len(calls)) == (Reason.BUSY, TRIES)

    def test_replaced(self, path: Path, tmp_path: Path) -> None:
        """Another database in its place is noticed, and read."""
        closed(path, TABLE, insert(5))
        closed(tmp_path / "other.db", TABLE, insert(7))

        def question(database: Database) -> int:
            if (tmp_path / "other.db").exists():
                os.replace(tmp_path / "other.db", path)
            return count(database)

        assert ask(path, question) == 7

    def test_deleted(self, path: Path) -> None:
        """A database that is deleted under the reader is missing, whatever could still be read of it."""
        closed(path, TABLE, insert(5))

        def question(database: Database) -> int:
            path.unlink()
            return count(database)

        with pytest.raises(SourceError) as caught:
            ask(path, question)
        assert caught.value.reason is Reason.MISSING


class TestJournal:
    def test_write_under_way(self, path: Path) -> None:
        """While a writer without a log has spilled what it has not committed, the database is busy."""
        closed(path, TABLE, insert(50))
        with Agent(path, "PRAGMA cache_size = 5", "BEGIN", "UPDATE sessions SET source = source || 'x'") as agent:
            error = refusal(path)
            assert error.reason is Reason.BUSY
            assert "rollback journal" in error.detail
            agent.do("COMMIT")
            assert ask(path) == 50

    def test_write_cut_off(self, path: Path) -> None:
        """A write that was cut off is not shown as if it had happened."""
        closed(path, TABLE, insert(50))
        killed(path, "PRAGMA cache_size = 5", "BEGIN", "UPDATE sessions SET source = source || 'x'")
        assert refusal(path).reason is Reason.BUSY
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("SELECT count(*) FROM sessions").fetchall()
        assert ask(path) == 50


def filled(path: Path) -> Path:
    return closed(path, TABLE, insert(100))


def overwritten(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    rested(path)


class TestBroken:
    def test_missing(self, path: Path) -> None:
        """A database that is not there is missing, and is not created."""
        assert refusal(path).reason is Reason.MISSING
        assert not path.exists()

    @pytest.mark.parametrize(
        ("data", "detail"),
        [
            (b"", "empty"),
            (b"[[[[ not a database", "not an SQLite database (first bytes 5b 5b 5b 5b)"),
            (b"{}", "not an SQLite database (first bytes 7b 7d)"),
            (b"SQLite format 3\0", "not an SQLite database (first bytes 53 51 4c 69)"),
            (b"SQLite format 3\0" + b"\xff" * 5000, "not an SQLite database behind its first bytes"),
            (b"SQLite format 3\0" + b"\0" * 5000, "not an SQLite database behind its first bytes"),
        ],
    )
    def test_something_else(self, path: Path, data: bytes, detail: str) -> None:
        """What is not a database is corrupt, and the reason says how it begins."""
        overwritten(path, data)
        error = refusal(path)
        assert (error.reason, error.detail) == (Reason.CORRUPT, detail)

    def test_empty_with_a_log(self, path: Path) -> None:
        """A main file of no bytes is empty whatever lies beside it: SQLite itself would throw that log away."""
        killed(path, WAL, TABLE, insert())
        overwritten(path, b"")
        assert refusal(path).detail == "empty"

    @pytest.mark.parametrize("tenths", range(1, 10))
    def test_truncated(self, path: Path, tenths: int) -> None:
        """A database cut off at any tenth is corrupt."""
        os.truncate(filled(path), path.stat().st_size * tenths // 10)
        assert refusal(rested(path)).reason is Reason.CORRUPT

    def test_truncated_anywhere(self, path: Path, tmp_path: Path) -> None:
        """A database cut off anywhere is corrupt."""
        whole, cut = filled(path).read_bytes(), tmp_path / "cut.db"

        @given(st.integers(0, len(whole) - 1))
        @settings(max_examples=50)
        def cut_at(size: int) -> None:
            overwritten(cut, whole[:size])
            assert refusal(cut).reason is Reason.CORRUPT

        cut_at()

    def test_damaged_anywhere(self, path: Path, tmp_path: Path) -> None:
        """Damage anywhere leaves an answer or a reason, and nothing else happens."""
        whole, damaged = closed(path, WAL, TABLE, insert(60)).read_bytes(), tmp_path / "damaged.db"

        @given(st.lists(st.tuples(st.integers(0, len(whole) - 1), st.binary(min_size=1, max_size=64)), min_size=1))
        @settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
        def damage(wounds: list[tuple[int, bytes]]) -> None:
            data = bytearray(whole)
            for place, wound in wounds:
                data[place : place + len(wound)] = wound
            overwritten(damaged, bytes(data))
            with suppress(SourceError):
                read(damaged, lambda database: (database.rows("SELECT * FROM sessions"), database.tables()), budget_s=5)

        damage()

    @pytest.mark.parametrize("suffix", ["-wal", "-shm", "-journal"])
    def test_random_bytes_beside_it(self, path: Path, suffix: str) -> None:
        """Random bytes in the place of a log or an index are no commit; in a journal's place they may be one."""
        filled(path)
        overwritten(Path(f"{path}{suffix}"), random.Random(1).randbytes(50_000))
        if suffix == "-journal":
            assert refusal(path).reason is Reason.BUSY
        else:
            assert ask(path) == 100

    @pytest.mark.parametrize("suffix", SUFFIXES)
    def test_wrong_types(self, path: Path, suffix: str) -> None:
        """A directory, a pipe or links in circles in the place of any of its files are refused by name."""
        filled(path)
        wrong = Path(f"{path}{suffix}")
        words = {
            "": "",
            "-wal": "its write-ahead log: ",
            "-shm": "its shared index: ",
            "-journal": "its rollback journal: ",
        }
        wrong.unlink(missing_ok=True)
        wrong.mkdir()
        assert refusal(path).detail == words[suffix] + "a directory, not a file"
        wrong.rmdir()
        os.mkfifo(wrong)
        assert refusal(path).detail == words[suffix] + "a pipe, not a file"
        wrong.unlink()
        wrong.symlink_to(wrong.name)
        assert refusal(path).detail == words[suffix] + "a symbolic link that leads in circles"

    @pytest.mark.parametrize("suffix", ["", "-wal", "-shm"])
    def test_not_allowed(self, open_to_all: Path, suffix: str) -> None:
        """A database of which any part may not be read is denied."""
        path = killed(open_to_all / "state.db", WAL, TABLE, insert())
        os.chmod(f"{path}{suffix}", 0)
        with as_someone_else():
            assert refusal(path).reason is Reason.DENIED

    def test_enormous(self, path: Path) -> None:
        """Two gigabytes of nothing are seen through by their beginning, also behind a good one."""
        path.touch()
        os.truncate(path, 2_000_000_000)
        began = time.monotonic()
        assert refusal(rested(path)).detail == "not an SQLite database (first bytes 00 00 00 00)"
        path.unlink()
        os.truncate(filled(path), 2_000_000_000)
        assert ask(rested(path)) == 100
        assert time.monotonic() - began < 20

    def test_enormous_log(self, path: Path) -> None:
        """A log of two gigabytes of nothing holds no commit."""
        filled(path)
        log = Path(f"{path}-wal")
        log.touch()
        os.truncate(log, 2_000_000_000)
        assert ask(rested(path)) == 100

    def test_schema_that_is_no_sql(self, path: Path) -> None:
        """A damaged schema is corrupt, and the reason does not quote it."""
        closed(
            path,
            TABLE,
            "PRAGMA writable_schema = ON",
            "UPDATE sqlite_schema SET sql = 'CREATE TABLE private_marker (', name = 'private_marker'",
        )
        error = refusal(path)
        assert error.reason is Reason.CORRUPT
        assert "marker" not in str(error)

    @pytest.mark.parametrize(
        ("order", "sql", "detail"),
        [
            (
                "INSERT INTO sessions VALUES (9223372036854775807, '', 0), (9223372036854775806, '', 0)",
                "SELECT sum(id) FROM sessions",
                "it holds numbers too large to add up",
            ),
            (
                "INSERT INTO sessions VALUES (1, CAST(x'ff41' AS TEXT), 0)",
                "SELECT source FROM sessions",
                "it holds text that is not UTF-8",
            ),
            (
                "INSERT INTO sessions VALUES (1, '{', 0)",
                "SELECT json_extract(source, '$.a') FROM sessions",
                "it holds values that make no sense",
            ),
            (
                "INSERT INTO sessions VALUES (1, zeroblob(70000000), 0)",
                "SELECT source FROM sessions",
                "a value in it has more than 64 MB",
            ),
        ],
        ids=["too large to add", "not text", "not JSON", "too long"],
    )
    def test_values_that_make_no_sense(self, path: Path, order: str, sql: str, detail: str) -> None:
        """Values that cannot be worked with are corrupt, each in its own words."""
        error = refusal(closed(path, TABLE, order), sql)
        assert (error.reason, error.detail) == (Reason.CORRUPT, detail)

    def test_question_that_is_no_sql(self, path: Path) -> None:
        """A question with a mistake in it is the observer's fault, not the database's."""
        assert refusal(filled(path), "SELEC").reason is Reason.OBSERVER


class TestTime:
    def test_endless_query(self, path: Path) -> None:
        """A query without end is stopped when its time is up."""
        closed(
            path,
            "CREATE VIEW sessions AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n",
        )
        began = time.monotonic()
        assert refusal(path, budget_s=0.2).reason is Reason.TIMEOUT
        assert time.monotonic() - began < 20

    def test_endless_log(self, path: Path) -> None:
        """Working through a long log is stopped too."""
        killed(path, "PRAGMA wal_autocheckpoint = 0", WAL, TABLE, insert(5000))
        assert refusal(path, budget_s=0.004).reason is Reason.TIMEOUT

    def test_no_time_at_all(self, path: Path) -> None:
        """Without time nothing is read."""
        assert refusal(filled(path), budget_s=0).reason is Reason.TIMEOUT


class TestFingerprint:
    def test_every_commit_counts(self, path: Path) -> None:
        """No two commits look the same, however fast they follow each other."""
        with Agent(path, WAL, TABLE, "PRAGMA synchronous = OFF") as agent:
            seen = {fingerprint(path)}
            for _ in range(100):
                agent.do(insert())
                seen.add(fingerprint(path))
            assert len(seen) == 101
            assert fingerprint(path) == fingerprint(path)

    def test_every_commit_counts_without_a_log(self, path: Path) -> None:
        """Nor without a log."""
        with Agent(path, TABLE, "PRAGMA synchronous = OFF") as agent:
            seen = {fingerprint(path)}
            for _ in range(50):
                agent.do(insert())
                seen.add(fingerprint(path))
            assert len(seen) == 51

    @pytest.mark.parametrize("situation", SITUATIONS)
    def test_nothing_happened(self, path: Path, situation: str) -> None:
        """As long as nothing happens the fingerprint stays, and reading is nothing."""
        SITUATIONS[situation](path)
        rested(path)
        before = fingerprint(path)
        ask(path)
        assert fingerprint(path) == before

    def test_too_young_to_tell(self, path: Path) -> None:
        """A file without a shared index that has only just changed never looks the same twice."""
        filled(path)
        os.utime(path)
        assert fingerprint(path) != fingerprint(path)

    def test_of_nothing(self, path: Path) -> None:
        """What is not a database has no fingerprint but a reason."""
        with pytest.raises(SourceError) as caught:
            fingerprint(path)
        assert caught.value.reason is Reason.MISSING
