"""The exact values that must not be seen: those an agent keeps in its own credential files.

Rule 1: values live in memory only, inside this type. It has no repr of them, no iteration and no equality.
Rule 2: a value is found as it stands and as programs write it: escaped in JSON, encoded for an address, in hexadecimal,
        in base64, also somewhere inside of a longer text in base64.
Rule 3: what is too short, or what everybody writes (``changeme``, a path, a number), is not taken for a secret: masking
        it would say nothing and hide much.
"""

from __future__ import annotations

import json
import re
from binascii import b2a_base64
from collections.abc import Iterable, Iterator
from string import ascii_letters, digits
from typing import Final

from quarterdeck.redaction.hashes import blake2b
from quarterdeck.redaction.rules import compiled, is_placeholder

SHORTEST: Final = 8
LONGEST: Final = 8_192
MOST: Final = 500
KEY_BYTES: Final = 32
STRONG: Final = 20
"""From this length on a value that mixes letters and digits cannot be guessed, and may be the ground of a key."""

ORDINARY: Final = r"(?s)[/~.$<].*|https?://[^@]*|\d{1,11}|(?i:localhost.*|[a-z]+/[a-z]+)|[a-z]{1,10}"
"""Paths, addresses, small numbers, single words: what stands under the name of a secret and is none."""
LOGIN: Final = r"://[^/\s:@]{0,200}:([^/\s@]{1,500})@"
SCHEMES: Final = ("bearer", "token", "basic", "bot")
PLAIN: Final = frozenset(f"{ascii_letters}{digits}-._~".encode())


class KnownValues:
    """Values that must not be seen. It tells how many there are and where one stands, and nothing else."""

    __slots__ = ("_count", "_forms", "_key")

    def __init__(self, values: Iterable[str] = ()) -> None:
        parts = {part for value in values for part in _parts(value)}
        kept = sorted(filter(_is_worth_it, parts), key=len, reverse=True)[:MOST]
        self._count = len(kept)
        self._forms = tuple(dict.fromkeys(form for value in kept for form in _forms(value)))
        strong = [value for value in kept if len(value) >= STRONG and re.search(r"\d", value)]
        ground = "\0".join(("redaction", *strong)).encode("utf-8", "replace")
        self._key = blake2b(ground, digest_size=KEY_BYTES).digest() if strong else None

    def __len__(self) -> int:
        """How many values there are."""
        return self._count

    def __repr__(self) -> str:
        """How many values there are; never one of them."""
        return f"KnownValues({self._count} values)"

    @property
    def key(self) -> bytes | None:
        """A key for fingerprints that stays for as long as the values do; None where none of them is strong enough."""
        return self._key

    def find(self, text: str) -> Iterator[tuple[int, int]]:
        """Return from where to where a value stands, in any of its forms."""
        for form in self._forms:
            at = text.find(form)
            while at >= 0:
                yield at, at + len(form)
                at = text.find(form, at + len(form))

    def stand_in(self, text: str) -> bool:
        """Whether any value stands in a text, in any of its forms."""
        return any(form in text for form in self._forms)


def _parts(value: str) -> Iterator[str]:
    """Return a value, and what of it is secret on its own: the password of an address, the token behind its scheme."""
    yield from (value, value.strip(), *compiled(LOGIN).findall(value))
    scheme, _, token = value.partition(" ")
    if scheme.lower() in SCHEMES:
        yield token.strip()


def _is_worth_it(value: str) -> bool:
    return (
        SHORTEST <= len(value) <= LONGEST and not is_placeholder(value) and compiled(ORDINARY).fullmatch(value) is None
    )


def _forms(value: str) -> Iterator[str]:
    """Return a value as programs write it."""
    raw = value.encode("utf-8", "replace")
    escaped = json.dumps(value)[1:-1]
    yield from (value, escaped, json.dumps(value, ensure_ascii=False)[1:-1], escaped.replace("/", "\\/"))
    yield json.dumps(escaped)[1:-1]
    encoded = "".join(chr(byte) if byte in PLAIN else f"%{byte:02X}" for byte in raw)
    yield from (encoded, encoded.replace("%20", "+"), re.sub("%..", lambda code: code[0].lower(), encoded))
    yield from (raw.hex(), raw.hex().upper())
    for shift in range(3):
        inner = _inside_base64(raw, shift)
        yield from (inner, inner.replace("+", "-").replace("/", "_"))


def _inside_base64(raw: bytes, shift: int) -> str:
    """Return the part of a base64 text that depends on nothing but the value, when it begins at this place of three."""
    text = b2a_base64(b"\0" * shift + raw, newline=False).decode()
    begin = (0, 2, 3)[shift]
    rest = (len(raw) + shift) % 3
    return text[begin:] if rest == 0 else text[begin : -2 if rest == 2 else -3]  # noqa: PLR2004 -- of three bytes


NOTHING_KNOWN: Final = KnownValues()
