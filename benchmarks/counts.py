"""What the sessions database holds, counted by brute force: whole tables, no index, nothing of the product's code.

``python -m benchmarks.counts DATABASE MOMENT`` prints one JSON document. It is a program of its own because a process
must not have the database open in two ways at once.
"""

from __future__ import annotations

import json
import math
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[1]
DAY_S, LIVE_S, AHEAD_S = 86_400.0, 300.0, 2.0
LIMIT_S: Final = 120.0
UNPRICED: Final = {None, "", "none", "unknown"}
COUNTED: Final = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")
TOKENS: Final = " + ".join(f"coalesce({column}, 0)" for column in COUNTED)

IN_WINDOW: Final = "SELECT count(*) FROM messages NOT INDEXED WHERE timestamp BETWEEN ? AND ?"
LAST_ANSWER: Final = """
    SELECT timestamp FROM messages NOT INDEXED
    WHERE role = 'assistant' AND tool_calls IS NULL AND (finish_reason IS NULL OR finish_reason = 'stop')
    ORDER BY id DESC LIMIT 1
"""


def count(database: Path, now: float) -> dict[str, Any]:
    """Count what the product reports of the sessions of a home, by the names of its fields."""
    command = [sys.executable, "-m", "benchmarks.counts", str(database), repr(now)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=LIMIT_S, check=True)
    counted: dict[str, Any] = json.loads(done.stdout)
    return counted


def _count(db: sqlite3.Connection, now: float) -> dict[str, Any]:
    since, until = now - DAY_S, now + AHEAD_S
    newest = dict(db.execute("SELECT session_id, max(timestamp) FROM messages NOT INDEXED GROUP BY session_id"))
    ended = dict(db.execute("SELECT id, ended_at FROM sessions NOT INDEXED"))
    return {
        "total": len(ended),
        "live": sum(at >= now - LIVE_S and ended[session] is None for session, at in newest.items()),
        "messages_24h": _one(db, IN_WINDOW, since, until),
        "last_message_at": max(newest.values(), default=None),
        "last_success_at": _one(db, LAST_ANSWER),
        **_of_the_day(db, since, until),
    }


def _of_the_day(db: sqlite3.Connection, since: float, until: float) -> dict[str, Any]:
    asked = f"SELECT id, source, {TOKENS}, coalesce(actual_cost_usd, estimated_cost_usd, 0), cost_status FROM sessions"
    begun = db.execute(f"{asked} NOT INDEXED WHERE started_at BETWEEN ? AND ?", (since, until)).fetchall()
    side = _side_work(db)
    tokens, costs, unpriced = 0, [], 0
    for session, _, used, cost, status in begun:
        aside, aside_cost = side.get(session, (0, 0.0))
        tokens += used + aside
        costs.append(cost + aside_cost)
        unpriced += (used > 0 and status in UNPRICED) or (aside > 0 and aside_cost == 0 and status != "included")
    by_source = Counter(source for _, source, *_ in begun)
    found = {"started_24h": len(begun), "by_source_24h": dict(by_source), "tokens_24h": tokens}
    return {**found, "cost_24h_usd": math.fsum(costs), "unpriced_24h": unpriced}


def _side_work(db: sqlite3.Connection) -> dict[str, tuple[int, float]]:
    """Return tokens and cost of side work by session, where the release accounts it apart."""
    if not _one(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'session_model_usage'"):
        return {}
    paid = "CASE WHEN coalesce(actual_cost_usd, 0) <> 0 THEN actual_cost_usd ELSE coalesce(estimated_cost_usd, 0) END"
    asked = f"SELECT session_id, sum({TOKENS}), sum({paid}) FROM session_model_usage NOT INDEXED WHERE task <> ''"
    return {session: (used, cost) for session, used, cost in db.execute(f"{asked} GROUP BY session_id")}


def _one(db: sqlite3.Connection, sql: str, *values: float) -> object:
    found = db.execute(sql, values).fetchone()
    return found[0] if found else None


def main() -> int:
    """Count and print."""
    with closing(sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)) as db:
        print(json.dumps(_count(db, float(sys.argv[2]))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
