"""F4: how soon a change in a home is on a page that is open: from the moment at which a file is there to the event that
changes the row. That a browser shows it at once is proved in tests/e2e.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Final

from benchmarks import homes, present
from benchmarks.measure import (
    PROGRAM,
    BenchmarkError,
    Figure,
    Promise,
    cpu_ms,
    high,
    middle,
    own_environment,
    running,
    visiting,
)
from tests.real.homes import wait_until
from tests.web.streams import Reader, ask, reading, state_of

LIMIT_S: Final = 10.0
IDLE_S: Final = 30.0


def run(*, smoke: bool = False, cache: Path = homes.CACHE) -> Iterator[Figure]:
    """Measure, and return the figures."""
    shape, changes, idle_s = (homes.TINY, 3, 2.0) if smoke else (homes.LARGE, 40, IDLE_S)
    with homes.working_copy(shape, cache) as home, present.gateway(home):
        random, log = Random(4), home.user / "server.out"
        command = [*PROGRAM, "up", "--home", str(home.root), "--port", "0"]
        with running(command, own_environment(home.user), log) as hub:
            visitor = visiting(hub, log)
            port, me = visitor.port, f"Cookie: {visitor.cookie}"
            wait_until("the page knows the home", lambda: b'data-label="Model"' in ask(port, "/agents", me)[1])
            with reading(port, "/live/agents", state_of(port, "/agents", me), me) as stream:
                took = [_change(home.root, stream, number, random) for number in range(changes)]
            with reading(port, "/live/brief", state_of(port, "/brief", me), me) as stream:
                began, spent = time.monotonic(), cpu_ms(hub.pid)
                while (left := idle_s - (time.monotonic() - began)) > 0:
                    stream.next(left)
                idle_kb, idle_cpu = stream.bytes_read / 1e3, cpu_ms(hub.pid) - spent
    yield Figure("F4", "change_to_page_p95_ms", high(took), "ms", Promise("<=1000"), note=f"middle {middle(took):.0f}")
    note = f"{idle_s:.0f} s of the brief over a home that is at work"
    yield Figure("F4", "open_page_kb", idle_kb, "kB", None, "the agent's own dashboard", 327.0 * idle_s / IDLE_S, note)
    yield Figure("F4", "open_page_cpu_share", idle_cpu / idle_s / 10, "%", None, note="collector included")


def _change(home: Path, stream: Reader, number: int, random: Random) -> float:
    """Change a file of the home and wait for the event that tells of it; return milliseconds."""
    time.sleep(random.random() * 0.5)
    model = f"measured-model-{number}"
    (home / "config.yaml").write_text(f"model: {{default: {model}, provider: example}}\n", encoding="utf-8")
    began = time.monotonic()
    while (left := LIMIT_S - (time.monotonic() - began)) > 0:
        event = stream.next(left)
        if event is not None and model in event.data:
            return (time.monotonic() - began) * 1e3
    raise BenchmarkError(f"A change was not on the page within {LIMIT_S:.0f} s.")
