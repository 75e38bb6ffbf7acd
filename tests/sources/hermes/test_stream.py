"""The stream of session summaries."""

from __future__ import annotations

import json
import tempfile
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck.sources.files import SourceError
from quarterdeck.sources.hermes import stream
from quarterdeck.sources.hermes.stream import Cursor, SessionSummary
from quarterdeck.truth.instance import Instance
from quarterdeck.truth.reading import Reason
from tests.sources.hermes.agent_home import DAY, NORTH, NOW, OPEN, SCHEMAS, AgentHome, T


@pytest.fixture(params=sorted(SCHEMAS))
def home(request: pytest.FixtureRequest, tmp_path: Path) -> AgentHome:
    return AgentHome(tmp_path / "home", request.param)


class Reader:
    """Who reads the stream: keeps the highest revision of each session, and the cursor as JSON between two looks."""

    def __init__(self, home: AgentHome, batch: int = 100, instance: Instance = NORTH) -> None:
        self.home = home
        self.batch = batch
        self.instance = instance
        self.cursor: object = None
        self.ledger: dict[str, SessionSummary] = {}

    def look(self, at: float = 0.0) -> list[SessionSummary]:
        """One look, so many seconds from now."""
        cursor = None if self.cursor is None else Cursor.from_json(json.loads(json.dumps(self.cursor)))
        now = NOW + timedelta(seconds=at)
        told, after = stream.changes(self.home.path, self.instance, cursor, now, batch=self.batch)
        if cursor is not None and after.epoch != cursor.epoch:
            self.ledger = {}
        for summary in told:
            before = self.ledger.get(summary.id)
            assert before is None or before.revision <= summary.revision
            self.ledger[summary.id] = summary
        self.cursor = after.as_json()
        return told

    def catch_up(self, at: float = 0.0, looks: int = 60) -> None:
        """Look until nothing new is told."""
        for _ in range(looks):
            if not self.look(at) and Cursor.from_json(self.cursor).whole:
                return
        pytest.fail("the stream does not come to rest")

    def names(self) -> list[str]:
        return sorted(self.ledger)


def told_names(told: list[SessionSummary]) -> list[str]:
    return sorted(summary.id for summary in told)


def test_a_session_is_told_with_what_may_leave(tmp_path: Path) -> None:
    """A summary holds times, source, model, counts, tokens and cost; no title."""
    home = AgentHome(tmp_path / "home")
    home.session("20260302_100000_a1b2c3", began=7_200, source="cli")
    home.session(
        "20260302_110000_a1b2c3d4",
        began=3_600,
        ended_at=T - 60,
        end_reason="session_reset",
        model="anthropic/claude-sonnet-4.6",
        parent_session_id="20260302_100000_a1b2c3",
        message_count=7,
        tool_call_count=3,
        api_call_count=4,
        input_tokens=10,
        output_tokens=20,
        cache_read_tokens=30,
        cache_write_tokens=40,
        reasoning_tokens=5,
        estimated_cost_usd=0.5,
        actual_cost_usd=0.25,
        cost_status="actual",
        title="a private title",
    )
    use = {"session_id": "20260302_110000_a1b2c3d4", "model": "m", "task": "vision", "input_tokens": 9}
    home.insert("session_model_usage", use | {"estimated_cost_usd": 0.125})
    _, summary = Reader(home).look()
    assert summary == SessionSummary(
        id="20260302_110000_a1b2c3d4",
        revision=int(T * 1000),
        source="telegram",
        started_at=NOW - timedelta(seconds=3_600),
        ended_at=NOW - timedelta(seconds=60),
        end_reason="session_reset",
        model="anthropic/claude-sonnet-4.6",
        parent="20260302_100000_a1b2c3",
        messages=7,
        tool_calls=3,
        api_calls=4,
        input_tokens=10,
        output_tokens=20,
        cache_read_tokens=30,
        cache_write_tokens=40,
        reasoning_tokens=5,
        cost_usd=0.25,
        cost_status="actual",
        side_tokens=9,
        side_cost_usd=0.125,
    )
    assert json.loads(json.dumps(summary.as_record()))["ended_at"] == "2026-03-02T11:59:00.000Z"


