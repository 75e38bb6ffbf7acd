"""The published vocabulary: every fact Quarterdeck can hold, with its shape and its lifetime.

Rule: a field that is not in this table does not exist. Sources cannot report it, the exporter
cannot write it, the hub does not take it in. That makes the table the allow-list of what may leave
a home, and the contract for any other agent runtime that wants to be shown by the same views.

``kind`` says how a field ages. ``PROBE``: we looked, and look again soon. ``PERIODIC``: the source
itself beats; the beat's time is the value. ``EVENT``: written when something happens, so that its
own age proves nothing; only a periodic witness can. ``ON_DEMAND``: read rarely because it is dear.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Any, Generic, TypeVar

from quarterdeck.truth.reading import Known, Origin, Reason, Unavailable
from quarterdeck.truth.shapes import (
    Bool,
    Calendars,
    Chains,
    Count,
    Ident,
    Idents,
    Instant,
    Link,
    Number,
    Optional,
    Runs,
    Schedule,
    Shape,
    ShapeError,
    Table,
    Text,
    Word,
)

T_co = TypeVar("T_co", covariant=True)


class Kind(StrEnum):
    """How a field ages."""

    PROBE = "probe"
    PERIODIC = "periodic"
    EVENT = "event"
    ON_DEMAND = "on demand"


LIVE = timedelta(seconds=90)
"""Three looks of an exporter that runs every 30 s."""
SLOW = timedelta(minutes=15)
"""For what changes rarely or is dear to read."""

MANY = 1 << 16
"""Subjects are asked for again and again: of so many it is remembered what they are."""

FIELDS: dict[str, Field[Any]] = {}
"""Every field by ``kind-of-subject.name``."""


@dataclass(frozen=True, slots=True, eq=False)
class Field(Generic[T_co]):
    """One fact that can be known of a kind of subject."""

    of: str
    name: str
    shape: Shape[T_co]
    help: str
    kind: Kind = Kind.PROBE
    fresh_for: timedelta = LIVE
    policy: str | None = None
    """The policy of the instance that must allow this field; None when it is never personal."""
    reckoned: bool = False
    """Whether the hub makes it of what it remembers, so that no source brings it."""

    def __post_init__(self) -> None:
        """Enter the field in the table; two fields of one name are a mistake in this file."""
        if FIELDS.setdefault(f"{self.of}.{self.name}", self) is not self:
            msg = f"The field {self.of}.{self.name} is declared twice."
            raise ValueError(msg)

    def known(self, subject: str, origin: Origin, raw: object, at: datetime) -> Known[T_co] | Unavailable[T_co]:
        """Make a reading of ``raw``; a value of the wrong shape becomes ``Unavailable(schema)``."""
        try:
            return Known(subject, self.name, origin, self.shape.load(raw), at, self.fresh_for)
        except (ShapeError, OverflowError):  # a moment or a number beyond what can be held is not one
            detail = f"holds something that is not a {self.shape.name} this release understands"
            return self.unavailable(subject, origin, Reason.SCHEMA, detail, at)

    def unavailable(self, subject: str, origin: Origin, reason: Reason, detail: str, at: datetime) -> Unavailable[T_co]:
        """Make the reading that says why this field could not be learnt."""
        return Unavailable(subject, self.name, origin, at, reason, detail)


@lru_cache(maxsize=MANY)
def kind_of(subject: str) -> str:
    """Return the kind of a subject id: ``gateway`` of ``hermes:north/gateway``, ``job`` of ``hermes:north/cron/1f…``.

    The grammar of ids is ``scheme:owner[/part[/id…]]``.
    """
    scheme, _, rest = subject.partition(":")
    _, *path = rest.split("/")
    part, depth = (path[0] if path else ""), len(path)
    if scheme == "systemd":
        return "timer" if subject.endswith(".timer") else "unit"
    if (part, depth > 1) in _DEEP:
        return _DEEP[part, depth > 1]
    return part or {"hermes": "instance"}.get(scheme, scheme)


PART_OF_KIND = {"instance": "", "scheduler": "cron"}
"""The part of an id that names a kind which an instance has once; every other kind is its own name."""

_DEEP = {("cron", False): "scheduler", ("cron", True): "job"}


def field_for(subject: str, name: str) -> Field[Any] | None:
    """Return the declared field for a subject id and a field name, or None when there is none."""
    return FIELDS.get(f"{kind_of(subject)}.{name}")


# --- instance: hermes:ID -------------------------------------------------------------------------------------------

AGENT_VERSION = Field(
    "instance",
    "agent_version",
    Optional(Ident()),
    "Release of the agent that the running gateway was installed from.",
    fresh_for=SLOW,
)
SCHEMA_VERSION = Field(
    "instance", "schema_version", Count(), "Schema of the agent's session database: 11 for 0.14, 22 for 0.19."
)
CONFIG_VERSION = Field(
    "instance", "config_version", Optional(Count()), "Version the configuration file says it has.", Kind.EVENT
)
OS_USER = Field("instance", "os_user", Ident(), "Owner of the home.")
HALTED = Field("instance", "halted", Bool(), "Whether the pause sentinel (ESTOP) lies in the home or its root home.")
UPDATING = Field("instance", "updating", Bool(), "Whether an update of the agent has left its marker.")
LEARNT_BY = Field("instance", "learnt_by", Word(("home", "exporter")), "Which way the readings of this instance came.")

# --- gateway: hermes:ID/gateway ------------------------------------------------------------------------------------

LOCK_HOLDER = Field(
    "gateway", "lock_holder", Optional(Count()), "Process that holds gateway.lock according to the kernel."
)
PROCESS_STATE = Field(
    "gateway",
    "process_state",
    Optional(Word(("running", "sleeping", "disk sleep", "stopped", "zombie", "idle", "dead"))),
    "Kernel state of the process that holds the lock.",
)
PROCESS_STARTED_AT = Field("gateway", "process_started_at", Optional(Instant()), "When that process started.")
EVER_STARTED = Field("gateway", "ever_started", Bool(), "Whether any trace of a gateway lies in the home.")
RECORDED_STATE = Field(
    "gateway",
    "recorded_state",
    Optional(Word(("starting", "running", "degraded", "draining", "stopped", "startup_failed"))),
    "What the gateway last wrote of itself.",
    Kind.EVENT,
)
RECORDED_AT = Field("gateway", "recorded_at", Optional(Instant()), "When it wrote that.", Kind.EVENT)
RECORDED_PID = Field("gateway", "recorded_pid", Optional(Count()), "Process that wrote it.", Kind.EVENT)
RECORDED_PROCESS = Field(
    "gateway",
    "recorded_process",
    Optional(Word(("alive", "gone", "another"))),
    "Whether that process still is: alive, gone, or another process now has its number.",
)
RECORDED_EXIT = Field(
    "gateway", "recorded_exit", Optional(Word()), "Class of the reason it gave for its end.", Kind.EVENT
)
ACTIVE_AGENTS = Field(
    "gateway",
    "active_agents",
    Optional(Count()),
    "Turns the gateway counted at its last note; known to lag.",
    Kind.EVENT,
)
PLATFORMS = Field("gateway", "platforms", Table(Ident()), "State of each chat platform.", Kind.EVENT)
PLATFORMS_TROUBLED_SINCE = Field(
    "gateway",
    "platforms_troubled_since",
    Optional(Instant()),
    "Since when the longest troubled platform has not been connected.",
    Kind.EVENT,
)
SERVED_PROFILES = Field("gateway", "served_profiles", Idents(), "Profiles this gateway also serves.", Kind.EVENT)
SERVED_BY = Field(
    "gateway", "served_by", Optional(Ident()), "Instance whose gateway serves this profile; none when it has its own."
)
HEARTBEAT_EXPECTED = Field(
    "gateway", "heartbeat_expected", Bool(), "Whether this release of the agent writes a heartbeat."
)
HEARTBEAT_AT = Field(
    "gateway", "heartbeat_at", Optional(Instant()), "Last beat of the gateway's event loop.", Kind.PERIODIC
)
HEARTBEAT_PID = Field("gateway", "heartbeat_pid", Optional(Count()), "Process that beat.", Kind.PERIODIC)
CLEAN_SHUTDOWN = Field(
    "gateway", "clean_shutdown", Bool(), "Whether the marker of a clean shutdown lies in the home.", Kind.EVENT
)
STARTS_RECENT = Field(
    "gateway", "starts_recent", Count(), "Starts within 15 minutes that did not follow an orderly end."
)
LAST_EXIT = Field(
    "gateway",
    "last_exit",
    Optional(Word(("clean", "nonzero"))),
    "How the gateway last ended, by its own diary.",
    Kind.EVENT,
)
LAST_EXIT_AT = Field(
    "gateway", "last_exit_at", Optional(Instant()), "When it last ended, by its own diary.", Kind.EVENT
)
UNIT = Field("gateway", "unit", Optional(Ident()), "systemd unit of this gateway.")
UNIT_ACTIVE = Field("gateway", "unit_active", Word(), "Whether systemd holds the unit to be active.")
UNIT_RESULT = Field("gateway", "unit_result", Word(), "Result systemd recorded for the unit's last run.")
UNIT_RESTARTS = Field("gateway", "unit_restarts", Count(), "Restarts systemd counted.")
UNIT_PID = Field("gateway", "unit_pid", Optional(Count()), "Main process systemd knows.")
UNIT_ASKED_AS = Field("gateway", "unit_asked_as", Ident(), "Which manager answered and as which user it was asked.")

# --- scheduler: hermes:ID/cron -------------------------------------------------------------------------------------

JOBS_DECLARED = Field("scheduler", "jobs_declared", Count(), "Jobs in jobs.json.")
JOBS_ENABLED = Field("scheduler", "jobs_enabled", Count(), "Jobs that are enabled and not paused.")
TICKER_EXPECTED = Field("scheduler", "ticker_expected", Bool(), "Whether this release writes ticker heartbeats.")
TICKER_AT = Field("scheduler", "ticker_at", Optional(Instant()), "Last beat of the cron ticker.", Kind.PERIODIC)
TICKER_SUCCESS_AT = Field(
    "scheduler", "ticker_success_at", Optional(Instant()), "Last tick that succeeded.", Kind.PERIODIC
)
TICK_LOCK_HOLDER = Field(
    "scheduler", "tick_lock_holder", Optional(Count()), "Process inside a tick, according to the kernel."
)
RUNNER_ALIVE = Field("scheduler", "runner_alive", Bool(), "Whether a gateway that would run the jobs is alive.")
RUNNER_SINCE = Field("scheduler", "runner_since", Optional(Instant()), "When that gateway started.")
RUNS_RUNNING = Field("scheduler", "runs_running", Count(), "Runs in progress by the execution ledger.")
OLDEST_RUN_AT = Field("scheduler", "oldest_run_at", Optional(Instant()), "Start of the longest run in progress.")
OLDEST_DUE_AT = Field(
    "scheduler", "oldest_due_at", Optional(Instant()), "The earliest next run among enabled jobs.", Kind.EVENT
)
SCHEDULE_ZONE = Field("scheduler", "zone", Ident(), "Zone in which its cron expressions are meant.", Kind.EVENT)
ZONE_CONFIGURED = Field(
    "scheduler",
    "zone_configured",
    Bool(),
    "Whether the configuration names that zone; else it is the host's.",
    Kind.EVENT,
)
CATCHES_UP = Field(
    "scheduler",
    "catches_up",
    Bool(),
    "Whether this release of the agent makes up for a run it missed, once; an older one passes over it.",
)
SCHEDULER_LAST_24H = Field(
    "scheduler",
    "last_24h",
    Table(Count()),
    "What became of all runs of its jobs that were due in the last 24 hours.",
    reckoned=True,
)

# --- job: hermes:ID/cron/JOB ---------------------------------------------------------------------------------------

JOB_NAME = Field("job", "name", Text(), "Name somebody gave the job.", Kind.EVENT, policy="job_names")
DECLARED = Field("job", "declared", Bool(), "Whether jobs.json holds the job.", Kind.EVENT)
SCHEDULE = Field("job", "schedule", Schedule(), "When it runs, in the words of the schedule.", Kind.EVENT)
SCHEDULE_KIND = Field("job", "schedule_kind", Word(("interval", "cron", "once")), "Kind of schedule.", Kind.EVENT)
PERIOD_S = Field("job", "period_s", Optional(Number("s")), "Usual distance between two runs.", Kind.EVENT)
ENABLED = Field("job", "enabled", Bool(), "Whether the job may run.", Kind.EVENT)
JOB_STATE = Field(
    "job", "state", Word(("scheduled", "paused", "completed", "error", "running")), "State the agent wrote.", Kind.EVENT
)
PAUSED_AT = Field("job", "paused_at", Optional(Instant()), "Since when it is paused.", Kind.EVENT)
PAUSE_EXPLAINED = Field("job", "pause_explained", Bool(), "Whether somebody gave a reason for the pause.", Kind.EVENT)
CREATED_AT = Field("job", "created_at", Optional(Instant()), "When it was declared.", Kind.EVENT)
NEXT_RUN_AT = Field("job", "next_run_at", Optional(Instant()), "When it is due next.", Kind.EVENT)
LAST_RUN_AT = Field("job", "last_run_at", Optional(Instant()), "When it last ran.", Kind.EVENT)
LAST_RESULT = Field("job", "last_result", Optional(Word(("ok", "error"))), "Result of the last run.", Kind.EVENT)
LAST_ERROR = Field("job", "last_error", Optional(Word()), "Class of the last error.", Kind.EVENT)
DELIVERY_ERROR = Field("job", "delivery_error", Optional(Word()), "Class of the last delivery error.", Kind.EVENT)
RUNNING_SINCE = Field("job", "running_since", Optional(Instant()), "Start of the run in progress.")
LAST_SUCCESS_AT = Field(
    "job",
    "last_success_at",
    Optional(Instant()),
    "Newest run that ended well, by the execution ledger or the last result.",
    Kind.EVENT,
)
RUNS_24H = Field("job", "runs_24h", Count(), "Runs begun in the last 24 hours, by the execution ledger.")
FAILED_24H = Field("job", "failed_24h", Count(), "Runs that failed in the last 24 hours, by the execution ledger.")
JOB_RUNNER_ALIVE = Field("job", "runner_alive", Bool(), "Whether a gateway that would run the job is alive.")
RECENT_RUNS = Field(
    "job", "recent_runs", Runs(), "Its newest runs, at most 20, and from when on they are all there.", Kind.EVENT
)
LAST_24H = Field(
    "job", "last_24h", Table(Count()), "What became of the runs that were due in the last 24 hours.", reckoned=True
)
MISSED_AT = Field(
    "job",
    "missed_at",
    Optional(Instant()),
    "When the newest run that is over should have begun, if nobody made it.",
    reckoned=True,
)

# --- sessions: hermes:ID/sessions ----------------------------------------------------------------------------------

SESSIONS_TOTAL = Field("sessions", "total", Count(), "Sessions in the database.")
SESSIONS_24H = Field("sessions", "started_24h", Count(), "Sessions started in the last 24 hours.")
SESSIONS_BY_SOURCE = Field("sessions", "by_source_24h", Table(Count()), "The same by platform.")
SESSIONS_LIVE = Field("sessions", "live", Count(), "Sessions not ended that had a message in the last 5 minutes.")
MESSAGES_24H = Field("sessions", "messages_24h", Count(), "Messages in the last 24 hours.")
TOKENS_24H = Field("sessions", "tokens_24h", Count(), "Tokens in and out of sessions started in the last 24 hours.")
COST_24H = Field("sessions", "cost_24h_usd", Number("USD"), "Cost the agent accounted to those sessions.")
UNPRICED_24H = Field("sessions", "unpriced_24h", Count(), "Those sessions that used tokens whose price is unknown.")
LAST_MESSAGE_AT = Field("sessions", "last_message_at", Optional(Instant()), "Newest message.")
LAST_SUCCESS = Field("sessions", "last_success_at", Optional(Instant()), "Newest answer the agent completed.")
OPEN_TURNS = Field("sessions", "open_turns", Count(), "Turns begun by the running gateway and not completed.")
OPEN_TURN_SINCE = Field(
    "sessions", "open_turn_since", Optional(Instant()), "Last movement of the turn that has been still for longest."
)
OPEN_TURN_IN = Field("sessions", "open_turn_in", Optional(Word(("model", "tool"))), "What that turn waits for.")
OPEN_TURN_TOOL = Field("sessions", "open_turn_tool", Optional(Ident()), "The tool it is in.")
OPEN_TURN_SESSION = Field("sessions", "open_turn_session", Optional(Ident()), "Its session.")
DB_BYTES = Field("sessions", "db_bytes", Number("B"), "Size of the session database.")
WAL_BYTES = Field("sessions", "wal_bytes", Number("B"), "Size of its write-ahead log.")
MALFORMED = Field(
    "sessions", "malformed_copies", Count(), "Copies of the database that the agent set aside as malformed."
)

# --- ledger: hermes:ID/ledger, our own taking in of its sessions ----------------------------------------------------

LEDGER_UNTIL = Field(
    "ledger",
    "taken_in_until",
    Optional(Instant()),
    "Up to when its sessions are in the ledger; none while its history is still being taken in.",
    Kind.PERIODIC,
)
LEDGER_SESSIONS = Field("ledger", "sessions", Count(), "Sessions of it that the ledger holds, also those long deleted.")
LEDGER_REFUSED = Field(
    "ledger", "refused", Count(), "Lines of its exporter's stream that this release does not understand."
)

# --- session: hermes:ID/session/SESSION, one row of the ledger -------------------------------------------------------

SESSION_TITLE = Field(
    "session", "title", Optional(Text()), "Title the agent gave it.", Kind.EVENT, policy="session_titles"
)
SESSION_SOURCE = Field("session", "source", Optional(Ident()), "Platform it came from.", Kind.EVENT)
SESSION_MODEL = Field("session", "model", Optional(Ident()), "First model it used.", Kind.EVENT)
SESSION_PARENT = Field("session", "parent", Optional(Ident()), "Session it came from.", Kind.EVENT)
SESSION_STARTED_AT = Field("session", "started_at", Instant(), "When it began.", Kind.EVENT)
SESSION_ENDED_AT = Field(
    "session", "ended_at", Optional(Instant()), "When it ended; none where the agent has written no end.", Kind.EVENT
)
SESSION_DURATION = Field("session", "duration_s", Optional(Number("s")), "How long it lasted.", Kind.EVENT)
SESSION_OUTCOME = Field(
    "session", "outcome", Ident(), "How it ended, in the agent's word; `open` where it wrote no end.", Kind.EVENT
)
SESSION_CHANGED_AT = Field(
    "session",
    "changed_at",
    Optional(Instant()),
    "When its record was last seen to change; none where it did not since it was first seen.",
    Kind.EVENT,
)
SESSION_MESSAGES = Field("session", "messages", Count(), "Messages, as the agent counts them.", Kind.EVENT)
SESSION_TOOL_CALLS = Field("session", "tool_calls", Count(), "Calls of tools.", Kind.EVENT)
SESSION_API_CALLS = Field("session", "api_calls", Count(), "Calls of the model that were answered.", Kind.EVENT)
SESSION_TOKENS = Field(
    "session", "tokens", Count(), "All its tokens: in, out, to and from the cache, and those of side work.", Kind.EVENT
)
SESSION_COST = Field(
    "session", "cost_usd", Number("USD"), "What the agent accounted to it and its side work.", Kind.EVENT
)
SESSION_PRICED = Field("session", "priced", Bool(), "Whether the price of all its tokens is known.", Kind.EVENT)

# --- model: hermes:ID/model ----------------------------------------------------------------------------------------

MODEL = Field("model", "model", Optional(Ident()), "Model the configuration names.", Kind.EVENT)
PROVIDER = Field("model", "provider", Optional(Ident()), "Provider the configuration names.", Kind.EVENT)
FALLBACKS = Field("model", "fallbacks", Idents(), "Fallback chain, in order.", Kind.EVENT)
TOOLSETS = Field("model", "toolsets", Idents(), "Toolsets the configuration switches on.", Kind.EVENT)
PLATFORMS_ENABLED = Field(
    "model", "platforms_enabled", Idents(), "Chat platforms the configuration switches on.", Kind.EVENT
)
TIMEZONE = Field("model", "timezone", Optional(Ident()), "Zone the agent computes schedules in.", Kind.EVENT)
RATE_LIMITED_AT = Field(
    "model",
    "rate_limited_at",
    Optional(Instant()),
    "Last refusal for too many requests, by the agent's log or its failed calls.",
)
EXHAUSTED = Field("model", "exhausted", Count(), "Credentials of the pool that the provider refuses for now.")
POOL = Field("model", "pool", Count(), "Credentials in the pool.")
RATE_LIMIT_RESET_AT = Field(
    "model",
    "rate_limit_reset_at",
    Optional(Instant()),
    "When the first refused credential is said to work again.",
    Kind.EVENT,
)
REFUSAL_CODE = Field(
    "model", "refusal_code", Optional(Count()), "HTTP status of the last refusal of a pool credential.", Kind.EVENT
)

# --- credentials: hermes:ID/credentials ----------------------------------------------------------------------------

CRED_PROVIDERS = Field("credentials", "providers", Idents(), "Providers with a login or key in auth.json.", Kind.EVENT)
CRED_EXPIRES_AT = Field(
    "credentials", "expires_at", Optional(Instant()), "The earliest expiry among logins.", Kind.EVENT
)
ENV_FILE = Field("credentials", "env_file", Bool(), "Whether the home has an environment file.")
WORLD_READABLE = Field("credentials", "world_readable", Idents(), "Secret files that others than the owner may read.")
SECRETS_COMMITTED = Field(
    "credentials", "committed", Idents(), "Secret files that the git repository around the home holds."
)

# --- credential: hermes:ID/credential/NAME, quarterdeck:HOST/credential/NAME, one secret; its value is nowhere -------

CREDENTIAL_PURPOSE = Field(
    "credential",
    "purpose",
    Word(
        (
            *("calling models", "chat platform", "tool or skill", "source code", "letting callers in"),
            *("root rights on its machine", "history database", "ledger database", "signing evidence"),
            *("signing people in", "asking a remote", "reading a forge", "hearing a forge"),
            *("given by the service manager", "not known"),
        )
    ),
    "What it is for, by the name it goes by.",
)
CREDENTIAL_PROVIDER = Field(
    "credential", "provider", Optional(Ident()), "Who issued it and takes it, where its name or its form tells."
)
CREDENTIAL_FORM = Field(
    "credential",
    "form",
    Word(("key", "token", "password", "login", "personal token", "private key", "secrets", "nothing")),
    "Of what form it is; `login` and `personal token` are what a person gets, not a machine.",
)
CREDENTIAL_SCOPES = Field(
    "credential", "scopes", Optional(Idents()), "What it may do, as written down beside it; none where nobody wrote it."
)
CREDENTIAL_KEPT_IN = Field(
    "credential", "kept_in", Optional(Ident()), "File that holds it, seen from the home; none where no file does."
)
CREDENTIAL_MODE = Field("credential", "mode", Optional(Ident()), "Mode of that file, in octal.")
CREDENTIAL_OWNER = Field("credential", "owner", Optional(Ident()), "Owner of that file.")
CREDENTIAL_OPEN_TO = Field(
    "credential",
    "open_to",
    Optional(Word(("owner", "group", "anyone"))),
    "Who may read that file, the folders above it being counted in.",
)
CREDENTIAL_MADE_AT = Field("credential", "made_at", Optional(Instant()), "How old it is, by the next field.")
CREDENTIAL_MADE_BY = Field(
    "credential",
    "made_by",
    Optional(Word(("issued", "renewed", "file changed"))),
    "What that moment is: when it was issued, when it was renewed, or only when its file was last changed.",
)
CREDENTIAL_USED_AT = Field(
    "credential", "used_at", Optional(Instant()), "The newest use of it that somebody wrote down."
)
CREDENTIAL_ENDS_AT = Field(
    "credential",
    "ends_at",
    Optional(Instant()),
    "When it ends; none when nobody wrote it down or it renews itself.",
)
CREDENTIAL_COMMITTED = Field(
    "credential", "committed", Bool(), "Whether the git repository around the home holds its file."
)
CREDENTIAL_SHARED_WITH = Field(
    "credential",
    "shared_with",
    Idents(),
    "Other agents, among those whose homes are read by the same program, that hold the very same secret.",
    reckoned=True,
)

# --- redaction: hermes:ID/redaction ----------------------------------------------------------------------------------

MASKS_SECRETS = Field(
    "redaction", "masks_secrets", Bool(), "Whether Quarterdeck masks credentials in the texts of sessions."
)
MASKS_PII = Field("redaction", "masks_pii", Bool(), "Whether Quarterdeck masks personal data in what somebody wrote.")
KNOWN_VALUES = Field(
    "redaction", "known_values", Count(), "Secrets from the agent's own files that are looked for by their exact value."
)
WITHHELD = Field(
    "redaction", "withheld", Count(), "Facts of this look in which one of those secrets stood, and was masked."
)
AGENT_MASKS_SECRETS = Field(
    "redaction",
    "agent_masks_secrets",
    Bool(),
    "Whether the agent masks credentials in its logs and tool results, as far as its files say.",
    Kind.EVENT,
)
AGENT_MASKS_PII = Field(
    "redaction", "agent_masks_pii", Bool(), "Whether the agent keeps personal data from its model.", Kind.EVENT
)

# --- kanban, inventory, logs ---------------------------------------------------------------------------------------

TASKS = Field("kanban", "tasks", Table(Count()), "Tasks on the agent's own board, by status.")
TASKS_RUNNING_STALE = Field(
    "kanban", "running_stale", Count(), "Tasks marked running whose worker has not beaten for an hour."
)
TASKS_BLOCKED_SILENT = Field("kanban", "blocked_silent", Count(), "Blocked tasks that nobody gave a reason for.")
MEMORY_FILES = Field("inventory", "memory_files", Count(), "Memory files.", fresh_for=SLOW)
MEMORY_ENTRIES = Field("inventory", "memory_entries", Count(), "Entries in them.", fresh_for=SLOW)
MEMORY_BYTES = Field("inventory", "memory_bytes", Number("B"), "Their size.", fresh_for=SLOW)
SKILLS = Field("inventory", "skills", Count(), "Skills installed.", fresh_for=SLOW)
INTEGRATIONS = Field("inventory", "integrations", Count(), "Tool servers the configuration names.", fresh_for=SLOW)
ERRORS_1H = Field("logs", "errors_1h", Table(Count()), "Errors in the agent's log in the last hour, by class.")
LOG_AT = Field("logs", "log_at", Optional(Instant()), "When the agent last wrote to its log.", Kind.EVENT)

# --- host: host:NAME, host:NAME/disk/MOUNT, host:NAME/listener/ADDRESS ---------------------------------------------

MEMORY_TOTAL = Field("host", "memory_total_bytes", Number("B"), "Memory of the host.")
MEMORY_AVAILABLE = Field("host", "memory_available_bytes", Number("B"), "Memory that can still be had.")
LOAD_1M = Field("host", "load_1m", Number("runnable tasks"), "Load over one minute.")
CPUS = Field("host", "cpus", Count(), "Processors.")
BOOTED_AT = Field("host", "booted_at", Instant(), "When the host started.")
CLOCK_STEP = Field(
    "host",
    "clock_step_s",
    Number("s"),
    "How far the clock jumped against the steady clock since the look before; 0 at the first look.",
)
LISTENERS = Field("host", "listeners", Count(), "Addresses on which agents of this host listen.")
DISK_TOTAL = Field("disk", "total_bytes", Number("B"), "Size of the file system.")
DISK_FREE = Field("disk", "free_bytes", Number("B"), "Space users can still fill.")
INODES_FREE_SHARE = Field(
    "disk",
    "inodes_free_share",
    Optional(Number("share")),
    "Share of inodes free; none where the file system has no limit.",
)
DISK_OF = Field("disk", "instances", Idents(), "Instances whose homes lie on it.")
LISTENER_PUBLIC = Field("listener", "public", Bool(), "Whether it listens beyond loopback.")
LISTENER_PID = Field("listener", "pid", Optional(Count()), "Process that listens, where it may be seen.")
LISTENER_ROLE = Field(
    "listener", "role", Optional(Word()), "What usually listens on this port: dashboard, api server, webhook."
)
LISTENER_OF = Field("listener", "of_instance", Optional(Ident()), "Instance whose process it is.")

# --- ways in: host:NAME/network, host:NAME/forwarder/WITNESS, host:NAME/route/WITNESS/ENTRY -------------------------

SOCKETS = Field("network", "sockets", Idents(), "Addresses beyond loopback on which anything listens.")
ADDRESSES = Field("network", "addresses", Idents(), "Addresses of this host's own.")
FORWARDER_FOUND = Field(
    "forwarder",
    "found",
    Word(("routes", "nothing", "not asked")),
    "What was found there: routes, nothing of the kind on this host, or not asked, by the settings.",
)
ROUTE_BY = Field("route", "by", Ident(), "What passes connections on.")
ROUTE_ENTRY = Field("route", "entry", Ident(), "Where connections come in.")
ROUTE_OPEN = Field("route", "open", Optional(Bool()), "Whether it is seen to be open; none when only a listener tells.")
ROUTE_UPSTREAMS = Field("route", "upstreams", Idents(), "Where they are passed on to.")
ROUTE_UNREAD = Field("route", "unread", Idents(), "What of it is not understood, so that it may lead anywhere.")

# --- exposure: hermes:ID/exposure, host:NAME/exposure, quarterdeck:HOST/exposure ------------------------------------

PROTECTED = Field(
    "exposure", "protected", Table(Word()), "Ports and sockets of this host that lead to it, and to what of it."
)
EXPOSED = Field("exposure", "exposed", Chains(), "Ways that lead to it from beyond this machine and its tailnet.")
DOUBTED = Field("exposure", "doubted", Chains(), "Ways that may lead to it: not all of them can be followed.")
PRIVATE = Field("exposure", "private", Chains(), "Ways that lead to it from this machine or its tailnet.")
AUDITED = Field(
    "exposure", "audited", Idents(), "What was asked for ways; unavailable when one of them did not answer."
)

# --- tailnet: host:NAME/tailnet ------------------------------------------------------------------------------------

TAILNET_STATE = Field(
    "tailnet",
    "state",
    Word(("running", "starting", "stopped", "needs login", "needs approval")),
    "How the tailnet's daemon of this host says that it is.",
)
TAILNET_ADDRESSES = Field("tailnet", "addresses", Idents(), "Addresses of this host on the tailnet, by its daemon.")
TAILNET_PROVEN = Field(
    "tailnet",
    "proven",
    Idents(),
    "Those of them that are proven: the daemon is connected, and the kernel has them on a tunnel and nowhere else.",
)
TAILNET_NAME = Field("tailnet", "name", Optional(Ident()), "Full name of this host on the tailnet; none without names.")
TAILNET_TUNNEL = Field("tailnet", "tunnel", Bool(), "Whether its addresses are on a tunnel of the kernel.")
TAILNET_PEERS = Field("tailnet", "peers", Count(), "Other machines of the tailnet that this host may see.")
TAILNET_ONLINE = Field("tailnet", "peers_online", Count(), "Those of them that are connected.")
TAILNET_KEY_EXPIRES_AT = Field(
    "tailnet", "key_expires_at", Optional(Instant()), "When its key expires and it falls off the tailnet; none: never."
)
TAILNET_KEY_EXPIRED = Field("tailnet", "key_expired", Bool(), "Whether its key has expired.")
TAILNET_WARNINGS = Field("tailnet", "warnings", Count(), "What the daemon finds wrong with itself: how many things.")
TAILNET_VERSION = Field("tailnet", "version", Ident(), "Release of the daemon.")
SERVE_ENTRIES = Field(
    "tailnet",
    "serve_entries",
    Table(Word(("https", "http", "tcp", "tls"))),
    "What the daemon itself serves to the tailnet: by `PORT`, or by `svc:NAME:PORT`.",
)
SERVE_TARGETS = Field(
    "tailnet",
    "serve_targets",
    Table(Ident()),
    "What is behind that: by `HOST:PORT/PATH` for pages, else as in `serve_entries`; `HOST:PORT` of another program, "
    "`unix:NAME` for a socket, or `files`, `text`, `redirect`.",
)
FUNNEL = Field(
    "tailnet", "funnel", Idents(), "What of it is open to the whole internet, by `HOST:PORT`: Tailscale Funnel."
)

# --- systemd: systemd:SCOPE/UNIT -----------------------------------------------------------------------------------

LOAD_STATE = Field("unit", "load_state", Word(), "Whether systemd found the unit.")
ACTIVE_STATE = Field("unit", "active_state", Word(), "Whether it is active.")
SUB_STATE = Field("unit", "sub_state", Word(), "Finer state.")
RESULT = Field("unit", "result", Optional(Word()), "Result of its last run.")
RESTARTS = Field("unit", "restarts", Optional(Count()), "Automatic restarts so far.")
MAIN_PID = Field("unit", "main_pid", Optional(Count()), "Its main process.")
TRIGGERED = Field(
    "unit", "triggered", Bool(), "Whether a timer, path or socket starts it, so that being off between runs is normal."
)
ENTERED_AT = Field("unit", "entered_at", Optional(Instant()), "When it entered this state.", Kind.EVENT)
ASKED_AS = Field("unit", "asked_as", Ident(), "Which manager answered and as which user it was asked.")
TIMER_LOAD_STATE = Field("timer", "load_state", Word(), "Whether systemd found the timer.")
TIMER_ACTIVE_STATE = Field("timer", "active_state", Word(), "Whether the timer is active.")
TIMER_UNIT = Field("timer", "unit", Optional(Ident()), "What it starts.")
TIMER_NEXT_AT = Field("timer", "next_run_at", Optional(Instant()), "When it elapses next.")
TIMER_LAST_AT = Field("timer", "last_run_at", Optional(Instant()), "When it last elapsed.")
TIMER_RESULT = Field("timer", "last_result", Optional(Word()), "Result of the unit it last started.")
TIMER_ACTIVATED_STATE = Field("timer", "unit_state", Optional(Word()), "State of the unit it starts.")
TIMER_CALENDAR = Field("timer", "calendar", Calendars(), "Calendar expressions by which it elapses.", Kind.EVENT)
TIMER_EVERY_S = Field(
    "timer", "every_s", Optional(Number("s")), "Elapses so long after what it starts became active.", Kind.EVENT
)
TIMER_AFTER_S = Field(
    "timer", "after_s", Optional(Number("s")), "Elapses so long after what it starts became inactive.", Kind.EVENT
)
TIMER_SLACK_S = Field(
    "timer",
    "slack_s",
    Number("s"),
    "How much later than its time it may elapse: accuracy and random delay.",
    Kind.EVENT,
)
TIMER_ZONE = Field("timer", "zone", Ident(), "Zone in which its calendar is meant where it names none.", Kind.EVENT)
TIMER_RUNS = Field("timer", "recent_runs", Runs(), "When it last elapsed, and how what it started ended.")
TIMER_LAST_24H = Field(
    "timer", "last_24h", Table(Count()), "What became of the elapses that were due in the last 24 hours.", reckoned=True
)
TIMER_MISSED_AT = Field(
    "timer", "missed_at", Optional(Instant()), "When it should have elapsed last, if it did not.", reckoned=True
)
TIMER_ASKED_AS = Field("timer", "asked_as", Ident(), "Which manager answered and as which user it was asked.")

# --- service: service:ID, hermes:INSTANCE/service/ID ---------------------------------------------------------------

OF_SETTINGS = "settings"
"""The policy of what only the hub's own settings say: no exporter may."""

