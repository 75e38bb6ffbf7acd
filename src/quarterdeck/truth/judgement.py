"""From readings to a status.

Rule 1: a table is read from the worst row down; the first row that holds is the judgement.
Rule 2: a row whose readings are unavailable or stale neither holds nor fails: it is a doubt.
Rule 3: nothing is ok while a worse row is in doubt. Then the status is ``unknown`` (a reading is
        unavailable) or ``stale`` (a reading has expired), whichever is worse.
        A row may be strict: then it does not hold either while a row above it is in doubt, however bad it is.
Rule 4: a judgement carries the readings it rests on: that is the why-chain. A bad one rests on those its own row
        asked for, an ok one on all that were looked at on the way, an unknown one on those that could not answer.

A row's test simply asks for the facts it needs (``f[LOCK_HOLDER] is None``). Asking for a fact that
is not known at that moment raises ``NotKnown``, and the table turns that into a doubt. So a test
can neither invent a default nor forget that something may be absent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Generic, NamedTuple, TypeVar, cast

from quarterdeck.truth.fields import PART_OF_KIND, Field, kind_of
from quarterdeck.truth.reading import AnyReading, Key, Knowledge, Known, Origin, Reading, Reason, Unavailable
from quarterdeck.truth.thresholds import Thresholds

T = TypeVar("T")

CURRENT = frozenset({Knowledge.FRESH, Knowledge.LATE})
"""What must be known of a reading for a table to use its value."""


class Status(StrEnum):
    """What may be said of a subject at a moment, from best to worst."""

    OK = "ok"
    STALE = "stale"
    UNKNOWN = "unknown"
    DEGRADED = "degraded"
    DOWN = "down"

    @property
    def rank(self) -> int:
        """0 for ok up to 4 for down."""
        return _RANK[self]


_RANK = {status: rank for rank, status in enumerate(Status)}


class Activity(StrEnum):
    """What a subject is doing, where it can do something."""

    IDLE = "idle"
    BUSY = "busy"
    RATE_LIMITED = "rate-limited"
    PAUSED = "paused"
    STUCK = "stuck"


SETTLED = frozenset({Knowledge.PAUSED, Knowledge.RETIRED})
"""What a rule says by itself, however fresh the readings are."""
LINKED = {("service", "unit"): "unit", ("repository", "timer"): "timer"}
"""A kind, and the kind whose facts its table may also ask for: the field that names the subject they are of."""


class NotKnown(Exception):  # noqa: N818 -- a fact that is not known is an answer, not an error
    """A fact was asked for that is not known at this moment."""

    def __init__(self, reading: AnyReading) -> None:
        """Carry the reading that could not answer."""
        super().__init__(reading.field)
        self.reading = reading


@dataclass(slots=True)
class Facts:
    """The readings of one subject at one moment, as the rows of a table may ask for them.

    A field of another kind is looked up on the neighbour of that kind in the same instance, so the
    table of the gateway may ask for the open turn of the instance's sessions.
    """

    subject: str
    readings: Mapping[Key, AnyReading]
    now: datetime
    thresholds: Thresholds = field(default_factory=Thresholds)
    asked: dict[Field[Any], AnyReading] = field(default_factory=dict)
    kind: str = ""
    _answers: dict[Field[Any], tuple[AnyReading, bool]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Derive the kind from the id."""
        self.kind = kind_of(self.subject)

    def reading(self, wanted: Field[T]) -> Reading[T]:
        """Return the reading itself; a field nobody ever reported is ``Unavailable(never seen)``."""
        found = self.asked[wanted] = (self._answers.get(wanted) or self._look_up(wanted))[0]
        return cast("Reading[T]", found)

    def __getitem__(self, wanted: Field[T]) -> T:
        """Return the value when it is known and unexpired.

        Raises:
            NotKnown: when it is not.
        """
        found, current = self._answers.get(wanted) or self._look_up(wanted)
        self.asked[wanted] = found
        if current:
            return found.value  # type: ignore[union-attr, no-any-return]  # only what is known is current
        raise NotKnown(found)

    def _look_up(self, wanted: Field[T]) -> tuple[AnyReading, bool]:
        """Return a reading and whether it is known and unexpired. A table asks the same thing often: it is kept."""
        key = (self._subject_of(wanted), wanted.name)
        found = self.readings.get(key)
        if found is None:
            origin = Origin("no source", wanted.of)
            found = Unavailable(*key, origin, self.now, Reason.NEVER_SEEN, "no source has reported this yet")
        current = isinstance(found, Known) and found.knowledge(self.now) in CURRENT
        answer = self._answers[wanted] = (found, current)
        return answer

    def _subject_of(self, wanted: Field[T]) -> str:
        """Where a field lives: on this subject, on one it names, or on its neighbour of that kind in the instance."""
        if wanted.of == self.kind:
            return self.subject
        link = LINKED.get((self.kind, wanted.of))
        named = self.readings.get((self.subject, link)) if link else None
        if isinstance(named, Known) and named.value:
            return str(named.value)
        base = self.subject.partition("/")[0]
        part = PART_OF_KIND.get(wanted.of, wanted.of)
        return f"{base}/{part}" if part else base

    def get(self, wanted: Field[T]) -> T | None:
        """Return the value when known, else None: for wording only, never for deciding."""
        try:
            return self[wanted]
        except NotKnown:
            return None

    def span(self, wanted: Field[datetime | None]) -> str:
        """Say how long ago the moment in a field was, for wording only."""
        moment = self.get(wanted)
        return "an unknown time" if moment is None else words(self.age(moment))

    def stands_until(self) -> datetime | None:
        """Return up to when all that was asked here is known as well as it is now; None when it stays so."""
        turns = (each.turns_at(self.now) for each in apart(found for found, _ in self._answers.values()))
        return min((turn for turn in turns if turn is not None), default=None)

    def age(self, moment: datetime) -> float:
        """Return the seconds from ``moment`` to now; a moment in the future has a negative age."""
        return (self.now - moment).total_seconds()


