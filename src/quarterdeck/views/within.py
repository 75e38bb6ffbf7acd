"""What somebody sees who may see some instances only: the snapshot and the memory of those, and nothing beside.

Rule 1: what belongs to no instance is not shown to them either: a host, a unit or a way in tells of all who share it.
Rule 2: a fact of theirs that names others is not told in part: it is unknown to them, and says why.
Rule 3: a question that is not known here is not passed on. Nothing is filtered after it was answered that could have
        been asked of the right ones alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from quarterdeck.errors import UsageError
from quarterdeck.truth import fields as F  # noqa: N812 -- short where every line names a field
from quarterdeck.truth.grouped import Grouped
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
from quarterdeck.truth.reading import AnyReading, Known, Reading, Reason, Unavailable
from quarterdeck.truth.snapshot import Snapshot
from quarterdeck.views.recall import Recall

NAMING = frozenset({F.CREDENTIAL_SHARED_WITH.name, F.SERVED_BY.name})
"""Fields of an instance whose values are names of instances."""
NAMING_RULES = frozenset({"shared", "served"})
"""Rules of judgement that say those names."""
UNSAID = "it names agents that are not shown to you"


def seen(reading: AnyReading, instances: frozenset[str]) -> AnyReading:
    """Return a reading as it is told to somebody who may see some instances."""
    if reading.field not in NAMING:
        return reading
    known = reading if isinstance(reading, Known) else reading.last
    if known is None or _names(known.value) <= instances:
        return reading
    at = reading.observed_at if isinstance(reading, Known) else reading.attempted_at
    return Unavailable(reading.subject, reading.field, reading.origin, at, Reason.DENIED, UNSAID)


def _names(value: object) -> frozenset[str]:
    if value is None:
        return frozenset()
    return frozenset({value}) if isinstance(value, str) else frozenset(value)  # type: ignore[call-overload]  # a collection of names


def _told(change: Change) -> Change:
    return replace(change, reason=UNSAID) if change.rule in NAMING_RULES else change


def within(snapshot: Snapshot, instances: frozenset[str]) -> Snapshot:
    """Return what a snapshot tells of some instances."""
    readings = snapshot.readings if isinstance(snapshot.readings, Grouped) else Grouped.of(snapshot.readings)
    return replace(
        snapshot,
        instances=tuple(one for one in snapshot.instances if one.id in instances),
        readings=Grouped(
            {
                name: {field: seen(reading, instances) for field, reading in told.items()}
                if NAMING & told.keys()
                else told
                for name, told in readings.subjects.items()
                if instance_of(name) in instances
            }
        ),
        looks={name: look for name, look in snapshot.looks.items() if instance_of(f"source:{name}") in instances},
        gone={name: at for name, at in snapshot.gone.items() if instance_of(name) in instances},
        partial=True,
    )


class Within:
    """The memory of some instances, as views ask it."""

    def __init__(self, recall: Recall, instances: frozenset[str]) -> None:
        self._recall, self._instances = recall, instances

    def _has(self, subject: str) -> bool:
        return instance_of(subject) in self._instances

    def _asked(self, instance: str | None) -> list[str]:
        return sorted(self._instances if instance is None else self._instances & {instance})

    def began(self) -> datetime | None:
        """Since when there is anything."""
        return self._recall.began()

    def snapshot_at(self, at: datetime) -> Snapshot | None:
        """What was known of them at a moment."""
        found = self._recall.snapshot_at(at)
        return None if found is None else within(found, self._instances)

    def moment(self, at: datetime) -> datetime | None:
        """The moment of which ``snapshot_at(at)`` is the whole truth."""
        return self._recall.moment(at)

    def changes(
        self,
        since: datetime,
        until: datetime,
        *,
        subject: str | None = None,
        instance: str | None = None,
        limit: int = 500,
    ) -> Sequence[Change]:
        """Status changes of one of their subjects, or of one or all of them."""
        if subject is not None:
            found = self._recall.changes(since, until, subject=subject, limit=limit) if self._has(subject) else ()
            return [_told(change) for change in found]
        found = [
            _told(change)
            for one in self._asked(instance)
            for change in self._recall.changes(since, until, instance=one, limit=limit)
            if instance_of(change.subject) == one
        ]
        return sorted(found, key=lambda change: change.known_at, reverse=True)[:limit]

    def said(self, subject: str, since: datetime, until: datetime, *, limit: int = 500) -> Sequence[Said]:
        """Readings of one of their subjects that became others."""
        if not self._has(subject):
            return ()
        return [
            each._replace(reading=seen(each.reading, self._instances), before=seen(each.before, self._instances))
            for each in self._recall.said(subject, since, until, limit=limit)
        ]

    def blind(self, since: datetime, until: datetime) -> Sequence[Blind]:
        """The intervals in which nobody looked at anything."""
        return self._recall.blind(since, until)

    def learnt_late(
        self, at: datetime, until: datetime, *, instance: str | None = None, limit: int = 50
    ) -> Sequence[Late]:
        """What became known of them later."""
        found = [
            replace(late, reading=seen(late.reading, self._instances))
            for one in self._asked(instance)
            for late in self._recall.learnt_late(at, until, instance=one, limit=limit)
            if instance_of(late.reading.subject) == one
        ]
        return sorted(found, key=lambda late: late.known_at)[:limit]

    def trends(
        self, fields: Sequence[tuple[str, str]], since: datetime, until: datetime, step: timedelta
    ) -> Sequence[Trend]:
        """Trends of their subjects; of others there are no points."""
        theirs = [pair for pair in fields if self._has(pair[0])]
        found = dict(zip(theirs, self._recall.trends(theirs, since, until, step), strict=True))
        return [found.get(pair) or Trend(*pair, None, step, ()) for pair in fields]

    def tracked(self, instance: str | None = None) -> Sequence[tuple[str, str]]:
        """The pairs that have a trend and are theirs."""
        return [
            pair for one in self._asked(instance) for pair in self._recall.tracked(one) if instance_of(pair[0]) == one
        ]

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
        """What was counted of them."""
        return [
            tally
            for one in self._asked(instance)
            for tally in self._recall.tallies(measures, since, until, step, instance=one, known_by=known_by)
            if tally.instance == one
        ]

    def runs(
        self, subject: str, since: datetime, until: datetime, *, known_by: datetime | None = None
    ) -> Sequence[Run]:
        """The runs of one of their jobs."""
        return self._recall.runs(subject, since, until, known_by=known_by) if self._has(subject) else ()

    def run_record(
        self, subject: str, since: datetime, until: datetime, *, known_by: datetime | None = None
    ) -> RunRecord:
        """When one of their jobs was to run, and when it ran."""
        if not self._has(subject):
            return RunRecord()
        return self._recall.run_record(subject, since, until, known_by=known_by)

    def sessions(self, query: SessionQuery) -> SessionPage:
        """A page of the session ledger of one of them.

        Raises:
            UsageError: when none, or more than one, is asked for: the ledger is read for one instance or for all.
        """
        asked = self._asked(query.instance)
        if len(asked) != 1:
            raise UsageError("Sessions of several instances cannot be listed together here", "Choose one instance.")
        return self._recall.sessions(query._replace(instance=asked[0]))

    def session(self, instance: str, identity: str, *, known_by: datetime | None = None) -> Entry | None:
        """One of their sessions."""
        return self._recall.session(instance, identity, known_by=known_by) if instance in self._instances else None

    def session_detail(self, instance: str, identity: str) -> Reading[SessionDetail]:
        """The record of one of their sessions.

        Raises:
            UsageError: when it is not theirs; whoever asks has looked for the session first.
        """
        if instance not in self._instances:
            raise UsageError("This session is not yours to see", "Ask for one of your instances.")
        return self._recall.session_detail(instance, identity)
