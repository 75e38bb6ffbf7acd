"""The agent's own board of tasks.

Rule 1: the board belongs to the root home and is shared by its profiles; a profile has none of its own to tell of.
Rule 2: a board that nobody ever made is not empty: of it nothing is told at all. One that cannot be read takes the sums
        with it, because a sum without it would pass for the whole.
Rule 3: statuses and numbers leave the home, and nothing that somebody wrote.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from quarterdeck.sources import files, sqlite
from quarterdeck.sources.files import SourceError
from quarterdeck.sources.hermes import names
from quarterdeck.sources.hermes.answers import Answer, Report, attempt, given
from quarterdeck.sources.hermes.runner import Runner
from quarterdeck.sources.hermes.statedb import Shelf
from quarterdeck.truth import fields
from quarterdeck.truth.fields import Field
from quarterdeck.truth.instance import Instance, subject
from quarterdeck.truth.reading import AnyReading, Origin, Reason

DATABASE, BOARDS = "kanban.db", "kanban/boards"
BOARDS_LIMIT = 1_000
BUDGET_S = 1.0
STALE_S = 3600.0
BEATS_SINCE = 22
"""Schema of the sessions database from which workers beat (0.19)."""

BY_STATUS = "SELECT status, count(*) FROM tasks GROUP BY status"
SIGNS = "SELECT last_heartbeat_at, started_at FROM tasks WHERE status = 'running'"
EARLY_SIGNS = "SELECT claim_expires, started_at FROM tasks WHERE status = 'running'"
SILENT = """
    SELECT count(*) FROM tasks AS t WHERE t.status = 'blocked' AND NOT EXISTS
        (SELECT 1 FROM task_events AS e WHERE e.id =
            (SELECT max(id) FROM task_events WHERE task_id = t.id AND kind = 'blocked')
         AND json_valid(e.payload) AND coalesce(json_extract(e.payload, '$.reason'), '') <> '')
"""
UNTYPED = " AND (t.block_kind IS NULL OR t.block_kind = '')"
"""Only whether somebody gave a reason is asked; what it says stays where it is."""


class Board(NamedTuple):
    """One board: its tasks by status, and the two ways in which a task can be stuck unnoticed."""

    tasks: Counter[str]
    running_stale: Answer[int]
    blocked_silent: Answer[int]


def read(home: Path, instance: Instance, now: datetime, runner: Runner) -> list[AnyReading]:
    """Return the readings of an instance's boards; none when it never had one, or is a profile."""
    if instance.root is not None:
        return []
    places = attempt(_places, home)
    boards = [attempt(_board, place, now, runner) for place in ([] if isinstance(places, SourceError) else places)]
    there = [board for board in boards if not (isinstance(board, SourceError) and board.reason is Reason.MISSING)]
    if not there and not isinstance(places, SourceError):
        return []
    report, about = Report(now), subject(instance.id, "kanban")
    origin = Origin("task boards", DATABASE if len(there) <= 1 else f"{DATABASE} {BOARDS}")
    for what, figure in FIGURES:
        report.tell(about, origin, what, attempt(_sum, places, there, figure))
    return report.readings


def _sum(places: Answer[list[Path]], boards: list[Answer[Board]], figure: Callable[[list[Board]], object]) -> object:
    given(places)
    return figure([given(board) for board in boards])


FIGURES: tuple[tuple[Field[Any], Callable[[list[Board]], object]], ...] = (
    (fields.TASKS, lambda boards: dict(sum((board.tasks for board in boards), Counter()))),
    (fields.TASKS_RUNNING_STALE, lambda boards: sum(given(board.running_stale) for board in boards)),
    (fields.TASKS_BLOCKED_SILENT, lambda boards: sum(given(board.blocked_silent) for board in boards)),
)


def _places(home: Path) -> list[Path]:
    """Return where boards may be: the first one in the home itself, others in folders of their own."""
    listing = attempt(files.list_dir, home / BOARDS, limit=BOARDS_LIMIT)
    if isinstance(listing, SourceError):
        if listing.reason is Reason.MISSING:
            return [home / DATABASE]
        raise listing
    if listing.more:
        raise SourceError(Reason.OBSERVER, f"there are more than {BOARDS_LIMIT} boards")
    slugs = (entry.name for entry in listing.entries if entry.kind != "file" and entry.name[0] not in "._")
    return [home / DATABASE, *(home / BOARDS / slug / DATABASE for slug in slugs)]


def _board(path: Path, now: datetime, runner: Runner) -> Board:
    return sqlite.read(path, lambda db: _tasks(Shelf(db), now, runner), budget_s=BUDGET_S)


def _tasks(shelf: Shelf, now: datetime, runner: Runner) -> Board:
    shelf.need("tasks", "id", "status")
    tasks: Counter[str] = Counter()
    for status, count in shelf.rows(BY_STATUS):
        tasks[names.word(status) or names.OTHER] += int(count or 0)
    return Board(
        tasks,
        attempt(_running_stale, shelf, now, runner) if tasks["running"] else 0,
        attempt(_blocked_silent, shelf) if tasks["blocked"] else 0,
    )


def _running_stale(shelf: Shelf, now: datetime, runner: Runner) -> int:
    """Count the running tasks whose worker has been silent for an hour.

    Early releases have no beat: there a worker that lives has its claim on the task renewed, and the end of the claim
    is the sign.
    """
    beats = runner.schema_version is not None and runner.schema_version >= BEATS_SINCE
    shelf.need("tasks", "last_heartbeat_at", "claim_expires", "started_at")
    count = 0
    for sign, started in shelf.rows(SIGNS if beats else EARLY_SIGNS):
        since = started if sign is None else sign
        if not isinstance(since, int | float):
            raise SourceError(Reason.CORRUPT, "a running task does not say since when")
        count += now.timestamp() - since > STALE_S
    return count


def _blocked_silent(shelf: Shelf) -> int:
    """Count the blocked tasks that nobody gave a reason for: neither in words nor, in later releases, by its type."""
    shelf.need("task_events", "id", "task_id", "kind", "payload")
    found = shelf.one(SILENT + (UNTYPED if "block_kind" in shelf.columns("tasks") else ""))
    return int(found[0] or 0) if found else 0
