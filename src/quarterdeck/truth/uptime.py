"""How long something was up, as far as anybody looked.

Rule 1: time in which we did not look is nobody's fault: it is neither up nor down, and the share is made without it.
Rule 2: what was unknown or stale is not counted either. Degraded is up: it works, though not as it should.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from quarterdeck.truth.judgement import Status
from quarterdeck.truth.past import Blind, Change

UP = frozenset({Status.OK, Status.DEGRADED})


class Uptime(NamedTuple):
    """A span of time, divided by what was known of a subject in it."""

    up: timedelta
    down: timedelta
    unseen: timedelta

    @property
    def share(self) -> float | None:
        """The share of the time seen in which it was up; None when it was not seen at all."""
        seen = self.up + self.down
        return self.up / seen if seen else None


def uptime(
    first: Change | None, changes: Iterable[Change], blinds: Iterable[Blind], since: datetime, until: datetime
) -> Uptime:
    """Divide a span. ``first`` is what was said at its beginning; ``changes`` what was said otherwise since, in any
    order.
    """
    up = down = timedelta(0)
    dark = list(_joined(blinds, since, until))
    for status, began, ended in _stretches(first, changes, since, until):
        seen = (ended - began) - sum(
            (max(min(ended, b) - max(began, a), timedelta(0)) for a, b in dark), start=timedelta(0)
        )
        if status in UP:
            up += seen
        elif status is Status.DOWN:
            down += seen
    return Uptime(up, down, (until - since) - up - down)


def _stretches(
    first: Change | None, changes: Iterable[Change], since: datetime, until: datetime
) -> Iterator[tuple[Status | None, datetime, datetime]]:
    status, began = first.status if first else None, since
    for change in sorted(changes, key=lambda change: change.known_at):
        if since < change.known_at <= until:
            yield status, began, change.known_at
            status, began = change.status, change.known_at
    yield status, began, until


def _joined(blinds: Iterable[Blind], since: datetime, until: datetime) -> Sequence[tuple[datetime, datetime]]:
    """Return the dark intervals within a span, those that overlap joined."""
    joined: list[tuple[datetime, datetime]] = []
    for began, ended in sorted((max(one.began_at, since), min(one.ended_at, until)) for one in blinds):
        if ended <= began:
            continue
        if joined and began <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], ended))
        else:
            joined.append((began, ended))
    return joined
