from __future__ import annotations

import json
from datetime import datetime, timedelta

import hypothesis
from hypothesis import strategies as st

from quarterdeck.store import past
from quarterdeck.store.engine import Engine
from quarterdeck.store.recorder import Recorded, Recorder
from quarterdeck.truth.snapshot import Snapshot
from quarterdeck.views import VIEWS
from quarterdeck.views.asked import Asked
from quarterdeck.views.contract import as_json
from quarterdeck.views.judged import Judged
from tests.store.conftest import clear
from tests.store.worlds import snapshots


def last_until(recorded: list[Snapshot], at: datetime) -> Snapshot | None:
    """What the rule says, read plainly: the last one in the newest stretch without a step back that began by then."""
    stretches: list[list[Snapshot]] = []
    for one in recorded:
        if not stretches or one.generated_at < stretches[-1][-1].generated_at:
            stretches.append([])
        stretches[-1].append(one)
    for stretch in reversed(stretches):
        until = [one for one in stretch if one.generated_at <= at]
        if until:
            return until[-1]
    return None


def record(engine: Engine, recorder: Recorder, snapshot: Snapshot) -> Recorded:
    return engine.write(lambda connection: recorder.record(connection, snapshot))


def load(engine: Engine, at: datetime) -> Snapshot | None:
    with engine.reading() as connection:
        found = past.record_at(connection, at)
        return None if found is None else past.load(connection, engine.names, found)


def pages(snapshot: Snapshot, now: datetime) -> dict[str, str]:
    """Every view of a snapshot, as the API would say it."""
    judged = Judged(snapshot, now, past=True)
    return {name: json.dumps(as_json(spec.make(judged, Asked(), None))) for name, spec in VIEWS.items()}


def assert_same(loaded: Snapshot | None, recorded: Snapshot) -> None:
    assert loaded is not None
    assert dict(loaded.readings.items()) == dict(recorded.readings.items())
    assert loaded.looks == recorded.looks
    assert loaded.gone == recorded.gone
    assert loaded.instances == recorded.instances
    assert (loaded.version, loaded.generated_at) == (recorded.version, recorded.generated_at)


@hypothesis.given(worlds=snapshots(), restarts=st.sets(st.integers(0, 7)), offsets=st.lists(st.integers(-60, 200)))
@hypothesis.settings(max_examples=60)
def test_what_is_read_back_is_what_was_recorded(
    empty: Engine, worlds: list[Snapshot], restarts: set[int], offsets: list[int]
) -> None:
    """For any moment, what is read back is exactly the last snapshot recorded until then, restarts or not."""
    clear(empty)
    recorder = Recorder(empty.names)
    for number, snapshot in enumerate(worlds):
        if number in restarts:
            recorder.forget()
        record(empty, recorder, snapshot)
    moments = [one.generated_at for one in worlds]
    moments += [worlds[0].generated_at + timedelta(seconds=offset) for offset in offsets]
    with empty.reading() as connection:
        for at in moments:
            expected, found = last_until(worlds, at), past.record_at(connection, at)
            if expected is None:
                assert found is None
                continue
            assert found is not None
            assert_same(past.load(connection, empty.names, found), expected)
        last = past.last_record(connection)
        assert last is not None
        assert_same(past.load(connection, empty.names, last), worlds[-1])


@hypothesis.given(worlds=snapshots(steps=False), age=st.integers(0, 10_000_000))
@hypothesis.settings(max_examples=25)
def test_every_page_of_the_past_is_the_page_of_then(empty: Engine, worlds: list[Snapshot], age: int) -> None:
    """Every view made of what is read back is, byte by byte, the view made of what was recorded."""
    clear(empty)
    recorder = Recorder(empty.names)
    for snapshot in worlds:
        record(empty, recorder, snapshot)
    for snapshot in worlds:
        now = snapshot.generated_at + timedelta(microseconds=age)
        expected, loaded = last_until(worlds, now), load(empty, now)
        assert expected is not None
        assert loaded is not None
        assert pages(loaded, now) == pages(expected, now)
