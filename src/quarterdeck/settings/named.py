"""The services and repositories that somebody named: from the tables of the file to what the other parts know."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from quarterdeck.settings.parse import Parsed
from quarterdeck.truth.instance import Instance
from quarterdeck.truth.thresholds import Thresholds
from quarterdeck.truth.watched import Repository, Service

Row = Mapping[str, Any]
N = TypeVar("N", Service, Repository)

NEEDS = {"http": "url", "model-server": "url", "tcp": "address", "unit": "unit"}
"""What each kind of service is asked by."""
ONLY = {"models": ("model-server",), "load": ("model-server",), "version": ("http",), "expect": ("http",)}
"""Settings that only some kinds of service have."""
EXAMPLES = {"url": '"http://127.0.0.1:8080/health"', "address": '"127.0.0.1:5432"', "unit": '"caddy.service"'}


def check(parsed: Parsed) -> None:
    """Find what is wrong between the settings of one service or repository, and between two."""
    for table in ("services", "repositories"):
        first: dict[str, int] = {}
        for number, row in enumerate(parsed.values.get(table, ())):
            before = first.setdefault(row["id"], number) if "id" in row else number
            if before != number:
                line = parsed.line((table, before, "id"))
                what = f'Two of [[{table}]] have the same id "{row["id"]}": this one and the one in line {line}'
                parsed.add((table, number, "id"), what, "Give each its own, or remove one.")
    for number, row in enumerate(parsed.values.get("services", ())):
        _check_service(row, number, parsed)


def _check_service(row: Row, number: int, parsed: Parsed) -> None:
    kind, place = row.get("kind"), ("services", number)
    needed = NEEDS.get(kind or "")
    if needed and needed not in row and row.get("deployed", True) and not parsed.is_faulty((*place, needed)):
        parsed.add(place, f'A service of kind "{kind}" needs "{needed}"', f"Add {needed} = {EXAMPLES[needed]}.")
    for word, kinds in ONLY.items():
        if kind is not None and word in row and kind not in kinds:
            parsed.add((*place, word), f'"{word}" means nothing for a service of kind "{kind}"', "Remove it.")


def check_instances(parsed: Parsed, instances: Iterable[Instance]) -> None:
    """Find what belongs to an agent there is none of."""
    known = [one.id for one in instances]
    for table in ("services", "repositories"):
        for number, row in enumerate(parsed.values.get(table, ())):
            if row.get("instance", "") not in (*known, ""):
                what = f'"instance" in [[{table}]] names an agent there is none of: "{row["instance"]}"'
                fix = f"There are: {', '.join(known)}." if known else "Name one in [[instances]] first."
                parsed.add((table, number, "instance"), what, fix)


def services(rows: Sequence[Row], instances: Sequence[Instance], limits: Thresholds) -> tuple[Service, ...]:
    """Make the services whose instance is shown."""

    def given(row: Row, own: Thresholds) -> Service:
        limit = {"slow_s": own.service_slow_s, "load_within_s": own.model_load_s}
        return Service(**{"label": row["id"], **limit, **row})

    return _named(rows, instances, limits, given)


def repositories(rows: Sequence[Row], instances: Sequence[Instance], limits: Thresholds) -> tuple[Repository, ...]:
    """Make the repositories whose instance is shown."""

    def given(row: Row, own: Thresholds) -> Repository:
        limit = {"push_within_s": own.backup_late_s, "push_lost_s": own.backup_lost_s}
        return Repository(**{"label": row["id"], **limit, **row})

    return _named(rows, instances, limits, given)


def _named(
    rows: Sequence[Row], instances: Sequence[Instance], limits: Thresholds, make: Callable[[Row, Thresholds], N]
) -> tuple[N, ...]:
    own: dict[str | None, Thresholds] = {None: limits, **{one.id: one.thresholds for one in instances}}
    return tuple(make(row, own[row.get("instance")]) for row in rows if row.get("instance") in own)
