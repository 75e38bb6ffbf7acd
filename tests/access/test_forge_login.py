"""Signing in through a forge: who comes back, and everything for which nobody does."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quarterdeck.access.attempts import LIFE_S, MOST_ENDED, Attempts
from quarterdeck.access.forge_login import BACK, SCOPE, SCOPE_OF_GROUPS, Begun, ForgeLogin
from quarterdeck.access.forge_trouble import ForgeLoginError, Trouble
from quarterdeck.access.identity import Claim
from quarterdeck.http import Limits
from quarterdeck.settings.sign_in import ForgeSignIn
from tests.fakes.certificates import certificate
from tests.fakes.clock import HandClock
from tests.fakes.forge_login import AUTHORIZE, KEYS, TOKEN, WHO, Application, ForgeServer, Person
from tests.fakes.issuer import key_of
from tests.fakes.rude_server import RudeServer

OURS = "http://127.0.0.1:8710"
TAILNET = "https://deck.tail1234.ts.net"
QUICK = Limits(connect_s=0.5, silence_s=0.5, total_s=0.8, body=100_000)


class Seconds:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = 1_000.5

    def __call__(self) -> float:
        return self.now


class Side:
    """Our side of a sign-in, and the forge."""

    def __init__(self, folder: Path, *, confidential: bool = True, groups: bool = True, **forge: Any) -> None:
        self.clock, self.seconds = HandClock(), Seconds()
        self.forge = ForgeServer(self.clock, **forge)
        self.application: Application = self.forge.register(OURS + BACK, TAILNET + BACK, confidential=confidential)
        self.file = folder / "secret"
        self.file.write_text(self.application.secret + "\n", encoding="ascii")
        self.file.chmod(0o600)
        secret = self.file if confidential else None
        self.settings = ForgeSignIn(self.forge.url, self.application.client_id, secret, groups)
        self.login = self.another()

    def another(self) -> ForgeLogin:
        """Return our side as it is after a restart."""
        return ForgeLogin(self.settings, self.clock, limits=QUICK, monotonic=self.seconds)

    def visited(self, origin: str = OURS) -> tuple[Begun, dict[str, str]]:
        """Begin, and go to the forge and back; return what was begun and what the browser brings."""
        begun = self.login.begin(origin)
        _, where = self.forge.visit(begun.url)
        assert where.startswith(f"{origin}{BACK}?")
        return begun, dict(parse_qsl(urlsplit(where).query))

    def signed_in(self, origin: str = OURS) -> Claim:
        """Sign in from end to end."""
        begun, back = self.visited(origin)
        return self.login.finish(back["code"], back["state"], begun.cookie, origin)

    def trouble(self) -> Trouble:
        """Sign in, and return why that fails."""
        with pytest.raises(ForgeLoginError) as failed:
            self.signed_in()
        return failed.value.trouble


@pytest.fixture
def side(tmp_path: Path) -> Iterator[Side]:
    """Stand before a forge that does well."""
    made = Side(tmp_path)
    with made.forge:
        yield made


def query(url: str) -> dict[str, str]:
    """Return what an address asks for."""
    return dict(parse_qsl(urlsplit(url).query))


def fails(login: ForgeLogin, code: str, state: str, cookie: str, origin: str = OURS) -> Trouble:
    """Finish, and return why that fails."""
    with pytest.raises(ForgeLoginError) as failed:
        login.finish(code, state, cookie, origin)
    return failed.value.trouble


# --- who comes back ------------------------------------------------------------------------------------------------


def test_somebody_signs_in(side: Side) -> None:
    """The login is the account's, in small letters; teams are written as in rules; the e-mail stays at the forge."""
    assert side.signed_in() == Claim("forge", "ada", "Ada L.", frozenset({"org", "org/night-shift"}))
    assert [(method, path) for method, path, _, _ in side.forge.asked] == [("POST", TOKEN), ("GET", KEYS), ("GET", WHO)]


def test_somebody_without_groups_and_name(side: Side) -> None:
    """Null for no groups is none, and a name that is empty is no name."""
    side.forge.person = Person(8, "bob")
    assert side.signed_in() == Claim("forge", "bob")


