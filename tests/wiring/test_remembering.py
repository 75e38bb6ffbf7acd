from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from quarterdeck import wiring
from quarterdeck.settings import Settings
from quarterdeck.settings.model import History
from quarterdeck.sources.collector import Collector
from quarterdeck.sources.flights import Limits
from quarterdeck.store.keeper import Keeper
from quarterdeck.truth import fields as F  # noqa: N812 -- as in the tables of truth
from quarterdeck.truth import forge_fields as G  # noqa: N812 -- as above
from quarterdeck.truth.forge import card, pull
from quarterdeck.truth.judgement import Status
from quarterdeck.truth.reading import AnyReading, Known, Origin
from quarterdeck.truth.snapshot import Snapshot
from quarterdeck.truth.tables import judge_subject
from quarterdeck.truth.thresholds import Thresholds
from quarterdeck.wiring.eye import Eye
from quarterdeck.wiring.remembering import MOST_PARTS, Historian
from tests.fakes.clock import START, HandClock
from tests.fakes.sources import SteadySource


class Log:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Mapping[str, object]]] = []

    def info(self, event: str, **fields: object) -> None:
        self.told.append((event, fields))

    def warning(self, event: str, **fields: object) -> None:
        self.told.append((event, fields))


class Hub:
    """A collector and who records it, moved by hand: one clock for both."""

    def __init__(self, file: Path) -> None:
        self.clock, self.log = HandClock(), Log()
        self.sources = [SteadySource("steady"), SteadySource("other")]
        self.settings = Settings(history=History(file=file))
        self.start()

    def start(self) -> None:
        """Begin anew, as after a restart."""
        self.steady = 0.0
        self.stop = threading.Event()
        self.collector = Collector(self.sources, (), self.clock, limits=Limits(publish_every_s=0.0))
        eye = Eye(self.collector, frozenset(one.name for one in self.sources), self.clock, lambda: self.steady)
        self.historian = Historian(self.settings, eye, self.stop, log=self.log)

    def end(self) -> None:
        self.stop.set()
        self.historian.run()

    def pass_time(self, seconds: float = 10) -> None:
        self.clock.advance(seconds=seconds)
        self.steady += seconds

    def look(self) -> bool:
        """Let time pass, look at everything, and record it."""
        self.pass_time()
        self.collector.collect(5.0)
        return self.historian.once()

    def remembers(self) -> bool:
        return self.historian.recall is not None

    def condition(self) -> dict[str, Any]:
        """What is told of the history."""
        readings = [one for one in self.historian.readings(self.clock()) if one.subject.endswith("/history")]
        return {one.field: one.value for one in readings if isinstance(one, Known)}

    def judged(self) -> tuple[Status, str]:
        """What is judged of the history."""
        readings = {(one.subject, one.field): one for one in self.historian.readings(self.clock())}
        (about,) = {subject for subject, _ in readings if subject.endswith("/history")}
        found = judge_subject(about, readings, self.clock(), Thresholds())
        return found.status, found.reason

    def changes(self) -> list[str]:
        recall = self.historian.recall
        assert recall is not None
        return [one.subject for one in recall.changes(START - timedelta(days=1), START + timedelta(days=1))]


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    made = Hub(tmp_path / "state" / "history.db")
    yield made
    made.end()


def test_what_is_seen_can_be_seen_again(hub: Hub) -> None:
    """What was published is recorded, and comes back for its moment."""
    moments: dict[datetime, object] = {}
    for _ in range(3):
        assert hub.look()
        moments[hub.clock()] = dict(hub.collector.snapshot.readings.items())
    recall = hub.historian.recall
    assert recall is not None
    for moment, readings in moments.items():
        found = recall.snapshot_at(moment)
        assert found is not None
        assert dict(found.readings.items()) == readings
    assert recall.began() == START + timedelta(seconds=10)
    assert hub.judged() == (Status.OK, "records what is seen")


def test_a_restart_is_no_change(hub: Hub) -> None:
    """After a restart nothing is said to have changed: neither what was not asked yet, nor what is as it was."""
    hub.look()
    before = hub.changes()
    assert "host:steady" in before
    hub.end()
    hub.start()
    hub.pass_time()
    assert hub.historian.once()  # nothing was looked at yet
    assert hub.changes() == before
    hub.look()
    assert hub.changes() == before


class Restless(Collector):
    """Has looked again whenever somebody asks what is known."""

    @property
    @override
    def snapshot(self) -> Snapshot:
        return self.collect(5.0)


