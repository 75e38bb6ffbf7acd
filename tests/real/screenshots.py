"""Take the pictures of the documentation: every page of the demo, light and dark, on a desk and on a phone.

``python -m tests.real.screenshots [PAGE …]`` starts ``quarterdeck demo``, opens each page as a person would reach it,
and writes ``docs/images/PAGE-THEME[-phone].webp``. Whatever it starts it stops.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote
from urllib.request import Request, urlopen

from playwright.sync_api import Browser, Page, sync_playwright

from quarterdeck.views import VIEWS
from tests.fakes.visitor import WAY_IN, Visitor, come_in
from tests.real.agents import REPOSITORY

IMAGES: Final = REPOSITORY / "docs" / "images"
CHROMIUM: Final = "/usr/bin/chromium"
QUIET: Final = ("--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run")
THEMES: Final = ("light", "dark")
SIZES: Final = {"": (1280, 900), "-phone": (360, 740)}
START_S: Final = 120.0
QUALITY: Final = 0.6
ANOTHER_MOMENT: Final = timedelta(days=8, hours=2, minutes=20)
KILLED: Final = "hermes:south/gateway"
READ: Final = 10.0
GREETED: Final = "Ctrl-C"
ENTER: Final = "enter"

TO_WEBP: Final = """
async ([picture, quality]) => {
    const image = new Image();
    image.src = "data:image/png;base64," + picture;
    await image.decode();
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [image.width, image.height];
    canvas.getContext("2d").drawImage(image, 0, 0);
    return canvas.toDataURL("image/webp", quality).split(",")[1];
}
"""


@contextmanager
def demo() -> Iterator[str]:
    """Have the demo run; yield what it says when it begins."""
    with tempfile.TemporaryDirectory() as folder:  # pages show where homes are: not where those of a person would be
        command = [sys.executable, "-m", "quarterdeck", "demo", "--dir", f"{folder}/fleet"]
        environment = os.environ | {"XDG_STATE_HOME": f"{folder}/state"}
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as hub:
            try:
                assert hub.stdout is not None
                said = hub.stdout.readline()
                while GREETED not in said:
                    assert hub.poll() is None, "the demo has ended"
                    said += hub.stdout.readline()
                yield said
            finally:
                hub.terminate()
                hub.wait(30)


def ask(visitor: Visitor, view: str, **words: str) -> Any:
    """Return a view as data."""
    query = "&".join(f"{name}={quote(value)}" for name, value in words.items())
    request = Request(f"{visitor.base}/api/v1/views/{view}?{query}", headers=visitor.headers)
    with urlopen(request, timeout=READ) as answer:
        return json.load(answer)


def settled(visitor: Visitor) -> None:
    """Wait until the agents have been read and memory answers."""
    until = time.monotonic() + START_S
    while time.monotonic() < until:
        told = {figure["figure"]: figure["value"] for figure in ask(visitor, "brief")["figures"]}
        if told.get("jobs_missed_24h", told.get("jobs_missed", 0)) is not None and told["agents_working"]:
            return
        time.sleep(0.5)
    raise TimeoutError(f"The demo did not come to rest within {START_S:.0f} s.")


def places() -> dict[str, str]:
    """Return every page by its name: those of the navigation, and those that are reached through others."""
    then = (datetime.now(UTC) - ANOTHER_MOMENT).isoformat(timespec="seconds").replace("+00:00", "Z")
    found = {name: f"/{name}" for name, spec in VIEWS.items() if spec.key}
    return found | {
        "open": f"/agents?open={KILLED}#why",
        "timeline": f"/timeline?subject={KILLED}&span=30d",
        "changes": "/changes",
        "as-of": f"/brief?at={then}",
        "you": "/you",
        "error": "/nothing-here",
    }


def of_a_session(page: Page) -> str:
    """Return the page of the newest session, as the ledger leads to it."""
    page.goto("/sessions")
    links: list[str] = page.eval_on_selector_all("a", "all => all.map(a => a.getAttribute('href'))")
    return next(link for link in links if link and link.startswith("/session?"))


def of_runs(visitor: Visitor) -> str:
    """Return the page of the runs of a job that has missed one."""
    rows = ask(visitor, "cron")["rows"]
    return "/runs?span=7d&subject=" + next(str(row["subject"]) for row in rows if "Backup" in row["name"])


@contextmanager
def window(browser: Browser, visitor: Visitor | None, **options: Any) -> Iterator[Page]:
    """Open a window of somebody who is in, or of a stranger."""
    context = browser.new_context(reduced_motion="reduce", **options)
    if visitor is not None:
        context.add_cookies([visitor.browser_cookie()])
    yield context.new_page()
    context.close()


def take(browser: Browser, visitor: Visitor | None, name: str, address: str, say: Callable[[str], object]) -> None:
    """Take the pictures of one page."""
    developer = browser.new_page()
    for theme in THEMES:
        for ending, (width, height) in SIZES.items():
            with window(browser, visitor, viewport={"width": width, "height": height}, color_scheme=theme) as page:
                page.goto(address)
                page.wait_for_timeout(400)  # until charts are drawn and what is old is marked so
                picture = base64.b64encode(page.screenshot()).decode()
            small = base64.b64decode(developer.evaluate(TO_WEBP, [picture, QUALITY]))
            path = IMAGES / f"{name}-{theme}{ending}.webp"
            path.write_bytes(small)
            say(f"{path.relative_to(REPOSITORY)} {len(small) // 1000} kB\n")
    developer.close()


def main(wanted: Sequence[str]) -> None:
    """Take every picture, or those of the pages that were named."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with demo() as said, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        way_in = WAY_IN.search(said)
        assert way_in is not None, "no way in was printed"
        if not wanted or ENTER in wanted:  # to see this page changes nothing, and the way in is still good after it
            take(browser, None, ENTER, way_in[0], sys.stdout.write)
        visitor = come_in(said)
        settled(visitor)
        found = places()
        with window(browser, visitor, base_url=visitor.base) as looking:
            found |= {"session": of_a_session(looking), "runs": of_runs(visitor)}
        for name, place in found.items():
            if not wanted or name in wanted:
                take(browser, visitor, name, f"{visitor.base}{place}", sys.stdout.write)
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1:])
