"""What the tailnet's daemon serves: what is behind it, and what is not understood."""

from __future__ import annotations

import json
from typing import Any

import pytest

from quarterdeck.sources.files import SourceError
from quarterdeck.sources.tailnet.serve import served
from quarterdeck.truth.reading import Reason

WEB = "deck.tail1234.ts.net:443"


def page(handler: object) -> dict[str, Any]:
    return {"TCP": {"443": {"HTTPS": True}}, "Web": {WEB: {"Handlers": {"/": handler}}}}


@pytest.mark.parametrize(
    ("proxy", "place"),
    [
        ("http://127.0.0.1:8710", "127.0.0.1:8710"),
        ("http://LOCALHOST/a/b", "localhost:80"),
        ("https+insecure://10.0.0.9", "10.0.0.9:443"),
        ("http://[::1]:9119", "[::1]:9119"),
        ("127.0.0.1:3000", "127.0.0.1:3000"),
        ("3000", "127.0.0.1:3000"),
        ("unix:/run/quarterdeck/serve.sock", "unix:serve.sock"),
    ],
)
def test_where_requests_are_handed_to(proxy: str, place: str) -> None:
    """What is behind a page is told as host and port, or as the name of a socket."""
    assert served(json.dumps(page({"Proxy": proxy})).encode()).targets == {f"{WEB}/": place}


@pytest.mark.parametrize(
    "config",
    [
        page(None),
        page({}),
        page({"Proxy": "http://[::1"}),
        page({"Proxy": "http://127.0.0.1:99999"}),
        page({"Proxy": "nowhere"}),
        {"TCP": {"22": {}}},
        {"TCP": {"22": None}},
        {"TCP": {"22": {"TCPForward": "127.0.0.1"}}},
        {"Foreground": {"1a": {"Foreground": {"2b": {"TCP": {"443": {"HTTPS": True}}}}}}},
        {"Services": {"svc:all": {"Tun": True}}},
        {"AllowFunnel": {WEB: "yes"}},
        {"Web": []},
    ],
)
def test_what_is_not_understood_makes_the_whole_unknown(config: object) -> None:
    """A part of what is open would look as if the rest were shut."""
    with pytest.raises(SourceError) as failed:
        served(json.dumps(config).encode())
    assert failed.value.reason in {Reason.SCHEMA, Reason.CORRUPT}
    assert "127.0.0.1" not in failed.value.detail


def test_nothing_is_served() -> None:
    """A daemon that serves nothing says null, or nothing."""
    assert served(b"null") == served(b"{}") == ({}, {}, ())
