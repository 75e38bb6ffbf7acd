"""What may be said of git repositories, above all of those that are somebody's backup.

Rule 1: a backup is as fresh as the last thing that proves it: a push that the remote accepted, the remote's own word
        that it holds what is checked out, or a run of its timer that ended well. The age of the last commit proves
        nothing: an agent that is idle commits nothing.
Rule 2: what is not committed or not pushed is at risk since it is so, however fresh the last proof.
Rule 3: a repository that is no backup is judged by what somebody left unfinished in it, and by nothing else.
"""

from __future__ import annotations

from datetime import datetime

from quarterdeck.truth import fields as F  # noqa: N812 -- a table reads better with one letter before each field
from quarterdeck.truth.judgement import Activity, Facts, Rule, Status, words


def _there(f: Facts) -> bool:
    return f[F.REPOSITORY_FOUND] == "repository"


def _backup(f: Facts) -> bool:
    """A bare repository is where others push to: it pushes nothing itself."""
    return _there(f) and f[F.BACKUP] and not f[F.BARE]


def _proof(f: Facts) -> datetime | None:
    """The last thing that proves that the backup is made."""
    proofs = [f[F.PUSHED_AT], f[F.CONFIRMED_AT]]
    if f[F.BACKUP_TIMER] is not None and f[F.TIMER_RESULT] == "success":
        proofs.append(f[F.TIMER_LAST_AT])
    return max((proof for proof in proofs if proof is not None and proof <= f.now), default=None)


def _risk(f: Facts) -> datetime | None:
    """Since when something would be lost with the disk."""
    return min((at for at in (f[F.DIRTY_SINCE], f[F.UNPUSHED_SINCE]) if at is not None), default=None)


def _older(f: Facts, limit_s: float) -> bool:
    proof, risk = _proof(f), _risk(f)
    return proof is None or f.age(proof) > limit_s or (risk is not None and f.age(risk) > limit_s)


def _counted(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


def _left(f: Facts) -> list[str]:
    """What lies in it that is not safe."""
    parts = (
        (f.get(F.AHEAD), "commit not pushed", "commits not pushed"),
        (f.get(F.CHANGED), "file changed", "files changed"),
        (f.get(F.UNTRACKED), "untracked", "untracked"),
    )
    return [_counted(number, one, many) for number, one, many in parts if number]


def _old(f: Facts) -> str:
    proof = max((at for at in (f.get(F.PUSHED_AT), f.get(F.CONFIRMED_AT)) if at is not None), default=None)
    last = f"last pushed {words(f.age(proof))} ago" if proof else "no push is known"
    if f.get(F.BACKUP_TIMER) is None and not f.get(F.CONFIRMS) and not _left(f):
        return f"{last}; whether it still runs is not known: name its timer, or let the remote confirm"
    risk = min((at for at in (f.get(F.DIRTY_SINCE), f.get(F.UNPUSHED_SINCE)) if at is not None), default=None)
    return f"{last}; " + ", ".join(_left(f) or ["nothing waits"]) + (f" for {words(f.age(risk))}" if risk else "")


def _at(f: Facts) -> str:
    head, branch, at = f.get(F.HEAD), f.get(F.BRANCH), f.get(F.COMMITTED_AT)
    if head is None:
        return "holds no commit yet"
    return f"at {head}" + (f" on {branch}" if branch else ", detached") + (f", {words(f.age(at))} old" if at else "")


def _clean(f: Facts) -> str:
    return ", ".join((_at(f), *(_left(f) or ([] if f.get(F.BARE) else ["clean"]))))


def _safe(f: Facts) -> str:
    confirmed, pushed = f.get(F.CONFIRMED_AT), f.get(F.PUSHED_AT)
    proof = f"confirmed by the remote {words(f.age(confirmed))} ago" if confirmed else ""
    if not proof:
        proof = f"pushed {words(f.age(pushed))} ago" if pushed else "its timer ran well"
    return f"{proof}; {_clean(f)}"


def _since(f: Facts) -> datetime | None:
    """Since when it is not safe: the older of the last proof and of what waits."""
    moments = (f.get(F.PUSHED_AT), f.get(F.CONFIRMED_AT))
    proof = max((at for at in moments if at is not None), default=None)
    risk = min((at for at in (f.get(F.DIRTY_SINCE), f.get(F.UNPUSHED_SINCE)) if at is not None), default=None)
    return risk if risk is not None else proof


REPOSITORY: tuple[Rule, ...] = (
    Rule(
        "not there",
        Status.DOWN,
        lambda f: f[F.REPOSITORY_FOUND] == "nothing",
        "there is nothing where its settings say",
    ),
    Rule(
        "no repository",
        Status.DOWN,
        lambda f: f[F.REPOSITORY_FOUND] == "no repository",
        "what lies where its settings say is no git repository",
    ),
    Rule("empty", Status.DOWN, lambda f: _backup(f) and f[F.HEAD] is None, "nothing has ever been committed to it"),
    Rule("lost", Status.DOWN, lambda f: _backup(f) and _older(f, f[F.PUSH_LOST]), _old, since=_since),
    Rule(
        "conflicts",
        Status.DEGRADED,
        lambda f: _there(f) and (f[F.CONFLICTS] or 0) > 0,
        lambda f: _counted(f[F.CONFLICTS] or 0, "file in conflict", "files in conflict"),
    ),
    Rule(
        "unfinished",
        Status.DEGRADED,
        lambda f: _there(f) and f[F.OPERATION] is not None,
        lambda f: f"somebody began a {f.get(F.OPERATION)} and did not end it",
        Activity.PAUSED,
    ),
    Rule(
        "other branch",
        Status.DEGRADED,
        lambda f: _there(f) and f[F.BRANCH_EXPECTED] is not None and f[F.BRANCH] != f[F.BRANCH_EXPECTED],
        lambda f: f"{_at(f)}, and not on {f.get(F.BRANCH_EXPECTED)}",
    ),
    Rule(
        "detached",
        Status.DEGRADED,
        lambda f: _backup(f) and f[F.HEAD] is not None and f[F.BRANCH] is None,
        "no branch is checked out: what is committed now is on none",
    ),
    Rule(
        "diverged",
        Status.DEGRADED,
        lambda f: _there(f) and (f[F.AHEAD] or 0) > 0 and (f[F.BEHIND] or 0) > 0,
        lambda f: f"has gone apart from its remote: {f.get(F.AHEAD)} commits ahead, {f.get(F.BEHIND)} behind",
    ),
    Rule(
        "remote differs",
        Status.DEGRADED,
        lambda f: _backup(f) and f[F.CONFIRMS] and f[F.AHEAD] == 0 and f[F.REMOTE_HEAD] != f[F.HEAD],
        lambda f: f"the remote holds {f.get(F.REMOTE_HEAD) or 'nothing'} and not {f.get(F.HEAD)}",
    ),
    Rule("late", Status.DEGRADED, lambda f: _backup(f) and _older(f, f[F.PUSH_WITHIN]), _old, since=_since),
    Rule("backed up", Status.OK, lambda f: _backup(f) and f[F.CHANGED] is not None, _safe),
    Rule("well", Status.OK, lambda f: _there(f) and (f[F.HEAD] is None or f[F.HEAD] is not None), _clean),
)
