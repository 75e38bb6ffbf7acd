"""The settings as the rest of the program sees them."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from quarterdeck.truth.instance import Instance
from quarterdeck.truth.thresholds import Thresholds
from quarterdeck.truth.watched import Repository, Service

PORT = 8710


class Units(NamedTuple):
    """Names and patterns of further systemd units to show, by the manager that knows them."""

    user: tuple[str, ...] = ()
    system: tuple[str, ...] = ()


class Settings(NamedTuple):
    """Everything that was decided, and everything that was found because nothing was decided."""

    instances: tuple[Instance, ...] = ()
    thresholds: Thresholds = Thresholds()
    port: int = PORT
    units: Units = Units()
    services: tuple[Service, ...] = ()
    repositories: tuple[Repository, ...] = ()
    file: Path | None = None
    """The file that was read; None when there is none."""
    notes: tuple[str, ...] = ()
    """What could not be found out while looking for homes, in words."""
