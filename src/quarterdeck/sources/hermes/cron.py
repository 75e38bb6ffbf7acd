"""The scheduler of an instance and its jobs.

Rule 1: what is declared is said by ``cron/jobs.json`` alone. When it cannot be read, how many jobs there are is not
        known, and jobs known from elsewhere (the ledger, the look before) are not known to be declared.
Rule 2: no jobs is a fact only with evidence: no list, no run and no output. A list that has gone from a home in which
        jobs have run is missing.
Rule 3: a job that ran within the day and is declared no longer is told as such. The agent itself removes a job that has
        run as often as it should, so this is not a fault.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from quarterdeck.sources import files
from quarterdeck.sources.files import SourceError
from quarterdeck.sources.hermes import executions, jobs, ticks, zones
from quarterdeck.sources.hermes.answers import Answer, Report, after, attempt, from_epoch, given, past
from quarterdeck.sources.hermes.executions import DAY, LEDGER, RESULTS, Ledger, Machine
from quarterdeck.sources.hermes.jobs import FACTS, JOBS, Job
from quarterdeck.sources.hermes.names import job_id
from quarterdeck.sources.hermes.proc import KERNEL
from quarterdeck.sources.hermes.runner import Runner
from quarterdeck.sources.hermes.ticks import TICK_LOCK, Tick
from quarterdeck.truth import fields
from quarterdeck.truth.fields import Field
from quarterdeck.truth.instance import Instance, subject
from quarterdeck.truth.reading import AnyReading, Origin, Reason
from quarterdeck.truth.shapes import Recent

DECLARED = Origin("cron jobs", JOBS)
RUNS = Origin("execution ledger", LEDGER)
LOCK = Origin("kernel locks", TICK_LOCK)
SESSIONS = Origin("sessions database", "state.db")
CONFIG = Origin("configuration", "config.yaml")

OUTPUT = "cron/output"
OUTPUTS_LIMIT = 20_000
BEAT_LIMIT = 100
BEATS = {"cron/ticker_heartbeat": fields.TICKER_AT, "cron/ticker_last_success": fields.TICKER_SUCCESS_AT}
BEATS_SINCE = 19
LEDGER_SINCE = 22
"""Schemas from which the agent writes ticker heartbeats (0.18) and the ledger of runs (0.19)."""
CATCHES_UP_NOT = 11
"""Schema of 0.14, which passes over what it missed. 0.19 makes up for it; of what lies between it is not known."""


class Memory:
    """What one look leaves for the next one."""

    def __init__(self) -> None:
        self.jobs: Mapping[str, str | None] = {}
        """Those declared when the list could last be read: they are not gone because it cannot be read now."""
        self.ledger = executions.Memory()


class Look(NamedTuple):
    """What one look at a scheduler found, each part for itself."""

    now: datetime
    runner: Runner
    jobs: Answer[tuple[Job, ...]]
    ledger: Answer[Ledger]
    holder: Answer[int | None]
    """Process that holds the lock of the tick."""
    tick: Tick | None
    """What stands in for the ledger in a release that keeps none."""


def read(
    home: Path,
    instance: Instance,
    now: datetime,
    runner: Runner,
    *,
    kernel: Machine | None = None,
    memory: Memory | None = None,
    timezone: Answer[str | None] = None,
) -> list[AnyReading]:
    """Return the readings of an instance's scheduler and jobs. ``timezone`` is what its configuration names."""
    report, memory, kernel = Report(now), memory or Memory(), kernel or KERNEL
    ledger = _ledger(home, now, runner, kernel, memory)
    outputs = attempt(_outputs, home / OUTPUT)
    declared = _declared(attempt(jobs.load, home), ledger, outputs, attempt(files.list_dir, home, limit=1))
    holder = attempt(_holder, kernel, home / TICK_LOCK)
    has_ledger = not (isinstance(ledger, SourceError) and ledger.reason is Reason.MISSING)
    tick = None if has_ledger else ticks.read(home, now, runner, holder)
    look = Look(now, runner, declared, ledger, holder, tick)
    _tell_scheduler(report, subject(instance.id, "cron"), home, look)
    _tell_clock(report, subject(instance.id, "cron"), timezone, look)
    if isinstance(declared, SourceError):
        known = dict(memory.jobs) | {job_id(job): job for job in _ran_lately(ledger, now)}
        for name, raw in known.items():
            _tell_unknown(report, subject(instance.id, "cron", name), raw, declared, look)
        return report.readings
    memory.jobs = {job.id: job.raw_id for job in declared}
    for job in declared:
        _tell_job(report, subject(instance.id, "cron", job.id), job, instance, look)
    there = {job.raw_id for job in declared} | {job.id for job in declared}
    for raw, at in (_touched_lately(home / OUTPUT, outputs, there, now) | _ran_lately(ledger, now)).items():
        if raw not in there:
            _tell_gone(report, subject(instance.id, "cron", job_id(raw)), raw, at, look)
    return report.readings


