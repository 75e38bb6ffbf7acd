"""The sessions of an instance: how many, how lively, what they used, and which turns the gateway is in.

Rule 1: a figure is exact or it is not there. A column that is missing, a value that makes no sense, a clock that runs
        backwards: each takes away the figures that rest on it.
Rule 2: an empty home is not a quiet one. Without a database there are no sessions to count, which is not the same as
        having counted none.
Rule 3: what a database said holds as long as the database has not changed and time has not moved a message out of the
        window. Then it is asked again.

Tokens are what went in, cached or not, and what came out, together with side work (titles, vision, compression), which
newer releases account apart. A price that the agent does not know is recorded as zero, therefore the cost is a lower
bound whenever ``unpriced_24h`` is not zero.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from quarterdeck.sources import files, sqlite
from quarterdeck.sources.files import SourceError
from quarterdeck.sources.hermes import names, statedb, turns
from quarterdeck.sources.hermes.answers import Answer, Report, after, attempt, from_epoch, given, past
from quarterdeck.sources.hermes.runner import Runner
from quarterdeck.sources.hermes.statedb import LIVE_S, Begun, Messages, Shelf, Walked
from quarterdeck.sources.hermes.turns import Silent, Turn
from quarterdeck.sources.sqlite import Database
from quarterdeck.truth import fields
from quarterdeck.truth.fields import Field
from quarterdeck.truth.instance import Instance, subject
from quarterdeck.truth.reading import SKEW, AnyReading, Origin, Reason

SOURCE = "sessions database"
DATABASE, LOG, COPIES = "state.db", "state.db-wal", "state.db.malformed-backup-*"
BUDGET_S = 2.0
DAY = timedelta(hours=24)
HOME_LIMIT = 10_000

MALFORMED_COPY = re.compile(r"state\.db\.malformed-backup-[0-9_]{1,40}")


class Glimpse(NamedTuple):
    """What the database said at one moment, each part for itself."""

    at: datetime
    version: Answer[int]
    total: Answer[int]
    begun: Answer[Begun]
    messages: Answer[Messages]
    unended: Answer[frozenset[str]]
    last_answer: Answer[float | None]
    turns: Answer[tuple[Turn, ...]]
    silent: Answer[tuple[Silent, ...]]

    def holds_at(self, now: datetime) -> bool:
        """Say whether an unchanged database would say the same now."""
        if now == self.at:
            return True
        messages = self.messages
        if now < self.at or isinstance(messages, SourceError):
            return False
        if any(isinstance(part, SourceError) for part in self):
            return False
        ahead = any(at > _until(self.at) for at in messages.newest.values())
        begun = given(self.begun).at.values()
        return not ahead and min(begun, default=_since(now)) >= _since(now) <= (messages.oldest_at or math.inf)


class Memory:
    """What one look leaves for the next one: never needed, only cheaper."""

    def __init__(self) -> None:
        self.walked: Walked | None = None
        self.walked_at: datetime | None = None
        self._glimpse: Glimpse | None = None
        self._of: tuple[object, ...] = ()

    def look(self, path: Path, now: datetime, runner: Runner) -> Glimpse:
        """Return what the database says now, asking it only when it may say something else than before."""
        print_ = attempt(sqlite.fingerprint, path)
        of = (path, print_, runner.alive, runner.pid, runner.started_at)
        if self._glimpse is None or self._of != of or not self._glimpse.holds_at(now):
            known = self.walked if self.walked_at and self.walked_at <= now else None
            self._glimpse = sqlite.read(path, lambda db: _glimpse(db, now, runner, known), budget_s=BUDGET_S)
            self._of = of
            if not isinstance(self._glimpse.messages, SourceError):
                self.walked, self.walked_at = self._glimpse.messages.walked, now
        return self._glimpse


def read(
    home: Path, instance: Instance, now: datetime, runner: Runner, *, memory: Memory | None = None
) -> list[AnyReading]:
    """Return the readings of an instance's sessions."""
    report = Report(now)
    about, database = subject(instance.id, "sessions"), Origin(SOURCE, DATABASE)
    glimpse = attempt((memory or Memory()).look, home / DATABASE, now, runner)
    version = after(glimpse, lambda seen: given(seen.version))
    report.tell(subject(instance.id), Origin(SOURCE, f"{DATABASE} schema_version"), fields.SCHEMA_VERSION, version)
    for what, figure in FIGURES:
        report.tell(about, database, what, attempt(_figure, figure, glimpse, now))
    origin = database if runner.alive else runner.origin
    open_turns = attempt(_open_turns, glimpse, home, instance, now, runner)
    for what, answer in _of_turns(open_turns, now):
        report.tell(about, origin, what, answer)
    for name, what in ((DATABASE, fields.DB_BYTES), (LOG, fields.WAL_BYTES)):
        report.tell(about, Origin("file system", name), what, attempt(_size, home, name))
    report.tell(about, Origin("file system", COPIES), fields.MALFORMED, attempt(_copies, home))
    return report.readings