def test_a_title_is_told_where_the_policy_allows_it(home: AgentHome) -> None:
    """Titles leave only where somebody decided so; a credential within one is masked."""
    secret = "-".join(("sk", "x" * 24))
    home.session("a", title=f"about {secret}")
    assert [summary.title for summary in Reader(home).look()] == [None]
    assert [summary.title for summary in Reader(home, instance=OPEN).look()] == ["about [redacted:sk_key]"]


def test_what_fits_no_shape_is_left_out(home: AgentHome) -> None:
    """Values that make no sense are left out, each for itself, and the session is told all the same."""
    home.session(
        "my private session",
        source="My Tool",
        model="a sentence that is no model",
        end_reason="Because I said so",
        parent_session_id="somebody/else",
        ended_at="then",
        message_count=-4,
        input_tokens="many",
        actual_cost_usd="much",
        cost_status="cheap",
    )
    (summary,) = Reader(home).look()
    assert summary.id.startswith("x")
    assert summary.id.isalnum()
    assert summary.parent is not None
    assert "/" not in summary.parent
    assert summary.source == "other"
    left = ("model", "end_reason", "ended_at", "messages", "input_tokens", "cost_usd", "cost_status")
    assert [getattr(summary, name) for name in left] == [None] * len(left)
    assert summary.output_tokens == 0


def test_side_work_that_makes_no_sense_is_left_out(tmp_path: Path) -> None:
    """Numbers of side work that are none leave that figure out, and nothing else."""
    home = AgentHome(tmp_path / "home")
    home.session("a", input_tokens=3)
    home.insert("session_model_usage", {"session_id": "a", "model": "m", "task": "vision", "input_tokens": "?"})
    (summary,) = Reader(home).look()
    assert (summary.side_tokens, summary.side_cost_usd, summary.input_tokens) == (None, None, 3)


def test_columns_that_are_missing_are_left_out(home: AgentHome) -> None:
    """A schema that lacks a column tells the rest; without its key columns it tells nothing."""
    home.session("a")
    home.run("ALTER TABLE sessions DROP COLUMN end_reason")
    home.run("ALTER TABLE sessions DROP COLUMN cost_status")
    assert told_names(Reader(home).look()) == ["a"]
    home.run("ALTER TABLE sessions RENAME COLUMN source TO origin")
    with pytest.raises(SourceError) as caught:
        Reader(home).look()
    assert caught.value.reason is Reason.SCHEMA


# --- history, then changes -------------------------------------------------------------------------------------------


def test_history_comes_in_batches_oldest_first(home: AgentHome) -> None:
    """A long history is told in batches, each session once, also those that began in the same moment."""
    for number in range(23):
        home.session(f"s{number:02}", began=50 * DAY - (number // 5) * 60)
    reader = Reader(home, batch=7)
    batches = [[summary.id for summary in reader.look()] for _ in range(5)]
    assert [len(batch) for batch in batches] == [7, 7, 7, 2, 0]
    assert list(chain.from_iterable(batches)) == [f"s{number:02}" for number in range(23)]


def test_a_quiet_home_has_nothing_to_tell(home: AgentHome) -> None:
    """When nothing changed nothing is told, however often somebody looks and however time passes."""
    for number in range(5):
        home.session(f"s{number}", began=number * 40_000.0)
        home.say(f"s{number}", "user", ago=number * 40_000.0)
    reader = Reader(home)
    reader.catch_up()
    assert [reader.look(at) for at in (1, 60, 7_200, 3 * DAY)] == [[]] * 4


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("UPDATE sessions SET input_tokens = 99 WHERE id = 'today'", ["today"]),
        (f"UPDATE sessions SET ended_at = {T} WHERE id = 'today'", ["today"]),
        (f"UPDATE sessions SET ended_at = {T} WHERE id = 'yesterday'", ["yesterday"]),
        (f"UPDATE sessions SET ended_at = {T} WHERE id = 'resumed'", ["resumed"]),
        (f"INSERT INTO messages (session_id, role, timestamp) VALUES ('ancient', 'user', {T})", ["ancient"]),
        (f"INSERT INTO sessions (id, source, started_at) VALUES ('new', 'cli', {T})", ["new"]),
        (f"INSERT INTO sessions (id, source, started_at) VALUES ('late', 'cli', {T - 3000})", ["late"]),
        ("DELETE FROM sessions WHERE id = 'today'", []),
        ("DELETE FROM messages", []),
    ],
)
def test_what_changed_is_told_again(home: AgentHome, change: str, expected: list[str]) -> None:
    """New sessions, new messages and changed rows are told; sessions entered late and ended ones too."""
    for name, began in (("ancient", 300 * DAY), ("resumed", 9 * DAY), ("yesterday", 40 * 3_600.0), ("today", 60.0)):
        home.session(name, began=began)
        home.say(name, "user", ago=began)
    reader = Reader(home)
    reader.catch_up()
    home.run(change)
    assert told_names(reader.look(5)) == expected
    assert reader.look(6) == []


