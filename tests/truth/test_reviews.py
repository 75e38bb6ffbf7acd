"""What is said of pull requests: their class, what they must meet, who is waited for and who is needed."""

from __future__ import annotations

from typing import Any

import pytest

from quarterdeck.truth import forge_fields as G  # noqa: N812
from quarterdeck.truth.fields import Field
from quarterdeck.truth.flags import flags
from quarterdeck.truth.forge import CLASSES, GHOST, Check, Files, Reads, Review, Sensitive
from quarterdeck.truth.judgement import Status
from quarterdeck.truth.reading import Known, Reason
from quarterdeck.truth.reviews import NEEDS, ON, READY, Waits, class_of, conditions, need, waits_for
from tests.truth.cast import NOW, ORIGIN, ago
from tests.truth.pulls import (
    DAY,
    DECIDING,
    FREE,
    HEAD,
    HOUR,
    OLDER,
    PLAIN,
    PULL,
    RULE,
    WELL,
    World,
    check,
    facts,
    judged,
    lose,
    old,
    readings,
    review,
)

RISKY = Files(3, True, (Sensitive("deploy/key.age", "setting", "deploy/**"),))
PAGED = Files(900, False, ())
LATER = {G.PULL_PUSHED_AT: ago(HOUR / 2)}
ASKED = review("alice", "requested", ago(HOUR), commit=None)
LONG_AGO = ago(5 * DAY)
NO_REVIEW: World = {G.PULL_REVIEWS: ()}
CONFLICT: World = {G.PULL_MERGEABLE: False, G.PULL_UNMERGEABLE: Reads(ago(600), ago(60))}
WAITING: World = {G.PULL_REVIEWS: (ASKED,)}

OK, BAD, LOST = "ok", "degraded", "unknown"

