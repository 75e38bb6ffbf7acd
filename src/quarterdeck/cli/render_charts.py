"""Charts as text for a terminal: one line of small bars for each thing, and what they come to.

Rule: a gap is a gap. Where nothing is known there is a dot, never a low bar.
"""

from __future__ import annotations

from collections.abc import Iterator

from rich.text import Text

from quarterdeck.views.charts import Chart, History, Line
from quarterdeck.views.model import View

BARS = "▁▂▃▄▅▆▇█"
UNKNOWN = "·"
NAME = 22


def charts(view: View) -> Iterator[Text]:
    """Return the lines of what a view tells as charts."""
    if view.history is not None:
        yield from _history(view.history)


def _history(history: History) -> Iterator[Text]:
    for part, found in history.parts:
        yield Text(part, style="bold")
        for chart in found:
            yield from _chart(chart)
        yield Text("")
    yield Text(f"Counted by the {history.every}; {UNKNOWN} where nothing is known.", style="dim")


def _chart(chart: Chart) -> Iterator[Text]:
    said = f"  {chart.text}" + (f"; {chart.note}" if chart.note else "")
    yield Text(f"  {chart.title}").append(said, style="dim")
    for line in chart.lines:
        text = Text(f"    {line.label:<{NAME}.{NAME}} ").append(_bars(line, chart.peak))
        last = next((mark for mark in reversed(line.marks) if mark is not None), None)
        if last is not None:
            text.append(f"  {'≥' if last.at_least else ''}{chart.say(last.value)}")
        yield text


def _bars(line: Line, peak: float) -> str:
    return "".join(UNKNOWN if mark is None else _bar(mark.value, peak) for mark in line.marks)


def _bar(value: float, peak: float) -> str:
    return BARS[min(round(value / peak * (len(BARS) - 1)), len(BARS) - 1)] if peak > 0 else BARS[0]
