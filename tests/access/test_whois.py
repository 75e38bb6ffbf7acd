"""Who somebody on the tailnet is, by a daemon that also misbehaves."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from quarterdeck.access.identity import Claim
from quarterdeck.access.whois import Tailscaled as Client
from quarterdeck.access.whois import WhoisError
from tests.access.machine import kernel_that_is_silent, on_the_tailnet
from tests.fakes.tailscaled import OWN, Machine, Net, Tailscaled, who_is

PEER = "100.64.0.7"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "tailscaled.sock"


def whois(place: Path, address: str = PEER, port: int = 50_000) -> Claim | None:
    return Client(place, interfaces=on_the_tailnet).whois(address, port)


def refused(place: Path, address: str = PEER, port: int = 50_000) -> str:
    with pytest.raises(WhoisError) as failed:
        whois(place, address, port)
    return str(failed.value)


def test_a_person(place: Path) -> None:
    """Whoever has a login is said with their name, groups and what the tailnet's policy grants them."""
    machine = Machine(groups=("group:ops",), capabilities=("example.com/cap/quarterdeck",))
    with Tailscaled(place, Net(machines=[machine])):
        claim = whois(place)
    groups, capabilities = frozenset({"group:ops"}), frozenset({"example.com/cap/quarterdeck"})
    assert claim == Claim("tailnet", "me@example.com", "Me", groups, capabilities)


@pytest.mark.parametrize("address", [PEER, f"::ffff:{PEER}", "fd7a:115c:a1e0::7", "[fd7a:115c:a1e0:0::7]"])
def test_the_raw_address_and_port_are_asked_about(place: Path, address: str) -> None:
    """A person is found by either address, in whatever form the connection has it."""
    with Tailscaled(place) as daemon:
        claim = whois(place, address, 443)
    assert claim is not None
    assert claim.login == "me@example.com"
    assert b"%3A443&proto=tcp HTTP/1.1" in daemon.heard[0]


@pytest.mark.parametrize(
    "machine",
    [
        Machine(tags=("tag:server",)),
        Machine(login="tagged-devices"),
        Machine(expired=True),
        Machine(addresses=("100.64.0.8",)),
    ],
    ids=["tagged", "called tagged", "its key has expired", "nobody has this address"],
)
def test_who_is_no_person(place: Path, machine: Machine) -> None:
    """A tagged machine, one whose key has expired, and one that nobody knows is nobody."""
    with Tailscaled(place, Net(machines=[machine])):
        assert whois(place) is None


@pytest.mark.parametrize("own", [*OWN, f"::ffff:{OWN[0]}"])
def test_this_machine_itself_is_nobody(place: Path, own: str) -> None:
    """Every program here can come from the machine's own address, so that its owner's name is not given to it."""
    with Tailscaled(place) as daemon:
        assert whois(place, own) is None
    assert daemon.heard == []


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "192.0.2.9", "10.0.0.9", "64:ff9b::100.64.0.7", "100.128.0.1"])
def test_only_the_tailnet_is_asked_about(place: Path, address: str) -> None:
    """An address that no tailnet gives is nobody's, whatever the daemon would say."""
    with Tailscaled(place, Net(machines=[Machine(addresses=(address,))])) as daemon:
        assert whois(place, address) is None
    assert daemon.heard == []


@pytest.mark.parametrize(("address", "port"), [("", 1), ("me", 1), (PEER, 0), (PEER, -1), (PEER, 65_536), ("1&a=2", 1)])
def test_what_is_no_address(place: Path, address: str, port: int) -> None:
    """What nobody can come from is refused and not asked about."""
    with Tailscaled(place) as daemon:
        assert "not an address" in refused(place, address, port)
    assert daemon.heard == []


@pytest.mark.parametrize("manner", ["silent", "dripping", "trickling", "huge", "garbage", "headless", "reset", "short"])
def test_a_daemon_that_misbehaves_names_nobody_and_keeps_nobody_waiting(place: Path, manner: str) -> None:
    """Whatever the daemon does, the answer is an error within half a second and a little."""
    with Tailscaled(place, manner=manner):
        began = time.monotonic()
        assert "tailnet's daemon" in refused(place)
        assert time.monotonic() - began < 1.5


def test_no_daemon(place: Path) -> None:
    """Without a daemon nobody is recognised, and it is said how to have one."""
    assert "its socket is not there. Start it" in refused(place)
    with Tailscaled(place):
        pass
    assert "its socket is not there" in refused(place)


def test_a_daemon_that_may_not_be_asked(place: Path) -> None:
    """A daemon that refuses us names nobody, and it is said what would help."""
    with Tailscaled(place) as daemon:
        daemon.readable = False
        assert "does not answer this user. Run Quarterdeck as a user that may" in refused(place)