CASES: dict[str, tuple[World, str, str, str, str]] = {
    "all met": ({}, READY, OK, "routine", "may be merged"),
    "all met, nothing asked for": ({G.PULL_RULE: FREE}, READY, OK, "routine", "may be merged"),
    "will merge by itself": (
        {G.PULL_AUTO_MERGE: True},
        "ready, auto-merge scheduled",
        OK,
        "nobody",
        "the forge does it by itself",
    ),
    "will merge by itself, and is sensitive": (
        {G.PULL_AUTO_MERGE: True, G.PULL_FILES: RISKY},
        "ready, auto-merge scheduled",
        OK,
        "judgement",
        "the forge does it by itself",
    ),
    "ready and sensitive": ({G.PULL_FILES: RISKY}, READY, OK, "judgement", "may be merged"),
    "ready, not all files listed": ({G.PULL_FILES: PAGED}, READY, OK, "judgement", "may be merged"),
    "ready, files not known": ({G.PULL_FILES: Reason.TIMEOUT}, READY, OK, "judgement", "may be merged"),
    "ready, and nothing has checked it": (
        {G.PULL_RULE: RULE._replace(checks=None), G.PULL_CHECKS: ()},
        READY,
        OK,
        "judgement",
        "may be merged",
    ),
    "ready, and all checks were skipped": ({G.PULL_CHECKS: (check("skipped"),)}, READY, OK, "judgement", ""),
    "draft": ({G.PULL_DRAFT: True}, "draft", OK, "author", "a draft: its title says so"),
    "draft in conflict": ({G.PULL_DRAFT: True, **CONFLICT}, "draft", OK, "author", "a draft"),
    "depends on another": ({G.PULL_BLOCKERS: ("acme/tools#3",)}, "blocked", OK, "nobody", "depends on acme/tools#3"),
    "depends on another, and a label says so": (
        {G.PULL_BLOCKERS: ("acme/tools#3",), G.PULL_BLOCKED_BY_LABEL: True},
        "blocked",
        OK,
        "nobody",
        "depends on acme/tools#3; a label says",
    ),
    "blocked, nobody knows by what": (
        {G.PULL_BLOCKED_BY_LABEL: True},
        "blocked",
        BAD,
        "judgement",
        "depends on nothing that is open",
    ),
    "conflict": (CONFLICT, "conflict", BAD, "author", "conflicts with its base"),
    "said no once": (
        {G.PULL_MERGEABLE: False, G.PULL_UNMERGEABLE: Reads(ago(30), ago(30))},
        "computing",
        OK,
        "nobody",
        "still computing",
    ),
    "said no, of which head is not told": ({G.PULL_MERGEABLE: False}, "computing", OK, "nobody", "still computing"),
    "was said no to before": (
        {G.PULL_UNMERGEABLE: Reads(ago(600), ago(60))},
        READY,
        OK,
        "routine",
        "may be merged",
    ),
    "changes asked for": (
        {G.PULL_REVIEWS: (review("alice", "changes requested"),)},
        "changes requested",
        OK,
        "author",
        "alice asks for changes",
    ),
    "changes asked for, and nobody moves": (
        {G.PULL_REVIEWS: (review("alice", "changes requested", LONG_AGO),), G.PULL_STIRRED_AT: LONG_AGO},
        "changes requested",
        BAD,
        "author",
        "alice asks for changes",
    ),
    "changes asked for, then only a comment": (
        {G.PULL_REVIEWS: (review("alice", "changes requested"), review("alice", "commented"))},
        "changes requested",
        OK,
        "author",
        "alice asks for changes",
    ),
    "changes asked for, by one while another approves": (
        {G.PULL_REVIEWS: (review("bob"), review("alice", "changes requested"))},
        "changes requested",
        OK,
        "author",
        "alice asks for changes",
    ),
    "changes asked for, then approved by the same": (
        {G.PULL_REVIEWS: (review("alice", "changes requested"), review("alice", "approved"))},
        READY,
        OK,
        "routine",
        "may be merged",
    ),
    "changes asked for, dismissed": (
        {G.PULL_REVIEWS: (review("alice", "changes requested", dismissed=True), review("bob"))},
        READY,
        OK,
        "routine",
        "may be merged",
    ),
    "changes asked for by somebody who does not count": (
        {G.PULL_REVIEWS: (review("carol", "changes requested", official=False), review("bob"))},
        READY,
        OK,
        "routine",
        "may be merged",
    ),
    "pushed since changes were asked for": (
        {G.PULL_REVIEWS: (old("alice", "changes requested"),)},
        "re-review",
        BAD,
        "judgement",
        "alice asked for changes of an older head",
    ),
    "pushed since a bot asked for changes": (
        {G.PULL_REVIEWS: (old("south-bot", "changes requested", is_ours=False, is_bot=True),)},
        "re-review",
        BAD,
        "nobody",
        "south-bot asked for changes of an older head",
    ),
    "one objects to this head, another to an older one": (
        {G.PULL_REVIEWS: (old("bob", "changes requested"), review("alice", "changes requested"))},
        "changes requested",
        OK,
        "author",
        "alice asks for changes; bob asked for changes of an older head",
    ),
    "an objection without its commit is of the head it is not stale of": (
        {G.PULL_REVIEWS: (review("alice", "changes requested", commit=None, stale=True),)},
        "re-review",
        BAD,
        "judgement",
        "",
    ),
    "a check fails": ({G.PULL_CHECKS: (check("failure"),)}, "checks failing", BAD, "author", "ci/* has failed"),
    "a check ends in error": ({G.PULL_CHECKS: (check("error"),)}, "checks failing", BAD, "author", "ended in error"),
    "a check warns": ({G.PULL_CHECKS: (check("warning"),)}, "checks failing", BAD, "author", "ended in warning"),
    "one of several that answer to a glob fails": (
        {G.PULL_CHECKS: (check(), check("failure", "ci/test"))},
        "checks failing",
        BAD,
        "author",
        "ci/* has failed",
    ),
    "one fails while another runs": (
        {G.PULL_CHECKS: (check("pending"), check("failure", "ci/test"))},
        "checks failing",
        BAD,
        "author",
        "ci/* has failed",
    ),
    "a check fails that is not asked for": (
        {G.PULL_CHECKS: (check(), check("failure", "lint"))},
        READY,
        OK,
        "routine",
        "may be merged",
    ),
    "a check fails where none is asked for": (
        {G.PULL_RULE: RULE._replace(checks=None), G.PULL_CHECKS: (check("failure", "lint"),)},
        "checks failing",
        BAD,
        "author",
        "lint has failed",
    ),
    "a check runs": (
        {G.PULL_CHECKS: (check("pending", seconds=60),)},
        "checks pending",
        OK,
        "nobody",
        "ci/* has not ended for 60 s",
    ),
    "a check runs for too long": (
        {G.PULL_CHECKS: (check("pending", seconds=2 * HOUR + 1),)},
        "checks stuck",
        BAD,
        "judgement",
        "ci/* has not ended for 2 h",
    ),
    "a check is missing": (
        {G.PULL_CHECKS: (), G.PULL_PUSHED_AT: ago(60)},
        "checks pending",
        OK,
        "nobody",
        "ci/* has not reported for 60 s",
    ),
    "a check is missing for too long": (
        {G.PULL_CHECKS: (check(context="lint"),)},
        "checks stuck",
        BAD,
        "judgement",
        "ci/* has not reported for 2 h",
    ),
    "a check is missing, since when is not told": (
        {G.PULL_CHECKS: (), G.PULL_PUSHED_AT: None},
        "checks pending",
        OK,
        "nobody",
        "ci/* has not reported",
    ),
    "checks are asked for, none by name, and none came": (
        {G.PULL_RULE: RULE._replace(checks=()), G.PULL_CHECKS: (), G.PULL_PUSHED_AT: ago(60)},
        "checks pending",
        OK,
        "nobody",
        "any check has not reported",
    ),
    "nobody has reviewed": (NO_REVIEW, "waiting on review", OK, "routine", "0 of 1 approval"),
    "nobody has reviewed what is sensitive": (
        {**NO_REVIEW, G.PULL_FILES: RISKY},
        "waiting on review",
        OK,
        "judgement",
        "0 of 1 approval",
    ),
    "asked for a review": (WAITING, "waiting on review", OK, "routine", "a review by alice is waited for"),
    "asked for a review long ago": (
        {G.PULL_REVIEWS: (review("alice", "requested", ago(30 * HOUR)),)},
        "waiting on review",
        BAD,
        "routine",
        "a review by alice is waited for",
    ),
    "opened long ago, nobody asked": (
        {**NO_REVIEW, G.PULL_PUSHED_AT: None, G.PULL_OPENED_AT: ago(30 * HOUR)},
        "waiting on review",
        BAD,
        "routine",
        "0 of 1 approval",
    ),
    "a bot was asked": (
        {G.PULL_REVIEWS: (review("south-bot", "requested", is_ours=False, is_bot=True),)},
        "waiting on review",
        OK,
        "nobody",
        "a review by south-bot is waited for",
    ),
    "somebody was asked whose review does not count": (
        {G.PULL_REVIEWS: (review("carol", "requested", official=False, is_ours=False),)},
        "waiting on review",
        OK,
        "routine",
        "0 of 1 approval",
    ),
    "enough approve, one more was asked": (
        {G.PULL_REVIEWS: (review("bob"), ASKED)},
        "waiting on review",
        OK,
        "routine",
        "a review by alice is waited for",
    ),
    "enough approve, one more was asked, and the branch does not mind": (
        {G.PULL_REVIEWS: (review("bob"), ASKED), G.PULL_RULE: RULE._replace(requests_block=False)},
        READY,
        OK,
        "routine",
        "may be merged",
    ),
    "enough approve, one more was asked, and it is not told whether the branch minds": (
        {G.PULL_REVIEWS: (review("bob"), ASKED), G.PULL_RULE: PLAIN},
        "waiting on review",
        OK,
        "routine",
        "not told whether it must be there",
    ),
    "enough approve, and one more was asked whose review does not count": (
        {G.PULL_REVIEWS: (review("bob"), review("carol", "requested", official=False))},
        READY,
        OK,
        "routine",
        "may be merged",
    ),
    "who was asked has reviewed": (
        {G.PULL_REVIEWS: (ASKED, review("alice"))},
        READY,
        OK,
        "routine",
        "may be merged",
    ),
    "who was asked has only begun to write": (
        {G.PULL_REVIEWS: (review("bob"), ASKED, review("alice", "pending"))},
        "waiting on review",
        OK,
        "routine",
        "a review by alice",
    ),
    "approved, then asked again": (
        {G.PULL_REVIEWS: (review("alice"), review("alice", "requested"))},
        "waiting on review",
        OK,
        "routine",
        "a review by alice",
    ),
    "the approval does not count": (
        {G.PULL_REVIEWS: (review("carol", official=False),)},
        "waiting on review",
        OK,
        "routine",
        "0 of 1 approval",
    ),
    "the approval was dismissed": (
        {G.PULL_REVIEWS: (review(dismissed=True),)},
        "waiting on review",
        OK,
        "routine",
        "0 of 1 approval",
    ),
    "the same approves twice": (
        {G.PULL_REVIEWS: (review(), review()), G.PULL_RULE: RULE._replace(approvals=2)},
        "waiting on review",
        OK,
        "routine",
        "1 of 2 approvals",
    ),
    "approved an older head, which does not count": (
        {G.PULL_REVIEWS: (old("alice", "approved"),)},
        "waiting on review",
        OK,
        "routine",
        "0 of 1 approval; 1 more of an older head: it does not count",
    ),
    "approved an older head, which counts": (
        {G.PULL_REVIEWS: (old("alice", "approved"),), G.PULL_RULE: RULE._replace(stale_approvals_ignored=False)},
        READY,
        OK,
        "routine",
        "may be merged",
    ),
    "approved an older head, and it is not told whether it counts": (
        {G.PULL_REVIEWS: (old("alice", "approved"),), G.PULL_RULE: PLAIN},
        "waiting on review",
        OK,
        "routine",
        "it is not told whether it counts",
    ),
    "its base has moved on": ({G.PULL_OUTDATED: True}, "outdated", BAD, "author", "its base has moved on"),
    "its base has moved on, and the branch does not mind": (
        {G.PULL_OUTDATED: True, G.PULL_RULE: RULE._replace(outdated_blocks=False)},
        READY,
        OK,
        "routine",
        "may be merged",
    ),
    "its base has moved on, and it is not told whether the branch minds": (
        {G.PULL_OUTDATED: True, G.PULL_RULE: PLAIN},
        "outdated",
        BAD,
        "author",
        "not told whether the branch minds",
    ),
    "not told whether its base has moved on": (
        {G.PULL_OUTDATED: None},
        "unknown",
        LOST,
        "judgement",
        "not told whether its base has moved on",
    ),
    "ready by all that an ordinary token is told": ({G.PULL_RULE: PLAIN}, READY, OK, "routine", "may be merged"),
    "reviews not known": ({G.PULL_REVIEWS: Reason.TIMEOUT}, "unknown", LOST, "judgement", "timeout"),
    "reviews not known, of a draft": (
        {G.PULL_REVIEWS: Reason.TIMEOUT, G.PULL_DRAFT: True},
        "draft",
        OK,
        "author",
        "a draft",
    ),
    "blockers not known, in conflict": (
        {**CONFLICT, G.PULL_BLOCKERS: Reason.DENIED},
        "unknown",
        LOST,
        "judgement",
        "denied",
    ),
}


