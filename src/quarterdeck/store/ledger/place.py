"""The file of the ledger: whose it is, how it is begun, and whose turn it is to write.

Rule 1: the file and its folder belong to whoever runs this, and nobody else can write into them or read the file.
Rule 2: a new file is made under another name, and is whole before it gets its own.
Rule 3: whatever lies there and cannot be used is left as it is: it is not ours to lose.
Rule 4: programs that write in it do so one after the other, and move the log into the file in their own turn only.
        Whose turn it is, is a lock on a file that others cannot open: with one on the folder, whoever may read the
        folder could keep its owner from ending a session.
Rule 5: while it is open in this process, the file is opened by nobody but SQLite: closing it again would take away the
        locks that SQLite holds on it.
"""

from __future__ import annotations

import errno
import fcntl
import os
import pwd
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from quarterdeck.store.ledger.trouble import LedgerError
from quarterdeck.store.trouble import Kind

LOGS: Final = ("-wal", "-shm")
TURN_S: Final = 5.0
"""Seconds that somebody waits for their turn to write."""
LOOK_AGAIN_S: Final = 0.01
OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH


class Identity(NamedTuple):
    """Which file it is."""

    device: int
    inode: int


class Place:
    """Where the ledger lies."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def identity(self) -> Identity:
        """Say which file lies there, having seen that it is for nobody else.

        Raises:
            LedgerError: when there is none, or others can get at it.
        """
        try:
            folder, found = self.file.parent.stat(), self.file.stat()
        except FileNotFoundError:
            raise LedgerError(Kind.GONE) from None
        except OSError as error:
            raise _refused(self.file, error) from None
        _require_ours(self.file.parent, folder, OTHERS_WRITE, "chmod go-w")
        _require_ours(self.file, found, OTHERS, "chmod 600")
        if not stat.S_ISREG(found.st_mode):
            raise LedgerError(Kind.FOREIGN)
        if not found.st_size:
            raise LedgerError(Kind.CORRUPT, "The ledger is damaged: its file is empty")
        return Identity(found.st_dev, found.st_ino)

    def make_folder(self) -> None:
        """Make the folder when it is not there, for this user alone.

        Raises:
            LedgerError: when that cannot be.
        """
        try:
            self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise _refused(self.file, error) from None
        _require_ours(self.file.parent, self.file.parent.stat(), OTHERS_WRITE, "chmod go-w")

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Write, when it is our turn. It ends with the process, however that ends.

        Raises:
            LedgerError: when others do not stop writing.
        """
        try:
            handle = os.open(f"{self.file}.lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise _refused(self.file, error) from None
        try:
            _wait_for(handle)
            yield
        finally:
            os.close(handle)

    def draft(self) -> Path:
        """Return the name under which a new file is made, with nothing left there from before."""
        draft = Path(f"{self.file}.new")
        for ending in ("", *LOGS):
            Path(f"{draft}{ending}").unlink(missing_ok=True)
        os.close(os.open(draft, os.O_CREAT | os.O_WRONLY | os.O_EXCL | os.O_CLOEXEC, 0o600))
        return draft

    def install(self, draft: Path) -> None:
        """Put a new file in its place. A log without its file belongs to nothing, and would be taken for its own."""
        for ending in LOGS:
            Path(f"{self.file}{ending}").unlink(missing_ok=True)
        os.link(draft, self.file)  # which fails where there is one already
        draft.unlink()
        handle = os.open(self.file.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _wait_for(handle: int) -> None:
    until = time.monotonic() + TURN_S
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                raise LedgerError(Kind.BUSY) from None
            time.sleep(LOOK_AGAIN_S)
        else:
            return


def _require_ours(path: Path, about: os.stat_result, forbidden: int, mend: str) -> None:
    if about.st_uid != os.geteuid():
        try:
            owner = pwd.getpwuid(about.st_uid).pw_name
        except KeyError:
            owner = str(about.st_uid)
        raise LedgerError(Kind.DENIED, f"{path} belongs to {owner}", f"Run this as that user: `sudo -u {owner} …`.")
    if about.st_mode & forbidden:
        words = "may be written by others" if forbidden == OTHERS_WRITE else "is open to others"
        raise LedgerError(Kind.DENIED, f"{path} {words}, and who has come in is kept there", f"Run `{mend} {path}`.")


def _refused(file: Path, error: OSError) -> LedgerError:
    if error.errno == errno.ENOSPC:
        return LedgerError(Kind.FULL)
    return LedgerError(Kind.DENIED, f"{file} may not be opened ({os.strerror(error.errno or 0)})")
