"""A program that tries what a hub must not be able to do, and says in JSON what came of each."""

from __future__ import annotations

import errno
import json
import mmap
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path


def outcome(attempt: Callable[[], object]) -> str:
    """Return ``done``, or the name of the error that stood in the way."""
    try:
        attempt()
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, "?")
    return "done"


def talk(address: str) -> Callable[[], object]:
    """Return what sends a packet to an address."""

    def send() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            out.connect((address, 9))
            out.send(b"x")

    return send


def write(path: str) -> Callable[[], object]:
    """Return what writes a file."""
    return lambda: Path(path).write_text("x")


def main(home: str, secret: str, *addresses: str) -> None:
    attempts: dict[str, Callable[[], object]] = {
        "write its state": write("/var/lib/quarterdeck/curious"),
        "write in a home": write(f"{home}/curious"),
        "write in /etc": write("/etc/curious"),
        "read a secret of root": lambda: Path(secret).read_bytes(),
        "run memory it wrote": lambda: mmap.mmap(
            -1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC
        ).close(),
        "become root": lambda: os.setuid(0),
        "open a raw socket": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW),
        "see a disk": lambda: os.mknod("/var/lib/quarterdeck/disk", 0o660 | 0o060000, os.makedev(8, 0)),
        **{f"talk to {address}": talk(address) for address in addresses},
    }
    sys.stdout.write(json.dumps({name: outcome(attempt) for name, attempt in attempts.items()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
