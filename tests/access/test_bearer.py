"""Bearers of tokens: who is recognised, and everything for which nobody is."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quarterdeck.access.bearer import Bearer
from quarterdeck.access.identity import Claim
from quarterdeck.access.keys import AGAIN_S, ALLOWED, FRESH_S, KEPT_S, RETRY_S, Keys, NotTrustedError, read_keys
from quarterdeck.http import Answer, Fault, HttpError, Limits, Looker
from quarterdeck.settings.sign_in import BearerIssuer
from tests.fakes.clock import START, HandClock
from tests.fakes.issuer import KINDS, Issuer, encoded, key_of, public, signed

SKEW = timedelta(seconds=60)
QUICK = Limits(connect_s=0.5, silence_s=0.5, total_s=0.8, body=200_000)


class Seconds:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Door:
    """A bearer's way in before an issuer, its clock and its keys."""

    def __init__(self, issuer: Issuer, groups: str = "groups") -> None:
        self.clock, self.seconds = HandClock(), Seconds()
        self.issuer = issuer
        self.keys = Keys(issuer.keys, Looker(QUICK).get, monotonic=self.seconds)
        named = BearerIssuer(issuer.url, "quarterdeck", issuer.keys, groups)
        self.bearer = Bearer(named, self.clock, keys=self.keys, monotonic=self.seconds)

    def token(self, head: Mapping[str, object] | None = None, **other: Any) -> str:
        """Return a token of the issuer."""
        return self.issuer.token(self.clock(), head, **other)

    def claim(self, token: str | None = None, **other: Any) -> Claim | None:
        """Show a token, or one of the issuer's with changes."""
        return self.bearer.claim(self.token(**other) if token is None else token)


@pytest.fixture
def door() -> Iterator[Door]:
    """Stand before an issuer that does well."""
    with Issuer() as issuer:
        yield Door(issuer)


def refused(caplog: pytest.LogCaptureFixture) -> str:
    """Return why a token was refused, as the log has it."""
    said = [record.getMessage() for record in caplog.records if record.name == "quarterdeck.access.bearer"]
    assert said, "nothing was said in the log"
    assert all(record.exc_info is None for record in caplog.records)
    return said[-1].removeprefix("A bearer token was refused: ")


# --- who is recognised ---------------------------------------------------------------------------------------------


def test_a_bearer_is_who_the_issuer_says(door: Door) -> None:
    """The token's subject is the login; name and groups go along, and it has no role of its own."""
    claim = door.claim(sub="u-17", name="Ada L.", groups=["ops", "dev/night"], role="operator")
    assert claim == Claim("bearer", "u-17", "Ada L.", frozenset({"ops", "dev/night"}))


def test_the_name_and_the_groups_need_not_be_there(door: Door) -> None:
    """Without a name the preferred user name is shown; without groups there are none."""
    assert door.claim(preferred_username="ada") == Claim("bearer", "ci", "ada")
    assert door.claim(name="a\u202eb", preferred_username="ada") == Claim("bearer", "ci", "ada")
    assert door.claim() == Claim("bearer", "ci")


def test_groups_have_the_name_that_the_settings_say() -> None:
    """Only the claim that is named holds groups."""
    with Issuer() as issuer:
        claim = Door(issuer, groups="roles").claim(groups=["root"], roles=["ops"])
    assert claim is not None
    assert claim.groups == {"ops"}


@pytest.mark.parametrize("algorithm", KINDS)
def test_each_way_to_sign_that_is_allowed(algorithm: str) -> None:
    """Every listed kind of key is understood, without a warning of the library."""
    with Issuer(algorithm=algorithm) as issuer:
        assert Door(issuer).claim() == Claim("bearer", "ci")


def test_several_audiences_and_a_type_of_its_own(door: Door) -> None:
    """Ours may be one of several audiences, and an access token may say that it is one."""
    assert door.claim(aud=["other", "quarterdeck"]) is not None
    for kind in ("at+jwt", "application/at+jwt", "JWT", "jwt", None):
        assert door.claim(door.token({"typ": kind})) is not None


def test_a_token_without_the_name_of_its_key(door: Door) -> None:
    """It counts while only one key of the issuer fits, and not when several do."""
    nameless: dict[str, object] = {"kid": None}
    assert door.claim(door.token(nameless)) is not None
    with Issuer() as issuer:
        issuer.rotate(1, keep=True)
        assert Door(issuer).claim(issuer.token(START, nameless)) is None


