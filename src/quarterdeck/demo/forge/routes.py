"""What can be asked of the forge: one table of methods, paths, the scope a token needs, and what answers.

Rule: to read is asked for by GET, all else writes; the level of the scope follows from that and is not in the table.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from quarterdeck.demo.forge import reading as r
from quarterdeck.demo.forge import reading_pulls as p
from quarterdeck.demo.forge import writing as w
from quarterdeck.demo.forge.asking import Answer, Ask

Handler = Callable[[Ask], Answer]
REPO: Final = "/repos/{owner}/{repo}"
ISSUE: Final = f"{REPO}/issues/{{index}}"
PULL: Final = f"{REPO}/pulls/{{index}}"


@dataclass(frozen=True, slots=True)
class Route:
    """A thing that can be asked."""

    method: str
    path: str
    """Names in braces are of one part; one with ``...`` at its end is of all that follows."""
    group: str
    """Which scope a token needs; nothing for what everybody may ask."""
    handler: Handler
    known: bool = False
    """Whether only somebody with a token may ask."""

    @property
    def pattern(self) -> re.Pattern[str]:
        """What a path must be."""
        whole = re.sub(r"\{(\w+)\.\.\.\}", r"(?P<\1>.*)", self.path)
        return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", whole) + "$")


ROUTES: Final = (
    Route("GET", "/version", "", r.version),
    Route("GET", "/settings/api", "", r.limits),
    Route("GET", "/user", "user", r.me, known=True),
    Route("GET", "/user/repos", "user", r.own_repos, known=True),
    Route("GET", "/user/applications/oauth2", "user", r.applications, known=True),
    Route("GET", "/user/applications/oauth2/{id}", "user", r.one_application, known=True),
    Route("GET", "/admin/cron", "admin", r.jobs, known=True),
    Route("GET", "/orgs/{org}/repos", "organization", r.org_repos),
    Route("GET", "/orgs/{org}/labels", "organization", r.org_labels),
    Route("GET", "/repos/search", "repository", r.find_repos),
    Route("GET", "/repos/issues/search", "issue", r.find_issues),
    Route("GET", REPO, "repository", r.repo),
    Route("GET", f"{REPO}/branches", "repository", r.branches),
    Route("GET", f"{REPO}/branches/{{branch...}}", "repository", r.branch),
    Route("GET", f"{REPO}/branch_protections", "repository", r.rules, known=True),
    Route("GET", f"{REPO}/branch_protections/{{name}}", "repository", r.rule, known=True),
    Route("GET", f"{REPO}/contents", "repository", r.contents),
    Route("GET", f"{REPO}/contents/{{path...}}", "repository", r.contents),
    Route("GET", f"{REPO}/raw/{{path...}}", "repository", r.raw),
    Route("GET", f"{REPO}/hooks", "repository", r.hooks, known=True),
    Route("GET", f"{REPO}/labels", "issue", r.labels),
    Route("GET", f"{REPO}/milestones", "issue", r.milestones),
    Route("GET", f"{REPO}/issues", "issue", r.issues),
    Route("GET", ISSUE, "issue", r.issue),
    Route("GET", f"{ISSUE}/comments", "issue", r.comments),
    Route("GET", f"{ISSUE}/timeline", "issue", r.timeline),
    Route("GET", f"{ISSUE}/labels", "issue", r.thread_labels),
    Route("GET", f"{ISSUE}/dependencies", "issue", r.dependencies),
    Route("GET", f"{ISSUE}/blocks", "issue", r.blocks),
    Route("GET", f"{REPO}/pulls", "repository", p.pulls),
    Route("GET", PULL, "repository", p.pull),
    Route("GET", f"{PULL}/reviews", "repository", p.reviews),
    Route("GET", f"{PULL}/files", "repository", p.files),
    Route("GET", f"{PULL}/commits", "repository", p.commits),
    Route("GET", f"{REPO}/pulls/{{base}}/{{head...}}", "repository", p.pull_between),
    Route("GET", f"{REPO}/commits/{{ref}}/status", "repository", p.combined),
    Route("GET", f"{REPO}/commits/{{ref}}/statuses", "repository", p.statuses),
    Route("GET", f"{REPO}/statuses/{{ref}}", "repository", p.statuses),
    # --- what is done, for which somebody must be known
    Route("POST", f"{REPO}/issues", "issue", w.open_issue),
    Route("PATCH", ISSUE, "issue", w.edit_issue),
    Route("POST", f"{ISSUE}/comments", "issue", w.comment),
    Route("POST", f"{ISSUE}/labels", "issue", w.add_labels),
    Route("PUT", f"{ISSUE}/labels", "issue", w.set_labels),
    Route("DELETE", f"{ISSUE}/labels/{{id}}", "issue", w.remove_label),
    Route("POST", f"{ISSUE}/dependencies", "issue", w.depend),
    Route("POST", f"{REPO}/pulls", "repository", w.open_pull),
    Route("PATCH", PULL, "repository", w.edit_pull),
    Route("POST", f"{PULL}/reviews", "repository", w.review),
    Route("POST", f"{PULL}/reviews/{{id}}/dismissals", "repository", w.dismiss),
    Route("POST", f"{PULL}/requested_reviewers", "repository", w.request),
    Route("DELETE", f"{PULL}/requested_reviewers", "repository", w.unrequest),
    Route("POST", f"{PULL}/merge", "repository", w.merge),
    Route("POST", f"{REPO}/branches", "repository", w.make_branch),
    Route("DELETE", f"{REPO}/branches/{{branch...}}", "repository", w.delete_branch),
    Route("POST", f"{REPO}/contents/{{path...}}", "repository", w.write_file),
    Route("PUT", f"{REPO}/contents/{{path...}}", "repository", w.write_file),
    Route("POST", f"{REPO}/statuses/{{ref}}", "repository", w.say),
    Route("POST", f"{REPO}/hooks", "repository", w.make_hook),
    Route("POST", "/user/applications/oauth2", "user", w.make_application),
    Route("PATCH", "/user/applications/oauth2/{id}", "user", w.edit_application),
    Route("DELETE", "/user/applications/oauth2/{id}", "user", w.remove_application),
)


def find(
    table: tuple[tuple[re.Pattern[str], Route], ...], method: str, path: str
) -> tuple[Route, dict[str, str]] | int:
    """Return what answers and what the path names; or the status of the refusal."""
    there = False
    for pattern, route in table:
        found = pattern.match(path)
        if found and route.method == method:
            return route, {name: unquote(value) for name, value in found.groupdict().items()}
        there |= found is not None
    return 405 if there else 404
