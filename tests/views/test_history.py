"""History as data: what is counted, what is seen, and what is neither."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.truth import fields as F  # noqa: N812
from quarterdeck.truth.fields import kind_of
from quarterdeck.truth.instance import Instance, subject
from quarterdeck.truth.past import Blind, Point, Tallied, Tally, Trend
from quarterdeck.truth.reading import Origin
from quarterdeck.truth.snapshot import Snapshot
from quarterdeck.views.asked import Asked
from quarterdeck.views.charts import LINES, Chart, Mark, counted, steps
from quarterdeck.views.contract import as_json
from quarterdeck.views.history import GAUGES, MEASURES, MOST, SPANS, Recalled, history, recall
from quarterdeck.views.judged import Judged
from quarterdeck.views.model import View
from tests.fakes.memory import FakeMemory
from tests.truth.cast import NOW, ORIGIN, readings

HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(days=7)
NORTH, SOUTH = Instance("north", "north"), Instance("south", "The South")
TODAY = NOW.replace(hour=0, minute=0, second=0, microsecond=0)
LONG_AGO = NOW - timedelta(days=900)
LEDGER = Origin("sessions database", "state.db")


def _tally(measure: str = "sessions", instance: str = "north", *entries: Tallied, **more: Any) -> Tally:
    told: dict[str, Any] = {"known_from": LONG_AGO, "known_until": NOW, "whole": True} | more
    return Tally(instance, measure, LEDGER, entries=entries, **told)


def _trend(name: str, field: str, *values: float, step: timedelta = DAY) -> Trend:
    """Looks at the last steps, one for each value; the last is now."""
    last = steps(NOW, step, 1)[0]
    points = [Point(last - step * back, v - 1, v, v + 1, 3) for back, v in enumerate(reversed(values))]
    return Trend(name, field, ORIGIN, step, tuple(reversed(points)))


def _view(
    tallies: Sequence[Tally] = (),
    trends: Sequence[Trend] = (),
    *,
    instances: Sequence[Instance] = (NORTH,),
    span: str = "30d",
    instance: str = "all",
    began: datetime | None = LONG_AGO,
    blind: Sequence[Blind] = (),
    world: dict[Any, Any] | None = None,
) -> View:
    judged = Judged(Snapshot(1, NOW, tuple(instances), readings() if world is None else world), NOW)
    asked = Asked(instance, words=(("span", span),) if span != "30d" else ())
    return history(judged, asked, Recalled(began, tallies, trends, blind, {}))


def _chart(view: View, key: str) -> Chart:
    assert view.history is not None
    return next(chart for chart in view.history.charts if chart.key == key)


def test_a_day_on_which_nothing_happened_is_a_zero() -> None:
    """Within what the agents' records cover, a day without a session is a zero and not a gap."""
    chart = _chart(_view([_tally("sessions", "north", Tallied(TODAY, 3))]), "sessions")
    assert [mark.value for mark in chart.lines[0].known] == [0.0] * 29 + [3]
    assert (chart.text, chart.at_least, chart.note) == ("3", False, "")


def test_an_instance_of_which_nothing_is_known_makes_the_total_a_lower_bound() -> None:
    """One instance whose sessions were never taken in: the total says at least, and names it."""
    chart = _chart(_view([_tally("sessions", "north", Tallied(TODAY, 3))], instances=(NORTH, SOUTH)), "sessions")
    assert (chart.text, chart.at_least, chart.note) == ("≥3", True, "nothing is known of The South")


def test_an_instance_that_the_filter_leaves_out_is_missing_in_nothing() -> None:
    """A total over one instance does not wait for another."""
    told = [_tally("sessions", "north", Tallied(TODAY, 3))]
    chart = _chart(_view(told, instances=(NORTH, SOUTH), instance="north"), "sessions")
    assert chart.text == "3"


