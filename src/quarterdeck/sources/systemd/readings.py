"""From units to readings. Pure.

Rule 1: what somebody expects is told in any case, also that it is not there. What was merely found is told when it is
        news: it runs, failed, or is set to start. A unit that is off and that nothing starts is nobody's concern.
Rule 2: "success" is systemd's word for a unit that has not failed yet. It is a result only when a run has ended.
Rule 3: a fact that systemd did not give is unknown by itself; the others of its unit stay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from quarterdeck.sources.files import SourceError
from quarterdeck.sources.systemd.gateways import Gateway, belongs
from quarterdeck.sources.systemd.show import Unit
from quarterdeck.truth import fields as F  # noqa: N812 -- a table reads better with one letter before each field
from quarterdeck.truth.fields import Field
from quarterdeck.truth.instance import subject as part_of
from quarterdeck.truth.reading import AnyReading, Key, Origin, Reason
from quarterdeck.truth.shapes import Ran, Recent

SECOND = timedelta(seconds=1)
LEFT_OUT = (Reason.CORRUPT, "systemd was asked for this unit and did not mention it")
ANOTHER = (Reason.MISSING, "this unit runs the gateway of another home; correct the unit in the instance's settings")
NO_SUCH_UNIT = (Reason.MISSING, "systemd has no unit of this name; correct the unit in the instance's settings")
SET_TO_START = ("enabled", "enabled-runtime", "linked", "linked-runtime", "generated")


class Wanted(NamedTuple):
    """What is asked of one manager."""

    gateways: tuple[Gateway, ...] = ()
    names: frozenset[str] = frozenset()
    """Units that are expected to be there."""
    patterns: tuple[str, ...] = ()
    """Units that are told when they are found."""

    @property
    def expected(self) -> frozenset[str]:
        """Units whose absence is news."""
        return self.names | {gateway.unit for gateway in self.gateways if gateway.configured}

    @property
    def asked_for(self) -> frozenset[str]:
        """Units that are named to systemd: it knows of one that is off only when it is asked."""
        return self.names | {gateway.unit for gateway in self.gateways}


class Answer(NamedTuple):
    """What one manager said, and under which circumstances."""

    manager: str
    """As in the ids of its units: ``system``, ``user``, ``user@alice``."""
    asked_as: str
    units: Mapping[str, Unit]
    started: datetime
    """When the machine's steady clock, by which systemd counts, stood at zero."""
    at: datetime
    zone: str | SourceError = "UTC"
    """The zone of the machine's clock, or why it cannot be told."""

    def id(self, name: str) -> str:
        """Return the subject of a unit."""
        return f"systemd:{self.manager}/{name}"


def origin(manager: str, name: str) -> Origin:
    """Return whom to name as the witness for a unit of a manager."""
    return Origin(f"systemd ({manager})", name)


Read = Callable[[Answer, Unit], object]
Column = tuple[Field[Any], Read]


def expected_keys(manager: str, wanted: Wanted) -> tuple[Key, ...]:
    """Return the facts that a manager is expected to bring, so that they can be called unknown when it does not."""
    units = [
        (f"systemd:{manager}/{name}", field.name) for name in sorted(wanted.expected) for field, _ in _columns_of(name)
    ]
    gateways = [
        (part_of(gateway.instance, "gateway"), field.name)
        for gateway in wanted.gateways
        if gateway.configured
        for field, _ in _GATEWAY
    ]
    return (*units, *gateways)


def tell(answer: Answer, wanted: Wanted, holders: Mapping[int, str]) -> Iterator[AnyReading]:
    """Return all readings that follow from an answer. ``holders`` are the processes known to hold a gateway's lock."""
    for unit in _told(answer, wanted):
        yield from _columns(_columns_of(unit.id), answer, unit, answer.id(unit.id))
    for name in sorted(wanted.expected - answer.units.keys()):
        yield from _nothing(_columns_of(name), answer, name, answer.id(name), LEFT_OUT)
    for gateway in wanted.gateways:
        yield from _gateway(answer, gateway, wanted.gateways, holders)


def _told(answer: Answer, wanted: Wanted) -> list[Unit]:
    """Return the units worth a row, each once."""
    units = {unit.id: unit for unit in answer.units.values()}
    return [unit for _, unit in sorted(units.items()) if _is_told(unit, wanted)]


