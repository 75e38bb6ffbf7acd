"""The ledger of sessions in a browser, over a real ledger: open to everybody, of use without scripts, and inert."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Page, expect

from quarterdeck.store import session_query
from quarterdeck.store.engine import Engine
from quarterdeck.store.migrate import upgrade
from quarterdeck.truth.past import Entry, Relative, SessionDetail, SessionPage, SessionQuery, Step, Usage
from quarterdeck.truth.reading import Known, Origin, Reading
from tests.e2e.conftest import Open
from tests.e2e.fleet import fleet
from tests.e2e.serving import WITCHING_HOUR, Served, serving
from tests.fakes.memory import FakeMemory
from tests.store.ledgers import fill, record

AXE: Final = files("axe_playwright_python") / "axe.min.js"
HOSTILE: Final = "<img src=x onerror=alert(1)>"
ROWS: Final = "#rows tr"
MANY: Final = 120


class Ledger(FakeMemory):
    """A memory with a real ledger, and a record for whichever session is asked for."""

    def __init__(self, engine: Engine) -> None:
        super().__init__([(WITCHING_HOUR, fleet(WITCHING_HOUR))])
        self.engine = engine

    def sessions(self, query: SessionQuery) -> SessionPage:
        with self.engine.reading() as connection:
            return session_query.page(connection, query)

    def session(self, instance: str, identity: str, *, known_by: datetime | None = None) -> Entry | None:
        with self.engine.reading() as connection:
            return session_query.one(connection, instance, identity, known_by=known_by)

    def session_detail(self, instance: str, identity: str) -> Reading[SessionDetail]:
        def step(ago: float, role: str, text: str, *calls: str) -> Step:
            at = WITCHING_HOUR - timedelta(seconds=ago)
            return Step(at, role, calls, "terminal" if role == "tool" else None, None, len(text), text=text)

        steps = (
            step(90, "user", HOSTILE),
            step(80, "assistant", "", "terminal", "web_search"),
            step(40, "tool", "x" * 3_000),
            step(30, "assistant", "done"),
        )
        usage = (
            Usage("large-1", None, 4, 1_000, 0.25, "estimated"),
            Usage(None, "title_generation", 1, 90, None, None),
        )
        related = (Relative("parent", "s1", "cli", WITCHING_HOUR, None), Relative("child", "s2", "cli", None, None))
        told = SessionDetail(steps, 4, 4, usage, related, relatives_more=True)
        return Known(
            "hermes:north/session/x",
            "record",
            Origin("sessions database", "state.db"),
            told,
            WITCHING_HOUR,
            timedelta(hours=1),
        )


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The fleet, with a ledger of some hundred sessions; one has a name that would like to be a script."""
    engine = Engine(tmp_path_factory.mktemp("ledger") / Path("history.db"))
    engine.write(upgrade)
    told = [
        record(
            f"s{number}",
            source=("telegram", "cron", "cli")[number % 3],
            started_at=WITCHING_HOUR - timedelta(minutes=7 * number + 1),
            ended_at=WITCHING_HOUR - timedelta(minutes=number) if number % 2 else None,
            end_reason="session_reset" if number % 2 else None,
            messages=number,
            cost_status=None if number % 5 == 0 else "estimated",
            cost_usd=0.0 if number % 10 == 0 else 0.01 * number,
        )
        for number in range(MANY)
    ]
    fill(engine, {"north": told, "south": [record(HOSTILE, source="<b>", model=HOSTILE)]}, WITCHING_HOUR)
    with serving(fleet) as served:
        served.hub.recall = Ledger(engine)
        yield served
    engine.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("path", ["/sessions", "/sessions?sort=cost&q=nothing", "/session?instance=north&id=s4"])
def test_the_ledger_shuts_nobody_out(ledger: Served, window: Open, path: str, theme: str, width: int) -> None:
    """In both themes, on a desk and on a phone, the pages have no violation, no complaint, and fit the window."""
    page = window(theme=theme, width=width)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(ledger.base + path)
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document).then((result) => result.violations.map((v) => [v.id, v.nodes[0].html]))")
    assert found == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert complaints == []


def ask(page: Page) -> None:
    page.locator("#ask").get_by_role("button", name="Show").click()


def test_sessions_are_searched_sorted_and_paged_without_scripts(ledger: Served, window: Open) -> None:
    """A form and links are enough: the address carries what was asked, and every session is met once."""
    page = window(scripts=False)
    page.goto(f"{ledger.base}/sessions?instance=north")
    seen: list[str] = []
    while True:
        seen += page.locator(f"{ROWS} th").all_inner_texts()
        following = page.locator(".pager a[rel=next]")
        if not following.count():
            break
        following.click()
    assert seen == [f"s{number}" for number in range(MANY)]
    page.locator(".pager a[rel=prev]").click()
    expect(page.locator(f"{ROWS} th").first).to_have_text("s50")
    page.get_by_label("Platform").select_option("cron")
    page.get_by_label("Search").fill("s1")
    ask(page)
    expect(page).to_have_url(re.compile(r"q=s1&source=cron"))
    expect(page.locator("h1")).to_have_text(re.compile("^12 sessions match"))
    page.get_by_role("link", name="Messages").click()
    expect(page.locator(f"{ROWS} th").first).to_have_text("s118")
    expect(page.get_by_label("Platform")).to_have_value("cron")
    page.get_by_role("link", name="Clear").click()
    expect(page.locator(ROWS)).to_have_count(50)


def test_a_session_is_opened_and_its_timeline_read(ledger: Served, window: Open) -> None:
    """From the ledger one gets to a session, its turns and tools, its relatives, and back with the filter kept."""
    page = window()
    page.goto(f"{ledger.base}/sessions?instance=north")
    page.get_by_role("link", name="s4", exact=True).click()
    expect(page.locator(".record > li")).to_have_count(4)
    expect(page.locator(".record")).to_contain_text("calls terminal, web_search")
    page.locator("#relatives").get_by_role("link", name="s1", exact=True).click()
    expect(page.locator("h1")).to_have_text("s1")
    page.go_back()
    page.go_back()
    expect(page).to_have_url(re.compile("sessions.instance=north"))


def test_hostile_sessions_are_inert(ledger: Served, window: Open) -> None:
    """Ids, platforms, models and texts that would like to be markup are shown as what they are."""
    page = window()
    alarms: list[str] = []
    page.on("dialog", lambda dialog: alarms.append(dialog.message))
    page.goto(f"{ledger.base}/sessions?instance=south")
    expect(page.locator(f"{ROWS} th")).to_have_text(HOSTILE)
    page.locator(f"{ROWS} th a").click()
    expect(page.locator(".record .said").first).to_have_text(HOSTILE)
    assert page.locator("main img").count() == 0
    assert alarms == []


def test_a_question_that_cannot_be_answered_says_what_can_be_asked(ledger: Served, window: Open) -> None:
    """A moment that is none is told in words, and the form keeps what was asked."""
    page = window()
    page.goto(f"{ledger.base}/sessions?since=yesterday&source=cli")
    expect(page.locator("h1")).to_contain_text("no moment")
    expect(page.get_by_label("Began since")).to_have_value("yesterday")
