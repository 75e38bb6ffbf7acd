"""What every route takes, and what everybody gets of it, through the guard."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

import pytest
from starlette.routing import Route as FrameworkRoute

from quarterdeck.access.armour import ARMOUR
from quarterdeck.access.guard import Guard
from quarterdeck.access.identity import Permission, Person, Role, Way
from quarterdeck.access.shape import LOOKING
from quarterdeck.views import VIEWS
from quarterdeck.web.api import create_api
from quarterdeck.web.app import Front, create_app
from tests.access.asking import CHANGE, HOST, Answer, Header, asking, opened, peer, scope
from tests.fakes.door import OPERATOR, VIEWER, FakeDoorman
from tests.fakes.hub import FakeHub
from tests.truth.cast import NOW
from tests.web.worlds import world

GUEST: Final = Person("local", "token", Role.GUEST)
PEOPLE: Final[Mapping[str, Person | None]] = {"nobody": None, "guest": GUEST, "viewer": VIEWER, "operator": OPERATOR}
NEEDS: Final[Mapping[str, str]] = {"session": "id=none"}
"""What a view asks for so that there is something to show."""
TABLE: Final = tuple(
    (path, method, route.permission)
    for path, methods in create_app(FakeHub(world(0, NOW), NOW)).routes.items()
    for method, route in methods.items()
)
NOT_THERE: Final = (
    *(
        "/docs",
        "/redoc",
        "/openapi.json",
        "/admin",
        "/brief/",
        "/Brief",
        "//brief",
        "/brief/../cron",
        "/.env",
        "/.git/HEAD",
    ),
    *(
        "/static/",
        "/static/../app.py",
        "/api",
        "/api/v1",
        "/api/v1/",
        "/live",
        "/live/",
        "/debug",
        "/server-status",
        "",
    ),
)


def house(person: Person | None) -> tuple[Guard, Front, FakeDoorman]:
    """The application behind the guard, to which everybody comes as one person."""
    front, doorman = create_app(FakeHub(world(0, NOW), NOW)), FakeDoorman(person)
    return opened(Guard(front, doorman, still_every_s=0.02)), front, doorman


def get(person: Person | None, path: str, method: str = "GET", *more: Header, way: Way = Way.LOOPBACK) -> Answer:
    """Ask once; a stream is read until its reader is known no more."""
    guard, _, doorman = house(person)
    host = HOST if way is Way.LOOPBACK else b"box.tail.ts.net"
    headers = [(b"host", host), *more] if method in LOOKING else [*CHANGE, *more]
    path, _, query = path.partition("?")

    async def once() -> Answer:
        asked = scope(path, method, headers, query=query.encode(), by=peer(way))
        reading = asyncio.ensure_future(asking(guard, asked, b"a=b"))
        if path.startswith("/live/"):
            await asyncio.wait((reading,), timeout=0.02)
            doorman.person = None
        return await asyncio.wait_for(reading, 20)

    return asyncio.run(once())


FLAT: Final = get(None, "/")


def test_every_route_says_what_it_takes() -> None:
    """There is no route without a permission, and what changes something is never open to whoever may look only."""
    assert TABLE
    for path, method, permission in TABLE:
        assert permission in Permission, path
        assert method in {"GET", "POST"}
    assert {path for path, _, permission in TABLE if permission is not Permission.LOOK} == {
        path for path, _, _ in TABLE if path.startswith("/static/")
    }


def test_the_framework_answers_nothing_that_is_not_in_the_table() -> None:
    """What the framework behind the table knows stands in the table too: there is one place to look."""
    routes = create_api().routes
    assert routes
    for route in routes:
        assert isinstance(route, FrameworkRoute)
        assert (route.path, "GET") in {(path, method) for path, method, _ in TABLE}
        assert route.methods == {"GET", "HEAD"}


@pytest.mark.parametrize("who", list(PEOPLE))
@pytest.mark.parametrize(("path", "method", "permission"), TABLE)
def test_everybody_gets_what_they_may(path: str, method: str, permission: Permission, who: str) -> None:
    """Every route for nobody, a guest, a viewer and an operator: what it is, why not, or the stranger's answer."""
    person = PEOPLE[who]
    query = NEEDS.get(path.rpartition("/")[2], "")
    answer = get(person, f"{path}?{query}", method)
    if person is not None and person.may(permission):
        assert answer.status == (HTTPStatus.TEMPORARY_REDIRECT if path == "/" else HTTPStatus.OK)
    else:
        assert person is None or person.role is Role.GUEST
        assert answer == FLAT


