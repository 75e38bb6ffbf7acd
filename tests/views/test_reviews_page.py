"""The page of reviews: what needs the operator first, everything that is missing, and what is known of old."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from quarterdeck.cli.render import as_text
from quarterdeck.truth import forge_fields as G  # noqa: N812
from quarterdeck.truth.fields import Field
from quarterdeck.truth.forge import CLASSES, Files, pull, repo
from quarterdeck.truth.judgement import Status
from quarterdeck.truth.snapshot import Snapshot
from quarterdeck.views import VIEWS
from quarterdeck.views.asked import Asked
from quarterdeck.views.contract import as_json
from quarterdeck.views.judged import Judged
from quarterdeck.views.model import View
from quarterdeck.views.reviews import GROUPS, ROWS
from quarterdeck.views.within import within
from quarterdeck.views.work_pages import PullTold, Queue
from tests.fakes import work
from tests.truth.cast import NOW

LATER = NOW + timedelta(minutes=11)


def view(snapshot: Snapshot | None = None, now: Any = NOW, /, **words: str) -> View:
    """The page over the forge of the tests."""
    asked = Asked(words=tuple(sorted((name.rstrip("_"), value) for name, value in words.items())))
    return VIEWS["reviews"].make(Judged(work.snapshot(NOW) if snapshot is None else snapshot, now), asked, None)


def board(snapshot: Snapshot) -> View:
    """The board over a snapshot."""
    return VIEWS["board"].make(Judged(snapshot, NOW), Asked(), None)


def queue(made: View) -> Queue:
    """What it carries."""
    assert made.queue is not None
    return made.queue


def refs(made: View) -> dict[str, list[str]]:
    """The pull requests of each part, in their order."""
    return {
        group.id: [queue(made).told[name].ref.partition("/")[2] for name in group.subjects]
        for group in queue(made).groups
    }


def told(number: int, made: View | None = None, of: str = work.TOOLS) -> PullTold:
    """What is told of one."""
    return queue(made or view()).told[pull("main", of, number)]


def down() -> Snapshot:
    """What is known when the forge has not answered for a while."""
    return work.unanswered(work.snapshot(NOW), LATER)


def test_what_needs_the_operator_comes_first_and_the_longest_waiting_before_the_others() -> None:
    """Judgement, then what cannot be classed, then routine, authors, others, and drafts last."""
    assert refs(view()) == {
        "judgement": ["tools#2", "site#15", "tools#6", "tools#10"],
        "unknown": ["site#16"],
        "routine": ["tools#17", "tools#1", "tools#3"],
        "author": ["site#13", "tools#9", "tools#7", "tools#4"],
        "nobody": ["site#12", "site#14", "tools#5", "tools#8"],
        "draft": ["site#11"],
    }
    assert view().headline == "At least 4 pull requests need your judgement, the longest for 30 h; 1 cannot be classed."


def test_there_is_one_of_every_class_and_each_stands_once() -> None:
    """The forge of the tests leaves no class out, and no pull request stands in two parts."""
    told_of = queue(view()).told
    assert {each.klass for each in told_of.values()} == set(CLASSES)
    assert sorted(name for group in queue(view()).groups for name in group.subjects) == sorted(told_of)


def test_each_tells_who_is_waited_for_and_since_when() -> None:
    """Whoever was asked is named, in the order they were asked, with the moment of the first."""
    waits = told(2).waits
    assert (waits.on, waits.who, waits.since) == ("reviewer", ("alice", "team keepers"), NOW - timedelta(hours=30))
    assert told(2).author == ("north-bot", "north")
    assert told(14, of=work.SITE).author is None


def test_every_unmet_condition_is_told_with_its_readings_and_none_is_left_out() -> None:
    """Not met comes before not known; each has readings; what is met is told as well."""
    blocked = told(12, of=work.SITE)
    assert [(each.id, each.met) for each in blocked.open_conditions] == [
        ("depends on nothing open", False),
        ("not blocked", False),
    ]
    lost = told(16, of=work.SITE).open_conditions
    assert [each.met for each in lost] == [None]
    for each in queue(view()).told.values():
        assert all(condition.readings for condition in each.conditions)
        assert len(each.open_conditions) + len(each.met) == len(each.conditions)


def test_sensitive_paths_are_named_with_the_reason_and_unknown_paths_count_as_sensitive() -> None:
    """A path says which rule made it sensitive; where not all could be listed, it says that instead of nothing."""
    assert [(each.why, each.by) for each in told(2).sensitive] == [("setting", "deploy/**"), ("owned", "src/auth/.*")]
    assert (told(2).sensitive_known, told(15, of=work.SITE).sensitive_known) == (True, False)
    facts = work.a_pull(NOW, 3, "Nobody knows what it changes", files=work.Lost())
    made = view(work.snapshot(NOW, work.world(NOW) | {pull("main", work.TOOLS, 3): facts}))
    assert not told(3, made).sensitive_known
    assert "tools#3" in refs(made)["judgement"], "what may be sensitive is never routine"


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ({"repo": work.SITE}, 6),
        ({"author": "bob"}, 2),
        ({"class_": "checks stuck"}, 1),
        ({"need": "routine"}, 3),
        ({"need": "draft"}, 1),
        ({"q": "tools#1"}, 3),
        ({"q": "LEDGER again"}, 1),
        ({"repo": work.SITE, "author": "bob"}, 1),
        ({"q": "nothing like this"}, 0),
    ],
)
def test_the_filter_stands_in_the_address_and_leaves_out_rows_only(words: dict[str, str], found: int) -> None:
    """Each word leaves out what does not match; what is said of the others, and of all together, stays."""
    made, whole = view(**words), view()
    assert len(queue(made).told) == found
    assert made.headline == whole.headline
    assert (f"{found:,} of 17 open pull requests" in made.lede) is (found < 17)
    assert all(each == queue(whole).told[name] for name, each in queue(made).told.items())
    assert queue(made).choices == queue(whole).choices


def test_thousands_come_page_by_page() -> None:
    """A page shows some rows, says of how many, and names the next and the one before; nothing is lost between them."""
    many = {pull("main", work.TOOLS, 1_000 + n): work.a_pull(NOW, 1_000 + n, f"Change {n}") for n in range(2 * ROWS)}
    snapshot = work.snapshot(NOW, work.world(NOW) | many)
    seen, after = list[str](), ""
    while True:
        page = queue(view(snapshot, after=after) if after else view(snapshot))
        seen += [name for group in page.groups for name in group.subjects]
        if page.stretch.next is None:
            break
        after = page.stretch.next
    assert len(seen) == len(set(seen)) == 17 + 2 * ROWS == page.stretch.total
    assert page.stretch.previous == str(ROWS)
    assert queue(view(snapshot, after=str(ROWS))).stretch.previous == ""


def test_a_word_that_is_no_number_of_rows_is_refused_and_not_guessed() -> None:
    """It is said what is wrong; no row is shown as if that had been asked for."""
    page = queue(view(after="yesterday"))
    assert (page.told, page.groups) == ({}, ())
    assert "`after` is no number" in page.refusal


def test_a_forge_that_does_not_answer_leaves_its_rows_as_old_and_says_so_in_one_line() -> None:
    """None is gone; each tells what it was and when; none is well; one line above says which forge, and since when."""
    made = view(down(), LATER)
    assert len(queue(made).told) == 17
    assert refs(made).keys() == {"unknown"}
    one = told(2, made)
    assert (one.klass, one.was, one.known_at) == ("unknown", "waiting on review", NOW - timedelta(seconds=20))
    assert one.open_conditions, "what was not met then is told"
    assert all(row.judgement.status is not Status.OK for row in made.rows)
    (gap,) = made.gaps
    assert gap.place == "Forge main"
    assert "502" in gap.why
    assert "It last answered 11 min ago" in gap.why
    assert gap.readings
    assert made.headline == "No pull request can be classed now."


def test_a_repository_that_cannot_be_read_and_a_list_that_was_cut_are_said_first() -> None:
    """A queue of which a part is missing says so before anything else, and is never shown as whole."""
    world = work.world(NOW)
    world[repo("main", work.SITE)] = {**world[repo("main", work.SITE)], G.REPO_STATE: "denied"}
    world["forge:main/reviews"] = {G.REVIEWS_WHOLE: False}
    made = view(work.snapshot(NOW, world))
    assert [gap.place for gap in made.gaps] == ["One repository", "Reviews on main"]
    assert work.SITE in made.gaps[0].why
    assert repo("main", work.SITE) in [row.subject for row in made.rows]


SITE, MAIN = repo("main", work.SITE), work.FORGE
UNREAD: dict[str, tuple[str, work.Facts]] = {
    "denied": (SITE, {G.REPO_STATE: "denied", G.PULLS_WHOLE: work.Lost(), G.ISSUES_WHOLE: work.Lost()}),
    "a list cut": (SITE, {G.PULLS_WHOLE: False, G.ISSUES_WHOLE: False}),
    "a list not read": (SITE, {G.PULLS_WHOLE: work.Lost(), G.ISSUES_WHOLE: work.Lost()}),
    "the forge cut": (MAIN, {G.FORGE_WHOLE: False}),
    "not known of the forge": (MAIN, {G.FORGE_WHOLE: work.Lost()}),
}


@pytest.mark.parametrize(("name", "spoiled"), UNREAD.values(), ids=UNREAD.keys())
def test_where_not_all_could_be_read_nobody_is_said_not_to_be_needed(name: str, spoiled: work.Facts) -> None:
    """That nothing needs judgement, or anybody, is said only of all there is; what is found is a lower bound."""
    few = {one: facts for one, facts in work.world(NOW).items() if "/card/" not in one or one.endswith("/tools/101")}
    few = {one: facts for one, facts in few.items() if "/pull/" not in one or one.endswith("/tools/17")}
    assert view(work.snapshot(NOW, few)).headline == "No pull request needs your judgement."
    assert board(work.snapshot(NOW, few)).headline == "No card needs anybody."
    part = work.snapshot(NOW, {**few, name: {**few[name], **spoiled}})
    assert view(part).headline == "No pull request is known to need your judgement; not all could be read."
    assert board(part).headline == "No card is known to need anybody; not all could be read."
    assert "There may be others." in view(part).lede
    assert "There may be others." in board(part).lede
    world = work.world(NOW)
    all_ = work.snapshot(NOW, {**world, name: {**world[name], **spoiled}})
    assert view(all_).headline.startswith("At least 4 pull requests need your judgement")
    assert board(all_).headline == "At least 7 cards need somebody; not all could be read."


def test_lists_that_were_cut_of_issues_leave_the_queue_whole() -> None:
    """Where it is known that all lists of pull requests were whole, others that were not put nothing in doubt."""
    world = work.world(NOW)
    part = {
        **{one: facts for one, facts in world.items() if "/pull/" not in one},
        MAIN: {**world[MAIN], G.FORGE_WHOLE: False},
        SITE: {**world[SITE], G.ISSUES_WHOLE: False},
        "forge:main/reviews": {G.REVIEWS_WHOLE: True},
    }
    assert view(work.snapshot(NOW, part)).headline == "No pull request is open."


def test_no_forge_is_told_from_an_empty_queue() -> None:
    """Without a forge the page says what to write; with one and no pull request, that none is open."""
    none = Snapshot(1, NOW, work.INSTANCES, {})
    assert queue(view(none)).hidden == "none"
    assert view(none).headline == "No forge is named yet."
    empty = work.snapshot(NOW, work.forge(NOW))
    assert queue(view(empty)).hidden == ""
    assert view(empty).headline == "No pull request is open."
    silent = work.unanswered(empty, LATER)
    assert view(silent, LATER).headline == "No open pull request is known."


def test_who_may_see_some_agents_only_is_told_that_a_forge_is_not_shown_to_them() -> None:
    """Nothing of the forge comes through, and the page does not say that there is nothing."""
    for name in ("reviews", "board"):
        made = VIEWS[name].make(Judged(within(work.snapshot(NOW), frozenset({"south"})), NOW), Asked(), None)
        page = made.queue or made.board
        assert page is not None
        assert (page.hidden, made.headline) == ("partial", "What stands on a forge is not shown to you.")
        assert (dict(page.told), page.choices[0].values, list(made.rows), made.gaps) == ({}, (), [], ())
        assert "acme" not in str(as_json(made))


def test_a_pull_request_leads_to_the_forge_and_to_the_page_of_the_agent_that_opened_it() -> None:
    """Each row has the address on the forge, also when it was read some time ago, and the agent's own page."""
    for made in (view(), view(down(), LATER)):
        row = next(each for each in made.rows if each.subject == pull("main", work.TOOLS, 2))
        links = {link.label: link.href for link in row.links}
        assert links["Open it"] == f"{work.BASE}/{work.TOOLS}/pulls/2"
        assert links["Agent"] == "/agents?instance=north#hermes:north/gateway"
        assert row.name == "acme/tools#2 Rotate the certificates of production"


