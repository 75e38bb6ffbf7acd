"""Incidents as views tell them."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

from quarterdeck.truth import fields as F  # noqa: N812
from quarterdeck.truth.fields import Field
from quarterdeck.truth.incidents import Setting
from quarterdeck.truth.instance import Instance
from quarterdeck.truth.reading import AnyReading, Key, Reason
from quarterdeck.truth.snapshot import Snapshot, remember
from quarterdeck.views import VIEWS
from quarterdeck.views.asked import Asked
from quarterdeck.views.contract import as_json
from quarterdeck.views.judged import Judged
from quarterdeck.views.trouble import settings_of
from tests.truth.cast import NOW, ORIGIN, ago, readings

NORTH = Instance("north", "north", home=PurePath("/h/.hermes"))
SOUTH = Instance("south", "south", home=PurePath("/h/.hermes/profiles/south"), root=PurePath("/h/.hermes"))
DISK = "host:deck/disk//"


def disk(*homes: str) -> dict[Key, AnyReading]:
    told: dict[Field[Any], object] = {F.DISK_TOTAL: 100.0, F.DISK_FREE: 50.0, F.INODES_FREE_SHARE: None}
    return {
        (DISK, field.name): field.known(DISK, ORIGIN, value, NOW) for field, value in {**told, F.DISK_OF: homes}.items()
    }


def brief(world: dict[Key, AnyReading]) -> Any:
    return as_json(VIEWS["brief"].make(Judged(Snapshot(7, NOW, (NORTH, SOUTH), world), NOW), Asked(), None))


def test_it_is_told_where_each_instance_lives_and_what_it_runs_on() -> None:
    """Host, provider, model, release and the home it is a profile of come from readings and settings."""
    world = readings() | disk("north")
    assert settings_of(Judged(Snapshot(7, NOW, (NORTH, SOUTH), world), NOW)) == {
        "north": Setting("deck", "somebody", "big-model", None, "north"),
        "south": Setting(None, None, None, None, "north"),
    }


def test_what_an_instance_runs_on_is_not_forgotten_when_it_cannot_be_read() -> None:
    """A configuration that became unreadable still says who the provider was."""
    lost = F.PROVIDER.unavailable("hermes:north/model", ORIGIN, Reason.DENIED, "not let in", NOW)
    world = readings() | remember(readings(at=ago(900)), [lost])
    assert settings_of(Judged(Snapshot(7, NOW, (NORTH,), world), NOW))["north"].provider == "somebody"


def test_the_brief_says_once_what_went_wrong_together() -> None:
    """Two agents whose provider refuses them are one line that names the provider, with both in its chain."""
    refused: dict[Field[Any], object] = {F.RATE_LIMITED_AT: ago(30), F.LAST_SUCCESS: ago(400)}
    rows = brief(readings(refused) | readings(refused, instance="south") | disk("north", "south"))["rows"]
    assert [row["subject"] for row in rows] == ["hermes:north/gateway"]
    incident = rows[0]["incident"]
    assert incident["message"] == "2 gateways that use the provider somebody went wrong together"
    assert incident["shares"] == {"what": "provider", "value": "somebody"}
    assert set(rows[0]["folded"]) == {"hermes:south/gateway", "hermes:north/model", "hermes:south/model"}


def test_a_filter_shows_what_is_wrong_with_that_instance_only() -> None:
    """Under a filter an incident has the members that pass it."""
    refused: dict[Field[Any], object] = {F.RATE_LIMITED_AT: ago(30), F.LAST_SUCCESS: ago(400)}
    world = readings(refused) | readings(refused, instance="south")
    judged = Judged(Snapshot(7, NOW, (NORTH, SOUTH), world), NOW)
    (row,) = VIEWS["brief"].make(judged, Asked("south"), None).rows
    assert (row.subject, row.folded) == ("hermes:south/gateway", ("hermes:south/model",))
