"""What may be said of what an agent works on by the forge.

Rule 1: what an agent works on is said by the forge, and whether it works at all by its sessions. Only together do they
        show a task that is claimed and that nobody is at: its lease has run out, and no session moves.
Rule 2: an agent that works on what is closed, on what was given to somebody else, or on what others work on as well,
        wastes its work: that needs somebody, however busy it is.
Rule 3: no task is said of an agent only when all could be read that might name one.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from quarterdeck.truth import fields as F  # noqa: N812 -- a table reads better with one letter before each field
from quarterdeck.truth import forge_fields as G  # noqa: N812 -- as above, for what forges say
from quarterdeck.truth.fields import Field
from quarterdeck.truth.judgement import Activity, Facts, Rule, Status, counted, listed

SIGNAL: Mapping[str | None, str] = {
    "claim": "by its claim",
    "pull": "by its pull request",
    "in progress": "by its label",
}


def _at_work(f: Facts) -> bool:
    """Whether a session of it is seen to move."""
    return f[F.OPEN_TURNS] > 0 or f[F.SESSIONS_LIVE] > 0


def _all_read(f: Facts) -> bool:
    """Whether all could be read that might name one more task, or one more pull request that waits for it."""
    return f[G.WORK_WHOLE] and f[G.PULLS_RETURNED] is not None


def _older(f: Facts, limit_s: float) -> bool:
    since = f[G.TASK_SINCE]
    return since is None or f.age(since) > limit_s


def _left(f: Facts, by: str, limit_s: float) -> bool:
    """Whether it has a task by a signal, which has not moved for too long, while no session moves either."""
    return f[G.TASK] is not None and f[G.TASK_BY] == by and _older(f, limit_s) and not _at_work(f)


def _named(f: Facts, field: Field[tuple[str, ...]]) -> str:
    return listed(f.get(field) or ())


def _task(f: Facts) -> str:
    return f"on {f.get(G.TASK)} {SIGNAL.get(f.get(G.TASK_BY), '')}".rstrip()


def _returned(f: Facts) -> str:
    refs = f.get(G.PULLS_RETURNED) or ()
    return f"; {listed(refs)} {'waits' if len(refs) == 1 else 'wait'} for it" if refs else ""


def _moved(f: Facts) -> str:
    return f"moved {f.span(G.TASK_SINCE)} ago"


def _since(f: Facts) -> datetime | None:
    return f.get(G.TASK_SINCE)


def _waiting(f: Facts) -> str:
    return f"no task; {counted(f.get(G.TASKS_ASSIGNED) or 0, 'issue')} assigned to it"


WORK: tuple[Rule, ...] = (
    Rule(
        "on what is closed",
        Status.DEGRADED,
        lambda f: bool(f[G.TASKS_CLOSED]),
        lambda f: f"still works on {_named(f, G.TASKS_CLOSED)}, closed meanwhile",
    ),
    Rule(
        "on what is another's",
        Status.DEGRADED,
        lambda f: bool(f[G.TASKS_OTHERS]),
        lambda f: f"works on {_named(f, G.TASKS_OTHERS)}, assigned to somebody else",
    ),
    Rule(
        "not alone",
        Status.DEGRADED,
        lambda f: bool(f[G.TASKS_SHARED]),
        lambda f: f"works on {_named(f, G.TASKS_SHARED)}, and so do others",
    ),
    Rule(
        "claimed and left",
        Status.DEGRADED,
        lambda f: _left(f, "claim", f.thresholds.lease_s),
        lambda f: f"claims {f.get(G.TASK)}, and is not at it: {_moved(f)}, and no session moves",
        since=_since,
    ),
    Rule(
        "begun and left",
        Status.DEGRADED,
        lambda f: _left(f, "in progress", f.thresholds.work_still_s),
        lambda f: f"has {f.get(G.TASK)} in progress, and is not at it: {_moved(f)}, and no session moves",
        since=_since,
    ),
    Rule(
        "working",
        Status.OK,
        lambda f: _all_read(f) and f[G.TASK] is not None and _at_work(f),
        lambda f: f"{_task(f)}, a session moves{_returned(f)}",
        Activity.BUSY,
        since=_since,
        elsewhere=True,
    ),
    Rule(
        "on a task",
        Status.OK,
        lambda f: _all_read(f) and f[G.TASK] is not None,
        lambda f: f"{_task(f)}, {_moved(f)}{_returned(f)}",
        since=_since,
    ),
    Rule(
        "assigned",
        Status.OK,
        lambda f: _all_read(f) and f[G.TASK] is None and f[G.TASKS_ASSIGNED] > 0,
        lambda f: f"{_waiting(f)}{_returned(f)}",
    ),
    Rule(
        "free",
        Status.OK,
        lambda f: _all_read(f) and f[G.TASK] is None and f[G.TASKS_ASSIGNED] == 0,
        lambda f: f"no task{_returned(f)}",
    ),
)
