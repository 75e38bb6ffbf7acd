"""The page of runs: every time that was due, from memory; and the same numbers on every page."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from quarterdeck.truth import fields as F  # noqa: N812 -- as in the judgement tables
from quarterdeck.truth.fields import Field
from quarterdeck.truth.instance import Instance
from quarterdeck.truth.past import Cover, Plan, Run, RunRecord, Verdict
from quarterdeck.truth.reading import Reason
from quarterdeck.truth.shapes import Recent
from quarterdeck.truth.snapshot import Snapshot
from quarterdeck.views import VIEWS
from quarterdeck.views.asked import Asked
from quarterdeck.views.contract import as_json
from quarterdeck.views.judged import Judged
from quarterdeck.views.model import Figure, View
from quarterdeck.views.run_page import MARKS
from quarterdeck.web.address import Wanted
from quarterdeck.web.pages import Frame, render
from tests.fakes.memory import FakeMemory
from tests.truth.cast import JOB, NOW, ago, readings

SUBJECT = f"hermes:north/cron/{JOB}"
LONG_AGO = ago(9 * 86_400)
PLAN = Plan(LONG_AGO, "0 * * * *", "UTC", zone_configured=True, on=True, runner=True, catches_up=True)
TOP = NOW.replace(minute=0, second=0, microsecond=0)
GOOD = {"due": 24, "on_time": 24}


def judged(spoiled: Mapping[Field[Any], object] | None = None) -> Judged:
    known = {F.RECENT_RUNS: Recent(LONG_AGO, ()), F.PERIOD_S: 3_600.0, **dict(spoiled or {})}
    return Judged(Snapshot(1, NOW, (Instance("north", "North"),), readings(known)), NOW)


def ran(hours: int, late: float = 30, took: float = 60, result: str = "ok") -> Run:
    began = TOP - timedelta(hours=hours) + timedelta(seconds=late)
    return Run(began, began + timedelta(seconds=took), result, began)


def page(*runs: Run, words: Mapping[str, str] | None = None, memory: FakeMemory | None = None) -> View:
    record = RunRecord((PLAN,), (Cover(LONG_AGO, LONG_AGO, None),), runs)
    memory = memory or FakeMemory(snapshots=[(LONG_AGO, judged().snapshot)], planned={SUBJECT: record})
    asked = Asked(words=tuple(sorted({"subject": SUBJECT, **dict(words or {})}.items())))
    spec = VIEWS["runs"]
    assert spec.recall is not None
    return spec.make(judged(), asked, spec.recall(memory, asked, NOW))


def figure(spoiled: Mapping[Field[Any], object]) -> Figure:
    view = VIEWS["brief"].make(judged(spoiled), Asked(), None)
    return next(each for each in view.figures if each.key == "jobs_missed_24h")


def test_every_run_of_a_day_is_told_newest_first() -> None:
    """Made in time, late, and not at all: each with when it was due, when it began, and why it is what it is."""
    view = page(*(ran(hours) for hours in range(26, 3, -1)), ran(2, late=900), ran(0))
    assert view.runs is not None
    assert view.runs.summary == "21 of 24 on time, 2 missed, 1 late"
    told = [(slot.verdict, slot.late_by) for slot in view.runs.slots[:4]]
    assert told == [
        (Verdict.ON_TIME, timedelta(seconds=30)),
        (Verdict.MISSED, None),
        (Verdict.LATE, timedelta(minutes=15)),
        (Verdict.MISSED, None),
    ]


def test_the_page_as_json_carries_the_same() -> None:
    """Who asks the API gets every time with its run, its verdict and the plan behind it."""
    runs = as_json(page(ran(1), ran(0)))["runs"]
    newest = runs["slots"][0]
    assert newest["verdict"] == "on_time"
    assert (newest["late_s"], newest["took_s"], newest["result"]) == (30.0, 60.0, "ok")
    assert (newest["schedule"], newest["zone"]) == ("0 * * * *", "UTC")
    assert runs["counted"]["on_time"] == 2


@pytest.mark.parametrize("words", [{}, {"span": "30d"}])
def test_the_page_is_drawn(words: Mapping[str, str]) -> None:
    """With its table, its words and its links."""
    drawn = render(page(ran(1), ran(0), words=words), _frame())
    assert "What became of it" in drawn
    assert "began in time" in drawn
    assert "nothing began by" in drawn


def _frame() -> Frame:
    return Frame(Wanted("runs", Asked()), "")


def test_without_memory_the_page_says_so() -> None:
    """Nothing is told of times nobody remembers."""
    view = page(memory=FakeMemory())
    assert view.runs is not None
    assert (view.runs.slots, view.runs.remembers) == ((), False)
    assert "Nothing is remembered yet" in render(view, _frame())


@pytest.mark.parametrize("subject", ["hermes:north/gateway", "hermes:north/cron/unheard-of", "nonsense"])
def test_what_is_no_job_has_no_runs(subject: str) -> None:
    """A gateway, a job nobody knows, a word."""
    view = page(words={"subject": subject})
    assert (view.headline, view.runs) == ("No job or timer of this name is known.", None)
    render(view, _frame())


def test_all_jobs_are_told_those_first_that_missed_a_run() -> None:
    """Without a subject the page lists every job with its day."""
    missed = {F.LAST_24H: {"due": 24, "on_time": 23, "missed": 1}, F.MISSED_AT: None}
    view = VIEWS["runs"].make(judged(missed), Asked(), None)
    assert view.headline == "One job or timer missed a run in the last 24 hours."
    assert "23 of 24 on time, 1 missed" in render(view, _frame())
    assert VIEWS["runs"].make(judged(), Asked(), None).headline == "No runs are known yet."


FIGURES: dict[str, tuple[dict[Field[Any], object], str]] = {
    "none": ({F.SCHEDULER_LAST_24H: GOOD}, "0"),
    "two jobs": ({F.SCHEDULER_LAST_24H: {"due": 48, "missed": 5, "jobs_missed": 2}}, "2"),
    "not all is known": ({F.SCHEDULER_LAST_24H: {**GOOD, "jobs_missed": 1, "unknown": 3}}, "≥1"),
    "a job is not known": ({F.SCHEDULER_LAST_24H: {**GOOD, "jobs_not_known": 1}}, "≥0"),
    "nothing is remembered": ({}, "unknown"),
    "memory failed": ({F.SCHEDULER_LAST_24H: Reason.BUSY}, "unknown"),
    "there are no jobs": ({F.JOBS_DECLARED: 0}, "0"),
}


@pytest.mark.parametrize("case", FIGURES)
def test_the_figure_of_the_brief(case: str) -> None:
    """How many jobs missed a run: exact, a lower bound, or not known at all."""
    spoiled, text = FIGURES[case]
    assert figure(spoiled).text == text


def test_a_missed_run_is_trouble_until_the_next_one_is_made() -> None:
    """The newest time that is over decides; without memory nobody is accused and nothing is in doubt."""
    assert judged({F.MISSED_AT: ago(600)}).judgements[SUBJECT].rule == "missed"
    assert judged({F.MISSED_AT: ago(600)}).judgements[SUBJECT].since == ago(600)
    assert judged({F.MISSED_AT: None}).judgements[SUBJECT].status == "ok"
    assert judged().judgements[SUBJECT].status == "ok"
    assert judged({F.MISSED_AT: Reason.BUSY}).judgements[SUBJECT].status == "ok"


def test_every_verdict_has_a_shape() -> None:
    """No verdict is told by its colour or its word alone."""
    assert set(MARKS) == set(Verdict)
