"""What can go wrong with the line to the forge of the demo, and that it is well again afterwards."""

from __future__ import annotations

import http.client
import json
import time
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import pytest

from quarterdeck.demo.forge.faults import Fault
from tests.demo.forge.talking import talk
from tests.fakes.forge import FakeForge

ISSUES = "/repos/acme/tools/issues"


@pytest.mark.parametrize(
    ("fault", "status", "begins"),
    [
        (Fault("status", 502), 502, b""),
        (Fault("html", 502), 502, b"<!doctype html>"),
        (Fault("garbage"), 200, b"{\xff"),
        (Fault("wrong"), 200, b'"a word"'),
    ],
)
def test_it_answers_what_it_should_not(fake: FakeForge, fault: Fault, status: int, begins: bytes) -> None:
    """A status, a page, no JSON, or JSON of another type take the place of the answer, and then no longer."""
    fake.forge.faults.add(fault)
    said = talk(fake, ISSUES)
    assert (said.status, said.body[: len(begins)]) == (status, begins)
    fake.forge.faults.clear()
    assert talk(fake, ISSUES).json == []


def test_it_may_say_when_to_come_again(fake: FakeForge) -> None:
    """What stands before a forge may refuse for a while, and only some paths, and only so often."""
    fake.forge.faults.add(Fault("status", 429, "/issues", times=2, retry_after="7"))
    said = [talk(fake, ISSUES) for _ in range(3)]
    assert [each.status for each in said] == [429, 429, 200]
    assert said[0].headers["retry-after"] == "7"
    assert talk(fake, "/version").status == 200


def test_half_of_an_answer_is_no_json(fake: FakeForge) -> None:
    """An answer that was cut is as long as it says, and cannot be read."""
    fake.issue("Count")
    fake.forge.faults.add(Fault("truncated"))
    with pytest.raises(json.JSONDecodeError):
        _ = talk(fake, ISSUES).json


def test_it_may_break_off(fake: FakeForge) -> None:
    """A line that breaks off says nothing."""
    fake.forge.faults.add(Fault("cut"))
    with pytest.raises((ConnectionError, http.client.HTTPException)):
        talk(fake, ISSUES)


def test_it_may_take_its_time(fake: FakeForge) -> None:
    """Every answer takes as long as it is told to take, several at the same time."""
    fake.forge.faults.delay_s = 0.15
    begun = time.monotonic()
    talk(fake, ISSUES)
    assert time.monotonic() - begun >= 0.15


def test_its_clock_may_be_wrong(fake: FakeForge) -> None:
    """The date of an answer is that of its clock."""
    fake.forge.faults.skew = timedelta(hours=2)
    ahead = parsedate_to_datetime(talk(fake, ISSUES).headers["date"]) - datetime.now(UTC)
    assert timedelta(hours=1.9) < ahead < timedelta(hours=2.1)


def test_a_list_may_change_while_it_is_read(fake: FakeForge) -> None:
    """With something new at its front after each page, the last of one page comes again on the next."""
    for number in range(4):
        fake.issue(f"Crate {number}")
    fake.forge.faults.tears = "/issues$"
    first, second = (talk(fake, f"{ISSUES}?limit=2&page={page}") for page in (1, 2))
    assert (first.headers["x-total-count"], second.headers["x-total-count"]) == ("4", "5")
    assert first.json[1]["number"] == second.json[0]["number"]


def test_it_only_misbehaves_as_it_can(fake: FakeForge) -> None:
    """A manner that there is not is refused when it is set."""
    with pytest.raises(ValueError, match="no such manner"):
        fake.forge.faults.add(Fault("rude"))


def test_a_body_that_is_too_long_is_not_read(fake: FakeForge) -> None:
    """More than a megabyte is refused."""
    said = talk(fake, ISSUES, "POST", fake.login(fake.alice), title="x" * 1_100_000)
    assert said.status == 413
