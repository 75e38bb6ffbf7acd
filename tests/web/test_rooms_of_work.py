"""What somebody who may see some agents only is told of a forge: what their own agents are at, and nothing beside."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

import pytest
from starlette.testclient import TestClient

from quarterdeck.access.identity import Person, Role
from quarterdeck.truth import forge_fields as G  # noqa: N812
from quarterdeck.truth.forge import Claim, card, pull, repo
from quarterdeck.truth.grouped import Grouped
from quarterdeck.truth.instance import subject
from quarterdeck.truth.past import Change, Late, Said
from quarterdeck.truth.reading import AnyReading, Known
from quarterdeck.truth.snapshot import Snapshot
from quarterdeck.truth.tables import judge_subject
from quarterdeck.truth.thresholds import Thresholds
from quarterdeck.truth.watched import Forge
from quarterdeck.views import VIEWS
from quarterdeck.web.app import create_app
from quarterdeck.wiring.work import Work
from tests.e2e.serving import Served, serving
from tests.fakes import work
from tests.fakes.door import OPERATOR, let_in
from tests.fakes.hub import FakeHub
from tests.fakes.memory import FakeMemory
from tests.truth.cast import NOW, readings
from tests.web.streams import reading, state_of

HERS = Person("tailnet", "her@example.com", Role.OPERATOR, instances=frozenset({"south"}))
MARKER: Final = "zanzibar"
HID: Final = f"acme/{MARKER}"
OURS, MINE = repo("main", HID), subject("south", "work")
MAIN = Forge("main", "main", work.BASE, agents=work.AGENTS)
LISTS = {G.PULLS_WHOLE: False, G.ISSUES_WHOLE: work.Lost(detail=f"GET /repos/{HID}/issues: 502, it fails")}
SILENT = {G.FORGE_WHOLE: work.Lost(detail=f"GET /repos/{HID}/pulls: 502, it fails"), G.FORGE_SAID: HID}
STATES: Final[tuple[dict[str, work.Facts], ...]] = (
    {},
    {OURS: {**LISTS, G.REPO_STATE: "failing", G.REPO_SAID: HID}},
    {OURS: {**LISTS, G.REPO_STATE: "denied"}, work.FORGE: {G.FORGE_WHOLE: False}},
    {work.FORGE: {G.FORGE_WHOLE: False, G.FORGE_SAID: HID}},
    {work.FORGE: SILENT},
    {work.FORGE: {G.FORGE_ANSWERS: "denied", G.FORGE_SAID: HID}},
    {pull("main", HID, 70): {G.PULL_CHECKS: work.Lost(detail=HID), G.PULL_CLOSES: work.Lost(detail=HID)}},
)
"""All is read; a repository cannot be, in several ways; lists are cut; the forge does not tell, or refuses."""


def state(number: int, now: datetime) -> Snapshot:
    """Two agents, and a forge with a repository that is nobody's of theirs, in one of several states."""
    told = work.world(now)
    told[OURS] = {**told[repo("main", work.SITE)], G.REPO_LINK: f"{work.BASE}/{HID}"}
    told[pull("main", HID, 70)] = work.a_pull(now, 70, f"Sail to {MARKER}", "alice", repo=HID)
    told[card("main", HID, 71)] = work.a_card(now, 71, f"Reach {MARKER}", repo=HID, assignees=("north-bot",))
    told[card("main", work.TOOLS, 106)][G.CARD_CLAIM] = Claim("claim/106", now - timedelta(minutes=5), "south-bot")
    for name, facts in STATES[number].items():
        told[name] = {**told[name], **facts}
    seen = work.snapshot(now, told)
    assert isinstance(seen.readings, Grouped)
    agents = readings() | readings(instance="south")
    every = {**dict(seen.readings), **{key: _at(each, now) for key, each in agents.items()}}
    found = {(each.subject, each.field): each for each in Work((MAIN,), lambda: 0.0).readings(seen, now)}
    return replace(seen, version=number + 1, readings=Grouped.of({**every, **found}))


def _at(each: AnyReading, now: datetime) -> AnyReading:
    return replace(each, observed_at=now) if isinstance(each, Known) else each


def ago(number: int) -> datetime:
    """When a state was the newest."""
    return NOW - timedelta(minutes=10 * (len(STATES) - number))


