"""An issuer of tokens on loopback: shows its public keys, signs what a test wants, and misbehaves on request.

The keys are at ``/.well-known/jwks.json``. A manner says how they are shown:

    well        as they are
    absent      404
    page        200 with a page of HTML
    garbage     200 with something that is no JSON
    empty       200 with no keys
    elsewhere   a redirect to another place, which shows the keys
    huge        200 with keys behind a megabyte of nothing
    hung        takes the question and answers when the test ends
"""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, Self, cast

from joserfc import jwk, jwt
from joserfc.jwk import Key
from joserfc.jws import JWSRegistry
from typing_extensions import override

KEYS_PATH: Final = "/.well-known/jwks.json"
MANNERS: Final = ("well", "absent", "page", "garbage", "empty", "elsewhere", "huge", "hung")
LONGEST_S: Final = 20.0
KINDS: Final[dict[str, tuple[Any, Any]]] = {
    "RS256": ("RSA", 2048), "PS256": ("RSA", 2048), "RS512": ("RSA", 2048),
    "ES256": ("EC", "P-256"), "ES384": ("EC", "P-384"), "ES512": ("EC", "P-521"),
    "EdDSA": ("OKP", "Ed25519"), "Ed25519": ("OKP", "Ed25519"),
}  # fmt: skip


class _AnyWay(JWSRegistry):
    """Signs in every way there is, also in those nobody should."""

    max_header_length, max_payload_length = 1_000_000, 1_000_000

    @override
    def get_alg(self, name: str) -> Any:
        return self.algorithms[name]

    @override
    def check_header(self, header: dict[str, Any]) -> None:
        return


@cache
def key_of(algorithm: str, number: int = 0) -> Key:
    """Make a private key, once for all tests: making one takes time."""
    kind, size = KINDS[algorithm]
    return cast("Key", jwk.generate_key(kind, size, {"kid": f"{algorithm.lower()}-{number}"}))


def public(key: Key, **other: object) -> dict[str, Any]:
    """Return what is shown of a key."""
    return {**cast("dict[str, Any]", key.as_dict(private=False)), "use": "sig", **other}


def signed(key: Key | None, claims: object, algorithm: str = "RS256", head: Mapping[str, object] | None = None) -> str:
    """Sign claims in any way; a head that is None is left out."""
    said: dict[str, Any] = {
        "alg": algorithm,
        "typ": "JWT",
        **({"kid": key.kid} if key is not None else {}),
        **(head or {}),
    }
    said = {name: value for name, value in said.items() if value is not None}
    if key is None:
        return f"{encoded(said)}.{encoded(claims)}."
    return jwt.encode(said, cast("dict[str, Any]", claims), key, registry=_AnyWay(), default_type=None)


def encoded(document: object) -> str:
    """Write a part of a token."""
    return base64.urlsafe_b64encode(json.dumps(document).encode()).rstrip(b"=").decode()


class Issuer:
    """The issuer, answering from a thread for as long as the `with` block lasts."""

    def __init__(self, manner: str = "well", algorithm: str = "RS256") -> None:
        assert manner in MANNERS, manner
        self.manner, self.algorithm = manner, algorithm
        self.key: Key = key_of(algorithm)
        self.shown: list[dict[str, Any]] = [public(self.key)]
        self.asked: list[str] = []
        self._over = threading.Event()
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            @override
            def log_message(self, format: str, *args: object) -> None:
                return

            def do_GET(self) -> None:
                issuer.asked.append(self.path)
                issuer._answer(self)

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        """Who it says it is."""
        return f"http://127.0.0.1:{self._http.server_port}"

    @property
    def keys(self) -> str:
        """Where its keys are."""
        return self.url + KEYS_PATH

    def rotate(self, number: int = 1, *, keep: bool = False) -> None:
        """From now on sign with another key; the old one is shown further only with ``keep``."""
        self.key = key_of(self.algorithm, number)
        self.shown = [*(self.shown if keep else ()), public(self.key)]

    def claims(self, now: datetime, **other: object) -> dict[str, Any]:
        """Return what a good token claims, for five minutes, with changes; what is None is left out."""
        at = int(now.timestamp())
        said = {"iss": self.url, "aud": "quarterdeck", "sub": "ci", "iat": at, "nbf": at, "exp": at + 300, **other}
        return {name: value for name, value in said.items() if value is not None}

    def token(self, now: datetime, head: Mapping[str, object] | None = None, **other: object) -> str:
        """Issue a token."""
        return signed(self.key, self.claims(now, **other), self.algorithm, head)

    def _answer(self, line: BaseHTTPRequestHandler) -> None:
        document = json.dumps({"keys": self.shown}).encode()
        if line.path not in (KEYS_PATH, "/elsewhere") or self.manner == "absent":
            say(line, 404, b"404 page not found\n", "text/plain")
        elif self.manner == "elsewhere" and line.path == KEYS_PATH:
            say(line, 302, b"", "text/plain", Location=f"{self.url}/elsewhere")
        elif self.manner == "hung":
            self._over.wait(LONGEST_S)
        else:
            shown = {
                "page": b"<!doctype html><title>Sign in</title>",
                "garbage": b"{keys: \xff",
                "empty": b'{"keys": []}',
                "huge": document + b" " * 1_000_000,
            }
            say(line, 200, shown.get(self.manner, document), "application/json")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(timeout=5)


def say(line: BaseHTTPRequestHandler, status: int, body: bytes, kind: str, **heads: str) -> None:
    """Answer once; whoever has hung up is not waited for."""
    try:
        line.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **heads}.items():
            line.send_header(name, value)
        line.end_headers()
        line.wfile.write(body)
    except OSError:
        line.close_connection = True
