"""The door to the network, against servers that misbehave."""

from __future__ import annotations

import ipaddress
import socket
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.http import Fault, HttpError, Limits, Looker, Prompter, is_allowed
from quarterdeck.truth.addresses import unwrapped
from quarterdeck.truth.reading import Reason
from tests.fakes.certificates import certificate
from tests.fakes.rude_server import RudeServer, closed_port

QUICK = Limits(connect_s=0.5, silence_s=0.5, total_s=0.8, body=10_000)


def fails(url: str, looker: Looker | None = None) -> HttpError:
    with pytest.raises(HttpError) as failed:
        (looker or Looker(QUICK)).get(url)
    return failed.value


def test_an_answer() -> None:
    """An answer has its status, its heads by small letters, its body and the time it took."""
    with RudeServer("well") as server:
        answer = Looker(QUICK).get(f"{server.address}/health?full=1")
    assert (answer.status, answer.headers["x-version"], answer.body, answer.whole) == (200, "1.4.2", b"hello", True)
    assert 0 < answer.took_s < 0.5
    assert server.heard[0].startswith(b"GET /health?full=1 HTTP/1.1\r\n")


@pytest.mark.parametrize(
    ("manner", "fault", "reason"),
    [
        ("silent", Fault.SILENT, Reason.TIMEOUT),
        ("dripping", Fault.SILENT, Reason.TIMEOUT),
        ("trickling", Fault.SILENT, Reason.TIMEOUT),
        ("garbage", Fault.NOT_HTTP, Reason.CORRUPT),
        ("headless", Fault.NOT_HTTP, Reason.CORRUPT),
        ("short", Fault.NOT_HTTP, Reason.CORRUPT),
        ("reset", Fault.CUT, Reason.CORRUPT),
    ],
)
def test_a_server_that_misbehaves_is_given_up_in_time_for_a_typed_reason(
    manner: str, fault: Fault, reason: Reason
) -> None:
    """Whatever a server does, there is a reason of ours within the limit, and nothing it said is in it."""
    began = time.monotonic()
    with RudeServer(manner) as server:
        error = fails(server.address)
        assert time.monotonic() - began < 2.5
    assert (error.fault, error.reason) == (fault, reason)
    assert "sk-" not in str(error)
    assert "127.0.0.1" not in str(error)


def test_a_body_without_end_is_cut_and_called_a_beginning() -> None:
    """A body beyond its limit is taken up to the limit, and is not whole."""
    with RudeServer("huge") as server:
        answer = Looker(QUICK).get(server.address)
    assert (len(answer.body), answer.whole) == (10_000, False)


def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    """Where a server sends us is not where we go."""
    with RudeServer("elsewhere") as server:
        assert Looker(QUICK).get(server.address).status == 302
        assert len(server.heard) == 1


def test_nobody_listens() -> None:
    """A refused connection says so."""
    error = fails(f"http://127.0.0.1:{closed_port()}/")
    assert (error.fault, error.detail) == (Fault.REFUSED, "nothing listens there")


def test_a_look_whose_line_was_cut_is_repeated_once_and_a_post_never() -> None:
    """A cut before any answer is tried once more where asking twice does no harm."""
    with RudeServer("reset once") as server:
        assert Looker(QUICK).get(server.address).status == 200
        assert len(server.heard) == 2
    with RudeServer("reset once") as server:
        with pytest.raises(HttpError):
            Prompter(QUICK).post(server.address, {})
        assert len(server.heard) == 1


def test_who_looks_has_no_method_that_writes() -> None:
    """A looker can get, head and reach, and nothing else; no other method of HTTP leaves it."""
    assert {name for name in dir(Looker) if not name.startswith("_")} == {"get", "head", "reach"}
    with RudeServer("well") as server:
        Looker(QUICK).get(server.address)
        Looker(QUICK).head(server.address)
        assert [line.split()[0] for line in server.heard] == [b"GET", b"HEAD"]


def test_a_question_carries_nothing_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """No cookie, no login and no proxy of the environment goes along."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{closed_port()}")
    with RudeServer("well") as server:
        Looker(QUICK).get(server.address)
        heads = server.heard[0].split(b"\r\n\r\n")[0].lower()
    names = {line.partition(b":")[0] for line in heads.splitlines()[1:]}
    assert names == {b"host", b"user-agent", b"accept", b"accept-encoding", b"connection"}


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/",
        "http://2852039166/",
        "http://0xa9.0xfe.0xa9.0xfe/",
        "http://0251.0376.0251.0376/",
        "http://169.16689662/",
        "http://[::ffff:169.254.169.254]/",
        "http://[::ffff:a9fe:a9fe]/",
        "http://[64:ff9b::a9fe:a9fe]/",
        "http://[2002:a9fe:a9fe::]/",
        "http://[fe80::1]/",
        "http://[fd00:ec2::254]/",
        "http://0.0.0.0/",
        "http://[::]/",
        "http://224.0.0.1/",
        "http://100.100.100.200/",
        "ftp://127.0.0.1/",
        "file:///etc/passwd",
        "http://user:word@127.0.0.1/",
        "http://127.0.0.1:99999/",
        "http://",
        "http://127.0.0.1/a b",
        "http://127.0.0.1/\r\nX-Injected: yes",
        "nonsense",
    ],
)
def test_an_address_that_may_not_be_asked_is_not_asked(url: str) -> None:
    """Link-local, metadata, nobody's and multicast addresses in every way to write them, other schemes and logins."""
    assert fails(url).fault is Fault.FORBIDDEN


