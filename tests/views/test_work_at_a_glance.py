"""What the brief and the agents page tell of work that is agreed on a forge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from quarterdeck.truth import forge_fields as G  # noqa: N812
from quarterdeck.truth.fields import Field
from quarterdeck.truth.grouped import Grouped
from quarterdeck.truth.instance import ALL, subject
from quarterdeck.truth.reading import AnyReading
from quarterdeck.truth.snapshot import Snapshot
from quarterdeck.views import VIEWS
from quarterdeck.views.asked import Asked
from quarterdeck.views.brief import FIGURES, figures_of
from quarterdeck.views.contract import as_json
from quarterdeck.views.judged import Judged
from quarterdeck.views.model import Row
from tests.fakes import work
from tests.fakes.work import Lost
from tests.truth.cast import NOW
from tests.truth.cast import readings as of_agent

LONG = NOW - timedelta(hours=30)
REVIEWS: dict[Field[Any], object] = {
    G.REVIEWS_OPEN: 17, G.REVIEWS_YOURS: ("acme/tools#2", "acme/site#15"), G.REVIEWS_LONG: (),
    G.REVIEWS_OLDEST_AT: LONG, G.REVIEWS_BY_CLASS: {"ready": 17}, G.REVIEWS_UNKNOWN: 0, G.REVIEWS_WHOLE: True,
}  # fmt: skip
BOARD: dict[Field[Any], object] = {
    G.BOARD_LANES: {"unassigned": 10, "blocked": 3, "done": 4}, G.BOARD_AMBIGUOUS: 0, G.BOARD_SILENT: (),
    G.BOARD_STUCK: (), G.BOARD_STILL: (), G.BOARD_UNKNOWN: 0, G.BOARD_WHOLE: True,
}  # fmt: skip
AT_WORK: dict[Field[Any], object] = {
    G.TASK: "acme/tools#103", G.TASK_LINK: "https://git.example.com/acme/tools/issues/103", G.TASK_BY: "claim",
    G.TASK_SINCE: NOW - timedelta(minutes=20), G.TASKS_CLAIMED: ("acme/tools#103",), G.TASKS_ASSIGNED: 2,
    G.TASKS_CLOSED: (), G.TASKS_OTHERS: (), G.TASKS_SHARED: (), G.PULLS_RETURNED: (), G.WORK_WHOLE: True,
}  # fmt: skip
FREE = {**AT_WORK, **dict.fromkeys((G.TASK, G.TASK_LINK, G.TASK_BY, G.TASK_SINCE))}


def deck(
    reviews: Mapping[Field[Any], object] = REVIEWS,
    board: Mapping[Field[Any], object] = BOARD,
    north: Mapping[Field[Any], object] = AT_WORK,
    *,
    forge: Mapping[Field[Any], object] | None = None,
) -> Judged:
    """Two agents and a forge, with what follows from all of its work."""
    told: dict[str, dict[Field[Any], Any]] = {
        work.FORGE: {**work.forge(NOW)[work.FORGE], **(forge or {})},
        f"{work.FORGE}/reviews": dict(reviews),
        f"{work.FORGE}/board": dict(board),
        subject("north", "work"): dict(north),
        subject("south", "work"): dict(FREE),
    }
    seen: dict[Any, AnyReading] = of_agent() | of_agent(instance="south")
    seen |= dict(work.readings(told, NOW - timedelta(seconds=20)).items())
    return Judged(Snapshot(7, NOW, work.INSTANCES, Grouped.of(seen)), NOW)


def page(name: str, judged: Judged, instance: str = ALL) -> Any:
    return as_json(VIEWS[name].make(judged, Asked(instance), None))


def figure(judged: Judged, key: str) -> Any:
    return next(each for each in page("brief", judged)["figures"] if each["figure"] == key)


def told_of(row: Row) -> list[str]:
    """What the first three columns of a row say."""
    return [shown.text for cell in row.cells[:3] if (shown := cell.shown(NOW)) is not None]


def test_the_brief_says_how_many_reviews_wait_for_you() -> None:
    """Two pull requests wait for the operator's judgement, the first of them since thirty hours."""
    told = figure(deck(), "reviews_for_you")
    assert (told["text"], told["value"], told["at_least"]) == ("2", 2, False)
    assert "first waits 30 h" in told["note"]


def test_the_brief_says_how_many_tasks_are_blocked() -> None:
    """Three of the thirteen cards that are not done are blocked."""
    assert figure(deck(), "tasks_blocked")["text"] == "3 of 13"


