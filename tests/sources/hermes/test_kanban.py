"""The agent's own boards."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from quarterdeck.sources.hermes import kanban
from quarterdeck.truth.instance import Instance
from quarterdeck.truth.reading import Reason
from tests.sources.hermes.agent_home import NORTH, NOW, AgentHome, T, Told, runner

ABOUT = "hermes:north/kanban"
FIELDS = {"tasks", "running_stale", "blocked_silent"}
OTHER_BOARD = "kanban/boards/website/kanban.db"


def told(home: AgentHome, instance: Instance = NORTH) -> Told:
    return Told(kanban.read(home.path, instance, NOW, runner(home.version)))


@pytest.fixture(params=["0.14", "0.19"])
def home(request: pytest.FixtureRequest, tmp_path: Path) -> AgentHome:
    return AgentHome(tmp_path / "home", request.param)


def test_a_board_nobody_made_is_not_told_of(home: AgentHome) -> None:
    """A home without a board has no readings of one, and an empty folder of boards is none."""
    assert told(home).readings == []
    (home.path / "kanban/boards/empty").mkdir(parents=True)
    assert told(home).readings == []


def test_an_empty_board_holds_nothing(home: AgentHome) -> None:
    """A board without tasks is a fact, and so are its zeros."""
    home.board()
    assert told(home).values(ABOUT) == {"tasks": {}, "running_stale": 0, "blocked_silent": 0}


def test_boards_are_added_up_by_status(home: AgentHome) -> None:
    """Tasks of all boards are counted by status; boards that were archived do not count."""
    for board in ("kanban.db", OTHER_BOARD, "kanban/boards/_archived/old/kanban.db"):
        home.board(board)
        for number, status in enumerate(["ready", "ready", "done", "private words"]):
            home.task(f"t{number}", status, board)
    assert told(home).value(ABOUT, "tasks") == {"ready": 4, "done": 2, "other": 2}


def test_the_board_belongs_to_the_root_home(home: AgentHome) -> None:
    """A profile shares the board of its root home and tells nothing of it."""
    home.board()
    assert told(home, replace(NORTH, root=home.path, profile="coder")).readings == []


def test_a_worker_that_is_silent_for_an_hour_is_noticed(tmp_path: Path) -> None:
    """A running task is stale when its last beat, or its start where there was none, is more than an hour ago."""
    home = AgentHome(tmp_path / "home")
    home.board()
    home.task("beating", "running", started_at=int(T - 9_000), last_heartbeat_at=int(T - 60))
    home.task("silent", "running", started_at=int(T - 9_000), last_heartbeat_at=int(T - 3_700))
    home.task("young", "running", started_at=int(T - 600))
    home.task("never", "running", started_at=int(T - 3_700))
    home.task("over", "done", started_at=int(T - 9_000))
    assert told(home).value(ABOUT, "running_stale") == 2


def test_early_a_claim_that_is_renewed_is_the_sign_of_life(tmp_path: Path) -> None:
    """Without beats, a claim that ran out more than an hour ago shows that nobody works on the task."""
    home = AgentHome(tmp_path / "home", "0.14")
    home.board()
    home.task("renewed", "running", started_at=int(T - 9_000), claim_expires=int(T + 500))
    home.task("left", "running", started_at=int(T - 9_000), claim_expires=int(T - 4_000))
    home.task("unclaimed", "running", started_at=int(T - 9_000))
    assert told(home).value(ABOUT, "running_stale") == 2


def test_a_type_is_a_reason(tmp_path: Path) -> None:
    """A block that says of which kind it is has a reason, also without words."""
    home = AgentHome(tmp_path / "home")
    home.board()
    for identifier, kind in (("a", None), ("b", ""), ("c", "needs_input")):
        home.task(identifier, "blocked", block_kind=kind)
    home.task("d", "ready")
    assert told(home).value(ABOUT, "blocked_silent") == 2


def test_a_block_without_any_reason_is_noticed(home: AgentHome) -> None:
    """It counts whether the last block of a task was given a reason; the words stay where they are."""
    home.board()
    blocks: dict[str, list[Any]] = {
        "silent": [{"reason": None}],
        "reasoned": [{"reason": "private"}],
        "once": [{"reason": "private"}, {"reason": ""}],
        "none": [],
        "odd": ["not json"],
    }
    for identifier, payloads in blocks.items():
        home.task(identifier, "blocked")
        for payload in payloads:
            text = payload if isinstance(payload, str) else json.dumps(payload)
            event = {"task_id": identifier, "kind": "blocked", "payload": text, "created_at": int(T)}
            home.insert("task_events", event, "kanban.db")
    assert told(home).value(ABOUT, "blocked_silent") == 4


def test_a_running_task_without_any_time_is_not_called_fresh(home: AgentHome) -> None:
    """A running task that does not say since when makes that count unknown, and no other."""
    home.board()
    home.task("odd", "running")
    found = told(home)
    assert found.unknown(ABOUT) == {"running_stale"}
    assert found.reason(ABOUT, "running_stale") is Reason.CORRUPT


@pytest.mark.parametrize(
    ("change", "lost"),
    [
        ("DROP TABLE tasks", FIELDS),
        ("ALTER TABLE tasks DROP COLUMN status", FIELDS),
        ("ALTER TABLE tasks DROP COLUMN started_at", {"running_stale"}),
        ("ALTER TABLE tasks ADD COLUMN mood TEXT", set()),
    ],
)
def test_a_missing_part_costs_only_what_needs_it(home: AgentHome, change: str, lost: set[str]) -> None:
    """A table or column that is missing makes its own figures unknown."""
    home.board()
    home.task("t", "running", started_at=int(T), claim_expires=int(T))
    home.run(change, name="kanban.db")
    found = told(home)
    assert found.unknown(ABOUT) == lost
    assert all(found.reason(ABOUT, name) is Reason.SCHEMA for name in lost)


def test_one_board_that_cannot_be_read_takes_the_sums_with_it(home: AgentHome) -> None:
    """A sum without one of its boards would pass for the whole, so it is not told."""
    home.board()
    home.task("t", "ready")
    home.write(OTHER_BOARD, b"\0" * 5_000)
    found = told(home)
    assert found.unknown(ABOUT) == FIELDS
    assert {found.reason(ABOUT, name) for name in FIELDS} == {Reason.CORRUPT}


def test_boards_that_cannot_be_listed_take_the_sums_with_them(home: AgentHome) -> None:
    """Where there may be boards that cannot be seen, nothing is summed."""
    home.board()
    home.write("kanban/boards", "a file")
    assert told(home).unknown(ABOUT) == FIELDS


def test_more_boards_than_can_be_read_are_not_summed(home: AgentHome) -> None:
    """A folder with more boards than are read leaves the sums unknown."""
    for number in range(kanban.BOARDS_LIMIT + 1):
        (home.path / f"kanban/boards/b{number}").mkdir(parents=True)
    assert {told(home).reason(ABOUT, name) for name in FIELDS} == {Reason.OBSERVER}


def test_the_origin_names_where_to_look(home: AgentHome) -> None:
    """One board is named by its file, several by their folder as well."""
    home.board()
    assert told(home).readings[0].origin.locator == "kanban.db"
    home.board(OTHER_BOARD)
    assert told(home).readings[0].origin.locator == "kanban.db kanban/boards"
