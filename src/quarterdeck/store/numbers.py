"""Which numbers are kept over time, and how a snapshot tells them.

Rule 1: what is kept is a table. A number comes from a reading that is known and has not expired, and from no other.
Rule 2: what is counted over several readings has a number only when each of them is known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple, TypeGuard

from quarterdeck.truth import fields as F  # noqa: N812 -- short where every line names a field
from quarterdeck.truth.fields import Field, kind_of
from quarterdeck.truth.grouped import Fields
from quarterdeck.truth.instance import instance_of
from quarterdeck.truth.reading import AnyReading, Knowledge, Known, Origin

Number = Callable[[Any, datetime], float]
"""A reading's value, and when it was observed, as a number."""


def _plain(value: Any, _at: datetime) -> float:  # noqa: ANN401 -- whatever number the field declares
    return float(value)


def _together(value: Mapping[str, int], _at: datetime) -> float:
    return float(sum(value.values()))


KEPT: Final[Mapping[Field[Any], Number]] = {
    F.SESSIONS_24H: _plain,
    F.MESSAGES_24H: _plain,
    F.TOKENS_24H: _plain,
    F.COST_24H: _plain,
    F.SESSIONS_LIVE: _plain,
    F.DB_BYTES: _plain,
    F.ERRORS_1H: _together,
    F.DISK_FREE: _plain,
    F.MEMORY_AVAILABLE: _plain,
    F.LOAD_1M: _plain,
    F.SOURCE_TOOK: _plain,
}
"""Which facts are kept over time, and how each becomes a number."""

JOBS_FAILED, JOBS_PAUSED = "jobs_failed", "jobs_paused"
COUNTED: Final[Mapping[str, tuple[Field[Any], str]]] = {
    JOBS_FAILED: (F.LAST_RESULT, "error"),
    JOBS_PAUSED: (F.JOB_STATE, "paused"),
}
"""What is counted over the jobs of an instance, and kept at its scheduler: how many have a fact with this value."""


class Seen(NamedTuple):
    """One look at one number."""

    subject: str
    field: str
    origin: Origin
    at: datetime
    value: float


def _by_kind() -> dict[str, list[tuple[str, Number]]]:
    found: dict[str, list[tuple[str, Number]]] = {}
    for field, number in KEPT.items():
        found.setdefault(field.of, []).append((field.name, number))
    return found


BY_KIND: Final = _by_kind()


def numbers(subjects: Mapping[str, Fields], names: Iterable[str], now: datetime) -> Iterator[Seen]:
    """Return the numbers that are known now of some subjects."""
    for name in names:
        for field, number in BY_KIND.get(kind_of(name), ()):
            reading = subjects.get(name, {}).get(field)
            if reading is not None and _usable(reading, now):
                yield Seen(name, field, reading.origin, reading.observed_at, number(reading.value, reading.observed_at))


def jobs(subjects: Mapping[str, Fields], now: datetime) -> Iterator[Seen]:
    """Count over the jobs of each instance, where every job that its scheduler declares is known now."""
    of: dict[str, list[Fields]] = {}
    for name, fields in subjects.items():
        if kind_of(name) == "job" and _is(fields.get(F.DECLARED.name), value=True):
            of.setdefault(instance_of(name), []).append(fields)
    for name, fields in subjects.items():
        declared = fields.get(F.JOBS_DECLARED.name) if kind_of(name) == "scheduler" else None
        if declared is None or not _usable(declared, now):
            continue
        mine = of.get(instance_of(name), [])
        for counted, (field, value) in COUNTED.items():
            told = [each.get(field.name) for each in mine]
            if len(told) == declared.value and all(_current(each, now) for each in told):
                total = sum(_is(each, value=value) for each in told)
                yield Seen(name, counted, declared.origin, declared.observed_at, float(total))


def _is(reading: AnyReading | None, *, value: object) -> bool:
    return isinstance(reading, Known) and reading.value == value


def _current(reading: AnyReading | None, now: datetime) -> bool:
    return isinstance(reading, Known) and reading.knowledge(now) is not Knowledge.STALE


def _usable(reading: AnyReading | None, now: datetime) -> TypeGuard[Known[Any]]:
    """Whether a reading holds a value now: none is an answer, and not a number."""
    return isinstance(reading, Known) and reading.value is not None and _current(reading, now)
