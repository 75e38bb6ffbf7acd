"""Big homes to measure on: tables made by the real agent, rows by the hundred thousand, kept for the next time.

Rule 1: what is kept is never changed. Whoever measures gets a copy of his own in which everything has just happened,
        and the copy is gone when he is done.
Rule 2: a home that was not finished is not there: it is built beside its place and moved into it at the end.

Homes are kept under ``.cache/homes``, one of each name: a home of another shape, seed, release or way of being built
takes the place of the one before.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psutil

from benchmarks import present
from quarterdeck.demo import bulk
from quarterdeck.demo.bulk import Shape
from tests.real.agents import REPOSITORY, Agent, ensure_agent
from tests.real.homes import Home

CACHE: Final = REPOSITORY / ".cache" / "homes"
BUILD_LIMIT_S: Final = 300.0
BUILT: Final = "built-for"
"""The moment the home was built for, in a file beside it."""

LARGEST: Final = Shape("largest", sessions=54_647, messages=765_000, jobs=114)
LARGE: Final = Shape("large", sessions=5_000, messages=300_000, jobs=40)
SMALL: Final = Shape("small", sessions=200, messages=4_000, jobs=12, live=6, days=20)
TINY: Final = Shape("tiny", sessions=60, messages=600, jobs=6, live=4, days=10)

MAKE_EMPTY: Final = """
import importlib.util, json
from pathlib import Path
from hermes_constants import get_hermes_home
from hermes_state import SessionDB
from hermes_cli import kanban_db
from cron import jobs
SessionDB().close()
kanban_db.connect().close()
if importlib.util.find_spec("cron.executions"):
    from cron import executions
    executions._connect().close()
made = [jobs.create_job("benchmark-text", when, name="benchmark-text") for when in ("every 5m", "0 9 * * *")]
(Path(get_hermes_home()) / "job-templates.json").write_text(json.dumps(made))
"""


@contextmanager
def working_copy(shape: Shape, cache: Path = CACHE) -> Iterator[Home]:
    """Have a home of this shape for the length of the block, as of now. Whatever still runs on it ends with it."""
    agent = ensure_agent(shape.version)
    kept = kept_home(shape, cache)
    _sweep(cache)
    with tempfile.TemporaryDirectory(prefix=f"run-{os.getpid()}-", dir=cache) as folder:
        place = Path(folder).resolve()  # the exporter writes through no symbolic link
        home = Home(agent, place / "home", place / "user")
        home.user.mkdir()
        shutil.copytree(kept / "home", home.root)
        now = time.time()
        bulk.move(home.root / "state.db", now - float((kept / BUILT).read_text()))
        present.write(home, shape, now)
        with home:
            yield home


def _sweep(cache: Path) -> None:
    """Remove the copies of measurements that were killed: they are too big to lie about."""
    for left in cache.glob("run-*"):
        if not psutil.pid_exists(int(left.name.split("-")[1])):
            shutil.rmtree(left)


def kept_home(shape: Shape, cache: Path = CACHE) -> Path:
    """Return the folder that holds a home of this shape, building it first where needed."""
    cache.mkdir(parents=True, exist_ok=True)
    place = cache / f"{shape.name}-{_digest(shape)}"
    with (cache / f"{shape.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.exists():
            for older in cache.glob(f"{shape.name}-*"):
                shutil.rmtree(older)
            _build(shape, place)
    return place


def _build(shape: Shape, place: Path) -> None:
    building = place.with_name(f"{place.name}.building")
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir()
    began = time.monotonic()

    def say(words: str) -> None:
        _say(f"home {shape.name}: {words}, {time.monotonic() - began:.0f} s")
        if time.monotonic() - began > BUILD_LIMIT_S:
            raise TimeoutError(f"Building the home {shape.name} took longer than {BUILD_LIMIT_S:.0f} s.")

    home = Home(ensure_agent(shape.version), building / "home", building / "user")
    empty(home)
    now = time.time()
    bulk.fill(home.root / "state.db", shape, now, say)
    (building / BUILT).write_text(repr(now))
    shutil.rmtree(home.user)
    building.rename(place)


def empty(home: Home) -> None:
    """Let the agent itself make a home with empty databases and a job of each kind of schedule."""
    home.root.mkdir(mode=0o700)
    home.user.mkdir(exist_ok=True)
    command = [str(home.agent.python), "-c", MAKE_EMPTY]
    subprocess.run(command, env=home.environment, cwd=home.user, timeout=60, check=True, stdout=subprocess.DEVNULL)
    (home.root / "cron" / "jobs.json").unlink()


def _digest(shape: Shape) -> str:
    """Name a home by everything that decides what is in it."""
    lock = REPOSITORY / "requirements" / f"agent-{Agent(shape.version, Path(), Path()).series}.txt"
    parts = (repr(shape).encode(), MAKE_EMPTY.encode(), Path(bulk.__file__).read_bytes(), lock.read_bytes())
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:12]


def _say(words: str) -> None:
    sys.stderr.write(words + os.linesep)
    sys.stderr.flush()


if __name__ == "__main__":
    for each in (LARGEST, LARGE):
        _say(json.dumps({"home": each.name, "kept": str(kept_home(each).relative_to(REPOSITORY))}))
