"""What was named in the settings beside agents: which sources look at it, and which units stand for it.

Rule: a unit is systemd's to tell of, and is told once. A service or a repository only names it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

from quarterdeck.settings import Settings
from quarterdeck.sources.source import Source
from quarterdeck.sources.systemd.gateways import unit_name
from quarterdeck.truth.instance import Instance
from quarterdeck.truth.reading import Key
from quarterdeck.truth.watched import Repository, Service

Named: TypeAlias = tuple[Source, tuple[Key, ...]]


class Units:
    """The units that services and repositories name, by the manager that knows them."""

    def __init__(self, settings: Settings, me: str) -> None:
        self._instances: Mapping[str, Instance] = {one.id: one for one in settings.instances}
        self._me = me
        self._named = [
            *((self._manager(one), one.unit) for one in settings.services if one.unit and one.deployed),
            *((self._manager(one), _timer(one.timer)) for one in settings.repositories if one.timer),
        ]

    def of(self, manager: str) -> tuple[str, ...]:
        """Return the units that a manager is to be asked for: ``system``, ``user`` or ``user@NAME``."""
        return tuple(unit_name(unit) for known_to, unit in self._named if unit and known_to == manager)

    def subject(self, one: Service | Repository) -> str | None:
        """Return the subject of the unit that something names."""
        unit = one.unit if isinstance(one, Service) else _timer(one.timer)
        return f"systemd:{self._manager(one)}/{unit_name(unit)}" if unit else None

    def _manager(self, one: Service | Repository) -> str:
        if one.scope == "system":
            return "system"
        instance = self._instances.get(one.instance or "")
        other = instance.user if instance is not None and instance.user not in (None, self._me) else None
        return f"user@{other}" if other else "user"


def named(settings: Settings, units: Units) -> Iterator[Named]:
    """Return the sources that look at services and repositories, each with the facts it is expected to bring."""
    yield from _services(settings.services, units)
    yield from _repositories(settings.repositories, units)


def _services(services: Iterable[Service], units: Units) -> Iterator[Named]:
    for one in services:
        from quarterdeck.sources.services import ServiceSource  # noqa: PLC0415 -- most have none, and it is dear

        service = ServiceSource(one, unit=units.subject(one))
        yield service, service.expected


def _repositories(repositories: Iterable[Repository], units: Units) -> Iterator[Named]:
    for one in repositories:
        from quarterdeck.sources.git import GitSource  # noqa: PLC0415 -- most have none

        repository = GitSource(one, timer=units.subject(one))
        yield repository, repository.expected


def _timer(name: str | None) -> str | None:
    """A timer may be named without its ending."""
    return name if name is None or name.endswith(".timer") else f"{name.removesuffix('.service')}.timer"
