"""What a token may do, against what is needed here: to look at issues, repositories and organisations.

Rule 1: to look takes three scopes. Scopes for looking at more do no harm; every other allows what is never done here.
Rule 2: a token that the forge does not limit may do everything. That is told as it is, and is too much.
Rule 3: not every release tells the scopes of a token. Then what it may do beside looking is not known, and what it may
        not do is told by asking.
Rule 4: only the forge's own words say anything of a token. A refusal that could be anybody's, as of a proxy, is none.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

NEEDED: Final = ("read:issue", "read:organization", "read:repository")
HARMLESS: Final = (*NEEDED, "read:user", "read:notification", "read:misc", "public-only")
ALL: Final = "all"


class Scopes(NamedTuple):
    """What a forge said of a token."""

    held: tuple[str, ...] | None
    """Its scopes; None when the forge does not tell them."""
    is_open: bool
    """Whether the token was let through to what only admins may ask: it has every scope, or that of admins."""
    lacks: tuple[str, ...] = ()
    """Scopes for want of which it was refused, where they had to be found out by asking."""

    @property
    def excess(self) -> tuple[str, ...] | None:
        """Those that allow what is never done here, or that nobody knows; None when it is not told which it has."""
        if self.held is None:
            return (ALL,) if self.is_open else None
        return tuple(sorted(scope for scope in self.held if is_excess(scope)))

    @property
    def missing(self) -> tuple[str, ...]:
        """Those that are needed and that it has not."""
        if self.held is None:
            return self.lacks
        return tuple(scope for scope in NEEDED if not _allows(self.held, scope))


ADMINS: Final = Scopes(None, is_open=True)


def is_excess(scope: str) -> bool:
    """Whether a scope allows more than to look, or to look at what only admins see."""
    return scope == "read:admin" or not (scope in HARMLESS or scope.startswith("read:"))


def _allows(held: Iterable[str], needed: str) -> bool:
    return any(scope in (ALL, needed, needed.replace("read:", "write:")) for scope in held)
