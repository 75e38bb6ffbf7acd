"""When the agent runs a job that has a cron expression: exactly then, also where that is not what the expression says.

The agent asks a library for its next time (croniter 6), and the library has habits. They are kept here, because a run
that the agent was never going to make is not a run it missed. ``docs/howto/missed-runs.md`` lists them for people.

Rule 1: a day that is restricted both by its number and by its weekday matches when either does; a field counts as
        restricted in the library's own way (``*/2`` is, ``*`` is not), a range that begins where it ends is the whole
        range, and a month that is too short for the next day of a list is left by so many days.
Rule 2: the next time is looked for on the wall clock. An hour that comes twice is meant the first time. A time that an
        hour lacks is moved out of the gap.
Rule 3: with a zone in the configuration, a next time on a later day across a change of the clocks is moved by that
        change: in spring a daily job runs an hour early and then again at its time; in autumn it runs an hour late.
Rule 4: without one, the agent reckons with the offset it has at that moment. A time across a change of the clocks is
        then off by an hour. Releases that catch up notice when such a time lies ahead on the wall clock, and reckon
        again; older ones run early, and a second time when it is time.
Rule 5: the agent looks once a minute. What is due by more than its grace is run at once by releases that catch up, and
        passed over by older ones. That also holds for a next time that lies in the past, which rule 2 can give.
"""

from __future__ import annotations

import math
import re
from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

TICK = timedelta(minutes=1)
GRACE_S = (120, 7_200)
YEARS = 50
LEADS = tuple(timedelta(hours=hours) for hours in (3, 48, 40 * 24, 400 * 24, 3_000 * 24))
"""From how long ago on the agent's reckoning is followed, so that it is the same whenever one begins."""
RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6), (0, 59))
"""Of minutes, hours, days, months, weekdays and seconds: the order in which the agent writes them."""
DAY, WEEKDAY = 2, 4
PLAIN = 5
SUNDAY = 7
PART = re.compile(r"(\d+|\*)(?:-(\d+))?(?:/(\d+))?")


class NotUnderstoodError(ValueError):
    """This schedule cannot be followed here."""


class Due(NamedTuple):
    """When the agent would run next, as it writes that down."""

    at: datetime
    wall: datetime
    """What the clock on the wall was to show, without a zone."""
    offset: timedelta


@dataclass(frozen=True, slots=True)
class AgentCron:
    """A cron expression as an agent follows it."""

    expression: str
    zone: ZoneInfo
    configured: bool
    """Whether the configuration names the zone; else it is the host's, and the agent knows only its offset."""
    catches_up: bool
    """Whether its release makes up for a missed run."""

    def fires(self, since: datetime, until: datetime) -> Iterator[datetime]:
        """Give the times in ``(since, until]`` at which an agent that is always there would run the job.

        Raises:
            NotUnderstoodError: when the expression cannot be followed here.
        """
        return (at for at in self._follow(_floor(self._begin(since)), until) if at > since)

    def followed(self, since: datetime, until: datetime) -> list[datetime]:
        """Return the same for an agent that reckons anew at ``since``, a whole minute."""
        return list(self._follow(since, until))

    def _follow(self, tick: datetime, until: datetime) -> Iterator[datetime]:
        due = self.after(tick)
        while True:
            earlier, tick = tick, max(tick + TICK, _ceil(due.at))
            if tick > until and due.at > until:
                return
            if self._runs(due, tick):
                fire = due.at if due.at > earlier else tick
                if fire <= until:
                    yield fire
            due = self.after(tick)

    def after(self, base: datetime) -> Due:
        """Return what the agent writes as its next time when it reckons at a moment."""
        return _next(self.expression, base, base, self._reckons_in(base))[0]

    def grace(self, now: datetime) -> timedelta:
        """Return how late a run may be, by the agent's own rule: half the distance of its next two times."""
        zone = self._reckons_in(now)
        first, start = _next(self.expression, now, now, zone)
        second, _ = _next(self.expression, first.at, start, zone)
        half = int((second.wall - first.wall).total_seconds()) // 2
        return timedelta(seconds=max(GRACE_S[0], min(half, GRACE_S[1])))

    def _reckons_in(self, now: datetime) -> tzinfo:
        return self.zone if self.configured else timezone(_offset(now, self.zone))

    def _runs(self, due: Due, now: datetime) -> bool:
        """Whether an agent that finds itself due at ``now`` runs, or reckons again."""
        if self.catches_up:
            there = now.astimezone(self.zone)
            moved = there.utcoffset() != due.offset
            return not (moved and due.wall > there.replace(tzinfo=None))
        late = now - due.at
        return late.total_seconds() <= GRACE_S[0] or late <= self.grace(now)

    def _begin(self, since: datetime) -> datetime:
        """Return a moment before ``since`` at which the agent reckoned: a time of the job, or one long enough ago."""
        clocks_changed = _offset(since - LEADS[1], self.zone) != _offset(since, self.zone)
        for lead in LEADS[clocks_changed:]:
            if self.after(since - lead).at <= since:
                return since - lead
        return since - LEADS[-1]


