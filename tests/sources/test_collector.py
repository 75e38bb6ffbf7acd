from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import pytest
from typing_extensions import override

from quarterdeck.sources.collector import Collector
from quarterdeck.sources.files import SourceError
from quarterdeck.sources.flights import Failed, Flight, Flights, Limits
from quarterdeck.sources.source import Source
from quarterdeck.truth.fields import DECLARED, LOAD_1M, SOURCE_ANSWERED, SOURCE_TOOK, field_for
from quarterdeck.truth.instance import Instance
from quarterdeck.truth.reading import AnyReading, Known, Reason, Unavailable
from quarterdeck.truth.snapshot import GONE_FOR, Snapshot
from tests.fakes.clock import START, HandClock
from tests.fakes.sources import (
    MOST,
    Crowd,
    FlappingSource,
    HungSource,
    LazySource,
    RaisingSource,
    SlowSource,
    SteadySource,
    VanishingSource,
)

QUICK = Limits(publish_every_s=0.005, wake_every_s=0.02, patience_s=0.02)


class Notebook:
    """A log that keeps what it was told."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, object, object]] = []

    def info(self, event: str, **fields: object) -> None:
        self.lines.append((event, fields["source"], fields.get("detail")))

    def warning(self, event: str, **fields: object) -> None:
        self.info(event, **fields)


def collector(*sources: Source, clock: HandClock | None = None, limits: Limits = QUICK) -> Collector:
    return Collector(sources, (), clock or HandClock(), limits=limits)


@contextmanager
def running(collector: Collector) -> Iterator[Collector]:
    thread = threading.Thread(target=collector.run, name="collector")
    thread.start()
    try:
        yield collector
    finally:
        collector.stop()
        thread.join(2)
        assert not thread.is_alive()


def until(collector: Collector, holds: Callable[[Snapshot], bool], timeout_s: float = 2.0) -> Snapshot:
    """Wait for a snapshot of which something holds."""
    end = time.monotonic() + timeout_s
    snapshot = collector.snapshot
    while not holds(snapshot):
        assert time.monotonic() < end, "no snapshot came of which it holds"
        snapshot = collector.wait_for(snapshot.version + 1, end - time.monotonic())
    return snapshot


def hold_up(held: threading.Event) -> None:
    """Misbehave as no listener may: keep the collector in the middle of its turn."""
    held.wait(MOST)


def until_true(holds: Callable[[], bool], timeout_s: float = 2.0) -> None:
    end = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.001)


def under_way(source: str) -> bool:
    """Whether a thread that looks at this source is alive."""
    return any(thread.name == f"look {source}" for thread in threading.enumerate())


def load(snapshot: Snapshot, source: SteadySource) -> AnyReading:
    return snapshot.readings[source.subject, LOAD_1M.name]


def known(reading: AnyReading) -> Known[object]:
    assert isinstance(reading, Known)
    return reading


def unavailable(reading: AnyReading) -> Unavailable[object]:
    assert isinstance(reading, Unavailable)
    return reading


# --- one look at everything -----------------------------------------------------------------------------------------


def test_collects_every_source_once() -> None:
    """One collection looks at every source exactly once and holds what each reported."""
    sources = [SteadySource(f"s{number}", every_s=0.001) for number in range(50)]
    snapshot = collector(*sources).collect(2)
    assert [source.looks for source in sources] == [1] * 50
    assert {known(load(snapshot, source)).value for source in sources} == {1.0}
    assert snapshot.version == 1
    assert all(look.answered for look in snapshot.looks.values())


def test_nothing_is_known_before_the_first_look() -> None:
    """Before anything was looked at there is a snapshot, and it holds no reading."""
    source = SteadySource()
    assert len(collector(source).snapshot.readings) == 0
    assert collector(source).snapshot.version == 0
    assert source.looks == 0


def test_no_source_is_an_answer_too() -> None:
    """With nothing to look at a collection is over at once."""
    assert collector().collect(1).readings == {}


def test_says_how_long_each_source_took() -> None:
    """The snapshot says when it was generated, how long each source took and whether it answered."""
    slow, hung = SlowSource(takes_s=0.03), HungSource()
    clock = HandClock()
    snapshot = collector(slow, hung, clock=clock).collect(2)
    assert snapshot.generated_at == START
    assert snapshot.looks["slow"].took_ms >= 30
    assert known(snapshot.readings["source:slow", SOURCE_TOOK.name]).value == snapshot.looks["slow"].took_ms
    assert known(snapshot.readings["source:slow", SOURCE_ANSWERED.name]).value is True
    assert known(snapshot.readings["source:hung", SOURCE_ANSWERED.name]).value is False
    hung.release()


def test_looks_are_concurrent() -> None:
    """Sources that only wait are waited for together, not one after the other."""
    sources = [SlowSource(f"s{number}", takes_s=0.1) for number in range(16)]
    began = time.monotonic()
    collector(*sources).collect(2)
    assert time.monotonic() - began < 0.8, "sixteen waits of 0.1 s in turn take 1.6 s"


def test_a_hung_source_delays_nobody() -> None:
    """However many sources hang, the others are read, and the collection ends when their budget is used up."""
    hung = [HungSource(f"h{number}", budget_s=0.2) for number in range(40)]
    steady = [SteadySource(f"s{number}") for number in range(40)]
    began = time.monotonic()
    snapshot = collector(*hung, *steady).collect(5)
    assert time.monotonic() - began < 2
    assert all(known(load(snapshot, source)).value == 1 for source in steady)
    assert not any(snapshot.looks[source.name].answered for source in hung)
    for source in hung:
        source.release()


def test_the_time_for_all_looks_is_kept() -> None:
    """A collection ends at its deadline, even when no source has used up its own budget."""
    hung, steady = HungSource(budget_s=60), SteadySource()
    began = time.monotonic()
    snapshot = collector(hung, steady).collect(0.05)
    assert time.monotonic() - began < 1
    assert snapshot.looks["hung"].detail == "did not answer within the 0.05 s that all looks were given"
    assert known(load(snapshot, steady)).value == 1
    hung.release()


def test_what_was_not_reached_is_said() -> None:
    """A source that was not even begun before the deadline counts as unanswered, not as forgotten."""
    hung = [HungSource(f"h{number}", budget_s=60) for number in range(3)]
    snapshot = collector(*hung, limits=Limits(working=1, in_flight=1)).collect(0.05)
    assert [source.looks for source in hung] == [1, 0, 0]
    assert {look.answered for look in snapshot.looks.values()} == {False}
    assert len(snapshot.looks) == 3
    for source in hung:
        source.release()


def test_a_second_look_keeps_the_last_value() -> None:
    """What was known before a source hung stays inside what is unknown now."""
    source = HungSource()
    eyes = collector(source)
    source.release()
    first = known(load(eyes.collect(1), source))
    source.hang()
    lost = unavailable(load(eyes.collect(1), source))
    assert (lost.reason, lost.detail, lost.last) == (Reason.TIMEOUT, "did not answer within 0.05 s", first)
    source.release()


def test_single_flight() -> None:
    """A source whose look has not returned is not looked at again; the next collection says so at once."""
    source = HungSource()
    eyes = collector(source)
    eyes.collect(1)
    snapshot = eyes.collect(1)
    assert (source.looks, source.crowd.most) == (1, 1)
    assert snapshot.looks["hung"].detail == "has not returned from an earlier look"
    source.release()
    until_true(lambda: not under_way("hung"))
    snapshot = eyes.collect(1)
    assert snapshot.looks["hung"].answered
    assert source.crowd.most == 1


def test_expected_facts_are_unknown_for_the_true_reason() -> None:
    """Facts of a source that has never answered are unknown because it did not answer, not for want of a source."""
    source = HungSource()
    expected = {"hung": [(source.subject, LOAD_1M.name)]}
    eyes = Collector([source], (), HandClock(), expected=expected)
    lost = unavailable(load(eyes.collect(1), source))
    assert (lost.reason, lost.last) == (Reason.TIMEOUT, None)
    source.release()


def test_never_seen_is_not_gone() -> None:
    """What was only expected leaves no tombstone when the source turns out not to have it."""
    source = HungSource()
    eyes = Collector([source], (), HandClock(), expected={"hung": [("hermes:north/kanban", "tasks")]})
    eyes.collect(1)
    source.release()
    until_true(lambda: not under_way("hung"))
    snapshot = eyes.collect(1)
    assert ("hermes:north/kanban", "tasks") not in snapshot.readings
    assert snapshot.gone == {}


# --- readers that fail ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [ValueError("MARK" + "ER"), SystemExit(3), KeyboardInterrupt(), MemoryError()])
def test_a_failing_reader_is_named_not_quoted(error: BaseException) -> None:
    """A source that raises makes its own facts unknown; the type of the error is said and its message is not."""
    source, steady = RaisingSource(None), SteadySource()
    eyes = collector(source, steady)
    first = known(load(eyes.collect(1), source))
    source.error = error
    snapshot = eyes.collect(1)
    lost = unavailable(load(snapshot, source))
    assert (lost.reason, lost.detail) == (Reason.OBSERVER, f"the reader failed: {type(error).__name__}")
    assert lost.last == first
    assert known(load(snapshot, steady)).value == 2
    assert "MARK" + "ER" not in repr(snapshot)


def test_a_reason_is_passed_on() -> None:
    """A source that ends with a typed reason is unknown for that reason."""
    source = RaisingSource(None)
    eyes = collector(source)
    eyes.collect(1)
    source.error = SourceError(Reason.DENIED, "no permission to read it")
    lost = unavailable(load(eyes.collect(1), source))
    assert (lost.reason, lost.detail) == (Reason.DENIED, "no permission to read it")


def test_a_reader_that_fails_on_the_way_has_not_answered() -> None:
    """Half an answer is none: readings are gone through inside the look."""
    snapshot = collector(LazySource()).collect(1)
    assert snapshot.looks["lazy"].detail == "the reader failed: LookupError"
    assert ("host:lazy", LOAD_1M.name) not in snapshot.readings


def test_logged_once_when_it_goes_and_once_when_it_returns() -> None:
    """A source that is lost and comes back leaves two lines, however often it was asked in between."""
    source, notes = RaisingSource(None), Notebook()
    eyes = Collector([source], (), HandClock(), limits=QUICK, log=notes)
    eyes.collect(1)
    assert notes.lines == []
    source.error = ValueError("MARK" + "ER")
    eyes.collect(1)
    eyes.collect(1)
    source.error = None
    eyes.collect(1)
    eyes.collect(1)
    assert notes.lines == [
        ("source lost", "raising", "the reader failed: ValueError"),
        ("source back", "raising", None),
    ]


def test_flapping_is_unknown_in_between() -> None:
    """A source that answers every other look is known, unknown with its last value, and known again."""
    source = FlappingSource()
    eyes = collector(source)
    readings = [load(eyes.collect(1), source) for _ in range(3)]
    assert [type(reading) for reading in readings] == [Known, Unavailable, Known]
    assert unavailable(readings[1]).last == readings[0]


# --- what disappears ------------------------------------------------------------------------------------------------


def test_what_is_no_longer_reported_is_gone() -> None:
    """A subject that its source no longer reports leaves a tombstone with the time that was noticed."""
    source, clock = VanishingSource("a", "b"), HandClock()
    eyes = collector(source, clock=clock)
    eyes.collect(1)
    source.present.remove("a")
    clock.advance(minutes=1)
    snapshot = eyes.collect(1)
    assert snapshot.gone == {source.job("a"): START + timedelta(minutes=1)}
    assert (source.job("a"), DECLARED.name) not in snapshot.readings
    assert (source.job("b"), DECLARED.name) in snapshot.readings


def test_a_tombstone_does_not_stay_for_ever() -> None:
    """A tombstone leaves the snapshot when its time is over."""
    source, clock = VanishingSource("a"), HandClock()
    eyes = collector(source, clock=clock)
    eyes.collect(1)
    source.present.clear()
    assert eyes.collect(1).gone
    clock.now += GONE_FOR
    assert eyes.collect(1).gone == {}


def test_what_returns_is_not_gone() -> None:
    """A subject that is reported again has no tombstone."""
    source = VanishingSource("a")
    eyes = collector(source)
    eyes.collect(1)
    source.present.clear()
    assert eyes.collect(1).gone
    source.present.add("a")
    snapshot = eyes.collect(1)
    assert snapshot.gone == {}
    assert (source.job("a"), DECLARED.name) in snapshot.readings


def test_unreadable_is_not_gone() -> None:
    """Jobs whose list cannot be read are unknown for the list's reason, with their last values, and not removed."""
    source = VanishingSource("a")
    eyes = collector(source)
    before = eyes.collect(1).readings[source.job("a"), DECLARED.name]
    source.listed = False
    for _ in range(2):
        snapshot = eyes.collect(1)
        lost = unavailable(snapshot.readings[source.job("a"), DECLARED.name])
        assert (lost.reason, lost.last, snapshot.gone) == (Reason.CORRUPT, before, {})
    source.listed, source.present = True, set()
    assert eyes.collect(1).gone == {source.job("a"): START}


