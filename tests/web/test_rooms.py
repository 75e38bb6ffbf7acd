"""Pages and calls of somebody who may see some instances only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from starlette.testclient import TestClient

from quarterdeck.access.identity import Person, Role
from quarterdeck.truth import fields as F  # noqa: N812
from quarterdeck.truth.instance import subject
from quarterdeck.truth.judgement import Status
from quarterdeck.truth.past import Change, Late
from quarterdeck.truth.reading import Knowledge
from quarterdeck.views import VIEWS
from quarterdeck.web.app import create_app
from quarterdeck.web.rooms import ROOMS, Rooms
from tests.fakes.door import OPERATOR, let_in
from tests.fakes.hub import FakeHub
from tests.fakes.memory import FakeMemory
from tests.truth.cast import NOW, ORIGIN
from tests.web.worlds import world

HERS = Person("tailnet", "her@example.com", Role.OPERATOR, instances=frozenset({"south"}))
HIS = subject("north", "gateway")
THEN = NOW - timedelta(minutes=10)
MOMENT = THEN.strftime("%Y-%m-%dT%H:%M:%SZ")
PAGES = [f"/{name}" for name in VIEWS]
CALLS = [f"/api/v1/views/{name}" for name in VIEWS]


def hub() -> FakeHub:
    """A fleet of two in trouble, of both of which memory could tell much."""
    change = Change(HIS, THEN, Status.DOWN, None, Knowledge.FRESH, "gone", "north is gone", None)
    late = Late(F.UPDATING.known(HIS, ORIGIN, True, NOW), THEN - timedelta(minutes=1), NOW)
    return FakeHub(world(3, NOW), NOW, FakeMemory([(THEN, world(3, THEN))], changed=[change], lately=[late]))


@pytest.fixture(scope="module")
def hers() -> Iterator[TestClient]:
    """A browser of hers."""
    with TestClient(let_in(create_app(hub()), HERS), base_url="http://localhost") as client:
        yield client


@pytest.mark.parametrize("query", ["", "?instance=all", f"?at={MOMENT}", "?instance=south"])
@pytest.mark.parametrize("path", [*PAGES, *CALLS])
def test_nothing_of_others_is_on_any_page(hers: TestClient, path: str, query: str) -> None:
    """On no page and in no answer of the API, now or then, is there a word of an instance that is not hers."""
    answer = hers.get(path + query)
    assert "north" not in answer.text.lower()
    assert "host:" not in answer.text.lower()


@pytest.mark.parametrize("path", [*PAGES, *CALLS])
def test_another_instance_is_one_there_is_none_of(hers: TestClient, path: str) -> None:
    """Who asks for an instance that is not hers is told what is told of one that does not exist."""
    asked, invented = (hers.get(f"{path}?instance={name}") for name in ("north", "nowhere"))
    assert asked.status_code == invented.status_code == 404
    assert asked.text == invented.text


@pytest.mark.parametrize("question", ["timeline?subject={}", "runs?subject={}", "session?instance=north&id=1"])
def test_a_subject_of_another_is_one_there_is_none_of(hers: TestClient, question: str) -> None:
    """Who asks for a subject that is not hers by its id learns nothing of it."""
    answer = hers.get("/" + question.format(subject("north", "cron", "77")))
    for secret in ("new</b>", "is gone", "gone at"):
        assert secret not in answer.text


def test_who_may_see_everything_sees_it() -> None:
    """The same hub shows both to somebody else, also when she has asked before."""
    application = create_app(hub())
    with TestClient(let_in(application, HERS), base_url="http://localhost") as client:
        assert "north" not in client.get("/brief").text.lower()
    with TestClient(let_in(application, OPERATOR), base_url="http://localhost") as client:
        assert "north" in client.get("/brief").text.lower()
    with TestClient(let_in(application, HERS), base_url="http://localhost") as client:
        assert "north" not in client.get("/brief").text.lower()


def test_who_has_several_sees_their_sessions_one_by_one() -> None:
    """The ledger of somebody with several instances begins with the first of them."""
    both = replace(HERS, instances=frozenset({"north", "south"}))
    with TestClient(let_in(create_app(hub()), both), base_url="http://localhost") as client:
        told = client.get("/api/v1/views/sessions").json()
    assert told["filter"] == {"instance": "north"}


def test_rooms_are_not_kept_for_ever() -> None:
    """However many sets of instances somebody names, so many have renderings that are kept."""
    rooms = Rooms(hub())
    first = rooms.of(frozenset({"0"}))
    assert rooms.of(frozenset({"0"})) is first
    for number in range(ROOMS + 1):
        rooms.of(frozenset({str(number)}))
    assert rooms.of(frozenset({"0"})) is not first
    assert rooms.of(None) is rooms.whole
    assert rooms.streams == 0
