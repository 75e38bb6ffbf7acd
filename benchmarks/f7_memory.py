"""F7: how soon a moment that is over can be looked at, and what it costs to record the present.

Three instances are recorded over a month, with what changes in them all the time. Then moments are asked for at random,
each one that nobody asked for before. Beside it: recording a look at 2,500 facts that say nothing new, and the bytes of
a look that says some dozens of things anew.
"""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, Final

from benchmarks import homes
from benchmarks.measure import Figure, Promise
from quarterdeck.store.engine import Engine
from quarterdeck.store.history import History
from quarterdeck.store.migrate import upgrade
from quarterdeck.store.recorder import Recorder
from quarterdeck.truth import fields as F  # noqa: N812 -- as in the tables of truth
from quarterdeck.truth.fields import FIELDS, Field
from quarterdeck.truth.grouped import Grouped
from quarterdeck.truth.instance import subject
from quarterdeck.truth.reading import AnyReading, Origin
from quarterdeck.truth.shapes import Instant, Number
from quarterdeck.truth.snapshot import Look, Snapshot

START: Final = datetime(2026, 10, 21, 3, 4, 11, tzinfo=UTC)
ORIGIN: Final = Origin("a witness", "some/file")
INSTANCES: Final = ("north", "south", "west")
PARTS: Final = {"gateway": "gateway", "scheduler": "cron", "sessions": "sessions", "logs": "logs", "instance": ""}
JOBS: Final = 12
DISTANCE: Final = timedelta(minutes=5)
MOMENTS: Final = 300
PLAIN: Final[Sequence[Field[Any]]] = (
    F.DECLARED, F.ENABLED, F.SCHEDULE_KIND, F.PERIOD_S, F.LAST_RUN_AT, F.LAST_RESULT, F.RUNS_24H, F.FAILED_24H,
)  # fmt: skip


def run(*, smoke: bool = False, cache: Path = homes.CACHE) -> Iterator[Figure]:
    """Measure, and return the figures."""
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="f7-", dir=cache) as folder:
        yield from _past(Path(folder, "history.db"), 1 if smoke else 30, 10 if smoke else MOMENTS)
        yield from _present(Path(folder, "present.db"), 5 if smoke else 100)


def _past(file: Path, days: int, moments: int) -> Iterator[Figure]:
    engine = _begun(file)
    recorder, random, looks = Recorder(engine.names), Random(7), days * timedelta(days=1) // DISTANCE
    rows, facts = 0, 0
    for number in range(looks):
        snapshot = _fleet(number, random)
        rows += engine.write(lambda connection, one=snapshot: recorder.record(connection, one)).rows  # type: ignore[misc]
        facts = len(snapshot.readings)
    history, took = History(engine), []
    for _ in range(moments + 1):
        at = START + DISTANCE * random.uniform(0, looks - 1)
        began = time.process_time()
        found = history.snapshot_at(at)
        took.append((time.process_time() - began) * 1e3)
        if found is None or len(found.readings) != facts:
            raise RuntimeError("What was recorded is not there.")
    took = sorted(took[1:])
    note = f"{facts} facts, {looks} snapshots"
    yield Figure("F7", "as_of_p50_ms", took[len(took) // 2], "ms", note=note)
    yield Figure("F7", "as_of_p99_ms", took[min(math.ceil(len(took) * 0.99), len(took)) - 1], "ms", note=note)
    engine.pragma("wal_checkpoint(TRUNCATE)")
    size = file.stat().st_size
    yield Figure("F7", "bytes_per_row", size / rows, "B", note=f"{rows / looks:.0f} rows a look, {size / 1e6:.0f} MB")
    engine.close()


def _present(file: Path, looks: int) -> Iterator[Figure]:
    engine = _begun(file)
    recorder, took = Recorder(engine.names), []
    for number in range(looks + 1):
        now = START + timedelta(seconds=10) * number
        names = [subject("north", "cron", f"{job:x}") for job in range(2_500 // len(PLAIN))]
        fields = {name: _fields(name, PLAIN, now, START) for name in names}
        snapshot = Snapshot(
            number, now, (), Grouped(fields), {"hermes:north": Look("hermes:north", now, 2.5, answered=True)}
        )
        began = time.process_time()
        engine.write(lambda connection, one=snapshot: recorder.record(connection, one))  # type: ignore[misc]
        took.append((time.process_time() - began) * 1e3)
    took = sorted(took[1:])
    yield Figure("F7", "record_nothing_new_cpu_ms", took[len(took) // 2], "ms", Promise("<=5"), note="2,500 facts")
    engine.close()


def _begun(file: Path) -> Engine:
    engine = Engine(file)
    engine.write(upgrade)
    return engine


def _fleet(number: int, random: Random) -> Snapshot:
    """Three instances at one moment: beats and figures go on, everything else is as it was."""
    now = START + DISTANCE * number
    held: dict[str, dict[str, AnyReading]] = {}
    for one in INSTANCES:
        for kind, part in PARTS.items():
            name = subject(one, *([part] if part else []))
            held[name] = _fields(name, [field for field in FIELDS.values() if field.of == kind], now, now, random)
        for job in range(JOBS):
            name = subject(one, "cron", f"{job:x}")
            held[name] = _fields(name, PLAIN, now, START)
    looks = {f"hermes:{one}": Look(f"hermes:{one}", now, random.random(), answered=True) for one in INSTANCES}
    return Snapshot(number, now, (), Grouped(held), looks)


def _fields(
    name: str, fields: Sequence[Field[Any]], now: datetime, moment: datetime, random: Random | None = None
) -> dict[str, AnyReading]:
    return {field.name: field.known(name, ORIGIN, _value(field, moment, random), now) for field in fields}


def _value(field: Field[Any], moment: datetime, random: Random | None) -> object:
    """A value of the field's shape; numbers and moments go on, the others stay."""
    shape = getattr(field.shape, "of", field.shape) if field.shape.name.endswith("or none") else field.shape
    if isinstance(shape, Number):
        return 3.0 if random is None else random.randrange(1_000_000) / 7
    if isinstance(shape, Instant):
        return moment
    plain = {"boolean": True, "count": 3, "word": "ok", "identifier": "one", "identifiers": ["a"], "table": {}}
    return plain.get(shape.name)
