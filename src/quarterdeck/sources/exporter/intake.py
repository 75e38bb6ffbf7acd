"""What the hub takes from a snapshot that another program wrote.

Rule 1: a document of the wrong structure is refused whole, and the reason says where and what to do. A value of the
        wrong shape makes its own reading unavailable and no other.
Rule 2: what a newer exporter knows and we do not, is passed over and counted. So is what it may not speak of.
Rule 3: a document that names another instance is refused: who may write a file does not say whom it may speak for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from functools import lru_cache
from sys import intern
from typing import Annotated, Any, NamedTuple, TypeVar

import msgspec

from quarterdeck.sources.exporter import document
from quarterdeck.sources.files import SourceError
from quarterdeck.truth.fields import Field, field_for
from quarterdeck.truth.instance import Instance
from quarterdeck.truth.reading import AnyReading, Key, Known, Reason, Unavailable

Moment = Annotated[datetime, msgspec.Meta(tz=True)]
Seconds = Annotated[float, msgspec.Meta(ge=0.001)]
Whole = Annotated[int, msgspec.Meta(ge=0)]
NONE = msgspec.UNSET
S = TypeVar("S", bound=msgspec.Struct)

YEARS = range(1970, 2200)
"""When somebody can have looked. Times outside would overflow as soon as one counts with them."""

VERSION = re.compile(r"quarterdeck/snapshot/(\d{1,4})")
REASONS = frozenset(Reason)
FEW = 64
NOT_UNDERSTOOD = "not understood"
NOT_ADMITTED = "not admitted"
FROM_ELSEWHERE = "its exporter says so, for a reason this release does not know"


class Head(msgspec.Struct):
    """The part that every version of the format has."""

    schema: Any = None


class Who(msgspec.Struct):
    id: str


class Writer(msgspec.Struct):
    host: str
    version: str = ""
    took_ms: float = 0.0


class Why(msgspec.Struct):
    reason: str
    detail: str = ""


class Before(msgspec.Struct):
    source: str
    locator: str
    observed_at: Moment
    fresh_for_s: Seconds
    value: Any


class Row(msgspec.Struct):
    subject: str
    field: str
    source: str
    locator: str
    observed_at: Moment
    fresh_for_s: Seconds = 0.0
    value: Any = NONE
    unavailable: Why | msgspec.UnsetType = NONE
    last: Before | None = None


class Stream(msgspec.Struct):
    """Where the summaries of sessions are, beside the snapshot."""

    file: str
    epoch: str
    segment: Whole
    records: Whole
    bytes: Whole
    withheld: Whole = 0


class Document(msgspec.Struct):
    schema: str
    generated_at: Moment
    instance: Who
    exporter: Writer
    readings: list[Row]
    sessions: Stream | None = None


class Intake(NamedTuple):
    """What was taken in, and how much was not."""

    generated_at: datetime
    host: str
    readings: tuple[AnyReading, ...]
    not_understood: int
    not_admitted: int
    sessions: Stream | None


def parse(data: bytes, instance: Instance) -> Intake:
    """Take in a snapshot of one instance.

    Raises:
        SourceError: when it is not one, when it is newer than this release, or when it speaks for another instance.
    """
    _require_schema(_decoded(data, Head).schema)
    taken = _decoded(data, Document)
    _require_sensible(taken.generated_at)
    if taken.instance.id != instance.id:
        raise _refused("it speaks for another instance; give each its own file, or set the exporter's --id")
    if len(taken.readings) > document.READINGS_LIMIT:
        raise _refused(f"it holds more than {document.READINGS_LIMIT:,} readings; look at what writes it")
    sorted_out = list(_sort_out(taken, instance))
    admitted = tuple(row for row in sorted_out if not isinstance(row, str))
    _require_single(admitted)
    return Intake(
        taken.generated_at,
        taken.exporter.host,
        admitted,
        sorted_out.count(NOT_UNDERSTOOD),
        sorted_out.count(NOT_ADMITTED),
        taken.sessions,
    )


def _decoded(data: bytes, into: type[S]) -> S:
    """Decode JSON into a structure. What msgspec says of a mistake names its place and type, never its content."""
    try:
        return msgspec.json.decode(data, type=into)
    except msgspec.ValidationError as error:
        raise _refused(f"{error}; write it as docs/reference/snapshot.md says") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise SourceError(Reason.CORRUPT, "not JSON, or cut off; its exporter writes it anew at its next run") from None


def _require_schema(schema: object) -> None:
    if schema == document.SCHEMA:
        return
    if isinstance(schema, str) and (version := VERSION.fullmatch(schema)):
        raise _refused(f"it is of format {version[1]} and this release reads {document.SCHEMA}; update Quarterdeck")
    raise _refused(f"it does not say that it is a snapshot: its schema is not {document.SCHEMA}")


def _sort_out(taken: Document, instance: Instance) -> Iterator[AnyReading | str]:
    same: dict[datetime, datetime] = {}
    for place, row in enumerate(taken.readings):
        # A large fleet says the same few names and moments hundreds of thousands of times: each is kept once.
        row.subject, row.observed_at = intern(row.subject), same.setdefault(row.observed_at, row.observed_at)
        field = field_for(row.subject, row.field)
        if not document.speaks_for(instance.id, taken.exporter.host, row.subject):
            yield NOT_ADMITTED
        elif field is None:
            yield NOT_UNDERSTOOD
        elif not document.permits(instance.policy, field):
            yield NOT_ADMITTED
        else:
            yield _reading(place, row, field)


def _reading(place: int, row: Row, field: Field[Any]) -> AnyReading:
    if isinstance(row.unavailable, Why) == (row.value is not NONE):
        raise _refused(f"readings[{place}] needs either a value or the reason why there is none")
    if isinstance(row.unavailable, Why):
        return _unavailable(row, row.unavailable, field)
    if not row.fresh_for_s:
        raise _refused(f"readings[{place}] does not say how long it stays fresh (fresh_for_s)")
    return _claimed(row.subject, field, row)


def _unavailable(row: Row, why: Why, field: Field[Any]) -> AnyReading:
    _require_sensible(row.observed_at)
    origin = document.origin(row.subject, row.source, row.locator)
    is_ours = why.reason in REASONS
    reason = Reason(why.reason) if is_ours else Reason.SCHEMA
    said = document.detail(why.detail) if is_ours else FROM_ELSEWHERE
    absent = field.unavailable(row.subject, origin, reason, said, row.observed_at)
    last = _claimed(row.subject, field, row.last) if row.last else None
    return replace(absent, last=last) if isinstance(last, Known) else absent


def _claimed(subject: str, field: Field[Any], claim: Row | Before) -> AnyReading:
    _require_sensible(claim.observed_at)
    origin = document.origin(subject, claim.source, claim.locator)
    value = intern(claim.value) if isinstance(claim.value, str) else claim.value
    reading = field.known(subject, origin, value, claim.observed_at)
    if isinstance(reading, Unavailable) or claim.fresh_for_s >= reading.fresh_for.total_seconds():
        return reading
    return replace(reading, fresh_for=_life(claim.fresh_for_s))


@lru_cache(maxsize=FEW)
def _life(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


def _require_sensible(moment: datetime) -> None:
    if moment.year not in YEARS:
        raise _refused("it carries a time at which nobody can have looked; set the clock of its exporter's host")


def _require_single(readings: tuple[AnyReading, ...]) -> None:
    seen: set[Key] = set()
    for reading in readings:
        key = (reading.subject, reading.field)
        if key in seen:
            raise _refused(f"it holds two readings of one fact ({reading.field})")
        seen.add(key)


def _refused(detail: str) -> SourceError:
    return SourceError(Reason.SCHEMA, document.detail(detail))
