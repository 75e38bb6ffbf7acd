"""Lists that are told page by page, also while they change."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.http.reader import Reader
from quarterdeck.sources.forge import api
from quarterdeck.sources.forge.client import ForgeReader, by_id
from quarterdeck.sources.forge.errors import ForgeError
from quarterdeck.sources.forge.paging import AT_ONCE, OVER, SPENT, TORN, Page, Paging, Told, gathered
from quarterdeck.truth.reading import Reason
from tests.fakes.told_forge import DATE, Question, Reply, ToldForge, told
from tests.sources.forge.asking import FULL, NOW, ask, told_by

Lists = Callable[[int], Sequence[int]]
"""What the whole list is when a page of this number is asked for."""


def paged(lists: Lists, *, size: int, counts: bool = True) -> Callable[[Question], Reply]:
    """Answer like a forge that has a list, which may change between questions."""

    def answer(question: Question) -> Reply:
        page, limit = int(question.query["page"]), min(int(question.query["limit"]), size)
        whole = lists(page)
        items = [{"id": one} for one in whole[(page - 1) * limit : page * limit]]
        return told(items, x_total_count=str(len(whole))) if counts else told(items)

    return answer


def read(answer: Callable[[Question], Reply], *, page: int = 10, pages: int = 200) -> Told[tuple[int | None, ...]]:
    answered = told_by(answer, lambda forge: forge.pulls(FULL, pages=pages), page=page)
    return Told(tuple(pull.id for pull in answered.value), *answered[1:])


@pytest.mark.parametrize("counts", [True, False])
@pytest.mark.parametrize("many", [0, 1, 9, 10, 11, 20, 95])
def test_a_list_is_read_to_its_end(many: int, *, counts: bool) -> None:
    """Whether the forge counts or not, a list of any length is read whole and in order."""
    wanted = tuple(range(many, 0, -1))
    answer = read(paged(lambda _: wanted, size=50, counts=counts))
    assert (answer.value, answer.whole, answer.total, answer.why) == (wanted, True, many if counts else None, "")
    assert answer.calls == (max(1, -(-many // 10)) if counts else many // 10 + 1)


def test_a_forge_that_gives_fewer_at_once_than_asked_for_is_read_to_its_end() -> None:
    """A server that was set to smaller pages than it was asked for is not taken for short of things."""
    assert read(paged(lambda _: range(35), size=4)).value == tuple(range(35))


def test_pages_are_asked_for_several_at_once_and_not_too_many() -> None:
    """Once the count is known, the other pages are asked for together, four at a time."""
    answer = paged(lambda _: range(400), size=50)
    with ToldForge(lambda question: answer(question)._replace(after_s=0.01)) as forge:
        told = ask(forge.url, lambda reader: reader.pulls(FULL), page=10)
        assert (len(told.value), told.whole, forge.lines) == (400, True, 4)
        assert 1 < forge.most_at_once <= 4


@pytest.mark.parametrize(
    ("lists", "has"),
    [
        pytest.param(lambda page: range(30) if page < 3 else range(31), None, id="one more"),
        pytest.param(lambda page: range(30) if page < 2 else range(1, 30), None, id="one less: another is skipped"),
        pytest.param(lambda page: range(30) if page < 2 else (-1, *range(29)), 29, id="one came and one went"),
        pytest.param(lambda page: range(30) if page < 2 else (25, *(n for n in range(30) if n != 25)), 29, id="moved"),
    ],
)
def test_a_list_that_changes_while_it_is_read_is_torn(lists: Lists, has: int | None) -> None:
    """A thing that comes, goes or moves between two pages is noticed, and nothing is in the list twice."""
    answer = read(paged(lists, size=50))
    assert (answer.whole, answer.why) == (False, TORN)
    assert len(set(answer.value)) == len(answer.value)
    assert has is None or len(answer.value) == has


def test_a_list_without_a_count_that_tells_a_thing_twice_is_torn() -> None:
    """Where the forge does not count, a thing that moved from page to page gives it away."""
    answer = read(paged(lambda page: range(15) if page < 2 else (-1, *range(15)), size=50, counts=False))
    assert (answer.whole, answer.why, answer.value) == (False, TORN, tuple(range(15)))


@pytest.mark.parametrize("counts", [True, False])
def test_a_list_that_is_too_long_is_cut_and_says_so(*, counts: bool) -> None:
    """No more pages are asked for than may be; how many there are is told all the same."""
    with ToldForge(paged(lambda _: range(1000), size=50, counts=counts)) as forge:
        answer = ask(forge.url, lambda reader: reader.pulls(FULL, pages=3), page=10)
        assert len(forge.asked) == 3
    assert (len(answer.value), answer.whole, answer.why) == (30, False, "it has more than 3 pages")
    assert answer.total == (1000 if counts else None)


@pytest.mark.parametrize("count", ["", "-1", "many", "1e3", "9" * 30, "²"])
def test_a_count_that_is_none_is_not_believed(count: str) -> None:
    """A head that is no number is as if the forge did not count."""
    answer = told_by(lambda _: told([{"id": 1}], x_total_count=count), lambda forge: forge.pulls(FULL))
    assert (len(answer.value), answer.whole, answer.total) == (1, True, None)


def test_a_page_that_fails_fails_the_list() -> None:
    """Half a list is none: the error is that of the page, and no further page is asked for."""

    def answer(question: Question) -> Reply:
        if question.query["page"] == "3":
            return Reply(b"oops", 500)
        return told([{"id": int(question.query["page"])}], x_total_count="300")._replace(after_s=0.02)

    with ToldForge(answer) as forge:
        with pytest.raises(ForgeError) as failed:
            ask(forge.url, lambda reader: reader.pulls(FULL), page=1)
        assert len(forge.asked) < 30
    assert (failed.value.status, failed.value.reason) == (500, Reason.BUSY)


def test_the_forges_own_time_is_that_of_the_first_page() -> None:
    """What is asked for since then misses nothing that moved while the list was read."""
    pages = paged(lambda _: range(30), size=50)

    def answer(question: Question) -> Reply:
        reply = pages(question)
        minute = int(question.query["page"])
        return reply._replace(headers={**reply.headers, "Date": DATE.replace(":00:00", f":0{minute}:00")})

    told = read(answer)
    assert told.server_at is not None
    assert (told.server_at.minute, told.at) == (1, NOW)


def test_a_timeline_ends_where_no_hidden_entry_can_follow() -> None:
    """The count of a timeline is of one page, and comments on lines fill pages without being shown."""
    shown = {1: range(4), 2: range(4, 14), 3: range(14, 17)}

    def answer(question: Question) -> Reply:
        items = [{"id": one, "type": "comment"} for one in shown.get(int(question.query["page"]), ())]
        return told(items, x_total_count=str(len(items)))

    hidden = told_by(answer, lambda forge: forge.timeline(FULL, 1, unseen=6), page=10)
    assert ([entry.id for entry in hidden.value], hidden.whole, hidden.total) == ([*range(17)], True, None)
    assert (hidden.calls, len(told_by(answer, lambda forge: forge.timeline(FULL, 1), page=10).value)) == (3, 4)


@pytest.mark.parametrize("gives", [1, 4, 10, 50])
@pytest.mark.parametrize("many", [0, 3, 10, 35, 50])
def test_a_short_page_is_no_end_as_long_as_nobody_knows_how_much_the_forge_gives(many: int, gives: int) -> None:
    """Where the forge does not count and its limit was never read, a list is read up to the page that is empty."""
    answer = paged(lambda _: range(many), size=gives, counts=False)
    told = told_by(answer, lambda forge: forge.pulls(FULL), page=None)
    assert ([pull.id for pull in told.value], told.whole) == ([*range(many)], True)
    assert told.calls == -(-many // gives) + 1


def test_a_forge_that_gives_fewer_than_it_once_said_is_found_out() -> None:
    """A list that is counted shows that pages are smaller now: then no list ends with a short page any more."""
    counted, bare = (paged(lambda _: range(9), size=4, counts=counts) for counts in (True, False))

    async def both(forge: ForgeReader) -> tuple[int, int]:
        return len((await forge.pulls(FULL)).value), len((await forge.timeline(FULL, 1)).value)

    assert told_by(lambda asked: (counted if asked.path.endswith("/pulls") else bare)(asked), both) == (9, 9)


@pytest.mark.parametrize("page", [10, None])
def test_a_page_on_which_nothing_is_shown_is_no_end_while_so_much_is_hidden(page: int | None) -> None:
    """Comments on lines may fill whole pages of a timeline: what stands behind these is read too."""
    shown = {1: range(10), 4: range(10, 13)}

    def answer(question: Question) -> Reply:
        return told([{"id": one} for one in shown.get(int(question.query["page"]), ())])

    timeline = told_by(answer, lambda forge: forge.timeline(FULL, 1, unseen=20), page=page)
    assert ([entry.id for entry in timeline.value], timeline.whole) == ([*range(13)], True)


@pytest.mark.parametrize("counts", [True, False])
def test_a_page_that_has_more_than_it_was_asked_for_ends_the_list(*, counts: bool) -> None:
    """A forge that tells more at once than it may is not asked on, and no more is kept than was asked for."""

    def answer(question: Question) -> Reply:
        first = 100 * int(question.query["page"])
        items = [{"id": first + one} for one in range(100)]
        return told(items, x_total_count="5000") if counts else told(items)

    answered = read(answer)
    assert (len(answered.value), answered.whole, answered.why, answered.calls) == (10, False, OVER, 1)


@pytest.mark.parametrize("counts", [True, False])
def test_no_list_is_read_on_when_all_questions_are_spent(*, counts: bool) -> None:
    """A list that has no end ends with what may be asked in one go, and says so."""

    async def work(reader: Reader, url: str) -> tuple[Told[tuple[api.PullRequest, ...]], int]:
        forge = ForgeReader(reader, url, page=2, calls=30)
        await forge.pulls(FULL, pages=10)
        return await forge.pulls(FULL), forge.calls

    async def reading(url: str) -> tuple[Told[tuple[api.PullRequest, ...]], int]:
        async with Reader() as reader:
            return await work(reader, url)

    with ToldForge(paged(lambda _: range(1000), size=50, counts=counts)) as forge:
        answered, calls = asyncio.run(reading(forge.url))
    assert (answered.whole, answered.why) == (False, SPENT)
    assert 30 <= calls < 30 + AT_ONCE
    assert len(answered.value) == 2 * answered.calls


class Numbered:
    """A thing with a number."""

    def __init__(self, number: int) -> None:
        self.id = number


@given(
    many=st.integers(0, 60),
    size=st.integers(1, 12),
    changes=st.lists(st.tuples(st.sampled_from(["add", "remove", "move"]), st.integers(0, 59)), max_size=4),
    moments=st.lists(st.integers(2, 8), min_size=4, max_size=4),
)
def test_a_list_that_is_called_whole_is_what_the_forge_had_at_one_moment(
    many: int, size: int, changes: list[tuple[str, int]], moments: list[int]
) -> None:
    """Whatever comes, goes or moves up while a list is read newest first: whole means that nothing old is missing."""
    states = [list(range(many, 0, -1))]
    for change, place in changes:
        now = list(states[-1])
        if change == "add":
            now.insert(0, 1000 + len(states))
        elif now:
            one = now.pop(place % len(now))
            now[:0] = [one] if change == "move" else []
        states.append(now)
    turns = sorted(moments)[: len(changes)]

    async def fetch(page: int) -> Page[Numbered]:
        now = states[sum(turn <= page for turn in turns)]
        return Page([Numbered(one) for one in now[(page - 1) * size : page * size]], len(now), None)

    told = asyncio.run(gathered(fetch, Paging(size, True, 100, by_id, lambda: True), NOW))
    found = {thing.id for thing in told.value}
    if told.whole:
        always = set(states[0]).intersection(*states)
        assert always <= found