@pytest.mark.parametrize("text", ["127.0.0.1", "::1", "10.1.2.3", "192.168.1.1", "100.64.3.7", "fd7a:115c:a1e0::5"])
def test_addresses_of_ones_own_are_the_operators_to_name(text: str) -> None:
    """Loopback, private and tailnet addresses may be asked."""
    assert is_allowed(ipaddress.ip_address(text))


@given(st.integers(0, 2**32 - 1))
def test_an_address_is_judged_alike_in_every_dress(number: int) -> None:
    """An IPv4 address and the IPv6 addresses that carry it are allowed or refused together."""
    plain = ipaddress.IPv4Address(number)
    for dress in (f"::ffff:{plain}", f"64:ff9b::{plain}"):
        carried = ipaddress.ip_address(dress)
        assert is_allowed(carried) == is_allowed(plain) or (number <= 1 and unwrapped(carried) == carried)


def test_a_name_is_resolved_once_and_the_judged_address_is_the_one_connected_to() -> None:
    """A name server that changes its mind between judging and connecting gets us nowhere else."""
    asked: list[str] = []

    def rebinding(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["169.254.169.254"]

    with RudeServer("well") as server:
        looker = Looker(QUICK, resolve=rebinding)
        assert looker.get(f"http://deck.example:{server.port}/").status == 200
        assert b"Host: deck.example:" in server.heard[0]
    assert asked == ["deck.example"]
    assert fails("http://deck.example/", looker).fault is Fault.FORBIDDEN


def test_a_name_that_cannot_be_looked_up() -> None:
    """A resolver that fails, hangs or says nonsense is a reason, in time."""

    def fails_to(host: str, port: int) -> list[str]:
        raise socket.gaierror(-2, "a secret of the resolver")

    def hangs(host: str, port: int) -> list[str]:
        time.sleep(1.5)
        return []

    def leads_nowhere(host: str, port: int) -> list[str]:
        return []

    for resolve in (fails_to, hangs, leads_nowhere):
        error = fails("http://deck.example/", Looker(QUICK, resolve=resolve))
        assert error.fault is Fault.UNRESOLVED
        assert "secret" not in str(error)


def test_who_it_is_must_be_shown(tmp_path: Path) -> None:
    """A certificate that is trusted is told with its end; others are refused, each for its own reason."""
    (tmp_path / "good").mkdir()
    good = certificate(tmp_path / "good")
    with RudeServer("well", tls=good.context) as server:
        answer = Looker(QUICK, authorities=good.authorities).get(server.address)
        assert (answer.status, answer.certificate_ends) == (200, good.ends)
        error = fails(server.address)
        assert (error.fault, error.detail) == (Fault.TLS, "its certificate is signed by itself")
    for name, more, words in (
        ("old", {"days": -1}, "its certificate has expired"),
        ("other", {"address": "127.0.0.2"}, "its certificate is for another address"),
    ):
        (tmp_path / name).mkdir()
        bad = certificate(tmp_path / name, **more)
        with RudeServer("well", tls=bad.context) as server:
            error = fails(server.address, Looker(QUICK, authorities=bad.authorities))
        assert (error.fault, error.detail) == (Fault.TLS, words)


def test_plain_where_tls_was_expected() -> None:
    """A server that speaks no TLS on an https address is a matter of TLS, or of silence, and never of trust."""
    with RudeServer("garbage") as server:
        assert fails(f"https://127.0.0.1:{server.port}/").fault in (Fault.TLS, Fault.CUT, Fault.SILENT)


def test_a_port_can_be_reached_without_a_word() -> None:
    """To reach a port is to open a connection and close it; who does not listen is refused."""
    with RudeServer("silent") as server:
        assert Looker(QUICK).reach("127.0.0.1", server.port) < 0.5
    with pytest.raises(HttpError) as failed:
        Looker(QUICK).reach("127.0.0.1", closed_port())
    assert failed.value.fault is Fault.REFUSED
