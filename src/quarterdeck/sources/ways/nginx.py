"""nginx: where it listens and where it passes connections on to.

Rule 1: its configuration is read as it lies on the disk, which is what nginx takes at its next start or reload. Whether
        an entry is open, a listener tells.
Rule 2: an upstream that a variable or a program names is one that is not understood.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from quarterdeck.sources.files import SourceError
from quarterdeck.sources.ways.nginx_conf import Directive, read
from quarterdeck.sources.ways.told import NOTHING, Seen, Told, address, merged, put, unix
from quarterdeck.truth.exposure import SOMEWHERE
from quarterdeck.truth.reading import Reason

NAME: Final = "nginx"
CONF: Final = Path("/etc/nginx/nginx.conf")

PASSES: Final = re.compile(r"(?:proxy|grpc|fastcgi|uwsgi|scgi|memcached)_pass")
PROGRAM: Final = re.compile(r"\w+_by_lua(?:_block|_file)?|js_\w+|perl(?:_\w+)?|\w+_pass_script")
PORTS: Final[Mapping[str, int]] = {"http": 80, "https": 443, "grpc": 80, "grpcs": 443}
DEFAULT_PORT: Final = 80
WITHOUT_ROOT: Final = 8000
"""Where nginx listens that is told nothing: 80 as root, this as somebody else. Both are told."""
ELSEWHERE: Final = re.compile(r"\s-(?:c\s+(?P<conf>\S+)|(?P<prefix>p)\s)")
_URL: Final = re.compile(r"(?:(?P<scheme>\w+)://)?(?P<rest>.*)", re.DOTALL)


class Nginx:
    """nginx, as its configuration tells."""

    name = NAME
    locator = "nginx.conf"

    def __init__(
        self,
        *,
        conf: Path | None = None,
        running: Callable[[str], tuple[str, ...]] = lambda _: (),
        usual: Path = CONF,
    ) -> None:
        """``running`` returns the command lines of the processes of a name."""
        self._conf, self._running, self._usual = conf, running, usual

    def ask(self) -> Seen:
        """Read the configuration.

        Raises:
            SourceError: when nginx is here and its configuration cannot be read.
        """
        try:
            return Seen("routes", routes(read(self._place())))
        except SourceError as error:
            here = self._conf is not None or error.reason is not Reason.MISSING or self._running(NAME)
            if not here:
                return NOTHING
            raise

    def _place(self) -> Path:
        """Return the configuration: the one that is named, else the one that the running nginx was started with."""
        if self._conf is not None:
            return self._conf
        for line in self._running(NAME):
            found = ELSEWHERE.search(line) if "master process" in line else None
            if found is not None and (found["prefix"] or not found["conf"].startswith("/")):
                detail = "nginx was started from a place of its own; name `nginx_conf` under `[exposure]`"
                raise SourceError(Reason.OBSERVER, detail)
            if found is not None:
                return Path(found["conf"])
        return self._usual


def routes(conf: Directive) -> tuple[Told, ...]:
    """Return every entry of a configuration with all it may pass on to."""
    found: list[Told] = []
    for kind in ("http", "stream"):
        for part in conf.all(kind):
            groups = {group.words[0]: group for group in part.all("upstream") if group.words}
            for server in part.all("server"):
                found.extend(_server(server, groups, in_stream=kind == "stream"))
    if any(True for _ in conf.all("mail")):
        found.append(Told(NAME, SOMEWHERE, unread=["mail"], open=None))
    return merged(found)


def _server(server: Directive, groups: Mapping[str, Directive], *, in_stream: bool) -> Iterator[Told]:
    upstreams: list[str] = []
    unread: list[str] = []
    for each in server.every():
        if PASSES.fullmatch(each.name) and each.words:
            _passed(each.words[0], groups, upstreams, unread)
        elif PROGRAM.fullmatch(each.name):
            unread.append("program")
    listens = list(server.all("listen"))
    entries = [each for listen in listens for each in _entries(listen.words)]
    if not listens and not in_stream:
        entries = [address("", DEFAULT_PORT), address("", WITHOUT_ROOT)]
    for entry in entries:
        told = Told(NAME, entry, open=None)
        put(told, upstreams, unread)
        yield told


def _entries(words: tuple[str, ...]) -> Iterator[str]:
    """Return the address of a ``listen``; one for datagrams takes no connections."""
    if not words or "udp" in words[1:]:
        return
    place = words[0]
    if place.startswith("unix:"):
        yield unix(place.removeprefix("unix:"))
    elif place.isdecimal():
        yield address("", int(place))
    else:
        host, port = _host_and_port(place, DEFAULT_PORT)
        yield SOMEWHERE if port is None or "$" in place else address("127.0.0.1" if host == "localhost" else host, port)


def _passed(target: str, groups: Mapping[str, Directive], upstreams: list[str], unread: list[str]) -> None:
    """Note where a directive passes on to: a group of servers, or one server."""
    form = _URL.fullmatch(target)
    scheme, rest = (form["scheme"], form["rest"]) if form else (None, target)
    place = rest if rest.startswith("unix:") else rest.partition("/")[0]
    if "$" in place:
        unread.append("variable")
        return
    group = groups.get(place)
    if group is None:
        _put(place, PORTS.get(scheme or "", DEFAULT_PORT), upstreams, unread)
        return
    for each in group.block or ():
        if each.name == "server" and each.words:
            _put(each.words[0], DEFAULT_PORT, upstreams, unread)
        elif PROGRAM.fullmatch(each.name):
            unread.append("program")


def _put(place: str, port: int, upstreams: list[str], unread: list[str]) -> None:
    if place.startswith("unix:"):
        upstreams.append(unix(place.removeprefix("unix:").partition(":")[0]))
        return
    host, found = _host_and_port(place, port)
    if found is None or "$" in place or not host:
        unread.append("upstream")
    else:
        upstreams.append(address(host, found))


def _host_and_port(place: str, default: int) -> tuple[str, int | None]:
    """Part host and port; a port that is none is None."""
    if place.endswith("]") or ":" not in place:
        return place, default
    host, _, port = place.rpartition(":")
    return host, int(port) if port.isdecimal() else None
