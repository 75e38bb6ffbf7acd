"""Whatever the text: cleaning ends, raises nothing, adds little, and leaves nothing for a second time."""

from __future__ import annotations

import json
from base64 import b64encode, urlsafe_b64encode
from typing import Final
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from quarterdeck.redaction import KnownValues, Redaction, clean, inert
from quarterdeck.redaction.clean import HINTS
from tests.redaction.corpus import corpus

KEY: Final = b"a key of the tests"
MASKED_AT_MOST: Final = 40
"""Signs of the longest mark; what it replaces has at least one."""

PIECES: Final = tuple(made.text for made in corpus())[::7]
hints = st.sampled_from(sorted({hint for hint, _ in HINTS}))
glue = st.sampled_from(
    [":", "=", " ", '"', "'", "\\n", "\n", "@", "//", ".", "-", "_", "[redacted:", "#1a2b]", "İ", "%20"]
)
texts = st.lists(hints | glue | st.text(max_size=30) | st.sampled_from(PIECES), max_size=12).map("".join)
secrets = st.text(min_size=12, max_size=60).filter(
    lambda text: sum(sign.isalnum() and sign.isascii() for sign in text) > 5
)


@given(texts, st.booleans())
@example("[redacted:keyed]", True)
def test_cleaning_twice_is_cleaning_once(text: str, pii: bool) -> None:
    """What has been cleaned stays as it is, marks included, and no text grows without bound."""
    policy = Redaction(pii=pii, key=KEY)
    once = clean(text, policy)
    assert clean(once, policy) == once
    assert len(once) <= MASKED_AT_MOST * max(1, len(text))


@given(texts)
def test_with_nothing_to_mask_nothing_changes(text: str) -> None:
    """A policy that masks nothing gives back the very text."""
    assert clean(text, Redaction(secrets=False)) == text


@given(secrets, st.text(max_size=30), st.text(max_size=30), st.integers(0, 5))
def test_a_known_value_never_survives(secret: str, before: str, after: str, shift: int) -> None:
    """A planted value is gone from where it stands plainly, in JSON, in an address, in hexadecimal or base64."""
    known = KnownValues([secret])
    if not len(known):
        return  # a placeholder, a path, a number: no secret, and so it is said
    policy = Redaction(secrets=False, known=known, key=KEY)
    raw = secret.encode("utf-8", "replace")
    inside = b"x" * shift + raw + b"tail"
    quoted = (quote(secret, safe="", errors="replace"), quote_plus(secret, errors="replace"))
    forms = (secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], *quoted, raw.hex())
    for form in forms:
        assert form not in clean(f"{before}{form}{after}", policy)
    for encode in (b64encode, urlsafe_b64encode):
        told = encode(inside).decode()
        assert clean(told, policy) != told


def test_known_values_show_themselves_to_nobody() -> None:
    """Neither a repr nor a comparison tells what is known; how many there are may be known."""
    secret = "Tq7" + "zz9Lm" * 3
    known = KnownValues([secret, "short", "changeme", "/home/me/key", "12345"])
    assert len(known) == 1
    assert secret not in repr(known) + repr(Redaction(known=known, key=known.key))
    assert known.stand_in(f"it is {secret}.")
    assert not known.stand_in("it is not.")


def test_what_belongs_to_a_secret_is_secret_too() -> None:
    """The password of an address and the token behind its scheme are looked for on their own."""
    password, token = "Kq9" + "wertz77", "Zx8" + "mnbv" * 4
    known = KnownValues([f"postgresql://app:{password}@db/app", f"Bearer {token}"])
    policy = Redaction(secrets=False, known=known)
    first, second = clean(f"{password} {token}", policy).split()
    assert first.startswith("[redacted:known#")
    assert second.startswith("[redacted:known#")


def test_equal_values_are_marked_alike_and_only_under_one_key() -> None:
    """By a fingerprint two marks are seen to be one secret; another key gives another, and none gives none."""
    first, second = "gh" + "p_" + "Ab1" * 12, "gh" + "p_" + "Cd2" * 12
    one, same, other = clean(f"{first} {first} {second}", Redaction(key=KEY)).split()
    assert one == same != other
    assert clean(first, Redaction(key=b"another")) != one
    assert clean(first) == "[redacted:github]"


def test_the_key_of_known_values_lasts_as_long_as_they_do() -> None:
    """The same values give the same marks in every run; a weak one alone is no ground for a key."""
    strong = "Zx8" + "mnbv7" * 6
    assert KnownValues([strong]).key == KnownValues([strong]).key is not None
    assert KnownValues(["Hunter2x"]).key is None


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[31mred\x1b[0m", "a [31mred [0m"),
        ("over\u202ednoL\u202c", "over dnoL "),
        ("zero\u200bwidth\ufeff", "zero width "),
        ("bell\x07\x9b2J\r\nnext", "bell  2J  next"),
        ("plain, ünïcode 漢字", "plain, ünïcode 漢字"),
    ],
)
def test_text_is_made_inert(text: str, shown: str) -> None:
    """Nothing that a terminal obeys, that hides, or that turns the direction of reading gets through."""
    assert inert(text) == shown


def test_an_end_of_line_may_stay() -> None:
    """Who shows a text of several lines names what may stay; all else still goes."""
    assert inert("a\nb\x1bc", keep="\n") == "a\nb c"
