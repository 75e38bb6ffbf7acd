"""An instance known by its snapshot: what the hub says when the file is good, old, broken or gone."""

from __future__ import annotations

import os
import random
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from quarterdeck.sources.exporter.document import BYTES_LIMIT, encode, render
from quarterdeck.sources.exporter.source import ExporterSource
from quarterdeck.sources.merge import Merged
from quarterdeck.sources.own import expected
from quarterdeck.truth import fields
from quarterdeck.truth.instance import Instance
from quarterdeck.truth.reading import AnyReading, Key, Knowledge, Known, Origin, Reason, Unavailable

NOW = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
NORTH = Instance("north", "North")
GATEWAY = "hermes:north/gateway"
HERE = Origin("kernel locks", "gateway.lock")
HOLDER = (GATEWAY, "lock_holder")
WRITTEN_AT = ("source:exporter:north", "written_at")
NOBODY = 65534

FACTS: list[AnyReading] = [
    fields.LOCK_HOLDER.known(GATEWAY, HERE, 4711, NOW),
    fields.HEARTBEAT_AT.unavailable(GATEWAY, HERE, Reason.MISSING, "does not exist", NOW),
    fields.NEXT_RUN_AT.known("hermes:north/cron/1f", Origin("jobs", "cron/jobs.json"), NOW, NOW),
    fields.DISK_FREE.known("host:box/disk//home", Origin("statvfs", "/home"), 5e9, NOW),
    fields.LEARNT_BY.known("hermes:north", Origin("home", "."), "home", NOW),
]


def snapshot(*, facts: list[AnyReading] = FACTS, at: datetime = NOW) -> bytes:
    return encode(render(NORTH, facts, at, version="0.1.0", host="box", took_ms=12.3))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "north.json"
    path.write_bytes(snapshot())
    return path


def source(file: Path, host: str = "hub") -> ExporterSource:
    return ExporterSource(NORTH, file, host)


def seen(readings: object) -> dict[Key, AnyReading]:
    assert isinstance(readings, list)
    keys = [(reading.subject, reading.field) for reading in readings]
    assert len(set(keys)) == len(keys), "one witness for a fact"
    return dict(zip(keys, readings, strict=True))


def known(reading: AnyReading) -> Known[object]:
    assert isinstance(reading, Known)
    return reading


def absent(reading: AnyReading) -> Unavailable[object]:
    assert isinstance(reading, Unavailable)
    return reading


def test_facts_come_with_the_time_at_which_the_exporter_looked(file: Path) -> None:
    """Reading a snapshot later does not make its facts younger; only when it was read is new."""
    later = NOW + timedelta(seconds=80)
    found = seen(source(file).look(later))
    assert found[HOLDER] == FACTS[0]
    assert found[HOLDER].knowledge(later) is Knowledge.LATE
    written = known(found[WRITTEN_AT])
    assert (written.value, written.observed_at) == (NOW, later)
    assert written.origin == Origin("exporter snapshot", "north.json")


def test_a_snapshot_nobody_renews_goes_stale_by_itself(file: Path) -> None:
    """An hour after the exporter stopped, every known fact of the file is stale though it reads well."""
    later = NOW + timedelta(hours=1)
    found = seen(source(file).look(later))
    facts = [reading for key, reading in found.items() if key[0] == GATEWAY or "/cron/" in key[0]]
    assert {reading.knowledge(later) for reading in facts} == {Knowledge.STALE, Knowledge.UNKNOWN}


def test_the_way_it_was_learnt_is_said_by_the_hub(file: Path) -> None:
    """The exporter learnt from the home; the hub learnt from the exporter, and says that."""
    learnt = known(seen(source(file).look(NOW))["hermes:north", "learnt_by"])
    assert (learnt.value, learnt.origin.source) == ("exporter", "exporter snapshot")


