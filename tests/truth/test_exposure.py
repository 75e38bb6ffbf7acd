"""Ways in, followed from where connections come in to what is protected."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.truth import fields as F  # noqa: N812
from quarterdeck.truth.exposure import (
    EVERYWHERE,
    FAR_HOST,
    INTERNET,
    SOMEWHERE,
    TAILNET,
    Route,
    Target,
    Ways,
    World,
    place_of,
    ways,
)
from quarterdeck.truth.findings import Severity, find
from quarterdeck.truth.reading import AnyReading, Key, Origin, Reason
from quarterdeck.truth.tables import judge_subject
from quarterdeck.truth.thresholds import Thresholds
from tests.truth.cast import NOW, ORIGIN

DASHBOARD = Target(frozenset({9119}), frozenset({"run/pages.sock"}), frozenset({9119}))
OWN = frozenset({"127.0.0.1", "192.0.2.7", "[::1]", "[2001:db8::7]", "deck"})
CLOSED = World((), (), OWN)


def caddy(*upstreams: str, entry: str = "[::]:443", unread: tuple[str, ...] = (), open: bool | None = True) -> Route:  # noqa: A002
    return Route("caddy", entry, upstreams, unread, open)


def told(*routes: Route, listening: tuple[str, ...] | None = (), tailnet: tuple[str, ...] = ()) -> Ways:
    return ways(DASHBOARD, replace(CLOSED, routes=routes, listening=listening, tailnet=frozenset(tailnet)))


@pytest.mark.parametrize(
    "address",
    [
        *("0.0.0.0:9119", "[::]:9119", "192.0.2.7:9119", "10.1.2.3:9119", "192.168.1.4:9119", "[fd00::7]:9119"),
        *("100.101.102.103:9119", "[fd7a:115c:a1e0::1]:9119", "169.254.7.7:9119", "[fe80::7]:9119", "nobody:9119"),
    ],
)
def test_a_listener_beyond_loopback_is_a_way(address: str) -> None:
    """Every address but loopback and the proven ones of the tailnet is a way, also one that nobody can place."""
    assert told(listening=(address,)) == Ways(((address,),), (), ())


def test_the_proven_tailnet_is_private() -> None:
    """An address of the tailnet's range is private when it is proven to be the tailnet's, and only then."""
    address = "100.101.102.103:9119"
    assert told(listening=(address,), tailnet=("100.101.102.103",)) == Ways((), (), ((address,),))
    assert told(listening=(address,), tailnet=("100.101.102.104",)).exposed == ((address,),)


def test_other_ports_are_no_ways() -> None:
    """A listener on a port of something else leads nowhere here."""
    assert told(listening=("0.0.0.0:22", "[::]:91", "0.0.0.0:19119")) == Ways((), (), ())


@pytest.mark.parametrize(
    "upstream",
    [
        *(
            "127.0.0.1:9119",
            "127.9.9.9:9119",
            "localhost:9119",
            "[::1]:9119",
            "0.0.0.0:9119",
            ":9119",
            "192.0.2.7:9119",
        ),
        *("[2001:db8::7]:9119", "[::ffff:127.0.0.1]:9119", "deck:9119", "DECK:9119", "unix:run/pages.sock"),
        *("container:9119", EVERYWHERE),
    ],
)
def test_a_proxy_that_passes_on_to_it_is_a_way(upstream: str) -> None:
    """However this machine is called in it, an upstream that is what is protected makes its entry a way."""
    assert told(caddy(upstream)) == Ways((("[::]:443", "caddy", upstream),), (), ())


@pytest.mark.parametrize("upstream", ["app:9119", "10.9.9.9:9119", "dashboard.example:9119", "app", "app:x"])
def test_what_may_be_it_is_a_doubt(upstream: str) -> None:
    """A name nobody resolved, another machine, or a port nobody can read: neither a way nor none."""
    assert told(caddy(upstream)) == Ways((), (("[::]:443", "caddy", upstream),), ())


@pytest.mark.parametrize(
    "upstream", ["127.0.0.1:3000", "app:3000", "unix:run/other.sock", "container:80", "10.0.0.1:1"]
)
def test_what_leads_elsewhere_is_no_way(upstream: str) -> None:
    """An upstream that is something else for sure leads to nothing that is protected."""
    assert told(caddy(upstream)) == Ways((), (), ())


def test_a_proxy_before_a_proxy_is_a_way() -> None:
    """Every hop counts: what comes in at the first one and goes on at the second one reaches what is behind both."""
    front = caddy("127.0.0.1:8081")
    back = Route("nginx", "127.0.0.1:8081", ("localhost:9119",), open=None)
    chain = ("[::]:443", "caddy", "127.0.0.1:8081", "nginx", "localhost:9119")
    found = told(front, back)
    assert found.exposed == (chain,)
    assert found.private == (("127.0.0.1:8081", "nginx", "localhost:9119"),)


def test_a_third_proxy_and_a_socket_between_are_a_way_too() -> None:
    """Hops over unix sockets and through a third program are followed like any other."""
    routes = (
        Route("container:web", "0.0.0.0:80", ("unix:run/a.sock",)),
        Route("nginx", "unix:run/a.sock", ("127.0.0.1:8082",)),
        Route("caddy", "127.0.0.1:8082", ("127.0.0.1:9119",)),
    )
    assert [len(chain) for chain in told(*routes).exposed] == [7]


def test_a_second_hop_by_name_is_a_doubt() -> None:
    """Where the first proxy names the second one and nobody knows whether that is here, the whole way is a doubt."""
    found = told(caddy("inner:8081"), Route("nginx", "127.0.0.1:8081", ("127.0.0.1:9119",)))
    assert (found.exposed, len(found.doubted)) == ((), 1)


def test_proxies_in_a_circle_end() -> None:
    """Two proxies that pass on to each other lead nowhere, and take no time."""
    routes = (caddy("127.0.0.1:81", entry="0.0.0.0:80"), Route("nginx", "127.0.0.1:81", ("127.0.0.1:80",)))
    assert told(*routes) == Ways((), (), ())


def test_a_maze_is_a_doubt() -> None:
    """So many proxies that all lead into each other are not followed without end: what is left over is a doubt."""
    maze = [Route(f"p{n}", f"192.0.2.{n}:80", ("127.0.0.1:80", "127.0.0.1:81")) for n in range(1, 60)]
    found = told(*maze)
    assert (found.exposed, found.private) == ((), ())
    assert found.doubted


def test_a_part_that_is_not_understood_is_a_doubt() -> None:
    """It may lead anywhere, also to what is protected; from within the machine it opens nothing."""
    assert told(caddy(unread=("variable",))).doubted == (("[::]:443", "caddy", "variable"),)
    assert told(caddy(unread=("variable",), entry="127.0.0.1:80")) == Ways(
        (), (), (("127.0.0.1:80", "caddy", "variable"),)
    )


@pytest.mark.parametrize(
    ("listening", "exposed"),
    [((), 0), (("0.0.0.0:80",), 0), (("0.0.0.0:443",), 1), (("[::]:443",), 1), (None, 1)],
)
def test_what_only_stands_in_a_file_is_open_when_something_listens(
    listening: tuple[str, ...] | None, exposed: int
) -> None:
    """A route out of a file counts when a listener is seen at its entry, and when nobody can say who listens."""
    assert len(told(caddy("127.0.0.1:9119", open=None), listening=listening).exposed) == exposed
    assert told(caddy("127.0.0.1:9119", open=False), listening=listening).exposed == ()


@pytest.mark.parametrize(
    ("entry", "kind"), [(INTERNET, 0), (FAR_HOST, 0), (SOMEWHERE, 1), (TAILNET, 2), ("localhost:80", 2)]
)
def test_tunnels_and_the_tailnet(entry: str, kind: int) -> None:
    """A tunnel out is a way, an entry nobody can place a doubt, and what the tailnet's daemon serves is private."""
    found = told(Route("x", entry, ("127.0.0.1:9119",)))
    assert [len(each) for each in found] == [int(kind == place) for place in range(3)]


