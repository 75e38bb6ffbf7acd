"""Take the pictures of the documentation: the real pages over a small fleet of real agents.

`python -m tests.real.screenshots` starts three agents, brings each into another condition, and writes
`docs/images/brief-light.png`, `brief-dark.png` and `cron-dark.png`. Whatever it starts it stops.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from playwright.sync_api import Page, sync_playwright

from tests.fakes.model_server import ModelServer
from tests.real.agents import REPOSITORY, ensure_agent
from tests.real.homes import Home, wait_until

IMAGES: Final = REPOSITORY / "docs" / "images"
PICTURES: Final = (("brief", "light"), ("brief", "dark"), ("cron", "dark"))
CHROMIUM: Final = "/usr/bin/chromium"
QUIET: Final = ("--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run")
JOBS: Final[tuple[dict[str, object], ...]] = (
    {"name": "digest", "prompt": "[[say:done]]", "schedule": "0 9 * * 1-5"},
    {"name": "watch", "prompt": "[[say:done]]", "schedule": "every 30m"},
    {"name": "backup", "prompt": "[[say:done]]", "schedule": "every 12h"},
)


@contextmanager
def fleet(folder: Path, model: ModelServer) -> Iterator[list[Path]]:
    """Three agents: one at work with a job whose message is not delivered, one killed, one with a torn database."""
    new, old = ensure_agent("0.19.0"), ensure_agent("0.14.0")
    with ExitStack() as stack:
        north, south, west = (
            stack.enter_context(Home.create(agent, folder / name, model))
            for name, agent in (("north", new), ("south", old), ("west", new))
        )
        for home in (north, south, west):
            home.create_jobs(*JOBS)
        north.edit_jobs("digest", last_status="ok", last_delivery_error="platform 'telegram' not configured/enabled")
        with south.gateway() as gateway:
            gateway.answer("[[say:hello]]")
            gateway.kill()
        (west.root / "state.db").write_bytes(b"[[[[" * 1024)
        gateway = stack.enter_context(north.gateway())
        gateway.answer("[[say:hello]]")
        with gateway.waiting(model):
            yield [home.root for home in (north, south, west)]


@contextmanager
def serving(homes: list[Path]) -> Iterator[str]:
    """Serve the pages over these homes; yields their address."""
    options = [part for home in homes for part in ("--home", str(home))]
    command = [sys.executable, "-m", "quarterdeck", "up", "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as hub:
        try:
            assert hub.stdout is not None
            yield re.findall(r"http://\S+", hub.stdout.readline())[0]
        finally:
            hub.terminate()
            hub.wait(10)


def _shows(page: Page) -> bool:
    """Whether the page knows all three agents; a page that does not yet is asked again."""
    if "Gateway of west" in page.content() or "Cron of west" in page.content():
        return True
    page.reload()
    return False


def main() -> None:
    """Take every picture."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        ModelServer() as model,
        fleet(Path(folder), model) as homes,
        serving(homes) as address,
        sync_playwright() as driver,
    ):
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        for view, scheme in PICTURES:
            page = browser.new_page(
                viewport={"width": 1280, "height": 980},
                color_scheme="dark" if scheme == "dark" else "light",
            )
            page.goto(f"{address}/{view}")
            wait_until("three agents on the page", partial(_shows, page))
            page.screenshot(path=IMAGES / f"{view}-{scheme}.png")
            sys.stdout.write(f"docs/images/{view}-{scheme}.png\n")
        browser.close()


if __name__ == "__main__":
    main()
