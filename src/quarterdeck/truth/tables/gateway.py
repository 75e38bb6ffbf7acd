"""The agent-state table: what may be said of a gateway, from which evidence.

Rule 1: the kernel's lock on ``gateway.lock`` is liveness. ``gateway_state.json`` is not: it is
        written at transitions only, and a killed gateway leaves ``running`` behind.
Rule 2: a heartbeat is asked for only where the agent's release writes one (``HEARTBEAT_EXPECTED``).
Rule 3: a turn is open only when it began after the process did; the table relies on the sessions
        source for that.
Holds for 0.13 to 0.19. A newer release with words this table does not know reads as ``unknown``.
"""

from __future__ import annotations

from datetime import datetime

from quarterdeck.truth import fields as F  # noqa: N812 -- a table reads better with one letter before each field
from quarterdeck.truth.judgement import Activity, Facts, Rule, Status, words
from quarterdeck.truth.tables.beats import older, settled

RUNNING = ("starting", "running", "degraded", "draining")
CONNECTED = ("connected",)
FATAL = ("fatal",)


def _gone(f: Facts) -> bool:
    return f[F.LOCK_HOLDER] is None and f[F.SERVED_BY] is None


def _present(f: Facts) -> bool:
    return f[F.LOCK_HOLDER] is not None


def _last_sign(f: Facts) -> datetime | None:
    """The last thing the gateway is known to have done."""
    signs = (f.get(F.LAST_EXIT_AT), f.get(F.HEARTBEAT_AT), f.get(F.RECORDED_AT))
    return max((sign for sign in signs if sign is not None and sign <= f.now), default=None)


def _killed(f: Facts) -> str:
    state = f.get(F.RECORDED_STATE)
    other = "; its process number now belongs to another process" if f.get(F.RECORDED_PROCESS) == "another" else ""
    return (
        f"stopped without a clean shutdown: no process holds gateway.lock, gateway_state.json still says {state}{other}"
    )


def _stopped(f: Facts) -> str:
    """Its diary says how it ended; the marker of a clean shutdown is left by a plain SIGTERM too and proves nothing."""
    clean = f.get(F.LAST_EXIT) == "clean"
    return "stopped on purpose, with a clean shutdown" if clean else "stopped: it wrote so itself when it ended"


def _restarts(f: Facts) -> str:
    return f"crash loop: {f.get(F.STARTS_RECENT)} starts in {words(f.thresholds.crash_window_s)}"


def _silent_loop(f: Facts) -> str:
    beat = f.get(F.HEARTBEAT_AT)
    if beat is None:
        return "its event loop has not beaten since it started"
    if beat > f.now:
        return "its heartbeat carries a time from the future; the clock has probably been set back"
    return f"its event loop has not beaten for {words(f.age(beat))}"


def _trouble(f: Facts) -> str:
    troubled = [
        f"{name} {state}" for name, state in sorted((f.get(F.PLATFORMS) or {}).items()) if state not in CONNECTED
    ]
    return "not connected: " + ", ".join(troubled)


def _open_turn(f: Facts) -> str:
    since, place, tool = f.get(F.OPEN_TURN_SINCE), f.get(F.OPEN_TURN_IN), f.get(F.OPEN_TURN_TOOL)
    where = {"model": "waiting for the model", "tool": f"in tool {tool}" if tool else "in a tool"}.get(
        str(place), "in progress"
    )
    return f"a turn is {where}" + (f" for {words(f.age(since))}" if since else "")


def _stuck(f: Facts) -> bool:
    """Early releases do not write what a turn waits for; then it gets the longer time."""
    since = f[F.OPEN_TURN_SINCE]
    if not _present(f) or since is None:
        return False
    limit = f.thresholds.stuck_model_s if f[F.OPEN_TURN_IN] == "model" else f.thresholds.stuck_tool_s
    return f.age(since) > limit


