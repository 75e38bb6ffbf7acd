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
from quarterdeck.views import VIEWS
from tests.e2e.conftest import AGO, Open
from tests.e2e.serving import Served, serving

OPENED: Final = {"agents": "hermes:south/gateway", "cron": "hermes:north/cron/934a7b9942d5"}
ABOUT: Final = {"timeline": "subject=hermes:south/gateway", "session": "id=none"}
THEN: Final = f"at={AGO:%Y-%m-%dT%H:%M:%SZ}"
PATHS: Final = (
    *(f"/{name}?open={OPENED[name]}" if name in OPENED else f"/{name}?{ABOUT.get(name, '')}" for name in VIEWS),
    *(f"/brief?{THEN}", f"/agents?{THEN}"),
)
EMPTY: Final = tuple(f"/{name}" for name in VIEWS)
SAYS_WHAT_TO_DO: Final = ("/brief", "/agents", "/reviews", "/cron", "/board", "/ops", "/coverage")
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
        st.textContent.trim(), st.querySelector("use").getAttribute("href"), getComputedStyle(st).color,
    ])
"""
OPEN_ONE_OF_EACH: Final = """() => {
    for (const word of ["ok", "degraded", "down", "stale", "unknown"]) {
        const row = document.querySelector(`main details:has(> summary .st.${word})`);
        if (row) row.open = true;
    }
    for (const note of document.querySelectorAll("footer details")) note.open = true;
}"""
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


def open_everything(page: Page) -> None:
    """Open every row and every note."""
    page.locator("main details").evaluate_all("(all) => all.forEach((each) => { each.open = true; })")


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("path", PATHS)
def test_a_page_fits_and_is_calm_and_asks_nobody_else(deck: Served, window: Open, path: str, width: int) -> None:
    """Nothing sticks out sideways, nothing moves by itself, no complaint in the console, no request to anybody else."""
    page = window(width=width)
    page.add_init_script(WATCH_SHIFTS)
    record = Record(page)
    page.goto(deck.base + path)
    expect(page.locator(".live .word").or_(page.locator(".past"))).to_have_text(re.compile("live|As known at"))
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("document.body.scrollWidth") <= width
    assert sum(page.evaluate("window.shifts")) <= CALM
    assert record.complaints == []
    assert [url for url in record.asked if not url.startswith(deck.base + "/")] == []
    assert len([url for url in record.asked if "/live/" not in url and "/static/charts" not in url]) <= 4
    open_everything(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    ids = page.locator("[id]").evaluate_all("(all) => all.map((each) => each.id)")
    assert [each for each in ids if ids.count(each) > 1] == []


def assert_no_barrier(page: Page) -> None:
    """Fail with each rule that is broken and where."""
    if not page.evaluate("typeof axe === 'object'"):
        page.add_script_tag(content=AXE.read_text())
    found: dict[str, Any] = page.evaluate("(rules) => axe.run(document, { runOnly: rules })", RULES)
    assert [f"{each['id']}: {[node['target'] for node in each['nodes']]}" for each in found["violations"]] == []
    # What axe cannot decide is as bad as a fault, unless we know that it is none.
    undecided = {each["id"] for each in found["incomplete"]}
    assert undecided == set(), [(e["id"], [n["target"] for n in e["nodes"]][:5]) for e in found["incomplete"]]


@pytest.mark.parametrize("path", PATHS)
def test_no_page_shuts_anybody_out(deck: Served, window: Open, path: str) -> None:
    """No rule of WCAG 2.2 AA that a machine can check is broken, contrast included, whatever is opened."""
    page = window(theme="light", width=360, guarded=False)
    page.goto(deck.base + path)
    page.evaluate(OPEN_ONE_OF_EACH)
    assert_no_barrier(page)
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 1280, "height": 800})
    assert_no_barrier(page)


@pytest.mark.parametrize("path", [*EMPTY, "/nowhere", "/brief?instance=nobody", "/brief?at=2020-01-01T00:00:00Z"])
def test_neither_does_an_empty_page_or_an_error(nothing: Served, window: Open, path: str) -> None:
    """With nothing to show, and where something went wrong, a page says what to do, to everybody and on any screen."""
    page = window(width=360, guarded=False)
    page.goto(nothing.base + path)
    expect(page.locator("main")).to_contain_text(what_to_do(path))
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert_no_barrier(page)


def what_to_do(path: str) -> re.Pattern[str]:
    """What a page with nothing on it speaks of."""
    if path in EMPTY:
        return re.compile("quarterdeck" if path in SAYS_WHAT_TO_DO else ".")
    return re.compile("sk for|eave out|is at /brief")


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