def memory() -> FakeMemory:
    """Everything that was said of every subject in all of these states."""
    snapshots = [(ago(number), state(number, ago(number))) for number in range(len(STATES))]
    changes, said, late = list[Change](), list[Said](), list[Late]()
    for at, snapshot in snapshots:
        told = Grouped.of(snapshot.readings)
        for name in told.subjects:
            found = judge_subject(name, told, at, Thresholds())
            changes.append(Change(name, at, found.status, None, found.knowledge, found.rule, found.reason, None))
        before = Grouped.of(snapshots[0][1].readings)
        said += [Said(at, each, before[MINE, name]) for name, each in told.subjects[MINE].items()]
        late += [Late(each, at - timedelta(minutes=1), at) for each in told.subjects[MINE].values()]
    return FakeMemory(snapshots, changed=changes, heard=said, lately=late)


@pytest.fixture(scope="module", params=range(len(STATES)))
def hub(request: pytest.FixtureRequest) -> FakeHub:
    """A hub that shows one of the states, and remembers all of them."""
    return FakeHub(state(request.param, NOW), NOW, memory())


@pytest.fixture(scope="module")
def hers(hub: FakeHub) -> Iterator[TestClient]:
    """A browser of hers."""
    with TestClient(let_in(create_app(hub), HERS), base_url="http://localhost") as client:
        yield client


PLAIN: Final = [f"{view}?instance=south" for view in VIEWS if view != "session"]
THEN: Final = [f"{view}?at={ago(number):%Y-%m-%dT%H:%M:%SZ}" for view in ("agents", "alerts") for number in (1, 4)]
MORE: Final = [
    *("alerts?span=7d", "changes?since=65m", "changes?since=35m", "history?span=24h"),
    *(f"timeline?subject={name}" for name in (MINE, "forge:main", "forge:main/reviews")),
]


@pytest.mark.parametrize("asked", [*PLAIN, *THEN, *MORE])
def test_nothing_of_a_repository_that_is_not_her_agents_is_told(hers: TestClient, asked: str) -> None:
    """On no page and in no answer, now or then, by name or by reason, is there a word of it."""
    for place in ("/", "/api/v1/views/"):
        answer = hers.get(place + asked)
        assert answer.status_code == 200, answer.text
        assert MARKER not in answer.text.lower()


def test_what_her_agent_is_at_is_told(hers: TestClient) -> None:
    """Its task and what does not agree about it are its own: they stand on its row, with the way to the issue."""
    said = hers.get("/agents").text
    assert f"{work.TOOLS}#106" in said
    assert "assigned to somebody else" in said
    assert "north" not in said


def test_who_may_see_everything_is_told_which_repository() -> None:
    """What is kept from her is there for who may see it: otherwise this would prove nothing."""
    hub = FakeHub(state(1, NOW), NOW, memory())
    with TestClient(let_in(create_app(hub), OPERATOR), base_url="http://localhost") as client:
        for path in ("/reviews", "/board", "/alerts"):
            assert MARKER in client.get(path).text.lower(), path


@pytest.fixture
def served() -> Iterator[Served]:
    """A server over a forge of which all can be read, until a test changes it."""
    with serving(lambda now: state(0, now)) as served:
        served.hub.collecting = False
        served.doorman.person = HERS
        yield served


@pytest.mark.parametrize("number", [1, 4])
def test_what_comes_to_her_open_page_has_no_word_of_it(served: Served, number: int) -> None:
    """That not all could be read is told to her page by itself, in numbers and in words of ours."""
    port = int(served.base.rpartition(":")[2])
    with reading(port, "/live/agents", state_of(port, "/agents")) as stream:
        served.hub.publish(lambda now: state(number, now))
        event = stream.next()
    assert event is not None
    assert event.parts
    assert "could not be read" in event.data
    assert MARKER not in event.data.lower()


def test_no_state_of_these_is_like_another() -> None:
    """Each of them leaves something of her agent's work unknown, and the first does not."""
    details = [
        {getattr(each, "detail", "") for each in Grouped.of(state(number, NOW).readings).subjects[MINE].values()}
        for number in range(len(STATES))
    ]
    assert details[0] == {""}
    assert all(len(each) > 1 for each in details[1:])
    assert not any(MARKER in text for each in details for text in each)
