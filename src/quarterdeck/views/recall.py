"""What views may ask of memory. They get plain data; who remembers it, and where, is not theirs to know."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

from quarterdeck.truth.past import (
    Blind,
    Change,
    Entry,
    Late,
    Run,
    RunRecord,
    Said,
    SessionDetail,
    SessionPage,
    SessionQuery,
    Tally,
    Trend,
)
from quarterdeck.truth.reading import Reading
from quarterdeck.truth.snapshot import Snapshot


class Recall(Protocol):
    """The memory, as views ask it. Every answer is bounded in size; moments carry their zone."""

    def began(self) -> datetime | None:
        """Since when there is anything; None when nothing was ever recorded."""

    def snapshot_at(self, at: datetime) -> Snapshot | None:
        """What was known at a moment; None when memory begins later."""

    def moment(self, at: datetime) -> datetime | None:
        """The moment of which ``snapshot_at(at)`` is the whole truth: ``at`` itself, or, so far back that snapshots are
        thinned out, the moment before it that was kept. Judge at this one. None when memory begins later.
        """

    def changes(
        self,
        since: datetime,
        until: datetime,
        *,
        subject: str | None = None,
        instance: str | None = None,
        limit: int = 500,
    ) -> Sequence[Change]:
        """Status changes known in ``(since, until]``, newest first; of one subject, or of an instance and what is
        shared.
        """

    def said(self, subject: str, since: datetime, until: datetime, *, limit: int = 500) -> Sequence[Said]:
        """Readings of a subject that became others in ``(since, until]``, newest first; not what always moves."""

    def blind(self, since: datetime, until: datetime) -> Sequence[Blind]:
        """The intervals in which we did not look that touch ``[since, until]``, oldest first."""

    def learnt_late(
        self, at: datetime, until: datetime, *, instance: str | None = None, limit: int = 50
    ) -> Sequence[Late]:
        """What was true at or before ``at`` and became known after it, up to ``until``."""

    def trends(
        self, fields: Sequence[tuple[str, str]], since: datetime, until: datetime, step: timedelta
    ) -> Sequence[Trend]:
        """Trends of ``(subject, field)`` pairs, in their order."""

    def tracked(self, instance: str | None = None) -> Sequence[tuple[str, str]]:
        """The ``(subject, field)`` pairs that have a trend; of an instance and of what is shared."""

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
        """What was counted in ``[since, until]``, by instance and measure; who has no tally was not counted.

        Steps are hours, days or weeks in UTC; weeks begin on Monday.
        """

    def runs(
        self, subject: str, since: datetime, until: datetime, *, known_by: datetime | None = None
    ) -> Sequence[Run]:
        """The recorded runs of a job or timer that began within a span, oldest first."""

    def run_record(
        self, subject: str, since: datetime, until: datetime, *, known_by: datetime | None = None
    ) -> RunRecord:
        """When a job or timer was to run over a span and when it ran, as far as that was known."""

    def sessions(self, query: SessionQuery) -> SessionPage:
        """A page of the session ledger."""

    def session(self, instance: str, identity: str, *, known_by: datetime | None = None) -> Entry | None:
        """One session; None when the ledger does not hold it."""

    def session_detail(self, instance: str, identity: str) -> Reading[SessionDetail]:
        """A session's own record, read now from its home; why not, where it cannot be read."""
