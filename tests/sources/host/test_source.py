"""The machine we run on, as the collector sees it."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest

from quarterdeck.sources.host import HostSource
from quarterdeck.sources.host.disks import Room
from quarterdeck.truth import fields as F  # noqa: N812 -- a table reads better with one letter before each field
from quarterdeck.truth.fields import Field, field_for
from quarterdeck.truth.reading import AnyReading, Key, Known, Reason, Unavailable
from tests.sources.host.machine import TABLES, hidden, machine, process, row, tcp

NOW = datetime(2026, 11, 21, 2, 10, tzinfo=UTC)
ROOM = Room(1000, 400, None)
HOST = "host:box"
DASHBOARD = "0100007F:239F"


def seen(source: HostSource) -> dict[Key, AnyReading]:
    readings = list(source.look(NOW))
    keys = [(reading.subject, reading.field) for reading in readings]
    assert len(set(keys)) == len(keys), "one witness for a fact"
    assert all(field_for(*key) for key in keys)
    return dict(zip(keys, readings, strict=True))


def value(readings: Mapping[Key, AnyReading], subject: str, field: Field[object]) -> object:
    reading = readings[subject, field.name]
    assert isinstance(reading, Known), reading
    return reading.value


def fake(proc: Path, **options: object) -> HostSource:
    options = {"proc": str(proc), "room_at": lambda point: ROOM} | options
    return HostSource("box", {"north": "/home/alice/.hermes"}, **options)  # type: ignore[arg-type]  # any option


def test_this_machine() -> None:
    """The figures of this machine are those that others read from it."""
    readings = seen(HostSource("box", {"north": Path.home() / ".hermes"}))
    assert value(readings, HOST, F.MEMORY_TOTAL) == psutil.virtual_memory().total
    available = value(readings, HOST, F.MEMORY_AVAILABLE)
    assert isinstance(available, float)
    assert abs(available - psutil.virtual_memory().available) < 2e9
    assert value(readings, HOST, F.CPUS) == os.cpu_count()
    booted = value(readings, HOST, F.BOOTED_AT)
    assert isinstance(booted, datetime)
    assert abs(booted.timestamp() - psutil.boot_time()) < 2
    assert value(readings, HOST, F.CLOCK_STEP) == 0
    assert all(isinstance(reading, Known) for reading in readings.values())
    assert {subject for subject, _ in readings} >= {HOST, "host:box/disk//"}


def test_a_look(tmp_path: Path) -> None:
    """A look tells the host, its disks with who lives there, and its listeners."""
    proc = machine(tmp_path, tcp(row(DASHBOARD, 1, uid=os.getuid())))
    process(proc, 10, [1])
    readings = seen(fake(proc, holders=lambda: {10: "north"}))
    assert value(readings, HOST, F.LOAD_1M) == 0.42
    assert value(readings, HOST, F.LISTENERS) == 1
    assert value(readings, "host:box/disk//", F.DISK_OF) == ("north",)
    assert value(readings, "host:box/disk//", F.DISK_FREE) == 400
    assert value(readings, "host:box/disk//", F.INODES_FREE_SHARE) is None
    listener = "host:box/listener/127.0.0.1:9119"
    assert value(readings, listener, F.LISTENER_ROLE) == "dashboard"
    assert value(readings, listener, F.LISTENER_PUBLIC) is False
    assert value(readings, listener, F.LISTENER_PID) == 10
    assert value(readings, listener, F.LISTENER_OF) == "north"


RESTS_ON = {
    "meminfo": {"memory_total_bytes", "memory_available_bytes"},
    "loadavg": {"load_1m"},
    "stat": {"booted_at"},
    "self/mountinfo": {"total_bytes", "free_bytes", "inodes_free_share"},
    "net/tcp": {"listeners", "sockets", "public", "role", "pid", "of_instance"},
    "net/tcp6": {"listeners", "sockets", "public", "role", "pid", "of_instance"},
    "net/fib_trie": {"addresses"},
    "net/if_inet6": {"addresses"},
}


def directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def circle(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.name)


def enormous(path: Path) -> None:
    with path.open("wb") as hole:
        hole.truncate(2 << 30)


def missing(path: Path) -> None:
    path.unlink()


def empty(path: Path) -> None:
    path.write_text("")


def random(path: Path) -> None:
    path.write_bytes(bytes(range(256)) * 20)


FAULTS: Mapping[str, Callable[[Path], None]] = {
    "missing": missing,
    "empty": empty,
    "random": random,
    "a directory": directory,
    "a pipe": pipe,
    "a circle": circle,
    "enormous": enormous,
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
@pytest.mark.parametrize("table", TABLES)
def test_a_broken_table_takes_only_its_own_facts_with_it(
    tmp_path: Path, table: str, fault: Callable[[Path], None]
) -> None:
    """Whatever is wrong with one of the kernel's tables, all that does not rest on it is told as before."""
    proc = machine(tmp_path, tcp(row(DASHBOARD, 1)))
    source = fake(proc)
    before = seen(source)
    fault(proc / table)
    after = seen(source)
    for key, reading in before.items():
        if key[1] in RESTS_ON[table] or key[0].startswith(f"{HOST}/listener"):
            continue
        assert after[key] == reading, key
    for (_, field), reading in after.items():
        assert isinstance(reading, Known) or field in RESTS_ON[table]


