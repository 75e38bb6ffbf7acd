"""How far the clock of the ledger has come: so that it goes back with no restart of ours.

Rule: for each start of a machine there is one row: how long it had been up when the ledger's clock said what. Rows that
tell nothing any more, because another one is later, go.
"""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import BigInteger, Column, Connection, Table, Text, select

from quarterdeck.store.ledger.schema import metadata
from quarterdeck.store.schema import upsert

clocks = Table(
    "ledger_clocks",
    metadata,
    Column("boot", Text, primary_key=True),
    Column("up_us", BigInteger, nullable=False),
    Column("at_us", BigInteger, nullable=False),
)


class Tick(NamedTuple):
    """What the ledger's clock said when a machine had been up for so long."""

    boot: str
    up_us: int
    at_us: int


def ticks(connection: Connection) -> tuple[Tick, ...]:
    """Return what is kept."""
    found = connection.execute(select(clocks.c.boot, clocks.c.up_us, clocks.c.at_us))
    return tuple(Tick(row.boot, row.up_us, row.at_us) for row in found)


def keep(connection: Connection, tick: Tick) -> None:
    """Keep how far the clock has come."""
    connection.execute(clocks.delete().where(clocks.c.at_us <= tick.at_us))
    wanted = upsert(connection, clocks).values(tick._asdict())
    connection.execute(wanted.on_conflict_do_nothing(index_elements=["boot"]))
