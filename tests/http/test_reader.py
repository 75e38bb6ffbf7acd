"""Asking one server much at once, also when it misbehaves."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pytest

from quarterdeck.http import Answer, Fault, HttpError, Limits
from quarterdeck.http.reader import Reader
from quarterdeck.truth.reading import Reason
from tests.fakes.certificates import certificate
from tests.fakes.rude_server import RudeServer, closed_port
from tests.fakes.told_forge import Question, Reply, ToldForge, told

T = TypeVar("T")
QUICK = Limits(connect_s=0.5, silence_s=0.5, total_s=0.8, body=10_000)
PATIENT = Limits(connect_s=10.0, silence_s=10.0, total_s=20.0, body=10_000)
"""For those who are answered, on whatever busy machine."""


def asking(work: Callable[[Reader], Coroutine[Any, Any, T]], reader: Callable[[], Reader] | None = None) -> T:
    """Do some work with a reader, in a loop of its own."""

    async def do() -> T:
        async with (reader or (lambda: Reader(PATIENT)))() as made:
            return await work(made)

    return asyncio.run(do())


def got(url: str, reader: Callable[[], Reader] | None = None, **headers: str) -> Answer:
    return asking(lambda made: made.get(url, headers), reader)


def fails(url: str, reader: Callable[[], Reader] | None = None) -> HttpError:
    with pytest.raises(HttpError) as failed:
        got(url, reader or (lambda: Reader(QUICK)))
    return failed.value


def well(_: Question) -> Reply:
    return told({"is": "well"})


def test_an_answer() -> None:
    """An answer has its status, its heads by small letters, its body and the time it took."""
    with RudeServer("well") as server:
        answer = got(f"{server.address}/health?full=1", Accept="application/json")
    assert (answer.status, answer.headers["x-version"], answer.body, answer.whole) == (200, "1.4.2", b"hello", True)
    assert 0 < answer.took_s < PATIENT.total_s
    assert server.heard[0].startswith(b"GET /health?full=1 HTTP/1.1\r\n")
    assert b"Accept: application/json\r\n" in server.heard[0]


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
        assert time.monotonic() - began < 3.5
    assert (error.fault, error.reason) == (fault, reason)
    assert "sk-" not in str(error)
    assert "127.0.0.1" not in str(error)


def test_a_body_without_end_is_cut_and_called_a_beginning() -> None:
    """A body beyond its limit is taken up to the limit, and is not whole."""
    with RudeServer("huge") as server:
        answer = got(server.address)
    assert (len(answer.body), answer.whole) == (10_000, False)


def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    """Where a server sends us is not where we go."""
    with RudeServer("elsewhere") as server:
        assert got(server.address).status == 302
        assert len(server.heard) == 1


def test_nobody_listens() -> None:
    """A refused connection says so."""
    error = fails(f"http://127.0.0.1:{closed_port()}/")
    assert (error.fault, error.detail) == (Fault.REFUSED, "nothing listens there")


def test_a_question_whose_line_was_cut_is_asked_once_more_and_no_oftener() -> None:
    """A cut before any answer is tried once more; who always cuts is asked twice."""
    with RudeServer("reset once") as server:
        assert got(server.address).status == 200
        assert len(server.heard) == 2
    with RudeServer("reset") as server:
        assert fails(server.address).fault is Fault.CUT
        assert len(server.heard) == 2


def test_a_line_that_was_hung_up_between_two_questions_is_no_failure() -> None:
    """A server that hangs up after each answer without saying so is asked all the same."""

    async def ask(reader: Reader, url: str) -> list[int]:
        return [(await reader.get(url)).status for _ in range(20)]

    with RudeServer("well") as server:
        assert asking(lambda reader: ask(reader, server.address)) == [200] * 20


def test_lines_are_kept_and_no_more_are_open_than_questions_may_be_asked_at_once() -> None:
    """Forty questions at once go over four lines, four at a time."""

    async def ask(reader: Reader, url: str) -> list[Answer]:
        return await asyncio.gather(*(reader.get(f"{url}/{number}") for number in range(40)))

    with ToldForge(lambda _: told({}, 200)._replace(after_s=0.01)) as server:
        answers = asking(lambda reader: ask(reader, server.url), lambda: Reader(in_flight=4))
        assert [answer.status for answer in answers] == [200] * 40
        assert server.lines == 4
        assert 1 < server.most_at_once <= 4


def test_waiting_for_ones_turn_does_not_count_as_waiting_for_an_answer() -> None:
    """A question in the queue has its whole time when its turn comes."""

    async def ask(reader: Reader, url: str) -> list[Answer]:
        return await asyncio.gather(*(reader.get(url) for _ in range(4)))

    limits = PATIENT._replace(silence_s=2.0, total_s=2.0)
    with ToldForge(lambda _: told({})._replace(after_s=0.6)) as server:
        answers = asking(lambda reader: ask(reader, server.url), lambda: Reader(limits, in_flight=1))
    assert [answer.status for answer in answers] == [200] * 4


def test_one_question_that_fails_takes_no_other_with_it() -> None:
    """Others that are in flight get their answers when one line is silent or cut."""

    def answer(question: Question) -> Reply:
        return {"/silent": Reply(after_s=9.0), "/cut": Reply(hangs_up=True)}.get(question.path, told({}))

    async def ask(reader: Reader, url: str) -> list[Answer | BaseException]:
        paths = ("/silent", "/cut", *("/well",) * 10)
        return await asyncio.gather(*(reader.get(url + path) for path in paths), return_exceptions=True)

    with ToldForge(answer) as server:
        first, second, *others = asking(
            lambda reader: ask(reader, server.url), lambda: Reader(PATIENT._replace(silence_s=2.0))
        )
    assert isinstance(first, HttpError)
    assert first.fault is Fault.SILENT
    assert isinstance(second, HttpError)
    assert second.fault is Fault.CUT
    assert [isinstance(other, Answer) for other in others] == [True] * 10


def test_questions_that_are_given_up_leave_no_line_behind() -> None:
    """Who no longer waits for an answer lets go of its line, and others go on being asked."""

    async def give_up(reader: Reader, server: ToldForge) -> int:
        given = [asyncio.ensure_future(reader.get(f"{server.url}/slow")) for _ in range(6)]
        assert await asyncio.to_thread(server.wait_for, 4)
        for each in given:
            each.cancel()
        await asyncio.gather(*given, return_exceptions=True)
        return (await reader.get(f"{server.url}/well")).status

    slow = {"/slow": told({})._replace(after_s=3.0)}
    with ToldForge(lambda question: slow.get(question.path, told({}))) as server:
        assert asking(lambda reader: give_up(reader, server), Reader) == 200
        assert len(server.asked) == 5
    gc.collect()


def test_who_reads_has_no_method_that_writes() -> None:
    """A reader can get and nothing else, and no other method of HTTP leaves it."""
    assert {name for name in dir(Reader) if not name.startswith("_")} == {"get"}
    with ToldForge(well) as server:
        got(server.url)
        assert [question.method for question in server.asked] == ["GET"]


def test_a_question_carries_nothing_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """No cookie, no login and no proxy of the environment goes along, and none that was set comes back."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{closed_port()}")

    async def ask(reader: Reader, url: str) -> None:
        await reader.get(url)
        await reader.get(url)

    with ToldForge(lambda _: told({}, Set_Cookie="i_like_gitea=1")) as server:
        asking(lambda reader: ask(reader, server.url))
        assert [set(question.headers) for question in server.asked] == [
            {"host", "user-agent", "accept", "accept-encoding", "connection"}
        ] * 2


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/",
        "http://0xa9.0xfe.0xa9.0xfe/",
        "http://[::ffff:169.254.169.254]/",
        "http://[fd00:ec2::254]/",
        "http://0.0.0.0/",
        "ftp://127.0.0.1/",
        "http://user:word@127.0.0.1/",
        "http://127.0.0.1/\r\nX-Injected: yes",
        "nonsense",
    ],
)
def test_an_address_that_may_not_be_asked_is_not_asked(url: str) -> None:
    """Link-local, metadata and nobody's addresses, other schemes and logins."""
    assert fails(url).fault is Fault.FORBIDDEN


