"""Who can read a file, as its modes and those of the folders above it say.

Rule: a file can be read by whoever may read it and may walk all the way to it. A group with the number of the owner is
the owner's own, as distributions make them, and lets nobody else in.
"""

from __future__ import annotations

import os
import pwd
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from quarterdeck.sources import files


class Permissions(NamedTuple):
    """What can be told of a file without opening it."""

    mode: str
    """In octal, as ``chmod`` takes it."""
    owner: str
    open_to: str
    """``owner``, ``group`` or ``anyone``."""
    changed_at: datetime


def permissions(path: Path) -> Permissions:
    """Look at a file from outside.

    Raises:
        SourceError: when it is not there or may not be looked at.
    """
    found = status(path)
    mode = f"{stat.S_IMODE(found.st_mode):04o}"
    return Permissions(mode, _owner(found.st_uid), open_to(path, found), datetime.fromtimestamp(found.st_mtime, UTC))


def open_to(path: Path, found: os.stat_result) -> str:
    """Say who can read this file: its owner, its group, or anyone."""
    if not found.st_mode & (stat.S_IRGRP | stat.S_IROTH):
        return "owner"
    above = [status(folder) for folder in path.parents]
    if found.st_mode & stat.S_IROTH and all(folder.st_mode & stat.S_IXOTH for folder in above):
        return "anyone"
    own_group = found.st_gid == found.st_uid
    for_group = found.st_mode & stat.S_IRGRP and not own_group and all(_lets(folder, found.st_gid) for folder in above)
    return "group" if for_group else "owner"


def status(path: Path) -> os.stat_result:
    """Return what the kernel says of a file.

    Raises:
        SourceError: when it says nothing.
    """
    with files.translated():
        return os.stat(path)


def _lets(folder: os.stat_result, group: int) -> bool:
    """Say whether members of a group may walk through a folder."""
    return bool(folder.st_mode & (stat.S_IXGRP if folder.st_gid == group else stat.S_IXOTH))


def _owner(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
