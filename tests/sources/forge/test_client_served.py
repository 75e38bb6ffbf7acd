"""The client, and a forge that keeps state: each question is one that such a server knows, of either make."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final, cast

import pytest

from quarterdeck.demo.forge.state import Flavour
from quarterdeck.sources.forge.client import ForgeReader
from quarterdeck.sources.forge.errors import ForgeError
from quarterdeck.sources.forge.scopes import NEEDED
from tests.fakes.forge import FakeForge
from tests.sources.forge.asking import FULL, ask

FLAVOURS: Final = ("gitea", "forgejo")


@pytest.fixture(params=FLAVOURS)
def fake(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[FakeForge]:
    """A forge with two issues, of which the first blocks the second, and a pull request with a review."""
    with FakeForge(tmp_path, cast("Flavour", request.param)) as forge:
        first, second = forge.issue("Count the crates"), forge.issue("Ship them")
        forge.by(forge.alice).depend(second, first)
        pull = forge.pull("Count them", "Closes #1")
        forge.by(forge.bob).review(pull, "APPROVED")
        yield forge


def test_each_question_is_one_that_a_forge_knows(fake: FakeForge) -> None:
    """Every method gets an answer from a server of either make, and what it tells belongs together."""

    async def everything(forge: ForgeReader) -> None:
        assert (await forge.version()).value
        assert (await forge.settings()).value.max_response_items == forge.page == 50
        assert [repo.full_name for repo in (await forge.repos()).value] == [FULL]
        assert (await forge.repo(FULL)).value.default_branch == "main"
        (pull,) = (await forge.pulls(FULL)).value
        assert pull.number is not None
        assert pull.head is not None
        assert pull.head.sha is not None
        assert (await forge.pull(FULL, pull.number)).value.number == pull.number
        assert {issue.number for issue in (await forge.search("issues")).value} == {1, 2}
        assert {issue.number for issue in (await forge.search("pulls")).value} == {pull.number}
        assert len((await forge.search(None)).value) == 3
        assert (await forge.issue(FULL, 1)).value.title == "Count the crates"
        assert [review.state for review in (await forge.reviews(FULL, pull.number)).value] == ["APPROVED"]
        assert (await forge.statuses(FULL, pull.head.sha)).value == ()
        assert [file.status for file in (await forge.files(FULL, pull.number)).value] == ["added"]
        assert [issue.number for issue in (await forge.dependencies(FULL, 2)).value] == [1]
        assert "review" in {entry.type for entry in (await forge.timeline(FULL, pull.number)).value}
        assert {branch.name for branch in (await forge.branches(FULL)).value} == {"main", pull.head.ref}
        assert (await forge.branch(FULL, "main")).value.protected is False
        assert (await forge.labels(FULL)).value == ()
        assert "README.md" in (await forge.names(FULL)).value
        assert (await forge.text(FULL, "README.md")).value.startswith("# ")

    ask(fake.url, everything, token=fake.token)


def test_the_scopes_that_are_needed_are_enough_and_found_to_be(fake: FakeForge) -> None:
    """With the three scopes nothing is missing; one less is; and a token for everything is found out as such."""
    some = fake.login(fake.north, "read:repository", "read:organization")
    reading = ask(fake.url, lambda forge: forge.scopes(), token=fake.token).value
    less = ask(fake.url, lambda forge: forge.scopes(), token=some).value
    every = ask(fake.url, lambda forge: forge.scopes(), token=fake.login(fake.north)).value
    assert (reading.missing, reading.excess) == ((), () if fake.forge.flavour == "gitea" else None)
    assert reading.held is None or set(reading.held) == set(NEEDED)
    assert (less.missing, every.excess) == (("read:issue",), ("all",))


def test_what_a_token_may_not_ask_names_the_scope(fake: FakeForge) -> None:
    """Whose token it is takes a scope that reading does not: the refusal names it."""
    with pytest.raises(ForgeError) as failed:
        ask(fake.url, lambda forge: forge.me(), token=fake.token)
    assert (failed.value.status, failed.value.needs) == (403, ("read:user",))


def test_a_token_that_is_not_known(fake: FakeForge) -> None:
    """A token that the forge does not know is denied by each question alike."""
    with pytest.raises(ForgeError) as failed:
        ask(fake.url, lambda forge: forge.repos(), token="0" * 40)
    assert (failed.value.status, failed.value.outcome) == (401, "denied")
