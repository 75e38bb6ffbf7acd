"""Coming in through the forge, through the guard and with a real ledger behind it."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from quarterdeck.access.armour import ARMOUR, NOT_KEPT
from quarterdeck.access.attempts import LIFE_S
from quarterdeck.access.doorman import Witnesses
from quarterdeck.access.forge_login import BACK, ForgeLogin
from quarterdeck.access.guard import Guard
from quarterdeck.access.identity import Permission, Way
from quarterdeck.http import Limits
from quarterdeck.settings import Settings
from quarterdeck.settings.access import Access, Ledger, Rule
from quarterdeck.settings.sign_in import BearerIssuer, ForgeSignIn
from quarterdeck.web.app import create_app
from quarterdeck.web.arriving import AT_ONCE, BEGIN, Arriving
from quarterdeck.web.door import Door
from quarterdeck.wiring import sign_in
from quarterdeck.wiring.entrance import entrance, utc_now
from tests.access.asking import HOST, ORIGIN, Answer, Header, Scope, ask, opened, peer, scope
from tests.fakes.forge_login import TOKEN, ForgeServer
from tests.fakes.hub import FakeHub
from tests.truth.cast import NOW
from tests.web.worlds import world

ADA = (Rule("forge", "ada", "viewer"), Rule("forge_group", "org/night-shift", "operator"))
QUICK = Limits(connect_s=0.5, silence_s=0.5, total_s=0.8, body=100_000)
FLAT = b"<h1>This is not open to you</h1>"


class House:
    """The pages behind their guard, with a forge and a ledger; cookies are kept as a browser keeps them."""

    def __init__(self, folder: Path, forge: ForgeServer, people: tuple[Rule, ...]) -> None:
        self.forge = forge
        application = forge.register(ORIGIN.decode() + BACK, "http://box.tail.ts.net" + BACK, confidential=False)
        settings = Settings(ledger=Ledger(folder / "ledger.db"), access=Access(people=people))
        self.entrance = entrance(settings)
        door = Door(self.entrance)
        self.login = ForgeLogin(ForgeSignIn(forge.url, application.client_id, None, groups=True), utc_now, limits=QUICK)
        self.arriving = Arriving(self.login, self.entrance, people, door.cookie)
        doorman = self.entrance.doorman(settings, Witnesses())
        front = create_app(FakeHub(world(0, NOW), NOW), {**door.routes, **self.arriving.routes})
        self.guard = opened(Guard(front, doorman, sign_in=True))
        self.cookies: dict[str, str] = {}
        self.doorman = doorman

    def get(self, path: str, *, way: Way = Way.LOOPBACK, query: bytes = b"", host: bytes = HOST) -> Answer:
        """Look at a page."""
        return self._ask(scope(path, "GET", [(b"host", host), *self._sent()], query=query, by=peer(way)))

    def post(
        self,
        path: str,
        body: bytes = b"",
        *more: Header,
        way: Way = Way.LOOPBACK,
        host: bytes = HOST,
        origin: bytes | None = ORIGIN,
    ) -> Answer:
        """Send a form."""
        kind = (b"content-type", b"application/x-www-form-urlencoded")
        headers: list[Header] = [(b"host", host), kind, (b"content-length", b"%d" % len(body)), *self._sent(), *more]
        if origin is not None:
            headers.append((b"origin", origin))
        return self._ask(scope(path, "POST", headers, by=peer(way)), body)

    def begun(self) -> str:
        """Begin a sign-in, and return where the browser is sent."""
        page = self.post(BEGIN)
        (where,) = set(re.findall(r'(?:url=|href=")([^"]+)"', page.body.decode()))
        assert page.status == 200
        return unescape(where)

    def brought(self) -> bytes:
        """Begin, go to the forge and back, and return what the page there would send."""
        _, where = self.forge.visit(self.begun())
        page = self.get(BACK, query=urlsplit(where).query.encode())
        assert page.status == 200
        return urlencode(re.findall(r'name="(\w+)" value="([^"]*)"', unescape(page.body.decode()))).encode()

    def _sent(self) -> list[Header]:
        said = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        return [(b"cookie", said.encode())] if said else []

    def _ask(self, said: Scope, body: bytes = b"") -> Answer:
        found = ask(self.guard, said, body)
        for name, value in found.headers:
            if name == b"set-cookie":
                key, _, rest = value.decode().partition("=")
                self.cookies[key] = rest.partition(";")[0]
        self.cookies = {key: value for key, value in self.cookies.items() if value}
        return found


@contextmanager
def house(folder: Path, people: tuple[Rule, ...] = ADA) -> Iterator[House]:
    """Build a house."""
    with ForgeServer(utc_now) as forge:
        made = House(folder, forge, people)
        try:
            yield made
        finally:
            made.doorman.close()
            made.entrance.close()


def test_somebody_comes_in(tmp_path: Path) -> None:
    """From the stranger's answer to the brief: a form, the forge, a form, and a session, worth what rules say."""
    with house(tmp_path) as one:
        stranger = one.get("/brief")
        assert (stranger.status, b'action="/sign-in"' in stranger.body) == (403, True)
        brought = one.brought()
        entered = one.post(BACK, brought)
        assert (entered.status, entered.said(b"location")) == (303, b"/brief")
        assert one.get("/brief").status == 200
        you = one.get("/you").body.decode()
    assert set(one.cookies) == {"__Host-quarterdeck"}, "the cookie of the sign-in is gone"
    assert "may look and act" in you, "the stronger of two rules counts"
    assert "Ada L." in you


