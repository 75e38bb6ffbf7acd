"""Pages and API."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime
from html.parser import HTMLParser

import pytest
from starlette.testclient import TestClient

from quarterdeck.truth import fields as F  # noqa: N812
from quarterdeck.truth.instance import Instance, subject
from quarterdeck.truth.reading import AnyReading, Key, Reason
from quarterdeck.truth.snapshot import Look, Snapshot
from quarterdeck.views import VIEWS
from quarterdeck.views.asked import Asked
from quarterdeck.views.contract import as_json
from quarterdeck.views.judged import Judged
from quarterdeck.web.app import create_app
from tests.fakes.door import let_in
from tests.fakes.hub import FakeHub
from tests.truth.cast import NOW, ORIGIN, readings
from tests.truth.test_credentials import WELL as SECRET

INSTANCES = (Instance("north", "north"), Instance("south", "The <South>"))
OF_WORK = ("reviews", "board")
HOSTILE = "<script>alert(1)</script>\u202e"


def _snapshot() -> Snapshot:
    spoiled = {F.SESSIONS_TOTAL: Reason.CORRUPT, F.SESSIONS_24H: Reason.CORRUPT, F.RECORDED_PID: 12}
    name = subject("south", "cron", "77")
    named: dict[Key, AnyReading] = {(name, "name"): F.JOB_NAME.known(name, ORIGIN, HOSTILE, NOW)}
    source = "source:slow"
    told = {F.SOURCE_TOOK: 5_000.0, F.SOURCE_ANSWERED: False}
    named |= {(source, field.name): field.known(source, ORIGIN, value, NOW) for field, value in told.items()}
    asked = {F.SERVICE_KIND: "http", F.DEPLOYED: True, F.OUTCOME: "refused", F.SERVICE_ADDRESS: "127.0.0.1:80"}
    named |= {
        ("service:web", field.name): field.known("service:web", ORIGIN, value, NOW) for field, value in asked.items()
    }
    key = subject("north", "credential", "XAI_API_KEY")
    named |= {(key, field.name): field.known(key, ORIGIN, value, NOW) for field, value in SECRET.items()}
    way = ("[::]:443", "caddy", "127.0.0.1:9119")
    ways = {F.EXPOSED: (way,), F.DOUBTED: ((*way[:2], "variable"),), F.PRIVATE: (("tailnet", *way[1:]),)}
    reached = subject("north", "exposure")
    named |= {(reached, field.name): field.known(reached, ORIGIN, value, NOW) for field, value in ways.items()}
    looks = {"slow": Look("slow", NOW, 5_000, answered=False, detail="no answer within 5 s")}
    return Snapshot(3, NOW, INSTANCES, readings() | readings(spoiled, instance="south") | named, looks)


@pytest.fixture
def hub() -> FakeHub:
    """A hub with one instance that is well and one that is not."""
    return FakeHub(_snapshot(), NOW)


@pytest.fixture
def client(hub: FakeHub) -> Iterator[TestClient]:
    """A browser on this machine."""
    with TestClient(let_in(create_app(hub)), base_url="http://127.0.0.1:8421", raise_server_exceptions=False) as client:
        yield client


class Page(HTMLParser):
    """The elements of a page with their attributes and the text inside each."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str], list[str]]] = []
        self._open: list[tuple[str, dict[str, str], list[str]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin an element."""
        element = (tag, {key: value or "" for key, value in attrs}, list[str]())
        self.elements.append(element)
        if tag not in {"meta", "link", "input", "use", "path", "circle"}:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element that closes itself."""
        self.elements.append((tag, {key: value or "" for key, value in attrs}, []))

    def handle_endtag(self, tag: str) -> None:
        """End the innermost element of that name."""
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        """Give text to every element around it."""
        for _, _, text in self._open:
            text.append(data)

    def of(self, kind: str) -> list[tuple[dict[str, str], str]]:
        """Return attributes and text of the elements of a class."""
        return [(attrs, "".join(text)) for _, attrs, text in self.elements if kind in attrs.get("class", "").split()]


@pytest.mark.parametrize("name", list(VIEWS))
@pytest.mark.parametrize("instance", ["all", "north", "south"])
def test_every_view_is_a_page_and_an_api_call_over_every_filter(
    client: TestClient, hub: FakeHub, name: str, instance: str
) -> None:
    """The page answers as HTML, and the API says exactly what the view says."""
    page = client.get(f"/{name}", params={"instance": instance})
    assert page.status_code == 200
    assert page.text.lstrip().startswith("<!doctype html>")
    data = client.get(f"/api/v1/views/{name}", params={"instance": instance})
    expected = as_json(VIEWS[name].make(Judged(hub.snapshot, NOW), Asked(instance), None))
    assert json.loads(data.text) == json.loads(json.dumps(expected))


@pytest.mark.parametrize("name", list(VIEWS))
def test_every_value_on_a_page_names_its_source_and_its_life(client: TestClient, name: str) -> None:
    """Each shown value carries its source on hover and focus; each that is not lost carries its expiry."""
    page = Page(client.get(f"/{name}", params={"open": "hermes:south/gateway"}).text)
    cells = [(attrs, text) for attrs, text in page.of("cell") if "tabindex" in attrs]
    assert cells or VIEWS[name].recall is not None or name in OF_WORK  # nothing is remembered yet, no forge is named
    for attrs, text in cells:
        assert attrs["title"].strip()
        assert text.strip()
        assert attrs.get("data-expires") or "unknown" in attrs["class"] or "old" in attrs["class"]


@pytest.mark.parametrize("name", list(VIEWS))
def test_no_ok_on_a_page_without_an_expiry(client: TestClient, name: str) -> None:
    """Every green status says when it stops being true."""
    for attrs, text in Page(client.get(f"/{name}").text).of("st"):
        assert text.strip() in attrs["class"].split()
        assert "ok" not in attrs["class"].split() or attrs.get("data-expires")


def test_a_hub_whose_collector_has_stopped_shows_readings_growing_old(client: TestClient, hub: FakeHub) -> None:
    """The bytes of a moment when all was well are not served once it has passed."""
    fine = client.get("/api/v1/views/agents?instance=north").json()
    hub.wait(100)
    later = client.get("/api/v1/views/agents?instance=north").json()
    assert (fine["status"], later["status"]) == ("ok", "stale")
    assert "(old)" in client.get("/agents?instance=north").text


def test_within_one_second_a_page_is_rendered_once(client: TestClient, hub: FakeHub) -> None:
    """Two requests of one moment get the same bytes, and the second may be answered by its mark alone."""
    first = client.get("/brief")
    hub.wait(0.4)
    assert client.get("/brief").content == first.content
    assert client.get("/brief", headers={"If-None-Match": first.headers["etag"]}).status_code == 304
    hub.wait(5)
    assert client.get("/brief", headers={"If-None-Match": first.headers["etag"]}).status_code == 200


def test_stored_hostile_text_is_inert(client: TestClient) -> None:
    """A name with markup and bidi control is text, without its control characters."""
    page = client.get("/cron").text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "\u202e" not in page
    assert "The &lt;South&gt;" in page


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", ["/", "/brief", "/live/brief", "/api/v1/views/brief", "/static/deck.css"])
def test_nothing_but_looking(client: TestClient, method: str, path: str) -> None:
    """Every method that could change something is refused on every path."""
    assert client.request(method, path).status_code == 405


@pytest.mark.parametrize(
    "path", ["/brief", "/api/v1/views/cron", "/static/deck.js", "/nowhere", "/api/v1/views/nothing", "/brief?page=x"]
)
def test_every_answer_is_armed(client: TestClient, path: str) -> None:
    """Errors and static files carry the same policy as pages: nothing inline, nothing foreign, no frame."""
    headers = client.get(path).headers
    assert "unsafe" not in headers["content-security-policy"]
    assert (headers["x-content-type-options"], headers["x-frame-options"], headers["referrer-policy"]) == (
        "nosniff",
        "DENY",
        "same-origin",
    )


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/nowhere", 404),
        ("/brief?instance=nobody", 404),
        ("/api/v1/views/nope", 404),
        ("/brief?page=0", 400),
        ("/brief?at=2020-01-01", 400),
        ("/api/v1/views/brief?at=nobody", 400),
        ("/a/b/c", 404),
    ],
)
def test_errors_have_one_shape_and_say_what_to_do(client: TestClient, path: str, status: int) -> None:
    """An error is JSON with its status and a sentence; it never repeats what was sent."""
    answer = client.get(path)
    assert answer.status_code == status
    assert set(answer.json()["error"]) == {"status", "detail"}
    assert "nobody" not in answer.text


