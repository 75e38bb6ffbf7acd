"""One session: what the ledger knows of it, and its timeline as far as its own record may be read.

Rule 1: the summary comes from the ledger and holds for the moment that is looked at. The record is read now from the
        home and is not kept: of a moment that is over there is none.
Rule 2: what an answer took is the time since the row before it. Nobody wrote down when it was begun, so it is told as
        what it is: the distance between two rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

from quarterdeck.truth.instance import ALL
from quarterdeck.truth.past import Entry, SessionDetail, Step
from quarterdeck.truth.reading import Known, Reading
from quarterdeck.views.asked import Asked, Param
from quarterdeck.views.frame import Page
from quarterdeck.views.judged import Judged
from quarterdeck.views.ledger import Line, SessionRecord
from quarterdeck.views.model import Figure, View
from quarterdeck.views.recall import Recall
from quarterdeck.views.session_rows import COLUMNS, MORE, row

PARAMS = {"id": Param("The session's id, as the ledger tells it.")}
TIMED = frozenset({"assistant", "tool"})


class Recalled(NamedTuple):
    """What memory and the home say of a session."""

    entry: Entry | None
    read_at: datetime | None
    record: Reading[SessionDetail] | None


def recall(memory: Recall, asked: Asked, now: datetime) -> Recalled:
    """Fetch a session, and its record where the present is asked."""
    identity = asked.word("id")
    if asked.instance == ALL or not identity:
        return Recalled(None, None, None)
    if asked.past:
        return Recalled(memory.session(asked.instance, identity, known_by=now), None, None)
    entry = memory.session(asked.instance, identity)
    record = None if entry is None else memory.session_detail(asked.instance, identity)
    return Recalled(entry, now if isinstance(record, Known) else None, record)


def session(judged: Judged, asked: Asked, recalled: Recalled | None = None) -> View:
    """Return the page of one session."""
    identity, entry = asked.word("id"), recalled.entry if recalled is not None else None
    names = judged.of("ledger", instance=asked.instance)
    if recalled is None or entry is None:
        view = Page(judged, asked).view("session", "Session", names, rows=())
        if not judged.instances:
            return view
        return replace(view, headline=_missing(asked, recalled), lede="", record=SessionRecord(identity, None))
    made = row(judged, entry, recalled.read_at, (*COLUMNS, *MORE))
    view = Page(judged, asked).view("session", "Session", names, rows=(made,), columns=(*COLUMNS, *MORE))
    reading = recalled.record
    why_not = "A record is read from the home when it is looked at, and not kept." if judged.past else ""
    lines = tuple(_lines(reading.value)) if isinstance(reading, Known) else ()
    return replace(
        view,
        headline=f"{made.name}",
        lede=f"{made.judgement.reason[:1].upper()}{made.judgement.reason[1:]}.",
        figures=tuple(_figures(reading, lines)),
        record=SessionRecord(identity, reading, lines, _texts(judged, entry), why_not),
    )


def _texts(judged: Judged, entry: Entry) -> bool:
    instance = judged.instances.get(entry.instance)
    return instance is not None and instance.policy.session_texts


def _missing(asked: Asked, recalled: Recalled | None) -> str:
    if recalled is None:
        return "Nothing is remembered yet."
    if asked.instance == ALL or not asked.word("id"):
        return "Which session? Name its instance and its id."
    return "The ledger does not hold this session."


def _lines(detail: SessionDetail) -> Iterator[Line]:
    """Part the record into turns, and say how long each answer took."""
    took = list(_took(detail.steps))
    longest = max((each for each in took if each is not None), default=timedelta(0))
    told, turn = len(detail.steps), 0
    gap_at = _gap_at(detail)
    for number, (step, span) in enumerate(zip(detail.steps, took, strict=True)):
        begins = step.role == "user"
        turn += begins
        share = round(100 * (span / longest)) if span is not None and longest else 0
        yield Line(turn, begins, step, span, share, detail.steps_total - told if number == gap_at else 0)


def _gap_at(detail: SessionDetail) -> int | None:
    """Return before which row others are left out: a long record is told from both of its ends."""
    return None if detail.steps_total <= len(detail.steps) else detail.told_first


def _took(steps: Sequence[Step]) -> Iterator[timedelta | None]:
    before: datetime | None = None
    for step in steps:
        timed = step.role in TIMED and before is not None and step.at is not None and step.at >= before
        yield step.at - before if timed and step.at is not None and before is not None else None
        before = step.at or before


def _figures(reading: Reading[SessionDetail] | None, lines: Sequence[Line]) -> Iterator[Figure]:
    """Add up the record: turns, tools, and the time each kind of answer took."""
    if not isinstance(reading, Known):
        return
    whole = reading.value.steps_total == len(reading.value.steps)
    sums = {
        "turns": ("Turns", sum(line.begins for line in lines), "{:,.0f}"),
        "tool_results": ("Results of tools", sum(line.step.role == "tool" for line in lines), "{:,.0f}"),
        "model_s": ("Waited for the model", _seconds(lines, "assistant"), "{:,.0f} s"),
        "tools_s": ("Waited for tools", _seconds(lines, "tool"), "{:,.0f} s"),
    }
    for key, (title, value, form) in sums.items():
        text = ("" if whole else "≥") + form.format(value)
        note = "its record in the home" if whole else "of the rows that are shown"
        told = Known(reading.subject, key, reading.origin, value, reading.observed_at, reading.fresh_for)
        yield Figure(key, title, value, text, note, not whole, (told,), "", told.expires_at)


def _seconds(lines: Sequence[Line], role: str) -> float:
    return sum(line.took.total_seconds() for line in lines if line.took is not None and line.step.role == role)
