"""The one door to other programs' SQLite databases. Reading one leaves no trace and takes no lock.

Rule 1: SQLite sees two files, the database and its write-ahead log, opened here for reading and without touching their
        access times. There is nothing it could write, create, delete, map or lock: those calls do not exist for it.
Rule 2: whoever takes no lock must find out afterwards what a lock would have prevented. What a reader cannot survive
        is a write to the main file, or a log that starts over; both leave witnesses. The witnesses are heard before
        and after, and unless they agree the answer is thrown away and the question asked again.
        Appending to the log harms nobody: an answer is computed from the last commit that was there when it began.
Rule 3: every question has a time budget, and every failure a typed reason in our own words.

How it works. In exclusive locking mode SQLite keeps the index of the log in its own memory and builds it from the log
itself, so the shared index (``-shm``), which all other readers write to, is not needed. One connection therefore sees
one commit, and lives for one question. Pages that are in the log are read from it, so a checkpoint that had already
begun disturbs nothing; one that begins later announces itself in the shared index before it writes a page.

The witnesses: the main file's identity, size, time of change and header (with its change counter); the log's identity
and header (a log that starts over gets new salts); in the shared index the same salts and how far checkpoints have
got; and the rollback journal, which exists while a writer that uses no log is at work.
"""

# mypy: disable-error-code="explicit-override"
# ruff: noqa: ARG002, N802
# Names and parameters that begin with x are SQLite's own.

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TypeAlias, TypeVar, cast

import apsw

from quarterdeck.sources.files import Path, SourceError, failure, human, open_regular
from quarterdeck.truth.reading import Reason

T = TypeVar("T")

Value: TypeAlias = int | float | str | bytes | None
Row: TypeAlias = tuple[Value, ...]

TRIES = 5
PAUSE_S = 0.005

TICK_NS = 20_000_000
"""Kernels may stamp two writes this close together with the same time: only an older file can be seen to change."""

CACHE_KIB = 8000
LONGEST_VALUE = 64_000_000
OPERATIONS_BETWEEN_CHECKS = 10_000

MAGIC = b"SQLite format 3\0"
SIDECARS = {"-wal": "write-ahead log", "-shm": "shared index", "-journal": "rollback journal"}

# Where things are, from the file format (https://sqlite.org/fileformat2.html and walformat.html).
MAIN_HEADER, WAL_HEADER, INDEX_HEADER = 100, 32, 136
WRITE_VERSION, USES_WAL = 18, 2
INDEX_COPY, INDEX_READY, INDEX_SALTS = slice(48, 96), 12, slice(32, 40)
CHECKPOINTED, CHECKPOINT_UNDER_WAY = slice(96, 100), slice(128, 132)

_numbers = itertools.count()


class Database:
    """A database at one commit, for the length of one question."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    def rows(self, sql: str, *params: Value) -> list[Row]:
        """Everything the query finds."""
        with _translated(sql):
            return cast("list[Row]", self._connection.execute(sql, params).fetchall())

    def one(self, sql: str, *params: Value) -> Row | None:
        """The first row the query finds."""
        with _translated(sql):
            return cast("Row | None", self._connection.execute(sql, params).fetchone())

    def tables(self) -> frozenset[str]:
        """The names of tables and views."""
        return self._names("SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')")

    def columns(self, table: str) -> frozenset[str]:
        """The names of a table's columns; none when there is no such table."""
        return self._names("SELECT name FROM pragma_table_info(?)", table)

    def _names(self, sql: str, *params: Value) -> frozenset[str]:
        return frozenset(str(name) for (name,) in self.rows(sql, *params))


def read(path: Path, query: Callable[[Database], T], *, budget_s: float) -> T:
    """Ask a database something. ``query`` may be called several times and must have no other effect."""
    path = os.fspath(path)
    deadline = time.monotonic() + budget_s
    trouble = "it kept being rewritten while it was being read"
    for attempt in range(TRIES):
        _pause(PAUSE_S * attempt, deadline)
        before = _look(path)
        if before.changed_within_a_tick:
            _pause(TICK_NS / 1e9, deadline)
            before = _look(path)
        if before.hot_journal:
            trouble = "a write is under way, or was cut off: its rollback journal is still there"
        if before.hot_journal or before.changed_within_a_tick:
            continue
        try:
            answer = _ask(path, query, deadline, has_wal=before.wal is not None)
        except Exception:
            if _look(path).witnesses == before.witnesses:
                raise
        else:
            if _look(path).witnesses == before.witnesses:
                return answer
    raise SourceError(Reason.BUSY, trouble)


def fingerprint(path: Path) -> tuple[object, ...]:
    """What the database's present content can be recognised by, without opening it as a database.

    Equal fingerprints mean equal content. A change too recent to be told from the next one makes it unique.
    """
    state = _look(os.fspath(path))
    commits = state.index and (state.index.inode, state.index.head[:48])
    return (state.main, state.wal, commits, state.journal, time.monotonic_ns() if state.changed_within_a_tick else None)


