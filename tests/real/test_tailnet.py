"""A hub in a tailnet: a network of its own with a real tunnel of the kernel, and another machine on a real wire.

Only the tailnet's daemon is a fake (`tests/fakes/tailscaled.py`): who is at the other end of a connection, which
addresses an interface has and what can be bound is said by the kernel.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from tests.fakes.tailscaled import Machine, Net, Tailscaled

OURS, NEW, HIS, HERS = "100.101.102.103", "100.101.102.104", "100.64.0.7", "100.64.0.8"
NAME: Final = "deck.tail1234.ts.net"
PORT: Final = 8710
LIMIT_S: Final = 60.0
ASK: Final = """
import http.client, json, sys
host, port, path, headers, source = json.loads(sys.argv[1])
visit = http.client.HTTPConnection(host, port, timeout=10, source_address=(source, 0))
try:
    visit.request("GET", path, headers=headers)
    answer = visit.getresponse()
    print(json.dumps([answer.status, answer.read().decode()]))
except OSError as error:
    print(json.dumps([0, type(error).__name__]))
"""


class Answer(NamedTuple):
    """What somebody was answered; 0 where there was no answer at all."""

    status: int
    text: str


class Space(NamedTuple):
    """A network of its own, held open by a process that sleeps."""

    pid: int

    def run(self, *command: str) -> str:
        """Run a command in it."""
        inside = ["nsenter", "--target", str(self.pid), "--net", *command]
        return subprocess.run(inside, capture_output=True, text=True, timeout=LIMIT_S, check=True).stdout

    def ask(self, host: str, path: str = "/brief", *, source: str = HIS, **headers: str) -> Answer:
        """Ask a hub from here."""
        said = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = self.run(sys.executable, "-c", ASK, json.dumps([host, PORT, path, said, source]))
        return Answer(*json.loads(answer))


@contextmanager
def space() -> Iterator[Space]:
    with subprocess.Popen(["unshare", "--net", "sleep", "600"]) as process:
        try:
            while os.readlink(f"/proc/{process.pid}/ns/net") == os.readlink("/proc/self/ns/net"):
                time.sleep(0.01)
            yield Space(process.pid)
        finally:
            process.kill()


class World(NamedTuple):
    """Everything there is: the daemon, the hub's machine, another machine, and what the hub printed."""

    daemon: Tailscaled
    here: Space
    there: Space
    said: Path


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A hub that serves its tailnet, and one person who may look."""
    place = tmp_path_factory.mktemp("tailnet")
    machines = [Machine(addresses=(HIS,)), Machine(login="her@example.com", addresses=(HERS,))]
    with ExitStack() as stack:
        daemon = stack.enter_context(Tailscaled(place / "d.sock", Net(addresses=(OURS,), name=NAME, machines=machines)))
        here, there = stack.enter_context(space()), stack.enter_context(space())
        wire(here, there)
        settings = place / "q.toml"
        settings.write_text(
            f'discover = false\n[server]\ntailnet = true\n[access]\ntailscaled = "{daemon.socket}"\n'
            '[[access.people]]\ntailnet = "me@example.com"\nrole = "viewer"\n'
        )
        said = place / "said"
        stack.enter_context(hub(here, settings, said, place))
        yield World(daemon, here, there, said)


def wire(here: Space, there: Space) -> None:
    """Give the hub's machine its tunnel, and connect the two."""
    subprocess.run(
        ["ip", "link", "add", "q0", "netns", str(here.pid), "type", "veth", "peer", "q1", "netns", str(there.pid)],
        check=True,
        timeout=LIMIT_S,
    )
    for one, device, others in ((here, "q0", (HIS, HERS)), (there, "q1", (OURS, NEW))):
        one.run("ip", "link", "set", "lo", "up")
        one.run("ip", "link", "set", device, "up")
        for other in others:
            one.run("ip", "route", "add", f"{other}/32", "dev", device)
    here.run("ip", "tuntap", "add", "mode", "tun", "name", "tailscale0")
    here.run("ip", "address", "add", f"{OURS}/32", "dev", "tailscale0")
    here.run("ip", "link", "set", "tailscale0", "up")
    for address in (HIS, HERS):
        there.run("ip", "address", "add", f"{address}/32", "dev", "q1")


