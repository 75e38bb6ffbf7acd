"""A forge on loopback where people sign in, as Gitea and Forgejo do it, with their peculiarities.

What it does as they do:

- A person's ``sub`` is the number of their account, as text. Groups are ``org`` and ``org:team``, and null for none.
- An application is known by its id; its secret is told once, when it is made, and is empty whenever it is looked up.
- The address to come back to must be registered; without it, or without the application, there is a page with the
  status 400 and no way back. Every other refusal sends the browser back with ``error`` and ``state``.
- A public client must use PKCE (``S256`` or ``plain``), a confidential one may.
- A code is good once, and for ten minutes. A second time it is unknown, which is called ``unauthorized_client``, as
  are a wrong secret and a wrong verifier.
- What was granted is kept for each person and application, with one nonce. Under an ``old`` forge a grant for another
  scope ends in ``server_error``; a newer one widens or narrows it.
- A token may do everything unless something beside ``openid``, ``profile``, ``email`` and ``groups`` was asked for.
- Who asks with a token gets name, e-mail and groups, whatever was asked for.
- What is signed names the forge with a slash at its end (``slash``); what it says of itself is without.
- Signatures are RS256, or, where somebody changed that, HS256 under the client's secret.

``manners`` says for a path how it misbehaves instead: ``absent`` (404), ``broken`` (500), ``page`` (HTML), ``garbage``,
``list`` (JSON that is no object), ``huge``, ``elsewhere`` (a redirect), or ``hung`` until the test ends.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, Self
from urllib.parse import parse_qsl, urlencode, urlsplit

from joserfc import jwk
from joserfc.jwk import Key
from typing_extensions import override

from tests.fakes.issuer import key_of, public, say, signed

AUTHORIZE, TOKEN, WHO, KEYS = (f"/login/oauth/{each}" for each in ("authorize", "access_token", "userinfo", "keys"))
APPLICATIONS: Final = "/api/v1/user/applications/oauth2"
MANNERS: Final = ("absent", "broken", "page", "garbage", "list", "huge", "elsewhere", "hung")
OF_OPENID: Final = frozenset({"openid", "profile", "email", "groups"})
LONGEST_S: Final = 20.0
Row = dict[str, Any]


@dataclass
class Person:
    """Somebody with an account."""

    number: int
    login: str
    name: str = ""
    groups: tuple[str, ...] = ()
    consents: bool = True


@dataclass
class Application:
    """An OAuth2 application that was registered."""

    client_id: str
    secret: str
    redirects: tuple[str, ...]
    confidential: bool = True
    granted: dict[int, str] = field(default_factory=dict)
    """The scope, by person."""
    nonces: dict[int, str] = field(default_factory=dict)


@dataclass
class Code:
    """What a browser brings back."""

    application: Application
    person: Person
    redirect: str
    challenge: str
    method: str
    until: datetime


class ForgeServer:
    """The forge, answering from a thread for as long as the `with` block lasts."""

    def __init__(
        self, now: Callable[[], datetime], *, old: bool = False, slash: bool = True, algorithm: str = "RS256"
    ) -> None:
        self.now, self.old, self.slash, self.algorithm = now, old, slash, algorithm
        self.person = Person(7, "Ada", "Ada L.", ("org", "org:night-shift"))
        """Who sits before the browser."""
        self.applications: dict[str, Application] = {}
        self.codes: dict[str, Code] = {}
        self.tokens: dict[str, tuple[Person, str]] = {}
        """Each token that was given out, whose it is, and what it may do."""
        self.manners: dict[str, str] = {}
        self.gives: Row = {}
        """Changes to what is given for a code; None leaves something out."""
        self.signs: Row = {}
        """Changes to what is signed; None leaves something out."""
        self.tells: Row = {}
        """Changes to what is told when it is asked who somebody is."""
        self.key: Key = key_of("RS256", 9)
        self.asked: list[tuple[str, str, dict[str, str], str]] = []
        """Method, path, heads and body of everything that was asked."""
        self._over = threading.Event()
        forge = self

        class Handler(BaseHTTPRequestHandler):
            @override
            def log_message(self, format: str, *args: object) -> None:
                return

            def do_GET(self) -> None:
                forge._answer(self, "")

            def do_POST(self) -> None:
                forge._answer(self, self.rfile.read(int(self.headers.get("Content-Length", 0))).decode())

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        """Its address, as it is in its settings."""
        return f"http://127.0.0.1:{self._http.server_port}"

    def register(self, *redirects: str, confidential: bool = True) -> Application:
        """Register an application, and tell its secret, once."""
        secret = "gto_" + secrets.token_hex(16)
        made = Application(secrets.token_hex(8), secret, redirects, confidential)
        self.applications[made.client_id] = made
        return made

    def visit(self, url: str) -> tuple[int, str]:
        """Open an address with the browser of the person; return the status and where the browser is sent."""
        parts = urlsplit(url)
        assert parts.path == AUTHORIZE, parts.path
        return self._authorized(dict(parse_qsl(parts.query)))

    # --- answering -------------------------------------------------------------------------------------------------

    def _answer(self, line: BaseHTTPRequestHandler, body: str) -> None:
        parts = urlsplit(line.path)
        heads = {name.lower(): value for name, value in line.headers.items()}
        self.asked.append((line.command, parts.path, heads, body))
        if (manner := self.manners.get(parts.path)) is not None:
            self._misbehave(line, manner)
            return
        match line.command, parts.path:
            case "GET", "/login/oauth/authorize":
                status, where = self._authorized(dict(parse_qsl(parts.query)))
                say(line, status, b"<html></html>", "text/html", **({"Location": where} if where else {}))
            case "POST", "/login/oauth/access_token":
                document, status = self._exchanged(dict(parse_qsl(body)), heads)
                say(line, status, json.dumps(document).encode(), "application/json;charset=utf-8")
            case "GET", "/login/oauth/userinfo":
                self._tell_who(line, heads.get("authorization", ""))
            case "GET", "/login/oauth/keys":
                say(line, 200, json.dumps({"keys": [public(self.key, alg="RS256")]}).encode(), "application/json")
            case "GET", "/api/v1/user/applications/oauth2":
                rows = [_shown(each) for each in self.applications.values()]
                say(line, 200, json.dumps(rows).encode(), "application/json")
            case _:
                say(line, 404, b'{"errors":null,"message":"not found"}', "application/json")

    def _misbehave(self, line: BaseHTTPRequestHandler, manner: str) -> None:
        assert manner in MANNERS, manner
        bodies = {"page": b"<!doctype html><title>Forge</title>", "garbage": b"{\xff", "list": b"[]"}
        if manner == "hung":
            self._over.wait(LONGEST_S)
        elif manner == "elsewhere":
            say(line, 302, b"", "text/plain", Location=f"{self.url}/somewhere")
        elif manner == "huge":
            say(line, 200, b'{"sub": "' + b"1" * 500_000 + b'"}', "application/json")
        else:
            say(line, {"absent": 404, "broken": 500}.get(manner, 200), bodies.get(manner, b"no"), "text/plain")

    def _authorized(self, said: Row) -> tuple[int, str]:
        application = self.applications.get(said.get("client_id", ""))
        back = said.get("redirect_uri", "")
        if application is None or back not in application.redirects:
            return 400, ""
        error = self._objection(application, said)
        if error:
            return (
                303,
                f"{back}?{urlencode({'error': error, 'error_description': 'no', 'state': said.get('state', '')})}",
            )
        application.granted[self.person.number] = said.get("scope", "")
        if said.get("nonce"):
            application.nonces[self.person.number] = said["nonce"]
        code = "gta_" + secrets.token_hex(20)
        challenge, method = said.get("code_challenge", ""), said.get("code_challenge_method", "")
        until = self.now() + timedelta(minutes=10)
        self.codes[code] = Code(application, self.person, back, challenge, method, until)
        return 302, f"{back}?{urlencode({'code': code, 'state': said.get('state', '')})}"

    def _objection(self, application: Application, said: Row) -> str:
        if said.get("response_type") != "code":
            return "unsupported_response_type"
        method = said.get("code_challenge_method", "")
        if method not in ("S256", "plain", "") or (method == "" and not application.confidential):
            return "invalid_request"
        if not self.person.consents:
            return "access_denied"
        before = application.granted.get(self.person.number, said.get("scope", ""))
        return "server_error" if self.old and before != said.get("scope", "") else ""

    def _exchanged(self, said: Row, heads: dict[str, str]) -> tuple[Row, int]:
        if heads.get("authorization", "").startswith("Basic "):
            name, _, word = base64.b64decode(heads["authorization"][6:]).decode().partition(":")
            said = {"client_id": name, "client_secret": word, **said}
        application = self.applications.get(said.get("client_id", ""))
        if said.get("grant_type") != "authorization_code":
            return _error("unsupported_grant_type", "Only refresh_token or authorization_code grant type is supported")
        if application is None:
            return _error("invalid_client", f"cannot load client with client id: '{said.get('client_id')}'")
        if application.confidential and said.get("client_secret") != application.secret:
            return _error("unauthorized_client", "invalid client secret")
        code = self.codes.get(said.get("code", ""))
        if code is None:
            return _error("unauthorized_client", "client is not authorized")
        if code.until <= self.now():
            return _error("invalid_grant", "authorization code expired")
        if not _verifies(code, said.get("code_verifier", "")):
            return _error("unauthorized_client", "failed PKCE code challenge")
        if code.redirect != said.get("redirect_uri", code.redirect):
            return _error("invalid_grant", "redirect_uri differs from the original authorization request")
        if code.application is not application:
            return _error("invalid_grant", "invalid grant")
        del self.codes[said["code"]]
        return self._tokens(application, code.person), 200

    def _tokens(self, application: Application, person: Person) -> Row:
        scope = application.granted[person.number].split()
        may = " ".join(each for each in scope if each not in OF_OPENID) or "all"
        token = "ey" + secrets.token_urlsafe(40)
        self.tokens[token] = person, may
        given: Row = {"access_token": token, "token_type": "bearer", "expires_in": 3600, "refresh_token": "ey" + token}
        if "openid" in scope:
            given["id_token"] = self._signed(application, person, scope)
        return {name: value for name, value in {**given, **self.gives}.items() if value is not None}

    def _signed(self, application: Application, person: Person, scope: list[str]) -> str:
        at = int(self.now().timestamp())
        claims: Row = {
            "iss": self.url + ("/" if self.slash else ""),
            "aud": [application.client_id],
            "sub": str(person.number),
            "iat": at,
            "exp": at + 3600,
            "nonce": application.nonces.get(person.number, ""),
        }
        if "profile" in scope:
            claims |= {"name": person.name or person.login, "preferred_username": person.login}
        if "groups" in scope:
            claims["groups"] = list(person.groups) or None
        claims = {name: value for name, value in {**claims, **self.signs}.items() if value is not None}
        if self.algorithm == "none":
            return signed(None, claims, "none")
        if self.algorithm.startswith("HS"):
            secret = jwk.import_key({"kty": "oct", "k": base64.urlsafe_b64encode(application.secret.encode()).decode()})
            return signed(secret, claims, self.algorithm)
        return signed(self.key, claims, self.algorithm)

    def _tell_who(self, line: BaseHTTPRequestHandler, login: str) -> None:
        kind, _, token = login.partition(" ")
        found = self.tokens.get(token) if kind.lower() in ("bearer", "token") else None
        if found is None:
            say(line, 401, b"no valid authorization", "text/plain", **{"WWW-Authenticate": 'Bearer realm=""'})
            return
        person, _ = found
        told = {
            "sub": str(person.number),
            "name": person.name,
            "preferred_username": person.login,
            "email": f"{person.login.lower()}@example.com",
            "picture": f"{self.url}/avatars/1",
            "groups": list(person.groups) or None,
            **self.tells,
        }
        say(line, 200, json.dumps(told).encode(), "application/json;charset=utf-8")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(timeout=5)


def _error(code: str, description: str) -> tuple[Row, int]:
    return {"error": code, "error_description": description}, 400


def _verifies(code: Code, verifier: str) -> bool:
    digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    return {"": True, "plain": verifier == code.challenge, "S256": digest == code.challenge}[code.method]


def _shown(application: Application) -> Row:
    return {
        "id": 1,
        "client_id": application.client_id,
        "client_secret": "",
        "redirect_uris": list(application.redirects),
        "confidential_client": application.confidential,
    }
