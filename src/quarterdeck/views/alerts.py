"""Alerts: what is wrong now over all instances, the most severe first, and what was wrong and is over.

Rule 1: what is open follows from readings, what is over from what is remembered. Neither is kept by hand.
Rule 2: an alert that was open while nobody looked says so: nobody knows what happened meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

from quarterdeck.truth.episodes import closed, episodes
from quarterdeck.truth.findings import VAGUE, Severity
from quarterdeck.truth.incidents import Incident
from quarterdeck.truth.instance import ALL
from quarterdeck.truth.judgement import Judgement
from quarterdeck.truth.past import Blind, Change
from quarterdeck.truth.reading import AnyReading, Known
from quarterdeck.views.asked import Asked, Param
from quarterdeck.views.frame import NOBODY, Page
from quarterdeck.views.judged import Judged, matches, needs_somebody
from quarterdeck.views.lazy import Rows
from quarterdeck.views.model import Figure, View
from quarterdeck.views.recall import Recall
from quarterdeck.views.remembered import Feed
from quarterdeck.views.rows import title_of
from quarterdeck.views.trouble import incident_row, kinds, open_incidents, owners_of, settings_of
from quarterdeck.views.when import span_of

MOST = 2_000
"""Changes that are looked through for what is over."""
SPANS = ("24h", "7d", "30d")
PARAMS = {
    "severity": Param("Alerts of this severity only.", tuple(each.value for each in reversed(Severity))),
    "span": Param("How far back alerts that are over are shown.", SPANS, SPANS[0]),
}
TITLES = {Severity.CRITICAL: "Critical", Severity.WARN: "Warnings", Severity.INFO: "Notices"}
ONE = {Severity.CRITICAL: "critical", Severity.WARN: "warning", Severity.INFO: "notice"}
SEVERAL = {Severity.CRITICAL: "critical", Severity.WARN: "warnings", Severity.INFO: "notices"}


class Recalled(NamedTuple):
    """What memory says of a span."""

    since: datetime
    began: datetime | None
    changes: Sequence[Change]
    blind: Sequence[Blind]


def recall(memory: Recall, asked: Asked, now: datetime) -> Recalled:
    """Fetch what changed over the span."""
    since = now - _span(asked)
    instance = None if asked.instance == ALL else asked.instance
    changes = memory.changes(since, now, instance=instance, limit=MOST)
    return Recalled(since, memory.began(), changes, memory.blind(since, now))


def _span(asked: Asked) -> timedelta:
    return span_of(asked.word("span", SPANS[0])) or timedelta(days=1)


def alerts(judged: Judged, asked: Asked, recalled: Recalled | None = None) -> View:
    """Return the alerts over a filter."""
    wanted = asked.word("severity")
    found = open_incidents(judged, asked.instance)
    shown = [each for each in found if not wanted or each.severity == wanted]
    names = judged.of(*kinds(judged), instance=asked.instance)
    view = Page(judged, asked).view(
        "alerts",
        "Alerts",
        names,
        rows=Rows(
            [judged.judgements[each.lead.subject] for each in shown], lambda place: incident_row(judged, shown[place])
        ),
        figures=tuple(_figure(judged, asked, found, severity) for severity in TITLES),
    )
    feed = _feed(judged, asked, recalled, wanted)
    vague = sum(_hides(judged.judgements[name]) for name in names)
    headline = _headline(found, vague) if judged.instances else NOBODY
    return replace(view, headline=headline, feed=feed)


def _headline(found: Sequence[Incident], vague: int) -> str:
    """Say how many alerts of which severity are open, whatever the severity filter, and what may hide more."""
    counts = {severity: sum(each.severity is severity for each in found) for severity in TITLES}
    said = [f"{n:,} {(ONE if n == 1 else SEVERAL)[severity]}" for severity, n in counts.items() if n]
    more = f"; {vague:,} {'subject' if vague == 1 else 'subjects'} cannot be judged" if vague else ""
    return f"{', '.join(said).capitalize()}{more}." if said else "No alert is open."


def _figure(judged: Judged, asked: Asked, found: Sequence[Incident], severity: Severity) -> Figure:
    """Count the open incidents of a severity. What cannot be judged may hide one: then there are at least so many."""
    of = [each for each in found if each.severity is severity]
    names = judged.of(*kinds(judged), instance=asked.instance)
    verdicts = [judged.judgements[name] for name in names]
    vague = sum(_hides(each) for each in verdicts)
    known = tuple(_first(each.because) for each in verdicts if each.because)
    behind = tuple(reading for each in of for member in each.members for reading in member.because[:1])
    readings = behind or known[:1]
    note = f"of {len(verdicts):,} subjects" + (f", {vague:,} cannot be judged" if vague else "")
    lives = (each.expires_at for each in readings if isinstance(each, Known))
    return Figure(
        key=severity.value,
        title=TITLES[severity],
        value=float(len(of)) if readings else None,
        text=f"{'≥' if vague else ''}{len(of):,}" if readings else "unknown",
        note=note,
        at_least=bool(vague) and bool(readings),
        readings=readings,
        href="/alerts",
        expires_at=min(lives, default=None),
    )


def _hides(judgement: Judgement) -> bool:
    """Whether an alert may hide behind a judgement: it is none, of something that is there."""
    return judgement.status in VAGUE and needs_somebody(judgement)


def _first(readings: tuple[AnyReading, ...]) -> AnyReading:
    return readings[0]


def _feed(judged: Judged, asked: Asked, recalled: Recalled | None, wanted: str) -> Feed | None:
    if recalled is None:
        return None
    changes = [each for each in recalled.changes if matches(each.subject, asked.instance)]
    told = closed(episodes(changes, recalled.blind, recalled.since), settings_of(judged), owners_of(judged))
    told = tuple(each for each in told if not wanted or each.severity == wanted)
    names = {member.subject: title_of(judged, member.subject) for each in told for member in each.members}
    return Feed(
        span=asked.word("span", SPANS[0]),
        since=recalled.since,
        known_since=recalled.began,
        closed=told,
        names=names,
        blind=tuple(recalled.blind),
        complete=len(recalled.changes) < MOST,
    )
