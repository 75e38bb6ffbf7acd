"""Programs that pass connections on and are known by their processes: tunnels out of this machine, and proxies whose
settings are not read here.

Rule 1: of a command line only the target is taken. It may hold a token, and nothing else of it is kept or told.
Rule 2: a tunnel or a proxy whose target its command line does not tell may lead anywhere.
Rule 3: a process in a network of its own, as in a container, cannot reach what listens on loopback here. It is none of
        this machine's ways.
"""

from __future__ import annotations

import getopt
import os
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import pairwise
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from quarterdeck.sources import files
from quarterdeck.sources.files import SourceError
from quarterdeck.sources.ways.told import Seen, Told, address, merged, put, unix
from quarterdeck.truth.exposure import EVERYWHERE, FAR_HOST, INTERNET, SOMEWHERE
from quarterdeck.truth.reading import Reason

NAME: Final = "programs"
PROCESSES_LIMIT: Final = 32_768
LINE_LIMIT: Final = 64_000
FIRST: Final = "1"
HIDDEN: Final = (Reason.DENIED, "processes of other users are hidden on this machine (`hidepid`)")
"""Everybody sees the first process, unless others' are hidden."""
KEPT_S: Final = 1.0
COMM_LENGTH: Final = 15
"""The kernel keeps so much of a process's name."""

PROXIES: Final = frozenset(
    (
        *("haproxy", "traefik", "envoy", "apache2", "httpd", "lighttpd", "varnishd", "squid", "pound", "hitch"),
        *("stunnel", "stunnel4", "sslh", "socat", "rinetd", "redir", "gost", "h2o", "angie", "openresty", "tinyproxy"),
        *("kubelet", "k3s-server", "incusd", "lxd"),
    )
)
TUNNELS: Final = frozenset(
    (
        *("cloudflared", "ngrok", "frpc", "bore", "zrok", "rathole", "chisel", "inlets", "playit", "tunnelto"),
        *("pgrok", "loophole", "wstunnel", "localxpose", "telebit", "tunwg", "piko"),
    )
)
TAILSCALED: Final = "tailscaled"
SSH_LETTERS: Final = "46AaCfGgKkMNnqsTtVvXxYyB:b:c:D:E:e:F:I:i:J:L:l:m:O:o:P:p:Q:R:S:W:w:"
"""The options of ssh; those with a colon take a value."""
HTTP_PORTS: Final[Mapping[str, int]] = {"http": 80, "https": 443}
_FORWARD: Final = re.compile(r"(?:\[[^\]]*\]|[^:\[\]]*|/[^:]*)")

Arguments = Sequence[str]
Found = tuple[list[str], list[str]]
"""Upstreams, and what is not understood."""


class Process(NamedTuple):
    """One process: its name and its command line."""

    name: str
    arguments: tuple[str, ...]


class Running:
    """The processes of this machine that share its network, by name, read when somebody asks.

    Several witnesses ask at the same time: those who ask within a second of each other are told by one list of names.
    """

    def __init__(self, proc: str = "/proc", monotonic: Callable[[], float] = time.monotonic) -> None:
        self._proc, self._monotonic = proc, monotonic
        self._turn = threading.Lock()
        self._names: dict[str, str] = {}
        self._until = float("-inf")

    def __call__(self, names: Iterable[str]) -> list[Process]:
        """Return the processes of some names, without those in a network of their own.

        Raises:
            SourceError: when the processes cannot be listed.
        """
        wanted = {name[:COMM_LENGTH]: name for name in names}
        found = []
        for pid, comm in self._listed().items():
            name = wanted.get(comm)
            if name is not None and self._network(pid) in (None, self._network("self")):
                with suppress(SourceError):  # it has ended meanwhile
                    found.append(Process(name, tuple(self._text(pid, "cmdline").rstrip("\0").split("\0"))))
        return found

    def _listed(self) -> dict[str, str]:
        """Return the name of each process by its number, as it was at most a second ago."""
        with self._turn:
            if self._monotonic() >= self._until:
                self._names = dict(self._read())
                self._until = self._monotonic() + KEPT_S
            return self._names

    def _read(self) -> Iterator[tuple[str, str]]:
        entries = files.list_dir(self._proc, limit=PROCESSES_LIMIT).entries
        pids = [each.name for each in entries if each.name.isdecimal()]
        if FIRST not in pids:
            raise SourceError(*HIDDEN)
        for pid in pids:
            with suppress(SourceError):  # it has ended meanwhile
                yield pid, self._text(pid, "comm").rstrip("\n")

    def has(self, *names: str) -> bool:
        """Whether a program of one of these names runs.

        Raises:
            SourceError: when the processes cannot be listed.
        """
        return bool(self(names))

    def lines(self, name: str) -> tuple[str, ...]:
        """Return the command lines of the processes of a name.

        Raises:
            SourceError: when the processes cannot be listed.
        """
        return tuple(" ".join(each.arguments) for each in self([name]))

    def _text(self, pid: str, name: str) -> str:
        data = files.read_bytes(f"{self._proc}/{pid}/{name}", limit=LINE_LIMIT).data
        return data.decode("utf-8", "replace")

    def _network(self, pid: str) -> int | None:
        """Return what is one and the same for processes in one network, and may be seen by everybody."""
        try:
            return os.stat(f"{self._proc}/{pid}/net/tcp").st_ino
        except OSError:
            return None


