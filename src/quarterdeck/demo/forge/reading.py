"""What the forge answers when it is only asked: accounts, repositories, branches, labels, issues, and searches."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from re import search
from typing import Any, Final

from quarterdeck.demo.forge.asking import PLAIN, Answer, Ask, RefusedError, absent, administers, visible
from quarterdeck.demo.forge.shapes import Shapes, draft
from quarterdeck.demo.forge.state import Account, Application, Forge, Hook, Repo, Thread

STATES: Final = ("open", "closed", "all")
LATEST: Final = datetime.max.replace(tzinfo=UTC)


def shapes(ask: Ask) -> Shapes:
    """Return the forms for whoever asks."""
    return Shapes(ask.forge, ask.token)


def version(ask: Ask) -> Answer:
    """Which release it is."""
    return Answer.of({"version": ask.forge.release})


def limits(ask: Ask) -> Answer:
    """How much it tells of at once."""
    sizes = {"max_response_items": ask.forge.page_limit, "default_paging_num": ask.forge.page_default}
    more = {"default_git_trees_per_page": 1000, "default_max_blob_size": 10485760}
    newer = {"default_max_response_size": 104857600} if ask.forge.flavour == "gitea" else {}
    return Answer.of({**sizes, **more, **newer})


def me(ask: Ask) -> Answer:
    """Who asks."""
    return Answer.of(shapes(ask).user(ask.who))


def jobs(ask: Ask) -> Answer:
    """What the site does by itself, which only admins are told."""
    if not ask.who.admin:
        raise RefusedError(403, "user should be the site admin")
    told = {"name": "update_mirrors", "schedule": "@every 10m", "exec_times": 3}
    return Answer.of([{**told, "next": "2026-01-01T00:00:00Z", "prev": "2026-01-01T00:00:00Z"}])


def seen(ask: Ask) -> list[Repo]:
    """Return the repositories that whoever asks is shown."""
    return [repo for repo in ask.forge.repos.values() if not repo.hidden and visible(repo, ask.token)]


def find_repos(ask: Ask) -> Answer:
    """Repositories, by words."""
    words, archived = ask.word("q").lower(), ask.flag("archived")
    found = [repo for repo in seen(ask) if words in repo.full_name.lower()]
    found = [repo for repo in found if archived is None or repo.archived is archived]
    answer = ask.page(found, shapes(ask).repo)
    return Answer(200, b'{"ok":true,"data":%b}\n' % answer.body.strip(), headers=answer.headers)


def own_repos(ask: Ask) -> Answer:
    """Repositories that belong to whoever asks: an account that only works in those of others is told of none."""
    who = ask.who
    return ask.page([repo for repo in seen(ask) if repo.owner is who], shapes(ask).repo)


def org_repos(ask: Ask) -> Answer:
    """Repositories of an organisation."""
    org = _org(ask)
    return ask.page([repo for repo in seen(ask) if repo.owner is org], shapes(ask).repo)


def org_labels(ask: Ask) -> Answer:
    """Labels of an organisation."""
    return ask.page(ask.forge.org_labels.get(_org(ask).login, []), shapes(ask).label)


def _org(ask: Ask) -> Account:
    found = ask.forge.orgs.get(ask.parts["org"])
    if found is None:
        raise absent()
    return found


def repo(ask: Ask) -> Answer:
    """A repository."""
    return Answer.of(shapes(ask).repo(ask.repo()))


def branches(ask: Ask) -> Answer:
    """Branches of a repository."""
    of = ask.repo()
    return ask.page(list(of.trees.branches().items()), lambda each: shapes(ask).branch(of, *each))


def branch(ask: Ask) -> Answer:
    """A branch."""
    of, name = ask.repo(), ask.parts["branch"]
    sha = of.trees.branches().get(name)
    if sha is None:
        raise absent()
    return Answer.of(shapes(ask).branch(of, name, sha))


def rules(ask: Ask) -> Answer:
    """Rules of all branches, for admins of the repository."""
    of = admins_repo(ask)
    return Answer.of([shapes(ask).rule(rule, of.created) for rule in of.rules.values()])


def rule(ask: Ask) -> Answer:
    """The rule of a branch, for admins of the repository."""
    of = admins_repo(ask)
    if ask.parts["name"] not in of.rules:
        raise absent()
    return Answer.of(shapes(ask).rule(of.rules[ask.parts["name"]], of.created))


def admins_repo(ask: Ask) -> Repo:
    """Return the repository of the path, to its admins."""
    of = ask.repo()
    if not administers(of, ask.who):
        raise RefusedError(403, "user should be an owner or a collaborator with admin write of a repository")
    return of


def labels(ask: Ask) -> Answer:
    """Labels of a repository; those of its organisation are not among them."""
    return ask.page(ask.repo().labels, shapes(ask).label)


def milestones(ask: Ask) -> Answer:
    """Milestones of a repository."""
    of = ask.repo()
    return ask.page(of.milestones, lambda each: shapes(ask).milestone(of, each))


def raw(ask: Ask) -> Answer:
    """A file, as it is."""
    return Answer(200, _file(ask.repo(), ask), PLAIN)


def contents(ask: Ask) -> Answer:
    """A file with its content, or the list of what is in a folder."""
    of, path = ask.repo(), ask.parts.get("path", "").strip("/")
    ref = _ref(of, ask)
    listed = of.trees.listing(ref, path)
    if listed:
        return Answer.of([_entry(ask, of, *each) for each in listed])
    body = _file(of, ask)
    kind, sha, name = of.trees.listing(ref, path.rpartition("/")[0])[0][0], ref, path
    told = {**_entry(ask, of, kind, sha, name), "type": "file", "size": len(body), "encoding": "base64"}
    return Answer.of({**told, "content": base64.b64encode(body).decode()})


def _entry(ask: Ask, of: Repo, kind: str, sha: str, path: str) -> dict[str, Any]:
    page, api = shapes(ask).page(of), shapes(ask).api(of)
    told = {"name": path.rpartition("/")[2], "path": path, "sha": sha, "type": kind, "size": 0, "encoding": None}
    told |= {"content": None, "target": None, "submodule_git_url": None, "url": f"{api}/contents/{path}"}
    return {**told, "html_url": f"{page}/src/branch/main/{path}", "git_url": None, "download_url": None, "_links": None}


def _ref(of: Repo, ask: Ask) -> str:
    sha = of.trees.resolve(ask.word("ref", default="main") or "main")
    if sha is None:
        raise absent()
    return sha


def _file(of: Repo, ask: Ask) -> bytes:
    found = of.trees.blob(_ref(of, ask), ask.parts["path"].strip("/"))
    if found is None:
        raise absent()
    return found


# --- issues ----------------------------------------------------------------------------------------------------------


def find_issues(ask: Ask) -> Answer:
    """Issues and pull requests of all repositories."""
    who = None if ask.token is None else ask.token.account
    owner = ask.word("owner")
    if owner and owner not in {**ask.forge.accounts, **ask.forge.orgs}:
        raise RefusedError(400, "Owner not found")
    places = [repo for repo in seen(ask) if not owner or repo.owner.login == owner]
    found = [(repo, thread) for repo in places for thread in wanted(ask, repo.threads.values())]
    for name in ("assigned", "created", "mentioned", "review_requested", "reviewed"):
        if ask.flag(name):
            found = [each for each in found if who is not None and _concerns(name, each[1], who)]
    found.sort(key=lambda each: (each[1].created, each[1].id), reverse=True)
    return ask.page(found, lambda each: shapes(ask).issue(*each))


def issues(ask: Ask) -> Answer:
    """Issues of a repository, and its pull requests, unless it is said which of both."""
    of = ask.repo()
    for name in ("created_by", "assigned_by", "mentioned_by"):
        login = ask.word(name)
        if login and login not in ask.forge.accounts:
            raise RefusedError(404, f"user does not exist [uid: 0, name: {login}]")
    found = [thread for thread in wanted(ask, of.threads.values()) if _by(ask, thread)]
    found.sort(key=lambda each: each.number, reverse=True)
    return ask.page(found, lambda each: shapes(ask).issue(of, each))


def wanted(ask: Ask, threads: Iterable[Thread]) -> list[Thread]:
    """Return the threads that a query asks for; names of labels that nobody knows are passed over."""
    state, kind, words = ask.word("state", STATES, "open"), ask.word("type"), ask.word("q").lower()
    since, before = ask.moment("since"), ask.moment("before") or LATEST
    known = {label.name for repo in ask.forge.repos.values() for label in ask.forge.labels_of(repo)}
    names = {name for name in ask.word("labels").split(",") if name in known}
    stones = set(filter(None, ask.word("milestones").split(",")))
    return [
        each
        for each in threads
        if (state == "all" or (each.closed is None) == (state == "open"))
        and {"issues": each.pull is None, "pulls": each.pull is not None}.get(kind, True)
        and words in f"{each.title}\n{each.body}".lower()
        and (since is None or each.updated >= since)
        and each.updated <= before
        and (not names or names & {label.name for label in each.labels})
        and (not stones or (each.milestone is not None and each.milestone.title in stones))
    ]


def _concerns(name: str, thread: Thread, who: Account) -> bool:
    reviews = thread.pull.reviews if thread.pull else []
    mine = [each for each in reviews if each.who is who]
    told = {
        "assigned": who in thread.assignees,
        "created": thread.author is who,
        "mentioned": f"@{who.login}" in thread.body,
        "review_requested": bool(mine) and mine[-1].state == "REQUEST_REVIEW",
        "reviewed": any(each.state != "REQUEST_REVIEW" for each in mine),
    }
    return told[name]


def _by(ask: Ask, thread: Thread) -> bool:
    creator, assignee = ask.word("created_by"), ask.word("assigned_by")
    fits = not creator or thread.author.login == creator
    return fits and (not assignee or assignee in {each.login for each in thread.assignees})


def issue(ask: Ask) -> Answer:
    """An issue."""
    return Answer.of(shapes(ask).issue(*ask.thread()))


def comments(ask: Ask) -> Answer:
    """What was said in a thread."""
    of, thread = ask.thread()
    said = [event for event in thread.events if event.type == "comment"]
    return Answer.of([comment(ask, of, thread, each.id) for each in said], headers={"X-Total-Count": str(len(said))})


def comment(ask: Ask, of: Repo, thread: Thread, number: int) -> dict[str, Any]:
    """Return the form of a comment."""
    event = next(each for each in thread.events if each.id == number)
    told = shapes(ask).event(of, thread, event)
    kept = ("id", "html_url", "issue_url", "pull_request_url", "user", "body", "created_at", "updated_at")
    return {**{name: told[name] for name in kept}, "original_author": "", "original_author_id": 0, "assets": []}


def timeline(ask: Ask) -> Answer:
    """All that happened to a thread: by pages only where a page is asked for.

    What was said on lines of a change counts for a page and is not told, and what is said to be the number of all is
    the number of those on the page.
    """
    of, thread = ask.thread()
    since, before = ask.moment("since"), ask.moment("before") or LATEST
    found = [each for each in thread.events if (since is None or each.at >= since) and each.at <= before]
    if ask.query.get("page", "0") != "0":
        number, size = ask.place()
        found = found[(number - 1) * size : number * size]
    told = [shapes(ask).event(of, thread, each) for each in found if each.type != "code"]
    return Answer.of(told, headers={"X-Total-Count": str(len(told))})


def dependencies(ask: Ask) -> Answer:
    """What a thread depends on, without saying how much that is."""
    of, thread = ask.thread()
    if not of.dependencies:
        raise absent()
    return _linked(ask, thread.needs)


def blocks(ask: Ask) -> Answer:
    """What depends on a thread."""
    of, thread = ask.thread()
    if not of.dependencies:
        raise absent()
    everything = ((repo, each) for repo in ask.forge.repos.values() for each in repo.threads.values())
    return _linked(ask, [(repo, each) for repo, each in everything if (of, thread) in each.needs])


def _linked(ask: Ask, found: Sequence[tuple[Repo, Thread]]) -> Answer:
    shown = [each for each in found if not each[0].hidden and visible(each[0], ask.token)]
    answer = ask.page(shown, lambda each: shapes(ask).issue(*each))
    return Answer(200, answer.body)


def thread_labels(ask: Ask) -> Answer:
    """Labels of a thread."""
    return Answer.of([shapes(ask).label(each) for each in ask.thread()[1].labels])


# --- hooks and applications ------------------------------------------------------------------------------------------


def hook(each: Hook) -> dict[str, Any]:
    """Return the form of a hook, which never has the secret."""
    told: dict[str, Any] = {"id": each.id, "type": "gitea", "active": True, "events": list(each.events)}
    at = each.made.strftime("%Y-%m-%dT%H:%M:%SZ")
    config = {"url": each.url, "content_type": each.content_type}
    return {
        **told,
        "config": config,
        "branch_filter": "*",
        "authorization_header": "",
        "created_at": at,
        "updated_at": at,
    }


def hooks(ask: Ask) -> Answer:
    """Hooks of a repository, for its admins."""
    return ask.page(admins_repo(ask).hooks, hook)


def application(each: Application, *, secret: str = "") -> dict[str, Any]:
    """Return the form of an application; its secret is told only when it was just made."""
    told = {"id": each.id, "name": each.name, "client_id": each.client_id, "client_secret": secret}
    told |= {"redirect_uris": list(each.redirects), "confidential_client": each.confidential}
    return {**told, "skip_secondary_authorization": False, "created": each.made.strftime("%Y-%m-%dT%H:%M:%SZ")}


def own_application(ask: Ask) -> Application:
    """Return the application that the path names, of whoever asks."""
    found = next((each for each in ask.forge.applications if str(each.id) == ask.parts["id"]), None)
    if found is None or found.owner is not ask.who:
        raise absent()
    return found


def applications(ask: Ask) -> Answer:
    """Applications of whoever asks."""
    return ask.page([each for each in ask.forge.applications if each.owner is ask.who], application)


def one_application(ask: Ask) -> Answer:
    """An application."""
    return Answer.of(application(own_application(ask)))


def place(forge: Forge, path: str) -> tuple[Repo, Thread | None] | None:
    """Return the repository, and the thread if there is one, that a page of a person is about."""
    found = search(r"^/([\w.-]+/[\w.-]+)(?:/(?:issues|pulls)/(\d+))?$", path)
    of = forge.repo(found[1]) if found else None
    if found is None or of is None or of.private:
        return None
    return of, of.threads.get(int(found[2])) if found[2] else None


def title(thread: Thread) -> str:
    """Return a title with what its state is, for a page."""
    state = "closed" if thread.closed else "draft" if draft(thread) else "open"
    return f"{thread.title} ({state})"
