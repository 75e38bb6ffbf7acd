"""Repositories of every make, looked at with real git."""

from __future__ import annotations

import os
import pwd
from datetime import timedelta
from pathlib import Path

import pytest

from quarterdeck.sources.command import Answer, run
from quarterdeck.sources.files import SourceError
from quarterdeck.sources.git import GitSource
from quarterdeck.truth import fields as F  # noqa: N812 -- short where every line names a field
from quarterdeck.truth.reading import Known, Reason
from tests.sources.git.repositories import NOW, Seen, commit, created, git, look, pushed, repository

AGO = NOW - timedelta(hours=3)


def test_a_repository_that_is_clean_and_pushed(tmp_path: Path) -> None:
    """Commit, branch, age, upstream and the last push are told; nothing is changed, waiting or under way."""
    work = pushed(tmp_path, at=AGO)
    seen = look(work)
    assert seen[F.REPOSITORY_FOUND] == "repository"
    assert seen[F.HEAD] == git(work, "rev-parse", "HEAD")[:12]
    assert (seen[F.BRANCH], seen[F.COMMITTED_AT], seen[F.UPSTREAM]) == ("main", AGO, "origin/main")
    assert (seen[F.CHANGED], seen[F.UNTRACKED], seen[F.CONFLICTS], seen[F.DIRTY_SINCE]) == (0, 0, 0, None)
    assert (seen[F.AHEAD], seen[F.BEHIND], seen[F.UNPUSHED_SINCE], seen[F.PUSHED_AT]) == (0, 0, None, AGO)
    assert (seen[F.BARE], seen[F.SHALLOW], seen[F.OPERATION]) == (False, False, None)
    assert (seen[F.REMOTE_HEAD], seen[F.CONFIRMED_AT], seen[F.CONFIRMS]) == (None, None, False)


def test_what_is_not_committed_is_counted_and_dated_from_when_it_was_seen(tmp_path: Path) -> None:
    """Changed and untracked files are counted; since when they lie there is when they were first seen."""
    work = pushed(tmp_path)
    source = GitSource(repository(work))
    (work / "one").write_text("another\n", encoding="utf-8")
    (work / "two").write_text("two\n", encoding="utf-8")
    first = Seen(source)
    assert (first[F.CHANGED], first[F.UNTRACKED], first[F.DIRTY_SINCE]) == (1, 1, first.at)
    assert Seen(source, first.at + timedelta(minutes=1))[F.DIRTY_SINCE] == first.at
    git(work, "checkout", "--quiet", "one")
    (work / "two").unlink()
    assert Seen(source, first.at + timedelta(minutes=2))[F.DIRTY_SINCE] is None


def test_what_is_ignored_is_not_counted(tmp_path: Path) -> None:
    """What the repository's own lists of ignored files name is no change, wherever such a list lies."""
    work = pushed(tmp_path)
    commit(work, ".gitignore", "*.log\n")
    (work / ".git/info").mkdir(exist_ok=True)
    (work / ".git/info/exclude").write_text("*.cache\n", encoding="utf-8")
    for name in ("a.log", "b.cache"):
        (work / name).write_text("x", encoding="utf-8")
    assert look(work)[F.UNTRACKED] == 0


def test_commits_that_wait(tmp_path: Path) -> None:
    """Commits that are not pushed are counted, and dated by the oldest of them; the last push stays."""
    work = pushed(tmp_path, at=AGO)
    commit(work, "two", at=AGO + timedelta(hours=1))
    commit(work, "three", at=AGO + timedelta(hours=2))
    seen = look(work)
    assert (seen[F.AHEAD], seen[F.BEHIND], seen[F.PUSHED_AT]) == (2, 0, AGO)
    assert seen[F.UNPUSHED_SINCE] == AGO + timedelta(hours=1)


