"""The tailnet's daemon that other tests trust, asked without our own client."""

from __future__ import annotations

import http.client
import json
import socket
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.tailscaled import HOST, Machine, Net, Tailscaled

STATUS = "/localapi/v0/status"
WHOIS = "/localapi/v0/whois?addr="


class Connection(http.client.HTTPConnection):
    """The standard library's client, over a unix socket."""

    def __init__(self, place: Path) -> None:
        super().__init__(HOST, timeout=2)
        self._place = place

    def connect(self) -> None:
        """Connect to the socket."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(2)
        self.sock.connect(str(self._place))


def asked(
    daemon: Tailscaled, target: str, method: str = "GET", headers: dict[str, str] | None = None
) -> tuple[int, bytes]:
    connection = Connection(daemon.socket)
    try:
        connection.request(method, target, headers=headers or {})
        answer = connection.getresponse()
        assert answer.headers["Tailscale-Cap"]
        return answer.status, answer.read()
    finally:
        connection.close()


def document(daemon: Tailscaled, target: str) -> Any:
    status, body = asked(daemon, target)
    assert status == 200, body
    return json.loads(body)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "tailscaled.sock"


def test_it_says_how_it_is(place: Path) -> None:
    """Its status has its state, its addresses and its name with a dot, and the other machines unless told not to."""
    with Tailscaled(place) as daemon:
        said = document(daemon, STATUS)
        assert (said["BackendState"], said["TUN"]) == ("Running", True)
        assert said["Self"]["TailscaleIPs"] == ["100.101.102.103", "fd7a:115c:a1e0::6701:6667"]
        assert said["Self"]["DNSName"] == "deck.tail1234.ts.net."
        assert [one["TailscaleIPs"] for one in said["Peer"].values()] == [["100.64.0.7", "fd7a:115c:a1e0::7"]]
        assert document(daemon, f"{STATUS}?peers=false")["Peer"] is None


def test_a_daemon_that_is_logged_out_has_no_addresses(place: Path) -> None:
    """Only a running one has addresses."""
    with Tailscaled(place, Net(state="NeedsLogin")) as daemon:
        assert document(daemon, STATUS)["Self"]["TailscaleIPs"] is None


def test_it_says_who_somebody_is(place: Path) -> None:
    """A machine is known by each of its addresses, with a port or without, as that of a person or as a tagged one."""
    net = Net(machines=[Machine(groups=("group:ops",)), Machine(addresses=("100.64.0.8",), tags=("tag:server",))])
    with Tailscaled(place, net) as daemon:
        for address in ("100.64.0.7:443", "100.64.0.7", "%5Bfd7a:115c:a1e0::7%5D:443"):
            profile = document(daemon, WHOIS + address)["UserProfile"]
            assert (profile["LoginName"], profile["Groups"]) == ("me@example.com", ["group:ops"])
        tagged = document(daemon, WHOIS + "100.64.0.8:1")
    assert (tagged["Node"]["Tags"], tagged["UserProfile"]["LoginName"]) == (["tag:server"], "tagged-devices")


def test_it_knows_itself(place: Path) -> None:
    """Its own address is its owner's, as the real one says."""
    with Tailscaled(place) as daemon:
        assert document(daemon, WHOIS + "100.101.102.103:9")["UserProfile"]["LoginName"] == "me@example.com"


@pytest.mark.parametrize(
    ("target", "answer"),
    [
        (WHOIS + "100.64.0.99:443", (404, b"no match for 100.64.0.99:443\n")),
        (WHOIS, (400, b"missing 'addr' parameter\n")),
        (WHOIS + "me", (400, b"invalid 'addr' parameter\n")),
        ("/localapi/v0/unheard-of", (404, b"not found\n")),
        ("/status", (404, b"not found\n")),
    ],
)
def test_what_it_does_not_know(place: Path, target: str, answer: tuple[int, bytes]) -> None:
    """It refuses in the real one's words."""
    with Tailscaled(place) as daemon:
        assert asked(daemon, target) == answer


@pytest.mark.parametrize("headers", [{"Host": "localhost"}, {"Origin": "http://x"}, {"Referer": "http://x/"}])
def test_a_browser_is_not_answered(place: Path, headers: dict[str, str]) -> None:
    """A question for another name, or from a page, is refused."""
    with Tailscaled(place) as daemon:
        assert asked(daemon, STATUS, headers=headers) == (403, b"invalid localapi request\n")


def test_it_is_only_read(place: Path) -> None:
    """Whoever does more than ask is refused."""
    with Tailscaled(place) as daemon:
        assert asked(daemon, STATUS, "POST")[0] == 405


def test_it_can_be_forbidden_to_us_and_say_something_else(place: Path) -> None:
    """It refuses those who may not read, and says in place of an answer what it is told to."""
    with Tailscaled(place) as daemon:
        daemon.readable = False
        assert asked(daemon, STATUS) == (403, b"status access denied\n")
        daemon.readable, daemon.instead = True, {"status": (200, b"[]")}
        assert asked(daemon, STATUS) == (200, b"[]")


def test_it_tells_what_it_serves(place: Path) -> None:
    """Its serve configuration is null until there is one."""
    with Tailscaled(place) as daemon:
        assert document(daemon, "/localapi/v0/serve-config") is None
        daemon.net.serve = {"TCP": {"443": {"HTTPS": True}}}
        assert document(daemon, "/localapi/v0/serve-config") == {"TCP": {"443": {"HTTPS": True}}}


def test_it_goes_and_comes_again_with_another_address(place: Path) -> None:
    """After its end the socket is gone; another one at the same place can have other addresses."""
    with Tailscaled(place):
        pass
    assert not place.exists()
    with Tailscaled(place, Net(addresses=("100.99.0.1",))) as daemon:
        assert document(daemon, STATUS)["TailscaleIPs"] == ["100.99.0.1"]
