"""The tailnet's daemon as the collector sees it, also when it misbehaves."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from pathlib import Path

import pytest

from quarterdeck.errors import QuarterdeckError
from quarterdeck.sources.tailnet import TailnetSource
from quarterdeck.truth import fields as F  # noqa: N812 -- a table reads better with one letter before each field
from quarterdeck.truth.reading import AnyReading, Known, Reason, Unavailable
from tests.fakes.tailscaled import OWN, Machine, Net, Tailscaled

NOW = datetime(2026, 11, 21, 2, 10, tzinfo=UTC)
SERVE = {"serve_entries", "serve_targets", "funnel"}
TOLD = {field.name for field in F.FIELDS.values() if field.of == "tailnet"}


def look(place: Path, prove: Callable[[], Collection[str]] = lambda: OWN) -> dict[str, AnyReading]:
    source = TailnetSource("deck", place, prove)
    readings = list(source.look(NOW))
    assert {(one.subject, one.field) for one in readings} == set(source.expected)
    assert len(readings) == len(source.expected)
    return {one.field: one for one in readings}


def lost(readings: dict[str, AnyReading]) -> dict[str, tuple[Reason, str]]:
    return {name: (one.reason, one.detail) for name, one in readings.items() if isinstance(one, Unavailable)}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "tailscaled.sock"


def test_all_of_it(place: Path) -> None:
    """Two questions bring every fact, each with the document it stands in."""
    net = Net(machines=[Machine(), Machine(online=False)], serve={"TCP": {"443": {"HTTPS": True}}})
    with Tailscaled(place, net) as daemon:
        readings = look(place)
    assert lost(readings) == {}
    known = {name: one.value for name, one in readings.items() if isinstance(one, Known)}
    assert (known["peers"], known["peers_online"], known["serve_entries"]) == (2, 1, {"443": "https"})
    assert (readings["peers"].origin.locator, readings["funnel"].origin.locator) == ("status", "serve-config")
    asked = [question.split(b" ")[1] for question in daemon.heard]
    assert asked == [b"/localapi/v0/status", b"/localapi/v0/serve-config"]


@pytest.mark.parametrize(
    ("manner", "reason"),
    [
        ("garbage", Reason.CORRUPT),
        ("headless", Reason.CORRUPT),
        ("reset", Reason.CORRUPT),
        ("short", Reason.CORRUPT),
        ("trickling", Reason.TIMEOUT),
    ],
)
def test_a_daemon_that_misbehaves(place: Path, manner: str, reason: Reason) -> None:
    """Whatever the daemon does, each fact has its reason within the time the collector gives."""
    began = time.monotonic()
    with Tailscaled(place, manner=manner):
        found = lost(look(place))
    assert time.monotonic() - began < TailnetSource.budget_s + 1
    assert {why for name, (why, _) in found.items() if name != "proven"} == {reason}


def test_no_daemon(place: Path) -> None:
    """Without a daemon every fact says that its socket is not there."""
    found = lost(look(place))
    assert set(found.values()) == {(Reason.MISSING, "its socket is not there")}


def test_a_daemon_that_may_not_be_asked(place: Path) -> None:
    """Not to be answered as this user is told as that."""
    with Tailscaled(place) as daemon:
        daemon.readable = False
        found = lost(look(place))
    assert set(found.values()) == {(Reason.DENIED, "the daemon does not answer this user")}


@pytest.mark.parametrize(("word", "others"), [("status", SERVE | {"proven"}), ("serve-config", TOLD - SERVE)])
def test_one_document_that_cannot_be_had_leaves_the_other(place: Path, word: str, others: set[str]) -> None:
    """What the daemon does not tell, or tells in no form that is understood, takes nothing else with it."""
    answers = ((404, b"not found"), (500, b"{}"), (200, b"[]"), (200, b"{"), (200, b"\xff"), (200, b"[" * 99_999))
    with Tailscaled(place) as daemon:
        for answer in answers:
            daemon.instead = {word: answer}
            assert set(lost(look(place))) == TOLD - others


def test_an_address_that_is_not_proven(place: Path) -> None:
    """While there is a doubt, no address is told as proven, and the reason is in our words."""

    def doubt() -> Collection[str]:
        raise QuarterdeckError("The kernel does not have the address", "Look at it.")

    with Tailscaled(place):
        readings = look(place, doubt)
    assert lost(readings) == {"proven": (Reason.DENIED, "The kernel does not have the address")}


def test_a_tailnet_of_thousands(place: Path) -> None:
    """A tailnet with thousands of machines is counted whole, well within the time."""
    net = Net(machines=[Machine(id=f"n{number}", online=number % 2 == 0) for number in range(4_000)])
    with Tailscaled(place, net):
        readings = look(place)
    peers, online = readings["peers"], readings["peers_online"]
    assert isinstance(peers, Known)
    assert isinstance(online, Known)
    assert (peers.value, online.value) == (4_000, 2_000)
