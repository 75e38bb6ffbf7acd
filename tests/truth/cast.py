"""Readings for tests: an instance in perfect health, and ways to spoil it one fact at a time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from quarterdeck.truth import fields as F  # noqa: N812
from quarterdeck.truth import forge
from quarterdeck.truth.fields import FIELDS, Field
from quarterdeck.truth.instance import subject
from quarterdeck.truth.reading import AnyReading, Key, Origin, Reason
from quarterdeck.truth.shapes import (
    RESULTS,
    Bool,
    Calendars,
    Chains,
    Count,
    Ident,
    Idents,
    Instant,
    Link,
    Many,
    Number,
    Optional,
    Ran,
    Recent,
    Record,
    Runs,
    Schedule,
    Table,
    Text,
    Whole,
    Word,
)

NOW = datetime(2026, 11, 21, 3, 4, 11, tzinfo=UTC)
ORIGIN = Origin("a witness", "some/file")
JOB = "934a7b9942d5"


def ago(seconds: float) -> datetime:
    """A moment that many seconds before NOW."""
    return NOW - timedelta(seconds=seconds)


WELL: dict[Field[Any], object] = {
    F.LOCK_HOLDER: 858,
    F.PROCESS_STATE: "sleeping",
    F.PROCESS_STARTED_AT: ago(86_400),
    F.EVER_STARTED: True,
    F.RECORDED_STATE: "running",
    F.RECORDED_AT: ago(80_000),
    F.RECORDED_PID: 858,
    F.RECORDED_PROCESS: "alive",
    F.RECORDED_EXIT: None,
    F.ACTIVE_AGENTS: 0,
    F.PLATFORMS: {"telegram": "connected"},
    F.PLATFORMS_TROUBLED_SINCE: None,
    F.SERVED_BY: None,
    F.HEARTBEAT_EXPECTED: True,
    F.HEARTBEAT_AT: ago(20),
    F.HEARTBEAT_PID: 858,
    F.CLEAN_SHUTDOWN: False,
    F.STARTS_RECENT: 0,
    F.LAST_EXIT: "clean",
    F.LAST_EXIT_AT: ago(86_500),
    F.HALTED: False,
    F.UPDATING: False,
    F.JOBS_DECLARED: 1,
    F.JOBS_ENABLED: 1,
    F.TICKER_EXPECTED: True,
    F.TICKER_AT: ago(30),
    F.TICKER_SUCCESS_AT: ago(30),
    F.TICK_LOCK_HOLDER: None,
    F.RUNNER_ALIVE: True,
    F.RUNNER_SINCE: ago(86_400),
    F.RUNS_RUNNING: 0,
    F.OLDEST_RUN_AT: None,
    F.OLDEST_DUE_AT: ago(-600),
    F.SESSIONS_TOTAL: 41,
    F.SESSIONS_24H: 12,
    F.SESSIONS_LIVE: 0,
    F.TOKENS_24H: 1000,
    F.COST_24H: 0.5,
    F.UNPRICED_24H: 0,
    F.LAST_SUCCESS: ago(400),
    F.LAST_MESSAGE_AT: ago(400),
    F.OPEN_TURNS: 0,
    F.OPEN_TURN_SINCE: None,
    F.OPEN_TURN_IN: None,
    F.OPEN_TURN_TOOL: None,
    F.OPEN_TURN_SESSION: None,
    F.MALFORMED: 0,
    F.MODEL: "big-model",
    F.PROVIDER: "somebody",
    F.FALLBACKS: ("small-model",),
    F.EXHAUSTED: 0,
    F.POOL: 2,
    F.RATE_LIMITED_AT: None,
    F.REFUSAL_CODE: None,
}
"""An instance of release 0.19 with one job, all of it well and idle."""

WELL_JOB: dict[Field[Any], object] = {
    F.DECLARED: True,
    F.SCHEDULE: "every 30 min",
    F.PERIOD_S: 1800.0,
    F.ENABLED: True,
    F.JOB_STATE: "scheduled",
    F.PAUSED_AT: None,
    F.PAUSE_EXPLAINED: False,
    F.CREATED_AT: ago(90_000),
    F.NEXT_RUN_AT: ago(-600),
    F.LAST_RUN_AT: ago(1_200),
    F.LAST_RESULT: "ok",
    F.LAST_ERROR: None,
    F.DELIVERY_ERROR: None,
    F.RUNNING_SINCE: None,
    F.LAST_SUCCESS_AT: ago(1_200),
    F.RUNS_24H: 48,
    F.FAILED_24H: 0,
}
PARTS = {"instance": (), "gateway": ("gateway",), "scheduler": ("cron",), "job": ("cron", JOB)}
ON_FORGE = {
    "forge": "forge:main",
    "repo": forge.repo("main", "acme/tools"),
    "pull": forge.pull("main", "acme/tools", 12),
    "card": forge.card("main", "acme/tools", 7),
    "reviews": "forge:main/reviews",
    "board": "forge:main/board",
}
"""The one subject of each kind on a forge."""


def place(field: Field[Any], instance: str = "north") -> str:
    """The subject a field of the cast lives on."""
    if field.of in ON_FORGE:
        return ON_FORGE[field.of]
    return subject(instance, *PARTS.get(field.of, (field.of,)))


def readings(
    spoiled: Mapping[Field[Any], object] | None = None, *, instance: str = "north", at: datetime = NOW
) -> dict[Key, AnyReading]:
    """The cast's readings, some with other values; an ``Unavailable`` reason makes a field unknown."""
    wanted = WELL | WELL_JOB | dict(spoiled or {})
    found: dict[Key, AnyReading] = {}
    for field, value in wanted.items():
        name = place(field, instance)
        if isinstance(value, Reason):
            found[name, field.name] = field.unavailable(name, ORIGIN, value, "spoiled by the test", at)
        else:
            found[name, field.name] = field.known(name, ORIGIN, value, at)
    return found


