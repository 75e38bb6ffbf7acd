"""The JSON of charts: every line with its points, unit, source and gaps.

Rule: a step of which nothing is known has no point. Whoever draws must not draw across it.
"""

from __future__ import annotations

from typing import Any

from quarterdeck.truth.past import Blind
from quarterdeck.truth.shapes import dump
from quarterdeck.views.charts import Chart, History, Line
from quarterdeck.views.model import View

Json = dict[str, Any]


def charts_json(view: View) -> Json:
    """Return the charts of a view, where it has some."""
    return {} if view.history is None else {"history": _history(view.history)}


def _history(history: History) -> Json:
    return {
        "span": history.span,
        "since": dump(history.since),
        "known_since": dump(history.began),
        "charts": [_chart(chart) for chart in history.charts],
        "not_looked": [_blind(each) for each in history.blind],
    }


def _chart(chart: Chart) -> Json:
    return {
        "chart": chart.key,
        "title": chart.title,
        "unit": chart.unit,
        "step_s": chart.step.total_seconds(),
        "since": dump(chart.steps[0]),
        "until": dump(chart.until),
        "known_until": dump(chart.known_until),
        "text": chart.text,
        "at_least": chart.at_least,
        "note": chart.note,
        "lines": [_line(line, chart) for line in chart.lines],
        "not_looked": [_blind(each) for each in chart.hidden],
    }


def _line(line: Line, chart: Chart) -> Json:
    told = zip(chart.steps, line.marks, strict=True)
    return {
        "line": line.key,
        "label": line.label,
        "source": line.origin.source if line.origin else None,
        "locator": line.origin.locator if line.origin else None,
        "points": [
            {"at": dump(at), "value": mark.value, "low": mark.low, "high": mark.high, "at_least": mark.at_least}
            for at, mark in told
            if mark is not None
        ],
    }


def _blind(blind: Blind) -> Json:
    return {"began_at": dump(blind.began_at), "ended_at": dump(blind.ended_at), "why": blind.why}
