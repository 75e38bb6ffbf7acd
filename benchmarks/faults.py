"""The first five faults of T20, against us and against the agent's own dashboard: who says that it could not look?

Rule 1: both get the same home with the same fault, each fault a home of its own. We look first, because we leave it as
        it was; that is checked too.
Rule 2: a fault is visible when what rests on the broken file is said to be unknown or wrong somewhere, and nowhere is
        a figure given that is not the true one, or the part called well.
Rule 3: both must first say the true figures of the home without a fault. Whoever knows nothing has seen no fault.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final

from benchmarks import homes, present
from benchmarks.agent import Dashboard
from benchmarks.measure import PROGRAM, BenchmarkError, Figure, Promise, own_environment
from benchmarks.measure import run as run_program
from quarterdeck.demo.bulk import Shape
from tests.real.homes import Home

STATE, JOBS, GATEWAY = "state.db", "cron/jobs.json", "gateway_state.json"
TURNS: Final = 2
"""What the gateway has noted to be in: a figure that cannot be guessed to be nought."""
NOISE: Final = 65_536

Document = Any


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one program made of one fault."""

    false: tuple[str, ...]
    """Figures that are not true, and parts that were called well."""
    honest: tuple[str, ...]
    """Where it was said that something is wrong or not known."""
    written: tuple[str, ...]
    """What it changed or made in the home."""

    @property
    def visible(self) -> bool:
        """Whether an operator can see that something is wrong, and is told nothing wrong."""
        return bool(self.honest) and not self.false

    def as_json(self) -> dict[str, Any]:
        """Return the outcome as it is printed."""
        said = {"false": list(self.false), "honest": list(self.honest), "written": list(self.written)}
        return {"visible": self.visible, **said}


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault, and what both programs made of it."""

    file: str
    fault: str
    ours: Outcome
    dashboard: Outcome

    def as_json(self) -> dict[str, Any]:
        """Return the fault as it is printed."""
        both = {"quarterdeck": self.ours.as_json(), "dashboard": self.dashboard.as_json()}
        return {"id": "T20", "file": self.file, "fault": self.fault, **both}


# --- faults ----------------------------------------------------------------------------------------------------------


def _missing(path: Path) -> None:
    path.unlink()


def _empty(path: Path) -> None:
    os.truncate(path, 0)


def _truncated(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def _random_bytes(path: Path) -> None:
    path.write_bytes(Random(path.name).randbytes(min(path.stat().st_size, NOISE)))


def _of_another_type(path: Path) -> None:
    """Put a whole file in its place that is not what it should be: another program's database, another document."""
    path.unlink()
    if path.suffix != ".db":
        path.write_text(json.dumps({"jobs": 7} if path.name == Path(JOBS).name else [1, 2, 3]))
        return
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE recipes (name TEXT)")


FAULTS: Final[Mapping[str, Callable[[Path], None]]] = {
    "missing": _missing,
    "empty": _empty,
    "truncated": _truncated,
    "random bytes": _random_bytes,
    "another type": _of_another_type,
}


# --- what is said of each file ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Place:
    """Where our views speak of a file: the view, the subject's ending, and the fields that rest on it."""

    view: str
    subject: str
    fields: tuple[str, ...]


OURS: Final = {
    STATE: Place("ops", "/sessions", ("total", "live", "started_24h", "messages_24h", "tokens_24h", "cost_24h_usd")),
    JOBS: Place("ops", "/cron", ("jobs_declared", "jobs_enabled")),
    GATEWAY: Place("ops", "/gateway", ("recorded_state", "active_agents", "platforms")),
}

THEIRS: Final[Mapping[str, Mapping[str, Callable[[Document], object]]]] = {
    STATE: {
        "/api/status active_sessions": lambda said: said["active_sessions"],
        "/api/sessions total": lambda said: said["total"],
        "/api/sessions/stats total": lambda said: said["total"],
        "/api/profiles/sessions total": lambda said: None if said["errors"] else said["total"],
        "/api/analytics/usage?days=30 sessions": lambda said: said["totals"]["total_sessions"],
    },
    JOBS: {"/api/cron/jobs jobs": len, "/api/cron/jobs?profile=default jobs": len},
    GATEWAY: {
        "/api/status active_agents": lambda said: said["active_agents"],
        "/api/status gateway_state": lambda said: said["gateway_state"],
        "/api/status gateway_platforms": lambda said: said["gateway_state"] and len(said["gateway_platforms"]),
    },
}
"""Where the dashboard speaks of a file: the address, and the figure in its answer."""

Said = Mapping[str, object]
"""What is given as a figure, by where; None where it is said that there is none."""
Truth = Mapping[str, tuple[Said, Said]]
"""By file: what we and what the dashboard say of it when nothing is wrong."""


