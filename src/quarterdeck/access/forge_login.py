"""Signing in with an account at a Gitea or Forgejo: the code flow of OAuth 2 and OpenID Connect, and nothing beyond it.

Rule 1: what is begun in a browser is finished in that browser, under the same address, in time and once: see
        ``attempts``.
Rule 2: the forge is asked at the addresses that follow from the settings. Nothing it says of itself leads elsewhere,
        and the browser comes back to exactly the address it left from.
Rule 3: what the forge gives is asked for with as little right as it knows, used once to ask who it is, and dropped:
        it is kept nowhere, shown nowhere and written to no log.
Rule 4: the forge must say twice who it is, signed and asked, and must say the same. Any doubt ends the sign-in.
"""

from __future__ import annotations

import hmac
import logging
import re
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar
from urllib.parse import urlencode, urlsplit

import msgspec

from quarterdeck.access.attempts import Attempt, Attempts
from quarterdeck.access.forge_trouble import (
    ANEW,
    COMPARE,
    DECLINED,
    ELSE_DECLINED,
    SETTINGS,
    SIGNATURE,
    ForgeLoginError,
    Trouble,
)
from quarterdeck.access.identity import Claim
from quarterdeck.access.keys import Keys, NotTrustedError
from quarterdeck.access.seldom import Seldom
from quarterdeck.access.signed import Expected, name_in, names_in, verified
from quarterdeck.errors import ConfigurationError
from quarterdeck.http import Answer, HttpError, Limits, Looker, Poster
from quarterdeck.settings.sign_in import ForgeSignIn, read_secret

HOW: Final = "forge"
BACK: Final = "/signed-in"
"""Where the browser comes back to."""
AUTHORIZE: Final = "/login/oauth/authorize"
TOKEN: Final = "/login/oauth/access_token"  # noqa: S105 -- it is a path
WHO: Final = "/login/oauth/userinfo"
KEYS: Final = "/login/oauth/keys"

SCOPE: Final = "openid profile read:user"
SCOPE_OF_GROUPS: Final = "openid profile groups read:user read:organization"
"""A forge gives a token for everything unless something narrower than `openid`, `profile` and `groups` is named beside
them. Without `read:organization` some tell only of the teams that everybody may know."""

LIMITS: Final = Limits(connect_s=3.0, silence_s=4.0, total_s=5.0, body=100_000)
WAIT_FOR_KEYS_S: Final = 4.0
CODE_LIMIT: Final = 512
_PLAIN: Final = re.compile(r"[\x21-\x7e]+")

T = TypeVar("T")

log = logging.getLogger(__name__)


class Begun(NamedTuple):
    """A sign-in that was begun."""

    url: str
    """Where the browser goes."""
    state: str
    """What it comes back with."""
    cookie: str
    """What it keeps until then: for this origin alone, for ``attempts.LIFE_S``, out of reach of scripts."""


class _Tokens(msgspec.Struct):
    access_token: str
    token_type: str
    id_token: str


