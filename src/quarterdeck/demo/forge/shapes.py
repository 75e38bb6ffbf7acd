"""The forms in which the forge tells of what it knows, with the habits that programs stumble over.

- An empty list is often ``null``, and an address of a person may be empty.
- Whether an account is active is told to itself and to admins; everybody else is told ``false`` of everybody.
- ``mergeable`` is false while it is being found out, for a conflict and for a draft, and knows nothing of approvals.
- ``requested_reviewers`` are all whose newest review is an approval, a rejection or a request: also who is done.
- ``url`` of a pull request is its page, not its place in the API.
- A list of pull requests has no sizes in Gitea, and has them in Forgejo.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from quarterdeck.demo.forge.asking import Row, absent, administers, writes
from quarterdeck.demo.forge.state import (
    Account,
    Event,
    Forge,
    Label,
    Milestone,
    Pull,
    Repo,
    Review,
    Rule,
    Status,
    Thread,
    Token,
)

GHOST: Final = Account(-1, "Ghost")
NEVER: Final = "0001-01-01T00:00:00Z"
DRAFTS: Final = ("wip:", "[wip]")
UNSIGNED: Final = {"verified": False, "reason": "gpg.error.not_signed_commit", "signature": "", "signer": None}
YES: Final = ("has_issues", "has_pull_requests", "has_releases", "has_packages", "has_actions", "allow_merge_commits",
              "allow_rebase", "allow_rebase_explicit", "allow_rebase_update", "allow_squash_merge",
              "allow_fast_forward_only_merge")  # fmt: skip
NO: Final = ("has_wiki", "has_projects", "internal", "ignore_whitespace_conflicts", "default_allow_maintainer_edit",
             "default_delete_branch_after_merge")  # fmt: skip
OWN: Final[Mapping[str, Row]] = {
    "gitea": {"topics": [], "licenses": None},
    "forgejo": {
        "topics": None,
        "globally_editable_wiki": False,
        "wiki_branch": "main",
        "default_update_style": "merge",
    },
}
"""What each flavour says of a repository by itself."""
DECIDING: Final = ("APPROVED", "REQUEST_CHANGES", "REQUEST_REVIEW")


def moment(at: datetime | None) -> str | None:
    """Write a moment in whole seconds."""
    return None if at is None else at.strftime("%Y-%m-%dT%H:%M:%SZ")


def draft(thread: Thread) -> bool:
    """Whether a title says that it is not done; there is no other sign of it."""
    return thread.title.lower().startswith(DRAFTS)


def pull_of(thread: Thread) -> Pull:
    """Return what a thread has as a pull request; one that is none is not there."""
    if thread.pull is None:
        raise absent()
    return thread.pull


class Shapes:
    """The forms, for one who asks."""

    def __init__(self, forge: Forge, token: Token | None) -> None:
        self.forge, self.who = forge, None if token is None else token.account

    def user(self, account: Account | None) -> Row:
        """An account; what is private of it is told to itself and to admins."""
        account = account or GHOST
        knows = self.who is not None and (self.who is account or self.who.admin)
        if account.id not in {-1, *(each.id for each in (*self.forge.accounts.values(), *self.forge.orgs.values()))}:
            account, knows = GHOST, False
        told = {
            "id": account.id,
            "login": account.login,
            "login_name": "",
            "source_id": 0,
            "full_name": account.full_name,
            "email": f"{account.login}@example.com" if knows else "",
            "avatar_url": f"{self.forge.url}/avatars/{abs(account.id)}",
            "html_url": f"{self.forge.url}/{account.login}",
            "language": "",
            "is_admin": account.admin and knows,
            "last_login": NEVER,
            "created": NEVER if account is GHOST else "2025-02-03T08:00:00Z",
            "restricted": False,
            "active": account.active and knows,
            "prohibit_login": not account.active and knows,
            "location": "",
            "website": "",
            "description": "",
            "visibility": "public",
            "followers_count": 0,
            "following_count": 0,
            "starred_repos_count": 0,
        }
        pronouns = {"pronouns": ""} if self.forge.flavour == "forgejo" else {}
        return {**told, **pronouns, "username": account.login}

    def repo(self, repo: Repo) -> Row:
        """A repository."""
        page, open_ = self.page(repo), [thread for thread in repo.threads.values() if thread.closed is None]
        tracker = {"enable_time_tracker": True, "allow_only_contributors_to_track_time": True}
        return {
            "id": repo.id,
            "owner": self.user(repo.owner),
            "name": repo.name,
            "full_name": repo.full_name,
            "description": repo.description,
            "empty": False,
            "private": repo.private,
            "fork": False,
            "template": False,
            "mirror": False,
            "size": 24,
            "language": "",
            "languages_url": f"{self.api(repo)}/languages",
            "html_url": page,
            "url": self.api(repo),
            "link": "",
            "ssh_url": f"git@git.example.com:{repo.full_name}.git",
            "clone_url": f"{page}.git",
            "original_url": "",
            "website": "",
            "stars_count": 0,
            "forks_count": 0,
            "watchers_count": 1,
            "open_issues_count": sum(thread.pull is None for thread in open_),
            "open_pr_counter": sum(thread.pull is not None for thread in open_),
            "release_counter": 0,
            "default_branch": "main",
            "archived": repo.archived,
            "created_at": moment(repo.created),
            "updated_at": moment(repo.updated or repo.created),
            "archived_at": "1970-01-01T00:00:00Z",
            "permissions": self._permissions(repo),
            **dict.fromkeys(YES, True),
            **dict.fromkeys(NO, False),
            **OWN[self.forge.flavour],
            "internal_tracker": {**tracker, "enable_issue_dependencies": repo.dependencies},
            "avatar_url": "",
            "default_merge_style": "merge",
            "mirror_interval": "",
            "mirror_updated": NEVER,
            "object_format_name": "sha1",
            "parent": None,
            "repo_transfer": None,
        }

    def _permissions(self, repo: Repo) -> Row:
        who = self.who
        may = (who is not None and administers(repo, who), who is not None and writes(repo, who), True)
        return dict(zip(("admin", "push", "pull"), may, strict=True))

    def label(self, label: Label) -> Row:
        """A label."""
        told = {name: getattr(label, name) for name in ("id", "name", "exclusive")}
        told |= {"is_archived": False, "color": label.color, "description": label.description}
        return {**told, "url": f"{self.forge.url}/api/v1/labels/{label.id}"}

    def milestone(self, repo: Repo, milestone: Milestone | None) -> Row | None:
        """A milestone."""
        if milestone is None:
            return None
        of_it = [thread for thread in repo.threads.values() if thread.milestone is milestone]
        closed = sum(thread.closed is not None for thread in of_it)
        told = {"id": milestone.id, "title": milestone.title, "description": "", "state": "open"}
        told |= {"open_issues": len(of_it) - closed, "closed_issues": closed, "closed_at": None, "due_on": None}
        return {**told, "created_at": moment(milestone.created), "updated_at": moment(milestone.created)}

    def _thread(self, repo: Repo, thread: Thread) -> Row:
        """What issues and pull requests have in common."""
        assignees = [self.user(each) for each in thread.assignees] or None
        return {
            "id": thread.id,
            "number": thread.number,
            "user": self.user(thread.author),
            "title": thread.title,
            "body": thread.body,
            "labels": [self.label(each) for each in thread.labels],
            "milestone": self.milestone(repo, thread.milestone),
            "assignee": assignees[0] if assignees else None,
            "assignees": assignees,
            "state": "open" if thread.closed is None else "closed",
            "is_locked": False,
            "comments": thread.comments,
            "created_at": moment(thread.created),
            "updated_at": moment(thread.updated),
            "closed_at": moment(thread.closed),
            "due_date": None,
            "pin_order": 0,
        }

    def issue(self, repo: Repo, thread: Thread) -> Row:
        """An issue, or a pull request as issues are told."""
        pull, kind = thread.pull, "issues" if thread.pull is None else "pulls"
        page = f"{self.page(repo)}/{kind}/{thread.number}"
        meta = {"merged": pull.merged_at is not None, "merged_at": moment(pull.merged_at)} if pull else None
        where = {"id": repo.id, "name": repo.name, "owner": repo.owner.login, "full_name": repo.full_name}
        return {
            **self._thread(repo, thread),
            "url": f"{self.api(repo)}/issues/{thread.number}",
            "html_url": page,
            "original_author": "",
            "original_author_id": 0,
            "ref": "",
            "assets": [],
            "pull_request": meta and {**meta, "draft": draft(thread), "html_url": page},
            "repository": where,
        }

    def pull(self, repo: Repo, thread: Thread, *, listed: bool = False) -> Row:
        """A pull request; of those in a list Gitea says less."""
        pull = pull_of(thread)
        page = f"{self.page(repo)}/pulls/{thread.number}"
        sizes = self._sizes(repo, pull) if not listed or self.forge.flavour == "forgejo" else {}
        return {
            **self._thread(repo, thread),
            "url": page,
            "html_url": page,
            "diff_url": f"{page}.diff",
            "patch_url": f"{page}.patch",
            "requested_reviewers": self._reviewers(pull),
            "requested_reviewers_teams": None,
            "draft": draft(thread),
            "review_comments": sum(review.lines for review in pull.reviews),
            **sizes,
            "mergeable": self.mergeable(repo, thread),
            "merged": pull.merged_at is not None,
            "merged_at": moment(pull.merged_at),
            "merge_commit_sha": pull.merge_sha,
            "merged_by": self.user(pull.merged_by) if pull.merged_at else None,
            "allow_maintainer_edit": False,
            "base": self._end(repo, pull.base, pull.base_sha),
            "head": self._end(repo, pull.branch, pull.head),
            "merge_base": repo.trees.merge_base(pull.base_sha, pull.head),
        }

    def mergeable(self, repo: Repo, thread: Thread) -> bool:
        """What the forge says: no also while it does not know yet."""
        pull = pull_of(thread)
        known = (self.forge.now() - pull.checked_from).total_seconds() >= self.forge.computing_s
        if not known or draft(thread) or pull.merged_at is not None:
            return False
        return repo.trees.merged(pull.base_sha, pull.head) is not None

    def _reviewers(self, pull: Pull) -> list[Row] | None:
        newest = {review.who.id: review for review in pull.reviews if review.who and review.state in DECIDING}
        return [self.user(review.who) for review in newest.values()] or None

    def _sizes(self, repo: Repo, pull: Pull) -> Row:
        changes = repo.trees.changes(pull.base_sha, pull.head)
        additions, deletions = (sum(getattr(each, name) for each in changes) for name in ("additions", "deletions"))
        return {"additions": additions, "deletions": deletions, "changed_files": len(changes)}

    def _end(self, repo: Repo, branch: str, sha: str) -> Row:
        return {"label": branch, "ref": branch, "sha": sha, "repo_id": repo.id, "repo": self.repo(repo)}

    def review(self, repo: Repo, thread: Thread, review: Review) -> Row:
        """A review, or a request for one."""
        page = f"{self.page(repo)}/pulls/{thread.number}"
        return {
            "id": review.id,
            "user": self.user(review.who) if review.who else None,
            "team": None if review.team is None else _team(review.team),
            "state": review.state,
            "body": review.body,
            "commit_id": review.commit,
            "stale": review.stale,
            "official": review.official,
            "dismissed": review.dismissed,
            "comments_count": review.lines,
            "submitted_at": moment(review.at),
            "updated_at": moment(review.at),
            "html_url": f"{page}#issuecomment-{review.id}",
            "pull_request_url": page,
        }

    def status(self, repo: Repo, status: Status) -> Row:
        """What was said of a commit."""
        told = {"id": status.id, "status": status.state, "target_url": "", "description": status.description}
        told |= {"url": f"{self.api(repo)}/statuses/{status.sha}", "context": status.context}
        return {
            **told,
            "creator": self.user(status.who),
            "created_at": moment(status.at),
            "updated_at": moment(status.at),
        }

    def event(self, repo: Repo, thread: Thread, event: Event) -> Row:
        """Something that happened."""
        blank = ("ref_issue", "ref_comment", "label", "milestone", "old_milestone", "assignee", "dependent_issue",
                 "assignee_team", "resolve_doer", "tracked_time")  # fmt: skip
        texts = ("old_title", "new_title", "old_ref", "new_ref", "ref_action", "ref_commit_sha")
        page, kind = self.page(repo), "issues" if thread.pull is None else "pulls"
        of_pull = thread.pull is not None
        told = {
            "id": event.id,
            "type": event.type,
            "html_url": f"{page}/{kind}/{thread.number}#issuecomment-{event.id}",
        }
        told |= {"issue_url": "" if of_pull else f"{page}/issues/{thread.number}", "user": self.user(event.who)}
        told |= {"pull_request_url": f"{page}/pulls/{thread.number}" if of_pull else "", "body": event.body}
        told |= {"created_at": moment(event.at), "updated_at": moment(event.at), "old_project_id": 0, "project_id": 0}
        told |= {"review_id": 0, "removed_assignee": False, **dict.fromkeys(blank), **dict.fromkeys(texts, "")}
        return {**told, **{name: self._told(value) for name, value in event.told.items()}}

    def _told(self, value: object) -> object:
        if isinstance(value, Account):
            return self.user(value)
        if isinstance(value, Label):
            return self.label(value)
        return self.issue(*value) if isinstance(value, tuple) else value

    def branch(self, repo: Repo, name: str, sha: str) -> Row:
        """A branch, with as much of its rule as everybody is told."""
        rule = repo.rules.get(name)
        may = self.who is not None and writes(repo, self.who)
        told = {"name": name, "commit": self.pushed(repo, sha), "protected": rule is not None}
        told |= {"required_approvals": rule.required_approvals if rule else 0}
        contexts = rule.status_check_contexts if rule else None
        told |= {"enable_status_check": contexts is not None, "status_check_contexts": list(contexts or ())}
        told |= {"user_can_push": may and rule is None, "user_can_merge": may}
        return {
            **told,
            "effective_branch_protection_name": name if rule and self.who and administers(repo, self.who) else "",
        }

    def pushed(self, repo: Repo, sha: str) -> Row:
        """A commit, as branches and pushes tell of it."""
        commit = repo.trees.look(sha)
        known = self.forge.accounts.get(commit.author)
        who = {"name": commit.author, "email": commit.email, "username": known.login if known else ""}
        told: Row = {"id": sha, "message": commit.message, "url": f"{self.page(repo)}/commit/{sha}", "author": who}
        told |= {"committer": who, "verification": {**UNSIGNED, "payload": ""}, "timestamp": moment(commit.at)}
        return {**told, "added": None, "removed": None, "modified": None}

    def rule(self, rule: Rule, at: datetime) -> Row:
        """The whole rule of a branch, which is told to admins of the repository."""
        flags = ("block_on_rejected_reviews", "block_on_official_review_requests", "block_on_outdated_branch",
                 "dismiss_stale_approvals", "ignore_stale_approvals")  # fmt: skip
        lists = ("push_whitelist_usernames", "push_whitelist_teams", "merge_whitelist_usernames",
                 "merge_whitelist_teams", "approvals_whitelist_username", "approvals_whitelist_teams")  # fmt: skip
        no = ("enable_push_whitelist", "push_whitelist_deploy_keys", "enable_merge_whitelist",
              "enable_approvals_whitelist", "require_signed_commits")  # fmt: skip
        told: Row = {"branch_name": rule.branch, "rule_name": rule.branch, "enable_push": False}
        told |= {"required_approvals": rule.required_approvals, "protected_file_patterns": rule.protected_file_patterns}
        told |= {"enable_status_check": rule.status_check_contexts is not None, "unprotected_file_patterns": ""}
        told |= {"status_check_contexts": list(rule.status_check_contexts or ()), "created_at": moment(at)}
        told |= {name: getattr(rule, name) for name in flags} | dict.fromkeys(no, False)
        own: dict[str, Row] = {
            "gitea": {"priority": 1, "block_admin_merge_override": False},
            "forgejo": {"apply_to_admins": False},
        }
        return {**told, **dict.fromkeys(lists), **own[self.forge.flavour], "updated_at": moment(at)}

    def page(self, repo: Repo) -> str:
        """Where a person opens a repository."""
        return f"{self.forge.url}/{repo.full_name}"

    def api(self, repo: Repo) -> str:
        """Where a program asks about it."""
        return f"{self.forge.url}/api/v1/repos/{repo.full_name}"


def _team(name: str) -> Row:
    told: Row = {"id": 1, "name": name, "description": "", "organization": None, "permission": "write"}
    return {**told, "includes_all_repositories": True, "can_create_org_repo": False, "units": None, "units_map": None}