class Growing(SteadySource):
    """Knows of one more host at every look."""

    @override
    def see(self, now: datetime) -> list[AnyReading]:
        hosts = range(self.looks)
        return [F.LOAD_1M.known(f"host:{self.name}{number}", Origin("a fake", "load"), 0.5, now) for number in hosts]


def test_what_is_judged_is_what_is_recorded(tmp_path: Path) -> None:
    """Nothing is said to have changed that the snapshot recorded with it does not know of."""
    hub = Hub(tmp_path / "history.db")
    growing = Growing("growing")
    collector = Restless([growing], (), hub.clock, limits=Limits(publish_every_s=0.0))
    eye = Eye(collector, frozenset({"growing"}), hub.clock, lambda: hub.steady)
    hub.historian = Historian(hub.settings, eye, hub.stop)
    hub.historian.once()
    recall = hub.historian.recall
    assert recall is not None
    known = recall.snapshot_at(hub.clock())
    assert known is not None
    changed = {name for name in hub.changes() if name.startswith("host:")}
    assert changed == {subject for subject, _ in known.readings if subject.startswith("host:")}
    hub.end()


class Slow(SteadySource):
    """Answers when it is let."""

    def __init__(self, name: str) -> None:
        super().__init__(name, budget_s=0.05)
        self.wait = threading.Event()

    @override
    def look(self, now: datetime) -> Iterable[AnyReading]:
        self.wait.wait(5.0)
        return super().look(now)


def test_nothing_is_judged_before_all_were_asked(tmp_path: Path) -> None:
    """A source that has not been asked yet has not changed; one that does not answer in time has been asked."""
    hub = Hub(tmp_path / "history.db")
    slow = Slow("slow")
    hub.sources.append(slow)
    hub.start()
    thread = threading.Thread(target=hub.collector.run)
    thread.start()
    until(lambda: len(hub.collector.snapshot.looks) == 2)
    hub.historian.once()
    early = hub.changes()
    until(lambda: len(hub.collector.snapshot.looks) == 3)
    hub.pass_time()
    hub.historian.once()
    assert early == []
    assert "source:slow" in hub.changes()
    slow.wait.set()
    hub.collector.stop()
    thread.join()
    hub.end()


def test_trouble_with_the_history_is_told_and_ends(hub: Hub) -> None:
    """While nothing can be recorded everything else goes on, and it is told why; then it is told that it is over."""
    other = Keeper(hub.settings.history.place, floor=0, ballast=0)
    file = hub.settings.history.file
    file.parent.mkdir()
    file.parent.chmod(0o700)
    file.mkdir()
    assert not hub.look()
    assert not hub.remembers()
    assert hub.condition()["recording"] is False
    assert hub.condition()["trouble"] == "may not be opened"
    assert hub.judged() == (Status.DEGRADED, "nothing is recorded: may not be opened")
    assert hub.collector.snapshot.readings
    assert not hub.look()
    file.rmdir()
    assert hub.look()
    assert hub.condition()["trouble"] is None
    assert hub.judged()[0] is Status.OK
    assert [event for event, _ in hub.log.told] == ["history lost", "history back"]
    recall = hub.historian.recall
    assert recall is not None
    (gap,) = recall.blind(START, hub.clock())
    assert (gap.began_at, gap.why) == (START + timedelta(seconds=10), "history could not be written")
    other.close()


def test_damage_is_a_finding_for_a_day(hub: Hub) -> None:
    """A history that was begun anew because the one before was damaged says so, and needs somebody, for a day."""
    file = hub.settings.history.file
    file.parent.mkdir()
    file.write_bytes(b"noise")
    assert hub.look()
    status, reason = hub.judged()
    assert status is Status.DEGRADED
    assert reason.startswith("was damaged and begun anew; the damaged file is history.db.bad-")
    hub.pass_time(90_000)
    assert hub.look()
    assert hub.judged()[0] is Status.OK


def test_another_hub_records(hub: Hub) -> None:
    """Where another hub records, this one shows what that one does, and nothing is wrong with that."""
    other = Hub(hub.settings.history.file)
    hub.look()
    assert not other.look()
    assert other.judged() == (Status.OK, "another hub records; this one shows what that one records")
    recall = other.historian.recall
    assert recall is not None
    assert recall.snapshot_at(other.clock()) is not None
    hub.end()
    assert other.look()
    other.end()


def test_a_history_that_is_behind_says_so(hub: Hub) -> None:
    """When nothing has been written for a while, though nobody said why, that is trouble."""
    hub.look()
    hub.pass_time(300)
    assert hub.judged() == (Status.DEGRADED, "nothing has been recorded for 5 min")


