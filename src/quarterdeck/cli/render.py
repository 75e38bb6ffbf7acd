"""Views as text for a terminal. Status is shape and word before colour; nothing is shown without its age."""

from __future__ import annotations

import io
from datetime import datetime

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from quarterdeck.cli.render_charts import charts
from quarterdeck.cli.render_memory import remembered
from quarterdeck.cli.render_work import work
from quarterdeck.truth.judgement import Judgement, Status, words
from quarterdeck.truth.reading import AnyReading, Known
from quarterdeck.views.model import Figure, Gap, Row, Side, View
from quarterdeck.views.words import Shown, State, sentence

SHAPES = {Status.DOWN: "◆", Status.DEGRADED: "▲", Status.STALE: "◷", Status.UNKNOWN: "◌", Status.OK: "•"}
STYLES = {
    Status.DOWN: "bold red",
    Status.DEGRADED: "yellow",
    Status.STALE: "blue",
    Status.UNKNOWN: "magenta",
    Status.OK: "green",
}
STATES = {State.FRESH: "", State.LATE: "dim", State.OLD: "blue", State.UNKNOWN: "magenta"}
INDENT = 12


def as_text(view: View, *, width: int | None, colour: bool) -> str:
    """Return a view as text, with ANSI colour only when asked for."""
    out = io.StringIO()
    console = Console(
        file=out, width=width, force_terminal=colour, no_color=not colour, highlight=False, markup=False, emoji=False
    )
    console.print(Text(view.headline, style="bold"))
    known = f"As known at {view.at:%Y-%m-%d %H:%M:%S} UTC." if view.past else f"Known at {view.at:%H:%M:%S} UTC."
    console.print(Text(f"{view.lede} {known}"), end="\n\n")
    for line in work(view, _status):
        console.print(line)
    if view.diff is None and view.queue is None and view.board is None:  # those tell their rows in their own way
        _rows(console, view)
    for line in remembered(view):
        console.print(line)
    for line in charts(view):
        console.print(line, no_wrap=True, overflow="ellipsis")
    for gap in view.gaps:
        console.print(_gap(gap))
    if view.figures:
        console.print()
        console.print(_figures(view.figures))
    if len(view.choices) > 2 and view.sides:  # noqa: PLR2004 -- "all" and at least two instances
        console.print()
        console.print(_sides(view.sides, [choice.id for choice in view.choices[1:]]))
    return out.getvalue()


def _rows(console: Console, view: View) -> None:
    for row in view.rows:
        console.print(_line(row, view.at))
        if row.judgement.status is not Status.OK:
            for reading in row.judgement.because:
                console.print(Padding(_link(reading, view.at), (0, 0, 0, INDENT)))
        if view.columns:
            console.print(Padding(_cells(row, view.at), (0, 0, 0, INDENT)))


def _cells(row: Row, now: datetime) -> Text:
    """Write the cells of a row one after the other, so that they fit a terminal of any width."""
    parts = []
    for cell in row.cells:
        shown = cell.shown(now)
        if shown is not None:
            parts.append(Text(f"{cell.column.title} ", style="dim").append_text(_shown(shown)))
    return Text(" · ", style="dim").join(parts)


def _line(row: Row, now: datetime) -> Text:
    judgement = row.judgement
    text = _status(judgement)
    text.pad_right(INDENT - len(text.plain))
    text.append(row.name, style="bold")
    if judgement.activity:
        text.append(f" {judgement.activity}")
    text.append(f"  {judgement.reason}")
    if row.matter and row.matter.message:
        text.append(f"; {row.matter.message}")
    elif row.folded:
        text.append(f"; {len(row.folded)} more follow from it")
    if row.disputes:
        text.append("; witnesses disagree")
    if judgement.since:
        text.append(f"  since {judgement.since:%Y-%m-%d %H:%M}, {words(now - judgement.since)}", style="dim")
    text.append(f"  [{row.instance}]", style="dim")
    return text


def _gap(gap: Gap) -> Text:
    text = Text(f"{gap.place}  ", style="bold").append(gap.why, style="not bold")
    text.append(f" {gap.fix}" if gap.fix else "", style="not bold")
    return text.append(f"  [{gap.instance}]", style="dim not bold")


def _status(judgement: Judgement) -> Text:
    return Text(f"{SHAPES[judgement.status]} {judgement.status}", style=STYLES[judgement.status])


def _link(reading: AnyReading, now: datetime) -> Text:
    seen = reading.observed_at if isinstance(reading, Known) else reading.attempted_at
    said = f": {reading.reason}, {reading.detail}" if not isinstance(reading, Known) else ""
    return Text(
        f"{sentence(reading, now)}  ({reading.origin.source}, {reading.origin.locator}, {words(now - seen)} ago{said})",
        style="dim",
    )


def _shown(shown: Shown) -> Text:
    return Text(shown.text, style=STATES[shown.state])


def _figures(figures: tuple[Figure, ...]) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    for figure in figures:
        table.add_row(Text(figure.title, style="dim"), Text(figure.text, style="bold"), Text(figure.note, style="dim"))
    return table


def _sides(sides: tuple[Side, ...], instances: list[str]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for title in ("", *instances):
        table.add_column(title, overflow="fold")
    for side in sides:
        table.add_row(Text(side.title, style="dim"), *(_side(side.cells[one]) for one in instances))
    return table


def _side(cell: Judgement | Shown) -> Text:
    return _status(cell).append(f", {cell.reason}") if isinstance(cell, Judgement) else _shown(cell)