def _tell_scheduler(report: Report, about: str, home: Path, look: Look) -> None:
    report.tell(about, DECLARED, fields.JOBS_DECLARED, after(look.jobs, len))
    report.tell(about, DECLARED, fields.JOBS_ENABLED, after(look.jobs, jobs.count_enabled))
    report.tell(about, DECLARED, fields.OLDEST_DUE_AT, after(look.jobs, jobs.oldest_due_at))
    beats = {name: attempt(_beat, home / name, look.now) for name in BEATS}
    ticker = Origin("cron ticker", next(iter(BEATS)))
    report.tell(about, ticker, fields.TICKER_EXPECTED, attempt(_beats_expected, beats, look.runner))
    for name, what in BEATS.items():
        report.tell(about, Origin("cron ticker", name), what, beats[name])
    report.tell(about, LOCK, fields.TICK_LOCK_HOLDER, look.holder)
    report.tell(about, look.runner.origin, fields.RUNNER_ALIVE, attempt(_alive, look.runner))
    report.tell(about, look.runner.origin, fields.RUNNER_SINCE, attempt(_alive_since, look.runner))
    by = LOCK if look.tick else RUNS
    report.tell(about, by, fields.RUNS_RUNNING, attempt(_running, look))
    report.tell(about, by, fields.OLDEST_RUN_AT, attempt(_oldest_run_at, look))


def _tell_clock(report: Report, about: str, timezone: Answer[str | None], look: Look) -> None:
    """Tell by which clock the agent schedules, and what it does about a run that it missed."""
    zone = after(timezone, zones.reckoned_in)
    configured = after(zone, lambda found: found.configured)
    by = zones.HOST_CLOCK if configured is False else CONFIG
    report.tell(about, by, fields.SCHEDULE_ZONE, after(zone, lambda found: zones.agreed(found, look.jobs)))
    report.tell(about, by, fields.ZONE_CONFIGURED, configured)
    report.tell(
        about, Origin("schema of the sessions database", "state.db"), fields.CATCHES_UP, attempt(_catches_up, look)
    )


def _catches_up(look: Look) -> bool:
    """Tell whether a release makes up for missed runs. Those between were not looked at: of them it is not known."""
    schema = look.runner.schema_version
    if schema is None or CATCHES_UP_NOT < schema < LEDGER_SINCE:
        raise SourceError(Reason.MISSING, "whether this release makes up for missed runs is not known")
    return schema >= LEDGER_SINCE


def _recent(job: Job, look: Look) -> Recent:
    if look.tick:
        return look.tick.recent(job, look.now)
    ledger = given(look.ledger)
    created = attempt(job.moment, "created_at")
    if isinstance(created, datetime) and ledger.reaches_back_to is None and _knows_all_runs(job, ledger):
        return ledger.recent(job.raw_id, created)
    return ledger.recent(job.raw_id, ledger.holds_all_since)


def _tell_job(report: Report, about: str, job: Job, instance: Instance, look: Look) -> None:
    for what, fact in FACTS:
        report.tell(about, DECLARED, what, attempt(fact, job, look.now))
    if instance.policy.job_names:
        report.tell(about, DECLARED, fields.JOB_NAME, attempt(jobs.name, job))
    by = LOCK if look.tick else RUNS
    report.tell(about, by, fields.RUNNING_SINCE, attempt(_running_since, job, look))
    report.tell(about, SESSIONS if look.tick else RUNS, fields.RECENT_RUNS, attempt(_recent, job, look))
    report.tell(about, RUNS, fields.RUNS_24H, attempt(_day, job, look))
    report.tell(about, RUNS, fields.FAILED_24H, attempt(_day, job, look, "failed"))
    report.tell(about, DECLARED if look.tick else RUNS, fields.LAST_SUCCESS_AT, attempt(_last_success, job, look))
    report.tell(about, look.runner.origin, fields.JOB_RUNNER_ALIVE, attempt(_alive, look.runner))


