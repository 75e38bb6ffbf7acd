"""How the answers of many sources become one set of readings.

Rule 1: what a source said last is what is held of it. Each look replaces the one before, subject by subject.
Rule 2: a subject that nobody reports any more, though its source answered, is gone and leaves a tombstone. Only what
        was known can go. What comes and goes with the work leaves none: a pull request that was merged is no loss.
Rule 3: a subject is not gone when the list it stood in could not be read. Then it is unknown, for the list's reason.
Rule 4: two sources may speak of one subject. Should both speak for one field of it, the one named first is heard.
Rule 5: a merge costs what the source reported, and a snapshot costs one entry per subject. Nothing is built anew
        because something else changed: unchanged subjects are shared between snapshots.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from quarterdeck.truth.fields import JOBS_DECLARED, kind_of
from quarterdeck.truth.forge import PASSING
from quarterdeck.truth.grouped import NOTHING, Fields, Grouped
from quarterdeck.truth.reading import AnyReading, Key, Known, Origin, Reason, Unavailable
from quarterdeck.truth.snapshot import GONE_FOR, remembering, unanswered

LISTED_BY = {"job": JOBS_DECLARED.name}
"""For a kind of subject that stands in a list: the field of its parent that says whether the list could be read."""


class Merged:
    """What is held of every source, and what follows for every subject."""

    def __init__(self, order: Iterable[str]) -> None:
        self._rank = {source: rank for rank, source in enumerate(order)}
        self._held: dict[str, Grouped] = {}
        self._speakers: dict[str, tuple[str, ...]] = {}
        self._subjects: dict[str, Fields] = {}
        self._gone: dict[str, datetime] = {}

    def answered(self, source: str, readings: Iterable[AnyReading], at: datetime) -> None:
        """Hold what a source has just reported instead of what it reported before."""
        before = self._held.get(source, NOTHING)
        now = remembering(before, readings)
        unlisted = _unlisted(before, now, at)
        self._hold(source, Grouped({**now.subjects, **unlisted.subjects}) if unlisted else now, at)

    def unanswered(
        self, source: str, at: datetime, reason: Reason, detail: str, expected: Collection[Key] = ()
    ) -> None:
        """Hold that a source did not answer: all it is known to speak for is unknown, with its last values.

        ``expected`` are the facts it would have brought had it ever answered.
        """
        before: Mapping[Key, AnyReading] = dict(self._held.get(source, NOTHING).items())
        if not before:
            before = {key: Unavailable(*key, Origin(source, key[1]), at, reason, detail) for key in expected}
        self._hold(source, Grouped.of(unanswered(before, at, reason, detail)), at)

    def readings(self) -> Grouped:
        """Return all readings as they are now; later answers do not change them."""
        return Grouped(self._subjects.copy())

    def gone(self, now: datetime) -> dict[str, datetime]:
        """Return the subjects that are gone, and when that was noticed; forget those whose time is over."""
        self._gone = {subject: at for subject, at in self._gone.items() if now - at < GONE_FOR}
        return {subject: at for subject, at in self._gone.items() if subject not in self._subjects}

    def _hold(self, source: str, now: Grouped, at: datetime) -> None:
        before = self._held.get(source, NOTHING)
        self._held[source] = now
        for subject in before.subjects.keys() - now.subjects.keys():
            self._leave(source, subject, before.subjects[subject], at)
        alone = (source,)
        for subject, fields in now.subjects.items():
            speakers = self._speakers.get(subject)
            if speakers is None:
                self._speakers[subject] = alone
            if speakers is None or speakers == alone:
                self._subjects[subject] = fields
            else:
                self._speak(subject, {*speakers, source})

    def _leave(self, source: str, subject: str, last: Fields, at: datetime) -> None:
        others = set(self._speakers[subject]) - {source}
        if others:
            self._speak(subject, others)
            return
        del self._speakers[subject], self._subjects[subject]
        if kind_of(subject) in PASSING:
            return
        if any(isinstance(reading, Known) or reading.last for reading in last.values()):
            self._gone[subject] = at

    def _speak(self, subject: str, sources: Collection[str]) -> None:
        """Let several sources speak of one subject; the first in the order is heard last, and so has its word."""
        speakers = tuple(sorted(sources, key=self._rank.__getitem__))
        self._speakers[subject] = speakers
        fields: dict[str, AnyReading] = {}
        for source in reversed(speakers):
            fields |= self._held[source].subjects[subject]
        self._subjects[subject] = fields


def _unlisted(before: Grouped, now: Grouped, at: datetime) -> Grouped:
    """What was known of subjects whose list could not be read this time: unknown, with their last values."""
    kept: dict[Key, AnyReading] = {}
    for subject in before.subjects.keys() - now.subjects.keys():
        parent = now.subjects.get(subject.rpartition("/")[0], {})
        listing = parent.get(LISTED_BY.get(kind_of(subject), ""))
        if isinstance(listing, Unavailable):
            known = {(subject, field): reading for field, reading in before.subjects[subject].items()}
            kept |= unanswered(known, at, listing.reason, listing.detail)
    return Grouped.of(kept)
