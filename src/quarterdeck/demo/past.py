"""A month that never was: what a hub would have seen of the fleet, from its first day until a moment ago.

Rule 1: the past leads to the present. Each moment is made of what is really seen of the homes now, told as of then: the
        same jobs with the runs they had had by then, the same sessions as far as they had begun.
Rule 2: what happened once is in a table: who was down, what could not be read, when nobody looked. No chance in it.
Rule 3: of a month not every moment can be told. What is told of one holds until the next, so that any moment in between
        can be asked for; the readings say so themselves, by how long they stay fresh.
Rule 4: it is written by the one who writes every history, so that it can be asked like any other.
"""

from __future__ import annotations

import sqlite3
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path
from typing import Any, Final, NamedTuple

from quarterdeck.demo import vault
from quarterdeck.demo.bulk import DAY_S
from quarterdeck.demo.characters import Fate, Job
from quarterdeck.demo.fleet import Fleet, Say
from quarterdeck.demo.home import ERRORS, due_after
from quarterdeck.demo.present import Run
from quarterdeck.store import gaps
from quarterdeck.store.engine import Engine
from quarterdeck.store.gaps import Beat
from quarterdeck.store.keeper import Keeper
from quarterdeck.store.schema import us
from quarterdeck.store.scribe import Observer
from quarterdeck.truth import fields as F  # noqa: N812 -- short where every line names a field
from quarterdeck.truth.fields import FIELDS, Field, field_for, kind_of
from quarterdeck.truth.grouped import Grouped
from quarterdeck.truth.instance import instance_of, subject
from quarterdeck.truth.past import Blind
from quarterdeck.truth.reading import AnyReading, Known, Reason, Unavailable
from quarterdeck.truth.shapes import RUNS_LIMIT
from quarterdeck.truth.snapshot import Snapshot
from quarterdeck.truth.tables import judge_subject

Observers = Callable[[Engine], Sequence[Observer]]
HOUR_S: Final = 3_600.0
COARSE, FINE, FINEST = 8 * HOUR_S, 3 * HOUR_S, 0.5 * HOUR_S
FINE_DAYS, FINEST_HOURS = 7.0, 26.0
"""Of the last hours more moments are told than of the last days, and of those more than of the weeks before."""
A_MOMENT: Final = 1e-6
END_S: Final = 2.0
"""So long before now the past ends."""
LIVELY: Final = timedelta(hours=2)
"""What happened this lately happens all the time: it is told as having happened just then, too."""
SOMEBODY: Final = 4_194_201
"""A number that no process has: of a gateway that lived."""
SESSIONS: Final = """
    SELECT started_at, message_count, coalesce(input_tokens, 0) + coalesce(output_tokens, 0)
    + coalesce(cache_read_tokens, 0) + coalesce(cache_write_tokens, 0), coalesce(estimated_cost_usd, 0.0)
    FROM sessions ORDER BY started_at
"""


class Episode(NamedTuple):
    """Something that happened once: to whom, how many days ago, for how many minutes, and what was seen of it."""

    instance: str
    part: str
    days_ago: float
    minutes: float
    seen: Mapping[Field[Any], object]

    def holds(self, days_ago: float) -> bool:
        """Whether it was so at a moment."""
        return self.days_ago - self.minutes / 1440 < days_ago <= self.days_ago