@pytest.mark.parametrize(("spoiled", "name", "status", "who", "words"), CASES.values(), ids=CASES)
def test_the_class_of_a_pull_request(spoiled: World, name: str, status: str, who: str, words: str) -> None:
    """Each state of a pull request leads to its class, its status, who is needed, and its words."""
    world = readings(spoiled)
    found = judged(world)
    assert (class_of(found), found.status, need(facts(world), found)) == (name, status, who), found.reason
    assert words in found.reason


def test_every_class_and_every_need_has_a_case() -> None:
    """No class and no answer to who is needed is left without a case of its own."""
    assert {case[1] for case in CASES.values()} == set(CLASSES)
    assert {case[3] for case in CASES.values()} == set(NEEDS)


EARLY = (G.PULL_DRAFT, G.PULL_BLOCKED_BY_LABEL, G.PULL_BLOCKERS, G.PULL_MERGEABLE)
LATE = (*EARLY, G.PULL_REVIEWS, G.PULL_RULE, G.PULL_CHECKS)
NEEDED: dict[str, tuple[World, tuple[Field[Any], ...]]] = {
    "conflict": (CONFLICT, (*EARLY, G.PULL_UNMERGEABLE)),
    "waiting on review": (WAITING, LATE),
    "outdated": ({G.PULL_OUTDATED: True}, (*LATE, G.PULL_OUTDATED)),
    "ready": ({}, (*LATE, G.PULL_OUTDATED, G.PULL_AUTO_MERGE)),
}