def test_what_a_token_says_beside_is_passed_over(door: Door) -> None:
    """Heads that nobody must understand do no harm."""
    assert door.claim(door.token({"x-note": {"a": 1}, "nonce": "n"})) is not None


# --- what a token is refused for -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("other", "why"),
    [
        ({"iss": "https://evil.example"}, "it is from another issuer."),
        ({"iss": None}, "it does not say everything it must: iss."),
        ({"iss": ["http://127.0.0.1"]}, "it is from another issuer."),
        ({"aud": "other"}, "it is meant for somebody else."),
        ({"aud": []}, "it is meant for somebody else."),
        ({"aud": {"quarterdeck": 1}}, "it is meant for somebody else."),
        ({"aud": None}, "it does not say everything it must: aud."),
        ({"exp": None}, "it does not say everything it must: exp."),
        ({"exp": "2099-01-01"}, "it says no time at which it ends."),
        ({"exp": float("nan")}, "it says no time at which it ends."),
        ({"exp": float("inf")}, "it says no time at which it ends."),
        ({"exp": True}, "it says no time at which it ends."),
        ({"exp": 0}, "it has expired."),
        ({"exp": -(10**300)}, "it has expired."),
        ({"nbf": 10**12}, "it is not valid yet."),
        ({"nbf": "soon"}, "it is not valid yet."),
        ({"iat": 10**12}, "it was issued in the future."),
        ({"sub": None}, "it does not say whose it is."),
        ({"sub": ""}, "it does not say whose it is."),
        ({"sub": " ci"}, "it does not say whose it is."),
        ({"sub": "c\u200bi"}, "it does not say whose it is."),
        ({"sub": "c\ni"}, "it does not say whose it is."),
        ({"sub": "x" * 256}, "it does not say whose it is."),
        ({"sub": 17}, "it is not a token that can be read."),
        ({"groups": "ops"}, "its groups are no list of names."),
        ({"groups": ["ops", 7]}, "its groups are no list of names."),
        ({"groups": {"ops": True}}, "its groups are no list of names."),
        ({"groups": ["ops", "a\u202eb"]}, "one of its groups has a name that cannot be shown."),
        ({"_claim_names": {"groups": "src1"}}, "it has so many groups that it does not hold them."),
        ({"_claim_names": ["groups"]}, "it has so many groups that it does not hold them."),
    ],
)
def test_a_claim_that_is_not_right(
    door: Door, other: dict[str, Any], why: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever is wrong with what a token claims, nobody is recognised, and the log says why in our words."""
    assert door.claim(**other) is None
    assert refused(caplog) == why


def test_clocks_may_differ_by_a_minute_and_by_no_more(door: Door) -> None:
    """A token is good until a minute after its end and from a minute before its beginning."""
    token = door.token()
    ends = START + timedelta(seconds=300)
    for moment, good in (
        (ends + SKEW - timedelta(seconds=1), True),
        (ends + SKEW, False),
        (START - SKEW, True),
        (START - SKEW - timedelta(seconds=1), False),
    ):
        door.clock.now = moment
        assert (door.claim(token) is not None) is good


def test_a_token_that_is_signed_with_nothing(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    """`none` is no way to sign, however it is spelled, and whatever stands for the signature."""
    claims = door.issuer.claims(START)
    for none in ("none", "None", "NONE", "nOnE", ""):
        assert door.claim(signed(None, claims, none)) is None
        assert door.claim(signed(None, claims, none) + "AAAA") is None
        assert door.claim(f"{encoded({'alg': none, 'kid': door.issuer.key.kid})}.{encoded(claims)}.") is None
    assert refused(caplog) == "it is signed in a way that is not allowed."
    assert door.issuer.asked == [], "no key was asked for"


@pytest.mark.parametrize("form", ["pem", "der", "jwk", "modulus"])
@pytest.mark.parametrize("bits", [256, 384, 512])
def test_a_public_key_is_no_shared_secret(door: Door, form: str, bits: int) -> None:
    """A token signed with HMAC under the issuer's public key, in whatever form, is one of a forger."""
    raw: Any = door.issuer.key.raw_value
    info = serialization.PublicFormat.SubjectPublicKeyInfo
    secrets = {
        "pem": raw.public_key().public_bytes(serialization.Encoding.PEM, info),
        "der": raw.public_key().public_bytes(serialization.Encoding.DER, info),
        "jwk": json.dumps(public(door.issuer.key)).encode(),
        "modulus": str(public(door.issuer.key)["n"]).encode(),
    }
    said = f"{encoded({'alg': f'HS{bits}', 'kid': door.issuer.key.kid})}.{encoded(door.issuer.claims(START))}"
    mac = hmac.new(secrets[form], said.encode(), f"sha{bits}").digest()
    assert door.claim() is not None
    assert door.claim(f"{said}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}") is None


def test_only_ways_with_two_keys_are_allowed() -> None:
    """There is no shared secret among the ways to sign, nor an unusual curve."""
    assert {each[:2] for each in ALLOWED} == {"RS", "PS", "ES", "Ed"}
    assert "ES256K" not in ALLOWED


def test_a_key_of_one_kind_is_not_used_in_the_way_of_another(door: Door) -> None:
    """A key signs in the ways of its kind alone, and where it says its way, in that one alone."""
    for algorithm in ("ES256", "Ed25519"):
        token = signed(key_of(algorithm), door.issuer.claims(START), algorithm, {"kid": door.issuer.key.kid})
        assert door.claim(token) is None
    with Issuer() as issuer:
        issuer.shown = [public(issuer.key, alg="RS256")]
        door = Door(issuer)
        assert door.claim(signed(issuer.key, issuer.claims(START), "RS256")) is not None
        assert door.claim(signed(issuer.key, issuer.claims(START), "RS512")) is None


def test_another_key_under_the_name_of_the_right_one(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    """The name of a key proves nothing: its signature does."""
    forged = signed(key_of("RS256", 5), door.issuer.claims(START), head={"kid": door.issuer.key.kid})
    assert door.claim(forged) is None
    assert refused(caplog) == "its signature is wrong."


def test_a_token_that_was_changed(door: Door) -> None:
    """What was signed is what is read: no part can be exchanged or cut off."""
    head, body, signature = door.token().split(".")
    _, other, _ = door.token(sub="root").split(".")
    for token in (
        f"{head}.{other}.{signature}",
        f"{head}.{body}.",
        f"{head}.{body}.{signature[:-4]}",
        f"{head}.{body}",
    ):
        assert door.claim(token) is None
    assert door.claim(f"{head}.{body}.{signature}") is not None


def test_a_token_brings_no_key_of_its_own(door: Door) -> None:
    """Keys, addresses of keys and certificates in a token's head are not heard, and nobody is asked at them."""
    own = key_of("RS256", 6)
    heads: tuple[dict[str, object], ...] = (
        {"jwk": public(own)},
        {"jku": "http://evil.example/keys"},
        {"x5u": "http://evil.example/cert"},
        {"jwk": public(own), "kid": None},
        {"x5c": ["MIIB"]},
    )
    for head in heads:
        assert door.claim(signed(own, door.issuer.claims(START), head=head)) is None
    assert set(door.issuer.asked) == {"/.well-known/jwks.json"}


@pytest.mark.parametrize(
    "kid",
    [
        "../../../../dev/null",
        "/dev/null",
        "' OR 1=1 --",
        "http://evil.example/key",
        "$(id)",
        "x" * 256,
        "",
        "\0",
        7,
        ["a"],
    ],
)
def test_the_name_of_a_key_leads_nowhere(door: Door, kid: object) -> None:
    """A key's name is compared with names, whatever it looks like: no file, table or address is behind it."""
    assert door.claim(signed(door.issuer.key, door.issuer.claims(START), head={"kid": kid})) is None
    said = f"{encoded({'alg': 'HS256', 'kid': kid})}.{encoded(door.issuer.claims(START))}"
    mac = base64.urlsafe_b64encode(hmac.new(b"", said.encode(), "sha256").digest()).rstrip(b"=").decode()
    assert door.claim(f"{said}.{mac}") is None, "what an empty file would sign"
    assert set(door.issuer.asked) <= {"/.well-known/jwks.json"}


@pytest.mark.parametrize(
    "head",
    [
        {"crit": ["exp"], "exp": 1},
        {"crit": []},
        {"crit": ["b64"], "b64": False},
        {"b64": True},
        {"typ": "logout+jwt"},
        {"typ": "secevent+jwt"},
        {"typ": 7},
        {"alg": 7},
        {"alg": None},
    ],
)
def test_a_head_that_demands_or_is_something_else(door: Door, head: dict[str, object]) -> None:
    """What must be understood and is not, another kind of token, and a head without sense are refused."""
    said = {"alg": "RS256", "kid": door.issuer.key.kid, **head}
    token = f"{encoded(said)}.{encoded({})}.AAAA" if "alg" in head else None
    assert door.claim(token or signed(door.issuer.key, door.issuer.claims(START), head=head)) is None


def test_a_huge_token_is_not_even_read(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    """A token beyond eight kilobytes is refused at once, though everything in it is right."""
    began = time.process_time()
    assert door.claim(door.token(padding="x" * 8_192)) is None
    for huge in ("a" * 10_000_000, "." * 10_000_000, f"{'a' * 5_000_000}.b.c"):
        assert door.claim(huge) is None
    assert time.process_time() - began < 2
    assert refused(caplog) == "it is not a token that can be read."
    assert door.issuer.asked == []


@pytest.mark.parametrize(
    "token",
    [
        *(
            "",
            ".",
            "..",
            "...",
            "a.b.c",
            "e30.e30.e30",
            "ä.b.c",
            "a b.c.d",
            "\0.\0.\0",
            "W10.W10.W10",
            "bnVsbA.bnVsbA.AA",
        ),
        encoded(["alg"]) + ".e30.AAAA",
        encoded("alg") + ".e30.AAAA",
        encoded({"alg": "RS256"}) + "." + base64.urlsafe_b64encode(b"[" * 3_000).decode().rstrip("=") + ".AAAA",
        base64.urlsafe_b64encode(b'{"alg":' + b"[" * 3_000).decode().rstrip("=") + ".e30.AAAA",
        base64.urlsafe_b64encode(b"\xff\xfe").decode().rstrip("=") + ".e30.AAAA",
        "a.b.c.d.e",
    ],
)
def test_what_is_no_token_is_nobody(door: Door, token: str) -> None:
    """Nothing that is shown makes it fail."""
    assert door.claim(token) is None


def by_hand(secret: Any, said: str) -> str:
    """Sign with an RSA key as it is, without a library that knows better."""
    signature = secret.sign(said.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{said}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def test_claims_that_are_signed_and_no_object(door: Door) -> None:
    """A signature does not make a list or a bare word into claims."""
    for claims in ([], "sub", 7, None, [["sub", "root"]]):
        said = f"{encoded({'alg': 'RS256', 'kid': door.issuer.key.kid})}.{encoded(claims)}"
        assert door.claim(by_hand(door.issuer.key.raw_value, said)) is None


def test_a_key_that_can_be_broken(caplog: pytest.LogCaptureFixture) -> None:
    """An RSA key of 1,024 bits proves nothing, though the issuer shows it and the signature is right."""
    weak = rsa.generate_private_key(65_537, 1_024)
    digits = base64.urlsafe_b64encode(weak.public_key().public_numbers().n.to_bytes(128, "big")).rstrip(b"=").decode()
    with Issuer() as issuer:
        issuer.shown = [{"kty": "RSA", "n": digits, "e": "AQAB", "kid": "weak", "use": "sig"}]
        said = f"{encoded({'alg': 'RS256', 'kid': 'weak'})}.{encoded(issuer.claims(START))}"
        assert Door(issuer).claim(by_hand(weak, said)) is None
    assert refused(caplog) == "its issuer shows no key that can be used."


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text() | st.builds(".".join, st.lists(st.text("aZ09-_=", max_size=40), min_size=3, max_size=3)))
def test_no_text_is_anybody(door: Door, token: str) -> None:
    """Whatever a stranger shows, they stay one."""
    assert door.claim(token) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(["iss", "aud", "exp", "nbf", "iat", "sub", "groups", "_claim_names", "jti", "name"]), JSON)
def test_no_claim_makes_it_fail(door: Door, name: str, value: object) -> None:
    """A signed token with anything in one place is somebody with a plain name, or nobody; it is never an error."""
    claim = door.claim(signed(door.issuer.key, {**door.issuer.claims(START), name: value}))
    assert claim is None or (claim.login.isprintable() and claim.login and claim.how == "bearer")


def test_nothing_of_a_token_stands_in_the_log(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    """Why is said in our words: neither the token nor what is in it is quoted, whatever is wrong."""
    caplog.set_level(logging.DEBUG)
    canary = "canary" + hashlib.sha256(b"x").hexdigest()[:12]
    others: tuple[dict[str, Any], ...] = (
        {"iss": canary},
        {"aud": canary},
        {"exp": canary},
        {"groups": canary},
        {"sub": f"{canary}\n"},
    )
    for other in others:
        token = door.token(**other)
        assert door.claim(token) is None
        assert not [part for part in (canary, *token.split(".")) if part in caplog.text]
    heads: tuple[dict[str, object], ...] = ({"kid": canary}, {"alg": canary}, {"typ": canary}, {"crit": [canary]})
    for head in heads:
        assert door.claim(f"{encoded({'alg': 'RS256', **head})}.{encoded({})}.AAAA") is None
    assert canary not in caplog.text


def test_the_same_reason_is_said_once_a_minute(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    """Whoever knocks a thousand times with the same broken token writes one line."""
    for _ in range(1_000):
        door.claim("a.b.c")
    assert len(caplog.records) == 1
    door.claim(aud="other")
    assert len(caplog.records) == 2
    door.seconds.now += 60
    door.claim("a.b.c")
    assert len(caplog.records) == 3


# --- the issuer's keys ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("manner", ["absent", "page", "garbage", "empty", "elsewhere", "huge"])
def test_an_issuer_that_shows_no_keys(manner: str, caplog: pytest.LogCaptureFixture) -> None:
    """Without keys nobody is recognised: 404, HTML, garbage, none, a redirect or too much are all no keys."""
    with Issuer(manner) as issuer:
        door = Door(issuer)
        assert door.claim() is None
        assert len(issuer.asked) == 1, "a redirect is not followed"
    assert ("its issuer shows" in refused(caplog)) is (manner != "huge")


def test_an_issuer_that_is_not_there(caplog: pytest.LogCaptureFixture) -> None:
    """Nobody listens, nobody is recognised."""
    with Issuer() as issuer:
        door = Door(issuer)
    assert door.claim() is None
    assert refused(caplog) == "the keys of its issuer cannot be had: nothing listens there."


def test_an_issuer_that_hangs_holds_nobody_up() -> None:
    """Whoever waits for keys waits half a second, and whoever comes a moment later waits for nothing."""
    with Issuer("hung") as issuer:
        door = Door(issuer)
        began = time.monotonic()
        assert door.claim() is None
        assert 0.4 < time.monotonic() - began < 1.5
    assert len(issuer.asked) <= 2


def test_a_slow_issuer_is_heard_by_whoever_comes_next() -> None:
    """The question goes on after the first has given up waiting; its answer serves the next."""
    answered = threading.Event()
    with Issuer() as issuer:

        def slowly(url: str) -> Answer:
            answered.wait(5)
            return Looker(QUICK).get(url)

        keys = Keys(issuer.keys, slowly, monotonic=Seconds(), wait_s=0.05)
        bearer = Bearer(BearerIssuer(issuer.url, "quarterdeck", issuer.keys), HandClock(), keys=keys)
        assert bearer.claim(issuer.token(START)) is None
        answered.set()
        end = time.monotonic() + 5
        while bearer.claim(issuer.token(START)) is None:
            assert time.monotonic() < end
            time.sleep(0.01)
        assert len(issuer.asked) == 1


def test_keys_are_fetched_once_for_many(door: Door) -> None:
    """Many tokens at once, one question."""
    tokens = [door.token(sub=f"u{number}") for number in range(20)]
    found: list[Claim | None] = []
    threads = [threading.Thread(target=lambda each=each: found.append(door.claim(each))) for each in tokens]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    assert len(found) == 20
    assert all(found)
    assert len(door.issuer.asked) == 1


def test_a_key_that_is_new_is_fetched_at_most_once_a_minute(door: Door) -> None:
    """An issuer may change its key at any time; names of keys that do not exist make no storm of questions."""
    assert door.claim() is not None
    old = door.token()
    door.issuer.rotate(1)
    assert door.claim() is None, "the keys were fetched a moment ago"
    door.seconds.now += AGAIN_S
    assert door.claim() is not None
    assert door.claim(old) is None, "the old key is shown no more"
    asked = len(door.issuer.asked)
    for number in range(50):
        door.seconds.now += 1
        door.claim(door.token({"kid": f"made-up-{number}"}))
    assert len(door.issuer.asked) == asked


def test_old_keys_are_asked_for_anew_and_serve_meanwhile(door: Door) -> None:
    """After ten minutes the keys are fetched behind the scenes; whoever comes then does not wait."""
    assert door.claim() is not None
    door.seconds.now += FRESH_S + 1
    assert door.claim() is not None
    end = time.monotonic() + 5
    while len(door.issuer.asked) < 2:
        assert time.monotonic() < end
        time.sleep(0.01)


def test_keys_that_nobody_confirms_are_forgotten(door: Door) -> None:
    """An issuer that is gone speaks for nobody after an hour, and for its people until then."""
    token = door.token(exp=int(START.timestamp()) + 10 * int(KEPT_S))
    assert door.claim(token) is not None
    door.issuer.manner = "absent"
    door.seconds.now += KEPT_S
    assert door.claim(token) is not None
    door.seconds.now += 1
    assert door.claim(token) is None


def test_after_a_failure_it_is_tried_again_soon_and_not_at_once() -> None:
    """An issuer that was away for a moment is back for us after some seconds."""
    with Issuer("absent") as issuer:
        door = Door(issuer)
        for _ in range(3):
            assert door.claim() is None
        assert len(issuer.asked) == 1
        issuer.manner = "well"
        door.seconds.now += RETRY_S
        assert door.claim() is not None


@pytest.mark.parametrize(
    "row",
    [
        {"kty": "oct", "k": "c2VjcmV0"},
        {"use": "enc"},
        {"key_ops": ["sign"]},
        {"key_ops": "verify"},
        {"d": "AQAB"},
        {"alg": "HS256"},
        {"alg": "none"},
        {"alg": 7},
        {"kid": 7},
        {"n": 7},
        {"n": "A" * 300},
        {"n": "A" * 2_000},
        {"n": "!" * 342},
        {"e": ""},
        {"kty": 7},
        {"kty": ["RSA"]},
        {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"},
        {"kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA"},
        {"kty": "OKP", "crv": "X25519", "x": "A" * 43},
        {"kty": "OKP", "crv": "Ed25519", "x": "AA"},
        {"kty": "RSA", "n": None},
    ],
)
def test_a_key_that_cannot_be_used_is_passed_over(row: dict[str, object]) -> None:
    """A secret, a private key, one for something else, a weak, an unknown or a broken one is none; others still are."""
    with Issuer() as issuer:
        good = public(issuer.key)
        issuer.shown = [{**good, **row}]
        assert Door(issuer).claim() is None
        issuer.shown = [{**good, **row, "kid": "another"}, good]
        assert Door(issuer).claim() is not None


@settings(max_examples=100, deadline=None)
@given(
    JSON
    | st.fixed_dictionaries(
        {
            "keys": st.lists(
                JSON
                | st.dictionaries(
                    st.sampled_from(["kty", "n", "e", "crv", "x", "y", "use", "alg", "kid", "key_ops"]), JSON
                )
            )
        }
    )
)
def test_no_document_makes_it_fail(document: object) -> None:
    """Whatever an issuer shows, there are keys in it or none; it is never another error."""
    body = json.dumps(document).encode()
    with pytest.raises(NotTrustedError):
        read_keys(Answer(200, {}, body, whole=True, took_s=0.0, certificate_ends=None))


def test_a_mistake_of_ours_lets_nobody_in(caplog: pytest.LogCaptureFixture) -> None:
    """Should a part of it break, nobody is recognised, the log has the kind of mistake, and the next are served."""

    def broken(url: str) -> Answer:
        raise LookupError("a secret")

    with Issuer() as issuer:
        seconds = Seconds()
        keys = Keys(issuer.keys, broken, monotonic=seconds)
        bearer = Bearer(BearerIssuer(issuer.url, "quarterdeck", issuer.keys), HandClock(), keys=keys)
        assert bearer.claim(issuer.token(START)) is None
    assert refused(caplog) == "asking for its issuer's keys failed (LookupError), which is a mistake in Quarterdeck."
    failing = Bearer(BearerIssuer("https://a", "q", "https://a"), _failing_clock, keys=keys)
    seconds.now += RETRY_S
    assert failing.claim("e30.e30.e30") is None
    assert "a secret" not in caplog.text


def _failing_clock() -> Any:
    raise OSError("no clock")


def test_keys_that_cannot_be_had_are_said_in_our_words(caplog: pytest.LogCaptureFixture) -> None:
    """Nothing of the issuer's address or answer is in the log."""

    def never(url: str) -> Answer:
        raise HttpError(Fault.TLS, "its certificate has expired")

    keys = Keys("https://id.example.com/secret-path", never, monotonic=Seconds())
    bearer = Bearer(BearerIssuer("https://a", "q", "https://a"), HandClock(), keys=keys)
    assert bearer.claim(signed(key_of("RS256"), {})) is None
    assert refused(caplog) == "the keys of its issuer cannot be had: its certificate has expired."
    assert "secret-path" not in caplog.text
