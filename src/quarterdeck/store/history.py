"""The memory, as those who ask it see it.

Rule: every answer is read from one state of the database, and is bounded in size. Whoever asks gets plain data.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from quarterdeck.store import changes, gaps, past, runs, said, session_query, tallies
from quarterdeck.store.engine import Engine
from quarterdeck.store.samples import Samples
from quarterdeck.truth.past import (
    Blind,
    Change,
    Entry,
    Late,
    Run,
    RunRecord,
    Said,
    SessionPage,
    SessionQuery,
    Tally,
    Trend,
)
from quarterdeck.truth.snapshot import Snapshot

KEPT: Final = 8
"""Snapshots of the past that are kept at hand: whoever looks at one moment asks for several pages of it."""
KEPT_READINGS: Final = 40_000
"""Readings that they may hold together; the newest snapshot is kept however large it is."""


class History:
    """What was recorded, for reading. Any thread may ask; each question has a connection of its own.

    Every method raises ``StoreError``, a ``MemoryUnavailableError``, when the database cannot answer.
    """

    def __init__(self, engine: Engine, *, kept_readings: int = KEPT_READINGS) -> None:
        self.engine = engine
        self._kept_readings = kept_readings
        self._samples = Samples(engine.names)
        self._at_hand: OrderedDict[tuple[int, datetime], Snapshot] = OrderedDict()
        self._hand = threading.Lock()

    def began(self) -> datetime | None:
        """Since when there is anything; None when nothing was ever recorded."""
        with self.engine.reading() as connection:
            return past.began(connection)

    def snapshot_at(self, at: datetime) -> Snapshot | None:
        """What was known at a moment; None when memory begins later."""
        with self.engine.reading() as connection:
            record = past.record_at(connection, at)
            return None if record is None else self._load(connection, record)

    def moment(self, at: datetime) -> datetime | None:
        """The moment of which ``snapshot_at(at)`` is the whole truth; None when memory begins later."""
        with self.engine.reading() as connection:
            record = past.record_at(connection, at)
            return None if record is None else record.moment(at)

    def _load(self, connection: Connection, record: past.Record) -> Snapshot:
        key = (record.seq, record.known_at)
        with self._hand:
            found = self._at_hand.get(key)
        if found is None:
            found = past.load(connection, self.engine.names, record)
        with self._hand:
            self._at_hand[key] = found
            self._at_hand.move_to_end(key)
            held = sum(len(one.readings) for one in self._at_hand.values())
            while len(self._at_hand) > KEPT or (held > self._kept_readings and len(self._at_hand) > 1):
                _, oldest = self._at_hand.popitem(last=False)
                held -= len(oldest.readings)
        return found

    def changes(
        self,
        since: datetime,
        until: datetime,
        *,
        subject: str | None = None,
        instance: str | None = None,
        limit: int = 500,
    ) -> Sequence[Change]:
        """Status changes known in ``(since, until]``, newest first."""
        with self.engine.reading() as connection:
            among = None if subject is None else [subject]
            return changes.between(connection, since, until, among=among, instance=instance, limit=limit)

    def said(self, subject: str, since: datetime, until: datetime, *, limit: int = 500) -> Sequence[Said]:
        """Readings of a subject that became others in ``(since, until]``, newest first."""
        with self.engine.reading() as connection:
            return list(said.between(connection, subject, since, until, limit=limit))

    def blind(self, since: datetime, until: datetime) -> Sequence[Blind]:
        """The intervals in which we did not look that touch ``[since, until]``, oldest first."""
        with self.engine.reading() as connection:
            return gaps.between(connection, since, until)

    def learnt_late(
        self, at: datetime, until: datetime, *, instance: str | None = None, limit: int = 50
    ) -> Sequence[Late]:
        """What was true at or before ``at`` and became known after it, up to ``until``; oldest first."""
        with self.engine.reading() as connection:
            return list(past.learnt_late(connection, at, until, instance=instance, limit=limit))

    def trends(
        self, fields: Sequence[tuple[str, str]], since: datetime, until: datetime, step: timedelta
    ) -> Sequence[Trend]:
        """Trends of ``(subject, field)`` pairs, in their order."""
        with self.engine.reading() as connection:
            return self._samples.trends(connection, fields, since, until, step)

    def tracked(self, instance: str | None = None) -> Sequence[tuple[str, str]]:
        """The ``(subject, field)`` pairs that have a trend; of an instance and of what is shared."""
        with self.engine.reading() as connection:
            return self._samples.tracked(connection, instance)

    def tallies(
        self,
        measures: Sequence[str],
        since: datetime,
        until: datetime,
        step: timedelta,
        *,
        instance: str | None = None,
        known_by: datetime | None = None,
    ) -> Sequence[Tally]:
        """What was counted in ``[since, until]``, by instance and measure."""
        with self.engine.reading() as connection:
            return list(tallies.tallies(connection, measures, since, until, step, instance=instance, known_by=known_by))

    def runs(
        self, subject: str, since: datetime, until: datetime, *, known_by: datetime | None = None
    ) -> Sequence[Run]:
        """The recorded runs of a job or timer that began within a span, oldest first."""
        found = self.run_record(subject, since, until, known_by=known_by).runs
        return [run for run in found if run.began_at >= since]

    def run_record(
        self, subject: str, since: datetime, until: datetime, *, known_by: datetime | None = None
    ) -> RunRecord:
        """When a job or timer was to run over a span and when it ran, as far as that was known."""
        with self.engine.reading() as connection:
            return runs.record(connection, self.engine.names, subject, since, until, known_by=known_by)

    def sessions(self, query: SessionQuery) -> SessionPage:
        """A page of the session ledger."""
        with self.engine.reading() as connection:
            return session_query.page(connection, query)

    def session(self, instance: str, identity: str, *, known_by: datetime | None = None) -> Entry | None:
        """One session; None when the ledger does not hold it."""
        with self.engine.reading() as connection:
            return session_query.one(connection, instance, identity, known_by=known_by)