@pytest.mark.parametrize("told", [{"groups": []}, {"groups": None}])
def test_groups_that_are_not_there_are_none(side: Side, told: dict[str, object]) -> None:
    """Forges say so in different ways."""
    side.forge.tells = told
    assert side.signed_in().groups == frozenset()


@pytest.mark.parametrize("forge", [{"slash": False}, {"slash": True}, {"old": True}])
def test_older_and_newer_forges(tmp_path: Path, forge: dict[str, bool]) -> None:
    """With and without a slash behind its name."""
    made = Side(tmp_path, **forge)
    with made.forge:
        assert made.signed_in().login == "ada"
        assert made.signed_in().login == "ada"


def test_an_application_without_a_secret(tmp_path: Path) -> None:
    """A public client is bound by PKCE alone, and sends no secret."""
    made = Side(tmp_path, confidential=False)
    with made.forge:
        assert made.signed_in().login == "ada"
    assert "client_secret" not in dict(parse_qsl(made.forge.asked[0][3]))


def test_each_address_of_ours_comes_back_to_itself(side: Side) -> None:
    """Loopback and the tailnet's name are two origins with one forge."""
    assert side.signed_in(OURS).login == side.signed_in(TAILNET).login
    assert [dict(parse_qsl(body))["redirect_uri"] for _, path, _, body in side.forge.asked if path == TOKEN] == [
        OURS + BACK,
        TAILNET + BACK,
    ]


def test_what_is_asked_for(side: Side, tmp_path: Path) -> None:
    """One address, the exact way back, PKCE by hash, and a scope that is narrower than everything."""
    begun = side.login.begin(OURS)
    said = query(begun.url)
    assert begun.url.startswith(f"{side.forge.url}{AUTHORIZE}?")
    assert (said["redirect_uri"], said["response_type"], said["code_challenge_method"]) == (OURS + BACK, "code", "S256")
    assert (said["state"], said["scope"]) == (begun.state, SCOPE_OF_GROUPS)
    assert {len(said[each]) for each in ("state", "nonce", "code_challenge")} == {43}
    made = Side(tmp_path, groups=False)
    with made.forge:
        assert query(made.login.begin(OURS).url)["scope"] == SCOPE
        assert made.signed_in() == Claim("forge", "ada", "Ada L."), "groups that nobody asked for are not taken"
    assert {may for _, may in (*made.forge.tokens.values(),)} == {"read:user"}


def test_nothing_is_the_same_twice(side: Side) -> None:
    """Each sign-in has a state, a nonce, a challenge and a cookie of its own, and none is in another."""
    begun = [side.login.begin(OURS) for _ in range(50)]
    values = [value for each in begun for value in (each.cookie, *_own(query(each.url)))]
    assert len(set(values)) == len(values)
    assert not [one for one in begun if one.cookie in one.url or one.state in one.cookie]


def _own(said: dict[str, str]) -> tuple[str, str, str]:
    return said["state"], said["nonce"], said["code_challenge"]


def test_the_origin_of_the_forge(side: Side) -> None:
    """The page that leads there needs to know where that is."""
    assert side.login.origin == side.forge.url
    below = ForgeLogin(ForgeSignIn("https://example.com:8443/git", "c", None), side.clock)
    assert below.origin == "https://example.com:8443"


def test_a_forge_with_a_certificate_of_its_own(tmp_path: Path) -> None:
    """A file of authorities makes a certificate count that is signed by nobody else; without it nobody signs in."""
    served = certificate(tmp_path)
    with RudeServer("well", tls=served.context) as server:
        for authorities, trouble in ((served.authorities, Trouble.UNREADABLE), (None, Trouble.UNREACHABLE)):
            named = ForgeSignIn(server.address, "c", None, authorities=authorities)
            login = ForgeLogin(named, HandClock(), limits=QUICK)
            begun = login.begin(OURS)
            assert fails(login, "code", begun.state, begun.cookie) is trouble


