"""Where a page of the ledger ended, as it stands in an address: opaque, and worth nothing when it was tampered with."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from typing import NamedTuple

from quarterdeck.errors import UsageError
from quarterdeck.store.sessions import UNKNOWN
from quarterdeck.truth.past import SessionQuery

BIGGEST = (1 << 63) - 1


class Mark(NamedTuple):
    """A place in an order: a session's number in it, and the session's own number."""

    sort: str
    descending: bool
    backwards: bool
    """Whether the page before the place is meant, not the one after it."""
    key: int
    seq: int

    def written(self) -> str:
        """Return the mark as it stands in an address."""
        return urlsafe_b64encode(json.dumps(self, separators=(",", ":")).encode()).decode().rstrip("=")


def read(query: SessionQuery) -> Mark | None:
    """Understand the mark that a question carries; None when it carries none.

    Raises:
        UsageError: when it is not one that was made for this order.
    """
    if not query.after:
        return None
    try:
        raw = json.loads(urlsafe_b64decode(query.after.encode() + b"=" * (-len(query.after) % 4)))
        mark = Mark(*raw)
    except (ValueError, TypeError, NotBase64, RecursionError):
        mark = None
    if mark is None or not _made_for(mark, query):
        raise UsageError("This is not the mark of a page in this order.", "Begin again at the first page.")
    return mark


def _made_for(mark: Mark, query: SessionQuery) -> bool:
    numbers: tuple[object, ...] = (mark.key, mark.seq)
    whole = all(type(n) is int and UNKNOWN <= n <= BIGGEST for n in numbers)
    answers: tuple[object, ...] = (mark.backwards, mark.descending)
    yes_or_no = all(type(answer) is bool for answer in answers)
    return whole and yes_or_no and (mark.sort, mark.descending) == (query.sort, query.descending)
