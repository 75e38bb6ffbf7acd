"""The source: one forge, asked once a look for what is due.

Rule 1: a look is bounded in questions and in time. What did not fit is asked in the next one, which then follows soon.
Rule 2: while a forge asks for patience, it is not asked. What is held of it grows old meanwhile, and shows it.
Rule 3: a bell is a hint where to look, and nothing else: no fact comes from it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Final, NamedTuple

from quarterdeck.http.reader import Reader
from quarterdeck.sources import files
from quarterdeck.sources.files import SourceError
from quarterdeck.sources.forge.client import PAGES, ForgeReader, Gets
from quarterdeck.sources.forge.look import Look
from quarterdeck.sources.forge.memory import Failure, Memory
from quarterdeck.sources.forge.readings import Maker
from quarterdeck.sources.forge.refresh import Refresh
from quarterdeck.sources.forge.telling import Teller
from quarterdeck.truth import forge_fields as G  # noqa: N812 -- short where every line names a field
from quarterdeck.truth.reading import AnyReading, Key
from quarterdeck.truth.watched import Forge

TOKEN_LIMIT: Final = 4_096
SOON_S: Final = 5.0
"""When the next look begins while there is more to ask than fitted into one."""


class Bounds(NamedTuple):
    """How long a look may take."""

    begin_s: float = 4.8
    """After so long no question is begun any more: whoever waits for a first picture sees what there is."""
    end_s: float = 50.0
    """After so long those that are under way are given up."""


BOUNDS: Final = Bounds()
Opens = Callable[[Forge], AbstractAsyncContextManager[Gets]]


def lines(forge: Forge) -> AbstractAsyncContextManager[Gets]:
    """Return what a forge is asked with."""
    return Reader(in_flight=forge.in_flight, authorities=forge.authorities)


class ForgeSource:
    """One forge that the settings name."""

    def __init__(
        self,
        forge: Forge,
        *,
        opens: Opens = lines,
        bounds: Bounds = BOUNDS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._forge, self._opens, self._bounds, self._monotonic = forge, opens, bounds, monotonic
        self._memory, self._maker = Memory(), Maker(forge)
        self._teller = Teller(forge, self._maker, self._memory)
        self._rings: SimpleQueue[tuple[str, datetime]] = SimpleQueue()
        self._is_behind = False

    @property
    def name(self) -> str:
        """``forge:ID``."""
        return self._forge.subject

    @property
    def every_s(self) -> float:
        """As the settings say; sooner while there is more to ask than fitted into the last look."""
        return min(SOON_S, self._forge.every_s) if self._is_behind else self._forge.every_s

    @property
    def budget_s(self) -> float:
        """How long a look may take."""
        return self._bounds.end_s + 5.0

    @property
    def expected(self) -> tuple[Key, ...]:
        """The facts this source brings in any case."""
        return tuple((self._forge.subject, field.name) for field in (G.FORGE_LABEL, G.FORGE_LINK, G.FORGE_ANSWERS))

    def watched(self) -> tuple[Path, ...]:
        """Return nothing: the network does not say when it changes."""
        return ()

    def ring(self, repo: str, at: datetime | None = None) -> None:
        """Take the hint that something moved in a repository. From any thread; whoever rings wakes the collector."""
        self._rings.put((repo, datetime.now(UTC) if at is None else at))

    def look(self, now: datetime) -> Iterator[AnyReading]:
        """Ask what is due, and tell everything that is held."""
        server, began = self._memory.server, self._monotonic()
        rung = self._rung()
        if server.rests_until is None or now >= server.rests_until:
            try:
                token = self._token()
                asyncio.run(self._refresh(token, now, rung))
            except SourceError as error:
                server.looked_at = now
                server.down = Failure(error.reason, f"its token: {error.detail}", error.detail, "denied", now)
            self._memory.look_s = self._monotonic() - began
        return self._teller.all(now)

    def _rung(self) -> frozenset[str]:
        """Return the repositories of which a bell told since the last look."""
        server, found = self._memory.server, set[str]()
        while True:
            try:
                repo, at = self._rings.get_nowait()
            except Empty:
                return frozenset(found)
            found.add(repo)
            server.rung_at = at if server.rung_at is None else max(at, server.rung_at)

    def _token(self) -> str | None:
        path = self._forge.token_file
        return None if path is None else files.read_text(path, limit=TOKEN_LIMIT).data.strip()

    async def _refresh(self, token: str | None, now: datetime, rung: frozenset[str]) -> None:
        began, bounds = self._monotonic(), self._bounds
        async with self._opens(self._forge) as reader:
            client = ForgeReader(
                reader, self._forge.url, token,
                page=self._memory.server.page_limit, calls=self._forge.calls + PAGES,
            )  # fmt: skip
            look = Refresh(
                Look(self._memory, self._forge, client, self._maker, now),
                lambda: self._monotonic() - began < bounds.begin_s,
                rung,
            )
            why = None
            try:
                async with asyncio.timeout(bounds.end_s):
                    await look.run()
            except TimeoutError:
                why = f"did not answer within {bounds.end_s:g} s"
            look.end(why)
            self._is_behind = look.is_behind
