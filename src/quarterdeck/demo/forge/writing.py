"""What people, agents and checks ask the forge to do: the way in to ``acts``, with what may be wrong with a request."""

from __future__ import annotations

import base64
import secrets
from http import HTTPStatus
from typing import TypeVar

from quarterdeck.demo.forge import reading as r
from quarterdeck.demo.forge.acts import VERDICTS, By
from quarterdeck.demo.forge.asking import Answer, Ask, RefusedError, absent, writes
from quarterdeck.demo.forge.shapes import pull_of
from quarterdeck.demo.forge.state import Account, Application, Hook, Label, Repo, Thread

T = TypeVar("T")
CREATED, GONE = HTTPStatus.CREATED, Answer(HTTPStatus.NO_CONTENT)
OPEN_STATES = ("open", "closed")
MERGES = ("merge", "rebase", "rebase-merge", "squash", "fast-forward-only", "manually-merged")


class Wanted:
    """What a request says, each part of it of the type it must have."""

    def __init__(self, ask: Ask) -> None:
        self.said = ask.document()

    def _get(self, name: str, type_: type[T]) -> T | None:
        value = self.said.get(name)
        if value is None:
            return None
        if not isinstance(value, type_) or (type_ is int and isinstance(value, bool)):
            raise RefusedError(422, f"[]: json: cannot unmarshal into Go struct field {name}")
        return value

    def text(self, name: str) -> str | None:
        """Return a text, or None when nothing is said."""
        return self._get(name, str)

    def needed(self, name: str) -> str:
        """Return a text that must be there."""
        said = (self.text(name) or "").strip()
        if not said:
            raise RefusedError(422, f"[{name.title().replace('_', '')}]: Required")
        return said

    def flag(self, name: str) -> bool:
        """Return a yes or no; no when nothing is said."""
        return bool(self._get(name, bool))

    def number(self, name: str) -> int:
        """Return a number; nought when nothing is said."""
        return self._get(name, int) or 0

    def listed(self, name: str) -> list[str] | None:
        """Return a list of texts, or None when nothing is said."""
        found = self._get(name, list)
        if found is not None and not all(isinstance(each, str) for each in found):
            raise RefusedError(422, f"[]: json: cannot unmarshal into Go struct field {name}")
        return found


def hands(ask: Ask, *, writer: bool = True) -> By:
    """Return the hands of whoever asks, for the repository of the path."""
    repo = ask.repo()
    if repo.archived:
        raise RefusedError(423, f"Repo {repo.full_name} is archived")
    if writer and not writes(repo, ask.who):
        raise RefusedError(403, "user should have a permission to write to a repo")
    return By(ask.forge, repo, ask.who)


def person(ask: Ask, login: str, status: int = 422) -> Account:
    """Return an account by its login."""
    found = ask.forge.accounts.get(login)
    if found is None:
        raise RefusedError(status, f"user does not exist [uid: 0, name: {login}]")
    return found


def labels_named(ask: Ask, repo: Repo, wanted: Wanted) -> list[Label]:
    """Return labels by their ids or names; what is not known is passed over."""
    said = wanted.said.get("labels") or []
    if not isinstance(said, list):
        raise RefusedError(422, "[]: json: cannot unmarshal into Go struct field labels")
    return [each for each in ask.forge.labels_of(repo) if each.id in said or each.name in said]


# --- issues ----------------------------------------------------------------------------------------------------------


def open_issue(ask: Ask) -> Answer:
    """Open an issue; labels, people and a milestone are for those who may write."""
    by, wanted = hands(ask, writer=False), Wanted(ask)
    title, body, people = wanted.needed("title"), wanted.text("body") or "", wanted.listed("assignees") or []
    assignees = [person(ask, login) for login in people]
    named = labels_named(ask, by.repo, wanted)
    thread = by.open_issue(title, body)
    if writes(by.repo, ask.who):
        by.label(thread, *named)
        by.assign(thread, *assignees)
    return Answer.of(r.shapes(ask).issue(by.repo, thread), CREATED)


def edit_issue(ask: Ask) -> Answer:
    """Change an issue, or a pull request as one."""
    by, thread = _edited(ask)
    return Answer.of(r.shapes(ask).issue(by.repo, thread), CREATED)


def edit_pull(ask: Ask) -> Answer:
    """Change a pull request."""
    pull_of(ask.thread()[1])
    by, thread = _edited(ask)
    return Answer.of(r.shapes(ask).pull(by.repo, thread), CREATED)


def _edited(ask: Ask) -> tuple[By, Thread]:
    _, thread = ask.thread()
    by, wanted = hands(ask, writer=thread.author is not ask.who), Wanted(ask)
    people, state = wanted.listed("assignees"), wanted.text("state")
    assignees = [person(ask, login) for login in people or ()]
    if state not in {None, *OPEN_STATES}:
        raise RefusedError(412, f"unknown state: {state}")
    by.edit(thread, title=wanted.text("title"), body=wanted.text("body"))
    if people is not None:
        by.assign(thread, *assignees)
    {"open": by.reopen, "closed": by.close}.get(state or "", lambda _: None)(thread)
    return by, thread


