"""How the tests of the client ask: a real reader, a real line, and a server that answers as the test tells it to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias, TypeVar

import pytest

from quarterdeck.http import Limits
from quarterdeck.http.reader import Reader
from quarterdeck.sources.forge.client import ForgeReader
from quarterdeck.sources.forge.errors import ForgeError
from tests.fakes.told_forge import Question, Reply, ToldForge

T = TypeVar("T")
Answers: TypeAlias = Callable[[Question], Reply]
Work: TypeAlias = Callable[[ForgeReader], Coroutine[Any, Any, T]]
NOW: Final = datetime(2026, 11, 20, 12, 0, 3, tzinfo=UTC)
"""Three seconds after what the server says."""
LIMITS: Final = Limits(connect_s=10.0, silence_s=10.0, total_s=20.0, body=20_000)
"""For a forge that answers, on whatever busy machine."""
HASTY: Final = LIMITS._replace(silence_s=0.5)
TOKEN: Final = "f" * 40
FULL: Final = "acme/tools"


def ask(url: str, work: Work[T], *, page: int | None = 50, token: str | None = TOKEN, limits: Limits = LIMITS) -> T:
    """Do some work with a client, in a loop of its own."""

    async def do() -> T:
        async with Reader(limits) as reader:
            return await work(ForgeReader(reader, url, token, page=page, clock=lambda: NOW))

    return asyncio.run(do())


def told_by(answer: Answers, work: Work[T], *, page: int | None = 50, limits: Limits = LIMITS) -> T:
    """Do some work with a client of a server that answers so."""
    with ToldForge(answer) as forge:
        return ask(forge.url, work, page=page, limits=limits)


def fails(answer: Answers, work: Work[object], limits: Limits = LIMITS) -> ForgeError:
    """Do some work that fails; return how."""
    with pytest.raises(ForgeError) as failed:
        told_by(answer, work, limits=limits)
    return failed.value