KILLED: Final[Mapping[Field[Any], object]] = {
    F.LOCK_HOLDER: None, F.PROCESS_STATE: None, F.PROCESS_STARTED_AT: None, F.RECORDED_PROCESS: "gone",
}  # fmt: skip
ALIVE: Final[Mapping[Field[Any], object]] = {
    F.LOCK_HOLDER: SOMEBODY, F.PROCESS_STATE: "sleeping", F.RECORDED_PID: SOMEBODY, F.RECORDED_PROCESS: "alive",
    F.STARTS_RECENT: 0, F.RECORDED_STATE: "running", F.OPEN_TURNS: 0, F.OPEN_TURN_SINCE: None, F.OPEN_TURN_IN: None,
    F.OPEN_TURN_TOOL: None, F.OPEN_TURN_SESSION: None, F.RATE_LIMITED_AT: None, F.EXHAUSTED: 0,
    F.RATE_LIMIT_RESET_AT: None, F.REFUSAL_CODE: None, F.ERRORS_1H: {}, F.RUNS_RUNNING: 0, F.OLDEST_RUN_AT: None,
    F.TICKER_EXPECTED: False, F.HEARTBEAT_EXPECTED: False, F.OLDEST_DUE_AT: None, F.PERIOD_S: None,
    F.RUNNING_SINCE: None, F.RUNNER_ALIVE: True, F.JOB_RUNNER_ALIVE: True, F.ACTIVE_AGENTS: 0,
}  # fmt: skip
"""What is seen of every agent while nothing is the matter. What beats is not told of: between two moments that are told
nobody would hear it, and it would be taken for dead."""
TORN: Final = Reason.CORRUPT
EPISODES: Final = (
    Episode("north", "gateway", 11.4, 47, KILLED),
    Episode("north", "gateway", 4.2, 25, {F.PLATFORMS: {"telegram": "retrying", "discord": "connected"}}),
    Episode("north", "model", 1.6, 35, {F.EXHAUSTED: 1, F.REFUSAL_CODE: 429}),
    Episode("south", "gateway", 19.3, 180, KILLED),
    Episode("south", "gateway", 8.1, 65, {F.STARTS_RECENT: 5}),
    Episode("west", "sessions", 6.3, 130, {F.SESSIONS_TOTAL: TORN, F.SESSIONS_24H: TORN, F.TOKENS_24H: TORN}),
    Episode("west", "gateway", 13.0, 90, {F.PLATFORMS: {"discord": "disconnected", "slack": "connected"}}),
)
REFUSED_MIN: Final = 95.0
"""Since when the provider refuses whom it refuses now."""
TORN_DAYS: Final = 1.2
"""Since when the torn files are torn."""
AWAY: Final = (3.4, 4.5 * 60)
"""When nobody looked: how many days ago, and for how many minutes."""
DATABASE_GROWS: Final = 0.4
"""The part of the databases that came within the month."""


def write(place: Path | str, observers: Observers, present: Snapshot, fleet: Fleet, say: Say) -> int:
    """Record the month before a snapshot; return how many moments were recorded."""
    stories = {one.name: Story.of(fleet, one.name) for one in fleet.characters}
    now, keeper = present.generated_at, Keeper(place, observers)
    began = [one.died_min / 1440 for one in fleet.characters if not one.alive]
    moments = list(_moments(fleet.plan.days, [*began, REFUSED_MIN / 1440, TORN_DAYS]))
    shared = present.instances
    try:
        for number, days_ago in enumerate(moments):
            until = moments[number + 1] if number + 1 < len(moments) else 0.0
            snapshot = _then(present, stories, number + 1, days_ago, timedelta(days=days_ago - until))
            at, readings = snapshot.generated_at, snapshot.readings
            limits = {one.id: one.thresholds for one in shared}
            names = readings.subjects if isinstance(readings, Grouped) else {}
            judged = {
                name: judge_subject(name, readings, at, limits[instance_of(name)])
                for name in names
                if instance_of(name) in limits
            }
            beat = Beat(at, at.timestamp())
            with keeper.writing(beat) as scribe:
                scribe.write(snapshot, judged, beat)
            if number % 25 == 0:
                say(f"history: day {fleet.plan.days - days_ago:.0f} of {fleet.plan.days}")
        with keeper.writing(Beat(now, now.timestamp())) as scribe:
            scribe.engine.write(lambda connection: _only_gap(connection, now))
            scribe.engine.write(lambda connection: gaps.set_mark(connection, gaps.BEAT, us(datetime.now(UTC))))
    finally:
        keeper.close()
    return len(moments)


