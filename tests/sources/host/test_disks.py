"""File systems that answer, and one that does not."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from quarterdeck.sources.files import SourceError
from quarterdeck.sources.host.disks import Disk, Disks, Room, room_at
from quarterdeck.truth.reading import Reason
from tests.sources.host.machine import machine

ROOM = Room(100, 40, 0.5)


class DeadServer:
    """Holds whoever asks about one mount until it is revived."""

    def __init__(self, mount: str) -> None:
        self._mount, self._alive, self.asked = mount, threading.Event(), 0

    def __call__(self, point: str) -> Room:
        self.asked += 1
        if point == self._mount:
            self._alive.wait(10)
        return ROOM

    def revive(self) -> None:
        self._alive.set()


@pytest.fixture
def dead() -> Iterator[DeadServer]:
    server = DeadServer("/srv/my disk")
    yield server
    server.revive()


def test_the_room_of_a_file_system(tmp_path: Path) -> None:
    """Size and free space are what the kernel says to everybody else."""
    room, usage = room_at(str(tmp_path)), shutil.disk_usage(tmp_path)
    assert room.total == usage.total
    assert abs(room.free - usage.free) < 1e9
    assert room.inodes_free is None or 0 < room.inodes_free <= 1


def test_a_file_system_without_a_size_has_no_figures() -> None:
    """A file system that says it has no blocks is not a full one: it is one that does not say."""
    with pytest.raises(SourceError) as silent:
        room_at("/proc")
    assert silent.value.reason is Reason.SCHEMA


def test_homes_on_one_file_system_are_one_subject(tmp_path: Path) -> None:
    """Each file system is told once, with everybody who lives there."""
    disks = Disks(str(machine(tmp_path)), 2.0, lambda point: ROOM)
    places = {"/": (), "/home/a": ("a",), "/srv/my disk/b": ("b",), "/home/c": ("c",)}
    assert list(disks.look(places)) == [Disk("/", ("a", "c"), ROOM), Disk("/srv/my\\040disk", ("b",), ROOM)]


def test_a_home_behind_a_link_lies_where_the_link_leads(tmp_path: Path) -> None:
    """The file system of a home is the one its files are on."""
    link = tmp_path / "home"
    link.symlink_to("/dev/shm")
    disks = Disks("/proc", 2.0)
    assert {disk.mount for disk in disks.look({str(link): ("a",)})} == {"/dev/shm"}


def test_a_home_that_does_not_exist_yet_has_a_disk(tmp_path: Path) -> None:
    """Where a home will be made, there is a file system already."""
    (disk,) = Disks("/proc", 2.0).look({str(tmp_path / "not/yet"): ("a",)})
    assert isinstance(disk.room, Room)


def test_a_dead_server_takes_only_its_own_homes_with_it(tmp_path: Path, dead: DeadServer) -> None:
    """A file system that does not answer is a timeout in time, and the others are told as ever."""
    disks = Disks(str(machine(tmp_path)), 0.3, dead)
    began = time.monotonic()
    told = {disk.mount: disk for disk in disks.look({"/": (), "/srv/my disk/b": ("b",)})}
    assert time.monotonic() - began < 2
    assert told["/"].room == ROOM
    silent = told["/srv/my\\040disk"]
    assert isinstance(silent.room, SourceError)
    assert silent.room.reason is Reason.TIMEOUT
    assert silent.instances == ("b",)


def test_a_dead_server_is_not_asked_again_before_it_answers(tmp_path: Path, dead: DeadServer) -> None:
    """While one question hangs no further one is asked, so that nothing piles up; afterwards it is well again."""
    disks = Disks(str(machine(tmp_path)), 0.1, dead)
    for _ in range(5):
        (disk,) = disks.look({"/srv/my disk/b": ("b",)})
        assert isinstance(disk.room, SourceError)
    assert dead.asked == 1
    dead.revive()
    wait_for(lambda: [disk.room for disk in disks.look({"/srv/my disk/b": ("b",)})] == [ROOM])


def wait_for(happens: Callable[[], bool]) -> None:
    for _ in range(100):
        if happens():
            return
        time.sleep(0.02)
    raise AssertionError("it never happened")


def test_a_place_that_falls_silent_stays_the_subject_it_was(tmp_path: Path) -> None:
    """A home behind a link keeps its file system's name when the file system no longer answers."""
    link = tmp_path / "home"
    link.symlink_to("/srv/my disk")
    answers = [ROOM]

    def ask(point: str) -> Room:
        if not answers:
            raise OSError(116, "stale")
        return answers.pop()

    disks = Disks(str(machine(tmp_path / "proc")), 2.0, ask)
    for known in (True, False):
        (disk,) = disks.look({str(link): ("a",)})
        assert disk.mount == "/srv/my\\040disk"
        assert isinstance(disk.room, Room) is known


def test_a_link_that_leads_to_a_dead_server_does_not_speak_for_the_root(tmp_path: Path) -> None:
    """When it is not even known where a silent home lies, it is told under its own path; the root keeps its figures."""
    revived = threading.Event()

    def resolve(path: str) -> str:
        if path != "/":
            revived.wait(10)
        return path

    disks = Disks(str(machine(tmp_path)), 0.2, lambda point: ROOM, resolve)
    told = {disk.mount: disk for disk in disks.look({"/": (), "/home/my link": ("a",)})}
    revived.set()
    assert told["/"] == Disk("/", (), ROOM)
    silent = told["/home/my\\040link"]
    assert isinstance(silent.room, SourceError)
    assert silent.room.reason is Reason.TIMEOUT


@pytest.mark.parametrize("mountinfo", [None, "", "nonsense\n" * 50, "\0\1\2"])
def test_without_a_list_of_mounts_disks_are_unknown(tmp_path: Path, mountinfo: str | None) -> None:
    """When the kernel does not say what is mounted, every place is unknown with a reason, under the root's name."""
    disks = Disks(str(machine(tmp_path, {"self/mountinfo": mountinfo})), 2.0, lambda point: ROOM)
    (disk,) = disks.look({"/": (), "/home/a": ("a",)})
    assert (disk.mount, disk.instances) == ("/", ("a",))
    assert isinstance(disk.room, SourceError)


def test_no_thread_is_left(tmp_path: Path) -> None:
    """Once everything has answered, nothing runs on."""
    before = threading.active_count()
    list(Disks("/proc", 2.0).look({"/": (), str(tmp_path): ("a",), os.sep + "dev": ("b",)}))
    assert threading.active_count() == before
