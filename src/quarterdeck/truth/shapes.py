"""The shapes a reading's value may have, and how each travels as JSON.

Rule: a value is let through only when its shape says what it may be. There is no shape for free
text that is not marked private, so a message, a prompt or a token has no way out of a home.
What looks like a credential (``redaction``) has none of these shapes, whatever else it looks like.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final, Generic, NamedTuple, Protocol, TypeVar

from quarterdeck.redaction import clean, holds_secret, inert

T_co = TypeVar("T_co", covariant=True)

IDENT = re.compile(r"[A-Za-z0-9_.\[*][A-Za-z0-9._:/@+*,#?\[\]()%\\-]{0,119}")
WHOLE_PATH = re.compile(r":[/\\]")
"""A path from the root on behind a name, or behind a drive: it tells who lives where."""
SCHEDULE = re.compile(
    r"every \d{1,7} (?:s|min|h|d)|once|@[a-z]{3,12}|(?:[0-9A-Za-z*/,#?-]{1,40} ){4,5}[0-9A-Za-z*/,#?-]{1,40}"
)
CALENDAR = re.compile(r"[A-Za-z0-9*.,:/~_+ -]{1,160}")
LOCATOR = re.compile(r"[\w./:@+*,#?\[\]()%\\ -]{1,200}")
LINK = re.compile(r"https?://(?:[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?(?:[/?#][!-~]{0,400})?")
WORD = re.compile(r"[a-z0-9][a-z0-9_ -]{0,39}")
TEXT_LIMIT = 200
LONGEST_SECRET = 4_000
ITEMS_LIMIT = 500
RUNS_LIMIT = 20


class ShapeError(ValueError):
    """This value does not have the shape its field declares."""


class Shape(Protocol[T_co]):
    """Checks a value and gives it back in its one canonical form."""

    @property
    def name(self) -> str:
        """What such a value is called in errors and in the published schema."""

    def load(self, raw: object) -> T_co:
        """Return ``raw`` (JSON or Python) as a value of this shape, or raise ``ShapeError``."""


class Bool:
    """True or false."""

    name: Final = "boolean"

    def load(self, raw: object) -> bool:
        """Accept booleans only: 0, "no" and null are not answers."""
        if isinstance(raw, bool):
            return raw
        raise _wrong(self.name)


class Count:
    """A whole number, zero or more."""

    name: Final = "count"

    def load(self, raw: object) -> int:
        """Accept non-negative integers below 2**63."""
        if isinstance(raw, int) and not isinstance(raw, bool) and 0 <= raw < 1 << 63:
            return raw
        raise _wrong(self.name)


class Number:
    """A finite number with a unit."""

    name: Final = "number"

    def __init__(self, unit: str) -> None:
        self.unit: Final = unit

    def load(self, raw: object) -> float:
        """Accept finite integers and floats."""
        if isinstance(raw, int | float) and not isinstance(raw, bool) and math.isfinite(raw):
            return float(raw)
        raise _wrong(self.name)


class Instant:
    """A moment, RFC 3339 in UTC when written as JSON."""

    name: Final = "instant"

    def load(self, raw: object) -> datetime:
        """Accept aware datetimes and RFC 3339 text with a zone."""
        if isinstance(raw, str):
            try:
                raw = datetime.fromisoformat(raw)
            except ValueError as error:
                raise _wrong(self.name) from error
        if isinstance(raw, datetime) and raw.tzinfo is not None:
            return raw.astimezone(UTC)
        raise _wrong(self.name)


class Word:
    """One word of a small vocabulary. With ``among``, any other word is refused."""

    name: Final = "word"

    def __init__(self, among: tuple[str, ...] = ()) -> None:
        self.among: Final = among

    def load(self, raw: object) -> str:
        """Accept a declared word, or any short lower-case word when none are declared."""
        if isinstance(raw, str) and (raw in self.among if self.among else _is_word(raw)):
            return raw
        raise _wrong(self.name)


def _is_word(raw: str) -> bool:
    """Whether a text may be a word; a key in small letters looks like one and is none."""
    return WORD.fullmatch(raw) is not None and not holds_secret(raw)


class Ident:
    """A short identifier: an id, a model, a unit, a schedule. Never something that looks like a credential."""

    name: Final = "identifier"

    def load(self, raw: object) -> str:
        """Accept printable identifiers of at most 120 characters, and no whole path."""
        if isinstance(raw, str) and IDENT.fullmatch(raw) and not WHOLE_PATH.search(raw) and not holds_secret(raw):
            return raw
        raise _wrong(self.name)


class Link:
    """An address that a browser may open: HTTP, without a login."""

    name: Final = "link"

    def load(self, raw: object) -> str:
        """Accept http and https addresses of at most some hundred characters."""
        if isinstance(raw, str) and LINK.fullmatch(raw) and not holds_secret(raw):
            return raw
        raise _wrong(self.name)


class Schedule:
    """When something runs: ``every 30 min``, ``0 9 * * 1-5``, ``once``."""

    name: Final = "schedule"

    def load(self, raw: object) -> str:
        """Accept an interval in our words, a cron expression of five or six fields, or ``once``."""
        if isinstance(raw, str) and SCHEDULE.fullmatch(raw):
            return raw
        raise _wrong(self.name)


class Idents:
    """Several identifiers, in order."""

    name: Final = "identifiers"

    def load(self, raw: object) -> tuple[str, ...]:
        """Accept a sequence of at most 500 identifiers."""
        if isinstance(raw, list | tuple) and len(raw) <= ITEMS_LIMIT:
            return tuple(Ident().load(item) for item in raw)
        raise _wrong(self.name)


class Table(Generic[T_co]):
    """Identifiers, or words of a vocabulary, each with a value of one shape."""

    name: Final = "table"

    def __init__(self, of: Shape[T_co], keys: Ident | Word | None = None) -> None:
        self.of: Final = of
        self.keys: Final = keys or Ident()

    def load(self, raw: object) -> Mapping[str, T_co]:
        """Accept a mapping with at most 500 such keys."""
        if isinstance(raw, Mapping) and len(raw) <= ITEMS_LIMIT:
            return {self.keys.load(key): self.of.load(value) for key, value in raw.items()}
        raise _wrong(self.name)


class Optional(Generic[T_co]):
    """A value, or the observed fact that there is none."""

    def __init__(self, of: Shape[T_co]) -> None:
        self.of: Final = of
        self.name: Final = f"{of.name} or none"

    def load(self, raw: object) -> T_co | None:
        """Accept null as "observed to be none"."""
        return None if raw is None else self.of.load(raw)


class Calendars:
    """Several calendar expressions, as systemd words them: ``Mon..Fri *-*-* 06:00:00 Europe/Berlin``."""

    name: Final = "calendar expressions"

    def load(self, raw: object) -> tuple[str, ...]:
        """Accept a sequence of at most 20 expressions."""
        if isinstance(raw, list | tuple) and len(raw) <= RUNS_LIMIT and all(map(_is_calendar, raw)):
            return tuple(raw)
        raise _wrong(self.name)


def _is_calendar(raw: object) -> bool:
    return isinstance(raw, str) and CALENDAR.fullmatch(raw) is not None and not holds_secret(raw)


class Ran(NamedTuple):
    """One run: when it began and ended, and how."""

    began_at: datetime
    ended_at: datetime | None
    """None while it is under way, or where nobody wrote down when it ended."""
    result: str | None
    """``ok``, ``error``, ``unknown``; None while it is under way or where the source does not say."""


class Recent(NamedTuple):
    """The newest runs, oldest first, and from when on they are all there."""

    since: datetime | None
    """Every run that began at or after this moment is among them; None where that cannot be said."""
    runs: tuple[Ran, ...]


RESULTS: Final = ("ok", "error", "unknown")


class Runs:
    """The newest runs of something that runs again and again."""

    name: Final = "recent runs"

    def load(self, raw: object) -> Recent:
        """Accept at most 20 runs: an object with ``since`` and ``runs``, each with ``began_at ended_at result``."""
        since, runs = _parts(raw, Recent._fields)
        if isinstance(runs, list | tuple) and len(runs) <= RUNS_LIMIT:
            return Recent(_MOMENT.load(since), tuple(map(_run, runs)))
        raise _wrong(self.name)


_MOMENT = Optional(Instant())
_RESULT = Optional(Word(RESULTS))


def _run(raw: object) -> Ran:
    began, ended, result = _parts(raw, Ran._fields)
    return Ran(Instant().load(began), _MOMENT.load(ended), _RESULT.load(result))


def _parts(raw: object, names: tuple[str, ...]) -> tuple[object, ...]:
    """Return the parts of an object by their names, or of a sequence in their order."""
    if isinstance(raw, Mapping):
        return tuple(raw.get(name) for name in names)
    if isinstance(raw, list | tuple) and len(raw) == len(names):
        return tuple(raw)
    raise _wrong("record")


Chain = tuple[str, ...]
"""Where a connection comes in, and where it is passed on to: ``[::]:443``, ``caddy``, ``127.0.0.1:9119``."""


class Chains:
    """Several ways, each as the places it leads through."""

    name: Final = "ways"

    def load(self, raw: object) -> tuple[Chain, ...]:
        """Accept a sequence of at most 500 ways, each of 1 to 20 identifiers."""
        if isinstance(raw, list | tuple) and len(raw) <= ITEMS_LIMIT:
            return tuple(_chain(each) for each in raw)
        raise _wrong(self.name)


def _chain(raw: object) -> Chain:
    if isinstance(raw, list | tuple) and 0 < len(raw) <= RUNS_LIMIT:
        return tuple(Ident().load(each) for each in raw)
    raise _wrong("way")


class Many(Generic[T_co]):
    """Several values of one shape, in order."""

    def __init__(self, of: Shape[T_co], at_most: int = ITEMS_LIMIT) -> None:
        self.of: Final = of
        self.at_most: Final = at_most
        self.name: Final = f"list, each {of.name}"

    def load(self, raw: object) -> tuple[T_co, ...]:
        """Accept a sequence of at most ``at_most`` values."""
        if isinstance(raw, list | tuple) and len(raw) <= self.at_most:
            return tuple(map(self.of.load, raw))
        raise _wrong(self.name)


N_co = TypeVar("N_co", bound=tuple[object, ...], covariant=True)


class Record(Generic[N_co]):
    """A fact of several parts that are only true together, as a named tuple."""

    def __init__(self, make: Callable[..., N_co], **parts: Shape[object]) -> None:
        """``make`` is the class of the tuple; ``parts`` are the shapes of its fields, in its order."""
        self.make: Final = make
        self.parts: Final = parts
        self._names: Final = tuple(parts)
        self.name: Final = make.__name__.lower()

    def load(self, raw: object) -> N_co:
        """Accept an object with these parts, or a tuple of them in order; a part that is missing is null."""
        shapes = self.parts.values()
        values = zip(shapes, _parts(raw, self._names), strict=True)
        return self.make(*(shape.load(value) for shape, value in values))


class Text:
    """A short text somebody wrote. Only fields that name a policy may have this shape."""

    name: Final = "text"

    def load(self, raw: object) -> str:
        """Accept one line of printable text, cut at 200 characters; credentials are masked before it is cut."""
        if isinstance(raw, str):
            return clean(inert(raw[: TEXT_LIMIT + LONGEST_SECRET])).strip()[:TEXT_LIMIT].strip()
        raise _wrong(self.name)


class Whole(Text):
    """A text by which things are told apart: one of which only a part could be held would be taken for another."""

    def load(self, raw: object) -> str:
        """Accept a text that is held as it is; refuse what would have to be cut, cleaned or masked."""
        held = super().load(raw)
        if held != raw:
            raise _wrong(self.name)
        return held


def dump(value: object) -> object:
    """Return ``value`` as JSON: moments as RFC 3339 UTC, tuples as lists."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(value, Mapping):
        return {key: dump(item) for key, item in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return dump(value._asdict())
    if isinstance(value, list | tuple):
        return [dump(item) for item in value]
    return value


def _wrong(name: str) -> ShapeError:
    return ShapeError(f"The value is not a valid {name}.")
