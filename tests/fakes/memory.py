"""A memory that holds what a test puts into it. Whatever a test did not put in, is not remembered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from quarterdeck.truth.instance import instance_of
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


@dataclass(slots=True)
class FakeMemory:
    """Snapshots, changes and gaps, as they were recorded."""

    snapshots: list[tuple[datetime, Snapshot]] = field(default_factory=list)
    """With the moment of each, oldest first."""
    changed: list[Change] = field(default_factory=list)
    gaps: list[Blind] = field(default_factory=list)
    ran: dict[str, list[Run]] = field(default_factory=dict)
    planned: dict[str, RunRecord] = field(default_factory=dict)
    lately: list[Late] = field(default_factory=list)
    heard: list[Said] = field(default_factory=list)

    def began(self) -> datetime | None:
        """The moment of the first snapshot."""
        return self.snapshots[0][0] if self.snapshots else None

    def snapshot_at(self, at: datetime) -> Snapshot | None:
        """The newest snapshot of that moment or before."""
        return next((snapshot for moment, snapshot in reversed(self.snapshots) if moment <= at), None)

    def moment(self, at: datetime) -> datetime | None:
        """The moment itself, or the moment of the snapshot where that is told for a while."""
        return at if self.snapshot_at(at) is not None else None

    def changes(
        self,
        since: datetime,
        until: datetime,
        *,
        subject: str | None = None,
        instance: str | None = None,
        limit: int = 500,
    ) -> Sequence[Change]:
        """The newest first."""
        found = [
            each
            for each in self.changed
            if since < each.known_at <= until
            and subject in (None, each.subject)
            and (instance is None or instance_of(each.subject) in (instance, "all"))
        ]
        return sorted(found, key=lambda each: each.known_at, reverse=True)[:limit]

    def said(self, subject: str, since: datetime, until: datetime, *, limit: int = 500) -> Sequence[Said]:
        """The newest first."""
        found = [each for each in self.heard if each.reading.subject == subject and since < each.known_at <= until]
        return sorted(found, key=lambda each: each.known_at, reverse=True)[:limit]

    def blind(self, since: datetime, until: datetime) -> Sequence[Blind]:
        """Those that touch the span."""
        return [each for each in self.gaps if each.ended_at >= since and each.began_at <= until]

    def learnt_late(
        self, at: datetime, until: datetime, *, instance: str | None = None, limit: int = 50
    ) -> Sequence[Late]:
        """What became known between the two."""
        return [each for each in self.lately if each.true_at <= at < each.known_at <= until][:limit]

    def trends(
        self, fields: Sequence[tuple[str, str]], since: datetime, until: datetime, step: timedelta
    ) -> Sequence[Trend]:
        """Nothing was measured."""
        return [Trend(subject, name, None, step, ()) for subject, name in fields]

    def tracked(self, instance: str | None = None) -> Sequence[tuple[str, str]]:
        """Nothing was measured."""
        return []

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
        """Nothing was counted."""
        return []

    def runs(
        self, subject: str, since: datetime, until: datetime, *, known_by: datetime | None = None
    ) -> Sequence[Run]:
        """Those that began in the span."""
        return [each for each in self.ran.get(subject, ()) if since <= each.began_at <= until]

    def run_record(
        self, subject: str, since: datetime, until: datetime, *, known_by: datetime | None = None
    ) -> RunRecord:
        """All that a test put in, whatever the span."""
        return self.planned.get(subject, RunRecord())

    def sessions(self, query: SessionQuery) -> SessionPage:
        """No session is remembered."""
        return SessionPage((), None, 0, total_is_exact=True, read_at={})

    def session(self, instance: str, identity: str, *, known_by: datetime | None = None) -> Entry | None:
        """No session is remembered."""
        return None

    def session_detail(self, instance: str, identity: str) -> Reading[SessionDetail]:
        """No session is remembered.

        Raises:
            KeyError: always; nobody asks for the detail of a session that is not there.
        """
        raise KeyError(identity)