def test_a_lost_source_loses_no_subject() -> None:
    """A source that does not answer at all leaves no tombstone: its subjects are unknown."""
    source = RaisingSource(None)
    eyes = collector(source)
    eyes.collect(1)
    source.error = OSError()
    snapshot = eyes.collect(1)
    assert snapshot.gone == {}
    assert isinstance(load(snapshot, source), Unavailable)


# --- again and again ------------------------------------------------------------------------------------------------


def test_looks_again_when_it_is_time() -> None:
    """A running collector looks at each source at its own pace."""
    often, seldom = SteadySource("often", every_s=0.02), SteadySource("seldom", every_s=60)
    with running(collector(often, seldom)) as eyes:
        until(eyes, lambda snapshot: bool(snapshot.readings) and known(load(snapshot, often)).value == 4)
    assert seldom.looks == 1


def test_publishing_waits_for_nobody() -> None:
    """What one source says is published while another still hangs, long before that one's budget is over."""
    steady, hung = SteadySource(), HungSource(budget_s=60)
    with running(collector(hung, steady)) as eyes:
        snapshot = until(eyes, lambda snapshot: "steady" in snapshot.looks)
        assert "hung" not in snapshot.looks
        hung.release()


def test_a_hung_source_is_given_up_and_taken_back() -> None:
    """A hung source becomes unknown after its budget, is not started again, and is known again once it returns."""
    source = HungSource(every_s=0.02)
    source.release()
    with running(collector(source)) as eyes:
        until(eyes, lambda snapshot: bool(snapshot.readings))
        source.hang()
        lost = until(eyes, lambda snapshot: isinstance(load(snapshot, source), Unavailable))
        looks = source.looks
        later = until(eyes, lambda snapshot: snapshot.version >= lost.version + 3)
        assert source.looks == looks
        assert unavailable(load(later, source)).reason is Reason.TIMEOUT
        assert later.looks["hung"].took_ms > lost.looks["hung"].took_ms, "it says for how long it has been waited for"
        source.release()
        until(eyes, lambda snapshot: isinstance(load(snapshot, source), Known))
    assert source.crowd.most == 1


