"""One fact from one source, known or not.

Rule 1: a fact without an origin, a time of observation and a lifetime cannot be constructed.
Rule 2: absence is a value. What could not be learnt is an ``Unavailable`` with a typed reason,
        and what was known before is kept inside it, to be shown only as old.
Rule 3: a reading never grows fresher. It is fresh for the first half of its life, late in the
        second half, stale afterwards. A reading from the future is stale.

The first half ends before the next look is overdue: ``fresh_for`` is three times the usual distance
between two looks, so one missed look makes a reading late and two make it stale.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Generic, NamedTuple, TypeVar

T_co = TypeVar("T_co", covariant=True)

SKEW = timedelta(seconds=2)
"""How far ahead of ``now`` a timestamp may be before it counts as coming from the future."""


class Reason(StrEnum):
    """Why a fact is not known."""

    MISSING = "missing"
    CORRUPT = "corrupt"
    SCHEMA = "schema"
    BUSY = "busy"
    TIMEOUT = "timeout"
    DENIED = "denied"
    OBSERVER = "observer"
    NEVER_SEEN = "never seen"


class Knowledge(StrEnum):
    """How well something is known, beside how well it is."""

    FRESH = "fresh"
    LATE = "late"
    STALE = "stale"
    UNKNOWN = "unknown"
    PAUSED = "paused"
    RETIRED = "retired"


class Origin(NamedTuple):
    """Who says so: the source's name, and where in it a person can look it up.

    ``locator`` is relative to the instance's home, or a name in the source's own namespace
    (a unit, a mount point, a table); it is what an operator would paste.
    """

    source: str
    locator: str


@dataclass(frozen=True, slots=True)
class Known(Generic[T_co]):
    """A fact that was observed."""

    subject: str
    field: str
    origin: Origin
    value: T_co
    observed_at: datetime
    fresh_for: timedelta

    def __post_init__(self) -> None:
        """Refuse naive times and lifetimes that are not positive.

        Raises:
            ValueError: when ``observed_at`` has no zone or ``fresh_for`` is not positive.
        """
        _aware(self.observed_at)
        if self.fresh_for <= timedelta(0):
            msg = "A reading must stay fresh for some time: fresh_for is not positive."
            raise ValueError(msg)

    @property
    def expires_at(self) -> datetime:
        """The moment from which this reading is stale."""
        return self.observed_at + self.fresh_for

    def knowledge(self, now: datetime) -> Knowledge:
        """Say how fresh this reading is at ``now``."""
        age = now - self.observed_at
        if age < -SKEW or age > self.fresh_for:
            return Knowledge.STALE
        return Knowledge.FRESH if age <= self.fresh_for / 2 else Knowledge.LATE

    def turns_at(self, now: datetime) -> datetime | None:
        """Return the last moment at which this is known as well as at ``now``; None when it stays so for ever."""
        age = now - self.observed_at
        if age < -SKEW:
            return now
        if age > self.fresh_for:
            return None
        return self.observed_at + (self.fresh_for / 2 if age <= self.fresh_for / 2 else self.fresh_for)


@dataclass(frozen=True, slots=True)
class Unavailable(Generic[T_co]):
    """A fact that could not be observed, and why.

    ``detail`` is written by us: it never quotes the content of what was read.
    """

    subject: str
    field: str
    origin: Origin
    attempted_at: datetime
    reason: Reason
    detail: str
    last: Known[T_co] | None = None

    def __post_init__(self) -> None:
        """Refuse naive times.

        Raises:
            ValueError: when ``attempted_at`` has no zone.
        """
        _aware(self.attempted_at)

    def knowledge(self, now: datetime) -> Knowledge:  # noqa: ARG002 -- same call as on Known: absence does not age
        """Say that this is unknown, at any moment."""
        return Knowledge.UNKNOWN


Reading = Known[T_co] | Unavailable[T_co]
AnyReading = Known[Any] | Unavailable[Any]
Key = tuple[str, str]
"""``(subject, field)``: what a reading is about. One source speaks for one key."""


def _aware(moment: datetime) -> None:
    if moment.tzinfo is None:
        msg = "A reading's time must carry its zone; a naive time is ambiguous twice a year."
        raise ValueError(msg)
