"""Whether a webhook is signed: the bytes that came, by a secret that is one."""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.access.signature import DELIVERED_AS, delivery, signatures, signed

SECRETS: Final = st.binary(min_size=1, max_size=80)
NAME: Final = b"f6266f16-1bf3-46a5-9ea4-602e06ead473"


def digest(secret: bytes, body: bytes) -> bytes:
    """What a forge writes, made in another way than ours."""
    return hmac.new(secret, body, hashlib.sha256).hexdigest().encode()


@given(SECRETS, st.binary(max_size=300))
def test_what_is_signed_is_signed(secret: bytes, body: bytes) -> None:
    """The signature of a body by its secret is right, whatever the bytes are."""
    right = digest(secret, body)
    assert signed(secret, body, (right,))
    assert signed(secret, body, (right, right, right))


@given(SECRETS, SECRETS, st.binary(max_size=100), st.binary(max_size=100))
def test_another_secret_or_another_body_is_not(one: bytes, two: bytes, body: bytes, other: bytes) -> None:
    """What was signed by another secret, or was changed by a byte, is not signed."""
    # HMAC pads a short key with zero bytes, so two keys may be one.
    if one.ljust(80, b"\0") != two.ljust(80, b"\0") and max(len(one), len(two)) <= 64:
        assert not signed(one, body, (digest(two, body),))
    if body != other:
        assert not signed(one, body, (digest(one, other),))


@given(st.binary(max_size=100))
def test_an_empty_secret_signs_nothing(body: bytes) -> None:
    """A forge without a secret, and a receiver without one, do not agree on the signature of nothing."""
    assert not signed(b"", body, (digest(b"", body),))
    assert not signed(b"secret", body, ())
    assert not signed(b"secret", body, (b"",))


def test_of_several_each_has_to_be_right() -> None:
    """A right one beside a wrong one is wrong, wherever it stands."""
    right, wrong = digest(b"s", b"body"), digest(b"t", b"body")
    assert not signed(b"s", b"body", (right, wrong))
    assert not signed(b"s", b"body", (wrong, right))


HEX: Final = digest(b"s", b"body")


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ({b"x-gitea-signature": HEX}, (HEX,)),
        ({b"x-forgejo-signature": HEX}, (HEX,)),
        ({b"x-hub-signature-256": b"sha256=" + HEX}, (HEX,)),
        ({b"x-gitea-signature": HEX, b"x-hub-signature-256": b"sha256=" + HEX}, (HEX, HEX)),
        ({}, ()),
        ({b"x-gitea-signature": b""}, ()),
        ({b"x-gitea-signature": b"", b"x-hub-signature-256": b"sha256="}, ()),
        ({b"x-gitea-signature": HEX, b"x-hub-signature-256": b"sha256="}, ()),
        ({b"x-gitea-signature": HEX, b"x-forgejo-signature": b""}, ()),
        ({b"x-gitea-signature": b"sha256=" + HEX}, ()),
        ({b"x-gitea-signature": HEX.upper()}, ()),
        ({b"x-gitea-signature": HEX[:-1]}, ()),
        ({b"x-gitea-signature": HEX + b"0"}, ()),
        ({b"x-gitea-signature": HEX + b"\n"}, ()),
        ({b"x-gitea-signature": b"\xff" * 64}, ()),
        ({b"x-hub-signature-256": HEX}, ()),
        ({b"x-hub-signature-256": b"sha1=" + HEX}, ()),
        ({b"x-hub-signature": b"sha1=" + HEX[:40]}, ()),
        ({b"x-gogs-signature": HEX}, ()),
    ],
)
def test_where_a_signature_stands(said: dict[bytes, bytes], found: tuple[bytes, ...]) -> None:
    """Gitea's, Forgejo's and the newer of GitHub's; one that is empty, cut or of another kind makes all of it none."""
    assert signatures(said) == found


@pytest.mark.parametrize(
    ("said", "found"),
    [
        (dict.fromkeys(DELIVERED_AS, NAME), NAME),
        ({DELIVERED_AS[0]: NAME}, NAME),
        ({DELIVERED_AS[1]: NAME}, NAME),
        ({DELIVERED_AS[0]: NAME, DELIVERED_AS[1]: NAME[::-1]}, None),
        ({}, None),
        ({DELIVERED_AS[0]: b""}, None),
        ({DELIVERED_AS[0]: b"a" * 65}, None),
        ({DELIVERED_AS[0]: b"a b c d e f"}, None),
        ({b"x-github-delivery": NAME}, None),
    ],
)
def test_by_which_name_it_was_sent(said: dict[bytes, bytes], found: bytes | None) -> None:
    """One name, in its usual form."""
    assert delivery(said) == found
