"""What a forge may do in place of answering, each with its typed reason and with what it said."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import NamedTuple

import pytest

from quarterdeck.http import Answer, HttpError
from quarterdeck.http.faults import Fault
from quarterdeck.http.reader import READS
from quarterdeck.sources.files import SourceError
from quarterdeck.sources.forge.errors import OUTCOMES, ForgeError, refused, retry_after, unanswered
from quarterdeck.truth import forge_fields as G  # noqa: N812 -- a table reads better with one letter before each field
from quarterdeck.truth.reading import Reason
from tests.fakes.rude_server import closed_port
from tests.fakes.told_forge import Question, Reply, ToldForge, told
from tests.sources.forge.asking import FULL, HASTY, LIMITS, NOW, ask, fails

PATH = "/repos/acme/tools/pulls"
HTML = "<!DOCTYPE html><html><body>secret words of a page</body></html>"
LACKS = "token does not have at least one of required scope(s)"
SCOPES = f"{LACKS}, required=[read:repository], token scope=read:issue,read:user"
NESTED = b'{"x":' + b"[" * 15_000
OLDER = f"{LACKS}: [read:repository write:repository]"
PULL = {"id": 1, "number": 3, "title": "x", "labels": [{"name": "a"}]}


class Case(NamedTuple):
    """What is answered, and what that means."""

    reply: Reply
    reason: Reason
    outcome: str
    words: str
    """Behind the question."""
    said: str | None = None


CASES = {
    "401": Case(
        told({"message": "invalid username, password or token"}, 401),
        Reason.DENIED, "denied", "401, it does not know this token", "invalid username, password or token",
    ),
    "403 with its scope": Case(
        told({"message": SCOPES}, 403), Reason.DENIED, "denied", "403, this token may not ask that", SCOPES
    ),
    "404": Case(
        told({"message": "The target couldn't be found.", "errors": None}, 404),
        Reason.MISSING, "not a forge", "404, it is not there, or not shown to this token",
        "The target couldn't be found.",
    ),
    "405": Case(told({"message": "no"}, 405), Reason.DENIED, "failing", "405, it does not answer that", "no"),
    "410": Case(told({}, 410), Reason.MISSING, "not a forge", "410, it is gone"),
    "423": Case(told({}, 423), Reason.DENIED, "denied", "423, it is locked"),
    "429": Case(
        told({"message": "slow down"}, 429, Retry_After="7"), Reason.BUSY, "failing",
        "429, it is asked too often", "slow down",
    ),
    "500": Case(told({"message": ""}, 500), Reason.BUSY, "failing", "500, it fails"),
    "502 of a proxy": Case(Reply(HTML.encode(), 502, kind="text/html"), Reason.BUSY, "failing", "502, it fails"),
    "503": Case(Reply(b"", 503), Reason.BUSY, "failing", "503, it cannot serve now"),
    "504": Case(
        Reply(b"", 504), Reason.TIMEOUT, "no answer", "504, what stands before it got no answer from it"
    ),
    "a redirect": Case(
        Reply(b"", 301, {"Location": "http://169.254.169.254/"}), Reason.MISSING, "not a forge",
        "301, it says to ask elsewhere, and redirects are not followed",
    ),
    "204 without a word": Case(Reply(b"", 204), Reason.DENIED, "failing", "204, it does not answer that"),
    "truncated JSON": Case(
        Reply(json.dumps([PULL]).encode()[:-9]), Reason.CORRUPT, "cut off", "200, its answer ends too early"
    ),
    "nothing at all": Case(Reply(b""), Reason.CORRUPT, "cut off", "200, its answer ends too early"),
    "a page of a login": Case(
        Reply(HTML.encode(), kind="text/html; charset=utf-8"), Reason.SCHEMA, "not a forge",
        "200, its answer is a page for people, not data",
    ),
    "a page that says it is data": Case(
        Reply(b"\n " + HTML.encode()), Reason.SCHEMA, "not a forge", "200, its answer is a page for people, not data"
    ),
    "no JSON": Case(Reply(b"all is well"), Reason.CORRUPT, "not a forge", "200, its answer is not JSON"),
    "no text": Case(Reply(b'"\xff\xfe"'), Reason.SCHEMA, "not a forge", "200, its answer has another form"),
    "broken text inside": Case(
        Reply(b'[{"title": "\xff"}]'), Reason.CORRUPT, "not a forge", "200, its answer is not JSON"
    ),
    "an object for a list": Case(told(PULL), Reason.SCHEMA, "not a forge", "200, its answer has another form"),
    "a wrong type": Case(
        told([PULL, {**PULL, "number": "secret words"}]), Reason.SCHEMA, "not a forge",
        "200, its answer has another form than expected, at $[1].number",
    ),
    "a wrong type inside": Case(
        told([{**PULL, "labels": [{"name": 5}]}]), Reason.SCHEMA, "not a forge",
        "200, its answer has another form than expected, at $[0].labels[0].name",
    ),
    "a moment without a zone": Case(
        told([{**PULL, "updated_at": "2026-11-20T12:00:00"}]), Reason.SCHEMA, "not a forge",
        "200, its answer has another form than expected, at $[0].updated_at",
    ),
    "too much": Case(
        told([PULL] * 1000), Reason.OBSERVER, "failing", "200, its answer is longer than 20000 bytes"
    ),
    "too much by one number": Case(
        Reply(b'[{"number": ' + b"9" * 5000 + b"}]"), Reason.SCHEMA, "not a forge", "200, its answer has another form"
    ),
    "nested without end": Case(
        Reply(b'[{"x":' + b"[" * 15_000), Reason.SCHEMA, "not a forge", "200, its answer is nested too deeply"
    ),
    "silence": Case(told([])._replace(after_s=5.0), Reason.TIMEOUT, "no answer", "it said nothing for 0.5 s"),
    "a line that is cut": Case(
        Reply(hangs_up=True), Reason.CORRUPT, "cut off", "it hung up without an answer"
    ),
    "less than was promised": Case(
        Reply(b"[", promised=900), Reason.CORRUPT, "not http", "what it says is not HTTP, or ends too early"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_whatever_comes_in_place_of_an_answer_has_its_reason(name: str) -> None:
    """Each failure has a typed reason, a word for the forge as a whole, the question, and the forge's own words."""
    case = CASES[name]
    limits = HASTY if case.reply.after_s else LIMITS
    error = fails(lambda _: case.reply, lambda forge: forge.pulls(FULL), limits)
    assert isinstance(error, SourceError)
    assert (error.reason, error.outcome, error.said) == (case.reason, case.outcome, case.said)
    assert error.detail.startswith(f"GET {PATH}: {case.words}")
    assert (error.method, error.path, error.status) == ("GET", PATH, _status(case))
    assert error.whole == error.detail + (f": {case.said}" if case.said else "")
    assert "secret words" not in error.whole
    assert G.FORGE_ANSWERS.shape.load(error.outcome) == error.outcome