def test_a_remote_that_went_on(tmp_path: Path) -> None:
    """Commits of the upstream that are not here are counted once they were fetched."""
    work = pushed(tmp_path)
    other = tmp_path / "other"
    git(tmp_path, "clone", "--quiet", str(tmp_path / "remote.git"), str(other))
    commit(other, "theirs")
    git(other, "push", "--quiet")
    git(work, "fetch", "--quiet")
    commit(work, "ours")
    seen = look(work)
    assert (seen[F.AHEAD], seen[F.BEHIND]) == (1, 1)


def test_the_remote_confirms_what_it_holds(tmp_path: Path) -> None:
    """The remote's own word is told when it is asked: that it holds what is checked out, later that it does not."""
    work = pushed(tmp_path)
    source = GitSource(repository(work, confirm=True))
    first = Seen(source)
    assert (first[F.REMOTE_HEAD], first[F.CONFIRMED_AT]) == (first[F.HEAD], first.at)
    git(tmp_path / "remote.git", "update-ref", "-d", "refs/heads/main")
    early = Seen(source, first.at + timedelta(minutes=1))
    assert (early[F.REMOTE_HEAD], early[F.CONFIRMED_AT]) == (first[F.HEAD], first.at)
    told = early.readings[F.REMOTE_HEAD.name]
    assert isinstance(told, Known)
    assert told.observed_at == first.at
    late = Seen(source, first.at + timedelta(minutes=6))
    assert (late[F.REMOTE_HEAD], late[F.CONFIRMED_AT]) == (None, first.at)


def test_a_push_is_confirmed_soon(tmp_path: Path) -> None:
    """While the remote differs it is asked every minute, so that a push shows soon."""
    work = pushed(tmp_path)
    source = GitSource(repository(work, confirm=True))
    Seen(source)
    commit(work, "two")
    waiting = Seen(source, NOW + timedelta(minutes=1))
    assert waiting[F.REMOTE_HEAD] != waiting[F.HEAD]
    git(work, "push", "--quiet")
    done = Seen(source, NOW + timedelta(minutes=2))
    assert (done[F.REMOTE_HEAD], done[F.CONFIRMED_AT]) == (done[F.HEAD], done.at)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("{folder}/nowhere.git", Reason.MISSING),
        ("http://127.0.0.1:1/x.git", Reason.MISSING),
        ("ext::sh -c touch% {folder}/trap", Reason.DENIED),
        ("--upload-pack=touch {folder}/trap", Reason.MISSING),
        ("ssh://-oProxyCommand=touch/x", Reason.CORRUPT),
    ],
)
def test_a_remote_that_cannot_be_asked(tmp_path: Path, url: str, reason: Reason) -> None:
    """A remote that is not there, or that is no remote but a trap, is a reason; nothing is run and nothing quoted."""
    work = pushed(tmp_path)
    git(work, "config", "remote.origin.url", url.format(folder=tmp_path))
    seen = look(work, confirm=True)
    assert seen[F.REMOTE_HEAD] in (reason, Reason.CORRUPT)
    assert seen[F.CONFIRMED_AT] is None
    assert str(tmp_path) not in seen.detail(F.REMOTE_HEAD)
    assert not (tmp_path / "trap").exists()


def test_before_the_first_commit(tmp_path: Path) -> None:
    """A repository without a commit has none, and that is known."""
    seen = look(created(tmp_path / "new"))
    assert (seen[F.HEAD], seen[F.COMMITTED_AT], seen[F.BRANCH]) == (None, None, "main")
    assert (seen[F.CHANGED], seen[F.UPSTREAM], seen[F.AHEAD]) == (0, None, None)


def test_a_bare_repository(tmp_path: Path) -> None:
    """A bare repository has commits and a branch, and no files that could differ."""
    work = pushed(tmp_path, at=AGO)
    seen = look(tmp_path / "remote.git")
    assert (seen[F.BARE], seen[F.HEAD], seen[F.BRANCH]) == (True, git(work, "rev-parse", "HEAD")[:12], "main")
    assert (seen[F.CHANGED], seen[F.UPSTREAM], seen[F.PUSHED_AT]) == (None, None, None)


