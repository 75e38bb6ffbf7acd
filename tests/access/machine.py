"""A machine on a tailnet, as its kernel has it."""

from __future__ import annotations

from typing import Final

from quarterdeck.access.interfaces import Interface
from tests.fakes.tailscaled import OWN

LO: Final = (Interface("lo", "127.0.0.1", tunnel=False), Interface("lo", "::1", tunnel=False))
LAN: Final = (Interface("eth0", "192.0.2.2", tunnel=False),)


def tunnel(*addresses: str) -> tuple[Interface, ...]:
    """Return the addresses of a tunnel."""
    return tuple(Interface("tailscale0", each, tunnel=True) for each in addresses)


def on_the_tailnet() -> tuple[Interface, ...]:
    """Have what the daemon says is ours."""
    return (*LO, *LAN, *tunnel(*OWN))


def kernel_that_is_silent() -> tuple[Interface, ...]:
    """Tell nothing."""
    raise OSError("no such device")
