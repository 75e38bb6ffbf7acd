"""nginx: what its configuration says of where connections go."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quarterdeck.sources.files import SourceError
from quarterdeck.sources.ways.nginx import Nginx, routes
from quarterdeck.sources.ways.nginx_conf import FILES_LIMIT, read
from quarterdeck.sources.ways.told import NOTHING
from quarterdeck.truth.reading import Reason
from tests.sources.ways.servers import accepts, nginx_conf


def told(conf: Path) -> dict[str, tuple[list[str], list[str]]]:
    """What a configuration says, by entry."""
    return {each.entry: (each.upstreams, each.unread) for each in routes(read(conf))}


ENTRIES = {
    "listen 8080;": ["[::]:8080"],
    "listen *:8080;": ["[::]:8080"],
    "listen 127.0.0.1:8080;": ["127.0.0.1:8080"],
    "listen [::1]:8080;": ["[::1]:8080"],
    "listen [::]:8080 ipv6only=on;": ["[::]:8080"],
    "listen 127.0.0.1;": ["127.0.0.1:80"],
    "listen localhost:8080;": ["127.0.0.1:8080"],
    "listen unix:/tmp/quarterdeck-test.sock;": ["unix:tmp/quarterdeck-test.sock"],
    "": ["[::]:80", "[::]:8000"],
    "listen 127.0.0.1:8080; listen 8081 default_server reuseport;": ["127.0.0.1:8080", "[::]:8081"],
}


@pytest.mark.parametrize("listen", ENTRIES)
def test_where_it_listens(tmp_path: Path, listen: str) -> None:
    """Every form of a listener that nginx takes is understood; a server without one listens where nginx puts it."""
    conf = nginx_conf(tmp_path, f"server {{ {listen} location / {{ proxy_pass http://127.0.0.1:9119; }} }}")
    assert accepts(conf)
    assert told(conf) == {entry: (["127.0.0.1:9119"], []) for entry in ENTRIES[listen]}


PASSED: dict[str, tuple[list[str], list[str]] | None] = {
    "proxy_pass http://127.0.0.1:9119;": (["127.0.0.1:9119"], []),
    "proxy_pass http://127.0.0.1:9119/api/;": (["127.0.0.1:9119"], []),
    "proxy_pass https://[::1]:9119;": (["[::1]:9119"], []),
    "proxy_pass http://localhost;": (["localhost:80"], []),
    "proxy_pass https://localhost;": (["localhost:443"], []),
    "proxy_pass http://unix:/run/x.sock:/y/;": (["unix:run/x.sock"], []),
    "proxy_pass http://group;": (["127.0.0.1:9119", "127.0.0.2:80", "unix:run/y.sock"], []),
    "proxy_pass http://$host:9119;": ([], ["variable"]),
    "set $up 127.0.0.1:9119; proxy_pass http://$up;": ([], ["variable"]),
    "fastcgi_pass 127.0.0.1:9119;": (["127.0.0.1:9119"], []),
    "uwsgi_pass group;": (["127.0.0.1:9119", "127.0.0.2:80", "unix:run/y.sock"], []),
    "scgi_pass unix:/run/z.sock;": (["unix:run/z.sock"], []),
    "if ($arg_x) { proxy_pass http://127.0.0.1:9119; }": (["127.0.0.1:9119"], []),
    "limit_except GET { proxy_pass http://127.0.0.1:9119; }": (["127.0.0.1:9119"], []),
    "location /a/b { proxy_pass http://127.0.0.1:9119; }": (["127.0.0.1:9119"], []),
    "allow 100.64.0.0/10; deny all; auth_basic x; proxy_pass http://127.0.0.1:9119;": (["127.0.0.1:9119"], []),
    "return 204;": ([], []),
    '# proxy_pass http://127.0.0.1:9119;\n return 200 "} { ; # proxy_pass http://127.0.0.1:9119;";': ([], []),
    "return 200 'it\\'s; {';": ([], []),
    'add_header X "a\\"b;{" always; proxy_pass "http://127.0.0.1:9119";': (["127.0.0.1:9119"], []),
    "proxy_pass http://127.0.0.1:9119; # }\n": (["127.0.0.1:9119"], []),
    "rewrite ^/(\\d{1,3})$ /x/$1 last; proxy_pass http://127.0.0.1:9119;": None,
    'rewrite "^/(\\d{1,3})$" /x/${arg_y}z last; proxy_pass http://127.0.0.1:9119;': (["127.0.0.1:9119"], []),
}
GROUP = (
    "upstream group { least_conn; server 127.0.0.1:9119 weight=5; server 127.0.0.2; server unix:/run/y.sock backup; }"
)


@pytest.mark.parametrize("body", PASSED)
def test_where_it_passes_on_to(tmp_path: Path, body: str) -> None:
    """Every way to pass something on that nginx takes is found; what a variable decides is not understood."""
    conf = nginx_conf(tmp_path, f"{GROUP}\nserver {{ listen 127.0.0.1:8080; location /a {{ {body} }} }}")
    assert accepts(conf) == (PASSED[body] is not None)
    if PASSED[body] is not None:
        assert told(conf)["127.0.0.1:8080"] == PASSED[body]


def test_files_that_are_included_are_read(tmp_path: Path) -> None:
    """By name, by pattern, from below the first file's folder, and within others."""
    for name, text in {
        "sites/one.conf": "server { listen 127.0.0.1:8081; include shared/*.inc; }",
        "sites/two.conf": "server { listen 127.0.0.1:8082; location / { proxy_pass http://127.0.0.1:9002; } }",
        "sites/other.txt": "this is not read",
        "shared/a.inc": "location / { proxy_pass http://127.0.0.1:9001; }",
        "single.conf": "server { listen 127.0.0.1:8083; }",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    conf = nginx_conf(tmp_path, f"include sites/*.conf;\ninclude {tmp_path}/single.conf;\ninclude none/*.conf;")
    assert accepts(conf)
    assert told(conf) == {
        "127.0.0.1:8081": (["127.0.0.1:9001"], []),
        "127.0.0.1:8082": (["127.0.0.1:9002"], []),
        "127.0.0.1:8083": ([], []),
    }


def test_streams_are_read(tmp_path: Path) -> None:
    """Connections below HTTP are passed on too; datagrams are no connections."""
    conf = tmp_path / "nginx.conf"
    conf.write_text(
        "events {} stream {\n upstream db { server 127.0.0.1:5432; }\n"
        " server { listen 0.0.0.0:5000; proxy_pass db; }\n server { listen 5001; proxy_pass 127.0.0.1:9119; }\n"
        " server { listen 53 udp; proxy_pass 127.0.0.1:53; }\n"
        " map $ssl_preread_server_name $up { default 127.0.0.1:443; }\n"
        " server { listen 5002; proxy_pass $up; }\n}\n"
    )
    assert told(conf) == {
        "0.0.0.0:5000": (["127.0.0.1:5432"], []),
        "[::]:5001": (["127.0.0.1:9119"], []),
        "[::]:5002": ([], ["variable"]),
    }


def test_programs_and_mail_are_not_understood(tmp_path: Path) -> None:
    """What a program in the configuration decides may lead anywhere."""
    conf = tmp_path / "nginx.conf"
    lua = 'content_by_lua_block { local t = { a = "x" } if t then ngx.exec("@y") end }'
    conf.write_text(
        f"http {{ upstream u {{ server 0.0.0.1; balancer_by_lua_file x.lua; }}\n"
        f" server {{ listen 81; location / {{ {lua} }} location /x {{ js_content m.f; }} }}\n"
        f" server {{ listen 82; location / {{ proxy_pass http://u; }} }} }}\nmail {{ server {{ listen 25; }} }}\n"
    )
    assert told(conf) == {
        "[::]:81": ([], ["program"]),
        "[::]:82": (["0.0.0.1:80"], ["program"]),
        "somewhere": ([], ["mail"]),
    }


BROKEN = {
    "cut off": "http { server { listen 80;",
    "one brace too many": "http { } }",
    "without a semicolon": "http { server { listen 80 } }",
    "a quote that does not end": 'http { server { return 200 "x; } }',
    "a program that does not end": "http { server { content_by_lua_block { if { } } }",
    "nothing before a semicolon": "http { ; }",
    "a file that includes itself": "include nginx.conf;",
    "a file that is not there": "include missing.conf;",
    "blocks without end": "http {" * 300,
    "words at the end": "http { } server",
    "binary": "\x00\x01{{{\\",
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN.keys())
def test_what_is_not_a_configuration_is_unknown(tmp_path: Path, text: str) -> None:
    """Half of a configuration says nothing of the other half."""
    conf = tmp_path / "nginx.conf"
    conf.write_text(text)
    with pytest.raises(SourceError):
        Nginx(conf=conf).ask()


def test_a_configuration_without_end_is_given_up(tmp_path: Path) -> None:
    """So many files are not read."""
    (tmp_path / "many").mkdir()
    for number in range(FILES_LIMIT + 1):
        (tmp_path / "many" / f"{number}.conf").write_text("")
    conf = tmp_path / "nginx.conf"
    conf.write_text("http { include many/*.conf; }")
    with pytest.raises(SourceError):
        Nginx(conf=conf).ask()


def test_without_nginx_there_is_nothing(tmp_path: Path) -> None:
    """No configuration and no process: nothing. With a process, or by name, a file that is missing is a mistake."""
    missing = tmp_path / "nginx.conf"
    assert Nginx(usual=missing).ask() == NOTHING
    for asking in (
        Nginx(conf=missing),
        Nginx(usual=missing, running=lambda _: ("nginx: master process nginx",)),
        Nginx(running=lambda _: (f"nginx: master process nginx -c {missing}",)),
    ):
        with pytest.raises(SourceError) as lost:
            asking.ask()
        assert lost.value.reason is Reason.MISSING


def test_the_configuration_is_the_one_it_was_started_with(tmp_path: Path) -> None:
    """A running nginx says in its name which file it took; a place that depends on where it stood is not guessed."""
    conf = nginx_conf(tmp_path, "server { listen 127.0.0.1:8080; }")
    lines = ("nginx: worker process", f"nginx: master process /usr/sbin/nginx -e stderr -c {conf}")
    assert [each.entry for each in Nginx(running=lambda _: lines).ask().routes] == ["127.0.0.1:8080"]
    for line in ("nginx: master process nginx -c conf/nginx.conf", "nginx: master process nginx -p /srv/web -e x"):
        with pytest.raises(SourceError) as lost:
            Nginx(running=lambda _, line=line: (line,)).ask()  # type: ignore[misc]  # the line of this turn
        assert lost.value.reason is Reason.OBSERVER


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(
    st.lists(
        st.sampled_from(["http", "server", "{", "}", ";", "listen 80", "'", '"', "\\", "#", "\n", "include *.x", "$a"])
    )
)
def test_no_text_is_an_accident(tmp_path: Path, parts: list[str]) -> None:
    """Whatever stands in the file, it is routes or a reason why there are none."""
    conf = tmp_path / "nginx.conf"
    conf.write_text(" ".join(parts))
    with suppress(SourceError):
        assert routes(read(conf)) is not None
