"""A forge that fails, lies, forgets and hides: typed reasons, the last known as old, and nothing that goes unsaid."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from quarterdeck.demo.forge.faults import Fault
from quarterdeck.truth import forge_fields as G  # noqa: N812 -- short where every line names a field
from quarterdeck.truth.judgement import Facts, Status, judge
from quarterdeck.truth.reading import Known, Reason, Unavailable
from quarterdeck.truth.tables import TABLES
from tests.fakes.forge import FakeForge
from tests.sources.forge.looking import MINUTE, Watch, watched

PULL, CARD, REPO = "/pull/acme/tools/{}", "/card/acme/tools/{}", "/repo/acme/tools"


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[FakeForge]:
    """A forge with an issue and two pull requests, in which nothing happened for an hour."""
    with FakeForge(tmp_path / "forge") as made:
        made.stand_still(datetime.now(UTC) - timedelta(hours=1))
        issue = made.issue("Count")
        made.pull("Change", f"Closes #{issue.number}")
        made.pull("Other change")
        made.forge.clock = lambda: datetime.now(UTC) - timedelta(minutes=30)
        yield made


DOWN = [
    (Fault("status", 401), "denied", Reason.DENIED),
    (Fault("status", 403), "denied", Reason.DENIED),
    (Fault("status", 404), "not a forge", Reason.MISSING),
    (Fault("status", 500), "failing", Reason.BUSY),
    (Fault("status", 502), "failing", Reason.BUSY),
    (Fault("status", 503), "failing", Reason.BUSY),
    (Fault("status", 302), "not a forge", Reason.MISSING),
    (Fault("html"), "not a forge", Reason.SCHEMA),
    (Fault("garbage"), "not a forge", Reason.CORRUPT),
    (Fault("wrong"), "not a forge", Reason.SCHEMA),
    (Fault("truncated"), "cut off", Reason.CORRUPT),
    (Fault("silent"), "no answer", Reason.TIMEOUT),
]


@pytest.mark.parametrize(
    ("fault", "outcome", "reason"), DOWN, ids=[f"{each[0].manner} {each[0].status}" for each in DOWN]
)
def test_a_forge_that_is_down_leaves_old_rows_and_no_gaps(
    fake: FakeForge, tmp_path: Path, fault: Fault, outcome: str, reason: Reason
) -> None:
    """What came of asking is known; all else is unknown for that reason, with what was known last; then it is back."""
    seen = Watch(watched(fake, tmp_path)).look()
    subjects = set(seen.held.subjects)
    fake.forge.faults.add(fault)
    seen.look()
    assert set(seen.held.subjects) == subjects
    assert seen.known("", G.FORGE_ANSWERS) == outcome
    assert "GET /repos/search" in seen.known("", G.FORGE_SAID)
    for key, each in seen.held.items():
        if "/pull/" in key[0] or "/card/" in key[0]:
            assert isinstance(each, Unavailable), key
            assert (each.reason, each.last is not None) == (reason, True)
    assert seen.why(REPO, G.REPO_STATE).reason is reason
    fake.forge.faults.clear()
    seen.look(timedelta(hours=2))
    assert seen.known("", G.FORGE_ANSWERS) == "yes"
    assert not [key for key, each in seen.held.items() if not isinstance(each, Known)]


def test_a_forge_that_was_never_seen_is_told_of_all_the_same(fake: FakeForge, tmp_path: Path) -> None:
    """Before a first answer the forge is known not to answer, and nothing is known of what it holds."""
    fake.forge.faults.add(Fault("cut"))
    seen = Watch(watched(fake, tmp_path)).look()
    assert (seen.known("", G.FORGE_ANSWERS), seen.known("", G.FORGE_LAST_ANSWER_AT)) == ("cut off", None)
    assert set(seen.held.subjects) == {"forge:main"}
    assert seen.why("", G.FORGE_REPOS).last is None


def test_one_request_fails_and_takes_no_other_with_it(fake: FakeForge, tmp_path: Path) -> None:
    """Reviews of one pull request that cannot be read are unknown in the forge's words; they are tried again."""
    fake.forge.faults.add(Fault("status", 500, "pulls/2/reviews"))
    seen = Watch(watched(fake, tmp_path)).look()
    lost = [key for key, each in seen.held.items() if not isinstance(each, Known)]
    assert lost == [("forge:main/pull/acme/tools/2", G.PULL_REVIEWS.name)]
    why = seen.why(PULL.format(2), G.PULL_REVIEWS)
    assert (why.reason, "GET /repos/acme/tools/pulls/2/reviews: 500" in why.detail) == (Reason.BUSY, True)
    assert "/pulls/2/reviews" in seen.known("", G.FORGE_SAID)
    assert seen.known("", G.FORGE_ANSWERS) == "yes"
    fake.forge.faults.clear()
    seen.look()
    assert seen.known(PULL.format(2), G.PULL_REVIEWS) == ()
    assert seen.known("", G.FORGE_SAID) is None


