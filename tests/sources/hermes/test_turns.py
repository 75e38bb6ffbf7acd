"""Which turns are open, and which are over although their record ends in the middle of one."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from quarterdeck.sources.hermes import sessions
from tests.sources.hermes.agent_home import DAY, GATEWAY_PID, NORTH, NOW, AgentHome, T, Told, iso, runner

ABOUT = "hermes:north/sessions"
NONE = {
    "open_turns": 0,
    "open_turn_since": None,
    "open_turn_in": None,
    "open_turn_tool": None,
    "open_turn_session": None,
}


def turns(home: AgentHome, **gateway: Any) -> dict[str, Any]:
    """What is told of open turns."""
    values = Told(sessions.read(home.path, NORTH, NOW, runner(home.version, **gateway))).values(ABOUT)
    return {name: values[name] for name in NONE}


def seconds_ago(ago: float) -> Any:
    return NOW - timedelta(seconds=ago)


def note(home: AgentHome, turns_: int, *, ago: float, pid: int = GATEWAY_PID) -> None:
    """What the gateway notes at each beginning and end of a turn."""
    document = {"pid": pid, "gateway_state": "running", "active_agents": turns_, "updated_at": iso(ago)}
    home.write("gateway_state.json", json.dumps(document))


def dump(home: AgentHome, session: str, *, ago: float) -> None:
    """What a failed call leaves."""
    path = home.write(f"sessions/request_dump_{session}_20260302_115500_000001.json", "{}")
    os.utime(path, (T - ago, T - ago))


@pytest.fixture
def home(tmp_path: Path) -> AgentHome:
    return AgentHome(tmp_path / "home")


@pytest.fixture
def early(tmp_path: Path) -> AgentHome:
    return AgentHome(tmp_path / "early", "0.14")


# --- what a turn waits for -------------------------------------------------------------------------------------------


def test_a_question_without_an_answer_waits_for_the_model(home: AgentHome) -> None:
    """After the user's row the model is awaited."""
    home.session("s")
    home.say("s", "user", ago=40)
    assert turns(home) == {
        "open_turns": 1,
        "open_turn_since": seconds_ago(40),
        "open_turn_in": "model",
        "open_turn_tool": None,
        "open_turn_session": "s",
    }


def test_an_answer_ends_the_turn(home: AgentHome) -> None:
    """After an assistant's row without tool calls nothing is open."""
    home.session("s")
    home.say("s", "user", ago=40)
    home.say("s", "assistant", ago=30)
    assert turns(home) == NONE


def test_a_row_of_the_gateway_after_the_question_ends_the_turn(home: AgentHome) -> None:
    """The gateway notes the tools of a new session when its first turn is over, also when that failed."""
    home.session("s")
    home.say("s", "user", ago=40)
    home.say("s", "session_meta", ago=35)
    assert turns(home) == NONE


@pytest.mark.parametrize(
    ("results", "place", "tool"),
    [(0, "tool", "web_search"), (1, "tool", "terminal"), (2, "tool", "patch"), (3, "model", None)],
)
def test_the_first_call_without_a_result_is_the_tool_it_is_in(
    home: AgentHome, results: int, place: str, tool: str | None
) -> None:
    """Of several calls the first one without a result is under way; when all have one the model is awaited."""
    home.session("s")
    home.say("s", "user", ago=90)
    home.say("s", "assistant", ago=80, calls=["web_search", "terminal", "patch"])
    for number in range(results):
        home.say("s", "tool", ago=70 - number, content="result")
    found = turns(home)
    assert (found["open_turn_in"], found["open_turn_tool"]) == (place, tool)
    assert found["open_turn_since"] == seconds_ago(80 if results == 0 else 71 - results)


@pytest.mark.parametrize("calls", ["not json", "{}", "[]", '[{"function": {"name": 7}}]', '["a"]', "[{}]"])
def test_tool_calls_that_make_no_sense_name_no_tool(home: AgentHome, calls: str) -> None:
    """A record of calls that cannot be understood is still a turn in a tool; which one is not told."""
    home.session("s")
    home.say("s", "assistant", ago=20, tool_calls=calls, finish_reason="tool_calls")
    found = turns(home)
    assert (found["open_turns"], found["open_turn_in"], found["open_turn_tool"]) == (1, "tool", None)


def test_an_early_form_of_tool_calls_names_its_tool(home: AgentHome) -> None:
    """Calls written as name and arguments are understood as well."""
    home.session("s")
    home.say("s", "assistant", ago=20, tool_calls='[{"name": "read_file", "arguments": "{}"}]')
    assert turns(home)["open_turn_tool"] == "read_file"


def test_a_name_that_no_tool_has_is_not_told(home: AgentHome) -> None:
    """A model may call a tool by a sentence or a path: the turn is then in a tool without a name."""
    for number, name in enumerate(("my private words", "/a/path")):
        home.session(f"s{number}")
        home.say(f"s{number}", "assistant", ago=20 + number, calls=[name])
        found = turns(home)
        assert (found["open_turns"], found["open_turn_in"], found["open_turn_tool"]) == (number + 1, "tool", None)


