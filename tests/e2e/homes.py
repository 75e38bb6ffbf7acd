"""Homes of release 0.19, written by hand, in which one mark stands wherever something secret or personal can stand.

The databases have the columns the agent gives them (``quarterdeck.demo.schema``). Every column that holds text is
marked, but for those that hold rows together or that are known words.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from quarterdeck.demo import schema as recorded

SESSION: Final = "20261120_235801_a1b2c3"
JOB: Final = "934a7b9942d5"
TASK: Final = "t_1a2b3c4d"

# What is not personal, and what the tables need to hold together. Everything else that is text is marked.
PLAIN: Final[Mapping[str, object]] = {
    "source": "telegram", "model": "big-model", "role": "user", "finish_reason": "stop", "status": "running",
    "kind": "blocked", "state": "running", "delivery_state": "pending", "platform": "telegram", "tool_name": "terminal",
    "cost_status": "estimated", "cost_source": "none", "end_reason": None, "parent_session_id": None, "ended_at": None,
    "id": SESSION, "session_id": SESSION, "job_id": JOB, "task_id": TASK, "parent_id": TASK, "child_id": TASK,
    "completed_at": None, "finished_at": None,
}  # fmt: skip
INTEGERS: Final = {"active": 1, "version": 22, "archived": 0}


@dataclass(frozen=True, slots=True)
class Mark:
    """What must not get out: drawn anew for each run, so that no file of the project holds it."""

    shape: str
    token: str = field(default_factory=lambda: secrets.token_hex(8))

    @property
    def text(self) -> str:
        """The mark as it stands in a home: like a key, or like something somebody wrote."""
        return self.shape.format(self.token)

    def found_in(self, text: str | bytes) -> bool:
        """Whether a text holds the mark, or the half of it that a cut leaves."""
        told = (text if isinstance(text, bytes) else text.encode()).lower()
        return any(half.encode() in told for half in (self.token[:8], self.token[8:]))


SHAPES: Final = {"a key": f"{'s'}k_live_{{}}", "words": "dear {} see you"}
"""Both short and in small letters, so that they are easily taken for a name or a word."""


class MarkedHome:
    """A home full of marks."""

    def __init__(self, root: Path, mark: Mark) -> None:
        self.root, self.mark = root, mark.text
        self.now = datetime.now(UTC)
        for name, content in self._files().items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content if isinstance(content, str) else json.dumps(content, indent=1), encoding="utf-8")
        self.database("state.db", "state")
        self.database("cron/executions.db", "executions")
        self.database("kanban.db", "kanban")

    def _at(self, seconds: float) -> str:
        return (self.now + timedelta(seconds=seconds)).isoformat()

    # --- files -----------------------------------------------------------------------------------------------------

    def _files(self) -> dict[str, object]:
        mark, at = self.mark, self._at
        holder = {"pid": os.getpid(), "updated_at": at(-60), "start_time": 1, "argv": [mark], "kind": "gateway"}
        log = f"{self.now:%Y-%m-%d %H:%M:%S},123 ERROR run_agent: HTTP 429: {mark}\n{mark}\n"
        return {
            "config.yaml": self._config(),
            "auth.json": self._logins(),
            "gateway_state.json": holder | {
                "gateway_state": "running", "exit_reason": mark, "active_agents": 1, "restart_requested": False,
                "platforms": {
                    "telegram": {"state": "retrying", "error_code": mark, "error_message": mark, "updated_at": at(-60)}
                },
            },
            "gateway.pid": holder, "gateway.lock": holder,
            "state/gateway.heartbeat": {"pid": os.getpid(), "updated_at": at(-5), "monotonic": 5.0, "note": mark},
            "cron/jobs.json": {"jobs": [self._job(), self._job() | {"id": "a" * 12, "state": "paused"}], "note": mark},
            "cron/ticker_heartbeat": str(time.time()), "cron/ticker_last_success": str(time.time()),
            "cron/suggestions.json": [mark], f"cron/output/{JOB}/2026-11-21_03-00-00.md": mark,
            "logs/agent.log": log, "logs/errors.log": log, "logs/gateway.log": log, "logs/gui.log": log,
            "logs/gateway-shutdown-diag.log": mark,
            "logs/gateway-exit-diag.log": json.dumps({"tag": "gateway.start", "ts": at(-900), "argv": mark}) + "\n",
            "gateway-starts.log": f"{time.time() - 900}\n{mark}\n",
            f"sessions/session_{SESSION}.json": {"messages": [{"content": mark}]}, "sessions/x.jsonl": f'"{mark}"\n',
            "sessions/sessions.json": {mark: {"session_id": SESSION, "origin": mark}},
            "sessions/request_dump_1.json": {
                "timestamp": at(-30), "reason": mark, "error": {"status_code": 429, "message": mark, "type": mark},
                "request": {"headers": {"Authorization": mark}, "body": mark},
            },
            "memories/MEMORY.md": f"{mark}\n§\n{mark}\n", "memories/USER.md": mark, "SOUL.md": mark,
            f"skills/notes/{mark}/SKILL.md": f"---\nname: {mark}\n---\n{mark}\n", "skills/.usage.json": {mark: mark},
            **{name: {mark: mark, "list": [mark]} for name in SECRET_FILES},
            **dict.fromkeys(SECRET_TEXTS, f"{mark}\n"),
            ".env": f"PROVIDER_KEY={mark}\n{mark}\n",
        }  # fmt: skip

    def _config(self) -> str:
        mark = json.dumps(self.mark)  # a JSON string is a YAML string
        return (
            f"_config_version: 33\n# {self.mark}\nmodel:\n  default: big-model\n  provider: custom\n"
            f"  base_url: {mark}\n  api_key: {mark}\n"
            f"fallback_providers:\n  - provider: other\n    model: small-model\n    api_key: {mark}\n"
            f"toolsets: [terminal]\ntimezone: Europe/Berlin\n"
            f"platforms:\n  telegram:\n    enabled: true\n    token: {mark}\n    extra: {{{mark}: {mark}}}\n"
            f"mcp_servers:\n  {mark}:\n    command: {mark}\n    env: {{KEY: {mark}}}\n"
            f"providers: {{{mark}: {{api_key: {mark}}}}}\ncustom_providers: [{mark}]\n{mark}: {mark}\n"
        )

    def _logins(self) -> dict[str, Any]:
        key = {"access_token": self.mark, "refresh_token": self.mark, "agent_key": self.mark, "label": self.mark}
        tried = {"last_status": "exhausted", "last_error_code": 429, "last_error_reset_at": self._at(600)}
        pool = key | tried | {"secret_fingerprint": self.mark, "last_error_message": self.mark}
        return {
            "active_provider": "other",
            "providers": {"other": key | {"expires_at": self._at(86_400)}},
            "credential_pool": {"other": [pool, key]},
            self.mark.replace(" ", "_") + " ": self.mark,
        }

    def _job(self) -> dict[str, Any]:
        free = dict.fromkeys(
            ("name", "prompt", "script", "origin", "workdir", "skill", "base_url", "context_from", "last_error"),
            self.mark,
        )
        return free | {
            "id": JOB, "schedule": {"kind": "interval", "minutes": 30, "display": self.mark}, "enabled": True,
            "schedule_display": self.mark, "state": "scheduled", "last_status": "error", "deliver": self.mark,
            "paused_at": None, "paused_reason": self.mark, "created_at": self._at(-9e5), "next_run_at": self._at(600),
            "last_run_at": self._at(-1200), "last_delivery_error": self.mark, "skills": [self.mark], "model": self.mark,
            "provider": self.mark, "enabled_toolsets": [self.mark], "run_claim": {"at": self._at(-10), "by": self.mark},
        }  # fmt: skip

    # --- databases ---------------------------------------------------------------------------------------------------

    def database(self, name: str, schema: str) -> None:
        """Make a database with a row in each table."""
        with closing(sqlite3.connect(self.root / name)) as db:
            db.execute("PRAGMA journal_mode = WAL")
            db.executescript(recorded.text("0.19.0", f"{schema}.sql") or "")
            for (table,) in db.execute("SELECT name FROM sqlite_master WHERE sql LIKE 'CREATE TABLE%'").fetchall():
                if not table.startswith(("sqlite_", "messages_fts")):
                    self._fill(db, table)
            db.commit()

    def _fill(self, db: sqlite3.Connection, table: str) -> None:
        columns = db.execute(f"PRAGMA table_info({table})").fetchall()
        row = {name: self._value(table, name, kind) for _, name, kind, _, _, _ in columns}
        names, marks = ", ".join(row), ", ".join("?" * len(row))
        db.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", tuple(row.values()))

    def _value(self, table: str, name: str, kind: str) -> object:
        if name.endswith("_at") and name not in PLAIN:
            return self._at(-60) if kind == "TEXT" else time.time() - 60
        if kind == "TEXT":
            own = {"tasks": TASK, "executions": "run-1"}.get(table)
            return own if name == "id" and own else PLAIN.get(name, self.mark)
        if name == "timestamp":
            return time.time() - 30
        return PLAIN[name] if name in PLAIN and name != "id" else INTEGERS.get(name, 1)


SECRET_FILES: Final = (
    ".anthropic_oauth.json", "auth/google_oauth.json", "shared/tokens.json", "webhook_subscriptions.json",
    "pairing/telegram.json", "platforms/pairing/telegram.json", "whatsapp/session/creds.json", "slack_tokens.json",
    "honcho.json", "mem0.json", "processes.json", "channel_directory.json", "channel_aliases.json",
    "runtime/active_sessions.json", "shell-hooks-allowlist.json", "gateway/dead_targets.json",
    "gateway/restart_loop.json", "skills/.hub/index.json",
)  # fmt: skip
SECRET_TEXTS: Final = (
    "auth.lock", ".hermes_history", "memory_store.db", "response_store.db", "hindsight/notes", "byterover/notes",
    "state-snapshots/20261120/.env", "backups/one.zip", "checkpoints/one", "pastes/one.txt", "image_cache/one",
    "cache/one", "browser_profile/one", "sandboxes/one", "spawn-trees/one", "moa-traces/one", "kanban/logs/one.log",
    "kanban/workspaces/one/file", "scripts/job.sh", "hooks/one/HOOK.yaml", "hooks/one/handler.py",
    "plugins/one/plugin.yaml", "plugins/one/__init__.py",
)  # fmt: skip

# --- spoiling ---------------------------------------------------------------------------------------------------------

SPOILABLE: Final = (
    "config.yaml", "auth.json", "gateway_state.json", "gateway.pid", "state/gateway.heartbeat", "cron/jobs.json",
    "cron/ticker_heartbeat", "cron/executions.db", "kanban.db", "state.db", "logs/errors.log",
    "logs/gateway-exit-diag.log", "gateway-starts.log", "sessions/request_dump_1.json", ".env", "skills/.usage.json",
)  # fmt: skip
"""Every file of a home that is opened for more than its size."""

Spoil = Callable[[Path, str], None]


def cut_short(path: Path, mark: str) -> None:
    """End the file in the middle of a mark; a file without one gets one first."""
    data = path.read_bytes()
    where = data.rfind(mark.encode())
    keep = data[:where] if where >= 0 else data
    path.write_bytes(keep + mark.encode()[: len(mark) - 6])


def as_value(path: Path, mark: str) -> None:
    """Put the mark where every value stands."""
    _rewrite(path, lambda value: mark, lambda key: key, mark)


def as_key(path: Path, mark: str) -> None:
    """Call everything by the mark."""
    _rewrite(path, lambda value: value, lambda key: f"{mark} {key}", mark)


def as_list(path: Path, mark: str) -> None:
    """Make the file a list where it was none, with the mark in it in every way."""
    path.unlink()
    path.write_text(json.dumps([mark, {mark: mark}, [mark], 7, None]), encoding="utf-8")


def as_noise(path: Path, mark: str) -> None:
    """Fill the file with the mark among bytes that are no text."""
    path.write_bytes(b"\xff\xfe\x00" + mark.encode("utf-16-le") + b"\xc3\x28" + mark.encode() + b"\x00")


SPOILS: Final[tuple[Spoil, ...]] = (cut_short, as_value, as_key, as_list, as_noise)


def _rewrite(path: Path, value: Callable[[object], object], key: Callable[[str], str], mark: str) -> None:
    if path.suffix == ".db":
        _rewrite_database(path, mark, values=value(None) is not None)
        return
    data = path.read_text(encoding="utf-8")
    content = json.loads(data) if data.startswith("{") and path.suffix != ".log" else {"model": {"default": data}}
    path.write_text(json.dumps(_walk(content, value, key)), encoding="utf-8")


def _walk(content: object, value: Callable[[object], object], key: Callable[[str], str]) -> object:
    if isinstance(content, dict):
        return {key(name): _walk(item, value, key) for name, item in content.items()}
    if isinstance(content, list):
        return [_walk(item, value, key) for item in content]
    return value(content)


def _rewrite_database(path: Path, mark: str, *, values: bool) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA legacy_alter_table = ON")
        for (trigger,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            db.execute(f"DROP TRIGGER {trigger}")
        db.execute("PRAGMA ignore_check_constraints = ON")
        for table in ("sessions", "messages", "executions", "tasks", "schema_version"):
            for _, name, *_ in db.execute(f"PRAGMA table_info({table})").fetchall():
                if values and not (table == "messages" and name == "id"):
                    db.execute(f"UPDATE {table} SET {name} = ?", (mark,))
                elif not values and name not in ("id", "version"):
                    db.execute(f'ALTER TABLE {table} RENAME COLUMN {name} TO "{mark} {name}"')
        db.commit()


@contextmanager
def held(home: Path) -> Iterator[None]:
    """Hold the home's lock, as a gateway that lives does."""
    with (home / "gateway.lock").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
