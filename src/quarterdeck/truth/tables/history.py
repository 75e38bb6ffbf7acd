"""What may be said of our own memory."""

from __future__ import annotations

from quarterdeck.truth import fields as F  # noqa: N812 -- a table reads better with one letter before each field
from quarterdeck.truth.judgement import Activity, Facts, Rule, Status

TOLD_FOR_S = 86_400.0
"""Seconds for which it is told that a damaged history was set aside."""
BEHIND_S = 120.0
"""Seconds after which a history counts as behind: it is written several times a minute."""
ELSEWHERE = "another hub records"


def _set_aside(f: Facts) -> bool:
    at = f[F.HISTORY_SET_ASIDE_AT]
    return at is not None and f.age(at) < TOLD_FOR_S


HISTORY: tuple[Rule, ...] = (
    Rule(
        "not recording",
        Status.DEGRADED,
        lambda f: not f[F.HISTORY_RECORDING] and f[F.HISTORY_TROUBLE] != ELSEWHERE,
        lambda f: f"nothing is recorded: {f.get(F.HISTORY_TROUBLE) or 'it is not open yet'}",
        since=lambda f: f.get(F.HISTORY_NEWEST_AT),
    ),
    Rule(
        "behind",
        Status.DEGRADED,
        lambda f: (at := f[F.HISTORY_NEWEST_AT]) is not None and f.age(at) > BEHIND_S,
        lambda f: f"nothing has been recorded for {f.span(F.HISTORY_NEWEST_AT)}",
        since=lambda f: f.get(F.HISTORY_NEWEST_AT),
    ),
    Rule(
        "set aside",
        Status.DEGRADED,
        _set_aside,
        lambda f: f"was damaged and begun anew; the damaged file is {f.get(F.HISTORY_SET_ASIDE)}",
        since=lambda f: f.get(F.HISTORY_SET_ASIDE_AT),
        elsewhere=True,
    ),
    Rule(
        "recorded elsewhere",
        Status.OK,
        lambda f: not f[F.HISTORY_RECORDING],
        "another hub records; this one shows what that one records",
        Activity.IDLE,
    ),
    Rule("recording", Status.OK, lambda f: f[F.HISTORY_RECORDING], "records what is seen"),
)
