"""What the service manager is told, on real sockets of both kinds."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from quarterdeck.cli.notify import ALIVE, READY, STATUS_LIMIT, Manager, manager, one_line


class Listener:
    """A service manager's end of the protocol."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(f"\0{address[1:]}" if address.startswith("@") else address)
        self.socket.settimeout(5)

    def heard(self) -> str:
        return self.socket.recv(4096).decode()


@pytest.fixture(params=["path", "abstract"])
def listener(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Listener]:
    """A manager that listens at a path, and one that listens in the abstract namespace."""
    there = Listener(str(tmp_path / "notify") if request.param == "path" else f"@quarterdeck-test-{os.getpid()}")
    yield there
    there.socket.close()


def test_the_manager_hears_what_it_is_told(listener: Listener) -> None:
    """Words and the status arrive as one datagram, at a path and at an abstract address alike."""
    assert Manager(listener.address).tell(READY, status="3 agents watched")
    assert listener.heard() == "READY=1\nSTATUS=3 agents watched"
    assert Manager(listener.address).tell(ALIVE)
    assert listener.heard() == "WATCHDOG=1"


def test_a_status_cannot_say_another_word(listener: Listener) -> None:
    """Whatever a status holds, it stays one line of bounded length: it can neither feed the watchdog nor stop us."""
    Manager(listener.address).tell(status="north\nSTOPPING=1\r\x1b[31m\u2028WATCHDOG=1")
    assert listener.heard() == "STATUS=north STOPPING=1  [31m WATCHDOG=1"
    assert len(one_line("x" * 10_000)) == STATUS_LIMIT


def test_nobody_there_is_no_error() -> None:
    """Without a manager, or with one whose socket is gone, nothing is raised; it is returned that nobody heard."""
    assert not Manager().tell(READY)
    assert not Manager("/nowhere/at/all/notify").tell(READY)
    assert not Manager("@" + "x" * 300).tell(READY)


def test_a_full_manager_delays_nobody(tmp_path: Path) -> None:
    """A manager that reads nothing is told what fits and no more; telling never waits for it."""
    listener = Listener(str(tmp_path / "notify"))
    told = [Manager(listener.address).tell(ALIVE) for _ in range(2_000)]
    listener.socket.close()
    assert told[0]
    assert not told[-1]


def test_the_address_is_taken_out_of_the_environment() -> None:
    """Programs that are started here inherit no address at which they could speak for us."""
    environment = {"NOTIFY_SOCKET": "/run/n", "WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid()), "A": "b"}
    assert manager(environment) == Manager("/run/n", 30.0)
    assert environment == {"A": "b"}


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ({}, Manager()),
        ({"NOTIFY_SOCKET": ""}, Manager()),
        ({"NOTIFY_SOCKET": "relative"}, Manager()),
        ({"NOTIFY_SOCKET": "@"}, Manager()),
        ({"NOTIFY_SOCKET": "@a"}, Manager("@a")),
        ({"NOTIFY_SOCKET": "@a", "WATCHDOG_USEC": "soon"}, Manager("@a")),
        ({"NOTIFY_SOCKET": "@a", "WATCHDOG_USEC": "0"}, Manager("@a")),
        ({"NOTIFY_SOCKET": "@a", "WATCHDOG_USEC": "5", "WATCHDOG_PID": "1"}, Manager("@a")),
        ({"WATCHDOG_USEC": "5"}, Manager()),
    ],
)
def test_only_a_manager_that_means_us_is_found(said: dict[str, str], found: Manager) -> None:
    """What stands in the environment is taken only when it is whole; a watchdog may mean another process."""
    assert manager(said) == found
