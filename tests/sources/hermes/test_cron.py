"""The scheduler and its jobs."""

from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from quarterdeck.sources.files import SourceError
from quarterdeck.sources.hermes import cron
from quarterdeck.sources.hermes.cron import Memory
from quarterdeck.truth.instance import Instance
from quarterdeck.truth.reading import Reason
from quarterdeck.truth.shapes import Ran, Recent
from tests.sources.hermes.agent_home import (
    DAY,
    GATEWAY_PID,
    NORTH,
    NOW,
    OPEN,
    AgentHome,
    FakeMachine,
    T,
    Told,
    iso,
    job,
    runner,
)

ABOUT = "hermes:north/cron"
JOB = "hermes:north/cron/934a7b9942d5"
RAN = (NOW - timedelta(seconds=1_205), NOW - timedelta(seconds=1_200))


def told(
    home: AgentHome,
    *,
    at: float = 0.0,
    machine: FakeMachine | None = None,
    memory: Memory | None = None,
    instance: Instance = NORTH,
    **gateway: Any,
) -> Told:
    """What a look tells, so many seconds from now."""
    now = NOW + timedelta(seconds=at)
    kernel = machine or FakeMachine()
    gate = runner(home.version, **gateway)
    return Told(cron.read(home.path, instance, now, gate, kernel=kernel, memory=memory))


@pytest.fixture
def home(tmp_path: Path) -> AgentHome:
    """A home of 0.19 with an empty ledger."""
    made = AgentHome(tmp_path / "home")
    made.ledger()
    return made


@pytest.fixture
def early(tmp_path: Path) -> AgentHome:
    """A home of 0.14."""
    return AgentHome(tmp_path / "early", "0.14")


# --- one job ---------------------------------------------------------------------------------------------------------


def test_a_job_is_told_with_all_its_facts(home: AgentHome) -> None:
    """A healthy job, as the agent declares it, in readings."""
    home.jobs(job())
    home.ran("934a7b9942d5", "completed", ago=1_205, took=5)
    assert told(home).values(JOB) == {
        "declared": True,
        "schedule": "every 30 min",
        "schedule_kind": "interval",
        "period_s": 1_800.0,
        "enabled": True,
        "state": "scheduled",
        "paused_at": None,
        "pause_explained": False,
        "created_at": NOW - timedelta(days=10),
        "next_run_at": NOW + timedelta(seconds=600),
        "last_run_at": NOW - timedelta(seconds=1_200),
        "last_result": "ok",
        "last_error": None,
        "delivery_error": None,
        "running_since": None,
        "runs_24h": 1,
        "failed_24h": 0,
        "last_success_at": NOW - timedelta(seconds=1_200),
        "recent_runs": Recent(NOW - timedelta(days=10), (Ran(*RAN, "ok"),)),
        "runner_alive": True,
    }


def test_a_name_is_told_where_the_policy_allows_it(home: AgentHome) -> None:
    """The name of a job leaves only where somebody decided so, and never what the agent would use in its place."""
    home.jobs(job(), job("a" * 12, name=None), job("b" * 12, name="  "))
    assert "name" not in told(home).values(JOB)
    found = told(home, instance=OPEN)
    assert found.value(JOB, "name") == "a job"
    assert found.reason(f"{ABOUT}/{'a' * 12}", "name") is Reason.MISSING
    assert found.reason(f"{ABOUT}/{'b' * 12}", "name") is Reason.MISSING


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"enabled": False, "state": "paused", "paused_at": iso(90)}, {"enabled": False, "state": "paused"}),
        ({"paused_reason": "because"}, {"pause_explained": True}),
        ({"enabled": None, "state": None}, {"enabled": False, "state": "paused"}),
        ({"state": None}, {"state": "scheduled"}),
        ({"state": "error", "next_run_at": None}, {"state": "error", "next_run_at": None}),
        ({"last_status": "error", "last_error": "RuntimeError: HTTP 429: slow down"}, {"last_error": "rate-limited"}),
        ({"last_error": "Script exited with code 3\nstderr: private"}, {"last_error": "script exit 3"}),
        ({"last_delivery_error": "platform 'telegram' not configured/enabled"}, {"delivery_error": "not configured"}),
        ({"last_run_at": None, "last_status": None}, {"last_run_at": None, "last_result": None}),
        ({"schedule": {"kind": "cron", "expr": "0 9 * * *"}}, {"schedule": "0 9 * * *", "period_s": DAY}),
        ({"schedule": {"kind": "once", "run_at": iso(-60)}}, {"schedule": "once", "period_s": None}),
    ],
)
def test_facts_follow_what_the_agent_wrote(
    home: AgentHome, changes: dict[str, Any], expected: dict[str, object]
) -> None:
    """Each fact of a job follows its own entry."""
    home.jobs(job(**changes))
    values = told(home).values(JOB)
    assert {name: values[name] for name in expected} == expected


