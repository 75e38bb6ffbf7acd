"""What looks at a large forge cost: 200 repositories with 5,000 open pull requests and 20,000 open issues.

The forge is a made one that answers at once, from memory: what is measured is understanding its answers, holding them,
and telling them as readings. Its own work (making JSON) is in the figures. All of it is done at a quarter as well: the
floor is what growth in step would cost.
"""

from __future__ import annotations

import gc
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl, urlsplit

import psutil

from benchmarks import homes
from benchmarks.measure import BenchmarkError, Figure, Promise, Stopwatch, middle
from quarterdeck.http import Answer
from quarterdeck.http.faults import Fault, HttpError
from quarterdeck.sources.forge.source import Bounds, ForgeSource
from quarterdeck.truth import forge_fields as G  # noqa: N812 -- short where every line names a field
from quarterdeck.truth.watched import Forge

ID: Final = "S3"
REPOS, PULLS, ISSUES = 200, 25, 100
"""Repositories; pull requests and issues of each."""
BASE: Final = datetime(2026, 11, 1, tzinfo=UTC)
HEAD, WORDS = "b" * 40, "words that somebody wrote " * 12
MINUTE: Final = timedelta(minutes=1)
QUIET: Final = 9
MEGABYTE: Final = 1e6


class Made:
    """A forge that answers from memory."""

    def __init__(self, repos: int) -> None:
        self._repos, self.is_down = repos, False

    async def get(self, url: str, headers: Mapping[str, str] | None = None) -> Answer:  # noqa: ARG002 -- as a reader
        """Answer."""
        if self.is_down:
            raise HttpError(Fault.REFUSED, "nobody is there")
        parts = urlsplit(url)
        query = dict(parse_qsl(parts.query))
        said, total = self._said(parts.path.removeprefix("/api/v1"), query)
        known = {"date": format_datetime(datetime.now(UTC), usegmt=True)}
        if total is not None:
            known["x-total-count"] = str(total)
        return Answer(200, known, json.dumps(said).encode(), whole=True, took_s=0.0, certificate_ends=None)

    def _said(self, path: str, query: Mapping[str, str]) -> tuple[object, int | None]:
        begin = (int(query.get("page", 1)) - 1) * 50
        if path == "/repos/search":
            return {"data": [_repo(number) for number in range(self._repos)[begin : begin + 50]]}, self._repos
        if path == "/repos/issues/search":
            total = self._repos * ISSUES if query["state"] == "open" else 0
            return [_issue(*divmod(number, ISSUES)) for number in range(total)[begin : begin + 50]], total
        if path.endswith("/pulls"):
            repo = int(re.findall(r"\d+", path)[0])
            return [_pull(repo, number) for number in range(PULLS)[begin : begin + 50]], PULLS
        return next(said for end, said in SAID.items() if path.endswith(end)), None


BRANCH: Final = {"name": "main", "commit": {"id": HEAD}, "protected": True, "required_approvals": 1,
                 "enable_status_check": False}  # fmt: skip
SAID: Final[Mapping[str, object]] = {
    "/version": {"version": "1.25.3"},
    "/settings/api": {"max_response_items": 50},
    "/branches": [BRANCH],
    "/contents": [{"name": "README.md"}],
    "/status": {"statuses": [{"id": 1, "context": "ci/build", "status": "success", "created_at": BASE.isoformat()}]},
    "/reviews": [{"id": 1, "user": {"login": "alice"}, "state": "APPROVED", "official": True, "commit_id": HEAD}],
    "/files": [{"filename": f"src/part_{number}.py"} for number in range(8)],
    "/timeline": [{"id": number, "type": "comment", "user": {"login": "bob"}} for number in range(6)],
    "/dependencies": [],
}  # fmt: skip


def _repo(repo: int) -> dict[str, Any]:
    return {"id": repo + 1, "full_name": f"acme/r{repo}", "default_branch": "main", "updated_at": BASE.isoformat(),
            "html_url": f"http://git.example.com/acme/r{repo}", "open_issues_count": ISSUES}  # fmt: skip


