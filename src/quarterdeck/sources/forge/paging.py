"""Lists that are told page by page, and whether what was put together is one list.

Rule 1: how many pages there are is told by how many things the forge counts, never by its links: those are known to be
        wrong. Where it does not count, a page that is not full is the last one; how full a page is when it is full
        only the forge can tell, and as long as it has not, the last page is the one that is empty.
Rule 2: a list that changed while it was read is torn: the count changed, or a thing was told twice, or one is missing.
        A list that has more pages than may be asked is cut, and so is one that has more on a page than it was asked
        for: whoever tells without end is not listened to without end. None of these is whole, and what is not in it
        is not gone.
Rule 3: nothing stands in a list twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterable, Sequence
from datetime import datetime
from typing import Final, Generic, NamedTuple, TypeAlias, TypeVar

T = TypeVar("T")

TORN: Final = "it changed while it was read"
OVER: Final = "it tells of more at once than it was asked for"
SPENT: Final = "it takes more questions than may be asked in one go"
AT_ONCE: Final = 16
"""Pages that are asked for before it is seen whether to go on."""


class Told(NamedTuple, Generic[T]):
    """What a forge told, when, and whether that is all."""

    value: T
    at: datetime
    """When it was asked, by our clock."""
    server_at: datetime | None
    """When it began to answer, by its own clock."""
    whole: bool
    """Whether this is all there is, as of one moment."""
    total: int | None
    """How many there are, by its own count; None where it does not count."""
    calls: int
    """How many questions it took."""
    why: str = ""
    """Why it is not whole."""


class Page(NamedTuple, Generic[T]):
    """One page of a list."""

    items: Sequence[T]
    total: int | None
    server_at: datetime | None
    is_over: bool = False
    """Whether it had more than it was asked for, which is not in it any more."""


Fetch: TypeAlias = Callable[[int], Awaitable[Page[T]]]


class Paging(NamedTuple, Generic[T]):
    """How one list is read."""

    size: int
    """How many things are asked for at once."""
    is_sure: bool
    """Whether the forge is known to give as many: if not, a page that has fewer may be a full one."""
    most: int
    """How many pages are read."""
    key: Callable[[T], Hashable]
    """What makes a thing the same."""
    may_ask: Callable[[], bool]
    """Whether another page may be asked for."""
    counted: bool = True
    """Whether the forge's count is of the whole list."""
    unseen: int = 0
    """How many things may count for a page and are not shown."""


async def gathered(fetch: Fetch[T], paging: Paging[T], at: datetime) -> Told[tuple[T, ...]]:
    """Read a list page by page, several at once where the first one tells how many there are."""
    fetch = _bounded(fetch, paging)
    first = await fetch(1)
    total = first.total if paging.counted else None
    if total is None:
        pages, why = await _one_by_one(fetch, paging, first)
    else:
        pages, why = await _counted(fetch, paging, first, total)
    found: dict[Hashable, T] = {}
    for page in pages:
        for item in page.items:
            found.setdefault(paging.key(item), item)
    items = tuple(found.values())
    why = why or (TORN if _is_torn(pages, items, total) else "")
    return Told(items, at, first.server_at, not why, total, len(pages), why)


def _bounded(fetch: Fetch[T], paging: Paging[T]) -> Fetch[T]:
    """Let go of what a page has beyond what it was asked for, as soon as it is there."""

    async def bounded(number: int) -> Page[T]:
        page = await fetch(number)
        if len(page.items) <= paging.size:
            return page
        return page._replace(items=page.items[: paging.size], is_over=True)

    return bounded


async def _one_by_one(fetch: Fetch[T], paging: Paging[T], first: Page[T]) -> tuple[list[Page[T]], str]:
    pages = [first]
    while _may_go_on([len(page.items) for page in pages], paging):
        if why := _end(pages, paging):
            return pages, why
        pages.append(await fetch(len(pages) + 1))
    return pages, ""


def _may_go_on(told: Sequence[int], paging: Paging[T]) -> bool:
    """Whether a page may follow on pages of which so many things were told.

    A page lacks things because it is the last one, or because it has some that are not shown. What all of them lack is
    held against how many are not shown.
    """
    if paging.is_sure:
        return len(told) * paging.size - sum(told) <= paging.unseen
    return told.count(0) * max(1, *told) <= paging.unseen


async def _counted(fetch: Fetch[T], paging: Paging[T], first: Page[T], total: int) -> tuple[list[Page[T]], str]:
    size, pages = len(first.items), [first]
    needed = -(-total // size) if size else 1
    while len(pages) < needed:
        if why := _end(pages, paging):
            return pages, why
        last = min(needed, paging.most, len(pages) + AT_ONCE)
        pages += await _all(fetch(number) for number in range(len(pages) + 1, last + 1))
    return pages, ""


def _end(pages: Sequence[Page[T]], paging: Paging[T]) -> str:
    """Say why no more of a list is read; nothing when it may be."""
    if any(page.is_over for page in pages[-AT_ONCE:]):
        return OVER
    if len(pages) >= paging.most:
        return f"it has more than {paging.most} pages"
    return "" if paging.may_ask() else SPENT


async def _all(questions: Iterable[Awaitable[Page[T]]]) -> list[Page[T]]:
    """Wait for all; when one fails, none of the others goes on."""
    tasks = [asyncio.ensure_future(question) for question in questions]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _is_torn(pages: Sequence[Page[T]], items: Sequence[T], total: int | None) -> bool:
    if total is None:
        return len(items) != sum(len(page.items) for page in pages)
    return len(items) != total or any(page.total != total for page in pages)
