"""Which runs there were lately, from when on they are all told, and by which clock the agent reckons."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from quarterdeck.sources.files import SourceError
from quarterdeck.sources.hermes import cron
from quarterdeck.sources.hermes.answers import Answer
from quarterdeck.sources.zone import host_zone
from quarterdeck.truth.reading import Reason
from quarterdeck.truth.shapes import Ran, Recent
from tests.sources.hermes.agent_home import DAY, NORTH, NOW, SCHEMAS, AgentHome, FakeMachine, T, Told, iso, job, runner

ABOUT = "hermes:north/cron"
JOB = "hermes:north/cron/934a7b9942d5"
ID = "934a7b9942d5"


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def told(
    home: AgentHome, timezone: Answer[str | None] = "UTC", *, up_for: float = 2 * DAY, schema: int | None = None
) -> Told:
    gate = replace(runner(home.version, up_for=up_for), schema_version=schema or SCHEMAS[home.version])
    return Told(cron.read(home.path, NORTH, NOW, gate, kernel=FakeMachine(), timezone=timezone))


def recent(home: AgentHome) -> Recent:
    found: Recent = told(home).value(JOB, "recent_runs")
    return found


@pytest.fixture
def home(tmp_path: Path) -> AgentHome:
    """A home of 0.19 with an empty ledger."""
    made = AgentHome(tmp_path / "home")
    made.ledger()
    return made


@pytest.fixture
def early(tmp_path: Path) -> AgentHome:
    """A home of 0.14."""
    made = AgentHome(tmp_path / "early", "0.14")
    made.jobs(job())
    with made.database():
        return made


def session(home: AgentHome, began: float, took: float | None, identity: str = ID) -> None:
    with home.database() as db:
        at, ended = T - began, None if took is None else T - began + took
        row = (f"cron_{identity}_20260302_{int(began):06d}", at, ended)
        db.execute("INSERT INTO sessions (id, source, started_at, ended_at) VALUES (?, 'cron', ?, ?)", row)


# --- a release that keeps a ledger -----------------------------------------------------------------------------------


def test_every_way_a_run_can_stand_is_told(home: AgentHome) -> None:
    """Well, failed, given up by the agent, cut off, under way: each has its own word."""
    home.jobs(job(repeat={"times": None, "completed": 2}))
    home.ran(ID, "completed", ago=500, took=5)
    home.ran(ID, "failed", ago=400, took=7)
    home.ran(ID, "unknown", ago=300)
    home.ran(ID, "running", ago=200, took=None, pid=99_999)
    home.ran(ID, "running", ago=100, took=None)
    assert recent(home).runs == (
        Ran(ago(500), ago(495), "ok"),
        Ran(ago(400), ago(393), "error"),
        Ran(ago(300), None, "unknown"),
        Ran(ago(200), None, "unknown"),
        Ran(ago(100), None, None),
    )


def test_a_run_that_waits_in_the_queue_has_not_begun(home: AgentHome) -> None:
    """A run that is claimed and not started is told when it starts: its beginning would change."""
    home.jobs(job())
    home.ran(ID, "claimed", ago=30, took=None, started_at=None)
    assert recent(home).runs == ()


def test_a_run_that_never_started_and_is_over_is_told(home: AgentHome) -> None:
    """One that failed to be started began when it was claimed: nothing will say otherwise."""
    home.jobs(job())
    home.ran(ID, "failed", ago=30, took=1, started_at=None)
    assert recent(home).runs == (Ran(ago(30), ago(29), "error"),)


def test_a_ledger_that_holds_all_runs_of_a_job_is_complete_since_the_job_is_there(home: AgentHome) -> None:
    """As many runs as the agent counted: then no run is missing since the job was made."""
    home.jobs(job(repeat={"times": None, "completed": 1}))
    home.ran(ID, "completed", ago=1_205)
    assert recent(home).since == ago(10 * DAY)


def test_a_job_that_never_ran_is_known_to_have_never_run(home: AgentHome) -> None:
    """No run, none counted, none noted: complete since the job was made."""
    home.jobs(job(last_run_at=None, last_status=None))
    assert recent(home) == Recent(ago(10 * DAY), ())


def test_a_younger_ledger_is_complete_only_since_its_oldest_run(home: AgentHome) -> None:
    """A ledger that lacks runs the agent counted reaches back to its oldest run of any job, and no further."""
    home.jobs(job(repeat={"times": None, "completed": 9}), job("b" * 12))
    home.ran("b" * 12, "completed", ago=7_000)
    home.ran(ID, "completed", ago=1_205)
    assert recent(home).since == ago(7_000)


def test_twenty_runs_are_told_and_no_more(home: AgentHome) -> None:
    """Of many runs the newest twenty are told, complete since the oldest of them."""
    home.jobs(job(repeat={"times": None, "completed": 25}))
    for number in range(25):
        home.ran(ID, "completed", ago=10_000 - number * 60)
    found = recent(home)
    assert len(found.runs) == 20
    assert found.since == found.runs[0].began_at == ago(10_000 - 5 * 60)


# --- a release that keeps none ---------------------------------------------------------------------------------------


def test_sessions_stand_for_runs_where_no_ledger_is_kept(early: AgentHome) -> None:
    """On 0.14 a run is the session it had; what the job notes of its last run is the result of the newest."""
    early.jobs(job(last_run_at=iso(500 - 62), last_status="error"))
    session(early, 4_000, 60)
    session(early, 500, 60)
    assert recent(early) == Recent(ago(DAY), (Ran(ago(4_000), ago(3_940), None), Ran(ago(500), ago(440), "error")))


def test_from_when_on_runs_are_known_moves_by_the_hour(early: AgentHome) -> None:
    """A moment that moved with every look would be news at every look."""
    early.jobs(job(last_run_at=None))
    for minutes in (0, 59):
        gate = runner("0.14")
        now = NOW + timedelta(minutes=minutes)
        found = Told(cron.read(early.path, NORTH, now, gate, kernel=FakeMachine(), timezone="UTC"))
        assert found.value(JOB, "recent_runs").since == ago(DAY)


def test_a_session_that_never_ended_is_under_way_or_was_cut_off(early: AgentHome) -> None:
    """One that the running gateway began is under way; one from before it started was cut off."""
    early.jobs(job(last_run_at=None))
    session(early, 80_000, None)
    session(early, 300, None)
    found = told(early, up_for=3_600).value(JOB, "recent_runs")
    assert [run.result for run in found.runs] == ["unknown", None]


def test_of_a_script_only_its_end_is_known(early: AgentHome) -> None:
    """A script leaves no session: its last run is told by when it ended, and nothing before it is claimed."""
    early.jobs(job(no_agent=True, last_run_at=iso(60), last_status="ok"))
    assert recent(early) == Recent(ago(60), (Ran(ago(60), ago(60), "ok"),))


def test_a_run_that_left_no_session_is_told_from_what_the_job_notes(early: AgentHome) -> None:
    """A run that failed before it had a session is known by the note of its end."""
    early.jobs(job(last_run_at=iso(60), last_status="error"))
    session(early, 4_000, 60)
    assert [run.result for run in recent(early).runs] == [None, "error"]


# --- by which clock --------------------------------------------------------------------------------------------------


def test_the_configured_zone_is_told(home: AgentHome) -> None:
    """A zone that the configuration names is the one schedules are meant in."""
    home.jobs(job(last_run_at=None))
    found = told(home, "Asia/Kolkata")
    assert (found.value(ABOUT, "zone"), found.value(ABOUT, "zone_configured")) == ("Asia/Kolkata", True)


@pytest.mark.parametrize("configured", [None, "Mars/Olympus", "../../etc"])
def test_without_a_zone_the_agent_goes_by_its_host(home: AgentHome, configured: str | None) -> None:
    """No zone, or one that does not exist: the agent takes the host's, and so do we."""
    home.jobs(job(last_run_at=None))
    found = told(home, configured)
    assert (found.value(ABOUT, "zone"), found.value(ABOUT, "zone_configured")) == (host_zone(), False)


