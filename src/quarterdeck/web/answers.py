"""What goes out: bytes with their headers, made once and sent as often as they are asked for.

Rule 1: every answer is armed, whatever it is: nothing inline, nothing foreign, in no frame, kept by nobody.
Rule 2: an error says what happened and what to do, in the language that was asked for: a page to a person, JSON to
        everybody else. It never repeats what was sent, and no credential that came up in what went wrong.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Awaitable, Callable, MutableMapping
from hashlib import blake2b
from http import HTTPStatus
from typing import Any, Final, NamedTuple

import msgspec

from quarterdeck.access.armour import ARMOUR, NOT_KEPT, Header
from quarterdeck.redaction import clean

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
Receive = Callable[[], Awaitable[Message]]

HTML: Final = "text/html; charset=utf-8"
JSON: Final = "application/json"
TEXT: Final = "text/plain; charset=utf-8"
EVENTS: Final = "text/event-stream; charset=utf-8"
KEPT_FOR_GOOD: Final[Header] = (b"cache-control", b"max-age=31536000, immutable")
WORTH_PACKING: Final = 600
"""Bytes below which compressing saves no packet."""
UNPACKS: Final = re.compile(rb"\bgzip\b(?!\s*;\s*q=0(?:\.0*)?\s*(?:,|$))")
QUICKLY, TIGHTLY = 5, 9
"""How hard to compress what lives for a second, and what lives as long as the program."""


class Variant(NamedTuple):
    """The two messages of one answer, ready to be sent."""

    start: Message
    body: Message
    empty: Message


class Answer(NamedTuple):
    """An answer in the forms in which it may be asked for."""

    plain: Variant
    packed: Variant
    unchanged: Variant
    etag: bytes
    size: int

    def variant(self, said: dict[bytes, bytes]) -> Variant:
        """Choose by what a request says of itself."""
        if (known := said.get(b"if-none-match")) and self.etag in known:
            return self.unchanged
        return self.packed if unpacks(said.get(b"accept-encoding", b"")) else self.plain

    async def send(self, said: dict[bytes, bytes], method: str, send: Send) -> None:
        """Send it, without its body to those who asked for none."""
        variant = self.variant(said)
        await send(variant.start)
        await send(variant.empty if method == "HEAD" else variant.body)


EMPTY: Final[Message] = {"type": "http.response.body", "body": b""}


def answer(
    body: bytes,
    media: str,
    *,
    status: int = HTTPStatus.OK,
    level: int = QUICKLY,
    kept: Header = NOT_KEPT,
    more: tuple[Header, ...] = (),
) -> Answer:
    """Make an answer of bytes."""
    etag = b'W/"' + blake2b(body, digest_size=12).hexdigest().encode() + b'"'
    headers = [(b"content-type", media.encode()), *ARMOUR, kept, (b"vary", b"accept-encoding"), *more]
    if status == HTTPStatus.OK:
        headers.append((b"etag", etag))
    plain = _variant(status, body, headers)
    packed = plain
    if len(body) >= WORTH_PACKING:
        packed = _variant(status, gzip.compress(body, level, mtime=0), [*headers, (b"content-encoding", b"gzip")])
    unchanged = _variant(HTTPStatus.NOT_MODIFIED, None, [*ARMOUR, kept, (b"etag", etag)])
    size = len(body) + len(packed.body["body"])
    return Answer(plain, packed, unchanged, etag if status == HTTPStatus.OK else b"\0", size)


def _variant(status: int, body: bytes | None, headers: list[Header]) -> Variant:
    if body is not None:
        headers = [*headers, (b"content-length", str(len(body)).encode())]
    start = {"type": "http.response.start", "status": int(status), "headers": headers}
    return Variant(start, {"type": "http.response.body", "body": body or b""}, EMPTY)


def unpacks(codings: bytes) -> bool:
    """Whether a request says that it takes gzip."""
    return UNPACKS.search(codings) is not None


def error_json(status: int, detail: str) -> bytes:
    """Return the one shape that errors have."""
    return msgspec.json.encode({"error": {"status": int(status), "detail": clean(detail)}})
