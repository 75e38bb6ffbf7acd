"""Whether a webhook is from who it says: its body is signed with a secret that only the forge and we know.

Rule 1: what is signed are the bytes as they came. Nothing is read of them before the signature is found right.
Rule 2: an empty secret signs nothing. Forges send the headers also when they have no secret, and then they are empty.
Rule 3: of several signatures each has to be right. SHA-1 is not one.
Rule 4: neither the secret nor what would have been right is in any answer, error or log; comparing takes as long
        whatever is compared.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from typing import Final

SIGNED_BY: Final = ((b"x-gitea-signature", b""), (b"x-forgejo-signature", b""), (b"x-hub-signature-256", b"sha256="))
"""Where Gitea and Forgejo say it, and what stands before it there."""
DELIVERED_AS: Final = (b"x-gitea-delivery", b"x-forgejo-delivery")
_DIGEST: Final = re.compile(rb"[0-9a-f]{64}")
_DELIVERY: Final = re.compile(rb"[0-9A-Za-z-]{8,64}")


def signatures(said: Mapping[bytes, bytes]) -> tuple[bytes, ...]:
    """Return the signatures a request came with; none when one of them has not the form of one."""
    found = [(said[name], before) for name, before in SIGNED_BY if name in said]
    digests = tuple(value.removeprefix(before) for value, before in found if value.startswith(before))
    whole = len(digests) == len(found) and all(_DIGEST.fullmatch(digest) for digest in digests)
    return digests if whole else ()


def delivery(said: Mapping[bytes, bytes]) -> bytes | None:
    """Return by which name it was sent; None when it has none, or two."""
    names = {said[name] for name in DELIVERED_AS if name in said}
    name = names.pop() if len(names) == 1 else b""
    return name if _DELIVERY.fullmatch(name) else None


def signed(secret: bytes, body: bytes, digests: tuple[bytes, ...]) -> bool:
    """Whether a body was signed with a secret, by each of these signatures."""
    if not secret or not digests:
        return False
    right = hmac.digest(secret, body, "sha256").hex().encode()
    return all([hmac.compare_digest(right, digest) for digest in digests])  # noqa: C419 -- each is compared in any case