@pytest.mark.parametrize("field", DECIDING, ids=lambda field: field.name)
@pytest.mark.parametrize("name", NEEDED)
def test_a_class_is_said_only_when_all_before_it_was_decided(name: str, field: Field[Any]) -> None:
    """Without what a class or one before it needs, the class is unknown; without anything else, it stays."""
    spoiled, needed = NEEDED[name]
    found = judged(lose(readings(spoiled), field))
    assert class_of(found) == ("unknown" if field in needed else name)
    assert (found.status is Status.UNKNOWN) is (field in needed)


def test_what_was_read_too_long_ago_makes_the_class_stale() -> None:
    """When the reviews were read longer ago than they may, the class is unknown, its status is stale, and it tells."""
    name, expired = (PULL, G.PULL_REVIEWS.name), ago(G.DETAIL.total_seconds() + 1)
    found = judged({**readings(), name: G.PULL_REVIEWS.known(PULL, ORIGIN, WELL[G.PULL_REVIEWS], expired)})
    assert (class_of(found), found.status) == ("unknown", Status.STALE)
    assert "30 min ago" in found.reason


# --- conditions ------------------------------------------------------------------------------------------------------


def told(spoiled: World) -> list[tuple[str, bool | None]]:
    return [(each.text, each.met) for each in conditions(facts(readings(spoiled)))]


