"""The figures of an instance's sessions."""

from __future__ import annotations

import math
import tempfile
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck.sources import sqlite
from quarterdeck.sources.hermes import sessions, statedb
from quarterdeck.sources.hermes.sessions import Memory
from quarterdeck.truth.reading import Reason
from tests.sources.hermes.agent_home import DAY, NORTH, NOW, SCHEMAS, AgentHome, T, Told, runner

ABOUT = "hermes:north/sessions"
VERSIONS = sorted(SCHEMAS)
DATABASE_FIELDS = {field.name for field, _ in sessions.FIGURES}


def told(home: AgentHome | Path, at: float = 0.0, memory: Memory | None = None, **gateway: Any) -> Told:
    """What a look tells, so many seconds from now."""
    path, version = (home, "0.19") if isinstance(home, Path) else (home.path, home.version)
    return Told(sessions.read(path, NORTH, NOW + timedelta(seconds=at), runner(version, **gateway), memory=memory))


@pytest.fixture(params=VERSIONS)
def home(request: pytest.FixtureRequest, tmp_path: Path) -> AgentHome:
    """An empty home of each release."""
    return AgentHome(tmp_path / "home", request.param)


# --- exact, whatever the home holds ----------------------------------------------------------------------------------

ago = st.one_of(
    st.sampled_from([0.0, 1.0, 299.0, 301.0, 3_600.0, DAY - 1, DAY + 1, 30 * DAY]), st.floats(0, 3 * DAY, width=32)
)
tokens = st.integers(0, 10_000)
costs = st.one_of(st.none(), st.sampled_from([0.0, 0.25, 1.5]))
side = st.lists(
    st.tuples(st.sampled_from(["", "title_generation", "vision"]), tokens, costs), max_size=2, unique_by=lambda u: u[0]
)
sources = st.sampled_from(["telegram", "cli", "cron", "api_server"])
SESSION = st.fixed_dictionaries(
    {
        "began": ago,
        "source": sources,
        "ended": st.booleans(),
        "tokens": st.tuples(tokens, tokens, tokens, tokens),
        "estimated": costs,
        "actual": costs,
        "status": st.sampled_from([None, "unknown", "none", "estimated", "actual", "included"]),
        "side": side,
        "messages": st.lists(ago, max_size=6),
    }
)


@dataclass(frozen=True)
class Oracle:
    """The same figures, counted one by one over what was put in."""

    rows: list[dict[str, Any]]
    version: str

    @property
    def day(self) -> list[dict[str, Any]]:
        return [row for row in self.rows if row["began"] <= DAY]

    def aside(self, row: dict[str, Any]) -> tuple[int, float]:
        used = [use for use in row["side"] if use[0]] if self.version == "0.19" else []
        return sum(use[1] for use in used), math.fsum(use[2] or 0.0 for use in used)

    def unpriced(self, row: dict[str, Any]) -> bool:
        main = sum(row["tokens"]) > 0 and row["status"] in {None, "unknown", "none"}
        aside, cost = self.aside(row)
        return main or (aside > 0 and cost == 0 and row["status"] != "included")

    def figures(self) -> dict[str, Any]:
        stamps = [stamp for row in self.rows for stamp in row["messages"]]
        costs_ = [row["estimated"] if row["actual"] is None else row["actual"] for row in self.day]
        return {
            "total": len(self.rows),
            "started_24h": len(self.day),
            "by_source_24h": dict(Counter(row["source"] for row in self.day)),
            "live": sum(not row["ended"] and min(row["messages"], default=DAY) <= 300 for row in self.rows),
            "messages_24h": sum(stamp <= DAY for stamp in stamps),
            "tokens_24h": sum(sum(row["tokens"]) + self.aside(row)[0] for row in self.day),
            "cost_24h_usd": pytest.approx(
                sum(cost or 0.0 for cost in costs_) + sum(self.aside(r)[1] for r in self.day)
            ),
            "unpriced_24h": sum(self.unpriced(row) for row in self.day),
        }


def fill(home: AgentHome, rows: list[dict[str, Any]]) -> None:
    """Put sessions into a home, their messages in the order in which they were written."""
    names = {}
    with home.database() as db:
        for number, row in enumerate(rows):
            names[number] = f"s{number}"
            keys = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")
            columns = {
                "id": names[number],
                "source": row["source"],
                "started_at": T - row["began"],
                "ended_at": T if row["ended"] else None,
                "estimated_cost_usd": row["estimated"],
                "actual_cost_usd": row["actual"],
                "cost_status": row["status"],
                **dict(zip(keys, row["tokens"], strict=True)),
            }
            _insert(db, "sessions", columns)
            for task, used, cost in row["side"] if home.version == "0.19" else ():
                use = {"session_id": names[number], "model": "m", "task": task, "input_tokens": used}
                _insert(db, "session_model_usage", use | {"estimated_cost_usd": cost or 0.0})
        written = sorted(
            ((stamp, number) for number, row in enumerate(rows) for stamp in row["messages"]), reverse=True
        )
        for stamp, number in written:
            message = {"session_id": names[number], "role": "user", "content": "x" * 50, "timestamp": T - stamp}
            _insert(db, "messages", message)


