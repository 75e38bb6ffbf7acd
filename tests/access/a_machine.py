"""A program for a network of its own: gives addresses to this machine and prints what the kernel then says of them.

It runs in a namespace, where nothing outside is touched. Its one argument is the kernel's device for tunnels.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import struct
import sys
from pathlib import Path
from typing import Final

from quarterdeck.access.interfaces import interfaces

ON_LOOPBACK: Final = "100.99.0.1"
ON_A_TUNNEL: Final = "100.101.102.103"
SET_ADDRESS, GET_FLAGS, SET_FLAGS, MAKE_TUNNEL = 0x8916, 0x8913, 0x8914, 0x400454CA
UP, TUN, NO_HEADER = 0x1, 0x1, 0x1000


def main() -> None:
    """Give loopback an address, and a tunnel one, where this machine can have tunnels."""
    given = [(b"lo", ON_LOOPBACK)]
    if Path(sys.argv[1]).exists():
        tunnel = os.open(sys.argv[1], os.O_RDWR)
        fcntl.ioctl(tunnel, MAKE_TUNNEL, struct.pack("16sH22x", b"tailscale0", TUN | NO_HEADER))
        given.append((b"tailscale0", ON_A_TUNNEL))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        for name, address in given:
            where = struct.pack("16sHH4s16x", name, socket.AF_INET, 0, socket.inet_aton(address))
            fcntl.ioctl(asking, SET_ADDRESS, where)
            _, flags = struct.unpack_from("16sH", fcntl.ioctl(asking, GET_FLAGS, struct.pack("16s24x", name)))
            fcntl.ioctl(asking, SET_FLAGS, struct.pack("16sH22x", name, flags | UP))
    sys.stdout.write(json.dumps(interfaces()))


if __name__ == "__main__":
    main()
