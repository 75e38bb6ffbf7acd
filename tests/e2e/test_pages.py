"""Every page in both themes, on a desk and on a phone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from importlib.resources import files
from typing import Any, Final

import pytest
from playwright.sync_api import Page, expect

from quarterdeck.truth.snapshot import Snapshot
from tests.e2e.conftest import Open
from tests.e2e.serving import Served, serving

PATHS: Final = (
    "/brief",
    "/agents?open=hermes:south/gateway",
    "/cron?open=hermes:north/cron/934a7b9942d5",
    "/ops",
    "/coverage",
)
EMPTY: Final = ("/brief", "/agents", "/cron", "/ops", "/coverage")
THEMES: Final = ("light", "dark")
WIDTHS: Final = (360, 1280)
AXE: Final = files("axe_playwright_python") / "axe.min.js"
RULES: Final = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
WATCH_SHIFTS: Final = """
    window.shifts = [];
    new PerformanceObserver((list) => {
        for (const shift of list.getEntries()) window.shifts.push(shift.value);
    }).observe({ type: "layout-shift", buffered: true });
"""
STATUSES: Final = """
    (all) => all.map((st) => [
        st.innerText.trim(), st.querySelector("use").getAttribute("href"), getComputedStyle(st).color,
    ])
"""
CALM: Final = 0.02  # a tenth is what browsers call good


@pytest.fixture(scope="module")
def nothing() -> Iterator[Served]:
    """A hub that has found no agent yet."""
    with serving(_nothing) as served:
        yield served


def _nothing(now: datetime) -> Snapshot:
    return Snapshot(1, now, (), {})


class Record:
    """What a page asked for and complained about."""

    def __init__(self, page: Page) -> None:
        self.complaints: list[str] = []
        self.asked: list[str] = []
        page.on("console", lambda message: self._note(message.type, message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("requestfailed", lambda request: self.complaints.append(f"{request.url} failed"))

    def _note(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.complaints.append(text)


def refreshed(page: Page) -> None:
    """Let the page fetch itself anew now, as it does when its window is looked at again."""
    with page.expect_response(lambda answer: answer.request.resource_type == "fetch"):
        page.evaluate("dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator(".live .word")).to_have_text("live")


def open_everything(page: Page) -> None:
    """Open every row and every note."""
    page.locator("main details").evaluate_all("(all) => all.forEach((each) => { each.open = true; })")


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("path", PATHS)
def test_a_page_fits_and_is_calm_and_asks_nobody_else(
    deck: Served, window: Open, path: str, theme: str, width: int
) -> None:
    """Nothing sticks out sideways, nothing moves by itself, no complaint in the console, no request to anybody else."""
    page = window(theme=theme, width=width)
    page.add_init_script(WATCH_SHIFTS)
    record = Record(page)
    page.goto(deck.base + path)
    refreshed(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("document.body.scrollWidth") <= width
    assert sum(page.evaluate("window.shifts")) <= CALM
    assert record.complaints == []
    assert [url for url in record.asked if not url.startswith(deck.base + "/")] == []
    open_everything(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def assert_no_barrier(page: Page) -> None:
    """Fail with each rule that is broken and where."""
    page.add_script_tag(content=AXE.read_text())
    found: dict[str, Any] = page.evaluate("(rules) => axe.run(document, { runOnly: rules })", RULES)
    assert [f"{each['id']}: {[node['target'] for node in each['nodes']]}" for each in found["violations"]] == []
    # What axe cannot decide is as bad as a fault, unless we know that it is none.
    undecided = {each["id"] for each in found["incomplete"]}
    assert undecided == set(), [(e["id"], [n["html"] for n in e["nodes"]][:5]) for e in found["incomplete"]]


@pytest.mark.parametrize(("theme", "width"), [("light", 360), ("dark", 1280)])
@pytest.mark.parametrize("path", PATHS)
def test_no_page_shuts_anybody_out(deck: Served, window: Open, path: str, theme: str, width: int) -> None:
    """No rule of WCAG 2.2 AA that a machine can check is broken, contrast included, whatever is opened."""
    page = unguarded(window(theme=theme, width=width))
    page.goto(deck.base + path)
    for word in ("ok", "degraded", "down", "stale", "unknown"):
        page.locator(f"main summary:has(.st.{word})").first.or_(page.locator("footer summary")).first.click()
    page.locator("footer details").evaluate("(details) => { details.open = true; }")
    assert_no_barrier(page)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("path", [*EMPTY, "/nowhere", "/brief?instance=nobody"])
def test_neither_does_an_empty_page_or_an_error(nothing: Served, window: Open, path: str, theme: str) -> None:
    """With nothing to show, and where something went wrong, a page says what to do, to everybody and on any screen."""
    page = unguarded(window(theme=theme, width=360))
    page.goto(nothing.base + path)
    expect(page.locator("main")).to_contain_text("quarterdeck" if path in EMPTY else "sk for")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert_no_barrier(page)


def unguarded(page: Page) -> Page:
    """Let a test put its own script beside ours; our policy would refuse it."""
    page.route("**/*", lambda route: route.fulfill(response=(answer := route.fetch()), headers=_open(answer.headers)))
    return page


def _open(headers: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name != "content-security-policy"}


@pytest.mark.parametrize("theme", THEMES)
def test_a_status_is_shape_and_word_before_colour(deck: Served, window: Open, theme: str) -> None:
    """Each status has a shape and a colour of its own, in both themes, and its word stands beside it."""
    page = window(theme=theme)
    seen: dict[str, tuple[str, str]] = {}
    for path in ("/ops", "/cron"):
        page.goto(deck.base + path)
        seen |= {word: (shape, colour) for word, shape, colour in page.locator(".st").evaluate_all(STATUSES)}
    assert set(seen) == {"ok", "degraded", "down", "stale", "unknown", "retired"}
    assert {word: shape for word, (shape, _) in seen.items()} == {word: f"#{word}" for word in seen}
    assert len({colour for _, colour in seen.values()}) == len(seen)


def test_a_value_tells_its_source_on_hover_and_on_focus(deck: Served, window: Open) -> None:
    """Whoever points at a value or comes to it by keyboard reads who said it, where, and when."""
    page = window()
    page.goto(deck.base + "/agents")
    value = page.locator(".cell[tabindex]").first
    told = "getComputedStyle(cell, '::after').content"
    assert value.evaluate(f"(cell) => {told}") == "none"
    page.keyboard.press("Tab")
    value.focus()
    assert "config.yaml" in value.evaluate(f"(cell) => {told}")
    value.blur()
    value.hover()
    assert "config.yaml" in value.evaluate(f"(cell) => {told}")


def test_a_moment_tells_where_it_is_here(deck: Served, window: Open) -> None:
    """Times are written in UTC; pointing at one tells the time of the place as well."""
    page = window()
    page.goto(deck.base + "/brief")
    since = page.locator(".rows time").first
    title = since.get_attribute("title") or ""
    assert re.fullmatch(r"2026-11-2\d \d\d:\d\d:\d\d UTC, here .+", title)
