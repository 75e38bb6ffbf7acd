"""The numbers of the judgement tables, in one place, each settable in ``quarterdeck.toml``."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Limits used by the judgement tables. Times in seconds, shares between 0 and 1."""

    heartbeat_s: float = 90.0
    """A gateway's event loop beats every 30 s; older than this and it hangs."""
    ticker_s: float = 200.0
    """The cron ticker beats every 60 s; older than three beats and 20 s, and it is dead."""
    stuck_model_s: float = 300.0
    """A turn waiting for the model longer than this is stuck."""
    stuck_tool_s: float = 900.0
    """A turn inside one tool longer than this is stuck."""
    stuck_job_s: float = 3600.0
    """A cron run longer than this is stuck."""
    short_job_s: float = 0.0
    """A run that took less than this ran short; 0: none does."""
    platform_s: float = 300.0
    """A chat platform may reconnect for this long before it counts as trouble."""
    drain_s: float = 300.0
    """A gateway may drain for this long."""
    crash_window_s: float = 900.0
    """The span in which starts are counted for a crash loop."""
    crash_starts: int = 3
    """So many starts within the span are a crash loop."""
    overdue_s: float = 180.0
    """A job may start this much late, plus its own grace."""
    paused_noticed_s: float = 7 * 86_400.0
    """A job paused for longer than this, without a reason, has been forgotten."""
    silent_runs: float = 3.0
    """A job without a success for this many of its periods is drifting."""
    rate_limit_s: float = 300.0
    """A refusal by the provider (429) within this span counts as being rate-limited now."""
    disk_share: float = 0.90
    """A file system fuller than this is degraded."""
    disk_full_share: float = 0.98
    """A file system fuller than this is down: writers fail."""
    memory_share: float = 0.95
    """Memory in use beyond this share is degraded."""
    clock_step_s: float = 5.0
    """A jump of the clock larger than this is shown."""
    errors_1h: int = 50
    """More errors than this in the agent's log in an hour are degraded."""
    backup_late_s: float = 1800.0
    """A backup that was neither pushed nor run within this span is late."""
    backup_lost_s: float = 7200.0
    """A backup that was neither pushed nor run within this span counts as lost."""
    service_slow_s: float = 2.0
    """A service that takes longer than this to answer is slow."""
    certificate_s: float = 14 * 86_400.0
    """A certificate that expires within this span must be renewed."""
    credential_s: float = 7 * 86_400.0
    """A credential that expires within this span must be renewed."""
    model_load_s: float = 60.0
    """A model that takes longer than this to load is too slow."""
    checks_stuck_s: float = 3600.0
    """Checks of a pull request that have not ended after this long are stuck."""
    conflict_s: float = 60.0
    """A forge that says for longer than this that a pull request cannot merge is not still computing."""
    review_wait_s: float = 86_400.0
    """A pull request that waits for a person for longer than this needs somebody."""
    work_still_s: float = 3 * 86_400.0
    """A pull request or a claim that nobody has moved for longer than this is stale."""
    lease_s: float = 2 * 3600.0
    """A claim whose branch has not moved for longer than this has run out."""
