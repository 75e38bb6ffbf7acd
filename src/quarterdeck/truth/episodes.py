"""Status changes as a person thinks of them: when trouble began, when it ended, and how much of the time all was well.

Rule 1: trouble ends only on evidence that it is over. What becomes unknown or stale in between is still the same
        trouble; nobody has seen that it ended.
Rule 2: an episode has both clocks: since when it was so, and from when on we knew.
Rule 3: time in which we did not look, or could not tell, is neither good nor bad: it is left out of every share, and
        said beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from quarterdeck.truth.fields import kind_of
from quarterdeck.truth.findings import NOBODY, VAGUE, Finding, Severity, causes, severity_of
from quarterdeck.truth.incidents import Incident, Setting, incidents
from quarterdeck.truth.instance import instance_of
from quarterdeck.truth.judgement import Status
from quarterdeck.truth.past import Blind, Change
from quarterdeck.truth.reading import Knowledge

NOTHING = timedelta(0)


class Ending(StrEnum):
    """How an episode ended."""

    OPEN = "open"
    RESOLVED = "resolved"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Episode:
    """A stretch of trouble of one subject."""

    subject: str
    status: Status
    """The worst it came to."""
    rule: str
    reason: str
    severity: Severity
    began_at: datetime
    """Since when it was so; where ``begun_before``, the earliest moment of which we know."""
    known_at: datetime
    ended_at: datetime | None = None
    ending: Ending = Ending.OPEN
    begun_before: bool = False
    """Whether it was there already when the changes that were asked for begin."""
    blind: tuple[Blind, ...] = ()
    """When we did not look in the meantime: it may have ended and begun again."""

    @property
    def lasted(self) -> timedelta | None:
        """How long it lasted; None while it is open."""
        return None if self.ended_at is None else max(NOTHING, self.ended_at - self.began_at)


@dataclass(frozen=True, slots=True)
class Closed:
    """An incident that is over."""

    id: str
    lead: Episode
    members: tuple[Episode, ...]
    message: str

    @property
    def severity(self) -> Severity:
        """The severity of the worst member."""
        return max((each.severity for each in self.members), key=lambda each: each.rank)

    @property
    def ended_at(self) -> datetime:
        """When the last member ended."""
        return max(each.ended_at or each.known_at for each in self.members)


def episodes(changes: Iterable[Change], blind: Sequence[Blind], since: datetime) -> tuple[Episode, ...]:
    """Return the episodes in changes known after ``since``, which come newest first; the one that began last, first."""
    of: dict[str, list[Change]] = {}
    for change in reversed(list(changes)):
        of.setdefault(change.subject, []).append(change)
    found = [each for story in of.values() for each in _of_subject(story, since)]
    return tuple(
        sorted((_seen(each, blind) for each in found), key=lambda each: (each.known_at, each.subject), reverse=True)
    )


def _of_subject(story: Sequence[Change], since: datetime) -> Iterable[Episode]:
    """Part the changes of one subject, oldest first, into episodes."""
    first, now = story[0], None
    if first.before not in (None, Status.OK) and first.status is Status.OK:
        now = _before(first, since)
    for change in story:
        if change.status is not Status.OK:
            now = _begun(change, since) if now is None else _worse(now, change)
        elif now is not None:
            removed = change.knowledge is Knowledge.RETIRED
            yield replace(now, ended_at=change.known_at, ending=Ending.REMOVED if removed else Ending.RESOLVED)
            now = None
    if now is not None:
        yield now


def _begun(change: Change, since: datetime) -> Episode:
    """Trouble begins with a change; or it was there before, and this is the first that is told of it."""
    before = change.before not in (None, Status.OK)
    began = change.since if change.since is not None and change.since <= change.known_at else change.known_at
    severity = severity_of(kind_of(change.subject), change.rule, change.status)
    if before and change.since is None:
        began = since
    return Episode(
        change.subject,
        change.status,
        change.rule,
        change.reason,
        severity,
        began,
        change.known_at,
        begun_before=before and change.since is None,
    )


def _before(end: Change, since: datetime) -> Episode:
    """Of trouble that only ends among the changes, no more is known than what it was."""
    status = end.before or Status.UNKNOWN
    severity = severity_of(kind_of(end.subject), "", status)
    return Episode(end.subject, status, "", f"was {status}", severity, since, since, begun_before=True)


def _worse(now: Episode, change: Change) -> Episode:
    """The worst names an episode; what is merely not known does not make it better."""
    if change.status.rank <= now.status.rank:
        return now
    severity = severity_of(kind_of(change.subject), change.rule, change.status)
    return replace(now, status=change.status, rule=change.rule, reason=change.reason, severity=severity)


def _seen(episode: Episode, blind: Sequence[Blind]) -> Episode:
    end = episode.ended_at
    hidden = (each for each in blind if each.ended_at > episode.began_at and (end is None or each.began_at < end))
    return replace(episode, blind=tuple(hidden))


def closed(
    found: Iterable[Episode], settings: Mapping[str, Setting], owners: Mapping[str, str] = NOBODY
) -> tuple[Closed, ...]:
    """Group the episodes that are over, the one that ended last first. ``owners`` are what others stand for."""
    rounds = list[dict[str, Episode]]()
    for each in found:
        if each.ended_at is not None:
            rounds_of = next((turn for turn in rounds if each.subject not in turn), None)
            if rounds_of is None:
                rounds.append({each.subject: each})
            else:
                rounds_of[each.subject] = each
    told = [_closed(incident, turn) for turn in rounds for incident in incidents(_findings(turn, owners), settings)]
    return tuple(sorted(told, key=lambda each: (each.ended_at, each.id), reverse=True))


def _closed(incident: Incident, turn: Mapping[str, Episode]) -> Closed:
    members = tuple(turn[each.subject] for each in incident.members)
    return Closed(f"{incident.id}@{members[0].known_at:%Y-%m-%dT%H:%M:%SZ}", members[0], members, incident.message)


def _findings(turn: Mapping[str, Episode], owners: Mapping[str, str]) -> Iterable[Finding]:
    """Return findings as they were; only what was open at the same time can have been the cause."""
    rules = {name: (each.rule, each.status) for name, each in turn.items()}
    for name, each in turn.items():
        chain = causes(name, rules, owners)
        together = all(_overlap(each, turn[cause]) for cause in chain)
        knowledge = Knowledge.UNKNOWN if each.status in VAGUE else Knowledge.FRESH
        yield Finding(
            name,
            kind_of(name),
            instance_of(name),
            each.rule,
            each.status,
            each.severity,
            knowledge,
            each.reason,
            None if each.begun_before else each.began_at,
            causes=chain if together else (),
        )


def _overlap(one: Episode, other: Episode) -> bool:
    return (one.ended_at is None or other.known_at <= one.ended_at) and (
        other.ended_at is None or one.known_at <= other.ended_at
    )


# --- how much of the time ------------------------------------------------------------------------------------------


class Uptime(NamedTuple):
    """How a span of time is divided. The parts add up to the span."""

    well: timedelta = NOTHING
    degraded: timedelta = NOTHING
    down: timedelta = NOTHING
    not_known: timedelta = NOTHING
    not_looked: timedelta = NOTHING

    @property
    def judged(self) -> timedelta:
        """The time of which something can be said."""
        return self.well + self.degraded + self.down

    def share(self, part: timedelta) -> float | None:
        """Return a part as a share of the time that was judged; None when none was."""
        return part / self.judged if self.judged else None


def uptime(
    changes: Sequence[Change], status: Status | None, blind: Sequence[Blind], since: datetime, until: datetime
) -> Uptime:
    """Divide a span. ``changes`` come oldest first; ``status`` is what holds when there is none of them."""
    at = since
    holds = changes[0].before if changes else status
    parts = dict.fromkeys(("well", "degraded", "down", "not_known"), NOTHING)
    spent = NOTHING
    for change in changes:
        parts, spent = _add(parts, spent, holds, blind, (at, min(max(change.known_at, at), until)))
        at = min(max(change.known_at, at), until)
        holds = None if change.knowledge is Knowledge.RETIRED else change.status
    parts, spent = _add(parts, spent, holds, blind, (at, until))
    return Uptime(**parts, not_looked=spent)


PART = {Status.OK: "well", Status.DEGRADED: "degraded", Status.DOWN: "down"}


def _add(
    parts: dict[str, timedelta],
    spent: timedelta,
    holds: Status | None,
    blind: Sequence[Blind],
    span: tuple[datetime, datetime],
) -> tuple[dict[str, timedelta], timedelta]:
    """Add a stretch to what its status is called, but for the time in it that nobody looked."""
    hidden = covered(blind, *span)
    name = "not_known" if holds is None else PART.get(holds, "not_known")
    return {**parts, name: parts[name] + (span[1] - span[0]) - hidden}, spent + hidden


def covered(blind: Iterable[Blind], since: datetime, until: datetime) -> timedelta:
    """Return how much of a span lies in intervals, which may overlap."""
    total, at = NOTHING, since
    for each in sorted(blind, key=lambda one: one.began_at):
        begin, end = max(each.began_at, at), min(each.ended_at, until)
        if end > begin:
            total += end - begin
            at = end
    return total
