"""The audit of ways in: what is protected, from whose word it follows, and how soon a new way is seen."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from quarterdeck import wiring
from quarterdeck.settings import Settings
from quarterdeck.settings.access import Access, Server
from quarterdeck.settings.exposure import Exposure
from quarterdeck.truth import fields as F  # noqa: N812
from quarterdeck.truth.fields import field_for
from quarterdeck.truth.grouped import Grouped
from quarterdeck.truth.instance import Instance
from quarterdeck.truth.reading import AnyReading, Key, Known, Reason, Unavailable
from quarterdeck.truth.snapshot import Snapshot
from quarterdeck.views.asked import Asked
from quarterdeck.views.brief import brief
from quarterdeck.views.judged import Judged
from quarterdeck.wiring.exposed import Exposed
from tests.fakes.tailscaled import Net, Tailscaled
from tests.sources.ways.servers import caddy, free_port, load, nginx, nginx_conf, site
from tests.truth.cast import NOW, ORIGIN

HERE = "host:deck"
NORTH, SOUTH = Instance("north", "North"), Instance("south", "South")
OWN, MACHINE = "quarterdeck:deck/exposure", f"{HERE}/exposure"
QUIET: Mapping[str, Mapping[str, object]] = {
    f"{HERE}/network": {"sockets": (), "addresses": ("127.0.0.1", "192.0.2.7")},
    f"{HERE}/forwarder/caddy": {"found": "routes"},
}
Spoiled = Mapping[str, Mapping[str, object]]


def world(told: Spoiled = {}, *, at: datetime = NOW) -> Grouped:  # noqa: B006 -- it is only read
    """What the witnesses said; a reason instead of a value is a fact that could not be read."""
    readings: dict[Key, AnyReading] = {}
    for name, values in {**QUIET, **told}.items():
        for word, value in values.items():
            field = field_for(name, word)
            assert field is not None
            if isinstance(value, Reason):
                readings[name, word] = field.unavailable(name, ORIGIN, value, "may not be asked", at)
            else:
                readings[name, word] = field.known(name, ORIGIN, value, at)
    return Grouped.of(readings)


def audit(
    told: Spoiled = {},  # noqa: B006 -- it is only read
    *instances: Instance,
    settings: Settings | None = None,
    at: datetime = NOW,
    witnesses: tuple[str, ...] = ("caddy",),
) -> dict[str, dict[str, Any]]:
    """What follows, by subject and field; a reading that is not known is its reason."""
    snapshot = Snapshot(1, at, instances or (NORTH,), world(told, at=at))
    found: dict[str, dict[str, Any]] = {}
    asks = any("/tailnet" in name for name in told)
    exposed = Exposed(settings or Settings(), "deck", witnesses, asks_tailnet=asks)
    for reading in exposed.readings(snapshot, NOW):
        value = reading.value if isinstance(reading, Known) else reading.reason
        found.setdefault(reading.subject, {})[reading.field] = value
    return found


def listener(port: int, of: str | None) -> dict[str, Mapping[str, object]]:
    return {f"{HERE}/listener/127.0.0.1:{port}": {"of_instance": of}}


def route(by: str, entry: str, *upstreams: str) -> dict[str, Mapping[str, object]]:
    told = {"by": by, "entry": entry, "open": True, "upstreams": upstreams, "unread": ()}
    return {f"{HERE}/route/{by}/{entry}": told}


def test_an_only_agent_has_the_usual_ports() -> None:
    """Dashboard and API are protected where they usually are; a webhook is there to be reached."""
    found = audit()
    assert found["hermes:north/exposure"]["protected"] == {"8642": "api server", "9119": "dashboard"}
    assert found[OWN]["protected"] == {"8710": "pages"}
    assert found[MACHINE]["protected"] == {"container:8642": "api server", "container:9119": "dashboard"}
    assert {each["audited"] for each in found.values()} == {("caddy",)}


def test_each_agent_has_its_own_ports() -> None:
    """What its gateway listens on and what the settings call its dashboard is its own, and nobody else's."""
    told = listener(9119, "south") | listener(8642, "north") | listener(5555, "north") | listener(22, None)
    north = Instance("north", "North", dashboard="http://127.0.0.1:9200")
    found = audit(told, north, SOUTH)
    assert found["hermes:north/exposure"]["protected"] == {"5555": "gateway", "8642": "api server", "9200": "dashboard"}
    assert found["hermes:south/exposure"]["protected"] == {"9119": "dashboard"}


