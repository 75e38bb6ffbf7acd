"""Caddy: where it listens and where it passes connections on to.

Rule 1: the running configuration is the truth, and its admin API tells it. Only where that is off is the Caddyfile
        taken, and only as Caddy itself reads it: ``http://127.0.0.1:8081`` in it binds every address of the machine.
Rule 2: whatever names an upstream is found wherever it stands. A handler, an application or a placeholder this release
        does not know is told as a part that is not understood.
Rule 3: who may speak to the admin API can make any way there is: where others reach it, everything is reached.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from quarterdeck.sources.command import Runner, run
from quarterdeck.sources.files import SourceError
from quarterdeck.sources.ways.told import NOTHING, PORTS, RANGE_LIMIT, Seen, Told, address, merged, put, unix
from quarterdeck.truth.exposure import EVERYWHERE, LOCAL_NAMES, SOMEWHERE
from quarterdeck.truth.reading import Reason

if TYPE_CHECKING:
    from quarterdeck.http import Answer

NAME: Final = "caddy"
ADMIN: Final = "127.0.0.1:2019"
CADDYFILE: Final = Path("/etc/caddy/Caddyfile")
BODY_LIMIT: Final = 8_000_000
ADAPT_S: Final = 8.0
NO_HOME: Final = "/dev/null"
"""Caddy makes folders in the home of whoever runs it, whatever it is asked. Where it finds none it leaves nothing."""
GOOD: Final = 200

HANDLERS: Final = frozenset(
    (
        *("acme_server", "authentication", "copy_response", "copy_response_headers", "encode", "error", "file_server"),
        *("headers", "intercept", "invoke", "log_append", "map", "metrics", "push", "request_body", "reverse_proxy"),
        *("rewrite", "static_response", "subroute", "templates", "tracing", "vars"),
        *("proxy", "proxy_protocol", "tls", "echo", "throttle", "close"),
    )
)
"""Handlers of Caddy and of its layer 4 that pass nothing on beyond their upstreams."""
QUIET_APPS: Final = frozenset(("tls", "pki", "events"))
"""Applications that take no connections."""
NO_WAY: Final = "runs, but neither its admin API nor a Caddyfile can be read; name one under `[exposure]`"


class Caddy:
    """Caddy, as its admin API or its Caddyfile tells."""

    name = NAME

    def __init__(
        self,
        *,
        admin: str | None = None,
        caddyfile: Path | None = None,
        running: Callable[[str], bool] = lambda _: False,
        path: str = os.defpath,
        command: Runner = run,
        usual: tuple[str, Path] = (ADMIN, CADDYFILE),
    ) -> None:
        """``admin`` is host and port or the path of a socket; ``usual`` is where things lie that nobody named.

        ``path`` is where programs are looked for.
        """
        self._admin, self._caddyfile, self._running, self._usual = admin, caddyfile, running, usual
        self._environment, self._command = {"PATH": path, "HOME": NO_HOME}, command

    @property
    def locator(self) -> str:
        """The admin API, unless a Caddyfile was named."""
        return "Caddyfile" if self._caddyfile is not None and self._admin is None else "admin API"

    def ask(self) -> Seen:
        """Ask the admin API, and have the Caddyfile read where there is none.

        Raises:
            SourceError: when Caddy is here and neither can be read.
        """
        runs = self._running(NAME)
        config = self._by_admin() if runs or self._admin is not None else None
        if config is not None:
            return Seen("routes", routes(config, is_running=True))
        caddyfile = self._caddyfile or self._usual[1]
        if self._caddyfile is not None or _lies_there(caddyfile):
            return self._by_file(caddyfile, runs=runs)
        if runs:
            raise SourceError(Reason.MISSING, NO_WAY)
        return NOTHING

    def _by_admin(self) -> object:
        """Return the running configuration; None where nothing that speaks as Caddy answers at the usual place."""
        try:
            return _configuration(_ask(self._admin or self._usual[0]))
        except SourceError as error:
            if self._admin is None and error.reason is not Reason.TIMEOUT:
                return None
            raise SourceError(error.reason, f"its admin API: {error.detail}") from None

    def _by_file(self, caddyfile: Path, *, runs: bool) -> Seen:
        argv = (NAME, "adapt", "--config", str(caddyfile), "--adapter", "caddyfile")
        try:
            answer = self._command(argv, self._environment, ADAPT_S)
        except SourceError as error:
            if error.reason is Reason.MISSING and self._caddyfile is None and not runs:
                return NOTHING  # a file that was left behind by a Caddy that is gone
            raise
        if answer.code != 0:
            raise SourceError(Reason.CORRUPT, f"caddy cannot read its Caddyfile (code {answer.code}); `caddy adapt`")
        return Seen("routes", routes(decoded(answer.out), is_running=False))


def _ask(admin: str) -> Answer:
    from quarterdeck.http import HttpError, Limits, LocalLooker, Looker  # noqa: PLC0415 -- most have no Caddy

    limits = Limits(connect_s=1.0, silence_s=2.0, total_s=4.0, body=BODY_LIMIT)
    try:
        if admin.startswith("/"):
            return LocalLooker(Path(admin), "", limits).get("/config/")  # on a socket Caddy takes no name at all
        return Looker(limits).get(f"http://{admin}/config/")
    except HttpError as error:
        raise SourceError(error.reason, error.detail) from None


def _configuration(answer: Answer) -> object:
    """Return what is configured. Caddy that runs without any configuration says null."""
    if answer.status != GOOD or not answer.whole:
        raise SourceError(Reason.CORRUPT, f"answers {answer.status}, or more than it may")
    config = decoded(answer.body)
    return {} if config is None else config


def _lies_there(path: Path) -> bool:
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True  # it may not be looked for: then it may be there
    return True


def decoded(body: bytes) -> Any:  # noqa: ANN401 -- anything, until it is looked at
    """Return JSON as values.

    Raises:
        SourceError: when it is none.
    """
    import msgspec  # noqa: PLC0415 -- as above

    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise SourceError(Reason.CORRUPT, "its configuration is not the JSON it should be") from None


# --- what the configuration says ------------------------------------------------------------------------------------


def routes(config: object, *, is_running: bool) -> tuple[Told, ...]:
    """Return every entry of a configuration with all it may pass on to.

    Raises:
        SourceError: when it is no configuration of Caddy's.
    """
    if not isinstance(config, dict) or not isinstance(config.get("apps") or {}, dict):
        raise SourceError(Reason.SCHEMA, "its configuration has a form this release does not know")
    is_open = True if is_running else None
    found = list(_admin(config.get("admin") or {}, is_open))
    for name, app in (config.get("apps") or {}).items():
        servers = app.get("servers") if isinstance(app, dict) else None
        if isinstance(servers, dict):
            for server in servers.values():
                found.extend(_server(server, is_open))
        elif name not in QUIET_APPS and not (name == "http" and app in ({}, None)):
            told = Told(NAME, SOMEWHERE, open=True)
            put(told, (), (f"app-{name}",))
            found.append(told)
    return merged(found)


def _admin(admin: object, is_open: bool | None) -> Iterator[Told]:  # noqa: FBT001 -- passed through
    if not isinstance(admin, dict) or admin.get("disabled") is True or not isinstance(admin.get("listen"), str):
        return
    for entry in entries(admin["listen"]):
        yield Told(f"{NAME}-admin", entry, [EVERYWHERE], open=is_open)


def _server(server: object, is_open: bool | None) -> Iterator[Told]:  # noqa: FBT001 -- passed through
    upstreams: list[str] = []
    unread: list[str] = []
    gather(server, upstreams, unread)
    listens = server.get("listen") if isinstance(server, dict) else None
    for listen in listens if isinstance(listens, list) else [":443"]:
        for entry in entries(listen) if isinstance(listen, str) else (SOMEWHERE,):
            told = Told(NAME, entry, open=is_open)
            put(told, upstreams, unread)
            yield told


def gather(node: object, upstreams: list[str], unread: list[str]) -> None:
    """Collect every upstream below a place of the configuration, and everything that may lead elsewhere."""
    waiting = [node]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting.extend(node)
        elif isinstance(node, dict):
            waiting.extend(value for key, value in node.items() if key != "dial")
            _handler(node, upstreams, unread)


def _handler(node: Mapping[str, Any], upstreams: list[str], unread: list[str]) -> None:
    handler = node.get("handler")
    if isinstance(handler, str) and handler not in HANDLERS:
        unread.append(f"handler-{handler}")
    if node.get("dynamic_upstreams"):
        unread.append("dynamic-upstreams")
    dials = node.get("dial")
    for dial in dials if isinstance(dials, list) else [dials]:
        if isinstance(dial, str) and (upstream := upstream_of(dial)) is not None:
            upstreams.append(upstream)
        elif dial is not None:
            unread.append("placeholder")


# --- addresses as Caddy writes them ---------------------------------------------------------------------------------


def upstream_of(dial: str) -> str | None:
    """Return where Caddy dials; None when that is only known when it does. Without a host it dials this machine."""
    network, _, rest = _network(dial)
    if "{" in dial:
        return None
    if network == "unix":
        return unix(rest)
    host, port = _parts(rest)
    return address(host or "localhost", int(port)) if port.isdecimal() and int(port) in PORTS else None


def entries(listen: str) -> Iterator[str]:
    """Return the addresses of one listener; ``somewhere`` when they are not to be told."""
    network, _, rest = _network(listen)
    if network.startswith("unix"):
        yield unix(rest.partition("|")[0])
        return
    if network.startswith("udp"):
        return
    host, port = _parts(rest)
    first, _, last = port.partition("-")
    if "{" in listen or network not in ("tcp", "tcp4", "tcp6") or not first.isdecimal():
        yield SOMEWHERE
        return
    ports = range(int(first), int(last) + 1) if last.isdecimal() else range(int(first), int(first) + 1)
    if len(ports) not in range(1, RANGE_LIMIT + 1) or ports[-1] not in PORTS:
        yield SOMEWHERE
        return
    for each in ports:
        yield address(host if host not in LOCAL_NAMES - {""} else "127.0.0.1", each)


def _network(text: str) -> tuple[str, str, str]:
    """Part ``tcp/127.0.0.1:80`` at its network; without one it is tcp."""
    network, slash, rest = text.partition("/")
    return (network, slash, rest) if slash and network.isalnum() else ("tcp", "", text)


def _parts(text: str) -> tuple[str, str]:
    host, _, port = text.rpartition(":")
    return host, port
