"""Charts as drawings that need no script: paths in a box, made of what the chart's table says.

Rule: where there is no mark there is no line. What stands alone between two gaps is a dot.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from quarterdeck.views.charts import Chart, Line, Mark

WIDE, HIGH = 600, 150
NICE: Final = (1.0, 2.0, 2.5, 5.0, 10.0)
DAY_S: Final = 86_400
ROUND_TIMES: Final = (60.0, 300.0, 900.0, 1_800.0, 3_600.0, 7_200.0, 14_400.0, 28_800.0, 57_600.0)
WEEK: Final = timedelta(days=7)
TICKS: Final = 4
"""Moments that are named under a chart."""


class Stroke(NamedTuple):
    """One line as it is drawn."""

    place: int
    line: str
    """The path of the line."""
    band: str
    """The path around the extremes; empty where none were kept."""


class Drawing(NamedTuple):
    """A chart in a box of ``WIDE`` by ``HIGH``."""

    strokes: tuple[Stroke, ...]
    bars: bool
    """Whether the one line is drawn as bars."""
    gaps: tuple[tuple[float, float], ...]
    """Where we did not look: from where, and how wide."""
    top: float
    """The value at the upper edge."""
    ticks: tuple[datetime, ...]


def drawn(chart: Chart) -> Drawing:
    """Draw a chart."""
    top = ceiling(chart.peak, chart.unit)
    bars = len(chart.lines) == 1 and not any(mark.low is not None for mark in chart.lines[0].known)
    draw = _bars if bars else _line
    strokes = tuple(Stroke(line.place, draw(line, top, chart), _band(line, top)) for line in chart.lines)
    return Drawing(strokes, bars, tuple(_gaps(chart)), top, _ticks(chart))


def tick(at: datetime, step: timedelta) -> str:
    """Write where a step begins, no finer than the step is."""
    if step < timedelta(hours=3):
        return f"{at:%H:%M}"
    return f"{at:%-d %b %H:%M}" if step < timedelta(days=1) else f"{at:%-d %b}" if step < WEEK else f"{at:%-d %b %Y}"


def ceiling(peak: float, unit: str) -> float:
    """Return the next round number at or above a value."""
    if peak <= 0:
        return 1.0
    if unit == "s" and peak < DAY_S:
        return next((round_time for round_time in ROUND_TIMES if round_time >= peak), float(DAY_S))
    by = float(DAY_S) if unit == "s" else 1.0
    power = 10.0 ** math.floor(math.log10(peak / by))
    found = next((nice for nice in NICE if nice * power * by >= peak * (1 - 1e-9)), NICE[-1]) * power * by
    return found if unit in {"USD", "B", "s", "ms", "tasks"} else max(math.ceil(found), 1.0)


def _ticks(chart: Chart) -> tuple[datetime, ...]:
    last = len(chart.steps) - 1
    return tuple(dict.fromkeys(chart.steps[round(last * n / TICKS)] for n in range(TICKS + 1)))


def _gaps(chart: Chart) -> Iterator[tuple[float, float]]:
    begin = chart.steps[0]
    whole = chart.step * len(chart.steps)
    for hidden in chart.hidden:
        left = max((hidden.began_at - begin) / whole, 0.0) * WIDE
        right = min((hidden.ended_at - begin) / whole, 1.0) * WIDE
        if right > left:
            yield round(left, 1), max(round(right - left, 1), 1.5)


def _x(place: int, line: Line, within: float = 0.5) -> str:
    return f"{(place + within) / len(line.marks) * WIDE:.1f}"


def _y(value: float, top: float) -> str:
    return f"{HIGH - min(max(value / top, 0.0), 1.0) * HIGH:.1f}"


def _stretches(line: Line) -> Iterator[list[tuple[int, Mark]]]:
    """Return the marks that stand side by side."""
    stretch = list[tuple[int, Mark]]()
    for place, mark in enumerate(line.marks):
        if mark is not None:
            stretch.append((place, mark))
        elif stretch:
            yield stretch
            stretch = []
    if stretch:
        yield stretch


def _line(line: Line, top: float, chart: Chart) -> str:
    """Draw a stroke through marks that stand side by side; a step that is still being counted stands by itself."""
    parts, last = [], len(line.marks) - 1
    for whole in _stretches(line):
        grows = chart.grows and whole[-1][0] == last and len(whole) > 1
        parts += [_stroke(stretch, line, top) for stretch in ((whole[:-1], whole[-1:]) if grows else (whole,))]
    return "".join(parts)


def _stroke(stretch: list[tuple[int, Mark]], line: Line, top: float) -> str:
    first, *rest = (f"{_x(place, line)} {_y(mark.value, top)}" for place, mark in stretch)
    return f"M{first}" + (f"L{' '.join(rest)}" if rest else "h.01")


def _bars(line: Line, top: float, _chart: Chart) -> str:
    return "".join(
        f"M{_x(place, line, 0.12)} {HIGH}V{_y(mark.value, top)}H{_x(place, line, 0.88)}V{HIGH}Z"
        for place, mark in enumerate(line.marks)
        if mark is not None and mark.value > 0
    )


def _band(line: Line, top: float) -> str:
    parts = []
    for stretch in _stretches(line):
        if len(stretch) > 1 and all(mark.low is not None for _, mark in stretch):
            over = [f"{_x(p, line)} {_y(m.value if m.high is None else m.high, top)}" for p, m in stretch]
            under = [f"{_x(p, line)} {_y(m.value if m.low is None else m.low, top)}" for p, m in reversed(stretch)]
            parts.append(f"M{'L'.join((*over, *under))}Z")
    return "".join(parts)
