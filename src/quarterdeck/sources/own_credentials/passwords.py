"""Where the password for a database server is, found as the server's own library finds it.

Rule: of a line of a file of passwords the first four parts are looked at, and the fifth, which is the password, is let
go. What is said is which file has a line for this server, or that there is none.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

from quarterdeck.sources import files
from quarterdeck.sources.files import SourceError
from quarterdeck.truth.reading import Reason

FILE: Final = ".pgpass"
FILE_LIMIT: Final = 1_000_000
PORT: Final = "5432"
PARTS: Final = 4
PART: Final = re.compile(r"((?:[^:\\]|\\.)*):")
ANY: Final = "*"

ENVIRONMENT: Final = "environment"
SETTINGS: Final = "settings"


class Server(NamedTuple):
    """A database on a server, and as whom it is opened."""

    host: str
    port: str
    database: str
    user: str


def place(address: str, environment: Mapping[str, str]) -> Path | str | None:
    """Return the file that holds the password; a word where none does; None when there is no password at all.

    Raises:
        SourceError: when that cannot be told.
    """
    given = parse_qs(urlsplit(address).query)
    if "password" in given:
        return SETTINGS
    if environment.get("PGPASSWORD"):
        return ENVIRONMENT
    own = Path(environment.get("HOME") or os.path.expanduser("~")) / FILE
    file = Path(given["passfile"][0] if "passfile" in given else environment.get("PGPASSFILE") or own)
    try:
        text = files.read_text(file, limit=FILE_LIMIT).data
    except SourceError as error:
        if error.reason is Reason.MISSING:
            return None
        raise
    return file if any(_fits(line, server(address, environment)) for line in text.splitlines()) else None


def server(address: str, environment: Mapping[str, str]) -> Server:
    """Return which server an address means, and as whom it is opened."""
    parts = urlsplit(address)
    user = unquote(parts.username) if parts.username else environment.get("PGUSER") or environment.get("USER") or ANY
    host = parts.hostname or environment.get("PGHOST") or "localhost"
    port = str(parts.port or environment.get("PGPORT") or PORT)
    return Server(host, port, unquote(parts.path.removeprefix("/")), user)


def _fits(line: str, wanted: Server) -> bool:
    """Whether a line of the file is for this server. What follows its fourth colon is not looked at."""
    at, parts = 0, list[str]()
    while len(parts) < PARTS:
        found = PART.match(line, at)
        if found is None or line.startswith("#"):
            return False
        parts.append(re.sub(r"\\(.)", r"\1", found[1]))
        at = found.end()
    return all(part in (ANY, each) for part, each in zip(parts, wanted, strict=True))
