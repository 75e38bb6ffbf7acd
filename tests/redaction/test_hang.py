"""No text holds the rules up. How fast they are is measured in the benchmarks; here it is only that they end."""

from __future__ import annotations

from typing import Final

import pytest

from quarterdeck.redaction import KnownValues, Redaction, clean
from quarterdeck.redaction.clean import HINTS

pytestmark = pytest.mark.timeout(120)  # what is quadratic takes an hour

SIZE: Final = 250_000
SIGNS: Final = tuple("aA0 -_.:/=+@#\"'\\[\n%e\u0130")
GLUES: Final = ("", "-", "=a", " ", '": "')


@pytest.mark.parametrize("sign", SIGNS, ids=repr)
def test_one_sign_again_and_again(sign: str) -> None:
    """One sign, again and again, comes out as it went in."""
    assert clean(sign * SIZE, Redaction(pii=True)) == sign * SIZE


@pytest.mark.parametrize("hint", sorted({hint for hint, _ in HINTS}))
def test_a_literal_again_and_again(hint: str) -> None:
    """A text of nothing but the beginning of a rule, however it is glued together, is got through."""
    for glue in GLUES:
        piece = f"{hint}{glue}"
        clean(piece * (SIZE // 10 // len(piece)))


def test_many_values_in_a_long_text() -> None:
    """Hundreds of known values are looked for in a long text."""
    known = KnownValues(f"{number:x}Secret{number * 7919:x}Value" for number in range(300))
    assert clean("no secret at all, " * (SIZE // 18), Redaction(known=known)).startswith("no secret")
