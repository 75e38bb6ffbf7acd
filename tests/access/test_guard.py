"""The guard: who may do what, what strangers get, and what an owner reads of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck.access import request_id
from quarterdeck.access.armour import ARMOUR
from quarterdeck.access.guard import FAILURES, FAILURES_S, LOG_EVERY_S, LOGGED, Guard
from quarterdeck.access.identity import Permission, Person, Role, Way
from tests.access.asking import (
    CHANGE,
    FORM_SENT,
    HOST,
    ORIGIN,
    ROUTES,
    Header,
    Inside,
    ask,
    asking,
    opened,
    peer,
    scope,
)
from tests.access.houses import (
    FLAT,
    GUEST,
    HSTS,
    RIGHT_HOSTS,
    TAILNET_HOST,
    BrokenDoorman,
    ForgetfulDoorman,
    House,
    house,
)
from tests.fakes.door import OPERATOR, VIEWER, FakeDoorman

# --- who may do what ---

POSTED: Final = ("/act", "/enter", "/sign-in", "/hooks/forge/main")
MAY: Final[Mapping[Permission, frozenset[Role]]] = {
    Permission.ENTER: frozenset(Role),
    Permission.LOOK: frozenset({Role.VIEWER, Role.OPERATOR}),
    Permission.ACT: frozenset({Role.OPERATOR}),
    Permission.RING: frozenset(),
}


@pytest.mark.parametrize("person", [None, GUEST, VIEWER, OPERATOR], ids=lambda person: person and person.role)
@pytest.mark.parametrize("path", [*ROUTES, "/nowhere"])
def test_each_gets_in_where_they_may(path: str, person: Person | None) -> None:
    """By permission and role: in, told why not, or the stranger's answer. Whoever knows nothing is told nothing."""
    there = house(person)
    if path in POSTED:
        answer = ask(there.guard, scope(path, "POST", CHANGE, by=peer()), b"a=b")
    else:
        answer = ask(there.guard, scope(path, by=peer())) if "live" not in path else ask_a_moment(there, path)
    permission = ROUTES.get(path)
    known = person is not None and person.role is not Role.GUEST
    if permission is Permission.ARRIVE or (person and permission and person.role in MAY[permission]):
        who = None if permission is Permission.ARRIVE else person
        assert (answer.status, there.inside.came) == (200, [(path, who)])
    elif known and permission is not Permission.RING:
        assert (answer.status, there.inside.came) == (404 if permission is None else 403, [])
        assert there.inside.told
    else:
        assert (answer, there.inside.came, there.inside.told) == (FLAT, [], [])


@pytest.mark.parametrize("person", [None, GUEST, OPERATOR], ids=lambda person: person and person.role)
@pytest.mark.parametrize("status", [200, 202, 204, 302, 400, 403, 500])
def test_of_a_ring_only_is_said_that_it_was_heard(person: Person | None, status: int) -> None:
    """Whoever rings comes in as nobody; whatever is answered inside but for "heard" becomes the strangers' answer."""
    said = [(b"host", HOST), (b"content-type", b"application/json"), (b"content-length", b"2")]
    there = house(person)
    there.inside.status = status
    answer = ask(there.guard, scope("/hooks/forge/main", "POST", said, by=peer()), b"{}")
    assert there.inside.came == [("/hooks/forge/main", None)]
    assert (answer.status, answer.body) == (202, b"inside") if status == 202 else answer == FLAT
    assert there.guard.refused == ({} if status == 202 else {"ring": 1})


def ask_a_moment(there: House, path: str) -> Any:
    """Read a stream until whoever reads it is known no more."""

    async def read() -> Any:
        person, reading = there.doorman.person, asyncio.ensure_future(asking(there.guard, scope(path, by=peer())))
        await asyncio.sleep(0.05)
        there.doorman.person = None
        answer = await asyncio.wait_for(reading, 10)
        there.doorman.person = person
        return answer

    return asyncio.run(read())


