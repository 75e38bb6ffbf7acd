"""What people said of a pull request, and what of it counts.

Rule 1: what somebody thinks of it is their newest approval or objection; a comment takes neither back.
Rule 2: it counts when the forge says that it is official and that nobody dismissed it. An objection to an older head
        waits for a second look of whoever made it; one to the head of now, for whoever opened the pull request.
Rule 3: who has reviewed is not waited for, though the forge goes on listing them among those who were asked: a request
        is open while it is the newest thing of that person or team.
Rule 4: accounts that are gone all have one name and cannot be told apart. What one of them said takes back nothing
        that another may have said: every objection and every request of theirs stands, and their approvals count as
        those of one person.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from quarterdeck.truth import forge_fields as G  # noqa: N812 -- as the fields of other kinds are written
from quarterdeck.truth.forge import GHOST, Review
from quarterdeck.truth.judgement import Facts


def opinions(reviews: Iterable[Review]) -> tuple[Review, ...]:
    """Return the newest approval or objection of each person."""
    return _newest(each for each in reviews if each.state in ("approved", "changes requested"))


def outstanding(reviews: Iterable[Review]) -> tuple[Review, ...]:
    """Return the requests for a review that are still open: they are the newest thing of that person or team."""
    newest = _newest(each for each in reviews if each.state != "pending")
    return tuple(each for each in newest if each.state == "requested")


def _newest(reviews: Iterable[Review]) -> tuple[Review, ...]:
    """The newest of each; of accounts that are gone, what each of several may have said last."""
    newest = {(each.who, _one_of_many(place, each)): each for place, each in enumerate(reviews)}
    return tuple(newest.values())


def _one_of_many(place: int, review: Review) -> int | None:
    """What tells it from others of the same name that may be somebody else's; None where they count as one."""
    return place if review.who == GHOST and review.state != "approved" else None


def counts(review: Review) -> bool:
    """Whether a review counts for the rule of the branch."""
    return review.official and not review.dismissed


def objections(f: Facts, *, of_this_head: bool) -> tuple[Review, ...]:
    """Return who asks for changes, of the head of now or of an older one."""
    asked = (each for each in opinions(f[G.PULL_REVIEWS]) if each.state == "changes requested" and counts(each))
    return tuple(each for each in asked if _of_this_head(f, each) is of_this_head)


def _of_this_head(f: Facts, review: Review) -> bool:
    head = f[G.PULL_HEAD]
    return review.commit == head if review.commit is not None else not review.stale


class Approvals(NamedTuple):
    """How many approvals there are, and how many there must be."""

    needed: int
    of_this_head: int
    older: int
    """Approvals the forge calls stale: made of an older head."""
    older_count: bool | None
    """Whether the branch lets those count; None where that is not told."""

    @property
    def counted(self) -> int:
        """How many are known to count."""
        return self.of_this_head + (self.older if self.older_count else 0)

    @property
    def enough(self) -> bool | None:
        """Whether there are enough of them; None when that hangs on what is not told."""
        if self.counted >= self.needed:
            return True
        return None if self.older_count is None and self.counted + self.older >= self.needed else False


def approvals(f: Facts) -> Approvals:
    """Count the approvals."""
    rule = f[G.PULL_RULE]
    found = [each for each in opinions(f[G.PULL_REVIEWS]) if each.state == "approved" and counts(each)]
    older = sum(each.stale for each in found)
    ignored = rule.stale_approvals_ignored
    return Approvals(rule.approvals, len(found) - older, older, None if ignored is None else not ignored)


def requested(f: Facts) -> tuple[Review, ...]:
    """Return the open requests that keep it from being merged, also when it is not told whether they do."""
    if f[G.PULL_RULE].requests_block is False:
        return ()
    return tuple(each for each in outstanding(f[G.PULL_REVIEWS]) if each.official)


def objected_at(f: Facts) -> datetime | None:
    """Return since when changes are asked for of the head of now."""
    return first(each.at for each in objections(f, of_this_head=True))


def asked_at(f: Facts) -> datetime:
    """Return since when a review is waited for: since it was asked for, else since the head is there."""
    asked = first(each.at for each in outstanding(f[G.PULL_REVIEWS]))
    return asked or f[G.PULL_PUSHED_AT] or f[G.PULL_OPENED_AT]


def names(reviews: Iterable[Review]) -> tuple[str, ...]:
    """Return of whom these reviews are."""
    return tuple(each.who for each in reviews)


def first(moments: Iterable[datetime | None]) -> datetime | None:
    """Return the first of those moments that are told."""
    return min((at for at in moments if at is not None), default=None)
