"""The exact secrets of an agent, kept in memory so that none of them gets out in anything that is told of it.

Rule 1: they come from the files that hold them (``credentials``) and go into a type that shows none, ``KnownValues``.
Rule 2: a file is read anew only when it changed. One that cannot be read is said, and what it held before still counts.
Rule 3: what is called so in the open, the id or the label of an instance, the name of its host, is no secret, whatever
        file it stands in.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

from quarterdeck.redaction import KnownValues, Redaction, clean
from quarterdeck.sources import files
from quarterdeck.sources.files import SourceError, Stat
from quarterdeck.sources.hermes.answers import attempt, given
from quarterdeck.sources.hermes.credentials import HOLDERS, LIMIT
from quarterdeck.sources.hermes.held import NO_MARKS
from quarterdeck.sources.hermes.likeness import Marks
from quarterdeck.sources.hermes.secret_files import Parse
from quarterdeck.sources.hermes.values import if_there
from quarterdeck.truth.fields import field_for
from quarterdeck.truth.instance import Instance
from quarterdeck.truth.reading import AnyReading, Known, Origin, Reason
from quarterdeck.truth.shapes import ShapeError, Text, dump

FILES: Final = Origin("secret files of the agent", ".env")
MASKED: Final = "held a secret of the agent where none can stand; it is left out"

T = TypeVar("T", bound=tuple[Any, ...])


class Secrets(NamedTuple):
    """What may not get out, and why that may not be all of it."""

    known: KnownValues
    lost: SourceError | None


class _File:
    """One file and the values it held when it was last read."""

    def __init__(self, path: Path, parse: Parse) -> None:
        self._path, self._parse = path, parse
        self._state: Stat | None = None
        self.values: frozenset[str] = frozenset()

    def refresh(self) -> bool:
        """Read the file when it changed, and say whether it did."""
        state = given(if_there(files.stat_file, self._path))
        if state == self._state:
            return False
        values: set[str] = set()

        def collect(found: Iterable[str]) -> Marks:
            values.update(found)
            return NO_MARKS

        try:
            if state is not None:
                self._parse(files.read_bytes(self._path, limit=LIMIT).data, collect)
        finally:  # of a file that breaks off, what stood before the break counts
            before, self.values = self.values, frozenset(values)
        self._state = state
        return self.values != before


class Keys:
    """The secrets of one instance, and of the home it is a profile of."""

    def __init__(self, instance: Instance) -> None:
        homes = [Path(home) for home in (instance.home, instance.root) if home is not None]
        self._files = [_File(home / name, parse) for home in homes for name, parse in HOLDERS.items()]
        self._public = f"{instance.id}\n{instance.label}\n{os.uname().nodename}"
        self._known = KnownValues()

    def read(self) -> Secrets:
        """Return the secrets as they are now."""
        changed = [attempt(each.refresh) for each in self._files]
        if any(each is not False for each in changed):
            values = frozenset[str]().union(*(each.values for each in self._files))
            self._known = KnownValues(value for value in values if value not in self._public)
        return Secrets(self._known, next((each for each in changed if isinstance(each, SourceError)), None))


def redaction(instance: Instance, known: KnownValues) -> Redaction:
    """Return what is masked of an instance in texts that are shown and not kept."""
    policy = instance.policy
    return Redaction(policy.redact_secrets, policy.redact_pii, known if policy.redact_secrets else KnownValues())


def withheld(readings: list[AnyReading], instance: Instance, known: KnownValues) -> tuple[list[AnyReading], int]:
    """Return readings in which no secret stands, and of how many one was taken."""
    if not instance.policy.redact_pii and not known.stand_in("\n".join(_all_texts(readings))):
        return readings, 0
    exact = Redaction(secrets=False, known=known)
    cleaned = [_cleaned(reading, exact, pii=instance.policy.redact_pii) for reading in readings]
    taken = sum(any(map(known.stand_in, _texts(reading))) for reading in readings)
    return cleaned, taken


def _all_texts(readings: Iterable[AnyReading]) -> set[str]:
    """Return every text in some readings once: of thousands most are told again and again."""
    texts: set[str] = set()
    for reading in readings:
        texts.add(reading.subject)
        texts.update(reading.origin)
        value = reading.value if isinstance(reading, Known) else reading.detail
        if isinstance(value, str):
            texts.add(value)
        elif isinstance(value, dict | tuple):
            texts.update(_strings(value))
    return texts


def _texts(reading: AnyReading) -> Iterable[str]:
    if isinstance(reading, Known):
        return (reading.subject, *reading.origin, *_strings(reading.value))
    return (reading.subject, *reading.origin, reading.detail)


def _strings(value: object) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from (*_strings(key), *_strings(each))
    elif isinstance(value, tuple):
        for each in value:
            yield from _strings(each)


def _cleaned(reading: AnyReading, exact: Redaction, *, pii: bool) -> AnyReading:
    """Return a reading with what may not be seen masked; where there is no room for a mark, without its value."""
    origin = Origin(*(clean(part, exact) for part in reading.origin))
    about = clean(reading.subject, exact)
    if not isinstance(reading, Known):
        return replace(reading, subject=about, origin=origin, detail=clean(reading.detail, exact))
    field = field_for(reading.subject, reading.field)
    if field is None:
        return replace(reading, subject=about, origin=origin)
    written = isinstance(field.shape, Text)
    value = _value(reading.value, replace(exact, pii=pii and written))
    if value == reading.value:
        return replace(reading, subject=about, origin=origin)
    try:
        return replace(reading, subject=about, origin=origin, value=field.shape.load(dump(value)))
    except ShapeError:
        return field.unavailable(about, origin, Reason.SCHEMA, MASKED, reading.observed_at)


def _value(value: Any, policy: Redaction) -> Any:  # noqa: ANN401 -- whatever a reading holds
    if isinstance(value, str):
        return clean(value, policy)
    if isinstance(value, dict):
        return {_value(key, policy): _value(each, policy) for key, each in value.items()}
    if isinstance(value, tuple):
        parts = (_value(each, policy) for each in value)
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    return value


def masked(record: T, known: KnownValues) -> T:
    """Return a named tuple of ours in whose texts no secret stands."""
    if not known.stand_in("\n".join(_strings(record))):
        return record
    cleaned: T = _value(record, Redaction(secrets=False, known=known))
    return cleaned
