"""The ledger, whichever database it is, opened by whoever needs it first and again whenever that is due.

Rule 1: who reads begins nothing. Who writes begins it where there is none, and brings it to this release.
Rule 2: each time it is asked for it is proven to be the same file, ours alone, of the schema of this release. When it
        is not, nothing of it is believed; when it is again, it is used again.
Rule 3: what is damaged, newer or none of ours is left as it is.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar

from sqlalchemy import Connection

from quarterdeck.store.engine import DURABLE, Engine
from quarterdeck.store.ledger.place import Identity, Place
from quarterdeck.store.ledger.tree import LEDGER
from quarterdeck.store.ledger.trouble import LedgerError, of_the_ledger
from quarterdeck.store.trouble import Kind, StoreError

T = TypeVar("T")

APPLICATION_ID: Final = 0x51646B32
"""``Qdk2``: by this a file is known to be a ledger of ours."""


class Ledger:
    """Opens the ledger and hands it to those who read and write. As many threads may use it as like."""

    def __init__(self, place: Path | str) -> None:
        self._place = Place(place) if isinstance(place, Path) else None
        self._address = place if isinstance(place, str) else ""
        self._engine: Engine | None = None
        self._identity: Identity | None = None
        self._writing, self._opening = threading.Lock(), threading.RLock()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Read one state of it.

        Raises:
            LedgerError: when it cannot be read.
        """
        with _told():
            engine = self._opened()
            with engine.reading() as connection:
                _require(connection)
                yield connection

    def write(self, work: Callable[[Connection], T]) -> T:
        """Let ``work`` write, whole or not at all.

        Raises:
            LedgerError: when it cannot be written.
        """
        with _told(), self._writing:
            if self._place is None:
                return _write(self._opened(), work)
            self._place.make_folder()
            with self._place.turn():
                self._begin_where_there_is_none(self._place)
                return _write(self._opened(), work)

    def close(self) -> None:
        """Close every connection."""
        with self._opening:
            if self._engine is not None:
                self._engine.close()
            self._engine = self._identity = None

    def _opened(self) -> Engine:
        """Return the database, which is the one that lies in its place now."""
        with self._opening:
            identity = None if self._place is None else self._place.identity()
            if self._engine is None or identity != self._identity:
                self.close()
                self._engine = self._open()
                self._identity = identity
            return self._engine

    def _open(self) -> Engine:
        if self._place is None:
            return Engine(self._address)
        engine = Engine(self._place.file, create=False, writer=DURABLE, afresh=True)
        try:
            with engine.reading() as connection:
                found = connection.exec_driver_sql("PRAGMA application_id").scalar_one()
                pages = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
        except StoreError:
            engine.close()
            raise
        if found == APPLICATION_ID and pages == "ok":
            return engine
        engine.close()
        raise LedgerError(Kind.CORRUPT if found == APPLICATION_ID else Kind.FOREIGN)

    @staticmethod
    def _begin_where_there_is_none(place: Place) -> None:
        try:
            place.identity()
        except LedgerError as trouble:
            if trouble.kind is not Kind.GONE:
                raise
        else:
            return
        draft = place.draft()
        engine = Engine(draft, writer=DURABLE)
        try:
            engine.write(LEDGER.upgrade)
            engine.pragma(f"application_id={APPLICATION_ID}")
            engine.pragma("wal_checkpoint(TRUNCATE)")
        finally:
            engine.close()
        place.install(draft)


def _require(connection: Connection) -> None:
    """See that the tables are those of this release.

    Raises:
        LedgerError: when they are not.
    """
    found, ours = LEDGER.found(connection), LEDGER.newest()
    if found is None:
        raise LedgerError(Kind.GONE)
    if found != ours:
        raise LedgerError(Kind.NEWER if found > ours else Kind.OLDER)


def _write(engine: Engine, work: Callable[[Connection], T]) -> T:
    def upgraded(connection: Connection) -> T:
        if LEDGER.found(connection) != LEDGER.newest():
            if connection.dialect.name == "postgresql":  # in a file it is our turn; on a server others may begin it too
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({APPLICATION_ID})")
            LEDGER.upgrade(connection)
        return work(connection)

    return engine.write(upgraded)


@contextmanager
def _told() -> Iterator[None]:
    """Say what goes wrong with a database as what it means here."""
    try:
        yield
    except StoreError as trouble:
        raise of_the_ledger(trouble) from trouble
