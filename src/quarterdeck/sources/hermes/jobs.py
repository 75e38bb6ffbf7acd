"""The jobs an instance declares, from ``cron/jobs.json``.

Rule 1: each job stands for itself. A value that makes no sense costs that fact of that job; an entry that is no job at
        all is passed over, and the others stay.
Rule 2: what the agent reads is read, with its repairs: a byte order mark, a bare list, control characters within texts,
        a missing state. What makes the agent give up is corrupt.
Rule 3: nothing that somebody wrote leaves the home: no prompt, no target, no error. A name does where the instance's
        policy says so, an id when it is one, an error as its class.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any, NamedTuple

from quarterdeck.sources import files
from quarterdeck.sources.files import SourceError
from quarterdeck.sources.hermes import schedule
from quarterdeck.sources.hermes.answers import attempt, from_text, past
from quarterdeck.sources.hermes.classes import classify_error
from quarterdeck.sources.hermes.names import job_id
from quarterdeck.truth import fields
from quarterdeck.truth.fields import Field
from quarterdeck.truth.reading import Reason

JOBS = "cron/jobs.json"
LIMIT = 64_000_000
OVER = ("paused", "completed")
CONTROL = bytes(range(32))


class Job(NamedTuple):
    """One declared job: its id, fit for a subject, and what the agent wrote of it."""

    id: str
    raw_id: str | None
    entry: Mapping[str, object]

    def moment(self, key: str) -> datetime | None:
        """Return a time the agent wrote; None where it wrote none."""
        value = self.entry.get(key)
        return None if value is None else from_text(value)

    @property
    def schedule(self) -> Mapping[str, object]:
        """Return the schedule as the agent parsed it."""
        found = self.entry.get("schedule")
        if isinstance(found, dict):
            return found
        raise schedule.NO_SCHEDULE

    @property
    def enabled(self) -> object:
        """Whether it may run. The agent takes a job that does not say so for enabled, and null for disabled."""
        value = self.entry.get("enabled", True)
        return False if value is None else value

    @property
    def state(self) -> object:
        """The state the agent wrote, or the one it derives where it wrote none."""
        return self.entry.get("state") or ("scheduled" if self.enabled else "paused")

    @property
    def may_run(self) -> bool:
        """Whether the agent would start it at its time."""
        if not isinstance(self.enabled, bool):
            raise SourceError(Reason.CORRUPT, "a job does not say whether it is enabled")
        return self.enabled and self.state not in OVER

    def wall(self, now: datetime) -> datetime:
        """Return now on the wall clock that this job is scheduled by, as its own times show it."""
        zones = (_zone(self.entry.get(key)) for key in ("next_run_at", "last_run_at", "created_at"))
        return now.astimezone(next((zone for zone in zones if zone), None)).replace(tzinfo=None)


MARKS = frozenset({"id", "job_id", "schedule", "name", "prompt"})
"""Of these every job has at least one. What has none is no job, and a list of nothing else is no list of jobs."""


def load(home: Path) -> tuple[Job, ...]:
    """Read the jobs an instance declares."""
    data = _document(home / JOBS)
    entries = data.get("jobs") if isinstance(data, dict) else data
    if not isinstance(entries, list):
        raise SourceError(Reason.CORRUPT, "holds something else where the list of jobs should be")
    found = [entry for entry in entries if isinstance(entry, dict) and entry.keys() & MARKS]
    if entries and not found:
        raise SourceError(Reason.CORRUPT, "holds no job in its list of jobs, but other things")
    return tuple(_numbered(found))


def _document(path: Path) -> object:
    """Read the document; where control characters stand in its texts, without them, as the agent would repair it."""
    found = attempt(files.read_json, path, limit=LIMIT)
    if not isinstance(found, SourceError):
        return found.data
    if found.reason is not Reason.CORRUPT:
        raise found
    data = files.read_bytes(path, limit=LIMIT).data
    repaired = data.translate(bytes(32 if byte in CONTROL else byte for byte in range(256)))
    if repaired == data:
        raise found
    again = attempt(files.parse_json, repaired)
    if isinstance(again, SourceError):
        raise found
    return again


def _numbered(entries: Iterable[Mapping[str, object]]) -> Iterable[Job]:
    """Give each entry an id of its own, also where one is missing or used twice."""
    used: set[str] = set()
    for number, entry in enumerate(entries):
        raw = entry.get("id") or entry.get("job_id")
        wanted = job_id(raw or ("without an id", number))
        name = wanted if wanted not in used else job_id((raw, number))
        used.add(name)
        yield Job(name, raw if isinstance(raw, str) else None, entry)


def _zone(value: object) -> tzinfo | None:
    try:
        return datetime.fromisoformat(value).tzinfo if isinstance(value, str) else None
    except ValueError:
        return None


# --- facts: from an entry to a value, or to the reason why there is none ---------------------------------------------


def _moment(key: str) -> Callable[[Job, datetime], object]:
    return lambda job, _: job.moment(key)


def _past(key: str) -> Callable[[Job, datetime], object]:
    def fact(job: Job, now: datetime) -> object:
        at = job.moment(key)
        return None if at is None else past(at, now)

    return fact


def next_run_at(job: Job) -> datetime | None:
    """Return when a job is due next; one that runs once and has not been given a time is due when it says."""
    if job.entry.get("next_run_at") is not None or job.entry.get("last_run_at"):
        return job.moment("next_run_at")
    run_at = job.schedule.get("run_at") if schedule.kind(job.schedule) == "once" else None
    return None if run_at is None else from_text(run_at)


def _error_class(key: str) -> Callable[[Job, datetime], object]:
    def fact(job: Job, _: datetime) -> object:
        text = job.entry.get(key)
        if text is not None and not isinstance(text, str):
            raise SourceError(Reason.CORRUPT, "holds something that is not an error text")
        return None if text is None else classify_error(text)

    return fact


def name(job: Job) -> str:
    """Return the name somebody gave the job. Where nobody did, the agent would use its prompt: we do not."""
    found = job.entry.get("name")
    if isinstance(found, str) and found.strip():
        return found
    raise SourceError(Reason.MISSING, "nobody gave it a name")


FACTS: tuple[tuple[Field[Any], Callable[[Job, datetime], object]], ...] = (
    (fields.DECLARED, lambda _job, _now: True),
    (fields.SCHEDULE, lambda job, _: schedule.in_words(job.schedule)),
    (fields.SCHEDULE_KIND, lambda job, _: schedule.kind(job.schedule)),
    (fields.PERIOD_S, lambda job, now: schedule.period_s(job.schedule, job.wall(now))),
    (fields.ENABLED, lambda job, _: job.enabled),
    (fields.JOB_STATE, lambda job, _: job.state),
    (fields.PAUSED_AT, _past("paused_at")),
    (fields.PAUSE_EXPLAINED, lambda job, _: bool(job.entry.get("paused_reason"))),
    (fields.CREATED_AT, _past("created_at")),
    (fields.NEXT_RUN_AT, lambda job, _: next_run_at(job)),
    (fields.LAST_RUN_AT, _past("last_run_at")),
    (fields.LAST_RESULT, lambda job, _: job.entry.get("last_status")),
    (fields.LAST_ERROR, _error_class("last_error")),
    (fields.DELIVERY_ERROR, _error_class("last_delivery_error")),
)


def oldest_due_at(jobs: Iterable[Job]) -> datetime | None:
    """Return the earliest time at which a job is due that may run."""
    return min((at for job in jobs if job.may_run and (at := next_run_at(job))), default=None)


def count_enabled(jobs: Iterable[Job]) -> int:
    """Count the jobs that may run."""
    return sum(job.may_run for job in jobs)
