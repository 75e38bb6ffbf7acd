"""Reading a forge: what a page of fifty pull requests costs to understand, and to ask for.

The page is a real one: pull requests as a Forgejo server was recorded to tell of them. Beside ours stand the client
that is generated from the forge's own description, and Python's own reader of JSON, which understands nothing of it.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from benchmarks import homes
from benchmarks.measure import BenchmarkError, Figure, Promise, middle
from quarterdeck.http.reader import Reader
from quarterdeck.sources.forge import api
from quarterdeck.sources.forge.client import PULLS, ForgeReader
from tests.fakes.told_forge import Reply, ToldForge
from tests.real.pyforgejo import python
from tests.sources.forge.recorded import exchanges

ID: Final = "T7"
MANY: Final = 50
PEER: Final = "pyforgejo 2.0.7"
PEER_LIMIT_S: Final = 120
KEY: Final = "k" * 40
"""What stands for a key: the server asks for none."""

UNDERSTANDS: Final = """
import json, sys, time, typing
from pyforgejo.core.pydantic_utilities import parse_obj_as
from pyforgejo.types.pull_request import PullRequest
body = open(sys.argv[1], "rb").read()
spent = []
for _ in range(int(sys.argv[2])):
    began = time.thread_time()
    pulls = parse_obj_as(type_=typing.List[PullRequest], object_=json.loads(body))
    spent.append(time.thread_time() - began)
assert len(pulls) == int(sys.argv[3])
print(json.dumps(spent))
"""
ASKS: Final = """
import json, sys, time
from pyforgejo import PyforgejoApi
client = PyforgejoApi(base_url=sys.argv[1] + "/api/v1", api_key=sys.argv[4])
spent = []
for _ in range(int(sys.argv[2])):
    began = time.thread_time()
    pulls = client.repository.repo_list_pull_requests(owner="acme", repo="tools", state="open", limit=50)
    spent.append(time.thread_time() - began)
assert len(pulls) == int(sys.argv[3])
print(json.dumps(spent))
"""


def run(*, smoke: bool = False, cache: Path = homes.CACHE) -> Iterator[Figure]:  # noqa: ARG001 -- as all of them
    """Measure, and return the figures."""
    rounds, few, turns = (3, 1, 1) if smoke else (40, 5, 3)
    body = page()
    note = f"{len(body) / 1e3:.0f} kB, {MANY} recorded pull requests"
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "page.json"
        file.write_bytes(body)
        ours, theirs, plain = [], [], []
        for _ in range(turns):
            ours += _spent(lambda: PULLS.decoder.decode(body), rounds * 10)
            plain += _spent(lambda: json.loads(body), rounds)
            theirs += _peer(Path(folder), UNDERSTANDS, str(file), few)
        with ToldForge(lambda _: Reply(body, headers={"X-Total-Count": str(MANY)})) as forge:
            asked, theirs_asked = [], []
            for _ in range(turns):
                asked += asyncio.run(_asked(forge.url, rounds))
                theirs_asked += _peer(Path(folder), ASKS, forge.url, few)
    decode, promise = middle(ours), Promise("<=1")
    yield Figure(ID, "page_of_50_understood_cpu_ms", decode, "CPU-ms", promise, PEER, middle(theirs), note)
    yield Figure(ID, "page_of_50_understood_cpu_ms", decode, "CPU-ms", promise, "json.loads", middle(plain), note)
    yield Figure(ID, "page_of_50_asked_cpu_ms", middle(asked), "CPU-ms", None, PEER, middle(theirs_asked), note)


def page() -> bytes:
    """Return a page of fifty pull requests, put together of recorded ones.

    Raises:
        BenchmarkError: when there are not as many.
    """
    lists = [each.document for each in exchanges() if each.path.endswith("/pulls") and isinstance(each.document, list)]
    pulls = {pull["id"]: pull for one in lists for pull in one}
    body = json.dumps([*pulls.values()][:MANY], separators=(",", ":"), ensure_ascii=False).encode()
    if len(msgspec.json.decode(body, type=tuple[api.PullRequest, ...])) != MANY:
        raise BenchmarkError(f"The recordings have only {len(pulls)} pull requests.")
    return body


def _spent(work: Callable[[], object], rounds: int) -> list[float]:
    spent = []
    for _ in range(rounds):
        began = time.thread_time()
        work()
        spent.append((time.thread_time() - began) * 1e3)
    return spent


async def _asked(url: str, rounds: int) -> list[float]:
    """Ask for the page over and over; only this thread is counted, and the server has others."""
    spent = []
    async with Reader() as reader:
        client = ForgeReader(reader, url, KEY)
        for _ in range(rounds):
            began = time.thread_time()
            told = await client.pulls("acme/tools")
            spent.append((time.thread_time() - began) * 1e3)
            if len(told.value) != MANY or not told.whole:
                raise BenchmarkError("What was asked for did not come.")
    return spent


def _peer(folder: Path, program: str, about: str, rounds: int) -> list[float]:
    """Let the other client do the same in a process of its own, in an empty folder: it reads what lies about."""
    command = [str(python()), "-c", program, about, str(rounds), str(MANY), KEY]
    env = {"BASE_URL": "http://127.0.0.1:9", "API_KEY": KEY}
    done = subprocess.run(
        command, cwd=folder, env=env, capture_output=True, text=True, timeout=PEER_LIMIT_S, check=False
    )
    if done.returncode:
        raise BenchmarkError(f"{PEER} could not be measured: {done.stderr[-300:]}")
    return [seconds * 1e3 for seconds in json.loads(done.stdout)]
