"""Many instances as a hub sees them: a snapshot for each, as the exporter of another user writes it.

Rule: a snapshot is one that was really taken, of a home of the demo, and speaks for another instance each time. What it
says of the moment is moved to the moment at which it is written.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from quarterdeck.demo import present

SNAPSHOT: Final = "snapshot.json"


@dataclass(frozen=True, slots=True)
class Template:
    """A snapshot that was taken, and of whom."""

    document: Mapping[str, Any]
    instance: str

    @property
    def taken_at(self) -> datetime:
        """When it was taken."""
        return _moment(self.document["generated_at"])

    def speaking_for(self, instance: str, now: datetime) -> dict[str, Any]:
        """Return what it would be for another instance, taken at another moment."""
        later = now - self.taken_at
        moved = _moved(self.document, later, f"hermes:{self.instance}", f"hermes:{instance}")
        return {**moved, "instance": {**moved["instance"], "id": instance, "label": instance}}


def names(number: int) -> Iterator[str]:
    """Name so many instances."""
    return (f"agent-{each:04d}" for each in range(number))


def write(template: Template, folder: Path, instance: str, now: datetime) -> Path:
    """Write the snapshot of an instance into its place below a folder."""
    place = folder / instance / SNAPSHOT
    place.parent.mkdir(parents=True, exist_ok=True)
    present.text_file(place.with_suffix(".new"), json.dumps(template.speaking_for(instance, now)))
    place.with_suffix(".new").replace(place)
    return place


def _moved(value: Any, later: timedelta, before: str, after: str) -> Any:  # noqa: ANN401 -- whatever JSON holds
    """Return a value with every moment so much later, and every subject of one instance that of another."""
    if isinstance(value, dict):
        return {key: _moved(each, later, before, after) for key, each in value.items()}
    if isinstance(value, list):
        return [_moved(each, later, before, after) for each in value]
    if not isinstance(value, str):
        return value
    if value == before or value.startswith(f"{before}/"):
        return after + value.removeprefix(before)
    return _iso(_moment(value) + later) if _is_moment(value) else value


def _is_moment(text: str) -> bool:
    return len(text) == len("2026-11-21T03:04:11.000Z") and text[10] == "T" and text.endswith("Z")


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
