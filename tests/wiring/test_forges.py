"""A forge that the settings name is asked, followed and heard, from its first answer to the lines of the brief."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from quarterdeck import wiring
from quarterdeck.settings import Settings
from quarterdeck.truth import forge_fields as G  # noqa: N812
from quarterdeck.truth.forge import card, pull
from quarterdeck.truth.instance import ALL, Instance, subject
from quarterdeck.truth.judgement import Judgement
from quarterdeck.truth.snapshot import Snapshot
from quarterdeck.truth.watched import Forge
from quarterdeck.views import VIEWS
from quarterdeck.views.asked import Asked
from quarterdeck.views.judged import Judged
from quarterdeck.wiring import Deck
from tests.fakes.forge import FakeForge

pytestmark = pytest.mark.timeout(60)

TOOLS = "acme/tools"
LIMIT_S = 30.0


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[FakeForge]:
    """A forge on which north works on one issue, and bob waits for a review of one pull request."""
    with FakeForge(tmp_path / "forge") as made:
        made.by(made.alice).assign(made.issue("Count the crates"), made.north)
        made.issue("An idea")
        made.pull("Count them twice", "Closes #1", who=made.north)
        yield made


def settings(fake: FakeForge, folder: Path) -> Settings:
    """Settings that name the forge, with two agents that have accounts there."""
    token = folder / "token"
    token.write_text(fake.token)
    token.chmod(0o600)
    agents = {"north-bot": "north", "south-bot": "south"}
    forge = Forge(
        "main", "main", fake.url, token_file=token, agents=agents, reviewers=("alice",), people=("alice", "bob")
    )
    instances = tuple(Instance(one, one, home=folder / one) for one in ("north", "south"))
    return Settings(instances=instances, forges=(forge,), state=folder)


def judged(deck: Deck, snapshot: Snapshot) -> Judged:
    return Judged(snapshot, deck.clock())


def wait_for(deck: Deck, so: Callable[[Judged], bool]) -> Judged:
    """Wait until something is so on the pages."""
    until = time.monotonic() + LIMIT_S
    while not so(found := judged(deck, deck.snapshot)):
        assert time.monotonic() < until, "it never came to be so"
        time.sleep(0.05)
    return found


def of(found: Judged, name: str) -> Judgement:
    return found.judgements[name]


def test_one_look_tells_of_the_forge_and_of_what_follows_from_it(fake: FakeForge, tmp_path: Path) -> None:
    """Who asks once, from a terminal, sees the queue, the board and what each agent is at."""
    deck = wiring.build(settings(fake, tmp_path))
    found = judged(deck, deck.look_once(20.0))
    assert of(found, "forge:main").status == "ok"
    assert found.facts("forge:main/reviews")[G.REVIEWS_OPEN] == 1
    assert found.facts("forge:main/board")[G.BOARD_LANES] == {"in review": 1, "unassigned": 1}
    assert found.facts(subject("north", "work"))[G.TASK] == f"{TOOLS}#1"
    assert found.facts(subject("south", "work"))[G.TASK] is None


def test_what_is_told_goes_on_being_told(fake: FakeForge, tmp_path: Path) -> None:
    """A deck that runs follows the forge: a ring makes it look at once, long before its turn comes."""
    deck = wiring.build(settings(fake, tmp_path))
    with deck.running():
        wait_for(deck, lambda found: pull("main", TOOLS, 3) in found.judgements)
        fake.issue("Rang for")
        deck.ring("main", TOOLS)
        found = wait_for(deck, lambda found: card("main", TOOLS, 4) in found.judgements)
        assert found.facts("forge:main").get(G.FORGE_RUNG_AT) is not None


def test_a_ring_of_a_forge_that_is_not_watched_wakes_nobody(fake: FakeForge, tmp_path: Path) -> None:
    """What is not in the settings is not looked at, and is no error either."""
    wiring.build(settings(fake, tmp_path)).ring("other", TOOLS)


def test_without_a_forge_nobody_asks_one(tmp_path: Path) -> None:
    """A deck without a forge has no source for one, and knows of no queue."""
    deck = wiring.build(Settings(state=tmp_path))
    assert not [source for source in deck.sources if source.name.startswith("forge:") or source.name == "work"]
    assert not judged(deck, deck.look_once(5.0)).of("reviews", "board", "work")


def test_a_forge_that_is_down_from_the_start_is_known_to_be_down_and_nothing_is_empty(
    fake: FakeForge, tmp_path: Path
) -> None:
    """The queue and the board of a forge that was never reached are unknown; the brief has one line for all of it."""
    decided = settings(fake, tmp_path)
    fake.__exit__(None, None, None)
    deck = wiring.build(decided)
    found = judged(deck, deck.look_once(20.0))
    assert of(found, "forge:main").status == "down"
    assert {of(found, f"forge:main/{name}").status for name in ("reviews", "board")} == {"unknown"}
    rows = [row for row in VIEWS["brief"].make(found, Asked(ALL), None).rows if row.subject.startswith("forge:")]
    assert [row.subject for row in rows] == ["forge:main"]
    assert "forge:main/reviews" in rows[0].folded