def test_a_failure_of_ours_names_its_type_and_no_content() -> None:
    """An exception inside a view becomes words; what it quoted stays inside."""
    secret = "what-was-" + "read"

    class Broken(FakeHub):
        def clock(self) -> datetime:
            raise ValueError(secret)

    with TestClient(
        let_in(create_app(Broken(_snapshot(), NOW))), base_url="http://localhost", raise_server_exceptions=False
    ) as client:
        answer = client.get("/brief")
    assert answer.status_code == 500
    assert "ValueError" in answer.text
    assert secret not in answer.text


def test_long_lists_page_and_the_page_lives_in_the_url() -> None:
    """A thousand jobs are six pages, each reached by its address."""
    world = readings()
    for number in range(1_000):
        name = subject("north", "cron", f"{number:012x}")
        world[name, "declared"] = F.DECLARED.known(name, ORIGIN, False, NOW)
    with TestClient(
        let_in(create_app(FakeHub(Snapshot(1, NOW, INSTANCES[:1], world), NOW))), base_url="http://localhost"
    ) as client:
        first, last = client.get("/cron").text, client.get("/cron?page=6").text
        assert len(re.findall(r'<tr id="', first)) == 200
        assert "Page 1 of 6" in first
        assert "Page 6 of 6" in last
        assert len(re.findall(r'<tr id="', last)) == 2  # 1,000, the job of the cast and the scheduler


def test_times_are_machine_readable(client: TestClient) -> None:
    """Every time element carries its moment in RFC 3339."""
    times = [attrs for tag, attrs, _ in Page(client.get("/brief").text).elements if tag == "time"]
    assert times
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", attrs["datetime"]) for attrs in times)


@pytest.mark.parametrize("path", ["/brief", "/api/v1/views/brief", "/static/deck.css", "/healthz"])
def test_head_is_looking_too(client: TestClient, path: str) -> None:
    """HEAD answers as GET does, without a body."""
    answer = client.head(path)
    assert (answer.status_code, answer.content) == (200, b"")
