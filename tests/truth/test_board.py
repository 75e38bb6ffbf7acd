"""Where a card stands, what does not agree about it, what needs somebody, and through which gates it has gone."""

from __future__ import annotations

from typing import Final

import pytest

from quarterdeck.truth import forge_fields as G  # noqa: N812
from quarterdeck.truth.board import LANES, UNPLACED, Gate, ambiguities, gates, lane, next_gate, placed
from quarterdeck.truth.forge import Claim
from quarterdeck.truth.judgement import Status
from quarterdeck.truth.reading import AnyReading, Key, Knowledge, Reason
from quarterdeck.truth.tables.card import CARD as TABLE
from tests.truth import pulls
from tests.truth.cards import CARD, CLAIM, DAY, DRAFT, HOUR, NORTH, OPEN_PULL, World, facts, judged, world
from tests.truth.cast import ago

BLOCKED: Final[World] = {G.CARD_SAYS: ("blocked",)}
WAITS: Final[World] = {G.CARD_BLOCKERS: ("acme/tools#5",)}
DOING: Final[World] = {G.CARD_SAYS: ("in progress",)}
READY: Final[World] = {G.CARD_SAYS: ("ready",)}
REVIEWED: Final[World] = {G.CARD_PULLS: (OPEN_PULL,)}
DRAFTED: Final[World] = {G.CARD_PULLS: (DRAFT,)}
CLAIMED: Final[World] = {G.CARD_CLAIM: CLAIM}
GONE: Final[World] = {G.CARD_ASSIGNEES: ("dave",), G.CARD_ABSENT: ("dave",)}
EXPLAINED: Final[World] = {G.CARD_EXPLAINED: True}
CLOSED: Final[World] = {G.CARD_OPEN: False, G.CARD_CLOSED_AT: ago(DAY)}
OLD: Final[World] = {G.CARD_MOVED_AT: ago(4 * DAY)}