def test_the_data_says_what_the_page_says() -> None:
    """Parts, classes, conditions and who is waited for are in the JSON; each condition names readings of its row."""
    data = as_json(view())
    assert [group["need"] for group in data["queue"]["groups"]] == list(GROUPS)
    rows = {row["subject"]: row for row in data["rows"]}
    for name, each in data["queue"]["pulls"].items():
        held = {(reading["subject"], reading["field"]) for reading in rows[name]["readings"]}
        named = {(r["subject"], r["field"]) for condition in each["conditions"] for r in condition["readings"]}
        assert named <= held
    two = data["queue"]["pulls"][pull("main", work.TOOLS, 2)]
    assert two["waits_for"]["text"] == "waits for alice, team keepers"
    assert two["sensitive"]["all_paths_known"] is True


def test_the_terminal_says_what_the_page_says() -> None:
    """Each part with its number, each pull request with what is not met, its readings, and its sensitive paths."""
    said = as_text(view(), width=None, colour=False)
    assert "Needs your judgement: 4" in said
    assert "acme/tools#2 Rotate the certificates of production  [north]" in said
    assert "not met: 0 of 1 approval" in said
    assert "sensitive: src/auth/token.py, by CODEOWNERS: src/auth/.*" in said
    assert "not known: what its checks say" in said
    old = as_text(view(down(), LATER), width=None, colour=False)
    assert "was waiting on review, as last known 11 min ago" in old
    assert "[[forges]]" in as_text(view(Snapshot(1, NOW, work.INSTANCES, {})), width=None, colour=False)


