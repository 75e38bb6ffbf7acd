"""What the ledger keeps, and what may befall it."""

from __future__ import annotations

import fcntl
import os
import pwd
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Table

from quarterdeck.store.engine import Engine
from quarterdeck.store.ledger.clocks import Tick
from quarterdeck.store.ledger.ledger import Ledger
from quarterdeck.store.ledger.people import Held, NewSession, People, Token
from quarterdeck.store.ledger.tree import KEEPERS, LEDGER
from quarterdeck.store.ledger.trouble import LedgerError
from quarterdeck.store.migrate import HISTORY
from quarterdeck.store.trouble import Kind
from tests.fakes import postgres

NOON = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
MOST = 5
TICK = Tick("boot", 1, 1)


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def key(word: str) -> str:
    return sha256(word.encode()).hexdigest()


def session(word: str = "one", *, login: str = "owner", idle: float | None = 600, at: float = 0) -> NewSession:
    span = None if idle is None else timedelta(seconds=idle)
    return NewSession(
        key(word), "cookie", "local", login, "", frozenset(), "operator", after(at), after(at + 3600), span
    )


def token(word: str = "token", *, role: str = "operator", lives: float = 600) -> Token:
    return Token(key(word), role, NOON, after(lives))


def made_of(word: str) -> dict[str, NewSession]:
    return {"operator": session(word), "viewer": session(word, login="viewer")}


def everything(people: People) -> Held:
    found = people.held()
    assert found is not None
    return found


def ids(people: People) -> list[int]:
    return [one.id for one in everything(people).sessions]


Open = Callable[[Path | str], Ledger]


@pytest.fixture
def opened() -> Iterator[Open]:
    """Opens ledgers, and closes them when the test is over."""
    made: list[Ledger] = []

    def open_one(place: Path | str) -> Ledger:
        made.append(Ledger(place))
        return made[-1]

    yield open_one
    for ledger in made:
        ledger.close()


@pytest.fixture
def people(opened: Open, place: Path | str) -> People:
    return People(opened(place))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state" / "ledger.db"


# --- the tables ------------------------------------------------------------------------------------------------------


def test_tables_and_steps_of_the_ledger_agree(place: Path | str) -> None:
    """The steps from nothing to the newest schema make exactly the tables that the program works with."""
    engine = Engine(place)
    engine.write(lambda connection: LEDGER.step(connection, LEDGER.newest()))
    with engine.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "version_table": LEDGER.mark})
        assert compare_metadata(context, LEDGER.metadata) == []
        assert context.get_current_revision() == LEDGER.newest()
    engine.close()
    known = {table for module in KEEPERS for table in vars(module).values() if isinstance(table, Table)}
    assert known >= set(LEDGER.metadata.tables.values())


def test_a_ledger_that_is_begun_is_as_one_that_went_all_the_way(tmp_path: Path) -> None:
    """To the letter: who begins with this release has the tables of who came to it step by step."""

    def schema(engine: Engine) -> dict[str, str]:
        with engine.reading() as connection:
            rows = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master").all()
        engine.close()
        return {name: " ".join((sql or "").split()) for name, sql in rows}

    begun, old = Engine(tmp_path / "begun.db"), Engine(tmp_path / "old.db")
    begun.write(LEDGER.upgrade)
    old.write(lambda connection: LEDGER.step(connection, LEDGER.newest()))
    assert schema(begun) == schema(old)


def test_history_and_ledger_may_stand_in_one_database(place: Path | str) -> None:
    """No table and no mark of one is the other's."""
    assert not set(HISTORY.metadata.tables) & set(LEDGER.metadata.tables)
    engine = Engine(place)
    engine.write(HISTORY.upgrade)
    engine.write(LEDGER.upgrade)
    with engine.reading() as connection:
        assert (HISTORY.found(connection), LEDGER.found(connection)) == (HISTORY.newest(), LEDGER.newest())
    engine.close()


# --- what is kept ----------------------------------------------------------------------------------------------------


def test_a_session_is_kept_as_it_was_made(people: People) -> None:
    """What was written of a session comes back exactly."""
    new = NewSession(
        key("v"),
        "bearer",
        "forge",
        "me",
        "Me",
        frozenset({"a/b", "c"}),
        None,
        NOON,
        after(9),
        timedelta(microseconds=7),
    )
    number = people.admit(new, most=MOST)
    (kept,) = everything(people).sessions
    assert (kept.id, kept.is_, kept.used_at) == (number, new, NOON)


