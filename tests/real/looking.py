"""How these tests look at a home: with the command line, as an operator does, in a process that is then gone.

The looker has a home directory and settings of its own, so that nothing of the machine's user is read or written.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from tests.real.agents import REPOSITORY
from tests.real.homes import Home

LOOK_LIMIT_S: Final = 30.0
SEEN: Final = {0, 1, 3}
"""Exit codes of a look that saw something, whatever it saw."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a view, as the JSON says it."""

    subject: str
    instance: str
    status: str
    activity: str | None
    reason: str
    readings: Mapping[str, Mapping[str, Any]]
    """What is known of the subject itself, by field."""

    @classmethod
    def read(cls, row: Mapping[str, Any]) -> Self:
        """Take a row from the JSON; a missing key is a failure of the test."""
        readings = {reading["field"]: reading for reading in row["readings"] if reading["subject"] == row["subject"]}
        return cls(row["subject"], row["instance"], row["status"], row["activity"], row["reason"], readings)

    def value(self, name: str) -> Any:
        """Return the value of a reading that must be known."""
        reading = self.readings[name]
        assert "unavailable" not in reading, reading
        return reading["value"]

    @property
    def verdict(self) -> str:
        """Status and activity in one word each, such as `ok/idle`; the status alone where nothing is done."""
        return f"{self.status}/{self.activity}" if self.activity else self.status


@dataclass(frozen=True, slots=True)
class Look:
    """What one look printed."""

    exit_code: int
    printed: str
    errors: str

    @property
    def rows(self) -> dict[str, Row]:
        """Every row by its subject."""
        rows = (Row.read(row) for row in json.loads(self.printed)["rows"])
        return {row.subject: row for row in rows}


@dataclass(frozen=True, slots=True)
class Looker:
    """Looks at homes with the thresholds it is given."""

    place: Path
    thresholds: Mapping[str, float] = field(default_factory=dict)

    def with_thresholds(self, **thresholds: float) -> Looker:
        """Return a looker with other limits, so that a state that takes long is reached soon."""
        return Looker(self.place, thresholds)

    def look(self, view: str, *homes: Home, through: Sequence[str] = (), words: bool = False) -> Look:
        """Look once; `through` is a program to run the look in, `words` asks for the page a person reads."""
        arguments = ["show", view, *(part for home in homes for part in ("--home", str(home.root)))]
        look = self.run(*arguments, *([] if words else ["--json"]), through=through)
        assert look.exit_code in SEEN, f"exit code {look.exit_code} of {' '.join(arguments)}:\n{look.errors}"
        return look

    def run(self, *arguments: str, through: Sequence[str] = ()) -> Look:
        """Run one command of Quarterdeck to its end."""
        self._write_settings()
        done = subprocess.run(
            [*through, sys.executable, "-m", "quarterdeck", *arguments],
            capture_output=True,
            text=True,
            env=self.environment,
            cwd=self.place,
            timeout=LOOK_LIMIT_S,
            check=False,
        )
        return Look(done.returncode, done.stdout, done.stderr)

    @property
    def environment(self) -> dict[str, str]:
        """What a look runs with."""
        return {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "HOME": str(self.place),
            "XDG_CONFIG_HOME": str(self.place / "config"),
            "PYTHONPATH": str(REPOSITORY / "src"),
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def _write_settings(self) -> None:
        settings = self.place / "config" / "quarterdeck" / "quarterdeck.toml"
        settings.parent.mkdir(parents=True, exist_ok=True)
        lines = [f"{name} = {value}" for name, value in self.thresholds.items()]
        settings.write_text("\n".join(["[thresholds]", *lines, ""]) if lines else "")

    def gateway(self, home: Home, *others: Home) -> Row:
        """Return the row of a home's gateway."""
        return self.look("agents", home, *others).rows[subject(home, "gateway")]

    def scheduler(self, home: Home) -> Row:
        """Return the row of a home's scheduler."""
        return self.look("cron", home).rows[subject(home, "cron")]

    def jobs(self, home: Home) -> dict[str, Row]:
        """Return the rows of a home's cron jobs by the names the test gave them; one that is gone has none."""
        rows = self.look("cron", home).rows
        subjects = {name: subject(home, "cron", str(job["id"])) for name, job in home.jobs().items()}
        return {name: rows[each] for name, each in subjects.items()}


def subject(home: Home, *path: str) -> str:
    """Return the id of a subject of a home; an instance is called as its home's folder."""
    return "/".join((f"hermes:{home.root.name}", *path))
