"""Agents: one row for each gateway: what it does, what it runs on, and since when."""

from __future__ import annotations

from quarterdeck.truth import fields as F  # noqa: N812 -- short where every line names a field
from quarterdeck.truth.fields import Field
from quarterdeck.views.asked import Asked
from quarterdeck.views.frame import Page
from quarterdeck.views.judged import Judged
from quarterdeck.views.model import Column, View
from quarterdeck.views.rows import build


def _column(title: str, field: Field[object]) -> Column:
    return Column(field.name, title, {"gateway": field})


COLUMNS = (
    Column(F.AGENT_VERSION.name, "Release", {"gateway": F.AGENT_VERSION}, lambda value, _: str(value or "not running")),
    _column("Model", F.MODEL),
    _column("Provider", F.PROVIDER),
    _column("Fallbacks", F.FALLBACKS),
    _column("Last answer", F.LAST_SUCCESS),
    _column("Live sessions", F.SESSIONS_LIVE),
    _column("Platforms reported", F.PLATFORMS),
    _column("Toolsets", F.TOOLSETS),
    _column("Tool servers", F.INTEGRATIONS),
    _column("Skills", F.SKILLS),
    _column("Memory entries", F.MEMORY_ENTRIES),
)


def agents(judged: Judged, asked: Asked, _recalled: object = None) -> View:
    """Return the agents view over a filter."""
    names = judged.of("gateway", instance=asked.instance)
    return Page(judged, asked).view("agents", "Agents", names, rows=build(judged, names, COLUMNS), columns=COLUMNS)
