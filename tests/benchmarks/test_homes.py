"""The homes that benchmarks measure on are what they claim to be."""

from __future__ import annotations

import sqlite3
import subprocess
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import homes
from benchmarks.counts import count
from quarterdeck.demo import bulk
from quarterdeck.demo.bulk import TEXT, Shape
from tests.real.agents import ensure_agent
from tests.real.homes import Home

pytestmark = pytest.mark.timeout(240)  # a real agent makes the tables, and the machine may be busy

NOW = 1_800_000_000.0
SHAPE = Shape("example", sessions=40, messages=500, jobs=5, live=6, days=10)
SCHEMA = "SELECT type, name, sql FROM sqlite_schema WHERE tbl_name NOT LIKE '%fts%' ORDER BY type, name"
OPEN = """
import sys
from hermes_state import SessionDB
db = SessionDB()
print(db.session_count(), db.message_count())
db.append_message(sys.argv[1], "user", content="benchmark-text lighthouse")
print(len(db.search_messages("lighthouse")))
db.close()
"""


def made(version: str, folder: Path) -> Home:
    home = Home(ensure_agent(version), folder / "home", folder / "user")
    homes.empty(home)
    return home


def filled(version: str, folder: Path, shape: Shape = SHAPE) -> Home:
    folder.mkdir(exist_ok=True)
    home = made(version, folder)
    bulk.fill(home.root / "state.db", shape, NOW, lambda _: None)
    return home


def ask(home: Home, sql: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(home.root / "state.db")) as db:
        return db.execute(sql).fetchall()


@pytest.mark.parametrize("version", ["0.14.0", "0.19.0"])
def test_the_agent_takes_the_database_for_its_own(version: str, tmp_path: Path) -> None:
    """The agent counts what was written in bulk, goes on writing, and finds what it wrote by its own search."""
    home = filled(version, tmp_path)
    before = ask(home, SCHEMA)
    (session,) = ask(home, "SELECT id FROM sessions LIMIT 1")[0]
    command = [str(home.agent.python), "-c", OPEN, str(session)]
    said = subprocess.run(
        command, env=home.environment, cwd=home.user, capture_output=True, text=True, timeout=60, check=False
    )
    assert said.stdout.split() == ["40", "500", "1"], said.stderr
    assert ask(home, SCHEMA) == before


def test_what_was_put_away_is_put_back(tmp_path: Path) -> None:
    """Bulk writing leaves the tables, indexes and triggers that the agent made, and its write-ahead log."""
    home = made("0.19.0", tmp_path)
    before = ask(home, SCHEMA)
    bulk.fill(home.root / "state.db", SHAPE, NOW, lambda _: None)
    bulk.move(home.root / "state.db", 5.0)
    assert ask(home, SCHEMA) == before
    assert ask(home, "PRAGMA journal_mode") == [("wal",)]
    assert ask(home, "PRAGMA integrity_check") == [("ok",)]


def test_the_same_seed_and_moment_make_the_same_rows(tmp_path: Path) -> None:
    """Two homes of one shape hold the same rows; another seed makes others."""
    contents = []
    for name, seed in (("one", 1), ("two", 1), ("three", 2)):
        home = filled("0.19.0", tmp_path / name, replace(SHAPE, seed=seed))
        contents.append([ask(home, f"SELECT * FROM {table}") for table in ("sessions", "messages")])
    assert contents[0] == contents[1]
    assert contents[0] != contents[2]


def test_a_home_has_what_its_shape_says(tmp_path: Path) -> None:
    """Sessions, messages and live sessions are as many as asked for; half of the live ones began yesterday."""
    home = filled("0.19.0", tmp_path)
    counted = count(home.root / "state.db", NOW)
    assert (counted["total"], counted["live"]) == (40, 6)
    assert ask(home, "SELECT count(*) FROM messages") == [(500,)]
    live = f"SELECT session_id FROM messages WHERE timestamp > {NOW - 300}"
    yesterday = f"SELECT count(*) FROM sessions WHERE id IN ({live}) AND started_at < {NOW - 86_400}"
    assert ask(home, yesterday) == [(3,)]
    assert ask(
        home, "SELECT count(*) FROM messages AS a JOIN messages AS b ON b.id = a.id + 1 WHERE b.timestamp < a.timestamp"
    ) == [(0,)]


def test_everything_can_have_happened_later(tmp_path: Path) -> None:
    """A home that is moved in time says the same of its new moment as it said of the old one."""
    home = filled("0.19.0", tmp_path)
    before = count(home.root / "state.db", NOW)
    bulk.move(home.root / "state.db", 86_400.0)
    after = count(home.root / "state.db", NOW + 86_400)
    moments = {"last_message_at", "last_success_at"}
    assert {name: value for name, value in after.items() if name not in moments} == {
        name: value for name, value in before.items() if name not in moments
    }
    assert after["last_message_at"] == pytest.approx(before["last_message_at"] + 86_400)


def test_no_text_is_without_its_mark(tmp_path: Path) -> None:
    """Every text of a message, prompt and title begins with the mark by which a leak is found."""
    home = filled("0.19.0", tmp_path)
    for column, table in (("content", "messages"), ("system_prompt", "sessions"), ("title", "sessions")):
        unmarked = f"SELECT count(*) FROM {table} WHERE {column} IS NOT NULL AND {column} NOT LIKE '{TEXT}%'"
        assert ask(home, unmarked) == [(0,)]


def test_who_measures_gets_a_copy_of_his_own(cache: Path) -> None:
    """The home that is kept is not touched by what is done to a copy, and the copy is gone afterwards."""
    with homes.working_copy(homes.TINY, cache) as home:
        kept = homes.kept_home(homes.TINY, cache) / "home" / "state.db"
        before = kept.read_bytes()
        (newest,) = ask(home, "SELECT max(timestamp) FROM messages")[0]
        assert isinstance(newest, float)
        assert time.time() - newest < 60 + 240  # the youngest session moved within a minute when the copy was made
        (home.root / "state.db").write_bytes(b"broken")
    assert not home.root.exists()
    assert kept.read_bytes() == before


def test_a_home_is_built_once(cache: Path) -> None:
    """The same shape is found again; another one of its name takes its place."""
    first = homes.kept_home(homes.TINY, cache)
    assert homes.kept_home(homes.TINY, cache) == first
    other = homes.kept_home(replace(homes.TINY, name="other"), cache)
    seeded = homes.kept_home(replace(homes.TINY, name="other", seed=9), cache)
    assert (first.exists(), other.exists(), seeded.exists()) == (True, False, True)


def test_copies_of_the_killed_are_removed(cache: Path) -> None:
    """What a measurement left behind that did not come to its end goes with the next one."""
    left = cache / "run-4194305-left"  # beyond the largest number a process can have
    left.mkdir(parents=True)
    with homes.working_copy(homes.TINY, cache) as home:
        assert home.root.exists()
        assert not left.exists()
