"""What follows from systemd's words, and what does not."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.sources.systemd.gateways import Gateway
from quarterdeck.sources.systemd.readings import Answer, Wanted, expected_keys, tell
from quarterdeck.sources.systemd.show import PROPERTIES, parse
from quarterdeck.truth import fields as F  # noqa: N812 -- a table reads better with one letter before each field
from quarterdeck.truth.fields import Field, field_for
from quarterdeck.truth.reading import AnyReading, Key, Known, Reason, Unavailable
from tests.sources.systemd.fake import CASES, NOT_FOUND, block

NOW = datetime(2026, 11, 21, 2, 10, tzinfo=UTC)
STARTED = datetime(2026, 11, 21, 0, 0, tzinfo=UTC)
GATEWAY = "hermes-gateway.service"
RUNNING = {"MainPID": "4711"}


def told(
    data: bytes | str, wanted: Wanted | None = None, holders: Mapping[int, str] | None = None
) -> dict[Key, AnyReading]:
    data = data.encode() if isinstance(data, str) else data
    answer = Answer("user", "systemd-user/alice", parse(data), STARTED, NOW)
    readings = list(tell(answer, wanted or Wanted(patterns=("*.timer", "*.service")), holders or {}))
    keys = [(reading.subject, reading.field) for reading in readings]
    assert len(set(keys)) == len(keys), "one witness for a fact"
    assert all(field_for(*key) for key in keys)
    return dict(zip(keys, readings, strict=True))


def value(readings: Mapping[Key, AnyReading], subject: str, field: Field[object]) -> object:
    reading = readings[subject, field.name]
    assert isinstance(reading, Known), reading
    return reading.value


def reason(readings: Mapping[Key, AnyReading], subject: str, field: Field[object]) -> Reason:
    reading = readings[subject, field.name]
    assert isinstance(reading, Unavailable), reading
    return reading.reason


def test_a_recorded_answer_gives_its_readings() -> None:
    """The two recorded answers of a real systemd give, for every timer, what it started and what came of it."""
    readings = told((CASES / "first.txt").read_bytes() + b"\n" + (CASES / "second.txt").read_bytes())
    results = {
        subject.removeprefix("systemd:user/"): (
            value(readings, subject, F.TIMER_RESULT),
            value(readings, subject, F.TIMER_ACTIVATED_STATE),
        )
        for subject, field in readings
        if field == F.TIMER_RESULT.name and subject.endswith(".timer")
    }
    assert results == {
        "bad.timer": ("exit-code", "failed"),
        "good.timer": ("success", "inactive"),
        "long.timer": ("signal", "failed"),
        r"my\x20disk.timer": (None, "active"),
        "once.timer": ("success", "inactive"),
        "unborn.timer": (None, "inactive"),
    }
    loop = "systemd:user/hermes-gateway-loop.service"
    assert value(readings, loop, F.SUB_STATE) == "auto-restart"
    assert value(readings, loop, F.RESTARTS) == 2
    assert value(readings, loop, F.RESULT) == "exit-code"


RESULTS = {
    "never ran": ({}, None),
    "runs for the first time": ({"ActiveState": "activating"}, None),
    "ended well": ({"ExecMainExitTimestamp": "Sat 2026-11-21 01:00:00 UTC"}, "success"),
    "failed": ({"Result": "exit-code", "ExecMainExitTimestamp": "Sat 2026-11-21 01:00:00 UTC"}, "exit-code"),
    "could not even start": ({"Result": "resources"}, "resources"),
    "started too often": ({"Result": "start-limit-hit"}, "start-limit-hit"),
}


@pytest.mark.parametrize(("said", "result"), RESULTS.values(), ids=RESULTS.keys())
def test_success_needs_a_run_that_ended(said: dict[str, str], result: str | None) -> None:
    """A unit that has not ended yet has no result, although systemd calls that success as well."""
    readings = told(block("job.service", **said) + "\n\n" + block("job.timer"))
    assert value(readings, "systemd:user/job.service", F.RESULT) == result
    assert value(readings, "systemd:user/job.timer", F.TIMER_RESULT) == result


NEXT = {
    "by the calendar": (
        {"NextElapseUSecRealtime": "Sat 2026-11-21 03:00:00 UTC", "NextElapseUSecMonotonic": "0"},
        "03:00:00",
    ),
    "counted": ({"NextElapseUSecMonotonic": "5h 33.499s"}, "05:00:33"),
    "counted, rounded up": ({"NextElapseUSecMonotonic": "5h 33.5s"}, "05:00:34"),
    "both, the calendar first": (
        {"NextElapseUSecRealtime": "Sat 2026-11-21 03:00:00 UTC", "NextElapseUSecMonotonic": "5h"},
        "03:00:00",
    ),
    "both, the count first": (
        {"NextElapseUSecRealtime": "Sat 2026-11-21 03:00:00 UTC", "NextElapseUSecMonotonic": "2h"},
        "02:00:00",
    ),
    "never": ({}, None),
    "never, in old words": ({"NextElapseUSecRealtime": "n/a", "NextElapseUSecMonotonic": "0"}, None),
    "later than any calendar goes": ({"NextElapseUSecMonotonic": "9000y"}, None),
}


@pytest.mark.parametrize(("said", "at"), NEXT.values(), ids=NEXT.keys())
def test_when_a_timer_elapses_next(said: dict[str, str], at: str | None) -> None:
    """The next run is the earlier of what the calendar says and what is counted from the machine's start."""
    readings = told(block("a.timer", Unit="", **said))
    expected = None if at is None else datetime.fromisoformat(f"2026-11-21T{at}+00:00")
    assert value(readings, "systemd:user/a.timer", F.TIMER_NEXT_AT) == expected