def test_the_cookies_of_a_sign_in(tmp_path: Path) -> None:
    """They are for this very name, out of reach of scripts, sent by our own pages alone, and gone in ten minutes."""
    with house(tmp_path) as one:
        said = one.post(BEGIN).said(b"set-cookie").decode()
        name, _, rest = said.partition("=")
        assert name == "__Host-quarterdeck-sign-in"
        assert rest.split("; ", 1)[1] == f"Path=/; Max-Age={LIFE_S}; HttpOnly; SameSite=Strict; Secure"
        plain = one.post(BEGIN, way=Way.TAILNET, host=b"box.tail.ts.net", origin=b"http://box.tail.ts.net")
        assert plain.said(b"set-cookie").startswith(b"quarterdeck-sign-in=")
        assert b"Secure" not in plain.said(b"set-cookie")


def test_every_answer_is_armed_and_kept_by_nobody(tmp_path: Path) -> None:
    """Pages of a sign-in carry what all answers carry, and no page says more than it must."""
    with house(tmp_path) as one:
        for found in (one.post(BEGIN), one.get(BACK, query=b"code=c&state=s"), one.post(BACK, b"code=c&state=s")):
            assert {*ARMOUR, NOT_KEPT} <= set(found.headers)
            assert b"<script" not in found.body
            assert b"style=" not in found.body


def test_following_an_address_changes_nothing(tmp_path: Path) -> None:
    """Where the browser comes back nothing is ended, set or asked, however often it is looked at."""
    with house(tmp_path) as one:
        _, where = one.forge.visit(one.begun())
        query = urlsplit(where).query.encode()
        asked = len(one.forge.asked)
        for _ in range(3):
            page = one.get(BACK, query=query)
            assert (page.status, page.said(b"set-cookie")) == (200, b"")
        assert len(one.forge.asked) == asked
        assert one.post(BACK, query).status == 303


@pytest.mark.parametrize(
    "query",
    [
        b"", b"code=%22%3E%3Cscript%3Ealert(1)%3C/script%3E&state=s", b"code=a&code=b", b"\xff", b"a=" + b"b" * 3_000,
        b"error=<b>no</b>&error_description=<i>x</i>&state=%27", b"&".join(b"a=b" for _ in range(40)),
    ],
)  # fmt: skip
def test_what_comes_back_is_inert(tmp_path: Path, query: bytes) -> None:
    """Whatever stands in an address, the page holds it as text in a form, or not at all."""
    with house(tmp_path) as one:
        page = one.get(BACK, query=query)
    assert page.status == 200
    assert not [tag for tag in (b"<script", b"<b>", b"<i>", b"alert(1)</") if tag in page.body]


