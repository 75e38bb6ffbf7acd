"""Where the parts of a repository lie: plain ones, bare ones and worktrees.

Rule: this is found out without git and without a word of the repository being obeyed. What git is then shown is decided
by what was found here.
"""

from __future__ import annotations

import os
import re
import stat
from typing import NamedTuple

from quarterdeck.sources import files
from quarterdeck.sources.files import SourceError
from quarterdeck.truth.reading import Reason

LINE_LIMIT = 4_096
CONFIG_LIMIT = 256_000
_HEAD = re.compile(r"ref: refs/[\x21-\x7e]{1,250}|[0-9a-f]{40}|[0-9a-f]{64}")
_LINK = re.compile(r"gitdir: ([^\n\x00]+)\n?")

OPERATIONS = {
    "rebase-merge": "rebase",
    "rebase-apply": "rebase",
    "MERGE_HEAD": "merge",
    "CHERRY_PICK_HEAD": "cherry-pick",
    "REVERT_HEAD": "revert",
    "BISECT_LOG": "bisect",
}
"""What lies in a repository while somebody is in the middle of something."""


class Nothing(Exception):  # noqa: N818 -- that there is no repository is an answer
    """There is no repository at a place: nothing at all, or something else."""

    def __init__(self, found: str) -> None:
        super().__init__(found)
        self.found = found


class Layout(NamedTuple):
    """The folders of a repository."""

    work: str | None
    """Where its files lie; None for a bare one."""
    own: str
    """What belongs to this worktree: HEAD, index, operations."""
    common: str
    """What all its worktrees share: objects, branches, settings."""
    head: str
    """What HEAD says."""


def find(path: str) -> Layout:
    """Find the repository in a folder; not in those above it.

    Raises:
        Nothing: when there is none.
        SourceError: when it cannot be looked at.
    """
    kind = _kind(path)
    if kind is None:
        raise Nothing("nothing")
    if kind != stat.S_IFDIR:
        raise Nothing("no repository")
    inner = f"{path}/.git"
    inside = _kind(inner)
    if inside is None and _kind(f"{path}/HEAD") is not None and _kind(f"{path}/objects") is not None:
        work, own = None, path
    elif inside is None:
        raise Nothing("no repository")
    else:
        work, own = path, inner if inside == stat.S_IFDIR else _linked(path, inner)
    return Layout(work, own, _common(own), _head(own))


def owners(layout: Layout) -> set[int]:
    """Return who owns the folders of a repository."""
    places = {layout.own, layout.common} | ({layout.work} if layout.work else set())
    with files.translated():
        return {os.stat(place).st_uid for place in places}


def operation(layout: Layout) -> str | None:
    """Return what somebody has begun in a repository and not ended."""
    if _kind(f"{layout.own}/rebase-apply/applying") is not None:
        return "am"
    return next((word for name, word in OPERATIONS.items() if _kind(f"{layout.own}/{name}") is not None), None)


def is_shallow(layout: Layout) -> bool:
    """Whether its history is cut off."""
    return _kind(f"{layout.common}/shallow") is not None


def _linked(path: str, inner: str) -> str:
    """Return the folder a worktree's ``.git`` file leads to."""
    link = _LINK.fullmatch(files.read_text(inner, limit=LINE_LIMIT).data)
    if link is None:
        raise Nothing("no repository")
    return os.path.normpath(os.path.join(path, link[1]))


def _common(own: str) -> str:
    try:
        said = files.read_text(f"{own}/commondir", limit=LINE_LIMIT).data.strip()
    except SourceError as error:
        if error.reason is Reason.MISSING:
            return own
        raise
    return os.path.normpath(os.path.join(own, said))


def _head(own: str) -> str:
    try:
        said = files.read_text(f"{own}/HEAD", limit=LINE_LIMIT).data.strip()
    except SourceError as error:
        if error.reason is Reason.MISSING:
            raise Nothing("no repository") from None
        raise
    if not _HEAD.fullmatch(said):
        raise SourceError(Reason.CORRUPT, "its HEAD names neither a branch nor a commit")
    return said


def _kind(path: str) -> int | None:
    """Return what lies at a place; None for nothing."""
    try:
        with files.translated():
            return stat.S_IFMT(os.stat(path).st_mode)
    except SourceError as error:
        if error.reason is Reason.MISSING:
            return None
        raise