@pytest.mark.parametrize(
    "part", ["issues/search", "pulls", "branches", "status", "timeline", "files", "contents", "version", "settings"]
)
def test_each_part_may_fail_for_itself(fake: FakeForge, tmp_path: Path, part: str) -> None:
    """Whatever question fails, the forge answers, no row is lost, and the next good look makes all known again."""
    seen = Watch(watched(fake, tmp_path)).look()
    fake.forge.faults.add(Fault("status", 500, part))
    fresh = Watch(watched(fake, tmp_path)).look()
    seen.look(timedelta(hours=4))
    for each in (seen, fresh):
        assert each.known("", G.FORGE_ANSWERS) == "yes"
    assert seen.numbers("pull") == {2, 3}
    assert seen.numbers("card") == {1}
    fake.forge.faults.clear()
    for each in (seen, fresh):
        each.look(timedelta(hours=4))
        each.look()
        assert each.numbers("pull") == {2, 3}
        assert each.known(PULL.format(2), G.PULL_FILES).total == 1
        assert not [key for key, one in each.held.items() if not isinstance(one, Known)]


def test_a_forge_that_asks_for_patience_is_given_it(fake: FakeForge, tmp_path: Path) -> None:
    """After a 429 nothing is asked until its time is over, also not by the rest of the look; then all goes on."""
    seen = Watch(watched(fake, tmp_path)).look()
    fake.forge.faults.add(Fault("status", 429, "", 1, "300"))
    before = len(fake.asked)
    seen.look()
    until = seen.known("", G.FORGE_RESTS_UNTIL)
    assert (until - seen.now, len(fake.asked) - before) == (timedelta(seconds=300), 1)
    for _ in range(3):
        seen.look()
    assert len(fake.asked) - before == 1
    assert seen.known("", G.FORGE_ANSWERS) == "failing"
    assert seen.why(PULL.format(2), G.PULL_TITLE).last is not None
    seen.look(2 * MINUTE)
    assert (seen.known("", G.FORGE_ANSWERS), seen.known("", G.FORGE_RESTS_UNTIL)) == ("yes", None)


def verdict(seen: Watch, subject: str = "", kind: str = "forge") -> tuple[str, Status]:
    """What is said of a subject."""
    said = judge(TABLES[kind], Facts(f"forge:main{subject}", seen.held, seen.now))
    return said.rule, said.status


def test_a_forge_that_is_asked_too_often_rests_and_is_not_down(fake: FakeForge, tmp_path: Path) -> None:
    """A 429 to the first question is a rest, as long as it takes; what cannot serve is down, also when it says when."""
    seen = Watch(watched(fake, tmp_path)).look()
    fake.forge.faults.add(Fault("status", 429, "repos/search", retry_after="1800"))
    for _ in range(20):
        seen.look()
        assert verdict(seen) == ("resting", Status.DEGRADED)
    assert isinstance(seen.reading("", G.FORGE_WHOLE), Unavailable)
    fake.forge.faults.clear()
    fake.forge.faults.add(Fault("status", 503, "repos/search", retry_after="1800"))
    seen.look(timedelta(minutes=15))
    assert verdict(seen) == ("silent", Status.DOWN)
    before = len(fake.asked)
    seen.look()
    assert len(fake.asked) == before


def test_an_answer_that_comes_later_does_not_take_patience_back(fake: FakeForge, tmp_path: Path) -> None:
    """How long a forge asked to be left alone holds, also when it answered other questions of that look."""
    fake.forge.faults.add(Fault("status", 429, "version", 1, "600"))
    seen = Watch(watched(fake, tmp_path)).look()
    assert seen.known("", G.FORGE_RESTS_UNTIL) == seen.now + timedelta(seconds=600)
    assert verdict(seen) == ("resting", Status.DEGRADED)
    before = len(fake.asked)
    for _ in range(9):
        seen.look()
    assert len(fake.asked) == before
    seen.look()
    assert len(fake.asked) > before
    assert seen.known("", G.FORGE_RESTS_UNTIL) is None


