"""What people, agents and checks can do at the forge of the demo, and what it refuses as real ones do."""

from __future__ import annotations

import base64
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from quarterdeck.demo.forge import founding
from quarterdeck.demo.forge.routes import ROUTES, Route
from quarterdeck.demo.forge.state import Rule
from tests.demo.forge.talking import talk
from tests.fakes.forge import FakeForge

TOOLS = "/repos/acme/tools"
WRITES = [route for route in ROUTES if route.method != "GET"]


@pytest.mark.parametrize("route", WRITES, ids=lambda each: f"{each.method} {each.path}")
def test_a_token_that_reads_changes_nothing(fake: FakeForge, route: Route) -> None:
    """Whatever it asks to be done, a token with scopes to read is refused by its scope, and nobody without a token."""
    path = re.sub(r"\{[^}]*\}", "1", route.path.replace("{owner}/{repo}", "acme/tools"))
    said = talk(fake, path, route.method, title="x")
    assert (said.status, f"required=[write:{route.group}]" in said.message) == (403, True)
    assert talk(fake, path, route.method, token=None).status == 401


@pytest.mark.parametrize("body", [{"title": ""}, {"title": 7}, {"title": "x", "assignees": "bob"}, {"body": "x"}])
def test_what_is_not_of_the_right_type_is_refused(fake: FakeForge, body: dict[str, Any]) -> None:
    """A title that is missing or no text, and people who are no list, open no issue."""
    assert talk(fake, f"{TOOLS}/issues", "POST", fake.login(fake.alice), **body).status == 422
    assert talk(fake, f"{TOOLS}/issues").json == []


def test_an_issue_is_opened_given_and_closed(fake: FakeForge) -> None:
    """Somebody opens an issue with labels and people, gives it to another, and closes it."""
    founding.label(fake.forge, fake.tools.labels, "kind/bug")
    by = fake.login(fake.alice)
    made = talk(fake, f"{TOOLS}/issues", "POST", by, title="Count", labels=["kind/bug"], assignees=["bob"])
    assert (made.status, [each["login"] for each in made.json["assignees"]]) == (201, ["bob"])
    said = talk(fake, f"{TOOLS}/issues/1", "PATCH", by, assignees=["north-bot"], state="closed")
    assert ([each["login"] for each in said.json["assignees"]], said.json["state"]) == (["north-bot"], "closed")
    history = [each["type"] for each in talk(fake, f"{TOOLS}/issues/1/timeline").json]
    assert history == ["label", "assignees", "assignees", "assignees", "close"]


def test_whoever_writes_last_has_the_issue(fake: FakeForge) -> None:
    """Two who assign themselves are both told that they have it: it is no lock."""
    fake.issue("Count")
    for who in (fake.north, fake.south):
        said = talk(fake, f"{TOOLS}/issues/1", "PATCH", fake.login(who), assignees=[who.login])
        assert [each["login"] for each in said.json["assignees"]] == [who.login]


def test_one_of_many_gets_a_branch(fake: FakeForge) -> None:
    """Of eight who ask for the same branch at once one makes it, and the others are told that it is there."""
    token = fake.login(fake.north)

    def ask(_: int) -> int:
        return talk(fake, f"{TOOLS}/branches", "POST", token, new_branch_name="claim/7").status

    with ThreadPoolExecutor(8) as pool:
        statuses = sorted(pool.map(ask, range(8)))
    assert statuses == [201] + [409] * 7


@pytest.mark.parametrize(("name", "status"), [("../up", 422), ("a b", 422), ("", 422)])
def test_a_branch_is_named_as_git_lets_it_be(fake: FakeForge, name: str, status: int) -> None:
    """A name that git would not have is refused, and so is a branch that begins nowhere."""
    by = fake.login(fake.north)
    assert talk(fake, f"{TOOLS}/branches", "POST", by, new_branch_name=name).status == status
    nowhere = talk(fake, f"{TOOLS}/branches", "POST", by, new_branch_name="x", old_ref_name="none")
    assert (nowhere.status, nowhere.message) == (404, "The old branch does not exist")


def test_a_branch_is_taken_away_unless_something_rests_on_it(fake: FakeForge) -> None:
    """A claim can be given back; the main branch cannot be taken away."""
    by = fake.login(fake.north)
    talk(fake, f"{TOOLS}/branches", "POST", by, new_branch_name="claim/7")
    assert talk(fake, f"{TOOLS}/branches/claim/7", "DELETE", by).status == 204
    assert talk(fake, f"{TOOLS}/branches/claim/7", "DELETE", by).status == 404
    assert talk(fake, f"{TOOLS}/branches/main", "DELETE", by).status == 403


