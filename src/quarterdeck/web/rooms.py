"""Who sees what: everybody who may see the same instances shares one set of renderings, made of those alone.

Rule: a page of some instances is not a page of all with parts left out. It is made of a snapshot and a memory in which
there is nothing else, so there is nothing that could be forgotten to be left out.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime
from typing import Final

from quarterdeck.truth.snapshot import Snapshot
from quarterdeck.views.recall import Recall
from quarterdeck.views.within import Within, within
from quarterdeck.web.live import Live
from quarterdeck.web.screen import Hub, Screen, Slot

ROOMS: Final = 16
"""Sets of instances for which renderings are kept at once, beside all of them."""
ADDRESSES: Final = 512
"""Spellings of addresses that are remembered in each."""

Key = tuple[str, bytes]


class Narrowed:
    """A hub that knows some instances only."""

    def __init__(self, hub: Hub, instances: frozenset[str]) -> None:
        self._hub, self._instances = hub, instances
        self._turn = threading.Lock()
        self._whole: Snapshot | None = None
        self._part: Snapshot | None = None

    @property
    def snapshot(self) -> Snapshot:
        """The newest collection of them; the same one as long as it is the newest."""
        whole = self._hub.snapshot
        with self._turn:
            if self._part is None or whole is not self._whole:
                self._whole, self._part = whole, within(whole, self._instances)
            return self._part

    def clock(self) -> datetime:
        """The present moment."""
        return self._hub.clock()

    @property
    def recall(self) -> Recall | None:
        """The memory of them."""
        memory = self._hub.recall
        return None if memory is None else Within(memory, self._instances)

    @property
    def banner(self) -> str | None:
        """What every page says of itself."""
        return self._hub.banner


class Room:
    """The renderings that some people share."""

    def __init__(self, hub: Hub) -> None:
        self.screen = Screen(hub)
        self.live = Live(self.screen)
        self.known: dict[Key, Slot] = {}

    def know(self, key: Key, slot: Slot) -> None:
        """Remember what an address asks for."""
        if len(self.known) >= ADDRESSES:
            self.known.clear()
        self.known[key] = slot


class Rooms:
    """One room for those who may see everything, and one for each other set of instances."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self.whole = Room(hub)
        self._parts: OrderedDict[frozenset[str], Room] = OrderedDict()
        self._over: Callable[[], bool] = lambda: False

    def of(self, instances: frozenset[str] | None) -> Room:
        """Return the room of those who may see these; None means all."""
        if instances is None:
            return self.whole
        room = self._parts.get(instances)
        if room is None:
            room = self._parts[instances] = Room(Narrowed(self._hub, instances))
            room.live.over = self._over
            while len(self._parts) > ROOMS:
                self._parts.popitem(last=False)
        self._parts.move_to_end(instances)
        return room

    @property
    def streams(self) -> int:
        """How many pages are open and kept up to date."""
        return sum(room.live.streams for room in (self.whole, *self._parts.values()))

    def until(self, over: Callable[[], bool]) -> None:
        """Let streams end when it is over."""
        self._over = over
        for room in (self.whole, *self._parts.values()):
            room.live.over = over
