"""What follows from all forges together: told as a lower bound, never as nothing, and judged only where it moved."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quarterdeck.truth import forge_fields as G  # noqa: N812 -- as in the judgement tables
from quarterdeck.truth.board import LANES
from quarterdeck.truth.fields import FIELDS, Field
from quarterdeck.truth.forge import CLASSES, Claim, Files, Linked, card, pull, repo
from quarterdeck.truth.grouped import Fields, Grouped
from quarterdeck.truth.judgement import Status
from quarterdeck.truth.reading import AnyReading, Known, Reason, Unavailable
from quarterdeck.truth.snapshot import Snapshot
from quarterdeck.truth.tables import judge_subject
from quarterdeck.truth.thresholds import Thresholds
from quarterdeck.truth.watched import Forge
from quarterdeck.wiring import work as wiring
from quarterdeck.wiring.work import Work
from tests.fakes import work as fake

T = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
REVIEWS, BOARD = "forge:main/reviews", "forge:main/board"
NORTH, SOUTH = "hermes:north/work", "hermes:south/work"
MAIN = Forge("main", "main", fake.BASE, agents=fake.AGENTS)
OTHER = Forge("other", "other", "https://other.example.com", agents={"north": "north"})
Told = dict[tuple[str, str], AnyReading]


def still() -> float:
    """A clock that stands: no look takes any time."""
    return 0.0


def told(source: Work, snapshot: Snapshot, now: datetime = T) -> Told:
    return {(each.subject, each.field): each for each in source.readings(snapshot, now)}


def value(found: Told, name: str, field: Field[Any]) -> Any:
    reading = found[name, field.name]
    assert isinstance(reading, Known), reading
    return reading.value


def lost(found: Told, name: str, field: Field[Any]) -> str:
    reading = found[name, field.name]
    assert isinstance(reading, Unavailable), reading
    return f"{reading.reason}: {reading.detail}"


def seen(told: Mapping[str, fake.Facts] | None = None, now: datetime = T) -> Snapshot:
    return fake.snapshot(now, told)


def spoiled(name: str, facts: fake.Facts) -> Snapshot:
    world = fake.world(T)
    return seen({**world, name: {**world[name], **facts}})


# --- the queue of reviews, and the board ----------------------------------------------------------------------------


def test_a_queue_says_what_waits_for_judgement_and_what_has_waited_too_long() -> None:
    """Every pull request is counted in its class; those for the operator are named, longest first."""
    found = told(Work((MAIN,), still), seen())
    assert value(found, REVIEWS, G.REVIEWS_OPEN) == 17
    assert value(found, REVIEWS, G.REVIEWS_YOURS) == ("acme/tools#2", "acme/site#15", "acme/tools#6", "acme/tools#10")
    assert value(found, REVIEWS, G.REVIEWS_LONG) == ("acme/tools#2",)
    assert value(found, REVIEWS, G.REVIEWS_OLDEST_AT) == T - timedelta(hours=30)
    assert set(value(found, REVIEWS, G.REVIEWS_BY_CLASS)) == set(CLASSES)
    assert value(found, REVIEWS, G.REVIEWS_UNKNOWN) == 1
    assert value(found, REVIEWS, G.REVIEWS_WHOLE) is True


def test_a_board_counts_its_lanes_and_names_what_needs_somebody() -> None:
    """Every card is counted in its one lane; what is blocked in silence, stuck or still is named."""
    found = told(Work((MAIN,), still), seen())
    assert set(value(found, BOARD, G.BOARD_LANES)) == set(LANES)
    assert sum(value(found, BOARD, G.BOARD_LANES).values()) == 28
    assert value(found, BOARD, G.BOARD_SILENT) == ("acme/tools#106",)
    assert value(found, BOARD, G.BOARD_STUCK) == ("acme/tools#109",)
    assert value(found, BOARD, G.BOARD_STILL) == ("acme/tools#104",)
    assert value(found, BOARD, G.BOARD_AMBIGUOUS) == 5
    assert (value(found, BOARD, G.BOARD_UNKNOWN), value(found, BOARD, G.BOARD_WHOLE)) == (0, True)


def test_every_fact_it_promises_is_told() -> None:
    """What is expected of it is exactly what it brings: the queue, the board, and the work of both agents."""
    source = Work((MAIN,), still)
    assert set(told(source, seen())) == set(source.expected)
    assert {name for name, _ in source.expected} == {REVIEWS, BOARD, NORTH, SOUTH}


def test_before_anything_was_collected_nothing_follows() -> None:
    """A snapshot that holds nothing yet says nothing; none at all neither."""
    source = Work((MAIN,), still)
    assert source.look(T) == []
    source.follow(lambda: replace(seen(), version=0))
    assert source.look(T) == []
    source.follow(seen)
    assert len(source.look(T)) == len(source.expected)


# --- who is at what -------------------------------------------------------------------------------------------------


def test_an_agent_is_at_what_it_claims_and_not_at_what_waits_for_others() -> None:
    """Its task, by which signal and since when; the others it is at; what came back to it."""
    found = told(Work((MAIN,), still), seen())
    assert value(found, NORTH, G.TASK) == "acme/tools#103"
    assert value(found, NORTH, G.TASK_BY) == "claim"
    assert value(found, NORTH, G.TASK_SINCE) == T - timedelta(minutes=20)
    assert value(found, NORTH, G.TASK_LINK) == f"{fake.BASE}/acme/tools/issues/103"
    assert value(found, NORTH, G.TASKS_CLAIMED) == ("acme/tools#103", "acme/tools#110", "acme/tools#102")
    assert value(found, NORTH, G.TASKS_ASSIGNED) == 4
    assert value(found, NORTH, G.PULLS_RETURNED) == ("acme/site#13", "acme/tools#7", "acme/tools#9")
    assert value(found, NORTH, G.WORK_WHOLE) is True


def test_agents_on_closed_or_foreign_or_shared_issues_are_told() -> None:
    """A pull request for what is closed; a claim on what somebody else has; two at one issue."""
    world = fake.world(T)
    world[pull("main", fake.TOOLS, 1)][G.PULL_CLOSES] = ("acme/tools#113",)
    world[pull("main", fake.TOOLS, 4)][G.PULL_CLOSES] = ("acme/tools#103",)
    world[card("main", fake.TOOLS, 107)][G.CARD_CLAIM] = Claim("claim/107", T, "north-bot")
    found = told(Work((MAIN,), still), seen(world))
    assert value(found, NORTH, G.TASKS_CLOSED) == ("acme/tools#113",)
    assert value(found, NORTH, G.TASKS_OTHERS) == ("acme/tools#107",)
    assert value(found, NORTH, G.TASKS_SHARED) == value(found, SOUTH, G.TASKS_SHARED) == ("acme/tools#103",)


def test_an_issue_that_is_not_among_the_open_ones_is_no_task() -> None:
    """What an agent's pull request closes was closed long ago, or is not listed yet: neither is guessed."""
    world = fake.world(T)
    world[pull("main", fake.TOOLS, 4)][G.PULL_CLOSES] = ("acme/tools#999",)
    found = told(Work((MAIN,), still), seen(world))
    assert "not among the open ones" in lost(found, SOUTH, G.TASKS_CLOSED)
    assert value(found, SOUTH, G.WORK_WHOLE) is False
    assert "acme/tools#999" not in str(found)
    assert value(found, NORTH, G.WORK_WHOLE) is True
    for elsewhere in ("acme/elsewhere#999", "acme/site#200"):
        world[pull("main", fake.TOOLS, 4)][G.PULL_CLOSES] = (elsewhere,)
        found = told(Work((MAIN,), still), seen(world))
        assert elsewhere in value(found, SOUTH, G.TASKS_CLAIMED)
        assert value(found, SOUTH, G.WORK_WHOLE) is True


