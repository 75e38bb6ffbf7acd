"""F5: what a first visit costs: bytes over the wire, requests, time to the first paint and until nothing more comes.

Peers, measured on a machine of this size: 357 to 4,077 kB and 7 to 90 requests; first paint after 400 to 1,056 ms.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Browser, sync_playwright

from benchmarks import homes, present
from benchmarks.f6_start import has_read_the_home
from benchmarks.measure import PROGRAM, Figure, Promise, middle, own_environment, running, visiting
from tests.e2e.conftest import CHROMIUM, QUIET
from tests.fakes.visitor import Visitor
from tests.real.homes import wait_until
from tests.web.streams import ask

SEEN: Final = """() => new Promise((done) => {
    const paint = () => performance.getEntriesByName("first-contentful-paint")[0];
    const tell = () => {
        const all = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
            .filter((each) => !each.name.includes("/live/"));
        done({
            paint: paint().startTime,
            quiet: Math.max(...all.map((each) => each.responseEnd)),
            bytes: all.reduce((sum, each) => sum + each.encodedBodySize, 0),
            page: all[0].encodedBodySize,
            requests: all.length,
            shift: window.shifts.reduce((sum, each) => sum + each, 0),
        });
    };
    const wait = () => paint() && document.readyState === "complete" ? setTimeout(tell, 300) : setTimeout(wait, 20);
    wait();
})"""
SETTLED_S: Final = 3.0
SHIFTS: Final = """
    window.shifts = [];
    new PerformanceObserver((list) => {
        for (const shift of list.getEntries()) window.shifts.push(shift.value);
    }).observe({ type: "layout-shift", buffered: true });
"""


def run(*, smoke: bool = False, cache: Path = homes.CACHE) -> Iterator[Figure]:
    """Measure, and return the figures."""
    shape, visits = (homes.TINY, 1) if smoke else (homes.LARGE, 9)
    with homes.working_copy(shape, cache) as home, present.gateway(home):
        command, log = [*PROGRAM, "up", "--home", str(home.root), "--port", "0"], home.user / "server.out"
        with running(command, own_environment(home.user), log) as hub, sync_playwright() as driver:
            visitor = visiting(hub, log)
            wait_until("the page is there", lambda: _there(visitor))
            time.sleep(SETTLED_S)
            browser = driver.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
            seen = [_visit(browser, visitor) for _ in range(visits)]
            browser.close()
    worst = {key: max(each[key] for each in seen) for key in ("bytes", "page", "requests", "shift")}
    yield Figure("F5", "first_load_kb", worst["bytes"] / 1e3, "kB", Promise("<=60"), "the lightest peer", 357.0)
    yield Figure("F5", "brief_kb", worst["page"] / 1e3, "kB", Promise("<=15"), "the lightest peer", 241.0)
    yield Figure("F5", "requests", worst["requests"], "", Promise("<=4"), "the peer with fewest", 7)
    yield Figure("F5", "layout_shift", worst["shift"], "", Promise("<=0.02"))
    yield Figure("F5", "first_paint_ms", middle([s["paint"] for s in seen]), "ms", Promise("<=200"), "the first", 400)
    yield Figure("F5", "quiet_ms", middle([s["quiet"] for s in seen]), "ms", Promise("<=400"), "the first", 1_134)


def _there(visitor: Visitor) -> bool:
    return has_read_the_home(json.loads(ask(visitor.port, "/api/v1/views/brief", f"Cookie: {visitor.cookie}")[1]))


def _visit(browser: Browser, visitor: Visitor) -> dict[str, Any]:
    """Visit the brief with an empty cache."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.add_cookies([visitor.browser_cookie()])
    page = context.new_page()
    page.add_init_script(SHIFTS)
    page.goto(f"{visitor.base}/brief")
    seen: dict[str, Any] = page.evaluate(SEEN)
    context.close()
    return seen
