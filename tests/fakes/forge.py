"""A forge on loopback, for tests: the one of the demo, in a folder of the test, with a few people and one repository.

    with FakeForge(tmp_path) as fake:
        issue = fake.issue("Count the crates")
        pull = fake.pull("Count them twice", "Closes #1")
        fake.by(fake.bob).review(pull, "APPROVED")
        client = ForgeReader(reader, fake.url, fake.token)

``fake.forge`` is the whole state, ``fake.by(somebody)`` what can be done to it, ``fake.forge.faults`` what may go
wrong, and ``fake.asked`` what it was asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

from quarterdeck.demo.forge import founding
from quarterdeck.demo.forge.acts import By
from quarterdeck.demo.forge.server import ForgeServer
from quarterdeck.demo.forge.state import READING, Account, Flavour, Forge, Repo, Thread


class FakeForge:
    """A forge with alice and bob, north-bot and south-bot, and ``acme/tools``."""

    def __init__(self, folder: Path, flavour: Flavour = "gitea", *, computing_s: float = 0.0) -> None:
        self.forge = Forge(folder, flavour, computing_s=computing_s)
        self.alice, self.bob, self.north, self.south = (
            founding.account(self.forge, login) for login in ("alice", "bob", "north-bot", "south-bot")
        )
        self.acme = founding.org(self.forge, "acme")
        self.people = (self.alice, self.bob, self.north, self.south)
        self.tools = self.repo("tools")
        self.reader = founding.token(self.forge, founding.account(self.forge, "deck-bot"), READING)
        self.token = self.reader.word
        self._server = ForgeServer(self.forge)
        self._branches = 0

    @property
    def url(self) -> str:
        """Where it is; its API is at ``/api/v1`` below."""
        return self._server.url

    @property
    def asked(self) -> list[str]:
        """Paths of what it was asked, with their queries, the newest last."""
        return [path.removeprefix("/api/v1") for _, path in self.forge.asked]

    def login(self, who: Account, *scopes: str) -> str:
        """Return a token of somebody; without scopes it may do everything."""
        return founding.token(self.forge, who, scopes or ("all",)).word

    def repo(self, name: str, owner: Account | None = None, *, private: bool = False) -> Repo:
        """Make a repository to which everybody writes."""
        return founding.repo(self.forge, owner or self.acme, name, writers=self.people, private=private)

    def by(self, who: Account, repo: Repo | None = None) -> By:
        """Return the hands of somebody, by which things are done in a repository."""
        return By(self.forge, repo or self.tools, who)

    def issue(self, title: str, body: str = "", *, who: Account | None = None, repo: Repo | None = None) -> Thread:
        """Open an issue."""
        return self.by(who or self.alice, repo).open_issue(title, body)

    def pull(
        self,
        title: str,
        body: str = "",
        *,
        who: Account | None = None,
        repo: Repo | None = None,
        branch: str = "",
        files: Mapping[str, str | None] | None = None,
    ) -> Thread:
        """Push a branch that changes something, and open a pull request of it."""
        self._branches += 1
        name, where, author = branch or f"work-{self._branches}", repo or self.tools, who or self.north
        self.push(name, files or {f"notes/{self._branches}.md": f"note {self._branches}\n"}, who=author, repo=where)
        return self.by(author, where).open_pull(title, body, branch=name)

    def push(
        self, branch: str, files: Mapping[str, str | None], *, who: Account | None = None, repo: Repo | None = None
    ) -> str:
        """Commit to a branch."""
        return self.by(who or self.north, repo).push(branch, files, f"Work on {branch}")

    def pass_time(self, by: timedelta) -> None:
        """Have its clock run ahead from now on, as if so much time had gone by."""
        before = self.forge.clock
        self.forge.clock = lambda: before() + by

    def stand_still(self, at: datetime | None = None) -> None:
        """Have its clock stand still."""
        moment = at or datetime.now(UTC)
        self.forge.clock = lambda: moment

    def __enter__(self) -> Self:
        self._server.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.__exit__()
