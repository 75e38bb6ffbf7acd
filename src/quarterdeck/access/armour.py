"""What every answer carries, whatever it is: nothing inline, nothing foreign, in no frame, kept by nobody."""

from __future__ import annotations

from typing import Final

Header = tuple[bytes, bytes]

POLICY: Final = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    b"form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
ARMOUR: Final[tuple[Header, ...]] = (
    (b"content-security-policy", POLICY),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (
        b"referrer-policy",
        b"same-origin",
    ),  # nothing goes to others; under "no-referrer" our own forms say `Origin: null`
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
NOT_KEPT: Final[Header] = (b"cache-control", b"no-store")
ONLY_HTTPS: Final[Header] = (b"strict-transport-security", b"max-age=31536000")
"""Said only where people come by https: elsewhere it is not heard."""
