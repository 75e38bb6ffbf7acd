"""Cron: every job of every instance and every systemd timer: what should run, what did, what will."""

from __future__ import annotations

from collections.abc import Mapping

from quarterdeck.truth import fields as F  # noqa: N812 -- short where every line names a field
from quarterdeck.truth.fields import kind_of
from quarterdeck.truth.punctuality import in_words
from quarterdeck.views.asked import Asked
from quarterdeck.views.frame import Page
from quarterdeck.views.judged import Judged
from quarterdeck.views.model import Column, View
from quarterdeck.views.rows import build

ORDER = {"scheduler": 0, "job": 1, "timer": 2}

COLUMNS = (
    Column("schedule", "Schedule", {"job": F.SCHEDULE, "timer": F.TIMER_UNIT}),
    Column(
        "desired",
        "Desired",
        {"job": F.ENABLED, "timer": F.TIMER_ACTIVE_STATE, "scheduler": F.JOBS_ENABLED},
        lambda value, _: {True: "on", False: "off"}.get(value, str(value)) if isinstance(value, bool) else str(value),
    ),
    Column(
        "last_run_at", "Last run", {"job": F.LAST_RUN_AT, "timer": F.TIMER_LAST_AT, "scheduler": F.TICKER_SUCCESS_AT}
    ),
    Column(
        "last_24h",
        "Last 24 h",
        {"job": F.LAST_24H, "timer": F.TIMER_LAST_24H, "scheduler": F.SCHEDULER_LAST_24H},
        lambda value, _: in_words(value) if isinstance(value, Mapping) else str(value),
    ),
    Column("last_result", "Result", {"job": F.LAST_RESULT, "timer": F.TIMER_RESULT}),
    Column("next_run_at", "Next run", {"job": F.NEXT_RUN_AT, "timer": F.TIMER_NEXT_AT, "scheduler": F.OLDEST_DUE_AT}),
    Column(
        "delivery_error",
        "Delivery",
        {"job": F.DELIVERY_ERROR},
        lambda value, _: "no error" if value is None else str(value),
    ),
)


def cron(judged: Judged, asked: Asked, _recalled: object = None) -> View:
    """Return the cron view over a filter: each instance's scheduler, its jobs, then the timers."""
    names = sorted(
        judged.of(*ORDER, instance=asked.instance),
        key=lambda name: (
            kind_of(name) == "timer",
            name.split("/")[0],
            ORDER[kind_of(name)],
            -judged.judgements[name].status.rank,
            name,
        ),
    )
    return Page(judged, asked).view("cron", "Cron", names, rows=build(judged, names, COLUMNS), columns=COLUMNS)
