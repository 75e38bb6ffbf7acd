"""Where the parts are put together: which sources there are for the settings that hold, and the clock they all go by.

Rule 1: nothing is opened here. Building is quick, and nothing that lies on the disk can make it fail.
Rule 2: who may be read directly and who only through a snapshot, is decided here and nowhere else: a home by its own
        user; any other by what its exporter wrote; one without an exporter not at all, but for its unit.
"""

from __future__ import annotations

import os
import pwd
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, NamedTuple

from quarterdeck.settings import Settings
from quarterdeck.sources import own
from quarterdeck.sources.collector import Collector, Log
from quarterdeck.sources.hermes.answers import attempt
from quarterdeck.sources.hermes.likeness import Likeness
from quarterdeck.sources.hermes.proc import KERNEL, Kernel
from quarterdeck.sources.hermes.source import HermesSource
from quarterdeck.sources.host.source import HostSource
from quarterdeck.sources.own import OwnHome
from quarterdeck.sources.own_credentials import OwnCredentials
from quarterdeck.sources.source import Source
from quarterdeck.sources.systemd.gateways import Gateway, gateway_of
from quarterdeck.sources.systemd.source import SystemdSource
from quarterdeck.sources.wake import Waker
from quarterdeck.truth.grouped import Grouped
from quarterdeck.truth.instance import Instance
from quarterdeck.truth.reading import AnyReading, Key
from quarterdeck.truth.snapshot import Snapshot
from quarterdeck.views.recall import Recall
from quarterdeck.wiring.exposed import Exposed, ways_in
from quarterdeck.wiring.forges import Forges, forges
from quarterdeck.wiring.memory import Memory
from quarterdeck.wiring.named import Units, named
from quarterdeck.wiring.own_credentials import own_credentials
from quarterdeck.wiring.tailnet import tailnet

if TYPE_CHECKING:
    from quarterdeck.wiring.punctual import Punctuality

STOP_S = 1.0
"""Seconds that a part gets to end when everything ends."""


