"""What was counted over time, against looking at every session and every change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy import Connection, delete, insert

from quarterdeck.store import alert_hours
from quarterdeck.store.changes import changes
from quarterdeck.store.engine import Engine
from quarterdeck.store.samples import floor
from quarterdeck.store.schema import moment, ms, us
from quarterdeck.store.session_intake import take
from quarterdeck.store.sessions import FIELDS, NANOS, keys_of
from quarterdeck.store.tallies import tallies
from quarterdeck.truth.past import Entry, Tally
from tests.store.ledgers import NOW, ORIGIN, fill, random_record, record, stream

HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(days=7)
GATEWAY = "hermes:north/gateway"
SESSIONS = ("sessions", "tokens", "cost_usd")
ALERTS = ("alerts_critical", "alerts_warn", "alerts_info")


def entry(told: Mapping[str, Any]) -> Entry:
    """A session as the ledger would tell it."""
    values = {name: told[name] for name in FIELDS}
    return Entry(instance="north", id=told["id"], known_at=NOW, first_known_at=NOW, origin=ORIGIN, **values)


def _tallies(
    engine: Engine, since: datetime, step: timedelta, *, until: datetime = NOW, known_by: datetime | None = None
) -> dict[tuple[str, str], Tally]:
    with engine.reading() as connection:
        found = tallies(connection, SESSIONS, since, until, step, known_by=known_by)
    return {(one.instance, one.measure): one for one in found}


def _oracle(
    entries: Sequence[Entry], since: datetime, step: timedelta
) -> dict[str, dict[datetime, tuple[float, bool]]]:
    """What each step comes to, from every session."""
    found: dict[str, dict[datetime, tuple[float, bool]]] = {measure: {} for measure in SESSIONS}
    for one in entries:
        if one.started_at is None or not since <= one.started_at <= NOW:
            continue
        keys, at = keys_of(one), moment(floor(ms(one.started_at), step // timedelta(milliseconds=1)))
        told = {
            "sessions": (1.0, False),
            "tokens": (float(max(keys["tokens"], 0)), keys["tokens"] < 0),
            "cost_usd": (max(keys["cost"], 0) / NANOS, not one.priced),
        }
        for measure, (more, vague) in told.items():
            was, before = found[measure].get(at, (0.0, False))
            found[measure][at] = (was + more, before or vague)
    return found


def _check(found: dict[tuple[str, str], Tally], entries: Sequence[Entry], since: datetime, step: timedelta) -> None:
    for measure, steps in _oracle(entries, since, step).items():
        told = {each.at: (each.value, each.at_least) for each in found["north", measure].entries}
        assert told.keys() == steps.keys()
        for at, (value, at_least) in steps.items():
            assert told[at][0] == pytest.approx(value)
            assert told[at][1] is at_least


@pytest.mark.parametrize("step", [HOUR, DAY, WEEK])
@pytest.mark.parametrize("seed", range(3))
def test_a_tally_is_what_every_session_says(engine: Engine, seed: int, step: timedelta) -> None:
    """Sessions that come, are revised, and come again, in any order: every step comes to what its sessions come to, and
    one without a figure makes its step a lower bound.
    """
    random, newest = Random(seed), dict[str, Entry]()
    for revision in range(1, 5):
        batch = [random_record(random, f"s{random.randrange(60)}", revision) for _ in range(40)]
        fill(engine, {"north": batch})
        newest |= {each["id"]: entry(each) for each in batch}
    since = moment(floor(ms(NOW - 4 * DAY), step // timedelta(milliseconds=1)))
    _check(_tallies(engine, since, step), list(newest.values()), since, step)


@pytest.mark.parametrize("step", [HOUR, DAY])
def test_a_past_moment_counts_as_it_was_known(engine: Engine, step: timedelta) -> None:
    """At a moment that is over, a session that grew since counts with what it had then, and one that came later not
    at all.
    """
    then, later = NOW - HOUR, NOW
    old = [record("a", 1, started_at=NOW - 2 * HOUR), record("b", 1, started_at=NOW - 3 * HOUR)]
    new = [record("a", 2, started_at=NOW - 2 * HOUR, input_tokens=9_000), record("c", 2, started_at=NOW - 2 * HOUR)]
    fill(engine, {"north": old}, then)
    fill(engine, {"north": new}, later)
    since = NOW - 2 * DAY
    since = moment(floor(ms(since), step // timedelta(milliseconds=1)))
    _check(_tallies(engine, since, step, known_by=then), [entry(each) for each in old], since, step)
    _check(_tallies(engine, since, step), [entry(each) for each in (*new, old[1])], since, step)


def test_what_a_tally_covers_is_said(engine: Engine) -> None:
    """A tally says from when on it counts and up to when; an instance whose sessions were never taken in has none."""
    engine.write(lambda c: take(c, stream(at=NOW - HOUR), [record("a", started_at=NOW - 5 * DAY)], NOW))
    never = stream("south")._replace(taken_at=None)
    engine.write(lambda c: take(c, never, [], NOW))
    found = _tallies(engine, NOW - 30 * DAY, DAY)
    assert {instance for instance, _ in found} == {"north"}
    tally = found["north", "sessions"]
    assert (tally.known_from, tally.known_until) == (datetime(2026, 2, 25, tzinfo=UTC), NOW - HOUR)
    assert (tally.whole, tally.origin) == (True, ORIGIN)


def _change(connection: Connection, engine: Engine, name: str, at: datetime, status: str) -> None:
    row = {"subject": engine.names.id(connection, name), "known_us": us(at), "status": status}
    connection.execute(insert(changes).values(**row, knowledge="fresh", rule="", reason="because"))


def _tell(engine: Engine, *told: tuple[str, datetime, str]) -> None:
    def work(connection: Connection) -> None:
        for name, at, status in told:
            _change(connection, engine, name, at, status)
        alert_hours.count(connection)

    engine.write(work)


def _alerts(engine: Engine, since: datetime, until: datetime, step: timedelta = DAY) -> dict[tuple[str, str], int]:
    with engine.reading() as connection:
        found = tallies(connection, ALERTS, since, until, step)
    told = {(one.instance, one.measure.removeprefix("alerts_")): sum(e.value for e in one.entries) for one in found}
    return {key: int(value) for key, value in told.items() if value}


def test_trouble_that_comes_and_goes_is_an_alert_each_time(engine: Engine) -> None:
    """Down, well and down again are two alerts."""
    for hour, status in enumerate(("ok", "down", "ok", "down")):
        _tell(engine, (GATEWAY, NOW + hour * HOUR, status))
    assert _alerts(engine, NOW, NOW + DAY) == {("north", "critical"): 2}


def test_trouble_that_is_not_seen_for_a_while_is_one_alert(engine: Engine) -> None:
    """Down, unknown and down again without having been well is one alert; degraded on the way up is one more."""
    statuses = ("ok", "degraded", "down", "unknown", "stale", "down", "degraded")
    _tell(engine, *((GATEWAY, NOW + n * HOUR, status) for n, status in enumerate(statuses)))
    assert _alerts(engine, NOW, NOW + DAY) == {("north", "critical"): 1, ("north", "warn"): 1}


def test_alerts_are_counted_once_however_often_they_are_looked_at(engine: Engine) -> None:
    """Counting again, also after a stop in between, counts nothing twice; a clock that goes back loses nothing."""
    told = [(f"hermes:north/cron/{n}", NOW - n * HOUR, "degraded") for n in range(5)]
    for each in told:
        _tell(engine, each)
        assert engine.write(alert_hours.count) == 0
    assert _alerts(engine, NOW - DAY, NOW + DAY) == {("north", "warn"): 5}


def test_alerts_of_a_past_moment_end_with_it(engine: Engine) -> None:
    """Within the hour that is asked for last, only what was known by then counts."""
    at = NOW + timedelta(minutes=10)
    _tell(engine, (GATEWAY, at, "down"), ("hermes:south/gateway", at + timedelta(minutes=10), "down"))
    assert _alerts(engine, NOW, at) == {("north", "critical"): 1}
    assert _alerts(engine, NOW, NOW + DAY) == {("north", "critical"): 1, ("south", "critical"): 1}


def test_without_memory_nobody_is_counted(engine: Engine) -> None:
    """An empty history has no tallies: that is not the same as zeros."""
    with engine.reading() as connection:
        assert tallies(connection, (*SESSIONS, *ALERTS), NOW - DAY, NOW, DAY) == []


def test_one_instance_is_told_with_what_is_shared(engine: Engine) -> None:
    """The filter keeps what belongs to no single instance."""
    _tell(engine, *((name, NOW, "down") for name in (GATEWAY, "hermes:south/gateway", "host:here")))
    with engine.reading() as connection:
        found = tallies(connection, ALERTS, NOW, NOW + DAY, DAY, instance="north")
    assert {one.instance for one in found} == {"north", "all"}


def test_alerts_outlive_the_changes_they_were_counted_from(engine: Engine) -> None:
    """When old changes have been forgotten, what was counted of them still counts, and is still covered."""
    _tell(engine, (GATEWAY, NOW - 40 * DAY, "down"), (GATEWAY, NOW - 39 * DAY, "ok"), (GATEWAY, NOW - DAY, "down"))
    engine.write(lambda c: c.execute(delete(changes).where(changes.c.known_us < us(NOW - 10 * DAY))).rowcount)
    with engine.reading() as connection:
        found = tallies(connection, ("alerts_critical",), NOW - 60 * DAY, NOW, DAY)
    assert [sum(entry.value for entry in one.entries) for one in found] == [2]
    assert found[0].known_from <= NOW - 40 * DAY