def apart(readings: Iterable[AnyReading]) -> Iterable[Known[Any]]:
    """Return what is known, without those that age as another one does: most of a subject was seen at once."""
    return {(each.observed_at, each.fresh_for): each for each in readings if isinstance(each, Known)}.values()


class Answer(NamedTuple, Generic[T]):
    """What came of a question to the facts."""

    value: T | None
    """None when it could not be answered."""
    lost: AnyReading | None
    """The reading that could not answer."""
    readings: tuple[AnyReading, ...]
    """All readings that were asked."""


def ask(facts: Facts, question: Callable[[Facts], T]) -> Answer[T]:
    """Ask something of the facts, and tell which readings the answer, or its absence, follows from."""
    before, facts.asked = facts.asked, {}
    try:
        return Answer(question(facts), None, tuple(facts.asked.values()))
    except NotKnown as unknown:
        return Answer(None, unknown.reading, tuple(facts.asked.values()))
    finally:
        facts.asked = before | facts.asked


Say = str | Callable[[Facts], str]


class Rule(NamedTuple):
    """One row of a table: when it holds, what follows, and in which words."""

    id: str
    status: Status
    when: Callable[[Facts], bool]
    say: Say
    activity: Activity | None = None
    since: Callable[[Facts], datetime | None] | None = None
    retired: bool = False
    elsewhere: bool = False
    """The readings asked here have a row of their own: when they are not known, that row says so, not this one."""
    strict: bool = False
    """It holds only when every row above it was decided, also when it is bad: the first row that holds names a class,
    and with a doubt about an earlier one nobody knows the class."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What follows from the readings of a subject, and from which of them."""

    subject: str
    rule: str
    status: Status
    activity: Activity | None
    knowledge: Knowledge
    reason: str
    since: datetime | None
    because: tuple[AnyReading, ...]
    doubts: tuple[AnyReading, ...]

    @property
    def expires_at(self) -> datetime | None:
        """When the first reading it rests on expires; None when it rests on none that can."""
        return min((r.expires_at for r in self.because if isinstance(r, Known)), default=None)


def judge(table: Sequence[Rule], facts: Facts) -> Judgement:
    """Judge one subject by one table."""
    doubts: dict[Key, AnyReading] = {}
    everything: dict[Field[Any], AnyReading] = {}
    for rule in table:
        facts.asked = {}
        try:
            holds = rule.when(facts)
        except NotKnown as unknown:
            if not rule.elsewhere:
                doubts[unknown.reading.subject, unknown.reading.field] = unknown.reading
            holds = False
        everything |= facts.asked
        if holds and doubts and (rule.strict or rule.status is Status.OK):
            break
        if holds:
            return _verdict(rule, facts, everything, tuple(doubts.values()))
    return _doubtful(facts, everything, tuple(doubts.values()))


