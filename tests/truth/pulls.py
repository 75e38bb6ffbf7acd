"""A pull request that may be merged, ways to spoil it one fact at a time, and any pull request at all."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from hypothesis import strategies as st

from quarterdeck.truth import forge
from quarterdeck.truth import forge_fields as G  # noqa: N812
from quarterdeck.truth.fields import FIELDS, Field
from quarterdeck.truth.forge import CHECK_STATES, REVIEW_STATES, BranchRule, Check, Files, Reads, Review, Sensitive
from quarterdeck.truth.judgement import Facts, Judgement
from quarterdeck.truth.reading import AnyReading, Key, Reason
from quarterdeck.truth.tables import judge_subject
from quarterdeck.truth.thresholds import Thresholds
from tests.truth.cast import MOMENTS, NOW, ORIGIN, ago, any_reading, values

World = Mapping[Field[Any], object]

PULL: Final = forge.pull("main", "acme/tools", 12)
HEAD: Final = "4f0c" * 10
OLDER: Final = "9d1e" * 10
HOUR, DAY = 3_600.0, 86_400.0
RULE: Final = BranchRule(True, 1, ("ci/*",), True, True, True, True)
FREE: Final = BranchRule(False, 0, None, False, False, False, False)
PLAIN: Final = RULE._replace(rejections_block=None, requests_block=None, outdated_blocks=None,
                             stale_approvals_ignored=None)  # fmt: skip
"""The same rule as it is told to a token that is no admin's."""


def review(who: str = "alice", state: str = "approved", at: datetime | None = None, **parts: object) -> Review:
    """A review of the head of now that counts, by a person of ours."""
    whole = Review(who, state, True, False, False, at or ago(HOUR), HEAD, False, False, True)
    return whole._replace(**parts)  # type: ignore[arg-type]  # the parts of a review, by their names


def old(who: str, state: str, **parts: object) -> Review:
    """A review of an older head."""
    return review(who, state, **({"stale": True, "commit": OLDER} | parts))  # type: ignore[arg-type]  # as above


def check(state: str = "success", context: str = "ci/build", seconds: float = HOUR) -> Check:
    """A check that came into its state so long ago."""
    return Check(context, state, ago(seconds))


WELL: Final[World] = {
    G.PULL_TITLE: "Mend the pump",
    G.PULL_LINK: "https://git.example.com/acme/tools/pulls/12",
    G.PULL_AUTHOR: "north-bot",
    G.PULL_AGENT: "north",
    G.PULL_OPENED_AT: ago(5 * HOUR),
    G.PULL_MOVED_AT: ago(HOUR),
    G.PULL_DRAFT: False,
    G.PULL_LABELS: ("size/small",),
    G.PULL_BLOCKED_BY_LABEL: False,
    G.PULL_HEAD: HEAD,
    G.PULL_OUTDATED: False,
    G.PULL_MERGEABLE: True,
    G.PULL_UNMERGEABLE: None,
    G.PULL_REVIEWS: (review(),),
    G.PULL_CHECKS: (check(),),
    G.PULL_PUSHED_AT: ago(2 * HOUR),
    G.PULL_RULE: RULE,
    G.PULL_FILES: Files(2, True, ()),
    G.PULL_BLOCKERS: (),
    G.PULL_AUTO_MERGE: False,
    G.PULL_STIRRED_AT: ago(HOUR),
}
"""A pull request of one of our agents that has met every condition of a strict branch."""

DECIDING: Final = (
    G.PULL_DRAFT,
    G.PULL_BLOCKED_BY_LABEL,
    G.PULL_BLOCKERS,
    G.PULL_MERGEABLE,
    G.PULL_UNMERGEABLE,
    G.PULL_HEAD,
    G.PULL_REVIEWS,
    G.PULL_CHECKS,
    G.PULL_PUSHED_AT,
    G.PULL_OPENED_AT,
    G.PULL_STIRRED_AT,
    G.PULL_RULE,
    G.PULL_OUTDATED,
    G.PULL_FILES,
    G.PULL_AUTO_MERGE,
)
"""All that class, conditions, flags and need may follow from."""


def readings(spoiled: World | None = None) -> dict[Key, AnyReading]:
    """The readings of that pull request, some with other values; a ``Reason`` makes one unavailable."""
    found: dict[Key, AnyReading] = {}
    for field, value in {**WELL, **(spoiled or {})}.items():
        found[PULL, field.name] = (
            field.unavailable(PULL, ORIGIN, value, "the forge did not tell", NOW)
            if isinstance(value, Reason)
            else field.known(PULL, ORIGIN, value, NOW)
        )
    return found


