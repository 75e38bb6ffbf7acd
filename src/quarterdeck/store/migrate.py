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
from typing import Final

from sqlalchemy import Column, Connection, MetaData, PrimaryKeyConstraint, String, Table, insert, inspect, select

from quarterdeck.store import alert_hours, changes, gaps, readings, runs, samples, schema, session_days, sessions
from quarterdeck.store.trouble import Kind, StoreError

VERSIONS = "quarterdeck.store.migrations.versions"
STEP = re.compile(r"(\d{4})_\w+\.py")
KEEPERS: Final = (alert_hours, changes, gaps, readings, runs, samples, schema, session_days, sessions)
"""The modules that have tables: a table is known only when its module was loaded."""
_version = Table(
    "alembic_version",
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)
"""Alembic's own table, as it makes it."""


@cache
def newest() -> str:
    """Return the number of the newest step: the schema of this release."""
    names = (STEP.fullmatch(file.name) for file in resources.files(VERSIONS).iterdir())
    return max(name[1] for name in names if name)


def found(connection: Connection) -> str | None:
    """Return the schema a database has; None when it has none."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(select(_version.c.version_num)).scalar_one_or_none()


def upgrade(connection: Connection, to: str | None = None) -> None:
    """Bring a database to the schema of this release, or to an earlier one.

    Raises:
        StoreError: when its schema is a newer one.
    """
    before, to = found(connection), to or newest()
    if before == to:
        return
    if before is None and to == newest():
        _begin(connection, to)
        return
    if before is not None and before > newest():
        words = f"The history has schema {before}, which is newer than {newest()}, the newest this release knows"
        raise StoreError(Kind.NEWER, words)
    from alembic import command  # noqa: PLC0415 -- rule 3
    from alembic.config import Config  # noqa: PLC0415 -- rule 3

    config = Config()
    config.set_main_option("script_location", "quarterdeck.store:migrations")
    config.attributes["connection"] = connection
    command.upgrade(config, to)


def _begin(connection: Connection, to: str) -> None:
    schema.metadata.create_all(connection)
    _version.create(connection)
    connection.execute(insert(_version).values(version_num=to))
