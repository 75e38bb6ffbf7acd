"""Single keys lead everywhere, and can be switched off."""

from __future__ import annotations

from playwright.sync_api import expect

from quarterdeck.views import VIEWS
from tests.e2e.conftest import Open
from tests.e2e.serving import Served

FOCUSED = "document.activeElement.closest('li, tr')?.id"


def test_g_and_a_letter_lead_to_every_page_that_has_one(deck: Served, window: Open) -> None:
    """Whoever presses g and the letter of a page is on that page, with the filter as it was."""
    page = window()
    page.goto(deck.base + "/brief?instance=north")
    for name, spec in VIEWS.items():
        if spec.key:
            page.keyboard.press("g")
            page.keyboard.press(spec.key)
            expect(page).to_have_url(f"{deck.base}/{name}?instance=north")


def test_rows_are_gone_through_opened_and_closed(deck: Served, window: Open) -> None:
    """J and k go from row to row and stay at the ends, o opens one and closes it, and Escape closes what is open."""
    page = window()
    page.goto(deck.base + "/brief")
    ids = page.locator(".rows > li[id]").evaluate_all("(rows) => rows.map((row) => row.id)")
    page.keyboard.press("k")
    assert page.evaluate(FOCUSED) == ids[-1]
    page.keyboard.press("j")
    assert page.evaluate(FOCUSED) == ids[-1]
    for _ in ids:
        page.keyboard.press("k")
    assert page.evaluate(FOCUSED) == ids[0]
    page.keyboard.press("j")
    assert page.evaluate(FOCUSED) == ids[1]
    opened = page.locator(f"[id='{ids[1]}'] details")
    for key, state in (("o", True), ("o", False), ("Enter", True), ("Escape", False)):
        page.keyboard.press(key)
        assert opened.evaluate("(details) => details.open") is state
    assert page.evaluate(FOCUSED) == ids[1]


def test_in_a_table_o_opens_the_details_and_escape_closes_them(deck: Served, window: Open) -> None:
    """The details of a row in a table have an address; keys lead there and back."""
    page = window()
    page.goto(deck.base + "/agents?instance=south")
    page.keyboard.press("j")
    page.keyboard.press("o")
    expect(page.locator("#why")).to_contain_text("lock holder")
    page.keyboard.press("Escape")
    expect(page.locator("#why")).to_have_count(0)


def test_help_names_every_key_and_can_switch_them_off(deck: Served, window: Open) -> None:
    """The question mark shows all keys; switched off there, no key does anything, on the next visit too."""
    page = window()
    page.goto(deck.base + "/brief")
    page.keyboard.press("?")
    keys = page.get_by_role("dialog", name="Keys")
    expect(keys).to_be_visible()
    letters = {f"g {spec.key}" for spec in VIEWS.values() if spec.key}
    assert {*letters, "/", "j", "k", "o", "Esc", "?"} == set(keys.locator("kbd").all_inner_texts())
    keys.get_by_role("checkbox").uncheck()
    page.keyboard.press("Escape")
    expect(keys).to_be_hidden()
    for visit in range(2):
        page.keyboard.press("j")
        page.keyboard.press("?")
        expect(keys).to_be_hidden()
        assert page.evaluate(FOCUSED) is None
        if visit == 0:
            page.reload()
    page.get_by_role("button", name="Keys").click()
    page.get_by_role("checkbox").check()
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    assert page.evaluate(FOCUSED) is not None


def test_who_writes_is_left_alone(deck: Served, window: Open) -> None:
    """In a field the keys are letters; with a modifier they belong to the browser."""
    page = window()
    page.goto(deck.base + "/brief")
    page.locator("#then summary").click()
    field = page.get_by_label("Moment")
    field.press_sequentially("gc?j/o")
    expect(field).to_have_value("gc?j/o")
    expect(page).to_have_url(f"{deck.base}/brief")
    page.keyboard.press("Escape")
    expect(field).not_to_be_focused()
    page.keyboard.press("Control+j")
    assert page.evaluate(FOCUSED) is None


def test_the_slash_leads_to_the_filter(deck: Served, window: Open) -> None:
    """It puts the focus where one chooses what is shown."""
    page = window()
    page.goto(deck.base + "/brief")
    page.keyboard.press("/")
    expect(page.get_by_role("radio", name="All")).to_be_focused()