def _is_told(unit: Unit, wanted: Wanted) -> bool:
    if unit.names & wanted.expected:
        return True
    guessed = bool(unit.names & wanted.asked_for)
    matched = any(fnmatchcase(name, pattern) for name in unit.names for pattern in wanted.patterns)
    return (guessed or matched) and unit.found and _is_news(unit)


def _is_news(unit: Unit) -> bool:
    off = unit.said.get("ActiveState") == "inactive"
    return not off or unit.said.get("UnitFileState") in SET_TO_START or bool(unit.said.get("TriggeredBy"))


def _gateway(
    answer: Answer, gateway: Gateway, gateways: Sequence[Gateway], holders: Mapping[int, str]
) -> Iterator[AnyReading]:
    """Tell an instance what systemd says of its gateway, once it is clear that it is this one."""
    subject = part_of(gateway.instance, "gateway")
    unit = answer.units.get(gateway.unit)
    if unit is not None and _runs(unit, gateway) and belongs(unit, gateway, gateways, holders):
        yield from _columns(_GATEWAY, answer, unit, subject)
    elif gateway.configured:
        why = LEFT_OUT if unit is None else ANOTHER if unit.found else NO_SUCH_UNIT
        yield from _nothing(_GATEWAY, answer, gateway.unit, subject, why)


def _runs(unit: Unit, gateway: Gateway) -> bool:
    """Whether this is a witness at all. A unit that was merely guessed, is off and is not set to start is none."""
    return unit.found and (gateway.configured or _is_news(unit))


def _columns(columns: Sequence[Column], answer: Answer, unit: Unit, subject: str) -> Iterator[AnyReading]:
    witness = origin(answer.manager, unit.id)
    for field, read in columns:
        try:
            value = read(answer, unit)
        except SourceError as error:
            yield field.unavailable(subject, witness, error.reason, error.detail, answer.at)
        else:
            yield field.known(subject, witness, value, answer.at)


def _nothing(
    columns: Sequence[Column], answer: Answer, name: str, subject: str, why: tuple[Reason, str]
) -> Iterator[AnyReading]:
    witness = origin(answer.manager, name)
    return (field.unavailable(subject, witness, *why, answer.at) for field, _ in columns)


# --- what a unit tells ---------------------------------------------------------------------------------------------


def _said(name: str) -> Read:
    return lambda _, unit: unit.text(name)


def _asked_as(answer: Answer, _: Unit) -> str:
    return answer.asked_as


def _restarts(_: Answer, unit: Unit) -> int | None:
    """Only services that are there are restarted. Of any other unit it is known that it is not."""
    return unit.count("NRestarts") if _is_service(unit) and unit.found else None


def _process(_: Answer, unit: Unit) -> int | None:
    """Only services have a main process, and only while they run."""
    return (unit.count("MainPID") or None) if _is_service(unit) else None


def _result(_: Answer, unit: Unit) -> str | None:
    """Return the result of the last run that ended; None when none has ended yet."""
    if not _is_service(unit):
        return unit.said["Result"] if unit.said.get("Result", "success") != "success" else None
    result = unit.text("Result")
    ended = unit.moment("ExecMainExitTimestamp") is not None
    return result if ended or result != "success" else None


def _is_service(unit: Unit) -> bool:
    return unit.id.endswith(".service")


def _next(answer: Answer, unit: Unit) -> datetime | None:
    """Return when a timer elapses next: by the calendar, or counted from some event by the steady clock.

    The two clocks are never read in the same instant, so what is counted is rounded: it would tremble otherwise.
    """
    by_calendar = unit.moment("NextElapseUSecRealtime")
    counted = unit.span("NextElapseUSecMonotonic")
    moments = [] if by_calendar is None else [by_calendar]
    if counted is not None:
        with suppress(OverflowError):  # later than any calendar goes: never
            moments.append((answer.started + counted + SECOND / 2).replace(microsecond=0))
    return min(moments, default=None)


def _zone(answer: Answer, _: Unit) -> str:
    if isinstance(answer.zone, SourceError):
        raise answer.zone
    return answer.zone


