"""Which readings are observed together, so that observing them again and learning nothing costs one row.

Rule 1: every key keeps company: it has a clock, whose time is when it was observed.
Rule 2: when most of a company are observed anew, at one moment, their clock ticks. Who stayed behind, or went another
        way, leaves the company. When only a few move, it is they who leave.
Rule 3: a guess never costs truth: whoever's time is not that of their clock is written with another clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

from quarterdeck.store.codec import when
from quarterdeck.store.readings import LOOK
from quarterdeck.truth.reading import AnyReading, Key, Known


class Tick(NamedTuple):
    """A clock that shows another time from now on."""

    clock: int
    at: datetime
    new: bool = False


class Found:
    """In what two snapshots differ."""

    def __init__(self) -> None:
        self.written: dict[Key, datetime] = {}
        """Keys that say something else, or nothing was known of before, and when that was observed."""
        self.moved: dict[int, dict[datetime, list[Key]]] = {}
        """Keys that were observed at another moment, by their clock and that moment."""
        self.removed: list[Key] = []

    def compare(
        self, subject: str, before: Mapping[str, AnyReading], now: Mapping[str, AnyReading], company: Company
    ) -> None:
        """Find in what the readings of a subject differ. It runs for every reading of every look: it is kept short."""
        clocks = company.clocks.get(subject, {})
        clock_before, at_before, together = -1, None, []
        for field, reading in now.items():
            old = before.get(field)
            if old is reading:
                continue
            at = reading.observed_at if type(reading) is Known else when(reading)
            if old is None:
                self.written[subject, field] = at
                continue
            if not same(old, reading):
                self.written[subject, field] = at
            clock = clocks[field]
            if clock == clock_before and at == at_before:
                together.append((subject, field))
            elif at != company.at[clock]:
                together = self.moved.setdefault(clock, {}).setdefault(at, [])
                together.append((subject, field))
                clock_before, at_before = clock, at
        if not before.keys() <= now.keys():
            self.removed.extend((subject, field) for field in before.keys() - now.keys())

    def hold(self, key: Key, at: datetime, company: Company) -> None:
        """Find that a key says something else."""
        self.written[key] = at
        clock = company.clock(key)
        if clock is not None and company.at[clock] != at:
            self.moved.setdefault(clock, {}).setdefault(at, []).append(key)


def same(old: AnyReading, new: AnyReading) -> bool:
    """Whether two readings of one key say the same, whenever they were made."""
    if type(old) is not type(new) or old.origin != new.origin:
        return False
    if isinstance(old, Known) and isinstance(new, Known):
        value, other = old.value, new.value
        if value != other or old.fresh_for != new.fresh_for or type(value) is not type(other):
            return False
        return type(value) is not dict or list(value) == list(other)  # it is shown in its order
    return old.reason is new.reason and old.detail == new.detail and old.last == new.last  # type: ignore[union-attr]


def root(key: Key) -> str:
    """Return what keys must share to keep company: tombstones and the fleet keep to themselves."""
    subject, field = key
    return field if field.startswith("@") and field != LOOK else subject.partition("/")[0]


class Company:
    """Who keeps company with whom, and what their clocks show."""

    def __init__(self) -> None:
        self.at: dict[int, datetime] = {}
        self.clocks: dict[str, dict[str, int]] = {}
        self._members: dict[int, set[Key]] = {}
        self._showing: dict[tuple[str, datetime], int] = {}
        self._root: dict[int, str] = {}
        self._made = 0

    def clock(self, key: Key) -> int | None:
        """Return the clock of a key; None when it has none yet."""
        return self.clocks.get(key[0], {}).get(key[1])

    def time(self, key: Key) -> datetime | None:
        """Return what the clock of a key shows; None when it has none yet."""
        clock = self.clock(key)
        return None if clock is None else self.at[clock]

    def settle(self, found: Found) -> tuple[list[Tick], dict[Key, int]]:
        """Follow what was found: which clocks tick, and who is to be written, with which clock."""
        for key in found.removed:
            self._leave(key)
        write, ticks = dict(found.written), []
        for clock, moves in found.moved.items():
            at, most = max(moves.items(), key=lambda move: len(move[1]))
            stay = len(self._members[clock]) - sum(map(len, moves.values()))
            if stay > len(most):
                write |= _each(moves, None)
                continue
            write |= _each(moves, at)
            if stay:
                moving = {key for keys in moves.values() for key in keys}
                write |= {key: found.written.get(key, self.at[clock]) for key in self._members[clock] - moving}
            self._show(clock, at)
            ticks.append(Tick(clock, at))
        placed = {key: self._place(key, at, ticks) for key, at in write.items()}
        return ticks, placed

    def _place(self, key: Key, at: datetime, ticks: list[Tick]) -> int:
        """Return the clock by which a key is to be written."""
        before = self.clock(key)
        if before is not None and self.at[before] == at:
            return before
        if before is not None:
            self._leave(key)
        of = root(key)
        clock = self._showing.get((of, at))
        if clock is None:
            self._made += 1
            clock = self._made
            self._root[clock], self._members[clock] = of, set()
            self._show(clock, at)
            ticks.append(Tick(clock, at, new=True))
        self._members[clock].add(key)
        self.clocks.setdefault(key[0], {})[key[1]] = clock
        return clock

    def _show(self, clock: int, at: datetime) -> None:
        of, before = self._root[clock], self.at.get(clock)
        if before is not None and self._showing.get((of, before)) == clock:
            del self._showing[of, before]
        self.at[clock] = at
        self._showing.setdefault((of, at), clock)

    def _leave(self, key: Key) -> None:
        subject, field = key
        clock = self.clocks[subject].pop(field)
        if not self.clocks[subject]:
            del self.clocks[subject]
        members = self._members[clock]
        members.discard(key)
        if not members:
            del self._members[clock]
            of, at = self._root.pop(clock), self.at.pop(clock)
            if self._showing.get((of, at)) == clock:
                del self._showing[of, at]


def _each(moves: Mapping[datetime, Iterable[Key]], apart_from: datetime | None) -> Iterator[tuple[Key, datetime]]:
    return ((key, at) for at, keys in moves.items() if at != apart_from for key in keys)