def test_something_without_a_figure_makes_its_step_and_the_total_a_lower_bound() -> None:
    """A session whose price nobody knows: the day costs at least what is known."""
    chart = _chart(_view([_tally("cost_usd", "north", Tallied(TODAY, 2.5, at_least=True))]), "cost")
    assert (chart.text, chart.lines[0].marks[-1]) == ("≥$2.50", Mark(2.5, at_least=True))


def test_before_everything_began_nothing_is_missing() -> None:
    """Where the record is whole, the days before the first session are blank, and the total is exact."""
    told = _tally("sessions", "north", Tallied(TODAY, 3), known_from=TODAY - 2 * DAY)
    chart = _chart(_view([told]), "sessions")
    assert [mark is not None for mark in chart.lines[0].marks] == [False] * 27 + [True] * 3
    assert chart.text == "3"


def test_before_memory_begins_something_may_be_missing() -> None:
    """Where the record is not whole, what lies before it is not known, and the total is a lower bound."""
    told = _tally("sessions", "north", Tallied(TODAY, 3), known_from=TODAY - 2 * DAY + HOUR, whole=False)
    chart = _chart(_view([told]), "sessions")
    assert [mark and mark.at_least for mark in chart.lines[0].marks[-4:]] == [None, True, False, False]
    assert chart.text == "≥3"


def test_what_is_no_longer_taken_in_ends() -> None:
    """A stream that has not been read for two days ends there: the days after are gaps."""
    told = _tally("sessions", "north", Tallied(TODAY - 3 * DAY, 3), known_until=TODAY - 2 * DAY + HOUR)
    chart = _chart(_view([told]), "sessions")
    assert [mark is not None for mark in chart.lines[0].marks[-4:]] == [True, True, False, False]
    assert chart.lines[0].marks[-3] == Mark(0.0, at_least=True)
    assert (chart.text, chart.known_until) == ("≥3", TODAY - 2 * DAY + HOUR)


def test_what_only_we_could_see_has_a_gap_where_we_did_not_look() -> None:
    """A day on which Quarterdeck was off has no count of alerts; a day of which it missed a part has a lower bound. The
    sessions of the agents' own records have neither.
    """
    off = Blind(TODAY - 2 * DAY, TODAY - DAY + 6 * HOUR, "not running")
    told = [_tally(f"alerts_{severity}") for severity in ("critical", "warn", "info")]
    view = _view([*told, _tally("sessions")], blind=[off])
    alerts, sessions = _chart(view, "alerts"), _chart(view, "sessions")
    assert alerts.lines[0].marks[-3:] == (None, Mark(0.0, at_least=True), Mark(0.0))
    assert sessions.lines[0].marks[-3:] == (Mark(0.0), Mark(0.0), Mark(0.0))
    assert (alerts.text, alerts.hidden, sessions.hidden) == ("none seen", (off,), ())
    assert view.headline == "No alert was seen in 30 days."
    assert "30 h" in view.lede


def test_alerts_are_told_by_severity_over_all_instances() -> None:
    """Lines are severities; each sums up the instances of the filter and what is shared."""
    told = [
        _tally("alerts_critical", one, Tallied(TODAY, 2), known_from=LONG_AGO) for one in ("north", "south", "all")
    ] + [_tally("alerts_warn", "north", Tallied(TODAY, 1))]
    view = _view(told, instances=(NORTH, SOUTH))
    lines = {line.label: line.total for line in _chart(view, "alerts").lines}
    assert lines == {"Critical": 6, "Warnings": 1}
    assert view.headline == "7 alerts in 30 days."
    assert _chart(_view(told, instances=(NORTH, SOUTH), instance="south"), "alerts").lines[0].total == 4


def test_a_look_that_was_missed_is_a_gap() -> None:
    """A step without a look has no mark; the extremes of the others are kept."""
    name = subject("north", "sessions")
    trend = _trend(name, "live", 4.0)
    trend = Trend(name, "live", ORIGIN, DAY, (Point(TODAY - 2 * DAY, 0.0, 0.0, 0.0, 9), *trend.points))
    chart = _chart(_view([], [trend]), "live")
    assert chart.lines[0].marks[-3:] == (Mark(0.0, 0.0, 0.0), None, Mark(4.0, 3.0, 5.0))
    assert chart.text == "0 to 5"


