"""What a forge tells in several parts, as one short phrase each.

Rule: a part that was not told is said to be unknown; it is not left out as if it were not asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from quarterdeck.truth.forge import BranchRule, Check, Claim, Files, Linked, Reads, Review, Sensitive
from quarterdeck.truth.judgement import words
from quarterdeck.truth.reviews import Waits

NOT_TOLD: Final = "the rest is told to admins only"
SAYS: Final = {
    "pending": "is writing a review",
    "approved": "approved",
    "changes requested": "asked for changes",
    "commented": "commented",
    "requested": "was asked for a review",
}
ANYBODY: Final = {
    "author": "its author",
    "reviewer": "anybody who may review it",
    "checks": "its checks",
    "forge": "the forge",
    "merger": "somebody to merge it",
    "others": "what it depends on",
    "nobody": "",
}
"""Who is waited for where no name is told."""
FEW: Final = 3
COUNTING: Final = ("approved", "changes requested")
WHY: Final = {"setting": "by the settings", "protected": "protected by its branch", "owned": "by CODEOWNERS"}


def in_short(value: object, now: datetime) -> str | None:
    """Say a fact of several parts; None for what is none of the forge's."""
    form = FORMS.get(type(value))
    return None if form is None else form(value, now)


def _review(review: Review, _now: datetime) -> str:
    said = f"{review.who} {SAYS[review.state]}"
    marks = ", ".join(
        (
            *(("of an older head",) if review.stale else ()),
            *(("dismissed",) if review.dismissed else ()),
            *(("does not count",) if review.state in COUNTING and not review.official else ()),
        )
    )
    return f"{said} ({marks})" if marks else said


def _check(check: Check, _now: datetime) -> str:
    return f"{check.context} {check.state}"


def _rule(rule: BranchRule, _now: datetime) -> str:
    if not rule.protected:
        return "not protected"
    parts = [
        f"{rule.approvals} {'approval' if rule.approvals == 1 else 'approvals'}",
        *((f"checks {', '.join(rule.checks)}" if rule.checks else "any check",) if rule.checks is not None else ()),
        *(("no rejection",) if rule.rejections_block else ()),
        *(("every request answered",) if rule.requests_block else ()),
        *(("up to date",) if rule.outdated_blocks else ()),
        *(() if rule.whole else (NOT_TOLD,)),
    ]
    return ", ".join(parts)


def _files(files: Files, _now: datetime) -> str:
    sensitive = f", {len(files.sensitive):,} sensitive" if files.sensitive else ""
    return f"{files.total:,}{sensitive}{'' if files.whole else ', not all could be looked at'}"


def _sensitive(path: Sensitive, _now: datetime) -> str:
    return f"{path.path}, {WHY[path.why]}: {path.by}"


def _reads(reads: Reads, _now: datetime) -> str:
    return f"for {words(reads.last - reads.first)}"


def _linked(linked: Linked, _now: datetime) -> str:
    return f"{linked.ref}{' (draft)' if linked.draft else ''}"


def _claim(claim: Claim, now: datetime) -> str:
    moved = "" if claim.at is None else f", moved {words(now - claim.at)} ago"
    return f"{claim.branch}{f' by {claim.who}' if claim.who else ''}{moved}"


def waiting(waits: Waits) -> str:
    """Say who is waited for; nothing where it is nobody."""
    who = ", ".join(waits.who[:FEW]) + (f" and {len(waits.who) - FEW:,} more" if len(waits.who) > FEW else "")
    return f"waits for {who or ANYBODY[waits.on]}" if who or ANYBODY[waits.on] else ""


FORMS: Final[Mapping[type, Callable[[Any, datetime], str]]] = {
    Review: _review,
    Check: _check,
    BranchRule: _rule,
    Files: _files,
    Sensitive: _sensitive,
    Reads: _reads,
    Linked: _linked,
    Claim: _claim,
}
