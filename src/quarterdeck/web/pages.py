"""Views as HTML. Templates say nothing a view does not say; they only lay it out.

Rule: every value reaches a template as a ``Shown`` or a ``Judgement``, both of which carry source,
age and expiry. ``data-expires`` in the markup lets the page itself turn old, without the hub.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha256
from http import HTTPStatus
from importlib.resources import files
from itertools import groupby
from urllib.parse import quote, urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

from quarterdeck.truth.fields import kind_of
from quarterdeck.truth.instance import ALL, instance_of
from quarterdeck.truth.judgement import Status, words
from quarterdeck.truth.reading import AnyReading, Knowledge, Known, Reason, Unavailable
from quarterdeck.truth.shapes import dump
from quarterdeck.views import VIEWS
from quarterdeck.views.judged import needs_somebody
from quarterdeck.views.model import Cell, Column, Figure, Gap, Row, View
from quarterdeck.views.words import Shown, clock, show

IN_TABLE = {
    "agents": ("agent_version", "model", "last_success_at", "live", "platforms"),
    "cron": ("schedule", "desired", "last_run_at", "last_result", "next_run_at"),
}
"""The columns one looks down; a row's details tell all of them."""
PAGE_OF = {"gateway": "agents", "job": "cron", "scheduler": "cron", "timer": "cron", "source": "coverage"}
"""Where a kind of subject has its row; every other kind has it on ops."""
ROWS_PER_PAGE = 200
Named = tuple[str, AnyReading]
"""A reading, and what it is called on the page."""
UNIT = re.compile(r" (?:s|ms|bytes|usd)$")
SPAN = re.compile(r" (\d+)(h|m)\b")


