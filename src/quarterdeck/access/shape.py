"""What a request must look like, whoever sends it: its method, its sizes, its origin, its type.

Rule: what no page of ours and no honest client sends is refused before anybody reads it, and what was sent is quoted
only so that it can do no harm.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from http import HTTPStatus
from typing import Any, Final

LOOKING: Final = frozenset({"GET", "HEAD"})
METHODS: Final = LOOKING | {"POST"}
_NAME: Final = rb"\[[0-9a-f:.]{2,45}\]|[a-z0-9](?:[a-z0-9.-]{0,252}[a-z0-9])?"
HOST: Final = re.compile(rb"(" + _NAME + rb")(?::[0-9]{1,5})?", re.IGNORECASE)
"""A host and, where it is said, its port."""
ONCE: Final = frozenset(
    {
        *(b"host", b"origin", b"cookie", b"authorization", b"content-length", b"content-type", b"transfer-encoding"),
        b"x-forwarded-for",
    }
)
"""Words that are said once or not at all: of two, each part of the house could hear another."""
OF_THE_DAEMON: Final = b"tailscale-"
FORM: Final = b"application/x-www-form-urlencoded"
JSON: Final = b"application/json"
OURS: Final = frozenset({None, b"same-origin", b"none"})
"""What a browser says of a request that one of our own pages, or a person, began; over plain http it says nothing."""
LONGEST_TARGET: Final = 8_192
LONGEST_BODY: Final = 65_536
LONGEST_RING: Final = 1_048_576
OF_BROWSERS: Final = frozenset({b"origin", b"cookie", b"sec-fetch-site"})
DIGITS: Final = 12


class RefusedError(Exception):
    """Somebody who is known asked for what cannot be."""

    def __init__(self, status: HTTPStatus, detail: str) -> None:
        super().__init__(detail)
        self.status, self.detail = status, detail


def says_twice(headers: Collection[tuple[bytes, bytes]]) -> bool:
    """Whether it is said twice what decides who it is or what it is."""
    seen: set[bytes] = set()
    for name, _ in headers:
        if name in seen and (name in ONCE or name.startswith(OF_THE_DAEMON)):
            return True
        seen.add(name)
    return False


def wrong(scope: Mapping[str, Any], said: Mapping[bytes, bytes], origin: bytes) -> RefusedError | None:
    """Say what is wrong with a request; ``origin`` is the only right one of a change."""
    method = scope["method"]
    changes = method == "POST"
    if method not in METHODS:
        return RefusedError(HTTPStatus.METHOD_NOT_ALLOWED, "Only GET, HEAD and POST are answered here.")
    if len(scope["path"]) + len(scope["query_string"]) > LONGEST_TARGET:
        return RefusedError(HTTPStatus.REQUEST_URI_TOO_LONG, "This address is longer than any of ours.")
    if b"transfer-encoding" in said:
        return RefusedError(HTTPStatus.LENGTH_REQUIRED, "Say how long it is (Content-Length); chunks are not taken.")
    length = said.get(b"content-length", b"0")
    if not length.isdigit() or len(length) > DIGITS or int(length) > (LONGEST_BODY if changes else 0):
        return RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "This is more than can be sent here.")
    if said.get(b"sec-fetch-site") not in OURS and (changes or said.get(b"sec-fetch-mode") != b"navigate"):
        return RefusedError(HTTPStatus.FORBIDDEN, "Another site's page asked for this. Open it here yourself.")
    return _wrong_change(said, origin) if changes else None


def _wrong_change(said: Mapping[bytes, bytes], right: bytes) -> RefusedError | None:
    """Whoever shows a bearer token, no cookie and no origin is no browser, and no page can make one do that."""
    origin = said.get(b"origin")
    if origin != right and not (origin is None and b"authorization" in said and b"cookie" not in said):
        sent = "no Origin" if origin is None else f"the Origin {quoted(origin)}"
        return RefusedError(HTTPStatus.FORBIDDEN, f"It came with {sent}; the right one here is {quoted(right)}.")
    if said.get(b"content-type", b"").partition(b";")[0].strip().lower() != FORM:
        return RefusedError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"Send it as {FORM.decode()}.")
    return None


def wrong_ring(scope: Mapping[str, Any], said: Mapping[bytes, bytes]) -> str | None:
    """Say what is wrong with the heads of what a program sends that is known by a signature; its body is not read."""
    length = said.get(b"content-length", b"")
    if len(said) != len(scope["headers"]) or scope["query_string"] or not OF_BROWSERS.isdisjoint(said):
        return "It says something twice, asks a question, or comes from a browser."
    if b"transfer-encoding" in said or not length.isdigit() or len(length) > DIGITS:
        return "It does not say how long it is."
    if not 0 < int(length) <= LONGEST_RING:
        return f"It is empty, or longer than {LONGEST_RING:,} bytes."
    if said.get(b"content-type", b"").partition(b";")[0].strip().lower() != JSON:
        return f"It is not sent as {JSON.decode()}."
    return None


def quoted(said: bytes) -> str:
    """Write what was sent so that it can do no harm in a log or a terminal."""
    return ascii(said[:100].decode("latin-1"))
