"""Sockets to listen on: an address that is proven, and a unix socket that nobody else can take the place of.

Rule: whether it may be listened on was decided before. Here it is only taken, or not.
"""

from __future__ import annotations

import errno
import os
import socket
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH


def bound(address: str, port: int) -> socket.socket:
    """Take a port of an address that is proven.

    Raises:
        OSError: when that cannot be done: above all when no interface has the address.
    """
    taken = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    try:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if taken.family == socket.AF_INET6:
            taken.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        taken.bind((address, port))
    except OSError:
        taken.close()
        raise
    return taken


def bound_unix(path: Path) -> socket.socket:
    """Take a unix socket, for its group and us alone. What lies in its place is taken away if nobody answers there.

    Raises:
        OSError: when that cannot be done, or others could put a socket of theirs in its place: what people show to us
            would then be shown to them.
    """
    folder = path.parent.stat()
    if folder.st_uid not in {0, os.geteuid()} or folder.st_mode & OTHERS_WRITE:
        raise PermissionError(errno.EACCES, "others can change its folder")
    taken = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with suppress(ConnectionRefusedError, FileNotFoundError):
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
                probe.settimeout(1)
                probe.connect(str(path))
            raise FileExistsError(17, "somebody listens there")
        if path.is_socket():
            path.unlink()
        taken.bind(str(path))
        path.chmod(0o660)  # before anybody can connect: it is not listened on yet
    except OSError:
        taken.close()
        raise
    return taken
