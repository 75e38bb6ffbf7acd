"""Charts as drawings."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.truth.past import Blind
from quarterdeck.views.charts import Chart, Line, Mark, steps
from quarterdeck.web.drawing import HIGH, WIDE, ceiling, drawn, tick

NOW = datetime(2026, 11, 21, 3, 4, 11, tzinfo=UTC)
HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(days=7)
UNITS = ("sessions", "USD", "B", "s", "ms", "tasks")


def _chart(*lines: tuple[Mark | None, ...], unit: str = "sessions", step: timedelta = DAY) -> Chart:
    told = tuple(Line(f"l{n}", f"line {n}", marks, place=n) for n, marks in enumerate(lines))
    at = steps(NOW, step, len(lines[0]))
    return Chart("x", "X", unit, "Work", at, step, NOW, told, "", "", NOW)


MARKS = st.none() | st.builds(
    lambda value, spread: Mark(value, max(0.0, value - spread), value + spread), st.floats(0, 1e13), st.floats(0, 1e6)
)


@given(st.lists(st.tuples(MARKS, MARKS, MARKS), min_size=1, max_size=40), st.sampled_from(UNITS))
def test_whatever_is_known_is_drawn_inside_the_box(rows: list[tuple[Mark | None, ...]], unit: str) -> None:
    """Any marks in any unit make lines and bands that stay in their box, under the top of the axis."""
    chart = _chart(*zip(*rows, strict=True), unit=unit)
    drawing = drawn(chart)
    assert drawing.top >= chart.peak * (1 - 1e-9)
    for stroke in drawing.strokes:
        for x, y in re.findall(r"(-?[\d.]+) (-?[\d.]+)", stroke.line + stroke.band):
            assert 0 <= float(x) <= WIDE
            assert 0 <= float(y) <= HIGH


def test_a_gap_breaks_the_line_and_what_stands_alone_is_a_dot() -> None:
    """Two steps, a gap, one step: a stroke, nothing, a dot."""
    one, two = Mark(1, 1, 1), Mark(2, 1, 3)
    path = drawn(_chart((one, two, None, one))).strokes[0].line
    assert path == "M75.0 120.0L225.0 90.0M525.0 120.0h.01"
    assert drawn(_chart((None, None))).strokes[0].line == ""


def test_a_step_that_is_still_counted_stands_by_itself() -> None:
    """The line ends before today, and today is a dot: it is not yet what the other days are."""
    lines = ((Mark(4), Mark(4), Mark(1)), (Mark(2), Mark(2), Mark(1)))
    path = drawn(replace(_chart(*lines), grows=True)).strokes[0].line
    assert path.count("M") == 2
    assert path.endswith("h.01")


def test_one_thing_that_is_counted_is_drawn_as_bars() -> None:
    """Counts of one line are bars, and a zero has none; what was looked at is a line."""
    assert drawn(_chart((Mark(1), Mark(0), Mark(2)))).strokes[0].line.count("Z") == 2
    assert drawn(_chart((Mark(1), Mark(0), Mark(2)))).bars
    assert not drawn(_chart((Mark(1, 1, 1), Mark(2, 2, 2)))).bars


def test_the_time_in_which_nobody_looked_is_where_it_was() -> None:
    """A shade lies where the gap lies, cut off at the edges, and is never too thin to be seen."""
    begin = steps(NOW, DAY, 4)[0]
    gaps = (
        Blind(begin - DAY, begin + DAY, "not running"),
        Blind(begin + 2 * DAY, begin + 2 * DAY + timedelta(seconds=1), "held up"),
        Blind(begin - 3 * DAY, begin - 2 * DAY, "not running"),
    )
    drawing = drawn(replace(_chart((Mark(1),) * 4), hidden=gaps))
    assert drawing.gaps == ((0.0, 150.0), (300.0, 1.5))


@pytest.mark.parametrize(
    ("peak", "unit", "top"),
    [
        *((0, "sessions", 1.0), (1, "sessions", 1.0), (3, "sessions", 5.0), (41, "sessions", 50.0)),
        *((0.3, "sessions", 1.0), (0.3, "USD", 0.5), (2.2e9, "B", 2.5e9), (1000, "ms", 1000.0)),
        *((44, "s", 60.0), (5_000, "s", 7_200.0), (80_000, "s", 86_400.0), (200_000, "s", 216_000.0)),
    ],
)
def test_an_axis_ends_at_a_round_number(peak: float, unit: str, top: float) -> None:
    """Tens and fives for counts, whole things for things, minutes, hours and days for time."""
    assert ceiling(peak, unit) == pytest.approx(top)


def test_a_moment_is_named_no_finer_than_its_step() -> None:
    """Hours of a day, days of a month, and the year where weeks are shown."""
    at = datetime(2026, 3, 4, 15, tzinfo=UTC)
    assert [tick(at, step) for step in (HOUR, 3 * HOUR, DAY, WEEK)] == ["15:00", "4 Mar 15:00", "4 Mar", "4 Mar 2026"]
