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


class Said(NamedTuple):
    """A reading that became another one."""

    known_at: datetime
    reading: AnyReading
    before: AnyReading
    """What it said before. Its time is not kept: it is that of the new one."""


class Point(NamedTuple):
    """One step of a trend: the observations that fell into it, or none of them."""

    at: datetime
    """Where the step begins."""
    low: float
    mean: float
    high: float
    looks: int


@dataclass(frozen=True, slots=True)
class Trend:
    """A numeric field of a subject over time. Steps without an observation have no point: a gap is not a zero."""

    subject: str
    field: str
    origin: Origin | None
    """Who says so; None when nothing was ever recorded."""
    step: timedelta
    points: tuple[Point, ...]


class Tallied(NamedTuple):
    """What was counted in one step."""

    at: datetime
    """Where the step begins."""
    value: float
    at_least: bool = False
    """Whether something that belongs to it has no figure: a session whose price nobody knows."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Something that is counted, of one instance. Within what is covered, a step without an entry is a true zero."""

    instance: str
    measure: str
    """``sessions``, ``tokens``, ``cost_usd``, ``runs_failed``, ``alerts_critical``, …"""
    origin: Origin
    known_from: datetime
    """From when on it was counted, or where what is counted begins."""
    known_until: datetime
    whole: bool
    """Whether nothing of it lies before ``known_from``."""
    entries: tuple[Tallied, ...]


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
    WAITING = "waiting"
    """It is due, and may still begin in time."""


class Run(NamedTuple):
    """One run of a job or a timer's unit, as its source tells it."""

    began_at: datetime
    ended_at: datetime | None
    result: str | None
    """``ok``, ``error``, ``unknown``; None while it is under way or where the source does not say."""
    known_at: datetime | None = None


class Plan(NamedTuple):
    """What was to run when, as far as it was known from a moment until the next plan was."""

    known_at: datetime
    schedule: str | None
    """In the words of ``jobs.fires``; None where it could not be read."""
    zone: str | None
    """The zone in which it is meant; None where that could not be told."""
    zone_configured: bool
    """Whether the agent's configuration names the zone; else it is the host's."""
    on: bool | None
    """Whether it was to run at all; None where that could not be told."""
    runner: bool | None
    """Whether anything was alive to run it; None where that could not be told."""
    catches_up: bool | None = None
    """Whether the agent makes up for a missed run; None where that could not be told."""
    due: datetime | None = None
    """When it was to run, for what runs once."""


class Cover(NamedTuple):
    """From when on the runs of a job are known: first by what its source has kept, then because it was looked at."""

    since: datetime
    """Every run that began since is in what the source told at ``known_at``."""
    known_at: datetime
    until: datetime | None
    """When its source ceased to tell; None while it does."""


class RunRecord(NamedTuple):
    """All that is remembered of when a job was to run over a span, and of when it ran. Each part in order of time."""

    plans: tuple[Plan, ...] = ()
    """The one that held when the span began, and those that came after."""
    covers: tuple[Cover, ...] = ()
    runs: tuple[Run, ...] = ()
    """Those that began in the span, and a few before: what is counted from run to run begins there."""


class Watch(NamedTuple):
    """A stretch of time in which every run of a job would have become known."""

    since: datetime
    until: datetime


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
        """All tokens of the session and of its side work, as the agent's own totals count them; None when unknown."""
        counts = (self.input_tokens, self.output_tokens, self.cache_read_tokens, self.cache_write_tokens)
        known = [n for n in (*counts, self.side_tokens) if n is not None]
        return sum(known) if any(n is not None for n in counts) else None

    @property
    def cost(self) -> float | None:
        """What the agent accounted to the session and its side work; None when it accounted nothing."""
        known = [usd for usd in (self.cost_usd, self.side_cost_usd) if usd is not None]
        return sum(known) if known else None

    @property
    def priced(self) -> bool:
        """Whether the price of all tokens used is known. Where it is not, the cost is a lower bound."""
        own = (self.input_tokens, self.output_tokens, self.cache_read_tokens, self.cache_write_tokens)
        if any(own) and self.cost_status in NO_PRICE:
            return False
        if self.side_tokens is None or self.side_cost_usd is None:
            return False
        return not (self.side_tokens and not self.side_cost_usd and self.cost_status != INCLUDED)

    @property
    def duration(self) -> timedelta | None:
        """How long it lasted; None while it has not ended, or when one of the two moments is not known."""
        if self.started_at is None or self.ended_at is None or self.ended_at < self.started_at:
            return None
        return self.ended_at - self.started_at

    @property
    def outcome(self) -> str:
        """``open``, the agent's word for how it ended, or ``ended`` where it gave none."""
        if self.ended_at is None and self.end_reason is None:
            return OPEN
        return ENDED if self.end_reason in {None, OPEN} else str(self.end_reason)


OPEN, ENDED = "open", "ended"
NO_PRICE = frozenset({None, "", "none", "unknown"})
"""What the agent writes where it knows no price."""
INCLUDED = "included"
"""Paid for by a subscription: no price is missing there."""


class Sums(NamedTuple):
    """What the sessions that match a question used together."""

    tokens: int
    tokens_unknown: int
    """Sessions whose tokens are not known: above zero, the sum is a lower bound."""
    cost_usd: float
    unpriced: int
    """Sessions that used tokens whose price is not known: above zero, the cost is a lower bound."""


class Facets(NamedTuple):
    """The words by which the sessions of an instance can be told apart."""

    sources: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    outcomes: tuple[str, ...] = ()


NO_FACETS = Facets()


class Step(NamedTuple):
    """One row of a session's record: who, when, how much of what. The text only where the policy allows it."""

    at: datetime | None
    role: str
    calls: tuple[str, ...]
    """Names of the tools an answer asks for."""
    tool: str | None
    """The tool whose result this is."""
    finish: str | None
    size: int
    """Characters of its text."""
    withdrawn: bool = False
    """Whether the agent has taken it back (rewound or compacted)."""
    text: str | None = None


class Usage(NamedTuple):
    """What one model did for a session: its main work, or one kind of side work."""

    model: str | None
    task: str | None
    calls: int | None
    tokens: int | None
    cost_usd: float | None
    cost_status: str | None


class Relative(NamedTuple):
    """A session this one came from, or one that came from it."""

    relation: str
    """``parent`` or ``child``."""
    id: str
    source: str
    started_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class SessionDetail:
    """A session's own record, read from its home: never more of it than a page can show."""

    steps: tuple[Step, ...]
    steps_total: int
    """All rows of the record; ``steps`` are the first and the last of them."""
    told_first: int
    """How many of ``steps`` are from the beginning of the record, where it is not told whole."""
    usage: tuple[Usage, ...]
    relatives: tuple[Relative, ...]
    relatives_more: bool
    """Whether there are more children than are told."""


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
    previous: str | None = None
    """Where the page before begins; None on the first one."""
    sums: Sums | None = None
    """Over the sessions counted in ``total``; None where they cannot be added up, as for a moment that is over."""
    facets: Facets = NO_FACETS
