"""What goes wrong with a forge, or with what stands before it: knobs that tests and people turn.

Rule: a fault is of the line, never of the state. When it is lifted, the forge is as true as it was before.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from re import search
from typing import Final

MANNERS: Final = ("status", "truncated", "html", "garbage", "wrong", "cut", "silent")
"""It answers with a status and nothing else; with half of the JSON; a page; no JSON; JSON of the wrong type; it breaks
the line off; it says nothing until it is stopped."""


@dataclass(frozen=True, slots=True)
class Fault:
    """How it misbehaves on some paths."""

    manner: str
    status: int = 200
    path: str = ""
    """A pattern that the path with its query must contain."""
    times: int | None = None
    """How often; None for always."""
    retry_after: str = ""


@dataclass(slots=True)
class Faults:
    """All that goes wrong at the moment."""

    delay_s: float = 0.0
    """How long each answer takes."""
    skew: timedelta = timedelta()
    """How far its clock is ahead, as it tells by the Date of its answers."""
    tears: str = ""
    """A pattern of paths: after each page of such a list, one more thing is at its front."""
    listed: list[Fault] = field(default_factory=list)
    counted: dict[int, int] = field(default_factory=dict)

    def add(self, fault: Fault) -> None:
        """Have it misbehave from now on."""
        if fault.manner not in MANNERS:
            message = f"no such manner: {fault.manner}; there are {', '.join(MANNERS)}"
            raise ValueError(message)
        self.listed.append(fault)

    def clear(self) -> None:
        """Have all be well again."""
        self.listed.clear()
        self.counted.clear()
        self.delay_s, self.skew, self.tears = 0.0, timedelta(), ""

    def now(self, path: str) -> Fault | None:
        """Return how it misbehaves this time, and count it."""
        for fault in self.listed:
            done = self.counted.get(id(fault), 0)
            if search(fault.path, path) and (fault.times is None or done < fault.times):
                self.counted[id(fault)] = done + 1
                return fault
        return None