IDENTS = st.sampled_from(["a", "big-model", "telegram", "x1", "connected", "fatal"])
MOMENTS = st.integers(-400_000, 4_000_000).map(ago)
SIMPLE: dict[type, st.SearchStrategy[Any]] = {
    Bool: st.booleans(),
    Count: st.integers(0, 2_000),
    Number: st.floats(0, 1e12),
    Instant: MOMENTS,
    Ident: IDENTS,
    Idents: st.lists(IDENTS, max_size=3),
    Link: st.sampled_from(["https://deck.example/runbook", "http://127.0.0.1:9119"]),
    Schedule: st.sampled_from(["every 30 min", "0 9 * * *", "once"]),
    Calendars: st.lists(st.sampled_from(["*-*-* 06,18:00:00", "Mon..Fri *-*-* 00:00:00 UTC"]), max_size=2),
    Chains: st.lists(st.lists(IDENTS, min_size=1, max_size=3), max_size=2),
    Runs: st.builds(
        Recent,
        st.none() | MOMENTS,
        st.lists(st.builds(Ran, MOMENTS, st.none() | MOMENTS, st.none() | st.sampled_from(RESULTS)), max_size=3).map(
            tuple
        ),
    ),
    Text: IDENTS,
    Whole: IDENTS,
}


def values(shape: object) -> st.SearchStrategy[Any]:
    """Any value of a shape."""
    if isinstance(shape, Optional):
        return st.none() | values(shape.of)
    if isinstance(shape, Table):
        return st.dictionaries(values(shape.keys), values(shape.of), max_size=3)
    if isinstance(shape, Many):
        return st.lists(values(shape.of), max_size=3).map(tuple)
    if isinstance(shape, Record):
        return st.tuples(*map(values, shape.parts.values())).map(lambda parts: shape.make(*parts))
    if isinstance(shape, Word):
        return st.sampled_from(shape.among) if shape.among else IDENTS
    return SIMPLE[type(shape)]


def any_reading(field: Field[Any], name: str) -> st.SearchStrategy[AnyReading]:
    """Any reading of a field: known, expired, from the future, or unavailable for any reason."""
    known = st.builds(
        lambda value, at: field.known(name, ORIGIN, value, at), values(field.shape), st.integers(-60, 300).map(ago)
    )
    lost = st.sampled_from(list(Reason)).map(lambda reason: field.unavailable(name, ORIGIN, reason, "lost", NOW))
    return known | lost


@st.composite
def worlds(draw: st.DrawFn, kinds: tuple[str, ...]) -> dict[Key, AnyReading]:
    """The cast, or nothing at all, with up to a dozen facts replaced by any reading of their fields."""
    found = readings() if draw(st.booleans()) else {}
    fields = [field for field in FIELDS.values() if field.of in kinds]
    for field in draw(st.lists(st.sampled_from(fields), max_size=12)):
        reading = draw(any_reading(field, place(field)))
        found[reading.subject, reading.field] = reading
    return found
