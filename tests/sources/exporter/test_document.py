"""What one program may say of an instance, and what another takes from it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import PurePath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.redaction import holds_secret
from quarterdeck.sources.exporter import document
from quarterdeck.sources.exporter.document import NOT_IN_SNAPSHOTS, READINGS_LIMIT, SCHEMA, encode, render
from quarterdeck.sources.exporter.intake import Intake, parse
from quarterdeck.sources.files import SourceError
from quarterdeck.truth import fields, shapes
from quarterdeck.truth.fields import FIELDS, Field
from quarterdeck.truth.instance import Instance, Policy
from quarterdeck.truth.reading import AnyReading, Known, Origin, Reason, Unavailable

NOW = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
NORTH = Instance("north", "North", home=PurePath("/home/somebody/.hermes"))
HERE = Origin("kernel locks", "gateway.lock")
GATEWAY = "hermes:north/gateway"


def written(*readings: AnyReading, instance: Instance = NORTH, host: str = "box") -> bytes:
    return encode(render(instance, readings, NOW, version="0.1.0", host=host, took_ms=12.34))


def taken(data: bytes, instance: Instance = NORTH) -> Intake:
    return parse(data, instance)


def refused(data: bytes) -> SourceError:
    with pytest.raises(SourceError) as caught:
        parse(data, NORTH)
    return caught.value


def changed(change: Callable[[dict[str, Any]], object]) -> bytes:
    """A good snapshot of one reading, spoilt in one place."""
    good = json.loads(written(fields.LOCK_HOLDER.known(GATEWAY, HERE, 4711, NOW)))
    change(good)
    return json.dumps(good).encode()


# --- there and back -------------------------------------------------------------------------------------------------

SUBJECTS = {
    "instance": "hermes:north",
    "scheduler": "hermes:north/cron",
    "job": "hermes:north/cron/934a7b9942d5",
    "host": "host:box",
    "disk": "host:box/disk//home",
    "listener": "host:box/listener/127.0.0.1:8080",
}
PUBLISHED = [field for field in FIELDS.values() if field.of not in NOT_IN_SNAPSHOTS]

moments = st.datetimes(datetime(1990, 1, 1), datetime(2190, 1, 1), timezones=st.just(UTC)).map(  # noqa: DTZ001
    lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000)
)
names = st.from_regex(shapes.IDENT, fullmatch=True).filter(
    lambda name: not holds_secret(name) and not shapes.WHOLE_PATH.search(name)
)


runs = st.builds(shapes.Ran, moments, st.none() | moments, st.none() | st.sampled_from(shapes.RESULTS))


def values(shape: Any) -> st.SearchStrategy[Any]:
    match shape:
        case shapes.Optional():
            return st.none() | values(shape.of)
        case shapes.Table():
            return st.dictionaries(names, values(shape.of), max_size=4)
        case shapes.Word():
            return st.sampled_from(shape.among) if shape.among else st.from_regex(shapes.WORD, fullmatch=True)
        case shapes.Schedule():
            return st.from_regex(shapes.SCHEDULE, fullmatch=True)
    return {
        shapes.Bool: st.booleans(),
        shapes.Count: st.integers(0, (1 << 63) - 1),
        shapes.Number: st.floats(allow_nan=False, allow_infinity=False),
        shapes.Instant: moments,
        shapes.Ident: names,
        shapes.Idents: st.lists(names, max_size=4).map(tuple),
        shapes.Runs: st.builds(shapes.Recent, st.none() | moments, st.lists(runs, max_size=3).map(tuple)),
        shapes.Text: st.text().map(shapes.Text().load),
    }[type(shape)]


@st.composite
def knowns(draw: st.DrawFn, field: Field[Any]) -> Known[Any]:
    subject = SUBJECTS.get(field.of, f"hermes:north/{field.of}")
    life = draw(st.integers(1, int(field.fresh_for.total_seconds())).map(lambda s: timedelta(seconds=s)))
    return Known(subject, field.name, HERE, draw(values(field.shape)), draw(moments), life)


@st.composite
def readings(draw: st.DrawFn) -> AnyReading:
    field = draw(st.sampled_from(PUBLISHED))
    seen = draw(knowns(field))
    if draw(st.booleans()):
        return seen
    reason = draw(st.sampled_from(list(Reason)))
    detail = draw(st.text().map(shapes.Text().load))
    last = draw(st.none() | st.just(seen))
    return Unavailable(seen.subject, field.name, HERE, draw(moments), reason, detail, last)


OPEN = replace(NORTH, policy=Policy(job_names=True, session_titles=True))


@given(st.lists(readings(), max_size=12, unique_by=lambda reading: (reading.subject, reading.field)))
def test_what_was_written_is_what_is_read(seen: list[AnyReading]) -> None:
    """Every fact arrives as it was seen: same value, same origin, same time, same lifetime, same reason."""
    intake = taken(written(*seen, instance=OPEN), OPEN)
    assert list(intake.readings) == seen
    assert (intake.not_understood, intake.not_admitted) == (0, 0)
    assert (intake.generated_at, intake.host) == (NOW, "box")


def test_each_reading_stands_on_a_line_of_its_own() -> None:
    """A person can search a snapshot line by line, and each line of the list is one reading."""
    data = written(
        fields.LOCK_HOLDER.known(GATEWAY, HERE, 4711, NOW),
        fields.HEARTBEAT_AT.unavailable(GATEWAY, HERE, Reason.MISSING, "does not exist", NOW),
    )
    lines = data.decode().splitlines()
    assert len(lines) == 4
    assert json.loads(lines[1].rstrip(",")) == {
        "subject": GATEWAY,
        "field": "lock_holder",
        "source": "kernel locks",
        "locator": "gateway.lock",
        "observed_at": "2026-03-29T01:30:00.000Z",
        "fresh_for_s": 90.0,
        "value": 4711,
    }
    assert json.loads(lines[2])["unavailable"] == {"reason": "missing", "detail": "does not exist"}


def test_a_snapshot_without_readings_is_a_snapshot() -> None:
    """An instance of which nothing could be asked is still an instance with a snapshot."""
    assert taken(written()).readings == ()


def test_the_path_of_a_home_stays_at_home() -> None:
    """A snapshot says whose it is by name and never where the home lies."""
    about = json.loads(written())["instance"]
    assert about == {"id": "north", "label": "North", "profile": None, "user": None, "unit": None, "scope": "user"}


# --- the walls on the way out ---------------------------------------------------------------------------------------

MARK = "sk-" + "a1B2c3D4e5F6g7H8"


def test_only_declared_fields_go_out() -> None:
    """A reading whose field is not in the vocabulary is not written, whoever made it."""
    made_by_hand = Known(GATEWAY, "last_prompt", HERE, "hello", NOW, timedelta(seconds=90))
    assert json.loads(written(made_by_hand))["readings"] == []


def test_a_value_is_checked_again_on_its_way_out() -> None:
    """A source that makes a reading by hand cannot carry text out in a field of numbers."""
    made_by_hand = Known(GATEWAY, "lock_holder", HERE, f"4711 {MARK}", NOW, timedelta(seconds=90))
    data = written(made_by_hand)
    (row,) = json.loads(data)["readings"]
    assert row["unavailable"]["reason"] == "schema"
    assert MARK not in data.decode()


def test_policy_decides_what_is_personal() -> None:
    """The name of a job goes out, and comes in, only where the instance's policy allows it."""
    named = fields.JOB_NAME.known("hermes:north/cron/1f", Origin("jobs", "cron/jobs.json"), "Tell Ada the news", NOW)
    assert b"Ada" not in written(named)
    open_data = written(named, instance=OPEN)
    assert taken(open_data, OPEN).readings == (named,)
    closed = taken(open_data, NORTH)
    assert (closed.readings, closed.not_admitted) == ((), 1)


