"""The door in a real browser: pages of others, names that are made to point at us, and coming in and going out.

Where it is not about coming in, whoever asks is taken for the operator: so it is in a tailnet, where no cookie is
needed. What then keeps others out is the guard alone, and what a browser lets pages do.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, Page, expect

from quarterdeck.access.identity import Permission
from quarterdeck.views import VIEWS
from quarterdeck.web.answers import TEXT, Answer, answer
from quarterdeck.web.app import Ask, Route
from tests.e2e.commands import Terminal, Up
from tests.e2e.conftest import CHROMIUM, LIMIT_MS, QUIET, Open
from tests.e2e.fleet import fleet
from tests.e2e.serving import Served, serving
from tests.e2e.test_pages import ABOUT, Record
from tests.fakes.visitor import WAY_IN, Visitor

NOT_OPEN: Final = "This is not open to you"
SECRET: Final = "north"
"""What stands on our pages and must not reach others."""
EVIL: Final = "evil.example"


class Changes:
    """A route that changes something, and counts how often."""

    def __init__(self) -> None:
        self.count = 0

    async def __call__(self, _ask: Ask) -> Answer:
        """Change."""
        self.count += 1
        return answer(b"changed", TEXT)


@pytest.fixture(scope="module")
def changes() -> Changes:
    """What must not be reached."""
    return Changes()


@pytest.fixture(scope="module")
def deck(changes: Changes) -> Iterator[Served]:
    """The fleet, and something to change; everybody is taken for the operator."""
    with serving(fleet, {"/act": {"POST": Route(Permission.ACT, changes)}}) as served:
        yield served


@pytest.fixture(scope="module")
def misled(browser: Browser) -> Iterator[Browser]:
    """A browser for which foreign names point at this machine, as a rebound name does."""
    rules = f"--host-resolver-rules=MAP {EVIL} 127.0.0.1, MAP *.evil.example 127.0.0.1"
    misled = browser.browser_type.launch(executable_path=CHROMIUM, args=[*QUIET, rules])
    yield misled
    misled.close()


def port(served: Served) -> str:
    """The port of a server."""
    return served.base.rpartition(":")[2]


# --- names that are made to point at us (T2) -------------------------------------------------------------------------

ASK: Final = """async (path) => {
    const answer = await fetch(path);
    return [answer.status, await answer.text()];
}"""


@pytest.mark.parametrize("name", [EVIL, "127.0.0.1.evil.example", "localhost.evil.example"])
def test_a_rebound_name_shows_nothing(deck: Served, misled: Browser, name: str) -> None:
    """T2: a page of another site whose name is made to point at us gets the stranger's answer, of every page, of its
    data, its streams and its files, though the browser takes it for its own origin.
    """
    page = misled.new_page()
    page.set_default_timeout(LIMIT_MS)
    base = f"http://{name}:{port(deck)}"
    for view in VIEWS:
        page.goto(f"{base}/{view}")
        expect(page.locator("h1")).to_have_text(NOT_OPEN)
    for path in ("/brief", "/api/v1/views/brief", "/api/v1/views", "/live/brief", "/static/deck.js", "/nowhere"):
        status, text = page.evaluate(ASK, path)
        assert (status, SECRET in text, NOT_OPEN in text) == (403, False, True)
    page.close()


def test_a_rebound_name_changes_nothing(deck: Served, changes: Changes, misled: Browser) -> None:
    """T2: nor does a form of such a page, though its Origin and its Host agree."""
    page = misled.new_page()
    page.goto(f"http://{EVIL}:{port(deck)}/brief")
    form = "{method: 'POST', headers: {'content-type': 'application/x-www-form-urlencoded'}, body: 'a=b'}"
    assert page.evaluate(f"fetch('/act', {form}).then((answer) => answer.status)") == 403
    assert changes.count == 0
    page.close()


def test_the_right_name_works_in_the_same_browser(deck: Served, misled: Browser) -> None:
    """What keeps a rebound name out lets loopback's own names in."""
    page = misled.new_page()
    for name in ("127.0.0.1", "localhost"):
        page.goto(f"http://{name}:{port(deck)}/brief")
        expect(page.locator("main")).to_contain_text(SECRET)
    page.close()