@pytest.mark.parametrize("table", ["meminfo", "loadavg", "stat", "self/mountinfo", "net/tcp", "net/fib_trie"])
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_a_broken_table_never_leaves_a_figure(tmp_path: Path, table: str, fault: Callable[[Path], None]) -> None:
    """What rests on a broken table is unknown with a reason: never zero, never what it was."""
    proc = machine(tmp_path)
    fault(proc / table)
    for (_, field), reading in seen(fake(proc)).items():
        if field in RESTS_ON[table]:
            assert isinstance(reading, Unavailable), reading


def test_every_socket_beyond_loopback_is_told(tmp_path: Path) -> None:
    """A way in may begin at any socket: the address of each that others can reach is told, whosever it is."""
    rows = (row(DASHBOARD, 1), row("00000000:01BB", 2), row("070200C0:1F90", 3), row("00000000:01BB", 4))
    v6 = tcp(row("0" * 32 + ":01BB", 5), v6=True)
    readings = seen(fake(machine(tmp_path, tcp(*rows) | v6)))
    assert value(readings, f"{HOST}/network", F.SOCKETS) == ("0.0.0.0:443", "192.0.2.7:8080", "[::]:443")
    assert value(readings, f"{HOST}/network", F.ADDRESSES) == ("127.0.0.1", "192.0.2.7", "[::1]")
    assert value(readings, HOST, F.LISTENERS) == 1


def test_this_machines_own_addresses() -> None:
    """They are those that others find on its interfaces."""
    told = value(seen(HostSource("box", {})), f"{HOST}/network", F.ADDRESSES)
    kinds = (socket.AF_INET, socket.AF_INET6)
    found = {each.address for one in psutil.net_if_addrs().values() for each in one if each.family in kinds}
    assert isinstance(told, tuple)
    assert {each.strip("[]") for each in told} == {each.partition("%")[0] for each in found}


def test_listeners_are_not_gone_when_nobody_says_so(tmp_path: Path) -> None:
    """While the kernel does not say who listens, those who did are unknown, with what was known of them."""
    proc = machine(tmp_path, tcp(row(DASHBOARD, 1, uid=os.getuid())))
    process(proc, 10, [1])
    source = fake(proc)
    seen(source)
    (proc / "net/tcp").unlink()
    after = seen(source)
    role = after["host:box/listener/127.0.0.1:9119", F.LISTENER_ROLE.name]
    assert isinstance(role, Unavailable)
    assert role.reason is Reason.MISSING
    assert role.last is not None
    assert role.last.value == "dashboard"
    count = after[HOST, F.LISTENERS.name]
    assert isinstance(count, Unavailable)


class Clocks:
    """A wall clock and a steady one that go as they are told."""

    def __init__(self) -> None:
        self.wall, self.steady = 1_700_000_000.0, 50.0

    def __call__(self) -> tuple[float, float]:
        return self.wall, self.steady

    def go(self, wall: float, steady: float) -> None:
        self.wall += wall
        self.steady += steady


def test_steps_of_the_clock(tmp_path: Path) -> None:
    """A step is how much further the wall clock went than the steady one, forward or back, and it passes."""
    clocks = Clocks()
    source = fake(machine(tmp_path), clocks=clocks)
    steps = []
    for wall, steady in ((0, 0), (30, 30), (3630, 30), (30, 30), (-570, 30), (30.04, 30)):
        clocks.go(wall, steady)
        steps.append(value(seen(source), HOST, F.CLOCK_STEP))
    assert steps == [0, 0, 3600, 0, -600, 0]


def test_a_file_system_that_fails_is_told_with_who_lives_there(tmp_path: Path) -> None:
    """A disk that cannot be read is unknown in its figures; whose homes are affected is known all the same."""

    def refuse(point: str) -> Room:
        raise PermissionError(13, "denied")

    readings = seen(fake(machine(tmp_path), room_at=refuse))
    free = readings["host:box/disk//", F.DISK_FREE.name]
    assert isinstance(free, Unavailable)
    assert free.reason is Reason.DENIED
    assert value(readings, "host:box/disk//", F.DISK_OF) == ("north",)


def test_homes_may_come_and_go(tmp_path: Path) -> None:
    """The source follows the homes it was given while they change."""
    homes = {"north": "/home/alice/.hermes"}
    source = HostSource("box", homes, proc=str(machine(tmp_path)), room_at=lambda point: ROOM)
    homes["south"] = "/srv/my disk/south"
    readings = seen(source)
    assert value(readings, "host:box/disk//srv/my\\040disk", F.DISK_OF) == ("south",)


def test_two_instances_in_one_home_are_both_told(tmp_path: Path) -> None:
    """When two instances name the same place, it is told for both."""
    homes = {"north": "/home/a", "again": "/home/a"}
    source = HostSource("box", homes, places=("/home/a", "/var/lib/x"), proc=str(machine(tmp_path)))
    assert value(seen(source), "host:box/disk//", F.DISK_OF) == ("again", "north")


def test_a_process_that_is_not_known_leaves_the_listener(tmp_path: Path) -> None:
    """That something listens, and how openly, is told also to whoever may not see its process."""
    proc = machine(tmp_path, tcp(row("00000000:239F", 1, uid=os.getuid())))
    process(proc, 10, [1])
    with hidden(proc / "10/fd"):
        readings = seen(fake(proc))
    listener = "host:box/listener/0.0.0.0:9119"
    assert value(readings, listener, F.LISTENER_PUBLIC) is True
    for field in (F.LISTENER_PID, F.LISTENER_OF):
        unknown = readings[listener, field.name]
        assert isinstance(unknown, Unavailable)
        assert unknown.reason is Reason.DENIED
