"""What the kernel's tables say, understood. Pure: text in, figures out.

Rule: a line that does not have its form is not guessed at. A figure that is asked for and not there is an error with a
reason; a row of a table that makes no sense is passed over, for the rows do not depend on each other.
"""

from __future__ import annotations

import re
import socket
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from quarterdeck.sources.files import SourceError
from quarterdeck.truth.reading import Reason

KIB = 1024
LISTEN = "0A"

_MEMORY = re.compile(r"^(\w+): +(\d{1,15}) kB$", re.MULTILINE | re.ASCII)
_LOAD = re.compile(r"(\d{1,9}\.\d{1,4}) ", re.ASCII)
_BOOT = re.compile(r"^btime (\d{1,11})$", re.MULTILINE | re.ASCII)
_OCTAL = re.compile(r"\\([0-7]{3})")
_SOCKET = re.compile(
    r" *\d+: ([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4}) [0-9A-F]+:[0-9A-F]{4} ([0-9A-F]{2})"
    r" \S+ \S+ \S+ +(\d{1,10}) +\d+ +(\d{1,19})\b",
    re.ASCII,
)
_OWN_V4 = re.compile(r"\|-- ([0-9.]{7,15})\n +/32 host LOCAL", re.ASCII)
_OWN_V6 = re.compile(r"^([0-9a-f]{32}) ", re.MULTILINE | re.ASCII)
_MAPPED = bytes(10) + b"\xff\xff"
_IPV4_LENGTH = 4


class Mount(NamedTuple):
    """A place where a file system is attached."""

    point: str
    shown: str
    """Its name as the kernel writes it: blanks are escaped, so that it can stand in a line."""


class Socket(NamedTuple):
    """A socket that listens."""

    address: str
    """With its port, as one would type it: ``127.0.0.1:9119``, ``[::1]:9119``."""
    port: int
    public: bool
    """Whether it can be reached from beyond this machine."""
    uid: int
    inode: int


def memory(text: str, name: str) -> int:
    """Return a figure of ``meminfo`` in bytes."""
    figures = dict(_MEMORY.findall(text))
    if name not in figures:
        raise SourceError(Reason.SCHEMA, f"the kernel says nothing of {name}")
    return int(figures[name]) * KIB


def load(text: str) -> float:
    """Return the load over one minute from ``loadavg``."""
    form = _LOAD.match(text)
    if form is None:
        raise SourceError(Reason.SCHEMA, "the kernel says nothing of the load")
    return float(form[1])


def booted_at(text: str) -> datetime:
    """Return when the machine started from ``stat``."""
    form = _BOOT.search(text)
    if form is None:
        raise SourceError(Reason.SCHEMA, "the kernel does not say when it started")
    return datetime.fromtimestamp(int(form[1]), UTC)


def mounts(text: str) -> tuple[Mount, ...]:
    """Return what is mounted from ``mountinfo``, in the order in which it was."""
    rows = (line.split(" ") for line in text.splitlines())
    shown = (row[4] for row in rows if "-" in row and len(row) > 4)  # noqa: PLR2004 -- the fifth column
    return tuple(Mount(_OCTAL.sub(lambda code: chr(int(code[1], 8)), name), name) for name in shown if name[:1] == "/")


def mount_of(path: str, mounted: Iterable[Mount]) -> Mount | None:
    """Return the file system a path lies on, going by its name; of two at one place the later hides the earlier."""
    found = None
    for mount in mounted:
        below = mount.point in {"/", path} or path.startswith(mount.point + "/")
        if below and (found is None or len(mount.point) >= len(found.point)):
            found = mount
    return found


def sockets(text: str) -> Iterator[Socket]:
    """Return the sockets that listen from ``net/tcp`` or ``net/tcp6``."""
    for line in text.splitlines():
        row = _SOCKET.match(line)
        if row is not None and row[3] == LISTEN:
            yield _socket(_address(row[1]), int(row[2], 16), int(row[4]), int(row[5]))


def own_v4(text: str) -> frozenset[str]:
    """Return the machine's own addresses from ``net/fib_trie``. There is no machine without one."""
    found = frozenset(_OWN_V4.findall(text))
    if not found:
        raise SourceError(Reason.SCHEMA, "the kernel says nothing of this machine's own addresses")
    return found


def own_v6(text: str) -> frozenset[str]:
    """Return the machine's own addresses from ``net/if_inet6``, in brackets."""
    packed = (bytes.fromhex(digits) for digits in _OWN_V6.findall(text))
    return frozenset(f"[{socket.inet_ntop(socket.AF_INET6, each)}]" for each in packed)


def _address(digits: str) -> bytes:
    """The kernel writes an address as whole numbers of 32 bits, each in the order of the processor."""
    words = (digits[start : start + 8] for start in range(0, len(digits), 8))
    return b"".join(int(word, 16).to_bytes(4, sys.byteorder) for word in words)


def _socket(address: bytes, port: int, uid: int, inode: int) -> Socket:
    address = address.removeprefix(_MAPPED)
    if len(address) == _IPV4_LENGTH:
        shown, loopback = socket.inet_ntop(socket.AF_INET, address), address[0] == 127  # noqa: PLR2004 -- 127.0.0.0/8
    else:
        shown, loopback = f"[{socket.inet_ntop(socket.AF_INET6, address)}]", address == bytes(15) + b"\x01"
    return Socket(f"{shown}:{port}", port, not loopback, uid, inode)
