"""Judging anew costs what has changed, and says nothing that judging everything would not say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quarterdeck.truth import fields as F  # noqa: N812
from quarterdeck.truth.fields import kind_of
from quarterdeck.truth.forge import PASSING, card
from quarterdeck.truth.grouped import Grouped
from quarterdeck.truth.instance import ALL, Instance, subject
from quarterdeck.truth.judgement import Judgement
from quarterdeck.truth.reading import AnyReading, Key, Known
from quarterdeck.truth.snapshot import Snapshot
from quarterdeck.truth.tables import TABLES, judge_subject
from quarterdeck.truth.thresholds import Thresholds
from quarterdeck.views.judged import A_SECOND, ALWAYS, AT_ONCE, SLOWLY, Judged, grouped
from tests.fakes import work
from tests.truth.cast import JOB, NOW, ago, readings, worlds

NORTH, SOUTH = Instance("north", "north"), Instance("south", "The South")
LONG = timedelta(days=1)


def snapshot(world: dict[Key, AnyReading], *instances: Instance, **more: Any) -> Snapshot:
    return Snapshot(7, ago(1), instances or (NORTH, SOUTH), Grouped.of(world), **more)


def followed(before: Snapshot, after: Snapshot) -> Snapshot:
    """A snapshot that shares with the one before every subject in which they do not differ, as the collector's do."""
    old = grouped(before)
    shared = {name: old[name] if old.get(name) == fields else fields for name, fields in grouped(after).items()}
    return replace(after, readings=Grouped(shared))


@settings(max_examples=80, suppress_health_check=list(HealthCheck))
@given(worlds(tuple(TABLES)), worlds(tuple(TABLES)), st.integers(0, 400))
def test_without_spare_time_it_says_what_judging_everything_says(
    first: dict[Key, AnyReading], second: dict[Key, AnyReading], later: int
) -> None:
    """Whatever came before, at whatever distance: without time to spare each judgement is that of judging anew."""
    before = Judged(snapshot(first | readings(instance="south")), NOW, spare=AT_ONCE)
    then = NOW + timedelta(seconds=later)
    new = followed(before.snapshot, snapshot(second | readings(instance="south")))
    assert before.judgements
    assert Judged.after(before, new, then, spare=AT_ONCE).judgements == Judged(new, then).judgements


def as_of(world: Mapping[Key, AnyReading], moment: datetime) -> dict[Key, AnyReading]:
    """The same, as it was seen by a moment: of a pull request or an issue it is no news that it was seen once more."""
    return {
        key: replace(reading, observed_at=moment)
        if isinstance(reading, Known) and kind_of(key[0]) in PASSING and ago(0) >= reading.observed_at > moment
        else reading
        for key, reading in world.items()
    }


def said(judgement: Judgement) -> tuple[object, ...]:
    """What a judgement says, and which readings it rests on, whenever these were made."""
    because = tuple((each.subject, each.field, getattr(each, "value", None)) for each in judgement.because)
    return judgement.rule, judgement.status, judgement.activity, judgement.reason, judgement.since, because


@settings(max_examples=80, suppress_health_check=list(HealthCheck))
@given(
    worlds(tuple(TABLES)),
    worlds(tuple(TABLES)),
    st.lists(st.integers(0, 60), min_size=1, max_size=4),
    st.integers(0, 40),
)
def test_what_is_taken_over_was_judged_not_long_ago_and_of_the_same_readings(
    first: dict[Key, AnyReading], second: dict[Key, AnyReading], steps: list[int], spare: int
) -> None:
    """Each judgement is what judging anew said within the time to spare, of what is known now."""
    life, now = timedelta(seconds=spare), NOW
    judged = Judged(snapshot(first | readings(instance="south")), now, spare=life)
    for step, world in zip(steps, (first, second, second, first), strict=False):
        now += timedelta(seconds=step)
        judged = Judged.after(
            judged, followed(judged.snapshot, snapshot(world | readings(instance="south"))), now, spare=life
        )
        for name, verdict in judged.verdicts.items():
            assert now - life <= verdict.at <= now
            judgement = judge_subject(name, as_of(judged.readings, verdict.at), verdict.at, Thresholds())
            assert said(verdict.judgement) == said(judgement)
            if kind_of(name) not in PASSING:
                assert verdict.judgement == judgement


