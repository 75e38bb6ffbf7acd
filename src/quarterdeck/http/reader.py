"""Those who may only look, and have much to ask of one server: several questions at once, over lines that are kept.

Rule 1: a reader has ``get`` and no other method; no other method of HTTP leaves it.
Rule 2: each question has limits of its own, as one that is asked alone has; to wait for one's turn does not count.
Rule 3: a name is resolved once for all lines of a reader, and judged before the first.
Rule 4: a line that the other side hung up between two questions is no failure: the second is asked once more.

It is imported from here and not from ``quarterdeck.http``: whoever asks nobody in parallel need not load an event loop.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import PurePath
from typing import Any, Final, Self

import httpcore2

from quarterdeck.http.addresses import Resolve, resolved, system_resolve
from quarterdeck.http.client import OURS, PORTS, Answer, parts_of, trusted_by
from quarterdeck.http.faults import Fault, HttpError
from quarterdeck.http.limits import Deadline, Limits
from quarterdeck.http.line import ends_of, failure, tls_failure
from quarterdeck.truth.addresses import Address

READS: Final = Limits(connect_s=3.0, silence_s=10.0, total_s=20.0, body=16_000_000)
"""What a reader allows: a server that has much to tell takes its time, and fills pages."""
GOODBYE_S: Final = 1.0
"""How long the end of a line is waited for."""


class KeptLine(httpcore2.AsyncNetworkStream):
    """A connection that serves one question after the other, each of its words within the limits."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, limits: Limits) -> None:
        self._reader, self._writer, self._limits = reader, writer, limits
        self._heard = 0
        self.certificate_ends: datetime | None = None

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002, ASYNC109 -- the line has its own limits
        """Return what has come.

        Raises:
            HttpError: when nothing comes in time, or the line breaks, or it was hung up before any answer.
        """
        try:
            async with asyncio.timeout(self._limits.silence_s):
                data = await self._reader.read(max_bytes)
        except OSError as error:
            raise failure(error, self._limits.silence_s, connected=True) from None
        self._heard += len(data)
        if not self._heard:
            raise HttpError(Fault.CUT, "it hung up without an answer")
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002, ASYNC109 -- as above
        """Send a question. One that cannot be sent may have been answered already: reading will tell."""
        self._heard = 0
        with suppress(ConnectionError):
            try:
                async with asyncio.timeout(self._limits.silence_s):
                    self._writer.write(buffer)
                    await self._writer.drain()
            except TimeoutError as error:
                raise failure(error, self._limits.silence_s, connected=True) from None

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002, ASYNC109 -- as above
    ) -> KeptLine:
        """Go on encrypted, once the other side has shown who it is.

        Raises:
            HttpError: when it cannot.
        """
        try:
            async with asyncio.timeout(self._limits.connect_s):
                await self._writer.start_tls(ssl_context, server_hostname=server_hostname)
        except BaseException as error:
            self._writer.transport.abort()
            if isinstance(error, OSError):
                raise tls_failure(error, self._limits.connect_s) from None
            raise
        self.certificate_ends = ends_of(self._writer.get_extra_info("peercert") or {})
        return self

    async def aclose(self) -> None:
        """Hang up."""
        self._writer.transport.abort()
        with suppress(OSError):
            async with asyncio.timeout(GOODBYE_S):
                await self._writer.wait_closed()

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 -- the library's own signature
        """Tell the library whether the other side has hung up, and nothing beside."""
        hung_up = self._reader.at_eof() or self._reader.exception() is not None
        return hung_up if info == "is_readable" else None