def test_a_label_puts_out_others_of_its_scope(fake: FakeForge) -> None:
    """An exclusive label takes the place of another of the same scope, and of no other."""
    labels = [
        founding.label(fake.forge, fake.tools.labels, name, exclusive=exclusive)
        for name, exclusive in (
            ("status/ready", True),
            ("status/done", True),
            ("status/odd", False),
            ("kind/bug", True),
        )
    ]
    fake.issue("Count")
    by = fake.login(fake.alice)
    talk(fake, f"{TOOLS}/issues/1/labels", "POST", by, labels=[labels[0].id, "status/odd", "kind/bug"])
    said = talk(fake, f"{TOOLS}/issues/1/labels", "POST", by, labels=["status/done"])
    assert {each["name"] for each in said.json} == {"status/odd", "kind/bug", "status/done"}
    assert [each["name"] for each in talk(fake, f"{TOOLS}/issues/1/labels", "PUT", by, labels=["kind/bug"]).json] == [
        "kind/bug"
    ]
    assert talk(fake, f"{TOOLS}/issues/1/labels/{labels[3].id}", "DELETE", by).status == 204
    assert talk(fake, f"{TOOLS}/issues/1/labels").json == []


def test_an_issue_with_open_dependencies_stays_open(fake: FakeForge) -> None:
    """What depends on something open cannot be closed, and depending on it twice is refused."""
    fake.issue("First")
    fake.issue("Second")
    by = fake.login(fake.alice)
    assert talk(fake, f"{TOOLS}/issues/2/dependencies", "POST", by, index=1).status == 201
    assert talk(fake, f"{TOOLS}/issues/2/dependencies", "POST", by, index=1).status == 409
    assert talk(fake, f"{TOOLS}/issues/2", "PATCH", by, state="closed").status == 412
    talk(fake, f"{TOOLS}/issues/1", "PATCH", by, state="closed")
    assert talk(fake, f"{TOOLS}/issues/2", "PATCH", by, state="closed").json["state"] == "closed"


def test_a_pull_request_goes_its_way(fake: FakeForge) -> None:
    """It is opened once, asked about, approved, checked, and merged; then the issue it closes is closed."""
    fake.issue("Count")
    fake.tools.rules["main"] = Rule("main", 1, ("ci/test",), block_on_rejected_reviews=True)
    head = fake.push("work", {"count.py": "N = 2\n"})
    north, bob = fake.login(fake.north), fake.login(fake.bob)
    wanted = {"title": "Count twice", "body": "Closes #1", "head": "work", "base": "main"}
    assert talk(fake, f"{TOOLS}/pulls", "POST", north, **wanted).status == 201
    assert talk(fake, f"{TOOLS}/pulls", "POST", north, **wanted).status == 409
    asked = talk(fake, f"{TOOLS}/pulls/2/requested_reviewers", "POST", north, reviewers=["bob"])
    assert [each["state"] for each in asked.json] == ["REQUEST_REVIEW"]
    merge = {"Do": "merge", "head_commit_id": head}
    assert talk(fake, f"{TOOLS}/pulls/2/merge", "POST", bob, **merge).message == "Does not have enough approvals"
    own = talk(fake, f"{TOOLS}/pulls/2/reviews", "POST", north, event="APPROVED")
    assert (own.status, own.message) == (422, "approve your own pull is not allowed")
    assert talk(fake, f"{TOOLS}/pulls/2/reviews", "POST", bob, event="REQUEST_CHANGES").status == 422
    assert talk(fake, f"{TOOLS}/pulls/2/reviews", "POST", bob, event="APPROVED").json["official"] is True
    said = talk(fake, f"{TOOLS}/pulls/2/merge", "POST", bob, **merge)
    assert (said.status, said.message) == (405, "Not all required status checks successful")
    assert talk(fake, f"{TOOLS}/pulls/2/merge", "POST", bob, merge_when_checks_succeed=True, **merge).status == 201
    assert talk(fake, f"{TOOLS}/statuses/{head}", "POST", north, state="success", context="ci/test").status == 201
    assert talk(fake, f"{TOOLS}/pulls/2/merge", "POST", bob, Do="merge", head_commit_id="0" * 40).status == 409
    assert talk(fake, f"{TOOLS}/pulls/2/merge", "POST", bob, **merge).status == 200
    merged, issue = talk(fake, f"{TOOLS}/pulls/2").json, talk(fake, f"{TOOLS}/issues/1").json
    assert (merged["merged"], merged["merged_by"]["login"], issue["state"]) == (True, "bob", "closed")
    assert talk(fake, f"{TOOLS}/raw/count.py").body == b"N = 2\n"


