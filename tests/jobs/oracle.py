"""What an agent does, told minute by minute: written from its own source, and from nothing of ours.

It walks every minute of a span, as the agent does, and asks at each whether a job runs. The next time is looked for by
walking every minute of the wall clock that follows, until one matches. It knows no shortcut, so it is slow.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

MINUTE = timedelta(minutes=1)
MOST = 60 * 24 * 800
"""Minutes that are walked for one next time."""


@dataclass(frozen=True)
class Restrictions:
    """What is allowed, part by part; None where everything is."""

    minutes: frozenset[int] | None
    hours: frozenset[int] | None
    days: frozenset[int] | None
    months: frozenset[int] | None
    weekdays: frozenset[int] | None

    def expression(self) -> str:
        """Write it as an agent takes it."""
        parts = (self.minutes, self.hours, self.days, self.months, self.weekdays)
        return " ".join("*" if part is None else ",".join(map(str, sorted(part))) for part in parts)

    def match(self, wall: datetime) -> bool:
        """Whether the wall clock shows a time of this job."""
        if self.minutes is not None and wall.minute not in self.minutes:
            return False
        if self.hours is not None and wall.hour not in self.hours:
            return False
        if self.months is not None and wall.month not in self.months:
            return False
        by_day = self.days is None or wall.day in self.days
        by_weekday = self.weekdays is None or wall.isoweekday() % 7 in self.weekdays
        if self.days is not None and self.weekdays is not None:
            return by_day or by_weekday
        return by_day and by_weekday


def instant(wall: datetime, zone: ZoneInfo | timezone) -> datetime:
    """What the wall shows, for the first time that it shows it, as a moment."""
    there = wall.replace(tzinfo=zone, fold=0)
    offset = there.utcoffset()
    assert offset is not None
    return (wall - offset).replace(tzinfo=UTC)


def offset_at(moment: datetime, zone: ZoneInfo | timezone) -> timedelta:
    """The offset of a zone at a moment."""
    found = moment.astimezone(zone).utcoffset()
    assert found is not None
    return found


def following(job: Restrictions, now: datetime, zone: ZoneInfo | timezone) -> tuple[datetime, datetime, timedelta]:
    """The next time: as a moment, as the wall shows it, and with which offset it is written down."""
    wall = (now + MINUTE).astimezone(zone).replace(tzinfo=None, fold=0, second=0, microsecond=0)
    for _ in range(MOST):
        if job.match(wall):
            break
        wall += MINUTE
    else:
        raise LookupError("never")
    at = instant(wall, zone)
    shown, began = at.astimezone(zone), now.astimezone(zone)
    change = (offset_at(at, zone) - offset_at(now, zone)).total_seconds()
    wall = shown.replace(tzinfo=None, fold=0)
    hours = abs((wall - began.replace(tzinfo=None, fold=0)).total_seconds()) / 3600
    to_midnight = 24 - began.hour
    if (change > 0 and hours >= to_midnight) or (change < 0 and hours * 3600 + abs(change) >= to_midnight * 3600):
        wall -= timedelta(seconds=change)
        at = instant(wall, zone)
        offset = wall.replace(tzinfo=zone).utcoffset()
        assert offset is not None
        return at, wall, offset
    return at, wall, offset_at(at, zone)


def grace(job: Restrictions, now: datetime, zone: ZoneInfo | timezone) -> timedelta:
    """Half the distance of the next two times, between two minutes and two hours.

    The clock does not change between them in what is tried here with a release that asks for it.
    """
    first = following(job, now, zone)
    second = following(job, first[0], zone)
    half = int((second[1] - first[1]).total_seconds()) // 2
    return timedelta(seconds=max(120, min(half, 7_200)))


def runs(
    job: Restrictions, zone: ZoneInfo, since: datetime, until: datetime, *, configured: bool, catches_up: bool
) -> list[datetime]:
    """When an agent that reckons at ``since`` runs the job in the minutes up to ``until``."""

    def reckons_in(now: datetime) -> ZoneInfo | timezone:
        return zone if configured else timezone(offset_at(now, zone))

    found: list[datetime] = []
    now = since
    at, wall, offset = following(job, now, reckons_in(now))
    while now < until:
        now += MINUTE
        if at > now:
            continue
        shows = now.astimezone(zone).replace(tzinfo=None, fold=0)
        moved = offset_at(now, zone) != offset
        if catches_up:
            run = not (moved and wall > shows)
        else:
            late = now - at
            run = late <= timedelta(seconds=120) or late <= grace(job, now, reckons_in(now))
        if run:
            found.append(now)
        at, wall, offset = following(job, now, reckons_in(now))
    return found