def test_the_settings_say_what_else() -> None:
    """Further ports are protected, those that others are meant to reach are not, and a socket is as good as a port."""
    exposure = Exposure(protect=(5432,), public=(9119,))
    decided = Settings(exposure=exposure, port=8000, server=Server(socket=Path("/run/user/1/pages.sock")))
    found = audit(settings=decided)
    assert found["hermes:north/exposure"]["protected"] == {"8642": "api server", "8644": "webhook"}
    assert found[MACHINE]["protected"]["5432"] == "port"
    assert found[OWN]["protected"] == {
        "8000": "pages",
        "unix:run/user/1/pages.sock": "pages",
        "unix:pages.sock": "pages",
    }


def test_without_an_agent_the_usual_ports_are_the_machines() -> None:
    """An agent that nobody watches can be reached all the same."""
    snapshot = Snapshot(1, NOW, (), world({f"{HERE}/network": {"sockets": ("0.0.0.0:9119",), "addresses": ()}}))
    found = {(each.subject, each.field): each for each in Exposed(Settings(), "deck", ()).readings(snapshot, NOW)}
    exposed = found[MACHINE, "exposed"]
    assert isinstance(exposed, Known)
    assert exposed.value == (("0.0.0.0:9119",),)


def test_an_agent_on_another_machine_is_not_spoken_of() -> None:
    """Its ways in are not among those that are seen here, so nothing is said of them."""
    found = audit({"host:far/disk//home": {"instances": ("south",)}}, NORTH, SOUTH)
    assert "hermes:south/exposure" not in found
    assert "hermes:north/exposure" in found


def test_ways_are_put_together_from_all_witnesses() -> None:
    """A listener, a proxy and a proxy behind it, each told by somebody else."""
    told = {
        f"{HERE}/network": {"sockets": ("0.0.0.0:443", "0.0.0.0:8710"), "addresses": ("127.0.0.1",)},
        **route("caddy", "0.0.0.0:443", "127.0.0.1:81"),
        **route("nginx", "127.0.0.1:81", "localhost:9119"),
    }
    found = audit(told)
    chain = ("0.0.0.0:443", "caddy", "127.0.0.1:81", "nginx", "localhost:9119")
    assert found["hermes:north/exposure"]["exposed"] == (chain,)
    assert found[OWN]["exposed"] == (("0.0.0.0:8710",),)


TAILNET = {
    f"{HERE}/tailnet": {
        "state": "running",
        "proven": ("100.101.102.103",),
        "name": "deck.tail.ts.net",
        "serve_targets": {
            "deck.tail.ts.net:443/": "127.0.0.1:8710",
            "deck.tail.ts.net:8443/": "127.0.0.1:9119",
            "deck.tail.ts.net:10000/": "files",
            "22": "unix:pages.sock",
        },
        "funnel": ("deck.tail.ts.net:8443",),
    }
}


def test_the_tailnet_serves_in_private_and_funnels_in_public() -> None:
    """What its daemon passes on comes from the tailnet, unless a funnel opens it to the whole internet."""
    decided = Settings(server=Server(socket=Path("/run/pages.sock")))
    found = audit(TAILNET, settings=decided)
    assert found["hermes:north/exposure"]["exposed"] == (("internet", "tailscale-funnel:8443", "127.0.0.1:9119"),)
    assert found[OWN]["exposed"] == ()
    assert set(found[OWN]["private"]) == {
        ("tailnet", "tailscale-serve:443", "127.0.0.1:8710"),
        ("tailnet", "tailscale-serve:22", "unix:pages.sock"),
    }


def test_only_proven_addresses_are_the_tailnets() -> None:
    """A listener on the proven address is private, one on another of that range is not."""
    sockets = {"sockets": ("100.101.102.103:9119", "100.99.0.1:9119"), "addresses": ()}
    found = audit(TAILNET | {f"{HERE}/network": sockets})["hermes:north/exposure"]
    assert ("100.99.0.1:9119",) in found["exposed"]
    assert found["private"] == (("100.101.102.103:9119",),)


