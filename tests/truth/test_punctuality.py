"""What became of every run that was due: each verdict by itself, and all against a walk through every minute."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from quarterdeck.truth.past import Blind, Cover, Plan, Run, Verdict, Watch
from quarterdeck.truth.punctuality import (
    Limits,
    Sight,
    Slot,
    in_words,
    missed_at,
    not_made,
    pair,
    seen,
    tally,
)

T = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
LIMITS = Limits(
    late=timedelta(minutes=3), grace=timedelta(minutes=10), longest=timedelta(minutes=20), shortest=timedelta(seconds=5)
)
EVER = (Watch(T - timedelta(days=9), T + timedelta(days=9)),)


def at(minutes: float) -> datetime:
    return T + timedelta(minutes=minutes)


def plan(**changes: Any) -> Plan:
    known = T - timedelta(days=1)
    return Plan(known, "0 * * * *", "UTC", zone_configured=True, on=True, runner=True)._replace(**changes)


def ran(began: float, took: float | None = 1.0, result: str | None = "ok") -> Run:
    return Run(at(began), None if took is None else at(began + took), result)


def slots(
    *runs: Run, now: float = 300, due: Sequence[float] = (0, 60), sight: Sight | None = None, **of_plan: Any
) -> tuple[Slot, ...]:
    planned = plan(**of_plan)
    times = [(at(minutes), planned) for minutes in due]
    return pair(times, sorted(runs), at(now), LIMITS, sight or Sight(EVER))


def first(*runs: Run, **more: Any) -> Slot:
    return slots(*runs, **more)[0]


# --- a run began -----------------------------------------------------------------------------------------------------

BEGAN: dict[str, tuple[tuple[Run, ...], float, Verdict]] = {
    "in time": ((ran(1),), 300, Verdict.ON_TIME),
    "as late as is in time": ((ran(3),), 300, Verdict.ON_TIME),
    "later": ((ran(3.1),), 300, Verdict.LATE),
    "hours later, when the agent came back": ((ran(59),), 300, Verdict.LATE),
    "a moment before its time": ((ran(-0.05),), 300, Verdict.ON_TIME),
    "and took long": ((ran(1, 21),), 300, Verdict.RAN_LONG),
    "and was over at once": ((ran(1, 0.01),), 300, Verdict.RAN_SHORT),
    "and is going": ((ran(1, None, None),), 10, Verdict.RUNNING),
    "and has been going for long": ((ran(1, None, None),), 30, Verdict.RAN_LONG),
    "and nobody wrote down how it ended": ((ran(1, None, "unknown"),), 300, Verdict.ON_TIME),
    "late, and nobody wrote down how it ended": ((ran(9, None, "unknown"),), 300, Verdict.LATE),
    "while the run before was going": ((ran(-30, 40), ran(2)), 300, Verdict.OVERLAPPING),
    "and failed": ((ran(1, 1, "error"),), 300, Verdict.ON_TIME),
}


@pytest.mark.parametrize("case", BEGAN)
def test_a_run_that_began(case: str) -> None:
    """Each way in which a run can begin and end has one verdict; how its work went is another matter."""
    runs, now, verdict = BEGAN[case]
    slot = first(*runs, now=now)
    assert (slot.verdict, slot.expected_at) == (verdict, at(0)), slot.why
    assert slot.run == runs[-1]


def test_a_second_run_for_one_time_was_not_asked_for() -> None:
    """Somebody started it: it is told by itself, and takes no other time's place."""
    found = slots(ran(1), ran(30), ran(61))
    assert [slot.verdict for slot in found] == [Verdict.ON_TIME, Verdict.UNEXPECTED, Verdict.ON_TIME]
    assert (found[1].expected_at, found[1].late_by, found[1].at) == (None, None, at(30))


def test_how_late_and_how_long() -> None:
    """A slot tells how long after its time a run began, and how long it took."""
    slot = first(ran(2, 5))
    assert (slot.late_by, slot.took) == (timedelta(minutes=2), timedelta(minutes=5))
    assert first(ran(-0.05)).late_by == timedelta(0)
    assert (first(now=30).late_by, first(now=30).took) == (None, None)