def test_a_detail_is_one_short_line_without_credentials() -> None:
    """A detail that quotes a credential by mistake has it masked, both on the way out and on the way in."""
    said = f"line one\nBearer {MARK} " + "x" * 500
    reading = fields.LOCK_HOLDER.unavailable(GATEWAY, HERE, Reason.CORRUPT, said, NOW)
    data = written(reading)
    assert MARK not in data.decode()
    detail = json.loads(data)["readings"][0]["unavailable"]["detail"]
    assert len(detail) <= 200
    assert "\n" not in detail

    def say(good: dict[str, Any]) -> None:
        row = good["readings"][0]
        del row["value"], row["fresh_for_s"]
        row["unavailable"] = {"reason": "corrupt", "detail": said}

    (back,) = taken(changed(say)).readings
    assert isinstance(back, Unavailable)
    assert MARK not in back.detail


@pytest.mark.parametrize(
    "locator", ["", "a\nb", "x" * 201, "/home/somebody/.hermes/state.db", f"logs/{MARK}", "<script>", "50€"]
)
def test_an_origin_that_is_not_a_name_is_not_shown(locator: str) -> None:
    """What could carry more than a name in the place of a locator is replaced, and the fact stays."""
    reading = fields.LOCK_HOLDER.known(GATEWAY, Origin("kernel locks", locator), 4711, NOW)
    (row,) = json.loads(written(reading))["readings"]
    assert (row["locator"], row["value"]) == ("not shown", 4711)


