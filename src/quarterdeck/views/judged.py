"""A snapshot with every subject judged at one moment, once, for all views.

Rule 1: every view speaks from the same judgements, so that no two pages can disagree.
Rule 2: judging anew costs what has changed. A judgement is taken over when nothing its instance says has changed, when
        none of the readings it asked for has grown late or old since, and when it is not older than the fleet's size
        makes it (``spare``): in a small fleet everything is judged at every moment, and only in a large one can a
        limit that was passed just now, or an age in a reason, be some seconds behind; of a pull request or an issue,
        of which ages are told in hours and days, some times as many.
Rule 3: of a pull request or an issue it is no news that it was seen once more and said the same. Its judgement stands
        for as long as it would have, and rests on what was seen last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Final, NamedTuple, TypeVar, cast

from quarterdeck.truth.fields import kind_of
from quarterdeck.truth.forge import PASSING
from quarterdeck.truth.grouped import Fields, Grouped
from quarterdeck.truth.instance import ALL, Instance, instance_of, subject
from quarterdeck.truth.judgement import LINKED, Activity, Facts, Judgement, Status, apart, judge, seen_again
from quarterdeck.truth.reading import AnyReading, Knowledge, Known
from quarterdeck.truth.rollup import Rollup, roll_up
from quarterdeck.truth.snapshot import Snapshot
from quarterdeck.truth.tables import TABLES
from quarterdeck.truth.thresholds import Thresholds

ALWAYS = ("gateway", "cron", "sessions", "model")
"""Parts every instance has a row for, even when nothing could be read of it."""

BORROWING: Final = frozenset(kind for kind, _ in LINKED)
"""Kinds that are judged by readings of other subjects too."""
A_SECOND: Final = 2_000
"""Subjects that are judged anew in a second though nothing was learnt of them: only time has passed."""
AT_ONCE: Final = timedelta(0)
SLOWLY: Final = 5
"""What comes and goes with the work may be so many times as long behind as everything else."""
CARDS: Final = frozenset({"card"})
SPREAD: Final = 1_024

T = TypeVar("T")
Note = tuple[str, Callable[[Facts, Judgement], Any]]
"""A subject, and what is made of its facts and its judgement."""


class Verdict(NamedTuple):
    """A judgement, when it was made, and from when on it must be made anew although nothing was learnt."""

    judgement: Judgement
    at: datetime
    until: datetime
    due: datetime
    """The latest that ``until`` may be, however often all of it is seen once more."""


@dataclass(frozen=True)
class Judged:
    """Judgements of all subjects of a snapshot at ``now``."""

    snapshot: Snapshot
    now: datetime
    past: bool = False
    """Whether ``now`` is a moment that is over, and the snapshot what was known then."""
    spare: timedelta | None = field(default=None, compare=False)
    """How long a judgement may be taken over by those that follow; None for what suits the size of the fleet."""
    kept: Mapping[str, Verdict] = field(default_factory=dict, repr=False, compare=False)
    """What is taken over from before."""
    notes: dict[Note, tuple[Judgement, Any]] = field(default_factory=dict, repr=False, compare=False)
    """What views made of single judgements, and of which; see ``noted``."""

    @classmethod
    def after(
        cls, before: Judged | None, snapshot: Snapshot, now: datetime, *, spare: timedelta | None = None
    ) -> Judged:
        """Judge what has changed since ``before``, and take over the rest."""
        if before is None or before.past or now < before.now or before.snapshot.instances != snapshot.instances:
            return cls(snapshot, now, spare=spare)
        fields = grouped(snapshot)
        moved = _moved(before.fields, fields)
        kept = {
            name: verdict
            for name, verdict in before.verdicts.items()
            if now <= verdict.until and _company(name) not in moved
        }
        notes = {note: made for note, made in before.notes.copy().items() if note[0] in kept}
        for name in moved:
            again = _seen_again(before.verdicts.get(name), before.fields.get(name), fields.get(name), now)
            if again is not None:
                kept[name] = again
        made = cls(snapshot, now, spare=spare, kept=kept, notes=notes)
        if fields.keys() == before.fields.keys() and snapshot.gone.keys() == before.snapshot.gone.keys():
            vars(made)["places"] = before.places
        return made

    @cached_property
    def instances(self) -> dict[str, Instance]:
        """Return the instances by id, in the order of the settings."""
        return {instance.id: instance for instance in self.snapshot.instances}

    @cached_property
    def fields(self) -> Mapping[str, Fields]:
        """Return the readings of every subject, by the name of the field."""
        return grouped(self.snapshot)

    @cached_property
    def readings(self) -> Grouped:
        """Return the readings in the form in which those of one subject are found at once."""
        return Grouped(self.fields)

    @cached_property
    def places(self) -> Places:
        """Return every subject that was reported, that must have a row, or that is gone, by kind and instance."""
        names = dict.fromkeys(subject(one, part) for one in self.instances for part in ALWAYS)
        return Places((*(names | dict.fromkeys(self.fields)), *self.snapshot.gone))

    @cached_property
    def verdicts(self) -> dict[str, Verdict]:
        """Judge every subject of which no judgement was taken over."""
        life = self.spare if self.spare is not None else timedelta(seconds=len(self.places.names) // A_SECOND)
        kept = self.kept
        return {name: kept.get(name) or self._verdict(name, life) for name in self.places.names}

    @cached_property
    def judgements(self) -> dict[str, Judgement]:
        """Return the judgement of every subject."""
        return {name: verdict.judgement for name, verdict in self.verdicts.items()}

    @cached_property
    def reported(self) -> Mapping[str, Iterable[str]]:
        """Return the names of all fields reported of each subject."""
        return self.fields

    def facts(self, name: str) -> Facts:
        """Return the facts of a subject, for cells and wording."""
        return Facts(name, self.readings, self.now, self._thresholds(name))

    @cached_property
    def cards_in_need(self) -> int:
        """Return how many cards of all boards are known to need somebody."""
        bad, judgements = (Status.DEGRADED, Status.DOWN), self.judgements
        return sum(judgements[name].status in bad for name in self.places.of(CARDS, ALL))

    def noted(self, name: str, make: Callable[[Facts, Judgement], T]) -> T:
        """Return what is made of a subject's facts and judgement: once, for as long as the judgement stands.

        It is for what has to be said of thousands to show fifty of them. ``make`` is a function of these two alone.
        """
        judgement, note = self.judgements[name], self.notes.get((name, make))
        if note is None or note[0] is not judgement:
            note = self.notes[name, make] = (judgement, make(self.facts(name), judgement))
        return cast("T", note[1])

    def of(self, *kinds: str, instance: str = ALL) -> list[str]:
        """Return the subjects of some kinds that match the filter, in a stable order."""
        return self.places.of(frozenset(kinds), instance)

    def rollup(self, names: Iterable[str]) -> Rollup:
        """Roll up some subjects."""
        return roll_up(self.judgements[name] for name in names)

    def _verdict(self, name: str, life: timedelta) -> Verdict:
        if name not in self.fields and name in self.snapshot.gone:
            return Verdict(_gone(name, self.snapshot.gone[name]), self.now, self.now, self.now)
        facts = self.facts(name)
        judgement = judge(TABLES.get(facts.kind, ()), facts)
        if facts.kind in BORROWING:
            life = AT_ONCE  # what it rests on may move while nothing of its own does
        elif self.spare is None and facts.kind in PASSING:
            life *= SLOWLY
        # Not all of a large fleet grows due in one second: each subject gets a share of the time of its own.
        due = self.now + life * (SPREAD + hash(name) % SPREAD) / (2 * SPREAD)
        turn = facts.stands_until()
        return Verdict(judgement, self.now, due if turn is None else min(due, turn), due)

    def _thresholds(self, name: str) -> Thresholds:
        instance = self.instances.get(instance_of(name))
        return instance.thresholds if instance else self.snapshot.thresholds


class Places:
    """Which subjects there are, found by kind and instance without a search."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = tuple(dict.fromkeys(names))
        self._of_kind: dict[str, dict[str, list[str]]] = {}
        self._of_all: dict[frozenset[str], list[str]] = {}
        for name in self.names:
            self._of_kind.setdefault(kind_of(name), {}).setdefault(instance_of(name), []).append(name)

    @cached_property
    def kinds(self) -> frozenset[str]:
        """Return the kinds there are."""
        return frozenset(self._of_kind)

    def of(self, kinds: frozenset[str], instance: str) -> list[str]:
        """Return the subjects of some kinds that match the filter, in a stable order."""
        if instance != ALL:
            return sorted(self._matching(kinds, (instance, ALL)))
        if kinds not in self._of_all:
            self._of_all[kinds] = sorted(self._matching(kinds, ()))
        return self._of_all[kinds].copy()

    def _matching(self, kinds: frozenset[str], owners: tuple[str, ...]) -> Iterable[str]:
        for kind in kinds & self.kinds:
            of_kind = self._of_kind[kind]
            for owner in owners or of_kind:
                yield from of_kind.get(owner, ())


