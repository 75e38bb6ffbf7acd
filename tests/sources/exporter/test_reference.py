"""The published format: what the documents say is what the programs do."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from quarterdeck.sources.exporter import reference, schema
from quarterdeck.sources.exporter.document import NOT_IN_SNAPSHOTS, encode, render
from quarterdeck.sources.exporter.sessions import RECORD, TITLE
from quarterdeck.truth import fields, shapes
from quarterdeck.truth.fields import FIELDS, kind_of
from quarterdeck.truth.reading import AnyReading, Origin
from tests.architecture.reference import WRITTEN_BY
from tests.sources.exporter.test_document import OPEN, readings

REFERENCE = Path(__file__).parents[3] / "docs" / "reference"
NOW = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
SUBJECTS = [
    "hermes:north",
    "hermes:north/gateway",
    "hermes:north/cron",
    "hermes:north/cron/934a7b9942d5",
    "hermes:north/cron/a/b",
    "hermes:north/sessions",
    "hermes:north/model",
    "hermes:north/credentials",
    "hermes:north/kanban",
    "hermes:north/inventory",
    "hermes:north/logs",
    "host:box",
    "host:box/disk//",
    "host:box/disk//home",
    "host:box/listener/127.0.0.1:8080",
]

validator = Draft202012Validator(schema.schema(), format_checker=Draft202012Validator.FORMAT_CHECKER)


def test_the_published_schema_is_the_vocabulary() -> None:
    """docs/reference/snapshot.schema.json is what the vocabulary prints today; `make docs` renews it."""
    assert (REFERENCE / "snapshot.schema.json").read_text(encoding="utf-8") == schema.schema_text()


def test_the_page_explains_every_key_of_the_schema() -> None:
    """No key of a document, of a reading or of a session's record goes without an explanation."""
    text = reference.page("")
    forms = schema.schema()
    keys = [*forms["properties"], *forms["$defs"]["reading"]["properties"], *RECORD, *TITLE]
    assert [key for key in keys if f"`{key}" not in text] == []
    assert text == (REFERENCE / "snapshot.md").read_text(encoding="utf-8").replace(WRITTEN_BY, "")


def test_the_schema_is_one() -> None:
    """What is published is a valid JSON Schema."""
    Draft202012Validator.check_schema(schema.schema())


def test_every_shape_has_a_form() -> None:
    """Each field of the vocabulary that may be in a snapshot has its form in the schema."""
    forms = schema.schema()["$defs"]["reading"]["allOf"]
    assert len(forms) == sum(field.of not in NOT_IN_SNAPSHOTS for field in FIELDS.values())


@pytest.mark.parametrize("subject", SUBJECTS)
def test_patterns_of_subjects_agree_with_the_grammar(subject: str) -> None:
    """A subject matches the published pattern of its own kind and of no other."""
    kinds = {field.of for field in FIELDS.values()} - {"source", "unit", "timer"}
    assert {kind for kind in kinds if re.search(schema.subjects(kind), subject)} == {kind_of(subject)}


@given(st.lists(readings(), max_size=6))
def test_what_the_exporter_writes_keeps_to_the_schema(seen: list[AnyReading]) -> None:
    """Every document that is rendered is valid by the published schema."""
    validator.validate(json.loads(encode(render(OPEN, seen, NOW, version="0.1.0", host="box", took_ms=12.3))))


def row(document: dict[str, Any]) -> dict[str, Any]:
    first: dict[str, Any] = document["readings"][0]
    return first


ABSENT = {
    "subject": "hermes:north/gateway",
    "field": "heartbeat_at",
    "source": "heartbeat",
    "locator": "state/gateway.heartbeat",
    "observed_at": "2026-03-29T01:30:00Z",
}

WRONG = {
    "another format": lambda document: document.update(schema="quarterdeck/snapshot/2"),
    "no readings": lambda document: document.pop("readings"),
    "a count below nothing": lambda document: row(document).update(value=-1),
    "a count in words": lambda document: row(document).update(value="many"),
    "no lifetime": lambda document: row(document).pop("fresh_for_s"),
    "neither value nor reason": lambda document: row(document).pop("value"),
    "value and reason": lambda document: row(document).update(unavailable={"reason": "missing"}),
    "an unknown reason": lambda document: (
        row(document).pop("value"),
        row(document).update(unavailable={"reason": "x"}),
    ),
    "a locator with a line break": lambda document: row(document).update(locator="a\nb"),
}


@pytest.mark.parametrize("spoil", WRONG.values(), ids=WRONG.keys())
def test_the_schema_refuses_what_the_hub_refuses(spoil: Any) -> None:
    """An author of another exporter learns from the schema what the hub would not take as a value."""
    reading = fields.LOCK_HOLDER.known("hermes:north/gateway", Origin("kernel locks", "gateway.lock"), 4711, NOW)
    document = render(OPEN, [reading], NOW, version="0.1.0", host="box", took_ms=12.3)
    validator.validate(document)
    spoil(document)
    with pytest.raises(ValidationError):
        validator.validate(document)


def test_every_pattern_of_the_shapes_can_stand_in_a_schema() -> None:
    """The shapes match whole texts, and so do the published patterns: both are anchored."""
    for name in ("identifier", "name", "schedule", "word"):
        pattern = schema.schema()["$defs"][name]["pattern"]
        assert pattern.startswith("^(?:")
        assert pattern.endswith(")$")
    assert shapes.LOCATOR.pattern in schema.schema()["$defs"]["name"]["pattern"]
