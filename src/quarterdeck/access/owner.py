"""Under which user the program at the other end of a connection on this machine runs, asked of the kernel.

A browser shows a cookie to every port of its machine, so another user's program that gets a browser to open its own
page holds the cookie too. What it cannot do is to show it as the user whose browser it is.

Source: sock_diag(7), for one socket named by both of its ends (the answer has the user in its last word but one), and
``SO_PEERCRED`` of unix(7).
"""

from __future__ import annotations

import socket
import struct
from typing import Final

SOCK_DIAG: Final = 4
BY_FAMILY: Final = 20
REQUEST: Final = 1
HEADER: Final = struct.Struct("=IHHII")
"""Length, type, flags, sequence, port."""
ASKED: Final = struct.Struct("=BBBxI2s2s16s16sIII")
"""Family, protocol, extensions, states; of the socket its ports, addresses, interface and cookie."""
ANY: Final = 0xFFFFFFFF
ANSWER: Final = struct.Struct("=4x48x12xI")
"""Family and state, the socket, its timer and queues, and whose it is."""
CREDENTIALS: Final = struct.Struct("3i")
"""Process, user and group at the other end of a unix socket."""
LIMIT_S: Final = 0.2
MOST: Final = 1_024


def owner(theirs: tuple[str, int], ours: tuple[str, int]) -> int | None:
    """Return the user whose socket reaches from one address and port to another; None where the kernel does not say."""
    family = socket.AF_INET6 if ":" in theirs[0] else socket.AF_INET
    try:
        ends = [socket.inet_pton(family, address).ljust(16, b"\0") for address, _ in (theirs, ours)]
        ports = [port.to_bytes(2, "big") for _, port in (theirs, ours)]
        asked = ASKED.pack(family, socket.IPPROTO_TCP, 0, ANY, *ports, *ends, 0, ANY, ANY)
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, SOCK_DIAG) as line:
            line.settimeout(LIMIT_S)
            line.sendto(HEADER.pack(HEADER.size + len(asked), BY_FAMILY, REQUEST, 1, 0) + asked, (0, 0))
            said = line.recv(MOST)
        if HEADER.unpack_from(said)[1] != BY_FAMILY:
            return None
        return int(ANSWER.unpack_from(said, HEADER.size)[0])
    except (OSError, ValueError, OverflowError, struct.error):
        return None


def owner_of_unix(ours: socket.socket | None) -> int | None:
    """Return the user of the program at the other end of a unix socket; None for any other socket."""
    if ours is None or ours.family != socket.AF_UNIX:
        return None
    said = ours.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS.size)
    return int(CREDENTIALS.unpack(said)[1])
