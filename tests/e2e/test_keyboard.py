"""Everything can be reached and done without a pointing device, and one always sees where one is."""

from __future__ import annotations

import re
from typing import Final

import pytest
from playwright.sync_api import Page, expect

from quarterdeck.views import VIEWS
from tests.e2e.conftest import Open
from tests.e2e.serving import Served

WHERE: Final = """() => {
    const at = document.activeElement, seen = at.type === "radio" ? at.closest("label") : at;
    const box = seen.getBoundingClientRect();
    return {
        what: at.type === "radio" ? "instance" : (at.id || at.innerText.split("\\n")[0]).trim(),
        outlined: getComputedStyle(seen).outlineStyle !== "none",
        visible: box.width > 0 && box.height > 0 && box.bottom > 0 && box.top < innerHeight,
    };
}"""
HEADER: Final = [
    *("Skip to content", "Quarterdeck", "instance", "pause"),
    *(spec.title for spec in VIEWS.values() if spec.key),
]
"""What comes before the content, in the order in which it stands there."""
SINCE: Final = 4
"""Ways to ask what has changed, above the rows."""
STATUSES: Final = ("down", "degraded", "stale", "unknown", "ok")


def _stops(page: Page, count: int) -> list[str]:
    """Go on by a number of stops; each one must be seen and marked."""
    stops = []
    for _ in range(count):
        page.keyboard.press("Tab")
        at = page.evaluate(WHERE)
        assert at["outlined"], f"{at['what']} has the focus and does not show it"
        assert at["visible"], f"{at['what']} has the focus out of sight"
        stops.append(at["what"])
    return stops


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_order_of_stops_is_the_order_of_the_page(deck: Served, window: Open, theme: str) -> None:
    """Tab goes through the header from left to right, then down the rows, and never out of sight."""
    page = window(theme=theme)
    page.goto(deck.base + "/brief")
    stops = _stops(page, len(HEADER) + SINCE + 3)
    assert [re.sub(r" \d+.*", "", stop) for stop in stops[: len(HEADER)]] == HEADER
    rows = page.locator(".rows .st .word").all_inner_texts()
    assert [stop for stop in stops[len(HEADER) :] if stop in STATUSES] == rows[:3]


def test_one_can_skip_to_the_content(deck: Served, window: Open) -> None:
    """The first stop leads past the header; the stops after it are those of the content."""
    page = window()
    page.goto(deck.base + "/brief")
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to content")).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    assert _stops(page, SINCE + 1)[-1] == "down"


def test_a_row_opens_and_closes_by_keyboard(deck: Served, window: Open) -> None:
    """Enter opens the why-chain of a row and closes it again."""
    page = window()
    page.goto(deck.base + "/brief")
    row = page.locator("[id='hermes:south/gateway']")
    row.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(row.get_by_text("lock holder: none")).to_be_visible()
    page.keyboard.press("Enter")
    expect(row.get_by_text("lock holder: none")).to_be_hidden()


def test_the_arrow_keys_choose_an_instance_and_the_choice_is_kept(deck: Served, window: Open) -> None:
    """Each arrow shows the next instance and leaves the focus on the choice; other pages keep it, and so does Back."""
    page = window()
    page.goto(deck.base + "/brief")
    page.get_by_role("radio", name="All").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("radio", name="north")).to_be_focused()
    expect(page).to_have_url(f"{deck.base}/brief?instance=north")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("radio", name="south")).to_be_focused()
    expect(page).to_have_url(f"{deck.base}/brief?instance=south")
    page.locator("header nav").get_by_role("link", name="Cron").focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{deck.base}/cron?instance=south")
    expect(page.get_by_role("radio", name="south")).to_be_checked()
    assert {subject.split("/")[0] for subject in _rows(page)} == {"hermes:south", "systemd:user"}
    page.locator("header nav").get_by_role("link", name="Brief").focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{deck.base}/brief?instance=south")
    expect(page.get_by_role("radio", name="south")).to_be_checked()
    page.go_back()
    expect(page).to_have_url(f"{deck.base}/cron?instance=south")


def test_the_next_visit_begins_with_the_instance_chosen_in_the_last(deck: Served, window: Open) -> None:
    """Opening the pages anew shows what was chosen before; an address that names an instance has the word."""
    page = window()
    page.goto(deck.base + "/brief")
    page.get_by_role("radio", name="south").check(force=True)
    expect(page).to_have_url(f"{deck.base}/brief?instance=south")
    page.goto(deck.base + "/")
    expect(page).to_have_url(f"{deck.base}/brief?instance=south")
    page.goto(deck.base + "/cron?instance=all")
    expect(page.get_by_role("radio", name="All")).to_be_checked()


def _rows(page: Page) -> list[str]:
    expect(page.locator("tbody tr[id]").first).to_be_visible()
    found: list[str] = page.locator("tbody tr[id]").evaluate_all("(rows) => rows.map((row) => row.id)")
    return found


def test_details_open_and_close_without_losing_the_place(deck: Served, window: Open) -> None:
    """Enter on a name opens its details in a page with an address of its own; Close leads back to the row."""
    page = window()
    page.goto(deck.base + "/cron?instance=north")
    page.get_by_role("link", name="nightly summary").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#why")).to_contain_text("its message was not delivered")
    expect(page.locator("tr.chosen")).to_have_attribute("id", "hermes:north/cron/934a7b9942d5")
    page.get_by_role("link", name="Close").focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{deck.base}/cron?instance=north#hermes:north/cron/934a7b9942d5")
    expect(page.locator("#why")).to_have_count(0)
