"""What an address asks of a view."""

from __future__ import annotations

from typing import NamedTuple

from quarterdeck.truth.instance import ALL


class Param(NamedTuple):
    """One word that a view understands in its address beside ``instance``, ``page``, ``open`` and ``at``."""

    help: str
    among: tuple[str, ...] = ()
    """The values it may have; any short text when none are named."""
    default: str = ""


class Asked(NamedTuple):
    """What one address asks for. Hashable: rendered pages are kept by it."""

    instance: str = ALL
    page: int = 1
    open: str | None = None
    """The subject whose details are open."""
    words: tuple[tuple[str, str], ...] = ()
    """The view's own parameters, sorted by name, without those that have their default."""
    past: bool = False
    """Whether it is asked of a moment that is over; said by whoever serves it, not by the address."""

    def word(self, name: str, default: str = "") -> str:
        """Return the value of a parameter of the view."""
        return dict(self.words).get(name, default)