# --- none began ------------------------------------------------------------------------------------------------------

ABSENT: dict[str, tuple[dict[str, Any], Verdict, str]] = {
    "may still begin": ({"now": 12}, Verdict.WAITING, "may still begin until 12:13 UTC"),
    "a gateway was there": ({"now": 14}, Verdict.MISSED, "though a gateway was alive"),
    "no gateway is there": ({"now": 14, "runner": False}, Verdict.MISSED, "no gateway is alive"),
    "nothing is known of a gateway": ({"now": 14, "runner": None}, Verdict.MISSED, "nothing began by 12:13 UTC"),
    "the agent went on": (
        {"now": 300, "runner": False, "sight": Sight(EVER, next_due=at(360))},
        Verdict.SKIPPED,
        "has gone on without it",
    ),
    "the agent waits behind it": (
        {"now": 59, "runner": False, "sight": Sight(EVER, next_due=at(0))},
        Verdict.MISSED,
        "no gateway is alive",
    ),
    "the schedule was not known then": ({"known_at": at(1)}, Verdict.UNKNOWN, "knows this schedule since"),
    "the list could not be read": ({"on": None}, Verdict.UNKNOWN, "could not be read"),
    "no record reaches back": ({"sight": Sight(())}, Verdict.UNKNOWN, "no record of its runs reaches back"),
    "the record begins later": ({"sight": Sight((Watch(at(5), at(500)),))}, Verdict.UNKNOWN, "reaches back so far"),
    "its source was silent": (
        {"sight": Sight((Watch(at(-60), at(5)), Watch(at(20), at(500))))},
        Verdict.UNKNOWN,
        "could not be read then",
    ),
    "we did not look": (
        {"sight": Sight((Watch(at(-60), at(5)), Watch(at(20), at(500))), (Blind(at(5), at(20), "not running"),))},
        Verdict.UNKNOWN,
        "Quarterdeck did not look: not running",
    ),
    "we looked away later": (
        {"sight": Sight((Watch(at(-60), at(14)), Watch(at(20), at(500))))},
        Verdict.MISSED,
        "nothing began by 12:13 UTC",
    ),
}


@pytest.mark.parametrize("case", ABSENT)
def test_a_run_that_did_not_begin(case: str) -> None:
    """Missed only when it could have been seen; else unknown, and why; while it may still begin, neither."""
    more, verdict, why = ABSENT[case]
    slot = first(**more)
    assert slot.verdict is verdict, slot.why
    assert why in slot.why


def test_a_time_under_a_run_that_is_still_going_overlaps_it() -> None:
    """The agent starts no second run of a job: its time passes while the first one goes on."""
    found = slots(ran(1, 70), now=100)
    assert [slot.verdict for slot in found] == [Verdict.RAN_LONG, Verdict.OVERLAPPING]
    assert [slot.verdict for slot in slots(ran(1, None, None), now=62)][1] is Verdict.OVERLAPPING


def test_a_later_run_shows_that_the_agent_came_back() -> None:
    """Of three times in an outage the last is made late, and the others were passed over."""
    found = slots(ran(125), due=(0, 60, 120), now=200, runner=False)
    assert [slot.verdict for slot in found] == [Verdict.SKIPPED, Verdict.SKIPPED, Verdict.LATE]


# --- what could be seen ----------------------------------------------------------------------------------------------


def test_what_a_source_kept_counts_whether_we_looked_or_not() -> None:
    """A ledger that reaches back over our own absence lets us see what we slept through."""
    blind = [Blind(at(-100), at(0), "not running")]
    covers = [Cover(at(-500), at(-400), None), Cover(at(-90), at(1), None)]
    assert seen(covers, blind, at(60)) == (Watch(at(-500), at(-100)), Watch(at(-90), at(60)))


