"""The board: every card in the lane of its signals, what is wrong with it in words, and what is known of old."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from quarterdeck.cli.render import as_text
from quarterdeck.truth.board import LANES, UNPLACED
from quarterdeck.truth.forge import card
from quarterdeck.truth.grouped import Grouped
from quarterdeck.truth.judgement import Facts, Judgement, Status
from quarterdeck.truth.snapshot import Snapshot
from quarterdeck.views import VIEWS
from quarterdeck.views.asked import Asked
from quarterdeck.views.board import FEW, ROWS
from quarterdeck.views.contract import as_json
from quarterdeck.views.judged import Judged
from quarterdeck.views.model import View
from quarterdeck.views.work_pages import Board, CardTold
from tests.fakes import work
from tests.truth.cast import NOW

LATER = NOW + timedelta(minutes=11)


def view(snapshot: Snapshot | None = None, now: Any = NOW, opened: str | None = None, /, **words: str) -> View:
    """The page over the forge of the tests."""
    asked = Asked(open=opened, words=tuple(sorted(words.items())))
    return VIEWS["board"].make(Judged(work.snapshot(NOW) if snapshot is None else snapshot, now), asked, None)


def board(made: View) -> Board:
    """What it carries."""
    assert made.board is not None
    return made.board


def numbers(made: View, *, of: str = work.TOOLS) -> dict[str, list[int]]:
    """The cards of a repository, lane by lane, in their order."""
    cards = {lane.id: [name for name in lane.subjects if f"/{of}/" in name] for lane in board(made).lanes}
    return {lane: [int(name.rpartition("/")[2]) for name in names] for lane, names in cards.items()}


def told(number: int, made: View | None = None) -> CardTold:
    """What is told of a card."""
    return board(made or view()).told[card("main", work.TOOLS, number)]


def test_every_card_stands_in_one_lane_and_what_needs_somebody_before_the_others() -> None:
    """The lanes stand side by side as they follow one another; of what is done only the number is told."""
    assert numbers(view()) == {
        "unassigned": [111, 112, 101, 108],
        "assigned": [114, 107],
        "in progress": [104, 110, 103],
        "blocked": [106, 109, 105],
        "in review": [102],
        "done": [],
    }
    assert {lane.id: (lane.total, lane.troubled) for lane in board(view()).lanes} == {
        "unassigned": (18, 2),
        "assigned": (2, 1),
        "in progress": (3, 2),
        "blocked": (3, 2),
        "in review": (1, 0),
        "done": (1, 0),
    }
    assert view().headline == "7 cards need somebody."


@pytest.mark.parametrize(
    ("number", "marks", "ambiguous"),
    [
        (106, ("no reason",), True),
        (109, ("not runnable",), False),
        (104, ("still",), False),
        (110, (), True),
        (111, (), True),
        (112, (), True),
        (114, (), True),
        (103, (), False),
        (105, (), False),
    ],
)
def test_what_is_wrong_with_a_card_is_marked_in_words(number: int, marks: tuple[str, ...], ambiguous: bool) -> None:
    """Blocked without a reason, ready and not runnable, left lying, and ambiguous with every reason for it."""
    one = told(number)
    assert one.marks == marks
    assert bool(one.ambiguities) is ambiguous


def test_a_card_names_its_people_its_pull_requests_its_claim_and_what_it_depends_on() -> None:
    """Agents are told from other accounts; a claim says whose it is, when it moved, and whether its lease is over."""
    one = told(104)
    assert [(who.login, who.agent) for who in one.people] == [("south-bot", "south")]
    assert one.claim is not None
    assert (one.claim.branch, one.claimed_by, one.lapsed) == ("claim/104", ("south-bot", "south"), True)
    assert [linked.ref for linked in told(102).pulls] == ["acme/tools#2"]
    assert told(105).blockers == ("acme/tools#104",)
    assert told(112).people == (("dave", None),)


def test_the_gates_say_what_is_missing_for_the_next_one() -> None:
    """Each card has all gates; the first that is not open is the next, and says what it lacks."""
    for one in board(view()).told.values():
        assert [gate.id for gate in one.gates] == ["intake", "triage", "route", "track", "verify", "report"]
        assert one.next is not None
        assert one.next.missing
        assert all(gate.met for gate in one.gates[: one.passed])
    assert (told(103).next or told(101).gates[0]).id == "verify"
    assert (told(101).next or told(103).gates[0]).id == "triage"


def test_a_lane_by_itself_shows_all_its_cards_page_by_page() -> None:
    """Side by side a lane shows some and tells how many there are; by itself, all of them."""
    many = {card("main", work.SITE, 1_000 + n): work.a_card(NOW, 1_000 + n, f"Idea {n}") for n in range(2 * ROWS)}
    snapshot = work.snapshot(NOW, work.world(NOW) | many)
    (beside,) = [lane for lane in board(view(snapshot)).lanes if lane.id == "unassigned"]
    assert (len(beside.subjects), beside.total) == (FEW, 18 + 2 * ROWS)
    seen, after = list[str](), "0"
    while after:
        page = board(view(snapshot, lane="unassigned", after=after))
        (lane,) = page.lanes
        seen += lane.subjects
        after = page.stretch.next or ""
    assert len(seen) == len(set(seen)) == beside.total
    assert numbers(view(lane="done")) == {"done": [113]}


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ({"repo": work.SITE}, 14),
        ({"milestone": "1.4"}, 3),
        ({"label": "in progress"}, 4),
        ({"assignee": "south-bot"}, 3),
        ({"q": "ledger"}, 2),
        ({"q": "tools#11"}, 5),
        ({"label": "bug", "assignee": "north-bot", "milestone": "1.4"}, 3),
        ({"label": "nothing like this"}, 0),
    ],
)
def test_the_filter_stands_in_the_address_and_leaves_out_cards_only(words: dict[str, str], found: int) -> None:
    """Each word leaves out what does not match; what is said of the others, and of all together, stays."""
    made, whole = view(**words), view()
    assert sum(lane.total for lane in board(made).lanes) == found
    assert made.headline == whole.headline
    assert board(made).choices == board(whole).choices
    everything = {**board(view(lane="unassigned")).told, **board(whole).told}
    assert all(each == everything[name] for name, each in board(made).told.items())


def test_a_card_that_is_named_is_shown_wherever_it_stands() -> None:
    """Whoever follows a link to a card gets it, also beyond the cards of its lane that are shown."""
    far = card("main", work.SITE, 213)
    assert far not in board(view()).told
    assert far in board(view(None, NOW, far)).told
    assert board(view(None, NOW, "forge:main/card/acme/tools/9999")).told == board(view()).told


def test_a_forge_that_does_not_answer_leaves_its_cards_where_they_stood_and_says_so() -> None:
    """Each card stays in its lane as old, with its age; none is well, none is gone, and one line above says why."""
    made = view(work.unanswered(work.snapshot(NOW), LATER), LATER)
    assert {lane.id: lane.total for lane in board(made).lanes} == {lane.id: lane.total for lane in board(view()).lanes}
    for row in made.rows:
        one = board(made).told[row.subject]
        assert row.judgement.status in (Status.UNKNOWN, Status.STALE)
        assert (one.lane, one.known_at) == (UNPLACED, NOW - timedelta(seconds=20))
        assert one.was in LANES
    assert made.headline == "No card can be placed now."
    assert [gap.place for gap in made.gaps] == ["Forge main"]
    assert (told(102, made).next or told(102, made).gates[0]).missing == (told(102).next or told(102).gates[0]).missing


def test_a_card_of_which_a_signal_was_never_read_stands_in_no_lane() -> None:
    """What nobody has read is not guessed: the card stands apart, and says what could not be read."""
    lost = card("main", work.TOOLS, 107)
    world = work.world(NOW)
    world[lost] = work.a_card(NOW, 107, "Somebody should do this", assignees=work.Lost(), says=("in progress",))
    made = view(work.snapshot(NOW, world))
    assert board(made).lanes[-1].id == UNPLACED
    assert board(made).lanes[-1].subjects == (lost,)
    assert made.headline.endswith("; 1 cannot be placed.")


def test_the_data_and_the_terminal_say_what_the_page_says() -> None:
    """Lanes, marks, gates and claims are in the JSON and in the text."""
    data = as_json(view())["board"]
    assert [(lane["lane"], lane["total"]) for lane in data["lanes"]][:2] == [("unassigned", 18), ("assigned", 2)]
    one = data["cards"][card("main", work.TOOLS, 104)]
    assert one["claim"]["lease_has_run_out"] is True
    assert (one["marks"], one["next_gate"]) == (["still"], "track")
    said = as_text(view(), width=None, colour=False)
    assert "Blocked: 3  2 need somebody" in said
    assert "ambiguous, no reason: blocked by its label, and nothing says by what" in said
    assert "quarterdeck show board --lane 'unassigned'" in said
    assert "verify lacks an open pull request that closes it" in said


def test_without_an_issue_the_board_says_so_and_not_that_all_is_well() -> None:
    """An empty board of a forge that answers is empty; without a forge it says what to write."""
    assert view(work.snapshot(NOW, work.forge(NOW))).headline == "No issue is known."
    assert view(Snapshot(1, NOW, work.INSTANCES, {})).headline == "No forge is named yet."


def test_what_a_page_has_to_say_of_thousands_is_made_once_for_as_long_as_the_judgement_stands() -> None:
    """Two pages of one moment, and the page of the next, ask nothing anew of a card of which nothing else is known."""
    made = list[str]()

    def note(facts: Facts, judgement: Judgement) -> str:
        made.append(facts.subject)
        return judgement.rule

    world = work.world(NOW)
    first, other = card("main", work.TOOLS, 101), card("main", work.TOOLS, 103)
    before = Judged(work.snapshot(NOW, world), NOW, spare=timedelta(hours=1))
    assert before.noted(first, note) == before.noted(first, note) == "unassigned"
    before.noted(other, note)
    world[other] = work.a_card(NOW, 103, "Closed meanwhile", open=False, closed_at=NOW)
    told = Grouped({**Grouped.of(before.snapshot.readings).subjects, other: work.readings(world, NOW).subjects[other]})
    after = Judged.after(before, replace(before.snapshot, version=4, readings=told), NOW + timedelta(seconds=1))
    assert (after.noted(first, note), after.noted(other, note)) == ("unassigned", "done")
    assert made == [first, other, other]
