"""What somebody sees who may see some instances only."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest

from quarterdeck.errors import UsageError
from quarterdeck.truth import fields as F  # noqa: N812
from quarterdeck.truth.fields import Field
from quarterdeck.truth.instance import Instance, instance_of, subject
from quarterdeck.truth.judgement import Status
from quarterdeck.truth.past import (
    Change,
    Late,
    Point,
    Run,
    RunRecord,
    SessionPage,
    SessionQuery,
    Tally,
    Trend,
)
from quarterdeck.truth.reading import Knowledge, Known
from quarterdeck.truth.snapshot import Look, Snapshot
from quarterdeck.views.recall import Recall
from quarterdeck.views.within import UNSAID, Within, within
from tests.fakes.memory import FakeMemory
from tests.truth.cast import NOW, ORIGIN, readings

SOUTH = frozenset({"south"})
HERS, HIS, SHARED = subject("south", "gateway"), subject("north", "gateway"), "host:deck"
BOTH = [(HIS, "updating"), (HERS, "updating")]
BEFORE = NOW - timedelta(hours=1)


def whole() -> Snapshot:
    """A snapshot of two instances, a host, and what is gone."""
    host = F.LISTENERS.known(SHARED, ORIGIN, 2, NOW)
    told = readings(instance="north") | readings(instance="south") | {(SHARED, host.field): host}
    looks = {name: Look(name, NOW, 1.0, answered=True) for name in ("hermes:north", "hermes:south", "host")}
    gone = {subject("north", "cron", "1"): NOW, subject("south", "cron", "2"): NOW, "systemd:user/x.timer": NOW}
    return Snapshot(7, NOW, (Instance("north", "North"), Instance("south", "South")), told, looks, gone)


class Telltale(FakeMemory):
    """A memory that tells of everybody, whomever it is asked about."""

    def changes(self, since: datetime, until: datetime, **_: Any) -> Sequence[Change]:
        """One of each."""
        known, rule = Knowledge.FRESH, "rule"
        return [Change(each, NOW, Status.DOWN, None, known, rule, "why", None) for each in (HIS, HERS, SHARED)]

    def learnt_late(self, at: datetime, until: datetime, **_: Any) -> Sequence[Late]:
        """One of each."""
        return [Late(F.UPDATING.known(each, ORIGIN, False, NOW), BEFORE, NOW) for each in (HIS, HERS)]

    def trends(
        self, fields: Sequence[tuple[str, str]], since: datetime, until: datetime, step: timedelta
    ) -> Sequence[Trend]:
        """A point for whatever is asked."""
        return [Trend(*pair, ORIGIN, step, (Point(NOW, 1, 1, 1, 1),)) for pair in fields]

    def tracked(self, instance: str | None = None) -> Sequence[tuple[str, str]]:
        """One of each."""
        return [(each, "updating") for each in (HIS, HERS, SHARED)]

    def tallies(
        self, measures: Sequence[str], since: datetime, until: datetime, step: timedelta, **_: Any
    ) -> Sequence[Tally]:
        """One of each."""
        return [Tally(each, "alerts", ORIGIN, BEFORE, NOW, whole=True, entries=()) for each in ("north", "south")]

    def runs(self, subject: str, since: datetime, until: datetime, **_: Any) -> Sequence[Run]:
        """A run of whatever is asked."""
        return [Run(BEFORE, NOW, "ok")]

    def run_record(self, subject: str, since: datetime, until: datetime, **_: Any) -> RunRecord:
        """A record of whatever is asked."""
        return RunRecord(runs=(Run(BEFORE, NOW, "ok"),))

    def sessions(self, query: SessionQuery) -> SessionPage:
        """A page that names whom it was asked for."""
        return SessionPage((), query.instance, 0, total_is_exact=True, read_at={})


def memory() -> Within:
    """The memory of south, made of one that tells of everybody."""
    return Within(Telltale([(BEFORE, replace(whole(), generated_at=BEFORE))]), SOUTH)


def test_a_snapshot_of_some_instances_has_nothing_else() -> None:
    """Neither readings nor looks nor tombstones of others are in it, nor what all share."""
    part = within(whole(), SOUTH)
    assert [one.id for one in part.instances] == ["south"]
    assert {instance_of(name) for name, _ in part.readings} == {"south"}
    assert set(part.looks) == {"hermes:south"}
    assert set(part.gone) == {subject("south", "cron", "2")}
    assert {key for key in whole().readings if instance_of(key[0]) == "south"} == set(part.readings)


def test_a_snapshot_of_nobody_is_empty() -> None:
    """Whoever may see no instance sees none."""
    part = within(whole(), frozenset())
    assert (part.instances, dict(part.readings), part.looks, part.gone) == ((), {}, {}, {})


@pytest.mark.parametrize(
    ("field", "value", "known"),
    [
        (F.CREDENTIAL_SHARED_WITH, ["north"], False),
        (F.CREDENTIAL_SHARED_WITH, ["south", "north"], False),
        (F.CREDENTIAL_SHARED_WITH, [], True),
        (F.SERVED_BY, "north", False),
        (F.SERVED_BY, None, True),
    ],
)
def test_a_fact_that_names_others_is_unknown(field: Field[Any], value: object, known: bool) -> None:
    """What would name another instance is told as not known, with the reason; what names nobody is told."""
    reading = field.known(subject("south", "gateway"), ORIGIN, value, NOW)
    told = within(replace(whole(), readings={(reading.subject, reading.field): reading}), SOUTH)
    assert isinstance(told.readings[reading.subject, reading.field], Known) is known
    assert "north" not in str(told.readings)


def test_a_reason_that_names_others_is_left_out() -> None:
    """What a recorded judgement said of another instance by name is not said again."""
    change = Change(HERS, NOW, Status.OK, None, Knowledge.FRESH, "served", "served by the gateway of north", None)
    remembered = Within(FakeMemory(changed=[change]), SOUTH)
    for found in (remembered.changes(BEFORE, NOW), remembered.changes(BEFORE, NOW, subject=HERS)):
        (told,) = found
        assert (told.rule, told.reason) == ("served", UNSAID)


@pytest.mark.parametrize(
    ("ask", "told"),
    [
        (lambda m: [each.subject for each in m.changes(BEFORE, NOW)], [HERS]),
        (lambda m: [each.subject for each in m.changes(BEFORE, NOW, instance="south")], [HERS]),
        (lambda m: list(m.changes(BEFORE, NOW, instance="north")), []),
        (lambda m: list(m.changes(BEFORE, NOW, subject=HIS)), []),
        (lambda m: list(m.changes(BEFORE, NOW, subject=SHARED)), []),
        (lambda m: [each.reading.subject for each in m.learnt_late(BEFORE, NOW)], [HERS]),
        (lambda m: list(m.learnt_late(BEFORE, NOW, instance="north")), []),
        (lambda m: m.tracked(), [(HERS, "updating")]),
        (lambda m: m.tracked("north"), []),
        (lambda m: [each.instance for each in m.tallies(["alerts"], BEFORE, NOW, NOW - BEFORE)], ["south"]),
        (lambda m: list(m.tallies(["alerts"], BEFORE, NOW, NOW - BEFORE, instance="north")), []),
        (
            lambda m: [len(each.points) for each in m.trends([(HIS, "a"), (HERS, "a")], BEFORE, NOW, NOW - BEFORE)],
            [0, 1],
        ),
        (lambda m: len(m.runs(HERS, BEFORE, NOW)), 1),
        (lambda m: len(m.runs(HIS, BEFORE, NOW)), 0),
        (lambda m: len(m.run_record(HERS, BEFORE, NOW).runs), 1),
        (lambda m: len(m.run_record(HIS, BEFORE, NOW).runs), 0),
        (lambda m: len(m.said(HIS, BEFORE, NOW)), 0),
        (lambda m: m.sessions(SessionQuery()).next, "south"),
        (lambda m: m.sessions(SessionQuery(instance="south")).next, "south"),
        (lambda m: m.session("north", "1"), None),
        (lambda m: [one.id for one in m.snapshot_at(NOW).instances], ["south"]),
        (lambda m: m.snapshot_at(BEFORE - timedelta(hours=1)), None),
        (lambda m: (m.began(), m.moment(NOW), list(m.blind(BEFORE, NOW))), (BEFORE, NOW, [])),
    ],
    ids=count(),
)
def test_memory_tells_of_them_alone(ask: Callable[[Within], object], told: object) -> None:
    """Whatever is asked, with whatever words, nothing of another instance and nothing shared is told."""
    assert ask(memory()) == told


def test_sessions_of_others_are_refused() -> None:
    """What cannot be asked for them alone is not asked at all."""
    with pytest.raises(UsageError, match="Choose one instance"):
        memory().sessions(SessionQuery(instance="north"))
    with pytest.raises(UsageError, match="Choose one instance"):
        Within(Telltale(), frozenset({"north", "south"})).sessions(SessionQuery())
    with pytest.raises(UsageError, match="not yours"):
        memory().session_detail("north", "1")


def test_no_question_is_passed_by() -> None:
    """Everything that can be asked of memory is answered here, with the same words."""
    asked = {name: inspect.signature(ask) for name, ask in vars(Recall).items() if not name.startswith("_")}
    assert asked == {name: inspect.signature(getattr(Within, name)) for name in asked}
