"""The questions a forge is asked. Each only looks: there is no method here that changes anything.

Rule 1: a question has an answer that was understood, or a ``ForgeError`` that says why not. Nothing is made up between.
Rule 2: no more is asked for at once than the forge gives at once: ``settings`` reads that, and whoever asks again
        later says what it read. As long as nobody does, no list is taken for whole because a page of it is short.
Rule 3: names from settings and from answers are put into a path piece by piece, each quoted. One that would lead
        elsewhere is not asked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Generic, Literal, NamedTuple, Protocol, TypeAlias, TypeVar
from urllib.parse import quote, urlencode

import msgspec
from msgspec.json import Decoder

from quarterdeck.http import Answer, HttpError
from quarterdeck.redaction import KnownValues, Redaction
from quarterdeck.sources.files import SourceError
from quarterdeck.sources.forge import api
from quarterdeck.sources.forge.errors import (
    GOOD,
    NO_DOCUMENT,
    ForgeError,
    dated,
    is_page,
    not_text,
    oversized,
    refused,
    unanswered,
    unreadable,
)
from quarterdeck.sources.forge.paging import Page, Paging, Told, gathered
from quarterdeck.sources.forge.scopes import ADMINS, Scopes
from quarterdeck.truth.reading import Reason

T = TypeVar("T")
Kind: TypeAlias = Literal["issues", "pulls"]
State: TypeAlias = Literal["open", "closed", "all"]
Query: TypeAlias = Mapping[str, str | int]
Pieces: TypeAlias = tuple[str, ...]

PAGE: Final = 50
"""How many things are asked for at once, unless the forge gives fewer."""
PAGES: Final = 200
"""How many pages of one list are read, unless somebody says otherwise."""
CALLS: Final = 1_000
"""After so many questions no list is read on, unless somebody says otherwise."""
JSON: Final = "application/json"
NOTHING: Final[Query] = {}
FORBIDDEN: Final = 403
NO_ADMIN: Final = "user should be the site admin"
"""What a forge says to somebody whose token it let through to what only admins may ask."""
PROBES: Final[Mapping[str, Pieces]] = {
    "read:issue": ("repos", "issues", "search"),
    "read:repository": ("repos", "search"),
}
"""What is asked for want of which scope it would be refused."""
COUNT: Final = re.compile(r"[0-9]{1,9}")


class Gets(Protocol):
    """Whoever can ask, and only ask: ``http.Reader``."""

    async def get(self, url: str, headers: Mapping[str, str]) -> Answer:
        """Ask for what is at an address."""


class ForgeReader:
    """Asks one forge. ``calls`` counts its questions, ``page`` is how many things it is asked for at once.

    ``knows_page`` is whether the forge is known to give as many.
    """

    def __init__(
        self,
        reader: Gets,
        url: str,
        token: str | None = None,
        *,
        page: int | None = None,
        calls: int = CALLS,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """``url`` is where a person opens the forge, ``page`` how much it gives at once, if it ever told.

        After so many ``calls`` no list is read on; it is cut then.

        Raises:
            SourceError: when the token cannot be one.
        """
        if token is not None and not (token.isascii() and token.isprintable() and token and " " not in token):
            raise SourceError(Reason.DENIED, "the token of the forge is not one word of plain letters and digits")
        self._reader, self._base, self._clock = reader, f"{url.rstrip('/')}/api/v1", clock
        self._headers = {"Accept": JSON} if token is None else {"Accept": JSON, "Authorization": f"token {token}"}
        self._policy = Redaction(known=KnownValues([token] if token else []))
        self._most = calls
        self.page, self.knows_page, self.calls = PAGE, False, 0
        self._learn(page)

    # --- the forge and the token -------------------------------------------------------------------------------------

    async def version(self) -> Told[str]:
        """Its release: ``1.25.3``, ``11.0.3+gitea-1.22.0``, ``16.0.2``."""
        told = await self._one(("version",), VERSION)
        return _again(told, told.value.version or "")

    async def settings(self) -> Told[api.ApiSettings]:
        """How much it tells at once; from now on no more is asked for at once."""
        told = await self._one(("settings", "api"), SETTINGS)
        self._learn(told.value.max_response_items)
        return told

    def _learn(self, most: int | None) -> None:
        if most is not None and most > 0:
            self.page, self.knows_page = min(PAGE, most), True

    async def me(self) -> Told[api.User]:
        """Whose token it is. Needs ``read:user``."""
        return await self._one(("user",), USER)

    async def scopes(self) -> Told[Scopes]:
        """What the token may ask: told by how it is refused what only admins may.

        Where it is refused without a word of its scopes, it is asked one small question for each scope instead: a
        release may not tell them, and what stands before a forge may refuse whomever it likes.
        """
        at, before = self._clock(), self.calls
        try:
            told = await self._one(("admin", "cron"), SEVERAL, {"limit": 1})
        except ForgeError as error:
            if error.status != FORBIDDEN:
                raise
            is_open = error.said == NO_ADMIN
            lacks = await self._lacks() if error.held is None and not is_open else ()
            return _told(Scopes(error.held, is_open, lacks), at, None)._replace(calls=self.calls - before)
        return _again(told, ADMINS)

    async def _lacks(self) -> tuple[str, ...]:
        """Return which scopes what is asked here is refused for."""
        lacks = []
        for scope, pieces in PROBES.items():
            try:
                await self._one(pieces, ANYTHING, {"limit": 1})
            except ForgeError as error:
                if error.status != FORBIDDEN or scope not in error.needs:
                    raise
                lacks.append(scope)
        return tuple(lacks)

    # --- all repositories ----------------------------------------------------------------------------------------

    async def repos(self, *, pages: int = PAGES) -> Told[tuple[api.Repository, ...]]:
        """All repositories this token is shown, archived ones too, newest first."""
        query = {"sort": "id", "order": "desc"}
        return await self._list(("repos", "search"), REPOS, pages, query)

    async def search(
        self, kind: Kind | None, state: State = "open", since: datetime | None = None, *, pages: int = PAGES
    ) -> Told[tuple[api.Issue, ...]]:
        """Issues, or pull requests told of as issues, of all repositories, newest first; those that moved ``since``.

        Without a kind, both.
        """
        query: dict[str, str | int] = {"state": state} if kind is None else {"type": kind, "state": state}
        if since is not None:
            query["since"] = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return await self._list(("repos", "issues", "search"), ISSUES, pages, query)

    # --- one repository ------------------------------------------------------------------------------------------

    async def repo(self, full: str) -> Told[api.Repository]:
        """A repository."""
        return await self._one(_repo(full), REPO)

    async def pulls(self, full: str, *, pages: int = PAGES) -> Told[tuple[api.PullRequest, ...]]:
        """Its open pull requests, newest first."""
        return await self._list((*_repo(full), "pulls"), PULLS, pages, {"state": "open"})

    async def issues(
        self, full: str, state: State = "open", since: datetime | None = None, *, pages: int = PAGES
    ) -> Told[tuple[api.Issue, ...]]:
        """Its issues, without pull requests, newest first; those that moved ``since``."""
        query: dict[str, str | int] = {"type": "issues", "state": state}
        if since is not None:
            query["since"] = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return await self._list((*_repo(full), "issues"), ISSUES, pages, query)

    async def branches(self, full: str, *, pages: int = PAGES) -> Told[tuple[api.Branch, ...]]:
        """Its branches."""
        return await self._list((*_repo(full), "branches"), BRANCHES, pages)

    async def branch(self, full: str, name: str) -> Told[api.Branch]:
        """A branch, with what of its rule everybody is told."""
        return await self._one((*_repo(full), "branches", *name.split("/")), BRANCH)

    async def protection(self, full: str, name: str) -> Told[api.BranchProtection]:
        """The rule of this name (``Branch.effective_branch_protection_name``). Needs to administer the repository.

        Raises:
            ForgeError: also when there is none of this name.
        """
        told = await self._one((*_repo(full), "branch_protections"), PROTECTIONS)
        for rule in api.listed(told.value):
            if name in (rule.rule_name, rule.branch_name):
                return _again(told, rule)
        raise ForgeError(
            Reason.MISSING, "there is no rule of this name", path=_path((*_repo(full), "branch_protections")),
            outcome="yes",
        )  # fmt: skip

    async def labels(self, full: str, *, pages: int = PAGES) -> Told[tuple[api.Label, ...]]:
        """Its own labels."""
        return await self._list((*_repo(full), "labels"), LABELS, pages)

    async def names(self, full: str) -> Told[tuple[str, ...]]:
        """What lies at the top of its default branch."""
        told = await self._one((*_repo(full), "contents"), ENTRIES)
        return _again(told, tuple(each.name for each in api.listed(told.value) if each.name))

    async def text(self, full: str, path: str, ref: str | None = None) -> Told[str]:
        """A text file, of its default branch or of a branch, tag or commit."""
        query = {} if ref is None else {"ref": ref}
        pieces = (*_repo(full), "raw", *path.split("/"))
        at, answer = await self._ask(pieces, query)
        try:
            said = answer.body.decode("utf-8")
        except UnicodeDecodeError as error:
            raise not_text(_path(pieces), answer) from error
        if is_page(answer):
            raise not_text(_path(pieces), answer)
        return _told(said, at, answer)

    # --- one pull request or issue -------------------------------------------------------------------------------

    async def issue(self, full: str, number: int) -> Told[api.Issue]:
        """An issue, or a pull request told of as one."""
        return await self._one((*_repo(full), "issues", str(number)), ISSUE)

    async def pull(self, full: str, number: int) -> Told[api.PullRequest]:
        """A pull request."""
        return await self._one((*_repo(full), "pulls", str(number)), PULL)

    async def reviews(self, full: str, number: int, *, pages: int = PAGES) -> Told[tuple[api.Review, ...]]:
        """Its reviews and requests for one, oldest first."""
        return await self._list((*_repo(full), "pulls", str(number), "reviews"), REVIEWS, pages)

    async def statuses(self, full: str, sha: str, *, pages: int = PAGES) -> Told[tuple[api.CommitStatus, ...]]:
        """The newest status of each context of a commit. A context may still stand there twice."""
        pieces = (*_repo(full), "commits", sha, "status")
        return await self._list(pieces, STATUSES, pages)

    async def files(self, full: str, number: int, *, pages: int = PAGES) -> Told[tuple[api.ChangedFile, ...]]:
        """The files a pull request changes."""
        pieces = (*_repo(full), "pulls", str(number), "files")
        return await self._list(pieces, FILES, pages)

    async def dependencies(self, full: str, number: int, *, pages: int = PAGES) -> Told[tuple[api.Issue, ...]]:
        """Issues and pull requests that block an issue or a pull request, closed ones too.

        Raises:
            ForgeError: also with status 404 where a repository has dependencies switched off.
        """
        pieces = (*_repo(full), "issues", str(number), "dependencies")
        return await self._list(pieces, ISSUES, pages)

    async def timeline(
        self, full: str, number: int, *, unseen: int = 0, pages: int = PAGES
    ) -> Told[tuple[api.TimelineEntry, ...]]:
        """What was done to an issue or a pull request, oldest first.

        The forge counts comments on lines for a page and does not show them, and its count is of one page: ``unseen``
        is how many there are (``PullRequest.review_comments``), so that a page that lacks only these is not taken for
        the last one.
        """
        pieces = (*_repo(full), "issues", str(number), "timeline")
        return await self._list(pieces, TIMELINE, pages, unseen=unseen)

    # --- asking --------------------------------------------------------------------------------------------------

    async def _one(self, pieces: Pieces, decoder: Decoder[T], query: Query = NOTHING) -> Told[T]:
        at, answer = await self._ask(pieces, query)
        return _told(_understood(_path(pieces), answer, decoder), at, answer)

    async def _list(
        self, pieces: Pieces, of: Listed[T], pages: int, query: Query = NOTHING, *, unseen: int = 0
    ) -> Told[tuple[T, ...]]:
        path, size = _path(pieces), self.page

        async def fetch(number: int) -> Page[T]:
            _, answer = await self._ask(pieces, {**query, "page": number, "limit": size})
            items, count = of.inside(_understood(path, answer, of.decoder)), _count(answer)
            if number == 1 and of.is_counted and count is not None and len(items) < min(size, count):
                self.knows_page = False  # it was set to give fewer since it told
            return Page(items, count, _date(answer))

        paging = Paging(
            size, self.knows_page, pages, of.key, lambda: self.calls < self._most, of.is_counted, unseen
        )  # fmt: skip
        return await gathered(fetch, paging, self._clock())

    async def _ask(self, pieces: tuple[str, ...], query: Query) -> tuple[datetime, Answer]:
        path, at = _path(pieces), self._clock()
        self.calls += 1
        try:
            answer = await self._reader.get(
                self._base + path + ("?" + urlencode(query) if query else ""), self._headers
            )
        except HttpError as error:
            raise unanswered(path, error) from None
        if answer.status != GOOD:
            raise refused(path, answer, at, self._policy)
        if not answer.whole:
            raise oversized(path, answer)
        return at, answer


def _told(value: T, at: datetime, answer: Answer | None) -> Told[T]:
    return Told(value, at, None if answer is None else _date(answer), whole=True, total=None, calls=1)


def _again(told: Told[Any], value: T) -> Told[T]:
    """Return the same answer, understood."""
    return Told(value, told.at, told.server_at, told.whole, told.total, told.calls, told.why)


def _date(answer: Answer) -> datetime | None:
    return dated(answer.headers.get("date", ""))


def _repo(full: str) -> Pieces:
    owner, _, name = full.partition("/")
    return ("repos", owner, name)


def _path(pieces: Pieces) -> str:
    """Return the path of these pieces, none of which leads out of its place."""
    path = "/" + "/".join(quote(piece, safe="") for piece in pieces)
    if any(piece in ("", ".", "..") for piece in pieces):
        raise ForgeError(Reason.DENIED, "a name that leads elsewhere is not asked for", path=path, outcome="yes")
    return path


def _understood(path: str, answer: Answer, decoder: Decoder[T]) -> T:
    try:
        return decoder.decode(answer.body)
    except NO_DOCUMENT as error:
        raise unreadable(path, answer, error) from None


def _count(answer: Answer) -> int | None:
    said = answer.headers.get("x-total-count", "")
    return int(said) if COUNT.fullmatch(said) else None


def by_id(thing: Any) -> Hashable:  # noqa: ANN401 -- whatever a forge numbers
    """What makes two things of a forge the same."""
    return thing.id  # type: ignore[no-any-return]


class Listed(NamedTuple, Generic[T]):
    """How one kind of list is understood."""

    decoder: Decoder[Any]
    key: Callable[[T], Hashable] = by_id
    inside: Callable[[Any], Sequence[T]] = api.listed
    """Where in the document the list is."""
    is_counted: bool = True
    """Whether the forge's count is of the whole list."""