def comment(ask: Ask) -> Answer:
    """Say something in a thread."""
    by, (repo, thread) = hands(ask, writer=False), ask.thread()
    event = by.comment(thread, Wanted(ask).needed("body"))
    return Answer.of(r.comment(ask, repo, thread, event.id), CREATED)


def add_labels(ask: Ask) -> Answer:
    """Give a thread more labels."""
    by, (repo, thread) = hands(ask), ask.thread()
    by.label(thread, *labels_named(ask, repo, Wanted(ask)))
    return r.thread_labels(ask)


def set_labels(ask: Ask) -> Answer:
    """Give a thread these labels and no others."""
    by, (repo, thread) = hands(ask), ask.thread()
    wanted = labels_named(ask, repo, Wanted(ask))
    by.unlabel(thread, *[each for each in thread.labels if each not in wanted])
    by.label(thread, *wanted)
    return r.thread_labels(ask)


def remove_label(ask: Ask) -> Answer:
    """Take a label away."""
    by, (_, thread) = hands(ask), ask.thread()
    found = [each for each in thread.labels if str(each.id) == ask.parts["id"]]
    if not found:
        raise RefusedError(422, f"label does not exist [label_id: {ask.parts['id']}]")
    by.unlabel(thread, *found)
    return GONE


def depend(ask: Ask) -> Answer:
    """Have a thread depend on another."""
    by, (repo, thread), wanted = hands(ask), ask.thread(), Wanted(ask)
    if not repo.dependencies:
        raise absent()
    where = ask.forge.repo(f"{wanted.text('owner') or repo.owner.login}/{wanted.text('repo') or repo.name}")
    on = None if where is None else where.threads.get(wanted.number("index"))
    if where is None or on is None:
        raise absent()
    by.depend(thread, on, where)
    return Answer.of(r.shapes(ask).issue(where, on), CREATED)


# --- pull requests ---------------------------------------------------------------------------------------------------


def open_pull(ask: Ask) -> Answer:
    """Open a pull request of a branch."""
    by, wanted = hands(ask), Wanted(ask)
    title, head, base = wanted.needed("title"), wanted.needed("head"), wanted.needed("base")
    if head == base:
        raise RefusedError(422, "invalid pull request: there are no changes between the head and the base")
    thread = by.open_pull(title, wanted.text("body") or "", branch=head.rpartition(":")[2], base=base)
    return Answer.of(r.shapes(ask).pull(by.repo, thread), CREATED)


def review(ask: Ask) -> Answer:
    """Review a pull request."""
    by, (repo, thread), wanted = hands(ask, writer=False), ask.thread(pull=True), Wanted(ask)
    state, body = wanted.text("event") or "", wanted.text("body") or ""
    if state not in VERDICTS:
        raise RefusedError(422, f"unknown event: {state}")
    if state != "APPROVED" and not body.strip():
        raise RefusedError(422, f"review event {state} requires a body or a comment")
    made = by.review(thread, state, body, wanted.text("commit_id") or "")
    return Answer.of(r.shapes(ask).review(repo, thread, made))


def request(ask: Ask) -> Answer:
    """Ask for reviews."""
    by, (repo, thread), wanted = hands(ask), ask.thread(pull=True), Wanted(ask)
    people = [person(ask, login, 404) for login in wanted.listed("reviewers") or ()]
    if thread.author in people:
        raise RefusedError(422, "poster of pr can't be reviewer")
    asked = [by.request(thread, each) for each in (*people, *(wanted.listed("team_reviewers") or ()))]
    return Answer.of([r.shapes(ask).review(repo, thread, each) for each in asked if each], CREATED)


def unrequest(ask: Ask) -> Answer:
    """Ask for reviews no longer."""
    by, (_, thread), wanted = hands(ask), ask.thread(pull=True), Wanted(ask)
    for each in [person(ask, login, 404) for login in wanted.listed("reviewers") or ()]:
        by.withdraw(thread, each)
    return GONE


def dismiss(ask: Ask) -> Answer:
    """Have a review count no longer."""
    by, (repo, thread) = hands(ask), ask.thread(pull=True)
    made = next((each for each in pull_of(thread).reviews if str(each.id) == ask.parts["id"]), None)
    if made is None:
        raise absent()
    if made.state not in {"APPROVED", "REQUEST_CHANGES"}:
        raise RefusedError(403, "not need to dismiss this review because it's type is not Approve or change request")
    by.dismiss(thread, made)
    return Answer.of(r.shapes(ask).review(repo, thread, made))


def merge(ask: Ask) -> Answer:
    """Merge a pull request now, or once its checks are good."""
    by, (_, thread), wanted = hands(ask), ask.thread(pull=True), Wanted(ask)
    if wanted.needed("Do") not in MERGES:
        raise RefusedError(422, "[Do]: In")
    try:
        by.merge(thread, wanted.text("head_commit_id") or "")
    except RefusedError as error:
        if error.status != HTTPStatus.METHOD_NOT_ALLOWED or not wanted.flag("merge_when_checks_succeed"):
            raise
        by.schedule(thread)
        return Answer(CREATED)
    return Answer()