addresses = st.sampled_from(
    [
        "0.0.0.0:80",
        "127.0.0.1:80",
        "[::]:443",
        "127.0.0.1:9119",
        "0.0.0.0:9119",
        "app:9119",
        "app:80",
        "unix:a",
        EVERYWHERE,
    ]
)
routes = st.builds(Route, st.sampled_from("abc"), addresses, st.lists(addresses, max_size=3).map(tuple))


@given(st.lists(routes, max_size=5), routes)
def test_another_route_never_closes_a_way(before: list[Route], further: Route) -> None:
    """Whatever else passes connections on, a way stays a way."""
    assert set(told(*before).exposed) <= set(told(*before, further).exposed)


@given(st.lists(routes, max_size=5))
def test_a_way_begins_beyond_and_ends_at_what_is_protected(found: list[Route]) -> None:
    """No exposed way begins on loopback or at a socket, and each ends at what is protected."""
    for chain in told(*found).exposed:
        assert not chain[0].startswith(("127.", "unix:"))
        assert chain[-1] == EVERYWHERE or place_of(chain[-1]).port == 9119


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:80", "127.0.0.1", 80),
        ("[::1]:80", "[::1]", 80),
        ("::1", "::1", 0),
        (":80", "", 80),
        ("app", "app", 0),
        ("app:http", "app:http", 0),
    ],
)
def test_host_and_port_are_parted(text: str, host: str, port: int) -> None:
    """An address without a port that can be read has none, instead of one that was made up."""
    assert place_of(text) == (host, port)


