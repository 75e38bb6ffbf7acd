"""A view as one page that needs nothing else: no server, no script, no style sheet, no network.

Rule: the page is made of the view's JSON and of nothing beside it. Whoever holds the JSON can make the page again, and
see that it says the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from html import escape
from typing import Any

Json = Mapping[str, Any]

STYLE = """\
:root{color-scheme:light dark}
body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem;margin:0 0 .3rem}h2{font-size:1rem;margin:2rem 0 .4rem}p{margin:.2rem 0}
table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.3rem .6rem .3rem 0;\
border-top:1px solid #8884;overflow-wrap:anywhere}th{font-weight:600}
ul{margin:.2rem 0;padding-left:1.1rem}code{font:.9em monospace}.soft{opacity:.75;font-size:.9rem}
.seal{margin-top:3rem;border-top:2px solid #8884;padding-top:.6rem}"""

TOLD = frozenset(
    "view generated_at at version filter status knowledge headline instances rows figures side_by_side gaps sources".split()  # noqa: E501, SIM905
)
"""Keys that have a section of their own; whatever else a view says is written out as it is."""


def page(data: Json, about: Json) -> str:
    """Return the page without its beginning and end: what is between ``<body>`` and the data."""
    parts = (
        _head(data, about),
        *_section("Figures", _figures(data["figures"])),
        *_section("Rows", _rows(data["rows"])),
        *_section("Side by side", _sides(data["side_by_side"])),
        *_section("Not seen", _gaps(data["gaps"])),
        *(part for key in sorted(data.keys() - TOLD) for part in _section(_name(key), _anything(data[key]))),
        *_section("Sources", _sources(data["sources"])),
        _foot(about),
    )
    return "\n".join(parts)


def _head(data: Json, about: Json) -> str:
    known = f"{_text(about['title'])}, {'as it was known' if about['past'] else 'as known'} at {_text(data['at'])}"
    words = "".join(f", {_text(name)} {_text(value)}" for name, value in sorted(about["words"].items()))
    counts = ", ".join(f"{value} {_text(name)}" for name, value in data["knowledge"].items() if name != "total")
    return (
        f"<h1>{_text(data['headline'])}</h1>\n<p>{known}, instance {_text(data['filter']['instance'])}{words}.</p>\n"
        f"<p class=soft>Status {_text(data['status'])}. Of {data['knowledge']['total']} subjects: {counts}."
        f" Collected {_text(data['generated_at'])}.</p>"
    )


def _section(title: str, content: Iterable[str]) -> Iterator[str]:
    lines = list(content)
    if lines:
        yield f"<h2>{_text(title)}</h2>"
        yield from lines


def _figures(figures: Iterable[Json]) -> Iterator[str]:
    rows = [
        f"<tr><th>{_text(each['title'])}</th><td><b>{_text(each['text'])}</b></td><td>{_text(each['note'])}"
        f"<br><span class=soft>{_origins(each['readings'])}</span></td></tr>"
        for each in figures
    ]
    return _table(rows)


def _origins(readings: Iterable[Json]) -> str:
    """Name the witnesses of a figure once each."""
    named = dict.fromkeys(f"{_text(each['source'])}, {_text(each['locator'])}" for each in readings)
    more = f" and {len(named) - 5} more" if len(named) > 5 else ""  # noqa: PLR2004 -- as many as one reads
    return "; ".join(list(named)[:5]) + more


def _rows(rows: Iterable[Json]) -> Iterator[str]:
    return _table([_row(each) for each in rows])


def _row(row: Json) -> str:
    status = row["knowledge"] if row["knowledge"] == "retired" else row["status"]
    since = f", since {_text(row['since'])}" if row["since"] else ""
    matter = row.get("incident") or {}
    together = f"<p>{_text(matter['message'])}.</p>" if matter.get("message") else ""
    return (
        f"<tr><td><b>{_text(status)}</b></td><th>{_text(row['name'])}"
        f"<br><code class=soft>{_text(row['subject'])}</code></th>"
        f"<td>{_text(row['reason'])}{since}{together}{_readings(row['readings'])}</td></tr>"
    )


def _readings(readings: Iterable[Json]) -> str:
    lines = "".join(f"<li>{_reading(each)}</li>" for each in readings)
    return f"<ul class=soft>{lines}</ul>" if lines else ""


def _reading(reading: Json) -> str:
    lost = reading.get("unavailable")
    said = f"unknown, {lost['reason']}: {lost['detail']}" if lost else _plain(reading["value"])
    return (
        f"{_text(_name(reading['field']))}: {_text(said)} <span>({_text(reading['source'])},"
        f" <code>{_text(reading['locator'])}</code>, seen {_text(reading['observed_at'])})</span>"
    )


def _sides(sides: Iterable[Json]) -> Iterator[str]:
    sides = list(sides)
    if not sides or not sides[0]["instances"]:
        return iter(())
    names = list(sides[0]["instances"])
    head = "<tr><td></td>" + "".join(f"<th>{_text(name)}</th>" for name in names) + "</tr>"
    rows = [
        f"<tr><th>{_text(each['title'])}</th>"
        + "".join(f"<td>{_side(each['instances'][name])}</td>" for name in names)
        + "</tr>"
        for each in sides
    ]
    return _table([head, *rows])


def _side(cell: Json) -> str:
    return f"{_text(cell['status'])}, {_text(cell['text'])}" if "status" in cell else _text(cell["text"])


def _gaps(gaps: Iterable[Json]) -> Iterator[str]:
    return _table(
        [
            f"<tr><th>{_text(each['place'])}</th><td>{_text(each['why'])} {_text(each['fix'])}</td>"
            f"<td>{_text(each['instance'])}</td></tr>"
            for each in gaps
        ]
    )


def _sources(sources: Iterable[Json]) -> Iterator[str]:
    return _table(
        [
            f"<tr><th>{_text(each['source'])}</th><td>{'answered' if each['answered'] else 'did not answer'}"
            f" {_text(each['detail'])}</td><td>{_text(each['at'])}</td></tr>"
            for each in sources
        ]
    )


def _table(rows: list[str]) -> Iterator[str]:
    if rows:
        yield "<table>"
        yield from rows
        yield "</table>"


def _anything(value: Any) -> Iterator[str]:  # noqa: ANN401 -- whatever a view says
    """Write out what has no section of its own."""
    yield _written(value)


def _written(value: Any) -> str:  # noqa: ANN401 -- as above
    if isinstance(value, Mapping):
        rows = "".join(f"<tr><th>{_text(_name(key))}</th><td>{_written(each)}</td></tr>" for key, each in value.items())
        return f"<table>{rows}</table>" if rows else "none"
    if isinstance(value, list):
        return "<ul>" + "".join(f"<li>{_written(each)}</li>" for each in value) + "</ul>" if value else "none"
    return _text(_plain(value))


def _foot(about: Json) -> str:
    previous = _text(about["previous"] or "none, this is the first of its key")
    return (
        f"<div class=seal><p><b>Evidence.</b> Made {_text(about['made_at'])} by Quarterdeck {_text(about['release'])},"
        f" signed by <code>{_text(about['key'])}</code>.</p><p class=soft>The data behind this page, every reading with"
        " its source, is in this file. <code>quarterdeck verify FILE</code> says without a network whether anything in"
        f" it was changed.</p><p class=soft>Evidence before this: <code>{previous}</code></p></div>"
    )


def _plain(value: Any) -> str:  # noqa: ANN401 -- as above
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(_plain, value)) or "none"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_plain(each)}" for key, each in value.items()) or "none"
    return str(value)


def _name(key: str) -> str:
    return key.replace("_", " ")


def _text(value: object) -> str:
    return escape(str(value))