def test_an_agent_with_no_account_has_no_row_and_one_with_two_has_one() -> None:
    """Whoever is not named on any forge has no work that could be told; accounts on two forges are one agent's."""
    source = Work((replace(MAIN, agents={"north-bot": "north"}), OTHER), still)
    found = told(source, seen(fake.world(T)))
    assert (SOUTH, "task") not in found
    assert value(found, NORTH, G.TASK) == "acme/tools#103"
    assert value(found, NORTH, G.WORK_WHOLE) is False


# --- what cannot be read --------------------------------------------------------------------------------------------

COUNTED = (G.REVIEWS_OPEN, G.REVIEWS_YOURS, G.REVIEWS_LONG, G.REVIEWS_OLDEST_AT, G.REVIEWS_BY_CLASS)
PLACED = (G.BOARD_LANES, G.BOARD_AMBIGUOUS, G.BOARD_SILENT, G.BOARD_STUCK, G.BOARD_STILL)
WORKED = tuple(field for field in FIELDS.values() if field.of == "work" and field is not G.WORK_WHOLE)


def test_a_forge_that_is_down_empties_no_queue_and_frees_no_agent() -> None:
    """Nothing is said to be nothing: all that was known is unknown, with its count, and nobody has no task."""
    found = told(Work((MAIN,), still), fake.unanswered(seen(), T))
    for name, fields in ((REVIEWS, COUNTED), (BOARD, PLACED), (NORTH, WORKED), (SOUTH, WORKED)):
        for field in fields:
            words = "could not be read" if fields is WORKED else "did not answer"
            assert words in lost(found, name, field)
    assert (value(found, REVIEWS, G.REVIEWS_UNKNOWN), value(found, BOARD, G.BOARD_UNKNOWN)) == (17, 28)
    for name, field in ((REVIEWS, G.REVIEWS_WHOLE), (BOARD, G.BOARD_WHOLE), (NORTH, G.WORK_WHOLE)):
        assert value(found, name, field) is False
    for name in (REVIEWS, BOARD, NORTH):
        assert judge_subject(name, found, T, Thresholds()).status is Status.UNKNOWN


