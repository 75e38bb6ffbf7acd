"""Looking leaves no trace in a real home, whether its agent runs, was stopped or was killed.

Twice shown: by everything the file system remembers of a home, before and after, and by every system call that named a
path inside it while we looked.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from tests.fakes.model_server import ModelServer
from tests.real.homes import Gateway, Home
from tests.real.looking import SEEN, Looker

VIEWS: Final = ("brief", "agents", "cron", "ops")

# What may be asked of a path inside a home. Everything else, known or not, is a trace.
LOOKING_CALLS: Final = frozenset(
    {
        *("stat", "lstat", "fstat", "newfstatat", "statx", "statfs", "fstatfs", "access", "faccessat", "faccessat2"),
        *("readlink", "readlinkat", "inotify_add_watch"),
    }
)
OPENING_CALLS: Final = frozenset({"open", "openat", "openat2"})
WRITING_FLAGS: Final = re.compile(r"O_(WRONLY|RDWR|CREAT|TRUNC|APPEND|TMPFILE)")
HARMLESS_FCNTL: Final = re.compile(r"F_(GETFD|SETFD|GETFL|DUPFD|DUPFD_CLOEXEC)\b")
TRACED: Final = (
    "%file,write,pwrite64,writev,pwritev,pwritev2,sendfile,copy_file_range,splice,ftruncate,fallocate,fchmod,fchown,"
    "fsetxattr,fremovexattr,fsync,fdatasync,flock,fcntl,mmap,connect,bind"
)
CALL: Final = re.compile(r"(?:\[pid +\d+\] )?(?:\d+ +)?(\w+)\((.*)")
USUAL_READER: Final = """
import sqlite3, sys
database = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)
database.execute("SELECT count(*) FROM sessions").fetchone()
"""
TROUBLE: Final = re.compile(r"readonly database|database is locked|malformed|disk I/O error|unable to open database")


def trace_of(home: Path) -> dict[str, tuple[object, ...]]:
    """Everything the file system remembers of a home: names, bytes, times, owners and modes."""
    return {str(path.relative_to(home)): _memory(path) for path in (home, *sorted(home.rglob("*")))}


def _memory(path: Path) -> tuple[object, ...]:
    found = path.lstat()
    fixed = (found.st_ino, found.st_mode, found.st_uid, found.st_gid, found.st_nlink, found.st_size)
    times = (found.st_mtime_ns, found.st_ctime_ns)
    if not stat.S_ISREG(found.st_mode):
        return (*fixed, *times)
    return (*fixed, *times, found.st_atime_ns, _digest(path))


def _digest(path: Path) -> str:
    """Hash a file without moving its access time, so that ours is not taken for a reader's."""
    with open(os.open(path, os.O_RDONLY | os.O_NOATIME), "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def look_at_everything(looker: Looker, home: Home) -> None:
    """Look in every way there is, and write an export somewhere else; views differ only in what they show of a look."""
    assert looker.look("agents", home).rows
    assert looker.run("doctor", "--home", str(home.root)).exit_code in SEEN
    export = looker.run("export", "--home", str(home.root), "--out", str(looker.place / "export.json"))
    assert export.exit_code == 0, export.errors


# --- homes at rest -------------------------------------------------------------------------------------------------


def _as_left(home: Path) -> None:
    """Leave everything as the killed agent left it: a log with commits in it, and the shared index."""
    assert (home / "state.db-wal").stat().st_size > 0
    assert (home / "state.db-shm").exists()


def _without_index(home: Path) -> None:
    """Take the shared index away: whoever opens the database in the usual way makes a new one."""
    for index in home.rglob("*.db-shm"):
        index.unlink()


def _without_log(home: Path) -> None:
    """Bring all commits home and take log and index away, as the agent does when it closes its database in peace."""
    for database in home.rglob("*.db"):
        with sqlite3.connect(database) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
        assert not database.with_name(database.name + "-wal").exists()


def _log_of_before(home: Path) -> None:
    """Leave a log and an index that are empty, as a reader of the usual kind leaves them."""
    _without_log(home)
    for database in home.rglob("*.db"):
        database.with_name(database.name + "-wal").touch()
        database.with_name(database.name + "-shm").touch()


@pytest.mark.parametrize(
    "left", [_as_left, _without_index, _without_log, _log_of_before], ids=lambda left: left.__name__
)
def test_a_stopped_home_stays_as_it_was(
    looker: Looker, killed: Home, tmp_path: Path, left: Callable[[Path], None]
) -> None:
    """After many looks a home at rest has the same names, bytes, times, owners and modes."""
    home = Home(killed.agent, tmp_path / "copy", killed.user)
    shutil.copytree(killed.root, home.root, symlinks=True)
    left(home.root)
    before = trace_of(home.root)
    look_at_everything(looker, home)
    assert trace_of(home.root) == before


# --- a home at work ------------------------------------------------------------------------------------------------


def test_nothing_in_a_working_home_is_opened_for_writing(
    looker: Looker, north: Gateway, model: ModelServer, tmp_path: Path
) -> None:
    """While the agent is in a turn, no call of ours writes to, makes, removes, renames, locks or touches its files."""
    opened = set()
    with north.waiting(model):
        for view in VIEWS:
            record = tmp_path / f"{view}.strace"
            calls = traced(looker, north.home, view, record)
            assert traces_in(record, north.home.root) == []
            opened |= {arguments for name, arguments in calls if name in OPENING_CALLS}
    assert any(str(north.home.root / "state.db") in each for each in opened), "a look that opens nothing proves nothing"


def test_a_reader_of_the_usual_kind_would_be_seen(killed: Home, tmp_path: Path) -> None:
    """The same net catches SQLite's own read-only mode, which makes a shared index where there is none."""
    home = tmp_path / "copy"
    shutil.copytree(killed.root, home, symlinks=True)
    _without_index(home)
    before, record = trace_of(home), tmp_path / "strace"
    subprocess.run(
        [*strace(record), sys.executable, "-c", USUAL_READER, str(home / "state.db")], check=True, timeout=30
    )
    assert traces_in(record, home) != []
    assert trace_of(home) != before


def test_the_agent_is_neither_called_nor_asked(looker: Looker, north: Gateway, tmp_path: Path) -> None:
    """No look starts the agent's program or connects to a port of the agent, or to any address of a network."""
    calls = traced(looker, north.home, "brief", tmp_path / "strace")
    assert [arguments for name, arguments in calls if name == "execve" and "hermes" in arguments.split(",")[0]] == []
    assert [arguments for name, arguments in calls if name in {"connect", "bind"} and "AF_INET" in arguments] == []


def test_the_agent_writes_undisturbed_while_we_look(looker: Looker, north: Gateway) -> None:
    """Turns that run while somebody looks are answered, and the agent reports no trouble with its files."""
    deliveries = [north.ask(f"[[sleep:0.2]] [[say:answer {number}]]") for number in range(10)]
    for view in VIEWS:
        assert looker.look(view, north.home).printed
    for delivery in deliveries:
        north.wait_answered(delivery)
    logs = "\n".join(log.read_text(errors="replace") for log in (north.home.root / "logs").glob("*.log"))
    assert TROUBLE.search(logs) is None


def traced(looker: Looker, home: Home, view: str, record: Path) -> list[tuple[str, str]]:
    """Look once under strace and return every call it recorded, with its arguments."""
    assert looker.look(view, home, through=strace(record)).printed
    return calls_in(record)


def strace(record: Path) -> list[str]:
    """What to run a program in so that its calls, and those of all its children, are recorded."""
    return ["strace", "-f", "-y", "-qq", "-s", "4096", "-e", f"trace={TRACED}", "-o", str(record)]


def calls_in(record: Path) -> list[tuple[str, str]]:
    """Return every call of a record by name and arguments."""
    found = (CALL.match(line) for line in record.read_text(errors="replace").splitlines())
    return [(call[1], call[2]) for call in found if call]


def traces_in(record: Path, root: Path) -> list[tuple[str, str]]:
    """Return the calls of a record that did more to a path inside a home than look at it.

    A program may be told where a home is; what it was told is no call on a path.
    """
    calls = [
        (name, arguments.partition(",")[0] if name == "execve" else arguments) for name, arguments in calls_in(record)
    ]
    return [call for call in calls if str(root) in call[1] and not harmless(*call)]


def harmless(name: str, arguments: str) -> bool:
    """Whether a call that names a path inside a home only looks at it."""
    if name in OPENING_CALLS:
        return "O_RDONLY" in arguments and not WRITING_FLAGS.search(arguments)
    if name == "fcntl":
        return HARMLESS_FCNTL.search(arguments) is not None
    if name == "mmap":
        return "MAP_PRIVATE" in arguments or "PROT_WRITE" not in arguments
    return name in LOOKING_CALLS
