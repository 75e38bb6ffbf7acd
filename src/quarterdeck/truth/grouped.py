"""Readings by key that are kept by subject.

Whoever wants all readings of a subject gets them without a search, and two collections share every subject in which
they do not differ.
"""

# mypy: disable-error-code="explicit-override"
# (typing.override comes with Python 3.12, and truth needs the standard library only.)

from __future__ import annotations

from collections.abc import ItemsView, Iterator, Mapping
from typing import TypeVar, overload

from quarterdeck.truth.reading import AnyReading, Key

T = TypeVar("T")

Fields = Mapping[str, AnyReading]
"""The readings of one subject, by the name of the field."""


class Grouped(Mapping[Key, AnyReading]):
    """Readings by key, kept by subject: ``subjects`` gives all of one subject without searching."""

    __slots__ = ("_subjects",)

    def __init__(self, subjects: Mapping[str, Fields]) -> None:
        self._subjects = subjects

    @classmethod
    def of(cls, readings: Mapping[Key, AnyReading]) -> Grouped:
        """Group readings that lie side by side."""
        subjects: dict[str, dict[str, AnyReading]] = {}
        for (subject, field), reading in readings.items():
            fields = subjects.get(subject)
            if fields is None:
                fields = subjects[subject] = {}
            fields[field] = reading
        return cls(subjects)

    @property
    def subjects(self) -> Mapping[str, Fields]:
        """The readings of every subject, by the name of the field."""
        return self._subjects

    def __getitem__(self, key: Key) -> AnyReading:
        return self._subjects[key[0]][key[1]]

    def __contains__(self, key: object) -> bool:
        return isinstance(key, tuple) and len(key) == 2 and key[1] in self._subjects.get(key[0], ())  # noqa: PLR2004 -- a key

    @overload
    def get(self, key: Key, default: None = None, /) -> AnyReading | None: ...
    @overload
    def get(self, key: Key, default: AnyReading, /) -> AnyReading: ...
    @overload
    def get(self, key: Key, default: T, /) -> AnyReading | T: ...
    def get(self, key: Key, default: object = None, /) -> object:
        """Return a reading, or else ``default``. Tables ask for what is not there as often as for what is."""
        fields = self._subjects.get(key[0])
        return default if fields is None else fields.get(key[1], default)

    def __iter__(self) -> Iterator[Key]:
        return ((subject, field) for subject, fields in self._subjects.items() for field in fields)

    def __len__(self) -> int:
        return sum(map(len, self._subjects.values()))

    def items(self) -> ItemsView[Key, AnyReading]:
        """Return keys and readings without looking each one up."""
        return _Items(self)


class _Items(ItemsView[Key, AnyReading]):
    def __init__(self, grouped: Grouped) -> None:
        super().__init__(grouped)
        self._subjects = grouped.subjects

    def __iter__(self) -> Iterator[tuple[Key, AnyReading]]:
        for subject, fields in self._subjects.items():
            for field, reading in fields.items():
                yield (subject, field), reading


NOTHING = Grouped({})
