"""A repository whose maker wants us to run something, and that must not notice that it was looked at."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from quarterdeck.sources.git import GitSource
from quarterdeck.truth import fields as F  # noqa: N812 -- short where every line names a field
from tests.sources.git.repositories import Seen, commit, created, git, look, pushed, repository

TRAPS = (
    "core.fsmonitor",
    "core.sshCommand",
    "core.gitProxy",
    "core.pager",
    "core.editor",
    "core.askPass",
    "core.alternateRefsCommand",
    "credential.helper",
    "diff.external",
    "diff.evil.textconv",
    "diff.evil.command",
    "filter.evil.clean",
    "filter.evil.smudge",
    "filter.evil.process",
    "gpg.program",
    "gpg.ssh.program",
    "merge.evil.driver",
    "pager.log",
    "pager.status",
    "remote.origin.uploadpack",
    "remote.origin.receivepack",
    "remote.origin.vcs",
    "sequence.editor",
    "uploadpack.packObjectsHook",
    "alias.status",
    "alias.log",
    "interactive.diffFilter",
)
HOOKS = ("post-index-change", "post-checkout", "fsmonitor-watchman", "reference-transaction", "pre-auto-gc")


@pytest.fixture
def trapped(tmp_path: Path) -> Path:
    """A repository in which everything that can be a command is one that leaves a mark."""
    work = pushed(tmp_path)
    mark = tmp_path / "mark"
    tool = tmp_path / "tool"
    tool.write_text(f"#!/bin/sh\necho sprung >> {mark}\ncat\n", encoding="utf-8")
    tool.chmod(0o755)
    (work / ".gitattributes").write_text("* filter=evil diff=evil merge=evil\n", encoding="utf-8")
    git(work, "add", ".gitattributes")
    git(work, "commit", "--quiet", "-m", "Set a trap")
    for hook in HOOKS:
        place = work / ".git/hooks" / hook
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(tool.read_bytes())
        place.chmod(0o755)
    git(work, "config", "core.hooksPath", str(work / ".git/hooks"))
    git(work, "config", "log.showSignature", "true")
    git(work, "config", "filter.evil.required", "true")
    for name in TRAPS:
        git(work, "config", name, f"!{tool}" if name.startswith("alias") else str(tool))
    (work / ".git/info/attributes").write_text("* filter=evil\n", encoding="utf-8")
    os.utime(work / "one", (1, 1))
    (work / "one").write_text("other\n", encoding="utf-8")
    return work


def test_the_traps_are_set(trapped: Path, tmp_path: Path) -> None:
    """Whoever looks at the repository in the usual way springs a trap."""
    git(trapped, "status", check=False)
    assert (tmp_path / "mark").exists()


def test_looking_springs_no_trap(trapped: Path, tmp_path: Path) -> None:
    """No filter, hook, monitor or other command that a repository names is ever run, and it is read all the same."""
    seen = look(trapped, confirm=True)
    assert not (tmp_path / "mark").exists()
    assert (seen[F.CHANGED], seen[F.AHEAD]) == (1, 1)
    assert seen[F.REMOTE_HEAD] == git(tmp_path / "remote.git", "rev-parse", "main")[:12]


def test_settings_that_are_included_are_not_read(trapped: Path, tmp_path: Path) -> None:
    """What the settings of a repository include is not followed, wherever it leads."""
    more = tmp_path / "more"
    more.write_text(f"[core]\n\tfsmonitor = {tmp_path / 'tool'}\n", encoding="utf-8")
    git(trapped, "config", "include.path", str(more), check=False)
    look(trapped)
    assert not (tmp_path / "mark").exists()


def test_a_submodule_is_not_entered(tmp_path: Path) -> None:
    """The repository of a submodule is not looked at, and its settings are not obeyed."""
    inner = created(tmp_path / "inner")
    commit(inner)
    work = created(tmp_path / "work")
    commit(work)
    git(work, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(inner), "part")
    git(work, "commit", "--quiet", "-m", "Add a part")
    tool = tmp_path / "tool"
    tool.write_text(f"#!/bin/sh\ntouch {tmp_path / 'mark'}\n", encoding="utf-8")
    tool.chmod(0o755)
    git(work / "part", "config", "core.fsmonitor", str(tool))
    (work / "part/one").write_text("changed\n", encoding="utf-8")
    assert look(work)[F.CHANGED] == 0
    assert not (tmp_path / "mark").exists()


def fingerprint(place: Path) -> Iterator[tuple[str, int, int, int, str]]:
    """Everything that could tell that somebody was here: names, kinds, sizes, times and content."""
    for path in sorted([place, *place.rglob("*")]):
        found = path.lstat()
        content = hashlib.sha256(path.read_bytes()).hexdigest() if stat.S_ISREG(found.st_mode) else ""
        yield str(path), found.st_mode, found.st_mtime_ns, found.st_ctime_ns, content


def test_looking_leaves_no_trace(tmp_path: Path) -> None:
    """Byte for byte and to the nanosecond a repository and its remote are as before, also where git would refresh."""
    work = pushed(tmp_path)
    for number in range(5):
        commit(work, f"file-{number}")
    git(work, "update-index", "--split-index")
    os.utime(work / "one", (1, 1))  # its index entry is out of date: git would write a fresh one
    (work / "two").write_text("x", encoding="utf-8")
    source = GitSource(repository(work, confirm=True))
    before = list(fingerprint(tmp_path))
    for _ in range(2):
        assert Seen(source)[F.CHANGED] == 0
    assert list(fingerprint(tmp_path)) == before


def test_nothing_is_left_in_the_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder in which git is asked is gone after the look, also after one that failed."""
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    tempfile.tempdir = None
    try:
        work = pushed(tmp_path)
        look(work)
        (work / ".git/config").write_text("[[[ no", encoding="utf-8")
        look(work)
        assert list((tmp_path / "tmp").iterdir()) == []
    finally:
        tempfile.tempdir = None