def grouped(snapshot: Snapshot) -> Mapping[str, Fields]:
    """Return the readings of a snapshot by subject."""
    readings = snapshot.readings
    return (readings if isinstance(readings, Grouped) else Grouped.of(readings)).subjects


def _moved(before: Mapping[str, Fields], after: Mapping[str, Fields]) -> set[str]:
    """Return the instances, hosts and other companies of which something else is known than before."""
    if before is after:
        return set()
    changed = [name for name, fields in after.items() if before.get(name) is not fields and before.get(name) != fields]
    return {_company(name) for name in (*changed, *(before.keys() - after.keys()))}


def _company(name: str) -> str:
    """Return what is judged anew together: all of an instance or a host, but of a forge each thing for itself."""
    return name if name.startswith("forge:") else name.partition("/")[0]


def _seen_again(verdict: Verdict | None, before: Fields | None, after: Fields | None, now: datetime) -> Verdict | None:
    """Return a judgement of which every reading was only seen once more; None where anything else is known."""
    if verdict is None or before is None or after is None or now > verdict.due or before.keys() != after.keys():
        return None
    if kind_of(verdict.judgement.subject) not in PASSING:
        return None
    if not all(before[field] is reading or _says_again(before[field], reading) for field, reading in after.items()):
        return None
    judgement = seen_again(verdict.judgement, after, now)
    turns = (each.turns_at(now) for each in apart(after.values()))
    until = min([verdict.due, *(turn for turn in turns if turn is not None)])
    return None if judgement is None else Verdict(judgement, verdict.at, until, verdict.due)


def _says_again(before: AnyReading, after: AnyReading) -> bool:
    if not isinstance(before, Known) or not isinstance(after, Known) or before.origin != after.origin:
        return False
    return before.value is after.value or bool(before.value == after.value)


def matches(name: str, instance: str) -> bool:
    """Whether a subject passes the filter; those of no single instance always do."""
    return instance == ALL or instance_of(name) in (instance, ALL)


def needs_somebody(judgement: Judgement) -> bool:
    """Whether a subject belongs among those that need attention; what is retired or not there yet needs nobody."""
    return judgement.status is not Status.OK and judgement.knowledge is not Knowledge.RETIRED


def _gone(name: str, at: datetime) -> Judgement:
    """A subject its source no longer reports: removed, which is not the same as unreadable."""
    reason = "no longer reported by its source, which answered"
    return Judgement(name, "gone", Status.OK, None, Knowledge.RETIRED, reason, at, (), ())


def working(judgement: Judgement) -> bool:
    """Whether a subject is seen to be working."""
    return judgement.activity is Activity.BUSY
