"""The world as SQLite may see it: one database and its write-ahead log, for reading, until a deadline.

What is not defined here does not exist for SQLite: writing, creating, deleting, mapping, temporary files, loading code.
Locks are granted and mean nothing; why that is safe is `quarterdeck.sources.sqlite`'s to say.
"""

# mypy: disable-error-code="explicit-override"
# ruff: noqa: ARG002, N802
# Names and parameters are SQLite's own.

from __future__ import annotations

import itertools
import os
import time
from typing import cast

import apsw

from quarterdeck.sources.files import SourceError, failure, open_regular
from quarterdeck.truth.reading import Reason

_numbers = itertools.count()


def out_of_time() -> SourceError:
    """What is said when the deadline has passed."""
    return SourceError(Reason.TIMEOUT, "reading it took longer than it may")


class Window(apsw.VFS):
    """A file system of two files. ``unregister`` it when done."""

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

    def xCurrentTime(self) -> float:
        return time.time() / 86400 + 2440587.5

    def _pane(self, descriptor: int | None) -> apsw.VFSFile:
        return cast("apsw.VFSFile", _Pane(self._deadline, descriptor))


class _Pane:
    """One file in the window, or a log that is not there, which SQLite is content to find empty."""

    def __init__(self, deadline: float, descriptor: int | None) -> None:
        self._deadline = deadline
        self._descriptor = descriptor

    def xRead(self, amount: int, offset: int) -> bytes:
        if time.monotonic() > self._deadline:
            raise out_of_time()
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
        """Granted."""

    def xUnlock(self, level: int) -> None:
        """Given back."""

    def xCheckReservedLock(self) -> bool:
        return False

    def xFileControl(self, op: int, ptr: int) -> bool:
        return False

    def xSectorSize(self) -> int:
        return 4096

    def xDeviceCharacteristics(self) -> int:
        return 0