SERVICE_LABEL = Field("service", "label", Text(), "Its name by the settings.", Kind.EVENT, policy=OF_SETTINGS)
SERVICE_KIND = Field(
    "service", "kind", Word(("http", "tcp", "unit", "model-server")), "How it is asked.", Kind.EVENT, policy=OF_SETTINGS
)
DEPLOYED = Field(
    "service",
    "deployed",
    Bool(),
    "Whether it is there already, by the settings; what is not is asked nothing.",
    Kind.EVENT,
    policy=OF_SETTINGS,
)
SERVICE_ADDRESS = Field("service", "address", Optional(Ident()), "Host and port that are asked.", Kind.EVENT)
SERVICE_UNIT = Field(
    "service", "unit", Optional(Ident()), "Subject of the systemd unit that stands for it.", Kind.EVENT
)
SERVICE_LINK = Field("service", "link", Optional(Link()), "Where a person opens it.", Kind.EVENT, policy=OF_SETTINGS)
SERVICE_RUNBOOK = Field(
    "service", "runbook", Optional(Link()), "What to do when it fails.", Kind.EVENT, policy=OF_SETTINGS
)
OUTCOME = Field(
    "service",
    "outcome",
    Word(("answered", "refused", "no answer", "cut off", "tls", "not http")),
    "What came of asking it.",
)
TLS_FAULT = Field(
    "service", "tls_fault", Optional(Word()), "What is wrong with the certificate it shows, or with how it encrypts."
)
HTTP_STATUS = Field("service", "http_status", Optional(Count()), "HTTP status of its answer.")
STATUS_EXPECTED = Field("service", "status_expected", Bool(), "Whether that is the status the settings expect.")
EXPECTS = Field("service", "expects", Optional(Count()), "The only status that is right; none for 200 to 399.")
LATENCY = Field("service", "latency_ms", Optional(Number("ms")), "How long its answer took.")
SLOW_AFTER = Field("service", "slow_after_ms", Number("ms"), "Beyond this it is slow, by the settings.", Kind.EVENT)
TLS_EXPIRES_AT = Field("service", "tls_expires_at", Optional(Instant()), "When the certificate it shows expires.")
SERVICE_VERSION = Field("service", "version", Optional(Ident()), "Release it says it is, where it is asked.")
LAST_ANSWER_AT = Field(
    "service", "last_answer_at", Optional(Instant()), "When it last answered since we began to ask.", Kind.EVENT
)
MODELS_PRESENT = Field("service", "models_present", Idents(), "Models that the server has.")
MODELS_RUNNING = Field("service", "models_running", Idents(), "Models that it has in memory.")
MODELS_MISSING = Field("service", "models_missing", Idents(), "Models that the settings expect and it has not.")
MODEL_LOAD = Field(
    "service",
    "model_load",
    Optional(Word(("loads", "slow", "fails", "in memory"))),
    "What came of loading a model; none where the settings do not ask for it.",
)
MODEL_LOAD_S = Field("service", "model_load_s", Optional(Number("s")), "How long a model last took to load.")
MODEL_LOADED_AT = Field(
    "service", "model_loaded_at", Optional(Instant()), "When a model was last loaded for the test.", Kind.EVENT
)