def _tell_unknown(report: Report, about: str, raw: str | None, why: SourceError, look: Look) -> None:
    """A job that was known when the list of jobs could still be read, or that the ledger knows."""
    for what, _ in FACTS:
        report.tell(about, DECLARED, what, why)
    _tell_runs(report, about, raw, look)
    report.tell(about, look.runner.origin, fields.JOB_RUNNER_ALIVE, attempt(_alive, look.runner))


def _tell_gone(report: Report, about: str, raw: str, at: datetime, look: Look) -> None:
    """A job that ran and is declared no longer."""
    report.tell(about, DECLARED, fields.DECLARED, False)  # noqa: FBT003 -- the value of a reading
    run = after(look.ledger, lambda ledger: ledger.last(raw))
    if run is None or isinstance(run, SourceError):
        report.tell(about, Origin("cron output", OUTPUT), fields.LAST_RUN_AT, at)
        return
    report.tell(about, RUNS, fields.LAST_RUN_AT, run.began_at)
    report.tell(about, RUNS, fields.LAST_RESULT, RESULTS.get(run.status))
    _tell_runs(report, about, raw, look)


def _tell_runs(report: Report, about: str, raw: str | None, look: Look) -> None:
    facts: Mapping[Field[Any], Callable[[Ledger], object]] = {
        fields.RUNNING_SINCE: lambda ledger: ledger.running_since(raw),
        fields.RUNS_24H: lambda ledger: ledger.day(raw),
        fields.FAILED_24H: lambda ledger: ledger.day(raw, "failed"),
        fields.LAST_SUCCESS_AT: lambda ledger: ledger.last_success(raw),
        fields.RECENT_RUNS: lambda ledger: ledger.recent(raw, ledger.holds_all_since),
    }
    for what, fact in facts.items():
        report.tell(about, RUNS, what, after(look.ledger, fact))


# --- what there is ---------------------------------------------------------------------------------------------------


def _ledger(home: Path, now: datetime, runner: Runner, kernel: Machine, memory: Memory) -> Answer[Ledger]:
    """Read the ledger. A release that keeps one and has none yet has run nothing."""
    found = attempt(executions.read, home, now, runner, kernel, memory.ledger)
    if isinstance(found, SourceError) and found.reason is Reason.MISSING:
        if (runner.schema_version or 0) >= LEDGER_SINCE:
            return Ledger(now, {}, None, covers_a_day=False, under_way={})
        return SourceError(Reason.MISSING, "this release of the agent keeps no ledger of runs")
    return found


def _outputs(path: Path) -> tuple[str, ...]:
    """Return the jobs that have left output, by the agent's id."""
    listing = attempt(files.list_dir, path, limit=OUTPUTS_LIMIT)
    if isinstance(listing, SourceError):
        if listing.reason is Reason.MISSING:
            return ()
        raise listing
    return tuple(entry.name for entry in listing.entries if entry.kind == "directory")


def _declared(
    found: Answer[tuple[Job, ...]], ledger: Answer[Ledger], outputs: Answer[tuple[str, ...]], home: Answer[object]
) -> Answer[tuple[Job, ...]]:
    """A home that never had a job has no list of them; one that is not there itself says nothing."""
    if not isinstance(found, SourceError) or found.reason is not Reason.MISSING:
        return found
    if isinstance(home, SourceError):
        return home
    no_runs = ledger.reason is Reason.MISSING if isinstance(ledger, SourceError) else not ledger.jobs
    if no_runs and outputs == ():
        return ()
    return SourceError(Reason.MISSING, "does not exist, though jobs have run here")


def _holder(kernel: Machine, path: Path) -> int | None:
    found = attempt(kernel.holder, path)
    if isinstance(found, SourceError) and found.reason is Reason.MISSING:
        return None  # nobody holds a lock on a file that was never made
    return given(found)


def _beat(path: Path, now: datetime) -> datetime | None:
    """Return the time that a beat left in its file; None when there is no such file."""
    file = attempt(files.read_text, path, limit=BEAT_LIMIT)
    if isinstance(file, SourceError):
        if file.reason is Reason.MISSING:
            return None
        raise file
    try:
        seconds = float(file.data)
    except ValueError:
        raise SourceError(Reason.CORRUPT, "holds something that is not a time") from None
    return past(from_epoch(seconds), now)


