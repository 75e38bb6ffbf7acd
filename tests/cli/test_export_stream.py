"""The stream of session summaries: written by one program, read by another, either of which may die at any moment."""

from __future__ import annotations

import fcntl
import json
import os
import random
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from quarterdeck.cli.export_place import Place
from quarterdeck.cli.export_stream import SEGMENTS_KEPT, Cursor, Stream
from quarterdeck.errors import UsageError
from quarterdeck.sources.exporter.sessions import RECORD, Position, Record, segment_name, sessions_since
from quarterdeck.sources.files import SourceError
from quarterdeck.truth.instance import Instance, Policy
from quarterdeck.truth.reading import Reason

NAME = "snapshot.json.sessions.jsonl"
NORTH = Instance("north", "North")
START = Position()


class Agent:
    """A ledger of sessions as a home would have it: what is told, and what was told already."""

    def __init__(self, count: int = 0) -> None:
        self.sessions: dict[str, dict[str, Any]] = {}
        self.moved: list[str] = []
        for number in range(count):
            self.move(f"s{number}")

    def move(self, name: str, **values: object) -> None:
        self.moved.append(name)
        old = self.sessions.get(name, {"id": name, "revision": 0, "source": "cli", "messages": 0})
        self.sessions[name] = old | {"revision": len(self.moved), "messages": old["messages"] + 1} | values

    def gather(self, cursor: Cursor) -> tuple[Iterable[Mapping[str, Any]], Cursor]:
        """Tell whatever moved after the cursor, each session once."""
        start = cursor["moves"] if cursor else 0
        return [self.sessions[name] for name in dict.fromkeys(self.moved[start:])], {"moves": len(self.moved)}


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    folder = tmp_path / "out"
    folder.mkdir()
    with Place(folder, []) as opened:
        yield opened


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "out" / NAME


def stream(place: Place, *, titles: bool = False, segment_bytes: int = 16_000_000, instance: str = "north") -> Stream:
    return Stream(place, NAME, instance, titles, segment_bytes)


def extended(told: dict[str, Any] | None) -> dict[str, Any]:
    assert told is not None
    return told


def read_all(
    file: Path, position: Position = START, *, limit: int = 4_000_000, instance: Instance = NORTH
) -> tuple[list[Record], Position]:
    records: list[Record] = []
    for _ in range(10_000):
        batch = sessions_since(file, instance, position, limit=limit)
        records += batch.records
        position = batch.position
        if not batch.more:
            break
    return records, position


def newest(records: Iterable[Record]) -> dict[str, int]:
    """What a hub keeps: the highest revision of each session."""
    kept: dict[str, int] = {}
    for record in records:
        kept[record["id"]] = max(record["revision"], kept.get(record["id"], -1))
    return kept


def truth(agent: Agent) -> dict[str, int]:
    return {name: session["revision"] for name, session in agent.sessions.items()}


# --- there and back -------------------------------------------------------------------------------------------------


def test_what_is_told_arrives_and_only_once(place: Place, file: Path) -> None:
    """A reader that goes on where it stopped gets each change once, and nothing when nothing changed."""
    agent = Agent(3)
    stream(place).extend(agent.gather)
    first, position = read_all(file)
    assert [record["id"] for record in first] == ["s0", "s1", "s2"]
    assert read_all(file, position) == ([], position)
    agent.move("s1")
    agent.move("s3")
    stream(place).extend(agent.gather)
    second, position = read_all(file, position)
    assert [(record["id"], record["messages"]) for record in second] == [("s1", 2), ("s3", 1)]
    stream(place).extend(agent.gather)
    assert read_all(file, position)[0] == []


def test_the_snapshot_says_how_far_the_stream_has_grown(place: Place, file: Path) -> None:
    """Records and bytes are those of the file, in every run, also when what was remembered is lost."""
    agent = Agent(3)
    first = extended(stream(place).extend(agent.gather))
    assert (first["file"], first["segment"], first["records"], first["withheld"]) == (NAME, 1, 3, 0)
    assert first["bytes"] == file.stat().st_size
    assert stream(place).extend(agent.gather) == first
    (file.parent / f"{NAME}.cursor").unlink()
    again = extended(stream(place).extend(agent.gather))
    assert (again["epoch"], again["records"]) == (first["epoch"], 6)


def test_files_can_be_read_by_whom_they_are_for(place: Place, file: Path) -> None:
    """The stream is for the group of the folder; what the writer remembers is for itself."""
    stream(place).extend(Agent(1).gather)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in file.parent.iterdir()}
    assert modes == {NAME: 0o640, f"{NAME}.cursor": 0o600}


