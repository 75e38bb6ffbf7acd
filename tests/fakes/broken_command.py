"""A command that fails as no command should: with an error nobody expected, whose text quotes what was read."""

from __future__ import annotations

from collections.abc import Sequence

SECRET = "MARK" + "ER"


def run(argv: Sequence[str]) -> int:
    """Fail, or be interrupted when asked to be."""
    if "interrupted" in argv:
        raise KeyboardInterrupt
    raise LookupError(SECRET)
