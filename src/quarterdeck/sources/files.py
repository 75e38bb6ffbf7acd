"""The one door to plain files. Looking changes nothing, takes bounded space, and ends in a typed reason.

Rule 1: a file is opened for reading only, without touching its access time. The kernel grants that to the file's owner
        and to root; anyone else may read but not hide it, so for them the access time can move.
Rule 2: only a regular file is read, and only when it is no larger than its caller allows. What it is, is asked before
        it is opened: opening a device can have effects, and opening a pipe can wait for ever.
Rule 3: bytes that changed under the reader are not a reading. They are read again, then given up as busy.
Rule 4: an error says what is wrong in our own words. It never quotes the file and never names it: the caller knows
        the name that an operator would recognise.
Rule 5: text that leaves through this door can be written as UTF-8 again.
"""

from __future__ import annotations

import errno
import json
import math
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Generic, Literal, NamedTuple, TypeAlias, TypeVar

from quarterdeck.truth.reading import Reason

T = TypeVar("T")
U = TypeVar("U")

Path: TypeAlias = str | os.PathLike[str]
Kind: TypeAlias = Literal["file", "directory", "link", "other"]

TRIES = 3
"""How often something that moves under the reader is read before it counts as busy."""

PAUSE_S = 0.01
"""How long a writer is given to finish before the next try."""

HALF_WRITTEN_S = 2.0
"""A file this young that makes no sense may still be in its writer's hands. An older one is broken."""

CHUNK = 1 << 20

QUIETLY = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY


class SourceError(Exception):
    """Something could not be read: a typed reason, and a detail in words fit for the screen."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class File(NamedTuple, Generic[T]):
    """What a file held, and in which state. ``mtime`` is in seconds since the epoch."""

    data: T
    mtime: float
    inode: int
    size: int

    def holding(self, data: U) -> File[U]:
        """The same file, its content understood."""
        return File(data, self.mtime, self.inode, self.size)


class Tail(NamedTuple):
    """A stretch of a growing file: the bytes from ``start`` up to ``end``."""

    data: bytes
    start: int
    end: int
    mtime: float
    inode: int
    size: int


class Stat(NamedTuple):
    """What can be told of a file without opening it."""

    mtime: float
    inode: int
    device: int
    size: int


class Entry(NamedTuple):
    """One name in a directory. A symbolic link is a link, wherever it leads."""

    name: str
    kind: Kind


class Listing(NamedTuple):
    """Names in a directory, sorted. With ``more`` there are others: too many, or not text."""

    entries: tuple[Entry, ...]
    more: bool


NOUNS = {
    stat.S_IFREG: "a file",
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}

FAILURES = {
    errno.ENOENT: (Reason.MISSING, "does not exist"),
    errno.EACCES: (Reason.DENIED, "no permission to read it"),
    errno.EPERM: (Reason.DENIED, "no permission to read it"),
    errno.ELOOP: (Reason.CORRUPT, "a symbolic link that leads in circles"),
    errno.ENOTDIR: (Reason.CORRUPT, "something on the way to it is not a directory"),
    errno.ENXIO: (Reason.CORRUPT, "a socket or device, not a file"),
    errno.ENAMETOOLONG: (Reason.CORRUPT, "its name is too long for the file system"),
    errno.EIO: (Reason.CORRUPT, "the disk could not read it"),
    errno.EUCLEAN: (Reason.CORRUPT, "the file system is damaged there"),
    errno.ESTALE: (Reason.BUSY, "the file server replaced it while it was being read"),
    errno.EAGAIN: (Reason.BUSY, "another program holds it"),
    errno.EBUSY: (Reason.BUSY, "another program holds it"),
    errno.ETIMEDOUT: (Reason.TIMEOUT, "the file server did not answer"),
    errno.EMFILE: (Reason.OBSERVER, "Quarterdeck has too many files open; raise its limit (ulimit -n)"),
    errno.ENFILE: (Reason.OBSERVER, "this machine has too many files open"),
    errno.ENOMEM: (Reason.OBSERVER, "this machine has no memory left to read it"),
}


def failure(error: OSError) -> SourceError:
    """What an error of the operating system means for whoever wanted to read."""
    code = error.errno or 0
    reason, detail = FAILURES.get(code, (Reason.OBSERVER, f"unexpected error {errno.errorcode.get(code, code)}"))
    return SourceError(reason, detail)


@contextmanager
def translated() -> Iterator[None]:
    """Errors of the operating system leave as reasons. So does a name that no file can have."""
    try:
        yield
    except OSError as error:
        raise failure(error) from None
    except ValueError:
        raise SourceError(Reason.CORRUPT, "its name is not one that a file can have") from None


def human(size: int) -> str:
    """A size as an operator reads it: ``512 bytes``, ``8 MB``, ``2.1 GB``."""
    units = ("bytes", "kB", "MB", "GB", "TB", "PB", "EB")
    power = min(len(str(size)) - 1, 18) // 3
    amount = f"{size / 1000**power:.1f}".removesuffix(".0")
    return f"{amount} {units[power]}"


def open_regular(path: Path) -> int:
    """Open a regular file for reading. The descriptor is the caller's to close."""
    return _open(path, stat.S_IFREG)


def stat_file(path: Path) -> Stat:
    """Look at a regular file from outside."""
    with translated():
        found = os.stat(path)
    _require(found, stat.S_IFREG)
    return Stat(found.st_mtime, found.st_ino, found.st_dev, found.st_size)


def read_bytes(path: Path, *, limit: int) -> File[bytes]:
    """Read a whole file that may have at most ``limit`` bytes."""
    for attempt in range(TRIES):
        if attempt:
            time.sleep(PAUSE_S)
        file = _read_once(path, limit)
        if file is not None:
            return file
    raise SourceError(Reason.BUSY, "it kept changing while it was being read")


