"""The exporter as its timer runs it: a process of its own that reads a home and leaves nothing there."""

from __future__ import annotations

import hashlib
import json
import os
import random
import resource
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from quarterdeck.settings import discover
from quarterdeck.sources.exporter.intake import parse
from quarterdeck.sources.exporter.schema import schema
from quarterdeck.sources.exporter.sessions import Position, sessions_since
from quarterdeck.sources.exporter.source import ExporterSource
from quarterdeck.sources.hermes import HermesSource
from quarterdeck.truth.instance import Instance
from quarterdeck.truth.reading import AnyReading, Known, Unavailable
from tests.sources.hermes.agent_home import NOW, AgentHome, T, job
from tests.sources.hermes.test_no_leak import MARK, MARKS, fill

NOBODY = 65534
NORTH = Instance("north", "north")
TITLE = "A letter to a friend"

Done = subprocess.CompletedProcess[bytes]


@pytest.fixture
def home(tmp_path: Path) -> AgentHome:
    """A home with sessions, jobs and a few of the agent's other files."""
    made = AgentHome(tmp_path / "home" / ".hermes")
    for number in range(3):
        made.session(f"s{number}", title=f"{TITLE} {number}", model="some/model")
        made.say(f"s{number}", "user", ago=60)
    made.jobs(job(), job("b" * 12, name="Write to a friend"))
    made.write("config.yaml", "model:\n  default: some/model\n  provider: custom\n")
    made.write("gateway_state.json", json.dumps({"gateway_state": "stopped", "pid": 1, "platforms": {}}))
    return made


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder / "snapshot.json"


def arguments(home: Path, *more: str | Path) -> list[str]:
    given = ["--home", str(home), *map(str, more)]
    named = [] if "--id" in given or "--config" in given else ["--id", "north"]
    return [sys.executable, "-I", "-m", "quarterdeck", "export", *given, *named]


def export(home: Path, *more: str | Path, limit: Callable[[], None] | None = None) -> Done:
    return subprocess.run(arguments(home, *more), capture_output=True, timeout=50, check=False, preexec_fn=limit)


def exported(home: Path, *more: str | Path) -> bytes:
    done = export(home, *more)
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout


def trace(home: Path) -> dict[str, tuple[object, ...]]:
    """Everything of a home that a look could change: names, bytes, times, owners, modes."""
    found: dict[str, tuple[object, ...]] = {}
    for path in sorted([home, *home.rglob("*")]):
        about = path.lstat()
        found[str(path)] = (about.st_mtime_ns, about.st_mode, about.st_uid, about.st_gid)
        if path.is_file():
            found[str(path)] += (about.st_atime_ns, hashlib.sha256(path.read_bytes()).hexdigest())
            os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))  # our own reading is not what is looked for
    return found


def newest(file: Path) -> dict[str, Any]:
    """What a hub keeps of the stream: each session in its highest revision."""
    kept: dict[str, Any] = {}
    for record in sessions_since(file.with_name(f"{file.name}.sessions.jsonl"), NORTH, Position()).records:
        if record["revision"] >= kept.get(record["id"], {"revision": -1})["revision"]:
            kept[record["id"]] = record
    return kept


# --- what is written ------------------------------------------------------------------------------------------------


def test_a_home_is_exported_to_standard_output(home: AgentHome) -> None:
    """Without --out the snapshot is printed, keeps to the published schema, and nothing else is printed."""
    document = json.loads(exported(home.path))
    Draft202012Validator(schema()).validate(document)
    assert document["instance"]["id"] == "north"
    assert "sessions" not in document
    kinds = {row["subject"].split("/")[1] for row in document["readings"] if "/" in row["subject"]}
    assert kinds >= {"gateway", "cron", "sessions", "model", "inventory", "logs", "credentials"}