# --- the two ends --------------------------------------------------------------------------------------------------


def test_another_state(side: Side) -> None:
    """A state that is not the one that was begun ends nothing, and asks the forge nothing."""
    begun, back = side.visited()
    other = side.login.begin(OURS)
    for state in (other.state, "", "a", begun.state[:-1], begun.state + "a", begun.state.swapcase(), "ä", "\ud800"):
        assert fails(side.login, back["code"], state, begun.cookie) is Trouble.NOT_BEGUN
    assert side.forge.asked == []
    assert side.login.finish(back["code"], begun.state, begun.cookie, OURS).login == "ada"


def test_another_browser(side: Side) -> None:
    """Who gets hold of an address with a code and a state, and not of the cookie, signs nobody in and nobody up."""
    _, back = side.visited()
    theirs = side.login.begin(OURS)
    for cookie in (theirs.cookie, "", "x", "9999999999." + "A" * 43, "-1." + "A" * 43, "1e9." + "A" * 43, "\n", "ä.b"):
        assert fails(side.login, back["code"], back["state"], cookie) is Trouble.NOT_BEGUN
    assert side.forge.asked == []


def test_another_address_of_ours(side: Side) -> None:
    """What was begun under one address is not finished under another."""
    begun, back = side.visited(OURS)
    for origin in (TAILNET, "http://localhost:8710", f"{OURS}/", "", f"{OURS}\nx"):
        assert fails(side.login, back["code"], back["state"], begun.cookie, origin) is Trouble.NOT_BEGUN


def test_a_code_of_another_sign_in(side: Side) -> None:
    """A code that somebody else brought to this browser is bound to another verifier: nobody is signed in by it."""
    _, theirs = side.visited()
    side.forge.person = Person(8, "eve")
    begun = side.login.begin(OURS)
    assert fails(side.login, theirs["code"], begun.state, begun.cookie) is Trouble.REFUSED


def test_what_was_finished_is_over(side: Side) -> None:
    """The same cookie, state and code a second time are used, whatever the forge would say."""
    begun, back = side.visited()
    side.login.finish(back["code"], back["state"], begun.cookie, OURS)
    asked = len(side.forge.asked)
    assert fails(side.login, back["code"], back["state"], begun.cookie) is Trouble.USED
    _, again = side.visited()
    assert fails(side.login, again["code"], back["state"], begun.cookie) is Trouble.USED
    assert len(side.forge.asked) == asked


def test_what_failed_is_over_too(side: Side) -> None:
    """A sign-in has one try."""
    begun, back = side.visited()
    assert fails(side.login, "gta_guess", back["state"], begun.cookie) is Trouble.REFUSED
    assert fails(side.login, back["code"], back["state"], begun.cookie) is Trouble.USED


