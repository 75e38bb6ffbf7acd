"""The pump that takes sessions into the ledger: from homes, from exporters, whatever dies in between."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import pytest

from quarterdeck.cli.export_place import Place
from quarterdeck.cli.export_stream import Stream as ExporterStream
from quarterdeck.sources.hermes import sessions as home_sessions
from quarterdeck.sources.hermes import stream as home_stream
from quarterdeck.store import session_query
from quarterdeck.store.engine import Engine
from quarterdeck.store.migrate import upgrade
from quarterdeck.store.sessions import read_streams
from quarterdeck.truth import fields as F  # noqa: N812 -- short where every line names a field
from quarterdeck.truth.instance import Instance, Policy, subject
from quarterdeck.truth.past import Entry, SessionQuery
from quarterdeck.truth.reading import AnyReading, Known, Reason, Unavailable
from quarterdeck.wiring.ledger import ENDING, Ledger, Reader, reader_of
from tests.sources.hermes.agent_home import NOW, SCHEMAS, AgentHome, T, runner

MINUTE = timedelta(minutes=1)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = Engine(tmp_path / "history.db")
    made.write(upgrade)
    yield made
    made.close()


@pytest.fixture
def home(tmp_path: Path) -> AgentHome:
    return AgentHome(tmp_path / "home")


def instance_of(home: AgentHome, **policy: bool) -> Instance:
    return Instance("north", "North", home=home.path, policy=Policy(**policy))


def entries(engine: Engine, **asked: Any) -> dict[str, Entry]:
    with engine.reading() as connection:
        page = session_query.page(connection, SessionQuery(limit=500, **asked))
    return {entry.id: entry for entry in page.entries}


def catch_up(ledger: Ledger, now: datetime = NOW) -> int:
    """Pull until nothing is left to be pulled; return how often that took."""
    for number in range(1, 200):
        ledger.pull(now)
        if not ledger.busy:
            return number
    pytest.fail("the ledger is never done")


def readings(ledger: Ledger, instance: str = "north") -> Mapping[str, AnyReading]:
    about = subject(instance, "ledger")
    return {reading.field: reading for reading in ledger.look(NOW) if reading.subject == about}


def until(ledger: Ledger, instance: str = "north") -> AnyReading:
    return readings(ledger, instance)[F.LEDGER_UNTIL.name]


def counted(home: AgentHome) -> dict[str, tuple[Any, ...]]:
    """What SQLite itself says of the sessions."""
    with closing(sqlite3.connect(home.path / "state.db")) as db:
        rows = db.execute("SELECT id, source, message_count, ended_at IS NULL FROM sessions")
        return {row[0]: tuple(row[1:]) for row in rows}


def held(engine: Engine) -> dict[str, tuple[Any, ...]]:
    return {name: (e.source, e.messages, int(e.ended_at is None)) for name, e in entries(engine).items()}


def test_the_ledger_holds_what_the_home_holds(engine: Engine, home: AgentHome) -> None:
    """After a pull every session of the home is in the ledger, and what changes comes with the next pull."""
    for number in range(30):
        home.session(f"s{number}", began=900.0 + number, message_count=number)
    ledger = Ledger(engine, [instance_of(home)])
    catch_up(ledger)
    assert held(engine) == counted(home)
    home.run("UPDATE sessions SET message_count = 99, ended_at = ? WHERE id = 's4'", T)
    home.say("s5", "user", ago=1)
    home.session("late", began=1)
    ledger.pull(NOW + MINUTE)
    assert held(engine) == counted(home)
    home.run("DELETE FROM sessions WHERE id = 's1'")
    catch_up(ledger, NOW + 2 * MINUTE)
    assert set(held(engine)) - set(counted(home)) == {"s1"}


@pytest.mark.parametrize("version", sorted(SCHEMAS))
def test_a_day_of_the_ledger_is_the_day_that_the_brief_tells(engine: Engine, tmp_path: Path, version: str) -> None:
    """Sessions, tokens, cost and missing prices of the last day are the same figures in the ledger as in the home."""
    home, random = AgentHome(tmp_path / "home", version), Random(1)
    for number in range(200):
        tokens = random.choice((0, 0, 500, 90_000))
        home.session(
            f"s{number}",
            began=random.uniform(1, 2 * 86_400),
            input_tokens=random.choice((None, tokens)),
            cache_read_tokens=tokens // 3,
            estimated_cost_usd=random.choice((None, 0.0, 0.0123, 1.5)),
            actual_cost_usd=random.choice((None, None, 0.7)),
            cost_status=random.choice((None, "unknown", "included", "estimated", "actual", "none")),
        )
        if version == "0.19" and number % 3 == 0:
            usage = {"session_id": f"s{number}", "model": "m", "task": "title_generation", "input_tokens": number}
            home.insert("session_model_usage", usage | {"estimated_cost_usd": random.choice((0.0, 0.001))})
    catch_up(Ledger(engine, [instance_of(home)]))
    readings = home_sessions.read(home.path, instance_of(home), NOW, runner(version), memory=None)
    told = {one.field: one.value for one in readings if isinstance(one, Known)}
    with engine.reading() as connection:
        page = session_query.page(connection, SessionQuery(since=NOW - timedelta(hours=24)))
    assert page.total_is_exact
    assert page.sums is not None
    assert page.total == told[F.SESSIONS_24H.name]
    assert page.sums.tokens == told[F.TOKENS_24H.name]
    assert page.sums.cost_usd == pytest.approx(told[F.COST_24H.name], abs=1e-9)
    assert page.sums.unpriced == told[F.UNPRICED_24H.name]


def test_a_first_import_goes_on_from_call_to_call_and_says_how_far_it_is(engine: Engine, home: AgentHome) -> None:
    """History larger than one call can take is taken in over several, each bounded, and is never called complete."""
    with home.database() as db:
        rows = [(f"s{n:05}", "cli", T - 90_000 + n) for n in range(2_500)]
        db.executemany("INSERT INTO sessions (id, source, started_at) VALUES (?, ?, ?)", rows)
    ticks = count()
    ledger = Ledger(engine, [instance_of(home)], monotonic=lambda: float(next(ticks)))
    ledger.pull(NOW)
    assert readings(ledger)["sessions"].value == home_stream.BATCH  # type: ignore[union-attr]
    first = until(ledger)
    assert isinstance(first, Known)
    assert first.value is None
    assert catch_up(ledger) >= 2
    assert len(counted(home)) == 2_500
    last = until(ledger)
    assert isinstance(last, Known)
    assert last.value == NOW
    with engine.reading() as connection:
        assert session_query.count_by_instance(connection) == {"north": 2_500}


def test_who_is_killed_goes_on_where_the_ledger_stands(engine: Engine, home: AgentHome) -> None:
    """A pump that starts anew on the same ledger repeats nothing and leaves nothing out."""
    for number in range(10):
        home.session(f"s{number}", message_count=1)
    catch_up(Ledger(engine, [instance_of(home)]))
    home.run("UPDATE sessions SET message_count = 2 WHERE id = 's3'")
    home.say("s3", "user", ago=1)
    ledger = Ledger(engine, [instance_of(home)])
    assert ledger.pull(NOW + MINUTE) == 1
    assert held(engine) == counted(home)


KILLED = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from quarterdeck.store.engine import Engine
from quarterdeck.truth.instance import Instance
from quarterdeck.wiring.ledger import Ledger
ledger = Ledger(Engine(Path(sys.argv[1])), [Instance("north", "North", home=Path(sys.argv[2]))], budget_s=0.0)
while True:
    ledger.pull(datetime.fromtimestamp(float(sys.argv[3]), UTC))
    print("pulled", flush=True)
"""


