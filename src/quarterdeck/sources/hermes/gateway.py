"""The gateway, by every witness there is.

Rule 1: the kernel's lock tells life. What the gateway wrote of itself tells what it meant to do when it wrote it.
Rule 2: a home in which no gateway has ever run says so. A file that a gateway always writes and that is not there,
        although one has run, is missing.
Rule 3: what an earlier process left behind is not what this one says: a platform's state older than the process is
        passed over.
Rule 4: no text of an error leaves the home, only its class.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple, TypeVar

from quarterdeck.sources import files
from quarterdeck.sources.files import SourceError
from quarterdeck.sources.hermes.answers import Answer, Report, after, attempt, from_text, given, past
from quarterdeck.sources.hermes.classes import classify_error
from quarterdeck.sources.hermes.diary import Diary, End, count_starts, read_diary
from quarterdeck.sources.hermes.proc import Kernel, Process
from quarterdeck.sources.hermes.runner import GATEWAY_LOCK, Runner
from quarterdeck.sources.hermes.values import entry, if_there, is_there, table, text, texts, whole
from quarterdeck.truth import fields as F  # noqa: N812 -- as in the judgement tables
from quarterdeck.truth.instance import subject
from quarterdeck.truth.reading import Origin, Reason

T = TypeVar("T")

PROCESS = Origin("kernel processes", "gateway.lock")
STATE = Origin("gateway_state.json", "gateway_state.json")
STATE_PROCESS = Origin("kernel processes", "gateway_state.json")
BEAT = Origin("gateway heartbeat", "state/gateway.heartbeat")
MARKER = Origin("marker of a clean shutdown", ".clean_shutdown")
DIARY = Origin("gateway exit diary", "logs/gateway-exit-diag.log")
STARTS = Origin("gateway start diary", "gateway-starts.log")
SERVED = Origin("gateway of the root home", "gateway_state.json")
TRACES = Origin("files of the home", "gateway.lock")

LEFT_BEHIND = (
    "gateway.lock",
    "gateway_state.json",
    "gateway.pid",
    "gateway-starts.log",
    "state/gateway.heartbeat",
    "logs/gateway-exit-diag.log",
)
"""What a gateway leaves in its home, the likeliest first."""

STATE_LIMIT = 1_000_000
BEAT_LIMIT = 65_536
DIARY_TAIL = 65_536

CONNECTED = "connected"
PLATFORM_STATES = {"connecting", CONNECTED, "retrying", "paused", "disconnected", "fatal"}

SLACK = timedelta(seconds=2)
"""How much earlier than its process a note may seem to be: the start of a process is known to the second."""


class Platform(NamedTuple):
    """What the gateway wrote of one chat platform."""

    state: object
    at: Answer[datetime]


class Recorded(NamedTuple):
    """What the gateway last wrote of itself."""

    state: Answer[str]
    at: Answer[datetime]
    pid: Answer[int]
    ticks: Answer[int]
    exit: Answer[str | None]
    active_agents: Answer[int]
    platforms: Answer[Mapping[str, Platform]]
    served: Answer[tuple[str, ...]]


class Beat(NamedTuple):
    """A beat of the gateway's event loop."""

    at: Answer[datetime]
    pid: Answer[int]


class Evidence(NamedTuple):
    """Everything the witnesses say. None stands for something that is not there."""

    holder: Answer[int | None]
    process: Answer[Process | None]
    traces: Answer[bool]
    recorded: Answer[Recorded | None]
    fate: Answer[str | None]
    """What became of the process that wrote it."""
    beat: Answer[Beat | None]
    clean: Answer[bool]
    diary: Answer[Diary | None]
    starts: Answer[int | None]


class Around(NamedTuple):
    """What other parts found out that the gateway's own witnesses do not know."""

    served_by: Answer[str | None]
    beats: Answer[bool]
    """Whether the release writes heartbeats."""
    troubled: Mapping[str, datetime]
    """Since when each platform in trouble has been, as far as it was seen."""


