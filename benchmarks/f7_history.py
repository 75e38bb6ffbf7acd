"""F7: how soon a year of history is told: one trend, all that a page draws, and what sessions came to.

The history holds a year of three instances with twenty numbers each, as fine as each level keeps them. The floor is the
database itself: the same rows, read by the driver without anything of ours above it.
"""

from __future__ import annotations

import math
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, Final

from sqlalchemy import Connection

from benchmarks import homes
from benchmarks.measure import Figure, Promise
from quarterdeck.store.engine import Engine
from quarterdeck.store.history import History
from quarterdeck.store.migrate import upgrade
from quarterdeck.store.numbers import Seen
from quarterdeck.store.samples import LEVELS, Samples, floor
from quarterdeck.store.schema import ms
from quarterdeck.store.session_intake import take
from quarterdeck.store.sessions import Stream
from quarterdeck.truth.instance import subject
from quarterdeck.truth.reading import Origin
from quarterdeck.views.asked import Asked
from quarterdeck.views.history import SPANS, recall
from quarterdeck.wiring.details import Details, Remembered

NOW: Final = datetime(2026, 11, 21, 3, 4, 11, tzinfo=UTC)
ORIGIN: Final = Origin("sessions database", "state.db")
INSTANCES: Final = ("north", "south", "west")
DRAWN: Final = (
    ("sessions", ("live", "db_bytes", "started_24h", "tokens_24h", "messages_24h", "cost_24h_usd")),
    ("cron", ("runs_24h", "runs_failed_24h", "runs_missed_24h", "jobs_paused", "jobs_failed")),
    ("logs", ("errors_1h",)),
    ("repository/work", ("confirmed_age_s", "pushed_age_s")),
    ("repository/notes", ("confirmed_age_s", "pushed_age_s")),
    ("repository/wiki", ("confirmed_age_s", "pushed_age_s")),
    ("repository/site", ("confirmed_age_s", "pushed_age_s")),
)
"""Twenty numbers of each instance."""
YEAR: Final = timedelta(days=365)
RAW_STEP: Final = 30_000
SESSIONS_A_DAY: Final = 300
TURNS: Final = 200
AT_ONCE: Final = 50_000


def run(*, smoke: bool = False, cache: Path = homes.CACHE) -> Iterator[Figure]:
    """Measure, and return the figures."""
    days, turns = (8, 5) if smoke else (365, TURNS)
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="f7-", dir=cache) as folder:
        file = Path(folder, "history.db")
        engine = Engine(file)
        engine.write(upgrade)
        fill(engine, days)
        yield from _figures(engine, file, turns)
        engine.close()


def _figures(engine: Engine, file: Path, turns: int) -> Iterator[Figure]:
    history, promise = History(engine), Promise("<=10")
    pair = [(subject("north", "sessions"), "live")]
    rows = _floor(file)
    for name, span in SPANS.items():
        since, step = NOW - span.fine * span.fine_number, span.fine
        p50, p99 = _timed(partial(history.trends, pair, since, NOW, step), turns)
        floor_p99 = _timed(partial(rows, since, step), turns)[1]
        yield Figure("F7", f"trend_{name}_p50_ms", p50, "ms", promise)
        yield Figure("F7", f"trend_{name}_p99_ms", p99, "ms", promise, "the same rows from sqlite3", floor_p99)
    recalled = Remembered(history, Details(()))
    for name in SPANS:
        asked = Asked(words=(("span", name),))
        p50, p99 = _timed(partial(recall, recalled, asked, NOW), turns)
        yield Figure("F7", f"page_{name}_p50_ms", p50, "ms")
        yield Figure("F7", f"page_{name}_p99_ms", p99, "ms")


def _timed(work: Callable[[], object], turns: int) -> tuple[float, float]:
    """Return the middle and the worst but one in a hundred, in milliseconds of the processor."""
    work()
    took = []
    for _ in range(turns):
        began = time.process_time()
        work()
        took.append((time.process_time() - began) * 1e3)
    took.sort()
    return took[len(took) // 2], took[min(math.ceil(len(took) * 0.99), len(took)) - 1]


def _floor(file: Path) -> Callable[[datetime, timedelta], list[Any]]:
    connection = sqlite3.connect(file)

    def rows(since: datetime, step: timedelta) -> list[Any]:
        width = step // timedelta(milliseconds=1)
        level = max(each.step for each in LEVELS if each.step <= width and (not each.step or width % each.step == 0))
        sql = "SELECT at, low, high, total, count FROM samples WHERE step = ? AND series = 1 AND at >= ?"
        return connection.execute(sql, (level, ms(since))).fetchall()

    return rows


# --- a year of it ----------------------------------------------------------------------------------------------------


def fill(engine: Engine, days: int = 365) -> None:
    """Write a year as it would have been recorded, every level of it."""
    pairs = [(subject(one, *part.split("/")), field) for one in INSTANCES for part, fields in DRAWN for field in fields]
    begun = [Seen(*pair, ORIGIN, NOW, 0.0) for pair in pairs]
    engine.write(lambda connection: Samples(engine.names).add(connection, begun))
    engine.write(lambda connection: connection.exec_driver_sql("DELETE FROM samples"))
    for level in LEVELS:
        keep = min(level.keep, timedelta(days=days))
        for number in range(1, len(pairs) + 1):
            rows = list(_walk(number, level.step, keep))
            engine.write(partial(_insert, rows))
    for one in INSTANCES:
        stream = Stream(one, ORIGIN, None, 0, titles=False, whole=True, taken_at=NOW, tried_at=NOW)
        told = list(_sessions(one, days))
        for begin in range(0, len(told), AT_ONCE):
            engine.write(partial(_take, stream, told[begin : begin + AT_ONCE]))


def _insert(rows: list[tuple[Any, ...]], connection: Connection) -> None:
    connection.exec_driver_sql("INSERT INTO samples VALUES (?, ?, ?, ?, ?, ?, ?)", rows)


def _take(stream: Stream, told: list[dict[str, Any]], connection: Connection) -> None:
    take(connection, stream, told, NOW)


def _walk(number: int, step: int, keep: timedelta) -> Iterator[tuple[Any, ...]]:
    """One number over time: it rises and falls with the day and wanders."""
    random, width = Random(number), step or RAW_STEP
    wander, looks = 0.0, max(step // RAW_STEP, 1)
    for at in range(floor(ms(NOW - keep), width), ms(NOW), width):
        wander = 0.98 * wander + random.gauss(0, 1)
        value = max(0.0, 20 + number % 7 + 8 * math.sin(at / 86_400_000 * 2 * math.pi) + wander)
        yield step, number, at, max(0.0, value - 1), value + 1, value * looks, looks


def _sessions(instance: str, days: int) -> Iterator[dict[str, Any]]:
    random = Random(instance)
    for number in range(days * SESSIONS_A_DAY):
        began = NOW - timedelta(seconds=random.uniform(0, days * 86_400))
        yield {
            "id": f"{number:08x}",
            "revision": number,
            "source": random.choice(("telegram", "cron", "cli")),
            "model": "large-model-1",
            "parent": None,
            "started_at": began,
            "ended_at": began + timedelta(minutes=5),
            "end_reason": "daily",
            "messages": 9,
            "tool_calls": 3,
            "api_calls": 4,
            "input_tokens": random.randrange(50_000),
            "output_tokens": 900,
            "cache_read_tokens": 0,
            "cache_write_tokens": 0,
            "reasoning_tokens": 0,
            "side_tokens": 0,
            "cost_usd": 0.02,
            "cost_status": "estimated" if number % 50 else None,
            "side_cost_usd": 0.0,
            "title": None,
        }
