"""What is remembered, as views are told of it. Two clocks are kept apart: when something was true, and when we knew.

Rule 1: ``known_at`` is our clock, the moment from which we could have said it. ``at``, ``began_at`` and ``observed_at``
        are the moments it speaks of. A fact whose two clocks lie far apart came late, and can be seen to.
Rule 2: an interval in which we did not look (``Blind``) is ours. It is never blamed on what was looked at.
Rule 3: what is thinned out with time keeps its extremes, and says over how many observations it was made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from quarterdeck.truth.judgement import Activity, Status
from quarterdeck.truth.reading import AnyReading, Knowledge, Origin


@dataclass(frozen=True, slots=True)
class Change:
    """A subject's status became another one."""

    subject: str
    known_at: datetime
    status: Status
    activity: Activity | None
    knowledge: Knowledge
    rule: str
    reason: str
    since: datetime | None
    """Since when it is true, where the readings say so; it may lie long before ``known_at``."""
    before: Status | None = None
    """What it was before; None at the first sight of it."""


@dataclass(frozen=True, slots=True)
class Blind:
    """An interval in which Quarterdeck itself did not look: it was off, or it was hindered."""

    began_at: datetime
    ended_at: datetime
    why: str
    """``not running``, ``clock stepped back``, ``history could not be written``, …"""


@dataclass(frozen=True, slots=True)
class Late:
    """A fact that was true before a moment, and was learnt after it."""

    reading: AnyReading
    true_at: datetime
    known_at: datetime


@dataclass(frozen=True, slots=True)
class Point:
    """One step of a trend: the observations that fell into it, or none of them."""

    at: datetime
    """Where the step begins."""
    low: float
    mean: float
    high: float
    count: int


@dataclass(frozen=True, slots=True)
class Trend:
    """A numeric field of a subject over time. Steps without an observation have no point: a gap is not a zero."""

    subject: str
    field: str
    origin: Origin | None
    """Who says so; None when nothing was ever recorded."""
    step: timedelta
    points: tuple[Point, ...]


class Verdict(StrEnum):
    """What became of one expected run."""

    ON_TIME = "on time"
    LATE = "late"
    RAN_LONG = "ran long"
    RAN_SHORT = "ran short"
    OVERLAPPING = "overlapping"
    MISSED = "missed"
    SKIPPED = "skipped by grace"
    UNKNOWN = "unknown"
    UNEXPECTED = "unexpected"
    """A run that no schedule asked for: somebody started it."""
    RUNNING = "running"


class Run(NamedTuple):
    """One run of a job or a timer's unit, as its source tells it."""

    began_at: datetime
    ended_at: datetime | None
    result: str | None
    """``ok``, ``error``, ``unknown``; None while it is under way or where the source does not say."""
    known_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """A session as the ledger knows it: one revision. None where the agent's record holds nothing usable."""

    instance: str
    id: str
    known_at: datetime
    """When we learnt this revision."""
    first_known_at: datetime
    origin: Origin
    source: str | None
    """The platform: telegram, cli, cron, …"""
    model: str | None
    parent: str | None
    started_at: datetime | None
    ended_at: datetime | None
    end_reason: str | None
    messages: int | None
    tool_calls: int | None
    api_calls: int | None
    input_tokens: int | None
    output_tokens: int | None
    cache_read_tokens: int | None
    cache_write_tokens: int | None
    reasoning_tokens: int | None
    side_tokens: int | None
    cost_usd: float | None
    cost_status: str | None
    side_cost_usd: float | None
    title: str | None = None
    """Only where the instance's policy lets titles through."""

    @property
    def tokens(self) -> int | None:
        """Tokens in and out; None when neither is known."""
        known = [n for n in (self.input_tokens, self.output_tokens) if n is not None]
        return sum(known) if known else None


class SessionQuery(NamedTuple):
    """Which sessions are asked for, in which order, and from where on."""

    instance: str | None = None
    source: str | None = None
    model: str | None = None
    outcome: str | None = None
    """``open``, or an end reason."""
    search: str | None = None
    """The beginning of an id, or of words of a title."""
    since: datetime | None = None
    until: datetime | None = None
    sort: str = "started_at"
    descending: bool = True
    after: str | None = None
    """Where the page before ended: opaque, made by the ledger."""
    limit: int = 50
    known_by: datetime | None = None
    """As of this moment; None for now."""


@dataclass(frozen=True, slots=True)
class SessionPage:
    """A page of the ledger."""

    entries: tuple[Entry, ...]
    next: str | None
    total: int
    total_is_exact: bool
    """False: there are at least so many."""
    read_at: Mapping[str, datetime]
    """By instance: up to when its sessions have been taken in."""
