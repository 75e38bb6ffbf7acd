"""When the status of a subject became another one.

Rule 1: a change is what a person would call one: the status itself, what keeps it from being well, being paused, held
        up or retired. That an agent sets to work and rests again, or that a reading is a little late, is none.
Rule 2: the first sight of a subject is a change from nothing. A restart is not: what was last said of each subject is
        read back before anything is said anew.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Column, Connection, Index, Row, Table, Text, func, insert, select

from quarterdeck.store.schema import Id, Moment, Names, exact, metadata, subjects, us
from quarterdeck.truth.instance import ALL
from quarterdeck.truth.judgement import Activity, Judgement, Status
from quarterdeck.truth.past import Change
from quarterdeck.truth.reading import Knowledge

changes = Table(
    "changes",
    metadata,
    Column("id", Id, primary_key=True),
    Column("subject", Id, nullable=False),
    Column("known_us", Moment, nullable=False),
    Column("status", Text, nullable=False),
    Column("activity", Text),
    Column("knowledge", Text, nullable=False),
    Column("rule", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("since_us", Moment),
    Column("before", Text),
    Index("ix_changes_subject_id", "subject", "id"),
    Index("ix_changes_known_us", "known_us"),
)

TELLING = frozenset({Activity.PAUSED, Activity.RATE_LIMITED, Activity.STUCK})
"""What a subject may be doing that is worth a word by itself."""
SETTLED = frozenset({Knowledge.PAUSED, Knowledge.RETIRED})


class Standing(NamedTuple):
    """What is said of a subject, as far as another word would be a change."""

    status: Status
    rule: str
    activity: Activity | None
    settled: Knowledge | None


def standing(said: Judgement | Change) -> Standing:
    """Return what a judgement says."""
    return Standing(
        said.status,
        "" if said.status is Status.OK else said.rule,
        said.activity if said.activity in TELLING else None,
        said.knowledge if said.knowledge in SETTLED else None,
    )


class Ledger:
    """Remembers what was last said of each subject, and writes what is said otherwise."""

    def __init__(self) -> None:
        self._last: dict[str, Standing] | None = None

    def forget(self) -> None:
        """Forget what was last said: it may not have been committed. It is read back before the next change."""
        self._last = None

    def record(
        self, connection: Connection, names: Names, judgements: Mapping[str, Judgement], now: datetime
    ) -> list[Change]:
        """Write what changed; return it, oldest first."""
        last = self._last
        if last is None:
            last = self._last = {one.subject: standing(one) for one in latest(connection)}
        found = [
            _change(one, now, last.get(subject))
            for subject, one in judgements.items()
            if last.get(subject) != standing(one)
        ]
        if found:
            connection.execute(insert(changes), [_row(one, names.id(connection, one.subject)) for one in found])
            last.update((one.subject, standing(one)) for one in found)
        return found


def _change(now_said: Judgement, now: datetime, before: Standing | None) -> Change:
    return Change(
        now_said.subject,
        now,
        now_said.status,
        now_said.activity,
        now_said.knowledge,
        now_said.rule,
        now_said.reason,
        now_said.since,
        before.status if before else None,
    )


def _row(one: Change, subject: int) -> dict[str, object]:
    return {
        "subject": subject,
        "known_us": us(one.known_at),
        "status": one.status.value,
        "activity": one.activity.value if one.activity else None,
        "knowledge": one.knowledge.value,
        "rule": one.rule,
        "reason": one.reason,
        "since_us": us(one.since) if one.since else None,
        "before": one.before.value if one.before else None,
    }


def latest(connection: Connection, before: datetime | None = None) -> Iterator[Change]:
    """Return the last change of every subject, known at or before a moment where one is given."""
    newest = select(func.max(changes.c.id)).group_by(changes.c.subject)
    if before is not None:
        newest = newest.where(changes.c.known_us <= us(before))
    rows = connection.execute(_CHANGES.where(changes.c.id.in_(newest)))
    return map(_read, rows)


def between(
    connection: Connection,
    since: datetime,
    until: datetime,
    *,
    among: Collection[str] | None = None,
    instance: str | None = None,
    limit: int,
) -> Sequence[Change]:
    """Return what changed in ``(since, until]``, newest first."""
    asked = _CHANGES.where(changes.c.known_us > us(since), changes.c.known_us <= us(until))
    if among is not None:
        asked = asked.where(subjects.c.name.in_(among))
    if instance is not None and instance != ALL:
        asked = asked.where(subjects.c.instance.in_((instance, ALL)))
    rows = connection.execute(asked.order_by(changes.c.known_us.desc(), changes.c.id.desc()).limit(limit))
    return [_read(row) for row in rows]


_CHANGES = select(subjects.c.name, changes).join(subjects, subjects.c.id == changes.c.subject)


def _read(row: Row[tuple[object, ...]]) -> Change:
    return Change(
        row.name,
        exact(row.known_us),
        Status(row.status),
        Activity(row.activity) if row.activity else None,
        Knowledge(row.knowledge),
        row.rule,
        row.reason,
        exact(row.since_us) if row.since_us is not None else None,
        Status(row.before) if row.before else None,
    )
