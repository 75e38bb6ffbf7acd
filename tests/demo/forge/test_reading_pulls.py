"""What the forge of the demo tells of pull requests, with what real forges say that is easily taken for more."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from tests.demo.forge.talking import talk
from tests.fakes.forge import FakeForge

TOOLS = "/repos/acme/tools"
ONE = f"{TOOLS}/pulls/1"


def test_it_cannot_be_merged_while_that_is_being_found_out(tmp_path: Path) -> None:
    """A new pull request cannot be merged at first, and can a little later; so it is after each push."""
    with FakeForge(tmp_path, computing_s=30) as fake:
        fake.pull("Count them twice")
        assert talk(fake, ONE).json["mergeable"] is False
        fake.pass_time(timedelta(seconds=31))
        assert talk(fake, ONE).json["mergeable"] is True
        fake.push("work-1", {"notes/1.md": "more\n"})
        assert talk(fake, ONE).json["mergeable"] is False


def test_a_conflict_and_a_draft_cannot_be_merged(fake: FakeForge) -> None:
    """Git says whether two branches are in conflict; a draft is one by its title, and cannot be merged either."""
    fake.pull("Change the first line", files={"README.md": "# Mine\n"})
    fake.pull("[wip] Not done")
    fake.push("main", {"README.md": "# Theirs\n"}, who=fake.alice)
    conflict, draft = talk(fake, ONE).json, talk(fake, f"{TOOLS}/pulls/2").json
    assert (conflict["mergeable"], conflict["draft"]) == (False, False)
    assert (draft["mergeable"], draft["draft"]) == (False, True)


def test_mergeable_knows_nothing_of_approvals_and_checks(fake: FakeForge) -> None:
    """A pull request that failed its checks and that somebody rejected is mergeable all the same."""
    thread = fake.pull("Count them twice")
    assert thread.pull
    fake.by(fake.bob).review(thread, "REQUEST_CHANGES", "No.")
    fake.by(fake.alice).say(thread.pull.head, "ci/test", "failure")
    assert talk(fake, ONE).json["mergeable"] is True


def test_requested_reviewers_are_also_those_who_are_done(fake: FakeForge) -> None:
    """Who has reviewed is among the requested reviewers still; who only said something is not."""
    thread = fake.pull("Count them twice")
    fake.by(fake.north).request(thread, fake.bob)
    fake.by(fake.alice).review(thread, "APPROVED")
    fake.by(fake.south).review(thread, "COMMENT", "Hm.")
    listed = talk(fake, ONE).json["requested_reviewers"]
    assert {each["login"] for each in listed} == {"alice", "bob"}


def test_a_review_settles_its_request_and_the_older_verdict(fake: FakeForge) -> None:
    """Who reviews is no longer asked, and what they said before counts no longer."""
    thread = fake.pull("Count them twice")
    fake.by(fake.north).request(thread, fake.bob)
    fake.by(fake.bob).review(thread, "REQUEST_CHANGES", "The names.")
    fake.by(fake.bob).review(thread, "APPROVED")
    told = [(each["state"], each["dismissed"], each["official"]) for each in talk(fake, f"{ONE}/reviews").json]
    assert told == [("REQUEST_CHANGES", True, False), ("APPROVED", False, True)]


def test_asking_again_takes_what_was_said_out_of_account(fake: FakeForge) -> None:
    """Who is asked anew has not objected any more, as far as the rule is concerned, until the request is taken back."""
    thread = fake.pull("Count them twice")
    fake.by(fake.bob).review(thread, "REQUEST_CHANGES", "The names.")
    fake.by(fake.north).request(thread, fake.bob)
    assert fake.by(fake.north).request(thread, fake.bob) is None
    told = talk(fake, f"{ONE}/reviews").json
    assert [(each["state"], each["official"], each["commit_id"] == "") for each in told] == [
        ("REQUEST_CHANGES", False, False),
        ("REQUEST_REVIEW", True, True),
    ]
    fake.by(fake.north).withdraw(thread, fake.bob)
    assert [each["official"] for each in talk(fake, f"{ONE}/reviews").json] == [True]


def test_a_push_makes_a_review_stale(fake: FakeForge) -> None:
    """A verdict is of the head it was made of, and is stale once there is another; the thread has moved."""
    thread = fake.pull("Count them twice")
    fake.by(fake.bob).review(thread, "APPROVED")
    fake.pass_time(timedelta(hours=1))
    before = talk(fake, ONE).json
    head = fake.push("work-1", {"notes/1.md": "more\n"})
    (review,) = talk(fake, f"{ONE}/reviews").json
    after = talk(fake, ONE).json
    assert (review["stale"], review["commit_id"]) == (True, before["head"]["sha"])
    assert after["head"]["sha"] == head
    assert after["updated_at"] > before["updated_at"]


def test_a_push_past_the_forge_is_seen(fake: FakeForge) -> None:
    """What somebody pushes to the bare repository itself is seen the next time anybody asks."""
    thread = fake.pull("Count them twice")
    at = fake.forge.now() + timedelta(hours=1)
    fake.pass_time(timedelta(hours=1))
    head = fake.tools.trees.commit("work-1", {"more.md": "more\n"}, "Past the forge", who="south-bot", at=at)
    assert talk(fake, ONE).json["head"]["sha"] == head
    assert [each["type"] for each in talk(fake, f"{TOOLS}/issues/1/timeline").json] == ["pull_push"]
    assert thread.updated == at


def test_a_repository_has_moved_when_one_of_its_branches_has(fake: FakeForge) -> None:
    """A claim moves a repository, as any push does; an issue does not. A search over all of them sees it as well."""
    fake.stand_still(fake.forge.now() + timedelta(hours=1))
    (before,) = talk(fake, "/repos/search").json["data"]
    fake.pass_time(timedelta(hours=1))
    fake.issue("Count the crates")
    assert talk(fake, "/repos/search").json["data"][0]["updated_at"] == before["updated_at"]
    talk(fake, f"{TOOLS}/branches", "POST", fake.login(fake.north), new_branch_name="claim/1")
    assert talk(fake, "/repos/search").json["data"][0]["updated_at"] > before["updated_at"]


def test_the_combined_status_is_that_of_one_page(fake: FakeForge) -> None:
    """A failure that is not on the page that was asked for is not in the state; of no status there is no state."""
    thread = fake.pull("Count them twice")
    assert thread.pull
    where = f"{TOOLS}/commits/{thread.pull.head}"
    assert talk(fake, f"{where}/status").json | {"repository": 0} == {
        "state": "",
        "statuses": None,
        "total_count": 0,
        "repository": 0,
        "sha": "",
        "commit_url": "",
        "url": "",
    }
    for number in range(3):
        fake.by(fake.alice).say(thread.pull.head, f"ci/{number}", "success")
    fake.by(fake.alice).say(thread.pull.head, "ci/3", "failure")
    assert talk(fake, f"{where}/status?limit=3").json["state"] == "success"
    assert talk(fake, f"{where}/status").json["state"] == "failure"


def test_all_that_was_said_of_a_commit_is_listed_the_newest_first(fake: FakeForge) -> None:
    """A context that was said twice is there twice, and saying it does not move the pull request."""
    thread = fake.pull("Count them twice")
    assert thread.pull
    before = talk(fake, ONE).json["updated_at"]
    fake.pass_time(timedelta(hours=1))
    for state in ("pending", "success"):
        fake.by(fake.alice).say(thread.pull.head, "ci/test", state)
    told = talk(fake, f"{TOOLS}/commits/{thread.pull.head}/statuses").json
    assert [each["status"] for each in told] == ["success", "pending"]
    assert talk(fake, ONE).json["updated_at"] == before


def test_a_list_says_less_than_the_thing_itself(fake: FakeForge) -> None:
    """In a list there is no size of a change; the url is a page for people in both."""
    fake.pull("Count them twice")
    (listed,), single = talk(fake, f"{TOOLS}/pulls").json, talk(fake, ONE).json
    assert "additions" not in listed
    assert (single["additions"], single["changed_files"]) == (1, 1)
    assert listed["url"] == single["url"] == f"{fake.url}/acme/tools/pulls/1"


def test_forgejo_says_as_much_in_a_list(forgejo: FakeForge) -> None:
    """The other flavour has the size of a change also in a list."""
    forgejo.pull("Count them twice")
    assert talk(forgejo, f"{TOOLS}/pulls").json[0]["additions"] == 1


def test_files_say_how_many_there_are_and_where_they_were(fake: FakeForge) -> None:
    """A file that was renamed names its old place; the headers say on which page one is."""
    fake.push("main", {"old.md": "one\ntwo\nthree\n"}, who=fake.alice)
    fake.pull("Move it", files={"old.md": None, "new.md": "one\ntwo\nthree\n", "more.md": "x\n"})
    said = talk(fake, f"{ONE}/files?limit=1&page=2")
    (renamed,) = said.json
    assert (renamed["filename"], renamed["previous_filename"], renamed["status"]) == ("new.md", "old.md", "renamed")
    headers = [said.headers[f"x-{name}"] for name in ("page", "perpage", "pagecount", "hasmore", "total-count")]
    assert headers == ["2", "1", "2", "false", "2"]


def test_the_history_tells_what_nothing_else_does(fake: FakeForge) -> None:
    """That it will be merged by itself is in its history only, as is, with an issue, what closes it."""
    issue = fake.issue("Count the crates")
    thread = fake.pull("Count them twice", f"Closes #{issue.number}")
    fake.by(fake.alice).schedule(thread)
    assert [each["type"] for each in talk(fake, f"{TOOLS}/issues/2/timeline").json] == ["pull_scheduled_merge"]
    (told,) = talk(fake, f"{TOOLS}/issues/1/timeline").json
    assert (told["type"], told["ref_action"], told["ref_issue"]["number"]) == ("pull_ref", "closes", thread.number)


def test_the_history_counts_what_it_does_not_tell(fake: FakeForge) -> None:
    """What is said on lines counts for a page and is not told; the number of all is that of the page."""
    thread = fake.pull("Count them twice")
    fake.by(fake.bob).review(thread, "COMMENT", "Some names.", lines=3)
    for word in ("One", "Two"):
        fake.by(fake.north).comment(thread, word)
    pages = [talk(fake, f"{TOOLS}/issues/1/timeline?limit=2&page={page}") for page in (1, 2, 3, 4)]
    assert [len(each.json) for each in pages] == [1, 0, 2, 0]
    assert [each.headers["x-total-count"] for each in pages] == ["1", "0", "2", "0"]
    assert len(talk(fake, f"{TOOLS}/issues/1/timeline?limit=2").json) == 3
    assert talk(fake, ONE).json["review_comments"] == 3


def test_the_pull_request_of_two_branches_is_found(fake: FakeForge) -> None:
    """Whether there is one already can be asked before another is opened."""
    fake.pull("Count them twice", branch="work/twice")
    assert talk(fake, f"{TOOLS}/pulls/main/work/twice").json["number"] == 1
    assert talk(fake, f"{TOOLS}/pulls/main/work/thrice").status == 404
