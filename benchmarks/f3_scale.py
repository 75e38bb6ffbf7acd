"""F3: a thousand instances with ten jobs each, as a hub sees them: one snapshot file for each, written by its exporter.

Everything that grows with the fleet is measured at a quarter, at half and at all of it, in a process of its own each
time; then the program itself serves the whole fleet while every instance is written anew each half minute. There is
no peer: the programs that show such pages were not made for this many, and the floor is what growth in step would cost.
"""

from __future__ import annotations

import contextlib
import gc
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import httpx2 as httpx
import psutil

from benchmarks import homes
from benchmarks.measure import (
    PROGRAM,
    BenchmarkError,
    Figure,
    Promise,
    Stopwatch,
    middle,
    own_environment,
    running,
    visiting,
)
from quarterdeck.demo import exported, fleet
from quarterdeck.demo.exported import Template
from quarterdeck.demo.home import Plan
from quarterdeck.sources.exporter import document
from quarterdeck.sources.exporter.source import ExporterSource
from quarterdeck.sources.hermes.source import HermesSource
from quarterdeck.sources.merge import Merged
from quarterdeck.truth.instance import Instance
from quarterdeck.truth.snapshot import Snapshot
from quarterdeck.views import VIEWS
from quarterdeck.views.asked import Asked
from quarterdeck.views.judged import Judged
from tests.real.agents import REPOSITORY

SIZES, SMOKE_SIZES = (250, 500, 1000), (2, 4, 8)
JOBS: Final = 10
TROUBLED: Final = 20
"""One instance in so many is one whose gateway was killed."""
ROUNDS: Final = 7
EVERY_S: Final = 30.0
"""How often an exporter writes."""
LIMIT_S: Final = 180.0
ASK_EVERY_S: Final = 0.02
SERVED_S: Final = 20.0


@dataclass(frozen=True, slots=True)
class Cost:
    """What a fleet of one size costs, in milliseconds of the processor and megabytes."""

    merge_ms: float
    judge_ms: float
    tick_ms: float
    """Judging and making the brief one second later, after a thirtieth of the fleet has written anew."""
    brief_ms: float
    rss_mb: float


def run(*, smoke: bool = False, cache: Path = homes.CACHE) -> Iterator[Figure]:
    """Measure, and return the figures."""
    sizes = SMOKE_SIZES if smoke else SIZES
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="f3-", dir=cache) as folder:
        place = Path(folder).resolve()
        templates = take_templates(place / "taken")
        for name in exported.names(sizes[-1]):
            exported.write(_of(templates, name), place / "snapshots", name, datetime.now(UTC))
        costs = [_measured(place / "snapshots", size) for size in sizes]
        latency, rss_mb = _served(place, templates, sizes[-1], SERVED_S if not smoke else 1.0)
    whole, half = costs[-1], costs[-2]
    yield Figure("F3", "merge_of_all_cpu_ms", whole.merge_ms, "CPU-ms", Promise("<=300"))
    yield Figure("F3", "judge_all_cpu_ms", whole.judge_ms, "CPU-ms")
    yield Figure("F3", "judge_and_brief_each_second_cpu_ms", whole.tick_ms, "CPU-ms")
    yield Figure("F3", "make_brief_cpu_ms", whole.brief_ms, "CPU-ms")
    for name in ("merge_ms", "judge_ms", "tick_ms"):
        twice = 2 * float(getattr(half, name))
        words = f"twice that of {sizes[-2]} instances"
        yield Figure("F3", f"{name[:-3]}_growth", getattr(whole, name), "CPU-ms", Promise("ratio>=0.7"), words, twice)
    yield Figure("F3", "brief_p99_ms", percentile(latency, 99), "ms", Promise("<=10"), note=f"{len(latency)} requests")
    yield Figure("F3", "brief_p50_ms", middle(latency), "ms")
    yield Figure("F3", "hub_rss_mb", rss_mb, "MB", Promise("<=250"))


