"""Where the exporter writes: one folder, outside every home, without a detour.

Rule 1: nothing is written in or below a home. Which folder a path leads to is decided once, by opening it step by
        step; a symbolic link on the way is refused, because it could be turned later.
Rule 2: a file is there whole or not at all. It is written beside, made durable, and put in place by one rename, so that
        a reader never sees half of it, whenever its writer dies.
Rule 3: what somebody else put there (a link, a pipe, a folder of that name) is not replaced.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

from quarterdeck.errors import UsageError

IN_HOME: Final = "--out lies in the home that is to be exported, where looking must leave no trace"
MAKE_IT: Final = "Make it, for the user who runs the exporter, or name another."

FORGOTTEN_S: Final = 3_600
"""An unfinished file this old was left behind by a writer that was killed."""

STEP: Final = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
FRESH: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC

READABLE: Final = 0o640
"""Readable by the group of the folder, in which the hub is."""
OWN: Final = 0o600


class Place:
    """A folder that was opened once. Use it as a context manager."""

    def __init__(self, folder: Path, homes: Iterable[Path]) -> None:
        """Open the folder.

        Raises:
            UsageError: when it is not there, not a folder, reached through a link, or in one of the homes.
        """
        self.descriptor = _walk(folder.absolute(), set(_identities(homes)))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.descriptor)

    def replace(self, name: str, data: bytes, mode: int) -> None:
        """Put a file in place of the one that has this name, durably and whole."""
        self.require_own(name)
        self._sweep(name)
        beside = f".{name}.{os.urandom(6).hex()}.new"
        descriptor = os.open(beside, FRESH, mode, dir_fd=self.descriptor)
        try:
            write(descriptor, data)
            os.fchmod(descriptor, mode)  # the mask of the process is not asked
            os.fsync(descriptor)
            os.rename(beside, name, src_dir_fd=self.descriptor, dst_dir_fd=self.descriptor)
        except BaseException:
            self.remove(beside)
            raise
        finally:
            os.close(descriptor)
        os.fsync(self.descriptor)

    def require_own(self, name: str) -> None:
        """Make sure that a name is free, or that a plain file has it.

        Raises:
            UsageError: when something else has it.
        """
        try:
            found = os.stat(name, dir_fd=self.descriptor, follow_symlinks=False)
        except FileNotFoundError:
            return
        if not stat.S_ISREG(found.st_mode):
            what = "a symbolic link" if stat.S_ISLNK(found.st_mode) else "something else than a file"
            raise UsageError(f"{name} in the folder of --out is {what}", "Remove it, or name another file with --out.")

    def remove(self, name: str) -> None:
        """Remove a file; one that is gone already is no trouble."""
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self.descriptor)

    def names(self) -> list[str]:
        """List the folder."""
        return os.listdir(self.descriptor)  # noqa: PTH208 -- of the folder that was opened, wherever its name leads now

    def _sweep(self, name: str) -> None:
        """Remove what writers left that were killed before they were done."""
        for left in self.names():
            if left.startswith(f".{name}.") and left.endswith(".new") and self._age_s(left) > FORGOTTEN_S:
                self.remove(left)

    def _age_s(self, name: str) -> float:
        try:
            return time.time() - os.stat(name, dir_fd=self.descriptor, follow_symlinks=False).st_mtime
        except FileNotFoundError:
            return 0.0


def write(descriptor: int, data: bytes) -> None:
    """Write all of it."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _walk(folder: Path, homes: set[tuple[int, int]]) -> int:
    """Open a folder step by step from the root. Each step is checked after it was taken."""
    here = os.open("/", STEP)
    path = ""
    try:
        for step in folder.parts[1:]:
            path += f"/{step}"
            beyond = os.open(step, STEP, dir_fd=here)
            os.close(here)
            here = beyond
            if _identity(os.fstat(here)) in homes:
                raise UsageError(IN_HOME, "Name a file outside of it.")
        return os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=here)
    except OSError as error:
        if error.errno in {errno.ENOTDIR, errno.ELOOP} and _is_link(here, path.rpartition("/")[2]):
            fix = f"Give --out the path it leads to: {os.path.realpath(path)}"
            raise UsageError(f"{path} is a symbolic link", fix) from None
        why = os.strerror(error.errno or 0).lower()
        raise UsageError(f"The folder of --out cannot be opened: {path}: {why}", MAKE_IT) from None
    finally:
        os.close(here)


def _is_link(here: int, step: str) -> bool:
    return stat.S_ISLNK(os.stat(step, dir_fd=here, follow_symlinks=False).st_mode)


def _identities(homes: Iterable[Path]) -> Iterator[tuple[int, int]]:
    for home in homes:
        with suppress(OSError):  # what cannot be looked at cannot be written into
            yield _identity(home.stat())


def _identity(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino
