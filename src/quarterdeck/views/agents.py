"""Agents: one row for each gateway: what it does, what it runs on, and since when.

Where work is agreed on a forge, the row says which task the agent is at, by what is seen there; a task that needs
somebody has a row of its own below that of its agent. An agent of which no account is named has nothing to say of that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from quarterdeck.truth import fields as F  # noqa: N812 -- short where every line names a field
from quarterdeck.truth import forge_fields as G  # noqa: N812 -- as above
from quarterdeck.truth.fields import Field, kind_of
from quarterdeck.truth.instance import instance_of, subject
from quarterdeck.truth.judgement import words
from quarterdeck.views.asked import Asked
from quarterdeck.views.frame import Page
from quarterdeck.views.judged import Judged, needs_somebody
from quarterdeck.views.lazy import Rows
from quarterdeck.views.model import Column, Row, View
from quarterdeck.views.rows import row


def _column(title: str, field: Field[object]) -> Column:
    return Column(field.name, title, {"gateway": field})


def _of_task(
    title: str, field: Field[Any], how: Callable[[Any, datetime], str] = lambda value, _: str(value)
) -> Column:
    """A column about the task; that there is none is not the same as not knowing."""
    fields = {"gateway": field, "work": field}
    return Column(field.name, title, fields, lambda value, now: "none" if value is None else how(value, now))


BY = {"claim": "claim branch", "pull": "pull request", "in progress": "label"}
TASK = (
    _of_task("Task", G.TASK),
    _of_task("Since", G.TASK_SINCE, lambda value, now: words(now - value)),
    _of_task("By", G.TASK_BY, lambda value, _: BY[value]),
)
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
    names = judged.of("gateway", "work", instance=asked.instance)
    columns = (*TASK, *COLUMNS) if judged.of("work") else COLUMNS
    shown = list(_shown(judged, names))
    rows = Rows([judged.judgements[name] for name in shown], lambda place: _row(judged, shown[place], columns))
    return Page(judged, asked).view("agents", "Agents", names, rows=rows, columns=columns)


def _row(judged: Judged, name: str, columns: tuple[Column, ...]) -> Row:
    made = row(judged, name, columns)
    if subject(instance_of(name), "work") in judged.fields:
        return made
    return replace(
        made, cells=tuple(replace(cell, reading=None) if cell.column in TASK else cell for cell in made.cells)
    )


def _shown(judged: Judged, names: Iterable[str]) -> Iterable[str]:
    """Return the gateways, each with its agent's work below it where that needs somebody."""
    for name in names:
        if kind_of(name) == "gateway":
            yield name
            task = subject(instance_of(name), "work")
            if task in judged.judgements and needs_somebody(judged.judgements[task]):
                yield task