@pytest.mark.parametrize(
    ("name", "facts"),
    [
        (f"{HERE}/forwarder/caddy", {"found": Reason.DENIED}),
        (f"{HERE}/network", {"sockets": Reason.DENIED, "addresses": ()}),
        (f"{HERE}/network", {"sockets": (), "addresses": Reason.DENIED}),
        (f"{HERE}/tailnet", {"state": Reason.DENIED}),
        (f"{HERE}/tailnet", {"state": "running", "proven": (), "serve_targets": Reason.DENIED, "funnel": ()}),
        (
            f"{HERE}/route/caddy/x",
            {"by": "caddy", "entry": "x", "open": True, "upstreams": Reason.DENIED, "unread": ()},
        ),
    ],
)
def test_a_witness_that_is_silent_leaves_everything_in_doubt(name: str, facts: Mapping[str, object]) -> None:
    """What could not be read may hold a way to anything: nothing is called private, for that very reason."""
    assert {each["audited"] for each in audit({name: facts}).values()} == {Reason.DENIED}


def test_who_has_not_been_asked_yet_is_waited_for() -> None:
    """At the beginning nothing is said before everybody has been heard once; an old word is as good as none."""
    assert audit(witnesses=("caddy", "nginx")) == {}
    old = audit(at=NOW - timedelta(hours=1))
    assert {each["audited"] for each in old.values()} == {Reason.TIMEOUT}


def test_who_falls_silent_without_a_word_leaves_a_doubt() -> None:
    """Once something was said, a witness of whom nothing is held any more makes it unknown."""
    exposed = Exposed(Settings(), "deck", ("caddy",))
    assert exposed.readings(Snapshot(1, NOW, (NORTH,), world()), NOW)
    gone = Grouped({name: fields for name, fields in world().subjects.items() if "forwarder" not in name})
    found = exposed.readings(Snapshot(2, NOW, (NORTH,), gone), NOW)
    assert {each.reason for each in found if isinstance(each, Unavailable)} == {Reason.NEVER_SEEN}


def test_no_tailnet_is_no_doubt() -> None:
    """Without a daemon, or while it is not connected, no way leads through it; one that is silent is waited for."""
    for state in (Reason.MISSING, "stopped", "needs login"):
        assert audit({f"{HERE}/tailnet": {"state": state}})[OWN]["audited"] == ("caddy", "tailnet")
    exposed = Exposed(Settings(), "deck", ("caddy",), asks_tailnet=True)
    assert exposed.readings(Snapshot(1, NOW, (NORTH,), world()), NOW) == []


def test_what_follows_from_the_same_is_said_again() -> None:
    """Nothing is reckoned twice from the same words, and nothing grows old while they are still heard."""
    exposed = Exposed(Settings(), "deck", ("caddy",))
    first = exposed.readings(Snapshot(1, NOW, (NORTH,), world()), NOW)
    assert exposed.readings(Snapshot(2, NOW, (NORTH,), world()), NOW + timedelta(seconds=5)) is first
    later = exposed.readings(Snapshot(3, NOW, (NORTH,), world()), NOW + timedelta(seconds=40))
    assert all(isinstance(each, Known) and each.observed_at == NOW + timedelta(seconds=40) for each in later)


def test_before_anything_was_collected_nothing_follows() -> None:
    """The first look of all has nothing to follow, and says nothing."""
    exposed = Exposed(Settings(), "deck", ("caddy",))
    assert exposed.look(NOW) == []
    snapshot = Snapshot(0, NOW, (NORTH,), Grouped({}))
    exposed.follow(lambda: snapshot)
    assert (exposed.look(NOW), exposed.watched()) == ([], ())


# --- on this machine, for real --------------------------------------------------------------------------------------


def looking(**decided: Any) -> wiring.Deck:
    """A deck that looks at this machine, with one further port to protect."""
    return wiring.build(Settings(exposure=Exposure(**decided)))


def exposed(deck: wiring.Deck) -> tuple[tuple[str, ...], ...]:
    """Look once, and return the ways to what this machine protects; the brief must agree."""
    snapshot, subject = deck.look_once(30), f"host:{os.uname().nodename}/exposure"
    reading = snapshot.readings[subject, F.EXPOSED.name]
    assert isinstance(reading, Known), reading
    ways: tuple[tuple[str, ...], ...] = reading.value
    rows = [row for row in brief(Judged(snapshot, deck.clock()), Asked()).rows if row.subject == subject]
    found = [(row.judgement.rule, row.matter.severity) for row in rows if row.matter is not None]
    assert (("exposed", "critical") in found) == bool(ways)
    return ways


