"""The demo is a fleet like any other, lies in one folder, and leaves nothing behind."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from quarterdeck import settings, wiring
from quarterdeck.demo import fleet
from quarterdeck.demo.characters import THREE, cast
from quarterdeck.demo.fleet import Fleet
from quarterdeck.errors import QuarterdeckError
from quarterdeck.truth import forge_fields as G  # noqa: N812
from quarterdeck.truth.instance import subject
from quarterdeck.truth.reading import Known, Reason, Unavailable
from quarterdeck.truth.snapshot import Snapshot
from quarterdeck.views import VIEWS
from quarterdeck.views.asked import Asked
from quarterdeck.views.judged import Judged

pytestmark = pytest.mark.timeout(120)

LIMIT_S = 60.0


@pytest.fixture(scope="module")
def seen(made: Fleet) -> Judged:
    """What is seen of the fleet, by the very sources that look at real ones."""
    time.sleep(1.5)  # the gateways have spoken once
    deck = wiring.build(settings.load(made.settings, ()))
    return Judged(deck.look_once(20.0), deck.clock())


def told(seen: Judged, name: str) -> tuple[str, str]:
    judgement = seen.judgements[name]
    return judgement.status.value, judgement.rule


def test_three_agents_are_in_different_trouble(seen: Judged) -> None:
    """One is well, one was killed and left its notes, the model of one refuses; each is told by its own rule."""
    assert told(seen, subject("north", "gateway"))[0] == "ok"
    assert told(seen, subject("south", "gateway")) == ("down", "killed")
    assert told(seen, subject("west", "gateway"))[0] == "degraded"
    assert told(seen, subject("west", "kanban"))[0] == "unknown"
    assert told(seen, subject("south", "cron")) == ("down", "runner absent")


def test_every_fate_of_a_job_is_seen_for_what_it_is(seen: Judged) -> None:
    """A message that is not delivered, a run that fails, a pause that nobody explained and one that somebody did."""
    rules = {
        job.name: told(seen, subject(one.name, "cron", job.id(one.name)))
        for one in THREE
        for job in one.jobs
        if one.alive
    }
    assert rules["Nightly summary"] == ("degraded", "not delivered")
    assert rules["Answer the forum"] == ("degraded", "failing")
    assert rules["Feed the index"] == ("degraded", "forgotten")
    assert rules["Old newsletter"] == ("ok", "paused")
    assert rules["Inbox triage"][0] == "ok"


def test_services_and_a_backup_belong_to_it(seen: Judged) -> None:
    """What answers, what fails, what is not there, and a backup whose newest commit was never pushed."""
    services = {name.rpartition("/")[2].rpartition(":")[2]: told(seen, name)[0] for name in seen.of("service")}
    assert sorted(services.values()) == ["degraded", "down", "down", "ok", "unknown"]
    (vault,) = seen.of("repository")
    assert told(seen, vault)[0] in {"degraded", "down"}


def test_the_fleet_agrees_on_its_work_on_a_forge(seen: Judged) -> None:
    """The forge answers; reviews wait for the operator, and tasks are blocked; each agent with an account has work."""
    assert told(seen, "forge:main") == ("ok", "answers")
    figures = {figure.key: figure for figure in VIEWS["brief"].make(seen, Asked(), None).figures}
    assert figures["reviews_for_you"].value
    assert figures["tasks_blocked"].value
    assert {name for name in seen.of("work") if seen.facts(name)[G.TASK]} == {
        subject("north", "work"),
        subject("south", "work"),
    }
    assert told(seen, subject("south", "work")) == ("degraded", "on what is closed")


def test_without_a_git_that_can_keep_it_there_is_no_forge(made: Fleet) -> None:
    """The settings then name none, and no account either: they are settings that hold."""
    without = fleet.settings(made, {"library": 1})
    assert "forge" not in without
    assert fleet.has_git()


def test_every_agent_has_secrets_and_one_login_ends_soon(seen: Judged) -> None:
    """Each agent's keys are told by name; one login that was made by hand must be renewed; the rest is well."""
    told_of = {name: told(seen, name) for name in seen.of("credential") if name.startswith("hermes:")}
    trouble = {name: said for name, said in told_of.items() if said[0] != "ok"}
    assert trouble == {subject("west", "credential", "minimax-oauth"): ("degraded", "expires soon")}
    for one in THREE:
        assert subject(one.name, "credential", f"{one.provider.upper()}_API_KEY") in told_of