@dataclass(frozen=True, slots=True)
class _Glimpse:
    """A file's identity and its first bytes."""

    inode: int
    size: int
    mtime_ns: int
    head: bytes


@dataclass(frozen=True, slots=True)
class _State:
    """The database's files as they stand at one moment, its log, index and journal where there are any."""

    main: _Glimpse
    wal: _Glimpse | None
    index: _Glimpse | None
    journal: _Glimpse | None

    @property
    def witnesses(self) -> tuple[object, ...]:
        """What stays the same as long as nothing was done to the database that a reader cannot survive."""
        log = self.wal and (self.wal.inode, self.wal.head)
        index = self.index and (
            self.index.inode,
            self.index.head[INDEX_SALTS],
            self.index.head[CHECKPOINTED],
            self.index.head[CHECKPOINT_UNDER_WAY],
        )
        return (self.main, log, index, self.journal)

    @property
    def hot_journal(self) -> bool:
        """A journal that was finished with is deleted, emptied, or begins with a zero."""
        return self.journal is not None and self.journal.head[:1] not in {b"", b"\0"}

    @property
    def changed_within_a_tick(self) -> bool:
        """Whether the next write might not move the time of change. A shared index in use tells more than time."""
        if self.index and self.wal and self.main.head[WRITE_VERSION] == USES_WAL and _in_use(self.index.head):
            return False
        newest = max(glimpse.mtime_ns for glimpse in (self.main, self.wal, self.journal) if glimpse)
        return 0 <= time.time_ns() - newest < TICK_NS


def _in_use(index: bytes) -> bool:
    return len(index) == INDEX_HEADER and index[INDEX_READY] == 1 and index[:48] == index[INDEX_COPY]


def _look(path: str) -> _State:
    main = _glimpse(path, MAIN_HEADER)
    if not main.size:
        raise SourceError(Reason.CORRUPT, "empty")
    if not main.head.startswith(MAGIC) or len(main.head) < MAIN_HEADER:
        raise SourceError(Reason.CORRUPT, f"not an SQLite database (first bytes {main.head[:4].hex(' ')})")
    return _State(
        main,
        wal=_sidecar(path, "-wal", WAL_HEADER),
        index=_sidecar(path, "-shm", INDEX_HEADER),
        journal=_sidecar(path, "-journal", 1),
    )


def _sidecar(path: str, suffix: str, length: int) -> _Glimpse | None:
    try:
        return _glimpse(path + suffix, length)
    except SourceError as error:
        if error.reason is Reason.MISSING:
            return None
        raise SourceError(error.reason, f"its {SIDECARS[suffix]}: {error.detail}") from None


def _glimpse(path: str, length: int) -> _Glimpse:
    """Look at a file's beginning until two looks agree: writers that share memory do not write all of it at once."""
    descriptor = open_regular(path)
    try:
        last = None
        for _ in range(TRIES):
            found = os.fstat(descriptor)
            glimpse = _Glimpse(found.st_ino, found.st_size, found.st_mtime_ns, os.pread(descriptor, length, 0))
            if last is not None and glimpse.head == last.head:
                return glimpse
            last = glimpse
    except OSError as error:
        raise failure(error) from None
    finally:
        os.close(descriptor)
    raise SourceError(Reason.BUSY, "it kept changing while it was being read")


def _pause(seconds: float, deadline: float) -> None:
    """Wait, but never beyond the deadline."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise _out_of_time()
    time.sleep(min(seconds, left))


def _out_of_time() -> SourceError:
    return SourceError(Reason.TIMEOUT, "reading it took longer than it may")


def _ask(path: str, query: Callable[[Database], T], deadline: float, *, has_wal: bool) -> T:
    window = _Window(path, deadline, has_wal=has_wal)
    try:
        with closing(_connect(window)) as connection:
            return query(Database(connection))
    finally:
        window.unregister()


def _connect(window: _Window) -> apsw.Connection:
    with _translated():
        connection = apsw.Connection(window.name, flags=apsw.SQLITE_OPEN_READONLY, vfs=window.name)
        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        connection.config(apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0)
        connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
        connection.limit(apsw.SQLITE_LIMIT_ATTACHED, 0)
        connection.limit(apsw.SQLITE_LIMIT_LENGTH, LONGEST_VALUE)
        connection.set_progress_handler(window.is_late, OPERATIONS_BETWEEN_CHECKS)
        try:
            connection.execute(SETTINGS).fetchall()
        except BaseException:
            connection.close()
            raise
    return connection


SETTINGS = f"""
    PRAGMA locking_mode = EXCLUSIVE;
    PRAGMA query_only = 1;
    PRAGMA temp_store = MEMORY;
    PRAGMA cache_size = -{CACHE_KIB};
