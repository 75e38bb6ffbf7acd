"""What a real Forgejo server said, told to the client again."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec
import pytest
from msgspec import Struct

from quarterdeck.http.reader import READS, Reader
from quarterdeck.sources.forge import api
from quarterdeck.sources.forge.client import ForgeReader
from quarterdeck.sources.forge.errors import MEANINGS, ForgeError
from quarterdeck.sources.forge.paging import Page, Paging, Told, gathered
from tests.fakes.told_forge import Question, Reply, ToldForge
from tests.sources.forge.asking import NOW, TOKEN
from tests.sources.forge.recorded import Exchange, exchanges

FEWEST: Final = 329
"""How many exchanges the distribution that is named by its hash has."""
USUAL: Final = 30
"""How many things this server told of at once when it was not told how many."""
REPO: Final = r"/repos/([^/]+/[^/]+)"

Asks = Callable[[ForgeReader, re.Match[str]], Coroutine[Any, Any, Told[Any]]]


class Kind(NamedTuple):
    """A path that something here is asked of, and as what its answers are understood."""

    path: str
    type: Any
    asks: Asks | None = None
    """How the client asks it; None where it asks for the same things elsewhere."""


KINDS: Final = (
    Kind("/user", api.User, lambda forge, _: forge.me()),
    Kind(REPO, api.Repository, lambda forge, at: forge.repo(at[1])),
    Kind(f"{REPO}/issues/([0-9]+)", api.Issue, lambda forge, at: forge.issue(at[1], int(at[2]))),
    Kind(f"{REPO}/pulls/([0-9]+)", api.PullRequest, lambda forge, at: forge.pull(at[1], int(at[2]))),
    Kind(f"{REPO}/branches/(.+)", api.Branch, lambda forge, at: forge.branch(at[1], at[2])),
    Kind(f"{REPO}/pulls", tuple[api.PullRequest, ...], lambda forge, at: forge.pulls(at[1])),
    Kind(f"{REPO}/branches", tuple[api.Branch, ...], lambda forge, at: forge.branches(at[1])),
    Kind(f"{REPO}/contents/", tuple[api.Entry, ...], lambda forge, at: forge.names(at[1])),
    Kind(f"{REPO}/issues", tuple[api.Issue, ...]),
    Kind(f"{REPO}/issues/[0-9]+/labels", tuple[api.Label, ...]),
    Kind(f"{REPO}/statuses/[0-9a-f]+", tuple[api.CommitStatus, ...]),
    Kind("/user/repos|/repos/[^/]+/[^/]+/forks", tuple[api.Repository, ...]),
    Kind(f"{REPO}/collaborators", tuple[api.User, ...]),
)
NOT_ASKED: Final = re.compile(
    r".*/(?:comments|reactions|releases|commits|contents|tags|permission|labels|patch|teams|forks|merge|collaborators"
    r"|orgs|statuses)(?:/.*)?|.*\.patch"
)
"""What other programs asked that server, and nothing here ever asks."""


def kind_of(exchange: Exchange) -> tuple[Kind, re.Match[str]] | None:
    """Return what an exchange is about; None for what nothing here asks."""
    for kind in KINDS:
        if (at := re.fullmatch(kind.path, exchange.path)) is not None:
            return kind, at
    return None


def good(method: str | None = None) -> Iterator[tuple[Exchange, Kind, re.Match[str]]]:
    """Return what was answered well, and is about something here."""
    for exchange in exchanges():
        found = kind_of(exchange)
        if found is not None and exchange.status in (200, 201) and method in (None, exchange.method):
            yield exchange, *found


def type_of(exchange: Exchange, kind: Kind) -> Any:
    """Return as what an answer is understood: who makes one thing of a list is answered with that thing."""
    is_one = not isinstance(exchange.document, list) and kind.type not in vars(api).values()
    return kind.type.__args__[0] if is_one else kind.type


def test_the_recordings_are_all_there() -> None:
    """The distribution is the one that is named, and each exchange in it is one of those that are known here."""
    assert len(exchanges()) == FEWEST
    assert [
        f"{each.method} {each.path}"
        for each in exchanges()
        if kind_of(each) is None and not NOT_ASKED.fullmatch(each.path)
    ] == []
    assert sum(1 for _ in good()) > FEWEST // 2


def test_every_recorded_answer_is_understood_and_means_what_it_says() -> None:
    """Each answer decodes, those to writes too, and each part of it that is read has the value that was sent."""
    parts = 0
    for exchange, kind, _ in good():
        understood = msgspec.json.decode(exchange.body, type=type_of(exchange, kind))
        parts += same(understood, exchange.document, f"{exchange.cassette} {exchange.path}")
    assert parts > 10_000


def same(read: object, sent: object, where: str) -> int:
    """Hold what was read against what was sent, and return how many values were compared."""
    if isinstance(read, Struct) and isinstance(sent, Mapping):
        return sum(same(getattr(read, n), sent.get(n), f"{where}.{n}") for n in read.__struct_fields__)
    if isinstance(read, tuple) and isinstance(sent, list):
        assert len(read) == len(sent), where
        return sum(same(one, other, f"{where}[]") for one, other in zip(read, sent, strict=True))
    assert read == (datetime.fromisoformat(str(sent)) if isinstance(read, datetime) else sent), where
    return 1


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[ToldForge, list[Reply]]]:
    """A server that says the next of what it is given."""
    replies: list[Reply] = []
    with ToldForge(lambda _: replies.pop(0)) as forge:
        yield forge, replies


def test_every_recorded_look_is_answered_by_the_client(served: tuple[ToldForge, list[Reply]]) -> None:
    """What was asked with GET and has a method here is asked again: the answer is understood, or has its reason."""
    forge, replies = served
    looks = [
        (exchange, *found)
        for exchange in exchanges()
        if exchange.method == "GET"
        and "page" not in exchange.query
        and (found := kind_of(exchange)) is not None
        and found[0].asks is not None
    ]

    async def ask_all() -> list[Told[Any] | ForgeError]:
        async with Reader(READS) as reader:
            client = ForgeReader(reader, forge.url, TOKEN)
            return [await one(client, *look) for look in looks]

    async def one(client: ForgeReader, exchange: Exchange, kind: Kind, at: re.Match[str]) -> Told[Any] | ForgeError:
        replies.append(exchange.reply)
        assert kind.asks is not None
        try:
            return await kind.asks(client, at)
        except ForgeError as error:
            return error

    answers = asyncio.run(ask_all())
    assert len(answers) > 100
    for (exchange, kind, _), answer in zip(looks, answers, strict=True):
        if exchange.status == 200:
            assert isinstance(answer, Told)
            value = msgspec.json.decode(exchange.body, type=kind.type)
            is_listing = kind.type == tuple[api.Entry, ...]
            assert answer.value == (tuple(entry.name for entry in value) if is_listing else value)
            assert answer.server_at is not None
        else:
            assert isinstance(answer, ForgeError)
            assert (answer.status, answer.said) == (exchange.status, exchange.document["message"] or None)
            assert answer.reason is MEANINGS[exchange.status].reason


def test_what_was_refused_has_its_reason_and_the_words_of_the_server(served: tuple[ToldForge, list[Reply]]) -> None:
    """Each refusal that was recorded, to whatever question, is an error with the status and the server's own words."""
    forge, replies = served
    refusals = [exchange for exchange in exchanges() if exchange.status >= 400]

    async def refused(exchange: Exchange) -> ForgeError:
        replies.append(exchange.reply)
        async with Reader(READS) as reader:
            with pytest.raises(ForgeError) as failed:
                await ForgeReader(reader, forge.url, TOKEN).version()
        return failed.value

    assert {exchange.status for exchange in refusals} == {404, 405, 500}
    for exchange in refusals:
        error = asyncio.run(refused(exchange))
        assert (error.status, error.said) == (exchange.status, exchange.document["message"] or None)


