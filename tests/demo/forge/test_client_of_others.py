"""A client that others wrote works with the forge of the demo, as it does with real ones."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from quarterdeck.demo.forge.state import Rule
from tests.demo.forge import client_of_others
from tests.demo.forge.client_of_others import ask
from tests.fakes.forge import FakeForge

pytestmark = pytest.mark.timeout(client_of_others.LIMIT_S)
TOOLS = {"owner": "acme", "repo": "tools"}
ONCE = {"request_options": {"max_retries": 0}}


def said(answer: dict[str, Any]) -> Any:
    """Return what was found; what was refused is none."""
    assert "found" in answer, answer
    return answer["found"]


def test_it_reads_all_that_the_deck_reads(forgejo: FakeForge) -> None:
    """Every question of the deck, asked by it, has an answer that it takes for a right one."""
    issue = forgejo.issue("Count the crates")
    thread = forgejo.pull("Count them twice", f"Closes #{issue.number}")
    assert thread.pull
    forgejo.tools.rules["main"] = Rule("main", 1, ("ci/test",))
    forgejo.tools.admins.append(forgejo.reader.account)
    forgejo.by(forgejo.alice).depend(issue, forgejo.issue("First this"))
    forgejo.by(forgejo.north).request(thread, forgejo.bob)
    forgejo.by(forgejo.alice).review(thread, "APPROVED", "Yes.")
    forgejo.by(forgejo.bob).say(thread.pull.head, "ci/test", "success")
    one, ref = {**TOOLS, "index": thread.number}, {**TOOLS, "ref": thread.pull.head}
    answers = ask(
        forgejo.url,
        forgejo.token,
        ("miscellaneous", "get_version", {}),
        ("settings", "get_general_api_settings", {}),
        ("repository", "repo_search", {}),
        ("issue", "search_issues", {"state": "all", "type": "issues"}),
        ("repository", "repo_list_pull_requests", {**TOOLS, "state": "open", "sort": "recentupdate"}),
        ("repository", "repo_get_pull_request", one),
        ("repository", "repo_list_pull_reviews", one),
        ("repository", "repo_get_pull_request_files", one),
        ("repository", "repo_get_pull_request_commits", one),
        ("repository", "repo_list_statuses_by_ref", ref),
        ("repository", "repo_get_combined_status_by_ref", ref),
        ("repository", "repo_list_branches", TOOLS),
        ("repository", "repo_get_branch", {**TOOLS, "branch": "main"}),
        ("repository", "repo_list_branch_protection", TOOLS),
        ("issue", "get_comments_and_timeline", {**TOOLS, "index": issue.number}),
        ("issue", "list_issue_dependencies", {**TOOLS, "index": str(issue.number)}),
        ("issue", "list_labels", TOOLS),
    )
    found = [said(each) for each in answers]
    assert found[0]["version"] == "11.0.3+gitea-1.22.0"
    assert [each["title"] for each in found[3]] == ["First this", "Count the crates"]
    assert (found[5]["mergeable"], found[5]["changed_files"]) == (True, 1)
    assert [each["state"] for each in found[6]] == ["REQUEST_REVIEW", "APPROVED"]
    assert found[10]["state"] == "success"
    assert [each["number"] for each in found[15]] == [3]


def test_a_piece_of_work_is_done_with_it(forgejo: FakeForge) -> None:
    """With it an issue is opened and claimed, once; a change is proposed, checked, reviewed and merged."""
    north = forgejo.login(forgejo.north)
    text = base64.b64encode(b"N = 2\n").decode()
    branch = {"new_branch_name": "claim/1", **TOOLS, **ONCE}
    proposed = {"title": "Count twice", "body": "Closes #1", "head": "claim/1", "base": "main", **TOOLS}
    answers = ask(
        forgejo.url,
        north,
        ("issue", "create_issue", {"title": "Count the crates", "assignees": ["north-bot"], **TOOLS}),
        ("repository", "repo_create_branch", branch),
        ("repository", "repo_create_branch", branch),
        ("repository", "repo_create_file", {"filepath": "count.py", "content": text, "branch": "claim/1", **TOOLS}),
        ("repository", "repo_create_pull_request", proposed),
    )
    assert (answers[2].get("status"), answers[2]["error"]) == (409, "ConflictError")
    head = said(answers[4])["head"]
    assert head["ref"] == "claim/1"
    answers = ask(
        forgejo.url,
        forgejo.login(forgejo.bob),
        ("repository", "repo_create_pull_review", {"index": 2, "event": "APPROVED", "body": "Yes.", **TOOLS}),
        ("repository", "repo_create_status", {"sha": head["sha"], "state": "success", "context": "ci/test", **TOOLS}),
        ("repository", "repo_merge_pull_request", {"index": 2, "do": "merge", **TOOLS, **ONCE}),
        ("repository", "repo_get_pull_request", {"index": 2, **TOOLS}),
        ("issue", "get_issue", {"index": 1, **TOOLS}),
    )
    assert (said(answers[0])["state"], said(answers[1])["status"]) == ("APPROVED", "success")
    assert (said(answers[3])["merged"], said(answers[4])["state"]) == (True, "closed")


def test_it_is_refused_as_by_a_real_one(tmp_path: Path) -> None:
    """A token that may only read gets the error of a real forge, and one that is not known another."""
    with FakeForge(tmp_path) as fake:
        (written,) = ask(fake.url, fake.token, ("issue", "create_issue", {"title": "x", **TOOLS}))
        (strange,) = ask(fake.url, "none", ("user", "get_current", {}))
    assert (written["status"], "required=[write:issue]" in written["text"]) == (403, True)
    assert strange["status"] == 401
