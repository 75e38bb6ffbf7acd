"""Which addresses this machine has, and on which of its interfaces: asked of the kernel.

Rule: a kernel that does not tell is an error. No address is taken for granted, and none for absent.
"""

from __future__ import annotations

import array
import fcntl
import socket
import struct
from collections.abc import Callable, Iterator
from ipaddress import IPv6Address
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

IPV6: Final = Path("/proc/self/net/if_inet6")
ADDRESSES, FLAGS = 0x8912, 0x8913
"""What Linux is asked: SIOCGIFCONF and SIOCGIFFLAGS."""
POINT_TO_POINT: Final = 0x10
NAME: Final = 16
ROW: Final = NAME + struct.calcsize("@PPP")
"""A row is as long as the longest thing the kernel can put in it."""
ROOM: Final = 1_024 * ROW


class Interface(NamedTuple):
    """One address of this machine."""

    name: str
    """The interface it is on."""
    address: str
    tunnel: bool
    """Whether that interface is a tunnel, with nothing but its other end behind it."""


Interfaces: TypeAlias = Callable[[], tuple[Interface, ...]]


def interfaces(table: Path = IPV6) -> tuple[Interface, ...]:
    """Return every address of this machine; ``table`` is where the kernel lists those of IPv6.

    Raises:
        OSError: when the kernel does not tell.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        found = [*_ipv4(asking), *_ipv6(table)]
        return tuple(Interface(name, address, _is_tunnel(asking, name)) for name, address in found)


def _ipv4(asking: socket.socket) -> Iterator[tuple[str, str]]:
    room = array.array("B", bytes(ROOM))
    answer = fcntl.ioctl(asking, ADDRESSES, struct.pack("@iP", ROOM, room.buffer_info()[0]))
    length, _ = struct.unpack("@iP", answer)
    if length >= ROOM:
        raise OSError("This machine has more addresses than can be told.")
    rows = room.tobytes()[:length]
    for start in range(0, length, ROW):
        row = rows[start : start + ROW]
        yield _name(row[:NAME]), socket.inet_ntoa(row[NAME + 4 : NAME + 8])


def _ipv6(table: Path) -> Iterator[tuple[str, str]]:
    """Read the kernel's table; a kernel without IPv6 has none."""
    try:
        rows = table.read_text(encoding="ascii")
    except FileNotFoundError:
        return
    for row in rows.splitlines():
        digits, *_, name = row.split()
        yield name, str(IPv6Address(int(digits, 16)))


def _is_tunnel(asking: socket.socket, name: str) -> bool:
    answer = fcntl.ioctl(asking, FLAGS, struct.pack(f"{ROW}s", name.partition(":")[0].encode()))
    (flags,) = struct.unpack_from("@H", answer, NAME)
    return bool(flags & POINT_TO_POINT)


def _name(raw: bytes) -> str:
    return raw.partition(b"\0")[0].decode("utf-8", "replace")
