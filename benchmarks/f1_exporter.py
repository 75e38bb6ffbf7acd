"""F1: the exporter on a home of 5,000 sessions: one look, the whole process, and what the agent's writer notices of it.

The peer is the agent's own status command, run in turns with the exporter on the same home.
"""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
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
EXPORTS_A_TURN: Final = 3
TICK_S: Final = 1.0
PAUSE_S: Final = 0.01
"""The agent writes a message, then does something else."""


def run(*, smoke: bool = False, cache: Path = homes.CACHE) -> Iterator[Figure]:
    """Measure, and return the figures."""
    shape, looks, turns, pairs, messages = (homes.TINY, 2, 1, 1, 20) if smoke else (homes.LARGE, 40, 4, 8, 350)
    with homes.working_copy(shape, cache) as home, present.gateway(home):
        with writer(home, newest_session(home)) as agent:
            yield from _probe(home, agent, looks)
        yield from _process(home, turns)
        with writer(home, newest_session(home)) as agent:
            yield from _disturbance(home, agent, pairs, messages)


def _probe(home: Home, agent: Writer, times: int) -> Iterator[Figure]:
    """Look from within a process that has looked before, after something new was written."""
    source, looks = HermesSource(Instance("north", "north", home=home.root)), []
    look(source)
    for _ in range(times):
        agent.write(1)
        looks.append(look(source)[1])
    yield Figure("F1", "probe_p50_ms", middle([each.wall_ms for each in looks]), "ms", Promise("<=25"))
    yield Figure("F1", "probe_p95_ms", high([each.wall_ms for each in looks]), "ms")
    yield Figure("F1", "probe_cpu_ms", middle([each.cpu_ms for each in looks]), "CPU-ms", Promise("<=25"))


def _process(home: Home, turns: int) -> Iterator[Figure]:
    """Run the exporter as its timer would, in turns with the agent's own command and with nothing at all."""
    _export(home)  # the first one writes down all sessions there ever were
    ours: list[Run] = []
    theirs: list[Run] = []
    nothing: list[Run] = []
    for _ in range(turns):
        ours += [_export(home) for _ in range(EXPORTS_A_TURN)]
        theirs.append(status_command(home))
        nothing.append(run_program([PROGRAM[0], "-c", "pass"], own_environment(home.user)))
    wall, cpu = middle([each.wall_ms for each in ours]), middle([each.cpu_ms for each in ours])
    their_wall, their_cpu = middle([each.wall_ms for each in theirs]), middle([each.cpu_ms for each in theirs])
    yield Figure("F1", "export_wall_ms", wall, "ms", Promise("<=120"), PEER, their_wall)
    yield Figure("F1", "export_cpu_ms", cpu, "CPU-ms", Promise("<=120"), PEER, their_cpu)
    yield Figure("F1", "export_vs_status_wall", wall, "ms", Promise("ratio>=20"), PEER, their_wall)
    yield Figure("F1", "export_vs_status_cpu", cpu, "CPU-ms", Promise("ratio>=20"), PEER, their_cpu)
    rss, their_rss = max(each.rss_mb for each in ours), max(each.rss_mb for each in theirs)
    yield Figure("F1", "export_rss_mb", rss, "MB", Promise("<=30"), PEER, their_rss)
    floor = middle([each.wall_ms for each in nothing])
    yield Figure("F1", "export_beside_floor_ms", wall, "ms", None, "python -c pass", floor)
    floor_rss = max(each.rss_mb for each in nothing)
    yield Figure("F1", "export_beside_floor_mb", rss, "MB", None, "python -c pass", floor_rss)


def _disturbance(home: Home, agent: Writer, pairs: int, messages: int) -> Iterator[Figure]:
    """Let the agent write with and without an exporter that ticks every second, in turns."""
    alone: list[float] = []
    watched: list[float] = []
    for pair in range(pairs):
        for is_watched in (False, True) if pair % 2 else (True, False):
            if is_watched:
                with _ticking(home):
                    agent.begin(messages, PAUSE_S)
                    watched += agent.took_ms()
            else:
                agent.begin(messages, PAUSE_S)
                alone += agent.took_ms()
    moved = (middle(watched) / middle(alone) - 1) * 100
    note = f"{middle(alone):.3f} ms alone, {middle(watched):.3f} ms watched, {len(alone)} messages each"
    yield Figure("F1", "writer_p50_moved_percent", moved, "%", Promise("<5"), note=note)
    note = f"{high(alone):.3f} ms alone, {high(watched):.3f} ms watched"
    yield Figure("F1", "writer_p95_moved_percent", (high(watched) / high(alone) - 1) * 100, "%", note=note)


@contextmanager
def _ticking(home: Home) -> Iterator[None]:
    """Have the exporter run once a second for the length of the block."""
    over = threading.Event()
    failed: list[BaseException] = []

    def tick() -> None:
        try:
            while not over.is_set():
                _export(home)
                over.wait(TICK_S)
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
    done = run_program(command, own_environment(home.user))
    if done.code != 0:
        raise BenchmarkError(f"The exporter ended with {done.code}.")
    return done
