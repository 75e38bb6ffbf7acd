"""What the kernel knows of locks and processes.

Rule 1: the agent's locks are never tried. Who holds one is read from the kernel's own list, by device and inode.
Rule 2: not being on the list proves nothing unless the list could show it. The kernel hides what runs in other process
        namespaces, and the list is handed out page by page while it changes: absence is believed only when two
        readings agree, and never across a wall.
Rule 3: a process is its number and its start together. A number alone is reused.
"""

from __future__ import annotations

import math
import os
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

from quarterdeck.sources import files
from quarterdeck.sources.files import SourceError
from quarterdeck.truth.reading import Reason

T = TypeVar("T")

SHARED_S = 1.0
"""How long one reading of the list of locks serves everybody: it is the dearest file of a look (4 to 16 ms)."""

BOOT_S = 30.0
"""How long the moment of boot is believed: it moves when the clock is set."""

LOCKS_LIMIT = 8_000_000
STAT_LIMIT = 4_000_000
PROCESS_LIMIT = 100_000

WHOLE_MACHINE = "pid:[4026531836]"
"""The first process namespace, which sees all others; the number is fixed in the kernel."""

STATES = {
    "R": "running",
    "S": "sleeping",
    "D": "disk sleep",
    "T": "stopped",
    "t": "stopped",
    "Z": "zombie",
    "X": "dead",
    "x": "dead",
    "I": "idle",
}

LOCK = re.compile(rb"^\d+: FLOCK +\S+ +WRITE +(\d+) +([0-9a-f]+):([0-9a-f]+):(\d+) ", re.MULTILINE)
BTIME = re.compile(rb"^btime (\d+)$", re.MULTILINE)
NSPID = re.compile(rb"^NSpid:[\t ]*([\d\t ]+)$", re.MULTILINE)


class Lock(NamedTuple):
    """An exclusive lock on a whole file that somebody holds. Those who merely wait for one are not here."""

    pid: int
    device: int
    inode: int


class Process(NamedTuple):
    """One process at one moment."""

    pid: int
    state: str
    ticks: int
    """Its start as the kernel counts it; with the number it names the process for good."""
    started_at: datetime
    """The same as a moment, up to a second early: the kernel tells its boot in whole seconds."""


Locks = Mapping[int, tuple[Lock, ...]]
"""Locks by inode."""


def parse_locks(data: bytes) -> Locks:
    """Return the exclusive whole-file locks that are held, by inode."""
    found: dict[int, tuple[Lock, ...]] = {}
    for pid, major, minor, inode in LOCK.findall(data):
        lock = Lock(int(pid), os.makedev(int(major, 16), int(minor, 16)), int(inode))
        found[lock.inode] = (*found.get(lock.inode, ()), lock)
    return found


def parse_process(pid: int, data: bytes, booted: int, ticks_per_s: int) -> Process:
    """Understand ``/proc/PID/stat``. The name of the program stands in parentheses and may itself hold any."""
    _, _, rest = data.rpartition(b")")
    values = rest.split()
    try:
        state, ticks = STATES[values[0].decode()], int(values[19])
        started_at = datetime.fromtimestamp(booted + ticks / ticks_per_s, UTC)
    except (IndexError, KeyError, ValueError, OverflowError):
        raise SourceError(Reason.SCHEMA, "the kernel describes the process in an unknown way") from None
    return Process(pid, state, ticks, started_at)


def match(locks: Locks, device: int, inode: int, recorded: int | None) -> int | None:
    """Return the process that holds the lock on one file.

    File systems with subvolumes show programs another device than the one the kernel lists. Both are then anonymous
    (major 0), and the inode alone must do; ``recorded``, the process that the file itself names, tells equals apart.
    """
    found = locks.get(inode, ())
    if exact := [lock.pid for lock in found if lock.device == device]:
        return exact[0]
    if os.major(device) != 0:
        return None
    likely = {lock.pid for lock in found if os.major(lock.device) == 0}
    if not likely:
        return None
    if recorded in likely:
        return recorded
    if len(likely) == 1 and recorded is None:
        return likely.pop()
    raise SourceError(Reason.OBSERVER, "the file system hides which of several locks is this one")