def test_names_are_shown_only_where_the_policy_lets_them_through(seen: Judged) -> None:
    """The north's jobs have names, the west's have none."""
    names = {name.partition("/")[0] for name, fields in seen.fields.items() if "name" in fields}
    assert names == {"hermes:north", "hermes:south"}


def test_nothing_else_of_a_home_could_not_be_read(seen: Judged) -> None:
    """What is unknown is what was torn on purpose, what a release does not have, and what this machine lacks."""
    lost = [
        reading
        for reading in seen.snapshot.readings.values()
        if isinstance(reading, Unavailable) and reading.subject.startswith("hermes:")
    ]
    corrupt = {reading.subject for reading in lost if reading.reason is Reason.CORRUPT}
    assert corrupt == {subject("west", "kanban")}
    assert not [reading for reading in lost if reading.reason in {Reason.SCHEMA, Reason.OBSERVER, Reason.DENIED}]


def test_the_living_go_on_living(made: Fleet) -> None:
    """Within seconds the gateway of the north writes messages that were not there, and its heart beats."""
    deck = wiring.build(settings.load(made.settings, ()))

    def look() -> Snapshot:
        return deck.collector.collect(20.0)

    def newest(snapshot: Snapshot) -> object:
        reading = snapshot.readings[subject("north", "sessions"), "last_message_at"]
        return reading.value if isinstance(reading, Known) else None

    before, until = newest(look()), time.monotonic() + LIMIT_S
    while newest(look()) == before:
        assert time.monotonic() < until, "the north has said nothing"
        time.sleep(0.5)


def test_a_fleet_is_as_large_as_asked_for() -> None:
    """With more instances the others are well, and each has as many jobs as were asked for."""
    many = list(cast(14, 5))
    assert [one.name for one in many[:4]] == ["north", "south", "west", "east"]
    assert len({one.name for one in many}) == 14
    assert all(len(one.jobs) == 5 and len({job.id(one.name) for job in one.jobs}) == 5 for one in many)


def test_a_folder_that_holds_something_is_not_taken(tmp_path: Path) -> None:
    """Where something lies already nothing is written, and the error says what to do."""
    (tmp_path / "mine").write_text("mine")
    with (
        pytest.raises(QuarterdeckError, match="Name an empty folder"),
        fleet.folder_for(tmp_path, tmp_path, keep=False),
    ):
        pytest.fail("it was taken")
    assert (tmp_path / "mine").read_text() == "mine"


def test_what_killed_demos_left_behind_is_removed(tmp_path: Path) -> None:
    """A folder whose demo is dead goes with the next demo; one that is in use stays."""
    dead, used = tmp_path / "fleet-dead", tmp_path / "fleet-used"
    for folder in (dead, used):
        folder.mkdir()
    with (used / fleet.LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with fleet.folder_for(None, tmp_path, keep=False) as place:
            assert place.exists()
            assert (dead.exists(), used.exists()) == (False, True)
    assert not place.exists()


def children_of(folder: Path) -> list[psutil.Process]:
    running = psutil.process_iter(["cmdline"])
    return [each for each in running if any(str(folder) in word for word in each.info["cmdline"] or ())]


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_outlives_a_demo(how: signal.Signals, tmp_path: Path) -> None:
    """However it ends, its gateways and its forge end with it; told to stop, it also removes its folder."""
    command = [sys.executable, "-m", "quarterdeck", "demo", "--days", "1", "--sessions", "10"]
    env = {**os.environ, "XDG_CACHE_HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path / "state")}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env, text=True) as demo:
        assert demo.stdout is not None
        said = [demo.stdout.readline() for _ in range(3)]
        (place,) = (tmp_path / "quarterdeck" / "demo").glob("fleet-*")
        alive = children_of(place)
        demo.send_signal(how)
        demo.wait(30)
    assert said[0].startswith("Quarterdeck ")
    assert said[1].startswith("Come in, once: ")
    assert said[2].startswith("Demo: ")
    assert not (tmp_path / "state").exists()
    assert len(alive) == 3
    gone, left = psutil.wait_procs(alive, timeout=15)
    assert (len(gone), left) == (3, [])
    assert place.exists() is (how is signal.SIGKILL)
