"""Coming in, saying who one is, and going out, through the guard."""

from __future__ import annotations

import hashlib
import re
import sqlite3
from collections.abc import Callable, Iterator
from html import unescape
from pathlib import Path
from urllib.parse import urlencode

import pytest

from quarterdeck.access.csrf import Forms
from quarterdeck.access.guard import Guard
from quarterdeck.access.identity import Claim, Peer, Person, Role, Way
from quarterdeck.access.tokens import LIFE
from quarterdeck.settings.access import Rule
from quarterdeck.web.app import create_app
from quarterdeck.web.assets import static_url
from quarterdeck.web.door import SESSIONS_SHOWN, Door
from tests.access.asking import Answer, Header, Scope, asking, opened, scope
from tests.fakes.entrance import LOOPBACK, SERVE, TAILNET, House, house
from tests.fakes.hub import FakeHub
from tests.truth.cast import NOW
from tests.web.worlds import world

pytestmark = pytest.mark.anyio

RULES = (
    Rule("tailnet", "me@example.com", "operator"),
    Rule("tailnet", "you@example.com", "viewer", frozenset({"north"})),
    Rule("forge", "me", "viewer"),
    Rule("tailnet", "south@example.com", "operator", frozenset({"south"})),
)
HOSTS = {Way.LOOPBACK: b"127.0.0.1:8421", Way.TAILNET: b"box.tail.ts.net:8421", Way.SERVE: b"box.tail.ts.net"}
FIELD = re.compile(r'name="csrf" value="([0-9a-f]{64})"')
FLAT = 403
CHANGES = ("/you/sign-out", "/you/end", "/you/end-others", "/people/end", "/people/end-others")


class Browser:
    """Somebody's browser, before the whole house: it keeps cookies, and sends what a page of ours lets it send."""

    def __init__(self, home: House, guard: Guard, peer: Peer = LOOPBACK) -> None:
        self.home, self.guard, self.peer = home, guard, peer
        self.cookie = b""
        self.set_cookie = b""

    async def get(self, place: str, *more: Header, method: str = "GET") -> Answer:
        path, _, query = place.partition("?")
        return await self._send(scope(path, method, self._headers(*more), query=query.encode(), by=self.peer))

    async def post(self, place: str, *more: Header, **fields: str) -> Answer:
        path, _, query = place.partition("?")
        body = urlencode(fields).encode()
        scheme = b"https" if self.peer.way is Way.SERVE else b"http"
        form = (
            (b"origin", scheme + b"://" + HOSTS[self.peer.way]),
            (b"content-type", b"application/x-www-form-urlencoded"),
            (b"content-length", str(len(body)).encode()),
        )
        named = [name for name, _ in more]
        own = [header for header in form if header[0] not in named]
        return await self._send(
            scope(path, "POST", self._headers(*own, *more), query=query.encode(), by=self.peer), body
        )

    async def press(self, page: Answer, action: str, **fields: str) -> Answer:
        """Send a form of a page, as it stands there."""
        forms = re.findall(r'<form method="post" action="([^"]+)"[^>]*>(.*?)</form>', page.body.decode(), re.DOTALL)
        for where, inside in forms:
            hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', inside))
            if unescape(where) == action and hidden.items() >= fields.items():
                return await self.post(unescape(where), **hidden)
        raise AssertionError(f"no such form: {action}")

    def _headers(self, *more: Header) -> list[Header]:
        kept = ((b"cookie", self.cookie),) if self.cookie else ()
        return [(b"host", HOSTS[self.peer.way]), *kept, *more]

    async def _send(self, asked: Scope, body: bytes = b"") -> Answer:
        answer = await asking(self.guard, asked, body)
        if said := answer.said(b"set-cookie"):
            self.set_cookie = said
            pair = said.partition(b";")[0]
            self.cookie = b"" if pair.endswith(b"=") else pair
        return answer


Opened = Callable[..., Browser]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state" / "ledger.db"


@pytest.fixture
def home(file: Path) -> Iterator[House]:
    with house(file, *RULES) as made:
        made.entrance.sessions.keep()
        yield made


@pytest.fixture
def browser(home: House) -> Opened:
    """Opens browsers before one house."""
    front = create_app(FakeHub(world(0, NOW), NOW), Door(home.entrance).routes)
    guard = opened(Guard(front, home.doorman))

    def open_one(peer: Peer = LOOPBACK) -> Browser:
        return Browser(home, guard, peer)

    return open_one