# --- pages of others (T3, T6, T18) -----------------------------------------------------------------------------------

ATTACK: Final = """<!doctype html><title>nice</title>
<iframe name="sink" hidden></iframe><div id="here"></div>
<script>
const target = %s, results = {};
const note = (name, promise) => promise.then((r) => results[name] = r, (e) => results[name] = "failed");
const form = new URLSearchParams({a: "b"});
async function read(url, options) {
    const answer = await fetch(url, options);
    return answer.type + ":" + answer.status + ":" + (await answer.text());
}
function tag(name, attributes) {
    return new Promise((done) => {
        const made = Object.assign(document.createElement(name), attributes);
        made.onload = () => done("loaded");
        made.onerror = () => done("failed");
        document.body.append(made);
        setTimeout(() => done("nothing"), 1500);
    });
}
function post(kind, body) {
    const made = document.createElement("form");
    Object.assign(made, {method: "POST", action: target + "/act", enctype: kind, target: "sink"});
    made.innerHTML = '<input name="a" value="b">';
    document.body.append(made);
    made.submit();
    return new Promise((done) => setTimeout(() => done("sent"), 300));
}
async function all() {
    await Promise.all([
        note("cors", read(target + "/api/v1/views/brief", {mode: "cors", credentials: "include"})),
        note("no-cors", read(target + "/api/v1/views/brief", {mode: "no-cors", credentials: "include"})),
        note("post", read(target + "/act", {method: "POST", body: form, mode: "no-cors", credentials: "include"})),
        note("post text", read(target + "/act", {method: "POST", body: "a=b", mode: "no-cors"})),
        note("post json", read(target + "/act", {method: "POST", body: "{}", headers: {"content-type": "text/json"}})),
        note("delete", read(target + "/act", {method: "DELETE"})),
        note("image", tag("img", {src: target + "/brief"})),
        note("picture", tag("img", {src: target + "/static/deck.svg"})),
        note("script", tag("script", {src: target + "/static/deck.js"})),
        note("data as script", tag("script", {src: target + "/api/v1/views/brief"})),
        note("style", tag("link", {rel: "stylesheet", href: target + "/static/deck.css"})),
        note("object", tag("object", {data: target + "/brief"})),
        note("embed", tag("embed", {src: target + "/brief"})),
        note("stream", new Promise((done) => {
            const stream = new EventSource(target + "/live/brief", {withCredentials: true});
            stream.onmessage = stream.onopen = () => done("opened");
            stream.onerror = () => done("failed");
        })),
        note("socket", new Promise((done) => {
            const socket = new WebSocket(target.replace("http", "ws") + "/live/brief");
            socket.onopen = () => done("opened");
            socket.onerror = () => done("failed");
        })),
    ]);
    navigator.sendBeacon(target + "/act", form);
    for (const kind of ["application/x-www-form-urlencoded", "multipart/form-data", "text/plain"]) await post(kind);
    return results;
}
</script>"""


class Others:
    """A site of somebody else, with whatever page a test gives it."""

    def __init__(self) -> None:
        self.page = ""
        self.asked: list[dict[str, str]] = []

    @property
    def port(self) -> int:
        """Its port."""
        return int(self._server.server_address[1])

    @contextmanager
    def running(self) -> Iterator[Others]:
        """Serve."""
        others = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                others.asked.append(dict(self.headers.items()))
                body = others.page.encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join(10)


@pytest.fixture
def others() -> Iterator[Others]:
    """A site of somebody else."""
    with Others().running() as site:
        yield site