def _status(case: Case) -> int | None:
    return int(case.words.partition(",")[0]) if case.words[0].isdigit() else None


def test_nobody_listens() -> None:
    """A forge that is down is refused, with the question that found out."""
    with pytest.raises(ForgeError) as failed:
        ask(f"http://127.0.0.1:{closed_port()}", lambda forge: forge.version())
    assert (failed.value.outcome, failed.value.reason) == ("refused", Reason.MISSING)
    assert failed.value.whole == "GET /version: nothing listens there"


def test_every_way_not_to_be_answered_has_a_word() -> None:
    """Whatever the network can do has a word among those a forge's answer is told in."""
    assert set(OUTCOMES) == set(Fault)
    for fault in Fault:
        assert G.FORGE_ANSWERS.shape.load(unanswered("/version", HttpError(fault, "x")).outcome)


@pytest.mark.parametrize(
    ("said", "needs", "held"),
    [
        (SCOPES, ("read:repository",), ("read:issue", "read:user")),
        (OLDER, ("read:repository", "write:repository"), None),
        ("user should be the owner of the repo", (), None),
        ("required=[" + "x" * 5000, (), None),
    ],
)
def test_the_scope_that_is_needed_is_named(said: str, needs: tuple[str, ...], held: tuple[str, ...] | None) -> None:
    """A refusal for want of a scope tells which one is needed, and which the token has, as far as it says so."""
    error = fails(lambda _: told({"message": said}, 403), lambda forge: forge.pulls(FULL))
    assert (error.needs, error.held) == (needs, held)


def test_what_a_forge_says_is_cut_and_cleaned() -> None:
    """Its words are one line of text, and a credential in them is masked."""
    secret = "ghp" + "_" + "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7cF0hJ3lM6"
    said = f"bad\u202e token {secret}\nand more " + "x" * 9000
    error = fails(lambda _: told({"message": said}, 500), lambda forge: forge.pulls(FULL))
    assert error.said is not None
    assert (len(error.said) <= 200, secret in error.said, "\n" in error.said) == (True, False, False)