def test_a_conflict_is_not_merged(fake: FakeForge) -> None:
    """Two branches that git cannot put together stay apart."""
    fake.pull("Mine", files={"README.md": "# Mine\n"})
    fake.push("main", {"README.md": "# Theirs\n"}, who=fake.alice)
    assert talk(fake, f"{TOOLS}/pulls/1/merge", "POST", fake.login(fake.bob), Do="merge").status == 409
    assert talk(fake, f"{TOOLS}/pulls/1").json["state"] == "open"


def test_a_review_is_dismissed_and_a_request_taken_back(fake: FakeForge) -> None:
    """A verdict that is dismissed says so; a request that is taken back is gone; only a verdict can be dismissed."""
    thread = fake.pull("Count twice")
    verdict = fake.by(fake.bob).review(thread, "REQUEST_CHANGES", "No.")
    asked = fake.by(fake.north).request(thread, fake.alice)
    assert asked
    by, path = fake.login(fake.north), f"{TOOLS}/pulls/1"
    assert talk(fake, f"{path}/reviews/{verdict.id}/dismissals", "POST", by, message="x").json["dismissed"] is True
    assert talk(fake, f"{path}/reviews/{asked.id}/dismissals", "POST", by, message="x").status == 403
    assert talk(fake, f"{path}/requested_reviewers", "DELETE", by, reviewers=["alice"]).status == 204
    assert [each["state"] for each in talk(fake, f"{path}/reviews").json] == ["REQUEST_CHANGES"]


def test_a_file_is_not_written_over_unseen(fake: FakeForge) -> None:
    """Who changes a file must name what is there: of two who saw the same, the second is refused."""
    by, path = fake.login(fake.north), f"{TOOLS}/contents/README.md"
    (seen,) = talk(fake, f"{TOOLS}/contents").json
    content = base64.b64encode(b"# Mine\n").decode()
    statuses = [talk(fake, path, "PUT", by, content=content, sha=seen["sha"]).status for _ in range(2)]
    assert statuses == [200, 422]
    assert talk(fake, path, "POST", by, content=content).status == 422
    assert talk(fake, f"{TOOLS}/contents/new.md", "POST", by, content=content).status == 201


def test_changing_an_application_gives_it_another_secret(fake: FakeForge) -> None:
    """The secret is told when an application is made, is never told again, and is another one after each change."""
    by, path = fake.login(fake.alice), "/user/applications/oauth2"
    made = talk(fake, path, "POST", by, name="deck", redirect_uris=["http://127.0.0.1/"], confidential_client=True).json
    assert talk(fake, f"{path}/{made['id']}", token=by).json["client_secret"] == ""
    changed = talk(fake, f"{path}/{made['id']}", "PATCH", by, name="deck", confidential_client=True).json
    assert changed["client_id"] == made["client_id"]
    assert len({"", made["client_secret"], changed["client_secret"]}) == 3
    assert talk(fake, f"{path}/{made['id']}", "DELETE", fake.login(fake.bob)).status == 404
    assert talk(fake, f"{path}/{made['id']}", "DELETE", by).status == 204


def test_who_may_not_write_does_not(fake: FakeForge) -> None:
    """Somebody who is no writer may open an issue and say something, but not merge, label or push."""
    fake.issue("Count")
    stranger = fake.login(founding.account(fake.forge, "dora"))
    assert talk(fake, f"{TOOLS}/issues/1/comments", "POST", stranger, body="Me too.").status == 201
    assert talk(fake, f"{TOOLS}/issues/1/labels", "POST", stranger, labels=[]).status == 403
    assert talk(fake, f"{TOOLS}/branches", "POST", stranger, new_branch_name="x").status == 403
    fake.tools.archived = True
    assert talk(fake, f"{TOOLS}/issues/1/comments", "POST", stranger, body="Again.").status == 423