def test_a_worktree(tmp_path: Path) -> None:
    """A worktree tells its own branch and files, and its repository's pushes."""
    work = pushed(tmp_path)
    git(work, "worktree", "add", "--quiet", "-b", "side", str(tmp_path / "side"))
    (tmp_path / "side/new").write_text("x", encoding="utf-8")
    seen = look(tmp_path / "side")
    assert (seen[F.BRANCH], seen[F.UNTRACKED], seen[F.UPSTREAM]) == ("side", 1, None)
    assert look(work)[F.UNTRACKED] == 0


def test_packed_branches_and_a_detached_head(tmp_path: Path) -> None:
    """Branches in one packed file are found, and a head without a branch has none."""
    work = pushed(tmp_path)
    git(work, "gc", "--quiet")
    git(work, "pack-refs", "--all")
    assert look(work)[F.HEAD] == git(work, "rev-parse", "HEAD")[:12]
    git(work, "checkout", "--quiet", "--detach")
    seen = look(work)
    assert (seen[F.BRANCH], seen[F.HEAD]) == (None, git(work, "rev-parse", "HEAD")[:12])


def test_a_shallow_clone_and_one_that_knows_longer_names(tmp_path: Path) -> None:
    """A history that is cut off is told as such; a repository with SHA-256 is read like any other."""
    work = pushed(tmp_path)
    commit(work, "two")
    git(work, "push", "--quiet")
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{tmp_path}/remote.git", str(tmp_path / "shallow"))
    assert look(tmp_path / "shallow")[F.SHALLOW] is True
    long = created(tmp_path / "long", "--object-format=sha256")
    assert look(long)[F.HEAD] is None
    assert commit(long)[:12] == look(long)[F.HEAD]


@pytest.mark.parametrize(("words", "operation"), [(("merge", "side"), "merge"), (("rebase", "side"), "rebase")])
def test_what_somebody_left_in_the_middle(tmp_path: Path, words: tuple[str, ...], operation: str) -> None:
    """A merge or rebase that stopped at a conflict is told, with the files in conflict."""
    work = created(tmp_path / "work")
    commit(work)
    git(work, "checkout", "--quiet", "-b", "side")
    commit(work, "one", "theirs\n")
    git(work, "checkout", "--quiet", "main")
    commit(work, "one", "ours\n")
    git(work, *words, check=False)
    seen = look(work)
    assert (seen[F.OPERATION], seen[F.CONFLICTS]) == (operation, 1)


def test_nothing_where_one_should_be(tmp_path: Path) -> None:
    """No folder, a file, and a folder without a repository are known as what they are; those above are not searched."""
    created(tmp_path / "outer")
    (tmp_path / "outer/inner").mkdir()
    (tmp_path / "file").write_text("x", encoding="utf-8")
    assert look(tmp_path / "nowhere")[F.REPOSITORY_FOUND] == "nothing"
    assert look(tmp_path / "file")[F.REPOSITORY_FOUND] == "no repository"
    assert look(tmp_path / "outer/inner")[F.REPOSITORY_FOUND] == "no repository"