def test_a_job_that_does_not_say_so_is_enabled(home: AgentHome) -> None:
    """The agent takes a job without that entry for enabled, and so do we."""
    entry = job()
    del entry["enabled"]
    home.jobs(entry)
    assert told(home).value(JOB, "enabled") is True


def test_a_one_shot_without_a_next_run_is_due_when_it_says(home: AgentHome) -> None:
    """A one-shot that was never given a next run is due at its own time, and one that ran is due no more."""
    once = {"kind": "once", "run_at": iso(-90)}
    home.jobs(job(schedule=once, next_run_at=None, last_run_at=None), job("b" * 12, schedule=once, next_run_at=None))
    found = told(home)
    assert found.value(JOB, "next_run_at") == NOW + timedelta(seconds=90)
    assert found.value(f"{ABOUT}/{'b' * 12}", "next_run_at") is None


def test_times_are_read_with_their_zone_or_in_the_machines(home: AgentHome, monkeypatch: pytest.MonkeyPatch) -> None:
    """A time with an offset is that moment; one without is meant on the clock of the machine, as the agent means it."""
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    try:
        home.jobs(job(next_run_at="2026-03-02T18:00:00+02:00", created_at="2026-02-02T17:30:00"))
        values = told(home).values(JOB)
    finally:
        monkeypatch.undo()
        time.tzset()
    assert values["next_run_at"] == datetime(2026, 3, 2, 16, 0, tzinfo=UTC)
    assert values["created_at"] == datetime(2026, 2, 2, 12, 0, tzinfo=UTC)


def test_the_period_is_taken_on_the_jobs_own_clock(home: AgentHome) -> None:
    """A schedule of office hours is read in the zone that the job's times are written in."""
    home.jobs(job(schedule={"kind": "cron", "expr": "*/5 9-17 * * *"}, next_run_at="2026-03-03T01:05:00+13:00"))
    assert told(home).value(JOB, "period_s") == 15 * 3_600 + 300


# --- what is broken stays with its job -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "lost"),
    [
        ({"schedule": None}, {"schedule", "schedule_kind", "period_s"}),
        ({"schedule": "every day"}, {"schedule", "schedule_kind", "period_s"}),
        ({"schedule": {"kind": "cron", "expr": "do my private thing now"}}, {"schedule", "period_s"}),
        ({"schedule": {"kind": "lunar"}}, {"schedule", "schedule_kind", "period_s"}),
        ({"enabled": "yes"}, {"enabled"}),
        ({"enabled": []}, {"enabled"}),
        ({"state": ["scheduled"]}, {"state"}),
        ({"state": "dreaming"}, {"state"}),
        ({"next_run_at": "soon"}, {"next_run_at"}),
        ({"next_run_at": 17}, {"next_run_at"}),
        ({"last_run_at": {}}, {"last_run_at", "last_success_at"}),
        ({"last_run_at": iso(-500)}, {"last_run_at", "last_success_at"}),
        ({"last_run_at": "0001-01-01T00:00:00+23:59"}, {"last_run_at", "last_success_at"}),
        ({"created_at": True}, {"created_at"}),
        ({"last_status": "meh"}, {"last_result", "last_success_at"}),
        ({"last_error": ["a"]}, {"last_error"}),
        ({"last_delivery_error": 5}, {"delivery_error"}),
        ({"paused_at": "?"}, {"paused_at"}),
    ],
)
def test_a_wrong_value_costs_that_fact_of_that_job(home: AgentHome, changes: dict[str, Any], lost: set[str]) -> None:
    """A value of the wrong type or without sense is unknown; the rest of the job and the other job stay."""
    home.jobs(job(**changes), job("b" * 12))
    home.ran("b" * 12, "completed", ago=1_205)
    found = told(home)
    assert found.unknown(JOB) - {"runs_24h", "failed_24h"} == lost
    assert {found.reason(JOB, name) for name in lost} <= {Reason.CORRUPT, Reason.SCHEMA, Reason.MISSING}
    assert found.unknown(f"{ABOUT}/{'b' * 12}") == set()
    assert found.value(ABOUT, "jobs_declared") == 2


