"""Charts in the terminal."""

from __future__ import annotations

from quarterdeck.cli.render import as_text
from quarterdeck.truth.instance import Instance
from quarterdeck.truth.snapshot import Snapshot
from quarterdeck.views.asked import Asked
from quarterdeck.views.history import history, recall
from quarterdeck.views.judged import Judged
from tests.fakes.charted import Charted
from tests.truth.cast import NOW, readings

INSTANCES = (Instance("north", "north"), Instance("south", "The South"))
WEEK = Asked(words=(("span", "7d"),))


def _text(asked: Asked) -> str:
    snapshot = Snapshot(1, NOW, INSTANCES, readings())
    view = history(Judged(snapshot, NOW), asked, recall(Charted([(NOW, snapshot)], now=NOW), asked, NOW))
    return as_text(view, width=110, colour=False)


def test_a_chart_is_a_line_of_bars() -> None:
    """Each line has its name, a bar for each step and its last value; a lower bound says so."""
    lines = _text(WEEK).splitlines()
    north, south = lines[lines.index("  Sessions begun  ≥448") + 1 :][:2]
    assert north.split() == ["north", "▂▂▂▃▃▃▃", "15"]
    assert south.split() == ["The", "South", "▇▇▇████", "≥55"]


def test_a_gap_is_a_dot() -> None:
    """Where nobody looked there is a dot, and no low bar; what a dot is stands below."""
    text = _text(WEEK)
    live = next(line for line in text.splitlines() if line.startswith("    north") and "·" in line)
    bars = live.split()[1]
    assert len(bars) == 56
    assert bars.strip("·▁▂▃▄▅▆▇█") == ""
    assert "· where nothing is known" in text


def test_nothing_is_wider_than_the_terminal() -> None:
    """Whatever the span, a line that does not fit is cut and not wrapped."""
    assert all(len(line) <= 110 for line in _text(Asked(words=(("span", "1y"),))).splitlines())
