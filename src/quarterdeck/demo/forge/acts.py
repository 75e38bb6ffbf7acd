"""What is done to a forge: everything that people, agents and checks do, as the forge takes it.

Rule 1: each act leaves what it leaves on a real forge: the thread has moved, its history has one more event, and hooks
are to be told.
Rule 2: a push is seen, not told: whatever moved in git since the last look is taken in by ``notice``, also what was
pushed to the bare repository past the forge.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from quarterdeck.demo.forge.asking import RefusedError, absent, writes
from quarterdeck.demo.forge.ringing import ring
from quarterdeck.demo.forge.state import Account, Event, Forge, Label, Pull, Repo, Review, Rule, Status, Thread

CLOSING: Final = re.compile(
    r"\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?):?\s+(?P<repo>[\w.-]+/[\w.-]+)?#(?P<number>\d+)\b", re.IGNORECASE
)
STATES: Final = ("pending", "success", "error", "failure", "warning", "skipped")
VERDICTS: Final = {"APPROVED": "approved", "REQUEST_CHANGES": "rejected", "COMMENT": "comment"}
OWN: Final = {
    "APPROVED": "approve your own pull is not allowed",
    "REQUEST_CHANGES": "reject your own pull is not allowed",
}
DECIDING: Final = frozenset(OWN)


@dataclass(frozen=True, slots=True)
class By:
    """Somebody who does things in a repository."""

    forge: Forge
    repo: Repo
    who: Account

    # --- issues and pull requests ------------------------------------------------------------------------------------

    def open_issue(self, title: str, body: str = "") -> Thread:
        """Open an issue."""
        thread = self._thread(title, body)
        self._ring(thread, "opened")
        return thread

    def open_pull(self, title: str, body: str = "", *, branch: str, base: str = "main") -> Thread:
        """Open a pull request of a branch; of two branches there is one at a time."""
        ends = self.repo.trees.branches()
        if branch not in ends or base not in ends:
            raise absent()
        for thread, pull in self.repo.pulls():
            if thread.closed is None and (pull.branch, pull.base) == (branch, base):
                twin = f"[id: {thread.id}, issue_id: {thread.id}, head_branch: {branch}, base_branch: {base}]"
                raise RefusedError(409, f"pull request already exists for these targets {twin}")
        thread = self._thread(title, body)
        thread.pull = Pull(base, branch, ends[branch], ends[base], self.forge.now())
        self._refer(thread)
        self._ring(thread, "opened")
        return thread

    def _thread(self, title: str, body: str) -> Thread:
        number, now = max(self.repo.threads, default=0) + 1, self.forge.now()
        thread = Thread(next(self.forge.ids), number, title, body, self.who, now, now)
        self.repo.threads[number] = thread
        return thread

    def _refer(self, thread: Thread) -> None:
        """Have the issues that a pull request closes know of it."""
        for _, other in closes(self.forge, self.repo, thread):
            self._note(other, "pull_ref", ref_action="closes", ref_issue=(self.repo, thread))

    def edit(self, thread: Thread, *, title: str | None = None, body: str | None = None) -> None:
        """Change what a thread says."""
        before = (thread.title, thread.body)
        if title is not None and title != thread.title:
            self._note(thread, "change_title", old_title=thread.title, new_title=title)
            thread.title = title
        thread.body = thread.body if body is None else body
        if (thread.title, thread.body) == before:
            return
        thread.updated = self.forge.now()
        if thread.pull is not None:
            self._refer(thread)
        self._ring(thread, "edited")

    def comment(self, thread: Thread, body: str) -> Event:
        """Say something."""
        event = self._note(thread, "comment", body)
        self._ring(thread, "created")
        return event

    def label(self, thread: Thread, *added: Label) -> None:
        """Give a thread labels; one that excludes others of its scope puts them out."""
        for one in added:
            if one in thread.labels:
                continue
            self.unlabel(thread, *[each for each in thread.labels if one.scope and each.scope == one.scope])
            thread.labels.append(one)
            self._note(thread, "label", "1", label=one)
            self._ring(thread, "label_updated")

    def unlabel(self, thread: Thread, *gone: Label) -> None:
        """Take labels away."""
        for one in gone:
            if one in thread.labels:
                thread.labels.remove(one)
                self._note(thread, "label", label=one)
                self._ring(thread, "label_cleared")

    def assign(self, thread: Thread, *wanted: Account) -> None:
        """Have these see to a thread, and nobody else. Whoever writes last wins, as on a real forge."""
        for one in [each for each in thread.assignees if each not in wanted]:
            thread.assignees.remove(one)
            self._note(thread, "assignees", assignee=one, removed_assignee=True)
            self._ring(thread, "unassigned")
        for one in [each for each in wanted if each not in thread.assignees]:
            thread.assignees.append(one)
            self._note(thread, "assignees", assignee=one)
            self._ring(thread, "assigned")

    def close(self, thread: Thread) -> None:
        """Close a thread; an issue that depends on an open one cannot be."""
        if thread.closed is not None:
            return
        if thread.pull is None and any(other.closed is None for _, other in thread.needs):
            raise RefusedError(412, "cannot close this issue or pull request because it still has open dependencies")
        self._note(thread, "close")
        thread.closed = self.forge.now()
        self._ring(thread, "closed")

    def reopen(self, thread: Thread) -> None:
        """Open a thread again."""
        if thread.closed is None or (thread.pull and thread.pull.merged_at):
            return
        thread.closed = None
        self._note(thread, "reopen")
        self._ring(thread, "reopened")

    def depend(self, thread: Thread, on: Thread, where: Repo | None = None) -> None:
        """Have a thread depend on another, which may be of another repository."""
        needed = (where or self.repo, on)
        if needed in thread.needs:
            raise RefusedError(
                409, f"issue dependency does already exist [issue id: {thread.id}, dependency id: {on.id}]"
            )
        thread.needs.append(needed)
        self._note(thread, "add_dependency", dependent_issue=needed)

    # --- reviews, checks and merges ----------------------------------------------------------------------------------

    def request(self, thread: Thread, wanted: Account | str) -> Review | None:
        """Ask somebody, or a team by its name, for a review: what they said before counts no longer.

        Nothing comes of it where they are asked already.
        """
        pull = _open(thread)
        person, team = (wanted, None) if isinstance(wanted, Account) else (None, wanted)
        before = [each for each in pull.reviews if (each.who, each.team) == (person, team)]
        if before and before[-1].state == "REQUEST_REVIEW":
            return None
        made = Review(next(self.forge.ids), person, team, "REQUEST_REVIEW", "", self.forge.now())
        made.official = person is None or writes(self.repo, person)
        for older in before:
            older.official &= not made.official
        pull.reviews.append(made)
        self._note(thread, "review_request", assignee=person, review_id=made.id)
        self._ring(thread, "review_requested")
        return made

    def withdraw(self, thread: Thread, person: Account) -> None:
        """Ask somebody for a review no longer; what they said last counts again."""
        pull = _open(thread)
        pull.reviews[:] = [each for each in pull.reviews if each.who is not person or each.state != "REQUEST_REVIEW"]
        for last in [each for each in pull.reviews if each.who is person and each.state in DECIDING][-1:]:
            last.official = writes(self.repo, person)
        self._note(thread, "review_request", assignee=person, removed_assignee=True)

    def review(self, thread: Thread, state: str, body: str = "", commit: str = "", *, lines: int = 0) -> Review:
        """Review: what was asked of the reviewer is settled, and their older verdicts no longer count.

        ``lines``: on how many lines of the change something is said as well.
        """
        pull = _open(thread)
        if self.who is thread.author and state in OWN:
            raise RefusedError(422, OWN[state])
        pull.reviews[:] = [each for each in pull.reviews if each.who is not self.who or each.state != "REQUEST_REVIEW"]
        for older in [each for each in pull.reviews if each.who is self.who and state in DECIDING]:
            older.official = False
            older.dismissed |= older.state in DECIDING
        made = Review(next(self.forge.ids), self.who, None, state, commit or pull.head, self.forge.now(), body, lines)
        made.official = state in DECIDING and writes(self.repo, self.who)
        made.stale = made.commit != pull.head
        pull.reviews.append(made)
        self._note(thread, "review", body, review_id=made.id)
        for _ in range(lines):
            self._note(thread, "code", "Here.", review_id=made.id)
        verdict = {"type": f"pull_request_review_{VERDICTS[state]}", "content": body}
        self._ring(thread, "reviewed", review=verdict)
        return made

    def dismiss(self, thread: Thread, wanted: Review) -> None:
        """Have a review count no longer."""
        wanted.dismissed = True
        self._note(thread, "dismiss_review", review_id=wanted.id)
        self._ring(thread, "edited")

    def say(self, sha: str, context: str, state: str, description: str = "") -> Status:
        """Say how a check of a commit goes. It moves no thread: ``updated_at`` of the pull request stays as it is."""
        if state not in STATES:
            raise RefusedError(422, f"[State]: {state}: unknown state")
        made = Status(next(self.forge.ids), sha, context, state, description, self.who, self.forge.now())
        self.repo.statuses.append(made)
        self._ring(None, "status", sha=sha, context=context, state=state)
        return made

    def schedule(self, thread: Thread, *, wanted: bool = True) -> None:
        """Have a pull request be merged once it may be, or no longer."""
        self._note(thread, "pull_scheduled_merge" if wanted else "pull_cancel_scheduled_merge")

    def merge(self, thread: Thread, head: str = "") -> None:
        """Merge a pull request if the rule of its base lets it; close it, and the issues it closes."""
        pull = _open(thread)
        if head and head != pull.head:
            raise RefusedError(409, f"head out of date: it is {pull.head}")
        objection = _objection(self.repo, thread, pull)
        if objection:
            raise RefusedError(405, objection)
        tree = self.repo.trees.merged(pull.base_sha, pull.head)
        if tree is None:
            raise RefusedError(409, "merge conflict")
        said = f"Merge pull request '{thread.title}' (#{thread.number}) from {pull.branch} into {pull.base}"
        now, parents = self.forge.now(), (pull.base_sha, pull.head)
        pull.merge_sha = self.repo.trees.join(pull.base, tree, parents, said, who=self.who.login, at=now)
        pull.merged_at, pull.merged_by, thread.closed = now, self.who, now
        self._note(thread, "merge_pull")
        self._ring(thread, "closed")
        for where, other in closes(self.forge, self.repo, thread):
            if all(need.closed is not None for _, need in other.needs):
                By(self.forge, where, self.who).close(other)
        notice(self.forge, self.repo, self.who)

    def push(self, branch: str, files: Mapping[str, str | None], message: str, *, onto: str = "main") -> str:
        """Commit to a branch, as a push does; return the hash. A new branch begins where ``onto`` ends."""
        begun = self.repo.trees.branches().get(onto, "")
        at = self.forge.now()
        sha = self.repo.trees.commit(branch, files, message, who=self.who.login, at=at, onto=begun)
        notice(self.forge, self.repo, self.who)
        self._ring(None, "push", ref=f"refs/heads/{branch}", after=sha)
        return sha

    def _note(self, thread: Thread, type_: str, body: str = "", **told: object) -> Event:
        return happened(self.forge, thread, Event(0, type_, self.who, self.forge.now(), told, body))

    def _ring(self, thread: Thread | None, action: str, **told: object) -> None:
        ring(self.forge, self.repo, thread, action, {**told, "sender": self.who})


def happened(forge: Forge, thread: Thread, event: Event) -> Event:
    """Note that something happened to a thread."""
    event.id = next(forge.ids)
    thread.events.append(event)
    thread.updated = event.at
    return event


def closes(forge: Forge, repo: Repo, thread: Thread) -> Iterator[tuple[Repo, Thread]]:
    """Return the issues that the words of a pull request say it closes."""
    for found in CLOSING.finditer(f"{thread.title}\n{thread.body}"):
        where = forge.repo(found["repo"]) if found["repo"] else repo
        other = where and where.threads.get(int(found["number"]))
        if where and other and other is not thread and other.pull is None:
            yield where, other


def _objection(repo: Repo, thread: Thread, pull: Pull) -> str:
    """What the forge has against a merge; nothing for a branch without a rule."""
    rule = repo.rules.get(pull.base, Rule(pull.base))
    counted = [each for each in pull.reviews if each.official and not each.dismissed]
    states = {each.state for each in counted}
    approvals = [each for each in counted if each.state == "APPROVED"]
    approvals = [each for each in approvals if not (rule.ignore_stale_approvals and each.stale)]
    checks = {each.context: each.state for each in newest_statuses(repo, pull.head)}
    wanting = [each for each in rule.status_check_contexts or () if checks.get(each) not in {"success", "skipped"}]
    outdated = repo.trees.merge_base(pull.base_sha, pull.head) != pull.base_sha
    checked = {
        "Work in progress PRs cannot be merged": thread.title.lower().startswith(("wip:", "[wip]")),
        "Does not have enough approvals": len(approvals) < rule.required_approvals,
        "There are requested changes": rule.block_on_rejected_reviews and "REQUEST_CHANGES" in states,
        "There are official review requests": rule.block_on_official_review_requests and "REQUEST_REVIEW" in states,
        "Not all required status checks successful": bool(wanting),
        "The head branch is behind the base branch": rule.block_on_outdated_branch and outdated,
    }
    return next((said for said, so in checked.items() if so), "")


def _open(thread: Thread) -> Pull:
    if thread.pull is None or thread.closed is not None:
        raise RefusedError(422, "the pull request is closed")
    return thread.pull


def notice(forge: Forge, repo: Repo, who: Account | None = None) -> None:
    """Take in what moved in git: heads of pull requests, and the bases they are to be merged into."""
    ends = repo.trees.branches()
    if ends != repo.ends:
        repo.ends, repo.updated = ends, forge.now()
    for thread, pull in repo.pulls():
        if thread.closed is not None:
            continue
        head, base = ends.get(pull.branch, pull.head), ends.get(pull.base, pull.base_sha)
        if base != pull.base_sha:
            pull.base_sha, pull.checked_from = base, forge.now()
        if head != pull.head:
            _moved(forge, repo, thread, head, who)


def _moved(forge: Forge, repo: Repo, thread: Thread, head: str, who: Account | None) -> None:
    pull = _open(thread)
    new = repo.trees.commits(pull.head, head)
    pull.head, pull.checked_from = head, forge.now()
    rule = repo.rules.get(pull.base, Rule(pull.base))
    for made in pull.reviews:
        made.stale = made.commit != head
        made.dismissed |= rule.dismiss_stale_approvals and made.state == "APPROVED"
    pusher = who or forge.accounts.get(repo.trees.look(head).author) or thread.author
    said = json.dumps({"is_force_push": False, "commit_ids": new})
    happened(forge, thread, Event(0, "pull_push", pusher, forge.now(), {}, said))
    ring(forge, repo, thread, "synchronized", {"sender": pusher})


def newest_statuses(repo: Repo, sha: str) -> list[Status]:
    """Return the newest status of each context of a commit."""
    return list({status.context: status for status in repo.statuses if status.sha == sha}.values())
