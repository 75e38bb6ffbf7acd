"""Reviews and board as pages and as calls of the API."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta

import msgspec
import pytest
from starlette.testclient import TestClient

from quarterdeck.access.identity import Person, Role
from quarterdeck.truth.forge import pull
from quarterdeck.views import VIEWS
from quarterdeck.views.asked import Asked
from quarterdeck.views.contract import as_json
from quarterdeck.views.judged import Judged
from quarterdeck.web import described
from quarterdeck.web.app import create_app
from tests.fakes import work
from tests.fakes.door import let_in
from tests.fakes.hub import FakeHub
from tests.truth.cast import NOW
from tests.web.test_app import Page

HERS = Person("tailnet", "her@example.com", Role.OPERATOR, instances=frozenset({"south"}))
NAMES = ("reviews", "board")


@pytest.fixture
def hub() -> FakeHub:
    """A hub that watches a forge."""
    return FakeHub(work.snapshot(NOW), NOW)


@pytest.fixture
def client(hub: FakeHub) -> Iterator[TestClient]:
    """A browser on this machine."""
    with TestClient(let_in(create_app(hub)), base_url="http://127.0.0.1:8421") as client:
        yield client


@pytest.mark.parametrize("name", NAMES)
def test_the_api_says_what_the_view_says_in_the_published_form(client: TestClient, hub: FakeHub, name: str) -> None:
    """What is sent is the view, and it has the form that is described."""
    answer = client.get(f"/api/v1/views/{name}")
    made = as_json(VIEWS[name].make(Judged(hub.snapshot, NOW), Asked(), None))
    assert json.loads(answer.text) == json.loads(json.dumps(made))
    assert msgspec.json.decode(answer.content, type=described.View).view == name


@pytest.mark.parametrize("name", NAMES)
def test_every_value_names_its_source_and_no_status_is_well_for_ever(client: TestClient, name: str) -> None:
    """Each shown value carries its source and, unless it is lost, its expiry; so does each green status."""
    page = Page(client.get(f"/{name}", params={"open": "forge:main/card/acme/tools/104"}).text)
    cells = [(attrs, text) for attrs, text in page.of("cell") if "tabindex" in attrs]
    assert cells
    for attrs, text in cells:
        assert attrs["title"].strip()
        assert text.strip()
        assert attrs.get("data-expires") or "unknown" in attrs["class"] or "old" in attrs["class"]
    found = page.of("st")
    assert found
    for attrs, text in found:
        assert text.strip() in attrs["class"].split()
        assert "ok" not in attrs["class"].split() or attrs.get("data-expires")


def test_the_filter_and_the_pages_are_those_of_the_address(client: TestClient) -> None:
    """A word of the address leaves out rows in the page and in the API alike; the links of the page keep it."""
    told = client.get("/api/v1/views/reviews?need=routine&repo=acme/tools").json()
    assert len(told["queue"]["pulls"]) == told["queue"]["total"] == 3
    page = client.get("/reviews?need=routine&repo=acme/tools").text
    assert page.count('class="pull"') == 3
    assert client.get("/api/v1/views/board?lane=unassigned&after=5").json()["board"]["begins"] == 5


@pytest.mark.parametrize(
    "query", ["reviews?class=wonderful", "reviews?need=money", "board?lane=somewhere", "board?q=a&q=b"]
)
def test_a_word_that_is_not_understood_is_refused(client: TestClient, query: str) -> None:
    """A class, a need or a lane that there is none of is an error that says which there are, and not an empty page."""
    answer = client.get(f"/api/v1/views/{query}")
    assert answer.status_code == 400
    assert answer.json()["error"]["detail"]


def test_an_answer_is_as_old_as_what_the_forge_said(client: TestClient, hub: FakeHub) -> None:
    """When nothing new has come for long, no pull request is classed any more by what was true once."""
    hub.wait(3_600)
    told = client.get("/api/v1/views/reviews").json()["queue"]["pulls"]
    assert {each["class"] for each in told.values()} == {"unknown"}
    assert told[pull("main", work.TOOLS, 2)]["class_was"] == "waiting on review"


@pytest.mark.parametrize("path", [f"{place}{name}" for place in ("/", "/api/v1/views/") for name in NAMES])
def test_who_may_see_some_agents_only_sees_nothing_of_a_forge(hub: FakeHub, path: str) -> None:
    """Neither a page nor an answer has a word of it, and both say that it is not shown rather than not there."""
    with TestClient(let_in(create_app(hub), HERS), base_url="http://localhost") as client:
        said = client.get(path).text
    assert "not shown to you" in said
    for secret in ("acme", "alice", "north", "certificates", "git.example.com"):
        assert secret not in said


def test_a_page_carries_no_more_than_it_must(client: TestClient) -> None:
    """Of thousands of pull requests a page carries those it shows, and says how many there are."""
    many = {pull("main", work.TOOLS, 1_000 + n): work.a_pull(NOW, 1_000 + n, f"Change {n}") for n in range(5_000)}
    full = FakeHub(work.snapshot(NOW, work.world(NOW) | many), NOW + timedelta(seconds=1))
    with TestClient(let_in(create_app(full)), base_url="http://127.0.0.1:8421") as packed:
        answer = packed.get("/reviews")
    assert len(answer.content) < 400_000
    assert "of 5,017" in answer.text
