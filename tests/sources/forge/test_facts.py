"""What the parts of answers mean, and what is not made of parts that were left out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from quarterdeck.sources.forge import api, facts
from quarterdeck.sources.forge.facts import Branch
from quarterdeck.sources.forge.telling import Release, release_of
from quarterdeck.truth.forge import REVIEWS_LIMIT, Check, Claim
from quarterdeck.truth.watched import Forge

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
FORGE = Forge("main", "Main", "https://git.example.com", agents={"North-Bot": "north"}, bots=("ci-bot",))


def user(login: str) -> api.User:
    """Somebody."""
    return api.User(id=7, login=login)


def review(login: str | None, state: str, **more: object) -> api.Review:
    """A review as a forge tells of it."""
    return msgspec.convert({"user": {"login": login}, "state": state, **more}, api.Review)


def test_reviews_are_told_by_who_they_are_for() -> None:
    """Agents and bots are bots, in whatever letters; where no reviewers are named, everybody else is ours."""
    told = facts.reviews(
        [review("north-bot", "APPROVED"), review("ci-bot", "COMMENT"), review("bob", "PENDING")], FORGE
    )
    assert told is not None
    assert [(each.who, each.state, each.is_bot, each.is_ours) for each in told] == [
        ("north-bot", "approved", True, False),
        ("ci-bot", "commented", True, False),
        ("bob", "pending", False, True),
    ]


def test_teams_and_accounts_that_are_gone_have_a_name() -> None:
    """A team is told as one, and a reviewer whose account is deleted as a ghost."""
    team = api.Review(team=api.Team(name="data"), state="REQUEST_REVIEW")
    told = facts.reviews([team, review("Ghost", "APPROVED", official=True), api.Review(state="APPROVED")], FORGE)
    assert told is not None
    assert [(each.who, each.is_team) for each in told] == [("team data", True), ("ghost", False), ("ghost", False)]


def test_of_too_many_reviews_only_those_that_decide_are_held() -> None:
    """Comments are left out when there are too many; when those that decide are too many, nothing is made up."""
    comments = [review("bob", "COMMENT")] * REVIEWS_LIMIT
    told = facts.reviews([*comments, review("bob", "REQUEST_CHANGES")], FORGE)
    assert told is not None
    assert [each.state for each in told] == ["changes requested"]
    assert facts.reviews([review("bob", "APPROVED")] * (REVIEWS_LIMIT + 1), FORGE) is None


@pytest.mark.parametrize("part", ["official", "stale", "dismissed"])
def test_of_a_review_it_has_to_be_told_whether_it_counts(part: str) -> None:
    """A part that is missing or null is not taken for no: an approval may be dismissed, an objection official."""
    whole = {"official": True, "stale": False, "dismissed": False}
    assert facts.says_what_counts(review("bob", "APPROVED", **whole))
    assert not facts.says_what_counts(review("bob", "APPROVED", **{**whole, part: None}))


def test_the_newest_status_of_a_context_counts() -> None:
    """A context may stand there twice: the one that was made last is told."""
    old, new = api.CommitStatus(1, "ci", "success", NOW), api.CommitStatus(2, "ci", "failure", NOW)
    assert facts.checks([new, old]) == facts.checks([old, new]) == (Check("ci", "failure", NOW),)
    assert facts.checks([]) == ()
    assert facts.checks([api.CommitStatus(number, f"c{number}", "success", NOW) for number in range(201)]) is None


def entry(kind: str, hours: int, login: str = "bob") -> api.TimelineEntry:
    """Something that was done some hours after the beginning."""
    return api.TimelineEntry(type=kind, user=user(login), created_at=NOW + timedelta(hours=hours))


def test_a_timeline_tells_who_stirred_it_and_whether_it_is_to_be_merged() -> None:
    """Bots of the settings stir nothing, agents do; the newest word about merging counts; a push is the newest one."""
    told = [entry("pull_push", 1), entry("pull_scheduled_merge", 2), entry("comment", 3, "north-bot"),
            entry("comment", 9, "CI-bot")]  # fmt: skip
    deeds = facts.deeds(told, NOW, FORGE.bots)
    assert deeds == (NOW + timedelta(hours=3), NOW + timedelta(hours=1), True, False)
    deeds = facts.deeds([*told, entry("pull_cancel_scheduled_merge", 10), entry("add_dependency", 11)], NOW, ())
    assert (deeds.auto_merge, deeds.depends) == (False, True)
    assert facts.deeds([], NOW, ()) == (NOW, NOW, False, False)


def test_only_what_is_open_blocks() -> None:
    """Closed things block nothing; one that has no number leaves it open what blocks."""
    near = api.Issue(number=3, state="open")
    far = api.Issue(number=4, state="open", repository=api.RepositoryName(full_name="acme/site"))
    assert facts.blockers([near, far, api.Issue(number=5, state="closed")], "acme/tools") == (
        "acme/tools#3",
        "acme/site#4",
    )
    assert facts.blockers([api.Issue(state="open")], "acme/tools") is None


@pytest.mark.parametrize(
    "told",
    [api.Branch("main"), api.Branch("main", protected=True), api.Branch("main", protected=True, required_approvals=1)],
)
def test_a_rule_that_is_not_told_is_not_made_up(told: api.Branch) -> None:
    """Without any of its parts there is no rule, and not one that asks for nothing."""
    assert facts.branch(told).rule is None


def test_a_branch_without_a_rule_asks_for_nothing() -> None:
    """That nothing is protected is told whole."""
    rule = facts.branch(api.Branch("main", protected=False)).rule
    assert rule is not None
    assert (rule.protected, rule.approvals, rule.checks, rule.whole) == (False, 0, None, True)


def test_a_claim_at_the_end_of_the_trunk_names_nobody() -> None:
    """Whose commit it is says nothing of who claims, as long as it is one of the trunk."""
    branches = {"claim/3": Branch("a", NOW, "bob", None, ""), "claim/4": Branch("b", NOW, "bob", None, "")}
    assert dict(facts.claims(branches.items(), "claim/{number}", frozenset({"a"}))) == {
        3: Claim("claim/3", None, None),
        4: Claim("claim/4", NOW, "bob"),
    }


@pytest.mark.parametrize(
    "name", [None, "", "acme", "acme/", "/tools", "a/b/c", "acme/to ols", "-acme/tools", "a/" + "b" * 101]
)
def test_a_name_that_can_be_none_is_passed_over(name: str | None) -> None:
    """The name of a repository becomes part of ids: what would lead elsewhere is not taken."""
    assert facts.repo(api.Repository(full_name=name)) is None


def test_things_without_a_number_or_a_state_are_passed_over() -> None:
    """Nothing is guessed: not a number, and not whether it is open."""
    assert facts.pull(api.PullRequest(number=0), "acme/tools", FORGE) is None
    assert facts.card(api.Issue(number=3)) is None
    assert facts.card(api.Issue(state="open")) is None


def test_what_was_left_out_of_a_pull_request_is_none() -> None:
    """Head, base, whether it can be merged and whether it is outdated are not told; its title says it is a draft."""
    row = facts.pull(api.PullRequest(number=3, title="WIP: try"), "acme/tools", FORGE)
    assert row is not None
    assert (row.head, row.base, row.mergeable, row.outdated, row.draft, row.item.author) == (
        None, None, None, None, True, None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("said", "release"),
    [
        ("1.25.3", Release("gitea", True)), ("1.19.0", Release("gitea", False)), ("v1.20", Release("gitea", True)),
        ("11.0.3+gitea-1.22.0", Release("forgejo", True)), ("16.0.2", Release("forgejo", True)),
        ("17.0.0", Release("forgejo", False)), ("next", None), ("", None),
    ],
)  # fmt: skip
def test_the_release_says_which_of_the_two_it_is(said: str, release: Release | None) -> None:
    """Gitea counts 1.x; Forgejo counts from 7 on, with or without the one it was made from."""
    assert release_of(said) == release
