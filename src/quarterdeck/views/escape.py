"""Text as part of an address."""

from __future__ import annotations

from string import ascii_letters, digits

PLAIN = frozenset(f"{ascii_letters}{digits}-._~:/")


def quoted(text: str) -> str:
    """Write text so that it may stand in a query or after a ``#``."""
    return "".join(c if c in PLAIN else "".join(f"%{byte:02X}" for byte in c.encode()) for c in text)
