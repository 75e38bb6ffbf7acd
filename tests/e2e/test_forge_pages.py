"""Reviews and board in a browser: both themes, on a desk and on a phone, by keyboard, and without scripts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

import pytest
from playwright.sync_api import Page, expect

from quarterdeck.truth import forge_fields as G  # noqa: N812
from quarterdeck.truth.forge import card, pull
from quarterdeck.truth.snapshot import Snapshot
from quarterdeck.views.within import within
from tests.e2e.conftest import Open
from tests.e2e.serving import Served, serving, short_lived
from tests.e2e.test_pages import CALM, WATCH_SHIFTS, Record, assert_no_barrier, open_everything
from tests.fakes import work

SENSITIVE: Final = pull("main", work.TOOLS, 2)
STILL: Final = card("main", work.TOOLS, 104)
SILENT_FOR: Final = timedelta(minutes=11)
PATHS: Final = (
    *("/reviews", "/reviews?need=judgement", "/reviews?q=nothing+like+this", "/reviews?after=soon"),
    *("/board", f"/board?open={STILL}", "/board?lane=unassigned", "/board?lane=done&label=bug"),
)


def known(now: datetime) -> Snapshot:
    """One of everything, and a lane with more cards than are shown beside the others."""
    return work.snapshot(now)


def silent(now: datetime) -> Snapshot:
    """The same when the forge has not answered for a while."""
    return work.unanswered(work.snapshot(now - SILENT_FOR), now)


def merged(now: datetime) -> Snapshot:
    """The same when the sensitive pull request has been merged."""
    return work.snapshot(now, {name: facts for name, facts in work.world(now).items() if name != SENSITIVE})


@pytest.fixture(scope="module")
def forge() -> Iterator[Served]:
    """A hub that watches a forge, for tests that only look."""
    with serving(known) as served:
        yield served


@pytest.fixture
def own_forge() -> Iterator[Served]:
    """The same for a test that changes what is known."""
    with serving(known) as served:
        yield served


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("path", PATHS)
def test_a_page_fits_and_is_calm_and_asks_nobody_else(forge: Served, window: Open, path: str, width: int) -> None:
    """Nothing sticks out sideways, also when all is opened; nothing moves by itself; each id stands once."""
    page = window(width=width)
    page.add_init_script(WATCH_SHIFTS)
    record = Record(page)
    page.goto(forge.base + path)
    expect(page.locator(".live .word")).to_have_text("live")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert sum(page.evaluate("window.shifts")) <= CALM
    assert record.complaints == []
    assert [url for url in record.asked if not url.startswith(forge.base + "/")] == []
    open_everything(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    ids = page.locator("[id]").evaluate_all("(all) => all.map((each) => each.id)")
    assert len(ids) == len(set(ids))
    assert [each for each in ids if " " in each] == []


@pytest.mark.parametrize("path", PATHS)
def test_no_page_shuts_anybody_out(forge: Served, window: Open, path: str) -> None:
    """No rule of WCAG 2.2 AA that a machine can check is broken, in either theme, on a phone and on a desk."""
    page = window(theme="light", width=360, guarded=False)
    page.goto(forge.base + path)
    page.locator("main details").evaluate_all("(all) => all.slice(0, 4).forEach((each) => { each.open = true; })")
    assert_no_barrier(page)
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 1280, "height": 800})
    assert_no_barrier(page)


@pytest.mark.parametrize("path", ["/reviews", "/board"])
def test_neither_does_a_page_of_a_silent_forge_or_of_a_forge_that_is_not_shown(window: Open, path: str) -> None:
    """What is old, what is hidden and what is not set up is told to everybody and on any screen."""

    def hidden(now: datetime) -> Snapshot:
        return within(work.snapshot(now), frozenset({"south"}))

    def nothing(now: datetime) -> Snapshot:
        return Snapshot(1, now, work.INSTANCES, {})

    page = window(width=360, guarded=False)
    for collect, says in ((silent, "as it was last known"), (hidden, "some of them only"), (nothing, "[[forges]]")):
        with serving(collect) as served:
            page.goto(served.base + path)
            expect(page.locator("main")).to_contain_text(says)
            assert page.evaluate("document.documentElement.scrollWidth") <= 360
            assert_no_barrier(page)


def _top(page: Page, what: str) -> float:
    box = page.locator(what).first.bounding_box()
    assert box is not None
    return box["y"]


def test_lanes_stand_side_by_side_on_a_desk_and_one_below_the_other_on_a_phone(forge: Served, window: Open) -> None:
    """On a desk all lanes begin at one height; on a phone each comes after the one before, with a way to jump there."""
    page = window(width=1280)
    page.goto(forge.base + "/board")
    tops = page.locator(".lane").evaluate_all("(all) => all.map((each) => each.getBoundingClientRect().top)")
    assert len(tops) == 5
    assert len(set(tops)) == 1
    page.set_viewport_size({"width": 360, "height": 800})
    tops = page.locator(".lane").evaluate_all("(all) => all.map((each) => each.getBoundingClientRect().top)")
    assert tops == sorted(set(tops))
    page.get_by_role("link", name="Blocked 3").click()
    expect(page.locator("[id='lane:blocked']")).to_be_in_viewport()


def test_what_needs_judgement_is_the_first_thing_on_the_page(forge: Served, window: Open) -> None:
    """The sensitive pull request that has waited longest stands on the first screen, and says why and for whom."""
    page = window()
    page.goto(forge.base + "/reviews")
    first = page.locator("main .rows > li").first
    expect(first).to_have_attribute("id", SENSITIVE)
    for said in (
        "acme/tools#2",
        "waiting on review",
        "sensitive",
        "waits for alice, team keepers",
        "waits 30 h",
        "north",
    ):
        expect(first.locator("summary")).to_contain_text(said)
    assert _top(page, f"[id='{SENSITIVE}']") < 400


@pytest.mark.parametrize("scripts", [True, False])
def test_a_pull_request_opens_with_all_that_stands_between_it_and_its_merge(
    forge: Served, window: Open, *, scripts: bool
) -> None:
    """What is not met with its reading, what is met, each sensitive path and why, checks, reviews, the way there."""
    page = window(scripts=scripts)
    page.goto(forge.base + "/reviews")
    row = page.locator(f"[id='{SENSITIVE}']")
    row.locator("summary").click()
    conditions = row.locator(".conditions")
    expect(conditions).to_contain_text("not met 0 of 1 approval", use_inner_text=True)
    expect(conditions).to_contain_text("forge main, pull/acme/tools/2")
    expect(row).to_contain_text("src/auth/token.py by CODEOWNERS: src/auth/.*", use_inner_text=True)
    expect(row).to_contain_text("ci/test success", use_inner_text=True)
    expect(row.get_by_role("link", name="Open it")).to_have_attribute("href", f"{work.BASE}/{work.TOOLS}/pulls/2")
    page.goto(f"{forge.base}/reviews?open={SENSITIVE}")
    expect(conditions).to_be_visible()
    row.get_by_role("link", name="acme/tools#102").click()
    expect(page).to_have_url(re.compile(r"/board\?instance=all&q=acme/tools%23102"))
    expect(page.locator(".card")).to_have_count(1)


@pytest.mark.parametrize("scripts", [True, False])
def test_the_filter_is_a_form_whose_words_stand_in_the_address(forge: Served, window: Open, *, scripts: bool) -> None:
    """One chooses, presses the button, and can send the address to somebody else; leaving it is one press as well."""
    page = window(scripts=scripts)
    page.goto(forge.base + "/board")
    page.locator("#ask select[name=milestone]").select_option("1.4")
    page.locator("#ask select[name=lane]").select_option("blocked")
    page.locator("#ask").get_by_role("button", name="Show").click()
    assert "milestone=1.4" in page.url
    assert "lane=blocked" in page.url
    expect(page.locator(".card")).to_have_count(1)
    expect(page.locator(".card")).to_contain_text("no reason")
    page.get_by_role("link", name="Clear").click()
    expect(page.locator(".lane")).to_have_count(5)


def test_a_lane_with_more_than_is_shown_leads_to_all_of_it(forge: Served, window: Open) -> None:
    """The lane says how many there are, and its link shows every one of them."""
    page = window(scripts=False)
    page.goto(forge.base + "/board")
    lane = page.locator("[id='lane:unassigned']")
    expect(lane.locator(".card")).to_have_count(8)
    lane.get_by_role("link", name="Show all 18").click()
    expect(page.locator(".card")).to_have_count(18)
    page.get_by_role("link", name="All lanes side by side").click()
    expect(page.locator(".lane")).to_have_count(5)


def test_a_card_opens_with_its_gates_and_what_it_rests_on(forge: Served, window: Open) -> None:
    """Above the board stands why the card needs somebody, gate by gate, with the readings and the way to the forge."""
    page = window(scripts=False)
    page.goto(forge.base + "/board")
    page.get_by_role("link", name="Write the ledger twice").click()
    opened = page.locator("#why")
    for said in (
        "track lacks a sign of life",
        "claim/104 by south-bot",
        "Why degraded",
        "forge main, card/acme/tools/104",
    ):
        expect(opened).to_contain_text(said, use_inner_text=True)
    expect(opened.get_by_role("link", name="Open it")).to_have_attribute("href", f"{work.BASE}/{work.TOOLS}/issues/104")
    opened.get_by_role("link", name="Close").click()
    expect(page.locator("#why")).to_have_count(0)


def test_both_pages_are_worked_by_keyboard(forge: Served, window: Open) -> None:
    """``g r`` and ``g d`` go there; ``j`` moves from row to row and from card to card; ``o`` opens; ``/`` searches."""
    page = window()
    page.goto(forge.base + "/brief")
    page.keyboard.press("g")
    page.keyboard.press("r")
    expect(page).to_have_url(re.compile("/reviews"))
    page.keyboard.press("j")
    page.keyboard.press("o")
    expect(page.locator(f"[id='{SENSITIVE}'] details")).to_have_attribute("open", "")
    page.keyboard.press("g")
    page.keyboard.press("d")
    expect(page).to_have_url(re.compile("/board"))
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(page.locator(".card .to:focus")).to_have_text("Given to somebody who has left")
    page.keyboard.press("o")
    expect(page.locator("#why h2")).to_contain_text("acme/tools#112")
    page.keyboard.press("Escape")
    expect(page.locator("#why")).to_have_count(0)
    page.keyboard.press("/")
    page.keyboard.type("ledger")
    page.keyboard.press("Enter")
    expect(page.locator(".card")).to_have_count(2)


def test_what_happens_on_the_forge_is_on_an_open_page_by_itself(own_forge: Served, window: Open) -> None:
    """A pull request that was merged leaves the queue, and what is open in somebody's hands stays open."""
    page = window()
    page.goto(own_forge.base + "/reviews")
    expect(page.locator(".live .word")).to_have_text("live")
    other = page.locator(f"[id='{pull('main', work.TOOLS, 6)}'] details")
    other.locator("summary").click()
    own_forge.hub.publish(merged)
    expect(page.locator(f"[id='{SENSITIVE}']")).to_have_count(0)
    expect(page.locator("h1")).to_have_text(re.compile("^At least 3 pull requests need your judgement"))
    expect(other).to_have_attribute("open", "")


