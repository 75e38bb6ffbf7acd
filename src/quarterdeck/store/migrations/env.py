"""Run by Alembic: applies the migrations to the connection that it was given, in the transaction that is open."""

from __future__ import annotations

from alembic import context

from quarterdeck.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite changes a table by making it anew
    transactional_ddl=True,
)
context.run_migrations()
