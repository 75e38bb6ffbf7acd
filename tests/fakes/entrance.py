"""A door to try: with clocks that move when a test moves them, and witnesses that say what a test tells them to."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from quarterdeck.access.doorman import Doorman, Witnesses
from quarterdeck.access.identity import Claim, Peer, Person, Way
from quarterdeck.settings import Settings
from quarterdeck.settings.access import Access, Ledger, Rule
from quarterdeck.wiring.entrance import Entrance, entrance
from tests.fakes.clock import HandClock

DAEMON = 991
"""Under which user the tailnet's daemon runs here."""
LOOPBACK = Peer(Way.LOOPBACK, "127.0.0.1", 50_000)
TAILNET = Peer(Way.TAILNET, "100.64.0.7", 50_001)
SERVE = Peer(Way.SERVE, uid=DAEMON)
ME = Claim("tailnet", "me@example.com", "Me")


class HandUp:
    """How long a machine has been up, in seconds: as long as a test says."""

    def __init__(self, seconds: float = 1_000.0) -> None:
        self.seconds = seconds

    def __call__(self) -> float:
        return self.seconds


@dataclass
class FakeTailnet:
    """Says of everybody what it was told to say."""

    claim: Claim | None = ME
    error: Exception | None = None
    hangs: threading.Event | None = None
    """Where it is given, no answer comes before it is set."""
    asked: list[tuple[str, int]] = field(default_factory=list)

    def whois(self, address: str, port: int) -> Claim | None:
        """Say it."""
        self.asked.append((address, port))
        if self.hangs is not None:
            self.hangs.wait(30)
        if self.error is not None:
            raise self.error
        return self.claim


@dataclass
class FakeBearers:
    """Knows a few tokens."""

    known: Mapping[str, Claim] = field(default_factory=dict)
    error: Exception | None = None
    hangs: threading.Event | None = None
    """Where it is given, no answer comes before it is set."""
    asked: int = 0

    def claim(self, token: str) -> Claim | None:
        """Say whose it is."""
        self.asked += 1
        if self.hangs is not None:
            self.hangs.wait(30)
        if self.error is not None:
            raise self.error
        return self.known.get(token)


@dataclass
class House:
    """A door with everything that belongs to it."""

    entrance: Entrance
    doorman: Doorman
    wall: HandClock
    up: HandUp
    tailnet: FakeTailnet
    bearers: FakeBearers
    waited: list[float]
    """For how many seconds answers were held back."""

    def pass_time(self, seconds: float) -> None:
        """Let time pass, on every clock."""
        self.wall.advance(seconds=seconds)
        self.up.seconds += seconds

    async def who(self, peer: Peer, said: Mapping[bytes, bytes] | None = None, query: bytes = b"") -> Person | None:
        """Say who it is, as the guard would be told."""
        words = said or {}
        return self.doorman.remembered(peer, words, query) or await self.doorman.ask(peer, words, query)


@contextmanager
def house(
    place: Path | str,
    *rules: Rule,
    access: Access = Access(),  # noqa: B008 -- it is frozen
    wall: HandClock | None = None,
    up: HandUp | None = None,
    boot: Callable[[], str] = lambda: "boot",
) -> Iterator[House]:
    """Build a door, and close it in the end."""
    ledger = Ledger(place) if isinstance(place, Path) else Ledger(database=place)
    settings = Settings(ledger=ledger, access=access._replace(people=rules))
    clock, since = wall or HandClock(), up or HandUp()
    made = entrance(settings, clock=clock, up=since, boot=boot)
    tailnet, bearers, waited = FakeTailnet(), FakeBearers(), list[float]()

    async def wait(seconds: float) -> None:
        waited.append(seconds)

    doorman = Doorman(
        made.register,
        made.sessions,
        made.tokens,
        rules,
        Witnesses(tailnet, bearers, lambda: DAEMON),
        up=since,
        sleep=wait,
    )
    try:
        yield House(made, doorman, clock, since, tailnet, bearers, waited)
    finally:
        doorman.close()
        made.close()
