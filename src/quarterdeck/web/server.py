"""The server under the guard: which sockets are listened on, and what the kernel says of whoever connects.

Rule 1: a listener is opened for a way in that is proven to be ours, and closed, with all that came through it, as soon
        as it is not. It is proven again and again, and opened again by itself.
Rule 2: where a connection comes from is asked of the kernel once, when it is made. What it sends changes nothing of it.
Rule 3: nobody is waited for: neither for a request that comes in drops, nor for a reader that does not read. Where
        there are too many connections, the oldest on which nobody was recognised make room; then the oldest on which
        nobody was who may act, so that those who may only look never keep out those who act.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import threading
from collections.abc import Callable, Collection, Coroutine
from concurrent.futures import Future
from functools import partial
from typing import Any, Final, NamedTuple, Protocol

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from quarterdeck.access.armour import ARMOUR, NOT_KEPT
from quarterdeck.access.guard import Guard
from quarterdeck.access.identity import Peer, Way
from quarterdeck.access.owner import owner, owner_of_unix
from quarterdeck.errors import QuarterdeckError
from quarterdeck.web.sockets import bound

GRACE_S: Final = 1
"""Seconds that visitors get to end their requests."""

log = logging.getLogger(__name__)


class Limits(NamedTuple):
    """How much anybody gets, and for how long they are waited for."""

    connections: int = 400
    per_address: int = 100
    """Connections from one address of the tailnet."""
    head_bytes: int = 32_768
    """Of a head that does not come at once. Of one that does, the guard looks at the parts."""
    head_s: float = 10.0
    """Seconds in which the head of a request has to arrive."""
    reading_s: float = 30.0
    """Seconds in which a reader has to take something of what is ready for it."""
    sweep_s: float = 1.0
    prove_every_s: float = 5.0
    prove_s: float = 3.0
    """Seconds after which whoever proves has not proven."""


LIMITS: Final = Limits()


class Proof(Protocol):
    """What is proven of the tailnet."""

    @property
    def addresses(self) -> Collection[str]:
        """The addresses that are this machine's on the tailnet, and on an interface of it."""

    @property
    def name(self) -> str:
        """What this machine is called there, whole, without a dot at the end; empty where it has no name."""


Prove = Callable[[], Proof]
"""Raises a ``QuarterdeckError`` that says why nothing is proven, and what to do."""


class Entrances(NamedTuple):
    """Where people may come in."""

    loopback: socket.socket
    port: int
    tailnet: bool = False
    """Whether the addresses of the tailnet are listened on."""
    served: socket.socket | None = None
    """The unix socket that ``tailscale serve`` leads to."""
    names: tuple[str, ...] = ()
    """Further names under which this machine is known there."""
    prove: Prove | None = None