def test_what_always_fails_is_asked_for_the_more_seldom(fake: FakeForge, tmp_path: Path) -> None:
    """A detail, a list of branches, and the lists of a repository that are refused starve nothing, and are not left."""
    shut = fake.repo("shut")
    fake.issue("Elsewhere", repo=shut)
    for path in ("pulls/2/files", "tools/branches"):
        fake.forge.faults.add(Fault("status", 500, path))
    fake.forge.faults.add(Fault("status", 403, "repos/acme/shut"))
    seen = Watch(watched(fake, tmp_path)).look()
    before = len(fake.asked)
    for _ in range(120):
        seen.look()
    asked = fake.asked[before:]
    for part in ("tools/branches", "shut/pulls", "shut/branches"):
        assert 4 <= len([path for path in asked if part in path]) <= 12, part
    fake.forge.faults.clear()
    for _ in range(31):
        seen.look()
    assert not [key for key, each in seen.held.items() if not isinstance(each, Known)]


def test_a_detail_that_always_fails_leaves_the_tours_their_part(fake: FakeForge, tmp_path: Path) -> None:
    """A draft whose files are never told, in looks that have no end of lists, keeps no check from being read again."""
    fake.pull("WIP: change")
    for number in range(6):
        fake.repo(f"place-{number}")
    fake.forge.faults.add(Fault("status", 500, "pulls/4/files"))
    seen = Watch(watched(fake, tmp_path, calls=12)).look()
    for _ in range(30):
        seen.look(timedelta(seconds=seen.source.every_s))
    before = len(fake.asked)
    for _ in range(30):
        assert seen.source.every_s == 60
        seen.look()
        checks = seen.reading(PULL.format(2), G.PULL_CHECKS)
        assert isinstance(checks, Known)
        assert seen.now - checks.observed_at <= timedelta(minutes=15)
    assert len([path for path in fake.asked[before:] if "pulls/4/files" in path]) <= 3


def test_a_repository_that_is_hidden_loses_its_own_rows_only(fake: FakeForge, tmp_path: Path) -> None:
    """Its rows are unknown with what was known; the others stay; after a day nobody speaks of it any more."""
    site = fake.repo("site")
    fake.pull("Elsewhere", repo=site)
    fake.issue("Elsewhere", repo=site)
    seen = Watch(watched(fake, tmp_path)).look()
    site.hidden = True
    seen.look()
    assert seen.known("/repo/acme/site", G.REPO_STATE) == "gone"
    lost = {key[0] for key, each in seen.held.items() if isinstance(each, Unavailable) and each.last is not None}
    assert lost == {f"forge:main/{kind}/acme/site{n}" for kind, n in (("pull", "/1"), ("card", "/2"), ("repo", ""))}
    assert seen.why("/pull/acme/site/1", G.PULL_TITLE).reason is Reason.MISSING
    assert seen.known(PULL.format(2), G.PULL_TITLE) == "Change"
    site.hidden = False
    seen.look()
    assert seen.known("/pull/acme/site/1", G.PULL_TITLE) == "Elsewhere"
    site.hidden = True
    seen.look()
    seen.look(timedelta(hours=25))
    assert not [name for name in seen.held.subjects if "acme/site" in name]


def with_clock(fake: FakeForge) -> list[datetime]:
    """Have a forge go by a clock that is moved by hand."""
    clock = [datetime.now(UTC) - timedelta(hours=5)]
    fake.forge.clock = lambda: clock[0]
    return clock


def minutes(seen: Watch, clock: list[datetime], many: int) -> None:
    """Look once a minute, by both clocks."""
    for _ in range(many):
        clock[0] += MINUTE
        seen.look()


