"""The only door through which anything is sent, against servers that misbehave."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import quarterdeck
from quarterdeck.http import Fault, HttpError, Limits, Poster
from tests.fakes.rude_server import RudeServer, closed_port

QUICK = Limits(connect_s=0.5, silence_s=0.5, total_s=0.8, body=10_000)


def heard(server: RudeServer) -> tuple[str, dict[str, str], bytes]:
    """Return the first line, the heads and the body of the only thing a server has heard."""
    (said,) = server.heard
    head, _, body = said.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    return first, {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}, body


def test_a_form_goes_to_exactly_the_address_it_was_made_for() -> None:
    """Fields are sent as a browser sends them, whatever is in them; heads go along, the kind of content is ours."""
    with RudeServer("well") as server:
        poster = Poster(f"{server.address}/login/oauth/access_token?a=1", QUICK)
        answer = poster.send_form({"code": "a b&c=d\r\n", "ü": "%"}, {"Accept": "application/json"})
    first, heads, body = heard(server)
    assert (answer.status, answer.body) == (200, b"hello")
    assert first == "POST /login/oauth/access_token?a=1 HTTP/1.1"
    assert (heads["content-type"], heads["accept"]) == ("application/x-www-form-urlencoded", "application/json")
    assert body == b"code=a+b%26c%3Dd%0D%0A&%C3%BC=%25"


def test_a_document_goes_as_json() -> None:
    """A document is sent as JSON, and no head that is passed can say otherwise."""
    with RudeServer("well") as server:
        Poster(server.address, QUICK).send_document({"a": [1, None]}, {"Content-Type": "text/plain"})
    _, heads, body = heard(server)
    assert (heads["content-type"], json.loads(body)) == ("application/json", {"a": [1, None]})


@pytest.mark.parametrize(
    ("manner", "fault"),
    [("reset", Fault.CUT), ("reset once", Fault.CUT), ("silent", Fault.SILENT), ("garbage", Fault.NOT_HTTP)],
)
def test_nothing_is_sent_twice(manner: str, fault: Fault) -> None:
    """Whatever becomes of what was sent, it is sent once: it may have arrived."""
    with RudeServer(manner) as server:
        with pytest.raises(HttpError) as failed:
            Poster(server.address, QUICK).send_form({"code": "c"})
        assert (failed.value.fault, len(server.heard)) == (fault, 1)


def test_a_redirect_is_an_answer_and_what_was_sent_is_not_sent_on() -> None:
    """Where a server sends us, a secret in a form does not follow."""
    with RudeServer("elsewhere") as server:
        assert Poster(server.address, QUICK).send_form({"client_secret": "s"}).status == 302
        assert len(server.heard) == 1


def test_a_body_without_end_is_cut() -> None:
    """An answer beyond the limit is taken up to it, and is not whole."""
    with RudeServer("huge") as server:
        answer = Poster(server.address, QUICK).send_form({})
    assert (len(answer.body), answer.whole) == (10_000, False)


@pytest.mark.parametrize(
    "address",
    ["ftp://127.0.0.1/", "http://user:pw@127.0.0.1/", "http:///", "http://127.0.0.1/a b", "http://127.0.0.1:0/", ""],
)
def test_an_address_that_is_none_is_refused_before_there_is_a_poster(address: str) -> None:
    """What cannot be asked cannot be made."""
    with pytest.raises(HttpError) as failed:
        Poster(address, QUICK)
    assert failed.value.fault is Fault.FORBIDDEN


def test_nothing_is_sent_to_the_machinery_of_a_cloud() -> None:
    """The addresses that nobody's service has are refused for sending as for looking, also behind a name."""
    for address in ("http://169.254.169.254/", "http://metadata.example/"):
        poster = Poster(address, QUICK, resolve=lambda host, port: ["169.254.169.254"])
        with pytest.raises(HttpError) as failed:
            poster.send_form({})
        assert failed.value.fault is Fault.FORBIDDEN


def test_a_head_with_a_line_break_leaves_nobody_with_two_requests() -> None:
    """What is passed as a head cannot smuggle a second one."""
    with RudeServer("well") as server:
        with pytest.raises(HttpError):
            Poster(server.address, QUICK).send_form({}, {"X-A": "b\r\nX-Evil: 1"})
        assert b"X-Evil" not in b"".join(server.heard)


def test_nobody_listens() -> None:
    """A refused connection says so."""
    with pytest.raises(HttpError) as failed:
        Poster(f"http://127.0.0.1:{closed_port()}/", QUICK).send_form({})
    assert failed.value.fault is Fault.REFUSED


def test_only_one_module_sends() -> None:
    """The word that sends stands in one module of the program that may use the network, and in no other."""
    rooms = Path(quarterdeck.__file__).parent
    saying = {
        str(file.relative_to(rooms))
        for file in rooms.rglob("*.py")
        if '_ask("POST"' in file.read_text(encoding="utf-8")
    }
    assert saying == {"http/poster.py"}
