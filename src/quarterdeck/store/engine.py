"""The one way to the database, whichever it is.

Rule 1: there is one writer. What is to be written is handed to ``write`` and is committed whole or not at all.
Rule 2: who reads cannot write, and sees one state of the database from the first statement to the last.
Rule 3: only the writer moves the write-ahead log into the file, so that no two connections ever do it at once.
Rule 4: whatever the library raises leaves here as ``StoreError``.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol, TypeVar
from urllib.parse import quote

from sqlalchemy import Connection, create_engine, event, make_url
from sqlalchemy import Engine as Pool
from sqlalchemy.pool import NullPool, QueuePool

from quarterdeck.store.schema import Names
from quarterdeck.store.trouble import Kind, StoreError, translated

T = TypeVar("T")

APPLICATION_ID = 0x51646B31
"""``Qdk1``: by this a file is known to be a history of ours."""
BUSY_S = 5.0
WAL_LIMIT = 8 << 20
"""Bytes of the write-ahead log that are kept when it has been moved into the file."""
READERS = 8
QUESTION_S = 30
"""Seconds that a server may think about one question: whoever asks holds a thread and one of few connections."""
PATIENCE = {"connect_timeout": "5", "tcp_user_timeout": "10000", "keepalives_idle": "10", "keepalives_interval": "5"}
"""For how long a server may be silent, unless its address says otherwise: pages wait for it."""
DRAIN_S = 10.0
"""Seconds that readers get to finish when everything is closed."""

WRITER = {
    "auto_vacuum": "INCREMENTAL",
    "journal_mode": "WAL",
    "synchronous": "NORMAL",
    "foreign_keys": "ON",
    "journal_size_limit": str(WAL_LIMIT),
    "wal_autocheckpoint": "1000",
    "cache_size": "-8000",
    "temp_store": "MEMORY",
}
READER = {"query_only": "ON", "wal_autocheckpoint": "0", "cache_size": "-2000", "temp_store": "MEMORY"}


DURABLE = {**WRITER, "synchronous": "FULL"}
"""A writer whose word outlives a power cut."""


class Database(Protocol):
    """What other parts that keep something of their own need of the database."""

    def reading(self) -> AbstractContextManager[Connection]:
        """Read one state of the database."""

    def write(self, work: Callable[[Connection], T]) -> T:
        """Let ``work`` write, whole or not at all."""


class Engine:
    """A database: a file of SQLite, or an address of PostgreSQL (``postgresql://…``).

    Nothing is opened before it is used. ``create`` says whether a file may be begun that is not there; ``alone``
    whether the writer of a server's database must be the only one of its kind. (Of a file, its keeper sees to that.)
    ``writer`` is how the writer of a file is set. With ``afresh``, each reader of a file opens it anew: what has become
    of the file since is noticed, because nothing of it is remembered.
    """

    def __init__(
        self,
        place: Path | str,
        *,
        create: bool = True,
        alone: bool = False,
        writer: Mapping[str, str] = MappingProxyType(WRITER),
        afresh: bool = False,
    ) -> None:
        self.file = place if isinstance(place, Path) else None
        self.names = Names()
        self.suspect = False
        """Whether somebody found the database damaged."""
        self._turn = threading.RLock()
        self._doors = threading.Condition()
        self._inside = 0
        self._closed = False
        if isinstance(place, Path):
            self._writer = _sqlite(place, "rwc" if create else "rw", writer, size=1)
            self._readers = _sqlite(place, "rw", READER, size=0 if afresh else READERS)
            event.listen(self._writer, "begin", _begin_immediate)
            event.listen(self._readers, "begin", _begin)
        else:
            self._writer = _postgresql(place, size=1)
            readers = _postgresql(place, size=READERS, isolation_level="REPEATABLE READ")
            event.listen(readers, "begin", _begin_bounded)
            self._readers = readers.execution_options(postgresql_readonly=True)
            if alone:
                event.listen(self._writer, "connect", _take)

    @property
    def dialect(self) -> str:
        """``sqlite`` or ``postgresql``."""
        return self._writer.dialect.name

    @staticmethod
    def version(connection: Connection) -> str:
        """Return which database this is, and its version."""
        if connection.dialect.name == "sqlite":
            return f"SQLite-{sqlite3.sqlite_version}"
        return f"PostgreSQL-{'.'.join(map(str, connection.dialect.server_version_info or ()))}"

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Read one state of the database.

        Raises:
            StoreError: when it cannot be read.
        """
        with self._doors:
            if self._closed:
                raise StoreError(Kind.GONE, "The history was closed")
            self._inside += 1
        try:
            with translated(), self._readers.begin() as connection:
                yield connection
        except StoreError as trouble:
            self.suspect = self.suspect or trouble.kind in {Kind.CORRUPT, Kind.FAILED}
            raise
        finally:
            with self._doors:
                self._inside -= 1
                self._doors.notify_all()

    def write(self, work: Callable[[Connection], T]) -> T:
        """Let ``work`` write; what it wrote is committed when it returns, and undone when it raises.

        Raises:
            StoreError: when it cannot be written.
        """
        with self._turn:
            try:
                with translated(), self._writer.begin() as connection:
                    return work(connection)
            except BaseException as error:
                self.names.forget()
                self.suspect = self.suspect or (isinstance(error, StoreError) and error.kind is Kind.CORRUPT)
                raise

    def pragma(self, words: str) -> list[tuple[Any, ...]]:
        """Ask SQLite itself something, outside of any transaction: ``pragma("quick_check(1)")``.

        Raises:
            StoreError: when it refuses.
        """
        with self._turn, translated():
            raw = self._writer.raw_connection()
            try:
                cursor = raw.cursor()
                cursor.execute(f"PRAGMA {words}")
                return list(cursor.fetchall())
            finally:
                raw.close()

    def give_back(self, pages: int) -> None:
        """Give free pages at the end of the file back to the disk.

        Raises:
            StoreError: when SQLite refuses.
        """
        with self._turn, translated():
            raw = self._writer.raw_connection()
            try:  # a cursor would take one step, and so give back one page
                raw.cursor().executescript(f"PRAGMA incremental_vacuum({pages})")
            finally:
                raw.close()

    def close(self) -> None:
        """Let nobody in any more, wait for those who are inside, and close every connection.

        A connection to a file that is gone must not be open when another file lies in its place: it would take the
        other's write-ahead log for its own.
        """
        with self._turn:
            with self._doors:
                self._closed = True
                self._doors.wait_for(lambda: self._inside == 0, DRAIN_S)
            self._readers.dispose()
            self._writer.dispose()


def _sqlite(file: Path, mode: str, pragmas: Mapping[str, str], *, size: int) -> Pool:
    """Return connections to a file: as many as ``size`` are kept open, or with 0 none."""
    address = f"file:{quote(str(file))}?mode={mode}"

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(
            address, uri=True, timeout=BUSY_S, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        try:
            for name, value in pragmas.items():
                connection.execute(f"PRAGMA {name}={value}")
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    if not size:
        return create_engine("sqlite://", creator=connect, poolclass=NullPool)
    return create_engine(
        "sqlite://", creator=connect, poolclass=QueuePool, pool_size=size, max_overflow=0, pool_timeout=BUSY_S
    )


def _begin(connection: Connection) -> None:
    """Begin by ourselves: the driver would begin only before the first write, and see several states until then."""
    connection.exec_driver_sql("BEGIN")


def _begin_immediate(connection: Connection) -> None:
    """Take the right to write at once, so that no transaction fails half-way for want of it."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _take(raw: Any, _record: object) -> None:  # noqa: ANN401 -- a connection of the driver
    """Take the right to record together with the connection; it ends with it, however that ends."""
    taken = raw.execute("SELECT pg_try_advisory_lock(%s)", (APPLICATION_ID,)).fetchone()[0]
    raw.commit()
    if not taken:
        raw.close()
        raise StoreError(Kind.TAKEN, "Another hub records in this database")


def _begin_bounded(connection: Connection) -> None:
    connection.exec_driver_sql(f"SET LOCAL statement_timeout = '{QUESTION_S}s'")


def _postgresql(address: str, *, size: int, **options: Any) -> Pool:  # noqa: ANN401 -- as the library types them
    url = make_url(address).set(drivername="postgresql+psycopg")
    url = url.set(query={**PATIENCE, **url.query})
    return create_engine(url, pool_size=size, max_overflow=0, pool_timeout=BUSY_S, pool_pre_ping=True, **options)
