"""Brief: what needs somebody, worst first, and the figures of the moment.

Rule 1: the brief has no state of its own. It is the same judgements the other views show.
Rule 2: a line is an incident: trouble that follows from other trouble, or came together with it, is folded under one
        line, not repeated.
Rule 3: pull requests and issues are no lines: what needs somebody of all of them together is one. Where work is agreed
        on a forge, how much of it waits for the operator is among the figures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from types import MappingProxyType
from typing import Any

from quarterdeck.truth import fields as F  # noqa: N812 -- short where every line names a field
from quarterdeck.truth import forge_fields as G  # noqa: N812 -- as above
from quarterdeck.truth import punctuality
from quarterdeck.truth.board import BLOCKED as BLOCKED_LANE
from quarterdeck.truth.board import DONE
from quarterdeck.truth.fields import Field
from quarterdeck.truth.instance import subject
from quarterdeck.truth.judgement import Judgement, Status, words
from quarterdeck.truth.reading import AnyReading, Knowledge, Known
from quarterdeck.truth.rollup import Total, total
from quarterdeck.views.asked import Asked
from quarterdeck.views.frame import Page
from quarterdeck.views.judged import Judged, working
from quarterdeck.views.lazy import Cells, Rows
from quarterdeck.views.model import Figure, Side, View
from quarterdeck.views.trouble import incident_row, kinds, open_incidents
from quarterdeck.views.words import Shown, State, count, money, seen, show

NOTHING: Mapping[str, AnyReading] = MappingProxyType({})


def brief(judged: Judged, asked: Asked, _recalled: object = None) -> View:
    """Return the brief over a filter."""
    names = judged.of(*kinds(judged), instance=asked.instance)
    figures = tuple(make(judged, asked.instance) for make in figures_of(judged))
    return Page(judged, asked).view(
        "brief", "Brief", names, rows=_needs(judged, asked.instance), figures=figures, sides=_sides(judged)
    )


def _needs(judged: Judged, instance: str) -> Rows:
    """Every incident, that of the worst status first."""
    found = sorted(open_incidents(judged, instance), key=lambda each: -each.lead.status.rank)
    leads = [judged.judgements[each.lead.subject] for each in found]
    return Rows(leads, lambda place: incident_row(judged, found[place]))


# --- figures -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Heading:
    """What a figure is called, in the API and on the page, and where it leads."""

    key: str
    title: str
    href: str


WORKING = Heading("agents_working", "Agents working", "/agents")
OLDEST_TURN = Heading("oldest_open_turn_s", "Oldest open turn", "/agents")
IN_TROUBLE = Heading("jobs_in_trouble", "Jobs in trouble", "/cron")
MISSED = Heading("jobs_missed_24h", "Jobs missed, 24 h", "/runs")
SESSIONS = Heading("sessions_24h", "Sessions, 24 h", "/ops")
TOKENS = Heading("tokens_24h", "Tokens, 24 h", "/ops")
COST = Heading("cost_24h_usd", "Cost, 24 h", "/ops")
FULLEST_DISK = Heading("fullest_disk_share", "Fullest disk", "/ops")
REVIEWS = Heading("reviews_for_you", "Reviews for you", "/reviews")
BLOCKED = Heading("tasks_blocked", "Blocked tasks", "/board")


def _all(judged: Judged, field: Field[Any], instance: str) -> list[AnyReading]:
    names, told = judged.of(field.of, instance=instance), judged.fields
    return [told.get(name, NOTHING).get(field.name) or judged.facts(name).reading(field) for name in names]


def _note(now: datetime, readings: Iterable[AnyReading], known: int, of: int) -> str:
    """Over what a figure was made: its source and age, or how many sources are missing."""
    readings = list(readings)
    if known < of:
        return f"{of - known} of {of} {'source' if of == 1 else 'sources'} unknown"
    oldest = min((r.observed_at for r in readings if isinstance(r, Known)), default=now)
    sources = sorted({r.origin.source for r in readings})
    return f"{', '.join(sources[:2])} · {seen(now - oldest)}"


def _figure(
    judged: Judged, heading: Heading, added: Total, say: Callable[[float], str], *, more: bool = False
) -> Figure:
    """Make a figure of a total; over incomplete sources it is a lower bound, over none it is unknown."""
    readings = added.readings
    at_least = not added.nothing and (more or not added.complete)
    text = "unknown" if added.nothing else ("≥" if at_least else "") + say(added.value)
    return Figure(
        key=heading.key,
        title=heading.title,
        href=heading.href,
        value=None if added.nothing else added.value,
        text=text,
        note=_note(judged.now, readings, added.known, added.of) if added.of else "nothing is watched",
        at_least=at_least,
        readings=readings,
        expires_at=min((r.expires_at for r in readings if isinstance(r, Known)), default=None),
    )


def _judged_total(judged: Judged, names: list[str], counts: Callable[[Judgement], bool]) -> Total:
    """Count judged subjects; those that cannot be judged make the count a lower bound."""
    verdicts = [judged.judgements[name] for name in names]
    known = [v for v in verdicts if v.status not in (Status.UNKNOWN, Status.STALE)]
    readings = tuple(v.because[0] for v in verdicts if v.because)
    return Total(sum(counts(v) for v in known), len(known), len(verdicts), readings)


def _agents_working(judged: Judged, instance: str) -> Figure:
    names = judged.of("gateway", instance=instance)
    added = _judged_total(judged, names, working)
    return _figure(judged, WORKING, added, lambda n: f"{n:.0f} of {len(names)}")


def _oldest_turn(judged: Judged, instance: str) -> Figure:
    """The turn that has been still for longest. Where none is open there is no figure, only the word."""
    readings = _all(judged, F.OPEN_TURN_SINCE, instance)
    known = [r for r in readings if isinstance(r, Known) and r.knowledge(judged.now) is not Knowledge.STALE]
    oldest = min((r.value for r in known if r.value is not None), default=None)
    age = (judged.now - oldest).total_seconds() if oldest else 0.0
    figure = _figure(judged, OLDEST_TURN, Total(age, len(known), len(readings), tuple(readings)), words)
    if oldest is not None or not known:
        return figure
    none = "none" if len(known) == len(readings) else f"none in {len(known)} of {len(readings)}"
    return replace(figure, value=None, text=none, at_least=False)


def _jobs_in_trouble(judged: Judged, instance: str) -> Figure:
    names = judged.of("job", instance=instance)
    declared = total(_all(judged, F.JOBS_DECLARED, instance), judged.now)
    bad = sum(judged.judgements[n].status in (Status.DOWN, Status.DEGRADED) for n in names)
    added = Total(bad, declared.known, declared.of, declared.readings)
    vague = any(judged.judgements[n].status in (Status.UNKNOWN, Status.STALE) for n in names)
    return _figure(judged, IN_TROUBLE, added, lambda n: f"{n:.0f} of {_at_least(declared)}", more=vague)


def _at_least(added: Total) -> str:
    return f"{'' if added.complete else '≥'}{added.value:.0f}"


def _jobs_missed(judged: Judged, instance: str) -> Figure:
    """Count the jobs that missed a run; runs and jobs of which nothing can be told make it a lower bound."""
    missed, known, vague = 0, 0, False
    readings: list[AnyReading] = []
    names = judged.of("scheduler", instance=instance)
    for facts in map(judged.facts, names):
        none = facts.get(F.JOBS_DECLARED) == 0
        counted = {} if none else facts.get(F.SCHEDULER_LAST_24H)
        readings.append(facts.reading(F.JOBS_DECLARED if none else F.SCHEDULER_LAST_24H))
        if counted is not None:
            known += 1
            missed += counted.get(punctuality.MISSED, 0)
            vague = vague or any(counted.get(word) for word in (punctuality.UNJUDGED, "unknown"))
    return _figure(judged, MISSED, Total(missed, known, len(names), tuple(readings)), count, more=vague)


def _summed(heading: Heading, field: Field[Any], say: Callable[[float], str]) -> Callable[[Judged, str], Figure]:
    def make(judged: Judged, instance: str) -> Figure:
        return _figure(judged, heading, total(_all(judged, field, instance), judged.now), say)

    return make


def _cost(judged: Judged, instance: str) -> Figure:
    """The cost of a day; sessions whose price nobody knows make it a lower bound."""
    unpriced = total(_all(judged, F.UNPRICED_24H, instance), judged.now)
    added = total(_all(judged, F.COST_24H, instance), judged.now)
    more = unpriced.value > 0 or not unpriced.complete
    return _figure(judged, COST, added, money, more=more)


def _fullest_disk(judged: Judged, instance: str) -> Figure:
    shares, readings, of = [], [], 0
    for name in judged.of("disk", instance=instance):
        facts, of = judged.facts(name), of + 1
        size, free = facts.get(F.DISK_TOTAL), facts.get(F.DISK_FREE)
        readings += [facts.reading(F.DISK_TOTAL), facts.reading(F.DISK_FREE)]
        shares += [1 - free / size] if size and free is not None else []
    added = Total(max(shares, default=0.0), len(shares), of, tuple(readings))
    return _figure(judged, FULLEST_DISK, added, lambda share: f"{100 * share:.0f} %")


def _reviews(judged: Judged, instance: str) -> Figure:
    """Count the pull requests that wait for the operator's judgement, and say since when the first of them waits."""
    waiting = _all(judged, G.REVIEWS_YOURS, instance)
    added = _counted(waiting, judged.now, len)
    figure = _figure(judged, REVIEWS, added, count, more=_vague(judged, instance, G.REVIEWS_UNKNOWN, G.REVIEWS_WHOLE))
    since = [r.value for r in _all(judged, G.REVIEWS_OLDEST_AT, instance) if isinstance(r, Known) and r.value]
    return (
        figure if not since or not added.value else _with_note(figure, f"first waits {words(judged.now - min(since))}")
    )


