"""Writes down what happens, as it happens: everything that belongs to one moment in one transaction.

Rule 1: whatever goes wrong, nothing half-written stays; what was in mind is forgotten and written whole the next time.
Rule 2: time that could not be written down is a gap of our own, and is noted as soon as something can be written again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from sqlalchemy import Connection

from quarterdeck.store import changes, gaps, past
from quarterdeck.store.engine import Engine
from quarterdeck.store.gaps import Beat
from quarterdeck.store.recorder import Recorded, Recorder
from quarterdeck.store.schema import us
from quarterdeck.truth.judgement import Judgement
from quarterdeck.truth.past import Blind, Change
from quarterdeck.truth.snapshot import Snapshot


class Observer(Protocol):
    """Another part that records something of every snapshot, in the same transaction."""

    def observe(self, connection: Connection, snapshot: Snapshot, changed: Collection[str]) -> None:
        """Record what is new; ``changed`` are the subjects of which something new was recorded."""


class Written(NamedTuple):
    """What was written down of one moment."""

    recorded: Recorded | None
    changes: Sequence[Change]


class Scribe:
    """The one who writes in a history. It belongs to one thread."""

    def __init__(
        self, engine: Engine, observers: Sequence[Observer] = (), unwritten_since: datetime | None = None
    ) -> None:
        """Begin. ``unwritten_since`` is since when nothing could be written, where that is so."""
        self.engine = engine
        self.unwritten_since = unwritten_since
        self._observers = observers
        self._recorder: Recorder | None = None
        self._ledger = changes.Ledger()
        self._last: Beat | None = None
        self._gaps: list[Blind] = []
        self._has_begun = False

    def write(self, snapshot: Snapshot | None, judgements: Mapping[str, Judgement] | None, beat: Beat) -> Written:
        """Write down a snapshot and what is judged of it, where they are given; in any case that we are there.

        Raises:
            StoreError: when it cannot be written.
        """
        if self._last is not None:
            self._gaps += gaps.missed(self._last, beat)
        written_until = None if self._last is None else self._last.at
        self._last = beat
        try:
            written = self.engine.write(lambda connection: self._write(connection, snapshot, judgements, beat))
        except BaseException:
            self.forget()
            self.unwritten_since = self.unwritten_since or written_until or beat.at
            raise
        self._has_begun, self.unwritten_since, self._gaps = True, None, []
        return written

    def forget(self) -> None:
        """Forget what is in mind; everything is written whole the next time."""
        self._ledger.forget()
        if self._recorder is not None:
            self._recorder.forget()

    def _write(
        self,
        connection: Connection,
        snapshot: Snapshot | None,
        judgements: Mapping[str, Judgement] | None,
        beat: Beat,
    ) -> Written:
        for gap in (*self._before(connection, beat.at), *self._gaps):
            gaps.add(connection, gap)
        gaps.set_mark(connection, gaps.BEAT, us(beat.at))
        recorded = self._record(connection, snapshot) if snapshot is not None else None
        if judgements is None:
            return Written(recorded, ())
        return Written(recorded, self._ledger.record(connection, self.engine.names, judgements, beat.at))

    def _record(self, connection: Connection, snapshot: Snapshot) -> Recorded:
        recorder = self._recorder = self._recorder or self._new_recorder(connection)
        recorded = recorder.record(connection, snapshot)
        for observer in self._observers:
            observer.observe(connection, snapshot, recorded.changed)
        return recorded

    def _new_recorder(self, connection: Connection) -> Recorder:
        last = past.last_record(connection)
        if last is None:
            return Recorder(self.engine.names)
        return Recorder(self.engine.names, past.load(connection, self.engine.names, last).readings)

    def _before(self, connection: Connection, now: datetime) -> Iterator[Blind]:
        """Return the time before now in which nothing was written: nobody was there, or it was not possible."""
        since = self.unwritten_since
        silent = None if self._has_begun else gaps.since_last_run(connection, now)
        if silent is not None and since is not None and silent.why == gaps.NOT_RUNNING:
            silent = Blind(silent.began_at, since, silent.why) if silent.began_at < since else None
        if silent is not None:
            yield silent
        if since is not None:
            yield Blind(min(since, now), now, gaps.NOT_WRITTEN)