def test_a_zone_that_the_agent_contradicts_is_not_known(home: AgentHome) -> None:
    """The agent writes its offset with every run; one that does not fit the zone makes the zone unknown."""
    home.jobs(job(last_run_at="2026-03-02T17:00:00+05:30"))
    assert told(home, "Europe/Berlin").reason(ABOUT, "zone") is Reason.MISSING
    assert told(home, "Asia/Kolkata").value(ABOUT, "zone") == "Asia/Kolkata"


def test_a_configuration_that_cannot_be_read_names_no_zone(home: AgentHome) -> None:
    """Then neither the zone nor whose it is is known."""
    found = told(home, SourceError(Reason.CORRUPT, "not YAML"))
    assert found.unknown(ABOUT) >= {"zone", "zone_configured"}


@pytest.mark.parametrize(("version", "schema", "expected"), [("0.19", 22, True), ("0.14", 11, False)])
def test_whether_a_release_catches_up_is_known_of_those_that_were_looked_at(
    tmp_path: Path, version: str, schema: int, expected: bool
) -> None:
    """0.19 makes up for a missed run, 0.14 does not; of a release between them it is not known."""
    made = AgentHome(tmp_path / "home", version)
    assert told(made, schema=schema).value(ABOUT, "catches_up") is expected
    assert told(made, schema=16).reason(ABOUT, "catches_up") is Reason.MISSING


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/usr/share/zoneinfo/Europe/Berlin", "Europe/Berlin"),
        ("../usr/share/zoneinfo/posix/Asia/Kolkata", "Asia/Kolkata"),
        ("/usr/share/zoneinfo/Nowhere/At_all", None),
        ("/some/other/file", None),
    ],
)
def test_the_zone_of_a_host_is_what_its_link_names(tmp_path: Path, target: str, expected: str | None) -> None:
    """The name behind the link, when it is the name of a zone."""
    link = tmp_path / "localtime"
    link.symlink_to(target)
    if expected:
        assert host_zone(str(link)) == expected
    else:
        with pytest.raises(SourceError, match="names no zone"):
            host_zone(str(link))


def test_a_host_without_a_zone_goes_by_utc_and_a_copy_tells_none(tmp_path: Path) -> None:
    """No link at all is UTC, as the C library has it; a copy of a zone does not say which it is."""
    assert host_zone(str(tmp_path / "nothing")) == "UTC"
    (tmp_path / "localtime").write_bytes(b"TZif2")
    with pytest.raises(SourceError, match="is a copy"):
        host_zone(str(tmp_path / "localtime"))
