"""What alerts, changes and timelines tell beside rows: plain data made of what is remembered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from quarterdeck.truth.episodes import Closed, Uptime
from quarterdeck.truth.judgement import Judgement, Status
from quarterdeck.truth.past import Blind, Change, Run, Said
from quarterdeck.truth.reading import AnyReading


@dataclass(frozen=True, slots=True)
class Feed:
    """Alerts that are over."""

    span: str
    since: datetime
    known_since: datetime | None
    """Since when anything is remembered; None when nothing is."""
    closed: tuple[Closed, ...]
    names: Mapping[str, str]
    """What each subject is called."""
    blind: tuple[Blind, ...]
    complete: bool
    """False: only the newest changes were looked through."""


class Turn(NamedTuple):
    """What became of one subject between two moments."""

    subject: str
    name: str
    instance: str
    then: Judgement | None
    """None: it was not there."""
    now: Judgement | None
    through: tuple[Status, ...]
    """What it was in between, oldest first, as far as changes tell."""
    under: str = ""
    """The subject under which it is told, because it follows from it or came with it."""

    @property
    def what(self) -> str:
        """``worse``, ``better``, ``other``, ``came and went``, ``new`` or ``gone``."""
        if self.then is None or self.now is None:
            return "new" if self.then is None else "gone"
        if self.then.status is self.now.status:
            return "other" if self.then.rule != self.now.rule else "came and went"
        return "worse" if self.now.status.rank > self.then.status.rank else "better"


class Pair(NamedTuple):
    """A figure then and now."""

    key: str
    title: str
    then: str
    now: str
    then_value: float | None
    now_value: float | None
    readings: tuple[AnyReading, ...]
    """What the figure of now is made of."""


@dataclass(frozen=True, slots=True)
class Diff:
    """What changed between a moment and now."""

    asked: str
    since: datetime
    """The moment that is compared with; later than what was asked for when memory begins later."""
    known_since: datetime | None
    compared: bool
    """Whether a snapshot of that moment is remembered."""
    turns: tuple[Turn, ...]
    figures: tuple[Pair, ...]
    blind: tuple[Blind, ...]
    complete: bool
    digest: tuple[str, ...]
    """The same in ten lines."""

    @property
    def told(self) -> tuple[Turn, ...]:
        """What is told by itself: what went wrong together is one change."""
        return tuple(turn for turn in self.turns if not turn.under)

    def beneath(self, turn: Turn) -> tuple[Turn, ...]:
        """What is told under a change."""
        return tuple(other for other in self.turns if other.under == turn.subject)


class Event(NamedTuple):
    """One entry of a timeline."""

    at: datetime
    """When we knew."""
    true_at: datetime | None
    """Since when it is true, where that is known."""
    late: bool
    """Whether it was known long after it was true."""
    change: Change | None = None
    run: Run | None = None
    blind: Blind | None = None
    said: Said | None = None


@dataclass(frozen=True, slots=True)
class Story:
    """Everything that is remembered of one subject over a span, newest first."""

    subject: str
    name: str
    instance: str
    span: str
    since: datetime
    known_since: datetime | None
    events: tuple[Event, ...]
    uptime: Uptime | None
    complete: bool