class Deck(NamedTuple):
    """Everything put together and ready to look."""

    settings: Settings
    collector: Collector
    waker: Waker
    sources: tuple[Source, ...]
    clock: Callable[[], datetime]
    memory: Memory | None = None
    """Who records; None where nothing is to be recorded."""
    banner: str | None = None
    """What every page says of itself first; None for what is real."""
    exposed: Exposed | None = None
    """Who follows the ways in; None where nobody does."""
    forges: Forges = Forges()
    """Who asks the forges on which work is agreed."""

    @property
    def recall(self) -> Recall | None:
        """What was recorded; None where nothing is, or while it cannot be read."""
        return None if self.memory is None else self.memory.recall

    @property
    def snapshot(self) -> Snapshot:
        """What is known now."""
        return self.collector.snapshot

    def look_once(self, deadline_s: float) -> Snapshot:
        """Look at everything once, and return what is known with what follows from it."""
        snapshot, now = self.collector.collect(deadline_s), self.clock()
        ways = () if self.exposed is None else self.exposed.readings(snapshot, now)
        found = (*ways, *self.forges.follows(snapshot, now), *self._told_of_secrets(now))
        follows = Grouped.of({(reading.subject, reading.field): reading for reading in found})
        readings = snapshot.readings if isinstance(snapshot.readings, Grouped) else Grouped.of(snapshot.readings)
        return replace(snapshot, readings=Grouped({**readings.subjects, **follows.subjects}))

    def _told_of_secrets(self, now: datetime) -> Iterator[AnyReading]:
        """Look at our own secrets once more where forges tell of them: now they have."""
        for source in self.sources:
            if isinstance(source, OwnCredentials) and self.forges.asking:
                yield from source.look(now)

    def ring(self, forge: str, repo: str) -> None:
        """Look soon at a forge that rang, first at the repository it named."""
        source = self.forges.ring(forge, repo)
        if source is not None:
            self.collector.wake(source)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Look again and again, in the background, as long as the block lasts."""
        remembering = () if self.memory is None else (self.memory,)
        parts = (self.collector, self.waker, *remembering)
        threads = [threading.Thread(target=part.run, name=type(part).__name__, daemon=True) for part in parts]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            for part in parts:
                part.stop()
            for thread in threads:
                thread.join(STOP_S)


def utc_now() -> datetime:
    """Return the present moment."""
    return datetime.now(UTC)


def build(
    settings: Settings,
    *,
    clock: Callable[[], datetime] = utc_now,
    monotonic: Callable[[], float] = time.monotonic,
    log: Log | None = None,
    remember: bool = False,
) -> Deck:
    """Put everything together. With ``remember``, what is seen is recorded, unless the settings say otherwise."""
    host, instances = os.uname().nodename, settings.instances
    holders = Holders(one for one in instances if _is_ours(one))
    roots = {one.home: one.id for one in instances if one.home is not None and one.root is None}
    likeness = Likeness()
    readers = [_reader(instance, host, roots, likeness) for instance in instances]
    units = Units(settings, user_name())
    managers = list(_managers(settings, holders, units))
    others = list(named(settings, units))
    homes = {one.id: one.home for one in instances if one.home is not None}
    kernel = HostSource(host, homes, holders=holders)
    secrets, daemons = own_credentials(settings, host), list(tailnet(settings, host))
    witnesses = ways_in(settings, host, asks_tailnet=bool(daemons))
    asked = [witness.witness for witness in witnesses if witness.is_asked]
    exposed = Exposed(settings, host, asked, asks_tailnet=bool(daemons))
    work = forges(settings, monotonic)
    sources = (
        *(reader for reader, _ in readers), *managers, kernel, *(other for other, _ in others), *witnesses, exposed,
        secrets, *daemons, *work.sources,
    )  # fmt: skip
    memory = Memory(settings, clock, monotonic, log=log) if remember and settings.history.record else None
    ledger = None if memory is None else _punctuality(memory, monotonic)
    if memory is not None and ledger is not None:
        sources = (*sources, memory, ledger)
    expected: dict[str, tuple[Key, ...]] = {reader.name: keys for reader, keys in (*readers, *others)}
    expected |= {manager.name: manager.expected for manager in managers}
    expected |= {witness.name: witness.expected for witness in witnesses}
    expected |= {
        secrets.name: secrets.expected,
        **{daemon.name: daemon.expected for daemon in daemons},
        **work.expected,
    }
    collector = Collector(
        sources, instances, clock, monotonic, expected=expected, thresholds=settings.thresholds, log=log
    )
    if memory is not None and ledger is not None:
        memory.record(collector, sources)
        ledger.follow(lambda: collector.snapshot)
    exposed.follow(lambda: collector.snapshot)
    secrets.follow(lambda: collector.snapshot)
    work.follow(lambda: collector.snapshot)
    waker = Waker(sources, collector.wake, log=log)
    return Deck(settings, collector, waker, sources, clock, memory, exposed=exposed, forges=work)


def _punctuality(memory: Memory, monotonic: Callable[[], float]) -> Punctuality:
    from quarterdeck.wiring.punctual import Punctuality  # noqa: PLC0415 -- who does not record need not load it

    return Punctuality(memory, monotonic)


def _reader(
    instance: Instance, host: str, roots: Mapping[PurePath, str], likeness: Likeness
) -> tuple[Source, tuple[Key, ...]]:
    """Return the source that reads an instance, and the facts it is expected to bring."""
    home = None if instance.home is None else Path(instance.home)
    if instance.snapshot is not None and (home is None or own.stranger(home) is not None):
        from quarterdeck.sources.exporter.source import ExporterSource  # noqa: PLC0415 -- most have none, and it is dear

        return ExporterSource(instance, instance.snapshot, host), ()
    if home is None:
        raise ValueError("An instance has a home, a snapshot, or both.")
    return OwnHome(instance, home, HermesSource(instance, roots, likeness=likeness)), own.expected(instance)


def _is_ours(instance: Instance) -> bool:
    return instance.user in {None, user_name()}


def _managers(settings: Settings, holders: Holders, units: Units) -> Iterator[SystemdSource]:
    """Return the managers to ask: ours, the system's, and that of each other user whose agent has no exporter.

    A unit that nobody named may be known to the user's manager or to the system's: both are asked.
    """
    ours = [one for one in settings.instances if _is_ours(one)]
    others = [one for one in settings.instances if not _is_ours(one) and one.snapshot is None]
    asked = [one for one in (*ours, *others) if one.home is not None or one.unit is not None]
    watch = settings.units
    system = (*watch.system, *units.of("system"))
    yield SystemdSource("system", gateways=_gateways(asked, "system"), watch=system, holders=holders)
    mine = _gateways([one for one in asked if one in ours], "user")
    yield SystemdSource("user", gateways=mine, watch=(*watch.user, *units.of("user")), holders=holders)
    for user in sorted({one.user for one in others if one.user is not None}):
        theirs = _gateways([one for one in others if one.user == user], "user")
        yield SystemdSource("user", user=user, gateways=theirs, watch=units.of(f"user@{user}"), holders=holders)


def _gateways(instances: list[Instance], scope: str) -> list[Gateway]:
    meant = [one for one in instances if one.unit is None or one.scope == scope]
    return [gateway for gateway in map(gateway_of, meant) if gateway is not None]


class Holders:
    """Which instance's lock a process holds, asked of the kernel when somebody wants to know."""

    def __init__(self, instances: Iterable[Instance], kernel: Kernel = KERNEL) -> None:
        self._locks = {one.id: Path(one.home) / "gateway.lock" for one in instances if one.home is not None}
        self._kernel = kernel

    def __call__(self) -> Mapping[int, str]:
        """Return the instance by the process that holds its lock; an instance whose holder cannot be told has none."""
        held = {identity: attempt(self._kernel.holder, lock) for identity, lock in self._locks.items()}
        return {pid: identity for identity, pid in held.items() if isinstance(pid, int)}


def user_name() -> str:
    """Return who runs this program."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())
