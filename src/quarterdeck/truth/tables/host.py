"""What may be said of hosts, file systems, listeners, systemd units and of our own sources."""

from __future__ import annotations

from quarterdeck.truth import fields as F  # noqa: N812 -- a table reads better with one letter before each field
from quarterdeck.truth.addresses import Scope, scope_of
from quarterdeck.truth.judgement import Activity, Facts, Rule, Status, words

PRIVATE_ROLES = ("dashboard", "api server")
INODES_LOW = 0.03


def _may_be_tailnet(listener: str) -> bool:
    """Whether a listener's address is out of the tailnet's ranges: the audit of ways in knows whether it is proven."""
    return scope_of(listener.partition("/listener/")[2].rpartition(":")[0]) is Scope.UNPROVEN


def _used(f: Facts) -> float:
    size = f[F.DISK_TOTAL]
    return 1 - f[F.DISK_FREE] / size if size > 0 else 0.0


def _percent(share: float) -> str:
    return f"{share:.0%}".replace("%", " %")


def _disk(f: Facts) -> str:
    return f"{_percent(_used(f))} full, {f[F.DISK_FREE] / 1e9:,.1f} GB free"


def _memory_used(f: Facts) -> float:
    return 1 - f[F.MEMORY_AVAILABLE] / f[F.MEMORY_TOTAL]


HOST: tuple[Rule, ...] = (
    Rule(
        "memory short",
        Status.DEGRADED,
        lambda f: _memory_used(f) > f.thresholds.memory_share,
        lambda f: f"memory {_percent(_memory_used(f))} in use",
    ),
    Rule(
        "clock stepped",
        Status.DEGRADED,
        lambda f: abs(f[F.CLOCK_STEP]) > f.thresholds.clock_step_s,
        lambda f: f"its clock jumped by {f[F.CLOCK_STEP]:+.0f} s",
        elsewhere=True,
    ),
    Rule(
        "well",
        Status.OK,
        lambda f: f[F.LOAD_1M] >= 0,
        lambda f: f"memory {_percent(_memory_used(f))} in use, load {f[F.LOAD_1M]:.1f}",
    ),
)

DISK: tuple[Rule, ...] = (
    Rule(
        "full",
        Status.DOWN,
        lambda f: _used(f) > f.thresholds.disk_full_share,
        lambda f: _disk(f) + "; writers fail or soon will",
    ),
    Rule("filling", Status.DEGRADED, lambda f: _used(f) > f.thresholds.disk_share, _disk),
    Rule(
        "inodes short",
        Status.DEGRADED,
        lambda f: (share := f[F.INODES_FREE_SHARE]) is not None and share < INODES_LOW,
        "almost no inodes are free",
    ),
    Rule("room", Status.OK, lambda f: _used(f) <= f.thresholds.disk_share, _disk),
)

LISTENER: tuple[Rule, ...] = (
    Rule(
        "public",
        Status.DEGRADED,
        lambda f: f[F.LISTENER_PUBLIC] and f[F.LISTENER_ROLE] in PRIVATE_ROLES and not _may_be_tailnet(f.subject),
        lambda f: f"the agent's {f.get(F.LISTENER_ROLE)} listens beyond loopback",
    ),
    Rule(
        "listening",
        Status.OK,
        lambda f: f[F.LISTENER_PUBLIC] or not f[F.LISTENER_PUBLIC],
        lambda f: (
            f"{f.get(F.LISTENER_ROLE) or 'something'} listens"
            + (" beyond loopback" if f.get(F.LISTENER_PUBLIC) else " on loopback")
        ),
    ),
)

