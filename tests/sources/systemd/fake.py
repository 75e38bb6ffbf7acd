"""A systemctl that knows the units it is given, and can misbehave on purpose. It answers in systemctl's own form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from quarterdeck.sources.command import Answer
from quarterdeck.sources.files import SourceError

CASES: Final = Path(__file__).parent / "cases"

SERVICE: Final = {
    "LoadState": "loaded",
    "ActiveState": "active",
    "SubState": "running",
    "UnitFileState": "enabled",
    "StateChangeTimestamp": "Sat 2026-11-21 02:08:32 UTC",
    "TriggeredBy": "",
    "Result": "success",
    "NRestarts": "0",
    "MainPID": "0",
    "ExecMainStartTimestamp": "",
    "ExecMainExitTimestamp": "",
    "Environment": "",
}
TIMER: Final = {
    "LoadState": "loaded",
    "ActiveState": "active",
    "SubState": "waiting",
    "UnitFileState": "enabled",
    "StateChangeTimestamp": "Sat 2026-11-21 02:08:32 UTC",
    "TriggeredBy": "",
    "Result": "success",
    "NextElapseUSecRealtime": "",
    "NextElapseUSecMonotonic": "infinity",
    "LastTriggerUSec": "",
    "TimersCalendar": "{ OnCalendar=*-*-* 03:00:00 ; next_elapse=Sun 2026-11-22 03:00:00 UTC }",
    "AccuracyUSec": "1min",
    "RandomizedDelayUSec": "0",
}
NOT_FOUND: Final = SERVICE | {
    "LoadState": "not-found",
    "ActiveState": "inactive",
    "SubState": "dead",
    "UnitFileState": "",
    "StateChangeTimestamp": "",
}


def block(name: str, **properties: str) -> str:
    """Write a unit as ``systemctl show`` does; ``Names`` are its own name unless told otherwise."""
    kind = TIMER | {"Unit": name.replace(".timer", ".service")} if name.endswith(".timer") else SERVICE
    said = {"Id": name, "Names": name} | kind | properties
    return "\n".join(f"{key}={value}" for key, value in said.items())


class FakeSystemctl:
    """Knows some units. ``failing`` is what it says instead of an answer."""

    def __init__(self, units: Mapping[str, Mapping[str, str]], failing: Answer | SourceError | None = None) -> None:
        self.units, self.failing = dict(units), failing
        self.commands: list[tuple[str, ...]] = []
        self.environments: list[Mapping[str, str]] = []

    def __call__(self, argv: Sequence[str], environment: Mapping[str, str], limit_s: float) -> Answer:
        self.commands.append(tuple(argv))
        self.environments.append(environment)
        if isinstance(self.failing, SourceError):
            raise self.failing
        if self.failing is not None:
            return self.failing
        asked = argv[argv.index("--", argv.index("show")) + 1 :]
        blocks = [text for name in asked for text in self._show(name)]
        return Answer(0, "\n\n".join(blocks).encode(), b"")

    def _show(self, asked: str) -> list[str]:
        if "*" in asked:
            return [block(name, **said) for name, said in self.units.items() if fnmatchcase(name, asked)]
        return [block(asked, **self.units.get(asked, NOT_FOUND))]
