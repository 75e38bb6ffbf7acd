"""A forge for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.forge import FakeForge


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[FakeForge]:
    """A forge with a few people and one repository."""
    with FakeForge(tmp_path) as running:
        yield running


@pytest.fixture
def forgejo(tmp_path: Path) -> Iterator[FakeForge]:
    """The same, of the other flavour."""
    with FakeForge(tmp_path / "forgejo", "forgejo") as running:
        yield running
