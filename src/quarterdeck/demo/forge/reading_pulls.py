"""What the forge answers about pull requests and the checks of their commits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from quarterdeck.demo.forge.acts import newest_statuses
from quarterdeck.demo.forge.asking import Answer, Ask, absent
from quarterdeck.demo.forge.reading import STATES, shapes
from quarterdeck.demo.forge.shapes import NEVER, UNSIGNED, moment
from quarterdeck.demo.forge.state import Repo, Status, Thread
from quarterdeck.demo.forge.trees import Change

WORST: Final = ("error", "failure", "warning", "pending", "success", "skipped")
LISTED: Final = {"deleted": "removed", "changed": "modified"}
"""A commit has other words for what happened to a file than a pull request."""
ORDERS: Final[dict[str, tuple[Callable[[Thread], Any], bool]]] = {
    "recentupdate": (lambda each: each.updated, True),
    "leastupdate": (lambda each: each.updated, False),
    "oldest": (lambda each: each.number, False),
    "mostcomment": (lambda each: each.comments, True),
    "leastcomment": (lambda each: each.comments, False),
}


def pulls(ask: Ask) -> Answer:
    """Pull requests of a repository."""
    of, state = ask.repo(), ask.word("state", STATES, "open")
    found = [each for each, _ in of.pulls() if state == "all" or (each.closed is None) == (state == "open")]
    base = ask.word("base_branch") if ask.forge.flavour == "gitea" else ""
    found = [each for each in found if not base or (each.pull is not None and each.pull.base == base)]
    key, reverse = ORDERS.get(ask.word("sort"), (lambda each: each.number, True))
    found.sort(key=key, reverse=reverse)
    return ask.page(found, lambda each: shapes(ask).pull(of, each, listed=True))


def pull(ask: Ask) -> Answer:
    """A pull request."""
    return Answer.of(shapes(ask).pull(*ask.thread(pull=True)))


def pull_between(ask: Ask) -> Answer:
    """The pull request of two branches."""
    of = ask.repo()
    ends = (ask.parts["base"], ask.parts["head"])
    found = [thread for thread, each in of.pulls() if (each.base, each.branch) == ends]
    if not found:
        raise absent()
    return Answer.of(shapes(ask).pull(of, found[-1]))


def reviews(ask: Ask) -> Answer:
    """Reviews of a pull request, and requests for one."""
    of, thread = ask.thread(pull=True)
    return ask.page(thread.pull.reviews if thread.pull else [], lambda each: shapes(ask).review(of, thread, each))


def files(ask: Ask) -> Answer:
    """What a pull request changes."""
    of, thread = ask.thread(pull=True)
    if thread.pull is None:
        raise absent()
    found = of.trees.changes(thread.pull.base_sha, thread.pull.head)
    head = thread.pull.head
    return ask.page(found, lambda each: _file(ask, of, head, each), pages=True)


def _file(ask: Ask, of: Repo, head: str, each: Change) -> dict[str, Any]:
    page, api = shapes(ask).page(of), shapes(ask).api(of)
    told: dict[str, Any] = {"filename": each.path, "status": each.status, "additions": each.additions}
    told |= {"deletions": each.deletions, "changes": each.additions + each.deletions}
    told |= {"html_url": f"{page}/src/commit/{head}/{each.path}", "raw_url": f"{page}/raw/commit/{head}/{each.path}"}
    told |= {"contents_url": f"{api}/contents/{each.path}?ref={head}"}
    return {**told, "previous_filename": each.before} if each.before else told


def commits(ask: Ask) -> Answer:
    """Commits of a pull request."""
    of, thread = ask.thread(pull=True)
    if thread.pull is None:
        raise absent()
    found = of.trees.commits(thread.pull.base_sha, thread.pull.head)
    return ask.page(found, lambda sha: _commit(ask, of, sha), pages=True)


def _commit(ask: Ask, of: Repo, sha: str) -> dict[str, Any]:
    seen, form = of.trees.look(sha), shapes(ask)
    at, api = moment(seen.at), f"{form.api(of)}/git"
    who = {"name": seen.author, "email": seen.email, "date": at}
    told: dict[str, Any] = {"url": f"{api}/commits/{sha}", "author": who, "committer": who, "message": seen.message}
    told |= {"tree": {"url": f"{api}/trees/{sha}", "sha": sha, "created": at}}
    told |= {"verification": {**UNSIGNED, "payload": ""}}
    known = ask.forge.accounts.get(seen.author)
    user = form.user(known) if known else None
    before = of.trees.parent(sha)
    changes = of.trees.changes(before, sha) if before else []
    added, gone = sum(each.additions for each in changes), sum(each.deletions for each in changes)
    return {
        "url": told["url"],
        "sha": sha,
        "created": at,
        "html_url": f"{form.page(of)}/commit/{sha}",
        "commit": told,
        "author": user,
        "committer": user,
        "parents": [{"url": f"{api}/commits/{before}", "sha": before, "created": NEVER}] if before else [],
        "files": [{"filename": each.path, "status": LISTED.get(each.status, each.status)} for each in changes],
        "stats": {"total": added + gone, "additions": added, "deletions": gone},
    }


def statuses(ask: Ask) -> Answer:
    """All that was said of a commit, the newest first."""
    of, sha = _at(ask)
    found = [each for each in of.statuses if each.sha == sha]
    return ask.page(found[::-1], lambda each: shapes(ask).status(of, each))


def combined(ask: Ask) -> Answer:
    """The state of a commit by one page of its contexts; of a commit nobody checked there is hardly anything."""
    of, sha = _at(ask)
    number, size = ask.place()
    found = newest_statuses(of, sha)[(number - 1) * size : number * size]
    told: dict[str, Any] = {"state": "", "sha": "", "total_count": 0, "statuses": None, "repository": None}
    told |= {"commit_url": "", "url": ""}
    if found:
        api = shapes(ask).api(of)
        told |= {"state": _worst(found), "sha": sha, "total_count": len(found), "repository": shapes(ask).repo(of)}
        told |= {"commit_url": f"{api}/commits/{sha}", "url": f"{api}/commits/{sha}/status"}
        told |= {"statuses": [shapes(ask).status(of, each) for each in found]}
    return Answer.of(told)


def _worst(found: list[Status]) -> str:
    states = {each.state for each in found}
    return next(state for state in WORST if state in states)


def _at(ask: Ask) -> tuple[Repo, str]:
    of = ask.repo()
    sha = of.trees.resolve(ask.parts["ref"])
    if sha is None:
        raise absent()
    return of, sha
