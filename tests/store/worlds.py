"""Invented worlds: sequences of snapshots as a collector might publish them, and stranger ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import PurePath
from typing import Any

from hypothesis import strategies as st

from quarterdeck.truth import fields as F  # noqa: N812 -- as in the tables of truth
from quarterdeck.truth.fields import Field
from quarterdeck.truth.grouped import Grouped
from quarterdeck.truth.instance import Instance
from quarterdeck.truth.reading import AnyReading, Known, Origin, Reason
from quarterdeck.truth.snapshot import Look, Snapshot, remember
from quarterdeck.truth.thresholds import Thresholds

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

MOMENTS = st.integers(-5_000_000, 5_000_000).map(lambda n: START + timedelta(milliseconds=n, microseconds=n % 997))
VALUES: Mapping[str, st.SearchStrategy[Any]] = {
    "boolean": st.booleans(),
    "count": st.integers(0, 3),
    "count or none": st.none() | st.integers(0, 3),
    "number": st.floats(0, 1e6, allow_nan=False),
    "instant": MOMENTS,
    "instant or none": st.none() | MOMENTS,
    "identifiers": st.lists(st.sampled_from(["a", "b", "c"]), max_size=3),
    "table": st.permutations(["a", "b", "c"]).map(lambda ids: dict.fromkeys(ids[:2], 1)),
    "text": st.sampled_from(["Daily “report”", "späh", ""]),
}
PARTS: Mapping[str, Sequence[Field[Any]]] = {
    "hermes:north/gateway": (F.LOCK_HOLDER, F.HEARTBEAT_AT, F.SERVED_PROFILES, F.CLEAN_SHUTDOWN),
    "hermes:north/cron/1f": (F.JOB_NAME, F.LAST_RUN_AT, F.NEXT_RUN_AT, F.ENABLED),
    "hermes:north/sessions": (F.SESSIONS_TOTAL, F.SESSIONS_BY_SOURCE, F.LAST_MESSAGE_AT),
    "hermes:south/gateway": (F.LOCK_HOLDER, F.HEARTBEAT_AT),
    "host:here": (F.LOAD_1M, F.CPUS),
    "source:hermes:north": (F.SOURCE_TOOK, F.SOURCE_ANSWERED),
}
SOURCES = ("hermes:north", "host")
FLEETS: Sequence[tuple[Instance, ...]] = (
    (),
    (Instance("north", "North", PurePath("/home/a/.hermes")),),
    (
        Instance("north", "North", PurePath("/home/a/.hermes"), user="a", thresholds=Thresholds(disk_share=0.5)),
        Instance("south", "South", snapshot=PurePath("/var/lib/x/snapshot.json")),
    ),
)


@st.composite
def readings(draw: st.DrawFn, subject: str, field: Field[Any], at: datetime) -> AnyReading:
    """A reading of a field, known or not."""
    origin = Origin(draw(st.sampled_from(["kernel locks", "diary"])), field.name)
    if draw(st.integers(0, 5)) == 0:
        reason = draw(st.sampled_from([Reason.TIMEOUT, Reason.MISSING]))
        return field.unavailable(subject, origin, reason, draw(st.sampled_from(["gone", "late"])), at)
    return field.known(subject, origin, draw(VALUES[field.shape.name]), at)


@st.composite
def snapshots(draw: st.DrawFn, *, steps: bool = True) -> list[Snapshot]:
    """Several snapshots, one after the other. Most of a look says what the look before said, at another moment."""
    known, made, version = START, [], 0
    held: dict[str, dict[str, AnyReading]] = {}
    looks: dict[str, Look] = {}
    gone: dict[str, datetime] = {}
    fleet = FLEETS[0]
    for _ in range(draw(st.integers(1, 8))):
        known += timedelta(microseconds=draw(st.integers(-3_000_000_000 if steps else 0, 30_000_000)))
        if draw(st.integers(0, 3)) == 0:
            fleet = draw(st.sampled_from(FLEETS))
        held = held.copy()
        for subject in draw(st.lists(st.sampled_from(sorted(PARTS)), max_size=5, unique=True)):
            _change(draw, subject, held, gone, known)
        for source in draw(st.lists(st.sampled_from(SOURCES), max_size=2, unique=True)):
            took = draw(st.sampled_from([1.5, 2.25]))
            looks = {**looks, source: Look(source, known, took, draw(st.booleans()), "")}
            if draw(st.integers(0, 9)) == 0:
                looks.pop(draw(st.sampled_from(sorted(looks))))
        _follow(draw, held, looks)
        version += draw(st.integers(0, 2))
        made.append(Snapshot(version, known, fleet, Grouped(held.copy()), looks.copy(), gone.copy()))
    return made


def _change(
    draw: st.DrawFn, subject: str, held: dict[str, dict[str, AnyReading]], gone: dict[str, datetime], known: datetime
) -> None:
    if subject in held and draw(st.integers(0, 6)) == 0:
        del held[subject]
        gone[subject] = known
        return
    gone.pop(subject, None)
    before = held.get(subject, {})
    at = known - timedelta(microseconds=draw(st.sampled_from([0, 1, 70_000_000])))
    new: dict[str, AnyReading] = {}
    for field in PARTS[subject]:
        old = before.get(field.name)
        fate = draw(st.sampled_from(["again", "again", "kept", "other", "left out"]))
        if isinstance(old, Known) and fate == "again":
            new[field.name] = Known(subject, field.name, old.origin, old.value, at, old.fresh_for)
        elif old is not None and fate == "kept":
            new[field.name] = old
        elif fate != "left out":
            new[field.name] = draw(readings(subject, field, at))
    merged = remember({(subject, name): one for name, one in before.items()}, new.values())
    held[subject] = {name: one for (_, name), one in merged.items()}
    if not held[subject]:
        del held[subject]


def _follow(draw: st.DrawFn, held: dict[str, dict[str, AnyReading]], looks: Mapping[str, Look]) -> None:
    """Let the reading of how long a look took be what the look says, most of the time."""
    look, fields = looks.get("hermes:north"), held.get("source:hermes:north")
    if look is not None and fields is not None and draw(st.integers(0, 3)):
        took = F.SOURCE_TOOK.known("source:hermes:north", Origin("collector", "hermes:north"), look.took_ms, look.at)
        held["source:hermes:north"] = {**fields, took.field: took}
