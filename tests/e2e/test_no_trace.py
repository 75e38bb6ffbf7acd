"""A hub that watches homes for a while leaves no trace in them, and disturbs nobody who writes there.

Shown by everything the file system remembers of a home before and after, and by every system call of a look that named
a path inside it.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import pytest

from quarterdeck.views import VIEWS
from tests.e2e.commands import LIMIT_S, ROUTES, Terminal
from tests.e2e.homes import SHAPES, Mark, MarkedHome, held

Memory = tuple[object, ...]
CYCLES: Final = 3
ROUNDS: Final = 20
LONG_AGO_NS: Final = 86_400 * 10**9

# A writer as the agent is one: it holds its lock, keeps its connection, and commits again and again.
WRITER: Final = """
import fcntl, json, sqlite3, sys, threading, time
root = sys.argv[1]
lock = open(root + "/gateway.lock"); fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
over = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), over.set()), daemon=True).start()
db = sqlite3.connect(root + "/state.db", timeout=1.0, isolation_level=None)
written, errors, slowest = 0, [], 0.0
print("ready", flush=True)
while not over.is_set():
    began = time.monotonic()
    try:
        db.execute("BEGIN IMMEDIATE")
        insert = "INSERT INTO messages (session_id, role, content, timestamp) SELECT id, 'tool', 'x', ? FROM sessions"
        db.execute(insert, (time.time(),))
        db.execute("UPDATE sessions SET message_count = message_count + 1")
        db.execute("COMMIT")
        if written % 50 == 49:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        written += 1
    except sqlite3.Error as error:
        errors.append(str(error))
    slowest = max(slowest, time.monotonic() - began)
    time.sleep(0.01)
