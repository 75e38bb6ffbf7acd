"""When systemd elapses a calendar expression.

Rule 1: an expression is meant in the zone it names, else in that of its host.
Rule 2: a time that an hour lacks, because the clocks go forward, is left out. Of an hour that comes twice systemd stays
        in the one in which it reckoned last: a timer that elapsed before the clocks went back does not elapse in the
        second of the two hours.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from oncalendar import BaseIterator, OnCalendarError, parse_tz

from quarterdeck.jobs.agent_cron import NotUnderstoodError


def elapses(expression: str, zone: ZoneInfo, since: datetime, until: datetime) -> Iterator[datetime]:
    """Give the times in ``(since, until]`` at which a timer with this expression elapses.

    Raises:
        NotUnderstoodError: when it cannot be followed here.
    """
    words, own = split(expression)
    zone = own or zone
    start = since.astimezone(zone)
    fold = start.fold
    for wall in _walls(words, start.replace(tzinfo=None, fold=0)):
        there = wall.replace(tzinfo=zone, fold=fold)
        at = there.astimezone(UTC)
        back = at.astimezone(zone)
        if back.replace(tzinfo=None, fold=0) != wall:
            continue
        if at > until:
            return
        if at > since:
            fold = back.fold
            yield at


@lru_cache(maxsize=1_024)
def split(expression: str) -> tuple[str, ZoneInfo | None]:
    """Part an expression from the zone it names."""
    words, _, last = expression.rpartition(" ")
    own = parse_tz(last) if words else None
    return (words, own) if own else (expression, None)


def _walls(words: str, start: datetime) -> Iterator[datetime]:
    try:
        return BaseIterator(words, start)
    except OnCalendarError:
        raise NotUnderstoodError("This calendar expression cannot be followed here.") from None