def _insert(db: Any, table: str, row: dict[str, Any]) -> None:
    db.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", tuple(row.values()))


@pytest.mark.parametrize("indexes", [True, False])
@pytest.mark.parametrize("version", VERSIONS)
@given(rows=st.lists(SESSION, max_size=8))
@settings(max_examples=40)
def test_figures_are_what_counting_one_by_one_gives(version: str, indexes: bool, rows: list[dict[str, Any]]) -> None:
    """Every figure of the day is exact, in both schemas, with the agent's indexes and without them."""
    with tempfile.TemporaryDirectory() as folder:
        home = AgentHome(Path(folder) / "home", version, indexes=indexes)
        fill(home, rows)
        values = told(home).values(ABOUT)
        expected = Oracle(rows, version).figures()
    assert {name: values[name] for name in expected} == expected


@given(
    order=st.permutations(range(12)),
    old=st.lists(st.integers(0, 11), max_size=6),
    step=st.sampled_from([1, 2, 3]),
)
@settings(max_examples=60)
def test_messages_are_found_wherever_they_stand(order: list[int], old: list[int], step: int) -> None:
    """Messages of long-running sessions are counted whatever stands between them, entered in whatever order."""
    with tempfile.TemporaryDirectory() as folder:
        home = AgentHome(Path(folder) / "home")
        for number in range(12):
            home.session(f"s{number}", began=30 * DAY)
        with home.database() as db:
            for place, number in enumerate(order):
                at = T - 29 * DAY if number in old else T - DAY / 2 + place
                _insert(db, "messages", {"session_id": f"s{number}", "role": "user", "timestamp": at})
        with home.database() as db:
            (counted,) = db.execute("SELECT count(*) FROM messages WHERE timestamp >= ?", (T - DAY,)).fetchone()
        assert told(home).value(ABOUT, "messages_24h") == counted


def test_old_sessions_that_move_again_are_found_beneath_a_stretch_of_old_rows(tmp_path: Path) -> None:
    """Rows rewritten with their old times do not hide older sessions that moved within the day."""
    home = AgentHome(tmp_path / "home")
    for name in ("resumed", "rewritten", "ancient"):
        home.session(name, began=60 * DAY)
    with home.database() as db:
        for number in range(3_000):
            _insert(db, "messages", {"session_id": "ancient", "role": "user", "timestamp": T - 50 * DAY + number})
        for number in range(7):
            _insert(db, "messages", {"session_id": "resumed", "role": "user", "timestamp": T - 20 * 3_600 + number})
        for number in range(900):
            _insert(db, "messages", {"session_id": "rewritten", "role": "user", "timestamp": T - 40 * DAY + number})
    assert told(home).value(ABOUT, "messages_24h") == 7


def test_what_began_within_the_day_is_counted_beneath_any_import(tmp_path: Path) -> None:
    """Thousands of imported old messages do not hide those of sessions that began within the day."""
    home = AgentHome(tmp_path / "home")
    home.session("today", began=20 * 3_600)
    home.session("imported", began=400 * DAY)
    with home.database() as db:
        for number in range(5):
            _insert(db, "messages", {"session_id": "today", "role": "user", "timestamp": T - 19 * 3_600 + number})
        for number in range(5_000):
            _insert(db, "messages", {"session_id": "imported", "role": "user", "timestamp": T - 399 * DAY + number})
    assert told(home).value(ABOUT, "messages_24h") == 5


def test_the_newest_message_and_the_last_answer_are_told(home: AgentHome) -> None:
    """The newest message is the newest of all; the last answer is the last one the agent completed."""
    home.session("s", began=3 * DAY)
    home.say("s", "user", ago=500)
    home.say("s", "assistant", ago=400)
    home.say("s", "user", ago=300)
    home.say("s", "assistant", ago=200, calls=["terminal"])
    home.say("s", "assistant", ago=150, finish_reason="length")
    found = told(home)
    assert found.value(ABOUT, "last_message_at") == NOW - timedelta(seconds=150)
    assert found.value(ABOUT, "last_success_at") == NOW - timedelta(seconds=400)