STANDS: dict[str, tuple[tuple[World, ...], str, str, str]] = {
    "nobody touched it": ((), "unassigned", "ok", "unassigned"),
    "nobody has it, sorted and ready": ((READY,), "unassigned", "ok", "unassigned"),
    "given to somebody": ((NORTH,), "assigned", "ok", "assigned"),
    "given, and a label says ready": ((NORTH, READY), "assigned", "ok", "assigned"),
    "in progress by its label": ((NORTH, DOING), "in progress", "ok", "in progress"),
    "in progress by a claim": ((NORTH, CLAIMED), "in progress", "ok", "in progress"),
    "in progress by a draft": ((NORTH, DRAFTED), "in progress", "ok", "in progress"),
    "blocked by its label, and its text says by what": ((NORTH, BLOCKED, EXPLAINED), "blocked", "ok", "blocked"),
    "blocked by what it depends on": ((NORTH, WAITS), "blocked", "ok", "blocked"),
    "blocked by its label and by what it depends on": ((NORTH, BLOCKED, WAITS), "blocked", "ok", "blocked"),
    "blocked before in progress": ((NORTH, CLAIMED, WAITS), "blocked", "ok", "blocked"),
    "in review": ((NORTH, REVIEWED), "in review", "ok", "in review"),
    "in review, and given to nobody": ((REVIEWED,), "in review", "ok", "in review"),
    "in review, whatever it depends on": ((NORTH, REVIEWED, WAITS), "in review", "ok", "in review"),
    "in review by its label too": ((NORTH, REVIEWED, {G.CARD_SAYS: ("in review",)}), "in review", "ok", "in review"),
    "closed": ((NORTH, CLOSED), "done", "ok", "done"),
    "closed, whatever its labels say": ((NORTH, CLOSED, DOING, BLOCKED, GONE), "done", "ok", "done"),
    "two labels": (
        (NORTH, EXPLAINED, {G.CARD_SAYS: ("in progress", "blocked")}), "blocked", "degraded", "ambiguous",
    ),
    "two labels that say the same": ((NORTH, {G.CARD_SAYS: ("ready", "ready")}), "assigned", "ok", "assigned"),
    "ready and in progress": (
        (NORTH, {G.CARD_SAYS: ("ready", "in progress")}), "assigned", "degraded", "ambiguous",
    ),
    "in progress with nobody": ((DOING,), "unassigned", "degraded", "ambiguous"),
    "claimed with nobody": ((CLAIMED,), "unassigned", "degraded", "ambiguous"),
    "a draft with nobody": ((DRAFTED,), "unassigned", "degraded", "ambiguous"),
    "given to one who is gone": ((GONE,), "unassigned", "degraded", "ambiguous"),
    "given to one who is gone and to another": (
        (GONE, {G.CARD_ASSIGNEES: ("dave", "alice")}), "assigned", "degraded", "ambiguous",
    ),
    "in review, given to one who is gone": ((GONE, REVIEWED), "in review", "degraded", "ambiguous"),
    "in progress by one who is gone": ((GONE, DOING), "unassigned", "degraded", "ambiguous"),
    "blocked, and nothing says by what": ((NORTH, BLOCKED), "blocked", "degraded", "blocked silent"),
    "in review by its label alone": (
        (NORTH, {G.CARD_SAYS: ("in review",)}), "assigned", "degraded", "ambiguous",
    ),
    "in review by its label, and a draft": (
        (NORTH, DRAFTED, {G.CARD_SAYS: ("in review",)}), "in progress", "degraded", "ambiguous",
    ),
    "done by its label": ((NORTH, {G.CARD_SAYS: ("done",)}), "assigned", "degraded", "ambiguous"),
    "two pull requests": (
        (NORTH, {G.CARD_PULLS: (OPEN_PULL, DRAFT)}), "in review", "degraded", "ambiguous",
    ),
    "in progress by its label, in review by a pull request": (
        (NORTH, DOING, REVIEWED), "in progress", "degraded", "ambiguous",
    ),
    "ready by its label, begun by a draft": ((NORTH, READY, DRAFTED), "assigned", "degraded", "ambiguous"),
    "blocked by its label, in review by a pull request": (
        (NORTH, BLOCKED, EXPLAINED, REVIEWED), "blocked", "degraded", "ambiguous",
    ),
    "ready, and it depends on something": ((NORTH, READY, WAITS), "blocked", "degraded", "ready not runnable"),
    "ready, and who has it is gone": ((GONE, READY), "unassigned", "degraded", "ready not runnable"),
    "a lease that has run out": (
        (NORTH, {G.CARD_CLAIM: Claim("claim/7", ago(3 * HOUR), "north-bot"), G.CARD_MOVED_AT: ago(3 * HOUR)}),
        "in progress", "degraded", "lease run out",
    ),
    "a claim of an old commit, on a card that just moved": (
        (NORTH, {G.CARD_CLAIM: Claim("claim/7", ago(9 * DAY), None)}), "in progress", "ok", "in progress",
    ),
    "a claim that says it will move tomorrow": (
        (NORTH, OLD, {G.CARD_CLAIM: Claim("claim/7", ago(-DAY), "north-bot")}), "in progress", "degraded",
        "lease run out",
    ),
    "an old claim of what waits for others": (
        (NORTH, OLD, WAITS, {G.CARD_CLAIM: Claim("claim/7", ago(4 * DAY), "north-bot")}), "blocked", "ok", "blocked",
    ),
    "an old claim of what is in review": (
        (NORTH, OLD, REVIEWED, {G.CARD_CLAIM: Claim("claim/7", ago(4 * DAY), "north-bot")}), "in review", "ok",
        "in review",
    ),
    "in progress, and nobody moves it": ((NORTH, DOING, OLD), "in progress", "degraded", "still"),
    "given long ago": ((NORTH, OLD), "assigned", "ok", "assigned"),
}  # fmt: skip


@pytest.mark.parametrize("case", STANDS)
def test_a_card_stands_where_its_signals_put_it(case: str) -> None:
    """Every lane and every ambiguity: the lane, the status and the row that says so."""
    touched, where, status, rule = STANDS[case]
    found = world(*touched)
    assert (lane(facts(found)), judged(found).status, judged(found).rule) == (where, status, rule)


def test_every_lane_and_every_row_of_the_table_has_a_case() -> None:
    """No lane and no row is left out above."""
    assert {where for _, where, _, _ in STANDS.values()} == set(LANES)
    assert {rule for *_, rule in STANDS.values()} == {rule.id for rule in TABLE}


@pytest.mark.parametrize(
    ("touched", "said"),
    [
        ((NORTH, {G.CARD_SAYS: ("ready", "in progress")}), "its labels say several things: in progress, ready"),
        ((CLAIMED,), "somebody is at it, and it is assigned to nobody"),
        ((GONE,), "it is assigned to an account that is gone or not active: dave"),
        ((NORTH, BLOCKED), "a label says that it is blocked, and nothing says by what"),
        ((NORTH, {G.CARD_SAYS: ("in review",)}), "a label says that it is in review, and no open pull request closes"),
        ((NORTH, {G.CARD_PULLS: (OPEN_PULL, DRAFT)}), "acme/tools#12, acme/tools#13 all say that they close it"),
        ((NORTH, DOING, REVIEWED), "a label says in progress, and acme/tools#12 is open"),
        ((NORTH, {G.CARD_SAYS: ("done",)}), "a label says that it is done, and it is open"),
    ],
)
def test_an_ambiguous_card_says_why(touched: tuple[World, ...], said: str) -> None:
    """Each thing that does not agree is told in words that name both sides."""
    found = ambiguities(facts(world(*touched)))
    assert any(said in each for each in found), found