@pytest.mark.parametrize("away", ["hidden", "archived"])
def test_a_repository_that_is_there_again_is_read_anew(fake: FakeForge, tmp_path: Path, away: str) -> None:
    """What moved in it meanwhile is seen in the look in which it is back, and nothing is known that was not read."""
    fake.issue("Elsewhere", repo=fake.repo("other"))
    clock, by = with_clock(fake), fake.by(fake.alice)
    gone, issue, thread = fake.issue("Closed meanwhile"), fake.tools.threads[1], fake.tools.threads[2]
    seen = Watch(watched(fake, tmp_path)).look()
    minutes(seen, clock, 15)
    setattr(fake.tools, away, True)
    minutes(seen, clock, 1)
    by.edit(issue, title="Other words")
    by.close(gone)
    fake.by(fake.bob).review(thread, "REQUEST_CHANGES")
    minutes(seen, clock, 60)
    setattr(fake.tools, away, False)
    fake.forge.faults.add(Fault("status", 500, "tools/(issues|pulls|branches)", 3))
    minutes(seen, clock, 1)
    for number in (1, gone.number):
        assert seen.why(CARD.format(number), G.CARD_TITLE).last is not None
    assert seen.why(PULL.format(2), G.PULL_TITLE).last is not None
    assert not isinstance(seen.reading(REPO, G.OPEN_ISSUES), Known)
    minutes(seen, clock, 2)
    assert seen.known(CARD.format(1), G.CARD_TITLE) == "Other words"
    assert seen.known(CARD.format(gone.number), G.CARD_OPEN) is False
    assert [each.state for each in seen.known(PULL.format(2), G.PULL_REVIEWS)] == ["changes requested"]
    assert not [key for key, each in seen.held.items() if not isinstance(each, Known)]
    assert (seen.known(REPO, G.OPEN_ISSUES), seen.known(REPO, G.ISSUES_WHOLE)) == (1, True)


def test_of_a_new_repository_nothing_is_said_before_its_issues_were_listed(fake: FakeForge, tmp_path: Path) -> None:
    """Issues that are older than the last search are found at once; until then their number is not known to be zero."""
    late = fake.repo("late")
    for number in range(5):
        fake.issue(f"Issue {number}", repo=late)
    late.hidden = True
    clock = with_clock(fake)
    seen = Watch(watched(fake, tmp_path)).look()
    minutes(seen, clock, 15)
    late.hidden = False
    fake.forge.faults.add(Fault("status", 502, "late/issues", 1))
    minutes(seen, clock, 1)
    assert seen.why("/repo/acme/late", G.OPEN_ISSUES).reason is Reason.BUSY
    assert seen.why("/repo/acme/late", G.ISSUES_WHOLE).reason is Reason.BUSY
    assert seen.known("", G.FORGE_WHOLE) is False
    before = len(fake.asked)
    minutes(seen, clock, 1)
    assert (seen.known("/repo/acme/late", G.OPEN_ISSUES), seen.known("", G.FORGE_WHOLE)) == (5, True)
    assert len([name for name in seen.held.subjects if "/card/acme/late/" in name]) == 5
    asked = [path for path in fake.asked[before:] if "issues" in path]
    assert len([path for path in asked if "acme/late/issues" in path]) == 2
    assert len([path for path in asked if "/repos/issues/search" in path]) == 1


@pytest.mark.parametrize("trouble", ["denied", "hidden", "torn"])
def test_a_card_whose_pull_request_cannot_be_read_is_not_known_to_be_in_review(
    fake: FakeForge, tmp_path: Path, trouble: str
) -> None:
    """Where what closes a card was last seen in another repository, which cannot be read, its card is not placed."""
    site = fake.repo("site")
    fake.forge.page_limit = 1
    issue, other = fake.issue("To be closed from elsewhere"), fake.issue("Other")
    thread = fake.pull("Fix it", f"Closes acme/tools#{issue.number}", repo=site)
    fake.pull("Fix more", repo=site)
    fake.forge.clock = lambda: datetime.now(UTC)
    seen = Watch(watched(fake, tmp_path)).look()
    on = CARD.format(issue.number)
    assert verdict(seen, on, "card") == ("in review", Status.OK)
    if trouble == "hidden":
        site.hidden = True
    elif trouble == "torn":
        fake.forge.faults.tears = "site/pulls"
    else:
        fake.forge.faults.add(Fault("status", 403, "acme/site/pulls"))
        fake.by(fake.alice, site).close(thread)
    for _ in range(10):
        seen.look()
        assert verdict(seen, on, "card") == ("doubt", Status.UNKNOWN)
        assert verdict(seen, CARD.format(other.number), "card") == ("unassigned", Status.OK)
    if trouble != "torn":
        assert seen.why(on, G.CARD_PULLS).last is not None
    site.hidden = False
    fake.forge.faults.clear()
    for _ in range(20):
        seen.look()
    expected = "unassigned" if trouble == "denied" else "in review"
    assert verdict(seen, on, "card") == (expected, Status.OK)