def test_steps_are_those_that_memory_still_has() -> None:
    """Where only longer steps are kept, the chart has longer steps, and covers the same span."""
    chart = _chart(_view([], [_trend(subject("north", "sessions"), "live", 4.0, step=HOUR)], span="24h"), "live")
    assert (chart.step, len(chart.steps)) == (HOUR, 24)


def test_of_many_lines_the_most_telling_are_drawn_and_the_others_are_said() -> None:
    """A disk that is nearly full is drawn though there are many; how many are not drawn is said."""
    names = [f"host:bay/disk/d{n}" for n in range(9)]
    trends = [_trend(name, "free_bytes", 1e9 * (n + 1)) for n, name in enumerate(names)]
    chart = _chart(_view([], trends), "disk")
    assert {line.key for line in chart.lines} == set(names[:LINES])
    assert "3 more are not drawn" in chart.note


def test_of_many_instances_the_largest_are_lines_and_the_others_one() -> None:
    """Nothing is left out of a total: whoever has no line of their own is in the line of the others."""
    instances = [Instance(f"n{n}", f"n{n}") for n in range(20)]
    told = [_tally("sessions", one.id, Tallied(TODAY, n)) for n, one in enumerate(instances)]
    chart = _chart(_view(told, instances=instances), "sessions")
    assert [line.label for line in chart.lines] == ["n19", "n18", "n17", "n16", "n15", "15 others"]
    assert (chart.text, [line.place for line in chart.lines]) == ("190", list(range(LINES)))


def test_an_instance_looks_the_same_in_every_chart() -> None:
    """The second instance has the second pattern, also where it has the higher figures."""
    trends = [_trend(subject(one, "sessions"), "live", value) for one, value in (("north", 1.0), ("south", 9.0))]
    told = [_tally("sessions", one) for one in ("south", "north")]
    view = _view(told, trends, instances=(NORTH, SOUTH))
    for key in ("sessions", "live"):
        assert [(line.label, line.place) for line in _chart(view, key).lines] == [("north", 0), ("The South", 1)]


def test_a_repository_that_is_no_backup_has_no_freshness_as_one() -> None:
    """Backups are those that the settings call so; of the others nothing is drawn."""
    names = [subject("north", "repository", name) for name in ("vault", "code")]
    world = readings() | {
        (name, F.BACKUP.name): F.BACKUP.known(name, ORIGIN, name.endswith("vault"), NOW) for name in names
    }
    chart = _chart(_view([], [_trend(name, "confirmed_age_s", 7_200.0) for name in names], world=world), "backups")
    assert [line.label for line in chart.lines] == ["north vault"]
    assert chart.text == "up to 2 h"


def test_without_memory_the_page_says_what_to_do() -> None:
    """Nothing remembered, or no memory at all: no chart and no zero."""
    for view in (_view(began=None), history(Judged(Snapshot(1, NOW, (NORTH,), {}), NOW), Asked(), None)):
        assert (view.headline, view.history) == ("Nothing is remembered yet.", None)


def test_memory_that_begins_within_the_span_is_said() -> None:
    """Whoever looks at a month of which three days are remembered is told so."""
    assert "Memory begins 3 d ago." in _view(began=NOW - 3 * DAY).lede


def test_the_json_has_every_point_and_no_point_for_a_gap() -> None:
    """The same data as JSON: unit, source, bounds, and a gap that is no point."""
    told = [_tally("sessions", "north", Tallied(TODAY, 3), known_from=TODAY - DAY)]
    data = json.loads(json.dumps(as_json(_view(told, blind=[Blind(NOW - HOUR, NOW, "not running")]))))["history"]
    chart = next(each for each in data["charts"] if each["chart"] == "sessions")
    assert (chart["unit"], chart["step_s"], chart["at_least"]) == ("sessions", 86_400, False)
    assert chart["lines"][0]["source"] == "sessions database"
    assert [point["value"] for point in chart["lines"][0]["points"]] == [0.0, 3]
    assert data["not_looked"][0]["why"] == "not running"