def read_text(path: Path, *, limit: int) -> File[str]:
    """Read a whole file of UTF-8 text, with or without a byte order mark."""
    file = read_bytes(path, limit=limit)
    return file.holding(parse_text(file.data))


def read_json(path: Path, *, limit: int) -> File[object]:
    """Read a whole file of JSON. One that makes no sense may be half-written: while it is young it is read again."""
    file = read_bytes(path, limit=limit)
    for _ in range(TRIES - 1):
        try:
            return file.holding(parse_json(file.data))
        except SourceError:
            if time.time() - file.mtime > HALF_WRITTEN_S:
                raise
        time.sleep(PAUSE_S)
        file = read_bytes(path, limit=limit)
    return file.holding(parse_json(file.data))


def parse_text(data: bytes) -> str:
    """Decode UTF-8, or say at which byte it is something else."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SourceError(Reason.CORRUPT, f"not UTF-8 text: byte {error.start} is out of place") from None


def parse_json(data: bytes) -> object:
    """Decode JSON, or say where it stops being JSON."""
    text = parse_text(data)
    if not text.strip():
        raise SourceError(Reason.CORRUPT, "empty")
    try:
        value = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
        return _mended(value) if "\\u" in text else value
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise SourceError(Reason.CORRUPT, f"not JSON: {error.msg.removesuffix(' at').lower()} at {where}") from None
    except RecursionError:
        raise SourceError(Reason.CORRUPT, "not sensible JSON: nested too deeply") from None
    except ValueError:  # the interpreter's own limit on the digits of a whole number
        raise SourceError(Reason.CORRUPT, "not sensible JSON: a number too long to be one") from None


def tail(path: Path, *, limit: int, offset: int = 0, inode: int | None = None) -> Tail:
    """Read on in a growing file from ``offset``, at most ``limit`` bytes and always up to its end.

    When more than that was added the older part is passed over: ``start`` is then beyond ``offset``. When the file
    shrank, or is another one than ``inode``, reading starts anew: ``start`` is then not what was asked for either.
    """
    descriptor = open_regular(path)
    try:
        with translated():
            found = os.fstat(descriptor)
            anew = offset > found.st_size or inode not in {None, found.st_ino}
            start = max(0 if anew else offset, found.st_size - limit)
            data = _read_up_to(descriptor, found.st_size - start, start)
    finally:
        os.close(descriptor)
    return Tail(data, start, start + len(data), found.st_mtime, found.st_ino, found.st_size)


def list_dir(path: Path, *, limit: int) -> Listing:
    """List a directory, at most ``limit`` of its names."""
    descriptor = _open(path, stat.S_IFDIR)
    try:
        with translated(), os.scandir(descriptor) as scan:
            found = [Entry(entry.name, _kind(entry)) for entry in islice(scan, limit + 1)]
    finally:
        os.close(descriptor)
    readable = sorted((entry for entry in found[:limit] if _is_text(entry.name)), key=lambda entry: entry.name)
    return Listing(tuple(readable), more=len(readable) < len(found))


def _open(path: Path, kind: int) -> int:
    with translated():
        _require(os.stat(path), kind)
        try:
            descriptor = os.open(path, QUIETLY | os.O_NOATIME)
        except PermissionError:  # only the owner may hide a look; others may still be allowed to look
            descriptor = os.open(path, QUIETLY)
    try:
        _require(os.fstat(descriptor), kind)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _require(found: os.stat_result, kind: int) -> None:
    actual = stat.S_IFMT(found.st_mode)
    if actual != kind:
        raise SourceError(Reason.CORRUPT, f"{NOUNS.get(actual, 'something else')}, not {NOUNS[kind]}")


def _read_once(path: Path, limit: int) -> File[bytes] | None:
    """One try: nothing when the file changed meanwhile."""
    descriptor = open_regular(path)
    try:
        with translated():
            before = os.fstat(descriptor)
            _require_size(before.st_size, limit)
            data = _read_up_to(descriptor, limit + 1, 0)  # to its end: files of the kernel do not know their size
            after = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        return None
    _require_size(len(data), limit)
    return File(data, before.st_mtime, before.st_ino, before.st_size)


def _require_size(size: int, limit: int) -> None:
    if size > limit:
        raise SourceError(Reason.CORRUPT, f"{human(size)} is more than the {human(limit)} it may have")


def _read_up_to(descriptor: int, limit: int, offset: int) -> bytes:
    chunks = []
    while limit > 0:
        chunk = os.pread(descriptor, min(limit, CHUNK), offset)
        if not chunk:
            break
        chunks.append(chunk)
        offset += len(chunk)
        limit -= len(chunk)
    return b"".join(chunks)


def _kind(entry: os.DirEntry[str]) -> Kind:
    if entry.is_symlink():
        return "link"
    if entry.is_dir(follow_symlinks=False):
        return "directory"
    return "file" if entry.is_file(follow_symlinks=False) else "other"


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _refuse_constant(_: str) -> None:
    raise SourceError(Reason.CORRUPT, "not JSON: NaN or Infinity where a number should be")


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise SourceError(Reason.CORRUPT, "not sensible JSON: a number too large to be one")
    return number


def _mended(value: object) -> object:
    """Half of a character outside the basic plane can be spelt in JSON but not in UTF-8: put a mark in its place."""
    if isinstance(value, str):
        return value if _is_text(value) else value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_mended(item) for item in value]
    if isinstance(value, dict):
        return {_mended(key): _mended(item) for key, item in value.items()}
    return value
