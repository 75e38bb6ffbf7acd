"""Readings, looks and instances as rows, and rows as readings, looks and instances: exactly what they were.

Rule: what is read back goes through the shape of its field again. A value that this release no longer understands is
unavailable for that reason; it is not dropped, and not shown.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import PurePath
from typing import Any, NamedTuple

from quarterdeck.store.schema import MICROSECOND, exact, us
from quarterdeck.truth.fields import FIELDS, field_for
from quarterdeck.truth.instance import Instance, Policy
from quarterdeck.truth.reading import AnyReading, Known, Origin, Reason, Unavailable
from quarterdeck.truth.shapes import ShapeError
from quarterdeck.truth.snapshot import Look
from quarterdeck.truth.thresholds import Thresholds

DECODED = 50_000
"""Values that are kept decoded; most are asked for again and again."""
MISFIT = "was recorded in a form that this release does not understand"


class Content(NamedTuple):
    """What a reading says, without when it was observed."""

    origin: Origin
    lives_us: int | None
    reason: str | None
    body: str | None
    """None where it is written elsewhere: how long a look took."""


def when(reading: AnyReading) -> datetime:
    """Return the moment at which somebody looked."""
    return reading.observed_at if isinstance(reading, Known) else reading.attempted_at


def content(reading: AnyReading) -> Content:
    """Write what a reading says."""
    if isinstance(reading, Known):
        return Content(reading.origin, reading.fresh_for // MICROSECOND, None, _json(reading.value))
    said = {"detail": reading.detail}
    if reading.last is not None:
        said["last"] = _last(reading.last)
    return Content(reading.origin, None, reading.reason, _json(said))


def _last(last: Known[Any]) -> Any:  # noqa: ANN401 -- JSON
    return [*last.origin, us(last.observed_at), last.fresh_for // MICROSECOND, last.value]


def reading(subject: str, field: str, said: Content, at: datetime) -> AnyReading:
    """Read what ``content`` wrote of a reading that was made at a moment."""
    body = said.body or "null"
    if said.reason is None:
        value = _value(_declared(subject, field), body)
        if value is MISFIT:
            return Unavailable(subject, field, said.origin, at, Reason.SCHEMA, MISFIT)
        return Known(subject, field, said.origin, value, at, timedelta(microseconds=said.lives_us or 1))
    raw = json.loads(body)
    return Unavailable(
        subject, field, said.origin, at, Reason(said.reason), raw["detail"], _read_last(subject, field, raw.get("last"))
    )


def _read_last(subject: str, field: str, raw: list[Any] | None) -> Known[Any] | None:
    if raw is None:
        return None
    source, locator, at, lives, body = raw
    value = _value(_declared(subject, field), _json(body))
    if value is MISFIT:
        return None
    return Known(subject, field, Origin(source, locator), value, exact(at), timedelta(microseconds=lives))


@lru_cache(DECODED)
def _declared(subject: str, field: str) -> str | None:
    declared = field_for(subject, field)
    return None if declared is None else f"{declared.of}.{declared.name}"


@lru_cache(DECODED)
def _value(declared: str | None, body: str) -> Any:  # noqa: ANN401 -- of the field's own type
    """Return a value in its shape, or ``MISFIT``."""
    if declared is None:
        return MISFIT
    try:
        return FIELDS[declared].shape.load(json.loads(body))
    except (ShapeError, OverflowError):
        return MISFIT


def look(source: str, body: str, at: datetime) -> Look:
    """Read how a look went."""
    took, answered, detail = json.loads(body)
    return Look(source, at, took, answered, detail)


def took(body: str) -> str:
    """Return the value of the reading that says how long a look took."""
    return _json(json.loads(body)[0])


def look_body(look: Look) -> str:
    """Write how a look went."""
    return _json([look.took_ms, look.answered, look.detail])


def fleet_body(instances: tuple[Instance, ...]) -> str:
    """Write who is watched."""
    return _json([asdict(instance) for instance in instances])


def fleet(body: str) -> tuple[Instance, ...]:
    """Read who was watched."""
    return tuple(_instance(row) for row in json.loads(body))


_PLACES = ("home", "root", "snapshot")


def _instance(row: Mapping[str, Any]) -> Instance:
    known = {field.name for field in fields(Instance)}
    given = {name: value for name, value in row.items() if name in known and value is not None}
    given |= {name: PurePath(given[name]) for name in _PLACES if name in given}
    given["policy"] = Policy(**_understood(Policy, row.get("policy", {})))
    given["thresholds"] = Thresholds(**_understood(Thresholds, row.get("thresholds", {})))
    return Instance(**given)


def _understood(kind: type[Policy | Thresholds], row: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what another release had and this one has not."""
    known = {field.name for field in fields(kind)}
    return {name: value for name, value in row.items() if name in known}


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"No value of a reading is a {type(value).__name__}.")


_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_plain).encode