def _blocked(judged: Judged, instance: str) -> Figure:
    """Count the cards that are blocked, and say of how many that are not done."""
    lanes = _all(judged, G.BOARD_LANES, instance)
    added = _counted(lanes, judged.now, lambda told: told.get(BLOCKED_LANE, 0))
    open_ = _counted(lanes, judged.now, lambda told: sum(told.values()) - told.get(DONE, 0))
    more = _vague(judged, instance, G.BOARD_UNKNOWN, G.BOARD_WHOLE)
    return _figure(judged, BLOCKED, added, lambda n: f"{n:,.0f} of {open_.value:,.0f}", more=more)


def _counted(readings: list[AnyReading], now: datetime, number: Callable[[Any], int]) -> Total:
    """Add up what readings hold; what is not known or has expired makes the sum a lower bound."""
    known = [r for r in readings if isinstance(r, Known) and r.knowledge(now) is not Knowledge.STALE]
    return Total(sum(number(r.value) for r in known), len(known), len(readings), tuple(readings))


def _vague(judged: Judged, instance: str, unknown: Field[int], whole: Field[bool]) -> bool:
    """Whether there may be more than was counted: one of them cannot be judged, or a list was not whole."""
    facts = [judged.facts(name) for name in judged.of(unknown.of, instance=instance)]
    return any(f.get(unknown) != 0 or not f.get(whole) for f in facts)


