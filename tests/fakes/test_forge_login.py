"""The fake forge does each thing its list says, as the forges do."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx2 as httpx
import pytest
from joserfc import jwk, jwt

from tests.fakes.clock import HandClock
from tests.fakes.forge_login import APPLICATIONS, AUTHORIZE, KEYS, MANNERS, TOKEN, WHO, Application, ForgeServer, Person

BACK = "http://127.0.0.1:8710/signed-in"
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


@pytest.fixture
def clock() -> HandClock:
    """Tell the time."""
    return HandClock()


@pytest.fixture
def forge(clock: HandClock) -> Iterator[ForgeServer]:
    """Run one forge for one test."""
    with ForgeServer(clock) as running:
        yield running


def authorize(forge: ForgeServer, application: Application, **other: str) -> tuple[int, dict[str, str]]:
    """Open the page of a sign-in over HTTP; return the status and what is sent back."""
    said = {
        "client_id": application.client_id,
        "redirect_uri": BACK,
        "response_type": "code",
        "scope": "openid profile groups",
        "state": "s",
        "nonce": "n",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        **other,
    }
    answer = httpx.get(f"{forge.url}{AUTHORIZE}?{urlencode(said)}")
    return answer.status_code, dict(parse_qsl(urlsplit(answer.headers.get("location", "")).query))


def exchange(forge: ForgeServer, application: Application, code: str, **other: str) -> httpx.Response:
    """Give a code back."""
    said = {
        "grant_type": "authorization_code",
        "client_id": application.client_id,
        "client_secret": application.secret,
        "code": code,
        "redirect_uri": BACK,
        "code_verifier": VERIFIER,
        **other,
    }
    return httpx.post(forge.url + TOKEN, data=said)


def test_a_sign_in_from_end_to_end(forge: ForgeServer) -> None:
    """A code becomes tokens; what is signed and what is told name the account by its number."""
    application = forge.register(BACK)
    status, back = authorize(forge, application)
    assert (status, back["state"], back["code"][:4]) == (302, "s", "gta_")
    given = exchange(forge, application, back["code"]).json()
    (shown,) = httpx.get(forge.url + KEYS).json()["keys"]
    claims = jwt.decode(given["id_token"], jwk.import_key(shown), algorithms=["RS256"]).claims
    assert (claims["iss"], claims["aud"], claims["sub"]) == (f"{forge.url}/", [application.client_id], "7")
    assert (claims["nonce"], claims["preferred_username"], claims["groups"]) == ("n", "Ada", ["org", "org:night-shift"])
    told = httpx.get(forge.url + WHO, headers={"Authorization": f"Bearer {given['access_token']}"}).json()
    assert (told["sub"], told["preferred_username"], told["email"]) == ("7", "Ada", "ada@example.com")
    assert httpx.get(forge.url + WHO, headers={"Authorization": "Bearer other"}).status_code == 401


def test_nobody_without_groups_has_an_empty_list(forge: ForgeServer) -> None:
    """No groups are null when asked, and are left out of what is signed."""
    forge.person = Person(8, "bob")
    application = forge.register(BACK)
    given = exchange(forge, application, authorize(forge, application)[1]["code"]).json()
    told = httpx.get(forge.url + WHO, headers={"Authorization": f"Bearer {given['access_token']}"}).json()
    assert (told["groups"], told["name"]) == (None, "")


def test_a_secret_is_told_once(forge: ForgeServer) -> None:
    """Whoever looks an application up finds no secret."""
    assert forge.register(BACK).secret
    (row,) = httpx.get(forge.url + APPLICATIONS).json()
    assert (row["client_secret"], row["confidential_client"]) == ("", True)


def test_a_code_is_good_once_and_for_ten_minutes(forge: ForgeServer, clock: HandClock) -> None:
    """A second time it is unknown; too late it has expired."""
    application = forge.register(BACK)
    code = authorize(forge, application)[1]["code"]
    assert exchange(forge, application, code).status_code == 200
    again = exchange(forge, application, code)
    assert (again.status_code, again.json()["error"]) == (400, "unauthorized_client")
    late = authorize(forge, application)[1]["code"]
    clock.advance(minutes=10)
    assert exchange(forge, application, late).json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    ("other", "error"),
    [
        ({"client_secret": "guess"}, "unauthorized_client"),
        ({"code_verifier": "w" * 43}, "unauthorized_client"),
        ({"code": "gta_guess"}, "unauthorized_client"),
        ({"client_id": "other"}, "invalid_client"),
        ({"redirect_uri": f"{BACK}/other"}, "invalid_grant"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
    ],
)
def test_what_is_not_right_about_a_code(forge: ForgeServer, other: dict[str, str], error: str) -> None:
    """Each is a 400 with its error, and leaves the code as it was."""
    application = forge.register(BACK)
    code = authorize(forge, application)[1]["code"]
    answer = exchange(forge, application, **{"code": code, **other})
    assert (answer.status_code, answer.json()["error"]) == (400, error)
    assert exchange(forge, application, code).status_code == 200


def test_the_secret_may_come_as_basic_authentication(forge: ForgeServer) -> None:
    """Both ways to name a client are understood."""
    application = forge.register(BACK)
    said = {
        "grant_type": "authorization_code",
        "code": authorize(forge, application)[1]["code"],
        "redirect_uri": BACK,
        "code_verifier": VERIFIER,
    }
    answer = httpx.post(forge.url + TOKEN, data=said, auth=(application.client_id, application.secret))
    assert answer.status_code == 200


def test_there_is_no_way_back_to_where_nobody_registered(forge: ForgeServer) -> None:
    """An unknown application or address ends at the forge."""
    application = forge.register(BACK)
    assert authorize(forge, application, client_id="other") == (400, {})
    assert authorize(forge, application, redirect_uri="http://evil.example/") == (400, {})


@pytest.mark.parametrize(
    ("other", "confidential", "error"),
    [
        ({"response_type": "token"}, True, "unsupported_response_type"),
        ({"code_challenge_method": "S512"}, True, "invalid_request"),
        ({"code_challenge_method": ""}, False, "invalid_request"),
        ({"code_challenge_method": ""}, True, None),
    ],
)
def test_what_sends_the_browser_back(
    forge: ForgeServer, other: dict[str, str], confidential: bool, error: str | None
) -> None:
    """A refusal comes back with the state; a public client must use PKCE, a confidential one may."""
    status, back = authorize(forge, forge.register(BACK, confidential=confidential), **other)
    assert (status, back.get("error"), back["state"]) == (303 if error else 302, error, "s")


def test_somebody_who_does_not_consent(forge: ForgeServer) -> None:
    """Whoever says no sends the browser back with that."""
    forge.person.consents = False
    assert authorize(forge, forge.register(BACK))[1]["error"] == "access_denied"


def test_another_scope_than_before(clock: HandClock) -> None:
    """An old forge fails at it, a newer one follows."""
    for old, error in ((True, "server_error"), (False, None)):
        with ForgeServer(clock, old=old) as forge:
            application = forge.register(BACK)
            authorize(forge, application)
            assert authorize(forge, application, scope="openid profile read:user")[1].get("error") == error


@pytest.mark.parametrize(
    ("scope", "may"), [("openid profile groups", "all"), ("openid profile read:user", "read:user"), ("openid", "all")]
)
def test_what_a_token_may_do(forge: ForgeServer, scope: str, may: str) -> None:
    """Everything, unless something narrower was named."""
    application = forge.register(BACK)
    given = exchange(forge, application, authorize(forge, application, scope=scope)[1]["code"]).json()
    assert forge.tokens[given["access_token"]][1] == may


def test_two_sign_ins_share_a_nonce(forge: ForgeServer) -> None:
    """The nonce belongs to what was granted: the later one is in both."""
    application = forge.register(BACK)
    first = authorize(forge, application, nonce="one")[1]["code"]
    authorize(forge, application, nonce="two")
    token = exchange(forge, application, first).json()["id_token"]
    claims = jwt.decode(token, forge.key, algorithms=["RS256"]).claims
    assert claims["nonce"] == "two"


def test_signatures_under_the_secret(clock: HandClock) -> None:
    """A forge that was told so signs with HMAC under the client's secret."""
    with ForgeServer(clock, algorithm="HS256") as forge:
        application = forge.register(BACK)
        token = exchange(forge, application, authorize(forge, application)[1]["code"]).json()["id_token"]
    secret = jwk.import_key({"kty": "oct", "k": base64.urlsafe_b64encode(application.secret.encode()).decode()})
    assert jwt.decode(token, secret, algorithms=["HS256"]).claims["sub"] == "7"


@pytest.mark.parametrize("manner", MANNERS)
def test_each_manner(forge: ForgeServer, manner: str) -> None:
    """Each path misbehaves as it is told."""
    forge.manners[WHO] = manner
    if manner == "hung":
        with pytest.raises(httpx.TimeoutException):
            httpx.get(forge.url + WHO, timeout=0.2)
        return
    answer = httpx.get(forge.url + WHO)
    status = {"absent": 404, "broken": 500, "elsewhere": 302}.get(manner, 200)
    assert (answer.status_code, len(answer.content) > 100_000) == (status, manner == "huge")
