"""Values in words."""

from __future__ import annotations

import pytest

from quarterdeck.views.words import count, money, size


@pytest.mark.parametrize(
    ("value", "words"),
    [(0, "0"), (9_999, "9,999"), (10_000, "10.0 k"), (283_920, "283.9 k"), (1_900_000, "1.9 M"), (2e9, "2.0 G")],
)
def test_counts_are_exact_while_they_are_short(value: float, words: str) -> None:
    """A count is written out up to four digits, and rounded to its unit above."""
    assert count(value) == words


def test_sizes_and_amounts() -> None:
    """Bytes in decimal units, dollars with cents."""
    assert (size(999), size(1_200_000_000), money(1234.5)) == ("999 B", "1.2 GB", "$1,234.50")