class Kernel:
    """The kernel as ``/proc`` shows it. One for the whole program, so that instances share the dear parts."""

    def __init__(
        self,
        proc: Path = Path("/proc"),
        root: Path = Path("/"),
        exists: Callable[[int], bool] | None = None,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._proc = proc
        self._root = root
        self._exists = exists or _exists
        self._ticks_per_s = os.sysconf("SC_CLK_TCK")
        self._locks = _Shared(self._read_locks, SHARED_S, steady)
        self._boot = _Shared(self._read_boot, BOOT_S, steady)
        self._seen: set[tuple[int, int]] = set()

    def holder(self, path: Path, recorded: int | None = None) -> int | None:
        """Return the process that holds the exclusive lock on ``path``; None when observed that nobody does."""
        file = files.stat_file(path)
        pid = match(self._locks.get(), file.device, file.inode, recorded)
        if pid is None:
            pid = match(self._locks.again(), file.device, file.inode, recorded)
        if pid is not None:
            self._seen.add((file.device, file.inode))
        elif (file.device, file.inode) not in self._seen and self.is_walled(file.device):
            detail = (
                "this is a container, and a process outside it is not on the kernel's list; run the exporter outside"
            )
            raise SourceError(Reason.OBSERVER, detail)
        return pid

    def is_walled(self, device: int) -> bool:
        """Say whether processes may use this file system that the kernel does not show us.

        In a process namespace of its own, a program does not see its neighbours. They can still share a file system
        that was mounted into it, while its own root file system is usually its own.
        """
        with _seen_by_us():
            namespace = os.readlink(self._proc / "self" / "ns" / "pid")
            return namespace != WHOLE_MACHINE and os.stat(self._root).st_dev != device

    def process(self, pid: int) -> Process | None:
        """Return a process; None when observed that there is none of that number."""
        try:
            stat = files.read_bytes(self._proc / str(pid) / "stat", limit=PROCESS_LIMIT)
        except SourceError as error:
            if not self._exists(pid):
                return None
            if error.reason is Reason.MISSING:
                raise SourceError(Reason.DENIED, "the system hides other users' processes (hidepid)") from None
            raise
        return parse_process(pid, stat.data, self._boot.get(), self._ticks_per_s)

    def identify(self, pid: int, ticks: int) -> str:
        """Say what became of a process that was noted down: ``alive``, ``gone``, or ``another`` has its number."""
        found = self.process(pid)
        if found is None or found.state == "dead":
            return "gone"
        return "alive" if found.ticks == ticks else "another"

    def inner_pid(self, pid: int) -> int:
        """Return the number a process has for itself: another one when it runs in a container."""
        status = files.read_bytes(self._proc / str(pid) / "status", limit=PROCESS_LIMIT)
        found = NSPID.search(status.data)
        return int(found[1].split()[-1]) if found and found[1].split() else pid

    def arguments(self, pid: int) -> tuple[str, ...]:
        """Return the command line of a process, to find what it was installed from; it is never shown."""
        line = files.read_bytes(self._proc / str(pid) / "cmdline", limit=PROCESS_LIMIT)
        return tuple(part.decode(errors="replace") for part in line.data.rstrip(b"\0").split(b"\0"))

    def _read_locks(self) -> Locks:
        with _seen_by_us():
            return parse_locks(files.read_bytes(self._proc / "locks", limit=LOCKS_LIMIT).data)

    def _read_boot(self) -> int:
        with _seen_by_us():
            found = BTIME.search(files.read_bytes(self._proc / "stat", limit=STAT_LIMIT).data)
        if found is None:
            raise SourceError(Reason.OBSERVER, "the kernel does not say when it booted")
        return int(found[1])


class _Shared(Generic[T]):
    """One answer for everybody who asks within a moment."""

    def __init__(self, ask: Callable[[], T], lasts_s: float, steady: Callable[[], float]) -> None:
        self._ask = ask
        self._lasts_s = lasts_s
        self._steady = steady
        self._guard = threading.Lock()
        self._answers: tuple[T, ...] = ()
        self._until = -math.inf

    def get(self) -> T:
        """Return the answer of this moment."""
        return self._answer(0)

    def again(self) -> T:
        """Return a second answer of this moment, got after the first one."""
        return self._answer(1)

    def _answer(self, number: int) -> T:
        with self._guard:
            if self._steady() >= self._until:
                self._answers = ()
            while len(self._answers) <= number:
                self._answers = (*self._answers, self._ask())
                self._until = self._steady() + self._lasts_s
            return self._answers[number]


def _exists(pid: int) -> bool:
    """Say whether there is such a process, also where its folder under /proc is hidden."""
    try:
        os.getpgid(pid)
    except (ProcessLookupError, OverflowError):
        return False
    return True


@contextmanager
def _seen_by_us() -> Iterator[None]:
    """What fails here is our own view of the kernel, not the agent's doing."""
    try:
        with files.translated():
            yield
    except SourceError as error:
        raise SourceError(Reason.OBSERVER, f"the kernel's own files cannot be read here: {error.detail}") from None


KERNEL = Kernel()
"""The kernel this program runs on."""
