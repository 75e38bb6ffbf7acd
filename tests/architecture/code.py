"""The project's own text, as the house rules see it."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
PACKAGE: Final = ROOT / "src" / "quarterdeck"
TESTS: Final = ROOT / "tests"
DOCS: Final = ROOT / "docs"


@cache
def project_files() -> tuple[Path, ...]:
    """Return every file that is in the repository or about to be: all that git does not ignore."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=30)
    named = (ROOT / name for name in done.stdout.split("\0") if name)
    return tuple(sorted(path for path in named if path.is_file()))


def text_files() -> Iterator[tuple[Path, str]]:
    """Return the files that hold text, with their text."""
    for path in project_files():
        raw = path.read_bytes()
        if b"\0" not in raw[:8192]:
            yield path, raw.decode(encoding="utf-8", errors="replace")


def modules(folder: Path) -> Iterator[tuple[Path, ast.Module]]:
    """Return the Python files under a folder, parsed."""
    for path in sorted(folder.rglob("*.py")):
        yield path, ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def imports(module: ast.Module) -> Iterator[str]:
    """Return the full name of everything a module imports, also inside functions."""
    for node in ast.walk(module):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=str(origin), names=names):
                yield from (f"{origin}.{alias.name}" for alias in names)


def short(path: Path) -> str:
    return str(path.relative_to(ROOT))