"""


class _Window(apsw.VFS):
    """The world as SQLite may see it for one question: one database with its log, and a clock.

    What is not defined here does not exist for it: writing, creating, deleting, mapping, temporary files.
    """

    def __init__(self, path: str, deadline: float, *, has_wal: bool) -> None:
        self.name = f"quarterdeck-{next(_numbers)}"
        self._path = path
        self._deadline = deadline
        self._has_wal = has_wal
        super().__init__(self.name, iVersion=1, exclude={"xGetLastError"})

    def is_late(self) -> bool:
        return time.monotonic() > self._deadline

    def xFullPathname(self, name: str) -> str:
        return name

    def xAccess(self, pathname: str, flags: int) -> bool:
        return self._has_wal and pathname.endswith("-wal")

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:
        wanted, flags[1] = flags[0], apsw.SQLITE_OPEN_READONLY
        if wanted & apsw.SQLITE_OPEN_MAIN_DB:
            return self._pane(open_regular(self._path))
        if wanted & apsw.SQLITE_OPEN_WAL:
            return self._pane(open_regular(self._path + "-wal") if self._has_wal else None)
        raise apsw.CantOpenError

    def _pane(self, descriptor: int | None) -> apsw.VFSFile:
        return cast("apsw.VFSFile", _Pane(self._deadline, descriptor))

    def xCurrentTime(self) -> float:
        return time.time() / 86400 + 2440587.5


class _Pane:
    """One file in the window, or a log that is not there, which SQLite is content to find empty."""

    def __init__(self, deadline: float, descriptor: int | None) -> None:
        self._deadline = deadline
        self._descriptor = descriptor

    def xRead(self, amount: int, offset: int) -> bytes:
        if time.monotonic() > self._deadline:
            raise _out_of_time()
        if self._descriptor is None:
            return b""
        try:
            return os.pread(self._descriptor, amount, offset)
        except OSError as error:
            raise failure(error) from None

    def xFileSize(self) -> int:
        return os.fstat(self._descriptor).st_size if self._descriptor is not None else 0

    def xClose(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)

    def xLock(self, level: int) -> None:
        """Granted, and meaning nothing: see rule 2."""

    def xUnlock(self, level: int) -> None:
        """As meaningless as the lock."""

    def xCheckReservedLock(self) -> bool:
        return False

    def xFileControl(self, op: int, ptr: int) -> bool:
        return False

    def xSectorSize(self) -> int:
        return 4096

    def xDeviceCharacteristics(self) -> int:
        return 0


REFUSALS: dict[type[apsw.Error], tuple[Reason, str]] = {
    apsw.NotADBError: (Reason.CORRUPT, "not an SQLite database behind its first bytes"),
    apsw.CorruptError: (Reason.CORRUPT, "damaged: its pages do not fit together"),
    apsw.FormatError: (Reason.CORRUPT, "damaged: its pages do not fit together"),
    apsw.TooBigError: (Reason.CORRUPT, f"a value in it has more than {human(LONGEST_VALUE)}"),
    apsw.InterruptError: (Reason.TIMEOUT, "reading it took longer than it may"),
    apsw.BusyError: (Reason.BUSY, "another program holds it"),
    apsw.LockedError: (Reason.BUSY, "another program holds it"),
    apsw.SchemaChangeError: (Reason.BUSY, "its tables are being changed"),
    apsw.MismatchError: (Reason.SCHEMA, "a column has another type than expected"),
}

MISFITS = {
    "no such ": (Reason.SCHEMA, "its tables are not as expected"),
    "no query solution": (Reason.SCHEMA, "an index in it does not serve the purpose its name promises"),
    "ambiguous column": (Reason.SCHEMA, "its tables are not as expected"),
    "unsupported file format": (Reason.SCHEMA, "its file format is newer than this SQLite"),
    "integer overflow": (Reason.CORRUPT, "it holds numbers too large to add up"),
    "malformed JSON": (Reason.CORRUPT, "it holds values that make no sense"),
}


@contextmanager
def _translated(sql: str = "") -> Iterator[None]:
    """What SQLite says, as a reason. Its own words may quote the database, so ours take their place."""
    try:
        yield
    except apsw.SQLError as error:
        raise _misfit(str(error), sql) from None
    except apsw.Error as error:
        reason, detail = REFUSALS.get(type(error), (Reason.OBSERVER, f"SQLite refused ({type(error).__name__})"))
        raise SourceError(reason, detail) from None
    except UnicodeDecodeError:
        raise SourceError(Reason.CORRUPT, "it holds text that is not UTF-8") from None
    except MemoryError:
        raise SourceError(Reason.OBSERVER, "this machine has no memory left to read it") from None


def _misfit(words: str, sql: str) -> SourceError:
    what, _, name = words.partition(": ")
    if what.startswith("no such ") and name and name in sql:  # a name that we used ourselves
        return SourceError(Reason.SCHEMA, words)
    for beginning, (reason, detail) in MISFITS.items():
        if words.startswith(beginning):
            return SourceError(reason, detail)
    return SourceError(Reason.OBSERVER, "the question is not one that SQLite understands")