def test_of_its_own_host_the_hub_speaks_itself(file: Path) -> None:
    """A snapshot written on the hub's host says nothing of that host; one from elsewhere does."""
    disk = ("host:box/disk//home", "free_bytes")
    assert disk not in seen(source(file, host="box").look(NOW))
    assert disk in seen(source(file, host="hub").look(NOW))


def test_what_was_not_taken_in_is_counted(tmp_path: Path) -> None:
    """The page can say how many facts of a snapshot were not understood and how many not admitted."""
    file = tmp_path / "north.json"
    data = snapshot().replace(b'"field":"next_run_at"', b'"field":"dreamt_at"').replace(b"host:box", b"host:bix")
    file.write_bytes(data)
    found = seen(source(file).look(NOW))
    assert known(found["source:exporter:north", "not_understood"]).value == 1
    assert known(found["source:exporter:north", "not_admitted"]).value == 1


# --- when the file cannot be read -----------------------------------------------------------------------------------


def test_a_file_that_never_was_leaves_every_part_unknown(tmp_path: Path) -> None:
    """Before the first snapshot everything a home could tell is unknown, with the reason."""
    found = seen(source(tmp_path / "north.json").look(NOW))
    assert set(expected(NORTH)) <= set(found)
    for key in (*expected(NORTH), WRITTEN_AT):
        assert (absent(found[key]).reason, absent(found[key]).detail) == (Reason.MISSING, "does not exist")


def test_what_was_known_is_unknown_when_the_file_is_gone(file: Path) -> None:
    """Facts of a snapshot that can no longer be read are unknown, for the file's reason, with their last values."""
    eyes = source(file)
    before = seen(eyes.look(NOW))
    file.unlink()
    for later in (NOW + timedelta(seconds=30), NOW + timedelta(seconds=60)):
        found = seen(eyes.look(later))
        lost = absent(found[HOLDER])
        assert (lost.reason, lost.attempted_at, lost.last) == (Reason.MISSING, later, before[HOLDER])
        assert absent(found["hermes:north/cron/1f", "next_run_at"]).last is not None


def test_nothing_leaves_a_tombstone_when_the_file_is_gone(file: Path) -> None:
    """A snapshot that cannot be read removes no job: it is not gone, it is unknown."""
    eyes, merged = source(file), Merged([source(file).name])
    merged.answered(eyes.name, eyes.look(NOW), NOW)
    file.unlink()
    merged.answered(eyes.name, eyes.look(NOW), NOW)
    assert merged.gone(NOW) == {}
    assert ("hermes:north/cron/1f", "next_run_at") in merged.readings()
    file.write_bytes(snapshot(facts=FACTS[:1]))
    merged.answered(eyes.name, eyes.look(NOW), NOW)
    assert "hermes:north/cron/1f" in merged.gone(NOW)


def test_a_file_that_comes_back_is_believed_again(file: Path) -> None:
    """After a broken look the next good one brings everything back."""
    eyes = source(file)
    good = file.read_bytes()
    file.write_bytes(b"{")
    assert absent(seen(eyes.look(NOW))[HOLDER]).reason is Reason.CORRUPT
    file.write_bytes(good)
    assert seen(eyes.look(NOW))[HOLDER] == FACTS[0]


@contextmanager
def as_nobody() -> Iterator[None]:
    """Run a block without the powers of root; without root there are none to give up."""
    me = os.geteuid()
    if me == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(me)


def sparse(path: Path) -> None:
    with path.open("wb") as hole:
        hole.truncate(2 << 30)


def bound(path: Path) -> None:
    """Bind under a short name first: the path of a socket may only have 107 bytes."""
    here = os.open(path.parent, os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"/proc/self/fd/{here}/{path.name}")
    os.close(here)


def endless(path: Path) -> None:
    path.symlink_to(path)


