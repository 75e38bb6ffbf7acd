"""Who listens on this machine, as far as it concerns agents.

Rule 1: told is a socket that a known gateway holds, and one on a port where agents usually listen. Of all others only
        the address is told, for a way in may begin there; their processes are not looked into.
Rule 2: which process holds a socket is only visible to the process's own user and to root. Not being allowed to see it
        is another answer than there being none.
Rule 3: the work is bounded. A machine with very many open files gets no answer rather than a slow one.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

from quarterdeck.sources import files
from quarterdeck.sources.files import SourceError
from quarterdeck.sources.host import parse
from quarterdeck.sources.host.parse import Socket
from quarterdeck.truth.reading import Reason

ROLES: Mapping[int, str] = {8642: "api server", 8644: "webhook", 9119: "dashboard"}
"""What usually listens where, by the agent's own defaults."""

TABLES = ("net/tcp", "net/tcp6")
HEAD = "  sl  local_address"
"""How such a table begins, also when nobody listens. Without it, nothing in it is no answer."""
TABLE_AT_ONCE = 256_000
"""So much of a table is always read. The kernel lists first what listens, so that of a larger one the rest can wait."""
TABLE_LIMIT = 4_000_000
CHUNK = 1 << 16
PROCESSES_LIMIT = 32_768
FILES_LIMIT = 4_096
LINKS_LIMIT = 20_000
"""Open files that are looked at in one search."""

NOT_ALLOWED = (Reason.DENIED, "only its own user and root may see which process this is")
TOO_MANY = (Reason.OBSERVER, "too many open files on this machine to find the process among them")


class Listener(NamedTuple):
    """A socket that listens, and its process: a number, None where none can be seen, or why it is not known."""

    socket: Socket
    pid: int | SourceError | None
    instance: str | None
    """The instance whose gateway it is, where it is one."""


def listeners(
    proc: str,
    holders: Mapping[int, str],
    *,
    sockets: Sequence[Socket] | None = None,
    links_limit: int = LINKS_LIMIT,
) -> list[Listener]:
    """Return the listeners that concern agents, among all ``sockets`` that listen, should somebody have read them.

    ``holders`` are the gateways' processes, with their instances.

    Raises:
        SourceError: when the kernel's tables cannot be read.
    """
    sockets = list(all_sockets(proc)) if sockets is None else sockets
    search = Search(proc, {socket.inode for socket in sockets}, links_limit)
    search.through(sorted(holders))
    strangers = [socket for socket in sockets if socket.port in ROLES and socket.inode not in search.found]
    if strangers:
        search.missing = {socket.inode for socket in strangers}
        search.through(_processes_of(proc, {0, *(socket.uid for socket in strangers)}))
    told = {socket.address: socket for socket in sockets if socket.port in ROLES or socket.inode in search.found}
    return [_listener(told[address], search, holders) for address in sorted(told)]


def _listener(socket: Socket, search: Search, holders: Mapping[int, str]) -> Listener:
    pid = search.found.get(socket.inode)
    if pid is not None:
        return Listener(socket, pid, holders.get(pid))
    if search.exhausted:
        return Listener(socket, SourceError(*TOO_MANY), None)
    return Listener(socket, SourceError(*NOT_ALLOWED) if search.refused else None, None)


class Search:
    """Finding the processes of sockets, one open file after the other."""

    def __init__(self, proc: str, missing: set[int], links_limit: int) -> None:
        self._proc, self.missing, self._links_left = proc, missing, links_limit
        self.found: dict[int, int] = {}
        """Processes by the sockets they hold."""
        self.refused = False
        """Whether there was a process that may not be looked into."""

    @property
    def exhausted(self) -> bool:
        """Whether the search was given up."""
        return self._links_left <= 0

    def through(self, pids: list[int]) -> None:
        """Look through the open files of some processes for what is missing."""
        for pid in pids:
            if not self.missing or self.exhausted:
                return
            for inode in self._sockets_of(pid):
                if inode in self.missing:
                    self.missing.discard(inode)
                    self.found[inode] = pid

    def _sockets_of(self, pid: int) -> Iterator[int]:
        folder = f"{self._proc}/{pid}/fd"
        try:
            names = [entry.name for entry in files.list_dir(folder, limit=FILES_LIMIT).entries]
        except SourceError as error:  # it has ended meanwhile, or is none of our business
            self.refused = self.refused or error.reason is Reason.DENIED
            return
        for name in names:
            self._links_left -= 1
            with suppress(OSError, ValueError):  # closed meanwhile
                kind, _, rest = os.readlink(f"{folder}/{name}").partition(":[")
                if kind == "socket":
                    yield int(rest.removesuffix("]"))


def _processes_of(proc: str, users: set[int]) -> list[int]:
    """Return the processes of some users. A process that hides its memory belongs to root in the eyes of the kernel."""
    found = []
    for entry in files.list_dir(proc, limit=PROCESSES_LIMIT).entries:
        if entry.name.isdecimal():
            with suppress(OSError):  # it has ended meanwhile
                if os.stat(f"{proc}/{entry.name}").st_uid in users:
                    found.append(int(entry.name))
    return found


def beyond_loopback(sockets: Iterable[Socket]) -> tuple[str, ...]:
    """Return the addresses on which others can reach anything at all, whosever it is."""
    return tuple(sorted({socket.address for socket in sockets if socket.public}))


def all_sockets(proc: str) -> Iterator[Socket]:
    """Return every socket that listens.

    Raises:
        SourceError: when the kernel's tables cannot be read.
    """
    for table in TABLES:
        try:
            text = _read_table(f"{proc}/{table}")
        except SourceError as error:
            if error.reason is Reason.MISSING and table != TABLES[0]:  # a kernel without IPv6
                continue
            raise
        if not text.startswith(HEAD):
            raise SourceError(Reason.CORRUPT, "not a table of sockets")
        yield from parse.sockets(text)


def _read_table(path: str) -> str:
    """Read a table as far as something in it listens."""
    descriptor = files.open_regular(path)
    table = bytearray()
    try:
        with files.translated():
            while len(table) < TABLE_LIMIT and (chunk := os.read(descriptor, CHUNK)):
                table += chunk
                last = chunk[:-1].rpartition(b"\n")[2].decode("ascii", "replace")
                if len(table) > TABLE_AT_ONCE and not any(parse.sockets(last)):
                    break
    finally:
        os.close(descriptor)
    return table[: table.rfind(b"\n") + 1].decode("ascii", "replace")  # a row that was cut off is none