def test_a_source_that_fell_silent_is_seen_until_then() -> None:
    """From when it ceased to tell, nothing is known; what it tells later may reach back."""
    assert seen([Cover(at(0), at(1), at(10)), Cover(at(20), at(30), None)], [], at(40)) == (
        Watch(at(0), at(10)),
        Watch(at(20), at(40)),
    )


def test_what_nearly_touches_is_one() -> None:
    """Between the last beat of one run of ours and the first of the next lie some seconds at times."""
    covers = [Cover(at(0), at(10), None)]
    blind = [Blind(at(9.9), at(10.1), "not running")]
    assert seen(covers, blind, at(20)) == (Watch(at(0), at(20)),)


def test_a_blindness_inside_another_changes_nothing() -> None:
    """Overlapping gaps are one gap."""
    blind = [Blind(at(10), at(20), "a"), Blind(at(12), at(15), "b"), Blind(at(18), at(25), "c")]
    assert seen([Cover(at(0), at(0), None)], blind, at(30)) == (Watch(at(0), at(10)), Watch(at(25), at(30)))


# --- many into one ---------------------------------------------------------------------------------------------------


def test_a_tally_counts_what_can_be_spoken_of() -> None:
    """What waits, is unknown or was not asked for is not among the times that were due."""
    found = slots(ran(1), ran(30), ran(125), due=(0, 60, 120, 180), now=185)
    assert tally(found) == {"due": 3, "on_time": 1, "late": 1, "missed": 1, "unexpected": 1, "waiting": 1}
    assert not_made(tally(found)) == 1


@pytest.mark.parametrize(
    ("counted", "said"),
    [
        ({"due": 24, "on_time": 23, "missed": 1}, "23 of 24 on time, 1 missed"),
        ({"due": 24, "on_time": 24}, "24 of 24 on time"),
        ({"due": 0}, "none due"),
        ({"due": 2, "missed": 2, "unknown": 3}, "0 of 2 on time, ≥2 missed, 3 not known"),
        ({"due": 3, "on_time": 1, "skipped_by_grace": 2}, "1 of 3 on time, 2 skipped by grace"),
        ({"due": 1, "on_time": 1, "jobs_not_known": 1, "jobs_missed": 0}, "1 of 1 on time, 1 job not known"),
    ],
)
def test_a_tally_in_words(counted: dict[str, int], said: str) -> None:
    """What is missed is a lower bound where not everything is known."""
    assert in_words(counted) == said


def test_the_newest_time_that_is_over_says_whether_a_job_misses_runs_now() -> None:
    """One that was made up for, or that cannot be judged, is not missed any more; one that waits says nothing."""
    assert missed_at(slots(ran(61), now=100)) is None
    assert missed_at(slots(ran(1), now=100)) == at(60)
    assert missed_at(slots(now=62)) == at(0)
    assert missed_at(slots(now=100, sight=Sight((Watch(at(-60), at(30)),)))) is None
    assert missed_at(()) is None


# --- against a walk through every minute -----------------------------------------------------------------------------

HOURS = 5


class World(NamedTuple):
    """A random day: when something was due, what ran, what was covered, when nobody looked."""

    due: list[int]
    runs: list[tuple[int, int | None]]
    covers: list[tuple[int, int, int | None]]
    blind: list[tuple[int, int]]
    known_at: int
    now: int


STEPS = 12
"""Steps of five seconds in a minute: every bound of the random day lies on one."""


def _seen(world: World, step: int) -> bool:
    """Whether a run that began at a step would have become known."""
    dark = any(began * STEPS + 9 < step < ended * STEPS - 3 for began, ended in world.blind)
    for since, known, until in world.covers:
        end = world.now * STEPS + 6 if until is None else until * STEPS + 8
        told = max(since, known) * STEPS
        if since * STEPS <= step <= told or (told <= step <= end and not dark):
            return True
    return False


