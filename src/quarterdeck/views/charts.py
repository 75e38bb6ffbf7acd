"""Numbers over time, as every page tells them: in steps, with gaps that stay gaps.

Rule 1: a step of which nothing is known has no mark. Nothing is drawn across it, and no zero stands for it.
Rule 2: a total over steps or instances of which one is not known is a lower bound, and says so.
Rule 3: a chart is its table. Whatever is drawn can be read as numbers, with their source and up to when they are known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from quarterdeck.truth.judgement import words
from quarterdeck.truth.past import Blind, Tally, Trend
from quarterdeck.truth.reading import Origin
from quarterdeck.views.words import count, money, size

MONDAY: Final = datetime(2024, 1, 1, tzinfo=UTC)
"""Steps are counted from a Monday, as memory counts them."""
WORK, CRON, TROUBLE, BACKUPS, ROOM = "Work", "Cron", "Trouble", "Backups", "Room and load"
PARTS: Final = (WORK, CRON, TROUBLE, BACKUPS, ROOM)
"""The parts of the page, in their order."""
CARDS: Final = ("alerts", "backups", "sessions", "cost")
"""The trends that are told first."""
LINES: Final = 6
"""So many lines can be told apart; what is left is summed up, or left out and said to be."""
LAG: Final = timedelta(minutes=10)
"""What is known up to here is known up to now: memory takes things in now and then."""


def _ms(value: float) -> str:
    return f"{value:,.0f} ms" if value >= 10 else f"{value:.1f} ms"  # noqa: PLR2004 -- where a fraction is worth reading


def _plain(value: float) -> str:
    return count(value) if value == int(value) or value >= 100 else f"{value:.2g}"  # noqa: PLR2004 -- as above


SAY: Final[Mapping[str, Callable[[float], str]]] = {"USD": money, "B": size, "s": words, "ms": _ms}
"""How a value is worded, by unit; every other unit is a number."""


def say(unit: str, value: float) -> str:
    """Put a value into words."""
    return SAY.get(unit, _plain)(value)


class Mark(NamedTuple):
    """What is known of one step."""

    value: float
    low: float | None = None
    high: float | None = None
    """The extremes, where several looks fell into the step."""
    at_least: bool = False


Marks = tuple[Mark | None, ...]
"""One for each step; None where nothing is known."""


@dataclass(frozen=True, slots=True)
class Line:
    """One thing over time."""

    key: str
    label: str
    marks: Marks
    origin: Origin | None = None
    place: int = 0
    """By which of ``LINES`` patterns it is told apart; the same instance has the same one in every chart."""

    @property
    def known(self) -> tuple[Mark, ...]:
        """The marks there are."""
        return tuple(mark for mark in self.marks if mark is not None)

    @property
    def total(self) -> float:
        """The sum of what is known."""
        return sum(mark.value for mark in self.known)

    @property
    def peak(self) -> float:
        """The highest that was seen."""
        return max((mark.value if mark.high is None else mark.high for mark in self.known), default=0.0)

    @property
    def trough(self) -> float:
        """The lowest that was seen."""
        return min((mark.value if mark.low is None else mark.low for mark in self.known), default=0.0)


@dataclass(frozen=True, slots=True)
class Chart:
    """Several lines over the same steps."""

    key: str
    title: str
    unit: str
    part: str
    """The part of the page it belongs to."""
    steps: tuple[datetime, ...]
    step: timedelta
    until: datetime
    """The last step is known up to here."""
    lines: tuple[Line, ...]
    text: str
    """What it comes to, in words."""
    note: str
    """What is missing in it; empty when nothing is."""
    known_until: datetime | None
    """Up to when what is shown is known; None when nothing is."""
    hidden: tuple[Blind, ...] = ()
    """When we did not look, where that makes a gap."""
    at_least: bool = False
    grows: bool = False
    """Whether the last step is still being counted: it is not yet what the others are."""

    def say(self, value: float) -> str:
        """Put one of its values into words."""
        return say(self.unit, value)

    @property
    def empty(self) -> bool:
        """Whether nothing is known at all."""
        return not any(line.known for line in self.lines)

    @property
    def peak(self) -> float:
        """The highest value; what the axis must reach."""
        return max((line.peak for line in self.lines), default=0.0)

    @property
    def sources(self) -> tuple[Origin, ...]:
        """Who says so, each once."""
        return tuple(dict.fromkeys(line.origin for line in self.lines if line.origin is not None))


@dataclass(frozen=True, slots=True)
class History:
    """What is remembered of a span, as charts."""

    span: str
    since: datetime
    began: datetime | None
    """Since when anything is remembered; None when nothing is."""
    charts: tuple[Chart, ...]
    blind: tuple[Blind, ...]
    over: str
    """The span in words."""
    every: str
    """How long a step is in which things are counted."""

    @property
    def cards(self) -> tuple[Chart, ...]:
        """The trends that are told first."""
        by = {chart.key: chart for chart in self.charts}
        return tuple(by[key] for key in CARDS if key in by)

    @property
    def parts(self) -> tuple[tuple[str, tuple[Chart, ...]], ...]:
        """The charts by the part of the page they belong to."""
        found = ((part, tuple(chart for chart in self.charts if chart.part == part)) for part in PARTS)
        return tuple((part, charts) for part, charts in found if charts)


def steps(until: datetime, step: timedelta, number: int) -> tuple[datetime, ...]:
    """Return where so many steps begin, the last of which holds ``until``."""
    last = until - (until - MONDAY) % step
    return tuple(last - step * back for back in reversed(range(number)))


def counted(tally: Tally, at: Sequence[datetime], step: timedelta, until: datetime) -> Marks:
    """Return what was counted by step. Within what the tally covers, a step that is not named is a zero."""
    entries = {entry.at: entry for entry in tally.entries}
    known_until = until if until - tally.known_until <= LAG else tally.known_until
    marks = list[Mark | None]()
    for begins in at:
        ends, entry = min(begins + step, until), entries.get(begins)
        if ends <= tally.known_from or begins >= known_until:
            marks.append(None)
            continue
        partly = (begins < tally.known_from and not tally.whole) or known_until < ends
        value, vague = (entry.value, entry.at_least) if entry else (0.0, False)
        marks.append(Mark(value, at_least=vague or partly))
    return tuple(marks)


def measured(trend: Trend, at: Sequence[datetime]) -> Marks:
    """Return what was seen by step."""
    points = {point.at: point for point in trend.points}
    found = (points.get(begins) for begins in at)
    return tuple(None if p is None else Mark(p.mean, p.low, p.high) for p in found)


def unseen(marks: Marks, at: Sequence[datetime], step: timedelta, until: datetime, hidden: Iterable[Blind]) -> Marks:
    """Take from what only we could have seen what we did not: a step we missed is a gap, one we saw in part a bound."""
    hidden = list(hidden)
    if not hidden:
        return marks
    return tuple(
        mark if mark is None else _seen_in_part(mark, begins, min(begins + step, until), hidden)
        for begins, mark in zip(at, marks, strict=True)
    )


def _seen_in_part(mark: Mark, begins: datetime, ends: datetime, hidden: Iterable[Blind]) -> Mark | None:
    missed = sum(
        (min(h.ended_at, ends) - max(h.began_at, begins) for h in touching(hidden, begins, ends)), timedelta(0)
    )
    if missed >= ends - begins and not mark.value:
        return None
    return mark._replace(at_least=mark.at_least or missed > timedelta(0))


def touching(hidden: Iterable[Blind], since: datetime, until: datetime) -> tuple[Blind, ...]:
    """Return the intervals that lie partly within a span."""
    return tuple(each for each in hidden if each.ended_at > since and each.began_at < until)


def together(lines: Sequence[Line], key: str, label: str) -> Line:
    """Add lines up, step by step. Where one of them is not known, the sum is a lower bound; where none is, a gap."""
    origin = next((line.origin for line in lines if line.origin is not None), None)
    return Line(key, label, tuple(_sum(each) for each in zip(*(line.marks for line in lines), strict=True)), origin)


def _sum(marks: Sequence[Mark | None]) -> Mark | None:
    known = [mark for mark in marks if mark is not None]
    if not known:
        return None
    return Mark(sum(m.value for m in known), at_least=len(known) < len(marks) or any(m.at_least for m in known))


def fewer(lines: Sequence[Line]) -> tuple[Line, ...]:
    """Keep the lines that come to most, and add the others up."""
    if len(lines) == 1:
        return (replace(lines[0], place=0),)
    if len(lines) <= LINES and all(line.place < LINES for line in lines):
        return tuple(sorted(lines, key=lambda line: line.place))
    order = sorted(lines, key=lambda line: (-line.total, line.label))
    rest = order[LINES - 1 :]
    others = replace(together(rest, "others", f"{len(rest)} others"), place=LINES - 1)
    return (*(replace(line, place=place) for place, line in enumerate(order[: LINES - 1])), others)