class Line(HttpToolsProtocol):
    """One connection."""

    def __init__(self, way: Way, lines: dict[Line, None], limits: Limits, **more: Any) -> None:  # noqa: ANN401 -- the server's own
        super().__init__(**more)
        self.peer = Peer(way)
        self.head_since: float | None = None
        """Since when the head of a request is waited for; None while one is answered, and between two."""
        self.unread: tuple[int, float] = (0, 0.0)
        """How much was ready for the reader, and since when it is not less."""
        self._head = 0
        self._lines, self._limits = lines, limits

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as the server has it
        """Ask the kernel who it is."""
        super().connection_made(transport)
        address, port = self.client if self.client is not None else ("", 0)
        self.peer = Peer(self.peer.way, address, port, self._uid())
        self.app_state = {"peer": self.peer}
        self.head_since = self.loop.time()
        self._lines[self] = None
        self._make_room()

    def _uid(self) -> int | None:
        """Return under which user the program at the other end runs, where it is one of this machine."""
        if self.peer.way is not Way.LOOPBACK:
            return owner_of_unix(self.transport.get_extra_info("socket"))
        if self.client is None or self.server is None:
            return None
        address, port = self.server
        return owner(self.client, (address, port or 0))

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._lines.pop(self, None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came; a head has a length."""
        if self.head_since is None and self.cycle.response_complete:
            self.head_since, self._head = self.loop.time(), 0
        super().data_received(data)
        if self.head_since is not None:
            self._head += len(data)
            if self._head > self._limits.head_bytes:
                self.transport.abort()

    def on_message_begin(self) -> None:
        """Wait for a head. One that begins before the answer to the one before it has ended is a head like others."""
        if self.head_since is None:
            self.head_since, self._head = self.loop.time(), 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Answer."""
        self.head_since = None
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 -- the words of the server are not passed on
        """Hang up on what is no HTTP, in the same armour as everywhere."""
        head = b"".join(name + b": " + value + b"\r\n" for name, value in (*ARMOUR, NOT_KEPT))
        self.transport.write(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n" + head + b"\r\n")
        self.transport.close()

    def sweep(self, now: float) -> None:
        """Hang up on who keeps us waiting."""
        if self.head_since is not None and now - self.head_since > self._limits.head_s:
            self.transport.abort()
            return
        ready = self.transport.get_write_buffer_size()
        if not ready or ready < self.unread[0] or not self.unread[0]:
            self.unread = (ready, now)
        elif now - self.unread[1] > self._limits.reading_s:
            self.transport.abort()

    def hang_up(self) -> None:
        """End it now."""
        self.transport.abort()

    def _make_room(self) -> None:
        if self.peer.way is Way.TAILNET:
            own = [line for line in self._lines if line.peer.address == self.peer.address]
            if len(own) > self._limits.per_address:
                next((line for line in own if not line.peer.known), self).hang_up()
                return
        if len(self._lines) > self._limits.connections:
            unknown = next((line for line in self._lines if not line.peer.known and line is not self), None)
            (unknown or next((line for line in self._lines if not line.peer.acts), self)).hang_up()


class Server(uvicorn.Server):
    """Listens where it may, as long as it may."""

    def __init__(
        self,
        guard: Guard,
        entrances: Entrances,
        beside: Collection[Callable[[], Coroutine[Any, Any, None]]] = (),
        limits: Limits = LIMITS,
    ) -> None:
        """``beside`` runs in the same event loop from when everything is listened on until everything is closed."""
        config = uvicorn.Config(
            guard,
            http=Line,
            ws="none",
            proxy_headers=False,
            server_header=False,
            access_log=False,
            log_config=None,
            log_level=logging.ERROR,  # whoever sends what is no HTTP must not write our log full
            timeout_graceful_shutdown=GRACE_S,
            lifespan="off",
        )
        super().__init__(config)
        self.guard, self.entrances, self._beside, self._limits = guard, entrances, beside, limits
        self.servers: list[asyncio.base_events.Server] = []
        self._lines: dict[Line, None] = {}
        self._tailnet: dict[str, asyncio.base_events.Server] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._proving: Future[Proof] | None = None
        self._told: set[str] = set()
        self._telling: set[str] = set()
        """What is to be said of this proof: it was logged already if the one before told it too."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Open every way in that is proven."""
        del sockets
        ways = self.entrances
        self.servers.append(await self._listen(Way.LOOPBACK, ways.loopback))
        self.guard.open(Way.LOOPBACK)
        if ways.served is not None:
            self.servers.append(await self._listen(Way.SERVE, ways.served))
        if ways.prove is not None:
            await self._prove(ways.prove)
            self._tasks.append(asyncio.create_task(self._keep_proving(ways.prove)))
        self._tasks.append(asyncio.create_task(self._keep_sweeping()))
        self._tasks += [asyncio.create_task(run()) for run in self._beside]
        self.started = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close everything."""
        for task in self._tasks:
            task.cancel()
        for way in Way:
            self.guard.shut(way)
        self.servers.extend(self._tailnet.values())
        await super().shutdown(sockets)

    async def _listen(self, way: Way, at: socket.socket) -> asyncio.base_events.Server:
        make = partial(
            Line,
            way,
            self._lines,
            self._limits,
            config=self.config,
            server_state=self.server_state,
            app_state={},
        )
        return await asyncio.get_running_loop().create_server(make, sock=at, backlog=socket.SOMAXCONN)

    # --- trust -------------------------------------------------------------------------------------------------------

    async def _keep_proving(self, prove: Prove) -> None:
        while True:
            await asyncio.sleep(self._limits.prove_every_s)
            await self._prove(prove)

    async def _prove(self, prove: Prove) -> None:
        """Open what is proven, and shut what is not."""
        try:
            proof = await self._proof(prove)
            if self.entrances.served is not None:
                self._open(Way.SERVE, (proof.name, *self.entrances.names))
            if self.entrances.tailnet:
                await self._listen_on(proof)
        except Exception as error:  # noqa: BLE001 -- whatever it is, nothing is proven
            self._shut(str(error) if isinstance(error, QuarterdeckError) else type(error).__name__)
        self._told, self._telling = self._telling, set()

    async def _proof(self, prove: Prove) -> Proof:
        """Ask in a thread of its own. While that hangs nobody is asked again: it must not use up anybody's threads."""
        if self._proving is not None and not self._proving.done():
            raise TimeoutError
        self._proving = apart(prove)
        return await asyncio.wait_for(asyncio.wrap_future(self._proving), self._limits.prove_s)

    def _open(self, way: Way, names: Collection[str]) -> None:
        if not self.guard.is_open(way):
            log.warning("The %s way in is proven, and open.", way)
        self.guard.open(way, [name for name in names if name])

    def _shut(self, why: str) -> None:
        asked = {Way.TAILNET: self.entrances.tailnet, Way.SERVE: self.entrances.served is not None}
        for way in (each for each, wanted in asked.items() if wanted):
            self._tell(f"The {way} way in is shut. {why}")
        for way in asked:
            self.guard.shut(way)
        for address in list(self._tailnet):
            self._close(address)
        self._hang_up(lambda line: line.peer.way is not Way.LOOPBACK)

    def _tell(self, line: str) -> None:
        """Log what keeps people out, once until it changes."""
        self._telling.add(line)
        if line not in self._told:
            log.error("%s", line)

    async def _listen_on(self, proof: Proof) -> None:
        for address in set(self._tailnet) - set(proof.addresses):
            self._close(address)
            self._hang_up(lambda line, gone=address: line.peer.way is Way.TAILNET and line.server[0] == gone)  # type: ignore[misc]
        for address in set(proof.addresses) - set(self._tailnet):
            try:
                self._tailnet[address] = await self._listen(Way.TAILNET, bound(address, self.entrances.port))
            except OSError as error:
                self._tell(f"{address} cannot be listened on ({os.strerror(error.errno or 0)}).")
        if self._tailnet:
            short = proof.name.partition(".")[0]
            spelled = [f"[{each}]" if ":" in each else each for each in self._tailnet]
            self._open(Way.TAILNET, (*spelled, proof.name, short, *self.entrances.names))
        else:
            self.guard.shut(Way.TAILNET)

    def _close(self, address: str) -> None:
        self._tailnet.pop(address).close()

    def _hang_up(self, on: Callable[[Line], bool]) -> None:
        for line in [each for each in self._lines if on(each)]:
            line.hang_up()

    # --- patience ----------------------------------------------------------------------------------------------------

    async def _keep_sweeping(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self._limits.sweep_s)
            now = loop.time()
            for line in list(self._lines):
                line.sweep(now)


def apart(work: Callable[[], Proof]) -> Future[Proof]:
    """Do something in a thread that neither the event loop nor the end of the program waits for."""
    done: Future[Proof] = Future()
    done.set_running_or_notify_cancel()

    def run() -> None:
        try:
            done.set_result(work())
        except BaseException as error:  # noqa: BLE001 -- it is told where the result is waited for
            done.set_exception(error if isinstance(error, Exception) else RuntimeError(type(error).__name__))

    threading.Thread(target=run, name="Proof", daemon=True).start()
    return done
