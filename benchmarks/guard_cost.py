"""What the guard costs: the time on the processor of a look that it lets through, beside the same look without it.

A look of a browser that came in a moment ago is what nearly every request is. One that `tailscale serve` brings goes
through all rules each time; it stands beside it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.measure import BenchmarkError, Figure, Promise, middle
from quarterdeck.access.doorman import Witnesses
from quarterdeck.access.guard import Guard, Message, Receive, Scope, Send
from quarterdeck.access.identity import Peer, Permission, Role, Way
from quarterdeck.settings import Settings
from quarterdeck.settings.access import Ledger
from quarterdeck.wiring.entrance import entrance

WAYS: Final[Mapping[str, tuple[Peer, bytes]]] = {
    "guard_cpu_ms": (Peer(Way.LOOPBACK, "127.0.0.1", 40_000), b"127.0.0.1:8710"),
    "guard_of_serve_cpu_ms": (Peer(Way.SERVE, uid=0), b"box.tail.ts.net"),
}
SAID: Final = (
    (
        b"user-agent",
        b"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML) Chrome/156.0 Safari/537.36",
    ),
    (b"accept", b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    (b"accept-encoding", b"gzip, deflate, br, zstd"),
    (b"accept-language", b"en-GB,en;q=0.9"),
    (b"sec-fetch-site", b"none"),
    (b"sec-fetch-mode", b"navigate"),
    (b"connection", b"keep-alive"),
)


class Nothing:
    """An application that does nothing."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        del scope, receive
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    def permission(self, path: str, method: str) -> Permission | None:
        """Everything takes to look."""
        del path, method
        return Permission.LOOK

    async def explain(self, scope: Scope, status: int, detail: str, send: Send) -> None:
        """Nobody has to be told why not."""
        del scope, status, send
        raise BenchmarkError(detail)


def figures(count: int, turns: int) -> Iterator[Figure]:
    """Measure so many looks, so many times."""
    with TemporaryDirectory() as folder:
        settings = Settings(ledger=Ledger(Path(folder) / "ledger.db"))
        door = entrance(settings)
        door.sessions.keep()
        made = door.tokens.spend(door.tokens.offer(Role.OPERATOR).value)
        if made is None:
            raise BenchmarkError("Nobody was let in.")
        cookie = (b"cookie", b"__Host-quarterdeck=" + made.value.encode())
        for name, (peer, host) in WAYS.items():
            guard = Guard(Nothing(), door.doorman(settings, Witnesses(daemon_uid=lambda: 0)))
            guard.open(Way.LOOPBACK)
            guard.open(Way.SERVE, ("box.tail.ts.net",))
            headers = [(b"host", host), *SAID, cookie]

            def scope(peer: Peer = peer, headers: list[tuple[bytes, bytes]] = headers) -> Scope:
                asked = {"type": "http", "method": "GET", "path": "/brief", "query_string": b"", "headers": headers}
                return {**asked, "state": {"peer": peer}}

            alone, guarded = list[float](), list[float]()
            for _ in range(turns):
                alone.append(asyncio.run(_cpu_ms(Nothing(), scope, count)))
                guarded.append(asyncio.run(_cpu_ms(guard, scope, count)))
            if guard.answered != count * turns:
                raise BenchmarkError(f"Some were turned away: {guard.refused}")
            took, peer_took = middle(guarded) - middle(alone), middle(alone)
            what = "the application that does nothing, without it"
            yield Figure("F2", name, took, "CPU-ms", Promise("<=0.02"), what, peer_took)
        door.close()


async def _cpu_ms(
    application: Callable[[Scope, Receive, Send], Awaitable[None]], scope: Callable[[], Scope], count: int
) -> float:
    began = time.process_time()
    for _ in range(count):
        await application(scope(), _receive, _send)
    return (time.process_time() - began) / count * 1e3


async def _receive() -> Message:
    """Nothing was sent."""
    return {"type": "http.disconnect"}


async def _send(message: Message) -> None:
    """Nobody listens."""
