"""The tables of the ledger, and the steps that led to them."""

from __future__ import annotations

from typing import Final

from quarterdeck.store.ledger import clocks, people, schema
from quarterdeck.store.tree import Tree

KEEPERS: Final = (clocks, people, schema)
"""The modules that have tables: a table is known only when its module was loaded."""
LEDGER: Final = Tree("ledger", schema.metadata, "quarterdeck.store.ledger", "ledger_version")
