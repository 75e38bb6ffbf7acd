"""What is said of the scheduler and of jobs in every state the real agent can bring them to.

Jobs are made by the agent's own code and run by its own ticks. That they are due is written into the job list of a
stopped home, because waiting for a schedule takes longer than a test may.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.fakes.model_server import ModelServer
from tests.real.agents import Agent
from tests.real.conftest import HomeMaker, Hung
from tests.real.homes import Gateway, Home, wait_until
from tests.real.looking import Looker, subject

SOON_S = 2.0
SCRIPTS = {"fine.sh": "echo fine\n", "broken.sh": "echo broken >&2\nexit 3\n"}
RAN = ("fine", "broken", "limited", "asked", "undelivered", "once")
JOBS: tuple[dict[str, object], ...] = (
    {"name": "fine", "schedule": "every 2h", "prompt": None, "no_agent": True, "script": "fine.sh"},
    {"name": "broken", "schedule": "every 2h", "prompt": None, "no_agent": True, "script": "broken.sh"},
    {"name": "limited", "schedule": "0 6 * * *", "prompt": "[[status:429]] for a job"},
    {"name": "asked", "schedule": "every 2h", "prompt": "[[say:asked and answered]]"},
    {
        "name": "undelivered",
        "schedule": "every 2h",
        "prompt": None,
        "no_agent": True,
        "script": "fine.sh",
        "deliver": "telegram:1234567",
    },
    {"name": "once", "schedule": "30m", "prompt": "[[say:done once]]"},
    {"name": "resting", "schedule": "every 2h", "prompt": "[[say:never asked]]"},
)


@dataclass(frozen=True, slots=True)
class Jobs:
    """A gateway whose first tick ran jobs of every kind, and the id of the one that is finished and gone."""

    home: Home
    gateway: Gateway
    finished: str


@pytest.fixture(scope="module")
def ran(new_home: HomeMaker) -> Iterator[Jobs]:
    """Jobs of every kind that have run once."""
    home = new_home("jobs")
    for name, text in SCRIPTS.items():
        home.script(name, text)
    home.create_jobs(*JOBS)
    home.hermes("cron", "pause", str(home.jobs()["resting"]["id"]))
    finished = str(home.jobs()["once"]["id"])
    home.make_due(*RAN)
    with home.gateway() as gateway:
        wait_until("every job to have run", lambda: _all_ran(home), limit_s=60)
        yield Jobs(home, gateway, finished)


def _all_ran(home: Home) -> bool:
    jobs = home.jobs()
    return "once" not in jobs and all(jobs[name]["last_run_at"] for name in RAN if name != "once")


# --- a gateway whose ticker hangs (what becomes of it is told in test_states.py, when its beats are missed) ---------


def test_a_job_not_started_long_after_its_time_is_overdue(looker: Looker, hung: Hung) -> None:
    """A job whose time has passed by more than its grace is degraded, and since when is told."""
    row = looker.jobs(hung.home)["late"]
    assert row.status == "degraded", row.reason
    assert "overdue" in row.reason


# --- a gateway that runs its jobs ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "verdict", "word"),
    [
        ("fine", "ok/idle", "ran"),
        ("asked", "ok/idle", "ran"),
        ("broken", "degraded", "its last run failed"),
        ("limited", "degraded", "rate-limited"),
        ("undelivered", "degraded", "not delivered"),
        ("resting", "ok/paused", "paused"),
    ],
)
def test_a_job_is_judged_by_its_last_run(looker: Looker, ran: Jobs, name: str, verdict: str, word: str) -> None:
    """A job that ran is fine, one that failed is degraded, one whose message was lost too, and a paused one rests."""
    row = looker.jobs(ran.home)[name]
    assert row.verdict == verdict, row.reason
    assert word in row.reason


def test_a_run_and_its_delivery_are_two_facts(looker: Looker, ran: Jobs) -> None:
    """The job whose message could not be delivered did run well, and both is said."""
    row = looker.jobs(ran.home)["undelivered"]
    assert row.value("last_result") == "ok"
    assert row.value("delivery_error") is not None


def test_the_words_of_an_error_stay_at_home(looker: Looker, ran: Jobs) -> None:
    """Of an error only its class is told: the agent's own words can hold anything."""
    assert "stderr" in str(ran.home.jobs()["broken"]["last_error"])
    assert "stderr" not in looker.look("cron", ran.home).printed


def test_a_finished_one_shot_is_never_red(looker: Looker, ran: Jobs) -> None:
    """A job that ran once and was then deleted by the agent is finished: no row, or one that is at peace."""
    assert "once" not in ran.home.jobs()
    row = looker.look("cron", ran.home).rows.get(subject(ran.home, "cron", ran.finished))
    assert row is None or row.status == "ok"


def test_a_scheduler_with_nothing_to_do_is_idle(looker: Looker, ran: Jobs) -> None:
    """The scheduler of a living gateway is ok and idle, whatever became of single jobs."""
    assert looker.scheduler(ran.home).verdict == "ok/idle"


def test_a_run_in_progress_is_work_until_it_takes_too_long(
    looker: Looker, new_home: HomeMaker, model: ModelServer, agent: Agent
) -> None:
    """A run that waits for the model is work for job, scheduler and gateway; beyond a limit (here 2 s) it is stuck."""
    home, hold = new_home("slow"), f"slow job of {agent.version}"
    home.create_jobs({"name": "slow", "schedule": "every 2h", "prompt": f"[[hang:{hold}]]"})
    home.make_due("slow")
    hasty = looker.with_thresholds(stuck_job_s=SOON_S)
    with home.gateway():
        model.wait_for_call(hold)
        assert looker.jobs(home)["slow"].verdict == "ok/busy"
        assert looker.scheduler(home).verdict == "ok/busy"
        assert looker.gateway(home).verdict == "ok/busy"
        time.sleep(SOON_S)
        assert hasty.jobs(home)["slow"].verdict == "degraded/stuck"
        model.release(hold)
        wait_until("the slow job to end", lambda: home.jobs()["slow"]["last_status"] == "ok")
        assert looker.jobs(home)["slow"].verdict == "ok/idle"


# --- and without a gateway -----------------------------------------------------------------------------------------


def test_jobs_without_a_gateway_are_down(looker: Looker, ran: Jobs) -> None:
    """Where no gateway is alive, the scheduler and every job that may run are down; a paused one is not."""
    ran.gateway.stop()
    scheduler = looker.scheduler(ran.home)
    assert scheduler.status == "down", scheduler.reason
    assert "no gateway is alive" in scheduler.reason
    verdicts = {name: row.verdict for name, row in looker.jobs(ran.home).items()}
    assert verdicts.pop("resting") == "ok/paused"
    assert set(verdicts.values()) == {"down"}
