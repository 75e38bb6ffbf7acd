"""What an address asks for, read strictly.

Rule: an answer that ignores half of the question is an answer to another question. A word that is not known, a value
that is none, a parameter given twice: each is refused with what could have been asked. What was sent is never repeated.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final, NamedTuple
from urllib.parse import parse_qsl, quote, urlencode

from quarterdeck.truth.instance import ALL
from quarterdeck.truth.shapes import dump
from quarterdeck.views import VIEWS
from quarterdeck.views.asked import Asked, Param

ON_PAGES: Final = ("at", "instance", "open", "page")
IN_API: Final = ("at", "instance")
PAGES_MAX: Final = 1_000_000
TEXT_MAX: Final = 200
"""Characters of a free value."""
QUERY_MAX: Final = 4_000
PARAMETERS_MAX: Final = 32
RFC_3339: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,6})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class Refusal(Exception):  # noqa: N818 -- an answer, not a fault
    """What was asked for is not given: the status of the answer, and a sentence that says what could be asked."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status, self.detail = HTTPStatus(status), detail


class Wanted(NamedTuple):
    """A view as it is asked for. Hashable: what was rendered is kept by it."""

    view: str
    asked: Asked
    at: datetime | None = None
    """The moment that is over, where one is asked for."""

    def words(self) -> str:
        """Write the query that asks for this."""
        asked, more = self.asked, dict[str, object]()
        if asked.page > 1:
            more["page"] = asked.page
        if asked.open is not None:
            more["open"] = asked.open
        if self.at is not None:
            more["at"] = dump(self.at)
        return urlencode({"instance": asked.instance, **dict(asked.words), **more}, quote_via=quote, safe=":/")


def read(view: str, query: str, known: tuple[str, ...] = ON_PAGES) -> Wanted:
    """Read what is asked of a view.

    Raises:
        Refusal: 404 for a view there is none of, 400 for a question that is not understood.
    """
    if view not in VIEWS:
        raise Refusal(404, f"There is no view called that. Ask for one of: {', '.join(VIEWS)}.")
    params, said = VIEWS[view].params, _said(query)
    _known_only(said, {*known, *params})
    asked = Asked(
        said.get("instance") or ALL,
        _page(said.get("page", "1")),
        _text("open", said["open"]) if said.get("open") else None,
        tuple(sorted((name, value) for name in params if (value := _word(name, said, params)))),
    )
    return Wanted(view, asked, _moment(said["at"]) if "at" in said else None)


def _said(query: str) -> dict[str, str]:
    if len(query) > QUERY_MAX:
        raise Refusal(400, f"This address is too long: its question may have {QUERY_MAX:,} characters.")
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=PARAMETERS_MAX, errors="strict")
    except ValueError:
        raise Refusal(400, "This address cannot be read: too many parameters, or text that is not UTF-8.") from None
    said = dict(pairs)
    if len(said) < len(pairs):
        raise Refusal(400, "A parameter is given twice; each may be given once.")
    return said


def _known_only(said: Mapping[str, str], known: set[str]) -> None:
    if unknown := said.keys() - known:
        count = "a parameter" if len(unknown) == 1 else f"{len(unknown)} parameters"
        raise Refusal(400, f"This address carries {count} not known here. Known are: {', '.join(sorted(known))}.")


def _page(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(PAGES_MAX)) and 1 <= int(text) <= PAGES_MAX):
        raise Refusal(400, f"Not a valid value: page. It is a number from 1 to {PAGES_MAX:,}.")
    return int(text)


def _word(name: str, said: Mapping[str, str], params: Mapping[str, Param]) -> str:
    """Return the value of a view's own parameter, or nothing when it is the default."""
    param, value = params[name], said.get(name, "")
    if value in ("", param.default):
        return ""
    if param.among and value not in param.among:
        raise Refusal(400, f"Not a valid value: {name}. It is one of: {', '.join(param.among)}.")
    return _text(name, value)


def _text(name: str, value: str) -> str:
    if len(value) > TEXT_MAX or CONTROL.search(value):
        raise Refusal(400, f"Not a valid value: {name}. It has at most {TEXT_MAX} characters, none of them invisible.")
    return value


def _moment(text: str) -> datetime:
    """Read a moment; a plus sign that the address turned into a space is taken for what it was."""
    text = re.sub(r" (\d\d:\d\d)$", r"+\1", text)
    try:
        if RFC_3339.fullmatch(text):
            return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):  # the 30th of February, the last second of the year 9999 in another zone
        pass
    raise Refusal(400, "Not a valid value: at. It is a moment as in 2026-11-21T03:04:11Z (RFC 3339, with its zone).")
