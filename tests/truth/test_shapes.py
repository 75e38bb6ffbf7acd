"""What may be a value, and what may not."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck.truth.fields import FIELDS, field_for, kind_of
from quarterdeck.truth.reading import Known, Reason, Unavailable
from quarterdeck.truth.shapes import (
    Bool,
    Chains,
    Count,
    Ident,
    Idents,
    Instant,
    Link,
    Many,
    Number,
    Optional,
    Record,
    Schedule,
    ShapeError,
    Table,
    Text,
    Whole,
    Word,
    dump,
)
from tests.truth.cast import NOW, ORIGIN, place, values


class Reviewed(NamedTuple):
    """Who looked, and when."""

    who: str
    at: datetime | None


class Said(NamedTuple):
    """Who wrote what."""

    by: str
    text: str


REVIEWED = Record(Reviewed, who=Ident(), at=Optional(Instant()))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=6,
)


@pytest.mark.parametrize("field", FIELDS.values(), ids=lambda field: f"{field.of}.{field.name}")
def test_every_declared_value_survives_the_way_through_json(field: Any) -> None:
    """A value of a declared shape, written as JSON and loaded again, is the same value."""

    @settings(max_examples=20)
    @given(values(field.shape))
    def check(raw: object) -> None:
        value = field.shape.load(raw)
        assert field.shape.load(json.loads(json.dumps(dump(value)))) == value or isinstance(value, float)

    check()


@given(JSON)
def test_foreign_values_become_readings_never_exceptions(raw: object) -> None:
    """Any JSON at all given to any field becomes a reading: known when it fits, else unavailable with a reason."""
    for field in FIELDS.values():
        reading = field.known(place(field), ORIGIN, raw, NOW)
        assert isinstance(reading, Known) or reading.reason is Reason.SCHEMA


@pytest.mark.parametrize(
    ("shape", "raw"),
    [
        (Bool(), 0),
        (Bool(), "no"),
        (Count(), -1),
        (Count(), True),
        (Count(), 1.0),
        (Count(), 1 << 70),
        (Number("B"), float("nan")),
        (Number("B"), float("inf")),
        (Number("B"), True),
        (Instant(), "2026-01-01T00:00:00"),
        (Instant(), "soon"),
        (Instant(), 5),
        (Word(("a",)), "b"),
        (Word(), "Two Words!"),
        (Ident(), ""),
        (Ident(), "two words"),
        (Ident(), "x" * 200),
        (Ident(), "a\nb"),
        (Ident(), "s" + "k-" + "a" * 24),
        (Idents(), "abc"),
        (Idents(), ["fine", "not fine"]),
        (Idents(), ["a"] * 501),
        (Chains(), "abc"),
        (Chains(), [[]]),
        (Chains(), [["fine", "not fine"]]),
        (Chains(), [["a"] * 21]),
        (Table(Count()), {"a": -1}),
        (Table(Count()), []),
        (Schedule(), "whenever it rains"),
        (Schedule(), "every 5 min; rm"),
        (Text(), 5),
        (Whole(), 5),
        (Whole(), "x" * 201),
        (Whole(), "x" * 199 + " y"),
        (Whole(), " x"),
        (Whole(), "a\nb"),
        (Whole(), "ci s" + "k-" + "a" * 24),
        (Table(Count(), Word(("open", "half done"))), {"closed": 1}),
        (Table(Count()), {"half done": 1}),
        (Many(Count(), 2), [1, 2, 3]),
        (Many(Count()), [1] * 501),
        (Many(Count()), [1, "two"]),
        (Many(Text()), "abc"),
        (Many(Text()), {"0": "abc"}),
        (REVIEWED, [1, 2]),
        (REVIEWED, []),
        (REVIEWED, "ab"),
        (REVIEWED, None),
        (REVIEWED, {"at": "2026-11-21T03:04:11Z"}),
        (REVIEWED, {"who": "alice", "at": "soon"}),
        (Many(REVIEWED), [{"who": "alice"}, {"who": None}]),
    ],
)
def test_what_does_not_fit_is_refused(shape: Any, raw: object) -> None:
    """A shape refuses what it was not made for; free text and credentials have no way through."""
    with pytest.raises(ShapeError):
        shape.load(raw)


def test_text_is_one_printable_line_without_credentials() -> None:
    """A private text is cut, cleaned of control characters, and masked."""
    token = "gh" + "p_" + "A1b2" * 9
    assert Text().load(f"run\x1b[31m with {token}\nnow") == "run [31m with [redacted:github] now"
    assert len(Text().load("x" * 999)) == 200


def test_a_fact_of_several_parts_is_whole_or_nothing() -> None:
    """A record is taken by its names or in its order; what is not among its parts is left out, and what may be none
    may be missing.
    """
    whole = Reviewed("alice", NOW)
    assert REVIEWED.load(whole) == REVIEWED.load(("alice", NOW)) == whole
    assert REVIEWED.load({"who": "alice", "at": NOW.isoformat(), "password": "never asked for"}) == whole
    assert REVIEWED.load({"who": "alice"}) == Reviewed("alice", None)
    assert dump(whole) == {"who": "alice", "at": "2026-11-21T03:04:11.000Z"}
    assert (REVIEWED.name, Many(REVIEWED).name) == ("reviewed", "list, each reviewed")


def test_many_keep_their_order_and_their_limit() -> None:
    """A list holds values of its shape in their order, up to its limit; one too many and it is refused, not cut."""
    assert Many(Count(), 3).load([3, 1, 2]) == (3, 1, 2)
    assert Many(Count(), 0).load([]) == ()
    assert dump(Many(REVIEWED).load([["alice", None]])) == [{"who": "alice", "at": None}]


def test_no_part_of_a_fact_carries_a_credential() -> None:
    """What is masked or refused by itself is masked or refused as a part of a record or a list."""
    token = "gh" + "p_" + "A1b2" * 9
    said = Record(Said, by=Ident(), text=Text())
    assert Many(said).load([("alice", f"use {token}")]) == (Said("alice", "use [redacted:github]"),)
    with pytest.raises(ShapeError):
        said.load((token, "hello"))


def test_optional_none_is_a_fact() -> None:
    """None is observed to be none, and stays distinct from not knowing."""
    field = FIELDS["gateway.lock_holder"]
    assert isinstance(field.known(place(field), ORIGIN, None, NOW), Known)
    assert Optional(Count()).name == "count or none"
    lost = field.unavailable(place(field), ORIGIN, Reason.DENIED, "not allowed", NOW)
    assert isinstance(lost, Unavailable)


@pytest.mark.parametrize(
    ("subject", "kind"),
    [
        ("hermes:north", "instance"),
        ("hermes:north/gateway", "gateway"),
        ("hermes:north/cron", "scheduler"),
        ("hermes:north/cron/1f", "job"),
        ("host:deck", "host"),
        ("host:deck/disk//home", "disk"),
        ("host:deck/listener/127.0.0.1:80", "listener"),
        ("systemd:user/a.service", "unit"),
        ("systemd:system/a.timer", "timer"),
        ("source:hermes:north", "source"),
    ],
)
def test_a_subject_id_tells_its_kind(subject: str, kind: str) -> None:
    """The kind of a subject follows from its id alone."""
    assert kind_of(subject) == kind


def test_a_field_nobody_declared_does_not_exist() -> None:
    """Looking up an undeclared field finds nothing."""
    assert field_for("hermes:north/gateway", "password") is None
    assert field_for("hermes:north/gateway", "lock_holder") is FIELDS["gateway.lock_holder"]


@pytest.mark.parametrize(
    "path", ["/srv/models/x.gguf", "local:/srv/x", "file:///srv/x", "C:\\models\\x", "~/x", "a:b:/x"]
)
def test_a_whole_path_is_no_identifier(path: str) -> None:
    """A path from the root on tells who lives where; it is no name, also not behind a name."""
    with pytest.raises(ShapeError):
        Ident().load(path)


@pytest.mark.parametrize(
    "address", ["javascript:alert(1)", "http://me:word@x/", "//x", "http://x y", "file:///x", "https://", "data:,x"]
)
def test_a_link_opens_a_page_and_nothing_else(address: str) -> None:
    """Only http and https lead away, and no login goes along."""
    assert Link().load("https://deck.example:8443/a?b=1#c") == "https://deck.example:8443/a?b=1#c"
    with pytest.raises(ShapeError):
        Link().load(address)
