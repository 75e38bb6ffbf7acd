"""F2: the brief and its API through the guard, rendered bytes from memory, beside the floor: an application that does
nothing but send the same bytes, from the same server, asked in turns by the same load.

The load comes from a process of its own, of somebody who came in, over connections that stay open. Meanwhile a page is
rendered anew every second and the collector goes on collecting: what that costs is in the figures.

What the guard costs by itself is measured in one process: an application that does nothing, with the guard and a real
session before it and without, in turns.
"""

from __future__ import annotations

import gzip
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

import psutil

from benchmarks import guard_cost, homes, present
from benchmarks.f6_start import has_read_the_home
from benchmarks.measure import (
    PROGRAM,
    BenchmarkError,
    Figure,
    Promise,
    cpu_ms,
    middle,
    own_environment,
    running,
    visiting,
)
from tests.real.homes import Home, free_port, wait_until

CONNECTIONS: Final = 16
PATHS: Final = {"page": "/brief", "api": "/api/v1/views/brief"}
LIMIT_S: Final = 30
SETTLED_S: Final = 3.0

BARE: Final = """
import sys, uvicorn
body = open(sys.argv[2], "rb").read()
start = {"type": "http.response.start", "status": 200, "headers": [
    (b"content-type", b"text/html; charset=utf-8"), (b"content-length", str(len(body)).encode())]}
async def app(scope, receive, send):
    await send(start)
    await send({"type": "http.response.body", "body": body})
uvicorn.run(app, port=int(sys.argv[1]), lifespan="off", log_config=None, proxy_headers=False, access_log=False,
    server_header=False)
"""

LOAD: Final = """
import asyncio, json, sys, time, uvloop
port, path, connections, seconds = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
cookie = sys.argv[5]
ask = f"GET {path} HTTP/1.1\\r\\nHost: 127.0.0.1:{port}\\r\\nAccept-Encoding: gzip\\r\\nCookie: {cookie}\\r\\n\\r\\n"
ask = ask.encode()
waits, wrong = [], 0
class One(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport, self.left = transport, 0
        self.ask()
    def ask(self):
        self.began = time.perf_counter()
        self.transport.write(ask)
    def data_received(self, data):
        global wrong
        if not self.left:
            head, _, body = data.partition(b"\\r\\n\\r\\n")
            wrong += not head.startswith(b"HTTP/1.1 200")
            self.left = int(head.lower().partition(b"content-length: ")[2].partition(b"\\r\\n")[0]) - len(body)
        else:
            self.left -= len(data)
        if self.left == 0:
            now = time.perf_counter()
            waits.append(now - self.began)
            if now < end:
                self.ask()
            else:
                self.transport.close()
async def main():
    global end
    end = time.perf_counter() + seconds
    loop = asyncio.get_running_loop()
    for _ in range(connections):
        await loop.create_connection(One, "127.0.0.1", port)
    await asyncio.sleep(seconds + 0.5)
uvloop.run(main())
waits.sort()
print(json.dumps({"count": len(waits), "wrong": wrong, "p99_ms": waits[len(waits) * 99 // 100] * 1e3}))
"""


@dataclass(slots=True)
class Loaded:
    """What a server did under load, turn by turn."""

    cpu_ms: list[float] = field(default_factory=list)
    per_second: list[float] = field(default_factory=list)
    p99_ms: list[float] = field(default_factory=list)


