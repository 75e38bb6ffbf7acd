"""F7: any page of a ledger of a million sessions: any filter, any order, any page, as operators mix them.

The ledger is filled with the rows that taking in a stream would have written; a sample of the very same records, taken
in by the program itself, proves that it is so. The peer is the agent's own dashboard, asked in the same run for pages
of its sessions: it lists one home of far fewer, in one order, without filters.
"""

from __future__ import annotations

import gc
import sqlite3
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any, Final

from benchmarks import homes
from benchmarks.agent import Dashboard
from benchmarks.measure import BenchmarkError, Figure, Promise, middle
from quarterdeck.demo.bulk import MODELS, SOURCES, WEIGHTS, Shape
from quarterdeck.store import session_query
from quarterdeck.store.engine import Engine
from quarterdeck.store.migrate import upgrade
from quarterdeck.store.session_intake import take
from quarterdeck.store.sessions import ALL_INSTANCES, KEYS, Stream, count_of, groups, row_of, sessions, words_of
from quarterdeck.truth.past import SessionQuery
from quarterdeck.truth.reading import Origin

NOW: Final = datetime(2026, 11, 21, 3, 4, 11, tzinfo=UTC)
ORIGIN: Final = Origin("sessions database", "state.db")
DAYS: Final = 365
ENDS: Final = ("session_reset", "idle", "daily", "compression", "ws_disconnect")
PRICED: Final = ("estimated", "estimated", "included", "unknown", None)
NOUNS: Final = ("harbour", "lantern", "compass", "anchor", "tide", "rope", "sail", "keel", "mast", "chart")
SEARCHES: Final = ("harb", "lantern 12", "compass keel", "2026", "202603", "20260315_1", "cron_ab", "cron_", "nothing")
AT_ONCE: Final = 20_000
SAMPLE: Final = 500
PAGES: Final = 3
"""Pages that are turned of each question."""
PEER: Final = "the agent's dashboard, /api/sessions"


@dataclass(frozen=True, slots=True)
class Size:
    """How big the ledger is, and how much is asked of it."""

    sessions: int
    instances: int
    questions: int


LARGE: Final = Size(1_000_000, 10, 700)
FLEET: Final = Size(1_000_000, 1_000, 400)
SMALL: Final = Size(3_000, 3, 20)


def run(*, smoke: bool = False, cache: Path = homes.CACHE) -> Iterator[Figure]:
    """Measure, and return the figures."""
    theirs = _dashboard(homes.TINY if smoke else homes.LARGE, cache, 3 if smoke else 40)
    for name, size in {"ten": SMALL if smoke else LARGE, "thousand": SMALL if smoke else FLEET}.items():
        with tempfile.TemporaryDirectory(prefix="ledger-") as folder:
            engine = Engine(Path(folder, "history.db"))
            engine.write(upgrade)
            _check(size, Path(folder))
            began = time.perf_counter()
            _fill(engine, size)
            built = time.perf_counter() - began
            yield from _figures(name, engine, size, theirs, built)
            engine.close()


def _figures(name: str, engine: Engine, size: Size, theirs: list[float], built: float) -> Iterator[Figure]:
    wall, cpu = _ask(engine, size)
    beside = (PEER, middle(theirs))
    note = f"{size.sessions:,} sessions, {size.instances:,} instances, {len(wall):,} pages; theirs: one home of fewer"
    promise = Promise("<=50")
    yield Figure("F7", f"ledger_{name}_p50_ms", _share(wall, 0.5), "ms", promise, *beside, note=note)
    yield Figure("F7", f"ledger_{name}_p99_ms", _share(wall, 0.99), "ms", promise, *beside, note=note)
    yield Figure("F7", f"ledger_{name}_p99_cpu_ms", _share(cpu, 0.99), "CPU-ms", promise)
    yield Figure("F7", f"ledger_{name}_worst_ms", max(wall), "ms")
    assert engine.file is not None
    yield Figure("F7", f"ledger_{name}_bytes_a_session", engine.file.stat().st_size / size.sessions, "B")
    yield Figure("F7", f"ledger_{name}_built_s", built, "s")