@pytest.mark.parametrize("entries", [[None, 7, "job", [], job()], [job(), None]])
def test_entries_that_are_no_jobs_are_passed_over(home: AgentHome, entries: list[object]) -> None:
    """Nulls and other things in the list are no jobs; those that are stay."""
    home.jobs(*entries)
    found = told(home)
    assert found.value(ABOUT, "jobs_declared") == 1
    assert found.value(JOB, "declared") is True


def test_every_job_has_an_id_of_its_own(home: AgentHome) -> None:
    """Ids used twice, missing, too long or of the wrong type are replaced by a hash, always the same."""
    bad = ["../../etc/passwd", "x" * 200, "my job", "", None, 7, {"a": 1}, "é"]
    home.jobs(job(), job(), *(job() | {"id": identifier} for identifier in bad))
    first, second = told(home), told(home)
    names = first.subjects() - {ABOUT}
    assert len(names) == 10
    assert all(name.removeprefix(f"{ABOUT}/").replace("-", "").isalnum() for name in names)
    assert names == second.subjects() - {ABOUT}


def test_ten_thousand_jobs_are_told(home: AgentHome) -> None:
    """A list of ten thousand jobs is read like any other."""
    home.jobs(*(job(f"{number:012x}", next_run_at=iso(-number - 1)) for number in range(10_000)))
    found = told(home)
    assert found.value(ABOUT, "jobs_declared") == found.value(ABOUT, "jobs_enabled") == 10_000
    assert found.value(ABOUT, "oldest_due_at") == NOW + timedelta(seconds=1)
    assert len(found.subjects()) == 10_001


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff" + json.dumps({"jobs": [job()]}),
        json.dumps([job()]),
        json.dumps({"jobs": [job(prompt="two\\lines")]}).replace("two\\\\lines", "two\nlines\x01"),
        json.dumps({"jobs": [job()], "something": "new"}),
    ],
)
def test_what_the_agent_repairs_is_read(home: AgentHome, text: str) -> None:
    """A byte order mark, a bare list and control characters within texts are read as the agent reads them."""
    home.write("cron/jobs.json", text)
    assert told(home).value(JOB, "declared") is True


@pytest.mark.parametrize("text", ["null", "7", '"jobs"', '{"jobs": {}}', '{"jobs": null}', '{"jobs": "none"}'])
def test_a_list_that_is_none_is_corrupt(home: AgentHome, text: str) -> None:
    """Something else where the list of jobs should be leaves their number unknown."""
    home.write("cron/jobs.json", text)
    assert told(home).reason(ABOUT, "jobs_declared") is Reason.CORRUPT


# --- no list, and lists that went away -------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["0.14", "0.19"])
def test_a_home_that_never_had_a_job_has_none(tmp_path: Path, version: str) -> None:
    """Without a list, a run or an output, no jobs is a fact."""
    found = told(AgentHome(tmp_path / "home", version))
    assert found.value(ABOUT, "jobs_declared") == found.value(ABOUT, "jobs_enabled") == 0
    assert found.value(ABOUT, "oldest_due_at") is None
    assert found.subjects() == {ABOUT}


def test_a_list_that_has_gone_is_missing(home: AgentHome, early: AgentHome) -> None:
    """Where jobs have run, a missing list is missing: by the ledger as by the output."""
    home.ran("934a7b9942d5", "completed", ago=90_000)
    early.write("cron/output/934a7b9942d5/2026-01-01_10-00-00.md", "x")
    for each in (home, early):
        assert told(each).reason(ABOUT, "jobs_declared") is Reason.MISSING


