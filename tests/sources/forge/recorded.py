"""What a real Forgejo server once answered: the recordings that the project ogr ships with its own tests (MIT).

The rule: they are not kept here. The source distribution that `requirements/recorded-forge.txt` names, with its hash,
is fetched once into `.cache/recorded/`; one that was cut short is never found there. Nothing in it is run here: the
archive is read, and of the YAML in it only plain values are understood.

`python -m tests.sources.forge.recorded` fetches it ahead of a test run.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl, urlsplit

import yaml

from tests.fakes.told_forge import Reply
from tests.real.agents import REPOSITORY

LOCK: Final = REPOSITORY / "requirements" / "recorded-forge.txt"
CACHE: Final = REPOSITORY / ".cache" / "recorded"
FETCH_LIMIT_S: Final = 120.0
CASSETTE: Final = re.compile(r"[^/]+/tests/integration/(?:forgejo/|\w+/test_data/.*forgejo).*\.yaml")
API: Final = "/api/v1"
OF_THE_LINE: Final = frozenset(
    ("content-length", "content-encoding", "content-type", "transfer-encoding", "connection", "keep-alive")
)
"""Heads that are about how a body is sent: it is sent anew."""
TEXT: Final = 1
"""How a cassette marks a body that is text; every other is JSON that was taken apart."""


class RecordingsError(RuntimeError):
    """The recordings could not be had; the text says why."""


class Exchange(NamedTuple):
    """One question and its answer, as they were recorded."""

    cassette: str
    method: str
    path: str
    """Below the API; whole for what is not of the API."""
    query: Mapping[str, str]
    status: int
    headers: Mapping[str, str]
    document: Any
    """The body as JSON; text for one that is not JSON."""
    is_json: bool

    @property
    def body(self) -> bytes:
        """The body as it was sent."""
        return json.dumps(self.document).encode() if self.is_json else str(self.document).encode()

    @property
    def reply(self) -> Reply:
        """The answer, to be given again."""
        kept = {name.title(): said for name, said in self.headers.items() if name not in OF_THE_LINE}
        return Reply(self.body, self.status, kept, self.headers.get("content-type", ""))


@cache
def exchanges() -> tuple[Exchange, ...]:
    """Return all of them, in the order in which each cassette has them."""
    with tarfile.open(archive()) as box:
        return tuple(
            exchange
            for member in sorted(box.getmembers(), key=lambda each: each.name)
            if CASSETTE.fullmatch(member.name) and (file := box.extractfile(member)) is not None
            for exchange in _of(member.name, yaml.load(file.read(), yaml.CSafeLoader))
        )


def archive() -> Path:
    """Return where the source distribution is, fetched first where needed."""
    wanted = re.search(r"^([\w.]+)==(\S+).*?sha256:([0-9a-f]{64})", LOCK.read_text(encoding="utf-8"), re.DOTALL)
    assert wanted is not None, f"{LOCK.name} names no package with a hash"
    name, version, digest = wanted.groups()
    place = CACHE / f"{name}-{version}.tar.gz"
    if not place.is_file():
        _fetch(place)
    if hashlib.sha256(place.read_bytes()).hexdigest() != digest:
        place.unlink()
        message = f"{place.name} was not what {LOCK.name} names, and was removed"
        raise RecordingsError(message)
    return place


def _fetch(place: Path) -> None:
    """Let pip fetch it, beside its place, and put it there as a whole."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        pip = [sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "--no-input", "--quiet"]
        only = ["--no-deps", "--no-build-isolation", "--no-binary", ":all:", "--require-hashes", "--dest", folder]
        done = subprocess.run(
            [*pip, *only, "--requirement", str(LOCK)],
            capture_output=True,
            text=True,
            timeout=FETCH_LIMIT_S,
            check=False,
        )
        if done.returncode:
            message = f"pip could not fetch {place.name}: {done.stderr[-500:]}"
            raise RecordingsError(message)
        (Path(folder) / place.name).replace(place)


def _of(cassette: str, recorded: Mapping[str, Any]) -> Iterator[Exchange]:
    for by_method in recorded.get("httpx._client", {}).values():
        for method, by_url in by_method.items():
            for url, turns in by_url.items():
                for turn in turns:
                    yield _exchange(cassette, method, url, turn["output"])


def _exchange(cassette: str, method: str, url: str, output: Mapping[str, Any]) -> Exchange:
    parts = urlsplit(url)
    return Exchange(
        cassette=cassette.rpartition("/")[2].removesuffix(".yaml"),
        method=method,
        path=parts.path.removeprefix(API),
        query=dict(parse_qsl(parts.query)),
        status=output["status_code"],
        headers=output["headers"],
        document=output["_content"],
        is_json=output["__store_indicator"] != TEXT,
    )


if __name__ == "__main__":
    sys.stderr.write(f"{len(exchanges())} recorded exchanges in {archive().relative_to(REPOSITORY)}{os.linesep}")
