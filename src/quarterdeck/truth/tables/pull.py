"""What may be said of a pull request: its class, and whether somebody has to see to it.

Rule 1: the first row that holds is its class. A class is said only when every row above it was decided: where a reading
        that one of them needs is not known, the class is not known either, whatever would come after it.
Rule 2: what the forge does not tell this token never lets it pass: it stays in the class before, and what is left in
        doubt at the end is unknown. Only what has met every condition is ready.
Rule 3: it is degraded when somebody has to act and does not by themselves, or not in time. To wait is not degraded.
"""

from __future__ import annotations

from collections.abc import Callable

from quarterdeck.truth import checks
from quarterdeck.truth import forge_fields as G  # noqa: N812 -- as the fields of other kinds are written
from quarterdeck.truth.flags import is_still
from quarterdeck.truth.judgement import Facts, Rule, Status
from quarterdeck.truth.opinions import approvals, asked_at, objections, requested
from quarterdeck.truth.reviews import READY, SCHEDULED, UNKNOWN, all_met, in_conflict, outdated, unmet, waiting

When = Callable[[Facts], bool]


def _silent(f: Facts) -> bool:
    return f[G.PULL_BLOCKED_BY_LABEL] and not f[G.PULL_BLOCKERS]


def _blocked(f: Facts) -> bool:
    return f[G.PULL_BLOCKED_BY_LABEL] or len(f[G.PULL_BLOCKERS]) > 0


def _objected(f: Facts) -> bool:
    return len(objections(f, of_this_head=True)) > 0


def _unreviewed(f: Facts) -> bool:
    return approvals(f).enough is not True or len(requested(f)) > 0


def _waits_long(f: Facts) -> bool:
    return f.age(asked_at(f)) > f.thresholds.review_wait_s


def _row(name: str, when: When, *must: str, status: Status = Status.OK, say: str = "") -> Rule:
    """Make the row of a class. Without words of its own it tells which of the conditions in ``must`` are not met."""
    return Rule(
        name,
        status,
        when,
        say or (lambda f: unmet(f, must)),
        since=lambda f: waiting(f, name).since,
        strict=True,
    )


def _degraded(name: str, when: When, *must: str, say: str = "") -> Rule:
    return _row(name, when, *must, status=Status.DEGRADED, say=say)


PULL: tuple[Rule, ...] = (
    _row("draft", lambda f: f[G.PULL_DRAFT], "no draft"),
    _degraded("blocked", _silent, say="a label says that it is blocked, and it depends on nothing that is open"),
    _row("blocked", _blocked, "depends on nothing open", "not blocked"),
    _degraded("conflict", lambda f: in_conflict(f) is True, "no conflict"),
    _row("computing", lambda f: in_conflict(f) is None, "no conflict"),
    _degraded("changes requested", lambda f: _objected(f) and is_still(f), "no objection"),
    _row("changes requested", _objected, "no objection"),
    _degraded("re-review", lambda f: len(objections(f, of_this_head=False)) > 0, "no objection"),
    _degraded("checks failing", lambda f: len(checks.failing(f)) > 0, "check"),
    _degraded("checks stuck", lambda f: len(checks.stuck(f)) > 0, "check"),
    _row("checks pending", lambda f: len(checks.open_ones(f)) > 0, "check"),
    _degraded("waiting on review", lambda f: _unreviewed(f) and _waits_long(f), "approved", "asked for a review"),
    _row("waiting on review", _unreviewed, "approved", "asked for a review"),
    _degraded("outdated", lambda f: outdated(f) is True, "up to date"),
    _row(
        SCHEDULED,
        lambda f: f[G.PULL_AUTO_MERGE] and all_met(f),
        say="may be merged, and the forge does it by itself",
    ),
    _row(READY, all_met, say="may be merged"),
    _row(UNKNOWN, lambda f: not all_met(f), "up to date", status=Status.UNKNOWN),
)
