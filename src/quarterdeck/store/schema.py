"""What all tables have in common: their words, their types, and how a moment is kept.

Rule 1: moments are whole numbers since 1970 in UTC. ``ms`` is enough for what people sort and filter by; where a
        moment must come back exactly as it was, it is kept in microseconds.
Rule 2: types are those that SQLite and PostgreSQL both have. What is a mapping is kept as JSON text.
Rule 3: a subject is written out once, in ``subjects``; everything else names it by its number.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Column, Connection, Integer, MetaData, Row, Table, Text, select
from sqlalchemy.dialects import sqlite

from quarterdeck.truth.instance import instance_of

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
MILLISECOND = timedelta(milliseconds=1)

TOGETHER = 500
"""Subjects that are asked for at once."""

NAMES = {"ix": "ix_%(table_name)s_%(column_0_N_name)s", "uq": "uq_%(table_name)s_%(column_0_N_name)s"}
metadata = MetaData(naming_convention=NAMES)

Id = BigInteger().with_variant(Integer, "sqlite")
"""A number that the database gives; on SQLite only this spelling makes it the row's own."""
Moment = BigInteger
"""A moment as ``ms`` or ``us`` writes it; a column of microseconds says so in its name."""


def ms(moment: datetime) -> int:
    """Write a moment as milliseconds; what is finer is dropped, so that it is never later than it was."""
    return (moment - EPOCH) // MILLISECOND


def moment(written: int) -> datetime:
    """Read a moment that ``ms`` wrote."""
    return EPOCH + timedelta(milliseconds=written)


def us(moment: datetime) -> int:
    """Write a moment exactly."""
    return (moment - EPOCH) // MICROSECOND


def exact(written: int) -> datetime:
    """Read a moment that ``us`` wrote."""
    return EPOCH + timedelta(microseconds=written)


subjects = Table(
    "subjects",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("instance", Text, nullable=False, index=True),
)


class Names:
    """Subjects by number and by name, kept in memory. The engine has one; it forgets what was not committed."""

    def __init__(self) -> None:
        self._ids: dict[str, int] = {}
        self._names: dict[int, str] = {}

    def id(self, connection: Connection, name: str) -> int:
        """Return a subject's number, giving it one when it has none. Only inside ``Engine.write``."""
        found = self.find(connection, name)
        if found is not None:
            return found
        row = {"name": name, "instance": instance_of(name)}
        made = connection.execute(subjects.insert().values(row).returning(subjects.c.id)).scalar_one()
        return self._keep(made, name)

    def learn(self, connection: Connection, names: Iterable[str]) -> None:
        """Give many subjects their numbers at once. Only inside ``Engine.write``."""
        missing = [name for name in dict.fromkeys(names) if name not in self._ids]
        for some in (missing[start : start + TOGETHER] for start in range(0, len(missing), TOGETHER)):
            there = {row.name for row in self._stored(connection, some)}
            new = [{"name": name, "instance": instance_of(name)} for name in some if name not in there]
            if new:
                connection.execute(subjects.insert(), new)
            for row in self._stored(connection, some):
                self._keep(row.id, row.name)

    @staticmethod
    def _stored(connection: Connection, names: Sequence[str]) -> Sequence[Row[Any, Any]]:
        asked = select(subjects.c.id, subjects.c.name).where(subjects.c.name.in_(names))
        return connection.execute(asked).all()

    def find(self, connection: Connection, name: str) -> int | None:
        """Return a subject's number; None when nothing was ever recorded of it."""
        found = self._ids.get(name)
        if found is None:
            stored = connection.execute(select(subjects.c.id).where(subjects.c.name == name)).scalar_one_or_none()
            found = None if stored is None else self._keep(stored, name)
        return found

    def name(self, connection: Connection, identity: int) -> str:
        """Return the subject that has a number.

        Raises:
            KeyError: when none has it.
        """
        found = self._names.get(identity)
        if found is None:
            stored = {row.id: row.name for row in connection.execute(select(subjects.c.id, subjects.c.name))}
            for number, name in stored.items():
                self._keep(number, name)
            found = stored[identity]  # who writes may just have made us forget what was kept
        return found

    def forget(self) -> None:
        """Forget everything: it may not have been committed."""
        self._ids, self._names = {}, {}

    def _keep(self, identity: int, name: str) -> int:
        self._ids[name], self._names[identity] = identity, name
        return identity


def upsert(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """Return an insert that knows ``on_conflict_do_update`` and ``…_do_nothing``, whichever database it is."""
    if connection.dialect.name == "sqlite":
        return sqlite.insert(table)
    from sqlalchemy.dialects import postgresql  # noqa: PLC0415 -- most have none, and it is dear

    return postgresql.insert(table)
