"""Homes as they were found, and what must be read in them.

A case is a folder: `home/` and `proc/` hold what lay on the disk and in the kernel, `case.json` the moment of the look
and what only a file system knows (times, modes), `expected.json` every reading that must come of it. In the kernel's
files, `{gateway.lock}` stands for the device and inode that the lock file gets and `{case}` for where the case is laid
out; in what is expected, `{owner}` stands for whoever runs the tests.
"""

from __future__ import annotations

import json
import os
import pwd
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, Self

from quarterdeck.sources.hermes import HermesSource
from quarterdeck.sources.hermes.proc import Kernel
from quarterdeck.truth.fields import SCHEMA_VERSION
from quarterdeck.truth.instance import Instance
from quarterdeck.truth.reading import AnyReading, Known
from quarterdeck.truth.shapes import dump

CASES: Final = Path(__file__).parent / "cases"
PARTS: Final = ("", "gateway", "model", "credentials", "inventory", "logs")
"""The parts of an instance that these cases are about."""

Readings = dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Case:
    """One case, laid out where it can be looked at."""

    home: Path
    proc: Path
    now: datetime

    @classmethod
    def lay_out(cls, name: str, folder: Path) -> Self:
        """Copy a case, give its files their times and modes, and tell the kernel's files where they lie."""
        shutil.copytree(CASES / name, folder, symlinks=True, dirs_exist_ok=True)
        case = json.loads((folder / "case.json").read_text())
        laid_out = cls(folder / "home", folder / "proc", datetime.fromisoformat(case["now"]))
        laid_out._place_locks()
        for path in sorted(folder.rglob("*"), reverse=True):
            _set_time(path, laid_out.now - timedelta(hours=6))
        for file, seconds in case.get("seconds_ago", {}).items():
            _set_time(folder / file, laid_out.now - timedelta(seconds=seconds))
        for file, mode in case.get("modes", {}).items():
            (folder / file).chmod(int(mode, 8))
        return laid_out

    def _place_locks(self) -> None:
        for path in filter(Path.is_file, self.proc.rglob("*")):
            path.write_text(path.read_text().replace("{case}", str(self.home.parent)))
        locks = self.proc / "locks"
        text = locks.read_text()
        for lock in filter(Path.exists, (self.home / "gateway.lock", self.home / "cron" / ".tick.lock")):
            found = lock.stat()
            text = text.replace(
                f"{{{lock.name}}}", f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"
            )
        locks.write_text(text)

    @property
    def kernel(self) -> Kernel:
        """The kernel as the case tells it. What has no folder there is not running."""
        return Kernel(self.proc, exists=lambda pid: (self.proc / str(pid)).exists())

    def source(self) -> HermesSource:
        """Return a source that looks at this case."""
        return HermesSource(Instance("north", "north", home=self.home), kernel=self.kernel)

    def readings(self) -> Readings:
        """Look once."""
        return by_part(self.source().look(self.now))


def _set_time(path: Path, moment: datetime) -> None:
    os.utime(path, (moment.timestamp(), moment.timestamp()), follow_symlinks=False)


def names() -> Sequence[str]:
    """Return the names of all cases."""
    return sorted(folder.name for folder in CASES.iterdir())


def expected(name: str) -> Readings:
    """Return what must be read in a case."""
    text = (CASES / name / "expected.json").read_text()
    readings: Readings = json.loads(text.replace("{owner}", pwd.getpwuid(os.geteuid()).pw_name))
    return readings


def by_part(readings: Sequence[AnyReading]) -> Readings:
    """Sort readings by the part of the instance they are about, as JSON."""
    found: Readings = {}
    for reading in readings:
        _, _, part = reading.subject.partition("/")
        if part in PARTS and reading.field != SCHEMA_VERSION.name:  # that one is the session database's
            found.setdefault(part or "instance", {})[reading.field] = said(reading)
    return found


def said(reading: AnyReading) -> Any:
    """Return what a reading says, as JSON."""
    if isinstance(reading, Known):
        return dump(reading.value)
    return {"unavailable": str(reading.reason), "detail": reading.detail}


def differences(before: Mapping[str, Mapping[str, Any]], after: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Return the facts, as `part.field`, on which two looks differ."""
    for part in sorted({*before, *after}):
        one, other = before.get(part, {}), after.get(part, {})
        yield from (f"{part}.{name}" for name in sorted({*one, *other}) if one.get(name) != other.get(name))
