"""How often the agent's log speaks of errors, by class.

Rule 1: lines are counted, never kept. What is remembered of one is its moment and its class.
Rule 2: a line carries no zone, and the zone of the process that wrote it is its own affair. But the file was last
        written when its last line was: the distance between both is the zone. Where they do not fit, nothing is placed.
Rule 3: only the end of a log is read. When that does not reach back an hour, the origin says how far it was read.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from quarterdeck.sources import files
from quarterdeck.sources.files import SourceError, Tail
from quarterdeck.sources.hermes.answers import Answer, Report, after, attempt, past
from quarterdeck.sources.hermes.classes import classify_error
from quarterdeck.sources.hermes.values import if_there, is_settled
from quarterdeck.truth import fields as F  # noqa: N812 -- as in the judgement tables
from quarterdeck.truth.instance import subject
from quarterdeck.truth.reading import Origin, Reason

TAIL = 262_144
"""Bytes read from the end of a log; about two thousand lines."""
SPAN = timedelta(hours=1)
QUARTER = timedelta(minutes=15)
"""What the zones of the world differ by."""
FIT = timedelta(seconds=10)
"""How long after its moment a line may reach the file."""
FARTHEST = timedelta(hours=14)
"""The zone that is farthest from UTC."""

LINE = re.compile(rb"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d),(\d{3}) ([A-Z]+)(.*)$", re.MULTILINE)
ALWAYS = {"ERROR", "CRITICAL"}
FAILED_CALL = "error_type="
"""A failed call of the model is a warning while it is tried again; it is counted all the same."""

LOG = Origin("log of the agent", "logs/agent.log")
ERRORS = "logs/errors.log"
ERROR_LOG = Origin(LOG.source, ERRORS)
OLDER = ".1"


class Error(NamedTuple):
    """One line that speaks of an error."""

    at: datetime
    kind: str


class Errors(NamedTuple):
    """The errors at the end of a log."""

    locator: str
    written: datetime
    found: tuple[Error, ...]
    whole: bool
    """Whether the log was read to its beginning."""
    since: datetime | None
    """The oldest line that was read; None when there was none."""

    def origin(self, now: datetime) -> Origin:
        """Say what was read; the part of a log that does not reach back an hour is called a part."""
        short = not self.whole and (self.since is None or self.since > now - SPAN)
        return Origin(LOG.source, f"{self.locator} (last {files.human(TAIL)})" if short else self.locator)


class LogFiles:
    """The logs of one home. What did not change is not read again."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._state: object = None
        self._errors: Answer[Errors] = SourceError(Reason.MISSING, "not read yet")

    def read(self, now: datetime) -> Answer[Errors]:
        """Return the errors at the end of the error log; of the whole log where there is no other."""
        names = (ERRORS, ERRORS + OLDER, LOG.locator)
        state = [if_there(files.stat_file, self._home / name) for name in names]
        if state != self._state or not all(map(is_settled, [*state, self._errors])):
            self._errors = attempt(self._read, now)
            self._state = state
        return after(self._errors, lambda errors: _as_of(errors, now))

    def _read(self, now: datetime) -> Errors:
        errors = if_there(self._tail, ERRORS)
        if errors is None:
            return parse(LOG.locator, self._tail(LOG.locator))
        if isinstance(errors, SourceError):
            raise errors
        newest = parse(ERRORS, errors)
        if not newest.whole or (newest.since and newest.since < now - SPAN):
            return newest
        older = if_there(self._tail, ERRORS + OLDER)
        return newest if older is None else _joined(newest, after(older, lambda tail: parse(ERRORS, tail)))

    def _tail(self, name: str) -> Tail:
        return files.tail(self._home / name, limit=TAIL)


def parse(locator: str, tail: Tail) -> Errors:
    """Find the errors in the end of a log."""
    written = datetime.fromtimestamp(tail.mtime, UTC)
    lines = list(_lines(tail.data))
    if not lines:
        if tail.data:
            raise SourceError(Reason.CORRUPT, "holds no line that the agent writes")
        return Errors(locator, written, (), whole=True, since=None)
    zone = _zone(lines[-1][0], written)
    found = tuple(Error(at - zone, classify_error(said)) for at, level, said in lines if _counts(level, said))
    return Errors(locator, written, found, whole=tail.start == 0, since=lines[0][0] - zone)


def _lines(data: bytes) -> Iterator[tuple[datetime, str, str]]:
    """Return the lines that begin an entry: when by the clock on the wall, how grave, and what it says."""
    for moment, millis, level, said in LINE.findall(data):
        try:
            at = datetime.fromisoformat(f"{moment.decode()}.{millis.decode()}+00:00")
        except ValueError:
            continue
        yield at, level.decode(), said.decode(errors="replace")


def _counts(level: str, said: str) -> bool:
    return level in ALWAYS or FAILED_CALL in said


def _zone(last: datetime, written: datetime) -> timedelta:
    """Return how far the clock on the wall is ahead of UTC."""
    zone = round((last - written) / QUARTER) * QUARTER
    if abs(last - written - zone) > FIT or abs(zone) > FARTHEST:
        raise SourceError(Reason.SCHEMA, "its last line and its own time do not fit: it was copied, cut or touched")
    return zone


def _as_of(errors: Errors, now: datetime) -> Errors:
    past(errors.written, now)
    return errors


def _joined(newest: Errors, older: Answer[Errors]) -> Errors:
    if isinstance(older, SourceError):
        return newest._replace(whole=False)
    found = (*older.found, *newest.found)
    return newest._replace(found=found, whole=older.whole, since=older.since or newest.since)


def newest_of(errors: Errors, kind: str) -> datetime | None:
    """Return when the log last spoke of an error of this class."""
    return max((each.at for each in errors.found if each.kind == kind), default=None)


def tell(report: Report, instance: str, home: Path, errors: Answer[Errors]) -> None:
    """Add what is known of an instance's log to the report."""
    logs, now = subject(instance, "logs"), report.at
    origin = ERROR_LOG if isinstance(errors, SourceError) else errors.origin(now)
    report.tell(logs, origin, F.ERRORS_1H, after(errors, lambda each: _counted(each, now)))
    written = if_there(lambda: past(datetime.fromtimestamp(files.stat_file(home / LOG.locator).mtime, UTC), now))
    report.tell(logs, LOG, F.LOG_AT, written)


def _counted(errors: Errors, now: datetime) -> dict[str, int]:
    return dict(Counter(each.kind.replace(" ", "-") for each in errors.found if each.at > now - SPAN))
