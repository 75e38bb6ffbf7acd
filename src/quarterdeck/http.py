"""The one door to the network: what is asked, whom, for how long, and what an answer may be.

Rule 1: who looks can only look. A ``Looker`` has ``get`` and ``head``, and no other method reaches it.
Rule 2: everything is bounded: the connection, each silence, the whole, and the size. A server that sends one byte a
        second is given up like one that sends none.
Rule 3: exactly what was named is asked. No redirect is followed, no proxy of the environment is used, no cookie is
        kept, no login is taken from an address.
Rule 4: a name is resolved once, each of its addresses is judged, and the one that was judged is the one connected to.
        Loopback, private and tailnet addresses are the operator's to name. Those that lead to nobody or to a cloud's
        own machinery are refused, in whatever form they are written.
Rule 5: what goes wrong has a typed reason in our words. Nothing that a server sent is quoted.
Rule 6: only what can be asked twice is asked twice, and only once more: a look whose line was cut before any answer.
"""

from __future__ import annotations

import ipaddress
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import PurePath
from typing import Any, Final, NamedTuple, TypeAlias
from urllib.parse import SplitResult, urlsplit

import httpcore2

from quarterdeck import __version__
from quarterdeck.truth.reading import Reason

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve: TypeAlias = Callable[[str, int], Iterable[str]]

PORTS: Final = {"http": 80, "https": 443}

NOBODY: Final = tuple(
    ipaddress.ip_network(each)
    for each in (
        *("0.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4", "100.100.100.200/32", "192.0.0.192/32"),
        *("::/128", "fe80::/10", "ff00::/8", "fd00:ec2::254/128"),
    )
)
"""Nobody, link-local and multicast addresses, and those under which clouds tell a machine its own secrets."""
CARRIES_IPV4: Final = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("::/96"))
"""Prefixes behind which an IPv4 address stands in the last 32 bits."""


class Fault(StrEnum):
    """How asking somebody over the network can fail."""

    REFUSED = "refused"
    SILENT = "no answer"
    CUT = "cut off"
    TLS = "tls"
    NOT_HTTP = "not http"
    UNRESOLVED = "name not found"
    UNREACHABLE = "unreachable"
    FORBIDDEN = "not allowed"


REASONS: Final[Mapping[Fault, Reason]] = {
    Fault.REFUSED: Reason.MISSING,
    Fault.SILENT: Reason.TIMEOUT,
    Fault.CUT: Reason.CORRUPT,
    Fault.TLS: Reason.DENIED,
    Fault.NOT_HTTP: Reason.CORRUPT,
    Fault.UNRESOLVED: Reason.MISSING,
    Fault.UNREACHABLE: Reason.OBSERVER,
    Fault.FORBIDDEN: Reason.DENIED,
}
TLS_FAULTS: Final[Mapping[int, str]] = {
    9: "its certificate is not valid yet",
    10: "its certificate has expired",
    18: "its certificate is signed by itself",
    19: "its certificate is signed by a stranger",
    20: "its certificate is signed by a stranger",
    62: "its certificate is for another name",
    64: "its certificate is for another address",
}
"""What the library's numbers for a certificate that cannot be trusted mean."""


class HttpError(Exception):
    """There is no answer: how it failed, the reason as readings have it, and a detail fit for the screen."""

    def __init__(self, fault: Fault, detail: str) -> None:
        super().__init__(f"{fault}: {detail}")
        self.fault, self.reason, self.detail = fault, REASONS[fault], detail


class Limits(NamedTuple):
    """How long one question may take, and how much of the answer is taken."""

    connect_s: float = 3.0
    silence_s: float = 3.0
    """Seconds without a single byte."""
    total_s: float = 6.0
    """Seconds from the first to the last."""
    body: int = 1_000_000


