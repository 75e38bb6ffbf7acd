"""Credentials made up anew, from the forms their issuers publish.

No file of the project holds anything that looks like one: a form says how many signs of which kind follow what, and the
signs are drawn when the tests run, from a seed, so that every run has the same ones.
"""

from __future__ import annotations

import re
from base64 import b64encode
from random import Random
from string import ascii_letters, ascii_lowercase, ascii_uppercase, digits
from typing import Final, NamedTuple

KINDS: Final = {
    "an": ascii_letters + digits,
    "a": ascii_letters,
    "low": ascii_lowercase + digits,
    "up": ascii_uppercase + digits,
    "d": digits,
    "hex": "0123456789abcdef",
    "b32": ascii_uppercase + "234567",
    "b64": ascii_letters + digits + "+/",
    "b64u": ascii_letters + digits + "-_",
}
PEM: Final = {"rsa": "RSA ", "ec": "EC ", "plain": "", "ssh": "OPENSSH "}
PART: Final = re.compile(r"\{(\w+)(?::(\w+))?\}")
SYMBOLS: Final = "!$%*+-=?^_~"


class Made(NamedTuple):
    """A text, and what in it must not be seen."""

    form: str
    text: str
    secret: str


def made(form: str, text: str, rnd: Random) -> Made:
    """Fill a form. What stands between ``«`` and ``»`` is the secret; without them all of it is. ``{{`` is a brace."""
    filled = PART.sub(lambda part: _drawn(part[1], part[2], rnd), text.replace("{{", "\0").replace("}}", "\1"))
    filled = filled.replace("\0", "{").replace("\1", "}")
    before, opened, rest = filled.partition("«")
    secret, _, after = rest.partition("»")
    return Made(form, f"{before}{secret}{after}", secret) if opened else Made(form, filled, filled)


def _drawn(kind: str, size: str | None, rnd: Random) -> str:
    if kind == "pw":
        word = "".join(rnd.choices(ascii_letters, k=7)) + rnd.choice(SYMBOLS) + "".join(rnd.choices(digits, k=3))
        return word.capitalize()
    if kind == "pem":
        label = f"{PEM[size or 'plain']}PRIVATE KEY"
        body = "\n".join("".join(rnd.choices(KINDS["b64"], k=64)) for _ in range(4))
        return f"-----{'BEGIN'} {label}-----\n{body}\n-----END {label}-----"
    if kind == "basic":
        return b64encode(f"deploy:{_drawn('pw', None, rnd)}".encode()).decode()
    if kind == "jwt":
        parts = ('{"alg":"HS256","typ":"JWT"}', f'{{"sub":"{rnd.getrandbits(40)}","iat":1700000000}}')
        head, body = (b64encode(part.encode()).decode().rstrip("=") for part in parts)
        return f"{head}.{body}.{_drawn('b64u', '43', rnd)}"
    drawn = rnd.choices(KINDS[kind], k=int(size or 0))
    if kind in ("an", "b64", "b64u", "low", "hex") and len(drawn) > 2:
        drawn[1:3] = (rnd.choice(digits), rnd.choice("abcdef"))  # as good as every real one has both
    return "".join(drawn)
