"""What may be said of the scheduler of an instance and of each of its jobs.

Rule 1: the agent advances ``next_run_at`` before a run, keeps it on paused jobs, and deletes
        one-shots when they are done. So only an enabled job can be overdue, and a job that is gone
        from a readable ``jobs.json`` is finished, not failed.
Rule 2: a job is late only after its own grace: half its period, between two minutes and two hours.
Rule 3: whether a run succeeded and whether its message was delivered are two facts.
Rule 4: a missed run is trouble until the next one is made. How many were missed in a day is counted in any case.
"""

from __future__ import annotations

from quarterdeck.truth import fields as F  # noqa: N812 -- a table reads better with one letter before each field
from quarterdeck.truth.judgement import Activity, Facts, Rule, Status, words
from quarterdeck.truth.tables.beats import older, settled

GRACE = (120.0, 7_200.0)


def grace_s(period_s: float | None) -> float:
    """Return the agent's own misfire grace for a period in seconds; one-shots get the shortest."""
    return min(max((period_s or 0.0) / 2, GRACE[0]), GRACE[1])


def _ticker_dead(f: Facts) -> bool:
    return _ticks(f) and older(f, f[F.TICKER_AT], f.thresholds.ticker_s)


def _ticks_fail(f: Facts) -> bool:
    return _ticks(f) and not _ticker_dead(f) and older(f, f[F.TICKER_SUCCESS_AT], f.thresholds.ticker_s)


def _ticks(f: Facts) -> bool:
    """Whether a beat of the ticker can be asked for: it writes one, and has lived long enough to."""
    return f[F.RUNNER_ALIVE] and f[F.TICKER_EXPECTED] and settled(f, f[F.RUNNER_SINCE], f.thresholds.ticker_s)


def _all_overdue(f: Facts) -> bool:
    due = f[F.OLDEST_DUE_AT]
    return (
        f[F.RUNNER_ALIVE]
        and not f[F.TICKER_EXPECTED]
        and due is not None
        and f.age(due) > f.thresholds.overdue_s + GRACE[1]
    )


def _waiting(f: Facts) -> str:
    jobs = f.get(F.JOBS_ENABLED)
    return f"no gateway is alive to run {'its job' if jobs == 1 else f'its {jobs} jobs'}"


SCHEDULER: tuple[Rule, ...] = (
    Rule("runner absent", Status.DOWN, lambda f: not f[F.RUNNER_ALIVE] and f[F.JOBS_ENABLED] > 0, _waiting),
    Rule(
        "ticker dead",
        Status.DOWN,
        _ticker_dead,
        lambda f: f"the cron ticker is dead while the gateway lives: last beat {_ago(f)}",
        since=lambda f: f.get(F.TICKER_AT),
    ),
    Rule(
        "ticks fail",
        Status.DEGRADED,
        _ticks_fail,
        "the ticker beats, but its ticks do not succeed",
        since=lambda f: f.get(F.TICKER_SUCCESS_AT),
    ),
    Rule(
        "run stuck",
        Status.DEGRADED,
        lambda f: (at := f[F.OLDEST_RUN_AT]) is not None and f.age(at) > f.thresholds.stuck_job_s,
        lambda f: f"a run has been going for {f.span(F.OLDEST_RUN_AT)}",
        Activity.STUCK,
        since=lambda f: f.get(F.OLDEST_RUN_AT),
    ),
    Rule(
        "nothing runs",
        Status.DEGRADED,
        _all_overdue,
        "a job is overdue by hours and this release of the agent shows no heartbeat",
        since=lambda f: f.get(F.OLDEST_DUE_AT),
    ),
    Rule(
        "halted",
        Status.DEGRADED,
        lambda f: f[F.HALTED] and f[F.JOBS_ENABLED] > 0,
        "halted: the pause sentinel ESTOP is set",
        Activity.PAUSED,
        elsewhere=True,
    ),
    Rule(
        "no jobs",
        Status.OK,
        lambda f: f[F.JOBS_ENABLED] == 0,
        lambda f: "no jobs" if f.get(F.JOBS_DECLARED) == 0 else "all jobs are paused or finished",
        Activity.IDLE,
    ),
    Rule(
        "running",
        Status.OK,
        lambda f: f[F.RUNS_RUNNING] > 0,
        lambda f: f"{f.get(F.RUNS_RUNNING)} in progress",
        Activity.BUSY,
        since=lambda f: f.get(F.OLDEST_RUN_AT),
    ),
    Rule(
        "idle",
        Status.OK,
        lambda f: f[F.RUNNER_ALIVE],
        lambda f: f"{f.get(F.JOBS_ENABLED) or 0:,} jobs, ticking",
        Activity.IDLE,
    ),
)


def _ago(f: Facts) -> str:
    at = f.get(F.TICKER_AT)
    return "never seen" if at is None else "in the future" if at > f.now else f"{words(f.age(at))} ago"


def _may_run(f: Facts) -> bool:
    return f[F.DECLARED] and f[F.ENABLED] and f[F.JOB_STATE] not in ("paused", "completed")


def _paused(f: Facts) -> bool:
    return f[F.DECLARED] and f[F.JOB_STATE] != "completed" and (f[F.JOB_STATE] == "paused" or not f[F.ENABLED])


