"""Views as HTML. Templates say nothing a view does not say; they only lay it out.

Rule: every value reaches a template as a ``Shown`` or a ``Judgement``, both of which carry source,
age and expiry. ``data-expires`` in the markup lets the page itself turn old, without the hub.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from http import HTTPStatus
from itertools import groupby
from typing import NamedTuple
from urllib.parse import parse_qsl, quote, urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

from quarterdeck.redaction import clean
from quarterdeck.truth.board import LANES
from quarterdeck.truth.forge import CLASSES
from quarterdeck.truth.instance import ALL
from quarterdeck.truth.judgement import Judgement, Status, words
from quarterdeck.truth.past import Late
from quarterdeck.truth.reading import AnyReading, Knowledge, Known, Reason, Unavailable
from quarterdeck.truth.shapes import dump
from quarterdeck.views import VIEWS
from quarterdeck.views.changes import became
from quarterdeck.views.forge_words import WHY, in_short, waiting
from quarterdeck.views.judged import needs_somebody
from quarterdeck.views.lazy import judgements_of, row_of
from quarterdeck.views.model import Cell, Choice, Column, Figure, Gap, Row, View
from quarterdeck.views.reviews import GROUPS, TITLES
from quarterdeck.views.rows import place_of
from quarterdeck.views.run_page import MARKS
from quarterdeck.views.session_rows import cents
from quarterdeck.views.timeline import divided, kept_elsewhere, otherwise
from quarterdeck.views.words import Shown, clock, show
from quarterdeck.web.address import Wanted
from quarterdeck.web.assets import static_url
from quarterdeck.web.drawing import drawn, tick

IN_TABLE = {
    "agents": ("task", "task_since", "task_by", "agent_version", "model", "last_success_at", "live", "platforms"),
    "products": ("address", "version", "latency_ms", "http_status", "tls_expires_at"),
    "cron": ("schedule", "desired", "last_run_at", "last_24h", "last_result", "next_run_at"),
    "credentials": ("purpose", "scopes", "kept_in", "mode", "made_at", "used_at", "ends_at"),
    "runs": ("schedule", "last_24h", "missed_at", "next_run_at"),
}
"""The columns one looks down; a row's details tell all of them."""
MAKING_WAY = {"agents": ("task", ("agent_version", "live"))}
"""Where a column is told, and which others then stand in the details alone: a desk is not as wide as all of them."""
ROWS_PER_PAGE = 200
FEW = 12
"""Instances up to which the filter shows each; of more, one is searched for."""
COLLECTION = timedelta(seconds=90)
"""How long a collection speaks for what it did not bring."""
ABREAST = 8
"""Instances that fit side by side."""
Named = tuple[str, AnyReading]
"""A reading, and what it is called on the page."""
UNIT = re.compile(r" (?:s|ms|bytes|usd)$")
SPAN = re.compile(r" (\d+)(h|m)\b")


class Frame(NamedTuple):
    """What a page carries beside its view."""

    wanted: Wanted
    state: str
    """The name of this rendering; the stream of changes goes on from it."""
    banner: str | None = None
    late: Sequence[Late] = ()
    """What was true at a moment that is over, and learnt after it."""
    remembers: bool = False
    """Whether there is a memory that can be asked for other moments."""