@pytest.mark.parametrize("status", [204, 302, 400, 401, 500, 503])
def test_an_error_is_no_answer(place: Path, status: int) -> None:
    """Any status but the two that are answers is an error, even with a person in it."""
    with Tailscaled(place) as daemon:
        daemon.instead = {"whois": (status, json.dumps(who_is(Machine())).encode())}
        refused(place)


def changed(change: Callable[[Any], object]) -> bytes:
    said = who_is(Machine())
    change(said)
    return json.dumps(said).encode()


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"null", b"[]", b"{}", b"7", b"{", b"\xff\xfe", b'{"Node":{}}', b"[" * 100_000, b"{}" * 3),
        changed(lambda said: said.pop("Node")),
        changed(lambda said: said.pop("UserProfile")),
        changed(lambda said: said["Node"].pop("Addresses")),
        changed(lambda said: said["Node"].update(Addresses=None)),
        changed(lambda said: said["Node"].update(Addresses=[])),
        changed(lambda said: said["Node"].update(Addresses=["100.64.0.8/32", "100.64.0.70/32"])),
        changed(lambda said: said["Node"].update(Addresses=["0.0.0.0/0"])),
        changed(lambda said: said["Node"].update(Tags="tag:server")),
        changed(lambda said: said["Node"].update(Expired="no")),
        changed(lambda said: said["UserProfile"].pop("LoginName")),
        changed(lambda said: said["UserProfile"].update(LoginName=None)),
        changed(lambda said: said["UserProfile"].update(LoginName="")),
        changed(lambda said: said["UserProfile"].update(LoginName=["me@example.com"])),
        changed(lambda said: said["UserProfile"].update(LoginName="me@example.com\n")),
        changed(lambda said: said["UserProfile"].update(LoginName="me @example.com")),
        changed(lambda said: said["UserProfile"].update(LoginName="m\u0435@example.com")),
        changed(lambda said: said["UserProfile"].update(LoginName="m" * 201)),
        changed(lambda said: said["UserProfile"].update(Groups="group:ops")),
        changed(lambda said: said["UserProfile"].update(Groups=[1])),
        changed(lambda said: said.update(CapMap=["example.com/cap/quarterdeck"])),
    ],
)
def test_an_answer_that_is_odd_names_nobody(place: Path, body: bytes) -> None:
    """An answer that is not whole, not JSON, about another address, or without a proper login is an error."""
    with Tailscaled(place) as daemon:
        daemon.instead = {"whois": (200, body)}
        assert "tailnet's daemon" in refused(place)


def test_a_name_is_only_for_show(place: Path) -> None:
    """What somebody calls themselves is cut and cleaned, and changes nothing else."""
    with Tailscaled(place, Net(machines=[Machine(name="Me\x1b[31m\u202e" + "e" * 500)])):
        claim = whois(place)
    assert claim is not None
    assert claim.name.isprintable()
    assert len(claim.name) <= 100
    assert claim.login == "me@example.com"


def test_a_kernel_that_does_not_tell(place: Path) -> None:
    """While it is not known which addresses are ours, nobody is recognised."""
    with Tailscaled(place) as daemon, pytest.raises(WhoisError):
        Client(place, interfaces=kernel_that_is_silent).whois(PEER, 1)
    assert daemon.heard == []


def test_a_socket_that_others_could_replace_is_not_believed(tmp_path: Path) -> None:
    """Where others can change a folder above the socket, nobody is recognised by what answers there."""
    folder = tmp_path / "run" / "tailscale"
    folder.mkdir(parents=True)
    place = folder / "tailscaled.sock"
    with Tailscaled(place):
        assert whois(place) is not None
        for open_one in (folder, folder.parent):
            open_one.chmod(0o777)
            assert "Others can change the folder" in refused(place)
            open_one.chmod(0o755)
        folder.chmod(0o775)
        assert "Others can change the folder" in refused(place)


def test_a_link_to_a_socket_is_followed_before_it_is_judged(tmp_path: Path) -> None:
    """Of a linked socket, the folder it really lies in is judged: `/var/run` is a link on many machines."""
    folder = tmp_path / "open"
    folder.mkdir()
    (tmp_path / "link.sock").symlink_to(folder / "tailscaled.sock")
    with Tailscaled(folder / "tailscaled.sock"):
        assert whois(tmp_path / "link.sock") is not None
        folder.chmod(0o777)
        assert "Others can change" in refused(tmp_path / "link.sock")


def test_a_program_of_somebody_else_is_not_the_daemon(place: Path) -> None:
    """What answers must run as root or as who owns the folder."""
    from quarterdeck.access.localapi import DaemonError, check_place  # noqa: PLC0415 -- for this rule alone

    with Tailscaled(place):
        check_place(place, os.getuid())
        for uid in (None, 65534, 4242):
            with pytest.raises(DaemonError, match="neither as root nor as its owner"):
                check_place(place, uid)