def test_a_session_with_a_name_of_its_own_is_told_by_a_hash(home: AgentHome) -> None:
    """Callers of the API may name sessions: a name that is no id of the agent's kind does not leave."""
    home.session("my private session")
    home.say("my private session", "user", ago=20)
    assert turns(home)["open_turn_session"].isalnum()


def test_rows_that_were_taken_back_do_not_count(home: AgentHome) -> None:
    """When the last rows were rewound, the one before them says how the session stands."""
    home.session("s")
    home.say("s", "user", ago=90)
    home.say("s", "assistant", ago=80)
    home.say("s", "user", ago=70, active=0)
    assert turns(home) == NONE


def test_the_turn_that_has_been_still_for_longest_is_the_one_told(home: AgentHome) -> None:
    """Of several open turns all are counted and the stillest is described."""
    for name, ago in (("a", 20), ("b", 600), ("c", 40)):
        home.session(name)
        home.say(name, "user", ago=ago)
    found = turns(home)
    assert (found["open_turns"], found["open_turn_session"], found["open_turn_since"]) == (3, "b", seconds_ago(600))


def test_a_turn_of_a_session_that_began_long_ago_is_found(home: AgentHome) -> None:
    """A conversation that has been going on for months can be in a turn."""
    home.session("old", began=90 * DAY)
    home.say("old", "user", ago=30)
    assert turns(home, up_for=100 * DAY)["open_turns"] == 1


# --- what is over ----------------------------------------------------------------------------------------------------


def test_what_was_written_before_the_gateway_started_is_not_open(home: AgentHome) -> None:
    """A turn that its process did not survive is lost, not open."""
    home.session("s", began=7_200)
    home.say("s", "user", ago=3_000)
    assert turns(home, up_for=2_000) == NONE
    assert turns(home, up_for=4_000)["open_turns"] == 1


def test_a_gateway_that_is_gone_is_in_no_turn(home: AgentHome) -> None:
    """Whatever the database holds, a dead gateway is in no turn: the kernel says so."""
    home.session("s")
    home.say("s", "user", ago=30)
    assert turns(home, alive=False) == NONE


def test_without_knowing_of_a_gateway_no_turn_is_claimed_or_denied(home: AgentHome) -> None:
    """When it cannot be told whether a gateway runs, nothing is known of its turns."""
    found = Told(sessions.read(home.path, NORTH, NOW, runner(alive=None)))
    assert found.unknown(ABOUT) == set(NONE)
    assert found.why(ABOUT, "open_turns").detail == "the kernel's list cannot be read"


def test_a_gateway_of_unknown_age_leaves_its_turns_unknown(home: AgentHome) -> None:
    """Without knowing when the gateway started, its turns cannot be told from those of its forerunner."""
    gateway = runner()
    found = Told(sessions.read(home.path, NORTH, NOW, type(gateway)(alive=True, pid=1, schema_version=22)))
    assert found.unknown(ABOUT) == set(NONE)
    assert gateway.started_at is not None


@pytest.mark.parametrize("source", ["cli", "tui", "tool", "acp", "desktop"])
def test_terminals_are_not_the_gateway(home: AgentHome, source: str) -> None:
    """Whether a person's terminal still waits cannot be told, so it is not claimed."""
    home.session("s", source=source)
    home.say("s", "user", ago=30)
    assert turns(home) == NONE


@pytest.mark.parametrize(("source", "count"), [("telegram", 1), ("cron", 1), ("cli", 0), (None, 0)])
def test_a_helper_belongs_to_whom_sent_it_out(home: AgentHome, source: str | None, count: int) -> None:
    """A helper's turn counts when the session that sent it out, over any number of helpers, is the gateway's."""
    if source:
        home.session("sender", source=source, ended_at=T)
    home.session("helper", source="subagent", parent_session_id="sender")
    home.session("second", source="subagent", parent_session_id="helper")
    home.say("second", "user", ago=30)
    assert turns(home)["open_turns"] == count


def test_a_session_that_ended_is_in_no_turn(home: AgentHome) -> None:
    """A session that was ended in the middle of a turn is over."""
    home.session("s", ended_at=T - 10)
    home.say("s", "user", ago=30)
    assert turns(home) == NONE


@pytest.mark.parametrize(("ago", "count"), [(20, 0), (40, 1)])
def test_a_failed_call_ends_its_turn(home: AgentHome, ago: float, count: int) -> None:
    """A dump of a failed call that is younger than the last row means that the turn is over; an older one does not."""
    home.session("s")
    home.say("s", "user", ago=30)
    dump(home, "s", ago=ago)
    dump(home, "other", ago=1)
    assert turns(home)["open_turns"] == count


