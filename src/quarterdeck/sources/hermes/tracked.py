"""Which files of a home the git repository around it holds, by the list that git keeps of them.

Rule 1: git is not asked and its settings are not obeyed; its list is read like any other file.
Rule 2: a list of a form that is not known here is a reason not to know. "Nothing is committed" is never guessed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from quarterdeck.sources import files
from quarterdeck.sources.files import SourceError, Stat
from quarterdeck.sources.hermes.answers import Answer, attempt, given
from quarterdeck.sources.hermes.values import if_there, is_settled, is_there
from quarterdeck.truth.reading import Reason

LIMIT: Final = 64_000_000
CONFIG_LIMIT: Final = 256_000
LINK: Final = re.compile(r"gitdir: ([^\n\x00]+)\n?")
HEAD: Final = 12
FIXED: Final = 60
"""Bytes of an entry before the length of its name, with a hash of 20."""
EXTENDED: Final = 0x4000
LONG: Final = 0xFFF
VERSIONS: Final = (2, 3, 4)
PREFIXED: Final = 4
"""The version in which a name is told by how it differs from the one before."""
SPLIT: Final = b"link"

ENDINGS: Final = (b".env", b".json", b".yaml", b".yml", b"credentials", b".netrc")
"""How the names of files of secrets end: of all others it need not be known that they are there."""

STRANGE: Final = SourceError(Reason.SCHEMA, "git's list of files is of a form that is not read here")
CUT_OFF: Final = SourceError(Reason.CORRUPT, "git's list of files is cut off")


class Tracked:
    """The files that the repository around a home holds, read anew only when git's list changed."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._state: tuple[Path, Stat] | None = None
        self._names: Answer[frozenset[str]] = frozenset()

    def look(self) -> Committed:
        """Return what the repository holds now; nothing where there is none.

        Raises:
            SourceError: when that cannot be told.
        """
        found = _repository(self._home)
        if found is None:
            return Committed(None)
        top, index = found
        state = given(if_there(files.stat_file, index))
        if state is None:  # nothing was ever added
            return Committed(top)
        if (index, state) != self._state or not is_settled(self._names):
            self._names, self._state = attempt(_read, index), (index, state)
        return Committed(top, given(self._names))


class Committed(NamedTuple):
    """What a repository holds."""

    top: Path | None
    """Its folder; None where there is none."""
    names: frozenset[str] = frozenset()
    """Its files that are called as files of secrets are, seen from its folder."""

    def has(self, path: Path) -> bool:
        """Whether a file is among them."""
        return (
            self.top is not None
            and bool(self.names)
            and os.path.relpath(os.path.realpath(path), self.top) in self.names
        )


def _read(index: Path) -> frozenset[str]:
    config = given(if_there(files.read_text, index.parent / "config", limit=CONFIG_LIMIT))
    if config is not None and "sha256" in config.data.lower():
        raise STRANGE
    names = entries(files.read_bytes(index, limit=LIMIT).data)
    return frozenset(os.fsdecode(name) for name in names if name.endswith(ENDINGS))


def _repository(home: Path) -> tuple[Path, Path] | None:
    """Return the top folder of the repository around a home, and its list of files."""
    place = Path(os.path.realpath(home))
    for folder in (place, *place.parents):
        inner = folder / ".git"
        if is_there(inner):
            own = inner if inner.is_dir() else _linked(folder, inner)
            return folder, own / "index"
    return None


def _linked(folder: Path, inner: Path) -> Path:
    link = LINK.fullmatch(files.read_text(inner, limit=4_096).data)
    if link is None:
        raise STRANGE
    return Path(os.path.normpath(folder / link[1]))


def entries(data: bytes) -> Iterator[bytes]:
    """Return the names in a list of files as git writes it.

    Raises:
        SourceError: when it is of another form, or not whole.
    """
    version = int.from_bytes(data[4:8])
    if data[:4] != b"DIRC" or version not in VERSIONS:
        raise STRANGE
    at, name = HEAD, b""
    for _ in range(int.from_bytes(data[8:HEAD])):
        begin = at
        flags = int.from_bytes(data[at + FIXED : at + FIXED + 2])
        at += FIXED + (4 if flags & EXTENDED else 2)
        if version == PREFIXED:
            drop, at = _varint(data, at)
            kept = name[: len(name) - drop]
        else:
            kept = b""
        end = data.find(b"\0", at + (flags & LONG if version != PREFIXED and flags & LONG < LONG else 0))
        if end < 0:
            raise CUT_OFF
        name = kept + data[at:end]
        yield name
        at = end + 1 if version == PREFIXED else begin + (end - begin + 8) // 8 * 8
    if data[at : at + 4] == SPLIT:
        raise STRANGE


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Read a number of git's: seven bits in each byte, and one more for every further byte."""
    if at >= len(data):
        raise CUT_OFF
    value = data[at] & 0x7F
    while data[at] & 0x80:
        at += 1
        if at >= len(data):
            raise CUT_OFF
        value = ((value + 1) << 7) | (data[at] & 0x7F)
    return value, at + 1
