"""What can go wrong when a forge is asked, each with its reason, and with what the forge itself said.

Rule 1: an error names the question (method, path) and the answer (status, its own words, the scope it asks for). Its
        own words are cut and cleaned like any text that somebody wrote; a page of HTML is not quoted.
Rule 2: that a forge asks for patience is told with how long. Nobody waits for it here.
Rule 3: an answer that is too big, torn off, or of another kind than was asked for is no answer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final, NamedTuple

import msgspec

from quarterdeck.http import Answer, Fault, HttpError
from quarterdeck.redaction import MASKING, Redaction, clean
from quarterdeck.sources.files import SourceError
from quarterdeck.sources.forge.api import Refusal, when
from quarterdeck.truth.reading import Reason
from quarterdeck.truth.shapes import Text

GOOD: Final = 200
REDIRECTS: Final = range(300, 400)
NO_DOCUMENT: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What comes of reading JSON that is none, or another, or is nested without end."""
PATIENCE_S: Final = 3600.0
"""Longest that a forge may ask not to be asked."""
OUTCOMES: Final[Mapping[Fault, str]] = {
    Fault.REFUSED: "refused",
    Fault.SILENT: "no answer",
    Fault.CUT: "cut off",
    Fault.TLS: "tls",
    Fault.NOT_HTTP: "not http",
    Fault.UNRESOLVED: "no answer",
    Fault.UNREACHABLE: "no answer",
    Fault.FORBIDDEN: "denied",
}
"""How a failure to get any answer is told of the forge."""


class Meaning(NamedTuple):
    """What a status means."""

    reason: Reason
    outcome: str
    words: str


MEANINGS: Final[Mapping[int, Meaning]] = {
    401: Meaning(Reason.DENIED, "denied", "it does not know this token"),
    403: Meaning(Reason.DENIED, "denied", "this token may not ask that"),
    404: Meaning(Reason.MISSING, "not a forge", "it is not there, or not shown to this token"),
    408: Meaning(Reason.TIMEOUT, "no answer", "it lost patience"),
    410: Meaning(Reason.MISSING, "not a forge", "it is gone"),
    423: Meaning(Reason.DENIED, "denied", "it is locked"),
    429: Meaning(Reason.BUSY, "failing", "it is asked too often"),
    503: Meaning(Reason.BUSY, "failing", "it cannot serve now"),
    504: Meaning(Reason.TIMEOUT, "no answer", "what stands before it got no answer from it"),
}
FAILING: Final = Meaning(Reason.BUSY, "failing", "it fails")
REFUSES: Final = Meaning(Reason.DENIED, "failing", "it does not answer that")
ELSEWHERE: Final = Meaning(Reason.MISSING, "not a forge", "it says to ask elsewhere, and redirects are not followed")
LONGEST: Final = 10_000
"""Signs of what it says that are read."""
SCOPES: Final = re.compile(r"(?:required=|required scope\(s\): ?)\[([^\]]{0,500})\]")
HELD: Final = re.compile(r"token scope=([A-Za-z0-9:,_ -]{0,1000})")
PLACE: Final = re.compile(r"`(\$[\w.\[\]]{0,100})`$")
"""Where in a document something is wrong: names of parts that we named, and nothing of the document."""


