"""A page that stays open: what is new comes by itself, and what the operator is doing stays as it is."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from playwright.sync_api import Page, expect

from quarterdeck.truth import fields as F  # noqa: N812 -- short where every line names a field
from quarterdeck.truth.instance import Instance, subject
from quarterdeck.truth.snapshot import Snapshot
from tests.e2e.commands import Terminal
from tests.e2e.conftest import AGO, Open
from tests.e2e.fleet import fleet, tell
from tests.e2e.serving import Served, serving
from tests.e2e.test_pages import CALM, WATCH_SHIFTS

GATEWAY = subject("south", "gateway")
A_WHILE_MS = 6_000


def _back_again(now: datetime) -> Snapshot:
    """The fleet after the killed gateway has come back."""
    snapshot = fleet(now)
    alive = {
        F.LOCK_HOLDER: 2201, F.PROCESS_STATE: "sleeping", F.RECORDED_PID: 2201, F.RECORDED_PROCESS: "alive",
        F.PROCESS_STARTED_AT: now, F.UNIT_ACTIVE: "active", F.UNIT_PID: 2201,
    }  # fmt: skip
    return replace(
        snapshot,
        readings=dict(snapshot.readings)
        | {(GATEWAY, field.name): tell(field, GATEWAY, value, now) for field, value in alive.items()},
    )


def _on(page: Page, address: str) -> None:
    """Open a page whose time passes when the test says so, and mark it, so that a reload would be noticed."""
    page.clock.install()
    page.goto(address)
    expect(page.locator(".live .word")).to_have_text("live")
    page.evaluate("window.loadedOnce = true")


def _still_the_same_page(page: Page) -> bool:
    return bool(page.evaluate("window.loadedOnce === true"))


def test_a_new_snapshot_appears_without_a_reload(own_deck: Served, window: Open) -> None:
    """The row, the headline, the title and the count in the navigation change in the page that is open."""
    page = window()
    _on(page, own_deck.base + "/agents")
    status = page.locator(f"[id='{GATEWAY}'] .st")
    expect(status).to_have_text("down")
    own_deck.hub.publish(_back_again)
    page.clock.run_for(A_WHILE_MS)
    expect(status).to_have_text("ok")
    expect(page.locator("h1")).to_have_text("One thing needs you.")
    expect(page).to_have_title("1 need you · Agents · Quarterdeck")
    expect(page.locator("header nav a[aria-current] b")).to_contain_text("1")
    assert _still_the_same_page(page)


def test_pause_stops_and_resume_fetches_at_once(own_deck: Served, window: Open) -> None:
    """While paused the page asks for nothing and grows old; resumed, it shows what is."""
    page = window()
    _on(page, own_deck.base + "/agents")
    asked: list[str] = []
    page.get_by_role("button", name="Pause").click()
    page.on("request", lambda request: asked.append(request.url))
    own_deck.hub.publish(_back_again)
    page.clock.run_for(10 * A_WHILE_MS)
    expect(page.locator(".live .word")).to_have_text("paused")
    assert asked == []
    expect(page.locator(f"[id='{GATEWAY}'] .st")).to_have_text("down")
    page.get_by_role("button", name="Resume").click()
    expect(page.locator(f"[id='{GATEWAY}'] .st")).to_have_text("ok")
    expect(page.locator(".live .word")).to_have_text("live")


def test_what_the_operator_does_survives_a_refresh(own_deck: Served, window: Open) -> None:
    """Opened rows stay open, the focus and the selection stay where they are, while rows come and go around them."""
    page = window()
    _on(page, own_deck.base + "/brief")
    gateway, disk = (page.locator(f"[id='{name}']") for name in ("hermes:harbour/gateway", "host:deck/disk//home"))
    gateway.locator("summary").click()
    disk.locator("summary").focus()
    gateway.locator("code").first.evaluate("(code) => getSelection().selectAllChildren(code)")
    chosen = page.evaluate("String(getSelection())")
    own_deck.hub.publish(_back_again)
    page.clock.run_for(A_WHILE_MS)
    expect(page.locator(f"[id='{GATEWAY}']")).to_have_count(0)
    assert gateway.locator("details").evaluate("(details) => details.open")
    expect(disk.locator("summary")).to_be_focused()
    assert page.evaluate("String(getSelection())") == chosen != ""
    own_deck.hub.publish(fleet)
    page.clock.run_for(A_WHILE_MS)
    expect(page.locator(f"[id='{GATEWAY}'] .st")).to_have_text("down")
    expect(disk.locator("summary")).to_be_focused()
    assert page.locator(".rows details[open]").count() == 1
    assert _still_the_same_page(page)


def test_a_hub_that_comes_back_is_live_again(own_deck: Served, window: Open) -> None:
    """After the network has been away, the page says that it is live, and what had expired is as it is."""
    page = window()
    _on(page, own_deck.base + "/agents")
    page.context.set_offline(True)
    page.clock.run_for(95_000)
    expect(page.locator(".live .word")).to_have_text("hub not reached; what you see ages")
    expect(page.locator("[id='hermes:north/gateway'] .st")).to_have_text("stale")
    page.context.set_offline(False)
    page.clock.run_for(A_WHILE_MS)
    expect(page.locator(".live .word")).to_have_text("live")
    expect(page.locator("[id='hermes:north/gateway'] .st")).to_have_text("ok")
    expect(page.locator("h1")).to_have_text("Two things need you.")


def test_a_hub_that_fails_is_not_taken_for_a_live_one(own_deck: Served, window: Open) -> None:
    """When the hub answers with an error, the page keeps what it has, lets it age, and says so."""
    page = window()
    page.route("**/live/agents", lambda route: route.fulfill(status=500, body="no"))
    page.clock.install()
    page.goto(own_deck.base + "/agents")
    expect(page.locator(".live .word")).to_have_text("the hub answers with an error; what you see ages")
    page.clock.run_for(95_000)
    expect(page.locator("[id='hermes:north/gateway'] .st")).to_have_text("stale")


def test_a_visit_goes_on_with_the_instance_chosen_in_the_last(deck: Served, window: Open) -> None:
    """An address that names no instance shows the one chosen before, with all else it asks for; one that does, does."""
    page = window()
    page.goto(deck.base + "/brief")
    page.get_by_role("radio", name="south").check()
    expect(page).to_have_url(f"{deck.base}/brief?instance=south")
    page.goto(deck.base + "/agents?open=hermes:south/gateway#why")
    expect(page).to_have_url(f"{deck.base}/agents?open=hermes%3Asouth%2Fgateway&instance=south#why")
    expect(page.locator("#why")).to_contain_text("lock holder")
    page.goto(deck.base + "/brief?instance=north")
    expect(page.get_by_role("radio", name="north")).to_be_checked()


def test_a_browser_that_keeps_nothing_loses_no_freshness(deck: Served, window: Open) -> None:
    """Where the browser refuses to keep anything, the page is live and ages all the same."""
    page = window()
    page.add_init_script(
        "for (const name of ['localStorage', 'sessionStorage'])"
        " Object.defineProperty(window, name, { get() { throw new DOMException('refused', 'SecurityError'); } });"
    )
    _on(page, deck.base + "/agents")
    page.get_by_role("radio", name="north").check()
    expect(page).to_have_url(f"{deck.base}/agents?instance=north")
    page.context.set_offline(True)
    page.clock.run_for(95_000)
    expect(page.locator("[id='hermes:north/gateway'] .st")).to_have_text("stale")


def _the_page_as_it_is(page: Page) -> str:
    """What a page says, without the ages and the clock."""
    return re.sub(r"\d+ (?:s|min) ago|\d\d:\d\d:\d\d", "", page.locator("main").inner_text())


def test_what_was_missed_comes_once(own_deck: Served, window: Open) -> None:
    """A page whose connection broke shows, when it is back, what a new page shows, and each row once."""
    page, other = window(), window()
    page.goto(own_deck.base + "/brief")
    expect(page.locator(".live .word")).to_have_text("live")
    page.evaluate("window.loadedOnce = true")
    for change in (_back_again, fleet, _back_again):
        page.context.set_offline(True)
        own_deck.let_streams_go()
        expect(page.locator(".live .word")).to_have_text("hub not reached; what you see ages")
        own_deck.hub.publish(change)
        page.context.set_offline(False)
        expect(page.locator(".live .word")).to_have_text("live")
        expect(page.locator(f"[id='{GATEWAY}']")).to_have_count(0 if change is _back_again else 1)
    own_deck.hub.collecting = False
    other.goto(own_deck.base + "/brief")
    expect(page.locator("#foot")).to_contain_text("Collected")
    assert _the_page_as_it_is(page) == _the_page_as_it_is(other)
    ids = page.locator("[id]").evaluate_all("(all) => all.map((each) => each.id)")
    assert len(ids) == len(set(ids))
    assert _still_the_same_page(page)


def test_what_is_new_moves_nothing_that_is_not(own_deck: Served, window: Open) -> None:
    """While rows change on an open page, no other one moves, and what was scrolled to stays where it is."""
    page = window()
    page.add_init_script(WATCH_SHIFTS)
    page.goto(own_deck.base + "/agents")
    expect(page.locator(".live .word")).to_have_text("live")
    page.evaluate("scrollTo(0, 80)")
    for change, word in ((_back_again, "ok"), (fleet, "down"), (_back_again, "ok")):
        own_deck.hub.publish(change)
        expect(page.locator(f"[id='{GATEWAY}'] .st")).to_have_text(word)
    assert sum(page.evaluate("window.shifts")) <= CALM
    assert page.evaluate("scrollY") == min(80, page.evaluate("document.documentElement.scrollHeight - innerHeight"))


def test_a_change_in_a_real_home_is_on_screen_within_a_second(tmp_path: Path, window: Open) -> None:
    """A file that an agent writes changes a page that is open, through collector, stream and browser, in a second."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "config.yaml").write_text("model: {default: large-model-1, provider: example}\n")
    with Terminal(tmp_path).up(home) as up:
        page = window()
        page.context.add_cookies([up.visitor.browser_cookie()])
        page.goto(up.base + "/agents")
        model = page.locator("[data-label='Model']")
        expect(model).to_have_text("large-model-1")
        up.wait_for_looks(2, "hermes:")
        took = []
        for number in range(2, 5):
            (home / "config.yaml").write_text(f"model: {{default: large-model-{number}, provider: example}}\n")
            began = time.monotonic()
            expect(model).to_have_text(f"large-model-{number}")
            took.append(time.monotonic() - began)
        assert sorted(took)[1] < 1, took