@pytest.mark.parametrize("span", list(SPANS))
def test_every_span_ends_now_and_has_whole_steps(span: str) -> None:
    """Steps are hours, days or weeks in UTC; the last one holds now."""
    chart = _chart(_view([_tally("sessions")], span=span), "sessions")
    assert len(chart.steps) == SPANS[span].number
    assert chart.steps[-1] <= NOW < chart.steps[-1] + chart.step
    assert all(later - earlier == chart.step for earlier, later in zip(chart.steps, chart.steps[1:], strict=False))
    assert chart.steps[0].weekday() == 0 or chart.step < WEEK
    assert chart.steps[0].minute == 0


MOMENTS = st.integers(-40 * 86_400, 40 * 86_400).map(lambda s: NOW + timedelta(seconds=s))


@given(MOMENTS, MOMENTS, st.booleans(), st.sampled_from([HOUR, DAY, WEEK]))
def test_nothing_is_counted_outside_of_what_is_covered(
    begins: datetime, ends: datetime, whole: bool, step: timedelta
) -> None:
    """Whatever a tally covers: a step wholly outside of it has no mark, one wholly inside an exact one."""
    at = steps(NOW, step, 30)
    marks = counted(_tally(known_from=begins, known_until=ends, whole=whole), at, step, NOW)
    for start, mark in zip(at, marks, strict=True):
        end = min(start + step, NOW)
        if end <= begins or start >= ends + timedelta(minutes=10):
            assert mark is None
        if begins <= start and end <= ends:
            assert mark == Mark(0.0)


class Tracked(FakeMemory):
    """A memory that keeps trends of what it is told, and remembers what it was asked."""

    def __init__(self, pairs: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self.pairs = pairs
        self.asked: list[tuple[str, str]] = []

    def tracked(self, instance: str | None = None) -> Sequence[tuple[str, str]]:
        """All of them, whoever asks."""
        return self.pairs

    def trends(
        self, fields: Sequence[tuple[str, str]], since: datetime, until: datetime, step: timedelta
    ) -> Sequence[Trend]:
        """Nothing was seen; but note what was asked for."""
        self.asked = list(fields)
        return super().trends(fields, since, until, step)


def test_only_what_is_drawn_is_asked_for() -> None:
    """Of what memory tracks only what has a chart is fetched, once for each subject, and no more than a page shows."""
    vault = subject("north", "repository", "vault")
    pairs = [(vault, "confirmed_age_s"), (vault, "pushed_age_s"), (subject("north", "sessions"), "messages_24h")]
    many = [(f"host:h{n}", "load_1m") for n in range(MOST + 5)]
    memory = Tracked([*pairs, *many])
    found = recall(memory, Asked(), NOW)
    assert memory.asked == [(vault, "confirmed_age_s"), *sorted(many)[:MOST]]
    assert found.left_out["load"] == 5
    assert all(kind_of(name) in {"repository", "host"} for name, _ in memory.asked)


def test_what_is_drawn_is_kept() -> None:
    """Every number that has a chart is one that memory keeps, and every measure one that it counts."""
    from quarterdeck.store.numbers import COUNTED, KEPT  # noqa: PLC0415 -- two rooms that must agree
    from quarterdeck.store.tallies import ALERTS, SESSIONS  # noqa: PLC0415 -- as above

    kept = {(each.field.of, each.name or each.field.name) for each in KEPT} | {("scheduler", one) for one in COUNTED}
    assert {pair for gauge in GAUGES for pair in gauge.fields} <= kept
    assert set(MEASURES) == {*SESSIONS, *ALERTS}


def test_weeks_begin_on_monday() -> None:
    """The week of a Saturday begins on the Monday before, at midnight in UTC."""
    assert steps(datetime(2026, 11, 21, 3, tzinfo=UTC), WEEK, 1) == (datetime(2026, 11, 16, tzinfo=UTC),)
