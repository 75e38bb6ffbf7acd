"""A card that nobody has touched, ways to touch it one fact at a time, and any card at all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from hypothesis import strategies as st

from quarterdeck.truth import forge
from quarterdeck.truth import forge_fields as G  # noqa: N812
from quarterdeck.truth.fields import Field
from quarterdeck.truth.forge import SAYINGS, Claim, Linked
from quarterdeck.truth.judgement import Facts, Judgement
from quarterdeck.truth.reading import AnyReading, Key, Known, Reason
from quarterdeck.truth.tables import judge_subject
from quarterdeck.truth.thresholds import Thresholds
from tests.truth.cast import NOW, ORIGIN, ago, any_reading

World = Mapping[Field[Any], object]

CARD: Final = forge.card("main", "acme/tools", 7)
HOUR, DAY = 3_600.0, 86_400.0
NORTH: Final[World] = {G.CARD_ASSIGNEES: ("north-bot",), G.CARD_AGENTS: ("north",), G.CARD_TRIAGED: True}
OPEN_PULL: Final = Linked("acme/tools#12", draft=False, author="north-bot")
DRAFT: Final = Linked("acme/tools#13", draft=True, author="north-bot")
CLAIM: Final = Claim("claim/7", ago(HOUR), "north-bot")

UNTOUCHED: Final[World] = {
    G.CARD_TITLE: "Mend the pump",
    G.CARD_LINK: "https://git.example.com/acme/tools/issues/7",
    G.CARD_AUTHOR: "carol",
    G.CARD_OPEN: True,
    G.CARD_OPENED_AT: ago(9 * DAY),
    G.CARD_MOVED_AT: ago(HOUR),
    G.CARD_CLOSED_AT: None,
    G.CARD_LABELS: (),
    G.CARD_SAYS: (),
    G.CARD_TRIAGED: False,
    G.CARD_ASSIGNEES: (),
    G.CARD_ABSENT: (),
    G.CARD_AGENTS: (),
    G.CARD_MILESTONE: None,
    G.CARD_EXPLAINED: False,
    G.CARD_PULLS: (),
    G.CARD_PULLS_WHOLE: True,
    G.CARD_CLAIM: None,
}
"""An issue in the backlog. What it depends on is not asked."""

TOUCHES: Final = (G.CARD_ASSIGNEES, G.CARD_SAYS, G.CARD_PULLS, G.CARD_CLAIM)
DECIDING: Final = (*TOUCHES, G.CARD_OPEN, G.CARD_ABSENT, G.CARD_PULLS_WHOLE, G.CARD_BLOCKERS, G.CARD_EXPLAINED,
                   G.CARD_MOVED_AT)  # fmt: skip
"""What a card's lane and status hang on."""


def world(*touched: World) -> dict[Key, AnyReading]:
    """The card with some other facts; an unavailable reason makes one unknown."""
    told: dict[Field[Any], object] = dict(UNTOUCHED)
    for each in touched:
        told |= each
    if any(told[field] for field in TOUCHES):
        told.setdefault(G.CARD_BLOCKERS, ())
    return {(CARD, field.name): reading(field, value) for field, value in told.items()}


def reading(field: Field[Any], value: object) -> AnyReading:
    """One fact of the card."""
    if isinstance(value, Reason):
        return field.unavailable(CARD, ORIGIN, value, "spoiled by the test", NOW)
    return field.known(CARD, ORIGIN, value, NOW)


def facts(found: Mapping[Key, AnyReading]) -> Facts:
    """What the tables ask of the card."""
    return Facts(CARD, found, NOW, Thresholds())


def judged(found: Mapping[Key, AnyReading]) -> Judgement:
    """What the table of cards says of it."""
    return judge_subject(CARD, found, NOW, Thresholds())


LOGINS: Final = ("north-bot", "alice", "dave")
REFS: Final = ("acme/tools#12", "acme/tools#13", "acme/site#2")
ANY: Final[Mapping[Field[Any], st.SearchStrategy[object]]] = {
    G.CARD_OPEN: st.sampled_from((True, True, True, False)),
    G.CARD_MOVED_AT: st.sampled_from((ago(60), ago(3 * HOUR), ago(9 * DAY), ago(-DAY))),
    G.CARD_SAYS: st.lists(st.sampled_from(SAYINGS), max_size=3),
    G.CARD_TRIAGED: st.booleans(),
    G.CARD_ASSIGNEES: st.lists(st.sampled_from(LOGINS), max_size=2, unique=True),
    G.CARD_ABSENT: st.sampled_from(((), (), ("dave",))),
    G.CARD_EXPLAINED: st.booleans(),
    G.CARD_PULLS: st.lists(
        st.builds(Linked, st.sampled_from(REFS), st.booleans(), st.none() | st.sampled_from(LOGINS)), max_size=2
    ),
    G.CARD_PULLS_WHOLE: st.sampled_from((True, True, True, False)),
    G.CARD_BLOCKERS: st.lists(st.sampled_from(REFS), max_size=2),
    G.CARD_CLAIM: st.none() | st.builds(
        Claim, st.just("claim/7"), st.none() | st.sampled_from((ago(60), ago(9 * HOUR), ago(-DAY))),
        st.none() | st.sampled_from(LOGINS),
    ),
}  # fmt: skip


@st.composite
def worlds(draw: st.DrawFn, *, whole: bool = False) -> dict[Key, AnyReading]:
    """Any card: all of it known, or with some facts expired, from the future, or not to be read."""
    found = world({field: draw(values) for field, values in ANY.items() if whole or draw(st.booleans())})
    for field in () if whole else draw(st.lists(st.sampled_from(DECIDING), max_size=3)):
        found[CARD, field.name] = draw(any_reading(field, CARD))
    return found


def lose(found: Mapping[Key, AnyReading], field: Field[Any], reason: Reason) -> dict[Key, AnyReading]:
    """The same when a fact can no longer be read."""
    before = found.get((CARD, field.name))
    lost = field.unavailable(CARD, ORIGIN, reason, "lost", NOW)
    return {**found, (CARD, field.name): lost} if isinstance(before, Known) else dict(found)
