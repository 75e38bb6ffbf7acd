"""The source: one look at the machine, figure by figure.

Rule 1: each figure is read by itself. What cannot be read takes nothing else with it.
Rule 2: the clock is watched against the steady one, which counts also while the machine sleeps: so sleep is no step.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path, PurePath
from typing import Any

from quarterdeck.sources import files
from quarterdeck.sources.files import SourceError
from quarterdeck.sources.host import parse
from quarterdeck.sources.host.disks import Disk, Disks, Room, room_at
from quarterdeck.sources.host.listeners import ROLES, Listener, all_sockets, beyond_loopback, listeners
from quarterdeck.truth import fields as F  # noqa: N812 -- a table reads better with one letter before each field
from quarterdeck.truth.fields import Field
from quarterdeck.truth.reading import AnyReading, Key, Origin, Reason
from quarterdeck.truth.snapshot import unanswered

KERNEL = "kernel"
SOCKETS = Origin(KERNEL, "net/tcp")
SMALL = 64_000
LARGE = 4_000_000
"""``stat`` has a column for every interrupt of the machine, on one line."""


def clocks() -> tuple[float, float]:
    """Return what the wall clock and the steady clock show, in seconds."""
    return time.time(), time.clock_gettime(time.CLOCK_BOOTTIME)


class HostSource:
    """The machine we run on."""

    name = "host"
    budget_s = 5.0
    every_s = 30.0
    disk_s = 2.0
    """Seconds in which a file system must have answered."""

    def __init__(
        self,
        host: str,
        homes: Mapping[str, str | PurePath],
        *,
        places: Iterable[str | PurePath] = (),
        holders: Callable[[], Mapping[int, str]] = dict,
        proc: str = "/proc",
        clocks: Callable[[], tuple[float, float]] = clocks,
        room_at: Callable[[str], Room] = room_at,
    ) -> None:
        """Watch the machine, and the file systems of the homes (by instance), of ``places`` and of the root.

        ``holders`` tells which instance's lock a process holds, as far as that is known.
        """
        self._subject = f"host:{host}"
        self._homes = homes
        self._places = tuple(map(str, places))
        self._holders, self._proc, self._clocks = holders, proc, clocks
        self._disks = Disks(proc, self.disk_s, room_at)
        self._clocks_before: tuple[float, float] | None = None
        self._listeners_before: Mapping[Key, AnyReading] = {}

    def watched(self) -> tuple[Path, ...]:
        """Return nothing: the kernel's tables do not say when they change."""
        return ()

    def look(self, now: datetime) -> Iterator[AnyReading]:
        """Look once at everything."""
        yield from self._figures(now)
        yield from self._rooms(now)
        yield from self._listening(now)
        yield from self._own_addresses(now)

    # --- memory, load, clock ---------------------------------------------------------------------------------------

    def _figures(self, now: datetime) -> Iterator[AnyReading]:
        facts: tuple[tuple[Field[Any], str, Callable[[], object]], ...] = (
            (F.MEMORY_TOTAL, "meminfo", lambda: parse.memory(self._read("meminfo"), "MemTotal")),
            (F.MEMORY_AVAILABLE, "meminfo", lambda: parse.memory(self._read("meminfo"), "MemAvailable")),
            (F.LOAD_1M, "loadavg", lambda: parse.load(self._read("loadavg"))),
            (F.CPUS, "processors online", _processors),
            (F.BOOTED_AT, "stat", lambda: parse.booted_at(self._read("stat", LARGE))),
            (F.CLOCK_STEP, "clock", self._step),
        )
        for field, locator, read in facts:
            try:
                value = read()
            except SourceError as error:
                yield field.unavailable(self._subject, Origin(KERNEL, locator), error.reason, error.detail, now)
            else:
                yield field.known(self._subject, Origin(KERNEL, locator), value, now)

    def _read(self, name: str, limit: int = SMALL) -> str:
        return files.read_text(f"{self._proc}/{name}", limit=limit).data

    def _step(self) -> float:
        """Return how much further the wall clock went than the steady one, in tenths: less is not a step."""
        before, self._clocks_before = self._clocks_before, self._clocks()
        wall, steady = self._clocks_before
        return 0.0 if before is None else round((wall - before[0]) - (steady - before[1]), 1) + 0.0

    # --- disks -----------------------------------------------------------------------------------------------------

    def _rooms(self, now: datetime) -> Iterator[AnyReading]:
        lodgers: dict[str, list[str]] = {place: [] for place in ("/", *self._places)}
        for instance, home in self._homes.items():
            lodgers.setdefault(str(home), []).append(instance)
        for disk in self._disks.look(lodgers):
            yield from self._disk(disk, now)

    def _disk(self, disk: Disk, now: datetime) -> Iterator[AnyReading]:
        subject, origin = f"{self._subject}/disk/{disk.mount}", Origin("file system", disk.mount)
        fields = (F.DISK_TOTAL, F.DISK_FREE, F.INODES_FREE_SHARE)
        if isinstance(disk.room, SourceError):
            for field in fields:
                yield field.unavailable(subject, origin, disk.room.reason, disk.room.detail, now)
        else:
            for field, value in zip(fields, (disk.room.total, disk.room.free, disk.room.inodes_free), strict=True):
                yield field.known(subject, origin, value, now)
        yield F.DISK_OF.known(subject, origin, tuple(sorted(disk.instances)), now)

    # --- listeners -------------------------------------------------------------------------------------------------

    def _listening(self, now: datetime) -> Iterator[AnyReading]:
        """Tell who listens. While the kernel does not say, those who did have not gone: they are unknown."""
        network = f"{self._subject}/network"
        try:
            sockets = list(all_sockets(self._proc))
            found = listeners(self._proc, self._holders(), sockets=sockets)
        except SourceError as error:
            yield F.LISTENERS.unavailable(self._subject, SOCKETS, error.reason, error.detail, now)
            yield F.SOCKETS.unavailable(network, SOCKETS, error.reason, error.detail, now)
            yield from unanswered(self._listeners_before, now, error.reason, error.detail).values()
            return
        yield F.LISTENERS.known(self._subject, SOCKETS, len(found), now)
        yield F.SOCKETS.known(network, SOCKETS, beyond_loopback(sockets), now)
        readings = [reading for listener in found for reading in self._listener(listener, now)]
        self._listeners_before = {(reading.subject, reading.field): reading for reading in readings}
        yield from readings

    def _own_addresses(self, now: datetime) -> Iterator[AnyReading]:
        subject, origin = f"{self._subject}/network", Origin(KERNEL, "net/fib_trie")
        try:
            own = parse.own_v4(self._read("net/fib_trie", LARGE)) | self._own_v6()
        except SourceError as error:
            yield F.ADDRESSES.unavailable(subject, origin, error.reason, error.detail, now)
        else:
            yield F.ADDRESSES.known(subject, origin, tuple(sorted(own)), now)

    def _own_v6(self) -> frozenset[str]:
        try:
            return parse.own_v6(self._read("net/if_inet6", LARGE))
        except SourceError as error:
            if error.reason is Reason.MISSING:  # a kernel without IPv6
                return frozenset()
            raise

    def _listener(self, listener: Listener, now: datetime) -> Iterator[AnyReading]:
        address, pid = listener.socket.address, listener.pid
        subject, origin = f"{self._subject}/listener/{address}", Origin(KERNEL, address)
        yield F.LISTENER_PUBLIC.known(subject, origin, listener.socket.public, now)
        yield F.LISTENER_ROLE.known(subject, origin, ROLES.get(listener.socket.port), now)
        if isinstance(pid, SourceError):
            yield F.LISTENER_PID.unavailable(subject, origin, pid.reason, pid.detail, now)
            yield F.LISTENER_OF.unavailable(subject, origin, pid.reason, pid.detail, now)
        else:
            yield F.LISTENER_PID.known(subject, origin, pid, now)
            yield F.LISTENER_OF.known(subject, origin, listener.instance, now)


def _processors() -> int:
    count = os.cpu_count()
    if count is None:
        raise SourceError(Reason.OBSERVER, "this machine does not say how many processors it has")
    return count