def test_what_was_made_of_one_is_made_anew_when_something_else_is_known_of_it() -> None:
    """A page a moment later is not answered from what was true before."""
    world, name = work.world(NOW), pull("main", work.TOOLS, 3)
    before = Judged(work.snapshot(NOW, world), NOW)
    assert "tools#3" in refs(VIEWS["reviews"].make(before, Asked(), None))["routine"]
    world[name] = {**world[name], G.PULL_FILES: Files(1, False, ())}
    after = Judged.after(before, replace(work.snapshot(NOW, world), version=4), NOW + timedelta(seconds=1))
    assert "tools#3" in refs(VIEWS["reviews"].make(after, Asked(), None))["judgement"]


def test_at_a_moment_that_is_over_nothing_of_a_forge_is_pretended() -> None:
    """Where the history kept no pull requests, the page of then says so, and not that none was open."""
    asked = Asked(past=True)
    made = VIEWS["reviews"].make(Judged(Snapshot(1, NOW, work.INSTANCES, {}), NOW, past=True), asked, None)
    assert made.headline == "No forge was watched at this moment."
    kept = work.snapshot(NOW, work.forge(NOW) | {"forge:main/reviews": {G.REVIEWS_OPEN: 17}})
    for name in ("reviews", "board"):
        made = VIEWS[name].make(Judged(kept, NOW, past=True), asked, None)
        assert made.headline == "What stood on the forge at this moment is not kept here."
        assert work.FORGE in [row.subject for row in made.rows]


