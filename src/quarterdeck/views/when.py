"""Moments and spans of time as people write them in an address or on a command line."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

SPAN = re.compile(r"(\d{1,5})(m|h|d|w)", re.ASCII)
UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,6})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def span_of(text: str) -> timedelta | None:
    """Read a span: ``90m``, ``8h``, ``7d``, ``2w``; None when it is none."""
    found = SPAN.fullmatch(text)
    return int(found[1]) * UNITS[found[2]] if found else None


def moment_of(text: str, now: datetime) -> datetime | None:
    """Read a moment: RFC 3339 with its zone, or a span that is over now; None when it is neither.

    A plus sign that an address turned into a space is taken for what it was.
    """
    span = span_of(text)
    try:
        if span is not None:
            return now - span
        text = re.sub(r" (\d\d:\d\d)$", r"+\1", text)
        return datetime.fromisoformat(text.upper()).astimezone(UTC) if MOMENT.fullmatch(text) else None
    except (ValueError, OverflowError):  # the 30th of February; a span that ends before the first year
        return None