def test_nothing_is_written_when_nothing_is_new(place: Place, file: Path) -> None:
    """A run without news touches neither the stream nor what the writer remembers."""
    agent = Agent(1)
    stream(place).extend(agent.gather)
    before = {path: path.stat().st_mtime_ns for path in file.parent.iterdir()}
    stream(place).extend(agent.gather)
    assert {path: path.stat().st_mtime_ns for path in file.parent.iterdir()} == before


def test_a_record_says_what_the_table_names_and_nothing_else(place: Place, file: Path) -> None:
    """Whatever else an agent holds of a session stays where it is; a value that does not fit is named, not shown."""
    agent = Agent()
    agent.move("s0", prompt="Tell Ada", title="Letter to Ada", model="two words of text!", cost_usd=0.25)
    stream(place).extend(agent.gather)
    assert "Ada" not in file.read_text()
    assert "words of text" not in file.read_text()
    (record,) = read_all(file)[0]
    assert set(record) == {*RECORD, "unfit"}
    assert (record["model"], record["unfit"], record["cost_usd"]) == (None, ["model"], 0.25)


def test_a_session_that_cannot_be_named_is_withheld_and_counted(place: Place, file: Path) -> None:
    """An id that is no id is not told, and the snapshot says how many sessions that concerns."""
    agent = Agent()
    agent.move("call +1 555 0100 about Ada")
    agent.move("s1")
    assert extended(stream(place).extend(agent.gather))["withheld"] == 1
    assert [record["id"] for record in read_all(file)[0]] == ["s1"]


# --- policy ---------------------------------------------------------------------------------------------------------

OPEN = Instance("north", "North", policy=Policy(session_titles=True))


def test_titles_are_told_only_where_both_sides_allow_it(place: Place, file: Path) -> None:
    """The writer's policy lets a title out, the reader's policy lets it in."""
    agent = Agent()
    agent.move("s0", title="Letter to Ada")
    stream(place, titles=True).extend(agent.gather)
    assert read_all(file, instance=OPEN)[0][0]["title"] == "Letter to Ada"
    assert "title" not in read_all(file)[0][0]


def test_a_policy_that_is_withdrawn_takes_the_titles_with_it(place: Place, file: Path) -> None:
    """When titles may no longer be told, no file holds one any more, and everything is told anew without them."""
    agent = Agent()
    for number in range(40):
        agent.move(f"s{number}", title="Letter to Ada")
        stream(place, titles=True, segment_bytes=2_000).extend(agent.gather)
    _, position = read_all(file, instance=OPEN)
    assert len(list(file.parent.iterdir())) > 3
    stream(place, titles=False).extend(agent.gather)
    assert not [path for path in file.parent.iterdir() if "Ada" in path.read_text()]
    records, after = read_all(file, position)
    assert newest(records) == truth(agent)
    assert after.epoch != position.epoch


def test_another_instance_begins_a_stream_of_its_own(place: Place, file: Path) -> None:
    """A file that was used for another instance is begun anew, and a reader of the wrong one is refused."""
    stream(place, instance="south").extend(Agent(2).gather)
    with pytest.raises(SourceError, match="another instance"):
        read_all(file)
    stream(place).extend(Agent(1).gather)
    assert len(read_all(file)[0]) == 1


# --- segments -------------------------------------------------------------------------------------------------------


def test_a_full_file_becomes_a_segment_and_no_record_is_lost(place: Place, file: Path) -> None:
    """Over many rotations a reader that goes on from where it was, and one that begins anew, both get everything."""
    agent, position, followed = Agent(), START, list[Record]()
    for number in range(60):
        agent.move(f"s{number % 17}")
        stream(place, segment_bytes=2_000).extend(agent.gather)
        if number % 7 == 0:
            new, position = read_all(file, position, limit=700)
            followed += new
    new, position = read_all(file, position, limit=700)
    assert newest(followed + new) == newest(read_all(file)[0]) == truth(agent)
    assert len(followed + new) == 60
    assert extended(stream(place).extend(agent.gather))["segment"] > 5
    assert (file.parent / segment_name(NAME, 1)).exists()


