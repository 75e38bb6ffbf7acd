"""The forges on which work is agreed: who asks each of them, who follows what they say, and how a bell reaches both.

Rule: what asks over the network is loaded when a forge is named. Most decks have none.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from quarterdeck.settings import Settings
from quarterdeck.truth.reading import AnyReading, Key
from quarterdeck.truth.snapshot import Snapshot

if TYPE_CHECKING:
    from quarterdeck.sources.forge.source import ForgeSource
    from quarterdeck.wiring.work import Work


class Forges(NamedTuple):
    """Who asks the forges, and who follows what they say."""

    asking: tuple[ForgeSource, ...] = ()
    work: Work | None = None

    @property
    def sources(self) -> tuple[ForgeSource | Work, ...]:
        """All of them, as the collector looks at them."""
        return self.asking if self.work is None else (*self.asking, self.work)

    @property
    def expected(self) -> Mapping[str, tuple[Key, ...]]:
        """The facts each of them brings in any case."""
        return {source.name: source.expected for source in self.sources}

    def follow(self, snapshot: Callable[[], Snapshot]) -> None:
        """Name where the newest snapshot is found."""
        if self.work is not None:
            self.work.follow(snapshot)

    def follows(self, snapshot: Snapshot, now: datetime) -> Iterator[AnyReading]:
        """Return what follows from a snapshot of all forges together, all of it at once."""
        if self.work is not None:
            yield from self.work.readings(snapshot, now, work_s=math.inf)

    def ring(self, forge: str, repo: str) -> str | None:
        """Pass on that something moved in a repository; return the name of the source that is to look.

        A forge that is not asked is none of ours: then there is none.
        """
        found = next((source for source in self.asking if source.name == f"forge:{forge}"), None)
        if found is None:
            return None
        found.ring(repo)
        return found.name


def forges(settings: Settings, monotonic: Callable[[], float]) -> Forges:
    """Return who asks the forges of the settings."""
    if not settings.forges:
        return Forges()
    from quarterdeck.sources.forge.source import ForgeSource  # noqa: PLC0415 -- the rule
    from quarterdeck.wiring.work import Work  # noqa: PLC0415 -- the rule

    return Forges(tuple(map(ForgeSource, settings.forges)), Work(settings.forges, monotonic))