def test_an_unreadable_list_hides_no_job_that_is_known(home: AgentHome) -> None:
    """When the list cannot be read, jobs of the ledger and the look before stay, not known to be declared."""
    memory = Memory()
    home.jobs(job(), job("b" * 12))
    told(home, memory=memory)
    home.ran("c" * 12, "failed", ago=500)
    home.write("cron/jobs.json", '{"jobs": [{"id": "934a')
    found = told(home, memory=memory)
    assert found.subjects() == {ABOUT, JOB, f"{ABOUT}/{'b' * 12}", f"{ABOUT}/{'c' * 12}"}
    for about in found.subjects() - {ABOUT}:
        assert found.reason(about, "declared") is Reason.CORRUPT
        assert found.reason(about, "next_run_at") is Reason.CORRUPT
    assert found.value(f"{ABOUT}/{'c' * 12}", "failed_24h") == 1
    assert found.unknown(ABOUT) == {"jobs_declared", "jobs_enabled", "oldest_due_at"}


# --- jobs that are declared no longer --------------------------------------------------------------------------------


def test_a_job_that_ran_and_is_declared_no_longer_leaves_a_trace(home: AgentHome) -> None:
    """A one-shot that finished and was removed is told as such for a day, with its last result."""
    home.jobs(job())
    home.ran("c" * 12, "failed", ago=7_000)
    home.ran("c" * 12, "completed", ago=500)
    home.ran("d" * 12, "completed", ago=2 * DAY)
    found = told(home)
    gone = f"{ABOUT}/{'c' * 12}"
    assert found.subjects() == {ABOUT, JOB, gone}
    values = found.values(gone)
    assert (values["declared"], values["last_result"]) == (False, "ok")
    assert values["last_run_at"] == NOW - timedelta(seconds=500)
    assert (values["runs_24h"], values["failed_24h"]) == (2, 1)


def test_early_the_output_is_the_trace(early: AgentHome) -> None:
    """Without a ledger, output of the last day that belongs to no declared job is the trace."""
    early.jobs(job())
    for name, ago in (("934a7b9942d5", 5), ("c" * 12, 500), ("d" * 12, 2 * DAY)):
        early.write(f"cron/output/{name}/2026-01-01_10-00-00.md", "private")
        os.utime(early.write(f"cron/output/{name}/2026-03-01_10-00-00.md", "private"), (T - ago, T - ago))
    (early.path / "cron/output/empty").mkdir()
    found = told(early)
    assert found.subjects() == {ABOUT, JOB, f"{ABOUT}/{'c' * 12}"}
    assert found.values(f"{ABOUT}/{'c' * 12}") == {"declared": False, "last_run_at": NOW - timedelta(seconds=500)}


# --- the scheduler ---------------------------------------------------------------------------------------------------


def test_jobs_that_may_run_are_counted(home: AgentHome) -> None:
    """Enabled are those that are neither disabled, paused nor finished; the earliest of their times is told."""
    home.jobs(
        job(next_run_at=iso(-900)),
        job("b" * 12, next_run_at=iso(300)),
        job("c" * 12, state="paused", next_run_at=iso(9_000)),
        job("d" * 12, enabled=False, next_run_at=iso(9_000)),
        job("e" * 12, state="completed", next_run_at=None),
        job("f" * 12, state="error", next_run_at=None),
    )
    values = told(home).values(ABOUT)
    assert (values["jobs_declared"], values["jobs_enabled"]) == (6, 3)
    assert values["oldest_due_at"] == NOW - timedelta(seconds=300)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{T - 20}", NOW - timedelta(seconds=20)),
        (f" {T - 20:.0f}\n", NOW - timedelta(seconds=20)),
        ("nan", Reason.CORRUPT),
        ("inf", Reason.CORRUPT),
        ("-5", Reason.CORRUPT),
        ("", Reason.CORRUPT),
        ("yesterday", Reason.CORRUPT),
        ("9" * 90, Reason.CORRUPT),
        ("9" * 200, Reason.CORRUPT),
        (f"{T + 60}", Reason.CORRUPT),
    ],
)
def test_a_beat_is_a_time_in_the_past(home: AgentHome, text: str, expected: object) -> None:
    """A beat that is no time, or lies in the future, is not taken for a beat; that there is one is still known."""
    home.write("cron/ticker_heartbeat", text)
    found = told(home)
    if isinstance(expected, Reason):
        assert found.reason(ABOUT, "ticker_at") is expected
    else:
        assert found.value(ABOUT, "ticker_at") == expected
    assert found.value(ABOUT, "ticker_expected") is True
    assert found.value(ABOUT, "ticker_success_at") is None