def test_what_may_hide_more_makes_the_figures_lower_bounds() -> None:
    """One pull request that cannot be judged, or one list that was cut, and nobody knows whether there are more."""
    for reviews in ({**REVIEWS, G.REVIEWS_UNKNOWN: 1}, {**REVIEWS, G.REVIEWS_WHOLE: False}):
        assert figure(deck(reviews), "reviews_for_you")["text"] == "≥2"
    for board in ({**BOARD, G.BOARD_UNKNOWN: 1}, {**BOARD, G.BOARD_WHOLE: False}):
        assert figure(deck(board=board), "tasks_blocked")["text"].startswith("≥3")


def test_what_the_forge_does_not_tell_is_no_nought() -> None:
    """While nothing can be said of the reviews the figure is unknown, and never zero."""
    told = figure(deck(dict.fromkeys(REVIEWS, Lost())), "reviews_for_you")
    assert (told["text"], told["value"]) == ("unknown", None)


def test_without_a_forge_the_figures_are_what_they_were() -> None:
    """Who has no forge sees jobs and tokens, and no figure that could never be known."""
    alone = Judged(Snapshot(7, NOW, work.INSTANCES, of_agent()), NOW)
    assert figures_of(alone) is FIGURES
    keys = {each["figure"] for each in page("brief", deck())["figures"]}
    assert {"jobs_in_trouble", "tokens_24h"} & keys == set()
    assert len(keys) == len(FIGURES)


def test_an_agent_says_which_task_it_is_at_since_when_and_by_which_sign() -> None:
    """The row of an agent names its task, leads to it, and says by which sign it is known; another has none."""
    judged = deck()
    north, south = VIEWS["agents"].make(judged, Asked(), None).rows
    assert told_of(north) == ["acme/tools#103", "20 min", "claim branch"]
    assert AT_WORK[G.TASK_LINK] in [link.href for link in north.links]
    assert told_of(south) == ["none"] * 3


def test_work_that_needs_somebody_stands_below_its_agent() -> None:
    """Who works on what is closed has a row that says so, right below its own, and counts as needing somebody."""
    closed = deck(north={**AT_WORK, G.TASKS_CLOSED: ("acme/tools#9",)})
    rows = page("agents", closed)["rows"]
    assert [row["subject"] for row in rows[:2]] == [subject("north", "gateway"), subject("north", "work")]
    assert rows[1]["status"] == "degraded"
    assert subject("north", "work") in {row["subject"] for row in page("brief", closed)["rows"]}


def test_without_a_forge_the_agents_page_has_no_columns_of_tasks() -> None:
    """Columns that nothing could ever fill are not there."""
    alone = Judged(Snapshot(7, NOW, work.INSTANCES, of_agent()), NOW)
    assert "task" not in page("agents", alone)["rows"][0]


def test_a_forge_that_is_silent_is_one_line_with_all_that_it_leaves_unknown() -> None:
    """Queue, board and every agent's task are not known because of the forge: they are folded under it."""
    lost = Lost()
    silent = deck(
        dict.fromkeys(REVIEWS, lost), dict.fromkeys(BOARD, lost), dict.fromkeys(AT_WORK, lost),
        forge={G.FORGE_ANSWERS: "no answer", G.FORGE_SAID: work.SAID},
    )  # fmt: skip
    (line,) = (row for row in page("brief", silent)["rows"] if row["subject"] == work.FORGE)
    assert {*line["folded"]} == {f"{work.FORGE}/reviews", f"{work.FORGE}/board", subject("north", "work")}
    assert line["status"] == "down"


def test_a_forge_that_answers_explains_nothing() -> None:
    """A queue that cannot be judged while the forge answers is a line of its own: the forge is not to blame."""
    odd = deck(dict.fromkeys(REVIEWS, Lost()))
    assert f"{work.FORGE}/reviews" in {row["subject"] for row in page("brief", odd)["rows"]}


def test_changes_compare_the_same_figures() -> None:
    """A forge that was named since yesterday is compared with what was known then: nothing."""
    judged = deck()
    before = replace(judged.snapshot, readings=Grouped.of(of_agent()), generated_at=NOW - timedelta(hours=8))
    then = Judged(before, before.generated_at, past=True)
    assert [make(then, ALL).text for make in figures_of(judged)][2:4] == ["unknown", "unknown"]


def test_an_agent_without_an_account_says_nothing_of_tasks() -> None:
    """Of which no account is named, nothing can be known on a forge: the cells are empty, and not unknown."""
    made = deck()
    told = {name: fields for name, fields in made.fields.items() if name != subject("south", "work")}
    alone = Judged(replace(made.snapshot, readings=Grouped(told)), NOW)
    north, south = VIEWS["agents"].make(alone, Asked(), None).rows[:2]
    assert told_of(north)[0] == "acme/tools#103"
    assert [cell.reading for cell in south.cells[:3]] == [None, None, None]
