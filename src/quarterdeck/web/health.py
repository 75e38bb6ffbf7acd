"""Whether this hub is fit to be asked, for whoever sends visitors or wakes people.

Rule 1: that the process answers (``/healthz``) is one thing; that what it answers is worth reading (``/readyz``) is
        another. What every agent does is neither: that is what the pages are for.
Rule 2: it is said from readings and from what is in memory: asking opens no file and waits for nothing.
Rule 3: what is not known to be well is not ready, and the reason is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Final, Protocol

from quarterdeck.truth import fields as F  # noqa: N812 -- short where every line names a field
from quarterdeck.truth.fields import kind_of
from quarterdeck.truth.judgement import CURRENT, words
from quarterdeck.truth.reading import SKEW, AnyReading, Known, Unavailable
from quarterdeck.truth.snapshot import Snapshot
from quarterdeck.truth.tables.history import ELSEWHERE
from quarterdeck.views.judged import grouped

OURS: Final = "quarterdeck:"
CYCLE: Final = timedelta(seconds=100)
"""How old the newest collection may be: the host alone is looked at three times in that time."""


class Part(Protocol):
    """Something else without which nobody can be served."""

    def trouble(self) -> str | None:
        """Say in a few words of ours what is wrong with it; None when nothing is. It must not wait."""


def ready(
    snapshot: Snapshot, now: datetime, parts: Iterable[Part] = (), *, remembers: bool = False
) -> tuple[bool, tuple[str, ...]]:
    """Return whether this hub is fit to be asked, and why not.

    ``remembers`` says that what is seen is to be recorded.
    """
    reasons = (
        *_collection(snapshot, now),
        *(_history(snapshot, now) if remembers else ()),
        *filter(None, (one.trouble() for one in parts)),
    )
    return not reasons, reasons


def _collection(snapshot: Snapshot, now: datetime) -> Iterator[str]:
    age = now - snapshot.generated_at
    if not snapshot.version:
        yield "nothing has been collected yet"
    elif age > CYCLE:
        yield f"the newest collection is {words(age)} old"
    elif age < -SKEW:
        yield "the newest collection is from the future: the clock was set back"


def _history(snapshot: Snapshot, now: datetime) -> Iterator[str]:
    said = history(snapshot)
    recording = said.get(F.HISTORY_RECORDING.name)
    if recording is None or recording.knowledge(now) not in CURRENT:
        yield _why(recording)
    elif isinstance(recording, Known) and not recording.value:
        trouble = said.get(F.HISTORY_TROUBLE.name)
        why = trouble.value if isinstance(trouble, Known) else None
        if why != ELSEWHERE:
            yield f"nothing is recorded: {why or 'the history is not open yet'}"


def _why(recording: AnyReading | None) -> str:
    if isinstance(recording, Unavailable):
        return f"it is not known whether anything is recorded: {recording.detail}"
    return "it is not known whether anything is recorded"


def history(snapshot: Snapshot) -> dict[str, AnyReading]:
    """Return what is known of our own history, by the name of the field."""
    for subject, fields in grouped(snapshot).items():
        if subject.startswith(OURS) and kind_of(subject) == "history":
            return dict(fields)
    return {}
