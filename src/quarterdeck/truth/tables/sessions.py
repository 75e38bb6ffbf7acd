"""What may be said of one session, and of the ledger that holds the sessions of an instance.

Rule 1: that a session has not ended proves nothing: the agent never writes an end for many of them. It is said to work
        only when a turn of it is seen to be open, or its record was seen to change within minutes.
Rule 2: how a session ended is the agent's word. No end of it is an alarm: what failed in a session has no word there.
Rule 3: a ledger that lies behind is trouble of our own looking, and says up to when it can be believed.
"""

from __future__ import annotations

from quarterdeck.truth import fields as F  # noqa: N812 -- a table reads better with one letter before each field
from quarterdeck.truth.judgement import Activity, Facts, Rule, Status, words

MOVED_WITHIN_S = 300.0
BEHIND_S = 900.0
CUT_OFF = frozenset(
    {"idle_timeout", "lru_evict", "orphaned_compression", "suspended", "ws_disconnect", "ws_orphan_reap"}
)
"""Ends that nobody asked for: the other side went away, or room was made."""


def _is_open(f: Facts) -> bool:
    return f[F.SESSION_ENDED_AT] is None and f[F.SESSION_OUTCOME] == "open"


def _in_turn(f: Facts) -> bool:
    return _is_open(f) and f[F.OPEN_TURN_SESSION] == f.subject.partition("/session/")[2]


def _moving(f: Facts) -> bool:
    at = f[F.SESSION_CHANGED_AT] if _is_open(f) else None
    return at is not None and 0 <= f.age(at) <= MOVED_WITHIN_S


def _ended(f: Facts) -> str:
    word, at = f.get(F.SESSION_OUTCOME) or "ended", f.get(F.SESSION_ENDED_AT)
    said = "no reason given" if word == "ended" else word.replace("_", " ")
    return said if at is None else f"{said}, {words(f.age(at))} ago"


SESSION: tuple[Rule, ...] = (
    Rule(
        "in a turn",
        Status.OK,
        _in_turn,
        lambda f: f"in a turn, still for {f.span(F.OPEN_TURN_SINCE)}",
        Activity.BUSY,
        since=lambda f: f.get(F.OPEN_TURN_SINCE),
        elsewhere=True,
    ),
    Rule(
        "moving",
        Status.OK,
        _moving,
        lambda f: f"its record changed {f.span(F.SESSION_CHANGED_AT)} ago",
        Activity.BUSY,
        since=lambda f: f.get(F.SESSION_STARTED_AT),
    ),
    Rule(
        "cut off",
        Status.OK,
        lambda f: f[F.SESSION_OUTCOME] in CUT_OFF,
        lambda f: f"cut off: {_ended(f)}",
        since=lambda f: f.get(F.SESSION_ENDED_AT),
        retired=True,
    ),
    Rule(
        "ended",
        Status.OK,
        lambda f: not _is_open(f),
        lambda f: f"ended: {_ended(f)}",
        since=lambda f: f.get(F.SESSION_ENDED_AT),
        retired=True,
    ),
    Rule("open", Status.OK, _is_open, "no end is written; whether anybody goes on is not known"),
)


def _behind(f: Facts) -> bool:
    at = f[F.LEDGER_UNTIL]
    return at is not None and f.age(at) > BEHIND_S


def _held(f: Facts) -> str:
    count = f.get(F.LEDGER_SESSIONS)
    return "1 session" if count == 1 else f"{count:,} sessions" if count is not None else "sessions"


LEDGER: tuple[Rule, ...] = (
    Rule(
        "not understood",
        Status.DEGRADED,
        lambda f: f[F.LEDGER_REFUSED] > 0,
        lambda f: f"{f.get(F.LEDGER_REFUSED)} lines of its stream are not understood: those sessions may be missing",
    ),
    Rule(
        "behind",
        Status.DEGRADED,
        _behind,
        lambda f: f"ends {f.span(F.LEDGER_UNTIL)} ago: what happened since is not in it",
        since=lambda f: f.get(F.LEDGER_UNTIL),
    ),
    Rule(
        "taking in",
        Status.OK,
        lambda f: f[F.LEDGER_UNTIL] is None,
        lambda f: f"its history is being taken in: {_held(f)} so far",
        Activity.BUSY,
    ),
    Rule("current", Status.OK, lambda f: f[F.LEDGER_SESSIONS] >= 0, lambda f: f"holds {_held(f)}"),
)
