"""The settings as the rest of the program sees them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from quarterdeck.truth.instance import Instance
from quarterdeck.truth.thresholds import Thresholds

PORT = 8710


@dataclass(frozen=True, slots=True)
class Units:
    """Names and patterns of further systemd units to show, by the manager that knows them."""

    user: tuple[str, ...] = ()
    system: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that was decided, and everything that was found because nothing was decided."""

    instances: tuple[Instance, ...] = ()
    thresholds: Thresholds = field(default_factory=Thresholds)
    port: int = PORT
    units: Units = field(default_factory=Units)
    file: Path | None = None
    """The file that was read; None when there is none."""
    notes: tuple[str, ...] = ()
    """What could not be found out while looking for homes, in words."""
