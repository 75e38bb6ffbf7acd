"""The ledger beside a real agent that is at work: what SQLite counts in the home is what the ledger holds."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from quarterdeck.sources.hermes import names
from quarterdeck.store import session_query
from quarterdeck.store.engine import Engine
from quarterdeck.store.migrate import upgrade
from quarterdeck.truth.instance import Instance
from quarterdeck.truth.past import Entry, SessionQuery
from quarterdeck.truth.reading import Known
from quarterdeck.wiring.details import Details
from quarterdeck.wiring.ledger import Ledger
from tests.fakes.model_server import ModelServer
from tests.real.agents import Agent
from tests.real.homes import Home, wait_until


@pytest.fixture
def home(agent: Agent, model: ModelServer, tmp_path: Path) -> Iterator[Home]:
    with Home.create(agent, tmp_path / "north", model) as made:
        yield made


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = Engine(tmp_path / "history.db")
    made.write(upgrade)
    yield made
    made.close()


def instance_of(home: Home) -> Instance:
    return Instance("north", "North", home=home.root)


def in_home(home: Home) -> dict[str, tuple[object, ...]]:
    """What SQLite itself finds in the agent's own database."""
    with closing(sqlite3.connect(home.root / "state.db")) as db:
        rows = db.execute(
            "SELECT id, source, message_count, tool_call_count, input_tokens, ended_at IS NULL FROM sessions"
        )
        return {names.session_id(row[0]): tuple(row[1:]) for row in rows}


def held(engine: Engine) -> dict[str, Entry]:
    with engine.reading() as connection:
        return {entry.id: entry for entry in session_query.page(connection, SessionQuery(limit=500)).entries}


def in_ledger(engine: Engine) -> dict[str, tuple[object, ...]]:
    return {
        name: (e.source, e.messages, e.tool_calls, e.input_tokens, int(e.ended_at is None))
        for name, e in held(engine).items()
    }


def agrees(engine: Engine, ledger: Ledger, home: Home) -> bool:
    ledger.pull(datetime.now(UTC))
    return in_ledger(engine) == in_home(home)


def test_the_ledger_follows_an_agent_at_work(home: Home, engine: Engine) -> None:
    """While a real agent answers, uses tools and ends sessions, the ledger comes to hold exactly what its home does."""
    ledger = Ledger(engine, [instance_of(home)])
    home.chat("[[say:one]]")
    wait_until("the first session in the ledger", lambda: agrees(engine, ledger, home))
    with home.gateway() as gateway:
        gateway.answer("[[say:two]]")
        gateway.ask("[[say:three]]")
        wait_until("the gateway's sessions in the ledger", lambda: agrees(engine, ledger, home))
    wait_until("their ends in the ledger", lambda: agrees(engine, ledger, home))
    assert len(in_ledger(engine)) >= 2


def test_a_real_record_is_told_without_a_word_of_it(home: Home, engine: Engine) -> None:
    """The record of a real session tells its rows in order, and by default nothing that was said."""
    home.chat("[[say:harbour lantern]]")
    ledger = Ledger(engine, [instance_of(home)])
    wait_until("the session in the ledger", lambda: agrees(engine, ledger, home))
    (name,) = in_ledger(engine)
    found = Details([instance_of(home)])("north", name)
    assert isinstance(found, Known)
    roles = [step.role for step in found.value.steps if step.role != "session_meta"]
    assert roles[0] == "user"
    assert roles[-1] == "assistant"
    assert found.value.steps_total == len(found.value.steps)
    assert "harbour" not in repr(found)
