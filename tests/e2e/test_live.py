"""A page that stays open: what is new comes by itself, and what the operator is doing stays as it is."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from playwright.sync_api import Page, expect

from quarterdeck.truth import fields as F  # noqa: N812 -- short where every line names a field
from quarterdeck.truth.instance import subject
from quarterdeck.truth.snapshot import Snapshot
from tests.e2e.conftest import Open
from tests.e2e.fleet import fleet, tell
from tests.e2e.serving import Served

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
    _on(page, own_deck.base + "/agents")
    page.route("**/agents", lambda route: route.fulfill(status=500, body="no"))
    page.clock.run_for(A_WHILE_MS)
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