@pytest.mark.parametrize("path", NOT_THERE)
@pytest.mark.parametrize("who", list(PEOPLE))
def test_what_is_not_in_the_table_is_not_there(path: str, who: str) -> None:
    """T26: no documentation of the framework, no directory, no other spelling; strangers cannot tell it from a page."""
    person = PEOPLE[who]
    answer = get(person, path)
    assert answer == FLAT if person in {None, GUEST} else answer.status == HTTPStatus.NOT_FOUND


@pytest.mark.parametrize("method", ["PUT", "OPTIONS", "TRACE", "POST"])
@pytest.mark.parametrize("path", [path for path, _, _ in TABLE])
def test_nothing_is_changed_where_there_is_only_something_to_see(path: str, method: str) -> None:
    """T26, T5: to an operator every other method is refused with what may be used; strangers are told nothing."""
    answer = get(OPERATOR, path, method)
    assert answer.status == HTTPStatus.METHOD_NOT_ALLOWED
    assert answer.said(b"allow") == b"GET, HEAD"
    assert get(None, path, method) == FLAT


BEHIND: Final = {"/api/v1/views", "/api/v1/openapi.json"}
"""What the framework answers: it leaves the body of HEAD to the server."""


@pytest.mark.parametrize("path", [path for path, _, _ in TABLE])
def test_head_is_answered_as_get_without_a_body(path: str) -> None:
    """HEAD says what GET would, sends nothing, and holds nothing open."""
    query = NEEDS.get(path.rpartition("/")[2], "")
    guard, _, _ = house(OPERATOR)
    asked = scope(path, "HEAD", query=query.encode(), by=peer())

    async def once() -> Answer:
        return await asyncio.wait_for(asking(guard, asked), 10)

    answer = asyncio.run(once())
    assert answer.body == b"" or path in BEHIND
    assert answer.status == (HTTPStatus.TEMPORARY_REDIRECT if path == "/" else HTTPStatus.OK)


ASKED: Final = (
    *(f"{path}?{NEEDS.get(path.rpartition('/')[2], '')}" for path, _, _ in TABLE),
    *(
        "/nowhere",
        "/brief?page=0",
        "/brief?instance=nobody",
        "/api/v1/views?what=1",
        "/live/brief?at=2020-01-01",
        "/?\xff",
    ),
)


@pytest.mark.parametrize("path", ASKED)
@pytest.mark.parametrize(
    ("way", "person", "method"),
    [
        (Way.LOOPBACK, OPERATOR, "GET"),
        (Way.SERVE, OPERATOR, "GET"),
        (Way.TAILNET, OPERATOR, "DELETE"),
        (Way.SERVE, None, "GET"),
    ],
)
def test_every_answer_is_armed(path: str, way: Way, person: Person | None, method: str) -> None:
    """T7, T8, T9, T10: pages, streams, files, data, errors and what strangers get carry the same armour, once; none is
    open to other origins, and what is not a file named by its content is kept by nobody.
    """
    answer = get(person, path, method, (b"origin", b"http://evil.example"), way=way)
    names = [name for name, _ in answer.headers]
    assert len(names) == len({*names})
    assert {*ARMOUR} <= {*answer.headers}
    policy = answer.said(b"content-security-policy").decode()
    assert "unsafe" not in policy
    assert {"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"} <= {
        *policy.split("; ")
    }
    assert not [name for name in names if name.startswith(b"access-control-")]
    assert b"server" not in names
    assert answer.said(b"cache-control") == b"no-store"
    assert (b"strict-transport-security" in names) == (way is Way.SERVE)


def test_every_view_has_its_three_ways() -> None:
    """A page, data and a stream for each view, and what it takes is to look."""
    paths = {path: permission for path, _, permission in TABLE}
    for name in VIEWS:
        assert [paths[f"{at}{name}"] for at in ("/", "/live/", "/api/v1/views/")] == [Permission.LOOK] * 3
