"""An instance that is known only by the snapshot its exporter writes.

Rule 1: a snapshot that can no longer be read makes its facts unknown, not gone.
Rule 2: when the snapshot was read proves nothing about what it says: every fact keeps the time at which its exporter
        looked, so that a snapshot nobody renews goes stale by itself.
Rule 3: of its own host the hub speaks itself. There is one witness for a fact.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path, PurePath

from quarterdeck.sources import files, own
from quarterdeck.sources.exporter import document
from quarterdeck.sources.exporter.intake import Intake, parse
from quarterdeck.sources.files import SourceError
from quarterdeck.truth import fields
from quarterdeck.truth.instance import Instance, subject
from quarterdeck.truth.reading import AnyReading, Key, Origin
from quarterdeck.truth.snapshot import unanswered

WITNESS = "exporter snapshot"


class ExporterSource:
    """Reads one instance's snapshot file."""

    budget_s = 2.0
    every_s = 30.0

    def __init__(self, instance: Instance, file: PurePath, host: str) -> None:
        """Read ``file`` for ``instance``, on a hub that runs on ``host``."""
        self._instance = instance
        self._file = Path(file)
        self._host = host
        self._origin = Origin(WITNESS, document.origin("", WITNESS, self._file.name).locator)
        self._before: Sequence[AnyReading] = ()

    @property
    def name(self) -> str:
        """Named after the instance: ``exporter:north``."""
        return f"exporter:{self._instance.id}"

    def watched(self) -> tuple[Path, ...]:
        """Watch the directory: the exporter puts a new file in the place of the old one."""
        return (self._file.parent,)

    def look(self, now: datetime) -> Iterable[AnyReading]:
        """Read the snapshot once."""
        try:
            intake = parse(files.read_bytes(self._file, limit=document.BYTES_LIMIT).data, self._instance)
        except SourceError as error:
            return [*self._learnt(now), *self._blind(error, now)]
        facts = self._before = tuple(self._facts(intake))
        return [*self._learnt(now), *facts, *self._written(intake, now)]

    def _facts(self, intake: Intake) -> Iterator[AnyReading]:
        for reading in intake.readings:
            of_this_host = reading.subject.startswith("host:") and intake.host == self._host
            if not of_this_host and reading.field != fields.LEARNT_BY.name:
                yield reading

    def _learnt(self, now: datetime) -> Iterator[AnyReading]:
        yield fields.LEARNT_BY.known(subject(self._instance.id), self._origin, "exporter", now)

    def _written(self, intake: Intake, now: datetime) -> Iterator[AnyReading]:
        about = f"source:{self.name}"
        yield fields.SNAPSHOT_WRITTEN_AT.known(about, self._origin, intake.generated_at, now)
        yield fields.SNAPSHOT_NOT_UNDERSTOOD.known(about, self._origin, intake.not_understood, now)
        yield fields.SNAPSHOT_NOT_ADMITTED.known(about, self._origin, intake.not_admitted, now)

    def _blind(self, error: SourceError, now: datetime) -> Iterator[AnyReading]:
        """Nothing could be read: what was known is unknown now, and whatever a home could tell says why."""
        about = f"source:{self.name}"
        yield fields.SNAPSHOT_WRITTEN_AT.unavailable(about, self._origin, error.reason, error.detail, now)
        before: dict[Key, AnyReading] = {(reading.subject, reading.field): reading for reading in self._before}
        lost = unanswered(before, now, error.reason, error.detail)
        yield from lost.values()
        for field, part in own.fields_of(self._instance):
            if field is not fields.LEARNT_BY and (part, field.name) not in lost:
                yield field.unavailable(part, self._origin, error.reason, error.detail, now)
