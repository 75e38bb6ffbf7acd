"""The pump: takes the sessions of every instance into the ledger, from its home or from what its exporter wrote.

Rule 1: how far a stream was taken in is written with what it brought, so that nothing is told twice or left out,
        whenever the hub dies.
Rule 2: one call does a bounded amount of work, every instance in turn. A first import of years goes on from call to
        call and says how far it is.
Rule 3: up to when an instance has been taken in is a reading, and so is why it was not. What the ledger does not know
        is never passed over in silence.
Rule 4: what has not changed costs a glance at a file. What the policy of an instance no longer lets through is
        forgotten.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from quarterdeck.errors import MemoryUnavailableError
from quarterdeck.sources import files, own, sqlite
from quarterdeck.sources.exporter.sessions import Position, sessions_since
from quarterdeck.sources.files import SourceError
from quarterdeck.sources.hermes import stream as home_stream
from quarterdeck.sources.hermes.stream import Cursor
from quarterdeck.store.engine import Database
from quarterdeck.store.session_intake import take
from quarterdeck.store.session_query import count_by_instance
from quarterdeck.store.sessions import Record, Stream, forget_titles, read_streams, write_stream
from quarterdeck.truth import fields as F  # noqa: N812 -- short where every line names a field
from quarterdeck.truth.instance import Instance, subject
from quarterdeck.truth.reading import AnyReading, Origin, Reason

BUDGET_S = 1.0
"""How long one call takes up new batches."""
NOTED_EVERY = timedelta(seconds=20)
"""How often it is written that nothing was new."""
FROM_HOME = Origin("sessions database", home_stream.DATABASE)
EXPORTER = "exporter session stream"
ENDING = ".sessions.jsonl"


class Told(NamedTuple):
    """What one look at a stream brought."""

    records: Sequence[Record]
    cursor: dict[str, Any]
    epoch: int
    until: datetime | None
    """Up to when the stream has now been told; None while there is more of its history."""
    more: bool
    refused: int = 0


class Reader(Protocol):
    """Reads on in the stream of one instance."""

    @property
    def kind(self) -> str:
        """By which way it reads; a cursor is understood by the way that made it."""

    @property
    def origin(self) -> Origin:
        """Who tells the sessions."""

    def unchanged(self) -> bool:
        """Whether there is nothing to read since the last look that brought nothing."""

    def read(self, before: Stream | None, now: datetime, /) -> Told:
        """Read on.

        Raises:
            SourceError: when it cannot be read; nothing has moved then.
        """


class HomeReader:
    """Asks a home of this user what began or changed."""

    kind = "home"
    origin = FROM_HOME

    def __init__(self, instance: Instance, home: Path) -> None:
        self._instance = instance
        self._home = home
        self._seen: tuple[object, ...] | None = None
        self._looks_left = 0

    def unchanged(self) -> bool:
        """Whether the database is the one that was looked at, and has been asked about everything it holds."""
        return self._looks_left == 0 and self._seen is not None and self._seen == self._fingerprint()

    def _fingerprint(self) -> tuple[object, ...] | None:
        try:
            return sqlite.fingerprint(self._home / home_stream.DATABASE)
        except SourceError:
            return None  # reading it says why

    def read(self, before: Stream | None, now: datetime, /) -> Told:
        """Ask the home; sessions that stay open for days are asked in turn, over several looks."""
        owner = own.stranger(self._home)
        if owner is not None:
            raise SourceError(Reason.DENIED, f"the home belongs to {owner}: let its owner run the exporter")
        found, cursor = self._fingerprint(), None
        if before is not None and before.cursor is not None:
            cursor = Cursor.from_json(before.cursor["at"])
        told, after = home_stream.changes(self._home, self._instance, cursor, now)
        more = not after.whole or _moved(cursor, after)
        if more or told or found != self._seen:
            self._looks_left = 1 + len(after.watched) // home_stream.WATCHED_AT_ONCE
        elif self._looks_left:
            self._looks_left -= 1
        self._seen = found
        records = [summary._asdict() for summary in told]
        until = now if after.whole else None
        return Told(records, {"at": after.as_json()}, after.epoch, until, more)


def _moved(before: Cursor | None, after: Cursor) -> bool:
    return before is None or (before.after, before.message_id) != (after.after, after.message_id)


class ExporterReader:
    """Reads on in the file that an exporter writes beside its snapshot."""

    kind = "exporter"

    def __init__(self, instance: Instance, snapshot: Path) -> None:
        self._instance = instance
        self._snapshot = snapshot
        self._file = snapshot.with_name(snapshot.name + ENDING)
        self.origin = Origin(EXPORTER, self._file.name)

    def unchanged(self) -> bool:
        """Whether it was written to can only be seen by reading on."""
        return False

    def read(self, before: Stream | None, now: datetime, /) -> Told:
        """Read a portion. Its exporter writes the snapshot after the sessions: so far are they known."""
        written = datetime.fromtimestamp(files.stat_file(self._snapshot).mtime, UTC)
        cursor = {} if before is None or before.cursor is None else before.cursor
        position = Position(*cursor["at"]) if cursor else Position()
        batch = sessions_since(self._file, self._instance, position)
        anew = position.epoch not in {"", batch.position.epoch}
        epoch = (before.epoch if before else 0) + anew
        refused = batch.refused + (0 if anew else cursor.get("refused", 0))
        until = None if batch.more else min(written, now)
        records = [{"title": None, **record} for record in batch.records]
        return Told(records, {"at": list(batch.position), "refused": refused}, epoch, until, batch.more, refused)


class NoReader:
    """Stands for an instance whose sessions nobody may read."""

    kind = "none"
    origin = FROM_HOME

    def unchanged(self) -> bool:
        """Nothing was ever read."""
        return False

    def read(self, _before: Stream | None, _now: datetime, /) -> Told:
        """Say that there is no way.

        Raises:
            SourceError: always.
        """
        raise SourceError(Reason.DENIED, "neither a home of this user nor an exporter's snapshot is known")


def reader_of(instance: Instance) -> Reader:
    """Return who reads the sessions of an instance: its home where it is ours, or else what its exporter wrote."""
    home = None if instance.home is None else Path(instance.home)
    if instance.snapshot is not None and (home is None or own.stranger(home) is not None):
        return ExporterReader(instance, Path(instance.snapshot))
    return NoReader() if home is None else HomeReader(instance, home)


@dataclass(slots=True)
class Standing:
    """How it stands with one instance."""

    instance: Instance
    reader: Reader
    stream: Stream | None = None
    noted_at: datetime | None = None
    """When its stream was last written down."""
    sessions: int = 0
    refused: int = 0
    more: bool = field(default=True)
    """Whether there is more to be read at once."""


class Ledger:
    """Takes sessions into the ledger. As a source it says, for every instance, how far that went.

    ``pull`` may be called from any thread; while one call is at work another returns at once.
    """

    name = "ledger"
    budget_s = 1.0
    every_s = 10.0

    def __init__(
        self,
        engine: Database,
        instances: Iterable[Instance],
        *,
        readers: Callable[[Instance], Reader] = reader_of,
        budget_s: float = BUDGET_S,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._standings = {one.id: Standing(one, readers(one)) for one in instances}
        self._budget_s = budget_s
        self._monotonic = monotonic
        self._turn = threading.Lock()
        self._loaded = False
        self._first = 0
        self._told: tuple[tuple[Instance, Stream, int, int], ...] = ()

    def pull(self, now: datetime) -> int:
        """Take in what is new, as far as that goes in a second; return how many sessions changed in the ledger."""
        if not self._turn.acquire(blocking=False):
            return 0
        try:
            return self._pull(now)
        except MemoryUnavailableError as error:
            return self._lost(now, f"the history cannot be written: {error.what}")
        except Exception as error:  # noqa: BLE001 -- whoever records calls this, and must not end with it
            return self._lost(now, f"what the ledger holds could not be understood ({type(error).__name__})")
        finally:
            self._publish()
            self._turn.release()

    @property
    def busy(self) -> bool:
        """Whether there is more to be taken in at once: then the next call should not wait."""
        return any(standing.more for standing in self._standings.values())

    def watched(self) -> tuple[Path, ...]:
        """Watch nothing: who reads the homes watches them."""
        return ()

    def look(self, now: datetime) -> list[AnyReading]:  # noqa: ARG002 -- as every source; what is told has its own times
        """Say how far the sessions of each instance have been taken in, and if not, why."""
        return [reading for told in self._told for reading in _readings(*told)]

    def _pull(self, now: datetime) -> int:
        if not self._loaded:
            self._load(now)
        order = list(self._standings.values())
        order = order[self._first :] + order[: self._first]
        deadline, changed, turn = self._monotonic() + self._budget_s, 0, 0
        while order:
            behind = []
            for standing in order:
                if turn and self._monotonic() >= deadline:
                    return changed
                turn += 1
                self._first = (self._first + 1) % len(self._standings)
                changed += self._serve(standing, now)
                if standing.more:
                    behind.append(standing)
            order = behind
        return changed

    def _load(self, now: datetime) -> None:
        """Learn from the ledger how far it came, and forget titles that are no longer let through."""
        with self._engine.reading() as connection:
            streams, counts = read_streams(connection), count_by_instance(connection)
        for name, standing in self._standings.items():
            stream = standing.stream = streams.get(name)
            standing.sessions, standing.noted_at = counts.get(name, 0), None
            titles = standing.instance.policy.session_titles
            if stream is not None and stream.titles and not titles:
                self._engine.write(lambda connection, name=name: forget_titles(connection, name))  # type: ignore[misc]
            anew = stream is not None and (stream.titles != titles or _kind(stream) != standing.reader.kind)
            if stream is not None and anew:
                restarted = stream._replace(cursor=None, epoch=stream.epoch + 1, titles=titles, tried_at=now)
                self._write(standing, restarted)
        self._loaded = True

    def _serve(self, standing: Standing, now: datetime) -> int:
        """Look at one stream once, and take in what it brought."""
        before = standing.stream
        if before is not None and before.reason is None and before.whole and standing.reader.unchanged():
            self._note(standing, before._replace(taken_at=now, tried_at=now), now)
            standing.more = False
            return 0
        try:
            return self._take(standing, standing.reader.read(before, now), now)
        except MemoryUnavailableError:
            raise  # that befalls all instances alike
        except SourceError as error:
            lost = error
        except Exception as error:  # noqa: BLE001 -- a stream of a kind that nobody foresaw must not stop the others
            lost = SourceError(Reason.OBSERVER, f"its sessions could not be taken in ({type(error).__name__})")
        standing.more = False
        self._note(standing, self._failed(standing, lost, now), now)
        return 0

    def _take(self, standing: Standing, told: Told, now: datetime) -> int:
        """Write what a look brought, together with how far it came."""
        before, instance = standing.stream, standing.instance
        epoch = self._epoch(before, told)
        cursor = {"kind": standing.reader.kind, "told": told.epoch, **told.cursor}
        until = told.until or (before.taken_at if before else None)
        whole = told.until is not None or (before is not None and before.whole)
        stream = Stream(
            instance.id, standing.reader.origin, cursor, epoch, instance.policy.session_titles, whole, until, now
        )
        standing.more, standing.refused = told.more, told.refused
        if not told.records and before is not None and _unmoved(before, stream):
            self._note(standing, stream, now)
            return 0
        changed = self._engine.write(lambda connection: take(connection, stream, told.records, now))
        standing.stream, standing.noted_at = stream, now
        if changed:
            with self._engine.reading() as connection:
                standing.sessions = count_by_instance(connection, instance.id).get(instance.id, 0)
        return changed

    @staticmethod
    def _epoch(before: Stream | None, told: Told) -> int:
        """Number the epochs of a stream as the ledger met them, whatever its reader calls them."""
        if before is None:
            return 0
        known = None if before.cursor is None else before.cursor.get("told")
        return before.epoch + (known is not None and known != told.epoch)

    def _note(self, standing: Standing, stream: Stream, now: datetime) -> None:
        """Keep how it stands, and write it down now and then, or when it became another state."""
        before, standing.stream = standing.stream, stream
        same = before is not None and (before.reason, before.detail) == (stream.reason, stream.detail)
        if same and standing.noted_at is not None and now - standing.noted_at < NOTED_EVERY:
            return
        self._write(standing, stream)
        standing.noted_at = now

    def _write(self, standing: Standing, stream: Stream) -> None:
        self._engine.write(lambda connection: write_stream(connection, stream))
        standing.stream = stream

    @staticmethod
    def _failed(standing: Standing, error: SourceError, now: datetime) -> Stream:
        before, instance = standing.stream, standing.instance
        if before is None:
            titles = instance.policy.session_titles
            before = Stream(
                instance.id, standing.reader.origin, None, 0, titles, whole=False, taken_at=None, tried_at=now
            )
        return before._replace(tried_at=now, reason=error.reason, detail=error.detail)

    def _lost(self, now: datetime, why: str) -> int:
        """Say of every instance that nothing could be taken in; what was committed is read again the next time."""
        for standing in self._standings.values():
            standing.stream = self._failed(standing, SourceError(Reason.OBSERVER, why), now)
        self._loaded = False
        return 0

    def _publish(self) -> None:
        standings: Mapping[str, Standing] = self._standings
        self._told = tuple(
            (one.instance, one.stream, one.sessions, one.refused)
            for one in standings.values()
            if one.stream is not None
        )


def _kind(stream: Stream) -> str | None:
    return None if stream.cursor is None else str(stream.cursor.get("kind"))


def _unmoved(before: Stream, after: Stream) -> bool:
    """Whether two states of a stream say the same, but for when they were looked at."""
    told = (_place(one) for one in (before, after))
    return next(told) == next(told) and _said(before) == _said(after)


def _place(stream: Stream) -> dict[str, Any]:
    """Return where in a stream one is. The revision a home's cursor carries is only the time of the look."""
    cursor = dict(stream.cursor or {})
    if isinstance(cursor.get("at"), dict):
        cursor["at"] = {**cursor["at"], "revision": None}
    return cursor


def _said(stream: Stream) -> tuple[object, ...]:
    return (stream.epoch, stream.origin, stream.titles, stream.whole, stream.reason)


def _readings(instance: Instance, stream: Stream, sessions: int, refused: int) -> list[AnyReading]:
    about, at = subject(instance.id, "ledger"), stream.tried_at
    facts = ((F.LEDGER_SESSIONS, sessions), (F.LEDGER_REFUSED, refused))
    told: list[AnyReading] = [what.known(about, stream.origin, value, at) for what, value in facts]
    last = F.LEDGER_UNTIL.known(about, stream.origin, stream.taken_at, stream.taken_at or at)
    if stream.reason is None:
        return [*told, F.LEDGER_UNTIL.known(about, stream.origin, stream.taken_at, at)]
    lost = F.LEDGER_UNTIL.unavailable(about, stream.origin, stream.reason, stream.detail, at)
    known = stream.taken_at is not None
    return [*told, replace(lost, last=last) if known else lost]  # type: ignore[arg-type]