def test_what_is_damaged(tmp_path: Path) -> None:
    """A damaged object, index, branch or HEAD makes unknown what hangs on it, for a reason; the rest stays."""
    work = pushed(tmp_path)
    (work / ".git/index").write_bytes(b"no index at all" * 10)
    seen = look(work)
    assert (seen[F.CHANGED], seen[F.HEAD]) == (Reason.CORRUPT, git(work, "rev-parse", "HEAD")[:12])

    work = pushed(tmp_path / "second")
    name = git(work, "rev-parse", "HEAD")
    file = work / ".git/objects" / name[:2] / name[2:]
    file.chmod(0o644)
    file.write_bytes(b"damaged")
    assert look(work)[F.HEAD] is Reason.CORRUPT

    work = pushed(tmp_path / "third")
    (work / ".git/refs/heads/main").write_bytes(b"\x00\xff nonsense")
    assert look(work)[F.HEAD] is Reason.CORRUPT

    work = pushed(tmp_path / "fourth")
    (work / ".git/HEAD").write_text("nonsense sk-abcdefghijklmnop", encoding="utf-8")
    seen = look(work)
    assert (seen[F.REPOSITORY_FOUND], seen[F.HEAD]) == (Reason.CORRUPT, Reason.CORRUPT)
    assert "sk-" not in seen.detail(F.HEAD)

    work = pushed(tmp_path / "fifth")
    (work / ".git/config").write_text("[[[ not settings", encoding="utf-8")
    seen = look(work)
    assert (seen[F.BRANCH], seen[F.HEAD]) == ("main", Reason.CORRUPT)


def test_a_pipe_instead_of_a_file_keeps_nobody_waiting(tmp_path: Path) -> None:
    """Where settings or HEAD are a pipe, nobody waits for somebody to write into it."""
    work = pushed(tmp_path)
    (work / ".git/config").unlink()
    os.mkfifo(work / ".git/config")
    assert look(work)[F.HEAD] is Reason.CORRUPT


def test_without_git_and_with_one_that_hangs(tmp_path: Path) -> None:
    """Where git is not, or does not end, all it would have told is unknown for that reason; the rest is known."""
    work = pushed(tmp_path)

    def absent(argv: object, environment: object, limit_s: float) -> Answer:
        raise SourceError(Reason.MISSING, "there is no git on this host")

    def hanging(argv: list[str], environment: dict[str, str], limit_s: float) -> Answer:
        if "status" in argv:
            raise SourceError(Reason.TIMEOUT, "git did not answer within 15 s")
        return run(argv, environment, limit_s)

    seen = Seen(GitSource(repository(work), run=absent))
    assert (seen[F.REPOSITORY_FOUND], seen[F.BRANCH], seen[F.HEAD]) == ("repository", "main", Reason.MISSING)
    seen = Seen(GitSource(repository(work), run=hanging))  # type: ignore[arg-type]
    assert (seen[F.CHANGED], seen[F.HEAD]) == (Reason.TIMEOUT, git(work, "rev-parse", "HEAD")[:12])


def test_what_belongs_to_another_is_looked_at_only_when_its_owner_is_named(tmp_path: Path) -> None:
    """The repository of another user is refused, with what to write; with its owner named it is read."""
    work, stranger, me = pushed(tmp_path), os.geteuid() + 4711, pwd.getpwuid(os.geteuid()).pw_name
    seen = Seen(GitSource(repository(work), uid=stranger))
    assert seen[F.REPOSITORY_FOUND] is Reason.DENIED
    assert f"name {me} as its `user`" in seen.detail(F.HEAD)
    assert Seen(GitSource(repository(work, user=me), uid=stranger))[F.CHANGED] == 0


def test_a_name_with_blanks_and_quotes(tmp_path: Path) -> None:
    """Folders, branches and files may be called anything."""
    work = created(tmp_path / 'a "folder"\n of $(mine)')
    commit(work, 'new\nline "x"')
    (work / "-rf *").write_text("x", encoding="utf-8")
    git(work, "checkout", "--quiet", "-b", 'it"s=me')
    seen = look(work)
    assert (seen[F.CHANGED], seen[F.UNTRACKED]) == (0, 1)
    assert seen[F.HEAD] == git(work, "rev-parse", "HEAD")[:12]
    assert seen[F.BRANCH] is Reason.SCHEMA


def test_what_wakes_it(tmp_path: Path) -> None:
    """The folders that change with a commit and with a push are watched; of what is not there, nothing."""
    work = pushed(tmp_path)
    assert GitSource(repository(work)).watched() == (work / ".git", work / ".git/logs/refs/remotes/origin")
    assert GitSource(repository(tmp_path / "nowhere")).watched() == ()
