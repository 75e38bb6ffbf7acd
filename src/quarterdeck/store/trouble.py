"""What can go wrong with the database, in a few words that decide what is done about it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from quarterdeck.errors import MemoryUnavailableError


class Kind(StrEnum):
    """What is wrong with the history, as it is shown."""

    FULL = "disk full"
    CORRUPT = "damaged"
    GONE = "file gone"
    BUSY = "busy"
    DENIED = "may not be opened"
    NEWER = "newer schema"
    OLDER = "older schema"
    FOREIGN = "not a history"
    TAKEN = "another hub records"
    UNREACHABLE = "not reachable"
    FAILED = "cannot be used"


FIX = {
    Kind.FULL: "Make room on its disk: recording goes on by itself.",
    Kind.CORRUPT: "It is set aside and begun anew the next time something is recorded.",
    Kind.GONE: "It is begun anew the next time something is recorded.",
    Kind.BUSY: "Try again in a moment.",
    Kind.DENIED: "See who owns its folder, or name another file under [history] in the settings.",
    Kind.NEWER: "Run the newer Quarterdeck that wrote it, or name another file under [history] in the settings.",
    Kind.OLDER: "Run `quarterdeck up`: it brings the history to this release.",
    Kind.FOREIGN: "Name another file under [history] in the settings. This one is left as it is.",
    Kind.TAKEN: "Only one hub records in one history; this one shows what that one records.",
    Kind.UNREACHABLE: "See whether the database server runs, and whether `database` under [history] is right.",
    Kind.FAILED: "See `quarterdeck doctor`.",
}


class StoreError(MemoryUnavailableError):
    """The database cannot be used, and of which kind that is."""

    def __init__(self, kind: Kind, what: str) -> None:
        super().__init__(what, FIX[kind])
        self.kind = kind


_BY_CODE = {
    sqlite3.SQLITE_FULL: Kind.FULL,
    sqlite3.SQLITE_CORRUPT: Kind.CORRUPT,
    sqlite3.SQLITE_NOTADB: Kind.CORRUPT,
    sqlite3.SQLITE_BUSY: Kind.BUSY,
    sqlite3.SQLITE_LOCKED: Kind.BUSY,
    sqlite3.SQLITE_CANTOPEN: Kind.DENIED,
    sqlite3.SQLITE_READONLY: Kind.DENIED,
    sqlite3.SQLITE_PERM: Kind.DENIED,
    sqlite3.SQLITE_AUTH: Kind.DENIED,
    sqlite3.SQLITE_IOERR: Kind.FAILED,
}
PRIMARY = 0xFF
_BY_STATE = {"53100": Kind.FULL, "53300": Kind.BUSY, "55P03": Kind.BUSY, "57014": Kind.BUSY}
"""What PostgreSQL says: the disk is full, too many connections, a lock was not to be had, a question took too long."""


@contextmanager
def translated() -> Iterator[None]:
    """Turn what the database library raises into trouble of a kind.

    Raises:
        StoreError: instead of any error of the library.
    """
    try:
        yield
    except DBAPIError as error:
        kind = _kind(error.orig, lost=error.connection_invalidated)
        raise StoreError(kind, f"The history cannot be used: {kind}") from error
    except sqlite3.Error as error:
        kind = _kind(error)
        raise StoreError(kind, f"The history cannot be used: {kind}") from error
    except SQLAlchemyError as error:
        raise StoreError(Kind.FAILED, f"The history cannot be used ({type(error).__name__})") from error


def _kind(error: BaseException | None, *, lost: bool = False) -> Kind:
    code = getattr(error, "sqlite_errorcode", None)
    if code is not None:
        return _BY_CODE.get(code & PRIMARY, Kind.FAILED)
    state = getattr(error, "sqlstate", None) or ""
    if state in _BY_STATE:
        return _BY_STATE[state]
    return Kind.UNREACHABLE if lost or not state else Kind.FAILED