def test_a_late_answer_is_not_used() -> None:
    """An answer that comes after the budget is dropped: the source stays unknown until a look ends in time."""
    source = SlowSource(takes_s=0.1, budget_s=0.03, every_s=0.01)
    with running(collector(source)) as eyes:
        snapshot = until(eyes, lambda snapshot: source.looks >= 3 and "slow" in snapshot.looks)
        assert snapshot.looks["slow"].detail == "did not answer within 0.03 s"
        assert (source.subject, LOAD_1M.name) not in snapshot.readings


def test_waking() -> None:
    """A source that is woken is looked at soon, whatever its own pace is."""
    source = SteadySource(every_s=60)
    with running(collector(source)) as eyes:
        until(eyes, lambda snapshot: bool(snapshot.readings))
        eyes.wake("steady")
        until(eyes, lambda snapshot: known(load(snapshot, source)).value == 2)


def test_waking_often_is_looking_seldom() -> None:
    """A source that is woken all the time is looked at no more often than the limit allows."""
    source = SteadySource(every_s=60)
    with running(collector(source, limits=Limits(wake_every_s=0.2, publish_every_s=0.005))) as eyes:
        end = time.monotonic() + 0.5
        while time.monotonic() < end:
            eyes.wake("steady")
            time.sleep(0.001)
    assert source.looks <= 4