def _share(values: list[float], share: float) -> float:
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


# --- asking ----------------------------------------------------------------------------------------------------------


def questions(size: Size) -> Iterator[SessionQuery]:
    """The mix: each filter now and then, alone and with others, spans of a day to three months, every order."""
    random = Random(7)
    for _ in range(size.questions):
        asked: dict[str, Any] = {"sort": random.choice(list(KEYS)), "descending": random.random() < 0.7}
        if random.random() < 0.35:
            asked["instance"] = f"agent{random.randrange(size.instances)}"
        if random.random() < 0.3:
            asked["source"] = random.choices(SOURCES, WEIGHTS)[0]
        if random.random() < 0.2:
            asked["model"] = random.choice(MODELS)
        if random.random() < 0.2:
            asked["outcome"] = random.choice(("open", "ended", "cron_complete", *ENDS))
        kind = random.random()
        if kind < 0.3:
            days = random.choice((1, 7, 30, 90))
            asked["since"] = NOW - timedelta(days=random.choice((days, random.uniform(0, DAYS))))
            asked["until"] = asked["since"] + timedelta(days=days)
        elif kind < 0.45:
            asked["search"] = random.choice(SEARCHES)
        yield SessionQuery(**asked)


def _ask(engine: Engine, size: Size) -> tuple[list[float], list[float]]:
    wall, cpu = [], []
    gc.collect()
    for asked in questions(size):
        query: SessionQuery | None = asked
        for _ in range(PAGES):
            if query is None:
                break
            began, spent = time.perf_counter(), time.process_time()
            with engine.reading() as connection:
                page = session_query.page(connection, query)
            wall.append((time.perf_counter() - began) * 1e3)
            cpu.append((time.process_time() - spent) * 1e3)
            query = query._replace(after=page.next) if page.next else None
    return wall, cpu


def _dashboard(shape: Shape, cache: Path, asks: int) -> list[float]:
    """Ask the dashboard of one home for pages of its sessions."""
    random = Random(7)
    with homes.working_copy(shape, cache) as home:
        dashboard = Dashboard(home)
        with dashboard.up() as pid:
            dashboard.ask("/api/sessions?limit=50", pid)
            said = [
                dashboard.ask(f"/api/sessions?limit=50&offset={random.randrange(shape.sessions)}", pid)
                for _ in range(asks)
            ]
    if any(each.status != 200 for each in said):
        raise BenchmarkError(f"The dashboard answered {[each.status for each in said]}.")
    return [each.cost.wall_ms for each in said]


# --- filling ---------------------------------------------------------------------------------------------------------


def records(random: Random, count: int) -> Iterator[dict[str, Any]]:
    """A year of sessions of one instance, the oldest first."""
    start = NOW - timedelta(days=DAYS)
    for number in range(count):
        source = random.choices(SOURCES, WEIGHTS)[0]
        at = start + timedelta(milliseconds=int(DAYS * 86_400_000 * (number + random.random()) / count))
        messages = int(random.lognormvariate(2.5, 1.2)) + 1
        ended = at + timedelta(milliseconds=int(random.expovariate(1 / 3e6)))
        is_open = source == "cli" or random.random() < 0.05
        tokens = messages * (90 if source == "cron" else 900)
        stamp = f"{at:%Y%m%d_%H%M%S}"
        yield {
            "id": f"cron_{random.randrange(1 << 48):012x}_{stamp}" if source == "cron" else f"{stamp}_{number:06x}",
            "revision": 1,
            "source": source,
            "model": random.choice(MODELS),
            "parent": None,
            "started_at": at,
            "ended_at": None if is_open else ended,
            "end_reason": None if is_open else "cron_complete" if source == "cron" else random.choice(ENDS),
            "messages": messages,
            "tool_calls": messages // 4,
            "api_calls": messages // 2,
            "input_tokens": tokens,
            "output_tokens": 40 * messages,
            "cache_read_tokens": 3 * tokens,
            "cache_write_tokens": 0,
            "reasoning_tokens": 0,
            "side_tokens": 0,
            "cost_usd": tokens * 2e-6,
            "cost_status": random.choice(PRICED),
            "side_cost_usd": 0.0,
            "title": f"{random.choice(NOUNS)} {random.choice(NOUNS)} {number}" if random.random() < 0.3 else None,
        }