def percentile(values: Sequence[float], share: int) -> float:
    """Return the value that so many in a hundred do not pass."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, -(-len(ordered) * share // 100) - 1)]


# --- a fleet ---------------------------------------------------------------------------------------------------------


def take_templates(folder: Path) -> tuple[Template, Template]:
    """Take the snapshots of two homes: one whose gateway lives and one whose gateway was killed."""
    plan = Plan(instances=2, sessions=60, jobs=JOBS, days=10)
    with fleet.folder_for(folder, folder, keep=True) as place:
        made = fleet.build(place, plan, time.time(), lambda _: None)
        with fleet.living(made):
            well, killed = (_taken(made.home(one)) for one in made.characters)
    return well, killed


def _taken(home: Path) -> Template:
    instance, now = Instance(home.name, home.name, home=home), datetime.now(UTC)
    readings = HermesSource(instance, {}).look(now)
    return Template.of(document.render(instance, readings, now, version="0", host="far", took_ms=1.0))


def _of(templates: tuple[Template, Template], name: str) -> Template:
    return templates[int(name.rpartition("-")[2]) % TROUBLED == TROUBLED - 1]


# --- in a process of its own ------------------------------------------------------------------------------------------


def _measured(folder: Path, size: int) -> Cost:
    """Measure a fleet of one size in a process that has seen no other."""
    command = [sys.executable, "-m", "benchmarks.f3_scale", str(folder), str(size)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    if done.returncode:
        raise BenchmarkError(f"A fleet of {size} could not be measured: {done.stderr[-300:]}")
    return Cost(**json.loads(done.stdout))


def measure(folder: Path, size: int) -> Cost:
    """Look at every instance, merge, judge, and make the brief."""
    names = list(exported.names(size))
    instances = tuple(Instance(name, name, snapshot=folder / name / exported.SNAPSHOT) for name in names)
    sources = [ExporterSource(one, one.snapshot, "deck") for one in instances if one.snapshot is not None]
    merged, now = Merged(source.name for source in sources), datetime.now(UTC)
    for source in sources:
        merged.answered(source.name, source.look(now), now)
    rss_mb = psutil.Process().memory_info().rss / 1e6
    merging, ticking, making, judging = [], [], [], []
    for _ in range(ROUNDS if size > SMOKE_SIZES[-1] else 1):
        answers = [(source.name, tuple(source.look(now))) for source in sources]
        merging.append(_cpu_ms(lambda answers=answers: _merge(merged, answers, now)))  # type: ignore[misc]
        del answers
        snapshot = Snapshot(1, now, instances, merged.readings())
        judging.append(_cpu_ms(lambda snapshot=snapshot: Judged(snapshot, datetime.now(UTC)).judgements))  # type: ignore[misc]
        judged = Judged(snapshot, datetime.now(UTC))
        _brief(judged)
        for source in sources[: max(1, int(size / EVERY_S))]:
            merged.answered(source.name, source.look(now), now)
        after = Judged.after(judged, Snapshot(2, now, instances, merged.readings()), datetime.now(UTC))
        ticking.append(_cpu_ms(lambda after=after: _brief(after)))  # type: ignore[misc]
        making.append(_cpu_ms(lambda after=after: _brief(after)))  # type: ignore[misc]
    return Cost(middle(merging), middle(judging), middle(ticking), middle(making), rss_mb)


def _merge(merged: Merged, answers: Sequence[tuple[str, tuple[object, ...]]], now: datetime) -> None:
    for name, readings in answers:
        merged.answered(name, readings, now)  # type: ignore[arg-type]
    merged.readings()


def _brief(judged: Judged) -> None:
    VIEWS["brief"].make(judged, Asked(), None)


def _cpu_ms(work: Callable[[], object]) -> float:
    gc.collect()
    watch = Stopwatch()
    work()
    return watch.read().cpu_ms


# --- served ----------------------------------------------------------------------------------------------------------


def _served(place: Path, templates: tuple[Template, Template], size: int, for_s: float) -> tuple[list[float], float]:
    """Serve the fleet while it is written anew, ask for the brief, and return how long that took, and the memory."""
    config, user = place / "quarterdeck.toml", place / "user"
    user.mkdir()
    files = f"{place}/snapshots/*/{exported.SNAPSHOT}"
    config.write_text(f'discover = false\n[[exporters]]\nfiles = ["{files}"]\n', encoding="utf-8")
    command = [*PROGRAM, "up", "--config", str(config), "--port", "0"]
    log = place / "up.out"
    with running(command, own_environment(user), log) as hub, _writing(place / "snapshots", templates, size):
        visitor = visiting(hub, log)
        with httpx.Client(base_url=visitor.base, headers=visitor.headers, timeout=LIMIT_S) as client:
            _wait_for(client, size, log)
            took = _asked(client, for_s)
        return took, psutil.Process(hub.pid).memory_info().rss / 1e6


@contextlib.contextmanager
def _writing(folder: Path, templates: tuple[Template, Template], size: int) -> Iterator[None]:
    """Let each instance be written anew in its turn, all of them in half a minute."""
    over = threading.Event()

    def write() -> None:
        names = list(exported.names(size))
        turn = 0
        while not over.wait(EVERY_S / size):
            exported.write(_of(templates, names[turn % size]), folder, names[turn % size], datetime.now(UTC))
            turn += 1

    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _wait_for(client: httpx.Client, size: int, log: Path) -> None:
    """Wait until every instance has been looked at."""
    until = time.monotonic() + LIMIT_S
    while time.monotonic() < until:
        answer = client.get("/api/v1/views/brief").raise_for_status().json()
        known = sum(source["answered"] for source in answer["sources"] if source["source"].startswith("exporter:"))
        if known >= size:
            return
        time.sleep(0.5)
    raise BenchmarkError(f"Not all of {size} instances were read: {log.read_text(encoding='utf-8')[-300:]}")


def _asked(client: httpx.Client, for_s: float) -> list[float]:
    client.get("/brief").raise_for_status()  # what nobody has asked for yet is made first
    took, until = [], time.monotonic() + for_s
    while time.monotonic() < until:
        began = time.perf_counter()
        client.get("/brief").raise_for_status()
        took.append((time.perf_counter() - began) * 1e3)
        time.sleep(ASK_EVERY_S)
    return took


if __name__ == "__main__":
    print(json.dumps(asdict(measure(Path(sys.argv[1]), int(sys.argv[2])))))