def test_a_home_is_exported_to_a_file_with_its_sessions_beside_it(home: AgentHome, out: Path) -> None:
    """The snapshot and the stream may be read by the group, the cursor by nobody else; nothing is left lying about."""
    assert exported(home.path, "--out", out) == b""
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in out.parent.iterdir()}
    stream = "snapshot.json.sessions.jsonl"
    assert modes == {"snapshot.json": 0o640, stream: 0o640, f"{stream}.cursor": 0o600}
    told = parse(out.read_bytes(), NORTH).sessions
    assert told is not None
    assert (told.file, told.records, told.bytes) == (stream, 3, (out.parent / stream).stat().st_size)
    assert set(newest(out)) == {"s0", "s1", "s2"}


def test_the_hub_learns_from_the_file_what_it_would_have_learnt_from_the_home(home: AgentHome, out: Path) -> None:
    """Every fact that can be had from the home arrives through the exporter, with its value or its reason."""
    exported(home.path, "--out", out)
    through = {(r.subject, r.field): said(r) for r in ExporterSource(NORTH, out, "hub").look(NOW)}
    instance = Instance("north", "north", home=home.path)
    direct = {
        (r.subject, r.field): said(r) for r in HermesSource(instance).look(parse(out.read_bytes(), NORTH).generated_at)
    }
    personal = {key for key in direct if key[1] == "name"}
    way = ("hermes:north", "learnt_by")
    assert {key: through[key] for key in direct.keys() - personal - {way}} == {
        key: direct[key] for key in direct.keys() - personal - {way}
    }
    assert not personal & through.keys()


def said(reading: AnyReading) -> object:
    return reading.value if isinstance(reading, Known) else (reading.reason, reading.detail)


def test_what_changes_is_told_again_and_nothing_else(home: AgentHome, out: Path) -> None:
    """A session that goes on is told in a new revision; a run without news writes no record."""
    for _ in range(2):
        exported(home.path, "--out", out)
    stream = out.with_name(f"{out.name}.sessions.jsonl")
    before = stream.read_bytes()
    exported(home.path, "--out", out)
    assert stream.read_bytes() == before
    home.run("UPDATE sessions SET input_tokens = 77, ended_at = started_at + 5 WHERE id = 's1'")
    home.say("s1", "assistant", ago=1)
    exported(home.path, "--out", out)
    assert stream.read_bytes().startswith(before)
    assert newest(out)["s1"]["input_tokens"] == 77


def test_policies_come_from_the_settings_that_are_named(home: AgentHome, out: Path, tmp_path: Path) -> None:
    """Names and titles are let out only by a settings file that says so, and only for the home it names."""
    settings = tmp_path / "quarterdeck.toml"
    settings.write_text(
        f'[[instances]]\nid = "north"\nhome = "{home.path}"\npolicy = {{ job_names = true, session_titles = true }}\n'
    )
    exported(home.path, "--out", out)
    assert b"friend" not in b"".join(path.read_bytes() for path in out.parent.iterdir())
    exported(home.path, "--out", out, "--config", settings)
    assert b"Write to a friend" in out.read_bytes()
    assert TITLE in out.with_name(f"{out.name}.sessions.jsonl").read_text()
    exported(home.path, "--out", out)
    assert b"friend" not in b"".join(path.read_bytes() for path in out.parent.iterdir())


def test_without_an_id_the_place_of_the_home_gives_one(home: AgentHome, out: Path, tmp_path: Path) -> None:
    """The id is the one under which the hub finds the same home by itself."""
    settings = tmp_path / "quarterdeck.toml"
    settings.write_text("")
    exported(home.path, "--out", out, "--config", settings)
    assert json.loads(out.read_bytes())["instance"]["id"] == discover.instance_at(home.path).id


# --- what never leaves ----------------------------------------------------------------------------------------------


