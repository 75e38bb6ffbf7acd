"""One browser for all of these tests, and a new window with nothing in it for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.e2e.fleet import fleet
from tests.e2e.serving import Served, serving

CHROMIUM: Final = Path("/usr/bin/chromium")
LIMIT_MS: Final = 30_000  # the machine may be busy; nothing here is slow by itself
QUIET: Final = (  # this browser talks to the pages and to nobody else
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-quic"),
    "--no-first-run",
)
Open = Callable[..., Page]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give these tests the time that a browser takes on a busy machine."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(150))


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's own Chromium."""
    if not CHROMIUM.exists():
        pytest.fail(f"{CHROMIUM} is missing. Install it as root: apt-get install --no-install-recommends chromium")
    expect.set_options(timeout=LIMIT_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        yield browser
        browser.close()


@pytest.fixture
def window(browser: Browser) -> Iterator[Open]:
    """Open windows: ``window(theme="dark", width=360)``. They are closed with the test."""
    opened = []

    def open_window(*, theme: str = "light", width: int = 1280, scripts: bool = True) -> Page:
        look: dict[str, Any] = {"color_scheme": theme, "viewport": {"width": width, "height": 800}}
        context = browser.new_context(**look, java_script_enabled=scripts, reduced_motion="reduce")
        context.set_default_timeout(LIMIT_MS)
        opened.append(context)
        return context.new_page()

    yield open_window
    for context in opened:
        context.close()


@pytest.fixture(scope="module")
def deck() -> Iterator[Served]:
    """The fleet, served to every test of a module that only looks at it."""
    with serving(fleet) as served:
        yield served


@pytest.fixture
def own_deck() -> Iterator[Served]:
    """The fleet, served to one test that changes or stops it."""
    with serving(fleet) as served:
        yield served
