"""What was said otherwise of a subject."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

from quarterdeck.store import said
from quarterdeck.store.engine import Engine
from quarterdeck.store.recorder import Recorder
from quarterdeck.truth import fields as F  # noqa: N812
from quarterdeck.truth.fields import Field
from quarterdeck.truth.instance import Instance
from quarterdeck.truth.past import Said
from quarterdeck.truth.reading import Reason
from quarterdeck.truth.snapshot import Snapshot
from tests.truth.cast import NOW, readings

GATEWAY = "hermes:north/gateway"
STEP = timedelta(seconds=5)

STORY: tuple[dict[Field[Any], object], ...] = (
    {F.RECORDED_STATE: "running", F.HEARTBEAT_AT: NOW, F.ACTIVE_AGENTS: 0},
    {F.RECORDED_STATE: "running", F.HEARTBEAT_AT: NOW + STEP, F.ACTIVE_AGENTS: 1},
    {F.RECORDED_STATE: "stopped", F.HEARTBEAT_AT: NOW + STEP, F.ACTIVE_AGENTS: 1},
    {F.RECORDED_STATE: "stopped", F.HEARTBEAT_AT: NOW + STEP, F.ACTIVE_AGENTS: 1},
    {F.RECORDED_STATE: Reason.CORRUPT, F.HEARTBEAT_AT: NOW + STEP, F.ACTIVE_AGENTS: 1},
    {F.RECORDED_STATE: "stopped", F.HEARTBEAT_AT: NOW + STEP, F.ACTIVE_AGENTS: 1},
)


def told(engine: Engine, limit: int = 50) -> list[Said]:
    with engine.reading() as connection:
        return list(said.between(connection, GATEWAY, NOW - STEP, NOW + 100 * STEP, limit=limit))


def record(engine: Engine) -> None:
    recorder = Recorder(engine.names)
    for number, facts in enumerate(STORY):
        at = NOW + number * STEP
        world = readings(facts, at=at) | readings(instance="south", at=at)
        snapshot = Snapshot(number + 1, at, (Instance("north", "north"), Instance("south", "south")), world)
        engine.write(partial(recorder.record, snapshot=snapshot))


def test_what_became_another_thing_is_told_newest_first(engine: Engine) -> None:
    """The state that was running, stopped, unreadable and stopped again is told at each turn, and nothing else is.

    Beats and counts move on with every look; what was observed again and is the same is no news.
    """
    record(engine)
    found = told(engine)
    assert [(each.known_at, each.reading.field) for each in found] == [
        (NOW + 5 * STEP, "recorded_state"),
        (NOW + 4 * STEP, "recorded_state"),
        (NOW + 2 * STEP, "recorded_state"),
    ]
    assert [getattr(each.reading, "value", None) for each in found] == ["stopped", None, "stopped"]
    assert [getattr(each.before, "value", None) for each in found] == [None, "stopped", "running"]
    assert found[2].reading == F.RECORDED_STATE.known(GATEWAY, found[2].reading.origin, "stopped", NOW + 2 * STEP)


def test_no_more_is_told_than_was_asked_for(engine: Engine) -> None:
    """Of much, the newest is told."""
    record(engine)
    assert [each.known_at for each in told(engine, 1)] == [NOW + 5 * STEP]


def test_fields_that_only_move_on_are_not_told() -> None:
    """A state tells; a beat, a count and a size do not."""
    assert said.tells(F.RECORDED_STATE)
    assert said.tells(F.MODEL)
    assert not any(map(said.tells, (F.HEARTBEAT_AT, F.ACTIVE_AGENTS, F.DISK_FREE, F.NEXT_RUN_AT)))
