"""What may befall the history, done to it for real."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import insert, select

from quarterdeck.store import gaps, migrate
from quarterdeck.store.engine import APPLICATION_ID, Engine
from quarterdeck.store.gaps import Beat
from quarterdeck.store.keeper import Door, Keeper
from quarterdeck.store.readings import records
from quarterdeck.store.schema import subjects
from quarterdeck.store.sessions import Stream, write_stream
from quarterdeck.store.trouble import Kind, StoreError
from quarterdeck.truth import fields as F  # noqa: N812 -- as in the tables of truth
from quarterdeck.truth.grouped import Grouped
from quarterdeck.truth.past import Blind
from quarterdeck.truth.reading import Origin
from quarterdeck.truth.snapshot import Look, Snapshot
from tests.fakes import postgres

START = datetime.fromisoformat("2026-03-01T12:00:00+00:00")
MB = 1 << 20


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def beat(seconds: float) -> Beat:
    return Beat(at(seconds), seconds)


def snapshot(number: int, jobs: int = 3) -> Snapshot:
    """A small world that says something else each time."""
    now, origin = at(number), Origin("jobs", "cron/jobs.json")
    fields = {
        name: {"runs_24h": F.RUNS_24H.known(name, origin, number, now)}
        for name in (f"hermes:north/cron/{job:x}" for job in range(jobs))
    }
    looks = {"hermes:north": Look("hermes:north", now, 2.5, answered=True)}
    return Snapshot(number, now, (), Grouped(fields), looks)


def record(keeper: Keeper, number: int, jobs: int = 3) -> None:
    with keeper.writing(beat(number)) as scribe:
        scribe.write(snapshot(number, jobs), None, beat(number))


def gaps_of(keeper: Keeper, until: float = 10_000_000) -> list[Blind]:
    assert keeper.history is not None
    return list(keeper.history.blind(at(-10_000_000), at(until)))


def versions(keeper: Keeper) -> list[int]:
    assert keeper.history is not None
    with keeper.history.engine.reading() as connection:
        return list(connection.execute(select(records.c.version).order_by(records.c.seq)).scalars())


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state" / "history.db"


@pytest.fixture
def keeper(file: Path) -> Iterator[Keeper]:
    made = Keeper(file, floor=0, ballast=MB)
    yield made
    made.close()


# --- the file --------------------------------------------------------------------------------------------------------


def test_a_history_is_begun_for_its_owner_alone(keeper: Keeper, file: Path) -> None:
    """The folder is made, nobody else may look into it, and the file is known to be ours."""
    record(keeper, 1)
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert file.stat().st_mode & 0o777 == 0o600
    with Engine(file).reading() as connection:
        ask = connection.exec_driver_sql
        assert ask("PRAGMA application_id").scalar_one() == APPLICATION_ID
        assert ask("PRAGMA journal_mode").scalar_one() == "wal"
        assert ask("PRAGMA auto_vacuum").scalar_one() == 2


GARBAGE = {
    "noise": b"\xff" * 50_000,
    "nothing": b"",
    "text": b"SQLite format 3 it is not",
    "a header": b"SQLite format 3\0",
}


@pytest.mark.parametrize("kind", GARBAGE)
def test_a_damaged_file_is_set_aside_before_the_start(keeper: Keeper, file: Path, kind: str) -> None:
    """A file that is no database any more gets another name, another is begun, and says so."""
    file.parent.mkdir(parents=True)
    file.write_bytes(GARBAGE[kind])
    record(keeper, 1)
    (aside,) = file.parent.glob("history.db.bad-*Z")
    assert aside.read_bytes() == GARBAGE[kind]
    assert keeper.condition().set_aside == (at(1), aside.name)
    assert versions(keeper) == [1]


def test_damaged_pages_are_found_at_the_start(keeper: Keeper, file: Path) -> None:
    """A file whose header is whole and whose pages are not is found out, too."""
    for number in range(1, 30):
        record(keeper, number, jobs=40)
    keeper.close()
    with file.open("r+b") as opened:
        opened.seek(8192)
        opened.write(os.urandom(40_000))
    record(keeper, 50)
    assert list(file.parent.glob("history.db.bad-*Z"))
    assert versions(keeper) == [50]


def replace(file: Path) -> None:
    other = file.with_name("other")
    other.write_bytes(b"noise" * 999)
    other.replace(file)


BEFALL: dict[str, Callable[[Path], object]] = {
    "deleted": Path.unlink,
    "emptied": lambda file: os.truncate(file, 0),
    "cut off": lambda file: os.truncate(file, 8192),
    "overwritten": lambda file: file.write_bytes(b"\0" * 30_000),
    "replaced": replace,
}


@pytest.mark.parametrize("kind", BEFALL)
def test_a_file_that_is_lost_while_we_record_is_begun_anew(keeper: Keeper, file: Path, kind: str) -> None:
    """Whatever happens to the file while we record: it is noticed, said, and another history begun with a gap told."""
    for number in (1, 2):
        record(keeper, number)
    assert keeper.history is not None
    keeper.history.engine.pragma("wal_checkpoint(TRUNCATE)")
    BEFALL[kind](file)
    with pytest.raises(StoreError) as lost:
        record(keeper, 3)
    assert lost.value.kind in {Kind.GONE, Kind.CORRUPT}
    assert keeper.condition().trouble is lost.value
    assert not keeper.condition().recording
    record(keeper, 4)
    assert versions(keeper) == [4]
    assert gaps.NOT_WRITTEN in {gap.why for gap in gaps_of(keeper)}
    assert keeper.condition().recording
    if lost.value.kind is Kind.CORRUPT:
        assert keeper.condition().set_aside is not None
    record(keeper, 5)
    keeper.close()
    record(keeper, 6)
    assert versions(keeper) == [4, 5, 6]


def test_a_folder_that_is_lost_is_made_again(keeper: Keeper, file: Path) -> None:
    """When the whole folder is deleted while we record, it is made again, and the right to record with it."""
    record(keeper, 1)
    shutil.rmtree(file.parent)
    with pytest.raises(StoreError):
        record(keeper, 2)
    record(keeper, 3)
    assert versions(keeper) == [3]
    with pytest.raises(StoreError, match="Another hub"):
        record(Keeper(file, floor=0, ballast=0), 4)


class Stumbling:
    """An observer that fails at one snapshot."""

    def observe(self, _connection: object, snapshot: Snapshot, _changed: object) -> None:
        if snapshot.version == 2:
            raise ValueError("something nobody foresaw")


def test_a_mistake_of_ours_is_said_and_recording_goes_on(place: Path | str) -> None:
    """When one snapshot cannot be recorded for a reason nobody foresaw, that is told, and the next one is recorded."""
    keeper = Keeper(place, lambda _engine: [Stumbling()], floor=0, ballast=0)
    record(keeper, 1)
    with pytest.raises(StoreError, match=r"could not be recorded \(ValueError\)") as refused:
        record(keeper, 2)
    assert refused.value.kind is Kind.FAILED
    assert keeper.condition().trouble is refused.value
    record(keeper, 3)
    assert versions(keeper) == [1, 3]
    assert [gap.why for gap in gaps_of(keeper)] == [gaps.NOT_WRITTEN]
    keeper.close()


def test_what_a_reader_finds_damaged_is_seen_to(keeper: Keeper, file: Path) -> None:
    """Damage in the middle of the file, met by somebody who reads, leads to a history begun anew."""
    for number in range(1, 40):
        record(keeper, number, jobs=60)
    assert keeper.history is not None
    keeper.history.engine.pragma("wal_checkpoint(TRUNCATE)")
    with file.open("r+b") as opened:
        opened.seek(4096)
        opened.write(b"\xa5" * (file.stat().st_size - 4096))
    with pytest.raises(StoreError):
        keeper.history.snapshot_at(at(20))
    with pytest.raises(StoreError):
        record(keeper, 50)
    record(keeper, 51)
    assert versions(keeper) == [51]


def test_what_another_writer_finds_damaged_is_seen_to(keeper: Keeper, file: Path) -> None:
    """Damage that only somebody else who writes can meet leads to a history begun anew as well."""
    record(keeper, 1)
    assert keeper.history is not None
    engine = keeper.history.engine
    engine.pragma("wal_checkpoint(TRUNCATE)")
    with engine.reading() as connection:
        root = connection.exec_driver_sql(
            "SELECT rootpage FROM sqlite_master WHERE name = 'session_streams'"
        ).scalar_one()
    (size,) = engine.pragma("page_size")[0]
    with file.open("r+b") as opened:
        opened.seek((root - 1) * size)
        opened.write(b"\xa5" * size)
    engine.pragma("shrink_memory")  # whoever writes has read nothing of that page yet
    stream = Stream(
        "north", Origin("a fake", "state.db"), None, 0, titles=False, whole=True, taken_at=None, tried_at=at(1)
    )
    with pytest.raises(StoreError) as found:
        Door(keeper).write(lambda connection: write_stream(connection, stream))
    assert found.value.kind is Kind.CORRUPT
    with pytest.raises(StoreError, match="do not fit together"):
        record(keeper, 2)
    record(keeper, 3)
    assert versions(keeper) == [3]


def test_a_left_over_log_brings_nothing_back(keeper: Keeper, file: Path) -> None:
    """The write-ahead log of a file that was deleted is not taken for that of the next one."""
    record(keeper, 1)
    log = Path(f"{file}-wal")
    saved = log.read_bytes()
    assert saved
    keeper.close()
    file.unlink()
    log.write_bytes(saved)
    record(keeper, 2)
    assert versions(keeper) == [2]


def test_only_a_few_damaged_files_are_kept(keeper: Keeper, file: Path) -> None:
    """Damage again and again does not fill the disk."""
    for number in range(1, 7):
        record(keeper, number * 10)
        keeper.close()
        file.write_bytes(b"noise")
    record(keeper, 100)
    assert len(list(file.parent.glob("history.db.bad-*Z"))) == 3


def test_a_file_of_another_program_is_left_alone(keeper: Keeper, file: Path) -> None:
    """A database that is none of ours is not touched; the words say what to do."""
    file.parent.mkdir(parents=True)
    other = Engine(file)
    other.write(lambda connection: connection.exec_driver_sql("CREATE TABLE precious (x)"))
    other.close()
    before = file.read_bytes()
    with pytest.raises(StoreError, match=r"another program.*Name another file") as refused:
        record(keeper, 1)
    assert refused.value.kind is Kind.FOREIGN
    assert file.read_bytes() == before


def test_a_newer_schema_is_left_alone(place: Path | str) -> None:
    """What a newer release wrote is neither read nor changed; the words name both schemas."""
    newer = Keeper(place, floor=0, ballast=0)
    record(newer, 1)
    assert newer.history is not None
    newer.history.engine.write(
        lambda connection: connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    )
    newer.close()
    keeper = Keeper(place, floor=0, ballast=0)
    with pytest.raises(StoreError, match=f"schema 9999.*newer than {migrate.newest()}") as refused:
        record(keeper, 2)
    assert refused.value.kind is Kind.NEWER
    with pytest.raises(StoreError, match="9999"):
        keeper.look()
    keeper.close()


def test_nothing_to_look_at_is_nothing(file: Path) -> None:
    """Who only wants to look begins nothing."""
    assert Keeper(file).look() is None
    assert not file.parent.exists()


def test_a_folder_that_may_not_be_used_is_said(tmp_path: Path) -> None:
    """Where no folder can be made, the words say so; nothing else happens."""
    (tmp_path / "state").write_text("a file")
    with pytest.raises(StoreError, match="may not be opened") as refused:
        record(Keeper(tmp_path / "state" / "history.db"), 1)
    assert refused.value.kind is Kind.DENIED


# --- two hubs --------------------------------------------------------------------------------------------------------


def test_one_hub_records_and_the_other_looks_on(place: Path | str) -> None:
    """Of two hubs on one history the second does not record, says so, looks on, and takes over after it."""
    first, second = Keeper(place, floor=0, ballast=0), Keeper(place, floor=0, ballast=0)
    record(first, 1)
    with pytest.raises(StoreError) as refused:
        record(second, 2)
    assert refused.value.kind is Kind.TAKEN
    assert not second.condition().recording
    assert versions(second) == [1]
    record(first, 3)
    assert versions(second) == [1, 3]
    first.close()
    record(second, 4)
    assert versions(second) == [1, 3, 4]
    assert [(gap.began_at, gap.why) for gap in gaps_of(second)] == [(at(3), gaps.NOT_RUNNING)]
    second.close()


def test_a_server_that_drops_us_is_found_again(server: postgres.Server) -> None:
    """When the server ends our connections, what was being written is written with the next attempt, and we go on."""
    address = server.database()
    keeper, other = Keeper(address), Keeper(address)
    record(keeper, 1)
    with psycopg.connect(server.address(), autocommit=True) as connection:
        name = address.partition("?")[0].rpartition("/")[2]
        ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"
        assert connection.execute(ended, (name,)).fetchall()
    for number in (2, 3):
        try:
            record(keeper, number)
        except StoreError as trouble:
            assert trouble.kind is Kind.UNREACHABLE  # noqa: PT017 -- whether it is noticed at once is the driver's affair
    assert versions(keeper)[-1] == 3
    with pytest.raises(StoreError, match="Another hub"):
        record(other, 4)
    keeper.close()
    other.close()


def test_a_server_that_is_not_there_is_said(tmp_path: Path) -> None:
    """Where no server answers, the words say so and what to look at."""
    keeper = Keeper(f"postgresql:///nothing?host={tmp_path}")
    with pytest.raises(StoreError, match=r"not reachable.*whether the database server runs") as refused:
        record(keeper, 1)
    assert refused.value.kind is Kind.UNREACHABLE
    with pytest.raises(StoreError):
        keeper.look()


def test_a_server_that_says_nothing_is_not_waited_for() -> None:
    """A server that takes the connection and never says a word keeps nobody waiting for long."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        keeper = Keeper(f"postgresql://nobody@127.0.0.1:{silent.getsockname()[1]}/nothing")
        began = time.monotonic()
        with pytest.raises(StoreError) as refused:
            keeper.look()
        assert refused.value.kind is Kind.UNREACHABLE
        assert time.monotonic() - began < 20


