"""The guard: what a request must look like, whoever sends it."""

from __future__ import annotations

from typing import Final

import pytest

from quarterdeck.access.identity import Way
from quarterdeck.access.shape import LONGEST_BODY, LONGEST_TARGET
from tests.access.asking import (
    CHANGE,
    FORM_SENT,
    HOST,
    ORIGIN,
    Header,
    ask,
    peer,
    scope,
)
from tests.access.houses import house

# --- changes (T3, T4) ---

WRONG_ORIGINS: Final = (
    *(
        None,
        b"",
        b"null",
        b"http://evil.example",
        b"https://127.0.0.1:8421",
        b"http://127.0.0.1",
        b"http://127.0.0.1:80",
    ),
    *(
        b"http://127.0.0.1:84210",
        b"http://127.0.0.1:8421/",
        b"http://127.0.0.1:8421.evil.example",
        b"http://127.0.0.1:842",
    ),
    *(b"http://localhost:8421", b"http://[::1]:8421", b"HTTP://127.0.0.1:8421", b"http://user@127.0.0.1:8421"),
    *(b"127.0.0.1:8421", b"http://127.0.0.1:8421 http://evil.example", b"http://127.0.0.1:8421, null", b"file://"),
    *(b"http://127.0.0.1:8421\x00", b" http://127.0.0.1:8421", b"chrome-extension://abcdef"),
)


@pytest.mark.parametrize("origin", WRONG_ORIGINS)
def test_a_change_comes_from_a_page_of_ours(origin: bytes | None) -> None:
    """T3: without the one right Origin, scheme, name and port, nothing changes; the operator is told which is right."""
    there = house()
    headers = [(b"host", HOST), *FORM_SENT] + ([] if origin is None else [(b"origin", origin)])
    assert ask(there.guard, scope("/act", "POST", headers, by=peer())).status == 403
    assert there.inside.came == []
    assert "http://127.0.0.1:8421" in there.inside.told[0][1]


@pytest.mark.parametrize(
    ("way", "host", "origin"),
    [
        (Way.LOOPBACK, b"localhost:8421", b"http://localhost:8421"),
        (Way.LOOPBACK, b"[::1]:8421", b"http://[::1]:8421"),
        (Way.LOOPBACK, b"localhost:9000", b"http://localhost:9000"),
        (Way.TAILNET, b"box:8421", b"http://box:8421"),
        (Way.SERVE, b"box.tail.ts.net", b"https://box.tail.ts.net"),
    ],
)
def test_the_right_origin_is_what_stands_in_the_address_bar(way: Way, host: bytes, origin: bytes) -> None:
    """Over a tunnel to another port, on the tailnet, and by https: the page's own origin is right, and http is not
    https.
    """
    change = [(b"host", host), *FORM_SENT]
    assert ask(house().guard, scope("/act", "POST", [*change, (b"origin", origin)], by=peer(way))).status == 200
    other = b"http" + origin.removeprefix(b"https") if way is Way.SERVE else b"https" + origin.removeprefix(b"http")
    assert ask(house().guard, scope("/act", "POST", [*change, (b"origin", other)], by=peer(way))).status == 403


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ([(b"authorization", b"Bearer x")], 200),
        ([(b"authorization", b"Bearer x"), (b"cookie", b"a=b")], 403),
        ([(b"authorization", b"Bearer x"), (b"origin", b"http://evil.example")], 403),
        ([(b"authorization", b"Bearer x"), (b"origin", b"null")], 403),
        ([(b"cookie", b"a=b")], 403),
    ],
)
def test_who_shows_a_token_and_nothing_of_a_browser_needs_no_origin(more: list[Header], status: int) -> None:
    """A program that shows a bearer token may change things; what a browser could be made to send may not."""
    answer = ask(house().guard, scope("/act", "POST", [(b"host", HOST), *FORM_SENT, *more], by=peer()))
    assert answer.status == status


