"""What may be said of a card of the board.

Rule 1: where it stands, and whether its signals agree, is said by ``truth.board``; this table says what follows.
Rule 2: a card needs somebody when its signals do not agree, when it is blocked and nothing says by what, when it is
        ready and cannot be begun, and when whoever is at it has not moved it for too long. Standing in a lane is
        otherwise no trouble, however long: nobody has promised anything of a card that nobody is at.
Rule 3: what is closed is done, and counts no more.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from quarterdeck.truth import forge_fields as G  # noqa: N812 -- a table reads better with one letter before each field
from quarterdeck.truth.board import (
    ASSIGNED,
    BLOCKED,
    DONE,
    PROGRESS,
    REVIEW,
    UNASSIGNED,
    ambiguities,
    moved_at,
    place,
    placed,
    run_out,
    silent,
    still,
    stuck,
)
from quarterdeck.truth.judgement import Facts, Rule, Status, listed, words

AMBIGUOUS: Final = "ambiguous"


def _in(lane: str) -> Callable[[Facts], bool]:
    return lambda f: place(f).lane == lane


def _by(f: Facts) -> str:
    return placed(f).by


def _unlike(f: Facts) -> str:
    where, found = placed(f), ambiguities(f)
    return f"{where.lane}, but {'; '.join(found)}"


def _moved(f: Facts) -> datetime | None:
    return f.get(G.CARD_MOVED_AT)


CARD: tuple[Rule, ...] = (
    Rule("blocked silent", Status.DEGRADED, silent, "blocked by its label, and nothing says by what", since=_moved),
    Rule(
        "ready not runnable",
        Status.DEGRADED,
        stuck,
        lambda f: f"ready by its label, and cannot be begun: {_hindered(f)}",
        since=_moved,
    ),
    Rule(AMBIGUOUS, Status.DEGRADED, lambda f: bool(place(f).ambiguities), _unlike, since=_moved),
    Rule(
        "lease run out",
        Status.DEGRADED,
        run_out,
        lambda f: f"{_claimed(f)} claims it, and nothing has moved for {words(f.age(moved_at(f)))}",
        since=moved_at,
    ),
    Rule(
        "still",
        Status.DEGRADED,
        still,
        lambda f: f"in progress, and nobody has moved it for {words(f.age(moved_at(f)))}",
        since=moved_at,
    ),
    Rule(UNASSIGNED, Status.OK, _in(UNASSIGNED), _by, since=_moved),
    Rule(DONE, Status.OK, _in(DONE), "closed", since=lambda f: f.get(G.CARD_CLOSED_AT), retired=True),
    Rule(REVIEW, Status.OK, _in(REVIEW), _by, since=_moved),
    Rule(BLOCKED, Status.OK, _in(BLOCKED), _by, since=_moved),
    Rule(PROGRESS, Status.OK, _in(PROGRESS), _by, since=_moved),
    Rule(ASSIGNED, Status.OK, _in(ASSIGNED), _by, since=_moved),
)


def _hindered(f: Facts) -> str:
    blockers, absent = f.get(G.CARD_BLOCKERS), f.get(G.CARD_ABSENT)
    if blockers:
        return f"it depends on {listed(blockers)}"
    return f"{listed(absent)} is gone or not active" if absent else "another label says that it is blocked"


def _claimed(f: Facts) -> str:
    claim = f.get(G.CARD_CLAIM)
    return claim.branch if claim is not None else "a branch"
