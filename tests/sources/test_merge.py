"""How the answers of many sources become one set of readings."""

from __future__ import annotations

from datetime import timedelta

from quarterdeck.sources.merge import Merged
from quarterdeck.truth import forge_fields as G  # noqa: N812
from quarterdeck.truth.forge import card, pull, repo
from quarterdeck.truth.reading import Origin
from tests.fakes.clock import START

SOURCE = "forge:main"
ORIGIN = Origin("forge main", "search")


def test_what_comes_and_goes_with_the_work_leaves_no_tombstone() -> None:
    """A pull request that was merged and an issue that was closed long ago are no loss; a repository that is is one."""
    merged = Merged([SOURCE])
    tools = repo("main", "acme/tools")
    opened = (
        G.PULL_DRAFT.known(pull("main", "acme/tools", 1), ORIGIN, False, START),
        G.CARD_OPEN.known(card("main", "acme/tools", 2), ORIGIN, True, START),
        G.REPO_STATE.known(tools, ORIGIN, "there", START),
    )
    merged.answered(SOURCE, opened, START)
    later = START + timedelta(minutes=1)
    merged.answered(SOURCE, (), later)
    assert not merged.readings()
    assert merged.gone(later) == {tools: later}