def run(*, smoke: bool = False, cache: Path = homes.CACHE) -> Iterator[Figure | Fault]:
    """Measure, and return each fault and the sum."""
    shape = homes.TINY if smoke else homes.SMALL
    truth = _undisturbed(shape, cache)
    cases = [(file, name) for file in OURS for name in FAULTS]
    faults: list[Fault] = []
    for file, name in cases[: 1 if smoke else None]:
        faults.append(_inject(file, name, shape, cache, truth))
        yield faults[-1]
    all_, peer = len(faults), "the agent's dashboard"
    ours, theirs = sum(each.ours.visible for each in faults), sum(each.dashboard.visible for each in faults)
    note = f"visible faults: ours {ours} of {all_}, agent's dashboard {theirs} of {all_}"
    yield Figure("T20", "visible_faults", ours, f"of {all_}", Promise(f">={all_}"), peer, theirs, note)
    ours, theirs = sum(bool(each.ours.honest) for each in faults), sum(bool(each.dashboard.honest) for each in faults)
    note = "in one answer at least, whatever the others say"
    yield Figure("T20", "faults_said_somewhere", ours, f"of {all_}", Promise(f">={all_}"), peer, theirs, note)
    ours, theirs = sum(bool(each.ours.written) for each in faults), sum(bool(each.dashboard.written) for each in faults)
    yield Figure("T20", "homes_written_to", ours, f"of {all_}", Promise("<=0"), peer, theirs)


def _undisturbed(shape: Shape, cache: Path) -> Truth:
    """Return the true figures that rest on each file, as both programs say them of a home without a fault."""
    with homes.working_copy(shape, cache) as home, present.gateway(home, TURNS):
        ours = {file: _ours(home, file) for file in OURS}
        dashboard = Dashboard(home)
        with dashboard.up():
            truth = {file: (said, _theirs(dashboard, file)) for file, (said, _) in ours.items()}
    ill = [file for file, (_, is_well) in ours.items() if not is_well]
    ill += [place for both in truth.values() for said in both for place, value in said.items() if value is None]
    if ill:
        raise BenchmarkError(f"The home without a fault is not shown to be well: {', '.join(ill)}.")
    return truth


def _inject(file: str, name: str, shape: Shape, cache: Path, truth: Truth) -> Fault:
    with homes.working_copy(shape, cache) as home, present.gateway(home, TURNS):
        FAULTS[name](home.root / file)
        found = _bytes(home)
        ours, is_well = _ours(home, file)
        left = _bytes(home)
        dashboard = Dashboard(home)
        with dashboard.up():
            theirs = _theirs(dashboard, file)
        left_by_theirs = _bytes(home)
    our_truth, their_truth = truth[file]
    called_well = ("called well",) if is_well else ()
    return Fault(
        file,
        name,
        Outcome((*_false(ours, our_truth), *called_well), _honest(ours), _changes(found, left)),
        Outcome(_false(theirs, their_truth), _honest(theirs), _changes(left, left_by_theirs)),
    )


def _false(said: Said, truth: Said) -> tuple[str, ...]:
    return tuple(f"{place}: {value}" for place, value in said.items() if value not in (None, truth[place]))


def _honest(said: Said) -> tuple[str, ...]:
    return tuple(place for place, value in said.items() if value is None)


def _changes(before: Said, after: Said) -> tuple[str, ...]:
    made = [f"{path} made" for path in after.keys() - before.keys()]
    removed = [f"{path} removed" for path in before.keys() - after.keys()]
    changed = [f"{path} changed" for path in before.keys() & after.keys() if before[path] != after[path]]
    return tuple(sorted((*made, *removed, *changed)))


def _ours(home: Home, file: str) -> tuple[Said, bool]:
    """Return what we say of a file, and whether the part that rests on it is called well."""
    place = OURS[file]
    command = [*PROGRAM, "show", place.view, "--home", str(home.root), "--json"]
    done = run_program(command, own_environment(home.user)).must_end(0, 1, 3)
    (row,) = [row for row in json.loads(done.out)["rows"] if row["subject"].endswith(place.subject)]
    readings = {reading["field"]: reading for reading in row["readings"]}
    said = {name: json.dumps(readings[name]["value"]) for name in place.fields if "value" in readings[name]}
    return {name: said.get(name) for name in place.fields}, row["status"] == "ok"


def _theirs(dashboard: Dashboard, file: str) -> Said:
    """Return what the dashboard says of a file. An error in the answer is as good as one in its text."""
    said: dict[str, object] = {}
    for place, figure in THEIRS[file].items():
        answer = dashboard.ask(place.partition(" ")[0])
        said[place] = figure(answer.document) if answer.status == 200 else None
    return said


def _bytes(home: Home) -> Said:
    """Return what every file of a home holds; logs apart, which every program may write."""
    files = (path for path in home.root.rglob("*") if path.is_file())
    named = ((str(path.relative_to(home.root)), path) for path in files)
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in named if not name.startswith("logs/")}