def test_a_timer_whose_unit_is_not_there_says_so() -> None:
    """A timer that starts a unit which does not exist shows that in the place of the unit's state."""
    readings = told(block("a.timer") + "\n\n" + block("a.service", **NOT_FOUND))
    assert value(readings, "systemd:user/a.timer", F.TIMER_ACTIVATED_STATE) == "not-found"
    assert value(readings, "systemd:user/a.timer", F.TIMER_RESULT) is None


def test_a_timer_whose_unit_was_left_out_is_unknown_there_only() -> None:
    """When systemd does not mention what a timer starts, its result is unknown and the rest of the timer is not."""
    readings = told(block("a.timer"))
    assert reason(readings, "systemd:user/a.timer", F.TIMER_RESULT) is Reason.CORRUPT
    assert value(readings, "systemd:user/a.timer", F.TIMER_UNIT) == "a.service"


NOT_MISSED = {"Id", "Names", "Environment", "UnitFileState", "TimersCalendar", "TimersMonotonic"}
"""Properties that are not printed where there is nothing to say."""


@pytest.mark.parametrize("lost", sorted(set(PROPERTIES) - NOT_MISSED))
def test_a_property_that_is_missing_takes_nothing_else_with_it(lost: str) -> None:
    """Without one property, only the facts that rest on it are unknown, and none of them turns into another value."""
    text = block("a.service", **RUNNING) + "\n\n" + block("a.timer", LastTriggerUSec="Sat 2026-11-21 01:00:00 UTC")
    without = "\n".join(line for line in text.split("\n") if not line.startswith(f"{lost}="))
    whole, cut = told(text), told(without)
    assert whole.keys() == cut.keys()
    for key, reading in cut.items():
        assert reading == whole[key] or (isinstance(reading, Unavailable) and reading.reason is Reason.SCHEMA)
    assert any(isinstance(reading, Unavailable) for reading in cut.values())


