"""Whether two agents hold the very same secret, found out without keeping either.

Rule: a secret is turned into a mark with a key that is drawn when the program starts, lives in its memory and dies with
it. Two marks can be compared and nothing else can be done with them; they are neither stored, nor exported, nor shown.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Final

from quarterdeck.redaction.hashes import blake2b

KEY_BYTES: Final = 32
SHORTEST: Final = 8
"""What is shorter is no secret: two may well have chosen the same."""

Marks = frozenset[bytes]


class Likeness:
    """The marks of all agents whose homes this program reads."""

    def __init__(self) -> None:
        self._key = os.urandom(KEY_BYTES)
        self._held: dict[str, Marks] = {}

    def marks(self, values: Iterable[str]) -> Marks:
        """Turn secrets into marks."""
        return frozenset(
            blake2b(value.encode("utf-8", "surrogatepass"), key=self._key).digest()
            for value in values
            if len(value) >= SHORTEST
        )

    def hold(self, instance: str, marks: Mapping[str, Marks]) -> None:
        """Take in what an agent holds now, by the names of its secrets."""
        self._held[instance] = frozenset().union(*marks.values())

    def others(self, instance: str, marks: Marks) -> tuple[str, ...]:
        """Return the other agents that hold one of these."""
        held = dict(self._held)  # other agents are looked at meanwhile
        return tuple(sorted(other for other, theirs in held.items() if other != instance and theirs & marks))