@settings(max_examples=80, suppress_health_check=list(HealthCheck))
@given(worlds(tuple(TABLES)), st.integers(0, 400))
def test_nothing_is_taken_over_beyond_the_life_of_what_it_rests_on(world: dict[Key, AnyReading], later: int) -> None:
    """However long may be spared, no judgement rests on a reading that has since become late, stale or current."""
    before = Judged(snapshot(world), NOW, spare=LONG)
    now = NOW + timedelta(seconds=later)
    assert before.judgements
    after = Judged.after(before, before.snapshot, now, spare=LONG)
    for verdict in after.verdicts.values():
        for reading in (*verdict.judgement.because, *verdict.judgement.doubts):
            assert reading.knowledge(now) is reading.knowledge(verdict.at)
    statuses = {name: judgement.knowledge for name, judgement in after.judgements.items()}
    assert statuses == {name: judgement.knowledge for name, judgement in Judged(after.snapshot, now).judgements.items()}


def test_only_what_changed_is_judged_anew() -> None:
    """A fact of the north leaves the south's judgements the very objects they were; its own instance is judged anew."""
    world = readings() | readings(instance="south")
    before = Judged(snapshot(world), NOW, spare=LONG)
    changed = world | readings({F.LOCK_HOLDER: None, F.RUNNER_ALIVE: False, F.RECORDED_PROCESS: "gone"})
    after = Judged.after(before, followed(before.snapshot, snapshot(changed)), NOW + timedelta(seconds=1), spare=LONG)
    far, near = subject("south", "gateway"), subject("north", "model")
    assert after.judgements[far] is before.judgements[far]
    assert after.judgements[near] is not before.judgements[near]
    assert after.judgements[subject("north", "gateway")].status == "down"


def test_a_small_fleet_is_judged_at_every_moment() -> None:
    """With nothing said of time to spare, two instances are judged anew a second later."""
    before = Judged(snapshot(readings()), NOW)
    after = Judged.after(before, before.snapshot, NOW + timedelta(seconds=1))
    assert before.judgements
    assert all(verdict.at == NOW + timedelta(seconds=1) for verdict in after.verdicts.values())


def test_other_settings_a_clock_set_back_and_the_past_take_nothing_over() -> None:
    """What was judged by other thresholds, at a later moment or for a moment that is over is not taken over."""
    seen = snapshot(readings())
    strict = replace(NORTH, thresholds=Thresholds(heartbeat_s=1.0))
    before = Judged(seen, NOW, spare=LONG)
    other = Judged.after(before, replace(seen, instances=(strict, SOUTH)), NOW, spare=LONG)
    assert other.judgements[subject("north", "gateway")].status == "degraded"
    assert before.judgements[subject("north", "gateway")].status == "ok"
    assert not Judged.after(before, seen, NOW - timedelta(seconds=1), spare=LONG).kept
    assert not Judged.after(replace(before, past=True), seen, NOW, spare=LONG).kept
    assert not Judged.after(None, seen, NOW, spare=LONG).kept


def test_subjects_that_come_and_go_are_followed() -> None:
    """A subject that appears gets a judgement, one that goes leaves a tombstone, and the lists follow."""
    world = readings()
    bare = {key: reading for key, reading in world.items() if not key[0].endswith(JOB)}
    job = subject("north", "cron", JOB)
    first = Judged(snapshot(bare), NOW, spare=LONG)
    assert first.of("job") == []
    second = Judged.after(first, followed(first.snapshot, snapshot(world)), NOW, spare=LONG)
    assert second.of("job") == [job]
    third = Judged.after(second, followed(second.snapshot, snapshot(bare, gone={job: NOW})), NOW, spare=LONG)
    assert third.of("job", instance="north") == [job]
    assert third.judgements[job].rule == "gone"
    fourth = Judged.after(third, followed(third.snapshot, snapshot(world, gone={job: NOW})), NOW, spare=LONG)
    assert fourth.judgements[job].rule == "idle"


