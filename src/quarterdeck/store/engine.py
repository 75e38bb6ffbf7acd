"""The one way to the database, whichever it is.

Rule 1: there is one writer. What is to be written is handed to ``write`` and is committed whole or not at all.
Rule 2: who reads cannot write, and sees one state of the database from the first statement to the last.
Rule 3: only the writer moves the write-ahead log into the file, so that no two connections ever do it at once.
Rule 4: whatever the library raises leaves here as ``StoreTrouble``.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from sqlalchemy import Connection, create_engine, event, make_url
from sqlalchemy import Engine as Pool
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool

from quarterdeck.store.schema import Names
from quarterdeck.store.trouble import translated

T = TypeVar("T")

APPLICATION_ID = 0x51646B31
"""``Qdk1``: by this a file is known to be a history of ours."""
BUSY_S = 5.0
WAL_LIMIT = 8 << 20
"""Bytes of the write-ahead log that are kept when it has been moved into the file."""
READERS = 8

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
READER = {"query_only": "ON", "wal_autocheckpoint": "0", "cache_size": "-8000", "temp_store": "MEMORY"}


class Engine:
    """A database: a file of SQLite, or an address of PostgreSQL (``postgresql://…``).

    Nothing is opened before it is used. ``create`` says whether a file may be begun that is not there.
    """

    def __init__(self, place: Path | str, *, create: bool = True) -> None:
        self.file = place if isinstance(place, Path) else None
        self.names = Names()
        self._turn = threading.RLock()
        if isinstance(place, Path):
            self._writer = _sqlite(place, "rwc" if create else "rw", WRITER, size=1)
            self._readers = _sqlite(place, "rw", READER, size=READERS)
            event.listen(self._writer, "begin", _begin_immediate)
            event.listen(self._readers, "begin", _begin)
        else:
            self._writer = _postgresql(place, size=1)
            self._readers = _postgresql(place, size=READERS, isolation_level="REPEATABLE READ").execution_options(
                postgresql_readonly=True
            )

    @property
    def dialect(self) -> str:
        """``sqlite`` or ``postgresql``."""
        return self._writer.dialect.name

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Read one state of the database.

        Raises:
            StoreTrouble: when it cannot be read.
        """
        with translated(), self._readers.begin() as connection:
            yield connection

    def write(self, work: Callable[[Connection], T]) -> T:
        """Let ``work`` write; what it wrote is committed when it returns, and undone when it raises.

        Raises:
            StoreTrouble: when it cannot be written.
        """
        with self._turn:
            try:
                with translated(), self._writer.begin() as connection:
                    return work(connection)
            except BaseException:
                self.names.forget()
                raise

    def pragma(self, words: str) -> list[tuple[Any, ...]]:
        """Ask SQLite itself something, outside of any transaction: ``pragma("quick_check(1)")``.

        Raises:
            StoreTrouble: when it refuses.
        """
        with self._turn, translated():
            raw = self._writer.raw_connection()
            try:
                cursor = raw.cursor()
                cursor.execute(f"PRAGMA {words}")
                return list(cursor.fetchall())
            except sqlite3.Error as error:
                raise DBAPIError.instance(None, None, error, sqlite3.Error) from error
            finally:
                raw.close()

    def close(self) -> None:
        """Close every connection that is not in use; those in use are closed when they are given back."""
        with self._turn:
            self._readers.dispose()
            self._writer.dispose()


def _sqlite(file: Path, mode: str, pragmas: dict[str, str], *, size: int) -> Pool:
    address = f"file:{quote(str(file))}?mode={mode}"

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(
            address, uri=True, timeout=BUSY_S, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        for name, value in pragmas.items():
            connection.execute(f"PRAGMA {name}={value}")
        return connection

    return create_engine(
        "sqlite://", creator=connect, poolclass=QueuePool, pool_size=size, max_overflow=0, pool_timeout=BUSY_S
    )


def _begin(connection: Connection) -> None:
    """Begin by ourselves: the driver would begin only before the first write, and see several states until then."""
    connection.exec_driver_sql("BEGIN")


def _begin_immediate(connection: Connection) -> None:
    """Take the right to write at once, so that no transaction fails half-way for want of it."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _postgresql(address: str, *, size: int, **options: Any) -> Pool:  # noqa: ANN401 -- as the library types them
    url = make_url(address).set(drivername="postgresql+psycopg")
    return create_engine(url, pool_size=size, max_overflow=0, pool_timeout=BUSY_S, pool_pre_ping=True, **options)
