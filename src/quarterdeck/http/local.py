"""Those who may only look, at one program of this machine over its unix socket.

Rule 1: the socket is named by its path, and nothing is resolved. The name that the question is for is the caller's to
        say, and nothing beside it is said: no origin and no way by which it came.
Rule 2: each answer tells under which user the program runs that gave it. The kernel says that, and nobody else.
Rule 3: nothing is asked twice. Whoever waits for the answer decides about somebody.
"""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable, Mapping
from pathlib import PurePath
from typing import Final

import httpcore2

from quarterdeck.http.client import Answer, Exchange
from quarterdeck.http.faults import Fault, HttpError
from quarterdeck.http.limits import LIMITS, Deadline, Limits
from quarterdeck.http.line import Line

FAILURES: Final[Mapping[type[OSError], tuple[Fault, str]]] = {
    FileNotFoundError: (Fault.REFUSED, "its socket is not there"),
    ConnectionRefusedError: (Fault.REFUSED, "nothing listens at its socket"),
    PermissionError: (Fault.FORBIDDEN, "this user may not speak to its socket"),
    BlockingIOError: (Fault.SILENT, "it takes no connection"),
    TimeoutError: (Fault.SILENT, "it takes no connection"),
}
CREDENTIALS: Final = struct.Struct("=iII")
"""Process, user and group at the other end, as Linux hands them out."""


class LocalLine(Line):
    """A connection to a unix socket, bounded like any other."""

    def __init__(self, place: PurePath, deadline: Deadline, limits: Limits) -> None:
        super().__init__((), deadline, limits)
        self._place = place

    def connect_tcp(self, host: str, port: int, **_: object) -> Line:  # noqa: ARG002 -- the socket is where it is
        """Connect to the socket.

        Raises:
            HttpError: when that cannot be done.
        """
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._socket.settimeout(self._deadline.left(self._limits.connect_s))
            self._socket.connect(str(self._place))
            self.uid = uid_of(self._socket)
        except (OSError, ValueError) as error:  # a path with a zero byte is a wrong value
            kinds = (FAILURES[kind] for kind in FAILURES if isinstance(error, kind))
            raise HttpError(*next(kinds, (Fault.UNREACHABLE, "its socket cannot be reached"))) from None
        return self


def uid_of(connection: socket.socket) -> int:
    """Return under which user the other end of a unix socket was opened."""
    said = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS.size)
    _, uid, _ = CREDENTIALS.unpack(said)
    return int(uid)


class LocalLooker:
    """Somebody who can only look, at what answers at one unix socket."""

    def __init__(
        self,
        place: PurePath,
        host: str,
        limits: Limits = LIMITS,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """``host`` is the name that each question is for."""
        self._place, self._host, self._limits, self._monotonic = place, host, limits, monotonic

    def get(self, target: str) -> Answer:
        """Ask for what is at a path, with its query.

        Raises:
            HttpError: when there is no answer.
        """
        return self._ask("GET", target)

    def head(self, target: str) -> Answer:
        """Ask for the head of what is at a path, with its query.

        Raises:
            HttpError: when there is no answer.
        """
        return self._ask("HEAD", target)

    def _ask(self, method: str, target: str) -> Answer:
        if not target.startswith("/") or not target.isascii() or not target.isprintable() or " " in target:
            raise HttpError(Fault.FORBIDDEN, "this is not a path of something that speaks HTTP")
        deadline = Deadline(self._limits.total_s, self._monotonic)
        line = LocalLine(self._place, deadline, self._limits)
        url = httpcore2.URL(scheme="http", host="localhost", port=80, target=target)
        return Exchange(line, deadline, self._limits).ask(method, url, {"Host": self._host})
