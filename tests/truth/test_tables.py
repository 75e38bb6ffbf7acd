"""The judgement tables, row by row, and what no table may ever do."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quarterdeck.truth import fields as F  # noqa: N812
from quarterdeck.truth.fields import Field, kind_of
from quarterdeck.truth.instance import subject
from quarterdeck.truth.judgement import Facts, Rule, Status, ask, judge
from quarterdeck.truth.reading import AnyReading, Key, Knowledge, Known, Reason
from quarterdeck.truth.tables import TABLES, judge_subject
from quarterdeck.truth.thresholds import Thresholds
from tests.truth.cast import JOB, NOW, ORIGIN, WELL, ago, place, readings, worlds

World = dict[Field[Any], object]

GONE: World = {
    F.LOCK_HOLDER: None,
    F.PROCESS_STATE: None,
    F.PROCESS_STARTED_AT: None,
    F.RECORDED_PROCESS: "gone",
    F.RUNNER_ALIVE: False,
    F.HEARTBEAT_AT: ago(900),
}
OLD: World = {
    F.HEARTBEAT_EXPECTED: False,
    F.HEARTBEAT_AT: None,
    F.HEARTBEAT_PID: None,
    F.TICKER_EXPECTED: False,
    F.TICKER_AT: None,
    F.TICKER_SUCCESS_AT: None,
}
TURN: World = {F.OPEN_TURNS: 1, F.OPEN_TURN_SINCE: ago(40), F.OPEN_TURN_IN: "model"}

GATEWAY_CASES: dict[str, tuple[World, str, str | None, str]] = {
    "healthy idle": ({}, "ok", "idle", "waiting for work"),
    "healthy idle, 0.14": (OLD, "ok", "idle", "waiting for work"),
    "working": (TURN, "ok", "busy", "waiting for the model for 40 s"),
    "working in a tool": (
        TURN | {F.OPEN_TURN_IN: "tool", F.OPEN_TURN_TOOL: "terminal"},
        "ok",
        "busy",
        "in tool terminal",
    ),
    "running a job": ({F.RUNS_RUNNING: 2, F.OLDEST_RUN_AT: ago(5)}, "ok", "busy", "2 cron runs"),
    "in a tick, 0.14": (OLD | {F.TICK_LOCK_HOLDER: 858}, "ok", "busy", "inside a cron run"),
    "stuck on the model": (
        TURN | {F.OPEN_TURN_SINCE: ago(301)},
        "degraded",
        "stuck",
        "waiting for the model for 5 min",
    ),
    "stuck in a tool": (
        TURN | {F.OPEN_TURN_SINCE: ago(901), F.OPEN_TURN_IN: "tool", F.OPEN_TURN_TOOL: "terminal"},
        "degraded",
        "stuck",
        "in tool terminal for 15 min",
    ),
    "long in a tool but not stuck": (
        TURN | {F.OPEN_TURN_SINCE: ago(600), F.OPEN_TURN_IN: "tool"},
        "ok",
        "busy",
        "in a tool",
    ),
    "working, 0.14": (OLD | TURN | {F.OPEN_TURN_SINCE: ago(400), F.OPEN_TURN_IN: None}, "ok", "busy", "in progress"),
    "stuck, 0.14": (
        OLD | TURN | {F.OPEN_TURN_SINCE: ago(901), F.OPEN_TURN_IN: None},
        "degraded",
        "stuck",
        "in progress for 15 min",
    ),
    "rate-limited": ({F.RATE_LIMITED_AT: ago(30)}, "degraded", "rate-limited", "429"),
    "was rate-limited, answered since": ({F.RATE_LIMITED_AT: ago(30), F.LAST_SUCCESS: ago(10)}, "ok", "idle", ""),
    "pool exhausted": ({F.EXHAUSTED: 2, F.REFUSAL_CODE: 429}, "degraded", "rate-limited", "every credential"),
    "stopped by a signal": ({F.PROCESS_STATE: "stopped"}, "degraded", None, "SIGSTOP"),
    "defunct": ({F.PROCESS_STATE: "zombie"}, "degraded", None, "zombie"),
    "reading a file": ({F.PROCESS_STATE: "disk sleep"}, "ok", "idle", ""),
    "event loop silent": ({F.HEARTBEAT_AT: ago(200)}, "degraded", None, "not beaten for 3 min"),
    "never beat": ({F.HEARTBEAT_AT: None}, "degraded", None, "not beaten since it started"),
    "just started, no beat yet": (
        {F.HEARTBEAT_AT: None, F.HEARTBEAT_PID: None, F.PROCESS_STARTED_AT: ago(10)},
        "ok",
        "idle",
        "",
    ),
    "beat from the future": ({F.HEARTBEAT_AT: ago(-500)}, "degraded", None, "future"),
    "another process beats": ({F.HEARTBEAT_PID: 7}, "degraded", None, "process 7"),
    "ticker dead while the gateway lives": ({F.TICKER_AT: ago(500)}, "degraded", None, "ticker is dead"),
    "says degraded": ({F.RECORDED_STATE: "degraded"}, "degraded", None, "degraded"),
    "draining for long": ({F.RECORDED_STATE: "draining"}, "degraded", None, "draining for longer"),
    "platform failed": (
        {F.PLATFORMS: {"telegram": "fatal"}, F.PLATFORMS_TROUBLED_SINCE: ago(5)},
        "degraded",
        None,
        "telegram fatal",
    ),
    "platform away": (
        {F.PLATFORMS: {"telegram": "retrying"}, F.PLATFORMS_TROUBLED_SINCE: ago(400)},
        "degraded",
        None,
        "telegram retrying",
    ),
    "platform just reconnecting": (
        {F.PLATFORMS: {"telegram": "retrying"}, F.PLATFORMS_TROUBLED_SINCE: ago(40)},
        "ok",
        "idle",
        "",
    ),
    "halted": ({F.HALTED: True}, "degraded", "paused", "ESTOP"),
    "crash loop, present": ({F.STARTS_RECENT: 3}, "degraded", None, "3 starts"),
    "crash loop, gone": (GONE | {F.STARTS_RECENT: 5}, "down", None, "5 starts"),
    "never started": (GONE | {F.EVER_STARTED: False, F.RECORDED_STATE: None}, "down", None, "never started"),
    "killed while saying running": (GONE, "down", None, "still says running"),
    "killed, number reused": (GONE | {F.RECORDED_PROCESS: "another"}, "down", None, "another process"),
    "stopped on purpose": (GONE | {F.RECORDED_STATE: "stopped", F.CLEAN_SHUTDOWN: True}, "down", None, "on purpose"),
    "terminated, 0.14": (
        GONE | OLD | {F.RECORDED_STATE: "stopped", F.LAST_EXIT: "nonzero"},
        "down",
        None,
        "wrote so itself",
    ),
    "startup failed": (
        GONE | {F.RECORDED_STATE: "startup_failed", F.RECORDED_EXIT: "config"},
        "down",
        None,
        "failed to start: config",
    ),
    "gone, its note unreadable": (GONE | {F.RECORDED_STATE: Reason.CORRUPT}, "down", None, "no process holds"),
    "served by another": (GONE | {F.SERVED_BY: "default"}, "ok", "idle", "served by the gateway of default"),
    "lock cannot be seen": ({F.LOCK_HOLDER: Reason.OBSERVER}, "unknown", None, "observer"),
    "heartbeat unreadable": ({F.HEARTBEAT_AT: Reason.CORRUPT}, "unknown", None, "corrupt"),
    "sessions unreadable": (
        {F.OPEN_TURN_SINCE: Reason.CORRUPT, F.OPEN_TURNS: Reason.CORRUPT},
        "unknown",
        None,
        "corrupt",
    ),
    "ticker file unreadable": ({F.TICKER_AT: Reason.CORRUPT}, "ok", "idle", ""),
}

JOB_CASES: dict[str, tuple[World, str, str | None, str]] = {
    "idle": ({}, "ok", "idle", "ran 20 min ago, next in 10 min"),
    "running": ({F.RUNNING_SINCE: ago(10)}, "ok", "busy", "running for 10 s"),
    "overdue": ({F.NEXT_RUN_AT: ago(1_200)}, "degraded", None, "overdue by 20 min"),
    "late within its grace": ({F.NEXT_RUN_AT: ago(1_000)}, "ok", "idle", "ran"),
    "paused": (
        {F.JOB_STATE: "paused", F.ENABLED: False, F.PAUSED_AT: ago(60), F.NEXT_RUN_AT: ago(9_000)},
        "ok",
        "paused",
        "paused",
    ),
    "paused and forgotten": (
        {F.JOB_STATE: "paused", F.ENABLED: False, F.PAUSED_AT: ago(900_000)},
        "degraded",
        "paused",
        "nobody said why",
    ),
    "paused long, with a reason": (
        {F.JOB_STATE: "paused", F.PAUSED_AT: ago(900_000), F.PAUSE_EXPLAINED: True},
        "ok",
        "paused",
        "paused",
    ),
    "failing": ({F.LAST_RESULT: "error", F.LAST_ERROR: "rate-limited"}, "degraded", None, "rate-limited"),
    "delivery failing while the run was ok": ({F.DELIVERY_ERROR: "not configured"}, "degraded", None, "not delivered"),
    "runner absent": ({F.RUNNER_ALIVE: False}, "down", None, "no gateway"),
    "runner cannot be told": ({F.RUNNER_ALIVE: Reason.DENIED}, "unknown", None, "denied"),
    "stuck": ({F.RUNNING_SINCE: ago(4_000)}, "degraded", "stuck", "running for 66 min"),
    "no success for long": (
        {F.LAST_SUCCESS_AT: ago(20_000), F.LAST_RUN_AT: ago(20_000)},
        "degraded",
        None,
        "no successful run for 5 h",
    ),
    "new, not yet run": (
        {F.LAST_SUCCESS_AT: None, F.LAST_RUN_AT: None, F.LAST_RESULT: None, F.CREATED_AT: ago(60)},
        "ok",
        "idle",
        "has not run yet",
    ),
    "schedule broken": ({F.JOB_STATE: "error"}, "degraded", None, "could not compute"),
    "no next run": ({F.NEXT_RUN_AT: None}, "degraded", None, "could not compute"),
    "unreadable": ({F.DECLARED: Reason.CORRUPT}, "unknown", None, "corrupt"),
}

SCHEDULER_CASES: dict[str, tuple[World, str, str | None, str]] = {
    "idle": ({}, "ok", "idle", "1 jobs"),
    "no jobs": ({F.JOBS_DECLARED: 0, F.JOBS_ENABLED: 0, F.RUNNER_ALIVE: False}, "ok", "idle", "no jobs"),
    "all paused": ({F.JOBS_ENABLED: 0}, "ok", "idle", "all jobs are paused"),
    "runner absent": ({F.RUNNER_ALIVE: False}, "down", None, "no gateway is alive to run its job"),
    "ticker dead": ({F.TICKER_AT: ago(500)}, "down", None, "last beat 8 min ago"),
    "ticks fail": ({F.TICKER_SUCCESS_AT: ago(500)}, "degraded", None, "do not succeed"),
    "run stuck": ({F.OLDEST_RUN_AT: ago(5_000), F.RUNS_RUNNING: 1}, "degraded", "stuck", "83 min"),
    "running": ({F.OLDEST_RUN_AT: ago(5), F.RUNS_RUNNING: 1}, "ok", "busy", "1 in progress"),
    "nothing runs, 0.14": (OLD | {F.OLDEST_DUE_AT: ago(9_000)}, "degraded", None, "overdue by hours"),
    "jobs unreadable": ({F.JOBS_ENABLED: Reason.CORRUPT, F.JOBS_DECLARED: Reason.CORRUPT}, "unknown", None, "corrupt"),
}


def _cases() -> list[Any]:
    parts = (("gateway", GATEWAY_CASES), ("cron", SCHEDULER_CASES), (f"cron/{JOB}", JOB_CASES))
    return [
        pytest.param(part, *case, id=f"{part.split('/')[0]}{'/job' if '/' in part else ''}: {name}")
        for part, cases in parts
        for name, case in cases.items()
    ]


@pytest.mark.parametrize(("part", "spoiled", "status", "activity", "words"), _cases())
def test_the_table_says(part: str, spoiled: World, status: str, activity: str | None, words: str) -> None:
    """Each state of the world leads to its status, its activity and its words."""
    found = judge_subject(subject("north", part), readings(spoiled), NOW, Thresholds())
    assert (found.status, found.activity) == (status, activity), found.reason
    assert words in found.reason


def test_a_job_gone_from_a_readable_file_is_retired_never_red() -> None:
    """A finished one-shot is retired: known, not counted as trouble."""
    name = subject("north", "cron", JOB)
    world = {
        k: r for k, r in readings({F.DECLARED: False}).items() if k[0] != name or k[1] in ("declared", "last_run_at")
    }
    found = judge_subject(name, world, NOW, Thresholds())
    assert (found.status, found.knowledge) == (Status.OK, Knowledge.RETIRED)


HOST_CASES = [
    ("host:deck", {F.MEMORY_TOTAL: 100, F.MEMORY_AVAILABLE: 50, F.LOAD_1M: 0.5, F.CLOCK_STEP: 0}, "ok"),
    ("host:deck", {F.MEMORY_TOTAL: 100, F.MEMORY_AVAILABLE: 2, F.LOAD_1M: 0.5, F.CLOCK_STEP: 0}, "degraded"),
    ("host:deck", {F.MEMORY_TOTAL: 100, F.MEMORY_AVAILABLE: 50, F.LOAD_1M: 0.5, F.CLOCK_STEP: -3600}, "degraded"),
    ("host:deck/disk//", {F.DISK_TOTAL: 100, F.DISK_FREE: 50, F.INODES_FREE_SHARE: None}, "ok"),
    ("host:deck/disk//", {F.DISK_TOTAL: 100, F.DISK_FREE: 5, F.INODES_FREE_SHARE: 0.5}, "degraded"),
    ("host:deck/disk//", {F.DISK_TOTAL: 100, F.DISK_FREE: 1, F.INODES_FREE_SHARE: 0.5}, "down"),
    ("host:deck/disk//", {F.DISK_TOTAL: 100, F.DISK_FREE: 50, F.INODES_FREE_SHARE: 0.01}, "degraded"),
    ("host:deck/listener/0.0.0.0:9119", {F.LISTENER_PUBLIC: True, F.LISTENER_ROLE: "dashboard"}, "degraded"),
    ("host:deck/listener/192.168.1.2:9119", {F.LISTENER_PUBLIC: True, F.LISTENER_ROLE: "dashboard"}, "degraded"),
    ("host:deck/listener/100.101.102.103:9119", {F.LISTENER_PUBLIC: True, F.LISTENER_ROLE: "dashboard"}, "ok"),
    ("host:deck/listener/[fd7a:115c:a1e0::7]:9119", {F.LISTENER_PUBLIC: True, F.LISTENER_ROLE: "dashboard"}, "ok"),
    ("host:deck/listener/127.0.0.1:9119", {F.LISTENER_PUBLIC: False, F.LISTENER_ROLE: "dashboard"}, "ok"),
    (
        "systemd:user/a.service",
        {F.LOAD_STATE: "loaded", F.ACTIVE_STATE: "active", F.SUB_STATE: "running", F.TRIGGERED: False},
        "ok",
    ),
    (
        "systemd:user/a.service",
        {F.LOAD_STATE: "not-found", F.ACTIVE_STATE: "inactive", F.SUB_STATE: "dead", F.TRIGGERED: False},
        "down",
    ),
    (
        "systemd:user/a.service",
        {F.LOAD_STATE: "loaded", F.ACTIVE_STATE: "failed", F.SUB_STATE: "failed", F.TRIGGERED: False},
        "down",
    ),
    (
        "systemd:user/a.service",
        {F.LOAD_STATE: "loaded", F.ACTIVE_STATE: "activating", F.SUB_STATE: "auto-restart", F.TRIGGERED: False},
        "degraded",
    ),
    (
        "systemd:user/a.service",
        {F.LOAD_STATE: "loaded", F.ACTIVE_STATE: "inactive", F.SUB_STATE: "dead", F.TRIGGERED: False},
        "down",
    ),
    (
        "systemd:user/a.service",
        {F.LOAD_STATE: "loaded", F.ACTIVE_STATE: "inactive", F.SUB_STATE: "dead", F.TRIGGERED: True},
        "ok",
    ),
    (
        "systemd:user/a.timer",
        {F.TIMER_LOAD_STATE: "loaded", F.TIMER_ACTIVE_STATE: "active", F.TIMER_NEXT_AT: ago(-60)},
        "ok",
    ),
    (
        "systemd:user/a.timer",
        {F.TIMER_LOAD_STATE: "loaded", F.TIMER_ACTIVE_STATE: "inactive", F.TIMER_NEXT_AT: None},
        "down",
    ),
    (
        "systemd:user/a.timer",
        {F.TIMER_LOAD_STATE: "loaded", F.TIMER_ACTIVE_STATE: "active", F.TIMER_NEXT_AT: ago(900)},
        "degraded",
    ),
    (
        "systemd:user/a.timer",
        {
            F.TIMER_LOAD_STATE: "loaded",
            F.TIMER_ACTIVE_STATE: "active",
            F.TIMER_NEXT_AT: ago(-60),
            F.TIMER_RESULT: "exit-code",
        },
        "degraded",
    ),
    (
        "hermes:north/credentials",
        {
            F.WORLD_READABLE: (),
            F.SECRETS_COMMITTED: (),
            F.CRED_EXPIRES_AT: None,
            F.CRED_PROVIDERS: ("a",),
            F.ENV_FILE: True,
        },
        "ok",
    ),
    (
        "hermes:north/credentials",
        {F.WORLD_READABLE: ("auth.json",), F.CRED_EXPIRES_AT: None, F.CRED_PROVIDERS: (), F.ENV_FILE: True},
        "degraded",
    ),
    (
        "hermes:north/credentials",
        {F.WORLD_READABLE: (), F.CRED_EXPIRES_AT: ago(200_000), F.CRED_PROVIDERS: ("a",), F.ENV_FILE: True},
        "degraded",
    ),
    ("hermes:north/kanban", {F.TASKS: {"ready": 2}, F.TASKS_RUNNING_STALE: 0, F.TASKS_BLOCKED_SILENT: 0}, "ok"),
    ("hermes:north/kanban", {F.TASKS: {"running": 2}, F.TASKS_RUNNING_STALE: 1, F.TASKS_BLOCKED_SILENT: 0}, "degraded"),
    ("hermes:north/sessions", {F.MALFORMED: 1, F.SESSIONS_TOTAL: 4}, "degraded"),
    (
        "hermes:north/model",
        {F.EXHAUSTED: 1, F.POOL: 2, F.REFUSAL_CODE: 402, F.RATE_LIMITED_AT: None, F.MODEL: "m"},
        "degraded",
    ),
    ("hermes:north/logs", {F.ERRORS_1H: {"other": 51}}, "degraded"),
    ("hermes:north/logs", {F.ERRORS_1H: {}}, "ok"),
    ("source:host", {F.SOURCE_ANSWERED: False, F.SOURCE_TOOK: 5000}, "unknown"),
]


@pytest.mark.parametrize(("name", "facts", "status"), HOST_CASES)
def test_hosts_units_and_parts(name: str, facts: World, status: str) -> None:
    """Hosts, file systems, listeners, units, timers and parts of an instance are judged by their tables."""
    world = {(name, field.name): field.known(name, ORIGIN, value, NOW) for field, value in facts.items()}
    assert judge_subject(name, world, NOW, Thresholds()).status == status


KINDS = ("gateway", "scheduler", "sessions", "instance", "model", "job")


@settings(max_examples=300, suppress_health_check=list(HealthCheck))
@given(worlds(KINDS), st.integers(-200, 400))
def test_nothing_is_ok_unless_known_and_unexpired(world: dict[Key, AnyReading], later: int) -> None:
    """Whatever the readings and the moment: an ok rests only on readings that are known and not expired.

    Rows about a neighbour are left out: their doubts are shown on the neighbour's own row.
    """
    now = NOW + timedelta(seconds=later)
    for part in ("gateway", "cron", "sessions", "model", f"cron/{JOB}"):
        name = subject("north", part)
        own = [rule for rule in TABLES[kind_of(name)] if not rule.elsewhere]
        found = judge(own, Facts(name, world, now))
        if found.status is Status.OK:
            assert found.because
            assert all(
                isinstance(r, Known) and r.knowledge(now) in (Knowledge.FRESH, Knowledge.LATE) for r in found.because
            )


@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_any_readings_at_all_are_judged(data: st.DataObject) -> None:
    """No table raises, whatever the readings."""
    world = data.draw(worlds(tuple(TABLES)))
    for name in {key[0] for key in world}:
        judge_subject(name, world, NOW, Thresholds())


@pytest.mark.parametrize("field", list(WELL), ids=lambda field: f"{field.of}.{field.name}")
@pytest.mark.parametrize("reason", [Reason.CORRUPT, Reason.MISSING])
def test_losing_any_fact_never_makes_red_turn_green(field: Field[Any], reason: Reason) -> None:
    """Take any single fact away from any bad state: the instance as a whole is never ok."""
    parts = ("gateway", "cron", "sessions", "model", "")
    for name, (spoiled, status, _, _) in GATEWAY_CASES.items():
        if status == "ok":
            continue
        world = readings(spoiled | {field: reason})
        statuses = [
            judge_subject(subject("north", *([part] if part else [])), world, NOW, Thresholds()).status
            for part in parts
        ]
        assert any(s is not Status.OK for s in statuses), name


def test_expired_readings_are_stale_not_ok_and_not_down() -> None:
    """Readings that were well and are old now make a stale gateway, with the age in the reason."""
    found = judge_subject(place(F.LOCK_HOLDER), readings(at=ago(1_000)), NOW, Thresholds())
    assert found.status is Status.STALE
    assert "16 min ago" in found.reason


@pytest.mark.parametrize(
    ("strict", "rule", "status"), [(False, "halted", Status.DEGRADED), (True, "doubt", Status.UNKNOWN)]
)
def test_a_strict_row_does_not_hold_while_one_above_it_is_in_doubt(strict: bool, rule: str, status: Status) -> None:
    """A bad row holds though one above it cannot be decided, and carries the doubt; a strict one does not hold."""
    table = (
        Rule("served by another", Status.DEGRADED, lambda f: f[F.SERVED_BY] is not None, "served by another"),
        Rule("halted", Status.DEGRADED, lambda f: f[F.EVER_STARTED], "halted", strict=strict),
    )
    lost = Facts(place(F.SERVED_BY), readings({F.SERVED_BY: Reason.TIMEOUT}), NOW)
    found = judge(table, lost)
    assert (found.rule, found.status) == (rule, status)
    assert [reading.field for reading in found.doubts] == ["served_by"]
    assert judge(table, Facts(place(F.SERVED_BY), readings(), NOW)).rule == "halted"


def test_an_answer_names_the_readings_it_follows_from() -> None:
    """An answer tells which readings were asked for, also when there is none, and nothing asked before is forgotten."""
    facts = Facts(place(F.SERVED_BY), readings({F.LAST_EXIT: Reason.TIMEOUT}), NOW)
    assert facts[F.EVER_STARTED] is True
    known = ask(facts, lambda f: f[F.SERVED_BY])
    lost = ask(facts, lambda f: (f[F.SERVED_BY], f[F.LAST_EXIT]))
    assert (known.value, known.lost, [r.field for r in known.readings]) == (None, None, ["served_by"])
    assert (lost.value, [r.field for r in lost.readings]) == (None, ["served_by", "last_exit"])
    assert lost.lost is facts.reading(F.LAST_EXIT)
    assert [field.name for field in facts.asked] == ["ever_started", "served_by", "last_exit"]
