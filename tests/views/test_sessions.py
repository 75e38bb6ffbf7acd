"""The ledger's page and a session's page, over whatever the memory says."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quarterdeck.truth import fields as F  # noqa: N812 -- short where every line names a field
from quarterdeck.truth.fields import field_for
from quarterdeck.truth.instance import Instance, Policy, subject
from quarterdeck.truth.judgement import Activity, Status
from quarterdeck.truth.past import Entry, Facets, SessionDetail, SessionPage, SessionQuery, Step, Sums
from quarterdeck.truth.reading import AnyReading, Key, Known, Origin, Reading, Reason, Unavailable
from quarterdeck.truth.snapshot import Snapshot
from quarterdeck.views import VIEWS
from quarterdeck.views.asked import Asked
from quarterdeck.views.contract import as_json
from quarterdeck.views.judged import Judged
from quarterdeck.views.model import View
from quarterdeck.views.session_rows import cents
from quarterdeck.web.address import Wanted
from quarterdeck.web.pages import Frame, render
from tests.fakes.memory import FakeMemory

NOW = datetime.fromisoformat("2026-11-21T03:04:11+00:00")
ORIGIN = Origin("sessions database", "state.db")
NORTH = Instance("north", "North")
OPEN = replace(NORTH, policy=Policy(session_titles=True, session_texts=True))
HOUR = timedelta(hours=1)


def entry(identity: str = "a", **values: Any) -> Entry:
    """A session that has ended, with everything known; what is named is otherwise."""
    plain: dict[str, Any] = {
        "instance": "north",
        "id": identity,
        "known_at": NOW - HOUR,
        "first_known_at": NOW - HOUR,
        "origin": ORIGIN,
        "source": "telegram",
        "model": "large-1",
        "parent": None,
        "started_at": NOW - 2 * HOUR,
        "ended_at": NOW - HOUR,
        "end_reason": "session_reset",
        "messages": 4,
        "tool_calls": 2,
        "api_calls": 3,
        "input_tokens": 900,
        "output_tokens": 100,
        "cache_read_tokens": 0,
        "cache_write_tokens": 0,
        "reasoning_tokens": 0,
        "side_tokens": 0,
        "cost_usd": 0.5,
        "cost_status": "estimated",
        "side_cost_usd": 0.0,
    }
    return Entry(**plain | values)


def unended(**values: Any) -> Entry:
    return entry(**{"ended_at": None, "end_reason": None} | values)


class Memory(FakeMemory):
    """A memory that tells one page and one session, and notes what it was asked."""

    def __init__(self, *entries: Entry, detail: Reading[SessionDetail] | None = None, **page: Any) -> None:
        super().__init__()
        self.entries, self.detail = entries, detail
        plain: dict[str, Any] = {"total": len(entries), "total_is_exact": True, "read_at": {"north": NOW}}
        sums = Sums(sum(e.tokens or 0 for e in entries), 0, sum(e.cost or 0 for e in entries), 0)
        self.page = SessionPage(**{"entries": entries, "next": None, "sums": sums, **plain, **page})
        self.asked: list[SessionQuery] = []

    def sessions(self, query: SessionQuery) -> SessionPage:
        self.asked.append(query)
        return self.page

    def session(self, instance: str, identity: str, *, known_by: datetime | None = None) -> Entry | None:
        return next((e for e in self.entries if (e.instance, e.id) == (instance, identity)), None)

    def session_detail(self, instance: str, identity: str) -> Reading[SessionDetail]:
        assert self.detail is not None
        return self.detail


def ledger(until: datetime | None = NOW, **values: int) -> dict[Key, AnyReading]:
    """What the pump says of north's ledger."""
    about = subject("north", "ledger")
    told = {
        F.LEDGER_UNTIL: until,
        F.LEDGER_SESSIONS: values.get("sessions", 1),
        F.LEDGER_REFUSED: values.get("refused", 0),
    }
    return {(about, field.name): field.known(about, ORIGIN, value, NOW) for field, value in told.items()}


def judged(instance: Instance = NORTH, *, past: bool = False, **readings: Any) -> Judged:
    world = readings.get("world", ledger())
    return Judged(Snapshot(7, NOW, (instance,), world), NOW, past=past)


