"""The month that never was can be asked like any other, and leads to what is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from quarterdeck import settings, wiring
from quarterdeck.demo import past
from quarterdeck.demo.fleet import Fleet
from quarterdeck.store.history import History
from quarterdeck.store.keeper import Keeper
from quarterdeck.truth.instance import subject
from quarterdeck.truth.judgement import Status
from quarterdeck.truth.reading import Knowledge, Known
from quarterdeck.truth.snapshot import Snapshot
from quarterdeck.views.judged import Judged
from quarterdeck.wiring.remembering import observers

pytestmark = pytest.mark.timeout(240)

GATEWAY = subject("south", "gateway")


@pytest.fixture(scope="module")
def told(made: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[History, Snapshot]]:
    """The history of the small fleet, and the snapshot it leads to."""
    seen = wiring.build(settings.load(made.settings, ())).collector.collect(20.0)
    file = tmp_path_factory.mktemp("history") / "history.db"
    assert past.write(file, observers, seen, made, lambda _: None) > 50
    keeper = Keeper(file)
    history = keeper.look()
    assert history is not None
    yield history, seen
    keeper.close()


def status_of(told: tuple[History, Snapshot], name: str, days_ago: float) -> Status:
    history, seen = told
    at = seen.generated_at - timedelta(days=days_ago)
    snapshot = history.snapshot_at(at)
    assert snapshot is not None
    return Judged(snapshot, at, past=True).judgements[name].status


def test_it_begins_when_it_says(told: tuple[History, Snapshot], made: Fleet) -> None:
    """Memory reaches as far back as was asked for, and no further."""
    history, seen = told
    assert history.began() == seen.generated_at - timedelta(days=made.plan.days)
    assert history.snapshot_at(seen.generated_at - timedelta(days=made.plan.days, hours=1)) is None


def test_who_was_killed_now_was_alive_then(told: tuple[History, Snapshot]) -> None:
    """The gateway of the south is down now; it was up before, but for the times at which something befell it."""
    assert status_of(told, GATEWAY, 0.001) is Status.DOWN
    assert status_of(told, GATEWAY, 2.0) is Status.OK
    assert status_of(told, subject("north", "gateway"), 11.39) is Status.DOWN
    assert status_of(told, subject("north", "gateway"), 10.0) is Status.OK


def test_what_could_not_be_read_was_unknown_then(told: tuple[History, Snapshot]) -> None:
    """The sessions of the west could not be read for two hours, and their last count was kept as old."""
    assert status_of(told, subject("west", "sessions"), 6.25) is Status.UNKNOWN
    assert status_of(told, subject("west", "sessions"), 5.0) is Status.OK


def test_any_moment_can_be_asked_for(told: tuple[History, Snapshot], made: Fleet) -> None:
    """At every moment of the month what is known of the agents is current: nothing is stale between two moments."""
    history, seen = told
    for hour in range(1, 24 * made.plan.days, 7):
        at = seen.generated_at - timedelta(hours=hour)
        snapshot = history.snapshot_at(at)
        assert snapshot is not None
        away = any(gap.began_at <= at <= gap.ended_at for gap in history.blind(at, at))
        stale = [r for r in snapshot.readings.values() if isinstance(r, Known) and r.knowledge(at) is Knowledge.STALE]
        assert not stale or away, (hour, stale[0])


def test_changes_tell_the_story(told: tuple[History, Snapshot], made: Fleet) -> None:
    """The south went down within the last hour; and nobody looked once, which is no fault of any agent."""
    history, seen = told
    now = seen.generated_at
    changes = history.changes(now - timedelta(hours=1), now, subject=GATEWAY)
    assert [change.status for change in changes] == [Status.DOWN]
    (gap,) = history.blind(now - timedelta(days=made.plan.days), now - timedelta(minutes=1))
    assert gap.ended_at - gap.began_at == timedelta(minutes=past.AWAY[1])


def test_figures_of_then_are_those_of_the_sessions(told: tuple[History, Snapshot]) -> None:
    """What was counted of a day then is what the database counts of it now."""
    history, seen = told
    at = seen.generated_at - timedelta(days=5)
    snapshot = history.snapshot_at(at)
    assert snapshot is not None
    name = subject("north", "sessions")
    total = snapshot.readings[name, "total"]
    present = seen.readings[name, "total"]
    assert isinstance(total, Known)
    assert isinstance(present, Known)
    assert 0 < total.value < present.value