def _with_note(figure: Figure, first: str) -> Figure:
    return replace(figure, note=f"{first} · {figure.note}")


FIGURES = (
    _agents_working,
    _oldest_turn,
    _jobs_in_trouble,
    _jobs_missed,
    _summed(SESSIONS, F.SESSIONS_24H, count),
    _summed(TOKENS, F.TOKENS_24H, count),
    _cost,
    _fullest_disk,
)
WITH_FORGE = (_agents_working, _oldest_turn, _reviews, _blocked, *FIGURES[3:5], *FIGURES[6:])
"""Figures where work is agreed on a forge: what is pressing there takes the place of jobs and tokens, which have pages
of their own."""


def figures_of(judged: Judged) -> tuple[Callable[[Judged, str], Figure], ...]:
    """Return the figures that suit what is watched."""
    return WITH_FORGE if judged.of("reviews") else FIGURES


# --- side by side --------------------------------------------------------------------------------------------------

LINES: tuple[tuple[str, str | Field[Any]], ...] = (
    ("Gateway", "gateway"),
    ("Cron", "cron"),
    ("Sessions database", "sessions"),
    ("Sessions, 24 h", F.SESSIONS_24H),
    ("Tokens, 24 h", F.TOKENS_24H),
    ("Cost, 24 h", F.COST_24H),
    ("Model", F.MODEL),
)


def _sides(judged: Judged) -> tuple[Side, ...]:
    """Every instance beside every other, whatever the filter says."""
    return tuple(Side(title, Cells(judged.instances, partial(_side, judged, what=what))) for title, what in LINES)


def _side(judged: Judged, instance: str, what: str | Field[Any]) -> Judgement | Shown:
    if isinstance(what, str):
        return judged.judgements[subject(instance, what)]
    facts = judged.facts(subject(instance, what.of))
    shown = show(facts.reading(what), judged.now)
    known_bound = what is not F.COST_24H or facts.get(F.UNPRICED_24H) == 0 or shown.state is State.UNKNOWN
    return shown if known_bound else replace(shown, text=f"≥{shown.text}")