def address(home: House, role: Role = Role.OPERATOR) -> str:
    return f"/enter?token={home.entrance.tokens.offer(role).value}"


async def come_in(visitor: Browser, role: Role = Role.OPERATOR) -> Browser:
    way_in = address(visitor.home, role)
    answer = await visitor.press(await visitor.get(way_in), way_in)
    assert (answer.status, answer.said(b"location")) == (303, b"/brief")
    return visitor


def mode(file: Path, bits: int) -> None:
    file.chmod(bits)


def ids(page: Answer) -> list[int]:
    return [int(number) for number in re.findall(r'id="session-(\d+)"', page.body.decode())]


# --- coming in -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.VIEWER])
async def test_a_one_time_address_lets_in_once(home: House, browser: Opened, role: Role) -> None:
    """Its page says what it makes of one; its button lets in; after that the address is nothing any more."""
    visitor, way_in = browser(), address(home, role)
    page = await visitor.get(way_in)
    assert page.status == 200
    assert f"<b>{role}</b>" in page.body.decode()
    assert (await visitor.get("/brief")).status == FLAT
    assert (await visitor.press(page, way_in)).status == 303
    assert (await visitor.get("/brief")).status == 200
    other = browser()
    assert (await other.get(way_in)).status == FLAT
    assert (await other.press(page, way_in)).status == FLAT
    assert other.cookie == b""


async def test_an_address_that_is_opened_many_times_is_still_good(home: House, browser: Opened, file: Path) -> None:
    """Previews, scanners and HEAD change nothing: the ledger is the same to the byte."""
    way_in = address(home)
    before = {path.name: hashlib.sha256(path.read_bytes()).digest() for path in file.parent.iterdir()}
    for method in ("GET", "HEAD") * 10:
        assert (await browser().get(way_in, method=method)).status == 200
    assert {path.name: hashlib.sha256(path.read_bytes()).digest() for path in file.parent.iterdir()} == before
    assert (await come_in(browser())).cookie


async def test_of_two_who_use_one_address_one_comes_in(home: House, browser: Opened) -> None:
    """Whoever presses second, with the page open since before, is a stranger again."""
    first, second, way_in = browser(), browser(), address(home)
    pages = await first.get(way_in), await second.get(way_in)
    assert (await first.press(pages[0], way_in)).status == 303
    assert (await second.press(pages[1], way_in)).status == FLAT


async def test_an_address_is_over_after_ten_minutes(home: House, browser: Opened) -> None:
    """Also when its page is open already."""
    visitor, way_in = browser(), address(home)
    page = await visitor.get(way_in)
    home.pass_time(LIFE.total_seconds())
    assert (await visitor.press(page, way_in)).status == FLAT
    assert (await visitor.get(way_in)).status == FLAT


async def test_a_guest_gets_the_look_of_the_page_and_nothing_else(home: House, browser: Opened) -> None:
    """With the same token the style is there, so that the page is whole; everything else is shut."""
    way_in = address(home)
    query, visitor = way_in.partition("?")[2], browser()
    page = (await visitor.get(way_in)).body.decode()
    links = [unescape(link) for link in re.findall(r'<link rel="[^"]+" href="([^"]+)">', page)]
    assert {link.partition("?")[0] for link in links} == {"/static/deck.css", "/static/deck.svg"}
    assert [(await visitor.get(link)).status for link in links] == [200, 200]
    assert (await visitor.get(static_url("deck.css"))).status == FLAT
    for place in ("/brief", "/you", "/", "/api/v1/views/brief", "/nothing"):
        answer = await visitor.get(f"{place}?{query}")
        assert (answer.status, b"This is not open to you" in answer.body) == (FLAT, True)


@pytest.mark.parametrize(
    ("peer", "words"),
    [
        (LOOPBACK, b"__Host-quarterdeck=%s; Path=/; Max-Age=604800; HttpOnly; SameSite=Strict; Secure"),
        (SERVE, b"__Host-quarterdeck=%s; Path=/; Max-Age=604800; HttpOnly; SameSite=Strict; Secure"),
        (TAILNET, b"quarterdeck=%s; Path=/; Max-Age=604800; HttpOnly; SameSite=Strict"),
    ],
    ids=lambda value: str(value)[:20],
)
async def test_the_cookie_is_as_strict_as_its_way_allows(
    home: House, browser: Opened, peer: Peer, words: bytes
) -> None:
    """Out of reach of scripts and of other sites; for this very name and only by https where that can be."""
    home.tailnet.claim = None
    visitor = await come_in(browser(peer))
    value = visitor.cookie.partition(b"=")[2]
    assert visitor.set_cookie == words % value
    assert len(value) == 43
    assert (await visitor.get("/brief")).status == 200


