"""What may be said of a host's place on its tailnet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pytest

from quarterdeck.truth import fields as F  # noqa: N812
from quarterdeck.truth.fields import Field
from quarterdeck.truth.judgement import Judgement, Status
from quarterdeck.truth.reading import AnyReading, Key, Reason
from quarterdeck.truth.tables import judge_subject
from quarterdeck.truth.thresholds import Thresholds
from tests.truth.cast import NOW, ORIGIN, ago

HOST: Final = "host:deck/tailnet"
DAY: Final = 86_400
WELL: Final[Mapping[Field[Any], object]] = {
    F.TAILNET_STATE: "running",
    F.TAILNET_ADDRESSES: ("100.101.102.103",),
    F.TAILNET_PEERS: 3,
    F.TAILNET_ONLINE: 2,
    F.TAILNET_KEY_EXPIRES_AT: ago(-90 * DAY),
    F.TAILNET_KEY_EXPIRED: False,
    F.TAILNET_WARNINGS: 1,
    F.FUNNEL: (),
}


def judged(*lost: Field[Any], **changed: object) -> Judgement:
    names = {field.name: field for field in WELL}
    facts = {**WELL, **{names[name]: value for name, value in changed.items()}}
    readings: dict[Key, AnyReading] = {
        (HOST, field.name): field.unavailable(HOST, ORIGIN, Reason.MISSING, "its socket is not there", NOW)
        if field in lost
        else field.known(HOST, ORIGIN, value, NOW)
        for field, value in facts.items()
    }
    return judge_subject(HOST, readings, NOW, Thresholds())


@pytest.mark.parametrize(
    ("changed", "status", "reason"),
    [
        ({}, Status.OK, "connected as 100.101.102.103, 2 of 3 other machines are"),
        ({"key_expires_at": None}, Status.OK, "connected as 100.101.102.103, 2 of 3 other machines are"),
        (
            {"funnel": ("deck.tail1234.ts.net:443",)},
            Status.OK,
            "connected as 100.101.102.103, 2 of 3 other machines are, 1 place of it open to everybody",
        ),
        ({"state": "stopped"}, Status.DOWN, "not on its tailnet: its daemon is stopped"),
        ({"state": "needs login"}, Status.DOWN, "not on its tailnet: it is logged out"),
        ({"state": "needs approval"}, Status.DOWN, "not on its tailnet: it waits to be approved"),
        ({"state": "starting"}, Status.DEGRADED, "its daemon is only starting"),
        (
            {"key_expired": True, "key_expires_at": ago(DAY)},
            Status.DOWN,
            "its key has expired: it is off its tailnet until somebody logs it in again",
        ),
        ({"key_expires_at": ago(-3 * DAY)}, Status.DEGRADED, "its key expires in 3 d"),
    ],
)
def test_how_it_is(changed: dict[str, object], status: Status, reason: str) -> None:
    """Connected is well; off the tailnet is down; a key that ends soon is trouble before it ends."""
    found = judged(**changed)
    assert (found.status, found.reason) == (status, reason)


@pytest.mark.parametrize("lost", [F.TAILNET_STATE, F.TAILNET_KEY_EXPIRED, F.TAILNET_KEY_EXPIRES_AT])
def test_nothing_is_well_that_is_not_known(lost: Field[Any]) -> None:
    """Without the daemon's word for its state and its key, nothing is said to be well."""
    assert judged(lost).status is Status.UNKNOWN


def test_a_daemon_that_is_not_connected_needs_no_more_than_its_state() -> None:
    """What a daemon does not say while it is off does not hide that it is off."""
    assert judged(F.TAILNET_PEERS, F.TAILNET_KEY_EXPIRES_AT, F.FUNNEL, state="stopped").status is Status.DOWN
