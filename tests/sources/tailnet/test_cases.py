"""What is read in the answers of the tailnet's daemon, recorded and spoilt."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from quarterdeck.sources.tailnet import TailnetSource
from tests.fakes.tailscaled import OWN, Tailscaled
from tests.sources.tailnet.recorded import CASES, expected, names, said, written

NOW = datetime(2026, 11, 21, 2, 10, tzinfo=UTC)


@pytest.mark.parametrize("name", names())
def test_every_reading_of_a_recorded_case(name: str, tmp_path: Path) -> None:
    """Each fact of a recorded answer reads as it must: the value, or the reason why there is none."""
    with Tailscaled(tmp_path / "tailscaled.sock") as daemon:
        daemon.instead = said(name)
        readings = list(TailnetSource("deck", daemon.socket, lambda: OWN).look(NOW))
    assert {one.subject for one in readings} == {"host:deck/tailnet"}
    assert written(readings) == expected(name)


def test_nothing_personal_is_read() -> None:
    """No path, login, text or redirect of what is served, no name of a peer and no warning's words are in any fact."""
    told = "".join((CASES / name / "expected.json").read_text(encoding="utf-8") for name in names())
    for word in (
        "home",
        "word",
        "secret",
        "note of",
        "example.net",
        "phone",
        "me@",
        "192.0.2",
        "nodekey",
        "logged out",
    ):
        assert word not in told


def test_there_are_cases() -> None:
    """The answers that matter most are recorded: connected, logged out, open to everybody, of a newer release."""
    assert {"connected", "logged-out", "serve-and-funnel", "newer-release", "wrong-types"} <= set(names())
