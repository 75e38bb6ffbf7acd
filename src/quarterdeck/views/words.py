"""Values as an operator reads them. Every figure keeps its source, its age and its state.

Rule: a value is never shown without saying how well it is known. Stale values read as old,
unavailable ones as unknown with the reason; what was known before is shown only with its age.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from quarterdeck.truth.fields import LAST_24H, field_for
from quarterdeck.truth.judgement import words
from quarterdeck.truth.punctuality import in_words
from quarterdeck.truth.reading import AnyReading, Knowledge, Known, Reason
from quarterdeck.truth.shapes import Number, Optional, Recent
from quarterdeck.views.forge_words import in_short

Show = Callable[[object, datetime], str]

BYTES = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))
THOUSANDS = ((1e9, "G"), (1e6, "M"), (1e3, "k"))
EXACT_BELOW = 10_000


ADVICE: Mapping[Reason, str] = {
    Reason.MISSING: "",
    Reason.CORRUPT: "See what is there instead, and what the agent says of it.",
    Reason.SCHEMA: "It was written by a release this one does not know: look for a newer Quarterdeck.",
    Reason.BUSY: "It is looked at again and again; if it stays so, see what holds it.",
    Reason.TIMEOUT: "See whether its disk, or the program that was asked, answers at all.",
    Reason.DENIED: "Run Quarterdeck as its owner, or let its owner run the exporter (`quarterdeck units`).",
    Reason.OBSERVER: "That is a mistake of Quarterdeck, or a limit of this machine; please report it.",
    Reason.NEVER_SEEN: "Nothing has reported it.",
}
"""What to do about a fact that is not known, by reason. A thing that is simply not there needs nothing."""


class State(StrEnum):
    """How well a shown value is known."""

    FRESH = "fresh"
    LATE = "late"
    OLD = "old"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Shown:
    """A value in words, with everything that makes it true."""

    text: str
    state: State
    source: str
    """Who said so, when and where, in words; for hover and focus."""
    observed_at: datetime
    expires_at: datetime | None
    moment: datetime | None = None
    """The moment the text speaks of, when the value is one: pages write it as ``<time>``."""


def show(reading: AnyReading, now: datetime, how: Show | None = None) -> Shown:
    """Put a reading into words."""
    if isinstance(reading, Known):
        stale = reading.knowledge(now) is Knowledge.STALE
        state = State.OLD if stale else State(reading.knowledge(now).value)
        text = _value(reading, now, how)
        said = f"{reading.origin.source}, {reading.origin.locator}, {seen(now - reading.observed_at)}"
        moment = reading.value if isinstance(reading.value, datetime) else None
        return Shown(f"{text} (old)" if stale else text, state, said, reading.observed_at, reading.expires_at, moment)
    text = "unknown"
    if reading.last is not None:
        text += f", was {_value(reading.last, now, how)}, {seen(now - reading.last.observed_at)}"
    said = f"{reading.origin.source}, {reading.origin.locator}: {reading.reason}, {reading.detail}"
    return Shown(text, State.UNKNOWN, said, reading.attempted_at, None)


def sentence(reading: AnyReading, now: datetime) -> str:
    """Say a reading as one link of a why-chain: ``lock holder: none``."""
    return f"{reading.field.replace('_', ' ')}: {show(reading, now).text}"


def seen(age: object) -> str:
    """Say an age; less than two seconds is now."""
    said = words(age)
    return "just now" if said in ("0 s", "1 s") else f"{said} ago"


def moment(value: object, now: datetime) -> str:
    """Say a moment relative to now: ``4 min ago``, ``in 12 s``."""
    if not isinstance(value, datetime):
        return "none"
    ahead = (value - now).total_seconds()
    return f"in {words(ahead)}" if ahead > 0 else f"{words(-ahead)} ago"


def size(value: float) -> str:
    """Say a number of bytes."""
    return next((f"{value / unit:,.1f} {name}" for unit, name in BYTES if abs(value) >= unit), f"{value:,.0f} B")


def count(value: float) -> str:
    """Say a count: exact up to 9,999, rounded above."""
    if abs(value) < EXACT_BELOW:
        return f"{value:,.0f}"
    return next(f"{value / unit:,.1f} {name}" for unit, name in THOUSANDS if abs(value) >= unit)


def money(value: float) -> str:
    """Say an amount of US dollars."""
    return f"${value:,.2f}"


def clock(value: datetime) -> str:
    """Write a moment exactly, in UTC."""
    return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


UNITS: dict[str, Callable[[float], str]] = {"B": size, "USD": money, "s": words}


def _value(reading: Known[object], now: datetime, how: Show | None) -> str:
    return how(reading.value, now) if how else plain(reading, now)


def plain(reading: Known[object], now: datetime) -> str:
    """Put a value into words by its type and by the unit its field declares."""
    value = reading.value
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return moment(value, now)
    if isinstance(value, int | float):
        return _number(reading.subject, reading.field, value)
    if isinstance(value, Recent):
        return _recent(value, now)
    if isinstance(value, Mapping) and reading.field == LAST_24H.name:
        return in_words(value)
    if (told := in_short(value, now)) is not None:
        return told
    if isinstance(value, tuple):
        return ", ".join(_each(each, now) for each in value) or "none"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {item}" for key, item in sorted(value.items())) or "none"
    return str(value)


def _each(value: object, now: datetime) -> str:
    if (told := in_short(value, now)) is not None:
        return told
    return " → ".join(value) if isinstance(value, tuple) else str(value)


def _recent(value: Recent, now: datetime) -> str:
    if not value.runs:
        return "none"
    newest = value.runs[-1]
    how = newest.result or ("under way" if newest.ended_at is None else "ended")
    return f"{len(value.runs)}, the newest {moment(newest.began_at, now)}: {how}"


def _number(subject: str, name: str, value: float) -> str:
    field = field_for(subject, name)
    shape = field.shape if field else None
    if isinstance(shape, Optional):
        shape = shape.of
    if isinstance(shape, Number):
        return UNITS[shape.unit](value) if shape.unit in UNITS else f"{value:g} {shape.unit}"
    return str(value) if name.endswith(("pid", "holder", "code", "version")) else f"{value:,}"
