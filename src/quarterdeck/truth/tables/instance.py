"""What may be said of the parts of an instance beside its gateway and its cron."""

from __future__ import annotations

from quarterdeck.truth import fields as F  # noqa: N812 -- a table reads better with one letter before each field
from quarterdeck.truth.judgement import Activity, Rule, Status

LOGIN_FAILED = (401, 402, 403)


def _count(n: object, thing: str) -> str:
    said = f"{n:,}" if isinstance(n, int) else f"{n}"
    return f"{said} {thing}" if n == 1 else f"{said} {thing}s"


INSTANCE: tuple[Rule, ...] = (
    Rule("halted", Status.DEGRADED, lambda f: f[F.HALTED], "halted: the pause sentinel ESTOP is set", Activity.PAUSED),
    Rule("updating", Status.OK, lambda f: f[F.UPDATING], "an update of the agent is in progress", Activity.BUSY),
    Rule("read", Status.OK, lambda f: not f[F.HALTED], "neither paused nor being updated"),
)

SESSIONS: tuple[Rule, ...] = (
    Rule(
        "set aside",
        Status.DEGRADED,
        lambda f: f[F.MALFORMED] > 0,
        lambda f: f"the agent set aside {f.get(F.MALFORMED)} malformed copies of its database",
    ),
    Rule(
        "read",
        Status.OK,
        lambda f: f[F.SESSIONS_TOTAL] >= 0,
        lambda f: f"readable: {_count(f.get(F.SESSIONS_TOTAL), 'session')}",
    ),
)

MODEL: tuple[Rule, ...] = (
    Rule(
        "login refused",
        Status.DEGRADED,
        lambda f: f[F.EXHAUSTED] > 0 and f[F.REFUSAL_CODE] in LOGIN_FAILED,
        lambda f: f"the provider refuses a credential of the pool: HTTP {f.get(F.REFUSAL_CODE)}",
    ),
    Rule(
        "pool exhausted",
        Status.DEGRADED,
        lambda f: 0 < f[F.POOL] == f[F.EXHAUSTED],
        "the provider refuses every credential of the pool",
        Activity.RATE_LIMITED,
    ),
    Rule(
        "rate-limited",
        Status.DEGRADED,
        lambda f: (at := f[F.RATE_LIMITED_AT]) is not None and 0 <= f.age(at) <= f.thresholds.rate_limit_s,
        lambda f: f"refused for too many requests {f.span(F.RATE_LIMITED_AT)} ago",
        Activity.RATE_LIMITED,
        since=lambda f: f.get(F.RATE_LIMITED_AT),
    ),
    Rule(
        "named",
        Status.OK,
        lambda f: f[F.MODEL] is not None,
        lambda f: f"{f.get(F.MODEL)}, {_count(len(f.get(F.FALLBACKS) or ()), 'fallback')}",
    ),
    Rule(
        "not named",
        Status.OK,
        lambda f: f[F.MODEL] is None,
        "the configuration names no model; the agent chooses its own default",
    ),
)

KANBAN: tuple[Rule, ...] = (
    Rule(
        "worker silent",
        Status.DEGRADED,
        lambda f: f[F.TASKS_RUNNING_STALE] > 0,
        lambda f: f"{_count(f.get(F.TASKS_RUNNING_STALE), 'running task')} without a beat for an hour",
        Activity.STUCK,
    ),
    Rule(
        "blocked in silence",
        Status.DEGRADED,
        lambda f: f[F.TASKS_BLOCKED_SILENT] > 0,
        lambda f: f"{_count(f.get(F.TASKS_BLOCKED_SILENT), 'task')} blocked without a reason",
    ),
    Rule(
        "busy",
        Status.OK,
        lambda f: f[F.TASKS].get("running", 0) > 0,
        lambda f: f"{_count((f.get(F.TASKS) or {}).get('running'), 'task')} running",
        Activity.BUSY,
    ),
    Rule(
        "idle",
        Status.OK,
        lambda f: f[F.TASKS] is not None,
        lambda f: _count(sum((f.get(F.TASKS) or {}).values()), "task"),
        Activity.IDLE,
    ),
)

INVENTORY: tuple[Rule, ...] = (
    Rule(
        "counted",
        Status.OK,
        lambda f: f[F.MEMORY_FILES] >= 0 and f[F.SKILLS] >= 0,
        lambda f: f"{_count(f.get(F.SKILLS), 'skill')}, {_count(f.get(F.MEMORY_FILES), 'memory file')}",
    ),
)

LOGS: tuple[Rule, ...] = (
    Rule(
        "many errors",
        Status.DEGRADED,
        lambda f: sum(f[F.ERRORS_1H].values()) > f.thresholds.errors_1h,
        lambda f: f"{sum((f.get(F.ERRORS_1H) or {}).values())} errors in the last hour",
    ),
    Rule(
        "read",
        Status.OK,
        lambda f: f[F.ERRORS_1H] is not None,
        lambda f: _count(sum((f.get(F.ERRORS_1H) or {}).values()), "error") + " in the last hour",
    ),
)