def view(memory: Memory | None, name: str = "sessions", /, world: Judged | None = None, **words: str) -> View:
    world = world or judged()
    spec = VIEWS[name]
    instance = words.pop("instance", "all")
    asked = Asked(instance, words=tuple(sorted(words.items())), past=world.past)
    assert spec.recall is not None
    recalled = None if memory is None else spec.recall(memory, asked, world.now)
    return spec.make(world, asked, recalled)


def page(made: View) -> str:
    return render(made, Frame(Wanted(made.name, made.asked), "s-1", remembers=True))


def cell(made: View, key: str) -> AnyReading:
    return next(c.reading for c in made.rows[0].cells if c.column.key == key and c.reading is not None)


def shown(made: View, key: str) -> str:
    return next(said.text for c in made.rows[0].cells if c.column.key == key and (said := c.shown(made.at)))


# --- rows ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "rule", "activity"),
    [
        (unended(), "open", None),
        (unended(known_at=NOW - timedelta(seconds=40)), "moving", Activity.BUSY),
        (unended(known_at=NOW - timedelta(minutes=20)), "open", None),
        (entry(), "ended", None),
        (entry(end_reason=None), "ended", None),
        (entry(end_reason="ws_disconnect"), "cut off", None),
    ],
)
def test_a_session_is_said_to_be_what_is_known_of_it(told: Entry, rule: str, activity: Activity | None) -> None:
    """Open, moving, ended, cut off: each only when that is known; no end of a session is an alarm."""
    (row,) = view(Memory(told)).rows
    assert (row.judgement.rule, row.judgement.activity, row.judgement.status) == (rule, activity, Status.OK)


def test_a_session_in_a_turn_is_said_to_work() -> None:
    """The session whose turn the gateway has open is busy; another one is not, and one that ended is not either."""
    about = subject("north", "sessions")
    turn = {
        (about, field.name): field.known(about, ORIGIN, value, NOW)
        for field, value in ((F.OPEN_TURN_SESSION, "a"), (F.OPEN_TURN_SINCE, NOW - timedelta(seconds=90)))
    }
    world = judged(world=ledger() | turn)
    rows = view(Memory(unended(), unended(identity="b"), entry("c")), world=world).rows
    assert [row.judgement.rule for row in rows] == ["in a turn", "open", "ended"]
    assert "90 s" in rows[0].judgement.reason


def test_every_cell_is_a_reading_of_a_declared_field() -> None:
    """Each cell of a session is a reading through a field that exists, about the session's own subject."""
    (row,) = view(Memory(entry())).rows
    for each in row.cells:
        assert each.reading is not None
        assert each.reading.subject == "hermes:north/session/a"
        assert field_for(each.reading.subject, each.reading.field) is each.column.fields["session"]


def test_what_the_record_does_not_hold_is_unknown_not_zero() -> None:
    """Missing counts, beginnings and prices are unknown with a reason; a cost that is incomplete is a lower bound."""
    empty = dict.fromkeys(("messages", "tool_calls", "input_tokens", "output_tokens", "cache_read_tokens"))
    told = unended(**empty, cache_write_tokens=None, started_at=None, cost_usd=None, side_cost_usd=None)
    made = view(Memory(told))
    for key in ("messages", "tool_calls", "tokens", "started_at", "cost_usd"):
        reading = cell(made, key)
        assert isinstance(reading, Unavailable)
        assert reading.reason is Reason.MISSING
        assert shown(made, key) == "unknown"
    assert shown(view(Memory(entry(cost_status="unknown", cost_usd=0.0))), "cost_usd") == "unknown"
    assert shown(view(Memory(entry(cost_status="unknown", cost_usd=0.02))), "cost_usd") == "≥$0.0200"
    assert shown(view(Memory(entry(side_tokens=None))), "cost_usd") == "≥$0.50"
    assert shown(view(Memory(entry(cost_status="included", cost_usd=0.0))), "cost_usd") == "$0.00"


def test_open_sessions_grow_old_and_ended_ones_do_not() -> None:
    """When the stream was last read minutes ago, what is said of an open session is old; what ended stays as it was."""
    late = NOW - timedelta(minutes=5)
    world = judged(world=ledger(late))
    made = view(Memory(unended(), entry("b"), read_at={"north": late}), world=world)
    assert all(r.judgement.status is Status.STALE for r in made.rows[:1])
    assert made.rows[1].judgement.status is Status.OK
    assert "(old)" in shown(made, "messages")