def _only_gap(connection: Any, now: datetime) -> None:  # noqa: ANN401 -- the store's own connection
    """Note when nobody looked. Between two moments that were written down somebody did, however far apart they lie."""
    gaps.forget_before(connection, now + timedelta(days=1))
    began = now - timedelta(days=AWAY[0])
    gaps.add(connection, Blind(began, began + timedelta(minutes=AWAY[1]), gaps.NOT_RUNNING))


def _moments(days: int, began: Sequence[float]) -> Iterator[float]:
    """Return the moments that are told, in days before now, the oldest first; ``began`` is when what is now began."""
    edges = {each.days_ago for each in EPISODES} | {each.days_ago - each.minutes / 1440 for each in EPISODES}
    told = {edge for edge in (*edges, *(at - A_MOMENT for at in began)) if 0 < edge < days}
    ago = float(days)
    while ago > END_S / DAY_S:
        told.add(ago)
        ago -= (COARSE if ago > FINE_DAYS else FINE if ago * 24 > FINEST_HOURS else FINEST) / DAY_S
    away = Episode("", "", *AWAY, {})
    return iter(sorted((each for each in {*told, END_S / DAY_S} if not away.holds(each)), reverse=True))


# --- what is known of one agent -------------------------------------------------------------------------------------


@dataclass(slots=True)
class Story:
    """What happened to one agent: the runs of its jobs and its sessions."""

    name: str
    died_min: float | None
    refused: bool
    torn: bool
    jobs: Mapping[str, Job]
    runs: Mapping[str, Sequence[Run]]
    """By job, the oldest first."""
    began: Sequence[float] = ()
    sums: Sequence[Sequence[float]] = ()
    """Of sessions: how many messages, tokens and dollars there were before each."""
    began_of: dict[str, list[float]] = field(default_factory=dict)

    @classmethod
    def of(cls, fleet: Fleet, name: str) -> Story:
        """Gather what the home of an agent holds."""
        one = next(one for one in fleet.characters if one.name == name)
        with closing(sqlite3.connect(fleet.home(one) / "state.db")) as db:
            rows = db.execute(SESSIONS).fetchall()
        columns = list(zip(*rows, strict=True)) or [(), (), (), ()]
        runs = {job: sorted(made, key=lambda run: run.began) for job, made in fleet.runs[name].items()}
        return cls(
            name, None if one.alive else one.died_min, one.refused, bool(one.torn),
            {job.id(name): job for job in one.jobs}, runs, columns[0],
            [(0.0, *accumulate(column)) for column in columns[1:]],
            {job: [run.began for run in made] for job, made in runs.items()},
        )  # fmt: skip

    def lately(self, at: float, of: int | None = None) -> float:
        """Return what there was of sessions that began in the day before a moment; without ``of`` how many."""
        first, last = bisect_left(self.began, at - DAY_S), bisect_right(self.began, at)
        return last - first if of is None else self.sums[of][last] - self.sums[of][first]

    def runs_before(self, job: str, at: float) -> Sequence[Run]:
        """Return the newest runs of a job that had ended by a moment, the oldest first."""
        until = bisect_right(self.began_of.get(job, []), at)
        made = self.runs.get(job, ())[max(0, until - RUNS_LIMIT - 1) : until]
        return [run for run in made if run.ended <= at][-RUNS_LIMIT:]


class Then(NamedTuple):
    """One subject of an agent at one moment."""

    story: Story
    id: str
    at: float
    days_ago: float
    until: float
    """When the next moment is told."""

    @property
    def lived(self) -> bool:
        """Whether a gateway that is dead now was still alive."""
        return self.story.died_min is None or self.days_ago * 1440 > self.story.died_min

    @property
    def last(self) -> Run | None:
        """The newest run of the job."""
        made = self.story.runs_before(self.id, self.at)
        return made[-1] if made else None


def _recent(then: Then) -> object:
    made = then.story.runs_before(then.id, then.at)
    runs = [(_moment(run.began), _moment(run.ended), "error" if run.error else "ok") for run in made]
    return {"since": runs[0][0] if runs else None, "runs": [dict(zip(RAN, run, strict=True)) for run in runs]}


