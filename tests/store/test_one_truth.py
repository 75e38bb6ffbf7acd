"""No second queue: what is kept is what was seen, and nothing here could hold work of its own."""

from __future__ import annotations

import re
from typing import Final

import pytest
from sqlalchemy import MetaData

from quarterdeck.store.ledger.tree import LEDGER
from quarterdeck.store.schema import metadata

WORK: Final = re.compile(r"issue|card|task|lane|board|queue|pull|review|assign|claim|milestone|label|todo|ticket")
"""Words by which somebody would call a table or a column that holds work."""


@pytest.mark.parametrize("kept", [metadata, LEDGER.metadata], ids=["history", "ledger"])
def test_no_table_could_hold_work(kept: MetaData) -> None:
    """Neither database has a table or a column for issues, lanes or queues: of work only readings are kept."""
    names = {
        name for table in kept.tables.values() for name in (table.name, *(column.name for column in table.columns))
    }
    assert len(names) > 1
    assert [name for name in names if WORK.search(name)] == []