def test_a_forge_that_was_never_read_is_not_an_empty_one() -> None:
    """Before the first answer nothing is known of it, and no zero is told."""
    found = told(Work((MAIN,), still), seen({}))
    for name, fields in ((REVIEWS, COUNTED), (BOARD, PLACED), (NORTH, WORKED)):
        for field in fields:
            assert lost(found, name, field).startswith("never seen")
    assert lost(found, REVIEWS, G.REVIEWS_UNKNOWN).startswith("never seen")


@pytest.mark.parametrize(
    ("answers", "reason"), [("denied", "denied"), ("no answer", "timeout"), ("not a forge", "missing")]
)
def test_a_forge_that_answers_otherwise_is_not_an_empty_one(answers: str, reason: str) -> None:
    """What it answers is the reason, though it has just been asked."""
    world = {fake.FORGE: {**fake.world(T)[fake.FORGE], G.FORGE_ANSWERS: answers}}
    assert lost(told(Work((MAIN,), still), seen(world)), NORTH, G.TASK).startswith(
        f"{reason}: the forge does not answer"
    )


def test_what_was_found_in_a_part_is_told_and_what_was_not_is_not() -> None:
    """One repository cannot be read whole: what others hold is a lower bound, and an empty list is not known."""
    found = told(Work((MAIN,), still), spoiled(repo("main", fake.SITE), {G.PULLS_WHOLE: False}))
    assert value(found, REVIEWS, G.REVIEWS_YOURS)[0] == "acme/tools#2"
    assert value(found, REVIEWS, G.REVIEWS_WHOLE) is False
    assert value(found, BOARD, G.BOARD_WHOLE) is True
    assert value(found, NORTH, G.TASK) == "acme/tools#103"
    assert lost(found, NORTH, G.TASKS_CLOSED) == "missing: 1 of 2 repositories could not be read whole"
    assert value(found, NORTH, G.WORK_WHOLE) is False


def archived(name: str) -> fake.World:
    """The world when a repository is archived: of its lists and of its rows nothing is told."""
    world = {one: facts for one, facts in fake.world(T).items() if f"/{name}/" not in one}
    return world | {repo("main", name): {G.REPO_LINK: None, G.REPO_STATE: "archived", G.REPO_SAID: None}}