def test_a_change_during_a_look_is_seen_by_the_next() -> None:
    """A source that is woken while it is being looked at is looked at once more."""
    source = HungSource(budget_s=5, every_s=60)
    with running(collector(source)) as eyes:
        until_true(lambda: source.crowd.there == 1)
        eyes.wake("hung")
        time.sleep(0.02)
        source.release()
        until(eyes, lambda snapshot: bool(snapshot.readings) and known(load(snapshot, source)).value == 2)


def test_a_nudge_is_one_more_turn() -> None:
    """Whoever wants to know whether the collector lives makes it take a turn, which looks at nothing; one that is held
    up by whoever listens to it takes none.
    """
    source, held = SteadySource(), threading.Event()
    with running(collector(source)) as deck:
        until(deck, lambda snapshot: snapshot.version == 1)
        before = deck.turns
        deck.nudge()
        until_true(lambda: deck.turns > before)
        assert source.looks == 1
        deck.listen(lambda _: hold_up(held))
        deck.wake("steady")
        until_true(lambda: source.looks == 2)
        time.sleep(0.05)
        stuck = deck.turns
        deck.nudge()
        time.sleep(0.05)
        assert deck.turns == stuck
        held.set()
        until_true(lambda: deck.turns > stuck)


def test_looks_are_counted() -> None:
    """Of each source it is known how often it was looked at, how often in vain, and what that took altogether."""
    deck = collector(SteadySource(), FlappingSource(), SlowSource(takes_s=0.03))
    for _ in range(3):
        deck.collect(2)
    counted = {name: (tally.looks, tally.unanswered) for name, tally in deck.tallies.items()}
    assert counted == {"steady": (3, 0), "flapping": (3, 1), "slow": (3, 0)}
    assert deck.tallies["slow"].took_ms >= 90


