"""One forge, looked at minute by minute over real connections: what is read, what is read again, and what is not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from quarterdeck.demo.forge.faults import Fault
from quarterdeck.demo.forge.state import Rule
from quarterdeck.sources.forge.source import Bounds
from quarterdeck.truth import forge_fields as G  # noqa: N812 -- short where every line names a field
from quarterdeck.truth.forge import Linked, Reads
from quarterdeck.truth.reading import Known, Reason
from tests.fakes.forge import FakeForge
from tests.sources.forge.looking import MINUTE, Watch, watched

PULL, CARD = "/pull/acme/tools/{}", "/card/acme/tools/{}"


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[FakeForge]:
    """A forge in which nothing happened for an hour."""
    with FakeForge(tmp_path / "forge") as made:
        made.stand_still(datetime.now(UTC) - timedelta(hours=1))
        yield made


def pull(number: int) -> str:
    """A pull request of the one repository."""
    return PULL.format(number)


def card(number: int) -> str:
    """An issue of it."""
    return CARD.format(number)


def awake(fake: FakeForge) -> None:
    """Let its clock run."""
    fake.forge.clock = lambda: datetime.now(UTC)


def test_a_first_look_tells_everything(fake: FakeForge, tmp_path: Path) -> None:
    """Forge, token, repository, issues, and every detail of a pull request are known after one look."""
    issue = fake.issue("Count the crates", "Blocked by the harvest")
    fake.by(fake.alice).assign(issue, fake.north)
    thread = fake.pull("Count them twice", f"Closes #{issue.number}", files={"deploy/a.yml": "a: 1\n", "b.py": "1\n"})
    sha = fake.tools.trees.branches()["work-1"]
    fake.by(fake.south).say(sha, "ci/build", "pending")
    fake.by(fake.south).say(sha, "ci/build", "success")
    fake.by(fake.alice).request(thread, fake.bob)
    fake.by(fake.south).review(thread, "APPROVED")
    fake.tools.rules["main"] = Rule("main", 2, ("ci/*",))
    seen = Watch(watched(fake, tmp_path, sensitive=("deploy/**",), reviewers=("bob",))).look()
    assert not [key for key, each in seen.held.items() if not isinstance(each, Known)]
    assert seen.known("", G.FORGE_ANSWERS) == "yes"
    assert (seen.known("", G.FORGE_FLAVOUR), seen.known("", G.FORGE_KNOWN_RELEASE)) == ("gitea", True)
    assert (seen.known("", G.FORGE_WHOLE), seen.known("", G.FORGE_DEBTS)) == (True, 0)
    repo = "/repo/acme/tools"
    assert (seen.known(repo, G.REPO_STATE), seen.known(repo, G.OPEN_PULLS), seen.known(repo, G.OPEN_ISSUES)) == (
        "there",
        1,
        1,
    )
    of = pull(thread.number)
    assert (seen.known(of, G.PULL_AUTHOR), seen.known(of, G.PULL_AGENT)) == ("north-bot", "north")
    assert (seen.known(of, G.PULL_HEAD), seen.known(of, G.PULL_CLOSES)) == (sha, (f"acme/tools#{issue.number}",))
    assert [(each.context, each.state) for each in seen.known(of, G.PULL_CHECKS)] == [("ci/build", "success")]
    reviews = {each.who: each for each in seen.known(of, G.PULL_REVIEWS)}
    assert (reviews["bob"].state, reviews["bob"].is_ours, reviews["bob"].is_bot) == ("requested", True, False)
    assert (reviews["south-bot"].state, reviews["south-bot"].is_bot) == ("approved", True)
    rule = seen.known(of, G.PULL_RULE)
    assert (rule.protected, rule.approvals, rule.checks, rule.rejections_block) == (True, 2, ("ci/*",), None)
    files = seen.known(of, G.PULL_FILES)
    assert (files.total, files.whole, [each.path for each in files.sensitive]) == (2, True, ["deploy/a.yml"])
    assert (seen.known(of, G.PULL_BLOCKERS), seen.known(of, G.PULL_AUTO_MERGE)) == ((), False)
    on = card(issue.number)
    assert (seen.known(on, G.CARD_AGENTS), seen.known(on, G.CARD_EXPLAINED)) == (("north",), True)
    assert seen.known(on, G.CARD_PULLS) == (Linked(f"acme/tools#{thread.number}", False, "north-bot"),)
    assert (seen.known(on, G.CARD_CLAIM), seen.known(on, G.CARD_BLOCKERS)) == (None, ())


def test_what_did_not_move_is_neither_asked_nor_made_again(fake: FakeForge, tmp_path: Path) -> None:
    """A quiet look asks a handful of questions, none of reviews, files or timelines, and tells the same objects."""
    for number in range(6):
        fake.pull(f"Change {number}")
        fake.issue(f"Issue {number}")
    awake(fake)
    seen = Watch(watched(fake, tmp_path)).look()
    first = dict(seen.held.items())
    for _ in range(3):
        before = len(fake.asked)
        seen.look()
        asked = fake.asked[before:]
        assert len(asked) <= 6
        assert not [path for path in asked if "/reviews" in path or "/files" in path or "/timeline" in path]
    told = [key for key, each in seen.held.items() if "/card/" in key[0] or "/pull/" in key[0]]
    fresh = [key for key in told if seen.now - getattr(seen.held[key], "observed_at", seen.now) <= 4 * MINUTE]
    assert len(fresh) == len(told)
    again = Watch(watched(fake, tmp_path)).look()
    after = dict(again.look().held.items())
    assert any(after[key] is each for key, each in dict(again.held.items()).items())
    assert first.keys() == dict(seen.held.items()).keys()


def test_only_what_moved_is_read_again(fake: FakeForge, tmp_path: Path) -> None:
    """A comment on one of several pull requests costs its list, its reviews and its timeline, and no more."""
    threads = [fake.pull(f"Change {number}") for number in range(5)]
    seen = Watch(watched(fake, tmp_path)).look().look()
    awake(fake)
    fake.by(fake.alice).comment(threads[2], "See this.")
    before = len(fake.asked)
    seen.look()
    asked = [path.partition("?")[0] for path in fake.asked[before:]]
    number = threads[2].number
    assert f"/repos/acme/tools/issues/{number}/timeline" in asked
    assert {path for path in asked if "/timeline" in path or "/reviews" in path} == {
        f"/repos/acme/tools/issues/{number}/timeline",
        f"/repos/acme/tools/pulls/{number}/reviews",
    }
    assert not [path for path in asked if path.endswith("/files")]


def test_what_is_done_in_the_second_of_our_read_is_read_in_the_next_look(fake: FakeForge, tmp_path: Path) -> None:
    """Times of a forge are whole seconds: what was read within some of a move is read once more, and then no more."""
    fake.tools.rules["main"] = Rule("main", 1)
    thread, issue, blocker = fake.pull("Change"), fake.issue("Count"), fake.issue("First")
    alice = fake.by(fake.alice)
    alice.assign(issue, fake.north)
    fake.by(fake.bob).review(thread, "APPROVED")
    seen = Watch(watched(fake, tmp_path)).look()
    assert [each.state for each in seen.known(pull(thread.number), G.PULL_REVIEWS)] == ["approved"]
    alice.review(thread, "REQUEST_CHANGES")
    alice.schedule(thread)
    alice.edit(thread, title="Other change")
    alice.depend(issue, blocker)
    awake(fake)
    seen.look()
    assert [each.state for each in seen.known(pull(thread.number), G.PULL_REVIEWS)] == ["approved", "changes requested"]
    assert seen.known(pull(thread.number), G.PULL_AUTO_MERGE) is True
    assert seen.known(card(issue.number), G.CARD_BLOCKERS) == (f"acme/tools#{blocker.number}",)
    before = len(fake.asked)
    seen.look()
    asked = fake.asked[before:]
    assert not [path for path in asked if "/reviews" in path or "/timeline" in path or "/dependencies" in path]


def test_a_look_that_a_bell_makes_early_settles_nothing(fake: FakeForge, tmp_path: Path) -> None:
    """Two looks within one second of the forge are both of a state that may still change unseen."""
    thread = fake.pull("Change")
    seen = Watch(watched(fake, tmp_path)).look().look(timedelta(seconds=1))
    fake.by(fake.bob).review(thread, "REQUEST_CHANGES")
    awake(fake)
    seen.look()
    assert [each.state for each in seen.known(pull(thread.number), G.PULL_REVIEWS)] == ["changes requested"]


def test_a_title_that_is_changed_in_the_second_of_our_read_is_found(fake: FakeForge, tmp_path: Path) -> None:
    """The list of pull requests is read again while the search tells of one that moved when it was last read."""
    threads = [fake.pull(f"Change {number}") for number in range(3)]
    for number in range(6):  # whose lists are on tour before that of the oldest one
        fake.repo(f"place-{number}")
    server = datetime.now(UTC) - timedelta(minutes=30)
    fake.forge.clock = lambda: server
    fake.by(fake.alice).comment(threads[0], "Moved.")
    seen = Watch(watched(fake, tmp_path)).look()
    fake.by(fake.alice).edit(threads[0], title="Other words")
    fake.forge.clock = lambda: server + MINUTE
    seen.look()
    assert seen.known(pull(threads[0].number), G.PULL_TITLE) == "Other words"


def test_what_no_search_tells_is_read_within_the_life_of_a_detail(fake: FakeForge, tmp_path: Path) -> None:
    """A review that is deleted moves nothing; it is missed within half an hour, and no reading of it is older."""
    thread = fake.pull("Change")
    fake.by(fake.bob).review(thread, "APPROVED")
    awake(fake)
    seen = Watch(watched(fake, tmp_path)).look()
    assert thread.pull is not None
    thread.pull.reviews.clear()
    for _ in range(30):
        seen.look()
    assert seen.known(pull(thread.number), G.PULL_REVIEWS) == ()


def test_a_push_makes_what_was_read_of_the_old_head_a_thing_of_the_past(fake: FakeForge, tmp_path: Path) -> None:
    """Checks, files and reviews are read again for the new head; until then they are unknown, with the old as old."""
    thread = fake.pull("Change")
    sha = fake.tools.trees.branches()["work-1"]
    fake.by(fake.south).say(sha, "ci/build", "success")
    seen = Watch(watched(fake, tmp_path, calls=30)).look()
    assert [each.state for each in seen.known(pull(thread.number), G.PULL_CHECKS)] == ["success"]
    awake(fake)
    fake.push("work-1", {"more.md": "more\n"})
    fake.forge.faults.add(Fault("status", 502, "/status"))
    seen.look()
    lost = seen.why(pull(thread.number), G.PULL_CHECKS)
    assert (lost.reason, lost.last is not None) == (Reason.BUSY, True)
    fake.forge.faults.clear()
    seen.look()
    assert seen.known(pull(thread.number), G.PULL_CHECKS) == ()


def test_what_is_merged_goes_and_what_is_closed_is_done(fake: FakeForge, tmp_path: Path) -> None:
    """A merged pull request is no longer told of; its issue stays as a card that is closed, for a week."""
    issue = fake.issue("Count")
    thread = fake.pull("Change", f"Closes #{issue.number}")
    seen = Watch(watched(fake, tmp_path)).look()
    awake(fake)
    fake.by(fake.alice).merge(thread)
    seen.look()
    assert (seen.numbers("pull"), seen.numbers("card")) == (set(), {issue.number})
    assert seen.known(card(issue.number), G.CARD_OPEN) is False
    seen.look(timedelta(days=8))
    assert seen.numbers("card") == set()


def test_not_mergeable_is_a_conflict_only_when_it_was_said_twice(fake: FakeForge, tmp_path: Path) -> None:
    """The first no may be a computing one; the list is read again a minute later. Of a draft it says nothing."""
    fake.push("work-9", {"same.md": "one\n"})
    thread = fake.by(fake.north).open_pull("Change", branch="work-9")
    draft = fake.pull("WIP: change")
    fake.push("main", {"same.md": "other\n"})
    seen = Watch(watched(fake, tmp_path)).look()
    first = seen.now
    assert seen.known(pull(thread.number), G.PULL_UNMERGEABLE) == Reads(first, first)
    seen.look()
    assert seen.known(pull(thread.number), G.PULL_UNMERGEABLE) == Reads(first, first + MINUTE)
    assert seen.known(pull(draft.number), G.PULL_UNMERGEABLE) is None
    fake.push("work-9", {"else.md": "more\n"})
    awake(fake)
    fake.by(fake.alice).comment(thread, "Again.")
    seen.look()
    assert seen.known(pull(thread.number), G.PULL_UNMERGEABLE) == Reads(seen.now, seen.now)


def test_nobody_asks_on_what_something_depends_that_depends_on_nothing(fake: FakeForge, tmp_path: Path) -> None:
    """The timeline says whether there ever was a dependency; a blocker that is closed is noticed on tour."""
    blocker, free = fake.issue("First"), fake.pull("Free")
    bound = fake.pull("Bound")
    fake.by(fake.alice).depend(bound, blocker)
    seen = Watch(watched(fake, tmp_path)).look()
    asked = [path for path in fake.asked if "dependencies" in path]
    assert [path.partition("?")[0] for path in asked] == [f"/repos/acme/tools/issues/{bound.number}/dependencies"]
    assert seen.known(pull(bound.number), G.PULL_BLOCKERS) == (f"acme/tools#{blocker.number}",)
    assert seen.known(pull(free.number), G.PULL_BLOCKERS) == ()
    awake(fake)
    fake.by(fake.alice).close(blocker)
    for _ in range(12):
        seen.look()
    assert seen.known(pull(bound.number), G.PULL_BLOCKERS) == ()


def test_an_untouched_backlog_is_not_asked_what_blocks_it(fake: FakeForge, tmp_path: Path) -> None:
    """Only cards that somebody has to do with are asked about; where dependencies are switched off, there are none."""
    backlog, worked = fake.issue("Some day"), fake.issue("Now")
    fake.by(fake.alice).assign(worked, fake.north)
    fake.tools.dependencies = False
    seen = Watch(watched(fake, tmp_path)).look()
    assert seen.known(card(worked.number), G.CARD_BLOCKERS) == ()
    assert G.CARD_BLOCKERS.name not in seen.held.subjects[f"forge:main{card(backlog.number)}"]


def test_a_branch_claims_an_issue(fake: FakeForge, tmp_path: Path) -> None:
    """A claim without a commit of its own says neither who nor when; with one it does. A closed issue is found too."""
    issue, closed = fake.issue("Count"), fake.issue("Old")
    fake.by(fake.alice).close(closed)
    closed.closed = closed.updated = datetime.now(UTC) - timedelta(days=30)
    trunk = fake.tools.trees.branches()["main"]
    fake.tools.trees.branch(f"claim/{issue.number}", trunk)
    fake.push(f"claim/{closed.number}", {"old.md": "old\n"}, who=fake.south)
    seen = Watch(watched(fake, tmp_path)).look()
    claim = seen.known(card(issue.number), G.CARD_CLAIM)
    assert (claim.branch, claim.at, claim.who) == (f"claim/{issue.number}", None, None)
    assert seen.known(card(closed.number), G.CARD_OPEN) is False
    awake(fake)
    fake.push(f"claim/{issue.number}", {"a.md": "a\n"}, who=fake.north)
    seen.look()
    claim = seen.known(card(issue.number), G.CARD_CLAIM)
    assert (claim.who, claim.at is not None) == ("north-bot", True)


def test_rules_and_owners_make_files_sensitive(fake: FakeForge, tmp_path: Path) -> None:
    """Protected patterns are told to an admin of the repository, CODEOWNERS to everybody; both are kept up to date."""
    fake.tools.rules["main"] = Rule("main", 1, None, protected_file_patterns="*.lock")
    fake.tools.admins.append(fake.reader.account)
    fake.push("main", {"docs/CODEOWNERS": "src/.* @alice\n"})
    thread = fake.pull("Change", files={"a.lock": "1\n", "src/b.py": "1\n", "c.md": "1\n"})
    seen = Watch(watched(fake, tmp_path)).look()
    found = seen.known(pull(thread.number), G.PULL_FILES)
    assert {each.path: each.why for each in found.sensitive} == {"a.lock": "protected", "src/b.py": "owned"}
    assert (found.whole, seen.known(pull(thread.number), G.PULL_RULE).whole) == (True, True)
    awake(fake)
    fake.push("main", {"docs/CODEOWNERS": "c.* @alice\n"})
    seen.look()
    found = seen.known(pull(thread.number), G.PULL_FILES)
    assert {each.path for each in found.sensitive} == {"a.lock", "c.md"}


def test_a_bell_is_a_hint_where_to_look(fake: FakeForge, tmp_path: Path) -> None:
    """After a ring the lists of that repository, and checks that still run, are read at once."""
    thread = fake.pull("Change")
    sha = fake.tools.trees.branches()["work-1"]
    fake.by(fake.south).say(sha, "ci/build", "pending")
    seen = Watch(watched(fake, tmp_path)).look()
    fake.by(fake.south).say(sha, "ci/build", "success")
    rung = seen.now + timedelta(seconds=1)
    seen.source.ring("acme/tools", rung)
    seen.source.ring("acme/nowhere", rung)
    seen.look(timedelta(seconds=2))
    assert [each.state for each in seen.known(pull(thread.number), G.PULL_CHECKS)] == ["success"]
    assert seen.known("", G.FORGE_RUNG_AT) == rung


def test_drafts_and_what_does_not_fit_wait_for_the_next_look(fake: FakeForge, tmp_path: Path) -> None:
    """A look of few questions leaves debts, says so, and is followed soon; in the end nothing is owed."""
    for number in range(4):
        fake.pull(f"Change {number}")
    seen = Watch(watched(fake, tmp_path, calls=12)).look()
    assert seen.known("", G.FORGE_DEBTS) > 0
    assert seen.source.every_s < 60
    looks = 0
    while seen.known("", G.FORGE_DEBTS) and looks < 10:
        assert len(seen.held.subjects) > 4
        seen.look(timedelta(seconds=5))
        looks += 1
    assert seen.known("", G.FORGE_DEBTS) == 0
    assert seen.source.every_s == 60
    assert not [key for key, each in seen.held.items() if not isinstance(each, Known)]


def test_a_look_ends_though_the_forge_does_not(fake: FakeForge, tmp_path: Path) -> None:
    """A forge that takes its time is given up at the bound; what came before is kept, and the look says so."""
    fake.pull("Change")
    seen = Watch(watched(fake, tmp_path)).look()
    fake.forge.faults.delay_s = 0.4
    slow = Watch(watched(fake, tmp_path), bounds=Bounds(0.1, 0.2)).look()
    assert slow.known("", G.FORGE_ANSWERS) == "no answer"
    assert "0.2 s" in slow.known("", G.FORGE_SAID)
    assert seen.numbers("pull") == {1}


def test_two_forges_speak_of_their_own(fake: FakeForge, tmp_path: Path) -> None:
    """Two sources have names and subjects of their own, and share nothing."""
    fake.pull("Change")
    other = FakeForge(tmp_path / "other")
    (tmp_path / "b").mkdir()
    with other:
        other.issue("Elsewhere")
        one, two = Watch(watched(fake, tmp_path)).look(), Watch(watched(other, tmp_path / "b")).look()
    assert (one.numbers("pull"), one.numbers("card")) == ({1}, set())
    assert (two.numbers("pull"), two.numbers("card")) == (set(), {1})


def test_only_what_the_settings_watch_is_read(fake: FakeForge, tmp_path: Path) -> None:
    """Repositories beside the globs, and archived ones, cost nothing and have no rows."""
    site, old = fake.repo("site"), fake.repo("old")
    old.archived = True
    for repo in (fake.tools, site, old):
        fake.issue("Count", repo=repo)
        fake.pull("Change", repo=repo)
    seen = Watch(watched(fake, tmp_path, repos=("acme/*",), without=("acme/site",))).look()
    assert {name for name in seen.held.subjects if "/repo/" in name} == {
        "forge:main/repo/acme/tools",
        "forge:main/repo/acme/old",
    }
    assert seen.known("/repo/acme/old", G.REPO_STATE) == "archived"
    assert not [path for path in fake.asked if "acme/site" in path or "acme/old" in path]
