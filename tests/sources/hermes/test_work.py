"""Homes of the real agents, recorded while they worked, and what must be read in them.

A case is a folder: databases as the statements that make them (with every text of the agent's own replaced), files of
the home, `case.json` with the moment of the look, the gateway that ran and the age of files whose content does not
matter, and `expected.json` with every reading that must come of it.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from quarterdeck.sources.hermes import cron, kanban, sessions, stream
from quarterdeck.sources.hermes.runner import Runner
from quarterdeck.truth.instance import Instance
from quarterdeck.truth.reading import AnyReading, Known
from quarterdeck.truth.shapes import dump
from tests.sources.hermes.agent_home import FakeMachine

CASES = Path(__file__).parent / "work"
DATABASES = {"state": "state.db", "executions": "cron/executions.db", "kanban": "kanban.db"}


def lay_out(case: Path, home: Path) -> dict[str, Any]:
    """Make the home of a case; return what else is to be known of it."""
    about: dict[str, Any] = json.loads((case / "case.json").read_text())
    now = datetime.fromisoformat(about["now"])
    shutil.copytree(case / "home", home)
    for name, age in about["files"].items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).touch()
        os.utime(home / name, (now.timestamp() - age,) * 2)
    for script, name in DATABASES.items():
        if (case / f"{script}.sql").exists():
            with closing(sqlite3.connect(home / name)) as db:
                db.executescript((case / f"{script}.sql").read_text())
    return about


def look(case: Path, home: Path) -> dict[str, dict[str, Any]]:
    """Every reading of a case by subject and field, and the sessions that are told of it."""
    about = lay_out(case, home)
    now, started = (datetime.fromisoformat(about[name]) for name in ("now", "started_at"))
    north = Instance("north", "North", home=home)
    runner = Runner(alive=True, pid=about["pid"], started_at=started, schema_version=about["schema"])
    readings = sessions.read(home, north, now, runner)
    readings += cron.read(home, north, now, runner, kernel=FakeMachine(), timezone="UTC")
    readings += kanban.read(home, north, now, runner)
    found: dict[str, dict[str, Any]] = {}
    for reading in readings:
        found.setdefault(reading.subject, {})[reading.field] = _shown(reading)
    told, _ = stream.changes(home, north, None, now)
    return found | {"sessions": {summary.id: summary.as_record() for summary in told}}


def _shown(reading: AnyReading) -> Any:
    if isinstance(reading, Known):
        return dump(reading.value)
    return f"{reading.reason}: {reading.detail}"


@pytest.mark.parametrize("name", sorted(path.name for path in CASES.iterdir()))
def test_every_reading_of_a_recorded_home(name: str, tmp_path: Path) -> None:
    """Each fact of a home that a real agent left while it worked reads as it must."""
    assert look(CASES / name, tmp_path / "home") == json.loads((CASES / name / "expected.json").read_text())


def test_there_are_cases() -> None:
    """Both releases are recorded in the middle of a turn."""
    assert {path.name for path in CASES.iterdir()} >= {"in-a-tool-0.14", "in-a-tool-0.19"}
