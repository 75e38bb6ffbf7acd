"""What stands in the place of a value: ``[redacted:github#3fa9]``."""

from __future__ import annotations

from typing import Final

from quarterdeck.redaction.hashes import blake2b

FINGERPRINT: Final = 4


def mark(rule: str, value: str, key: bytes | None) -> str:
    """Name what stood here. With a key equal values are marked alike, and nobody without it can try values."""
    if key is None:
        return f"[redacted:{rule}]"
    digest = blake2b(value.encode("utf-8", "surrogatepass"), key=key).hexdigest()
    return f"[redacted:{rule}#{digest[:FINGERPRINT]}]"