def test_a_pump_that_is_killed_at_any_moment_loses_and_doubles_nothing(engine: Engine, home: AgentHome) -> None:
    """Killed with SIGKILL again and again during the import, the ledger in the end holds every session once."""
    with home.database() as db:
        rows = [(f"s{n:05}", "cli", T - 90_000 + n) for n in range(6_000)]
        db.executemany("INSERT INTO sessions (id, source, started_at) VALUES (?, ?, ?)", rows)
    for pulls in (1, 2, 1, 3):
        command = [sys.executable, "-c", KILLED, str(engine.file), str(home.path), str(T)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=os.environ) as process:
            assert process.stdout is not None
            for _ in range(pulls):
                process.stdout.readline()
            process.kill()
    catch_up(Ledger(engine, [instance_of(home)]))
    with engine.reading() as connection:
        assert session_query.count_by_instance(connection) == {"north": 6_000}
    assert len({entry.id for entry in all_of(engine)}) == 6_000


def all_of(engine: Engine) -> list[Entry]:
    found: list[Entry] = []
    query = SessionQuery(limit=500)
    while True:
        with engine.reading() as connection:
            page = session_query.page(connection, query)
        found += page.entries
        if page.next is None:
            return found
        query = query._replace(after=page.next)


def test_a_home_that_cannot_be_read_is_a_reading_with_its_reason(engine: Engine, home: AgentHome) -> None:
    """What could not be taken in says why, and keeps up to when it had been; others are taken in all the same."""
    home.session("a")
    south = AgentHome(home.path.with_name("south"))
    south.session("b")
    ledger = Ledger(engine, [instance_of(home), Instance("south", "South", home=south.path)])
    catch_up(ledger)
    (home.path / "state.db").write_bytes(b"no database at all")
    for name in ("state.db-wal", "state.db-shm"):
        (home.path / name).unlink(missing_ok=True)
    south.session("c", began=2)
    catch_up(ledger, NOW + MINUTE)
    lost = until(ledger)
    assert isinstance(lost, Unavailable)
    assert (lost.reason, lost.attempted_at) == (Reason.CORRUPT, NOW + MINUTE)
    assert lost.last is not None
    assert lost.last.value == NOW
    assert set(entries(engine)) == {"a", "b", "c"}
    assert isinstance(until(ledger, "south"), Known)
    with engine.reading() as connection:
        assert read_streams(connection)["north"].reason is Reason.CORRUPT


