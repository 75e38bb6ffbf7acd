from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.architecture.code import PACKAGE, ROOT, imports, modules, short

PURE_ROOMS: Final = {
    "redaction": ("redaction",),
    "truth": ("truth", "redaction", "errors"),
    "jobs": ("jobs", "truth"),
    "views": ("views", "truth", "errors", "jobs.fires", "jobs.ledger"),
}
"""Which rooms a pure room may enter."""

PURE_LIBRARY: Final = frozenset(
    {
        "__future__", "_blake2", "abc", "base64", "binascii", "bisect", "calendar", "collections",
        "dataclasses", "datetime", "decimal", "difflib", "enum", "fractions", "functools", "hashlib", "heapq",
        "hmac", "html", "ipaddress", "itertools", "json", "math", "numbers", "operator", "re", "shlex",
        "statistics", "string", "textwrap", "types", "typing", "unicodedata",
    }
)  # fmt: skip
"""What of the standard library neither knows the time nor touches anything outside: an ``ipaddress`` asks nobody."""

PURE_NAMES: Final = frozenset({"fnmatch.fnmatchcase", "pathlib.PurePath", "pathlib.PurePosixPath"})
"""A path that cannot be opened is a name like any other, and a glob is compared with a name, not with a folder."""

PURE_PACKAGES: Final = {
    "redaction": frozenset[str](),
    "truth": frozenset[str](),
    "jobs": frozenset({"oncalendar", "zoneinfo"}),
    "views": frozenset[str](),
}
"""Packages that only compute; zones are looked up in a table that lies on the disk, and that never changes a result."""


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-logo", "--no-cache"]
    environment = os.environ | {"PYTHONPATH": str(folder / "src")}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=50, check=False)


def test_the_import_contracts_are_kept() -> None:
    """Every import in the package goes in a direction that the contracts allow."""
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


@dataclass(frozen=True)
class Violation:
    file: str
    line: str
    contract: str


VIOLATIONS: Final = {
    "truth takes a look at the disk": Violation("truth/reading.py", "import os", "pure"),
    "a view asks the settings": Violation("views/__init__.py", "import quarterdeck.settings", "pure"),
    "a view asks a source": Violation("views/__init__.py", "import quarterdeck.sources", "direction"),
    "the web calls the terminal": Violation("web/__init__.py", "import quarterdeck.cli", "direction"),
    "a room outside the plan": Violation("helpers/__init__.py", "", "direction"),
    "a source reads the settings": Violation("sources/host/__init__.py", "import quarterdeck.settings", "sources-read"),
    "a source uses another": Violation(
        "sources/host/__init__.py", "import quarterdeck.sources.hermes", "sources-apart"
    ),
    "a web error in a source": Violation("sources/host/__init__.py", "from fastapi import HTTPException", "web-apart"),
}


@pytest.mark.parametrize("violation", [pytest.param(each, id=name) for name, each in VIOLATIONS.items()])
def test_the_contracts_catch_what_they_are_for(tmp_path: Path, violation: Violation) -> None:
    """An import in a forbidden direction, planted in a copy of the package, breaks the contract that forbids it."""
    shutil.copytree(PACKAGE, tmp_path / "src" / "quarterdeck", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    planted = tmp_path / "src" / "quarterdeck" / violation.file
    planted.parent.mkdir(exist_ok=True)
    with planted.open("a") as file:
        file.write(f"\n{violation.line}\n")
    done = lint_imports(tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"{contracts()[violation.contract]} BROKEN" in " ".join(done.stdout.split())


def contracts() -> dict[str, str]:
    with (ROOT / "pyproject.toml").open("rb") as file:
        settings = tomllib.load(file)
    return {contract["id"]: contract["name"] for contract in settings["tool"]["importlinter"]["contracts"]}


@pytest.mark.parametrize("room", PURE_ROOMS)
def test_a_pure_room_imports_only_what_computes(room: str) -> None:
    """A pure room imports nothing that knows the time or reaches the disk, the network or another process."""
    allowed_rooms = tuple(f"quarterdeck.{each}" for each in PURE_ROOMS[room])
    libraries = PURE_LIBRARY | PURE_PACKAGES[room]
    found = [
        f"{short(path)} imports {name}"
        for path, module in modules(PACKAGE / room)
        for name in imports(module)
        if name not in PURE_NAMES
        and name.partition(".")[0] not in libraries
        and not f"{name}.".startswith(tuple(f"{each}." for each in allowed_rooms))
    ]
    assert found == []


def test_every_source_is_kept_apart() -> None:
    """Each folder of a source is named in the contract that keeps the sources apart."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        settings = tomllib.load(file)
    by_id = {contract["id"]: contract for contract in settings["tool"]["importlinter"]["contracts"]}
    sources = sorted(f"quarterdeck.sources.{init.parent.name}" for init in PACKAGE.glob("sources/*/__init__.py"))
    assert sources == sorted(by_id["sources-apart"]["modules"])
