"""What somebody shows with a request, taken out of its words.

Rule: one thing is shown once. What is shown twice, or is longer than anything of ours, is not looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from re import compile as pattern
from typing import Final
from urllib.parse import parse_qsl

from quarterdeck.access.identity import Way
from quarterdeck.access.sessions import PREFIX

NAMES: Final[Mapping[Way, str]] = {
    Way.LOOPBACK: "__Host-quarterdeck",
    Way.SERVE: "__Host-quarterdeck",
    Way.TAILNET: "quarterdeck",
}
"""What the cookie is called. On plain http under a name of the tailnet, browsers keep none that says Secure."""
LONGEST: Final = 8_192
LOGIN: Final = pattern(r"[!-~]{1,200}")
FROM: Final = b"x-forwarded-for"
"""Where the daemon says from which address it brings somebody. It takes out what they themselves said of that."""
TOKEN: Final = b"token="
FIELDS: Final = 32


def cookie(said: Mapping[bytes, bytes], way: Way) -> str | None:
    """Return the value of our cookie."""
    return cookie_named(said, NAMES[way])


def cookie_named(said: Mapping[bytes, bytes], name: str) -> str | None:
    """Return the value of a cookie."""
    sent, key = said.get(b"cookie", b""), name.encode()
    if len(sent) > LONGEST:
        return None
    found = [value for part in sent.split(b";") for own, _, value in (part.strip().partition(b"="),) if own == key]
    return _ascii(found[0]) if len(found) == 1 else None


def bearer(said: Mapping[bytes, bytes]) -> str | None:
    """Return the bearer token; empty where nothing is shown, None where something else is."""
    sent = said.get(b"authorization")
    if sent is None:
        return ""
    scheme, _, token = sent.partition(b" ")
    return None if scheme.lower() != b"bearer" or len(sent) > LONGEST else _ascii(token.strip()) or None


def one_time_token(query: bytes) -> str | None:
    """Return the one-time token in the question of an address."""
    if TOKEN not in query or len(query) > LONGEST:
        return None
    try:
        pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=FIELDS)
    except ValueError:
        return None
    found = [value for key, value in pairs if key == "token"]
    return found[0] if len(found) == 1 else None


def is_ours(said: Mapping[bytes, bytes], query: bytes, way: Way) -> bool:
    """Whether something is shown that could be of our own making."""
    token = bearer(said)
    if token != "":
        return token is not None and token.startswith(PREFIX)
    return cookie(said, way) is not None or one_time_token(query) is not None


def served(said: Mapping[bytes, bytes]) -> tuple[str, str]:
    """Return whom ``tailscale serve`` brings, and from which address; empty where it names nobody or no place.

    Of machines that are no person's it says no login.
    """
    login = _ascii(said.get(b"tailscale-user-login", b""))
    address = _ascii(said.get(FROM, b""))
    return (login if login and LOGIN.fullmatch(login) else ""), address or ""


def _ascii(sent: bytes) -> str | None:
    try:
        return sent.decode("ascii")
    except UnicodeDecodeError:
        return None