def test_titles_stand_only_where_the_policy_lets_them() -> None:
    """A title that lies in the ledger is shown when the instance's policy allows it now, else the id is."""
    told = entry(title="Harbour <b>at</b> night")
    assert view(Memory(told)).rows[0].name == "a"
    allowed = view(Memory(told), world=judged(OPEN))
    assert allowed.rows[0].name == "Harbour <b>at</b> night"
    assert "Harbour &lt;b&gt;at" in page(allowed)
    assert "<b>at</b>" not in page(allowed)


# --- the page --------------------------------------------------------------------------------------------------------


def figure(made: View, key: str) -> str:
    return next(each.text for each in made.figures if each.key == key)


def test_totals_over_what_is_incomplete_are_lower_bounds() -> None:
    """A total is exact when the ledger is current and everything was counted; else it says that it is at least so."""
    whole = view(Memory(entry()))
    assert [f.text for f in whole.figures] == ["1", "1,000", "$0.50", "0"]
    assert not any(f.at_least for f in whole.figures)
    bounded = view(Memory(entry(), total=5_000, total_is_exact=False))
    assert figure(bounded, "sessions") == "≥5,000"
    assert bounded.headline == "≥5,000 sessions."
    vague = view(Memory(entry(), sums=Sums(10, 1, 0.5, 2)))
    assert [figure(vague, k) for k in ("sessions", "tokens", "cost_usd")] == ["1", "≥10", "≥$0.50"]
    for world in (ledger(None), ledger(NOW - HOUR), ledger(refused=3), {}):
        behind = view(Memory(entry(), read_at={}), world=judged(world=world))
        assert behind.headline == "≥1 sessions."
        assert [gap.instance for gap in behind.gaps] == ["north"]
        assert all(f.at_least for f in behind.figures)


def test_a_ledger_that_cannot_be_read_is_told_with_its_reason() -> None:
    """Why the sessions of an instance are not known to the ledger stands on the page, and in its JSON."""
    about = subject("north", "ledger")
    lost = F.LEDGER_UNTIL.unavailable(about, ORIGIN, Reason.CORRUPT, "not an SQLite database", NOW)
    made = view(Memory(entry()), world=judged(world=ledger() | {(about, lost.field): lost}))
    assert "not an SQLite database" in made.gaps[0].why
    assert "not an SQLite database" in page(made)
    assert as_json(made)["gaps"][0]["readings"][0]["unavailable"]["reason"] == "corrupt"


def test_the_same_figure_is_told_or_said_why_not() -> None:
    """Asked for the last day, a count that differs from the brief's says so and why; an equal one says nothing."""
    about = subject("north", "sessions")
    key = (about, F.SESSIONS_24H.name)
    for counted, said in ((1, False), (3, True)):
        world = ledger() | {key: F.SESSIONS_24H.known(about, ORIGIN, counted, NOW)}
        made = view(Memory(entry()), world=judged(world=world), since="24h")
        assert ("The brief counts 3" in made.lede) is said


def test_what_is_asked_reaches_the_ledger_as_it_was_meant() -> None:
    """Each word of the address is a part of the question; a day as the end of a span is counted in."""
    memory = Memory()
    view(
        memory,
        q="cron_",
        source="cli",
        model="m",
        outcome="open",
        since="7d",
        until="2026-11-20",
        sort="cost",
        order="asc",
    )
    view(memory, instance="north", since="2026-11-01", after="mark")
    first, second = memory.asked
    assert first == SessionQuery(
        source="cli", model="m", outcome="open", search="cron_", since=NOW - timedelta(days=7),
        until=datetime.fromisoformat("2026-11-21T00:00:00+00:00"), sort="cost", descending=False,
    )  # fmt: skip
    assert (second.instance, second.after, second.known_by) == ("north", "mark", None)
    assert second.since == datetime.fromisoformat("2026-11-01T00:00:00+00:00")