def test_only_one_of_many_at_once_finishes(side: Side) -> None:
    """Twenty times the same at the same time is one sign-in."""
    begun, back = side.visited()
    ended: list[object] = []

    def finish() -> None:
        try:
            ended.append(side.login.finish(back["code"], back["state"], begun.cookie, OURS))
        except ForgeLoginError as error:
            ended.append(error.trouble)

    threads = [threading.Thread(target=finish) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert ended.count(Trouble.USED) == 19
    assert len([one for one in ended if isinstance(one, Claim)]) == 1
    assert len([path for _, path, _, _ in side.forge.asked if path == TOKEN]) == 1


def test_a_code_that_was_given_back_elsewhere(side: Side) -> None:
    """A code that somebody else has used already is refused by the forge, and here with it."""
    begun, back = side.visited()
    side.forge.codes.clear()
    assert fails(side.login, back["code"], back["state"], begun.cookie) is Trouble.REFUSED


def test_ten_minutes_and_no_more(side: Side) -> None:
    """Who takes too long begins anew; no clock that is set back makes it longer."""
    begun, back = side.visited()
    side.clock.now -= timedelta(hours=5)
    side.seconds.now += LIFE_S
    assert fails(side.login, back["code"], back["state"], begun.cookie) is Trouble.TOO_LATE
    assert side.forge.asked == []


def test_after_a_restart_everything_begins_anew(side: Side) -> None:
    """The key that binds both ends is never kept."""
    begun, back = side.visited()
    assert fails(side.another(), back["code"], back["state"], begun.cookie) is Trouble.NOT_BEGUN


@pytest.mark.parametrize("code", ["", " ", "a b", "ä", "a\r\nb", "x" * 513, "\0"])
def test_a_code_that_is_none(side: Side, code: str) -> None:
    """What cannot be a code is not sent anywhere."""
    begun, back = side.visited()
    assert fails(side.login, code, back["state"], begun.cookie) is Trouble.REFUSED
    assert side.forge.asked == []


@pytest.mark.parametrize(
    "origin", ["", "127.0.0.1", "javascript:alert(1)", "http://a/b", "http://a@b", "http://a\n", "null"]
)
def test_what_is_no_origin(side: Side, origin: str) -> None:
    """Nobody is sent anywhere from what is no address of ours."""
    with pytest.raises(ForgeLoginError) as failed:
        side.login.begin(origin)
    assert failed.value.trouble is Trouble.NOT_BEGUN


def test_strangers_who_begin_and_never_come_back_leave_nothing() -> None:
    """Beginning is remembered by the browser alone; ending is remembered until it would be over, and is bounded.

    However many strangers end what they began, somebody else's sign-in goes on, and ends once.
    """
    seconds = Seconds()
    attempts = Attempts(seconds)
    for _ in range(2 * MOST_ENDED):
        attempts.begin(OURS)
    for _ in range(MOST_ENDED + 10):
        begun = attempts.begin(OURS)
        attempts.end(begun.state, begun.cookie, OURS)
    assert len(vars(attempts)["_ended"]) == MOST_ENDED
    seconds.now += 1
    begun = attempts.begin(OURS)
    attempts.end(begun.state, begun.cookie, OURS)
    with pytest.raises(ForgeLoginError) as failed:
        attempts.end(begun.state, begun.cookie, OURS)
    assert failed.value.trouble is Trouble.USED


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=60), st.text(max_size=60))
def test_no_text_ends_a_sign_in(side: Side, code: str, state: str, cookie: str, origin: str) -> None:
    """Whatever a stranger brings, it is refused in time and in a typed way."""
    assert fails(side.login, code, state, cookie, origin) is Trouble.NOT_BEGUN


# --- the forge says no ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ("access_denied", "was declined there"),
        ("server_error", "The forge failed. If it goes on, take back what was granted"),
        ("invalid_request", "does not sign anybody in for this application"),
        ("<script>alert(1)</script>", "does not sign anybody in for this application"),
    ],
)
def test_a_browser_that_comes_back_with_an_error(side: Side, error: str, said: str) -> None:
    """What the forge answers is said in our words, and the sign-in is over."""
    begun = side.login.begin(OURS)
    why = side.login.declined(error, begun.state, begun.cookie, OURS)
    assert why.trouble is Trouble.DECLINED
    assert said in str(why)
    assert "script" not in str(why)
    assert side.login.declined(error, begun.state, begun.cookie, OURS).trouble is Trouble.USED


def test_an_error_is_heard_only_in_the_right_browser(side: Side) -> None:
    """Nobody ends the sign-in of somebody else by an address."""
    begun = side.login.begin(OURS)
    assert side.login.declined("access_denied", begun.state, "", OURS).trouble is Trouble.NOT_BEGUN
    _, where = side.forge.visit(begun.url)
    assert side.login.finish(query(where)["code"], begun.state, begun.cookie, OURS).login == "ada"


def test_what_real_refusals_look_like(tmp_path: Path) -> None:
    """Who says no at the forge, and an older forge that granted something else before, send the browser back."""
    made = Side(tmp_path, old=True)
    with made.forge:
        made.forge.person.consents = False
        begun, back = made.visited()
        assert made.login.declined(back["error"], back["state"], begun.cookie, OURS).trouble is Trouble.DECLINED
        made.forge.person.consents = True
        made.application.granted[7] = "openid"
        begun, back = made.visited()
        assert "under Settings, Applications" in str(
            made.login.declined(back["error"], back["state"], begun.cookie, OURS)
        )


