"""Which unit is looked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from quarterdeck.errors import ConfigurationError
from quarterdeck.sources.systemd import gateway_of
from quarterdeck.sources.systemd.gateways import unit_name
from quarterdeck.truth.instance import Instance

GUESSES = {
    "the default home": (Instance("a", "A"), ("hermes-gateway.service", False)),
    "a profile": (Instance("a", "A", profile="coder"), ("hermes-gateway-coder.service", False)),
    "what was set": (Instance("a", "A", profile="coder", unit="agent"), ("agent.service", True)),
    "what was set in full": (Instance("a", "A", unit="agent@x.service"), ("agent@x.service", True)),
}


@pytest.mark.parametrize(("instance", "unit"), GUESSES.values(), ids=GUESSES.keys())
def test_the_unit_of_an_instance(instance: Instance, unit: tuple[str, bool]) -> None:
    """It is the one the operator set, else the one the agent makes; only the former is expected to be there."""
    gateway = gateway_of(instance)
    assert gateway is not None
    assert (gateway.unit, gateway.configured) == unit


def test_a_home_is_known_by_its_links_as_well(tmp_path: Path) -> None:
    """A home that is reached through a link is recognised by either path."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    gateway = gateway_of(Instance("a", "A", home=tmp_path / "link"))
    assert gateway is not None
    assert gateway.homes == {str(tmp_path / "link"), str(tmp_path / "real")}


def test_a_profile_that_cannot_be_in_a_name_has_no_unit() -> None:
    """The agent cannot have made a unit of an impossible name; asking for it would spoil the whole call."""
    assert gateway_of(Instance("a", "A", profile="two words")) is None


@pytest.mark.parametrize("name", ["", "two words", "a/b", "--help me", "a" * 300, "ünit", "a;b"])
def test_a_setting_that_is_no_name_is_an_error(name: str) -> None:
    """An impossible name is refused at once, with words on how to write it."""
    with pytest.raises(ConfigurationError) as refused:
        unit_name(name)
    assert "list-units" in refused.value.fix
