"""Records what is seen, from one thread, as long as the program runs.

Rule 1: nothing that befalls the history stops anything else. What cannot be recorded is said, and tried again.
Rule 2: a status is judged, and its change recorded, only when every source has been asked once since the start: what
        is not known yet has not changed.
Rule 3: recording is bounded: of snapshots that come faster than they are recorded, the newest is taken.
Rule 4: single pull requests, issues and repositories of forges are recorded where they are no more than some thousands.
        Of more the forges keep the history; what follows from all of them together is recorded like anything else.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from quarterdeck.settings import Settings
from quarterdeck.sources.collector import Log
from quarterdeck.store.engine import Engine
from quarterdeck.store.gaps import Beat
from quarterdeck.store.history import History
from quarterdeck.store.keeper import Door, Keeper
from quarterdeck.store.retention import Retention, Spans
from quarterdeck.store.runs import RunBook
from quarterdeck.store.samples import Samples
from quarterdeck.store.scribe import Observer
from quarterdeck.store.trouble import StoreError
from quarterdeck.truth import fields as F  # noqa: N812 -- short where every line names a field
from quarterdeck.truth.fields import kind_of
from quarterdeck.truth.forge import PARTS
from quarterdeck.truth.grouped import Grouped
from quarterdeck.truth.reading import AnyReading, Origin
from quarterdeck.truth.snapshot import Snapshot
from quarterdeck.views.judged import Judged
from quarterdeck.views.recall import Recall
from quarterdeck.wiring.details import Details, Remembered
from quarterdeck.wiring.eye import Eye
from quarterdeck.wiring.ledger import Ledger

EVERY_S: Final = 1.0
"""Seconds between two snapshots that are recorded."""
JUDGE_S: Final = 2.0
BEAT_S: Final = 5.0
TIDY_S: Final = 300.0
MOST_PARTS: Final = 2_000
"""Pull requests, issues and repositories that are recorded one by one."""
RETRY_S: Final = 5.0
"""Seconds after which it is tried again to record."""


def observers(engine: Engine) -> list[Observer]:
    """Return the parts that record something of every snapshot."""
    return [Samples(engine.names), RunBook(engine.names)]


def _spans(settings: Settings) -> Spans:
    asked = settings.history
    return Spans(timedelta(days=asked.exact_days), timedelta(days=asked.keep_days), asked.most_mb)


def recalled(history: History, settings: Settings) -> Recall:
    """Return the memory as views ask it."""
    return Remembered(history, Details(settings.instances))


def kept(snapshot: Snapshot) -> Snapshot:
    """Return what is recorded of a snapshot; unchanged subjects are shared with the one before."""
    readings = snapshot.readings if isinstance(snapshot.readings, Grouped) else Grouped.of(snapshot.readings)
    told = {name: fields for name, fields in readings.subjects.items() if kind_of(name) not in PARTS}
    few = len(readings.subjects) - len(told) <= MOST_PARTS
    return snapshot if few else replace(snapshot, readings=Grouped(told))


class Historian:
    """The thread that records."""

    def __init__(self, settings: Settings, eye: Eye, stop: threading.Event, *, log: Log | None = None) -> None:
        self._settings, self._eye, self._stop, self._log = settings, eye, stop, log
        self._keeper = Keeper(settings.history.place, observers)
        self._ledger = Ledger(Door(self._keeper), settings.instances)
        self._retention = Retention(_spans(settings))
        self._subject = f"quarterdeck:{os.uname().nodename}/history"
        self._recall: tuple[History, Recall] | None = None
        self._judged: Judged | None = None
        self._judged_at = self._beaten_at = self._tidied_at = -TIDY_S
        self._version = 0
        self._told: str | None = None

    @property
    def recall(self) -> Recall | None:
        """What was recorded; None while it cannot be read."""
        history = self._keeper.history
        if history is None:
            return None
        if self._recall is None or self._recall[0] is not history:
            self._recall = history, recalled(history, self._settings)
        return self._recall[1]

    def run(self) -> None:
        """Record until told to stop; say at the very end that we were there until then."""
        try:
            while not self._stop.wait(EVERY_S if self.once() else RETRY_S):
                pass
            self.once()
        finally:
            self._keeper.close()

    def once(self) -> bool:
        """Record what is new; return whether that could be done."""
        try:
            self._record()
            self._ledger.pull(self._eye.clock())
            self._tidy()
        except StoreError as trouble:
            self._say(trouble)
            return False
        self._say(None)
        return True

    def _record(self) -> None:
        beat = Beat(self._eye.clock(), self._eye.monotonic())
        snapshot = kept(self._eye.collector.snapshot)
        judged = self._judge(snapshot, beat)
        new = snapshot if snapshot.version != self._version else None
        if new is None and judged is None and beat.steady - self._beaten_at < BEAT_S and not self._stop.is_set():
            return
        with self._keeper.writing(beat) as scribe:
            scribe.write(new, None if judged is None else judged.judgements, beat)
        self._version, self._beaten_at = snapshot.version, beat.steady

    def _judge(self, snapshot: Snapshot, beat: Beat) -> Judged | None:
        """Judge everything now and then; not before every source has been asked once."""
        due = beat.steady - self._judged_at >= JUDGE_S
        if not due or not self._eye.sources <= snapshot.looks.keys():
            return None
        self._judged_at = beat.steady
        self._judged = Judged.after(self._judged, snapshot, beat.at)
        return self._judged

    def _tidy(self) -> None:
        """Thin out what is old, a little at a time."""
        if self._eye.monotonic() - self._tidied_at < TIDY_S:
            return
        beat = Beat(self._eye.clock(), self._eye.monotonic())
        with self._keeper.writing(beat) as scribe:
            more = self._retention.tidy(scribe.engine, beat.at)
        if not more:
            self._tidied_at = self._eye.monotonic()

    def _say(self, trouble: StoreError | None) -> None:
        """Tell the log when it stands otherwise with the history than before."""
        told = None if trouble is None else trouble.kind.value
        if told == self._told or self._log is None:
            return
        self._told = told
        if trouble is None:
            self._log.info("history back")
        else:
            self._log.warning("history lost", detail=trouble.what)

    # --- as readings -----------------------------------------------------------------------------------------------

    def readings(self, now: datetime) -> Iterator[AnyReading]:
        """Say how it stands with the history, and how far the sessions were taken in."""
        yield from self._ledger.look(now)
        yield from self._of_history(now)

    def _of_history(self, now: datetime) -> Iterator[AnyReading]:
        origin, about = Origin("history", self._settings.history.name), self._subject
        found = self._keeper.condition()
        trouble = None if found.trouble is None else found.trouble.kind.value
        yield F.HISTORY_RECORDING.known(about, origin, found.recording, now)
        yield F.HISTORY_TROUBLE.known(about, origin, trouble, now)
        yield F.HISTORY_ENGINE.known(about, origin, found.engine, now)
        yield F.HISTORY_SCHEMA.known(about, origin, found.schema, now)
        yield F.HISTORY_NEWEST_AT.known(about, origin, found.newest, now)
        yield F.HISTORY_BEGAN_AT.known(about, origin, found.began, now)
        yield F.HISTORY_SET_ASIDE.known(about, origin, found.set_aside[1] if found.set_aside else None, now)
        yield F.HISTORY_SET_ASIDE_AT.known(about, origin, found.set_aside[0] if found.set_aside else None, now)
        if found.bytes is not None:
            yield F.HISTORY_BYTES.known(about, origin, found.bytes, now)