def lose(world: Mapping[Key, AnyReading], field: Field[Any], reason: Reason = Reason.TIMEOUT) -> dict[Key, AnyReading]:
    """The same world without one reading."""
    lost = field.unavailable(PULL, ORIGIN, reason, "the forge did not tell", NOW)
    return {**world, (PULL, field.name): lost}


def judged(world: Mapping[Key, AnyReading]) -> Judgement:
    """The pull request of a world, judged."""
    return judge_subject(PULL, world, NOW, Thresholds())


def facts(world: Mapping[Key, AnyReading]) -> Facts:
    """The pull request of a world, to ask about."""
    return Facts(PULL, world, NOW)


SELDOM = st.sampled_from([False, False, False, True])
OFTEN = st.sampled_from([True, True, True, False])
PEOPLE = st.sampled_from(["alice", "bob", "carol", "north-bot", "team keepers"])
CONTEXTS = st.sampled_from(["ci/build", "ci/test", "lint", "deploy"])
REVIEWS = st.lists(
    st.builds(
        Review,
        PEOPLE,
        st.sampled_from(REVIEW_STATES),
        OFTEN,
        SELDOM,
        SELDOM,
        st.none() | MOMENTS,
        st.sampled_from([HEAD, OLDER, None]),
        st.booleans(),
        st.booleans(),
        st.booleans(),
    ),
    max_size=5,
)
CHECKS = st.lists(
    st.builds(Check, CONTEXTS, st.sampled_from(CHECK_STATES), st.none() | MOMENTS),
    max_size=4,
    unique_by=lambda each: each.context,
)
MAYBE = st.none() | st.booleans()
RULES = st.builds(
    BranchRule,
    st.booleans(),
    st.integers(0, 3),
    st.none()
    | st.lists(st.sampled_from(["ci/*", "lint", "ci/build", "de?loy", "never", "{lint,ci/test}"]), max_size=3),
    MAYBE,
    MAYBE,
    MAYBE,
    MAYBE,
)
SENSITIVE = st.builds(
    Sensitive,
    st.sampled_from(["deploy/key", "src/door.py"]),
    st.sampled_from(forge.WHY_SENSITIVE),
    st.just("deploy/**"),
)
LIKELY: Final[dict[Field[Any], st.SearchStrategy[Any]]] = {
    G.PULL_HEAD: st.sampled_from([HEAD, OLDER]),
    G.PULL_REVIEWS: REVIEWS,
    G.PULL_CHECKS: CHECKS,
    G.PULL_RULE: RULES,
    G.PULL_FILES: st.builds(Files, st.integers(0, 9), st.booleans(), st.lists(SENSITIVE, max_size=2)),
    G.PULL_UNMERGEABLE: st.none() | st.builds(Reads, MOMENTS, MOMENTS),
    G.PULL_BLOCKERS: st.sampled_from([(), (), (), ("acme/tools#3",)]),
    G.PULL_DRAFT: SELDOM,
    G.PULL_MERGEABLE: OFTEN,
    G.PULL_OUTDATED: st.sampled_from([False, False, True, None]),
    G.PULL_BLOCKED_BY_LABEL: SELDOM,
}
"""Values among which much happens; of all other fields, any value at all."""


def _known(field: Field[Any]) -> st.SearchStrategy[AnyReading]:
    """A reading of a field that is known and current."""
    likely = LIKELY[field] if field in LIKELY else values(field.shape)
    return likely.map(lambda value: field.known(PULL, ORIGIN, value, NOW))


FIELDS_OF_IT: Final = [field for field in FIELDS.values() if field.of == "pull"]
CHOSEN: Final = st.lists(st.sampled_from(DECIDING) | st.sampled_from(FIELDS_OF_IT), min_size=1, max_size=8, unique=True)
KNOWN: Final = {field: _known(field) for field in FIELDS_OF_IT}
ANY: Final = {field: st.one_of(*[KNOWN[field]] * 4, any_reading(field, PULL)) for field in FIELDS_OF_IT}


@st.composite
def worlds(draw: st.DrawFn, *, whole: bool = False) -> dict[Key, AnyReading]:
    """Any pull request: the one that is well with some of its facts changed, or without readings that are known.

    With ``whole`` every reading is known and current.
    """
    found = readings() if whole or draw(st.integers(0, 9)) else {}
    among = KNOWN if whole else ANY
    for field in draw(CHOSEN):
        found[PULL, field.name] = draw(among[field])
    return found
