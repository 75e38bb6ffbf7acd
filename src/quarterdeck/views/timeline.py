"""Timeline: everything that is remembered of one subject, newest first, with both clocks.

Rule 1: each entry says when we knew it and since when it is true; one that came late is marked late.
Rule 2: of what is not remembered here, because whoever it belongs to keeps its history, it says that.
Rule 3: when we did not look is an entry of its own. It is never counted as trouble of the subject, nor as its health.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

from quarterdeck.truth.episodes import Uptime, uptime
from quarterdeck.truth.fields import kind_of
from quarterdeck.truth.forge import PARTS
from quarterdeck.truth.instance import instance_of
from quarterdeck.truth.judgement import Status, words
from quarterdeck.truth.past import Blind, Change, Run, Said
from quarterdeck.truth.reading import AnyReading, Unavailable
from quarterdeck.views.asked import Asked, Param
from quarterdeck.views.frame import NOBODY, Page
from quarterdeck.views.judged import Judged
from quarterdeck.views.model import View
from quarterdeck.views.recall import Recall
from quarterdeck.views.remembered import Event, Story
from quarterdeck.views.rows import title_of, whole
from quarterdeck.views.when import span_of
from quarterdeck.views.words import Shown, show

MOST = 500
LATE_AFTER = timedelta(minutes=5)
"""A change known so long after it was true came late: several looks lie between."""
SPANS = ("24h", "7d", "30d")
PARAMS = {
    "subject": Param("The subject whose timeline it is, such as hermes:north/gateway."),
    "span": Param("How far back it reaches.", SPANS, SPANS[1]),
}


class Recalled(NamedTuple):
    """What memory says of one subject over a span."""

    since: datetime
    began: datetime | None
    changes: Sequence[Change]
    blind: Sequence[Blind]
    runs: Sequence[Run]
    said: Sequence[Said] = ()


def recall(memory: Recall, asked: Asked, now: datetime) -> Recalled | None:
    """Fetch what is remembered of the subject; nothing when none is named."""
    subject = asked.word("subject")
    if not subject:
        return None
    since = now - (span_of(asked.word("span", SPANS[1])) or timedelta(days=7))
    changes = memory.changes(since, now, subject=subject, limit=MOST)
    runs = memory.runs(subject, since, now, known_by=now)
    said = memory.said(subject, since, now, limit=MOST)
    return Recalled(since, memory.began(), changes, memory.blind(since, now), runs, said)


def timeline(judged: Judged, asked: Asked, recalled: Recalled | None = None) -> View:
    """Return the timeline of the subject that is asked for."""
    subject = asked.word("subject")
    there = [subject] if subject in judged.judgements else []
    rows = tuple(whole(judged, name) for name in there)
    view = Page(judged, asked).view("timeline", "Timeline", there, rows=rows)
    if not subject or not judged.instances:
        return replace(view, headline="Of which subject?" if judged.instances else NOBODY)
    title = title_of(judged, subject)
    story = None if recalled is None else _story(judged, asked, recalled)
    if kept_elsewhere(subject, story):
        return replace(view, headline=f"{title}. The forge keeps its history.")
    known = bool(there or (story is not None and any(each.blind is None for each in story.events)))
    return replace(view, headline=title if known else "Nothing is known of this subject.", story=story)


def kept_elsewhere(subject: str, story: Story | None) -> bool:
    """Whether the history of a subject is not kept here: where there are very many pull requests and issues."""
    return kind_of(subject) in PARTS and (story is None or all(each.blind is not None for each in story.events))


def _story(judged: Judged, asked: Asked, recalled: Recalled) -> Story:
    subject, now = asked.word("subject"), judged.now
    events = sorted(_events(recalled), key=lambda each: each.at, reverse=True)
    row = judged.judgements.get(subject)
    since = max(recalled.since, recalled.began) if recalled.began is not None else recalled.since
    complete = len(recalled.changes) < MOST and len(recalled.said) < MOST
    if len(recalled.changes) == MOST:
        since = recalled.changes[-1].known_at
    oldest_first = list(reversed(recalled.changes))
    known = recalled.began is not None and since < now and (row is not None or oldest_first)
    share = uptime(oldest_first, row.status if row else None, recalled.blind, since, now) if known else None
    return Story(
        subject=subject,
        name=title_of(judged, subject),
        instance=instance_of(subject),
        span=asked.word("span", SPANS[1]),
        since=since,
        known_since=recalled.began,
        events=tuple(events),
        uptime=share,
        complete=complete,
    )


def _events(recalled: Recalled) -> Iterable[Event]:
    for change in recalled.changes:
        # What is well is so since its last message, or the like; only of trouble does ``since`` tell when it began.
        began = None if change.status is Status.OK else change.since
        yield Event(change.known_at, began, _late(began, change.known_at), change=change)
    for run in recalled.runs:
        ended = run.ended_at or run.began_at
        yield Event(run.known_at or ended, run.began_at, _late(ended, run.known_at), run=run)
    for said in recalled.said:
        yield Event(said.known_at, None, late=False, said=said)
    for gap in recalled.blind:
        yield Event(gap.ended_at, gap.began_at, late=False, blind=gap)


def _late(true_at: datetime | None, known_at: datetime | None) -> bool:
    return true_at is not None and known_at is not None and known_at - true_at > LATE_AFTER


def otherwise(said: Said) -> str:
    """Say which reading became what: ``lock holder: 858 → none``."""
    now, was = show(said.reading, said.known_at), show(said.before, said.known_at)
    return f"{said.reading.field.replace('_', ' ')}: {_short(said.before, was)} → {_short(said.reading, now)}"


def _short(reading: AnyReading, shown: Shown) -> str:
    return "unknown" if isinstance(reading, Unavailable) else shown.text.removesuffix(" (old)")


def divided(share: Uptime) -> str:
    """Say how the time was divided: ``well 98.2 %, down 1.8 % of 23 h; 40 min not looked at``."""
    parts = [
        f"{name} {_percent(share.share(part))}"
        for name, part in (("well", share.well), ("degraded", share.degraded), ("down", share.down))
        if part
    ]
    said = f"{', '.join(parts)} of {words(share.judged)}" if parts else "nothing could be judged"
    out = [
        f"{words(part)} {name}"
        for name, part in (("not known", share.not_known), ("not looked at", share.not_looked))
        if part
    ]
    return f"{said}; {', '.join(out)}" if out else said


def _percent(share: float | None) -> str:
    """Say a share; what is not quite all is never rounded up to all."""
    value = 100 * (share or 0.0)
    if 99.9 < value < 100:  # noqa: PLR2004 -- percent
        return ">99.9 %"
    return f"{value:.1f} %" if value < 100 else "100 %"  # noqa: PLR2004 -- percent
