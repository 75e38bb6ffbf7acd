"""How one collection follows another."""

from __future__ import annotations

from quarterdeck.truth import fields as F  # noqa: N812
from quarterdeck.truth.reading import Known, Reason, Unavailable
from quarterdeck.truth.snapshot import remember, unanswered
from tests.truth.cast import NOW, ORIGIN, ago, place

NAME = place(F.LOCK_HOLDER)
KEY = (NAME, "lock_holder")


def test_what_cannot_be_read_any_more_keeps_its_last_known_value_as_old() -> None:
    """A known value survives inside any number of failures after it, with its own time."""
    known = F.LOCK_HOLDER.known(NAME, ORIGIN, 7, ago(60))
    merged = remember({}, [known])
    for seconds in (40, 20, 0):
        merged = remember(merged, [F.LOCK_HOLDER.unavailable(NAME, ORIGIN, Reason.BUSY, "locked", ago(seconds))])
    lost = merged[KEY]
    assert isinstance(lost, Unavailable)
    assert lost.last == known
    assert lost.attempted_at == NOW


def test_a_source_that_does_not_answer_makes_its_facts_unknown_with_their_last_values() -> None:
    """Nothing of a silent source stays known, nothing of it is forgotten."""
    before = remember({}, [F.LOCK_HOLDER.known(NAME, ORIGIN, 7, ago(60))])
    after = unanswered(before, NOW, Reason.TIMEOUT, "no answer within 5 s")[KEY]
    assert isinstance(after, Unavailable)
    assert (after.reason, after.last and after.last.value) == (Reason.TIMEOUT, 7)


def test_a_new_value_replaces_the_old_one() -> None:
    """A reading that is known again stands for itself."""
    before = remember({}, [F.LOCK_HOLDER.unavailable(NAME, ORIGIN, Reason.BUSY, "locked", ago(9))])
    after = remember(before, [F.LOCK_HOLDER.known(NAME, ORIGIN, 8, NOW)])[KEY]
    assert isinstance(after, Known)
    assert after.value == 8