async def test_whoever_comes_in_anew_has_another_session(browser: Opened) -> None:
    """The value of before opens nothing any more."""
    visitor = await come_in(browser())
    before = visitor.cookie
    await come_in(visitor)
    assert visitor.cookie != before
    assert (await visitor.get("/brief")).status == 200
    visitor.cookie = before
    assert (await visitor.get("/brief")).status == FLAT


async def test_whoever_is_in_is_told_when_an_address_is_nothing(browser: Opened) -> None:
    """A stranger gets the one answer; whoever is known gets the reason."""
    visitor = await come_in(browser())
    page = await visitor.get("/enter?token=" + "A" * 43)
    assert page.status == 200
    assert b"no token that is still good" in page.body
    assert b"<form" not in page.body
    assert (await browser().get("/enter?token=" + "A" * 43)).status == FLAT


# --- forms -----------------------------------------------------------------------------------------------------------


async def test_a_form_that_was_not_made_for_whoever_sends_it_changes_nothing(browser: Opened) -> None:
    """Without a mark, with somebody else's, or with one from before a restart: refused, and told why."""
    visitor, other = await come_in(browser()), await come_in(browser())
    theirs = FIELD.findall((await other.get("/you")).body.decode())[0]
    before_a_restart = Forms().mark(Person("local", "owner", Role.OPERATOR, session=1))
    for fields in ({}, {"csrf": ""}, {"csrf": theirs}, {"csrf": before_a_restart}, {"csrf": "\0é"}, {"other": "1"}):
        for place in CHANGES:
            answer = await visitor.post(place, **fields)
            assert answer.status == 403
            assert b"load its page again" in answer.body
    assert (await visitor.get("/brief")).status == (await other.get("/brief")).status == 200


@pytest.mark.parametrize(
    "header",
    [
        (b"origin", b"http://evil.example"),
        (b"origin", b"null"),
        (b"origin", b"https://127.0.0.1:8421"),
        (b"origin", b"http://localhost:8421"),
        (b"sec-fetch-site", b"cross-site"),
        (b"content-type", b"text/plain"),
    ],
    ids=str,
)
async def test_no_other_page_can_let_in_or_throw_out(home: House, browser: Opened, header: Header) -> None:
    """A form that another site sends, with the right words in it, changes nothing."""
    visitor, way_in = await come_in(browser()), address(home)
    mark = FIELD.findall((await visitor.get("/you")).body.decode())[0]
    assert (await visitor.post("/you/sign-out", header, csrf=mark)).status in {403, 415}
    guest = browser()
    guest_mark = FIELD.findall((await guest.get(way_in)).body.decode())[0]
    assert (await guest.post(way_in, header, csrf=guest_mark)).status == FLAT
    assert guest.cookie == b""
    assert (await visitor.get("/brief")).status == 200
    assert (await come_in(guest)).cookie


async def test_changes_are_forms_and_nothing_else(browser: Opened) -> None:
    """Following an address changes nothing: there is nothing to be looked at where something is changed."""
    visitor = await come_in(browser())
    for place in CHANGES:
        for method in ("GET", "HEAD"):
            assert (await visitor.get(place, method=method)).status == 405
    assert (await visitor.get("/brief")).status == 200


# --- who one is ------------------------------------------------------------------------------------------------------


async def test_the_page_says_who_one_is(home: House, browser: Opened) -> None:
    """By what one is known, what one may do and see, and since when."""
    visitor = await come_in(browser())
    home.pass_time(600)
    page = (await visitor.get("/you")).body.decode()
    for words in ("You are the owner, operator", "may look and act", "a one-time token", "all agents", "10 min ago"):
        assert words in page
    assert "in a browser, operator" in page


async def test_whom_the_tailnet_knows_has_nothing_to_sign_out_of(home: House, browser: Opened) -> None:
    """The page says how one is known, and offers no button that would do nothing."""
    visitor = browser(TAILNET)
    page = await visitor.get("/you")
    assert b"You are Me, operator" in page.body
    assert b"the tailnet" in page.body
    assert b"/you/sign-out" not in page.body
    mark = home.entrance.forms.mark(Person("tailnet", "me@example.com", Role.OPERATOR))
    answer = await visitor.post("/you/sign-out", csrf=mark)
    assert answer.status == 409
    assert b"no session to end" in answer.body


