"""The JSON every view speaks."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from quarterdeck.truth.incidents import Incident
from quarterdeck.truth.judgement import Judgement
from quarterdeck.truth.reading import AnyReading, Known
from quarterdeck.truth.rollup import Rollup
from quarterdeck.truth.shapes import dump
from quarterdeck.truth.witnesses import Question
from quarterdeck.views.charts_json import charts_json
from quarterdeck.views.model import Figure, Gap, Link, Row, View
from quarterdeck.views.remembered_json import remembered_json
from quarterdeck.views.words import Shown, sentence
from quarterdeck.views.work_json import work_json

Json = dict[str, Any]


def as_json(view: View) -> Json:
    """Return a view as JSON values."""
    return {
        "view": view.name,
        "generated_at": dump(view.generated_at),
        "at": dump(view.at),
        "version": view.version,
        "filter": {"instance": view.instance},
        "status": view.rollup.status.value,
        "knowledge": _knowledge(view.rollup),
        "headline": view.headline,
        "instances": [{"id": c.id, "label": c.label} for c in view.choices[1:]],
        "rows": [_row(row, view.at) for row in view.rows],
        "figures": [_figure(figure, view.at) for figure in view.figures],
        "side_by_side": [_side(side.title, side.cells, view.at) for side in view.sides],
        "gaps": [_gap(gap) for gap in view.gaps],
        "actions": {one: [_link(link) for link in links] for one, links in view.actions.items()},
        "sources": [
            {
                "source": look.source,
                "at": dump(look.at),
                "took_ms": look.took_ms,
                "answered": look.answered,
                "detail": look.detail,
            }
            for look in view.looks
        ],
        **remembered_json(view),
        **charts_json(view),
        **work_json(view),
    }


def reading_json(reading: AnyReading) -> Json:
    """Return one reading as JSON values."""
    base = {
        "subject": reading.subject,
        "field": reading.field,
        "source": reading.origin.source,
        "locator": reading.origin.locator,
    }
    if isinstance(reading, Known):
        fresh = reading.fresh_for.total_seconds()
        return base | {"observed_at": dump(reading.observed_at), "fresh_for_s": fresh, "value": dump(reading.value)}
    return base | {
        "observed_at": dump(reading.attempted_at),
        "fresh_for_s": 0.0,
        "unavailable": {"reason": reading.reason.value, "detail": reading.detail},
        "last": reading_json(reading.last) if reading.last else None,
    }


def _row(row: Row, now: datetime) -> Json:
    judgement = row.judgement
    columns = {c.column.key: dump(c.reading.value) if isinstance(c.reading, Known) else None for c in row.cells}
    fixed = {
        "subject": row.subject,
        "instance": row.instance,
        "name": row.name,
        "status": judgement.status.value,
        "activity": judgement.activity.value if judgement.activity else None,
        "knowledge": judgement.knowledge.value,
        "rule": judgement.rule,
        "reason": judgement.reason,
        "since": dump(judgement.since),
        "expires_at": dump(judgement.expires_at),
        "links": [_link(link) for link in row.links],
        "why": _why(judgement, now),
        "contradictions": [_dispute(dispute) for dispute in row.disputes],
        "folded": list(row.folded),
        "incident": _incident(row.matter) if row.matter else None,
        "readings": [reading_json(reading) for reading in row.readings],
    }
    return columns | fixed


def _incident(incident: Incident) -> Json:
    tie = incident.tie
    return {
        "id": incident.id,
        "severity": incident.severity.value,
        "since": dump(incident.since),
        "members": len(incident.members),
        "shares": {"what": tie.share.value, "value": tie.value} if tie else None,
        "message": incident.message,
    }


def _link(link: Link) -> Json:
    return {"kind": link.kind, "label": link.label, "text": link.text, "href": link.href}


def _why(judgement: Judgement, now: datetime) -> list[Json]:
    return [
        {
            "text": sentence(r, now),
            "subject": r.subject,
            "field": r.field,
            "source": r.origin.source,
            "locator": r.origin.locator,
        }
        for r in judgement.because
    ]


def _dispute(dispute: Question) -> Json:
    answers = [{"witness": a.witness, "says": a.says, "reading": reading_json(a.reading)} for a in dispute.answers]
    return {"question": dispute.asked, "answers": answers}


def _figure(figure: Figure, _now: datetime) -> Json:
    return {
        "figure": figure.key,
        "title": figure.title,
        "value": figure.value,
        "text": figure.text,
        "at_least": figure.at_least,
        "note": figure.note,
        "readings": [reading_json(reading) for reading in figure.readings],
    }


def _gap(gap: Gap) -> Json:
    readings = [reading_json(reading) for reading in gap.readings]
    return {"instance": gap.instance, "place": gap.place, "why": gap.why, "fix": gap.fix, "readings": readings}


def _side(title: str, cells: Any, now: datetime) -> Json:  # noqa: ANN401 -- a cell is either a judgement or a shown value
    return {"title": title, "instances": {one: _side_cell(cell, now) for one, cell in cells.items()}}


def _side_cell(cell: Judgement | Shown, _now: datetime) -> Json:
    if isinstance(cell, Judgement):
        return {"status": cell.status.value, "text": cell.reason}
    return {"state": cell.state.value, "text": cell.text, "source": cell.source}


def _knowledge(rollup: Rollup) -> Json:
    counts = {knowledge.value: number for knowledge, number in rollup.counts.items()}
    return {"total": rollup.total, "not_fresh": rollup.not_fresh, **counts}
