"""The JSON of what pages of the session ledger tell beside their rows."""

from __future__ import annotations

from typing import Any

from quarterdeck.truth.past import Relative, SessionDetail, Usage
from quarterdeck.truth.reading import Known
from quarterdeck.truth.shapes import dump
from quarterdeck.views.ledger import LedgerPage, Line, SessionRecord

Json = dict[str, Any]


def page_json(page: LedgerPage) -> Json:
    """Return where a page of the ledger stands, and by which words it can be asked for."""
    return {
        "sort": page.sort,
        "order": "desc" if page.descending else "asc",
        "total": page.total,
        "total_is_exact": page.exact,
        "next": page.next,
        "previous": page.previous,
        "sources": list(page.facets.sources),
        "models": list(page.facets.models),
        "outcomes": list(page.facets.outcomes),
        "refusal": page.refusal or None,
    }


def record_json(record: SessionRecord) -> Json:
    """Return a session's own record, or why there is none."""
    reading = record.reading
    if not isinstance(reading, Known):
        unavailable = None if reading is None else {"reason": reading.reason.value, "detail": reading.detail}
        return {"id": record.identity, "read": False, "unavailable": unavailable, "why_not": record.why_not or None}
    detail: SessionDetail = reading.value
    return {
        "id": record.identity,
        "read": True,
        "source": reading.origin.source,
        "locator": reading.origin.locator,
        "observed_at": dump(reading.observed_at),
        "rows_total": detail.steps_total,
        "rows": [_line(line) for line in record.lines],
        "models": [_usage(usage) for usage in detail.usage],
        "relatives": [_relative(one) for one in detail.relatives],
        "more_relatives": detail.relatives_more,
    }


def _line(line: Line) -> Json:
    step = line.step
    return {
        "turn": line.turn,
        "at": dump(step.at),
        "role": step.role,
        "calls": list(step.calls),
        "tool": step.tool,
        "finish": step.finish,
        "characters": step.size,
        "withdrawn": step.withdrawn,
        "took_s": None if line.took is None else line.took.total_seconds(),
        "left_out_before": line.skipped,
        "text": step.text,
    }


def _usage(usage: Usage) -> Json:
    return usage._asdict()


def _relative(one: Relative) -> Json:
    return {name: dump(value) for name, value in one._asdict().items()}