def walked(world: World) -> dict[int, Verdict]:
    """The verdict on every time that was due, found by going from minute to minute."""
    owner: dict[int, tuple[int, int | None]] = {}
    current: int | None = None
    for minute in range(HOURS * 60):
        if minute in world.due and minute <= world.now:
            current = minute
        for run in world.runs:
            if run[0] == minute and current is not None and current not in owner:
                owner[current] = run
    return {due: _walked_one(world, due, owner.get(due)) for due in world.due if due <= world.now}


def _going(world: World, minute: int, but: tuple[int, int | None] | None) -> bool:
    """Whether a run that began before is going at a minute; runs begin a third of a minute after it."""
    return any(
        began < minute and (ended is None or ended >= minute) for began, ended in world.runs if (began, ended) != but
    )


def _walked_one(world: World, due: int, run: tuple[int, int | None] | None) -> Verdict:
    if run is not None:
        began, ended = run
        if any(other[0] < began and (other[1] is None or other[1] > began) for other in world.runs if other != run):
            return Verdict.OVERLAPPING
        long = ended - began > 20 if ended is not None else world.now - began >= 20  # it is half past that minute
        if ended is None:
            return Verdict.RAN_LONG if long else Verdict.RUNNING
        return Verdict.RAN_LONG if long else Verdict.LATE if began - due > 2 else Verdict.ON_TIME
    if _going(world, due, None):
        return Verdict.OVERLAPPING
    following = [other for other in world.due if due < other <= world.now]
    end = min([due + 13, *following])
    steps = range(due * STEPS, min(end * STEPS, world.now * STEPS + 6) + 1)
    if due < world.known_at or not all(_seen(world, step) for step in steps):
        return Verdict.UNKNOWN
    return Verdict.MISSED if world.now >= end else Verdict.WAITING


MINUTE = st.integers(0, HOURS * 60 - 1)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    due = sorted(draw(st.sets(MINUTE, min_size=1, max_size=8)))
    begins = sorted(draw(st.sets(MINUTE, max_size=8)))
    now = draw(st.integers(HOURS * 30, HOURS * 60 - 1))
    runs: list[tuple[int, int | None]] = []
    for began in begins:
        if began < now:
            ended = began + draw(st.integers(1, 40))
            runs.append((began, ended if ended < now else None))
    covers = list[tuple[int, int, int | None]]()
    for _ in range(draw(st.integers(0, 3))):
        since, known, until = sorted(draw(st.lists(MINUTE, min_size=3, max_size=3)))
        covers.append((since, min(known, now), draw(st.sampled_from([None, min(until, now)]))))
    blind = [(began, began + draw(st.integers(2, 60))) for began in draw(st.lists(st.integers(0, now), max_size=3))]
    return World(due, runs, covers, blind, draw(st.sampled_from([0, 60])), now)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(worlds())
@example(World(due=[138], runs=[], covers=[(0, 0, None), (0, 150, None)], blind=[(91, 151)], known_at=0, now=150))
def test_every_verdict_is_that_of_a_walk_through_every_minute(world: World) -> None:
    """Whatever was due, ran, was covered or went unseen: found again by going from minute to minute."""
    third = timedelta(seconds=20)
    planned = plan(known_at=at(world.known_at))
    due = [(at(minute), planned) for minute in world.due if minute <= world.now]
    runs = [
        Run(at(began) + third, None if ended is None else at(ended) + third, None if ended is None else "ok")
        for began, ended in world.runs
    ]
    covers = [
        Cover(at(since), at(max(since, known)), None if until is None else at(until) + 2 * third)
        for since, known, until in world.covers
    ]
    blind = [Blind(at(began + 0.75), at(ended - 0.25), "not running") for began, ended in world.blind]
    limits = LIMITS._replace(shortest=None)
    now = at(world.now) + timedelta(seconds=30)
    found = pair(due, runs, now, limits, Sight(seen(covers, blind, now), tuple(blind)))
    verdicts = {slot.expected_at: slot.verdict for slot in found if slot.expected_at is not None}
    assert verdicts == {at(minute): verdict for minute, verdict in walked(world).items()}
