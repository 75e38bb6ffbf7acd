"""A session's own record: bounded, without texts unless the policy lets them through, whatever stands in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from quarterdeck.sources.files import SourceError
from quarterdeck.sources.hermes import detail, names
from quarterdeck.truth.instance import Instance, Policy
from quarterdeck.truth.past import SessionDetail
from quarterdeck.truth.reading import Reason
from tests.sources.hermes.agent_home import NOW, SCHEMAS, AgentHome, T

NORTH = Instance("north", "North")
TALKS = Instance("north", "North", policy=Policy(session_texts=True))
KEY = "sk-" + "abcdefghijklmnopqrstuvwx"
"""What a credential looks like; none is written out in this file."""


@pytest.fixture(params=sorted(SCHEMAS))
def home(request: pytest.FixtureRequest, tmp_path: Path) -> AgentHome:
    made = AgentHome(tmp_path / "home", request.param)
    made.session("a", began=600, model="large-1", message_count=4)
    return made


def read(home: AgentHome, identity: str = "a", instance: Instance = NORTH) -> SessionDetail:
    return detail.read(home.path, instance, identity)


def test_a_record_tells_who_did_what_when(home: AgentHome) -> None:
    """Each row is told with its time, its role, the tools it calls or answers, how it finished, and how long it is."""
    home.say("a", "user", ago=500, content="hello there")
    home.say("a", "assistant", ago=490, calls=["terminal", "web_search"], content=None)
    home.say("a", "tool", ago=480, content="x" * 300, tool_name="terminal")
    home.say("a", "assistant", ago=470, content="done")
    found = read(home)
    assert [(s.role, s.calls, s.tool, s.finish, s.size) for s in found.steps] == [
        ("user", (), None, None, 11),
        ("assistant", ("terminal", "web_search"), None, "tool_calls", 0),
        ("tool", (), "terminal", None, 300),
        ("assistant", (), None, "stop", 4),
    ]
    assert [(NOW - s.at).total_seconds() for s in found.steps if s.at] == [500, 490, 480, 470]
    assert (found.steps_total, {s.text for s in found.steps}) == (4, {None})


def test_texts_come_only_with_the_policy_and_without_credentials(home: AgentHome) -> None:
    """With the policy a text is told, cut and with what looks like a credential masked; without it, never."""
    said = ("my key is " + KEY, "a" * (detail.TEXT_LIMIT - 9) + " " + KEY + " tail", "<script>alert(1)</script>\x1b[2J")
    for number, text in enumerate(said):
        home.say("a", "user", ago=100 - number, content=text)
    assert [step.text for step in read(home).steps] == [None, None, None]
    assert [step.size for step in read(home).steps] == [len(text) for text in said]
    first, second, third = (step.text or "" for step in read(home, instance=TALKS).steps)
    assert first == "my key is [redacted:sk_key]"
    assert second.endswith(" …")
    assert KEY[:6] not in second
    assert third == "<script>alert(1)</script> [2J"


def test_a_long_record_is_told_from_both_ends(home: AgentHome) -> None:
    """Of thousands of rows the first and the last are told in order, and how many there are."""
    rows = [("a", "user", T - 20_000 + n, str(n)) for n in range(5_000)]
    with home.database() as db:
        db.executemany("INSERT INTO messages (session_id, role, timestamp, content) VALUES (?, ?, ?, ?)", rows)
    found = read(home)
    assert found.steps_total == 5_000
    moments = [step.at for step in found.steps if step.at]
    assert len(moments) == detail.FIRST + detail.LAST
    assert moments == sorted(moments)
    assert (NOW - moments[0]).total_seconds() == 20_000
    assert (NOW - moments[-1]).total_seconds() == 15_001


HOSTILE_CALLS = (
    "no json",
    '["text"]',
    "{}",
    "[null, 5]",
    '{"function": {"name": "x"}}',
    '[{"function": {"name": "rm -rf /"}}, {"name": "ok_tool"}, {"function": 3}]',
    '[{"function": {"name": "a\\nb"}}]',
    "[" * 5_000,
)


@pytest.mark.parametrize("calls", HOSTILE_CALLS)
def test_whatever_stands_in_a_row_the_record_can_be_read(home: AgentHome, calls: str) -> None:
    """Calls that are no calls, names nobody knows, and values of wrong types harm nothing and are not told."""
    home.say("a", "assistant", ago=5, content="x")
    home.run("UPDATE messages SET tool_calls = ?, role = 'Ünknown role', finish_reason = 'A B'", calls)
    home.run("UPDATE messages SET tool_name = '<b>', timestamp = 'yesterday'")
    (step,) = read(home, instance=TALKS).steps
    assert (step.role, step.tool, step.finish, step.at) == ("other", None, None, None)
    assert set(step.calls) <= {"other", "ok_tool", "x"}


def test_relatives_and_models_are_told(tmp_path: Path) -> None:
    """Where a session came from, what came from it, and which models worked for it, each on its own side."""
    home = AgentHome(tmp_path / "home")
    home.session("root", began=900)
    home.session("a", began=600, parent_session_id="root", source="cli")
    for number in range(detail.CHILDREN_LIMIT + 3):
        home.session(f"child{number:03}", began=500 - number, parent_session_id="a", source="subagent")
    usage = {"session_id": "a", "model": "large-1", "input_tokens": 10, "output_tokens": 5, "api_call_count": 2}
    home.insert("session_model_usage", usage | {"estimated_cost_usd": 0.5})
    home.insert("session_model_usage", usage | {"model": "/home/me/weights", "task": "title_generation"})
    found = read(home)
    assert [(r.relation, r.id, r.source) for r in found.relatives[:2]] == [
        ("parent", "root", "telegram"),
        ("child", "child000", "subagent"),
    ]
    assert (len(found.relatives), found.relatives_more) == (1 + detail.CHILDREN_LIMIT, True)
    assert [(u.model, u.task, u.tokens, u.cost_usd) for u in found.usage] == [
        ("large-1", None, 15, 0.5),
        (None, "title_generation", 15, None),
    ]


def test_rows_that_were_taken_back_are_marked(tmp_path: Path) -> None:
    """What the agent rewound or compacted stays in the record, and says so."""
    home = AgentHome(tmp_path / "home")
    home.session("a")
    home.say("a", "user", ago=9, active=0)
    home.say("a", "user", ago=8, compacted=1)
    home.say("a", "user", ago=7)
    assert [step.withdrawn for step in read(home).steps] == [True, True, False]


def test_a_session_with_a_name_of_its_own_is_found_by_its_hash(home: AgentHome) -> None:
    """A session whose name may not leave the home is told as a hash, and can be opened by it."""
    raw = "agent:main:telegram:dm:5551234"
    home.session(raw)
    home.say(raw, "user", ago=5)
    hashed = names.session_id(raw)
    assert hashed != raw
    assert read(home, hashed).steps_total == 1


def test_a_session_that_is_gone_says_so(home: AgentHome) -> None:
    """What the home no longer holds is missing, in words; a home without tables says which one it lacks."""
    with pytest.raises(SourceError) as gone:
        read(home, "never")
    assert gone.value.reason is Reason.MISSING
    home.run("DROP TABLE messages")
    with pytest.raises(SourceError) as lost:
        read(home)
    assert (lost.value.reason, lost.value.detail) == (Reason.SCHEMA, "it has no table messages")
