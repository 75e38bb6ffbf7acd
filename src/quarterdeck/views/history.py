"""History: what the agents did, what went wrong and how much room is left, over a day, a week, a month or a year.

Rule 1: what was done (sessions, tokens, cost) is counted in the agents' own records, day by day, also of days on which
        nobody looked. What only we could see (alerts, disks, backups) has gaps where we did not look.
Rule 2: every instance of the filter belongs to every total. One of which nothing is known makes it a lower bound.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from quarterdeck.truth import fields as F  # noqa: N812 -- short where every line names a field
from quarterdeck.truth.fields import kind_of
from quarterdeck.truth.findings import Severity
from quarterdeck.truth.instance import ALL, instance_of
from quarterdeck.truth.judgement import words
from quarterdeck.truth.past import Blind, Tally, Trend
from quarterdeck.truth.reading import Known
from quarterdeck.views.asked import Asked, Param
from quarterdeck.views.charts import (
    BACKUPS,
    CARDS,
    CRON,
    LINES,
    PARTS,
    ROOM,
    TROUBLE,
    WORK,
    Chart,
    History,
    Line,
    Mark,
    counted,
    fewer,
    measured,
    say,
    steps,
    together,
    touching,
    unseen,
)
from quarterdeck.views.frame import NOBODY, Page
from quarterdeck.views.judged import Judged, matches
from quarterdeck.views.model import View
from quarterdeck.views.recall import Recall

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


class Span(NamedTuple):
    """How far back, and in which steps."""

    words: str
    step: timedelta
    """The step in which things are counted; a day is one in UTC, a week begins on Monday."""
    number: int
    fine: timedelta
    """The step in which numbers are shown that were looked at."""
    fine_number: int


SPANS: Final[Mapping[str, Span]] = {
    "24h": Span("24 hours", HOUR, 24, HOUR / 2, 48),
    "7d": Span("7 days", DAY, 7, 3 * HOUR, 56),
    "30d": Span("30 days", DAY, 30, DAY, 30),
    "1y": Span("53 weeks", 7 * DAY, 53, 7 * DAY, 53),
}
DEFAULT: Final = "30d"
PARAMS: Final = {"span": Param("How far back to look.", tuple(SPANS), DEFAULT)}
STEP_WORDS: Final = {HOUR: "hour", DAY: "day, in UTC", 7 * DAY: "week from Monday, in UTC"}
MOST: Final = 60
"""Subjects of one gauge that are looked up."""


class Count(NamedTuple):
    """Something that is counted."""

    key: str
    title: str
    unit: str
    part: str
    measures: Mapping[str, str]
    """One measure: a line for each instance. Several: a line for each of them, and what it is called."""
    witnessed: bool = False
    """Whether only we could see it."""


class Gauge(NamedTuple):
    """A number that is looked at."""

    key: str
    title: str
    unit: str
    part: str
    fields: tuple[tuple[str, str], ...]
    """By kind of subject; of several for one subject the first that there is."""
    lowest: bool = False
    """Whether little of it is what matters."""


COUNTS: Final = (
    Count("sessions", "Sessions begun", "sessions", WORK, {"sessions": ""}),
    Count("tokens", "Tokens", "tokens", WORK, {"tokens": ""}),
    Count("cost", "Cost", "USD", WORK, {"cost_usd": ""}),
    Count(
        "alerts",
        "Alerts raised",
        "alerts",
        TROUBLE,
        {
            f"alerts_{Severity.CRITICAL}": "Critical",
            f"alerts_{Severity.WARN}": "Warnings",
            f"alerts_{Severity.INFO}": "Notices",
        },
        witnessed=True,
    ),
)
GAUGES: Final = (
    Gauge("live", "Live sessions", "sessions", WORK, (("sessions", "live"),)),
    Gauge("runs", "Runs in the 24 hours before", "runs", CRON, (("scheduler", "runs_24h"),)),
    Gauge("failed", "Runs that failed in the 24 hours before", "runs", CRON, (("scheduler", "runs_failed_24h"),)),
    Gauge("missed", "Runs missed in the 24 hours before", "runs", CRON, (("scheduler", "runs_missed_24h"),)),
    Gauge("paused", "Jobs paused", "jobs", CRON, (("scheduler", "jobs_paused"),)),
    Gauge("errors", "Errors in the log in the hour before", "errors", TROUBLE, (("logs", "errors_1h"),)),
    Gauge(
        "backups",
        "Age of the newest backup",
        "s",
        BACKUPS,
        (("repository", "confirmed_age_s"), ("repository", "pushed_age_s")),
    ),
    Gauge("disk", "Disk free", "B", ROOM, (("disk", "free_bytes"),), lowest=True),
    Gauge("memory", "Memory available", "B", ROOM, (("host", "memory_available_bytes"),), lowest=True),
    Gauge("load", "Load", "tasks", ROOM, (("host", "load_1m"),)),
    Gauge("database", "Session database", "B", ROOM, (("sessions", "db_bytes"),)),
    Gauge("looks", "Time a look takes", "ms", ROOM, (("source", "took_ms"),)),
)
MEASURES: Final = tuple(measure for each in COUNTS for measure in each.measures)


class Recalled(NamedTuple):
    """What memory says of a span."""

    began: datetime | None
    tallies: Sequence[Tally]
    trends: Sequence[Trend]
    blind: Sequence[Blind]
    left_out: Mapping[str, int]
    """How many subjects of a gauge were not looked up."""


def recall(memory: Recall, asked: Asked, now: datetime) -> Recalled:
    """Fetch what was counted and what was seen over the span."""
    span, only = _span(asked), None if asked.instance == ALL else asked.instance
    since, fine = steps(now, span.step, span.number)[0], steps(now, span.fine, span.fine_number)[0]
    wanted, left_out = _wanted(memory.tracked(only))
    return Recalled(
        memory.began(),
        memory.tallies(MEASURES, since, now, span.step, instance=only, known_by=now),
        memory.trends(wanted, fine, now, span.fine) if wanted else (),
        memory.blind(min(since, fine), now),
        left_out,
    )


def _span(asked: Asked) -> Span:
    return SPANS[asked.word("span", DEFAULT)]


def _wanted(tracked: Sequence[tuple[str, str]]) -> tuple[list[tuple[str, str]], dict[str, int]]:
    """Choose what is looked up: of each gauge what stands first for each subject, and not more than a page can show."""
    there, wanted, left_out = set(tracked), list[tuple[str, str]](), dict[str, int]()
    names = sorted({name for name, _ in tracked})
    for gauge in GAUGES:
        of = (_first(name, gauge, there) for name in names)
        found = [pair for pair in of if pair is not None]
        wanted += found[:MOST]
        left_out[gauge.key] = max(len(found) - MOST, 0)
    return wanted, left_out


def _first(name: str, gauge: Gauge, there: set[tuple[str, str]]) -> tuple[str, str] | None:
    kind = kind_of(name)
    return next(((name, field) for of, field in gauge.fields if of == kind and (name, field) in there), None)


def history(judged: Judged, asked: Asked, recalled: Recalled | None = None) -> View:
    """Return the history of a filter over a span."""
    view = Page(judged, asked).view("history", "History", judged.of(*_KINDS, instance=asked.instance), rows=())
    if not judged.instances:
        return replace(view, headline=NOBODY)
    if recalled is None or recalled.began is None:
        return replace(view, headline="Nothing is remembered yet.", lede="")
    made = _History(judged, asked, recalled).make()
    return replace(view, headline=_headline(made), lede=_lede(made, judged.now), history=made)


_KINDS: Final = tuple({kind for gauge in GAUGES for kind, _ in gauge.fields} | {"gateway", "job"})


def _headline(made: History) -> str:
    """Say first what went wrong, for that is what one comes to see."""
    alerts = next((chart for chart in made.charts if chart.key == "alerts"), None)
    over = f"in {SPANS[made.span].words}"
    if alerts is None or alerts.empty:
        return f"What happened {over}."
    raised = sum(line.total for line in alerts.lines)
    if not raised:
        return f"No alert {'was seen ' if alerts.at_least else ''}{over}."
    said = f"{raised:,.0f} {'alert' if raised == 1 else 'alerts'} {over}"
    return f"At least {said}." if alerts.at_least else f"{said}."


def _lede(made: History, now: datetime) -> str:
    said = []
    if made.began is not None and made.began > made.since:
        said.append(f"Memory begins {words(now - made.began)} ago.")
    missed = sum((min(b.ended_at, now) - max(b.began_at, made.since) for b in made.blind), timedelta(0))
    if made.blind:
        said.append(f"For {words(missed)} Quarterdeck itself did not look; that time is shaded.")
    return " ".join(said) or "Quarterdeck looked all the time."


class _History:
    """Makes charts of what is remembered."""

    def __init__(self, judged: Judged, asked: Asked, recalled: Recalled) -> None:
        self._judged, self._asked, self._recalled = judged, asked, recalled
        self._now, self._span = judged.now, _span(asked)
        self._instances = [one for one in judged.instances if asked.instance in (ALL, one)]
        self._trends: dict[tuple[str, str], Trend] = {(t.subject, t.field): t for t in recalled.trends}

    def make(self) -> History:
        """Make the whole of it."""
        at = steps(self._now, self._span.step, self._span.number)
        charts = [*map(self._count, COUNTS), *filter(None, map(self._gauge, GAUGES))]
        hidden = touching(self._recalled.blind, at[0], self._now)
        span, every = self._asked.word("span", DEFAULT), STEP_WORDS[self._span.step]
        order = {key: place for place, key in enumerate((*CARDS, *(each.key for each in (*COUNTS, *GAUGES))))}
        charts.sort(key=lambda chart: (PARTS.index(chart.part), order[chart.key]))
        return History(span, at[0], self._recalled.began, tuple(charts), hidden, self._span.words, every)

    # --- what is counted -------------------------------------------------------------------------------------------

    def _count(self, of: Count) -> Chart:
        at = steps(self._now, self._span.step, self._span.number)
        told = [t for t in self._recalled.tallies if t.measure in of.measures and self._asks(t.instance)]
        hidden = touching(self._recalled.blind, at[0], self._now) if of.witnessed else ()
        lines = {(t.measure, t.instance): self._tally(t, at, hidden) for t in told}
        several = len(of.measures) > 1
        shown = self._by_measure(of, lines) if several else fewer(list(lines.values()))
        silent = [one for one in self._instances if not any(t.instance == one for t in told)]
        bound = bool(silent) or any(m is None or m.at_least for line in shown for m in _due(line, told, at))
        total = sum(line.total for line in shown)
        return Chart(
            of.key,
            of.title,
            of.unit,
            of.part,
            at,
            self._span.step,
            self._now,
            shown,
            _total(of, total, bound=bound) if shown else "unknown",
            self._silent(silent) if told else "nothing is known of it yet",
            min((t.known_until for t in told), default=None),
            hidden,
            at_least=bound,
            grows=True,
        )

    def _tally(self, tally: Tally, at: Sequence[datetime], hidden: Iterable[Blind]) -> Line:
        marks = unseen(counted(tally, at, self._span.step, self._now), at, self._span.step, self._now, hidden)
        return Line(tally.instance, self._label(tally.instance), marks, tally.origin, self._place(tally.instance))

    def _by_measure(self, of: Count, lines: Mapping[tuple[str, str], Line]) -> tuple[Line, ...]:
        found = ((m, title, [line for (one, _), line in lines.items() if one == m]) for m, title in of.measures.items())
        sums = [together(each, measure, title) for measure, title, each in found if each]
        return tuple(replace(line, place=place) for place, line in enumerate(sums))

    def _silent(self, silent: Sequence[str]) -> str:
        if not silent:
            return ""
        named = ", ".join(self._label(one) for one in silent[:3])
        return f"nothing is known of {named}{f' and {len(silent) - 3} more' if len(silent) > 3 else ''}"  # noqa: PLR2004 -- as above

    # --- what is looked at -----------------------------------------------------------------------------------------

    def _gauge(self, of: Gauge) -> Chart | None:
        pairs = (_first(name, of, set(self._trends)) for name in sorted({name for name, _ in self._trends}))
        told = [self._trends[pair] for pair in pairs if pair is not None and self._shows(pair[0])]
        if not told:
            return None
        step = max(trend.step for trend in told)
        at = steps(self._now, step, max(round(self._span.fine_number * (self._span.fine / step)), 1))
        lines = [Line(t.subject, self._name(t.subject), measured(t, at), t.origin) for t in told]
        lines = sorted((line for line in lines if line.known), key=_rank(of))
        left = max(len(lines) - LINES, 0) + self._recalled.left_out.get(of.key, 0)
        shown = self._placed(lines[:LINES])
        note = f"{left} more are not drawn; choose an instance to see fewer" if left else ""
        hidden = touching(self._recalled.blind, at[0], self._now)
        last = max((t.points[-1].at + t.step for t in told if t.points), default=None)
        known = None if last is None else min(last, self._now)
        return Chart(
            of.key, of.title, of.unit, of.part, at, step, self._now, shown, _range(of, shown), note, known, hidden
        )

    def _placed(self, lines: Sequence[Line]) -> tuple[Line, ...]:
        """Tell lines apart: by their instance, where each has its own; else in the order of their names."""
        if len(lines) == 1:
            return tuple(lines)
        own = {line.key: self._place(instance_of(line.key)) for line in lines}
        if len(set(own.values())) < len(lines) or any(place >= LINES for place in own.values()):
            own = {line.key: place for place, line in enumerate(sorted(lines, key=lambda line: line.label))}
        return tuple(sorted((replace(line, place=own[line.key]) for line in lines), key=lambda line: line.place))

    def _place(self, instance: str) -> int:
        known = list(self._judged.instances)
        return known.index(instance) if instance in known else len(known)

    def _asks(self, instance: str) -> bool:
        return self._asked.instance in (ALL, instance) or instance == ALL

    def _shows(self, name: str) -> bool:
        """Whether the filter lets a subject through; a repository that is no backup has no freshness as one."""
        if kind_of(name) == "repository":
            reading = self._judged.snapshot.readings.get((name, F.BACKUP.name))
            if isinstance(reading, Known) and not reading.value:
                return False
        return matches(name, self._asked.instance)

    def _name(self, name: str) -> str:
        """Call a subject by its instance where it has one of its kind, else by what tells it apart."""
        owner, _, path = name.partition(":")[2].partition("/")
        last = path.partition("/")[2]
        if instance_of(name) == ALL or kind_of(name) in ("source", "disk"):
            return f"{owner} {last}" if last else owner
        return f"{self._label(owner)} {last}" if last else self._label(owner)

    def _label(self, instance: str) -> str:
        found = self._judged.instances.get(instance)
        return found.label if found else "shared" if instance == ALL else instance


def _total(of: Count, total: float, *, bound: bool) -> str:
    if bound and not total:
        return "none seen"
    return f"{'≥' if bound else ''}{say(of.unit, total)}"


def _due(line: Line, told: Iterable[Tally], at: Sequence[datetime]) -> Iterable[Mark | None]:
    """Return the marks that should be there: before everything began, nothing is missing."""
    whole = all(tally.whole for tally in told)
    begins = next((place for place, mark in enumerate(line.marks) if mark is not None), len(at))
    return line.marks[begins:] if whole else line.marks


def _rank(of: Gauge) -> Callable[[Line], tuple[float, str]]:
    return lambda line: (line.trough if of.lowest else -line.peak, line.label)


def _range(of: Gauge, lines: Sequence[Line]) -> str:
    """Say between what it was; of backups, how old the oldest came to be."""
    if not lines:
        return "unknown"
    low, high = say(of.unit, min(line.trough for line in lines)), say(of.unit, max(line.peak for line in lines))
    if of.key == "backups":
        return f"up to {high}"
    return low if low == high else f"{low} to {high}"
