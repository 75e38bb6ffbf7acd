"""The file of the history, and what may befall a file.

Rule 1: one hub records in a file: the one that holds its lock. The lock ends with the process, however that ends.
Rule 2: what is not a history of ours is not touched. What was one, and is damaged, is set aside, never deleted unseen.
Rule 3: a new file is made under another name, and is whole before it gets its own. Nothing half-made lies in its place.
Rule 4: a write-ahead log without its file belongs to nothing: next to another file it would bring back what is not so.
Rule 5: whoever closes any descriptor of a file takes away all locks that the process has on it, those of SQLite too;
        then another program that looks at the file takes its log away while we write into it. So what is looked at here
        stays open until everything is closed.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

from quarterdeck.store.engine import APPLICATION_ID
from quarterdeck.store.trouble import Kind, StoreError

MAGIC: Final = b"SQLite format 3\0"
HEADER: Final = 100
AT_PAGE_SIZE: Final = slice(16, 18)
AT_PAGES: Final = slice(28, 32)
AT_ID: Final = slice(68, 72)
LOGS: Final = ("-wal", "-shm")
BALLAST: Final = 8 << 20
"""Bytes that are held back, to be given up when the disk is full: a full disk lets nothing be tidied either."""
FLOOR: Final = 64 << 20
"""Bytes free below which nothing is recorded: the agents need their disk more than we do."""
ASIDE: Final = 3
"""Damaged files that are kept; of older ones the oldest goes."""


class Identity(NamedTuple):
    """Which file it is."""

    device: int
    inode: int


class Place:
    """Where the history lies, with the files beside it."""

    def __init__(self, file: Path, *, floor: int = FLOOR, ballast: int = BALLAST) -> None:
        self.file = file
        self._floor, self._ballast_bytes = floor, ballast
        self._ballast = Path(f"{file}.ballast")
        self._lock: int | None = None
        self._looked_at: int | None = None
        """The file that was looked at last, open."""

    def take(self) -> None:
        """Take the right to record, making the folder when it is not there.

        Raises:
            StoreError: when another hub has it, or the folder may not be used.
        """
        if self._lock is not None:
            return
        try:
            self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(f"{self.file}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise _refused(self.file, error) from None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(handle)
            raise StoreError(Kind.TAKEN, f"Another hub records in {self.file}") from None
        self._lock = handle

    def leave(self) -> None:
        """Give the right to record back. Every connection to the file is closed before."""
        for handle in (self._lock, self._looked_at):
            if handle is not None:
                os.close(handle)
        self._lock = self._looked_at = None

    def examine(self) -> Identity | None:
        """Say which file lies there; None when none does.

        Raises:
            StoreError: when it is damaged, no history of ours, or may not be read.
        """
        try:
            found = self._open()
            head, about = os.pread(found, HEADER, 0), os.fstat(found)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _refused(self.file, error) from None
        if not head.startswith(MAGIC) or len(head) < HEADER:
            raise StoreError(Kind.CORRUPT, "The history is damaged: the file is no database any more")
        if int.from_bytes(head[AT_ID]) != APPLICATION_ID:
            raise StoreError(Kind.FOREIGN, f"{self.file} is a database of another program")
        size = int.from_bytes(head[AT_PAGE_SIZE])
        if about.st_size < int.from_bytes(head[AT_PAGES]) * (size if size > 1 else 1 << 16):
            raise StoreError(Kind.CORRUPT, "The history is damaged: the file is cut off")
        return Identity(about.st_dev, about.st_ino)

    def _open(self) -> int:
        """Return the file that lies there now, open."""
        if self._looked_at is not None:
            if os.path.samestat(self.file.stat(), os.fstat(self._looked_at)):
                return self._looked_at
            os.close(self._looked_at)  # its name is another's now: no other program finds it
            self._looked_at = None
        self._looked_at = os.open(self.file, os.O_RDONLY | os.O_CLOEXEC)
        return self._looked_at

    def set_aside(self, now: datetime) -> str | None:
        """Give what lies there another name; return it, or None when there was no file."""
        name = f"{self.file.name}.bad-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}"
        moved = None
        for ending in ("", *LOGS):
            with suppress(FileNotFoundError):
                Path(f"{self.file}{ending}").replace(self.file.with_name(name + ending))
                moved = name if ending == "" else moved
        kept = sorted(path for path in self.file.parent.glob(f"{self.file.name}.bad-*Z"))
        for old in kept[:-ASIDE]:
            for ending in ("", *LOGS):
                Path(f"{old}{ending}").unlink(missing_ok=True)
        return moved

    def draft(self) -> Path:
        """Return the name under which a new file is made, with nothing left there from before."""
        draft = Path(f"{self.file}.new")
        for ending in ("", *LOGS):
            Path(f"{draft}{ending}").unlink(missing_ok=True)
        os.close(os.open(draft, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600))
        return draft

    def install(self, draft: Path) -> None:
        """Put a new file in its place."""
        for ending in LOGS:
            Path(f"{self.file}{ending}").unlink(missing_ok=True)
        draft.replace(self.file)

    # --- room ------------------------------------------------------------------------------------------------------

    def size(self) -> int:
        """Return the bytes the history takes, with its logs."""
        return sum(_size(Path(f"{self.file}{ending}")) for ending in ("", *LOGS))

    def see_to_room(self) -> None:
        """See that there is room to record, and that something is held back for when there is none.

        Raises:
            StoreError: when there is too little.
        """
        room = os.statvfs(self.file.parent)
        free = room.f_bavail * room.f_frsize
        held = _size(self._ballast)
        if free + held < self._floor + self._ballast_bytes:
            words = f"The disk of the history is full: less than {self._floor >> 20} MB are free"
            raise StoreError(Kind.FULL, words)
        if held < self._ballast_bytes:
            self._hold_back()

    def _hold_back(self) -> None:
        try:
            handle = os.open(self._ballast, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(handle, 0, self._ballast_bytes)
            finally:
                os.close(handle)
        except OSError:
            self.give_up_ballast()

    def give_up_ballast(self) -> None:
        """Make room for tidying up."""
        self._ballast.unlink(missing_ok=True)


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0


def _refused(file: Path, error: OSError) -> StoreError:
    return StoreError(Kind.DENIED, f"{file} may not be opened ({os.strerror(error.errno or 0)})")
