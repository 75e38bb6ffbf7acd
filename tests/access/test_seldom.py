"""What is said in the log again and again is said seldom."""

from __future__ import annotations

import logging

import pytest

from quarterdeck.access.seldom import EVERY_S, MOST, Seldom


class Seconds:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what was said."""
    return [record.getMessage() for record in caplog.records]


def test_the_same_is_said_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    """A reason is said, is silent for a minute, and is said again."""
    seconds = Seconds()
    seldom = Seldom(logging.getLogger("quarterdeck.test"), seconds)
    for _ in range(100):
        seldom.warn("No: %s.", "one")
    seldom.warn("No: %s.", "two")
    seconds.now = EVERY_S - 0.1
    seldom.warn("No: %s.", "one")
    assert said(caplog) == ["No: one.", "No: two."]
    seconds.now = EVERY_S
    seldom.warn("No: %s.", "one")
    assert said(caplog)[2:] == ["No: one."]


def test_what_is_remembered_of_it_is_bounded(caplog: pytest.LogCaptureFixture) -> None:
    """However many things there are to say, only so many are remembered; the oldest is forgotten first."""
    seconds = Seconds()
    seldom = Seldom(logging.getLogger("quarterdeck.test"), seconds)
    for number in range(MOST + 1):
        seconds.now += 0.1
        seldom.warn("No: %s.", str(number))
    caplog.clear()
    seldom.warn("No: %s.", str(MOST))
    seldom.warn("No: %s.", "1")
    seldom.warn("No: %s.", "0")
    assert said(caplog) == ["No: 0."]
