"""F1: the exporter on a home of 5,000 sessions: one look, the whole process, and what the agent's writer notices of it.

The peer is the agent's own status command, run in turns with the exporter on the same home.
"""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Final

from benchmarks import homes, present
from benchmarks.agent import Writer, status_command, writer
from benchmarks.f0_collection import look, newest_session
from benchmarks.measure import PROGRAM, BenchmarkError, Figure, Promise, Run, high, middle, own_environment
from benchmarks.measure import run as run_program
from quarterdeck.sources.hermes import HermesSource
from quarterdeck.truth.instance import Instance
from tests.real.homes import Home

PEER: Final = "hermes status"
FLOOR: Final = "python -c pass"
EXPORTS_A_TURN: Final = 3
TICK_S: Final = 1.0
PAUSE_S: Final = 0.01
"""The agent writes a message, then does something else."""


def run(*, smoke: bool = False, cache: Path = homes.CACHE) -> Iterator[Figure]:
    """Measure, and return the figures."""
    shape, times, turns, pairs, messages = (homes.TINY, 2, 1, 1, 20) if smoke else (homes.LARGE, 40, 4, 12, 250)
    with homes.working_copy(shape, cache) as home, present.gateway(home):
        with writer(home, newest_session(home)) as agent:
            looks = _probe(home, agent, times)
        yield from _process(home, turns, looks)
        with writer(home, newest_session(home)) as agent:
            yield from _disturbance(home, agent, pairs, messages)


def _probe(home: Home, agent: Writer, times: int) -> list[Run]:
    """Look from within a process that has looked before, after something new was written."""
    source = HermesSource(Instance("north", "north", home=home.root))
    look(source)
    looks = []
    for _ in range(times):
        agent.write(1)
        looks.append(look(source)[1])
    return looks


def _process(home: Home, turns: int, looks: list[Run]) -> Iterator[Figure]:
    """Run the exporter as its timer would, in turns with the agent's own command and with nothing at all."""
    _export(home)  # the first one writes down all sessions there ever were
    ours: list[Run] = []
    theirs: list[Run] = []
    nothing: list[Run] = []
    for _ in range(turns):
        ours += [_export(home) for _ in range(EXPORTS_A_TURN)]
        theirs.append(status_command(home))
        nothing.append(run_program([PROGRAM[0], "-c", "pass"], own_environment(home.user)))
    for name, runs, promise in (("probe", looks, Promise("<=25")), ("export", ours, Promise("<=120"))):
        yield Figure("F1", f"{name}_wall_ms", _wall(runs), "ms", promise, PEER, _wall(theirs))
        yield Figure("F1", f"{name}_cpu_ms", _cpu(runs), "CPU-ms", promise, PEER, _cpu(theirs))
    yield Figure("F1", "probe_p95_ms", high([each.wall_ms for each in looks]), "ms")
    faster = Promise("ratio>=20")
    yield Figure("F1", "export_vs_status_wall", _wall(ours), "ms", faster, PEER, _wall(theirs))
    yield Figure("F1", "export_vs_status_cpu", _cpu(ours), "CPU-ms", faster, PEER, _cpu(theirs))
    rss, their_rss, floor_rss = (max(each.rss_mb for each in runs) for runs in (ours, theirs, nothing))
    yield Figure("F1", "export_rss_mb", rss, "MB", Promise("<=30"), PEER, their_rss)
    yield Figure("F1", "export_beside_floor_cpu_ms", _cpu(ours), "CPU-ms", None, FLOOR, _cpu(nothing))
    yield Figure("F1", "export_beside_floor_mb", rss, "MB", None, FLOOR, floor_rss)


def _wall(runs: Sequence[Run]) -> float:
    return middle([each.wall_ms for each in runs])


def _cpu(runs: Sequence[Run]) -> float:
    return middle([each.cpu_ms for each in runs])


def _disturbance(home: Home, agent: Writer, pairs: int, messages: int) -> Iterator[Figure]:
    """Let the agent write with and without an exporter that ticks every second, in turns.

    Neighbours in time are compared with each other, because the machine is not equally busy all the time.
    """
    both = [_pair(home, agent, messages, watched_first=bool(number % 2)) for number in range(pairs)]
    for name, of, promise in (("p50", middle, Promise("<5")), ("p95", high, None)):
        alone, watched = ([of(side) for side in sides] for sides in zip(*both, strict=True))
        moved = middle([(ours / theirs - 1) * 100 for theirs, ours in zip(alone, watched, strict=True)])
        note = f"median of {pairs} pairs of {messages}; {middle(alone):.3f} ms alone, {middle(watched):.3f} ms watched"
        yield Figure("F1", f"writer_{name}_moved_percent", moved, "%", promise, note=note)


def _pair(home: Home, agent: Writer, messages: int, *, watched_first: bool) -> tuple[list[float], list[float]]:
    """Return how long messages took to write alone and watched."""
    took: dict[bool, list[float]] = {}
    for is_watched in (watched_first, not watched_first):
        with _ticking(home) if is_watched else nullcontext():
            agent.begin(messages, PAUSE_S)
            took[is_watched] = agent.took_ms()
    return took[False], took[True]


@contextmanager
def _ticking(home: Home) -> Iterator[None]:
    """Have the exporter run once a second for the length of the block."""
    over = threading.Event()
    failed: list[BaseException] = []

    def tick() -> None:
        rest = 0.0
        try:
            while not over.wait(rest):
                rest = max(0.0, TICK_S - _export(home).wall_ms / 1e3)
        except (BenchmarkError, OSError, subprocess.SubprocessError) as error:
            failed.append(error)

    thread = threading.Thread(target=tick, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    if failed:
        raise BenchmarkError("The exporter failed while the agent wrote.") from failed[0]


def _export(home: Home) -> Run:
    command = [*PROGRAM, "export", "--home", str(home.root), "--out", str(home.user / "snapshot.json")]
    return run_program(command, own_environment(home.user)).must_end(0)