def test_beats_are_expected_from_releases_that_write_them(home: AgentHome, early: AgentHome) -> None:
    """A release that writes beats is expected to; an early one is not, unless there is one."""
    assert told(home).value(ABOUT, "ticker_expected") is True
    assert told(early).value(ABOUT, "ticker_expected") is False
    gateway = runner(alive=False)
    unknown = type(gateway)(alive=False)
    found = Told(cron.read(early.path, NORTH, NOW, unknown, kernel=FakeMachine()))
    assert found.reason(ABOUT, "ticker_expected") is Reason.MISSING


def test_the_runner_is_told_with_its_witness(home: AgentHome) -> None:
    """Whether a gateway runs the jobs is told of the scheduler and of each job, or why it cannot be told."""
    home.jobs(job())
    found = told(home)
    assert (found.value(ABOUT, "runner_alive"), found.value(JOB, "runner_alive")) == (True, True)
    assert found.value(ABOUT, "runner_since") == NOW - timedelta(days=2)
    found = told(home, alive=False)
    assert (found.value(ABOUT, "runner_alive"), found.value(ABOUT, "runner_since")) == (False, None)
    found = told(home, alive=None)
    assert found.reason(ABOUT, "runner_alive") is found.reason(JOB, "runner_alive") is Reason.DENIED


# --- runs by the ledger ----------------------------------------------------------------------------------------------


def test_a_run_counts_as_long_as_its_process_lives(home: AgentHome) -> None:
    """A row that says running is a run when the gateway wrote it, or a process that is still the one it was."""
    home.jobs(job(), job("b" * 12), job("c" * 12))
    home.ran("934a7b9942d5", "running", ago=300, took=None)
    home.ran("b" * 12, "running", ago=900, took=None, pid=77, process_started_at=5)
    home.ran("c" * 12, "claimed", ago=700, took=None, pid=78, process_started_at=5, started_at=None)
    found = told(home, machine=FakeMachine(alive={(78, 5), (77, 6)}))
    assert found.value(ABOUT, "runs_running") == 2
    assert found.value(ABOUT, "oldest_run_at") == NOW - timedelta(seconds=700)
    assert found.value(JOB, "running_since") == NOW - timedelta(seconds=300)
    assert found.value(f"{ABOUT}/{'b' * 12}", "running_since") is None
    assert found.value(f"{ABOUT}/{'c' * 12}", "running_since") == NOW - timedelta(seconds=700)


def test_a_run_of_the_gateway_before_is_not_under_way(home: AgentHome) -> None:
    """A row left by a gateway that died is no run, also when its process number is that of the gateway now."""
    home.jobs(job())
    home.ran("934a7b9942d5", "running", ago=5_000, took=None)
    assert told(home, up_for=3_000).value(ABOUT, "runs_running") == 0
    assert told(home, alive=False).value(ABOUT, "runs_running") == 0


def test_a_gateway_in_a_container_knows_itself_by_another_number(home: AgentHome) -> None:
    """A run is the gateway's also when it wrote the number that it has inside its container."""
    home.jobs(job())
    home.ran("934a7b9942d5", "running", ago=300, took=None, pid=1)
    assert told(home, machine=FakeMachine(inner={GATEWAY_PID: 1})).value(ABOUT, "runs_running") == 1


def test_a_process_that_may_not_be_seen_leaves_its_run_unknown(home: AgentHome) -> None:
    """Where the kernel does not answer, whether a run is under way is not known, and it is not zero."""
    home.jobs(job(), job("b" * 12))
    home.ran("934a7b9942d5", "running", ago=300, took=None, pid=77)
    found = told(home, machine=FakeMachine(refusal=SourceError(Reason.DENIED, "hidden")))
    assert found.reason(ABOUT, "runs_running") is Reason.DENIED
    assert found.reason(JOB, "running_since") is Reason.DENIED
    assert found.value(f"{ABOUT}/{'b' * 12}", "running_since") is None


def test_a_day_is_counted_by_when_runs_began(home: AgentHome) -> None:
    """Runs of the last day are counted by their beginning, failed ones apart; runs cut off count as runs."""
    home.jobs(job(created_at=iso(30 * DAY)))
    for ago, status in ((10, "completed"), (DAY - 10, "failed"), (DAY + 10, "failed"), (500, "unknown")):
        home.ran("934a7b9942d5", status, ago=ago)
    values = told(home).values(JOB)
    assert (values["runs_24h"], values["failed_24h"]) == (3, 1)


