"""One question and its answer. Who may ask what is said by those who build on this: see ``looker`` and ``prompter``."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePath
from typing import Final, NamedTuple
from urllib.parse import SplitResult, urlsplit

import httpcore2

from quarterdeck import __version__
from quarterdeck.http.addresses import Resolve, resolved, system_resolve
from quarterdeck.http.faults import Fault, HttpError
from quarterdeck.http.limits import LIMITS, Deadline, Limits
from quarterdeck.http.line import Line

PORTS: Final = {"http": 80, "https": 443}
OURS: Final[Mapping[str, str]] = {
    "User-Agent": f"quarterdeck/{__version__}", "Accept": "*/*", "Accept-Encoding": "identity", "Connection": "close",
}  # fmt: skip
"""What every question says, unless whoever asks says otherwise."""


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
    uid: int | None = None
    """Under which user whoever answered runs, as the kernel says; none over the network."""


class Exchange(NamedTuple):
    """One question and its answer over one line, which is closed behind them."""

    line: Line
    deadline: Deadline
    limits: Limits

    def ask(
        self,
        method: str,
        target: httpcore2.URL,
        headers: Mapping[str, str],
        *,
        content: bytes | None = None,
        trusted: ssl.SSLContext | None = None,
    ) -> Answer:
        """Ask, and say nothing that was not given beside what every question of ours says.

        Raises:
            HttpError: when there is no answer.
        """
        line, said = self.line, [*{**OURS, **headers}.items()]
        pool = httpcore2.ConnectionPool(trusted, network_backend=line, max_connections=1)  # type: ignore[arg-type]
        try:
            with pool, pool.stream(method, target, headers=said, content=content) as response:
                body, whole = self._taken(response)
                known = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
                ends, uid = line.certificate_ends, line.uid
                return Answer(response.status, known, body, whole, self.deadline.took_s, ends, uid)
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
            if len(taken) > self.limits.body:
                return bytes(taken[: self.limits.body]), False
        return bytes(taken), True


class Client:
    """Asks over the network. Nobody is handed this: those who may only look get a ``Looker``."""

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
        parts = parts_of(url)
        deadline = Deadline(self._limits.total_s, self._monotonic)
        host, port = parts.hostname or "", parts.port or PORTS[parts.scheme]
        line = Line(resolved(host, port, self._resolve, deadline, self._limits), deadline, self._limits)
        trusted = trusted_by(self._authorities) if parts.scheme == "https" else None
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        target = httpcore2.URL(scheme=parts.scheme, host=host, port=port, target=path)
        return Exchange(line, deadline, self._limits).ask(
            method, target, {"Host": parts.netloc, **headers}, content=content, trusted=trusted
        )


def trusted_by(authorities: PurePath | None) -> ssl.SSLContext:
    """Return whom to trust: those whom a file names, or the system's.

    Raises:
        HttpError: when the file cannot be read.
    """
    try:
        return ssl.create_default_context(cafile=None if authorities is None else str(authorities))
    except (OSError, ssl.SSLError):
        raise HttpError(Fault.TLS, "the file of authorities cannot be read") from None


def parts_of(url: str) -> SplitResult:
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
