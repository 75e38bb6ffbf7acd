from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import Connection, select

from quarterdeck.store.engine import QUESTION_S, Engine
from quarterdeck.store.schema import exact, moment, ms, subjects, us
from quarterdeck.store.trouble import Kind, StoreError
from tests.fakes import postgres

NOON = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)


def test_what_is_written_can_be_read(engine: Engine) -> None:
    """What was written is there for readers; a subject keeps its number."""
    number = engine.write(lambda connection: engine.names.id(connection, "hermes:north/gateway"))
    engine.names.forget()
    with engine.reading() as connection:
        assert engine.names.find(connection, "hermes:north/gateway") == number
        assert engine.names.find(connection, "hermes:south/gateway") is None
        assert engine.names.name(connection, number) == "hermes:north/gateway"
        assert connection.execute(select(subjects.c.instance)).scalar_one() == "north"


def test_what_fails_leaves_nothing(engine: Engine) -> None:
    """Work that fails leaves nothing behind, and its numbers are forgotten."""

    def work(connection: Connection) -> None:
        engine.names.id(connection, "hermes:north")
        raise RuntimeError("half-way")

    with pytest.raises(RuntimeError, match="half-way"):
        engine.write(work)
    with engine.reading() as connection:
        assert engine.names.find(connection, "hermes:north") is None


def test_a_reader_cannot_write(engine: Engine) -> None:
    """Who reads cannot write, whatever it tries."""
    with pytest.raises(StoreError), engine.reading() as connection:
        connection.execute(subjects.insert().values(name="x", instance="x"))


def test_a_reader_sees_one_state(engine: Engine) -> None:
    """What is committed while somebody reads is not seen before the next reading."""
    with engine.reading() as connection:
        assert not connection.execute(select(subjects)).all()
        engine.write(lambda writer: engine.names.id(writer, "hermes:north"))
        assert not connection.execute(select(subjects)).all()
    with engine.reading() as connection:
        assert connection.execute(select(subjects)).all()


def test_a_server_thinks_about_one_question_for_so_long(server: postgres.Server) -> None:
    """A question that takes too long is given up by the server, and told as busy: not as lost, not as a full disk."""
    asked = Engine(server.database())
    with asked.reading() as connection:
        assert connection.exec_driver_sql("SHOW statement_timeout").scalar_one() == f"{QUESTION_S}s"
    with pytest.raises(StoreError) as given_up, asked.reading() as connection:
        connection.exec_driver_sql("SET LOCAL statement_timeout = '20ms'; SELECT pg_sleep(10)")
    assert given_up.value.kind is Kind.BUSY
    asked.close()


def test_moments_come_back() -> None:
    """A moment comes back exactly as it was from ``us``, and never later than it was from ``ms``."""
    assert exact(us(NOON)) == NOON
    assert moment(ms(NOON)) == NOON.replace(microsecond=123000)
