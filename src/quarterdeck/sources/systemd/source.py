"""The source: one manager, asked with one call a look.

The call asks for all timers, the units that are watched, and what the timers start. What they start is known from the
look before; only for a timer that is new a second call asks for what it starts. Asking for every service instead
would take one call always, and ten times as long: systemd describes each unit in full, whatever is asked of it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from quarterdeck.sources.command import Runner, run
from quarterdeck.sources.files import SourceError
from quarterdeck.sources.systemd.gateways import Gateway, unit_name
from quarterdeck.sources.systemd.manager import Manager, Scope, Way
from quarterdeck.sources.systemd.readings import Answer, Wanted, expected_keys, tell
from quarterdeck.sources.systemd.show import UNIT_NAME, Unit, parse
from quarterdeck.sources.zone import host_zone
from quarterdeck.truth.fields import SOURCE_ASKED_AS
from quarterdeck.truth.reading import AnyReading, Key, Origin, Reason

TIMERS = "*.timer"
WATCHED = ("hermes-*.service", "quarterdeck*.service")
"""Watched without being asked: the agent's own units and ours."""

PATTERN_SIGNS = frozenset("*?[")


class SystemdSource:
    """The units and timers of one manager."""

    budget_s = 6.0
    every_s = 30.0
    answer_s = 5.0
    """Seconds in which systemctl must have answered; it is killed afterwards."""

    def __init__(
        self,
        scope: Scope,
        *,
        user: str | None = None,
        gateways: Iterable[Gateway] = (),
        watch: Iterable[str] = (),
        holders: Callable[[], Mapping[int, str]] = dict,
        run: Runner = run,
        runtime: str = "/run",
        uid: int | None = None,
    ) -> None:
        """Watch a manager.

        ``watch`` are names and patterns of further units; a unit that is named is expected to be there. ``holders``
        tells which instance's lock a process holds, as far as that is known. ``run`` and ``runtime`` lead to the
        machine whose systemd is asked, and ``uid`` is who asks: we ourselves, if nobody else is named.

        Raises:
            ConfigurationError: when a name to watch is not the name of a unit.
        """
        watch = frozenset(watch)
        patterns = frozenset(filter(PATTERN_SIGNS.intersection, watch))
        names = frozenset(map(unit_name, watch - patterns))
        self._wanted = Wanted(tuple(gateways), names, (TIMERS, *WATCHED, *sorted(patterns)))
        self._manager = Manager(scope, user)
        self._holders, self._run, self._runtime = holders, run, runtime
        self._uid = os.geteuid() if uid is None else uid
        self._started_by_timers: frozenset[str] = frozenset()
        self._answered = False

    @property
    def name(self) -> str:
        """``systemd:user``, ``systemd:system``, ``systemd:user@alice``."""
        return f"systemd:{self._manager.name}"

    @property
    def expected(self) -> tuple[Key, ...]:
        """The facts this source brings in any case, so that they are unknown when it never answers."""
        return expected_keys(self._manager.name, self._wanted)

    def watched(self) -> tuple[Path, ...]:
        """Return nothing: systemd keeps what it knows in memory."""
        return ()

    def look(self, now: datetime) -> tuple[AnyReading, ...]:
        """Ask once.

        Raises:
            SourceError: when there is no answer: all this manager is known for is unknown then. But a manager that is
                not here, and of which nobody expects anything, is no failure: it is told that there is none.
        """
        try:
            way = self._manager.way(self._runtime, self._uid)
            units = self._ask(way)
        except SourceError as error:
            if error.reason is Reason.MISSING and not self._is_expected:
                return (self._of_itself(None, now),)
            raise
        self._answered = True
        answer = Answer(self._manager.name, way.asked_as, units, _clock_zero(), now, _zone())
        return (self._of_itself(way.asked_as, now), *tell(answer, self._wanted, self._holders()))

    @property
    def _is_expected(self) -> bool:
        return self._answered or bool(self._wanted.expected) or self._manager.user is not None

    def _of_itself(self, asked_as: str | None, now: datetime) -> AnyReading:
        return SOURCE_ASKED_AS.known(f"source:{self.name}", Origin("systemctl", "show"), asked_as, now)

    def _ask(self, way: Way) -> dict[str, Unit]:
        end = time.monotonic() + self.answer_s
        names = sorted(self._wanted.asked_for | self._started_by_timers)
        units = parse(way.show((*self._wanted.patterns, *names), self._run, self.answer_s))
        self._started_by_timers = frozenset(filter(UNIT_NAME.fullmatch, _targets(units)))
        new = sorted(self._started_by_timers - units.keys())
        if new:
            units |= parse(way.show(new, self._run, max(0.0, end - time.monotonic())))
        return units


def _targets(units: Mapping[str, Unit]) -> set[str]:
    return {unit.said["Unit"] for unit in units.values() if unit.id.endswith(".timer") and "Unit" in unit.said}


def _zone() -> str | SourceError:
    """Return the zone of this machine's clock, in which systemd means what names no zone, or why it cannot be told."""
    try:
        return host_zone()
    except SourceError as error:
        return error


def _clock_zero() -> datetime:
    """Return when the steady clock stood at zero. systemd counts by it when a timer counts from an event."""
    return datetime.fromtimestamp(time.time() - time.clock_gettime(time.CLOCK_MONOTONIC), UTC)
