"""What is said of a forge, of the token it is asked with, of its repositories, and of its two queues."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quarterdeck.truth import forge
from quarterdeck.truth import forge_fields as G  # noqa: N812
from quarterdeck.truth.fields import FIELDS, Field, kind_of
from quarterdeck.truth.findings import Severity, severity_of
from quarterdeck.truth.judgement import Activity, Judgement, Status
from quarterdeck.truth.reading import AnyReading, Key, Knowledge, Reason
from quarterdeck.truth.tables import TABLES, judge_subject
from quarterdeck.truth.thresholds import Thresholds
from tests.truth.cast import NOW, ON_FORGE, ORIGIN, ago, any_reading, place

World = Mapping[Field[Any], object]

WELL: Final[World] = {
    G.FORGE_LABEL: "Main forge",
    G.FORGE_ANSWERS: "yes",
    G.FORGE_LAST_ANSWER_AT: ago(20),
    G.FORGE_SAID: None,
    G.FORGE_RELEASE: "1.25.3",
    G.FORGE_FLAVOUR: "gitea",
    G.FORGE_KNOWN_RELEASE: True,
    G.FORGE_CLOCK_AHEAD: 0.4,
    G.FORGE_DEBTS: 0,
    G.FORGE_RESTS_UNTIL: None,
    G.FORGE_REPOS: 7,
    G.FORGE_WHOLE: True,
    G.TOKEN_LOGIN: "deck-bot",
    G.TOKEN_ADMIN: False,
    G.TOKEN_HUMAN: False,
    G.TOKEN_SCOPES: ("read:issue", "read:organization", "read:repository"),
    G.TOKEN_EXCESS: (),
    G.TOKEN_MISSING: (),
    G.REPO_STATE: "there",
    G.REPO_SAID: None,
    G.OPEN_PULLS: 3,
    G.OPEN_ISSUES: 1,
    G.PULLS_WHOLE: True,
    G.ISSUES_WHOLE: True,
    G.REVIEWS_OPEN: 12,
    G.REVIEWS_YOURS: (),
    G.REVIEWS_LONG: (),
    G.REVIEWS_OLDEST_AT: None,
    G.REVIEWS_BY_CLASS: {"ready": 2, "draft": 10},
    G.REVIEWS_UNKNOWN: 0,
    G.REVIEWS_WHOLE: True,
    G.BOARD_LANES: {"unassigned": 30, "in progress": 4, "blocked": 0},
    G.BOARD_AMBIGUOUS: 0,
    G.BOARD_SILENT: (),
    G.BOARD_STUCK: (),
    G.BOARD_STILL: (),
    G.BOARD_UNKNOWN: 0,
    G.BOARD_WHOLE: True,
}
"""A forge that answers, with one repository, and nothing that waits."""
REFS: Final = ("acme/tools#12", "acme/tools#7", "acme/docs#3", "acme/docs#4")
SAID: Final = "GET /api/v1/repos/search 403: token does not have at least one of the required scopes"


def readings(spoiled: World) -> dict[Key, AnyReading]:
    found: dict[Key, AnyReading] = {}
    for field, value in {**WELL, **spoiled}.items():
        name = place(field)
        found[name, field.name] = (
            field.unavailable(name, ORIGIN, value, "the forge did not tell", NOW)
            if isinstance(value, Reason)
            else field.known(name, ORIGIN, value, NOW)
        )
    return found


def judged(kind: str, spoiled: World) -> Judgement:
    return judge_subject(ON_FORGE[kind], readings(spoiled), NOW, Thresholds())


FORGE: dict[str, tuple[World, Status, str, str]] = {
    "well": ({}, Status.OK, "answers", "gitea 1.25.3 answers, 7 repositories"),
    "still reading": ({G.FORGE_DEBTS: 1}, Status.OK, "answers", "7 repositories, 1 detail still to be read"),
    "too new": ({G.FORGE_KNOWN_RELEASE: False}, Status.OK, "answers", "a release this was not made for"),
    "release not known": (
        {G.FORGE_RELEASE: Reason.MISSING, G.FORGE_FLAVOUR: Reason.MISSING},
        Status.OK,
        "answers",
        "the forge answers",
    ),
    "nothing is told of the token": (
        dict.fromkeys((G.TOKEN_LOGIN, G.TOKEN_ADMIN, G.TOKEN_HUMAN, G.TOKEN_SCOPES, G.TOKEN_EXCESS)),
        Status.OK,
        "answers",
        "answers",
    ),
    "refuses": ({G.FORGE_ANSWERS: "refused"}, Status.DOWN, "silent", "nothing listens there"),
    "silent": ({G.FORGE_ANSWERS: "no answer"}, Status.DOWN, "silent", "gives no answer in time"),
    "cut off": ({G.FORGE_ANSWERS: "cut off"}, Status.DOWN, "silent", "breaks the connection off"),
    "tls": ({G.FORGE_ANSWERS: "tls"}, Status.DOWN, "silent", "cannot be trusted"),
    "not http": ({G.FORGE_ANSWERS: "not http"}, Status.DOWN, "silent", "not HTTP"),
    "not a forge": ({G.FORGE_ANSWERS: "not a forge"}, Status.DOWN, "silent", "not as a forge does"),
    "errors": (
        {G.FORGE_ANSWERS: "failing", G.FORGE_SAID: "GET /api/v1/version 502: bad gateway"},
        Status.DOWN,
        "silent",
        "answers with errors of its own: GET /api/v1/version 502: bad gateway",
    ),
    "silent, and nothing known of the token": (
        {G.FORGE_ANSWERS: "no answer", **dict.fromkeys((G.TOKEN_MISSING, G.TOKEN_ADMIN), Reason.TIMEOUT)},
        Status.DOWN,
        "silent",
        "gives no answer in time",
    ),
    "denied": (
        {G.FORGE_ANSWERS: "denied", G.FORGE_SAID: SAID},
        Status.DEGRADED,
        "denied",
        f"does not take the token: {SAID}",
    ),
    "name cannot be looked up": ({G.FORGE_ANSWERS: Reason.OBSERVER}, Status.UNKNOWN, "doubt", "observer"),
    "asks for rest": (
        {G.FORGE_RESTS_UNTIL: ago(-300)},
        Status.DEGRADED,
        "resting",
        "asked not to be asked for another 5 min",
    ),
    "has rested": ({G.FORGE_RESTS_UNTIL: ago(1)}, Status.OK, "answers", "answers"),
    "token lacks a scope": (
        {G.TOKEN_MISSING: ("read:issue",)},
        Status.DEGRADED,
        "token lacks scopes",
        "the token lacks read:issue",
    ),
    "token of an admin": (
        {G.TOKEN_ADMIN: True, G.TOKEN_LOGIN: "alice"},
        Status.DEGRADED,
        "token of an admin",
        "the token is of an admin of the site, alice",
    ),
    "token too wide": (
        {G.TOKEN_EXCESS: ("write:repository", "all")},
        Status.DEGRADED,
        "token too wide",
        "the token reaches further than reading: write:repository, all",
    ),
    "token of a person": (
        {G.TOKEN_HUMAN: True, G.TOKEN_LOGIN: "alice"},
        Status.DEGRADED,
        "token of a person",
        "the token is of a person, alice, where a machine should have its own",
    ),
    "all of it at once": (
        {G.TOKEN_HUMAN: True, G.TOKEN_ADMIN: True, G.TOKEN_EXCESS: ("sudo",), G.TOKEN_LOGIN: None},
        Status.DEGRADED,
        "token of an admin",
        "not name; the token reaches further than reading: sudo; the token is of a person, somebody it does not name,",
    ),
    "scopes not known": ({G.TOKEN_EXCESS: Reason.TIMEOUT}, Status.UNKNOWN, "doubt", "timeout"),
    "clock ahead": (
        {G.FORGE_CLOCK_AHEAD: 600.0},
        Status.DEGRADED,
        "clock is off",
        "its clock is 10 min ahead of ours: ages are wrong by as much",
    ),
    "clock behind": ({G.FORGE_CLOCK_AHEAD: -600.0}, Status.DEGRADED, "clock is off", "10 min behind ours"),
}


@pytest.mark.parametrize(("spoiled", "status", "rule", "words"), FORGE.values(), ids=FORGE)
def test_what_is_said_of_a_forge(spoiled: World, status: Status, rule: str, words: str) -> None:
    """Each state of a forge and of the token leads to its status and its words."""
    found = judged("forge", spoiled)
    assert (found.status, found.rule) == (status, rule), found.reason
    assert words in found.reason


def test_a_silent_forge_says_since_when_and_one_that_rests_is_limited() -> None:
    """What is down counts from the last answer; what asked for rest is no trouble of its own making."""
    assert judged("forge", {G.FORGE_ANSWERS: "refused"}).since == ago(20)
    assert judged("forge", {G.FORGE_RESTS_UNTIL: ago(-300)}).activity is Activity.RATE_LIMITED


REPO: dict[str, tuple[World, Status, str]] = {
    "there": ({}, Status.OK, "3 pull requests and 1 issue open"),
    "gone": (
        {G.REPO_STATE: "gone", G.REPO_SAID: "404: not found"},
        Status.UNKNOWN,
        "is gone, or is not shown to this token any more: 404: not found",
    ),
    "denied": ({G.REPO_STATE: "denied"}, Status.UNKNOWN, "may not be read with this token"),
    "failing": ({G.REPO_STATE: "failing"}, Status.UNKNOWN, "could not be read"),
    "gone, and nothing else known": (
        {G.REPO_STATE: "gone", G.REPO_SAID: Reason.MISSING, G.PULLS_WHOLE: Reason.MISSING},
        Status.UNKNOWN,
        "is gone, or is not shown",
    ),
    "list torn": ({G.PULLS_WHOLE: False}, Status.UNKNOWN, "list of pull requests was not whole"),
    "other list torn": ({G.ISSUES_WHOLE: False}, Status.UNKNOWN, "list of issues was not whole"),
    "both torn": (
        {G.PULLS_WHOLE: False, G.ISSUES_WHOLE: False},
        Status.UNKNOWN,
        "list of pull requests and of issues was not whole",
    ),
    "not read": ({G.OPEN_ISSUES: Reason.TIMEOUT}, Status.UNKNOWN, "timeout"),
}


@pytest.mark.parametrize(("spoiled", "status", "words"), REPO.values(), ids=REPO)
def test_what_is_said_of_a_repository(spoiled: World, status: Status, words: str) -> None:
    """A repository that cannot be read is unknown, with what the forge said, and never gone for sure."""
    found = judged("repo", spoiled)
    assert found.status is status
    assert words in found.reason


def test_an_archived_repository_counts_no_longer() -> None:
    """What was archived is known, and is retired."""
    found = judged("repo", {G.REPO_STATE: "archived", G.PULLS_WHOLE: Reason.MISSING})
    assert (found.status, found.knowledge) == (Status.OK, Knowledge.RETIRED)


REVIEWS: dict[str, tuple[World, Status, str, str]] = {
    "calm": ({}, Status.OK, "calm", "12 pull requests open, none for your judgement"),
    "for you": (
        {G.REVIEWS_YOURS: REFS, G.REVIEWS_OLDEST_AT: ago(900)},
        Status.OK,
        "waiting for you",
        "4 of 12 pull requests for your judgement: acme/tools#12, acme/tools#7, acme/docs#3 and 1 more",
    ),
    "too long": (
        {G.REVIEWS_YOURS: REFS, G.REVIEWS_LONG: REFS[:1]},
        Status.DEGRADED,
        "waiting too long",
        "1 pull request has waited for your judgement for over 24 h: acme/tools#12",
    ),
    "too long, and some unknown": (
        {G.REVIEWS_LONG: REFS[:2], G.REVIEWS_UNKNOWN: 3},
        Status.DEGRADED,
        "waiting too long",
        "acme/tools#12, acme/tools#7; 3 of 12 pull requests cannot be judged now",
    ),
    "some unknown": (
        {G.REVIEWS_UNKNOWN: 1},
        Status.UNKNOWN,
        "not judged",
        "1 of 12 pull requests cannot be judged now",
    ),
    "some unknown, of nobody knows how many": (
        {G.REVIEWS_UNKNOWN: 3, G.REVIEWS_OPEN: Reason.TIMEOUT},
        Status.UNKNOWN,
        "not judged",
        "3 pull requests cannot be judged now",
    ),
    "not whole": (
        {G.REVIEWS_WHOLE: False, G.REVIEWS_YOURS: Reason.MISSING},
        Status.UNKNOWN,
        "not whole",
        "none is known to be for your judgement, and there may be more",
    ),
    "not whole, and one for you": (
        {G.REVIEWS_WHOLE: False, G.REVIEWS_YOURS: REFS[:1]},
        Status.UNKNOWN,
        "not whole",
        "one is known to be for your judgement, and there may be more: acme/tools#12",
    ),
    "not whole, and some for you": (
        {G.REVIEWS_WHOLE: False, G.REVIEWS_YOURS: REFS},
        Status.UNKNOWN,
        "not whole",
        "4 are known to be for your judgement, and there may be more: acme/tools#12",
    ),
    "not known": ({G.REVIEWS_LONG: Reason.TIMEOUT}, Status.UNKNOWN, "doubt", "timeout"),
}


@pytest.mark.parametrize(("spoiled", "status", "rule", "words"), REVIEWS.values(), ids=REVIEWS)
def test_what_is_said_of_all_pull_requests_together(spoiled: World, status: Status, rule: str, words: str) -> None:
    """The queue names the first that wait; it is not well while any of them cannot be judged or may be missing."""
    found = judged("reviews", spoiled)
    assert (found.status, found.rule) == (status, rule)
    assert words in found.reason


def test_the_queue_waits_since_the_first_of_them_waits() -> None:
    """What waits for the operator says since when the first of it does."""
    assert judged("reviews", {G.REVIEWS_YOURS: REFS, G.REVIEWS_OLDEST_AT: ago(900)}).since == ago(900)


BOARD: dict[str, tuple[World, Status, str, str]] = {
    "well": ({}, Status.OK, "well", "30 unassigned, 4 in progress"),
    "empty": ({G.BOARD_LANES: {}}, Status.OK, "well", "no cards"),
    "silent": (
        {G.BOARD_SILENT: REFS},
        Status.DEGRADED,
        "blocked in silence",
        "4 cards are blocked, and nothing says by what: acme/tools#12, acme/tools#7, acme/docs#3 and 1 more",
    ),
    "stuck": (
        {G.BOARD_STUCK: REFS[:1]},
        Status.DEGRADED,
        "ready and stuck",
        "1 card is said to be ready, and cannot be begun: acme/tools#12",
    ),
    "still": (
        {G.BOARD_STILL: REFS[:1]},
        Status.DEGRADED,
        "in progress and still",
        "1 card in progress that nobody has moved for too long: acme/tools#12",
    ),
    "ambiguous": ({G.BOARD_AMBIGUOUS: 2}, Status.DEGRADED, "ambiguous", "2 cards whose signals do not agree"),
    "several": (
        {G.BOARD_STUCK: REFS[:1], G.BOARD_AMBIGUOUS: 1, G.BOARD_UNKNOWN: 5},
        Status.DEGRADED,
        "ready and stuck",
        "acme/tools#12; 1 card whose signals do not agree; 5 cards cannot be placed now",
    ),
    "unknown": ({G.BOARD_UNKNOWN: 5}, Status.UNKNOWN, "not placed", "5 cards cannot be placed now"),
    "not whole": ({G.BOARD_WHOLE: False}, Status.UNKNOWN, "not whole", "there may be more"),
    "not known": ({G.BOARD_SILENT: Reason.CORRUPT}, Status.UNKNOWN, "doubt", "corrupt"),
}


@pytest.mark.parametrize(("spoiled", "status", "rule", "words"), BOARD.values(), ids=BOARD)
def test_what_is_said_of_all_cards_together(spoiled: World, status: Status, rule: str, words: str) -> None:
    """The board names the first that need somebody; it is not well while a card cannot be placed or may be missing."""
    found = judged("board", spoiled)
    assert (found.status, found.rule) == (status, rule)
    assert words in found.reason


KINDS: Final = ("forge", "repo", "reviews", "board")


@pytest.mark.parametrize(
    "field", [each for each in WELL if each.of in KINDS], ids=lambda each: f"{each.of}.{each.name}"
)
def test_to_lose_any_fact_never_makes_trouble_well(field: Field[Any]) -> None:
    """Take any fact away from any state that is not well: it does not become well by it."""
    for kind, cases in (("forge", FORGE), ("repo", REPO), ("reviews", REVIEWS), ("board", BOARD)):
        for name, (spoiled, status, *_) in cases.items():
            lost = judged(kind, {**spoiled, field: Reason.TIMEOUT}).status
            assert status is Status.OK or lost is not Status.OK, (kind, name)


@settings(max_examples=200, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_any_readings_at_all_are_judged(data: st.DataObject) -> None:
    """Whatever is read of a forge, a repository or a queue, it is judged in words, and ok only without doubt."""
    world = readings({})
    fields = [each for each in FIELDS.values() if each.of in KINDS]
    for field in data.draw(st.lists(st.sampled_from(fields), max_size=10)):
        world[place(field), field.name] = data.draw(any_reading(field, place(field)))
    for kind in KINDS:
        found = judge_subject(ON_FORGE[kind], world, NOW, Thresholds())
        assert found.reason
        assert found.status is not Status.OK or not found.doubts


def test_every_kind_on_a_forge_has_its_table_and_its_id() -> None:
    """The ids on a forge tell their kinds, and a ref is written as people write it."""
    for kind, name in ON_FORGE.items():
        assert kind_of(name) == kind
        assert kind in TABLES
    assert forge.ref_of(ON_FORGE["pull"]) == "acme/tools#12"
    assert forge.repo_of(ON_FORGE["card"]) == "acme/tools"


def test_what_weighs_less_than_trouble() -> None:
    """A person's token, and cards that are unclear, are told and alarm nobody; a forge that is down does."""
    assert severity_of("forge", "token of a person", Status.DEGRADED) is Severity.INFO
    assert severity_of("board", "ambiguous", Status.DEGRADED) is Severity.INFO
    assert severity_of("forge", "token too wide", Status.DEGRADED) is Severity.WARN
    assert severity_of("forge", "silent", Status.DOWN) is Severity.CRITICAL
