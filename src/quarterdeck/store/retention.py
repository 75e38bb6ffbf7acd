"""Memory thins out with age, and stays of bounded size.

Rule 1: what is kept is kept exactly. Of old snapshots one in each step of time is kept, and the last before each change
        of a status; in between nothing is made up. A snapshot that stands for others says until when it was the truth.
Rule 2: a row goes when no snapshot that is kept shows it. What was learnt late keeps its row.
Rule 3: everything goes in small transactions, so that recording never waits long.
Rule 4: when the file grows beyond its limit, the spans of time shrink, never the exactness of what remains.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise, takewhile
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Table, delete, exists, func, or_, select, update

from quarterdeck.store import alert_hours, gaps, runs, sessions
from quarterdeck.store.changes import changes
from quarterdeck.store.engine import Engine
from quarterdeck.store.readings import clocks, late, readings, records, ticks
from quarterdeck.store.samples import Samples
from quarterdeck.store.schema import MICROSECOND, us

MB: Final = 1 << 20
CHUNK: Final = 2_000
"""Numbers of snapshots that are gone through in one transaction."""
PAGES: Final = 2_000
"""Pages of the file that are given back at once."""


SMALLEST: Final = 1 / 64
"""To which share of what was asked for the spans may shrink."""
TIDIED: Final = "thinned to one in %d s"


class Tier(NamedTuple):
    """From which age on, how far apart kept snapshots lie."""

    age: timedelta
    step: timedelta


class Spans(NamedTuple):
    """How long what is kept."""

    exact: timedelta = timedelta(days=14)
    keep: timedelta = timedelta(days=400)
    most_mb: int = 2_000

    def tiers(self, squeeze: float) -> tuple[Tier, ...]:
        """Return the tiers, from the finest to the coarsest."""
        exact = self.exact * squeeze
        return (
            Tier(exact, timedelta(minutes=10)),
            Tier(min(exact * 4, self.keep * squeeze), timedelta(hours=1)),
        )


class Retention:
    """Thins out, a little at each call."""

    def __init__(self, spans: Spans = Spans()) -> None:  # noqa: B008 -- it cannot be changed
        self._spans = spans
        self._squeeze = 1.0
        self._samples: tuple[Engine, Samples] | None = None

    def tidy(self, engine: Engine, now: datetime) -> bool:
        """Do the next piece of work; return whether there is more.

        Raises:
            StoreError: when the database refuses.
        """
        for tier in self._spans.tiers(self._squeeze):
            if engine.write(partial(thin, tier=tier, now=now)):
                return True
        horizon = now - self._spans.keep * self._squeeze
        if engine.write(partial(expire, horizon=horizon)) or engine.write(partial(self._of_others, engine, now=now)):
            return True
        return self._give_back(engine)

    def _of_others(self, engine: Engine, connection: Connection, now: datetime) -> bool:
        """Forget what other parts keep: numbers by their own levels, the rest with the snapshots. Sessions stay."""
        horizon = now - self._spans.keep
        runs.forget_before(connection, horizon)
        alert_hours.forget_before(connection, horizon)
        sessions.forget_revisions(connection, horizon)
        if self._samples is None or self._samples[0] is not engine:
            self._samples = engine, Samples(engine.names)
        return self._samples[1].prune(connection, now)

    def _give_back(self, engine: Engine) -> bool:
        """Give free pages back to the disk; see that what remains is not too much."""
        if engine.dialect != "sqlite":
            return False
        free = engine.pragma("freelist_count")[0][0]
        if free:
            engine.give_back(PAGES)
        size = engine.pragma("page_size")[0][0] * (engine.pragma("page_count")[0][0] - free)
        if size > self._spans.most_mb * MB and self._squeeze > SMALLEST:
            self._squeeze /= 2
            return True
        return bool(free > PAGES)


# --- thinning --------------------------------------------------------------------------------------------------------


def thin(connection: Connection, tier: Tier, now: datetime) -> bool:
    """Thin out the next stretch of snapshots that are older than a tier's age; return whether there is more."""
    name = TIDIED % tier.step.total_seconds()
    done = gaps.mark(connection, name) or 0
    asked = select(records).where(records.c.seq >= done).order_by(records.c.seq).limit(CHUNK)
    limit = us(now - tier.age)
    old = list(takewhile(lambda row: row.known_us < limit, connection.execute(asked)))
    kept = _kept(old, tier.step // MICROSECOND, _changed(connection, old))
    if len(old) == CHUNK and len(kept) == 1:
        kept.append(CHUNK - 1)  # one step of time holds more than can be gone through at once
    for first, following in pairwise(kept):
        if following - first > 1:
            _fold(connection, old[first:following], old[following])
    if len(kept) > 1:
        gaps.set_mark(connection, name, old[kept[-1]].seq)
    return len(old) == CHUNK


def _changed(connection: Connection, old: Sequence[Any]) -> list[int]:
    """Return when statuses changed in a stretch of snapshots."""
    if not old:
        return []
    known = [row.known_us for row in old]
    asked = select(changes.c.known_us).where(changes.c.known_us.between(min(known), max(known))).distinct()
    return sorted(connection.execute(asked).scalars())


def _kept(old: Sequence[Any], step: int, changed: Sequence[int]) -> list[int]:
    """Return the places of the snapshots that stay: the first of each step of time, the last before each change."""
    kept, before = [], None
    for place, row in enumerate(old):
        following = old[place + 1].known_us if place + 1 < len(old) else row.known_us
        last_before_change = bisect_left(changed, following) > bisect_left(changed, row.known_us)
        here = (row.step, row.known_us // step)
        if here != before or last_before_change:
            kept.append(place)
        before = here
    return kept


def _fold(connection: Connection, some: Sequence[Any], other: Any) -> None:  # noqa: ANN401 -- a row of ``records``
    """Let the first of some snapshots stand for all of them; ``other`` is the next that stays."""
    one, between = some[0], (some[0].seq + 1, other.seq - 1)
    apart = [abs(later.known_us - earlier.known_us) for earlier, later in pairwise(some)]
    stands = {
        "until_us": some[1].known_us if one.until_us is None else one.until_us,
        "stands_for": sum(row.stands_for for row in some),
        "longest_us": max((*apart, *(row.longest_us for row in some))),
    }
    connection.execute(update(records).where(records.c.seq == one.seq).values(stands))
    connection.execute(delete(records).where(records.c.seq.between(*between)))
    for table, key in ((readings, "key"), (ticks, "clock")):
        later = table.alias()
        replaced = exists().where(later.c[key] == table.c[key], later.c.seq > table.c.seq, later.c.seq <= other.seq)
        hidden = delete(table).where(table.c.seq.between(*between), or_(replaced, table.c.seq < other.epoch))
        if table is readings:
            hidden = hidden.where(~exists().where(late.c.seq == readings.c.seq, late.c.key == readings.c.key))
        connection.execute(hidden)


# --- forgetting ------------------------------------------------------------------------------------------------------


def expire(connection: Connection, horizon: datetime) -> bool:
    """Forget what is older than a moment, a chunk at a time; return whether there is more.

    Of snapshots, epochs go as a whole: what remains needs nothing of what went.
    """
    first = connection.execute(
        select(records.c.epoch).where(records.c.known_us >= us(horizon)).order_by(records.c.seq).limit(1)
    ).scalar_one_or_none()
    if first is None:
        first = connection.execute(select(func.max(records.c.epoch))).scalar_one()
    if first is None:
        return False
    connection.execute(delete(records).where(records.c.seq < first))
    connection.execute(delete(clocks).where(clocks.c.epoch < first))
    more = [_expire(connection, table, first) for table in (late, readings, ticks)]
    last = select(func.max(changes.c.id)).group_by(changes.c.subject)
    connection.execute(delete(changes).where(changes.c.known_us < us(horizon), changes.c.id.not_in(last)))
    gaps.forget_before(connection, horizon)
    return any(more)


def _expire(connection: Connection, table: Table, first: int) -> bool:
    oldest = connection.execute(select(func.min(table.c.seq))).scalar_one()
    if oldest is None or oldest >= first:
        return False
    end = min(oldest + CHUNK, first)
    connection.execute(delete(table).where(table.c.seq < end))
    return bool(end < first)