db.close()
print(json.dumps({"written": written, "errors": errors, "slowest": slowest}))
"""


def memory_of(home: Path) -> dict[str, Memory]:
    """Everything the file system remembers of a home, but for when its folders were listed."""
    return {str(path.relative_to(home)): _memory(path) for path in (home, *sorted(home.rglob("*")))}


def _memory(path: Path) -> Memory:
    found = path.lstat()
    fixed = (
        found.st_ino,
        found.st_mode,
        found.st_uid,
        found.st_gid,
        found.st_nlink,
        found.st_mtime_ns,
        found.st_ctime_ns,
    )
    if not stat.S_ISREG(found.st_mode):
        return fixed
    # Without moving the access time, so that our hashing is not taken for somebody's reading.
    with open(os.open(path, os.O_RDONLY | os.O_NOATIME), "rb") as file:
        return (*fixed, found.st_size, found.st_atime_ns, hashlib.file_digest(file, "sha256").hexdigest())


def unread(home: Path) -> None:
    """Date the last access of every file back, so that the next one is noted even where accesses are noted rarely."""
    for path in home.rglob("*"):
        if path.is_file():
            modified = path.stat().st_mtime_ns
            os.utime(path, ns=(modified - LONG_AGO_NS, modified))


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    """Where commands are typed."""
    (tmp_path / "terminal").mkdir()
    return Terminal(tmp_path / "terminal")


@pytest.fixture
def homes(tmp_path: Path) -> dict[str, Path]:
    """A home at rest, one whose agent was killed, one where a usual reader has left empty files, and a busy one."""
    mark = Mark(SHAPES["words"])
    made = {name: MarkedHome(tmp_path / name, mark).root for name in ("rest", "killed", "visited", "busy")}
    _kill_a_writer(made["killed"])
    for suffix in ("-wal", "-shm"):
        (made["visited"] / f"state.db{suffix}").touch()
    assert not (made["rest"] / "state.db-wal").exists()
    assert (made["killed"] / "state.db-wal").stat().st_size > 0
    assert (made["killed"] / "state.db-shm").exists()
    return made


def _kill_a_writer(home: Path) -> None:
    """Leave a log with commits in it, and the shared index, as a process does that is killed."""
    said = subprocess.run(
        [sys.executable, "-c", f"{WRITER.partition('while not')[0]}\n{COMMIT_AND_DIE}", str(home)],
        input=b"", capture_output=True, timeout=LIMIT_S, check=False,
    )  # fmt: skip
    assert said.returncode == -9, said.stderr


COMMIT_AND_DIE: Final = """
import os, signal
db.execute("UPDATE sessions SET message_count = 7")
os.kill(os.getpid(), signal.SIGKILL)
"""


@contextmanager
def writing(home: Path) -> Iterator[dict[str, object]]:
    """Let a writer work in a home; what came of it is known afterwards."""
    result: dict[str, object] = {}
    command = [sys.executable, "-c", WRITER, str(home)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdin is not None
        assert writer.stdout is not None
        try:
            assert writer.stdout.readline() == "ready\n"
            yield result
            writer.stdin.close()
            result |= json.loads(writer.stdout.read())
        finally:
            writer.kill()


def test_a_hub_that_watches_for_a_while_leaves_no_trace(terminal: Terminal, homes: dict[str, Path]) -> None:
    """After several looks, hundreds of pages, and every command, all is as it was; and the writer never had to wait."""
    for home in homes.values():
        unread(home)
    before = {name: memory_of(home) for name, home in homes.items()}
    busy = [part for home in homes.values() for part in ("--home", str(home))]
    commands = [["show", view, *busy, *form] for view in VIEWS for form in ([], ["--json"])] + [["doctor", *busy]]
    commands += [["export", "--home", str(home), "--out", str(terminal.place / "out")] for home in homes.values()]
    with writing(homes["busy"]) as written, terminal.up(*homes.values()) as up:
        for _ in range(ROUNDS):
            for path in ROUTES:
                up.get(path)
        said, codes = terminal.run_all(commands)
        assert set(codes) <= {0, 1, 3}, said.err[:2_000]
        up.wait_for_looks(CYCLES, "hermes:")
        rows = {row["subject"]: row for row in up.view("ops")["rows"]}
        assert {name: rows[f"hermes:{name}/sessions"]["status"] for name in homes} == dict.fromkeys(homes, "ok")
    after = {name: memory_of(home) for name, home in homes.items()}
    for name in ("rest", "killed", "visited"):
        assert after[name] == before[name], name
    ours = {"state.db", "state.db-wal", "state.db-shm", "."}  # what the writer itself changes
    assert _without(after["busy"], ours) == _without(before["busy"], ours)
    assert written["errors"] == []
    assert isinstance(written["written"], int)
    assert written["written"] > 100
    with closing(sqlite3.connect(homes["busy"] / "state.db")) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def _without(memory: dict[str, Memory], names: set[str]) -> dict[str, Memory]:
    return {name: kept for name, kept in memory.items() if name not in names}


# --- system calls --------------------------------------------------------------------------------------------------

LOOKING: Final = frozenset(
    {
        *("stat", "lstat", "fstat", "newfstatat", "statx", "statfs", "fstatfs", "access", "faccessat", "faccessat2"),
        *("readlink", "readlinkat", "inotify_add_watch"),
    }
)
OPENING: Final = frozenset({"open", "openat", "openat2"})
WRITING: Final = re.compile(r"O_(WRONLY|RDWR|CREAT|TRUNC|APPEND|TMPFILE)")
TRACED: Final = (
    "%file,write,pwrite64,writev,pwritev,pwritev2,sendfile,copy_file_range,ftruncate,fallocate,fchmod,fchown,utimensat,"
    "fsetxattr,fremovexattr,fsync,fdatasync,flock,fcntl"
)
CALL: Final = re.compile(r"(?:\[pid +\d+\] )?(?:\d+ +)?(\w+)\((.*)")


@pytest.mark.parametrize("command", ["show", "export"])
def test_a_look_opens_nothing_for_writing(terminal: Terminal, homes: dict[str, Path], command: str) -> None:
    """No call of a whole look makes, writes, renames, removes, locks, dates or re-owns anything in a home."""
    record, home = terminal.place / "strace", homes["killed"]
    arguments = {
        "show": ["show", "brief", "--home", str(home)],
        "export": ["export", "--home", str(home), "--out", str(terminal.place / "out.json")],
    }[command]
    through = ["strace", "-f", "-y", "-qq", "-s", "4096", "-e", f"trace={TRACED}", "-o", str(record)]
    with held(home):
        said = terminal.run(*arguments, through=through)
    assert said.code in (0, 1, 3), said.err
    calls = [found.groups() for found in map(CALL.match, record.read_text(errors="replace").splitlines()) if found]
    inside = [(name, told) for name, told in calls if str(home) in told]
    assert any(name in OPENING and "state.db" in told for name, told in inside), "the trace shows nothing"
    begun = [call for call in inside if call[0] == "execve" and str(home) not in call[1].partition(",")[0]]
    assert [call for call in inside if call not in begun and not _only_looks(*call)] == []


def _only_looks(name: str, arguments: str) -> bool:
    if name in OPENING:
        return "O_RDONLY" in arguments and WRITING.search(arguments) is None
    if name == "fcntl":
        return re.search(r"F_(GETFD|SETFD|GETFL|DUPFD|DUPFD_CLOEXEC)\b", arguments) is not None
    return name in LOOKING
