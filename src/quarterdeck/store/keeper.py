"""Keeps the history open, whatever befalls it.

Rule 1: who cannot record says why, and goes on trying. Nothing that happens to the history stops anything else.
Rule 2: a damaged file is set aside and another begun; the new one says so. A file that a newer release wrote, or that
        is none of ours, is left as it is.
Rule 3: when the disk is full, what was held back is given up, so that the log can be tidied; recording goes on by
        itself when there is room again.
Rule 4: who only wants to look opens what is there, and begins nothing.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

from sqlalchemy import Connection

from quarterdeck.store import gaps, migrate, past
from quarterdeck.store.engine import APPLICATION_ID, Engine
from quarterdeck.store.gaps import Beat
from quarterdeck.store.history import History
from quarterdeck.store.place import BALLAST, FLOOR, Identity, Place
from quarterdeck.store.schema import exact
from quarterdeck.store.scribe import Observer, Scribe
from quarterdeck.store.trouble import Kind, StoreError

T = TypeVar("T")

SET_ASIDE: Final = "set aside"
BEGUN: Final = "begun"
LASTING: Final = frozenset({Kind.FULL, Kind.BUSY, Kind.FAILED})
"""Troubles that leave the database open: it can still be read, and may be written again in a moment."""


class Condition(NamedTuple):
    """How it stands with the history, for a reading."""

    recording: bool
    trouble: StoreError | None
    bytes: int | None
    engine: str | None = None
    """Which database keeps it, and its version."""
    schema: str | None = None
    began: datetime | None = None
    newest: datetime | None = None
    set_aside: tuple[datetime, str] | None = None
    """When a damaged file was last set aside, and its name."""


class Keeper:
    """Opens the history, opens it again, and hands it to those who read and to the one who writes."""

    def __init__(
        self,
        place: Path | str,
        observers: Callable[[Engine], Sequence[Observer]] = lambda _engine: (),
        *,
        floor: int = FLOOR,
        ballast: int = BALLAST,
    ) -> None:
        self._address = place if isinstance(place, str) else None
        self._place = Place(place, floor=floor, ballast=ballast) if isinstance(place, Path) else None
        self._observers = observers
        self._identity: Identity | None = None
        self._engine: Engine | None = None
        self._scribe: Scribe | None = None
        self._history: History | None = None
        self._unwritten_since: datetime | None = None
        self._set_aside: tuple[datetime, str] | None = None
        self.trouble: StoreError | None = None
        """Why nothing can be recorded at present; None when it can."""
        self.generation = 0
        """Grows whenever another database is opened."""
        self._turn = threading.RLock()

    # --- for those who read ----------------------------------------------------------------------------------------

    @property
    def history(self) -> History | None:
        """What was recorded; None while it cannot be read."""
        return self._history

    def look(self) -> History | None:
        """Open what is there for looking only; None when nothing was ever recorded.

        Raises:
            StoreError: when there is something that cannot be read.
        """
        if self._place is not None and self._place.examine() is None:
            return None
        self._open_to_look()
        return self._history

    def condition(self) -> Condition:
        """Say how it stands. Raises nothing: what cannot be told is None."""
        history = self._history
        size = self._place.size() if self._place is not None else None
        told = Condition(self._scribe is not None and self.trouble is None, self.trouble, size)
        if history is not None:
            with suppress(StoreError), history.engine.reading() as connection:
                newest = gaps.mark(connection, gaps.BEAT)
                return told._replace(
                    engine=history.engine.version(connection),
                    schema=migrate.found(connection),
                    began=past.began(connection),
                    newest=None if newest is None else exact(newest),
                    set_aside=gaps.last_note(connection, SET_ASIDE),
                )
        return told

    # --- for the one who writes ------------------------------------------------------------------------------------

    def scribe(self, beat: Beat) -> Scribe:
        """Return who writes, having seen that the history is there and whole and that there is room.

        Raises:
            StoreError: when nothing can be recorded now.
        """
        with self._turn, self._seen_to(beat.at):
            if self._scribe is None:
                self._open(beat.at)
            else:
                self._check()
            if self._place is not None:
                self._place.see_to_room()
            assert self._scribe is not None  # noqa: S101 -- `_open` has raised otherwise
            return self._scribe

    @contextmanager
    def writing(self, beat: Beat) -> Iterator[Scribe]:
        """Hand out who writes, and see to it when that fails.

        Raises:
            StoreError: when nothing can be recorded now.
        """
        scribe = self.scribe(beat)
        with self._seen_to(beat.at):
            yield scribe
        self.trouble, self._unwritten_since = None, None

    def close(self) -> None:
        """Close everything and give the right to record back."""
        with self._turn:
            self._close()

    # --- opening ---------------------------------------------------------------------------------------------------

    def _open(self, now: datetime) -> None:
        engine = self._open_server() if self._place is None else self._open_file(self._place, now)
        self._adopt(engine)
        self._scribe = Scribe(engine, self._observers(engine), self._unwritten_since)
        if self._set_aside is not None:
            when, name = self._set_aside
            engine.write(lambda connection: gaps.note(connection, when, SET_ASIDE, name))
            self._set_aside = None

    def _open_server(self) -> Engine:
        engine = Engine(self._address or "", alone=True)
        try:
            engine.write(migrate.upgrade)
        except StoreError:
            engine.close()
            raise
        return engine

    def _open_file(self, place: Place, now: datetime) -> Engine:
        place.take()
        try:
            return self._open_whole(place)
        except StoreError as trouble:
            if trouble.kind is not Kind.CORRUPT:
                raise
        self._put_aside(place, now)
        return self._open_whole(place)

    def _open_whole(self, place: Place) -> Engine:
        """Open the file, making one when there is none.

        Raises:
            StoreError: when it is damaged, too new, or not ours.
        """
        self._identity = place.examine()
        if self._identity is None:
            _begin(place)
            self._identity = place.examine()
        engine = Engine(place.file, create=False)
        try:
            _check_pages(engine)
            engine.write(migrate.upgrade)
        except StoreError:
            engine.close()
            raise
        return engine

    def _open_to_look(self) -> None:
        place = self._place.file if self._place is not None else self._address or ""
        engine = Engine(place, create=False)
        try:
            with engine.reading() as connection:
                schema = migrate.found(connection)
        except StoreError:
            engine.close()
            raise
        if schema != migrate.newest():
            engine.close()
            words = f"The history has schema {schema}, and this release reads {migrate.newest()}"
            raise StoreError(Kind.NEWER if (schema or "") > migrate.newest() else Kind.OLDER, words)
        self._identity = None if self._place is None else self._place.examine()
        self._adopt(engine)

    def _adopt(self, engine: Engine) -> None:
        if self._engine is not None:
            self._engine.close()
        self._engine, self._history = engine, History(engine)
        self.generation += 1

    # --- when something is wrong -----------------------------------------------------------------------------------

    def _check(self) -> None:
        """See that the file is the one that was opened, and that nobody found it damaged.

        Raises:
            StoreError: when it is not.
        """
        if self._place is None or self._engine is None:
            return
        if self._place.examine() != self._identity:
            raise StoreError(Kind.GONE, "The file of the history is gone, or another lies in its place")
        if self._engine.suspect:
            self._engine.suspect = False
            fresh = Engine(self._place.file, create=False)  # one that has not read anything yet
            try:
                _check_pages(fresh)
            finally:
                fresh.close()

    @contextmanager
    def _seen_to(self, now: datetime) -> Iterator[None]:
        try:
            yield
        except StoreError as trouble:
            self._see_to(trouble, now)
            raise
        except Exception as error:
            named = _named(error)
            self._see_to(named, now)
            raise named from error

    def _see_to(self, trouble: StoreError, now: datetime) -> None:
        """Do what the kind of trouble asks for."""
        self.trouble = trouble
        if self._scribe is not None:
            self._scribe.forget()
            self._unwritten_since = self._scribe.unwritten_since or self._unwritten_since
        self._unwritten_since = self._unwritten_since or now
        if self._scribe is not None:
            self._scribe.unwritten_since = self._unwritten_since
        if trouble.kind is Kind.FULL:
            self._make_room()
        elif trouble.kind is Kind.TAKEN:
            self._look_on()
        elif trouble.kind not in LASTING:
            self._close()
        if trouble.kind is Kind.CORRUPT and self._place is not None:
            self._put_aside(self._place, now)

    def _put_aside(self, place: Place, now: datetime) -> None:
        name = place.set_aside(now)
        if name is not None:
            self._set_aside = (now, name)

    def _make_room(self) -> None:
        if self._place is not None:
            self._place.give_up_ballast()
        if self._engine is not None and self._place is not None:
            with suppress(StoreError):
                self._engine.pragma("wal_checkpoint(TRUNCATE)")

    def _look_on(self) -> None:
        """Show what another hub records."""
        self._unwritten_since = None  # somebody writes, though it is not we
        with suppress(StoreError):
            if self._place is not None and self._history is not None and self._place.examine() != self._identity:
                self._close()
            if self._history is None:
                self.look()

    def _close(self) -> None:
        if self._engine is not None:
            self._engine.close()
        if self._place is not None:
            self._place.leave()
        self._engine = self._scribe = self._history = self._identity = None


def _named(error: Exception) -> StoreError:
    """Give what nobody foresaw a kind: recording must not end unsaid, whatever was wrong with one snapshot."""
    if isinstance(error, OSError):
        return StoreError(Kind.DENIED, f"The files of the history may not be used ({os.strerror(error.errno or 0)})")
    return StoreError(Kind.FAILED, f"What was seen could not be recorded ({type(error).__name__})")


def _check_pages(engine: Engine) -> None:
    if engine.pragma("quick_check(1)") != [("ok",)]:
        raise StoreError(Kind.CORRUPT, "The history is damaged: its pages do not fit together")


def _begin(place: Place) -> None:
    """Make a new file, whole before it gets its name."""
    draft = place.draft()
    engine = Engine(draft)
    try:
        engine.write(migrate.upgrade)
        engine.pragma(f"application_id={APPLICATION_ID}")
        engine.pragma("wal_checkpoint(TRUNCATE)")
    finally:
        engine.close()
    place.install(draft)


class Door:
    """The database for another part that writes in it. When another has taken its place, it is told so once."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper
        self._generation = 0

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Read one state of the database.

        Raises:
            StoreError: when it cannot be read.
        """
        with self._engine().reading() as connection:
            yield connection

    def write(self, work: Callable[[Connection], T]) -> T:
        """Let ``work`` write, whole or not at all.

        Raises:
            StoreError: when it cannot be written.
        """
        engine = self._engine()
        if self._keeper.trouble is not None:
            raise self._keeper.trouble
        return engine.write(work)

    def _engine(self) -> Engine:
        history, generation = self._keeper.history, self._keeper.generation
        if history is None:
            raise self._keeper.trouble or StoreError(Kind.FAILED, "The history is not open yet")
        if self._generation not in {0, generation}:
            self._generation = 0
            raise StoreError(Kind.GONE, "The history was begun anew")
        self._generation = generation
        return history.engine
