"""What may be known of a secret: everything but the secret.

Rule 1: a value is looked at where it is parsed, and nowhere after. What goes on from there has no place for one.
Rule 2: a name is passed on only when it has the form of a name. A line of a key that was broken over several lines has
        it not, and neither has a key that stands where a name should be.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Final, NamedTuple

from quarterdeck.redaction import holds_secret
from quarterdeck.sources.files import SourceError
from quarterdeck.sources.hermes.answers import Answer, attempt, from_epoch, from_text
from quarterdeck.sources.hermes.likeness import Marks
from quarterdeck.truth.reading import Reason
from quarterdeck.truth.shapes import Ident, ShapeError

Mark = Callable[[Iterable[str]], Marks]
"""Turns secrets into what can only be compared."""

MOST: Final = 300
"""Secrets that one file can hold."""
SCOPES_LIMIT: Final = 60
UNNAMED: Final = "unnamed"
"""Stands for a name or a scope that has not the form of one."""
NO_MARKS: Final[Marks] = frozenset()
NOT_NOTED: Final = SourceError(Reason.MISSING, "the agent does not write down when it uses a secret")
NAME_PART: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9:._-]{0,39}")
WORD: Final = re.compile(r"(?:[A-Za-z]{1,24}\d{0,4}[A-Za-z]{0,4}|\d{1,4}[A-Za-z]{0,24})?")
BETWEEN: Final = re.compile(r"[^A-Za-z0-9]")
JWT: Final = re.compile(r"eyJ[\w-]{6,4000}\.(eyJ[\w-]{2,8000})\.[\w-]{0,2000}")
MILLISECONDS_FROM: Final = 1e12
"""A number this large counts milliseconds, not seconds: the agent writes both."""


class Held(NamedTuple):
    """One secret of an agent."""

    name: str
    purpose: str = "not known"
    provider: str | None = None
    form: str = "secrets"
    scopes: Answer[tuple[str, ...] | None] = None
    made_at: Answer[datetime | None] = None
    """When it was issued or renewed, where that stands beside it."""
    made_by: str | None = None
    expires_at: Answer[datetime | None] = None
    used_at: Answer[datetime | None] = NOT_NOTED
    marks: Marks = NO_MARKS
    in_file: bool = True
    """Whether a file of the home holds it; else the home only names it."""


def is_plain(part: str) -> bool:
    """Whether a text has the form of a name and does not look like a secret."""
    return NAME_PART.fullmatch(part) is not None and not holds_secret(part) and is_wordy(part)


def plain(part: str) -> str:
    """Return a name, or what stands for one that has not the form of a name."""
    return part if is_plain(part) else UNNAMED


def is_wordy(text: str) -> bool:
    """Whether a text is made of words and small numbers, as names are and made-up keys are not."""
    return all(WORD.fullmatch(part) for part in BETWEEN.split(text))


def scopes_of(raw: object) -> tuple[str, ...] | None:
    """Read scopes as they are written beside a login: in one text, or as a list. None where there are none."""
    if raw is None or raw == "":
        return None
    items = raw.replace(",", " ").split() if isinstance(raw, str) else raw
    if not isinstance(items, list) or len(items) > SCOPES_LIMIT:
        raise SourceError(Reason.SCHEMA, "holds something else where scopes should be")
    return tuple(dict.fromkeys(_scope(item) for item in items)) or None


def _scope(raw: object) -> str:
    """Return a scope by its short name; one written as an address ends in it."""
    text = raw.rstrip("/").rpartition("/")[2] if isinstance(raw, str) and "://" in raw else raw
    try:
        name = Ident().load(text)
    except ShapeError:
        return UNNAMED
    return name if is_wordy(name) else UNNAMED


def moment(value: object) -> datetime | None:
    """Read a moment as the agent writes them: seconds, milliseconds, or text. Zero stands for none."""
    if value is None or value == "" or (value == 0 and not isinstance(value, bool)):
        return None
    if isinstance(value, str):
        return from_text(value, UTC)
    if isinstance(value, int | float) and not isinstance(value, bool) and value >= MILLISECONDS_FROM:
        return from_epoch(value / 1000)
    return from_epoch(value)


def claims(value: str) -> Mapping[str, object]:
    """Return what a signed token says of itself; nothing for any other value. Its signature is not looked at."""
    found = JWT.fullmatch(value)
    if found is None:
        return {}
    body = found[1]
    try:
        said = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def dated(held: Held, value: str) -> Held:
    """Add what a signed token says of itself: when it was issued, when it ends, what it may do."""
    said = claims(value)
    if not said:
        return held
    issued = attempt(moment, said.get("iat"))
    return held._replace(
        made_at=issued,
        made_by="issued" if issued is not None else None,
        expires_at=attempt(moment, said.get("exp")),
        scopes=attempt(scopes_of, said.get("scope") or said.get("scp")),
    )
