"""Tokens that an issuer signed (JWT): what they say, once everything about them is right.

Rule 1: a token is believed for one issuer and one audience that were decided beforehand, and for the time it says.
        A token that does not say when it ends is not believed.
Rule 2: it is signed with a key of its issuer's, in one of the ways that are listed. What it says of its own signature
        chooses among those keys and ways and nothing else: none of its addresses, keys or certificates are heard.
Rule 3: whatever cannot be understood is not believed, and the reason is in our words: nothing of a token is quoted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from joserfc import jws, jwt
from joserfc.errors import ClaimError, ExpiredTokenError, JoseError, MissingClaimError
from joserfc.jwt import JWTClaimsRegistry
from typing_extensions import override

from quarterdeck.access.keys import ALLOWED, Keys, NotTrustedError

LONGEST: Final = 8_192
NAME_LIMIT: Final = 255
SKEW_S: Final = 60
"""How far the issuer's clock may be from ours."""
PARTS: Final = 3
TYPES: Final = frozenset({"jwt", "at+jwt"})
"""Kinds of token that speak for somebody. Others, such as notices of a sign-out, carry the same signature."""

GARBLED: Final = "it is not a token that can be read"
WRONG: Final[Mapping[str, str]] = {
    "iss": "it is from another issuer",
    "aud": "it is meant for somebody else",
    "exp": "it says no time at which it ends",
    "nbf": "it is not valid yet",
    "iat": "it was issued in the future",
}
"""What it means when something that a token claims is not right."""


class _Registry(jws.JWSRegistry):
    """Knows the ways to sign that are allowed, and no other."""

    max_header_length, max_payload_length, max_signature_length = LONGEST, LONGEST, LONGEST

    def __init__(self) -> None:
        # What a token says beside what we know is to be passed over, as its standard demands; what must not be
        # passed over is refused below.
        super().__init__(algorithms=sorted(ALLOWED), strict_check_header=False)

    @override
    def get_alg(self, name: str) -> Any:
        """Return a way to sign; without the library's warning, as the list has been thought about."""
        if name not in ALLOWED:
            raise NotTrustedError("it is signed in a way that is not allowed")
        return self.algorithms[name]


REGISTRY: Final = _Registry()


@dataclass(frozen=True, slots=True)
class Expected:
    """Whose token it must be, and for whom."""

    issuers: tuple[str, ...]
    audience: str


def verified(token: str, keys: Keys, expected: Expected, now: datetime) -> Mapping[str, Any]:
    """Return what a token claims, when all of it may be believed.

    Raises:
        NotTrustedError: when not.
    """
    kid, algorithm = _head(token)
    key = keys.find(kid, algorithm)
    checks = JWTClaimsRegistry(
        now=int(now.timestamp()),
        leeway=SKEW_S,
        iss={"essential": True, "values": list(expected.issuers)},
        aud={"essential": True, "value": expected.audience},
        exp={"essential": True, "allow_blank": True},
    )
    try:
        claims = jwt.decode(token, key, registry=REGISTRY).claims
        checks.validate(claims)
    except (JoseError, ValueError, TypeError, RecursionError) as error:
        raise NotTrustedError(_why(error)) from None
    return claims


def _head(token: str) -> tuple[str | None, str]:
    """Return the name of the key that a token says it is signed with, and the way.

    Raises:
        NotTrustedError: when it is none that can be believed.
    """
    if len(token) > LONGEST or not token.isascii() or len(token.split(".")) != PARTS:
        raise NotTrustedError(GARBLED)
    try:
        head: object = jws.extract_compact(token.encode("ascii"), registry=REGISTRY).protected
    except (JoseError, ValueError, TypeError, RecursionError):
        raise NotTrustedError(GARBLED) from None
    if not isinstance(head, dict) or not isinstance(head.get("alg"), str):
        raise NotTrustedError(GARBLED)
    if "crit" in head or "b64" in head:
        raise NotTrustedError("it demands something that is not known here")
    kid, kind = head.get("kid"), head.get("typ", "JWT")
    if not isinstance(kind, str) or kind.lower().removeprefix("application/") not in TYPES:
        raise NotTrustedError("it is a token of another kind")
    if kid is not None and not (isinstance(kid, str) and 0 < len(kid) <= NAME_LIMIT):
        raise NotTrustedError(GARBLED)
    REGISTRY.get_alg(head["alg"])
    return kid, head["alg"]


def _why(error: Exception) -> str:
    if isinstance(error, ExpiredTokenError):
        return "it has expired"
    if isinstance(error, MissingClaimError):
        return f"it does not say everything it must: {error.claim.replace(',', ', ')}"
    if isinstance(error, ClaimError):
        return WRONG.get(error.claim, GARBLED)
    return "its signature is wrong" if isinstance(error, JoseError) else GARBLED


def name_in(claims: Mapping[str, Any], key: str) -> str:
    """Return a name that a token or an answer gives; empty when it gives none that can be shown.

    Somebody's name is shown and compared, so nothing in it may hide.
    """
    said = claims.get(key)
    fits = isinstance(said, str) and said == said.strip() and said.isprintable() and len(said) <= NAME_LIMIT
    return str(said) if fits else ""


def names_in(claims: Mapping[str, Any], key: str) -> frozenset[str]:
    """Return a list of names; none where there is no list.

    Raises:
        NotTrustedError: when there is one that is no list of names, or that is kept elsewhere: to take it for empty
            would be to forget that somebody is shut out by one of them.
    """
    elsewhere = claims.get("_claim_names")
    if elsewhere is not None and (not isinstance(elsewhere, dict) or key in elsewhere):
        raise NotTrustedError("it has so many groups that it does not hold them")
    rows = claims.get(key)
    if rows is None:
        return frozenset()
    if not isinstance(rows, list) or not all(isinstance(one, str) for one in rows):
        raise NotTrustedError("its groups are no list of names")
    named = frozenset(name_in({key: one}, key) for one in rows)
    if "" in named:
        raise NotTrustedError("one of its groups has a name that cannot be shown")
    return named