# --- repository: repository:ID, hermes:INSTANCE/repository/ID ------------------------------------------------------

REPOSITORY_LABEL = Field("repository", "label", Text(), "Its name by the settings.", Kind.EVENT, policy=OF_SETTINGS)
REPOSITORY_LINK = Field(
    "repository", "link", Optional(Link()), "Where a person opens it.", Kind.EVENT, policy=OF_SETTINGS
)
REPOSITORY_RUNBOOK = Field(
    "repository", "runbook", Optional(Link()), "What to do when it is not well.", Kind.EVENT, policy=OF_SETTINGS
)
BACKUP = Field("repository", "backup", Bool(), "Whether it is a backup, by the settings.", Kind.EVENT)
PUSH_WITHIN = Field("repository", "push_within_s", Number("s"), "It is late after this, by the settings.", Kind.EVENT)
PUSH_LOST = Field("repository", "push_lost_s", Number("s"), "It is lost after this, by the settings.", Kind.EVENT)
BACKUP_TIMER = Field(
    "repository", "timer", Optional(Ident()), "Subject of the timer that makes the backup.", Kind.EVENT
)
REPOSITORY_FOUND = Field(
    "repository", "found", Word(("repository", "nothing", "no repository")), "What lies where the settings say."
)
BARE = Field("repository", "bare", Bool(), "Whether it has no files of its own.")
SHALLOW = Field("repository", "shallow", Bool(), "Whether its history is cut off.")
HEAD = Field("repository", "head", Optional(Ident()), "Commit that is checked out; none before the first.")
BRANCH = Field("repository", "branch", Optional(Ident()), "Branch that is checked out; none when detached.")
BRANCH_EXPECTED = Field(
    "repository", "branch_expected", Optional(Ident()), "Branch that should be, by the settings.", Kind.EVENT
)
COMMITTED_AT = Field("repository", "committed_at", Optional(Instant()), "When that commit was made.")
CHANGED = Field("repository", "changed", Optional(Count()), "Tracked files with changes; none in a bare repository.")
UNTRACKED = Field("repository", "untracked", Optional(Count()), "Files and folders that are not tracked.")
CONFLICTS = Field("repository", "conflicts", Optional(Count()), "Files in conflict.")
DIRTY_SINCE = Field(
    "repository", "dirty_since", Optional(Instant()), "Since when it is seen to hold what is not committed."
)
OPERATION = Field(
    "repository",
    "operation",
    Optional(Word(("merge", "rebase", "cherry-pick", "revert", "bisect", "am"))),
    "What somebody has begun in it and not ended.",
)
UPSTREAM = Field("repository", "upstream", Optional(Ident()), "Branch of the remote that it follows.")
AHEAD = Field("repository", "ahead", Optional(Count()), "Commits that its upstream has not; none without an upstream.")
BEHIND = Field("repository", "behind", Optional(Count()), "Commits of its upstream that it has not.")
UNPUSHED_SINCE = Field(
    "repository", "unpushed_since", Optional(Instant()), "When the oldest commit that is not pushed was made."
)
PUSHED_AT = Field("repository", "pushed_at", Optional(Instant()), "Last push that the remote accepted, by its log.")
CONFIRMS = Field("repository", "confirms", Bool(), "Whether the remote itself is asked, by the settings.", Kind.EVENT)
REMOTE_HEAD = Field(
    "repository",
    "remote_head",
    Optional(Ident()),
    "Commit of the branch at the remote when it was last asked.",
    fresh_for=SLOW,
)
CONFIRMED_AT = Field(
    "repository",
    "confirmed_at",
    Optional(Instant()),
    "When the remote last said that it holds what is checked out.",
    fresh_for=SLOW,
)

