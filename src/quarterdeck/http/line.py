"""The line: a connection to addresses that were judged, which hangs up when its time is over."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

from quarterdeck.http.faults import Fault, HttpError
from quarterdeck.http.limits import Deadline, Limits
from quarterdeck.truth.addresses import Address

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


class Line:
    """A connection to addresses that were judged, bounded in time and in bytes; what the HTTP library speaks over."""

    def __init__(self, addresses: Sequence[Address], deadline: Deadline, limits: Limits) -> None:
        self._addresses, self._deadline, self._limits = addresses, deadline, limits
        self._socket: socket.socket | None = None
        self.heard = 0
        self.certificate_ends: datetime | None = None
        self.uid: int | None = None
        """Under which user the other side runs, where the kernel tells."""

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
                failed = failure(error, self._limits.connect_s)
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
        except OSError as error:
            raise tls_failure(error, self._limits.connect_s) from None
        self._socket = secured
        self.certificate_ends = ends_of(secured.getpeercert() or {})
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
            raise failure(error, self._limits.silence_s, connected=True) from None
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
                    raise failure(error, self._limits.silence_s, connected=True) from None

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


def failure(error: OSError, limit_s: float, *, connected: bool = False) -> HttpError:
    """Say what an error of the system means."""
    if isinstance(error, TimeoutError):
        return HttpError(Fault.SILENT, f"it said nothing for {limit_s:g} s" if connected else "it takes no connection")
    if isinstance(error, ConnectionRefusedError):
        return HttpError(Fault.REFUSED, "nothing listens there")
    if connected or isinstance(error, ConnectionError):
        return HttpError(Fault.CUT, "it broke the connection off")
    return HttpError(Fault.UNREACHABLE, "there is no way to it from this machine")


def tls_failure(error: OSError, limit_s: float) -> HttpError:
    """Say what it means that a line could not be encrypted."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return HttpError(Fault.TLS, TLS_FAULTS.get(error.verify_code, "its certificate cannot be trusted"))
    if isinstance(error, ssl.SSLError):
        return HttpError(Fault.TLS, "it does not speak tls as we do")
    return failure(error, limit_s)


def ends_of(certificate: Mapping[str, object]) -> datetime | None:
    """Return when a certificate expires; None for none."""
    said = certificate.get("notAfter")
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(said), UTC) if isinstance(said, str) else None
