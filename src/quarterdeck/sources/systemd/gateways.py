"""Which unit runs the gateway of which instance.

Rule 1: a unit belongs to an instance when there is evidence: its environment names the instance's home, or its main
        process holds the instance's lock. Its name proves nothing: the agent gives one and the same name to the unit
        of the default home and to that of any home outside it.
Rule 2: when the evidence points to two instances, the unit belongs to none.
Rule 3: what the operator has set holds where there is no evidence, never against it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import NamedTuple

from quarterdeck.errors import ConfigurationError
from quarterdeck.sources.files import SourceError
from quarterdeck.sources.systemd.show import UNIT_NAME, Unit
from quarterdeck.truth.instance import Instance

DEFAULT_UNIT = "hermes-gateway"


class Gateway(NamedTuple):
    """An instance, and the unit that is said or guessed to run its gateway."""

    instance: str
    unit: str
    homes: frozenset[str] = frozenset()
    """How its home may be written: as it was given, and with its links resolved."""
    configured: bool = False
    """Whether the operator named the unit. One that is merely guessed need not exist."""


def gateway_of(instance: Instance) -> Gateway | None:
    """Return the unit to look for: the one that was set, else the one the agent would have made.

    None when the agent could not have made one.

    Raises:
        ConfigurationError: when what was set is not the name of a unit.
    """
    guess = f"{DEFAULT_UNIT}-{instance.profile}" if instance.profile else DEFAULT_UNIT
    homes = frozenset() if instance.home is None else frozenset({str(instance.home), os.path.realpath(instance.home)})
    if instance.unit is not None:
        return Gateway(instance.id, unit_name(instance.unit), homes, configured=True)
    name = f"{guess}.service"
    return Gateway(instance.id, name, homes) if UNIT_NAME.fullmatch(name) else None


def unit_name(name: str) -> str:
    """Return a unit's full name; one without a suffix is a service, as systemctl has it.

    Raises:
        ConfigurationError: when no unit can have this name.
    """
    full = name if UNIT_NAME.fullmatch(name) else f"{name}.service"
    if not UNIT_NAME.fullmatch(full):
        raise ConfigurationError(
            f"{name!r} is not the name of a systemd unit",
            "Write it as `systemctl list-units` shows it, such as hermes-gateway.service.",
        )
    return full


def owner(unit: Unit, gateways: Iterable[Gateway], holders: Mapping[int, str]) -> str | None:
    """Return the instance whose gateway a unit runs, by the evidence; None when it is none or several."""
    voices = {gateway.instance for gateway in gateways if unit.home in gateway.homes}
    with suppress(SourceError):  # a unit without a main process holds no lock
        voices |= {holders[pid] for pid in (unit.count("MainPID"),) if pid in holders}
    return voices.pop() if len(voices) == 1 else None


def belongs(unit: Unit, gateway: Gateway, gateways: Iterable[Gateway], holders: Mapping[int, str]) -> bool:
    """Whether a unit runs this gateway: by evidence, or because the operator says so and nothing speaks against it."""
    found = owner(unit, gateways, holders)
    if found is not None:
        return found == gateway.instance
    return gateway.configured and unit.home is None
