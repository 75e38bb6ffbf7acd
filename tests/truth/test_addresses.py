"""How far an address reaches."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.truth.addresses import Scope, is_tailnet_range, parsed, scope_of, unwrapped

PROVEN = ("100.101.102.103", "fd7a:115c:a1e0::6701:6667")

V4 = st.ip_addresses(v=4)
V6 = st.ip_addresses(v=6)
NEAR = frozenset({Scope.LOOPBACK, Scope.TAILNET})


@pytest.mark.parametrize(
    ("text", "scope"),
    [
        ("127.0.0.1", Scope.LOOPBACK),
        ("127.255.255.254", Scope.LOOPBACK),
        ("::1", Scope.LOOPBACK),
        ("[::1]", Scope.LOOPBACK),
        ("::1%lo", Scope.LOOPBACK),
        ("::ffff:127.0.0.1", Scope.LOOPBACK),
        ("0:0:0:0:0:ffff:7f00:1", Scope.LOOPBACK),
        ("128.0.0.0", Scope.PUBLIC),
        ("126.255.255.255", Scope.PUBLIC),
        ("0.0.0.0", Scope.ANY),
        ("::", Scope.ANY),
        ("[::]", Scope.ANY),
        ("::ffff:0.0.0.0", Scope.ANY),
        ("100.101.102.103", Scope.TAILNET),
        ("::ffff:100.101.102.103", Scope.TAILNET),
        ("fd7a:115c:a1e0::6701:6667", Scope.TAILNET),
        ("[fd7a:115c:a1e0:0:0:0:6701:6667]", Scope.TAILNET),
        ("100.101.102.104", Scope.UNPROVEN),
        ("100.64.0.0", Scope.UNPROVEN),
        ("100.127.255.255", Scope.UNPROVEN),
        ("100.100.100.100", Scope.UNPROVEN),
        ("fd7a:115c:a1e0::1", Scope.UNPROVEN),
        ("100.63.255.255", Scope.PUBLIC),
        ("100.128.0.0", Scope.PUBLIC),
        ("fd7a:115c:a1e1::1", Scope.LAN),
        ("fd7a:115c:a1df:ffff::1", Scope.LAN),
        ("10.0.0.1", Scope.LAN),
        ("172.16.0.1", Scope.LAN),
        ("172.31.255.255", Scope.LAN),
        ("192.168.255.255", Scope.LAN),
        ("::ffff:192.168.1.1", Scope.LAN),
        ("fc00::1", Scope.LAN),
        ("fdff:ffff::1", Scope.LAN),
        ("fec0::1", Scope.LAN),
        ("172.15.255.255", Scope.PUBLIC),
        ("172.32.0.0", Scope.PUBLIC),
        ("169.254.169.254", Scope.LINK_LOCAL),
        ("fe80::1", Scope.LINK_LOCAL),
        ("fe80::1%eth0", Scope.LINK_LOCAL),
        ("[fe80::1%25]", Scope.LINK_LOCAL),
        ("192.0.2.7", Scope.PUBLIC),
        ("2001:db8::7", Scope.PUBLIC),
        ("64:ff9b::7f00:1", Scope.PUBLIC),
        ("64:ff9b::100.101.102.103", Scope.PUBLIC),
        ("64:ff9b:1::a00:1", Scope.PUBLIC),
        ("2002:7f00:1::", Scope.PUBLIC),
        ("2002:6465:6667::1", Scope.PUBLIC),
        ("::127.0.0.1", Scope.PUBLIC),
        ("::2", Scope.PUBLIC),
        ("240.0.0.1", Scope.PUBLIC),
        ("0.1.2.3", Scope.UNKNOWN),
        ("224.0.0.1", Scope.UNKNOWN),
        ("255.255.255.255", Scope.UNKNOWN),
        ("ff02::1", Scope.UNKNOWN),
    ],
)
def test_the_scope_of_an_address(text: str, scope: Scope) -> None:
    """Every range has its scope, also at its edges and in every way to write it."""
    assert scope_of(text, PROVEN) is scope


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "*", "localhost", "127.1", "2130706433", "0x7f000001", "0127.0.0.1", "127.0.0.1 ", "127.0.0.1:80"),
        *("127.0.0.1/8", "[127.0.0.1]", "[::1", "::1]", "[]", "::1%", "1.2.3", "1.2.3.4.5", "256.1.1.1", ":::", "fe80"),
        *("١٢٧.0.0.1", "127.0.0.1\n", "127.0.0.1\0", "[[::1]]", "%lo", "::ffff:127.0.0.256"),
    ],
)
def test_what_is_no_address_is_unknown(text: str) -> None:
    """Names, numbers in odd systems and garbage are no addresses, whatever a resolver would make of them."""
    assert scope_of(text, (*PROVEN, text)) is Scope.UNKNOWN


@given(st.text(max_size=60))
def test_any_text_has_a_scope(text: str) -> None:
    """No text raises; a text that is no address is unknown."""
    assert scope_of(text, (text,)) is Scope.UNKNOWN or parsed(text) is not None


@given(V4)
def test_a_mapped_address_is_the_address(address: IPv4Address) -> None:
    """An IPv4 address reaches as far in its IPv6 form."""
    assert scope_of(f"::ffff:{address}", PROVEN) is scope_of(str(address), PROVEN)


@given(V4)
def test_a_carried_address_is_never_near(address: IPv4Address) -> None:
    """An IPv4 address behind a translator or a tunnel is neither loopback nor the tailnet, even where it says so."""
    six = f"2002:{int(address) >> 16:x}:{int(address) & 0xFFFF:x}::1"
    for dress in (f"64:ff9b::{address}", six):
        assert scope_of(dress, (dress, str(address))) not in NEAR
        assert unwrapped(ip_address(dress)) == address or int(address) <= 1


@given(st.one_of(V4, V6), st.lists(st.one_of(V4, V6), max_size=3))
def test_the_tailnet_is_proven_and_in_its_range(address: IPv4Address | IPv6Address, known: list[IPv4Address]) -> None:
    """An address is the tailnet's only when it is among the proven ones and could have been given by a tailnet."""
    proven = [str(each) for each in known]
    if scope_of(str(address), proven) is Scope.TAILNET:
        assert str(parsed(str(address))) in proven
    claimed = scope_of(str(address), [str(address)])
    inner = parsed(str(address))
    assert inner is not None
    assert (claimed is Scope.TAILNET) == is_tailnet_range(inner)


@given(st.integers(0, 2**22 - 1))
def test_a_carriers_network_is_not_the_tailnet(number: int) -> None:
    """Nothing of the range that a tailnet shares with carriers is the tailnet's by its number alone."""
    assert scope_of(str(IPv4Address("100.64.0.0") + number)) is Scope.UNPROVEN


@given(V6)
def test_a_zone_changes_nothing(address: IPv6Address) -> None:
    """The name of an interface behind an address does not change how far it reaches."""
    assert scope_of(f"{address}%eth0", PROVEN) is scope_of(str(address), PROVEN)
