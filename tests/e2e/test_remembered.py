"""Alerts, changes and timelines in a browser."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import expect

from quarterdeck.truth.judgement import Status
from quarterdeck.truth.past import Blind, Change
from quarterdeck.truth.reading import Knowledge
from tests.e2e.conftest import Open
from tests.e2e.fleet import fleet
from tests.e2e.serving import WITCHING_HOUR, Served
from tests.fakes.memory import FakeMemory
from tests.truth.cast import ago

GATEWAY = "hermes:north/gateway"
LOOKED = int((WITCHING_HOUR.timestamp() - 20 * 60) * 1000)
"""Twenty minutes ago, as a browser writes it."""


def change(seconds: float, status: Status, before: Status, reason: str) -> Change:
    return Change(GATEWAY, ago(seconds), status, None, Knowledge.FRESH, "killed", reason, ago(seconds + 400), before)


def with_trouble(deck: Served) -> None:
    """Let the gateway of north have been down for ten minutes, while nobody looked for two of them."""
    memory = deck.hub.recall
    assert isinstance(memory, FakeMemory)
    memory.snapshots.append((ago(20 * 60), fleet(ago(20 * 60))))
    memory.changed = [
        change(900, Status.DOWN, Status.OK, "no process holds gateway.lock"),
        change(300, Status.OK, Status.DOWN, "alive"),
    ]
    memory.gaps = [Blind(ago(700), ago(580), "not running")]


def test_a_visit_is_told_what_changed_since_the_last_one(own_deck: Served, window: Open) -> None:
    """Who looked twenty minutes ago reads how much changed since, and one click shows it; the hub was only asked."""
    with_trouble(own_deck)
    page, asked = window(), list[str]()
    page.on("request", lambda request: asked.append(request.method))
    page.add_init_script(f"if (!sessionStorage.since) localStorage.looked = '{LOOKED}'")
    page.goto(f"{own_deck.base}/brief")
    line = page.locator("#since")
    expect(line).to_contain_text(re.compile(r"Since you looked at 02:44 UTC: [1-9]\d* changes?"))
    told = re.search(r"(\d+) change", line.inner_text())
    assert told is not None
    line.locator("a").click()
    expect(page.locator("h1")).to_have_text(re.compile(rf"^{told[1]} changes?\.$"))
    expect(page.locator(f"[id='{GATEWAY}']")).to_contain_text("ok → down → ok, as before")
    assert set(asked) == {"GET"}


def test_a_first_visit_is_offered_spans(deck: Served, window: Open) -> None:
    """Who never looked, and who runs no scripts, follows links to the last hour, night, day and week."""
    page = window(scripts=False)
    page.goto(f"{deck.base}/brief")
    page.locator("#since a", has_text="8 hours").click()
    assert parse_qs(urlsplit(page.url).query)["since"] == ["8h"]
    expect(page.locator("pre.digest")).to_contain_text("Since 2026-11-21 02:")


def test_the_moment_of_a_visit_leaves_no_trace_when_it_may_not(deck: Served, window: Open) -> None:
    """A browser that refuses to keep anything shows the page all the same."""
    page, wrong = window(), list[str]()
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.add_init_script("Object.defineProperty(window, 'localStorage', { get() { throw new Error('refused'); } })")
    page.goto(f"{deck.base}/brief")
    expect(page.locator("#since a")).to_have_count(4)
    assert wrong == []


def test_a_severity_is_chosen_and_kept_in_the_address(deck: Served, window: Open) -> None:
    """A figure filters by its severity; the address says so, and the same figure takes the filter away again."""
    page = window()
    page.goto(f"{deck.base}/alerts")
    everything = page.locator("#rows > li").count()
    page.locator("[id='figure:critical']").click()
    expect(page.locator("[id='figure:critical']")).to_have_attribute("aria-current", "true")
    assert parse_qs(urlsplit(page.url).query)["severity"] == ["critical"]
    assert 0 < page.locator("#rows > li").count() < everything
    page.locator("[id='figure:critical']").click()
    expect(page.locator("#rows > li")).to_have_count(everything)


def test_from_an_alert_that_is_over_to_what_was_known_then(own_deck: Served, window: Open) -> None:
    """An alert says how long it took and that nobody looked meanwhile; it leads to its timeline and the past."""
    with_trouble(own_deck)
    page = window()
    page.goto(f"{own_deck.base}/alerts")
    over = page.locator("#closed > li").first
    expect(over).to_contain_text("resolved 02:59 after 16 min")
    expect(over).to_contain_text("not looked at all the time")
    over.locator("summary").click()
    over.get_by_role("link", name="timeline").click()
    expect(page.locator("#story > li")).to_have_count(3)
    expect(page.locator("#story .late").first).to_have_text("known late")
    page.locator("#story").get_by_role("link", name="as of then").first.click()
    expect(page.locator(".past")).to_contain_text(f"As known at {WITCHING_HOUR:%Y-%m-%d} 02:59")
