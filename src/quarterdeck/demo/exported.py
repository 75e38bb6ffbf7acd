"""Many instances as a hub sees them: a snapshot for each, as the exporter of another user writes it.

Rule: a snapshot is one that was really taken, of a home of the demo, and speaks for another instance each time. What it
says of the moment is moved to the moment at which it is written.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, Self

from quarterdeck.demo import present

SNAPSHOT: Final = "snapshot.json"
MOMENT: Final = re.compile(r'"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)"')


@dataclass(frozen=True, slots=True)
class Template:
    """A snapshot that was taken, and of whom."""

    text: str
    instance: str
    taken_at: datetime

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Self:
        """Take a snapshot for a template."""
        taken_at = datetime.fromisoformat(document["generated_at"])
        nobody = {**document, "instance": {**document["instance"], "id": "ID", "label": "ID"}}
        return cls(json.dumps(nobody), document["instance"]["id"], taken_at)

    def speaking_for(self, instance: str, now: datetime) -> str:
        """Return what it would be for another instance, taken at another moment."""
        later = now - self.taken_at
        moved = {text: f'"{_moved(text, later)}"' for text in set(MOMENT.findall(self.text))}
        text = MOMENT.sub(lambda found: moved[found[1]], self.text)
        text = text.replace('"id": "ID", "label": "ID"', f'"id": "{instance}", "label": "{instance}"')
        for end in ('"', "/"):
            text = text.replace(f'"hermes:{self.instance}{end}', f'"hermes:{instance}{end}')
        return text


def names(number: int) -> Iterator[str]:
    """Name so many instances."""
    return (f"agent-{each:04d}" for each in range(number))


def write(template: Template, folder: Path, instance: str, now: datetime) -> Path:
    """Write the snapshot of an instance into its place below a folder."""
    place = folder / instance / SNAPSHOT
    beside = place.with_suffix(".new")
    present.text_file(beside, template.speaking_for(instance, now))
    beside.replace(place)
    return place


def _moved(text: str, later: timedelta) -> str:
    moment = datetime.fromisoformat(text) + later
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