class ForgeError(SourceError):
    """A question that got no answer that can be used."""

    def __init__(
        self,
        reason: Reason,
        detail: str,
        *,
        path: str,
        outcome: str,
        status: int | None = None,
        said: str | None = None,
        needs: tuple[str, ...] = (),
        held: tuple[str, ...] | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        """``outcome`` is how it is told of the forge as a whole: a word of its field ``answers``."""
        asked = f"GET {path}: {detail}" if status is None else f"GET {path}: {status}, {detail}"
        super().__init__(reason, asked)
        self.method, self.path, self.outcome, self.status, self.said = "GET", path, outcome, status, said
        self.needs, self.held, self.retry_after_s = needs, held, retry_after_s

    @property
    def whole(self) -> str:
        """All of it in one line: question, status, and the forge's own words."""
        return self.detail if self.said is None else f"{self.detail}: {self.said}"


def unanswered(path: str, error: HttpError) -> ForgeError:
    """Say that there was no answer at all."""
    return ForgeError(error.reason, error.detail, path=path, outcome=OUTCOMES[error.fault])


def refused(path: str, answer: Answer, now: datetime, policy: Redaction = MASKING) -> ForgeError:
    """Say what an answer other than the good one means. A server may quote the question, and with it our token."""
    meaning, said = _meaning(answer.status), _message(answer)
    return ForgeError(
        meaning.reason,
        meaning.words,
        path=path,
        outcome=meaning.outcome,
        status=answer.status,
        said=None if said is None else Text().load(clean(said, policy)) or None,
        needs=_scopes(SCOPES, said) or (),
        held=_scopes(HELD, said),
        retry_after_s=retry_after(answer.headers, now),
    )


def oversized(path: str, answer: Answer) -> ForgeError:
    """Say that an answer has no end within its limit."""
    words = f"its answer is longer than {len(answer.body)} bytes"
    return ForgeError(Reason.OBSERVER, words, path=path, outcome="failing", status=answer.status)


def unreadable(path: str, answer: Answer, error: Exception) -> ForgeError:
    """Say why an answer is no document of the kind that was asked for."""
    reason, outcome = Reason.SCHEMA, "not a forge"
    if isinstance(error, msgspec.ValidationError):
        place = PLACE.search(str(error))
        words = f"its answer has another form than expected, at {place[1]}" if place else "its answer has another form"
    elif is_page(answer) or answer.body.lstrip()[:1] == b"<":
        words = "its answer is a page for people, not data"
    elif isinstance(error, RecursionError):
        words = "its answer is nested too deeply"
    elif "truncated" in str(error):
        reason, outcome, words = Reason.CORRUPT, "cut off", "its answer ends too early"
    else:
        reason, words = Reason.CORRUPT, "its answer is not JSON"
    return ForgeError(reason, words, path=path, outcome=outcome, status=answer.status)


def not_text(path: str, answer: Answer) -> ForgeError:
    """Say that an answer is no file of text: a forge tells those plainly, a page of a login says what it is."""
    words = "its answer is a page for people, not a file" if is_page(answer) else "this file is not text"
    return ForgeError(Reason.SCHEMA, words, path=path, outcome="yes", status=answer.status)


def is_page(answer: Answer) -> bool:
    """Whether an answer says that it is for people to look at."""
    return answer.headers.get("content-type", "").partition(";")[0].strip().lower() == "text/html"


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return for how many seconds a server asks not to be asked; None when it does not say."""
    said = headers.get("retry-after", "").strip()
    if said.isascii() and said.isdigit():
        return min(float(said[:9]), PATIENCE_S)
    moment = dated(said)
    return None if moment is None else min(max((moment - now).total_seconds(), 0.0), PATIENCE_S)


def dated(said: str) -> datetime | None:
    """Return the moment that a head names; None for none, and for one that cannot be held."""
    try:
        moment = parsedate_to_datetime(said)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    return when(moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment)


def _meaning(status: int) -> Meaning:
    if status in MEANINGS:
        return MEANINGS[status]
    if status in REDIRECTS:
        return ELSEWHERE
    return FAILING if status >= 500 else REFUSES  # noqa: PLR2004 -- what HTTP itself divides by


def _message(answer: Answer) -> str | None:
    try:
        said = msgspec.json.decode(answer.body, type=Refusal).message
    except NO_DOCUMENT:
        return None
    return None if said is None else said[:LONGEST]


def _scopes(pattern: re.Pattern[str], said: str | None) -> tuple[str, ...] | None:
    found = pattern.search(said or "")
    return None if found is None else tuple(re.findall(r"[A-Za-z0-9:_-]+", found[1]))
