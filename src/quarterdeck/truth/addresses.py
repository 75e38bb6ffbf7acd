"""How far an IP address reaches: this machine, the tailnet, a private network, or everybody.

Rule 1: what is not surely nearer is public, and what is no address is unknown. Neither is ever taken for safe.
Rule 2: an address out of the tailnet's ranges is the tailnet's only when it is among those that were proven to be:
        networks of carriers use the same numbers.
Rule 3: an IPv4 address mapped into IPv6 is that address, as it is for the kernel. Other forms that carry an IPv4
        address lead through somebody else's machine. They are never loopback and never the tailnet, and they may be
        refused for what they carry.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network


class Scope(StrEnum):
    """Who can reach an address."""

    LOOPBACK = "loopback"
    TAILNET = "tailnet"
    """The tailnet: the address is proven to be this machine's on it."""
    UNPROVEN = "cgnat-unproven"
    """It could be the tailnet's as well as that of a carrier's network."""
    LAN = "lan"
    LINK_LOCAL = "link-local"
    ANY = "any"
    """Every address of the machine."""
    PUBLIC = "public"
    UNKNOWN = "unknown"


def _networks(*texts: str) -> tuple[Network, ...]:
    return tuple(map(ip_network, texts))


TAILNET_RANGES: Final = _networks("100.64.0.0/10", "fd7a:115c:a1e0::/48")
"""Out of these a tailnet gives its machines their addresses. The first is that of carrier-grade NAT."""

SCOPES: Final[tuple[tuple[Scope, tuple[Network, ...]], ...]] = (
    (Scope.ANY, _networks("0.0.0.0/32", "::/128")),
    (Scope.LOOPBACK, _networks("127.0.0.0/8", "::1/128")),
    (Scope.LINK_LOCAL, _networks("169.254.0.0/16", "fe80::/10")),
    (Scope.UNPROVEN, TAILNET_RANGES),
    (Scope.LAN, _networks("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "fec0::/10")),
    (Scope.UNKNOWN, _networks("0.0.0.0/8", "224.0.0.0/4", "255.255.255.255/32", "ff00::/8")),
)
"""From the first row down. The last holds what no service can have: nobody's addresses, multicast and broadcast."""

CARRIES_IPV4: Final = (IPv6Network("64:ff9b::/96"), IPv6Network("::/96"))
"""Prefixes behind which an IPv4 address stands in the last 32 bits: NAT64, and a form of old."""


def scope_of(text: str, tailnet: Collection[str] = ()) -> Scope:
    """Say who can reach an address; ``tailnet`` are those that are proven to be this machine's on the tailnet."""
    address = parsed(text)
    if address is None:
        return Scope.UNKNOWN
    for scope, networks in SCOPES:
        if is_in(address, networks):
            proven = scope is Scope.UNPROVEN and any(parsed(each) == address for each in tailnet)
            return Scope.TAILNET if proven else scope
    return Scope.PUBLIC


def parsed(text: str) -> Address | None:
    """Return the address that is written here without brackets, zone and mapping, or None where it is none."""
    inner = text[1:-1] if text.startswith("[") and text.endswith("]") and ":" in text else text
    try:
        address = ip_address(inner)
    except ValueError:
        return None
    if isinstance(address, IPv4Address):
        return address
    return address.ipv4_mapped or IPv6Address(int(address))


def is_in(address: Address, networks: Collection[Network]) -> bool:
    """Whether an address belongs to one of these networks."""
    return any(address.version == network.version and address in network for network in networks)


def is_tailnet_range(address: Address) -> bool:
    """Whether an address is one that a tailnet could have given."""
    return is_in(address, TAILNET_RANGES)


def unwrapped(address: Address) -> Address:
    """Return the IPv4 address that stands in an IPv6 one, or the address itself: only ever to refuse it for that."""
    if isinstance(address, IPv6Address):
        if (inner := address.ipv4_mapped or address.sixtofour) is not None:
            return inner
        low = int(address) & 0xFFFF_FFFF
        if low > 1 and is_in(address, CARRIES_IPV4):
            return IPv4Address(low)
    return address