@contextmanager
def listening(host: str, port: int) -> Iterator[None]:
    with closing(socket.socket()) as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.bind((host, port))
        one.listen()
        yield


def test_a_listener_that_opens_is_seen_at_the_next_look() -> None:
    """What listens on loopback is private; when it listens on every address it is critical, and well again after."""
    port = free_port()
    deck = looking(protect=(port,))
    with listening("127.0.0.1", port):
        assert exposed(deck) == ()
    with listening("0.0.0.0", port):
        assert exposed(deck) == ((f"0.0.0.0:{port}",),)
    assert exposed(deck) == ()


def test_a_route_of_caddys_is_seen_at_the_next_look(tmp_path: Path) -> None:
    """A site that is loaded into a running Caddy is a critical way with its chain, and none when it is taken out."""
    port, admin, entry = free_port(), free_port(), free_port()
    deck = looking(protect=(port,), caddy_admin=f"127.0.0.1:{admin}")
    with caddy(tmp_path, admin):
        assert exposed(deck) == ()
        load(admin, site(f":{entry}", f"127.0.0.1:{port}"))
        assert exposed(deck) == ((f"[::]:{entry}", "caddy", f"127.0.0.1:{port}"),)
        load(admin, site(f"127.0.0.1:{entry}", f"127.0.0.1:{port}"))
        assert exposed(deck) == ()


def test_a_proxy_before_a_proxy_is_seen(tmp_path: Path) -> None:
    """A real nginx on every address before a real Caddy on loopback: both hops are found, while nginx listens."""
    port, admin, inner, entry = (free_port() for _ in range(4))
    body = f"server {{ listen 0.0.0.0:{entry}; location / {{ proxy_pass http://127.0.0.1:{inner}; }} }}"
    conf = nginx_conf(tmp_path, body)
    deck = looking(protect=(port,), caddy_admin=f"127.0.0.1:{admin}", nginx_conf=conf)
    with caddy(tmp_path, admin, site(f"127.0.0.1:{inner}", f"localhost:{port}")):
        assert exposed(deck) == ()
        with nginx(conf, entry):
            chain = (f"0.0.0.0:{entry}", "nginx", f"127.0.0.1:{inner}", "caddy", f"localhost:{port}")
            assert exposed(deck) == (chain,)


def test_a_funnel_is_seen_at_the_next_look() -> None:
    """What the tailnet's daemon serves to the tailnet is private; the funnel that opens it to everybody is critical."""
    port, name = free_port(), "deck.tail1234.ts.net:443"
    web = {name: {"Handlers": {"/": {"Proxy": f"http://127.0.0.1:{port}"}}}}
    serve: dict[str, Any] = {"TCP": {"443": {"HTTPS": True}}, "Web": web}
    with tempfile.TemporaryDirectory() as folder, Tailscaled(Path(folder) / "s", Net(serve=serve)) as daemon:
        decided = Settings(exposure=Exposure(protect=(port,)), access=Access(tailscaled=daemon.socket))
        deck = wiring.build(decided)
        assert exposed(deck) == ()
        daemon.net.serve = serve | {"AllowFunnel": {name: True}}
        assert exposed(deck) == (("internet", "tailscale-funnel:443", f"127.0.0.1:{port}"),)


def test_a_proxy_that_cannot_be_read_is_not_safe(tmp_path: Path) -> None:
    """A configuration that makes no sense leaves everything unknown; what is switched off is not asked."""
    conf = tmp_path / "nginx.conf"
    conf.write_text("http {")
    snapshot = looking(nginx_conf=conf, containers=False).look_once(30)
    audited = snapshot.readings[f"quarterdeck:{os.uname().nodename}/exposure", F.AUDITED.name]
    assert isinstance(audited, Unavailable)
    containers = snapshot.readings[f"host:{os.uname().nodename}/forwarder/containers", F.FORWARDER_FOUND.name]
    assert isinstance(containers, Known)
    assert containers.value == "not asked"