@pytest.mark.parametrize(
    ("media", "status"),
    [
        (b"application/x-www-form-urlencoded", 200),
        (b"application/x-www-form-urlencoded; charset=utf-8", 200),
        (b"APPLICATION/X-WWW-FORM-URLENCODED", 200),
        (b"text/plain", 415),
        (b"multipart/form-data; boundary=x", 415),
        (b"application/json", 415),
        (b"text/plain; application/x-www-form-urlencoded", 415),
        (b"application/x-www-form-urlencoded, text/plain", 415),
        (b"", 415),
        (None, 415),
    ],
)
def test_a_change_is_sent_as_a_form(media: bytes | None, status: int) -> None:
    """T4: the other types that a page of another site could send without asking first are refused."""
    headers = [(b"host", HOST), (b"origin", ORIGIN), (b"content-length", b"3")]
    headers += [] if media is None else [(b"content-type", media)]
    assert ask(house().guard, scope("/act", "POST", headers, by=peer())).status == status


@pytest.mark.parametrize("site", [b"cross-site", b"same-site", b"", b"evil", b"SAME-ORIGIN"])
@pytest.mark.parametrize(
    ("method", "mode", "status"),
    [
        ("GET", None, 403),
        ("GET", b"no-cors", 403),
        ("GET", b"cors", 403),
        ("GET", b"navigate", 200),
        ("POST", b"navigate", 403),
        ("POST", b"cors", 403),
    ],
)
def test_pages_of_others_get_nothing_embedded(site: bytes, method: str, mode: bytes | None, status: int) -> None:
    """T6, T18: an image, a script or a fetch on another site's page shows nothing, also on another port of this
    machine; following a link does.
    """
    path, headers = ("/brief", [(b"host", HOST)]) if method == "GET" else ("/act", list(CHANGE))
    headers += [(b"sec-fetch-site", site)] + ([] if mode is None else [(b"sec-fetch-mode", mode)])
    there = house()
    for _ in range(2):
        assert ask(there.guard, scope(path, method, headers, by=peer())).status == status


@pytest.mark.parametrize("site", [b"same-origin", b"none"])
def test_our_own_pages_and_people_get_what_they_ask_for(site: bytes) -> None:
    """What a page of ours or a person began is answered."""
    assert ask(house().guard, scope(headers=[(b"host", HOST), (b"sec-fetch-site", site)], by=peer())).status == 200
    assert ask(house().guard, scope("/act", "POST", [*CHANGE, (b"sec-fetch-site", site)], by=peer())).status == 200


# --- sizes ---


@pytest.mark.parametrize(
    ("method", "length", "status"),
    [
        ("POST", b"0", 200),
        ("POST", b"%d" % LONGEST_BODY, 200),
        ("POST", b"%d" % (LONGEST_BODY + 1), 413),
        ("POST", b"9" * 40, 413),
        ("POST", b"9" * 5_000, 413),
        ("POST", b"-1", 413),
        ("POST", b"+1", 413),
        ("POST", b"1_0", 413),
        ("POST", b"0x10", 413),
        ("POST", b"", 413),
        ("POST", "\u0661".encode(), 413),
        ("GET", b"0", 200),
        ("GET", b"1", 413),
        ("HEAD", b"1", 413),
    ],
)
def test_what_is_sent_has_a_size_that_is_taken(method: str, length: bytes, status: int) -> None:
    """Nothing that is longer than any form of ours is read, nor anything that is sent with a look."""
    headers = [(b"host", HOST), (b"origin", ORIGIN), FORM_SENT[0], (b"content-length", length)]
    there = house()
    for _ in range(2):
        answer = ask(there.guard, scope("/act" if method == "POST" else "/brief", method, headers, by=peer()))
        assert answer.status == status


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_chunks_are_not_taken(method: str) -> None:
    """T27: what does not say how long it is, is not read, also from somebody who came a moment ago."""
    there = house()
    assert ask(there.guard, scope(by=peer())).status == 200
    answer = ask(there.guard, scope(method=method, headers=[*CHANGE, (b"transfer-encoding", b"chunked")], by=peer()))
    assert answer.status == 411


def test_an_address_has_a_length() -> None:
    """T27: what is longer than any address of ours is refused with the reason, also from somebody who was here."""
    there = house()
    assert ask(there.guard, scope(by=peer())).status == 200
    assert ask(there.guard, scope(query=b"a" * LONGEST_TARGET, by=peer())).status == 414
    assert ask(there.guard, scope("/" + "a" * LONGEST_TARGET, by=peer())).status == 414
