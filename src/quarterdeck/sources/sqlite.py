"""The one door to other programs' SQLite databases. Reading one leaves no trace and takes no lock.

Rule 1: SQLite sees two files through a window (``sqlite_window``), the database and its write-ahead log. There is
        nothing it could write, create, delete, map or lock: those calls do not exist for it.
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

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import NamedTuple, TypeAlias, TypeVar, cast

import apsw

from quarterdeck.sources.files import Path, SourceError, failure, human, open_regular, translated
from quarterdeck.sources.sqlite_window import Window, out_of_time
from quarterdeck.truth.reading import Reason

T = TypeVar("T")

Value: TypeAlias = int | float | str | bytes | None
Row: TypeAlias = tuple[Value, ...]

TRIES = 5
PAUSE_S = 0.005

TICK_NS = 20_000_000
"""Kernels may stamp two writes this close together with the same time: only an older file can be seen to change."""

CACHE_KIB = 2000
LONGEST_VALUE = 64_000_000
OPERATIONS_BETWEEN_CHECKS = 10_000

MAGIC = b"SQLite format 3\0"
SIDECARS = {"-wal": "write-ahead log", "-shm": "shared index", "-journal": "rollback journal"}

RESTLESS = (Reason.BUSY, "it kept being rewritten while it was being read")
UNFINISHED = (Reason.BUSY, "a write is under way, or was cut off: its rollback journal is still there")
CUT_OFF = (Reason.CORRUPT, "cut off: its end is missing")

# Where things are, from the file format (https://sqlite.org/fileformat2.html and walformat.html).
MAIN_HEADER, WAL_HEADER, INDEX_HEADER = 100, 32, 136
PAGE_SIZE, PAGES = slice(16, 18), slice(28, 32)
CHANGES, CHANGES_WHEN_PAGES_WERE_COUNTED = slice(24, 28), slice(92, 96)
WRITE_VERSION, USES_WAL = 18, 2
INDEX_COPY, INDEX_READY, INDEX_SALTS = slice(48, 96), 12, slice(32, 40)
CHECKPOINTED, CHECKPOINT_UNDER_WAY = slice(96, 100), slice(128, 132)


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
    path = _real(path)
    deadline = time.monotonic() + budget_s
    trouble = RESTLESS
    for attempt in range(TRIES):
        _pause(PAUSE_S * attempt, deadline)
        before = _look(path)
        if before.changed_within_a_tick:
            _pause(TICK_NS / 1e9, deadline)
            before = _look(path)
        if before.trouble:
            trouble = before.trouble
            continue
        try:
            answer = _ask(path, query, deadline, has_wal=before.wal is not None)
        except Exception:  # an answer from a file that changed meanwhile is worth nothing, and an error of it neither
            if _look(path).witnesses == before.witnesses:
                raise
        else:
            if _look(path).witnesses == before.witnesses:
                return answer
        trouble = RESTLESS
    raise SourceError(*trouble)


def fingerprint(path: Path) -> tuple[object, ...]:
    """What the database's present content can be recognised by, without opening it as a database.

    Equal fingerprints mean equal content. A change too recent to be told from the next one makes it unique.
    """
    state = _look(_real(path))
    commits = state.shared and (state.shared.inode, state.shared.head[:48])
    return (state.main, state.wal, commits, state.journal, time.monotonic_ns() if state.changed_within_a_tick else None)


class _Glimpse(NamedTuple):
    """A file's identity and its first bytes."""

    inode: int
    size: int
    mtime_ns: int
    head: bytes


class _State(NamedTuple):
    """The database's files as they stand at one moment, its log, index and journal where there are any."""

    main: _Glimpse
    wal: _Glimpse | None
    shared: _Glimpse | None
    """The index of its log, which readers and writers share."""
    journal: _Glimpse | None

    @property
    def witnesses(self) -> tuple[object, ...]:
        """What stays the same as long as nothing was done to the database that a reader cannot survive."""
        log = self.wal and (self.wal.inode, self.wal.head)
        index = self.shared and (
            self.shared.inode,
            self.shared.head[INDEX_SALTS],
            self.shared.head[CHECKPOINTED],
            self.shared.head[CHECKPOINT_UNDER_WAY],
        )
        return (self.main, log, index, self.journal)

    @property
    def trouble(self) -> tuple[Reason, str] | None:
        """Why there is no point in reading just now. All of it may have passed a moment later."""
        if self.journal and self.journal.head[:1] not in {b"", b"\0"}:  # finished ones are emptied or begin with zero
            return UNFINISHED
        if not (self.wal and self.wal.size) and self.main.size < self._promised_size:
            return CUT_OFF
        return RESTLESS if self.changed_within_a_tick else None

    @property
    def _promised_size(self) -> int:
        """The size that the header speaks of, when its count of pages is up to date and makes sense."""
        head = self.main.head
        page_size = int.from_bytes(head[PAGE_SIZE])
        sensible = page_size & (page_size - 1) == 0 and head[CHANGES] == head[CHANGES_WHEN_PAGES_WERE_COUNTED]
        return int.from_bytes(head[PAGES]) * (65536 if page_size == 1 else page_size) if sensible else 0

    @property
    def changed_within_a_tick(self) -> bool:
        """Whether the next write might not move the time of change. A shared index in use tells more than time."""
        if self.shared and self.wal and self.main.head[WRITE_VERSION] == USES_WAL and _in_use(self.shared.head):
            return False
        newest = max(glimpse.mtime_ns for glimpse in (self.main, self.wal, self.journal) if glimpse)
        return 0 <= time.time_ns() - newest < TICK_NS


def _in_use(index: bytes) -> bool:
    return len(index) == INDEX_HEADER and index[INDEX_READY] == 1 and index[:48] == index[INDEX_COPY]


def _real(path: Path) -> str:
    """Where the database really is: behind a symbolic link, its log lies beside the file and not beside the link."""
    with translated():
        return os.path.realpath(path)


def _look(path: str) -> _State:
    main = _glimpse(path, MAIN_HEADER)
    if not main.size:
        raise SourceError(Reason.CORRUPT, "empty")
    if not main.head.startswith(MAGIC) or len(main.head) < MAIN_HEADER:
        raise SourceError(Reason.CORRUPT, f"not an SQLite database (first bytes {main.head[:4].hex(' ')})")
    return _State(
        main,
        wal=_sidecar(path, "-wal", WAL_HEADER),
        shared=_sidecar(path, "-shm", INDEX_HEADER),
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
        raise out_of_time()
    time.sleep(min(seconds, left))


def _ask(path: str, query: Callable[[Database], T], deadline: float, *, has_wal: bool) -> T:
    window = Window(path, deadline, has_wal=has_wal)
    try:
        with closing(_connect(window)) as connection:
            return query(Database(connection))
    finally:
        window.unregister()


def _connect(window: Window) -> apsw.Connection:
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
    "no query solution": (Reason.SCHEMA, "an index in it no longer serves this query"),
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