def test_a_mount_point_may_be_absolute() -> None:
    """The place of a file system is where it is mounted: on hosts a locator may begin with a slash."""
    reading = fields.DISK_FREE.known("host:box/disk//home", Origin("statvfs", "/home"), 5.0, NOW)
    assert taken(written(reading)).readings == (reading,)


STRANGERS = [
    "hermes:south/gateway",
    "hermes:northern/gateway",
    "hermes:north\n/gateway",
    "host:other",
    "systemd:user/x.service",
    "systemd:system/ssh.service",
    "source:exporter:south",
    "hermes:north/exposure/dashboard",
    "host:box/route/caddy/[::]:443",
    "north/gateway",
    "",
]


@pytest.mark.parametrize("subject", STRANGERS)
def test_an_exporter_speaks_of_its_own_instance_and_host(subject: str) -> None:
    """What it says of any other subject is neither written nor taken in."""
    assert not document.speaks_for("north", "box", subject)

    def pretend(good: dict[str, Any]) -> None:
        good["readings"][0]["subject"] = subject

    intake = taken(changed(pretend))
    assert (intake.readings, intake.not_admitted) == ((), 1)


# --- the walls on the way in ----------------------------------------------------------------------------------------


def test_facts_of_a_newer_exporter_are_counted_and_passed_over() -> None:
    """A field or a part this release does not know is counted; everything else is taken in."""

    def grow(good: dict[str, Any]) -> None:
        good["new_part"] = {"a": 1}
        good["readings"].append({**good["readings"][0], "field": "dreams"})
        good["readings"].append({**good["readings"][0], "subject": "hermes:north/dreams", "field": "of_sheep"})
        good["readings"][0]["new_key"] = [1, 2]

    intake = taken(changed(grow))
    assert len(intake.readings) == 1
    assert intake.not_understood == 2


@pytest.mark.parametrize(("claimed", "lived"), [(1e300, 90.0), (86_400, 90.0), (90, 90.0), (30, 30.0), (0.5, 0.5)])
def test_a_document_may_shorten_a_life_but_not_prolong_it(claimed: float, lived: float) -> None:
    """How long a fact may live is said by the vocabulary; a document that says more is not believed."""
    (reading,) = taken(changed(lambda good: row_of(good).update(fresh_for_s=claimed))).readings
    assert isinstance(reading, Known)
    assert reading.fresh_for == timedelta(seconds=lived)


def test_a_look_from_the_future_stays_what_it_is() -> None:
    """A time ahead of ours is taken as it is: the reading is then stale, and says so."""
    ahead = NOW + timedelta(hours=1)
    (reading,) = taken(written(fields.LOCK_HOLDER.known(GATEWAY, HERE, 4711, ahead))).readings
    assert isinstance(reading, Known)
    assert reading.observed_at == ahead
    assert reading.knowledge(NOW) == "stale"


@pytest.mark.parametrize("value", ["4711", -1, True, None.__class__.__name__, [], {}, 1.5, 1e300, 10**400])
def test_a_value_of_the_wrong_shape_spoils_its_own_reading_only(value: object) -> None:
    """The other facts of the document stay; this one is unavailable, and its value is nowhere."""

    def spoil(good: dict[str, Any]) -> None:
        good["readings"].append({**good["readings"][0], "field": "heartbeat_pid"})
        good["readings"][0]["value"] = value

    spoilt, sound = taken(changed(spoil)).readings
    assert isinstance(spoilt, Unavailable)
    assert spoilt.reason is Reason.SCHEMA
    assert isinstance(sound, Known)


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_moment_beyond_all_calendars_spoils_its_own_reading_only(moment: str) -> None:
    """A time that cannot be counted with is a value of the wrong shape."""

    def spoil(good: dict[str, Any]) -> None:
        good["readings"][0].update(field="heartbeat_at", value=moment)

    (spoilt,) = taken(changed(spoil)).readings
    assert isinstance(spoilt, Unavailable)
    assert spoilt.reason is Reason.SCHEMA


