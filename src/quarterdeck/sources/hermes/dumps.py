"""Calls of the model that failed for good, from the files the agent leaves of each.

Rule: such a file holds the whole conversation. Of it only the status of the error is taken, and of the folder only the
names of these files and their times.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from quarterdeck.sources import files
from quarterdeck.sources.files import SourceError, Tail
from quarterdeck.sources.hermes.answers import Answer, attempt
from quarterdeck.sources.hermes.values import if_there, is_settled
from quarterdeck.truth.reading import Reason

FOLDER = "sessions"
NAMES_LIMIT = 2_000
NEWEST = 3
TAIL = 65_536

NAME = re.compile(r"request_dump_.{1,200}_(\d{8}_\d{6}_\d{6})\.json")
ERROR = re.compile(rb'^  "error": \{', re.MULTILINE)
STATUS = re.compile(rb'^    "status_code": (\d{3})\b', re.MULTILINE)


class Failure(NamedTuple):
    """A call that failed for good."""

    at: datetime
    status: int | None
    """HTTP status of the provider; None when it gave none."""


class DumpFiles:
    """The dumps of one home. The folder is listed again only when it changed."""

    def __init__(self, home: Path) -> None:
        self._folder = home / FOLDER
        self._changed: int | None = None
        self._failures: Answer[Sequence[Failure]] = ()

    def read(self) -> Answer[Sequence[Failure]]:
        """Return the newest failures."""
        changed = if_there(self._mtime)
        if changed is None or isinstance(changed, SourceError):
            return () if changed is None else changed
        if changed != self._changed or not is_settled(self._failures):
            self._failures = attempt(self._read)
            self._changed = changed
        return self._failures

    def _mtime(self) -> int:
        with files.translated():
            return os.stat(self._folder).st_mtime_ns

    def _read(self) -> Sequence[Failure]:
        listing = files.list_dir(self._folder, limit=NAMES_LIMIT)
        if listing.more:
            raise SourceError(Reason.SCHEMA, "holds too many files to look for failed calls among them")
        named = [(found[1], entry.name) for entry in listing.entries if (found := NAME.fullmatch(entry.name))]
        newest = [name for _, name in sorted(named, reverse=True)[:NEWEST]]
        read = (if_there(files.tail, self._folder / name, limit=TAIL) for name in newest)
        return [parse(each) for each in read if isinstance(each, Tail)]


def parse(tail: Tail) -> Failure:
    """Take the status of the error from the end of a dump; the conversation stands before it."""
    errors = list(ERROR.finditer(tail.data))
    status = STATUS.search(tail.data, errors[-1].end()) if errors else None
    return Failure(datetime.fromtimestamp(tail.mtime, UTC), int(status[1]) if status else None)