def test_an_archived_repository_leaves_nothing_open() -> None:
    """Nothing in it can be done, so nothing of it is counted, and nothing is missing because it is not."""
    found = told(Work((MAIN,), still), seen(archived(fake.SITE)))
    assert value(found, REVIEWS, G.REVIEWS_WHOLE) is value(found, BOARD, G.BOARD_WHOLE) is True
    assert value(found, NORTH, G.WORK_WHOLE) is True
    assert value(found, NORTH, G.TASKS_CLOSED) == ()
    assert value(found, REVIEWS, G.REVIEWS_OPEN) == 11


def test_a_repository_that_was_archived_when_it_was_last_seen_may_not_be_any_more() -> None:
    """That it is archived must be known now: what was said too long ago makes no list whole."""
    snapshot = seen(archived(fake.SITE))
    stale = renewed(
        snapshot, lambda name, fields: later(fields, -G.LISTED) if name == repo("main", fake.SITE) else fields
    )
    assert value(told(Work((MAIN,), still), stale), REVIEWS, G.REVIEWS_WHOLE) is False


def test_lists_that_were_cut_say_so_everywhere() -> None:
    """When the forge cannot tell which repositories there are, neither queue nor board is whole."""
    found = told(Work((MAIN,), still), spoiled(fake.FORGE, {G.FORGE_WHOLE: False}))
    assert value(found, REVIEWS, G.REVIEWS_WHOLE) is value(found, BOARD, G.BOARD_WHOLE) is False
    assert "cut, or changed" in lost(found, SOUTH, G.TASKS_SHARED)


def test_a_pull_request_that_cannot_be_classed_leaves_open_whether_it_came_back() -> None:
    """Its agent is not told that nothing waits for it; another agent is."""
    world = fake.world(T)
    for number in (4, 5):
        world[pull("main", fake.TOOLS, number)][G.PULL_CHECKS] = fake.Lost()
    found = told(Work((MAIN,), still), seen(world))
    assert "cannot be judged now" in lost(found, SOUTH, G.PULLS_RETURNED)
    assert value(found, SOUTH, G.WORK_WHOLE) is True
    assert value(found, NORTH, G.PULLS_RETURNED) != ()


def test_a_pull_request_nobody_can_read_leaves_open_who_is_at_what() -> None:
    """It may close anything: no agent is said to be alone, or free."""
    world = fake.world(T)
    world[pull("main", fake.SITE, 14)][G.PULL_CLOSES] = fake.Lost()
    found = told(Work((MAIN,), still), seen(world))
    assert "1 of 45 pull requests and cards" in lost(found, SOUTH, G.TASKS_SHARED)


KEYS = [(name, field) for name, facts in fake.world(T).items() for field in facts]


def better(after: AnyReading, before: AnyReading) -> bool:
    """Whether a reading tells of nothing where there was something, or where nothing was known."""
    empty = isinstance(after, Known) and after.value is not False and not after.value
    return empty and (isinstance(before, Unavailable) or bool(before.value))


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.sampled_from(KEYS), min_size=1, max_size=6), st.sampled_from(list(Reason)))
def test_what_can_no_longer_be_read_makes_nothing_greener(keys: list[Any], reason: Reason) -> None:
    """Whatever is lost: no list grows empty, no figure falls to nothing, no agent loses its task, nothing grows ok."""
    world = fake.world(T)
    before = told(Work((MAIN,), still), seen(world))
    for name, field in keys:
        world[name] = {**world[name], field: fake.Lost(reason)}
    after = told(Work((MAIN,), still), seen(world))
    tolls = {G.BOARD_UNKNOWN.name, G.REVIEWS_UNKNOWN.name, G.BOARD_AMBIGUOUS.name, G.TASK_LINK.name}
    assert not [key for key in before if key[1] not in tolls and better(after[key], before[key])]
    for name in (REVIEWS, BOARD, NORTH, SOUTH):
        if judge_subject(name, before, T, Thresholds()).status is not Status.OK:
            assert judge_subject(name, after, T, Thresholds()).status is not Status.OK


# --- what is judged anew --------------------------------------------------------------------------------------------


def renewed(snapshot: Snapshot, change: Callable[[str, Fields], Fields]) -> Snapshot:
    assert isinstance(snapshot.readings, Grouped)
    return replace(
        snapshot, readings=Grouped({name: change(name, fields) for name, fields in snapshot.readings.subjects.items()})
    )


