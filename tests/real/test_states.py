"""What is said of a gateway in every state the real agent can be in.

Each test provokes its state in a real home and leaves the shared gateway as it found it. Where a limit is longer than a
test may take, the test sets the limit, never the evidence; where a file is edited, the agent is stopped.
"""

from __future__ import annotations

import subprocess
import time

import pytest

from tests.fakes.model_server import ModelServer
from tests.real.agents import Agent
from tests.real.conftest import HomeMaker, Hung
from tests.real.homes import Gateway, Home, wait_until
from tests.real.looking import Looker, Row, subject

SOON_S = 2.0
TICKER_S = 75.0
"""A limit between the 60 s in which a living ticker beats and the 200 s that are usual."""


@pytest.fixture
def hasty(looker: Looker) -> Looker:
    """Somebody for whom a turn is stuck after two seconds."""
    return looker.with_thresholds(stuck_model_s=SOON_S, stuck_tool_s=SOON_S)


def settles(looker: Looker, home: Home, verdict: str) -> Row:
    """Look until the verdict is reached, and return that row; the time a turn needs to show is the agent's."""

    def seen() -> Row | None:
        row = looker.gateway(home)
        return row if row.verdict == verdict else None

    try:
        return wait_until(verdict, seen, limit_s=12)
    except RuntimeError:
        row = looker.gateway(home)
        pytest.fail(f"wanted {verdict}, seen {row.verdict}: {row.reason}")


# --- no gateway yet ------------------------------------------------------------------------------------------------


def test_a_home_with_only_a_configuration_never_started(looker: Looker, new_home: HomeMaker) -> None:
    """A home that holds nothing but config.yaml is down, because it never started."""
    row = looker.gateway(new_home("bare"))
    assert row.status == "down", row.reason
    assert "never started" in row.reason


def test_a_home_used_from_the_command_line_never_started(looker: Looker, south: Home) -> None:
    """A home used from the command line has a database and jobs, and its gateway still never started."""
    assert (south.root / "state.db").exists()
    row = looker.gateway(south)
    assert row.status == "down", row.reason
    assert "never started" in row.reason


# --- alive ---------------------------------------------------------------------------------------------------------


def test_a_quiet_gateway_is_ok_and_idle(looker: Looker, north: Gateway) -> None:
    """A gateway that waits for messages is ok and idle, on the word of the kernel's lock."""
    row = looker.gateway(north.home)
    assert row.verdict == "ok/idle", row.reason
    assert row.value("lock_holder") == north.pid


def test_a_gateway_after_a_turn_is_idle_again(looker: Looker, north: Gateway) -> None:
    """A finished turn leaves nothing open, although its session is not always ended in the database."""
    north.answer("[[say:hello]]")
    settles(looker, north.home, "ok/idle")


def test_another_gateway_of_the_same_user_is_not_ours(looker: Looker, north: Gateway, south: Home) -> None:
    """While another home's gateway runs, a home without one is down: the two are never mixed up."""
    rows = looker.look("agents", north.home, south).rows
    assert rows[subject(north.home, "gateway")].status == "ok"
    assert rows[subject(south, "gateway")].status == "down"


def test_waiting_for_the_model_is_working(looker: Looker, north: Gateway, model: ModelServer) -> None:
    """A turn whose answer has not come yet is work, and work is ok."""
    with north.waiting(model):
        row = settles(looker, north.home, "ok/busy")
        assert "working" in row.reason
    settles(looker, north.home, "ok/idle")


def test_a_turn_on_the_api_server_is_working(looker: Looker, north: Gateway, model: ModelServer) -> None:
    """Work that came in through the API server is seen too, although the agent does not count it as active."""
    hold = f"api work of {north.pid}"
    north.start_run(f"[[hang:{hold}]]")
    model.wait_for_call(hold)
    try:
        settles(looker, north.home, "ok/busy")
    finally:
        model.release(hold)
    settles(looker, north.home, "ok/idle")


