"""What those who operate this hub ask it: ``/readyz`` for whoever watches over it, ``/metrics`` for Prometheus.

Rule: figures are of all agents. Who may see only some gets none of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, Protocol

from quarterdeck.access.identity import Permission
from quarterdeck.web.address import Refusal
from quarterdeck.web.answers import TEXT, Answer, answer
from quarterdeck.web.app import Ask, Front, Route, Routes
from quarterdeck.web.health import Part, ready
from quarterdeck.web.screen import Hub

if TYPE_CHECKING:
    from quarterdeck.web.metrics import Counts, Meter, Tally

WELL: Final = answer(b"ready\n", TEXT)


class Looking(Protocol):
    """What is to be known of the collector."""

    @property
    def tallies(self) -> Mapping[str, Tally]:
        """How the looks at each source went."""


class Operating:
    """Answers those questions. The pages and the guard are named when they are there, with ``of``."""

    def __init__(
        self,
        hub: Hub,
        collector: Looking,
        *,
        remembers: bool = False,
        parts: Sequence[Part] = (),
        signed_in: Callable[[], int | None] | None = None,
    ) -> None:
        """``parts`` are those without which nobody can be served; ``signed_in`` counts the open sessions of people."""
        self._hub, self._collector, self._signed_in = hub, collector, signed_in
        self._remembers, self._parts = remembers, parts
        self._front: Front | None = None
        self._guard: Counts | None = None
        self._meter: Meter | None = None

    def of(self, front: Front, guard: Counts) -> None:
        """Name the pages, and the guard before them."""
        self._front, self._guard = front, guard

    def routes(self) -> Routes:
        """Return what there is, and what it takes."""
        look = Permission.LOOK
        return {"/readyz": {"GET": Route(look, self.readiness)}, "/metrics": {"GET": Route(look, self.metrics)}}

    async def readiness(self, _ask: Ask) -> Answer:
        """Say whether this hub is fit to be asked, and if not, why."""
        well, reasons = ready(self._hub.snapshot, self._hub.clock(), self._parts, remembers=self._remembers)
        if well:
            return WELL
        said = "".join(f"- {reason}\n" for reason in reasons)
        return answer(f"not ready:\n{said}".encode(), TEXT, status=HTTPStatus.SERVICE_UNAVAILABLE)

    async def metrics(self, ask: Ask) -> Answer:
        """Return all figures.

        Raises:
            Refusal: to whoever may see only some agents.
        """
        if ask.person is None or ask.person.instances is not None:
            raise Refusal(HTTPStatus.FORBIDDEN, "These figures are of all agents, and you may see only some of them.")
        if self._front is None:
            raise Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "Not everything has begun yet. Try again in a moment.")
        front = self._front
        return await asyncio.to_thread(self._measured, front)

    def _measured(self, front: Front) -> Answer:
        from quarterdeck.web.metrics import MEDIA, Figures, Meter  # noqa: PLC0415 -- most are never asked for figures

        if self._meter is None:
            figures = Figures(
                judged=front.rooms.whole.screen.judged,
                tallies=lambda: self._collector.tallies,
                streams=lambda: front.rooms.streams,
                guard=self._guard,
                signed_in=self._signed_in,
                parts=self._parts,
                remembers=self._remembers,
            )
            self._meter = Meter(figures)
        return answer(self._meter.text(), MEDIA)
