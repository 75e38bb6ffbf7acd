from __future__ import annotations

import pkgutil
from importlib import import_module

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

import quarterdeck.store
from quarterdeck.store.engine import Engine
from quarterdeck.store.migrate import newest
from quarterdeck.store.schema import metadata


def test_tables_and_migrations_agree(engine: Engine) -> None:
    """The steps from nothing to the newest schema make exactly the tables that the program works with."""
    for module in pkgutil.iter_modules(quarterdeck.store.__path__, "quarterdeck.store."):
        if not module.ispkg:
            import_module(module.name)
    with engine.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
        assert newest() == context.get_current_revision()
