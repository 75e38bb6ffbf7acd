"""What the API says of itself, against what it does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import jsonschema
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.specs.openapi.checks import ignored_auth, unsupported_method
from starlette.testclient import TestClient

from quarterdeck.views import VIEWS
from quarterdeck.web.app import create_app
from quarterdeck.web.described import document
from tests.e2e.serving import Served, serving
from tests.fakes.door import let_in
from tests.fakes.hub import FakeHub
from tests.truth.cast import NOW
from tests.web.test_past import MOMENT, memory
from tests.web.worlds import world

HUB = FakeHub(world(3, NOW), NOW, memory(), banner="Invented.")
SCHEMA = schemathesis.openapi.from_dict(document())
EXAMPLES = 30


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    """A program that asks."""
    with TestClient(let_in(create_app(HUB)), base_url="http://127.0.0.1", raise_server_exceptions=False) as client:
        yield client


@pytest.fixture(scope="module")
def running() -> Iterator[Served]:
    """A server that programs ask, with a memory."""
    with serving(lambda now: world(3, now)) as served:
        served.hub.recall = memory()
        yield served


def held(value: Any, name: str) -> None:
    """Hold a value against a schema of the description."""
    schema = {"$ref": f"#/components/schemas/{name}", "components": document()["components"]}
    jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker()).validate(value)


def test_the_description_is_served_and_is_openapi(client: TestClient) -> None:
    """It is where programs look for it, names every view with its parameters, and nothing that changes anything."""
    served = client.get("/api/v1/openapi.json").json()
    assert served == json.loads(json.dumps(document()))
    assert served["openapi"].startswith("3.1")
    assert {f"/api/v1/views/{name}" for name in VIEWS} | {"/api/v1/views"} == set(served["paths"])
    assert {method for path in served["paths"].values() for method in path} == {"get"}
    for name, spec in VIEWS.items():
        parameters = served["paths"][f"/api/v1/views/{name}"]["get"]["parameters"]
        assert [each["name"] for each in parameters] == ["instance", "at", *spec.params]
        assert all(each["description"] for each in parameters)


@pytest.mark.parametrize("query", ["", "instance=south", f"at={MOMENT}"])
@pytest.mark.parametrize("name", list(VIEWS))
def test_every_view_is_what_the_description_says(client: TestClient, name: str, query: str) -> None:
    """Each answer holds against the published schema, whatever the filter and the moment."""
    answer = client.get(f"/api/v1/views/{name}?{query}")
    assert answer.status_code == 200
    held(answer.json(), "View")


def test_the_list_of_views_is_what_the_description_says(client: TestClient) -> None:
    """A program finds every view with its title, its address and its words, without reading a page."""
    listed = client.get("/api/v1/views").json()
    held(listed, "Entries")
    assert [entry["view"] for entry in listed["views"]] == list(VIEWS)
    assert all(client.get(entry["href"]).status_code == 200 for entry in listed["views"])


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [
        ("/api/v1/views/brief?what=1", "GET", 400),
        ("/api/v1/views?what=1", "GET", 400),
        ("/api/v1/views/nothing", "GET", 404),
        ("/api/v1/nothing", "GET", 404),
        ("/api/v2", "GET", 404),
        ("/api/v1/views/brief", "POST", 405),
        ("/api/v1/openapi.json", "DELETE", 405),
    ],
)
def test_every_error_has_the_one_shape(client: TestClient, path: str, method: str, status: int) -> None:
    """Whoever finds an error, it is the same object, and what may be done instead is said in its headers too."""
    answer = client.request(method, path)
    assert answer.status_code == status
    held(answer.json(), "Error")
    assert answer.headers["content-security-policy"]
    assert status != 405 or answer.headers["allow"] == "GET, HEAD"


def test_what_is_invented_says_so_everywhere() -> None:
    """A demo is one in the API, in the title of every page, and in words above everything else."""
    with TestClient(let_in(create_app(HUB)), base_url="http://127.0.0.1") as client:
        for name in VIEWS:
            assert client.get(f"/api/v1/views/{name}").json()["demo"] is True
            page = client.get(f"/{name}").text
            assert "<title>Demo · " in page
            assert page.index('class="demo"') < page.index("<header>")
        refused = client.get("/nothing", headers={"accept": "text/html"}).text
        assert refused.index('class="demo"') < refused.index("<header>")
    real = FakeHub(world(3, NOW), NOW)
    with TestClient(let_in(create_app(real)), base_url="http://127.0.0.1") as client:
        assert "demo" not in client.get("/api/v1/views/brief").json()
        assert "Demo" not in client.get("/brief").text


@SCHEMA.parametrize()
@settings(
    max_examples=EXAMPLES,
    derandomize=True,
    deadline=timedelta(seconds=5),
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_whatever_the_description_allows_is_answered_as_described(
    case: schemathesis.Case[Any], running: Served
) -> None:
    """Right and wrong questions by the hundred: every answer has a documented status and holds against its schema."""
    answer = case.call(base_url=running.base)
    assert answer.status_code < 500
    # A change is first asked where it comes from. Who is nobody is tried in tests/access, with a doorman who knows it.
    case.validate_response(answer, excluded_checks=[unsupported_method, ignored_auth])