def _refused(f: Facts) -> bool:
    """Refused just now, and no answer has been completed since."""
    at = f[F.RATE_LIMITED_AT]
    if not _present(f) or at is None or not 0 <= f.age(at) <= f.thresholds.rate_limit_s:
        return False
    success = f[F.LAST_SUCCESS]
    return success is None or success < at


GATEWAY: tuple[Rule, ...] = (
    Rule(
        "crash loop, gone",
        Status.DOWN,
        lambda f: _gone(f) and f[F.STARTS_RECENT] >= f.thresholds.crash_starts,
        _restarts,
        since=_last_sign,
    ),
    Rule(
        "never started",
        Status.DOWN,
        lambda f: _gone(f) and not f[F.EVER_STARTED],
        "never started: no gateway has run in this home",
    ),
    Rule(
        "startup failed",
        Status.DOWN,
        lambda f: _gone(f) and f[F.RECORDED_STATE] == "startup_failed",
        lambda f: f"failed to start: {f.get(F.RECORDED_EXIT) or 'no reason given'}",
        since=_last_sign,
    ),
    Rule(
        "stopped",
        Status.DOWN,
        lambda f: _gone(f) and f[F.RECORDED_STATE] == "stopped",
        _stopped,
        since=_last_sign,
    ),
    Rule(
        "killed",
        Status.DOWN,
        lambda f: _gone(f) and f[F.RECORDED_STATE] in RUNNING and f[F.RECORDED_PROCESS] != "alive",
        _killed,
        since=_last_sign,
    ),
    Rule("missing", Status.DOWN, _gone, "no process holds gateway.lock", since=_last_sign),
    Rule(
        "crash loop",
        Status.DEGRADED,
        lambda f: _present(f) and f[F.STARTS_RECENT] >= f.thresholds.crash_starts,
        _restarts,
    ),
    Rule(
        "stopped by signal",
        Status.DEGRADED,
        lambda f: _present(f) and f[F.PROCESS_STATE] == "stopped",
        "its process is there but stopped by a signal (SIGSTOP); it does nothing until it is continued",
        since=_last_sign,
    ),
    Rule(
        "defunct",
        Status.DEGRADED,
        # Not "disk sleep": whoever reads a file is in it for a moment, and a loop that stays in it falls silent.
        lambda f: _present(f) and f[F.PROCESS_STATE] in ("zombie", "dead"),
        lambda f: f"its process is in state {f.get(F.PROCESS_STATE)}",
        since=_last_sign,
    ),
    Rule(
        "loop silent",
        Status.DEGRADED,
        lambda f: (
            _present(f)
            and f[F.HEARTBEAT_EXPECTED]
            and settled(f, f[F.PROCESS_STARTED_AT], f.thresholds.heartbeat_s)
            and older(f, f[F.HEARTBEAT_AT], f.thresholds.heartbeat_s)
        ),
        _silent_loop,
        since=lambda f: f.get(F.HEARTBEAT_AT),
    ),
    Rule(
        "foreign beat",
        Status.DEGRADED,
        lambda f: (
            _present(f)
            and f[F.HEARTBEAT_EXPECTED]
            and settled(f, f[F.PROCESS_STARTED_AT], f.thresholds.heartbeat_s)
            and f[F.HEARTBEAT_PID] != f[F.LOCK_HOLDER]
        ),
        lambda f: (
            f"the heartbeat comes from process {f.get(F.HEARTBEAT_PID)}, the lock is held by {f.get(F.LOCK_HOLDER)}"
        ),
    ),
    Rule(
        "says degraded",
        Status.DEGRADED,
        lambda f: _present(f) and f[F.RECORDED_STATE] in ("degraded", "startup_failed"),
        lambda f: f"it says of itself: {f.get(F.RECORDED_STATE)}",
        since=lambda f: f.get(F.RECORDED_AT),
    ),
    Rule(
        "in between for too long",
        Status.DEGRADED,
        lambda f: (
            _present(f)
            and f[F.RECORDED_STATE] in ("starting", "draining")
            and older(f, f[F.RECORDED_AT], f.thresholds.drain_s)
        ),
        lambda f: f"{f.get(F.RECORDED_STATE)} for longer than it should take",
        since=lambda f: f.get(F.RECORDED_AT),
    ),
    Rule(
        "platform failed",
        Status.DEGRADED,
        lambda f: _present(f) and any(state in FATAL for state in f[F.PLATFORMS].values()),
        _trouble,
        since=lambda f: f.get(F.PLATFORMS_TROUBLED_SINCE),
    ),
    Rule(
        "platform away",
        Status.DEGRADED,
        lambda f: (
            _present(f)
            and (since := f[F.PLATFORMS_TROUBLED_SINCE]) is not None
            and f.age(since) > f.thresholds.platform_s
        ),
        _trouble,
        since=lambda f: f.get(F.PLATFORMS_TROUBLED_SINCE),
    ),
    Rule(
        "halted",
        Status.DEGRADED,
        lambda f: _present(f) and f[F.HALTED],
        "halted: the pause sentinel ESTOP is set",
        Activity.PAUSED,
    ),
    Rule(
        "stuck",
        Status.DEGRADED,
        _stuck,
        lambda f: "stuck: " + _open_turn(f),
        Activity.STUCK,
        since=lambda f: f.get(F.OPEN_TURN_SINCE),
    ),
    Rule(
        "ticker dead",
        Status.DEGRADED,
        lambda f: (
            _present(f)
            and f[F.TICKER_EXPECTED]
            and settled(f, f[F.PROCESS_STARTED_AT], f.thresholds.ticker_s)
            and older(f, f[F.TICKER_AT], f.thresholds.ticker_s)
        ),
        "its cron ticker is dead while the gateway lives",
        since=lambda f: f.get(F.TICKER_AT),
        elsewhere=True,
    ),
    Rule(
        "pool exhausted",
        Status.DEGRADED,
        lambda f: _present(f) and 0 < f[F.POOL] == f[F.EXHAUSTED],
        lambda f: f"the provider refuses every credential of the pool (HTTP {f.get(F.REFUSAL_CODE) or 'unknown'})",
        Activity.RATE_LIMITED,
        elsewhere=True,
    ),
    Rule(
        "rate-limited",
        Status.DEGRADED,
        _refused,
        "the provider refused the last calls for too many requests (429)",
        Activity.RATE_LIMITED,
        since=lambda f: f.get(F.RATE_LIMITED_AT),
        elsewhere=True,
    ),
    Rule(
        "served",
        Status.OK,
        lambda f: f[F.LOCK_HOLDER] is None and f[F.SERVED_BY] is not None,
        lambda f: f"served by the gateway of {f.get(F.SERVED_BY)}",
        Activity.IDLE,
    ),
    Rule(
        "working",
        Status.OK,
        lambda f: _present(f) and f[F.OPEN_TURNS] > 0,
        lambda f: "working: " + _open_turn(f),
        Activity.BUSY,
        since=lambda f: f.get(F.OPEN_TURN_SINCE),
    ),
    Rule(
        "running a job",
        Status.OK,
        lambda f: _present(f) and f[F.RUNS_RUNNING] > 0,
        lambda f: f"working: {f.get(F.RUNS_RUNNING)} cron runs in progress",
        Activity.BUSY,
        since=lambda f: f.get(F.OLDEST_RUN_AT),
        elsewhere=True,
    ),
    Rule(
        "in a tick",
        Status.OK,
        lambda f: _present(f) and not f[F.TICKER_EXPECTED] and f[F.TICK_LOCK_HOLDER] is not None,
        "working: inside a cron run",
        Activity.BUSY,
        elsewhere=True,
    ),
    Rule(
        "idle",
        Status.OK,
        _present,
        "alive and waiting for work",
        Activity.IDLE,
        since=lambda f: f.get(F.LAST_MESSAGE_AT),
    ),
)
