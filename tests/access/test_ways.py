"""The guard: by which way a request came, under which name, and what it says of that itself."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

import pytest

from quarterdeck.access.guard import SPELLINGS, Guard
from quarterdeck.access.identity import Peer, Person, Way
from tests.access.asking import (
    HOST,
    Header,
    Inside,
    ask,
    opened,
    peer,
    scope,
)
from tests.access.houses import (
    FLAT,
    RIGHT_HOSTS,
    TAILNET_HOST,
    House,
    house,
)
from tests.fakes.door import OPERATOR, FakeDoorman

# --- ways ---


@pytest.mark.parametrize(
    ("way", "host"), [(Way.LOOPBACK, HOST), (Way.TAILNET, TAILNET_HOST), (Way.SERVE, b"box.tail.ts.net")]
)
def test_a_way_is_open_as_long_as_it_is_proven(way: Way, host: bytes) -> None:
    """Before a way is opened, and after it is shut, not even an operator comes in by it; in between they do."""
    inside = Inside()
    guard = Guard(inside, FakeDoorman())
    asked = scope(headers=[(b"host", host)], by=peer(way))
    assert ask(guard, asked).status == 403
    opened(guard)
    assert guard.is_open(way)
    assert ask(guard, asked).status == 200
    guard.shut(way)
    assert not guard.is_open(way)
    assert ask(guard, asked).status == 403
    assert [path for path, _ in inside.came] == ["/brief"]


def test_shutting_one_way_leaves_the_others_open() -> None:
    """Whoever comes by loopback is not turned away because the tailnet is lost."""
    guard = house().guard
    guard.shut(Way.TAILNET)
    guard.shut(Way.SERVE)
    assert ask(guard, scope(by=peer())).status == 200


def test_what_comes_from_nowhere_is_turned_away() -> None:
    """Where the server does not say who is at the other end, nobody is let in, whatever the request says."""
    there = house()
    assert ask(there.guard, scope()).status == 403
    without = scope(by=peer())
    del without["state"]
    assert ask(there.guard, without).status == 403
    assert there.inside.came == []
    assert there.guard.refused == {"no peer": 2}


def test_what_is_no_http_is_hung_up_on() -> None:
    """A web socket is closed before anybody is asked who comes; of anything else nothing is heard."""
    said: list[Any] = []

    async def send(message: Any) -> None:
        said.append(message)

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    there = house()
    for kind in ("websocket", "something"):
        asyncio.run(there.guard({**scope(by=peer()), "type": kind}, receive, send))
    assert said == [{"type": "websocket.close", "code": 1008}]
    assert there.inside.came == []


# --- names (T1) ---

FOREIGN_HOSTS: Final = (
    *(b"evil.example", b"evil.example:8421", b"127.0.0.1.evil.example", b"localhost.evil.example:8421", b"xlocalhost"),
    *(b"evil.example@127.0.0.1", b"127.0.0.1@evil.example", b"user:pass@localhost:8421"),
    *(b"localhost.", b"127.0.0.1.", b"localhost.:8421", b"", b" ", b":8421", b"."),
    *(b"127.0.0.1:", b"127.0.0.1:8421:80", b"127.0.0.1:http", b"127.0.0.1:-1", b"127.0.0.1:123456", b"127.0.0.1: 80"),
    *(b"127.1", b"2130706433", b"0x7f.0.0.1", b"0177.0.0.1", b"127.0.0.2", b"0.0.0.0", b"0", b"0.0.0.0:8421"),
    *(b"[::]", b"[::2]:80", b"[0:0:0:0:0:0:0:1]", b"[::ffff:127.0.0.1]", b"[::1", b"::1", b"[::1%lo]", b"[::1].evil"),
    *(
        b"127.0.0.1/evil",
        b"127.0.0.1#",
        b"127.0.0.1?",
        b"127.0.0.1\\evil",
        b"127.0.0.1,evil.example",
        b"127.0.0.1 evil",
    ),
    *(b"127.0.0.1\tx", b"127.0.0.1\nx", b"127.0.0.1\x00", "l\u043ecalhost".encode(), b"localhost\xff", b"%6cocalhost"),
    *(b"a" * 300, b"*", b"http://127.0.0.1:8421"),
)


@pytest.mark.parametrize(("way", "host"), [(way, host) for way, hosts in RIGHT_HOSTS.items() for host in hosts])
def test_a_right_name_is_right_however_it_is_spelled(way: Way, host: bytes) -> None:
    """All ways to write the names of a way are answered, the second time as the first."""
    there = house()
    for _ in range(2):
        assert ask(there.guard, scope(headers=[(b"host", host)], by=peer(way))).status == 200


@pytest.mark.parametrize("host", FOREIGN_HOSTS)
@pytest.mark.parametrize("way", list(Way))
def test_no_other_name_is_answered_by_any_way(way: Way, host: bytes) -> None:
    """T1: a name that another site points at us, or that only looks like ours, opens nothing for an operator."""
    there = house()
    answer = ask(there.guard, scope(headers=[(b"host", host)], by=peer(way)))
    assert (answer.status, answer.body, there.inside.came) == (403, FLAT.body, [])


@pytest.mark.parametrize("way", list(Way))
def test_the_names_of_one_way_are_no_names_of_another(way: Way) -> None:
    """Loopback's names are not answered on the tailnet, nor the tailnet's on loopback."""
    others = {host for other, hosts in RIGHT_HOSTS.items() if other is not way for host in hosts}
    ours = {b"box.tail.ts.net"} if way is not Way.LOOPBACK else set[bytes]()
    for host in others:
        answer = ask(house().guard, scope(headers=[(b"host", host)], by=peer(way)))
        assert (answer.status == 200) == (host.lower().partition(b":")[0] in ours), host


def test_whoever_names_no_host_is_not_answered() -> None:
    """T1: a request without a name came from no browser."""
    assert ask(house().guard, scope(headers=[], by=peer())).status == 403


def test_names_are_ours_only_as_long_as_they_are_given() -> None:
    """A name that was right when a way was opened is not, when it is opened again without it; nor is it remembered."""
    there = house()
    asked = scope(headers=[(b"host", TAILNET_HOST)], by=peer(Way.TAILNET))
    assert ask(there.guard, asked).status == 200
    there.guard.open(Way.TAILNET, ("other.tail.ts.net",))
    assert ask(there.guard, asked).status == 403


def test_strangers_cannot_fill_what_is_remembered_of_names() -> None:
    """However many ports a stranger writes after a right name, an operator is let in as fast as before."""
    there = house(None)
    for port in range(SPELLINGS + 10):
        ask(there.guard, scope(headers=[(b"host", b"localhost:%d" % port)], by=peer()))
    there.doorman.person = OPERATOR
    for _ in range(3):
        assert ask(there.guard, scope(by=peer())).status == 200
    assert there.doorman.asked == SPELLINGS + 10


# --- what is said twice, and what is said of the way ---


@pytest.mark.parametrize(
    "name",
    [b"host", b"origin", b"cookie", b"authorization", b"content-length", b"content-type", b"transfer-encoding",
     b"x-forwarded-for", b"tailscale-user-login", b"tailscale-anything"],
)  # fmt: skip
@pytest.mark.parametrize("values", [(b"a", b"b"), (b"a", b"a")])
def test_what_decides_is_said_once(name: bytes, values: Sequence[bytes]) -> None:
    """T1, T27: of two words that decide something, each part of the house could hear another. Neither is heard."""
    twice = [(name, value) for value in values]
    there = house()
    for headers in ([(b"host", HOST), *twice], [*twice, (b"host", HOST)]):
        assert ask(there.guard, scope(headers=headers, by=peer())).status == 403
    assert there.inside.came == []
    assert there.guard.refused == {"twice": 2}


def test_what_decides_nothing_may_be_said_twice() -> None:
    """Two words about languages are no attack."""
    headers = [(b"host", HOST), (b"accept-language", b"de"), (b"accept-language", b"en")]
    assert ask(house().guard, scope(headers=headers, by=peer())).status == 200


SPOOFED: Final = (
    (b"x-forwarded-for", b"100.64.1.2"),
    (b"x-forwarded-host", b"box.tail.ts.net"),
    (b"x-forwarded-proto", b"https"),
    (b"x-real-ip", b"127.0.0.1"),
    (b"forwarded", b"for=127.0.0.1;host=localhost;proto=https"),
    (b"x-original-url", b"/act"),
    (b"x-rewrite-url", b"/act"),
    (b"x-http-method-override", b"POST"),
    (b"tailscale-user-login", b"me@example.com"),
    (b"tailscale-user-name", b"Me"),
    (b"tailscale-app-capabilities", b"{}"),
)


class Listening(FakeDoorman):
    """Keeps who was said to be at the other end."""

    peers: list[Peer]

    def __init__(self) -> None:
        super().__init__(None)
        self.peers = []

    async def ask(self, peer: Peer, said: Mapping[bytes, bytes], query: bytes) -> Person | None:
        """Nobody."""
        self.peers.append(peer)
        return None


@pytest.mark.parametrize("header", SPOOFED)
@pytest.mark.parametrize(("way", "host"), [(Way.LOOPBACK, HOST), (Way.TAILNET, TAILNET_HOST)])
def test_what_a_request_says_of_its_way_is_not_heard(way: Way, host: bytes, header: Header) -> None:
    """T13: whatever a stranger says of where they come from, the doorman is asked about the connection they made."""
    doorman = Listening()
    there = House(doorman)
    answer = ask(there.guard, scope(headers=[(b"host", host), header], by=peer(way, "100.64.9.9")))
    assert answer == FLAT
    assert [(each.way, each.address, each.port) for each in doorman.peers] == [(way, "100.64.9.9", 40_000)]
    assert there.inside.came == []


@pytest.mark.parametrize(("way", "host"), [(Way.LOOPBACK, HOST), (Way.TAILNET, TAILNET_HOST)])
def test_no_name_of_another_way_comes_in_by_a_header(way: Way, host: bytes) -> None:
    """T13: a foreign name is not made right by a header that says the right one, and a right one stays right."""
    spoofed = [(b"x-forwarded-host", host), (b"forwarded", b"host=" + host)]
    assert ask(house().guard, scope(headers=[(b"host", b"evil.example"), *spoofed], by=peer(way))).status == 403
    assert ask(house().guard, scope(headers=[(b"host", host), *SPOOFED], by=peer(way))).status == 200


@pytest.mark.parametrize("way", list(Way))
def test_nobody_comes_through_the_funnel(way: Way, caplog: pytest.LogCaptureFixture) -> None:
    """T14: what the daemon marks as coming from the whole world is turned away, an operator's too; the log says why."""
    there = house()
    headers = [(b"host", RIGHT_HOSTS[way][0])]
    assert ask(there.guard, scope(headers=headers, by=peer(way))).status == 200
    assert ask(there.guard, scope(headers=[*headers, (b"tailscale-funnel-request", b"?1")], by=peer(way))).status == 403
    assert len(there.inside.came) == 1
    assert "Funnel: turn it off" in caplog.text
