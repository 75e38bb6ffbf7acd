"""A small fleet in several states, so that what changes between two of them can be looked at."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from quarterdeck.truth import fields as F  # noqa: N812
from quarterdeck.truth.fields import Field
from quarterdeck.truth.instance import Instance, subject
from quarterdeck.truth.reading import AnyReading, Key, Known, Reason
from quarterdeck.truth.snapshot import Look, Snapshot
from tests.truth.cast import ORIGIN, readings
from tests.truth.test_credentials import WELL as SECRET

INSTANCES = (Instance("north", "north"), Instance("south", "The <South>"))


def world(number: int, now: datetime) -> Snapshot:
    """Return the fleet in one of six states, everything looked at just now."""
    key = subject("north", "credential", "XAI_API_KEY")
    told: dict[Key, AnyReading] = {
        (key, field.name): field.known(key, ORIGIN, said, now) for field, said in SECRET.items()
    }
    north = subject("north", "gateway")
    job = subject("south", "cron", "77")
    if number in {1, 3}:
        told[north, F.LOCK_HOLDER.name] = F.LOCK_HOLDER.known(north, ORIGIN, None, now)
    if number in {2, 3}:
        told[job, F.JOB_NAME.name] = F.JOB_NAME.known(job, ORIGIN, "a <b>new</b> job", now)
    spoiled: dict[Field[Any], object] = (
        {F.SESSIONS_TOTAL: Reason.CORRUPT, F.RECORDED_PID: number} if number >= 3 else {}
    )
    instances = INSTANCES[: 1 if number == 4 else 2]
    world = readings() | readings(spoiled, instance="south") | told
    looked = {key: replace(r, observed_at=now) if isinstance(r, Known) else r for key, r in world.items()}
    shown = {key: reading for key, reading in looked.items() if number != 5 or "/sessions" not in key[0]}
    looks = {"files": Look("files", now, 3.0 + number, answered=number != 2)}
    return Snapshot(number + 1, now, instances, shown, looks, {job: now - timedelta(hours=1)} if number == 5 else {})