def test_a_copy_is_right_until_something_changes(people: People) -> None:
    """Whoever knows the mark is told nothing anew; every change leaves another mark."""
    people.offer(token(), most=MOST)
    changes: list[Callable[[], object]] = [
        lambda: people.admit(session(), most=MOST),
        lambda: people.offer(token("other"), most=MOST),
        lambda: people.keep({1: after(5)}, TICK),
        lambda: people.end([1]),
        people.end_all,
    ]
    for change in changes:
        before = everything(people).mark
        assert people.held(before) is None
        change()
        assert people.held(before) is not None


def test_a_token_is_spent_once(people: People) -> None:
    """The first spends it and gets a session, in one step; the second gets nothing."""
    people.offer(token(role="viewer"), most=MOST)
    number = people.spend(key("token"), after(1), made_of("a"), most=MOST)
    assert people.spend(key("token"), after(1), made_of("b"), most=MOST) is None
    found = everything(people)
    assert [(one.id, one.is_.login) for one in found.sessions] == [(number, "viewer")]
    assert found.tokens == ()


def test_a_token_that_is_over_or_unknown_buys_nothing(people: People) -> None:
    """At the moment a token ends it is worth nothing, like one that never was."""
    people.offer(token(lives=600), most=MOST)
    assert people.spend(key("token"), after(600), made_of("a"), most=MOST) is None
    assert people.spend(key("never"), after(1), made_of("a"), most=MOST) is None
    assert ids(people) == []