def _next(expression: str, now: datetime, start: datetime, zone: tzinfo) -> tuple[Due, datetime]:
    """Return the time after ``now``, and from when on offsets are compared, which is ``start`` until one was moved."""
    at = _moment(*_wall_after(expression, now.astimezone(zone), zone), zone)
    began, found = start.astimezone(zone), at.astimezone(zone)
    change = _seconds(found.utcoffset()) - _seconds(began.utcoffset())
    wall = found.replace(tzinfo=None, fold=0)
    hours = abs((wall - began.replace(tzinfo=None)).total_seconds()) / 3600
    left = 24 - began.hour
    if (change > 0 and hours >= left) or (change < 0 and 3600 * hours - change >= left * 3600):
        wall -= timedelta(seconds=change)
        start = at = _moment(wall, 0, zone)
        return Due(at, wall, _known(wall.replace(tzinfo=zone).utcoffset())), start
    return Due(at, wall, _known(found.utcoffset())), start


def _wall_after(expression: str, now: datetime, zone: tzinfo) -> tuple[datetime, int]:
    """Return what the wall shows at the next match, and whether the second of two such hours is meant."""
    wanted = parts(expression)
    whole = datetime.fromtimestamp(math.floor(now.timestamp()), UTC)
    first = (whole + (timedelta(seconds=1) if wanted.with_seconds else TICK)).astimezone(zone)
    wall = first.replace(tzinfo=None, fold=0)
    if not wanted.with_seconds:
        return wanted.after(wall.replace(second=0)), 0
    found = wanted.after(wall)
    return found, first.fold if found == wall else 0


class Parts(NamedTuple):
    """What a cron expression allows, each part in ascending order; None where it is not restricted."""

    minutes: tuple[int, ...] | None
    hours: tuple[int, ...] | None
    days: tuple[int, ...] | None
    months: tuple[int, ...] | None
    weekdays: tuple[int, ...] | None
    seconds: tuple[int, ...] | None
    with_seconds: bool

    def after(self, wall: datetime) -> datetime:
        """Return the first match at or after what the wall shows."""
        if self.days is not None and self.weekdays is not None:
            return min(self._replace(weekdays=None).after(wall), self._replace(days=None).after(wall))
        last_year = wall.year + YEARS
        while wall.year <= last_year:
            moved = self._moved(wall)
            if moved == wall:
                return wall
            wall = moved
        raise NotUnderstoodError("This schedule never comes round.")

    def _moved(self, wall: datetime) -> datetime:
        """Move on in the largest part that does not match, as far as the library does."""
        if months := _distance(wall.month, self.months, 12):
            return _month_later(wall, months)
        midnight = wall.replace(hour=0, minute=0, second=0)
        if days := _distance(wall.day, self.days, monthrange(wall.year, wall.month)[1]):
            return midnight + timedelta(days=days)
        if days := _distance(wall.isoweekday() % 7, self.weekdays, 7):
            return midnight + timedelta(days=days)
        if hours := _distance(wall.hour, self.hours, 24):
            return wall.replace(minute=0, second=0) + timedelta(hours=hours)
        if minutes := _distance(wall.minute, self.minutes, 60):
            return wall.replace(second=0) + timedelta(minutes=minutes)
        return wall + timedelta(seconds=_distance(wall.second, self.seconds, 60))


