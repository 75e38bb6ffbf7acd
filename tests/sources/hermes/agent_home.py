"""Homes as the agent leaves them, made with the columns and indexes of its releases 0.14 and 0.19."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from quarterdeck.sources.files import SourceError
from quarterdeck.sources.hermes.proc import Process
from quarterdeck.sources.hermes.runner import Runner
from quarterdeck.truth.instance import Instance, Policy
from quarterdeck.truth.reading import AnyReading, Known, Reason, Unavailable

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
T = NOW.timestamp()
DAY = 86_400.0
GATEWAY_PID = 4_242

NORTH = Instance("north", "North")
OPEN = Instance("north", "North", policy=Policy(job_names=True, session_titles=True))
SCHEMAS = {"0.14": 11, "0.19": 22}

MESSAGES = {
    "0.14": """
        id INTEGER PRIMARY KEY AUTOINCREMENT, session_id TEXT NOT NULL REFERENCES sessions(id), role TEXT NOT NULL,
        content TEXT, tool_call_id TEXT, tool_calls TEXT, tool_name TEXT, timestamp REAL NOT NULL, token_count INTEGER,
        finish_reason TEXT, reasoning TEXT, reasoning_content TEXT, reasoning_details TEXT, codex_reasoning_items TEXT,
        codex_message_items TEXT
    """,
    "0.19": """
        id INTEGER PRIMARY KEY AUTOINCREMENT, session_id TEXT NOT NULL REFERENCES sessions(id), role TEXT NOT NULL,
        content TEXT, tool_call_id TEXT, tool_calls TEXT, tool_name TEXT, effect_disposition TEXT,
        timestamp REAL NOT NULL, token_count INTEGER, finish_reason TEXT, reasoning TEXT, reasoning_content TEXT,
        reasoning_details TEXT, codex_reasoning_items TEXT, codex_message_items TEXT, platform_message_id TEXT,
        observed INTEGER DEFAULT 0, active INTEGER NOT NULL DEFAULT 1, compacted INTEGER NOT NULL DEFAULT 0,
        api_content TEXT
    """,
}
SESSIONS = {
    "0.14": """
        id TEXT PRIMARY KEY, source TEXT NOT NULL, user_id TEXT, model TEXT, model_config TEXT, system_prompt TEXT,
        parent_session_id TEXT, started_at REAL NOT NULL, ended_at REAL, end_reason TEXT,
        message_count INTEGER DEFAULT 0, tool_call_count INTEGER DEFAULT 0, input_tokens INTEGER DEFAULT 0,
        output_tokens INTEGER DEFAULT 0, cache_read_tokens INTEGER DEFAULT 0, cache_write_tokens INTEGER DEFAULT 0,
        reasoning_tokens INTEGER DEFAULT 0, billing_provider TEXT, billing_base_url TEXT, billing_mode TEXT,
        estimated_cost_usd REAL, actual_cost_usd REAL, cost_status TEXT, cost_source TEXT, pricing_version TEXT,
        title TEXT, api_call_count INTEGER DEFAULT 0, handoff_state TEXT, handoff_platform TEXT, handoff_error TEXT
    """,
    "0.19": """
        id TEXT PRIMARY KEY, source TEXT NOT NULL, user_id TEXT, session_key TEXT, chat_id TEXT, chat_type TEXT,
        thread_id TEXT, display_name TEXT, origin_json TEXT, expiry_finalized INTEGER DEFAULT 0, model TEXT,
        model_config TEXT, system_prompt TEXT, parent_session_id TEXT, started_at REAL NOT NULL, ended_at REAL,
        end_reason TEXT, message_count INTEGER DEFAULT 0, tool_call_count INTEGER DEFAULT 0,
        input_tokens INTEGER DEFAULT 0, output_tokens INTEGER DEFAULT 0, cache_read_tokens INTEGER DEFAULT 0,
        cache_write_tokens INTEGER DEFAULT 0, reasoning_tokens INTEGER DEFAULT 0, cwd TEXT, git_branch TEXT,
        git_repo_root TEXT, billing_provider TEXT, billing_base_url TEXT, billing_mode TEXT, estimated_cost_usd REAL,
        actual_cost_usd REAL, cost_status TEXT, cost_source TEXT, pricing_version TEXT, title TEXT,
        api_call_count INTEGER DEFAULT 0, handoff_state TEXT, handoff_platform TEXT, handoff_error TEXT,
        compression_failure_cooldown_until REAL, compression_failure_error TEXT,
        compression_fallback_streak INTEGER NOT NULL DEFAULT 0, profile_name TEXT,
        rewind_count INTEGER NOT NULL DEFAULT 0, archived INTEGER NOT NULL DEFAULT 0
    """,
}
USAGE = """
    session_id TEXT NOT NULL REFERENCES sessions(id) ON DELETE CASCADE, model TEXT NOT NULL,
    billing_provider TEXT NOT NULL DEFAULT '', billing_base_url TEXT NOT NULL DEFAULT '',
    billing_mode TEXT NOT NULL DEFAULT '', task TEXT NOT NULL DEFAULT '', api_call_count INTEGER NOT NULL DEFAULT 0,
    input_tokens INTEGER NOT NULL DEFAULT 0, output_tokens INTEGER NOT NULL DEFAULT 0,
    cache_read_tokens INTEGER NOT NULL DEFAULT 0, cache_write_tokens INTEGER NOT NULL DEFAULT 0,
    reasoning_tokens INTEGER NOT NULL DEFAULT 0, estimated_cost_usd REAL NOT NULL DEFAULT 0,
    actual_cost_usd REAL NOT NULL DEFAULT 0, cost_status TEXT, cost_source TEXT, first_seen REAL, last_seen REAL,
    PRIMARY KEY (session_id, model, billing_provider, billing_base_url, billing_mode, task)
