"""What the tailnet's daemon itself serves, and to whom: from its configuration to what is open and what is behind it.

Rule 1: everything that is open is told, also what serves only as long as somebody's terminal is open, and what is
        served under the name of a service. What cannot be understood makes the whole unknown: a part would look safe.
Rule 2: of what is behind, only its place is told: never a path on this machine, a login, a text or where a redirect
        leads.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import msgspec

from quarterdeck.sources.files import SourceError
from quarterdeck.sources.tailnet.parse import NOT_FOUND, NOT_JSON
from quarterdeck.truth.reading import Reason

PORTS: Final = {"http": 80, "https": 443, "https+insecure": 443}
UNIX: Final = "unix:"
ODD: Final = re.compile(r"[^A-Za-z0-9._/-]")


class _Tcp(msgspec.Struct):
    """How one port is served."""

    https: bool = msgspec.field(default=False, name="HTTPS")
    http: bool = msgspec.field(default=False, name="HTTP")
    forward: str = msgspec.field(default="", name="TCPForward")
    terminates: str = msgspec.field(default="", name="TerminateTLS")


class _Handler(msgspec.Struct, rename="pascal"):
    """What is behind one path of a page."""

    proxy: str = ""
    path: str = ""
    text: str = ""
    redirect: str = ""


class _Web(msgspec.Struct, rename="pascal"):
    handlers: dict[str, _Handler | None] | None = None


class _Service(msgspec.Struct):
    tcp: dict[str, _Tcp | None] | None = msgspec.field(default=None, name="TCP")
    web: dict[str, _Web | None] | None = msgspec.field(default=None, name="Web")
    all: bool = msgspec.field(default=False, name="Tun")
    """Whether whatever comes to a service is handed to this machine as it is: then its listeners are what is open."""


class _Config(_Service):
    services: dict[str, _Service | None] | None = msgspec.field(default=None, name="Services")
    funnel: dict[str, bool] | None = msgspec.field(default=None, name="AllowFunnel")
    foreground: dict[str, _Config | None] | None = msgspec.field(default=None, name="Foreground")


class Served(NamedTuple):
    """What is open, what is behind it, and what of it is open to everybody."""

    entries: Mapping[str, str]
    targets: Mapping[str, str]
    funnel: tuple[str, ...]


def served(body: bytes) -> Served:
    """Return what a configuration serves; null is one that serves nothing.

    Raises:
        SourceError: when any of it is not understood.
    """
    try:
        config = msgspec.json.decode(body, type=_Config | None)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise SourceError(*NOT_JSON) from None
    configs = [] if config is None else [*_with_foreground(config)]
    entries: dict[str, str] = {}
    targets: dict[str, str] = {}
    for each in configs:
        named = {"": each, **{f"{name}:": service for name, service in (each.services or {}).items() if service}}
        if any(service.all for service in named.values()):
            raise SourceError(Reason.SCHEMA, "hands all that comes to a service on, which this release cannot follow")
        for owner, service in named.items():
            entries |= {f"{owner}{port}": _kind(tcp) for port, tcp in (service.tcp or {}).items()}
            targets |= dict(_targets(owner, service))
    return Served(entries, targets, tuple(sorted({name for each in configs for name in _funnel(each)})))


def _with_foreground(config: _Config) -> Iterator[_Config]:
    yield config
    for each in (config.foreground or {}).values():
        if each is not None:
            if each.foreground:
                raise SourceError(*NOT_FOUND)
            yield each


def _funnel(config: _Config) -> list[str]:
    return [name for name, on in (config.funnel or {}).items() if on]


def _kind(tcp: _Tcp | None) -> str:
    if tcp is None:
        raise SourceError(*NOT_FOUND)
    if tcp.https or tcp.http:
        return "https" if tcp.https else "http"
    if not tcp.forward:
        raise SourceError(*NOT_FOUND)
    return "tls" if tcp.terminates else "tcp"


def _targets(owner: str, service: _Service) -> Iterator[tuple[str, str]]:
    for port, tcp in (service.tcp or {}).items():
        if tcp is not None and not (tcp.http or tcp.https):
            yield f"{owner}{port}", _place(tcp.forward)
    for host, web in (service.web or {}).items():
        for path, handler in ((web and web.handlers) or {}).items():
            if handler is None:
                raise SourceError(*NOT_FOUND)
            yield f"{host}{_written(path)}", _behind(handler)


def _behind(handler: _Handler) -> str:
    if handler.proxy:
        return _place(handler.proxy)
    kinds = {"files": handler.path, "text": handler.text, "redirect": handler.redirect}
    for kind, given in kinds.items():
        if given:
            return kind
    raise SourceError(*NOT_FOUND)


def _place(target: str) -> str:
    """Return host and port of what requests are handed to, or the name of its socket."""
    if target.startswith(UNIX):
        return UNIX + PurePosixPath(target.removeprefix(UNIX)).name
    try:
        target = f"127.0.0.1:{target}" if target.isdecimal() else target
        parts = urlsplit(target if "://" in target else f"tcp://{target}")
        host, port = parts.hostname, parts.port or PORTS.get(parts.scheme)
    except ValueError:
        host = port = None
    if not host or port is None:
        raise SourceError(Reason.SCHEMA, "hands requests on to something this release does not understand")
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _written(path: str) -> str:
    """Return a path with nothing but plain signs in it, as an address has it."""
    return ODD.sub(lambda odd: "".join(f"%{byte:02X}" for byte in odd[0].encode("utf-8", "replace")), path)
