"""A guard before a house, with doormen good and bad."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from quarterdeck.access.guard import Guard
from quarterdeck.access.identity import Doorman, Peer, Person, Role, Way
from tests.access.asking import (
    HOST,
    Inside,
    ask,
    opened,
    peer,
    scope,
)
from tests.fakes.door import OPERATOR, FakeDoorman

GUEST: Final = Person("local", "token", Role.GUEST)
TAILNET_HOST: Final = b"box.tail.ts.net:8421"
RIGHT_HOSTS: Final = {
    Way.LOOPBACK: [HOST, b"127.0.0.1", b"localhost", b"LocalHost:8421", b"[::1]", b"[::1]:8421", b"localhost:1"],
    Way.TAILNET: [TAILNET_HOST, b"BOX.tail.ts.net", b"box:8421", b"100.64.1.1:8421", b"[fd7a:115c:a1e0::1]:8421"],
    Way.SERVE: [b"box.tail.ts.net"],
}
HSTS: Final = b"strict-transport-security"


@dataclass
class Clock:
    """Seconds that a test counts."""

    now: float = 1_000.0

    def __call__(self) -> float:
        """The present second."""
        return self.now


@dataclass(slots=True)
class ForgetfulDoorman(FakeDoorman):
    """Remembers nobody: everybody is asked for each time."""

    def remembered(self, peer: Peer, said: Mapping[bytes, bytes], query: bytes) -> Person | None:
        """Nobody."""
        return None


@dataclass(slots=True)
class BrokenDoorman(FakeDoorman):
    """Fails, in one of the ways a test names."""

    remembering: BaseException | None = None
    asking: BaseException | None = None
    hangs: bool = False

    def remembered(self, peer: Peer, said: Mapping[bytes, bytes], query: bytes) -> Person | None:
        """Fail, or remember nobody."""
        if self.remembering is not None:
            raise self.remembering
        return None

    async def ask(self, peer: Peer, said: Mapping[bytes, bytes], query: bytes) -> Person | None:
        """Fail, or never end."""
        if self.asking is not None:
            raise self.asking
        if self.hangs:
            await asyncio.Event().wait()
        return self.person


@dataclass(slots=True)
class Relieved:
    """A doorman whom another one relieves."""

    on_duty: Doorman

    def remembered(self, peer: Peer, said: Mapping[bytes, bytes], query: bytes) -> Person | None:
        """What whoever is on duty remembers."""
        return self.on_duty.remembered(peer, said, query)

    async def ask(self, peer: Peer, said: Mapping[bytes, bytes], query: bytes) -> Person | None:
        """Whom whoever is on duty recognises."""
        return await self.on_duty.ask(peer, said, query)


@dataclass(slots=True)
class House:
    """A guard before a house. An operator came by every way a moment ago: what passes quickly is ready to."""

    doorman: FakeDoorman = field(default_factory=FakeDoorman)
    inside: Inside = field(default_factory=Inside)
    clock: Clock = field(default_factory=Clock)
    guard: Guard = field(init=False)

    def __post_init__(self) -> None:
        doorman = Relieved(FakeDoorman())
        self.guard = opened(Guard(self.inside, doorman, asking_s=0.05, still_every_s=0.02, monotonic=self.clock))
        for way, hosts in RIGHT_HOSTS.items():
            assert ask(self.guard, scope(headers=[(b"host", hosts[0])], by=peer(way))).status == 200
        doorman.on_duty = self.doorman
        self.inside.came.clear()
        self.guard.answered = 0


def house(person: Person | None = OPERATOR) -> House:
    """A house to which everybody comes as one person, or as nobody."""
    return House(FakeDoorman(person))


FLAT: Final = ask(house(None).guard, scope(by=peer()))