def brute_force(judged: Judged, kinds: tuple[str, ...], instance: str) -> list[str]:
    owner = f":{instance}"
    names = [name for name in judged.judgements if F.kind_of(name) in kinds]
    return sorted(
        name
        for name in names
        if instance == ALL or not name.startswith("hermes:") or name.partition("/")[0].endswith(owner)
    )


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(worlds(tuple(TABLES)), st.sets(st.sampled_from([*TABLES, "nothing"])), st.sampled_from([ALL, "north", "none"]))
def test_subjects_are_found_as_by_searching_all(world: dict[Key, AnyReading], kinds: set[str], instance: str) -> None:
    """Of every kind and instance, the subjects are those that a search through all of them finds, in order."""
    judged = Judged(snapshot(world), NOW)
    assert judged.of(*kinds, instance=instance) == brute_force(judged, tuple(kinds), instance)


def test_not_all_of_a_large_fleet_grows_due_at_once() -> None:
    """A day to spare ends for each subject in its second half, not for all at the same moment."""
    judged = Judged(snapshot({}), NOW, spare=LONG)
    ends = [verdict.until - NOW for verdict in judged.verdicts.values()]
    assert len(ends) == len(ALWAYS) * 2
    assert all(LONG / 2 <= end <= LONG for end in ends)
    assert len(set(ends)) > 1


def test_who_gets_a_list_may_change_it() -> None:
    """A list of subjects is the caller's own."""
    judged = Judged(snapshot(readings()), NOW)
    judged.of("gateway").clear()
    assert judged.of("gateway") == [subject("north", "gateway"), subject("south", "gateway")]


def test_of_thousands_of_issues_only_some_are_judged_anew_each_second() -> None:
    """Nothing was learnt of any of them, and time alone changes what is said of few: most are taken over for a while,
    and none for longer than a minute or so.
    """
    idea = work.a_card(NOW, 1, "An idea")
    told = {card("main", work.SITE, number): idea for number in range(1, 10_001)}
    seen = Snapshot(7, NOW, (), work.readings(told, NOW))
    judged = Judged(seen, NOW)
    longest = timedelta(seconds=SLOWLY * len(told) // A_SECOND)
    for second in range(1, 6):
        before, judged = judged, Judged.after(judged, seen, NOW + timedelta(seconds=second))
        anew = sum(each is not before.verdicts[name] for name, each in judged.verdicts.items())
        assert anew < A_SECOND / 2
    assert all(judged.now - each.at <= longest for each in judged.verdicts.values())


def test_an_issue_that_was_seen_once_more_is_not_judged_again() -> None:
    """Its judgement stands, and rests on what was seen last: no page calls it late. One that moved is judged."""
    told = {card("main", work.SITE, number): work.a_card(NOW, 1, "An idea") for number in range(1, 5_001)}
    one = card("main", work.SITE, 1)
    first, later = NOW - timedelta(minutes=4, seconds=50), NOW + timedelta(seconds=1)
    before = Judged(Snapshot(7, NOW, (), work.readings(told, first)), NOW)
    assert before.judgements
    told[one] = work.a_card(NOW, 1, "An idea", assignees=("alice",))
    after = Judged.after(before, Snapshot(8, later, (), work.readings(told, later)), later)
    moved = {name for name, verdict in after.verdicts.items() if verdict.at == later}
    assert one in moved
    assert len(moved) < len(told) / 10
    anew = Judged(after.snapshot, later)
    assert {name: (said(each), each.knowledge) for name, each in after.judgements.items()} == {
        name: (said(each), each.knowledge) for name, each in anew.judgements.items()
    }
    assert all(each.expires_at == anew.judgements[name].expires_at for name, each in after.judgements.items())
