"""Text that does nothing: no sign that a terminal obeys, that a page hides, or that turns the direction of reading.

Rule: whatever is not printable becomes a space: control characters, the escapes of terminals, signs without width, and
those that turn the direction of reading. What a text says stays; what it could do goes.
"""

from __future__ import annotations


def inert(text: str, keep: str = "") -> str:
    """Return a text in which nothing steers. ``keep`` names signs that may stay, such as the end of a line."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in keep else " " for c in text)
