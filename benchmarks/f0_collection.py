"""F0: one look at a home like the largest seen in the wild, with something new to see each time, and exact counts.

The peer is the agent's own dashboard, asked in turns with us, of the same home.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from benchmarks import homes, present
from benchmarks.agent import Dashboard, Writer, writer
from benchmarks.counts import count
from benchmarks.measure import Figure, Promise, Run, Stopwatch, high, middle
from quarterdeck.sources.hermes import HermesSource
from quarterdeck.truth.instance import Instance
from quarterdeck.truth.reading import AnyReading, Known
from quarterdeck.truth.shapes import dump
from tests.real.homes import Home

STATUS, ANALYTICS = "/api/status", "/api/analytics/usage?days=30"
PEER: Final = "the agent's dashboard"
PROMISE: Final = Promise("<=100")


@dataclass(slots=True)
class Measured:
    """What the rounds brought."""

    looks: list[Run] = field(default_factory=list)
    idle: list[Run] = field(default_factory=list)
    status: list[Run] = field(default_factory=list)
    analytics: list[Run] = field(default_factory=list)
    compared: int = 0
    wrong: list[str] = field(default_factory=list)
    live: tuple[int, int, int] = (0, 0, 0)
    """Sessions that live: counted by brute force, by us, by the dashboard."""


def run(*, smoke: bool = False, cache: Path = homes.CACHE) -> Iterator[Figure]:
    """Measure, and return the figures."""
    shape, rounds, looks = (homes.TINY, 1, 2) if smoke else (homes.LARGEST, 3, 16)
    with homes.working_copy(shape, cache) as home, present.gateway(home):
        dashboard = Dashboard(home)
        with writer(home, newest_session(home)) as agent, dashboard.up() as pid:
            source = HermesSource(Instance("north", "north", home=home.root))
            _, first = look(source)
            measured = Measured()
            for _ in range(rounds):
                _in_turns(measured, looks, source, agent, lambda path: dashboard.ask(path, pid).cost)
                _compare(measured, source, home)
                measured.live = (*measured.live[:2], dashboard.ask(STATUS).document["active_sessions"])
    yield from _figures(measured, first)


def newest_session(home: Home) -> str:
    """Return the session in which something happened last."""
    with closing(sqlite3.connect(home.root / "state.db")) as db:
        (found,) = db.execute("SELECT session_id FROM messages ORDER BY id DESC LIMIT 1").fetchone()
    return str(found)


def look(source: HermesSource) -> tuple[list[AnyReading], Run]:
    """Look once."""
    watch = Stopwatch()
    readings = list(source.look(datetime.now(UTC)))
    return readings, watch.read()


def _in_turns(measured: Measured, looks: int, source: HermesSource, agent: Writer, ask: Callable[[str], Run]) -> None:
    """Look at what is new and at what is not, and ask the dashboard the same."""
    for _ in range(looks):
        agent.write(1)
        measured.looks.append(look(source)[1])
        measured.idle.append(look(source)[1])
        measured.status.append(ask(STATUS))
    measured.analytics.append(ask(ANALYTICS))


def _compare(measured: Measured, source: HermesSource, home: Home) -> None:
    """Hold our figures against those of brute force."""
    now = datetime.now(UTC)
    seen = {reading.field: reading for reading in source.look(now) if reading.subject == "hermes:north/sessions"}
    counted = count(home.root / "state.db", now.timestamp())
    measured.compared += len(counted)
    measured.wrong += [name for name, value in counted.items() if not _agrees(seen.get(name), value)]
    live = seen.get("live")
    measured.live = (counted["live"], live.value if isinstance(live, Known) else -1, 0)


def _agrees(reading: AnyReading | None, counted: object) -> bool:
    """Say whether a reading holds exactly what was counted; sums of money and moments to a millionth."""
    if not isinstance(reading, Known):
        return False
    value = reading.value.timestamp() if isinstance(reading.value, datetime) else dump(reading.value)
    if isinstance(counted, float) and isinstance(value, float):
        return math.isclose(value, counted, rel_tol=0, abs_tol=1e-6)
    return bool(value == counted)


def _figures(measured: Measured, first: Run) -> Iterator[Figure]:
    wall = [each.wall_ms for each in measured.looks]
    status, analytics = f"{PEER}, {STATUS}", f"{PEER}, {ANALYTICS}"
    slow = middle([each.wall_ms for each in measured.analytics])
    quick = middle([each.wall_ms for each in measured.status])
    yield Figure("F0", "cycle_p50_ms", middle(wall), "ms", PROMISE, analytics, slow)
    yield Figure("F0", "cycle_p95_ms", high(wall), "ms", PROMISE, analytics, slow)
    cpu = middle([each.cpu_ms for each in measured.looks])
    yield Figure("F0", "cycle_cpu_ms", cpu, "CPU-ms", PROMISE, analytics, _mean_cpu(measured.analytics))
    yield Figure("F0", "cycle_beside_status_ms", middle(wall), "ms", None, status, quick)
    yield Figure("F0", "cycle_beside_status_cpu_ms", cpu, "CPU-ms", None, status, _mean_cpu(measured.status))
    yield Figure("F0", "cycle_unchanged_ms", middle([each.wall_ms for each in measured.idle]), "ms")
    yield Figure("F0", "cycle_unchanged_cpu_ms", middle([each.cpu_ms for each in measured.idle]), "CPU-ms")
    yield Figure("F0", "first_look_ms", first.wall_ms, "ms")
    wrong = ", ".join(sorted(set(measured.wrong)))
    unit = f"of {measured.compared}"
    yield Figure("F0", "counts_wrong", len(measured.wrong), unit, Promise("<=0"), note=wrong or None)
    counted, ours, theirs = measured.live
    yield Figure("F0", "live_sessions", ours, "sessions", None, status, theirs, note=f"by brute force: {counted}")


def _mean_cpu(runs: Sequence[Run]) -> float:
    """Return the mean: the kernel counts other processes' time in hundredths of a second, too coarse for a median."""
    return math.fsum(each.cpu_ms for each in runs) / len(runs)
