"""Pages of a moment that is over, and what memory gives to pages."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from starlette.testclient import TestClient

from quarterdeck.errors import MemoryUnavailableError
from quarterdeck.truth import fields as F  # noqa: N812
from quarterdeck.truth.instance import subject
from quarterdeck.truth.past import Late
from quarterdeck.truth.snapshot import Snapshot
from quarterdeck.views import VIEWS
from quarterdeck.web.address import Refusal, read
from quarterdeck.web.app import create_app
from quarterdeck.web.screen import RECALLING, Screen
from tests.fakes.door import let_in
from tests.fakes.hub import FakeHub
from tests.fakes.memory import FakeMemory
from tests.truth.cast import NOW, ORIGIN
from tests.web.worlds import world

THEN = NOW - timedelta(minutes=10)
GATEWAY = subject("north", "gateway")
MOMENT = THEN.strftime("%Y-%m-%dT%H:%M:%SZ")


def memory() -> FakeMemory:
    """A memory that begins when the gateway of north was down, and learnt of a restart later."""
    true_at, known_at = THEN - timedelta(minutes=4), NOW - timedelta(minutes=1)
    late = F.PROCESS_STARTED_AT.known(GATEWAY, ORIGIN, true_at, known_at)
    return FakeMemory([(THEN, world(1, THEN))], lately=[Late(late, true_at, known_at)])


@pytest.fixture
def client() -> Iterator[TestClient]:
    """A browser on a hub that is well now."""
    hub = FakeHub(world(0, NOW), NOW, memory())
    with TestClient(let_in(create_app(hub)), base_url="http://localhost", raise_server_exceptions=False) as client:
        yield client


def test_a_moment_that_has_hardly_passed_is_asked_for_again() -> None:
    """What was known a second ago may still be on its way into memory: an answer about it is not kept."""
    kept = memory()
    hub = FakeHub(world(0, NOW), NOW, kept)
    just = NOW - timedelta(seconds=1)
    with TestClient(let_in(create_app(hub)), base_url="http://localhost") as browser:
        asked = {"at": just.isoformat().replace("+00:00", "Z")}
        before = browser.get("/api/v1/views/agents", params=asked).json()["version"]
        kept.snapshots.append((just, world(3, just)))
        hub.wait(2)
        assert browser.get("/api/v1/views/agents", params=asked).json()["version"] != before


@pytest.mark.parametrize("name", list(VIEWS))
def test_every_page_and_call_can_be_of_a_moment_that_is_over(client: TestClient, name: str) -> None:
    """It says of which moment it is and leads back to now, and nothing on it is live, ticks or expires."""
    page = client.get(f"/{name}", params={"at": MOMENT})
    assert page.status_code == 200
    assert "As known at" in page.text
    assert "Back to now" in page.text
    assert not re.findall(r"data-(?:expires|age-of|when|seen|now)=\"\d+\"(?! data-past)", page.text)
    assert 'id="pause"' not in page.text
    assert "noscript" not in page.text
    data = client.get(f"/api/v1/views/{name}", params={"at": MOMENT}).json()
    assert (data["past"], data["at"]) == (True, THEN.isoformat(timespec="milliseconds").replace("+00:00", "Z"))


def test_it_shows_what_was_known_then_and_not_what_is_known_now(client: TestClient) -> None:
    """A gateway that was down then, and is well now, is down on the page of then; its readings are as fresh as then."""
    then = client.get("/api/v1/views/agents", params={"at": MOMENT, "instance": "north"}).json()
    now = client.get("/api/v1/views/agents", params={"instance": "north"}).json()
    assert (then["status"], now["status"]) == ("down", "ok")
    assert "past" not in now
    assert then["knowledge"].get("stale", 0) == 0


def test_links_on_it_stay_in_that_moment(client: TestClient) -> None:
    """Every link to another of our pages keeps the moment, but the one that leads back."""
    page = client.get("/brief", params={"at": MOMENT}).text
    links = [link for link in re.findall(r'<a [^>]*href="(/[^"]*)"', page) if not link.startswith("/static")]
    assert len(links) > 10
    assert {link for link in links if "at=" not in link} == {"/brief?instance=all", "/you"}  # to now, and to oneself


def test_what_was_learnt_later_is_told_beside_it(client: TestClient) -> None:
    """A fact that was true then and came later stands there with both its moments, on the page and in the API."""
    page = client.get("/agents", params={"at": MOMENT}).text
    assert "Learnt later" in page
    assert "process started at" in page
    told = client.get("/api/v1/views/agents", params={"at": MOMENT}).json()["learnt_late"]
    assert [(each["reading"]["subject"], each["known_at"] > each["true_at"]) for each in told] == [(GATEWAY, True)]


def test_before_memory_begins_it_says_since_when(client: TestClient) -> None:
    """Nothing is claimed of a time of which nothing is known; the page says where memory begins."""
    answer = client.get("/brief", params={"at": "2020-01-01T00:00:00Z"}, headers={"Accept": "text/html"})
    assert answer.status_code == 404
    assert f"Memory begins at {THEN:%Y-%m-%d %H:%M:%S} UTC" in answer.text
    assert set(client.get("/api/v1/views/brief?at=2020-01-01T00:00:00Z").json()["error"]) == {"status", "detail"}


def test_what_is_yet_to_come_is_refused(client: TestClient) -> None:
    """Nobody knows the future."""
    answer = client.get("/brief", params={"at": "2031-01-01T00:00:00Z"})
    assert answer.status_code == 404
    assert "yet to come" in answer.json()["error"]["detail"]


def test_without_a_memory_there_is_no_past() -> None:
    """Where nothing is kept, a past moment is refused, and pages do not offer one."""
    with TestClient(let_in(create_app(FakeHub(world(0, NOW), NOW))), base_url="http://localhost") as client:
        assert client.get("/brief", params={"at": MOMENT}).status_code == 404
        assert "As of another moment" not in client.get("/brief").text
    with TestClient(
        let_in(create_app(FakeHub(world(0, NOW), NOW, FakeMemory()))), base_url="http://localhost"
    ) as client:
        assert "Nothing has been recorded yet" in client.get("/brief", params={"at": MOMENT}).text


class LostMemory(FakeMemory):
    """A memory whose file cannot be read."""

    def snapshot_at(self, at: datetime) -> Snapshot | None:
        """Fail, as when the disk does."""
        raise MemoryUnavailableError("The history could not be read", "Look at the disk.")


def test_a_memory_that_fails_takes_nothing_else_with_it() -> None:
    """What cannot be remembered is 503 with what to do; the present is shown all the same."""
    hub = FakeHub(world(0, NOW), NOW, LostMemory())
    with TestClient(let_in(create_app(hub)), base_url="http://localhost", raise_server_exceptions=False) as client:
        answer = client.get("/brief", params={"at": MOMENT})
        assert (answer.status_code, "Look at the disk." in answer.text) == (503, True)
        assert client.get("/brief").status_code == 200


@dataclass(slots=True)
class SlowMemory(FakeMemory):
    """A memory that answers when a test lets it, and counts who asks."""

    asked: int = 0
    answer: threading.Event = None  # type: ignore[assignment]

    def snapshot_at(self, at: datetime) -> Snapshot | None:
        """Wait."""
        self.asked += 1
        self.answer.wait(20)
        return FakeMemory.snapshot_at(self, at)

    def moment(self, at: datetime) -> datetime | None:
        """Be exact."""
        return at


@pytest.mark.anyio
async def test_those_who_look_back_delay_nobody_who_looks_at_now() -> None:
    """While memory is slow, the present is rendered at once, one moment is asked for once, and a crowd is sent away."""
    slow = SlowMemory([(THEN, world(1, THEN))], answer=threading.Event())
    screen = Screen(FakeHub(world(0, NOW), NOW, slow))
    past = screen.slot(read("brief", f"at={MOMENT}"), page=True)
    waiting = [asyncio.ensure_future(screen.get(past)) for _ in range(50)]
    await asyncio.sleep(0)
    try:
        answer = await asyncio.wait_for(screen.get(screen.slot(read("brief", ""), page=True)), 10)
        assert answer.size
        moments = [(THEN + timedelta(seconds=n)).strftime("%Y-%m-%dT%H:%M:%SZ") for n in range(1, RECALLING + 5)]
        others = [screen.renew(screen.slot(read("brief", f"at={moment}"), page=True)) for moment in moments]
        await asyncio.sleep(0.05)
        assert any(each.done() and isinstance(each.exception(), Refusal) for each in others)
    finally:
        slow.answer.set()
    answers = await asyncio.gather(*waiting)
    await asyncio.gather(*others, return_exceptions=True)
    assert len({each.etag for each in answers}) == 1
    assert slow.asked <= len(moments) + 1
