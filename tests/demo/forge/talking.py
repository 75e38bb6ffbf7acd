"""How tests talk to the forge: plainly, by the standard library, as no client of ours does."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tests.fakes.forge import FakeForge

LIMIT_S = 10.0


@dataclass(frozen=True, slots=True)
class Said:
    """What the forge said."""

    status: int
    headers: dict[str, str]
    """By names in small letters."""
    body: bytes

    @property
    def json(self) -> Any:
        """The document."""
        return json.loads(self.body)

    @property
    def message(self) -> str:
        """The words of a refusal."""
        return str(self.json["message"])


def talk(fake: FakeForge, path: str, method: str = "GET", token: str | None = "", **body: Any) -> Said:
    """Ask something as the reader, or with another token, or (None) as nobody."""
    parts = urlsplit(fake.url)
    assert parts.hostname
    login = {} if token is None else {"Authorization": f"token {token or fake.token}"}
    line = http.client.HTTPConnection(parts.hostname, parts.port, timeout=LIMIT_S)
    try:
        line.request(method, f"/api/v1{path}", json.dumps(body) if body else None, login)
        answer = line.getresponse()
        return Said(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
    finally:
        line.close()