class Stumbling:
    """A reader with a mistake of ours in it, as long as it is not mended."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.mended = False
        self.kind, self.origin = reader.kind, reader.origin

    def unchanged(self) -> bool:
        return False

    def read(self, before: Any, now: datetime, /) -> Any:
        if not self.mended:
            raise ZeroDivisionError
        return self._reader.read(before, now)


def test_a_mistake_with_one_stream_stops_no_other(engine: Engine, home: AgentHome) -> None:
    """What nobody foresaw in one stream is said of its instance alone; others are taken in, and it is tried again."""
    home.session("a")
    south = Instance("south", "South", home=AgentHome(home.path.with_name("south")).path)
    made: dict[str, Stumbling] = {}

    def readers(instance: Instance) -> Reader:
        return made.setdefault("south", Stumbling(reader_of(instance))) if instance is south else reader_of(instance)

    ledger = Ledger(engine, [south, instance_of(home)], readers=readers)
    catch_up(ledger)
    lost = until(ledger, "south")
    assert isinstance(lost, Unavailable)
    assert (lost.reason, lost.detail) == (Reason.OBSERVER, "its sessions could not be taken in (ZeroDivisionError)")
    assert isinstance(until(ledger), Known)
    assert set(entries(engine)) == {"a"}
    made["south"].mended = True
    catch_up(ledger, NOW + MINUTE)
    assert isinstance(until(ledger, "south"), Known)


def test_a_ledger_that_is_not_understood_is_said(engine: Engine, home: AgentHome) -> None:
    """Where the ledger itself says what cannot be, whoever pulls goes on, and every instance is unknown for it."""
    home.session("a")
    catch_up(Ledger(engine, [instance_of(home)]))
    spoil = "UPDATE session_streams SET cursor = 'not JSON'"
    engine.write(lambda connection: connection.exec_driver_sql(spoil))
    ledger = Ledger(engine, [instance_of(home)])
    assert ledger.pull(NOW) == 0
    lost = until(ledger)
    assert isinstance(lost, Unavailable)
    assert lost.reason is Reason.OBSERVER


def test_a_database_that_is_replaced_begins_another_epoch(engine: Engine, home: AgentHome, tmp_path: Path) -> None:
    """Another database in the place of the first is told from its beginning; what the first held stays."""
    for number in range(5):
        home.session(f"old{number}", message_count=7)
        home.say(f"old{number}", "user", ago=5)
    ledger = Ledger(engine, [instance_of(home)])
    catch_up(ledger)
    for name in ("state.db", "state.db-wal", "state.db-shm"):
        (home.path / name).unlink(missing_ok=True)
    fresh = AgentHome(home.path)
    fresh.session("new")
    fresh.session("old1", message_count=1)
    catch_up(ledger, NOW - MINUTE)
    found = entries(engine)
    assert set(found) == {*(f"old{n}" for n in range(5)), "new"}
    assert found["old1"].messages == 1
    assert found["old2"].messages == 7


def test_sessions_of_another_user_are_never_read_from_the_home(engine: Engine, home: AgentHome) -> None:
    """A home that is not ours is refused with the way out, even where it could be opened."""
    home.session("a")
    os.chown(home.path, 12_345, 12_345)
    ledger = Ledger(engine, [instance_of(home)])
    ledger.pull(NOW)
    lost = until(ledger)
    assert isinstance(lost, Unavailable)
    assert lost.reason is Reason.DENIED
    assert "exporter" in lost.detail
    assert entries(engine) == {}


def test_what_has_not_changed_is_not_read_again(engine: Engine, home: AgentHome) -> None:
    """An idle home costs a glance at its files: its database is not asked, and still is known up to now."""
    home.session("a")
    reader = Counted(reader_of(instance_of(home)))
    ledger = Ledger(engine, [instance_of(home)], readers=lambda _: reader)
    catch_up(ledger)
    ledger.pull(NOW + MINUTE)
    before = reader.reads
    for step in range(5):
        ledger.pull(NOW + (2 + step) * MINUTE)
    assert reader.reads == before
    known = until(ledger)
    assert isinstance(known, Known)
    assert known.value == known.observed_at == NOW + 6 * MINUTE
    home.session("b", began=1)
    ledger.pull(NOW + 9 * MINUTE)
    assert set(entries(engine)) == {"a", "b"}


class Counted:
    """A reader that counts how often it reads."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.reads = 0
        self.kind, self.origin = reader.kind, reader.origin

    def unchanged(self) -> bool:
        return self._reader.unchanged()

    def read(self, before: Any, now: datetime, /) -> Any:
        self.reads += 1
        return self._reader.read(before, now)