# --- looking -------------------------------------------------------------------------------------------------------


def gather(home: Path, kernel: Kernel, now: datetime) -> Evidence:
    """Hear every witness in one home."""
    held = attempt(lambda: kernel.holder(home / "gateway.lock", _named_in_lock(home)))
    process = after(held, lambda pid: None if pid is None else kernel.process(pid))
    recorded = if_there(_read_state, home / "gateway_state.json", now)
    if isinstance(recorded, Recorded):
        recorded = recorded._replace(pid=_in_our_numbers(kernel, process, recorded.pid))
    beat = if_there(_read_beat, home / "state" / "gateway.heartbeat", now)
    if isinstance(beat, Beat):
        beat = beat._replace(pid=_in_our_numbers(kernel, process, beat.pid))
    fate = after(recorded, lambda note: None if note is None else _fate(kernel, note))
    holder = _holder(held, fate)
    return Evidence(
        holder=holder,
        process=process if holder == held else after(holder, lambda _: None),
        traces=attempt(_traces, home),
        recorded=recorded,
        fate=fate,
        beat=beat,
        clean=attempt(is_there, home / ".clean_shutdown"),
        diary=if_there(lambda: read_diary(files.tail(home / "logs" / "gateway-exit-diag.log", limit=DIARY_TAIL), now)),
        starts=if_there(lambda: count_starts(files.tail(home / "gateway-starts.log", limit=DIARY_TAIL), now)),
    )


def _named_in_lock(home: Path) -> int | None:
    """Return the process that the lock file names: a tie-breaker only, so that whatever is wrong with it means none."""
    named = attempt(lambda: whole(entry(table(files.read_json(home / "gateway.lock", limit=BEAT_LIMIT).data), "pid")))
    return None if isinstance(named, SourceError) else named


def _holder(held: Answer[int | None], fate: Answer[str | None]) -> Answer[int | None]:
    """Without a lock file nobody holds it, unless the process that last wrote here still runs: then it was removed."""
    if not _is_missing(held):
        return held
    if fate == "alive":
        return SourceError(Reason.MISSING, "gone, though the gateway that made it still runs; restart the gateway")
    return None


def _traces(home: Path) -> bool:
    """One trace is enough, whatever may be wrong with another."""
    found = [attempt(is_there, home / name) for name in LEFT_BEHIND]
    return True in found or any(map(given, found))


def _is_missing(answer: object) -> bool:
    return isinstance(answer, SourceError) and answer.reason is Reason.MISSING


def _in_our_numbers(kernel: Kernel, process: Answer[Process | None], pid: Answer[int]) -> Answer[int]:
    """A gateway in a container writes the number it has there: give it the one it has here."""
    if not isinstance(process, Process) or pid == process.pid:
        return pid
    return process.pid if attempt(kernel.inner_pid, process.pid) == pid else pid


def _fate(kernel: Kernel, note: Recorded) -> str:
    return kernel.identify(given(note.pid), given(note.ticks))


def _read_state(path: Path, now: datetime) -> Recorded:
    return parse_state(files.read_json(path, limit=STATE_LIMIT).data, now)


def _read_beat(path: Path, now: datetime) -> Beat:
    return parse_beat(files.read_json(path, limit=BEAT_LIMIT).data, now)


# --- understanding -------------------------------------------------------------------------------------------------


def parse_state(document: object, now: datetime) -> Recorded:
    """Understand ``gateway_state.json``."""
    note = table(document)
    return Recorded(
        state=attempt(lambda: text(entry(note, "gateway_state"))),
        at=attempt(lambda: past(from_text(entry(note, "updated_at"), UTC), now)),
        pid=attempt(lambda: whole(entry(note, "pid"))),
        ticks=attempt(lambda: whole(entry(note, "start_time"))),
        exit=attempt(lambda: _exit_class(entry(note, "exit_reason"))),
        active_agents=attempt(lambda: whole(entry(note, "active_agents"))),
        platforms=attempt(lambda: _platforms(table(entry(note, "platforms")), now)),
        served=attempt(lambda: texts(note.get("served_profiles") or [])),
    )


