"""An hour of changes in a minute: does the memory of the hub stay flat while a fleet changes as fast as it can?

``python -m benchmarks soak`` takes two; ``python -m benchmarks.soak --minutes 60`` as long as one likes.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import httpx2 as httpx
import psutil

from benchmarks import homes
from benchmarks.f3_scale import take_templates
from benchmarks.measure import PROGRAM, Figure, Promise, own_environment, running, visiting
from quarterdeck.demo import exported
from quarterdeck.demo.exported import Template
from tests.fakes.visitor import Visitor

INSTANCES: Final = 20
MINUTES: Final = 1.0
WARM_S: Final = 60.0
"""Before this the program takes in what it sees for the first time, and its first garbage gathers."""
SAMPLE_S: Final = 0.5
PAUSE_S: Final = 0.02
"""Between two changes: fifty a second, where a fleet of this size makes less than one."""
ANSWER_S: Final = 60.0
VIEWS: Final = ("brief", "cron", "ops")
USUAL_S: Final = 30.0
"""How often an exporter writes in earnest."""


def run(*, smoke: bool = False, cache: Path = homes.CACHE, minutes: float = MINUTES) -> Iterator[Figure]:
    """Measure, and return the figures."""
    for_s, warm_s = (3.0, 1.0) if smoke else (60 * minutes, WARM_S)
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="soak-", dir=cache) as folder:
        samples, changes = _soaked(Path(folder).resolve(), for_s + warm_s)
    settled = [(at, mb) for at, mb in samples if at >= warm_s]
    hours = changes / INSTANCES * USUAL_S / 3600
    grown = slope(settled) * (settled[-1][0] - settled[0][0])
    share = 100 * grown / settled[0][1]
    note = f"{changes} changes of {INSTANCES} instances, as many as in {hours:.1f} hours"
    yield Figure("soak", "rss_mb", settled[-1][1], "MB", note=note)
    yield Figure("soak", "rss_grown_percent", share, "%", None if smoke else Promise("<5"), note=note)


def slope(samples: Sequence[tuple[float, float]]) -> float:
    """Return by how much the second grows for each one of the first, over all of them."""
    count = len(samples)
    mean_x, mean_y = (sum(each[axis] for each in samples) / count for axis in (0, 1))
    spread = sum((x - mean_x) ** 2 for x, _ in samples)
    return sum((x - mean_x) * (y - mean_y) for x, y in samples) / spread if spread else 0.0


def _soaked(place: Path, for_s: float) -> tuple[list[tuple[float, float]], int]:
    """Let a fleet change while pages are asked for; return the memory over time, and how many changes there were."""
    templates, names = take_templates(place / "taken"), list(exported.names(INSTANCES))
    for name in names:
        exported.write(templates[0], place / "snapshots", name, datetime.now(UTC))
    config, user, log = place / "quarterdeck.toml", place / "user", place / "up.out"
    user.mkdir()
    files = f"{place}/snapshots/*/{exported.SNAPSHOT}"
    history = f'[history]\nfile = "{place}/history.db"\n'
    config.write_text(f'discover = false\n{history}[[exporters]]\nfiles = ["{files}"]\n', encoding="utf-8")
    command = [*PROGRAM, "up", "--config", str(config), "--port", "0"]
    with running(command, own_environment(user), log) as hub:
        visitor = visiting(hub, log)
        with _changing(place / "snapshots", templates, names) as changes, _asking(visitor):
            samples, began = [], time.monotonic()
            while time.monotonic() - began < for_s:
                samples.append((time.monotonic() - began, psutil.Process(hub.pid).memory_info().rss / 1e6))
                time.sleep(SAMPLE_S)
        return samples, len(changes)


@contextmanager
def _changing(folder: Path, templates: tuple[Template, Template], names: Sequence[str]) -> Iterator[list[int]]:
    """Let one instance after the other write anew, now as one that is well and now as one that was killed."""
    over, made = threading.Event(), list[int]()

    def change() -> None:
        while not over.wait(PAUSE_S):
            turn = len(made)
            template = templates[turn // len(names) % 2]
            exported.write(template, folder, names[turn % len(names)], datetime.now(UTC))
            made.append(turn)

    with _beside(change, over):
        yield made


@contextmanager
def _asking(visitor: Visitor) -> Iterator[None]:
    """Look at page after page."""
    over = threading.Event()

    def ask() -> None:
        with httpx.Client(base_url=visitor.base, headers=visitor.headers, timeout=ANSWER_S) as client:
            number = 0
            while not over.wait(0.1):
                client.get(f"/{VIEWS[number % len(VIEWS)]}").raise_for_status()
                number += 1

    with _beside(ask, over):
        yield


@contextmanager
def _beside(work: Callable[[], None], over: threading.Event) -> Iterator[None]:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def main() -> None:
    """Soak as long as asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak")
    parser.add_argument("--minutes", type=float, default=MINUTES)
    for figure in run(minutes=parser.parse_args().minutes):
        print(json.dumps(figure.as_json()), flush=True)


if __name__ == "__main__":
    main()