def test_a_repository_that_vanishes_while_it_is_read(fake: FakeForge, tmp_path: Path) -> None:
    """Between the list of repositories and its own lists it is gone: that is told of it, and of nothing else."""
    fake.forge.faults.add(Fault("status", 404, "acme/tools"))
    seen = Watch(watched(fake, tmp_path)).look()
    assert seen.known(REPO, G.REPO_STATE) == "gone"
    assert "404" in seen.known(REPO, G.REPO_SAID)
    assert seen.why(REPO, G.OPEN_PULLS).reason is Reason.MISSING
    assert seen.known("", G.FORGE_WHOLE) is False


def test_what_is_missing_from_a_torn_list_is_not_gone(fake: FakeForge, tmp_path: Path) -> None:
    """A list that changes while it is read is not whole, says so, and makes nothing go; a whole one does."""
    fake.forge.page_limit = 2
    for number in range(4):
        fake.pull(f"Further change {number}")
        fake.issue(f"Further issue {number}")
    seen = Watch(watched(fake, tmp_path)).look()
    pulls, cards = seen.numbers("pull"), seen.numbers("card")
    fake.forge.faults.tears = "pulls$"
    for _ in range(5):
        seen.look()
    assert seen.known(REPO, G.PULLS_WHOLE) is False
    assert (seen.numbers("pull") >= pulls, seen.numbers("card") >= cards) == (True, True)
    assert seen.known("", G.FORGE_WHOLE) is False
    fake.forge.faults.clear()
    for _ in range(5):
        seen.look()
    assert seen.known(REPO, G.PULLS_WHOLE) is True


def test_a_sweep_that_was_torn_is_made_again(fake: FakeForge, tmp_path: Path) -> None:
    """While the list of issues is torn nobody counts over it as if it were whole."""
    fake.forge.page_limit = 2
    for number in range(6):
        fake.issue(f"Further issue {number}")
    fake.forge.faults.tears = "issues/search"
    seen = Watch(watched(fake, tmp_path)).look()
    assert seen.known(REPO, G.ISSUES_WHOLE) is False
    fake.forge.faults.clear()
    seen.look()
    assert seen.known(REPO, G.ISSUES_WHOLE) is True
    assert len(seen.numbers("card")) == seen.known(REPO, G.OPEN_ISSUES)


@pytest.mark.parametrize("ahead", [timedelta(hours=3), timedelta(hours=-3)])
def test_a_clock_that_is_off_hides_nothing(fake: FakeForge, tmp_path: Path, ahead: timedelta) -> None:
    """What moved is asked for by the forge's own clock: it is found however wrong that is, and the error is told."""
    fake.forge.clock = lambda: datetime.now(UTC) + ahead
    seen = Watch(watched(fake, tmp_path)).look()
    assert abs(seen.known("", G.FORGE_CLOCK_AHEAD) - ahead.total_seconds()) < 100
    fake.issue("New")
    seen.look()
    assert seen.numbers("card") == {1, 4}


def test_a_clock_that_was_put_back_hides_nothing(fake: FakeForge, tmp_path: Path) -> None:
    """When the forge's clock goes back all issues are read anew: what moved since has times of the past."""
    fake.forge.clock = lambda: datetime.now(UTC) + timedelta(hours=3)
    seen = Watch(watched(fake, tmp_path)).look()
    fake.forge.clock = lambda: datetime.now(UTC)
    fake.issue("New")
    seen.look()
    seen.look()
    assert seen.numbers("card") == {1, 4}


def test_an_issue_that_is_deleted_is_noticed_by_the_count(fake: FakeForge, tmp_path: Path) -> None:
    """No search tells of what was deleted; the forge's own count differs, so all issues are read anew."""
    other = fake.issue("Mistake")
    seen = Watch(watched(fake, tmp_path)).look()
    del fake.tools.threads[other.number]
    for _ in range(12):
        seen.look()
    assert seen.numbers("card") == {1}
    assert seen.known(REPO, G.ISSUES_WHOLE) is True


def test_a_token_that_reaches_too_far_is_told(fake: FakeForge, tmp_path: Path) -> None:
    """Whose token it is, that it is a person's, and what it may beyond reading."""
    (tmp_path / "token").write_text(fake.login(fake.alice, "write:issue", "read:repository", "read:user"))
    seen = Watch(watched(fake, tmp_path)).look()
    assert (seen.known("", G.TOKEN_LOGIN), seen.known("", G.TOKEN_HUMAN)) == ("alice", True)
    assert seen.known("", G.TOKEN_EXCESS) == ("write:issue",)
    assert seen.known("", G.TOKEN_MISSING) == ("read:organization",)


