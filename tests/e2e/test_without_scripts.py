"""Every page is of use to a browser that runs no scripts."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import Open
from tests.e2e.fleet import fleet
from tests.e2e.serving import Served
from tests.e2e.test_live import GATEWAY, _back_again

REFRESH_MS = 60_000  # the page says 15 s; the machine may be busy


def test_the_filter_is_a_form_with_a_button(deck: Served, window: Open) -> None:
    """One chooses an instance and presses the button; the pages keep the choice in their links."""
    page = window(scripts=False)
    page.goto(deck.base + "/brief")
    page.get_by_role("radio", name="south").check()
    page.get_by_role("button", name="Show").click()
    expect(page).to_have_url(f"{deck.base}/brief?instance=south")
    expect(page.get_by_role("radio", name="south")).to_be_checked()
    page.locator("header nav").get_by_role("link", name="Agents").click()
    expect(page).to_have_url(f"{deck.base}/agents?instance=south")


@pytest.mark.parametrize("width", [360, 1280])
def test_the_why_chain_can_be_read(deck: Served, window: Open, width: int) -> None:
    """A red line opens on the spot in the brief, and at an address of its own in the tables."""
    page = window(scripts=False, width=width)
    page.goto(deck.base + "/brief")
    row = page.locator(f"[id='{GATEWAY}']")
    row.locator("summary").click()
    expect(row.get_by_text("lock holder: none")).to_be_visible()
    expect(row.get_by_text("Witnesses disagree: is the gateway alive?")).to_be_visible()
    row.get_by_role("link", name="Show in agents").click()
    page.get_by_role("link", name="Gateway of south").click()
    expect(page.locator("#why").get_by_text("lock holder: none")).to_be_visible()


def test_nothing_is_shown_that_needs_a_script(deck: Served, window: Open) -> None:
    """There is no button that does nothing, and no word that says the page is live."""
    page = window(scripts=False)
    page.goto(deck.base + "/brief")
    expect(page.get_by_role("button", name="Pause")).to_be_hidden()
    expect(page.locator(".live .word")).to_have_text("")


def test_the_page_comes_anew_by_itself(own_deck: Served, window: Open) -> None:
    """Without a touch, what is new is on the screen after a while."""
    page = window(scripts=False)
    page.goto(own_deck.base + "/agents")
    expect(page.locator(f"[id='{GATEWAY}'] .st")).to_have_text("down")
    own_deck.hub.publish(_back_again)
    expect(page.locator(f"[id='{GATEWAY}'] .st")).to_have_text("ok", timeout=REFRESH_MS)
    own_deck.hub.publish(fleet)