class Programs:
    """Tunnels and proxies that run."""

    name = NAME
    locator = "processes"

    def __init__(
        self,
        running: Callable[[Iterable[str]], list[Process]],
        *,
        accepted: frozenset[str] = frozenset(),
        asks_tailnet: bool = True,
    ) -> None:
        """``accepted`` are programs whose ways the operator knows and answers for.

        Where the tailnet's daemon is not asked by itself, as one that came later, it may serve anything.
        """
        self._running = running
        self._names = {*PROXIES, *TUNNELS, "ssh", *(() if asks_tailnet else (TAILSCALED,))} - accepted

    def ask(self) -> Seen:
        """Look at what runs."""
        return Seen("routes", merged(told for each in self._running(self._names) for told in _told(each)))


def _told(process: Process) -> Iterator[Told]:
    read = READ.get(process.name)
    if process.name == "ssh":
        upstreams, unread = forwarded(process.arguments[1:])
        entry = FAR_HOST
    elif process.name in TUNNELS:
        upstreams, unread = read(process.arguments[1:]) if read else ([], ["target"])
        entry = INTERNET
    else:
        upstreams, unread, entry = [], ["configuration"], SOMEWHERE
    if upstreams or unread:
        told = Told(process.name, entry)
        put(told, upstreams, unread)
        yield told


# --- command lines --------------------------------------------------------------------------------------------------


def forwarded(arguments: Arguments) -> Found:
    """Return where ``ssh -R`` takes the connections that come in at the other machine."""
    upstreams: list[str] = []
    unread: list[str] = []
    try:
        before, rest = getopt.getopt(list(arguments), SSH_LETTERS)
        after = getopt.getopt(rest[1:], SSH_LETTERS)[0] if rest else []
    except getopt.GetoptError:
        return [], (["arguments"] if any(each.startswith("-R") for each in arguments) else [])
    for letter, value in (*before, *after):
        if letter == "-R":
            target = _target(value)
            (upstreams if target is not None else unread).append(target or "target")
        elif letter == "-o" and value.replace(" ", "").lower().startswith("remoteforward"):
            unread.append("target")
    return upstreams, unread


def _target(value: str) -> str | None:
    """Return the local end of ``[bind:]port:host:hostport`` or of a form with sockets; a port alone leads anywhere."""
    parts = value.split(":") if "[" not in value else [found[0] for found in _FORWARD.finditer(value) if found[0]]
    if len(parts) == 1:
        return EVERYWHERE if parts[0].isdecimal() else None
    if parts[-1].startswith("/"):
        return unix(parts[-1])
    if parts[-1].isdecimal() and len(parts) > 2:  # noqa: PLR2004 -- port, host and port
        return address(parts[-2], int(parts[-1]))
    return EVERYWHERE if parts[-1].isdecimal() and len(parts) == 2 else None  # noqa: PLR2004 -- an address and a port


def _cloudflared(arguments: Arguments) -> Found:
    if "access" in arguments or "proxy-dns" in arguments:
        return [], []  # those are its other trades: they let nobody in
    urls = _values(arguments, "--url")
    sockets = [unix(each) for each in _values(arguments, "--unix-socket")]
    targets = [_of_url(each) for each in urls]
    if "run" in arguments or not (urls or sockets) or None in targets:
        return [*filter(None, targets), *sockets], ["target"]
    return [*filter(None, targets), *sockets], []


def _ngrok(arguments: Arguments) -> Found:
    plain = [each for each in arguments if not each.startswith("-")]
    if len(plain) < 2 or plain[0] not in ("http", "tcp", "tls"):  # noqa: PLR2004 -- its trade and its target
        return [], ["target"] if "start" in plain or "service" in plain or plain[:1] in (["http"], ["tcp"]) else []
    target = plain[-1] if len(plain) == 2 else None  # noqa: PLR2004 -- else a value of an option stands between
    found = None if target is None else _of_url(target if "://" in target else f"//{target}", bare=True)
    return ([found], []) if found is not None else ([], ["target"])


READ: Final[Mapping[str, Callable[[Arguments], Found]]] = {"cloudflared": _cloudflared, "ngrok": _ngrok}


def _values(arguments: Arguments, option: str) -> list[str]:
    """Return the values of an option, in both ways to write it."""
    apart = [after for before, after in pairwise(arguments) if before == option]
    return [*apart, *(each.partition("=")[2] for each in arguments if each.startswith(f"{option}="))]


def _of_url(url: str, *, bare: bool = False) -> str | None:
    """Return host and port of a target; ``bare`` ones may be a port alone."""
    if bare and url.removeprefix("//").isdecimal():
        return address("localhost", int(url.removeprefix("//")))
    try:
        parts = urlsplit(url)
        port = parts.port or HTTP_PORTS.get(parts.scheme or "http")
    except ValueError:
        return None
    return address(parts.hostname, port) if parts.hostname and port else None