def test_a_name_is_resolved_once_for_all_lines() -> None:
    """A name server that changes its mind gets us nowhere else, however many lines are opened."""
    asked: list[str] = []

    def rebinding(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["169.254.169.254"]

    async def ask(reader: Reader, url: str) -> list[Answer]:
        return await asyncio.gather(*(reader.get(url) for _ in range(8)))

    with ToldForge(lambda _: told({})._replace(after_s=0.01)) as server:
        asking(lambda made: ask(made, f"http://git.example.com:{server.port}/"), lambda: Reader(resolve=rebinding))
        assert {question.headers["host"] for question in server.asked} == {f"git.example.com:{server.port}"}
    assert asked == ["git.example.com"]


def test_a_name_that_cannot_be_looked_up() -> None:
    """A resolver that says nonsense is a reason, and is asked again by the next question."""
    found = iter(([], ["127.0.0.1"]))

    async def ask(reader: Reader, url: str) -> int:
        with pytest.raises(HttpError) as failed:
            await reader.get(url)
        assert failed.value.fault is Fault.UNRESOLVED
        return (await reader.get(url)).status

    with ToldForge(well) as server:
        url = f"http://git.example.com:{server.port}/"
        assert asking(lambda made: ask(made, url), lambda: Reader(PATIENT, resolve=lambda *_: next(found))) == 200


def test_who_it_is_must_be_shown(tmp_path: Path) -> None:
    """A certificate that is trusted is told with its end; others are refused, each for its own reason."""
    (tmp_path / "good").mkdir()
    good = certificate(tmp_path / "good")
    with RudeServer("well", tls=good.context) as server:
        answer = got(server.address, lambda: Reader(PATIENT, authorities=good.authorities))
        assert (answer.status, answer.certificate_ends) == (200, good.ends)
        error = fails(server.address, lambda: Reader(PATIENT))
        assert (error.fault, error.detail) == (Fault.TLS, "its certificate is signed by itself")
    for name, days, address, words in (
        ("old", -1, "127.0.0.1", "its certificate has expired"),
        ("other", 30, "127.0.0.2", "its certificate is for another address"),
    ):
        (tmp_path / name).mkdir()
        bad = certificate(tmp_path / name, days=days, address=address)
        with RudeServer("well", tls=bad.context) as server:
            error = fails(server.address, partial(Reader, PATIENT, authorities=bad.authorities))
        assert (error.fault, error.detail) == (Fault.TLS, words)


def test_lines_are_kept_under_tls_too(tmp_path: Path) -> None:
    """Twelve questions to a server with a certificate go over as many lines as may be asked at once."""
    good = certificate(tmp_path)

    async def ask(reader: Reader, url: str) -> list[Answer]:
        return await asyncio.gather(*(reader.get(url) for _ in range(12)))

    with ToldForge(lambda _: told({})._replace(after_s=0.01), tls=good.context) as server:
        answers = asking(lambda made: ask(made, server.url), lambda: Reader(authorities=good.authorities, in_flight=2))
        assert [answer.status for answer in answers] == [200] * 12
        assert server.lines == 2


def test_a_file_of_authorities_that_cannot_be_read(tmp_path: Path) -> None:
    """Whom to trust must be known: nobody is trusted in its place."""
    error = fails("https://127.0.0.1:1/", lambda: Reader(QUICK, authorities=tmp_path / "missing"))
    assert (error.fault, error.detail) == (Fault.TLS, "the file of authorities cannot be read")


def test_plain_where_tls_was_expected() -> None:
    """A server that speaks no TLS on an https address is a matter of TLS, or of silence, and never of trust."""
    with RudeServer("garbage") as server:
        assert fails(f"https://127.0.0.1:{server.port}/").fault in (Fault.TLS, Fault.CUT, Fault.SILENT)


def test_a_line_that_is_never_encrypted_is_given_up_with_the_whole_question() -> None:
    """Who takes the connection and does not answer to TLS is given up when the time of the question is over."""
    hasty = Limits(connect_s=5.0, silence_s=5.0, total_s=0.3)
    with RudeServer("silent") as server:
        error = fails(f"https://127.0.0.1:{server.port}/", lambda: Reader(hasty))
    assert (error.fault, error.detail) == (Fault.SILENT, "no complete answer within 0.3 s")
    gc.collect()
