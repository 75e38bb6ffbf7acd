"""From the schema that is there to the one of this release.

Rule 1: a schema that a newer release wrote is left alone.
Rule 2: all steps happen in one transaction: the database has the schema it had, or the one it shall have.
Rule 3: steps are numbered files; Alembic, which is dear to load, is loaded only when there is one to take.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import resources

from sqlalchemy import Connection, inspect, text

from quarterdeck.store.trouble import Kind, StoreTrouble

VERSIONS = "quarterdeck.store.migrations.versions"
STEP = re.compile(r"(\d{4})_\w+\.py")


@cache
def newest() -> str:
    """Return the number of the newest step: the schema of this release."""
    names = (STEP.fullmatch(file.name) for file in resources.files(VERSIONS).iterdir())
    return max(name[1] for name in names if name)


def found(connection: Connection) -> str | None:
    """Return the schema a database has; None when it has none."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()


def upgrade(connection: Connection, to: str | None = None) -> None:
    """Bring a database to the schema of this release, or to an earlier one.

    Raises:
        StoreTrouble: when its schema is a newer one.
    """
    before, to = found(connection), to or newest()
    if before == to:
        return
    if before is not None and before > newest():
        words = f"The history has schema {before}, which is newer than {newest()}, the newest this release knows"
        raise StoreTrouble(Kind.NEWER, words)
    from alembic import command  # noqa: PLC0415 -- rule 3
    from alembic.config import Config  # noqa: PLC0415 -- rule 3

    config = Config()
    config.set_main_option("script_location", "quarterdeck.store:migrations")
    config.attributes["connection"] = connection
    command.upgrade(config, to)
