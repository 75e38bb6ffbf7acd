"""Asking over a unix socket, also when whoever listens there misbehaves."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

import pytest

from quarterdeck.http import Fault, HttpError, Limits, LocalLooker
from quarterdeck.truth.reading import Reason
from tests.fakes.rude_server import RudeServer

QUICK = Limits(connect_s=0.5, silence_s=0.5, total_s=0.8, body=10_000)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "daemon.sock"


def fails(place: Path, target: str = "/", limits: Limits = QUICK) -> HttpError:
    with pytest.raises(HttpError) as failed:
        LocalLooker(place, "daemon.local", limits).get(target)
    return failed.value


def test_an_answer_tells_who_gave_it(place: Path) -> None:
    """An answer has its status and body, and the user under which the program runs that gave it."""
    with RudeServer("well", place=place):
        answer = LocalLooker(place, "daemon.local", QUICK).get("/health?full=1")
    assert (answer.status, answer.body, answer.whole, answer.uid) == (200, b"hello", True, os.getuid())


def test_a_question_is_for_the_name_that_was_given_and_says_nothing_else(place: Path) -> None:
    """Its Host is the caller's, and it tells neither an origin nor where it comes from, nor anything kept."""
    with RudeServer("well", place=place) as server:
        LocalLooker(place, "daemon.local", QUICK).get("/a")
    head, _, body = server.heard[0].partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    said = dict(line.split(": ", 1) for line in lines)
    assert (first, body) == ("GET /a HTTP/1.1", b"")
    assert set(said) == {"Host", "User-Agent", "Accept", "Accept-Encoding", "Connection"}
    assert said["Host"] == "daemon.local"


def test_a_head_is_asked_for(place: Path) -> None:
    """The head alone can be asked for."""
    with RudeServer("well", place=place, body=b"") as server:
        assert LocalLooker(place, "daemon.local", QUICK).head("/a").status == 200
    assert server.heard[0].startswith(b"HEAD /a ")


def test_who_looks_has_no_method_that_writes() -> None:
    """There is no way to send anything through it."""
    assert {name for name in dir(LocalLooker) if not name.startswith("_")} == {"get", "head"}


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
def test_a_program_that_misbehaves_is_given_up_in_time(place: Path, manner: str, fault: Fault, reason: Reason) -> None:
    """Whatever it does, a reason of ours comes within the limit, after one question, without a word of it."""
    began = time.monotonic()
    with RudeServer(manner, place=place) as server:
        error = fails(place)
        assert time.monotonic() - began < 2.5
        assert len(server.heard) == 1
    assert (error.fault, error.reason) == (fault, reason)
    assert "sk-" not in str(error)
    assert str(place) not in str(error)


def test_a_body_without_end_is_a_beginning(place: Path) -> None:
    """A body beyond its limit is taken up to the limit, and is not whole."""
    with RudeServer("huge", place=place):
        answer = LocalLooker(place, "daemon.local", QUICK).get("/")
    assert (len(answer.body), answer.whole) == (10_000, False)


def test_a_redirect_is_an_answer(place: Path) -> None:
    """Where it sends us is not where we go."""
    with RudeServer("elsewhere", place=place) as server:
        assert LocalLooker(place, "daemon.local", QUICK).get("/").status == 302
    assert len(server.heard) == 1


def test_no_socket(place: Path) -> None:
    """A socket that is not there, or that is left over, says so."""
    assert (fails(place).fault, fails(place).detail) == (Fault.REFUSED, "its socket is not there")
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(place))
    assert (fails(place).fault, fails(place).detail) == (Fault.REFUSED, "nothing listens at its socket")


def test_what_is_no_socket(tmp_path: Path) -> None:
    """A plain file, a folder, and a path that no socket can have are not asked."""
    plain = tmp_path / "plain"
    plain.write_text("nothing")
    for place in (plain, tmp_path, tmp_path / ("a" * 200), tmp_path / "a\0b"):
        assert fails(place).fault in {Fault.REFUSED, Fault.UNREACHABLE}


def test_a_queue_that_is_full(place: Path) -> None:
    """A program that takes no connection any more is given up in time."""
    with socket.socket(socket.AF_UNIX) as busy, socket.socket(socket.AF_UNIX) as waiting:
        busy.bind(str(place))
        busy.listen(0)
        waiting.connect(str(place))
        error = fails(place)
    assert (error.fault, error.detail) == (Fault.SILENT, "it takes no connection")


@pytest.mark.parametrize("target", ["", "health", "http://other/", "/a b", "/a\r\nX-Injected: yes", "/\u00e4", "/a\0"])
def test_a_target_that_is_none_is_not_asked(place: Path, target: str) -> None:
    """Nothing can be said that is not part of a path."""
    with RudeServer("well", place=place) as server:
        assert fails(place, target).fault is Fault.FORBIDDEN
    assert server.heard == []