def _overdue(f: Facts) -> bool:
    if not _may_run(f):
        return False
    due = f[F.NEXT_RUN_AT]
    return (
        due is not None and f.age(due) > f.thresholds.overdue_s + grace_s(f[F.PERIOD_S]) and f[F.RUNNING_SINCE] is None
    )


def _drifting(f: Facts) -> bool:
    """No success for several periods although nothing else is wrong with it."""
    period = f[F.PERIOD_S] if _may_run(f) else None
    if period is None:
        return False
    since = f[F.LAST_SUCCESS_AT] or f[F.CREATED_AT]
    return since is not None and f.age(since) > f.thresholds.silent_runs * period + f.thresholds.overdue_s + grace_s(
        period
    )


def _forgotten(f: Facts) -> bool:
    at = f[F.PAUSED_AT] if _paused(f) else None
    return at is not None and f.age(at) > f.thresholds.paused_noticed_s and not f[F.PAUSE_EXPLAINED]


def _last_run(f: Facts) -> str:
    at = f.get(F.LAST_RUN_AT)
    return "has not run yet" if at is None else f"ran {words(f.age(at))} ago"


def _next(f: Facts) -> str:
    due = f.get(F.NEXT_RUN_AT)
    return f"{_last_run(f)}, next in {words(-f.age(due))}" if due and due > f.now else _last_run(f)


JOB: tuple[Rule, ...] = (
    Rule(
        "runner absent", Status.DOWN, lambda f: _may_run(f) and not f[F.RUNNER_ALIVE], "no gateway is alive to run it"
    ),
    Rule(
        "stuck",
        Status.DEGRADED,
        lambda f: f[F.DECLARED] and (at := f[F.RUNNING_SINCE]) is not None and f.age(at) > f.thresholds.stuck_job_s,
        lambda f: f"has been running for {f.span(F.RUNNING_SINCE)}",
        Activity.STUCK,
        since=lambda f: f.get(F.RUNNING_SINCE),
    ),
    Rule(
        "schedule broken",
        Status.DEGRADED,
        lambda f: (
            _may_run(f) and (f[F.JOB_STATE] == "error" or (f[F.NEXT_RUN_AT] is None and f[F.RUNNING_SINCE] is None))
        ),
        "the agent could not compute its next run",
    ),
    Rule(
        "overdue",
        Status.DEGRADED,
        _overdue,
        lambda f: f"overdue by {f.span(F.NEXT_RUN_AT)}",
        since=lambda f: f.get(F.NEXT_RUN_AT),
    ),
    Rule(
        "missed",
        Status.DEGRADED,
        lambda f: _may_run(f) and f[F.MISSED_AT] is not None,
        lambda f: f"nobody made the run that was due {f.span(F.MISSED_AT)} ago",
        since=lambda f: f.get(F.MISSED_AT),
        elsewhere=True,
    ),
    Rule(
        "failing",
        Status.DEGRADED,
        lambda f: _may_run(f) and f[F.LAST_RESULT] == "error",
        lambda f: f"its last run failed: {f.get(F.LAST_ERROR) or 'no error class known'}",
        since=lambda f: f.get(F.LAST_RUN_AT),
    ),
    Rule(
        "not delivered",
        Status.DEGRADED,
        lambda f: _may_run(f) and f[F.DELIVERY_ERROR] is not None,
        lambda f: f"ran, but its message was not delivered: {f.get(F.DELIVERY_ERROR)}",
        since=lambda f: f.get(F.LAST_RUN_AT),
    ),
    Rule(
        "drifting",
        Status.DEGRADED,
        _drifting,
        lambda f: f"no successful run for {f.span(F.LAST_SUCCESS_AT if f.get(F.LAST_SUCCESS_AT) else F.CREATED_AT)}",
        since=lambda f: f.get(F.LAST_SUCCESS_AT),
    ),
    Rule(
        "forgotten",
        Status.DEGRADED,
        _forgotten,
        lambda f: f"paused for {f.span(F.PAUSED_AT)} and nobody said why",
        Activity.PAUSED,
        since=lambda f: f.get(F.PAUSED_AT),
    ),
    Rule(
        "gone",
        Status.OK,
        lambda f: not f[F.DECLARED],
        lambda f: f"finished and gone from jobs.json; {_last_run(f)}",
        since=lambda f: f.get(F.LAST_RUN_AT),
        retired=True,
    ),
    Rule(
        "completed",
        Status.OK,
        lambda f: f[F.JOB_STATE] == "completed",
        lambda f: f"finished; {_last_run(f)}",
        retired=True,
    ),
    Rule("paused", Status.OK, _paused, "paused", Activity.PAUSED, since=lambda f: f.get(F.PAUSED_AT)),
    Rule(
        "running",
        Status.OK,
        lambda f: f[F.RUNNING_SINCE] is not None,
        lambda f: f"running for {f.span(F.RUNNING_SINCE)}",
        Activity.BUSY,
        since=lambda f: f.get(F.RUNNING_SINCE),
    ),
    Rule("idle", Status.OK, _may_run, _next, Activity.IDLE),
)