@pytest.mark.parametrize(
    ("noted", "ago", "names"),
    [
        (0, 10, set()),
        (1, 10, {"c"}),
        (2, 10, {"b", "c"}),
        (3, 10, {"a", "b", "c"}),
        (0, 45, {"c"}),
        (9, 10, {"a", "b", "c"}),
    ],
)
def test_no_more_turns_are_open_than_the_gateway_notes(
    home: AgentHome, noted: int, ago: float, names: set[str]
) -> None:
    """Of the turns older than its note, the gateway is in as many as it noted: those that moved last."""
    for name, moved in (("a", 900), ("b", 60), ("c", 40)):
        home.session(name)
        home.say(name, "user", ago=moved)
    note(home, noted, ago=ago)
    found = turns(home)
    assert found["open_turns"] == len(names)
    assert found["open_turn_session"] == min(names, default=None)


@pytest.mark.parametrize(
    "document",
    ["", "[]", "{}", '{"pid": 4242, "active_agents": "0"}', '{"pid": 4242, "active_agents": -1, "updated_at": "x"}'],
)
def test_a_note_that_makes_no_sense_ends_no_turn(home: AgentHome, document: str) -> None:
    """Only a note that can be understood says that a turn is over."""
    home.session("s")
    home.say("s", "user", ago=30)
    home.write("gateway_state.json", document)
    assert turns(home)["open_turns"] == 1


def test_a_note_of_another_process_ends_no_turn(home: AgentHome) -> None:
    """What an earlier gateway noted says nothing of the one that runs."""
    home.session("s")
    home.say("s", "user", ago=30)
    note(home, 0, ago=10, pid=7)
    assert turns(home)["open_turns"] == 1


@pytest.mark.parametrize("source", ["api_server", "cron"])
def test_the_note_does_not_follow_other_work_to_its_end(home: AgentHome, source: str) -> None:
    """Requests to the API and jobs are not ended by a note that counts turns of conversations."""
    home.session("s", source=source)
    home.say("s", "user", ago=30)
    note(home, 0, ago=10)
    assert turns(home)["open_turns"] == 1


@pytest.mark.parametrize(("ago", "count"), [(3_000, 1), (4_000, 0)])
def test_a_request_that_nobody_waits_for_is_given_up_after_an_hour(home: AgentHome, ago: float, count: int) -> None:
    """A caller of the API that goes away leaves no trace, so its turn is believed for an hour."""
    home.session("s", source="api_server", began=7_200)
    home.say("s", "user", ago=ago)
    assert turns(home)["open_turns"] == count


# --- releases that write less ----------------------------------------------------------------------------------------


def test_between_releases_the_question_shows_the_turn_and_not_its_place(home: AgentHome) -> None:
    """From 0.17 on the question is written at once; what the turn is in may be written late and is not told."""
    home.run("UPDATE schema_version SET version = 16")
    home.session("s")
    home.say("s", "user", ago=30)
    found = turns(home)
    assert (found["open_turns"], found["open_turn_in"]) == (1, None)


def test_early_a_session_without_rows_is_in_its_first_turn(early: AgentHome) -> None:
    """Before 0.17 a new session has no rows until its first turn is over."""
    early.session("new", began=50)
    early.session("done", began=500)
    early.say("done", "user", ago=450)
    early.say("done", "assistant", ago=450)
    found = turns(early)
    assert (found["open_turns"], found["open_turn_session"], found["open_turn_since"]) == (1, "new", seconds_ago(50))
    assert found["open_turn_in"] is None


def test_early_a_first_turn_moves_with_its_snapshot(early: AgentHome) -> None:
    """The snapshot that the agent writes between its steps says when the turn last moved."""
    early.session("new", began=500)
    os.utime(early.write("sessions/session_new.json", "{}"), (T - 20, T - 20))
    assert turns(early)["open_turn_since"] == seconds_ago(20)


@pytest.mark.parametrize(("snapshot", "count"), [(20, 1), (100, 0), (99.5, 0)])
def test_early_a_later_turn_shows_by_its_snapshot_only(early: AgentHome, snapshot: float, count: int) -> None:
    """A snapshot newer than the rows of its session shows a turn; one as old as they are shows its end."""
    early.session("s", began=900)
    early.say("s", "user", ago=100)
    early.say("s", "assistant", ago=100)
    os.utime(early.write("sessions/session_s.json", "{}"), (T - snapshot, T - snapshot))
    found = turns(early)
    assert found["open_turns"] == count
    assert found["open_turn_since"] == (seconds_ago(snapshot) if count else None)


def test_early_terminals_ended_sessions_and_forerunners_are_not_in_a_turn(early: AgentHome) -> None:
    """The same holds for early releases: no terminals, nothing that ended, nothing of an earlier process."""
    early.session("terminal", source="cli", began=50)
    early.session("ended", began=50, ended_at=T)
    early.session("before", began=5_000)
    assert turns(early, up_for=4_000) == NONE
