"""The source: one witness of what is passed on, asked once a look.

Rule: a witness that cannot tell leaves unknown what it told before. It never leaves a machine looking closed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from quarterdeck.sources.files import SourceError
from quarterdeck.sources.ways.told import Told, Witness
from quarterdeck.truth import fields as F  # noqa: N812 -- a table reads better with one letter before each field
from quarterdeck.truth.fields import Field
from quarterdeck.truth.reading import AnyReading, Key, Origin
from quarterdeck.truth.snapshot import unanswered


class WaysSource:
    """One witness, as the collector asks it."""

    budget_s = 15.0
    every_s = 20.0

    def __init__(self, host: str, witness: Witness | str) -> None:
        """Ask a witness; one that is only named is not asked, by the settings."""
        self._witness = witness
        self.witness = witness if isinstance(witness, str) else witness.name
        self.is_asked = not isinstance(witness, str)
        self._host, self._subject = f"host:{host}", f"host:{host}/forwarder/{self.witness}"
        self._before: Mapping[Key, AnyReading] = {}

    @property
    def name(self) -> str:
        """``ways:CADDY``."""
        return f"ways:{self.witness}"

    @property
    def expected(self) -> tuple[Key, ...]:
        """The fact this source brings in any case."""
        return ((self._subject, F.FORWARDER_FOUND.name),)

    def watched(self) -> tuple[Path, ...]:
        """Return nothing: what is passed on does not say when it changes."""
        return ()

    def look(self, now: datetime) -> Iterator[AnyReading]:
        """Ask once."""
        if isinstance(self._witness, str):
            yield F.FORWARDER_FOUND.known(self._subject, Origin("settings", "exposure"), "not asked", now)
            return
        origin = Origin(self.witness, self._witness.locator)
        try:
            seen = self._witness.ask()
        except SourceError as error:
            yield F.FORWARDER_FOUND.unavailable(self._subject, origin, error.reason, error.detail, now)
            yield from unanswered(self._before, now, error.reason, error.detail).values()
            return
        readings = [reading for told in seen.routes for reading in self._route(told, origin, now)]
        self._before = {(reading.subject, reading.field): reading for reading in readings}
        yield F.FORWARDER_FOUND.known(self._subject, origin, seen.found, now)
        yield from readings

    def _route(self, told: Told, origin: Origin, now: datetime) -> Iterator[AnyReading]:
        subject = f"{self._host}/route/{told.by}/{told.entry}"
        said: tuple[tuple[Field[Any], object], ...] = (
            (F.ROUTE_BY, told.by),
            (F.ROUTE_ENTRY, told.entry),
            (F.ROUTE_OPEN, told.open),
            (F.ROUTE_UPSTREAMS, tuple(told.upstreams)),
            (F.ROUTE_UNREAD, tuple(told.unread)),
        )
        for field, value in said:
            yield field.known(subject, origin, value, now)
