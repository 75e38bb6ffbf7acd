"""What all tables of the ledger have in common, and its marks.

Rule 1: it has tables, steps and a mark of its own. It may stand in the database of the history, and the two never meet.
Rule 2: no secret is kept. What was handed out is known by its SHA-256.
Rule 3: moments are whole microseconds since 1970, by the clock of the ledger, which never goes back.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Connection, MetaData, Table, Text, select

from quarterdeck.store.schema import NAMES, upsert

metadata: Final = MetaData(naming_convention=NAMES)

marks = Table(
    "ledger_marks",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", BigInteger, nullable=False),
)


def mark(connection: Connection, name: str) -> int | None:
    """Return a mark; None when it was never set."""
    return connection.execute(select(marks.c.value).where(marks.c.name == name)).scalar_one_or_none()


def set_mark(connection: Connection, name: str, value: int) -> None:
    """Set a mark."""
    wanted = upsert(connection, marks).values(name=name, value=value)
    connection.execute(wanted.on_conflict_do_update(index_elements=["name"], set_={"value": value}))