def test_every_condition_is_shown_and_not_only_the_first() -> None:
    """A draft in conflict, with an objection, a failed check, a missing approval and an old base shows each of them."""
    spoiled: World = {
        G.PULL_DRAFT: True,
        G.PULL_BLOCKED_BY_LABEL: True,
        G.PULL_BLOCKERS: ("acme/tools#3", "acme/docs#4"),
        **CONFLICT,
        G.PULL_REVIEWS: (review("bob", "changes requested"), old("carol", "changes requested"), ASKED),
        G.PULL_RULE: RULE._replace(checks=("ci/*", "lint", "deploy")),
        G.PULL_CHECKS: (check("failure"), check(context="lint")),
        G.PULL_OUTDATED: True,
    }
    assert told(spoiled) == [
        ("a draft: its title says so", False),
        ("depends on acme/tools#3, acme/docs#4", False),
        ("a label says that it is blocked", False),
        ("not told of a draft whether it conflicts with its base", None),
        ("bob asks for changes", False),
        ("carol asked for changes of an older head, and has not looked again", False),
        ("ci/* has failed", False),
        ("lint has succeeded", True),
        ("deploy has not reported for 2 h", False),
        ("0 of 1 approval", False),
        ("a review by alice is waited for", False),
        ("its base has moved on", False),
    ]


def test_of_a_draft_no_conflict_is_claimed() -> None:
    """The forge says of every draft that it cannot be merged: that is no conflict, and no proof that there is none."""
    assert ("conflicts with its base", False) in told(CONFLICT)
    assert ("not told of a draft whether it conflicts with its base", None) in told({G.PULL_DRAFT: True, **CONFLICT})
    assert ("merges without a conflict", True) in told({G.PULL_DRAFT: True})


def test_what_is_met_is_shown_as_met() -> None:
    """Of a pull request that is ready every condition is shown, and met."""
    assert told({}) == [
        ("no draft", True),
        ("depends on nothing that is open", True),
        ("no label says that it is blocked", True),
        ("merges without a conflict", True),
        ("nobody asks for changes", True),
        ("ci/* has succeeded", True),
        ("1 of 1 approval", True),
        ("its base has not moved on", True),
    ]


def test_a_branch_that_asks_for_nothing_adds_no_condition() -> None:
    """Where no approval, check or fresh base is asked for, none of them is shown as if it had been met."""
    assert [text for text, _ in told({G.PULL_RULE: FREE, G.PULL_CHECKS: ()})] == [
        "no draft",
        "depends on nothing that is open",
        "no label says that it is blocked",
        "merges without a conflict",
        "nobody asks for changes",
    ]


