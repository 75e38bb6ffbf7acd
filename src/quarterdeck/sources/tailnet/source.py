"""The source: what the tailnet's daemon of this host says of itself, and what it serves.

Rule 1: it is asked for two documents and for nothing else. That changes nothing, and names no person.
Rule 2: what it says is its word. That an address is the tailnet's is told as proven only when whoever proves it for
        our own listening says so.
Rule 3: one document that cannot be had takes nothing of the other with it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from datetime import datetime
from pathlib import Path, PurePath
from typing import Any, Final

from quarterdeck.errors import QuarterdeckError
from quarterdeck.sources.files import SourceError
from quarterdeck.sources.tailnet import parse, serve
from quarterdeck.truth import fields as F  # noqa: N812 -- a table reads better with one letter before each field
from quarterdeck.truth.fields import Field
from quarterdeck.truth.reading import AnyReading, Key, Origin, Reason

HOST: Final = "local-tailscaled.sock"
"""The only name under which the daemon answers."""
API: Final = "/localapi/v0/"
STATUS, SERVE, PROOF = "status", "serve-config", "our own proof"
CONNECT_S, SILENCE_S, TOTAL_S = 1.0, 2.0, 3.0
BODY_LIMIT: Final = 16_000_000
"""A status has a kilobyte for each machine of the tailnet."""
GOOD: Final = 200
REFUSED: Final = {
    403: (Reason.DENIED, "the daemon does not answer this user"),
    404: (Reason.MISSING, "this release of the daemon does not tell it"),
}
SERVED: Final[tuple[Field[Any], ...]] = (F.SERVE_ENTRIES, F.SERVE_TARGETS, F.FUNNEL)


class TailnetSource:
    """The daemon of this host."""

    name = "tailnet"
    budget_s = 2 * TOTAL_S + 1.0
    every_s = 30.0

    def __init__(self, host: str, place: PurePath, prove: Callable[[], Collection[str]]) -> None:
        """Ask the daemon whose socket this is.

        ``prove`` returns the addresses that are proven, and raises a ``QuarterdeckError`` when there is a doubt.
        """
        self._subject = f"host:{host}/tailnet"
        self._place, self._prove = place, prove

    @property
    def expected(self) -> tuple[Key, ...]:
        """The facts this source brings in any case."""
        fields = [*(field for field, _ in parse.STATUS), F.TAILNET_PROVEN, *SERVED]
        return tuple((self._subject, field.name) for field in fields)

    def watched(self) -> tuple[Path, ...]:
        """Return nothing: the network does not say when it changes."""
        return ()

    def look(self, now: datetime) -> Iterator[AnyReading]:
        """Ask once."""
        yield from self._status(now)
        yield self._proven(now)
        yield from self._served(now)

    def _status(self, now: datetime) -> Iterator[AnyReading]:
        try:
            said = parse.document(self._asked(STATUS))
        except SourceError as error:
            yield from (self._lost(field, STATUS, error, now) for field, _ in parse.STATUS)
            return
        for field, read in parse.STATUS:
            try:
                yield field.known(self._subject, _origin(STATUS), read(said), now)
            except SourceError as error:
                yield self._lost(field, STATUS, error, now)

    def _proven(self, now: datetime) -> AnyReading:
        try:
            return F.TAILNET_PROVEN.known(self._subject, _origin(PROOF), tuple(self._prove()), now)
        except QuarterdeckError as error:  # its words are our own
            return F.TAILNET_PROVEN.unavailable(self._subject, _origin(PROOF), Reason.DENIED, error.what, now)

    def _served(self, now: datetime) -> Iterator[AnyReading]:
        try:
            values = serve.served(self._asked(SERVE))
        except SourceError as error:
            yield from (self._lost(field, SERVE, error, now) for field in SERVED)
            return
        for field, value in zip(SERVED, values, strict=True):
            yield field.known(self._subject, _origin(SERVE), value, now)

    def _asked(self, word: str) -> bytes:
        """Return one document.

        Raises:
            SourceError: when it cannot be had.
        """
        from quarterdeck.http import HttpError, Limits, LocalLooker  # noqa: PLC0415 -- looking begins before it is there

        limits = Limits(connect_s=CONNECT_S, silence_s=SILENCE_S, total_s=TOTAL_S, body=BODY_LIMIT)
        try:
            answer = LocalLooker(self._place, HOST, limits).get(API + word)
        except HttpError as error:
            raise SourceError(error.reason, error.detail) from None
        if answer.status != GOOD:
            raise SourceError(*REFUSED.get(answer.status, (Reason.CORRUPT, f"answers {answer.status}")))
        if not answer.whole:
            raise SourceError(Reason.CORRUPT, "its answer is longer than it may be")
        return answer.body

    def _lost(self, field: Field[Any], word: str, error: SourceError, now: datetime) -> AnyReading:
        return field.unavailable(self._subject, _origin(word), error.reason, error.detail, now)


def _origin(word: str) -> Origin:
    return Origin("tailscaled", word)