def test_none_is_a_value_where_the_field_says_so() -> None:
    """Observed to be none is known, and is not the same as not observed."""
    (reading,) = taken(changed(lambda good: good["readings"][0].update(value=None))).readings
    assert isinstance(reading, Known)
    assert reading.value is None


def test_a_reason_we_do_not_know_is_still_no_value() -> None:
    """A newer reason for not knowing is not repeated, and the fact stays unknown."""

    def renew(good: dict[str, Any]) -> None:
        row = good["readings"][0]
        del row["value"]
        row["unavailable"] = {"reason": f"eclipse {MARK}", "detail": "too dark"}

    (reading,) = taken(changed(renew)).readings
    assert isinstance(reading, Unavailable)
    assert reading.reason is Reason.SCHEMA
    assert "eclipse" not in reading.detail


def row_of(good: dict[str, Any]) -> dict[str, Any]:
    row: dict[str, Any] = good["readings"][0]
    return row


SPOILT: dict[str, Callable[[dict[str, Any]], object]] = {
    "no schema": lambda good: good.pop("schema"),
    "schema of something else": lambda good: good.update(schema="weather/1"),
    "schema a number": lambda good: good.update(schema=1),
    "a newer format": lambda good: good.update(schema="quarterdeck/snapshot/2"),
    "no instance": lambda good: good.pop("instance"),
    "instance a name": lambda good: good.update(instance="north"),
    "another instance": lambda good: good["instance"].update(id="south"),
    "no exporter": lambda good: good.pop("exporter"),
    "no readings": lambda good: good.pop("readings"),
    "readings a table": lambda good: good.update(readings={}),
    "a reading a text": lambda good: good["readings"].append("x"),
    "a reading null": lambda good: good["readings"].append(None),
    "subject a number": lambda good: row_of(good).update(subject=7),
    "field missing": lambda good: row_of(good).pop("field"),
    "source missing": lambda good: row_of(good).pop("source"),
    "locator null": lambda good: row_of(good).update(locator=None),
    "never observed": lambda good: row_of(good).pop("observed_at"),
    "observed at a number": lambda good: row_of(good).update(observed_at=1_774_747_800),
    "observed at a naive time": lambda good: row_of(good).update(observed_at="2026-03-29T01:30:00"),
    "observed in the year 9999": lambda good: row_of(good).update(observed_at="9999-12-31T23:59:59Z"),
    "generated in the year 1": lambda good: good.update(generated_at="0001-01-01T00:00:00Z"),
    "fresh for ever": lambda good: row_of(good).pop("fresh_for_s"),
    "fresh for no time": lambda good: row_of(good).update(fresh_for_s=0),
    "fresh for less than no time": lambda good: row_of(good).update(fresh_for_s=-90),
    "fresh for too short to count": lambda good: row_of(good).update(fresh_for_s=1e-9),
    "fresh for a text": lambda good: row_of(good).update(fresh_for_s="90"),
    "neither value nor reason": lambda good: row_of(good).pop("value"),
    "value and reason": lambda good: row_of(good).update(unavailable={"reason": "missing"}),
    "reason a text": lambda good: row_of(good).update(unavailable="missing"),
    "one fact twice": lambda good: good["readings"].append(row_of(good)),
    "more readings than any instance has": lambda good: good.update(readings=good["readings"] * (READINGS_LIMIT + 1)),
    "sessions a text": lambda good: good.update(sessions="beside"),
}


@pytest.mark.parametrize("spoil", [pytest.param(spoil, id=name) for name, spoil in SPOILT.items()])
def test_a_document_of_the_wrong_structure_is_refused_whole(spoil: Callable[[dict[str, Any]], object]) -> None:
    """It is refused with a reason that says what is wrong and what to do, in one line."""
    error = refused(changed(spoil))
    assert error.reason is Reason.SCHEMA
    assert error.detail == shapes.Text().load(error.detail)
    assert any(way_out in error.detail for way_out in WAYS_OUT), error.detail


WAYS_OUT = (
    "write it as docs/reference/snapshot.md says",
    "update Quarterdeck",
    f"its schema is not {SCHEMA}",
    "give each its own file",
    "set the clock",
    "needs either a value",
    "does not say how long",
    "two readings of one fact",
    "look at what writes it",
)


