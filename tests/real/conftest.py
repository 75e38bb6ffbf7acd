"""The real agents, their model server and their homes, shared by the tests that only look."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from tests.fakes.model_server import ModelServer
from tests.real.agents import VERSIONS, Agent, ensure_agent
from tests.real.homes import Gateway, Home, wait_until
from tests.real.looking import Looker

HOURS = timedelta(hours=3)

HomeMaker = Callable[[str], Home]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give these tests the time that real programs take; each wait in them has a shorter limit of its own."""
    for item in items:
        if Path(__file__).parent in item.path.parents and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(300))


@pytest.fixture(scope="session")
def model() -> Iterator[ModelServer]:
    """The model every agent talks to."""
    with ModelServer() as server:
        yield server


@pytest.fixture(scope="session", params=VERSIONS)
def agent(request: pytest.FixtureRequest) -> Agent:
    """Each version of the agent in turn."""
    return ensure_agent(request.param)


@pytest.fixture(scope="session")
def new_home(agent: Agent, model: ModelServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HomeMaker]:
    """Make a home of the agent by name; whatever runs in it is ended with the session."""
    base = tmp_path_factory.mktemp(f"agent-{agent.series}-")
    with ExitStack() as stack:
        yield lambda name: stack.enter_context(Home.create(agent, base / name, model))


@pytest.fixture(scope="session")
def looker(tmp_path_factory: pytest.TempPathFactory) -> Looker:
    """Somebody who looks with the thresholds everybody has."""
    return Looker(tmp_path_factory.mktemp("looker"))


@pytest.fixture(scope="session")
def north(new_home: HomeMaker) -> Iterator[Gateway]:
    """A gateway that is up and was never disturbed."""
    with new_home("north").gateway() as gateway:
        yield gateway


@pytest.fixture(scope="session")
def south(new_home: HomeMaker) -> Home:
    """A home of the same user in which no gateway ever ran, but jobs were made and sessions listed."""
    home = new_home("south")
    home.create_jobs({"name": "daily", "prompt": "[[say:done]]", "schedule": "every 24h"})
    home.hermes("sessions", "list")
    return home


@pytest.fixture(scope="session")
def killed(new_home: HomeMaker, model: ModelServer) -> Home:
    """A home whose gateway was killed with SIGKILL in the middle of a turn, with a job that is not due."""
    home = new_home("killed")
    home.create_jobs({"name": "daily", "prompt": "[[say:done]]", "schedule": "every 24h"})
    with home.gateway() as gateway:
        hold = f"last turn of {gateway.pid}"
        gateway.ask(f"[[hang:{hold}]]")
        model.wait_for_call(hold)
        gateway.kill()
    return home


@dataclass(frozen=True, slots=True)
class Hung:
    """A gateway whose cron ticker hangs in its first tick, and since when."""

    home: Home
    since: float


@pytest.fixture(scope="session")
def hung(new_home: HomeMaker, model: ModelServer, agent: Agent) -> Iterator[Hung]:
    """A gateway that lives while its ticker hangs, with a job that is three hours overdue.

    0.14 hangs by itself when a job does; while it hangs nobody writes the job list, so the test may say in it that the
    other job is late. 0.19 does not wait for jobs: there the tick's lock file is a fifo that nobody ever opens.
    """
    home, hold = new_home("hung"), f"a job that never ends, of {agent.version}"
    home.create_jobs(
        {"name": "endless", "prompt": f"[[hang:{hold}]]", "schedule": "every 2h"},
        {"name": "late", "prompt": "[[say:too late]]", "schedule": "every 10m"},
    )
    hangs_with_its_jobs = agent.series == "0.14"
    if hangs_with_its_jobs:
        home.make_due("endless")
    else:
        home.make_due("late", ago=HOURS)
        os.mkfifo(home.root / "cron" / ".tick.lock")
    with home.gateway():
        since = time.monotonic()
        if hangs_with_its_jobs:
            model.wait_for_call(hold)
            home.make_due("late", ago=HOURS)
        else:  # it is made anew at the start, and empty for a moment
            runs = home.root / "cron" / "executions.db"
            wait_until("the ledger of runs has its tables", lambda: (runs.exists() and runs.stat().st_size > 0) or None)
        yield Hung(home, since)
