"""Many into one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.truth import fields as F  # noqa: N812
from quarterdeck.truth.instance import subject
from quarterdeck.truth.judgement import Judgement, Status
from quarterdeck.truth.reading import Knowledge, Reason
from quarterdeck.truth.rollup import roll_up, total
from tests.truth.cast import NOW, ORIGIN, ago

ANY = st.lists(st.tuples(st.sampled_from(Status), st.sampled_from(Knowledge)), max_size=8)


def _judgement(status: Status, knowledge: Knowledge = Knowledge.FRESH) -> Judgement:
    return Judgement("s", "r", status, None, knowledge, "", None, (), ())


@given(ANY)
def test_a_roll_up_is_its_worst_child_and_counts_every_child(children: list[tuple[Status, Knowledge]]) -> None:
    """No child is worse than the roll-up, some child is as bad, and none is left uncounted."""
    judged = [_judgement(*child) for child in children]
    rolled = roll_up(judged)
    live = [j.status for j in judged if j.knowledge is not Knowledge.RETIRED]
    assert rolled.total == len(children)
    assert rolled.status is (max(live, key=lambda s: s.rank) if live else Status.UNKNOWN)


def test_nothing_is_not_ok() -> None:
    """A roll-up of nothing is unknown."""
    assert roll_up([]).status is Status.UNKNOWN


def test_the_order_of_badness() -> None:
    """Stale is worse than ok, unknown than stale, degraded than unknown, down than all."""
    assert [s.value for s in sorted(Status, key=lambda s: s.rank)] == ["ok", "stale", "unknown", "degraded", "down"]


def test_a_total_over_incomplete_sources_is_a_lower_bound() -> None:
    """One unreadable and one expired source leave the sum of the others, marked as incomplete."""
    one, two, three = (subject(name, "sessions") for name in ("a", "b", "c"))
    sum_ = total(
        [
            F.SESSIONS_24H.known(one, ORIGIN, 40, NOW),
            F.SESSIONS_24H.unavailable(two, ORIGIN, Reason.CORRUPT, "torn", NOW),
            F.SESSIONS_24H.known(three, ORIGIN, 7, ago(1_000)),
        ],
        NOW,
    )
    assert (sum_.value, sum_.known, sum_.of, sum_.complete, sum_.nothing) == (40, 1, 3, False, False)


def test_a_total_over_no_known_source_is_nothing() -> None:
    """Without one readable source there is no figure, not a zero."""
    lost = F.SESSIONS_24H.unavailable(subject("a", "sessions"), ORIGIN, Reason.MISSING, "gone", NOW)
    assert total([lost], NOW).nothing
    assert not total([F.SESSIONS_24H.known(subject("a", "sessions"), ORIGIN, 0, NOW)], NOW).nothing