@pytest.mark.parametrize("name", [EVIL, "localhost", "127.0.0.1"], ids=["another site", "another name", "another port"])
def test_no_page_of_others_shows_or_changes_anything(
    deck: Served, changes: Changes, misled: Browser, others: Others, name: str
) -> None:
    """T3, T6, T7, T18: by no image, script, style, fetch, form, beacon, stream or socket does a page of another site,
    or of another program of this very machine, learn or change anything. The operator's browser is asked to.
    """
    others.page = ATTACK % json.dumps(deck.base)
    page = misled.new_page()
    page.goto(f"http://{name}:{others.port}/")
    results = page.evaluate("all()")
    page.wait_for_timeout(300)
    assert changes.count == 0
    assert len(results) == 15
    for how, result in results.items():
        assert SECRET not in str(result), how
        assert "loaded" not in result or how in {"object", "embed"}, how
        assert result != "opened", how
    assert results["cors"] == results["stream"] == results["socket"] == "failed"
    page.close()


@pytest.mark.parametrize("path", ["/brief", "/nowhere", "/static/deck.svg", "/api/v1/views/brief"])
def test_nothing_of_ours_stands_in_a_frame(deck: Served, window: Open, others: Others, path: str) -> None:
    """T8: neither a page nor an error nor a file is shown in a frame of another page: nothing can be laid over it."""
    others.page = f'<!doctype html><iframe id="ours" src="{deck.base}{path}" width="800" height="600"></iframe>'
    page = window()
    refused: list[str] = []
    page.on("console", lambda message: refused.append(message.text))
    page.goto(f"http://localhost:{others.port}/")
    page.wait_for_load_state("networkidle")
    frame = page.frames[1]
    assert frame.url.startswith("chrome-error:") or SECRET not in frame.content()
    assert any("frame" in each.lower() for each in refused)


def test_a_page_of_others_that_opens_ours_holds_nothing_of_it(deck: Served, window: Open, others: Others) -> None:
    """T9: a window that another page opened with ours in it tells that page nothing, and cannot be steered by it."""
    others.page = f"<!doctype html><script>const opened = () => window.held = open('{deck.base}/brief')</script>"
    page = window()
    page.goto(f"http://localhost:{others.port}/")
    with page.expect_popup() as popup:
        page.evaluate("void opened()")
    ours = popup.value
    expect(ours.locator("main")).to_contain_text(SECRET)
    assert ours.evaluate("window.opener") is None
    assert page.evaluate("window.held.closed") is True


def test_others_are_not_told_where_somebody_came_from(deck: Served, window: Open, others: Others) -> None:
    """T9: whoever follows a link from our pages does not tell which page it was, nor that it was ours."""
    others.page = "<!doctype html><p>here"
    page = window()
    page.goto(f"{deck.base}/brief?instance=all")
    page.evaluate(
        f"""() => {{
            const link = Object.assign(document.createElement('a'), {{ href: 'http://localhost:{others.port}/' }});
            document.body.append(link);
            link.click();
        }}"""
    )
    expect(page.locator("p")).to_have_text("here")
    assert "Referer" not in others.asked[0]


# --- what our own pages are allowed (T8) -----------------------------------------------------------------------------


def test_nothing_but_our_own_files_runs_on_our_pages(deck: Served, window: Open) -> None:
    """T8: a script in a page, an attribute that is one, a style of an element, evaluated text and a picture from
    elsewhere are refused by the browser, were they to get there.
    """
    page = window()
    page.goto(deck.base + "/brief")
    page.evaluate("""() => {
        window.refused = [];
        document.addEventListener("securitypolicyviolation", (event) => window.refused.push(event.violatedDirective));
    }""")
    page.evaluate("""() => {
        const put = (html) => document.body.insertAdjacentHTML("beforeend", html);
        put('<img src="x" onerror="window.ran = 1">');
        put('<b style="color:red">b</b>');
        put('<img src="http://evil.example/x.png">');
        put('<iframe src="https://evil.example/"></iframe>');
        put('<form id="out" method="post" action="http://evil.example/"><input name="a"></form>');
        const script = document.createElement("script");
        script.textContent = "window.ran = 2";
        document.body.append(script);
        const foreign = document.createElement("script");
        foreign.src = "data:text/javascript,window.ran=3";
        document.body.append(foreign);
        document.getElementById("out").submit();
        fetch("http://evil.example/").catch(() => 0);
    }""")
    page.wait_for_function("window.refused.length >= 7")
    refused = set(page.evaluate("window.refused"))
    assert {"script-src-attr", "script-src-elem", "style-src-attr", "img-src", "connect-src", "form-action"} <= refused
    assert page.evaluate("window.ran") is None