def _thing(repo: int, number: int, kind: str) -> dict[str, Any]:
    labels = [{"name": f"area/{number % 20}"}, *([{"name": "status/ready"}] if number % 5 == 0 else [])]
    return {
        "id": repo * 1_000 + number, "number": number, "title": f"Thing {number} that somebody should see to",
        "body": WORDS, "state": "open", "user": {"id": 1, "login": f"agent-{number % 40}"}, "labels": labels,
        "html_url": f"http://git.example.com/acme/r{repo}/{kind}/{number}", "created_at": BASE.isoformat(),
        "updated_at": (BASE + number * MINUTE).isoformat(),
        "assignees": [{"id": 1, "login": f"agent-{number % 40}"}] if number % 10 == 0 else None,
    }  # fmt: skip


def _issue(repo: int, number: int) -> dict[str, Any]:
    return {**_thing(repo, number + 1, "issues"), "repository": {"full_name": f"acme/r{repo}"}}


def _pull(repo: int, number: int) -> dict[str, Any]:
    head = {"ref": f"work-{number}", "sha": f"{repo:08d}{number:032d}"}
    more = {"mergeable": True, "merge_base": HEAD, "head": head, "base": {"ref": "main", "sha": HEAD}}
    return {**_thing(repo, 500 + number, "pulls"), **more, "id": repo * 1_000 + 500 + number, "draft": False}


class Cost(NamedTuple):
    """What looks cost, in milliseconds of the processor, and what is held, in megabytes."""

    first: float
    quiet: float
    lost: float
    held: float
    held_lost: float
    readings: int


def run(*, smoke: bool = False, cache: Path = homes.CACHE) -> Iterator[Figure]:  # noqa: ARG001 -- as every benchmark
    """Measure, and return the figures."""
    repos = 8 if smoke else REPOS
    full, quarter = _measured(repos), _measured(repos // 4)  # the large one first, while no memory was given back
    size = f"{repos} repositories, {repos * PULLS} pull requests, {repos * ISSUES} issues"
    peer, note = "in step", f"{size}: {full.readings} readings"
    yield Figure(
        ID, "forge_large_first_look_cpu_ms", full.first, "ms", Promise("ratio>=0.7"), peer, 4 * quarter.first, note
    )
    yield Figure(ID, "forge_large_quiet_look_cpu_ms", full.quiet, "ms", Promise("<=3000"))
    yield Figure(
        ID, "forge_large_look_when_down_cpu_ms", full.lost, "ms", Promise("ratio>=0.5"), peer, 4 * quarter.lost
    )
    yield Figure(ID, "forge_large_held_mb", full.held, "MB", Promise("<=150"))
    yield Figure(ID, "forge_large_held_while_down_mb", full.held_lost, "MB")


def _measured(repos: int) -> Cost:
    made = Made(repos)
    forge = Forge("main", "Main", "http://git.example.com", calls=10**6, sensitive=("deploy/**",))
    source = ForgeSource(forge, opens=lambda _: nullcontext(made), bounds=Bounds(600.0, 900.0))
    now, empty = datetime.now(UTC), _rss()
    first, readings, owed = _look(source, now)
    if owed:
        raise BenchmarkError(f"{owed} details were left after the first look.")
    held = _rss() - empty
    object.__setattr__(forge, "calls", 400)  # from here on it is asked no more than the settings would have it
    quiet = [_look(source, now + turn * MINUTE)[0] for turn in range(1, QUIET)]
    made.is_down = True
    lost, _, _ = _look(source, now + QUIET * MINUTE)
    return Cost(first, middle(quiet), lost, held, _rss() - empty, readings)


def _look(source: ForgeSource, now: datetime) -> tuple[float, int, int]:
    """Look once: milliseconds of the processor, readings, and details that are left to read."""
    watch, readings, owed = Stopwatch(), 0, 0
    for each in source.look(now):
        readings += 1
        if each.field == G.FORGE_DEBTS.name:
            owed = getattr(each, "value", 0)
    return watch.read().cpu_ms, readings, owed


def _rss() -> float:
    gc.collect()
    return float(psutil.Process().memory_info().rss) / MEGABYTE