class Lines(httpcore2.AsyncNetworkBackend):
    """Opens lines, to addresses that were judged and to no others."""

    def __init__(self, limits: Limits, resolve: Resolve, monotonic: Callable[[], float]) -> None:
        self._limits, self._resolve, self._monotonic = limits, resolve, monotonic
        self._known: dict[tuple[str, int], Sequence[Address]] = {}
        self._asking = asyncio.Lock()

    async def connect_tcp(self, host: str, port: int, *_: object, **__: object) -> KeptLine:
        """Connect to the first address that takes the connection.

        Raises:
            HttpError: when none does.
        """
        failed = HttpError(Fault.UNREACHABLE, "there is no way to it from this machine")
        for address in await self._addresses(host, port):
            try:
                async with asyncio.timeout(self._limits.connect_s):
                    return KeptLine(*await asyncio.open_connection(str(address), port), self._limits)
            except OSError as error:
                failed = failure(error, self._limits.connect_s)
        raise failed

    async def _addresses(self, host: str, port: int) -> Sequence[Address]:
        async with self._asking:
            if (host, port) not in self._known:
                deadline = Deadline(self._limits.total_s, self._monotonic)
                found = await asyncio.to_thread(resolved, host, port, self._resolve, deadline, self._limits)
                self._known[host, port] = found
            return self._known[host, port]


class Reader:
    """Somebody who can only look, within one ``async with`` and one event loop: there is no method that writes."""

    def __init__(
        self,
        limits: Limits = READS,
        *,
        in_flight: int = 4,
        authorities: PurePath | None = None,
        resolve: Resolve = system_resolve,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Ask at most ``in_flight`` questions at once; ``authorities`` is a file with the certificates to trust."""
        self._limits, self._authorities, self._monotonic = limits, authorities, monotonic
        self._turns = asyncio.Semaphore(in_flight)
        self._lines = Lines(limits, resolve, monotonic)
        self._pools: dict[str, httpcore2.AsyncConnectionPool] = {}
        self._most = in_flight

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for pool in self._pools.values():
            await pool.aclose()
        self._pools.clear()

    async def get(self, url: str, headers: Mapping[str, str] | None = None) -> Answer:
        """Ask for what is at an address, when it is this question's turn.

        Raises:
            HttpError: when there is no answer.
        """
        async with self._turns:
            try:
                return await self._ask(url, headers or {})
            except HttpError as error:
                if error.fault is not Fault.CUT:
                    raise
            return await self._ask(url, headers or {})

    async def _ask(self, url: str, headers: Mapping[str, str]) -> Answer:
        parts = parts_of(url)
        host, port = parts.hostname or "", parts.port or PORTS[parts.scheme]
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        target = httpcore2.URL(scheme=parts.scheme, host=host, port=port, target=path)
        said = {**OURS, "Host": parts.netloc, "Connection": "keep-alive", **headers}
        try:
            async with asyncio.timeout(self._limits.total_s):
                return await self._exchange(self._pool(parts.scheme), target, said)
        except TimeoutError:
            raise HttpError(Fault.SILENT, f"no complete answer within {self._limits.total_s:g} s") from None
        except (httpcore2.ProtocolError, httpcore2.NetworkError):
            raise HttpError(Fault.NOT_HTTP, "what it says is not HTTP, or ends too early") from None

    async def _exchange(
        self, pool: httpcore2.AsyncConnectionPool, target: httpcore2.URL, said: Mapping[str, str]
    ) -> Answer:
        asked = Deadline(self._limits.total_s, self._monotonic)
        async with pool.stream("GET", target, headers=[*said.items()]) as response:
            body, whole = await self._taken(response)
            known = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
            ends = getattr(response.extensions["network_stream"], "certificate_ends", None)
            return Answer(response.status, known, body, whole, asked.took_s, ends)

    async def _taken(self, response: httpcore2.Response) -> tuple[bytes, bool]:
        """Return the body up to its limit, and whether that is all of it."""
        taken = bytearray()
        async for chunk in response.aiter_stream():
            taken += chunk
            if len(taken) > self._limits.body:
                return bytes(taken[: self._limits.body]), False
        return bytes(taken), True

    def _pool(self, scheme: str) -> httpcore2.AsyncConnectionPool:
        if scheme not in self._pools:
            trusted = trusted_by(self._authorities) if scheme == "https" else None
            self._pools[scheme] = httpcore2.AsyncConnectionPool(
                trusted, network_backend=self._lines, max_connections=self._most
            )
        return self._pools[scheme]
