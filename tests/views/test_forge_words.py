"""What a forge tells in several parts, as one short phrase."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from quarterdeck.truth import forge_fields as G  # noqa: N812
from quarterdeck.truth.forge import BranchRule, Check, Claim, Files, Linked, Reads, Sensitive, pull
from quarterdeck.truth.reviews import ON, Waits
from quarterdeck.views.forge_words import in_short, waiting
from quarterdeck.views.words import show
from tests.fakes.work import origin, review, rule
from tests.truth.cast import NOW, ago

NAME = pull("main", "acme/tools", 12)


@pytest.mark.parametrize(
    ("fact", "said"),
    [
        (review("alice", "approved", NOW), "alice approved"),
        (review("bob", "approved", NOW, stale=True, official=False), "bob approved (of an older head, does not count)"),
        (review("team keepers", "requested", NOW), "team keepers was asked for a review"),
        (review("bob", "changes requested", NOW, dismissed=True), "bob asked for changes (dismissed)"),
        (Check("ci/test", "failure", NOW), "ci/test failure"),
        (BranchRule(False, 0, None, None, None, None, None), "not protected"),
        (rule(2, ("ci/*", "lint")), "2 approvals, checks ci/*, lint, no rejection"),
        (rule(1, (), requests_block=True, outdated_blocks=True),
         "1 approval, any check, no rejection, every request answered, up to date"),
        (rule(1, None, rejections_block=None), "1 approval, the rest is told to admins only"),
        (Files(12, True, ()), "12"),
        (Files(4_100, False, (Sensitive("a", "setting", "a"),)), "4,100, 1 sensitive, not all could be looked at"),
        (Sensitive("deploy/x", "protected", "deploy/*"), "deploy/x, protected by its branch: deploy/*"),
        (Reads(ago(600), NOW), "for 10 min"),
        (Linked("acme/tools#12", draft=True, author=None), "acme/tools#12 (draft)"),
        (Claim("claim/7", ago(7_200), "north-bot"), "claim/7 by north-bot, moved 2 h ago"),
        (Claim("claim/7", None, None), "claim/7"),
        ("a text", None),
    ],
)  # fmt: skip
def test_each_fact_has_its_phrase(fact: object, said: str | None) -> None:
    """It names who or what, how it stands, and what about it must not be overlooked."""
    assert in_short(fact, NOW) == said


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        (G.PULL_REVIEWS, (review("alice", "approved", NOW), review("bob", "commented", NOW)),
         "alice approved, bob commented"),
        (G.PULL_REVIEWS, (), "none"),
        (G.PULL_UNMERGEABLE, None, "none"),
        (G.PULL_FILES, Files(3, True, ()), "3"),
        (G.PULL_CLOSES, ("acme/tools#1", "acme/tools#2"), "acme/tools#1, acme/tools#2"),
    ],
)  # fmt: skip
def test_a_reading_of_such_facts_is_said_like_any_other(field: Any, value: object, said: str) -> None:
    """Lists of them are said one after the other, and what is old says so."""
    reading = field.known(NAME, origin(NAME), value, NOW)
    assert show(reading, NOW).text == said
    assert show(reading, NOW + timedelta(days=2)).text == f"{said} (old)"


def test_who_is_waited_for_is_always_somebody_or_nobody() -> None:
    """Names where they are told, the first few of many, and else what kind of somebody it is."""
    assert waiting(Waits("reviewer", ("alice", "team keepers"), NOW)) == "waits for alice, team keepers"
    assert waiting(Waits("checks", tuple("abcde"), None)) == "waits for a, b, c and 2 more"
    said = {on: waiting(Waits(on, (), None)) for on in ON}
    assert said.pop("nobody") == ""
    assert all(each.startswith("waits for ") and len(each) > len("waits for ") for each in said.values())