def _distance(here: int, wanted: tuple[int, ...] | None, size: int) -> int:
    """Return how far it is to the next number that is wanted, round the end of the range where need be."""
    if wanted is None:
        return 0
    return next((each - here for each in wanted if each >= here), wanted[0] - here + size)


def _month_later(wall: datetime, months: int) -> datetime:
    year, month = divmod(wall.year * 12 + wall.month - 1 + months, 12)
    return datetime(year, month + 1, 1)  # noqa: DTZ001 -- what the wall shows has no zone


@lru_cache(maxsize=4_096)
def parts(expression: str) -> Parts:
    """Understand an expression as the agent's library does.

    Raises:
        NotUnderstoodError: when it is none, or uses words that the agent does not take.
    """
    texts = expression.split()
    if len(texts) not in (PLAIN, PLAIN + 1):
        raise NotUnderstoodError("A cron expression has five or six parts.")
    minutes, hours, days, months, weekdays, *rest = [_restriction(text, at, texts) for at, text in enumerate(texts)]
    return Parts(minutes, hours, days, months, weekdays, rest[0] if rest else (0,), bool(rest))


def _restriction(text: str, place: int, texts: list[str]) -> tuple[int, ...] | None:
    if text == "*":
        return None
    numbers: set[int] = set()
    for piece in text.split(","):
        form = PART.fullmatch(piece)
        if form is None:
            raise NotUnderstoodError("A cron expression that the agent takes has numbers, stars, dashes and slashes.")
        numbers |= _piece(form, place, len(texts))
    low, high = RANGES[place]
    other = {DAY: WEEKDAY, WEEKDAY: DAY}.get(place)
    if len(numbers) == high - low + 1 and (other is None or "*" in texts[other]):
        return None
    return tuple(sorted(numbers))


def _piece(form: re.Match[str], place: int, count: int) -> set[int]:
    low, high = RANGES[place]
    first, last, step = form[1], form[2], int(form[3] or 1)
    if first == "*" and (last or not form[3]):
        raise NotUnderstoodError("A star stands alone, or before a slash.")
    if step == 0:
        raise NotUnderstoodError("A step is one or more.")
    if last is None and form[3] is None:
        return {_fit(int(first), place, count)}
    begin = low if first == "*" else _fit(int(first), place, count)
    end = high if last is None else _fit(int(last), place, count)
    if begin == end:
        return set(range(low, high + 1, step))
    if begin < end:
        return set(range(begin, end + 1, step))
    upper = range(begin, high + 1, step)
    left = high - upper[-1]
    skip = step - left if upper[-1] - low + step > high - low + 1 and left < step else 0
    return {*upper, *range(low + skip, end + 1, step)}


def _fit(number: int, place: int, count: int) -> int:
    low, high = RANGES[place]
    if place == WEEKDAY and number == SUNDAY and count == PLAIN:
        return 0
    if not low <= number <= high:
        raise NotUnderstoodError("A number in this cron expression is out of range.")
    return number


def _moment(wall: datetime, fold: int, zone: tzinfo) -> datetime:
    there = wall.replace(tzinfo=zone, fold=fold)
    return (wall - _known(there.utcoffset())).replace(tzinfo=UTC, fold=0)


def _offset(moment: datetime, zone: tzinfo) -> timedelta:
    return _known(moment.astimezone(zone).utcoffset())


def _known(offset: timedelta | None) -> timedelta:
    if offset is None:
        raise TypeError("A moment without a zone has no offset.")
    return offset


def _seconds(offset: timedelta | None) -> int:
    return int(_known(offset).total_seconds())


def _floor(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)


def _ceil(moment: datetime) -> datetime:
    whole = _floor(moment)
    return whole if whole == moment else whole + TICK