def test_waking_a_stranger_is_an_error() -> None:
    """Only a source that there is can be woken."""
    with pytest.raises(KeyError):
        collector(SteadySource()).wake("stranger")


def test_listeners_hear_every_snapshot() -> None:
    """A listener is called with each snapshot, in order, until it leaves."""
    eyes, heard = collector(SteadySource()), list[int]()
    leave = eyes.listen(lambda snapshot: heard.append(snapshot.version))
    eyes.collect(1)
    eyes.collect(1)
    leave()
    eyes.collect(1)
    assert heard == [1, 2]


def test_waiting_for_a_snapshot_ends_with_its_time() -> None:
    """Who waits for a version that does not come gets the newest there is."""
    assert collector(SteadySource()).wait_for(1, 0.01).version == 0


def test_snapshots_do_not_change() -> None:
    """A snapshot that was published stays as it was, whatever is learnt later."""
    source = VanishingSource("a", "b")
    eyes = collector(source)
    first = eyes.collect(1)
    before = dict(first.readings), dict(first.looks), dict(first.gone)
    source.present = {"b", "c"}
    second = eyes.collect(1)
    assert (dict(first.readings), dict(first.looks), dict(first.gone)) == before
    assert second.version == first.version + 1


def test_one_collection_at_a_time() -> None:
    """A collector that runs does not collect for somebody else: one collection serves everybody."""
    with running(collector(SteadySource())) as eyes:
        until(eyes, lambda snapshot: snapshot.version > 0)
        with pytest.raises(RuntimeError, match="one collection serves everybody"):
            eyes.collect(1)