def test_what_is_not_told_is_neither_met_nor_unmet() -> None:
    """Where a token is not told what the branch minds, the condition is not known, and says so."""
    spoiled: World = {
        G.PULL_RULE: PLAIN,
        G.PULL_OUTDATED: True,
        G.PULL_MERGEABLE: False,
        G.PULL_REVIEWS: (old("bob", "approved"), ASKED),
    }
    assert [each for each in told(spoiled) if each[1] is not True] == [
        ("cannot be merged now: a conflict, or the forge is still computing", None),
        ("0 of 1 approval; 1 more of an older head: it is not told whether it counts", None),
        ("a review by alice is waited for, not told whether it must be there", None),
        ("its base has moved on, not told whether the branch minds", None),
    ]


def test_too_few_approvals_are_too_few_whatever_is_not_told() -> None:
    """Where even the approvals of older heads would not do, it is no longer open whether they count."""
    spoiled: World = {G.PULL_REVIEWS: (old("bob", "approved"),), G.PULL_RULE: PLAIN._replace(approvals=2)}
    assert ("0 of 2 approvals; 1 more of an older head: it is not told whether it counts", False) in told(spoiled)


def test_what_could_not_be_read_is_listed_with_its_reason_beside_what_is_known() -> None:
    """While the reviews cannot be read, the failed check is still shown, and what hangs on the reviews says why."""
    spoiled: World = {G.PULL_REVIEWS: Reason.DENIED, G.PULL_CHECKS: (check("failure"),)}
    found = {each.text: each for each in conditions(facts(readings(spoiled))) if each.met is not True}
    assert [(each.id, each.met) for each in found.values()] == [
        ("no objection", None),
        ("check", False),
        ("approved", None),
        ("asked for a review", None),
    ]
    lost = next(each for text, each in found.items() if text.startswith("not known who approves of it: "))
    assert "denied: the forge did not tell" in lost.text


def test_every_condition_names_the_readings_it_follows_from() -> None:
    """Each condition carries the readings that were asked for it, known or not."""
    for spoiled in ({}, {G.PULL_RULE: Reason.TIMEOUT}, {G.PULL_REVIEWS: Reason.CORRUPT}):
        for each in conditions(facts(readings(spoiled))):
            assert each.readings, each
            assert all(reading.subject == PULL for reading in each.readings)
            assert each.met is not True or all(isinstance(reading, Known) for reading in each.readings)


# --- flags -----------------------------------------------------------------------------------------------------------

FLAGGED: dict[str, tuple[World, dict[str, str]]] = {
    "nothing to know": ({}, {}),
    "sensitive": (
        {G.PULL_FILES: RISKY},
        {"sensitive": "changes deploy/key.age (sensitive by the settings: deploy/**)"},
    ),
    "sensitive and not all listed": (
        {G.PULL_FILES: Files(9, False, (Sensitive("a", "owned", "a.*"), Sensitive("b", "protected", "b")))},
        {
            "sensitive": "changes a (owned: a.*) and 1 more",
            "files not known": "not all it changes is known: it counts as sensitive",
        },
    ),
    "files not known": (
        {G.PULL_FILES: Reason.TIMEOUT},
        {"files not known": "not all it changes is known: it counts as sensitive"},
    ),
    "stale": ({G.PULL_STIRRED_AT: LONG_AGO}, {"stale": "nobody has moved it for 5 d"}),
    "stale since it was opened": (
        {G.PULL_STIRRED_AT: None, G.PULL_OPENED_AT: LONG_AGO},
        {"stale": "nobody has moved it for 5 d"},
    ),
    "no checks": (
        {G.PULL_CHECKS: (), G.PULL_RULE: RULE._replace(checks=None)},
        {"no checks": "no check has looked at it"},
    ),
    "others fail": (
        {G.PULL_CHECKS: (check(), check("failure", "lint"))},
        {"other checks failing": "lint fails, though the branch does not ask"},
    ),
    "rule not told": (
        {G.PULL_RULE: PLAIN},
        {"rule not told": "what its branch asks for is told only to an admin of the repository"},
    ),
    "objection that does not count": (
        {G.PULL_REVIEWS: (review("bob"), review("carol", "changes requested", official=False))},
        {"objection that does not count": "carol asked for changes, which does not count for the branch"},
    ),
    "asked for a review that need not be": (
        {G.PULL_REVIEWS: (review("bob"), ASKED), G.PULL_RULE: RULE._replace(requests_block=False)},
        {"review asked for": "a review by alice was asked for, and does not keep it from being merged"},
    ),
    "auto-merge": (
        {G.PULL_AUTO_MERGE: True},
        {"auto-merge": "the forge merges it by itself as soon as it may"},
    ),
    "unprotected": ({G.PULL_RULE: FREE._replace(rejections_block=None)}, {}),
}


