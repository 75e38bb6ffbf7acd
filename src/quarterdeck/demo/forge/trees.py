"""A bare git repository, and what the forge asks of it.

Rule 1: git is the truth: branches are read from it each time. What cannot change, as it is named by its hash, is kept.
Rule 2: it heeds no settings of this machine, runs no hooks, and asks nobody for anything.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

LIMIT_S: Final = 20
NOBODY: Final = "0" * 40
STATUSES: Final = {"A": "added", "M": "changed", "D": "deleted", "R": "renamed", "C": "copied", "T": "changed"}
ALONE: Final = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0"}


class Commit(NamedTuple):
    """A commit."""

    sha: str
    author: str
    email: str
    at: datetime
    message: str


class Change(NamedTuple):
    """A file that one commit has otherwise than another."""

    path: str
    before: str
    status: str
    additions: int
    deletions: int


@dataclass(eq=False, slots=True)
class Trees:
    """One repository."""

    place: Path
    _commits: dict[str, Commit] = field(default_factory=dict)
    _bases: dict[tuple[str, str], str] = field(default_factory=dict)
    _changes: dict[tuple[str, str], list[Change]] = field(default_factory=dict)
    _merges: dict[tuple[str, str], str | None] = field(default_factory=dict)

    def make(self) -> None:
        """Make it."""
        _git(self.place.parent, "init", "--quiet", "--bare", "--initial-branch=main", "--template=", str(self.place))

    def branches(self) -> dict[str, str]:
        """Return the commit of each branch, by name."""
        packed = self.place / "packed-refs"
        lines = packed.read_text(encoding="utf-8").splitlines() if packed.exists() else []
        listed = [line.split(" ", 1) for line in lines if " refs/heads/" in line]
        found = {name.removeprefix("refs/heads/"): sha for sha, name in listed}
        root = self.place / "refs" / "heads"
        loose = [each for each in root.rglob("*") if each.is_file() and each.suffix != ".lock"]
        found |= {str(each.relative_to(root)): each.read_text(encoding="ascii").strip() for each in loose}
        return dict(sorted(found.items()))

    def commit(
        self, branch: str, files: Mapping[str, str | None], message: str, *, who: str, at: datetime, onto: str = ""
    ) -> str:
        """Commit files (None takes one away) to a branch, which begins at ``onto`` when it is new; return the hash."""
        begun = self.branches().get(branch) or onto
        said = message.encode()
        parts = [
            f"commit refs/heads/{branch}\nmark :1\n",
            f"committer {who} <{who}@example.com> {at.timestamp():.0f} +0000\n",
        ]
        stream = "".join(parts).encode() + b"data %d\n%b\n" % (len(said), said)
        stream += f"from {begun}\n".encode() if begun else b""
        for path, text in files.items():
            body = (text or "").encode()
            stream += (
                f"D {path}\n".encode()
                if text is None
                else b"M 100644 inline %b\ndata %d\n%b\n" % (path.encode(), len(body), body)
            )
        return _git(self.place, "fast-import", "--quiet", "--force", given=stream + b"\nget-mark :1\n").strip()

    def branch(self, name: str, sha: str) -> bool:
        """Make a branch; tell whether there was none of that name. This is what claims rest on: git decides."""
        return _run(self.place, "update-ref", f"refs/heads/{name}", sha, NOBODY).returncode == 0

    def names(self, name: str) -> bool:
        """Whether a branch may have a name."""
        return _run(self.place, "check-ref-format", f"refs/heads/{name}").returncode == 0

    def move(self, name: str, sha: str) -> None:
        """Have a branch end in a commit."""
        _git(self.place, "update-ref", f"refs/heads/{name}", sha)

    def delete(self, name: str) -> None:
        """Take a branch away."""
        _git(self.place, "update-ref", "-d", f"refs/heads/{name}")

    def resolve(self, ref: str) -> str | None:
        """Return the hash of a branch, or of a commit that is there."""
        found = self.branches().get(ref)
        if found is not None or not ref.isalnum():
            return found
        asked = _run(self.place, "rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}")
        return asked.stdout.decode().strip() or None

    def look(self, sha: str) -> Commit:
        """Return a commit."""
        if sha not in self._commits:
            said = _git(self.place, "log", "-1", "--format=%an%x00%ae%x00%ct%x00%B", sha, "--")
            author, email, at, message = said.split("\0", 3)
            self._commits[sha] = Commit(
                sha, author, email, datetime.fromtimestamp(int(at), UTC), message.strip() + "\n"
            )
        return self._commits[sha]

    def parent(self, sha: str) -> str:
        """Return the commit before one; nothing for the first."""
        return _run(self.place, "rev-parse", "--verify", "--quiet", f"{sha}^").stdout.decode().strip()

    def merge_base(self, base: str, head: str) -> str:
        """Return where two commits parted."""
        if (base, head) not in self._bases:
            self._bases[base, head] = _run(self.place, "merge-base", base, head).stdout.decode().strip()
        return self._bases[base, head]

    def changes(self, base: str, head: str) -> list[Change]:
        """Return what one commit changed since it parted from another."""
        parted = self.merge_base(base, head)
        if (parted, head) not in self._changes:
            asked = ("diff", "-z", "--find-renames", parted, head)
            self._changes[parted, head] = _changes(
                _git(self.place, *asked, "--name-status"), _git(self.place, *asked, "--numstat")
            )
        return self._changes[parted, head]

    def merged(self, base: str, head: str) -> str | None:
        """Return the tree of both together; None when they are in conflict."""
        if (base, head) not in self._merges:
            asked = _run(self.place, "merge-tree", "--write-tree", base, head)
            self._merges[base, head] = asked.stdout.decode().split("\n", 1)[0] if asked.returncode == 0 else None
        return self._merges[base, head]

    def join(self, branch: str, tree: str, parents: tuple[str, ...], message: str, *, who: str, at: datetime) -> str:
        """Commit a tree with its parents to a branch."""
        about = {"NAME": who, "EMAIL": f"{who}@example.com", "DATE": f"{at.timestamp():.0f} +0000"}
        known = {f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER") for what, value in about.items()}
        told = [word for parent in parents for word in ("-p", parent)]
        sha = _git(self.place, "commit-tree", tree, *told, "-m", message, known=known).strip()
        self.move(branch, sha)
        return sha

    def count(self, since: str, until: str) -> int:
        """Return how many commits one has that the other has not."""
        return int(_git(self.place, "rev-list", "--count", f"{since}..{until}"))

    def commits(self, since: str, until: str) -> list[str]:
        """Return the commits that one has and the other has not, the newest first."""
        return _git(self.place, "rev-list", f"{since}..{until}").split()

    def blob(self, ref: str, path: str) -> bytes | None:
        """Return a file of a commit or a branch; None when there is none."""
        asked = _run(self.place, "cat-file", "blob", f"{ref}:{path}")
        return asked.stdout if asked.returncode == 0 else None

    def listing(self, ref: str, path: str) -> list[tuple[str, str, str]]:
        """Return kind, hash and path of what is in a folder of a commit."""
        asked = _run(self.place, "ls-tree", "-z", ref, *((f"{path}/",) if path else ()))
        rows = [row.split("\t", 1) for row in asked.stdout.decode().split("\0") if row]
        return [(*_kind_and_hash(about), name) for about, name in rows]


def _kind_and_hash(about: str) -> tuple[str, str]:
    _, kind, sha = about.split()
    return {"tree": "dir"}.get(kind, "file"), sha


def _changes(statuses: str, numbers: str) -> list[Change]:
    """Return what two listings of the same changes say together."""
    told, counted = iter(statuses.split("\0")), iter(numbers.split("\0"))
    found = []
    for word in told:
        if not word:
            break
        before = next(told)
        renamed = word[0] in "RC"
        path = next(told) if renamed else before
        added, deleted, *_ = next(counted).split("\t")
        if renamed:
            _, _ = next(counted), next(counted)
        found.append(Change(path, before if renamed else "", STATUSES[word[0]], _number(added), _number(deleted)))
    return found


def _number(text: str) -> int:
    return int(text) if text.isdigit() else 0


def _git(folder: Path, *words: str, given: bytes | None = None, known: Mapping[str, str] | None = None) -> str:
    done = _run(folder, *words, given=given, known=known)
    done.check_returncode()
    return done.stdout.decode()


def _run(
    folder: Path, *words: str, given: bytes | None = None, known: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return subprocess.run(
        ["git", *words],
        cwd=folder,
        env={**kept, **ALONE, **(known or {})},
        input=given or b"",
        capture_output=True,
        check=False,
        timeout=LIMIT_S,
    )
