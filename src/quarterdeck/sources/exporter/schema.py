"""The published form of the format: a JSON Schema, made from the vocabulary.

Rule: what may stand in a snapshot is written down once, in ``truth.fields`` and in the modules beside this one. What
stands in ``docs/reference`` is their print-out.
"""

from __future__ import annotations

import json
from typing import Any

from quarterdeck.sources.exporter.document import INSTANCE, NOT_IN_SNAPSHOTS, READINGS_LIMIT, SCHEMA
from quarterdeck.truth import shapes
from quarterdeck.truth.fields import FIELDS, Field
from quarterdeck.truth.reading import Reason

Json = dict[str, Any]


def _ref(name: str) -> Json:
    return {"$ref": f"#/$defs/{name}"}


def _matching(pattern: str) -> Json:
    return {"type": "string", "pattern": f"^(?:{pattern})$"}


MOMENT = _ref("instant")
NAME = _ref("name")
COUNT = _ref("count")
SECONDS: Json = {"type": "number", "exclusiveMinimum": 0}

SIMPLE: dict[str, Json] = {
    "boolean": {"type": "boolean"},
    "count": {"type": "integer", "minimum": 0, "maximum": (1 << 63) - 1},
    "identifier": _matching(shapes.IDENT.pattern),
    "identifiers": {"type": "array", "maxItems": shapes.ITEMS_LIMIT, "items": _ref("identifier")},
    "instant": {"type": "string", "format": "date-time"},
    "name": _matching(shapes.LOCATOR.pattern),
    "recent runs": {
        "type": "object",
        "required": ["since", "runs"],
        "properties": {
            "since": {"anyOf": [_ref("instant"), {"type": "null"}]},
            "runs": {
                "type": "array",
                "maxItems": shapes.RUNS_LIMIT,
                "items": {
                    "type": "object",
                    "required": ["began_at", "ended_at", "result"],
                    "properties": {
                        "began_at": _ref("instant"),
                        "ended_at": {"anyOf": [_ref("instant"), {"type": "null"}]},
                        "result": {"enum": [*shapes.RESULTS, None]},
                    },
                },
            },
        },
    },
    "schedule": _matching(shapes.SCHEDULE.pattern),
    "text": {"type": "string", "maxLength": shapes.TEXT_LIMIT},
    "word": _matching(shapes.WORD.pattern),
}
"""Shapes without a parameter, by their names."""

SUBJECTS = {
    "instance": "^hermes:[^/]+$",
    "scheduler": "^hermes:[^/]+/cron$",
    "job": "^hermes:[^/]+/cron/.+$",
    "host": "^host:[^/]+$",
}
"""Ids of the kinds whose ids do not carry the kind's name."""


def schema() -> Json:
    """Return the JSON Schema of a snapshot."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:{SCHEMA.replace('/', ':')}",
        "title": "Quarterdeck snapshot",
        "description": "What is known of one instance of an agent runtime, each fact with its source and its age.",
        "type": "object",
        "required": ["schema", "generated_at", "instance", "exporter", "readings"],
        "properties": {
            "schema": {"const": SCHEMA},
            "generated_at": MOMENT,
            "instance": _instance(),
            "exporter": _exporter(),
            "readings": {"type": "array", "maxItems": READINGS_LIMIT, "items": _ref("reading")},
            "sessions": _ref("sessions"),
        },
        "$defs": {
            **SIMPLE,
            "reading": _reading(),
            "last": _last(),
            "unavailable": _unavailable(),
            "sessions": _sessions(),
        },
    }


def subjects(kind: str) -> str:
    """Return the pattern of the ids of a kind of subject."""
    owner = "host" if kind in {"disk", "listener"} else "hermes"
    return SUBJECTS.get(kind, f"^{owner}:[^/]+/{kind}(?:/.*)?$")


def value_of(shape: shapes.Shape[object]) -> Json:
    """Return the JSON Schema of a shape."""
    if isinstance(shape, shapes.Optional):
        return {"anyOf": [value_of(shape.of), {"type": "null"}]}
    if isinstance(shape, shapes.Number):
        return {"type": "number", "description": f"in {shape.unit}"}
    if isinstance(shape, shapes.Word) and shape.among:
        return {"enum": list(shape.among)}
    if isinstance(shape, shapes.Table):
        return {
            "type": "object",
            "maxProperties": shapes.ITEMS_LIMIT,
            "propertyNames": _ref("identifier"),
            "additionalProperties": value_of(shape.of),
        }
    return _ref(shape.name)


def _published() -> list[Field[Any]]:
    return [field for field in FIELDS.values() if field.of not in NOT_IN_SNAPSHOTS]


def _instance() -> Json:
    properties = {name: value_of(shape) for name, shape in INSTANCE.items()}
    return {"type": "object", "required": ["id"], "properties": properties}


def _exporter() -> Json:
    properties = {"host": NAME, "version": {"type": "string"}, "took_ms": {"type": "number", "minimum": 0}}
    return {"type": "object", "required": ["host"], "properties": properties}


def _reading() -> Json:
    return {
        "type": "object",
        "required": ["subject", "field", "source", "locator", "observed_at"],
        "properties": {
            "subject": NAME,
            "field": {"type": "string"},
            "source": NAME,
            "locator": NAME,
            "observed_at": MOMENT,
            "fresh_for_s": SECONDS,
            "unavailable": _ref("unavailable"),
            "last": {"anyOf": [_ref("last"), {"type": "null"}]},
        },
        "oneOf": [{"required": ["value", "fresh_for_s"]}, {"required": ["unavailable"]}],
        "allOf": [_of_field(field) for field in _published()],
    }


def _of_field(field: Field[Any]) -> Json:
    value = {"value": value_of(field.shape)}
    return {
        "if": {"properties": {"field": {"const": field.name}, "subject": {"pattern": subjects(field.of)}}},
        "then": {"description": field.help, "properties": {**value, "last": {"properties": value}}},
    }


def _last() -> Json:
    return {
        "description": "What was known before, shown only as old.",
        "type": "object",
        "required": ["source", "locator", "observed_at", "fresh_for_s", "value"],
        "properties": {"source": NAME, "locator": NAME, "observed_at": MOMENT, "fresh_for_s": SECONDS},
    }


def _unavailable() -> Json:
    return {
        "description": "Why a fact is not known. The detail is the writer's own words and quotes nothing it read.",
        "type": "object",
        "required": ["reason"],
        "properties": {
            "reason": {"enum": [str(reason) for reason in Reason]},
            "detail": {"type": "string", "maxLength": shapes.TEXT_LIMIT},
        },
    }


def _sessions() -> Json:
    needed = {"file": NAME, "epoch": NAME, "segment": COUNT, "records": COUNT, "bytes": COUNT}
    return {
        "description": "Where the summaries of sessions are, beside the snapshot.",
        "type": "object",
        "required": list(needed),
        "properties": needed | {"withheld": COUNT},
    }


def schema_text() -> str:
    """Return the JSON Schema as it is published."""
    return json.dumps(schema(), indent=1) + "\n"
