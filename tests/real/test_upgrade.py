"""An upgrade from 0.14 to 0.19 in place, while somebody looks without a pause."""

from __future__ import annotations

import re
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import pytest

from tests.fakes.model_server import ModelServer
from tests.real.agents import ensure_agent
from tests.real.homes import Home, wait_until
from tests.real.looking import SEEN, Look, Looker, Row

OLD_SCHEMA: Final = 11
NEW_SCHEMA: Final = 22
MANY: Final = 20_000
TROUBLE: Final = re.compile(r"readonly database|database is locked|malformed|disk I/O error|unable to open database")
DAMAGE: Final = {"corrupt", "schema"}


@pytest.fixture
def home(model: ModelServer, tmp_path: Path) -> Iterator[Home]:
    """A home of 0.14 with a turn, a job and so many old messages that changing the schema takes a moment."""
    with Home.create(ensure_agent("0.14.0"), tmp_path / "upgraded", model) as home:
        home.create_jobs({"name": "daily", "prompt": "[[say:done]]", "schedule": "every 24h"})
        with home.gateway() as gateway:
            gateway.answer("[[say:old]]")
            gateway.stop()
        with closing(sqlite3.connect(home.root / "state.db")) as database, database:
            (session,) = database.execute("SELECT id FROM sessions").fetchone()
            database.executemany(
                "INSERT INTO messages (session_id, role, content, timestamp) VALUES (?, 'assistant', 'old', ?)",
                ((session, time.time() - MANY + number) for number in range(MANY)),
            )
        yield home


@contextmanager
def looking(looker: Looker, home: Home) -> Iterator[list[Look]]:
    """Look without a pause for the length of the block, and at least once after it began; return what was seen."""
    seen: list[Look] = []
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            seen.append(looker.run("show", "agents", "--home", str(home.root), "--json"))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        wait_until("a first look", lambda: seen)
        yield seen
    finally:
        over.set()
        thread.join()


def schema(home: Home) -> int:
    """Return the version of the schema, as the agent wrote it."""
    with closing(sqlite3.connect(f"file:{home.root / 'state.db'}?mode=ro", uri=True)) as database:
        (version,) = database.execute("SELECT version FROM schema_version").fetchone()
    return int(version)


def test_an_upgrade_while_we_look_disturbs_neither_side(looker: Looker, home: Home) -> None:
    """The new release migrates, starts and works; no look fails, none takes a change under way for damage."""
    assert schema(home) == OLD_SCHEMA
    upgraded = home.upgraded(ensure_agent("0.19.0"))
    with looking(looker, home) as seen:
        before = len(seen)
        with upgraded.gateway() as gateway:
            gateway.answer("[[say:new]]")
            row = wait_until("the new release at rest", lambda: _ok(looker, upgraded))
            gateway.stop()
    assert schema(home) == NEW_SCHEMA
    assert row.value("lock_holder") == gateway.pid
    assert len(seen) > before + 2, "so few looks that none can have met the upgrade"
    assert {look.exit_code for look in seen} <= SEEN, [look.errors for look in seen]
    for look in seen:
        reasons = {
            reading.get("unavailable", {}).get("reason") for r in look.rows.values() for reading in r.readings.values()
        }
        assert not reasons & DAMAGE
    logs = "\n".join(log.read_text(errors="replace") for log in (home.root / "logs").glob("*.log"))
    assert TROUBLE.search(logs) is None


def _ok(looker: Looker, home: Home) -> Row | None:
    row = looker.gateway(home)
    return row if row.verdict == "ok/idle" else None