# --- source: source:NAME, our own looking --------------------------------------------------------------------------

SOURCE_TOOK = Field("source", "took_ms", Number("ms"), "How long the last look took.")
SOURCE_ANSWERED = Field("source", "answered", Bool(), "Whether the last look ended in time with an answer.")
SOURCE_ASKED_AS = Field(
    "source",
    "asked_as",
    Optional(Ident()),
    "Which manager answers here and as which user it is asked; none where this host has no such manager.",
)
SNAPSHOT_WRITTEN_AT = Field("source", "written_at", Instant(), "When the exporter wrote its snapshot.", Kind.PERIODIC)
SNAPSHOT_NOT_UNDERSTOOD = Field(
    "source", "not_understood", Count(), "Facts in that snapshot that this release does not know."
)
SNAPSHOT_NOT_ADMITTED = Field(
    "source", "not_admitted", Count(), "Facts in it that its exporter may not report, or whose policy says no."
)

# --- history: quarterdeck:HOST/history, our own memory --------------------------------------------------------------

HISTORY_RECORDING = Field("history", "recording", Bool(), "Whether what is seen is being recorded.")
HISTORY_TROUBLE = Field("history", "trouble", Optional(Word()), "Why it is not, in a few words; none when it is.")
HISTORY_BEGAN_AT = Field("history", "began_at", Optional(Instant()), "The earliest moment of which something is known.")
HISTORY_NEWEST_AT = Field(
    "history", "newest_at", Optional(Instant()), "When something was recorded last.", Kind.PERIODIC
)
HISTORY_BYTES = Field("history", "bytes", Number("B"), "Size of its file with its logs.")
HISTORY_SET_ASIDE = Field(
    "history", "set_aside", Optional(Ident()), "The damaged file that was set aside last, before this one was begun."
)
HISTORY_SET_ASIDE_AT = Field("history", "set_aside_at", Optional(Instant()), "When that was.", Kind.EVENT)
HISTORY_SCHEMA = Field("history", "schema", Optional(Ident()), "Which schema its tables have.")
HISTORY_ENGINE = Field("history", "engine", Optional(Ident()), "Which database keeps it, and its version.")
