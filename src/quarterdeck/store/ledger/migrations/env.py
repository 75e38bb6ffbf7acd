"""Run by Alembic: applies the migrations to the connection that it was given, in the transaction that is open."""

from __future__ import annotations

from alembic import context

from quarterdeck.store.ledger.tree import LEDGER

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=LEDGER.metadata,
    version_table=LEDGER.mark,
    render_as_batch=True,  # SQLite changes a table by making it anew
    transactional_ddl=True,
)
context.run_migrations()
