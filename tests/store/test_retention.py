from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import hypothesis
from hypothesis import strategies as st
from sqlalchemy import func, select

from quarterdeck.store import past
from quarterdeck.store.changes import changes
from quarterdeck.store.engine import Engine
from quarterdeck.store.gaps import Beat
from quarterdeck.store.history import History
from quarterdeck.store.migrate import upgrade
from quarterdeck.store.readings import readings, records, ticks
from quarterdeck.store.recorder import Recorder
from quarterdeck.store.retention import Retention, Spans, Tier, expire, thin
from quarterdeck.store.scribe import Scribe
from quarterdeck.truth.judgement import Status
from quarterdeck.truth.snapshot import Snapshot
from quarterdeck.views.judged import Judged
from tests.store.conftest import clear
from tests.store.test_changes import judgement
from tests.store.test_faults import at, snapshot
from tests.store.test_recorder import assert_same, record
from tests.store.worlds import snapshots

FINE = Tier(timedelta(0), timedelta(seconds=10))
LATER = timedelta(days=1_000)


def everything(engine: Engine) -> list[tuple[past.Record, Snapshot]]:
    with engine.reading() as connection:
        found = [past.record_at(connection, at(n)) for n in range(-30, 300)]
        unique = {one.seq: one for one in found if one is not None}
        return [(one, past.load(connection, engine.names, one)) for one in unique.values()]


def count(engine: Engine, table: object) -> int:
    with engine.reading() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()  # type: ignore[arg-type]


@hypothesis.given(worlds=snapshots(), restarts=st.sets(st.integers(0, 7)), step=st.sampled_from([1, 10, 60]))
@hypothesis.settings(max_examples=40)
def test_what_is_kept_is_kept_exactly(empty: Engine, worlds: list[Snapshot], restarts: set[int], step: int) -> None:
    """After thinning out, every snapshot that is still there is exactly what was recorded."""
    clear(empty)
    recorder = Recorder(empty.names)
    by_seq: dict[int, Snapshot] = {}
    for number, one in enumerate(worlds):
        if number in restarts:
            recorder.forget()
        by_seq[record(empty, recorder, one).seq] = one
    tier = Tier(timedelta(0), timedelta(seconds=step))
    while empty.write(lambda connection: thin(connection, tier, worlds[-1].generated_at + LATER)):
        pass
    with empty.reading() as connection:
        kept = connection.execute(select(records).order_by(records.c.seq)).all()
        for row in kept:
            found = past.Record(row.seq, by_seq[row.seq].generated_at, row.epoch, row.version, None)
            assert_same(past.load(connection, empty.names, found), by_seq[row.seq])
    assert kept[0].seq == 1
    assert sum(row.stands_for for row in kept) == len(worlds)


def test_thinning_out_makes_less_and_says_so(engine: Engine) -> None:
    """One snapshot of each step stays; it says until when it was the truth, for how many it stands, and the rows go."""
    recorder = Recorder(engine.names)
    for number in range(100):
        record(engine, recorder, snapshot(number))
    before = count(engine, readings), count(engine, ticks)
    assert not engine.write(lambda connection: thin(connection, FINE, at(95) + FINE.age))
    history = History(engine)
    for seconds, moment in ((12, 10), (10.5, 10.5), (19.9, 10), (20, 20), (85, 80), (94, 94), (98.5, 98.5)):
        assert history.moment(at(seconds)) == at(moment)
        found = history.snapshot_at(at(seconds))
        assert found is not None
        assert_same(found, snapshot(int(min(moment, seconds))))
    with engine.reading() as connection:
        row = connection.execute(select(records).where(records.c.version == 20)).one()
    assert (row.stands_for, row.longest_us) == (10, 1_000_000)
    assert count(engine, readings) < before[0] / 4
    assert count(engine, ticks) < before[1] / 4


