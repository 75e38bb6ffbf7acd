"""Whose program is at the other end of a connection on loopback, as the kernel says."""

from __future__ import annotations

import os
import socket
import subprocess

import pytest

from quarterdeck.access.owner import owner

NOBODY = 65_534
PROGRAM = "exec 3<>/dev/tcp/$0/$1; cat"
"""For a shell, which every user may run wherever our own Python lies."""


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_the_user_of_a_program_is_known(address: str) -> None:
    """A connection of our own is ours, and one of another user's program is theirs."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, 0), family=family) as listener:
        port = listener.getsockname()[1]
        with socket.create_connection((address, port)), listener.accept()[0] as ours:
            assert owner(ours.getpeername()[:2], ours.getsockname()[:2]) == os.getuid()
        command = ["bash", "-c", PROGRAM, address, str(port)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, user=NOBODY, cwd="/") as other:
            with listener.accept()[0] as theirs:
                assert owner(theirs.getpeername()[:2], theirs.getsockname()[:2]) == NOBODY
            other.kill()


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (("127.0.0.1", 1), ("127.0.0.1", 2)),
        (("", 0), ("127.0.0.1", 2)),
        (("not an address", 1), ("127.0.0.1", 2)),
        (("127.0.0.1", 1), ("::1", 2)),
        (("127.0.0.1", 70_000), ("127.0.0.1", 2)),
    ],
)
def test_what_is_no_connection_is_nobodys(theirs: tuple[str, int], ours: tuple[str, int]) -> None:
    """Of ends between which there is no connection, or which are none, no user is told."""
    assert owner(theirs, ours) is None
