"""Ops: every part of every instance and of its host, with all that is known of it."""

from __future__ import annotations

from quarterdeck.truth.fields import kind_of
from quarterdeck.truth.instance import ALL, instance_of
from quarterdeck.views.asked import Asked
from quarterdeck.views.frame import Page
from quarterdeck.views.judged import Judged
from quarterdeck.views.model import View
from quarterdeck.views.rows import build_whole

ORDER = (
    "instance", "gateway", "scheduler", "sessions", "model", "credentials", "kanban", "inventory", "logs",
    "listener", "unit", "host", "disk", "source", "history",
)  # fmt: skip


def ops(judged: Judged, asked: Asked, _recalled: object = None) -> View:
    """Return the ops view over a filter: instances first, then what they share."""
    names = sorted(judged.of(*ORDER, instance=asked.instance), key=_place)
    return Page(judged, asked).view("ops", "Ops", names, rows=build_whole(judged, names))


def _place(name: str) -> tuple[bool, str, int, str]:
    owner = instance_of(name)
    return owner == ALL, owner, ORDER.index(kind_of(name)), name
