from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from quarterdeck.store import past
from quarterdeck.store.engine import Engine
from quarterdeck.store.history import History
from quarterdeck.store.keeper import Keeper
from quarterdeck.store.recorder import Recorder
from quarterdeck.store.scribe import Scribe
from quarterdeck.truth import fields as F  # noqa: N812 -- as in the tables of truth
from quarterdeck.truth.grouped import Grouped
from quarterdeck.truth.judgement import Activity, Judgement, Status
from quarterdeck.truth.reading import AnyReading, Knowledge, Known, Origin, Reason
from quarterdeck.truth.snapshot import Snapshot
from tests.store.test_faults import at, beat
from tests.store.test_recorder import record

GATEWAY, JOB = "hermes:north/gateway", "hermes:north/cron/1f"


def judgement(
    subject: str,
    status: Status,
    *,
    rule: str = "some rule",
    activity: Activity | None = None,
    knowledge: Knowledge = Knowledge.FRESH,
    since: datetime | None = None,
) -> Judgement:
    return Judgement(subject, rule, status, activity, knowledge, "so it is", since, (), ())


def tell(scribe: Scribe, seconds: float, *said: Judgement) -> list[tuple[str, Status, Status | None]]:
    """Write judgements down; return what counted as a change."""
    written = scribe.write(None, {one.subject: one for one in said}, beat(seconds))
    return [(one.subject, one.status, one.before) for one in written.changes]


def test_a_change_is_told_once(engine: Engine) -> None:
    """A status that becomes another one is written down with what it was before; one that stays is not."""
    scribe, history = Scribe(engine), History(engine)
    assert tell(scribe, 0, judgement(GATEWAY, Status.OK)) == [(GATEWAY, Status.OK, None)]
    assert tell(scribe, 1, judgement(GATEWAY, Status.OK)) == []
    down = judgement(GATEWAY, Status.DOWN, rule="gone", activity=Activity.STUCK, since=at(-30))
    assert tell(scribe, 2, down) == [(GATEWAY, Status.DOWN, Status.OK)]
    newest, first = history.changes(at(-1), at(10))
    assert (newest.known_at, newest.since, newest.rule, newest.reason) == (at(2), at(-30), "gone", "so it is")
    assert (newest.status, newest.activity, newest.knowledge) == (Status.DOWN, Activity.STUCK, Knowledge.FRESH)
    assert (newest.before, first.before, first.subject) == (Status.OK, None, GATEWAY)


@pytest.mark.parametrize(
    ("then", "counts"),
    [
        (judgement(GATEWAY, Status.OK, rule="another", activity=Activity.BUSY), False),
        (judgement(GATEWAY, Status.OK, knowledge=Knowledge.LATE), False),
        (judgement(GATEWAY, Status.OK, activity=Activity.PAUSED, knowledge=Knowledge.PAUSED), True),
        (judgement(GATEWAY, Status.OK, knowledge=Knowledge.RETIRED), True),
        (judgement(GATEWAY, Status.OK, activity=Activity.RATE_LIMITED), True),
        (judgement(GATEWAY, Status.UNKNOWN, knowledge=Knowledge.UNKNOWN), True),
    ],
)
def test_what_counts_as_a_change(engine: Engine, then: Judgement, counts: bool) -> None:
    """To set to work, to rest, or to be a little late is no change; to be paused, held up or retired is one."""
    scribe = Scribe(engine)
    tell(scribe, 0, judgement(GATEWAY, Status.OK, activity=Activity.IDLE))
    assert bool(tell(scribe, 1, then)) is counts


def test_another_cause_is_a_change(engine: Engine) -> None:
    """Down for another cause is told; well for another cause is not."""
    scribe = Scribe(engine)
    tell(scribe, 0, judgement(GATEWAY, Status.DOWN, rule="gone"))
    assert tell(scribe, 1, judgement(GATEWAY, Status.DOWN, rule="silent")) == [(GATEWAY, Status.DOWN, Status.DOWN)]


def test_a_restart_is_no_change(place: Path | str) -> None:
    """What was last said of each subject is read back before anything is said anew."""
    for number in range(3):
        keeper = Keeper(place, floor=0, ballast=0)
        with keeper.writing(beat(number)) as scribe:
            found = tell(scribe, number, judgement(GATEWAY, Status.DOWN, rule="gone"), judgement(JOB, Status.OK))
        assert len(found) == (2 if number == 0 else 0)
        keeper.close()


def test_what_could_not_be_written_is_told_when_it_can(engine: Engine) -> None:
    """A change whose transaction fails is told by the next one."""
    scribe = Scribe(engine, [Broken()])
    tell(scribe, 0, judgement(GATEWAY, Status.OK))
    with pytest.raises(RuntimeError):
        scribe.write(Snapshot(1, at(1), (), Grouped({})), {GATEWAY: judgement(GATEWAY, Status.DOWN)}, beat(1))
    assert tell(scribe, 2, judgement(GATEWAY, Status.DOWN)) == [(GATEWAY, Status.DOWN, Status.OK)]


