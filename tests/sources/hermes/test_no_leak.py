"""Nothing that somebody wrote leaves a home: not in a value, not in a reason, not in the stream."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from quarterdeck.sources.hermes import cron, kanban, sessions, stream
from quarterdeck.truth.reading import Unavailable
from tests.sources.hermes.agent_home import (
    EVENTS,
    EXECUTIONS,
    MESSAGES,
    NORTH,
    NOW,
    SESSIONS,
    TASKS,
    USAGE,
    AgentHome,
    FakeMachine,
    T,
    iso,
    job,
    runner,
)

MARK = "personal"
MARKS = (f"{MARK} words", f"/{MARK}/of/a/path", f"{'sk'}-{MARK.upper()}-0123456789abcdef", MARK.upper() * 30)
"""A sentence, a path, what looks like a key, and a word that is too long."""

KEYS = {"id", "session_id", "started_at", "timestamp", "parent_session_id", "task_id", "job_id", "claimed_at"}


def texts(columns: str) -> list[str]:
    """The columns of a table that hold text, without those that hold it together."""
    return re.findall(r"(\w+) TEXT\b", columns)


def filled(columns: str, mark: str, **row: Any) -> dict[str, Any]:
    return {name: mark for name in texts(columns) if name not in KEYS} | row


def fill(home: AgentHome, mark: str) -> None:
    """Put a mark wherever text can stand, and the things themselves beside it."""
    sessions_, messages = SESSIONS[home.version], MESSAGES[home.version]
    home.insert("sessions", filled(sessions_, mark, id=f"{mark} id", started_at=T - 60))
    home.insert("sessions", filled(sessions_, mark, id="s", source="telegram", started_at=T - 60))
    home.insert("messages", filled(messages, mark, session_id="s", role="user", timestamp=T - 50))
    home.insert("messages", filled(messages, mark, session_id="s", role="assistant", timestamp=T - 40))
    called = filled(messages, mark, session_id="s", role="assistant", timestamp=T - 30)
    home.insert("messages", called | {"tool_calls": json.dumps([{"function": {"name": mark, "arguments": mark}}])})
    if home.version == "0.19":
        home.insert("session_model_usage", filled(USAGE, mark, session_id="s"))
        home.ledger()
        row = filled(EXECUTIONS, mark, id=mark, job_id=f"{mark} job", status="failed", claimed_at=iso(60), pid=1)
        home.insert("executions", row | {"started_at": iso(60)}, "cron/executions.db")
    home.board()
    for status in ("blocked", mark):
        home.insert("tasks", filled(TASKS[home.version], mark, id=status, status=status, created_at=1), "kanban.db")
    home.insert("task_events", filled(EVENTS, mark, task_id="blocked", kind="blocked", created_at=1), "kanban.db")
    entry = {key: mark if isinstance(value, str) and key != "id" else value for key, value in job().items()}
    odd = {"kind": mark, "minutes": mark, "expr": mark, "display": mark}
    home.jobs(
        entry,
        entry | {"id": f"{mark} id", "schedule": odd, "enabled": mark, "state": mark, "paused_reason": mark},
        job("b" * 12, name=mark, prompt=mark, last_error=mark, last_delivery_error=f"HTTP 500: {mark}", deliver=mark),
        job("c" * 12, schedule={"kind": "cron", "expr": " ".join(mark.split(maxsplit=1)[0][:9] for _ in range(5))}),
        mark,
    )
    os.utime(home.write(f"cron/output/{MARK} output/{MARK}.md", mark), (T - 5, T - 5))
    home.write("cron/ticker_heartbeat", mark)
    home.write("gateway_state.json", json.dumps({"pid": mark, "updated_at": mark, "active_agents": mark}))
    home.write(f"sessions/request_dump_{MARK}.json", mark)


def everything(home: AgentHome) -> str:
    """All that leaves, as text."""
    gateway, machine = runner(home.version), FakeMachine()
    readings = sessions.read(home.path, NORTH, NOW, gateway)
    readings += cron.read(home.path, NORTH, NOW, gateway, kernel=machine)
    readings += kanban.read(home.path, NORTH, NOW, gateway)
    told, _ = stream.changes(home.path, NORTH, None, NOW)
    assert any(isinstance(reading, Unavailable) for reading in readings)
    assert len(told) == 2
    return repr(readings) + repr([summary.as_record() for summary in told])


@pytest.mark.parametrize("mark", MARKS)
@pytest.mark.parametrize("version", ["0.14", "0.19"])
def test_no_text_of_a_home_leaves_it(tmp_path: Path, version: str, mark: str) -> None:
    """With a mark in every place where text can stand, no reading, no reason and no summary holds it."""
    home = AgentHome(tmp_path / "home", version)
    fill(home, mark)
    assert MARK not in everything(home).lower()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data[:-40] + MARK.encode(),
        lambda data: data.replace(b'"jobs"', b'"%s"' % MARK.encode(), 1) + MARK.encode(),
        lambda data: MARK.encode() + data,
    ],
    ids=["cut short", "another key and more behind", "more in front"],
)
def test_a_reason_does_not_quote_what_it_could_not_read(tmp_path: Path, spoil: Any) -> None:
    """What is wrong with a file is said in our words, also where its own would be at hand."""
    home = AgentHome(tmp_path / "home")
    home.jobs(job(prompt=MARK))
    path = home.path / "cron/jobs.json"
    path.write_bytes(spoil(path.read_bytes()))
    readings = cron.read(home.path, NORTH, NOW, runner(), kernel=FakeMachine())
    assert MARK not in repr(readings)


def test_names_of_columns_and_tables_that_somebody_chose_do_not_leave(tmp_path: Path) -> None:
    """A view that asks for something that is not there, in words of its own, is refused in ours."""
    home = AgentHome(tmp_path / "home")
    home.run("ALTER TABLE messages RENAME TO kept")
    home.run(f"CREATE VIEW messages AS SELECT id, session_id, role, timestamp, nowhere('{MARK}') AS x FROM kept_{MARK}")
    readings = sessions.read(home.path, NORTH, NOW, runner())
    assert MARK not in repr(readings)
