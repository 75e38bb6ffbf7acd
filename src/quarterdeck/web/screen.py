"""Views rendered for whoever asks, each once for everybody.

Rule 1: a request touches no source. It is answered from memory; what is not there yet is made outside the event loop,
        once for all who wait for it.
Rule 2: a page lives for a second. While a newer one is being made the old one may still be given out, but never for
        longer than a second beyond what making it takes: a hub whose collector has stopped shows readings that grow
        old, not the bytes of the moment when all was well.
Rule 3: a moment that is over is asked of memory, by few at a time: those who look back delay nobody who looks at now.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any, Final, NamedTuple, Protocol

import msgspec

from quarterdeck.errors import MemoryUnavailableError
from quarterdeck.truth.instance import ALL
from quarterdeck.truth.past import Late
from quarterdeck.truth.shapes import dump
from quarterdeck.truth.snapshot import Snapshot
from quarterdeck.views import VIEWS
from quarterdeck.views.contract import as_json, reading_json
from quarterdeck.views.judged import Judged
from quarterdeck.views.model import View
from quarterdeck.views.recall import Recall
from quarterdeck.views.words import clock
from quarterdeck.web.address import Refusal, Wanted
from quarterdeck.web.answers import HTML, JSON, Answer, answer
from quarterdeck.web.pages import Frame, render
from quarterdeck.web.parts import Split, split

A_SECOND: Final = timedelta(seconds=1)
A_PAST_PAGE: Final = timedelta(seconds=10)
"""What was known then stays; only what is learnt late may join it."""
PATIENCE: Final = timedelta(seconds=5)
"""How much longer than its life the oldest page may be given out, however long a new one takes."""
SLOTS: Final = 256
KEPT_BYTES: Final = 24_000_000
STATES: Final = 12
"""Renderings of a page that are remembered, so that those who hold one of them are told only what is different."""
STATES_BYTES: Final = 4_000_000
PAST_KEPT: Final = 4
SETTLED: Final = timedelta(seconds=10)
"""How long after a moment all that was known at it has been recorded: before, an answer about it may still change."""
RENDERING, RECALLING_AT_ONCE = 1, 2
"""Threads: rendering is work for one processor, and asking memory is mostly waiting."""
RECALLING: Final = 32
"""Those who may wait for memory at once."""


class Hub(Protocol):
    """What the pages need of the running program."""

    @property
    def snapshot(self) -> Snapshot:
        """The newest collection."""

    def clock(self) -> datetime:
        """The present moment, with its zone."""

    @property
    def recall(self) -> Recall | None:
        """The memory; None where nothing is kept."""

    @property
    def banner(self) -> str | None:
        """What every page says of itself before anything else: that what it shows is invented."""


class Rendered(NamedTuple):
    """A view as it was rendered once."""

    state: str
    """Its name among all renderings, of this and of every other run of the program."""
    at: datetime
    soft: datetime
    """From here on a new one is made, and this one given out while it is."""
    hard: datetime
    snapshot: Snapshot | None
    text: str
    answer: Answer


@dataclass(slots=True, eq=False)
class Slot:
    """The place of one rendered view: the newest rendering, and the ones before it."""

    wanted: Wanted
    page: bool
    newest: Rendered | None = None
    making: asyncio.Task[Rendered] | None = None
    states: deque[tuple[str, str]] = field(default_factory=lambda: deque(maxlen=STATES))

    def split_of(self, state: str) -> Split | None:
        """Return a rendering in its parts, if it is still remembered."""
        return next((split(text) for name, text in self.states if name == state), None)

    def remember(self, made: Rendered) -> None:
        """Take a new rendering."""
        self.newest = made
        if made.text:
            self.states.append((made.state, made.text))
            while len(self.states) > 1 and sum(len(text) for _, text in self.states) > STATES_BYTES:
                self.states.popleft()

    @property
    def size(self) -> int:
        """Bytes that are held here."""
        return sum(len(text) for _, text in self.states) + (self.newest.answer.size if self.newest else 0)


class Screen:
    """All rendered views of a hub."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.boot, self._numbers = os.urandom(4).hex(), count(1)
        self._slots: OrderedDict[tuple[bool, Wanted], Slot] = OrderedDict()
        self._now = ThreadPoolExecutor(RENDERING, "Pages")
        self._then = ThreadPoolExecutor(RECALLING_AT_ONCE, "Memory")
        self._judging = threading.Lock()
        self._judged: Judged | None = None
        self._past: OrderedDict[datetime, Judged] = OrderedDict()
        self._recalling = 0

    def slot(self, wanted: Wanted, *, page: bool) -> Slot:
        """Return the place of a view, and let those go that nobody has asked for longest."""
        key = (page, wanted)
        found = self._slots.get(key)
        if found is None:
            found = self._slots[key] = Slot(wanted, page)
        self._slots.move_to_end(key)
        return found

    def fresh(self, slot: Slot) -> Answer | None:
        """Return what may be given out at once; see to it that there is something newer soon, where that is due."""
        made = slot.newest
        if made is None:
            return None
        now = self.hub.clock()
        if made.at <= now < made.soft:
            return made.answer
        if not made.at <= now < made.hard:
            return None
        self.renew(slot)
        return made.answer

    def renew(self, slot: Slot) -> asyncio.Task[Rendered]:
        """Make a view anew, once for all who want it now."""
        if slot.making is None:
            slot.making = asyncio.create_task(self._make(slot))
            slot.making.add_done_callback(lambda task: self._made(slot, task))
        return slot.making

    async def get(self, slot: Slot) -> Answer:
        """Return a view that is young enough, made now if need be.

        Raises:
            Refusal: where there is none.
        """
        return self.fresh(slot) or (await asyncio.shield(self.renew(slot))).answer

    # --- in the event loop -----------------------------------------------------------------------------------------

    async def _make(self, slot: Slot) -> Rendered:
        wanted, loop = slot.wanted, asyncio.get_running_loop()
        if wanted.at is None and VIEWS[wanted.view].recall is None:
            return await loop.run_in_executor(self._now, self._render, slot)
        if self._recalling >= RECALLING:
            raise Refusal(503, "Too many look back at once. Try again in a moment.")
        self._recalling += 1
        try:
            return await loop.run_in_executor(self._then, self._render, slot)
        finally:
            self._recalling -= 1

    def _made(self, slot: Slot, task: asyncio.Task[Rendered]) -> None:
        slot.making = None
        if task.cancelled() or task.exception() is not None:
            return
        slot.remember(task.result())
        held = sum(each.size for each in self._slots.values())
        while len(self._slots) > SLOTS or (held > KEPT_BYTES and len(self._slots) > 1):
            _, gone = self._slots.popitem(last=False)
            held -= gone.size

    def judged(self) -> Judged:
        """Return everything judged now, by the same judgements as the pages. Not for the event loop: it takes time."""
        return self._present()

    # --- in a thread of its own ------------------------------------------------------------------------------------

    def _render(self, slot: Slot) -> Rendered:
        began, wanted = time.perf_counter(), slot.wanted
        judged = self._present() if wanted.at is None else self._as_of(wanted.at)
        view = self._view(wanted, judged)
        late = () if wanted.at is None else self._late(wanted, wanted.at)
        state = f"{self.boot}-{next(self._numbers)}"
        frame = Frame(wanted, state, self.hub.banner, late, remembers=self.hub.recall is not None)
        text = render(view, frame) if slot.page else ""
        body = text.encode() if slot.page else msgspec.json.encode(_document(view, frame))
        made = answer(body, HTML if slot.page else JSON)
        took = timedelta(seconds=time.perf_counter() - began)
        life = A_PAST_PAGE if wanted.at is not None and self.hub.clock() - wanted.at >= SETTLED else A_SECOND
        at = self.hub.clock() if judged.past else judged.now
        return Rendered(
            state,
            at,
            at + life - min(2 * took, life / 2),
            at + life + min(2 * took, PATIENCE),
            None if judged.past else judged.snapshot,
            "" if judged.past else text,
            made,
        )

    def _view(self, wanted: Wanted, judged: Judged) -> View:
        asked, spec, memory = wanted.asked._replace(past=judged.past), VIEWS[wanted.view], self.hub.recall
        if asked.instance != ALL and asked.instance not in judged.instances:
            named = ", ".join(list(judged.instances)[:20])
            raise Refusal(404, f"No instance is called that. Ask for {ALL} or one of: {named}.")
        recalled: Any = None
        if (fetch := spec.recall) is not None and memory is not None:
            recalled = _remembered(lambda: fetch(memory, asked, judged.now))
        return spec.make(judged, asked, recalled)

    def _present(self) -> Judged:
        """Judge everything once for all who want it within a second."""
        with self._judging:
            now, snapshot, old = self.hub.clock(), self.hub.snapshot, self._judged
            if old is None or old.snapshot is not snapshot or not timedelta(0) <= now - old.now < A_SECOND / 2:
                old = self._judged = Judged.after(old, snapshot, now)
                _ = old.judgements  # now, and not by several at once
            return old

    def _as_of(self, at: datetime) -> Judged:
        memory, now = self.hub.recall, self.hub.clock()
        if memory is None:
            raise Refusal(404, "Nothing is kept here, so there is no past to look at. Leave out `at` to see what is.")
        if at > now:
            raise Refusal(404, f"Nothing is known of that moment: it is yet to come. It is {clock(now)} now.")
        if (found := self._past.get(at)) is not None:
            return found
        snapshot, moment = _remembered(lambda: (memory.snapshot_at(at), memory.moment(at)))
        if snapshot is None or moment is None:
            raise Refusal(404, _since_when(_remembered(memory.began)))
        judged = Judged(snapshot, moment, past=True)
        if now - at < SETTLED:
            return judged
        with self._judging:
            self._past[at] = judged
            while len(self._past) > PAST_KEPT:
                self._past.popitem(last=False)
        return judged

    def _late(self, wanted: Wanted, at: datetime) -> Sequence[Late]:
        memory, instance = self.hub.recall, wanted.asked.instance
        only = None if instance == ALL else instance
        return () if memory is None else _remembered(lambda: memory.learnt_late(at, self.hub.clock(), instance=only))


def _since_when(began: datetime | None) -> str:
    if began is None:
        return "Nothing has been recorded yet, so there is no past to look at. Leave out `at` to see what is."
    return f"Memory begins at {clock(began)}; nothing is known of the time before. Ask for that moment or a later one."


def _remembered(ask: Any) -> Any:  # noqa: ANN401 -- whatever memory was asked for
    try:
        return ask()
    except MemoryUnavailableError as error:
        raise Refusal(503, str(error)) from error


def _document(view: View, frame: Frame) -> dict[str, Any]:
    document = as_json(view)
    if frame.wanted.at is not None:
        document["past"] = True
        document["learnt_late"] = [
            {"true_at": dump(late.true_at), "known_at": dump(late.known_at), "reading": reading_json(late.reading)}
            for late in frame.late
        ]
    if frame.banner is not None:
        document["demo"] = True
    return document
