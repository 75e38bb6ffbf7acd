"""Numbers over time."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, func, inspect, select

from quarterdeck.store.engine import Engine
from quarterdeck.store.migrate import upgrade
from quarterdeck.store.numbers import Seen
from quarterdeck.store.samples import LEVELS, Samples, floor, horizons, samples, series
from quarterdeck.store.schema import moment, ms
from quarterdeck.truth import fields as F  # noqa: N812
from quarterdeck.truth.fields import Field
from quarterdeck.truth.instance import Instance, subject
from quarterdeck.truth.past import Point, Trend
from quarterdeck.truth.reading import Origin, Reason
from quarterdeck.truth.snapshot import Snapshot
from tests.truth.cast import JOB, NOW, ago, readings

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
"""A Wednesday."""
ORIGIN = Origin("a witness", "some/file")
LIVE = (subject("north", "sessions"), "live")
HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(days=7)
SECOND = timedelta(seconds=1)

Look = tuple[datetime, float]
NUMBERS = count()


def _record(engine: Engine, looks: Iterable[Look], *, of: tuple[str, str] = LIVE) -> None:
    """Record looks, each in a transaction of its own."""
    keeper = Samples(engine.names)
    for at, value in looks:
        engine.write(partial(_add, keeper, Seen(*of, ORIGIN, at, value)))


def _add(keeper: Samples, seen: Seen, connection: Connection) -> None:
    keeper.add(connection, [seen])


def _observe(engine: Engine, keeper: Samples, snapshot: Snapshot, changed: Collection[str] = ()) -> None:
    engine.write(lambda connection: keeper.observe(connection, snapshot, changed))


def _prune(engine: Engine, keeper: Samples, now: datetime) -> bool:
    return engine.write(lambda connection: keeper.prune(connection, now))


def _trend(engine: Engine, since: datetime, until: datetime, step: timedelta, *, of: tuple[str, str] = LIVE) -> Trend:
    with engine.reading() as connection:
        return Samples(engine.names).trends(connection, [of], since, until, step)[0]


def _count(engine: Engine) -> dict[int, int]:
    """How many looks each level holds."""
    with engine.reading() as connection:
        statement = select(samples.c.step, func.sum(samples.c.count)).group_by(samples.c.step)
        return {step: int(count) for step, count in connection.execute(statement)}


def _oracle(looks: list[Look], since: datetime, until: datetime, step: timedelta) -> list[Point]:
    """What a trend must be, from every single look."""
    width = step // timedelta(milliseconds=1)
    steps: dict[int, list[float]] = {}
    for at, value in looks:
        begins = floor(ms(at), width)
        if begins >= floor(ms(since), width) and ms(at) <= ms(until):
            steps.setdefault(begins, []).append(value)
    return [Point(moment(at), min(v), sum(v) / len(v), max(v), len(v)) for at, v in sorted(steps.items())]


def _same(found: Trend, wanted: list[Point]) -> bool:
    exact = [(p.at, p.low, p.high, p.looks) for p in found.points] == [(p.at, p.low, p.high, p.looks) for p in wanted]
    return exact and [p.mean for p in found.points] == pytest.approx([p.mean for p in wanted])


@pytest.fixture(scope="module")
def emptied(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """One history for many examples, each of which speaks of a subject of its own."""
    engine = Engine(tmp_path_factory.mktemp("history") / "history.db")
    engine.write(upgrade)
    return engine


LOOKS = st.lists(
    st.tuples(st.integers(-40 * 86_400, 0).map(lambda s: NOON + s * SECOND), st.integers(-1000, 1000).map(float)),
    max_size=30,
    unique_by=lambda look: look[0],
)


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    LOOKS,
    st.integers(0, 35 * 86_400),
    st.integers(0, 35 * 86_400),
    st.sampled_from([timedelta(seconds=30), timedelta(minutes=30), HOUR, 3 * HOUR, DAY, WEEK]),
)
def test_a_trend_is_what_every_single_look_says(
    emptied: Engine, looks: list[Look], back: int, more: int, step: timedelta
) -> None:
    """Whatever was seen in whatever order, and whatever is asked: each step has the extremes, the mean and the number
    of exactly the looks that fell into it up to the moment asked for, and steps without a look are not there.
    """
    of = (f"hermes:n{next(NUMBERS)}/sessions", "live")
    _record(emptied, looks, of=of)
    until = NOON - back * SECOND
    since = until - more * SECOND
    assert _same(_trend(emptied, since, until, step, of=of), _oracle(looks, since, until, step))


def test_both_databases_say_the_same(engine: Engine) -> None:
    """Levels, sums and steps come out alike in SQLite and PostgreSQL."""
    looks = [(NOON - 700 * n * SECOND, float(n % 7)) for n in range(400)]
    _record(engine, looks)
    for step in (timedelta(minutes=30), HOUR, 3 * HOUR, DAY, WEEK):
        assert _same(_trend(engine, NOON - 3 * DAY, NOON, step), _oracle(looks, NOON - 3 * DAY, NOON, step))


def test_a_gap_is_not_a_zero(engine: Engine) -> None:
    """An hour nobody looked in has no point."""
    _record(engine, [(NOON, 0.0), (NOON + 3 * HOUR, 5.0)])
    found = _trend(engine, NOON, NOON + 4 * HOUR, HOUR)
    assert [(p.at, p.mean) for p in found.points] == [(NOON, 0.0), (NOON + 3 * HOUR, 5.0)]
    assert (found.origin, found.step) == (ORIGIN, HOUR)


def test_what_was_never_kept_has_an_empty_trend(engine: Engine) -> None:
    """A trend of something unknown has no points and no origin, and the others keep their places."""
    _record(engine, [(NOON, 1.0)])
    with engine.reading() as connection:
        nobody, known = Samples(engine.names).trends(connection, [("host:x", "load_1m"), LIVE], NOON, NOON, HOUR)
    assert (nobody.origin, nobody.points) == (None, ())
    assert len(known.points) == 1


def test_a_clock_that_goes_back_loses_nothing(engine: Engine) -> None:
    """When the clock is set back an hour, the hour that comes twice holds the looks of both times."""
    forth = [(NOON + n * 30 * SECOND, 1.0) for n in range(240)]
    again = [(NOON + HOUR + n * 30 * SECOND, 9.0) for n in range(240)]
    _record(engine, [*forth, *again])
    assert set(_count(engine).values()) == {480}
    twice = _trend(engine, NOON + HOUR, NOON + 2 * HOUR - SECOND, HOUR).points[0]
    assert (twice.low, twice.high, twice.looks) == (1.0, 9.0, 240)


def test_the_same_look_is_kept_once(engine: Engine) -> None:
    """A reading that is told again, also by a program that was started anew, is not a second look."""
    for _ in range(3):
        _record(engine, [(NOON, 4.0)])
    assert set(_count(engine).values()) == {1}


def test_what_was_not_committed_is_not_remembered(engine: Engine) -> None:
    """A transaction that fails leaves no look behind, and what comes after it is kept as if it had never been."""
    keeper = Samples(engine.names)

    def half(connection: Connection) -> None:
        keeper.add(connection, [Seen(*LIVE, ORIGIN, NOON, 1.0)])
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        engine.write(half)
    engine.write(lambda c: keeper.add(c, [Seen(*LIVE, ORIGIN, NOON, 1.0)]))
    assert set(_count(engine).values()) == {1}


def test_a_past_moment_is_asked_without_what_came_after(engine: Engine) -> None:
    """A trend that ends at a moment holds nothing that was seen after it, in no step."""
    _record(engine, [(NOON, 1.0), (NOON + 10 * SECOND, 100.0)])
    assert _trend(engine, NOON - DAY, NOON + 9 * SECOND, DAY).points[-1].high == 1.0
    assert _trend(engine, NOON - DAY, NOON + 10 * SECOND, DAY).points[-1].high == 100.0


def test_each_level_forgets_at_its_own_time(engine: Engine) -> None:
    """After 48 hours single looks are forgotten, after 30 days five minutes, after two years everything; what is left
    keeps its extremes.
    """
    _record(engine, [(NOON, 1.0), (NOON + SECOND, 9.0), (NOON + 3 * DAY, 5.0)])
    keeper = Samples(engine.names)
    held = []
    for later in (DAY, 3 * DAY, 31 * DAY, 800 * DAY):
        assert not _prune(engine, keeper, NOON + later)
        held.append([_count(engine).get(level.step, 0) for level in LEVELS])
    assert held == [[3, 3, 3, 3, 3], [1, 3, 3, 3, 3], [0, 1, 3, 3, 3], [0, 0, 0, 0, 0]]


def test_where_fine_steps_are_forgotten_coarser_ones_answer(engine: Engine) -> None:
    """Whoever asks for half-hours of a time of which only hours are kept, gets hours, and is told so."""
    _record(engine, [(NOON, 1.0), (NOON + SECOND, 9.0)])
    _prune(engine, Samples(engine.names), NOON + 40 * DAY)
    found = _trend(engine, NOON - HOUR, NOON + HOUR, timedelta(minutes=30))
    assert (found.step, found.points) == (HOUR, (Point(NOON, 1.0, 5.0, 9.0, 2),))


def test_pruning_is_done_in_slices_and_ends(engine: Engine) -> None:
    """Many series are thinned out a slice at a time; twice does no harm, and a clock that goes back brings no horizon
    nearer.
    """
    keeper = Samples(engine.names)
    many = [Seen(f"hermes:n{n}/sessions", "live", ORIGIN, NOON, 1.0) for n in range(450)]
    engine.write(lambda c: keeper.add(c, many))
    more = [_prune(engine, keeper, NOON + 3 * DAY) for _ in range(3)]
    assert more == [True, True, False]
    assert 0 not in _count(engine)
    with engine.reading() as connection:
        before = connection.execute(select(horizons.c.step, horizons.c.at)).all()
    _prune(engine, keeper, NOON)
    with engine.reading() as connection:
        assert connection.execute(select(horizons.c.step, horizons.c.at)).all() == before


def _snapshot(spoiled: dict[Field[Any], object] | None = None, *, at: datetime = NOW, seen: float = 0) -> Snapshot:
    world = readings(spoiled or {}, at=at - timedelta(seconds=seen))
    return Snapshot(1, at, (Instance("north", "north"),), world)


def _kept(engine: Engine) -> dict[str, list[float]]:
    with engine.reading() as connection:
        statement = select(series.c.field, samples.c.total).join(samples, samples.c.series == series.c.id)
        found: dict[str, list[float]] = {}
        for field, value in connection.execute(statement.where(samples.c.step == 0).order_by(samples.c.at)):
            found.setdefault(field, []).append(value)
        return found


def test_a_snapshot_brings_the_numbers_it_knows(engine: Engine) -> None:
    """The numbers of a snapshot are kept, with what is counted over the jobs of an instance."""
    keeper = Samples(engine.names)
    _observe(engine, keeper, _snapshot({F.ERRORS_1H: {"timeout": 2, "auth": 3}}))
    kept = _kept(engine)
    assert (kept["started_24h"], kept["cost_24h_usd"], kept["live"], kept["errors_1h"]) == ([12.0], [0.5], [0.0], [5.0])
    assert (kept["jobs_failed"], kept["jobs_paused"]) == ([0.0], [0.0])
    with engine.reading() as connection:
        assert LIVE in keeper.tracked(connection)
        assert LIVE in keeper.tracked(connection, "north")
        assert not keeper.tracked(connection, "south")


@pytest.mark.parametrize("reason", list(Reason))
def test_what_is_not_known_brings_no_number(engine: Engine, reason: Reason) -> None:
    """A reading that could not be made leaves a gap, whatever the reason."""
    _observe(engine, Samples(engine.names), _snapshot({F.SESSIONS_LIVE: reason}))
    assert "live" not in _kept(engine)
    assert "started_24h" in _kept(engine)


def test_what_has_expired_brings_no_number(engine: Engine) -> None:
    """A reading that was stale when the snapshot was made is not kept as of now."""
    _observe(engine, Samples(engine.names), _snapshot(seen=1_000))
    assert not _kept(engine)


@pytest.mark.parametrize(
    "spoiled", [{F.LAST_RESULT: Reason.BUSY}, {F.JOBS_DECLARED: 2}, {F.JOBS_DECLARED: Reason.DENIED}]
)
def test_jobs_are_counted_only_when_all_of_them_are_known(engine: Engine, spoiled: dict[Field[Any], object]) -> None:
    """One job that cannot be read, or that is missing, makes the number of failed jobs a gap, not a smaller one."""
    _observe(engine, Samples(engine.names), _snapshot(spoiled))
    assert "jobs_failed" not in _kept(engine)


def test_a_failed_and_paused_job_is_counted(engine: Engine) -> None:
    """A job whose last run failed counts as failed, one that somebody paused as paused."""
    spoiled: dict[Field[Any], object] = {F.LAST_RESULT: "error", F.JOB_STATE: "paused"}
    _observe(engine, Samples(engine.names), _snapshot(spoiled))
    kept = _kept(engine)
    assert (kept["jobs_failed"], kept["jobs_paused"]) == ([1.0], [1.0])


def test_what_changed_is_kept_at_once_and_the_rest_at_the_beat(engine: Engine) -> None:
    """Between two beats only subjects that changed are looked at; every 30 seconds all of them."""
    keeper = Samples(engine.names)
    name = subject("north", "sessions")
    for seconds, changed in ((0, ()), (5, ()), (10, (name,)), (31, ())):
        _observe(engine, keeper, _snapshot(at=ago(-seconds)), changed)
    kept = _kept(engine)
    assert len(kept["live"]) == 3
    assert len(kept["jobs_failed"]) == 2


def test_a_clock_that_goes_back_does_not_delay_the_beat(engine: Engine) -> None:
    """After the clock was set back an hour, everything is looked at again at once."""
    keeper = Samples(engine.names)
    for later in (0, 3_600):
        _observe(engine, keeper, _snapshot(at=ago(later)))
    assert len(_kept(engine)["live"]) == 2


def test_who_says_so_is_kept_up(engine: Engine) -> None:
    """When another witness speaks for a number, its trend names the new one."""
    keeper = Samples(engine.names)
    engine.write(lambda c: keeper.add(c, [Seen(*LIVE, Origin("old", "a"), NOON, 1.0)]))
    engine.write(lambda c: keeper.add(c, [Seen(*LIVE, Origin("new", "b"), NOON + SECOND, 1.0)]))
    assert _trend(engine, NOON, NOON + HOUR, HOUR).origin == Origin("new", "b")


def test_the_migration_makes_what_the_tables_say(engine: Engine, tmp_path: Path) -> None:
    """The steps of the migration and the tables of this module have the same columns."""
    with engine.reading() as connection:
        found = inspect(connection)
        for table in (series, samples, horizons):
            assert {c["name"] for c in found.get_columns(table.name)} == {c.name for c in table.columns}
            assert found.get_pk_constraint(table.name)["constrained_columns"] == [c.name for c in table.primary_key]


def test_the_job_of_the_cast_is_one(engine: Engine) -> None:
    """The numbers of jobs stand at the scheduler of their instance."""
    _observe(engine, Samples(engine.names), _snapshot())
    with engine.reading() as connection:
        found = Samples(engine.names).tracked(connection)
    assert (subject("north", "cron"), "jobs_failed") in found
    assert not any(JOB in name for name, _ in found)
