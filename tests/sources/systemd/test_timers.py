"""By what a timer elapses, and what came of its last elapse."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from quarterdeck.sources.files import SourceError
from quarterdeck.sources.systemd.readings import Answer, Wanted, tell
from quarterdeck.sources.systemd.show import parse
from quarterdeck.truth import fields as F  # noqa: N812 -- as in the code under test
from quarterdeck.truth.fields import Field
from quarterdeck.truth.reading import AnyReading, Key, Known, Reason, Unavailable
from quarterdeck.truth.shapes import Ran, Recent
from tests.sources.systemd.fake import block

NOW = datetime(2026, 11, 21, 2, 10, tzinfo=UTC)
TIMER = "systemd:user/a.timer"
LAST = "Sat 2026-11-21 01:00:00 UTC"
AT = datetime(2026, 11, 21, 1, 0, tzinfo=UTC)


def told(text: str, zone: str | SourceError = "Europe/Berlin") -> Mapping[Key, AnyReading]:
    answer = Answer("user", "systemd-user/alice", parse(text.encode()), NOW, NOW, zone)
    return {(r.subject, r.field): r for r in tell(answer, Wanted(patterns=("*.timer",)), {})}


def value(readings: Mapping[Key, AnyReading], field: Field[object]) -> object:
    reading = readings[TIMER, field.name]
    assert isinstance(reading, Known), reading
    return reading.value


def test_several_ways_to_elapse_are_all_told() -> None:
    """Every calendar expression of a timer, and what it counts from its unit's beginning and end."""
    text = block("a.timer") + (
        "\nTimersCalendar={ OnCalendar=Mon..Fri *-*-* 06,18:00:00 Europe/Berlin ; next_elapse=n/a }"
        "\nTimersMonotonic={ OnUnitActiveUSec=1h 30min ; next_elapse=0 }"
        "\nTimersMonotonic={ OnUnitInactiveUSec=10ms ; next_elapse=7h 10min 12.708220s }"
        "\nTimersMonotonic={ OnBootUSec=5min ; next_elapse=0 }"
    )
    found = told(text)
    assert value(found, F.TIMER_CALENDAR) == ("*-*-* 03:00:00", "Mon..Fri *-*-* 06,18:00:00 Europe/Berlin")
    assert (value(found, F.TIMER_EVERY_S), value(found, F.TIMER_AFTER_S)) == (5_400, 0.01)


def test_a_timer_without_a_calendar_has_none() -> None:
    """What is not printed is not there: no expression, and no distance."""
    text = "\n".join(line for line in block("a.timer").split("\n") if "Calendar" not in line)
    assert value(told(text), F.TIMER_CALENDAR) == ()
    assert value(told(text), F.TIMER_EVERY_S) is None


@pytest.mark.parametrize("said", ["something else", "{ OnCalendar=x }", "{ OnCalendar=* ; next_elapse=n/a } more"])
def test_a_calendar_in_another_form_is_unknown(said: str) -> None:
    """A line that has not the form systemd gives it is no expression."""
    reading = told(block("a.timer", TimersCalendar=said))[TIMER, F.TIMER_CALENDAR.name]
    assert isinstance(reading, Unavailable)
    assert reading.reason is Reason.SCHEMA


def test_slack_is_accuracy_and_random_delay() -> None:
    """How late a timer may elapse by its own settings."""
    assert value(told(block("a.timer", RandomizedDelayUSec="5min")), F.TIMER_SLACK_S) == 360
    assert value(told(block("a.timer", AccuracyUSec="0")), F.TIMER_SLACK_S) == 0


def test_the_zone_of_the_host_is_told_or_why_not() -> None:
    """Expressions without a zone are meant in the host's; where that cannot be told, it is unknown."""
    assert value(told(block("a.timer")), F.TIMER_ZONE) == "Europe/Berlin"
    lost = told(block("a.timer"), SourceError(Reason.MISSING, "is a copy"))[TIMER, F.TIMER_ZONE.name]
    assert isinstance(lost, Unavailable)


WAYS: dict[str, tuple[dict[str, str], str | None, bool]] = {
    "ended well": ({"ExecMainStartTimestamp": LAST, "ExecMainExitTimestamp": LAST}, "ok", True),
    "failed": (
        {"ExecMainStartTimestamp": LAST, "ExecMainExitTimestamp": LAST, "Result": "exit-code"}, "error", True
    ),
    "under way": ({"ExecMainStartTimestamp": LAST}, None, False),
    "gone without a trace": ({"ExecMainStartTimestamp": LAST, "ActiveState": "inactive"}, "unknown", False),
    "was running already": ({"ExecMainStartTimestamp": "Sat 2026-11-21 00:59:00 UTC"}, "unknown", False),
    "never started": ({}, "unknown", False),
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_what_came_of_an_elapse(way: str) -> None:
    """The run that an elapse began, and no other run of its unit, says how it ended."""
    said, result, ended = WAYS[way]
    text = block("a.service", **said) + "\n\n" + block("a.timer", LastTriggerUSec=LAST)
    assert value(told(text), F.TIMER_RUNS) == Recent(AT, (Ran(AT, AT if ended else None, result),))


def test_a_timer_that_never_elapsed_is_known_since_it_is_on() -> None:
    """No elapse since it was started: complete from there. Of one that is off nothing is known."""
    assert value(told(block("a.timer")), F.TIMER_RUNS) == Recent(datetime(2026, 11, 21, 2, 8, 32, tzinfo=UTC), ())
    assert value(told(block("a.timer", ActiveState="inactive")), F.TIMER_RUNS) == Recent(None, ())


def test_a_timer_that_starts_no_service_tells_only_that_it_elapsed() -> None:
    """A target or a unit that is not there ran at no time that anybody wrote down."""
    found = told(block("a.timer", LastTriggerUSec=LAST, Unit=""))
    assert value(found, F.TIMER_RUNS) == Recent(AT, (Ran(AT, None, "unknown"),))
