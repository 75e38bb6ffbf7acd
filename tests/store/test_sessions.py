from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random

import pytest
from sqlalchemy import Connection, func, select

from quarterdeck.errors import UsageError
from quarterdeck.store import session_query
from quarterdeck.store.engine import Engine
from quarterdeck.store.session_intake import take
from quarterdeck.store.session_mark import Mark
from quarterdeck.store.session_query import Bounds
from quarterdeck.store.sessions import (
    ALL_INSTANCES,
    KEYS,
    forget_revisions,
    forget_titles,
    groups,
    read_streams,
    revisions,
    sessions,
    words,
    write_stream,
)
from quarterdeck.truth.past import Entry, SessionQuery
from quarterdeck.truth.reading import Reason
from tests.store.ledgers import (
    NOW,
    all_entries,
    ask,
    every_page,
    fill,
    in_order,
    matches,
    random_record,
    record,
    stream,
)

HOUR = timedelta(hours=1)


def random_ledger(engine: Engine, random: Random, size: int) -> list[Entry]:
    """Fill a ledger of three instances, and return all of it in the order in which it came."""
    for instance in ("north", "south", "lab"):
        ids = [random.choice(("cron_", "2026", "x")) + f"{random.randrange(1 << 20):05x}_{n}" for n in range(size)]
        fill(engine, {instance: [random_record(random, identity) for identity in ids]})
    with engine.reading() as connection:
        rows = list(connection.execute(select(sessions.c.instance, sessions.c.id).order_by(sessions.c.seq)))
        found = [session_query.one(connection, *row) for row in rows]
    return [entry for entry in found if entry is not None]


def questions(random: Random, count: int) -> Iterator[SessionQuery]:
    """Questions of every kind: each filter alone and with others."""
    for number, (sort, descending) in zip(range(count), itertools.cycle(itertools.product(KEYS, (True, False)))):
        since = NOW - timedelta(hours=random.randrange(72))
        yield SessionQuery(
            instance=random.choice((None, None, "north", "nowhere")),
            source=random.choice((None, None, "cron")),
            model=random.choice((None, None, "small/1")),
            outcome=random.choice((None, None, "open", "daily", "ended")),
            search=random.choice((None, None, "cron_", "harbour", "HARB night", "日本", "2026", "%", "x0")),
            since=random.choice((None, None, since)),
            until=random.choice((None, None, since + 12 * HOUR)),
            sort=sort,
            descending=descending,
            limit=random.choice((1, 3, 50)) if number % 3 else 7,
        )