def test_titles_follow_the_policy(engine: Engine, home: AgentHome) -> None:
    """Titles come when the policy lets them through, also of old sessions, and go when it no longer does."""
    home.session("a", began=90_000, title="harbour")
    for allowed in (False, True, False, True):
        catch_up(Ledger(engine, [instance_of(home, session_titles=allowed)]))
        assert entries(engine)["a"].title == ("harbour" if allowed else None)
        assert set(entries(engine, search="harb")) == ({"a"} if allowed else set())


def test_two_pulls_at_once_do_not_meet(engine: Engine, home: AgentHome) -> None:
    """While one thread pulls, another returns at once; together they take in everything once."""
    for number in range(300):
        home.session(f"s{number}")
    ledger = Ledger(engine, [instance_of(home)])
    changed: list[int] = []
    threads = [threading.Thread(target=lambda: changed.append(ledger.pull(NOW))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    catch_up(ledger)
    assert sum(changed) == 300
    assert len(all_of(engine)) == 300


def test_a_ledger_that_cannot_be_written_says_so_and_goes_on_later(home: AgentHome, tmp_path: Path) -> None:
    """When the history cannot be written, every instance's ledger is unknown for that reason, until it can again."""
    home.session("a")
    broken = Engine(tmp_path / "none" / "history.db")
    ledger = Ledger(broken, [instance_of(home)])
    assert ledger.pull(NOW) == 0
    lost = until(ledger)
    assert isinstance(lost, Unavailable)
    assert lost.reason is Reason.OBSERVER
    (tmp_path / "none").mkdir()
    broken.write(upgrade)
    catch_up(ledger, NOW + MINUTE)
    assert set(entries(broken)) == {"a"}
    assert isinstance(until(ledger), Known)
    broken.close()


# --- exporters -------------------------------------------------------------------------------------------------------


class Exporter:
    """What an exporter leaves in a folder: a stream, and beside it a snapshot that is written after it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.snapshot = folder / "snapshot.json"
        self.stream = folder / f"snapshot.json{ENDING}"

    def tell(
        self, *records: Mapping[str, Any], at: datetime = NOW, titles: bool = False, segment: int = 16_000_000
    ) -> None:
        with Place(self.snapshot.parent, []) as place:
            stream = ExporterStream(place, self.stream.name, "north", titles, segment)
            told = stream.extend(lambda cursor: (records, {"told": 1}))
        assert told is not None
        self.snapshot.write_text("{}")
        os.utime(self.snapshot, (at.timestamp(), at.timestamp()))

    def instance(self, **policy: bool) -> Instance:
        return Instance("north", "North", snapshot=self.snapshot, policy=Policy(**policy))


def plain(name: str, revision: int, **values: object) -> dict[str, Any]:
    return {"id": name, "revision": revision, "source": "cli", "started_at": NOW.isoformat(), **values}


@pytest.fixture
def exporter(tmp_path: Path) -> Exporter:
    return Exporter(tmp_path / "out")


def test_an_exporters_stream_is_known_up_to_its_last_snapshot(engine: Engine, exporter: Exporter) -> None:
    """What an exporter told is taken in; up to when it is known is when it last wrote, not when we read."""
    exporter.tell(plain("a", 1), plain("b", 2), at=NOW - 10 * MINUTE)
    ledger = Ledger(engine, [exporter.instance()])
    catch_up(ledger)
    assert set(entries(engine)) == {"a", "b"}
    known = until(ledger)
    assert isinstance(known, Known)
    assert (known.value, known.observed_at) == (NOW - 10 * MINUTE, NOW)
    exporter.tell(plain("a", 3, messages=5), at=NOW + 9 * MINUTE)
    ledger.pull(NOW + MINUTE)
    assert entries(engine)["a"].messages == 5
    assert until(ledger).value == NOW + MINUTE  # type: ignore[union-attr]


def test_a_stream_that_begins_anew_is_read_from_its_beginning(engine: Engine, exporter: Exporter) -> None:
    """A new epoch is believed although its revisions may be lower, and what the old one told stays."""
    exporter.tell(plain("a", 1_000, messages=9), plain("gone", 1_001))
    ledger = Ledger(engine, [exporter.instance()])
    catch_up(ledger)
    exporter.stream.unlink()
    exporter.stream.with_name(exporter.stream.name + ".cursor").unlink(missing_ok=True)
    exporter.tell(plain("a", 5, messages=3))
    catch_up(ledger, NOW + MINUTE)
    found = entries(engine)
    assert (found["a"].messages, set(found)) == (3, {"a", "gone"})


def test_segments_are_read_one_after_the_other(engine: Engine, exporter: Exporter) -> None:
    """A stream that was parted into segments is taken in whole, over as many calls as it needs."""
    for number in range(40):
        exporter.tell(plain(f"s{number}", number + 1), segment=2_000)
    catch_up(Ledger(engine, [exporter.instance()]))
    assert len(all_of(engine)) == 40


def test_lines_that_are_not_understood_are_counted(engine: Engine, exporter: Exporter) -> None:
    """A line that is no record is not passed over in silence: the ledger says how many there were, also later."""
    exporter.tell(plain("a", 1))
    with exporter.stream.open("ab") as file:
        file.write(b'{"id": 5}\nnonsense\n' + json.dumps(plain("b", 2)).encode() + b"\n")
    catch_up(Ledger(engine, [exporter.instance()]))
    again = Ledger(engine, [exporter.instance()])
    catch_up(again, NOW + MINUTE)
    assert set(entries(engine)) == {"a", "b"}
    assert readings(again)["refused"].value == 2  # type: ignore[union-attr]


def test_a_stream_of_somebody_else_is_refused(engine: Engine, exporter: Exporter) -> None:
    """A stream that belongs to another instance, or is none, is unknown with the reason, and nothing is taken in."""
    exporter.tell(plain("a", 1))
    ledger = Ledger(engine, [replace(exporter.instance(), id="south")])
    ledger.pull(NOW)
    lost = until(ledger, "south")
    assert isinstance(lost, Unavailable)
    assert lost.reason is Reason.SCHEMA
    assert entries(engine) == {}


def test_an_instance_that_turns_to_an_exporter_goes_on(engine: Engine, home: AgentHome, exporter: Exporter) -> None:
    """A home that was read directly and then through an exporter keeps its sessions, and the newer words hold."""
    home.session("a", message_count=9)
    catch_up(Ledger(engine, [instance_of(home)]))
    exporter.tell(plain("a", 1, messages=2), plain("b", 2))
    catch_up(Ledger(engine, [exporter.instance()]), NOW + MINUTE)
    found = entries(engine)
    assert (found["a"].messages, set(found)) == (2, {"a", "b"})
    catch_up(Ledger(engine, [instance_of(home)]), NOW + 2 * MINUTE)
    assert entries(engine)["a"].messages == 9


def test_nobody_to_ask_is_said(engine: Engine) -> None:
    """An instance without a home and without a snapshot has no ledger, and that is said with the reason."""
    ledger = Ledger(engine, [Instance("north", "North")])
    ledger.pull(NOW)
    lost = until(ledger)
    assert isinstance(lost, Unavailable)
    assert lost.reason is Reason.DENIED