def render(view: View) -> bytes:
    """Return a page as UTF-8 bytes."""
    asked = view.asked
    pages = max(1, -(-len(view.rows) // ROWS_PER_PAGE))
    page = min(max(asked.page, 1), pages)
    start = (page - 1) * ROWS_PER_PAGE
    return (
        _environment()
        .get_template(VIEWS[view.name].template)
        .render(
            view=view,
            views=[(name, spec.title) for name, spec in VIEWS.items() if spec.key],
            rows=view.rows[start : start + ROWS_PER_PAGE],
            columns=[column for column in view.columns if _in_table(view, column)],
            page=page,
            pages=pages,
            opened=next((row for row in view.rows if row.subject == asked.open), None),
            page_title=_page_title(view),
            **Layout(view).helpers(),
        )
        .encode()
    )


def render_error(status: int, detail: str) -> bytes:
    """Return the page of an error: what it is called, what to do, and the way back."""
    title = HTTPStatus(status).phrase
    return _environment().get_template("error.html").render(title=title, detail=detail).encode()


def static_files() -> dict[str, bytes]:
    """Return our own static files by name."""
    folder = files("quarterdeck.web") / "static"
    return {item.name: item.read_bytes() for item in folder.iterdir() if item.name.startswith("deck.")}


@cache
def static_url(name: str) -> str:
    """Return the URL of a static file, which changes with its content."""
    return f"/static/{name}?v={sha256(static_files()[name]).hexdigest()[:12]}"


@dataclass(frozen=True, slots=True)
class Layout:
    """What templates may call, bound to the moment and the filter of a view."""

    view: View

    def helpers(self) -> dict[str, Callable[..., object]]:
        """Return what templates may call, by name."""
        mine = (self.shown, self.span, self.short, self.url, self.cells, self.told, self.by_instance, self.lives_until)
        return {each.__name__: each for each in mine}

    def shown(self, reading: AnyReading) -> Shown:
        return show(reading, self.view.at)

    def span(self, moment: datetime) -> str:
        return words(self.view.at - moment)

    def short(self, moment: datetime) -> str:
        return _short(moment.astimezone(UTC), self.view.at.astimezone(UTC))

    def url(self, name: str, **more: object) -> str:
        asked = {key: value for key, value in more.items() if not (key == "page" and value == 1)}
        return f"/{name}?{urlencode({'instance': self.view.instance, **asked}, quote_via=quote)}"

    def cells(self, row: Row) -> list[tuple[Column, Shown | None]]:
        """Return what a row says in the table."""
        return [
            (cell.column, None if _nothing(row, cell) else cell.shown(self.view.at))
            for cell in row.cells
            if _in_table(self.view, cell.column)
        ]

    def told(self, row: Row) -> tuple[list[tuple[Cell, Shown]], list[Named]]:
        """Part the cells of a row into what is known, also when only of old, and what its chain does not explain."""
        explained = {(r.subject, r.field) for r in (*row.judgement.because, *row.judgement.doubts)}
        known, lost = [], list[Named]()
        for cell in row.cells:
            said, reading = cell.shown(self.view.at), cell.reading
            if said is None or reading is None or _nothing(row, cell):
                continue
            if isinstance(reading, Known) or reading.last is not None:
                known.append((cell, said))
            elif (reading.subject, reading.field) not in explained:
                lost.append((_words_of(cell.column.title), reading))
        return known, lost

    def by_instance(self, rows: Iterable[Row]) -> list[tuple[str, list[Row], int]]:
        """Part rows by instance: its label, its rows, and how many of them need somebody."""
        labels = {choice.id: choice.label for choice in self.view.choices} | {ALL: "Shared"}
        parts = [(labels.get(one, one), list(part)) for one, part in groupby(rows, lambda row: row.instance)]
        return [(label, part, sum(needs_somebody(row.judgement) for row in part)) for label, part in parts]

    def lives_until(self, figure: Figure) -> datetime | None:
        """Return when a figure grows old. What has expired already is not counted in it, and ages nothing."""
        lives = (r.expires_at for r in figure.readings if isinstance(r, Known))
        return min((until for until in lives if until > self.view.at), default=None)


def place_of(subject: str) -> str:
    """Return the address of a subject's row."""
    page = PAGE_OF.get(kind_of(subject), "ops")
    return f"/{page}?{urlencode({'instance': instance_of(subject)}, quote_via=quote)}#{quote(subject, safe=':/')}"


def _in_table(view: View, column: Column) -> bool:
    return column.key in IN_TABLE.get(view.name, ())


def _nothing(row: Row, cell: Cell) -> bool:
    """Whether there is nothing to tell: what its source has removed has no values, and misses none."""
    return row.judgement.knowledge is Knowledge.RETIRED and isinstance(cell.reading, Unavailable)


def named(readings: Iterable[AnyReading]) -> list[Named]:
    """Call readings by the names of their fields."""
    return [(_words_of(reading.field), reading) for reading in readings]


def grouped(readings: Iterable[Named]) -> list[list[Named]]:
    """Put readings together that are unknown for one and the same reason, so that it is said once."""
    groups: dict[object, list[Named]] = {}
    for name, reading in readings:
        groups.setdefault(_why(reading), []).append((name, reading))
    return list(groups.values())


def alike(gaps: Iterable[Gap]) -> list[tuple[Gap, list[str]]]:
    """Put gaps together that several instances have in common."""
    found: dict[object, tuple[Gap, list[str]]] = {}
    for gap in gaps:
        found.setdefault((gap.place, gap.why, gap.fix), (gap, []))[1].append(gap.instance)
    return list(found.values())


def _quoted(text: str) -> Markup:
    """Set what stands between backticks as code."""
    parts = [escape(part) for part in text.split("`")]
    return Markup("").join(Markup("<code>{}</code>").format(p) if i % 2 else p for i, p in enumerate(parts))


def _why(reading: AnyReading) -> object:
    if isinstance(reading, Known) or reading.last is not None:
        return reading.subject, reading.field
    return (
        (reading.reason, reading.detail)
        if reading.reason is Reason.NEVER_SEEN
        else (reading.origin, reading.reason, reading.detail)
    )


def _short(moment: datetime, now: datetime) -> str:
    """Write a moment as briefly as its age, which stands beside it, allows."""
    if abs(now - moment) < timedelta(hours=24):
        return moment.strftime("%H:%M")
    return moment.strftime("%-d %b %H:%M" if abs(now - moment) < timedelta(days=300) else "%Y-%m-%d")


def _page_title(view: View) -> str:
    """Say the worst first, so that a tab tells it too."""
    bad = sum(row.judgement.status in (Status.DOWN, Status.DEGRADED) for row in view.rows)
    return f"{bad} need you · {view.title}" if bad else view.title


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _time_of_day(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%H:%M:%S")


def _words_of(field: str) -> str:
    """Say the name of a field: its unit stands at the value."""
    return SPAN.sub(lambda m: f" {m[1]} {'min' if m[2] == 'm' else 'h'}", UNIT.sub("", field.replace("_", " ")))


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("quarterdeck.web"),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {
        "static": static_url,
        "ms": _ms,
        "iso": dump,
        "clock": clock,
        "time_of_day": _time_of_day,
        "words_of": _words_of,
        "alike": alike,
        "grouped": grouped,
        "named": named,
        "place_of": place_of,
    }
    environment.filters["quoted"] = _quoted
    return environment