def test_the_deck_remembers_while_it_runs(tmp_path: Path) -> None:
    """Built to remember, the deck records as long as it runs; damage found at the start is told, also by the doctor."""
    file = tmp_path / "history.db"
    settings = Settings(history=History(file=file))
    assert wiring.find_history(settings).what == f"nothing is recorded yet; `quarterdeck up` begins {file}"
    with wiring.looking_back(settings) as nothing:
        assert nothing is None
    file.write_bytes(b"noise")
    assert not wiring.find_history(settings).readable
    deck = wiring.build(settings, remember=True)
    assert deck.recall is None
    with deck.running():
        until(lambda: deck.recall is not None and deck.recall.began() is not None, 20.0)
    whole = wiring.find_history(settings)
    assert whole.readable
    assert whole.what.startswith(f"{file}, ")
    assert "SQLite" in whole.what
    assert "history.db.bad-" in whole.fix
    with wiring.looking_back(settings) as recall:
        assert recall is not None
        assert recall.snapshot_at(wiring.utc_now()) is not None


def test_who_does_not_want_to_remember_does_not(tmp_path: Path) -> None:
    """Where the settings say so, nothing is recorded and nothing is written."""
    settings = Settings(history=History(record=False, file=tmp_path / "history.db"))
    deck = wiring.build(settings, remember=True)
    assert deck.memory is None
    assert deck.recall is None
    assert wiring.find_history(settings).what == "not recorded, as the settings say"
    assert wiring.build(Settings(), remember=False).memory is None


def until(holds: Callable[[], bool], limit_s: float = 5.0) -> None:
    end = time.monotonic() + limit_s
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_every_field_of_the_history_is_told(hub: Hub) -> None:
    """Of a history that is well, everything that can be known of one is told."""
    hub.look()
    assert hub.condition().keys() == {one.name for one in F.FIELDS.values() if one.of == "history"}


class ForgeSource(SteadySource):
    """Tells of a forge, of all of its issues together, and of one of them."""

    @override
    def see(self, now: datetime) -> Iterable[AnyReading]:
        told = Origin("forge main", "search")
        yield G.FORGE_ANSWERS.known("forge:main", told, "yes", now)
        yield G.BOARD_UNKNOWN.known("forge:main/board", told, 1, now)
        yield G.CARD_TITLE.known(card("main", "acme/tools", 1), told, f"title {self.looks}", now)
        yield G.PULL_TITLE.known(pull("main", "acme/tools", 2), told, f"title {self.looks}", now)


def remembered(tmp_path: Path, source: SteadySource) -> tuple[set[str], set[str]]:
    """Return what the history knows of a forge after two looks: of which subjects, and which of them changed."""
    hub = Hub(tmp_path / "state" / "history.db")
    hub.sources.append(source)
    hub.start()
    try:
        assert hub.look()
        assert hub.look()
        recall = hub.historian.recall
        assert recall is not None
        found = recall.snapshot_at(hub.clock())
        assert found is not None
        known = {subject for subject, _ in found.readings if subject.startswith("forge:")}
        return known, {name for name in hub.changes() if name.startswith("forge:")}
    finally:
        hub.end()


def test_issues_and_pull_requests_are_recorded_one_by_one(tmp_path: Path) -> None:
    """Of a forge with some issues it is remembered what was known of each, and how each was judged."""
    known, changed = remembered(tmp_path, ForgeSource("forge:main"))
    ones = {card("main", "acme/tools", 1), pull("main", "acme/tools", 2)}
    assert known == {"forge:main", "forge:main/board", *ones}
    assert ones <= changed


class LargeForgeSource(ForgeSource):
    """Tells of more issues than are recorded one by one."""

    @override
    def see(self, now: datetime) -> Iterable[AnyReading]:
        yield from super().see(now)
        told = Origin("forge main", "search")
        for number in range(3, MOST_PARTS + 3):
            yield G.CARD_OPEN.known(card("main", "acme/tools", number), told, True, now)


def test_of_very_many_issues_none_is_recorded(tmp_path: Path) -> None:
    """Of a forge with thousands of issues it is remembered what follows from all together, and of none alone."""
    known, changed = remembered(tmp_path, LargeForgeSource("forge:main"))
    assert known == {"forge:main", "forge:main/board"}
    assert "forge:main/board" in changed
    assert not [name for name in changed if "/card/" in name or "/pull/" in name]