async def test_a_viewer_sees_their_own_and_nobody_elses(home: House, browser: Opened) -> None:
    """Not that others are there, nor who they are, nor a button for them."""
    await come_in(browser())
    viewer = await come_in(browser(), Role.VIEWER)
    page = await viewer.get("/you")
    assert ids(page) == [2]
    assert b"the owner" not in page.body
    assert b"Sessions of others" not in page.body
    assert b"/people/" not in page.body
    home.tailnet.claim = Claim("tailnet", "you@example.com", "You")
    limited = (await browser(TAILNET).get("/you")).body
    assert b"<dd>north</dd>" in limited


async def test_an_operator_sees_all(home: House, browser: Opened) -> None:
    """Those of others, with who they are; of programs too; of many so many, and how many more."""
    home.entrance.sessions.begin(Claim("forge", "me", "<b>Me</b>\u202e"))
    home.entrance.sessions.begin_bearer("prometheus", Role.VIEWER, 30)
    home.entrance.tokens.offer(Role.VIEWER)
    page = await (await come_in(browser())).get("/you")
    words = page.body.decode()
    assert ids(page)[0] == 3
    assert set(ids(page)) == {1, 2, 3}
    assert "&lt;b&gt;Me&lt;/b&gt;" in words
    assert "by the word of the forge" in words
    assert "prometheus" in words
    assert "for a program, viewer" in words
    assert "1 one-time address is not used yet" in words


async def test_of_very_many_so_many_are_shown(home: House, browser: Opened) -> None:
    """The page stays a page, and says where the others are."""
    for number in range(SESSIONS_SHOWN + 3):
        home.entrance.sessions.begin_bearer(f"p{number}", Role.VIEWER, 30)
    page = await (await come_in(browser())).get("/you")
    assert len(ids(page)) == SESSIONS_SHOWN + 1
    assert b"3 more are not shown" in page.body


# --- going out -------------------------------------------------------------------------------------------------------


async def test_whoever_signs_out_is_out(browser: Opened) -> None:
    """The session is over, its cookie taken away, and what was the cookie opens nothing."""
    visitor, other = await come_in(browser()), await come_in(browser())
    kept = visitor.cookie
    answer = await visitor.press(await visitor.get("/you"), "/you/sign-out")
    assert answer.status == 200
    assert b"You are out" in answer.body
    assert visitor.set_cookie.startswith(b"__Host-quarterdeck=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict; Secure")
    visitor.cookie = kept
    assert (await visitor.get("/brief")).status == FLAT
    assert (await other.get("/brief")).status == 200


async def test_one_of_ones_own_can_be_ended(browser: Opened) -> None:
    """Another browser of one's own is out at once; it is done once."""
    visitor, other = await come_in(browser()), await come_in(browser())
    page = await visitor.get("/you")
    answer = await visitor.press(page, "/you/end", session="2")
    assert (answer.status, answer.said(b"location")) == (303, b"/you")
    assert (await other.get("/brief")).status == FLAT
    again = await visitor.press(page, "/you/end", session="2")
    assert again.status == 404
    assert b"no such session any more" in again.body
    assert (await visitor.get("/brief")).status == 200


async def test_all_of_ones_own_can_be_ended(home: House, browser: Opened) -> None:
    """This one stays, and those of others too."""
    visitor, _, viewer = await come_in(browser()), await come_in(browser()), await come_in(browser(), Role.VIEWER)
    await visitor.press(await visitor.get("/you"), "/you/end-others")
    assert (await visitor.get("/brief")).status == (await viewer.get("/brief")).status == 200
    assert set(ids(await visitor.get("/you"))) == {1, 3}


async def test_a_viewer_ends_nobody_elses(browser: Opened) -> None:
    """Whatever number they send: what is not their own is not there; what takes an operator is not theirs to do."""
    owner, viewer = await come_in(browser()), await come_in(browser(), Role.VIEWER)
    mark = FIELD.findall((await viewer.get("/you")).body.decode())[0]
    assert (await viewer.post("/you/end", csrf=mark, session="1")).status == 404
    for place in ("/people/end", "/people/end-others"):
        refused = await viewer.post(place, csrf=mark, session="1")
        assert refused.status == 403
        assert b"takes an operator" in refused.body
    assert (await owner.get("/brief")).status == 200