# --- git -------------------------------------------------------------------------------------------------------------


def make_branch(ask: Ask) -> Answer:
    """Make a branch; of all who ask for the same name at once, one gets it."""
    by, wanted = hands(ask), Wanted(ask)
    name = wanted.needed("new_branch_name")
    begun = by.repo.trees.resolve(wanted.text("old_ref_name") or wanted.text("old_branch_name") or "main")
    if begun is None:
        raise RefusedError(404, "The old branch does not exist")
    if not by.repo.trees.names(name):
        raise RefusedError(422, "[NewBranchName]: GitRefName")
    if not by.repo.trees.branch(name, begun):
        raise RefusedError(409, "The branch already exists.")
    return Answer.of(r.shapes(ask).branch(by.repo, name, begun), CREATED)


def delete_branch(ask: Ask) -> Answer:
    """Take a branch away, unless something rests on it."""
    by, name = hands(ask), ask.parts["branch"]
    if name not in by.repo.trees.branches():
        raise absent()
    if name in {"main", *by.repo.rules}:
        raise RefusedError(403, "can not delete default or protected branch")
    by.repo.trees.delete(name)
    return GONE


def write_file(ask: Ask) -> Answer:
    """Commit a file; one that is there is named by its hash, so that nobody overwrites what they never saw."""
    by, wanted, path = hands(ask), Wanted(ask), ask.parts["path"].strip("/")
    branch, given = wanted.text("branch") or "main", wanted.text("sha") or ""
    try:
        text = base64.b64decode(wanted.needed("content"), validate=True).decode()
    except ValueError as error:
        raise RefusedError(422, "the content is not base64") from error
    if branch not in by.repo.trees.branches():
        raise absent()
    listed = {each: sha for _, sha, each in by.repo.trees.listing(branch, path.rpartition("/")[0])}
    there = listed.get(path, "")
    if ask.method == "POST" and there:
        raise RefusedError(422, f"repository file already exists [path: {path}]")
    if ask.method == "PUT" and given != there:
        raise RefusedError(422, f"sha does not match [given: {given}, expected: {there}]")
    sha = by.push(branch, {path: text}, wanted.text("message") or f"Update {path}")
    commit = {"sha": sha, "html_url": f"{r.shapes(ask).page(by.repo)}/commit/{sha}"}
    told = {"content": {"path": path, "name": path.rpartition("/")[2]}, "commit": commit}
    return Answer.of(told, HTTPStatus.OK if there else CREATED)


def say(ask: Ask) -> Answer:
    """Say how a check of a commit goes."""
    by, wanted = hands(ask), Wanted(ask)
    sha = by.repo.trees.resolve(ask.parts["ref"])
    if sha is None:
        raise absent()
    state, context = wanted.needed("state"), wanted.text("context") or "default"
    made = by.say(sha, context, state, wanted.text("description") or "")
    return Answer.of(r.shapes(ask).status(by.repo, made), CREATED)


# --- hooks and applications ------------------------------------------------------------------------------------------


def make_hook(ask: Ask) -> Answer:
    """Have an address told what happens."""
    repo, wanted = r.admins_repo(ask), Wanted(ask)
    config = wanted.said.get("config")
    if not isinstance(config, dict) or not str(config.get("url", "")).startswith("http"):
        raise RefusedError(422, "Invalid url")
    kind = str(config.get("content_type", "json"))
    if kind not in {"json", "form"}:
        raise RefusedError(422, "Invalid content type")
    events = tuple(wanted.listed("events") or ("push",))
    made = Hook(next(ask.forge.ids), str(config["url"]), str(config.get("secret", "")), kind, events, ask.forge.now())
    repo.hooks.append(made)
    return Answer.of(r.hook(made), CREATED)


def make_application(ask: Ask) -> Answer:
    """Make an application; this is the only time its secret is told."""
    wanted, now = Wanted(ask), ask.forge.now()
    name, redirects = wanted.needed("name"), tuple(wanted.listed("redirect_uris") or ())
    secret = "gto_" + secrets.token_hex(16)
    known = wanted.flag("confidential_client")
    made = Application(next(ask.forge.ids), ask.who, name, redirects, known, secrets.token_hex(8), secret, now)
    ask.forge.applications.append(made)
    return Answer.of(r.application(made, secret=secret), CREATED)


def edit_application(ask: Ask) -> Answer:
    """Change an application, which gives it another secret, whatever else was asked for."""
    found, wanted = r.own_application(ask), Wanted(ask)
    found.name, found.redirects = wanted.needed("name"), tuple(wanted.listed("redirect_uris") or found.redirects)
    found.confidential = wanted.flag("confidential_client")
    found.secret = "gto_" + secrets.token_hex(16)
    return Answer.of(r.application(found, secret=found.secret))


def remove_application(ask: Ask) -> Answer:
    """Take an application away."""
    ask.forge.applications.remove(r.own_application(ask))
    return GONE