def test_a_secret_that_is_wrong_gone_or_open(side: Side) -> None:
    """Without the right secret, kept from others, nobody signs in; a right one counts at once."""
    right = side.file.read_text(encoding="ascii")
    side.file.write_text("gto_" + "guess", encoding="ascii")
    assert side.trouble() is Trouble.REFUSED
    side.file.chmod(0o644)
    assert side.trouble() is Trouble.SECRET
    side.file.unlink()
    assert side.trouble() is Trouble.SECRET
    side.file.write_text(right, encoding="ascii")
    side.file.chmod(0o600)
    assert side.signed_in().login == "ada"


@pytest.mark.parametrize("path", [TOKEN, KEYS, WHO])
@pytest.mark.parametrize("manner", ["absent", "broken", "page", "garbage", "list", "huge", "elsewhere"])
def test_a_forge_that_misbehaves(side: Side, path: str, manner: str) -> None:
    """Whatever it says where it should say who it is, nobody is signed in, and nobody is asked elsewhere."""
    side.forge.manners[path] = manner
    assert side.trouble() is (Trouble.NOT_TRUSTED if path == KEYS else Trouble.UNREADABLE)
    assert [each for _, each, _, _ in side.forge.asked].count(path) == 1
    assert {each for _, each, _, _ in side.forge.asked} <= {TOKEN, KEYS, WHO}


@pytest.mark.parametrize("path", [TOKEN, KEYS, WHO])
def test_a_forge_that_hangs(side: Side, path: str) -> None:
    """It is given up in time, and what was sent to it is not sent again."""
    side.forge.manners[path] = "hung"
    began = time.monotonic()
    assert side.trouble() is (Trouble.NOT_TRUSTED if path == KEYS else Trouble.UNREACHABLE)
    assert time.monotonic() - began < 4
    assert [each for _, each, _, _ in side.forge.asked].count(TOKEN) == 1


def test_a_forge_that_is_not_there(side: Side) -> None:
    """Nobody listens, nobody is signed in."""
    begun, back = side.visited()
    side.forge.__exit__()
    assert fails(side.login, back["code"], back["state"], begun.cookie) is Trouble.UNREACHABLE


# --- what it says cannot be believed -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "signs",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"nonce": ["a"]},
        {"aud": "another"},
        {"aud": ["another"]},
        {"aud": None},
        {"iss": "https://evil.example/"},
        {"iss": None},
        {"sub": "8"},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"exp": 0},
        {"exp": None},
        {"nbf": 10**12},
        {"iat": 10**12},
    ],
)
def test_something_that_is_signed_and_not_right(side: Side, signs: dict[str, object]) -> None:
    """Another nonce, audience, issuer or person, too late or too early: nobody is signed in."""
    side.forge.signs = signs
    assert side.trouble() is Trouble.NOT_TRUSTED


@pytest.mark.parametrize(
    "tells",
    [
        {"sub": "8"},
        {"sub": 7},
        {"sub": None},
        {"preferred_username": ""},
        {"preferred_username": None},
        {"preferred_username": 7},
        {"preferred_username": "a\u202eb"},
        {"preferred_username": " ada"},
        {"groups": "org"},
        {"groups": {"org": 1}},
        {"groups": ["org", 7]},
        {"groups": ["org/night-shift"]},
        {"groups": ["a\nb"]},
    ],
)
def test_something_that_is_told_and_not_right(side: Side, tells: dict[str, object]) -> None:
    """Another person than was signed, a name that hides something, groups that are none: nobody is signed in."""
    side.forge.tells = tells
    assert side.trouble() is Trouble.NOT_TRUSTED