async def test_an_operator_of_some_agents_ends_nobody_elses(home: House, browser: Opened) -> None:
    """T17: who may see some agents only is not told who else is in, and throws out nobody of the others."""
    owner = await come_in(browser())
    home.tailnet.claim = Claim("tailnet", "south@example.com")
    theirs = browser(TAILNET)
    page = await theirs.get("/you")
    assert b"operator" in page.body
    assert b"Sessions of others" not in page.body
    mark = home.entrance.forms.mark(Person("tailnet", "south@example.com", Role.OPERATOR))
    for place in ("/people/end", "/people/end-others"):
        refused = await theirs.post(place, csrf=mark, session="1")
        assert refused.status == 403
        assert b"sees all agents" in refused.body
    assert (await owner.get("/brief")).status == 200


async def test_an_operator_ends_anybodys(browser: Opened) -> None:
    """Whose it was is out at once, also in the middle of something."""
    owner, viewer = await come_in(browser()), await come_in(browser(), Role.VIEWER)
    assert (await viewer.get("/brief")).status == 200
    await owner.press(await owner.get("/you"), "/people/end", session="2")
    assert (await viewer.get("/brief")).status == FLAT
    mark = FIELD.findall((await owner.get("/you")).body.decode())[0]
    assert (await owner.post("/people/end", csrf=mark, session="2")).status == 404


async def test_an_operator_ends_everything_but_this(home: House, browser: Opened) -> None:
    """All other sessions and every one-time address, in one step."""
    owner, viewer, way_in = await come_in(browser()), await come_in(browser(), Role.VIEWER), address(home)
    await owner.press(await owner.get("/you"), "/people/end-others")
    assert (await viewer.get("/brief")).status == (await browser().get(way_in)).status == FLAT
    assert (await owner.get("/brief")).status == 200


@pytest.mark.parametrize("number", ["", "x", "-1", "1.0", "1" * 40, "٣"])
async def test_a_number_that_is_none_is_said(browser: Opened, number: str) -> None:
    """What is not the number of a session is an error with a way out."""
    visitor = await come_in(browser())
    mark = FIELD.findall((await visitor.get("/you")).body.decode())[0]
    for place in ("/you/end", "/people/end"):
        answer = await visitor.post(place, csrf=mark, session=number)
        assert answer.status == 400
        assert b"Load /you again" in answer.body


async def test_a_rule_that_is_gone_takes_the_session_with_it(home: House, browser: Opened, file: Path) -> None:
    """Whoever came by the forge is a stranger when no rule names them any more."""
    value = home.entrance.sessions.begin(Claim("forge", "me")).value
    visitor = browser()
    visitor.cookie = f"__Host-quarterdeck={value}".encode()
    assert (await visitor.get("/you")).status == 200
    with house(file, *RULES[:2]) as anew:
        front = create_app(FakeHub(world(0, NOW), NOW), Door(anew.entrance).routes)
        later = Browser(anew, opened(Guard(front, anew.doorman)))
        later.cookie = visitor.cookie
        assert (await later.get("/you")).status == FLAT


# --- when the ledger is in trouble -----------------------------------------------------------------------------------


async def test_what_cannot_be_written_is_not_done(home: House, browser: Opened, file: Path) -> None:
    """Whoever presses a button while the ledger cannot be written is told so; session and token are as before."""
    visitor, way_in = await come_in(browser()), address(home)
    page, guest = await visitor.get("/you"), browser()
    arrival = await guest.get(way_in)
    taken = sqlite3.connect(file, isolation_level=None)
    taken.execute("BEGIN IMMEDIATE")
    for who, where, what in ((visitor, page, "/you/sign-out"), (guest, arrival, way_in)):
        answer = await who.press(where, what)
        assert answer.status == 503
        assert b"Nothing was changed. Somebody else holds the ledger" in answer.body
    taken.execute("ROLLBACK")
    taken.close()
    assert (await visitor.get("/brief")).status == 200
    assert (await guest.press(arrival, way_in)).status == 303


async def test_without_a_ledger_nobody_is_anybody(home: House, browser: Opened, file: Path) -> None:
    """Not the owner, not whom the tailnet knows; and with it they are again, without a restart."""
    visitor, known = await come_in(browser()), browser(TAILNET)
    mode(file, 0o644)
    home.pass_time(2)
    for one in (visitor, known):
        assert (await one.get("/you")).status == FLAT
    mode(file, 0o600)
    home.pass_time(2)
    for one in (visitor, known):
        assert (await one.get("/you")).status == 200