def test_a_silent_model_makes_the_turn_stuck(hasty: Looker, looker: Looker, north: Gateway, model: ModelServer) -> None:
    """A turn that waits for the model beyond the limit (here 2 s, by settings) is degraded and stuck."""
    with north.waiting(model):
        row = settles(hasty, north.home, "degraded/stuck")
        assert "stuck" in row.reason
        assert looker.gateway(north.home).verdict == "ok/busy", "under the usual limit it is still work"
    settles(hasty, north.home, "ok/idle")


def test_a_tool_that_does_not_return_makes_the_turn_stuck(
    hasty: Looker, looker: Looker, north: Gateway, model: ModelServer
) -> None:
    """A turn inside a tool beyond the limit (here 2 s, by settings) is degraded and stuck; 0.19 also tells the tool."""
    with north.in_tool(model):
        row = settles(hasty, north.home, "degraded/stuck")
        if north.home.agent.series != "0.14":  # which writes nothing about a turn before its end
            assert "terminal" in row.reason
        assert looker.gateway(north.home).verdict == "ok/busy", "under the usual limit it is still work"
    settles(hasty, north.home, "ok/idle")


def test_a_refused_turn_is_rate_limited_until_one_succeeds(looker: Looker, north: Gateway) -> None:
    """When the provider answers 429 the gateway is degraded and rate-limited; the next answer clears it."""
    north.answer("[[status:429]] refused")
    row = settles(looker, north.home, "degraded/rate-limited")
    assert "429" in row.reason
    north.answer("[[say:served again]]")
    settles(looker, north.home, "ok/idle")


def test_a_failed_turn_is_over(hasty: Looker, north: Gateway, model: ModelServer) -> None:
    """A turn of the API server that failed leaves a question without an answer, and is not taken for an open turn."""
    run = north.start_run("[[status:500]] fails")
    wait_until("the run to fail", lambda: north.run_status(run) == "failed")
    time.sleep(SOON_S + 1)
    row = hasty.gateway(north.home)
    assert row.verdict == "ok/idle", row.reason


def test_a_process_stopped_by_a_signal_is_there_and_does_nothing(looker: Looker, north: Gateway) -> None:
    """A gateway under SIGSTOP is degraded, with the reason; it is ok again when continued."""
    with north.frozen():
        row = looker.gateway(north.home)
        assert row.status == "degraded", row.reason
        assert "stopped by a signal" in row.reason
    settles(looker, north.home, "ok/idle")


# --- ended ---------------------------------------------------------------------------------------------------------


def test_a_killed_gateway_is_down_whatever_it_wrote(looker: Looker, killed: Home) -> None:
    """After SIGKILL the files still say running and connected; no process holds the lock, so it is down."""
    assert killed.read_json("gateway_state.json")["gateway_state"] == "running"
    row = looker.gateway(killed)
    assert row.status == "down", row.reason
    assert "without a clean shutdown" in row.reason
    assert row.value("recorded_state") == "running"
    assert row.value("lock_holder") is None


def test_a_reused_process_number_is_not_the_gateway(looker: Looker, killed: Home) -> None:
    """When the number in gateway_state.json now belongs to another process, the gateway is still down.

    The number is edited in the file of the killed home; the process that has it is real.
    """
    before = (killed.root / "gateway_state.json").read_text()
    with subprocess.Popen(["sleep", "600"]) as stranger:
        try:
            killed.edit_json("gateway_state.json", pid=stranger.pid)
            row = looker.gateway(killed)
        finally:
            stranger.kill()
            (killed.root / "gateway_state.json").write_text(before)
    assert row.status == "down", row.reason
    assert row.value("recorded_process") == "another"
    assert "another process" in row.reason