def test_thinning_out_goes_on_where_it_ended(engine: Engine) -> None:
    """What was thinned out once is thinned out further by a coarser step, and what comes later is taken in."""
    recorder = Recorder(engine.names)
    for number in range(130):
        record(engine, recorder, snapshot(number))
        if number % 10 == 0:
            engine.write(lambda connection, n=number: thin(connection, FINE, at(n)))  # type: ignore[misc]
    coarse = Tier(timedelta(0), timedelta(minutes=1))
    engine.write(lambda connection: thin(connection, coarse, at(10_000)))
    history = History(engine)
    assert [history.moment(at(seconds)) for seconds in (59, 61.5, 85)] == [at(0), at(60), at(60)]
    assert {record.version for record, _ in everything(engine) if record.version < 120} == {0, 60}
    with engine.reading() as connection:
        row = connection.execute(select(records).where(records.c.version == 0)).one()
    assert row.stands_for == 60


def test_the_moment_of_a_change_stays(engine: Engine) -> None:
    """The last snapshot before the status of anything changed is never thinned out."""
    scribe = Scribe(engine)
    for number in range(40):
        one = snapshot(number)
        judged = Judged(one, one.generated_at).judgements
        scribe.write(one, judged if number in {0, 17} else None, Beat(one.generated_at, number))
        if number == 17:
            scribe.write(None, Judged(snapshot(17, jobs=5), at(17.5)).judgements, Beat(at(17.5), 17.5))
    engine.write(lambda connection: thin(connection, FINE, at(39) + LATER))
    assert {record.version for record, _ in everything(engine)} >= {0, 10, 17, 20, 30}
    assert 18 not in {record.version for record, _ in everything(engine)}


@hypothesis.given(worlds=snapshots(steps=False), restarts=st.sets(st.integers(0, 7)), horizon=st.integers(0, 200))
@hypothesis.settings(max_examples=25)
def test_forgetting_leaves_what_is_younger(
    empty: Engine, worlds: list[Snapshot], restarts: set[int], horizon: int
) -> None:
    """What is forgotten is older than the horizon, and everything younger is exactly what it was."""
    clear(empty)
    recorder = Recorder(empty.names)
    for number, one in enumerate(worlds):
        if number in restarts:
            recorder.forget()
        record(empty, recorder, one)
    while empty.write(lambda connection: expire(connection, at(horizon))):
        pass
    history = History(empty)
    for one in worlds:
        if one.generated_at >= at(horizon) or one is worlds[-1]:
            same = [other for other in worlds if other.generated_at <= one.generated_at][-1]
            found = history.snapshot_at(one.generated_at)
            assert found is not None
            assert_same(found, same)


def test_the_file_shrinks_and_stays_bounded(tmp_path: Path) -> None:
    """What is forgotten is given back to the disk; beyond its limit the file keeps less, and what it keeps is whole."""
    engine = Engine(tmp_path / "history.db")
    engine.write(upgrade)
    recorder = Recorder(engine.names)
    for number in range(400):
        record(engine, recorder, snapshot(number * 60, jobs=200))
    engine.pragma("wal_checkpoint(TRUNCATE)")
    size = (tmp_path / "history.db").stat().st_size
    assert size > 3_000_000
    retention = Retention(Spans(timedelta(hours=6), timedelta(hours=24), most_mb=1))
    rounds = 0
    while retention.tidy(engine, at(400 * 60)):
        rounds += 1
        assert rounds < 200
    engine.pragma("wal_checkpoint(TRUNCATE)")
    assert (tmp_path / "history.db").stat().st_size < 2_000_000
    found = History(engine).snapshot_at(at(400 * 60))
    assert found is not None
    assert_same(found, snapshot(399 * 60, jobs=200))
    assert engine.pragma("integrity_check") == [("ok",)]
    engine.close()


def test_what_is_known_last_of_each_subject_stays(engine: Engine) -> None:
    """Old changes are forgotten, but not the last of a subject: it is what still holds."""
    scribe = Scribe(engine)
    for number, status in enumerate((Status.OK, Status.DOWN, Status.DEGRADED)):
        told = {"hermes:north/gateway": judgement("hermes:north/gateway", status)}
        if number == 0:
            told["host:here"] = judgement("host:here", status)
        scribe.write(snapshot(number), told, Beat(at(number), number))
    assert count(engine, changes) == 4
    engine.write(lambda connection: expire(connection, at(1_000)))
    history = History(engine)
    assert [(one.subject, one.status) for one in history.changes(at(-1), at(1_000))] == [
        ("hermes:north/gateway", Status.DEGRADED),
        ("host:here", Status.OK),
    ]