def later(fields: Fields, span: timedelta) -> Fields:
    return {
        name: replace(each, observed_at=each.observed_at + span) if isinstance(each, Known) else each
        for name, each in fields.items()
    }


class Counting(Work):
    """It counts what it judges, and may be interrupted."""

    def __init__(self, *forges: Forge) -> None:
        super().__init__(forges, self._tick)
        self.now, self.step = 0.0, 0.0

    def _tick(self) -> float:
        self.now += self.step
        return self.now

    def made(self) -> dict[str, Any]:
        return {name: kept.made for name, kept in self._kept.items()}


def anew(source: Counting, before: dict[str, Any]) -> set[str]:
    return {name for name, made in source.made().items() if before.get(name) is not made}


def test_what_followed_from_the_same_a_moment_ago_is_not_added_up_again() -> None:
    """The very same readings are told until they are half a minute old, then they are told anew."""
    source, snapshot = Work((MAIN,), still), seen()
    first = source.readings(snapshot, T)
    assert source.readings(snapshot, T + timedelta(seconds=5)) is first
    again = source.readings(snapshot, T + wiring.AGAIN)
    assert again is not first
    assert {each.observed_at for each in again if isinstance(each, Known)} == {T + wiring.AGAIN}


def test_only_what_moved_is_judged_anew() -> None:
    """What was merely seen once more, or copied, is what it was; one card whose labels changed is judged again."""
    source, snapshot = Counting(MAIN), seen()
    source.readings(snapshot, T)
    before = source.made()
    unknown = {name for name, made in before.items() if not made.known}
    span = timedelta(seconds=20)
    source.readings(renewed(snapshot, lambda _, fields: dict(fields)), T + span)
    assert anew(source, before) == set()
    source.readings(renewed(snapshot, lambda _, fields: later(fields, span)), T + span)
    assert anew(source, before) <= unknown
    name = card("main", fake.TOOLS, 101)
    labelled = {G.CARD_SAYS: ("in progress",), G.CARD_BLOCKERS: ()}
    says = {field.name: fake.reading(field, name, said, T) for field, said in labelled.items()}
    moved = renewed(snapshot, lambda one, fields: {**fields, **says} if one == name else fields)
    found = {(each.subject, each.field): each for each in source.readings(moved, T + span)}
    assert anew(source, before) - unknown == {name}
    assert value(found, BOARD, G.BOARD_AMBIGUOUS) == 6


def test_what_says_something_else_by_the_same_fields_is_judged_anew() -> None:
    """A label that changed on a card that is already on the board."""
    source, snapshot, name = Work((MAIN,), still), seen(), card("main", fake.TOOLS, 107)
    assert value(told(source, snapshot), BOARD, G.BOARD_LANES)["assigned"] == 2
    says = fake.reading(G.CARD_SAYS, name, ("in progress",), T)
    moved = renewed(snapshot, lambda one, fields: {**fields, "says": says} if one == name else fields)
    assert value(told(source, moved), BOARD, G.BOARD_LANES)["assigned"] == 1


def test_what_expired_is_not_kept_because_the_rest_was_seen_again() -> None:
    """All of a card is seen once more but for one fact, which is too old by now: the card cannot be placed."""
    source, snapshot, name = Work((MAIN,), still), seen(), card("main", fake.TOOLS, 101)
    told(source, snapshot)
    for minutes in range(24, 34):
        span = timedelta(minutes=minutes)
        since = {"claim": snapshot.readings[name, "claim"]}
        seen_again = renewed(
            snapshot,
            lambda one, fields, span=span, old=since: {**later(fields, span), **(old if one == name else {})},  # type: ignore[misc]
        )
        found = told(source, seen_again, T + span)
        assert value(found, BOARD, G.BOARD_UNKNOWN) == (1 if minutes >= 30 else 0), minutes


