"""The file of evidence: one page, the data behind it, and a seal over both.

Rule 1: every byte of the file is sealed: what is outside the seal by its hash, the seal by having one spelling only.
Rule 2: the seal signs a chain: what the file is about, its data, its page, and through ``previous`` in what it is about
        the evidence made before it.
Rule 3: to check a file takes the file and nothing else. It proves that nothing changed since the holder of a key signed
        it; whose key that is, and whether the clock was right, no file can prove.

It lies with the commands, and not with the views or the store: a view has no key, and a hub must not have one.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Callable, Mapping
from hashlib import sha256
from html import escape
from typing import Any, Final, NamedTuple

from quarterdeck.views import document

FORMAT: Final = "quarterdeck evidence 1"
TYPE: Final = "ed25519:"
OPEN: Final = b'<script type="application/json" id="evidence-%b">'
CLOSE: Final = b"</script>\n"
END: Final = b"</body>\n</html>\n"
HEAD: Final = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title} · Quarterdeck evidence</title>
<style>{style}</style>
</head>
<body>
<main>
"""

Json = dict[str, Any]


class Broken(Exception):  # noqa: N818 -- the answer of a check, in words
    """Why a file is not the evidence it should be."""


class Proven(NamedTuple):
    """What a file that holds proves."""

    about: Json
    data: Json
    chain: str
    key: str
    rendered: bool
    """Whether its page was made again from its data and is the same; else only its figures were compared."""


def build(about: Mapping[str, Any], data: Mapping[str, Any], sign: Callable[[bytes], bytes]) -> tuple[bytes, str]:
    """Return the file, and the end of its chain."""
    told, held = canonical(about), canonical(data)
    outside = _outside(told, held)
    links = {"about": digest(told), "data": digest(held), "page": digest(outside)}
    chain = chain_of(links)
    seal = {
        **links,
        "chain": chain.hex(),
        "key": about["key"],
        "signature": b64encode(sign(chain)).decode(),
    }
    before, after = _around(outside)
    return before + canonical(seal) + after, chain.hex()


def check(file: bytes, verify: Callable[[str, bytes, bytes], bool], release: str) -> Proven:
    """Check a file.

    Raises:
        Broken: when anything in it is not as it was signed.
    """
    told, held, sealed = (_between(file, name) for name in (b"about", b"data", b"seal"))
    about, data, seal = _parsed(told, "description"), _parsed(held, "data"), _parsed(sealed, "seal")
    if canonical(seal) != sealed or set(seal) != {"about", "data", "page", "chain", "key", "signature"}:
        raise Broken("Its seal was changed.")
    outside = without_seal(file, sealed)
    for name, content in (("about", told), ("data", held), ("page", outside)):
        if seal[name] != digest(content):
            raise Broken(
                {"about": "What it says of itself", "data": "Its data", "page": "Its page"}[name] + " was changed."
            )
    chain = chain_of(seal)
    if seal["chain"] != chain.hex() or about.get("key") != seal["key"]:
        raise Broken("Its seal was changed.")
    if not verify(str(seal["key"]), _signature(seal["signature"]), chain):
        raise Broken("Its signature is not that of the key it names.")
    if about.get("format") != FORMAT:
        raise Broken("It is of a format that this release does not know.")
    return Proven(about, data, chain.hex(), str(seal["key"]), _same(told, held, outside, release))


def _same(told: bytes, held: bytes, outside: bytes, release: str) -> bool:
    """See that the page says what the data say: by making it again, or of another release by its figures."""
    about, data = json.loads(told), json.loads(held)
    if about["release"] == release:
        if _outside(told, held) != outside:
            raise Broken("Its page does not say what its data say.")
        return True
    shown = outside[: outside.index(OPEN % b"about")].decode()
    for figure in data["figures"]:
        if f"<b>{escape(str(figure['text']))}</b>" not in shown:
            raise Broken("Its page does not show the figures of its data.")
    return False


def canonical(value: Mapping[str, Any]) -> bytes:
    """Write JSON in the one way that counts, such that it may stand in a page."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text.encode("utf-8", "backslashreplace")  # what is no text in UTF-8 is still JSON


def _outside(told: bytes, held: bytes) -> bytes:
    """Return the whole file but for what stands in the seal."""
    about, data = json.loads(told), json.loads(held)
    head = HEAD.format(title=escape(str(about["title"])), style=document.STYLE)
    parts = [f"{head}{document.page(data, about)}\n</main>\n".encode("utf-8", "replace")]
    for name, content in ((b"about", told), (b"data", held), (b"seal", b"")):
        parts += [OPEN % name, content, CLOSE]
    return b"".join((*parts, END))


def _around(outside: bytes) -> tuple[bytes, bytes]:
    at = outside.rindex(OPEN % b"seal") + len(OPEN % b"seal")
    return outside[:at], outside[at:]


def without_seal(file: bytes, sealed: bytes) -> bytes:
    at = file.rindex(OPEN % b"seal") + len(OPEN % b"seal")
    return file[:at] + file[at + len(sealed) :]


def _between(file: bytes, name: bytes) -> bytes:
    opening = OPEN % name
    if file.count(opening) != 1:
        raise Broken("It is no evidence of Quarterdeck, or a part of it is missing.")
    found, closing, _ = file.partition(opening)[2].partition(CLOSE)
    if not closing:
        raise Broken("It is no evidence of Quarterdeck, or a part of it is missing.")
    return found


def _parsed(content: bytes, what: str) -> Json:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        raise Broken(f"Its {what} cannot be read: it was changed.") from None
    if not isinstance(found, dict):
        raise Broken(f"Its {what} cannot be read: it was changed.")
    return found


def _signature(text: object) -> bytes:
    try:
        return b64decode(str(text), validate=True)
    except NotBase64:
        raise Broken("Its seal was changed.") from None


def digest(content: bytes) -> str:
    return sha256(content).hexdigest()


def chain_of(links: Mapping[str, Any]) -> bytes:
    end = sha256(FORMAT.encode()).digest()
    for name in ("about", "data", "page"):
        end = sha256(end + f"{name} {links[name]}".encode()).digest()
    return end