def test_many_new_messages_are_taken_in_batches(home: AgentHome) -> None:
    """A burst of messages is worked off over several looks, and no session is skipped."""
    for number in range(40):
        home.session(f"s{number:02}", began=90 * DAY, source="cli")
    reader = Reader(home, batch=8)
    reader.catch_up()
    for number in range(40):
        home.say(f"s{number:02}", "user", ago=10)
        home.run("UPDATE sessions SET message_count = message_count + 1 WHERE id = ?", f"s{number:02}")
    reader.catch_up(20)
    assert [reader.ledger[f"s{number:02}"].messages for number in range(40)] == [1] * 40


def test_sessions_that_stay_open_are_asked_in_turn(home: AgentHome) -> None:
    """Of many sessions that stay open for days, the end of each is told within a few looks."""
    for number in range(60):
        home.session(f"s{number:02}", began=20 * DAY)
    reader = Reader(home)
    reader.catch_up()
    home.run("UPDATE sessions SET ended_at = ? WHERE id IN ('s03', 's31', 's59')", T)
    told = [name for at in range(4) for name in told_names(reader.look(at))]
    assert sorted(told) == ["s03", "s31", "s59"]


def test_a_session_from_the_future_stops_nothing(home: AgentHome) -> None:
    """One session with a wrong clock does not hide those that begin afterwards."""
    home.session("wrong", began=-90 * DAY)
    reader = Reader(home)
    reader.catch_up()
    home.session("right", began=-5)
    assert told_names(reader.look(10)) == ["right"]
    home.run("INSERT INTO sessions (id, source, started_at) VALUES ('odd', 'cli', 'yesterday')")
    home.session("next", began=-15)
    assert told_names(reader.look(20)) == ["next"]


def test_a_clock_that_was_set_back_lowers_no_revision(home: AgentHome) -> None:
    """Revisions grow also when the clock does not."""
    home.session("s", began=60)
    reader = Reader(home)
    (first,) = reader.look(500)
    home.run("UPDATE sessions SET input_tokens = 5")
    (second,) = reader.look(-500)
    assert second.revision > first.revision


# --- databases that come and go --------------------------------------------------------------------------------------


def test_another_database_is_told_from_the_start(home: AgentHome) -> None:
    """When ids begin anew it is another database: a new epoch begins and all of it is told."""
    for number in range(5):
        home.session(f"old{number}")
        home.say(f"old{number}", "user", ago=5)
    reader = Reader(home)
    reader.catch_up()
    (home.path / "state.db").unlink()
    again = AgentHome(home.path, home.version)
    again.session("new")
    again.say("new", "user", ago=5)
    assert told_names(reader.look(5)) == ["new"]
    assert Cursor.from_json(reader.cursor).epoch == 1
    assert reader.names() == ["new"]


def test_deleting_the_newest_messages_begins_no_epoch(home: AgentHome) -> None:
    """Rewinding and pruning take messages away; the database is still the same."""
    home.session("s")
    for ago in (30, 20, 10):
        home.say("s", "user", ago=ago)
    reader = Reader(home)
    reader.catch_up()
    home.run("DELETE FROM messages WHERE id > 1")
    reader.look(1)
    home.say("s", "user", ago=0)
    home.run("UPDATE sessions SET message_count = 2")
    assert told_names(reader.look(2)) == ["s"]
    assert Cursor.from_json(reader.cursor).epoch == 0


def test_a_home_whose_sessions_come_later_is_followed_from_the_start(home: AgentHome) -> None:
    """An empty database is a beginning like any other."""
    reader = Reader(home)
    assert reader.look() == reader.look(1) == []
    home.session("first", began=-2)
    home.say("first", "user", ago=-2)
    assert told_names(reader.look(3)) == ["first"]


def test_a_database_that_is_not_there_leaves_the_cursor_where_it_was(tmp_path: Path) -> None:
    """Without a database the look fails with its reason, and nothing is forgotten."""
    with pytest.raises(SourceError) as caught:
        stream.changes(tmp_path, NORTH, None, NOW)
    assert caught.value.reason is Reason.MISSING


