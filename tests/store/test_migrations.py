from __future__ import annotations

import json
import pkgutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, MetaData, Table

import quarterdeck.store
from quarterdeck.store.engine import APPLICATION_ID, Engine
from quarterdeck.store.keeper import Keeper
from quarterdeck.store.migrate import KEEPERS, found, newest, upgrade
from quarterdeck.store.schema import metadata
from quarterdeck.store.trouble import StoreError
from quarterdeck.truth.judgement import Status
from tests.store.test_changes import GATEWAY, ran, world
from tests.store.test_faults import at, beat
from tests.store.test_recorder import assert_same

FIRST = Path(__file__).with_name("history_0001.json")
"""What the first release wrote: two snapshots, a change, and a run that was learnt of late."""


def step_by_step(place: Path | str) -> Engine:
    """A history that went through every step there is."""
    engine = Engine(place)
    engine.write(lambda connection: upgrade(connection, "0001"))
    engine.write(upgrade)
    return engine


def test_tables_and_migrations_agree(place: Path | str) -> None:
    """The steps from nothing to the newest schema make exactly the tables that the program works with."""
    for module in pkgutil.iter_modules(quarterdeck.store.__path__, "quarterdeck.store."):
        if not module.ispkg:
            import_module(module.name)
    engine = step_by_step(place)
    with engine.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
        assert newest() == context.get_current_revision()
    engine.close()
    known = {table for module in KEEPERS for table in vars(module).values() if isinstance(table, Table)}
    assert known >= set(metadata.tables.values())


def test_a_history_that_is_begun_is_as_one_that_went_all_the_way(tmp_path: Path) -> None:
    """To the letter: who begins with this release has the tables of who came to it step by step."""

    def schema(engine: Engine) -> dict[str, str]:
        with engine.reading() as connection:
            rows = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master").all()
            assert found(connection) == newest()
        engine.close()
        return {name: " ".join((sql or "").split()) for name, sql in rows}

    begun = Engine(tmp_path / "begun.db")
    begun.write(upgrade)
    assert schema(begun) == schema(step_by_step(tmp_path / "old.db"))


def test_who_begins_a_history_does_not_load_what_changes_old_ones(tmp_path: Path) -> None:
    """Alembic is dear, and stays loaded: a hub that has no step to take goes without."""
    program = (
        "import sys; from pathlib import Path; from quarterdeck.store.engine import Engine;"
        "from quarterdeck.store.migrate import upgrade; Engine(Path(sys.argv[1])).write(upgrade);"
        "sys.exit('alembic' in sys.modules or 'psycopg' in sys.modules)"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", program, tmp_path / "history.db"], check=True)


COUNTED = {"subjects", "changes", "blinds", "notes"}
"""Tables whose rows the database numbers itself."""


def as_the_first_release_left_it(place: Path | str) -> None:
    engine = Engine(place)

    def fill(connection: Connection) -> None:
        upgrade(connection, "0001")
        tables = MetaData()
        tables.reflect(connection)
        for name, rows in json.loads(FIRST.read_text(encoding="utf-8")).items():
            if rows:
                connection.execute(tables.tables[name].insert(), rows)
            if rows and "id" in rows[0] and name in COUNTED and connection.dialect.name == "postgresql":
                connection.exec_driver_sql(f"SELECT setval('{name}_id_seq', {len(rows)})")

    engine.write(fill)
    if engine.dialect == "sqlite":
        engine.pragma(f"application_id={APPLICATION_ID}")
    engine.close()


def test_what_the_first_release_wrote_is_opened_by_this_one(place: Path | str) -> None:
    """The history of the first release is brought to this one's schema; everything in it is there, and it goes on."""
    as_the_first_release_left_it(place)
    keeper = Keeper(place, floor=0, ballast=0)
    with keeper.writing(beat(1_000)) as scribe:
        scribe.write(world(1_000, ran(900, 1_000)), None, beat(1_000))
    history = keeper.history
    assert history is not None
    with history.engine.reading() as connection:
        assert found(connection) == newest()
    for seconds, snapshot in ((50, world(0, ran(-500, 0))), (100, world(100, ran(40, 100)))):
        kept = history.snapshot_at(at(seconds))
        assert kept is not None
        assert_same(kept, snapshot)
    assert [one.status for one in history.changes(at(-1), at(500), subject=GATEWAY)] == [Status.DOWN, Status.OK]
    assert [one.true_at for one in history.learnt_late(at(50), at(500))] == [at(40)]
    assert [(gap.began_at, gap.ended_at) for gap in history.blind(at(0), at(2_000))] == [
        (at(0), at(100)),
        (at(100), at(1_000)),
    ]
    keeper.close()


def test_who_only_looks_is_told_of_an_older_schema(place: Path | str) -> None:
    """Who only looks changes nothing, and says who would bring it to this release."""
    as_the_first_release_left_it(place)
    keeper = Keeper(place)
    with pytest.raises(StoreError, match=r"schema 0001.*quarterdeck up"):
        keeper.look()
    keeper.close()
