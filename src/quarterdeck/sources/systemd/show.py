"""What ``systemctl show`` says, understood. Pure: bytes in, units out.

Rule 1: only what has the form of a unit is taken for one. Anything else in the output is passed over, so that a unit
        that was asked for and is not there is missed by name.
Rule 2: of a unit's environment nothing is kept but the home of the agent it runs: the rest is where secrets live.
Rule 3: what systemd did not say is an error with a reason. There is no value that stands for it.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from quarterdeck.sources.files import SourceError
from quarterdeck.truth.reading import Reason

PROPERTIES = (
    "Id",
    "Names",
    "LoadState",
    "ActiveState",
    "SubState",
    "UnitFileState",
    "StateChangeTimestamp",
    "TriggeredBy",
    "Result",
    "NRestarts",
    "MainPID",
    "ExecMainStartTimestamp",
    "ExecMainExitTimestamp",
    "Environment",
    "Unit",
    "NextElapseUSecRealtime",
    "NextElapseUSecMonotonic",
    "LastTriggerUSec",
    "TimersCalendar",
    "TimersMonotonic",
    "AccuracyUSec",
    "RandomizedDelayUSec",
)
"""All that is asked for. A property that a kind of unit does not have is simply not printed; one that holds several
things is printed once for each.
"""

SEVERAL = frozenset({"TimersCalendar", "TimersMonotonic"})
HOME = "HERMES_HOME"
UNIT_NAME = re.compile(r"[A-Za-z0-9:_.\\@-]{1,240}\.(?:service|timer|target|socket|path|mount|slice|scope|swap|device)")

_MOMENT = re.compile(r"(?:[A-Z][a-z]{2} )?(\d{4}-\d{2}-\d{2}) (\d{2}:\d{2}:\d{2}(?:\.\d{1,6})?) UTC", re.ASCII)
_CALENDAR = re.compile(r"\{ OnCalendar=(.{1,200}?) ; next_elapse=[^{}\n]{1,80} \}")
_COUNTED = re.compile(r"\{ (On[A-Za-z]{1,20})USec=([0-9a-z. ]{1,60}?) ; next_elapse=[^{}\n]{1,80} \}")
_SPAN_PART = re.compile(r"(\d{1,18})(?:\.(\d{1,9}))?(y|month|w|d|h|min|s|ms|us)", re.ASCII)
_UNITS_US = {
    "y": 31_557_600_000_000,
    "month": 2_629_800_000_000,
    "w": 604_800_000_000,
    "d": 86_400_000_000,
    "h": 3_600_000_000,
    "min": 60_000_000,
    "s": 1_000_000,
    "ms": 1_000,
    "us": 1,
}
_NEVER = frozenset({"", "0", "n/a", "infinity"})


class Unit(NamedTuple):
    """One unit as systemd described it."""

    id: str
    names: frozenset[str]
    """All its names: an alias is the same unit."""
    home: str | None
    """The agent's home that its environment names."""
    said: Mapping[str, str]

    @property
    def found(self) -> bool:
        """Whether there is such a unit at all."""
        return self.said.get("LoadState") != "not-found"

    def text(self, name: str) -> str:
        """Return what was said of a property.

        Raises:
            SourceError: when nothing was.
        """
        if name not in self.said:
            raise SourceError(Reason.SCHEMA, f"systemd says nothing of {name} here")
        return self.said[name]

    def count(self, name: str) -> int:
        """Return a property that is a whole number."""
        text = self.text(name)
        if not (text.isascii() and text.isdigit() and len(text) <= 18):  # noqa: PLR2004 -- what fits into 63 bits
            raise _unclear(name)
        return int(text)

    def moment(self, name: str) -> datetime | None:
        """Return a property that is a time of day; None when systemd says that there was no such time."""
        text = self.text(name)
        return None if text in _NEVER else parse_moment(text, name)

    def calendar(self) -> tuple[str, ...]:
        """Return the calendar expressions of a timer."""
        return tuple(found[1] for found in self._each("TimersCalendar", _CALENDAR))

    def counted(self, event: str) -> timedelta | None:
        """Return how long after an event (``OnUnitActive``) a timer elapses; None when it does not count from there."""
        found = (each[2] for each in self._each("TimersMonotonic", _COUNTED) if each[1] == event)
        return min((parse_span(text, event) for text in found), default=None)

    def _each(self, name: str, form: re.Pattern[str]) -> Iterator[re.Match[str]]:
        for line in filter(None, self.said.get(name, "").split("\n")):
            found = form.fullmatch(line)
            if found is None:
                raise _unclear(name)
            yield found

    def span(self, name: str) -> timedelta | None:
        """Return a property that is a time since the machine started; None when there is none."""
        text = self.text(name)
        return None if text in _NEVER else parse_span(text, name)


def parse(data: bytes) -> dict[str, Unit]:
    """Return the units in an answer by each of their names."""
    units: dict[str, Unit] = {}
    for block in _blocks(data.decode("utf-8", "replace")):
        name = block.get("Id", "")
        if not UNIT_NAME.fullmatch(name):
            continue
        home = _home(block.pop("Environment", ""))
        aliases = filter(UNIT_NAME.fullmatch, _words(block.get("Names", "")))
        unit = Unit(name, frozenset({name, *aliases}), home, block)
        units |= dict.fromkeys(unit.names, unit)
    return units


def parse_moment(text: str, name: str) -> datetime:
    """Read ``Sat 2026-11-21 01:42:51 UTC``."""
    form = _MOMENT.fullmatch(text)
    if form is None:
        raise _unclear(name)
    try:
        return datetime.fromisoformat(f"{form[1]}T{form[2]}").replace(tzinfo=UTC)
    except ValueError:
        raise _unclear(name) from None


def parse_span(text: str, name: str) -> timedelta:
    """Read ``5h 25min 33.269345s``."""
    total = 0
    for part in text.split(" "):
        form = _SPAN_PART.fullmatch(part)
        if form is None:
            raise _unclear(name)
        size = _UNITS_US[form[3]]
        fraction = form[2] or "0"
        total += int(form[1]) * size + int(fraction) * size // 10 ** len(fraction)
    try:
        return timedelta(microseconds=total)
    except OverflowError:
        raise _unclear(name) from None


def _blocks(text: str) -> Iterator[dict[str, str]]:
    for block in text.split("\n\n"):
        said: dict[str, str] = {}
        for name, equals, value in (line.partition("=") for line in block.split("\n")):
            if equals and name in PROPERTIES:
                said[name] = f"{said[name]}\n{value}" if name in said and name in SEVERAL else value
        yield said


def _home(environment: str) -> str | None:
    named = [word.removeprefix(f"{HOME}=") for word in _words(environment) if word.startswith(f"{HOME}=")]
    return named[-1].rstrip("/") or "/" if named else None


def _words(text: str) -> list[str]:
    """Split words that systemd may have quoted; what cannot be split tells nothing."""
    try:
        return shlex.split(text)
    except ValueError:
        return []


def _unclear(name: str) -> SourceError:
    return SourceError(Reason.SCHEMA, f"systemd says something of {name} that this release does not understand")
