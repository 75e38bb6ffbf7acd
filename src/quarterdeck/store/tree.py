"""From the schema that is there to the one of this release.

Rule 1: a schema that a newer release wrote is left alone.
Rule 2: all steps happen in one transaction: the database has the schema it had, or the one it shall have.
Rule 3: steps are numbered files; Alembic, which is dear to load and never leaves again, is loaded only when there is
        one to take. A database that is begun gets at once what all steps from nothing would have led to.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from typing import Final, NamedTuple

from sqlalchemy import Column, Connection, MetaData, PrimaryKeyConstraint, String, Table, insert, inspect, select

from quarterdeck.store.trouble import Kind, StoreError

STEP: Final = re.compile(r"(\d{4})_\w+\.py")


class Tree(NamedTuple):
    """The tables of one database, and the steps that led to them."""

    name: str
    """What the database is called where it is spoken of."""
    metadata: MetaData
    package: str
    """The package that has ``migrations``, with the steps in ``migrations.versions``."""
    mark: str
    """The table that says which step was taken last. Each tree has its own: several may stand in one database."""

    def newest(self) -> str:
        """Return the number of the newest step: the schema of this release."""
        return _newest(f"{self.package}.migrations.versions")

    def found(self, connection: Connection) -> str | None:
        """Return the schema a database has; None when it has none."""
        if not inspect(connection).has_table(self.mark):
            return None
        return connection.execute(select(_mark(self.mark).c.version_num)).scalar_one_or_none()

    def upgrade(self, connection: Connection, to: str | None = None) -> None:
        """Bring a database to the schema of this release, or to an earlier one.

        Raises:
            StoreError: when its schema is a newer one.
        """
        before, to = self.found(connection), to or self.newest()
        if before == to:
            return
        if before is None and to == self.newest():
            self._begin(connection, to)
            return
        if before is not None and before > self.newest():
            words = f"The {self.name} has schema {before}, which is newer than {self.newest()}"
            raise StoreError(Kind.NEWER, f"{words}, the newest this release knows")
        self.step(connection, to)

    def step(self, connection: Connection, to: str) -> None:
        """Take every step there is up to one, from wherever a database is."""
        from alembic import command  # noqa: PLC0415 -- rule 3
        from alembic.config import Config  # noqa: PLC0415 -- rule 3

        config = Config()
        config.set_main_option("script_location", f"{self.package}:migrations")
        config.attributes["connection"] = connection
        command.upgrade(config, to)

    def _begin(self, connection: Connection, to: str) -> None:
        self.metadata.create_all(connection)
        table = _mark(self.mark)
        table.create(connection)
        connection.execute(insert(table).values(version_num=to))


@cache
def _newest(versions: str) -> str:
    names = (STEP.fullmatch(file.name) for file in resources.files(versions).iterdir())
    return max(name[1] for name in names if name)


@cache
def _mark(name: str) -> Table:
    """Return Alembic's own table, as it makes it."""
    return Table(
        name,
        MetaData(),
        Column("version_num", String(32), nullable=False),
        PrimaryKeyConstraint("version_num", name=f"{name}_pkc"),
    )
