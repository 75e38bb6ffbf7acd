from __future__ import annotations

import fcntl
import os
import pwd
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from quarterdeck import wiring
from quarterdeck.settings import Settings, Units
from quarterdeck.sources.hermes.proc import Kernel
from quarterdeck.sources.source import Source
from quarterdeck.truth.fields import LEARNT_BY, LOCK_HOLDER, OS_USER
from quarterdeck.truth.instance import Instance, subject
from quarterdeck.truth.reading import Known, Reason, Unavailable
from quarterdeck.truth.snapshot import Look
from quarterdeck.web.app import Hub
from tests.fakes.clock import START, HandClock

NOBODY = pwd.getpwnam("nobody")


def own_home(folder: Path) -> Path:
    folder.mkdir()
    (folder / "config.yaml").write_text("model: {}\n")
    return folder


def foreign_home(folder: Path) -> Path:
    """Return a folder of another user: one made for it where that is possible, else one there always is."""
    if os.geteuid() != 0:
        return Path("/")
    own_home(folder)
    os.chown(folder, NOBODY.pw_uid, NOBODY.pw_gid)
    return folder


def instance(identity: str, home: Path | None = None, **more: object) -> Instance:
    owner = home.owner() if home is not None and home.exists() else None
    return replace(Instance(identity, identity, home=home, user=owner), **more)  # type: ignore[arg-type]


def deck(*instances: Instance, units: Units | None = None) -> wiring.Deck:
    return wiring.build(Settings(instances=instances, units=units or Units()), clock=HandClock())


def names(deck: wiring.Deck) -> list[str]:
    return [source.name for source in deck.sources]


def test_with_no_agent_the_machine_is_watched() -> None:
    """Where no agent is found, its host and the units of systemd are watched all the same."""
    assert names(deck())[:3] == ["systemd:system", "systemd:user", "host"]


def test_our_own_home_is_read(tmp_path: Path) -> None:
    """A home of the user who runs the program is read directly, and says so."""
    built = deck(instance("north", own_home(tmp_path / "north")))
    assert "hermes:north" in names(built)
    reading = built.collector.collect(10).readings[subject("north"), LEARNT_BY.name]
    assert isinstance(reading, Known)
    assert reading.value == "home"


def test_another_users_home_is_asked_of_systemd_only(tmp_path: Path) -> None:
    """Another user's home without an exporter is not opened; its unit is asked as that user, and the page says why."""
    home = foreign_home(tmp_path / "bob")
    built = deck(instance("bob", home))
    assert f"systemd:user@{home.owner()}" in names(built)
    readings = built.collector.collect(10).readings
    lock, owner = readings[subject("bob", "gateway"), LOCK_HOLDER.name], readings[subject("bob"), OS_USER.name]
    assert isinstance(lock, Unavailable)
    assert lock.reason is Reason.DENIED
    assert "`quarterdeck units`" in lock.detail
    assert isinstance(owner, Known)


def test_another_users_home_is_read_through_its_exporter(tmp_path: Path) -> None:
    """Where an exporter writes a snapshot of another user's home, that is read, and systemd is not asked as them."""
    home = foreign_home(tmp_path / "bob")
    built = deck(instance("bob", home, snapshot=tmp_path / "snapshot.json"))
    assert names(built)[:4] == ["exporter:bob", "systemd:system", "systemd:user", "host"]


def test_our_own_home_needs_no_exporter(tmp_path: Path) -> None:
    """A home of ours is read directly also when there is a snapshot of it."""
    built = deck(instance("north", own_home(tmp_path / "north"), snapshot=tmp_path / "snapshot.json"))
    assert "hermes:north" in names(built)
    assert "exporter:north" not in names(built)


def test_nothing_on_the_disk_can_stop_the_building(tmp_path: Path) -> None:
    """Homes that are missing, files, pipes or loops are for the sources to tell of; building does not mind."""
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    os.mkfifo(tmp_path / "pipe")
    homes = [tmp_path / name for name in ("missing", "loop", "pipe")]
    built = deck(*(Instance(home.name, home.name, home=home) for home in homes))
    assert names(built)[:3] == ["hermes:missing", "hermes:loop", "hermes:pipe"]
    assert built.snapshot.version == 0


def test_who_has_neither_home_nor_snapshot_is_a_mistake() -> None:
    """An instance of which nothing can be read is refused when everything is put together."""
    with pytest.raises(ValueError, match="a home, a snapshot, or both"):
        deck(Instance("north", "North"))


def test_locks_tell_whose_unit_it_is(tmp_path: Path) -> None:
    """Which process holds which instance's lock is asked of the kernel, for homes that are read here only."""
    north, south = Instance("north", "North", home=tmp_path), Instance("south", "South", snapshot=tmp_path / "s.json")

    def holders() -> dict[int, str]:
        return dict(wiring.Holders((north, south), Kernel())())

    assert holders() == {}
    with (tmp_path / "gateway.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert holders() == {os.getpid(): "north"}
    assert holders() == {}


def test_it_runs_in_the_background_and_ends(tmp_path: Path) -> None:
    """While the deck runs it publishes; afterwards no thread of it is left."""
    built = deck(instance("north", own_home(tmp_path / "north")))
    with built.running():
        assert built.collector.wait_for(1, 5).version >= 1
        began = time.monotonic()
    assert time.monotonic() - began < 1
    assert not {"Collector", "Waker"} & {thread.name for thread in threading.enumerate()}


def test_a_change_in_a_home_is_seen_soon(tmp_path: Path) -> None:
    """A file that changes in a home leads to a look before the next regular one is due."""
    home = own_home(tmp_path / "north")
    built = deck(instance("north", home))
    with built.running():
        began = next_look(built, None)
        while True:  # the kernel tells from some moment on; nothing says which
            (home / "gateway_state.json").write_text(str(time.monotonic()))
            seen = next_look(built, began.look, within_s=1.0)
            if seen.look is not began.look:
                break
        every_s = next(source.every_s for source in built.sources if source.name == "hermes:north")
        assert seen.noticed - began.noticed < every_s


@dataclass(frozen=True)
class Noticed:
    look: Look | None
    noticed: float


def next_look(built: wiring.Deck, before: Look | None, within_s: float = 10.0) -> Noticed:
    """Wait for a look at the home that is another than the one before, or until the time is over."""
    end = time.monotonic() + within_s
    look = before
    while look is before and time.monotonic() < end:
        time.sleep(0.01)
        look = built.snapshot.looks.get("hermes:north")
    return Noticed(look, time.monotonic())


def test_every_source_is_one() -> None:
    """Whatever is wired keeps the contract of a source."""
    sources: tuple[Source, ...] = deck().sources
    assert all(source.budget_s > 0 and source.every_s > 0 and source.watched() is not None for source in sources)


def test_the_pages_can_be_built_around_it() -> None:
    """What is put together is what the pages need: a snapshot and a clock."""
    hub: Hub = deck()
    assert hub.snapshot.version == 0
    assert hub.clock() == START


def test_a_user_without_a_name_is_a_number() -> None:
    """Who runs the program is told by name."""
    assert wiring.user_name() == pwd.getpwuid(os.geteuid()).pw_name