def run(*, smoke: bool = False, cache: Path = homes.CACHE) -> Iterator[Figure]:
    """Measure, and return the figures."""
    shape, turns, seconds = (homes.TINY, 1, 0.5) if smoke else (homes.LARGE, 5, 3.0)
    with homes.working_copy(shape, cache) as home, present.gateway(home), ExitStack() as servers:
        log = home.user / "server.out"
        command = [*PROGRAM, "up", "--home", str(home.root), "--port", "0"]
        hub = servers.enter_context(running(command, own_environment(home.user), log))
        visitor = visiting(hub, log)
        port, cookie = visitor.port, visitor.cookie
        wait_until("the home is read", partial(_has_read, port, cookie))
        time.sleep(SETTLED_S)
        before = psutil.Process(hub.pid).memory_info().rss / 1e6
        for name, path in PATHS.items():
            floor, process = servers.enter_context(_bare(home, name, _get(port, path, cookie)))
            ours, bare = Loaded(), Loaded()
            for _ in range(turns):
                _load(ours, hub.pid, (port, path, cookie), seconds)
                _load(bare, process, (floor, "/", ""), seconds)
            yield from _figures(name, ours, bare)
        after = psutil.Process(hub.pid).memory_info().rss / 1e6
        yield Figure("F2", "hub_memory_mb", after, "MB", Promise("<=80"), note=f"{before:.0f} MB at its start")
    yield from guard_cost.figures(20_000 if not smoke else 200, turns)


def _figures(name: str, ours: Loaded, bare: Loaded) -> Iterator[Figure]:
    peer = "an application that sends the same bytes"
    cpu, floor = middle(ours.cpu_ms), middle(bare.cpu_ms)
    yield Figure("F2", f"{name}_cpu_ms_a_request", cpu, "CPU-ms", Promise("<=0.06"), peer, floor)
    yield Figure("F2", f"{name}_cpu_beside_the_floor", cpu, "CPU-ms", Promise("ratio>=0.4"), peer, floor)
    rate, highest = middle(ours.per_second), middle(bare.per_second)
    yield Figure("F2", f"{name}_requests_a_second", rate, "1/s", Promise(">=15000"), peer, highest)
    yield Figure("F2", f"{name}_p99_ms", middle(ours.p99_ms), "ms", Promise("<=10"), peer, middle(bare.p99_ms))


def _load(into: Loaded, pid: int, asked: tuple[int, str, str], seconds: float) -> None:
    (port, path, cookie), began = asked, cpu_ms(pid)
    command = [sys.executable, "-c", LOAD, str(port), path, str(CONNECTIONS), str(seconds), cookie]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    spent = cpu_ms(pid) - began
    if done.returncode:
        raise BenchmarkError(f"The load ended with {done.returncode}: {done.stderr[-300:]}")
    said = json.loads(done.stdout)
    if said["wrong"] or not said["count"]:
        raise BenchmarkError(f"{said['wrong']} of {said['count']} answers were not 200.")
    into.cpu_ms.append(spent / said["count"])
    into.per_second.append(said["count"] / seconds)
    into.p99_ms.append(said["p99_ms"])


@contextmanager
def _bare(home: Home, name: str, body: bytes) -> Iterator[tuple[int, int]]:
    """Serve some bytes, whatever is asked; yields the port and the process."""
    file, port = home.user / f"{name}.bytes", free_port()
    file.write_bytes(body)
    command = [sys.executable, "-c", BARE, str(port), str(file)]
    with running(command, own_environment(home.user), home.user / f"{name}.out") as process:
        wait_until("the floor answers", lambda: bool(_get(port, "/")))
        yield port, process.pid


def _has_read(port: int, cookie: str) -> bool:
    view = _get(port, PATHS["api"], cookie)
    return bool(view) and has_read_the_home(json.loads(gzip.decompress(view)))


def _get(port: int, path: str, cookie: str = "") -> bytes:
    """Return the bytes of an answer as they go over the wire; nothing while there is no server."""
    words = ["Accept-Encoding: gzip", "Connection: close", f"Cookie: {cookie}", "", ""]
    ask = "\r\n".join([f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", *words])
    try:
        with socket.create_connection(("127.0.0.1", port), LIMIT_S) as connection:
            connection.sendall(ask.encode())
            answer = b"".join(iter(lambda: connection.recv(65_536), b""))
    except ConnectionError:
        time.sleep(0.05)
        return b""
    return answer.partition(b"\r\n\r\n")[2]
