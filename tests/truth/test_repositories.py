"""What follows from what is known of a repository."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.truth import fields as F  # noqa: N812
from quarterdeck.truth.fields import Field
from quarterdeck.truth.judgement import Judgement, Status
from quarterdeck.truth.reading import AnyReading, Key, Reason
from quarterdeck.truth.tables import judge_subject
from quarterdeck.truth.thresholds import Thresholds
from tests.truth.cast import NOW, ORIGIN, ago

NAME, TIMER = "hermes:north/repository/backup", "systemd:user/backup.timer"
MINUTE, HOUR = 60, 3_600
WELL: dict[Field[Any], object] = {
    F.BACKUP: True, F.PUSH_WITHIN: 1_800.0, F.PUSH_LOST: 7_200.0, F.BACKUP_TIMER: None, F.BRANCH_EXPECTED: None,
    F.CONFIRMS: False, F.REPOSITORY_FOUND: "repository", F.BARE: False, F.SHALLOW: False, F.BRANCH: "main",
    F.OPERATION: None, F.HEAD: "1f02c3d4e5a6", F.COMMITTED_AT: ago(4 * MINUTE), F.CHANGED: 0, F.UNTRACKED: 0,
    F.CONFLICTS: 0, F.DIRTY_SINCE: None, F.UPSTREAM: "origin/main", F.AHEAD: 0, F.BEHIND: 0, F.UNPUSHED_SINCE: None,
    F.PUSHED_AT: ago(4 * MINUTE), F.REMOTE_HEAD: None, F.CONFIRMED_AT: None,
}  # fmt: skip


def judged(spoiled: dict[Field[Any], object] | None = None) -> Judgement:
    """Judge a backup that is well but for some facts; facts of a timer go to the timer."""
    world: dict[Key, AnyReading] = {}
    for field, value in (WELL | dict(spoiled or {})).items():
        name = TIMER if field.of == "timer" else NAME
        if isinstance(value, Reason):
            world[name, field.name] = field.unavailable(name, ORIGIN, value, "spoiled by the test", NOW)
        else:
            world[name, field.name] = field.known(name, ORIGIN, value, NOW)
    return judge_subject(NAME, world, NOW, Thresholds())


LATE, LOST = ago(31 * MINUTE), ago(3 * HOUR)
RAN: dict[Field[Any], object] = {F.BACKUP_TIMER: TIMER, F.TIMER_RESULT: "success", F.TIMER_LAST_AT: ago(5 * MINUTE)}
CONFIRMED: dict[Field[Any], object] = {
    F.CONFIRMS: True,
    F.REMOTE_HEAD: "1f02c3d4e5a6",
    F.CONFIRMED_AT: ago(2 * MINUTE),
}


@pytest.mark.parametrize(
    ("spoiled", "status", "rule"),
    [
        ({}, "ok", "backed up"),
        ({F.PUSHED_AT: LATE}, "degraded", "late"),
        ({F.PUSHED_AT: LOST}, "down", "lost"),
        ({F.PUSHED_AT: None}, "down", "lost"),
        ({F.PUSHED_AT: LOST, **RAN}, "ok", "backed up"),
        ({F.PUSHED_AT: LOST, **RAN, F.TIMER_RESULT: "exit-code"}, "down", "lost"),
        ({F.PUSHED_AT: LOST, **RAN, F.TIMER_LAST_AT: LATE}, "degraded", "late"),
        ({F.PUSHED_AT: LOST, **CONFIRMED}, "ok", "backed up"),
        ({F.COMMITTED_AT: ago(900 * HOUR)}, "ok", "backed up"),
        ({F.CHANGED: 3, F.DIRTY_SINCE: ago(60)}, "ok", "backed up"),
        ({F.CHANGED: 3, F.DIRTY_SINCE: LATE}, "degraded", "late"),
        ({F.AHEAD: 2, F.UNPUSHED_SINCE: LOST}, "down", "lost"),
        ({F.AHEAD: 2, F.UNPUSHED_SINCE: LOST, **CONFIRMED, F.REMOTE_HEAD: "0000"}, "down", "lost"),
        ({F.PUSHED_AT: ago(-600)}, "down", "lost"),
        ({F.HEAD: None, F.COMMITTED_AT: None}, "down", "empty"),
        ({F.REPOSITORY_FOUND: "nothing"}, "down", "not there"),
        ({F.REPOSITORY_FOUND: "no repository"}, "down", "no repository"),
        ({F.CONFLICTS: 1, F.CHANGED: 1}, "degraded", "conflicts"),
        ({F.OPERATION: "rebase"}, "degraded", "unfinished"),
        ({F.BRANCH: None}, "degraded", "detached"),
        ({F.BRANCH_EXPECTED: "main"}, "ok", "backed up"),
        ({F.BRANCH_EXPECTED: "other"}, "degraded", "other branch"),
        ({F.AHEAD: 1, F.BEHIND: 1, F.UNPUSHED_SINCE: ago(60)}, "degraded", "diverged"),
        ({**CONFIRMED, F.REMOTE_HEAD: "00000000beef"}, "degraded", "remote differs"),
        ({**CONFIRMED, F.REMOTE_HEAD: None}, "degraded", "remote differs"),
        ({F.CHANGED: Reason.TIMEOUT}, "unknown", "doubt"),
        ({F.PUSHED_AT: Reason.CORRUPT}, "unknown", "doubt"),
        ({F.PUSHED_AT: Reason.CORRUPT, F.REPOSITORY_FOUND: "nothing"}, "down", "not there"),
        ({F.REPOSITORY_FOUND: Reason.DENIED}, "unknown", "doubt"),
        ({F.PUSHED_AT: LOST, **RAN, F.TIMER_RESULT: Reason.MISSING}, "unknown", "doubt"),
        ({F.BACKUP: False, F.PUSHED_AT: None, F.UPSTREAM: None, F.AHEAD: None, F.BEHIND: None}, "ok", "well"),
        ({F.BACKUP: False, F.HEAD: None, F.COMMITTED_AT: None}, "ok", "well"),
        ({F.BARE: True, F.CHANGED: None, F.PUSHED_AT: None, F.UPSTREAM: None, F.AHEAD: None}, "ok", "well"),
    ],
)
def test_what_follows(spoiled: dict[Field[Any], object], status: str, rule: str) -> None:
    """Each condition of a repository has its row: proofs of a backup, what is at risk, what is unfinished."""
    found = judged(spoiled)
    assert (found.status.value, found.rule) == (status, rule), found.reason


@given(st.integers(0, 100_000), st.integers(0, 100_000))
def test_a_backup_never_grows_better_by_waiting(age: int, more: int) -> None:
    """The older the last proof is, the worse the judgement, and never better."""
    younger, older = judged({F.PUSHED_AT: ago(age)}), judged({F.PUSHED_AT: ago(age + more)})
    assert older.status.rank >= younger.status.rank


@pytest.mark.parametrize(
    "field", [field for field in WELL if field.name not in ("shallow", "committed_at", "untracked")]
)
def test_a_backup_is_never_ok_while_something_it_rests_on_is_unknown(field: Field[Any]) -> None:
    """Each fact that cannot be read keeps a backup from being called well, unless the verdict does not rest on it."""
    found = judged({field: Reason.CORRUPT})
    assert found.status is not Status.OK or field in (F.UPSTREAM, F.BEHIND, F.REMOTE_HEAD)


def test_the_words_say_what_to_do() -> None:
    """What is at risk is counted with its age; where nothing proves that a backup runs, it is said how that can be."""
    said = judged({F.AHEAD: 2, F.CHANGED: 1, F.UNPUSHED_SINCE: LOST, F.DIRTY_SINCE: LATE, F.PUSHED_AT: LOST}).reason
    assert said == "last pushed 3 h ago; 2 commits not pushed, 1 file changed for 3 h"
    assert judged({F.PUSHED_AT: LOST}).reason.endswith("name its timer, or let the remote confirm")
    assert judged({}).reason == "pushed 4 min ago; at 1f02c3d4e5a6 on main, 4 min old, clean"
    assert judged(CONFIRMED).reason.startswith("confirmed by the remote 2 min ago; at ")
    assert judged({F.AHEAD: 1200, F.UNPUSHED_SINCE: ago(60)}).reason.endswith("1,200 commits not pushed")


def test_how_long_it_is_so() -> None:
    """A backup that is late is so since what waits in it waits, or else since the last proof."""
    assert judged({F.PUSHED_AT: LATE}).since == LATE
    assert judged({F.CHANGED: 1, F.DIRTY_SINCE: LATE}).since == LATE
    assert judged({F.PUSHED_AT: None}).since is None
    assert NOW - (judged({F.PUSHED_AT: LOST}).since or NOW) == timedelta(hours=3)
