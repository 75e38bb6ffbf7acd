"""What became of every run that was due.

Rule 1: a run belongs to the newest time that was due when it began. A second run for the same time was not asked for by
        the schedule, and is told as unexpected.
Rule 2: a time is missed only when nothing began for it before its grace was over, and that could have been seen: the
        plan was known, and every run over that stretch would have become known. Else it is unknown, and says why.
Rule 3: the agent passes over what it comes back to too late. A time at which nothing was alive to run it, and behind
        which the agent has since gone on, was skipped by grace. While nobody has come back it is missed.
Rule 4: a time that falls due while the run before it is still going overlaps it; the agent starts no second one.
Rule 5: what is paused is not due.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from quarterdeck.truth.judgement import words
from quarterdeck.truth.past import Blind, Cover, Plan, Run, Verdict, Watch

EARLY = timedelta(seconds=5)
"""Two clocks are read: a run may seem to begin so much before it was due."""

MISSED, UNJUDGED = "jobs_missed", "jobs_not_known"
"""In the tally of a scheduler: its jobs that missed a run, and those of which nothing could be told."""
APART = timedelta(seconds=10)
"""Two stretches that lie no further apart are one."""
OVERLAPS = 10
"""So many runs before a time are asked whether they were still going."""
NOT_MADE = frozenset({Verdict.MISSED, Verdict.SKIPPED})
OTHERS = (
    Verdict.MISSED, Verdict.SKIPPED, Verdict.LATE, Verdict.RAN_LONG, Verdict.RAN_SHORT, Verdict.OVERLAPPING,
    Verdict.RUNNING, Verdict.UNEXPECTED,
)  # fmt: skip
OVER = frozenset(Verdict) - {Verdict.WAITING, Verdict.UNEXPECTED, Verdict.UNKNOWN}
"""What has become of a time that was due, once it can be said."""


class Limits(NamedTuple):
    """How late, how long and how short."""

    late: timedelta
    """A run that begins later than this after its time is late."""
    grace: timedelta
    """What has not begun so much later than that does not count as coming any more: the agent's misfire grace."""
    longest: timedelta | None = None
    """A run that takes longer ran long."""
    shortest: timedelta | None = None
    """A run that takes less ran short."""

    @property
    def over(self) -> timedelta:
        """How long after its time a run may still begin before it is missed."""
        return self.late + self.grace


class Sight(NamedTuple):
    """What could have been seen, and what could not."""

    watched: tuple[Watch, ...]
    """Stretches over which every run would have become known, in order and apart."""
    blind: tuple[Blind, ...] = ()
    """When we did not look; it explains what is not watched."""
    next_due: datetime | None = None
    """What the agent says it will do next: everything before it is behind the agent."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One time that was due, or one run nobody asked for, and what became of it."""

    expected_at: datetime | None
    run: Run | None
    verdict: Verdict
    why: str
    plan: Plan | None = None
    """The plan that made it due."""

    @property
    def at(self) -> datetime:
        """The moment by which it is sorted."""
        found = self.expected_at or (self.run.began_at if self.run else None)
        if found is None:
            raise ValueError("A slot has a time that was due, a run, or both.")
        return found

    @property
    def late_by(self) -> timedelta | None:
        """How long after its time it began; None where nothing began or nothing was due."""
        if self.run is None or self.expected_at is None:
            return None
        return max(self.run.began_at - self.expected_at, timedelta(0))

    @property
    def took(self) -> timedelta | None:
        """How long it ran; None while it does, or where nobody wrote that down."""
        return None if self.run is None or self.run.ended_at is None else self.run.ended_at - self.run.began_at


def pair(
    due: Sequence[tuple[datetime, Plan]], runs: Sequence[Run], now: datetime, limits: Limits, sight: Sight
) -> tuple[Slot, ...]:
    """Say of every time that was due what became of it, and of every run whether it was asked for; oldest first.

    ``due`` and ``runs`` are sorted. Runs before the first time are context: they are not told themselves.
    """
    times = [at for at, _ in due]
    begins = [run.began_at for run in runs]
    taken: dict[int, Run] = {}
    slots: list[Slot] = []
    for run in runs:
        place = bisect_right(times, run.began_at + EARLY) - 1
        if place < 0:
            continue
        if place in taken:
            slots.append(Slot(None, run, Verdict.UNEXPECTED, "no schedule asked for this run"))
        else:
            taken[place] = run
    for place, (at, plan) in enumerate(due):
        earlier = runs[max(0, bisect_left(begins, at) - OVERLAPS) : bisect_left(begins, at + limits.over)]
        later = bool(begins) and begins[-1] > at + EARLY
        case = _Case(at, plan, taken.get(place), earlier, later, times[place + 1 : place + 2], now, limits, sight)
        slots.append(case.slot())
    return tuple(sorted(slots, key=lambda slot: slot.at))


