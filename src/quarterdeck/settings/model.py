"""The settings as the rest of the program sees them."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from quarterdeck.settings.access import PORT, Access, Ledger, Server
from quarterdeck.settings.exposure import Exposure
from quarterdeck.truth.instance import Instance
from quarterdeck.truth.thresholds import Thresholds
from quarterdeck.truth.watched import Forge, Repository, Service


class Units(NamedTuple):
    """Names and patterns of further systemd units to show, by the manager that knows them."""

    user: tuple[str, ...] = ()
    system: tuple[str, ...] = ()


class History(NamedTuple):
    """What is remembered, where, and for how long."""

    record: bool = True
    file: Path = Path("history.db")
    """Where the history lies, unless it is in a server's database."""
    database: str | None = None
    """The address of a PostgreSQL database."""
    exact_days: float = 14.0
    keep_days: float = 400.0
    most_mb: int = 2_000

    @property
    def place(self) -> Path | str:
        """The file or the address."""
        return self.file if self.database is None else self.database

    @property
    def name(self) -> str:
        """What it is called where it is spoken of."""
        return self.file.name if self.database is None else "PostgreSQL"


class Settings(NamedTuple):
    """Everything that was decided, and everything that was found because nothing was decided."""

    instances: tuple[Instance, ...] = ()
    thresholds: Thresholds = Thresholds()
    port: int = PORT
    server: Server = Server()
    access: Access = Access()
    ledger: Ledger = Ledger()
    units: Units = Units()
    services: tuple[Service, ...] = ()
    repositories: tuple[Repository, ...] = ()
    forges: tuple[Forge, ...] = ()
    history: History = History()
    exposure: Exposure = Exposure()
    state: Path | None = None
    """The folder for what this program keeps for itself, such as the key that signs evidence; None for none."""
    file: Path | None = None
    """The file that was read; None when there is none."""
    notes: tuple[str, ...] = ()
    """What could not be found out while looking for homes, in words."""