UNIT: tuple[Rule, ...] = (
    Rule(
        "not found",
        Status.DOWN,
        lambda f: f[F.LOAD_STATE] != "loaded",
        lambda f: f"systemd says the unit is {f.get(F.LOAD_STATE)}",
    ),
    Rule(
        "failed",
        Status.DOWN,
        lambda f: f[F.ACTIVE_STATE] == "failed",
        lambda f: f"failed: result {f.get(F.RESULT) or 'unknown'}",
        since=lambda f: f.get(F.ENTERED_AT),
    ),
    Rule(
        "restarting",
        Status.DEGRADED,
        lambda f: f[F.SUB_STATE] == "auto-restart",
        lambda f: f"systemd keeps restarting it: {f.get(F.RESTARTS) or 0:,} times so far",
        since=lambda f: f.get(F.ENTERED_AT),
    ),
    Rule(
        "off",
        Status.DOWN,
        lambda f: f[F.ACTIVE_STATE] == "inactive" and not f[F.TRIGGERED],
        "inactive",
        since=lambda f: f.get(F.ENTERED_AT),
    ),
    Rule(
        "between runs",
        Status.OK,
        lambda f: f[F.ACTIVE_STATE] == "inactive",
        "waits for its trigger",
        Activity.IDLE,
        since=lambda f: f.get(F.ENTERED_AT),
    ),
    Rule(
        "active",
        Status.OK,
        lambda f: f[F.ACTIVE_STATE] in ("active", "activating", "reloading", "deactivating"),
        lambda f: f"{f.get(F.ACTIVE_STATE)} ({f.get(F.SUB_STATE)})",
        since=lambda f: f.get(F.ENTERED_AT),
    ),
)


def _elapses(f: Facts) -> str:
    due, last = f.get(F.TIMER_NEXT_AT), f.get(F.TIMER_LAST_AT)
    ran = f"ran {words(f.age(last))} ago" if last else "has not run yet"
    return f"{ran}, next in {words(-f.age(due))}" if due and due > f.now else ran


TIMER: tuple[Rule, ...] = (
    Rule(
        "not found",
        Status.DOWN,
        lambda f: f[F.TIMER_LOAD_STATE] != "loaded",
        lambda f: f"systemd says the timer is {f.get(F.TIMER_LOAD_STATE)}",
    ),
    Rule(
        "off",
        Status.DOWN,
        lambda f: f[F.TIMER_ACTIVE_STATE] != "active",
        lambda f: f"the timer is {f.get(F.TIMER_ACTIVE_STATE)}: it starts nothing",
    ),
    Rule(
        "failing",
        Status.DEGRADED,
        lambda f: f[F.TIMER_RESULT] not in (None, "success"),
        lambda f: f"what it starts failed last time: {f.get(F.TIMER_RESULT)}",
        since=lambda f: f.get(F.TIMER_LAST_AT),
        elsewhere=True,
    ),
    Rule(
        "overdue",
        Status.DEGRADED,
        lambda f: (at := f[F.TIMER_NEXT_AT]) is not None and f.age(at) > f.thresholds.overdue_s,
        lambda f: f"overdue by {f.span(F.TIMER_NEXT_AT)}",
        since=lambda f: f.get(F.TIMER_NEXT_AT),
    ),
    Rule(
        "missed",
        Status.DEGRADED,
        lambda f: f[F.TIMER_MISSED_AT] is not None,
        lambda f: f"did not elapse when it was due {f.span(F.TIMER_MISSED_AT)} ago",
        since=lambda f: f.get(F.TIMER_MISSED_AT),
        elsewhere=True,
    ),
    Rule(
        "running",
        Status.OK,
        lambda f: f[F.TIMER_ACTIVATED_STATE] in ("activating", "active", "reloading"),
        "what it starts is running",
        Activity.BUSY,
        elsewhere=True,
    ),
    Rule("idle", Status.OK, lambda f: f[F.TIMER_ACTIVE_STATE] == "active", _elapses, Activity.IDLE),
)


SOURCE: tuple[Rule, ...] = (
    Rule(
        "not here",
        Status.OK,
        lambda f: f[F.SOURCE_ANSWERED] and f[F.SOURCE_ASKED_AS] is None,
        "this host has no such manager",
        retired=True,
        elsewhere=True,
    ),
    Rule(
        "unanswered",
        Status.UNKNOWN,
        lambda f: not f[F.SOURCE_ANSWERED],
        "gave no answer; the facts it would have brought say why",
    ),
    Rule(
        "answers",
        Status.OK,
        lambda f: f[F.SOURCE_ANSWERED],
        lambda f: f"answered in {f.get(F.SOURCE_TOOK) or 0:.0f} ms",
    ),
)
