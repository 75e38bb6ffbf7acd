"""Pages that stay open: what changes on a page goes out to everybody who has it open, as server-sent events.

Rule 1: an event's id names the rendering it leads to, and a stream goes on from the rendering that its page, or its
        last event, showed. Nothing is missed and nothing told twice, because what is told is always the difference
        between two renderings; who holds one that is no longer remembered is told the whole page.
Rule 2: a difference is made once for all who need it. A stream holds no queue: a reader who is slow is told the newest
        when it is ready for it, and one who reads nothing at all for a while is let go.
Rule 3: rendering for open pages takes at most half of one processor, and nothing when nothing is open.
Rule 4: that readings were made anew, and say the same, may wait some seconds; what says something else may not.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import msgspec

from quarterdeck.access.armour import ARMOUR, NOT_KEPT
from quarterdeck.views import VIEWS
from quarterdeck.web.address import Refusal, Wanted
from quarterdeck.web.answers import EVENTS, Receive, Send
from quarterdeck.web.parts import Change, Split, change, split
from quarterdeck.web.screen import Rendered, Screen, Slot

STREAMS: Final = 512
LOOK_EVERY_S: Final = 0.1
RENDER_EVERY_S: Final = 5.0
"""How often an open page is made anew although nothing new was learnt: time alone changes some words."""
RECALL_EVERY_S: Final = 5.0
"""How often a page that needs memory is made anew at most."""
FRESHNESS_WAITS_S: Final = 4.0
BEAT_S: Final = 10.0
PATIENCE_S: Final = 30.0
RETRY_MS: Final = 500

Pair = tuple[str, str]


@dataclass(slots=True, eq=False)
class Channel:
    """One page that somebody has open: its streams, and what is told to them."""

    slot: Slot
    streams: int = 0
    newest: Rendered | None = None
    looked_at: float = 0.0
    news: asyncio.Event = field(default_factory=asyncio.Event)
    told: dict[Pair, tuple[bytes, bool]] = field(default_factory=dict)
    """By the renderings between which it lies: the event, and whether it can wait."""
    parted: dict[str, Split] = field(default_factory=dict)

    def take(self, made: Rendered) -> None:
        """Take a new rendering and call everybody."""
        if self.newest is None or self.newest.state != made.state:
            self.newest = made
            self.told.clear()
            remembered = {name for name, _ in self.slot.states}
            self.parted = {name: parts for name, parts in self.parted.items() if name in remembered}
        self.news.set()
        self.news = asyncio.Event()

    def event(self, state: str) -> tuple[bytes, bool]:
        """Return what leads from a rendering to the newest, and whether it can wait."""
        newest = self.newest
        if newest is None or newest.state == state:
            return b"", True
        if self._parts(state) is None:
            state = ""  # what is not remembered leads to the whole page, whatever a reader says it is called
        pair = (state, newest.state)
        if pair not in self.told:
            self.told[pair] = self._difference(state, newest)
        return self.told[pair]

    def _difference(self, state: str, newest: Rendered) -> tuple[bytes, bool]:
        old, new = self._parts(state), self._parts(newest.state)
        if new is None:
            new = split(newest.text)
        told = change(old, new) if old else None
        if told is None:
            return _event(newest.state, _whole(new)), False
        if not (told.parts or told.moments or told.title):
            return b"", True
        return _event(newest.state, told), not told.parts and told.title is None

    def _parts(self, state: str) -> Split | None:
        if state not in self.parted and (found := self.slot.split_of(state)) is not None:
            self.parted[state] = found
        return self.parted.get(state)


class Live:
    """All channels, and the one task that keeps them up to date."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._channels: dict[Wanted, Channel] = {}
        self._task: asyncio.Task[None] | None = None
        self.over: Callable[[], bool] = lambda: False

    @property
    def streams(self) -> int:
        """How many streams are open."""
        return sum(channel.streams for channel in self._channels.values())

    async def stream(self, wanted: Wanted, state: str, receive: Receive, send: Send) -> None:
        """Tell one reader what changes, from a rendering on, until either side ends it.

        Raises:
            Refusal: before anything was sent, where there is nothing to tell of.
        """
        channel = await self._join(wanted)
        gone = asyncio.ensure_future(_gone(receive))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
            await _write(send, f"retry: {RETRY_MS}\n\n".encode() + _beat(self._screen))
            await self._tell(channel, state, gone, send)
        except TimeoutError:
            return  # a reader that reads nothing; the server closes what is left of it
        finally:
            gone.cancel()
            channel.streams -= 1
        with suppress(TimeoutError):
            await _write(send, b"", more=False)

    async def _join(self, wanted: Wanted) -> Channel:
        if wanted.at is not None:
            raise Refusal(400, "A moment that is over does not change. Leave out `at` for what is live.")
        if self.streams >= STREAMS:
            raise Refusal(503, f"{STREAMS} pages are open already, which is as many as are kept up to date.")
        slot = self._screen.slot(wanted, page=True)
        if wanted not in self._channels:
            await self._screen.get(slot)
        channel = self._channels.setdefault(wanted, Channel(slot))
        channel.streams += 1
        if channel.newest is None and slot.newest is not None:
            channel.take(slot.newest)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._keep())
        return channel

    async def _tell(self, channel: Channel, state: str, gone: asyncio.Future[None], send: Send) -> None:
        beat = told_at = time.monotonic()
        while not gone.done() and not self.over():
            news, now = channel.news, time.monotonic()
            event, can_wait = channel.event(state)
            if event and (not can_wait or now - told_at >= FRESHNESS_WAITS_S) and channel.newest:
                await _write(send, event)
                state, beat, told_at = channel.newest.state, now, now
            elif now - beat >= BEAT_S:
                await _write(send, _beat(self._screen))
                beat = now
            waiting = asyncio.ensure_future(news.wait())
            await asyncio.wait((waiting, gone), timeout=0.5, return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()

    async def _keep(self) -> None:
        """Make open pages anew when something was learnt, in turns, as long as any is open."""
        while any(channel.streams for channel in self._channels.values()) and not self.over():
            began = time.monotonic()
            for wanted, channel in list(self._channels.items()):
                if not channel.streams:
                    del self._channels[wanted]
                elif self._due(channel, began):
                    channel.looked_at = began
                    await self._look(channel)
            await asyncio.sleep(max(LOOK_EVERY_S, time.monotonic() - began))
        for channel in self._channels.values():
            channel.news.set()

    def _due(self, channel: Channel, now: float) -> bool:
        since = now - channel.looked_at
        if VIEWS[channel.slot.wanted.view].recall is not None:
            return since >= RECALL_EVERY_S
        newest, slot = channel.newest, channel.slot.newest
        if slot is not None and newest is not None and slot.state != newest.state:
            return True
        return newest is None or newest.snapshot is not self._screen.hub.snapshot or since >= RENDER_EVERY_S

    async def _look(self, channel: Channel) -> None:
        """Take the newest rendering; one that fails leaves the page as it is, to grow old by itself."""
        slot, snapshot = channel.slot, self._screen.hub.snapshot
        if slot.newest is None or slot.newest.snapshot is not snapshot or channel.newest is slot.newest:
            with suppress(Exception):  # what failed is told to whoever asks for the page itself
                await asyncio.shield(self._screen.renew(slot))
        if slot.newest is not None:
            channel.take(slot.newest)


HEADERS: Final = [(b"content-type", EVENTS.encode()), *ARMOUR, NOT_KEPT, (b"x-accel-buffering", b"no")]


async def _gone(receive: Receive) -> None:
    """Wait until the reader has left."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _write(send: Send, data: bytes, *, more: bool = True) -> None:
    await asyncio.wait_for(send({"type": "http.response.body", "body": data, "more_body": more}), PATIENCE_S)


def _beat(screen: Screen) -> bytes:
    """Say that we are here, and what time it is."""
    return f"event: beat\ndata: {int(screen.hub.clock().timestamp() * 1000)}\n\n".encode()


def _whole(page: Split) -> Change:
    """Tell every part there is."""
    parts = tuple((part.id, page.text[part.start : part.end]) for part in page.root.inside)
    return Change(parts, {}, page.title)


def _event(state: str, told: Change) -> bytes:
    """Write an event: the moments to renew as a comment, then each part for the page to morph into."""
    lines = [f"<!--{msgspec.json.encode(told.moments).decode()}-->"] if told.moments else []
    lines += [f'<hx-partial id="{id_}" hx-swap="outerMorph">{html}</hx-partial>' for id_, html in told.parts]
    if told.title:
        lines.append(told.title)
    data = "\n".join(f"data: {line}" for line in "\n".join(lines).replace("\r", "").split("\n"))
    return f"id: {state}\n{data}\n\n".encode()
