"""When a job runs, in our own words, and how far apart its runs are.

Rule 1: a schedule is never copied. An interval is worded anew, and a cron expression leaves only after it has proved to
        be one: five words of a prompt have the same shape.
Rule 2: the period of a job is the longest of the distances around now: between its last three turns and the next. A job
        that runs every five minutes in office hours has a period of five minutes at noon and of a night at night, so
        that it is neither called late in the morning nor believed late at noon.

Distances are taken on the job's own wall clock, on which a day has 24 hours also when the clocks change.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from itertools import islice, pairwise

from quarterdeck.sources.files import SourceError
from quarterdeck.sources.hermes.answers import attempt
from quarterdeck.truth.reading import Reason

MINUTES = {"d": 1440, "h": 60, "min": 1}
TURNS = 3
REMEMBERED = 4096
ANY_DAY = datetime(2026, 1, 1)  # noqa: DTZ001 -- a wall clock has no zone
FIELDS_WITH_SECONDS = 6

NO_SCHEDULE = SourceError(Reason.CORRUPT, "holds something that is not a schedule")

_periods: dict[str, tuple[datetime, datetime, float]] = {}
"""By expression: from when to when its period holds, and the period in seconds."""


def kind(schedule: object) -> str:
    """Return ``interval``, ``cron`` or ``once``, or whatever else the schedule calls itself."""
    found = schedule.get("kind") if isinstance(schedule, Mapping) else None
    if isinstance(found, str):
        return found
    raise NO_SCHEDULE


def in_words(schedule: Mapping[str, object]) -> str:
    """Return a schedule in the words of this house: ``every 2 h``, ``0 9 * * 1-5``, ``once``."""
    match kind(schedule):
        case "once":
            return "once"
        case "interval":
            minutes = _minutes(schedule)
            unit = next(name for name, size in MINUTES.items() if minutes % size == 0)
            return f"every {minutes // MINUTES[unit]} {unit}"
        case "cron":
            return _expression(schedule)
        case _:
            raise SourceError(Reason.SCHEMA, "a kind of schedule that this release does not know")


def period_s(schedule: Mapping[str, object], wall: datetime) -> float | None:
    """Return the usual distance between two runs; None for what runs once. ``wall`` is now on the job's wall clock."""
    match kind(schedule):
        case "once":
            return None
        case "interval":
            return _minutes(schedule) * 60.0
        case "cron":
            return _cron_period_s(_expression(schedule), wall)
        case _:
            raise SourceError(Reason.SCHEMA, "a kind of schedule that this release does not know")


def _minutes(schedule: Mapping[str, object]) -> int:
    minutes = schedule.get("minutes")
    if isinstance(minutes, int | float) and not isinstance(minutes, bool) and minutes == int(minutes) > 0:
        return int(minutes)
    raise NO_SCHEDULE


def _expression(schedule: Mapping[str, object]) -> str:
    """Return a cron expression that has proved to be one."""
    found = schedule.get("expr")
    expression = " ".join(found.split()) if isinstance(found, str) else ""
    if not _is_cron(expression):
        raise NO_SCHEDULE
    return expression


@lru_cache(maxsize=REMEMBERED)
def _is_cron(expression: str) -> bool:
    return not isinstance(attempt(_fires, expression, ANY_DAY, backwards=False), SourceError)


def _cron_period_s(expression: str, wall: datetime) -> float:
    known = _periods.get(expression)
    if known and known[0] < wall < known[1]:
        return known[2]
    following = next(_fires(expression, wall, backwards=False), None)
    before = list(islice(_fires(expression, wall, backwards=True), TURNS))
    if following is None or not before:
        raise SourceError(Reason.CORRUPT, "a schedule that never comes round")
    longest = max(later - earlier for later, earlier in pairwise([following, *before]))
    if len(_periods) >= REMEMBERED:
        _periods.clear()
    _periods[expression] = (before[0], following, longest.total_seconds())
    return longest.total_seconds()


def _fires(expression: str, wall: datetime, *, backwards: bool) -> Iterator[datetime]:
    """Return when an expression fires, going away from now. The agent writes seconds last, the library first."""
    from cronsim import CronSim, CronSimError  # noqa: PLC0415 -- most looks at most homes need no cron expression

    parts = expression.split()
    if len(parts) == FIELDS_WITH_SECONDS:
        parts = [parts[-1], *parts[:-1]]
    try:
        return CronSim(" ".join(parts), wall, reverse=backwards)
    except CronSimError:
        raise NO_SCHEDULE from None
