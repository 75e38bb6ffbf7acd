"""Lists that are told page by page, and whether what was put together is one list.

Rule 1: how many pages there are is told by how many things the forge counts, never by its links: those are known to be
        wrong. Where it does not count, a page that is not full is the last one.
Rule 2: a list that changed while it was read is torn: the count changed, or a thing was told twice, or one is missing.
        A list that has more pages than may be asked is cut. Neither is whole, and what is not in it is not gone.
Rule 3: nothing stands in a list twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterable, Sequence
from datetime import datetime
from typing import Final, Generic, NamedTuple, TypeVar

T = TypeVar("T")

TORN: Final = "it changed while it was read"


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


class Paging(NamedTuple, Generic[T]):
    """How one list is read."""

    size: int
    """How many things a page has."""
    most: int
    """How many pages are read."""
    key: Callable[[T], Hashable]
    """What makes a thing the same."""
    counted: bool = True
    """Whether the forge's count is of the whole list."""
    unseen: int = 0
    """How many things may count for a page and are not shown."""


async def gathered(fetch: Callable[[int], Awaitable[Page[T]]], paging: Paging[T], at: datetime) -> Told[tuple[T, ...]]:
    """Read a list page by page, several at once where the first one tells how many there are."""
    first = await fetch(1)
    total = first.total if paging.counted else None
    if total is None:
        pages, cut = await _one_by_one(fetch, paging, first)
    else:
        size = len(first.items)
        needed = -(-total // size) if size else 1
        pages = [first, *await _all(fetch(number) for number in range(2, min(needed, paging.most) + 1))]
        cut = needed > paging.most
    found: dict[Hashable, T] = {}
    for page in pages:
        for item in page.items:
            found.setdefault(paging.key(item), item)
    items = tuple(found.values())
    why = f"it has more than {paging.most} pages" if cut else TORN if _is_torn(pages, items, total) else ""
    return Told(items, at, first.server_at, not why, total, len(pages), why)


async def _one_by_one(
    fetch: Callable[[int], Awaitable[Page[T]]], paging: Paging[T], first: Page[T]
) -> tuple[list[Page[T]], bool]:
    pages = [first]
    while pages[-1].items and len(pages[-1].items) + paging.unseen >= paging.size:
        if len(pages) >= paging.most:
            return pages, True
        pages.append(await fetch(len(pages) + 1))
    return pages, False


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