def parse_beat(document: object, now: datetime) -> Beat:
    """Understand ``state/gateway.heartbeat``."""
    note = table(document)
    return Beat(
        at=attempt(lambda: past(from_text(entry(note, "updated_at"), UTC), now)),
        pid=attempt(lambda: whole(entry(note, "pid"))),
    )


def _exit_class(value: object) -> str | None:
    return None if value is None else classify_error(text(value))


def _platforms(values: Mapping[str, object], now: datetime) -> Mapping[str, Platform]:
    return {name: _platform(table(value), now) for name, value in values.items()}


def _platform(values: Mapping[str, object], now: datetime) -> Platform:
    return Platform(entry(values, "state"), attempt(lambda: past(from_text(entry(values, "updated_at"), UTC), now)))


def platforms_now(evidence: Evidence) -> Answer[Mapping[str, Platform]]:
    """Return the platforms of the process that runs now; of the last one when none runs."""
    none: Mapping[str, Platform] = {}
    note = _noted(evidence, lambda note: note.platforms, none)
    if isinstance(note, SourceError) or not isinstance(evidence.process, Process):
        return note
    begun = evidence.process.started_at - SLACK
    return {name: each for name, each in note.items() if isinstance(each.at, SourceError) or each.at >= begun}


def troubled(evidence: Evidence, before: Mapping[str, datetime]) -> Mapping[str, datetime]:
    """Return since when each platform has not been connected.

    The agent writes a platform's time anew with every attempt, so what was seen ``before`` is kept while it lasts.
    """
    now = platforms_now(evidence)
    return (
        {}
        if isinstance(now, SourceError)
        else {
            name: min(each.at, before.get(name, each.at))
            for name, each in now.items()
            if each.state != CONNECTED and isinstance(each.at, datetime)
        }
    )


def runner_of(evidence: Evidence, origin: Origin = GATEWAY_LOCK) -> Runner:
    """Say what is known of the process that runs this gateway."""
    holder, process = evidence.holder, evidence.process
    if isinstance(holder, SourceError):
        return Runner(None, reason=holder.reason, detail=holder.detail, origin=origin)
    if holder is None:
        return Runner(alive=False, origin=origin)
    if isinstance(process, SourceError):  # it holds its lock, so it lives, though no more can be told
        return Runner(alive=True, pid=holder, origin=origin)
    if process is None or process.state in {"dead", "zombie"}:
        return Runner(alive=False, pid=holder, origin=origin)
    return Runner(alive=True, pid=holder, started_at=process.started_at, origin=origin)


# --- telling -------------------------------------------------------------------------------------------------------


def tell(report: Report, instance: str, evidence: Evidence, around: Around) -> None:
    """Add what is known of an instance's gateway to the report."""
    gateway = subject(instance, "gateway")
    beat = evidence.beat
    report.tell(gateway, GATEWAY_LOCK, F.LOCK_HOLDER, evidence.holder)
    report.tell(gateway, PROCESS, F.PROCESS_STATE, _of_holder(evidence, lambda found: found.state, "dead"))
    report.tell(gateway, PROCESS, F.PROCESS_STARTED_AT, _of_holder(evidence, lambda found: found.started_at, None))
    report.tell(gateway, TRACES, F.EVER_STARTED, evidence.traces)
    report.tell(gateway, MARKER, F.CLEAN_SHUTDOWN, evidence.clean)
    report.tell(gateway, SERVED, F.SERVED_BY, around.served_by)
    report.tell(gateway, BEAT, F.HEARTBEAT_EXPECTED, around.beats)
    report.tell(gateway, BEAT, F.HEARTBEAT_AT, after(beat, lambda found: found and found.at))
    report.tell(gateway, BEAT, F.HEARTBEAT_PID, after(beat, lambda found: found and found.pid))
    _tell_recorded(report, gateway, evidence, around)
    _tell_diaries(report, gateway, evidence)