@pytest.mark.parametrize("word", ["yesterday", "2026-13-40", "99999999999d", "'; DROP", "-1h"])
def test_a_moment_that_is_none_is_said(word: str) -> None:
    """A word that is no moment asks nothing of the ledger: the page says what can be written instead."""
    memory = Memory(entry())
    made = view(memory, since=word)
    assert memory.asked == []
    assert made.rows == ()
    assert "no moment" in made.headline
    assert "24h" in page(made)


def test_at_a_moment_that_is_over_the_ledger_is_asked_as_of_then() -> None:
    """The past is asked by what was known then, and offers no order but one."""
    memory = Memory(entry())
    made = view(memory, world=judged(past=True))
    assert memory.asked[0].known_by == NOW
    text = page(made)
    assert "sort=cost" not in text
    assert "sort=cost" in page(view(memory))


def test_filters_orders_and_pages_are_links_and_forms() -> None:
    """Everything works without scripts: one form, a link in each sortable column, links to the pages beside."""
    memory = Memory(entry(), next="NEXT", previous="PREV", facets=Facets(("cli", "<x>"), ("m",), ("open",)))
    text = page(view(memory, sort="tokens", source="cli", q='"><script>'))
    assert 'action="/sessions" method="get"' in text
    assert (
        'href="/sessions?instance=all&amp;q=%22%3E%3Cscript%3E&amp;sort=tokens&amp;source=cli&amp;after=NEXT"' in text
    )
    assert "after=PREV" in text
    assert "order=asc" in text
    assert "<option selected>cli</option>" in text
    assert "&lt;x&gt;" in text
    assert "<script>" not in text.replace('<script src="', "")


def test_an_empty_ledger_says_what_to_do() -> None:
    """Without a memory, without sessions and without a match, the page says what is the case and what to do."""
    assert "Nothing is remembered" in view(None).headline
    assert "quarterdeck doctor" in page(view(Memory()))
    assert "Show all" in page(view(Memory(), source="cli"))
    assert "Go on" in page(view(Memory(next="M", total_is_exact=False), q="x"))


# --- one session -----------------------------------------------------------------------------------------------------


def step(ago: float, role: str, **values: Any) -> Step:
    plain: dict[str, Any] = {"calls": (), "tool": None, "finish": None, "size": 5}
    return Step(NOW - timedelta(seconds=ago), role, **plain | values)


STEPS = (
    step(100, "user"),
    step(94, "assistant", calls=("terminal",)),
    step(64, "tool", tool="terminal"),
    step(60, "assistant", finish="stop"),
    step(10, "user"),
    Step(None, "assistant", (), None, "length", 0),
)


def record(*steps: Step, total: int | None = None) -> Known[SessionDetail]:
    told = SessionDetail(steps, len(steps) if total is None else total, 2, (), (), relatives_more=False)
    return Known("hermes:north/session/a", "record", ORIGIN, told, NOW, timedelta(seconds=90))


def test_a_timeline_tells_turns_and_how_long_each_answer_took() -> None:
    """A turn begins with a question; an answer took the time since the row before; what has no time took none."""
    made = view(Memory(entry(), detail=record(*STEPS)), "session", instance="north", id="a")
    assert made.record is not None
    lines = [(x.turn, x.begins, x.took and x.took.total_seconds(), x.share) for x in made.record.lines]
    assert lines == [
        (1, True, None, 0),
        (1, False, 6.0, 20),
        (1, False, 30.0, 100),
        (1, False, 4.0, 13),
        (2, True, None, 0),
        (2, False, None, 0),
    ]
    assert [f.text for f in made.figures] == ["2", "1", "10 s", "30 s"]
    text = page(made)
    assert "calls terminal" in text
    assert "finished: length" in text
    assert json.dumps(as_json(made))


def test_a_record_that_is_not_told_whole_says_where_rows_are_missing() -> None:
    """Of a long record the gap is marked where it is, and figures over it are lower bounds."""
    made = view(Memory(entry(), detail=record(*STEPS, total=1_006)), "session", instance="north", id="a")
    assert made.record is not None
    assert [line.skipped for line in made.record.lines] == [0, 0, 1_000, 0, 0, 0]
    assert all(f.at_least and f.text.startswith("≥") for f in made.figures)
    assert "1,000 rows are left out here" in page(made)