@pytest.mark.parametrize(
    ("method", "status"),
    [("GET", 200), ("HEAD", 200)]
    + [(m, 405) for m in ("PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "get", "", "X" * 50)],
)
def test_only_three_methods_are_answered(method: str, status: int) -> None:
    """T26: whoever is known is told so of every other, and a stranger is told nothing."""
    there = house()
    assert ask(there.guard, scope(method=method, by=peer())).status == status
    assert (len(there.inside.came), len(there.inside.told)) == ((1, 0) if status == 200 else (0, 1))
    assert ask(house(None).guard, scope(method=method, by=peer())).status == FLAT.status


# --- doormen who fail (T33) ---

FAILING: Final = (
    BrokenDoorman(None),
    BrokenDoorman(remembering=RuntimeError("quoted")),
    BrokenDoorman(asking=RuntimeError("quoted")),
    BrokenDoorman(asking=TimeoutError()),
    BrokenDoorman(asking=ConnectionResetError()),
    BrokenDoorman(asking=UnicodeDecodeError("ascii", b"x", 0, 1, "quoted")),
    BrokenDoorman(hangs=True),
)


@pytest.mark.parametrize("doorman", FAILING, ids=repr)
@pytest.mark.parametrize("way", list(Way))
def test_a_doorman_who_fails_opens_nothing(doorman: BrokenDoorman, way: Way, caplog: pytest.LogCaptureFixture) -> None:
    """T33, T14: who does not know, breaks or never answers lets nobody in, soon, and what broke quotes nothing."""
    there = House(doorman)
    answer = ask(there.guard, scope(headers=[(b"host", RIGHT_HOSTS[way][0])], by=peer(way)))
    assert (answer.status, answer.body, there.inside.came) == (403, FLAT.body, [])
    assert "quoted" not in caplog.text
    if doorman != FAILING[0]:
        assert "Nobody could be recognised" in caplog.text


def test_who_fails_often_is_not_asked_for_any_more() -> None:
    """One device that is not recognised forty times in ten seconds costs nothing for the rest of them."""
    there = House(ForgetfulDoorman(None))
    asked = scope(headers=[(b"host", TAILNET_HOST)], by=peer(Way.TAILNET, "100.64.9.9"))
    for _ in range(FAILURES + 20):
        assert ask(there.guard, asked) == FLAT
    assert there.doorman.asked == FAILURES
    there.doorman.person = OPERATOR
    assert ask(there.guard, asked) == FLAT
    other = scope(headers=[(b"host", TAILNET_HOST)], by=peer(Way.TAILNET, "100.64.9.8"))
    assert ask(there.guard, other).status == 200
    there.clock.now += FAILURES_S
    assert ask(there.guard, asked).status == 200
    for _ in range(FAILURES + 20):
        assert ask(there.guard, asked).status == 200


def test_on_loopback_nobody_can_use_up_the_tries_of_others() -> None:
    """There all share one address: however often one fails, the next is asked for."""
    there = House(ForgetfulDoorman(None))
    for _ in range(FAILURES + 20):
        ask(there.guard, scope(by=peer()))
    there.doorman.person = OPERATOR
    assert ask(there.guard, scope(by=peer())).status == 200


# --- streams (T18) ---


@pytest.mark.parametrize("person", [None, GUEST, replace(OPERATOR, instances=frozenset({"south"}))])
def test_a_stream_ends_when_its_reader_is_known_no_more(person: Person | None) -> None:
    """T15, T17, T18: whoever is signed out, or may no longer look at all of it, reads no further; till then they do."""
    there = house()

    async def read() -> None:
        reading = asyncio.ensure_future(asking(there.guard, scope("/live/brief", by=peer())))
        await asyncio.sleep(0.1)
        assert not reading.done()
        there.doorman.person = person
        assert (await asyncio.wait_for(reading, 10)).status == 200

    asyncio.run(read())
    assert there.inside.came == [("/live/brief", OPERATOR)]


def test_a_stream_ends_when_its_way_is_shut() -> None:
    """What came by the tailnet ends with the proof that it is the tailnet, and what came by loopback goes on."""
    there = house()

    async def read() -> None:
        by = scope("/live/brief", headers=[(b"host", TAILNET_HOST)], by=peer(Way.TAILNET))
        lost = asyncio.ensure_future(asking(there.guard, by))
        kept = asyncio.ensure_future(asking(there.guard, scope("/live/brief", by=peer())))
        await asyncio.sleep(0.05)
        there.guard.shut(Way.TAILNET)
        await asyncio.wait_for(lost, 10)
        assert not kept.done()
        there.guard.shut(Way.LOOPBACK)
        await asyncio.wait_for(kept, 10)

    asyncio.run(read())


def test_a_stream_ends_when_the_doorman_fails() -> None:
    """T33: who cannot be recognised any more is a stranger, in the middle of a stream too."""
    doorman = BrokenDoorman()
    there = House(doorman)

    async def read() -> None:
        reading = asyncio.ensure_future(asking(there.guard, scope("/live/brief", by=peer())))
        await asyncio.sleep(0.05)
        doorman.hangs = True
        await asyncio.wait_for(reading, 10)

    asyncio.run(read())


# --- what is logged (T24) ---


def test_a_reason_is_logged_once_a_minute_with_what_to_do(caplog: pytest.LogCaptureFixture) -> None:
    """The owner reads what would let it in, and reads it again a minute later, not a thousand times."""
    there = house()
    asked = scope(headers=[(b"host", b"deck.example")], by=peer(Way.TAILNET, "100.64.9.9"))
    for _ in range(50):
        ask(there.guard, asked)
    assert len(caplog.records) == 1
    assert "'deck.example'" in caplog.text
    assert "add it without its port to `names` under [server]" in caplog.text
    assert "100.64.9.9" in caplog.text
    there.clock.now += LOG_EVERY_S
    ask(there.guard, asked)
    assert len(caplog.records) == 2


def test_who_comes_under_ever_other_names_does_not_write_the_log_full(caplog: pytest.LogCaptureFixture) -> None:
    """T24: strangers fill a fixed number of lines a minute, whatever they say; the minute after there is room again."""
    there = house()
    for number in range(LOGGED * 5):
        ask(there.guard, scope(headers=[(b"host", b"evil%d.example" % number)], by=peer()))
    assert len(caplog.records) == LOGGED
    there.clock.now += LOG_EVERY_S
    ask(there.guard, scope(headers=[(b"host", b"deck.example")], by=peer()))
    assert "deck.example" in caplog.text


def test_who_fills_the_lines_of_one_way_hides_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    """T24: however much a program of this machine knocks, what comes by the tailnet, or fails, is in the log."""
    there = house(None)
    for number in range(LOGGED * 2):
        ask(there.guard, scope(headers=[(b"host", b"evil%d.example" % number)], by=peer()))
    ask(there.guard, scope(headers=[(b"host", TAILNET_HOST)], by=peer(Way.TAILNET, "100.64.0.9")))
    assert "100.64.0.9" in caplog.text
    broken = House(BrokenDoorman(asking=OSError()))
    for number in range(LOGGED * 2):
        ask(broken.guard, scope(headers=[(b"host", b"evil%d.example" % number)], by=peer()))
    ask(broken.guard, scope(by=peer()))
    assert "Nobody could be recognised (OSError)" in caplog.text


HARMFUL: Final = b"\x1b[31mred\r\nforged line\x00\x07\xe2\x80\xae<script>" + b"A" * 500


@pytest.mark.parametrize("name", [b"host", b"origin", b"cookie", b"authorization", b"user-agent", b"referer"])
def test_nothing_that_is_sent_reaches_the_log_as_it_is(name: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """T24: of what a stranger says, at most a hundred letters stand in the log, quoted, on one line."""
    for person in (None, GUEST, OPERATOR):
        headers = {b"host": HOST, b"origin": ORIGIN, **dict(FORM_SENT), name: HARMFUL}
        ask(house(person).guard, scope("/enter", "POST", headers.items(), query=HARMFUL, by=peer()))
    for record in caplog.records:
        line = record.getMessage()
        assert line.isprintable()
        assert line.isascii()
        assert len(line) < 700
    if name in {b"cookie", b"authorization", b"user-agent", b"referer"}:
        assert "red" not in caplog.text


def test_what_is_let_in_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Where people go is nobody's business."""
    caplog.set_level(logging.DEBUG)
    ask(house().guard, scope(by=peer()))
    assert [each for each in caplog.records if each.name.startswith("quarterdeck")] == []


# --- what strangers get ---


tokens = st.from_regex(rb"[!#$%&'*+.^_`|~0-9a-z-]{1,20}", fullmatch=True)
words = st.one_of(st.binary(max_size=40), st.sampled_from([HOST, ORIGIN, b"same-origin", b"chunked", b"1"]))
named = st.sampled_from([b"host", b"origin", b"cookie", b"content-length", b"sec-fetch-site", b"accept", b"range"])
paths = st.one_of(st.sampled_from([*(path for path in ROUTES if path != "/sign-in"), "/static/deck.js"]), st.text())


@settings(max_examples=400, deadline=None)
@given(
    path=paths,
    method=st.one_of(st.sampled_from(["GET", "POST", "PUT", "OPTIONS", "TRACE"]), st.text(max_size=9)),
    headers=st.lists(st.tuples(st.one_of(tokens, named), words), max_size=8),
    query=st.binary(max_size=60),
    way=st.sampled_from([Way.LOOPBACK, Way.TAILNET]),
)
def test_strangers_get_one_answer_whatever_they_ask(
    path: str, method: str, headers: list[Header], query: bytes, way: Way
) -> None:
    """Whatever a stranger asks for, in whatever way: the same status, the same headers, the same bytes."""
    there = house(None)
    for more in ([], [(b"host", HOST)]):
        asked = scope(path, method, [*more, *headers], query=query, by=peer(way))
        answer = ask(there.guard, asked)
        if method == "HEAD":
            assert (answer.status, answer.headers, answer.body) == (FLAT.status, FLAT.headers, b"")
        else:
            assert answer == FLAT
    assert (there.inside.came, there.inside.told) == ([], [])


def test_head_gets_no_body() -> None:
    """The stranger's answer to HEAD is the same without its body."""
    answer = ask(house(None).guard, scope(method="HEAD", by=peer()))
    assert (answer.headers, answer.body) == (FLAT.headers, b"")


def test_the_strangers_answer_is_armed_and_names_nothing() -> None:
    """T7, T8, T9, T25: it says no version, no product and no path, goes into no frame, and nobody keeps it."""
    assert {*ARMOUR} <= {*FLAT.headers}
    assert FLAT.said(b"cache-control") == b"no-store"
    assert b"uarterdeck" not in FLAT.body
    assert b"access-control-allow-origin" not in dict(FLAT.headers)
    assert b"set-cookie" not in dict(FLAT.headers)
    assert len(FLAT.body) == int(FLAT.said(b"content-length"))


def test_where_a_forge_is_configured_strangers_may_go_there() -> None:
    """The one thing that changes in the stranger's answer is a button, and what it leads to needs the right origin."""
    inside = Inside()
    guard = opened(Guard(inside, FakeDoorman(None), sign_in=True))
    assert b'action="/sign-in"' in ask(guard, scope(by=peer())).body
    assert ask(guard, scope("/sign-in", "POST", CHANGE, by=peer())).status == 200
    foreign = [*CHANGE[:1], (b"origin", b"http://evil.example"), *FORM_SENT]
    assert ask(guard, scope("/sign-in", "POST", foreign, by=peer())).status == 403
    assert ask(guard, scope("/sign-in", by=peer())).status == 403
    assert inside.came == [("/sign-in", None)]


@pytest.mark.parametrize("person", [None, VIEWER, OPERATOR])
@pytest.mark.parametrize("path", ["/brief", "/nowhere"])
def test_only_what_comes_by_https_is_told_to_stay_there(path: str, person: Person | None) -> None:
    """T10: every answer through serve says that the name is for https alone, and no other answer does."""
    for way, hosts in RIGHT_HOSTS.items():
        answer = ask(house(person).guard, scope(path, headers=[(b"host", hosts[0])], by=peer(way)))
        assert (HSTS in dict(answer.headers)) == (way is Way.SERVE)


def test_it_counts_who_came_and_who_did_not() -> None:
    """The numbers say how many were let in, and how many were not, for which reason."""
    there = house()
    ask(there.guard, scope(by=peer()))
    ask(there.guard, scope("/nowhere", by=peer()))
    ask(there.guard, scope(headers=[(b"host", b"x")], by=peer()))
    there.doorman.person = None
    ask(there.guard, scope(by=peer()))
    assert there.guard.answered == 1
    assert there.guard.refused == {"known": 1, "host": 1, "stranger": 1}


def test_what_is_done_for_one_request_has_one_name(caplog: pytest.LogCaptureFixture) -> None:
    """Each request that takes all rules has a name of its own, and what comes after it has none."""
    names: list[str] = []

    class Noting(Inside):
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            names.append(request_id.current())
            await super().__call__(scope, receive, send)

    guard = opened(Guard(Noting(), ForgetfulDoorman()))
    for _ in range(2):
        ask(guard, scope(headers=[(b"host", HOST), (b"x-request-id", b"forged")], by=peer()))
    assert len({*names}) == 2
    assert all(names)
    assert "forged" not in names
    assert request_id.current() == ""
