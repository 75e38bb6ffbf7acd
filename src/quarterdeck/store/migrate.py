"""The tables of the history, and the steps that led to them."""

from __future__ import annotations

from typing import Final

from quarterdeck.store import alert_hours, changes, gaps, readings, runs, samples, schema, session_days, sessions
from quarterdeck.store.tree import Tree

KEEPERS: Final = (alert_hours, changes, gaps, readings, runs, samples, schema, session_days, sessions)
"""The modules that have tables: a table is known only when its module was loaded."""
HISTORY: Final = Tree("history", schema.metadata, "quarterdeck.store", "alembic_version")

newest = HISTORY.newest
found = HISTORY.found
upgrade = HISTORY.upgrade
