"""Take the pictures of the documentation: every page of the demo, light and dark, on a desk and on a phone.

``python -m tests.real.screenshots [PAGE …]`` starts ``quarterdeck demo``, opens each page as a person would reach it,
and writes ``docs/images/PAGE-THEME[-phone].webp``. Whatever it starts it stops.
"""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote
from urllib.request import urlopen

from playwright.sync_api import Browser, Page, sync_playwright

from quarterdeck.views import VIEWS
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
    """Have the demo run; yield its address."""
    with tempfile.TemporaryDirectory() as folder:  # pages show where homes are: not where those of a person would be
        yield from _served([sys.executable, "-m", "quarterdeck", "demo", "--dir", f"{folder}/fleet"])


def _served(command: list[str]) -> Iterator[str]:
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as hub:
        try:
            assert hub.stdout is not None
            yield re.findall(r"http://\S+", hub.stdout.readline())[0]
        finally:
            hub.terminate()
            hub.wait(30)


def ask(address: str, view: str, **words: str) -> Any:
    """Return a view as data."""
    query = "&".join(f"{name}={quote(value)}" for name, value in words.items())
    with urlopen(f"{address}/api/v1/views/{view}?{query}", timeout=READ) as answer:
        return json.load(answer)


def settled(address: str) -> None:
    """Wait until the agents have been read and memory answers."""
    until = time.monotonic() + START_S
    while time.monotonic() < until:
        told = {figure["figure"]: figure["value"] for figure in ask(address, "brief")["figures"]}
        if told.get("jobs_missed_24h", told.get("jobs_missed", 0)) is not None and told["agents_working"]:
            return
        time.sleep(0.5)
    raise TimeoutError(f"The demo did not come to rest within {START_S:.0f} s.")


def places(address: str) -> dict[str, str]:
    """Return every page by its name: those of the navigation, and those that are reached through others."""
    then = (datetime.now(UTC) - ANOTHER_MOMENT).isoformat(timespec="seconds").replace("+00:00", "Z")
    found = {name: f"/{name}" for name, spec in VIEWS.items() if spec.key}
    return found | {
        "open": f"/agents?open={KILLED}#why",
        "timeline": f"/timeline?subject={KILLED}&span=30d",
        "changes": "/changes",
        "as-of": f"/brief?at={then}",
        "error": "/nothing-here",
    }


def of_a_session(page: Page, address: str) -> str:
    """Return the page of the newest session, as the ledger leads to it."""
    page.goto(f"{address}/sessions")
    links: list[str] = page.eval_on_selector_all("a", "all => all.map(a => a.getAttribute('href'))")
    return next(link for link in links if link and link.startswith("/session?"))


def of_runs(address: str) -> str:
    """Return the page of the runs of a job that has missed one."""
    rows = ask(address, "cron")["rows"]
    return "/runs?span=7d&subject=" + next(str(row["subject"]) for row in rows if "Backup" in row["name"])


def take(browser: Browser, address: str, name: str, place: str, say: Callable[[str], object]) -> None:
    """Take the pictures of one page."""
    developer = browser.new_page()
    for theme in THEMES:
        for ending, (width, height) in SIZES.items():
            scheme: Any = theme
            page = browser.new_page(
                viewport={"width": width, "height": height}, color_scheme=scheme, reduced_motion="reduce"
            )
            page.goto(f"{address}{place}")
            page.wait_for_timeout(400)  # until charts are drawn and what is old is marked so
            picture = base64.b64encode(page.screenshot()).decode()
            small = base64.b64decode(developer.evaluate(TO_WEBP, [picture, QUALITY]))
            path = IMAGES / f"{name}-{theme}{ending}.webp"
            path.write_bytes(small)
            say(f"{path.relative_to(REPOSITORY)} {len(small) // 1000} kB\n")
            page.close()
    developer.close()


def main(wanted: Sequence[str]) -> None:
    """Take every picture, or those of the pages that were named."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with demo() as address, sync_playwright() as driver:
        settled(address)
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        found = places(address)
        looking = browser.new_page()
        found |= {"session": of_a_session(looking, address), "runs": of_runs(address)}
        for name, place in found.items():
            if not wanted or name in wanted:
                take(browser, address, name, place, sys.stdout.write)
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1:])
