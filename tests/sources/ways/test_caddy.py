"""Caddy: what its running configuration and its Caddyfile say of where connections go."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.sources.command import Answer, run
from quarterdeck.sources.files import SourceError
from quarterdeck.sources.ways.caddy import Caddy, decoded, entries, routes, upstream_of
from quarterdeck.sources.ways.told import NOTHING, Seen, Told
from quarterdeck.truth.reading import Reason
from tests.sources.ways.servers import PATH, caddy, free_port, load, program, site
from tests.truth.test_shapes import JSON


def by_file(folder: Path, text: str) -> Seen:
    """What the real Caddy makes of a Caddyfile."""
    file = folder / "Caddyfile"
    file.write_text(text)
    return Caddy(caddyfile=file, path=PATH).ask()


def plain(seen: Seen) -> dict[str, tuple[list[str], list[str]]]:
    return {each.entry: (each.upstreams, each.unread) for each in seen.routes}


def test_an_address_in_a_caddyfile_binds_every_address(tmp_path: Path) -> None:
    """A site that is written with loopback in its name listens on every address: Caddy says so, its file does not."""
    seen = by_file(tmp_path, "{\n admin off\n}\nhttp://127.0.0.1:8081 {\n reverse_proxy 127.0.0.1:9119\n}\n")
    assert plain(seen) == {"[::]:8081": (["127.0.0.1:9119"], [])}
    assert seen.routes[0].open is None


def test_what_is_bound_is_what_listens(tmp_path: Path) -> None:
    """Only `bind` restricts where a site listens; without a port it is 443."""
    inner = "http://inner.example {\n bind 127.0.0.1 ::1\n reverse_proxy localhost:9119\n}\n"
    assert plain(by_file(tmp_path, f"{{\n admin off\n}}\n{inner}example.org {{\n}}\n")) == {
        "127.0.0.1:80": (["localhost:9119"], []),
        "[::1]:80": (["localhost:9119"], []),
        "[::]:443": ([], []),
    }


WHOLE = """
{
 admin off
}
(shared) {
 reverse_proxy 127.0.0.1:9001
}
:8443 {
 basicauth {
  bob JDJhJDE0JEVCNmdaNEg2Ti5iejRMYkF3MFZhZ3VtV3E1SzBWZEZ5Q3VWc0tzOEJwZE9TaFlZdEVkZDhX
 }
 handle_path /x/* {
  reverse_proxy unix//run/x.sock localhost:9000
 }
 @tailnet remote_ip 100.64.0.0/10
 handle @tailnet {
  reverse_proxy 127.0.0.1:9119 {
   @error status 500
   handle_response @error {
    reverse_proxy fallback:9002
   }
  }
 }
 forward_auth authelia:9091 {
  uri /api
 }
 php_fastcgi 127.0.0.1:9003
 import shared
 reverse_proxy /s {http.request.header.x}:80
 reverse_proxy /d {
  dynamic srv _http._tcp.example.org
 }
}
"""


def test_every_upstream_is_found_wherever_it_stands(tmp_path: Path) -> None:
    """Behind logins, lists of addresses, answers of others and snippets; what is only known later is not understood."""
    upstreams, unread = plain(by_file(tmp_path, WHOLE))["[::]:8443"]
    assert upstreams == [
        *("127.0.0.1:9001", "127.0.0.1:9003", "127.0.0.1:9119", "authelia:9091", "fallback:9002", "localhost:9000"),
        "unix:run/x.sock",
    ]
    assert unread == ["dynamic-upstreams", "placeholder"]


def test_a_caddyfile_that_caddy_refuses_is_unknown(tmp_path: Path) -> None:
    """What Caddy cannot read is not empty."""
    with pytest.raises(SourceError) as refused:
        by_file(tmp_path, ":80 {\n reverse_prox 127.0.0.1:9119\n}\n")
    assert refused.value.reason is Reason.CORRUPT


def test_reading_a_caddyfile_leaves_nothing(tmp_path: Path) -> None:
    """Caddy makes folders at home by itself: as we call it, it makes none and writes to nothing."""
    seen = tmp_path / "calls"

    def watched(argv: Sequence[str], environment: Mapping[str, str], limit_s: float) -> Answer:
        calls = "trace=mkdir,mkdirat,creat,rename,renameat,renameat2,unlink,unlinkat,open,openat"
        return run((program("strace"), "-f", "-e", calls, "-o", str(seen), *argv), environment, limit_s * 4)

    (tmp_path / "Caddyfile").write_text(WHOLE)
    assert Caddy(caddyfile=tmp_path / "Caddyfile", path=PATH, command=watched).ask().routes
    made = [line for line in seen.read_text().splitlines() if "= -1" not in line and re.search(WRITES, line)]
    assert made == []


def test_the_admin_api_tells_what_runs(tmp_path: Path) -> None:
    """The running configuration is asked for, by GET; what is loaded later is seen at the next look."""
    admin, port = free_port(), free_port()
    asking = Caddy(admin=f"127.0.0.1:{admin}", path=PATH)
    with caddy(tmp_path, admin):
        own = ("caddy-admin", f"127.0.0.1:{admin}")
        assert [(each.by, each.entry) for each in asking.ask().routes] == [own]
        load(admin, site(f":{port}", "127.0.0.1:9119"))
        assert Told("caddy", f"[::]:{port}", ["127.0.0.1:9119"]) in asking.ask().routes
    with pytest.raises(SourceError) as gone:
        asking.ask()
    assert gone.value.reason is Reason.MISSING


def test_the_admin_api_on_a_socket(tmp_path: Path) -> None:
    """An admin API may be a unix socket."""
    admin, place = free_port(), tmp_path / "admin.sock"
    config = {"admin": {"listen": f"unix/{place}", "config": {"persist": False}}, **site(f":{admin}", "127.0.0.1:9119")}
    with caddy(tmp_path, admin, config):
        found = plain(Caddy(admin=str(place)).ask())
    assert found[f"[::]:{admin}"] == (["127.0.0.1:9119"], [])


class Asked:
    """A caddy that notes what it is asked, and answers with one configuration or not at all."""

    def __init__(self, answer: Answer | SourceError) -> None:
        self.answer, self.asked = answer, list[Sequence[str]]()

    def __call__(self, argv: Sequence[str], environment: Mapping[str, str], limit_s: float) -> Answer:
        self.asked.append(argv)
        if isinstance(self.answer, SourceError):
            raise self.answer
        return self.answer


WRITES = r"mkdir|creat\(|rename|unlink|O_CREAT|O_WRONLY|O_RDWR"
NO_PROGRAM = SourceError(Reason.MISSING, "there is no caddy on this host")


def nowhere(folder: Path, command: Asked, *, runs: bool) -> Caddy:
    usual = (f"127.0.0.1:{free_port()}", folder / "Caddyfile")
    return Caddy(usual=usual, running=lambda _: runs, command=command)


def test_without_caddy_there_is_nothing(tmp_path: Path) -> None:
    """No process and no Caddyfile, or a file that a Caddy left behind that is gone: nothing passes anything on."""
    assert nowhere(tmp_path, Asked(NO_PROGRAM), runs=False).ask() == NOTHING
    (tmp_path / "Caddyfile").write_text(":80 {\n}\n")
    assert nowhere(tmp_path, Asked(NO_PROGRAM), runs=False).ask() == NOTHING


def test_a_caddy_that_cannot_be_read_is_unknown(tmp_path: Path) -> None:
    """Caddy runs without an admin API and without a file, or its file cannot be adapted: never taken for closed."""
    for command, file in ((Asked(NO_PROGRAM), False), (Asked(NO_PROGRAM), True), (Asked(Answer(1, b"", b"")), True)):
        if file:
            (tmp_path / "Caddyfile").write_text(":80 {\n}\n")
        with pytest.raises(SourceError):
            nowhere(tmp_path, command, runs=True).ask()


def test_a_caddyfile_that_may_not_be_looked_for_is_not_absent(tmp_path: Path) -> None:
    """Where the system does not say whether there is a Caddyfile, caddy is asked, and its refusal is told."""
    place = tmp_path / ("x" * 300)  # a name that is refused to everybody
    asking = Caddy(usual=("127.0.0.1:1", place), command=Asked(Answer(1, b"", b"")))
    with pytest.raises(SourceError):
        asking.ask()


def test_an_admin_api_that_others_reach_opens_everything() -> None:
    """Who may speak to it can make any way there is; on loopback that is nobody else."""
    open_to_all = routes({"admin": {"listen": ":2019"}}, is_running=True)
    assert open_to_all == (Told("caddy-admin", "[::]:2019", ["*"]),)
    assert routes({"admin": {"listen": "localhost:2019"}}, is_running=True)[0].entry == "127.0.0.1:2019"
    assert routes({"admin": {"disabled": True, "listen": ":2019"}}, is_running=True) == ()


def test_what_this_release_does_not_know_is_said() -> None:
    """A handler or an application that may lead anywhere is a part that is not understood."""
    server = {"listen": [":80"], "routes": [{"handle": [{"handler": "forward_proxy"}]}]}
    config = {"apps": {"http": {"servers": {"a": server}}, "tls": {}, "exec": {"commands": []}}}
    assert routes(config, is_running=True) == (
        Told("caddy", "[::]:80", [], ["handler-forward_proxy"]),
        Told("caddy", "somewhere", [], ["app-exec"]),
    )


def test_connections_below_http_are_found() -> None:
    """The application for layer 4 writes its upstreams as lists."""
    route = {"handle": [{"handler": "proxy", "upstreams": [{"dial": ["tcp/127.0.0.1:9119", "unix//run/y.sock"]}]}]}
    config = {"apps": {"layer4": {"servers": {"a": {"listen": ["tcp/0.0.0.0:5000", "udp/:53"], "routes": [route]}}}}}
    assert routes(config, is_running=True) == (Told("caddy", "0.0.0.0:5000", ["127.0.0.1:9119", "unix:run/y.sock"]),)


@pytest.mark.parametrize(
    ("listen", "found"),
    [
        (":443", ["[::]:443"]),
        ("0.0.0.0:80", ["0.0.0.0:80"]),
        ("tcp4/192.0.2.7:80", ["192.0.2.7:80"]),
        ("[::1]:80", ["[::1]:80"]),
        ("localhost:80", ["127.0.0.1:80"]),
        (":8000-8002", ["[::]:8000", "[::]:8001", "[::]:8002"]),
        ("unix//run/c.sock|0660", ["unix:run/c.sock"]),
        ("udp/:443", []),
        ("fd/3", ["somewhere"]),
        (":1-60000", ["somewhere"]),
        (":0", ["somewhere"]),
        (":9-5", ["somewhere"]),
        ("{env.LISTEN}", ["somewhere"]),
        (":http", ["somewhere"]),
        ("deck.example:80", ["deck.example:80"]),
    ],
)
def test_listeners_are_understood(listen: str, found: list[str]) -> None:
    """Every form of a listener is told, and one that is not understood is somewhere, not nowhere."""
    assert list(entries(listen)) == found


@pytest.mark.parametrize(
    ("dial", "found"),
    [
        (":9119", "localhost:9119"),
        ("[::1]:9119", "[::1]:9119"),
        ("tcp/App:80", "app:80"),
        ("unix//run/x.sock", "unix:run/x.sock"),
        ("{env.UP}", None),
        ("app", None),
        ("app:99999", None),
    ],
)
def test_dials_are_understood(dial: str, found: str | None) -> None:
    """Every form of an upstream is told; one that is not understood is not an address."""
    assert upstream_of(dial) == found


@pytest.mark.parametrize("body", [b"", b"<html>", b"[[[[", b"\xff", b"[" * 100_000])
def test_what_is_no_json_is_unknown(body: bytes) -> None:
    """An answer that cannot be read is not empty."""
    with pytest.raises(SourceError):
        decoded(body)


@given(JSON)
def test_no_configuration_is_an_accident(config: object) -> None:
    """Any JSON at all is routes, or a reason why there are none."""
    with suppress(SourceError):
        assert all(each.entry for each in routes(config, is_running=True))


@given(
    st.recursive(
        st.none() | st.text(max_size=8),
        lambda inner: (
            st.dictionaries(
                st.sampled_from(
                    ["handler", "dial", "upstreams", "routes", "listen", "servers", "apps", "http", "admin"]
                ),
                inner,
            )
            | st.lists(inner, max_size=3)
        ),
        max_leaves=20,
    )
)
def test_nothing_in_a_configuration_is_an_accident(config: Any) -> None:
    """Known words in unknown places break nothing."""
    whole = {"apps": {"http": {"servers": {"a": config}}}, "admin": config}
    assert routes(json.loads(json.dumps(whole)), is_running=False) is not None
