"""Where our server listens, for how long, and what the kernel says of whoever connects: over real sockets."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Final

import psutil
import pytest

from quarterdeck.access.identity import Peer, Person, Way
from quarterdeck.web.server import LIMITS
from quarterdeck.web.sockets import bound, bound_unix
from tests.fakes.door import VIEWER
from tests.web.listening import (
    LOOPBACK,
    Noting,
    Ours,
    Proving,
    connected,
    listening,
    rest,
    said,
    status,
    until,
)

# --- who is at the other end -----------------------------------------------------------------------------------------


def test_the_kernel_says_who_is_at_the_other_end() -> None:
    """T13: over TCP it is the raw address, port and user of the other end, whatever a request or a proxy says."""
    doorman = Noting()
    with listening(doorman=doorman) as running, connected(running, LOOPBACK, "127.0.0.9") as line:
        mine = line.getsockname()
        spoof = "X-Forwarded-For: 100.64.1.2\r\nX-Forwarded-Proto: https\r\nForwarded: for=100.64.1.2\r\n"
        ask = f"GET /brief HTTP/1.1\r\nHost: {LOOPBACK}:{running.port}\r\n{spoof}\r\n"
        answer = said(line, ask.encode())
    peers = [(each.way, each.address, each.port, each.uid) for each in doorman.peers]
    assert peers == [(Way.LOOPBACK, *mine, os.getuid())]
    assert b"strict-transport-security" not in answer
    assert not running.server.config.proxy_headers


def test_over_the_unix_socket_it_is_a_user(tmp_path: Path) -> None:
    """T13, T14: what comes over it came by serve, and the kernel says under which user the other end runs."""
    doorman, place = Noting(), tmp_path / "quarterdeck.sock"
    with listening(doorman=doorman, served=place, prove=lambda: Ours(("127.0.0.2",))) as running:
        assert place.stat().st_mode & 0o777 == 0o660
        with socket.socket(socket.AF_UNIX) as line:
            line.connect(str(place))
            answer = said(line, b"GET /brief HTTP/1.1\r\nHost: box.tail.ts.net\r\nConnection: close\r\n\r\n")
        assert not running.answers("127.0.0.2")
    assert status(answer) == b"403"
    assert b"strict-transport-security: max-age=" in answer
    (other,) = doorman.peers
    assert (other.way, other.address, other.port, other.uid) == (Way.SERVE, "", 0, os.getuid())


def test_over_the_unix_socket_nobody_comes_before_it_is_proven(tmp_path: Path) -> None:
    """Without a proof even who is known is turned away there."""
    place, proof = tmp_path / "quarterdeck.sock", Proving()
    with listening(served=place, prove=proof, limits=QUICK) as running:

        def comes() -> bool:
            with socket.socket(socket.AF_UNIX) as line:
                line.connect(str(place))
                ask = b"GET /brief HTTP/1.1\r\nHost: box.tail.ts.net\r\nConnection: close\r\n\r\n"
                return status(said(line, ask)) == b"200"

        assert not comes()
        proof.proven = Ours(("127.0.0.2",))
        until(comes, "it is proven")
        proof.proven = None
        until(lambda: not comes(), "it is not proven any more")
        assert running.answers()


def test_a_unix_socket_is_taken_only_where_nobody_listens(tmp_path: Path) -> None:
    """What was left behind is taken away; where somebody listens, or something else lies, nothing is."""
    place = tmp_path / "s"
    bound_unix(place).close()
    with bound_unix(place) as taken:
        taken.listen()
        with pytest.raises(OSError, match="somebody listens there"):
            bound_unix(place)
    other = tmp_path / "letter"
    other.write_text("keep me")
    with pytest.raises(OSError):
        bound_unix(other)
    assert other.read_text() == "keep me"


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o770])
def test_a_unix_socket_is_not_taken_where_others_could_put_theirs(tmp_path: Path, mode: int) -> None:
    """In a folder that others can write in, they could take its place and be shown what people show to us."""
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(mode)
    with pytest.raises(PermissionError):
        bound_unix(folder / "s")
    assert not list(folder.iterdir())


# --- who makes room --------------------------------------------------------------------------------------------------


class Looker(Noting):
    """Knows an operator and a viewer by what they say."""

    async def ask(self, peer: Peer, said: Mapping[bytes, bytes], query: bytes) -> Person | None:
        """Whoever says so."""
        return VIEWER if said.get(b"cookie") == b"viewer" else await super().ask(peer, said, query)


def test_who_may_only_look_keeps_nobody_out_who_acts() -> None:
    """However many streams viewers hold open: an operator comes in, and their own streams are not what makes room."""
    with (
        listening(doorman=Looker(), limits=LIMITS._replace(connections=8)) as running,
        ExitStack() as stack,
        connected(running) as mine,
    ):

        def read(line: socket.socket, who: str) -> bytes:
            head = f"GET /live/brief HTTP/1.1\r\nHost: {LOOPBACK}:{running.port}\r\nCookie: {who}\r\n\r\n"
            line.sendall(head.encode())
            return status(line.recv(65_536))

        assert read(mine, "me") == b"200"
        for _ in range(12):
            assert read(stack.enter_context(connected(running)), "viewer") == b"200"
            assert status(running.ask("/brief", "Cookie: me")) == b"200"
        mine.settimeout(0.2)
        with suppress(TimeoutError):
            assert mine.recv(65_536)


# --- what is proven --------------------------------------------------------------------------------------------------

QUICK: Final = LIMITS._replace(prove_every_s=0.05, prove_s=0.3)


def test_it_listens_only_where_it_is_proven() -> None:
    """Of all addresses of this machine, only loopback's one and the proven ones are listened on."""
    with listening(tailnet=True, prove=lambda: Ours(("127.0.0.2", "127.0.0.3"))) as running:
        mine = psutil.Process().net_connections("tcp")
        heard = {each.laddr.ip for each in mine if each.status == "LISTEN" and each.laddr.port == running.port}
        assert heard == {LOOPBACK, "127.0.0.2", "127.0.0.3"}
        assert running.answers("127.0.0.2")
        assert status(running.ask(at="127.0.0.2", host="box.tail.ts.net")) == b"200"
        assert status(running.ask(at="127.0.0.2", host="box")) == b"200"
        assert status(running.ask(at="127.0.0.2", host="localhost")) == b"403"
        assert status(running.ask(host="box.tail.ts.net")) == b"403"


