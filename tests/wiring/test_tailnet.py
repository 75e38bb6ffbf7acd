"""When the tailnet's daemon is asked, and when its word is proof."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from quarterdeck.settings import Settings
from quarterdeck.settings.access import Access, Server
from quarterdeck.truth.reading import Reason, Unavailable
from quarterdeck.wiring.deck import build
from quarterdeck.wiring.tailnet import tailnet
from tests.fakes.tailscaled import Tailscaled

NOW = datetime(2026, 11, 21, 2, 10, tzinfo=UTC)


def test_a_daemon_that_was_named_is_asked(tmp_path: Path) -> None:
    """Where the settings name a socket its daemon is a source, also while it is not there."""
    settings = Settings(access=Access(tailscaled=tmp_path / "tailscaled.sock"))
    assert [one.name for one in tailnet(settings, "deck")] == ["tailnet"]
    assert "tailnet" in [source.name for source in build(settings).sources]


@pytest.mark.parametrize("server", [Server(tailnet=True), Server(socket=Path("/run/quarterdeck/serve.sock"))])
def test_a_daemon_that_is_counted_on_is_asked(server: Server) -> None:
    """Whoever serves the tailnet wants to know how its daemon is."""
    assert [one.name for one in tailnet(Settings(server=server), "deck")] == ["tailnet"]


def test_its_word_alone_is_no_proof(tmp_path: Path) -> None:
    """A daemon whose address the kernel does not have is heard, and its address is not told as proven."""
    with Tailscaled(tmp_path / "tailscaled.sock") as daemon:
        (source,) = tailnet(Settings(access=Access(tailscaled=daemon.socket)), "deck")
        readings = {one.field: one for one in source.look(NOW)}
    proven = readings["proven"]
    assert isinstance(proven, Unavailable)
    assert (proven.reason, proven.detail) == (
        Reason.DENIED, "The kernel does not have the address that the tailnet's daemon names"
    )  # fmt: skip
