"""A question to the forge, its answer, and how it refuses; paging is here because every list is answered by pages.

Rule: an error has the words a forge uses for it, because programs read them: the message, where the API is described,
and, of a token that may not, what was needed and what the token may.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from re import search
from typing import Any, Final, TypeVar
from urllib.parse import urlencode

from quarterdeck.demo.forge.state import Account, Forge, Repo, Thread, Token

JSON: Final = "application/json;charset=utf-8"
LONGEST_NUMBER: Final = 9
PLAIN: Final = "text/plain; charset=utf-8"
Row = dict[str, Any]
T = TypeVar("T")


class RefusedError(Exception):
    """The forge does not do it."""

    def __init__(self, status: int, message: str = "", *, bare: bool = False) -> None:
        """``bare``: the message is not told as JSON but not at all."""
        super().__init__(message)
        self.status, self.message, self.bare = status, message, bare


def absent() -> RefusedError:
    """Return what is said of a thing that is not there, or is not shown."""
    return RefusedError(404, "The target couldn't be found.")


@dataclass(slots=True)
class Answer:
    """What the forge says."""

    status: int = 200
    body: bytes = b""
    kind: str = JSON
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, document: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
        """Say a document."""
        return cls(
            status,
            json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode() + b"\n",
            JSON,
            dict(headers or {}),
        )

    @classmethod
    def refusal(cls, forge: Forge, error: RefusedError) -> Answer:
        """Say why not."""
        if error.bare:
            return cls(error.status)
        said: Row = {"message": error.message, "url": f"{forge.url}/api/swagger"}
        return cls.of({"errors": None, **said} if error.status == HTTPStatus.NOT_FOUND else said, error.status)


@dataclass(slots=True)
class Ask:
    """A question."""

    forge: Forge
    method: str
    path: str
    """Without the address of the API."""
    query: Mapping[str, str]
    token: Token | None
    body: bytes = b""
    parts: Mapping[str, str] = field(default_factory=dict)
    """What the path names."""

    @property
    def who(self) -> Account:
        """Who asks; whoever it is must have said so."""
        if self.token is None:
            raise RefusedError(401, "token is required")
        return self.token.account

    def document(self) -> Row:
        """Return what was sent along."""
        try:
            found = json.loads(self.body or b"{}")
        except ValueError as error:
            raise RefusedError(422, "[]: json: the body cannot be read") from error
        if not isinstance(found, dict):
            raise RefusedError(422, "[]: json: cannot unmarshal into Go value of the type that is wanted")
        return found

    def repo(self) -> Repo:
        """Return the repository the path names, if whoever asks may see it."""
        found = self.forge.repo(f"{self.parts['owner']}/{self.parts['repo']}")
        if found is None or not visible(found, self.token):
            raise absent()
        return found

    def thread(self, *, pull: bool | None = None) -> tuple[Repo, Thread]:
        """Return the issue or pull request that the path names, and where it is."""
        repo, index = self.repo(), self.parts["index"]
        thread = repo.threads.get(int(index)) if index.isdigit() else None
        if thread is None or (pull and thread.pull is None):
            raise absent()
        return repo, thread

    def word(self, name: str, among: Sequence[str] = (), default: str = "") -> str:
        """Return a word of the query; one that is not among those that are known is the default."""
        said = self.query.get(name, default)
        return said if not among or said in among else default

    def flag(self, name: str) -> bool | None:
        """Return a yes or no of the query."""
        return {"true": True, "1": True, "false": False, "0": False}.get(self.query.get(name, "").lower())

    def moment(self, name: str) -> datetime | None:
        """Return a moment of the query, which must be one."""
        said = self.query.get(name)
        if not said:
            return None
        try:
            found = datetime.fromisoformat(said.replace(" ", "+"))
        except ValueError as error:
            raise RefusedError(422, f'parsing time "{said}" as "2006-01-02T15:04:05Z07:00": cannot parse') from error
        return found if found.tzinfo else found.replace(tzinfo=UTC)

    def page(
        self, things: Sequence[T], shape: Callable[[T], Any], *, pages: bool = False, linked: bool = True
    ) -> Answer:
        """Answer with the page of a list that was asked for; ``pages``: say also how many there are."""
        if self.forge.faults.tears and search(self.forge.faults.tears, self.path):
            things = [*list(things[:1]) * (self._number("page", 1) - 1), *things]
        number, size = self.place()
        total, last = len(things), max(1, -(-len(things) // size))
        shown = things[(number - 1) * size : number * size]
        headers = {"X-Total-Count": str(total)}
        if pages:
            more = str(number < last).lower()
            headers |= {"X-Page": str(number), "X-PerPage": str(size), "X-PageCount": str(last), "X-HasMore": more}
        if linked and last > 1:
            headers["Link"] = ",".join(self._links(number, last))
        exposed = ", ".join(headers)
        return Answer.of(
            [shape(thing) for thing in shown], headers={**headers, "Access-Control-Expose-Headers": exposed}
        )

    def place(self) -> tuple[int, int]:
        """Return which page is asked for, and how long it is."""
        number, size = self._number("page", 1), self._number("limit", self.forge.page_default)
        return max(1, number), min(size, self.forge.page_limit) if size > 0 else self.forge.page_default

    def _number(self, name: str, default: int) -> int:
        said = self.query.get(name, "")
        return int(said) if said.lstrip("-").isdigit() and len(said) < LONGEST_NUMBER else default

    def _links(self, number: int, last: int) -> list[str]:
        wanted = {"next": number + 1, "last": last} if number < last else {}
        wanted |= {"first": 1, "prev": number - 1} if number > 1 else {}
        root = f"{self.forge.url}/api/v1{self.path}"
        return [f'<{root}?{urlencode({**self.query, "page": page})}>; rel="{name}"' for name, page in wanted.items()]


def visible(repo: Repo, token: Token | None) -> bool:
    """Whether whoever has the token is shown a repository."""
    if not repo.private:
        return True
    if token is None or "public-only" in token.scopes:
        return False
    return token.account.admin or token.account in (*repo.writers, *repo.admins, repo.owner)


def administers(repo: Repo, who: Account) -> bool:
    """Whether somebody may change how a repository is."""
    return who.admin or who in repo.admins or who is repo.owner


def writes(repo: Repo, who: Account) -> bool:
    """Whether somebody may push to a repository, which is also when their reviews count."""
    return administers(repo, who) or who in repo.writers