def test_stopping_does_not_wait_for_a_hung_source() -> None:
    """A collector stops at once, also while a look has not returned."""
    source = HungSource(budget_s=60)
    with running(collector(source)):
        until_true(lambda: source.crowd.there == 1)
        began = time.monotonic()
    assert time.monotonic() - began < 0.5
    source.release()


def test_threads_are_bounded_and_end() -> None:
    """No more looks are under way than the limits say, and no thread is left when all have returned."""
    crowd = Crowd()
    sources = [SlowSource(f"s{number}", takes_s=0.01, crowd=crowd) for number in range(60)]
    collector(*sources, limits=Limits(working=3, in_flight=6, patience_s=0.001)).collect(5)
    assert 3 <= crowd.most <= 6
    until_true(lambda: not any(under_way(source.name) for source in sources))


def test_a_look_that_took_too_long_is_late_whenever_it_is_noticed() -> None:
    """A look that used up its budget counts as unanswered also when that is noticed only after it has returned."""
    steady = HandMonotonic()
    source = Sleepwalker(steady, budget_s=1.0)
    snapshot = Collector([source], (), HandClock(), steady, limits=QUICK).collect(60)
    assert snapshot.looks["sleepwalker"].detail == "did not answer within 1 s"
    assert (source.subject, LOAD_1M.name) not in snapshot.readings


class HandMonotonic:
    """A steady clock that only moves when it is moved."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Sleepwalker(SteadySource):
    """Lets ten seconds pass in no time."""

    def __init__(self, clock: HandMonotonic, budget_s: float) -> None:
        super().__init__("sleepwalker", budget_s=budget_s)
        self.clock = clock

    @override
    def see(self, now: datetime) -> Iterable[AnyReading]:
        self.clock.now += 10
        return super().see(now)


def no_thread(work: Callable[[], None], name: str) -> None:
    """Behave as a machine that is out of threads."""
    raise RuntimeError("can't start new thread")


def test_a_machine_without_threads_to_spare_is_a_reason() -> None:
    """When no thread can be begun, the source is unknown because of us, and nothing breaks."""
    landed = list[Flight]()
    flights = Flights(QUICK, time.monotonic, landed.append, no_thread)
    flights.launch(SteadySource(), START)
    (flight,) = landed
    assert flight.outcome == Failed(Reason.OBSERVER, "this machine lets no further thread begin")


def test_names_are_unique_and_plain() -> None:
    """Two sources of one name, or one with a slash in it, are refused: their readings could not be told apart."""
    for names in (("a", "a"), ("a/b",)):
        with pytest.raises(ValueError, match="a name of its own"):
            collector(*map(SteadySource, names))


def test_our_own_readings_are_declared_fields() -> None:
    """How each look went is told in readings like any other, and they outlive two missed looks."""
    snapshot = collector(SteadySource(every_s=600)).collect(1)
    own = [reading for (subject, _), reading in snapshot.readings.items() if subject == "source:steady"]
    assert {reading.field for reading in own} == {SOURCE_TOOK.name, SOURCE_ANSWERED.name}
    assert all(field_for(reading.subject, reading.field) for reading in own)
    assert all(known(reading).fresh_for == timedelta(seconds=1800) for reading in own)


def test_instances_are_passed_on() -> None:
    """Every snapshot names the instances that are watched."""
    north = Instance("north", "North")
    assert Collector([], [north], HandClock()).collect(1).instances == (north,)