def _beats_expected(beats: Mapping[str, Answer[datetime | None]], runner: Runner) -> bool:
    if any(beat is not None for beat in beats.values()):
        return True
    if runner.schema_version is None:
        raise SourceError(Reason.MISSING, "which release this is could not be told, and there is no beat")
    return runner.schema_version >= BEATS_SINCE


def _alive(runner: Runner) -> bool:
    if runner.alive is None:
        raise SourceError(runner.reason or Reason.OBSERVER, runner.detail)
    return runner.alive


def _alive_since(runner: Runner) -> datetime | None:
    if _alive(runner) and runner.started_at is None:
        raise SourceError(Reason.OBSERVER, "when the running gateway started could not be told")
    return runner.started_at


# --- runs ------------------------------------------------------------------------------------------------------------


def _running(look: Look) -> int:
    return look.tick.running if look.tick else len(given(look.ledger).all_under_way())


def _oldest_run_at(look: Look) -> datetime | None:
    if look.tick:
        return look.tick.oldest_at
    return min((run.began_at for run in given(look.ledger).all_under_way()), default=None)


def _running_since(job: Job, look: Look) -> datetime | None:
    return look.tick.running_since(job) if look.tick else given(look.ledger).running_since(job.raw_id)


def _day(job: Job, look: Look, *statuses: str) -> int:
    ledger = given(look.ledger)
    count = ledger.day(job.raw_id, *statuses)
    last_run_at = job.moment("last_run_at")
    ran_today = last_run_at is not None and last_run_at >= look.now - DAY
    if ran_today and not ledger.covers_a_day and not _knows_all_runs(job, ledger):
        raise SourceError(Reason.MISSING, "the ledger of runs is younger than a day")
    return count


def _knows_all_runs(job: Job, ledger: Ledger) -> bool:
    """Whether the ledger holds every run that the agent has counted for a job, and the last one it noted."""
    repeat = job.entry.get("repeat")
    counted = repeat.get("completed") if isinstance(repeat, dict) else None
    finished = sum(run.status in RESULTS for run in ledger.of(job.raw_id).all())
    noted = job.entry.get("last_run_at") is not None
    return isinstance(counted, int) and finished >= max(counted, noted)


def _last_success(job: Job, look: Look) -> datetime | None:
    """Return the newest run that ended well, by the ledger or by the last result; None when there was none."""
    ledger = None if look.tick else look.ledger
    found = None if ledger is None else given(ledger).last_success(job.raw_id)
    last_run_at = job.moment("last_run_at")
    if last_run_at is not None and job.entry.get("last_status") == "ok":
        return max(past(last_run_at, look.now), found or last_run_at)
    if found is not None or last_run_at is None:
        return found
    if ledger is not None and given(ledger).reaches_back_to is None and _knows_all_runs(job, given(ledger)):
        return None
    raise SourceError(Reason.MISSING, "its last run failed, and no record reaches back to a success")


# --- jobs that are declared no longer --------------------------------------------------------------------------------


def _ran_lately(ledger: Answer[Ledger], now: datetime) -> dict[str, datetime]:
    """Return the jobs that ran within the day by the ledger, and when they last did."""
    if isinstance(ledger, SourceError):
        return {}
    newest = {job: max((run.began_at for run in runs.runs), default=None) for job, runs in ledger.jobs.items()}
    return {job: at for job, at in newest.items() if at is not None and at >= now - DAY}


def _touched_lately(
    path: Path, outputs: Answer[tuple[str, ...]], declared: Iterable[str | None], now: datetime
) -> dict[str, datetime]:
    """Return the jobs, declared no longer, that left output within the day, and when they last did."""
    if isinstance(outputs, SourceError):
        return {}
    touched = {job: attempt(_newest_output, path / job) for job in set(outputs) - set(declared)}
    return {job: at for job, at in touched.items() if isinstance(at, datetime) and now - DAY <= at <= now}


def _newest_output(path: Path) -> datetime | None:
    """Return when the newest output of a job was written; the names of outputs are times."""
    listing = files.list_dir(path, limit=OUTPUTS_LIMIT)
    newest = max((entry.name for entry in listing.entries if entry.kind == "file"), default=None)
    return None if newest is None else datetime.fromtimestamp(files.stat_file(path / newest).mtime, UTC)
