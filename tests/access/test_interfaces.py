"""Which addresses this machine has, as the kernel says."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from quarterdeck.access.interfaces import Interface, interfaces
from tests.access.a_machine import ON_A_TUNNEL, ON_LOOPBACK
from tests.architecture.code import ROOT

TUNNELS = Path("/dev/net/tun")
"""Not every container has it."""


def test_this_machine() -> None:
    """The addresses of this machine are those that others read from its kernel, and loopback is no tunnel."""
    others = {
        (name, each.address.partition("%")[0])
        for name, found in psutil.net_if_addrs().items()
        for each in found
        if each.family in {socket.AF_INET, socket.AF_INET6}
    }
    ours = interfaces()
    assert {(each.name, each.address) for each in ours} == others
    assert Interface("lo", "127.0.0.1", tunnel=False) in ours


def test_a_tunnel_of_the_kernel_is_told_from_any_other_interface() -> None:
    """In a network of its own, an address on a real tunnel is told from one of the same range on another interface."""
    program = [sys.executable, "-m", "tests.access.a_machine", str(TUNNELS)]
    inside = ["unshare", "--user", "--map-root-user", "--net", *program]
    ended = subprocess.run(inside, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    found = {Interface(*each) for each in json.loads(ended.stdout)}
    assert Interface("lo", ON_LOOPBACK, tunnel=False) in found
    assert (Interface("tailscale0", ON_A_TUNNEL, tunnel=True) in found) == TUNNELS.exists()


def test_a_kernel_without_ipv6(tmp_path: Path) -> None:
    """A kernel that has no table of IPv6 addresses has none; the others are told."""
    found = interfaces(tmp_path / "if_inet6")
    assert Interface("lo", "127.0.0.1", tunnel=False) in found
    assert not any(":" in each.address for each in found)


@pytest.mark.parametrize("row", ["nonsense", "zz 01 80 10 80 lo", "\xff"])
def test_a_table_that_is_broken_is_an_error(tmp_path: Path, row: str) -> None:
    """What cannot be read is not taken for a machine without addresses."""
    (tmp_path / "if_inet6").write_text(row, encoding="latin-1")
    with pytest.raises(ValueError):
        interfaces(tmp_path / "if_inet6")