def test_old_segments_go_and_readers_find_the_next_one(place: Place, file: Path) -> None:
    """So many full segments stay; a reader that was away for longer goes on with the oldest that is there."""
    agent = Agent(1)
    stream(place, segment_bytes=300).extend(agent.gather)
    _, position = read_all(file)
    for number in range(SEGMENTS_KEPT + 10):
        agent.move(f"t{number}")
        stream(place, segment_bytes=300).extend(agent.gather)
    numbered = [path for path in file.parent.iterdir() if path.name != NAME and path.suffix == ".jsonl"]
    assert len(numbered) == SEGMENTS_KEPT
    behind, _ = read_all(file, position)
    anew, _ = read_all(file)
    assert behind == anew
    assert anew[-1]["id"] == f"t{SEGMENTS_KEPT + 9}"


def test_a_stream_whose_file_is_lost_goes_on_after_its_segments(place: Place, file: Path) -> None:
    """Removing the growing file loses what it held, so everything is told again; where a reader stood still counts."""
    agent = Agent(1)
    for number in range(5):
        agent.move(f"t{number}")
        stream(place, segment_bytes=300).extend(agent.gather)
    _, position = read_all(file)
    file.unlink()
    told = extended(stream(place, segment_bytes=300).extend(agent.gather))
    assert told["epoch"] == position.epoch
    assert newest(read_all(file)[0]) == truth(agent)


def test_removing_everything_begins_a_new_epoch(place: Place, file: Path) -> None:
    """With all files gone the stream begins anew, and a reader notices by the epoch."""
    agent = Agent(2)
    stream(place).extend(agent.gather)
    _, position = read_all(file)
    for path in list(file.parent.iterdir()):
        path.unlink()
    stream(place).extend(agent.gather)
    records, after = read_all(file, position)
    assert newest(records) == truth(agent)
    assert after.epoch != position.epoch


# --- what can go wrong ----------------------------------------------------------------------------------------------


def test_a_torn_line_is_not_read_and_goes_with_the_next_run(place: Place, file: Path) -> None:
    """Whatever a dying writer left of a line, at any byte: readers stop before it, and the next writer removes it."""
    agent = Agent(2)
    stream(place).extend(agent.gather)
    whole = file.read_bytes()
    header_ends = whole.index(b"\n") + 1
    for cut in range(header_ends, len(whole)):
        file.write_bytes(whole[:cut])
        complete = whole[:cut].count(b"\n") - 1
        assert len(read_all(file)[0]) == complete
        stream(place).extend(agent.gather)
        assert newest(read_all(file)[0]) == truth(agent)
        assert file.read_bytes().endswith(b"\n")


def test_half_a_first_line_begins_anew(place: Place, file: Path) -> None:
    """A writer that died within the very first line leaves nothing that anybody could have read."""
    agent = Agent(1)
    stream(place).extend(agent.gather)
    whole = file.read_bytes()
    for cut in range(whole.index(b"\n") + 1):
        file.write_bytes(whole[:cut])
        with pytest.raises(SourceError):
            read_all(file)
        stream(place).extend(agent.gather)
        assert newest(read_all(file)[0]) == truth(agent)


def test_a_line_that_is_no_record_is_counted_and_passed_over(place: Place, file: Path) -> None:
    """Damage within the file costs the lines it hit and no others."""
    stream(place).extend(Agent(3).gather)
    lines = file.read_bytes().splitlines(keepends=True)
    lines[2] = b'{"id": ["s1"], "revision": -1}\n'
    file.write_bytes(b"".join([*lines, b"\xff\xfe\n", b"[" * 5_000 + b"\n"]))
    batch = sessions_since(file, NORTH, START)
    assert [record["id"] for record in batch.records] == ["s0", "s2"]
    assert batch.refused == 3


CURSORS = {
    "missing": None,
    "empty": b"",
    "not JSON": b"{",
    "a list": b"[]",
    "of the wrong types": b'{"epoch":1,"segment":"1","bytes":null,"records":[],"withheld":0,"cursor":7}',
    "binary": bytes(range(256)),
}


@pytest.mark.parametrize("content", CURSORS.values(), ids=CURSORS.keys())
def test_a_lost_cursor_costs_repetition_and_nothing_else(place: Place, file: Path, content: bytes | None) -> None:
    """Without its memory the writer tells everything again; readers that follow come to the same."""
    agent = Agent(3)
    stream(place).extend(agent.gather)
    first, position = read_all(file)
    memory = file.parent / f"{NAME}.cursor"
    memory.unlink()
    if content is not None:
        memory.write_bytes(content)
    stream(place).extend(agent.gather)
    second, _ = read_all(file, position)
    assert newest(second) == newest(first) == truth(agent)