def test_of_many_who_spend_one_token_at_once_one_succeeds(place: Path | str, opened: Open) -> None:
    """Eight threads with a ledger of their own each, at one moment: one session."""
    ledgers = [opened(place) for _ in range(8)]
    People(ledgers[0]).offer(token(), most=MOST)
    start, won = threading.Barrier(len(ledgers)), list[int | None]()

    def spend(number: int) -> None:
        start.wait()
        won.append(People(ledgers[number]).spend(key("token"), after(1), made_of(str(number)), most=MOST))

    threads = [threading.Thread(target=spend, args=(number,)) for number in range(len(ledgers))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == len(ledgers)
    assert sum(one is not None for one in won) == 1
    assert len(ids(People(ledgers[0]))) == 1


SPENDER = """
import sys, time
from pathlib import Path
from quarterdeck.store.ledger.ledger import Ledger
from quarterdeck.store.ledger.people import People
from tests.store.test_ledger import MOST, after, key, made_of
place = sys.argv[1] if "://" in sys.argv[1] else Path(sys.argv[1])
people = People(Ledger(place))
people.held()
print("ready", flush=True)
sys.stdin.readline()
print(people.spend(key("token"), after(1), made_of(sys.argv[2]), most=MOST) is not None)
"""


def test_of_two_programs_that_spend_one_token_at_once_one_succeeds(place: Path | str, people: People) -> None:
    """Two processes that are told to at one moment: one gets a session."""
    people.offer(token(), most=MOST)
    command = [sys.executable, "-c", SPENDER, str(place)]
    both = [
        subprocess.Popen([*command, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for name in "ab"
    ]
    try:
        for one in both:
            assert one.stdout is not None
            assert one.stdout.readline() == "ready\n"
        for one in both:
            assert one.stdin is not None
            one.stdin.write("\n")
            one.stdin.flush()
        said = sorted(one.communicate(timeout=30)[0] for one in both)
    finally:
        for one in both:
            one.kill()
            one.wait()
    assert said == ["False\n", "True\n"]
    assert len(ids(people)) == 1


def test_nobody_has_more_than_so_many_sessions(people: People) -> None:
    """Of too many of one person those end that were not used for the longest; those of others stay."""
    other = people.admit(session("other", login="somebody"), most=2)
    first = people.admit(session("1"), most=2)
    second = people.admit(session("2"), most=2)
    people.keep({first: after(50)}, TICK)
    third = people.admit(session("3", at=60), most=2)
    assert ids(people) == [other, first, third]
    assert second not in ids(people)


def test_there_are_never_more_than_so_many_tokens(people: People) -> None:
    """Of too many one-time tokens the oldest end."""
    made = [people.offer(token(str(number)), most=3) for number in range(5)]
    assert [one.id for one in everything(people).tokens] == made[2:]


def test_who_comes_in_anew_has_one_session(people: People) -> None:
    """A session that is replaced ends in the step in which the new one begins."""
    old = people.admit(session("old"), most=MOST)
    new = people.admit(session("new"), instead_of=[old], most=MOST)
    people.offer(token(), most=MOST)
    newer = people.spend(key("token"), NOON, made_of("newer"), instead_of=[new], most=MOST)
    assert ids(people) == [newer]


def test_what_is_over_is_cleared_away(people: People) -> None:
    """What is past its end or was idle too long goes at that very moment, and a later use keeps what is idle."""
    idle = people.admit(session("idle", idle=600), most=MOST)
    used = people.admit(session("used", idle=600), most=MOST)
    lasting = people.admit(session("lasting", idle=None), most=MOST)
    people.offer(token(lives=600), most=MOST)

    def cleared(seconds: float, used_at: dict[int, datetime]) -> list[int]:
        span = after(seconds) - datetime(1970, 1, 1, tzinfo=UTC)
        people.keep(used_at, Tick("boot", 1, span // timedelta(microseconds=1)))
        return ids(people)

    assert cleared(599, {used: after(599)}) == [idle, used, lasting]
    assert len(everything(people).tokens) == 1
    assert cleared(600, {}) == [used, lasting]
    assert everything(people).tokens == ()
    assert cleared(3599, {}) == [lasting]
    assert cleared(3600, {}) == []


def test_a_use_is_never_taken_back(people: People) -> None:
    """An earlier use that is told later changes nothing, and one of a session that is over does neither."""
    number = people.admit(session(), most=MOST)
    people.keep({number: after(50)}, TICK)
    people.keep({number: after(40), 99: after(60)}, TICK)
    assert [one.used_at for one in everything(people).sessions] == [after(50)]


def test_a_number_is_never_given_twice(people: People) -> None:
    """The number of a session that ended is nobody's again."""
    first = people.admit(session("1"), most=MOST)
    assert people.end([first, 99]) == 1
    assert people.admit(session("2"), most=MOST) > first


def test_all_can_be_ended_at_once(people: People) -> None:
    """All sessions end but those that are named, and every one-time token with them."""
    mine, *_ = [people.admit(session(word), most=MOST) for word in "abc"]
    people.offer(token(), most=MOST)
    assert people.end_all(but=[mine]) == 2
    assert ids(people) == [mine]
    assert everything(people).tokens == ()
    assert people.end_all() == 1


def test_the_clock_of_the_ledger_is_kept(people: People) -> None:
    """Of each start of a machine the last word is kept; those that another one has overtaken go."""
    people.keep({}, Tick("first", 10, 1_000))
    people.keep({}, Tick("first", 20, 2_000))
    people.keep({}, Tick("second", 1, 1_500))
    assert set(everything(people).ticks) == {Tick("first", 20, 2_000), Tick("second", 1, 1_500)}
    people.keep({}, Tick("first", 5, 1_200))
    assert set(everything(people).ticks) == {Tick("first", 20, 2_000), Tick("second", 1, 1_500)}
    people.keep({}, Tick("second", 2, 9_000))
    assert everything(people).ticks == (Tick("second", 2, 9_000),)


def test_nothing_that_was_handed_out_is_kept(file: Path, opened: Open) -> None:
    """In no file of the ledger stands what opens the door."""
    ledger = opened(file)
    People(ledger).admit(session("the secret"), most=MOST)
    kept = b"".join(path.read_bytes() for path in file.parent.iterdir())
    ledger.close()
    assert key("the secret").encode() in kept
    assert b"the secret" not in kept


# --- what may befall it ----------------------------------------------------------------------------------------------


def refused(work: Callable[[], object]) -> Kind:
    with pytest.raises(LedgerError) as error:
        work()
    assert error.value.fix
    return error.value.kind


def test_it_is_for_its_owner_alone(file: Path, opened: Open) -> None:
    """The folder is made with 0700, the file and its logs with 0600, whatever the mask of the process."""
    before = os.umask(0)
    try:
        people = People(opened(file))
        people.admit(session(), most=MOST)
    finally:
        os.umask(before)
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in file.parent.iterdir()} == {0o600}


def test_what_is_written_outlives_a_power_cut(file: Path, opened: Open) -> None:
    """Each commit is on the disk when it returns, and readers see one state while somebody writes."""
    ledger = opened(file)
    modes = ledger.write(
        lambda connection: [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in ("journal_mode", "synchronous")
        ]
    )
    ledger.close()
    assert modes == ["wal", 2]


def test_who_reads_begins_nothing(file: Path, opened: Open) -> None:
    """Where there is no ledger, reading says so and leaves nothing behind."""
    assert refused(People(opened(file)).held) is Kind.GONE
    assert not file.parent.exists()


@pytest.mark.parametrize("what", ["file", "folder"])
def test_what_others_can_get_at_is_not_believed(file: Path, what: str, opened: Open) -> None:
    """A file that others may read, or a folder that others may write, is refused with the command that mends it."""
    people = People(opened(file))
    people.admit(session(), most=MOST)
    open_to_others, mode = (file, 0o640) if what == "file" else (file.parent, 0o770)
    before = open_to_others.stat().st_mode & 0o777
    open_to_others.chmod(mode)
    for work in (people.held, people.end_all):
        with pytest.raises(LedgerError, match="Run `chmod"):
            work()
    open_to_others.chmod(before)
    assert ids(people) == [1]


def test_what_is_somebody_elses_is_refused(file: Path, opened: Open) -> None:
    """A ledger of another user is refused, and the error says as whom to run."""
    people = People(opened(file))
    people.admit(session(), most=MOST)
    nobody = pwd.getpwnam("nobody")
    os.chown(file, nobody.pw_uid, -1)
    with pytest.raises(LedgerError, match="belongs to nobody") as error:
        people.held()
    assert "sudo -u nobody" in error.value.fix


def test_a_file_that_is_gone_is_not_read_any_more(file: Path, opened: Open) -> None:
    """What was open is not believed once its file is gone; a write begins it anew, and nobody is in it."""
    people = People(opened(file))
    people.admit(session(), most=MOST)
    file.unlink()
    assert refused(people.held) is Kind.GONE
    people.keep({}, TICK)
    assert ids(people) == []


def test_another_file_in_its_place_is_the_one_that_is_read(file: Path, tmp_path: Path, opened: Open) -> None:
    """Whoever puts a copy in its place is believed at once, without a restart."""
    people = People(opened(file))
    people.admit(session("kept"), most=MOST)
    people.admit(session("lost"), most=MOST)
    other = opened(tmp_path / "other" / "ledger.db")
    People(other).admit(session("other"), most=MOST)
    other.close()
    shutil.copy2(tmp_path / "other" / "ledger.db", file.with_name("copy"))
    for ending in ("-wal", "-shm"):
        Path(f"{file}{ending}").unlink(missing_ok=True)
    file.with_name("copy").replace(file)
    assert [one.is_.key for one in everything(people).sessions] == [key("other")]
    people.admit(session("more"), most=MOST)
    assert len(ids(people)) == 2


@pytest.mark.parametrize("damage", ["empty", "header", "cut", "pages"])
def test_a_damaged_file_is_not_believed_and_not_touched(file: Path, damage: str, opened: Open) -> None:
    """Whatever is wrong with its bytes, nothing of it is believed, nothing is written, and the file stays as it is."""
    ledger = opened(file)
    people = People(ledger)
    for number in range(200):
        people.admit(session(str(number), login=str(number)), most=MOST)
    ledger.close()
    whole = file.read_bytes()
    broken = {
        "empty": b"",
        "header": b"\0" * 100 + whole[100:],
        "cut": whole[: len(whole) // 2],
        "pages": whole[:4096] + b"\xff" * (len(whole) - 4096),
    }[damage]
    file.write_bytes(broken)
    assert refused(people.held) is Kind.CORRUPT
    assert refused(lambda: people.admit(session("x"), most=MOST)) is Kind.CORRUPT
    assert file.read_bytes() == broken
    file.write_bytes(whole)
    ledger.close()
    assert len(ids(people)) == 200


@pytest.mark.parametrize(
    "change",
    [
        "people_sessions SET role = 'root'",
        "people_sessions SET groups = '{}'",
        "people_sessions SET groups = 'nonsense'",
        "people_sessions SET groups = '[1]'",
        "people_sessions SET made_us = 9223372036854775807",
        "people_sessions SET used_us = 253402300799000000",
        "ledger_clocks SET at_us = 9223372036854775807",
        "one_time_tokens SET role = 'guest'",
        "one_time_tokens SET ends_us = -9223372036854775807",
    ],
)
def test_what_cannot_be_so_is_not_believed(place: Path | str, opened: Open, change: str) -> None:
    """A role that there is none of, a moment that never comes, groups that are none: nothing of it is believed."""
    ledger = opened(place)
    people = People(ledger)
    people.admit(session(), most=MOST)
    people.offer(token(), most=MOST)
    people.keep({}, TICK)
    assert people.held() is not None
    ledger.write(lambda connection: connection.exec_driver_sql(f"UPDATE {change}"))
    assert refused(people.held) is Kind.CORRUPT


def test_a_file_that_is_damaged_while_it_is_open_is_not_believed(file: Path, opened: Open) -> None:
    """What was read before is not taken for what is there."""
    ledger = opened(file)
    people = People(ledger)
    people.admit(session(), most=MOST)
    assert ids(people) == [1]
    with sqlite3.connect(file) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    other.close()
    with file.open("r+b") as found:
        found.seek(0)
        found.write(b"\0" * file.stat().st_size)
    assert refused(people.held) is Kind.CORRUPT


def test_a_file_of_another_program_is_left_as_it_is(file: Path, opened: Open) -> None:
    """A database that is no ledger is neither read nor written, nor is a history."""
    file.parent.mkdir(mode=0o700)
    with sqlite3.connect(file) as other:
        other.execute("CREATE TABLE theirs (a)")
    other.close()
    file.chmod(0o600)
    before = file.read_bytes()
    people = People(opened(file))
    assert refused(people.held) is Kind.FOREIGN
    assert refused(people.end_all) is Kind.FOREIGN
    assert file.read_bytes() == before


def test_a_ledger_of_a_newer_release_is_left_as_it_is(place: Path | str, opened: Open) -> None:
    """What a newer release wrote is neither read nor written."""
    ledger = opened(place)
    people = People(ledger)
    people.admit(session(), most=MOST)
    ledger.write(lambda connection: connection.exec_driver_sql(f"UPDATE {LEDGER.mark} SET version_num = '9999'"))
    assert refused(people.held) is Kind.NEWER
    assert refused(people.end_all) is Kind.NEWER
    ledger.close()


def test_somebody_who_writes_does_not_keep_others_from_reading(file: Path, opened: Open) -> None:
    """While another program is in the middle of writing, what was there before can be read."""
    people = People(opened(file))
    people.admit(session(), most=MOST)
    with sqlite3.connect(file, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        assert ids(people) == [1]
        other.execute("ROLLBACK")
    other.close()


def test_a_ledger_that_somebody_holds_is_busy(file: Path, opened: Open) -> None:
    """When another program does not let go of it, writing fails after a while, and nothing was spent."""
    people = People(opened(file))
    people.offer(token(), most=MOST)
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert refused(lambda: people.spend(key("token"), NOON, made_of("a"), most=MOST)) is Kind.BUSY
    other.execute("ROLLBACK")
    other.close()
    assert people.spend(key("token"), NOON, made_of("a"), most=MOST) is not None


ON_A_SMALL_DISK = """
set -e
mount -t tmpfs -o size=512k,mode=0700 tmpfs "$1"
exec "$0" -c "import sys, pathlib
from tests.store.test_ledger import fill_the_disk
fill_the_disk(pathlib.Path(sys.argv[1]))" "$1"
"""


def test_a_full_disk_spends_nothing(tmp_path: Path) -> None:
    """When there is no room nobody comes in, whoever is in stays, and there is no half of anything; then it goes on.

    The disk is mounted where one program sees it, and goes with that program, whoever runs the tests.
    """
    program = ["sh", "-c", ON_A_SMALL_DISK, sys.executable, str(tmp_path)]
    inside = ["unshare", "--user", "--map-root-user", "--mount", *program]
    ended = subprocess.run(inside, capture_output=True, text=True, timeout=50, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert not list(tmp_path.iterdir())


def fill_the_disk(small_disk: Path) -> None:
    """What happens on the small disk, from beginning to end."""
    ledger = Ledger(small_disk / "ledger.db")
    people = People(ledger)
    people.admit(session(), most=MOST)
    people.offer(token(), most=MOST)
    filler = small_disk / "filler"
    with suppress(OSError), filler.open("wb", buffering=0) as open_filler:
        while True:
            open_filler.write(b"\0" * 4096)
    kept = everything(people)
    troubles = {spent_in_vain(people) for _ in range(20)}
    assert troubles == {Kind.FULL}, troubles
    assert everything(people) == kept
    filler.unlink()
    assert people.spend(key("token"), NOON, made_of("a"), most=MOST) is not None
    ledger.close()


def spent_in_vain(people: People) -> Kind | None:
    try:
        people.spend(key("token"), NOON, made_of("a"), most=MOST)
    except LedgerError as error:
        return error.kind
    return None


@pytest.mark.parametrize("what", ["a file for its folder", "a folder for it"])
def test_a_place_where_nothing_can_lie_is_said(opened: Open, file: Path, what: str) -> None:
    """Where its folder is a file, or a folder lies in its place, that is said, and nothing is made or taken away."""
    if what == "a file for its folder":
        file.parent.touch()
    else:
        file.mkdir(parents=True, mode=0o700)
        file.parent.chmod(0o700)
    people = People(opened(file))
    for work in (people.held, people.end_all):
        assert refused(work) in {Kind.DENIED, Kind.FOREIGN}
    assert file.parent.is_file() or file.is_dir()


def test_what_belongs_to_nobody_is_refused(opened: Open, file: Path) -> None:
    """A user who has no name any more is told by number."""
    people = People(opened(file))
    people.admit(session(), most=MOST)
    os.chown(file, 54_321, -1)
    with pytest.raises(LedgerError, match="belongs to 54321"):
        people.held()


def test_who_does_not_get_a_turn_to_write_says_so(opened: Open, file: Path) -> None:
    """A program that keeps its turn does not hold others for ever, and keeps nobody from reading."""
    people = People(opened(file))
    people.admit(session(), most=MOST)
    held = os.open(f"{file}.lock", os.O_RDWR)
    fcntl.flock(held, fcntl.LOCK_EX)
    assert refused(people.end_all) is Kind.BUSY
    assert ids(people) == [1]
    os.close(held)
    assert people.end_all() == 1


def test_who_may_only_read_the_folder_keeps_nobody_from_writing(opened: Open, file: Path) -> None:
    """A folder that others can open gives them nothing to hold: sessions can be ended whatever they lock there."""
    people = People(opened(file))
    people.admit(session(), most=MOST)
    file.parent.chmod(0o755)
    held = os.open(file.parent, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    assert people.end_all() == 1
    assert Path(f"{file}.lock").stat().st_mode & 0o777 == 0o600
    os.close(held)


def test_two_programs_begin_one_ledger(place: Path | str, opened: Open) -> None:
    """Eight that begin it at one moment begin it once, and what each writes is in it."""
    ledgers = [opened(place) for _ in range(8)]
    start, failed = threading.Barrier(len(ledgers)), list[BaseException]()

    def begin(number: int) -> None:
        start.wait()
        try:
            People(ledgers[number]).admit(session(str(number), login=str(number)), most=MOST)
        except LedgerError as error:
            failed.append(error)

    threads = [threading.Thread(target=begin, args=(number,)) for number in range(len(ledgers))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (failed, len(ids(People(ledgers[0])))) == ([], len(ledgers))


def test_whoever_is_killed_half_way_leaves_no_half(file: Path, opened: Open) -> None:
    """What a program that was killed while it began left behind is cleared away by the next."""
    file.parent.mkdir(mode=0o700)
    Path(f"{file}.new").write_bytes(b"half")
    Path(f"{file}-wal").write_bytes(b"of another")
    people = People(opened(file))
    people.admit(session(), most=MOST)
    assert ids(people) == [1]
    assert not Path(f"{file}.new").exists()


def test_a_server_that_is_not_there_says_so(opened: Open) -> None:
    """A database server that cannot be reached is trouble of its own kind."""
    nowhere = "postgresql://me@127.0.0.1:1/deck?connect_timeout=1"
    assert refused(People(opened(nowhere)).held) is Kind.UNREACHABLE


def test_a_server_that_comes_back_is_used_again(opened: Open, server: postgres.Server) -> None:
    """When its connections were cut, the next question is asked on a new one."""
    place = server.database()
    people = People(opened(place))
    people.admit(session(), most=MOST)
    with psycopg.connect(place, autocommit=True) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    assert ids(people) == [1]
