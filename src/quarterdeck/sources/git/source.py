"""The source: one repository, looked at part by part.

Rule 1: looking leaves no trace: no lock, no refreshed index, no log line, not even where git usually would.
Rule 2: what belongs to somebody else is looked at only when its settings say whose it is. Git would refuse it too.
Rule 3: each part is asked by itself. A tree too large to compare in time leaves the commit and the last push known.
Rule 4: what came by no commit has no date. Since when it lies there is told from when it was first seen.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from quarterdeck.sources import files
from quarterdeck.sources.command import Runner, run
from quarterdeck.sources.files import SourceError
from quarterdeck.sources.git import layout, parse
from quarterdeck.sources.git.ask import Git, asking
from quarterdeck.sources.git.layout import Layout, Nothing
from quarterdeck.truth import fields as F  # noqa: N812 -- a table reads better with one letter before each field
from quarterdeck.truth.fields import Field
from quarterdeck.truth.reading import AnyReading, Key, Origin, Reason
from quarterdeck.truth.watched import Repository

GIT: Final = "git"
QUICK_S: Final = 5.0
TREE_S: Final = 15.0
"""Seconds in which the files must have been compared."""
REMOTE_S: Final = 10.0
CONFIRM_EVERY: Final = timedelta(minutes=5)
CONFIRM_AGAIN: Final = timedelta(minutes=1)
"""How soon a remote is asked again that holds something else, so that a push shows, or that did not answer."""
LOG_END: Final = 256_000
UNPUSHED_MOST: Final = "--max-count=1000"
STATUS: Final = (
    *("status", "--porcelain=v2", "--branch", "-z", "--untracked-files=normal"),
    *("--ignore-submodules=all", "--no-renames"),
)
COMMIT: Final = ("log", "-1", "--format=%H %ct", "HEAD", "--")

TREE: Final = (F.CHANGED, F.UNTRACKED, F.CONFLICTS, F.DIRTY_SINCE)
REMOTE: Final = (F.UPSTREAM, F.AHEAD, F.BEHIND, F.UNPUSHED_SINCE, F.PUSHED_AT)
NAMES: Final = (F.HEAD, F.COMMITTED_AT)
OWN: Final = (F.BARE, F.SHALLOW, F.BRANCH, F.OPERATION)
CONFIRM: Final = (F.REMOTE_HEAD, F.CONFIRMED_AT)
LEARNT: Final = (*OWN, *NAMES, *TREE, *REMOTE, *CONFIRM)

Values = tuple[object, ...]


class GitSource:
    """One repository that somebody named."""

    budget_s = 50.0

    def __init__(
        self, repository: Repository, *, timer: str | None = None, run: Runner = run, uid: int | None = None
    ) -> None:
        """Watch a repository. ``timer`` is the subject of the timer that makes the backup; ``uid`` is who we are."""
        self._repository, self._timer, self._run = repository, timer, run
        self._uid = os.geteuid() if uid is None else uid
        self._dirty_since: datetime | None = None
        self._asked_at: datetime | None = None
        self._remote: str | SourceError | None = None
        self._confirmed_at: datetime | None = None

    @property
    def name(self) -> str:
        """``git:ID``."""
        return f"git:{self._repository.id}"

    @property
    def every_s(self) -> float:
        """As the settings say."""
        return self._repository.every_s

    @property
    def expected(self) -> tuple[Key, ...]:
        """The facts this source brings in any case."""
        return tuple((self._repository.subject, field.name) for field in (F.REPOSITORY_FOUND, F.BACKUP))

    def watched(self) -> tuple[Path, ...]:
        """Return the folders that change with a commit and with a push."""
        with suppress(SourceError, Nothing):
            found = layout.find(str(self._repository.path))
            logs = Path(found.common) / "logs" / "refs" / "remotes" / self._repository.remote
            return (Path(found.own), logs)
        return ()

    def look(self, now: datetime) -> Iterator[AnyReading]:
        """Look once."""
        yield from self._settings(now)
        try:
            found = layout.find(str(self._repository.path))
            self._require_ours(found)
        except Nothing as none:
            yield self._known(F.REPOSITORY_FOUND, "folder", none.found, now)
            return
        except SourceError as error:
            yield from self._lost((F.REPOSITORY_FOUND, *LEARNT), "folder", error, now)
            return
        yield self._known(F.REPOSITORY_FOUND, "folder", "repository", now)
        yield from self._part(OWN, "HEAD", lambda: self._own(found), now)
        try:
            with asking(found, self._run, QUICK_S) as git:
                yield from self._asked(git, found, now)
        except SourceError as error:
            yield from self._lost((*NAMES, *TREE, *REMOTE, *CONFIRM), "config", error, now)

    def _settings(self, now: datetime) -> Iterator[AnyReading]:
        one, origin = self._repository, Origin("settings", f"repositories.{self._repository.id}")
        said: tuple[tuple[Field[Any], object], ...] = (
            (F.REPOSITORY_LABEL, one.label),
            (F.REPOSITORY_LINK, one.link),
            (F.REPOSITORY_RUNBOOK, one.runbook),
            (F.BACKUP, one.backup),
            (F.PUSH_WITHIN, one.push_within_s),
            (F.PUSH_LOST, one.push_lost_s),
            (F.BACKUP_TIMER, self._timer),
            (F.BRANCH_EXPECTED, one.branch),
            (F.CONFIRMS, one.confirm),
        )
        return (field.known(one.subject, origin, value, now) for field, value in said)

    def _require_ours(self, found: Layout) -> None:
        allowed = {self._uid}
        if self._repository.user is not None:
            with suppress(KeyError):
                allowed.add(pwd.getpwnam(self._repository.user).pw_uid)
        strangers = layout.owners(found) - allowed
        if strangers:
            owner = _name_of(min(strangers))
            raise SourceError(Reason.DENIED, f"belongs to {owner}: if that is right, name {owner} as its `user`")

    # --- what git is not needed for --------------------------------------------------------------------------------

    @staticmethod
    def _own(found: Layout) -> Values:
        branch = found.head.removeprefix("ref: refs/heads/") if found.head.startswith("ref: ") else None
        return found.work is None, layout.is_shallow(found), branch, layout.operation(found)

    # --- what git says ---------------------------------------------------------------------------------------------

    def _asked(self, git: Git, found: Layout, now: datetime) -> Iterator[AnyReading]:
        names = list(self._part(NAMES, "HEAD", lambda: self._names(git, found), now))
        yield from names
        if found.work is None:
            yield from self._part(TREE, "index", lambda: (None,) * len(TREE), now)
            yield from self._part(REMOTE, "config", lambda: (None,) * len(REMOTE), now)
            status: parse.Status | SourceError = parse.Status()
        else:
            status = self._status(git)
            yield from self._part(TREE, "index", lambda: self._tree(_value(status), now), now)
            yield from self._part(REMOTE, "refs/remotes", lambda: self._push(git, found, _value(status)), now)
        if self._repository.confirm:
            head = getattr(names[0], "value", None)
            yield from self._confirmation(git, found, head, now)
        else:
            yield from self._part(CONFIRM, "config", lambda: (None, None), now)

    def _names(self, git: Git, found: Layout) -> Values:
        if not git("rev-parse", "--quiet", "--verify", "HEAD", limit_s=QUICK_S, code=1).strip():
            if found.head.startswith("ref: ") and not os.path.lexists(f"{found.common}/{found.head[5:]}"):
                return None, None
            raise SourceError(Reason.CORRUPT, "the branch that is checked out names no commit")
        return parse.commit(git(*COMMIT, limit_s=QUICK_S))

    @staticmethod
    def _status(git: Git) -> parse.Status | SourceError:
        try:
            return parse.status(git(*STATUS, limit_s=TREE_S))
        except SourceError as error:
            return error

    def _tree(self, status: parse.Status, now: datetime) -> Values:
        dirty = status.changed + status.untracked > 0
        self._dirty_since = (self._dirty_since or now) if dirty else None
        return status.changed, status.untracked, status.conflicts, self._dirty_since

    @staticmethod
    def _push(git: Git, found: Layout, status: parse.Status) -> Values:
        upstream = status.upstream
        if upstream is None:
            return None, None, None, None, None
        if status.ahead is None:
            raise SourceError(Reason.MISSING, "the branch it follows has never been seen at the remote")
        waiting = git("log", UNPUSHED_MOST, "--format=%ct", "@{upstream}..HEAD", "--", limit_s=QUICK_S)
        return upstream, status.ahead, status.behind, parse.oldest(waiting), _last_push(found, upstream)

    # --- what the remote says --------------------------------------------------------------------------------------

    def _confirmation(self, git: Git, found: Layout, head: object, now: datetime) -> Iterator[AnyReading]:
        at = self._asked_at
        patience = CONFIRM_EVERY if self._remote == head else CONFIRM_AGAIN
        if at is None or not timedelta(0) <= now - at < patience:
            self._asked_at = at = now
            self._remote = self._heard(git, found)
        remote, origin = self._remote, Origin("the remote", self._repository.remote)
        if isinstance(remote, SourceError):
            yield F.REMOTE_HEAD.unavailable(self._repository.subject, origin, remote.reason, remote.detail, at)
        else:
            if remote is not None and remote == head:
                self._confirmed_at = at
            yield F.REMOTE_HEAD.known(self._repository.subject, origin, remote, at)
        yield F.CONFIRMED_AT.known(self._repository.subject, origin, self._confirmed_at, at)

    def _heard(self, git: Git, found: Layout) -> str | SourceError | None:
        remote, branch = self._repository.remote, found.head.removeprefix("ref: refs/heads/")
        url = git.settings.get(f"remote.{remote}.pushurl") or git.settings.get(f"remote.{remote}.url")
        if url is None or branch == found.head:
            return SourceError(Reason.MISSING, "it has no such remote, or no branch is checked out")
        theirs = git.settings.get(f"branch.{branch}.merge", "").removeprefix("refs/heads/") or branch
        try:
            return parse.remote_head(git.ask_remote(url, theirs, self._repository.credential_helper, REMOTE_S))
        except SourceError as error:
            return error

    # --- readings --------------------------------------------------------------------------------------------------

    def _part(
        self, fields: tuple[Field[Any], ...], place: str, read: Callable[[], Values], now: datetime
    ) -> Iterator[AnyReading]:
        try:
            values = read()
        except SourceError as error:
            yield from self._lost(fields, place, error, now)
        else:
            for field, value in zip(fields, values, strict=True):
                yield self._known(field, place, value, now)

    def _known(self, field: Field[Any], place: str, value: object, now: datetime) -> AnyReading:
        return field.known(self._repository.subject, self._origin(place), value, now)

    def _lost(
        self, fields: tuple[Field[Any], ...], place: str, error: SourceError, now: datetime
    ) -> Iterator[AnyReading]:
        subject, origin = self._repository.subject, self._origin(place)
        return (field.unavailable(subject, origin, error.reason, error.detail, now) for field in fields)

    def _origin(self, place: str) -> Origin:
        return Origin(GIT, f"{self._repository.id}: {place}")


def _value(status: parse.Status | SourceError) -> parse.Status:
    if isinstance(status, SourceError):
        raise status
    return status


def _last_push(found: Layout, upstream: str) -> datetime | None:
    """Return when the branch that is followed was last moved by a push of ours, as git itself has noted."""
    if ".." in upstream:
        return None
    try:
        return parse.last_push(files.tail(f"{found.common}/logs/refs/remotes/{upstream}", limit=LOG_END).data)
    except SourceError as error:
        if error.reason is Reason.MISSING:
            return None
        raise


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