LIMITS: Final = Limits()


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered."""

    status: int
    headers: Mapping[str, str]
    """By name in small letters; of several of one name the last."""
    body: bytes
    whole: bool
    """Whether the body ended within its limit; else it is its beginning."""
    took_s: float
    certificate_ends: datetime | None
    """When the certificate that was shown expires; none without TLS."""


# --- who may be asked ----------------------------------------------------------------------------------------------


def is_allowed(address: Address) -> bool:
    """Whether an address may be connected to."""
    plain = unwrapped(address)
    return not any(plain in network for network in NOBODY if network.version == plain.version)


def unwrapped(address: Address) -> Address:
    """Return the IPv4 address that stands in an IPv6 one, or the address itself."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address.sixtofour is not None:
            return address.sixtofour
        low = int(address) & 0xFFFF_FFFF
        if low > 1 and any(address in network for network in CARRIES_IPV4):
            return ipaddress.IPv4Address(low)
    return address


def system_resolve(host: str, port: int) -> list[str]:
    """Ask the system for the addresses of a name; it also knows odd ways to write a number."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(place[0]).partition("%")[0] for *_, place in found]


class Deadline:
    """How much time is left of the whole."""

    def __init__(self, total_s: float, monotonic: Callable[[], float]) -> None:
        self._monotonic, self._total_s, self.began = monotonic, total_s, monotonic()

    @property
    def took_s(self) -> float:
        """Seconds since the beginning."""
        return self._monotonic() - self.began

    def left(self, at_most: float) -> float:
        """Return the seconds that may be waited now.

        Raises:
            HttpError: when the time is over.
        """
        left = self._total_s - self.took_s
        if left <= 0:
            raise HttpError(Fault.SILENT, f"no complete answer within {self._total_s:g} s")
        return min(left, at_most)


def _resolved(host: str, port: int, resolve: Resolve, deadline: Deadline, limits: Limits) -> list[Address]:
    """Return the addresses of a host that may be connected to, in the order of the system."""
    found = _answers_of(host, port, resolve, deadline.left(limits.connect_s))
    addresses = list(dict.fromkeys(ipaddress.ip_address(each) for each in found))
    allowed = [each for each in addresses if is_allowed(each)]
    if addresses and not allowed:
        raise HttpError(Fault.FORBIDDEN, "its address is link-local, or another that no service of yours has")
    if not allowed:
        raise HttpError(Fault.UNRESOLVED, "its name leads to no address")
    return allowed


def _answers_of(host: str, port: int, resolve: Resolve, limit_s: float) -> list[str]:
    """Ask for a name in a thread of its own: the system's resolver cannot be told to hurry."""
    heard: list[list[str] | OSError | UnicodeError] = []

    def ask() -> None:
        try:
            heard.append(list(resolve(host, port)))
        except (OSError, UnicodeError) as error:
            heard.append(error)

    thread = threading.Thread(target=ask, name="resolve", daemon=True)
    thread.start()
    thread.join(limit_s)
    if not heard:
        raise HttpError(Fault.UNRESOLVED, f"its name could not be looked up within {limit_s:.1f} s")
    if isinstance(heard[0], Exception):
        raise HttpError(Fault.UNRESOLVED, "its name could not be looked up")
    return heard[0]


# --- the line ------------------------------------------------------------------------------------------------------