NEWS = {
    "runs": ({}, True),
    "failed": ({"ActiveState": "failed", "UnitFileState": "disabled"}, True),
    "off, set to start": ({"ActiveState": "inactive"}, True),
    "off, started by a timer": ({"ActiveState": "inactive", "UnitFileState": "static", "TriggeredBy": "a.timer"}, True),
    "off, started by nothing": ({"ActiveState": "inactive", "UnitFileState": "disabled"}, False),
    "off, masked": ({"ActiveState": "inactive", "LoadState": "masked", "UnitFileState": "masked"}, False),
    "merely mentioned by another": (NOT_FOUND, False),
}


@pytest.mark.parametrize(("said", "is_told"), NEWS.values(), ids=NEWS.keys())
@pytest.mark.parametrize("name", ["a.service", "a.timer"])
def test_what_was_merely_found_is_told_when_it_is_news(name: str, said: dict[str, str], is_told: bool) -> None:
    """A unit nobody named is told when it runs, failed or is set to start; an expected one is told in any case."""
    assert bool(told(block(name, Unit="", **said))) is is_told
    assert told(block(name, Unit="", **said), Wanted(names=frozenset({name})))


def test_an_expected_unit_that_was_left_out_is_unknown() -> None:
    """A unit that was asked for and is not in the answer is unknown in every fact, not gone."""
    wanted = Wanted((Gateway("north", GATEWAY, configured=True),), frozenset({"a.timer"}))
    readings = told(b"", wanted)
    assert readings.keys() == set(expected_keys("user", wanted))
    assert {reading.reason for reading in readings.values() if isinstance(reading, Unavailable)} == {Reason.CORRUPT}
    assert len(readings) == 9 + 14 + 6


def gateway(instance: str, home: str | None = None, *, configured: bool = False) -> Gateway:
    return Gateway(instance, GATEWAY, frozenset() if home is None else frozenset({home}), configured=configured)


NORTH, SOUTH = gateway("north", "/srv/north"), gateway("south", "/srv/south")
NAMED = gateway("north", "/srv/north", configured=True)
AT_NORTH = {"Environment": "HERMES_HOME=/srv/north"}
AT_WEST = {"Environment": "HERMES_HOME=/srv/west"}

OWNERS = {
    "the home it names": ((NORTH, SOUTH), AT_NORTH, {}, {"north"}),
    "the lock its process holds": ((NORTH, SOUTH), {}, {4711: "south"}, {"south"}),
    "both agree": ((NORTH, SOUTH), AT_NORTH, {4711: "north"}, {"north"}),
    "both disagree": ((NORTH, SOUTH), AT_NORTH, {4711: "south"}, set()),
    "another process holds the lock": ((NORTH, SOUTH), {}, {815: "south"}, set()),
    "no evidence": ((NORTH, SOUTH), {}, {}, set()),
    "a home nobody knows": ((NORTH, SOUTH), AT_WEST, {}, set()),
    "no evidence, but the operator says so": ((NAMED, SOUTH), {}, {}, {"north"}),
    "evidence with the operator": ((NAMED, SOUTH), AT_NORTH, {}, {"north"}),
}


@pytest.mark.parametrize(("gateways", "said", "holders", "owners"), OWNERS.values(), ids=OWNERS.keys())
def test_whose_unit_it_is(
    gateways: tuple[Gateway, ...], said: dict[str, str], holders: dict[int, str], owners: set[str]
) -> None:
    """A unit is told to the one instance for which there is evidence, and to nobody when there is none or too much."""
    readings = told(block(GATEWAY, **RUNNING, **said), Wanted(gateways), holders)
    known = {subject for (subject, _), reading in readings.items() if isinstance(reading, Known)}
    assert known == {f"hermes:{owner}/gateway" for owner in owners} | {f"systemd:user/{GATEWAY}"}


AGAINST = {
    "a home nobody knows": (AT_WEST, {}),
    "another instance's home": ({"Environment": "HERMES_HOME=/srv/south"}, {}),
    "another instance's lock": ({}, {4711: "south"}),
}