def test_a_restart_after_a_kill_starts_without_the_old_turn(hasty: Looker, killed: Home) -> None:
    """The turn that died with the process stays open in the database for ever, and is not taken for work."""
    with killed.gateway():
        time.sleep(SOON_S + 1)
        row = hasty.gateway(killed)
        assert row.verdict == "ok/idle", row.reason


@pytest.fixture(scope="module")
def ended(new_home: HomeMaker) -> Home:
    """A home whose gateway ends in the ways its tests say."""
    return new_home("ended")


def test_a_gateway_stopped_by_its_operator_says_so(looker: Looker, ended: Home) -> None:
    """After a stop on purpose the gateway is down, and the reason says that it was on purpose."""
    with ended.gateway() as gateway:
        assert gateway.stop() == 0
    row = looker.gateway(ended)
    assert row.status == "down", row.reason
    assert "on purpose" in row.reason


def test_a_terminated_gateway_is_down_and_not_on_purpose(looker: Looker, ended: Home, agent: Agent) -> None:
    """After a SIGTERM nobody announced, 0.14 writes stopped and 0.19 running: down both times, and not on purpose."""
    with ended.gateway() as gateway:
        gateway.terminate()
    recorded = ended.read_json("gateway_state.json")["gateway_state"]
    assert recorded == {"0.14": "stopped", "0.19": "running"}[agent.series]
    row = looker.gateway(ended)
    assert row.status == "down", row.reason
    assert "on purpose" not in row.reason


def test_a_crash_loop_is_named(looker: Looker, new_home: HomeMaker) -> None:
    """Three starts within minutes are a crash loop: degraded while the third is up, down when that is gone too."""
    home = new_home("loop")
    for _ in range(2):
        with home.gateway() as gateway:
            gateway.kill()
    with home.gateway() as gateway:
        row = looker.gateway(home)
        assert row.status == "degraded", row.reason
        assert "crash loop" in row.reason
        gateway.kill()
    row = looker.gateway(home)
    assert row.status == "down", row.reason
    assert "crash loop" in row.reason


# --- alive, but its ticker is not ----------------------------------------------------------------------------------


def test_a_dead_ticker_is_seen_while_its_gateway_lives(
    looker: Looker, hung: Hung, north: Gateway, agent: Agent
) -> None:
    """A ticker that stopped beating takes the scheduler down and degrades the gateway (0.19, limit here 75 s, not 200).

    0.14 has no such beat: there a job that is hours overdue shows it. A healthy gateway passes under the same limit.
    """
    strict = looker.with_thresholds(ticker_s=TICKER_S)
    if agent.series == "0.14":
        row = strict.scheduler(hung.home)
        assert row.status == "degraded", row.reason
        assert "overdue" in row.reason
    else:
        time.sleep(max(0.0, hung.since + TICKER_S + SOON_S - time.monotonic()))
        row = strict.scheduler(hung.home)
        assert row.status == "down", row.reason
        assert "ticker" in row.reason
        gateway = strict.gateway(hung.home)
        assert gateway.status == "degraded", gateway.reason
        assert "ticker" in gateway.reason
    assert strict.scheduler(north.home).status == "ok"


# --- profiles ------------------------------------------------------------------------------------------------------


def test_a_profile_is_an_instance_of_its_own(looker: Looker, south: Home, model: ModelServer) -> None:
    """A profile's gateway that runs says nothing about the home it is in, and the home nothing about the profile."""
    profile = south.profile("coder", model)
    with profile.gateway() as gateway:
        rows = looker.look("agents", south).rows
        running = [row for row in rows.values() if row.subject.endswith("/gateway") and row.status == "ok"]
        assert [row.value("lock_holder") for row in running] == [gateway.pid]
        assert "coder" in running[0].instance
        assert rows[subject(south, "gateway")].status == "down"
        gateway.kill()
    down = [row for row in looker.look("agents", south).rows.values() if row.subject.endswith("/gateway")]
    assert {row.status for row in down} == {"down"}