def test_another_part_is_told_of_another_database(keeper: Keeper, file: Path) -> None:
    """Who keeps something of its own in the history is told once that another has taken its place."""
    door = Door(keeper)
    with pytest.raises(StoreError, match="not open yet"), door.reading():
        pass
    record(keeper, 1)
    door.write(lambda connection: connection.execute(insert(subjects).values(name="x", instance="x")))
    file.unlink()
    with pytest.raises(StoreError):
        record(keeper, 2)
    record(keeper, 3)
    with pytest.raises(StoreError, match="begun anew"), door.reading():
        pass
    with door.reading() as connection:
        assert connection.execute(select(subjects).where(subjects.c.name == "x")).all() == []


# --- our own gaps ----------------------------------------------------------------------------------------------------


def test_the_time_between_two_runs_is_a_gap_of_ours(place: Path | str) -> None:
    """From the last beat of one run to the first of the next nobody looked; that is remembered."""
    for first in (0, 1_000):
        keeper = Keeper(place, floor=0, ballast=0)
        record(keeper, first)
        record(keeper, first + 10)
        keeper.close()
    keeper = Keeper(place, floor=0, ballast=0)
    assert keeper.look() is not None
    assert gaps_of(keeper) == [Blind(at(10), at(1_000), gaps.NOT_RUNNING)]
    keeper.close()