"""
EXECUTIONS = """
    id TEXT PRIMARY KEY, job_id TEXT NOT NULL, source TEXT NOT NULL, process_id TEXT NOT NULL, pid INTEGER NOT NULL,
    process_started_at INTEGER,
    status TEXT NOT NULL CHECK(status IN ('claimed','running','completed','failed','unknown')),
    claimed_at TEXT NOT NULL, started_at TEXT, finished_at TEXT, error TEXT
"""
TASKS = {
    "0.14": """
        id TEXT PRIMARY KEY, title TEXT NOT NULL, body TEXT, assignee TEXT, status TEXT NOT NULL,
        priority INTEGER DEFAULT 0, created_by TEXT, created_at INTEGER NOT NULL, started_at INTEGER,
        completed_at INTEGER, workspace_path TEXT, claim_lock TEXT, claim_expires INTEGER, result TEXT,
        consecutive_failures INTEGER NOT NULL DEFAULT 0, worker_pid INTEGER, last_failure_error TEXT,
        last_heartbeat_at INTEGER, current_run_id INTEGER
    """,
    "0.19": """
        id TEXT PRIMARY KEY, title TEXT NOT NULL, body TEXT, assignee TEXT, status TEXT NOT NULL,
        priority INTEGER DEFAULT 0, created_by TEXT, created_at INTEGER NOT NULL, started_at INTEGER,
        completed_at INTEGER, workspace_path TEXT, claim_lock TEXT, claim_expires INTEGER, result TEXT,
        consecutive_failures INTEGER NOT NULL DEFAULT 0, worker_pid INTEGER, last_failure_error TEXT,
        last_heartbeat_at INTEGER, current_run_id INTEGER, session_id TEXT, block_kind TEXT,
        block_recurrences INTEGER NOT NULL DEFAULT 0
    """,
}
EVENTS = """
    id INTEGER PRIMARY KEY AUTOINCREMENT, task_id TEXT NOT NULL, run_id INTEGER, kind TEXT NOT NULL, payload TEXT,
    created_at INTEGER NOT NULL
