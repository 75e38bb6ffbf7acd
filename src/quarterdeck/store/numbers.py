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
from quarterdeck.truth.past import Verdict
from quarterdeck.truth.punctuality import UNJUDGED
from quarterdeck.truth.reading import AnyReading, Knowledge, Known, Origin

Number = Callable[[Any, datetime], float | None]
"""A reading's value, and when it was observed, as a number; None when it has none."""


def _plain(value: Any, _at: datetime) -> float:  # noqa: ANN401 -- whatever number the field declares
    return float(value)


def _together(value: Mapping[str, int], _at: datetime) -> float:
    return float(sum(value.values()))


def _age(value: datetime, at: datetime) -> float:
    return max((at - value).total_seconds(), 0.0)


def _missed(value: Mapping[str, int], _at: datetime) -> float | None:
    """What is not known of some jobs, or of some times, is no zero: a number that may be too low is not kept."""
    return None if value.get(UNJUDGED) or value.get(Verdict.UNKNOWN) else float(value.get(Verdict.MISSED, 0))


class Kept(NamedTuple):
    """A fact that is kept over time, how it becomes a number, and what that number is called."""

    field: Field[Any]
    number: Number = _plain
    name: str | None = None
    """None: as the field."""


KEPT: Final = (
    Kept(F.SESSIONS_24H),
    Kept(F.MESSAGES_24H),
    Kept(F.TOKENS_24H),
    Kept(F.COST_24H),
    Kept(F.SESSIONS_LIVE),
    Kept(F.DB_BYTES),
    Kept(F.ERRORS_1H, _together),
    Kept(F.SCHEDULER_LAST_24H, _missed, "runs_missed_24h"),
    Kept(F.DISK_FREE),
    Kept(F.MEMORY_AVAILABLE),
    Kept(F.LOAD_1M),
    Kept(F.PUSHED_AT, _age, "pushed_age_s"),
    Kept(F.CONFIRMED_AT, _age, "confirmed_age_s"),
    Kept(F.SOURCE_TOOK),
)
"""Which facts are kept over time."""

COUNTED: Final[Mapping[str, tuple[Field[Any], Callable[[Any], float]]]] = {
    "jobs_failed": (F.LAST_RESULT, lambda result: float(result == "error")),
    "jobs_paused": (F.JOB_STATE, lambda state: float(state == "paused")),
    "runs_24h": (F.RUNS_24H, float),
    "runs_failed_24h": (F.FAILED_24H, float),
}
"""What is counted over the jobs of an instance, and kept at its scheduler under this name."""


class Seen(NamedTuple):
    """One look at one number."""

    subject: str
    field: str
    origin: Origin
    at: datetime
    value: float


def _by_kind() -> dict[str, list[Kept]]:
    found: dict[str, list[Kept]] = {}
    for kept in KEPT:
        found.setdefault(kept.field.of, []).append(kept)
    return found


BY_KIND: Final = _by_kind()


def numbers(subjects: Mapping[str, Fields], names: Iterable[str], now: datetime) -> Iterator[Seen]:
    """Return the numbers that are known now of some subjects."""
    for name in names:
        for kept in BY_KIND.get(kind_of(name), ()):
            reading = subjects.get(name, {}).get(kept.field.name)
            if reading is not None and _usable(reading, now):
                at, number = reading.observed_at, kept.number(reading.value, reading.observed_at)
                if number is not None:
                    yield Seen(name, kept.name or kept.field.name, reading.origin, at, number)


def jobs(subjects: Mapping[str, Fields], now: datetime) -> Iterator[Seen]:
    """Count over the jobs of each instance, where every job that its scheduler declares is known now."""
    of: dict[str, list[Fields]] = {}
    for name, fields in subjects.items():
        there = fields.get(F.DECLARED.name) if kind_of(name) == "job" else None
        if isinstance(there, Known) and there.value:
            of.setdefault(instance_of(name), []).append(fields)
    for name, fields in subjects.items():
        declared = fields.get(F.JOBS_DECLARED.name) if kind_of(name) == "scheduler" else None
        if declared is None or not _usable(declared, now):
            continue
        mine = of.get(instance_of(name), [])
        for counted, (field, number) in COUNTED.items():
            told = [each.get(field.name) for each in mine]
            known = [each.value for each in told if isinstance(each, Known) and _current(each, now)]
            if len(known) == len(told) == declared.value:
                yield Seen(name, counted, declared.origin, declared.observed_at, float(sum(map(number, known))))


def _current(reading: AnyReading | None, now: datetime) -> bool:
    return isinstance(reading, Known) and reading.knowledge(now) is not Knowledge.STALE


def _usable(reading: AnyReading | None, now: datetime) -> TypeGuard[Known[Any]]:
    """Whether a reading holds a value now: none is an answer, and not a number."""
    return isinstance(reading, Known) and reading.value is not None and _current(reading, now)
