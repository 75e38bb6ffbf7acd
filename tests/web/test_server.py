"""Our server under hands that mean no good, over real sockets: it answers whoever belongs here all the same."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from typing import Final

import psutil
import pytest

from quarterdeck.access.armour import ARMOUR
from quarterdeck.access.identity import Permission
from quarterdeck.web.answers import TEXT, Answer, answer
from quarterdeck.web.app import Ask, Route
from quarterdeck.web.server import LIMITS
from tests.web.listening import (
    LIMIT_S,
    LOOPBACK,
    Listening,
    Noting,
    Ours,
    Proving,
    connected,
    listening,
    open_lines,
    rest,
    said,
    status,
    until,
)

HASTY: Final = LIMITS._replace(head_s=0.6, reading_s=0.6, sweep_s=0.1)
CROWD: Final = 500


@pytest.fixture(scope="module")
def server() -> Iterator[Listening]:
    """A server for everybody who only sends."""
    with listening() as running:
        yield running


# --- what is no request ----------------------------------------------------------------------------------------------

NO_REQUESTS: Final = {
    "length and chunks": "POST / HTTP/1.1\r\n{host}Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG",
    "chunks and length": "POST / HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
    "no chunks": "GET /brief HTTP/1.1\r\n{host}Transfer-Encoding: xchunked\r\n\r\n",
    "chunks after a space": "GET /brief HTTP/1.1\r\n{host}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "chunks twice": "GET /brief HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n",
    "two lengths": "GET /brief HTTP/1.1\r\n{host}Content-Length: 0\r\nContent-Length: 5\r\n\r\nhello",
    "a list of lengths": "GET /brief HTTP/1.1\r\n{host}Content-Length: 0, 5\r\n\r\nhello",
    "less than nothing": "GET /brief HTTP/1.1\r\n{host}Content-Length: -1\r\n\r\n",
    "more than there is": "POST /brief HTTP/1.1\r\n{host}Content-Length: 99999999999999999999999\r\n\r\n",
    "a folded line": "GET /brief HTTP/1.1\r\n{host}X: a\r\n Transfer-Encoding: chunked\r\n\r\n",
    "a bare line end": "GET /brief HTTP/1.1\r\n{host}X: a\nTransfer-Encoding: chunked\r\n\r\n",
    "a zero byte": "GET /brief HTTP/1.1\r\n{host}X: a\x00b\r\n\r\n",
    "no method": "G\x01ET /brief HTTP/1.1\r\n{host}\r\n",
    "a path of bytes": "GET /br\xffief HTTP/1.1\r\n{host}\r\n",
    "the next protocol": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a tunnel": "CONNECT evil.example:443 HTTP/1.1\r\n{host}\r\n",
    "a word of a proxy": "PROXY TCP4 100.64.1.2 100.64.1.1 40000 8421\r\nGET /brief HTTP/1.1\r\n{host}\r\n",
    "a handshake": "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "noise": "\x00\xff" * 500,
    "another language": "EHLO evil.example\r\nMAIL FROM:<x>\r\n",
}


@pytest.mark.parametrize("sent", NO_REQUESTS.values(), ids=list(NO_REQUESTS))
def test_what_could_be_read_in_two_ways_is_not_read(server: Listening, sent: str) -> None:
    """T27: one answer at most, in full armour and without a word of what was sent, and then the line is closed."""
    sent = sent.replace("{host}", f"Host: {LOOPBACK}:{server.port}\r\n")
    with connected(server) as line:
        answer = said(line, sent.encode("latin-1"))
    assert answer.count(b"HTTP/1.1") == 1
    assert status(answer) == b"400"
    assert all(name + b": " + value in answer for name, value in ARMOUR)
    assert answer.endswith(b"\r\n\r\n")
    assert server.answers()


def test_garbage_after_a_request_spoils_only_itself(server: Listening) -> None:
    """What stands before it on the line is answered; nothing of it is taken for a second request."""
    with connected(server) as line:
        asked = f"GET /healthz HTTP/1.1\r\nHost: {LOOPBACK}:{server.port}\r\n\r\n"
        answer = said(line, asked.encode() + b"\x00garbage\r\n\r\n")
    assert answer.count(b"HTTP/1.1") <= 2
    assert b"400" in answer
    assert server.answers()


def test_a_request_in_a_body_is_a_body(server: Listening) -> None:
    """T27: what stands in the body of one request is never answered as another one."""
    host = f"Host: {LOOPBACK}:{server.port}\r\n"
    inner = f"GET /api/v1/views/cron HTTP/1.1\r\n{host}\r\n"
    outer = f"POST /brief HTTP/1.1\r\n{host}Content-Length: {len(inner)}\r\n\r\n{inner}"
    with connected(server) as line:
        answer = said(line, f"{outer}GET /healthz HTTP/1.1\r\n{host}Connection: close\r\n\r\n".encode())
    assert [part[:3] for part in answer.split(b"HTTP/1.1 ")[1:]] == [b"403", b"200"]
    assert answer.endswith(b"ok\n")


def test_requests_one_after_the_other_are_answered_in_turn(server: Listening) -> None:
    """Whoever is known may ask again before the answer is there; each gets its own answer."""
    paths = ["/healthz", "/nowhere", "/api/v1/views/brief"] * 20
    host = f"Host: {LOOPBACK}:{server.port}\r\n"
    asked = "".join(f"GET {path} HTTP/1.1\r\n{host}\r\n" for path in paths)
    with connected(server) as line:
        answer = said(line, f"{asked}GET /healthz HTTP/1.1\r\n{host}Connection: close\r\n\r\n".encode())
    assert [part[:3] for part in answer.split(b"HTTP/1.1 ")[1:]] == [b"200", b"404", b"200"] * 20 + [b"200"]


def test_of_many_requests_a_stranger_gets_one_answered() -> None:
    """The first is turned away and the line closed: what comes after it is not even looked at."""
    doorman = Noting()
    with listening(doorman=doorman) as running, connected(running) as line:
        answer = said(line, f"GET /brief HTTP/1.1\r\nHost: {LOOPBACK}:{running.port}\r\n\r\n".encode() * 100)
    assert answer.count(b"HTTP/1.1 403") == 1
    assert doorman.asked == 1


@pytest.mark.parametrize("path", ["/healthz", "/brief", "/api/v1/views", "/static/deck.js", "/live/brief", "/nowhere"])
def test_head_gets_a_head(server: Listening, path: str) -> None:
    """Whatever it asks for, nothing follows, and the line is free again."""
    _, end, body = server.ask(path, method="HEAD").partition(b"\r\n\r\n")
    assert (end, body) == (b"\r\n\r\n", b"")


def test_it_does_not_say_what_it_is(server: Listening) -> None:
    """T25: no answer names the program or its version."""
    for path in ("/brief", "/nowhere", "/healthz"):
        assert b"\r\nserver:" not in server.ask(path).lower()
        assert b"uvicorn" not in server.ask(path)


@pytest.mark.parametrize("protocol", ["websocket", "h2c"])
def test_no_line_becomes_something_else(server: Listening, protocol: str) -> None:
    """T18: who asks to speak another protocol is answered in this one."""
    upgrade = ("Upgrade: " + protocol, "Connection: Upgrade", "Sec-WebSocket-Key: dGhlIHNhbXBsZQ==")
    assert status(server.ask("/healthz", *upgrade)) == b"200"


# --- who keeps us waiting --------------------------------------------------------------------------------------------


def drip(line: socket.socket, what: bytes, for_s: float) -> bool:
    """Send one byte after the other; return whether the other end hung up before the time was over."""
    until_then = time.monotonic() + for_s
    with suppress(ConnectionError):
        for byte in what:
            line.sendall(bytes([byte]))
            line.settimeout(0.05)
            with suppress(TimeoutError):
                if not line.recv(100):
                    return True
            if time.monotonic() > until_then:
                return False
        line.settimeout(max(0.01, until_then - time.monotonic()))
        with suppress(TimeoutError):
            return not line.recv(100)
        return False
    return True


@pytest.mark.parametrize("what", [b"", b"G", b"GET /brief HTTP/1.1\r\nHost: " + b"a" * 200, b"\r\n" * 200])
def test_nobody_is_waited_for(what: bytes) -> None:
    """T27: a head that comes in drops, or not at all, is not waited for; others are answered meanwhile."""
    with listening(limits=HASTY) as running, connected(running) as line:
        assert drip(line, what, 8)
        assert running.answers()


def test_nor_for_the_head_of_a_second_request() -> None:
    """Who was answered once has no longer time for the next."""
    with listening(limits=HASTY) as running, connected(running) as line:
        line.sendall(f"GET /healthz HTTP/1.1\r\nHost: {LOOPBACK}:{running.port}\r\n\r\n".encode())
        assert line.recv(65_536)
        assert drip(line, b"GET /healthz HTTP/1.1\r\nX: " + b"a" * 200, 8)


def test_who_is_answered_slowly_is_not_taken_for_slow() -> None:
    """A stream stays open for longer than a head may take."""
    with listening(limits=HASTY) as running, connected(running) as line:
        line.sendall(f"GET /live/brief HTTP/1.1\r\nHost: {LOOPBACK}:{running.port}\r\n\r\n".encode())
        assert line.recv(65_536)
        time.sleep(4 * HASTY.head_s)
        line.settimeout(0.2)
        with suppress(TimeoutError):
            assert line.recv(65_536)
        assert open_lines(running) == 1


@pytest.mark.parametrize(
    "head",
    [b"X: " + b"a" * 1_000_000, b"".join(b"X%d: a\r\n" % n for n in range(100_000)), b"a" * 1_000_000],
    ids=["a long line", "many lines", "a long name"],
)
def test_a_head_has_a_length(head: bytes) -> None:
    """T27: what is longer than any head of ours is hung up on before it is whole; memory does not grow with it."""
    with listening() as running:
        before = psutil.Process().memory_info().rss
        for _ in range(10):
            with connected(running) as line:
                asked = f"GET /brief HTTP/1.1\r\nHost: {LOOPBACK}:{running.port}\r\n".encode()
                assert b"200" not in said(line, asked + head)[:20]
        assert psutil.Process().memory_info().rss - before < 30_000_000
        assert running.answers()


def test_a_head_has_a_length_while_an_answer_is_under_way_too() -> None:
    """T27: whoever reads a stream cannot send a second head without end behind it; memory does not grow with it."""
    with listening() as running, connected(running) as line:
        line.sendall(f"GET /live/brief HTTP/1.1\r\nHost: {LOOPBACK}:{running.port}\r\n\r\n".encode())
        assert line.recv(65_536)
        words = b"".join(b"X%d: %s\r\n" % (n, b"a" * 1_000) for n in range(100_000))
        before = psutil.Process().memory_info().rss
        line.settimeout(5)
        with pytest.raises(ConnectionError):
            line.sendall(b"GET /brief HTTP/1.1\r\n" + words)
        assert psutil.Process().memory_info().rss - before < 30_000_000
        assert running.answers()


def test_nor_is_a_second_head_behind_a_stream_waited_for() -> None:
    """T27: one that is begun behind an answer that goes on has to arrive in the time that every head has."""
    with listening(limits=HASTY) as running, connected(running) as line:
        line.sendall(f"GET /live/brief HTTP/1.1\r\nHost: {LOOPBACK}:{running.port}\r\n\r\n".encode())
        assert line.recv(65_536)
        line.sendall(b"GET /brief HTTP/1.1\r\nX: a")
        line.settimeout(LIMIT_S)
        rest(line)
        until(lambda: not open_lines(running), "it is hung up on")


def test_a_long_address_is_refused_or_hung_up_on(server: Listening) -> None:
    """T27: an address longer than any of ours gets a reason, one longer than a head gets nothing."""
    assert status(server.ask("/brief?" + "a" * 9_000)) == b"414"
    assert status(server.ask("/brief?" + "a" * 1_000_000)) in {b"", b"400"}


def test_who_does_not_read_is_let_go() -> None:
    """A reader that asks for much and takes nothing is hung up on; others are answered meanwhile."""
    with listening(limits=HASTY) as running, socket.socket() as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2_048)
        line.connect((LOOPBACK, running.port))
        line.settimeout(LIMIT_S)
        asked = f"GET /static/deck.js HTTP/1.1\r\nHost: {LOOPBACK}:{running.port}\r\n\r\n".encode()
        line.sendall(asked * 400)
        until(lambda: open_lines(running) == 1, "it is connected")
        assert running.answers()
        until(lambda: open_lines(running) == 0, "it is let go")
        assert running.answers()


def test_who_reads_slowly_gets_everything() -> None:
    """Somebody on a bad line, who takes a little all the time, is not hung up on."""
    with listening(limits=HASTY) as running, socket.socket() as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8_192)
        line.connect((LOOPBACK, running.port))
        line.settimeout(LIMIT_S)
        asked = f"GET /static/deck.js HTTP/1.1\r\nHost: {LOOPBACK}:{running.port}\r\n"
        line.sendall(f"{asked}\r\n".encode() * 11 + f"{asked}Connection: close\r\n\r\n".encode())
        got = b""
        while part := line.recv(16_384):
            got += part
            time.sleep(0.02)
        assert got.count(b"HTTP/1.1 200") == 12


def test_half_closed_lines_are_closed() -> None:
    """Who says that nothing more comes, or vanishes in the middle, leaves nothing behind."""
    with listening(limits=HASTY) as running:
        ask = f"GET /live/brief HTTP/1.1\r\nHost: {LOOPBACK}:{running.port}\r\n\r\n".encode()
        with ExitStack() as stack:
            for sent in (b"", b"GET /bri", ask, ask[:-2]):
                line = stack.enter_context(connected(running))
                line.sendall(sent)
                line.shutdown(socket.SHUT_WR)
            for sent in (b"GET /bri", ask):
                line = connected(running)
                line.sendall(sent)
                line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
                line.close()
            until(lambda: open_lines(running) == 0, "all are closed")
        until(lambda: running.front.rooms.streams == 0, "no stream is left")
        assert running.answers()


def test_what_does_not_come_whole_changes_nothing() -> None:
    """T27: a form of which only a part comes, before its sender is gone, is not acted on; one that is whole is."""
    sent: list[bytes] = []

    async def act(ask: Ask) -> Answer:
        sent.append(ask.body)
        return answer(b"done", TEXT)

    with listening(more={"/act": {"POST": Route(Permission.ACT, act)}}) as running:
        origin = f"{LOOPBACK}:{running.port}"
        kind = "Content-Type: application/x-www-form-urlencoded"
        head = f"POST /act HTTP/1.1\r\nHost: {origin}\r\nOrigin: http://{origin}\r\n{kind}\r\n"
        for length, body in ((10, "a=b"), (10, ""), (65_536, "a" * 65_535), (3, "a=b")):
            with connected(running) as line:
                line.sendall(f"{head}Content-Length: {length}\r\n\r\n{body}".encode())
                line.shutdown(socket.SHUT_WR)
                rest(line)
        until(lambda: open_lines(running) == 0, "all are closed")
        with connected(running) as line:
            whole = f"{head}Content-Length: 3\r\nConnection: close\r\n\r\na=b"
            assert status(said(line, whole.encode())) == b"200"
    assert {*sent} == {b"a=b"}


# --- crowds ----------------------------------------------------------------------------------------------------------


def test_five_hundred_lines_of_one_peer_keep_nobody_out() -> None:
    """Whoever is known keeps their line and gets new ones; the crowd gets no more than there is."""
    with listening(doorman=Noting()) as running, ExitStack() as stack, connected(running) as mine:
        ask = f"GET /brief HTTP/1.1\r\nHost: {LOOPBACK}:{running.port}\r\nCookie: me\r\n\r\n".encode()
        mine.sendall(ask)
        assert mine.recv(65_536).startswith(b"HTTP/1.1 200")
        for number in range(CROWD):
            line = stack.enter_context(connected(running))
            if number % 50 == 0:
                assert status(running.ask("/brief", "Cookie: me")) == b"200"
            elif number % 2:
                line.sendall(b"GET /brief HTTP/1.1\r\n")
        until(lambda: open_lines(running) <= LIMITS.connections, "no more lines than there is room for")
        for _ in range(20):
            assert status(running.ask("/brief", "Cookie: me")) == b"200"
        mine.sendall(ask.replace(b"/brief", b"/healthz"))
        answer = b""
        while b"HTTP/1.1 200" not in answer:
            part = mine.recv(65_536)
            assert part, "the operator's line was cut"
            answer += part


def test_one_device_of_the_tailnet_gets_its_share() -> None:
    """Of the tailnet, one address that opens five hundred lines has a hundred, and other devices have theirs."""
    limits = LIMITS._replace(connections=300, head_s=600)
    with ExitStack() as stack:
        proven = Proving(Ours(("127.0.0.2",)))
        running = stack.enter_context(listening(doorman=Noting(), limits=limits, tailnet=True, prove=proven))
        for _ in range(CROWD):
            stack.enter_context(connected(running, "127.0.0.2", "127.0.0.7"))
        until(lambda: open_lines(running) <= limits.per_address, "the crowd is cut")
        with connected(running, "127.0.0.2", "127.0.0.8") as line:
            ask = f"GET /brief HTTP/1.1\r\nHost: 127.0.0.2:{running.port}\r\nCookie: me\r\n\r\n"
            line.sendall(ask.encode())
            assert line.recv(65_536).startswith(b"HTTP/1.1 200")


def test_who_comes_and_goes_leaves_nothing() -> None:
    """After five hundred lines that came, asked and went, there is none."""
    with listening() as running:
        for number in range(CROWD):
            with connected(running) as line:
                line.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"[: number % 40])
        until(lambda: open_lines(running) == 0, "all are forgotten")
        assert running.answers()