"""
INDEXES = {
    "0.14": (
        "CREATE INDEX idx_messages_session ON messages(session_id, timestamp)",
        "CREATE INDEX idx_sessions_parent ON sessions(parent_session_id)",
        "CREATE INDEX idx_sessions_source ON sessions(source)",
        "CREATE INDEX idx_sessions_started ON sessions(started_at DESC)",
    ),
    "0.19": (
        "CREATE INDEX idx_messages_session ON messages(session_id, timestamp)",
        "CREATE INDEX idx_messages_session_active ON messages(session_id, active, timestamp)",
        "CREATE INDEX idx_session_model_usage_session ON session_model_usage(session_id)",
        "CREATE INDEX idx_sessions_source_id ON sessions(source, id)",
        "CREATE INDEX idx_sessions_started ON sessions(started_at DESC)",
    ),
}


def runner(
    version: str = "0.19", *, alive: bool | None = True, up_for: float = 2 * DAY, pid: int = GATEWAY_PID
) -> Runner:
    """A gateway that started so many seconds ago, is gone, or about which nothing can be told."""
    schema = SCHEMAS[version]
    if alive is None:
        return Runner(None, schema_version=schema, reason=Reason.DENIED, detail="the kernel's list cannot be read")
    if not alive:
        return Runner(alive=False, schema_version=schema)
    return Runner(alive=True, pid=pid, started_at=NOW - timedelta(seconds=up_for), schema_version=schema)


@dataclass
class FakeMachine:
    """A kernel that says what it is told to say."""

    holders: dict[str, int] = field(default_factory=dict)
    alive: set[tuple[int, int]] = field(default_factory=set)
    inner: dict[int, int] = field(default_factory=dict)
    refusal: SourceError | None = None

    def holder(self, path: Path) -> int | None:
        self._refuse()
        return self.holders.get(path.name)

    def process(self, pid: int) -> Process | None:
        self._refuse()
        found = [ticks for number, ticks in self.alive if number == pid]
        return Process(pid, "sleeping", found[0], NOW) if found else None

    def identify(self, pid: int, ticks: int) -> str:
        self._refuse()
        return "alive" if (pid, ticks) in self.alive else "gone"

    def inner_pid(self, pid: int) -> int:
        self._refuse()
        return self.inner.get(pid, pid)

    def _refuse(self) -> None:
        if self.refusal:
            raise self.refusal


class AgentHome:
    """A home of one release of the agent, filled by hand."""

    def __init__(self, path: Path, version: str = "0.19", *, indexes: bool = True) -> None:
        self.path = path
        self.version = version
        path.mkdir(parents=True, exist_ok=True)
        with self.database() as db:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute(f"CREATE TABLE sessions ({SESSIONS[version]})")
            db.execute(f"CREATE TABLE messages ({MESSAGES[version]})")
            db.execute("CREATE TABLE schema_version (version INTEGER NOT NULL)")
            db.execute("INSERT INTO schema_version VALUES (?)", (SCHEMAS[version],))
            if version == "0.19":
                db.execute(f"CREATE TABLE session_model_usage ({USAGE})")
            for index in INDEXES[version] if indexes else ():
                db.execute(index)

    @contextmanager
    def database(self, name: str = "state.db") -> Iterator[sqlite3.Connection]:
        """A connection as a writer has it; what was written is there afterwards."""
        with closing(sqlite3.connect(self.path / name)) as db:
            db.execute("PRAGMA synchronous = OFF")
            yield db
            db.commit()

    def session(self, name: str, *, began: float = 3_600.0, source: str = "telegram", **columns: Any) -> str:
        """A session that began so many seconds ago."""
        row = {"id": name, "source": source, "started_at": T - began, **columns}
        self.insert("sessions", row)
        return name

    def say(self, session: str, role: str, *, ago: float, calls: list[str] | None = None, **columns: Any) -> None:
        """A message so many seconds ago; ``calls`` are the tools an assistant calls in it."""
        row = {"session_id": session, "role": role, "timestamp": T - ago, **columns}
        if calls:
            row["tool_calls"] = json.dumps(
                [{"id": name, "type": "function", "function": {"name": name, "arguments": "{}"}} for name in calls]
            )
            row["finish_reason"] = "tool_calls"
        elif role == "assistant":
            row.setdefault("finish_reason", "stop")
        self.insert("messages", row)

    def insert(self, table: str, row: Mapping[str, Any], name: str = "state.db") -> None:
        """One row of any table."""
        marks = ", ".join("?" * len(row))
        with self.database(name) as db:
            db.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", tuple(row.values()))

    def run(self, sql: str, *params: Any, name: str = "state.db") -> None:
        """Any statement."""
        with self.database(name) as db:
            db.execute(sql, params)

    def write(self, name: str, content: str | bytes) -> Path:
        """A file of the home."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def jobs(self, *entries: object) -> None:
        """The list of declared jobs."""
        self.write("cron/jobs.json", json.dumps({"jobs": list(entries), "updated_at": iso(0)}))

    def ledger(self) -> None:
        """An empty ledger of runs."""
        (self.path / "cron").mkdir(exist_ok=True)
        self.run(f"CREATE TABLE executions ({EXECUTIONS})", name="cron/executions.db")

    def ran(self, job: str, status: str, *, ago: float, took: float | None = 5.0, **columns: Any) -> None:
        """A run in the ledger that began so many seconds ago."""
        row = {
            "id": f"{job}-{ago}-{status}",
            "job_id": job,
            "source": "builtin",
            "process_id": "p",
            "pid": GATEWAY_PID,
            "process_started_at": 500,
            "status": status,
            "claimed_at": iso(ago),
            "started_at": iso(ago),
            "finished_at": None if took is None else iso(ago - took),
            **columns,
        }
        self.insert("executions", row, name="cron/executions.db")

    def board(self, name: str = "kanban.db", *, version: str | None = None) -> None:
        """An empty board."""
        (self.path / name).parent.mkdir(parents=True, exist_ok=True)
        self.run(f"CREATE TABLE tasks ({TASKS[version or self.version]})", name=name)
        self.run(f"CREATE TABLE task_events ({EVENTS})", name=name)

    def task(self, identifier: str, status: str, board: str = "kanban.db", **columns: Any) -> None:
        """A task on a board."""
        row = {"id": identifier, "title": "a task", "status": status, "created_at": int(T - DAY), **columns}
        self.insert("tasks", row, name=board)