def _glimpse(db: Database, now: datetime, runner: Runner, known: Walked | None) -> Glimpse:
    shelf, since, until = Shelf(db), _since(now), _until(now)
    begun = attempt(statedb.begun, shelf, since, until)
    new = () if isinstance(begun, SourceError) else begun.at
    version = attempt(statedb.schema_version, shelf)
    messages = attempt(statedb.messages, shelf, since, until, new, known)
    live_since = now.timestamp() - LIVE_S
    return Glimpse(
        now,
        version,
        attempt(statedb.total, shelf),
        begun,
        messages,
        after(messages, lambda m: statedb.unended(shelf, [s for s, at in m.newest.items() if at >= live_since])),
        attempt(statedb.last_answer, shelf),
        attempt(_turns, shelf, version, begun, messages, runner),
        attempt(_silent, shelf, version, begun, messages, runner),
    )


def _turns(
    shelf: Shelf, version: Answer[int], begun: Answer[Begun], messages: Answer[Messages], runner: Runner
) -> tuple[Turn, ...]:
    """The turns that the record shows; early releases do not write them there."""
    started = _started(runner)
    if started is None or given(version) < turns.WRITES_THE_QUESTION_FIRST:
        return ()
    ended = frozenset[str]() if isinstance(begun, SourceError) else begun.ended
    newest = {session: at for session, at in given(messages).newest.items() if session not in ended}
    return turns.find(shelf, newest, given(version), started)


def _silent(
    shelf: Shelf, version: Answer[int], begun: Answer[Begun], messages: Answer[Messages], runner: Runner
) -> tuple[Silent, ...]:
    """Where the record does not show turns: the sessions that may be in one."""
    started = _started(runner)
    if started is None or given(version) >= turns.WRITES_THE_QUESTION_FIRST:
        return ()
    return turns.silent(shelf, given(begun).at, given(messages).newest, started)


def _started(runner: Runner) -> float | None:
    """When the running gateway started; None when none runs, or when it is not known whether one does."""
    if not runner.alive:
        return None
    if runner.started_at is None:
        raise SourceError(Reason.OBSERVER, "when the running gateway started could not be told")
    return runner.started_at.timestamp()


def _open_turns(glimpse: Answer[Glimpse], home: Path, instance: Instance, now: datetime, runner: Runner) -> list[Turn]:
    """A gateway that is gone is in no turn, whatever the database holds."""
    if runner.alive is None:
        raise SourceError(runner.reason or Reason.OBSERVER, runner.detail)
    if (started := _started(runner)) is None:
        return []
    seen = given(glimpse)
    found = [*given(seen.turns), *turns.heard(given(seen.silent), home, started)]
    root = Path(instance.root) if instance.root else None
    return turns.still_open(found, home, root, now, runner)


