"""A session's own record, read from its home for whoever looks at the session.

Rule 1: only a home of this user is read. Of an instance that is known through its exporter only summaries are known,
        and that is said.
Rule 2: a record is read at most once a second, however many look at it, and by few at a time. It is not kept.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from quarterdeck.sources import own
from quarterdeck.sources.files import SourceError
from quarterdeck.sources.hermes import detail
from quarterdeck.store.history import History
from quarterdeck.truth.instance import Instance, subject
from quarterdeck.truth.past import SessionDetail
from quarterdeck.truth.reading import Known, Origin, Reading, Reason, Unavailable

RECORD: Final = "record"
ORIGIN: Final = Origin("sessions database", detail.DATABASE)
FRESH_FOR: Final = timedelta(seconds=90)
KEPT_S: Final = 1.0
KEPT: Final = 16
SUMMARY_ONLY: Final = "its exporter tells summaries; the record itself stays with its owner"


class Details:
    """Reads the records of sessions. Any thread may ask."""

    def __init__(
        self,
        instances: Iterable[Instance],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._instances = {one.id: one for one in instances}
        self._clock = clock
        self._monotonic = monotonic
        self._turn = threading.Lock()
        self._kept: OrderedDict[tuple[str, str], tuple[float, Reading[SessionDetail]]] = OrderedDict()

    def __call__(self, instance: str, identity: str) -> Reading[SessionDetail]:
        """Return a session's record, or why it cannot be read."""
        with self._turn:
            found = self._kept.get((instance, identity))
            if found is None or self._monotonic() - found[0] >= KEPT_S:
                found = (self._monotonic(), self._read(instance, identity))
                self._kept[instance, identity] = found
                self._kept.move_to_end((instance, identity))
                while len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
            return found[1]

    def _read(self, instance: str, identity: str) -> Reading[SessionDetail]:
        now, about = self._clock(), subject(instance, "session", identity)
        try:
            told = self._of(self._instances.get(instance), identity)
        except SourceError as error:
            return Unavailable(about, RECORD, ORIGIN, now, error.reason, error.detail)
        return Known(about, RECORD, ORIGIN, told, now, FRESH_FOR)

    def _of(self, instance: Instance | None, identity: str) -> SessionDetail:
        if instance is None:
            raise SourceError(Reason.MISSING, "this instance is not watched any more")
        if instance.home is None:
            raise SourceError(Reason.DENIED, SUMMARY_ONLY)
        home = Path(instance.home)
        owner = own.stranger(home)
        if owner is not None:
            told = "" if instance.snapshot is None else f"; {SUMMARY_ONLY}"
            raise SourceError(Reason.DENIED, f"the home belongs to {owner}{told}")
        return detail.read(home, instance, identity)


class Remembered:
    """A history, and beside it the records that are read from homes when somebody asks for one."""

    def __init__(self, history: History, details: Details) -> None:
        self._history = history
        self.session_detail = details

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 -- whatever the history answers
        """Ask the history everything else."""
        return getattr(self._history, name)
