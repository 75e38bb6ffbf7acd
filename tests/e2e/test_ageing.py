"""What a page does when nothing new comes: it grows old by itself, and says so.

Time passes in the browser only, where a test can let it pass quickly; once it passes for real.
"""

from __future__ import annotations

import re
from datetime import datetime

import pytest
from playwright.sync_api import Page, expect

from quarterdeck.truth.snapshot import Snapshot
from tests.e2e.conftest import Open
from tests.e2e.fleet import fleet
from tests.e2e.serving import Served, serving, short_lived

PAST_ITS_LIFE_MS = 95_000
PAST_EVERY_LIFE_MS = 16 * 60_000  # what changes rarely lives for a quarter of an hour
ONE_ROW = "[id='hermes:north/gateway']"


def _brief_life(now: datetime) -> Snapshot:
    return short_lived(fleet(now), 12)


def test_a_row_turns_stale_by_itself_when_the_hub_is_gone(window: Open) -> None:
    """Seconds after the server has ended, word, shape and colour are those of stale; headline and marker say why."""
    with serving(_brief_life) as served:
        page = window()
        page.goto(served.base + "/agents")
        status = page.locator(f"{ONE_ROW} .st")
        expect(status).to_have_text("ok")
        green = status.evaluate("(st) => getComputedStyle(st).color")
        served.stop()
        expect(status).to_have_text("stale")
        expect(status.locator("use")).to_have_attribute("href", "#stale")
        assert status.evaluate("(st) => getComputedStyle(st).color") != green
        expect(page.locator("h1")).to_have_text("What you see is old: 3 statuses have expired.")
        expect(page.locator(".live .word")).to_have_text("hub not reached; what you see ages")
        expect(page.locator(f"{ONE_ROW} .reason")).to_contain_text("was ok: working")
        expect(page).to_have_title("Old · 2 need you · Agents · Quarterdeck")
        assert page.evaluate("document.documentElement.scrollWidth") <= 1280


def aged(page: Page, address: str, milliseconds: int = PAST_ITS_LIFE_MS) -> None:
    """Look at an address, lose the hub, and let time pass in the browser."""
    page.clock.install()
    page.goto(address)
    expect(page.locator(".live .word")).to_have_text("live")
    page.context.set_offline(True)
    page.clock.fast_forward(milliseconds)
    page.clock.run_for(1_000)


@pytest.mark.parametrize("path", ["/brief", "/agents", "/cron", "/ops", "/alerts", "/coverage"])
def test_nothing_stays_green_longer_than_its_readings_live(deck: Served, window: Open, path: str) -> None:
    """On no page is there a status that was judged, or a value that was read, a quarter of an hour ago."""
    page = window()
    aged(page, deck.base + path, PAST_EVERY_LIFE_MS)
    words = {text.strip() for text in page.locator(".st").all_text_contents()}
    assert words <= {"stale", "unknown", "retired"}
    lively = page.locator(".cell:is(.fresh, .late)").evaluate_all("(all) => all.map((cell) => cell.dataset.expires)")
    assert [each for each in lively if each is None or int(each) < 0] == []
    expect(page.locator("h1")).to_contain_text("What you see is old")
    expect(page.locator(".lost")).to_be_visible()


def test_a_value_turns_old_by_itself(deck: Served, window: Open) -> None:
    """A value past its life carries the word old and looks old, in tables and figures alike."""
    page = window()
    aged(page, deck.base + "/agents")
    model = page.locator("[id='hermes:north/gateway'] [data-label='Model'] .cell")
    expect(model).to_have_text("claude-opus-5 (old)")
    assert "underline" in model.evaluate("(cell) => getComputedStyle(cell).textDecorationLine")
    page = window()
    aged(page, deck.base + "/brief")
    expect(page.locator(".figs .cell").first).to_have_text("1 of 3 (old)")


def test_what_had_expired_before_does_not_make_a_figure_old(deck: Served, window: Open) -> None:
    """A lower bound without the part that has expired is as fresh as the parts it was made of."""
    page = window()
    page.goto(deck.base + "/brief")
    expect(page.locator(".live .word")).to_have_text("live")
    expect(page.locator(".figs a").filter(has_text="Fullest disk").locator(".v")).to_have_text("≥93 %")


def test_ages_and_moments_run_on(deck: Served, window: Open) -> None:
    """What is written as an age grows with the clock, also when nothing is fetched."""
    page = window()
    aged(page, deck.base + "/cron", 59_000)
    row = page.locator("[id='hermes:north/cron/1f02c3d4e5a6']")
    expect(row.locator("[data-label='Last run'] time")).to_have_text("19 min ago")
    expect(row.locator("[data-label='Next run'] time")).to_have_text(re.compile("in 1[01] min"))


@pytest.mark.parametrize("hours", [-5, 5])
def test_a_browser_whose_clock_is_wrong_ages_nothing_and_spares_nothing(deck: Served, window: Open, hours: int) -> None:
    """The page lives by the hub's clock, whatever the browser's says."""
    page = window()
    page.clock.install(time=datetime.fromisoformat("2031-01-01T12:00:00+00:00").timestamp() + hours * 3600)
    page.goto(deck.base + "/agents")
    status = page.locator(f"{ONE_ROW} .st")
    page.context.set_offline(True)
    page.clock.run_for(20_000)
    expect(status).to_have_text("ok")
    page.clock.run_for(PAST_ITS_LIFE_MS)
    expect(status).to_have_text("stale")


def test_unknown_stays_unknown(deck: Served, window: Open) -> None:
    """What could not be read does not become a matter of age: the worse of the two words stays."""
    page = window()
    aged(page, deck.base + "/ops")
    expect(page.locator("[id='hermes:harbour/sessions'] .st")).to_have_text("unknown")
