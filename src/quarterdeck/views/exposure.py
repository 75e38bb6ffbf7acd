"""Exposure: what should be private, every way that leads to it, and who could not be asked for ways.

Rule 1: what is protected comes first, the worst before the others; then who was asked; then everything that passes
        connections on, wherever it leads.
Rule 2: a way is shown whole, hop by hop, with the readings it was put together from.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from quarterdeck.truth import fields as F  # noqa: N812 -- short where every line names a field
from quarterdeck.truth.fields import kind_of
from quarterdeck.truth.judgement import Facts, Status
from quarterdeck.truth.reading import AnyReading, Known
from quarterdeck.views.asked import Asked
from quarterdeck.views.frame import Page
from quarterdeck.views.judged import Judged
from quarterdeck.views.lazy import Rows
from quarterdeck.views.model import Column, Row, View, unique
from quarterdeck.views.rows import row

ORDER = ("exposure", "network", "forwarder", "route")

COLUMNS = (
    Column("exposed", "Open to others", {"exposure": F.EXPOSED}),
    Column("doubted", "In doubt", {"exposure": F.DOUBTED}),
    Column("private", "Private", {"exposure": F.PRIVATE}),
    Column("protected", "Leads to it", {"exposure": F.PROTECTED}),
    Column("entry", "Comes in at", {"route": F.ROUTE_ENTRY}),
    Column("upstreams", "Is passed on to", {"route": F.ROUTE_UPSTREAMS}),
    Column("unread", "Not understood", {"route": F.ROUTE_UNREAD}),
)

EXPOSED = "can be reached from beyond this machine and its tailnet."
IN_DOUBT = "may be reachable from beyond: not every way could be followed."
PRIVATE = "Nothing that should be private can be reached from beyond this machine and its tailnet."


def exposure(judged: Judged, asked: Asked, _recalled: object = None) -> View:
    """Return the exposure view over a filter."""
    names = sorted(
        judged.of(*ORDER, instance=asked.instance),
        key=lambda name: (ORDER.index(kind_of(name)), -judged.judgements[name].status.rank, name),
    )
    rows = Rows([judged.judgements[name] for name in names], lambda place: _row(judged, names[place]))
    view = Page(judged, asked).view("exposure", "Exposure", names, rows=rows, columns=COLUMNS)
    found = [judged.judgements[name].status for name in names if kind_of(name) == "exposure"]
    return replace(view, headline=_headline(found)) if found else view


def _headline(found: Sequence[Status]) -> str:
    exposed = sum(status in (Status.DEGRADED, Status.DOWN) for status in found)
    doubtful = sum(status in (Status.UNKNOWN, Status.STALE) for status in found)
    if exposed:
        return f"{exposed:,} of {len(found):,} {EXPOSED}"
    return f"{doubtful:,} of {len(found):,} {IN_DOUBT}" if doubtful else PRIVATE


def _row(judged: Judged, name: str) -> Row:
    """Make a row; what is protected rests also on the readings of every hop of a way to it."""
    made = row(judged, name, COLUMNS)
    if made.kind != "exposure" or made.judgement.status is Status.OK:
        return made
    because = tuple(unique((*made.judgement.because, *_hops(judged, judged.facts(name)))).values())
    return replace(made, judgement=replace(made.judgement, because=because))


def _hops(judged: Judged, facts: Facts) -> Iterator[AnyReading]:
    """Return the readings of routes and listeners on the ways that are open or in doubt."""
    chains = [*(facts.get(F.EXPOSED) or ()), *(facts.get(F.DOUBTED) or ())]
    by = {hop for chain in chains for hop in chain[1::2]}
    for name in judged.of("route"):
        told = judged.fields.get(name, {})
        teller = told.get(F.ROUTE_BY.name)
        if isinstance(teller, Known) and teller.value in by:
            yield from (told[field.name] for field in (F.ROUTE_ENTRY, F.ROUTE_UPSTREAMS) if field.name in told)
    if any(len(chain) == 1 for chain in chains):
        for name in judged.of("network"):
            yield judged.facts(name).reading(F.SOCKETS)