def test_a_stream_that_lost_records_tells_them_again(place: Place, file: Path) -> None:
    """When the file is shorter than its writer remembers (restored from a backup), everything is told again."""
    agent = Agent(2)
    stream(place).extend(agent.gather)
    shorter = file.read_bytes()
    agent.move("s2")
    stream(place).extend(agent.gather)
    file.write_bytes(shorter)
    stream(place).extend(agent.gather)
    assert newest(read_all(file)[0]) == truth(agent)


def test_two_writers_do_not_mix(place: Place, file: Path) -> None:
    """While one writer has the file, a second leaves it alone and says nothing of it."""
    agent = Agent(1)
    stream(place).extend(agent.gather)
    before = file.read_bytes()
    agent.move("s1")
    with file.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert stream(place).extend(agent.gather) is None
        assert file.read_bytes() == before
    assert extended(stream(place).extend(agent.gather))["records"] == 2


def linked(path: Path) -> None:
    path.symlink_to(path.parent / "elsewhere")


@pytest.mark.parametrize("make", [linked, os.mkfifo, Path.mkdir], ids=["a link", "a pipe", "a folder"])
def test_what_somebody_else_put_in_its_place_stays(place: Place, file: Path, make: object) -> None:
    """A link, a pipe or a folder is refused in words; nothing is written through it."""
    assert callable(make)
    make(file)
    with pytest.raises(UsageError, match="Remove it"):
        stream(place).extend(Agent(1).gather)
    assert os.listdir(file.parent) == [NAME]


@pytest.mark.parametrize("content", [b"my own notes", b'{"mine": 1}\n', b"\0" * 2_000])
def test_a_file_that_is_not_ours_is_not_touched(place: Place, file: Path, content: bytes) -> None:
    """A file of that name which somebody else wrote stays as it is, and readers say that it is no stream."""
    file.write_bytes(content)
    with pytest.raises(UsageError, match="Move it away"):
        stream(place).extend(Agent(1).gather)
    assert file.read_bytes() == content
    with pytest.raises(SourceError) as caught:
        read_all(file)
    assert caught.value.reason is Reason.SCHEMA


def test_a_stream_that_is_not_there_is_missing(file: Path) -> None:
    """Before the first run there is nothing to read, and the reason says so."""
    file.parent.mkdir()
    with pytest.raises(SourceError) as caught:
        read_all(file)
    assert caught.value.reason is Reason.MISSING


def test_a_line_without_an_end_does_not_stop_a_reader_for_ever(place: Place, file: Path) -> None:
    """A line longer than a reader takes at once is damage, and is said to be."""
    stream(place).extend(Agent(1).gather)
    _, position = read_all(file)
    with file.open("ab") as damaged:
        damaged.write(b"x" * 3_000)
    with pytest.raises(SourceError, match="longer than any record"):
        read_all(file, position, limit=2_000)


# --- killed at any moment -------------------------------------------------------------------------------------------

WRITER = """
import itertools, sys
from pathlib import Path
from quarterdeck.cli.export_place import Place
from quarterdeck.cli.export_stream import Stream

def gather(cursor):
    start = cursor["told"] if cursor else 0
    records = [{"id": f"s{n % 50}", "revision": n, "messages": n} for n in range(start + 1, start + 8)]
    return records, {"told": start + 7}

with Place(Path(sys.argv[1]), []) as place:
    while True:
        Stream(place, sys.argv[2], "north", False, 20_000).extend(gather)
"""


def test_a_writer_killed_at_any_moment_loses_nothing(file: Path) -> None:
    """Writers die over and over; a reader that follows sees every revision, some twice, none missing."""
    file.parent.mkdir()
    chance = random.Random(11)
    position, seen = START, set[int]()
    for _ in range(12):
        enough, gives_up_at = len(seen) + chance.randrange(5, 40), time.monotonic() + 30
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(file.parent), NAME])
        while len(seen) < enough and time.monotonic() < gives_up_at:
            position = follow(file, position, seen)
            time.sleep(chance.random() / 200)
        writer.send_signal(signal.SIGKILL)
        writer.wait(timeout=10)
    position = follow(file, position, seen)
    assert len(seen) > 100
    assert seen == set(range(1, max(seen) + 1))
    assert json.loads((file.parent / f"{NAME}.cursor").read_bytes())["segment"] > 1


def follow(file: Path, position: Position, seen: set[int]) -> Position:
    try:
        records, position = read_all(file, position, limit=5_000)
    except SourceError as error:  # between two segments there is none for a moment
        if error.reason not in {Reason.MISSING, Reason.SCHEMA}:
            raise
        return position
    seen.update(record["revision"] for record in records)
    return position