@pytest.mark.parametrize(("said", "holders"), AGAINST.values(), ids=AGAINST.keys())
def test_a_setting_does_not_hold_against_evidence(said: dict[str, str], holders: dict[int, str]) -> None:
    """When the unit an operator named runs another home, its instance is told that, not the other's state."""
    readings = told(block(GATEWAY, **RUNNING, **said), Wanted((NAMED, SOUTH)), holders)
    unit = readings["hermes:north/gateway", F.UNIT_ACTIVE.name]
    assert isinstance(unit, Unavailable)
    assert unit.reason is Reason.MISSING
    assert "another home" in unit.detail


def test_a_guessed_unit_that_is_off_is_no_witness() -> None:
    """A unit nobody named, that is off and nothing starts, is not held against a gateway that runs without it."""
    off = block(GATEWAY, ActiveState="inactive", UnitFileState="disabled", **AT_NORTH)
    assert told(off, Wanted((NORTH,))) == {}
    assert value(told(off, Wanted((NAMED,))), "hermes:north/gateway", F.UNIT_ACTIVE) == "inactive"


def test_an_alias_is_told_under_its_own_name() -> None:
    """When the operator names an alias, the instance's unit is the one systemd really has."""
    readings = told(block("agent.service", Names=f"agent.service {GATEWAY}", **RUNNING, **AT_NORTH), Wanted((NAMED,)))
    assert value(readings, "hermes:north/gateway", F.UNIT) == "agent.service"
    assert ("systemd:user/agent.service", F.LOAD_STATE.name) in readings


def test_units_that_are_no_services_have_no_process() -> None:
    """Of a target it is known that nothing restarts it and that it has no process."""
    said = ("LoadState=loaded", "ActiveState=active", "SubState=active", "TriggeredBy=", "StateChangeTimestamp=")
    text = "\n".join(("Id=a.target", *said))
    readings = told(text, Wanted(names=frozenset({"a.target"})))
    for field in (F.MAIN_PID, F.RESTARTS, F.RESULT, F.ENTERED_AT):
        assert value(readings, "systemd:user/a.target", field) is None


VALUES = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        ["loaded", "not-found", "inactive", "active", "success", "0", "99", "infinity", "5h", "a.service", "b.timer"]
    ),
)
BLOCKS = st.builds(
    lambda name, said: "\n".join([f"Id={name}", *(f"{key}={text}" for key, text in said.items())]),
    st.sampled_from(["a.service", "b.timer", GATEWAY, "c.target"]),
    st.dictionaries(st.sampled_from([name for name in PROPERTIES if name not in {"Id", "Names"}]), VALUES),
)


@given(
    st.lists(BLOCKS, max_size=6).map("\n\n".join),
    st.dictionaries(st.integers(0, 99), st.sampled_from(["north", "south"])),
)
def test_any_answer_gives_readings(text: str, holders: dict[int, str]) -> None:
    """Whatever systemd says, the result is readings of declared fields, one for each fact, and all that is expected."""
    wanted = Wanted((NAMED, SOUTH), frozenset({"a.service", "b.timer"}), ("*",))
    readings = told(text, wanted, holders)
    assert set(expected_keys("user", wanted)) <= readings.keys()
    assert all(reading.origin.source == "systemd (user)" for reading in readings.values())


def test_a_reading_is_as_old_as_the_look() -> None:
    """What systemd says of times is a value; the reading itself is from when we looked."""
    readings = told(block("a.timer", Unit="", LastTriggerUSec="Sat 2026-11-21 01:00:00 UTC"))
    reading = readings["systemd:user/a.timer", F.TIMER_LAST_AT.name]
    assert isinstance(reading, Known)
    assert reading.observed_at == NOW
    assert reading.value == NOW - timedelta(hours=1, minutes=10)