def test_what_is_done_counts_no_more() -> None:
    """A closed card is retired: it weighs in no roll-up."""
    assert judged(world(CLOSED)).knowledge is Knowledge.RETIRED


@pytest.mark.parametrize(
    "lost",
    [G.CARD_OPEN, G.CARD_PULLS, G.CARD_PULLS_WHOLE, G.CARD_SAYS, G.CARD_CLAIM, G.CARD_ASSIGNEES, G.CARD_ABSENT],
)
@pytest.mark.parametrize("touched", [(), (NORTH,), (NORTH, DOING), (NORTH, REVIEWED)])
def test_a_signal_that_cannot_be_read_leaves_a_card_unplaced(lost: object, touched: tuple[World, ...]) -> None:
    """Whatever else is known, no lane is guessed, and the card says what could not be read."""
    found = world(*touched, {lost: Reason.TIMEOUT})  # type: ignore[dict-item]  # a field
    where = placed(facts(found))
    assert where.lane == UNPLACED
    assert "spoiled by the test" in where.by
    assert where.ambiguities == ()
    assert judged(found).status is Status.UNKNOWN


def test_a_list_of_pull_requests_that_was_cut_places_no_card() -> None:
    """Among those that are missing may be the one that closes it."""
    found = world(NORTH, {G.CARD_PULLS_WHOLE: False})
    assert lane(facts(found)) == UNPLACED
    assert "was cut, or changed while it was read" in judged(found).reason


def test_a_backlog_is_not_asked_what_it_depends_on() -> None:
    """Of a card nobody touched no blocker is reported, and none is missed; of one that is assigned it is."""
    untouched, assigned = world(), world(NORTH)
    assert (CARD, "blockers") not in untouched
    assert judged(untouched).status is Status.OK
    del assigned[CARD, "blockers"]
    assert judged(assigned).status is Status.UNKNOWN


# --- gates ----------------------------------------------------------------------------------------------------------


def waits_at(found: dict[Key, AnyReading]) -> Gate | None:
    return next_gate(gates(facts(found)))


TRIAGED: Final[World] = {G.CARD_TRIAGED: True}


@pytest.mark.parametrize(
    ("touched", "gate", "missing"),
    [
        ((), "triage", "a milestone, or a label that says what it is"),
        ((TRIAGED,), "route", "an assignee"),
        ((TRIAGED, GONE), "route", "an assignee whose account is active"),
        ((NORTH, WAITS), "route", "an end of what blocks it: acme/tools#5"),
        ((NORTH, BLOCKED), "route", "an end of what blocks it: a label says so"),
        ((NORTH,), "track", "a branch that claims it, a pull request, or a label that it is in progress"),
        (
            (NORTH, OLD, {G.CARD_CLAIM: Claim("claim/7", ago(4 * DAY), "north-bot")}),
            "track",
            "a sign of life: nothing has moved for 4 d",
        ),
        ((NORTH, CLAIMED), "verify", "an open pull request that closes it"),
        ((NORTH, DRAFTED), "verify", "a pull request that is no draft"),
    ],
)
def test_a_card_says_what_is_missing_for_the_next_gate(touched: tuple[World, ...], gate: str, missing: str) -> None:
    """Intake, triage, route, track, verify, report: the first that is not open says what would open it."""
    found = waits_at(world(*touched))
    assert found is not None
    assert (found.id, found.met, found.missing) == (gate, False, missing)
    assert found.readings


def test_verify_is_as_far_as_the_pull_request_is() -> None:
    """What the pull request that closes a card has not met is what is missing; when all is met, only the end is."""
    ready = world(NORTH, REVIEWED) | pulls.readings()
    found = waits_at(ready)
    assert found is not None
    assert (found.id, found.missing) == ("report", "its end: it is open")
    unmet = waits_at(world(NORTH, REVIEWED) | pulls.readings({G.PULL_REVIEWS: ()}))
    assert unmet is not None
    assert (unmet.id, unmet.met) == ("verify", False)
    assert "acme/tools#12: 0 of 1 approval" in (unmet.missing or "")


def test_a_gate_that_hangs_on_what_is_not_known_is_not_open() -> None:
    """It is neither open nor closed, and says why."""
    found = waits_at(world(NORTH, {G.CARD_CLAIM: Reason.DENIED}))
    assert found is not None
    assert (found.id, found.met) == ("route", None)
    assert "spoiled by the test" in (found.missing or "")


def test_of_a_closed_card_no_gate_asks_for_anything() -> None:
    """Only the last gate is known to be open; of the others nothing is claimed."""
    found = gates(facts(world(CLOSED)))
    assert [gate.met for gate in found] == [None] * 5 + [True]
    assert next_gate(found) is None