def marked(home: AgentHome, mark: str) -> None:
    """Put a mark into every file of a home that holds text."""
    fill(home, mark)
    for name in (".env", "SOUL.md", "memories/MEMORY.md", "skills/some/SKILL.md", "channel_directory.json"):
        home.write(name, f"KEY={mark}\n§\n{mark}")
    quoted = json.dumps(mark)
    home.write(
        "config.yaml", f"model: {{base_url: {quoted}, api_key: {quoted}}}\nmcp_servers: {{{quoted}: {quoted}}}\n"
    )
    secret = {"access_token": mark, "label": mark, "last_error_message": mark, "status": mark}
    home.write("auth.json", json.dumps({"providers": {"x": secret}, "credential_pool": {"x": [secret]}}))
    for name in ("logs/agent.log", "logs/errors.log", "logs/gateway-exit-diag.log"):
        home.write(name, f"2026-03-02 11:59:00,000 ERROR root: {mark}\n{mark}\n")
    home.write("processes.json", json.dumps([mark]))
    home.write("gateway.lock", mark)


@pytest.mark.parametrize("mark", MARKS)
def test_no_text_of_a_home_leaves_it(tmp_path: Path, out: Path, mark: str) -> None:
    """With a mark wherever text can stand, no output of the process and no file it writes holds it."""
    home = AgentHome(tmp_path / "home" / ".hermes")
    marked(home, mark)
    done = export(home.path, "--out", out)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert_unmarked(out)


@pytest.mark.parametrize("spoil", [b"", MARK.encode(), b"\0" + MARK.encode() * 50, b'{"%s": [' % MARK.encode()])
def test_no_reason_quotes_what_could_not_be_read(tmp_path: Path, out: Path, spoil: bytes) -> None:
    """With every file of the home broken and marked, the snapshot is written, and holds reasons but no mark."""
    home = AgentHome(tmp_path / "home" / ".hermes")
    marked(home, MARK)
    for path in list(home.path.rglob("*")):
        if path.is_file():
            path.write_bytes(spoil)
    done = export(home.path, "--out", out)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert_unmarked(out)
    assert any(isinstance(reading, Unavailable) for reading in parse(out.read_bytes(), NORTH).readings)


def test_no_error_quotes_the_home(tmp_path: Path, out: Path) -> None:
    """Whatever the exporter is asked wrongly, its words hold nothing that stands in a file of the home."""
    home = AgentHome(tmp_path / "home" / ".hermes")
    marked(home, MARK)
    (tmp_path / "link").symlink_to(out.parent)
    wrong: list[list[str | Path]] = [
        ["--out", home.path / "snapshot.json"],
        ["--out", tmp_path / "link" / "snapshot.json"],
        ["--out", tmp_path / "nowhere" / "snapshot.json"],
        ["--config", home.path / "config.yaml"],
        ["--config", home.path / "auth.json"],
        ["--nonsense"],
    ]
    for more in wrong:
        done = export(home.path, *more)
        assert done.returncode == 2
        assert done.stderr
        assert MARK.encode() not in done.stderr.lower() + done.stdout.lower()
        assert b"Traceback" not in done.stderr


def assert_unmarked(out: Path) -> None:
    """What others may read holds no mark. The cursor is the owner's alone, and of a home it holds ids of sessions."""
    for path in out.parent.iterdir():
        content = path.read_text().lower()
        if path.suffix == ".cursor":
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            cursor = json.loads(content)["cursor"]
            assert set(cursor["recent"]) <= {"s", *(f"{mark.lower()} id" for mark in MARKS)}
            content = str(cursor | {"recent": [], "after": cursor["after"][0]})
        assert MARK not in content, path.name


# --- what is left in the home ---------------------------------------------------------------------------------------


def test_any_number_of_looks_leaves_no_trace(home: AgentHome, out: Path) -> None:
    """Names, bytes, times, owners and modes of everything in the home are the same after as before."""
    before = trace(home.path)
    for _ in range(3):
        exported(home.path, "--out", out)
    exported(home.path)
    assert trace(home.path) == before


def test_a_home_in_use_is_left_to_its_user(home: AgentHome, out: Path) -> None:
    """With a writer at its database, the writer sees no error and only its own changes are there afterwards."""
    with closing(sqlite3.connect(home.path / "state.db", timeout=0)) as writer:
        for number in range(4):
            writer.execute("INSERT INTO sessions (id, source, started_at) VALUES (?, 'cli', ?)", (f"w{number}", T))
            writer.commit()
            before = trace(home.path)
            exported(home.path, "--out", out)
            assert trace(home.path) == before
    assert {f"w{number}" for number in range(4)} <= newest(out).keys()