def _day(then: Then, *, failed: bool) -> int:
    began = then.story.began_of.get(then.id, [])
    first, last = bisect_right(began, then.at - DAY_S), bisect_right(began, then.at)
    return sum(run.error is not None for run in then.story.runs[then.id][first:last]) if failed else last - first


def _due(then: Then) -> datetime | None:
    job = then.story.jobs.get(then.id)
    if job is None:
        return None
    return _moment(due_after(job, then.last.began if then.last else then.at, then.until))


def _succeeded(then: Then) -> datetime | None:
    made = then.story.runs_before(then.id, then.at)
    return next((_moment(run.ended) for run in reversed(made) if run.error is None), None)


def _failed(then: Then) -> bool:
    return then.last is not None and then.last.error is not None


def _undelivered(then: Then) -> str | None:
    job = then.story.jobs.get(then.id)
    fresh = then.days_ago < UNDELIVERED_DAYS and then.last is not None
    return "platform" if job is not None and fresh and job.fate is Fate.UNDELIVERED and ERRORS[job.fate][1] else None


RAN: Final = ("began_at", "ended_at", "result")
UNDELIVERED_DAYS: Final = 5.0
"""Since when messages of the job that is not delivered are not."""
TASKS: Final = {"todo": 9, "running": 1, "done": 22, "review": 4}

TOLD: Final[Mapping[Field[Any], Callable[[Then], object]]] = {
    F.SESSIONS_TOTAL: lambda then: bisect_right(then.story.began, then.at),
    F.SESSIONS_24H: lambda then: int(then.story.lately(then.at)),
    F.SESSIONS_BY_SOURCE: lambda then: {"telegram": int(then.story.lately(then.at))},
    F.MESSAGES_24H: lambda then: int(then.story.lately(then.at, 0)),
    F.TOKENS_24H: lambda then: int(then.story.lately(then.at, 1)),
    F.COST_24H: lambda then: round(then.story.lately(then.at, 2), 6),
    F.SESSIONS_LIVE: lambda then: int(then.story.lately(then.at) > 0),
    F.RECENT_RUNS: _recent,
    F.RUNS_24H: lambda then: _day(then, failed=False),
    F.FAILED_24H: lambda then: _day(then, failed=True),
    F.LAST_RUN_AT: lambda then: _moment(then.last.ended) if then.last else None,
    F.LAST_RESULT: lambda then: None if then.last is None else "error" if _failed(then) else "ok",
    F.LAST_ERROR: lambda then: "rate limit" if _failed(then) else None,
    F.LAST_SUCCESS_AT: _succeeded,
    F.NEXT_RUN_AT: _due,
    F.DELIVERY_ERROR: _undelivered,
    F.TASKS: lambda _: TASKS,
    F.TASKS_RUNNING_STALE: lambda _: 0,
    F.TASKS_BLOCKED_SILENT: lambda _: 0,
}
"""What is told of then by itself, whatever is seen now."""


# --- a snapshot of then ---------------------------------------------------------------------------------------------


def _then(present: Snapshot, stories: Mapping[str, Story], version: int, days_ago: float, lasts: timedelta) -> Snapshot:
    """Return what would have been seen so many days before; nothing else is told for as long as ``lasts``."""
    back = timedelta(days=days_ago)
    at = present.generated_at - back
    whole = present.readings if isinstance(present.readings, Grouped) else Grouped.of(present.readings)
    subjects = {
        name: {each: _told(reading, stories.get(instance_of(name)), back, lasts) for each, reading in fields.items()}
        for name, fields in whole.subjects.items()
        if kind_of(name) not in OF_THE_HUB
    }
    for each in EPISODES:
        name = subject(each.instance, each.part)
        if each.holds(days_ago) and name in subjects:
            _befall(subjects[name], name, each, at)
    looks = {name: look._replace(at=look.at - back) for name, look in present.looks.items()}
    lasting = {name: {each: _lasting(one, lasts) for each, one in fields.items()} for name, fields in subjects.items()}
    return Snapshot(version, at, present.instances, Grouped(lasting), looks)