class Line:
    """A connection to addresses that were judged, bounded in time and in bytes; what the HTTP library speaks over."""

    def __init__(self, addresses: Sequence[Address], deadline: Deadline, limits: Limits) -> None:
        self._addresses, self._deadline, self._limits = addresses, deadline, limits
        self._socket: socket.socket | None = None
        self.heard = 0
        self.certificate_ends: datetime | None = None

    def connect_tcp(self, host: str, port: int, **_: object) -> Line:  # noqa: ARG002 -- it has been resolved already
        """Connect to the first address that takes the connection.

        Raises:
            HttpError: when none does.
        """
        failed = HttpError(Fault.UNREACHABLE, "there is no way to it from this machine")
        for address in self._addresses:
            try:
                limit = self._deadline.left(self._limits.connect_s)
                self._socket = socket.create_connection((str(address), port), limit)
                self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            except OSError as error:
                failed = _failure(error, self._limits.connect_s)
            else:
                return self
        raise failed

    def start_tls(self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, **_: object) -> Line:
        """Go on encrypted, once the other side has shown who it is.

        Raises:
            HttpError: when it cannot.
        """
        try:
            self._open.settimeout(self._deadline.left(self._limits.connect_s))
            secured = ssl_context.wrap_socket(self._open, server_hostname=server_hostname)
        except ssl.SSLCertVerificationError as error:
            why = TLS_FAULTS.get(error.verify_code, "its certificate cannot be trusted")
            raise HttpError(Fault.TLS, why) from None
        except ssl.SSLError:
            raise HttpError(Fault.TLS, "it does not speak tls as we do") from None
        except OSError as error:
            raise _failure(error, self._limits.connect_s) from None
        self._socket = secured
        self.certificate_ends = _ends(secured.getpeercert() or {})
        return self

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002 -- the line has its own limits
        """Return what has come.

        Raises:
            HttpError: when nothing comes in time, or the line breaks.
        """
        try:
            self._open.settimeout(self._deadline.left(self._limits.silence_s))
            data = self._open.recv(max_bytes)
        except OSError as error:
            raise _failure(error, self._limits.silence_s, connected=True) from None
        self.heard += len(data)
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002 -- the line has its own limits
        """Send a question. One that cannot be sent may have been answered already: reading will tell."""
        with suppress(ConnectionError):
            if buffer:
                try:
                    self._open.settimeout(self._deadline.left(self._limits.silence_s))
                    self._open.sendall(buffer)
                except TimeoutError as error:
                    raise _failure(error, self._limits.silence_s, connected=True) from None

    def close(self) -> None:
        """Hang up."""
        if self._socket is not None:
            self._socket.close()

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 -- the library's own signature
        """Tell the library nothing beside what it needs."""
        return False if info == "is_readable" else None

    @property
    def _open(self) -> socket.socket:
        if self._socket is None:
            raise ConnectionError("not connected")
        return self._socket


def _failure(error: OSError, limit_s: float, *, connected: bool = False) -> HttpError:
    """Say what an error of the system means."""
    if isinstance(error, TimeoutError):
        return HttpError(Fault.SILENT, f"it said nothing for {limit_s:g} s" if connected else "it takes no connection")
    if isinstance(error, ConnectionRefusedError):
        return HttpError(Fault.REFUSED, "nothing listens there")
    if connected or isinstance(error, ConnectionError):
        return HttpError(Fault.CUT, "it broke the connection off")
    return HttpError(Fault.UNREACHABLE, "there is no way to it from this machine")


def _ends(certificate: Mapping[str, object]) -> datetime | None:
    said = certificate.get("notAfter")
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(said), UTC) if isinstance(said, str) else None


# --- asking --------------------------------------------------------------------------------------------------------