class _Case(NamedTuple):
    """One time that was due, with all that is needed to say what became of it."""

    at: datetime
    plan: Plan
    run: Run | None
    around: Sequence[Run]
    """The runs that began shortly before it, and those until its grace was over."""
    ran_later: bool
    following: Sequence[datetime]
    now: datetime
    limits: Limits
    sight: Sight

    def slot(self) -> Slot:
        verdict, why = self._ran(self.run) if self.run else self._did_not_run()
        return Slot(self.at, self.run, verdict, why, self.plan)

    # --- a run began -------------------------------------------------------------------------------------------

    def _ran(self, run: Run) -> tuple[Verdict, str]:
        began_late = run.began_at - self.at
        late = f"began {words(began_late)} after its time" if began_late > self.limits.late else "began in time"
        before = self._going_on(run.began_at, run)
        if before is not None:
            return Verdict.OVERLAPPING, f"began while the run of {_clock(before.began_at)} was still going"
        if run.ended_at is None:
            return self._not_ended(run, late)
        took = run.ended_at - run.began_at
        if self.limits.longest is not None and took > self.limits.longest:
            return Verdict.RAN_LONG, f"{late}, ran {words(took)}; at most {words(self.limits.longest)} is usual"
        if self.limits.shortest is not None and took < self.limits.shortest:
            return Verdict.RAN_SHORT, f"{late}, ran {words(took)}; at least {words(self.limits.shortest)} is usual"
        return (Verdict.LATE if began_late > self.limits.late else Verdict.ON_TIME), late

    def _not_ended(self, run: Run, late: str) -> tuple[Verdict, str]:
        """It is under way, or nobody wrote down how it ended."""
        if run.result is not None:
            verdict = Verdict.LATE if run.began_at - self.at > self.limits.late else Verdict.ON_TIME
            return verdict, f"{late}; when it ended is not known"
        took = self.now - run.began_at
        if self.limits.longest is not None and took > self.limits.longest:
            return Verdict.RAN_LONG, f"{late}, has been running for {words(took)}"
        return Verdict.RUNNING, f"{late}, has been running for {words(took)}"

    def _going_on(self, at: datetime, but: Run | None) -> Run | None:
        """Return a run that had begun before a moment and was not over at it."""
        for run in self.around:
            if run.began_at >= at or run is but:
                break
            end = run.ended_at if run.ended_at is not None or run.result is not None else self.now
            if end is not None and end > at:
                return run
        return None

    # --- none began --------------------------------------------------------------------------------------------

    def _did_not_run(self) -> tuple[Verdict, str]:
        before = self._going_on(self.at, None)
        if before is not None:
            return Verdict.OVERLAPPING, f"the run of {_clock(before.began_at)} was still going"
        until = min([self.at + self.limits.over, *self.following])
        hidden = self._hidden(until)
        if hidden is not None:
            return Verdict.UNKNOWN, hidden
        if self.now < self.at + self.limits.over and self.now < until:
            return Verdict.WAITING, f"may still begin until {_clock(self.at + self.limits.over)}"
        nothing = f"nothing began by {_clock(until)}"
        if self.plan.runner is None:
            return Verdict.MISSED, nothing
        if self.plan.runner:
            return Verdict.MISSED, f"{nothing}, though a gateway was alive to run it"
        if self._passed():
            return Verdict.SKIPPED, f"{nothing}: no gateway was alive, and the agent has gone on without it"
        return Verdict.MISSED, f"{nothing}: no gateway is alive to run it"

    def _passed(self) -> bool:
        """Whether the agent has come back since and gone on behind this time."""
        return self.ran_later or (self.sight.next_due is not None and self.sight.next_due > self.at)

    def _hidden(self, until: datetime) -> str | None:
        """Say why a run could have begun unseen; None where none could."""
        if self.at < self.plan.known_at:
            return f"Quarterdeck knows this schedule since {_clock(self.plan.known_at)} only"
        if self.plan.on is None:
            return "whether it was to run could not be read"
        until = min(until, self.now)
        if any(watch.since <= self.at and until <= watch.until for watch in self.sight.watched):
            return None
        for blind in self.sight.blind:
            if blind.began_at < until and blind.ended_at > self.at:
                return f"Quarterdeck did not look: {blind.why}"
        if not self.sight.watched or self.at < self.sight.watched[0].since:
            return "no record of its runs reaches back so far"
        return "its runs could not be read then"