def _lasting(reading: AnyReading, lasts: timedelta) -> AnyReading:
    """Return a reading that is fresh until the next moment is told."""
    if isinstance(reading, Unavailable):
        return reading
    life = 2 * lasts + reading.fresh_for
    return Known(reading.subject, reading.field, reading.origin, reading.value, reading.observed_at, life)


OF_THE_HUB: Final = frozenset({"history", "ledger"})
"""What Quarterdeck says of itself; it was not there then."""


def _told(reading: AnyReading, story: Story | None, back: timedelta, lasts: timedelta) -> AnyReading:
    """Tell one reading as of then."""
    seen_at = (reading.observed_at if isinstance(reading, Known) else reading.attempted_at) - back
    declared = field_for(reading.subject, reading.field)
    if story is None or declared is None:
        if declared is F.PUSHED_AT and isinstance(reading, Known):
            return _pushed(reading, seen_at, back)
        if declared is not None and declared in WAS_PUSHED and back > timedelta(days=vault.UNPUSHED_DAYS):
            return declared.known(reading.subject, reading.origin, WAS_PUSHED[declared], seen_at)
        return _shifted(reading, seen_at, back)
    days_ago = back / timedelta(days=1)
    then = Then(story, reading.subject.rpartition("/")[2], seen_at.timestamp(), days_ago, (seen_at + lasts).timestamp())
    lost = isinstance(reading, Unavailable) and (days_ago < TORN_DAYS or reading.reason is Reason.MISSING)
    if declared in TOLD and not lost:
        return declared.known(reading.subject, reading.origin, TOLD[declared](then), seen_at)
    refused = story.refused and days_ago * 1440 < REFUSED_MIN
    if declared in ALIVE and then.lived and not (refused and declared.of in {"model", "logs"}):
        return declared.known(reading.subject, reading.origin, ALIVE[declared], seen_at)
    return _shifted(reading, seen_at, back)


def _shifted(reading: AnyReading, seen_at: datetime, back: timedelta) -> AnyReading:
    """Tell a reading as it is now: what happens all the time had happened just then, all else stays when it was."""
    if isinstance(reading, Unavailable):
        return replace(reading, attempted_at=seen_at)
    value, now = reading.value, reading.observed_at
    if isinstance(value, datetime):
        value = value - back if abs(now - value) < LIVELY or value > seen_at else value
    elif isinstance(value, float) and reading.field == F.DB_BYTES.name:
        value *= 1 - DATABASE_GROWS * min(1.0, back / timedelta(days=30))
    return Known(reading.subject, reading.field, reading.origin, value, seen_at, reading.fresh_for)


WAS_PUSHED: Final[Mapping[Field[Any], Any]] = {F.AHEAD: 0, F.UNPUSHED_SINCE: None}


def _pushed(reading: AnyReading, seen_at: datetime, back: timedelta) -> AnyReading:
    """Tell when the backup had last been pushed by then."""
    now = seen_at + back
    pushes = (now - timedelta(days=days_ago) for days_ago in vault.pushes())
    return F.PUSHED_AT.known(
        reading.subject, reading.origin, max((at for at in pushes if at <= seen_at), default=seen_at), seen_at
    )


def _befall(fields: dict[str, AnyReading], name: str, episode: Episode, at: datetime) -> None:
    for declared, value in episode.seen.items():
        seen = fields.get(declared.name)
        if seen is None or declared not in FIELDS.values():
            continue
        if isinstance(value, Reason):
            lost = declared.unavailable(name, seen.origin, value, "the file is not a database", at)
            fields[declared.name] = replace(lost, last=seen if isinstance(seen, Known) else None)
        else:
            fields[declared.name] = declared.known(name, seen.origin, value, at)


def _moment(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)