def test_a_newer_format_names_itself_and_the_remedy() -> None:
    """The reason says which format was found, which one is read, and that an update is the way out."""
    error = refused(changed(lambda good: good.update(schema="quarterdeck/snapshot/2")))
    assert error.detail == f"it is of format 2 and this release reads {SCHEMA}; update Quarterdeck"


def test_a_refusal_quotes_nothing_of_the_document() -> None:
    """Whatever text stands in the wrong place, the reason does not repeat it."""

    def everywhere(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: everywhere(item) for key, item in value.items()}
        return [everywhere(item) for item in value] if isinstance(value, list) else MARK

    good = json.loads(written(fields.LOCK_HOLDER.known(GATEWAY, HERE, 4711, NOW)))
    places = [(good, key) for key in good] + [(row_of(good), key) for key in row_of(good)]
    for holder, key in places:
        kept = holder[key]
        holder[key] = everywhere(kept) if holder is not good or key == "schema" else MARK
        try:
            said = repr(parse(json.dumps(good).encode(), NORTH))
        except SourceError as error:
            said = error.detail
        assert MARK not in said
        holder[key] = kept


BROKEN = {
    "empty": b"",
    "blank": b" \n",
    "cut off": b'{"schema":"quarterdeck/snap',
    "not text": bytes(range(256)),
    "not UTF-8": b'{"schema":"\xff\xfe"}',
    "half a character": b'{"schema":"\\ud800"}',
    "not a number": b'{"schema":NaN}',
    "infinite": b'{"schema":Infinity}',
    "nested for ever": b"[" * 100_000,
    "nested for ever inside": b'{"schema":' + b"[" * 100_000,
    "two documents": b"{}{}",
}


@pytest.mark.parametrize("data", [pytest.param(data, id=name) for name, data in BROKEN.items()])
def test_what_is_not_json_is_corrupt(data: bytes) -> None:
    """Bytes that are no JSON at all have a reason of their own."""
    assert refused(data).reason in {Reason.CORRUPT, Reason.SCHEMA}


@given(st.binary(max_size=300))
def test_random_bytes_never_crash(data: bytes) -> None:
    """Whatever bytes lie in the file, the answer is a reason."""
    assert refused(data).reason in {Reason.CORRUPT, Reason.SCHEMA}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


POSSIBLE = {"taken in", Reason.CORRUPT, Reason.SCHEMA}


def outcome(data: bytes) -> str:
    try:
        taken(data)
    except SourceError as error:
        return error.reason
    return "taken in"


@given(st.sampled_from(["schema", "generated_at", "instance", "exporter", "readings", "sessions"]), JSON)
def test_any_json_in_any_part_ends_in_readings_or_a_reason(part: str, value: Any) -> None:
    """Replace any part of a document by any JSON: it is understood or refused, and nothing else happens."""
    assert outcome(changed(lambda good: good.update({part: value}))) in POSSIBLE


@given(st.sampled_from(["subject", "field", "source", "locator", "observed_at", "fresh_for_s", "value", "last"]), JSON)
def test_any_json_in_any_place_of_a_reading_ends_in_readings_or_a_reason(place: str, value: Any) -> None:
    """Replace any part of a reading by any JSON: it is understood or refused, and nothing else happens."""
    assert outcome(changed(lambda good: row_of(good).update({place: value}))) in POSSIBLE


def test_a_key_written_twice_counts_as_it_was_written_last() -> None:
    """JSON that repeats a key is read as every reader here reads it: once, and the same for all walls."""
    data = changed(lambda _: None).replace(b'"instance": {', b'"instance": {"id": "south"}, "instance": {', 1)
    assert len(taken(data).readings) == 1
    data = changed(lambda _: None).replace(b'"instance": {"id": "north"', b'"instance": {"id": "north", "id": "south"')
    assert "another instance" in refused(data).detail


def test_ten_thousand_readings_are_taken_in_at_once() -> None:
    """An instance with hundreds of cron jobs is taken in whole."""
    many = [fields.NEXT_RUN_AT.known(f"hermes:north/cron/{number:012x}", HERE, NOW, NOW) for number in range(10_000)]
    assert list(taken(written(*many)).readings) == many


def test_what_cannot_be_written_as_json_is_never_rendered() -> None:
    """No NaN leaves: the shapes refuse it before the encoder would."""
    made_by_hand = Known("host:box", "load_1m", HERE, math.nan, NOW, timedelta(seconds=90))
    (row,) = json.loads(written(made_by_hand))["readings"]
    assert row["unavailable"]["reason"] == "schema"
