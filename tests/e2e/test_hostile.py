"""Stored hostile text in a real browser (T12), with our policy switched off: not even then does anything of it run."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from quarterdeck.views import VIEWS
from tests.e2e.conftest import Open
from tests.e2e.serving import serving
from tests.web.test_hostile import ASKS, forged, forged_memory

RAN = "window.boo = () => { window.ran = (window.ran ?? 0) + 1; };"


@pytest.mark.parametrize("moment", ["", "at=2026-11-21T02:54:11Z"], ids=["now", "then"])
def test_nothing_that_somebody_wrote_runs(window: Open, moment: str) -> None:
    """On every page, as it is and as it was, with everything opened: no script, no handler, no frame, no question to
    anybody else, and no window that asks for something.
    """
    with serving(lambda _: forged()) as served:
        served.hub.collecting = False
        served.hub.recall = forged_memory()
        page = window(guarded=False)
        page.add_init_script(RAN)
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("dialog", lambda dialog: asked.append(dialog.message))
        for name in VIEWS:
            page.goto(f"{served.base}/{name}?{ASKS.get(name, '')}&{moment}".replace("?&", "?").rstrip("&?"))
            expect(page.locator("body")).to_contain_text("boo()")
            page.locator("details").evaluate_all("(all) => all.forEach((each) => { each.open = true; })")
            page.wait_for_timeout(50)
            assert page.evaluate("window.ran") is None
            assert page.locator("iframe, img, object, embed, base, main script, main style").count() == 0
        assert [each for each in asked if not each.startswith(served.base + "/")] == []