def render(view: View, frame: Frame) -> str:
    """Return a page."""
    asked = view.asked
    pages = max(1, -(-len(view.rows) // ROWS_PER_PAGE))
    page = min(max(asked.page, 1), pages)
    start = (page - 1) * ROWS_PER_PAGE
    return (
        _environment()
        .get_template(VIEWS[view.name].template)
        .render(
            view=view,
            frame=frame,
            views=[(name, spec.title, spec.key) for name, spec in VIEWS.items() if spec.key],
            rows=view.rows[start : start + ROWS_PER_PAGE],
            columns=[column for column in view.columns if _in_table(view, column)],
            page=page,
            pages=pages,
            opened=row_of(view.rows, asked.open),
            page_title=_page_title(view, frame),
            **Layout(view, frame).helpers(),
        )
    )


def render_plain(template: str, **values: object) -> bytes:
    """Return a page that is no view."""
    return _environment().get_template(template).render(values).encode()


def render_error(status: int, detail: str, banner: str | None = None) -> bytes:
    """Return the page of an error: what it is called, what to do, and the way back."""
    return render_plain("error.html", title=HTTPStatus(status).phrase, detail=clean(detail), banner=banner)


@dataclass(frozen=True, slots=True)
class Layout:
    """What templates may call, bound to the moment and the filter of a view."""

    view: View
    frame: Frame

    def helpers(self) -> dict[str, Callable[..., object]]:
        """Return what templates may call, by name."""
        mine = (
            *(self.shown, self.span, self.short, self.url, self.kept, self.cells, self.told, self.by_instance),
            *(self.lives_until, self.seen_at, self.beside, self.place_of, self.shown_plain),
        )
        return {each.__name__: each for each in mine}

    def shown(self, reading: AnyReading) -> Shown:
        return show(reading, self.view.at)

    def shown_plain(self, reading: Known[object]) -> str:
        """Return a value in words as of when it was seen: beside it stands when that was."""
        value = reading.value
        return clock(value) if isinstance(value, datetime) else show(reading, reading.observed_at).text

    def span(self, moment: datetime) -> str:
        return words(self.view.at - moment)

    def short(self, moment: datetime) -> str:
        return _short(moment.astimezone(UTC), self.view.at.astimezone(UTC))

    def url(self, name: str, **more: object) -> str:
        """Return an address that keeps the filter and the moment, and on the same view its other words too.

        ``None`` leaves a word out.
        """
        path, _, query = name.partition("?")
        words = dict(self.view.asked.words) if path == self.view.name else {}
        at = {"at": self.frame.wanted.at and dump(self.frame.wanted.at)}
        asked = {"instance": self.view.instance, **words, **dict(parse_qsl(query)), **at, **more}
        kept = {key: value for key, value in asked.items() if value is not None and (key, value) != ("page", 1)}
        return f"/{path}?{urlencode(kept, quote_via=quote, safe=':')}"

    def kept(self, href: str) -> str:
        """Return an address of ours that looks at the same moment; addresses of others stay as they are."""
        at = self.frame.wanted.at
        if at is None or not href.startswith("/"):
            return href
        place, hash_, fragment = href.partition("#")
        return f"{place}{'&' if '?' in place else '?'}at={dump(at)}{hash_}{fragment}"

    def place_of(self, subject: str) -> str:
        """Return the address of a subject's row."""
        return self.kept(place_of(subject))

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
        """Return when a figure grows old. What has expired already is not counted in it, and ages nothing.

        A count with no living reading behind it has the collection, which brought none.
        """
        lives = [r.expires_at for r in figure.readings if isinstance(r, Known) and r.expires_at > self.view.at]
        collected = None if figure.value is None else self.view.generated_at + COLLECTION
        return min(lives, default=collected)

    def seen_at(self, figure: Figure) -> datetime | None:
        """Return when the oldest of what a figure was made of was seen."""
        return min((r.observed_at for r in figure.readings if isinstance(r, Known)), default=None)

    def beside(self) -> list[Choice]:
        """Return the instances to show side by side: all, or of many the chosen one and those that are worst off."""
        choices = [choice for choice in self.view.choices if choice.id != ALL]
        if len(choices) <= ABREAST:
            return choices
        return sorted(choices, key=lambda choice: (not choice.chosen, -self._worst(choice.id)))[:ABREAST]

    def _worst(self, instance: str) -> int:
        cells = (side.cells.get(instance) for side in self.view.sides)
        return max((cell.status.rank for cell in cells if isinstance(cell, Judgement)), default=0)


def _in_table(view: View, column: Column) -> bool:
    wide, narrow = MAKING_WAY.get(view.name, ("", ()))
    if column.key in narrow and any(each.key == wide for each in view.columns):
        return False
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


def _by_subject(rows: Iterable[Row]) -> dict[str, Row]:
    return {row.subject: row for row in rows}


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


def _page_title(view: View, frame: Frame) -> str:
    """Say the worst first, so that a tab tells it too."""
    bad = view.needing
    if bad is None:
        bad = sum(each.status in (Status.DOWN, Status.DEGRADED) for each in judgements_of(view.rows))
    said = f"{bad} need you · {view.title}" if bad else view.title
    if frame.wanted.at is not None:
        said = f"As of {clock(frame.wanted.at)} · {view.title}"
    return f"Demo · {said}" if frame.banner else said


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
        "FEW": FEW,
        "time_of_day": _time_of_day,
        "words_of": _words_of,
        "alike": alike,
        "grouped": grouped,
        "named": named,
        "words": words,
        "cents": cents,
        "became": became,
        "divided": divided,
        "kept_elsewhere": kept_elsewhere,
        "otherwise": otherwise,
        "RUN_MARKS": MARKS,
        "drawn": drawn,
        "tick": tick,
        "by_subject": _by_subject,
        "in_short": in_short,
        "waiting": waiting,
        "WHY": WHY,
        "CLASSES": [(each, each) for each in CLASSES],
        "NEEDS": [(each, TITLES[each][0]) for each in GROUPS],
        "LANES": [(each, each) for each in LANES],
    }
    environment.filters["quoted"] = _quoted
    return environment
