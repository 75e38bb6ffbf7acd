"""Webhooks as Gitea and Forgejo send them: the heads, and the documented shape of each event, with invented names.

Recorded ones cannot be shipped: no package that can be had at test time holds any. These have the parts, the order, the
nulls and the odd values (an empty commit, an escaped slash) of those that were recorded of real servers.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from tests.access.asking import HOST, Header

Json = dict[str, Any]

PULL_ACTIONS: Final = (
    *("opened", "edited", "closed", "reopened", "synchronized", "assigned", "unassigned", "label_updated"),
    *("label_cleared", "milestoned", "demilestoned", "review_requested", "review_request_removed"),
)
ISSUE_ACTIONS: Final = (
    *("opened", "edited", "closed", "reopened", "deleted", "assigned", "unassigned", "label_updated"),
    *("label_cleared", "milestoned", "demilestoned"),
)
REVIEWS: Final = ("approved", "rejected", "comment")
SHA: Final = "a" * 40


def account(login: str) -> Json:
    """Somebody, as forges write them."""
    mail = f"{login}@noreply.example.com"
    return {"id": 7, "login": login, "full_name": "", "email": mail, "avatar_url": "", "username": login}


def repository(full_name: str = "acme/tools") -> Json:
    """A repository, as forges write it."""
    owner, _, name = full_name.partition("/")
    return {
        "id": 61, "owner": account(owner), "name": name, "full_name": full_name, "description": "", "private": True,
        "fork": False, "parent": None, "empty": False, "mirror": False, "size": 36_864, "permissions": None,
        "html_url": f"https://git.example.com/{full_name}", "default_branch": "main", "object_format_name": "",
    }  # fmt: skip


def _issue() -> Json:
    return {
        "id": 9, "number": 7, "user": account("alice"), "title": "Say \u201chello\u201d", "body": "", "labels": [],
        "milestone": None, "assignee": None, "assignees": None, "state": "open", "pull_request": None,
    }  # fmt: skip


def _pull() -> Json:
    end = {"label": "main", "ref": "main", "sha": SHA, "repo_id": 61, "repo": repository()}
    requested = [account("bob")]
    return {**_issue(), "requested_reviewers": requested, "mergeable": False, "merged": False, "base": end, "head": end}


def events(full_name: str = "acme/tools") -> Mapping[str, Json]:
    """Every event that is about a repository, by a name for the test."""
    about = {"repository": repository(full_name), "sender": account("alice")}
    commit = {"id": SHA, "message": "Why\n", "author": account("alice"), "added": None, "modified": ["a"]}
    pushed = {"ref": "refs/heads/main", "before": SHA, "after": SHA, "commits": [commit], "head_commit": commit}
    found: dict[str, Json] = {
        "push": {**pushed, "total_commits": 1, "pusher": account("alice")},
        "push of a tag": {**pushed, "ref": "refs/tags/v1", "commits": [], "head_commit": None},
        "create": {"sha": SHA, "ref": "feature", "ref_type": "branch"},
        "delete": {"ref": "feature", "ref_type": "branch", "pusher_type": "user"},
        "issue comment": {"action": "created", "issue": _issue(), "comment": {"id": 1, "body": "x"}, "is_pull": False},
        "status": {"commit": commit, "context": "ci/test", "state": "success", "target_url": "", "id": 4},
        "release": {"action": "published", "release": {"id": 3, "tag_name": "v1", "draft": False}},
        "wiki": {"action": "edited", "page": "Home", "comment": ""},
        "repository": {"action": "created", "organization": account("acme")},
    }
    found |= {f"issue {action}": {"action": action, "number": 7, "issue": _issue()} for action in ISSUE_ACTIONS}
    pulls = {"number": 7, "pull_request": _pull(), "requested_reviewer": None, "commit_id": "", "review": None}
    found |= {f"pull request {action}": {"action": action, **pulls} for action in PULL_ACTIONS}
    for kind in REVIEWS:
        review = {"type": f"pull_request_review_{kind}", "content": ""}
        found[f"review {kind}"] = {"action": "reviewed", **pulls, "review": review}
    return {name: {**payload, **about} for name, payload in found.items()}


def body_of(payload: object) -> bytes:
    """Write it as Go does: indented, and with what HTML obeys escaped."""
    written = json.dumps(payload, indent=2, ensure_ascii=False)
    return written.replace("&", "\\u0026").replace("<", "\\u003c").encode()


def heads(
    body: bytes, secret: bytes, *, number: int = 1, event: str = "push", forgejo: bool = False, host: bytes = HOST
) -> list[Header]:
    """Everything a forge says with a webhook. Without a secret the signatures are there and empty."""
    digest = hmac.new(secret, body, hashlib.sha256).hexdigest().encode() if secret else b""
    older = hmac.new(secret, body, hashlib.sha1).hexdigest().encode() if secret else b""
    name = str(UUID(int=number)).encode()
    said: list[Header] = [
        (b"host", host),
        (b"user-agent", b"Go-http-client/1.1"),
        (b"content-length", str(len(body)).encode()),
        (b"content-type", b"application/json"),
    ]
    for kind in ("gitea", "gogs", "github", *(("forgejo",) if forgejo else ())):
        said += [(f"x-{kind}-{word}".encode(), value) for word, value in (
            ("delivery", name), ("event", event.encode()), ("event-type", event.encode()))]  # fmt: skip
    said += [(f"x-{kind}-signature".encode(), digest) for kind in ("gitea", "gogs", *(("forgejo",) if forgejo else ()))]
    return [*said, (b"x-hub-signature", b"sha1=" + older), (b"x-hub-signature-256", b"sha256=" + digest)]
