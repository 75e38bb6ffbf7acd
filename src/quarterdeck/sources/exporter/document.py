"""The snapshot: one JSON document with what is known of one instance, fit to be read by somebody else.

Rule 1: what the published vocabulary (``truth.fields``) does not name, and what the instance's policy does not allow,
        neither goes out nor comes in. Both directions pass the same walls, and both check every value's shape.
Rule 2: a document speaks for one instance and the host it was written on, and for nobody else.
Rule 3: where a fact comes from is shown to people: an origin that could carry anything but a name is not let through.
Rule 4: how long a fact lives is for the vocabulary to say. A document may shorten a life, never prolong it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from quarterdeck.redaction import holds_secret
from quarterdeck.truth.fields import Field, field_for, kind_of
from quarterdeck.truth.instance import Instance, Policy
from quarterdeck.truth.reading import AnyReading, Known, Origin, Reason
from quarterdeck.truth.shapes import LOCATOR, Ident, Optional, Shape, ShapeError, Text, dump

SCHEMA = "quarterdeck/snapshot/1"

BYTES_LIMIT = 16_000_000
READINGS_LIMIT = 50_000
"""Enough for two thousand cron jobs."""

FEW = 1 << 15
"""Subjects, origins and details are few, and each stands in many readings: what was decided of one is remembered."""

NOT_IN_SNAPSHOTS = {
    *("source", "unit", "timer", "ledger", "session", "service", "repository"),
    *("network", "forwarder", "route", "exposure", "tailnet"),
    *("forge", "repo", "pull", "card", "reviews", "board", "work"),
}
"""Kinds of which only the hub itself speaks."""

MISFIT = "was seen in a shape that its field does not have"

HIDDEN = "not shown"
"""Stands where the name of an origin would be, when it does not look like a name."""

_detail = Text()
_json = json.JSONEncoder(separators=(",", ":"), allow_nan=False)

INSTANCE: dict[str, Shape[object]] = {
    "id": Ident(),
    "label": Text(),
    "profile": Optional(Ident()),
    "user": Optional(Ident()),
    "unit": Optional(Ident()),
    "scope": Ident(),
}
"""What a document says of its instance. The home's path is not among it: it is nobody's business outside."""


def render(
    instance: Instance,
    readings: Iterable[AnyReading],
    now: datetime,
    *,
    version: str,
    host: str,
    took_ms: float,
    sessions: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return what may be said of an instance, as JSON."""
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "generated_at": dump(now),
        "instance": {name: _or_none(shape, getattr(instance, name)) for name, shape in INSTANCE.items()},
        "exporter": {"version": version, "host": host, "took_ms": round(took_ms, 1)},
    }
    if sessions is not None:
        document["sessions"] = dict(sessions)
    document["readings"] = [_row(field, reading) for field, reading in _fit(instance, host, readings)]
    return document


def encode(document: Mapping[str, Any]) -> bytes:
    """Return a document as bytes, one line for each reading, so that people can search it.

    The readings come last. In a string every quotation mark is escaped, so that what is looked for here is found only
    where a reading begins.
    """
    text = _json.encode(document)
    text = text.replace('"readings":[', '"readings":[\n', 1).replace('},{"subject":', '},\n{"subject":')
    return f"{text[:-2]}\n]}}\n".encode()


@lru_cache(maxsize=FEW)
def speaks_for(instance: str, host: str, subject: str) -> bool:
    """Whether a subject is for this instance's exporter to speak of.

    Units are not: ``systemd:user/x.service`` does not say whose manager it is, or on which host. What an exporter knows
    of its own unit it says of its gateway. Nor is what the hub finds out by itself: nobody vouches for his own privacy.
    """
    scheme, _, rest = subject.partition(":")
    owner = {"hermes": instance, "host": host}.get(scheme)
    return (
        owner is not None
        and rest.partition("/")[0] == owner
        and is_name(subject)
        and kind_of(subject) not in NOT_IN_SNAPSHOTS
    )


def permits(policy: Policy, field: Field[Any]) -> bool:
    """Whether an instance's policy lets this field be known outside."""
    return field.policy is None or getattr(policy, field.policy, False) is True


def origin(subject: str, source: str, locator: str) -> Origin:
    """Return an origin that is fit to be shown: names, and places relative to the home."""
    return _origin(source, locator, is_home=subject.startswith("hermes:"))


@lru_cache(maxsize=FEW)
def _origin(source: str, locator: str, *, is_home: bool) -> Origin:
    is_place = is_name(locator) and not (is_home and locator.startswith("/"))
    return Origin(source if is_name(source) else HIDDEN, locator if is_place else HIDDEN)


def is_name(text: str) -> bool:
    """Whether a text is a name and nothing else: a path, a unit, a table, the id of a subject."""
    return LOCATOR.fullmatch(text) is not None and not holds_secret(text)


@lru_cache(maxsize=FEW)
def detail(text: str) -> str:
    """Return a detail fit to be shown: one line, not long, credentials masked."""
    return _detail.load(text)


def _fit(instance: Instance, host: str, readings: Iterable[AnyReading]) -> Iterable[tuple[Field[Any], AnyReading]]:
    for reading in readings:
        field = _field(reading.subject, reading.field)
        if field and speaks_for(instance.id, host, reading.subject) and permits(instance.policy, field):
            yield field, reading


_field = lru_cache(maxsize=FEW)(field_for)


def _row(field: Field[Any], reading: AnyReading) -> dict[str, Any]:
    """Write a reading down. A source that made one by hand, with a value of another shape, opens no door by it."""
    where = origin(reading.subject, reading.origin.source, reading.origin.locator)
    row = {"subject": reading.subject, "field": field.name}
    if isinstance(reading, Known):
        told = _told(field, reading, where)
        if told is not None:
            return row | told
        reading = field.unavailable(reading.subject, where, Reason.SCHEMA, MISFIT, reading.observed_at)
    return row | {
        "source": where.source,
        "locator": where.locator,
        "observed_at": _moment(reading.attempted_at),
        "unavailable": {"reason": str(reading.reason), "detail": detail(reading.detail)},
        "last": _told(field, reading.last, where) if reading.last else None,
    }


def _told(field: Field[Any], reading: Known[Any], where: Origin) -> dict[str, Any] | None:
    """Write down what was seen; nothing when it has not the shape of its field."""
    try:
        value = field.shape.load(reading.value)
    except (ShapeError, OverflowError):
        return None
    return {
        "source": where.source,
        "locator": where.locator,
        "observed_at": _moment(reading.observed_at),
        "fresh_for_s": min(reading.fresh_for, field.fresh_for).total_seconds(),
        "value": dump(value),
    }


@lru_cache(maxsize=FEW)
def _moment(at: datetime) -> str:
    return str(dump(at))


def _or_none(shape: Shape[object], value: object) -> object:
    try:
        return shape.load(value)
    except ShapeError:
        return None