def test_a_ledger_that_was_cut_short_counts_no_day(home: AgentHome) -> None:
    """When the thousand runs that are kept reach back less than a day, the day is not known."""
    home.jobs(job())
    with home.database("cron/executions.db") as db:
        for number in range(1_000):
            row = (f"e{number}", "934a7b9942d5", "builtin", "p", 1, "completed", iso(number * 40.0), iso(number * 40.0))
            db.execute(
                "INSERT INTO executions (id, job_id, source, process_id, pid, status, claimed_at, started_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                row,
            )
    found = told(home)
    assert found.reason(JOB, "runs_24h") is Reason.MISSING
    assert "reach back 11.1 h only" in found.why(JOB, "runs_24h").detail


def test_a_ledger_younger_than_a_day_counts_no_day(home: AgentHome) -> None:
    """A ledger that began today may lack runs of the day: unless it holds all the agent counted, nothing is told."""
    home.jobs(job(repeat={"times": None, "completed": 9}), job("b" * 12, repeat={"times": None, "completed": 1}))
    for name in ("934a7b9942d5", "b" * 12):
        home.ran(name, "completed", ago=600)
    found = told(home)
    assert found.reason(JOB, "runs_24h") is Reason.MISSING
    assert found.value(f"{ABOUT}/{'b' * 12}", "runs_24h") == 1


def test_a_job_that_did_not_run_within_the_day_ran_not_once(home: AgentHome) -> None:
    """When the last run is older than a day, a young ledger without a run is a count of zero."""
    home.jobs(job(last_run_at=iso(DAY + 60), repeat={"times": None, "completed": 9}))
    assert told(home).value(JOB, "runs_24h") == 0


@pytest.mark.parametrize(
    ("changes", "runs", "expected"),
    [
        ({}, [], 1_200),
        ({}, [("completed", 400)], 395),
        ({"last_status": "error"}, [("completed", 4_000)], 3_995),
        ({"last_status": "error", "repeat": {"completed": 1}}, [("failed", 1_200)], None),
        ({"last_status": "error", "repeat": {"completed": 5}}, [("failed", 1_200)], Reason.MISSING),
        ({"last_status": None, "last_run_at": None}, [], None),
    ],
)
def test_the_last_success_is_the_newest_that_is_known(
    home: AgentHome, changes: dict[str, Any], runs: list[tuple[str, float]], expected: object
) -> None:
    """The last success is the newest of ledger and last result; that there was none must be evident."""
    home.jobs(job(**changes))
    for status, ago in runs:
        home.ran("934a7b9942d5", status, ago=ago)
    found = told(home)
    if isinstance(expected, Reason):
        assert found.reason(JOB, "last_success_at") is expected
    else:
        at = NOW - timedelta(seconds=float(str(expected))) if expected is not None else None
        assert found.value(JOB, "last_success_at") == at


def test_a_row_that_makes_no_sense_costs_its_own_job(home: AgentHome) -> None:
    """A run whose time cannot be read makes the runs of its job unknown, and what is summed over all."""
    home.jobs(job(), job("b" * 12))
    home.ran("934a7b9942d5", "completed", ago=60, started_at="yesterday")
    home.ran("b" * 12, "completed", ago=60)
    found = told(home)
    assert found.unknown(JOB) == {"running_since", "runs_24h", "failed_24h", "last_success_at", "recent_runs"}
    assert found.unknown(f"{ABOUT}/{'b' * 12}") == set()
    assert found.unknown(ABOUT) == {"runs_running", "oldest_run_at"}


def test_an_end_that_cannot_be_believed_is_not_told(home: AgentHome) -> None:
    """A run that ended in the future, or before it began, ended when it began at the earliest: that is told."""
    home.jobs(job(last_status="error"), job("b" * 12, last_status="error"))
    home.ran("934a7b9942d5", "completed", ago=60, took=500)
    home.ran("b" * 12, "completed", ago=60, took=-30)
    found = told(home)
    for about in (JOB, f"{ABOUT}/{'b' * 12}"):
        assert found.value(about, "last_success_at") == NOW - timedelta(seconds=60)


