"""What sessions came to, day by day: true figures, not counts that slide.

Rule 1: what a day came to stands beside the sessions and changes in the same transaction: a year is read from 365 rows.
Rule 2: a session belongs to the day in which it began; a day is one in UTC.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import BigInteger, Column, Connection, PrimaryKeyConstraint, Table, Text

from quarterdeck.store.schema import metadata, upsert

DAY: Final = 86_400_000
FIGURES: Final = ("sessions", "tokens", "tokens_unknown", "cost", "unpriced")
"""Sessions, their tokens, how many have none that are known, their cost in billionths of a dollar, how many are
without a price.
"""

days = Table(
    "session_days",
    metadata,
    Column("instance", Text, nullable=False),
    Column("day", BigInteger, nullable=False),
    *(Column(name, BigInteger, nullable=False) for name in FIGURES),
    PrimaryKeyConstraint("instance", "day", name="pk_session_days"),
)
"""By instance and the millisecond in which a day begins; sessions without a beginning have a day before all days."""


def day_of(started: int) -> int:
    """Return the day in which a moment lies, both in milliseconds."""
    return started - started % DAY


def add(connection: Connection, instance: str, changes: Mapping[int, Sequence[int]]) -> None:
    """Add what changed to the days in which the changed sessions began."""
    rows = [
        {"instance": instance, "day": day, **dict(zip(FIGURES, by, strict=True))}
        for day, by in sorted(changes.items())
        if any(by)
    ]
    if rows:
        statement = upsert(connection, days)
        sums = {name: days.c[name] + statement.excluded[name] for name in FIGURES}
        place = [days.c.instance, days.c.day]
        connection.execute(statement.on_conflict_do_update(index_elements=place, set_=sums), rows)
