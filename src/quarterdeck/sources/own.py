"""A home is read by its owner, and by nobody else.

Rule: what another user keeps in a home is not ours to open, not even where we could. Whose it is, is looked at before
each look, from outside. Of another user's home everything is unknown, and the reason says how it can be known.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path

from quarterdeck.sources.source import Source
from quarterdeck.truth.fields import FIELDS, LEARNT_BY, OS_USER, PART_OF_KIND, UNIT, Field
from quarterdeck.truth.instance import Instance, subject
from quarterdeck.truth.reading import AnyReading, Key, Origin, Reason

KINDS = (
    "instance",
    "gateway",
    "scheduler",
    "sessions",
    "model",
    "credentials",
    "kanban",
    "inventory",
    "logs",
    "redaction",
)
"""What an instance has once, and its home tells of."""

ANOTHER = "another user"
OWNERSHIP = Origin("owner of the home", "home folder")


def owner_id(folder: Path) -> int:
    """Return who owns a folder."""
    return folder.stat().st_uid


class OwnHome:
    """Reads a home through a source, as long as the home is ours."""

    def __init__(
        self,
        instance: Instance,
        home: Path,
        source: Source,
        *,
        uid: int | None = None,
        owner_of: Callable[[Path], int] = owner_id,
    ) -> None:
        """Guard ``source``, which reads ``home``. ``uid`` is who we are; as a rule, who runs this program."""
        self._instance, self._home, self._source, self._owner_of = instance, home, source, owner_of
        self._uid = uid

    @property
    def name(self) -> str:
        """As the source is called that reads the home."""
        return self._source.name

    @property
    def budget_s(self) -> float:
        """As long as the source may take."""
        return self._source.budget_s

    @property
    def every_s(self) -> float:
        """As often as the source looks."""
        return self._source.every_s

    def watched(self) -> tuple[Path, ...]:
        """Return what the source watches, as long as the home is ours."""
        return self._source.watched() if self._stranger() is None else ()

    def look(self, now: datetime) -> Iterable[AnyReading]:
        """Look through the source, or say why nobody may."""
        stranger = self._stranger()
        return self._source.look(now) if stranger is None else self._refused(stranger, now)

    def _stranger(self) -> str | None:
        """Return whose home it is when it is not ours."""
        owner = stranger(self._home, self._uid, self._owner_of)
        return self._instance.user or owner if owner == ANOTHER else owner

    def _refused(self, owner: str, now: datetime) -> Iterator[AnyReading]:
        detail = (
            f"belongs to {owner}: run `quarterdeck units` as {owner}; what its exporter writes is then read instead"
        )
        for field, about in fields_of(self._instance):
            if field is OS_USER and owner != ANOTHER:
                yield field.known(about, OWNERSHIP, owner, now)
            elif field is not LEARNT_BY:
                yield field.unavailable(about, OWNERSHIP, Reason.DENIED, detail, now)


def stranger(home: Path, uid: int | None = None, owner_of: Callable[[Path], int] = owner_id) -> str | None:
    """Return whose a home is when it is not of this user; None when it is, or when that is not the question."""
    try:
        owner = owner_of(home)
    except PermissionError:
        return ANOTHER
    except OSError:
        return None  # it is not there, or broken: the source that reads it says so
    return None if owner == (os.geteuid() if uid is None else uid) else _name_of(owner)


def fields_of(instance: Instance) -> Iterator[tuple[Field[object], str]]:
    """Return each fact that a home tells of its instance itself, and the subject it is about."""
    for field in FIELDS.values():
        of_systemd = field.of == UNIT.of and field.name.startswith(UNIT.name)
        if field.of in KINDS and not of_systemd and not field.reckoned:
            part = PART_OF_KIND.get(field.of, field.of)
            yield field, subject(instance.id, part) if part else subject(instance.id)


def expected(instance: Instance) -> tuple[Key, ...]:
    """Return the facts that a home is expected to tell, so that they are unknown when it cannot be asked."""
    return tuple((about, field.name) for field, about in fields_of(instance) if field is not LEARNT_BY)


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