def test_columns_of_the_ledger_may_be_missing(home: AgentHome) -> None:
    """A ledger without process numbers still counts runs; which are under way is then not known."""
    home.jobs(job())
    home.ran("934a7b9942d5", "completed", ago=60)
    home.ran("934a7b9942d5", "running", ago=6, took=None)
    home.run("ALTER TABLE executions DROP COLUMN pid", name="cron/executions.db")
    found = told(home)
    assert found.value(JOB, "last_success_at") == NOW - timedelta(seconds=55)
    assert found.reason(JOB, "running_since") is Reason.SCHEMA


def test_a_memory_changes_nothing(home: AgentHome) -> None:
    """Looks that remember tell what looks that do not remember tell, through changes and passing time."""
    memory = Memory()
    home.jobs(job())
    for at, event in ((0, "completed"), (40, "failed"), (90, None), (-100, None), (DAY, None)):
        if event:
            home.ran("934a7b9942d5", event, ago=20 - at)
        assert told(home, at=at, memory=memory).readings == told(home, at=at).readings


# --- runs without a ledger -------------------------------------------------------------------------------------------


def test_early_nothing_runs_while_the_lock_is_free(early: AgentHome) -> None:
    """Without a ledger, no lock and no session of a job mean that nothing runs; counts of a day are not known."""
    early.jobs(job())
    found = told(early)
    assert (found.value(ABOUT, "runs_running"), found.value(ABOUT, "oldest_run_at")) == (0, None)
    assert found.value(JOB, "running_since") is None
    assert found.reason(JOB, "runs_24h") is found.reason(JOB, "failed_24h") is Reason.MISSING


def test_early_a_session_of_a_job_is_its_run(early: AgentHome) -> None:
    """The unended session of a job is its run; who holds the lock of the tick is told."""
    early.jobs(job(), job("b" * 12), job("c" * 12, no_agent=True))
    early.session("cron_934a7b9942d5_20260302_115000", source="cron", began=600)
    early.session(f"cron_{'b' * 12}_20260302_114000", source="cron", began=1_200, ended_at=T - 900)
    os.utime(early.write("cron/.tick.lock", ""), (T - 601, T - 601))
    found = told(early, machine=FakeMachine(holders={".tick.lock": GATEWAY_PID}))
    assert found.value(ABOUT, "tick_lock_holder") == GATEWAY_PID
    assert (found.value(ABOUT, "runs_running"), found.value(JOB, "running_since")) == (1, NOW - timedelta(seconds=600))
    assert found.value(ABOUT, "oldest_run_at") == NOW - timedelta(seconds=601)
    assert found.value(f"{ABOUT}/{'b' * 12}", "running_since") is None
    assert found.reason(f"{ABOUT}/{'c' * 12}", "running_since") is Reason.MISSING


def test_early_a_tick_in_a_terminal_runs_jobs_without_a_gateway(early: AgentHome) -> None:
    """Somebody may run the jobs from a terminal: the lock says since when, and sessions of before do not count."""
    early.jobs(job(), job("b" * 12))
    early.session("cron_934a7b9942d5_20260302_115000", source="cron", began=50)
    early.session(f"cron_{'b' * 12}_20260302_115000", source="cron", began=5_000)
    os.utime(early.write("cron/.tick.lock", ""), (T - 60, T - 60))
    found = told(early, machine=FakeMachine(holders={".tick.lock": 99}), alive=False)
    assert found.value(JOB, "running_since") == NOW - timedelta(seconds=50)
    assert found.value(f"{ABOUT}/{'b' * 12}", "running_since") is None
    assert told(early, alive=False).value(JOB, "running_since") is None


def test_early_what_cannot_be_seen_is_not_zero(early: AgentHome) -> None:
    """Without the kernel's word and without sessions, runs under way are not known."""
    early.jobs(job())
    machine = FakeMachine(refusal=SourceError(Reason.OBSERVER, "this is a container"))
    found = told(early, machine=machine)
    assert found.reason(ABOUT, "tick_lock_holder") is found.reason(ABOUT, "runs_running") is Reason.OBSERVER
    (early.path / "state.db").unlink()
    assert told(early).reason(ABOUT, "runs_running") is Reason.MISSING
    assert told(early, alive=None).reason(ABOUT, "runs_running") is Reason.DENIED


def test_the_real_kernel_is_asked_when_no_other_is_given(home: AgentHome) -> None:
    """Without a kernel of its own, a look asks the one that is there."""
    home.write("cron/.tick.lock", "")
    found = Told(cron.read(home.path, NORTH, NOW, runner()))
    assert found.value(ABOUT, "tick_lock_holder") is None
