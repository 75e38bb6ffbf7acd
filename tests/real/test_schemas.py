"""What the demo takes for the agent's tables are the agent's tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from quarterdeck.demo import schema
from tests.real.schemas import record

pytestmark = pytest.mark.timeout(240)  # a real agent starts for it, on a machine that may be busy


@pytest.mark.parametrize("version", schema.RELEASES)
def test_what_was_recorded_is_what_the_agent_creates(version: str, tmp_path: Path) -> None:
    """Every database and job that is recorded of a release is what an agent of it makes today, and no less."""
    made = record(version, tmp_path)
    assert made == {name: schema.text(version, name) for name in made}
    recorded = {f"{name}.sql" for name in schema.DATABASES if schema.text(version, f"{name}.sql") is not None}
    assert recorded | {"jobs.json"} == made.keys()