NAME = "hermes:north/exposure"


def judged(**given: object) -> tuple[str, str, str]:
    """The status, the rule and the words of what is protected."""
    facts = {"protected": {"9119": "dashboard"}, "exposed": (), "doubted": (), "private": (), "audited": ("caddy",)}
    world: dict[Key, AnyReading] = {}
    for name, value in {**facts, **given}.items():
        field = F.FIELDS[f"exposure.{name}"]
        if isinstance(value, Reason):
            world[NAME, name] = field.unavailable(NAME, Origin("caddy", "admin API"), value, "may not be asked", NOW)
        else:
            world[NAME, name] = field.known(NAME, ORIGIN, value, NOW)
    found = judge_subject(NAME, world, NOW, Thresholds())
    return found.status, found.rule, found.reason


WAY = ("[::]:443", "caddy", "127.0.0.1:9119")


def test_one_way_is_a_critical_finding() -> None:
    """It names what can be reached and the way, whatever else could not be read."""
    status, rule, words = judged(exposed=(WAY,), audited=Reason.DENIED)
    assert (status, rule) == ("degraded", "exposed")
    assert words.startswith("its dashboard can be reached from beyond: [::]:443 → caddy → 127.0.0.1:9119")
    world = {(NAME, "exposed"): F.EXPOSED.known(NAME, ORIGIN, (WAY,), NOW)}
    finding = find([judge_subject(NAME, world, NOW, Thresholds())])[0]
    assert (finding.severity, finding.instance) == (Severity.CRITICAL, "north")
    assert world[NAME, "exposed"] in finding.because


def test_several_ways_are_counted() -> None:
    """The first way is named, the others are counted."""
    assert judged(exposed=(WAY, WAY))[2].endswith(", and 1 more way")
    assert judged(exposed=(WAY, WAY, WAY))[2].endswith(", and 2 more ways")


def test_nothing_is_private_while_somebody_cannot_tell() -> None:
    """A witness that could not be read leaves it unknown, with his reason; so does a way that cannot be followed."""
    status, _, words = judged(audited=Reason.DENIED)
    assert (status, words) == ("unknown", "admin API denied: may not be asked")
    assert judged(doubted=(WAY,))[:2] == ("unknown", "in doubt")


def test_what_only_we_reach_is_private() -> None:
    """Ways from this machine and its tailnet are told, and are no trouble."""
    assert judged() == ("ok", "private", "nothing leads to it from beyond this machine")
    assert judged(private=(WAY,))[2] == "1 way leads to it, all from this machine or its tailnet"