@pytest.mark.parametrize(
    "lost", [RuntimeError("quoted"), OSError(5, "quoted"), TimeoutError(), KeyError("quoted"), SystemExit(1)], ids=repr
)
def test_what_is_not_proven_any_more_is_closed_and_opened_again(
    lost: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    """However the proof fails: nobody comes by that way, what was open through it ends, loopback goes on; and when it
    is proven again, all is as before. The log says so once each time, and quotes nothing.
    """
    proof = Proving()
    proof.error = lost
    with listening(tailnet=True, prove=proof, limits=QUICK) as running:
        assert not running.answers("127.0.0.2")
        for _ in range(2):
            proof.proven = Ours(("127.0.0.2",))
            until(lambda: running.answers("127.0.0.2"), "it is proven")
            with connected(running, "127.0.0.2") as stream:
                stream.sendall(f"GET /live/brief HTTP/1.1\r\nHost: 127.0.0.2:{running.port}\r\n\r\n".encode())
                assert stream.recv(65_536).startswith(b"HTTP/1.1 200")
                proof.proven = None
                rest(stream)
            until(lambda: not running.answers("127.0.0.2"), "it is lost")
            with pytest.raises(ConnectionRefusedError):
                connected(running, "127.0.0.2")
            assert running.answers()
    shut = [each for each in caplog.messages if "tailnet way in is shut" in each]
    assert len(shut) == 3
    assert "quoted" not in caplog.text


def test_a_proof_that_hangs_is_none_and_holds_up_nothing() -> None:
    """T33: while it hangs the way is shut, one thread waits and not one for each time, pages are answered; and then the
    way opens again.
    """
    proof = Proving(Ours(("127.0.0.2",)))
    with listening(tailnet=True, prove=proof, limits=QUICK) as running:
        assert running.answers("127.0.0.2")
        proof.hangs = True
        until(lambda: not running.answers("127.0.0.2"), "it is lost")
        time.sleep(10 * QUICK.prove_every_s)
        assert proof.most_at_once == 1
        assert running.answers()
        proof.hangs = False
        until(lambda: running.answers("127.0.0.2"), "it is proven again")


def test_a_program_ends_while_a_proof_hangs() -> None:
    """Nobody waits at the end for what never answers."""
    proof = Proving(Ours(("127.0.0.2",)))
    with listening(tailnet=True, prove=proof, limits=QUICK) as running:
        proof.hangs = True
        until(lambda: proof.at_once == 1, "it hangs")
        began = time.monotonic()
        running.stop()
        assert time.monotonic() - began < 5
        proof.hangs = False


def test_an_address_that_changes_is_followed() -> None:
    """T33: after the daemon came back with another address, the old one is closed, with what was open through it."""
    proof = Proving(Ours(("127.0.0.2",)))
    with listening(tailnet=True, prove=proof, limits=QUICK) as running:
        with connected(running, "127.0.0.2") as stream:
            stream.sendall(f"GET /live/brief HTTP/1.1\r\nHost: 127.0.0.2:{running.port}\r\n\r\n".encode())
            assert stream.recv(65_536).startswith(b"HTTP/1.1 200")
            proof.proven = Ours(("127.0.0.3",))
            rest(stream)
        until(lambda: running.answers("127.0.0.3"), "it is followed")
        with pytest.raises(ConnectionRefusedError):
            connected(running, "127.0.0.2")
        assert status(running.ask(at="127.0.0.3", host="127.0.0.2")) == b"403"


def test_an_address_that_cannot_be_had_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    """An address that no interface has is not listened on; the others are, and the log says which and why."""
    proof = Proving(Ours(("192.0.2.1", "127.0.0.2")))
    with listening(tailnet=True, prove=proof, limits=QUICK) as running:
        until(lambda: running.answers("127.0.0.2"), "the other is listened on")
        asked = proof.asked
        until(lambda: proof.asked > asked + 3, "it is tried again")
        proof.proven = Ours(("192.0.2.1",))
        until(lambda: not running.answers("127.0.0.2"), "none is left")
    assert len([each for each in caplog.messages if each.startswith("192.0.2.1 cannot be listened on")]) == 1


@pytest.mark.parametrize("address", ["192.0.2.1", "100.64.1.1", "fd7a:115c:a1e0::1"])
def test_an_address_of_nobody_is_not_taken(address: str) -> None:
    """T29: an address that this machine does not have cannot be listened on ahead of time."""
    with pytest.raises(OSError, match=r"assign|family|unavailable"):
        bound(address, 0)