def _verdict(
    rule: Rule, facts: Facts, everything: Mapping[Field[Any], AnyReading], doubts: tuple[AnyReading, ...]
) -> Judgement:
    """A row held. A bad verdict rests on what its own row asked; an ok one on everything that was asked."""
    because = tuple((everything if rule.status is Status.OK else facts.asked).values())
    reason = rule.say if isinstance(rule.say, str) else rule.say(facts)
    lost = dict.fromkeys(explain(r, facts.now) for r in doubts if isinstance(r, Unavailable))
    if lost:
        reason = f"{reason}; not known: {next(iter(lost))}"
    since = rule.since(facts) if rule.since else None
    knowledge = _knowledge(rule, because, facts.now)
    return Judgement(facts.subject, rule.id, rule.status, rule.activity, knowledge, reason, since, because, doubts)


def _knowledge(rule: Rule, because: Iterable[AnyReading], now: datetime) -> Knowledge:
    if rule.retired:
        return Knowledge.RETIRED
    if rule.activity is Activity.PAUSED:
        return Knowledge.PAUSED
    return _freshness(because, now)


def _freshness(because: Iterable[AnyReading], now: datetime) -> Knowledge:
    late = any(r.knowledge(now) is Knowledge.LATE for r in apart(because))
    return Knowledge.LATE if late else Knowledge.FRESH


def seen_again(said: Judgement, fields: Mapping[str, AnyReading], now: datetime) -> Judgement | None:
    """Return a judgement that rests on the same facts, seen once more; None where that changes what follows.

    ``fields`` are the readings of its subject now, which say what those before said.
    """
    because = tuple(
        fields[each.field] for each in said.because if each.subject == said.subject and each.field in fields
    )
    current = all(each.knowledge(now) in CURRENT for each in apart(because))
    if said.doubts or len(because) < len(said.because) or not current:
        return None
    knowledge = said.knowledge if said.knowledge in SETTLED else _freshness(because, now)
    return Judgement(
        said.subject, said.rule, said.status, said.activity, knowledge, said.reason, said.since, because, ()
    )


def _doubtful(facts: Facts, everything: Mapping[Field[Any], AnyReading], doubts: tuple[AnyReading, ...]) -> Judgement:
    """No row held for sure: unknown when a reading is unavailable, stale when they have merely expired."""
    unavailable = [r for r in doubts if isinstance(r, Unavailable)]
    status = Status.STALE if doubts and not unavailable else Status.UNKNOWN
    said = dict.fromkeys(explain(r, facts.now) for r in unavailable or doubts)
    reason = "; ".join(list(said)[:3]) or "no rule of the table applies"
    knowledge = Knowledge.STALE if status is Status.STALE else Knowledge.UNKNOWN
    return Judgement(
        facts.subject, "doubt", status, None, knowledge, reason, None, doubts or tuple(everything.values()), doubts
    )


def explain(reading: AnyReading, now: datetime) -> str:
    """Say in words why a reading cannot answer now."""
    if isinstance(reading, Unavailable):
        return f"{reading.origin.locator} {reading.reason}: {reading.detail}"
    if reading.observed_at > now:
        return f"{reading.origin.locator} carries a time from the future"
    return f"{reading.origin.locator} was last read {words(now - reading.observed_at)} ago"


def words(span: object) -> str:
    """Write a span of time as an operator would say it: ``45 s``, ``12 min``, ``26 h``, ``9 d``."""
    seconds = max(0, int(span.total_seconds() if hasattr(span, "total_seconds") else float(cast("float", span))))
    for limit, size, unit in ((120, 1, "s"), (7_200, 60, "min"), (172_800, 3_600, "h")):
        if seconds < limit:
            return f"{seconds // size} {unit}"
    return f"{seconds // 86_400} d"


def listed(items: Sequence[str], at_most: int = 3) -> str:
    """List the first few, and say how many there are beside."""
    more = len(items) - at_most
    return ", ".join(items[:at_most]) + (f" and {more:,} more" if more > 0 else "")


def counted(number: int, one: str, many: str = "") -> str:
    """Count things: ``1 approval``, ``2 approvals``, ``3 repositories``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