@pytest.mark.parametrize(("spoiled", "expected"), FLAGGED.values(), ids=FLAGGED)
def test_what_there_is_to_know_beside_the_class(spoiled: World, expected: dict[str, str]) -> None:
    """Each flag is raised by what it is about, says so in words, and rests on the readings it asked for."""
    found = flags(facts(readings(spoiled)))
    assert {each.id: each.text for each in found} == expected
    assert all(each.readings for each in found)


# --- who is waited for -----------------------------------------------------------------------------------------------

AWAITED: dict[str, tuple[World, Waits]] = {
    "draft": ({G.PULL_DRAFT: True}, Waits("author", ("north-bot",), ago(5 * HOUR))),
    "blocked": ({G.PULL_BLOCKERS: ("acme/tools#3",)}, Waits("others", ("acme/tools#3",), None)),
    "blocked, nobody knows by what": ({G.PULL_BLOCKED_BY_LABEL: True}, Waits("nobody", (), None)),
    "conflict": (CONFLICT, Waits("author", ("north-bot",), ago(600))),
    "conflict of nobody's": ({**CONFLICT, G.PULL_AUTHOR: None}, Waits("author", (), ago(600))),
    "computing": (
        {G.PULL_MERGEABLE: False, G.PULL_UNMERGEABLE: Reads(ago(30), ago(0))},
        Waits("forge", (), ago(30)),
    ),
    "changes": (
        {G.PULL_REVIEWS: (review("bob", "changes requested", ago(900)), review("alice", "changes requested", ago(60)))},
        Waits("author", ("north-bot",), ago(900)),
    ),
    "re-review": (
        {G.PULL_REVIEWS: (old("bob", "changes requested"),), **LATER},
        Waits("reviewer", ("bob",), ago(HOUR / 2), ours=True),
    ),
    "failing": (
        {G.PULL_CHECKS: (check("failure", seconds=700), check("error", "ci/test", 800))},
        Waits("author", ("north-bot",), ago(800)),
    ),
    "running": ({G.PULL_CHECKS: (check("pending", seconds=90),)}, Waits("checks", ("ci/*",), ago(90))),
    "missing": ({G.PULL_CHECKS: ()}, Waits("checks", ("ci/*",), ago(2 * HOUR))),
    "anybody's review": (NO_REVIEW, Waits("reviewer", (), ago(2 * HOUR), ours=True)),
    "a review by those who were asked": (
        {G.PULL_REVIEWS: (review("alice", "requested", ago(80)), review("team keepers", "requested", ago(90)))},
        Waits("reviewer", ("alice", "team keepers"), ago(90), ours=True),
    ),
    "a review by a bot": (
        {G.PULL_REVIEWS: (review("south-bot", "requested", ago(80), is_ours=False),)},
        Waits("reviewer", ("south-bot",), ago(80)),
    ),
    "outdated": ({G.PULL_OUTDATED: True}, Waits("author", ("north-bot",), None)),
    "merger": ({}, Waits("merger", (), ago(HOUR), ours=True)),
    "merger of what nobody must approve": (
        {**NO_REVIEW, G.PULL_RULE: FREE},
        Waits("merger", (), ago(2 * HOUR), ours=True),
    ),
    "the forge": ({G.PULL_AUTO_MERGE: True}, Waits("forge", (), None)),
    "nobody knows": ({G.PULL_DRAFT: Reason.TIMEOUT}, Waits("nobody", (), None)),
}