@dataclass(slots=True)
class Bulk:
    """Rows as taking in would write them, and what the groups come to."""

    seq: int = 0
    numbers: dict[tuple[str, ...], int] = field(default_factory=dict)
    sums: dict[int, list[int]] = field(default_factory=dict)

    def row(self, record: Mapping[str, Any], instance: str) -> dict[str, Any]:
        self.seq += 1
        place, row = row_of(record, instance)
        group = self.numbers.setdefault(place, len(self.numbers) + 1)
        by = count_of(row)
        whole = self.numbers.setdefault((ALL_INSTANCES, *place[1:]), len(self.numbers) + 1)
        for each in (group, whole):
            self.sums[each] = [a + b for a, b in zip(self.sums.get(each, [0] * len(by)), by, strict=True)]
        at = {"known_at": 0, "first_known_at": 0, "epoch": 0}
        return {"seq": self.seq, "group_id": group, **at, **row}


def _fill(engine: Engine, size: Size) -> None:
    """Write the ledger with its indexes put away, and put them back."""
    assert engine.file is not None
    random, bulk = Random(1), Bulk()
    columns = [column.name for column in sessions.columns]
    insert = f"INSERT INTO sessions ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
    with closing(sqlite3.connect(engine.file, isolation_level=None)) as db:
        db.executescript("PRAGMA synchronous = OFF; PRAGMA cache_size = -200000; PRAGMA temp_store = MEMORY;")
        made = "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'sessions' AND sql IS NOT NULL"
        put_away = db.execute(made).fetchall()
        for name, _ in put_away:
            db.execute(f"DROP INDEX {name}")
        for number in range(size.instances):
            instance, told = f"agent{number}", records(random, size.sessions // size.instances)
            while batch := [bulk.row(record, instance) for record in islice(told, AT_ONCE)]:
                db.execute("BEGIN")
                db.executemany(insert, ([row[name] for name in columns] for row in batch))
                titled = (
                    (word, row["seq"]) for row in batch if row["title"] for word in sorted(words_of(row["title"]))
                )
                db.executemany("INSERT INTO session_words (word, seq) VALUES (?, ?)", titled)
                db.execute("COMMIT")
        for _, sql in put_away:
            db.execute(sql)
        names = [column.name for column in groups.columns]
        rows = [(bulk.numbers[place], *place, *bulk.sums[bulk.numbers[place]]) for place in bulk.numbers]
        db.execute("BEGIN")
        db.executemany(f"INSERT INTO session_groups ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})", rows)
        streams = [(f"agent{n}", *ORIGIN, 0, 0, 0, 1, 0, 0) for n in range(size.instances)]
        db.executemany(
            "INSERT INTO session_streams (instance, source, locator, cursor, epoch, titles, whole, taken_at, tried_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            streams,
        )
        db.execute("COMMIT")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _check(size: Size, folder: Path) -> None:
    """Take in a sample by the program's own way, and hold it against what is written here.

    Raises:
        BenchmarkError: when the two differ: then nothing measured here would be true.
    """
    engine = Engine(folder / "sample.db")
    engine.write(upgrade)
    told = list(records(Random(1), min(SAMPLE, size.sessions)))
    state = Stream("agent0", ORIGIN, None, 0, titles=True, whole=True, taken_at=NOW, tried_at=NOW)
    engine.write(lambda connection: take(connection, state, told, NOW))
    plain = {"known_at", "first_known_at", "group_id", "seq", "epoch"}
    with engine.reading() as connection:
        taken = [
            {name: value for name, value in row._mapping.items() if name not in plain}  # noqa: SLF001 -- its public name
            for row in connection.execute(sessions.select().order_by(sessions.c.seq))
        ]
    engine.close()
    bulk = Bulk()
    made = [{n: v for n, v in bulk.row(record, "agent0").items() if n not in plain} for record in told]
    if taken != made:
        raise BenchmarkError("What is written in bulk is not what taking in would have written.")
