"""What every view is made of. Page, API and terminal render these same objects.

Rule: a row is a judged subject, and a cell is a reading. There is no cell with a bare value.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from quarterdeck.truth.fields import Field
from quarterdeck.truth.incidents import Incident
from quarterdeck.truth.judgement import Judgement
from quarterdeck.truth.reading import AnyReading, Key
from quarterdeck.truth.rollup import Rollup
from quarterdeck.truth.snapshot import Look
from quarterdeck.truth.witnesses import Question
from quarterdeck.views.asked import Asked
from quarterdeck.views.charts import History
from quarterdeck.views.ledger import LedgerPage, SessionRecord
from quarterdeck.views.remembered import Diff, Feed, Story
from quarterdeck.views.run_page import RunsPage
from quarterdeck.views.words import Show, Shown, show
from quarterdeck.views.work_pages import Board, Queue


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a view: which field fills it for each kind of subject, and how it is worded."""

    key: str
    title: str
    fields: Mapping[str, Field[Any]]
    """The field by kind of subject; kinds that are not named leave the cell empty."""
    how: Show | None = None


@dataclass(frozen=True, slots=True)
class Cell:
    """What one row says in one column; None where the column does not apply to the row's kind."""

    column: Column
    reading: AnyReading | None

    def shown(self, now: datetime) -> Shown | None:
        """Return the cell in words."""
        return None if self.reading is None else show(self.reading, now, self.column.how)


@dataclass(frozen=True, slots=True)
class Link:
    """Where to go from a row, or what to paste: an id, a path relative to the home, a command, a page, an address."""

    kind: str
    """``id``, ``path``, ``command``, ``page``, or ``away`` for a page of somebody else's."""
    text: str
    label: str
    href: str | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One subject, judged, with its cells and everything an operator can follow."""

    subject: str
    kind: str
    instance: str
    name: str
    judgement: Judgement
    cells: tuple[Cell, ...] = ()
    links: tuple[Link, ...] = ()
    disputes: tuple[Question, ...] = ()
    folded: tuple[str, ...] = ()
    """Subjects whose trouble follows from this one's, or came with it."""
    matter: Incident | None = None
    """The incident this row leads, on pages that tell incidents."""

    @property
    def readings(self) -> tuple[AnyReading, ...]:
        """Every reading behind this row, each once, those of the why-chain first."""
        return tuple(
            unique((*self.judgement.because, *self.judgement.doubts, *self._cells(), *self._answers())).values()
        )

    def _cells(self) -> Iterable[AnyReading]:
        return (cell.reading for cell in self.cells if cell.reading is not None)

    def _answers(self) -> Iterable[AnyReading]:
        return (answer.reading for dispute in self.disputes for answer in dispute.answers)


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure over the filter. Without a single known source there is no value at all."""

    key: str
    title: str
    value: float | None
    text: str
    note: str
    """Over what it was made and how old its oldest part is."""
    at_least: bool
    readings: tuple[AnyReading, ...]
    href: str
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Side:
    """One line of the roll-up that shows the instances side by side."""

    title: str
    cells: Mapping[str, Judgement | Shown]


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that is not seen: of which instance, where, why, and what to do about it."""

    instance: str
    place: str
    why: str
    fix: str
    readings: tuple[AnyReading, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """An instance as the filter offers it."""

    id: str
    label: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class View:
    """A page as data."""

    name: str
    title: str
    headline: str
    lede: str
    generated_at: datetime
    at: datetime
    version: int
    asked: Asked
    """What it was asked for: filter, page, words."""
    past: bool
    """Whether it shows what was known at a moment that is over."""
    choices: tuple[Choice, ...]
    rollup: Rollup
    columns: tuple[Column, ...]
    rows: Sequence[Row]
    trouble: Mapping[str, int]
    """How many rows of each view need somebody, for the navigation."""
    figures: tuple[Figure, ...] = ()
    sides: tuple[Side, ...] = ()
    gaps: tuple[Gap, ...] = ()
    looks: tuple[Look, ...] = field(default=())
    actions: Mapping[str, Sequence[Link]] = field(default_factory=dict)
    """What an operator can open or copy to look after each instance."""
    feed: Feed | None = None
    """Alerts that are over; None where nothing is remembered."""
    diff: Diff | None = None
    """What changed since a moment."""
    story: Story | None = None
    """What is remembered of one subject."""
    ledger: LedgerPage | None = None
    """What a page of the session ledger carries beside its rows."""
    record: SessionRecord | None = None
    """What the page of one session carries beside its row."""
    history: History | None = None
    """What is remembered of numbers over a span."""
    runs: RunsPage | None = None
    """What became of the runs of one job or timer."""
    queue: Queue | None = None
    """What the page of reviews carries beside its rows."""
    board: Board | None = None
    """What the page of the board carries beside its rows."""
    needing: int | None = None
    """How many need the operator, where the rows are a part of all."""

    @property
    def instance(self) -> str:
        """The filter: an instance's id, or ``all``."""
        return self.asked.instance


def unique(readings: Iterable[AnyReading]) -> dict[Key, AnyReading]:
    """Return the readings by key, the first of each."""
    found: dict[Key, AnyReading] = {}
    for reading in readings:
        found.setdefault((reading.subject, reading.field), reading)
    return found
