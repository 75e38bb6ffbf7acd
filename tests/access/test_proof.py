"""Which addresses are the tailnet's, by a daemon that also misbehaves and a kernel that has something else."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from quarterdeck.access.interfaces import Interface
from quarterdeck.access.proof import Proof, TrustError, prove
from quarterdeck.errors import QuarterdeckError
from tests.access.machine import LAN, LO, kernel_that_is_silent, on_the_tailnet, tunnel
from tests.fakes.tailscaled import OWN, Net, Tailscaled


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "tailscaled.sock"


def doubt(place: Path, *ours: Interface) -> TrustError:
    with pytest.raises(TrustError) as failed:
        prove(place, interfaces=lambda: ours or on_the_tailnet())
    return failed.value


def test_what_is_proven(place: Path) -> None:
    """While the daemon is connected and the kernel has its addresses on a tunnel, they and the name are proven."""
    with Tailscaled(place) as daemon:
        proof = prove(place, interfaces=on_the_tailnet)
    assert proof == Proof(OWN, "deck.tail1234.ts.net", os.getuid())
    assert b"GET /localapi/v0/status?peers=false " in daemon.heard[0]


def test_a_kernel_without_ipv6(place: Path) -> None:
    """Where the kernel has no IPv6 at all, the other address is proven alone."""
    with Tailscaled(place):
        proof = prove(place, interfaces=lambda: (LO[0], *tunnel(OWN[0])))
    assert proof.addresses == (OWN[0],)


def test_a_tailnet_without_names(place: Path) -> None:
    """A tailnet that gives no names has proven addresses all the same."""
    with Tailscaled(place, Net(name="")):
        assert prove(place, interfaces=on_the_tailnet).name == ""


@pytest.mark.parametrize(
    ("net", "said"),
    [
        (Net(state="NeedsLogin"), "it is logged out"),
        (Net(state="NeedsMachineAuth"), "waits for approval"),
        (Net(state="Stopped"), "it is stopped"),
        (Net(state="Starting"), "only starting"),
        (Net(state="NoState"), "only starting"),
        (Net(state="Running!"), "a state that this release does not know"),
        (Net(tun=False), "no tunnel of the kernel"),
        (Net(expired=True), "key for the tailnet has expired"),
        (Net(addresses=()), "names no address"),
        (Net(addresses=("192.168.1.7",)), "not a tailnet's"),
        (Net(addresses=(OWN[0], "8.8.8.8")), "not a tailnet's"),
        (Net(addresses=("100.101.102.103/32",)), "not a tailnet's"),
        (Net(addresses=("100.101.102.104",)), "The kernel does not have the address"),
        (Net(name="deck example"), "a name that cannot be one"),
        (Net(name="a" * 300), "a name that cannot be one"),
        (Net(name="-deck"), "a name that cannot be one"),
    ],
)
def test_a_daemon_that_leaves_a_doubt(place: Path, net: Net, said: str) -> None:
    """What is not connected, has no tunnel, or names what cannot be right proves nothing, and says what to do."""
    with Tailscaled(place, net):
        error = doubt(place)
    assert said in error.what
    assert isinstance(error, QuarterdeckError)
    assert error.fix


@pytest.mark.parametrize(
    ("ours", "said"),
    [
        ((*LO, *LAN), "does not have"),
        ((*LO, *LAN, *tunnel(OWN[0])), "does not have"),
        ((*LO, *(Interface("eth0", each, tunnel=False) for each in OWN)), "no tunnel"),
        ((*LO, *tunnel(*OWN), Interface("eth0", OWN[0], tunnel=False)), "no tunnel"),
    ],
    ids=["none", "one of two", "on a network of a carrier", "on a network as well"],
)
def test_a_kernel_that_leaves_a_doubt(place: Path, ours: tuple[Interface, ...], said: str) -> None:
    """The daemon alone proves nothing: each address must be on a tunnel, and on nothing else."""
    with Tailscaled(place):
        assert said in doubt(place, *ours).what


def test_a_kernel_that_does_not_tell(place: Path) -> None:
    """Without the kernel's word nothing is proven."""
    with Tailscaled(place), pytest.raises(TrustError, match="The kernel does not tell"):
        prove(place, interfaces=kernel_that_is_silent)


@pytest.mark.parametrize("manner", ["silent", "dripping", "trickling", "huge", "garbage", "headless", "reset", "short"])
def test_a_daemon_that_misbehaves_proves_nothing(place: Path, manner: str) -> None:
    """Whatever the daemon does, the answer is a doubt within half a second and a little."""
    with Tailscaled(place, manner=manner):
        began = time.monotonic()
        assert "tailnet's daemon" in doubt(place).what
        assert time.monotonic() - began < 1.5


def test_no_daemon_and_a_daemon_that_may_not_be_asked(place: Path) -> None:
    """Without an answer nothing is proven, and it is said what would help."""
    assert "systemctl start tailscaled" in doubt(place).fix
    with Tailscaled(place) as daemon:
        daemon.readable = False
        assert "Run Quarterdeck as a user that may" in doubt(place).fix


GOOD: dict[str, Any] = {
    "BackendState": "Running", "TUN": True,
    "Self": {"TailscaleIPs": [*OWN], "DNSName": "deck.tail1234.ts.net."},
}  # fmt: skip


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"null", b"[]", b"{}", b"{", b"\xff", b"[" * 100_000),
        *(json.dumps({key: value for key, value in GOOD.items() if key != lost}).encode() for lost in GOOD),
        json.dumps(GOOD | {"TUN": "true"}).encode(),
        json.dumps(GOOD | {"TUN": None}).encode(),
        json.dumps(GOOD | {"Self": None}).encode(),
        json.dumps(GOOD | {"Self": {"TailscaleIPs": None}}).encode(),
        json.dumps(GOOD | {"Self": {"TailscaleIPs": OWN[0]}}).encode(),
        json.dumps(GOOD | {"BackendState": 4}).encode(),
    ],
)
def test_an_answer_that_is_odd_proves_nothing(place: Path, body: bytes) -> None:
    """An answer that is not what it should be is no proof; with everything right it is one."""
    with Tailscaled(place) as daemon:
        daemon.instead = {"status": (200, json.dumps(GOOD).encode())}
        assert prove(place, interfaces=on_the_tailnet).addresses == OWN
        daemon.instead = {"status": (200, body)}
        doubt(place)
        daemon.instead = {"status": (404, json.dumps(GOOD).encode())}
        doubt(place)


def test_a_daemon_that_comes_again_with_another_address(place: Path) -> None:
    """Nothing is remembered: what was proven before is a doubt until the kernel has the new address too."""
    with Tailscaled(place):
        assert prove(place, interfaces=on_the_tailnet).addresses == OWN
    doubt(place)
    with Tailscaled(place, Net(addresses=("100.99.0.1",))):
        assert "does not have" in doubt(place).what
        assert prove(place, interfaces=lambda: (*LO, *tunnel("100.99.0.1"))).addresses == ("100.99.0.1",)


def test_a_socket_that_others_could_replace_proves_nothing(tmp_path: Path) -> None:
    """What answers where others can put something else is not believed."""
    folder = tmp_path / "run"
    folder.mkdir()
    with Tailscaled(folder / "tailscaled.sock"):
        folder.chmod(0o777)
        assert "Others can change" in doubt(folder / "tailscaled.sock").what
