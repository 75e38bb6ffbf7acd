"""What is to run when, as the readings of a moment say it.

Rule 1: a plan is whole or it is unknown: what could not be read leaves the schedule, or whether it is on, open.
Rule 2: what does not change when something runs, and nothing else, is the plan. So a plan is new only when somebody
        changed it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TypeVar

from quarterdeck.truth import fields as F  # noqa: N812 -- short where every line names a field
from quarterdeck.truth.fields import Field, kind_of
from quarterdeck.truth.grouped import Fields
from quarterdeck.truth.past import Plan
from quarterdeck.truth.reading import Known
from quarterdeck.truth.shapes import Recent

T = TypeVar("T")

OVER = ("paused", "completed")
NOTHING: Fields = {}
RUNS = {"job": F.RECENT_RUNS, "timer": F.TIMER_RUNS}
"""Where the runs of each kind of subject that has a plan are told."""


def has_plan(name: str) -> bool:
    """Whether a subject is something that runs by a plan."""
    return kind_of(name) in RUNS


def plan_of(name: str, subjects: Mapping[str, Fields], at: datetime) -> Plan:
    """Return the plan of a subject as it is known at a moment; one that nobody speaks of any more is off."""
    fields = subjects.get(name)
    if fields is None:
        return Plan(at, None, None, zone_configured=False, on=False, runner=None)
    return _timer(fields, at) if kind_of(name) == "timer" else _job(name, fields, subjects, at)


def recent_of(name: str, subjects: Mapping[str, Fields]) -> tuple[Recent, datetime] | None:
    """Return the newest runs of a subject and when they were read; None while they cannot be."""
    reading = subjects.get(name, NOTHING).get(RUNS[kind_of(name)].name)
    if isinstance(reading, Known) and isinstance(reading.value, Recent):
        return reading.value, reading.observed_at
    return None


def _job(name: str, fields: Fields, subjects: Mapping[str, Fields], at: datetime) -> Plan:
    whole, scheduler = name.partition("/")[0], name.rpartition("/")[0]
    clock = subjects.get(scheduler, NOTHING)
    schedule = _value(fields, F.SCHEDULE)
    by_clock = _value(fields, F.SCHEDULE_KIND) == "cron"
    return Plan(
        known_at=at,
        schedule=schedule,
        zone=_value(clock, F.SCHEDULE_ZONE) if by_clock else None,
        zone_configured=bool(by_clock and _value(clock, F.ZONE_CONFIGURED)),
        on=_is_on(fields, subjects.get(whole, NOTHING)),
        runner=_value(fields, F.JOB_RUNNER_ALIVE),
        catches_up=_value(clock, F.CATCHES_UP) if by_clock else None,
        due=_value(fields, F.NEXT_RUN_AT) if schedule == "once" else None,
    )


def _is_on(fields: Fields, whole: Fields) -> bool | None:
    declared, enabled, state = (_value(fields, field) for field in (F.DECLARED, F.ENABLED, F.JOB_STATE))
    if declared is False or enabled is False or state in OVER or _value(whole, F.HALTED) is True:
        return False
    return None if None in (declared, enabled, state) else True


def _timer(fields: Fields, at: datetime) -> Plan:
    calendar = _value(fields, F.TIMER_CALENDAR)
    words = [f"calendar {expression}" for expression in calendar or ()]
    for field, event in ((F.TIMER_EVERY_S, "began"), (F.TIMER_AFTER_S, "ended")):
        seconds = _value(fields, field)
        words += [f"{event} + {seconds:g}"] if seconds else []
    load, active = _value(fields, F.TIMER_LOAD_STATE), _value(fields, F.TIMER_ACTIVE_STATE)
    return Plan(
        known_at=at,
        schedule="; ".join(words) if calendar is not None else None,
        zone=_value(fields, F.TIMER_ZONE) if calendar else None,
        zone_configured=False,
        on=None if active is None else active == "active" and load == "loaded",
        runner=None,
    )


def _value(fields: Fields, field: Field[T]) -> T | None:
    reading = fields.get(field.name)
    return reading.value if isinstance(reading, Known) else None
