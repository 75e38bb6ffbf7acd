from __future__ import annotations

import queue
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from quarterdeck.sources.wake import Waker, Watch, can_tell, plan, watch_files
from tests.fakes.sources import SteadySource
from tests.fakes.watches import ExhaustedWatch


class Bell:
    """Keeps the names it is rung with."""

    def __init__(self) -> None:
        self.rung: queue.SimpleQueue[str] = queue.SimpleQueue()

    def __call__(self, source: str) -> None:
        self.rung.put(source)

    def next(self, timeout_s: float = 3.0) -> str:
        return self.rung.get(timeout=timeout_s)

    def all_within(self, seconds: float) -> list[str]:
        time.sleep(seconds)
        return list(self._waiting())

    def has_rung(self, within_s: float) -> bool:
        try:
            self.rung.get(timeout=within_s)
        except queue.Empty:
            return False
        return True

    def wait_until_silent(self) -> None:
        while self.all_within(0.15):
            pass

    def _waiting(self) -> Iterator[str]:
        while not self.rung.empty():
            yield self.rung.get()


class Notebook:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def warning(self, event: str, **fields: object) -> None:
        self.lines.append(event)


def source(name: str, *folders: Path) -> SteadySource:
    made = SteadySource(name)
    made.folders = folders
    return made


def wait_until_told(folder: Path, bell: Bell) -> None:
    """Change something in a folder until it is noticed: nothing else says from when on the kernel tells."""
    for number in range(100):
        (folder / "probe").write_text(str(number))
        if bell.has_rung(within_s=0.1):
            bell.wait_until_silent()
            return
    pytest.fail("no change was noticed in ten seconds")


@contextmanager
def waking(*sources: SteadySource, watch: Watch = watch_files, log: Notebook | None = None) -> Iterator[Bell]:
    bell = Bell()
    waker = Waker(sources, bell, log=log, watch=watch, review_s=0.2, rest_s=0.05)
    thread = threading.Thread(target=waker.run)
    thread.start()
    try:
        for folder in {folder for source in sources for folder in source.folders if folder.is_dir()}:
            wait_until_told(folder, bell)
        yield bell
    finally:
        waker.stop()
        thread.join(2)
        assert not thread.is_alive()


def test_a_change_wakes_who_watches(tmp_path: Path) -> None:
    """A file that changes wakes the source that watches its folder, and no other."""
    near, far = tmp_path / "near", tmp_path / "far"
    near.mkdir()
    far.mkdir()
    with waking(source("near", near), source("far", far)) as bell:
        (near / "state.json").write_text("1")
        assert bell.next() == "near"
        bell.wait_until_silent()
        (far / "state.json").write_text("1")
        assert bell.next() == "far"


def test_a_replaced_file_wakes(tmp_path: Path) -> None:
    """A file that is written beside and renamed into place wakes, as every careful writer does it."""
    with waking(source("home", tmp_path)) as bell:
        (tmp_path / "new").write_text("1")
        bell.next()
        bell.all_within(0.2)
        (tmp_path / "new").rename(tmp_path / "old")
        assert bell.next() == "home"


def test_many_changes_are_few_wakes(tmp_path: Path) -> None:
    """A burst of changes wakes a handful of times, not once for each."""
    with waking(source("home", tmp_path)) as bell:
        for number in range(200):
            (tmp_path / str(number)).write_text("1")
        assert 1 <= len(bell.all_within(0.4)) <= 10


def test_reading_wakes_nobody(tmp_path: Path) -> None:
    """Looking is no change: reading, listing and asking for the state of files wake nobody."""
    (tmp_path / "state.json").write_text("1")
    with waking(source("home", tmp_path)) as bell:
        for _ in range(5):
            (tmp_path / "state.json").read_text()
            (tmp_path / "state.json").stat()
            list(tmp_path.iterdir())
        assert bell.all_within(0.3) == []


def test_what_lies_below_is_not_watched(tmp_path: Path) -> None:
    """A change in a folder below a watched one wakes nobody: only what a source names is watched."""
    below = tmp_path / "sessions"
    below.mkdir()
    with waking(source("home", tmp_path)) as bell:
        (below / "one.json").write_text("1")
        assert bell.all_within(0.3) == []


def test_a_folder_that_appears_is_watched(tmp_path: Path) -> None:
    """A folder that is made later is watched from then on, and its making wakes."""
    cron = tmp_path / "cron"
    with waking(source("home", cron)) as bell:
        assert bell.all_within(0.1) == []
        cron.mkdir()
        assert bell.next() == "home"
        wait_until_told(cron, bell)


def test_a_folder_that_is_replaced_is_watched_anew(tmp_path: Path) -> None:
    """A folder that is removed and made again under its name is watched again."""
    cron = tmp_path / "cron"
    cron.mkdir()
    with waking(source("home", tmp_path, cron)) as bell:
        shutil.rmtree(cron)
        assert bell.next() == "home"
        cron.mkdir()
        wait_until_told(cron, bell)


def test_nothing_to_watch_is_no_failure(tmp_path: Path) -> None:
    """Folders that are not there, and sources that watch nothing, are waited for quietly."""
    notes = Notebook()
    with waking(source("home", tmp_path / "nowhere"), source("systemd"), log=notes) as bell:
        assert bell.all_within(0.3) == []
    assert notes.lines == []


@pytest.mark.parametrize(
    "error", [OSError("OS file watch limit reached."), RuntimeError("Error creating recommended watcher")]
)
def test_without_inotify_it_polls_and_says_so_once(tmp_path: Path, error: Exception) -> None:
    """When the system has no watches to spare, changes are looked for by polling, and the log says so one time."""
    watch, notes = ExhaustedWatch(error), Notebook()
    with waking(source("home", tmp_path), watch=watch, log=notes):
        pass  # it has rung already
    assert watch.asked == [False, True]
    assert notes.lines == ["the system tells of no changes; looking for them every second instead"]


def test_polling_sees_changes_too(tmp_path: Path) -> None:
    """The slow way finds what changed as well."""
    stop = threading.Event()
    told = watch_files([str(tmp_path)], polling=True, quiet_s=0.1, stop=stop)
    assert list(next(told)) == []
    (tmp_path / "state.json").write_text("1")
    changes = next(changes for _ in range(30) if (changes := list(next(told))))
    assert str(tmp_path / "state.json") in changes
    stop.set()
    assert list(told) == []


def test_a_plan_names_every_watcher(tmp_path: Path) -> None:
    """Two sources that watch one folder are both woken by it, by its name as well as by what is in it."""
    shared = plan([source("a", tmp_path), source("b", tmp_path), source("c", tmp_path / "file")])
    assert shared.woken_by([str(tmp_path / "x")]) == {"a", "b"}
    assert shared.woken_by([str(tmp_path)]) == {"a", "b"}
    assert list(shared.there) == [str(tmp_path)]


def test_trying_says_whether_the_system_would_tell(tmp_path: Path) -> None:
    """Whether there are watches to spare can be tried without watching; a folder that just went is no lack of them."""
    assert can_tell([str(tmp_path)])
    assert can_tell([str(tmp_path / "nowhere")])
    assert not can_tell([str(tmp_path)], ExhaustedWatch(OSError("OS file watch limit reached.")))