GOOD = Cursor(2, 3, (1.5, "a"), whole=True, message_id=9, recent={"a": "x"}, watched=("b",))


def test_a_cursor_survives_as_json() -> None:
    """A cursor is the same after a night in a file."""
    assert Cursor.from_json(json.loads(json.dumps(GOOD.as_json()))) == GOOD


@pytest.mark.parametrize(
    "raw",
    [
        None,
        [],
        "cursor",
        {},
        GOOD.as_json() | {"epoch": -1},
        GOOD.as_json() | {"revision": "3"},
        GOOD.as_json() | {"whole": 1},
        GOOD.as_json() | {"after": 5},
        GOOD.as_json() | {"after": ["x", "y"]},
        GOOD.as_json() | {"after": []},
        GOOD.as_json() | {"recent": None},
        GOOD.as_json() | {"watched": 5},
    ],
)
def test_what_is_no_cursor_stands_before_everything(raw: object) -> None:
    """A cursor that makes no sense is forgotten: then everything is told again."""
    assert Cursor.from_json(raw) == Cursor()


# --- against an oracle -----------------------------------------------------------------------------------------------

EVENT = st.tuples(
    st.sampled_from(["begin", "late", "message", "tokens", "end", "rewind", "vacuum", "wait", "import"]),
    st.integers(0, 7),
)


@given(
    began=st.lists(st.sampled_from([100 * DAY, 9 * DAY, 3 * DAY, 47 * 3_600.0, 3_000.0, 50.0]), max_size=8),
    events=st.lists(EVENT, max_size=10),
    batch=st.sampled_from([2, 5, 100]),
)
@settings(max_examples=20)
def test_the_ledger_is_the_home_whatever_happens(began: list[float], events: list[tuple[str, int]], batch: int) -> None:
    """Who reads the stream holds in the end the sessions exactly as the home has them, however things came."""
    with tempfile.TemporaryDirectory() as folder:
        home = AgentHome(Path(folder) / "home")
        for number, ago in enumerate(began):
            home.session(f"s{number}", began=ago)
        reader, at = Reader(home, batch), 0.0
        for step, (event, number) in enumerate(events):
            at += 40.0
            _happen(home, event, number, step, at)
            reader.look(at)
        reader.catch_up(at + 1)
        expected = Reader(home, 1_000)
        expected.look(at + 2)
        assert _facts(reader) == _facts(expected)


def _facts(reader: Reader) -> dict[str, dict[str, Any]]:
    return {name: summary.as_record() | {"revision": 0} for name, summary in reader.ledger.items()}


def _happen(home: AgentHome, event: str, number: int, step: int, at: float) -> None:
    name = f"s{number}"
    match event:
        case "begin":
            home.session(f"b{step}", began=-at)
        case "late":
            home.session(f"l{step}", began=-at + 900)
        case "message":
            with home.database() as db:
                there = db.execute("SELECT count(*) FROM sessions WHERE id = ?", (name,)).fetchone()[0]
            if there:
                home.say(name, "user", ago=-at)
                home.run("UPDATE sessions SET message_count = message_count + 1 WHERE id = ?", name)
        case "tokens":
            sql = "UPDATE sessions SET input_tokens = input_tokens + 1 WHERE id = ? AND started_at > ?"
            home.run(sql, name, T + at - 40 * 3_600)
        case "end":
            home.run("UPDATE sessions SET ended_at = ? WHERE id = ? AND ended_at IS NULL", T + at, name)
        case "rewind":
            home.run("DELETE FROM messages WHERE id = (SELECT max(id) FROM messages)")
        case "vacuum":
            _vacuum(home)
        case "import":
            home.session(f"i{step}", began=200 * DAY, ended_at=T - 199 * DAY)
            home.say(f"i{step}", "user", ago=200 * DAY)
        case _:
            pass


def _vacuum(home: AgentHome) -> Any:
    with home.database() as db:
        db.isolation_level = None
        db.execute("VACUUM")


def test_moments_are_in_utc(home: AgentHome) -> None:
    """Times of a summary are moments with a zone."""
    home.session("s", began=0)
    (summary,) = Reader(home).look()
    assert summary.started_at == datetime.fromtimestamp(T, UTC)