class Sweep(NamedTuple):
    """A list that was read to its end."""

    cassette: str
    path: str
    pages: Sequence[Exchange]

    @property
    def total(self) -> int:
        """How many things the server counted."""
        return int(self.pages[0].headers["x-total-count"])


def sweeps() -> Iterator[Sweep]:
    """Return each list that was read page by page until it ended, as often as it was."""
    turns: dict[tuple[str, str, str, int], list[Exchange]] = {}
    for each in exchanges():
        if each.method == "GET" and "page" in each.query and "x-total-count" in each.headers:
            rest = str(sorted((name, said) for name, said in each.query.items() if name != "page"))
            turns.setdefault((each.cassette, each.path, rest, int(each.headers["x-total-count"])), []).append(each)
    for (cassette, path, _, total), pages in turns.items():
        first = {int(page.query["page"]): page for page in reversed(pages)}
        ordered = [first[number] for number in sorted(first)]
        if sum(len(page.document) for page in ordered) == total:
            yield Sweep(cassette, path, ordered)


def test_page_counts_agree_with_the_heads() -> None:
    """Each list that was read to its end is read again: as many pages as the count makes, all things, and whole."""
    found = list(sweeps())
    assert len(found) > 20
    assert max(sweep.total for sweep in found) == 144
    for sweep in found:
        with ToldForge(page_of(sweep)) as forge:
            told = asyncio.run(read(forge.url))
            asked = sorted(int(question.query["page"]) for question in forge.asked)
        wanted = max(1, -(-sweep.total // USUAL))
        assert (told.whole, told.total, len(told.value)) == (True, sweep.total, sweep.total), sweep.cassette
        assert (told.calls, asked) == (wanted, [*range(1, wanted + 1)]), sweep.cassette
        assert last_by_link(sweep) in (None, wanted), "the link of the first page says the same"


def test_lists_that_the_client_asks_for_are_read_to_their_end() -> None:
    """Each recorded list of pull requests and of branches is told to the client again, and is read whole."""
    lists = [(sweep, *found) for sweep in sweeps() if (found := kind_of(sweep.pages[0])) and found[0].asks]
    assert {kind.path for _, kind, _ in lists} == {f"{REPO}/pulls", f"{REPO}/branches"}
    for sweep, kind, at in lists:
        with ToldForge(page_of(sweep)) as forge:
            told = asyncio.run(asked(forge.url, kind, at))
        sent = [msgspec.json.decode(page.body, type=kind.type) for page in sweep.pages]
        assert (told.whole, told.value) == (True, tuple(one for page in sent for one in page)), sweep.cassette


async def asked(url: str, kind: Kind, at: re.Match[str]) -> Told[Any]:
    assert kind.asks is not None
    async with Reader(READS) as reader:
        return await kind.asks(ForgeReader(reader, url, TOKEN, page=USUAL), at)


def test_a_sweep_that_lacks_a_page_is_not_whole() -> None:
    """The test above means something: of the longest list, with one page told twice, it is said that it is torn."""
    longest = max(sweeps(), key=lambda sweep: sweep.total)
    answer = page_of(longest)

    def twice(question: Question) -> Reply:
        return answer(
            question._replace(query={"page": "2" if question.query["page"] == "3" else question.query["page"]})
        )

    with ToldForge(twice) as forge:
        told = asyncio.run(read(forge.url))
    assert (told.whole, told.total, len(told.value)) == (False, 144, 114)


def page_of(sweep: Sweep) -> Callable[[Question], Reply]:
    return lambda question: sweep.pages[int(question.query["page"]) - 1].reply


async def read(url: str) -> Told[tuple[msgspec.Raw, ...]]:
    """Read a list of whatever things, as the client reads its own."""
    async with Reader(READS) as reader:

        async def fetch(number: int) -> Page[msgspec.Raw]:
            answer = await reader.get(f"{url}/?page={number}")
            items = msgspec.json.decode(answer.body, type=tuple[msgspec.Raw, ...])
            return Page(items, int(answer.headers["x-total-count"]), None)

        return await gathered(fetch, Paging(USUAL, True, 100, bytes, lambda: True), NOW)


def last_by_link(sweep: Sweep) -> int | None:
    found = re.search(r"[?&]page=([0-9]+)[^>]*>; rel=\"last\"", sweep.pages[0].headers.get("link", ""))
    return None if found is None else int(found[1])


def test_that_an_account_is_not_active_says_nothing() -> None:
    """The same accounts are told as active and as not: they are, where they ask about themselves, and nowhere else."""
    told = {(user["login"], user["active"]) for exchange, *_ in good() for user in accounts(exchange.document)}
    both = {login for login, _ in told if {(login, True), (login, False)} <= told}
    assert both
    assert {login for login, is_active in told if is_active} == both


def accounts(document: object) -> Iterator[Mapping[str, Any]]:
    """Return every account in a document."""
    if isinstance(document, Mapping):
        if {"login", "active"} <= document.keys():
            yield document
        document = list(document.values())
    if isinstance(document, list):
        for inner in document:
            yield from accounts(inner)


def test_no_recorded_answer_named_itself_so_that_it_could_be_asked_for_again() -> None:
    """None of them has an ETag: what was read is read again, or asked about by since when."""
    assert not [exchange for exchange in exchanges() if "etag" in exchange.headers]