def test_a_quiet_home_still_names_its_newest_message(home: AgentHome) -> None:
    """A home in which nothing moved for weeks says when it last did, and counts zero for the day."""
    home.session("s", began=30 * DAY)
    home.say("s", "assistant", ago=29 * DAY)
    found = told(home)
    assert found.value(ABOUT, "last_message_at") == NOW - timedelta(days=29)
    assert found.value(ABOUT, "messages_24h") == 0


def test_an_empty_database_holds_nothing(home: AgentHome) -> None:
    """A database without a session has none: zero is a fact there, and there is no newest message."""
    values = told(home).values(ABOUT)
    assert values["total"] == values["messages_24h"] == values["live"] == 0
    assert values["last_message_at"] is values["last_success_at"] is None


def test_a_source_that_is_no_word_is_called_other(home: AgentHome) -> None:
    """What somebody typed as the source of a session does not leave the home."""
    home.session("a", source="My Private Tool")
    home.session("b", source="discord")
    assert told(home).value(ABOUT, "by_source_24h") == {"other": 1, "discord": 1}


def test_the_last_answer_is_not_searched_for_without_end(tmp_path: Path) -> None:
    """Where no answer was completed for very long, this is said, and not that there never was one."""
    home = AgentHome(tmp_path / "home")
    home.session("s", began=DAY)
    home.say("s", "assistant", ago=DAY)
    home.insert("messages", {"id": 50_000, "session_id": "s", "role": "user", "timestamp": T - 5})
    found = told(home)
    assert found.reason(ABOUT, "last_success_at") is Reason.MISSING
    assert found.value(ABOUT, "messages_24h") == 2


# --- one broken part costs only what rests on it ---------------------------------------------------------------------


def test_the_schema_is_told_of_the_instance(home: AgentHome) -> None:
    """The version the agent wrote of its schema is a fact of the instance."""
    assert told(home).value("hermes:north", "schema_version") == SCHEMAS[home.version]


def test_a_newer_schema_with_the_same_columns_is_read(home: AgentHome) -> None:
    """Columns and versions that this release has never seen change nothing."""
    home.run("ALTER TABLE sessions ADD COLUMN mood TEXT")
    home.run("ALTER TABLE messages ADD COLUMN colour TEXT")
    home.run("UPDATE schema_version SET version = 99")
    home.session("s")
    found = told(home)
    assert found.value("hermes:north", "schema_version") == 99
    assert found.value(ABOUT, "total") == 1


@pytest.mark.parametrize(
    ("change", "lost"),
    [
        ("ALTER TABLE sessions DROP COLUMN input_tokens", {"tokens_24h", "unpriced_24h"}),
        ("ALTER TABLE sessions DROP COLUMN estimated_cost_usd", {"cost_24h_usd", "unpriced_24h"}),
        ("ALTER TABLE sessions DROP COLUMN ended_at", {"live"}),
        ("ALTER TABLE messages DROP COLUMN finish_reason", {"last_success_at"}),
        ("DROP TABLE messages", {"live", "messages_24h", "last_message_at", "last_success_at"}),
        ("UPDATE sessions SET output_tokens = 'many'", {"tokens_24h", "unpriced_24h"}),
        ("UPDATE sessions SET actual_cost_usd = 'much'", {"cost_24h_usd", "unpriced_24h"}),
        ("DELETE FROM schema_version", set()),
    ],
)
def test_a_missing_part_costs_only_what_needs_it(home: AgentHome, change: str, lost: set[str]) -> None:
    """A column, a table or a value that is not as expected makes its own figures unknown, and no others."""
    home.session("s", input_tokens=5, cost_status="estimated")
    home.say("s", "assistant", ago=10)
    home.run(change)
    found = told(home, alive=False)
    assert found.unknown(ABOUT) == lost
    assert all(found.reason(ABOUT, name) in {Reason.SCHEMA, Reason.CORRUPT} for name in lost)


def test_a_missing_table_of_sessions_leaves_nothing_to_count(home: AgentHome) -> None:
    """Without its table there are no sessions to count, which is not the same as none."""
    home.run("DROP TABLE sessions")
    found = told(home, alive=False)
    assert found.unknown(ABOUT) >= {"total", "started_24h", "by_source_24h", "tokens_24h", "cost_24h_usd", "live"}
    assert found.reason(ABOUT, "total") is Reason.SCHEMA


def test_no_database_is_not_no_sessions(tmp_path: Path) -> None:
    """In a home without a database every count is missing, and none is zero."""
    found = told(tmp_path)
    assert found.unknown(ABOUT) >= DATABASE_FIELDS | {"db_bytes", "open_turns"}
    assert {found.reason(ABOUT, name) for name in DATABASE_FIELDS} == {Reason.MISSING}