def _of_turns(answer: Answer[list[Turn]], now: datetime) -> Iterator[tuple[Field[Any], object]]:
    """The number of open turns, and the facts of the one that has been still for longest."""
    stillest = after(answer, lambda found: min(found, key=lambda turn: turn.since, default=None))
    yield fields.OPEN_TURNS, after(answer, len)
    yield fields.OPEN_TURN_SINCE, after(stillest, lambda turn: turn and past(from_epoch(turn.since), now))
    yield fields.OPEN_TURN_IN, after(stillest, lambda turn: turn and turn.waits_for)
    yield fields.OPEN_TURN_TOOL, after(stillest, lambda turn: turn and turn.tool)
    yield fields.OPEN_TURN_SESSION, after(stillest, lambda turn: turn and names.session_id(turn.session))


# --- figures: from what the database said to a value, or to the reason why there is none -----------------------------


def _figure(of: Callable[[Glimpse, datetime], object], glimpse: Answer[Glimpse], now: datetime) -> object:
    return of(given(glimpse), now)


def _total(seen: Glimpse, _: datetime) -> object:
    return given(seen.total)


def _started_24h(seen: Glimpse, now: datetime) -> object:
    return len(_begun(seen, now).at)


def _by_source(seen: Glimpse, now: datetime) -> object:
    return dict(Counter(names.platform(source) for source in _begun(seen, now).sources))


def _live(seen: Glimpse, now: datetime) -> object:
    messages, unended = _clocked(seen, now), given(seen.unended)
    return sum(now.timestamp() - LIVE_S <= at for session, at in messages.newest.items() if session in unended)


def _messages(seen: Glimpse, now: datetime) -> object:
    return _clocked(seen, now).found


def _tokens(seen: Glimpse, now: datetime) -> object:
    return given(_begun(seen, now).tokens)


def _cost(seen: Glimpse, now: datetime) -> object:
    return given(_begun(seen, now).cost)


def _unpriced(seen: Glimpse, now: datetime) -> object:
    return given(_begun(seen, now).unpriced)


def _last_message(seen: Glimpse, now: datetime) -> object:
    at = given(seen.messages).newest_at
    return None if at is None else past(from_epoch(at), now)


def _last_success(seen: Glimpse, now: datetime) -> object:
    at = given(seen.last_answer)
    return None if at is None else past(from_epoch(at), now)


FIGURES: tuple[tuple[Field[Any], Callable[[Glimpse, datetime], object]], ...] = (
    (fields.SESSIONS_TOTAL, _total),
    (fields.SESSIONS_24H, _started_24h),
    (fields.SESSIONS_BY_SOURCE, _by_source),
    (fields.SESSIONS_LIVE, _live),
    (fields.MESSAGES_24H, _messages),
    (fields.TOKENS_24H, _tokens),
    (fields.COST_24H, _cost),
    (fields.UNPRICED_24H, _unpriced),
    (fields.LAST_MESSAGE_AT, _last_message),
    (fields.LAST_SUCCESS, _last_success),
)


def _since(now: datetime) -> float:
    return (now - DAY).timestamp()


def _until(now: datetime) -> float:
    return (now + SKEW).timestamp()


def _clocked(seen: Glimpse, now: datetime) -> Messages:
    """The messages, unless the newest entry lies in the future: then no span that ends now can be counted."""
    messages: Messages = given(seen.messages)
    if messages.entered_last_at is not None:
        past(from_epoch(messages.entered_last_at), now)
    return messages


def _begun(seen: Glimpse, now: datetime) -> Begun:
    """The sessions of the day, unless the newest entry lies in the future."""
    begun = given(seen.begun)
    if begun.entered_last_at is not None:
        past(from_epoch(begun.entered_last_at), now)
    return begun


def _size(home: Path, name: str) -> float:
    """A log that is not there is empty; a database that is not there is missing."""
    found = attempt(files.stat_file, home / name)
    if isinstance(found, SourceError):
        if name == LOG and found.reason is Reason.MISSING:
            return 0.0
        raise found
    return float(found.size)


def _copies(home: Path) -> int:
    listing = files.list_dir(home, limit=HOME_LIMIT)
    if listing.more:
        raise SourceError(Reason.OBSERVER, f"the home has more than {HOME_LIMIT} entries, or names that are not text")
    return sum(bool(MALFORMED_COPY.fullmatch(entry.name)) for entry in listing.entries)