def _tell_recorded(report: Report, gateway: str, evidence: Evidence, around: Around) -> None:
    nobody: tuple[str, ...] = ()
    for field, answer in (
        (F.RECORDED_STATE, _noted(evidence, lambda note: note.state, None)),
        (F.RECORDED_AT, _noted(evidence, lambda note: note.at, None)),
        (F.RECORDED_PID, _noted(evidence, lambda note: note.pid, None)),
        (F.RECORDED_EXIT, _noted(evidence, lambda note: note.exit, None)),
        (F.ACTIVE_AGENTS, _noted(evidence, lambda note: note.active_agents, None)),
        (F.SERVED_PROFILES, _noted(evidence, lambda note: note.served, nobody)),
        (F.PLATFORMS, after(platforms_now(evidence), lambda found: {name: each.state for name, each in found.items()})),
        (F.PLATFORMS_TROUBLED_SINCE, after(platforms_now(evidence), lambda found: _longest(found, around.troubled))),
    ):
        report.tell(gateway, STATE, field, answer)
    report.tell(gateway, STATE_PROCESS, F.RECORDED_PROCESS, _noted(evidence, lambda _: evidence.fate, None))


def _tell_diaries(report: Report, gateway: str, evidence: Evidence) -> None:
    end = after(evidence.diary, lambda diary: _unless_run(evidence, End()) if diary is None else diary.end)
    report.tell(gateway, DIARY, F.LAST_EXIT, after(end, lambda found: found.how))
    report.tell(gateway, DIARY, F.LAST_EXIT_AT, after(end, lambda found: found.at))
    counted = after(evidence.diary, lambda diary: None if diary is None else diary.starts)
    # The diary tells a wanted restart from a crash; the list of starts knows only that there was one.
    origin, starts = (STARTS, evidence.starts) if not isinstance(counted, int) else (DIARY, counted)
    if starts is None or (isinstance(starts, SourceError) and counted is not None):
        origin, starts = DIARY, counted
    report.tell(gateway, origin, F.STARTS_RECENT, attempt(_unless_run, evidence, 0) if starts is None else starts)


def _of_holder(evidence: Evidence, get: Callable[[Process], object], gone: str | None) -> object:
    """Ask the process that holds the lock; a lock that outlived its process was handed on to a child."""
    if evidence.holder is None or isinstance(evidence.holder, SourceError):
        return evidence.holder
    return after(evidence.process, lambda process: gone if process is None else get(process))


def _noted(evidence: Evidence, get: Callable[[Recorded], Answer[T]], never: T) -> Answer[T]:
    """Ask the gateway's note of itself; ``never`` is what a home without any trace of a gateway would say."""
    note = evidence.recorded
    if isinstance(note, SourceError):
        return note
    return attempt(_unless_run, evidence, never) if note is None else get(note)


def _unless_run(evidence: Evidence, never: T) -> T:
    """Hand on what a home says in which no gateway has run; in any other, a file is missing."""
    if given(evidence.traces):
        raise SourceError(Reason.MISSING, "does not exist, though a gateway has run here")
    return never


def _longest(found: Mapping[str, Platform], since: Mapping[str, datetime]) -> datetime | None:
    """Return since when the longest troubled platform has been, when that can be said of all that are."""
    for each in found.values():
        if each.state not in PLATFORM_STATES:
            raise SourceError(Reason.SCHEMA, "a platform is in a state that this release does not know")
        if each.state != CONNECTED and isinstance(each.at, SourceError):
            raise each.at
    return min(since.values(), default=None)