def test_sizes_and_malformed_copies_are_told(home: AgentHome) -> None:
    """The database, its log and the copies the agent set aside as malformed are told; side files of copies are not."""
    for name in ("", "-wal", "-shm"):
        home.write(f"state.db.malformed-backup-20260301_101010{name}", "x")
    home.write("state.db.malformed-backup-20260302_101010", "x")
    values = told(home).values(ABOUT)
    assert values["db_bytes"] == (home.path / "state.db").stat().st_size
    assert values["wal_bytes"] == 0.0
    assert values["malformed_copies"] == 2


# --- clocks ----------------------------------------------------------------------------------------------------------


def test_a_clock_that_was_set_back_takes_away_what_is_counted_by_it(home: AgentHome) -> None:
    """When the newest entries lie in the future no figure of the day can be told, and none is zero."""
    home.session("s", began=100.0)
    home.say("s", "assistant", ago=10)
    found = told(home, at=-7_200, alive=False)
    assert found.unknown(ABOUT) >= {"live", "messages_24h", "started_24h", "tokens_24h", "last_message_at"}
    assert found.value(ABOUT, "total") == 1


def test_a_clock_that_was_set_forward_makes_everything_old(home: AgentHome) -> None:
    """Seen from the future the day is empty, and the newest message is as old as it then is."""
    home.session("s", began=100.0)
    home.say("s", "assistant", ago=10)
    values = told(home, at=3 * DAY).values(ABOUT)
    assert values["messages_24h"] == values["started_24h"] == values["live"] == 0
    assert values["last_message_at"] == NOW - timedelta(seconds=10)


# --- memory ----------------------------------------------------------------------------------------------------------


@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(["nothing", "message", "session", "end", "delete", "import"]),
            st.sampled_from([1.0, 400.0, 7_200.0, DAY / 2, DAY, -3_600.0]),
        ),
        min_size=1,
        max_size=8,
    )
)
@settings(max_examples=25)
def test_a_look_with_a_memory_tells_what_one_without_tells(steps: list[tuple[str, float]]) -> None:
    """Whatever happened between two looks, remembering the first one changes no figure of the second."""
    with tempfile.TemporaryDirectory() as folder:
        home, memory, at = AgentHome(Path(folder) / "home"), Memory(), 0.0
        home.session("s0", began=5 * DAY)
        for number, (event, passed) in enumerate(steps):
            at += passed
            _happen(home, event, number, at)
            remembered, fresh = told(home, at=at, memory=memory), told(home, at=at)
            assert remembered.readings == fresh.readings


def _happen(home: AgentHome, event: str, number: int, at: float) -> None:
    match event:
        case "message":
            home.say("s0", "user", ago=5 - at)
        case "session":
            home.session(f"n{number}", began=10 - at, input_tokens=number)
            home.say(f"n{number}", "assistant", ago=8 - at)
        case "end":
            home.run("UPDATE sessions SET ended_at = ? WHERE id = 's0'", T + at)
        case "delete":
            home.run("DELETE FROM messages WHERE id = (SELECT max(id) FROM messages)")
        case "import":
            home.session(f"i{number}", began=50 * DAY)
            for place in range(3):
                home.say(f"i{number}", "user", ago=49 * DAY - place)
        case _:
            pass


def test_an_unchanged_database_is_not_read_again(home: AgentHome) -> None:
    """As long as the database stands still, what it said is still there."""
    home.session("s", began=3_600.0)
    home.say("s", "assistant", ago=100)
    memory = Memory()
    before = told(home, memory=memory)
    glimpse = memory.look(home.path / "state.db", NOW, runner(home.version))
    assert memory.look(home.path / "state.db", NOW + timedelta(seconds=30), runner(home.version)) is glimpse
    assert told(home, memory=memory).readings == before.readings


def test_a_message_that_leaves_the_day_is_no_longer_counted(home: AgentHome) -> None:
    """Time moves the window also when the database stands still."""
    home.session("s", began=2 * DAY)
    home.say("s", "user", ago=DAY - 60)
    memory = Memory()
    assert told(home, memory=memory).value(ABOUT, "messages_24h") == 1
    assert told(home, at=120, memory=memory).value(ABOUT, "messages_24h") == 0


def test_a_walk_goes_no_further_than_the_walk_before(tmp_path: Path) -> None:
    """What a walk has found is known to the next one, also what stands far beneath the newest rows."""
    home = AgentHome(tmp_path / "home")
    home.session("s", began=9 * DAY)
    home.say("s", "user", ago=60)
    found = sqlite.read(
        home.path / "state.db",
        lambda db: statedb.messages(
            statedb.Shelf(db), T - DAY, T, (), statedb.Walked(top=1, top_session="s", sessions=("s",))
        ),
        budget_s=5,
    )
    assert found.newest == {"s": T - 60}
    assert found.walked == statedb.Walked(1, "s", ("s",))
