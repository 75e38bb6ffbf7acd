"""The story of the forge of the demo: everything that the deck tells apart is there to be seen."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from urllib.request import Request, urlopen

import pytest

from quarterdeck.demo.forge import cards, changes, scenario, stories
from quarterdeck.demo.forge.server import ForgeServer
from quarterdeck.demo.forge.state import Flavour
from quarterdeck.sources.forge.source import ForgeSource
from quarterdeck.truth import forge_fields as G  # noqa: N812 -- short where every line names a field
from quarterdeck.truth.board import LANES, placed
from quarterdeck.truth.forge import CLASSES
from quarterdeck.truth.judgement import Facts
from quarterdeck.truth.reading import AnyReading, Key, Known
from quarterdeck.truth.reviews import class_of
from quarterdeck.truth.tables import judge_subject
from quarterdeck.truth.thresholds import Thresholds
from quarterdeck.truth.watched import Forge

FLAVOURS: tuple[Flavour, ...] = ("gitea", "forgejo")


class Looks(NamedTuple):
    """What the deck saw, first and a little later."""

    first: Mapping[Key, AnyReading]
    then: Mapping[Key, AnyReading]
    at: datetime


@pytest.fixture(scope="module", params=FLAVOURS)
def seen(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Looks]:
    """The deck looks at the forge of the demo, twice."""
    folder, now = tmp_path_factory.mktemp("forge"), datetime.now(UTC)
    forge, word = scenario.build(folder, now, request.param)
    token = folder / "token"
    token.write_text(word)
    token.chmod(0o600)
    with ForgeServer(forge) as server:
        agents = {login: agent for agent, login in stories.BOTS.items()}
        source = ForgeSource(Forge("main", "Main", server.url, token, sensitive=stories.SENSITIVE, agents=agents))
        first = {(each.subject, each.field): each for each in source.look(now)}
        later = now + timedelta(seconds=90)
        yield Looks(first, {(each.subject, each.field): each for each in source.look(later)}, later)


def subjects(readings: Mapping[Key, AnyReading], kind: str) -> list[str]:
    """Return the subjects of a kind."""
    return sorted({subject for subject, _ in readings if f"/{kind}/" in subject})


def classes(readings: Mapping[Key, AnyReading], at: datetime) -> set[str]:
    """Return the classes of all pull requests."""
    found = (judge_subject(each, readings, at, Thresholds()) for each in subjects(readings, "pull"))
    return {class_of(each) for each in found}


def test_every_class_is_there(seen: Looks) -> None:
    """Between them the pull requests have every class; what looks like a conflict is still being computed at first."""
    assert classes(seen.first, seen.at) | classes(seen.then, seen.at) == set(CLASSES)
    assert "conflict" in classes(seen.then, seen.at)


def test_every_lane_is_there(seen: Looks) -> None:
    """Between them the cards stand in every lane, and some of their signals do not agree."""
    found = [placed(Facts(each, seen.then, seen.at, Thresholds())) for each in subjects(seen.then, "card")]
    assert {each.lane for each in found} == set(LANES)
    assert any(each.ambiguities for each in found)


def test_the_forge_itself_is_well(seen: Looks) -> None:
    """But for the one thing that is wrong on purpose, everything was told, by a token that only reads."""
    whole, excess = (seen.then["forge:main", field.name] for field in (G.FORGE_WHOLE, G.TOKEN_EXCESS))
    assert isinstance(whole, Known)
    assert isinstance(excess, Known)
    assert (whole.value, bool(excess.value)) == (True, False)
    unread = {
        subject for (subject, _), each in seen.then.items() if not isinstance(each, Known) and "/pull/" in subject
    }
    assert len(unread) == 1


def test_agents_work_and_sensitive_paths_change(seen: Looks) -> None:
    """Agents claim issues, some of which are not theirs or are done, and a change of a sensitive path is there."""
    of = seen.then.items()
    claims = [each.value for (_, field), each in of if field == "claim" and isinstance(each, Known) and each.value]
    assert {each.who for each in claims} == {"north-bot", "south-bot"}
    files = [each.value for (_, field), each in of if field == "files" and isinstance(each, Known)]
    assert {one.why for each in files for one in each.sensitive} >= {"setting", "owned"}


def test_every_row_of_the_story_is_told_once() -> None:
    """Keys are told apart, and each issue that is named anywhere is there."""
    keys = [each.key for each in (*cards.CARDS, *changes.CHANGES)]
    assert len(keys) == len(set(keys))
    assert len(changes.CHANGES) >= 15
    assert len(cards.CARDS) >= 40


def test_it_runs_by_itself_until_its_input_ends(tmp_path: Path) -> None:
    """As a program it says where it is, keeps its token to itself, and ends when whoever began it lets go."""
    command = [sys.executable, "-m", "quarterdeck.demo.forge", str(tmp_path / "forge")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdin
        assert child.stdout
        told: dict[str, Any] = json.loads(child.stdout.readline())
        token = Path(told["token_file"])
        assert token.stat().st_mode & 0o777 == 0o600
        asked = Request(
            f"{told['url']}/api/v1/repos/search", headers={"Authorization": f"token {token.read_text().strip()}"}
        )
        with urlopen(asked, timeout=10) as answer:
            assert len(json.load(answer)["data"]) == len(stories.REPOS)
        child.stdin.close()
        assert child.wait(10) == 0