def test_every_failure_looks_the_same(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Another state, another browser, no code, an error, a forge that is gone: one answer, and a reason in the log."""
    with house(tmp_path) as one:
        brought = one.brought()
        answers = [
            one.post(BACK, b""),
            one.post(BACK, b"code=c&state=s"),
            one.post(BACK, b"error=access_denied&state=s"),
        ]
        one.begun()
        answers += [one.post(BACK, brought), one.post(BACK, b"\xff"), one.post(BACK, b"code=a&code=b&state=s")]
        brought = one.brought()
        one.forge.manners[TOKEN] = "garbage"
        answers.append(one.post(BACK, brought))
        one.cookies = {}
        answers.append(one.post(BACK, brought))
    assert {(each.status, each.body) for each in answers} == {(403, answers[0].body)}
    assert FLAT in answers[0].body
    assert not [each for each in answers if b"__Host-quarterdeck=" in each.said(b"set-cookie")]
    assert "was not begun in this browser" in caplog.text
    assert "does not belong to a sign-in" in caplog.text


def test_whom_no_rule_names_is_a_stranger_still(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """An account at the forge is worth nothing by itself; the owner is told which rule would change that."""
    for people in ((), (Rule("tailnet", "ada", "operator"),), (Rule("forge", "ada", "none"), *ADA)):
        caplog.clear()
        with house(tmp_path, people) as one:
            found = one.post(BACK, one.brought())
            assert (found.status, FLAT in found.body) == (403, True)
            assert one.get("/brief").status == 403
        assert "no rule lets in: 'ada'" in caplog.text


def test_a_form_of_somebody_else(tmp_path: Path) -> None:
    """A form that comes from elsewhere, or from nowhere, begins and ends nothing."""
    with house(tmp_path) as one:
        brought = one.brought()
        asked = len(one.forge.asked)
        for origin in (b"https://evil.example", b"null", None, ORIGIN + b"0"):
            for path, body in ((BEGIN, b""), (BACK, brought)):
                found = one.post(path, body, origin=origin)
                assert (found.status, b"set-cookie" in dict(found.headers)) == (403, False)
        bearing = (b"authorization", b"Bearer x")
        one.cookies = {}
        assert one.post(BEGIN, b"", bearing, origin=None).said(b"set-cookie") == b""
        assert len(one.forge.asked) == asked


def test_a_new_session_takes_the_place_of_the_old(tmp_path: Path) -> None:
    """Whoever signs in again in the same browser has one session, under a value nobody had before."""
    with house(tmp_path) as one:
        one.post(BACK, one.brought())
        before = one.cookies["__Host-quarterdeck"]
        one.post(BACK, one.brought())
        after = one.cookies["__Host-quarterdeck"]
        assert before != after
        one.cookies["__Host-quarterdeck"] = before
        assert one.get("/brief").status == 403
        one.cookies["__Host-quarterdeck"] = after
        assert one.get("/brief").status == 200


def test_only_some_ask_the_forge_at_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A forge that hangs holds only so many; everybody else is turned away at once."""
    with house(tmp_path) as one:
        sent = []
        for _ in range(AT_ONCE + 2):
            brought = one.brought()
            sent.append((brought, dict(one.cookies)))
        one.forge.manners[TOKEN] = "hung"
        ended: list[int] = []

        def end(brought: bytes, cookies: dict[str, str]) -> None:
            said = "; ".join(f"{name}={value}" for name, value in cookies.items()).encode()
            kind = (b"content-type", b"application/x-www-form-urlencoded")
            heads = [(b"host", HOST), (b"origin", ORIGIN), kind, (b"content-length", b"%d" % len(brought))]
            ended.append(ask(one.guard, scope(BACK, "POST", [*heads, (b"cookie", said)], by=peer()), brought).status)

        threads = [threading.Thread(target=end, args=each) for each in sent]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        assert ended == [403] * (AT_ONCE + 2)
        assert len([path for _, path, _, _ in one.forge.asked if path == TOKEN]) == AT_ONCE
    assert "too many try at the same time" in caplog.text


def test_a_ledger_that_cannot_be_written(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Where a session cannot be kept there is none, and the log says why."""
    with house(tmp_path) as one:
        brought = one.brought()
        one.entrance.ledger.close()
        for file in tmp_path.glob("ledger.db*"):
            file.unlink()
        (tmp_path / "ledger.db").mkdir()
        found = one.post(BACK, brought)
    assert (found.status, FLAT in found.body) == (403, True)
    assert "Nobody can come in through the forge." in caplog.text


def test_nothing_secret_is_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Neither the code nor the state, the cookies or the tokens of a sign-in are."""
    caplog.set_level(logging.DEBUG)
    with house(tmp_path) as one:
        brought = one.brought()
        kept = list(one.cookies.values())
        one.post(BACK, brought)
        one.post(BACK, brought)
        words = [*kept, *one.cookies.values(), *one.forge.tokens, *dict(parse_qsl(brought.decode())).values()]
    assert len(words) >= 5
    assert not [word for word in words if word in caplog.text]


def test_anybody_may_arrive_and_only_by_these() -> None:
    """The steps take nothing, and only forms change anything."""
    routes = Arriving.routes.fget(object.__new__(Arriving))  # type: ignore[attr-defined]
    assert {(path, method) for path, methods in routes.items() for method in methods} == {
        ("/sign-in", "POST"),
        ("/signed-in", "GET"),
        ("/signed-in", "POST"),
    }
    assert {route.permission for methods in routes.values() for route in methods.values()} == {Permission.ARRIVE}


def test_whom_the_settings_name_is_asked(tmp_path: Path) -> None:
    """Without settings nobody is; with them, the forge and the issuer that they name."""
    assert (sign_in.forge_login(Settings(), utc_now), sign_in.bearers(Settings(), utc_now)) == (None, None)
    named = Access(
        forge=ForgeSignIn("https://git.example.com/x", "c", None),
        bearer=BearerIssuer("https://id.example.com", "quarterdeck", "https://id.example.com/keys"),
    )
    login, bearers = (
        sign_in.forge_login(Settings(access=named), utc_now),
        sign_in.bearers(Settings(access=named), utc_now),
    )
    assert login is not None
    assert login.origin == "https://git.example.com"
    assert bearers is not None
    assert bearers.claim("a.b.c") is None