def test_a_forge_that_falls_silent_turns_its_rows_old_on_an_open_page(own_forge: Served, window: Open) -> None:
    """Every row stays, none stays well, and one line above says which forge does not answer."""
    page = window()
    page.goto(own_forge.base + "/reviews")
    expect(page.locator(".pull .st.ok").first).to_be_visible()
    own_forge.hub.publish(silent)
    expect(page.locator("#unread")).to_contain_text("Forge main")
    expect(page.locator(".pull")).to_have_count(17)
    expect(page.locator(".pull .st.ok")).to_have_count(0)
    expect(page.locator(f"[id='{SENSITIVE}']")).to_contain_text("was waiting on review")


def test_without_a_new_collection_nothing_stays_well(own_forge: Served, window: Open) -> None:
    """What the forge said grows old on the screen by itself when the hub brings nothing new."""
    own_forge.hub.publish(lambda now: short_lived(work.snapshot(now), 3))
    own_forge.hub.collecting = False
    page = window()
    page.goto(own_forge.base + "/reviews")
    expect(page.locator(".pull .st:not(.stale, .unknown)")).to_have_count(0)


def test_hostile_words_of_a_forge_are_words_and_nothing_else(own_forge: Served, window: Open) -> None:
    """A title, a label, a branch or a path is shown as it is written, and runs nothing."""
    evil = "<img src=x onerror=document.title='owned'>\"'&"

    def hostile(now: datetime) -> Snapshot:
        told = work.world(now)
        told[SENSITIVE] |= {G.PULL_TITLE: evil, G.PULL_BRANCH: evil, G.PULL_LABELS: (evil,)}
        told[STILL] |= {G.CARD_TITLE: evil, G.CARD_LABELS: (evil,), G.CARD_MILESTONE: evil}
        return work.snapshot(now, told)

    own_forge.hub.publish(hostile)
    page = window()
    record = Record(page)
    for path in ("/reviews", "/board", f"/board?open={STILL}"):
        page.goto(own_forge.base + path)
        open_everything(page)
        expect(page.locator("main")).to_contain_text(evil)
        assert page.locator("main img").count() == 0
        assert "owned" not in page.title()
    assert [each for each in record.complaints if "/live/" not in each] == []  # a stream ends when its page is left