def test_a_moment_that_is_over_stands_still(own_deck: Served, window: Open) -> None:
    """A page of then is reached by a form, says so, keeps its moment in links, changes with nothing, and leads back."""
    page = window()
    page.goto(own_deck.base + "/agents")
    page.locator("#then summary").click()
    page.get_by_label("Moment").fill(AGO.strftime("%Y-%m-%dT%H:%M:%SZ"))
    page.get_by_role("button", name="Show what was known").click()
    expect(page.locator(".past")).to_contain_text("As known at 2026-11-21 02:34:11 UTC")
    expect(page.locator("#late")).to_contain_text("process started at")
    before = page.locator("main").inner_text()
    own_deck.hub.publish(_back_again)
    page.clock.install()
    page.clock.run_for(95_000)
    assert page.locator("main").inner_text() == before
    page.locator("header nav").get_by_role("link", name="Brief").click()
    expect(page.locator(".past")).to_contain_text("As known at 2026-11-21 02:34:11 UTC")
    page.go_back()
    expect(page.locator(".past")).to_be_visible()
    page.locator(".past").get_by_role("link", name="Back to now").click()
    expect(page.locator(".live .word")).to_have_text("live")
    expect(page).to_have_url(f"{own_deck.base}/agents?instance=all")


def test_of_a_thousand_instances_one_is_searched_for(window: Open) -> None:
    """A filter over many instances is a field that knows their names; the choice is kept like any other."""
    many = tuple(Instance(f"ship-{number:04}", f"ship-{number:04}") for number in range(1_000))
    with serving(lambda now: Snapshot(1, now, many, {})) as served:
        page = window(width=360)
        page.goto(served.base + "/agents")
        field = page.get_by_label("Instance")
        page.keyboard.press("/")
        expect(field).to_be_focused()
        field.fill("ship-0777")
        field.press("Enter")
        expect(page).to_have_url(f"{served.base}/agents?instance=ship-0777")
        assert page.locator("tbody tr[id]").count() == 1
        page.goto(served.base + "/brief")
        expect(page.get_by_label("Instance")).to_have_value("ship-0777")
        assert page.locator("#sides thead th").count() <= 8
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
