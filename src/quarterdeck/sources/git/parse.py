"""From what git says to values. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import NamedTuple

from quarterdeck.sources.files import SourceError
from quarterdeck.truth.reading import Reason

SHORT = 12
"""Letters of a commit's name that are shown."""
_COMMIT = re.compile(rb"([0-9a-f]{40}|[0-9a-f]{64}) (\d{1,11})\n?")
_OBJECT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_PUSHED = re.compile(rb"^[0-9a-f]+ [0-9a-f]+ [^\n]*> (\d{1,11}) [+-]\d{4}\tupdate by push$", re.MULTILINE)
NOT_UNDERSTOOD = (Reason.SCHEMA, "git says it in a form that is not known here")


class Status(NamedTuple):
    """What is checked out, and what differs from it."""

    upstream: str | None = None
    ahead: int | None = None
    behind: int | None = None
    changed: int = 0
    untracked: int = 0
    conflicts: int = 0


def status(said: bytes) -> Status:
    """Count what ``git status`` lists; no name of a file is kept.

    Raises:
        SourceError: when it is no such list.
    """
    found = Status()
    for line in said.split(b"\0"):
        kind, _, rest = line.partition(b" ")
        if kind == b"#":
            found = _headed(found, rest.decode("utf-8", "replace"))
        elif kind == b"1":
            found = found._replace(changed=found.changed + 1)
        elif kind == b"u":
            found = found._replace(conflicts=found.conflicts + 1, changed=found.changed + 1)
        elif kind == b"?":
            found = found._replace(untracked=found.untracked + 1)
        elif kind:
            raise SourceError(*NOT_UNDERSTOOD)
    return found


def _headed(found: Status, line: str) -> Status:
    word, _, value = line.partition(" ")
    if word == "branch.upstream":
        return found._replace(upstream=value)
    if word == "branch.ab":
        counts = re.fullmatch(r"\+(\d{1,9}) -(\d{1,9})", value)
        if counts is None:
            raise SourceError(*NOT_UNDERSTOOD)
        return found._replace(ahead=int(counts[1]), behind=int(counts[2]))
    return found


def commit(said: bytes) -> tuple[str, datetime]:
    """Return the short name of a commit and when it was made.

    Raises:
        SourceError: when that is not what was said.
    """
    form = _COMMIT.fullmatch(said)
    if form is None:
        raise SourceError(*NOT_UNDERSTOOD)
    return form[1][:SHORT].decode(), _moment(int(form[2]))


def oldest(said: bytes) -> datetime | None:
    """Return the earliest of the moments that are listed."""
    moments = [int(line) for line in said.split() if line.isdigit()]
    return _moment(min(moments)) if moments else None


def last_push(log: bytes) -> datetime | None:
    """Return when a branch of a remote was last moved by a push that was accepted."""
    moments = [int(each) for each in _PUSHED.findall(log)]
    return _moment(moments[-1]) if moments else None


def remote_head(said: bytes) -> str | None:
    """Return the short name of the commit a remote's branch is at; None when it has no such branch.

    Raises:
        SourceError: when that is not what was said.
    """
    if not said.strip():
        return None
    name = said.decode("utf-8", "replace").split("\t")[0]
    if not _OBJECT.fullmatch(name):
        raise SourceError(*NOT_UNDERSTOOD)
    return name[:SHORT]


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
