"""Which addresses this machine has, as the kernel says."""

from __future__ import annotations

import socket

import psutil

from quarterdeck.access.interfaces import Interface, interfaces


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