class Broken:
    """An observer that fails."""

    def observe(self, *_: object) -> None:
        raise RuntimeError("half-way")


def test_changes_can_be_asked_for(engine: Engine) -> None:
    """Changes are told newest first, of a span that begins after and ends with a moment; of one subject, of an instance
    with what is shared, and never too many.
    """
    scribe, history = Scribe(engine), History(engine)
    shared, other = "host:here", "hermes:south/gateway"
    for number, status in enumerate((Status.OK, Status.DOWN, Status.OK)):
        tell(scribe, number, *(judgement(name, status, rule=status) for name in (GATEWAY, shared, other)))
    assert [one.known_at for one in history.changes(at(0), at(2), subject=GATEWAY)] == [at(2), at(1)]
    assert {one.subject for one in history.changes(at(-1), at(9), instance="north")} == {GATEWAY, shared}
    assert {one.subject for one in history.changes(at(-1), at(9), instance="all")} == {GATEWAY, shared, other}
    assert [one.known_at for one in history.changes(at(-1), at(9), limit=4)] == [at(2), at(2), at(2), at(1)]
    assert not history.changes(at(2), at(9))


# --- what came late --------------------------------------------------------------------------------------------------


def world(seconds: float, *readings: AnyReading) -> Snapshot:
    fields: dict[str, dict[str, AnyReading]] = {}
    for one in readings:
        fields.setdefault(one.subject, {})[one.field] = one
    return Snapshot(1, at(seconds), (), Grouped(fields))


def ran(seconds: float, seen: float) -> AnyReading:
    return F.LAST_RUN_AT.known(JOB, Origin("jobs", "cron/jobs.json"), at(seconds), at(seen))


def test_what_came_late_is_told_as_late(engine: Engine) -> None:
    """A run that was learnt of a minute after it was made is told to who asks for the time between, and to no other."""
    recorder, history = Recorder(engine.names), History(engine)
    for seconds, made in ((0, -500), (10, -500), (100, 40), (110, 40), (120, 118)):
        record(engine, recorder, world(seconds, ran(made, seconds)))
    (one,) = history.learnt_late(at(50), at(500))
    assert (one.true_at, one.known_at) == (at(40), at(100))
    assert one.reading == ran(40, 100)
    assert not history.learnt_late(at(39), at(500))
    assert not history.learnt_late(at(100), at(500))
    assert not history.learnt_late(at(50), at(99))
    assert history.learnt_late(at(50), at(500), instance="north")
    assert not history.learnt_late(at(50), at(500), instance="south")


def test_what_is_new_or_was_known_is_not_late(engine: Engine) -> None:
    """What is seen for the first time is new; what was known before a restart, or before it was lost, is known."""
    history, origin = History(engine), Origin("jobs", "cron/jobs.json")
    for restart in (0, 1_000):
        with engine.reading() as connection:
            last = past.last_record(connection)
            earlier = {} if last is None else past.load(connection, engine.names, last).readings
        recorder = Recorder(engine.names, earlier)
        lost = F.LAST_RUN_AT.unavailable(JOB, origin, Reason.TIMEOUT, "did not answer", at(restart))
        record(engine, recorder, world(restart, lost))
        record(engine, recorder, world(restart + 10, ran(-500, restart + 10)))
    assert not history.learnt_late(at(500), at(5_000))


def test_what_happened_while_we_were_off_is_late(engine: Engine) -> None:
    """A run made while nobody looked is late when it is learnt of, though the program began anew."""
    history = History(engine)
    record(engine, Recorder(engine.names), world(0, ran(-500, 0)))
    earlier = {(JOB, "last_run_at"): ran(-500, 0)}
    record(engine, Recorder(engine.names, earlier), world(1_000, ran(300, 1_000)))
    assert [one.true_at for one in history.learnt_late(at(400), at(2_000))] == [at(300)]


def test_a_reading_that_came_old_is_late(engine: Engine) -> None:
    """A figure that was no longer fresh when it reached us counts as known late, from when it was observed."""
    recorder, history, origin = Recorder(engine.names), History(engine), Origin("exporter", "snapshot.json")
    for seconds, seen, value in ((0, 0, 1), (100, 95, 2), (200, 110, 3)):
        record(engine, recorder, world(seconds, F.SESSIONS_LIVE.known("hermes:b/sessions", origin, value, at(seen))))
    (one,) = history.learnt_late(at(150), at(500))
    assert isinstance(one.reading, Known)
    assert (one.reading.value, one.true_at, one.known_at) == (3, at(110), at(200))
