"""What holds of every card, whatever the forge says and whatever it does not say."""

from __future__ import annotations

from typing import Final

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quarterdeck.truth import forge_fields as G  # noqa: N812
from quarterdeck.truth.board import (
    ADVANCE,
    AMBIGUITIES,
    BLOCKED,
    LANES,
    PROGRESS,
    SIGNALS,
    UNPLACED,
    gates,
    lane,
    next_gate,
    placed,
    seen,
)
from quarterdeck.truth.fields import Field
from quarterdeck.truth.judgement import Status
from quarterdeck.truth.reading import AnyReading, Key, Known, Reason
from quarterdeck.truth.tables.card import CARD as TABLE
from tests.truth.cards import CARD, DECIDING, facts, judged, lose, world, worlds

World = dict[Key, AnyReading]
WIDE: Final = {"suppress_health_check": list(HealthCheck), "deadline": None}


@settings(max_examples=400, **WIDE)  # type: ignore[arg-type]  # settings by their names
@given(worlds())
def test_a_card_stands_in_exactly_one_lane(found: World) -> None:
    """Whatever the readings: one lane or none, and the table says the same one."""
    where, judgement = placed(facts(found)), judged(found)
    assert where.lane in (*LANES, UNPLACED)
    assert where.by
    assert judgement.reason
    if judgement.status is Status.OK:
        assert judgement.rule == where.lane
    holds = [
        rule.id for rule in TABLE if rule.status is Status.OK and where.lane != UNPLACED and rule.when(facts(found))
    ]
    assert holds == ([] if where.lane == UNPLACED else [where.lane])


@settings(max_examples=400, **WIDE)  # type: ignore[arg-type]  # as above
@given(worlds(whole=True))
def test_an_ambiguous_card_stands_in_the_least_advanced_lane(found: World) -> None:
    """It stands no further than its first signal says, nor than any lane that what does not agree puts forward."""
    where = placed(facts(found))
    if where.lane in {UNPLACED, "done"}:
        return
    signals = seen(facts(found))
    rank = ADVANCE.index(where.lane)
    first = next(signal.lane for signal in SIGNALS if signal.when(signals))
    assert rank <= ADVANCE.index(first)
    for each in AMBIGUITIES:
        put = (each.lane(signals) if callable(each.lane) else each.lane) if each.when(signals) else None
        assert put is None or rank <= ADVANCE.index(put)
    assert where.ambiguities or where.lane == first


@settings(max_examples=300, **WIDE)  # type: ignore[arg-type]  # as above
@given(worlds(whole=True))
def test_nothing_that_is_blocked_is_in_progress(found: World) -> None:
    """What a label or a dependency blocks is never shown as being worked on, whoever claims it."""
    if lane(facts(found)) == PROGRESS:
        signals = seen(facts(found))
        assert not signals.blocked
        assert BLOCKED not in signals.said


@settings(max_examples=500, **WIDE)  # type: ignore[arg-type]  # as above
@given(worlds(), st.sampled_from(DECIDING), st.sampled_from(list(Reason)))
def test_what_can_no_longer_be_read_makes_no_card_more_advanced_and_none_ok(
    found: World, field: Field[object], reason: Reason
) -> None:
    """Taking any one reading away keeps the lane or takes it away, and makes nothing ok that was not."""
    less = lose(found, field, reason)
    before, after = judged(found), judged(less)
    assert lane(facts(less)) in (lane(facts(found)), UNPLACED)
    if before.status is not Status.OK:
        assert after.status is not Status.OK


@settings(max_examples=300, **WIDE)  # type: ignore[arg-type]  # as above
@given(worlds(whole=True), st.sampled_from(DECIDING), st.sampled_from(list(Reason)))
def test_a_card_that_is_ok_is_so_by_what_is_known(found: World, field: Field[object], reason: Reason) -> None:
    """Of a card that is ok, everything that its verdict rests on is known, and nothing does not agree."""
    less = lose(found, field, reason)
    after = judged(less)
    if after.status is Status.OK:
        assert all(isinstance(each, Known) for each in after.because)
        assert not placed(facts(less)).ambiguities


@settings(max_examples=300, **WIDE)  # type: ignore[arg-type]  # as above
@given(worlds())
def test_the_gates_are_asked_in_their_order_and_open_only_by_what_is_known(found: World) -> None:
    """All before the next gate are open; an open one rests on what is known, and any other says what is missing."""
    all_of = gates(facts(found))
    waits = next_gate(all_of)
    if waits is not None:
        assert all(gate.met for gate in all_of[: all_of.index(waits)])
    for gate in all_of:
        assert (gate.missing is None) == (gate.met is True)
        if gate.met:
            assert all(isinstance(each, Known) for each in gate.readings)


@settings(max_examples=200, **WIDE)  # type: ignore[arg-type]  # as above
@given(st.booleans(), st.integers(0, 5))
def test_what_a_backlog_depends_on_changes_nothing(triaged: bool, blockers: int) -> None:
    """A card nobody touched is asked nothing that would cost a call, and a reading of it changes nothing."""
    plain = world({G.CARD_TRIAGED: triaged})
    refs = tuple(f"acme/tools#{number}" for number in range(blockers))
    more = plain | {(CARD, "blockers"): G.CARD_BLOCKERS.known(CARD, plain[CARD, "open"].origin, refs, facts(plain).now)}
    assert (
        (judged(more).rule, judged(more).status) == (judged(plain).rule, judged(plain).status) == ("unassigned", "ok")
    )
