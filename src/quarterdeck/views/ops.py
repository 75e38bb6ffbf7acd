"""Ops: every part of every instance and of its host, with all that is known of it."""

from __future__ import annotations

from quarterdeck.truth.fields import field_for, kind_of
from quarterdeck.truth.instance import ALL, instance_of
from quarterdeck.views.frame import Page
from quarterdeck.views.judged import Judged
from quarterdeck.views.model import Column, Row, View
from quarterdeck.views.rows import row

ORDER = (
    "instance", "gateway", "scheduler", "sessions", "model", "credentials", "kanban", "inventory", "logs",
    "listener", "unit", "host", "disk", "source",
)  # fmt: skip


def ops(judged: Judged, instance: str) -> View:
    """Return the ops view over a filter: instances first, then what they share."""
    names = sorted(judged.of(*ORDER, instance=instance), key=_place)
    return Page(judged, instance).view("ops", "Ops", names, rows=tuple(_row(judged, name) for name in names))


def _place(name: str) -> tuple[bool, str, int, str]:
    owner = instance_of(name)
    return owner == ALL, owner, ORDER.index(kind_of(name)), name


def _row(judged: Judged, name: str) -> Row:
    """A row whose columns are whatever has been reported of its subject."""
    columns = tuple(_column(name, field) for field in sorted(judged.reported.get(name, ())) if field_for(name, field))
    return row(judged, name, columns)


def _column(subject: str, field: str) -> Column:
    declared = field_for(subject, field)
    return Column(field, field.replace("_", " "), {kind_of(subject): declared} if declared else {})