def test_at_a_moment_that_is_over_the_page_is_that_of_then() -> None:
    """Where the history kept them, the same view is made of the pull requests and cards of then."""
    world = work.snapshot(NOW, work.world(NOW))
    for name in ("reviews", "board"):
        then = VIEWS[name].make(Judged(world, NOW, past=True), Asked(past=True), None)
        now = VIEWS[name].make(Judged(world, NOW), Asked(), None)
        assert then.headline == now.headline
        assert {row.subject for row in now.rows} <= {row.subject for row in then.rows}


def test_where_it_is_known_that_nothing_was_open_then_that_is_said() -> None:
    """A forge without work is no forge whose work was not kept."""
    none: dict[str, dict[Field[Any], Any]] = {
        "forge:main/reviews": {G.REVIEWS_OPEN: 0},
        "forge:main/board": {G.BOARD_LANES: {}},
    }
    kept = work.snapshot(NOW, work.forge(NOW) | none)
    for name in ("reviews", "board"):
        made = VIEWS[name].make(Judged(kept, NOW, past=True), Asked(past=True), None)
        assert "not kept" not in made.headline


def test_the_choice_of_an_instance_leaves_nothing_of_a_forge_out_and_the_page_says_so() -> None:
    """A pull request is of no single instance: with one chosen both pages show what they show of all, and say that."""
    for name in ("reviews", "board"):
        judged = Judged(work.snapshot(NOW), NOW)
        whole, one = (VIEWS[name].make(judged, Asked(instance), None) for instance in ("all", "south"))
        assert [row.subject for row in one.rows] == [row.subject for row in whole.rows]
        assert "of all agents" in one.lede
        assert "of all agents" not in whole.lede
