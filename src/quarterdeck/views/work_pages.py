"""What the pages of work carry beside their rows: plain data made of what a forge tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from quarterdeck.truth.board import Gate
from quarterdeck.truth.flags import Flag
from quarterdeck.truth.forge import Check, Claim, Linked, Review, Sensitive
from quarterdeck.truth.reviews import Condition, Waits


class Person(NamedTuple):
    """An account, and which agent it is."""

    login: str
    agent: str | None


class Choices(NamedTuple):
    """What one word of the filter can be here, and how many there are of each."""

    word: str
    title: str
    values: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Stretch:
    """Which part of a list is on the page."""

    begins: int
    shown: int
    total: int
    previous: str | None
    """The word ``after`` of the page before; empty for the first page, None where there is none."""
    next: str | None


@dataclass(frozen=True, slots=True)
class PullTold:
    """What a pull request's row tells beside its cells."""

    ref: str
    title: str
    klass: str
    """Its class, by what is known now."""
    was: str | None
    """Its class as last known, where it cannot be said now."""
    known_at: datetime | None
    """When that was."""
    author: Person | None
    """None where that is not known, or the account is gone."""
    opened_at: datetime | None
    waits: Waits
    conditions: tuple[Condition, ...]
    flags: tuple[Flag, ...]
    sensitive: tuple[Sensitive, ...]
    sensitive_known: bool
    """Whether all that it changes was looked at."""
    checks: tuple[Check, ...]
    reviews: tuple[Review, ...]
    closes: tuple[str, ...]
    blockers: tuple[str, ...]

    @property
    def open_conditions(self) -> tuple[Condition, ...]:
        """Those that are not met, then those that are not known."""
        return tuple(sorted((each for each in self.conditions if each.met is not True), key=lambda c: c.met is None))

    @property
    def met(self) -> tuple[Condition, ...]:
        """Those that are met."""
        return tuple(each for each in self.conditions if each.met is True)


@dataclass(frozen=True, slots=True)
class Group:
    """Pull requests that need the same."""

    id: str
    title: str
    note: str
    subjects: tuple[str, ...]
    """Those of them on this page."""
    total: int


@dataclass(frozen=True, slots=True)
class Queue:
    """What the page of reviews carries beside its rows."""

    groups: tuple[Group, ...]
    told: Mapping[str, PullTold]
    choices: tuple[Choices, ...]
    stretch: Stretch
    hidden: str
    """Why there is nothing: ``partial`` for who may see some agents only, ``none`` without a forge, ``past`` of a
    moment that is over; else empty."""
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class CardTold:
    """What a card tells beside its cells."""

    ref: str
    title: str
    lane: str
    was: str | None
    """Its lane as last known, where it cannot be placed now."""
    known_at: datetime | None
    marks: tuple[str, ...]
    """What must not be overlooked: ``ambiguous``, ``no reason``, ``not runnable``, ``still``."""
    ambiguities: tuple[str, ...]
    people: tuple[Person, ...]
    labels: tuple[str, ...]
    milestone: str | None
    pulls: tuple[Linked, ...]
    claim: Claim | None
    claimed_by: Person | None
    lapsed: bool
    """Whether the lease of that claim has run out."""
    blockers: tuple[str, ...]
    gates: tuple[Gate, ...]
    next: Gate | None
    """The first gate that is not open."""

    @property
    def passed(self) -> int:
        """How many gates are open, from the first on."""
        return len(self.gates) if self.next is None else self.gates.index(self.next)


@dataclass(frozen=True, slots=True)
class Lane:
    """One lane of the board."""

    id: str
    subjects: tuple[str, ...]
    """Its cards on this page."""
    total: int
    troubled: int
    """How many of all its cards need somebody."""


@dataclass(frozen=True, slots=True)
class Board:
    """What the page of the board carries beside its rows."""

    lanes: tuple[Lane, ...]
    chosen: str
    """The lane that is shown by itself; empty for all of them side by side."""
    told: Mapping[str, CardTold]
    choices: tuple[Choices, ...]
    stretch: Stretch
    hidden: str
    """As of the queue."""
    refusal: str = ""