class _Client:
    """Asks over the network. Those who may only look get a ``Looker``."""

    def __init__(
        self,
        limits: Limits = LIMITS,
        *,
        authorities: PurePath | None = None,
        resolve: Resolve = system_resolve,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """``authorities`` is a file with the certificates to trust instead of the system's."""
        self._limits, self._authorities, self._resolve, self._monotonic = limits, authorities, resolve, monotonic

    def _ask(self, method: str, url: str, *, content: bytes | None = None, headers: Mapping[str, str]) -> Answer:
        parts = _parts(url)
        deadline = Deadline(self._limits.total_s, self._monotonic)
        host, port = parts.hostname or "", parts.port or PORTS[parts.scheme]
        line = Line(_resolved(host, port, self._resolve, deadline, self._limits), deadline, self._limits)
        trusted = self._trusted() if parts.scheme == "https" else None
        said = {
            "Host": parts.netloc, "User-Agent": f"quarterdeck/{__version__}", "Accept": "*/*",
            "Accept-Encoding": "identity", "Connection": "close", **headers,
        }  # fmt: skip
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        target = httpcore2.URL(scheme=parts.scheme, host=host, port=port, target=path)
        pool = httpcore2.ConnectionPool(trusted, network_backend=line, max_connections=1)  # type: ignore[arg-type]
        try:
            with pool, pool.stream(method, target, headers=list(said.items()), content=content) as response:
                body, whole = self._taken(response)
                known = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
                return Answer(response.status, known, body, whole, deadline.took_s, line.certificate_ends)
        except (httpcore2.ProtocolError, httpcore2.NetworkError):
            if line.heard:
                raise HttpError(Fault.NOT_HTTP, "what it says is not HTTP, or ends too early") from None
            raise HttpError(Fault.CUT, "it hung up without an answer") from None
        finally:
            line.close()

    def _taken(self, response: httpcore2.Response) -> tuple[bytes, bool]:
        """Return the body up to its limit, and whether that is all of it."""
        taken = bytearray()
        for chunk in response.iter_stream():
            taken += chunk
            if len(taken) > self._limits.body:
                return bytes(taken[: self._limits.body]), False
        return bytes(taken), True

    def _trusted(self) -> ssl.SSLContext:
        try:
            return ssl.create_default_context(cafile=None if self._authorities is None else str(self._authorities))
        except (OSError, ssl.SSLError):
            raise HttpError(Fault.TLS, "the file of authorities cannot be read") from None


class Looker(_Client):
    """Somebody who can only look: there is no method that writes."""

    def get(self, url: str, headers: Mapping[str, str] | None = None) -> Answer:
        """Ask for what is at an address.

        Raises:
            HttpError: when there is no answer.
        """
        return self._twice("GET", url, headers or {})

    def head(self, url: str, headers: Mapping[str, str] | None = None) -> Answer:
        """Ask for the head of what is at an address.

        Raises:
            HttpError: when there is no answer.
        """
        return self._twice("HEAD", url, headers or {})

    def reach(self, host: str, port: int) -> float:
        """Open a connection and close it again; return the seconds it took.

        Raises:
            HttpError: when it cannot be opened.
        """
        deadline = Deadline(self._limits.total_s, self._monotonic)
        line = Line(_resolved(host, port, self._resolve, deadline, self._limits), deadline, self._limits)
        try:
            line.connect_tcp(host, port)
            return deadline.took_s
        finally:
            line.close()

    def _twice(self, method: str, url: str, headers: Mapping[str, str]) -> Answer:
        try:
            return self._ask(method, url, headers=headers)
        except HttpError as error:
            if error.fault is not Fault.CUT:
                raise
        return self._ask(method, url, headers=headers)


class Prompter(_Client):
    """Somebody who may send a document. Given only to what the operator has switched on; never asks twice."""

    def post(self, url: str, document: object) -> Answer:
        """Send a document as JSON.

        Raises:
            HttpError: when there is no answer.
        """
        content = json.dumps(document).encode()
        return self._ask("POST", url, content=content, headers={"Content-Type": "application/json"})


def _parts(url: str) -> SplitResult:
    """Take an address apart.

    Raises:
        HttpError: when it is none that may be asked.
    """
    try:
        parts = urlsplit(url)
        fits = parts.scheme in PORTS and parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:
        fits = False
        parts = SplitResult("", "", "", "", "")
    if not fits or not url.isascii() or not url.isprintable() or " " in url:
        raise HttpError(Fault.FORBIDDEN, "this is not the address of something that speaks HTTP")
    if parts.username is not None or parts.password is not None:
        raise HttpError(Fault.FORBIDDEN, "an address with a login in it is not asked")
    return parts
