"""The gateway's two diaries: when it started and how it ended.

Rule 1: what cannot be read matters only where it could change the answer. A broken line from last week spoils nothing;
        one within the span that is counted makes the count unknown.
Rule 2: the diary speaks of its last start. When that start has no end, the gateway runs or was killed, and how an
        earlier one ended is not how this one did.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from quarterdeck.sources.files import SourceError, Tail
from quarterdeck.sources.hermes.answers import Answer, attempt, from_epoch, from_text, past
from quarterdeck.truth.reading import Reason

WINDOW = timedelta(minutes=15)
"""The span in which starts are counted."""

EARLIEST = 1e9
"""No gateway started before there was one: a smaller number is a part of one."""

START = "gateway.start"

ENDS = {
    "gateway.exit_clean": "clean",
    "gateway.exit_nonzero": "nonzero",
    "asyncio.run.KeyboardInterrupt": "clean",
    "asyncio.run.exception": "nonzero",
}
ASKED_TO_EXIT = "asyncio.run.SystemExit"
CLEAN_CODES = (None, 0, 75)
"""Exit codes of an end that was wanted: none, success, and "start me again"."""


class End(NamedTuple):
    """How the gateway last ended, by its own word; both None when its last start has no end."""

    how: str | None = None
    at: datetime | None = None


class Diary(NamedTuple):
    """What the exit diary says."""

    starts: Answer[int]
    end: Answer[End]


class Event(NamedTuple):
    """One line of the exit diary."""

    at: datetime
    tag: str
    code: object


def read_diary(tail: Tail, now: datetime) -> Diary:
    """Understand the end of ``gateway-exit-diag.log``, one JSON object a line."""
    events = [attempt(_event, line, now) for line in _newest_first(tail)]
    return Diary(attempt(_count, events, now), attempt(_end, events))


def count_starts(tail: Tail, now: datetime) -> int:
    """Count the recent starts in ``gateway-starts.log``, one number a line."""
    return _count((attempt(_start, line, now) for line in _newest_first(tail)), now)


def _newest_first(tail: Tail) -> Iterator[bytes]:
    """Return the lines of a tail from its end. The first one may be a part of a line and does not count."""
    if not tail.data:
        raise SourceError(Reason.CORRUPT, "empty")
    lines = tail.data.removesuffix(b"\n").split(b"\n")[1 if tail.start else 0 :]
    if not lines:
        raise SourceError(Reason.CORRUPT, "ends in a line longer than any that the agent writes")
    return reversed(lines)


def _event(line: bytes, now: datetime) -> Event:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        raise SourceError(Reason.CORRUPT, "holds a line that is broken off or not JSON") from None
    if not isinstance(entry, dict) or not isinstance(tag := entry.get("tag"), str):
        raise SourceError(Reason.SCHEMA, "holds a line that is not an event")
    return Event(past(from_text(entry.get("ts"), UTC), now), tag, entry.get("code"))


def _start(line: bytes, now: datetime) -> Event:
    try:
        seconds = float(line)
    except ValueError:
        seconds = 0.0
    if not seconds >= EARLIEST:
        raise SourceError(Reason.CORRUPT, "holds a line that is broken off or not a time")
    return Event(past(from_epoch(seconds), now), START, None)


def _count(events: Iterable[Answer[Event]], now: datetime) -> int:
    """Count the starts within the span, from the newest event back to the first that lies before it.

    A start that follows an orderly end is a restart somebody wanted, not one of a loop.
    """
    count, start_after = 0, False
    for event in events:
        if isinstance(event, SourceError):
            raise event
        how = _how(event)
        if start_after and (how is not None or event.tag == START):
            count += how != "clean"
            start_after = False
        if event.at < now - WINDOW:
            break
        start_after = start_after or event.tag == START
    return count + start_after


def _end(events: Iterable[Answer[Event]]) -> End:
    """Find the end of the last start."""
    for event in events:
        if isinstance(event, SourceError):
            raise event
        if event.tag == START:
            break
        if (how := _how(event)) is not None:
            return End(how, event.at)
    return End()


def _how(event: Event) -> str | None:
    """Say how the gateway ended by an event; None for one that is no end."""
    if event.tag == ASKED_TO_EXIT:
        return "clean" if event.code in CLEAN_CODES else "nonzero"
    return ENDS.get(event.tag)
