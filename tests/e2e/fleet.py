"""Three instances at three in the morning: one well, one killed, one that can only be read in part.

Everything a page can show is in here once: each status and activity, disks, timers and units, witnesses that disagree,
trouble that follows from other trouble, values that are late, old, unknown, and unknown with a last value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from quarterdeck.truth import fields as F  # noqa: N812 -- short where every line names a field
from quarterdeck.truth.fields import Field
from quarterdeck.truth.instance import Instance, subject
from quarterdeck.truth.reading import AnyReading, Key, Known, Origin, Reason
from quarterdeck.truth.snapshot import Look, Snapshot

Facts = Mapping[Field[Any], object]

INSTANCES: Final = (
    Instance("north", "north", unit="hermes-gateway.service"),
    Instance("south", "south", unit="hermes-gateway-south.service"),
    Instance("harbour", "harbour"),
)
NAMED: Final = ("nightly summary", "inbox triage", "weekly ledger of everything that was bought, with its receipts")

TOOK_MS: Final = {
    "hermes north": 18.2, "hermes south": 7.9, "hermes harbour": 11.4, "host": 2.1, "systemd user": 64.0,
    "systemd system": 5000.0,
}  # fmt: skip

# Who says so, by kind of subject; single fields below.
ORIGINS: Final = {
    "instance": Origin("files of the home", "config.yaml"),
    "gateway": Origin("gateway_state.json", "gateway_state.json"),
    "scheduler": Origin("cron jobs", "cron/jobs.json"),
    "job": Origin("cron jobs", "cron/jobs.json"),
    "sessions": Origin("sessions database", "state.db"),
    "model": Origin("configuration", "config.yaml"),
    "credentials": Origin("logins", "auth.json"),
    "kanban": Origin("task board", "kanban.db"),
    "inventory": Origin("files of the home", "skills"),
    "logs": Origin("agent log", "logs/errors.log"),
    "host": Origin("kernel", "meminfo"),
    "disk": Origin("file system", "/"),
    "listener": Origin("kernel", "net/tcp"),
    "tailnet": Origin("tailscaled", "status"),
    "unit": Origin("systemd (user)", "hermes-gateway.service"),
    "timer": Origin("systemd (user)", "hermes-backup.timer"),
    "service": Origin("our own asking", "127.0.0.1:11434"),
    "repository": Origin("git", "north-backup: HEAD"),
}
WITNESSES: Final = {
    F.LOCK_HOLDER: Origin("kernel locks", "gateway.lock"),
    F.PROCESS_STATE: Origin("kernel processes", "gateway.lock"),
    F.PROCESS_STARTED_AT: Origin("kernel processes", "gateway.lock"),
    F.RECORDED_PROCESS: Origin("kernel processes", "gateway_state.json"),
    F.HEARTBEAT_AT: Origin("gateway heartbeat", "state/gateway.heartbeat"),
    F.HEARTBEAT_PID: Origin("gateway heartbeat", "state/gateway.heartbeat"),
    F.UNIT_ACTIVE: Origin("systemd (user)", "hermes-gateway.service"),
    F.UNIT_PID: Origin("systemd (user)", "hermes-gateway.service"),
    F.UNIT_RESULT: Origin("systemd (user)", "hermes-gateway.service"),
    F.STARTS_RECENT: Origin("gateway start diary", "gateway-starts.log"),
    F.LAST_EXIT: Origin("gateway exit diary", "logs/gateway-exit-diag.log"),
    F.TICKER_AT: Origin("cron ticker", "cron/ticker_heartbeat"),
    F.TICKER_SUCCESS_AT: Origin("cron ticker", "cron/ticker_last_success"),
    F.RUNS_24H: Origin("execution ledger", "cron/executions.db"),
    F.FAILED_24H: Origin("execution ledger", "cron/executions.db"),
    F.RUNNING_SINCE: Origin("execution ledger", "cron/executions.db"),
}


def fleet(now: datetime, version: int = 1) -> Snapshot:
    """Everything as it stands at a moment."""
    world: dict[Key, AnyReading] = {}
    for name, facts in {**_north(now), **_south(now), **_harbour(now), **_host(now), **_named(now)}.items():
        for field, value in facts.items():
            world[name, field.name] = tell(field, name, value, now - timedelta(seconds=4))
    _age(world, now)
    looks = {
        name: Look(name, now, took, answered=took < 1000, detail="" if took < 1000 else "no answer within 5 s")
        for name, took in TOOK_MS.items()
    }
    for look in looks.values():
        name, origin = f"source:{look.source}", Origin("collector", look.source)
        world[name, F.SOURCE_TOOK.name] = F.SOURCE_TOOK.known(name, origin, look.took_ms, now)
        world[name, F.SOURCE_ANSWERED.name] = F.SOURCE_ANSWERED.known(name, origin, look.answered, now)
    gone = {subject("north", "cron", "5e0f7a9d1c22"): now - timedelta(hours=3)}
    return Snapshot(version, now, INSTANCES, world, looks, gone)


def tell(field: Field[Any], name: str, value: object, at: datetime) -> AnyReading:
    """Make the reading of a field; a reason makes it unknown, with words as a source would have them."""
    origin = WITNESSES.get(field, ORIGINS[field.of])
    if field.of == "disk":
        origin = Origin("file system", name.partition("/disk/")[2])
    if isinstance(value, Lost):
        last = field.known(name, origin, value.last, at - value.since) if value.since else None
        lost = field.unavailable(name, origin, value.reason, value.detail, at)
        return replace(lost, last=last if isinstance(last, Known) else None)
    return field.known(name, origin, value, at)


class Lost:
    """A fact that cannot be read now, and what it was."""

    def __init__(self, reason: Reason, detail: str, *, last: object = None, since: timedelta | None = None) -> None:
        self.reason, self.detail, self.last, self.since = reason, detail, last, since


def _age(world: dict[Key, AnyReading], now: datetime) -> None:
    """Let some readings be late and some old."""
    for key, age_s in {
        (subject("harbour", "model"), F.MODEL.name): 400,
        (subject("harbour", "model"), F.PROVIDER.name): 400,
        (subject("harbour", "model"), F.FALLBACKS.name): 400,
        ("host:deck/disk//srv/archive", F.DISK_FREE.name): 700,
        ("host:deck/disk//srv/archive", F.DISK_TOTAL.name): 700,
        (subject("north", "sessions"), F.TOKENS_24H.name): 60,
    }.items():
        reading = world[key]
        if isinstance(reading, Known):
            world[key] = replace(reading, observed_at=now - timedelta(seconds=age_s))


def _gateway(now: datetime, pid: int) -> Facts:
    return {
        F.LOCK_HOLDER: pid,
        F.PROCESS_STATE: "sleeping",
        F.PROCESS_STARTED_AT: now - timedelta(days=6, hours=2),
        F.EVER_STARTED: True,
        F.RECORDED_STATE: "running",
        F.RECORDED_AT: now - timedelta(hours=5),
        F.RECORDED_PID: pid,
        F.RECORDED_PROCESS: "alive",
        F.RECORDED_EXIT: None,
        F.ACTIVE_AGENTS: 1,
        F.PLATFORMS: {"telegram": "connected", "api_server": "connected"},
        F.PLATFORMS_TROUBLED_SINCE: None,
        F.SERVED_BY: None,
        F.HEARTBEAT_EXPECTED: True,
        F.HEARTBEAT_AT: now - timedelta(seconds=20),
        F.HEARTBEAT_PID: pid,
        F.CLEAN_SHUTDOWN: False,
        F.STARTS_RECENT: 0,
        F.LAST_EXIT: "clean",
        F.LAST_EXIT_AT: now - timedelta(days=6, hours=2, minutes=1),
        F.UNIT: "hermes-gateway.service",
        F.UNIT_ACTIVE: "active",
        F.UNIT_PID: pid,
    }


def _job(now: datetime, **facts: object) -> Facts:
    well: dict[Field[Any], object] = {
        F.DECLARED: True,
        F.SCHEDULE: "every 30 min",
        F.SCHEDULE_KIND: "interval",
        F.PERIOD_S: 1800.0,
        F.ENABLED: True,
        F.JOB_STATE: "scheduled",
        F.PAUSED_AT: None,
        F.PAUSE_EXPLAINED: False,
        F.CREATED_AT: now - timedelta(days=40),
        F.NEXT_RUN_AT: now + timedelta(minutes=12),
        F.LAST_RUN_AT: now - timedelta(minutes=18),
        F.LAST_RESULT: "ok",
        F.LAST_ERROR: None,
        F.DELIVERY_ERROR: None,
        F.RUNNING_SINCE: None,
        F.LAST_SUCCESS_AT: now - timedelta(minutes=18),
        F.RUNS_24H: 48,
        F.FAILED_24H: 0,
    }
    named = {field.name: field for field in (*well, F.JOB_NAME)}
    return well | {named[name]: value for name, value in facts.items()}


def _scheduler(now: datetime, jobs: int, *, alive: bool) -> Facts:
    return {
        F.JOBS_DECLARED: jobs,
        F.JOBS_ENABLED: jobs,
        F.TICKER_EXPECTED: True,
        F.TICKER_AT: now - timedelta(seconds=30),
        F.TICKER_SUCCESS_AT: now - timedelta(seconds=30),
        F.TICK_LOCK_HOLDER: None,
        F.RUNNER_ALIVE: alive,
        F.RUNNER_SINCE: now - timedelta(days=6),
        F.RUNS_RUNNING: 0,
        F.OLDEST_RUN_AT: None,
        F.OLDEST_DUE_AT: now + timedelta(minutes=4),
    }


def _sessions(now: datetime, **facts: object) -> Facts:
    well: dict[Field[Any], object] = {
        F.SESSIONS_TOTAL: 54_647,
        F.SESSIONS_24H: 41,
        F.SESSIONS_LIVE: 2,
        F.SESSIONS_BY_SOURCE: {"telegram": 22, "cron": 17, "cli": 2},
        F.MESSAGES_24H: 1_204,
        F.TOKENS_24H: 1_912_345,
        F.COST_24H: 2.71,
        F.UNPRICED_24H: 0,
        F.LAST_SUCCESS: now - timedelta(minutes=7),
        F.LAST_MESSAGE_AT: now - timedelta(minutes=6),
        F.OPEN_TURNS: 0,
        F.OPEN_TURN_SINCE: None,
        F.OPEN_TURN_IN: None,
        F.OPEN_TURN_TOOL: None,
        F.OPEN_TURN_SESSION: None,
        F.DB_BYTES: 1.2e9,
        F.WAL_BYTES: 4.1e6,
        F.MALFORMED: 0,
    }
    named = {field.name: field for field in well}
    return well | {named[name]: value for name, value in facts.items()}


def _model(*, model: str = "claude-opus-5", provider: str = "anthropic") -> Facts:
    return {
        F.MODEL: model,
        F.PROVIDER: provider,
        F.FALLBACKS: ("gpt-6-mini", "qwen4-32b-instruct"),
        F.TOOLSETS: ("terminal", "files", "web", "memory", "browser"),
        F.EXHAUSTED: 0,
        F.POOL: 2,
        F.RATE_LIMITED_AT: None,
        F.REFUSAL_CODE: None,
    }


def _home(release: str, *, halted: bool = False) -> Facts:
    return {F.AGENT_VERSION: release, F.SCHEMA_VERSION: 22, F.OS_USER: "agent", F.HALTED: halted, F.UPDATING: False}


def _north(now: datetime) -> dict[str, Facts]:
    """Well: in the middle of a turn. Two of its jobs are not."""
    minute, hour, day = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
    turn = {"open_turns": 1, "open_turn_since": now - 6 * minute, "open_turn_in": "tool", "open_turn_tool": "terminal"}
    daily = {"schedule": "0 1 * * *", "schedule_kind": "cron", "period_s": 86_400.0}
    jobs = {
        "934a7b9942d5": _job(
            now, name=NAMED[0], delivery_error="platform", last_run_at=now - 2 * hour, last_success_at=now - 2 * hour,
            next_run_at=now + 22 * hour, **daily,
        ),
        "1f02c3d4e5a6": _job(now, name=NAMED[1]),
        "2b13d4e5f6a7": _job(now, name=NAMED[2], schedule="30 4 * * 1-5", schedule_kind="cron", period_s=86_400.0),
        "3c24e5f6a7b8": _job(now, paused_at=now - 2 * day, state="paused", enabled=False),
        "4d35f6a7b8c9": _job(now, running_since=now - 3 * minute),
        "5e46a7b8c9d0": _job(now, last_result="error", last_error="rate limit 429", last_success_at=now - 48 * minute),
        "6f57b8c9d0e1": _job(now, schedule="once", schedule_kind="once", period_s=None, next_run_at=now + 3 * day),
    }  # fmt: skip
    session = _sessions(now, **turn, open_turn_session="20261120_235801_a1b2c3")
    return {
        subject("north"): _home("0.19.0"),
        subject("north", "gateway"): _gateway(now, 858),
        subject("north", "cron"): {
            **_scheduler(now, 7, alive=True), F.RUNS_RUNNING: 1, F.OLDEST_RUN_AT: now - 3 * minute,
        },
        subject("north", "sessions"): session,
        subject("north", "model"): _model(),
        subject("north", "credentials"): {
            F.CRED_PROVIDERS: ("anthropic", "telegram"), F.CRED_EXPIRES_AT: now + 20 * day, F.ENV_FILE: True,
            F.WORLD_READABLE: (),
        },
        subject("north", "kanban"): {
            F.TASKS: {"running": 2, "todo": 9, "done": 214}, F.TASKS_RUNNING_STALE: 0, F.TASKS_BLOCKED_SILENT: 0,
        },
        subject("north", "inventory"): {
            F.MEMORY_FILES: 2, F.MEMORY_ENTRIES: 61, F.MEMORY_BYTES: 18_400, F.SKILLS: 14, F.INTEGRATIONS: 3,
        },
        subject("north", "logs"): {F.ERRORS_1H: {"rate_limit": 2, "timeout": 1}, F.LOG_AT: now - 1 * minute},
        **{subject("north", "cron", id_): job for id_, job in jobs.items()},
    }  # fmt: skip


def _south(now: datetime) -> dict[str, Facts]:
    """Killed 23 minutes ago; what it wrote still says running. Its jobs wait for it."""
    end = now - timedelta(minutes=23)
    late = {"next_run_at": now - timedelta(minutes=20), "last_run_at": end - timedelta(minutes=9)}
    return {
        subject("south"): _home("0.14.0"),
        subject("south", "gateway"): {
            **_gateway(now, 1733),
            F.LOCK_HOLDER: None,
            F.PROCESS_STATE: None,
            F.PROCESS_STARTED_AT: None,
            F.RECORDED_PROCESS: "gone",
            F.RECORDED_AT: end - timedelta(seconds=9),
            F.HEARTBEAT_EXPECTED: False,
            F.HEARTBEAT_AT: None,
            F.HEARTBEAT_PID: None,
            F.LAST_EXIT: "nonzero",
            F.LAST_EXIT_AT: end,
            F.UNIT: "hermes-gateway-south.service",
            F.UNIT_ACTIVE: "failed",
            F.UNIT_PID: None,
            F.UNIT_RESULT: "oom-kill",
        },
        subject("south", "cron"): {**_scheduler(now, 3, alive=False), F.TICKER_EXPECTED: False},
        subject("south", "sessions"): _sessions(now, total=812, started_24h=18, tokens_24h=311_000, cost_24h_usd=0.47),
        subject("south", "model"): _model(model="qwen4-32b-instruct", provider="ollama"),
        **{subject("south", "cron", f"a{n}b1c2d3e4f5"): _job(now, **late) for n in range(3)},
    }


def _harbour(now: datetime) -> dict[str, Facts]:
    """Alive, but its database is no database and its configuration is not ours to read."""
    corrupt = Lost(Reason.CORRUPT, "the file is not a database")
    was = Lost(Reason.CORRUPT, "the file is not a database", last=18, since=timedelta(hours=4))
    denied = Lost(Reason.DENIED, "this user may not read it")
    sessions: dict[Field[Any], object] = dict.fromkeys(_sessions(now), corrupt)
    silent = {"last_success_at": now - timedelta(hours=9), "last_run_at": now - timedelta(hours=9)}
    return {
        subject("harbour"): {**_home("0.19.0"), F.SCHEMA_VERSION: corrupt},
        subject("harbour", "gateway"): {
            **_gateway(now, 4021), F.PLATFORMS: {"telegram": "retrying"},
            F.PLATFORMS_TROUBLED_SINCE: now - timedelta(minutes=11), F.UNIT: None, F.UNIT_ACTIVE: "active",
            F.UNIT_PID: 4021,
        },
        subject("harbour", "cron"): _scheduler(now, 2, alive=True),
        subject("harbour", "sessions"): {**sessions, F.SESSIONS_24H: was, F.MALFORMED: 0},
        subject("harbour", "model"): _model(),
        subject("harbour", "credentials"): dict.fromkeys(
            (F.CRED_PROVIDERS, F.CRED_EXPIRES_AT, F.ENV_FILE, F.WORLD_READABLE), denied
        ),
        subject("harbour", "cron", "b0c1d2e3f4a5"): _job(now, **silent),
        subject("harbour", "cron", "b1c1d2e3f4a5"): dict.fromkeys(_job(now), corrupt),
    }  # fmt: skip


def _host(now: datetime) -> dict[str, Facts]:
    def disk(size: float, free: float, *instances: str) -> Facts:
        return {F.DISK_TOTAL: size, F.DISK_FREE: free, F.INODES_FREE_SHARE: 0.8, F.DISK_OF: instances}

    def timer(unit: str, **facts: object) -> Facts:
        well: dict[Field[Any], object] = {
            F.TIMER_LOAD_STATE: "loaded", F.TIMER_ACTIVE_STATE: "active", F.TIMER_UNIT: unit,
            F.TIMER_NEXT_AT: now + timedelta(minutes=1), F.TIMER_LAST_AT: now - timedelta(minutes=9),
            F.TIMER_RESULT: "success", F.TIMER_ACTIVATED_STATE: "inactive",
        }  # fmt: skip
        named = {field.name: field for field in well}
        return well | {named[name]: value for name, value in facts.items()}

    def unit(state: str, sub: str, result: str = "success") -> Facts:
        return {
            F.LOAD_STATE: "loaded", F.ACTIVE_STATE: state, F.SUB_STATE: sub, F.RESULT: result, F.RESTARTS: 0,
            F.MAIN_PID: 858, F.TRIGGERED: False, F.ENTERED_AT: now - timedelta(minutes=23),
        }  # fmt: skip

    return {
        "host:deck": {
            F.MEMORY_TOTAL: 25.2e9, F.MEMORY_AVAILABLE: 9.8e9, F.LOAD_1M: 0.7, F.CPUS: 8,
            F.BOOTED_AT: now - timedelta(days=31), F.CLOCK_STEP: 0.0, F.LISTENERS: 2,
        },
        "host:deck/tailnet": {
            F.TAILNET_STATE: "running", F.TAILNET_ADDRESSES: ("100.101.102.103", "fd7a:115c:a1e0::6701:6667"),
            F.TAILNET_PROVEN: ("100.101.102.103", "fd7a:115c:a1e0::6701:6667"), F.TAILNET_TUNNEL: True,
            F.TAILNET_NAME: "deck.tail1234.ts.net", F.TAILNET_PEERS: 5, F.TAILNET_ONLINE: 3, F.TAILNET_WARNINGS: 0,
            F.TAILNET_KEY_EXPIRES_AT: now + timedelta(days=60), F.TAILNET_KEY_EXPIRED: False,
            F.TAILNET_VERSION: "1.88.3", F.SERVE_ENTRIES: {"443": "https"}, F.FUNNEL: (),
            F.SERVE_TARGETS: {"deck.tail1234.ts.net:443/": "unix:serve.sock"},
        },
        "host:deck/disk//": disk(96e9, 55e9, "north"),
        "host:deck/disk//home": disk(40e9, 2.8e9, "south", "harbour"),
        "host:deck/disk//srv/archive": disk(2e12, 1.1e12),
        "host:deck/listener/127.0.0.1:9119": {
            F.LISTENER_PUBLIC: False, F.LISTENER_PID: 858, F.LISTENER_ROLE: "dashboard", F.LISTENER_OF: "north",
        },
        "host:deck/listener/0.0.0.0:8642": {
            F.LISTENER_PUBLIC: True, F.LISTENER_PID: 4021, F.LISTENER_ROLE: "api server", F.LISTENER_OF: "harbour",
        },
        "systemd:user/hermes-gateway.service": unit("active", "running"),
        "systemd:user/hermes-gateway-south.service": unit("failed", "failed", "oom-kill"),
        "systemd:user/hermes-backup.timer": timer("hermes-backup.service"),
        "systemd:user/hermes-backup-south.timer": timer("hermes-backup-south.service", last_result="exit-code"),
        "systemd:user/quarterdeck-export.timer": timer("quarterdeck-export.service", unit_state="activating"),
    }  # fmt: skip


def _named(now: datetime) -> dict[str, Facts]:
    """Services that answer, refuse, and are not there yet; a backup that is made and one that is late."""
    minute = timedelta(minutes=1)

    def service(kind: str, label: str, **facts: object) -> Facts:
        well: dict[Field[Any], object] = {
            F.SERVICE_LABEL: label, F.SERVICE_KIND: kind, F.DEPLOYED: True, F.SERVICE_ADDRESS: "127.0.0.1:11434",
            F.SERVICE_LINK: None, F.SERVICE_RUNBOOK: "https://deck.example/runbook", F.EXPECTS: None,
            F.SLOW_AFTER: 2_000.0, F.OUTCOME: "answered", F.LAST_ANSWER_AT: now, F.LATENCY: 12.4,
        }  # fmt: skip
        if kind != "tcp":
            well |= {F.HTTP_STATUS: 200, F.STATUS_EXPECTED: True, F.TLS_EXPIRES_AT: now + timedelta(days=40)}
        if kind == "model-server":
            well |= {
                F.SERVICE_VERSION: "0.12.3", F.MODELS_PRESENT: ("llama3:8b", "qwen4:32b"), F.MODELS_MISSING: (),
                F.MODELS_RUNNING: ("llama3:8b",), F.MODEL_LOAD: None, F.MODEL_LOAD_S: None, F.MODEL_LOADED_AT: None,
            }  # fmt: skip
        named = {field.name: field for field in well}
        return well | {named[name]: value for name, value in facts.items()}

    def repository(pushed: timedelta, changed: int = 0) -> Facts:
        return {
            F.REPOSITORY_LABEL: "backup", F.REPOSITORY_LINK: None, F.REPOSITORY_RUNBOOK: None, F.BACKUP: True,
            F.PUSH_WITHIN: 1_800.0, F.PUSH_LOST: 7_200.0, F.BACKUP_TIMER: None, F.BRANCH_EXPECTED: None,
            F.CONFIRMS: False, F.REPOSITORY_FOUND: "repository", F.BARE: False, F.SHALLOW: False, F.BRANCH: "main",
            F.OPERATION: None, F.HEAD: "1f02c3d4e5a6", F.COMMITTED_AT: now - pushed, F.CHANGED: changed,
            F.UNTRACKED: 0, F.CONFLICTS: 0, F.DIRTY_SINCE: now - pushed / 2 if changed else None,
            F.UPSTREAM: "origin/main", F.AHEAD: 0, F.BEHIND: 0, F.UNPUSHED_SINCE: None, F.PUSHED_AT: now - pushed,
            F.REMOTE_HEAD: None, F.CONFIRMED_AT: None,
        }  # fmt: skip

    return {
        "service:models": service("model-server", "Model server"),
        "service:ledger": service("tcp", "Ledger", outcome="refused", last_answer_at=now - 9 * minute),
        "service:forge": {
            F.SERVICE_LABEL: "Forge", F.SERVICE_KIND: "http", F.DEPLOYED: False,
            F.SERVICE_LINK: "https://forge.example/", F.SERVICE_RUNBOOK: None,
        },
        subject("north", "repository", "north-backup"): repository(4 * minute),
        subject("south", "repository", "south-backup"): repository(48 * minute, changed=3),
    }  # fmt: skip
