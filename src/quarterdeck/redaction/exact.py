"""The exact values that must not be seen: those an agent keeps in its own credential files.

Rule 1: values live in memory only, inside this type. It has no repr of them, no iteration and no equality.
Rule 2: a value is found as it stands and as programs write it: escaped in JSON, encoded for an address, in hexadecimal,
        in base64, also somewhere inside of a longer text in base64.
Rule 3: what is too short, or what everybody writes (``changeme``, a path, a number), is not taken for a secret: masking
        it would say nothing and hide much.
"""

from __future__ import annotations

import hashlib
import json
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from string import ascii_letters, digits
from typing import Any, Final

from quarterdeck.redaction.rules import is_placeholder

SHORTEST: Final = 8
LONGEST: Final = 8_192
MOST: Final = 500
DEPTH: Final = 20
STRONG: Final = 20
"""From this length on a value that mixes letters and digits cannot be guessed, and may be the ground of a key."""

SECRET_NAME: Final = re.compile(
    r"(?i)key|token|secret|passw|passphrase|pwd|_pass$|^pass$|credential|auth$|cookie|session|dsn|database_url|signature"
    r"|webhook|private|_pat$|^code$|verifier"
)
PUBLIC_NAME: Final = re.compile(
    r"(?i)fingerprint|public|_id$|_type$|_name$|_file$|_path$|_at$|expires|limit|timeout|budget"
)
NO_SECRET: Final = re.compile(r"[/~.$<].*|https?://[^@]*|\d{1,11}|(?i:localhost.*|https?|[a-z]+/[a-z]+)", re.DOTALL)
LINE: Final = re.compile(r"(?m)^[ \t]*(?:export[ \t]+)?([A-Za-z_][\w.-]{0,99})[ \t]*=[ \t]*(.*?)[ \t]*$")
PAIR: Final = re.compile(
    r"[\"']?([A-Za-z_][\w.-]{0,99})[\"']?[ \t]*[:=][ \t]*"
    r"(\"(?:[^\"\\\n]|\\.){0,8192}\"|'[^'\n]{0,8192}'|[^\s#,{}\[\]\"']{1,8192})"
)
LOGIN: Final = re.compile(r"://[^/\s:@]{0,200}:([^/\s@]{1,500})@")
PLAIN: Final = frozenset(f"{ascii_letters}{digits}-._~".encode())


class KnownValues:
    """Values that must not be seen. It tells how many there are and where one stands, and nothing else."""

    __slots__ = ("_count", "_forms", "_key")

    def __init__(self, values: Iterable[str] = ()) -> None:
        kept = sorted({value for value in values if SHORTEST <= len(value) <= LONGEST}, key=len, reverse=True)[:MOST]
        self._count = len(kept)
        self._forms = tuple(dict.fromkeys(form for value in kept for form in _forms(value)))
        strong = [value for value in kept if len(value) >= STRONG and re.search(r"\d", value)]
        self._key = (
            hashlib.sha256("\0".join(("redaction", *strong)).encode("utf-8", "replace")).digest() if strong else None
        )

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


NOTHING_KNOWN: Final = KnownValues()


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
    text = b64encode(b"\0" * shift + raw).decode()
    begin = (0, 2, 3)[shift]
    rest = (len(raw) + shift) % 3
    return text[begin:] if rest == 0 else text[begin : -2 if rest == 2 else -3]  # noqa: PLR2004 -- of three bytes


# --- from the files of an agent ---------------------------------------------------------------------------------------


def of_environment(text: str) -> Iterator[str]:
    """Return the secrets of an environment file."""
    for name, value in LINE.findall(text):
        yield from _worth(name, _unquoted(value))


def of_settings(text: str) -> Iterator[str]:
    """Return the secrets of a text with names and values, whatever its language: YAML, TOML, half-written JSON."""
    for name, value in PAIR.findall(text):
        yield from _worth(name, _unquoted(value))


def of_document(value: Any, name: str = "", depth: int = 0) -> Iterator[str]:  # noqa: ANN401 -- JSON
    """Return the secrets of a JSON document: what stands under a name that says so."""
    if depth > DEPTH:
        return
    if isinstance(value, str):
        yield from _worth(name, value)
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from of_document(each, str(key), depth + 1)
    elif isinstance(value, list):
        for each in value:
            yield from of_document(each, name, depth + 1)


def _worth(name: str, value: str) -> Iterator[str]:
    """Return what of a value is worth to be kept from sight."""
    yield from (found for found in LOGIN.findall(value) if not is_placeholder(found))
    secret = SECRET_NAME.search(name) and not PUBLIC_NAME.search(name)
    if secret and len(value) >= SHORTEST and not is_placeholder(value) and not NO_SECRET.fullmatch(value):
        yield value


def _unquoted(value: str) -> str:
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        inner = value[1:-1]
        return inner.replace('\\"', '"').replace("\\\\", "\\") if value[0] == '"' else inner
    return value.partition(" #")[0].rstrip()