def test_a_card_grows_still_though_nothing_is_learnt() -> None:
    """A lease runs out by time alone."""
    world = fake.world(T)
    name = card("main", fake.TOOLS, 103)
    world[name] |= {
        G.CARD_CLAIM: Claim("claim/103", T - timedelta(minutes=119), None),
        G.CARD_MOVED_AT: T - timedelta(days=1),
    }
    source, snapshot = Work((MAIN,), still), seen(world)
    assert "acme/tools#103" not in value(told(source, snapshot), BOARD, G.BOARD_STILL)
    found = told(source, snapshot, T + timedelta(seconds=61))
    assert "acme/tools#103" in value(found, BOARD, G.BOARD_STILL)


def test_what_expires_is_no_longer_counted() -> None:
    """A source that says nothing more makes all of it unknown when its readings expire, not before."""
    source, snapshot = Work((MAIN,), still), seen()
    assert value(told(source, snapshot), BOARD, G.BOARD_UNKNOWN) == 0
    found = told(source, snapshot, T + timedelta(minutes=11))
    assert value(found, BOARD, G.BOARD_UNKNOWN) == 28
    assert lost(found, NORTH, G.TASK).startswith("timeout")


def test_a_card_of_which_it_is_not_known_when_it_moved_stands_where_it_stood() -> None:
    """It is counted in its lane; only whether it is still cannot be said."""
    world = fake.world(T)
    world[card("main", fake.TOOLS, 101)][G.CARD_MOVED_AT] = fake.Lost()
    found = told(Work((MAIN,), still), seen(world))
    assert value(found, BOARD, G.BOARD_UNKNOWN) == 0


def test_a_card_that_is_gone_is_no_longer_counted() -> None:
    """What its source no longer reports, though it answered, is not there."""
    source, world = Work((MAIN,), still), fake.world(T)
    told(source, seen(world))
    del world[card("main", fake.TOOLS, 106)]
    found = told(source, seen(world))
    assert value(found, BOARD, G.BOARD_SILENT) == ()


def test_what_has_not_been_judged_yet_is_unknown() -> None:
    """A look ends in time, however many cards there are; the rest is counted as unknown, and follows in later looks."""
    source, snapshot = Counting(MAIN), seen()
    source.step = 0.1
    found = told(source, snapshot)
    unknown = value(found, BOARD, G.BOARD_UNKNOWN)
    assert 0 < unknown <= 28
    assert "not all of it has been judged yet" in lost(found, NORTH, G.TASKS_CLOSED)
    for _ in range(9):
        found = told(source, snapshot)
    assert value(found, BOARD, G.BOARD_UNKNOWN) == 0
    assert value(found, NORTH, G.TASKS_CLOSED) == ()


def test_who_looks_once_is_told_all_at_once() -> None:
    """Where there is no later look, nothing is left for it."""
    source, snapshot = Counting(MAIN), seen()
    source.step = 0.1
    found = {(each.subject, each.field): each for each in source.readings(snapshot, T, work_s=math.inf)}
    assert value(found, BOARD, G.BOARD_UNKNOWN) == 0


def test_a_queue_longer_than_can_be_told_is_cut_and_says_so() -> None:
    """Of very many, the longest waiting are named, and the queue is not whole."""
    names = [pull("main", fake.TOOLS, number) for number in range(1_000, 1_600)]
    many = {name: fake.a_pull(T, 1, "one of many", reviews=(), files=Files(1, False, ())) for name in names}
    found = told(Work((MAIN,), still), seen({**fake.forge(T), **many}))
    assert len(value(found, REVIEWS, G.REVIEWS_YOURS)) == 500
    assert value(found, REVIEWS, G.REVIEWS_OPEN) == 600
    assert value(found, REVIEWS, G.REVIEWS_WHOLE) is False


def test_a_linked_pull_request_of_nobody_known_frees_nobody() -> None:
    """An account that is gone still is somebody: an agent at the same issue is not alone."""
    world = fake.world(T)
    world[pull("main", fake.SITE, 14)][G.PULL_CLOSES] = ("acme/tools#103",)
    world[card("main", fake.TOOLS, 103)][G.CARD_PULLS] = (Linked("acme/site#14", draft=False, author=None),)
    assert value(told(Work((MAIN,), still), seen(world)), NORTH, G.TASKS_SHARED) == ("acme/tools#103",)