# --- coming in and going out (T11, T15, T16) -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home to watch."""
    home = tmp_path_factory.mktemp("homes") / "north"
    home.mkdir()
    (home / "config.yaml").write_text("model: {default: large-model-1, provider: example}\n")
    return home


def way_in(up: Up, said: str) -> str:
    """Return the one-time address among other words, at the port of a hub."""
    found = WAY_IN.search(said)
    assert found, said
    return up.base + found[2]


def come_in(page: Page, address: str) -> None:
    """Open a one-time address and press its button."""
    page.goto(address)
    page.get_by_role("button", name="Come in").click()
    expect(page).to_have_url(address.partition("/enter")[0] + "/brief")


def test_somebody_comes_in_once_and_goes_out(tmp_path: Path, home: Path, window: Open) -> None:
    """T11, T15, T16: the address that `up` prints lets one browser in, once; its cookie is as strict as it can be, and
    after signing out it is worth nothing; nothing on the way breaks the policy.
    """
    with Terminal(tmp_path).up(home) as up:
        first, second = window(), window(scripts=False)
        for each in (first, second):
            each.goto(up.base + "/brief")
            expect(each.locator("h1")).to_have_text(NOT_OPEN)
        first.goto(way_in(up, up.out.read_text()))  # the visitor of the terminal has used it already
        expect(first.locator("h1")).to_have_text(NOT_OPEN)
        fresh = way_in(up, Terminal(tmp_path).run("enter").out)
        record = Record(first)
        come_in(first, fresh)
        (cookie,) = first.context.cookies()
        assert (cookie["name"], cookie["domain"], cookie["path"]) == ("__Host-quarterdeck", "127.0.0.1", "/")
        assert (cookie["secure"], cookie["httpOnly"], cookie["sameSite"]) == (True, True, "Strict")
        assert len(cookie["value"]) >= 43
        assert first.evaluate("document.cookie") == ""
        second.goto(fresh)
        expect(second.locator("h1")).to_have_text(NOT_OPEN)
        for view in VIEWS:
            first.goto(f"{up.base}/{view}?{ABOUT.get(view, '')}")
        first.goto(up.base + "/you")
        left = ("/live/", "/static/deck.svg")  # a page's stream and picture that end because the page is left
        assert [each for each in record.complaints if not any(one in each for one in left)] == []
        second.context.add_cookies([Visitor(up.base, f"{cookie['name']}={cookie['value']}").browser_cookie()])
        second.goto(up.base + "/brief")
        expect(second.locator("main")).to_contain_text("north")
        first.get_by_role("button", name="Sign out").click()
        expect(first.locator("h1")).to_have_text("You are out")
        assert first.context.cookies() == []
        for each in (first, second):
            each.goto(up.base + "/brief")
            expect(each.locator("h1")).to_have_text(NOT_OPEN)


def test_an_open_page_ends_with_the_session(tmp_path: Path, home: Path, window: Open) -> None:
    """T15, T18: when an operator ends a session from the terminal, a page that it has open is told nothing more within
    seconds, and says that what it shows grows old.
    """
    with Terminal(tmp_path).up(home) as up:
        page = window()
        come_in(page, way_in(up, Terminal(tmp_path).run("enter").out))
        expect(page.locator(".live .word")).to_have_text("live")
        assert Terminal(tmp_path).run("sessions", "revoke", "--all").code == 0
        expect(page.locator(".live .word")).not_to_have_text("live")
        page.goto(up.base + "/brief")
        expect(page.locator("h1")).to_have_text(NOT_OPEN)
