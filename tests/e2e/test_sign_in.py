"""Signing in through a forge that is another site, in a real browser and under its rules for cookies and forms."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from quarterdeck.access.doorman import Witnesses
from quarterdeck.access.forge_login import BACK, ForgeLogin
from quarterdeck.access.guard import Guard
from quarterdeck.access.identity import Way
from quarterdeck.settings import Settings
from quarterdeck.settings.access import Access, Ledger, Rule
from quarterdeck.settings.sign_in import ForgeSignIn
from quarterdeck.web.app import create_app
from quarterdeck.web.arriving import Arriving
from quarterdeck.web.door import Door
from quarterdeck.web.server import Entrances, Server
from quarterdeck.wiring.entrance import entrance, utc_now
from tests.e2e.conftest import Open
from tests.e2e.fleet import fleet
from tests.e2e.serving import LIMIT_S, RunningHub
from tests.fakes.forge_login import ForgeServer


@dataclass
class Place:
    """The pages under one site, and the forge under another."""

    base: str
    forge: ForgeServer


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """Serve the pages at localhost; the forge is at 127.0.0.1, which a browser takes for another site."""
    people = (Rule("forge", "ada", "viewer"),)
    settings = Settings(ledger=Ledger(tmp_path / "ledger.db"), access=Access(people=people))
    made, listener = entrance(settings), socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    with ForgeServer(utc_now) as forge, made.kept():
        application = forge.register(f"http://localhost:{port}{BACK}", confidential=False)
        login = ForgeLogin(ForgeSignIn(forge.url, application.client_id, None), utc_now)
        door = Door(made)
        doorman = made.doorman(settings, Witnesses())
        routes = {**door.routes, **Arriving(login, made, people, door.cookie).routes}
        guard = Guard(create_app(RunningHub(fleet), routes), doorman, sign_in=True)
        guard.open(Way.LOOPBACK)
        server = Server(guard, Entrances(listener, port))
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        deadline = time.monotonic() + LIMIT_S
        while not server.started:
            assert time.monotonic() < deadline, "the server did not start"
            time.sleep(0.02)
        yield Place(f"http://localhost:{port}", forge)
        server.should_exit = server.force_exit = True
        thread.join(LIMIT_S)
        doorman.close()


def signed_in(page: Page, place: Place) -> None:
    """Come as a stranger, and sign in."""
    page.goto(f"{place.base}/brief")
    expect(page.get_by_role("heading", name="This is not open to you")).to_be_visible()
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Come in").click()


@pytest.mark.parametrize("scripts", [True, False])
def test_somebody_signs_in(place: Place, window: Open, scripts: bool) -> None:
    """The browser goes to another site and back, keeps its cookies, and shows the brief, with and without scripts."""
    page = window(scripts=scripts)
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    signed_in(page, place)
    expect(page).to_have_url(f"{place.base}/brief")
    expect(page.get_by_role("link", name="This page as JSON")).to_be_visible()
    assert {(each["name"], each["httpOnly"], each["sameSite"]) for each in page.context.cookies()} == {
        ("__Host-quarterdeck", True, "Strict")
    }
    assert not [line for line in said if "Content Security Policy" in line]


def test_whom_no_rule_names_stays_outside(place: Place, window: Open) -> None:
    """Somebody with an account at the forge is a stranger until a rule names them."""
    place.forge.person.login = "eve"
    page = window()
    signed_in(page, place)
    expect(page.get_by_role("heading", name="This is not open to you")).to_be_visible()
    page.goto(f"{place.base}/brief")
    expect(page.get_by_role("heading", name="This is not open to you")).to_be_visible()
    assert page.context.cookies() == []


def test_an_address_from_somebody_else_signs_nobody_in(place: Place, window: Open) -> None:
    """Who is sent the address of another's sign-in, with a good code in it, ends in nobody."""
    theirs, mine = window(), window()
    theirs.goto(f"{place.base}/brief")
    theirs.get_by_role("button", name="Sign in").click()
    expect(theirs.get_by_role("button", name="Come in")).to_be_visible()
    mine.goto(theirs.url)
    mine.get_by_role("button", name="Come in").click()
    expect(mine.get_by_role("heading", name="This is not open to you")).to_be_visible()
    assert mine.context.cookies() == []
    assert place.forge.tokens == {}, "the code is still the other's"