WAYS = {
    "as everybody": Bounds(),
    "nothing is little": Bounds(few=0, few_found=0, steps=5, search_steps=3),
    "no merging": Bounds(few=2, few_found=2, steps=3, search_steps=5, groups=0, few_groups=0),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("seed", range(2))
def test_every_page_of_every_question_is_what_looking_at_everything_finds(engine: Engine, way: str, seed: int) -> None:
    """Whatever is asked in whatever order, all pages together are the sessions that match, each once, in that order."""
    random = Random(seed)
    ledger = random_ledger(engine, random, 40)
    order = {(entry.instance, entry.id): number for number, entry in enumerate(ledger)}
    for query in questions(random, 45):
        wanted = in_order([entry for entry in ledger if matches(entry, query)], query, order)
        pages = every_page(engine, query, WAYS[way])
        found = [entry for page in pages for entry in page.entries]
        assert [(e.instance, e.id) for e in found] == [(e.instance, e.id) for e in wanted], query
        assert found == wanted
        if query.search is None or way == "as everybody":
            assert all(len(page.entries) == query.limit for page in pages[:-1])


@pytest.mark.parametrize("seed", range(3))
def test_totals_are_exact_or_lower_bounds(engine: Engine, seed: int) -> None:
    """A total that calls itself exact is what counting everything gives; any other is not more than that."""
    random = Random(seed)
    ledger = random_ledger(engine, random, 40)
    for query in questions(random, 30):
        wanted = [entry for entry in ledger if matches(entry, query)]
        for bounds in (Bounds(), Bounds(few=3, few_found=3, few_groups=0)):
            page = ask(engine, query, bounds)
            assert page.sums is not None
            if page.total_is_exact:
                assert page.total == len(wanted)
                assert page.sums.tokens == sum(min(e.tokens or 0, (1 << 62) - 1) for e in wanted)
                assert page.sums.tokens_unknown == sum(e.tokens is None for e in wanted)
                assert page.sums.cost_usd == pytest.approx(sum(e.cost or 0 for e in wanted))
                assert page.sums.unpriced == sum(not e.priced for e in wanted)
            else:
                assert page.total <= len(wanted)
                assert page.sums.tokens <= sum(e.tokens or 0 for e in wanted)
        assert ask(engine, query).total_is_exact


@pytest.mark.parametrize("sort", KEYS)
@pytest.mark.parametrize("descending", [True, False])
def test_pages_can_be_turned_back(engine: Engine, sort: str, descending: bool) -> None:
    """Whoever goes to the last page and back sees the same pages in reverse, and ends on the first."""
    random = Random(5)
    random_ledger(engine, random, 15)
    query = SessionQuery(sort=sort, descending=descending, limit=7)
    pages = every_page(engine, query)
    back = [pages[-1]]
    while back[-1].previous is not None:
        back.append(ask(engine, query._replace(after=back[-1].previous)))
    shown = [[entry.id for entry in page.entries] for page in pages]
    assert [[entry.id for entry in page.entries] for page in reversed(back)] == shown


def test_a_mark_that_was_tampered_with_is_refused(engine: Engine) -> None:
    """A mark of another order, of another shape, or holding more than numbers is an error that says what to do."""
    query = SessionQuery(sort="tokens")
    good = Mark("tokens", True, False, 5, 1)
    for mark in (
        *("", "x", "💥", "AAAA", "bm9uc2Vuc2U", "W10", "e30", good.written()[:-3]),
        *(good._replace(sort="cost").written(), good._replace(descending=False).written()),
        *(good._replace(key=1 << 70).written(), good._replace(key=-2).written(), good._replace(key=True).written()),
        *(base64.urlsafe_b64encode(json.dumps(raw).encode()).decode() for raw in TAMPERED),
    ):
        if mark:
            with pytest.raises(UsageError, match="first page"):
                ask(engine, query._replace(after=mark))
    assert ask(engine, query._replace(after=good.written())).entries == ()


TAMPERED: tuple[object, ...] = (
    ["tokens", True, False, "5 OR 1=1", 1],
    ["tokens", True, False, 5, "1); DROP TABLE sessions; --"],
    ["tokens", True, 0, 5, 1],
    ["tokens", 1, False, 5, 1],
    ["tokens", True, False, 5.5, 1],
    ["tokens", True, False, None, 1],
    {"sort": "tokens"},
    [[]] * 5,
)


def test_an_order_that_does_not_exist_is_refused(engine: Engine) -> None:
    """Sorting by anything but the named orders is an error, not a question to the database."""
    with pytest.raises(UsageError, match="no such order"):
        ask(engine, SessionQuery(sort="seq; DROP TABLE sessions"))


HOSTILE = (
    "'; DROP TABLE sessions; --",
    "%",
    "_",
    "\\",
    "\x00",
    "\ud800",
    "\U0010ffff",
    "a" * 10_000,
    "💥 x'y",
    "\u200b",
)


@pytest.mark.parametrize("word", HOSTILE)
def test_any_word_may_be_asked_for(engine: Engine, word: str) -> None:
    """Whatever stands in an address, the ledger answers, and nothing in it is harmed."""
    fill(engine, {"north": [record("a", title="harbour")]})
    for name in ("instance", "source", "model", "outcome", "search"):
        query = SessionQuery()._replace(**{name: word})  # type: ignore[arg-type]
        assert len(ask(engine, query).entries) <= 1
        assert len(ask(engine, query._replace(known_by=NOW)).entries) <= 1
    with engine.reading() as connection:
        assert session_query.one(connection, word, word) is None
        assert session_query.one(connection, word, word, known_by=NOW) is None
    assert [entry.id for entry in all_entries(engine, SessionQuery())] == ["a"]


@pytest.mark.parametrize("identity", ["ünïcode_日本", "a/b?c#d&e", "x" * 120, "' OR 1=1", "<b>&amp;", "-1"])
def test_any_id_and_title_comes_back_as_it_was(engine: Engine, identity: str) -> None:
    """Ids and titles are kept as they are, and found by their beginnings."""
    title = f"{identity} 💥 <script>"
    fill(engine, {"north": [record(identity, title=title)]})
    (entry,) = ask(engine, SessionQuery(search=identity[:2])).entries
    assert (entry.id, entry.title) == (identity, title)
    with engine.reading() as connection:
        assert session_query.one(connection, "north", identity) == entry


# --- taking in -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_the_highest_revision_holds_in_whatever_order_and_however_often_it_comes(engine: Engine, seed: int) -> None:
    """Records told twice, late or in disorder leave the ledger as the highest revision of each session has it."""
    random = Random(seed)
    told = [random_record(random, f"s{n}", revision) for n in range(12) for revision in range(1, 5)]
    fill(engine, {"north": told})
    wanted = sorted((e.id, e) for e in all_entries(engine, SessionQuery()))
    random.shuffle(told)
    for number in range(6):
        fill(engine, {"south": random.sample(told, 20) + told[number * 8 :]}, NOW + number * HOUR)
    fill(engine, {"south": told}, NOW + 7 * HOUR)
    found = sorted((e.id, e) for e in all_entries(engine, SessionQuery(instance="south")))
    assert [_told(entry) for _, entry in found] == [_told(entry) for _, entry in wanted]
    counts_are_true(engine)


def _told(entry: Entry) -> Entry:
    """What a session says of itself, whoever told it and whenever it became known."""
    return replace(entry, instance="", known_at=NOW, first_known_at=NOW)


def counts_are_true(engine: Engine) -> None:
    """The groups say what counting their sessions says; those of all instances say what the others say together."""
    with engine.reading() as connection:
        sums: dict[tuple[str, ...], list[int]] = {}
        whole: dict[tuple[str, ...], list[int]] = {}
        for row in connection.execute(select(groups)):
            said = [row.sessions, row.tokens, row.cost, row.tokens_unknown, row.unpriced]
            place = (row.source, row.model, row.outcome)
            if row.instance == ALL_INSTANCES:
                whole[place] = said
                continue
            sums[place] = [a + b for a, b in zip(sums.get(place, [0] * 5), said, strict=True)]
            own = (sessions.c.group_id == row.id,)
            count = connection.execute(select(func.count()).select_from(sessions).where(*own)).scalar_one()
            tokens = select(func.coalesce(func.sum(sessions.c.tokens), 0)).where(*own, sessions.c.tokens >= 0)
            cost = select(func.coalesce(func.sum(sessions.c.cost), 0)).where(*own, sessions.c.cost >= 0)
            vague = select(func.count()).select_from(sessions).where(*own, sessions.c.tokens < 0)
            unpriced = select(func.count()).select_from(sessions).where(*own, sessions.c.priced.is_(False))
            assert said == [count, *(int(connection.execute(q).scalar_one()) for q in (tokens, cost, vague, unpriced))]
        assert {place: said for place, said in sums.items() if any(said)} == {p: s for p, s in whole.items() if any(s)}


def test_a_repeat_is_no_revision(engine: Engine) -> None:
    """What is told again and is the same leaves no trace: when it became known stays as it was."""
    fill(engine, {"north": [record("a", 1)]})
    fill(engine, {"north": [record("a", 2)]}, NOW + HOUR)
    fill(engine, {"north": [record("a", 2)]}, NOW + 2 * HOUR)
    (entry,) = ask(engine, SessionQuery()).entries
    assert entry.known_at == entry.first_known_at == NOW
    with engine.reading() as connection:
        assert connection.execute(select(func.count()).select_from(revisions)).scalar_one() == 0


def test_a_newer_epoch_holds_over_higher_revisions_of_an_older_one(engine: Engine) -> None:
    """A stream that began anew, on a clock that was set back, is believed all the same; an older one no more."""
    fill(engine, {"north": [record("a", 1_000, messages=9), record("gone", 1_000)]})
    at = NOW + HOUR
    engine.write(lambda c: take(c, stream(epoch=1, at=at), [record("a", 3, messages=4)], at))
    engine.write(lambda c: take(c, stream(epoch=0, at=at), [record("a", 2_000, messages=1)], at))
    found = {entry.id: entry.messages for entry in ask(engine, SessionQuery()).entries}
    assert found == {"a": 4, "gone": 4}


def test_a_batch_that_fails_leaves_neither_rows_nor_cursor(engine: Engine) -> None:
    """What is cut off in the middle of a batch is as if it had never begun, and the batch can be told again."""
    engine.write(lambda c: take(c, stream(cursor=[1]), [record("a")], NOW))

    def cut_off(connection: Connection) -> None:
        take(connection, stream(cursor=[2]), [record("a", 2, messages=7), record("b")], NOW)
        raise InterruptedError

    with pytest.raises(InterruptedError):
        engine.write(cut_off)
    with engine.reading() as connection:
        assert read_streams(connection)["north"].cursor == [1]
    assert [(e.id, e.messages) for e in all_entries(engine, SessionQuery())] == [("a", 4)]
    engine.write(lambda c: take(c, stream(cursor=[2]), [record("a", 2, messages=7), record("b")], NOW))
    assert sorted((e.id, e.messages) for e in all_entries(engine, SessionQuery())) == [("a", 7), ("b", 4)]
    counts_are_true(engine)


def test_a_clock_that_was_set_back_moves_no_revision_before_the_one_it_replaces(engine: Engine) -> None:
    """A revision learnt by a clock that runs behind is known from the moment of the one before it at the earliest."""
    fill(engine, {"north": [record("a", 1)]})
    fill(engine, {"north": [record("a", 2, messages=9)]}, NOW - HOUR)
    (entry,) = ask(engine, SessionQuery()).entries
    assert (entry.messages, entry.known_at) == (9, NOW)


def test_streams_say_how_far_they_came_and_why_not_further(engine: Engine) -> None:
    """What is noted of a stream comes back as it was, and its latest state replaces the one before."""
    failed = stream(cursor={"after": [1.5, "x"]})._replace(reason=Reason.DENIED, detail="may not be read", whole=False)
    for state in (stream()._replace(taken_at=None), failed):
        engine.write(lambda c, state=state: write_stream(c, state))  # type: ignore[misc]
        with engine.reading() as connection:
            assert read_streams(connection) == {"north": state}
    assert ask(engine, SessionQuery()).read_at == {"north": NOW}


def test_titles_can_be_forgotten(engine: Engine) -> None:
    """When the policy of an instance no longer lets titles through, none of its titles is left, old ones neither."""
    told = [record("a", 1, title="secret harbour"), record("b", 1, title="lantern")]
    fill(engine, {"north": told, "south": told})
    fill(engine, {"north": [record("a", 2, title="another harbour")]}, NOW + HOUR)
    engine.write(lambda c: forget_titles(c, "north"))
    found = all_entries(engine, SessionQuery(search="harbour"))
    assert [entry.instance for entry in found] == ["south"]
    with engine.reading() as connection:
        kept = [*connection.execute(select(revisions.c.title)).scalars()]
        words_kept = connection.execute(select(func.count()).select_from(words)).scalar_one()
    assert kept == [None]
    assert words_kept == 3
    assert {e.title for e in all_entries(engine, SessionQuery(instance="north"))} == {None}


# --- the past --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_the_ledger_at_a_moment_is_what_it_told_at_that_moment(engine: Engine, seed: int) -> None:
    """Asked later as of a moment, the ledger tells what it told then, for every filter, page by page."""
    random = Random(seed)
    asked = [query for query in questions(random, 200) if query.sort == "started_at"][:12]
    told: list[tuple[datetime, SessionQuery, list[Entry]]] = []
    began = {f"s{n}": random_record(random, f"s{n}") for n in range(30)}
    for step in range(5):
        at = NOW + step * HOUR
        for instance in ("north", "lab"):
            some = random.sample(sorted(began), 12)
            records = [
                random_record(random, name, step + 1) | {"started_at": began[name]["started_at"]} for name in some
            ]
            fill(engine, {instance: records}, at)
        told += [(at, query, all_entries(engine, query)) for query in asked]
    for at, query, then in told:
        assert all_entries(engine, query._replace(known_by=at + HOUR / 2)) == then
        for entry in then[:3]:
            with engine.reading() as connection:
                assert session_query.one(connection, entry.instance, entry.id, known_by=at) == entry
    assert all_entries(engine, SessionQuery(known_by=NOW - HOUR)) == []


def test_the_past_has_one_order(engine: Engine) -> None:
    """Asked as of a moment in another order than that of beginnings, the ledger says that it cannot."""
    with pytest.raises(UsageError, match="started_at"):
        ask(engine, SessionQuery(sort="cost", known_by=NOW))


def test_old_revisions_can_be_forgotten(engine: Engine) -> None:
    """Of what is older than a moment only the revision that held at that moment is kept."""
    for step in range(5):
        fill(engine, {"north": [record("a", step + 1, messages=step)]}, NOW + step * HOUR)
    engine.write(lambda c: forget_revisions(c, NOW + 2 * HOUR))
    for step in (2, 3, 4):
        (entry,) = ask(engine, SessionQuery(known_by=NOW + step * HOUR)).entries
        assert entry.messages == step
    assert ask(engine, SessionQuery(known_by=NOW + HOUR)).entries == ()
