"""Charts in a browser: drawn, read aloud step by step, and whole without scripts."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from typing import Final

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import Open
from tests.e2e.fleet import fleet
from tests.e2e.serving import WITCHING_HOUR, Served, serving
from tests.fakes.charted import Charted

AXE: Final = files("axe_playwright_python") / "axe.min.js"
SESSIONS: Final = "[id='chart:sessions']"
BREAKS: Final = "(path) => (path.getAttribute('d').match(/M/g) || []).length"


@pytest.fixture(scope="module")
def charted() -> Iterator[Served]:
    """The fleet with a month behind it."""
    with serving(fleet) as served:
        served.hub.recall = Charted([(WITCHING_HOUR, fleet(WITCHING_HOUR))], now=WITCHING_HOUR)
        yield served


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_charts_shut_nobody_out(charted: Served, window: Open, theme: str, width: int) -> None:
    """With its charts drawn and its tables open, the page has no violation, no complaint, and is no wider than the
    window.
    """
    page = window(theme=theme, width=width)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{charted.base}/history?span=7d")
    expect(page.locator(".chart.drawn").first).to_be_visible()
    page.evaluate("document.querySelectorAll('.chart details').forEach((each) => { each.open = true; })")
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document).then((result) => result.violations.map((v) => [v.id, v.nodes[0].html]))")
    assert found == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert complaints == []


def test_a_chart_is_read_with_the_arrow_keys(charted: Served, window: Open) -> None:
    """Focus and arrow keys tell a chart step by step, in the words of its table; leaving it ends that."""
    page = window()
    page.goto(f"{charted.base}/history?span=7d")
    plot = page.locator(f"{SESSIONS}.drawn .plot")
    plot.focus()
    plot.press("ArrowLeft")
    readout = page.locator(f"{SESSIONS} .readout")
    expect(readout).to_have_text("21 Nov so far: north 15, south ≥55")
    plot.press("ArrowLeft")
    expect(readout).to_have_text("20 Nov: north 14, south ≥54")
    plot.press("Home")
    expect(readout).to_have_text("15 Nov: north 9, south ≥49")
    plot.blur()
    expect(readout).to_have_text("")


def test_the_span_lives_in_the_address(charted: Served, window: Open) -> None:
    """Choosing a span is a link; the filter and the other views keep theirs, and the back button goes back."""
    page = window()
    page.goto(f"{charted.base}/history?instance=north")
    page.get_by_role("link", name="7 days").click()
    expect(page).to_have_url(f"{charted.base}/history?instance=north&span=7d")
    expect(page.locator(f"{SESSIONS} tbody tr")).to_have_count(7)
    page.go_back()
    expect(page.locator(f"{SESSIONS} tbody tr")).to_have_count(30)


@pytest.mark.parametrize("scripts", [False, True])
def test_a_gap_is_drawn_as_a_gap(charted: Served, window: Open, scripts: bool) -> None:
    """With scripts and without: where nobody looked the line is broken, the time is shaded and said, and the table has
    no number.
    """
    page = window(scripts=scripts)
    page.goto(f"{charted.base}/history?span=7d")
    live = page.locator("[id='chart:live']")
    assert live.locator("path.line").first.evaluate(BREAKS) == 2
    assert live.locator("rect.missed").count() == 1
    expect(page.get_by_text("Quarterdeck itself did not look for").first).to_be_visible()
    live.locator("summary").click()
    expect(live.locator("td.unknown").first).to_have_text("not known")


def test_without_scripts_every_chart_is_whole(charted: Served, window: Open) -> None:
    """No script: the drawing stands there, with its legend, its source and its numbers."""
    page = window(scripts=False)
    page.goto(f"{charted.base}/history")
    chart = page.locator(SESSIONS)
    assert chart.locator(".plot path.line").count() == 2
    expect(chart.locator(".legend")).to_have_text("northsouth")
    expect(chart.locator(".src")).to_contain_text("sessions database")
    chart.locator("summary").click()
    assert chart.locator("tbody tr").count() == 30


def test_lines_are_told_apart_without_colour(charted: Served, window: Open) -> None:
    """Each line has its own dashes, in the drawing and in the legend."""
    page = window(scripts=False)
    page.goto(f"{charted.base}/history")
    dashes = "(paths) => paths.map((path) => getComputedStyle(path).strokeDasharray)"
    drawn = page.locator(f"{SESSIONS} .plot path.line").evaluate_all(dashes)
    assert len(set(drawn)) == len(drawn) == 2
    assert page.locator(f"{SESSIONS} .legend path").evaluate_all(dashes) == drawn


def test_a_chart_is_drawn_anew_when_the_page_changes(charted: Served, window: Open) -> None:
    """What the stream puts in the place of a chart is drawn again, and turning the window as well."""
    page = window()
    page.goto(f"{charted.base}/history")
    expect(page.locator(f"{SESSIONS}.drawn .uplot")).to_have_count(1)
    page.evaluate(
        """() => {
            const chart = document.getElementById("chart:sessions"), copy = chart.cloneNode(true);
            copy.classList.remove("drawn");
            copy.querySelector(".uplot").remove();
            chart.replaceWith(copy);
        }"""
    )
    expect(page.locator(f"{SESSIONS}.drawn .uplot")).to_have_count(1)
    page.set_viewport_size({"width": 400, "height": 800})
    wide = "(el) => el.clientWidth"
    plot = page.locator(f"{SESSIONS} .plot")
    expect(page.locator(f"{SESSIONS} .uplot")).to_have_css("width", f"{plot.evaluate(wide)}px")