@pytest.mark.parametrize(
    ("clock", "steady", "why"),
    [
        (-3_600, 10, gaps.STEPPED_BACK),
        (7_200, 10, gaps.STEPPED_ON),
        (300, 300, gaps.HELD_UP),
        (10, 10, None),
        (11.5, 10, None),
    ],
)
def test_a_clock_that_jumps_is_noticed(place: Path | str, clock: float, steady: float, why: str | None) -> None:
    """A clock that goes back or on without us, and a program that was held up, are gaps of their own."""
    keeper = Keeper(place, floor=0, ballast=0)
    record(keeper, 0)
    with keeper.writing(Beat(at(clock), steady)) as scribe:
        scribe.write(snapshot(int(clock)), None, Beat(at(clock), steady))
    assert [gap.why for gap in gaps_of(keeper)] == ([] if why is None else [why])
    assert versions(keeper) == [0, int(clock)]
    keeper.close()


def test_an_hour_that_is_there_twice_loses_nothing(place: Path | str) -> None:
    """When the clock goes back an hour, everything is recorded; of the hour that is there twice the later holds."""
    keeper = Keeper(place, floor=0, ballast=0)
    record(keeper, 0)
    record(keeper, 1_000)
    for number in (-2_600, -1_000, 500, 1_500):
        record(keeper, number)
    history = keeper.history
    assert history is not None
    assert versions(keeper) == [0, 1_000, -2_600, -1_000, 500, 1_500]
    expected = {-2_000: -2_600, 0: -1_000, 999: 500, 1_001: 500, 2_000: 1_500}
    found = {seconds: history.snapshot_at(at(seconds)) for seconds in expected}
    assert {seconds: one.version for seconds, one in found.items() if one} == expected
    keeper.close()