def opened_for_writing(home: AgentHome, out: Path, log: Path) -> set[str]:
    watch = [
        "strace",
        "-f",
        "-qq",
        "-o",
        str(log),
        "-e",
        "trace=open,openat,creat,unlink,unlinkat,rename,renameat,mkdir",
    ]
    done = subprocess.run([*watch, *arguments(home.path, "--out", out)], capture_output=True, timeout=55, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    changing = ("O_WRONLY", "O_RDWR", "O_CREAT", "unlink", "rename", "mkdir")
    return {line for line in log.read_text().splitlines() if any(word in line for word in changing)}


def test_nothing_in_the_home_is_opened_for_writing(home: AgentHome, out: Path, tmp_path: Path) -> None:
    """The system is asked which files were opened for writing, made or removed: none of them lies in the home."""
    lines = opened_for_writing(home, out, tmp_path / "strace.log")
    assert [line for line in lines if str(home.path) in line] == []
    assert any(f"{out.name}." in line for line in lines)


# --- where it may be written ----------------------------------------------------------------------------------------


def test_nothing_is_written_into_the_home(home: AgentHome) -> None:
    """Asked to write into the home, a folder of it, or the root home of a profile, it refuses in words."""
    profile = home.path / "profiles" / "coder"
    profile.mkdir(parents=True)
    before = trace(home.path)
    for looked_at, place in ((home.path, home.path), (home.path, home.path / "cron"), (profile, home.path)):
        done = export(looked_at, "--out", place / "snapshot.json")
        assert done.returncode == 2
        assert b"leave no trace" in done.stderr
    assert trace(home.path) == before


def test_nothing_is_written_through_a_link(home: AgentHome, out: Path, tmp_path: Path) -> None:
    """A link on the way, or in the place of the file, is refused; what it leads to stays as it is."""
    (tmp_path / "link").symlink_to(out.parent)
    victim = tmp_path / "victim"
    victim.write_text("mine")
    out.symlink_to(victim)
    assert b"symbolic link" in export(home.path, "--out", tmp_path / "link" / "other.json").stderr
    assert b"symbolic link" in export(home.path, "--out", out).stderr
    assert victim.read_text() == "mine"
    assert os.listdir(out.parent) == [out.name]


def test_a_full_disk_leaves_the_old_snapshot(home: AgentHome, out: Path) -> None:
    """When the snapshot cannot be written the exit code is 1, the reason is said, and the old file stays whole."""
    exported(home.path, "--out", out)
    before = {path.name: path.read_bytes() for path in out.parent.iterdir()}
    home.say("s1", "assistant", ago=1)

    def small_disk() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))

    done = export(home.path, "--out", out, limit=small_disk)
    assert done.returncode == 1
    assert b"could not be written: file too large" in done.stderr
    assert b"Traceback" not in done.stderr
    assert {path.name: path.read_bytes() for path in out.parent.iterdir()} == before


def test_the_home_of_another_user_is_left_alone(tmp_path: Path, out: Path) -> None:
    """Only its owner exports a home; anybody else, root too, is told to leave it to the owner."""
    strange = tmp_path / "strange"
    strange.mkdir()
    if os.geteuid() == 0:
        os.chown(strange, NOBODY, NOBODY)
    else:
        strange = Path("/")
    done = export(strange, "--out", out)
    assert done.returncode == 2
    assert b"Run the exporter as its owner" in done.stderr
    assert not out.exists()


# --- what may be broken ---------------------------------------------------------------------------------------------


def test_a_home_that_is_not_there_is_a_fact(tmp_path: Path, out: Path) -> None:
    """A home that has gone is exported as what it is: every fact unknown, because nothing is there."""
    exported(tmp_path / "nowhere" / ".hermes", "--out", out)
    found = parse(out.read_bytes(), NORTH).readings
    assert found
    assert {reading.reason for reading in found if isinstance(reading, Unavailable)} == {"missing"}
    assert [reading.field for reading in found if isinstance(reading, Known)] in ([], ["learnt_by"])