def test_clocks_may_differ_by_a_minute(side: Side) -> None:
    """What was signed must be about now, by a clock that may be a minute off."""
    for seconds, good in ((-60, True), (-61, False), (3_659, True), (3_660, False)):
        begun, back = side.visited()
        side.forge.now = HandClock(side.clock.now)
        side.clock.advance(seconds=seconds)
        if good:
            assert side.login.finish(back["code"], back["state"], begun.cookie, OURS).login == "ada"
        else:
            assert fails(side.login, back["code"], back["state"], begun.cookie) is Trouble.NOT_TRUSTED
        side.clock.advance(seconds=-seconds)


@pytest.mark.parametrize("algorithm", ["HS256", "HS512", "none"])
def test_signatures_that_are_none(tmp_path: Path, algorithm: str) -> None:
    """A forge that signs under the client's secret, or not at all, is told to sign by key."""
    made = Side(tmp_path, algorithm=algorithm)
    with made.forge, pytest.raises(ForgeLoginError, match="JWT_SIGNING_ALGORITHM") as failed:
        made.signed_in()
    assert failed.value.trouble is Trouble.NOT_TRUSTED


def test_a_forge_that_changes_its_key(side: Side) -> None:
    """Keys are asked for once; a new one is found once a minute has passed."""
    for _ in range(3):
        side.signed_in()
    assert [each for _, each, _, _ in side.forge.asked].count(KEYS) == 1
    side.forge.key = key_of("RS256", 8)
    assert side.trouble() is Trouble.NOT_TRUSTED
    side.seconds.now += 60
    assert side.signed_in().login == "ada"


def test_a_token_of_another_kind(side: Side) -> None:
    """What is no bearer's token is not shown to anybody."""
    side.forge.gives = {"token_type": "mac"}
    assert side.trouble() is Trouble.UNREADABLE
    side.forge.gives = {"access_token": "a\r\nb"}
    assert side.trouble() is Trouble.UNREADABLE
    side.forge.gives = {"id_token": None}
    assert side.trouble() is Trouble.UNREADABLE
    assert WHO not in [each for _, each, _, _ in side.forge.asked]


# --- nothing is kept -----------------------------------------------------------------------------------------------


def test_what_the_forge_gave_is_kept_nowhere(side: Side, caplog: pytest.LogCaptureFixture) -> None:
    """After a sign-in, and after one that failed, no token, code, secret or verifier is in our side or in the log."""
    caplog.set_level(logging.DEBUG)
    side.signed_in()
    side.forge.tells = {"sub": "8"}
    side.trouble()
    side.forge.manners[WHO] = "hung"
    side.trouble()
    sent = [dict(parse_qsl(body)) for _, path, _, body in side.forge.asked if path == TOKEN]
    words = [each[name] for each in sent for name in ("code", "client_secret", "code_verifier")]
    held = _everything(side.login)
    assert len(side.forge.tokens) == 3
    assert side.application.client_id in held, "everything is looked at"
    assert not [word for word in (*side.forge.tokens, *words) if word in caplog.text or word in held]
    assert "Nobody was signed in through the forge." in caplog.text


def _everything(thing: object, depth: int = 6) -> str:
    """Write down whatever can be reached from a thing."""
    if depth == 0 or isinstance(thing, str | bytes | int | float | None):
        return repr(thing)
    if isinstance(thing, dict):
        return "".join(_everything(each, depth - 1) for pair in thing.items() for each in pair)
    if isinstance(thing, list | tuple | set | frozenset):
        return "".join(_everything(each, depth - 1) for each in thing)
    return _everything(getattr(thing, "__dict__", None), depth - 1)


def test_an_error_names_no_code_and_no_name(side: Side, caplog: pytest.LogCaptureFixture) -> None:
    """What is said of a failure is ours: nothing that came over the line, and no cause behind it."""
    side.forge.tells = {"preferred_username": "canary\u202e", "groups": ["canary\n"]}
    begun, back = side.visited()
    with pytest.raises(ForgeLoginError) as failed:
        side.login.finish(back["code"], back["state"], begun.cookie, OURS)
    assert failed.value.__suppress_context__
    assert not [word for word in ("canary", back["code"], begun.cookie) if word in str(failed.value) + caplog.text]