VERSION: Final = Decoder(api.Version)
SETTINGS: Final = Decoder(api.ApiSettings)
USER: Final = Decoder(api.User)
ANYTHING: Final = Decoder(msgspec.Raw)
SEVERAL: Final = Decoder(tuple[msgspec.Raw, ...])
REPO: Final = Decoder(api.Repository)
ISSUE: Final = Decoder(api.Issue)
PULL: Final = Decoder(api.PullRequest)
BRANCH: Final = Decoder(api.Branch)
PROTECTIONS: Final = Decoder(tuple[api.BranchProtection, ...] | None)

REPOS: Final = Listed[api.Repository](Decoder(api.Found), inside=lambda found: api.listed(found.data))
ISSUES: Final = Listed[api.Issue](Decoder(tuple[api.Issue, ...] | None))
PULLS: Final = Listed[api.PullRequest](Decoder(tuple[api.PullRequest, ...] | None))
BRANCHES: Final = Listed[api.Branch](Decoder(tuple[api.Branch, ...] | None), key=lambda branch: branch.name)
LABELS: Final = Listed[api.Label](Decoder(tuple[api.Label, ...] | None))
REVIEWS: Final = Listed[api.Review](Decoder(tuple[api.Review, ...] | None))
STATUSES: Final = Listed[api.CommitStatus](Decoder(api.CombinedStatus), inside=lambda told: api.listed(told.statuses))
ENTRIES: Final = msgspec.json.Decoder(tuple[api.Entry, ...] | None)
FILES: Final = Listed[api.ChangedFile](Decoder(tuple[api.ChangedFile, ...] | None), key=lambda file: file.filename)
TIMELINE: Final = Listed[api.TimelineEntry](Decoder(tuple[api.TimelineEntry, ...] | None), is_counted=False)