def test_a_record_that_cannot_be_read_says_why_and_the_summary_stays() -> None:
    """What the ledger knows of a session is told also when its record is not to be had, with the reason."""
    lost: Unavailable[SessionDetail] = Unavailable(
        "hermes:north/session/a", "record", ORIGIN, NOW, Reason.DENIED, "its exporter tells summaries"
    )
    made = view(Memory(entry(), detail=lost), "session", instance="north", id="a")
    assert "its exporter tells summaries" in page(made)
    assert as_json(made)["record"]["unavailable"] == {"reason": "denied", "detail": "its exporter tells summaries"}
    assert shown(made, "messages") == "4"


def test_of_a_moment_that_is_over_there_is_no_record() -> None:
    """A record is read from the home as it is; of the past only the summary is told, and that is said."""
    made = view(Memory(entry()), "session", world=judged(past=True), instance="north", id="a")
    assert made.record is not None
    assert made.record.reading is None
    assert "not kept" in page(made)


def test_texts_are_inert() -> None:
    """Whatever was said in a session is shown as text and nothing else."""
    said = "<img src=x onerror=alert(1)>{{ 7*7 }}</pre><script>alert(1)</script>"
    made = view(
        Memory(entry(), detail=record(step(5, "user", text=said))),
        "session",
        world=judged(OPEN),
        instance="north",
        id="a",
    )
    text = page(made)
    assert "&lt;img src=x onerror=alert(1)&gt;{{ 7*7 }}&lt;/pre&gt;" in text
    assert "<img" not in text
    assert "session_texts" not in text


@pytest.mark.parametrize(("instance", "name", "said"), [("all", "", "Which session"), ("north", "b", "does not hold")])
def test_a_session_that_is_not_there_is_said(instance: str, name: str, said: str) -> None:
    """Without a name, and with one that the ledger does not know, the page says so and leads to the ledger."""
    made = view(Memory(entry()), "session", instance=instance, id=name)
    assert said in made.headline
    assert "the ledger" in page(made)
    assert said in view(None, "session").headline or "Nothing is remembered" in view(None, "session").headline


ENTRIES = st.builds(
    entry,
    st.text(min_size=1, max_size=12).filter(lambda text: "/" not in text and text.isprintable()),
    known_at=st.integers(-100, 9_000).map(lambda s: NOW - timedelta(seconds=s)),
    source=st.none() | st.sampled_from(["cli", "telegram"]),
    model=st.none() | st.text(max_size=5),
    started_at=st.none() | st.integers(-100, 90_000).map(lambda s: NOW - timedelta(seconds=s)),
    ended_at=st.none() | st.integers(-100, 90_000).map(lambda s: NOW - timedelta(seconds=s)),
    end_reason=st.none() | st.sampled_from(["open", "daily", "Ünknown", "ws_disconnect"]),
    messages=st.none() | st.integers(0, 1 << 62),
    input_tokens=st.none() | st.integers(0, 1 << 61),
    cost_usd=st.none() | st.floats(-1, 1e9),
    cost_status=st.none() | st.sampled_from(["included", "unknown", "estimated"]),
    side_tokens=st.none() | st.integers(0, 5),
    title=st.none() | st.text(max_size=20),
)


@settings(max_examples=60, suppress_health_check=list(HealthCheck), deadline=None)
@given(st.lists(ENTRIES, max_size=3), st.booleans(), st.booleans())
def test_whatever_the_ledger_holds_the_pages_are_made(found: list[Entry], titled: bool, past: bool) -> None:
    """Any sessions make both pages and their JSON, at any moment, whatever stands in them."""
    world = judged(OPEN if titled else NORTH, past=past)
    made = view(Memory(*found), world=world)
    assert page(made)
    assert json.dumps(as_json(made))
    for each in found[:1]:
        one = view(Memory(each, detail=record(*STEPS)), "session", world=world, instance="north", id=each.id)
        assert page(one)
        assert json.dumps(as_json(one))


def test_small_amounts_are_told_exactly() -> None:
    """Below ten cents an amount has four places, above two, and nothing is nothing."""
    assert [cents(value) for value in (0.0, 0.0042, 0.0999, 0.1, 12.345)] == [
        "$0.00",
        "$0.0042",
        "$0.0999",
        "$0.10",
        "$12.35",
    ]