class ForgeLogin:
    """Signs people in through one forge. ``finish`` asks the forge: call it in a thread."""

    def __init__(
        self,
        forge: ForgeSignIn,
        now: Callable[[], datetime],
        *,
        limits: Limits = LIMITS,
        secret: Callable[[Path], str] = read_secret,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """``secret`` reads the client's secret anew each time it is needed."""
        self._forge, self._now, self._secret = forge, now, secret
        self._looker = Looker(limits, authorities=forge.authorities)
        self._poster = Poster(forge.url + TOKEN, limits, authorities=forge.authorities)
        self._keys = Keys(forge.url + KEYS, self._looker.get, monotonic=monotonic, wait_s=WAIT_FOR_KEYS_S)
        self._expected = Expected((forge.url, f"{forge.url}/"), forge.client_id)
        self._attempts = Attempts(monotonic)
        self._failed = Seldom(log, monotonic)

    @property
    def origin(self) -> str:
        """The forge's origin, for the policy of the page whose form leads there."""
        parts = urlsplit(self._forge.url)
        return f"{parts.scheme}://{parts.netloc}"

    def begin(self, origin: str) -> Begun:
        """Begin a sign-in for a browser that looks at our pages under this origin.

        Raises:
            ForgeLoginError: when that is no origin.
        """
        attempt = self._attempts.begin(origin)
        said = {
            "client_id": self._forge.client_id,
            "redirect_uri": origin + BACK,
            "response_type": "code",
            "scope": SCOPE_OF_GROUPS if self._forge.groups else SCOPE,
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": attempt.challenge,
            "code_challenge_method": "S256",
        }
        return Begun(f"{self._forge.url}{AUTHORIZE}?{urlencode(said)}", attempt.state, attempt.cookie)

    def finish(self, code: str, state: str, cookie: str, origin: str) -> Claim:
        """Return who came back from the forge with a code.

        Raises:
            ForgeLoginError: when nobody can be told from it. The log says why already.
        """
        try:
            attempt = self._attempts.end(state, cookie, origin)
            return self._who(self._exchanged(code, attempt, origin), attempt)
        except ForgeLoginError as error:
            raise self._noted(error) from None

    def declined(self, error: str, state: str, cookie: str, origin: str) -> ForgeLoginError:
        """Return what it means that the forge sent a browser back with an error instead of a code."""
        try:
            self._attempts.end(state, cookie, origin)
        except ForgeLoginError as other:
            return self._noted(other)
        return self._noted(ForgeLoginError(Trouble.DECLINED, *DECLINED.get(error, ELSE_DECLINED)))

    def _exchanged(self, code: str, attempt: Attempt, origin: str) -> _Tokens:
        """Give the code back, and take what it stands for."""
        if not _PLAIN.fullmatch(code) or len(code) > CODE_LIMIT:
            raise ForgeLoginError(Trouble.REFUSED, "The browser came back without a code of the forge", ANEW)
        fields = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": origin + BACK,
            "client_id": self._forge.client_id,
            "code_verifier": attempt.verifier,
            **self._proof(),
        }
        answer = _heard(lambda: self._poster.send_form(fields, {"Accept": "application/json"}))
        if answer.status in (HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED):
            raise ForgeLoginError(Trouble.REFUSED, "The forge takes neither this code nor this application", COMPARE)
        tokens = _read(answer, _Tokens)
        if tokens.token_type.lower() != "bearer" or not _PLAIN.fullmatch(tokens.access_token):
            raise ForgeLoginError(Trouble.UNREADABLE, "The forge gives a token of another kind", SETTINGS)
        return tokens

    def _proof(self) -> Mapping[str, str]:
        """Return what proves that it is us, where we have something."""
        if self._forge.client_secret_file is None:
            return {}
        try:
            return {"client_secret": self._secret(self._forge.client_secret_file)}
        except ConfigurationError as error:
            raise ForgeLoginError(Trouble.SECRET, error.what, error.fix) from None

    def _who(self, tokens: _Tokens, attempt: Attempt) -> Claim:
        """Read who it is in what was signed, ask who it is, and compare."""
        try:
            signed = verified(tokens.id_token, self._keys, self._expected, self._now())
            said = self._asked(tokens.access_token)
            return _claim(signed, said, attempt, groups=self._forge.groups)
        except NotTrustedError as error:
            what = f"What the forge says cannot be believed: {error.why}"
            raise ForgeLoginError(Trouble.NOT_TRUSTED, what, SIGNATURE) from None

    def _asked(self, token: str) -> Mapping[str, Any]:
        url, login = self._forge.url + WHO, {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        return _read(_heard(lambda: self._looker.get(url, login)), dict[str, Any])

    def _noted(self, error: ForgeLoginError) -> ForgeLoginError:
        self._failed.warn("Nobody was signed in through the forge. %s", str(error))
        return error


def _claim(signed: Mapping[str, Any], said: Mapping[str, Any], attempt: Attempt, *, groups: bool) -> Claim:
    """Return who it is, when what was signed and what was said when asked agree.

    Raises:
        NotTrustedError: when they do not, or do not belong to this sign-in.
    """
    if not hmac.compare_digest(name_in(signed, "nonce").encode(), attempt.nonce.encode()):
        raise NotTrustedError("it belongs to another sign-in")
    if not name_in(signed, "sub") or signed["sub"] != said.get("sub"):
        raise NotTrustedError("it names one person when it signs, and another when it is asked")
    # To a forge large and small letters are the same in a name. A team is ORG:TEAM there, and ORG/TEAM in our rules.
    login = name_in(said, "preferred_username").lower()
    teams = names_in(said, "groups") if groups else frozenset()
    if not login or any("/" in team for team in teams):
        raise NotTrustedError("it gives a name that cannot be compared")
    return Claim(HOW, login, name_in(said, "name"), frozenset(team.replace(":", "/", 1).lower() for team in teams))


def _heard(ask: Callable[[], Answer]) -> Answer:
    try:
        return ask()
    except HttpError as error:
        what = f"The forge cannot be asked: {error.detail}"
        raise ForgeLoginError(Trouble.UNREACHABLE, what, SETTINGS) from None


def _read(answer: Answer, kind: type[T]) -> T:
    """Return what an answer says.

    Raises:
        ForgeLoginError: when it does not say it.
    """
    if answer.status != HTTPStatus.OK or not answer.whole:
        what = f"The forge answers with the status {answer.status}, or with too much"
        raise ForgeLoginError(Trouble.UNREADABLE, what, SETTINGS)
    try:
        return msgspec.json.decode(answer.body, type=kind)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        what = "The forge answers with something that does not belong to a sign-in"
        raise ForgeLoginError(Trouble.UNREADABLE, what, SETTINGS) from None
