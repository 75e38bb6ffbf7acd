"""F6: how soon there is something true to see: `up` to its first page that has read the home, for somebody who comes in
as it says, and `show brief` at once.

The floors are what no program of this kind can be faster than: an interpreter that does nothing, and the server under
our pages with an application that does nothing.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import httpx2 as httpx

from benchmarks import homes, present
from benchmarks.measure import (
    LOOK_EVERY_S,
    PROGRAM,
    BenchmarkError,
    Figure,
    Promise,
    Run,
    cpu_ms,
    middle,
    own_environment,
    running,
    visiting,
)
from benchmarks.measure import run as run_program
from tests.real.homes import Home, free_port

START_LIMIT_S: Final = 30.0

BARE: Final = """
import sys, uvicorn
async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"{}"})
uvicorn.run(app, port=int(sys.argv[1]), lifespan="off", log_config=None, proxy_headers=False)
"""


def run(*, smoke: bool = False, cache: Path = homes.CACHE) -> Iterator[Figure]:
    """Measure, and return the figures."""
    shape, turns = (homes.TINY, 1) if smoke else (homes.LARGE, 7)
    with homes.working_copy(shape, cache) as home, present.gateway(home):
        started: list[Run] = []
        bare: list[Run] = []
        shown: list[Run] = []
        nothing: list[Run] = []
        for _ in range(turns):
            started.append(_up(home))
            bare.append(_bare(home))
            shown.append(_show(home))
            nothing.append(run_program([sys.executable, "-c", "pass"], own_environment(home.user)))
    for name, promise, ours, peer, floor in (
        ("up_to_first_true_page", Promise("<=1000"), started, "uvicorn with an empty application", bare),
        ("show_brief", Promise("<=300"), shown, "python -c pass", nothing),
    ):
        wall, cpu = middle([each.wall_ms for each in ours]), middle([each.cpu_ms for each in ours])
        yield Figure("F6", f"{name}_ms", wall, "ms", promise, peer, middle([each.wall_ms for each in floor]))
        yield Figure("F6", f"{name}_cpu_ms", cpu, "CPU-ms", promise, peer, middle([each.cpu_ms for each in floor]))


def _up(home: Home) -> Run:
    log, began = home.user / "server.out", time.perf_counter()
    command = [*PROGRAM, "up", "--home", str(home.root), "--port", "0"]
    with running(command, own_environment(home.user), log) as hub:
        visitor = visiting(hub, log)
        with httpx.Client(base_url=visitor.base, headers=visitor.headers, timeout=START_LIMIT_S) as client:
            return _first(client, hub, "/api/v1/views/brief", began, has_read_the_home)


def _bare(home: Home) -> Run:
    port, began = free_port(), time.perf_counter()
    command = [sys.executable, "-c", BARE, str(port)]
    with (
        running(command, own_environment(home.user), home.user / "bare.out") as process,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=START_LIMIT_S) as client,
    ):
        return _first(client, process, "/", began, lambda _: True)


def _show(home: Home) -> Run:
    return run_program([*PROGRAM, "show", "brief", "--home", str(home.root)], own_environment(home.user)).must_end(
        0, 1, 3
    )


def has_read_the_home(view: dict[str, Any]) -> bool:
    """Say whether a view holds a figure that nobody could know without having read the sessions of the home."""
    readings = [reading for row in view["rows"] for reading in row["readings"]]
    readings += [reading for figure in view["figures"] for reading in figure["readings"]]
    return any(
        reading["subject"].startswith("hermes:") and reading["subject"].endswith("/sessions") and "value" in reading
        for reading in readings
    )


def _first(
    client: httpx.Client,
    server: subprocess.Popen[bytes],
    path: str,
    began: float,
    is_true: Callable[[dict[str, Any]], bool],
) -> Run:
    """Ask a server that was just started until it answers with something true, and say how long that took."""
    last = "nothing"
    while time.perf_counter() - began < START_LIMIT_S:
        try:
            answer = client.get(path)
        except httpx.TransportError:
            time.sleep(LOOK_EVERY_S)
            continue
        if answer.status_code == httpx.codes.OK and is_true(json.loads(answer.content)):
            return Run((time.perf_counter() - began) * 1e3, cpu_ms(server.pid))
        last = f"{answer.status_code}"
        time.sleep(LOOK_EVERY_S)
    raise BenchmarkError(f"No true page of {path} within {START_LIMIT_S:.0f} s; the last answer was {last}.")
