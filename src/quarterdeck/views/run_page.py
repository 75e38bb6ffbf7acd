"""What became of the runs of one job or timer, as a page and as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from quarterdeck.truth.past import Verdict
from quarterdeck.truth.punctuality import Slot, in_words, key
from quarterdeck.truth.reading import AnyReading
from quarterdeck.truth.shapes import dump

GOOD = frozenset({Verdict.ON_TIME, Verdict.RUNNING, Verdict.WAITING})
MARKS: Mapping[Verdict, str] = {
    **dict.fromkeys(Verdict, "degraded"),
    **dict.fromkeys(GOOD, "ok"),
    Verdict.MISSED: "down",
    Verdict.SKIPPED: "down",
    Verdict.UNKNOWN: "unknown",
    Verdict.UNEXPECTED: "retired",
}
"""The shape that stands before each verdict."""


@dataclass(frozen=True, slots=True)
class RunsPage:
    """What became of the runs of one job or timer."""

    subject: str
    name: str
    instance: str
    span: str
    since: datetime
    slots: tuple[Slot, ...]
    """Newest first."""
    counted: Mapping[str, int]
    lost: str | None
    """Why times could not be told, where that is so."""
    complete: bool
    """False: only the newest are shown."""
    remembers: bool
    """Whether there is a memory at all."""
    readings: tuple[AnyReading, ...]

    @property
    def summary(self) -> str:
        """The whole span in a line."""
        return in_words(self.counted)


def runs_json(page: RunsPage) -> dict[str, Any]:
    """Return what became of the runs as JSON values."""
    return {
        "subject": page.subject,
        "span": page.span,
        "since": dump(page.since),
        "counted": dict(page.counted),
        "summary": page.summary,
        "complete": page.complete,
        "not_told": page.lost,
        "slots": [slot_json(slot) for slot in page.slots],
    }


def slot_json(slot: Slot) -> dict[str, Any]:
    """Return one time that was due, or one run, as JSON values."""
    run, plan = slot.run, slot.plan
    return {
        "expected_at": dump(slot.expected_at),
        "verdict": key(slot.verdict),
        "why": slot.why,
        "began_at": None if run is None else dump(run.began_at),
        "ended_at": None if run is None else dump(run.ended_at),
        "result": None if run is None else run.result,
        "late_s": None if slot.late_by is None else slot.late_by.total_seconds(),
        "took_s": None if slot.took is None else slot.took.total_seconds(),
        "schedule": None if plan is None else plan.schedule,
        "zone": None if plan is None else plan.zone,
        "plan_known_at": None if plan is None else dump(plan.known_at),
        "run_known_at": None if run is None else dump(run.known_at),
    }