def test_a_token_with_every_scope_is_told(fake: FakeForge, tmp_path: Path) -> None:
    """A token that is let through everywhere is too wide, and an admin's is told as such."""
    fake.alice.admin = True
    (tmp_path / "token").write_text(fake.login(fake.alice))
    seen = Watch(watched(fake, tmp_path)).look()
    assert (seen.known("", G.TOKEN_ADMIN), seen.known("", G.TOKEN_EXCESS)) == (True, ("all",))


def test_a_token_that_lacks_a_scope_leaves_the_rest(fake: FakeForge, tmp_path: Path) -> None:
    """Without the scope for issues the pull requests are read; of issues it is told which scope is missing."""
    (tmp_path / "token").write_text(fake.login(fake.reader.account, "read:repository"))
    seen = Watch(watched(fake, tmp_path)).look()
    assert set(seen.known("", G.TOKEN_MISSING)) == {"read:issue", "read:organization"}
    assert seen.numbers("pull") == {2, 3}
    assert seen.why(REPO, G.OPEN_ISSUES).reason is Reason.DENIED
    assert "read:issue" in seen.known("", G.FORGE_SAID)


def test_without_a_token_nobody_is_asked_whose_it_is(fake: FakeForge, tmp_path: Path) -> None:
    """A forge that tells everybody needs none; then there is nobody whose it could be."""
    seen = Watch(watched(fake, tmp_path, token_file=None)).look()
    assert seen.known("", G.FORGE_ANSWERS) == "yes"
    assert (seen.known("", G.TOKEN_LOGIN), seen.known("", G.TOKEN_EXCESS)) == (None, ())
    assert not [path for path in fake.asked if path.startswith("/user")]


def test_a_token_that_cannot_be_read_is_our_trouble(fake: FakeForge, tmp_path: Path) -> None:
    """Without its file nothing is asked, and what was known is old, with the reason."""
    seen = Watch(watched(fake, tmp_path)).look()
    before = len(fake.asked)
    (tmp_path / "token").unlink()
    seen.look()
    assert len(fake.asked) == before
    assert "its token" in seen.why(PULL.format(2), G.PULL_TITLE).detail
    assert seen.why(PULL.format(2), G.PULL_TITLE).last is not None


def test_nothing_of_the_token_is_told(fake: FakeForge, tmp_path: Path) -> None:
    """No reading holds the word by which the forge is asked."""
    seen = Watch(watched(fake, tmp_path)).look()
    fake.forge.faults.add(Fault("status", 500, "timeline"))
    seen.look(timedelta(hours=4))
    assert all(fake.token not in repr(each) for _, each in seen.held.items())


def test_what_something_depends_on_is_unknown_until_it_was_read(fake: FakeForge, tmp_path: Path) -> None:
    """Neither a timeline nor a list of dependencies that fails is taken for none; each is read in the next look."""
    seen = Watch(watched(fake, tmp_path)).look()
    assert seen.known(PULL.format(2), G.PULL_BLOCKERS) == ()
    fake.forge.clock = lambda: datetime.now(UTC)
    fake.by(fake.alice).depend(fake.tools.threads[2], fake.tools.threads[1])
    fake.forge.faults.add(Fault("status", 502, "issues/2/timeline", 1))
    seen.look()
    assert seen.why(PULL.format(2), G.PULL_BLOCKERS).reason is Reason.BUSY
    fake.forge.faults.add(Fault("status", 502, "issues/2/dependencies", 1))
    seen.look()
    assert "dependencies" in seen.why(PULL.format(2), G.PULL_BLOCKERS).detail
    assert seen.known(PULL.format(2), G.PULL_AUTO_MERGE) is False
    seen.look()
    assert seen.known(PULL.format(2), G.PULL_BLOCKERS) == ("acme/tools#1",)


def test_rules_and_files_are_unknown_while_branches_cannot_be_listed(fake: FakeForge, tmp_path: Path) -> None:
    """Without its base it is not known what is asked, and which files are sensitive: that is said, not left out."""
    fake.forge.faults.add(Fault("status", 500, "branches"))
    seen = Watch(watched(fake, tmp_path)).look()
    assert seen.why(PULL.format(2), G.PULL_RULE).reason in (Reason.NEVER_SEEN, Reason.BUSY)
    assert seen.why(PULL.format(2), G.PULL_FILES).reason in (Reason.NEVER_SEEN, Reason.BUSY)
    assert seen.why(CARD.format(1), G.CARD_CLAIM).reason in (Reason.NEVER_SEEN, Reason.BUSY)
