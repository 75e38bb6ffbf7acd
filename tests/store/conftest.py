from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, inspect

from quarterdeck.store.engine import Engine
from quarterdeck.store.migrate import upgrade
from quarterdeck.store.schema import metadata
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


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A history that each example empties again, because making one takes longer than filling it."""
    if request.param == "sqlite":
        made = Engine(tmp_path_factory.mktemp("recorder") / "history.db")
    else:
        made = Engine(request.getfixturevalue("server").database())
    made.write(upgrade)
    yield made
    made.close()


def clear(engine: Engine) -> None:
    def work(connection: Connection) -> None:
        for table in reversed(metadata.sorted_tables):
            if inspect(connection).has_table(table.name):
                connection.execute(table.delete())

    engine.write(work)
    engine.names.forget()
