"""Rows and cells that are made when somebody looks at them.

Rule: a page shows some hundred rows, whatever the size of the fleet. What the others would say is told by their
judgements, which are made anyway; so nothing that counts or sums needs them to be made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Generic, TypeVar, overload

from quarterdeck.truth.judgement import Judgement
from quarterdeck.views.model import Row

K = TypeVar("K")
V = TypeVar("V")


class Rows(Sequence[Row]):
    """Rows in their order, each made once when it is first looked at."""

    def __init__(self, judgements: Sequence[Judgement], make: Callable[[int], Row]) -> None:
        """Take what each row is about, and how to make the one at a place."""
        self.judgements = judgements
        self._make = make
        self._made: dict[int, Row] = {}

    def __len__(self) -> int:
        return len(self.judgements)

    @overload
    def __getitem__(self, place: int) -> Row: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Row, ...]: ...
    def __getitem__(self, place: int | slice) -> Row | tuple[Row, ...]:
        if isinstance(place, slice):
            return tuple(self[each] for each in range(len(self))[place])
        number = range(len(self))[place]
        if number not in self._made:
            self._made[number] = self._make(number)
        return self._made[number]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(tuple(self))

    def find(self, subject: str) -> Row | None:
        """Return the row of a subject; None when there is none."""
        return next((self[n] for n, each in enumerate(self.judgements) if each.subject == subject), None)


class Cells(Mapping[K, V], Generic[K, V]):
    """Values by key, each made when it is asked for."""

    def __init__(self, keys: Mapping[K, object], make: Callable[[K], V]) -> None:
        """Take the keys there are, and how to make the value of one."""
        self._keys, self._make = keys, make

    def __getitem__(self, key: K) -> V:
        if key not in self._keys:
            raise KeyError(key)
        return self._make(key)

    def __iter__(self) -> Iterator[K]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)


def judgements_of(rows: Sequence[Row]) -> Sequence[Judgement]:
    """Return what rows are about, without making any of them."""
    return rows.judgements if isinstance(rows, Rows) else [row.judgement for row in rows]


def row_of(rows: Sequence[Row], subject: str | None) -> Row | None:
    """Return the row of a subject; None when there is none."""
    if isinstance(rows, Rows):
        return None if subject is None else rows.find(subject)
    return next((row for row in rows if row.subject == subject), None)
