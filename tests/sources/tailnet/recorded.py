"""What a daemon said, and what must be read in it.

A case is a folder: `status.json` and `serve-config.json` are what the daemon answers, `expected.json` every fact that
must come of it, with its value, or with the reason and the words why there is none.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from quarterdeck.truth.reading import AnyReading, Known
from quarterdeck.truth.shapes import dump

CASES: Final = Path(__file__).parent / "cases"


def names() -> list[str]:
    """Return the names of all cases."""
    return sorted(folder.name for folder in CASES.iterdir())


def said(name: str) -> dict[str, tuple[int, bytes]]:
    """Return what the daemon answers, by the last word of the path."""
    return {word: (200, (CASES / name / f"{word}.json").read_bytes()) for word in ("status", "serve-config")}


def expected(name: str) -> Any:
    """Return what must be read."""
    return json.loads((CASES / name / "expected.json").read_text(encoding="utf-8"))


def written(readings: Iterable[AnyReading]) -> dict[str, Any]:
    """Write readings down as a case does."""
    return {one.field: dump(one.value) if isinstance(one, Known) else f"{one.reason}: {one.detail}" for one in readings}