def iso(ago: float) -> str:
    """A time as the agent writes it, so many seconds ago."""
    return (NOW - timedelta(seconds=ago)).isoformat()


def job(identifier: str = "934a7b9942d5", **changes: object) -> dict[str, object]:
    """A job as the agent declares it."""
    return {
        "id": identifier,
        "name": "a job",
        "prompt": "do something",
        "schedule": {"kind": "interval", "minutes": 30, "display": "every 30m"},
        "schedule_display": "every 30m",
        "repeat": {"times": None, "completed": 0},
        "enabled": True,
        "state": "scheduled",
        "paused_at": None,
        "paused_reason": None,
        "created_at": iso(10 * DAY),
        "next_run_at": iso(-600),
        "last_run_at": iso(1_200),
        "last_status": "ok",
        "last_error": None,
        "last_delivery_error": None,
        "deliver": "local",
        **changes,
    }


class Told:
    """Readings by subject and field."""

    def __init__(self, readings: list[AnyReading]) -> None:
        self.readings = readings
        self._by_key = {(reading.subject, reading.field): reading for reading in readings}
        assert len(self._by_key) == len(readings), "a fact was told twice"

    def subjects(self) -> set[str]:
        return {reading.subject for reading in self.readings}

    def value(self, subject: str, field_name: str) -> Any:
        """The value of a reading that must be known."""
        found = self._by_key[subject, field_name]
        assert isinstance(found, Known), found
        return found.value

    def why(self, subject: str, field_name: str) -> Unavailable[Any]:
        """A reading that must not be known."""
        found = self._by_key[subject, field_name]
        assert isinstance(found, Unavailable), found
        return found

    def reason(self, subject: str, field_name: str) -> Reason:
        return self.why(subject, field_name).reason

    def values(self, subject: str) -> dict[str, Any]:
        """Every value known of a subject."""
        return {r.field: r.value for r in self.readings if r.subject == subject and isinstance(r, Known)}

    def unknown(self, subject: str) -> set[str]:
        """Every field of a subject that is not known."""
        return {r.field for r in self.readings if r.subject == subject and isinstance(r, Unavailable)}
