"""A source that looks at a fake forge, minute by minute, and what its looks found."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from quarterdeck.http.limits import Limits
from quarterdeck.http.reader import Reader
from quarterdeck.sources.forge.client import Gets
from quarterdeck.sources.forge.source import Bounds, ForgeSource
from quarterdeck.truth.fields import Field
from quarterdeck.truth.grouped import NOTHING, Grouped
from quarterdeck.truth.reading import AnyReading, Known, Unavailable
from quarterdeck.truth.snapshot import remembering
from quarterdeck.truth.watched import Forge
from tests.fakes.forge import FakeForge

QUICK: Final = Limits(connect_s=0.5, silence_s=0.5, total_s=1.0, body=1_000_000)
MINUTE: Final = timedelta(minutes=1)


def quick(forge: Forge) -> AbstractAsyncContextManager[Gets]:
    """Ask with little patience."""
    return Reader(in_flight=forge.in_flight, limits=QUICK)


def watched(fake: FakeForge, folder: Path, **more: Any) -> Forge:
    """The settings of a forge; its token is a file."""
    token = folder / "token"
    if not token.exists():
        token.write_text(fake.token + "\n", encoding="ascii")
    settings = {"agents": {"north-bot": "north", "south-bot": "south"}, "people": ("alice", "bob"), **more}
    return Forge("main", "Main", fake.url, **{"token_file": token, **settings})


class Watch:
    """Looks once a minute, and remembers as the collector does."""

    def __init__(self, forge: Forge, *, bounds: Bounds | None = None) -> None:
        self.source = ForgeSource(forge, opens=quick, bounds=bounds or Bounds(30.0, 40.0))
        self.now = datetime.now(UTC)
        self.held: Grouped = NOTHING

    def look(self, after: timedelta = MINUTE) -> Watch:
        """Look once."""
        self.now += after
        self.held = remembering(self.held, list(self.source.look(self.now)))
        return self

    def reading(self, subject: str, field: Field[Any]) -> AnyReading:
        """Return a reading."""
        return self.held.subjects[f"forge:main{subject}"][field.name]

    def known(self, subject: str, field: Field[Any]) -> Any:
        """Return what is known."""
        reading = self.reading(subject, field)
        assert isinstance(reading, Known), reading
        return reading.value

    def why(self, subject: str, field: Field[Any]) -> Unavailable[Any]:
        """Return why something is not known."""
        reading = self.reading(subject, field)
        assert isinstance(reading, Unavailable), reading
        return reading

    def numbers(self, kind: str) -> set[int]:
        """Return the pull requests or cards that are spoken of."""
        return {int(name.rpartition("/")[2]) for name in self.held.subjects if name.startswith(f"forge:main/{kind}/")}

    def of(self, kinds: Iterable[str]) -> dict[tuple[str, str], object]:
        """Return everything known or unknown of some kinds, without when it was read."""
        return {
            key: each.value if isinstance(each, Known) else each.reason
            for key, each in self.held.items()
            if any(f"/{kind}/" in key[0] for kind in kinds)
        }