# --- the disk --------------------------------------------------------------------------------------------------------


ON_A_SMALL_DISK = """
set -e
mount -t tmpfs -o size=6m tmpfs "$1"
exec "$0" -c "import sys, pathlib
from tests.store.test_faults import fill_the_disk
fill_the_disk(pathlib.Path(sys.argv[1]))" "$1"
"""


def test_a_full_disk_stops_recording_and_nothing_else(tmp_path: Path) -> None:
    """On a full disk the past can still be read; recording goes on when there is room, and the gap is told.

    The disk is mounted where one program sees it, and goes with that program, whoever runs the tests.
    """
    program = ["sh", "-c", ON_A_SMALL_DISK, sys.executable, str(tmp_path)]
    inside = ["unshare", "--user", "--map-root-user", "--mount", *program]
    ended = subprocess.run(inside, capture_output=True, text=True, timeout=50, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert not list(tmp_path.iterdir())


def fill_the_disk(small_disk: Path) -> None:
    """What happens on the small disk, from beginning to end."""
    keeper = Keeper(small_disk / "history.db", floor=0, ballast=MB)
    for number in range(1, 4):
        record(keeper, number)
    assert (small_disk / "history.db.ballast").stat().st_size == MB
    filler = small_disk / "filler"
    fill(filler)
    number, troubles = 10, list[Kind]()
    while len(troubles) < 3:
        number += 1
        assert number < 500
        try:
            record(keeper, number, jobs=200)
        except StoreError as trouble:
            troubles.append(trouble.kind)
            fill(filler)
    assert set(troubles) == {Kind.FULL}
    assert not (small_disk / "history.db.ballast").exists()
    assert keeper.history is not None
    found = keeper.history.snapshot_at(at(3))
    assert found is not None
    assert found.version == 3
    assert not keeper.condition().recording
    written = versions(keeper)
    filler.unlink()
    record(keeper, 600)
    assert versions(keeper) == [*written, 600]
    assert keeper.condition().recording
    (gap,) = [gap for gap in gaps_of(keeper) if gap.why == gaps.NOT_WRITTEN]
    assert at(written[-1]) <= gap.began_at < gap.ended_at == at(600)
    assert keeper.history.engine.pragma("integrity_check") == [("ok",)]
    assert (small_disk / "history.db.ballast").stat().st_size == MB
    keeper.close()


def fill(file: Path) -> None:
    """Take every byte that is left."""
    with file.open("ab", buffering=0) as opened:
        try:
            while True:
                opened.write(b"\0" * 4096)
        except OSError:
            return


def test_the_agents_need_their_disk_more(file: Path) -> None:
    """Where less is free than is to be left to others, nothing is recorded."""
    keeper = Keeper(file, floor=1 << 60, ballast=0)
    with pytest.raises(StoreError, match="disk of the history is full") as refused:
        record(keeper, 1)
    assert refused.value.kind is Kind.FULL
    keeper.close()


# --- a killed process ------------------------------------------------------------------------------------------------

RECORDING = """
import sys
from pathlib import Path
from quarterdeck.store.keeper import Keeper
from tests.store.test_faults import record
keeper = Keeper(Path(sys.argv[1]), floor=0, ballast=0)
number = int(sys.argv[2])
while True:
    number += 1
    record(keeper, number, jobs=20)
    print(number, flush=True)
"""


@pytest.mark.timeout(240)
def test_a_killed_process_loses_nothing_it_had_recorded(file: Path) -> None:
    """Killed thirty times at any moment, the history opens, is whole, and holds all that was acknowledged."""
    acknowledged: list[int] = []
    for attempt in range(30):
        number = acknowledged[-1] if acknowledged else 0
        with subprocess.Popen(
            [sys.executable, "-c", RECORDING, str(file), str(number + 100)], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            acknowledged += [int(process.stdout.readline()) for _ in range(1 + attempt * 7 % 23)]
            process.kill()
            acknowledged += [int(line) for line in process.stdout.read().splitlines(keepends=True) if line[-1] == "\n"]
    keeper = Keeper(file, floor=0, ballast=0)
    record(keeper, 1_000_000, jobs=20)
    history = keeper.history
    assert history is not None
    assert history.engine.pragma("integrity_check") == [("ok",)]
    assert set(acknowledged) <= set(versions(keeper))
    assert keeper.condition().set_aside is None
    for number in acknowledged[::37]:
        found = history.snapshot_at(at(number))
        assert found is not None
        assert dict(found.readings.items()) == dict(snapshot(number, 20).readings.items())
    assert len([gap for gap in gaps_of(keeper) if gap.why == gaps.NOT_RUNNING]) == 30
    keeper.close()


LOOKER = """
import sys
from pathlib import Path
from quarterdeck.store.keeper import Keeper
from tests.store.test_faults import versions
keeper = Keeper(Path(sys.argv[1]))
keeper.look()
print(versions(keeper))
keeper.close()
"""


def test_whoever_looks_meanwhile_takes_nothing_away(keeper: Keeper, file: Path) -> None:
    """Another program that looks at the history and leaves takes no log with it: what is recorded then is there."""
    command = [sys.executable, "-c", LOOKER, str(file)]
    for number in range(1, 5):
        record(keeper, number)
        seen = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout
        assert seen.strip() == str(list(range(1, number + 1)))
        assert Path(f"{file}-wal").exists()