BROKEN: dict[str, tuple[Callable[[Path], object], set[Reason]]] = {
    "missing": (lambda path: None, {Reason.MISSING}),
    "empty": (lambda path: path.write_bytes(b""), {Reason.CORRUPT}),
    "random": (lambda path: path.write_bytes(random.Random(7).randbytes(4096)), {Reason.CORRUPT, Reason.SCHEMA}),
    "a list": (lambda path: path.write_bytes(b"[]"), {Reason.SCHEMA}),
    "null": (lambda path: path.write_bytes(b"null"), {Reason.SCHEMA}),
    "two gigabytes of nothing": (sparse, {Reason.CORRUPT}),
    "a directory": (lambda path: path.mkdir(), {Reason.CORRUPT}),
    "a pipe": (os.mkfifo, {Reason.CORRUPT}),
    "a socket": (bound, {Reason.CORRUPT}),
    "a link in circles": (endless, {Reason.CORRUPT}),
    "a link to nothing": (lambda path: path.symlink_to("nowhere"), {Reason.MISSING}),
    "another instance's": (
        lambda path: path.write_bytes(snapshot().replace(b'"id":"north"', b'"id":"south"')),
        {Reason.SCHEMA},
    ),
}


@pytest.mark.parametrize(("spoil", "reasons"), BROKEN.values(), ids=BROKEN.keys())
def test_every_broken_file_has_its_reason(file: Path, spoil: Callable[[Path], object], reasons: set[Reason]) -> None:
    """Whatever lies in the place of the snapshot, it is told apart at once, and nothing of it becomes a value."""
    eyes = source(file)
    eyes.look(NOW)
    file.unlink()
    spoil(file)
    began = time.monotonic()
    found = seen(eyes.look(NOW))
    assert time.monotonic() - began < eyes.budget_s
    assert absent(found[WRITTEN_AT]).reason in reasons
    assert {type(reading) for key, reading in found.items() if key != ("hermes:north", "learnt_by")} == {Unavailable}


def test_a_snapshot_cut_off_anywhere_is_corrupt(file: Path) -> None:
    """Truncated at every tenth of its length, it is never half believed."""
    good = file.read_bytes()
    eyes = source(file)
    for tenth in range(10):
        file.write_bytes(good[: len(good) * tenth // 10])
        assert absent(seen(eyes.look(NOW))[WRITTEN_AT]).reason is Reason.CORRUPT


def test_a_snapshot_that_may_not_be_read_says_so(tmp_path: Path) -> None:
    """A file of another user without permission is denied, which is not the same as missing."""
    file = tmp_path / "north.json"
    file.write_bytes(snapshot())
    file.chmod(0)
    with as_nobody():
        found = seen(source(file).look(NOW))
    assert absent(found[WRITTEN_AT]).reason is Reason.DENIED


def test_a_snapshot_may_be_as_large_as_the_format_says(tmp_path: Path) -> None:
    """One byte beyond the limit is refused by size alone, before anything is read."""
    file = tmp_path / "north.json"
    file.write_bytes(snapshot().ljust(BYTES_LIMIT, b" "))
    assert WRITTEN_AT in seen(source(file).look(NOW))
    assert isinstance(seen(source(file).look(NOW))[WRITTEN_AT], Known)
    file.write_bytes(snapshot().ljust(BYTES_LIMIT + 1, b" "))
    assert "more than" in absent(seen(source(file).look(NOW))[WRITTEN_AT]).detail


def test_looking_leaves_the_snapshot_as_it_was(file: Path) -> None:
    """The hub reads the file and nothing else: bytes, times, mode and neighbours stay."""
    past = 1_000_000_000_000_000_000
    os.utime(file, ns=(past, past))
    before = file.stat()
    source(file).look(NOW)
    after = file.stat()
    assert (after.st_atime_ns, after.st_mtime_ns, after.st_mode) == (past, past, before.st_mode)
    assert (file.read_bytes(), list(file.parent.iterdir())) == (snapshot(), [file])


def test_a_new_snapshot_wakes_the_collector(file: Path) -> None:
    """The directory is watched, for the exporter puts a new file in the place of the old one."""
    assert source(file).watched() == (file.parent,)
    assert source(file).name == "exporter:north"