@pytest.mark.parametrize(("spoiled", "expected"), AWAITED.values(), ids=AWAITED)
def test_who_is_waited_for_and_since_when(spoiled: World, expected: Waits) -> None:
    """From the class follows who is waited for, by name where there is one, and since when where that is told."""
    world = readings(spoiled)
    found = judged(world)
    assert waits_for(facts(world), found) == expected
    assert found.since == expected.since
    assert expected.on in ON


def test_who_has_reviewed_is_not_waited_for() -> None:
    """One whom the forge still lists as asked, and who has approved since, is not waited for; who has not, is."""
    asked = (review("alice", "requested"), review("bob", "requested"), review("alice"))
    world = readings({G.PULL_REVIEWS: asked, G.PULL_RULE: RULE._replace(approvals=2)})
    assert waits_for(facts(world), judged(world)).who == ("bob",)


def test_an_ok_class_rests_on_all_that_was_asked_on_the_way() -> None:
    """What is said to be ready names every reading that a class before it was decided by."""
    found = judged(readings())
    names = {reading.field for reading in found.because}
    assert names >= {"draft", "blockers", "mergeable", "reviews", "checks", "rule", "outdated", "auto_merge"}
    assert all(reading.observed_at == NOW for reading in found.because if isinstance(reading, Known))


def test_heads_are_told_apart_by_their_commit() -> None:
    """An objection to the commit of now is of this head though the forge calls it stale, and the other way round."""
    stale = review("alice", "changes requested", stale=True, commit=HEAD)
    moved = review("alice", "changes requested", stale=False, commit=OLDER)
    assert judged(readings({G.PULL_REVIEWS: (stale,)})).rule == "changes requested"
    assert judged(readings({G.PULL_REVIEWS: (moved,)})).rule == "re-review"


OF_GHOSTS: dict[str, tuple[tuple[Review, ...], str]] = {
    "an approval after an objection": ((review(GHOST, "changes requested"), review(GHOST)), "changes requested"),
    "an approval after an objection to an older head": ((old(GHOST, "changes requested"), review(GHOST)), "re-review"),
    "an objection after an approval": ((review(GHOST), review(GHOST, "changes requested")), "changes requested"),
    "an approval after a request": ((review(GHOST, "requested", commit=None), review(GHOST)), "waiting on review"),
    "a dismissed objection": ((review(GHOST, "changes requested", dismissed=True), review(GHOST)), READY),
    "an objection that does not count": ((review(GHOST, "changes requested", official=False), review(GHOST)), READY),
    "an approval of somebody else": ((review(GHOST, "changes requested"), review("alice")), "changes requested"),
}


@pytest.mark.parametrize(("reviews", "name"), OF_GHOSTS.values(), ids=OF_GHOSTS.keys())
def test_of_accounts_that_are_gone_no_opinion_hides_another(reviews: tuple[Review, ...], name: str) -> None:
    """They all have one name, and may be as many people: what one approved takes no objection of another back."""
    assert class_of(judged(readings({G.PULL_REVIEWS: reviews}))) == name


def test_approvals_of_accounts_that_are_gone_count_as_those_of_one_person() -> None:
    """They may all be of one, who is counted once; an objection of each is shown."""
    two = {G.PULL_REVIEWS: (review(GHOST), review(GHOST)), G.PULL_RULE: RULE._replace(approvals=2)}
    assert class_of(judged(readings(two))) == "waiting on review"
    assert class_of(judged(readings({**two, G.PULL_REVIEWS: (review(GHOST), review("alice"))}))) == READY
    no = readings({G.PULL_REVIEWS: (review(GHOST, "changes requested"), old(GHOST, "changes requested"))})
    assert sum(each.met is False for each in conditions(facts(no)) if each.id == "no objection") == 2


def test_checks_without_a_time_are_never_said_to_be_stuck() -> None:
    """A check that runs since nobody knows when is pending."""
    spoiled: World = {G.PULL_CHECKS: (Check("ci/build", "pending", None),), G.PULL_PUSHED_AT: None}
    assert judged(readings(spoiled)).rule == "checks pending"