@contextmanager
def hub(here: Space, settings: Path, said: Path, place: Path) -> Iterator[None]:
    command = ["nsenter", "--target", str(here.pid), "--net", sys.executable, "-m", "quarterdeck", "up"]
    with said.open("wb") as out:
        process = subprocess.Popen(
            [*command, "--config", str(settings)],
            stdout=out,
            stderr=out,
            env=os.environ | {"HOME": str(place), "XDG_STATE_HOME": str(place / "state")},
        )
    try:
        until(lambda: "Ctrl-C" in said.read_text() or process.poll() is not None)
        assert process.poll() is None, said.read_text()
        yield
    finally:
        process.terminate()
        process.wait(LIMIT_S)


def until(seen: object) -> None:
    """Wait until something is so."""
    assert callable(seen)
    end = time.monotonic() + LIMIT_S
    while not seen():
        assert time.monotonic() < end, f"not seen within {LIMIT_S:.0f} s"
        time.sleep(0.2)


def test_a_person_of_the_tailnet_is_known_by_where_they_come_from(world: World) -> None:
    """Whom a rule names sees the pages under the machine's address and its name, without showing anything."""
    until(lambda: world.there.ask(OURS).status == 200)
    assert world.there.ask(OURS, Host=f"{NAME}:{PORT}").status == 200
    assert "viewer" in world.there.ask(OURS, "/you").text
    assert world.there.ask(OURS, "/static/deck.css").status == 200


def test_everybody_else_is_a_stranger(world: World) -> None:
    """Whom no rule names, whoever claims to be another, and who asks for another name get one and the same answer."""
    until(lambda: world.there.ask(OURS).status == 200)
    claims = {"X_Forwarded_For": HIS, "Tailscale_User_Login": "me@example.com", "X_Real_IP": HIS}
    answers = {
        world.there.ask(OURS, source=HERS),
        world.there.ask(OURS, source=HERS, **claims),
        world.there.ask(OURS, "/nowhere", source=HERS),
        world.there.ask(OURS, Host="evil.example"),
        world.there.ask(OURS, Tailscale_Funnel_Request="?1"),
        world.here.ask(OURS, source=OURS),
    }
    assert {answer.status for answer in answers} == {403}
    assert len(answers) == 1


def test_a_tagged_machine_is_nobody(world: World) -> None:
    """When the machine of a known person becomes a tagged one, it is nobody's within seconds."""
    until(lambda: world.there.ask(OURS).status == 200)
    mine = world.daemon.net.machines[0]
    mine.tags = ("tag:ci",)
    until(lambda: world.there.ask(OURS).status == 403)
    mine.tags = ()
    until(lambda: world.there.ask(OURS).status == 200)


def test_nothing_is_served_while_nothing_is_proven(world: World) -> None:
    """When the daemon is not connected any more the address is not listened on; loopback is; and then it is again."""
    until(lambda: world.there.ask(OURS).status == 200)
    world.daemon.net.state = "Stopped"
    until(lambda: world.there.ask(OURS).status == 0)
    assert world.here.ask("127.0.0.1", source="127.0.0.1").status == 403
    assert "way in is shut" in world.said.read_text()
    world.daemon.net.state = "Running"
    until(lambda: world.there.ask(OURS).status == 200)


def test_a_new_address_is_served_when_the_kernel_has_it_too(world: World) -> None:
    """A daemon that comes back with another address is believed when that address is on its tunnel, and not before."""
    until(lambda: world.there.ask(OURS).status == 200)
    world.daemon.net.addresses = (NEW,)
    until(lambda: world.there.ask(OURS).status == 0)
    assert world.there.ask(NEW).status == 0
    world.here.run("ip", "address", "add", f"{NEW}/32", "dev", "tailscale0")
    until(lambda: world.there.ask(NEW).status == 200)
    assert world.there.ask(OURS).status == 0
    world.daemon.net.addresses = (OURS,)
    until(lambda: world.there.ask(OURS).status == 200)