def _counted(event: str) -> Read:
    def read(_: Answer, timer: Unit) -> float | None:
        span = timer.counted(event)
        return None if span is None else span.total_seconds()

    return read


def _slack(_: Answer, timer: Unit) -> float:
    spans = (timer.span(name) for name in ("AccuracyUSec", "RandomizedDelayUSec"))
    return sum(span.total_seconds() for span in spans if span is not None)


def _recent(answer: Answer, timer: Unit) -> Recent:
    """Return the last elapse of a timer. It is complete since then: had it elapsed again, that would be the last."""
    last = timer.moment("LastTriggerUSec")
    if last is None:
        is_on = timer.text("ActiveState") == "active"
        return Recent(timer.moment("StateChangeTimestamp") if is_on else None, ())
    return Recent(last, (_run(last, _target(answer, timer)),))


def _run(last: datetime, target: Unit | None) -> Ran:
    """Return what came of an elapse. What the unit did before or for others is not taken for it."""
    started = target.moment("ExecMainStartTimestamp") if target is not None and _is_service(target) else None
    if target is None or started is None or started < last:
        return Ran(last, None, "unknown")
    ended = target.moment("ExecMainExitTimestamp")
    if ended is not None and ended >= started:
        return Ran(last, ended, "ok" if target.text("Result") == "success" else "error")
    return Ran(last, None, None if target.text("ActiveState") != "inactive" else "unknown")


def _target(answer: Answer, timer: Unit) -> Unit | None:
    name = timer.text("Unit")
    if name and name not in answer.units:
        raise SourceError(*LEFT_OUT)
    return answer.units.get(name)


def _target_result(answer: Answer, timer: Unit) -> str | None:
    target = _target(answer, timer)
    return None if target is None else _result(answer, target)


def _target_state(answer: Answer, timer: Unit) -> str | None:
    """Return whether what a timer starts is active, or why it cannot be."""
    target = _target(answer, timer)
    if target is None:
        return None
    load = target.text("LoadState")
    return target.text("ActiveState") if load == "loaded" else load


_UNIT: tuple[Column, ...] = (
    (F.LOAD_STATE, _said("LoadState")),
    (F.ACTIVE_STATE, _said("ActiveState")),
    (F.SUB_STATE, _said("SubState")),
    (F.RESULT, _result),
    (F.RESTARTS, _restarts),
    (F.MAIN_PID, _process),
    (F.TRIGGERED, lambda _, unit: unit.text("TriggeredBy") != ""),
    (F.ENTERED_AT, lambda _, unit: unit.moment("StateChangeTimestamp")),
    (F.ASKED_AS, _asked_as),
)
_TIMER: tuple[Column, ...] = (
    (F.TIMER_LOAD_STATE, _said("LoadState")),
    (F.TIMER_ACTIVE_STATE, _said("ActiveState")),
    (F.TIMER_UNIT, lambda _, timer: timer.text("Unit") or None),
    (F.TIMER_NEXT_AT, _next),
    (F.TIMER_LAST_AT, lambda _, timer: timer.moment("LastTriggerUSec")),
    (F.TIMER_RESULT, _target_result),
    (F.TIMER_ACTIVATED_STATE, _target_state),
    (F.TIMER_CALENDAR, lambda _, timer: timer.calendar()),
    (F.TIMER_EVERY_S, _counted("OnUnitActive")),
    (F.TIMER_AFTER_S, _counted("OnUnitInactive")),
    (F.TIMER_SLACK_S, _slack),
    (F.TIMER_ZONE, _zone),
    (F.TIMER_RUNS, _recent),
    (F.TIMER_ASKED_AS, _asked_as),
)
_GATEWAY: tuple[Column, ...] = (
    (F.UNIT, lambda _, unit: unit.id),
    (F.UNIT_ACTIVE, _said("ActiveState")),
    (F.UNIT_RESULT, _said("Result")),
    (F.UNIT_RESTARTS, _restarts),
    (F.UNIT_PID, _process),
    (F.UNIT_ASKED_AS, _asked_as),
)


def _columns_of(name: str) -> tuple[Column, ...]:
    return _TIMER if name.endswith(".timer") else _UNIT
