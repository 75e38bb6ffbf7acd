"""One browser for all of these tests, and a new window with nothing in it for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from quarterdeck.truth import fields as F  # noqa: N812 -- short where every line names a field
from quarterdeck.truth.instance import subject
from quarterdeck.truth.past import Late
from tests.e2e.fleet import fleet, tell
from tests.e2e.serving import WITCHING_HOUR, Served, serving
from tests.fakes.memory import FakeMemory

CHROMIUM: Final = Path("/usr/bin/chromium")
LIMIT_MS: Final = 30_000  # the machine may be busy; nothing here is slow by itself
QUIET: Final = (  # this browser talks to the pages and to nobody else
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-quic"),
    "--no-first-run",
)
Open = Callable[..., Page]
AGO: Final = WITCHING_HOUR - timedelta(minutes=30)
"""A moment that the hubs of these tests remember."""


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
    """Open windows: ``window(theme="dark", width=360)``. They are closed with the test.

    One that is not guarded lets a test put its own script beside ours; our policy would refuse it.
    """
    opened = []

    def open_window(*, theme: str = "light", width: int = 1280, scripts: bool = True, guarded: bool = True) -> Page:
        look: dict[str, Any] = {"color_scheme": theme, "viewport": {"width": width, "height": 800}}
        context = browser.new_context(
            **look, java_script_enabled=scripts, reduced_motion="reduce", bypass_csp=not guarded
        )
        context.set_default_timeout(LIMIT_MS)
        opened.append(context)
        return context.new_page()

    yield open_window
    for context in opened:
        context.close()


def memory() -> FakeMemory:
    """What is remembered of the fleet: how it was half an hour ago, and what was learnt of that since."""
    gateway = subject("north", "gateway")
    late = tell(F.PROCESS_STARTED_AT, gateway, AGO - timedelta(minutes=4), WITCHING_HOUR - timedelta(minutes=3))
    told = Late(late, AGO - timedelta(minutes=4), WITCHING_HOUR - timedelta(minutes=3))
    return FakeMemory([(AGO, fleet(AGO))], lately=[told])


@pytest.fixture(scope="module")
def deck() -> Iterator[Served]:
    """The fleet, served with its memory to every test of a module that only looks at it."""
    with serving(fleet) as served:
        served.hub.recall = memory()
        yield served


@pytest.fixture
def own_deck() -> Iterator[Served]:
    """The fleet, served to one test that changes or stops it."""
    with serving(fleet) as served:
        served.hub.recall = memory()
        yield served