def _clock(moment: datetime) -> str:
    return f"{moment:%H:%M:%S} UTC" if moment.second else f"{moment:%H:%M} UTC"


# --- many into one -------------------------------------------------------------------------------------------------


def tally(slots: Iterable[Slot]) -> Mapping[str, int]:
    """Count what became of the times that were due: by verdict, and ``due`` for all that can be spoken of."""
    found = Counter(slot.verdict for slot in slots)
    counted = {key(verdict): found[verdict] for verdict in Verdict if found[verdict]}
    return {"due": sum(number for verdict, number in found.items() if verdict in OVER), **counted}


def key(verdict: Verdict) -> str:
    """Return a verdict as a name in a tally: ``on_time``, ``skipped_by_grace``."""
    return verdict.value.replace(" ", "_")


def not_made(counted: Mapping[str, int]) -> int:
    """Return how many runs of a tally were due and were not made."""
    return sum(counted.get(key(verdict), 0) for verdict in NOT_MADE)


def in_words(counted: Mapping[str, int]) -> str:
    """Say a tally: ``23 of 24 on time, 1 missed``. Where not all is known, what was missed is a lower bound."""
    due, vague = counted.get("due", 0), counted.get(key(Verdict.UNKNOWN), 0)
    lost = counted.get(UNJUDGED, 0)
    said = [f"{counted.get(key(Verdict.ON_TIME), 0)} of {due} on time" if due else "none due"]
    for verdict in OTHERS:
        if number := counted.get(key(verdict), 0):
            bound = "≥" if verdict in NOT_MADE and (vague or lost) else ""
            said.append(f"{bound}{number} {verdict.value}")
    said += [f"{vague} not known"] if vague else []
    said += [f"{lost} {'job' if lost == 1 else 'jobs'} not known"] if lost else []
    return ", ".join(said)


def missed_at(slots: Sequence[Slot]) -> datetime | None:
    """Return when the newest run that is over was due, if nobody made it."""
    for slot in reversed(slots):
        if slot.expected_at is not None and slot.verdict in OVER | {Verdict.UNKNOWN}:
            return slot.expected_at if slot.verdict in NOT_MADE else None
    return None


# --- what could be seen --------------------------------------------------------------------------------------------


def seen(covers: Iterable[Cover], blind: Sequence[Blind], now: datetime) -> tuple[Watch, ...]:
    """Return the stretches over which every run would have become known, in order and apart.

    What the source itself kept counts from ``since`` on, whether we looked or not; what it would have told later counts
    only while we looked.
    """
    stretches: list[Watch] = []
    for cover in covers:
        stretches.append(Watch(cover.since, cover.known_at))
        stretches += _without(Watch(cover.known_at, cover.until or now), blind)
    return tuple(_joined(sorted(stretches)))


def _without(watch: Watch, blind: Iterable[Blind]) -> list[Watch]:
    """Return what is left of a stretch without the times in which nobody looked."""
    left = [watch]
    for dark in sorted(blind, key=lambda each: each.began_at):
        if left and dark.began_at < left[-1].until and dark.ended_at > left[-1].since:
            last = left.pop()
            left += [Watch(last.since, dark.began_at)] if last.since < dark.began_at else []
            left += [Watch(dark.ended_at, last.until)] if dark.ended_at < last.until else []
    return left


def _joined(stretches: Iterable[Watch]) -> Iterator[Watch]:
    """Make one of stretches that touch, or nearly so: a look is not made in the instant in which it is written down."""
    open_one: Watch | None = None
    for watch in stretches:
        if open_one is None or watch.since > open_one.until + APART:
            if open_one is not None:
                yield open_one
            open_one = watch
        elif watch.until > open_one.until:
            open_one = Watch(open_one.since, watch.until)
    if open_one is not None:
        yield open_one