@pytest.mark.parametrize("said", ["unknown token {}", "bad header: Authorization: token {}", "who is {}?"])
def test_a_server_that_quotes_the_token_does_not_bring_it_to_the_screen(said: str) -> None:
    """What was sent to prove who asks is masked in whatever comes back, also in no form that a rule knows."""
    token = "5d1e0f" + "7a9c3b62" * 4 + "e8"
    with ToldForge(lambda _: told({"message": said.format(token)}, 401)) as forge, pytest.raises(ForgeError) as failed:
        ask(forge.url, lambda client: client.pulls(FULL), token=token)
    assert failed.value.said
    assert token not in failed.value.whole


@pytest.mark.parametrize(
    "body", [b"[]", b'{"message": 5}', b'"x"', b"null", b'{"message": null}', b"\xff", b"", NESTED]
)
def test_a_refusal_without_words_is_one_all_the_same(body: bytes) -> None:
    """Whatever stands in the body of a refusal, the status is told."""
    error = fails(lambda _: Reply(body, 403), lambda forge: forge.pulls(FULL))
    assert (error.status, error.said) == (403, None)


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("7", 7.0),
        (" 0 ", 0.0),
        ("99999999999999999999", 3600.0),
        ("Fri, 20 Nov 2026 12:01:03 GMT", 60.0),
        ("Fri, 20 Nov 2026 11:00:00 GMT", 0.0),
        ("Fri, 20 Nov 2099 11:00:00 GMT", 3600.0),
        ("soon", None),
        ("-5", None),
        ("²", None),
        ("", None),
    ],
)
def test_how_long_a_forge_asks_not_to_be_asked(said: str, seconds: float | None) -> None:
    """Seconds and moments are understood, at most an hour is believed, and anything else is not said."""
    assert retry_after({"retry-after": said}, NOW) == seconds
    assert retry_after({}, NOW) is None


@pytest.mark.parametrize("status", [429, 503])
def test_patience_that_is_asked_for_is_handed_up_and_nobody_waits_here(status: int) -> None:
    """A forge that asks for patience is asked once, and how long it asked for is told."""
    with ToldForge(lambda _: told({}, status, Retry_After="30")) as forge:
        with pytest.raises(ForgeError) as failed:
            ask(forge.url, lambda reader: reader.pulls(FULL))
        assert len(forge.asked) == 1
    assert (failed.value.retry_after_s, failed.value.reason) == (30.0, Reason.BUSY)


def test_a_question_whose_line_was_cut_is_asked_once_more() -> None:
    """One cut is mended by asking again; two are told."""
    replies: list[Reply] = [Reply(hangs_up=True), told([PULL])]
    with ToldForge(lambda question: replies[question.number - 1]) as forge:
        assert len(ask(forge.url, lambda reader: reader.pulls(FULL)).value) == 1
        assert len(forge.asked) == 2


def test_a_repository_that_is_made_private_or_deleted_mid_way() -> None:
    """A list whose later pages are not shown any more is missing, as the forge says it, and not half a list."""

    def answer(question: Question) -> Reply:
        return told({"message": "not found"}, 404) if question.number > 1 else told([{"id": 1}], x_total_count="90")

    error = fails(answer, lambda forge: forge.pulls(FULL))
    assert (error.reason, error.status, error.said) == (Reason.MISSING, 404, "not found")


@pytest.mark.parametrize(
    "said", ["yesterday", "Fri, 31 Dec 9999 23:59:59 -1200", "Fri, 31 Dec 9999 23:59:59 GMT",
             "Mon, 01 Jan 1900 00:00:00 GMT", "Thu, 01 Jan 99999 00:00:00 GMT"],
)  # fmt: skip
def test_a_clock_that_is_nonsense_is_none(said: str) -> None:
    """A head that names no moment, or none that could be held, leaves the forge's own time unknown."""
    replies: Callable[[Question], Reply] = lambda _: told([], Date=said)  # noqa: E731 -- one line
    with ToldForge(replies) as forge:
        assert ask(forge.url, lambda reader: reader.pulls(FULL)).server_at is None


@pytest.mark.parametrize("word", ["required=[", "required scope(s): [", "token scope=", "token=a "])
def test_words_without_end_are_not_read_to_their_end(word: str) -> None:
    """A refusal that fills all that is taken of an answer costs no more than to understand that it is one."""
    body = json.dumps({"message": word * (READS.body // len(word) - 100)}).encode()
    began = time.process_time()
    error = refused("/user", Answer(403, {}, body, whole=True, took_s=0.0, certificate_ends=None), NOW)
    assert time.process_time() - began < 1.0
    assert error.said is not None
