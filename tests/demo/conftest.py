"""A demo that is made once for all of these tests."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from quarterdeck.demo import fleet
from quarterdeck.demo.fleet import Fleet
from quarterdeck.demo.home import Plan

SMALL = Plan(sessions=40, days=12)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """A small fleet with its living gateways and its services."""
    place = tmp_path_factory.mktemp("demo") / "fleet"
    with fleet.folder_for(place, place.parent, keep=True) as folder:
        built = fleet.build(folder, SMALL, time.time(), lambda _: None)
        with fleet.living(built):
            yield built
