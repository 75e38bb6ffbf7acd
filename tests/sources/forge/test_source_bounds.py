"""How much of a forge is read at once, look after look, and that none can make a look go on without end."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from quarterdeck.http import Answer
from quarterdeck.sources.forge.source import ForgeSource
from quarterdeck.truth import forge_fields as G  # noqa: N812 -- short where every line names a field
from quarterdeck.truth.reading import Known
from quarterdeck.truth.watched import Forge
from tests.fakes.forge import FakeForge
from tests.sources.forge.looking import Watch, watched

MOVED = "2026-11-01T10:00:00Z"
AT_ONCE = 5_000


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[FakeForge]:
    """A forge that gives ten things at once, and in which nothing happened for an hour."""
    with FakeForge(tmp_path / "forge") as made:
        made.forge.page_limit = made.forge.page_default = 10
        made.stand_still(datetime.now(UTC) - timedelta(hours=1))
        yield made


def test_what_a_forge_gives_at_once_is_known_in_every_look(fake: FakeForge, tmp_path: Path) -> None:
    """A timeline, which nobody counts, is read to its end in later looks too: what blocks stands on its second page."""
    issue, pull, alice = fake.issue("Wait for this"), fake.pull("Change"), fake.by(fake.alice)
    for number in range(12):
        alice.comment(pull, f"comment {number}")
    alice.depend(pull, issue)
    subject, blockers = f"/pull/acme/tools/{pull.number}", (f"acme/tools#{issue.number}",)
    seen = Watch(watched(fake, tmp_path)).look()
    assert seen.known(subject, G.PULL_BLOCKERS) == blockers
    fake.forge.clock = lambda: datetime.now(UTC)
    alice.comment(pull, "one more")
    for _ in range(3):
        seen.look()
        assert seen.known(subject, G.PULL_BLOCKERS) == blockers
    assert {path.rpartition("limit=")[2] for path in fake.asked if "timeline" in path} == {"10"}


class Endless:
    """A forge of one repository whose issues have no end: it does not count, and tells thousands at once."""

    def __init__(self) -> None:
        self.calls = 0

    async def get(self, url: str, headers: Mapping[str, str]) -> Answer:
        """Answer whatever is asked."""
        assert headers
        self.calls += 1
        address = urlsplit(url)
        page = int(dict(parse_qsl(address.query)).get("page", 1))
        body = json.dumps(self._told(address.path.removeprefix("/api/v1"), page)).encode()
        return Answer(200, {}, body, whole=True, took_s=0.0, certificate_ends=None)

    @staticmethod
    def _told(path: str, page: int) -> object:
        if path == "/repos/issues/search":
            return [
                {"id": number, "number": number, "title": "x", "state": "open", "updated_at": MOVED,
                 "created_at": MOVED, "repository": {"full_name": "acme/tools"}}
                for number in range(page * AT_ONCE, (page + 1) * AT_ONCE)
            ]  # fmt: skip
        repos = {"data": [{"id": 1, "full_name": "acme/tools", "updated_at": MOVED}] if page == 1 else []}
        return {"/version": {"version": "1.25.3"}, "/settings/api": {}, "/repos/search": repos}.get(path, [])


def test_a_forge_that_tells_without_end_is_not_listened_to_without_end() -> None:
    """Neither questions nor things grow beyond what was asked for, and what was read so is not called whole."""
    forge = Endless()

    @asynccontextmanager
    async def opens(_: Forge) -> AsyncIterator[Endless]:
        yield forge

    source = ForgeSource(Forge("main", "Main", "https://git.example.com", calls=20), opens=opens)
    began = time.process_time()
    told = {(each.subject, each.field): each for each in source.look(datetime.now(UTC))}
    assert time.process_time() - began < 5.0
    assert forge.calls <= 20
    assert len({subject for subject, _ in told if "/card/" in subject}) <= 2 * 50
    whole = told["forge:main/repo/acme/tools", G.ISSUES_WHOLE.name]
    assert isinstance(whole, Known)
    assert whole.value is False
