"""Views as HTML. Templates say nothing a view does not say; they only lay it out.

Rule: every value reaches a template as a ``Shown`` or a ``Judgement``, both of which carry source,
age and expiry. ``data-expires`` in the markup lets the page itself turn old, without the hub.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from importlib.resources import files
from urllib.parse import quote, urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from quarterdeck.truth.judgement import Status, words
from quarterdeck.truth.reading import AnyReading
from quarterdeck.truth.shapes import dump
from quarterdeck.views.model import View
from quarterdeck.views.words import Shown, clock, show

TITLES = (("brief", "Brief"), ("agents", "Agents"), ("cron", "Cron"), ("ops", "Ops"))
TEMPLATES = {"brief": "brief.html", "agents": "table.html", "cron": "table.html", "ops": "list.html"}
ROWS_PER_PAGE = 200


@dataclass(frozen=True, slots=True)
class Asked:
    """What a page's URL asks for beside the view and the filter."""

    page: int = 1
    open: str | None = None
    """The subject whose why-chain is open."""


def render(view: View, asked: Asked) -> bytes:
    """Return a page as UTF-8 bytes."""
    pages = max(1, -(-len(view.rows) // ROWS_PER_PAGE))
    page = min(max(asked.page, 1), pages)
    start = (page - 1) * ROWS_PER_PAGE
    return (
        _environment()
        .get_template(TEMPLATES[view.name])
        .render(
            view=view,
            views=TITLES,
            rows=view.rows[start : start + ROWS_PER_PAGE],
            page=page,
            pages=pages,
            opened=next((row for row in view.rows if row.subject == asked.open), None),
            page_title=_page_title(view),
            stale_rows=sum(row.judgement.status is Status.STALE for row in view.rows),
            **_helpers(view),
        )
        .encode()
    )


def static_files() -> dict[str, bytes]:
    """Return our own static files by name."""
    folder = files("quarterdeck.web") / "static"
    return {item.name: item.read_bytes() for item in folder.iterdir() if item.name.startswith("deck.")}


@cache
def static_url(name: str) -> str:
    """Return the URL of a static file, which changes with its content."""
    return f"/static/{name}?v={sha256(static_files()[name]).hexdigest()[:12]}"


def _helpers(view: View) -> dict[str, Callable[..., object]]:
    """What templates may call, bound to the moment and the filter of the view."""

    def shown(reading: AnyReading) -> Shown:
        return show(reading, view.at)

    def span(moment: datetime) -> str:
        return words(view.at - moment)

    def short(moment: datetime) -> str:
        same_day = moment.astimezone(UTC).date() == view.at.astimezone(UTC).date()
        return moment.astimezone(UTC).strftime("%H:%M" if same_day else "%Y-%m-%d %H:%M")

    def url(name: str, **more: object) -> str:
        asked = {key: value for key, value in more.items() if not (key == "page" and value == 1)}
        return f"/{name}?{urlencode({'instance': view.instance, **asked}, quote_via=quote)}"

    return {"shown": shown, "span": span, "short": short, "url": url}


def _page_title(view: View) -> str:
    """Say the worst first, so that a tab tells it too."""
    bad = sum(row.judgement.status in (Status.DOWN, Status.DEGRADED) for row in view.rows)
    return f"{bad} need you · {view.title}" if bad else view.title


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _time_of_day(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%H:%M:%S")


def _words_of(field: str) -> str:
    return field.replace("_", " ")


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
    }
    return environment
