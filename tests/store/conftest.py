from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from quarterdeck.store.engine import Engine
from quarterdeck.store.migrate import upgrade
from tests.fakes import postgres


@pytest.fixture(scope="session")
def server() -> Iterator[postgres.Server]:
    """A PostgreSQL server for the whole run."""
    with postgres.running() as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    """Where a history may be begun: once a file, once a database."""
    if request.param == "sqlite":
        return tmp_path / "history.db"
    running: postgres.Server = request.getfixturevalue("server")
    return running.database()


@pytest.fixture
def engine(place: Path | str) -> Iterator[Engine]:
    """An empty history with the schema of this release."""
    made = Engine(place)
    made.write(upgrade)
    yield made
    made.close()