def test_a_broken_database_costs_its_own_facts(home: AgentHome, out: Path) -> None:
    """Sessions are unknown and their stream stands still; jobs and gateway are told as ever."""
    exported(home.path, "--out", out)
    stream = out.with_name(f"{out.name}.sessions.jsonl")
    told = stream.read_bytes()
    for name in ("state.db-wal", "state.db-shm"):
        (home.path / name).unlink(missing_ok=True)
    home.write("state.db", "nothing of the kind" * 500)
    exported(home.path, "--out", out)
    found = {(r.subject, r.field): r for r in parse(out.read_bytes(), NORTH).readings}
    assert isinstance(found["hermes:north/sessions", "total"], Unavailable)
    jobs = found["hermes:north/cron", "jobs_declared"]
    assert isinstance(jobs, Known)
    assert jobs.value == 2
    assert stream.read_bytes() == told


def test_trouble_with_the_sessions_costs_no_snapshot(home: AgentHome, out: Path) -> None:
    """A file of somebody else's in the place of the stream is left alone; the snapshot is written without sessions."""
    stream = out.with_name(f"{out.name}.sessions.jsonl")
    stream.write_text("my own notes\n")
    done = export(home.path, "--out", out)
    assert done.returncode == 2
    assert b"written by something else" in done.stderr
    assert stream.read_text() == "my own notes\n"
    intake = parse(out.read_bytes(), NORTH)
    assert intake.readings
    assert intake.sessions is None


def test_two_exporters_at_once_do_not_hurt_each_other(home: AgentHome, out: Path) -> None:
    """Run side by side, all of them end well, and what they leave is whole."""
    many = [subprocess.Popen(arguments(home.path, "--out", out), stderr=subprocess.PIPE) for _ in range(4)]
    for one in many:
        _, words = one.communicate(timeout=50)
        assert (one.returncode, words) == (0, b"")
    assert parse(out.read_bytes(), NORTH).readings
    assert set(newest(out)) == {"s0", "s1", "s2"}
    assert not list(out.parent.glob("*.new"))


def test_killed_at_any_moment_it_leaves_whole_files(home: AgentHome, out: Path) -> None:
    """Exporters are killed at moments spread over their life; snapshots stay whole, and no session is lost."""
    began = time.monotonic()
    exported(home.path, "--out", out)
    life, chance = time.monotonic() - began, random.Random(3)
    for number in range(12):
        home.session(f"k{number}")
        running = subprocess.Popen(arguments(home.path, "--out", out))
        time.sleep(life * chance.uniform(0.5, 1.1))
        running.send_signal(signal.SIGKILL)
        running.wait(timeout=10)
        assert parse(out.read_bytes(), NORTH).readings
    exported(home.path, "--out", out)
    assert set(newest(out)) == {"s0", "s1", "s2", *(f"k{number}" for number in range(12))}


# --- how it is made -------------------------------------------------------------------------------------------------

HEAVY = {
    *("typer", "click", "rich", "fastapi", "starlette", "uvicorn", "jinja2", "pydantic", "sqlalchemy", "psutil"),
    *("structlog", "httpx", "watchfiles", "msgspec", "asyncio", "tomllib", "email", "ssl", "sqlite3"),
}
RUN = """
import sys
from quarterdeck.cli.main import run
code = run(sys.argv[1:])
print(*sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
sys.exit(code)
"""


def test_it_imports_nothing_that_it_does_not_need(home: AgentHome, out: Path) -> None:
    """Neither the web, nor the terminal, nor a settings or database library is loaded by a real run."""
    command = [sys.executable, "-I", "-c", RUN, *arguments(home.path, "--out", out)[4:]]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=True)
    assert HEAVY & set(done.stderr.split()) == set()


@pytest.fixture(autouse=True)
def leave_no_process() -> Iterator[None]:
    """Nothing that a test starts outlives it."""
    yield
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)
