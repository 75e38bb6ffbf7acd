"""The fake issuer shows its keys in each manner, and signs what it is told."""

from __future__ import annotations

import httpx2 as httpx
import pytest
from joserfc import jwk, jwt

from tests.fakes.clock import START
from tests.fakes.issuer import KINDS, Issuer, key_of, public, signed


def test_a_token_of_it_can_be_checked_with_the_key_it_shows() -> None:
    """The key that is shown is the public half of the one that signs, and nothing of the private half."""
    with Issuer() as issuer:
        (shown,) = httpx.get(issuer.keys).json()["keys"]
        claims = jwt.decode(issuer.token(START, sub="me"), jwk.import_key(shown), algorithms=["RS256"]).claims
    assert (claims["iss"], claims["sub"], claims["exp"] - claims["iat"]) == (issuer.url, "me", 300)
    assert not {"d", "p", "q"} & shown.keys()
    assert issuer.asked == ["/.well-known/jwks.json"]


@pytest.mark.parametrize("algorithm", KINDS)
def test_it_signs_in_each_way(algorithm: str) -> None:
    """Each kind of key signs, and says by its name which one it is."""
    head, _, _ = signed(key_of(algorithm), {"sub": "me"}, algorithm).partition(".")
    assert head != signed(key_of(algorithm, 1), {"sub": "me"}, algorithm).partition(".")[0]
    assert public(key_of(algorithm))["use"] == "sig"


def test_what_is_not_signed_has_no_signature() -> None:
    """A token without a key ends with its second dot."""
    assert signed(None, {"sub": "me"}, "none").count(".") == 2
    assert signed(None, {"sub": "me"}, "none").endswith(".")


def test_rotating_shows_another_key() -> None:
    """The old key is gone, or is kept beside the new one."""
    with Issuer() as issuer:
        issuer.rotate(1)
        assert [each["kid"] for each in httpx.get(issuer.keys).json()["keys"]] == ["rs256-1"]
        issuer.rotate(2, keep=True)
        assert [each["kid"] for each in httpx.get(issuer.keys).json()["keys"]] == ["rs256-1", "rs256-2"]


@pytest.mark.parametrize(
    ("manner", "status", "begins"),
    [
        ("absent", 404, b"404"),
        ("page", 200, b"<!doctype"),
        ("garbage", 200, b"{keys"),
        ("empty", 200, b'{"keys": []}'),
        ("elsewhere", 302, b""),
        ("huge", 200, b'{"keys": [{'),
    ],
)
def test_each_manner(manner: str, status: int, begins: bytes) -> None:
    """What is shown is what the table says."""
    with Issuer(manner) as issuer:
        answer = httpx.get(issuer.keys)
    assert (answer.status_code, answer.content[: len(begins)]) == (status, begins)


def test_hung_says_nothing() -> None:
    """Who hangs takes the question and does not answer it."""
    with Issuer("hung") as issuer, pytest.raises(httpx.TimeoutException):
        httpx.get(issuer.keys, timeout=0.2)
